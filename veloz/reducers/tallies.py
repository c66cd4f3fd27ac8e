"""What circuit breakers count, within their windows.

A window is counted in TALLY_BUCKETS parts, the part in hand included, each a little longer than a sixteenth: what happened within the
window is always counted, and what happened up to a fifteenth longer ago may be. So a breaker may open a little early and never late.
A window of 0 has no end.
"""

from typing import Final

from veloz.contracts.codes import Breaker
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.desk import BREAKERS, TALLY, TALLY_BUCKETS
from veloz.reducers.state import State
from veloz.reducers.words import ONE, ZERO, I

ANSWERS_LEAST: Final = 10  # a share of fewer answers says nothing: REJECTS does not open on it

_BREAKERS, _TALLY, _BUCKETS = I(BREAKERS), I(TALLY), I(TALLY_BUCKETS)
_MASK: Final = _BUCKETS - ONE
_REJECTS: Final = I(Breaker.REJECTS)
_PPM: Final = I(1_000_000)
_ANSWERS_LEAST: Final = I(ANSWERS_LEAST)
assert TALLY_BUCKETS & (TALLY_BUCKETS - 1) == 0, "buckets are masked"


@kernel
def breaker_place(place: I, breaker: I) -> I:
    """Where a scope's breaker lies in `breakers`."""
    return place * _BREAKERS + breaker


@kernel
def _bucket(window_ns: I, now: I) -> I:
    if window_ns <= ZERO:
        return ZERO
    return now // ((window_ns + _MASK - ONE) // _MASK)


@cold
def clear_tally(state: State, at: I) -> None:
    """Forget what the breaker at this place counted."""
    for k in range(_TALLY):
        state.tallies[at * _TALLY + k] = ZERO


@cold
def count(state: State, place: I, breaker: I, against: I, total: I, now: I) -> None:
    """Count, if the scope has this breaker: `against` it, out of `total`."""
    at = breaker_place(place, breaker)
    rule = state.breakers[at]
    if rule["set"] == ZERO:
        return
    bucket = _bucket(I(rule["window_ns"]), now)
    for k in range(min(bucket - rule["bucket"], _BUCKETS)):
        spare = (bucket - k) & _MASK
        state.tallies[at * _TALLY + spare] = ZERO
        state.tallies[at * _TALLY + _BUCKETS + spare] = ZERO
    rule["bucket"] = bucket
    state.tallies[at * _TALLY + (bucket & _MASK)] += against
    state.tallies[at * _TALLY + _BUCKETS + (bucket & _MASK)] += total


@cold
def observed(state: State, at: I, breaker: I, now: I) -> I:
    """What a breaker sees now: a count; of REJECTS, millionths of the answers, 0 of too few."""
    rule = state.breakers[at]
    bucket = _bucket(I(rule["window_ns"]), now)
    against, total = ZERO, ZERO
    for k in range(_BUCKETS):
        number = rule["bucket"] - k
        if bucket - number < _BUCKETS:
            against += state.tallies[at * _TALLY + (number & _MASK)]
            total += state.tallies[at * _TALLY + _BUCKETS + (number & _MASK)]
    if breaker != _REJECTS:
        return against
    return against * _PPM // total if total >= _ANSWERS_LEAST else ZERO
