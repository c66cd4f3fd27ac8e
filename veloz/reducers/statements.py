"""What a venue states beside balances: positions, funding, leverage, fee rates, margin brackets, whole statements; terms of instruments.

A row that names an account, asset or instrument nobody made known, or states terms that cannot be, is counted in DESK.unplaced;
one that is older than what is known already, in DESK.stale. Neither changes anything else.
"""

from typing import Final

import numpy as np

from veloz.contracts import codes, registry
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import ScopeKind
from veloz.reducers.balances import FUNDING, book, is_money, knows_asset
from veloz.reducers.bits import P_INVERSE, P_SPOT, R_ACCOUNT, R_SIDE, RM_ACCOUNT, RM_SIDE, part
from veloz.reducers.desk import BRACKETS_EACH
from veloz.reducers.places import NO_STRATEGY, SIDE_BOTH, find_position, knows_account, position_place
from veloz.reducers.scopes import scope_place
from veloz.reducers.state import State
from veloz.reducers.wide import mul_div
from veloz.reducers.words import ONE, TWO, ZERO, I
from veloz.reducers.worth import money_asset

PPM: Final = I(1_000_000)
LEVERAGE_MAX: Final = I((1 << 31) - 1)
_BRACKETS_EACH: Final = I(BRACKETS_EACH)
_STATUSES: Final = I(len(codes.TradingStatus))
_SCOPE_INSTRUMENT: Final = I(ScopeKind.INSTRUMENT)
_BEGINS: Final = ZERO  # phase of account.statement
_K_FILTERS, _K_BOUNDS, _K_STATUS = I(registry.FILTERS.number), I(registry.BOUNDS.number), I(registry.STATUS.number)


@kernel
def _refuse(state: State) -> None:
    state.desk[0]["unplaced"] += ONE


@kernel
def _is_ppm(value: I) -> bool:
    return bool(-PPM <= value <= PPM)


@cold
def state_position(state: State, row: np.void, instrument: I) -> None:
    """account.position: what the venue says is held, beside what our fills say. It moves nothing."""
    account, side = part(row["venue_seq"], R_ACCOUNT, RM_ACCOUNT), part(row["venue_seq"], R_SIDE, RM_SIDE)
    at = position_place(state, account, instrument, side, NO_STRATEGY)
    if at < ZERO:
        _refuse(state)
        return
    position = state.positions[at]
    at_ns = I(row["ref"])
    if ZERO < at_ns < position["stated_seq"]:
        state.desk[0]["stale"] += ONE
        return
    position["stated"] = ONE
    position["stated_qty"] = row["price"]
    position["stated_entry_e8"] = row["qty"]
    position["stated_unrealized_e8"] = row["aux"]
    position["stated_seq"] = max(I(position["stated_seq"]), at_ns)
    record = state.accounts[account]
    record["stated_seq"] = max(I(record["stated_seq"]), at_ns)


@kernel
def _note_funding(state: State, at: I, asset: I, amount: I) -> None:
    """Funding of a position beside it; in another asset than it is settled in, as a cost that is not in its sums."""
    position = state.positions[at]
    noted = I(position["funding"])
    if asset != money_asset(state, I(position["instrument"])):
        position["fees_more"] += ONE
    elif is_money(noted) and is_money(noted + amount):
        position["funding"] = noted + amount
    else:
        state.desk[0]["overflows"] += ONE


@cold
def _share_funding(state: State, own: I, asset: I, amount: I) -> None:
    """What strategies' shares of a position paid or received of its funding: amount · share ÷ position, rounded toward minus infinity. What
    rounding leaves, and all of a position that is closed by now, is nobody's.
    """
    position = state.positions[own]
    whole = I(position["qty"])
    at = I(state.terms[position["instrument"]]["positions_ix"])
    while at >= ZERO and whole != ZERO:
        share = state.positions[at]
        mine = share["account"] == position["account"] and share["side"] == position["side"]
        if mine and share["strategy"] != NO_STRATEGY and share["qty"] != ZERO:
            part_of = I(share["qty"]) if whole > ZERO else -I(share["qty"])
            paid, fits = mul_div(amount, part_of, abs(whole))
            if fits:
                _note_funding(state, at, asset, paid)
            else:
                state.desk[0]["overflows"] += ONE
        at = I(share["next_ix"])


