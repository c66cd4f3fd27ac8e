"""What came out, as lines: decisions as they were made, then orders, positions, balances, refusals. And how lines are compared."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from veloz.contracts.registry import BY_NUMBER
from veloz.history.telling import Teller, read_body
from veloz.instruments.instrument import Instrument
from veloz.scenario.grammar import SECTIONS, Expected

ANY_LINES: Final = "..."
ANY_WORD: Final = "*"
_HIDDEN: Final = ("ref", "spare")
_BARE: Final = (
    "action",
    "type",
    "tif",
    "side",
    "code",
    "limit",
    "breaker",
    "difference",
)  # parts told without their name


@dataclass
class Outcome:
    """Lines by section."""

    lines: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SECTIONS})

    def text(self, sections: tuple[str, ...] = SECTIONS) -> str:
        """The lower half of a transcript."""
        parts = []
        for name in sections:
            parts.append("\n".join([name, *(f"  {line}" for line in self.lines[name])]))
        return "\n\n".join(parts) + "\n"


def tell_row(
    seq: int, row: np.void, instrument: Instrument | None, title: str, teller: Teller, body: bytes | None = None
) -> str:
    """One decision as a line: number, kind, instrument, words by name (those of its body, too), and `<-` the number of its cause."""
    kind = BY_NUMBER[int(row["kind"])]
    told = teller.tell(kind, row, instrument)
    if body is not None:
        told.update(read_body(kind, body))
    words = " ".join(
        _word(name, value) for name, value in told.items() if name not in _HIDDEN and value not in (None, "")
    )
    cause = f" <- {told['ref']}" if told.get("ref") else ""
    return f"{seq:>4} {kind.name:<22} {title:<8} {words}{cause}"


def _word(name: str, value: Any) -> str:
    if value is True:
        return name
    if isinstance(value, dict):
        parts = [
            str(part) if key in _BARE else f"{key}={_joined(part)}" for key, part in value.items() if part is not None
        ]
        return f"{name}=({' '.join(parts)})"
    return f"{name}={_joined(value)}"


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(str(each) for each in value) or "none"
    text = str(value)
    return f'"{text}"' if " " in text else text


@dataclass(frozen=True)
class Unlike:
    """The first difference between what was expected and what came out."""

    line: int
    section: str
    expected: str | None  # None: nothing more was expected
    found: str | None  # None: nothing more came out

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"line": self.line, "section": self.section, "expected": self.expected, "found": self.found}

    def sentence(self) -> str:
        """For people."""
        if self.expected is None:
            return f"line {self.line}: {self.section}: nothing more was expected, and this came out: {self.found}"
        if self.found is None:
            return f"line {self.line}: {self.section}: expected, and nothing more came out: {self.expected}"
        return f"line {self.line}: {self.section}: expected {self.expected} and found {self.found}"


def compare(expected: dict[str, list[Expected]], outcome: Outcome) -> Unlike | None:
    """The first difference, section by section as they stand in the file.

    A section that is not written is not compared. `...` stands for any lines, `*` for any one word.
    """
    for section, wanted in expected.items():
        found = [" ".join(line.split()) for line in outcome.lines[section]]
        unlike = _compare_lines(section, wanted, found)
        if unlike is not None:
            return unlike
    return None


def _compare_lines(section: str, wanted: list[Expected], found: list[str]) -> Unlike | None:
    """Runs of lines between `...`, each at the first place where it fits."""
    at, free = 0, False
    end = wanted[-1].line + 1 if wanted else 0
    runs = _runs(wanted)
    for number, run in enumerate(runs):
        last = number == len(runs) - 1
        if free and last and run:
            at = max(at, len(found) - len(run))
        elif free:
            at = next((k for k in range(at, len(found) + 1) if _fits(run, found, k)), at)
        for line in run:
            got = found[at] if at < len(found) else None
            if got is None or not _same(line.text, got):
                return Unlike(line.line, section, line.text, got)
            at += 1
        free = True
        if last and not run and number > 0:
            return None  # it ends with ...
    if at < len(found):
        return Unlike(end, section, None, found[at])
    return None


def _runs(wanted: list[Expected]) -> list[list[Expected]]:
    runs: list[list[Expected]] = [[]]
    for line in wanted:
        if line.text == ANY_LINES:
            runs.append([])
        else:
            runs[-1].append(line)
    return runs


def _fits(run: list[Expected], found: list[str], at: int) -> bool:
    return at + len(run) <= len(found) and all(
        _same(line.text, found[at + k]) for k, line in enumerate(run)
    )  # fmt: skip


def _same(wanted: str, found: str) -> bool:
    """Word by word; letter case counts, blanks do not. What ends with `...` says nothing of the rest."""
    left, right = wanted.split(), found.split()
    if left[-1] == ANY_LINES:
        left.pop()
        right = right[: len(left)]
    return len(left) == len(right) and all(a in (ANY_WORD, b) for a, b in zip(left, right, strict=True))
