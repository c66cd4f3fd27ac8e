"""Settlement of what orders alone changed: their instruments' worst cases, counts and margin, at the prices of the last settlement.

No trade, no statement and no price is news here, so pnl, equity and marks stand. What a position had put into the sums of its scopes
and of its balance is taken out, and what it is now put in: the same numbers as of a whole settlement. Where they might not be (a
sum at its bound, something that could be told and cannot any more) the caller settles the whole, from nothing.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.accounts import available
from veloz.reducers.bits import P_SPOT
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.exposure import exposure_of, gather_orders, scope_of_strategy, worst_long, worst_short
from veloz.reducers.margin import uncovered
from veloz.reducers.places import NO_STRATEGY, NOWHERE
from veloz.reducers.prices import UNPRICED
from veloz.reducers.rates import to_worth, to_worth_up
from veloz.reducers.state import State
from veloz.reducers.wide import WORD_MAX, bounded_sum
from veloz.reducers.words import ONE, ZERO, I
from veloz.reducers.worst import WORTH_TOP
from veloz.reducers.worth import money_asset

SCOPES_OF_ONE: Final = I(4)
_ASSETS_MAX: Final = I(ASSETS_MAX)


@kernel
def scope_of(state: State, account: I, instrument: I, k: I) -> I:
    """The k-th of the scopes that an account's own position is in: global, venue, account, instrument."""
    if k == ZERO:
        return ZERO
    if k == ONE:
        return I(state.accounts[account]["market"])
    if k == ONE + ONE:
        return I(state.accounts[account]["scope_ix"])
    return I(state.terms[instrument]["scope_ix"])


@kernel
def _scopes_from(state: State, at: I, k: I) -> I:
    """The k-th scope that a position tells to: of an own one as above, of a strategy's share that strategy's; -1: none."""
    position = state.positions[at]
    if position["strategy"] == NO_STRATEGY:
        return scope_of(state, I(position["account"]), I(position["instrument"]), k)
    return scope_of_strategy(state, I(position["strategy"])) if k == ZERO else NOWHERE


@cold
def count_orders(state: State, at: I) -> None:
    """Add the open orders of a position to its scopes."""
    orders = I(state.positions[at]["orders"])
    for k in range(SCOPES_OF_ONE):
        scope_ix = _scopes_from(state, at, I(k))
        if scope_ix >= ZERO and orders != ZERO:
            state.scopes[scope_ix]["orders_open"] += orders


@kernel
def touch(state: State, instrument: I) -> None:
    """Orders of an instrument changed."""
    terms = state.terms[instrument]
    if terms["touched"] == ZERO:
        terms["touched"] = ONE
        terms["touched_ix"] = state.desk[0]["touched_ix"]
        state.desk[0]["touched_ix"] = instrument


@cold
def forget_touched(state: State) -> None:
    """All instruments are settled."""
    desk = state.desk[0]
    instrument = I(desk["touched_ix"])
    while instrument >= ZERO:
        terms = state.terms[instrument]
        instrument = I(terms["touched_ix"])
        terms["touched_ix"] = NOWHERE
        terms["touched"] = ZERO
    desk["touched_ix"] = NOWHERE
    desk["whole"] = ZERO


@cold
def _take_out(state: State, at: I) -> None:
    """Out of the sums: what the orders of a position, and approvals since the last settlement, had put in."""
    position = state.positions[at]
    long, short = I(position["told_long"]), I(position["told_short"])
    for k in range(SCOPES_OF_ONE):
        scope_ix = _scopes_from(state, at, I(k))
        if scope_ix < ZERO:
            continue
        scope = state.scopes[scope_ix]
        if scope["worst_gross"] >= WORTH_TOP:
            state.desk[0]["whole"] = ONE
        scope["orders_open"] -= position["orders"] + scope["added_orders"]
        scope["worst_gross"] -= max(abs(long), abs(short)) + scope["added_gross"]
        scope["worst_long"] -= long + scope["added_long"]
        scope["worst_short"] -= short + scope["added_short"]
        scope["unconverted"] -= position["unexposed"]
        scope["unvalued"] -= position["unexposed"] + scope["added_unvalued"]
        scope["added_orders"] = ZERO
        scope["added_gross"] = ZERO
        scope["added_long"] = ZERO
        scope["added_short"] = ZERO
        scope["added_unvalued"] = ZERO
    if position["bound"] != ZERO:
        asset = money_asset(state, I(position["instrument"]))
        balance = state.balances[position["account"] * _ASSETS_MAX + asset]
        if balance["margin"] >= WORD_MAX:
            state.desk[0]["whole"] = ONE
        balance["margin"] -= position["bound"]


