"""What orders alone changed is settled to the same numbers as if the whole were settled."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.chance import Chance
from tests.engine.sessions import differing
from veloz.contracts.kernel import entry
from veloz.engine.verify import copy_state
from veloz.reducers.settle import settle
from veloz.reducers.state import State
from veloz.reducers.words import I


@entry
def settle_whole(state: State, now: I) -> I:
    settle(state, now)
    return now


def compare(state: State) -> int:
    """1: a whole settlement changes nothing; 0: prices or rates have moved since the last one, so nothing can be said."""
    again = copy_state(state)
    settle_whole(again, I(int(state.clock[0]["now_ns"])))
    if again.terms["mark"].tolist() != state.terms["mark"].tolist() or again.assets.tobytes() != state.assets.tobytes():
        return 0
    again.terms["reference_ns"] = state.terms["reference_ns"]
    for name in ("tallies", "breakers"):  # feeds are watched once a settlement
        getattr(again, name)[:] = getattr(state, name)
    assert differing(again, state) == []
    return 1


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.booleans())
def test_a_retelling_is_a_settlement(seed: int, hedge: bool) -> None:
    chance = Chance(seed, hedge=hedge)
    for _ in chance.steps(40):
        compare(chance.engine.state)


def test_most_steps_can_be_compared() -> None:
    chance = Chance(11)
    assert sum(compare(chance.engine.state) for _ in chance.steps(80)) > 20
