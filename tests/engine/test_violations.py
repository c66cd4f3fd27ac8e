"""Executions that are not what was approved, blamed on the order whose execution it was."""

import pytest

from tests.engine.sessions import BEGIN, begun, order, report, step_of, view
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import Refusal
from veloz.contracts.terms import order_key
from veloz.engine.step import Engine, Step

REDUCING, PLAIN = 0, 1


def long_four() -> tuple[Engine, tuple[int, int]]:
    """Long 4, with a reduce-only order and a plain one to sell 4 each; their keys."""
    engine = begun()
    bought = engine.take(order(9_990, 4))
    engine.take(report(r.FILLED, order_key(bought.first_seq), 9_990, 4, 1))
    asked = engine.take(step_of(order(10_010, 4, sell=1, reduce_only=1), order(10_020, 4, sell=1)))
    return engine, (order_key(asked.first_seq), order_key(asked.first_seq + 1))


def violations(step: Step) -> list[tuple[int, int, int]]:
    """(place of the fill, code, observed) of each."""
    found = [view(each) for each in step.decisions if each["kind"] == r.VIOLATION.number]
    codes = [terms.unpack(terms.VERDICT, int(each["verdict"]))["code"] for each in found]
    return [
        (int(each["ref"]) - step.first_seq, code, int(each["observed"]))
        for each, code in zip(found, codes, strict=True)
    ]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("fills", "blamed"),
    [
        (((REDUCING, 4), (PLAIN, 4)), []),
        (((PLAIN, 4), (REDUCING, 4)), [(1, 4)]),
        (((REDUCING, 2), (PLAIN, 4), (REDUCING, 2)), [(2, 4)]),
        (((PLAIN, 2), (REDUCING, 2), (REDUCING, 2)), [(2, 2)]),
        (((PLAIN, 2), (REDUCING, 2), (PLAIN, 2), (REDUCING, 1), (REDUCING, 1)), [(3, 3), (4, 4)]),
    ],
)
def test_every_fill_is_judged_with_the_position_as_it_was(
    fills: tuple[tuple[int, int], ...], blamed: list[tuple[int, int]], together: bool
) -> None:
    engine, keys = long_four()
    rows = [
        report(r.FILLED, keys[which], 10_020, qty, 10 + k, ts=BEGIN + 1, sell=1) for k, (which, qty) in enumerate(fills)
    ]
    if together:
        found = violations(engine.take(step_of(*rows)))
    else:
        steps = [violations(engine.take(each)) for each in rows]
        found = [(k, code, seen) for k, step in enumerate(steps) for _, code, seen in step]
    assert found == [(k, Refusal.REDUCE_ONLY, seen) for k, seen in blamed]


@pytest.mark.parametrize(("qty", "blamed"), [(4, []), (2, [])])
def test_a_repeat_moves_nothing(qty: int, blamed: list[tuple[int, int, int]]) -> None:
    engine, keys = long_four()
    one = report(r.FILLED, keys[REDUCING], 10_020, qty, 10, sell=1)
    assert (
        violations(engine.take(step_of(one, one, report(r.FILLED, keys[PLAIN], 10_020, 4, 11, sell=1), one))) == blamed
    )


def test_a_trade_that_is_taken_back_in_the_same_step() -> None:
    engine, keys = long_four()
    plain = report(r.FILLED, keys[PLAIN], 10_020, 4, 10, sell=1)
    reducing = report(r.FILLED, keys[REDUCING], 10_020, 4, 11, sell=1)
    back = report(r.BUSTED, keys[PLAIN], 10_020, 4, 10, sell=1)
    step = engine.take(step_of(plain, reducing, back))
    assert violations(step) == [(1, Refusal.REDUCE_ONLY, 4)]
    assert engine.state.positions[0]["qty"] == 0


def test_a_trade_that_was_taken_back_before_it_was_heard_of() -> None:
    engine, keys = long_four()
    reducing = report(r.FILLED, keys[REDUCING], 10_020, 4, 11, sell=1)
    back = report(r.BUSTED, keys[PLAIN], 10_020, 4, 10, sell=1)
    plain = report(r.FILLED, keys[PLAIN], 10_020, 4, 10, sell=1)
    assert violations(engine.take(step_of(reducing, back, plain))) == []
    assert engine.state.positions[0]["qty"] == 0
