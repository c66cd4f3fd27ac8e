"""P2 and P3: a backtest of the quoter beside hftbacktest's, over the same events, with the same fills.

Both quote two sides every 100 ms in whole ticks, 10 ms to the exchange and 10 ms back, risk-averse queues, fees; ours with the gate,
positions and pnl, and every decision as a row. Woken on change: asked only at those beats at which something is not as it was. CPU time
of the run alone: rows lie in memory, objects are built, code is compiled. A round runs everything in an order of its own; ratios are
medians of the rounds'.

python -m tests.bench.backtest [HALF_SPREAD …]
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from tests.backtest.parity.cases import Case, Data, peer_words
from tests.backtest.parity.peer import Peer
from tests.bench.measure import Figure, alternate, median, ratio
from tests.bench.replay import main_capture
from tests.peers.environments import needed_python
from veloz.backtest.driver import Driver
from veloz.backtest.port import Exchange
from veloz.backtest.runner import Run
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import Plan, make_plan, make_run
from veloz.contracts.registry import FILLED
from veloz.engine.step import Step
from veloz.history.dataset import Chunk
from veloz.ingest import ingest
from veloz.ingest.given import Given

ROUNDS = 7
HALVES = ("3", "0.5")
ON_CHANGE = ", woken on change"
TARGET = 3.0  # of the compiled one to hftbacktest
TARGETS = {"": 0.5, ON_CHANGE: 0.75}  # of the one in Python to the compiled one, by how both are woken
TEXT = """
[account]
balances = {{ USDT = 1_000_000_000 }}
[strategy]
form = "{form}"
interval_ns = 100_000_000
half_spread = {half}
qty = 0.02
max_position = 1.01
[match]
partial = false
compat = "hftbacktest"
[fees]
maker = 0.0002
taker = 0.0007
"""


@dataclass
class Lap:
    """One run of ours: what it took, and its fills."""

    seconds: float
    fills: int
    rows: int


class Blocks:
    """A sink that keeps what it is given as it is given."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def add(self, step: Step) -> None:
        """See `runner.Sink`."""
        self.blocks.append(step.rows)

    def add_all(self, first_seq: int, rows: np.ndarray, ends: np.ndarray) -> None:
        """See `runner.Sink`."""
        self.blocks.append(rows)


class Reels:
    """A feed whose rows lie in memory."""

    def __init__(self, chunks: list[Chunk], rows: np.ndarray) -> None:
        self._chunks, self._rows = iter(chunks), [rows]

    def next_chunk(self) -> Chunk | None:
        """See `feed.Feed`."""
        return next(self._chunks, None)

    def next_rows(self, until_ns: int) -> np.ndarray | None:
        """See `feed.Feed`."""
        return self._rows.pop() if self._rows else None


def made(plan: Plan, sink: Blocks) -> tuple[Run, Exchange]:
    """A run with its rows in memory."""
    exchange = Exchange(plan)
    run = make_run(plan, exchange, sink)
    feed, chunks, parts = run.hand.feed, [], []
    while (chunk := feed.next_chunk()) is not None:
        chunks.append(chunk)
    while (rows := feed.next_rows(1 << 62)) is not None:
        parts.append(rows)
    run.hand.feed = Reels(chunks, np.concatenate(parts))  # type: ignore[assignment]
    return run, exchange


def lap(plan: Plan, *, loop: bool) -> Lap:
    """One run."""
    kept = Blocks()
    run, exchange = made(plan, kept)
    run.loop = Driver(run.desk, exchange) if loop else None
    begun = time.thread_time()
    run.play()
    took = time.thread_time() - begun
    return Lap(took, int((np.concatenate(kept.blocks)["kind"] == FILLED.number).sum()), run.progress.rows)


def case_of(half: str) -> Case:
    """The peer's configuration."""
    return Case("usdm", spread_ticks=int(Decimal(half) * 20), qty=20, cap=Fraction(2021, 2))


def run(halves: tuple[str, ...] = HALVES) -> Iterator[Figure]:
    """Million events a second of each."""
    with tempfile.TemporaryDirectory() as folder, Peer(needed_python("hftbacktest"), Path(folder)) as peer:
        data, events = prepare(peer, Path(folder))
        for half in halves:
            yield from _compare(half, Path(folder), peer, data, len(events))


def prepare(peer: Peer, folder: Path) -> tuple[Data, np.ndarray]:
    """The capture in the peer's events: as `btcusdt.npz` in a folder, and as a journal there."""
    data = Data("usdm", main_capture(), 3)
    events = peer.events(data.capture)
    data.load(events)
    np.savez(folder / "btcusdt.npz", data=events)
    given = Given(symbol="BTCUSDT", product="linear", tick="0.1", lot="0.001")
    ingest([("", folder / "btcusdt.npz")], folder / "journal", given=given, snapshot_keep=0, unsafe_fs=True)
    return data, events


def plan_of(folder: Path, form: str, half: str, *more: str) -> Plan:
    """The quoter's run over what `prepare` made; `more`: words of `--set`."""
    return make_plan(read_settings(TEXT.format(form=form, half=half), more, folder / "run.toml"), folder / "journal")


def _compare(half: str, folder: Path, peer: Peer, data: Data, events: int) -> Iterator[Figure]:
    forms, words = ("compiled", "python"), {"": (), ON_CHANGE: ("strategy.on_change=true",)}
    plans = {form + how: plan_of(folder, form, half, *more) for form in forms for how, more in words.items()}
    asked, fills = peer_words(case_of(half), data), []

    def theirs() -> float:
        said = peer.ask(asked)
        fills.append(len(said["fills"]))
        return float(said["seconds"])

    def ours(name: str, *, loop: bool = True) -> float:
        done = lap(plans[name], loop=loop)
        fills.append(done.fills)
        return done.seconds

    jobs = {
        "compiled": partial(ours, "compiled"),
        "compiled, one event at a time": partial(ours, "compiled", loop=False),
        **{name: partial(ours, name) for name in plans if name != "compiled"},
        "hftbacktest": theirs,
    }
    laps = alternate(jobs, ROUNDS)
    same = "the same fills" if len(set(fills)) == 1 else f"NOT the same fills: {sorted(set(fills))}"
    for name in jobs:
        rate, times = events / median(laps[name]) / 1e6, ratio(laps, name, "hftbacktest")
        target = TARGET if name == "compiled" else None
        yield Figure(
            f"P2 quoter, half {half}, {name}", rate, "M events/s", times, f"hftbacktest, {same} ({fills[-1]})", target
        )
    for how, target in TARGETS.items():
        name, beside = f"python{how}", f"compiled{how}"
        took, times = median(laps[name]) * 1e3, ratio(laps, name, beside)
        yield Figure(f"P3 quoter, half {half}, {name}", took, "ms", times, beside, target)


if __name__ == "__main__":
    from tests.bench.table import print_figures

    print_figures(list(run(tuple(sys.argv[1:]) or HALVES)))
