"""Scopes: where limits, stop levels, rates and breakers hold, and what is counted for them while orders live.

Places 0 … 15 are fixed: the global scope and, by `codes.Market`, the venues. Accounts, instruments and strategies get theirs when they are
first named; their own tables keep the place. What an order concerns are up to five scopes: `scopes_of`. Their rows are folded
by `scope_rows.py`.
"""

from typing import Final

import numpy as np

from veloz.contracts.codes import Breaker
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import Action, ScopeKind
from veloz.reducers.bits import S_SELL, part
from veloz.reducers.buckets import repeat_span, take_cancel, take_order
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.state import State
from veloz.reducers.survey import survey
from veloz.reducers.tallies import breaker_place, clear_tally, count
from veloz.reducers.words import ONE, ZERO, I
from veloz.reducers.worst import WORTH_TOP, exposure_price, worth_up

FIXED: Final = I(16)
_SHARE: Final = 4  # of the scopes of an order, the strategy's
_B_LOSSES, _B_REJECTS, _B_FEED = I(Breaker.LOSSES), I(Breaker.REJECTS), I(Breaker.FEED)
_B_DIVERGENCES, _B_UNKNOWNS = I(Breaker.DIVERGENCES), I(Breaker.UNKNOWNS)
_AMEND: Final = I(Action.AMEND)
_GLOBAL, _VENUE, _ACCOUNT = I(ScopeKind.GLOBAL), I(ScopeKind.VENUE), I(ScopeKind.ACCOUNT)
_INSTRUMENT, _STRATEGY = I(ScopeKind.INSTRUMENT), I(ScopeKind.STRATEGY)
NO_PLACE: Final = I(-1)


@kernel
def _new_scope(state: State, kind: I, number: I) -> I:
    desk = state.desk[0]
    place = I(desk["scopes_used"])
    desk["scopes_used"] = place + ONE
    scope = state.scopes[place]
    scope["kind"] = kind
    scope["number"] = number
    return place


@cold
def scope_place(state: State, kind: I, number: I) -> I:
    """The place of a scope in `scopes`, given out at first use; -1: there can be no such scope."""
    if kind == _GLOBAL:
        return ZERO
    if kind == _VENUE:
        return number if ZERO < number < FIXED else NO_PLACE
    if kind == _ACCOUNT:
        if not ZERO < number < state.accounts.shape[0]:
            return NO_PLACE
        account = state.accounts[number]
        if account["scope_ix"] < 0:
            account["scope_ix"] = _new_scope(state, kind, number)
        return I(account["scope_ix"])
    if kind == _INSTRUMENT:
        if not ZERO < number < state.terms.shape[0]:
            return NO_PLACE
        terms = state.terms[number]
        if terms["scope_ix"] < 0:
            terms["scope_ix"] = _new_scope(state, kind, number)
        return I(terms["scope_ix"])
    if kind != _STRATEGY or not ZERO < number < state.strategies.shape[0]:
        return NO_PLACE
    strategy = state.strategies[number]
    if strategy["scope_ix"] < 0:
        strategy["scope_ix"] = _new_scope(state, kind, number)
    return I(strategy["scope_ix"])


@kernel
def find_scope(state: State, kind: I, number: I) -> I:
    """Place of a scope that has one; -1: it has none, or there can be no such scope."""
    if kind == _GLOBAL:
        return ZERO
    if kind == _VENUE:
        return number if ZERO < number < FIXED else NO_PLACE
    if kind == _ACCOUNT and ZERO < number < state.accounts.shape[0]:
        return I(state.accounts[number]["scope_ix"])
    if kind == _INSTRUMENT and ZERO < number < state.terms.shape[0]:
        return I(state.terms[number]["scope_ix"])
    if kind == _STRATEGY and ZERO < number < state.strategies.shape[0]:
        return I(state.strategies[number]["scope_ix"])
    return NO_PLACE


@kernel
def scopes_of(state: State, account: I, instrument: I, strategy: I) -> tuple[I, I, I, I, I]:
    """Places of the global, venue, account, instrument and strategy scope of an order; -1 where there is none (yet).

    The venue is the instrument's; of an account alone, the account's.
    """
    venue, of_account, of_instrument, of_strategy = NO_PLACE, NO_PLACE, NO_PLACE, NO_PLACE
    if ZERO < account < state.accounts.shape[0]:
        of_account = I(state.accounts[account]["scope_ix"])
        venue = I(state.accounts[account]["market"])
    if ZERO < instrument < state.terms.shape[0] and instrument < state.instruments.shape[0]:
        of_instrument = I(state.terms[instrument]["scope_ix"])
        venue = I(state.instruments[instrument]["market"])
    if not ZERO < venue < FIXED:
        venue = NO_PLACE
    if ZERO < strategy < state.strategies.shape[0]:
        of_strategy = I(state.strategies[strategy]["scope_ix"])
    return ZERO, venue, of_account, of_instrument, of_strategy


