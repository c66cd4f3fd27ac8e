"""Other scales, or another multiplier, of an instrument: all that trading keeps in its quanta, exactly or not at all.

Scales: terms, orders (finished ones too), positions, lots, and the quantity limits of the instrument's own scope, raises that wait among
them. Finer scales multiply. Coarser ones are taken only where every number divides. Quantity limits of other scopes count quanta of
whatever is traded, so they stay the numbers they are: at a finer scale they allow less; a coarser one, at which they would allow more,
is not taken.

Multiplier: never under an open order or position. Of closed positions realized pnl stays the money it was, where that can be told.

What cannot be done exactly is not done: the instrument is suspended (definition below 0) and frozen with ARITHMETIC. It keeps its old
terms and numbers, told at its last mark. Rows that count in its quanta would be misread, so they are not folded but counted in
CLOCK.rows_unlisted; cancels and what else has no quanta still are. The next instrument.changed that can be taken resumes it: its
book waits for a snapshot, it stays frozen until a person settles it, and what was not heard shows in the venue's statements.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from veloz.contracts.codes import Limit, Refusal
from veloz.contracts.terms import ScopeKind
from veloz.reducers.bits import P_INVERSE
from veloz.reducers.desk import LIMITS
from veloz.reducers.order_store import PRICE_MOST, QTY_MOST
from veloz.reducers.prices import places_at
from veloz.reducers.rescale import break_book, scaled
from veloz.reducers.scope_rows import VALUE_MAX
from veloz.reducers.scopes import FIXED, freeze
from veloz.reducers.state import State
from veloz.reducers.sums import whole
from veloz.reducers.wide import WORD_MAX, split
from veloz.reducers.words import I
from veloz.reducers.worth import COIN_PLACES

_TERMS_PRICES: Final = ("price_min", "price_max", "last_price")
_TERMS_QTYS: Final = ("qty_min", "qty_max", "market_qty_min", "market_qty_max", "market_lot", "last_qty")
_ORDER_PRICES: Final = ("price", "trigger", "activation", "pending_price")
_ORDER_QTYS: Final = (
    "qty", "filled", "traded", "busted", "qty_most", "hold_qty", "end_filled", "pending_qty",
)  # fmt: skip
_POSITION_QTYS: Final = ("qty", "stated_qty", "buys", "sells", "buys_reduce", "sells_reduce")
_BASE_QTYS: Final = ("base_qty",)
_QUANTITY_LIMITS: Final = (Limit.ORDER_QTY, Limit.POSITION_QTY)
_WIDE_MOST: Final = (1 << 122) - (1 << 62)
_FINER_MOST: Final = 18


class _InexactError(ArithmeticError):
    """A number would be rounded, or leave its bounds."""


class Change(NamedTuple):
    """What becomes of an instrument's units."""

    price_places: int  # decimals that prices gain (or, below 0, lose)
    qty_places: int
    multiplier_e8: int  # from here on


class _Write(NamedTuple):
    """One field to be written."""

    record: np.void | np.ndarray
    name: str | int  # a field, or a place
    value: int


def rescale_desk(state: State, number: int, change: Change) -> bool:
    """Put all that trading keeps of an instrument into other units. False: it cannot be told exactly, and nothing was changed.

    Args:
        state: State, the instrument's old scales and multiplier in it.
        number: The instrument, listed before.
        change: Its new units.
    """
    old = state.instruments[number]
    if number >= len(state.terms) or change == (0, 0, int(old["multiplier_e8"])):
        return True
    try:
        writes = list(_plan(state, number, change))
    except _InexactError:
        return False
    for record, name, value in writes:
        record[name] = value
    state.desk[0]["dirty"] = 1
    return True


def suspend(state: State, number: int, seq: int) -> None:
    """Fold no row in the quanta of an instrument any more, and freeze it."""
    known = state.instruments[number]
    known["definition"] = -abs(int(known["definition"]))
    if known["slot"] >= 0:
        break_book(state, int(known["slot"]))
        known["slot"] = -1
    freeze(state, I(number), I(Refusal.ARITHMETIC), I(seq))
    state.desk[0]["dirty"] = 1


def resume(state: State, number: int) -> None:
    """Give an instrument that was suspended the market slot it had."""
    used = int(state.clock[0]["slots_used"])
    for slot_ix in np.flatnonzero(state.slots["instrument"][:used] == number).tolist():
        state.instruments[number]["slot"] = slot_ix


def _plan(state: State, number: int, change: Change) -> Iterator[_Write]:
    price, qty, multiplier = change
    terms = state.terms[number]
    ratio = int(state.instruments[number]["multiplier_e8"]), multiplier
    if ratio[0] != multiplier:
        _check_nothing_open(state, number)
    yield from _scale_all(terms, _TERMS_PRICES, price, int(PRICE_MOST))
    yield from _scale_all(terms, _TERMS_QTYS, qty, int(QTY_MOST) - 1)
    yield from _plan_mark(state, number, price)
    orders = state.orders
    for order_ix in np.flatnonzero((orders["instrument"] == number) & (orders["key"] != 0)).tolist():
        order = orders[order_ix]
        yield from _scale_all(order, _ORDER_PRICES, price, int(PRICE_MOST))
        yield from _scale_all(order, _ORDER_QTYS, qty, int(QTY_MOST) - 1)
        yield from _scale_wide(order, "value", price + qty)
    inverse = int(terms["product"]) == int(P_INVERSE)
    places = 0 if inverse else _inner_change(state.instruments[number], price + qty)
    for position in _positions_of(state, number):
        yield from _plan_position(state, position, change, places)
        if not inverse and ratio[0] != multiplier:
            yield from _plan_realized(position, places, ratio)
    yield from _plan_limits(state, int(terms["scope_ix"]), qty)


