"""A scenario file → its steps, its checks and what is expected to come out.

The upper half is read line by line: each statement is a step of its own, unless `&` or braces hold several together. A step comes
`BEAT_NS` after the one before, unless its line says when. Below a line of dashes stand the expected lines.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from veloz.scenario.shapes import EXCHANGE, SHAPES, read_shape
from veloz.scenario.text import (
    LINES_MAX,
    ScenarioError,
    Words,
    near,
    plain,
    read_moment,
    read_span,
    split_words,
    strip_comment,
)

START_NS: Final = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
BEAT_NS: Final = 1_000_000
SECTIONS: Final = ("rows", "orders", "positions", "balances", "refusals")
LABELED: Final = ("buy", "sell", "limit")
NO_STEP: Final = ("expect", "sending", "start", "exchange")
_DASHES: Final = re.compile(r"-{4,}")
_LABEL: Final = re.compile(r"[A-Za-z_][\w.-]*:")
_OPEN, _CLOSE = "<<<", ">>>"


@dataclass(frozen=True)
class Statement:
    """One statement: its verb, its arguments as read, its label and where it stands."""

    line: int
    verb: str
    label: str
    args: dict[str, Any]
    block: str = ""  # source text between <<< and >>>


@dataclass(frozen=True)
class Step:
    """Statements that arrive together, at one time."""

    line: int
    now_ns: int
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Check:
    """`expect …`: looked at between two steps."""

    line: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Sending:
    """`sending auto` or `sending manual`: whether the runner says `dispatched` of every request itself."""

    line: int
    auto: bool


@dataclass(frozen=True)
class Opening:
    """`exchange simulated …`: from here on a simulated exchange answers the requests."""

    line: int
    args: dict[str, Any]


@dataclass(frozen=True)
class Expected:
    """One expected line of a section."""

    line: int
    text: str


@dataclass
class Script:
    """A scenario as read."""

    items: list[Step | Check | Sending | Opening] = field(default_factory=list)
    expected: dict[str, list[Expected]] = field(default_factory=dict)
    upper: str = ""  # text above the dashes, as it stands
    start_ns: int = START_NS

    @property
    def steps(self) -> list[Step]:
        """The steps alone."""
        return [item for item in self.items if isinstance(item, Step)]


def parse(text: str) -> Script:
    """Read a scenario.

    Args:
        text: The file.

    Raises:
        ScenarioError: A line cannot be read; nothing of it was run.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > LINES_MAX:
        raise ScenarioError(LINES_MAX, f"a scenario has at most {LINES_MAX} lines.")
    dashes = next((at for at, line in enumerate(lines) if _DASHES.fullmatch(line.strip())), len(lines))
    reader = _Reader()
    at = 0
    while at < dashes:
        at = reader.line(lines, at, dashes)
    reader.end()
    script = reader.script
    script.upper = "\n".join(lines[:dashes])
    script.expected = _read_expected(lines, dashes + 1)
    return script


def _read_expected(lines: list[str], first: int) -> dict[str, list[Expected]]:
    """The sections below the dashes. Lines before any heading are of `rows`."""
    found: dict[str, list[Expected]] = {}
    section = "rows"
    for at in range(first, len(lines)):
        text = " ".join(strip_comment(lines[at]).split())
        if not text:
            continue
        if plain(text).rstrip(":") in SECTIONS:
            section = plain(text).rstrip(":")
            if section in found:
                raise ScenarioError(at + 1, f"section {section} stands there twice.")
            found[section] = []
        else:
            found.setdefault(section, []).append(Expected(at + 1, text))
    return found


