"""What holds a strategy up at the step: intents over its rate become no drafts, and repeating itself disables it for good."""

from tests.engine.sessions import (
    BEGIN,
    FUTURES_ACCOUNT,
    LINEAR,
    SECOND,
    Script,
    begun,
    differing,
    intent,
    kinds,
    opening,
    row,
    step_of,
    trade,
    view,
)  # fmt: skip
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import Limit, Refusal, StrategyAction, StrategyStatus
from veloz.contracts.terms import ScopeKind
from veloz.engine.step import Engine, Step
from veloz.engine.verify import Verifier
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state

FIRST = terms.scope(ScopeKind.STRATEGY, 1)
PLACED = ["strategy.intent", "instrument.resolved", "order.drafted", "risk.approved", "order.requested"]


def limited(limit: Limit, value: int, count: int, first: int = 9_900) -> tuple[Engine, Step]:
    """An engine whose strategy 1 has a limit, and the step in which it says `count` intents at once."""
    said: list = []
    engine = begun(minds=Script(lambda *_: said), strategies=2)
    engine.take(row(r.COMMAND_LIMIT, FIRST, limit, value, 7, 0, ts=BEGIN + 1))
    said += [intent(first - k, 5) for k in range(count)]
    step = engine.take(trade(LINEAR, 10_001, 2, BEGIN + 2))
    said.clear()
    return engine, step


def named(step: Step, kind: r.Kind) -> list:
    """The decisions of a kind."""
    return [view(each) for each in step.decisions if each["kind"] == kind.number]


def test_an_intent_over_the_rate_is_refused_and_drafts_nothing() -> None:
    for rate in (1, 2, 3):
        engine, step = limited(Limit.INTENTS_PER_WINDOW, rate, 3)
        assert kinds(step)[: 5 * rate] == PLACED * rate
        assert [name for name in kinds(step)[5 * rate :] if name != "pnl.update"] == [
            "strategy.intent",
            "risk.refused",
        ] * (3 - rate)
        assert len(named(step, r.DRAFTED)) == rate
        for refused, wanted in zip(named(step, r.GATE_REFUSED), range(rate, 3), strict=True):
            verdict = terms.unpack(terms.VERDICT, int(refused["verdict"]))
            assert (verdict["code"], verdict["kind"], verdict["number"]) == (Refusal.INTENT_RATE, ScopeKind.STRATEGY, 1)
            assert (refused["limit"], refused["observed"]) == (rate, rate + 1)
            assert step.rows[int(refused["ref"]) - step.first_seq]["kind"] == r.INTENT.number
            assert refused["ref"] == step.first_seq + 1 + 5 * rate + 2 * (wanted - rate)
        assert engine.state.strategies[1]["status"] == StrategyStatus.RUNNING


def test_a_rate_is_of_one_strategy_and_comes_back_with_time() -> None:
    said: list = []
    engine = begun(minds=Script(lambda *_: said), strategies=2)
    engine.take(row(r.COMMAND_LIMIT, FIRST, Limit.INTENTS_PER_WINDOW, 1, 7, 0, ts=BEGIN + 1))
    said += [intent(9_900, 5), intent(9_899, 5), intent(9_898, 5, strategy=2), intent(9_897, 5, strategy=2)]
    step = engine.take(trade(LINEAR, 10_001, 2, BEGIN + 2))
    assert [int(each["order"]) > 0 for each in named(step, r.DRAFTED)] == [True] * 3
    said[:] = [intent(9_890, 5)]
    early, late = (engine.take(trade(LINEAR, 10_001, 3 + k, BEGIN + 1 + SECOND + k)) for k in range(2))
    assert (len(named(early, r.DRAFTED)), len(named(late, r.DRAFTED))) == (0, 1), "what is refused takes no token"


