"""A run on paper and the backtest of its journal are one run: the same rows in the same order, the same state."""

from pathlib import Path

import pytest

from journal import Reader
from tests.backtest.days import made_day
from tests.backtest.test_run import CHASER, QUOTER, settings_of
from tests.backtest.told import Told, holdings
from veloz.backtest.driver import make_driven_run
from veloz.backtest.port import Exchange
from veloz.backtest.result import Kept, Recorder
from veloz.backtest.runner import Run
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry as r
from veloz.daemon.paper import PaperRun, plan_rehearsal, rehearse
from veloz.history.recall import recall
from veloz.reducers.state import state_hash

CLOSE = ["strategy.half_spread=0.1", "strategy.interval_ns=20_000_000"]
WAYS = {
    "compiled": (QUOTER, [*CLOSE, "strategy.form=compiled"]),
    "python": (QUOTER, [*CLOSE, "strategy.form=python"]),
    "two": (CHASER.replace("half_spread = 1", "half_spread = 0.1"), []),
}


def both(data: Path, folder: Path, text: str, *overrides: str) -> tuple[PaperRun, Run]:
    """A recording played to a run on paper, and the backtest of what that wrote."""
    settings = settings_of(text, folder, *overrides)
    live = rehearse(plan_rehearsal(settings, data), folder / "live")
    plan = make_plan(settings, folder / "live")
    assert plan.named.paper, "the journal says that its venue's clock is the receive stamp"
    plain = make_run(plan, Exchange(plan), kept := Kept())
    recorder = Recorder(folder / "result")
    run = make_driven_run(plan, recorder)
    for each in (plain, run):
        each.play()
        each.finish()
    recorder.close()
    with Reader.open(folder / "result") as reader:
        driven = b"".join(batch.rows.tobytes() for batch in reader.scan())
    assert driven == kept.rows().tobytes(), "the compiled loop and the one that takes event after event"
    return live, run


def compare(folder: Path, live: PaperRun, run: Run) -> Told:
    """Row by row, then table by table; what the run on paper told."""
    paper, result = Told(folder / "live", live.desk.seq), Told(folder / "result", run.desk.seq)
    for one, other in zip(paper.rows, result.rows, strict=False):
        assert one == other
    assert len(paper.rows) == len(result.rows)
    left, right = holdings(live.desk.state), holdings(run.desk.state)
    assert [name for name in left if left[name] != right[name]] == []
    return paper


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(3))
def test_random_days(tmp_path: Path, seed: int, way: str) -> None:
    text, overrides = WAYS[way]
    day = made_day(tmp_path / "day", seed)
    latencies = [f"latency.entry_ns={[0, 3_000_000, 10_000_000][seed]}", f"latency.response_ns={[0, 250_000, 7][seed]}"]
    live, run = both(day, tmp_path, text, *overrides, *latencies)
    told = compare(tmp_path, live, run)
    assert told.count(r.FILLED) > 3
    assert told.count(r.CANCEL_REQUESTED) > 3
    assert state_hash(recall(tmp_path / "result").state) == state_hash(run.desk.state)
    assert state_hash(recall(tmp_path / "live").state) == state_hash(live.desk.state)


@pytest.mark.parametrize("way", WAYS)
def test_a_slice_of_a_real_market(recording: Path, tmp_path: Path, way: str) -> None:
    text, overrides = WAYS[way]
    live, run = both(recording, tmp_path, text, *overrides)
    told = compare(tmp_path, live, run)
    assert told.count(r.REQUESTED) > 3
