"""One book's messages, written in a line each; folding them compares with the naive twin, whole and one by one."""

import numpy as np

from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_equal
from veloz.contracts.layout import EMPTY, FIRST, LAST, ROW, SNAPSHOT
from veloz.reducers.booksync import BookState
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state, state_hash

SPOT, USDM = 1, 2


class Feed:
    """Rows of one instrument."""

    def __init__(self, market: int = SPOT) -> None:
        self.rows: list[tuple[int, ...]] = [(32, 1, 128, 1, 5, 0, 2 | 3 << 8 | market << 16, 1, 1, 10**8, 1)]

    def message(self, first: int, last: int, prev: int, *levels: tuple[int, int], snapshot: bool = False) -> "Feed":
        base = SNAPSHOT if snapshot else 0
        if not levels:
            self.rows.append((3, 1, base | FIRST | LAST | EMPTY, 1, 10, 9, last, 0, 0, first, prev))
        for k, (price, qty) in enumerate(levels):
            flags = base | FIRST * (k == 0) | LAST * (k == len(levels) - 1) | (price < 0)
            self.rows.append((3, 1, flags, 1, 10, 9, last, abs(price), qty, first, prev))
        return self

    def diff(self, first: int, last: int, *levels: tuple[int, int], prev: int = 0) -> "Feed":
        return self.message(first, last, prev, *levels)

    def snapshot(self, last: int, *levels: tuple[int, int]) -> "Feed":
        return self.message(last, last, 0, *levels, snapshot=True)

    def fold(self) -> State:
        rows, twin = np.array(self.rows, ROW), NaiveMarkets()
        twin.fold(rows)
        state = fold(new_state(), rows, 1)
        assert_equal(state, twin)
        one_by_one = new_state()
        for k in range(len(rows)):
            one_by_one = fold(one_by_one, rows[k : k + 1], k + 1)
        assert state_hash(one_by_one) == state_hash(state)
        return state

    def state(self) -> str:
        return BookState(int(self.fold().slots[0]["state"])).name