def test_a_strategy_that_repeats_itself_is_disabled_until_it_is_started_again() -> None:
    said: list = []
    engine = Engine(new_state(), Script(lambda *_: said))
    steps = [engine.take(opening(strategies=2))]
    steps.append(engine.take(row(r.COMMAND_LIMIT, FIRST, Limit.REPEATS, 2, 7, 0, ts=BEGIN + 1)))
    said += [intent(9_900 - k, 5) for k in range(4)] + [intent(9_800, 5, strategy=2)]
    steps.append(engine.take(trade(LINEAR, 10_001, 2, BEGIN + 2)))
    step = steps[-1]
    wanted = [
        *PLACED * 2,
        "strategy.intent", "instrument.resolved", "order.drafted", "risk.refused", "strategy.disabled",
        "strategy.intent", "instrument.resolved", "order.drafted", "risk.refused",
        *PLACED,
    ]  # fmt: skip
    assert kinds(step)[: len(wanted)] == wanted
    (disabled,) = named(step, r.DISABLED)
    refused = named(step, r.GATE_REFUSED)
    codes = [terms.unpack(terms.VERDICT, int(each["verdict"]))["code"] for each in refused]
    assert codes == [Refusal.REPEATED, Refusal.STRATEGY_OFF]
    assert [int(disabled[name]) for name in ("strategy", "code", "observed", "limit")] == [1, Refusal.REPEATED, 3, 2]
    assert disabled["ref"] == refused[0]["ref"]
    assert step.rows[int(disabled["ref"]) - step.first_seq]["kind"] == r.DRAFTED.number
    strategy = engine.state.strategies[1]
    assert (strategy["status"], strategy["disabled_code"]) == (StrategyStatus.DISABLED, Refusal.REPEATED)
    said[:] = [intent(9_700, 5)]
    steps.append(engine.take(trade(LINEAR, 10_001, 3, BEGIN + 300 * SECOND)))
    assert named(steps[-1], r.APPROVED) == [], "time alone brings it back no more"
    said.clear()
    started = row(r.COMMAND_STRATEGY, 1, StrategyAction.START, 0, 1, FUTURES_ACCOUNT, ts=BEGIN + 300 * SECOND + 1)
    steps.append(engine.take(started))
    assert engine.state.strategies[1]["status"] == StrategyStatus.RUNNING
    said += [intent(9_700 - k, 5) for k in range(3)]
    steps.append(engine.take(trade(LINEAR, 10_001, 4, BEGIN + 300 * SECOND + 2)))
    assert len(named(steps[-1], r.APPROVED)) == 2, "it counts anew"
    assert len(named(steps[-1], r.DISABLED)) == 1
    state = new_state()
    for each in steps:
        state = fold(state, each.rows, each.first_seq)
    assert differing(engine.state, state) == []


def test_being_disabled_follows_again_from_the_record() -> None:
    said: list = []
    engine = Engine(new_state(), Script(lambda *_: said))
    verifier = Verifier(new_state(), Script(lambda *_: said))
    for inputs in (
        step_of(opening(strategies=1), row(r.COMMAND_LIMIT, FIRST, Limit.REPEATS, 1, 7, 0)),
        trade(LINEAR, 10_001, 2, BEGIN + 2),
    ):
        step = engine.take(inputs)
        verifier.feed(step.first_seq, step.rows)
        said[:] = [intent(9_900, 5), intent(9_899, 5)]
    assert "strategy.disabled" in kinds(step)
    assert verifier.divergences == []


def test_repeats_of_a_wider_scope_disable_nobody() -> None:
    said: list = []
    engine = begun(minds=Script(lambda *_: said), strategies=1)
    engine.take(row(r.COMMAND_LIMIT, terms.scope(ScopeKind.GLOBAL), Limit.REPEATS, 1, 7, 0, ts=BEGIN + 1))
    said += [intent(9_900 - k, 5) for k in range(3)]
    step = engine.take(trade(LINEAR, 10_001, 2, BEGIN + 2))
    assert len(named(step, r.GATE_REFUSED)) == 2
    assert named(step, r.DISABLED) == []
