"""Speed, at a tenth of what the benchmarks ask: a change that costs a factor of ten does not pass unseen."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from journal import Writer
from tests.bench.append import make_work, write_bare
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
    folding = min(recall(sampled, use_snapshot=False).seconds for _ in range(5))
    assert folding < 40 * bus


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
