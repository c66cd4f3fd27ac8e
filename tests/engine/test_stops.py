"""Stop levels at the step: nothing that adds risk has a cause behind the command; CANCEL takes back what rests, FLATTEN closes."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.chance import Chance
from tests.engine.sessions import (
    BEGIN,
    FUTURES_ACCOUNT,
    LINEAR,
    SPOT,
    SPOT_ACCOUNT,
    Script,
    begun,
    intent,
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
from veloz.contracts.codes import RESUME_PHRASE, StopLevel, phrase_number
from veloz.contracts.terms import Origin, order_key
from veloz.engine.step import Step
from veloz.engine.verify import copy_state
from veloz.reducers.fold import fold
from veloz.reducers.order_table import OVER_STATES
from veloz.reducers.state import State

GLOBAL = terms.scope(terms.ScopeKind.GLOBAL)
ASKED = (r.REQUESTED.number, r.AMEND_REQUESTED.number)


def stop(level: int, scope: int = GLOBAL, phrase: int = 0):
    return row(r.COMMAND_STOP, scope, level, phrase, 7, 0, ts=BEGIN + 5)


def furthest(state: State, order: np.void, besides: int = 0) -> int:
    """How large the position that an order trades can become on its side, all open orders filled the worst way; `besides`: without it.

    Plain orders carry it as far as they are large, those that can only reduce no further than to nothing.
    """
    mine = terms.unpack(terms.SPEC, int(order["spec"]))
    sell, side = mine["sell"], mine["position_side"]
    where = (order["instrument"], order["account"])
    held = [
        int(p["qty"])
        for p in state.positions
        if (p["instrument"], p["account"]) == where and (p["side"], p["strategy"]) == (side, -1)
    ]
    toward = -sum(held) if sell else sum(held)
    plain = reducing = 0
    for each in state.orders:
        spec = terms.unpack(terms.SPEC, int(each["spec"]))
        if each["key"] in (0, besides) or each["state"] in OVER_STATES or each["approved_seq"] == 0:
            continue
        if (each["instrument"], each["account"]) != where or (spec["sell"], spec["position_side"]) != (sell, side):
            continue
        rest = max(0, max(int(each["qty"]), int(each["pending_qty"])) - int(each["traded"]))
        if spec["reduce_only"] or side == (terms.PositionSide.LONG if sell else terms.PositionSide.SHORT):
            reducing += rest
        else:
            plain += rest
    return max(0, toward + plain + min(reducing, max(-toward, 0)))


def increasing(state: State, step: Step) -> tuple[State, list[int]]:
    """The state after a step, and its requests, by their rows, that could make a position larger than it could become without them."""
    found = []
    for place, each in enumerate(step.rows):
        seq = step.first_seq + place
        state = fold(state, step.rows[place : place + 1], seq)
        if each["kind"] == r.REQUESTED.number:
            key = int(view(each)["order"])
            order = next(known for known in state.orders if known["key"] == key)
            if furthest(state, order) > furthest(state, order, besides=key):
                found.append(seq)
    return state, found


def behind(step: Step, known: dict[int, int]) -> list[tuple[int, int, dict[str, int]]]:
    """Row, input behind it, and spec of every order or amendment that was requested in a step."""
    found = []
    for place, each in enumerate(step.rows):
        seq = step.first_seq + place
        known[seq] = known.get(int(view(each)["ref"]), seq) if place >= step.inputs else seq
        if each["kind"] in ASKED:
            found.append((seq, known[seq], terms.unpack(terms.SPEC, int(view(each)["spec"]))))
    return found


def roots(step: Step, known: dict[int, int]) -> list[tuple[int, dict[str, int]]]:
    """(sequence number of the input behind it, its spec) of every order or amendment that was requested in a step."""
    return [(root, spec) for _, root, spec in behind(step, known)]


@settings(deadline=None, max_examples=12)
@given(
    st.integers(0, 2**31),
    st.sampled_from([StopLevel.PAUSE, StopLevel.REDUCE, StopLevel.HALT, StopLevel.CANCEL, StopLevel.FLATTEN]),
)
def test_nothing_that_adds_risk_has_a_cause_behind_the_stop(seed, level):
    draw = Random(seed)
    chance = Chance(seed)
    list(chance.steps(15))
    chance.command = chance.market  # nobody resumes
    before = [chance.by_hand() for _ in range(2)]
    after = [chance.by_hand() for _ in range(3)]
    first = int(chance.engine.state.clock[0]["seq"]) + 1
    standing = copy_state(chance.engine.state)
    halted = chance.engine.take(step_of(*before, stop(level), *after))
    known: dict[int, int] = {}
    at = first + sum(map(len, before))
    steps = [halted]
    for _ in range(15):
        chance.now += draw.choice((1, 10**9))
        steps.append(chance.engine.take(chance.inputs()))
    for step in steps:
        standing, larger = increasing(standing, step)
        for seq, root, spec in behind(step, known):
            if root > at:
                assert seq not in larger, (seed, level, seq, spec)
                assert level < StopLevel.HALT or spec["origin"] == Origin.ENGINE, (seed, level, seq, spec)


@pytest.mark.parametrize(
    "level", [StopLevel.PAUSE, StopLevel.REDUCE, StopLevel.HALT, StopLevel.CANCEL, StopLevel.FLATTEN]
)
def test_a_flat_desk_requests_nothing_behind_any_stop(level):
    engine = begun(minds=Script(lambda *_: [intent(9_900, 5, strategy=1)]), strategies=1)
    step = engine.take(step_of(order(9_800, 5, ts=BEGIN + 5), stop(level), order(9_700, 5, ts=BEGIN + 5)))
    known: dict[int, int] = {}
    assert [root for root, _ in roots(step, known)] == [step.first_seq]
    for ts in range(6, 20):
        later = engine.take(step_of(trade(LINEAR, 10_000, ts, BEGIN + ts), order(9_600, 5, ts=BEGIN + ts)))
        assert roots(later, known) == []


def test_cancel_takes_back_every_open_order_of_the_scope():
    engine = begun()
    placed = engine.take(step_of(order(9_900, 5), order(9_800, 5), order(9_700, 5, instrument=SPOT)))
    step = engine.take(stop(StopLevel.CANCEL, terms.scope(terms.ScopeKind.INSTRUMENT, LINEAR)))
    assert kinds(step)[:3] == ["risk.stopped", "order.cancel_requested", "order.cancel_requested"]
    assert {int(view(each)["ref"]) for each in step.decisions[1:3]} == {step.first_seq + 1}
    late = engine.take(report(r.ACCEPTED, order_key(placed.first_seq + 2), 9, 0, 9, instrument=SPOT, ts=BEGIN + 9))
    assert "order.cancel_requested" not in kinds(late)


def test_an_order_that_shows_up_later_is_canceled_then():
    engine = begun()
    placed = engine.take(order(9_900, 5))
    key = order_key(placed.first_seq)
    engine.take(report(r.SILENT, key, 0, 0, 0))
    first = engine.take(stop(StopLevel.CANCEL))
    assert kinds(first).count("order.cancel_requested") == 1
    engine.take(report(r.SILENT, key, 1, 0, 0, ts=BEGIN + 6))
    late = engine.take(report(r.ACCEPTED, key, 9, 0, 9, ts=BEGIN + 9))
    assert kinds(late).count("order.cancel_requested") == 1
    assert view(late.decisions[0])["ref"] == late.first_seq


def filled(engine, sell: int, qty: int, number: int, ts: int = BEGIN + 2):
    """An order by hand, executed."""
    step = engine.take(order(9_990, qty, sell=sell, ts=ts))
    key = order_key(step.first_seq)
    fill = report(r.FILLED, key, 9_990, qty, number, sell=sell, ts=ts)
    return engine.take(step_of(fill, report(r.ACCEPTED, key, number, qty, number, sell=sell, ts=ts)))


def test_flatten_closes_what_is_held_once_and_closes_later_fills_again():
    engine = begun()
    open_step = engine.take(order(9_980, 4, ts=BEGIN + 2))
    filled(engine, 0, 5, 50)
    step = engine.take(stop(StopLevel.FLATTEN))
    assert kinds(step)[:2] == ["risk.stopped", "order.cancel_requested"]
    drafts = [view(each) for each in step.decisions if each["kind"] == r.DRAFTED.number]
    assert [int(each["qty"]) for each in drafts] == [5]
    spec = terms.unpack(terms.SPEC, int(drafts[0]["spec"]))
    assert (spec["sell"], spec["reduce_only"], spec["origin"], spec["type"]) == (
        1,
        1,
        Origin.ENGINE,
        terms.OrderType.MARKET,
    )
    assert kinds(step).count("order.requested") == 1
    again = engine.take(stop(StopLevel.FLATTEN))
    assert "order.drafted" not in kinds(again)
    key = order_key(open_step.first_seq)
    late = engine.take(report(r.FILLED, key, 9_980, 4, 51, ts=BEGIN + 9))
    drafts = [view(each) for each in late.decisions if each["kind"] == r.DRAFTED.number]
    assert [int(each["qty"]) for each in drafts] == [4]


def test_resuming_needs_the_phrase_and_then_orders_pass():
    engine = begun()
    engine.take(stop(StopLevel.HALT))
    assert "order.requested" not in kinds(engine.take(order(9_900, 5, ts=BEGIN + 6)))
    engine.take(stop(StopLevel.RUN))
    assert "order.requested" not in kinds(engine.take(order(9_901, 5, ts=BEGIN + 6)))
    resume = stop(StopLevel.RUN, phrase=phrase_number(RESUME_PHRASE))
    assert kinds(engine.take(resume)) == ["risk.command_refused"]
    for account in (SPOT_ACCOUNT, FUTURES_ACCOUNT):
        engine.take(step_of(*(row(r.STATEMENT, account, phase, 0, 9, 0, ts=BEGIN + 6) for phase in (0, 1))))
    assert kinds(engine.take(resume)) == ["risk.stopped"]
    assert "order.requested" in kinds(engine.take(order(9_902, 5, ts=BEGIN + 6)))


def test_flatten_of_spot_and_of_hedged_sides_says_what_the_venue_knows():
    engine = begun(hedge=1)
    for instrument, side in ((SPOT, 0), (LINEAR, terms.PositionSide.SHORT)):
        sell = int(side == terms.PositionSide.SHORT)
        step = engine.take(order(9_990, 3, instrument=instrument, sell=sell, position_side=side, ts=BEGIN + 2))
        assert "order.requested" in kinds(step)
        key = order_key(step.first_seq)
        engine.take(report(r.FILLED, key, 9_990, 3, 70, instrument=instrument, sell=sell, position_side=side))
        engine.take(report(r.ACCEPTED, key, 7, 3, 71, instrument=instrument, sell=sell, position_side=side))
    step = engine.take(stop(StopLevel.FLATTEN))
    asked = [view(each) for each in step.decisions if each["kind"] == r.REQUESTED.number]
    said = [(int(each["instrument"]), int(each["qty"]), terms.unpack(terms.SPEC, int(each["spec"]))) for each in asked]
    assert [(where, qty, spec["sell"], spec["position_side"], spec["reduce_only"]) for where, qty, spec in said] == [
        (SPOT, 3, 1, 0, 0), (LINEAR, 3, 0, terms.PositionSide.SHORT, 0),
    ]  # fmt: skip
