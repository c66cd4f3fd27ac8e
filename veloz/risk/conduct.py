"""Checks of how an order sits among our own: repeats, duplicates, own crosses, reduce-only. Rules as in `bounds.py`."""

from typing import Final

import numpy as np

from veloz.contracts.codes import Limit, Refusal
from veloz.contracts.kernel import kernel
from veloz.reducers.buckets import limit_of, repeat_span
from veloz.reducers.state import State
from veloz.reducers.survey import PRICE_TOP, is_twin
from veloz.reducers.words import NONE, ONE, ZERO, I
from veloz.reducers.worst import is_conditional, is_reducing_kind
from veloz.risk.venue_rules import MARKET
from veloz.risk.verdict import NO_SCOPE, SCOPES, Draft, refuse

L_REPEATS, L_DUPLICATE, L_OWN_CROSS = I(Limit.REPEATS), I(Limit.DUPLICATE_NS), I(Limit.OWN_CROSS)
C_REPEATED, C_DUPLICATE, C_OWN_CROSS = I(Refusal.REPEATED), I(Refusal.DUPLICATE), I(Refusal.OWN_CROSS)
C_REDUCE_ONLY: Final = I(Refusal.REDUCE_ONLY)


@kernel
def repeated(state: State, draft: Draft, now: I, verdict: np.ndarray) -> I:
    """One more entry in a row on one side."""
    for k in range(SCOPES):
        place = draft.places[k]
        if place < ZERO:
            continue
        limit, scope = limit_of(state.limits, place, L_REPEATS), state.scopes[place]
        run = ONE
        if scope["repeat_side"] == draft.sell and now - scope["repeat_ns"] <= repeat_span(state.limits, place):
            run = I(scope["repeats"]) + ONE
        if ZERO <= limit < run:
            return refuse(verdict, C_REPEATED, place, limit, run)
    return ZERO


@kernel
def duplicated(state: State, draft: Draft, now: I, verdict: np.ndarray) -> I:
    """The same order again within the longest span that a scope states."""
    place, span = NO_SCOPE, ZERO
    for k in range(SCOPES):
        if draft.places[k] >= ZERO:
            stated = limit_of(state.limits, draft.places[k], L_DUPLICATE)
            if stated > span:
                place, span = draft.places[k], stated
    if place < ZERO:
        return ZERO
    terms, made_ns = state.terms[draft.instrument], draft.seen.twin_ns
    last_spec, last_price, last_qty = I(terms["last_spec"]), I(terms["last_price"]), I(terms["last_qty"])
    if terms["last_ns"] > ZERO and is_twin(draft.spec, draft.price, draft.qty, last_spec, last_price, last_qty):
        made_ns = max(made_ns, I(terms["last_ns"]))
    if made_ns != NONE and now - made_ns <= span:
        return refuse(verdict, C_DUPLICATE, place, span, now - made_ns)
    return ZERO


@kernel
def _guards_cross(state: State, draft: Draft) -> bool:
    freed = False
    for k in range(SCOPES):
        if draft.places[k] >= ZERO:
            stated = limit_of(state.limits, draft.places[k], L_OWN_CROSS)
            if stated == ONE:
                return True
            freed = freed or stated == ZERO
    return not freed


@kernel
def crosses_own(state: State, draft: Draft, verdict: np.ndarray) -> I:
    """An order that could trade with another of ours."""
    other = draft.seen.bid if draft.sell != ZERO else draft.seen.ask
    if other == NONE or is_conditional(draft.spec) or not _guards_cross(state, draft):
        return ZERO
    price = draft.price
    if draft.kind == MARKET:
        price = ZERO if draft.sell != ZERO else PRICE_TOP
    if (draft.sell != ZERO and price <= other) or (draft.sell == ZERO and price >= other):
        return refuse(verdict, C_OWN_CROSS, NO_SCOPE, other, price)
    return ZERO


@kernel
def must_reduce(state: State, draft: Draft, engine: bool, verdict: np.ndarray) -> I:
    """What says that it reduces, and the engine's own orders: neither open nor flip, together with what reduces already."""
    if (engine or is_reducing_kind(draft.spec)) and draft.seen.reducing == ZERO:
        return refuse(verdict, C_REDUCE_ONLY, NO_SCOPE, draft.seen.room, draft.seen.queued)
    return ZERO
