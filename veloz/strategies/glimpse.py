"""Whether a beat has anything new for a strategy that asks to be told of changes only (`sdk.Wakes.if_changed`).

What is compared is kept word for word, no hash of it: for each timer one row of `seen`, as it was when that timer was last told,

    told  refused  parameters' revision  intents  |  of each instrument: synced bid ask position frozen
    |  open orders  |  of each: key price qty filled state free

`intents` stands for all that came of what the strategy asked for and left no trace, such as an order that the venue turned away at
once: who asked for something is told at the next beat. With more open orders than there is room for, every beat is told.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, entry, kernel
from veloz.reducers.booksync import BookState
from veloz.reducers.order_table import is_over
from veloz.reducers.state import State
from veloz.reducers.words import NONE, ONE, ZERO, I
from veloz.strategies.telling import may_run
from veloz.strategies.window import is_free

ORDERS_SEEN: Final = 16  # open orders that are compared
_HEAD, _EACH, _ORDER = 4, 5, 6  # words
_ORDERS_SEEN, _ORDER_WORDS = I(ORDERS_SEEN), I(_ORDER)
_LOADED, _SYNCED = I(BookState.LOADED), I(BookState.SYNCED)
_NOTHING: Final = I(-1)


def new_seen(timers: int, instruments: int) -> np.ndarray:
    """i8[timers, words], of timers that were never told; no row: nothing is compared."""
    return np.zeros((timers, _HEAD + _EACH * instruments + 1 + _ORDER * ORDERS_SEEN), np.int64)


@kernel
def _differs(seen: np.ndarray, timer: I, at: I, word: I) -> bool:
    """Whether a word is not what it was; it is kept."""
    differs = seen[timer, at] != word
    seen[timer, at] = word
    return bool(differs)


@kernel
def _book_differs(state: State, instrument: I, seen: np.ndarray, timer: I, at: I) -> bool:
    """As the strategy is shown a book: a side without a price, and one that is not to be believed, are -1."""
    slot_ix = state.instruments[instrument]["slot"]
    synced, bid, ask = ZERO, _NOTHING, _NOTHING
    if slot_ix >= ZERO:
        book = state.slots[slot_ix]["state"]
        synced = I(book in (_LOADED, _SYNCED))
        bid_key, ask_key = state.sides[slot_ix << ONE]["best"], state.sides[(slot_ix << ONE) + ONE]["best"]
        if synced != ZERO and bid_key != NONE:
            bid = I(bid_key)
        if synced != ZERO and ask_key != NONE:
            ask = I(-ask_key)
    news = _differs(seen, timer, at, synced)
    news = _differs(seen, timer, at + I(1), bid) or news
    return _differs(seen, timer, at + I(2), ask) or news


@kernel
def _own_differs(state: State, instrument: I, strategy: I, seen: np.ndarray, timer: I, at: I) -> bool:
    """The strategy's position, and whether the instrument is frozen."""
    position, frozen = ZERO, ZERO
    if instrument < state.terms.shape[0]:
        frozen = I(state.terms[instrument]["frozen"])
        position_ix = state.terms[instrument]["positions_ix"]
        while position_ix >= ZERO:
            if state.positions[position_ix]["strategy"] == strategy:
                position += state.positions[position_ix]["qty"]
            position_ix = state.positions[position_ix]["next_ix"]
    news = _differs(seen, timer, at, I(position))
    return _differs(seen, timer, at + ONE, frozen) or news


@kernel
def _order_differs(order: np.void, seen: np.ndarray, timer: I, at: I) -> bool:
    news = _differs(seen, timer, at, I(order["key"]))
    news = _differs(seen, timer, at + I(1), I(order["price"])) or news
    news = _differs(seen, timer, at + I(2), I(order["qty"])) or news
    news = _differs(seen, timer, at + I(3), I(order["filled"])) or news
    news = _differs(seen, timer, at + I(4), I(order["state"])) or news
    return _differs(seen, timer, at + I(5), I(is_free(order))) or news


@cold
def glimpse(state: State, strategy: I, instruments: np.ndarray, seen: np.ndarray, timer: I) -> bool:
    """Whether a beat is to be told; what there is now counts as seen then.

    Nothing is told to, and nothing seen by, a strategy that may not be woken.

    Args:
        state: At the step's end. Read only.
        strategy: Its number.
        instruments: i8: numbers of its instruments.
        seen: Of `new_seen`.
        timer: Its row there.
    """
    if not may_run(state, strategy):
        return False
    own, n = state.strategies[strategy], ZERO
    news = _differs(seen, timer, I(1), I(own["refused"]))
    news = _differs(seen, timer, I(2), I(own["params_revision"])) or news
    news = _differs(seen, timer, I(3), I(own["intents"])) or news
    at, count_at = I(_HEAD), I(_HEAD + _EACH * instruments.shape[0])
    for place in range(instruments.shape[0]):
        instrument = I(instruments[place])
        news = _book_differs(state, instrument, seen, timer, at) or news
        news = _own_differs(state, instrument, strategy, seen, timer, at + I(3)) or news
        at += I(_EACH)
        order_ix = state.terms[instrument]["orders_ix"] if instrument < state.terms.shape[0] else _NOTHING
        while order_ix >= ZERO:
            order = state.orders[order_ix]
            order_ix = order["next_ix"]
            if order["strategy"] != strategy or is_over(order["state"]):
                continue
            if n < _ORDERS_SEEN:
                news = _order_differs(order, seen, timer, count_at + ONE + n * _ORDER_WORDS) or news
            n += ONE
    news = _differs(seen, timer, count_at, n) or news
    return _differs(seen, timer, ZERO, I(n <= _ORDERS_SEEN)) or news or bool(n > _ORDERS_SEEN)


@entry
def is_news(state: State, strategy: int | I, instruments: np.ndarray, seen: np.ndarray, timer: int | I) -> bool:
    """As `glimpse`."""
    return bool(glimpse(state, I(strategy), instruments, seen, I(timer)))
