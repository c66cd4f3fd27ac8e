"""From what a strategy wants to what the venue is asked: one action at a time, each from the state that the one before it left.

ORDER asks for itself. TARGET first takes back the strategy's own orders that stand against it, then orders what is missing. QUOTE keeps
an own quote that already rests at that price with that quantity, else amends it where the venue can, else takes it back and places
anew. What an action is allowed to do is the gate's business, not this one's.
"""

from typing import Final

import numpy as np

from veloz.contracts import terms
from veloz.contracts.codes import Product
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import (
    LEG_BITS,
    M_ACCOUNT,
    M_ACTION,
    M_FORM,
    M_LEG,
    M_SIDE,
    M_STRATEGY,
    M_TIF,
    M_TYPE,
    S_ACCOUNT,
    S_ACTION,
    S_FORM,
    S_LEG,
    S_MORE,
    S_REDUCE,
    S_SELL,
    S_SIDE,
    S_STRATEGY,
    S_TIF,
    S_TYPE,
    part,
)  # fmt: skip
from veloz.reducers.finding import find_order
from veloz.reducers.order_store import outstanding_of, progress_of
from veloz.reducers.order_table import OrderState, is_over
from veloz.reducers.places import find_position
from veloz.reducers.positions import held_by, target_delta
from veloz.reducers.state import State
from veloz.reducers.words import INSTRUMENT_SHIFT, ONE, WORD_MASK, ZERO, I
from veloz.reducers.worst import rest_of

PLAN: Final = np.dtype(
    [
        (name, "<i8")
        for name in [
            "what",
            "order_ix",
            "key",
            "price",
            "qty",
            "spec",
            "stage",
            "leg",
            "wanted",
            "rest",
            "dropped",
            "done",
        ]
    ]
)
PLACE, CANCEL, AMEND, OVER = I(terms.Action.PLACE), I(terms.Action.CANCEL), I(terms.Action.AMEND), I(3)
UNKNOWN_HERE: Final = I(4)  # what it wants canceled or amended is not known
_TARGET, _QUOTE = I(terms.Form.TARGET), I(terms.Form.QUOTE)
_BOTH, _LONG, _SHORT = I(terms.PositionSide.BOTH), I(terms.PositionSide.LONG), I(terms.PositionSide.SHORT)
_LIMIT, _MARKET = I(terms.OrderType.LIMIT), I(terms.OrderType.MARKET)
_ACCEPTED, _PARTIALLY_FILLED = I(OrderState.ACCEPTED), I(OrderState.PARTIALLY_FILLED)
_IS_CANCELABLE: Final = np.zeros(len(OrderState), np.int64)
for _state in ("APPROVED", "DISPATCHED", "ACCEPTED", "PARTIALLY_FILLED", "UNKNOWN"):
    _IS_CANCELABLE[OrderState[_state]] = 1
_SPOT: Final = I(Product.SPOT)
_BEGIN, _WALK, _LEGS, _TRIM, _END = I(0), I(1), I(2), I(3), I(4)
_KEEP, _CHANGE = I(1), I(2)
EITHER: Final = I(2)  # both sides; else 0 buys, 1 sells
NOWHERE: Final = I(-1)
_LEG_PARTS: Final = (ONE << S_SELL) | (M_SIDE << S_SIDE) | (ONE << S_REDUCE)


@cold
def next_action(state: State, intent: np.void, seq: I, plan: np.void) -> I:
    """The next thing to do for an intent: PLACE, CANCEL, AMEND (`plan` says what), UNKNOWN_HERE, or OVER.

    Args:
        state: With everything folded that came of the actions before.
        intent: RAW, a strategy.intent row of an instrument that can be traded.
        seq: Its sequence number.
        plan: PLAN, begun by `begin_plan`; `dropped` is set by the caller when a cancel was refused.
    """
    spec = I(intent["aux"])
    form = part(spec, S_FORM, M_FORM)
    plan["spec"] = spec
    plan["price"] = intent["price"]
    if form == _TARGET:
        return _aim(state, intent, seq, plan)
    if form == _QUOTE:
        return _quote(state, intent, seq, plan)
    return _order(state, intent, seq, plan)


