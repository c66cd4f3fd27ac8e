"""`veloz ingest`, killed or stopped wherever it may be and given the same words again, ends as if nothing had happened."""

import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from journal.check import check
from tests.world.crash_commands import answer, cut_of, rows_of, sample_of
from tests.world.crash_nursery import Death, Nursery
from tests.world.crash_tracer import WRITING
from veloz.history.recall import recall
from veloz.reducers.state import state_hash

VELOZ = "tests.world.crash_commands:veloz"
MAY_DIFFER = {"added", "seconds", "head_hash"}
LIVES_MAX = 500
ROOT = Path(__file__).resolve().parents[2]
DOOR = "from veloz.cli.main import main; main()"
START_S = 0.6  # what a started program needs before it reads


class Whole(NamedTuple):
    """An ingest without a break: its words, all its rows, the hash of the state after them, what it said."""

    words: list[str]
    rows: bytes
    state_hash: str
    said: dict[str, Any]
    seconds: float


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery("tests.world.crash_commands:warm_all") as found:
        yield found


def unchanging(said: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in said.items() if key not in MAY_DIFFER}
    kept["warnings"] = [
        each for each in said["warnings"] if " are free under " not in each
    ]  # how full the disk is, and where
    return kept


def make_whole(nursery: Nursery, words: list[str], path: Path) -> Whole:
    ended = nursery.run(VELOZ, {"words": [*words, "--journal", str(path)]})
    assert ended.code == 0, ended
    said = answer(ended.said)
    folded = recall(path, use_snapshot=False).state
    return Whole(words, rows_of(path), state_hash(folded), unchanging(said), said["seconds"])


def ingest_words(*inputs: str) -> list[str]:
    return ["ingest", *inputs, "--json", "--unsafe-fs"]


