"""The exchange behind a run: whatever its settings, the result follows from its rows, and the seed decides what chance does."""

from pathlib import Path

import pytest

from tests.backtest.woken import QUOTER, settings_of
from veloz.backtest.port import Exchange
from veloz.backtest.recheck import recheck
from veloz.backtest.result import Recorder
from veloz.backtest.setup import make_plan, make_run
from veloz.history.recall import recall
from veloz.history.results import read_naming
from veloz.reducers.state import state_hash

CHANCES = {
    "constant": (),
    "feed": ("latency.feed_share=0.5",),
    "empirical": ("latency.entry_quantiles=[1000000, 9000000]", "latency.response_quantiles=[0, 5000000]"),
    "log_normal": ("latency.spread=0.4",),
}


@pytest.mark.parametrize("model", CHANCES)
def test_every_latency_gives_one_result_that_replays(recording: Path, tmp_path: Path, model: str) -> None:
    told = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        words = (f"latency.model={model}", f"seed={seed}", "match.partial=false", *CHANCES[model])
        plan = make_plan(settings_of(QUOTER, tmp_path, *words), recording)
        recorder = Recorder(tmp_path / name)
        run = make_run(plan, Exchange(plan), recorder)
        run.play(events=40)
        run.finish()
        recorder.close()
        told.append((state_hash(run.desk.state), run.desk.seq))
        assert run.why == ""
    assert told[0] == told[1]
    assert (told[0] == told[2]) == (model in ("constant", "feed"))
    naming = read_naming(tmp_path / "one")
    assert naming is not None
    found = recheck(tmp_path / "one", naming, last=told[0][1])
    assert found.differences == 0
    assert state_hash(found.state) == state_hash(recall(tmp_path / "one").state) == told[0][0]
