"""Levels in windows and outside them: walks of the price, wide gaps, tables that fill up, all against a plain dict."""

import random

import numpy as np
import pytest

from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_book
from tests.reducers.feed import Feed
from veloz.contracts.layout import ROW
from veloz.reducers.fold import fold
from veloz.reducers.limits import FAR_FIRST, WINDOW_FIRST, WINDOW_MAX
from veloz.reducers.state import State, new_state, state_hash
from veloz.reducers.windows import width_of


def folded(feed: Feed, every: int = 997) -> State:
    """A feed folded in pieces, compared with its twin after each."""
    rows, state, twin = np.array(feed.rows, ROW), new_state(), NaiveMarkets()
    for at in range(0, len(rows), every):
        state = fold(state, rows[at : at + every], at + 1)
        twin.fold(rows[at : at + every])
        for number, market in twin.markets.items():
            assert_book(state, number, market)
    assert state_hash(state) == state_hash(fold(new_state(), rows, 1))
    return state


@pytest.mark.parametrize("step", [50, 3_000, 200_000])
def test_a_walking_price_moves_its_window(step: int) -> None:
    rng, feed, price = random.Random(step), Feed().snapshot(1, (10**7, 1), (-(10**7) - 9, 1)), 10**7
    for k in range(2, 1500):
        price = max(1000, price + rng.randint(-step, step))
        levels = [(price - rng.randrange(90), rng.randrange(3)), (-price - 9 - rng.randrange(90), rng.randrange(3))]
        feed.diff(k, k, *levels)
    folded(feed)


@pytest.mark.parametrize("bids", [1, -1])
def test_many_far_levels_widen_the_window_and_then_the_table(bids: int) -> None:
    rng, feed, middle = random.Random(bids), Feed().snapshot(1, (10**8, 5), (-(10**8) - 1, 5)), 10**8
    prices = [middle - bids * rng.randrange(WINDOW_FIRST, 3 * WINDOW_MAX) for _ in range(3 * FAR_FIRST)]
    for k in range(2, 4000):
        feed.diff(k, k, (bids * rng.choice(prices), rng.choice((0, 1, 2, 3))))
    state = folded(feed)
    side = 0 if bids > 0 else 1
    assert width_of(state, side) == WINDOW_MAX
    assert width_of(state, 1 - side) == WINDOW_FIRST
    assert state.sides[side]["far_room"] > FAR_FIRST


def test_wide_gaps_below_the_best() -> None:
    feed = Feed().snapshot(1, (10**6, 1), (10**6 - WINDOW_FIRST // 2, 1), (5, 1))
    for k in range(2, 600):
        feed.diff(k, k, (10**6, k % 2))
    folded(feed, 7)


def test_a_side_that_empties_and_returns_elsewhere() -> None:
    feed = Feed().snapshot(1, (100, 1))
    feed.diff(2, 2, (100, 0)).diff(3, 3, (10**9, 2)).diff(4, 4, (10**9, 0)).diff(5, 5, (3, 1), (2, 1)).diff(
        6, 6, (-7, 1)
    )
    folded(feed, 1)


def test_the_best_level_is_followed_out_of_the_window() -> None:
    """Everything in the window goes; the best is then the best of the far ones."""
    far = [10**6 - WINDOW_FIRST * k for k in range(1, 20)]
    feed = Feed().snapshot(1, (10**6, 1), *((price, 1) for price in far))
    for k, price in enumerate([10**6, *far], start=2):
        feed.diff(k, k, (price, 0))
    folded(feed, 1)
