"""The first compile of what a command needs, which takes up to minutes: said once, before it begins, with a terminal and without.

What was compiled lies in a cache (docs/why/one-cache-key.md). A mark beside it says how much is there; the first command that got so far
sets it.
"""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from veloz.cli.outcome import say

TAKES: Final = {
    "rows": "market rows need, which takes up to half a minute",
    "trading": "rows of trading need, which takes about a minute",
    "steps": "decisions need, which takes one to two minutes",
    "runs": "runs need, which takes one to three minutes",
    "exchange": "a simulated exchange needs, which takes up to a minute",
}
"""What is compiled."""
NEEDS: Final = {"trading": "rows", "steps": "trading", "runs": "steps", "exchange": "steps"}
"""What else that needs, all of which is compiled where it is."""


@contextmanager
def compiling(what: str = "runs") -> Iterator[None]:
    """Around what compiles some of `TAKES`. Nothing is said where a program reads the answer (`--json`) or nothing is compiled."""
    from veloz.contracts.kernel import config

    cache = Path(str(config.CACHE_DIR))
    begins = not config.DISABLE_JIT and not any(_mark(cache, name).exists() for name in TAKES if _is_needed(what, name))
    if begins and "--json" not in sys.argv:
        say(f"veloz: compiling what {TAKES[what]}, the first time only.")
    yield
    if begins:
        with suppress(OSError):  # where no cache can be written, each run compiles anew
            _mark(cache, what).touch()


def compile_for(path: Path, last: int, *, deciding: bool = False) -> None:
    """Compile what rows of a journal need.

    Args:
        path: The journal's directory.
        last: Last row that will be folded.
        deciding: Whether decisions will be taken too.
    """
    from veloz.history.recall import needed_for

    compile_parts(needed_for(path, last, deciding=deciding))


def compile_parts(names: Sequence[str]) -> None:
    """Compile some of what a journal needs, the last of them needing most."""
    from veloz.cli.progress import waiting
    from veloz.history.recall import WARMED

    with compiling(names[-1]), waiting("compiling and loading what is needed"):
        for name in names:
            WARMED[name]()


def _is_needed(what: str, name: str) -> bool:
    """Whether something is among what `name` needs, itself included."""
    while name != what and name in NEEDS:
        name = NEEDS[name]
    return name == what


def _mark(cache: Path, what: str) -> Path:
    """The mark of this installation: another one of the same sources does not find what this one has compiled."""
    place = hashlib.blake2b(bytes(Path(__file__).resolve().parent.parent), digest_size=10).hexdigest()
    return cache / f"{what}-{place}.compiled"
