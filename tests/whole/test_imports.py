"""What a fresh interpreter really loads: a static graph cannot see an import inside a function."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE_ROOMS = ("veloz.contracts", "veloz.instruments", "veloz.reducers", "veloz.engine")
WORLD = {"trio", "asyncio", "lmdb", "journal", "textual", "h11", "httpx", "rich", "cyclopts"}
REPORT = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_after(statement: str) -> set[str]:
    """Names of all modules in a fresh interpreter once `statement` has run."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{REPORT}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def files_of(room: str) -> list[str]:
    folder = ROOT / room.replace(".", "/")
    return [room, *(f"{room}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__")]


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_a_pure_room_loads_nothing_of_the_world(room: str) -> None:
    loaded = loaded_after("\n".join(f"import {name}" for name in files_of(room)))
    # numpy and numba load a good part of the standard library; what they need is not the room's doing
    without = loaded_after("import numpy, msgspec" + (", numba" if "numba" in loaded else ""))
    assert not (loaded - without) & (WORLD | {"socket", "ssl", "uuid", "secrets", "multiprocessing"})


def test_a_journal_knows_nothing_of_trading() -> None:
    loaded = loaded_after("\n".join(f"import {name}" for name in files_of("journal")))
    assert not [name for name in loaded if name.split(".")[0] in {"veloz", "numba", "trio"}]


def test_help_does_not_wait_for_the_compiler() -> None:
    statement = (
        "import sys\nsys.argv = ['veloz', '--help']\n"
        "from veloz.cli.main import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code"
    )
    loaded = loaded_after(statement)
    assert not [name for name in loaded if name.split(".")[0] in {"numba", "llvmlite", "lmdb"}]