def _inner_change(known: np.void, places: int) -> int:
    """How many more decimals inner units have once price and quantity together have `places` more."""
    before = int(known["price_scale"]) + int(known["qty_scale"])
    return max(before + places, int(COIN_PLACES)) - max(before, int(COIN_PLACES))


def _positions_of(state: State, number: int) -> Iterator[np.void]:
    at = int(state.terms[number]["positions_ix"])
    while at >= 0:
        yield state.positions[at]
        at = int(state.positions[at]["next_ix"])


def _check_nothing_open(state: State, number: int) -> None:
    if state.terms[number]["orders_ix"] >= 0 or any(position["qty"] != 0 for position in _positions_of(state, number)):
        raise _InexactError


def _exact(value: int, places: int, most: int) -> int:
    """value · 10**places."""
    if places == 0 or value == 0:
        return value
    made, rest = divmod(value, int(10 ** max(-places, 0)))
    made *= int(10 ** max(places, 0))
    if rest != 0 or abs(made) > most:
        raise _InexactError
    return made


def _scale_all(record: np.void, names: tuple[str, ...], places: int, most: int) -> Iterator[_Write]:
    for name in names:
        yield _Write(record, name, _exact(int(record[name]), places, most))


def _write_wide(record: np.void, name: str, value: int) -> Iterator[_Write]:
    hi, lo = split(value)
    yield _Write(record, f"{name}_hi", hi)
    yield _Write(record, f"{name}_lo", lo)


def _wide(record: np.void, name: str) -> int:
    return whole(record[f"{name}_hi"], record[f"{name}_lo"])


def _scale_wide(record: np.void, name: str, places: int) -> Iterator[_Write]:
    if places != 0:
        yield from _write_wide(record, name, _exact(_wide(record, name), places, _WIDE_MOST))


def _plan_position(state: State, position: np.void, change: Change, value_places: int) -> Iterator[_Write]:
    price, qty, _ = change
    yield from _scale_all(position, _POSITION_QTYS, qty, int(WORD_MAX))
    for name, places in (("cost", value_places), ("real", value_places), ("bought", qty), ("sold", qty)):
        yield from _scale_wide(position, name, places)
    yield from _plan_base(position, qty, value_places)
    at = int(position["lots_ix"])
    while at >= 0:
        lot = state.lots[at]
        yield from _scale_all(lot, ("qty",), qty, int(WORD_MAX))
        yield from _scale_all(lot, ("price",), price, int(WORD_MAX))
        at = int(lot["next_ix"])


def _plan_base(position: np.void, qty_places: int, value_places: int) -> Iterator[_Write]:
    """What average cost is measured by. Nothing measures a closed position: there it may be forgotten."""
    try:
        writes = [
            *_scale_all(position, _BASE_QTYS, qty_places, int(WORD_MAX)),
            *_scale_wide(position, "base", value_places),
        ]
    except _InexactError:
        if position["qty"] != 0:
            raise
        writes = [_Write(position, "base_qty", 0), *_write_wide(position, "base", 0)]
    yield from writes


def _plan_realized(position: np.void, places: int, ratio: tuple[int, int]) -> Iterator[_Write]:
    """Realized pnl of a closed position: the same money at another multiplier."""
    old, new = ratio
    value = _exact(_wide(position, "real"), places, _WIDE_MOST) * old
    if value == 0:
        return
    if new <= 0 or value % new != 0 or abs(value // new) > _WIDE_MOST:
        raise _InexactError
    yield from _write_wide(position, "real", value // new)


def _plan_mark(state: State, number: int, price_places: int) -> Iterator[_Write]:
    """The mark with as many decimals as the new scale has; from it the reference in quanta, rounded down as it always is."""
    terms, old_scale = state.terms[number], int(state.instruments[number]["price_scale"])
    if price_places == 0 or terms["mark"] == 0:
        return
    scale = old_scale + price_places
    places = int(places_at(I(scale)))
    more = places - int(places_at(I(old_scale)))
    mark = _exact(int(terms["mark"]), more, int(WORD_MAX))
    yield _Write(terms, "mark", mark)
    yield _Write(terms, "mark_places", places)
    yield _Write(terms, "reference", mark // 10 ** min(places - scale, _FINER_MOST))
    for position in _positions_of(state, number):
        yield from _scale_all(position, ("mark",), more, int(WORD_MAX))
        liquidation = scaled(int(position["liquidation"]), more)
        yield _Write(position, "liquidation", liquidation if liquidation <= WORD_MAX else 0)


def _plan_limits(state: State, scope_ix: int, places: int) -> Iterator[_Write]:
    for place in range(int(state.desk[0]["scopes_used"])):
        shared = place < FIXED or state.scopes[place]["kind"] != ScopeKind.INSTRUMENT
        for limit in _QUANTITY_LIMITS:
            at = place * LIMITS + limit
            if shared and places < 0 and state.limits[at] > 0:
                raise _InexactError
            if place == scope_ix:
                yield from _plan_limit(state, at, places)


def _plan_limit(state: State, at: int, places: int) -> Iterator[_Write]:
    if state.limits[at] > 0:
        yield _Write(state.limits, at, _exact(int(state.limits[at]), places, int(VALUE_MAX)))
    note = state.limit_notes[at]
    if note["pending_seq"] > 0 and note["pending_value"] > 0:
        yield from _scale_all(note, ("pending_value",), places, int(VALUE_MAX))
