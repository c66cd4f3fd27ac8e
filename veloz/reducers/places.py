"""Places of positions: found again through the list of their instrument, given out at first use and never taken back.

Both what trades move (`positions.py`) and what venues state (`accounts.py`) is kept there.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import PositionSide
from veloz.reducers.state import State
from veloz.reducers.words import ONE, ZERO, I

NOWHERE: Final = I(-1)
NO_STRATEGY: Final = I(-1)  # the account's own position, not a strategy's share of it
SIDE_BOTH: Final = I(PositionSide.BOTH)
_SIDES: Final = I(len(PositionSide))


@cold
def _walk(positions: np.ndarray, at: I, account: I, side: I, strategy: I) -> I:
    while at >= ZERO:
        position = positions[at]
        if position["account"] == account and position["side"] == side and position["strategy"] == strategy:
            return at
        at = I(position["next_ix"])
    return NOWHERE


@kernel
def find_position(state: State, account: I, instrument: I, side: I, strategy: I) -> I:
    """The place of a position; -1: there is none. `strategy` -1: the account's own. Walks all positions of the instrument."""
    if not ZERO < instrument < state.terms.shape[0]:
        return NOWHERE
    return _walk(state.positions, I(state.terms[instrument]["positions_ix"]), account, side, strategy)


@kernel
def knows_account(state: State, account: I) -> bool:
    """Whether an account was opened."""
    return bool(ZERO < account < state.accounts.shape[0] and state.accounts[account]["known"] != ZERO)


@cold
def position_place(state: State, account: I, instrument: I, side: I, strategy: I) -> I:
    """The place of a position, given out at first use; -1: there can be no such position (account or instrument not known, no such side).
    The caller's row has room for it (`trading.POSITIONS_A_ROW`).
    """
    at = find_position(state, account, instrument, side, strategy)
    if at >= ZERO:
        return at
    if not knows_account(state, account) or not ZERO < instrument < state.terms.shape[0] or not ZERO <= side < _SIDES:
        return NOWHERE
    desk, terms = state.desk[0], state.terms[instrument]
    at = I(desk["positions_used"])
    if at >= state.positions.shape[0]:
        return NOWHERE
    desk["positions_used"] = at + ONE
    position = state.positions[at]
    position["account"] = account
    position["instrument"] = instrument
    position["side"] = side
    position["strategy"] = strategy
    position["next_ix"] = terms["positions_ix"]
    terms["positions_ix"] = at
    return at


@cold
def open_places(state: State, account: I, instrument: I, side: I, strategy: I) -> None:
    """Places for what an order may trade into, so that its exposure is counted from the beginning: the account's own position, and the
    strategy's share (-1: none) of it.
    """
    position_place(state, account, instrument, side, NO_STRATEGY)
    if strategy != NO_STRATEGY:
        position_place(state, account, instrument, side, strategy)
