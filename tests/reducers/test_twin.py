"""The compiled reducers against the plain twin: any stream, cut anywhere, saved and loaded anywhere."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_equal
from tests.reducers.streams import bars, rows_of, streams
from veloz.reducers.fold import fold
from veloz.reducers.state import State, dump_state, load_state, new_state, state_hash


def fold_in_pieces(rows: np.ndarray, cuts: list[int], *, reload: bool = False) -> State:
    """Fold `rows` cut at these places."""
    state = new_state()
    places = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    for start, end in itertools.pairwise(places):
        state = fold(state, rows[start:end], start + 1)
        if reload:
            state = load_state(dump_state(state))
    return state


@given(streams)
def test_every_number_equals_the_twins(stream: list[tuple]) -> None:
    rows = rows_of(stream)
    twin = NaiveMarkets()
    twin.fold(rows)
    assert_equal(fold(new_state(), rows, 1), twin)


@given(bars, st.lists(st.integers(0, 150), max_size=4))
def test_stated_bars_equal_the_twins_however_they_come(stream: list[tuple], cuts: list[int]) -> None:
    rows = rows_of(stream)
    twin = NaiveMarkets()
    twin.fold(rows)
    assert_equal(fold_in_pieces(rows, cuts, reload=True), twin)


@given(streams, st.lists(st.integers(0, 400), max_size=6))
def test_state_does_not_know_how_rows_were_cut(stream: list[tuple], cuts: list[int]) -> None:
    rows = rows_of(stream)
    whole = state_hash(fold(new_state(), rows, 1))
    assert state_hash(fold_in_pieces(rows, cuts)) == whole
    assert state_hash(fold_in_pieces(rows, cuts, reload=True)) == whole
    assert state_hash(fold_in_pieces(rows, list(range(len(rows))))) == whole, "one by one"


@given(streams, st.integers(0, 400))
def test_state_is_right_in_the_middle_of_everything(stream: list[tuple], cut: int) -> None:
    rows = rows_of(stream)
    rows = rows[: cut % (len(rows) + 1)]
    twin = NaiveMarkets()
    twin.fold(rows)
    assert_equal(fold(new_state(), rows, 1), twin)


@given(streams)
def test_rows_are_only_read(stream: list[tuple]) -> None:
    rows = rows_of(stream)
    before = rows.tobytes()
    rows.flags.writeable = False
    locked = state_hash(fold(new_state(), rows, 1))
    assert rows.tobytes() == before
    assert locked == state_hash(fold(new_state(), rows.copy(), 1))
