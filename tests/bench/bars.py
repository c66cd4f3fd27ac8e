"""Many instruments in one run: a day of one-minute bars of 500 of them, and five days, for the rate held and memory that does not grow.

A strategy trades one of them, at every bar. CPU time of the loop alone; what is compiled was compiled before.

python -m tests.bench.bars [INSTRUMENTS] [MINUTES]
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from journal import Writer
from tests.bench.measure import Figure
from veloz.backtest.driver import make_driven_run
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan
from veloz.contracts import registry as r
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import CLOSED, FIRST, LAST, ROW, STEP_END
from veloz.engine.step import Step
from veloz.instruments.instrument import define

INSTRUMENTS, MINUTES, LONGER = 500, 1440, 5
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


def make_bars(path: Path, instruments: int, minutes: int) -> Path:
    """A recording, minute by minute: every instrument's bar, each a step of its own."""
    numbers, chance = np.arange(1, instruments + 1), np.random.default_rng(1)
    close = np.full(instruments, 10_000)
    with Writer.open(path, map_size_bytes=MAP_BYTES) as writer:
        _list(writer, instruments)
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
            writer.append(np.stack([first.view(ROW), second.view(ROW)], axis=1).ravel())
    return path


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


def play(data: Path, folder: Path) -> Lap:
    """One run over a recording."""
    (folder / "swing.py").write_text(STRATEGY)
    plan = make_plan(read_settings(SETTINGS, [], folder / "bars.toml"), data)
    make_driven_run(plan, Nothing()).play(events=50)
    run, most, seconds, over = make_driven_run(plan, Nothing()), 0, 0.0, False
    while not over:
        begun = time.process_time()
        over = run.play(events=256)
        seconds += time.process_time() - begun
        most = max(most, _anon_bytes())
    return Lap(seconds, plan.found.rows // 2, run.steps, most)


def _anon_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024


def run(instruments: int = INSTRUMENTS, minutes: int = MINUTES) -> list[Figure]:
    """A day, then five."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        laps = [play(make_bars(folder / f"x{by}", instruments, minutes * by), folder) for by in (1, LONGER)]
    day, longer = laps
    rates = [lap.bars / lap.seconds for lap in laps]
    return [
        Figure(
            f"bars of {instruments} instruments, {day.bars:,}", day.seconds, "s", 1.0 / day.seconds, "one second", 1.0
        ),
        Figure(f"bars, {LONGER} times as long", rates[1], "bars/s", rates[1] / rates[0], "the rate before", 0.9),
        Figure(
            f"bars, memory {LONGER} times as long",
            longer.anon_bytes,
            "bytes",
            day.anon_bytes / longer.anon_bytes,
            "before",
            0.9,
        ),
    ]


if __name__ == "__main__":
    from tests.bench.table import print_figures

    print_figures(run(*map(int, sys.argv[1:])))
