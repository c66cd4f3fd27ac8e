"""A run of a part of a recording knows what stands in front of it: the book of both sides, and nobody is asked about it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from journal import Reader, Writer
from tests.backtest.days import made_day
from tests.backtest.made import (
    BEGIN,
    BODY,
    MS,
    bar,
    level,
    make_recording,
    make_recording_of,
    of,
    state_instrument,
    trade,
)
from tests.backtest.woken import CHASER, ON_TRADES, QUOTER, settings_of
from veloz.backtest.driver import make_driven_run
from veloz.backtest.keys import SettingsError
from veloz.backtest.optimizer.backtests import Backtests, head_of
from veloz.backtest.port import Exchange
from veloz.backtest.recheck import recheck
from veloz.backtest.result import Kept, Recorder
from veloz.backtest.runner import Run
from veloz.backtest.setup import Plan, make_plan, make_run
from veloz.contracts import registry as r
from veloz.history.recall import recall
from veloz.history.results import read_naming
from veloz.ingest import ingest
from veloz.reducers.state import state_hash
from veloz.reducers.view import best


def half_of(path: Path) -> int:
    with Reader.open(path) as reader, reader.view() as view:
        return int(view.head()[0]) // 2


def plan_of(recording: Path, folder: Path, text: str = QUOTER, *words: str) -> Plan:
    return make_plan(settings_of(text, folder, *words), recording, half_of(recording))


def played(run: Run) -> Run:
    run.play()
    run.finish()
    return run


@pytest.mark.parametrize("text", [QUOTER, CHASER], ids=["timers", "trades"])
def test_the_second_half_trades_and_can_be_verified(recording: Path, tmp_path: Path, text: str) -> None:
    plan, path = plan_of(recording, tmp_path, text), tmp_path / "result"
    recorder = Recorder(path)
    run = played(make_driven_run(plan, recorder))
    recorder.close()
    kept = Kept()
    slow = played(make_run(plan, Exchange(plan), kept, asks_always=True))
    assert state_hash(slow.desk.state) == state_hash(run.desk.state)
    rows = kept.rows()
    assert (rows["kind"] == r.FILLED.number).any()
    assert int(rows["ts_recv"].min()) == plan.begin_ns
    marks = rows[rows["kind"] == r.DATA_FOLDED.number].view(r.DATA_FOLDED.view)
    assert int(marks["data_seq"].min()) >= plan.named.first_seq - 1, "nobody was asked before"
    assert state_hash(recall(path).state) == state_hash(run.desk.state)
    naming = read_naming(path)
    assert naming is not None
    assert (naming.first_seq, naming.folded_from) == (half_of(recording), 1)
    found = recheck(path, naming, last=run.desk.seq, sources=[("chaser.py", ON_TRADES)])
    assert (found.divergences, found.differences) == ([], 0)
    assert state_hash(found.state) == state_hash(run.desk.state)


def test_it_begins_with_the_book_that_a_fold_of_the_rows_before_gives(tmp_path: Path) -> None:
    day = made_day(tmp_path / "day", 3, 300, sound=True)
    plan = plan_of(day, tmp_path)
    run = make_run(plan, Exchange(plan), Kept())
    known = best(recall(day, last=plan.named.first_seq - 1).state, 1)
    assert known is not None
    assert best(run.desk.state, 1) == known
    assert run.progress.rows == 0
    assert played(run).progress.rows == plan.found.rows


def test_a_row_that_comes_late_is_no_news_of_the_past(tmp_path: Path) -> None:
    """The newest stamp in front lies behind the first that counts: the run begins there."""
    path = make_recording(
        tmp_path / "late",
        level(0, 9_990, 50),
        level(910, 10_010, 50, ask=True),
        trade(20, 10_000, 1),
        trade(990, 9_999, 1),
    )
    plan = make_plan(settings_of(QUOTER, tmp_path), path, 4)
    assert (plan.named.folded_from, plan.begin_ns) == (1, BEGIN + 910 * MS)


def test_a_walk_trades_in_every_window_of_a_recorded_book(recording: Path, tmp_path: Path) -> None:
    work = Backtests(QUOTER, str(tmp_path / "run.toml"), [], str(recording), head_of(recording), 8)
    begin, end = work.span_ns
    edges = np.linspace(begin, end, 4).astype(np.int64).tolist()
    for low, high in pairwise(edges):
        told = work.run({"data.from": str(low), "data.to": str(high)}, 0)
        assert told.metrics["orders"] > 3


def changed_on_the_way(path: Path) -> int:
    """A recording of two instruments, the second of which is counted in other quanta from a row on; the number of that row."""
    other = msgspec.structs.replace(BODY, symbol="ETHUSDT", base="ETH")
    book = (level(0, 9_990, 50), level(1, 10_010, 50, ask=True), trade(2, 10_000, 1))
    make_recording_of([BODY, other], path, *book, *(of(2, row.copy()) for row in book))
    with Writer.open(path, map_size_bytes=1 << 24) as writer:
        at = writer.head_seq + 1
        state_instrument(writer, msgspec.structs.replace(other, price_scale=2, tick="0.01"), 2, 2)
        later = [level(10, 9_991, 50), of(2, level(11, 99_900, 50)), of(2, level(12, 100_100, 50, ask=True))]
        writer.append(np.concatenate([*later, of(2, trade(13, 100_000, 1)), trade(14, 10_000, 1)]))
    return at


def test_what_is_not_traded_may_change_its_quanta(tmp_path: Path) -> None:
    path = tmp_path / "change"
    at = changed_on_the_way(path)
    only = ("instrument.symbol=BTCUSDT",)
    assert make_plan(settings_of(QUOTER, tmp_path, *only), path).named.folded_from == 0
    with pytest.raises(SettingsError, match=f"ETHUSDT in other quanta from row {at} on; run the two parts apart"):
        make_plan(settings_of(QUOTER, tmp_path, "instrument.symbol=ETHUSDT"), path)
    before = make_plan(settings_of(QUOTER, tmp_path, "instrument.symbol=ETHUSDT"), path, 1, at - 1)
    behind = make_plan(settings_of(QUOTER, tmp_path, "instrument.symbol=ETHUSDT"), path, at + 2)
    scales = [each.world.traded[0].instrument.price_scale for each in (before, behind)]
    assert scales[0] != scales[1]
    assert behind.named.folded_from == at


@pytest.mark.parametrize("venue", ["binance_usdm", "binance_spot"])
def test_bars_whose_first_line_is_round_can_be_run_whole(venue: str, tmp_path: Path) -> None:
    """Also a table of another market than its own: there volumes are written otherwise than this one's."""
    lines = ["50000,50000,50000,50000,3", "50000.1,50000.2,50000,50000,1.5", "50000,50000.25,50000,50000,1.12500000"]
    rows = [
        f"{BEGIN // MS + 60_000 * k},{each},{BEGIN // MS + 60_000 * k + 59_999},0,7,1,0,0"
        for k, each in enumerate(lines)
    ]
    path = tmp_path / "BTCUSDT-1m-2024-12.csv"
    path.write_text("\n".join(rows) + "\n")
    ingest([(venue, path)], tmp_path / "bars", snapshot_keep=0)
    kind = "linear" if venue == "binance_usdm" else "spot"
    plan = make_plan(settings_of(QUOTER, tmp_path, f"instrument.kind={kind}", "match.model=bars"), tmp_path / "bars")
    assert plan.world.traded[0].instrument.price_scale == 2


