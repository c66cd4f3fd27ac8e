"""From State to what a strategy may see: a few flat arrays, filled by one compiled call a wake, and the scan that finds who wakes.

The arrays are copies. A kernel is given them; a `View` is made of the same numbers. So both forms see the same, and neither sees State.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from veloz.contracts.bundle import reader
from veloz.contracts.kernel import entry, kernel
from veloz.contracts.layout import WORD
from veloz.reducers.bars import INTERVAL_NAMES, INTERVALS_NS, bar_at, is_open
from veloz.reducers.bits import M_TIF, M_TYPE, S_SELL, S_TIF, S_TYPE, part
from veloz.reducers.book import find_below
from veloz.reducers.booksync import BookState
from veloz.reducers.limits import BARS_KEPT
from veloz.reducers.order_table import OrderState, is_over
from veloz.reducers.state import State
from veloz.reducers.view import slot_of, top
from veloz.reducers.words import (
    BYTE_MASK,
    INSTRUMENT_SHIFT,
    KIND_MASK,
    KINDS_MAX,
    KNOWN,
    NONE,
    ONE,
    RAW,
    VERSION_SHIFT,
    WORD_MASK,
    ZERO,
    I,
)  # fmt: skip
from veloz.strategies.sdk import BAR, EVENT, MARKET, OWN, Params, Shape, View, Window

ORDERS_FIRST: Final = 16  # open orders a window has room for at first; doubled when there are more
CLOCK_WORDS: Final = 7  # now, seq, refused, and the four of sdk.Pnl
_ACCEPTED, _PARTIAL = I(OrderState.ACCEPTED), I(OrderState.PARTIALLY_FILLED)
_LOADED, _SYNCED = I(BookState.LOADED), I(BookState.SYNCED)
_NOTHING: Final = I(-1)
_rows_in: Final = reader(RAW)
_VOLUME_MAX: Final = I((1 << 62) - 1)
_LENGTHS: Final = np.array(INTERVALS_NS, np.int64)
_BARS_BACK: Final = BARS_KEPT  # the ring holds this many buckets, the open one among them


class Sights(NamedTuple):
    """A strategy's arrays, and what of State goes into them."""

    strategy: int
    instruments: np.ndarray  # i8: their numbers
    intervals: np.ndarray  # i8: ns
    clock: np.ndarray  # i8[CLOCK_WORDS]
    window: Window
    blank: np.ndarray  # i8: what of it is cleared before it is filled
    shape: Shape
    shown: tuple[
        memoryview, ...
    ]  # what a view is made of: the bytes from the clock to so many open orders, which lie in one piece
    event: memoryview  # i8: the words of `window.event`
    orders_n: int = 0  # open orders in `window.orders`


def new_sights(
    strategy: int,
    instruments: Sequence[int],
    intervals: Sequence[str],
    depth: int,
    history: int,
    room: int = ORDERS_FIRST,
) -> Sights:
    """Arrays for a strategy.

    Args:
        strategy: Its number.
        instruments: Numbers of its instruments.
        intervals: Names of bar intervals it declares.
        depth: Levels of each side it looks at.
        history: Closed bars of each interval it looks at.
        room: For so many open orders.
    """
    n, lengths = len(instruments), [INTERVALS_NS[INTERVAL_NAMES.index(name)] for name in intervals]
    sizes = (
        _words(EVENT), CLOCK_WORDS, n * _words(MARKET), n * 2 * depth * 2, n * len(lengths) * history * _words(BAR), room * _words(OWN),
    )  # fmt: skip
    block = np.zeros(sum(sizes), np.int64)
    event, clock, markets, levels, bars, orders = np.split(block, np.cumsum(sizes)[:-1])
    window = Window(
        event=event.view(EVENT),
        markets=markets.view(MARKET),
        orders=orders.view(OWN),
        levels=levels.reshape(n, 2, depth, 2),
        bars=bars.view(BAR).reshape(n, len(lengths), history),
    )
    begins = np.cumsum((CLOCK_WORDS, *sizes[2:5])) * WORD.itemsize
    shape = Shape(instruments, intervals, depth, history, begins.tolist())
    blank = block[sizes[0] + sizes[1] : len(block) - sizes[5]]
    raw = memoryview(block[sizes[0] :]).cast("B")  # type: ignore[arg-type]
    shown = tuple(raw[: shape.orders + k * OWN.itemsize] for k in range(room + 1))
    return Sights(
        strategy, np.array(instruments, np.int64), np.array(lengths, np.int64), clock, window, blank, shape, shown,
        memoryview(event),  # type: ignore[arg-type]
    )  # fmt: skip


def _words(dtype: np.dtype[np.void]) -> int:
    return dtype.itemsize // WORD.itemsize


