"""The synchronisation of books by example: every way a book is won and lost."""

import numpy as np
import pytest

from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_equal
from tests.reducers.feed import SPOT, USDM, Feed
from veloz.contracts.layout import FIRST, LAST, ROW
from veloz.reducers.fold import fold
from veloz.reducers.limits import HELD_FIRST, HELD_MAX
from veloz.reducers.state import dump_state, load_state, new_state
from veloz.reducers.view import is_synced, top


def test_no_book_without_a_snapshot() -> None:
    feed = Feed().diff(1, 5, (100, 1)).diff(6, 7, (-101, 2))
    assert feed.state() == "EMPTY"
    assert top(feed.fold(), 1, 5) == (False, [], [], 0)


def test_a_newer_diff_survives_a_snapshot() -> None:
    feed = (
        Feed()
        .diff(1, 5, (100, 1))
        .diff(6, 9, (100, 7), (-103, 4))
        .diff(10, 10, (99, 3))
        .snapshot(7, (98, 1), (-105, 2))
    )
    assert top(feed.fold(), 1, 5) == (True, [(100, 7), (99, 3), (98, 1)], [(103, 4), (105, 2)], 10)


@pytest.mark.parametrize(
    ("market", "first", "last", "prev", "state"),
    [
        (SPOT, 101, 105, 0, "SYNCED"), (SPOT, 90, 105, 0, "SYNCED"), (SPOT, 90, 100, 0, "LOADED"), (SPOT, 102, 105, 0, "BROKEN"),
        (USDM, 99, 105, 50, "SYNCED"), (USDM, 100, 105, 50, "SYNCED"), (USDM, 101, 105, 100, "SYNCED"), (USDM, 200, 205, 100, "SYNCED"),
        (USDM, 90, 100, 80, "SYNCED"), (USDM, 90, 99, 80, "LOADED"), (USDM, 101, 105, 99, "BROKEN"), (USDM, 101, 105, 101, "BROKEN"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [True, False])
def test_the_first_diff_after_a_snapshot(
    market: int, first: int, last: int, prev: int, state: str, before: bool
) -> None:
    feed = Feed(market)
    if before:
        feed.diff(first, last, (100, 1), prev=prev).snapshot(100, (90, 1))
    else:
        feed.snapshot(100, (90, 1)).diff(first, last, (100, 1), prev=prev)
    assert feed.state() == state


@pytest.mark.parametrize(
    ("market", "first", "last", "prev", "state"),
    [
        (SPOT, 111, 112, 0, "SYNCED"), (SPOT, 112, 113, 0, "BROKEN"), (SPOT, 110, 112, 0, "BROKEN"), (SPOT, 100, 110, 0, "SYNCED"),
        (USDM, 111, 112, 110, "SYNCED"), (USDM, 500, 512, 110, "SYNCED"), (USDM, 111, 112, 109, "BROKEN"), (USDM, 90, 110, 1, "SYNCED"),
    ],
)  # fmt: skip
def test_the_diffs_after_that(market: int, first: int, last: int, prev: int, state: str) -> None:
    feed = Feed(market).snapshot(100, (90, 1)).diff(101, 110, (91, 2), prev=100).diff(first, last, (100, 1), prev=prev)
    assert feed.state() == state
    stale = last <= 110
    assert top(feed.fold(), 1, 1).bids == ([] if state == "BROKEN" else [(91, 2)] if stale else [(100, 1)])


def test_after_a_gap_diffs_wait_for_the_next_snapshot() -> None:
    feed = Feed().snapshot(10, (90, 1)).diff(11, 12, (91, 1)).diff(15, 16, (92, 1)).diff(17, 18, (93, 1))
    assert feed.state() == "BROKEN"
    feed.snapshot(16, (50, 5))
    assert top(feed.fold(), 1, 9) == (True, [(93, 1), (50, 5)], [], 18)
    assert feed.fold().slots[0]["gaps"] == 1


def test_a_snapshot_that_does_not_bridge_leaves_no_book() -> None:
    feed = Feed().diff(20, 21, (92, 1)).snapshot(10, (90, 1))
    assert feed.state() == "BROKEN"
    feed.diff(22, 23, (93, 1)).snapshot(20, (80, 2))
    assert top(feed.fold(), 1, 9) == (True, [(93, 1), (92, 1), (80, 2)], [], 23)


def test_an_older_snapshot_does_not_touch_a_living_book() -> None:
    feed = Feed().snapshot(10, (90, 1)).diff(11, 12, (91, 1)).snapshot(11, (50, 5))
    assert top(feed.fold(), 1, 9) == (True, [(91, 1), (90, 1)], [], 12)
    feed.snapshot(12, (50, 5))
    assert top(feed.fold(), 1, 9) == (True, [(50, 5)], [], 12)
    assert feed.diff(13, 13, (51, 1)).state() == "SYNCED"


def test_partial_depth_does_not_touch_the_book() -> None:
    feed = Feed().snapshot(10, (90, 1))
    feed.rows.append((9, 1, FIRST | LAST, 1, 10, 9, 50, 95, 7, 0, 0))
    assert top(feed.fold(), 1, 9) == (True, [(90, 1)], [], 10)


@pytest.mark.parametrize("size", [1, 40, 600])
def test_what_is_held_back_is_bounded(size: int) -> None:
    """Whole messages are lost, oldest first; a snapshot older than what is left does not bridge, a newer one does."""
    feed, messages = Feed(), HELD_MAX // size + 50
    for k in range(messages):
        feed.diff(k + 1, k + 1, *((1000 + j, k + 1) for j in range(size)))
    rows = np.array(feed.rows, ROW)
    state = fold(new_state(), rows, 1)
    slot = state.slots[0]
    kept = HELD_MAX // size
    assert slot["held_n"] == kept * size > HELD_MAX - size
    assert slot["lost_messages"] == messages - kept
    assert slot["lost_rows"] == (messages - kept) * size
    first_kept, kept_state = messages - kept + 1, dump_state(state)
    for last, synced in ((first_kept - 2, False), (first_kept - 1, True), (messages + 5, True)):
        again = Feed().snapshot(last, (5, 5)).rows[1:]
        ended = fold(load_state(kept_state), np.array(again, ROW), len(rows) + 1)
        assert is_synced(ended, 1) == synced
        assert top(ended, 1, 1).bids == (
            [] if not synced else [(999 + size, messages)] if last < messages else [(5, 5)]
        )


def test_a_message_longer_than_all_room_is_lost_whole() -> None:
    feed = Feed().diff(1, 1, (7, 7)).diff(2, 2, *((1000 + j, 1) for j in range(HELD_MAX + 5))).diff(3, 3, (9, 9))
    rows, twin = np.array(feed.rows, ROW), NaiveMarkets()
    state = fold(new_state(), rows, 1)
    twin.fold(rows)
    assert_equal(state, twin)
    assert (state.slots[0]["lost_messages"], state.slots[0]["held_n"]) == (2, 1)


def test_room_for_held_rows_grows_by_need() -> None:
    small = Feed().diff(1, 1, (7, 7)).fold()
    assert small.slots[0]["held_room"] == HELD_FIRST