@kernel
def _scopes_of_order(state: State, order: np.void) -> tuple[I, I, I, I, I]:
    return scopes_of(state, I(order["account"]), I(order["instrument"]), I(order["strategy"]))


@kernel
def _expose(scope: np.void, opened: I, sell: I, more: I, toward: I, unvalued: I) -> None:
    """One order more: until the next settlement measures anew, exposures are what they were and this."""
    scope["orders_open"] += opened
    scope["added_orders"] += opened
    more = min(more, WORTH_TOP - scope["worst_gross"])
    scope["worst_gross"] += more
    scope["added_gross"] += more
    scope["unvalued"] += unvalued
    scope["added_unvalued"] += unvalued
    if sell != ZERO:
        toward = min(toward, WORTH_TOP + scope["worst_short"])
        scope["worst_short"] -= toward
        scope["added_short"] -= toward
    else:
        toward = min(toward, WORTH_TOP - scope["worst_long"])
        scope["worst_long"] += toward
        scope["added_long"] += toward


@kernel
def _run_on(state: State, place: I, sell: I, entry: bool, now: I) -> None:
    """Entries in a row on one side, each within REPEAT_NS of the one before; an order of the other side, or one that reduces, ends them."""
    scope = state.scopes[place]
    if not entry:
        scope["repeats"] = ZERO
    elif scope["repeat_side"] == sell and now - scope["repeat_ns"] <= repeat_span(state.limits, place):
        scope["repeats"] += ONE
    else:
        scope["repeats"] = ONE
    scope["repeat_side"] = sell
    scope["repeat_ns"] = now


@kernel
def _remember(state: State, order: np.void, now: I) -> None:
    terms = state.terms[order["instrument"]]
    terms["last_spec"] = order["spec"]
    terms["last_price"] = order["price"]
    terms["last_qty"] = order["qty"]
    terms["last_ns"] = now


@cold
def note_approved(state: State, order_ix: I, now: I) -> None:
    """The gate approved a draft or an amendment: rates, repeats, counts and exposures of its scopes, at once.

    Exposures are valued at the instrument's mark, as in the gate; where there is none they wait for the settlement.
    """
    order = state.orders[order_ix]
    instrument = I(order["instrument"])
    if not ZERO < instrument < state.terms.shape[0]:
        return
    sell = part(I(order["spec"]), S_SELL, ONE)
    amends = order["pending_action"] == _AMEND
    seen = survey(state, order_ix)
    price = exposure_price(state, instrument)
    if price == ZERO:
        price = I(order["price"])
    own_more = worth_up(state, instrument, price, seen.own_more)
    unvalued = I(own_more < ZERO)
    own_more = max(own_more, ZERO)
    own_toward = max(worth_up(state, instrument, price, seen.own_toward), ZERO)
    share_more = max(worth_up(state, instrument, price, seen.share_more), ZERO)
    share_toward = max(worth_up(state, instrument, price, seen.share_toward), ZERO)
    places = _scopes_of_order(state, order)
    opened = ZERO if amends else ONE
    for k in range(5):
        place = places[k]
        if place >= ZERO:
            if k == _SHARE:
                _expose(state.scopes[place], opened, sell, share_more, share_toward, unvalued)
            else:
                _expose(state.scopes[place], opened, sell, own_more, own_toward, unvalued)
            take_order(state.limits, state.scopes[place], place, now)
            if not amends:
                _run_on(state, place, sell, seen.reducing == ZERO, now)
    if not amends:
        _remember(state, order, now)


@kernel
def note_refused(state: State, order_ix: I, now: I) -> None:
    """The gate refused a draft: its strategy counts it."""
    strategy = state.orders[order_ix]["strategy"]
    if ZERO < strategy < state.strategies.shape[0]:
        state.strategies[strategy]["refused"] += ONE


@cold
def note_cancel(state: State, order_ix: I, now: I) -> None:
    """A cancel was requested: cancel rates of its scopes."""
    places = _scopes_of_order(state, state.orders[order_ix])
    for k in range(5):
        if places[k] >= ZERO:
            take_cancel(state.limits, state.scopes[places[k]], places[k], now)


