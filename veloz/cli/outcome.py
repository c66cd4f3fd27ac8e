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
EXIT_TERMINATED = 143  # as it reports one that SIGTERM ended
SECOND_NS = 10**9
NANOS_MOMENT = 10**17  # 1973: from here on a number of nanoseconds is a date


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
        plain = name.removesuffix("_ts_ns").removesuffix("_ns")
        table.add_row(plain.replace("_", " ") or name, format_named(name, value))
    Console().print(table)


def format_named(name: str, value: Any) -> str:
    """A value as people read it, by what its name says it is: a moment, a time, or neither."""
    if name.endswith("_ns") and isinstance(value, int):
        return format_moment(value) if name.endswith("ts_ns") or abs(value) >= NANOS_MOMENT else format_duration(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_plain_name(k)} {format_named(str(k), v)}" for k, v in value.items()) or "none"
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        return "\n".join(format_named(name, each) for each in value)
    return format_value(value)


def _plain_name(name: Any) -> str:
    return str(name).removesuffix("_ns")


def format_duration(ns: int) -> str:
    """A time as text, in the two units that suit it."""
    sign, rest = ("-" if ns < 0 else ""), abs(ns)
    if rest < SECOND_NS:
        for name, size in (("ms", 10**6), ("µs", 10**3)):
            if rest >= size:
                return f"{sign}{rest / size:.4g} {name}"
        return f"{sign}{rest} ns"
    if rest < 60 * SECOND_NS:
        return f"{sign}{rest / SECOND_NS:.4g} s"
    seconds = round(rest / SECOND_NS)
    for (name, size), (small, part) in (
        (("d", 86_400), ("h", 3_600)), (("h", 3_600), ("min", 60)), (("min", 60), ("s", 1)),
    ):  # fmt: skip
        if seconds >= size:
            return f"{sign}{seconds // size} {name} {seconds % size // part} {small}"
    return f"{sign}{seconds} s"


def format_fraction(value: float) -> str:
    """A number with the digits that mean something: never 0 for what is not."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 1:
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return f"{value:.3g}"


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
        return format_fraction(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {format_value(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list) and len(value) == 2 and all(isinstance(each, int) for each in value):
        return f"{value[0]:,} to {value[1]:,}"
    if isinstance(value, list):
        return "\n".join(format_value(each) for each in value) or "none"
    return "none" if value is None else str(value)
