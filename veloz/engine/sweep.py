"""What the stop levels CANCEL and FLATTEN do to what is open already.

Where a `risk.stopped` row sets such a level, all open orders of its scope are canceled and, at FLATTEN, its positions closed by reduce-only
market orders. The level goes on holding: an order that turns out to be open later is canceled when a report says so, a fill that comes
later is closed again. Shares of strategies that lean the same way as the account's own position are closed in their name first.
"""

from typing import Final

import numpy as np

from veloz.contracts import codes, registry, terms
from veloz.contracts.kernel import cold, kernel
from veloz.engine.making import K_DRAFTED, make, make_cancel
from veloz.execution.planner import is_cancelable
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
from veloz.reducers.desk import SCOPE_GLOBAL
from veloz.reducers.order_store import remaining_of
from veloz.reducers.places import NO_STRATEGY, find_position
from veloz.reducers.state import State
from veloz.reducers.words import ONE, ZERO, I

CANCEL_LEVEL, FLATTEN_LEVEL = I(codes.StopLevel.CANCEL), I(codes.StopLevel.FLATTEN)
ORDERS, SHARES, POSITIONS, SWEPT = I(0), I(1), I(2), I(3)  # parts of a sweep, in this order
_VENUE, _ACCOUNT = I(terms.ScopeKind.VENUE), I(terms.ScopeKind.ACCOUNT)
INSTRUMENT, _STRATEGY = I(terms.ScopeKind.INSTRUMENT), I(terms.ScopeKind.STRATEGY)
_BOTH: Final = I(terms.PositionSide.BOTH)
ENGINE: Final = I(terms.Origin.ENGINE)
_ENGINE_MARKET: Final = (I(terms.Origin.ENGINE) << S_ORIGIN) | (I(terms.OrderType.MARKET) << S_TYPE)
K_STOPPED: Final = I(registry.STOPPED.number)


@kernel
def in_scope(state: State, kind: I, number: I, account: I, instrument: I, strategy: I) -> bool:
    """Whether something of this account, instrument and strategy lies in a scope."""
    if kind == _VENUE:
        return bool(state.accounts[account]["market"] == number)
    if kind == _ACCOUNT:
        return bool(account == number)
    if kind == INSTRUMENT:
        return bool(instrument == number)
    if kind == _STRATEGY:
        return bool(strategy == number)
    return True


@cold
def level_over(state: State, account: I, instrument: I, strategy: I) -> I:
    """The safest stop level that holds over something: of all five scopes it lies in."""
    level = I(state.scopes[SCOPE_GLOBAL]["level"])
    if ZERO < account < state.accounts.shape[0]:
        level = max(level, I(state.scopes[state.accounts[account]["market"]]["level"]))
        level = max(level, _level_at(state, I(state.accounts[account]["scope_ix"])))
    if ZERO < instrument < state.terms.shape[0]:
        level = max(level, _level_at(state, I(state.terms[instrument]["scope_ix"])))
    if ZERO < strategy < state.strategies.shape[0]:
        level = max(level, _level_at(state, I(state.strategies[strategy]["scope_ix"])))
    return level


@kernel
def _level_at(state: State, scope_ix: I) -> I:
    return I(state.scopes[scope_ix]["level"]) if scope_ix >= ZERO else ZERO


@kernel
def begin_sweep(at: np.void, kind: I, number: I, level: I, cause: I) -> None:
    """Set a sweep of a scope going; `sweep_turn` goes on until it is over."""
    at["sweep_scope"] = kind
    at["sweep_number"] = number
    at["sweep_level"] = level
    at["sweep_cause"] = cause
    at["sweep_ix"] = ZERO
    at["sweep_part"] = ORDERS


@kernel
def begin_close(at: np.void, instrument: I, cause: I) -> None:
    """Set a sweep going that closes what is held of one instrument, and cancels nothing."""
    begin_sweep(at, INSTRUMENT, instrument, FLATTEN_LEVEL, cause)
    at["sweep_part"] = SHARES


