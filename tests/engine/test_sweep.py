"""FLATTEN and CANCEL while they hold: what stands in the way of closing, one case each."""

from itertools import pairwise

import numpy as np
import pytest

from tests.engine.sessions import (
    BEGIN,
    BTC,
    LINEAR,
    SECOND,
    SPOT,
    begun,
    kinds,
    order,
    report,
    row,
    step_of,
    trade,
    view,
)  # fmt: skip
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import SettleAction, StopLevel
from veloz.contracts.terms import Origin, order_key
from veloz.engine.sweep import LEGS_MOST
from veloz.reducers.holdings import positions

GLOBAL = terms.scope(terms.ScopeKind.GLOBAL)


def level(wanted: int = StopLevel.FLATTEN, ts: int = BEGIN + 5) -> np.ndarray:
    return row(r.COMMAND_STOP, GLOBAL, wanted, 0, 7, 0, ts=ts)


def closing(step) -> list[tuple[int, int]]:
    """(order, quantity) of every request of the engine's own in a step."""
    asked = [view(each) for each in step.decisions if each["kind"] == r.REQUESTED.number]
    return [
        (int(each["order"]), int(each["qty"]))
        for each in asked
        if terms.unpack(terms.SPEC, int(each["spec"]))["origin"] == Origin.ENGINE
    ]


def hold(engine, qty: int, instrument: int = LINEAR, number: int = 50, fee: int = 0) -> None:
    """Buy and have it filled."""
    key = order_key(engine.take(order(9_990, qty, instrument=instrument, ts=BEGIN + 1)).first_seq)
    rows = [report(r.FILLED, key, 9_990, qty, number, instrument=instrument, ts=BEGIN + 1)]
    if fee:
        rows.append(report(r.FEE, key, fee, BTC, number, instrument=instrument, ts=BEGIN + 1))
    rows.append(report(r.ACCEPTED, key, number, qty, number, instrument=instrument, ts=BEGIN + 1))
    engine.take(step_of(*rows))


def over(kind, key: int, instrument: int = LINEAR, ts: int = BEGIN + 9, filled: int = 0) -> np.ndarray:
    return report(kind, key, -1001 if kind is r.REJECTED else ts % SECOND, filled, 1, instrument=instrument, ts=ts)


@pytest.mark.parametrize(("instrument", "parts"), [(LINEAR, {"reduce_only": 1}), (SPOT, {}), (LINEAR, {})])
def test_what_may_still_close_is_waited_for_and_then_it_is_closed(instrument, parts):
    engine = begun()
    hold(engine, 10, instrument)
    resting = order_key(engine.take(order(10_100, 10, instrument=instrument, sell=1, ts=BEGIN + 2, **parts)).first_seq)
    engine.take(report(r.ACCEPTED, resting, 60, 0, 9, instrument=instrument, ts=BEGIN + 3))
    step = engine.take(level())
    assert closing(step) == []
    assert "order.cancel_requested" in kinds(step)
    assert "risk.refused" not in kinds(step)
    fill = report(r.FILLED, resting, 10_100, 4, 61, instrument=instrument, sell=1, ts=BEGIN + 7)
    assert closing(engine.take(fill)) == []
    ended = engine.take(report(r.CANCELED, resting, 62, 4, 9, instrument=instrument, ts=BEGIN + 8))
    assert [qty for _, qty in closing(ended)] == [6]


def test_spot_sells_what_is_there_and_tells_once_of_the_rest():
    engine = begun()
    engine.take(row(r.BALANCE, 1, 0, BTC, 2, 0, ts=BEGIN))
    hold(engine, 1_000, SPOT, fee=100_000)  # one thousandth of a coin: one lot
    ((key, qty),) = closing(engine.take(level()))
    assert qty == 999
    fill = report(r.FILLED, key, 9_990, 999, 70, instrument=SPOT, sell=1, ts=BEGIN + 9)
    said = engine.take(fill)
    assert kinds(said).count("risk.refused") == 1
    for n in range(1, 200):
        assert kinds(engine.take(trade(SPOT, 9_990, 80 + n, BEGIN + n * SECOND))).count("order.drafted") == 0


@pytest.mark.parametrize("most", [{"market": 0, "plain": 4}, {"market": 4, "plain": 0}])
def test_more_than_the_largest_order_is_split(most):
    engine = begun()
    hold(engine, 10)
    engine.take(row(r.FILTERS, 1, most["plain"], 0, 0, 0, instrument=LINEAR, ts=BEGIN + 2))
    engine.take(row(r.BOUNDS, 0, 0, 0, most["market"], 0, instrument=LINEAR, ts=BEGIN + 2))
    assert [qty for _, qty in closing(engine.take(level()))] == [4, 4, 2]


def test_a_sweep_splits_into_so_many_and_the_next_step_goes_on():
    engine = begun()
    hold(engine, 100)
    engine.take(row(r.FILTERS, 1, 1, 0, 0, 0, instrument=LINEAR, ts=BEGIN + 2))
    first = closing(engine.take(level()))
    assert len(first) == 2 * LEGS_MOST  # once as the level is said, once as it holds
    for number, (key, _) in enumerate(first[:2]):
        fill = report(r.FILLED, key, 9_990, 1, 70 + number, sell=1, ts=BEGIN + 9)
        assert len(closing(engine.take(fill))) == (LEGS_MOST, 100 - 3 * LEGS_MOST)[number]


