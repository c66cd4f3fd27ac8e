"""Stop levels, breakers, and the check after the trade."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.engine.sessions import row
from tests.risk.floor import HEDGED, ONE_WAY, OTHER, PERP, SECOND, Floor
from veloz.contracts import codes, terms
from veloz.contracts import registry as r
from veloz.contracts.codes import RESUME_PHRASE, Breaker, BreakerState, Refusal, StopLevel, StopSource, StrategyStatus
from veloz.contracts.layout import FIRST, LAST, SNAPSHOT
from veloz.contracts.terms import Action, OrderType, Origin, PositionSide, ScopeKind, TimeInForce
from veloz.reducers import stops
from veloz.reducers.stops import ASK_TABLE, BREAKER_TABLE, RESUME_TABLE, STRATEGY_TABLE, BreakerEvent, StrategyEvent
from veloz.reducers.tables import STAY
from veloz.reducers.words import I
from veloz.risk.breaker import check_fill
from veloz.risk.gate import VERDICT_WORDS

EVERYTHING = (ScopeKind.GLOBAL, 0)
CLEAN = [row(r.STATEMENT, account, phase, 0, 1, 0) for account in range(1, 5) for phase in (0, 1)]


def test_specs_hold_the_drawings(root: Path) -> None:
    assert (root / "specs/tables/stops.txt").read_text() == stops.stop_drawings()
    assert (root / "specs/tables/breaker.txt").read_text() == stops.breaker_drawing()
    assert (root / "specs/tables/strategies.txt").read_text() == stops.strategy_drawing()


def test_every_cell() -> None:
    for level, wanted in product(StopLevel, StopLevel):
        assert ASK_TABLE[level, wanted] == (wanted if wanted > level else STAY)
        assert RESUME_TABLE[level, wanted] == (wanted if wanted != level else STAY)
    assert [[int(cell) for cell in line] for line in BREAKER_TABLE] == [[1, STAY, STAY], [STAY, 0, 0]]
    assert {BreakerState(int(cell)) for cell in BREAKER_TABLE[BreakerState.OPEN, BreakerEvent.COOLED :]} == {
        BreakerState.CLOSED
    }
    starts = [
        StrategyStatus(k)
        for k, cell in enumerate(STRATEGY_TABLE[:, StrategyEvent.START])
        if cell == StrategyStatus.RUNNING
    ]
    assert starts == [StrategyStatus.LOADED, StrategyStatus.PAUSED, StrategyStatus.STOPPED, StrategyStatus.DISABLED]


LEVELS = [
    (StopLevel.RUN, (0, 0, 0)),
    (StopLevel.PAUSE, (Refusal.PAUSED, 0, Refusal.PAUSED)),
    (StopLevel.REDUCE, (Refusal.REDUCE_ONLY_LEVEL, 0, Refusal.REDUCE_ONLY_LEVEL)),
    (StopLevel.HALT, (Refusal.STOPPED,) * 3),
    (StopLevel.CANCEL, (Refusal.STOPPED,) * 3),
    (StopLevel.FLATTEN, (Refusal.STOPPED,) * 3),
]
SCOPES = (
    EVERYTHING,
    (ScopeKind.VENUE, 2),
    (ScopeKind.ACCOUNT, ONE_WAY),
    (ScopeKind.INSTRUMENT, PERP),
    (ScopeKind.STRATEGY, 1),
)


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope[0].name.lower())
@pytest.mark.parametrize(("level", "codes"), LEVELS)
def test_what_a_level_lets_pass(level: StopLevel, codes: tuple[int, int, int], scope: tuple[ScopeKind, int]) -> None:
    """Long 10: an entry, an exit of 10, an exit of 12 that would flip."""
    floor = Floor()
    floor.order(PERP, 10_000, 10, strategy=1)
    resting = floor.last_key()
    floor.fill(resting, 10_000, 8)
    floor.order(PERP, 9_990, 2, strategy=1)
    working = floor.last_key()
    floor.fill(resting, 10_000, 2)
    assert floor.stop(*scope, level) == ([0] if level else [Refusal.ALREADY])
    assert floor.order(PERP, 9_995, 2, strategy=1).code == codes[0]
    assert floor.judged(floor.draft(PERP, 10_005, 10, sell=1, strategy=1)[0]).code == codes[1]
    assert floor.judged(floor.draft(PERP, 10_005, 12, sell=1, strategy=1)[0]).code == codes[2]
    assert floor.amend(working, 9_985, 2).code == (codes[0] if level > StopLevel.PAUSE else 0)
    assert floor.cancel(working) == 0


def test_the_engine_flattens_what_everything_else_may_not_touch() -> None:
    floor = Floor()
    floor.order(PERP, 10_000, 10)
    floor.fill(floor.last_key(), 10_000, 10)
    floor.decide(r.FROZEN, terms.scope(ScopeKind.INSTRUMENT, PERP), Refusal.CONTRADICTION, 0, 1, 0)
    floor.stop(*EVERYTHING, StopLevel.FLATTEN)
    market = {"type": OrderType.MARKET, "origin": Origin.ENGINE, "reduce_only": 1}
    assert floor.order(PERP, 0, 12, sell=1, **market).code == Refusal.STOPPED
    assert floor.order(PERP, 0, 2, **market).code == Refusal.STOPPED
    assert floor.order(PERP, 0, 10, sell=1, **market).code == 0
    assert floor.order(PERP, 0, 2, sell=1, **market).code == Refusal.STOPPED
    floor.take(row(r.COMMAND_SETTLE, 0, 0, ONE_WAY, 1, instrument=PERP))
    assert floor.state.terms[PERP]["frozen"] == 0


def test_reducing_together() -> None:
    floor = Floor()
    floor.order(PERP, 10_000, 10)
    floor.fill(floor.last_key(), 10_000, 10)
    assert floor.order(PERP, 10_005, 6, sell=1, reduce_only=1).code == 0
    floor.report(r.SILENT, floor.last_key(), Action.PLACE, floor.now + SECOND, 1)
    said = floor.order(PERP, 10_010, 6, sell=1, reduce_only=1)
    assert (said.code, said.limit, said.observed) == (Refusal.REDUCE_ONLY, 10, 12)
    assert floor.order(PERP, 10_010, 4, sell=1, reduce_only=1).code == 0
    stop = {"type": OrderType.STOP_MARKET, "reduce_only": 1, "sell": 1}
    assert floor.order(PERP, 0, 10, more=(9_900, 0, 0, 0), **stop).code == 0
    assert floor.order(PERP, 0, 12, more=(9_900, 0, 0, 0), **stop).code == Refusal.REDUCE_ONLY
    assert floor.order(PERP, 9_990, 2, reduce_only=1).code == Refusal.REDUCE_ONLY
    closing = {"account": HEDGED, "position_side": PositionSide.SHORT}
    assert floor.order(PERP, 9_990, 2, **closing).code == Refusal.REDUCE_ONLY


def test_the_safest_source_holds_and_resuming_is_asked_for_twice() -> None:
    floor = Floor()
    assert floor.stop(*EVERYTHING, StopLevel.HALT) == [0]
    assert floor.stop(*EVERYTHING, StopLevel.CANCEL, StopSource.JOURNAL) == [0]
    assert floor.stop(*EVERYTHING, StopLevel.HALT) == [0], "a kill repeated is a row once more"
    assert floor.state.scopes[0]["level"] == StopLevel.CANCEL
    assert floor.stop(*EVERYTHING, StopLevel.RUN, StopSource.JOURNAL) == [Refusal.PHRASE_WRONG]
    assert floor.stop(*EVERYTHING, StopLevel.RUN, StopSource.JOURNAL, RESUME_PHRASE) == [Refusal.NOT_CLEAN]
    floor.take(*CLEAN)
    floor.decide(r.FROZEN, terms.scope(ScopeKind.INSTRUMENT, OTHER), Refusal.DIFFERS, 0, 1, 0)
    assert floor.stop(*EVERYTHING, StopLevel.RUN, StopSource.JOURNAL, RESUME_PHRASE) == [Refusal.NOT_CLEAN]
    floor.take(row(r.COMMAND_SETTLE, 0, 1, ONE_WAY, 1, instrument=OTHER))
    assert floor.stop(*EVERYTHING, StopLevel.RUN, StopSource.JOURNAL, "  Resume   TRADING ") == [0]
    assert floor.state.scopes[0]["level"] == StopLevel.HALT
    assert floor.stop(*EVERYTHING, StopLevel.PAUSE, StopSource.PERSON, RESUME_PHRASE) == [0]
    assert floor.stop(*EVERYTHING, StopLevel.RUN, StopSource.PERSON, RESUME_PHRASE) == [0]
    assert floor.stop(*EVERYTHING, StopLevel.RUN) == [Refusal.ALREADY]
    assert floor.stop(ScopeKind.STRATEGY, 99, StopLevel.HALT) == [Refusal.NOT_KNOWN]
    assert floor.stop(*EVERYTHING, StopLevel.FLATTEN + 1) == [Refusal.OUT_OF_BOUNDS]  # type: ignore[arg-type]


@pytest.mark.parametrize("severity", codes.Severity)
def test_nothing_is_resumed_while_money_differs(severity: codes.Severity) -> None:
    floor = Floor()
    assert floor.stop(*EVERYTHING, StopLevel.HALT) == [0]
    floor.take(*CLEAN)
    floor.decide(r.DIVERGED, 0, 100, 101, 1, codes.Difference.BALANCE | severity << 8 | ONE_WAY << 16)
    wanted = 0 if severity == codes.Severity.INFO else Refusal.NOT_CLEAN
    assert floor.stop(*EVERYTHING, StopLevel.RUN, StopSource.PERSON, RESUME_PHRASE) == [wanted]
    floor.take(*CLEAN)
    assert floor.stop(*EVERYTHING, StopLevel.RUN, StopSource.PERSON, RESUME_PHRASE) == [
        0 if wanted else Refusal.ALREADY
    ]


def set_breaker(floor: Floor, scope: tuple[ScopeKind, int], kind: Breaker, level: StopLevel, *words: int) -> list[int]:
    """control.breaker: threshold, window and cool-down."""
    return floor.command(row(r.COMMAND_BREAKER, terms.scope(*scope), kind | level << 8, *words, ts=floor.now))


def reject(floor: Floor, price: int) -> None:
    floor.order(PERP, price, 2)
    floor.report(r.REJECTED, floor.last_key(), -2010, 0, floor.seq)


def test_a_breaker_opens_on_its_number_and_closes_after_its_cool_down() -> None:
    floor = Floor()
    assert (
        set_breaker(
            floor, (ScopeKind.INSTRUMENT, PERP), Breaker.REJECTS, StopLevel.HALT, 500_000, 60 * SECOND, 10 * SECOND
        )
        == []
    )
    for each in range(9):
        reject(floor, 9_995 - 5 * each)
    assert floor.breakers() == []
    reject(floor, 9_900)
    assert floor.breakers() == [r.BREAKER.number, r.STOPPED.number]
    assert floor.breakers() == []
    assert floor.order(PERP, 10_000, 2).code == Refusal.STOPPED
    assert floor.order(OTHER, 10_000, 2).code == 0
    assert set_breaker(floor, (ScopeKind.INSTRUMENT, PERP), Breaker.REJECTS, StopLevel.HALT, 0, 0, 0) == [
        Refusal.BREAKER_OPEN
    ]
    assert floor.stop(ScopeKind.INSTRUMENT, PERP, StopLevel.RUN, StopSource.BREAKER, "no") == [Refusal.PHRASE_WRONG]
    floor.take(*CLEAN)
    assert floor.stop(ScopeKind.INSTRUMENT, PERP, StopLevel.RUN, StopSource.BREAKER, RESUME_PHRASE) == [
        Refusal.BREAKER_OPEN
    ]
    floor.now += 10 * SECOND - 1
    assert floor.breakers() == []
    floor.now += 1
    assert floor.breakers() == [r.BREAKER.number, r.STOPPED.number]
    assert floor.order(PERP, 10_000, 2).code == 0
    assert floor.breakers() == []


def test_a_breaker_without_a_cool_down_waits_for_a_person() -> None:
    floor = Floor()
    set_breaker(floor, EVERYTHING, Breaker.UNKNOWNS, StopLevel.RUN, 2, SECOND, 0)
    for each in range(2):
        floor.order(PERP, 9_990 - 5 * each, 2)
        floor.report(r.SILENT, floor.last_key(), Action.PLACE, floor.now + SECOND, 1)
        floor.now += SECOND // 2
    assert floor.breakers() == [r.BREAKER.number], "a level of RUN needs no row"
    assert floor.order(PERP, 10_000, 2).code == Refusal.BREAKER_OPEN
    floor.now += 1_000 * SECOND
    assert floor.breakers() == []
    floor.take(*CLEAN)
    assert floor.stop(*EVERYTHING, StopLevel.RUN, StopSource.BREAKER, RESUME_PHRASE) == [0, 0]
    assert floor.order(PERP, 10_000, 2).code == 0


@pytest.mark.parametrize(("gap", "opens"), [(SECOND // 3, True), (SECOND, False)])
def test_a_window_forgets(gap: int, opens: bool) -> None:
    floor = Floor()
    set_breaker(floor, EVERYTHING, Breaker.DIVERGENCES, StopLevel.PAUSE, 3, SECOND, SECOND)
    for _ in range(3):
        floor.now += gap
        floor.decide(r.DIVERGED, 0, 1, 2, 1, 1 << 8 | ONE_WAY << 16, instrument=PERP)
    assert bool(floor.breakers()) is opens


def test_losses_in_a_row_and_one_gain() -> None:
    floor = Floor()
    set_breaker(floor, (ScopeKind.ACCOUNT, ONE_WAY), Breaker.LOSSES, StopLevel.REDUCE, 2, 0, SECOND)

    def trip(into: int, out: int) -> None:
        for price, sell in ((into, 0), (out, 1)):
            assert floor.order(PERP, price, 2, sell=sell).code == 0
            floor.fill(floor.last_key(), price, 2)

    trip(10_000, 9_995)
    trip(10_000, 10_005)
    trip(10_000, 9_995)
    assert floor.breakers() == []
    trip(10_000, 9_995)
    assert floor.breakers() == [r.BREAKER.number, r.STOPPED.number]
    assert floor.order(PERP, 10_000, 2).code == Refusal.REDUCE_ONLY_LEVEL


def book(*words: int, instrument: int = PERP, snapshot: bool = False) -> np.ndarray:
    """md.level: one message of one row. Words: last id, price, quantity, first id, id before."""
    return row(r.LEVEL, *words, instrument=instrument, flags=FIRST | LAST | (SNAPSHOT if snapshot else 0))


@pytest.mark.parametrize("scope", SCOPES)
def test_gaps_of_a_feed_open_a_breaker_and_its_cool_down_closes_it(scope: tuple[ScopeKind, int]) -> None:
    floor = Floor()
    floor.take(book(1, 9_000, 5, 1, 0, instrument=OTHER), book(9, 9_000, 5, 9, 8, instrument=OTHER))
    set_breaker(floor, scope, Breaker.FEED, StopLevel.PAUSE, 2, 60 * SECOND, 10 * SECOND)
    assert floor.breakers() == [], "what was lost before it was set up is not its business"
    floor.take(book(10, 9_000, 5, 10, 0, snapshot=True), book(11, 9_005, 5, 11, 10))
    floor.now += SECOND
    floor.take()
    assert floor.breakers() == []
    assert floor.order(PERP, 10_000, 2, strategy=1).code == 0
    floor.take(book(15, 9_010, 5, 14, 13))  # a gap, and by it a broken book
    floor.now += SECOND
    floor.take()
    assert floor.breakers() == [r.BREAKER.number, r.STOPPED.number]
    said = floor.judged(floor.draft(PERP, 9_995, 2, strategy=1)[0])
    assert (said.code, said.scope) == (Refusal.PAUSED, scope)
    floor.take(book(20, 9_000, 5, 20, 0, snapshot=True), book(21, 9_005, 5, 21, 20))
    floor.now += 10 * SECOND - 1
    assert floor.breakers() == []
    floor.now += 1
    assert floor.breakers() == [r.BREAKER.number, r.STOPPED.number]
    assert floor.judged(floor.draft(PERP, 9_995, 2, strategy=1)[0]).code == 0
    floor.now += SECOND
    floor.take()
    assert floor.breakers() == [], "an old gap is counted once"


def test_a_feed_of_another_instrument_opens_nothing() -> None:
    floor = Floor()
    set_breaker(floor, (ScopeKind.INSTRUMENT, PERP), Breaker.FEED, StopLevel.HALT, 1, 60 * SECOND, 0)
    floor.take(*(book(at, 9_000, 5, at, at - 1, instrument=OTHER) for at in (1, 9, 20)))
    floor.now += SECOND
    floor.take()
    assert floor.breakers() == []


@pytest.mark.parametrize(
    ("parts", "price", "qty", "maker", "code"),
    [
        ({}, 10_000, 4, 0, 0),
        ({}, 10_005, 4, 0, Refusal.FILL_PRICE),
        ({"sell": 1}, 10_005, 4, 0, 0),
        ({"sell": 1}, 9_995, 4, 0, Refusal.FILL_PRICE),
        ({}, 10_000, 6, 0, Refusal.FILL_QTY),
        ({"tif": TimeInForce.GTX}, 10_000, 4, 0, Refusal.POST_ONLY),
        ({"tif": TimeInForce.GTX}, 10_000, 4, 1, 0),
    ],
)
def test_a_fill_is_compared_with_what_was_approved(
    parts: dict[str, int], price: int, qty: int, maker: int, code: int
) -> None:
    floor = Floor()
    assert floor.order(PERP, 10_000, 4, **parts).code == 0
    key = floor.last_key()
    floor.fill(key, price, qty)
    verdict = np.zeros(VERDICT_WORDS, np.int64)
    meta = terms.pack(terms.META, account=ONE_WAY, maker=maker)
    assert int(check_fill(floor.state, I(floor.place_of(key)), I(price), I(meta), I(0), verdict)) == code
    assert verdict[0] == code


def test_a_reduce_only_order_that_opened() -> None:
    floor = Floor()
    floor.order(PERP, 10_000, 4)
    floor.fill(floor.last_key(), 10_000, 4)
    assert floor.order(PERP, 10_005, 4, sell=1, reduce_only=1).code == 0
    reducing = floor.last_key()
    floor.order(PERP, 10_010, 2, sell=1)
    floor.fill(floor.last_key(), 10_010, 2)
    floor.fill(reducing, 10_005, 4)
    verdict = np.zeros(VERDICT_WORDS, np.int64)
    assert (
        int(check_fill(floor.state, I(floor.place_of(reducing)), I(10_005), I(0), I(0), verdict)) == Refusal.REDUCE_ONLY
    )
    assert verdict[4] == 2
