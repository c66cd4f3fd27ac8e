"""The model in which only the book fills: nobody knows who printed what.

Assumptions. A taker sweeps the levels of the other side and pays each at its price; what it took stays taken while the level stands, and
`Rules.impact_ppm` moves the price it pays. A resting order is filled when the other side of the book reaches its price, by what is shown
there and not taken, at its own price: the book must come through to us. Prints fill nothing.
"""

from veloz.backtest.machine import Venue
from veloz.backtest.rules import Matching
from veloz.contracts.kernel import kernel
from veloz.reducers.words import I

_BOOK = I(Matching.BOOK)


@kernel
def prints_fill(venue: Venue) -> bool:
    """Whether a print may fill what rests."""
    return bool(venue.rules[0]["matching"] != _BOOK)
