"""Lots of a position whose account counts first in, first out: a queue, oldest first; each a quantity at the price it was opened at.

Fills at the price of the newest lot join it: at one price there is no first and second.
"""

from typing import Final

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.state import State
from veloz.reducers.wide import WORD_MAX, add, subtract
from veloz.reducers.words import ONE, ZERO, I
from veloz.reducers.worth import fill_value

NO_LOT: Final = I(-1)


@kernel
def _new_lot(state: State) -> I:
    desk = state.desk[0]
    at = I(desk["lots_free_ix"])
    if at >= ZERO:
        desk["lots_free_ix"] = state.lots[at]["next_ix"]
    else:
        at = I(desk["lots_used"])
        desk["lots_used"] = at + ONE
    state.lots[at]["next_ix"] = NO_LOT
    return at


@cold
def push_lot(state: State, position_ix: I, price: I, qty: I, seq: I) -> tuple[I, I]:
    """Add a quantity at the end of the queue; what it adds to the cost of the lots, in inner units. Its caller saw that it fits."""
    position = state.positions[position_ix]
    tail = I(position["lots_tail_ix"])
    if tail >= ZERO and state.lots[tail]["price"] == price and qty <= WORD_MAX - state.lots[tail]["qty"]:
        lot = state.lots[tail]
        was_hi, was_lo, _ = fill_value(state, position["instrument"], price, lot["qty"])
        lot["qty"] += qty
        hi, lo, _ = fill_value(state, position["instrument"], price, lot["qty"])
        return subtract(hi, lo, was_hi, was_lo)
    at = _new_lot(state)
    lot = state.lots[at]
    lot["qty"] = qty
    lot["price"] = price
    lot["seq"] = seq
    if tail >= ZERO:
        state.lots[tail]["next_ix"] = at
    else:
        position["lots_ix"] = at
    position["lots_tail_ix"] = at
    hi, lo, _ = fill_value(state, position["instrument"], price, qty)
    return hi, lo


@cold
def pop_lots(state: State, position_ix: I, qty: I) -> tuple[I, I]:
    """Take a quantity from the front; what it takes from the cost of the lots, in inner units. The queue holds that much."""
    position = state.positions[position_ix]
    hi, lo = ZERO, ZERO
    while qty > ZERO and position["lots_ix"] >= ZERO:
        at = I(position["lots_ix"])
        lot = state.lots[at]
        part = min(qty, I(lot["qty"]))
        was_hi, was_lo, _ = fill_value(state, position["instrument"], lot["price"], lot["qty"])
        lot["qty"] -= part
        now_hi, now_lo, _ = fill_value(state, position["instrument"], lot["price"], lot["qty"])
        was_hi, was_lo = subtract(was_hi, was_lo, now_hi, now_lo)
        hi, lo = add(hi, lo, was_hi, was_lo)
        qty -= part
        if lot["qty"] == ZERO:
            _drop_first(state, position_ix)
    return hi, lo


@kernel
def _drop_first(state: State, position_ix: I) -> None:
    position, desk = state.positions[position_ix], state.desk[0]
    at = I(position["lots_ix"])
    lot = state.lots[at]
    position["lots_ix"] = lot["next_ix"]
    if position["lots_ix"] < ZERO:
        position["lots_tail_ix"] = NO_LOT
    lot["price"] = ZERO
    lot["seq"] = ZERO
    lot["next_ix"] = desk["lots_free_ix"]
    desk["lots_free_ix"] = at
