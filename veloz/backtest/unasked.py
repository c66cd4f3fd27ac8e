"""What the exchange does unasked, at a moment of its own: after the market rows of that instant and before the requests that arrive then.

First funding, on what was held until then; then orders whose time is over expire, then stops that were set off are entered, market by
market in the order in which they had come, then reduce-only orders are cut down to what is left to close.
"""

from typing import Final

from veloz.backtest.holding import closable, only_reduces, pay_funding
from veloz.backtest.machine import DONE, FIRED, FREE, GHOST, LIVE, NEVER, NO_ROOM, NOBODY, RESPONSE, SIDES, Venue
from veloz.backtest.meeting import cut_down, drop
from veloz.backtest.reporting import EXPIRY, K_EXPIRED, REDUCE_ONLY, ROWS_A_FILL, tell_replaced
from veloz.backtest.requests import enter, finish, slices_of
from veloz.backtest.resting import delist, side_of
from veloz.backtest.triggers import LIMIT, MARKET, sets_price
from veloz.backtest.wires import room_of
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import M_TYPE, S_TYPE, part
from veloz.reducers.words import ONE, TWO, ZERO, I

_SIDES: Final = I(SIDES)


@cold
def _rows_due(venue: Venue, number: I) -> I:
    """At most so many rows come of what is due in a market."""
    market = venue.markets[number]
    rows = (market["live"] + market["waiting"]) * TWO + _SIDES
    at = I(market["first_ix"])
    while at != NOBODY:
        order = venue.resting[at]
        if order["state"] == FIRED:
            opposite = side_of(venue, number, -I(order["sign"]))
            rows += (slices_of(venue, opposite, I(order["leaves"])) + market["live"] + TWO) * ROWS_A_FILL
        at = I(order["next_ix"])
    return I(rows)


@cold
def _expire(venue: Venue, now: I) -> None:
    """Orders whose time is over."""
    clock = venue.clock[0]
    for at in range(venue.resting.shape[0] if clock["dated"] > ZERO else 0):
        order = venue.resting[at]
        if order["state"] in (FREE, GHOST):
            continue
        if order["expire_ns"] <= now:
            drop(venue, I(at), EXPIRY, now)
        else:
            clock["own_ns"] = min(I(clock["own_ns"]), I(order["expire_ns"]))


@cold
def enter_fired(venue: Venue, at: I, now: I) -> None:
    """A stop that was set off becomes the order that it stood for."""
    order = venue.resting[at]
    delist(venue, at)
    spec = I(order["spec"])
    kind, is_cut = LIMIT if sets_price(part(spec, S_TYPE, M_TYPE)) else MARKET, False
    order["state"] = LIVE
    order["spec"] = (spec & ~(M_TYPE << S_TYPE)) | (kind << S_TYPE)
    if only_reduces(venue, spec, I(order["sign"])):
        left = closable(venue, I(order["market"]), spec, I(order["sign"]))
        if left == ZERO:
            finish(venue, at, K_EXPIRED, REDUCE_ONLY, now)
            return
        is_cut = bool(left < order["leaves"])
        if is_cut:
            cut_down(venue, at, left)
    enter(venue, at, is_cut, now)


@cold
def _fire(venue: Venue, number: I, now: I) -> None:
    at = I(venue.markets[number]["first_ix"])
    while at != NOBODY:
        following = I(venue.resting[at]["next_ix"])
        if venue.resting[at]["state"] == FIRED:
            enter_fired(venue, at, now)
        at = following


@cold
def _trim(venue: Venue, number: I, now: I) -> None:
    """Reduce-only orders that rest, after the position changed."""
    venue.markets[number]["trim"] = ZERO
    for sign in (ONE, -ONE):
        at = I(side_of(venue, number, sign)["first_ix"])
        while at != NOBODY:
            order = venue.resting[at]
            following = I(order["next_ix"])
            if only_reduces(venue, I(order["spec"]), sign):
                left = closable(venue, number, I(order["spec"]), sign)
                if left == ZERO:
                    drop(venue, at, REDUCE_ONLY, now)
                elif left < order["leaves"]:
                    cut_down(venue, at, left)
                    tell_replaced(venue, at, now)
            at = following


@kernel
def _funding_due(venue: Venue, number: I, now: I) -> bool:
    return bool(ZERO < venue.markets[number]["funding_ns"] <= now)


@cold
def act(venue: Venue, now: I) -> I:
    """Do what is due by itself at `now`: DONE, or NO_ROOM, and nothing is done."""
    rows, markets = ZERO, venue.markets.shape[0]
    for number in range(markets):
        rows += _rows_due(venue, I(number))
    if room_of(venue.wires[RESPONSE], venue.reports) < rows:
        return NO_ROOM
    clock = venue.clock[0]
    clock["own_ns"] = NEVER
    clock["now_ns"] = now
    for number in range(markets):
        if _funding_due(venue, I(number), now):
            pay_funding(venue, I(number), now)
        if venue.markets[number]["funding_ns"] > ZERO:
            clock["own_ns"] = min(I(clock["own_ns"]), I(venue.markets[number]["funding_ns"]))
    _expire(venue, now)
    for number in range(markets):
        _fire(venue, I(number), now)
    for number in range(markets):
        if venue.markets[number]["trim"] != ZERO:
            _trim(venue, I(number), now)
    return DONE
