"""What an instrument is priced at: the venue's mark price, else the middle of a book to be believed, else the last trade (of aggregated
trades where no others are heard), else the close of the last bar that the venue stated as closed.

A mark is exact: it has `mark_places` decimals, enough for marks with 8 decimals and for the middle between two prices. The gate, which
thinks in quanta, takes it rounded down.
"""

from typing import Final

from veloz.contracts.codes import PriceSource
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bars import STATED
from veloz.reducers.booksync import S_LOADED, S_SYNCED
from veloz.reducers.state import State
from veloz.reducers.wide import TENS, WORD_MAX
from veloz.reducers.words import NONE, ONE, TWO, ZERO, I

UNPRICED, BY_MARK, BY_MID, BY_LAST, KEPT_PRICE, BY_CLOSE = (I(source) for source in PriceSource)
_MARK_SCALE: Final = I(8)
_PLACES_MAX: Final = I(18)
_FIVE: Final = I(5)


@kernel
def places_at(price_scale: I) -> I:
    """Decimals of marks where prices have this many."""
    return max(_MARK_SCALE, price_scale + ONE)


@kernel
def mark_places(state: State, instrument: I) -> I:
    """Decimals of the marks of an instrument."""
    return places_at(I(state.instruments[instrument]["price_scale"]))


@kernel
def _finer(price: I, places: I) -> I:
    """price · 10**places; 0 where there is no such price, or it does not fit."""
    if places > _PLACES_MAX or not ZERO < price <= WORD_MAX // TENS[places]:
        return ZERO
    return I(price * TENS[places])


@kernel
def _middle(state: State, slot_ix: I) -> I:
    """Bid + ask of a book that may be believed, in quanta; 0: there is no such book."""
    book = state.slots[slot_ix]["state"]
    if book != S_SYNCED and book != S_LOADED:
        return ZERO
    bid, ask = I(state.sides[TWO * slot_ix]["best"]), I(state.sides[TWO * slot_ix + ONE]["best"])
    if bid == NONE or ask == NONE:
        return ZERO
    if not ZERO < bid < -ask or -ask > WORD_MAX - bid:
        return ZERO
    return bid - ask


@cold
def _choose(mark_e8: I, middle: I, last: I, close: I, places: I, finer: I) -> tuple[I, I]:
    """The first of the venue's mark, bid + ask, the last price, a bar's close (0: none) that can be told with `places` decimals."""
    mark = _finer(mark_e8, places - _MARK_SCALE)
    if mark > ZERO:
        return mark, BY_MARK
    middle = _finer(middle, finer - ONE)
    if ZERO < middle <= WORD_MAX // _FIVE:
        return middle * _FIVE, BY_MID
    last = _finer(last, finer)
    if last > ZERO:
        return last, BY_LAST
    close = _finer(close, finer)
    if close > ZERO:
        return close, BY_CLOSE
    return ZERO, UNPRICED


@kernel
def traded_price(state: State, slot_ix: I) -> I:
    """The last price that was traded at, in quanta; 0: there is none."""
    if state.trades[slot_ix]["count"] > ZERO:
        return I(state.trades[slot_ix]["price"])
    tape = state.tapes[slot_ix]
    return I(state.bars[tape["ring_at"]]["close"]) if tape["source"] > STATED and tape["end_ns"] > ZERO else ZERO


@kernel
def mark_price(state: State, instrument: I) -> tuple[I, I]:
    """Price of an instrument with `mark_places` decimals, and which it is (codes.PriceSource); (0, UNPRICED) when there is none."""
    if not ZERO < instrument < state.instruments.shape[0]:
        return ZERO, UNPRICED
    slot_ix = I(state.instruments[instrument]["slot"])
    if slot_ix < ZERO:
        return ZERO, UNPRICED
    places = mark_places(state, instrument)
    mark = I(state.marks[slot_ix]["mark_e8"]) if state.marks[slot_ix]["count"] > ZERO else ZERO
    finer = places - I(state.instruments[instrument]["price_scale"])
    close = I(state.tapes[slot_ix]["stated_close"])
    return _choose(mark, _middle(state, slot_ix), traded_price(state, slot_ix), close, places, finer)


@kernel
def reference_price(state: State, instrument: I) -> tuple[I, I]:
    """The same in price quanta, rounded down; 0 when there is none."""
    mark, source = mark_price(state, instrument)
    if source == UNPRICED:
        return ZERO, UNPRICED
    finer = min(mark_places(state, instrument) - I(state.instruments[instrument]["price_scale"]), _PLACES_MAX)
    return mark // TENS[finer], source
