"""pnl.update rows: once an engine second while something is open, of everything and of every strategy with something open."""

from typing import Final

import numpy as np

from veloz.contracts import registry, terms
from veloz.contracts.kernel import cold, kernel
from veloz.engine.making import TURN_ROWS, make
from veloz.reducers.bits import SCOPE_NUMBER
from veloz.reducers.desk import SCOPE_GLOBAL
from veloz.reducers.state import State
from veloz.reducers.words import F_INEXACT, FLAGS_SHIFT, ONE, ZERO, I

_K_PNL: Final = I(registry.PNL.number)
_STRATEGY: Final = I(terms.ScopeKind.STRATEGY)
_SECOND_NS: Final = I(1_000_000_000)


@cold
def pnl_turn(state: State, out: np.ndarray, at: np.void) -> bool:
    """Make the rows that are due; False when all are made. `order_ix`: the strategy to look at next."""
    if at["order_ix"] == ZERO:
        at["order_ix"] = ONE
        if at["now"] // _SECOND_NS <= state.desk[0]["pnl_second"] or not _is_open(state, I(-1)):
            return False
        _tell(state, out, at, ZERO, I(SCOPE_GLOBAL))
    rows = ONE
    while at["order_ix"] < state.strategies.shape[0]:
        if rows >= TURN_ROWS:
            return True
        number = I(at["order_ix"])
        at["order_ix"] += ONE
        place = I(state.strategies[number]["scope_ix"])
        if place >= ZERO and _is_open(state, number):
            _tell(state, out, at, _STRATEGY | (number << SCOPE_NUMBER), place)
            rows += ONE
    return False


@kernel
def _tell(state: State, out: np.ndarray, at: np.void, word: I, place: I) -> None:
    scope = state.scopes[place]
    cause = I(at["first_seq"] + at["inputs"] - ONE)
    make(at, out, _K_PNL, ZERO, word, I(scope["realized"]), I(scope["unrealized"]), cause, I(scope["costs"]))
    if scope["unconverted"] != ZERO:
        out[at["made"] - ONE]["head"] |= F_INEXACT << FLAGS_SHIFT


@cold
def _is_open(state: State, strategy: I) -> bool:
    """Whether an order or a position is open: of a strategy, or (-1) of any account."""
    if strategy < ZERO and state.desk[0]["orders_open"] > ZERO:
        return True
    if strategy > ZERO and state.scopes[state.strategies[strategy]["scope_ix"]]["orders_open"] > ZERO:
        return True
    for place in range(state.desk[0]["positions_used"]):
        position = state.positions[place]
        if position["strategy"] == strategy and position["qty"] != ZERO:
            return True
    return False
