"""What the exchange does with what we ask: take, execute, rest, cancel, amend, refuse.

A marketable order walks the other side of the book from its best price to its limit, each level at that level's price, and takes what is
shown and not taken by us before. A market order is protected: it goes `Rules.protection_ppm` from the best price and no further. What is
left rests (GTC), or is over (IOC, market); FOK asks first whether all is there. Post-only that would take is over: expired, on spot
rejected. An amendment states the whole quantity; at the same price and not larger it keeps its place, else the order is entered anew.
"""

from typing import Final

import numpy as np

from veloz.backtest.machine import BUY, LIVE, NO_KEY, NOBODY, RESPONSE, Venue
from veloz.backtest.matching import shown_at, take_shown
from veloz.backtest.queue import join_queue
from veloz.backtest.reporting import (
    AMEND,
    CANCEL,
    EXPIRY,
    K_ACCEPTED,
    K_CANCELED,
    K_EXPIRED,
    K_REJECTED,
    K_REQUEST_REJECTED,
    ORDINARY,
    PLACED,
    UNFILLED,
    tell_end,
    tell_fill,
    tell_refused,
    tell_replaced,
)  # fmt: skip
from veloz.backtest.resting import delist, enlist, find_resting, give_back, side_of, take_place
from veloz.backtest.rules import Compat, Matching
from veloz.backtest.slippage import slipped
from veloz.backtest.wires import due_after, queue_behind
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import OrderType, TimeInForce
from veloz.reducers.bits import M_TIF, M_TYPE, P_SPOT, S_SELL, S_TIF, S_TYPE, part
from veloz.reducers.wide import is_less, product
from veloz.reducers.words import ONE, TWO, ZERO, I

LIMIT, MARKET = I(OrderType.LIMIT), I(OrderType.MARKET)
GTC, IOC, FOK, GTX = I(TimeInForce.GTC), I(TimeInForce.IOC), I(TimeInForce.FOK), I(TimeInForce.GTX)

# Codes as Binance has them.
FILTER_FAILED: Final = I(-1013)
TYPE_UNKNOWN: Final = I(-1116)
CANCEL_REJECTED: Final = I(-2011)
TOO_MANY_ORDERS: Final = I(-2025)
AMEND_REJECTED: Final = I(-5027)
TURNED_AWAY: Final = I(-1008)

_UNLIMITED, _REST_FILLED = I(Compat.UNLIMITED_TOP), I(Compat.TAKER_REST_FILLED)
_REACH, _OLD_LEAVES, _FORGETS = I(Compat.MARKET_REACH), I(Compat.AMEND_OLD_LEAVES), I(Compat.AMEND_FORGETS)
_REACH_TICKS: Final = I(100)
_MILLION: Final = I(1_000_000)
_QUEUE, _BARS = I(Matching.QUEUE), I(Matching.BARS)


@cold
def refuse(venue: Venue, asked: np.void, kind: I, code: I, filled: I, now: I) -> None:
    """Answer a request with a refusal."""
    tell_refused(venue, asked, kind, code, filled, due_after(venue, RESPONSE, now), now)


@kernel
def market_of(venue: Venue, instrument: I) -> I:
    """The market of an instrument; -1: it is not traded here."""
    return I(venue.places[instrument]) if ZERO < instrument < venue.places.shape[0] else -ONE


@kernel
def tif_of(order: np.void) -> I:
    """How long an order lives; a market order not longer than an IOC."""
    spec = I(order["spec"])
    return IOC if part(spec, S_TYPE, M_TYPE) == MARKET else part(spec, S_TIF, M_TIF)


