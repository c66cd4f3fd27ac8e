"""Scopes: where limits, stop levels, rates and breakers hold. Folds risk.*, control.*, strategy.* and pnl.* rows.

Places 0 … 15 are fixed: the global scope and, by `codes.Market`, the venues. Accounts, instruments and strategies get theirs when they are
first named; their own tables keep the place.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import ScopeKind
from veloz.reducers.state import State
from veloz.reducers.words import ONE, ZERO, I

FIXED: Final = I(16)
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


@cold
def fold_scope(state: State, kind: I, row: np.void, seq: I, now: I) -> None:
    """Fold one row of risk.*, control.*, strategy.* or pnl.*."""


@kernel
def note_approved(state: State, order_ix: I, now: I) -> None:
    """The gate approved a draft or an amendment: rates, repeats and counts of its scopes."""


@kernel
def note_refused(state: State, order_ix: I, now: I) -> None:
    """The gate refused a draft."""


@kernel
def note_cancel(state: State, order_ix: I, now: I) -> None:
    """A cancel was requested: cancel rates of its scopes."""


@kernel
def note_answer(state: State, order_ix: I, rejected: I, now: I) -> None:
    """The venue took (0) or rejected (1) an order: what breakers count."""


@kernel
def note_close(state: State, position_ix: I, gained: I, now: I) -> None:
    """A fill closed (part of) a position with this realized pnl, settlement money: consecutive losses. Of strategy shares too."""


@kernel
def note_unknown(state: State, order_ix: I, now: I) -> None:
    """An order's outcome became unknown: what breakers count."""


@kernel
def watch_feeds(state: State, now: I) -> None:
    """At a settlement: gaps and broken books since the last one, for the breakers that count them."""


@kernel
def freeze(state: State, instrument: I, code: I, seq: I) -> None:
    """Only cancels for this instrument from here on, until a person settles it. The first reason stays."""
    terms = state.terms[instrument]
    if terms["frozen"] == ZERO:
        terms["frozen"] = code
        terms["frozen_seq"] = seq
