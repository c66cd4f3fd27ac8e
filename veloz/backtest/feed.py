"""The recording of a run, streamed once: steps for the desk, rows for the venue some way ahead of it.

A first walk (`survey`) finds what the second has to know: by how much receive stamps are moved, how far the order of the venue's times
departs from the order of the rows, prices, silences. Memory holds what lies between the two clocks and does not grow with the recording.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np

from journal import Reader
from veloz.backtest.prices import PRICE, FirstPrices, Prices, PricesByInstrument
from veloz.contracts.layout import APPLIED, ROW
from veloz.contracts.registry import (
    AGGTRADE,
    BAR,
    BAR_VOLUME,
    CHANGED,
    LEVEL,
    LISTED,
    MARK,
    TRADE,
    VENUE_LEVEL,
    VENUE_TRADE,
)
from veloz.history.dataset import Chunk, blocks, desk_chunk
from veloz.history.gaps import GapFinder
from veloz.history.ordering import FIFTH, HEAD, TS_EVENT, TS_RECV, VenueClock, VenueOrder, venue_words, words_of
from veloz.history.slabs import SlabReader
from veloz.reducers.bars import INTERVALS_NS
from veloz.reducers.words import FLAGS_SHIFT, INSTRUMENT_SHIFT, KIND_MASK

LENGTH: Final = 3  # place of a bar's length, and in the row before of its begin
BLOCK_ROWS: Final = 1 << 17  # taken in at once: what a run does for each block costs as much as folding a thousand rows
SILENCE_NS: Final = 10_000_000_000  # nothing at all for so long is told as a gap
BARS_MISSED: Final = 2  # where there is nothing but bars: so many times the longest
SILENCES_MAX: Final = 100  # told; all are counted
_KIND, _INSTRUMENT = int(KIND_MASK), int(INSTRUMENT_SHIFT)
_PRICED: Final = (TRADE.number, LEVEL.number, VENUE_LEVEL.number, VENUE_TRADE.number)
_BARS: Final = (BAR.number, BAR_VOLUME.number)
_FAR: Final = 1 << 62
LISTING: Final = (LISTED.number, CHANGED.number)
_APPLIED: Final = APPLIED << int(FLAGS_SHIFT)


class Silence(NamedTuple):
    """A time in which nothing was recorded: receive stamps as they stand in the recording."""

    begin_ns: int
    end_ns: int


@dataclass
class Survey:
    """What the first walk over a recording has found. Stamps as they stand in it."""

    rows: int = 0  # of markets, for the desk
    venue_rows: int = 0
    instruments: set[int] = field(default_factory=set)
    kinds: set[tuple[int, int]] = field(default_factory=set)  # (kind, instrument) of every row
    funded: set[int] = field(default_factory=set)  # instruments whose mark rows state their funding
    least_lags_ns: dict[int, int] = field(
        default_factory=dict
    )  # of each instrument: receive − event, where a row has both
    most_lag_ns: int = -_FAR
    back_ns: int = 0  # a row's venue time is at most this much below that of a row before it
    applied: bool = False  # somebody else has put it in order, and both clocks hold as they stand
    known_ns: int = 0  # the newest receive stamp in front of the rows that count
    first_recv_ns: int = _FAR
    first_event_ns: int = _FAR
    last_recv_ns: int = 0
    prices: dict[int, Prices] = field(default_factory=dict)
    opens: dict[int, Prices] = field(default_factory=dict)  # of bars, and aggregated trades
    longest_ns: int = 0  # of the bars
    shortest_ns: dict[int, int] = field(default_factory=dict)  # by instrument, of those in step with UTC
    first_prices: FirstPrices = field(default_factory=FirstPrices)
    silences: list[Silence] = field(default_factory=list)
    silences_n: int = 0
    gaps: GapFinder = field(default_factory=GapFinder)

    def least_lag_ns(self, traded: Iterable[int]) -> int:
        """The least of some instruments."""
        return min((self.least_lags_ns.get(each, _FAR) for each in traded), default=_FAR)

    def shift_ns(self, traded: Iterable[int], base_ns: int) -> int:
        """What receive stamps are moved by: the least lag of what is traded becomes `base_ns` where it is below 0, unless the stamps
        hold as they stand.
        """
        least = 0 if self.applied else self.least_lag_ns(traded)
        return base_ns - least if least < 0 else 0

    def middles(self, *, first: bool) -> dict[int, int]:
        """A price in the middle of each instrument's; `first`: of those that were known when it had begun."""
        if first:
            return self.first_prices.found
        return {instrument: self.median(instrument) for instrument in self.prices.keys() | self.opens.keys()}

    def spans(self) -> dict[int, tuple[int, int]]:
        """The least and the greatest price of each instrument."""
        return {instrument: (seen.least, seen.most) for instrument, seen in self.prices.items() if seen.most}

    def begin_ns(self, shift_ns: int) -> int:
        """The smallest stamp, receive stamps moved; where rows in front of them are known, the desk's first one behind those."""
        if self.known_ns:
            return max(self.first_recv_ns, self.known_ns) + shift_ns
        return min(self.first_event_ns, self.first_recv_ns + shift_ns)

    def median(self, instrument: int) -> int:
        """Of an instrument's prices, or of its bars and aggregated trades where there are no others; 0: there are none."""
        seen = self.prices.get(instrument) or self.opens.get(instrument)
        return seen.median() if seen else 0

    @property
    def silence_ns(self) -> int:
        """So long nothing has to come before it is told as a gap."""
        return max(SILENCE_NS, BARS_MISSED * self.longest_ns - 1) if self.only_bars else SILENCE_NS

    @property
    def only_bars(self) -> bool:
        """Whether there is nothing but bars."""
        return all(kind in _BARS for kind, _ in self.kinds)


