"""`veloz scenario`: run a session written as text, and compare what comes out with what it expects."""

import argparse
import os
import sys
from pathlib import Path

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, CommandError, print_json, say

LINES_COMPILED = 5_000  # from so many lines on, compiling what trades costs less than running it as it is written


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz scenario`."""
    parser.add_argument("file", metavar="FILE", nargs="+", help="the scenario; its grammar: specs/scenarios/README.md")
    parser.add_argument("--journal", metavar="DIR", help="keep the journal here; a new or empty directory")
    parser.add_argument("--rewrite", action="store_true", help="write what comes out below the dashes of FILE")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Run each file and print what came out."""
    if len(args.file) > 1 and (args.json or args.journal):
        raise CommandError("Several files cannot share one answer or one journal.", code="usage", hint="Give one FILE.")
    return max(_run_one(args, Path(name)) for name in args.file)


def _choose_form(path: Path) -> None:
    """A short scenario runs without the compiler: the same bytes, and no minute of compiling where nothing is in the cache yet."""
    with path.open("rb") as file:
        short = sum(1 for _ in file) < LINES_COMPILED
    if short and "numba" not in sys.modules:
        os.environ.setdefault("NUMBA_DISABLE_JIT", "1")


def _run_one(args: argparse.Namespace, path: Path) -> int:
    _choose_form(path)
    from veloz.cli.compiling import compile_parts, compiling
    from veloz.scenario.runner import EXPECT, read_file, rewrite
    from veloz.scenario.runner import run as run_scenario
    from veloz.scenario.text import ScenarioError

    journal = _journal(args)
    try:
        script = read_file(path)
        compile_parts(["rows", "trading", "steps"])
        with compiling(_needed(script)):
            result = rewrite(path) if args.rewrite else run_scenario(script, path.parent, journal)
    except ScenarioError as error:
        raise CommandError(
            f"{path}, {error}", code="scenario", hint="The grammar is told in specs/scenarios/README.md.",
            extra={"line": error.line},
        ) from None  # fmt: skip
    if args.json:
        print_json(result.as_dict())
    elif args.rewrite:
        say(f"{path}: {result.records} records")
    else:
        print(result.outcome.text(), end="")
        say(f"\n{result.records} records, state {result.state_hash}")
    unlike = result.first_difference
    if unlike is None or (args.rewrite and unlike.section != EXPECT):
        return EXIT_OK
    if not args.json:
        say(f"veloz: {path}, {unlike.sentence()}")
    return EXIT_FAILED_CHECK


def _needed(script: str) -> str:
    """What is compiled while a scenario is run: its exchange, where it opens one. Errors as of `grammar.parse`."""
    from veloz.scenario.grammar import Opening, parse

    return "exchange" if any(isinstance(item, Opening) for item in parse(script).items) else "steps"


def _journal(args: argparse.Namespace) -> Path | None:
    """The directory of the journal to be.

    Raises:
        CommandError: Something lies there, or the file is to be rewritten.
    """
    if args.journal is None:
        return None
    if args.rewrite:
        raise CommandError("A rewritten scenario keeps no journal.", code="usage", hint="Leave --journal out.")
    path = Path(args.journal)
    if path.exists() and not path.is_dir():
        raise CommandError(f"{path} is a file, and a journal is a directory.", code="usage", hint="Name a directory.")
    if path.is_dir() and any(path.iterdir()):
        raise CommandError(
            f"{path} is not empty, and a scenario begins a journal of its own.", code="journal_taken",
            hint="Name a new directory.",
        )  # fmt: skip
    return path