@kernel
def is_cancelable(order: np.void) -> bool:
    """Whether an order may rest at its venue and nobody has asked for it back; one whose outcome is not known among them."""
    return bool(_IS_CANCELABLE[order["state"]] != ZERO and order["cancel_seq"] == ZERO and order["key"] != ZERO)


@kernel
def with_action(spec: I, action: I) -> I:
    """The spec of a row that asks for something else about the same order."""
    return I((spec & ~((M_ACTION << S_ACTION) | (ONE << S_MORE))) | (action << S_ACTION))


@kernel
def is_own(order: np.void, spec: I) -> bool:
    """Whether an order is of the strategy and account of an intent."""
    return bool(
        order["strategy"] == part(spec, S_STRATEGY, M_STRATEGY) and order["account"] == part(spec, S_ACCOUNT, M_ACCOUNT)
    )


@kernel
def _sells(spec: I) -> I:
    return I(part(spec, S_SELL, ONE))


@kernel
def _instrument(intent: np.void) -> I:
    return I((intent["head"] >> INSTRUMENT_SHIFT) & WORD_MASK)


@kernel
def _place(plan: np.void, seq: I, qty: I) -> I:
    """One more order of an intent: the next leg."""
    plan["key"] = (seq << LEG_BITS) | plan["leg"]
    plan["spec"] = (plan["spec"] & ~((M_ACTION << S_ACTION) | (M_LEG << S_LEG))) | (plan["leg"] << S_LEG)
    plan["qty"] = qty
    plan["leg"] += ONE
    return PLACE


@kernel
def _take_back(state: State, plan: np.void, order_ix: I) -> I:
    plan["key"] = state.orders[order_ix]["key"]
    return CANCEL


@cold
def _order(state: State, intent: np.void, seq: I, plan: np.void) -> I:
    """ORDER: this order, amendment or cancel as it stands; a cancel that names none means all own ones of the instrument."""
    spec, instrument = I(intent["aux"]), _instrument(intent)
    action = part(spec, S_ACTION, M_ACTION)
    key = I(intent["venue_seq"])
    if plan["stage"] == _BEGIN:
        plan["stage"] = _END
        if action == PLACE:
            return _place(plan, seq, I(intent["qty"]))
        if key != ZERO:
            return _named(state, plan, instrument, action, intent)
        if action != CANCEL:
            return UNKNOWN_HERE
        plan["order_ix"] = state.terms[instrument]["orders_ix"]
        plan["stage"] = _WALK
    if plan["stage"] == _WALK:
        return _next_own(state, plan, spec, EITHER)
    return OVER


@kernel
def _named(state: State, plan: np.void, instrument: I, action: I, intent: np.void) -> I:
    key, spec = I(intent["venue_seq"]), I(intent["aux"])
    plan["key"] = key
    order_ix = find_order(state.orders, state.order_places, key, instrument)
    if (
        order_ix < ZERO
        or not is_own(state.orders[order_ix], spec)
        or state.orders[order_ix]["instrument"] != instrument
    ):
        return UNKNOWN_HERE
    order = state.orders[order_ix]
    if action == AMEND:
        plan["price"] = intent["price"] if intent["price"] > ZERO else order["price"]
        plan["qty"] = intent["qty"] if intent["qty"] > ZERO else order["qty"]
        plan["spec"] = with_action(I(order["spec"]), AMEND)
    return action


@kernel
def _next_own(state: State, plan: np.void, spec: I, side: I) -> I:
    """Take back the next own order on a side (EITHER: on both); OVER when there is none left."""
    while plan["order_ix"] >= ZERO:
        order_ix = I(plan["order_ix"])
        order = state.orders[order_ix]
        plan["order_ix"] = order["next_ix"]
        if is_own(order, spec) and is_cancelable(order) and (side == EITHER or _sells(I(order["spec"])) == side):
            return _take_back(state, plan, order_ix)
    return OVER