def survey(path: Path, first: int, last: int, *, folded_from: int = 0, receive: bool = False) -> Survey:
    """Walk over a recording once.

    Args:
        path: Its journal.
        first, last: Rows that count.
        folded_from: The first row that is folded in front of them; 0: none is.
        receive: The venue's clock is the receive stamp.

    Raises:
        journal.ReadError: It cannot be read, or a batch is damaged.
    """
    found, clock, newest = Survey(), VenueClock(0, receive=receive), -_FAR
    prices, opens = PricesByInstrument(found.prices), PricesByInstrument(found.opens)
    _note_listed(found.gaps, path, first - 1)
    for begin, rows in SlabReader(path, folded_from or first, last):
        words = words_of(rows)
        kinds = words[:, HEAD] & _KIND
        market = (kinds > 0) & (kinds <= VENUE_TRADE.number)
        known = max(0, min(first - begin, len(words)))
        if known:
            found.known_ns = max(found.known_ns, int(words[:known][market[:known], TS_RECV].max(initial=0)))
        if known < len(words):
            _note(found, words[known:], market[known:])
            _note_prices(prices, opens, words[known:][market[known:]])
        seen = venue_words(words[market])
        if len(seen):
            times = clock.times(seen)
            peak = np.maximum(np.maximum.accumulate(times), newest)
            found.back_ns = max(found.back_ns, int((peak - times).max()))
            newest = int(peak[-1])
    prices.flush()
    opens.flush()
    return found


def _note(found: Survey, words: np.ndarray, market: np.ndarray) -> None:
    """Rows that count."""
    found.gaps.see(words.view(ROW).reshape(-1))
    found.first_prices.see(words)
    words = words[market]
    if len(words):
        _note_stamps(found, words)
        found.venue_rows += len(venue_words(words))


def _note_listed(gaps: GapFinder, path: Path, last: int) -> None:
    """What instruments are whose listing stands in front of the rows that count: gaps of spot are told by other numbers."""
    if last > 0:
        with Reader.open(path) as reader:
            for batch in reader.scan(1, last, kinds=LISTING):
                rows = batch.rows.view(ROW)
                gaps.see(rows[np.isin(rows["kind"], LISTING)])


def _note_stamps(found: Survey, words: np.ndarray) -> None:
    kinds, received, stated = words[:, HEAD] & _KIND, words[:, TS_RECV], words[:, TS_EVENT]
    found.applied |= bool(((kinds == LEVEL.number) & (words[:, HEAD] & _APPLIED != 0)).any())
    found.rows += int((kinds < VENUE_LEVEL.number).sum())
    heads = np.unique(words[:, HEAD] & (_KIND | -1 << _INSTRUMENT)).tolist()
    found.instruments.update(head >> _INSTRUMENT for head in heads)
    found.kinds.update((head & _KIND, head >> _INSTRUMENT) for head in heads)
    stating = (kinds == MARK.number) & (words[:, FIFTH] > 0)
    if stating.any():
        found.funded.update(np.unique(words[stating, HEAD] >> _INSTRUMENT).tolist())
    _note_lengths(found, words, kinds)
    both = stated > 0
    if both.any():
        lags = received[both] - stated[both]
        for each, lag in _least_of(words[both, HEAD] >> _INSTRUMENT, lags).items():
            found.least_lags_ns[each] = min(found.least_lags_ns.get(each, _FAR), lag)
        found.most_lag_ns = max(found.most_lag_ns, int(lags.max()))
        found.first_event_ns = min(found.first_event_ns, int(stated[both].min()))
    found.first_recv_ns = min(found.first_recv_ns, int(received.min()))
    before = found.last_recv_ns or int(received[0])
    stamps = np.append(before, np.maximum(np.maximum.accumulate(received), before))
    for at in np.flatnonzero(np.diff(stamps) > found.silence_ns).tolist():
        found.silences_n += 1
        if len(found.silences) < SILENCES_MAX:
            found.silences.append(Silence(int(stamps[at]), int(stamps[at + 1])))
    found.last_recv_ns = int(stamps[-1])


