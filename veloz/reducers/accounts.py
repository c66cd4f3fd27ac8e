"""Accounts: assets, balances, holds, margin terms, fee rates; and what an instrument pays in. Folds account.* and instrument terms.

Several accounts, on several venues, each have balances, positions and terms of their own; nothing is shared but assets and their rates.
"""

from typing import Final

import numpy as np

from veloz.contracts import registry
from veloz.contracts.codes import BalanceReason, Market
from veloz.contracts.kernel import cold
from veloz.contracts.terms import ScopeKind
from veloz.reducers.balances import (
    CHANGED,
    adopt_drift,
    available,
    book,
    can_move,
    charge,
    confirm,
    hold,
    knows_asset,
    move,
    state_balance,
)  # fmt: skip
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.margin import order_hold, uncovered
from veloz.reducers.rates import forget_rates
from veloz.reducers.scopes import scope_place
from veloz.reducers.state import State
from veloz.reducers.statements import (
    call_margin,
    mark_statement,
    pay_funding,
    state_assets,
    state_bracket,
    state_fees,
    state_leverage,
    state_position,
    state_terms,
)  # fmt: skip
from veloz.reducers.words import INSTRUMENT_SHIFT, ONE, WORD_MASK, ZERO, I

__all__ = ["available", "can_move", "charge", "confirm", "fold_account", "hold", "move", "order_hold", "uncovered"]

SCALE_MAX: Final = I(18)
_ASSETS_MAX: Final = I(ASSETS_MAX)
_MARKETS: Final = I(len(Market) + 1)
_SCOPE_VENUE, _SCOPE_ACCOUNT = I(ScopeKind.VENUE), I(ScopeKind.ACCOUNT)
_K_OPENED, _K_ASSET, _K_RATE = I(registry.OPENED.number), I(registry.ASSET.number), I(registry.RATE.number)
_ADOPTED: Final = I(BalanceReason.ADOPTED)
_K_BALANCE, _K_CHANGED = I(registry.BALANCE.number), I(registry.BALANCE_CHANGED.number)
_K_POSITION, _K_FUNDING = I(registry.POSITION.number), I(registry.FUNDING.number)
_K_LEVERAGE, _K_BRACKET, _K_FEES = I(registry.LEVERAGE.number), I(registry.BRACKET.number), I(registry.FEES.number)
_K_STATEMENT, _K_MARGIN_CALL = I(registry.STATEMENT.number), I(registry.MARGIN_CALL.number)
_K_ASSETS = I(registry.ASSETS.number)


@cold
def _open_account(state: State, row: np.void) -> None:
    """account.opened: market and way of counting lots stay; hedge mode and the reporting asset may be stated anew."""
    number, market, hedge, lots, reporting = (
        I(row["venue_seq"]),
        I(row["price"]),
        I(row["qty"]),
        I(row["ref"]),
        I(row["aux"]),
    )
    desk = state.desk[0]
    flags = ZERO <= hedge <= ONE and ZERO <= lots <= ONE
    if not ZERO < number < state.accounts.shape[0] or not ZERO < market < _MARKETS or not flags:
        desk["unplaced"] += ONE
        return
    account = state.accounts[number]
    moved = account["known"] != ZERO and (account["market"] != market or account["lots"] != lots)
    if moved or (reporting != ZERO and not knows_asset(state, reporting)):
        desk["unplaced"] += ONE
        return
    account["known"] = ONE
    account["market"] = market
    account["hedge"] = hedge
    account["lots"] = lots
    if reporting != ZERO and reporting != desk["reporting"]:
        forget_rates(state)
        desk["reporting"] = reporting
    scope_place(state, _SCOPE_VENUE, market)
    scope_place(state, _SCOPE_ACCOUNT, number)


@cold
def _name_asset(state: State, row: np.void) -> None:
    """account.asset: a number and a scale for good."""
    number, scale = I(row["venue_seq"]), I(row["price"])
    inside = ZERO < number < state.assets.shape[0] and number < _ASSETS_MAX
    if not inside or not ZERO <= scale <= SCALE_MAX:
        state.desk[0]["unplaced"] += ONE
        return
    asset = state.assets[number]
    if asset["known"] != ZERO and asset["scale"] != scale:
        state.desk[0]["unplaced"] += ONE
        return
    asset["known"] = ONE
    asset["scale"] = scale


@cold
def _state_rate(state: State, row: np.void) -> None:
    """account.rate: what an asset is worth, until stated anew. Neither part below 0."""
    asset, num, den = I(row["venue_seq"]), I(row["price"]), I(row["qty"])
    if not knows_asset(state, asset) or num < ZERO or den < ZERO:
        state.desk[0]["unplaced"] += ONE
        return
    record = state.assets[asset]
    record["num"] = num
    record["den"] = den
    record["stated"] = ONE if den > ZERO else ZERO


@cold
def fold_account(state: State, kind: I, row: np.void, seq: I, now: I) -> None:
    """Fold one row of account.* or of an instrument's assets, filters, bounds, status.

    The instrument is listed, or 0. What cannot be taken is counted (DESK.unplaced, stale, overflows) and changes nothing else.
    """
    instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    if kind == _K_BALANCE:
        state_balance(state, row["venue_seq"], row["qty"], row["price"], row["aux"], row["ref"])
    elif kind == _K_CHANGED and row["aux"] == _ADOPTED:
        adopt_drift(state, row["venue_seq"], row["qty"], row["price"])
    elif kind == _K_CHANGED:
        book(state, row["venue_seq"], row["qty"], row["price"], CHANGED, row["ref"])
    elif kind == _K_POSITION:
        state_position(state, row, instrument)
    elif kind == _K_FUNDING:
        pay_funding(state, row, instrument)
    elif kind == _K_LEVERAGE:
        state_leverage(state, row, instrument)
    elif kind == _K_BRACKET:
        state_bracket(state, row, instrument)
    elif kind == _K_FEES:
        state_fees(state, row, instrument)
    elif kind == _K_STATEMENT:
        mark_statement(state, row, seq)
    elif kind == _K_MARGIN_CALL:
        call_margin(state, row, seq)
    elif kind == _K_OPENED:
        _open_account(state, row)
    elif kind == _K_ASSET:
        _name_asset(state, row)
    elif kind == _K_RATE:
        _state_rate(state, row)
    elif kind == _K_ASSETS:
        state_assets(state, row, instrument)
    else:
        state_terms(state, kind, row, instrument)