@pytest.fixture(scope="module")
def merged(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Three venues in one journal."""
    markets = ("binance_coinm", "binance_spot", "binance_usdm")
    inputs = [f"{market}={sample_of(market)}" for market in markets]
    return make_whole(nursery, ingest_words(*inputs), tmp_path_factory.mktemp("merged") / "journal")


@pytest.fixture(scope="module")
def short(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The beginning of one recording."""
    folder = tmp_path_factory.mktemp("short")
    cut = cut_of(sample_of("binance_usdm"), 900, folder / "btcusdt.txt")
    return make_whole(nursery, [*ingest_words(str(cut)), "--venue", "binance_usdm"], folder / "journal")


def require_sound(path: Path, whole: Whole) -> int:
    """The journal verifies and is a beginning of the whole; rows in it."""
    report = check(path)
    assert report.ok, report.reason
    assert whole.rows.startswith(rows_of(path)), "what is in is not a beginning of the whole"
    return report.records


def require_same(path: Path, whole: Whole, ended: Death) -> None:
    assert ended.code == 0, ended
    assert unchanging(answer(ended.said)) == whole.said
    assert rows_of(path) == whole.rows
    assert state_hash(recall(path, use_snapshot=False).state) == whole.state_hash
    assert check(path).ok


def interrupt(words: list[str], after_s: float, by: int) -> Death:
    """The command as a person starts it, and a signal after a while. Not forked: it reaches all of a program's start."""
    child = subprocess.Popen(
        [sys.executable, "-c", DOOR, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with child:
        try:
            child.wait(after_s)
        except subprocess.TimeoutExpired:
            child.send_signal(by)
        try:
            out, err = child.communicate(timeout=120)
        finally:
            child.kill()  # one that hangs is not left behind
    return Death([{"out": out, "err": err}], [], False, child.returncode)


def stop_once(nursery: Nursery, words: list[str], whole: Whole, by: int, chance: random.Random) -> Death:
    if by != signal.SIGKILL:
        return interrupt(words, chance.uniform(0.3, 1.0) * (START_S + 2 * whole.seconds), by)
    return nursery.kill_later(VELOZ, {"words": words}, after_s=chance.uniform(0.1, 1.2) * whole.seconds, by=by)


def stop_and_continue(nursery: Nursery, path: Path, whole: Whole, by: int, chance: random.Random) -> Counter[str]:
    """Stop the same command at random moments until it gets through; how often it had some rows in, and how often it heeded that."""
    words = [*whole.words, "--journal", str(path)]
    seen = Counter(amid=0, heeded=0)
    for _ in range(LIVES_MAX):
        life = stop_once(nursery, words, whole, by, chance)
        records = require_sound(path, whole)
        seen["amid"] += 0 < records * 64 < len(whole.rows)
        if life.code == 0:
            require_same(path, whole, life)
            return seen
        seen["heeded"] += life.code == 128 + by
        heeded = [] if by == signal.SIGKILL else [128 + by]
        assert life.code in [*heeded, -by], life  # the latter: as the interpreter came or went
    raise AssertionError(f"did not get through in {LIVES_MAX} lives")


def stop_many(nursery: Nursery, folder: Path, whole: Whole, by: int, seeds: range) -> None:
    seen = Counter(amid=0, heeded=0)
    for seed in range(
        seeds.start, seeds.start + 4 * len(seeds)
    ):  # when a stop lands depends on the machine: go on until one landed
        if seen["amid"] and seed not in seeds:
            break
        seen += stop_and_continue(nursery, folder / str(seed), whole, by, random.Random(seed))
        shutil.rmtree(folder / str(seed))
    print(f"\n{len(seeds)} ingests, {seen['amid']} times stopped amid their rows, all rows and counters the same")
    assert seen["amid"], "none was stopped amid its rows: nothing was tried"
    assert bool(seen["heeded"]) == (by != signal.SIGKILL)


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_stopped_and_continued(nursery: Nursery, merged: Whole, tmp_path: Path, by: int) -> None:
    stop_many(nursery, tmp_path, merged, by, range(6))


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_stopped_and_continued_often(nursery: Nursery, merged: Whole, tmp_path: Path, by: int) -> None:
    stop_many(nursery, tmp_path, merged, by, range(50))


def kill_at_calls(nursery: Nursery, home: Path, whole: Whole, stride: int) -> None:
    """Kill one ingest after the other at its n-th writing call; each is then continued to its end."""
    killed: list[str] = []
    for nth in range(1, 10_000, stride):
        path = home / str(nth)
        words = [*whole.words, "--journal", str(path)]
        life = nursery.kill_at(VELOZ, {"words": words}, nth=nth, counted=WRITING)
        require_sound(path, whole)
        if not life.killed:
            require_same(path, whole, life)
            break
        killed.append(life.calls[-1])
        require_same(path, whole, nursery.run(VELOZ, {"words": words}))
        shutil.rmtree(path)
    print(
        f"\nkilled at {len(killed)} calls of an ingest, 0 differences: { {name: killed.count(name) for name in set(killed)} }"
    )
    assert "pwrite64" in killed


def test_killed_at_writing_calls(nursery: Nursery, short: Whole, tmp_path: Path) -> None:
    kill_at_calls(nursery, tmp_path, short, 5)


@pytest.mark.slow
def test_killed_at_every_writing_call(nursery: Nursery, short: Whole, tmp_path: Path) -> None:
    kill_at_calls(nursery, tmp_path, short, 1)


@pytest.mark.slow
def test_killed_at_every_writing_call_of_several_venues(nursery: Nursery, merged: Whole, tmp_path: Path) -> None:
    kill_at_calls(nursery, tmp_path, merged, 1)


def test_a_half_made_journal_is_empty_and_verified_by_nobody(nursery: Nursery, short: Whole, tmp_path: Path) -> None:
    seen: set[frozenset[str]] = set()
    for nth in range(1, 60):
        path = tmp_path / str(nth)
        nursery.kill_at(VELOZ, {"words": [*short.words, "--journal", str(path)]}, nth=nth, counted=WRITING)
        if not path.exists():
            continue
        asked = nursery.run(VELOZ, {"words": ["journal", "info", "--json", "--journal", str(path)]})
        assert asked.code == 0
        if answer(asked.said)["head_seq"]:
            break
        assert check(path).ok
        names = frozenset(str(each.relative_to(path)) for each in path.rglob("*"))
        if names not in seen:
            seen.add(names)
            verified = nursery.run(VELOZ, {"words": ["journal", "verify", "--json", "--journal", str(path)]})
            found = answer(verified.said)
            assert (verified.code, found["error"]["code"]) == (2, "empty"), found
    assert len(seen) >= 4, "the journal was caught in too few states of its making"


def test_when_all_is_in_nothing_changes(nursery: Nursery, short: Whole, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    words = [*short.words, "--journal", str(path)]
    nursery.run(VELOZ, {"words": words})
    before = (path / "data.mdb").read_bytes()
    names = sorted(each.name for each in path.rglob("*"))
    traced = nursery.kill_at(VELOZ, {"words": words}, nth=0, counted=WRITING - {"openat", "write"})
    require_same(path, short, traced)
    assert (path / "data.mdb").read_bytes() == before
    assert sorted(each.name for each in path.rglob("*")) == names
    assert "pwrite64" not in traced.calls