@cold
def _aim(state: State, intent: np.void, seq: I, plan: np.void) -> I:
    """TARGET. Orders that are being canceled may still fill: on the wanted side they count, on the other they do not, so that the
    target is never passed."""
    spec, instrument = I(intent["aux"]), _instrument(intent)
    strategy, account = part(spec, S_STRATEGY, M_STRATEGY), part(spec, S_ACCOUNT, M_ACCOUNT)
    target = -I(intent["qty"]) if _sells(spec) != ZERO else I(intent["qty"])
    if plan["stage"] == _BEGIN:
        gap = target - held_by(state, account, instrument, strategy)
        plan["wanted"] = ONE if gap > ZERO else (-ONE if gap < ZERO else ZERO)
        plan["order_ix"] = state.terms[instrument]["orders_ix"]
        plan["stage"] = _WALK
    if plan["stage"] == _WALK:
        against = EITHER if plan["wanted"] == ZERO else (ONE if plan["wanted"] > ZERO else ZERO)
        if _next_own(state, plan, spec, against) == CANCEL:
            return CANCEL
        missing = _missing(state, instrument, account, strategy, target, I(plan["wanted"]))
        plan["rest"] = max(missing, ZERO)
        plan["stage"] = _LEGS
        if missing < ZERO:  # own orders on the wanted side would go beyond
            plan["order_ix"] = state.terms[instrument]["orders_ix"]
            plan["stage"] = _TRIM
    if plan["stage"] == _TRIM:
        if _next_own(state, plan, spec, ZERO if plan["wanted"] > ZERO else ONE) == CANCEL:
            return CANCEL
        plan["stage"] = _END
    return _next_leg(state, instrument, seq, plan) if plan["stage"] == _LEGS else OVER


@cold
def _missing(state: State, instrument: I, account: I, strategy: I, target: I, wanted: I) -> I:
    """What is still to be ordered on the wanted side; below 0: own orders there bring too much."""
    if wanted == ZERO:
        return ZERO
    missing = target_delta(state, account, instrument, strategy, target) * wanted
    order_ix = I(state.terms[instrument]["orders_ix"])
    while order_ix >= ZERO:
        order = state.orders[order_ix]
        against = (_sells(I(order["spec"])) == ONE) == (wanted > ZERO)
        if order["account"] == account and order["strategy"] == strategy and against:
            missing -= rest_of(order, I(order["qty"]))
        order_ix = I(order["next_ix"])
    return missing


@kernel
def _next_leg(state: State, instrument: I, seq: I, plan: np.void) -> I:
    """One order; on an account in hedge mode two: first what closes the other side's position, then, where that was approved, what opens
    this one's.
    """
    if plan["leg"] > ZERO and _was_refused(state, I(plan["key"]), instrument):
        plan["stage"] = _END
        return OVER
    spec = I(plan["spec"])
    account = part(spec, S_ACCOUNT, M_ACCOUNT)
    qty = I(plan["rest"])
    sell = ONE if plan["wanted"] < ZERO else ZERO
    hedge = ZERO < account < state.accounts.shape[0] and state.accounts[account]["hedge"] != ZERO
    side, reduce = _BOTH, part(spec, S_REDUCE, ONE)
    if hedge:
        side, reduce = (_SHORT if sell == ONE else _LONG), ZERO  # there the side says it: no reduce-only
        closable = _closable(state, instrument, spec, sell) if plan["leg"] == ZERO else ZERO
        if closable > ZERO:
            side, qty = (_LONG if sell == ONE else _SHORT), min(qty, closable)
    plan["rest"] -= qty
    lot = max(I(state.instruments[instrument]["lot"]), ONE)
    if part(spec, S_TYPE, M_TYPE) == _MARKET:
        lot = max(lot, I(state.terms[instrument]["market_lot"]))
    qty = qty // lot * lot
    if qty <= ZERO:
        plan["stage"] = _END
        return OVER
    plan["spec"] = (spec & ~_LEG_PARTS) | (sell << S_SELL) | (side << S_SIDE) | (reduce << S_REDUCE)
    return _place(plan, seq, qty)


@kernel
def _was_refused(state: State, key: I, instrument: I) -> bool:
    order_ix = find_order(state.orders, state.order_places, key, instrument)
    return bool(order_ix < ZERO or is_over(state.orders[order_ix]["state"]))


@cold
def _closable(state: State, instrument: I, spec: I, sell: I) -> I:
    """In hedge mode, what an order of this direction may close of the strategy's position on the other side."""
    strategy, account = part(spec, S_STRATEGY, M_STRATEGY), part(spec, S_ACCOUNT, M_ACCOUNT)
    side = _LONG if sell == ONE else _SHORT
    place = find_position(state, account, instrument, side, strategy)
    if place < ZERO:
        return ZERO
    left = abs(I(state.positions[place]["qty"]))
    order_ix = I(state.terms[instrument]["orders_ix"])
    while order_ix >= ZERO:
        order = state.orders[order_ix]
        if is_own(order, spec) and _sells(I(order["spec"])) == sell and part(order["spec"], S_SIDE, M_SIDE) == side:
            left -= outstanding_of(order)
        order_ix = I(order["next_ix"])
    return max(left, ZERO)


