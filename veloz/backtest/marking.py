"""Mark prices and funding that the data lack, as rows of the venue's side, woven in between the recording's own.

They are made where the recording is read, so the exchange knows no difference. The desk does not see them: it values by the book and by
trades as ever, and hears of funding by the exchange's reports. So a result needs nothing more to be folded again.

Assumptions. A mark price is stated once a second, as venues do: at each whole second of the venue's clock the price that was last known
before it, where that changed. Funding is at whole multiples of its interval since midnight UTC, at one rate. A row that is made is as
late as the row before it.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from veloz.backtest.feed import Survey
from veloz.backtest.keys import OF_INSTRUMENT, RATE_SCALE, SettingsError, text_of
from veloz.backtest.mids import beside
from veloz.backtest.prelude import listing_rows
from veloz.backtest.settings import Settings
from veloz.backtest.world import Traded, World
from veloz.contracts.codes import Product
from veloz.contracts.layout import CLOSED, FIRST, LAST, ODD, ROW_WORDS, WORD
from veloz.contracts.registry import AGGTRADE, BAR, LEVEL, MARK, TRADE, VENUE_LEVEL, VENUE_TRADE
from veloz.history.ordering import HEAD, TS_EVENT, TS_RECV, words_of
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state
from veloz.reducers.view import best
from veloz.reducers.words import FLAGS_SHIFT, INSTRUMENT_SHIFT, KIND_MASK, RAW, VERSION_SHIFT, WORD_MASK

SECOND_NS: Final = 1_000_000_000
MARK_PLACES: Final = 8
PRICE, AUX = 4, 7  # places of words in a row
HOUR_NS: Final = 3_600 * SECOND_NS
_KIND, _FLAGS, _INSTRUMENT = int(KIND_MASK), int(FLAGS_SHIFT), int(INSTRUMENT_SHIFT)
_NO_WORDS: Final = np.zeros((0, ROW_WORDS), WORD)
OWN: Final = ("mark", "funding_rate")  # what a table [[instruments]] may say of it
# Kinds of rows that mark prices can be made of, the first that the data hold.
SOURCES: Final = {
    "last": (TRADE.number, VENUE_TRADE.number, AGGTRADE.number, BAR.number),
    "mid": (LEVEL.number, VENUE_LEVEL.number),
}
LOOKS: Final = {"last": "trades and no bars", "mid": "levels of the book"}
_SAME: Final = {VENUE_TRADE.number: TRADE.number, VENUE_LEVEL.number: LEVEL.number}


class Lacking(NamedTuple):
    """What an instrument lacks.

    Args:
        instrument: Its number.
        price_scale: Decimals of its prices.
        mark_of: Kind of the rows that its mark prices are made of: TRADE, AGGTRADE, BAR, LEVEL; 0: it has its own.
        rate_e8: Of its funding; 0: it has its own, or none.
        interval_ns: Of its funding.
    """

    instrument: int
    price_scale: int
    mark_of: int = 0
    rate_e8: int = 0
    interval_ns: int = 0


class Marker:
    """Weaves rows into those of the venue.

    Args:
        lacking: For what instruments.
        state: Knows them, and nothing else: books are kept in it.
    """

    def __init__(self, lacking: Sequence[Lacking], state: State) -> None:
        self._lacking = {each.instrument: each for each in lacking}
        self._kinds = np.zeros(max(self._lacking, default=0) + 1, WORD)
        for each in lacking:
            self._kinds[each.instrument] = each.mark_of
        self._last: dict[int, tuple[int, int]] = {}  # by instrument the second and the price of its newest print
        self._said: dict[int, int] = {}  # the mark price that was stated last, at eight decimals
        self._state = state
        self._second, self._stirred = 0, set[int]()  # of the books: what changed in the second that is under way
        self._funded: dict[int, int] = {}  # by instrument the next funding, once it was stated
        self._lag = 0

    def weave(self, rows: np.ndarray, until_ns: int) -> np.ndarray:
        """RAW[n], the next of the venue's rows, with all that is made for moments before `until_ns`, at which none of them is missing."""
        words = words_of(rows)
        kinds, instruments = self._looked_at(words)
        made = [
            *self._of_prints(words, kinds, instruments, until_ns),
            *self._of_books(words, kinds, instruments, until_ns),
            *self._of_funding(words, until_ns),
        ]
        if not made:
            self._lag = self._lag_of(words)
            return rows
        new = np.array(made, WORD).reshape(-1, ROW_WORDS)
        new = new[np.lexsort((new[:, HEAD], new[:, TS_EVENT]))]  # of one instant by instrument
        woven = np.concatenate([new, words])  # of one instant what is made stands in front
        woven = woven[np.argsort(woven[:, TS_EVENT], kind="stable")]
        self._be_late(woven)
        return woven.view(RAW).reshape(-1)

    def _lag_of(self, words: np.ndarray) -> int:
        return int(words[-1, TS_RECV] - words[-1, TS_EVENT]) if len(words) else self._lag

    def _be_late(self, woven: np.ndarray) -> None:
        """Give what was made (its receive stamp is 0) the lag of the recorded row before it."""
        recorded = woven[:, TS_RECV] != 0
        lags = np.where(recorded, woven[:, TS_RECV] - woven[:, TS_EVENT], 0)
        newest = np.maximum.accumulate(np.where(recorded, np.arange(len(woven)), -1))
        lags = np.where(newest >= 0, lags[newest], self._lag)
        woven[:, TS_RECV] = woven[:, TS_EVENT] + lags
        self._lag = int(lags[-1])

    # --- mark prices ------------------------------------------------------------------------------------------------------

    def _stated(self, instrument: int, due_ns: int, price_x2: int) -> Iterable[list[int]]:
        """A mark row of twice a price in quanta, where it says something new."""
        finer = MARK_PLACES - self._lacking[instrument].price_scale
        mark = price_x2 * 10 ** max(finer, 0) // (2 * 10 ** max(-finer, 0))
        if mark > 0 and self._said.get(instrument) != mark:
            self._said[instrument] = mark
            yield _row(instrument, due_ns, mark=mark)

    def _of_prints(
        self, words: np.ndarray, kinds: np.ndarray, instruments: np.ndarray, until_ns: int
    ) -> Iterable[list[int]]:
        for instrument, second, price in _groups(words, kinds, instruments):
            known = self._last.get(instrument)
            if known is not None and known[0] < second:
                yield from self._stated(instrument, (known[0] + 1) * SECOND_NS, 2 * known[1])
            self._last[instrument] = second, price
        for instrument, (second, price) in list(self._last.items()):
            if (second + 1) * SECOND_NS < until_ns:
                del self._last[instrument]
                yield from self._stated(instrument, (second + 1) * SECOND_NS, 2 * price)

    def _looked_at(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Kind of each row that mark prices are made of, else 0; and the instrument of each row."""
        kinds, instruments = words[:, HEAD] & _KIND, words[:, HEAD] >> _INSTRUMENT & int(WORD_MASK)
        for venue, desk in _SAME.items():
            kinds = np.where(kinds == venue, desk, kinds)
        wanted = self._kinds[np.minimum(instruments, len(self._kinds) - 1)]
        known = (instruments < len(self._kinds)) & (wanted == kinds)
        return np.where(known, kinds, 0), instruments

    def _of_books(
        self, words: np.ndarray, kinds: np.ndarray, instruments: np.ndarray, until_ns: int
    ) -> Iterable[list[int]]:
        at = np.flatnonzero(kinds == LEVEL.number)
        seconds = words[at, TS_EVENT] // SECOND_NS
        for begin, end in _runs(seconds):
            if seconds[begin] > self._second:
                yield from self._middles()
                self._second = int(seconds[begin])
            self._stirred.update(np.unique(instruments[at[begin:end]]).tolist())
            for rows in beside(words[at[begin:end]].view(RAW).reshape(-1)):
                self._state = fold(self._state, rows, int(self._state.clock[0]["seq"]) + 1)
        if self._stirred and (self._second + 1) * SECOND_NS < until_ns:
            yield from self._middles()

    def _middles(self) -> Iterable[list[int]]:
        """The second under way is over."""
        for instrument in sorted(self._stirred):
            pair = best(self._state, instrument)
            if pair is not None:
                yield from self._stated(instrument, (self._second + 1) * SECOND_NS, pair[0] + pair[1])
        self._stirred.clear()

    # --- funding ----------------------------------------------------------------------------------------------------------

    def _of_funding(self, words: np.ndarray, until_ns: int) -> Iterable[list[int]]:
        """The next funding is stated with the first row, and right behind each funding."""
        for each in self._lacking.values():
            if not each.interval_ns or not (len(words) or each.instrument in self._funded):
                continue
            if each.instrument not in self._funded:
                yield self._fund(each, int(words[0, TS_EVENT]))
            while self._funded[each.instrument] + 1 < until_ns:
                yield self._fund(each, self._funded[each.instrument] + 1)

    def _fund(self, each: Lacking, at_ns: int) -> list[int]:
        due_ns = (at_ns // each.interval_ns + 1) * each.interval_ns
        self._funded[each.instrument] = due_ns
        return _row(each.instrument, at_ns, rate_e8=each.rate_e8, funding_ns=due_ns)


def _row(instrument: int, at_ns: int, *, mark: int = 0, rate_e8: int = 0, funding_ns: int = 0) -> list[int]:
    head = MARK.number | MARK.version << int(VERSION_SHIFT) | (FIRST | LAST) << _FLAGS | instrument << _INSTRUMENT
    return [head, 0, at_ns, 0, mark, 0, rate_e8, funding_ns]


def _runs(values: np.ndarray) -> Iterable[tuple[int, int]]:
    """Where stretches of equal values begin and end."""
    if not len(values):
        return ()
    return pairwise([0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)])


def _groups(words: np.ndarray, kinds: np.ndarray, instruments: np.ndarray) -> Iterable[tuple[int, int, int]]:
    """(instrument, second, price) of the last print or close in each second, each instrument's in the order of time."""
    flags = words[:, HEAD] >> _FLAGS
    is_bar = kinds == BAR.number
    priced = (kinds > 0) & (kinds != LEVEL.number) & np.where(is_bar, flags & CLOSED != 0, flags & ODD == 0)
    at = np.flatnonzero(priced)
    at = at[np.argsort(instruments[at], kind="stable")]
    seconds, of = words[at, TS_EVENT] // SECOND_NS, instruments[at]
    newest = (np.diff(of, append=-1) != 0) | (np.diff(seconds, append=-1) != 0)
    prices = np.where(is_bar[at], words[at, AUX], words[at, PRICE])
    return zip(of[newest].tolist(), seconds[newest].tolist(), prices[newest].tolist(), strict=True)


# --- what is lacking ------------------------------------------------------------------------------------------------------


def lacking_of(world: World, settings: Settings, found: Survey) -> list[Lacking]:
    """What is to be made for the contracts that are traded, and can be.

    Raises:
        SettingsError: Something is wanted that cannot be made, or that the data have.
    """
    for each in world.traded:
        own = [name for name in OWN if each.said.get(name)]
        if own and each.product is Product.SPOT:
            raise SettingsError(
                f"{world.label(each)} is spot, which has no mark price and no funding; leave {own[0]} out of its table."
            )
    contracts = [each for each in world.traded if each.product is not Product.SPOT]
    if not contracts and wanted_of(settings):
        raise SettingsError(f"{wanted_of(settings)[0]} is of contracts, and none is traded; leave it out.")
    made = [_lacking(each, world, settings, found) for each in contracts]
    return [each for each in made if each.mark_of or each.interval_ns]


def wanted_of(settings: Settings) -> list[str]:
    """What is to be made, by the names of the settings that say so."""
    found = [OF_INSTRUMENT[name] for name in OWN if settings[OF_INSTRUMENT[name]]]
    return found + [f"{name} of an instrument" for name in OWN if any(each.get(name) for each in settings.instruments)]


def _lacking(each: Traded, world: World, settings: Settings, found: Survey) -> Lacking:
    known, symbol = each.instrument, world.label(each)
    is_marked = (MARK.number, each.number) in found.kinds
    source, rate = each.setting(settings, "mark"), each.setting(settings, "funding_rate")
    mark_of = 0 if is_marked or not source else _source(source, each, symbol, found)
    if not rate:
        return Lacking(each.number, known.price_scale, mark_of)
    if each.number in found.funded:
        raise SettingsError(
            f"funding.rate is {text_of(rate)}, and the data state the funding of {symbol} themselves; leave it out, or write it as "
            "funding_rate in the tables [[instruments]] of the others."
        )
    if settings["match.compat"] != "none":
        raise SettingsError("funding.rate goes with match.compat none, as hftbacktest knows no funding; leave one out.")
    if not is_marked and not mark_of:
        raise SettingsError(
            f"funding.rate is paid on the mark price, of which the data hold none of {symbol}; set mark.source to last or mid."
        )
    return Lacking(
        each.number, known.price_scale, mark_of, int(rate.scaleb(RATE_SCALE)), settings["funding.interval_h"] * HOUR_NS
    )


def _source(source: str, each: Traded, symbol: str, found: Survey) -> int:
    """The kind of rows that mark prices are made of."""
    there = [kind for kind, number in found.kinds if number == each.number]
    kinds = [kind for kind in SOURCES[source] if kind in there]
    if kinds:
        return _SAME.get(kinds[0], kinds[0])
    other = "mid" if source == "last" else "last"
    suits = any(kind in there for kind in SOURCES[other])
    raise SettingsError(
        f"mark.source is {source}, and the data hold no {LOOKS[source]} of {symbol}; "
        + (f"set it to {other}." if suits else "take other data.")
    )


def told_of_marks(kind: int) -> str:
    """What mark prices were made of, as a sentence tells it."""
    if kind == LEVEL.number:
        return "the middle of the book"
    return "the close of the last bar" if kind == BAR.number else "the price of the last trade"


def marker_of(world: World, lacking: Sequence[Lacking]) -> Marker | None:
    """Who makes it; None where there is nothing to make."""
    return Marker(lacking, fold(new_state(), listing_rows(world, 0).rows(), 1)) if lacking else None
