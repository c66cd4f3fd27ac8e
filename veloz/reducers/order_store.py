"""Where orders lie: places, the list of an instrument's open orders, the queue of finished ones, and what an order holds.

An order that is over and owes trades (more was stated as filled than shown) stays in the list until they have come. A finished order
stays for a while, so that late reports find it; then the oldest is forgotten and its place used again.
What an order holds follows from its quantity: the hold that was approved, times what it may still bring, over what it was approved for,
rounded up. While an amendment is under way it is the larger of both.
"""

from typing import Final

import numpy as np

from veloz.contracts.codes import Refusal
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import Action
from veloz.reducers.accounts import confirm, hold
from veloz.reducers.desk import ORDERS_DONE_KEPT, ORDERS_OPEN_MAX
from veloz.reducers.finding import NOWHERE, forget_order, place_order
from veloz.reducers.limits import MONEY_MAX
from veloz.reducers.order_table import (
    E_ASK_CANCEL,
    S_CANCEL_REQUESTED,
    S_UNKNOWN,
    follow,
    is_over,
)  # fmt: skip
from veloz.reducers.scopes import freeze
from veloz.reducers.state import State, blank
from veloz.reducers.tables import BACK as _BACK
from veloz.reducers.tables import CONTRADICTED as _CONTRADICTED
from veloz.reducers.tables import CONTRADICTION as _CONTRADICTION
from veloz.reducers.tables import STAY as _STAY
from veloz.reducers.wide import mul_div_up
from veloz.reducers.words import ONE, ZERO, I
from veloz.reducers.worst import owed_of, rest_of

# Bits of ORDER.marks.
SEEN: Final = I(1)  # the venue has shown that it has, or had, the order
ANSWERED: Final = I(2)  # counted as taken or rejected
ENDED_HERE: Final = I(4)  # over by our own knowledge: refused, not sent, absent
AMEND_APPROVED: Final = I(8)  # the amendment under way may be in force at the venue
CONTRADICTED: Final = I(16)
FILLED_AFTER_END: Final = I(32)
FILLED_BEYOND: Final = I(64)
FILLED_FOREIGN: Final = I(128)
HAS_BUST: Final = I(256)
OWING: Final = I(512)  # over, and still in the open list for the trades that are owed

QTY_MOST: Final = I(1 << 61)  # no quantity, and no sum of quantities, reaches this
PRICE_MOST: Final = I((1 << 62) - 1)
MONEY_MOST: Final = I(MONEY_MAX)
AMEND: Final = I(Action.AMEND)
NOBODY: Final = I(-1)  # strategy of an order that is not ours

_BLANK: Final = blank("orders", 1)
_DONE_KEPT, _OPEN_MAX = I(ORDERS_DONE_KEPT), I(ORDERS_OPEN_MAX)
_C_CONTRADICTION: Final = I(Refusal.CONTRADICTION)
_CELL_STAY, _CELL_BACK, _CELL_CONTRADICTION = I(_STAY), I(_BACK), I(_CONTRADICTION)
_CELL_CONTRADICTED: Final = I(_CONTRADICTED)


@cold
def new_order(state: State, key: I, instrument: I, order_state: I, seq: I, now: I) -> I:
    """A place for an order that is not known yet, in its instrument's open list; -1: there are too many open orders."""
    desk = state.desk[0]
    if desk["orders_open"] >= _OPEN_MAX:
        return NOWHERE
    order_ix = I(desk["orders_free_ix"])
    if order_ix >= ZERO:
        desk["orders_free_ix"] = state.orders[order_ix]["next_ix"]
    else:
        order_ix = I(desk["orders_used"])
        desk["orders_used"] = order_ix + ONE
    state.orders[order_ix] = _BLANK[0]
    order = state.orders[order_ix]
    order["key"] = key
    order["instrument"] = instrument
    order["state"] = order_state
    order["epoch"] = state.clock[0]["epoch"]
    order["drafted_seq"] = seq
    order["last_seq"] = seq
    order["created_ns"] = now
    order["terms_seq"] = NOWHERE
    place_order(state.orders, state.order_places, order_ix)
    _link(state, order_ix)
    return order_ix


