"""Sums and products in two words against Python's whole numbers."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from veloz.reducers.book import find_below, highest_bit
from veloz.reducers.sums import add_hi, add_lo, halves, multiply, whole
from veloz.reducers.words import NONE

I = np.int64  # noqa: E741


@given(st.integers(0, 2**62 - 1), st.integers(0, 2**63 - 1))
@example(2**62 - 1, 2**63 - 1)
@example(2**31 - 1, 2**63 - 1)
def test_products(left: int, right: int) -> None:
    assert whole(*multiply(I(left), I(right))) == left * right


@given(st.integers(0, 2**124), st.integers(0, 2**63 - 1))
@example(2**62 - 1, 1)
@example(2**62 - 1, 2**63 - 1)
def test_sums(total: int, value: int) -> None:
    hi, lo = (I(half) for half in halves(total))
    assert whole(add_hi(hi, lo, I(value)), add_lo(lo, I(value))) == total + value


@given(st.integers(-(2**63), 2**63 - 1).filter(bool))
@example(-1)
@example(2**63 - 1)
@example(2**53 + 1)
def test_highest_bit(word: int) -> None:
    assert highest_bit(I(word)) == (word & (2**64 - 1)).bit_length() - 1


@given(st.lists(st.integers(0, 639), max_size=8), st.integers(0, 639), st.integers(0, 1))
def test_find_below(keys: list[int], key: int, skip: int) -> None:
    bits = np.zeros(10, np.int64)
    for each in keys:
        bits[each // 64] |= I(1) << I(each % 64)
    lower = [each for each in keys if each <= key - skip]
    found = int(find_below(bits, I(5), I(key - 5), I(-5), I(skip)))
    assert found == (max(lower) - 5 if lower else NONE)
