"""The quoter asked only where something changed does what the quoter asked at every beat does: the very same rows, in both forms, in the
compiled loop and by the step; and such a result is confirmed.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from journal import Reader
from tests.backtest.days import made_day
from tests.backtest.woken import QUOTER, settings_of
from veloz.backtest.driver import Driver, make_driven_run
from veloz.backtest.port import Exchange
from veloz.backtest.recheck import recheck
from veloz.backtest.result import Kept, Recorder
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry as r
from veloz.history.results import read_naming
from veloz.reducers.state import state_hash
from veloz.strategies import sdk
from veloz.strategies.quoter import Quoter

ON_CHANGE = [(form, loop) for form in ("compiled", "python") for loop in (True, False)]


def played(data: Path, folder: Path, *words: str, loop: bool) -> tuple[Kept, str]:
    """The rows of a run, and the hash of its state."""
    plan, kept = make_plan(settings_of(QUOTER, folder, *words), data), Kept()
    exchange = Exchange(plan)
    run = make_run(plan, exchange, kept)
    run.loop = Driver(run.desk, exchange) if loop else None
    while not run.play():
        pass
    run.finish()
    return kept, state_hash(run.desk.state)


def same(data: Path, folder: Path, *words: str) -> dict[str, int]:
    """All ways to be asked come to the same rows; how many of each kind there are."""
    kept, state = played(data, folder, *words, loop=True)
    rows = kept.rows()
    for form, loop in ON_CHANGE:
        more = (f"strategy.form={form}", "strategy.on_change=true")
        other, other_state = played(data, folder, *words, *more, loop=loop)
        assert other.rows().tobytes() == rows.tobytes(), (form, loop)
        assert other_state == state, (form, loop)
    return {r.BY_NUMBER[number].name: int((rows["kind"] == number).sum()) for number in set(rows["kind"].tolist())}


def test_the_sample_is_quoted_alike(recording: Path, tmp_path: Path) -> None:
    done = same(recording, tmp_path)
    assert done["order.requested"] > 10
    assert done["order.filled"] > 1


def test_what_came_to_nothing_is_asked_again(tmp_path: Path) -> None:
    at_once = ("latency.entry_ns=0", "latency.response_ns=0", "strategy.interval_ns=1_000_000")
    data = made_day(tmp_path / "day", 51, 80, sound=True)
    done = same(data, tmp_path, *at_once, "strategy.half_spread=0.05")
    assert done["order.expired"] > 3, "post-only orders that would have taken, turned away before the next beat"
    done = same(data, tmp_path, *at_once, "strategy.half_spread=0")
    assert done["risk.refused"] > 100


@pytest.mark.parametrize("seed", range(3))
def test_any_day_is_quoted_alike(tmp_path: Path, seed: int) -> None:
    draw = Random(seed)
    data = made_day(tmp_path / "day", seed + 60, 120, sound=True)
    done = same(
        data, tmp_path, f"latency.entry_ns={draw.choice((0, 10**6, 5 * 10**7))}", f"latency.response_ns={draw.choice((0, 10**7, 10**8))}",
        f"strategy.interval_ns={draw.choice((3 * 10**6, 7 * 10**6, 3 * 10**7))}",
        f"strategy.half_spread={draw.choice(('0', '0.05', '0.2'))}",
        f"strategy.qty={draw.choice(('0.002', '0.02'))}", f"strategy.max_position={draw.choice(('0.004', '0.5'))}",
    )  # fmt: skip
    assert done["strategy.intent"] > 10


def test_it_is_asked_less_often(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    answer: Callable[[Quoter, sdk.View, sdk.Tick], sdk.Intents] = Quoter.on_timer
    monkeypatch.setattr(
        Quoter, "on_timer", lambda self, view, timer: told.append(timer.seq) or answer(self, view, timer)
    )
    often, seldom = (
        (played(recording, tmp_path, "strategy.form=python", f"strategy.on_change={word}", loop=True), len(told))
        for word in ("false", "true")
    )
    assert often[0][0].rows().tobytes() == seldom[0][0].rows().tobytes()
    assert 0 < 2 * (seldom[1] - often[1]) < often[1]


@pytest.mark.parametrize("form", ["compiled", "python"])
def test_its_result_is_confirmed(recording: Path, tmp_path: Path, form: str) -> None:
    words = (f"strategy.form={form}", "strategy.on_change=true")
    recorder = Recorder(tmp_path / "result")
    run = make_driven_run(make_plan(settings_of(QUOTER, tmp_path, *words), recording), recorder)
    while not run.play():
        pass
    run.finish()
    recorder.close()
    naming = read_naming(tmp_path / "result")
    assert naming is not None
    with Reader.open(tmp_path / "result") as reader, reader.view() as view:
        last = view.head()[0]
    found = recheck(tmp_path / "result", naming, last=last)
    assert (found.differences, found.divergences) == (0, [])
    assert found.decisions > 20
