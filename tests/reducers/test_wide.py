"""Signed numbers in two words against Python's whole numbers."""

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from veloz.reducers import wide
from veloz.reducers.sums import whole

I = np.int64  # noqa: E741
WORD = 2**62 - 1
FITS = 2**122 - 1


def _edges(limit: int) -> st.SearchStrategy[int]:
    """Numbers of every length up to a limit, as likely short as long, and the ones where words begin."""
    lengths = st.integers(1, limit.bit_length()).flatmap(lambda bits: st.integers(0, min(limit, 2**bits - 1)))
    corners = [0, 1, 2**31 - 1, 2**31, 2**61, 2**62 - 1, 2**62, 2**62 + 1, 2**93, 2**121, limit]
    return st.one_of(lengths, st.sampled_from([each for each in corners if each <= limit]))


def signed(limit: int) -> st.SearchStrategy[int]:
    return st.tuples(_edges(limit), st.sampled_from([1, -1])).map(lambda pair: pair[0] * pair[1])


def two(value: int) -> tuple[I, I]:
    hi, lo = wide.split(value)
    return I(hi), I(lo)


@given(signed(2**121), signed(2**121))
def test_sums_and_order(left: int, right: int) -> None:
    assert whole(*wide.add(*two(left), *two(right))) == left + right
    assert whole(*wide.subtract(*two(left), *two(right))) == left - right
    assert whole(*wide.negate(*two(left))) == -left
    assert whole(*wide.magnitude(*two(left))) == abs(left)
    assert bool(wide.is_less(*two(left), *two(right))) == (left < right)


@given(signed(WORD), signed(WORD))
@example(WORD, -WORD)
@example(-(2**31 - 1), 2**31)
def test_products(left: int, right: int) -> None:
    assert whole(*wide.product(I(left), I(right))) == left * right
    assert whole(*wide.from_word(I(left))) == left


@given(signed(FITS), _edges(WORD))
@example(2**121, 2)
@example(-(2**61), 2**61)
def test_products_say_when_they_are_too_great(value: int, factor: int) -> None:
    hi, lo, ok = wide.times(*two(value), I(factor))
    assert bool(ok) == (abs(value * factor) < 2**122)
    assert not ok or whole(hi, lo) == value * factor


@given(signed(FITS), _edges(WORD).filter(bool))
@example(-1, WORD)
@example(-FITS, WORD)
@example(FITS, 2**61)
@example(FITS, 2**61 + 2**31 - 1)
@example(-(2**62), 1)
def test_quotients(value: int, divisor: int) -> None:
    hi, lo, rest = wide.divide(*two(value), I(divisor))
    assert (whole(hi, lo), int(rest)) == divmod(value, divisor)
    assert whole(*wide.divide_cut(*two(value), I(divisor))) == math.trunc(abs(value) // divisor) * (
        -1 if value < 0 else 1
    )
    assert whole(*wide.divide_up(*two(value), I(divisor))) == -(-value // divisor)


@given(signed(FITS), _edges(WORD).filter(bool), st.data())
def test_shares(value: int, of: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, of) | st.sampled_from([0, 1, of - 1, of]))
    assert whole(*wide.share(*two(value), I(part), I(of))) == value * part // of


@given(signed(FITS), st.integers(-72, 40))
def test_powers_of_ten(value: int, places: int) -> None:
    hi, lo, ok = wide.scale_tens(*two(value), I(places))
    exact = value * 10**places if places >= 0 else value // 10**-places
    assert bool(ok) == (abs(exact) < 2**122)
    assert not ok or whole(hi, lo) == exact


@given(signed(WORD), signed(WORD), _edges(WORD).filter(bool))
def test_products_over_a_divisor(left: int, right: int, divisor: int) -> None:
    floor = left * right // divisor
    up = -(-left * right // divisor)
    cut = up if left * right < 0 else floor
    for function, exact in ((wide.mul_div, floor), (wide.mul_div_up, up), (wide.mul_div_cut, cut)):
        value, ok = function(I(left), I(right), I(divisor))
        assert bool(ok) == (-(2**62) <= exact < 2**62)
        assert not ok or int(value) == exact