@cold
def sweep_turn(state: State, at: np.void, out: np.ndarray) -> bool:
    """Make the next row of the sweep under way; False when nothing is left to do."""
    if at["sweep_level"] < CANCEL_LEVEL:
        return False
    if at["sweep_part"] == ORDERS:
        if _cancel_next(state, at, out):
            return True
        at["sweep_part"] = SHARES if at["sweep_level"] >= FLATTEN_LEVEL else SWEPT
        at["sweep_ix"] = ZERO
    while at["sweep_part"] < SWEPT:
        if _close_next(state, at, out):
            return True
        at["sweep_part"] += ONE
        at["sweep_ix"] = ZERO
    at["sweep_level"] = ZERO
    return False


@kernel
def is_spared(order: np.void, level: I) -> bool:
    """Whether an order is left alone although orders are canceled: at FLATTEN, the engine's own, which close positions."""
    return bool(level >= FLATTEN_LEVEL and (order["spec"] >> S_ORIGIN) & M_ORIGIN == ENGINE)


@kernel
def _cancel_next(state: State, at: np.void, out: np.ndarray) -> bool:
    while at["sweep_ix"] < state.desk[0]["orders_used"]:
        order = state.orders[at["sweep_ix"]]
        at["sweep_ix"] += ONE
        if is_spared(order, at["sweep_level"]):
            continue
        if is_cancelable(order) and in_scope(
            state, at["sweep_scope"], at["sweep_number"], order["account"], order["instrument"], order["strategy"]
        ):
            make_cancel(at, out, order, at["sweep_cause"])
            return True
    return False


@kernel
def _close_next(state: State, at: np.void, out: np.ndarray) -> bool:
    shares = at["sweep_part"] == SHARES
    while at["sweep_ix"] < state.desk[0]["positions_used"]:
        place = I(at["sweep_ix"])
        position = state.positions[place]
        at["sweep_ix"] += ONE
        if (position["strategy"] == NO_STRATEGY) == shares or (shares and position["strategy"] == ZERO):
            continue
        if not in_scope(
            state,
            at["sweep_scope"],
            at["sweep_number"],
            position["account"],
            position["instrument"],
            position["strategy"],
        ):
            continue
        qty = closing_qty(state, place)
        if qty > ZERO:
            make_closing(state, at, out, position, qty, at["sweep_cause"])
            return True
    return False


@cold
def closing_qty(state: State, place: I) -> I:
    """What of a position is still to be closed: not more than the account holds, less what the engine's own orders are closing."""
    position = state.positions[place]
    own_ix = place
    if position["strategy"] != NO_STRATEGY:
        own_ix = find_position(state, position["account"], position["instrument"], position["side"], NO_STRATEGY)
        if own_ix < ZERO or (state.positions[own_ix]["qty"] > ZERO) != (position["qty"] > ZERO):
            return ZERO
    whole = abs(I(state.positions[own_ix]["qty"]))
    share = abs(I(position["qty"]))
    order_ix = I(state.terms[position["instrument"]]["orders_ix"])
    while order_ix >= ZERO:
        order = state.orders[order_ix]
        if is_closing(order, position):
            rest = remaining_of(order)
            whole -= rest
            if order["strategy"] == max(I(position["strategy"]), ZERO) or position["strategy"] == NO_STRATEGY:
                share -= rest
        order_ix = I(order["next_ix"])
    lot = lot_of(state, I(position["instrument"]))
    return max(min(whole, share), ZERO) // lot * lot


@kernel
def is_closing(order: np.void, position: np.void) -> bool:
    """Whether an open order is the engine's own and closes this position."""
    spec = I(order["spec"])
    sell = (spec >> S_SELL) & ONE
    return bool(
        (spec >> S_ORIGIN) & M_ORIGIN == ENGINE
        and order["account"] == position["account"]
        and (spec >> S_SIDE) & M_SIDE == position["side"]
        and (sell == ONE) == (position["qty"] > ZERO)
    )


@kernel
def lot_of(state: State, instrument: I) -> I:
    """The step of market orders' quantities, at least 1."""
    return max(I(state.terms[instrument]["market_lot"]), I(state.instruments[instrument]["lot"]), ONE)


@kernel
def make_closing(state: State, at: np.void, out: np.ndarray, position: np.void, qty: I, cause: I) -> None:
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
