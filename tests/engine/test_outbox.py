"""No way into the outbox but through the gate: every other one is tried."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from tests.engine.sessions import BEGIN, LINEAR, begun, order, report, row, step_of
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.terms import SPEC, Action, client_id, order_key, pack
from veloz.engine import minting, outbox
from veloz.engine.outbox import Outbox, Request, UnapprovedError
from veloz.engine.step import Step


def placed():
    """An engine, the step of one placed order, and the engine's state."""
    engine = begun()
    return engine, engine.take(order(9_900, 5, ts=BEGIN + 1))


def forged(step: Step, **changes: object) -> Step:
    return step._replace(rows=step.rows.copy())._replace(**changes)


def test_an_approved_order_is_released_once_and_only_when_durable():
    engine, step = placed()
    assert engine.outbox.release(step.last_seq - 1) == []
    (request,) = engine.outbox.release(step.last_seq)
    assert engine.outbox.release(step.last_seq + 100) == []
    assert (request.action, request.price, request.qty, request.instrument) == (Action.PLACE, 9_900, 5, LINEAR)
    assert request.client_id == client_id(1, order_key(step.first_seq))
    assert request.seq == step.first_seq + 3


def test_cancels_and_amendments_are_requests_too():
    engine, step = placed()
    key = order_key(step.first_seq)
    engine.take(step_of(report(r.DISPATCHED, key, 0, 0, 0), report(r.ACCEPTED, key, 55, 0, 1)))
    amended = engine.take(order(9_950, 7, key=key, action=Action.AMEND))
    canceled = engine.take(order(0, 0, key=key, action=Action.CANCEL))
    made = engine.outbox.release(canceled.last_seq)
    assert [(each.action, each.price, each.qty) for each in made] == [
        (Action.PLACE, 9_900, 5), (Action.AMEND, 9_950, 7), (Action.CANCEL, 0, 7),
    ]  # fmt: skip
    assert made[1].venue_order == 55
    assert amended.last_seq < made[2].seq


def test_a_refused_draft_leaves_nothing():
    engine = begun()
    step = engine.take(order(9_900, 5, instrument=7))
    assert r.GATE_REFUSED.number in step.decisions["kind"]
    assert len(engine.outbox) == 0


def test_a_request_cannot_be_made_by_hand():
    engine, step = placed()
    (real,) = engine.outbox.release(step.last_seq)
    parts = {name: getattr(real, name) for name in Request.__annotations__}
    for seal in (None, object(), True, "seal", Request):
        with pytest.raises(UnapprovedError):
            Request(seal, parts)
    with pytest.raises(TypeError):
        Request(**parts)
    with pytest.raises(UnapprovedError):
        type("Mine", (Request,), {})
    with pytest.raises(AttributeError):
        _ = Request.__new__(Request).price  # an empty shell says nothing


def test_a_request_is_not_copied_stored_or_changed():
    engine, step = placed()
    (real,) = engine.outbox.release(step.last_seq)
    for way in (copy.copy, copy.deepcopy, pickle.dumps, lambda each: copy.replace(each, qty=9)):
        with pytest.raises((UnapprovedError, TypeError, AttributeError)):
            way(real)
    with pytest.raises(UnapprovedError):
        real.qty = 9
    with pytest.raises(UnapprovedError):
        del real.qty
    assert real.qty == 5


def test_the_outbox_takes_steps_only_and_each_once():
    engine, step = placed()
    (real,) = engine.outbox.release(step.last_seq)
    fresh = Outbox()
    assert not [name for name in vars(Outbox) if name in ("put", "append", "extend", "add", "push")]
    with pytest.raises(AttributeError):
        fresh.hold(real, engine.state)
    with pytest.raises(UnapprovedError):
        engine.outbox.hold(step, engine.state)
    engine.outbox.drop()
    assert len(engine.outbox) == 0


@pytest.mark.parametrize("word", ["order", "price", "qty", "spec", "instrument", "ref"])
def test_a_forged_request_row_is_refused(word):
    engine, step = placed()
    fake = forged(step)
    at = step.inputs + 2
    assert fake.rows[at]["kind"] == r.REQUESTED.number
    fake.rows[at : at + 1].view(r.REQUESTED.view)[word] += 1
    fresh = Outbox()
    with pytest.raises(UnapprovedError):
        fresh.hold(fake, engine.state)
    assert len(fresh) == 0


@pytest.mark.parametrize(("place", "kind"), [(0, r.PNL), (1, r.GATE_REFUSED), (1, r.DRAFTED), (2, r.AMEND_REQUESTED)])
def test_a_forged_chain_is_refused(place, kind):
    engine, step = placed()
    fake = forged(step)
    fake.rows[step.inputs + place]["kind"] = kind.number
    with pytest.raises(UnapprovedError):
        Outbox().hold(fake, engine.state)


def test_a_whole_forged_chain_is_refused_by_the_state():
    engine, step = placed()
    other = begun()
    other.take(order(9_900, 5, instrument=7))
    with pytest.raises(UnapprovedError):
        Outbox().hold(step, other.state)
    late = forged(step, first_seq=step.first_seq + 50)
    with pytest.raises(UnapprovedError):
        Outbox().hold(late, engine.state)


def test_a_request_that_came_in_from_outside_is_refused():
    engine = begun()
    word = pack(SPEC, account=2)
    outside = row(r.REQUESTED, order_key(5), 9_900, 5, 4, word, instrument=LINEAR)
    with pytest.raises(UnapprovedError):
        Outbox().hold(SimpleNamespace(first_seq=19, inputs=1, rows=outside), engine.state)


def test_a_cancel_of_nothing_is_refused():
    engine, _ = placed()
    word = pack(SPEC, action=terms.Action.CANCEL, account=2)
    fake = SimpleNamespace(
        first_seq=999, inputs=0, rows=row(r.CANCEL_REQUESTED, order_key(5), 0, 5, 4, word, instrument=LINEAR)
    )
    with pytest.raises(UnapprovedError):
        Outbox().hold(fake, engine.state)


def test_nothing_of_a_step_is_kept_when_one_row_is_forged():
    engine = begun()
    step = engine.take(step_of(order(9_900, 5), order(9_800, 5)))
    asked = np.flatnonzero(step.rows["kind"] == r.REQUESTED.number)
    assert len(asked) == 2
    fake = forged(step)
    fake.rows[asked[1]]["price"] += 1
    fresh = Outbox()
    with pytest.raises(UnapprovedError):
        fresh.hold(fake, engine.state)
    assert len(fresh) == 0


def test_the_seal_is_not_handed_out():
    assert "_SEAL" not in outbox.__all__
    assert not hasattr(outbox, "_SEAL")
    assert not [name for name, value in vars(Request).items() if value is minting._SEAL]
