"""Machine code of a sealed function and of its callers may come from different processes."""

import os
import subprocess
import sys
from pathlib import Path

MODULE = """
import numpy as np
from veloz.contracts.kernel import cold, entry

@cold
def far_away(x):
    return x * 3

@cold
def between(x):
    return far_away(x) + 1

@entry
def call(x):
    return between(x) + 1

@cold
def other(x):
    return x - 1
"""
OTHERS_FIRST = """
from numba import int64
import sealing
for function in (sealing.other, sealing.far_away, sealing.between):
    function.compile((int64,))
"""
CALL = "import sealing; print(sealing.call(5))"


def run(text: str, folder: Path) -> str:
    """What a fresh process prints."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    path = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    environment = {**known, "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def remove(folder: Path, function: str) -> int:
    """Forget the machine code of one function; how many files that were."""
    files = [path for path in (folder / "cache").rglob("*") if path.name.startswith(f"sealing.{function}-")]
    for path in files:
        path.unlink()
    return len(files)


def test_a_caller_finds_what_another_process_compiled(tmp_path: Path) -> None:
    (tmp_path / "sealing.py").write_text(MODULE)
    assert run(CALL, tmp_path) == "17\n"
    assert remove(tmp_path, "far_away") >= 2
    assert remove(tmp_path, "between") >= 2
    run(OTHERS_FIRST, tmp_path)
    assert run(CALL, tmp_path) == "17\n"
