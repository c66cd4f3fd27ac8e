"""What the exchange does with what we ask: take, execute, rest, cancel, amend, refuse.

A marketable order walks the other side of the book from its best price to its limit, each level at that level's price, and takes what is
shown and not taken by us before. A market order is protected: it goes `Rules.protection_ppm` from the best price and no further. What is
left rests (GTC), or is over (IOC, market); FOK asks first whether all is there. Post-only that would take is over: expired, on spot
rejected. An amendment states the whole quantity; at the same price and not larger it keeps its place, else the order is entered anew.
"""

from typing import Final

import numpy as np

from veloz.backtest.holding import closable, only_reduces
from veloz.backtest.machine import BUY, FAR, FIRED, LIVE, NO_KEY, NOBODY, RESPONSE, WAITING, Venue
from veloz.backtest.matching import shown_at, take_shown
from veloz.backtest.meeting import OVER, WENT_ON, execute, meet_own, own_down_to, sure_reach, top_of
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
    REDUCE_ONLY,
    SELF_TRADE,
    UNFILLED,
    tell_end,
    tell_refused,
    tell_replaced,
)  # fmt: skip
from veloz.backtest.resting import delist, enlist, find_resting, give_back, side_of, take_place
from veloz.backtest.rules import Compat, Matching
from veloz.backtest.slippage import slipped
from veloz.backtest.triggers import (
    BY_MARK,
    LIMIT,
    MARKET,
    await_price,
    has_bad_trigger,
    is_reached,
    note_expiry,
    set_trigger,
    sets_price,
    waits_for_price,
    watched,
)  # fmt: skip
from veloz.backtest.wires import due_after, queue_behind
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import TimeInForce
from veloz.reducers.bits import M_TIF, M_TYPE, P_SPOT, S_SELL, S_TIF, S_TYPE, part
from veloz.reducers.wide import is_less, product
from veloz.reducers.words import ONE, TWO, ZERO, I

GTC, IOC, FOK, GTX = I(TimeInForce.GTC), I(TimeInForce.IOC), I(TimeInForce.FOK), I(TimeInForce.GTX)
GTD: Final = I(TimeInForce.GTD)

# Codes as Binance has them.
FILTER_FAILED: Final = I(-1013)
TYPE_UNKNOWN: Final = I(-1116)
CANCEL_REJECTED: Final = I(-2011)
TOO_MANY_ORDERS: Final = I(-2025)
AMEND_REJECTED: Final = I(-5027)
TURNED_AWAY: Final = I(-1008)
TOO_MANY_REQUESTS: Final = I(-1015)
BAD_TERMS: Final = I(-1130)
TRIGGERS_AT_ONCE: Final = I(-2021)
NOTHING_TO_CLOSE: Final = I(-2022)

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
def out_of_bounds(market: np.void, price: I, sign: I) -> bool:
    """Whether a limit price is beyond the venue's bounds, or too far on the losing side of the mark (else last) price."""
    if price < market["price_min"] or ZERO < market["price_max"] < price:
        return True
    share = I(market["up_ppm"] if sign == BUY else market["down_ppm"])
    reference = watched(market, BY_MARK)
    if reference == ZERO:
        reference = watched(market, ZERO)
    if share == ZERO or reference == ZERO:
        return False
    hi, lo = product(price, I(market["price_up"]) * _MILLION)
    far_hi, far_lo = product(reference, share)
    return is_less(far_hi, far_lo, hi, lo) if sign == BUY else is_less(hi, lo, far_hi, far_lo)


