"""The door: words → one command. Nothing heavy is imported before the command is known, so that help is quick."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from veloz.cli.outcome import (
    EXIT_FAILED_CHECK,
    EXIT_OK,
    EXIT_USAGE,
    EXIT_WORLD,
    CommandError,
    print_error,
    say,
)
from veloz.cli.stopping import ended_by_sigterm, exit_code_of, stop_behind

# name, one line of help, module below veloz.cli. Each module has add_arguments(parser) and run(args) -> exit code.
COMMANDS = (
    ("demo", "the whole main job on the sample that ships with the project", "demo"),
    ("ingest", "append captures to a journal", "ingest"),
    ("data", "datasets: recordings and other people's tables", "data"),
    ("journal", "look at, check, archive and copy a journal", "journal"),
    ("replay", "fold a journal again and compare", "replay"),
    ("why", "the chain of causes of one order", "why"),
    ("book", "an order book as of a record", "book"),
    ("scenario", "run a session written as text into a journal", "scenario"),
    ("backtest", "run strategies on a recording against a simulated venue", "backtest"),
    ("optimize", "search the best settings of a backtest", "optimize"),
    ("config", "what a setting is and why", "config"),
    ("doctor", "is this machine fit for it", "doctor"),
)
HEED_SIGTERM = ("demo", "ingest", "data", "backtest", "optimize")
GO_ON = (
    ("ingest",),
    ("data", "import"),
    ("optimize",),
)  # commands that take up what they left, when they are run again


class _Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are one sentence with a way out."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise CommandError(f"{message}.", code="usage", hint=f"Try `{self.prog} --help`.")


def build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for these words: only the command they name fills in its own arguments."""
    parser = _Parser(prog="veloz", description="A crypto trading engine whose journal is the truth.")
    parser.add_argument("--version", action="store_true", help="print the version")
    verbs = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    wanted = next((word for word in argv if not word.startswith("-")), None)
    for name, line, module in COMMANDS:
        verb = verbs.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        if name == wanted:
            importlib.import_module(f"veloz.cli.{module}").add_arguments(verb)
    return parser


def add_common(parser: argparse.ArgumentParser) -> None:
    """Options that every command has."""
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else there")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting; may repeat"
    )


def run_command(argv: Sequence[str]) -> int:
    """Parse and run; returns the exit code. Raises CommandError."""
    if argv and argv[0] == "help":
        argv = [*argv[1:], "--help"]
    args = build_parser(argv).parse_args(list(argv))
    if args.version:
        from veloz import __version__

        print(__version__)
        return EXIT_OK
    if args.command is None:
        build_parser(argv).print_help()
        return EXIT_USAGE
    if args.set and args.command not in ("backtest", "optimize", "config"):  # which know the settings of runs
        from veloz.daemon.config import read_settings

        read_settings(args.set)  # a mistyped setting is told even by commands that would not ask for it
    module = next(module for name, _, module in COMMANDS if name == args.command)
    with ended_by_sigterm() if args.command in HEED_SIGTERM else nullcontext():
        return int(importlib.import_module(f"veloz.cli.{module}").run(args))


def main() -> None:
    """Console script. Exit codes: 0 fine, 1 check failed, 2 usage, 3 the world failed, 74 journal frozen, 130 and 143 stopped."""
    argv = sys.argv[1:]
    if not __debug__:
        say("veloz: will not run under `python -O`, which removes the checks it relies on. Start it without -O.")
        sys.exit(EXIT_USAGE)
    as_json, debug = "--json" in argv, "--debug" in argv
    try:
        code = run_command(argv)
    except CommandError as error:
        if debug:
            raise
        print_error(error, as_json=as_json)
        code = error.exit_code
    except KeyboardInterrupt as stop:
        code = _say_stopped(stop, argv, as_json=as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_OK
    except Exception as error:
        if debug:
            raise
        if (behind := stop_behind(error)) is not None:
            code = _say_stopped(behind, argv, as_json=as_json)
        else:
            print_error(_as_command_error(error), as_json=as_json)
            code = _as_command_error(error).exit_code
    sys.exit(code)


def _say_stopped(stop: KeyboardInterrupt, argv: list[str], *, as_json: bool) -> int:
    """Say that the command was stopped, and what to do; its exit code."""
    goes_on = any(tuple(argv[: len(words)]) == words for words in GO_ON)
    hint = "What was committed is safe; the same command continues." if goes_on else "Run the command again."
    print_error(CommandError("Stopped.", code="stopped", hint=hint), as_json=as_json)
    return exit_code_of(stop)


def _as_command_error(error: Exception) -> CommandError:
    """The sentence for an error that no command foresaw."""
    if isinstance(error, CommandError):
        return error
    from veloz.cli.failures import explain

    return explain(error)


__all__ = ["EXIT_FAILED_CHECK", "EXIT_WORLD", "add_common", "build_parser", "main", "run_command"]
