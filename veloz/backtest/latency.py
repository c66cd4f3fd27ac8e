"""How long a message is under way between the desk and the exchange."""

from typing import Final

import numpy as np

from veloz.backtest.machine import Venue
from veloz.contracts.kernel import cold
from veloz.reducers.words import I

CONSTANT: Final = I(0)


@cold
def delay_of(venue: Venue, wire: np.void, at_ns: I) -> I:
    """Nanoseconds until a message that is sent at `at_ns` arrives. Below 0: it is turned back on its way, after that many."""
    return I(wire["ns"])
