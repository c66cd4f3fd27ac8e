"""The model of recordings that hold bars and nothing finer.

Assumptions. A bar is known when it is over, and says open, high, low, close and volume; how its price went between them nobody knows, so
the worse for us holds. An order takes part in bars that open when it is there already. What may take at the open executes there as taker:
market orders, and limits that the open has passed (a gap), with slippage, never outside the bar. Other limits execute at their own price,
as maker, when the bar goes through them; touching is not enough. All of ours together get no more than the bar's volume, takers first,
then by price and time. Post-only that the open has passed is over; so is what one bar leaves of a market order, IOC or FOK.

Stops are set off inside the bar, the worse way round: it goes to where it sets an order off before it goes the other way, and then
once more, so what follows the price is set off from where it stood, else from the best that the bar shows. One that the open has passed
executes at the open, any other at its trigger, rounded against us, both as taker with slippage; a stop that came while the bar was open is
not executed better than the bar's close. Stops come before take-profits, and both before limits; a take-profit that came while the bar
was open waits for the next. A limit that is set off and not met there rests, and what the volume does not suffice for is in the next bar.
"""

from typing import Final

import numpy as np

from veloz.backtest.holding import open_of
from veloz.backtest.machine import BUY, FAR, LIVE, NOBODY, WAITING, Venue
from veloz.backtest.meeting import drop, execute
from veloz.backtest.reporting import EXPIRY, UNFILLED
from veloz.backtest.resting import delist, give_back, side_of
from veloz.backtest.slippage import slipped
from veloz.backtest.triggers import BY_LAST, MILLION, is_reached, scaled
from veloz.backtest.unasked import enter_fired
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import OrderType, TimeInForce
from veloz.reducers.bits import M_TIF, M_TYPE, S_TIF, S_TYPE, part
from veloz.reducers.wide import divide, divide_up, product
from veloz.reducers.words import ONE, ZERO, I

_MARKET: Final = I(OrderType.MARKET)
_PROFIT_MARKET, _PROFIT_LIMIT = I(OrderType.TAKE_PROFIT_MARKET), I(OrderType.TAKE_PROFIT_LIMIT)
NOWHERE: Final = -FAR
AT_OPEN, STOPS, PROFITS = I(0), I(1), I(2)  # in this order a bar sets off what waits
_IOC, _FOK, _GTX = I(TimeInForce.IOC), I(TimeInForce.FOK), I(TimeInForce.GTX)


@kernel
def _lasts(order: np.void) -> bool:
    """Whether an order outlives a bar that leaves something of it."""
    tif = part(I(order["spec"]), S_TIF, M_TIF)
    return bool(part(I(order["spec"]), S_TYPE, M_TYPE) != _MARKET and tif != _IOC and tif != _FOK)


@cold
def _fill(venue: Venue, at: I, price: I, qty: I, maker: I, now: I) -> None:
    """An order executes, and goes when nothing of it is open."""
    execute(venue, at, price, qty, maker, now)
    if venue.resting[at]["leaves"] == ZERO:
        delist(venue, at)
        give_back(venue, at)


@cold
def _take(venue: Venue, at: I, key: I, left: I, now: I) -> I:
    """An order that takes at `key` of its own side, or would if it were not post-only; what is left of the volume."""
    order = venue.resting[at]
    bar, sign, tif = venue.markets[order["market"]], I(order["sign"]), part(I(order["spec"]), S_TIF, M_TIF)
    worst = sign * (bar["high"] if sign == BUY else bar["low"])
    is_market = part(I(order["spec"]), S_TYPE, M_TYPE) == _MARKET
    qty = min(left, open_of(venue, order))
    if not is_market and tif == _GTX:
        drop(venue, at, EXPIRY, now)
    elif qty > ZERO and (tif != _FOK or qty == order["leaves"]):
        reach = worst if is_market else min(worst, I(order["at"]))
        paid = -slipped(venue, -key, -reach, qty, I(bar["volume"]))
        left -= qty
        _fill(venue, at, sign * paid * I(bar["tick"]), qty, ZERO, now)
    return left


