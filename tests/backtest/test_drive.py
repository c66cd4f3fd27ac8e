"""The compiled loop of a run comes to the very rows of the run that takes one event at a time, and to the same state and memory."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from journal import Reader
from tests.backtest.fallen import LEVERED, falling
from tests.backtest.fallen import QUOTER as HELD
from tests.backtest.made import BEGIN, make_recording
from tests.backtest.woken import CHASER, settings_of
from veloz.backtest import driver as driver_room
from veloz.backtest import feed as feed_room
from veloz.backtest import result as result_room
from veloz.backtest.driver import Driver
from veloz.backtest.ledger import Ledger
from veloz.backtest.port import Exchange
from veloz.backtest.result import Kept, Recorder
from veloz.backtest.runner import Run
from veloz.backtest.settings import Settings
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW, STEP_END
from veloz.engine.step import Step
from veloz.history.dataset import Chunk
from veloz.reducers.state import state_hash

QUOTER = """
[account]
balances = {{ USDT = 1000000 }}
[latency]
entry_ns = {entry}
response_ns = {response}
[strategy]
interval_ns = {interval}
half_spread = {half}
qty = {qty}
max_position = 0.5
"""


def run_of(recording: Path, settings: Settings, quick: bool) -> tuple[Run, Kept, Ledger]:
    """A run, its rows and its ledger."""
    plan, kept = make_plan(settings, recording), Kept()
    ledger, exchange = Ledger(plan.world, 250_000_000), Exchange(plan)
    run = make_run(plan, exchange, kept, (ledger,))
    run.loop = Driver(run.desk, exchange) if quick else None
    return run, kept, ledger


def compare(recording: Path, settings: Settings, events: int = 0) -> Kept:
    """Both ways; what the plain one kept."""
    quick, kept, ledger = run_of(recording, settings, quick=True)
    plain, all_kept, all_ledger = run_of(recording, settings, quick=False)
    for run in (quick, plain):
        while not run.play(events=events):
            pass
        run.finish()
    assert kept.rows().tobytes() == all_kept.rows().tobytes()
    assert [step.first_seq for step in kept.steps] == [step.first_seq for step in all_kept.steps]
    assert [step.bodies for step in kept.steps] == [step.bodies for step in all_kept.steps]
    assert state_hash(quick.desk.state) == state_hash(plain.desk.state)
    assert quick.desk.host.digest() == plain.desk.host.digest()
    assert (ledger.curve, ledger.trades, ledger.orders) == (all_ledger.curve, all_ledger.trades, all_ledger.orders)
    assert quick.progress.rows == plain.progress.rows
    return all_kept


@pytest.mark.parametrize(
    "text",
    [QUOTER.format(entry=10**7, response=10**7, interval=10**8, half="0.5", qty="0.02"), CHASER],
    ids=["quoter", "both"],
)
def test_the_loop_makes_the_same_bytes(recording: Path, tmp_path: Path, text: str) -> None:
    rows = compare(recording, settings_of(text, tmp_path)).rows()
    assert (rows["kind"] == r.REQUESTED.number).sum() > 10
    assert (rows["kind"] == r.FILLED.number).sum() > 1


def cutter(size: int) -> Callable[[Iterable[tuple[int, np.ndarray]], int], Iterator[tuple[int, np.ndarray]]]:
    """A feed's blocks, of the steps that end within so many rows; 0: of one to two hundred, at random."""
    draw = Random(size)

    def cut(slabs: Iterable[tuple[int, np.ndarray]], most: int) -> Iterator[tuple[int, np.ndarray]]:
        for first, rows in slabs:
            ends, at = np.flatnonzero(rows["flags"] & STEP_END) + 1, 0
            while at < len(rows):
                wanted = np.searchsorted(ends, at + (size or draw.choice((1, 3, 10, 40, 200))))
                end = int(ends[wanted]) if wanted < len(ends) else len(rows)
                yield first + at, rows[at:end].copy()
                at = end

    return cut


