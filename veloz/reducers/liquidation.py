"""Maintenance margin by tiers, and an estimate of the price at which a venue would liquidate a position of contracts.

After Binance's own formulas (UM and CM; one-way, hedge, cross and isolated). With W the wallet, less maintenance margins and plus
unrealized pnl of all other cross positions of the account in that asset, rates and cums of the tiers that hold at that price:

    linear    P = (W + Σ cum - Σ cost) ÷ Σ (|Q| · rate - Q)           Q signed quantity, cost = Q · entry price
    inverse   P = Σ (Q + |Q| · rate) · size ÷ (W + Σ cum + Σ cost)    cost = Q · size ÷ entry price, in coin

over the one position, or over LONG and SHORT of a cross hedge, which share one price. Rounded against the holder: up for a long, down for
a short. An isolated wallet is not stated by any row, so it is taken for entry value ÷ leverage. 0: there is no such price, or it is
not known (no tiers, or numbers too great).
"""

from typing import Final

from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import PositionSide
from veloz.reducers.bits import P_INVERSE
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.places import NO_STRATEGY, NOWHERE, SIDE_BOTH, find_position
from veloz.reducers.state import State
from veloz.reducers.wide import (
    WORD_MAX,
    add,
    bounded_sum,
    divide,
    divide_up,
    from_word,
    is_word,
    magnitude,
    negate,
    product,
    scale_tens,
    subtract,
    times,
    to_word,
)  # fmt: skip
from veloz.reducers.words import ONE, TWO, ZERO, I
from veloz.reducers.worth import COIN_PLACES, inner_places, money_asset, to_money_at, to_money_up, value_at

_PPM: Final = I(1_000_000)
_PPM_PLACES: Final = I(6)
_E8: Final = I(10**8)
_EIGHT: Final = I(8)
_TEN: Final = I(10)
_ASSETS_MAX: Final = I(ASSETS_MAX)
_LONG, _SHORT = I(PositionSide.LONG), I(PositionSide.SHORT)
_QTY_MAX: Final = I(1 << 40)  # times 2 · 10**6, twice, stays a word


@kernel
def tier_of(state: State, instrument: I, notional: I) -> I:
    """Place of the tier of a notional (settlement money; inverse: coin) in `brackets`; -1: the instrument has none."""
    terms = state.terms[instrument]
    found = NOWHERE
    for k in range(I(terms["brackets_n"])):
        if state.brackets[terms["brackets_ix"] + k]["floor"] > notional:
            break
        found = I(terms["brackets_ix"] + k)
    return found


@kernel
def terms_of(state: State, account: I, instrument: I) -> tuple[I, I]:
    """Leverage of an instrument on an account (1 where none is stated, the dearest there is), and 1 where its margin is isolated."""
    at = find_position(state, account, instrument, SIDE_BOTH, NO_STRATEGY)
    if at < ZERO:
        return ONE, ZERO
    return max(ONE, I(state.positions[at]["leverage"])), I(state.positions[at]["isolated"])


@cold
def initial_margin(state: State, instrument: I, hi: I, lo: I, finer: I, leverage: I) -> tuple[I, bool]:
    """Value (worth.value_at) ÷ leverage as money, rounded up."""
    hi, lo = divide_up(hi, lo, leverage)
    return to_money_up(state, instrument, hi, lo, finer)


@cold
def maintenance_margin(state: State, instrument: I, hi: I, lo: I, finer: I, notional: I) -> tuple[I, bool]:
    """Value · rate - cum of the tier that holds the notional, as money, rounded up; 0 without tiers."""
    tier = tier_of(state, instrument, notional)
    if tier < ZERO:
        return ZERO, True
    hi, lo, ok = times(hi, lo, state.brackets[tier]["rate_ppm"])
    if not ok:
        return ZERO, False
    money, ok = to_money_up(state, instrument, hi, lo, finer + _PPM_PLACES)
    return max(ZERO, money - I(state.brackets[tier]["cum"])), ok


@kernel
def isolated_wallet(state: State, at: I, leverage: I) -> I:
    """Entry value of a position ÷ leverage, rounded down: what is taken for its own margin."""
    position = state.positions[at]
    hi, lo = magnitude(position["cost_hi"], position["cost_lo"])
    hi, lo, _ = divide(hi, lo, leverage)
    money, _ = to_money_at(state, position["instrument"], hi, lo, ZERO)
    return money


