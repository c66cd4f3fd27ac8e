"""Readers of a state: aggregation, merged books, latency bins, the score."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.reducers.compare import bin_of
from tests.reducers.streams import rows_of, streams
from veloz.contracts.layout import ROW
from veloz.reducers.feeds import latency_bin
from veloz.reducers.fold import fold
from veloz.reducers.health import bin_edge_ns, depth_near, health, score
from veloz.reducers.limits import LATENCY_BINS, LATENCY_SIDE
from veloz.reducers.state import new_state, state_hash
from veloz.reducers.view import aggregate, best, is_synced, merged, top


@given(streams, st.integers(1, 5000), st.integers(0, 4))
def test_aggregation_keeps_every_lot(stream: list[tuple], step: int, levels: int) -> None:
    state = fold(new_state(), rows_of(stream), 1)
    for number in (1, 2, 3):
        full, steps = top(state, number, 0), aggregate(state, number, step, 0)
        for side, gathered, up in ((full.bids, steps.bids, False), (full.asks, steps.asks, True)):
            wanted: dict[int, int] = {}
            for price, qty in side:
                at = -(-price // step) * step if up else price // step * step
                wanted[at] = wanted.get(at, 0) + qty
            assert gathered == sorted(wanted.items(), reverse=not up)
        assert aggregate(state, number, step, levels).bids == (steps.bids[:levels] if levels else steps.bids)


@given(streams)
def test_a_merged_book_is_the_sum_of_its_books(stream: list[tuple]) -> None:
    rows = rows_of(stream)
    finer = rows["kind"] == 32
    rows["venue_seq"][finer] += np.arange(3)  # price scales 2, 3 and 4
    state = fold(new_state(), rows, 1)
    book = merged(state, [1, 2, 3], 0)
    there = [number for number in (1, 2, 3) if is_synced(state, number)]
    assert book.missing == [number for number in (1, 2, 3) if number not in there]
    wanted: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for number in there:
        factor = 10 ** (book.price_scale - int(state.instruments[number]["price_scale"]))
        for side, levels in zip(wanted, top(state, number, 0)[1:3], strict=True):
            for price, qty in levels:
                side[price * factor] = side.get(price * factor, 0) + qty
    assert book.bids == sorted(wanted[0].items(), reverse=True)
    assert book.asks == sorted(wanted[1].items())


@given(st.integers(-(2**62), 2**62))
def test_a_latency_lies_in_its_bin(latency: int) -> None:
    found = int(latency_bin(np.int64(latency)))
    assert 0 <= found < LATENCY_BINS
    assert (found >= LATENCY_SIDE) == (latency >= 0)
    assert bin_edge_ns(found) == bin_of(latency)[1]


def test_reading_changes_nothing() -> None:
    state = fold(new_state(), rows_of([("diff", 0, [(0, 0, 1, 0)], 0, "", 0), ("trade", 0, [], 0, "", 0)]), 1)
    before = state_hash(state)
    for number in (0, 1, 2, 9, 10**9):
        (
            top(state, number, 3),
            best(state, number),
            health(state, number),
            score(state, number),
            depth_near(state, number, 5),
        )
    assert state_hash(state) == before


def test_the_score_falls_as_a_feed_falls_silent() -> None:
    rows = rows_of([("snapshot", 0, [(0, 0, 1, 0), (1, 0, 1, 0)], 0, "", 0), ("diff", 0, [], 0, "", 10**6)])
    state = fold(new_state(), rows, 1)
    assert score(state, 1) == 100
    later = rows[-1:].copy()
    later["instrument"] = 2
    for seconds, wanted in ((1, 85), (5, 70)):
        later["ts_recv"] = rows[-1]["ts_recv"] + seconds * 10**9
        assert score(fold(fold(new_state(), rows, 1), later, 9), 1) == wanted
    assert score(new_state(), 1) == 0
    assert rows.dtype == ROW
