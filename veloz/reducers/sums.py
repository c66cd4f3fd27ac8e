"""Sums and products beyond 63 bits, in two words: value = hi · 2**62 + lo with 0 <= lo < 2**62.

62 bits instead of 64, so that no intermediate result leaves an int64: the same source gives the same numbers compiled and
not, and nothing wraps. Sums hold values below 2**125.
"""

from typing import Final

from veloz.contracts.kernel import kernel
from veloz.reducers.words import I

LIMB_BITS: Final = 62
_LIMB, _LIMB_MASK = I(LIMB_BITS), I((1 << LIMB_BITS) - 1)
_HALF, _HALF_MASK = I(31), I((1 << 31) - 1)


def whole(hi: int, lo: int) -> int:
    """The number two words stand for."""
    return (int(hi) << LIMB_BITS) + int(lo)


def halves(value: int) -> tuple[int, int]:
    """The two words of a number from 0 up to 2**125 - 1."""
    assert 0 <= value < 1 << 125, value
    return value >> LIMB_BITS, value & ((1 << LIMB_BITS) - 1)


@kernel
def add_hi(hi: I, lo: I, value: I) -> I:
    """High word of (hi, lo) + value, for a value from 0 up to 2**63 - 1."""
    return hi + (value >> _LIMB) + ((lo + (value & _LIMB_MASK)) >> _LIMB)


@kernel
def add_lo(lo: I, value: I) -> I:
    """Low word of the same."""
    return (lo + (value & _LIMB_MASK)) & _LIMB_MASK


@kernel
def multiply(left: I, right: I) -> tuple[I, I]:
    """left · right in two words, for left below 2**62 and right below 2**63, neither negative."""
    left_hi, left_lo = left >> _HALF, left & _HALF_MASK
    right_hi, right_lo = right >> _HALF, right & _HALF_MASK
    hi = left_hi * right_hi
    cross = left_hi * right_lo
    lo = left_lo * right_lo + ((cross & _HALF_MASK) << _HALF)
    hi += (cross >> _HALF) + (lo >> _LIMB)
    lo &= _LIMB_MASK
    cross = left_lo * right_hi
    lo += (cross & _HALF_MASK) << _HALF
    hi += (cross >> _HALF) + (lo >> _LIMB)
    return hi, lo & _LIMB_MASK
