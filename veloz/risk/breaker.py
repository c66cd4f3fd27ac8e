"""Circuit breakers and the check after the trade: numbers in state → findings. State is not changed here.

A breaker opens when its number reaches the threshold within its window, and sets its scope's level of source BREAKER; while it is open it
lets only orders pass that reduce, whatever that level. It closes when its cool-down is over, or by a person's resume where it has
none; then it counts anew, and the level is the safest of the breakers that are still open.
"""

from typing import Final

import numpy as np

from veloz.contracts import codes, registry
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import OrderType, PositionSide, TimeInForce
from veloz.reducers.bits import (
    M_SIDE,
    M_TIF,
    M_TYPE,
    R_MAKER,
    S_REDUCE,
    S_SELL,
    S_SIDE,
    S_TIF,
    S_TYPE,
    SCOPE_NUMBER,
    part,
)
from veloz.reducers.desk import BREAKERS
from veloz.reducers.places import NO_STRATEGY, find_position
from veloz.reducers.scope_rows import BREAKER_KINDS, PART_SHIFT
from veloz.reducers.state import State
from veloz.reducers.stops import E_COOLED, E_TRIP, follow_breaker
from veloz.reducers.tables import STAY
from veloz.reducers.tallies import observed
from veloz.reducers.words import ONE, ZERO, I
from veloz.risk.findings import find
from veloz.risk.verdict import NO_SCOPE, kind_of, number_of, refuse, seal

_K_BREAKER, _K_STOPPED = I(registry.BREAKER.number), I(registry.STOPPED.number)
_CLOSED, _OPEN = I(codes.BreakerState.CLOSED), I(codes.BreakerState.OPEN)
_BY_BREAKER: Final = I(codes.StopSource.BREAKER)
_BREAKERS, _STAY = I(BREAKERS), I(STAY)
_LIMIT, _STOP_LIMIT = I(OrderType.LIMIT), I(OrderType.STOP_LIMIT)
_PROFIT_LIMIT: Final = I(OrderType.TAKE_PROFIT_LIMIT)
_GTX, _BOTH = I(TimeInForce.GTX), I(PositionSide.BOTH)
_C_PRICE, _C_QTY = I(codes.Refusal.FILL_PRICE), I(codes.Refusal.FILL_QTY)
_C_POST_ONLY, _C_REDUCE = I(codes.Refusal.POST_ONLY), I(codes.Refusal.REDUCE_ONLY)


@kernel
def _moved(state: State, place: I, breaker: I, now: I) -> tuple[I, I]:
    """The state that a breaker goes to now, or STAY; and what it sees."""
    at = place * _BREAKERS + breaker
    rule = state.breakers[at]
    if rule["state"] == _OPEN:
        cooled = rule["cooldown_ns"] > ZERO and now - rule["opened_ns"] >= rule["cooldown_ns"]
        return follow_breaker(_OPEN, E_COOLED) if cooled else _STAY, I(rule["observed"])
    if rule["set"] == ZERO:
        return _STAY, ZERO
    seen = observed(state, at, breaker, now)
    return follow_breaker(_CLOSED, E_TRIP) if seen >= rule["threshold"] else _STAY, seen


@cold
def _decide_scope(state: State, place: I, seq: I, now: I, out: np.ndarray, n: I) -> I:
    """Breakers of one scope, and the level that they leave it."""
    scope = kind_of(state, place) | (number_of(state, place) << SCOPE_NUMBER)
    level, moves = ZERO, ZERO
    for breaker in range(BREAKER_KINDS):
        rule = state.breakers[place * _BREAKERS + breaker]
        target, seen = _moved(state, place, I(breaker), now)
        if target != _STAY:
            n = find(
                out, n, _K_BREAKER, ZERO, scope, I(breaker) | (target << PART_SHIFT), seen, seq, I(rule["threshold"])
            )
            moves += ONE
        if target == _OPEN or (target == _STAY and rule["state"] == _OPEN):
            level = max(level, I(rule["stop"]))
    if moves != ZERO and level != state.scopes[place]["level_breaker"]:
        n = find(out, n, _K_STOPPED, ZERO, scope, level, _BY_BREAKER, seq, I(state.scopes[place]["level"]))
    return n


