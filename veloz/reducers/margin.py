"""What orders may cost: the money that is held for them while they are open."""

import numpy as np

from veloz.contracts.kernel import cold
from veloz.reducers.state import State
from veloz.reducers.words import ZERO, I


@cold
def order_hold(state: State, order_ix: I, price: I, qty: I, amount: np.ndarray) -> I:
    """What an order of this price and quantity could cost: amount[0] money (rounded up) of asset amount[1]. 0, or a codes.Refusal.

    Spot: quote (buy) or base (sell). Contracts: initial margin of the part that would open or grow, nothing for the rest.
    Price 0 (market orders): the instrument's reference price.
    """
    return ZERO