def test_after_a_rejection_the_pause_doubles_until_a_bound():
    engine = begun()
    hold(engine, 10)
    ((key, _),) = closing(engine.take(level()))
    now, pauses, failed = BEGIN + SECOND // 2, [], 0
    while len(pauses) < 12:
        assert closing(engine.take(over(r.REJECTED, key, ts=now))) == []
        failed = now
        again = []
        while not again:
            now += SECOND // 2
            again = closing(engine.take(trade(LINEAR, 9_990, now // (SECOND // 2), now)))
        pauses.append((now - failed) / SECOND)
        ((key, qty),) = again
        assert qty == 10
    assert pauses[0] <= 2
    assert all(later >= earlier for earlier, later in pairwise(pauses))
    assert 32 < pauses[-1] <= 65


@pytest.mark.parametrize("end", [r.CANCELED, r.EXPIRED])
def test_what_an_order_of_the_engine_left_is_ordered_again_at_once(end):
    engine = begun()
    hold(engine, 10)
    ((key, _),) = closing(engine.take(level()))
    fill = report(r.FILLED, key, 9_990, 3, 70, sell=1, ts=BEGIN + 9)
    assert [qty for _, qty in closing(engine.take(step_of(fill, over(end, key, filled=3))))] == [7]


def test_an_order_of_the_engine_that_is_not_known_of_counts_as_live():
    engine = begun()
    hold(engine, 10)
    ((key, _),) = closing(engine.take(level()))
    assert closing(engine.take(report(r.SILENT, key, 0, 0, 0, ts=BEGIN + 6))) == []
    for n in range(1, 20):
        assert closing(engine.take(trade(LINEAR, 9_990, 80 + n, BEGIN + n * SECOND))) == []


def test_what_was_stated_as_filled_is_not_closed_twice_before_its_trade_is_told():
    engine = begun()
    hold(engine, 10)
    ((key, _),) = closing(engine.take(level()))
    assert closing(engine.take(report(r.ACCEPTED, key, 70, 10, 9, ts=BEGIN + 6))) == []
    assert closing(engine.take(trade(LINEAR, 9_990, 80, BEGIN + 2 * SECOND))) == []
    assert closing(engine.take(report(r.FILLED, key, 9_990, 10, 71, sell=1, ts=BEGIN + 2 * SECOND))) == []


@pytest.mark.parametrize("instrument", [LINEAR, SPOT])
def test_what_is_owed_is_never_ordered_again_however_long_it_takes(instrument):
    engine = begun()
    hold(engine, 10, instrument)
    ((key, _),) = closing(engine.take(level()))
    rest = closing(engine.take(report(r.CANCELED, key, 70, 6, 9, instrument=instrument, ts=BEGIN + 6)))
    assert [qty for _, qty in rest] == [4], "what the venue did not execute"
    fill = report(r.FILLED, rest[0][0], 9_990, 4, 72, instrument=instrument, sell=1, ts=BEGIN + 7)
    assert closing(engine.take(fill)) == []
    for n in range(1, 400):
        assert closing(engine.take(trade(SPOT, 9_990, n, BEGIN + n * SECOND))) == []
    fill = report(r.FILLED, key, 9_990, 6, 71, instrument=instrument, sell=1, ts=BEGIN + 400 * SECOND)
    assert closing(engine.take(fill)) == []
    assert [each.qty for each in positions(engine.state) if each.qty] == []


def test_a_settled_flattening_is_one_sweep():
    engine = begun()
    hold(engine, 10)
    settle = row(r.COMMAND_SETTLE, 0, SettleAction.FLATTEN, 2, 7, 0, instrument=LINEAR, ts=BEGIN + 5)
    ((key, qty),) = closing(engine.take(settle))
    assert qty == 10
    assert closing(engine.take(over(r.REJECTED, key))) == []
    for n in range(1, 100):
        assert closing(engine.take(trade(LINEAR, 9_990, 80 + n, BEGIN + n * SECOND))) == []
    assert [qty for _, qty in closing(engine.take(level(ts=BEGIN + 101 * SECOND)))] == [10], "a level tries again"


def test_a_new_command_does_not_wait_for_the_pause():
    engine = begun()
    hold(engine, 10)
    ((key, _),) = closing(engine.take(level()))
    engine.take(over(r.REJECTED, key))
    assert [qty for _, qty in closing(engine.take(level(ts=BEGIN + 10)))] == [10]


@pytest.mark.parametrize("wanted", [StopLevel.CANCEL, StopLevel.FLATTEN])
def test_a_cancel_that_came_to_nothing_is_asked_again_with_the_next_second(wanted):
    engine = begun()
    resting = order_key(engine.take(order(9_000, 10, ts=BEGIN + 2)).first_seq)
    engine.take(report(r.ACCEPTED, resting, 60, 0, 9, ts=BEGIN + 3))
    assert "order.cancel_requested" in kinds(engine.take(level(wanted)))
    failed = report(r.NOT_SENT, resting, terms.Action.CANCEL, 0, 0, ts=BEGIN + 6)
    assert "order.cancel_requested" not in kinds(engine.take(failed))
    assert "order.cancel_requested" in kinds(engine.take(trade(LINEAR, 9_990, 80, BEGIN + SECOND)))
