"""How much of a position the engine may order closed now, while a level of FLATTEN holds over it.

All that may still make the position smaller is left out first: open orders, those that are being canceled among them, and what was stated
of orders as executed and not shown as trades, however long ago that was: it is reserved until it is shown, or a person adopts what the
venue states. So the engine's orders never carry a position through zero. Spot sells what is there and no more. An order that comes to
nothing is followed by a pause as long as the row of failures before it, within `PAUSE_LEAST_NS` and `PAUSE_MOST_NS`: it doubles. What
no order can hold is drafted once, so that the gate's refusal tells of it.
"""

from typing import Final

import numpy as np

from veloz.contracts import codes, terms
from veloz.contracts.kernel import cold, kernel
from veloz.engine.making import K_DRAFTED, make
from veloz.reducers.accounts import available
from veloz.reducers.bits import (
    LEG_BITS,
    M_ORIGIN,
    M_SIDE,
    P_SPOT,
    S_ACCOUNT,
    S_ORIGIN,
    S_REDUCE,
    S_SELL,
    S_SIDE,
    S_STRATEGY,
    S_TYPE,
)
from veloz.reducers.desk import ORDERS_OPEN_MAX
from veloz.reducers.order_store import QTY_MOST, progress_of, whole_of
from veloz.reducers.order_table import is_over
from veloz.reducers.places import NO_STRATEGY, find_position
from veloz.reducers.scopes import scopes_of
from veloz.reducers.state import State
from veloz.reducers.wide import TENS
from veloz.reducers.words import ONE, ZERO, I
from veloz.reducers.worst import is_conditional, is_reducing_kind, owed_of, rest_of

CANCEL_LEVEL, FLATTEN_LEVEL = I(codes.StopLevel.CANCEL), I(codes.StopLevel.FLATTEN)
PAUSE_LEAST_NS, PAUSE_MOST_NS = I(1_000_000_000), I(64_000_000_000)
ENGINE: Final = I(terms.Origin.ENGINE)
_BOTH: Final = I(terms.PositionSide.BOTH)
_ENGINE_MARKET: Final = (I(terms.Origin.ENGINE) << S_ORIGIN) | (I(terms.OrderType.MARKET) << S_TYPE)
_WHY_GATE: Final = I(terms.Why.GATE)
_OPEN_MAX, _PLACES_MAX = I(ORDERS_OPEN_MAX), I(18)
_TELLS: Final = np.zeros(1 << 10, np.int64)  # refusals that stay as long as the quantity does
for _code in (codes.Refusal.LOT, codes.Refusal.QTY_MIN, codes.Refusal.NOTIONAL_MIN, codes.Refusal.FUNDS):
    _TELLS[_code] = 1


@cold
def level_over(state: State, account: I, instrument: I, strategy: I) -> I:
    """The safest stop level that holds over something: of all five scopes it lies in."""
    places = scopes_of(state, account, instrument, strategy)
    level = ZERO
    for k in range(5):
        if places[k] >= ZERO:
            level = max(level, I(state.scopes[places[k]]["level"]))
    return level


@cold
def closing_qty(state: State, place: I, now: I) -> I:
    """What to order closed of a position now; 0: nothing, or not yet. A quantity that the gate refuses, once, tells what has to stay.

    Args:
        state: With everything folded that was decided before.
        place: Of the account's own position or of a strategy's share; never more than the account holds the same way.
        now: Engine time, ns.
    """
    position = state.positions[place]
    if position["qty"] == ZERO or state.desk[0]["orders_open"] >= _OPEN_MAX:
        return ZERO
    own_ix = place
    if position["strategy"] != NO_STRATEGY:
        own_ix = find_position(state, position["account"], position["instrument"], position["side"], NO_STRATEGY)
        if own_ix < ZERO or (state.positions[own_ix]["qty"] > ZERO) != (position["qty"] > ZERO):
            return ZERO
    whole, share = _less_open(state, position, abs(I(state.positions[own_ix]["qty"])))
    if min(whole, share) <= ZERO:
        return ZERO
    waits = share < abs(position["qty"])
    whole, share = _less_strangers(state, position, whole, share, now)
    if min(whole, share) <= ZERO:
        return ZERO
    since = _newest_good(state, position)
    qty = _orderable(state, position, min(whole, share))
    if qty == ZERO:
        qty = min(whole, share)
        return ZERO if waits or _is_told(state, position, since, qty) else qty
    if _is_told(state, position, since, qty) or now < _pause_end(state, position, since):
        return ZERO
    return qty


@kernel
def _less_open(state: State, position: np.void, whole: I) -> tuple[I, I]:
    """Of the account's position and of this one, what open orders leave, and those that are over and owe trades."""
    share = abs(I(position["qty"]))
    at = I(state.terms[position["instrument"]]["orders_ix"])
    while at >= ZERO:
        order = state.orders[at]
        if _closes(order, position):
            rest = rest_of(order, whole_of(order)) if _counts(state, order) else owed_of(order)
            whole = max(whole - rest, -QTY_MOST)
            if _is_of(order, position):
                share = max(share - rest, -QTY_MOST)
        at = I(order["next_ix"])
    return whole, share


@kernel
def _counts(state: State, order: np.void) -> bool:
    """Whether an open order that could close is left out: what is under the level, and what the gate counts together with a draft."""
    spec = I(order["spec"])
    if state.terms[order["instrument"]]["product"] == P_SPOT or _is_engines(order):
        return True
    if is_reducing_kind(spec) and not is_conditional(spec):
        return True
    return bool(level_over(state, I(order["account"]), I(order["instrument"]), I(order["strategy"])) >= CANCEL_LEVEL)