@kernel
def _scaled(hi: I, lo: I, places: I, up: bool) -> tuple[I, I, bool]:
    """A number of 0 or more times 10**places, rounded up or down."""
    if not up:
        return scale_tens(hi, lo, places)
    hi, lo = negate(hi, lo)
    hi, lo, ok = scale_tens(hi, lo, places)
    hi, lo = negate(hi, lo)
    return hi, lo, ok


@kernel
def _quotient(hi: I, lo: I, divisor: I, up: bool) -> tuple[I, I]:
    if up:
        return divide_up(hi, lo, divisor)
    hi, lo, _ = divide(hi, lo, divisor)
    return hi, lo


@cold
def _linear_price(state: State, instrument: I, places: I, wallet: I, hi: I, lo: I, slope: I) -> I:
    """(wallet - cost) ÷ slope for cost (hi, lo) in inner units and slope in millionths of quantity quanta."""
    known = state.instruments[instrument]
    scale = state.assets[money_asset(state, instrument)]["scale"]
    inner = inner_places(known)
    sized = known["multiplier_e8"] != _E8
    extra = _EIGHT if sized else ZERO
    common = max(inner + extra, scale)
    hi, lo, ok = scale_tens(hi, lo, common - inner - extra)
    if ok and sized:
        hi, lo, ok = times(hi, lo, known["multiplier_e8"])
    if not ok or slope == ZERO:
        return ZERO
    top_hi, top_lo = from_word(wallet)
    top_hi, top_lo, ok = scale_tens(top_hi, top_lo, common - scale)
    hi, lo = subtract(top_hi, top_lo, hi, lo)
    up = bool(slope < ZERO)
    if up:
        hi, lo = negate(hi, lo)
    if not ok or hi < ZERO:
        return ZERO
    hi, lo, ok = _scaled(hi, lo, places + _PPM_PLACES + known["qty_scale"] + extra - common, up)
    if not ok:
        return ZERO
    hi, lo = _quotient(hi, lo, abs(slope), up)
    if sized:
        hi, lo = _quotient(hi, lo, known["multiplier_e8"], up)
    return to_word(hi, lo) if is_word(hi) else ZERO


@cold
def _inverse_price(state: State, instrument: I, places: I, wallet: I, hi: I, lo: I, slope: I) -> I:
    """slope · size ÷ (wallet + cost), the same."""
    known = state.instruments[instrument]
    scale = state.assets[money_asset(state, instrument)]["scale"]
    own_hi, own_lo = from_word(wallet)
    own_hi, own_lo, ok = scale_tens(own_hi, own_lo, COIN_PLACES - scale)
    hi, lo = add(hi, lo, own_hi, own_lo)
    up = bool(slope > ZERO)
    if not ok or slope == ZERO or (hi < ZERO) == up or (hi == ZERO and lo == ZERO):
        return ZERO
    shift = places - known["qty_scale"] + COIN_PLACES - _EIGHT - _PPM_PLACES
    while not is_word(hi):
        hi, lo, _ = divide(hi, lo, _TEN)  # toward minus infinity: a smaller divisor of a long, a greater one of a short
        shift -= ONE
    below = abs(to_word(hi, lo))
    hi, lo = product(abs(slope), known["multiplier_e8"])
    hi, lo, ok = _scaled(hi, lo, shift, up)
    if not ok or below == ZERO or below > WORD_MAX:
        return ZERO
    hi, lo = _quotient(hi, lo, below, up)
    return to_word(hi, lo) if is_word(hi) else ZERO


@kernel
def _tier_at(state: State, at: I, mark: I, places: I) -> I:
    """The tier that holds a position's notional at a price; -1 where there is none."""
    position = state.positions[at]
    hi, lo, finer, ok = value_at(state, position["instrument"], mark, places, abs(position["qty"]))
    notional, fine = to_money_at(state, position["instrument"], hi, lo, finer)
    return tier_of(state, position["instrument"], notional) if ok and fine else NOWHERE