@cold
def flaw_of(venue: Venue, market: np.void, side: np.void, asked: np.void) -> I:
    """What is wrong with the terms of a new order or amendment, as a code; 0: nothing."""
    spec, price, qty = I(asked["spec"]), I(asked["price"]), I(asked["qty"])
    kind = part(spec, S_TYPE, M_TYPE)
    if kind != LIMIT and kind != MARKET:
        return TYPE_UNKNOWN
    if qty <= ZERO or qty % market["lot"] != ZERO or qty < market["qty_min"] or qty > market["qty_max"]:
        return FILTER_FAILED
    if kind == MARKET:
        return ZERO
    sign = ONE - TWO * ((spec >> S_SELL) & ONE)
    if (
        price <= ZERO
        or price % market["tick"] != ZERO
        or not side["lo"] <= sign * (price // market["tick"]) <= side["hi"]
    ):
        return FILTER_FAILED
    hi, lo = product(price, qty)
    if is_less(hi, lo, I(market["notional_hi"]), I(market["notional_lo"])):
        return FILTER_FAILED
    return ZERO


@cold
def reach_of(venue: Venue, order: np.void, opposite: np.void) -> I:
    """The last key of the opposite side that an order may take."""
    if part(I(order["spec"]), S_TYPE, M_TYPE) != MARKET:
        return I(max(-order["at"], opposite["lo"]))
    rules, best = venue.rules[0], I(opposite["best"])
    if rules["compat"] & _REACH != ZERO:
        reach = best - _REACH_TICKS + (ONE if order["sign"] == BUY else ZERO)
    else:
        reach = best - abs(best) * rules["protection_ppm"] // _MILLION
    return I(max(reach, opposite["lo"]))


@cold
def shown_down_to(venue: Venue, opposite: np.void, reach: I, enough: I) -> I:
    """What the opposite side still shows from its best key down to `reach`; it stops counting at `enough`."""
    total, key = ZERO, I(opposite["best"])
    while key >= reach and total < enough:
        total += max(shown_at(venue, opposite, key), ZERO)
        key -= ONE
    return total


@cold
def slices_of(venue: Venue, opposite: np.void, qty: I) -> I:
    """So many levels an order of `qty` would walk at most."""
    count, key, left = ZERO, I(opposite["best"]), qty
    while key >= max(opposite["worst"], opposite["lo"]) and left > ZERO:
        if venue.levels[opposite["base"] + key] > ZERO:
            count += ONE
            left -= max(shown_at(venue, opposite, key), ZERO)
        key -= ONE
    return count


@kernel
def execute(venue: Venue, at: I, price: I, qty: I, maker: I, now: I) -> None:
    """Take an execution off an order's open quantity, and say so."""
    order = venue.resting[at]
    order["leaves"] -= qty
    order["filled"] += qty
    order["leaves_size"] = order["leaves"] / venue.markets[order["market"]]["per_unit"]
    tell_fill(venue, at, price, qty, maker, now)


@cold
def walk(venue: Venue, at: I, opposite: np.void, reach: I, now: I) -> None:
    """Execute an order against the book, level by level, down to `reach`."""
    order, tick = venue.resting[at], I(venue.markets[venue.resting[at]["market"]]["tick"])
    key = I(opposite["best"])
    while key >= reach and order["leaves"] > ZERO:
        shown = shown_at(venue, opposite, key)
        if shown > ZERO:
            qty = min(shown, I(order["leaves"]))
            take_shown(venue, opposite, key, qty)
            paid = slipped(venue, key, reach, qty, shown)
            execute(venue, at, -order["sign"] * paid * tick, qty, ZERO, now)
        key -= ONE


@cold
def take_liquidity(venue: Venue, at: I, opposite: np.void, now: I) -> None:
    """A marketable order, all but the resting of what it leaves."""
    order, rules = venue.resting[at], venue.rules[0]
    compat, tif = I(rules["compat"]), tif_of(order)
    tick = I(venue.markets[order["market"]]["tick"])
    if rules["partial"] == ZERO and compat & _UNLIMITED != ZERO:
        execute(venue, at, -order["sign"] * I(opposite["best"]) * tick, I(order["leaves"]), ZERO, now)
        return
    reach = reach_of(venue, order, opposite)
    if tif == FOK and shown_down_to(venue, opposite, reach, I(order["leaves"])) < order["leaves"]:
        return
    filled_at_limit = compat & _REST_FILLED != ZERO and tif != IOC and tif != FOK
    stop = reach + ONE if filled_at_limit and order["sign"] == BUY else reach
    walk(venue, at, opposite, stop, now)
    if filled_at_limit and order["leaves"] > ZERO:
        execute(venue, at, I(order["price"]), I(order["leaves"]), ZERO, now)


@kernel
def finish(venue: Venue, at: I, kind: I, why: I, now: I) -> None:
    """An order that is in no list is over."""
    tell_end(venue, at, kind, why, now)
    give_back(venue, at)


@cold
def rest(venue: Venue, at: I) -> None:
    """Put an order behind what is shown at its price."""
    order = venue.resting[at]
    market, side = I(order["market"]), side_of(venue, I(order["market"]), I(order["sign"]))
    queued = venue.rules[0]["matching"] == _QUEUE
    join_queue(order, venue.markets[market], I(venue.levels[side["base"] + order["at"]]) if queued else ZERO)
    enlist(venue, at)


@kernel
def would_take(venue: Venue, order: np.void) -> bool:
    """Whether an order meets the other side of the book at once."""
    best = side_of(venue, I(order["market"]), -I(order["sign"]))["best"]
    return bool(best != NO_KEY and (part(I(order["spec"]), S_TYPE, M_TYPE) == MARKET or order["at"] + best >= ZERO))


@cold
def _wait_for_bar(venue: Venue, at: I, amended: bool, now: I) -> None:
    """Where there are only bars, every order is executed by those to come: market orders stand before all limits of their side."""
    order = venue.resting[at]
    if part(I(order["spec"]), S_TYPE, M_TYPE) == MARKET:
        order["at"] = side_of(venue, I(order["market"]), I(order["sign"]))["hi"]
    rest(venue, at)
    if amended:
        tell_replaced(venue, at, now)
    else:
        tell_end(venue, at, K_ACCEPTED, ORDINARY, now)


@cold
def enter(venue: Venue, at: I, amended: bool, now: I) -> None:
    """An order, in no list, meets the book: what it leaves rests or is over. `amended`: the desk will know it as open by other rows."""
    order = venue.resting[at]
    order["arrived_ns"] = now
    if venue.rules[0]["matching"] == _BARS:
        _wait_for_bar(venue, at, amended, now)
        return
    market = I(order["market"])
    opposite = side_of(venue, market, -I(order["sign"]))
    tif, kind = tif_of(order), part(I(order["spec"]), S_TYPE, M_TYPE)
    crosses = would_take(venue, order)
    if crosses and tif == GTX:
        spot = venue.markets[market]["product"] == P_SPOT and venue.rules[0]["compat"] == ZERO
        finish(venue, at, K_REJECTED if spot else K_EXPIRED, EXPIRY, now)
        return
    if amended:
        tell_replaced(venue, at, now)
    if kind == MARKET and not crosses:
        finish(venue, at, K_REJECTED, UNFILLED, now)
        return
    if crosses:
        take_liquidity(venue, at, opposite, now)
    if order["leaves"] == ZERO:
        give_back(venue, at)
    elif tif in (IOC, FOK):
        finish(venue, at, K_EXPIRED, UNFILLED, now)
    else:
        rest(venue, at)
        if order["filled"] == ZERO and not amended:
            tell_end(venue, at, K_ACCEPTED, ORDINARY, now)


@cold
def place_order(venue: Venue, asked: np.void, now: I) -> None:
    """A new order arrives."""
    spec = I(asked["spec"])
    market = market_of(venue, I(asked["instrument"]))
    sign = ONE - TWO * ((spec >> S_SELL) & ONE)
    flaw = flaw_of(venue, venue.markets[market], side_of(venue, market, sign), asked)
    at = take_place(venue) if flaw == ZERO else NOBODY
    if at == NOBODY:
        refuse(venue, asked, K_REJECTED, TOO_MANY_ORDERS if flaw == ZERO else flaw, ZERO, now)
        return
    order, clock = venue.resting[at], venue.clock[0]
    clock["venue_order"] += ONE
    order["venue_order"] = clock["venue_order"]
    order["state"] = LIVE
    order["key"] = asked["key"]
    order["account"] = asked["account"]
    order["market"] = market
    order["sign"] = sign
    order["at"] = sign * (asked["price"] // venue.markets[market]["tick"])
    order["price"] = asked["price"]
    order["qty"] = asked["qty"]
    order["leaves"] = asked["qty"]
    order["filled"] = ZERO
    order["spec"] = spec
    order["leaves_size"] = asked["qty"] / venue.markets[market]["per_unit"]
    order["heard"] = order["leaves"]
    order["heard_size"] = order["leaves_size"]
    enter(venue, at, False, now)


@cold
def cancel_order(venue: Venue, at: I, now: I) -> None:
    """Take an order away."""
    delist(venue, at)
    finish(venue, at, K_CANCELED, ORDINARY, now)


@cold
def amend_order(venue: Venue, at: I, asked: np.void, now: I) -> None:
    """Another price or quantity for an order that rests."""
    order, compat = venue.resting[at], I(venue.rules[0]["compat"])
    market = venue.markets[order["market"]]
    flaw = flaw_of(venue, market, side_of(venue, I(order["market"]), I(order["sign"])), asked)
    if flaw != ZERO:
        refuse(venue, asked, K_REQUEST_REJECTED, flaw, I(order["filled"]), now)
        return
    filled, qty = I(order["filled"]), I(asked["qty"])
    leaves = qty if compat & _FORGETS != ZERO else qty - filled
    if leaves <= ZERO:
        cancel_order(venue, at, now)
        return
    stays = asked["price"] == order["price"] and leaves <= order["leaves"]
    old = not stays and compat & _OLD_LEAVES != ZERO
    if not stays:
        delist(venue, at)
    order["price"] = asked["price"]
    order["at"] = order["sign"] * (asked["price"] // market["tick"])
    order["leaves"] = asked["heard"] if old else leaves
    order["leaves_size"] = asked["heard_size"] if old else leaves / market["per_unit"]
    order["qty"] = filled + order["leaves"]
    if stays:
        tell_replaced(venue, at, now)
    else:
        enter(venue, at, True, now)


@cold
def serve(venue: Venue, asked: np.void, now: I) -> None:
    """One request, at its arrival."""
    action = I(asked["action"])
    if action == PLACED:
        place_order(venue, asked, now)
        return
    at = find_resting(venue, market_of(venue, I(asked["instrument"])), I(asked["key"]))
    if at == NOBODY:
        code = CANCEL_REJECTED if action == CANCEL else AMEND_REJECTED
        refuse(venue, asked, K_REQUEST_REJECTED, code, ZERO, now)
    elif action == CANCEL:
        cancel_order(venue, at, now)
    elif action == AMEND:
        amend_order(venue, at, asked, now)


@cold
def turn_away(venue: Venue, asked: np.void, due_ns: I, now: I) -> None:
    """A request did not reach the exchange, which was too busy: the desk hears so at `due_ns`."""
    kind = K_REJECTED if asked["action"] == PLACED else K_REQUEST_REJECTED
    tell_refused(venue, asked, kind, TURNED_AWAY, ZERO, queue_behind(venue, RESPONSE, due_ns), now)
