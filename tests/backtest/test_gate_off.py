"""The gate can be off in a backtest's result, and nowhere else."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.engine.sessions import BTC, FUTURES_ACCOUNT, LINEAR, SPOT, USDT, opening, order, row, step_of
from veloz.contracts import registry as r
from veloz.engine.step import Engine
from veloz.reducers.state import new_state

HUGE = 10**12


def named(gated: int) -> np.ndarray:
    return row(r.DATA_NAMED, 1, 2, 0, gated, 0)


def judged(*first: np.ndarray, price: int = 10_000, qty: int = HUGE, instrument: int = LINEAR) -> list[int]:
    """Kinds of what is decided about an order that no money is there for, in a session whose first step is this."""
    engine = Engine(new_state())
    engine.take(step_of(*first), first_seq=1)
    return engine.take(order(price, qty, instrument=instrument)).decisions["kind"].tolist()


def test_off_approves_what_no_money_is_there_for() -> None:
    assert r.GATE_REFUSED.number in judged(named(1), opening())
    made = judged(named(0), opening())
    assert r.APPROVED.number in made
    assert r.REQUESTED.number in made


def test_off_still_books_nothing_that_cannot_be_booked() -> None:
    assert r.GATE_REFUSED.number in judged(named(0), opening(), qty=1 << 60)


@pytest.mark.parametrize("gated", [0, 1])
def test_only_the_very_first_row_can_say_so(gated: int) -> None:
    assert r.GATE_REFUSED.number in judged(opening(), named(gated))
    assert r.GATE_REFUSED.number in judged(opening(), named(gated), instrument=SPOT)


def test_a_journal_that_goes_on_cannot_say_so_later() -> None:
    engine = Engine(new_state())
    engine.take(opening(), first_seq=1)
    engine.take(named(0))
    assert engine.state.desk[0]["ungated"] == 0
    assert (BTC, USDT, FUTURES_ACCOUNT) == (1, 2, 2)


def test_nobody_but_a_result_writes_such_a_row(root: Path) -> None:
    """What trades for real is made by other rooms: none of them names the kind, and it is no decision."""
    assert r.DATA_NAMED not in r.DECISIONS
    told = [
        path.relative_to(root).parts[1]
        for path in (root / "veloz").rglob("*.py")
        if re.search(r"\bDATA_NAMED\b", path.read_text())
    ]
    assert set(told) <= {"backtest", "contracts", "history", "reducers"}
