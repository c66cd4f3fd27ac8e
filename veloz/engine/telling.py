"""pnl.update rows: once an engine second while something is open.

One of everything; then of every strategy, by number, and of every instrument, the newest traded first, that holds something, or whose
pnl is not what its newest row says.
"""

from typing import Final

import numpy as np

from veloz.contracts import registry, terms
from veloz.contracts.kernel import cold, kernel
from veloz.engine.making import TURN_ROWS, make
from veloz.reducers.bits import SCOPE_NUMBER
from veloz.reducers.desk import SCOPE_GLOBAL
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.state import State
from veloz.reducers.wide import bounded_sum
from veloz.reducers.words import F_INEXACT, FLAGS_SHIFT, ONE, ZERO, I

_K_PNL: Final = I(registry.PNL.number)
_STRATEGY, _INSTRUMENT = I(terms.ScopeKind.STRATEGY), I(terms.ScopeKind.INSTRUMENT)
_SECOND_NS: Final = I(1_000_000_000)
_BEGIN, _STRATEGIES, _INSTRUMENTS = I(0), I(1), I(2)


@kernel
def is_pnl_due(state: State, at: np.void) -> bool:
    """Whether an engine second began since pnl was told last."""
    return bool(at["now"] // _SECOND_NS > state.desk[0]["pnl_second"])


@cold
def pnl_turn(state: State, out: np.ndarray, at: np.void) -> bool:
    """Make the rows that are due; False when all are made. `part`: whose rows are made; `order_ix`: whose is looked at next."""
    rows = ZERO
    if at["part"] == _BEGIN:
        if not is_pnl_due(state, at) or not _is_open(state, NO_STRATEGY):
            return False
        _tell(state, out, at, ZERO, I(SCOPE_GLOBAL))
        rows = ONE
        at["part"] = _STRATEGIES
        at["order_ix"] = ONE
    if at["part"] == _STRATEGIES:
        rows = _tell_strategies(state, out, at, rows)
    if at["part"] == _INSTRUMENTS:
        rows = _tell_instruments(state, out, at, rows)
    return bool(at["part"] != _INSTRUMENTS or at["order_ix"] >= ZERO)


@cold
def _tell_strategies(state: State, out: np.ndarray, at: np.void, rows: I) -> I:
    """Rows of strategies, as many as the turn has room for. Returns how many the turn has made."""
    while at["order_ix"] < state.strategies.shape[0]:
        if rows >= TURN_ROWS:
            return rows
        number = I(at["order_ix"])
        at["order_ix"] += ONE
        place = I(state.strategies[number]["scope_ix"])
        if place >= ZERO and (_is_news(state, place) or _is_open(state, number)):
            _tell(state, out, at, _STRATEGY | (number << SCOPE_NUMBER), place)
            rows += ONE
    at["part"] = _INSTRUMENTS
    at["order_ix"] = state.desk[0]["active_ix"]
    return rows


@cold
def _tell_instruments(state: State, out: np.ndarray, at: np.void, rows: I) -> I:
    """The same of instruments with positions."""
    while at["order_ix"] >= ZERO and rows < TURN_ROWS:
        number = I(at["order_ix"])
        at["order_ix"] = state.terms[number]["active_ix"]
        place = I(state.terms[number]["scope_ix"])
        if place >= ZERO and (_is_news(state, place) or _is_held(state, number)):
            _tell(state, out, at, _INSTRUMENT | (number << SCOPE_NUMBER), place)
            rows += ONE
    return rows


@kernel
def _tell(state: State, out: np.ndarray, at: np.void, word: I, place: I) -> None:
    scope = state.scopes[place]
    cause = I(at["first_seq"] + at["inputs"] - ONE)
    make(at, out, _K_PNL, ZERO, word, I(scope["realized"]), I(scope["unrealized"]), cause, I(scope["costs"]))
    if scope["untold"] != ZERO:
        out[at["made"] - ONE]["head"] |= F_INEXACT << FLAGS_SHIFT


@kernel
def _is_news(state: State, place: I) -> bool:
    """Whether the pnl of a scope is not what its newest row says; before the first, nothing is what it says."""
    scope = state.scopes[place]
    pnl = bounded_sum(bounded_sum(I(scope["realized"]), I(scope["unrealized"])), I(scope["costs"]))
    return bool(scope["told_pnl"] != pnl or scope["told_inexact"] != I(scope["untold"] != ZERO))


@kernel
def _is_held(state: State, instrument: I) -> bool:
    """Whether an account has an open position in an instrument."""
    place = I(state.terms[instrument]["positions_ix"])
    while place >= ZERO:
        position = state.positions[place]
        if position["strategy"] == NO_STRATEGY and position["qty"] != ZERO:
            return True
        place = I(position["next_ix"])
    return False


@cold
def _is_open(state: State, strategy: I) -> bool:
    """Whether an order or a position is open: of a strategy, or (NO_STRATEGY) of any account."""
    if strategy < ZERO and state.desk[0]["orders_open"] > ZERO:
        return True
    if strategy > ZERO and state.scopes[state.strategies[strategy]["scope_ix"]]["orders_open"] > ZERO:
        return True
    for place in range(state.desk[0]["positions_used"]):
        position = state.positions[place]
        if position["strategy"] == strategy and position["qty"] != ZERO:
            return True
    return False
