"""Stop levels against strategies and a venue that do what they like; a twin (`oracles/naive_risk.py`) says what a request could do.

Behind a stop, until it is taken back, no request makes larger what its position could become with every open order filled. At PAUSE, and
of the engine's own, orders that can only reduce are looked at alone. From HALT on only the engine asks. No order of the engine is larger,
when it is filled, than what is held, however late or wrong the venue's words were.
"""

import pytest

from tests.engine.hostile import Hostile
from tests.engine.sessions import SECOND
from tests.lanes import cases
from veloz.contracts.codes import RESUME_PHRASE, StopLevel, phrase_number
from veloz.contracts.terms import ScopeKind
from veloz.reducers.holdings import positions

RESUME = phrase_number(RESUME_PHRASE)


def stopped(seed: int, before: int = 4, after: int = 4) -> Hostile:
    """A session with several stops, and resumes in between."""
    one = Hostile(seed)
    for _ in range(before):
        one.go_on(one.by_hand(), one.by_hand())
    one.go_on(one.by_hand(), *(one.any_stop() for _ in range(one.draw.choice((1, 1, 2, 3)))), one.by_hand())
    for _ in range(after):
        rows = [one.by_hand()]
        if one.draw.random() < 0.15:
            kind, number = one.draw.choice(((0, 0), (4, 1), (3, 2)))
            rows.append(one.stop(StopLevel.RUN, kind, number, RESUME))
        if one.draw.random() < 0.2:
            rows.append(one.any_stop())
        one.go_on(*rows, one.by_hand())
    return one


def check(one: Hostile, seed: int) -> None:
    assert one.larger == [], (seed, one.larger[0])
    assert one.venue.passed == [], (seed, one.venue.passed[0])


def flattened(seed: int) -> Hostile:
    """The same, then FLATTEN of everything; the venue refuses for a while, then answers everything."""
    one = stopped(seed)
    one.venue.whole = True
    one.go_on(one.stop(StopLevel.FLATTEN, ScopeKind.GLOBAL, 0))
    one.venue.refuses = one.draw.random() < 0.5
    for _ in range(4):
        one.go_on(one.by_hand(), wait=(SECOND, 20 * SECOND))
    one.venue.refuses, one.venue.kind = False, True
    for _ in range(12):
        one.go_on(wait=(65 * SECOND,))
    return one


def check_end(one: Hostile, seed: int) -> None:
    check(one, seed)
    assert {at: qty for at, qty in one.venue.held.items() if qty} == {}, seed
    assert [each for each in positions(one.engine.state) if each.qty and each.strategy == -1] == [], seed


@pytest.mark.parametrize("block", range(cases(10, 4)))
def test_nothing_adds_risk_behind_a_stop_and_nothing_is_closed_through_zero(block):
    told = {"engine": 0, "others": 0}
    for seed in range(24 * block, 24 * block + 24):
        one = stopped(seed)
        check(one, seed)
        for who, count in one.told.items():
            told[who] += count
    assert told["engine"] > 5, "levels of FLATTEN had something to close"
    assert told["others"] > 50, "strategies and persons were heard before"


@pytest.mark.parametrize("block", range(cases(6, 2)))
def test_a_flatten_that_is_answered_in_the_end_ends_at_nothing(block):
    for seed in range(10 * block, 10 * block + 10):
        check_end(flattened(seed), seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_stops_hold_in_many_sessions(block):
    for seed in range(1_000 + 100 * block, 1_100 + 100 * block):
        check(stopped(seed, 8, 10), seed)
        check_end(flattened(seed), seed)
