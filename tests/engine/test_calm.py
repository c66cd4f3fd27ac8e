"""A step of which only strategies may want something goes to them at once, and comes to what the long way comes to."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.chance import Chance
from tests.lanes import cases
from veloz.contracts.layout import ROW
from veloz.engine.decide import CALM
from veloz.reducers.state import state_hash


@pytest.fixture(scope="module")
def kinds() -> Iterator[np.ndarray]:
    """The kinds as they are; un-compiled, emptying the table sends every step the long way."""
    before = CALM.copy()
    yield before
    CALM[:] = before


def played(seed: int, steps: int) -> tuple[bytes, str]:
    chance = Chance(seed)
    rows = [np.asarray(step.rows).view(ROW).tobytes() for step in chance.steps(steps)]
    return b"".join(rows), state_hash(chance.engine.state)


@settings(deadline=None, max_examples=cases(15, 6))
@given(st.integers(0, 2**31))
def test_the_short_way_comes_to_what_the_long_one_does(kinds: np.ndarray, seed: int) -> None:
    CALM[:] = kinds
    quick = played(seed, 60)
    CALM[:] = 0
    assert played(seed, 60) == quick
