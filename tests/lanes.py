"""How often a law is tried in which lane: compiled, many cases; with every index checked, fewer; as plain Python, which takes a hundred
times as long, as many as show that the same source means the same there.
"""

from typing import Final

from numba import config

UNCOMPILED: Final = bool(config.DISABLE_JIT)
CHECKED: Final = bool(config.BOUNDSCHECK)


def cases(compiled: int, uncompiled: int, checked: int | None = None) -> int:
    """How many are tried in the lane that is running, of examples, sessions or rows; `checked`: no fewer than compiled, if not given."""
    if UNCOMPILED:
        return uncompiled
    return checked if CHECKED and checked is not None else compiled
