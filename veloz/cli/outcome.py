"""How a command ends: an exit code, one sentence, or one JSON object."""

import json
import sys
from collections.abc import Mapping
from typing import Any

EXIT_OK = 0
EXIT_FAILED_CHECK = 1
EXIT_USAGE = 2
EXIT_WORLD = 3
EXIT_FROZEN = 74
EXIT_INTERRUPTED = 130  # as a shell reports a program that Ctrl-C ended


class CommandError(Exception):
    """A command cannot go on: one sentence, a code for machines, a way out, and the exit code."""

    def __init__(
        self, message: str, *, code: str, hint: str = "", exit_code: int = EXIT_USAGE, extra: Any = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.exit_code = exit_code
        self.extra: Mapping[str, Any] = extra or {}


def say(text: str) -> None:
    """Talk to the person: stderr, never stdout."""
    print(text, file=sys.stderr, flush=True)


def print_json(answer: Mapping[str, Any]) -> None:
    """The one JSON object of a command, on one line of stdout."""
    sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def print_error(error: CommandError, *, as_json: bool) -> None:
    """The sentence on stderr; with `--json` the same as an object on stdout."""
    if as_json:
        told = {"code": error.code, "message": str(error), "hint": error.hint}
        print_json({**error.extra, "error": told})
        return
    say(f"veloz: {error}" + (f" {error.hint}" if error.hint else ""))


def print_table(title: str, pairs: Mapping[str, Any]) -> None:
    """Names and values for a person, on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, show_header=False, title_justify="left", title_style="bold")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        shown = format_moment(value) if name.endswith("ts_ns") and isinstance(value, int) else format_value(value)
        table.add_row(name.replace("_", " "), shown)
    Console().print(table)


def format_moment(ts_ns: int) -> str:
    """Nanoseconds since the epoch as a date and time, UTC."""
    from datetime import UTC, datetime

    seconds, nanos = divmod(ts_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{nanos:09d} UTC"


def format_value(value: Any) -> str:
    """A value as people read it: thousands apart, lists and tables spelled out."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {format_value(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list) and len(value) == 2 and all(isinstance(each, int) for each in value):
        return f"{value[0]:,} to {value[1]:,}"
    if isinstance(value, list):
        return "\n".join(format_value(each) for each in value) or "none"
    return "none" if value is None else str(value)
