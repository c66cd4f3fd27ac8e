"""Fold recorded rows again. What differs from the record, wherever that is found out, is told as a `Divergence`."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from veloz.contracts.evolve import upgrade
from veloz.reducers.fold import fold
from veloz.reducers.state import State

DIVERGENCES_MAX: Final = 100  # reported; all are counted


@dataclass(frozen=True)
class Divergence:
    """A row on record that is not what this code makes of the same inputs."""

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
    records: int = 0
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