@cold
def pay_funding(state: State, row: np.void, instrument: I) -> None:
    """account.funding: moves the balance, and is noted at the position, and its strategies' shares, where there is one."""
    account, side = part(row["venue_seq"], R_ACCOUNT, RM_ACCOUNT), part(row["venue_seq"], R_SIDE, RM_SIDE)
    amount, asset = I(row["price"]), I(row["qty"])
    if not book(state, account, asset, amount, FUNDING, I(row["ref"])):
        return
    at = find_position(state, account, instrument, side, NO_STRATEGY)
    if at >= ZERO:
        _note_funding(state, at, asset, amount)
        _share_funding(state, at, asset, amount)


@cold
def state_leverage(state: State, row: np.void, instrument: I) -> None:
    """account.leverage: of all sides of an instrument on an account; kept at its side BOTH. Isolated 2: not stated, as it was."""
    account, leverage, isolated, at_ns = I(row["venue_seq"]), I(row["price"]), I(row["qty"]), I(row["ref"])
    if not ZERO < leverage <= LEVERAGE_MAX or not ZERO <= isolated <= TWO:
        _refuse(state)
        return
    at = position_place(state, account, instrument, SIDE_BOTH, NO_STRATEGY)
    if at < ZERO:
        _refuse(state)
        return
    position = state.positions[at]
    if ZERO < at_ns < position["leverage_seq"]:
        state.desk[0]["stale"] += ONE
        return
    position["leverage"] = leverage
    if isolated <= ONE:
        position["isolated"] = isolated
    position["leverage_seq"] = max(I(position["leverage_seq"]), at_ns)


@cold
def state_fees(state: State, row: np.void, instrument: I) -> None:
    """account.fees: rates of an instrument, or of all without rates of their own."""
    account, maker, taker = I(row["venue_seq"]), I(row["price"]), I(row["qty"])
    if not knows_account(state, account) or not _is_ppm(maker) or not _is_ppm(taker):
        _refuse(state)
        return
    if instrument == ZERO:
        record = state.accounts[account]
        record["maker_ppm"] = maker
        record["taker_ppm"] = taker
        return
    at = position_place(state, account, instrument, SIDE_BOTH, NO_STRATEGY)
    if at < ZERO:
        _refuse(state)
        return
    position = state.positions[at]
    position["rated"] = ONE
    position["maker_ppm"] = maker
    position["taker_ppm"] = taker


@kernel
def _follows(state: State, instrument: I, tier: I, floor: I) -> bool:
    """Whether a tier is the next one of its instrument's list. Tier 0 always begins it."""
    if tier == ZERO:
        return bool(floor == ZERO)
    terms = state.terms[instrument]
    if tier != terms["brackets_n"] or tier >= _BRACKETS_EACH:
        return False
    return bool(state.brackets[terms["brackets_ix"] + tier - ONE]["floor"] < floor)


@cold
def state_bracket(state: State, row: np.void, instrument: I) -> None:
    """account.bracket: tiers come in order, floors rising from 0. The places of an instrument, `BRACKETS_EACH`, are taken once and used
    again by every later list, so a list stated anew needs no more room.
    """
    tier, floor, rate, cum, leverage = (
        I(row["venue_seq"]),
        I(row["price"]),
        I(row["qty"]),
        I(row["ref"]),
        I(row["aux"]),
    )
    fits = floor >= ZERO and is_money(floor) and cum >= ZERO and is_money(cum) and ZERO <= rate <= PPM
    if instrument == ZERO or not fits or not ZERO < leverage <= LEVERAGE_MAX:
        _refuse(state)
        return
    if tier < ZERO or not _follows(state, instrument, tier, floor):
        _refuse(state)
        return
    terms, desk = state.terms[instrument], state.desk[0]
    if terms["brackets_ix"] < ZERO:
        terms["brackets_ix"] = desk["brackets_used"]
        desk["brackets_used"] += _BRACKETS_EACH
    bracket = state.brackets[terms["brackets_ix"] + tier]
    bracket["floor"] = floor
    bracket["rate_ppm"] = rate
    bracket["cum"] = cum
    bracket["leverage"] = leverage
    terms["brackets_n"] = tier + ONE


