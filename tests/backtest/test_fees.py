"""Fees against exact fractions, and an exchange made larger while it works."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.stage import INSTRUMENT, Stage, ask, bid, bought, market, rules
from veloz.backtest.exchange import new_venue
from veloz.backtest.fees import fee_asset, fee_of
from veloz.backtest.machine import NO_ROOM, OUTSIDE, Venue
from veloz.backtest.making import lengthen, widen
from veloz.backtest.rules import FeeIn
from veloz.contracts.codes import Product
from veloz.contracts.kernel import entry
from veloz.reducers.words import I


@entry
def charged(venue: Venue, price: I, qty: I, sign: I, ppm: I) -> I:
    return fee_of(venue.markets[0], price, qty, sign, ppm, I(0))


@entry
def charged_in(venue: Venue, sign: I) -> I:
    return fee_asset(venue.markets[0], sign, I(0))


@given(
    st.sampled_from([Product.LINEAR, Product.INVERSE, Product.SPOT]), st.integers(0, 8), st.integers(0, 8), st.integers(0, 18),
    st.integers(1, 2**30), st.integers(1, 2**40), st.integers(-1000, 1000), st.sampled_from([10**8, 10**10, 25 * 10**6]),
    st.sampled_from([1, -1]), st.booleans(),
)  # fmt: skip
def test_a_fee_is_its_rate_of_the_value_rounded_up(
    product: Product, price_scale: int, qty_scale: int, scale: int, price: int, qty: int, ppm: int, multiplier_e8: int, sign: int,
    received: bool,
) -> None:  # fmt: skip
    multiplier_e8 = 10**8 if product is Product.SPOT else multiplier_e8
    traded = market(
        product=product, price_scale=price_scale, qty_scale=qty_scale, multiplier_e8=multiplier_e8, money_scale=scale, base=7,
        base_scale=scale, fee_in=FeeIn.RECEIVED if received and product is Product.SPOT else FeeIn.MONEY,
    )  # fmt: skip
    venue = new_venue([traded], rules())
    at, size = Fraction(price, 10**price_scale), Fraction(qty, 10**qty_scale) * Fraction(multiplier_e8, 10**8)
    value = size / at if product is Product.INVERSE else at * size
    in_base = received and product is Product.SPOT and sign > 0
    expected = math.ceil((size if in_base else value) * Fraction(ppm, 10**6) * 10**scale)
    if abs(expected) < 1 << 61:
        assert charged(venue, I(price), I(qty), I(sign), I(ppm)) == expected
    assert charged_in(venue, I(sign)) == (7 if in_base else 1)


def test_a_wire_that_is_full_is_made_longer_and_nothing_is_lost() -> None:
    rows = [bid(100, 1000, 5), ask(100, 1001, 5), bought(5000, 1090, 99)]
    stage = Stage(rows, rules(messages=16))
    plenty = Stage(rows, rules())
    for each in (stage, plenty):
        for key in range(1, 13):
            each.ask(1000 + key, key, "sell", 3, 1010 + key)
    stops = 0
    for _ in range(9):
        stage.run(9000)
        if stage.signal[0] != NO_ROOM:
            break
        stops += 1
        stage.venue = lengthen(stage.venue)
    plenty.run(9000)
    assert stops
    assert stage.reports() == plenty.reports()


def test_a_price_that_leaves_its_ladder_finds_a_wider_one() -> None:
    stage = Stage([bid(100, 1000, 5), ask(100, 1001, 5), ask(200, 1099, 4), bid(300, 1150, 6), bid(400, 1150, 0)])
    stage.run(9000)
    assert (stage.signal[0], stage.at) == (OUTSIDE, 3)
    stage.venue = widen(stage.venue, INSTRUMENT, 800, 1300)
    stage.run(350)
    bids, asks = stage.venue.sides
    assert (bids["best"], asks["best"]) == (1150, -(2**61))
    stage.run(9000)
    assert bids["best"] == 1000
    assert stage.venue.levels[asks["base"] - 1099] == 4
    assert np.flatnonzero(stage.venue.levels[bids["base"] + bids["lo"] : bids["base"] + bids["hi"] + 1]).tolist() == [
        200
    ]
