"""Laws of the step, over random sessions: a plain fold gives the same state however it is cut, causes are earlier."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.chance import Chance
from tests.engine.sessions import differing, ends, view
from veloz.contracts import registry as r
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state

SEEDS = st.integers(0, 2**31)


@settings(deadline=None, max_examples=15)
@given(SEEDS, st.booleans())
def test_a_plain_fold_gives_the_same_state_after_every_step(seed, hedge):
    chance, state = Chance(seed, hedge=hedge), new_state()
    for step in chance.steps(40):
        assert ends(step)
        state = fold(state, step.rows, step.first_seq)
        assert differing(chance.engine.state, state) == [], (seed, step.first_seq)


@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_a_fold_in_any_pieces_gives_the_same_state(seed):
    chance = Chance(seed)
    rows = np.concatenate([step.rows for step in chance.steps(40)])
    cuts = sorted(chance.draw.sample(range(1, len(rows)), 9))
    state, first = new_state(), 0
    for cut in [*cuts, len(rows)]:
        state = fold(state, rows[first:cut], first + 1)
        first = cut
    assert differing(chance.engine.state, state) == []


@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_causes_are_earlier_and_in_the_same_step_or_before(seed):
    for step in Chance(seed).steps(40):
        for place, each in enumerate(step.decisions):
            seq = step.first_seq + step.inputs + place
            assert 0 < view(each)["ref"] < seq
            assert each["ts_event"] == 0


@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_what_is_requested_was_approved_and_what_was_approved_is_requested(seed):
    for step in Chance(seed).steps(40):
        approved = {}
        for place, each in enumerate(step.decisions):
            if each["kind"] == r.APPROVED.number:
                approved[step.first_seq + step.inputs + place] = each
            elif each["kind"] in (r.REQUESTED.number, r.AMEND_REQUESTED.number):
                assert approved.pop(int(view(each)["ref"]))["venue_seq"] == view(each)["order"]
        assert not approved
