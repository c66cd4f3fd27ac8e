"""The example of the package's own page runs, and the public names are there."""

import doctest
import subprocess
import sys
from pathlib import Path

import journal

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_runs() -> None:
    done = doctest.testmod(journal)
    assert done.attempted > 5
    assert done.failed == 0


def test_every_public_name_is_there() -> None:
    for name in journal.__all__:
        assert getattr(journal, name) is not None


def test_the_library_knows_nothing_of_trading() -> None:
    """Nothing of the engine is loaded with it, numba neither."""
    code = "import sys, journal; print([m for m in sys.modules if m.split('.')[0] in ('veloz', 'numba', 'trio')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
