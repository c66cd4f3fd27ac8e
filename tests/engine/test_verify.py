"""Decisions taken again: nothing differs where nothing was changed; one changed row is found, and found once."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.chance import Chance
from tests.engine.sessions import BEGIN, LINEAR, begun, order, trade
from veloz.contracts import registry as r
from veloz.contracts.layout import STEP_END
from veloz.engine.step import Step, is_decision
from veloz.engine.verify import COPY_EVERY, Verifier
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state, state_hash


def recorded(seed: int, steps: int = 30) -> tuple[Chance, np.ndarray]:
    """A random session without strategies, as one array of rows."""
    chance = Chance(seed, strategies=False)
    return chance, np.concatenate([step.rows for step in chance.steps(steps)])


def verify(rows: np.ndarray, cuts: tuple[int, ...] = ()) -> Verifier:
    verifier = Verifier(new_state())
    first = 0
    for cut in (*cuts, len(rows)):
        verifier.feed(first + 1, rows[first:cut])
        first = cut
    return verifier


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31))
def test_nothing_differs_where_nothing_was_changed(seed):
    chance, rows = recorded(seed)
    found = verify(rows)
    assert found.divergences == []
    assert found.decisions == int(is_decision(rows).sum())
    assert state_hash(found.state) == state_hash(chance.engine.state)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31))
def test_a_recording_that_stops_within_a_step_is_verified_as_far_as_it_goes(seed):
    _, rows = recorded(seed, 20)
    for cut in Random(seed).sample(range(1, len(rows)), 5):
        found = verify(rows[:cut])
        assert found.divergences == []
        assert state_hash(found.state) == state_hash(fold(new_state(), rows[:cut], 1))


def tampered(rows: np.ndarray, at: int, word: str, value: int) -> np.ndarray:
    changed = rows.copy()
    changed[at][word] = value
    return changed


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_a_changed_decision_is_found_where_it_stands(seed):
    draw = Random(seed)
    _, rows = recorded(seed, 20)
    at = draw.choice(np.flatnonzero(is_decision(rows)).tolist())
    word = draw.choice(("venue_seq", "price", "qty", "ref", "aux", "instrument", "ts_recv", "kind"))
    value = r.ACCEPTED.number if word == "kind" else int(rows[at][word]) ^ 1 << draw.randrange(12)
    found = verify(tampered(rows, at, word, value))
    assert found.divergences[0].seq == at + 1, (at, word)
    assert found.divergences[0].recorded != found.divergences[0].recomputed


def test_one_wrong_decision_is_one_difference():
    _, rows = recorded(5)
    at = np.flatnonzero(rows["kind"] == r.APPROVED.number).tolist()[1]
    found = verify(tampered(rows, at, "aux", 77))
    assert [(each.seq, each.kind, each.field, each.recorded) for each in found.divergences] == [
        (at + 1, "risk.approved", "limits_version", "77")
    ]
    assert found.divergences[0].cause_seq == at
    assert state_hash(found.state) == state_hash(fold(new_state(), tampered(rows, at, "aux", 77), 1))


def rows_of(steps: list[Step]) -> np.ndarray:
    return np.concatenate([step.rows for step in steps])


@pytest.mark.parametrize("what", ["missing", "extra"])
def test_missing_and_extra_decisions_differ(what):
    engine = begun()
    first = int(engine.state.clock[0]["seq"]) + 1
    step = engine.take(order(9_900, 5, ts=BEGIN + 1))
    rows = step.rows[:-1].copy() if what == "missing" else np.concatenate([step.rows, step.rows[-1:]])
    rows["flags"] &= 0xFF ^ STEP_END
    rows["flags"][-1] |= STEP_END
    verifier = Verifier(begun().state, last_seq=first - 1)
    verifier.feed(first, rows)
    said = verifier.divergences[0]
    if what == "missing":
        assert (said.seq, said.field) == (first + len(rows) - 1, "flags")
    else:
        assert (said.seq, said.field, said.recomputed) in (
            (first + len(rows) - 2, "flags", str(STEP_END)),
            (first + len(rows) - 1, "kind", "nothing"),
        )


def test_a_step_of_decisions_alone_differs():
    engine = begun()
    first = int(engine.state.clock[0]["seq"]) + 1
    rows = engine.take(order(9_900, 5, ts=BEGIN + 1)).rows[1:].copy()
    verifier = Verifier(begun().state, last_seq=first - 1)
    verifier.feed(first, rows)
    assert (verifier.divergences[0].seq, verifier.divergences[0].recomputed) == (first, "nothing")


def test_calm_stretches_are_folded_as_they_are():
    engine = begun()
    first = int(engine.state.clock[0]["seq"]) + 1
    rows = np.concatenate([trade(LINEAR, 10_000 + k % 7, 10 + k, BEGIN + k) for k in range(COPY_EVERY // 64)])
    rows["flags"] |= STEP_END
    verifier = Verifier(begun().state, last_seq=first - 1)
    verifier.feed(first, rows)
    assert verifier.divergences == []
    assert verifier.records == len(rows)
    assert state_hash(verifier.state) == state_hash(fold(begun().state, rows, first))