def _note_lengths(found: Survey, words: np.ndarray, kinds: np.ndarray) -> None:
    at = np.flatnonzero(kinds == BAR_VOLUME.number)
    found.longest_ns = max(found.longest_ns, int(words[at, LENGTH].max(initial=0)))
    at = at[at > 0]
    lengths, opened = words[at, LENGTH], words[at - 1, LENGTH]  # what stands before the volumes is the bar's prices
    fits = (lengths >= INTERVALS_NS[0]) & (lengths <= INTERVALS_NS[-1])
    whole = fits & (kinds[at - 1] == BAR.number) & (opened % np.maximum(lengths, 1) == 0)
    if whole.any():
        for each, length in _least_of(words[at[whole], HEAD] >> _INSTRUMENT, lengths[whole]).items():
            found.shortest_ns[each] = min(found.shortest_ns.get(each, _FAR), length)


def _least_of(instruments: np.ndarray, values: np.ndarray) -> dict[int, int]:
    """The least value of each instrument, all below `_FAR`."""
    least = np.full(int(instruments.max()) + 1, _FAR, np.int64)
    np.minimum.at(least, instruments, values)
    return {each: int(least[each]) for each in np.flatnonzero(least < _FAR).tolist()}


def _note_prices(prices: PricesByInstrument, opens: PricesByInstrument, words: np.ndarray) -> None:
    kinds = words[:, HEAD] & _KIND
    for seen, those in ((prices, np.isin(kinds, _PRICED)), (opens, np.isin(kinds, (BAR.number, AGGTRADE.number)))):
        if those.any():
            priced = words[those]
            seen.add(priced[:, HEAD] >> _INSTRUMENT, priced[:, PRICE])


class Weaver(Protocol):
    """`marking.Marker`."""

    def weave(self, rows: np.ndarray, until_ns: int) -> np.ndarray:
        """See `marking.Marker.weave`."""
        ...


class Feed:
    """A recording, read once, handed out on two clocks.

    Args:
        path: Its journal.
        first, last: Rows that count.
        shift_ns: What receive stamps are moved by.
        back_ns: Of the survey.
        receive: The venue's clock is the receive stamp.
        marker: Makes rows of the venue's side that the recording lacks.
    """

    def __init__(
        self,
        path: Path,
        first: int,
        last: int,
        *,
        shift_ns: int,
        back_ns: int,
        receive: bool = False,
        marker: Weaver | None = None,
    ) -> None:
        self._blocks = blocks(SlabReader(path, first, last), BLOCK_ROWS)
        self._shift = shift_ns
        self._order = VenueOrder(VenueClock(shift_ns, receive=receive), back_ns)
        self._marker = marker
        self._desk: deque[Chunk] = deque()
        self._venue: deque[np.ndarray] = deque()
        self._now = 0
        self._ended = False

    def _read(self) -> bool:
        """Take in the next block; False at the end."""
        if self._ended:
            return False
        found = next(self._blocks, None)
        if found is None:
            self._ended = True
            ready = self._woven(self._order.rest(), self._order.newest + 1)
        else:
            ready = self._woven(self._order.add(found[1]), self._order.whole_until)
            chunk = desk_chunk(*found, self._shift, self._now, owned=True)
            if chunk is not None:
                self._now = int(chunk.times[-1])
                self._desk.append(chunk)
        if len(ready):
            self._venue.append(ready)
        return True

    def _woven(self, ready: np.ndarray, until_ns: int) -> np.ndarray:
        """With what is made for moments before one at which none of the recording's rows is missing."""
        return ready if self._marker is None else self._marker.weave(ready, until_ns)

    def next_chunk(self) -> Chunk | None:
        """The desk's next steps; None at the end."""
        while not self._desk:
            if not self._read():
                return None
        return self._desk.popleft()

    def next_rows(self, until_ns: int) -> np.ndarray | None:
        """The venue's next rows: RAW[n] by venue time, in `ts_event`; None where no row that was not handed out is due by then."""
        while not self._venue:
            if not self._ended and self._order.whole_until > until_ns:
                return None
            if not self._read():
                return None
        if int(self._venue[0][0]["ts_event"]) > until_ns:
            return None
        return self._venue.popleft()
