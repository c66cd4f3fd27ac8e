"""P11: a parameter sweep of short backtests, on one process and on as many as there are cores, and how soon its first run is over.

Short runs of the sample with the quoter. One core is one process of the pool; the same runs without any pool stand beside, so what the
pool itself costs is seen too.

python -m tests.bench.sweep [RUNS]
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from itertools import islice
from pathlib import Path

from tests.bench.measure import Figure, alternate, median, ratio
from veloz.backtest.optimizer.backtests import opener_of
from veloz.backtest.optimizer.plan import read_plan
from veloz.backtest.optimizer.pool import Inline, Pool
from veloz.backtest.optimizer.records import Records
from veloz.backtest.optimizer.sweep import Sweep
from veloz.backtest.optimizer.trial import Done, Executor, Job, Opener, Work

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "sweep.toml"
RUNS = 200
SECONDS = 20  # of the recording a run sees
ROUNDS = 3
FIRST_RUNS = 1_000
SHARE = 0.9


def recording(folder: Path) -> Path:
    """A journal of the sample that ships with the project."""
    from veloz.cli.ingest import ingest_files

    sample = next((ROOT / "veloz" / "sample" / "binance_usdm").glob("*.gz"))
    ingest_files([("binance_usdm", sample)], folder / "data", unsafe_fs=True)
    return folder / "data"


def short_opener(data: Path) -> Opener:
    """Runs of the first seconds of it."""
    text = CONFIG.read_text(encoding="utf-8")
    first, _ = opener_of(text, CONFIG, [], data, 32).open().span_ns
    return opener_of(text, CONFIG, [f'data.to="{first + SECONDS * 10**9}"'], data, 32)


def jobs(runs: int) -> list[Job]:
    """Runs that differ in their half spread."""
    return [Job(number, {"strategy.half_spread": Decimal(number % 20 + 1) / 10}, 0) for number in range(1, runs + 1)]


def took(executor: Executor, runs: Iterable[Job]) -> float:
    """Seconds for all of them."""
    begun = time.perf_counter()
    for _ in executor.run(runs):
        pass
    return time.perf_counter() - begun


class Begun(Exception):
    """The first run of a sweep was handed out."""


class Stop:
    """An executor that ends the sweep with its first run, once that is done."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def run(self, coming: Iterable[Job]) -> Iterator[list[Done]]:
        """As in `Executor`."""
        yield from self._pool.run(islice(coming, 1))
        raise Begun

    def close(self) -> None:
        """The pool is somebody else's."""


def first_ends(work: Work, pool: Pool, folder: Path) -> float:
    """Seconds from the beginning of a sweep of 1 000 runs to the end of its first run, the pool warm."""
    steps = {"low": Decimal("0.1"), "high": Decimal("2.1"), "step": Decimal("0.001")}
    plan = read_plan(
        {"method": "random", "trials": FIRST_RUNS, "periods": 32, "blocks": 4, "space": {"strategy.half_spread": steps}}
    )
    records = Records(folder / "results.jsonl", {})
    begun = time.perf_counter()
    with suppress(Begun):
        Sweep(plan, work, Stop(pool), records).run()
    records.close()
    return time.perf_counter() - begun


def run(runs: int = RUNS) -> list[Figure]:
    """The figures of P11."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(dir=ROOT) as name:
        folder = Path(name)
        opener = short_opener(recording(folder))
        bare, one, all_of_them = Inline(opener), Pool(opener, 1), Pool(opener, cores)
        one.warm()
        all_of_them.warm()
        work = jobs(runs)
        laps = alternate(
            {"bare": lambda: took(bare, work), "one": lambda: took(one, work), "all": lambda: took(all_of_them, work)},
            ROUNDS,
        )
        ends = first_ends(opener.open(), all_of_them, folder)
        for pool in (one, all_of_them):
            pool.close()
    return [
        Figure("P11 sweep, in this process", runs / median(laps["bare"]), "runs/s"),
        Figure("P11 sweep, a pool of one", runs / median(laps["one"]), "runs/s", ratio(laps, "one", "bare"), "no pool"),
        Figure(
            f"P11 sweep, a pool of {cores}", runs / median(laps["all"]), "runs/s", ratio(laps, "all", "one") / cores,
            f"{cores} × one core", SHARE,
        ),
        Figure(f"P11 first of {FIRST_RUNS:,} runs is over after", ends, "s", 1.0 / ends, "one second", 1.0),
    ]  # fmt: skip


if __name__ == "__main__":
    from tests.bench.table import print_figures

    print_figures(run(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
