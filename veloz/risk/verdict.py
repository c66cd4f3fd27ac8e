"""The verdict: eight words that say why not, or what is held. And how a draft is handed through the checks."""

from typing import Final, NamedTuple

import numpy as np

from veloz.contracts.kernel import kernel
from veloz.contracts.terms import ScopeKind
from veloz.reducers.bits import VERDICT_KIND, VERDICT_NUMBER, VERDICT_PART
from veloz.reducers.desk import LIMITS
from veloz.reducers.scopes import FIXED
from veloz.reducers.state import State
from veloz.reducers.survey import Survey
from veloz.reducers.words import ZERO, I

# Places in the verdict, i8[VERDICT_WORDS].
V_CODE, V_KIND, V_NUMBER, V_LIMIT, V_OBSERVED, V_HOLD, V_ASSET, V_PART = (I(n) for n in range(8))
VERDICT_WORDS: Final = 8

SCOPES: Final = 5  # of an order: global, venue, account, instrument, strategy
SHARE: Final = 4  # the last of them is the strategy's
NO_SCOPE: Final = I(-1)
_LIMITS: Final = I(LIMITS)
_GLOBAL, _VENUE = I(ScopeKind.GLOBAL), I(ScopeKind.VENUE)

Places = tuple[I, I, I, I, I]


class Draft(NamedTuple):
    """What is judged: an order, or what an amendment would make of it."""

    order_ix: I
    instrument: I
    account: I
    market: I
    spec: I
    sell: I
    kind: I  # terms.OrderType
    amends: bool
    free: bool  # the engine's own, and it can only reduce: what stops others does not stop it
    price: I  # quanta; 0: none
    qty: I  # the whole quantity
    paid: I  # what it is valued at: its price, its trigger, or the worst reference; 0: there is none
    places: Places
    seen: Survey


class Prices(NamedTuple):
    """Prices of an instrument in quanta, 0 where there is none. `mid2` is bid + ask."""

    bid: I
    ask: I
    mid2: I
    last: I
    mark: I


@kernel
def kind_of(state: State, place: I) -> I:
    """terms.ScopeKind of a place; what concerns no scope counts as global."""
    if place <= ZERO:
        return _GLOBAL
    return _VENUE if place < FIXED else I(state.scopes[place]["kind"])


@kernel
def number_of(state: State, place: I) -> I:
    """Number of the scope at a place."""
    if place <= ZERO:
        return ZERO
    return place if place < FIXED else I(state.scopes[place]["number"])


@kernel
def refuse(verdict: np.ndarray, code: I, place: I, limit: I, observed: I) -> I:
    """Note a refusal; `place` NO_SCOPE: no scope's limit. Returns the code. `seal` makes a verdict of it."""
    verdict[V_CODE] = code
    verdict[V_KIND] = place
    verdict[V_LIMIT] = limit
    verdict[V_OBSERVED] = observed
    verdict[V_PART] = ZERO
    return code


@kernel
def refuse_in(verdict: np.ndarray, code: I, place: I, limit: I, observed: I, what: I) -> I:
    """The same, and the part of the verdict: what the numbers count, or which term is meant."""
    refuse(verdict, code, place, limit, observed)
    verdict[V_PART] = what
    return code


@kernel
def word_of(verdict: np.ndarray) -> I:
    """The word `verdict` of a row."""
    scope = (verdict[V_KIND] << VERDICT_KIND) | (verdict[V_NUMBER] << VERDICT_NUMBER)
    return I(verdict[V_CODE] | scope | (verdict[V_PART] << VERDICT_PART))


@kernel
def seal(state: State, verdict: np.ndarray) -> I:
    """Name the scope of a refusal that was noted. Returns its code."""
    place = I(verdict[V_KIND])
    verdict[V_KIND] = kind_of(state, place)
    verdict[V_NUMBER] = number_of(state, place)
    verdict[V_HOLD] = ZERO
    verdict[V_ASSET] = ZERO
    return I(verdict[V_CODE])


@kernel
def clear(verdict: np.ndarray) -> None:
    """The verdict that says yes."""
    for k in range(VERDICT_WORDS):
        verdict[k] = ZERO


@kernel
def tightest(limits: np.ndarray, places: Places, limit: I) -> I:
    """Place of the scope whose limit is the least; -1: none of them has one. Of equals, the wider scope."""
    found, least = NO_SCOPE, ZERO
    for k in range(SCOPES):
        if places[k] >= ZERO:
            bound = limits[places[k] * _LIMITS + limit]
            if bound >= ZERO and (found < ZERO or bound < least):
                found, least = places[k], I(bound)
    return found
