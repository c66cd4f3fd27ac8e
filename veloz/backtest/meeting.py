"""Orders of ours that meet each other, and what self-trade prevention makes of it.

Assumptions. At its price an order of ours stands behind all that is shown there. What happens is what the order that comes asks for. NONE:
they trade, at the price of the one that rests. EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH: who is named is over, nothing trades.
DECREMENT: both lose the smaller quantity, and one that has nothing left is over. TRANSFER differs from it between accounts alone.
"""

from typing import Final

import numpy as np

from veloz.backtest.machine import NO_KEY, NOBODY, Venue
from veloz.backtest.reporting import K_EXPIRED, SELF_TRADE, tell_end, tell_fill, tell_replaced
from veloz.backtest.resting import delist, give_back, side_of
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import SelfTrade
from veloz.reducers.bits import M_STP, S_STP, part
from veloz.reducers.words import ONE, ZERO, I

NONE, EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH = (
    I(each) for each in (SelfTrade.NONE, SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_MAKER, SelfTrade.EXPIRE_BOTH)
)
WENT_ON, OVER = I(0), I(1)  # what became of the order that came
_SIZE: Final = "per_unit"


@kernel
def top_of(venue: Venue, side: np.void) -> I:
    """The best key that an order of ours meets on a side; NO_KEY: nothing is there."""
    own = I(side["own_best"]) if venue.rules[0]["accounts"] != ZERO else NO_KEY
    return max(I(side["best"]), own)


@kernel
def execute(venue: Venue, at: I, price: I, qty: I, maker: I, now: I) -> None:
    """Take an execution off an order's open quantity, and say so."""
    order = venue.resting[at]
    order["leaves"] -= qty
    order["filled"] += qty
    order["leaves_size"] = order["leaves"] / venue.markets[order["market"]][_SIZE]
    tell_fill(venue, at, price, qty, maker, now)


@cold
def cut_down(venue: Venue, at: I, leaves: I) -> None:
    """An order has less that is open, and is so much smaller."""
    order = venue.resting[at]
    order["qty"] -= order["leaves"] - leaves
    order["leaves"] = leaves
    order["leaves_size"] = leaves / venue.markets[order["market"]][_SIZE]


@cold
def drop(venue: Venue, at: I, why: I, now: I) -> None:
    """A resting or waiting order expires."""
    delist(venue, at)
    tell_end(venue, at, K_EXPIRED, why, now)
    give_back(venue, at)


@cold
def _trade(venue: Venue, at: I, other: I, now: I) -> None:
    qty, price = (
        min(I(venue.resting[at]["leaves"]), I(venue.resting[other]["leaves"])),
        I(venue.resting[other]["price"]),
    )
    execute(venue, at, price, qty, ZERO, now)
    execute(venue, other, price, qty, ONE, now)
    if venue.resting[other]["leaves"] == ZERO:
        delist(venue, other)
        give_back(venue, other)


@cold
def _decrement(venue: Venue, at: I, other: I, now: I) -> I:
    qty = min(I(venue.resting[at]["leaves"]), I(venue.resting[other]["leaves"]))
    cut_down(venue, at, venue.resting[at]["leaves"] - qty)
    cut_down(venue, other, venue.resting[other]["leaves"] - qty)
    if venue.resting[other]["leaves"] == ZERO:
        drop(venue, other, SELF_TRADE, now)
    else:
        tell_replaced(venue, other, now)
    if venue.resting[at]["leaves"] == ZERO:
        return OVER
    tell_replaced(venue, at, now)
    return WENT_ON


@cold
def meet_own(venue: Venue, at: I, key: I, now: I) -> I:
    """An order that takes comes to `key` of the other side: what it does with ours there. What became of it."""
    order = venue.resting[at]
    mode = part(I(order["spec"]), S_STP, M_STP)
    other = I(side_of(venue, I(order["market"]), -I(order["sign"]))["first_ix"])
    while other != NOBODY and venue.resting[other]["at"] >= key and order["leaves"] > ZERO:
        following = I(venue.resting[other]["next_ix"])
        if mode == NONE:
            _trade(venue, at, other, now)
        elif mode == EXPIRE_TAKER:
            return OVER
        elif mode in (EXPIRE_MAKER, EXPIRE_BOTH):
            drop(venue, other, SELF_TRADE, now)
            if mode == EXPIRE_BOTH:
                return OVER
        elif _decrement(venue, at, other, now) == OVER:
            return OVER
        other = following
    return WENT_ON


@cold
def own_down_to(venue: Venue, order: np.void, reach: I) -> I:
    """What of ours an order would trade with down to a key."""
    total, other = ZERO, I(side_of(venue, I(order["market"]), -I(order["sign"]))["first_ix"])
    if venue.rules[0]["accounts"] == ZERO or part(I(order["spec"]), S_STP, M_STP) != NONE:
        return ZERO
    while other != NOBODY and venue.resting[other]["at"] >= reach:
        total += venue.resting[other]["leaves"]
        other = I(venue.resting[other]["next_ix"])
    return total


@kernel
def sure_reach(venue: Venue, order: np.void, side: np.void, reach: I) -> I:
    """The last key of a side down to which prevention does not end an order."""
    if venue.rules[0]["accounts"] != ZERO and part(I(order["spec"]), S_STP, M_STP) in (EXPIRE_TAKER, EXPIRE_BOTH):
        return max(reach, I(side["own_best"]))
    return reach
