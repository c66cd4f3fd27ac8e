"""What the stop levels CANCEL and FLATTEN do to what is open already.

Where a `risk.stopped` row sets such a level, all open orders of its scope are canceled and, at FLATTEN, its positions closed by reduce-only
market orders. The level goes on holding: at the end of every step that traded, and of the first of each engine second, what is still open
under any such level is looked at again (`begin_standing`). Shares of strategies that lean the same way as the account's own position are
closed in their name first.
"""

from typing import Final

import numpy as np

from veloz.contracts import registry, terms
from veloz.contracts.kernel import cold, kernel
from veloz.engine.closing import CANCEL_LEVEL, ENGINE, FLATTEN_LEVEL, closing_qty, level_over, make_closing
from veloz.engine.making import make_cancel
from veloz.execution.planner import is_cancelable
from veloz.reducers.bits import M_ORIGIN, S_ORIGIN
from veloz.reducers.order_table import S_UNKNOWN
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.state import State
from veloz.reducers.trading import must_settle
from veloz.reducers.words import ONE, ZERO, I

ORDERS, SHARES, POSITIONS, SWEPT = I(0), I(1), I(2), I(3)  # parts of a sweep, in this order
LEGS_MOST: Final = I(32)  # orders on one position a sweep
_VENUE, _ACCOUNT = I(terms.ScopeKind.VENUE), I(terms.ScopeKind.ACCOUNT)
INSTRUMENT, _STRATEGY = I(terms.ScopeKind.INSTRUMENT), I(terms.ScopeKind.STRATEGY)
_STANDING: Final = I(-1)  # instead of a scope: all that lies under a level of CANCEL or FLATTEN
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


@kernel
def begin_sweep(at: np.void, kind: I, number: I, level: I, cause: I) -> None:
    """Set a sweep of a scope going; `sweep_turn` goes on until it is over."""
    at["sweep_scope"] = kind
    at["sweep_number"] = number
    at["sweep_level"] = level
    at["sweep_cause"] = cause
    at["sweep_ix"] = ZERO
    at["sweep_legs"] = ZERO
    at["sweep_part"] = ORDERS


@cold
def begin_standing(state: State, at: np.void) -> bool:
    """Set a sweep going of what is open under the levels that hold; False: no level holds, or nothing could have changed.

    Cancels that came to nothing are asked for again at the first step of each engine second.
    """
    desk = state.desk[0]
    now = I(at["now"])
    if not must_settle(desk, now) or (desk["positions_used"] == ZERO and desk["orders_open"] == ZERO):
        return False
    for place in range(desk["scopes_used"]):
        if state.scopes[place]["level"] >= CANCEL_LEVEL:
            begin_sweep(at, _STANDING, ZERO, FLATTEN_LEVEL, I(at["first_seq"] + at["inputs"] - ONE))
            at["sweep_part"] = ORDERS if now >= desk["mark_ns"] else SHARES
            return True
    return False


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
def _is_due(state: State, at: np.void, account: I, instrument: I, strategy: I, level: I) -> bool:
    """Whether a sweep is to do what a level says to something of this account, instrument and strategy."""
    if at["sweep_scope"] == _STANDING:
        return bool(level_over(state, account, instrument, strategy) >= level)
    return in_scope(state, at["sweep_scope"], at["sweep_number"], account, instrument, strategy)


@kernel
def _cancel_next(state: State, at: np.void, out: np.ndarray) -> bool:
    standing = at["sweep_scope"] == _STANDING
    while at["sweep_ix"] < state.desk[0]["orders_used"]:
        order = state.orders[at["sweep_ix"]]
        at["sweep_ix"] += ONE
        if not is_cancelable(order) or (standing and order["state"] == S_UNKNOWN):
            continue
        account, instrument, strategy = I(order["account"]), I(order["instrument"]), I(order["strategy"])
        level = level_over(state, account, instrument, strategy) if standing else I(at["sweep_level"])
        if not is_spared(order, level) and _is_due(state, at, account, instrument, strategy, CANCEL_LEVEL):
            make_cancel(at, out, order, at["sweep_cause"])
            return True
    return False


@kernel
def _close_next(state: State, at: np.void, out: np.ndarray) -> bool:
    shares = at["sweep_part"] == SHARES
    while at["sweep_ix"] < state.desk[0]["positions_used"]:
        place = I(at["sweep_ix"])
        position = state.positions[place]
        account, instrument, strategy = I(position["account"]), I(position["instrument"]), I(position["strategy"])
        fits = (strategy != NO_STRATEGY) == shares and strategy != ZERO
        if fits and position["qty"] != ZERO and at["sweep_legs"] < LEGS_MOST:
            if _is_due(state, at, account, instrument, strategy, FLATTEN_LEVEL):
                qty = closing_qty(state, place, I(at["now"]))
                if qty > ZERO:
                    make_closing(at, state, out, position, qty, at["sweep_cause"])
                    at["sweep_legs"] += ONE
                    return True
        at["sweep_ix"] += ONE
        at["sweep_legs"] = ZERO
    return False