LISTENER = """
from veloz.strategies import sdk

class Listener(sdk.Strategy):
    '''Writes what it is told of bars into orders that nobody fills.'''

    written_for = "1.0"
    wakes = sdk.Wakes(bars=("1m", "5m", "1h"))
    history = 30
    budget = 3

    def on_bar(self, view, bar):
        bars = view.bars(bar.interval, bar.instrument)
        said = 1 + len(bars) + 100 * ("1m", "5m", "1h").index(bar.interval)
        return sdk.Order(bar.instrument, False, said, bars[-1].close if bars else 1, tif=sdk.TimeInForce.IOC)
"""
HEARS = """
[account]
balances = { USDT = 1000000 }
[strategy]
name = "listener.py:Listener"
form = "python"
[match]
model = "MODEL"
"""
MINUTES = (1, 2, 3, 4, 5, 52, 53, 68, 69, 70, 74, 75, 76, 183)


def prints(k: int) -> np.ndarray:
    """Two trades in the k-th minute behind an hour's begin."""
    rows = np.concatenate([trade(HOUR_MS + 60_000 * k + at_ms, 10_000 + k, 1) for at_ms in (5_000, 35_000)])
    rows["ref"] = rows["ts_event"]
    return rows


def states(k: int) -> np.ndarray:
    """A bar of the k-th minute behind an hour's begin."""
    pair = bar(k, (10_000 + k,) * 4, 100)
    pair["ts_recv"] = pair["ts_event"] = BEGIN + (HOUR_MS + 60_000 * (k + 1)) * MS
    pair[:1].view(r.BAR.view)["ts_open"] = BEGIN + (HOUR_MS + 60_000 * k) * MS
    return pair