@cold
def _quote(state: State, intent: np.void, seq: I, plan: np.void) -> I:
    """QUOTE: at most one own order on this side, at this price, with this much left of it."""
    spec, instrument = I(intent["aux"]), _instrument(intent)
    if plan["stage"] == _BEGIN:
        plan["rest"] = _choose(state, intent, instrument, plan)
        plan["order_ix"] = state.terms[instrument]["orders_ix"]
        plan["stage"] = _WALK
    while plan["stage"] == _WALK and plan["order_ix"] >= ZERO:
        order_ix = I(plan["order_ix"])
        order = state.orders[order_ix]
        plan["order_ix"] = order["next_ix"]
        if order_ix != plan["rest"] and _is_quote(order, spec):
            return _take_back(state, plan, order_ix)
    if plan["stage"] == _END:
        return OVER
    plan["stage"] = _END
    if plan["rest"] >= ZERO:
        order = state.orders[plan["rest"]]
        if plan["wanted"] == _KEEP:
            return OVER
        plan["key"] = order["key"]
        plan["qty"] = progress_of(order) + intent["qty"]
        plan["spec"] = with_action(I(order["spec"]), AMEND)
        return AMEND
    if intent["qty"] <= ZERO or plan["dropped"] != ZERO:
        return OVER
    return _place(plan, seq, I(intent["qty"]))


@kernel
def _is_quote(order: np.void, spec: I) -> bool:
    """Whether an order is an own quote on the side of an intent that may still rest."""
    theirs = I(order["spec"])
    return bool(
        is_own(order, spec)
        and part(theirs, S_FORM, M_FORM) == _QUOTE
        and _sells(theirs) == _sells(spec)
        and is_cancelable(order)
    )


@cold
def _choose(state: State, intent: np.void, instrument: I, plan: np.void) -> I:
    """The own quote to keep (`wanted` KEEP) or to amend (`wanted` CHANGE); -1: none. One that fits goes before one that can be made to."""
    spec = I(intent["aux"])
    found = NOWHERE
    if intent["qty"] <= ZERO:
        return found
    amendable = state.terms[instrument]["product"] != _SPOT
    order_ix = I(state.terms[instrument]["orders_ix"])
    while order_ix >= ZERO:
        order = state.orders[order_ix]
        if _is_quote(order, spec):
            if _fits(order, intent):
                plan["wanted"] = _KEEP
                return order_ix
            if found < ZERO and amendable and _can_change(order, spec):
                found = order_ix
        order_ix = I(order["next_ix"])
    plan["wanted"] = _CHANGE
    return found


@kernel
def _fits(order: np.void, intent: np.void) -> bool:
    price, qty = I(order["price"]), I(order["qty"])
    if order["pending_action"] == AMEND:
        price, qty = I(order["pending_price"]), I(order["pending_qty"])
    rest = qty - progress_of(order)
    return bool(price == intent["price"] and rest == intent["qty"] and _same_kind(I(order["spec"]), I(intent["aux"])))


@kernel
def _same_kind(left: I, right: I) -> bool:
    return bool(part(left ^ right, S_TYPE, M_TYPE) == ZERO and part(left ^ right, S_TIF, M_TIF) == ZERO)


@kernel
def _can_change(order: np.void, spec: I) -> bool:
    """Whether the venue has confirmed the order and nothing is under way with it."""
    return bool(
        (order["state"] == _ACCEPTED or order["state"] == _PARTIALLY_FILLED)
        and order["pending_action"] == ZERO
        and part(order["spec"], S_TYPE, M_TYPE) == _LIMIT
        and _same_kind(I(order["spec"]), spec)
    )


@kernel
def begin_plan(plan: np.void) -> None:
    """A plan for another intent."""
    plan["order_ix"] = NOWHERE
    plan["stage"] = ZERO
    plan["leg"] = ZERO
    plan["wanted"] = ZERO
    plan["rest"] = ZERO
    plan["dropped"] = ZERO
