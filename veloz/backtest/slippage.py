"""What a taker pays beyond what the book shows: quantity that was there and gone, and takers who were quicker.

An execution as taker moves against us by `Rules.slippage_ppm` of its price and by `Rules.impact_ppm` for each time the level's whole
quantity is taken, rounded away from us to a whole tick, and never beyond the order's limit or the edge of the ladder. Executions as maker
are at their own price. More slippage is never a better price.
"""

from typing import Final

from veloz.backtest.machine import Venue
from veloz.contracts.kernel import cold
from veloz.reducers.wide import mul_div_up
from veloz.reducers.words import ONE, ZERO, I

_MILLION: Final = I(1_000_000)


@cold
def slipped(venue: Venue, key: I, reach: I, qty: I, shown: I) -> I:
    """The key, of the side that is taken from, at which `qty` of what `shown` at `key` executes: at most `reach`."""
    rules = venue.rules[0]
    if rules["slippage_ppm"] == ZERO and rules["impact_ppm"] == ZERO:
        return key
    impact, _ = mul_div_up(I(rules["impact_ppm"]), qty, max(shown, ONE))
    worse, _ = mul_div_up(abs(key), I(rules["slippage_ppm"]) + impact, _MILLION)
    return max(key - worse, min(reach, key))
