"""Which engine run wrote which record, and so whether a client order id was given by this journal.

A restored backup goes on with sequence numbers that its lost future has used already: orders of that future live at the venue under ids
with the same numbers and another epoch. They are somebody else's.
"""

import bisect
from typing import Final

import numpy as np

from veloz.contracts.registry import STARTED
from veloz.contracts.terms import LEG_BITS, read_client_id

NO_EPOCH: Final = 0  # before the first run


class Epochs:
    """Engine runs by the record that each began with."""

    def __init__(self, current: int = NO_EPOCH) -> None:
        """`current`: the run that every record belongs to until a beginning is learned."""
        self._current = current
        self._starts: list[int] = []
        self._epochs: list[int] = []

    def learn(self, row: np.void, seq: int) -> None:
        """Take in one row, ascending by `seq`; any kind may come, `system.started` counts."""
        if int(row["kind"]) == STARTED.number:
            self._starts.append(seq)
            self._epochs.append(int(row["venue_seq"]))

    def of(self, seq: int) -> int:
        """The run in which a record was written; `NO_EPOCH` before the first that is known."""
        if not self._starts:
            return self._current
        at = bisect.bisect_right(self._starts, seq)
        return self._epochs[at - 1] if at else NO_EPOCH

    def key_of(self, client: str) -> int | None:
        """The key of an order of this journal by its client id; None: it is not ours, or of another journal's run."""
        epoch, key = read_client_id(client) or (NO_EPOCH, 0)
        return key if key and epoch != NO_EPOCH and self.of(key >> LEG_BITS) == epoch else None
