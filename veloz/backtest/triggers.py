"""Orders that wait for a price: stops, take-profits, trailing stops.

They are in no book. A price that reaches the trigger sets one off: the last print, the mark or the index, as the order says. Of one instant
all market rows are seen first; then those that were set off are entered, in the order in which they had come, as market or limit orders
that know nothing of a trigger any more. What a bar sets off, and at what price, `bars.py` says.

A trailing stop begins to follow at its activation price, without one at once: the best price since then, and from it so many millionths.

An order whose price is there already when it arrives is rejected. Marks and indices are compared at eight decimals, or those of the price
where it has more.
"""

from typing import Final

import numpy as np

from veloz.backtest.machine import FIRED, NEVER, NOBODY, SELL, WAITING, Venue
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import OrderType, TriggerBy
from veloz.reducers.bits import M_TRIGGER_BY, M_TYPE, S_TRIGGER_BY, S_TYPE, part
from veloz.reducers.wide import is_less, product
from veloz.reducers.words import ONE, ZERO, I

LIMIT, MARKET = I(OrderType.LIMIT), I(OrderType.MARKET)
STOP_MARKET, STOP_LIMIT = I(OrderType.STOP_MARKET), I(OrderType.STOP_LIMIT)
PROFIT_MARKET, PROFIT_LIMIT = I(OrderType.TAKE_PROFIT_MARKET), I(OrderType.TAKE_PROFIT_LIMIT)
TRAILING: Final = I(OrderType.TRAILING_STOP)
BY_LAST, BY_MARK, BY_INDEX = I(TriggerBy.LAST), I(TriggerBy.MARK), I(TriggerBy.INDEX)
MILLION: Final = I(1_000_000)
PRICE_MOST: Final = I(1 << 61)


@kernel
def waits_for_price(kind: I) -> bool:
    """Whether an order of a type waits for its trigger."""
    return bool(STOP_MARKET <= kind <= TRAILING)


@kernel
def sets_price(kind: I) -> bool:
    """Whether an order of a type has a limit price."""
    return bool(kind in (LIMIT, STOP_LIMIT, PROFIT_LIMIT))


@kernel
def scaled(price: I, times: I) -> I:
    """A price in finer units; PRICE_MOST where it is too much."""
    return price * times if price < PRICE_MOST // times else PRICE_MOST


@kernel
def watched(market: np.void, by: I) -> I:
    """The price that an order watches, as it is now; 0: none is known."""
    if by == BY_LAST:
        return scaled(I(market["last"]), I(market["price_up"]))
    return scaled(I(market["mark"] if by == BY_MARK else market["index"]), I(market["mark_up"]))


@cold
def has_bad_trigger(asked: np.void) -> bool:
    """Whether a request lacks what its type waits for."""
    kind, bad = part(I(asked["spec"]), S_TYPE, M_TYPE), bool(not ZERO <= asked["trigger"] < PRICE_MOST)
    if kind == TRAILING:
        return bad or not ZERO < asked["callback_ppm"] < MILLION or not ZERO <= asked["activation"] < PRICE_MOST
    return bad or asked["trigger"] == ZERO


@cold
def set_trigger(order: np.void, market: np.void, asked: np.void) -> None:
    """Note what an order waits for."""
    spec = I(asked["spec"])
    kind, sells = part(spec, S_TYPE, M_TYPE), bool(order["sign"] == SELL)
    order["trigger_by"] = part(spec, S_TRIGGER_BY, M_TRIGGER_BY)
    rises = not sells if kind in (STOP_MARKET, STOP_LIMIT, TRAILING) else sells
    order["way"] = ONE if rises else -ONE
    order["trigger"] = scaled(I(asked["trigger"]), I(market["price_up"]))
    order["activation"] = scaled(I(asked["activation"]), I(market["price_up"]))
    order["callback_ppm"] = asked["callback_ppm"] if kind == TRAILING else ZERO
    order["extreme"] = ZERO


@cold
def _follow(order: np.void, price: I) -> bool:
    """A trailing stop sees a price: whether that sets it off."""
    way = order["way"]
    if order["extreme"] == ZERO:
        if order["activation"] > ZERO and way * price > way * order["activation"]:
            return False
        order["extreme"] = price
    if way * price < way * order["extreme"]:
        order["extreme"] = price
    hi, lo = product(I(order["extreme"]), MILLION + way * order["callback_ppm"])
    have_hi, have_lo = product(price, MILLION)
    if way == ONE:
        return not is_less(have_hi, have_lo, hi, lo)
    return not is_less(hi, lo, have_hi, have_lo)


@cold
def is_reached(order: np.void, price: I) -> bool:
    """Whether a price sets an order off. A trailing stop remembers what it saw."""
    if price <= ZERO:
        return False
    if order["callback_ppm"] > ZERO:
        return _follow(order, price)
    return bool(order["way"] * price >= order["way"] * order["trigger"])


@cold
def watch(venue: Venue, number: I, by: I, now: I) -> bool:
    """A price of a market changed: whether it set something off."""
    market = venue.markets[number]
    price, at, any_fired = watched(market, by), I(market["first_ix"]), False
    while at != NOBODY:
        order = venue.resting[at]
        if order["state"] == WAITING and order["trigger_by"] == by and is_reached(order, price):
            order["state"] = FIRED
            any_fired = True
        at = I(order["next_ix"])
    if any_fired:
        venue.clock[0]["own_ns"] = min(I(venue.clock[0]["own_ns"]), now)
    return any_fired


@kernel
def see_last(venue: Venue, number: I, price: I, now: I) -> bool:
    """A print: whether it set something off."""
    market = venue.markets[number]
    market["last"] = price
    return bool(market["waiting"] > ZERO and watch(venue, number, BY_LAST, now))


@cold
def await_price(venue: Venue, at: I) -> None:
    """An order begins to wait, behind all that wait."""
    order = venue.resting[at]
    market = venue.markets[order["market"]]
    order["state"] = WAITING
    order["prev_ix"] = market["last_ix"]
    order["next_ix"] = NOBODY
    if market["last_ix"] == NOBODY:
        market["first_ix"] = at
    else:
        venue.resting[market["last_ix"]]["next_ix"] = at
    market["last_ix"] = at
    market["waiting"] += ONE


@cold
def note_expiry(venue: Venue, at: I, expire_ns: I) -> None:
    """An order lives until a moment; 0: as long as it may."""
    order, clock = venue.resting[at], venue.clock[0]
    order["expire_ns"] = expire_ns if expire_ns > ZERO else NEVER
    if expire_ns > ZERO:
        clock["dated"] += ONE
        clock["own_ns"] = min(I(clock["own_ns"]), expire_ns)
