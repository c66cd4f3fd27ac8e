"""Accounts: assets, balances, holds, margin terms, fee rates; and what an instrument pays in. Folds account.* and instrument terms."""

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.state import State
from veloz.reducers.words import ZERO, I


@cold
def fold_account(state: State, kind: I, row: np.void, seq: I, now: I) -> None:
    """Fold one row of account.* or of an instrument's assets, filters, bounds, status."""


@kernel
def move(state: State, account: I, asset: I, delta: I) -> None:
    """A trade, fee or funding changed a balance by `delta` money of the asset."""


@kernel
def hold(state: State, account: I, asset: I, delta: I) -> None:
    """Set aside (or, below 0, release) money of an account for open orders."""


@kernel
def available(state: State, account: I, asset: I) -> I:
    """Money that may still be set aside: what is there, less holds, less what the venue has locked for orders that are not ours,
    less margin."""
    return ZERO


@cold
def order_hold(state: State, order_ix: I, price: I, qty: I, amount: np.ndarray) -> I:
    """What an order of this price and quantity could cost: amount[0] money (rounded up) of asset amount[1]. 0, or a codes.Refusal.

    Spot: quote (buy) or base (sell). Contracts: initial margin of the part that would open or grow, nothing for the rest.
    Price 0 (market orders): the instrument's reference price.
    """
    return ZERO
