"""Fetching ahead changes nothing, wherever the place lies."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from veloz.contracts.ahead import prefetch
from veloz.contracts.kernel import entry
from veloz.reducers.words import ONE, RAW, ZERO, I


@entry
def _sum_prices(rows: np.ndarray, ahead: I) -> I:
    total, place = ZERO, ZERO
    while place < rows.shape[0]:
        prefetch(rows, place + ahead)
        total += rows[place]["price"]
        place += ONE
    return total


@given(st.lists(st.integers(-9, 9), max_size=9), st.sampled_from([0, 1, 16, 1 << 40, -1, -(1 << 40)]))
def test_what_is_read_is_what_is_there(prices: list[int], ahead: int) -> None:
    rows = np.zeros(len(prices), RAW)
    rows["price"] = prices
    before = rows.tobytes()
    assert _sum_prices(rows, I(ahead)) == sum(prices)
    assert rows.tobytes() == before
