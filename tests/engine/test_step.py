"""The step: what a command leads to, its order, and that a plain fold of what it journals gives the same state."""

import numpy as np

from tests.engine.sessions import (
    BEGIN,
    LINEAR,
    SECOND,
    SPOT,
    Script,
    begun,
    differing,
    ends,
    intent,
    kinds,
    opening,
    order,
    report,
    row,
    step_of,
    trade,
    view,
)  # fmt: skip
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.layout import STEP_END
from veloz.engine.step import Engine, Step, is_decision
from veloz.reducers.fold import fold
from veloz.reducers.order_table import OrderState
from veloz.reducers.state import new_state, state_hash

PLACED = ["order.drafted", "risk.approved", "order.requested"]


def folded(steps: list[Step]):
    state = new_state()
    for each in steps:
        state = fold(state, each.rows, each.first_seq)
    return state


def test_an_order_by_hand_is_drafted_judged_and_requested():
    engine = begun()
    step = engine.take(order(9_900, 5, ts=BEGIN + 1))
    assert kinds(step)[:3] == PLACED
    drafted, approved, requested = (view(each) for each in step.decisions[:3])
    seq = step.first_seq
    assert (drafted["order"], drafted["ref"]) == (terms.order_key(seq), seq)
    assert (approved["ref"], requested["ref"]) == (seq + 1, seq + 2)
    assert (requested["price"], requested["qty"], requested["ts_recv"]) == (9_900, 5, BEGIN + 1)
    assert ends(step)
    assert engine.state.orders[0]["state"] == OrderState.APPROVED


def test_terms_follow_the_draft_they_belong_to():
    engine = begun()
    stop = order(9_900, 5, type=terms.OrderType.STOP_LIMIT, more=1, sell=1)
    step = engine.take(step_of(stop, row(r.TERMS, 9_950, 0, 0, 0, 0, instrument=LINEAR)))
    assert kinds(step)[:2] == ["order.drafted", "order.terms"]
    assert view(step.decisions[1])["ref"] == step.first_seq + 2
    assert engine.state.orders[0]["trigger"] == 9_950
    assert is_decision(step.rows).tolist() == [False, False] + [True] * len(step.decisions)


def test_what_cannot_become_an_order_is_refused():
    engine = begun()
    step = engine.take(order(9_900, 5, instrument=7))
    assert kinds(step)[:2] == ["order.drafted", "risk.refused"]


def test_a_cancel_asks_for_one_order_or_for_all_of_an_instrument():
    engine = begun()
    placed = engine.take(step_of(order(9_900, 5), order(9_800, 5), order(9_700, 5, instrument=SPOT)))
    assert kinds(placed).count("order.requested") == 3
    key = terms.order_key(placed.first_seq)
    one = engine.take(order(0, 0, key=key, action=terms.Action.CANCEL))
    assert kinds(one)[:1] == ["order.cancel_requested"]
    assert view(one.decisions[0])["rest"] == 5
    rest = engine.take(order(0, 0, action=terms.Action.CANCEL))
    assert kinds(rest).count("order.cancel_requested") == 1
    assert view(rest.decisions[0])["order"] == terms.order_key(placed.first_seq + 1)


def test_an_unknown_order_cannot_be_canceled_or_amended():
    engine = begun()
    for action in (terms.Action.CANCEL, terms.Action.AMEND):
        step = engine.take(order(1, 1, key=terms.order_key(999), action=action))
        assert kinds(step)[:1] == ["risk.refused"]
        assert view(step.decisions[0])["ref"] == step.first_seq


def test_an_amendment_is_drafted_and_requested_and_a_second_one_waits():
    engine = begun()
    placed = engine.take(order(9_900, 5))
    key = terms.order_key(placed.first_seq)
    engine.take(step_of(report(r.DISPATCHED, key, 0, 0, 0), report(r.ACCEPTED, key, 55, 0, 1)))
    step = engine.take(step_of(order(9_950, 0, key=key, action=2), order(9_960, 0, key=key, action=2)))
    assert kinds(step)[:5] == [
        "order.drafted", "risk.approved", "order.amend_requested", "order.drafted", "risk.refused",
    ]  # fmt: skip
    assert view(step.decisions[2])["qty"] == 5


def test_a_market_row_alone_decides_nothing_but_pnl():
    engine = begun()
    engine.take(order(9_900, 5, ts=BEGIN + 1))
    assert kinds(engine.take(trade(LINEAR, 10_001, 2, BEGIN + 2))) == []
    later = engine.take(trade(LINEAR, 10_001, 3, BEGIN + SECOND))
    assert set(kinds(later)) == {"pnl.update"}
    assert view(later.decisions[0])["ref"] == later.first_seq


def test_intents_are_resolved_drafted_and_judged_in_order():
    said = []
    engine = begun(minds=Script(lambda *_: said), strategies=1)
    said.append(intent(9_900, 5))
    step = engine.take(trade(LINEAR, 10_001, 2, BEGIN + 2))
    assert kinds(step)[:5] == ["strategy.intent", "instrument.resolved", *PLACED]
    wanted, resolved, drafted = (view(each) for each in step.decisions[:3])
    seq = step.first_seq + 1
    assert (wanted["ref"], resolved["ref"], drafted["ref"]) == (step.first_seq, seq, seq + 1)
    assert drafted["order"] == terms.order_key(seq)


def test_a_plain_fold_of_the_journal_gives_the_same_state():
    said = []
    engine = Engine(new_state(), Script(lambda *_: said))
    steps = [engine.take(opening(strategies=1))]
    said.append(intent(9_900, 5))
    steps.append(engine.take(step_of(trade(LINEAR, 10_001, 2, BEGIN + 2), order(9_000, 3, ts=BEGIN + 3))))
    said.clear()
    for seq in range(2, 40):
        steps.append(engine.take(order(9_000 + seq, 3, ts=BEGIN + seq * SECOND // 3)))
    steps.append(engine.take(row(r.LISTED, 2 | 3 << 8 | 2 << 16, 1, 1, 10**8, 1, instrument=9)))
    assert differing(engine.state, folded(steps)) == []


def test_a_step_ends_where_the_engine_says():
    """Flags of a step's end in what comes in mean nothing; the last row of the step has it, and no other."""
    marked, bare = begun(), begun()
    inputs = step_of(trade(LINEAR, 10_000, 5), order(9_900, 5), trade(LINEAR, 10_001, 6))
    flagged = inputs.copy()
    flagged["flags"] |= STEP_END
    for rows in (inputs, inputs[:1]):
        one, two = bare.take(rows), marked.take(flagged[: len(rows)])
        assert one.rows.tobytes() == two.rows.tobytes()
        assert np.flatnonzero(two.rows["flags"] & STEP_END).tolist() == [len(two.rows) - 1]
        assert state_hash(bare.state) == state_hash(marked.state)
    assert (flagged["flags"] & STEP_END).all(), "not changed"
