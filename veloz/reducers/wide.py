"""Signed numbers in two words: value = hi · 2**62 + lo with 0 <= lo < 2**62, as in `sums.py`, here with a sign in hi.

Values lie within ±2**122 (`fits`), so that sums of a few never leave the words; what could be greater says so (`ok` False) and is never
wrapped. Numbers of one word take short ways: they are nearly all there is. Divisors are above 0. Rounding is named: `floor` is toward
minus infinity, `cut` toward zero, `up` toward plus infinity.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.book import highest_bit
from veloz.reducers.sums import LIMB_BITS, multiply
from veloz.reducers.words import ONE, ZERO, I

WORD_MAX: Final = I((1 << 62) - 1)  # magnitudes of one word
_LIMB, _LIMB_MASK = I(LIMB_BITS), I((1 << LIMB_BITS) - 1)
_TOP: Final = I(LIMB_BITS - 1)
_HALF, _HALF_MASK = I(31), I((1 << 31) - 1)
_SHORT: Final = np.float64(1 << 61)  # far enough below a word that rounding cannot reach one
_HI_MAX: Final = I(1 << 60)
_MINUS: Final = I(-1)
_TENS_MAX: Final = I(18)
_TEN: Final = I(10)
TENS: Final = np.array([10**n for n in range(19)], np.int64)


def split(value: int) -> tuple[int, int]:
    """The two words of a number of either sign within ±2**122."""
    assert abs(value) <= 1 << 122, value
    return value >> LIMB_BITS, value & ((1 << LIMB_BITS) - 1)


@kernel
def fits(hi: I) -> bool:
    """Whether a number with this high word may be kept."""
    return bool(-_HI_MAX < hi < _HI_MAX)


@kernel
def is_word(hi: I) -> bool:
    """Whether a number with this high word is one word: -2**62 … 2**62 - 1."""
    return bool(_MINUS <= hi <= ZERO)


@kernel
def to_word(hi: I, lo: I) -> I:
    """A number that is one word, as it."""
    return lo if hi == ZERO else lo - WORD_MAX - ONE


@kernel
def from_word(value: I) -> tuple[I, I]:
    """Two words of one."""
    return value >> _LIMB, value & _LIMB_MASK


@kernel
def add(hi: I, lo: I, more_hi: I, more_lo: I) -> tuple[I, I]:
    """The sum of two numbers that fit."""
    low = lo + more_lo
    return hi + more_hi + (low >> _LIMB), low & _LIMB_MASK


@kernel
def negate(hi: I, lo: I) -> tuple[I, I]:
    """The number with the other sign."""
    if lo == ZERO:
        return -hi, ZERO
    return -hi - ONE, WORD_MAX + ONE - lo


@kernel
def subtract(hi: I, lo: I, less_hi: I, less_lo: I) -> tuple[I, I]:
    """The difference of two numbers that fit."""
    low = lo - less_lo
    return hi - less_hi + (low >> _LIMB), low & _LIMB_MASK


@kernel
def magnitude(hi: I, lo: I) -> tuple[I, I]:
    """The number without its sign."""
    return (hi, lo) if hi >= ZERO else negate(hi, lo)


@kernel
def is_less(hi: I, lo: I, than_hi: I, than_lo: I) -> bool:
    """Whether the first number is below the second."""
    return bool(hi < than_hi or (hi == than_hi and lo < than_lo))


@cold
def _product_slow(left: I, right: I) -> tuple[I, I]:
    hi, lo = multiply(abs(left), abs(right))
    if (left < ZERO) != (right < ZERO):
        return negate(hi, lo)
    return hi, lo


@kernel
def _is_short(left: I, right: I) -> bool:
    """Whether left · right is surely one word. The float only decides which way is taken."""
    return bool(abs(np.float64(left) * np.float64(right)) < _SHORT)


@kernel
def product(left: I, right: I) -> tuple[I, I]:
    """left · right, magnitudes up to 2**62 - 1."""
    if _is_short(left, right):
        return from_word(left * right)
    return _product_slow(left, right)


@cold
def _times_slow(hi: I, lo: I, factor: I) -> tuple[I, I, bool]:
    over, above = multiply(hi, factor)
    high, low = multiply(lo, factor)
    if over != ZERO or above >= _HI_MAX or high + above >= _HI_MAX:
        return ZERO, ZERO, False
    return high + above, low, True


@kernel
def times(hi: I, lo: I, factor: I) -> tuple[I, I, bool]:
    """The number, which fits, times a factor from 0 up to 2**62 - 1; and whether the result fits."""
    if is_word(hi):
        value = to_word(hi, lo)
        if _is_short(value, factor):
            high, low = from_word(value * factor)
            return high, low, True
    size_hi, size_lo = magnitude(hi, lo)
    high, low, ok = _times_slow(size_hi, size_lo, factor)
    if hi < ZERO:
        high, low = negate(high, low)
    return high, low, ok


@kernel
def _digit(rest: I, next_half: I, top: I, bottom: I) -> tuple[I, I]:
    """One digit of long division in base 2**31, and what is left. The divisor (top · 2**31 + bottom) has its bit 61 set; rest < divisor."""
    digit = min(rest // top, _HALF_MASK)
    left = rest - digit * top
    while left <= _HALF_MASK and digit * bottom > (left << _HALF) + next_half:
        digit -= ONE
        left += top
    return digit, (left << _HALF) + next_half - digit * bottom


@cold
def _divide_slow(hi: I, lo: I, divisor: I) -> tuple[I, I, I]:
    above, rest = (ZERO, hi) if ZERO <= hi < divisor else (hi // divisor, hi % divisor)  # a division takes time
    shift = _TOP - highest_bit(divisor)
    divisor = divisor << shift
    if shift > ZERO:
        rest = (rest << shift) | (lo >> (_LIMB - shift))
        lo = (lo << shift) & _LIMB_MASK
    top, bottom = divisor >> _HALF, divisor & _HALF_MASK
    first, rest = _digit(rest, lo >> _HALF, top, bottom)
    second, rest = _digit(rest, lo & _HALF_MASK, top, bottom)
    return above, (first << _HALF) | second, rest >> shift


@kernel
def divide(hi: I, lo: I, divisor: I) -> tuple[I, I, I]:
    """The number divided by 1 … 2**62 - 1, rounded toward minus infinity, and the remainder, 0 … divisor - 1."""
    if is_word(hi):
        value = to_word(hi, lo)
        high, low = from_word(value // divisor)
        return high, low, value % divisor
    return _divide_slow(hi, lo, divisor)


@kernel
def divide_cut(hi: I, lo: I, divisor: I) -> tuple[I, I]:
    """The number divided by 1 … 2**62 - 1, rounded toward zero."""
    high, low, rest = divide(hi, lo, divisor)
    if hi < ZERO and rest != ZERO:
        return add(high, low, ZERO, ONE)
    return high, low


@kernel
def divide_up(hi: I, lo: I, divisor: I) -> tuple[I, I]:
    """The number divided by 1 … 2**62 - 1, rounded toward plus infinity."""
    high, low, rest = divide(hi, lo, divisor)
    if rest != ZERO:
        return add(high, low, ZERO, ONE)
    return high, low


@cold
def share(hi: I, lo: I, part: I, of: I) -> tuple[I, I]:
    """number · part ÷ of, rounded toward minus infinity, for 0 <= part <= of: never more than the number, so it fits."""
    if part == of:
        return hi, lo
    each_hi, each_lo, rest = divide(hi, lo, of)
    whole_hi, whole_lo, _ = times(each_hi, each_lo, part)
    over_hi, over_lo = product(rest, part)
    over_hi, over_lo, _ = divide(over_hi, over_lo, of)
    return add(whole_hi, whole_lo, over_hi, over_lo)


@cold
def scale_tens(hi: I, lo: I, places: I) -> tuple[I, I, bool]:
    """The number times 10**places, or divided by 10**-places and rounded toward minus infinity; |places| <= 72. And whether it fits."""
    ok = True
    while places > ZERO and ok:
        step = min(places, _TENS_MAX)
        hi, lo, ok = times(hi, lo, TENS[step])
        places -= step
    while places < ZERO:
        step = min(-places, _TENS_MAX)
        hi, lo, _ = divide(hi, lo, TENS[step])
        places += step
    return hi, lo, ok


@kernel
def bounded_sum(left: I, right: I) -> I:
    """left + right of numbers within ±WORD_MAX, held within it."""
    return min(max(left + right, -WORD_MAX), WORD_MAX)


@kernel
def mul_div(left: I, right: I, divisor: I) -> tuple[I, bool]:
    """left · right ÷ divisor rounded toward minus infinity, and whether it is one word. Magnitudes up to 2**62 - 1, divisor above 0."""
    hi, lo = product(left, right)
    hi, lo, _ = divide(hi, lo, divisor)
    return to_word(hi, lo) if is_word(hi) else ZERO, is_word(hi)


@kernel
def mul_div_up(left: I, right: I, divisor: I) -> tuple[I, bool]:
    """The same, rounded toward plus infinity."""
    hi, lo = product(left, right)
    hi, lo = divide_up(hi, lo, divisor)
    return to_word(hi, lo) if is_word(hi) else ZERO, is_word(hi)


@kernel
def mul_div_cut(left: I, right: I, divisor: I) -> tuple[I, bool]:
    """The same, rounded toward zero."""
    hi, lo = product(left, right)
    hi, lo = divide_cut(hi, lo, divisor)
    return to_word(hi, lo) if is_word(hi) else ZERO, is_word(hi)
