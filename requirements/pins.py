"""Resolve every dependency afresh, export it with hashes, and pin the same versions in `pyproject.toml`.

`uv run` reads no requirements file, and a lock file would name registry hosts: so the exact versions reach a fresh
clone through `[tool.uv] constraint-dependencies`, and the hashes stand in `requirements/*.txt` for whoever wants them.
Run it as `just pins`, then run the tests, then commit both. `just pins keep` leaves alone what is pinned already.

The peers that results are compared with live in environments of their own (`just peers`): `peer_NAME.in` says in which
versions, and nothing is added to that, `peer_NAME.txt` has the hashes.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
PINS = re.compile(r"^constraint-dependencies = \[[^\]]*\]$", re.M)
EXPORTS = {
    "run.txt": ["--no-default-groups"],
    "extras.txt": ["--no-default-groups", "--all-extras"],
    "dev.txt": ["--group", "dev"],
    "docs.txt": ["--only-group", "docs"],
}


def pinned(text: str, pins: list[str]) -> str:
    """The project file with its constraints replaced."""
    lines = "".join(f'  "{pin}",\n' for pin in pins)
    return PINS.sub(
        lambda _: f"constraint-dependencies = [\n{lines}]" if pins else "constraint-dependencies = []", text
    )


def export(name: str, options: list[str]) -> str:
    """Write one hash-pinned requirements file and return it."""
    quiet = ["--no-header", "--no-annotate", "--no-emit-project", "--quiet", "--frozen"]
    return written(name, ["export", *quiet, *options])


def written(name: str, words: list[str], folder: Path = ROOT) -> str:
    """What uv says in a folder, in a file of `requirements/`."""
    done = subprocess.run(["uv", *words], cwd=folder, check=True, capture_output=True, text=True)
    if "://" in done.stdout:
        raise SystemExit(f"requirements/{name} would name an address; look at the resolver's sources")
    (ROOT / "requirements" / name).write_text(done.stdout)
    return done.stdout


def export_peers() -> None:
    """The hashes of the peers: asked for where our own constraints do not hold."""
    quiet = [
        "--no-header",
        "--no-annotate",
        "--quiet",
        "--system-certs",
        "--no-deps",
        "--universal",
        "--python-version",
        "3.11",
    ]
    for wanted in sorted((ROOT / "requirements").glob("peer_*.in")):
        written(f"{wanted.stem}.txt", ["pip", "compile", *quiet, "--generate-hashes", str(wanted)], Path("/"))


def versions(exported: str) -> set[str]:
    """`name==version` of every requirement; without markers, since one version serves every Python here."""
    return {line.split()[0] for line in exported.splitlines() if re.match(r"[\w.-]+==", line)}


def main() -> int:
    """Resolve, export, pin; on any failure the project file is as it was."""
    before, keep = PROJECT.read_text(), "keep" in sys.argv[1:]
    if not keep:
        PROJECT.write_text(pinned(before, []))
    try:
        subprocess.run(["uv", "lock", "--upgrade", "--quiet"], cwd=ROOT, check=True)
        export_peers()
        pins = sorted(set().union(*(versions(export(name, options)) for name, options in EXPORTS.items())))
    except BaseException:
        PROJECT.write_text(before)
        raise
    PROJECT.write_text(pinned(before, pins))
    sys.stdout.write(f"{len(pins)} versions pinned\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
