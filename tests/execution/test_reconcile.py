"""Statements beside states: what agrees is silent, each kind of difference is told once, adopting brings the two together."""

import numpy as np
import pytest

from tests.reducers.order_rows import ACCOUNT, KEY, QUOTE, SECOND, Row, Story, meta, row, spec
from veloz.contracts import registry as r
from veloz.contracts.codes import Difference as What
from veloz.contracts.codes import SettleAction, Severity
from veloz.contracts.layout import ROW
from veloz.execution.adopting import answer
from veloz.execution.reconcile import Difference, differences
from veloz.reducers.fold import fold
from veloz.reducers.order_view import owing_orders
from veloz.reducers.state import State, new_state

LINEAR = 3
NOW = 100 * SECOND


def known() -> Story:
    """An accepted order of ours, 30 of 100 filled, and a linear instrument of which 5 are held."""
    story = (
        Story()
        .dispatched()
        .say(r.ACCEPTED, 77, 0, 1, meta())
        .say(r.FILLED, 50, 30, 900, meta())
        .say(r.ACCEPTED, 77, 30, 2, meta())
    )
    story.rows.append(row(r.LISTED, 2 | 0 << 8 | 2 << 16, 1, 1, 10**8, 1, instrument=LINEAR))
    story.rows.append(row(r.ASSETS, 2, 1, QUOTE, QUOTE, instrument=LINEAR))
    story.rows.append(row(r.FILLED, -5, 2000, 5, 901, meta(), instrument=LINEAR))
    story.rows.append(row(r.EXPIRED, -5, 0, 5, 3, meta(), instrument=LINEAR))
    return story


def ours(price: int = 50, qty: int = 100, filled: int = 30, at: int = 2) -> list[Row]:
    return [row(r.ORDER_STATED, KEY, price, qty, at, spec()), row(r.ACCEPTED, KEY, 77, filled, at, meta())]


def position(qty: int = 5, entry: int = 20 * 10**8) -> Row:
    return row(r.POSITION, meta(), qty, entry, 5, 0, instrument=LINEAR)


def statement(*rows: Row) -> list[Row]:
    return [row(r.STATEMENT, ACCOUNT, 0, instrument=0), *rows, row(r.STATEMENT, ACCOUNT, 1, instrument=0)]


def compare(story: Story, said: list[Row]) -> tuple[State, list[Difference]]:
    """The state after the statement, and what differs."""
    since = len(story.rows) + 1
    rows = np.array([*story.rows, *said], ROW)
    state = fold(new_state(), rows, 1)
    return state, differences(state, rows[since - 1 :], since)


def test_what_agrees_is_silent() -> None:
    assert compare(known(), statement(*ours(), position()))[1] == []
    assert compare(known(), [])[1] == []