@kernel
def _link(state: State, order_ix: I) -> None:
    order = state.orders[order_ix]
    terms = state.terms[order["instrument"]]
    order["prev_ix"] = NOWHERE
    order["next_ix"] = terms["orders_ix"]
    if order["next_ix"] >= ZERO:
        state.orders[order["next_ix"]]["prev_ix"] = order_ix
    terms["orders_ix"] = order_ix
    state.desk[0]["orders_open"] += ONE


@kernel
def _unlink(state: State, order_ix: I) -> None:
    order = state.orders[order_ix]
    before, behind = I(order["prev_ix"]), I(order["next_ix"])
    if before >= ZERO:
        state.orders[before]["next_ix"] = behind
    else:
        state.terms[order["instrument"]]["orders_ix"] = behind
    if behind >= ZERO:
        state.orders[behind]["prev_ix"] = before
    order["prev_ix"] = NOWHERE
    order["next_ix"] = NOWHERE
    state.desk[0]["orders_open"] -= ONE


@kernel
def _finish(state: State, order_ix: I, now: I) -> None:
    """An order is over: nothing is asked of it any more."""
    order = state.orders[order_ix]
    order["done_ns"] = now
    order["cancel_seq"] = ZERO
    if amending(order) and owed_of(order) > ZERO and _dearer(order):
        order["hold_full"] = order["pending_hold"]
        order["hold_qty"] = order["pending_qty"]
    drop_amendment(order)
    if owed_of(order) > ZERO:
        order["marks"] = order["marks"] | OWING
    else:
        _shelve(state, order_ix)


@kernel
def _dearer(order: np.void) -> bool:
    """Whether the amendment under way holds more of a quantity than the terms in force."""
    rest = owed_of(order)
    return bool(
        _share(I(order["pending_hold"]), rest, I(order["pending_qty"]))
        > _share(I(order["hold_full"]), rest, I(order["hold_qty"]))
    )


@cold
def _shelve(state: State, order_ix: I) -> None:
    """From the open list into the queue of finished orders, whose oldest makes room."""
    order, desk = state.orders[order_ix], state.desk[0]
    order["marks"] = order["marks"] & ~OWING
    _unlink(state, order_ix)
    if desk["done_tail_ix"] >= ZERO:
        state.orders[desk["done_tail_ix"]]["done_ix"] = order_ix
    else:
        desk["done_head_ix"] = order_ix
    desk["done_tail_ix"] = order_ix
    desk["done_n"] += ONE
    if desk["done_n"] > _DONE_KEPT:
        _forget_oldest(state)


@kernel
def _forget_oldest(state: State) -> None:
    desk = state.desk[0]
    order_ix = I(desk["done_head_ix"])
    desk["done_head_ix"] = state.orders[order_ix]["done_ix"]
    desk["done_n"] -= ONE
    forget_order(state.orders, state.order_places, order_ix)
    state.orders[order_ix] = _BLANK[0]
    state.orders[order_ix]["next_ix"] = desk["orders_free_ix"]
    desk["orders_free_ix"] = order_ix


@cold
def _take_back(state: State, order_ix: I) -> None:
    """Out of the queue of finished orders, however deep it lies, and back into the open list."""
    order, desk = state.orders[order_ix], state.desk[0]
    before, at = NOWHERE, I(desk["done_head_ix"])
    while at != order_ix:
        before, at = at, I(state.orders[at]["done_ix"])
    if before >= ZERO:
        state.orders[before]["done_ix"] = order["done_ix"]
    else:
        desk["done_head_ix"] = order["done_ix"]
    if desk["done_tail_ix"] == order_ix:
        desk["done_tail_ix"] = before
    order["done_ix"] = NOWHERE
    desk["done_n"] -= ONE
    _link(state, order_ix)


@kernel
def _reopen(state: State, order_ix: I) -> None:
    """A finished order lives."""
    order = state.orders[order_ix]
    if order["marks"] & OWING == ZERO:
        _take_back(state, order_ix)
    order["marks"] = order["marks"] & ~OWING
    order["done_ns"] = ZERO


@kernel
def _follow_owed(state: State, order_ix: I) -> None:
    """An order that is over stays in the open list while it owes trades, and no longer."""
    order = state.orders[order_ix]
    owes, listed = owed_of(order) > ZERO, order["marks"] & OWING != ZERO
    if owes and not listed:
        _take_back(state, order_ix)
        order["marks"] = order["marks"] | OWING
    elif listed and not owes:
        _shelve(state, order_ix)