@entry
def scan(
    words: np.ndarray, heads: np.ndarray, asked: np.ndarray, last: np.ndarray, singles: np.ndarray, rare: np.ndarray
) -> I:
    """Find the rows of a step that somebody waits for.

    Args:
        words: i8[8 · n], the words of the rows.
        heads: i8[KINDS_MAX + 1]: the run of `asked` for each kind.
        asked: i8: the instrument asked for, 0 = any, by kind.
        last: i8, beside it, -1 everywhere: the last row that fits is put there.
        singles: i8[KINDS_MAX]: not 0 for kinds whose rows are listed one by one.
        rare: i8[n]: those rows are put there.

    Returns:
        How many rows are in `rare`, and in the bits above 32 how many places of `last` were hit.
    """
    raw = _rows_in(words)
    found, hits = ZERO, ZERO
    for k in range(raw.shape[0]):
        head = raw[k]["head"]
        kind = head & KIND_MASK
        if kind >= KINDS_MAX or (head >> VERSION_SHIFT) & BYTE_MASK > KNOWN[kind]:
            continue
        if singles[kind] != 0:
            rare[found] = k
            found += ONE
        instrument = (head >> INSTRUMENT_SHIFT) & WORD_MASK
        for place in range(heads[kind], heads[kind + ONE]):
            if asked[place] == instrument or asked[place] == ZERO:
                hits += I(last[place] < 0)
                last[place] = k
    return found | (hits << I(32))


@kernel
def _show_book(state: State, slot_ix: I, market: np.void) -> None:
    slot = state.slots[slot_ix]
    believed = slot["state"] == _LOADED or slot["state"] == _SYNCED
    market["synced"] = I(believed)
    bid_side, ask_side = state.sides[slot_ix << ONE], state.sides[(slot_ix << ONE) + ONE]
    if believed and bid_side["best"] != NONE:
        market["bid"] = bid_side["best"]
        market["bid_qty"] = state.levels[bid_side["at"] + bid_side["best"]]
    if believed and ask_side["best"] != NONE:
        market["ask"] = -ask_side["best"]
        market["ask_qty"] = state.levels[ask_side["at"] + ask_side["best"]]


@kernel
def _show_records(state: State, slot_ix: I, market: np.void) -> None:
    trade, mark, quote = state.trades[slot_ix], state.marks[slot_ix], state.quotes[slot_ix]
    if trade["count"] > 0:
        market["last"] = trade["price"]
        market["last_qty"] = trade["qty"]
        market["last_sold"] = trade["sold"]
        market["last_ns"] = trade["ts_match"]
    if mark["count"] > 0:
        market["mark_e8"] = mark["mark_e8"]
        market["index_e8"] = mark["index_e8"]
        market["funding_e8"] = mark["funding_e8"]
        market["mark_ns"] = mark["ts_event"]
    if quote["count"] > 0:
        market["quote_bid"] = quote["bid"]
        market["quote_bid_qty"] = quote["bid_qty"]
        market["quote_ask"] = quote["ask"]
        market["quote_ask_qty"] = quote["ask_qty"]


@kernel
def _show_levels(state: State, slot_ix: I, n: I, levels: np.ndarray) -> None:
    """As many levels as the window of each side holds; the rest stays 0."""
    for ask in range(2):
        side = state.sides[(slot_ix << ONE) + ask]
        key = side["best"]
        for place in range(levels.shape[2]):
            if key == NONE:
                break
            levels[n, ask, place, 0] = -key if ask == 1 else key
            levels[n, ask, place, 1] = state.levels[side["at"] + key]
            key = find_below(state.bits, side["at"], key, side["lo"], ONE)


@kernel
def _show_bars(state: State, slot_ix: I, n: I, intervals: np.ndarray, bars: np.ndarray) -> None:
    """Closed bars, the newest in the last place; those that never were are left out."""
    tape = state.tapes[slot_ix]
    for j in range(intervals.shape[0]):
        newest, at = tape["begin_ns"] // intervals[j], I(bars.shape[2]) - ONE
        interval = interval_ix(intervals[j])
        for back in range(1, _BARS_BACK):
            kept = state.bars[bar_at(slot_ix, interval, newest - back)]
            if at < 0 or back > newest:
                break
            if not is_open(kept, newest - back):
                continue
            bar = bars[n, j, at]
            bar["ts_open"] = kept["bucket"] * intervals[j]
            bar["open"] = kept["open"]
            bar["high"] = kept["high"]
            bar["low"] = kept["low"]
            bar["close"] = kept["close"]
            bar["volume"] = kept["volume_lo"] if kept["volume_hi"] == 0 else _VOLUME_MAX
            bar["buy_volume"] = kept["buy_lo"] if kept["buy_hi"] == 0 else _VOLUME_MAX
            bar["trades"] = kept["trades"]
            at -= ONE


@kernel
def is_free(order: np.void) -> bool:
    """Whether the venue has an order and nothing is being asked about it."""
    return bool(order["state"] in (_ACCEPTED, _PARTIAL) and order["pending_action"] == ZERO)


@kernel
def interval_ix(length_ns: I) -> I:
    """Which of the kept intervals has this length; 0 when none has."""
    for j in range(_LENGTHS.shape[0]):
        if _LENGTHS[j] == length_ns:
            return I(j)
    return ZERO