@cold
def decide_breakers(state: State, seq: I, now: I, out: np.ndarray, n: I) -> I:
    """Breakers that open or close now: each a risk.breaker row and, where the scope's level changes by it, a risk.stopped row.

    Args:
        state: Settled.
        seq: Of the record that is their cause: the last input.
        now: Engine time, ns.
        out: i8[places, FINDING_WORDS]; scopes without room for all of theirs wait for the next call.
        n: Findings in `out` so far.

    Returns:
        How many there are now.
    """
    desk = state.desk[0]
    if desk["breakers_set"] == ZERO:
        return n
    for place in range(desk["scopes_used"]):
        if state.scopes[place]["breakers_set"] != ZERO and n + BREAKER_KINDS + ONE <= out.shape[0]:
            n = _decide_scope(state, I(place), seq, now, out, n)
    return n


@kernel
def _worse(order: np.void, spec: I, price: I) -> bool:
    """Whether an execution was worse than any price that was approved."""
    kind = part(spec, S_TYPE, M_TYPE)
    if kind != _LIMIT and kind != _STOP_LIMIT and kind != _PROFIT_LIMIT:
        return False
    if part(spec, S_SELL, ONE) != ZERO:
        least = I(order["price"]) if order["pending_price"] == ZERO else min(order["price"], order["pending_price"])
        return bool(price < least)
    return bool(price > max(order["price"], order["pending_price"]))


@kernel
def only_reduces(spec: I) -> bool:
    """Whether an order of a one-way position is flagged reduce-only: after its fills nothing may be open on its own side."""
    return bool(part(spec, S_REDUCE, ONE) != ZERO and part(spec, S_SIDE, M_SIDE) == _BOTH)


@kernel
def _opened(state: State, order: np.void, spec: I, since: I) -> I:
    """What a reduce-only order left open on its own side; 0: nothing."""
    if not only_reduces(spec):
        return ZERO
    at = find_position(state, I(order["account"]), I(order["instrument"]), _BOTH, NO_STRATEGY)
    if at < ZERO:
        return ZERO
    qty = I(state.positions[at]["qty"]) - since
    return max(-qty if part(spec, S_SELL, ONE) != ZERO else qty, ZERO)


@cold
def check_fill(state: State, order_ix: I, price: I, meta: I, since: I, verdict: np.ndarray) -> I:
    """Compare an execution that was folded with what was approved.

    Args:
        state: With the order.filled row folded, and maybe rows after it.
        order_ix: Place of its order; below 0 or of somebody else: nothing was approved, so nothing is violated.
        price: Of the execution, quanta.
        meta: Word of the row: terms.META.
        since: Signed quantity that rows after it, folded too, brought to the account's own one-way position (asked of reduce-only orders).
        verdict: As in `gate.judge`; its first five words make the risk.violation row.

    Returns:
        0, or FILL_PRICE, FILL_QTY, POST_ONLY or REDUCE_ONLY of codes.Refusal.
    """
    if order_ix < ZERO or state.orders[order_ix]["approved_seq"] <= ZERO:
        return ZERO
    order = state.orders[order_ix]
    spec, most = I(order["spec"]), max(I(order["qty_most"]), I(order["qty"]))
    opened = _opened(state, order, spec, since)
    if _worse(order, spec, price):
        refuse(verdict, _C_PRICE, NO_SCOPE, I(order["price"]), price)
    elif order["traded"] > most:
        refuse(verdict, _C_QTY, NO_SCOPE, most, I(order["traded"]))
    elif part(spec, S_TIF, M_TIF) == _GTX and part(meta, R_MAKER, ONE) == ZERO:
        refuse(verdict, _C_POST_ONLY, NO_SCOPE, ONE, ZERO)
    elif opened > ZERO:
        refuse(verdict, _C_REDUCE, NO_SCOPE, ZERO, opened)
    else:
        return ZERO
    return seal(state, verdict)
