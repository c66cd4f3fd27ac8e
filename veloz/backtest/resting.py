"""Our orders as they rest at the exchange: a list a side, the best price first, and of one price the first that came.

Beside each ladder stand the best and the worst key of ours, so that a market row costs two comparisons while nothing of ours is near.
"""

import numpy as np

from veloz.backtest.machine import FAR, FIRED, FREE, LIVE, NEVER, NOBODY, WAITING, Venue
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.words import ONE, TWO, ZERO, I


@kernel
def side_of(venue: Venue, market: I, sign: I) -> np.void:
    """The bids (sign 1) or asks (-1) of a market."""
    return venue.sides[TWO * market + ((ONE - sign) >> ONE)]  # type: ignore[no-any-return]


@kernel
def note_ends(venue: Venue, side: np.void) -> None:
    """Set the best and worst key of ours from the ends of the list."""
    first, last = I(side["first_ix"]), I(side["last_ix"])
    side["own_best"] = -FAR if first == NOBODY else I(venue.resting[first]["at"])
    side["own_worst"] = FAR if last == NOBODY else I(venue.resting[last]["at"])


@cold
def take_place(venue: Venue) -> I:
    """A free record, FREE still and in no list; NOBODY: all are taken."""
    clock = venue.clock[0]
    at = I(clock["free_ix"])
    if at != NOBODY:
        clock["free_ix"] = venue.resting[at]["next_ix"]
        clock["serial"] += ONE
        venue.resting[at]["serial"] = clock["serial"]
    return at


@cold
def give_back(venue: Venue, at: I) -> None:
    """A record that is in no list is free."""
    order, clock = venue.resting[at], venue.clock[0]
    if ZERO < order["expire_ns"] < NEVER:
        clock["dated"] -= ONE
    order["expire_ns"] = NEVER
    order["state"] = FREE
    order["serial"] = ZERO
    order["next_ix"] = clock["free_ix"]
    clock["free_ix"] = at


@cold
def enlist(venue: Venue, at: I) -> None:
    """An order begins to rest, behind all of ours at its price or a better one."""
    order = venue.resting[at]
    side = side_of(venue, I(order["market"]), I(order["sign"]))
    ahead, behind = I(side["last_ix"]), NOBODY
    while ahead != NOBODY and venue.resting[ahead]["at"] < order["at"]:
        behind = ahead
        ahead = I(venue.resting[ahead]["prev_ix"])
    order["state"] = LIVE
    order["prev_ix"] = ahead
    order["next_ix"] = behind
    if ahead == NOBODY:
        side["first_ix"] = at
    else:
        venue.resting[ahead]["next_ix"] = at
    if behind == NOBODY:
        side["last_ix"] = at
    else:
        venue.resting[behind]["prev_ix"] = at
    note_ends(venue, side)
    venue.markets[order["market"]]["live"] += ONE
    venue.clock[0]["live"] += ONE


@cold
def _stop_waiting(venue: Venue, at: I) -> None:
    """A stop waits no more."""
    order = venue.resting[at]
    market, ahead, behind = venue.markets[order["market"]], I(order["prev_ix"]), I(order["next_ix"])
    if ahead == NOBODY:
        market["first_ix"] = behind
    else:
        venue.resting[ahead]["next_ix"] = behind
    if behind == NOBODY:
        market["last_ix"] = ahead
    else:
        venue.resting[behind]["prev_ix"] = ahead
    market["waiting"] -= ONE


@cold
def delist(venue: Venue, at: I) -> None:
    """An order rests no more. Its record is kept until it is given back."""
    order = venue.resting[at]
    if order["state"] in (WAITING, FIRED):
        _stop_waiting(venue, at)
        return
    side = side_of(venue, I(order["market"]), I(order["sign"]))
    ahead, behind = I(order["prev_ix"]), I(order["next_ix"])
    if ahead == NOBODY:
        side["first_ix"] = behind
    else:
        venue.resting[ahead]["next_ix"] = behind
    if behind == NOBODY:
        side["last_ix"] = ahead
    else:
        venue.resting[behind]["prev_ix"] = ahead
    note_ends(venue, side)
    venue.markets[order["market"]]["live"] -= ONE
    venue.clock[0]["live"] -= ONE


@cold
def find_resting(venue: Venue, market: I, key: I) -> I:
    """The record of an order that rests or waits; NOBODY: the exchange does not hold it."""
    for sign in (ONE, -ONE):
        at = I(side_of(venue, market, sign)["first_ix"])
        while at != NOBODY:
            if venue.resting[at]["key"] == key:
                return at
            at = I(venue.resting[at]["next_ix"])
    at = I(venue.markets[market]["first_ix"])
    while at != NOBODY and venue.resting[at]["key"] != key:
        at = I(venue.resting[at]["next_ix"])
    return at
