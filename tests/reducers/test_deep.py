"""The same laws on long streams, where books fill, windows move and rings wrap. Seeds, not examples: a failure names its seed."""

import random

import pytest

from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_equal
from tests.reducers.streams import long_stream
from veloz.reducers.fold import fold
from veloz.reducers.state import dump_state, load_state, new_state, state_hash


@pytest.mark.parametrize("seed", range(12))
def test_long_streams_equal_the_twin(seed: int) -> None:
    rows = long_stream(seed, 1500, (0.0, 0.01, 0.2)[seed % 3])
    rng, state, twin, at = random.Random(-seed), new_state(), NaiveMarkets(), 0
    while at < len(rows):
        step = rng.choice((1, 7, 300))
        twin.fold(rows[at : at + step])
        state = fold(state, rows[at : at + step], at + 1)
        at += step
        if rng.random() < 0.05:
            assert_equal(state, twin)
            state = load_state(dump_state(state))
    assert_equal(state, twin)
    assert state_hash(state) == state_hash(fold(new_state(), rows, 1))
