"""A run on paper and the backtest of its journal are one run: the same rows in the same order, the same state."""

from pathlib import Path

import pytest

from journal import Reader
from tests.backtest.days import made_day
from tests.backtest.told import Told, holdings
from tests.backtest.woken import CHASER, QUOTER, settings_of
from tests.lanes import cases
from veloz.backtest.driver import make_driven_run
from veloz.backtest.keys import SettingsError
from veloz.backtest.port import Exchange
from veloz.backtest.result import Kept, Recorder
from veloz.backtest.runner import Run
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry as r
from veloz.daemon.paper import PaperRun, begin_paper, market_steps, plan_rehearsal, rehearse
from veloz.engine.outbox import Request
from veloz.engine.step import Step
from veloz.history.recall import recall
from veloz.reducers.state import state_hash
from veloz.venues.paper.venue import PaperVenue

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
    day = made_day(tmp_path / "day", seed, cases(700, 300))
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


class _Slow:
    """A journal that says how much of it is durable."""

    def __init__(self) -> None:
        self.last = self.durable = 0

    def add(self, step: Step) -> None:
        self.last = step.last_seq

    def commit(self) -> int:
        self.durable = self.last
        return self.durable


def test_no_request_leaves_before_its_step_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_rehearsal(settings_of(QUOTER, tmp_path, *CLOSE), made_day(tmp_path / "day", 5, 200))
    journal, sent, send = _Slow(), [], PaperVenue.send

    def watched(venue: PaperVenue, request: Request, sent_ns: int) -> None:
        sent.append((request.seq, journal.durable))
        send(venue, request, sent_ns)

    monkeypatch.setattr(PaperVenue, "send", watched)
    run = begin_paper(plan, journal)
    for rows in market_steps(plan):
        run.market(rows)
    run.finish()
    assert len(sent) > 5
    assert all(seq <= durable for seq, durable in sent)
    assert journal.durable == run.desk.seq


def test_time_that_has_passed_is_not_written_again(tmp_path: Path) -> None:
    """Whoever drives a run says how far time has come; what comes later is stamped behind, and the backtest makes the same run."""
    settings = settings_of(QUOTER, tmp_path, *CLOSE)
    plan = plan_rehearsal(settings, made_day(tmp_path / "day", 6, 300))
    journal = Recorder(tmp_path / "live")
    run = begin_paper(plan, journal)
    for count, rows in enumerate(market_steps(plan)):
        if count % 3 == 0:
            run.until(int(rows["ts_recv"][0]) + 2_000_000)  # a clock that is ahead of what comes
        run.market(rows)
    run.finish()
    journal.close()
    plan_of_it = make_plan(settings, tmp_path / "live")
    recorder = Recorder(tmp_path / "result")
    again = make_run(plan_of_it, Exchange(plan_of_it), recorder)
    again.play()
    again.finish()
    recorder.close()
    compare(tmp_path, run, again)


def test_a_run_on_paper_keeps_its_gate(tmp_path: Path) -> None:
    day = made_day(tmp_path / "day", 7, 5)
    with pytest.raises(SettingsError, match="leave the risk gate on"):
        plan_rehearsal(settings_of(QUOTER, tmp_path, "gate.enabled=false"), day)
