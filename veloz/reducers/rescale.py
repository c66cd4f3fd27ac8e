"""Other scales of an instrument: every quantity its slot keeps, multiplied by a power of ten.

Exact when the new scale is finer. When it is coarser prices and quantities are rounded down; levels that fall on one price are
added up, levels that vanish are removed. If a number no longer fits, the book breaks and waits for its next
snapshot, and other numbers are held at the greatest value there is.
"""

from typing import Final

import numpy as np

from veloz.reducers.booksync import BookState
from veloz.reducers.limits import BARS_KEPT, PRICE_MAX, QTY_MAX, SUM_BITS
from veloz.reducers.state import INTERVALS, State
from veloz.reducers.sums import halves, whole
from veloz.reducers.windows import levels_of, place_side, width_of

_SUM_MAX: Final = (1 << SUM_BITS) - 1


def scaled(value: int, places: int) -> int:
    """value · 10**places, rounded down."""
    factor: int = 10 ** abs(places)
    return value * factor if places >= 0 else value // factor


def rescale_slot(state: State, slot_ix: int, price_places: int, qty_places: int) -> State:
    """Change the scales of all that a slot keeps.

    Args:
        state: State.
        slot_ix: The slot.
        price_places: Decimals that prices gain (or, below 0, lose).
        qty_places: The same of quantities.
    """
    fits = True
    for ask in (0, 1):
        state, side_fits = _rescale_side(state, 2 * slot_ix + ask, ask, price_places, qty_places)
        fits = fits and side_fits
    fits = _rescale_held(state, slot_ix, price_places, qty_places) and fits
    if not fits:
        break_book(state, slot_ix)
    _rescale_last(state, slot_ix, price_places, qty_places)
    _rescale_bars(state, slot_ix, price_places, qty_places)
    _rescale_spread(state, slot_ix, price_places)
    return state


def _rescale_side(state: State, side_ix: int, ask: int, price_places: int, qty_places: int) -> tuple[State, bool]:
    keys, qtys = levels_of(state, side_ix)
    sign = -1 if ask else 1
    levels: dict[int, int] = {}
    for key, qty in zip(keys.tolist(), qtys.tolist(), strict=True):
        new_key = sign * scaled(sign * key, price_places)
        levels[new_key] = levels.get(new_key, 0) + scaled(qty, qty_places)
    kept = sorted((key, qty) for key, qty in levels.items() if qty > 0)
    fits = all(abs(key) <= PRICE_MAX and qty <= QTY_MAX for key, qty in kept)
    if not fits:
        kept = []
    side = state.sides[side_ix]
    if side["hi"] < side["lo"]:
        return state, fits
    focus = kept[-1][0] if kept else 0
    new_keys, new_qtys = (np.array([pair[i] for pair in kept], np.int64) for i in (0, 1))
    return place_side(state, side_ix, new_keys, new_qtys, focus, width_of(state, side_ix)), fits


def _rescale_held(state: State, slot_ix: int, price_places: int, qty_places: int) -> bool:
    """Rows held back. One that no longer fits is made what no book can hold, so that its message breaks the replay."""
    slot = state.slots[slot_ix]
    at, room = int(slot["held_at"]), int(slot["held_room"])
    for k in range(int(slot["held_n"])):
        entry = state.held[at + ((int(slot["held_head"]) + k) & (room - 1))]
        price, qty = scaled(int(entry["price"]), price_places), scaled(int(entry["qty"]), qty_places)
        if entry["price"] >= 0 and entry["qty"] >= 0:
            entry["price"], entry["qty"] = (price, qty) if price <= PRICE_MAX and qty <= QTY_MAX else (-1, -1)
    return True


def break_book(state: State, slot_ix: int) -> None:
    """The book of a slot cannot be believed until its next snapshot; an empty one stays empty."""
    slot = state.slots[slot_ix]
    slot["hurt"] += 1
    if slot["state"] != BookState.EMPTY:
        slot["broken"] += int(slot["state"] != BookState.BROKEN)
        slot["state"] = BookState.BROKEN


def _fit(value: int, places: int, most: int) -> int:
    return min(scaled(value, places), most)


def _rescale_fields(record: np.void, names: str, places: int, most: int) -> None:
    for name in names.split():
        record[name] = max(_fit(int(record[name]), places, most), -most - 1)


def _rescale_last(state: State, slot_ix: int, price_places: int, qty_places: int) -> None:
    for record, prices, qtys in (
        (state.trades[slot_ix], "price", "qty"),
        (state.quotes[slot_ix], "bid ask", "bid_qty ask_qty"),
        (state.liquidations[slot_ix], "price avg_price", "qty filled"),
    ):
        _rescale_fields(record, prices, price_places, PRICE_MAX)
        _rescale_fields(record, qtys, qty_places, QTY_MAX)
    _rescale_fields(state.tapes[slot_ix], "stated_close stated_open stated_high stated_low", price_places, PRICE_MAX)


def _rescale_sum(record: np.void, name: str, places: int) -> None:
    value = _fit(whole(record[f"{name}_hi"], record[f"{name}_lo"]), places, _SUM_MAX)
    record[f"{name}_hi"], record[f"{name}_lo"] = halves(value)


def _rescale_bars(state: State, slot_ix: int, price_places: int, qty_places: int) -> None:
    first = slot_ix * INTERVALS * BARS_KEPT
    bars = state.bars[first : first + INTERVALS * BARS_KEPT]
    for place in np.flatnonzero(bars["records"]).tolist():
        bar = bars[place]
        _rescale_fields(bar, "open high low close", price_places, PRICE_MAX)
        _rescale_sum(bar, "volume", qty_places)
        _rescale_sum(bar, "buy", qty_places)
        _rescale_sum(bar, "quote", price_places + qty_places)


def _rescale_spread(state: State, slot_ix: int, price_places: int) -> None:
    feed = state.feeds[slot_ix]
    _rescale_fields(feed, "spread_last spread_min spread_max", price_places, PRICE_MAX)
    _rescale_sum(feed, "spread", price_places)
