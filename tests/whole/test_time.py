"""Engine time is the greatest receive stamp so far: it never falls, and a replay lives through the recorded stamps again."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journal import Reader
from tests.world.crash_commands import answer, sample_of
from tests.world.crash_nursery import Death, Nursery
from tests.world.crash_recut import write_cut
from tests.world.histories import History, read_history
from veloz.contracts.layout import ROW
from veloz.history.recall import recall
from veloz.ingest.run import ingest
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state, state_hash

VELOZ = "tests.world.crash_commands:veloz"
MARKETS = ("binance_coinm", "binance_spot")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery("tests.world.crash_commands:warm_all") as found:
        yield found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> History:
    path = tmp_path_factory.mktemp("recorded") / "journal"
    ingest([(market, sample_of(market)) for market in MARKETS], path, snapshot_keep=0, unsafe_fs=True)
    return read_history(path)


@pytest.fixture(scope="module")
def unruly(recorded: History) -> History:
    """The same with stamps that jump back and forth, as those of several machines do."""
    rows = recorded.rows.copy()
    chance = np.random.default_rng(3)
    rows["ts_recv"] += chance.integers(-50_000_000, 50_000_000, len(rows))
    return History(rows, recorded.bodies, recorded.frames)


@pytest.fixture(scope="module")
def unruly_journal(unruly: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cuts = unruly.step_ends[::37]
    return write_cut(tmp_path_factory.mktemp("unruly") / "journal", unruly, cuts)


def engine_times(history: History) -> Any:
    return np.maximum.accumulate(history.rows["ts_recv"])


def test_the_clock_is_the_greatest_stamp_so_far(recorded: History, unruly: History) -> None:
    assert (np.diff(unruly.rows["ts_recv"]) < 0).sum() > 1_000, "the unruly recording must go back"
    for history in (recorded, unruly):
        times = engine_times(history)
        state, at, before = new_state(), 0, 0
        chance = random.Random(1)
        while at < len(times):
            n = 1 + int(chance.expovariate(1 / 300))
            state = fold(state, history.rows[at : at + n].view(ROW), at + 1)
            at = min(at + n, len(times))
            now = int(state.clock[0]["now_ns"])
            assert now >= before
            assert now == times[at - 1]
            before = now


def test_stamps_come_back_as_recorded(unruly: History, unruly_journal: Path) -> None:
    assert read_history(unruly_journal).rows["ts_recv"].tobytes() == unruly.rows["ts_recv"].tobytes()
    times = engine_times(unruly)
    with Reader.open(unruly_journal) as reader, reader.view() as view:
        before = 0
        for batch in view.scan():
            assert before <= batch.t_first <= batch.t_last
            assert (batch.t_first, batch.t_last) == (times[batch.first - 1], times[batch.last - 1])
            before = batch.t_last
    for last in (1, 777, len(times) // 2, len(times)):
        found = recall(unruly_journal, last=last, use_snapshot=False).state
        assert int(found.clock[0]["now_ns"]) == times[last - 1]


def replay_from(nursery: Nursery, path: Path, time: str) -> Death:
    return nursery.run(VELOZ, {"words": ["replay", "--from-time", time, "--json", "--journal", str(path)]})


def iso_of(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def test_from_time(nursery: Nursery, unruly: History, unruly_journal: Path) -> None:
    times = engine_times(unruly)
    whole = state_hash(fold(new_state(), unruly.rows.view(ROW), 1))
    chance = random.Random(2)
    wanted = {int(times[0]) - 5, int(times[0]), int(times[0]) + 1, int(times[-1])}
    wanted |= {int(chance.choice(times)) + shift for shift in (-1, 0, 1) for _ in range(3)}
    wanted |= {chance.randrange(int(times[0]), int(times[-1])) for _ in range(6)}
    for time_ns in sorted(wanted):
        first = int(np.searchsorted(times, time_ns)) + 1
        for text in (str(time_ns), iso_of(time_ns)):
            ended = replay_from(nursery, unruly_journal, text)
            assert ended.code == 0, (text, ended)
            found = answer(ended.said)
            assert (found["from_seq"], found["records"]) == (first, len(times) - first + 1), text
            assert found["state_hash"] == whole


def test_from_a_time_after_the_end(nursery: Nursery, unruly: History, unruly_journal: Path) -> None:
    ended = replay_from(nursery, unruly_journal, str(int(engine_times(unruly)[-1]) + 1))
    assert ended.code == 2
    assert answer(ended.said)["error"]["message"]
