"""The same input gives the same result hash: in every process and time zone, by any number of workers, stopped on the way or not."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from journal import Reader
from tests.backtest.days import made_day
from tests.backtest.woken import CHASER, QUOTER, settings_of
from veloz.backtest.driver import make_driven_run
from veloz.backtest.optimizer.backtests import opener_of
from veloz.backtest.optimizer.pool import Inline, Pool
from veloz.backtest.optimizer.trial import Job
from veloz.backtest.port import Exchange
from veloz.backtest.result import Recorder
from veloz.backtest.runner import Run
from veloz.backtest.setup import Plan, make_plan, make_run
from veloz.reducers.state import state_hash

CLOSE = ("strategy.half_spread=0.1", "strategy.interval_ns=20_000_000")
ZONES = (("0", "UTC"), ("1", "Asia/Kathmandu"), ("12345", "America/St_Johns"))


def head_of(path: Path) -> str:
    """What names a journal: the digest of its last batch."""
    with Reader.open(path) as reader, reader.view() as view:
        batch = view.batch_at(view.head()[0])
        assert batch is not None
        return batch.digest.hex()


def stops(run: Run, way: str) -> None:
    """Take a run to its end in one of several ways."""
    now = run.desk.now_ns
    if way == "steps":
        while not run.step():
            pass
    elif way == "seeks":
        while not run.seek(time_ns=now):
            now += 137_000_000
    elif way == "events":
        while not run.play(events=7):
            run.pause()
    else:
        run.play()
    run.finish()


def result_of(plan: Plan, folder: Path, way: str, *, driven: bool) -> tuple[str, str]:
    recorder = Recorder(folder / f"{way}-{driven}")
    run = make_driven_run(plan, recorder) if driven else make_run(plan, Exchange(plan), recorder)
    stops(run, way)
    recorder.close()
    return head_of(folder / f"{way}-{driven}"), state_hash(run.desk.state)


@pytest.mark.parametrize(("text", "more"), [(QUOTER, CLOSE), (CHASER, ())], ids=["timers", "trades"])
def test_a_run_that_was_stopped_has_the_same_result_hash(tmp_path: Path, text: str, more: tuple[str, ...]) -> None:
    plan = make_plan(settings_of(text, tmp_path, *more), made_day(tmp_path / "day", 11, 400, sound=True))
    whole = result_of(plan, tmp_path, "whole", driven=True)
    for way in ("steps", "seeks", "events"):
        for driven in (True, False):
            assert result_of(plan, tmp_path, way, driven=driven) == whole, (way, driven)


def test_processes_with_other_hashes_and_time_zones_have_the_same_result_hash(tmp_path: Path) -> None:
    day = made_day(tmp_path / "day", 12, 200, sound=True)
    (tmp_path / "run.toml").write_text(QUOTER)
    told = []
    for seed, zone in ZONES:
        env = {
            **os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "NUMBA_DISABLE_JIT": "1", "VELOZ_DATA_DIR": str(tmp_path / "own"),
        }  # fmt: skip
        result = tmp_path / f"result-{seed}"
        words = ["backtest", str(tmp_path / "run.toml"), "--data", str(day), "--journal", str(result), "--json"]
        text = "from veloz.cli.main import main; main()"
        ran = subprocess.run([sys.executable, "-c", text, *words], env=env, capture_output=True, text=True, check=True)
        answer = json.loads(ran.stdout)
        told.append((head_of(result), answer["state_hash"], answer["metrics"]))
    assert told[0] == told[1] == told[2]


def test_one_worker_or_two_have_the_same_result_hashes(tmp_path: Path) -> None:
    opener = opener_of(QUOTER, tmp_path / "run.toml", [], made_day(tmp_path / "day", 13, 200, sound=True), 16)
    jobs = [Job(number, {"strategy.half_spread": Decimal(number) / 10}, 0) for number in (1, 2, 3)]
    told = []
    for workers in (0, 1, 2):
        pool = Pool(opener, workers) if workers else Inline(opener)
        found = [done for each in pool.run(jobs) for done in each]
        if isinstance(pool, Pool):
            pool.close()
        told.append({done.number: done.outcome.result_hash for done in found if done.outcome is not None})
    assert told[0] == told[1] == told[2]
    assert len(set(told[0].values())) == 3
