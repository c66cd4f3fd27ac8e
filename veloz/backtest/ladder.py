"""The venue's own book: one ladder a side, a quantity a tick.

A level that reaches the opposite best pushes that best back past itself, to the first level strictly beyond; what it passed keeps its
quantity and is seen again when a search comes by. That is how one message's rows, bids first, may cross for a moment.

What our orders took of a level stays taken while the level stands: what is added can be taken, what goes is gone from what we left, and an
emptied level is forgotten. What is cleared and stated again within one instant, as by a snapshot, stands as it did. So all that is ever
taken was shown.
"""

from typing import Final

import numpy as np

from veloz.backtest.machine import FAR, NO_KEY, Venue
from veloz.backtest.rules import Compat
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.words import ONE, ZERO, I

STEPS_MOST: Final = I(1 << 24)  # of a ladder that is widened
_SKIPS_ONE, _KEEPS_ASKS = I(Compat.CLEAR_SKIPS_ONE), I(Compat.CLEAR_KEEPS_ASKS)


@kernel
def can_widen(venue: Venue, side: np.void, key: I) -> bool:
    """Whether a ladder that lacks a key may be made wider to have it: never where it is imitated what a peer does."""
    steps = max(side["hi"], key) - min(side["lo"], key)
    return bool(venue.rules[0]["compat"] == ZERO and steps < STEPS_MOST and (key < side["lo"] or key > side["hi"]))


@kernel
def best_from(levels: np.ndarray, base: I, key: I, lowest: I) -> I:
    """The best key from `key` down to `lowest` with something resting; NO_KEY: there is none. All are of the ladder."""
    while key >= lowest:
        if levels[base + key] > ZERO:
            return key
        key -= ONE
    return NO_KEY


@cold
def keep_taken(venue: Venue, side: np.void, key: I, before: I, after: I, now: I) -> None:
    """A level changed of a side that we took from."""
    at = side["base"] + key
    stood = before > ZERO or now == side["cleared_ns"]
    left = min(I(venue.taken[at]), max(after, ZERO)) if stood else ZERO
    side["takings"] -= venue.taken[at] - left
    venue.taken[at] = left


@kernel
def put_level(levels: np.ndarray, side: np.void, other: np.void, key: I, qty: I) -> I:
    """Set the quantity at a key of the ladder, and keep both sides' best. What stood there before."""
    at = side["base"] + key
    before = I(levels[at])
    levels[at] = qty
    best = side["best"]
    if key >= best:
        if qty > ZERO:
            if key > best:
                side["best"] = key
                side["top"] = max(I(side["top"]), key)
                if key + other["best"] >= ZERO:
                    lowest = max(other["worst"], other["lo"])
                    other["best"] = best_from(levels, other["base"], min(-key - ONE, other["hi"]), lowest)
        elif key == best:
            best = best_from(levels, side["base"], key - ONE, max(side["worst"], side["lo"]))
            side["best"] = best
            if best == NO_KEY:
                side["worst"] = FAR
    if key < side["worst"] and qty > ZERO:
        side["worst"] = key
        side["bottom"] = min(I(side["bottom"]), key)
    return before


@kernel
def _lowest(side: np.void) -> I:
    """No level, nor anything taken of one, lies below this key."""
    return I(side["lo"]) if side["takings"] > ZERO else I(side["bottom"])


@kernel
def _highest(side: np.void) -> I:
    """Nor above this one."""
    return I(side["hi"]) if side["takings"] > ZERO else I(side["top"])


@cold
def _empty_between(venue: Venue, side: np.void, lowest: I, highest: I, now: I) -> None:
    """What was taken of a level waits for the same instant to state it again; that of a level which was not, is forgotten."""
    at, end = side["base"] + lowest, side["base"] + highest
    while at <= end:
        if venue.levels[at] == ZERO and now != side["cleared_ns"]:
            side["takings"] -= venue.taken[at]
            venue.taken[at] = ZERO
        if venue.levels[at] != ZERO:
            venue.levels[at] = ZERO
        at += ONE
    side["cleared_ns"] = now


@cold
def clear_side(venue: Venue, side: np.void, now: I) -> None:
    """Empty a side."""
    _empty_between(venue, side, _lowest(side), _highest(side), now)
    side["best"] = NO_KEY
    side["top"] = NO_KEY
    side["worst"] = FAR
    side["bottom"] = FAR


@cold
def clear_to(venue: Venue, side: np.void, key: I, ask: I, compat: I, now: I) -> None:
    """Empty a side from its best down to `key`, which may lie outside the ladder."""
    skips, keeps = compat & _SKIPS_ONE != ZERO, compat & _KEEPS_ASKS != ZERO
    if not (keeps and ask == ONE):
        _empty_between(venue, side, max(key, _lowest(side)), I(side["best"]) if skips else _highest(side), now)
    lowest = I(side["lo"]) if side["worst"] == FAR else max(side["worst"], side["lo"])
    start = min(max(key - ONE, side["lo"]), side["hi"])
    side["best"] = best_from(venue.levels, I(side["base"]), start - ONE if skips else start, lowest)
    if side["best"] == NO_KEY:
        side["worst"] = FAR
