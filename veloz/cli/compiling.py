"""The first compile of what backtests need, which takes minutes: said once, before it begins, with a terminal and without.

What was compiled lies in a cache (docs/why/one-cache-key.md). A mark beside it says that all of it is there; the first run that got so far
sets it.
"""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from veloz.cli.outcome import say


@contextmanager
def compiling() -> Iterator[None]:
    """Around what compiles a run. Nothing is said where a program reads the answer (`--json`), nor where nothing is compiled."""
    from veloz.contracts.kernel import config

    mark = _mark(Path(str(config.CACHE_DIR)))
    begins = not config.DISABLE_JIT and not mark.exists()
    if begins and "--json" not in sys.argv:
        say("veloz: compiling what runs need, which takes one to three minutes, the first time only.")
    yield
    if begins:
        with suppress(OSError):  # where no cache can be written, each run compiles anew
            mark.touch()


def _mark(cache: Path) -> Path:
    """The mark of this installation: another one of the same sources does not find what this one has compiled."""
    place = hashlib.blake2b(bytes(Path(__file__).resolve().parent.parent), digest_size=10).hexdigest()
    return cache / f"runs-{place}.compiled"
