"""The model of recordings that hold bars and nothing finer.

Assumptions. A bar is known when it is over, and says open, high, low, close and volume; how its price went between them nobody knows, so
the worse for us holds. An order takes part in bars that open when it is there already. What may take at the open executes there as taker:
market orders, and limits that the open has passed (a gap), with slippage, never outside the bar. Other limits execute at their own price,
as maker, when the bar goes through them; touching is not enough. All of ours together get no more than the bar's volume, takers first,
then by price and time. Post-only that the open has passed is over; so is what one bar leaves of a market order, IOC or FOK.
"""

from typing import Final

import numpy as np

from veloz.backtest.holding import open_of
from veloz.backtest.machine import BUY, NOBODY, Venue
from veloz.backtest.reporting import EXPIRY, K_EXPIRED, UNFILLED, tell_end, tell_fill
from veloz.backtest.resting import delist, give_back, side_of
from veloz.backtest.slippage import slipped
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import OrderType, TimeInForce
from veloz.reducers.bits import M_TIF, M_TYPE, S_TIF, S_TYPE, part
from veloz.reducers.words import ONE, ZERO, I

_MARKET: Final = I(OrderType.MARKET)
_IOC, _FOK, _GTX = I(TimeInForce.IOC), I(TimeInForce.FOK), I(TimeInForce.GTX)


@kernel
def _lasts(order: np.void) -> bool:
    """Whether an order outlives a bar that leaves something of it."""
    tif = part(I(order["spec"]), S_TIF, M_TIF)
    return bool(part(I(order["spec"]), S_TYPE, M_TYPE) != _MARKET and tif != _IOC and tif != _FOK)


@cold
def _end(venue: Venue, at: I, why: I, now: I) -> None:
    delist(venue, at)
    tell_end(venue, at, K_EXPIRED, why, now)
    give_back(venue, at)


@cold
def _execute(venue: Venue, at: I, price: I, qty: I, maker: I, now: I) -> None:
    order = venue.resting[at]
    order["leaves"] -= qty
    order["filled"] += qty
    tell_fill(venue, at, price, qty, maker, now)
    if order["leaves"] == ZERO:
        delist(venue, at)
        give_back(venue, at)


@cold
def _at_open(venue: Venue, market: I, sign: I, left: I, now: I) -> I:
    """Everything of one side that may take at the open; what is left of the volume."""
    bar, at = venue.markets[market], I(side_of(venue, market, sign)["first_ix"])
    opened, worst = sign * bar["open"], sign * (bar["high"] if sign == BUY else bar["low"])
    while at != NOBODY:
        order = venue.resting[at]
        following = I(order["next_ix"])
        is_market = part(I(order["spec"]), S_TYPE, M_TYPE) == _MARKET
        if order["arrived_ns"] <= bar["opened_ns"] and (is_market or order["at"] >= opened):
            tif = part(I(order["spec"]), S_TIF, M_TIF)
            qty = min(left, open_of(venue, order))
            if not is_market and tif == _GTX:
                _end(venue, at, EXPIRY, now)
            elif qty > ZERO and (tif != _FOK or qty == order["leaves"]):
                reach = worst if is_market else min(worst, I(order["at"]))
                paid = -slipped(venue, -opened, -reach, qty, I(bar["volume"]))
                left -= qty
                _execute(venue, at, sign * paid * I(bar["tick"]), qty, ZERO, now)
        at = following
    return left


@cold
def _within(venue: Venue, market: I, sign: I, left: I, now: I) -> I:
    """Limits of one side that the bar went through; then what does not outlive a bar is over. What is left of the volume."""
    bar, at = venue.markets[market], I(side_of(venue, market, sign)["first_ix"])
    far = sign * (bar["low"] if sign == BUY else bar["high"])
    while at != NOBODY:
        order = venue.resting[at]
        following = I(order["next_ix"])
        if order["arrived_ns"] <= bar["opened_ns"]:
            qty = min(left, open_of(venue, order))
            if not _lasts(order):
                _end(venue, at, UNFILLED, now)
            elif qty > ZERO and order["at"] > far:
                left -= qty
                _execute(venue, at, I(order["price"]), qty, ONE, now)
        at = following
    return left


@cold
def meet_bar(venue: Venue, market: I, now: I) -> None:
    """A bar is over and its volume known: what of ours it executes."""
    left = I(venue.markets[market]["volume"])
    for sign in (ONE, -ONE):
        left = _at_open(venue, market, sign, left, now)
    for sign in (ONE, -ONE):
        left = _within(venue, market, sign, left, now)