@cold
def _less_strangers(state: State, position: np.void, whole: I, share: I, now: I) -> tuple[I, I]:
    """Less what finished orders that are not ours stated beyond their trades. How much of that was in the position before they were
    heard of is not known, so it counts only as long as its trades may be on their way.
    """
    for k in range(state.desk[0]["orders_used"]):
        order = state.orders[k]
        if order["strategy"] >= ZERO or not _closes(order, position) or not is_over(order["state"]):
            continue
        if now - order["done_ns"] < PAUSE_MOST_NS:
            untold = max(I(order["filled"] - order["traded"]), ZERO)
            whole = max(whole - untold, -QTY_MOST)
            if _is_of(order, position):
                share = max(share - untold, -QTY_MOST)
    return whole, share


@kernel
def _is_engines(order: np.void) -> bool:
    return bool((order["spec"] >> S_ORIGIN) & M_ORIGIN == ENGINE)


@kernel
def _closes(order: np.void, position: np.void) -> bool:
    """Whether what an order trades makes a position smaller."""
    spec = I(order["spec"])
    return bool(
        order["instrument"] == position["instrument"]
        and order["account"] == position["account"]
        and (spec >> S_SIDE) & M_SIDE == position["side"]
        and ((spec >> S_SELL) & ONE == ONE) == (position["qty"] > ZERO)
    )


@kernel
def _is_of(order: np.void, position: np.void) -> bool:
    return bool(position["strategy"] == NO_STRATEGY or order["strategy"] == max(I(position["strategy"]), ZERO))


@kernel
def _is_try(order: np.void, position: np.void, since: I) -> bool:
    """Whether an order is a closing one of the engine that is over and was drafted behind a row."""
    return bool(
        order["drafted_seq"] > since
        and is_over(order["state"])
        and _is_engines(order)
        and _closes(order, position)
        and order["strategy"] == max(I(position["strategy"]), ZERO)
    )


@cold
def _newest_good(state: State, position: np.void) -> I:
    """The newest row behind which failures count: the newest order of the engine that traded something, or word of the level."""
    since = _stopped_since(state, position)
    for k in range(state.desk[0]["orders_used"]):
        order = state.orders[k]
        if _is_try(order, position, since) and progress_of(order) > ZERO:
            since = I(order["drafted_seq"])
    return since


@kernel
def _stopped_since(state: State, position: np.void) -> I:
    """The newest row that said a level of FLATTEN that holds over a position."""
    places = scopes_of(state, I(position["account"]), I(position["instrument"]), I(position["strategy"]))
    since = ZERO
    for k in range(5):
        if places[k] >= ZERO and state.scopes[places[k]]["level"] >= FLATTEN_LEVEL:
            since = max(since, I(state.scopes[places[k]]["stopped_seq"]))
    return since


@cold
def _is_told(state: State, position: np.void, since: I, qty: I) -> bool:
    """Whether the gate refused this quantity already for what it is."""
    for k in range(state.desk[0]["orders_used"]):
        order = state.orders[k]
        if _is_try(order, position, since) and order["why"] == _WHY_GATE and order["qty"] == qty:
            if ZERO <= order["reason"] < _TELLS.shape[0] and _TELLS[order["reason"]] != ZERO:
                return True
    return False


@cold
def _pause_end(state: State, position: np.void, since: I) -> I:
    """Engine time before which nothing is tried again, ns; 0: nothing has failed."""
    first, newest = ZERO, ZERO
    for k in range(state.desk[0]["orders_used"]):
        order = state.orders[k]
        if _is_try(order, position, since):
            first = I(order["done_ns"]) if first == ZERO else min(first, I(order["done_ns"]))
            newest = max(newest, I(order["done_ns"]))
    if newest == ZERO:
        return ZERO
    return newest + min(max(newest - first, PAUSE_LEAST_NS), PAUSE_MOST_NS)


@cold
def _orderable(state: State, position: np.void, want: I) -> I:
    """As much of a quantity as one market order can hold; 0: it is too little for one, or too little is there."""
    instrument = I(position["instrument"])
    limits, known = state.terms[instrument], state.instruments[instrument]
    lot = max(I(limits["market_lot"]), max(I(known["lot"]), ONE))
    least = max(max(I(limits["qty_min"]), I(limits["market_qty_min"])), ONE)
    for most in (I(limits["qty_max"]), I(limits["market_qty_max"])):
        if most > ZERO:
            want = min(want, most)
    if limits["product"] == P_SPOT and position["qty"] > ZERO:
        places = I(state.assets[limits["base"]]["scale"] - known["qty_scale"])
        there = max(available(state, I(position["account"]), I(limits["base"])), ZERO)
        want = min(want, there // TENS[places]) if ZERO <= places <= _PLACES_MAX else ZERO
    qty = want // lot * lot
    return qty if qty >= least else ZERO


@kernel
def make_closing(at: np.void, state: State, out: np.ndarray, position: np.void, qty: I, cause: I) -> None:
    """A market order against a position, reduce-only where the product and the account's mode know the word; the gate sees to it that
    the engine's orders reduce. Its key comes from its own number: no intent or command asked for it by itself.
    """
    plain = state.terms[position["instrument"]]["product"] != P_SPOT and position["side"] == _BOTH
    seq = I(at["first_seq"] + at["inputs"] + at["made"])
    spec = (
        _ENGINE_MARKET
        | ((ONE if plain else ZERO) << S_REDUCE)
        | ((ONE if position["qty"] > ZERO else ZERO) << S_SELL)
        | (I(position["side"]) << S_SIDE)
        | (I(position["account"]) << S_ACCOUNT)
        | (max(I(position["strategy"]), ZERO) << S_STRATEGY)
    )
    make(at, out, K_DRAFTED, I(position["instrument"]), seq << LEG_BITS, ZERO, qty, cause, spec)
