"""What a quantity at a price is worth: in inner units, exact, and in money of the asset an instrument pays in.

Inner units: 10**-18 of the quote or settlement asset, finer where price and quantity quanta together have more decimals; the multiplier
of linear contracts is not in them. The value of a spot or linear fill is exact, that of an inverse one is cut toward zero. Sums of
inner units are exact; money is read from them, rounded toward minus infinity, so that no profit is shown too high.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import P_INVERSE, P_SPOT
from veloz.reducers.state import State
from veloz.reducers.wide import TENS, WORD_MAX, divide, fits, is_word, negate, product, scale_tens, times, to_word
from veloz.reducers.words import ONE, ZERO, I

COIN_PLACES: Final = I(18)  # decimals of inner units; of spot and linear ones at least: inner_places
MONEY_MAX: Final = I((1 << 61) - 1)  # money of one position, so that two of them can be added
_E8: Final = I(10**8)
_EIGHT: Final = I(8)
_TEN: Final = I(10)


@kernel
def money_asset(state: State, instrument: I) -> I:
    """The asset in which a position gains and loses: quote (spot) or settlement asset."""
    terms = state.terms[instrument]
    return I(terms["quote"]) if terms["product"] == P_SPOT else I(terms["settle"])


@cold
def _coin_value(price: I, qty: I, multiplier_e8: I, places: I) -> tuple[I, I, bool]:
    """qty · multiplier_e8 · 10**places ÷ price, cut."""
    if price <= ZERO:
        return ZERO, ZERO, False
    hi, lo = product(qty, multiplier_e8)
    hi, lo, ok = scale_tens(hi, lo, places)
    hi, lo, _ = divide(hi, lo, price)
    return hi, lo, ok


@kernel
def _coin_places(known: np.void) -> I:
    """Power of ten between quantity · multiplier_e8 ÷ price, in quanta, and 10**-18 coin."""
    return I(known["price_scale"]) - I(known["qty_scale"]) + COIN_PLACES - _EIGHT


@kernel
def inner_places(known: np.void) -> I:
    """Decimals of the inner units of a spot or linear instrument (a record of State.instruments)."""
    return max(I(known["price_scale"]) + I(known["qty_scale"]), COIN_PLACES)


@kernel
def _finer_by(known: np.void) -> I:
    """Decimals that inner units have beyond price quanta times quantity quanta."""
    return inner_places(known) - I(known["price_scale"]) - I(known["qty_scale"])


@kernel
def fill_value(state: State, instrument: I, price: I, qty: I) -> tuple[I, I, bool]:
    """Value of 0 <= qty <= WORD_MAX at 0 <= price <= WORD_MAX in inner units, and whether it fits."""
    known = state.instruments[instrument]
    if state.terms[instrument]["product"] == P_INVERSE:
        return _coin_value(price, qty, I(known["multiplier_e8"]), _coin_places(known))
    hi, lo = product(price, qty)
    return scale_tens(hi, lo, _finer_by(known))


@cold
def _scaled_by(hi: I, lo: I, multiplier_e8: I, places: I) -> tuple[I, I, bool]:
    places -= _EIGHT
    while multiplier_e8 % _TEN == ZERO and multiplier_e8 > ZERO:
        multiplier_e8 = multiplier_e8 // _TEN
        places += ONE
    hi, lo, ok = times(hi, lo, multiplier_e8)
    if ok:
        hi, lo, ok = scale_tens(hi, lo, places)
    return hi, lo, ok


@cold
def _money_words(hi: I, lo: I, multiplier_e8: I, places: I) -> tuple[I, bool]:
    """10**places of a number, times the multiplier, as one word of money; and whether it is within `MONEY_MAX`."""
    if multiplier_e8 == _E8:
        hi, lo, ok = scale_tens(hi, lo, places)
    else:
        hi, lo, ok = _scaled_by(hi, lo, multiplier_e8, places)
    if not ok or not is_word(hi):
        return ZERO, False
    money = to_word(hi, lo)
    return money, bool(-MONEY_MAX <= money <= MONEY_MAX)


@kernel
def to_money_at(state: State, instrument: I, hi: I, lo: I, finer: I) -> tuple[I, bool]:
    """Money of `money_asset` for 10**-finer of inner units, rounded toward minus infinity, and whether it is within `MONEY_MAX`."""
    scale = I(state.assets[money_asset(state, instrument)]["scale"]) - finer
    if state.terms[instrument]["product"] == P_INVERSE:
        return _money_words(hi, lo, _E8, scale - COIN_PLACES)
    known = state.instruments[instrument]
    return _money_words(hi, lo, I(known["multiplier_e8"]), scale - inner_places(known))


@kernel
def to_money_up(state: State, instrument: I, hi: I, lo: I, finer: I) -> tuple[I, bool]:
    """The same, rounded toward plus infinity."""
    hi, lo = negate(hi, lo)
    money, ok = to_money_at(state, instrument, hi, lo, finer)
    return -money, ok


@kernel
def to_money(state: State, instrument: I, hi: I, lo: I) -> tuple[I, bool]:
    """Money of inner units themselves, rounded toward minus infinity."""
    return to_money_at(state, instrument, hi, lo, ZERO)


@kernel
def value_at(state: State, instrument: I, mark: I, places: I, qty: I) -> tuple[I, I, I, bool]:
    """Value of 0 <= qty <= WORD_MAX at a mark above 0 that has `places` decimals (prices.py): two words, how much finer than inner units
    they are, in decimals, and whether it fits.
    """
    known = state.instruments[instrument]
    finer = places - I(known["price_scale"])
    if state.terms[instrument]["product"] == P_INVERSE:
        hi, lo, ok = _coin_value(mark, qty, I(known["multiplier_e8"]), _coin_places(known) + finer)
        return hi, lo, ZERO, ok
    hi, lo = product(mark, qty)
    hi, lo, ok = scale_tens(hi, lo, _finer_by(known))
    return hi, lo, finer, bool(ok and fits(hi))


@kernel
def money_at(state: State, instrument: I, mark: I, places: I, qty: I) -> tuple[I, bool]:
    """Money of 0 <= qty <= WORD_MAX at a mark, rounded up, and whether it can be told: `to_money_up` of `value_at`.

    Where price times quantity is one word, their way through inner units, up and down again, is one division.
    """
    known, terms = state.instruments[instrument], state.terms[instrument]
    if terms["product"] != P_INVERSE and known["multiplier_e8"] == _E8:
        hi, lo = product(mark, qty)
        less = places + known["qty_scale"] - state.assets[money_asset(state, instrument)]["scale"]
        if hi == ZERO and lo <= MONEY_MAX and ZERO <= less < TENS.shape[0]:
            return lo // TENS[less] + I(lo % TENS[less] != ZERO), True
    hi, lo, finer, ok = value_at(state, instrument, mark, places, qty)
    money, fine = to_money_up(state, instrument, hi, lo, finer)
    return money, bool(ok and fine)


@kernel
def base_money(state: State, instrument: I, qty: I) -> tuple[I, bool]:
    """Money of the base asset that a spot quantity (0 or more) is, exactly; False: its scale is too coarse for that, or it is too much."""
    places = state.assets[state.terms[instrument]["base"]]["scale"] - state.instruments[instrument]["qty_scale"]
    if places < ZERO:
        return ZERO, False
    hi, lo, ok = scale_tens(ZERO, qty, places)
    if not ok or hi != ZERO or lo > WORD_MAX >> ONE:
        return ZERO, False
    return lo, True
