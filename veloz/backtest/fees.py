"""What an execution costs: a rate, in millionths, of its value or of what it brings in.

Rounded toward plus infinity at the scale of the asset it is paid in: a fee is never shown too low, nor a rebate too high.
"""

import numpy as np

from veloz.backtest.machine import NOBODY, Venue
from veloz.backtest.rules import FeeIn
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import P_INVERSE
from veloz.reducers.wide import divide, is_word, negate, product, scale_tens, times, to_word
from veloz.reducers.words import ONE, ZERO, I

_RECEIVED, _THIRD = I(FeeIn.RECEIVED), I(FeeIn.THIRD)


@kernel
def rounded_up(hi: I, lo: I, divisor: I, places: I, sign: I) -> I:
    """sign · number · 10**places ÷ divisor, rounded toward plus infinity; 0 where it is too much for a word."""
    hi, lo, ok = scale_tens(hi, lo, max(places, ZERO))
    if sign > ZERO:
        hi, lo = negate(hi, lo)
    hi, lo, _ = divide(hi, lo, divisor)
    hi, lo, _ = scale_tens(hi, lo, min(places, ZERO))
    return -to_word(hi, lo) if ok and is_word(hi) else ZERO


@kernel
def _is_received(market: np.void, sign: I) -> bool:
    return bool(market["fee_in"] == _RECEIVED and sign > ZERO)


@kernel
def third_price(venue: Venue, market: np.void) -> I:
    """What the third asset that fees are paid in is worth now; 0: there is none, or nobody knows, and they are paid as without it."""
    if market["fee_in"] != _THIRD:
        return ZERO
    return I(market["third_rate"] if market["third_ix"] == NOBODY else venue.markets[market["third_ix"]]["last"])


@kernel
def fee_asset(market: np.void, sign: I, third: I) -> I:
    """The asset in which an execution of a buy (sign 1) or sell (-1) is charged."""
    if third > ZERO:
        return I(market["third"])
    return I(market["base"]) if _is_received(market, sign) else I(market["money"])


@cold
def fee_of(market: np.void, price: I, qty: I, sign: I, ppm: I, third: I) -> I:
    """The fee of an execution in money of `fee_asset`; below 0: a rebate. `third`: `third_price`."""
    if ppm == ZERO:
        return ZERO
    charged = ONE if ppm > ZERO else -ONE
    if _is_received(market, sign):
        hi, lo = product(qty, abs(ppm))
        return rounded_up(hi, lo, ONE, I(market["base_places"]), charged)
    if market["product"] == P_INVERSE:
        hi, lo = product(qty, I(market["multiplier"]))
        hi, lo, ok = times(hi, lo, abs(ppm))
        return rounded_up(hi, lo, max(price, ONE), I(market["places"]), charged) if ok else ZERO
    hi, lo = product(price, qty)
    hi, lo, ok = times(hi, lo, I(market["multiplier"]))
    hi, lo, fits = times(hi, lo, abs(ppm))
    places = market["third_places"] if third > ZERO else market["places"]
    return rounded_up(hi, lo, max(third, ONE), I(places), charged) if ok and fits else ZERO