@kernel
def drop_amendment(order: np.void) -> None:
    """No amendment is under way any more."""
    order["pending_action"] = ZERO
    order["pending_price"] = ZERO
    order["pending_qty"] = ZERO
    order["pending_hold"] = ZERO
    order["amend_seq"] = ZERO
    order["marks"] = order["marks"] & ~AMEND_APPROVED


@cold
def contradict(state: State, order_ix: I, mark: I, code: I, again: bool, seq: I) -> None:
    """Something about an order contradicts what is known: counted once an order and kind; its instrument is frozen (`again`: anew)."""
    order = state.orders[order_ix]
    if order["marks"] & mark == ZERO:
        order["marks"] = order["marks"] | mark
        state.desk[0]["contradictions"] += ONE
    elif not again:
        return
    freeze(state, I(order["instrument"]), code, seq)


@cold
def move_order(state: State, order_ix: I, event: I, seq: I, now: I) -> None:
    """Follow the table, and what a change of state brings with it."""
    order = state.orders[order_ix]
    was = I(order["state"])
    cell = follow(was, event)
    if was == S_CANCEL_REQUESTED and event != E_ASK_CANCEL:
        below = follow(I(order["before"]), event)
        if below >= ZERO and below != S_UNKNOWN and not is_over(below):
            order["before"] = below
    if cell == _CELL_STAY:
        return
    if cell == _CELL_CONTRADICTION or cell >= _CELL_CONTRADICTED:
        contradict(state, order_ix, CONTRADICTED, _C_CONTRADICTION, False, seq)
        if cell == _CELL_CONTRADICTION:
            return
        cell -= _CELL_CONTRADICTED
    target = I(order["before"]) if cell == _CELL_BACK else cell
    order["before"] = was if target == S_CANCEL_REQUESTED else ZERO
    order["state"] = target
    if is_over(target) and not is_over(was):
        _finish(state, order_ix, now)
    elif is_over(was) and not is_over(target):
        _reopen(state, order_ix)


@kernel
def progress_of(order: np.void) -> I:
    """How much of an order was executed, by the greater of what was stated and what was seen."""
    return I(max(order["filled"], order["traded"]))


@kernel
def amending(order: np.void) -> bool:
    """Whether an approved amendment of the order has no answer yet."""
    return bool(order["marks"] & AMEND_APPROVED != ZERO)


@kernel
def whole_of(order: np.void) -> I:
    """Its whole quantity, the greater one where an amendment may be in force; 0: not known."""
    if order["qty"] > ZERO and amending(order):
        return I(max(order["qty"], order["pending_qty"]))
    return I(order["qty"])


@kernel
def remaining_of(order: np.void) -> I:
    """What an open order can still trade; 0 of a finished one."""
    return ZERO if is_over(order["state"]) else I(max(whole_of(order) - progress_of(order), ZERO))


@kernel
def outstanding_of(order: np.void) -> I:
    """What an order may still bring into positions: what it can trade, and what was stated as filled and is not in them yet."""
    return I(remaining_of(order) + owed_of(order))


@kernel
def _share(amount: I, part: I, whole: I) -> I:
    """amount · part ÷ whole, rounded up; at most MONEY_MOST."""
    if amount <= ZERO or part <= ZERO or whole <= ZERO:
        return ZERO
    share, fits = mul_div_up(min(amount, MONEY_MOST), part, whole)
    return I(min(share, MONEY_MOST)) if fits else MONEY_MOST


@kernel
def _hold_for(order: np.void, less: I) -> I:
    """What is to be held for all that an order may still bring but `less` of it."""
    want = _share(I(order["hold_full"]), rest_of(order, I(order["qty"])) - less, I(order["hold_qty"]))
    if amending(order):
        pending = I(order["pending_qty"])
        want = max(want, _share(I(order["pending_hold"]), rest_of(order, pending) - less, pending))
    return want


@cold
def rehold(state: State, order_ix: I) -> None:
    """Set aside for an order what it still needs, and release the rest; and one that is over into the list where it belongs."""
    order = state.orders[order_ix]
    if is_over(order["state"]):
        _follow_owed(state, order_ix)
    want = _hold_for(order, ZERO)
    delta = want - order["hold"]
    if delta != ZERO:
        order["hold"] = want
        hold(state, I(order["account"]), I(order["hold_asset"]), delta)
    confirm(state, order_ix, _hold_for(order, owed_of(order)) if order["marks"] & SEEN != ZERO else ZERO)
