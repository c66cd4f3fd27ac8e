"""Speed, at a tenth of what the benchmarks ask: a change that costs a factor of ten does not pass unseen."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from journal import Writer
from tests.bench import backtest, bars, sweep
from tests.bench.append import make_work, write_bare
from veloz.backtest.optimizer.pool import Inline, Pool
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan
from veloz.engine.warm import warm
from veloz.history.recall import recall
from veloz.history.slabs import SlabReader

ROOT = Path(__file__).resolve().parents[2]


def fastest(job: Callable[[], object], rounds: int = 5) -> float:
    """Seconds of the best round."""
    laps = []
    for _ in range(rounds):
        begun = time.perf_counter()
        job()
        laps.append(time.perf_counter() - begun)
    return min(laps)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of the sample."""
    from veloz.cli.demo import VENUE, find_sample
    from veloz.cli.ingest import ingest_files

    path = tmp_path_factory.mktemp("speed") / "journal"
    ingest_files([(VENUE, find_sample())], path, unsafe_fs=True, overrides=["ingest.snapshot=false"])
    return path


def test_a_fold_is_not_slower_than_a_fortieth_of_the_bus(sampled: Path) -> None:
    """The aim is a quarter of the bus; a tenth of that is a fortieth."""
    warm()
    words = np.concatenate([rows.copy() for _, rows in SlabReader(sampled)]).view("<u8")
    bus = fastest(lambda: words.sum())
    folding = min(recall(sampled, use_snapshot=False).seconds for _ in range(15))
    assert folding < 40 * bus


def test_a_backtest_is_not_slower_than_ten_times_its_aim(sampled: Path, tmp_path: Path) -> None:
    """The aim is 3 × the peer, where a sum over every word of the rows is 35 × the peer: 12 sums; the sample is short, so a moment more."""
    text = backtest.TEXT.format(form="compiled", half="3")
    plan = make_plan(read_settings(text, (), tmp_path / "run.toml"), sampled)
    words = np.concatenate([rows.copy() for _, rows in SlabReader(sampled)]).view("<u8")
    bus = fastest(lambda: words.sum())
    assert min(backtest.lap(plan, loop=True).seconds for _ in range(5)) < 120 * bus + 0.05


def test_bars_of_many_instruments_are_not_ten_times_too_slow(tmp_path: Path) -> None:
    """The aim is 720 000 bars a second."""
    data = bars.make_bars(tmp_path / "bars", 100, 100)
    laps = [bars.play(data, tmp_path) for _ in range(2)]  # the first one compiles
    assert laps[0].bars == 10_000
    assert min(lap.seconds for lap in laps) < 10 * 10_000 / 720_000


def test_a_sweep_is_not_ten_times_too_slow(tmp_path: Path) -> None:
    """The aim is nine tenths of what as many cores would do alone, and a second to the end of the first of a thousand runs."""
    opener, work = sweep.short_opener(sweep.recording(tmp_path)), sweep.jobs(20)
    cores, alone = len(os.sched_getaffinity(0)), Inline(opener)
    pool = Pool(opener, cores)
    try:
        pool.warm()
        slow = fastest(lambda: sweep.took(alone, work), 2)
        assert fastest(lambda: sweep.took(pool, work), 2) < 10 * slow / (sweep.SHARE * cores)
        assert sweep.first_ends(opener.open(), pool, tmp_path) < 10.0
    finally:
        pool.close()


def test_help_and_a_warm_start_are_not_ten_times_too_slow(sampled: Path) -> None:
    door = [sys.executable, "-c", "from veloz.cli.main import main; main()"]
    show = fastest(lambda: subprocess.run([*door, "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True), 3)
    assert show < 2.0
    warm()  # what is compiled for the first time is no warm start
    replay = [*door, "replay", "--journal", str(sampled), "--to", "1", "--no-snapshot", "--json"]
    start = fastest(lambda: subprocess.run(replay, cwd=ROOT, stdout=subprocess.DEVNULL, check=True), 2)
    assert start < 15.0


def test_an_append_is_not_ten_times_too_slow(tmp_path: Path) -> None:
    """The aim is half of a bare write and sync of the same bytes."""
    work = make_work(with_frames=False)[:20]

    def ours() -> None:
        with Writer.open(tmp_path / f"j{time.monotonic_ns()}") as writer:
            for rows, frames in work:
                writer.append(rows, frames=frames)

    values = [rows.tobytes() for rows, _ in work]
    bare = fastest(lambda: write_bare(tmp_path / "bare", values, 1), 3)
    assert fastest(ours, 3) < 20 * bare + 0.2