HOUR_MS = -BEGIN // MS % 3_600_000


@pytest.mark.parametrize(
    ("rows_of", "model", "step"), [(prints, "trades", 1), (states, "bars", 2)], ids=["trades", "stated"]
)
def test_a_part_is_told_of_the_bars_that_the_whole_is_told_of(
    rows_of: Any, model: str, step: int, tmp_path: Path
) -> None:
    """Wherever it begins: also behind a gap in which an hour ends, and in the middle of a minute."""
    (tmp_path / "listener.py").write_text(LISTENER)
    recording = make_recording(tmp_path / "data", *map(rows_of, MINUTES))
    settings = settings_of(HEARS.replace("MODEL", model), tmp_path)
    whole = heard(make_plan(settings, recording))
    assert len(whole) > len(MINUTES)
    for first in range(2 + step, 2 * len(MINUTES) + 2, step):
        plan = make_plan(settings, recording, first)
        begin = int(plan.found.first_recv_ns)
        assert heard(plan) == [each for each in whole if each[0] >= begin], first


def test_what_a_part_is_told_of_bars_can_be_verified(tmp_path: Path) -> None:
    (tmp_path / "listener.py").write_text(LISTENER)
    recording = make_recording(tmp_path / "data", *map(prints, MINUTES))
    behind_the_gap = 2 * MINUTES.index(68) + 2
    plan = make_plan(settings_of(HEARS.replace("MODEL", "trades"), tmp_path), recording, behind_the_gap)
    recorder = Recorder(tmp_path / "result")
    run = played(make_driven_run(plan, recorder))
    recorder.close()
    naming = read_naming(tmp_path / "result")
    assert naming is not None
    found = recheck(tmp_path / "result", naming, last=run.desk.seq, sources=[("listener.py", LISTENER)])
    assert (found.divergences, found.differences) == ([], 0)


def heard(plan: Plan) -> list[tuple[int, int, int]]:
    """When the listener was told of a bar, and which; as the plain run, the compiled loop and a verification have it."""
    told = []
    for driven in (False, True):
        kept = Kept()
        run = make_driven_run(plan, kept) if driven else make_run(plan, Exchange(plan), kept, asks_always=True)
        played(run)
        rows = kept.rows()[kept.rows()["kind"] == r.INTENT.number].view(r.INTENT.view)
        told.append([(int(each["ts_recv"]), int(each["qty"]), int(each["price"])) for each in rows])
    assert told[0] == told[1]
    return told[0]