@cold
def _at_open(venue: Venue, market: I, sign: I, left: I, now: I) -> I:
    """Everything of one side that may take at the open; what is left of the volume."""
    bar, at = venue.markets[market], I(side_of(venue, market, sign)["first_ix"])
    opened = sign * bar["open"]
    while at != NOBODY:
        order = venue.resting[at]
        following = I(order["next_ix"])
        is_market = part(I(order["spec"]), S_TYPE, M_TYPE) == _MARKET
        if order["arrived_ns"] <= bar["opened_ns"] and (is_market or order["at"] >= opened):
            left = _take(venue, at, I(opened), left, now)
        at = following
    return left


@cold
def _trigger_key(order: np.void, bar: np.void) -> I:
    """The tick of what sets an order off, as a key of its own side, rounded against us."""
    step, tick = I(bar["price_up"]), I(bar["tick"])
    hi, lo = ZERO, I(order["trigger"])
    if order["callback_ppm"] > ZERO:
        hi, lo = product(I(order["extreme"]), MILLION + order["way"] * order["callback_ppm"])
        step *= MILLION
    if order["sign"] == BUY:
        _, price = divide_up(hi, lo, step)
        return (price + tick - ONE) // tick
    _, price, _ = divide(hi, lo, step)
    return -(price // tick)


@kernel
def _sees(order: np.void, bar: np.void, ticks: I) -> bool:
    """A price of a bar, in ticks: whether it sets an order off."""
    return is_reached(order, scaled(ticks * I(bar["tick"]), I(bar["price_up"])))


@cold
def _set_off_at(order: np.void, bar: np.void, stage: I) -> I:
    """The key of its own side at which a bar sets an order off; NOWHERE: it does not, in this stage."""
    sign, way, came_late = I(order["sign"]), I(order["way"]), bool(order["arrived_ns"] > bar["opened_ns"])
    opened, high, low = I(bar["open"]), I(bar["high"]), I(bar["low"])
    if stage == AT_OPEN:
        return sign * opened if not came_late and _sees(order, bar, opened) else NOWHERE
    there, back = (high, low) if way == ONE else (low, high)
    is_reaching = _sees(order, bar, there)
    if not is_reaching and order["callback_ppm"] > ZERO:
        _sees(order, bar, back)
        is_reaching = _sees(order, bar, there)
    if not is_reaching:
        return NOWHERE
    key = _trigger_key(order, bar)
    if came_late:
        key = max(key, sign * (I(bar["close"]) // I(bar["tick"])))
    return min(max(key, min(sign * low, sign * high)), max(sign * low, sign * high))


@cold
def _set_off(venue: Venue, market: I, stage: I, left: I, now: I) -> I:
    """What a bar sets off in a stage of its way; what is left of the volume."""
    bar = venue.markets[market]
    at = I(bar["first_ix"])
    while at != NOBODY:
        order = venue.resting[at]
        following, kind = I(order["next_ix"]), part(I(order["spec"]), S_TYPE, M_TYPE)
        for_profit = kind in (_PROFIT_MARKET, _PROFIT_LIMIT)
        is_turn = stage == AT_OPEN or (stage == PROFITS) == for_profit
        if for_profit and order["arrived_ns"] > bar["opened_ns"]:
            is_turn = False
        if is_turn and order["state"] == WAITING and order["trigger_by"] == BY_LAST:
            key = _set_off_at(order, bar, stage)
            if key != NOWHERE:
                serial = I(order["serial"])
                enter_fired(venue, at, now)
                takes = order["state"] == LIVE and order["serial"] == serial
                if takes and (part(I(order["spec"]), S_TYPE, M_TYPE) == _MARKET or order["at"] >= key):
                    left = _take(venue, at, key, left, now)
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
                drop(venue, at, UNFILLED, now)
            elif qty > ZERO and order["at"] > far:
                left -= qty
                _fill(venue, at, I(order["price"]), qty, ONE, now)
        at = following
    return left


@cold
def meet_bar(venue: Venue, market: I, now: I) -> None:
    """A bar is over and its volume known: what of ours it executes."""
    left = I(venue.markets[market]["volume"])
    for sign in (ONE, -ONE):
        left = _at_open(venue, market, sign, left, now)
    for stage in (AT_OPEN, STOPS, PROFITS):
        if venue.markets[market]["waiting"] > ZERO:
            left = _set_off(venue, market, stage, left, now)
    for sign in (ONE, -ONE):
        left = _within(venue, market, sign, left, now)