LATENCIES = {
    "constant": (QUOTER.format(entry=10**7, response=10**7, interval=10**8, half="0.5", qty="0.02"), ""),
    "an arrival behind the last row": (
        "seed = 606621\n" + QUOTER.format(entry=5 * 10**7, response=10**7, interval=10**9, half="0.5", qty="0.02"),
        'model = "log_normal"\nspread = "1.0"\n',
    ),
    "an arrival between two rows": (
        "seed = 875805\n" + QUOTER.format(entry=10**7, response=10**7, interval=10**8, half="0.5", qty="0.02"),
        'model = "log_normal"\nspread = "2.0"\n',
    ),
    "feed": (
        QUOTER.format(entry=10**6, response=5 * 10**7, interval=10**7, half="0.5", qty="0.02"),
        'model = "feed"\nfeed_share = "1.0"\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LATENCIES)
def test_blocks_of_any_size_make_the_same_bytes(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text, latency = LATENCIES[name]
    settings = settings_of(text.replace("[latency]\n", f"[latency]\n{latency}"), tmp_path)
    whole = compare(recording, settings).rows().tobytes()
    for size in (5, 0, 700):
        monkeypatch.setattr(feed_room, "blocks", cutter(size))
        assert compare(recording, settings).rows().tobytes() == whole, size
    _, kept, _ = stepped = run_of(recording, settings, quick=True)
    while not stepped[0].play(events=7) and not stepped[0].step():
        pass
    stepped[0].finish()
    assert kept.rows().tobytes() == whole, "played and stepped in turn"


def test_a_quiet_run_can_be_paused(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_room, "blocks", cutter(40))
    text = QUOTER.format(entry=10**7, response=10**7, interval=10**15, half="0.5", qty="0.02")
    run, _, _ = run_of(recording, settings_of(text, tmp_path), quick=True)
    take, taken = run.hand.feed.next_chunk, 0

    def next_chunk() -> Chunk | None:
        nonlocal taken
        taken += 1
        if taken == 3:
            run.pause()
        return take()

    monkeypatch.setattr(run.hand.feed, "next_chunk", next_chunk)
    assert not run.play()
    assert taken <= 3 + driver_room.CHUNKS_MOST
    while not run.play():
        pass
    assert taken > 100


def test_a_strategy_in_python_is_asked_in_the_loop_and_by_the_step_in_turn(recording: Path, tmp_path: Path) -> None:
    quick, kept, _ = run_of(recording, settings_of(CHASER, tmp_path), quick=True)
    plain, all_kept, _ = run_of(recording, settings_of(CHASER, tmp_path), quick=False)
    while not plain.play():
        pass
    while not quick.play(events=9):
        quick.step()
    assert kept.rows().tobytes() == all_kept.rows().tobytes()
    assert quick.desk.host.digest() == plain.desk.host.digest()


def test_steps_by_the_block_lie_in_the_same_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_room, "BATCH_ROWS", 50)
    monkeypatch.setattr(result_room, "ROWS_MAX", 70)
    draw = Random(1)
    lengths = [draw.choice((1, 2, 5, 30, 69)) for _ in range(400)]
    rows = np.zeros(sum(lengths), ROW)
    rows["kind"], rows["version"], rows["ts_recv"] = r.TIMER.number, 1, np.arange(len(rows)) + 10**18
    ends = np.cumsum(lengths)
    rows["flags"][ends - 1] = STEP_END
    single, block = Recorder(tmp_path / "single"), Recorder(tmp_path / "block")
    for begin, end in zip([0, *ends.tolist()], ends.tolist(), strict=False):
        single.add(Step(begin + 1, 0, rows[begin:end], []))
    at = 0
    while at < len(ends):
        stop = min(at + draw.randint(1, 60), len(ends))
        begin = int(ends[at - 1]) if at else 0
        block.add_all(begin + 1, rows[begin : ends[stop - 1]], ends[at:stop] - begin)
        at = stop
    found = []
    for each in (single, block):
        each.close()
        with Reader.open(each.path) as reader, reader.view() as view:
            found.append([(batch.first, batch.n, batch.digest) for batch in view.scan()])
    assert found[0] == found[1]
    assert len(found[0]) > 50


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_settings_and_however_small_the_tape(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    draw = Random(seed)
    monkeypatch.setattr(driver_room, "TAPE_ROWS", draw.choice((9_000, 1 << 16)))
    text = QUOTER.format(
        entry=draw.choice((0, 1, 10**6, 5 * 10**7)), response=draw.choice((0, 1, 10**7, 10**8)),
        interval=draw.choice((10**6, 10**7, 10**8, 10**9)), half=draw.choice(("0", "0.05", "1")), qty=draw.choice(("0.002", "0.1")),
    )  # fmt: skip
    compare(recording, settings_of(text, tmp_path), events=draw.choice((0, 1, 7, 1_000)))


def test_the_loop_lets_books_be_kept_before_the_next_row(tmp_path: Path) -> None:
    """A mark price that the account does not bear, right before rows that the venue sees before anybody is asked."""
    data = make_recording(tmp_path / "data", *falling(-30))
    kept = compare(data, settings_of(HELD, tmp_path, *LEVERED))
    closed = kept.rows()[kept.rows()["kind"] == r.FILLED.number]
    assert (int(closed["ts_event"][-1]) - BEGIN) % 1_000_000_000 == 970_000_000