CASES = {
    "an order that we do not know": (
        [*ours(), position(), row(r.ORDER_STATED, -9, 60, 10, 4, spec()), row(r.ACCEPTED, -9, 9, 4, 4, meta())],
        (What.ORDER_UNKNOWN_HERE, Severity.ERROR, 0, 6),
    ),
    "an order that they do not know": ([position()], (What.ORDER_UNKNOWN_THERE, Severity.ERROR, 70, 0)),
    "a fill that we have not heard of": ([*ours(filled=50, at=3), position()], (What.ORDER_FILLED, Severity.ERROR, 30, 50)),
    "another quantity": ([*ours(qty=90, at=3), position()], (What.ORDER_QTY, Severity.ERROR, 100, 90)),
    "another price": ([*ours(price=51, at=3), position()], (What.ORDER_PRICE, Severity.ERROR, 50, 51)),
    "another position": ([*ours(), position(qty=-2)], (What.POSITION, Severity.CRITICAL, 5, -2)),
    "no position": (ours(), (What.POSITION, Severity.CRITICAL, 5, 0)),
    "another entry price": ([*ours(), position(entry=21 * 10**8)], (What.ENTRY, Severity.INFO, 20 * 10**8, 21 * 10**8)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_difference_is_told_once(name: str) -> None:
    rows, wanted = CASES[name]
    _, found = compare(known(), statement(*rows))
    assert [(each.difference, each.severity, each.ours, each.theirs) for each in found] == [wanted]
    assert found[0].account == ACCOUNT
    assert found[0].what & 0xFF == wanted[0]
    assert found[0].what >> 8 & 0xFF == wanted[1]


def test_an_order_that_is_over_here_and_open_there_is_the_worst() -> None:
    story = known().say(r.CANCELED, 77, 30, 3, meta())
    _, found = compare(story, statement(*ours(at=4), position()))
    assert [(each.difference, each.severity) for each in found] == [(What.ORDER_UNKNOWN_HERE, Severity.CRITICAL)]
    assert compare(story, statement(*ours(at=2), position()))[1] == [], "the statement is older than the end"


def test_an_order_nobody_has_answered_about_is_not_missed() -> None:
    story = known()
    story.key = KEY + 32
    assert compare(story.dispatched(), statement(*ours(), position()))[1] == []


def test_a_foreign_order_that_was_known_is_no_difference() -> None:
    story = known()
    story.rows += [row(r.ORDER_STATED, -9, 60, 10, 4, spec()), row(r.ACCEPTED, -9, 9, 0, 4, meta())]
    said = [row(r.ORDER_STATED, -9, 60, 10, 4, spec()), row(r.ACCEPTED, -9, 9, 0, 4, meta())]
    assert compare(story, statement(*ours(), *said, position()))[1] == []


def test_what_a_balance_has_drifted_is_told() -> None:
    story = known()
    story.rows.append(row(r.BALANCE, ACCOUNT, 5000, QUOTE, 10, 0, instrument=0))
    _, found = compare(story, statement(*ours(), position(), row(r.BALANCE, ACCOUNT, 5500, QUOTE, 20, 0, instrument=0)))
    assert [(each.difference, each.severity, each.asset, each.ours, each.theirs) for each in found] == [
        (What.BALANCE, Severity.INFO, QUOTE, 5000, 5500)
    ]


@pytest.mark.parametrize("name", CASES)
def test_adopting_brings_the_two_together(name: str) -> None:
    rows, _ = CASES[name]
    state, (found,) = compare(known(), statement(*rows))
    seq = int(state.clock[0]["seq"]) + 1
    taken = answer(state, [found], SettleAction.ADOPT, seq, NOW)
    frozen = [int(terms["frozen_seq"]) for terms in state.terms]
    state = fold(state, taken, seq)
    assert differences(state, np.array(statement(*rows), ROW), seq) == []
    assert [int(terms["frozen_seq"]) for terms in state.terms] == frozen, "adopting freezes nothing anew"
    assert len(answer(state, [found], SettleAction.IGNORE, seq, NOW)) == 0


def test_flattening_adopts_what_is_held_and_leaves_closing_to_the_engine() -> None:
    state, (found,) = compare(known(), statement(*CASES["another position"][0]))
    flat, adopted = (answer(state, [found], action, 900, NOW) for action in (SettleAction.FLATTEN, SettleAction.ADOPT))
    assert flat.tobytes() == adopted.tobytes()
    assert r.COMMAND_ORDER.number not in flat["kind"]
    state, (found,) = compare(known(), statement(*CASES["an order that we do not know"][0]))
    assert len(answer(state, [found], SettleAction.FLATTEN, 900, NOW)) == 0


def test_a_statement_about_nothing() -> None:
    assert differences(new_state(), np.zeros(0, ROW)) == []
    assert compare(Story().dispatched(), statement())[1] == []


def test_what_an_order_that_is_over_owes_is_told_and_adopted() -> None:
    story = known().say(r.CANCELED, 77, 50, 3, meta())
    state, (found,) = compare(story, statement(position()))
    assert (found.difference, found.severity, found.ours, found.theirs) == (What.ORDER_FILLED, Severity.ERROR, 30, 50)
    assert [each.key for each in owing_orders(state, account=ACCOUNT)] == [KEY]
    seq = int(state.clock[0]["seq"]) + 1
    state = fold(state, answer(state, [found], SettleAction.ADOPT, seq, NOW), seq)
    assert owing_orders(state) == []
    assert len(answer(state, [found], SettleAction.ADOPT, seq + 9, NOW + 1)) == 0, "it is not owed twice"


def test_a_position_is_adopted_by_the_orders_that_owe_it() -> None:
    story = known()
    story.key = KEY + 32
    story.say(r.DRAFTED, 2000, 4, story.key >> 5, spec(), instrument=LINEAR)
    story.say(r.APPROVED, 100, QUOTE, len(story.rows), 1, instrument=LINEAR)
    story.say(r.ACCEPTED, 77, 4, 1, meta(), instrument=LINEAR)
    said = statement(*ours(), position(qty=10))
    state, found = compare(story, said)
    assert [(each.difference, each.ours, each.theirs) for each in found] == [
        (What.ORDER_FILLED, 0, 4),
        (What.POSITION, 5, 10),
    ]
    seq = int(state.clock[0]["seq"]) + 1
    taken = answer(state, found[1:], SettleAction.ADOPT, seq, NOW)
    assert [(int(each["kind"]), int(each["qty"])) for each in taken] == [
        (r.FILLED.number, 4),
        (r.ORDER_STATED.number, 1),
        (r.FILLED.number, 1),
    ]
    state = fold(state, taken, seq)
    assert owing_orders(state) == []
    assert differences(state, np.array(said, ROW), seq) == []
