"""Other people's programs that results are compared with, each in an environment of its own under `.peers/`; tests find them there.

`just peers` makes them all from `requirements/peer_NAME.txt`. `VELOZ_PEER_NAME` names an interpreter to take instead.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PEERS: Final = ROOT / ".peers"
NAMES: Final = ("hftbacktest", "empyrical")


def variable(name: str) -> str:
    """The environment variable that names an interpreter."""
    return f"VELOZ_PEER_{name.upper()}"


def _wanted(name: str) -> tuple[Path, str]:
    """What is to be installed, and its hash."""
    file = ROOT / "requirements" / f"peer_{name}.txt"
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


def _marker(name: str) -> Path:
    """Written last, with the hash of what was installed: without it an environment is no environment."""
    return PEERS / name / "installed.txt"


def peer_python(name: str) -> Path | None:
    """The interpreter of a peer's environment; None: there is none, or it is not what is wanted now."""
    named = os.environ.get(variable(name))
    if named:
        return Path(named) if Path(named).exists() else None
    marker = _marker(name)
    if not marker.is_file() or marker.read_text() != _wanted(name)[1]:
        return None
    return marker.parent / "bin" / "python"


def why_absent(name: str) -> str:
    """What a test that is skipped without the peer says."""
    named = os.environ.get(variable(name))
    if named:
        return f"no {name}: {variable(name)} names {named}, which is not there"
    return f"no {name}: `just peers` makes its environment, or {variable(name)} names an interpreter that has it"


def make(name: str) -> str:
    """Make an environment unless it stands; why it could not be made, or nothing."""
    if peer_python(name):
        return ""
    uv = shutil.which("uv")
    if not uv:
        return "uv is not on the path"
    file, digest = _wanted(name)
    python = _marker(name).parent / "bin" / "python"
    exact = ["--no-deps", "--require-hashes", "--requirement", str(file)]
    for words in (
        ["venv", "--clear", "--python", sys.executable, str(_marker(name).parent)],
        ["pip", "install", "--compile-bytecode", "--system-certs", "--python", str(python), *exact],
    ):
        # Not in the project's folder: what it says to uv is meant for its own environment.
        done = subprocess.run([uv, "--quiet", *words], cwd="/", capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stderr.strip() or f"uv {words[0]} ended with code {done.returncode}"
    _marker(name).write_text(digest)
    return ""


def needed_python(name: str) -> Path:
    """The interpreter of a peer that a measurement cannot do without: made when it is not there."""
    why = make(name)
    python = peer_python(name)
    if python is None:
        raise RuntimeError(f"{why_absent(name)}. {why}")
    return python


def main() -> int:
    """Make all of them; 1: one could not be made, and the tests that need it will skip."""
    failed = 0
    for name in NAMES:
        why = make(name)
        if why:
            failed = 1
            sys.stderr.write(f"{name} could not be installed: the tests that need it will skip. {why}\n")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
