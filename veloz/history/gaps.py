"""What is missing in a recording: bars between neighbours, diffs that do not continue a book, books that somebody's recording began anew.

Told from rows alone, in one walk, so that it is the same for every way in which they came. Of diffs, the rule is the venue's: one whose
last id is not above the greatest so far is stale and no gap; any other must continue it.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.codes import Market
from veloz.contracts.layout import APPLIED, CLOSED, EMPTY, FIRST, ROW, SNAPSHOT
from veloz.contracts.registry import BAR, BAR_VOLUME, CHANGED, LEVEL, LISTED

GAPS_KEPT: Final = 1_000
WHOLE_SIDE: Final = -1
WATCHED: Final = (BAR.number, BAR_VOLUME.number, LEVEL.number, LISTED.number, CHANGED.number)


class Gap(NamedTuple):
    """One hole.

    what: bars, diffs (ids do not continue) or book (a recorder began anew).
    begin_ns, end_ns: Of bars, the end of the last one there is and the begin of the next; else receive stamps on both sides.
    missing: Bars that are not there; 0 where nobody knows how many.
    """

    instrument: int
    what: str
    begin_ns: int
    end_ns: int
    missing: int


class GapFinder:
    """Looks at all rows of a recording, in order, batch after batch.

    counts: Gaps of each kind.
    missing_bars: How many bars are not there.
    gaps: The first of them.
    """

    def __init__(self) -> None:
        self.counts = {"bars": 0, "diffs": 0, "book": 0}
        self.missing_bars = 0
        self.gaps: list[Gap] = []
        self._spot: dict[int, bool] = {}
        self._bar: dict[tuple[int, int], int] = {}  # instrument, length: where the next bar should begin
        self._diff: dict[int, tuple[int, int]] = {}  # instrument: greatest last id, receive stamp of that message
        self._heard: dict[int, int] = {}  # instrument: receive stamp of its last applied row

    def see(self, rows: NDArray[np.void]) -> None:
        """More rows: layout.ROW[n], whole steps."""
        kind = rows["kind"]
        for row in rows[(kind == LISTED.number) | (kind == CHANGED.number)]:
            self._spot[int(row["instrument"])] = int(row["venue_seq"]) >> 16 == int(Market.BINANCE_SPOT)
        sums = np.flatnonzero(kind == BAR_VOLUME.number)
        self._see_bars(rows[sums[sums > 0] - 1], rows[sums[sums > 0]])
        levels = rows[kind == LEVEL.number]
        applied = levels["flags"] & APPLIED != 0
        self._see_diffs(levels[~applied & (levels["flags"] & (FIRST | SNAPSHOT) == FIRST)])
        self._see_applied(levels[applied])

    def _add(self, gap: Gap) -> None:
        self.counts[gap.what] += 1
        self.missing_bars += gap.missing
        if len(self.gaps) < GAPS_KEPT:
            self.gaps.append(gap)

    def _see_bars(self, heads: NDArray[np.void], sums: NDArray[np.void]) -> None:
        own = (heads["kind"] == BAR.number) & (heads["flags"] & CLOSED != 0)
        instruments, lengths, begins = heads["instrument"][own], sums["venue_seq"][own], heads["venue_seq"][own]
        if not len(begins):
            return
        order = np.lexsort((begins, lengths, instruments))
        instruments, lengths, begins = instruments[order], lengths[order], begins[order]
        starts = np.append(True, (instruments[1:] != instruments[:-1]) | (lengths[1:] != lengths[:-1]))
        due = np.append(0, begins[:-1] + lengths[:-1])
        firsts = np.flatnonzero(starts)
        keys = list(zip(instruments[firsts].tolist(), lengths[firsts].tolist(), strict=True))
        due[firsts] = [self._bar.get(key, begin) for key, begin in zip(keys, begins[firsts].tolist(), strict=True)]
        for at in np.flatnonzero(begins > due).tolist():
            length = int(lengths[at])
            missing = -(-int(begins[at] - due[at]) // length) if length > 0 else 0
            self._add(Gap(int(instruments[at]), "bars", int(due[at]), int(begins[at]), missing))
        lasts = np.append(firsts[1:], len(begins)) - 1
        ends = np.maximum(begins[lasts] + lengths[lasts], due[firsts])
        self._bar.update(zip(keys, ends.tolist(), strict=True))

    def _see_diffs(self, firsts: NDArray[np.void]) -> None:
        for instrument in np.unique(firsts["instrument"]).tolist():
            own = firsts[firsts["instrument"] == instrument]
            known, stamp = self._diff.get(instrument, (int(own["venue_seq"][0]), int(own["ts_recv"][0])))
            before = np.maximum.accumulate(np.append(known, own["venue_seq"]))
            follows = own["ref"] == before[:-1] + 1 if self._spot.get(instrument) else own["aux"] == before[:-1]
            for at in np.flatnonzero((own["venue_seq"] > before[:-1]) & ~follows):
                self._add(
                    Gap(instrument, "diffs", int(own["ts_recv"][at - 1]) if at else stamp, int(own["ts_recv"][at]), 0)
                )
            self._diff[instrument] = int(before[-1]), int(own["ts_recv"][-1])

    def _see_applied(self, levels: NDArray[np.void]) -> None:
        for instrument in np.unique(levels["instrument"]).tolist():
            own = levels[levels["instrument"] == instrument]
            anew = (own["flags"] & (FIRST | EMPTY | SNAPSHOT) == FIRST | EMPTY | SNAPSHOT) & (
                own["price"] == WHOLE_SIDE
            )
            for at in np.flatnonzero(anew):
                heard = int(own["ts_recv"][at - 1]) if at else self._heard.get(instrument, 0)
                if heard:
                    self._add(Gap(instrument, "book", heard, int(own["ts_recv"][at]), 0))
            self._heard[instrument] = int(own["ts_recv"][-1])


def find_gaps(view: Any, first: int = 1, last: int | None = None) -> GapFinder:
    """All gaps of a journal.

    Args:
        view: A `journal.View`, or a reader.
        first, last: The rows to look at; by default all.
    """
    finder = GapFinder()
    batches: Iterator[Any] = view.scan(first, last, kinds=set(WATCHED))
    for batch in batches:
        finder.see(batch.rows.view(ROW))
    return finder
