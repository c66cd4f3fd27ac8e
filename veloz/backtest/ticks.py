"""The model of recordings that hold trades and no book.

Assumptions. The last print whose taker bought is the best ask, with what it printed; the last one whose taker sold is the best bid. A taker
gets no more than that until the next such print. A resting order has nobody ahead of it: a print at its price or through it fills it, at
its own price; all of ours together get no more than was printed. Levels of a book, where the recording has some, are not looked at.
"""

import numpy as np

from veloz.backtest.ladder import put_level
from veloz.backtest.machine import NO_KEY, Venue
from veloz.backtest.resting import side_of
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.words import ONE, ZERO, I


@kernel
def _empty_best(venue: Venue, side: np.void, other: np.void) -> None:
    if side["best"] != NO_KEY:
        at = side["base"] + side["best"]
        side["takings"] -= venue.taken[at]
        venue.taken[at] = ZERO
        put_level(venue.levels, side, other, I(side["best"]), ZERO)


@cold
def set_by_print(venue: Venue, market: I, sign: I, key: I, qty: I) -> None:
    """A print at `key` of the side `sign` is of, which its taker met: that side now shows it, and the other nothing that it passed."""
    side, other = side_of(venue, market, sign), side_of(venue, market, -sign)
    if not side["lo"] <= key <= side["hi"]:
        venue.markets[market]["outside"] += ONE
        return
    _empty_best(venue, side, other)
    if other["best"] != NO_KEY and key + other["best"] >= ZERO:
        _empty_best(venue, other, side)
    put_level(venue.levels, side, other, key, qty)
