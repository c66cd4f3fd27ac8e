"""Planted bugs: `just mutants` applies each patch of this folder to a copy and sees whether the tests that it names notice.

    python -m tests.mutants.run [NAME …] [--jobs N]

A patch begins with its head, then a unified diff that `git apply` takes at the root of the repository:

    # law: one sentence, what must hold
    # kills: tests/reducers/test_x.py::test_y tests/…      (pytest's words; may stand on several lines)
    # lane: jit                                            (only where the bug shows in compiled code alone; default: un-compiled)

All named tests must pass on an unchanged copy first. A mutant is killed when pytest says that a test failed, not when it cannot
be imported or collected. Prints `killed n of m`; exit 1 unless all are.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
HEAD = re.compile(r"^# (law|kills|lane): *(.+)$", re.MULTILINE)
TESTS_FAILED = 1  # pytest's exit codes: 0 all passed, 1 some failed, 2 and above nothing was proved
SECONDS_MAX = 600  # of the tests of one mutant
ALL_SECONDS_MAX = 7200  # of all tests that any names


@dataclass(frozen=True)
class Mutant:
    """One planted bug."""

    name: str
    path: Path
    law: str
    kills: tuple[str, ...]
    compiled: bool


def read_mutant(path: Path) -> Mutant:
    """The head of a patch.

    Raises:
        ValueError: it names no law or no tests.
    """
    text = path.read_text()
    head: dict[str, list[str]] = {}
    for word, rest in HEAD.findall(text.partition("\n--- ")[0]):
        head.setdefault(word, []).append(rest.strip())
    if not head.get("law") or not head.get("kills"):
        raise ValueError(f"{path.name} must begin with '# law: …' and '# kills: tests/…'.")
    kills = tuple(word for line in head["kills"] for word in line.split())
    return Mutant(path.stem, path, " ".join(head["law"]), kills, head.get("lane") == ["jit"])


def copy_tree(into: Path) -> None:
    """The working tree as it is now, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name)


def run_tests(tree: Path, tests: tuple[str, ...], compiled: bool, seconds: int = SECONDS_MAX) -> tuple[int, str]:
    """pytest's exit code for these tests in a copy, and the end of what it said."""
    shared = os.environ.get("VELOZ_SHARED", str(ROOT.parent / "shared"))
    env = {
        **os.environ,
        "VELOZ_SHARED": shared,
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_DISABLE_JIT": "0" if compiled else "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests],
            cwd=tree, env=env, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return TESTS_FAILED, f"did not end within {seconds} s: taken for a failure"
    return done.returncode, "\n".join(done.stdout.splitlines()[-6:])


def try_mutant(mutant: Mutant) -> tuple[bool, str]:
    """Whether the tests named notice the bug, and what was seen."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        applied = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", str(mutant.path)],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
        if applied.returncode != 0:
            return False, f"does not apply: {applied.stderr.strip().splitlines()[-1]}"
        code, said = run_tests(tree, mutant.kills, mutant.compiled)
    if code == TESTS_FAILED:
        return True, said
    return False, "survived" if code == 0 else f"pytest ended with {code}, nothing is proved:\n{said}"


def check_unchanged(mutants: list[Mutant]) -> str:
    """What is wrong with the named tests before anything is planted; empty when all pass."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy_tree(Path(folder))
        for compiled in (False, True):
            tests = {test: None for mutant in mutants if mutant.compiled is compiled for test in mutant.kills}
            if not tests:
                continue
            code, said = run_tests(Path(folder), tuple(tests), compiled, ALL_SECONDS_MAX)
            if code:
                return said
    return ""


def main() -> int:
    """Try the mutants named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="patches by name; all when none is named")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    args = parser.parse_args()
    mutants = [read_mutant(path) for path in sorted(FOLDER.glob("*.patch"))]
    unknown = sorted(set(args.names) - {mutant.name for mutant in mutants})
    if unknown:
        print(f"There is no mutant {unknown[0]}.", file=sys.stderr)
        return 2
    if args.names:
        mutants = [mutant for mutant in mutants if mutant.name in args.names]
    wrong = check_unchanged(mutants)
    if wrong:
        print(f"The tests that mutants name do not pass without them:\n{wrong}")
        return 1
    killed = 0
    with ThreadPoolExecutor(args.jobs) as pool:
        for mutant, (dead, said) in zip(mutants, pool.map(try_mutant, mutants), strict=True):
            killed += dead
            print(f"{'killed  ' if dead else 'ALIVE   '} {mutant.name}: {mutant.law}", flush=True)
            if not dead:
                print(f"          {said}", flush=True)
    print(f"killed {killed} of {len(mutants)}")
    return 0 if killed == len(mutants) and mutants else 1


if __name__ == "__main__":
    sys.exit(main())
