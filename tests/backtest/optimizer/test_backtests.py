"""Backtests as the work of a sweep: the same result hash wherever they are run, and one that tells runs apart."""

import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.backtest.woken import QUOTER
from veloz.backtest.optimizer.backtests import OBJECTIVES, UNTOLD, head_of, open_backtests, opener_of, returns_of
from veloz.backtest.optimizer.pool import Inline, Pool
from veloz.backtest.optimizer.trial import Done, Job, Opener, Refused, SweepError

ROOT = Path(__file__).resolve().parents[3]
JOBS = [Job(number, {"strategy.half_spread": Decimal(number) / 2}, 0) for number in (1, 2, 3)]


@pytest.fixture
def opener(recording: Path, tmp_path: Path) -> Opener:
    return opener_of(QUOTER, tmp_path / "run.toml", [], recording, 32)


def by_number(found: list[Done]) -> list[object]:
    return [done.outcome for done in sorted(found, key=lambda done: done.number)]


def test_every_process_gives_the_same_outcomes(opener: Opener) -> None:
    here = by_number([done for each in Inline(opener).run(JOBS) for done in each])
    pool = Pool(opener, 2)
    there = by_number([done for each in pool.run(JOBS) for done in each])
    pool.close()
    assert here == there
    assert len({outcome.result_hash for outcome in here}) == 3  # type: ignore[attr-defined]
    code = (
        "from decimal import Decimal\nfrom veloz.backtest.optimizer.trial import Opener\n"
        f"work = {opener!r}.open()\nprint(work.run({{'strategy.half_spread': Decimal('0.5')}}, 0).result_hash)"
    )
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == here[0].result_hash  # type: ignore[attr-defined]


def test_an_outcome_tells_what_a_run_came_to(opener: Opener) -> None:
    work = opener.open()
    outcome = work.run(JOBS[0].settings, 0)
    assert len(outcome.returns) == 32
    assert outcome.value("fills") is not None
    assert outcome.metrics.keys() == {*OBJECTIVES, *UNTOLD}
    assert not [name for name in UNTOLD if outcome.value(name) is not None]
    total = float(outcome.metrics["net_pnl"]) / float(outcome.metrics["equity_start"])
    assert sum(outcome.returns) == pytest.approx(total, rel=1e-9)
    assert work.config_hash(JOBS[0].settings) != work.config_hash(JOBS[1].settings)
    first, last = work.span_ns
    half = {"data.from": str(first), "data.to": str((first + last) // 2)}
    assert work.run(half, 0).metrics["orders"] < outcome.metrics["orders"]


def test_where_the_recording_lies_is_no_part_of_a_result(opener: Opener, recording: Path, tmp_path: Path) -> None:
    shutil.copytree(recording, tmp_path / "elsewhere")
    moved = opener_of(QUOTER, tmp_path / "run.toml", [], tmp_path / "elsewhere", 32)
    assert moved.open().run({}, 0) == opener.open().run({}, 0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategy.half_spred": 1}, "half_spred"),
        ({"queue.model": "hope"}, "queue.model"),
        ({"data.from": "9000000000000000000"}, "no row"),
    ],
)
def test_what_cannot_be_run_is_refused(opener: Opener, settings: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        opener.open().run(settings, 0)  # type: ignore[arg-type]


def test_another_recording_is_noticed(opener: Opener) -> None:
    with pytest.raises(SweepError, match="not the one"):
        open_backtests(**{**opener.context, "data_hash": "00"})
    assert head_of(Path(opener.context["data"])) == opener.context["data_hash"]


def test_the_text_of_a_strategy_is_part_of_the_configuration(recording: Path, tmp_path: Path) -> None:
    from tests.backtest.woken import ON_TRADES

    file = tmp_path / "chaser.py"
    file.write_text(ON_TRADES)
    text = "[account]\nbalances = { USDT = 1000000 }\n[strategy]\nname = 'chaser.py:Chaser'\nform = 'python'\n"
    work = opener_of(text, tmp_path / "run.toml", [], recording, 32).open()
    before = work.config_hash({})
    file.write_text(ON_TRADES + "\n# changed\n")
    assert work.config_hash({}) != before


def test_returns_by_hand() -> None:
    """Equity 100, 110 at 5, 90 at 25, 95 at 31: four stretches of 8 from 0 on end at 8, 16, 24 and, the last one, with the run."""
    assert returns_of([0, 5, 25, 33], [100, 110, 90, 95], 0, 8, 4) == pytest.approx((0.1, 0.0, 0.0, -0.15))
    assert returns_of([], [], 0, 8, 2) == (0.0, 0.0)


def test_the_metrics_of_a_trial_are_those_of_the_backtest(opener: Opener, recording: Path, tmp_path: Path) -> None:
    from veloz.cli.backtest import run_backtest

    config = tmp_path / "run.toml"
    config.write_text(QUOTER)
    alone = run_backtest(config, [], [], journal=tmp_path / "result", data=[str(recording)])
    trial = opener.open().run({}, 0).metrics
    for name, value in trial.items():
        if value is not None or name in alone:
            assert value == alone.get(name, alone["metrics"].get(name)), name
    assert trial["sharpe"] is not None
    assert int(trial["fills"]) > 0


def test_a_trial_a_backtest_and_one_of_a_copy_have_one_result_hash(recording: Path, tmp_path: Path) -> None:
    from veloz.cli.backtest import run_backtest

    config, told = tmp_path / "run.toml", "strategy.half_spread=0.2"
    config.write_text(QUOTER)
    copy = shutil.copytree(recording, tmp_path / "copied")
    hashes = {
        run_backtest(config, [told, "seed=5"], [], journal=tmp_path / f"result{at}", data=[str(data)])["result_hash"]
        for at, data in enumerate((recording, copy))
    }
    trial = opener_of(QUOTER, config, [], recording, 16).open().run({"strategy.half_spread": Decimal("0.2")}, 5)
    other = opener_of(QUOTER, config, [], recording, 16).open().run({"strategy.half_spread": Decimal("0.3")}, 5)
    assert hashes == {trial.result_hash}
    assert other.result_hash != trial.result_hash
