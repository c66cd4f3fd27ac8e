"""Other scales in the middle of everything: exact when finer, rounded down when coarser, never a wrong book."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_book, assert_equal
from tests.reducers.feed import Feed
from tests.reducers.streams import Venue, streams
from veloz.contracts.layout import ROW
from veloz.reducers.fold import fold
from veloz.reducers.limits import PRICE_MAX, QTY_MAX
from veloz.reducers.state import new_state, state_hash
from veloz.reducers.view import bars, last_record, top

scales = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2), st.integers(0, 3), st.integers(0, 3)), max_size=4)


def changing_rows(stream: list[tuple], changes: list[tuple[int, int, int, int]], *, coarser: bool) -> np.ndarray:
    """A stream with changes of scale at some steps. Without `coarser` scales only gain decimals."""
    venue, now = Venue(), [[2, 3], [2, 3], [2, 3]]
    for at, step in enumerate(stream):
        for place, k, price, qty in changes:
            if place == at:
                old = now[k]
                now[k] = [price, qty] if coarser else [old[0] + price % 2, old[1] + qty % 2]
                venue.state(k + 1, *now[k], venue.markets[k], 2)
                venue.mids[k] = max(100, int(venue.mids[k] * 10.0 ** (now[k][0] - old[0])))
        venue.take(step)
    return np.array(venue.rows, ROW)


@given(streams, scales)
def test_finer_scales_are_exact_everywhere(stream: list[tuple], changes: list[tuple[int, int, int, int]]) -> None:
    stream = [(*step[:2], [(a, o, min(q, 10**12), j) for a, o, q, j in step[2]], *step[3:]) for step in stream]
    rows = changing_rows(stream, changes, coarser=False)
    big = rows["kind"] < 9
    for word in ("price", "qty", "ref", "aux"):
        rows[word] = np.where(big & (rows["kind"] != 3) & (rows[word] > 2**61), 7, rows[word])
    twin = NaiveMarkets()
    twin.fold(rows)
    assert_equal(fold(new_state(), rows, 1), twin)


@given(streams, scales)
def test_coarser_scales_round_the_book_down(stream: list[tuple], changes: list[tuple[int, int, int, int]]) -> None:
    rows = changing_rows(stream, changes, coarser=True)
    twin = NaiveMarkets()
    twin.fold(rows)
    state = fold(new_state(), rows, 1)
    for number, market in twin.markets.items():
        assert_book(state, number, market)
    one_by_one = new_state()
    for k in range(len(rows)):
        one_by_one = fold(one_by_one, rows[k : k + 1], k + 1)
    assert state_hash(one_by_one) == state_hash(state)


def changed(feed: Feed, price_scale: int, qty_scale: int) -> Feed:
    feed.rows.append((33, 1, 128, 1, 10, 0, price_scale | qty_scale << 8 | 1 << 16, 1, 1, 10**8, 2))
    return feed


def test_levels_that_fall_on_one_price_are_added_up() -> None:
    feed = changed(Feed().snapshot(1, (109, 15), (101, 10), (99, 9), (-115, 1000)), 1, 2)
    assert top(feed.fold(), 1, 9) == (True, [(10, 2)], [(11, 100)], 1)


def test_a_diff_goes_on_at_the_new_scale() -> None:
    feed = changed(Feed().snapshot(1, (109, 15), (-115, 7)), 4, 3).diff(2, 2, (10_955, 3), (-11_500, 0))
    assert top(feed.fold(), 1, 9) == (True, [(10_955, 3), (10_900, 15)], [], 2)


def test_held_diffs_are_rescaled() -> None:
    feed = changed(Feed().diff(5, 6, (109, 15)), 3, 4).snapshot(4, (1, 1))
    assert top(feed.fold(), 1, 9).bids == [(1090, 150), (1, 1)]


@pytest.mark.parametrize(("price", "qty"), [(PRICE_MAX, 1), (5, QTY_MAX)])
def test_a_book_that_no_longer_fits_waits_for_a_snapshot(price: int, qty: int) -> None:
    feed = changed(Feed().snapshot(1, (price, qty), (-115, 7)), 3, 4)
    assert feed.state() == "BROKEN"
    assert changed(Feed().diff(5, 6, (price, qty)), 3, 4).snapshot(4, (1, 1)).state() == "BROKEN"


def test_a_last_trade_that_no_longer_fits_stays_the_greatest() -> None:
    feed = Feed()
    feed.rows.append((1, 1, 0, 1, 10, 9, 1, PRICE_MAX, 2**31, 5, 0))
    state = changed(feed, 3, 4)
    rows = np.array(state.rows, ROW)
    ended = fold(new_state(), rows, 1)
    trade = last_record(ended, "trades", 1)
    assert trade is not None
    assert (trade["price"], trade["qty"]) == (PRICE_MAX, 10 * 2**31)
    assert bars(ended, 1, 10**9)[0].volume == 10 * 2**31
