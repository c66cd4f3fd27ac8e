"""The same laws on long streams, where books fill, windows move and rings wrap. Seeds, not examples: a failure names its seed."""

import random

import numpy as np
import pytest

from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_equal
from tests.reducers.streams import PRICES, QTYS, Venue
from veloz.contracts.layout import ROW
from veloz.reducers.fold import fold
from veloz.reducers.state import dump_state, load_state, new_state, state_hash

WHATS = ["diff"] * 14 + ["snapshot"] + ["trade"] * 5 + ["aggtrade", "quote", "quote", "mark", "other", "odd"]
FAULTS = ["gap", "stale", "overlap", "again", "ids", "unended", "unbegun", "edge", "version", "unlisted"]
TIMES = [0, 10**6, 10**8, 10**9, 10**10, 61 * 10**9, -(10**9), 3600 * 10**9]


def long_stream(seed: int, steps: int, faults: float) -> np.ndarray:
    """Rows of a venue that misbehaves with probability `faults` a step."""
    rng = random.Random(seed)
    venue = Venue()
    for _ in range(steps):
        levels = [
            (
                rng.randrange(2),
                rng.choice(PRICES) if rng.random() < 0.2 else 0,
                rng.choice(QTYS),
                int(rng.expovariate(0.02)),
            )
            for _ in range(rng.choice((0, 1, 3, 20)))
        ]
        fault = rng.choice(FAULTS) if rng.random() < faults else ""
        venue.take((rng.choice(WHATS), rng.randrange(3), levels, rng.randint(-8, 8), fault, rng.choice(TIMES)))
    return np.array(venue.rows, ROW)


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