@kernel
def _count_in(state: State, place: I, breaker: I, against: I, total: I, now: I) -> None:
    if place >= ZERO and state.scopes[place]["breakers_set"] != ZERO:
        count(state, place, breaker, against, total, now)


@cold
def note_answer(state: State, order_ix: I, rejected: I, now: I) -> None:
    """The venue took (0) or rejected (1) an order: what breakers count."""
    places = _scopes_of_order(state, state.orders[order_ix])
    for k in range(5):
        if places[k] >= ZERO:
            scope = state.scopes[places[k]]
            scope["answers"] += ONE
            scope["rejects"] += rejected
            _count_in(state, places[k], _B_REJECTS, rejected, ONE, now)


@cold
def note_unknown(state: State, order_ix: I, now: I) -> None:
    """An order's outcome became unknown: what breakers count."""
    places = _scopes_of_order(state, state.orders[order_ix])
    for k in range(5):
        _count_in(state, places[k], _B_UNKNOWNS, ONE, ONE, now)


@cold
def note_divergence(state: State, account: I, instrument: I, now: I) -> None:
    """Our state and a venue's statement differ: what breakers count. Account or instrument 0: of none."""
    places = scopes_of(state, account, instrument, ZERO)
    for k in range(5):
        _count_in(state, places[k], _B_DIVERGENCES, ONE, ONE, now)


@kernel
def _run_of_losses(state: State, place: I, gained: I, now: I) -> None:
    scope = state.scopes[place]
    if gained < ZERO:
        scope["losses"] += ONE
        _count_in(state, place, _B_LOSSES, ONE, ONE, now)
    elif gained > ZERO:
        scope["losses"] = ZERO
        if scope["breakers_set"] != ZERO:
            clear_tally(state, breaker_place(place, _B_LOSSES))


@cold
def note_close(state: State, position_ix: I, gained: I, now: I) -> None:
    """A fill closed (part of) a position with this realized pnl, settlement money: consecutive losses. Of strategy shares too.

    The account's own position speaks for the global, venue, account and instrument scope, a strategy's share for the strategy.
    """
    position = state.positions[position_ix]
    strategy = I(position["strategy"])
    if strategy == ZERO:  # a person's share: the account's own position says the same
        return
    places = scopes_of(state, I(position["account"]), I(position["instrument"]), strategy)
    for k in range(5):
        if places[k] >= ZERO and (strategy == NO_STRATEGY or k == _SHARE):
            _run_of_losses(state, places[k], gained, now)


@cold
def feed_faults(state: State, place: I) -> I:
    """Gaps and broken books so far, of all instruments of a scope; an account or strategy has those of its venue."""
    scope = state.scopes[place]
    kind, number = I(scope["kind"]), I(scope["number"])
    if place == ZERO:
        kind = _GLOBAL
    elif place < FIXED:
        kind, number = _VENUE, place
    if kind == _STRATEGY:
        kind, number = _ACCOUNT, I(state.strategies[number]["account"])
    if kind == _ACCOUNT:
        kind = _VENUE
        number = I(state.accounts[number]["market"]) if ZERO < number < state.accounts.shape[0] else ZERO
    faults = ZERO
    for slot_ix in range(state.clock[0]["slots_used"]):
        slot = state.slots[slot_ix]
        instrument = I(slot["instrument"])
        if kind == _VENUE and state.instruments[instrument]["market"] != number:
            continue
        if kind == _INSTRUMENT and instrument != number:
            continue
        faults += slot["gaps"] + slot["broken"]
    return faults


@cold
def watch_feeds(state: State, now: I) -> None:
    """At a settlement: gaps and broken books since the last one, for the breakers that count them."""
    desk = state.desk[0]
    if desk["breakers_set"] == ZERO:
        return
    for place in range(desk["scopes_used"]):
        if state.scopes[place]["breakers_set"] == ZERO:
            continue
        rule = state.breakers[breaker_place(I(place), _B_FEED)]
        if rule["set"] != ZERO:
            faults = feed_faults(state, I(place))
            if faults > rule["seen"]:
                count(state, I(place), _B_FEED, faults - rule["seen"], ONE, now)
            rule["seen"] = faults


@kernel
def freeze(state: State, instrument: I, code: I, seq: I) -> None:
    """Only cancels for this instrument from here on, until a person settles it. The first reason stays."""
    terms = state.terms[instrument]
    if terms["frozen"] == ZERO:
        terms["frozen"] = code
        terms["frozen_seq"] = seq
