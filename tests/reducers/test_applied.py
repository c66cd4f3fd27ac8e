"""Rows that are applied as they stand, some of them missing: what a best level reaches on the other side is gone."""

import random

import numpy as np
import pytest

from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_book
from tests.reducers.feed import Feed
from veloz.contracts.layout import APPLIED, ASK, FIRST, LAST, ROW
from veloz.contracts.registry import LEVEL
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state, state_hash
from veloz.reducers.view import best, top


def listed() -> np.ndarray:
    """The instrument that the rows are of."""
    return np.array(Feed().rows, ROW)


def message(at_ns: int, *levels: tuple[int, int]) -> np.ndarray:
    """Levels of one moment; an ask's price has a minus sign."""
    rows = np.zeros(len(levels), ROW)
    rows["kind"], rows["version"], rows["instrument"], rows["ts_recv"] = LEVEL.number, 1, 1, at_ns
    rows["flags"] = APPLIED
    for row, (price, qty) in zip(rows, levels, strict=True):
        row["flags"] |= ASK if price < 0 else 0
        row["price"], row["qty"] = abs(price), qty
    rows["flags"][0] |= FIRST
    rows["flags"][-1] |= LAST
    return rows


def test_a_level_that_the_other_side_reaches_is_gone_for_good() -> None:
    began = message(1, (100, 5), (99, 5), (98, 5), (-101, 4), (-102, 4), (-110, 4))
    state = fold(fold(new_state(), listed(), 1), began, 2)
    assert best(state, 1) == (100, 101)
    state = fold(state, message(2, (98, 6), (-99, 3), (-99, 2)), 8)
    assert best(state, 1) == (98, 99)
    state = fold(state, message(3, (98, 7), (102, 1), (-99, 0), (-101, 0), (-102, 0)), 11)
    assert best(state, 1) == (102, 110)
    state = fold(state, message(4, (102, 0)), 16)
    assert top(state, 1, 9)[1:3] == ([(98, 7)], [(110, 4)])


@pytest.mark.parametrize("step", [3, 40_000])
def test_the_same_as_a_dict_however_it_is_cut(step: int) -> None:
    dice, middle, parts = random.Random(step), 10**7, [listed()]
    for at in range(1, 400):
        middle = max(10**5, middle + dice.randint(-step, step))
        levels = [
            (side * (middle - side * dice.randrange(1, 9)), dice.choice((0, 1, 2)))
            for side in dice.choices((1, -1), k=dice.randrange(1, 9))
        ]
        parts.append(message(at, *levels))
    rows, hashes = np.concatenate(parts), set()
    for every in (1, 7, 997):
        state, twin = new_state(), NaiveMarkets()
        for at in range(0, len(rows), every):
            state = fold(state, rows[at : at + every], at + 1)
            twin.fold(rows[at : at + every])
            for number, market in twin.markets.items():
                assert_book(state, number, market)
        hashes.add(state_hash(state))
    assert len(hashes) == 1
