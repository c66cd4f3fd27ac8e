"""Orders that rest in a queue: when the market reaches them.

Assumptions. Our orders move no market and do not meet each other. A print tells what traded, on whichever side the taker was not: it takes
our orders at better prices first, then, at its own price, the queue ahead of us (`queue.py`) and us. All of ours together get no more than
was printed. A level set on the other side at our price or beyond would have met us: we get what it shows and what we have not taken before.
A fill is at our own price. Without partial fills whatever reaches an order fills all of it.

`Compat` names what a peer does otherwise.
"""

from typing import Final

import numpy as np

from veloz.backtest.holding import open_of
from veloz.backtest.machine import FREE, GHOST, NO_KEY, NOBODY, Venue
from veloz.backtest.meeting import execute
from veloz.backtest.queue import move_in_queue, ready_after_print
from veloz.backtest.reporting import tell_fill
from veloz.backtest.resting import delist, give_back, side_of
from veloz.backtest.rules import Compat
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.words import ONE, ZERO, I

_FILLS_ALL, _NOT_SHARED = I(Compat.CROSS_FILLS_ALL), I(Compat.PRINT_NOT_SHARED)
_WINDOW, _GHOSTS, _NOT_CONSUMED = I(Compat.SCAN_WINDOW), I(Compat.GHOST_ORDERS), I(Compat.BOOK_NOT_CONSUMED)
GHOST_EXECUTED: Final = I(14)  # the peer's code


@kernel
def shown_at(venue: Venue, side: np.void, key: I) -> I:
    """What a level of a ladder still has for us."""
    return I(venue.levels[side["base"] + key] - venue.taken[side["base"] + key])


@cold
def take_shown(venue: Venue, side: np.void, key: I, qty: I) -> None:
    """Remember that we took from a level."""
    if venue.rules[0]["compat"] & _NOT_CONSUMED == ZERO:
        venue.taken[side["base"] + key] += qty
        side["takings"] += qty


@kernel
def _size_of(market: np.void, ready: I) -> float:
    """What is ready, as the peer has it: lots times the lot's size."""
    return float(ready // market["lot"] * market["lot_size"])


@kernel
def _stays(venue: Venue, order: np.void, ready: I, through: bool) -> bool:
    """Whether a filled order is left standing: an exact fill by a print, where the peer compares floats."""
    rules = venue.rules[0]
    if rules["compat"] & _GHOSTS == ZERO or rules["partial"] == ZERO or through or ready != order["leaves"]:
        return False
    return not _size_of(venue.markets[order["market"]], ready) > order["leaves_size"]


@cold
def fill_resting(venue: Venue, at: I, ready: I, through: bool, now: I) -> I:
    """Execute up to `ready` of a resting order at its own price; how much it was. `through`: the market went past it."""
    order, rules = venue.resting[at], venue.rules[0]
    if order["state"] == GHOST:
        venue.clock[0]["abort"] = GHOST_EXECUTED
        venue.clock[0]["abort_ns"] = now
        return ZERO
    most = open_of(venue, order)
    if most < order["leaves"]:
        qty = min(ready, most) if rules["partial"] != ZERO else most
        if qty > ZERO:
            execute(venue, at, I(order["price"]), qty, ONE, now)
        return qty
    if rules["partial"] != ZERO and ready < order["leaves"]:
        order["leaves"] -= ready
        order["leaves_size"] -= _size_of(venue.markets[order["market"]], ready)
        order["filled"] += ready
        tell_fill(venue, at, I(order["price"]), ready, ONE, now)
        return ready
    ghost = _stays(venue, order, ready, through)
    filled = I(order["leaves"])
    order["filled"] += filled
    order["leaves"] = ZERO
    order["leaves_size"] = 0.0
    tell_fill(venue, at, I(order["price"]), filled, ONE, now)
    if ghost:
        order["state"] = GHOST
    else:
        delist(venue, at)
        give_back(venue, at)
    return filled


@kernel
def _nearest(venue: Venue, best: I, market: I, key: I) -> I:
    """The best key that the peer looks at, for an event that reaches down to `key`: all, or only those not beyond the opposite best."""
    window = venue.rules[0]["compat"] & _WINDOW != ZERO and best != NO_KEY
    if window and venue.markets[market]["live"] >= -best - key:
        return -best - ONE
    return -NO_KEY


@cold
def meet_level(venue: Venue, market: I, sign: I, key: I, best: I, now: I) -> None:
    """The other side has something at `key` of the side `sign` is of: ours there or better are reached. `best`: its best until now."""
    side, other = side_of(venue, market, sign), side_of(venue, market, -sign)
    everything = venue.rules[0]["compat"] & _FILLS_ALL != ZERO
    nearest = _nearest(venue, best, market, key)
    at = I(side["first_ix"])
    while at != NOBODY and venue.resting[at]["at"] >= key and venue.clock[0]["abort"] == ZERO:
        order = venue.resting[at]
        following = I(order["next_ix"])
        if order["at"] <= nearest:
            if everything:
                fill_resting(venue, at, I(order["leaves"]), True, now)
            else:
                shown = shown_at(venue, other, -key)
                if shown <= ZERO:
                    return
                take_shown(venue, other, -key, min(shown, open_of(venue, order)))
                fill_resting(venue, at, shown, True, now)
        at = following


@cold
def meet_print(venue: Venue, market: I, sign: I, key: I, qty: I, now: I) -> None:
    """A print of `qty` at `key` of the side `sign` is of: what is better is traded through, what is at it waits its turn."""
    side, other = side_of(venue, market, sign), side_of(venue, market, -sign)
    shared = venue.rules[0]["compat"] & _NOT_SHARED == ZERO
    nearest = _nearest(venue, I(other["best"]), market, key)
    left, here = qty, ZERO  # what of the print is left for this price, and what of ours it met there
    at = I(side["first_ix"])
    while at != NOBODY and venue.resting[at]["at"] >= key and venue.clock[0]["abort"] == ZERO:
        order = venue.resting[at]
        following = I(order["next_ix"])
        if order["at"] > nearest:
            at = following
            continue
        if order["at"] > key:
            if not shared:
                fill_resting(venue, at, I(order["leaves"]), True, now)
            elif left > ZERO:
                left -= min(left, fill_resting(venue, at, left, True, now))
        else:
            ready = ready_after_print(venue, order, venue.markets[market], left)
            if shared:
                ready = min(ready, left) - here
            if ready > ZERO:
                here += fill_resting(venue, at, ready, False, now)
        at = following


@cold
def move_queues(venue: Venue, market: I, sign: I, key: I, before: I, after: I) -> None:
    """A level of ours was set: those of ours at it move in their queues."""
    at = I(side_of(venue, market, sign)["first_ix"])
    while at != NOBODY and venue.resting[at]["at"] >= key:
        order = venue.resting[at]
        if order["at"] == key and order["state"] != FREE:
            move_in_queue(venue, order, venue.markets[market], before, after)
        at = I(order["next_ix"])
