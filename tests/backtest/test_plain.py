"""Levels far from our orders are taken many at once. Whatever is near is not among them: the same as row by row."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.stage import LEVEL_FLAGS, Stage, bought, market, row, rules, sold
from veloz.backtest.rules import HFTBACKTEST, Compat, Matching, Queue
from veloz.contracts import layout, registry

LOW, TOP = 992, 8  # prices begin at LOW; so far above it the best bid stands at first
LEVEL = st.tuples(
    st.sampled_from(["level"] * 20 + ["venue_level", "clear", "trade"]),
    st.sampled_from([False] * 9 + [True]),
    st.one_of(st.integers(-84, 100), st.integers(0, 16), st.integers(0, 16)),
    st.integers(0, 4),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([0, 0, 0, 1, 5]),
)
ORDER = st.tuples(st.integers(2, 14), st.sampled_from([False, False, False, True]), st.integers(1, 5))
MODELS = st.sampled_from(
    [
        {},
        {"partial": True},
        {"compat": HFTBACKTEST},
        {"compat": Compat.CROSS_FILLS_ALL},
        {"queue": Queue.POWER},
        {"matching": Matching.BOOK},
    ]
)


def rows_of(levels: list[Any]) -> list[tuple[int, ...]]:
    """One row 10 ns behind the other, some without a time, some at once."""
    found, now = [], 1_000
    for what, crosses, tick, qty, unseen, late in levels:
        now += 10 if late != 1 else 0
        is_ask = (tick > TOP) != crosses
        at, price, side = now if late != 5 else 0, LOW + tick, layout.ASK if is_ask else 0
        if what == "trade":
            found.append((sold if is_ask else bought)(at, price, qty + 1))
        else:
            flags = LEVEL_FLAGS | side | (layout.EMPTY if what == "clear" else 0)
            kind = registry.VENUE_LEVEL if what == "venue_level" else registry.LEVEL
            found.append(row(kind.number, flags, at, price, qty, unseen))
    return found


def staged(levels: list[Any], orders: list[Any], tick: int, **told: Any) -> Stage:
    """An exchange with orders under way to it, after rows that make a book."""
    opening = [
        row(registry.LEVEL.number, LEVEL_FLAGS | (layout.ASK if at > TOP else 0), 100, LOW + at, 4) for at in range(17)
    ]
    stage = Stage([*opening, *rows_of(levels)], rules(**told), market(tick=tick))
    for number, (at, takes, qty) in enumerate(orders):
        side = "buy" if (at <= TOP) != takes else "sell"
        stage.ask(500 + number, number + 1, side, qty, LOW + at // tick * tick)
    stage.run(900)
    return stage


@given(
    st.lists(LEVEL, min_size=12, max_size=40),
    st.lists(ORDER, min_size=1, max_size=6),
    st.sampled_from([1, 1, 2, 4]),
    MODELS,
)
def test_many_at_once_are_the_same_as_one_by_one(
    levels: list[Any], orders: list[Any], tick: int, told: dict[str, Any]
) -> None:
    at_once, singly = staged(levels, orders, tick, **told), staged(levels, orders, tick, **told)
    all_rows = singly.rows
    for end in range(singly.at + 1, len(all_rows) + 1):
        until_ns = int(all_rows["ts_event"][:end].max())
        if end < len(all_rows) and all_rows["ts_event"][end] <= until_ns:
            continue  # rows of one instant are handed over together
        singly.rows = all_rows[:end]
        singly.run(until_ns)
    for stage in (at_once, singly):
        stage.rows = all_rows
        stage.run(100_000)
    assert np.concatenate(at_once.heard).tobytes() == np.concatenate(singly.heard).tobytes()
    for mine, other, name in zip(at_once.venue, singly.venue, at_once.venue._fields, strict=True):
        assert mine.tobytes() == other.tobytes(), name
    assert at_once.at == len(all_rows)
