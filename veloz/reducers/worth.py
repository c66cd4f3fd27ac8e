"""What a quantity at a price is worth: in inner units, exact, and in money of the asset an instrument pays in.

Inner units: spot and linear, price quanta times quantity quanta; inverse, 10**-18 of the settlement coin, where the value of a fill is
cut toward zero. Sums of inner units are exact; money is read from them, rounded toward minus infinity, so that no profit is
shown too high.
"""

from typing import Final

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import P_INVERSE, P_SPOT
from veloz.reducers.state import State
from veloz.reducers.wide import WORD_MAX, divide, fits, is_word, negate, product, scale_tens, times, to_word
from veloz.reducers.words import ONE, ZERO, I

COIN_PLACES: Final = I(18)  # inner units of inverse instruments are 10**-18 coin
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
def _coin_value(state: State, instrument: I, price: I, qty: I, finer: I) -> tuple[I, I, bool]:
    """For a price in 10**-finer quanta."""
    known = state.instruments[instrument]
    if price <= ZERO:
        return ZERO, ZERO, False
    hi, lo = product(qty, known["multiplier_e8"])
    hi, lo, ok = scale_tens(hi, lo, known["price_scale"] + finer - known["qty_scale"] + COIN_PLACES - _EIGHT)
    hi, lo, _ = divide(hi, lo, price)
    return hi, lo, ok


@kernel
def fill_value(state: State, instrument: I, price: I, qty: I) -> tuple[I, I, bool]:
    """Value of 0 <= qty <= WORD_MAX at 0 <= price <= WORD_MAX in inner units, and whether it fits."""
    if state.terms[instrument]["product"] == P_INVERSE:
        return _coin_value(state, instrument, price, qty, ZERO)
    hi, lo = product(price, qty)
    return hi, lo, True


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
def money_words(state: State, instrument: I, hi: I, lo: I, finer: I) -> tuple[I, I, bool]:
    """Money of `money_asset` in two words for 10**-finer of inner units, rounded toward minus infinity, and whether it fits."""
    known = state.instruments[instrument]
    scale = state.assets[money_asset(state, instrument)]["scale"]
    if state.terms[instrument]["product"] == P_INVERSE:
        return scale_tens(hi, lo, scale - COIN_PLACES - finer)
    places = scale - known["price_scale"] - known["qty_scale"] - finer
    if known["multiplier_e8"] == _E8:
        return scale_tens(hi, lo, places)
    return _scaled_by(hi, lo, known["multiplier_e8"], places)


@kernel
def to_money_at(state: State, instrument: I, hi: I, lo: I, finer: I) -> tuple[I, bool]:
    """The same as one number, and whether it is within `MONEY_MAX`."""
    hi, lo, ok = money_words(state, instrument, hi, lo, finer)
    if not ok or not is_word(hi):
        return ZERO, False
    money = to_word(hi, lo)
    return money, bool(-MONEY_MAX <= money <= MONEY_MAX)


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


@cold
def value_at(state: State, instrument: I, mark: I, places: I, qty: I) -> tuple[I, I, I, bool]:
    """Value of 0 <= qty <= WORD_MAX at a mark above 0 that has `places` decimals (prices.py): two words, how much finer than inner units
    they are, in decimals, and whether it fits.
    """
    finer = places - I(state.instruments[instrument]["price_scale"])
    if state.terms[instrument]["product"] == P_INVERSE:
        hi, lo, ok = _coin_value(state, instrument, mark, qty, finer)
        return hi, lo, ZERO, ok
    hi, lo = product(mark, qty)
    return hi, lo, finer, fits(hi)


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
