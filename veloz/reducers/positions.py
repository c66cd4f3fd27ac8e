"""Positions: fills → quantity, cost, realized pnl, lots; of accounts, and of strategies within them."""

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.state import State
from veloz.reducers.words import ZERO, I


@cold
def find_position(state: State, account: I, instrument: I, side: I, strategy: I) -> I:
    """The place of a position; -1: there is none. `strategy` -1: the account's own."""
    return I(-1)


@cold
def apply_fill(
    state: State, account: I, instrument: I, sell: I, side: I, strategy: I, price: I, qty: I, seq: I, now: I
) -> I:
    """One execution, counted once by the caller: positions of the account and of the strategy, and balances. 0, or a codes.Refusal
    (ARITHMETIC, NOT_KNOWN …) in which case nothing is changed.

    `strategy` 0 is a person, -1 nobody of ours (a foreign order): then only the account's own position moves.
    """
    return ZERO


@cold
def apply_fee(state: State, account: I, instrument: I, side: I, strategy: I, asset: I, amount: I) -> None:
    """The fee (below 0: rebate) of an execution that was counted, in any asset."""


@cold
def bust_fill(
    state: State, account: I, instrument: I, sell: I, side: I, strategy: I, price: I, qty: I, seq: I, now: I
) -> I:
    """The venue took an execution back."""
    return ZERO


@kernel
def target_delta(state: State, account: I, instrument: I, strategy: I, target: I) -> I:
    """Signed quantity that is missing from a strategy's target: target, less its position, less what its open orders would bring."""
    return ZERO
