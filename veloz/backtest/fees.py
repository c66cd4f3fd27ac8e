"""What an execution costs: a rate, in millionths, of its value or of what it brings in.

Rounded toward plus infinity at the scale of the asset it is paid in: a fee is never shown too low, nor a rebate too high.
"""

from typing import Final

import numpy as np

from veloz.backtest.rules import FeeIn
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import P_INVERSE
from veloz.reducers.wide import divide, is_word, negate, product, scale_tens, times, to_word
from veloz.reducers.words import ONE, ZERO, I

_RECEIVED: Final = I(FeeIn.RECEIVED)


@kernel
def _up(hi: I, lo: I, divisor: I, places: I, sign: I) -> I:
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
def fee_asset(market: np.void, sign: I) -> I:
    """The asset in which an execution of a buy (sign 1) or sell (-1) is charged."""
    return I(market["base"]) if _is_received(market, sign) else I(market["money"])


@cold
def fee_of(market: np.void, price: I, qty: I, sign: I, ppm: I) -> I:
    """The fee of an execution in money of `fee_asset`; below 0: a rebate."""
    if ppm == ZERO:
        return ZERO
    charged = ONE if ppm > ZERO else -ONE
    if _is_received(market, sign):
        hi, lo = product(qty, abs(ppm))
        return _up(hi, lo, ONE, I(market["base_places"]), charged)
    if market["product"] == P_INVERSE:
        hi, lo = product(qty, I(market["multiplier"]))
        hi, lo, ok = times(hi, lo, abs(ppm))
        return _up(hi, lo, max(price, ONE), I(market["places"]), charged) if ok else ZERO
    hi, lo = product(price, qty)
    hi, lo, ok = times(hi, lo, I(market["multiplier"]))
    hi, lo, fits = times(hi, lo, abs(ppm))
    return _up(hi, lo, ONE, I(market["places"]), charged) if ok and fits else ZERO
