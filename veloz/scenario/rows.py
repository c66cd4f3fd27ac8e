"""Statements → rows of the journal, with their bodies. Every number is exact, or the line is refused.

Rows are made when their step comes, since an order's key is the sequence number of the row that asks for it. The same code runs once before
(`names.dry`), so that whatever is wrong in a scenario is found before anything is written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from veloz.contracts import layout
from veloz.contracts.registry import Kind
from veloz.scenario.grammar import Statement, Step
from veloz.scenario.naming import LaterKnown, Names, refuse

_WORDS: Final = tuple(layout.ROW.names or ())[len(layout.HEAD) :]


@dataclass(frozen=True)
class Made:
    """One row: its 64 bytes but for the step mark, and its body."""

    row: np.ndarray  # layout.ROW[1]
    body: bytes | None = None


@dataclass
class Making:
    """Where rows are made: the names, the time, and the number of the next row."""

    names: Names
    now_ns: int
    seq: int
    made: list[Made]
    event_ns: int = 0  # when the venue says that it happened

    @property
    def next_seq(self) -> int:
        """Sequence number of the next row."""
        return self.seq + len(self.made)

    def add(
        self, line: int, kind: Kind, instrument: int = 0, more: Mapping[str, int] | None = None, *,
        body: msgspec.Struct | None = None, flags: int = 0, event: bool = True, **words: int,
    ) -> int:  # fmt: skip
        """Make one row.

        Args:
            line: The line that it is made for.
            kind: What it is.
            instrument: Number of its instrument; 0 = none.
            more: The kind's own words, beside `words`; those that neither names are 0.
            body: Its body.
            flags: Of `layout`.
            event: Whether a venue said it: it gets an event time.
            words: The kind's own words.

        Returns:
            Its sequence number.
        """
        row = np.zeros(1, layout.ROW)
        row["kind"], row["version"], row["flags"], row["instrument"] = kind.number, kind.version, flags, instrument
        row["ts_recv"] = self.now_ns
        row["ts_event"] = self.event_ns if event else 0
        for name, value in {**words, **(more or {})}.items():
            if not -(2**63) <= int(value) < 2**63:
                refuse(line, f"{name} {value} is more than a row can hold.")
            row[_WORDS[kind.words.index(name)]] = int(value)
        self.made.append(Made(row, None if body is None else msgspec.msgpack.encode(body)))
        return self.next_seq - 1


Builder = Callable[[Statement, Making], None]


def builders() -> dict[str, Builder]:
    """How each verb is made into rows."""
    from veloz.scenario import commands, listing, market, reports, statements

    return {
        **listing.BUILDERS, **statements.BUILDERS, **market.BUILDERS, **commands.BUILDERS, **reports.BUILDERS
    }  # fmt: skip


def make_step(step: Step, names: Names, first_seq: int) -> tuple[np.ndarray, list[tuple[int, bytes]]]:
    """The rows of a step.

    Args:
        step: As read.
        names: Changed: what the step names is known from here on.
        first_seq: Sequence number of its first row.

    Returns:
        ROW[n], the last one without its step mark, and (index, body) of those that have one.

    Raises:
        ScenarioError: A name is not known, or a number is not exact.
    """
    making = Making(names, step.now_ns, first_seq, [])
    known = builders()
    for statement in step.statements:
        making.event_ns = statement.args.get("event", step.now_ns)
        try:
            known[statement.verb](statement, making)
        except LaterKnown:
            assert names.dry, statement
    rows = np.concatenate([made.row for made in making.made]) if making.made else np.zeros(0, layout.ROW)
    return rows, [(at, made.body) for at, made in enumerate(making.made) if made.body is not None]