@kernel
def _slope_of(state: State, at: I, tier: I) -> I:
    """Q + |Q| · rate of inverse instruments, |Q| · rate - Q of others, in millionths."""
    position = state.positions[at]
    qty = I(position["qty"])
    kept = abs(qty) * state.brackets[tier]["rate_ppm"]
    if state.terms[position["instrument"]]["product"] == P_INVERSE:
        return I(qty * _PPM + kept)
    return I(kept - qty * _PPM)


@kernel
def _partner_of(state: State, at: I, isolated: I) -> I:
    """The other side of a cross hedge that is open too; -1: there is none."""
    position = state.positions[at]
    if isolated != ZERO or position["side"] == SIDE_BOTH:
        return NOWHERE
    other = _SHORT if position["side"] == _LONG else _LONG
    found = find_position(state, position["account"], position["instrument"], other, NO_STRATEGY)
    if found >= ZERO and state.positions[found]["qty"] == ZERO:
        return NOWHERE
    return found


@cold
def _price_with(state: State, at: I, other: I, tier: I, other_tier: I, places: I, wallet: I) -> I:
    """The price for given tiers."""
    position = state.positions[at]
    instrument = I(position["instrument"])
    hi, lo, slope = I(position["cost_hi"]), I(position["cost_lo"]), _slope_of(state, at, tier)
    wallet = bounded_sum(wallet, I(state.brackets[tier]["cum"]))
    if other >= ZERO:
        hi, lo = add(hi, lo, state.positions[other]["cost_hi"], state.positions[other]["cost_lo"])
        slope += _slope_of(state, other, other_tier)
        wallet = bounded_sum(wallet, I(state.brackets[other_tier]["cum"]))
    if state.terms[instrument]["product"] == P_INVERSE:
        return _inverse_price(state, instrument, places, wallet, hi, lo, slope)
    return _linear_price(state, instrument, places, wallet, hi, lo, slope)


@kernel
def _wallet_for(state: State, at: I, other: I, isolated: I, leverage: I) -> I:
    """W of the formulas."""
    position = state.positions[at]
    if isolated != ZERO:
        return isolated_wallet(state, at, leverage)
    balance = state.balances[position["account"] * _ASSETS_MAX + money_asset(state, position["instrument"])]
    wallet = bounded_sum(I(balance["total"]), -I(balance["apart"]))
    others = bounded_sum(I(balance["unrealized"]), -I(balance["maintenance"]))
    others = bounded_sum(others, -bounded_sum(I(balance["apart_unrealized"]), -I(balance["apart_maintenance"])))
    others = bounded_sum(others, -bounded_sum(I(position["unrealized"]), -I(position["maintenance"])))
    if other >= ZERO:
        theirs = state.positions[other]
        others = bounded_sum(others, -bounded_sum(I(theirs["unrealized"]), -I(theirs["maintenance"])))
    return bounded_sum(wallet, others)


@cold
def liquidation_price(state: State, at: I, places: I) -> I:
    """Price (with `places` decimals) at which a position of contracts would be liquidated; 0: none, or not known. Everything of its account
    is settled.
    """
    position = state.positions[at]
    instrument = I(position["instrument"])
    if position["qty"] == ZERO or position["mark"] <= ZERO or state.terms[instrument]["brackets_n"] == ZERO:
        return ZERO
    leverage, isolated = terms_of(state, I(position["account"]), instrument)
    other = _partner_of(state, at, isolated)
    if abs(position["qty"]) > _QTY_MAX or (other >= ZERO and abs(state.positions[other]["qty"]) > _QTY_MAX):
        return ZERO
    wallet = _wallet_for(state, at, other, isolated, leverage)
    price = I(position["mark"])
    tier, other_tier = NOWHERE, NOWHERE
    for _ in range(I(state.terms[instrument]["brackets_n"]) + TWO):
        next_tier = _tier_at(state, at, price, places)
        next_other = _tier_at(state, other, price, places) if other >= ZERO else NOWHERE
        if next_tier < ZERO or (other >= ZERO and next_other < ZERO):
            return ZERO
        if next_tier == tier and next_other == other_tier:
            break
        tier, other_tier = next_tier, next_other
        price = _price_with(state, at, other, tier, other_tier, places, wallet)
        if price <= ZERO:
            return ZERO
    return price
