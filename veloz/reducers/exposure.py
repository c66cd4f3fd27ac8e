"""Exposures: what positions are worth, and what they could become if open orders were filled.

The worst case of a position takes all its open buys, or all its open sells, as filled (worst.py), at the mark. Worths are rounded away
from zero. What has no price or no rate is not in the sums and is counted in SCOPE.unconverted.
"""

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import M_SIDE, S_SELL, S_SIDE, part
from veloz.reducers.order_table import is_over
from veloz.reducers.places import NO_STRATEGY, NOWHERE, find_position
from veloz.reducers.rates import to_worth_up
from veloz.reducers.state import State
from veloz.reducers.wide import bounded_sum
from veloz.reducers.words import ONE, ZERO, I
from veloz.reducers.worst import is_committed, is_reducing_kind, most_long, most_short, open_rest
from veloz.reducers.worth import money_asset, money_at


@kernel
def _note_order(position: np.void, sells: I, reduces: bool, rest: I, is_open: I) -> None:
    position["orders"] += is_open
    if sells == ZERO:
        position["buys"] = bounded_sum(I(position["buys"]), rest)
        if reduces:
            position["buys_reduce"] = bounded_sum(I(position["buys_reduce"]), rest)
    else:
        position["sells"] = bounded_sum(I(position["sells"]), rest)
        if reduces:
            position["sells_reduce"] = bounded_sum(I(position["sells_reduce"]), rest)


@cold
def gather_orders(state: State, instrument: I) -> None:
    """What listed orders of an instrument would bring into its positions (their places exist), and how many of them are open."""
    at = I(state.terms[instrument]["positions_ix"])
    while at >= ZERO:
        position = state.positions[at]
        position["buys"] = ZERO
        position["sells"] = ZERO
        position["buys_reduce"] = ZERO
        position["sells_reduce"] = ZERO
        position["orders"] = ZERO
        at = I(position["next_ix"])
    order_ix = I(state.terms[instrument]["orders_ix"])
    while order_ix >= ZERO:
        order = state.orders[order_ix]
        spec, account, strategy = I(order["spec"]), I(order["account"]), I(order["strategy"])
        order_ix = I(order["next_ix"])
        if not is_committed(order):
            continue
        sells, side, reduces = part(spec, S_SELL, ONE), part(spec, S_SIDE, M_SIDE), is_reducing_kind(spec)
        rest, is_open = open_rest(order), I(not is_over(order["state"]))
        own = find_position(state, account, instrument, side, NO_STRATEGY)
        if own >= ZERO:
            _note_order(state.positions[own], sells, reduces, rest, is_open)
        if strategy != NO_STRATEGY:
            theirs = find_position(state, account, instrument, side, strategy)
            if theirs >= ZERO:
                _note_order(state.positions[theirs], sells, reduces, rest, is_open)


@kernel
def scope_of_strategy(state: State, strategy: I) -> I:
    """Place of a strategy's scope; -1: it has none (0 is a person)."""
    if not ZERO < strategy < state.strategies.shape[0]:
        return NOWHERE
    return I(state.strategies[strategy]["scope_ix"])


@kernel
def worst_long(position: np.void) -> I:
    """Signed quantity of a position if all its open buys were filled and no sell."""
    reducing = I(position["buys_reduce"])
    return most_long(I(position["qty"]), I(position["buys"]) - reducing, reducing)


@kernel
def worst_short(position: np.void) -> I:
    """Signed quantity of a position if all its open sells were filled and no buy."""
    reducing = I(position["sells_reduce"])
    return -most_short(I(position["qty"]), I(position["sells"]) - reducing, reducing)


@cold
def exposure_of(state: State, instrument: I, mark: I, places: I, qty: I) -> tuple[I, bool]:
    """Worth of a signed quantity at a mark, rounded away from zero; False: it cannot be told."""
    if qty == ZERO:
        return ZERO, True
    money, ok = money_at(state, instrument, mark, places, abs(qty))
    if not ok:
        return ZERO, False
    worth, ok = to_worth_up(state, money_asset(state, instrument), money)
    return worth if qty > ZERO else -worth, ok


@kernel
def add_exposure(state: State, scope_ix: I, now: I, long: I, short: I) -> None:
    """Add the exposure of one position, as it is and at its two worst, to a scope; -1: to none."""
    if scope_ix < ZERO:
        return
    scope = state.scopes[scope_ix]
    scope["gross"] = bounded_sum(I(scope["gross"]), abs(now))
    scope["net"] = bounded_sum(I(scope["net"]), now)
    scope["worst_gross"] = bounded_sum(I(scope["worst_gross"]), max(abs(long), abs(short)))
    scope["worst_long"] = bounded_sum(I(scope["worst_long"]), long)
    scope["worst_short"] = bounded_sum(I(scope["worst_short"]), short)
