"""Many instruments in one run: a day of one-minute bars of 500 of them, five days, and days that a generator makes while they are run,
for the rate held and memory that does not grow.

A strategy trades one of them, at every bar. CPU time of the loop alone, without the making of bars; what is compiled was compiled before.

python -m tests.bench.bars [INSTRUMENTS] [MINUTES] [DAYS]       365 days: the year, some minutes
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from journal import Writer
from tests.bench.measure import Figure
from veloz.backtest.driver import make_driven_run
from veloz.backtest.feed import BLOCK_ROWS, Feed
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan
from veloz.contracts import registry as r
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import CLOSED, FIRST, LAST, STEP_END
from veloz.engine.step import Step
from veloz.history.dataset import blocks
from veloz.history.ordering import joined
from veloz.instruments.instrument import define

INSTRUMENTS, MINUTES, LONGER, DAYS = 500, 1440, 5, 20
BEGIN_NS, MINUTE_NS = 1_700_000_040_000_000_000, 60_000_000_000
MAP_BYTES = 8 << 30
STRATEGY = '''
from veloz.strategies import sdk


class Swing(sdk.Strategy):
    """Buys and sells by turns at the closes."""

    written_for = "1.0"
    params = (sdk.Param("qty", "qty", default="0.010"),)
    wakes = sdk.Wakes(events=("md.bar",))

    def __init__(self):
        self.seen = 0

    def on_event(self, view, event):
        self.seen += 1
        if view.orders():
            return None
        return sdk.Order(view.instruments[0], sell=self.seen % 2 == 0, qty=view.params.qty, price=event.words[4])
'''
SETTINGS = """
[match]
model = "bars"
[[strategies]]
name = "swing"
code = "swing.py:Swing"
form = "python"
instruments = ["C000USDT"]
"""


class Nothing:
    """A sink that forgets."""

    def add(self, step: Step) -> None:
        """See `runner.Sink`."""

    def add_all(self, first_seq: int, rows: np.ndarray, ends: np.ndarray) -> None:
        """See `runner.Sink`."""


@dataclass
class Lap:
    """One run."""

    seconds: float  # CPU time of the loop
    bars: int
    steps: int
    anon_bytes: int  # most that was held, of its own


def minutes_of(instruments: int, minutes: int) -> Iterator[np.ndarray]:
    """Minute by minute, every instrument's bar, each a step of its own: ROW[2 · instruments]."""
    numbers, chance = np.arange(1, instruments + 1), np.random.default_rng(1)
    close = np.full(instruments, 10_000)
    for minute in range(minutes):
        opened = close
        close = np.clip(opened + chance.integers(-20, 21, instruments), 9_000, 11_000)
        first, second = np.zeros(instruments, r.BAR.view), np.zeros(instruments, r.BAR_VOLUME.view)
        for rows, kind, flags in ((first, r.BAR, FIRST | CLOSED), (second, r.BAR_VOLUME, LAST | CLOSED | STEP_END)):
            rows["kind"], rows["version"], rows["flags"], rows["instrument"] = kind.number, 1, flags, numbers
            rows["ts_recv"] = BEGIN_NS + (minute + 1) * MINUTE_NS
        first["ts_open"], first["open"], first["close"] = BEGIN_NS + minute * MINUTE_NS, opened, close
        first["high"], first["low"] = np.maximum(opened, close) + 5, np.minimum(opened, close) - 5
        second["interval_ns"], second["volume"] = MINUTE_NS, 100_000
        yield joined(first, second).reshape(2, instruments).T.ravel()


def make_bars(path: Path, instruments: int, minutes: int) -> Path:
    """A recording of them."""
    with Writer.open(path, map_size_bytes=MAP_BYTES) as writer:
        _list(writer, instruments)
        for rows in minutes_of(instruments, minutes):
            writer.append(rows)
    return path


class Streamed(Feed):
    """A feed whose bars are made when they are asked for, and are nowhere else."""

    def __init__(self, instruments: int, minutes: int) -> None:
        super().__init__(Path(), 1, 0, shift_ns=0, back_ns=0)
        self.seconds = 0.0  # CPU time of the making
        self._blocks = blocks(self._numbered(minutes_of(instruments, minutes), instruments), BLOCK_ROWS)

    def _numbered(self, made: Iterator[np.ndarray], first: int) -> Iterator[tuple[int, np.ndarray]]:
        while True:
            begun = time.process_time()
            rows = next(made, None)
            self.seconds += time.process_time() - begun
            if rows is None:
                return
            yield first + 1, rows
            first += len(rows)


def _list(writer: Writer, instruments: int) -> None:
    bodies = [
        InstrumentBody(
            venue="binance_usdm", symbol=f"C{k:03d}USDT", product="linear", base=f"C{k:03d}", quote="USDT", settle="USDT",
            price_scale=1, qty_scale=3, tick="0.1", lot="0.001",
        )
        for k in range(instruments)
    ]  # fmt: skip
    rows = np.zeros(instruments, r.LISTED.view)
    for k, body in enumerate(bodies):
        known = define(body, k + 1)
        row = rows[k]
        row["kind"], row["version"], row["instrument"], row["flags"] = r.LISTED.number, 1, k + 1, STEP_END
        row["scales"], row["tick"], row["lot"] = known.scales, known.tick, known.lot
        row["multiplier_e8"], row["definition"], row["ts_recv"] = known.multiplier_e8, 1, BEGIN_NS
    writer.append(rows, bodies=[(k, msgspec.msgpack.encode(body)) for k, body in enumerate(bodies)])


def play(data: Path, folder: Path, streamed: Streamed | None = None) -> Lap:
    """One run over a recording, or over what is streamed instead of its rows."""
    (folder / "swing.py").write_text(STRATEGY)
    plan = make_plan(read_settings(SETTINGS, [], folder / "bars.toml"), data)
    make_driven_run(plan, Nothing()).play(events=50)
    run, most, seconds, over = make_driven_run(plan, Nothing()), 0, 0.0, False
    run.hand.feed = streamed or run.hand.feed
    while not over:
        begun = time.process_time()
        over = run.play(events=256)
        seconds += time.process_time() - begun
        most = max(most, _anon_bytes())
    return Lap(seconds - (streamed.seconds if streamed else 0.0), run.progress.rows // 2, run.steps, most)


def _anon_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024


def run(instruments: int = INSTRUMENTS, minutes: int = MINUTES, days: int = DAYS) -> list[Figure]:
    """A day, then five, then those of a generator."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        laps = [play(make_bars(folder / f"x{by}", instruments, minutes * by), folder) for by in (1, LONGER)]
        laps.append(play(folder / "x1", folder, Streamed(instruments, minutes * days)))
    day, rate = laps[0], laps[0].bars / laps[0].seconds
    figures = [
        Figure(
            f"bars of {instruments} instruments, {day.bars:,}", day.seconds, "s", 1.0 / day.seconds, "one second", 1.0
        )
    ]
    for lap, what in zip(laps[1:], (f"{LONGER} times as long", f"{days} days of a generator"), strict=True):
        held = lap.bars / lap.seconds
        figures += [
            Figure(f"bars, {what}", held, "bars/s", held / rate, "the rate of a day", 0.9),
            Figure(
                f"bars, {what}, RssAnon", lap.anon_bytes / 2**20, "MiB", day.anon_bytes / lap.anon_bytes, "a day", 0.9
            ),
        ]
    return figures


if __name__ == "__main__":
    from tests.bench.table import print_figures

    print_figures(run(*map(int, sys.argv[1:])))