@cold
def mark_statement(state: State, row: np.void, seq: I) -> None:
    """account.statement: at its beginning nothing is known to agree; at its end it does, unless a difference was recorded since."""
    account, phase = I(row["venue_seq"]), I(row["price"])
    if not knows_account(state, account) or not ZERO <= phase <= ONE:
        _refuse(state)
        return
    record = state.accounts[account]
    if phase == _BEGINS:
        record["clean"] = ZERO
        record["differences"] = ZERO
        return
    record["statement_seq"] = seq
    record["clean"] = ONE if record["differences"] == ZERO else ZERO


@cold
def call_margin(state: State, row: np.void, seq: I) -> None:
    """account.margin_call: a warning; counted."""
    account = part(row["venue_seq"], R_ACCOUNT, RM_ACCOUNT)
    if not knows_account(state, account):
        _refuse(state)
        return
    record = state.accounts[account]
    record["margin_calls"] += ONE
    record["margin_call_seq"] = seq


@kernel
def _pays(state: State, product: I, base: I, quote: I, settle: I) -> bool:
    """Whether a product of these assets can be traded: spot needs base and quote, contracts what they settle in. Others: known, or 0."""
    if not P_SPOT <= product <= P_INVERSE:
        return False
    has_base, has_quote = knows_asset(state, base), knows_asset(state, quote)
    has_settle = knows_asset(state, settle)
    if not (has_base or base == ZERO) or not (has_quote or quote == ZERO) or not (has_settle or settle == ZERO):
        return False
    if product == P_SPOT:
        return bool(has_base and has_quote and base != quote)
    return has_settle


@cold
def state_assets(state: State, row: np.void, instrument: I) -> None:
    """instrument.assets: how it pays. What orders or positions were counted in cannot be changed under them any more."""
    product, base, quote, settle = I(row["venue_seq"]), I(row["price"]), I(row["qty"]), I(row["ref"])
    if instrument == ZERO or not _pays(state, product, base, quote, settle):
        _refuse(state)
        return
    terms = state.terms[instrument]
    same = (
        terms["product"] == product and terms["base"] == base and terms["quote"] == quote and terms["settle"] == settle
    )
    if not same and terms["product"] != ZERO and (terms["positions_ix"] >= ZERO or terms["orders_ix"] >= ZERO):
        _refuse(state)
        return
    terms["product"] = product
    terms["base"] = base
    terms["quote"] = quote
    terms["settle"] = settle
    state.desk[0]["pairings"] += ONE
    scope_place(state, _SCOPE_INSTRUMENT, instrument)


@cold
def state_terms(state: State, kind: I, row: np.void, instrument: I) -> None:
    """instrument.filters, bounds, status: the venue's limits on orders as they stand from here on. Any below 0 are refused."""
    one, two, three, four, five = I(row["venue_seq"]), I(row["price"]), I(row["qty"]), I(row["ref"]), I(row["aux"])
    if instrument == ZERO:
        _refuse(state)
        return
    terms = state.terms[instrument]
    if kind == _K_STATUS:
        if not ZERO <= one < _STATUSES:
            _refuse(state)
            return
        terms["status"] = one
        return
    if min(min(one, two), min(min(three, four), five)) < ZERO:
        _refuse(state)
    elif kind == _K_FILTERS:
        terms["qty_min"] = one
        terms["qty_max"] = two
        terms["notional_min"] = three
        terms["up_ppm"] = four
        terms["down_ppm"] = five
    elif kind == _K_BOUNDS:
        terms["price_min"] = one
        terms["price_max"] = two
        terms["market_qty_min"] = three
        terms["market_qty_max"] = four
        terms["market_lot"] = five
