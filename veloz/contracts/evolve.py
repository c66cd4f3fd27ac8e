"""Old rows read as today's: one small function per version step.

A row keeps the version it was written with. `upgrade` brings rows of older versions up one step at a time; rows of a version (or
a kind) that this code does not know are left alone, and the fold skips and counts them.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from veloz.contracts.registry import BY_NUMBER

Step = Callable[[np.ndarray], np.ndarray]
STEPS: Final[dict[tuple[int, int], Step]] = {}  # (kind, version it reads) → rows of version + 1


def upgrade(rows: np.ndarray) -> np.ndarray:
    """Rows with every older version brought up to the newest one.

    Args:
        rows: ROW[n]; not changed.

    Returns:
        The same array when nothing is old, else a copy of the same length.
    """
    stale = [
        (kind, version) for kind, version in STEPS if np.any((rows["kind"] == kind) & (rows["version"] == version))
    ]
    if not stale:
        return rows
    fresh = rows.copy()
    for kind, version in sorted(stale, key=lambda pair: pair[1]):
        newest = BY_NUMBER[kind].version
        for step in range(version, newest):
            at = np.flatnonzero((fresh["kind"] == kind) & (fresh["version"] == step))
            fresh[at] = STEPS[kind, step](fresh[at])
            fresh["version"][at] = step + 1
    return fresh


def is_known(kind: int, version: int) -> bool:
    """Whether this code reads rows of that kind and version."""
    return kind in BY_NUMBER and version <= BY_NUMBER[kind].version