class _Reader:
    """The state of reading: time, an open group."""

    def __init__(self) -> None:
        self.script = Script()
        self._now = START_NS
        self._moved = True  # a line has said when the next step comes; the first comes at the start
        self._group: list[Statement] | None = None
        self._group_line = 0
        self._statement_group = False

    def line(self, lines: list[str], at: int, stop: int) -> int:
        """Read one line with its continuations and its block; returns where the next one begins."""
        number = at + 1
        text = lines[at]
        while strip_comment(text).rstrip().endswith("\\") and at + 1 < stop:
            at += 1
            text = strip_comment(text).rstrip()[:-1] + " " + lines[at]
        words = split_words(number, text)
        block = ""
        if words and words[-1] == _OPEN:
            words.pop()
            begun, at = at + 1, at + 1
            while at < stop and lines[at].strip() != _CLOSE:
                at += 1
            if at == stop:
                raise ScenarioError(number, f"its block of source is not closed by a line {_CLOSE}.")
            block = "\n".join(lines[begun:at]) + "\n"
        if words:
            self._words(number, words, block)
        return at + 1

    def end(self) -> None:
        """The upper half is over."""
        if self._group is not None:
            raise ScenarioError(self._group_line, "its brace is not closed.")

    def _words(self, line: int, words: list[str], block: str) -> None:
        """All statements of one line."""
        words = self._move_time(line, words)
        joined: list[Statement] = []
        part: list[str] = []
        for word in [*words, "\n"]:
            if word not in ("&", "{", "}", "\n"):
                part.append(word)
                continue
            if word == "&" and not part:
                raise ScenarioError(line, "an & stands between two statements, and one is missing.")
            if word == "{":
                self._open(line, part, joined)
                part = []
                continue
            if part:
                self._add(line, part, joined, block if word == "\n" else "")
                part = []
            if word == "}":
                self._close(line)
        if words and words[-1] == "&" and self._group is None:
            raise ScenarioError(line, "an & stands between two statements, and one is missing.")
        if joined:
            self.script.items.append(Step(line, self._now, tuple(joined)))

    def _add(self, line: int, part: list[str], joined: list[Statement], block: str) -> None:
        if plain(part[0]) in NO_STEP:
            if joined or self._group is not None:
                raise ScenarioError(line, f"{part[0]!r} is no step and stands on a line of its own.")
            self._directive(line, part)
            return
        if self._group is None and not joined:
            self._beat()
        statement = self._statement(line, part, block)
        (joined if self._group is None else self._group).append(statement)

    def _open(self, line: int, part: list[str], joined: list[Statement]) -> None:
        if self._group is not None or joined:
            raise ScenarioError(line, "braces hold statements, not other braces; an & does not stand before them.")
        self._beat()
        self._group, self._group_line, self._statement_group = [], line, bool(part)
        if part:
            if plain(part[0]) != "statement":
                raise ScenarioError(line, "only `statement` is followed by braces; others stand within them.")
            self._group.append(self._statement(line, part, ""))

    def _close(self, line: int) -> None:
        if self._group is None:
            raise ScenarioError(line, "a brace is closed that was not opened.")
        group, self._group = self._group, None
        if self._statement_group:
            group.append(Statement(line, "statement-end", "", {**group[0].args}))
        if group:
            self.script.items.append(Step(self._group_line, self._now, tuple(group)))

    def _move_time(self, line: int, words: list[str]) -> list[str]:
        """Take `at MOMENT` or `+SPAN` from the front."""
        if plain(words[0]) == "at":
            if len(words) == 1:
                raise ScenarioError(line, "it ends where a moment should stand.")
            moment, words = read_moment(line, words[1], "`at`", self._now), words[2:]
        elif words[0].startswith("+"):
            moment, words = self._now + read_span(line, words[0][1:], "the time to pass"), words[1:]
        else:
            return words
        if self._group is not None:
            raise ScenarioError(line, "time does not pass within braces; what they hold arrives together.")
        if moment < self._now:
            raise ScenarioError(line, "time would go back; the scenario is later than that already.")
        self._now, self._moved = moment, True
        return words

    def _beat(self) -> None:
        """A step begins: a beat later than the one before, unless a line has said when."""
        self._now += 0 if self._moved else BEAT_NS
        self._moved = False

    def _directive(self, line: int, part: list[str]) -> None:
        words = Words(line, part)
        verb = plain(words.take("a statement"))
        if verb == "expect":
            self.script.items.append(Check(line, tuple(words.rest())))
            return
        if verb == "exchange":
            self.script.items.append(Opening(line, read_shape(words, EXCHANGE, self._now)))
            return
        if verb == "sending":
            self.script.items.append(Sending(line, words.choice("way of sending", ("auto", "manual")) == "auto"))
        elif self.script.items:
            raise ScenarioError(line, "`start` stands before everything else.")
        else:
            self._now = self.script.start_ns = words.moment("the start", START_NS)
        if words:
            raise ScenarioError(line, f"{words.peek()!r} means nothing there.")

    def _statement(self, line: int, part: list[str], block: str) -> Statement:
        label = ""
        if _LABEL.fullmatch(part[0]) and len(part) > 1:
            label, part = part[0][:-1], part[1:]
        words = Words(line, part)
        verb = plain(words.take("a statement"))
        shape = SHAPES.get(verb)
        if shape is None:
            raise ScenarioError(line, f"{verb!r} is no statement{near(verb, SHAPES)}")
        if label and verb not in LABELED:
            raise ScenarioError(line, f"only {', '.join(LABELED)} take a label, and {verb!r} does not.")
        if block and (verb != "strategy"):
            raise ScenarioError(line, f"a block of source belongs to `strategy`, not to {verb!r}.")
        return Statement(line, verb, label, read_shape(words, shape, self._now), block)