@cold
def _worths(state: State, at: I) -> tuple[I, I, bool]:
    """Worth of a position with all its buys, and with all its sells, filled; False: it cannot be told."""
    position = state.positions[at]
    instrument = I(position["instrument"])
    terms = state.terms[instrument]
    if position["mark_source"] == UNPRICED:
        return ZERO, ZERO, False
    mark, places = I(terms["mark"]), I(terms["mark_places"])
    long, ok = exposure_of(state, instrument, mark, places, worst_long(position))
    short, fine = exposure_of(state, instrument, mark, places, worst_short(position))
    return long, short, bool(ok and fine)


@kernel
def _counts(position: np.void) -> bool:
    """Whether there is something to value: a quantity, or what orders may bring."""
    return bool(position["qty"] != ZERO or position["buys"] != ZERO or position["sells"] != ZERO)


@cold
def _put_in(state: State, at: I) -> None:
    """Into the sums: what the orders of a position are now."""
    position = state.positions[at]
    long, short, told = ZERO, ZERO, True
    if _counts(position):
        long, short, told = _worths(state, at)
        if not told:
            long, short = ZERO, ZERO
            if position["unexposed"] == ZERO:
                state.desk[0]["whole"] = ONE
    if told and position["unexposed"] != ZERO and position["qty"] != ZERO:
        state.desk[0]["whole"] = ONE
    position["told_long"] = long
    position["told_short"] = short
    position["unexposed"] = I(not told)
    for k in range(SCOPES_OF_ONE):
        scope_ix = _scopes_from(state, at, I(k))
        if scope_ix < ZERO:
            continue
        scope = state.scopes[scope_ix]
        scope["orders_open"] += position["orders"]
        scope["worst_gross"] = bounded_sum(I(scope["worst_gross"]), max(abs(long), abs(short)))
        scope["worst_long"] = bounded_sum(I(scope["worst_long"]), long)
        scope["worst_short"] = bounded_sum(I(scope["worst_short"]), short)
        scope["unconverted"] += position["unexposed"]
        scope["unvalued"] += position["unexposed"]
        if scope["worst_gross"] >= WORTH_TOP:
            state.desk[0]["whole"] = ONE
    _bind(state, at)


@cold
def _bind(state: State, at: I) -> None:
    """The margin of an own position of contracts and of what its orders lack, into its balance."""
    position = state.positions[at]
    position["bound"] = ZERO
    instrument = I(position["instrument"])
    if position["strategy"] != NO_STRATEGY or state.terms[instrument]["product"] == P_SPOT:
        return
    if not _counts(position):
        return
    position["bound"] = bounded_sum(I(position["initial"]), uncovered(state, at))
    balance = state.balances[position["account"] * _ASSETS_MAX + money_asset(state, instrument)]
    balance["margin"] = bounded_sum(I(balance["margin"]), I(position["bound"]))
    if balance["margin"] >= WORD_MAX:
        state.desk[0]["whole"] = ONE


@cold
def _retell_account(state: State, account: I) -> None:
    """Margin in use and what may still be set aside, over the assets of an account."""
    record, margin, free = state.accounts[account], ZERO, ZERO
    for number in range(ONE, I(state.assets.shape[0])):
        asset = I(number)
        balance = state.balances[account * _ASSETS_MAX + asset]
        if balance["known"] == ZERO and balance["margin"] == ZERO and balance["unrealized"] == ZERO:
            continue
        worth, _ = to_worth_up(state, asset, I(balance["margin"]))
        margin = bounded_sum(margin, worth)
        worth, _ = to_worth(state, asset, available(state, account, asset))
        free = bounded_sum(free, worth)
    record["margin"] = margin
    record["available"] = free


@cold
def retell(state: State) -> bool:
    """Settle the instruments whose orders changed; False: the whole has to be settled."""
    desk = state.desk[0]
    if desk["positions_seen"] < desk["positions_used"]:
        return False
    instrument = I(desk["touched_ix"])
    while instrument >= ZERO:
        at = I(state.terms[instrument]["positions_ix"])
        while at >= ZERO:
            _take_out(state, at)
            at = I(state.positions[at]["next_ix"])
        gather_orders(state, instrument)
        at = I(state.terms[instrument]["positions_ix"])
        while at >= ZERO:
            _put_in(state, at)
            at = I(state.positions[at]["next_ix"])
        instrument = I(state.terms[instrument]["touched_ix"])
    if desk["whole"] != ZERO:
        return False
    for account in range(I(state.accounts.shape[0])):
        if state.accounts[account]["known"] != ZERO:
            _retell_account(state, I(account))
    desk["unconverted"] = state.scopes[ZERO]["unconverted"]
    forget_touched(state)
    return True