@cold
def flaw_of(venue: Venue, market: np.void, side: np.void, asked: np.void) -> I:
    """What is wrong with the terms of a new order or amendment, as a code; 0: nothing."""
    spec, price, qty = I(asked["spec"]), I(asked["price"]), I(asked["qty"])
    kind = part(spec, S_TYPE, M_TYPE)
    if kind != LIMIT and kind != MARKET and not waits_for_price(kind):
        return TYPE_UNKNOWN
    if waits_for_price(kind) and has_bad_trigger(asked):
        return BAD_TERMS
    if part(spec, S_TIF, M_TIF) == GTD and asked["action"] == PLACED and asked["expire_ns"] <= venue.clock[0]["now_ns"]:
        return BAD_TERMS
    if qty <= ZERO or qty % market["lot"] != ZERO or qty < market["qty_min"] or qty > market["qty_max"]:
        return FILTER_FAILED
    if not sets_price(kind):
        over = ZERO < market["market_qty_max"] < qty
        return FILTER_FAILED if over or qty < market["market_qty_min"] else ZERO
    sign = ONE - TWO * ((spec >> S_SELL) & ONE)
    if (
        price <= ZERO
        or price % market["tick"] != ZERO
        or not (venue.rules[0]["matching"] == _BARS or side["lo"] <= sign * (price // market["tick"]) <= side["hi"])
    ):
        return FILTER_FAILED
    if out_of_bounds(market, price, sign):
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
    rules, best = venue.rules[0], top_of(venue, opposite)
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


@cold
def walk(venue: Venue, at: I, opposite: np.void, reach: I, now: I) -> I:
    """Execute an order against the book, level by level, down to `reach`. OVER: self-trade prevention ended it."""
    order, tick = venue.resting[at], I(venue.markets[venue.resting[at]["market"]]["tick"])
    key, knows = top_of(venue, opposite), venue.rules[0]["accounts"] != ZERO
    while key >= reach and order["leaves"] > ZERO:
        shown = shown_at(venue, opposite, key) if key <= opposite["best"] else ZERO
        if shown > ZERO:
            qty = min(shown, I(order["leaves"]))
            take_shown(venue, opposite, key, qty)
            paid = slipped(venue, key, reach, qty, shown)
            execute(venue, at, -order["sign"] * paid * tick, qty, ZERO, now)
        if knows and opposite["own_best"] >= key and order["leaves"] > ZERO and meet_own(venue, at, key, now) == OVER:
            return OVER
        key -= ONE
    return WENT_ON


@cold
def take_liquidity(venue: Venue, at: I, opposite: np.void, now: I) -> I:
    """A marketable order, all but the resting of what it leaves. OVER: self-trade prevention ended it."""
    order, rules = venue.resting[at], venue.rules[0]
    compat, tif = I(rules["compat"]), tif_of(order)
    tick = I(venue.markets[order["market"]]["tick"])
    if rules["partial"] == ZERO and compat & _UNLIMITED != ZERO:
        execute(venue, at, -order["sign"] * I(opposite["best"]) * tick, I(order["leaves"]), ZERO, now)
        return WENT_ON
    reach = reach_of(venue, order, opposite)
    if tif == FOK:
        sure = sure_reach(venue, order, opposite, reach)
        there = shown_down_to(venue, opposite, sure, I(order["leaves"])) + own_down_to(venue, order, sure)
        if there < order["leaves"]:
            return WENT_ON
    filled_at_limit = compat & _REST_FILLED != ZERO and tif != IOC and tif != FOK
    stop = reach + ONE if filled_at_limit and order["sign"] == BUY else reach
    became = walk(venue, at, opposite, stop, now)
    if filled_at_limit and order["leaves"] > ZERO:
        execute(venue, at, I(order["price"]), I(order["leaves"]), ZERO, now)
    return became


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
    best = top_of(venue, side_of(venue, I(order["market"]), -I(order["sign"])))
    return bool(best != NO_KEY and (part(I(order["spec"]), S_TYPE, M_TYPE) == MARKET or order["at"] + best >= ZERO))


@cold
def _wait_for_bar(venue: Venue, at: I, amended: bool, now: I) -> None:
    """Where there are only bars, every order is executed by those to come: market orders stand before all limits of their side."""
    order = venue.resting[at]
    if part(I(order["spec"]), S_TYPE, M_TYPE) == MARKET:
        order["at"] = FAR - ONE
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
    is_new = order["way"] == ZERO
    if crosses and tif == GTX:
        spot = is_new and venue.markets[market]["product"] == P_SPOT and venue.rules[0]["compat"] == ZERO
        finish(venue, at, K_REJECTED if spot else K_EXPIRED, EXPIRY, now)
        return
    if amended:
        tell_replaced(venue, at, now)
    if kind == MARKET and not crosses:
        finish(venue, at, K_REJECTED if is_new else K_EXPIRED, UNFILLED, now)
        return
    if crosses and take_liquidity(venue, at, opposite, now) == OVER:
        finish(venue, at, K_EXPIRED, SELF_TRADE, now)
    elif order["leaves"] == ZERO:
        give_back(venue, at)
    elif tif in (IOC, FOK):
        finish(venue, at, K_EXPIRED, UNFILLED, now)
    else:
        rest(venue, at)
        if order["filled"] == ZERO and not amended:
            tell_end(venue, at, K_ACCEPTED, ORDINARY, now)


@cold
def _begin_to_wait(venue: Venue, at: I, asked: np.void, now: I) -> None:
    """A stop arrives."""
    order = venue.resting[at]
    market = venue.markets[order["market"]]
    order["arrived_ns"] = now
    set_trigger(order, market, asked)
    if is_reached(order, watched(market, I(order["trigger_by"]))):
        give_back(venue, at)
        refuse(venue, asked, K_REJECTED, TRIGGERS_AT_ONCE, ZERO, now)
        return
    await_price(venue, at)
    tell_end(venue, at, K_ACCEPTED, ORDINARY, now)


@cold
def place_order(venue: Venue, asked: np.void, now: I) -> None:
    """A new order arrives."""
    spec = I(asked["spec"])
    market = market_of(venue, I(asked["instrument"]))
    sign = ONE - TWO * ((spec >> S_SELL) & ONE)
    flaw = flaw_of(venue, venue.markets[market], side_of(venue, market, sign), asked)
    waits, qty = waits_for_price(part(spec, S_TYPE, M_TYPE)), I(asked["qty"])
    if flaw == ZERO and not waits and only_reduces(venue, spec, sign):
        qty = min(qty, closable(venue, market, spec, sign))
        flaw = NOTHING_TO_CLOSE if qty == ZERO else ZERO
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
    order["qty"] = qty
    order["leaves"] = qty
    order["filled"] = ZERO
    order["spec"] = spec
    order["leaves_size"] = qty / venue.markets[market]["per_unit"]
    order["heard"] = order["leaves"]
    order["heard_size"] = order["leaves_size"]
    order["way"] = ZERO
    note_expiry(venue, at, I(asked["expire_ns"]) if part(spec, S_TIF, M_TIF) == GTD else ZERO)
    if waits:
        _begin_to_wait(venue, at, asked, now)
    else:
        enter(venue, at, bool(qty < asked["qty"]), now)


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
    if only_reduces(venue, I(order["spec"]), I(order["sign"])):
        leaves = min(leaves, closable(venue, I(order["market"]), I(order["spec"]), I(order["sign"])))
        if leaves == ZERO:
            delist(venue, at)
            finish(venue, at, K_EXPIRED, REDUCE_ONLY, now)
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
def is_too_many(venue: Venue, market: I, now: I) -> bool:
    """Whether an order or amendment is one too many of its account in its span of time; if not, it is counted."""
    rules, owner = venue.rules[0], venue.owners[venue.markets[market]["owner"]]
    if rules["requests_most"] == ZERO:
        return False
    window = now // max(I(rules["window_ns"]), ONE)
    if window != owner["window"]:
        owner["window"] = window
        owner["requests_used"] = ZERO
    if owner["requests_used"] >= rules["requests_most"]:
        return True
    owner["requests_used"] += ONE
    return False


@cold
def serve(venue: Venue, asked: np.void, now: I) -> None:
    """One request, at its arrival."""
    action = I(asked["action"])
    if action != CANCEL and is_too_many(venue, market_of(venue, I(asked["instrument"])), now):
        refuse(venue, asked, K_REJECTED if action == PLACED else K_REQUEST_REJECTED, TOO_MANY_REQUESTS, ZERO, now)
        return
    if action == PLACED:
        place_order(venue, asked, now)
        return
    at = find_resting(venue, market_of(venue, I(asked["instrument"])), I(asked["key"]))
    if at == NOBODY:
        code = CANCEL_REJECTED if action == CANCEL else AMEND_REJECTED
        refuse(venue, asked, K_REQUEST_REJECTED, code, ZERO, now)
    elif action == CANCEL:
        cancel_order(venue, at, now)
    elif venue.resting[at]["state"] in (WAITING, FIRED):
        refuse(venue, asked, K_REQUEST_REJECTED, AMEND_REJECTED, I(venue.resting[at]["filled"]), now)
    elif action == AMEND:
        amend_order(venue, at, asked, now)


@cold
def turn_away(venue: Venue, asked: np.void, due_ns: I, now: I) -> None:
    """A request did not reach the exchange, which was too busy: the desk hears so at `due_ns`."""
    kind = K_REJECTED if asked["action"] == PLACED else K_REQUEST_REJECTED
    tell_refused(venue, asked, kind, TURNED_AWAY, ZERO, queue_behind(venue, RESPONSE, due_ns), now)
