"""Prices of a recording: which is the median, which come first, and the ladder of prices that a venue keeps the book of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from veloz.backtest.keys import SettingsError
from veloz.backtest.settings import Settings
from veloz.backtest.world import World
from veloz.contracts.layout import STEP_END
from veloz.contracts.registry import AGGTRADE, BAR, LEVEL, TRADE
from veloz.history.ordering import HEAD
from veloz.reducers.words import FLAGS_SHIFT, INSTRUMENT_SHIFT, KIND_MASK

PRICE: Final = 4  # place of a row's price, and of a bar's open
STEPS_MAX: Final = 1 << 26  # of a ladder: half a gigabyte a side
COVERED_MAX: Final = 1 << 20  # steps of a ladder that is made as wide as the prices of the data
PRICES_KEPT: Final = 1 << 10  # counted before they are added up; later, twice as many as there are distinct ones
PRICES_TOGETHER: Final = 1 << 18  # of all instruments: so many are sorted at once
ROI_LOW, ROI_HIGH = (4, 5), (6, 5)  # of the middle price
_PRICED: Final = (LEVEL.number, TRADE.number, AGGTRADE.number, BAR.number)
_KIND, _INSTRUMENT, _END = int(KIND_MASK), int(INSTRUMENT_SHIFT), STEP_END << int(FLAGS_SHIFT)


class Prices:
    """How often each price of an instrument was seen."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []
        self._kept, self._room = 0, PRICES_KEPT
        self.least, self.most = 0, 0  # 0: there was none

    def add(self, prices: np.ndarray) -> None:
        """Count prices; those of 0 and below are none."""
        values, counts = np.unique(prices[prices > 0], return_counts=True)
        self._parts.append((values, counts))
        self._kept += len(values)
        if len(values):
            self.least = min(self.least, int(values[0])) if self.least else int(values[0])
            self.most = max(self.most, int(values[-1]))
        if self._kept > self._room:
            self._parts = [self._total()]
            self._kept = len(self._parts[0][0])
            self._room = max(PRICES_KEPT, 2 * self._kept)

    @property
    def kept(self) -> int:
        """So many counts are held: no more than twice the distinct prices, or a few."""
        return self._kept

    def _total(self) -> tuple[np.ndarray, np.ndarray]:
        values, place = np.unique(np.concatenate([values for values, _ in self._parts]), return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, place, np.concatenate([counts for _, counts in self._parts]))
        return values, counts

    def beside(self, tick: int) -> tuple[int, int]:
        """How many prices are no multiples of a tick, and of how many."""
        values, counts = self._total() if self._parts else (np.zeros(0, np.int64), np.zeros(0, np.int64))
        return int(counts[values % tick != 0].sum()), int(counts.sum())

    def median(self) -> int:
        """The lower median; 0 where there was none."""
        values, counts = self._total() if self._parts else (np.zeros(0, np.int64), np.zeros(0, np.int64))
        if not len(values):
            return 0
        return int(values[np.searchsorted(np.cumsum(counts), (int(counts.sum()) + 1) // 2)])


class PricesByInstrument:
    """Counts of many instruments, taken together: each costs the same whether it brings one price or a thousand.

    Args:
        counts: Where they are kept. `flush` completes them.
    """

    def __init__(self, counts: dict[int, Prices]) -> None:
        self._counts = counts
        self._instruments: list[np.ndarray] = []
        self._prices: list[np.ndarray] = []
        self._n = 0

    def add(self, instruments: np.ndarray, prices: np.ndarray) -> None:
        """A price of an instrument each: i8[n]."""
        self._instruments.append(instruments)
        self._prices.append(prices)
        self._n += len(prices)
        if self._n >= PRICES_TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Count what was added."""
        if not self._n:
            return
        instruments, prices = np.concatenate(self._instruments), np.concatenate(self._prices)
        order = np.argsort(instruments, kind="stable")
        instruments, prices = instruments[order], prices[order]
        begins = np.flatnonzero(np.diff(instruments, prepend=-1))
        for instrument, part in zip(instruments[begins].tolist(), np.split(prices, begins[1:]), strict=True):
            self._counts.setdefault(instrument, Prices()).add(part)
        self._instruments, self._prices, self._n = [], [], 0


class FirstPrices:
    """The middle of the first prices of each instrument: those of the first step that tells any. Known as soon as that step is."""

    def __init__(self) -> None:
        self.found: dict[int, int] = {}

    def see(self, words: np.ndarray) -> None:
        """More rows, whole steps of them: i8[n, 8]."""
        kinds = words[:, HEAD] & _KIND
        at = np.flatnonzero(np.isin(kinds, _PRICED) & (words[:, PRICE] > 0))
        instruments = words[at, HEAD] >> _INSTRUMENT
        for instrument in np.unique(instruments).tolist():
            if instrument not in self.found:
                mine = at[instruments == instrument]
                ends = np.flatnonzero(words[mine[0] :, HEAD] & _END)
                end = int(mine[0] + ends[0]) if len(ends) else len(words)
                prices = Prices()
                prices.add(words[mine[mine <= end], PRICE])
                self.found[instrument] = prices.median()


@dataclass(frozen=True)
class Ladder:
    """Prices, in quanta, within which a venue keeps the book of an instrument."""

    low: int
    high: int


def _covering(
    bottom: int, top: int, span: tuple[int, int] | None, tick: int, free: tuple[bool, bool]
) -> tuple[int, int]:
    """A range made wider to have a span, at the ends that are free, as long as it is no longer than COVERED_MAX steps."""
    if span is None:
        return bottom, top
    spare = max(COVERED_MAX * tick - (top - bottom), 0)
    higher = min(max(span[1] - top, 0), spare) if free[1] else 0
    lower = min(max(bottom - span[0], 0), spare - higher) if free[0] else 0
    return max(bottom - lower, 1), top + higher


def ladders_of(
    world: World, middles: Mapping[int, int], settings: Settings, spans: Mapping[int, tuple[int, int]] | None = None
) -> dict[int, Ladder]:
    """Where the book of each traded instrument lies.

    Args:
        world: What is traded.
        middles: A middle price by instrument, in quanta; missing or 0: not known.
        settings: The run's.
        spans: The least and the greatest price by instrument. A ladder that no setting bounds has them all, as far as it may be so long.

    Raises:
        SettingsError: Neither the settings nor the data tell.
    """
    ladders = {}
    for each in world.traded:
        scale, middle = each.instrument.price_scale, middles.get(each.number, 0)
        low, high = (each.setting(settings, f"roi_{side}").scaleb(scale) for side in ("lb", "ub"))
        if not middle and not (low and high):
            raise SettingsError(
                f"The data hold no price of {each.instrument.symbol}; give match.roi_lb and match.roi_ub, or other data."
            )
        bottom = max(int(low) if low else middle * ROI_LOW[0] // ROI_LOW[1], 1)
        top = int(high) if high else -(-middle * ROI_HIGH[0] // ROI_HIGH[1])
        tick = each.instrument.tick
        bottom, top = _covering(bottom, top, (spans or {}).get(each.number), tick, (not low, not high))
        if not -(-bottom // tick) < top // tick or (top - bottom) // tick > STEPS_MAX:
            raise SettingsError(
                f"No book of {each.instrument.symbol} can be kept from {bottom} to {top} units of its last decimal, in steps of "
                f"{tick}; give other match.roi_lb and match.roi_ub."
            )
        ladders[each.number] = Ladder(bottom, top)
    return ladders
