"""The same rows give the same bytes: compiled, with bounds checked, not compiled at all, and under any hash seed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reducers.streams import long_stream
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state, state_hash

SCRIPT = """
import sys, warnings
warnings.simplefilter("error")
from tests.reducers.test_lanes import hashes
print(*hashes(int(sys.argv[1])))
"""
LANES = {
    "no jit": ({"NUMBA_DISABLE_JIT": "1"}, 150),
    "bounds checked": ({"NUMBA_BOUNDSCHECK": "1"}, 1500),
    "hash seed 1": ({"PYTHONHASHSEED": "1"}, 1500),
    "hash seed 2": ({"PYTHONHASHSEED": "2"}, 1500),
}


def hashes(steps: int) -> list[str]:
    """Hashes of a few streams, the worst behaved ones among them."""
    found = []
    for seed, faults in ((1, 0.0), (2, 0.02), (3, 0.3)):
        rows, state = long_stream(seed, steps, faults), new_state()
        for at in range(0, len(rows), 333):
            state = fold(state, rows[at : at + 333], at + 1)
        found.append(state_hash(state))
    return found


@pytest.mark.parametrize("lane", LANES)
def test_same_bytes(root: Path, lane: str) -> None:
    settings, steps = LANES[lane]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(steps)],
        cwd=root, env={**os.environ, **settings, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == hashes(steps)
