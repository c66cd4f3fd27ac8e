"""Fold recorded rows again and compare the decisions they carry.

A replay is the same fold over the same rows. What it can find out: the state at any record, and whether each decision on record is the
one that this code takes from the same inputs. Decisions are the kinds of the topics in `DECISIONS`; a recorded decision that
nothing here makes again is a divergence, because an unexplained decision must never pass as a verified one.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from veloz.contracts.evolve import upgrade
from veloz.contracts.registry import BY_NUMBER
from veloz.reducers.fold import fold
from veloz.reducers.state import State

DECISIONS: Final = ("strategy", "risk", "order")  # topics whose rows follow from other rows
DIVERGENCES_MAX: Final = 100  # reported; all are counted

_MARKET_ONLY: Final = np.isin(
    np.arange(128),
    [kind.number for kind in BY_NUMBER.values() if kind.topic not in DECISIONS],
)


@dataclass(frozen=True)
class Divergence:
    """A decision on record that this code does not take."""

    seq: int
    kind: str
    field: str
    recorded: str
    recomputed: str
    cause_seq: int | None


@dataclass
class Replay:
    """A fold under way.

    `records` counts rows from `count_from` on; rows before it only build the state.
    """

    state: State
    count_from: int = 1
    compare: bool = False
    records: int = 0
    decisions: int = 0
    last_seq: int = 0
    divergences: list[Divergence] = field(default_factory=list)

    def feed(self, first_seq: int, rows: np.ndarray) -> None:
        """Fold the next rows.

        Args:
            first_seq: Sequence number of `rows[0]`; one above the last row fed before.
            rows: ROW[n], not changed, not kept.
        """
        rows = upgrade(rows)
        self.state = fold(self.state, rows, first_seq)
        self.last_seq = first_seq + len(rows) - 1
        self.records += max(0, min(len(rows), self.last_seq - self.count_from + 1))
        if self.compare:
            self._compare(first_seq, rows)

    def _compare(self, first_seq: int, rows: np.ndarray) -> None:
        kinds = rows["kind"]
        doubtful = np.flatnonzero((kinds < len(_MARKET_ONLY)) & ~_MARKET_ONLY[np.minimum(kinds, len(_MARKET_ONLY) - 1)])
        for at in doubtful:
            seq, kind = first_seq + int(at), BY_NUMBER.get(int(kinds[at]))
            if kind is None or seq < self.count_from:
                continue
            self.decisions += 1
            if len(self.divergences) < DIVERGENCES_MAX:
                cause = int(rows[at]["ref"]) or None
                self.divergences.append(Divergence(seq, kind.name, "kind", kind.name, "nothing", cause))
