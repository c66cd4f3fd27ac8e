"""Whole days of trading: the same bytes however they are cut, snapshotted or compiled; and what must hold at the end of any day."""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lanes import cases
from tests.reducers.days import day
from veloz.contracts import registry as r
from veloz.reducers.balances import MONEY_MAX
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.fold import fold
from veloz.reducers.state import State, dump_state, load_state, new_state, state_hash

SEEDS = st.integers(0, 10**6)


def whole(seed: int) -> State:
    return fold(new_state(), day(seed), 1)


@settings(max_examples=cases(25, 10))
@given(SEEDS, st.integers(1, 40))
def test_a_day_in_any_cuts(seed: int, crumb: int) -> None:
    rows, chance = day(seed), random.Random(seed)
    wanted = state_hash(fold(new_state(), rows, 1))
    crumbs, restored, at = new_state(), new_state(), 0
    while at < len(rows):
        end = at + chance.randrange(1, crumb + 1)
        crumbs = fold(crumbs, rows[at:end], at + 1)
        restored = load_state(dump_state(fold(restored, rows[at:end], at + 1)))
        at = end
    assert state_hash(crumbs) == wanted
    assert state_hash(restored) == wanted


@settings(max_examples=40)
@given(SEEDS)
def test_what_holds_at_the_end_of_any_day(seed: int) -> None:
    state = whole(seed)
    orders = state.orders[: int(state.desk[0]["orders_used"])]
    held: Counter[int] = Counter()
    confirmed: Counter[int] = Counter()
    for order in orders[orders["key"] != 0]:
        place = int(order["account"]) * ASSETS_MAX + int(order["hold_asset"])
        held[place] += int(order["hold"])
        confirmed[place] += int(order["hold_confirmed"])
    for at, balance in enumerate(state.balances):
        if balance["known"] or balance["held"]:
            assert balance["total"] == (
                balance["opened"]
                + balance["traded"]
                - balance["fees"]
                + balance["funding"]
                + balance["changed"]
                + balance["drift"]
            )
            assert 0 <= balance["held"] == held[at] < MONEY_MAX
            assert 0 <= balance["confirmed"] == confirmed[at] <= balance["held"]
    shares: Counter[tuple[int, int, int]] = Counter()
    for position in state.positions[: int(state.desk[0]["positions_used"])]:
        if position["qty"] == 0:
            assert (position["cost_hi"], position["cost_lo"], position["unrealized"], position["initial"]) == (
                0,
                0,
                0,
                0,
            )
        if position["strategy"] >= 0:
            shares[tuple(int(position[name]) for name in ("account", "instrument", "side"))] += 1  # type: ignore[index]
    assert all(many <= 2 for many in shares.values())


def test_days_have_something_of_everything() -> None:
    rows = [row for seed in range(30) for row in day(seed)]
    wanted = {
        kind.number for kind in r.KINDS if kind.topic in ("order", "account", "risk", "control", "strategy", "pnl")
    }
    assert wanted - {int(row["kind"]) for row in rows} <= {r.ORDER_STATED.number}
    states = [whole(seed) for seed in range(10)]
    assert sum(int(state.desk[0]["fills"]) for state in states) > 100
    assert sum(int(state.desk[0]["duplicates"]) for state in states) > 5
    assert sum(int(state.desk[0]["overflows"]) for state in states) < 20
    assert sum(int((state.orders["hold"] > 0).sum()) for state in states) > 20
    assert all({1, 2, 3} <= set(state.positions["account"]) for state in states)


def test_uncompiled_days_are_the_same(root: Path) -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONHASHSEED": "7"}
    told = subprocess.run(
        [sys.executable, "-m", "tests.reducers.days", "5"],
        cwd=root, env=environment, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert told.stdout.split() == [state_hash(whole(seed)) for seed in range(5)]
