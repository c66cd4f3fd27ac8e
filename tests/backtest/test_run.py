"""The run: the desk's order of things, the result, and that no speed-up changes a byte."""

from pathlib import Path

import numpy as np
import pytest

from tests.backtest.fakes import TouchVenue
from tests.backtest.woken import CHASER, ON_TRADES, QUOTER, settings_of
from veloz.backtest.recheck import recheck
from veloz.backtest.result import Kept, Recorder
from veloz.backtest.runner import Run
from veloz.backtest.settings import Settings
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry as r
from veloz.contracts.layout import STEP_END
from veloz.history.recall import recall
from veloz.history.results import DataMissing, read_naming
from veloz.reducers.state import state_hash


def kept_run(recording: Path, settings: Settings, *, asks_always: bool = False) -> tuple[Run, Kept]:
    kept = Kept()
    run = make_run(make_plan(settings, recording), TouchVenue(), kept, asks_always=asks_always)
    return run, kept


@pytest.mark.parametrize("text", [QUOTER, CHASER], ids=["timers", "trades"])
def test_asking_at_every_step_makes_the_same_bytes(recording: Path, tmp_path: Path, text: str) -> None:
    settings = settings_of(text, tmp_path)
    quick, kept = kept_run(recording, settings)
    slow, all_kept = kept_run(recording, settings, asks_always=True)
    for run in (quick, slow):
        run.play()
        run.finish()
    assert kept.rows().tobytes() == all_kept.rows().tobytes()
    assert state_hash(quick.desk.state) == state_hash(slow.desk.state)
    assert (kept.rows()["kind"] == r.FILLED.number).sum() > 1
    assert quick.desk.host.digest() == slow.desk.host.digest()


@pytest.mark.parametrize("text", [QUOTER, CHASER], ids=["timers", "trades"])
def test_replay_and_verification_come_to_the_same(recording: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "result"
    recorder = Recorder(path)
    run = make_run(make_plan(settings_of(text, tmp_path), recording), TouchVenue(), recorder)
    run.play()
    run.finish()
    recorder.close()
    assert state_hash(recall(path).state) == state_hash(run.desk.state)
    naming = read_naming(path)
    assert naming is not None
    found = recheck(path, naming, last=run.desk.seq, sources=[("chaser.py", ON_TRADES)])
    assert (found.divergences, found.differences) == ([], 0)
    assert found.decisions > 50
    assert state_hash(found.state) == state_hash(run.desk.state)
    assert run.desk.host.digest() == run.desk.host.fork().digest()


def test_the_forms_of_the_quoter_are_one(recording: Path, tmp_path: Path) -> None:
    told = []
    for form in ("compiled", "python"):
        run, kept = kept_run(recording, settings_of(QUOTER, tmp_path, f"strategy.form={form}"))
        run.play()
        run.finish()
        rows = kept.rows()
        told.append(rows[rows["kind"] != r.COMMAND_STRATEGY.number].tobytes())
    assert told[0] == told[1]


def test_timers_come_when_they_are_due_and_everything_in_its_order(recording: Path, tmp_path: Path) -> None:
    run, kept = kept_run(recording, settings_of(QUOTER, tmp_path))
    run.play()
    run.finish()
    rows = kept.rows()
    timers = rows[rows["kind"] == r.TIMER.number]
    begin = int(rows["ts_recv"][0])
    assert (timers["ts_recv"] == begin + 100_000_000 * np.arange(1, len(timers) + 1)).all()
    assert (timers["ts_recv"] == timers["qty"]).all(), "due time"
    marks = rows[rows["kind"] == r.DATA_FOLDED.number].view(r.DATA_FOLDED.view)
    assert (np.diff(marks["ts_recv"]) >= 0).all()
    assert (np.diff(marks["data_seq"]) >= 0).all()
    assert (marks["previous_seq"] <= marks["data_seq"]).all()
    for step in kept.steps[2:]:
        assert int(step.rows["kind"][0]) == r.DATA_FOLDED.number
        assert (step.rows["kind"] == r.DATA_FOLDED.number).sum() == 1
        assert (step.rows["flags"][:-1] & STEP_END == 0).all()
        assert int(step.rows["flags"][-1]) & STEP_END
    sent = rows[rows["kind"] == r.DISPATCHED.number].view(r.DISPATCHED.view)
    asked = np.flatnonzero(np.isin(rows["kind"], [r.REQUESTED.number, r.CANCEL_REQUESTED.number])) + 1
    assert sent["ref"].tolist() == asked.tolist(), "each request is sent once, at the moment it is made"
    assert (rows["ts_recv"][asked - 1] == sent["sent_ns"]).all()


def test_a_strategy_woken_by_the_data_names_where_they_stood(recording: Path, tmp_path: Path) -> None:
    run, kept = kept_run(recording, settings_of(CHASER, tmp_path))
    run.play()
    run.finish()
    caused = 0
    for step in kept.steps:
        shown = step.rows[0].view(r.DATA_FOLDED.view)
        for row in step.decisions[step.decisions["kind"] == r.INTENT.number]:
            if int(row["ref"]) == step.first_seq:
                caused += 1
                assert int(shown["previous_seq"]) < int(shown["data_seq"]), "the step shows rows of the data"
    assert caused > 3


def test_controls_take_a_run_to_where_it_is_wanted(recording: Path, tmp_path: Path) -> None:
    whole, all_kept = kept_run(recording, settings_of(QUOTER, tmp_path))
    whole.play()
    whole.finish()
    run, kept = kept_run(recording, settings_of(QUOTER, tmp_path))
    steps = run.steps
    assert not run.step()
    assert run.steps == steps + 1
    assert not run.seek(data_seq=2_000)
    assert run.desk.data_seq >= 2_000
    moment = run.desk.now_ns + 500_000_000
    assert not run.seek(time_ns=moment)
    assert run.desk.now_ns >= moment
    assert not run.play(events=3)
    run.pause()
    assert 0 < run.progress.rows < run.progress.total
    assert run.progress.left_s > 0
    assert run.play()
    assert run.over
    run.finish()
    assert kept.rows().tobytes() == all_kept.rows().tobytes(), "a run that was stopped on its way is the same run"


def test_data_that_are_gone_or_others_are_told(recording: Path, tmp_path: Path) -> None:
    import shutil

    data = tmp_path / "data"
    shutil.copytree(recording, data)
    recorder = Recorder(tmp_path / "result")
    run = make_run(make_plan(settings_of(QUOTER, tmp_path), data), TouchVenue(), recorder)
    run.play(events=30)
    run.finish()
    recorder.close()
    assert state_hash(recall(tmp_path / "result").state) == state_hash(run.desk.state), "as far as it came"
    other = tmp_path / "other"
    shutil.move(data, other)
    with pytest.raises(DataMissing, match="are not there"):
        recall(tmp_path / "result")
    from journal import Writer

    with Writer.open(data, map_size_bytes=1 << 24) as writer:
        rows = np.zeros(9_000, r.TRADE.view)
        rows["flags"][-1] = STEP_END
        writer.append(rows)
    with pytest.raises(DataMissing, match="does not hash"):
        recall(tmp_path / "result")