@kernel
def _show_orders(state: State, instrument: I, strategy: I, n: I, orders: np.ndarray) -> I:
    """The strategy's open orders of an instrument, behind `n` others; how many there are now, also where they have no place."""
    order_ix = state.terms[instrument]["orders_ix"]
    while order_ix >= 0:
        order = state.orders[order_ix]
        order_ix = order["next_ix"]
        if order["strategy"] != strategy or is_over(order["state"]):
            continue
        if n < orders.shape[0]:
            own = orders[n]
            own["order"] = order["key"]
            own["instrument"] = instrument
            own["sell"] = part(order["spec"], S_SELL, ONE)
            own["price"] = order["price"]
            own["qty"] = order["qty"]
            own["filled"] = order["filled"]
            own["type"] = part(order["spec"], S_TYPE, M_TYPE)
            own["tif"] = part(order["spec"], S_TIF, M_TIF)
            own["state"] = order["state"]
            own["free"] = I(is_free(order))
            own["created_ns"] = order["created_ns"]
        n += ONE
    return n


@kernel
def _show_position(state: State, instrument: I, strategy: I, market: np.void) -> None:
    market["frozen"] = state.terms[instrument]["frozen"]
    position_ix = state.terms[instrument]["positions_ix"]
    while position_ix >= 0:
        position = state.positions[position_ix]
        if position["strategy"] == strategy:
            market["position"] += position["qty"]
        position_ix = position["next_ix"]


@entry
def gather(
    state: State, strategy: int | I, instruments: np.ndarray, intervals: np.ndarray, clock: np.ndarray, window: Window
) -> I:
    """Fill a strategy's arrays; how many open orders it has. Where that is more than the window has room for, make room and ask again."""
    n = ZERO
    for place in range(window.markets.shape[0]):
        instrument = instruments[place]
        known, market = state.instruments[instrument], window.markets[place]
        market["number"] = instrument
        market["price_scale"] = known["price_scale"]
        market["qty_scale"] = known["qty_scale"]
        market["tick"] = known["tick"]
        market["lot"] = known["lot"]
        market["multiplier_e8"] = known["multiplier_e8"]
        market["bid"] = _NOTHING
        market["ask"] = _NOTHING
        market["last"] = _NOTHING
        market["quote_bid"] = _NOTHING
        market["quote_ask"] = _NOTHING
        if known["slot"] >= 0:
            _show_book(state, known["slot"], market)
            _show_records(state, known["slot"], market)
            if market["synced"] != 0 and window.levels.shape[2] > 0:
                _show_levels(state, known["slot"], I(place), window.levels)
            if window.bars.shape[2] > 0:
                _show_bars(state, known["slot"], I(place), intervals, window.bars)
        if instrument < state.terms.shape[0]:
            n = _show_orders(state, instrument, I(strategy), n, window.orders)
            _show_position(state, instrument, I(strategy), market)
    if strategy < state.strategies.shape[0]:
        clock[2] = state.strategies[strategy]["refused"]
        scope_ix = state.strategies[strategy]["scope_ix"]
        if scope_ix >= 0:
            scope = state.scopes[scope_ix]
            clock[3] = scope["realized"]
            clock[4] = scope["unrealized"]
            clock[5] = scope["costs"]
            clock[6] = scope["unconverted"]
    return n


def look(state: State, sights: Sights, now: int, seq: int) -> Sights:
    """Fill a strategy's arrays with what there is now; the sights to go on with.

    Args:
        state: State. Read only.
        sights: The strategy's.
        now: Engine time, ns.
        seq: The last row in the state.
    """
    while True:
        sights.blank.fill(0)
        sights.clock[:2] = now, seq
        window, shape = sights.window, sights.shape
        n = int(gather(state, sights.strategy, sights.instruments, sights.intervals, sights.clock, window))
        if n <= len(window.orders):
            break
        numbers, names = tuple(shape.places), tuple(shape.intervals)
        sights = new_sights(sights.strategy, numbers, names, shape.depth, shape.history, 2 * n)
    if window.levels.shape[2]:
        _complete(state, sights.instruments, window.levels)
    return sights if sights.orders_n == n else sights._replace(orders_n=n)


def _complete(state: State, instruments: np.ndarray, levels: np.ndarray) -> None:
    """Levels that lie outside a side's window, where the window had too few: rare, so the whole side is read."""
    for place, instrument in enumerate(instruments.tolist()):
        slot_ix = slot_of(state, instrument)
        if slot_ix < 0 or not (state.sides["far_n"][2 * slot_ix : 2 * slot_ix + 2] > 0).any():
            continue
        book = top(state, instrument, levels.shape[2])
        for ask, side in enumerate((book.bids, book.asks)):
            if side:
                levels[place, ask, : len(side)] = side


def view_of(sights: Sights, params: Params, orders_n: int) -> View:
    """The same numbers for a Python strategy, so many open orders among them: they become plain values when it looks at them."""
    return View(sights.shape, bytes(sights.shown[orders_n]), params)
