"""Market rows are folded apart from trading: what that saves, and that it changes nothing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reducers.days import day
from tests.reducers.streams import long_stream
from veloz.contracts import layout
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW
from veloz.reducers import fold as folding
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state, state_hash


def _never(*_: Any) -> Any:
    raise AssertionError("the trading reducers were asked for")


def test_market_rows_never_wait_for_the_trading_reducers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "fold_rows", _never)
    rows = long_stream(1, 100, 0.1)
    rows["flags"][::7] |= layout.STEP_END
    state = fold(new_state(), rows, 1)
    assert not state.desk[0]["open"]
    with pytest.raises(AssertionError, match="trading"):
        fold(state, day(1), len(rows) + 1)


@given(st.integers(0, 10**6))
def test_a_day_is_the_same_when_trading_was_there_from_the_start(seed: int) -> None:
    rows = day(seed, 60)
    apart = state_hash(fold(new_state(), rows, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "fold_calm", folding.fold_rows)
        assert state_hash(fold(new_state(), rows, 1)) == apart


def _message(now: int, seq: int, levels: list[tuple[int, int]], flags: int = 0) -> list[tuple[int, ...]]:
    """One depth message of bids, which ends a step."""
    found = []
    for k, (price, qty) in enumerate(levels):
        ends = layout.LAST | layout.STEP_END if k == len(levels) - 1 else 0
        found.append((3, 1, flags | ends | (0 if k else layout.FIRST), 1, now, 0, seq, price, qty, seq, seq - 1))
    return found


def _settled(state: State) -> bool:
    return bool(state.desk[0]["dirty"] == 0 and state.desk[0]["mark_ns"] > state.clock[0]["now_ns"])


def test_a_step_is_settled_although_its_last_message_moves_a_window() -> None:
    second, best = 10**9, 10**6
    rows = [
        (r.LISTED.number, 1, layout.STEP_END, 1, second, 0, 2 << 16, 1, 1, 10**8, 1),
        (r.ASSET.number, 1, layout.STEP_END, 0, second, 0, 1, 8, 0, 0, 0),
        *_message(2 * second, 10, [(best, 5), (best - 4500, 5)], layout.SNAPSHOT),
    ]
    state = fold(new_state(), np.array(rows, ROW), 1)
    assert state.desk[0]["open"]
    assert _settled(state)
    low = int(state.sides[0]["lo"])
    state = fold(state, np.array(_message(5 * second, 11, [(best, 0)]), ROW), len(rows) + 1)
    assert state.sides[0]["best"] == best - 4500
    assert state.sides[0]["lo"] < low
    assert _settled(state)
