"""What is open, valued: the mark of an instrument; notional, unrealized pnl, margin and costs of a position."""

from typing import Final

from veloz.contracts.kernel import cold
from veloz.reducers.bits import P_INVERSE, P_SPOT
from veloz.reducers.liquidation import initial_margin, maintenance_margin, terms_of
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.prices import KEPT_PRICE, UNPRICED, mark_places, mark_price
from veloz.reducers.rates import to_worth, to_worth_up
from veloz.reducers.state import State
from veloz.reducers.wide import TENS, bounded_sum, negate, subtract, times
from veloz.reducers.words import ZERO, I
from veloz.reducers.worth import money_asset, to_money_at, to_money_up, value_at

_PLACES_MAX: Final = I(18)


@cold
def mark_instrument(state: State, instrument: I, now: I) -> I:
    """Price an instrument anew, or keep what it had; which it is."""
    terms = state.terms[instrument]
    places = mark_places(state, instrument)
    mark, source = mark_price(state, instrument)
    if source == UNPRICED and (terms["mark"] == ZERO or terms["mark_places"] != places):
        terms["mark"] = ZERO
        terms["reference"] = ZERO
        terms["reference_source"] = UNPRICED
        return UNPRICED
    if source == UNPRICED:
        terms["reference_source"] = KEPT_PRICE
        return KEPT_PRICE
    terms["mark"] = mark
    terms["mark_places"] = places
    terms["reference"] = mark // TENS[min(places - I(state.instruments[instrument]["price_scale"]), _PLACES_MAX)]
    terms["reference_source"] = source
    terms["reference_ns"] = now
    return source


@cold
def value_position(state: State, at: I, mark: I, places: I) -> bool:
    """Notional, unrealized pnl and margin of an open position, in money; False: they cannot be told."""
    position = state.positions[at]
    instrument = I(position["instrument"])
    hi, lo, finer, ok = value_at(state, instrument, mark, places, abs(position["qty"]))
    notional, fine = to_money_up(state, instrument, hi, lo, finer)
    if not ok or not fine:
        return False
    product = state.terms[instrument]["product"]
    initial, maintenance = ZERO, ZERO
    if product != P_SPOT and position["strategy"] == NO_STRATEGY:
        leverage, _ = terms_of(state, I(position["account"]), instrument)
        initial, ok = initial_margin(state, instrument, hi, lo, finer, leverage)
        maintenance, fine = maintenance_margin(state, instrument, hi, lo, finer, notional)
        if not ok or not fine:
            return False
    if position["qty"] < ZERO:
        hi, lo = negate(hi, lo)
    cost_hi, cost_lo, ok = times(position["cost_hi"], position["cost_lo"], TENS[finer])
    hi, lo = subtract(hi, lo, cost_hi, cost_lo)
    if product == P_INVERSE:
        hi, lo = negate(hi, lo)
    unrealized, fine = to_money_at(state, instrument, hi, lo, finer)
    if not ok or not fine:
        return False
    position["notional"] = notional
    position["unrealized"] = unrealized
    position["initial"] = initial
    position["maintenance"] = maintenance
    return True


@cold
def costs_of(state: State, at: I) -> tuple[I, I]:
    """Funding less fees of a position in the reporting asset, and how many pieces of it are not in it."""
    position = state.positions[at]
    instrument = I(position["instrument"])
    asset, base, other = (
        money_asset(state, instrument),
        I(state.terms[instrument]["base"]),
        I(position["fees_other_asset"]),
    )
    missing = I(position["fees_more"])
    funded, ok = to_worth(state, asset, I(position["funding"]))
    missing += I(not ok)
    paid, ok = to_worth_up(state, asset, I(position["fees"]))
    missing += I(not ok)
    total = bounded_sum(funded, -paid)
    if position["fees_base"] != ZERO:
        paid, ok = to_worth_up(state, base, I(position["fees_base"]))
        missing += I(not ok)
        total = bounded_sum(total, -paid)
    if position["fees_other"] != ZERO:
        paid, ok = to_worth_up(state, other, I(position["fees_other"]))
        missing += I(not ok)
        total = bounded_sum(total, -paid)
    return total, missing
