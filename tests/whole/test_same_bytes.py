"""The same rows give the same state to the byte: however they were cut, written, copied, archived, and whoever folds them."""

import hashlib
import itertools
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journal.archive import archive
from journal.check import check
from journal.limits import ROWS_MAX
from journal.restore import restore
from tests.world.crash_commands import answer, cut_of, sample_of
from tests.world.crash_nursery import ROOT, Nursery
from tests.world.crash_recut import write_cut
from tests.world.histories import History, prefix, read_history
from veloz.contracts.layout import ROW, STEP_END
from veloz.engine.replay import Replay
from veloz.history.recall import recall, save_snapshot
from veloz.ingest.redecode import redecode
from veloz.ingest.run import ingest
from veloz.reducers.fold import fold
from veloz.reducers.state import State, dump_state, load_state, new_state, state_hash

VELOZ = "tests.world.crash_commands:veloz"
MARKETS = ("binance_coinm", "binance_spot", "binance_usdm")


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of three venues. Read it; copy it to change it."""
    path = tmp_path_factory.mktemp("merged") / "journal"
    ingest([(market, sample_of(market)) for market in MARKETS], path, snapshot_keep=0, unsafe_fs=True)
    return path


@pytest.fixture(scope="module")
def history(merged: Path) -> History:
    return read_history(merged)


@pytest.fixture(scope="module")
def expected(history: History) -> str:
    """The hash of all rows folded in one call."""
    return hash_of(history.rows)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery("tests.world.crash_commands:warm_all") as found:
        yield found


def hash_of(rows: Any) -> str:
    return state_hash(fold(new_state(), rows.view(ROW), 1))


def replayed(path: Path, last: int | None = None) -> str:
    return state_hash(recall(path, last=last, use_snapshot=False).state)


def digest_of(path: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time and content of everything in a directory."""
    found = {}
    for each in sorted([path, *path.rglob("*")]):
        about = each.stat()
        content = hashlib.sha256(each.read_bytes()).hexdigest() if each.is_file() else ""
        found[str(each.relative_to(path))] = (about.st_mode, about.st_mtime_ns, content)
    return found


# however it is cut


def random_cuts(history: History, chance: random.Random, rows_a_batch: int) -> list[int]:
    """Ends of steps, at distances of about so many rows, at most as many as a batch takes."""
    ends = np.array(history.step_ends)
    cuts: list[int] = []
    at = 0
    while at < ends[-1]:
        wanted = at + 1 + int(chance.expovariate(1 / rows_a_batch))
        ix = min(int(np.searchsorted(ends, wanted)), len(ends) - 1)
        while ends[ix] - at > ROWS_MAX:
            ix -= 1
        at = int(ends[ix])
        cuts.append(at)
    return cuts


@pytest.mark.parametrize("rows_a_batch", [40, 300, 3_000, 16_000])
def test_cut_anywhere(rows_a_batch: int, history: History, expected: str, journal_dir: Path) -> None:
    cuts = random_cuts(history, random.Random(rows_a_batch), rows_a_batch)
    assert replayed(write_cut(journal_dir, history, cuts)) == expected
    assert read_history(journal_dir).rows.tobytes() == history.rows.tobytes()


def test_a_batch_a_step(history: History, journal_dir: Path) -> None:
    first = prefix(history, next(end for end in history.step_ends if end >= 40_000))
    assert replayed(write_cut(journal_dir, first, first.step_ends)) == hash_of(first.rows)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_cut_anywhere_often(seed: int, history: History, expected: str, journal_dir: Path) -> None:
    chance = random.Random(seed)
    cuts = random_cuts(history, chance, int(10 ** chance.uniform(0.5, 4)))
    assert replayed(write_cut(journal_dir, history, cuts)) == expected
    assert state_hash(redecode(journal_dir, last=len(history.rows)).state) == expected


def test_cut_within_steps_in_memory(history: History, expected: str) -> None:
    """The fold itself does not even need whole steps."""
    for seed in range(8):
        chance = random.Random(seed)
        state, at = new_state(), 0
        while at < len(history.rows):
            n = 1 + int(chance.expovariate(1 / 10 ** chance.uniform(0, 4)))
            state = fold(state, history.rows[at : at + n].view(ROW), at + 1)
            at += n
        assert state_hash(state) == expected, seed


# whoever folds it


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """The beginning of each recording: the words of its ingest, and a journal of it."""
    folder = tmp_path_factory.mktemp("short")
    cuts = []
    for market in MARKETS:
        (folder / market).mkdir()
        cuts.append((market, cut_of(sample_of(market), 250, folder / market / f"{sample_of(market).stem}.txt")))
    ingest(cuts, folder / "journal", snapshot_keep=0, unsafe_fs=True)
    return ["ingest", *(f"{market}={file}" for market, file in cuts), "--unsafe-fs"], folder / "journal"


@pytest.fixture(scope="module", params=["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def switched(request: pytest.FixtureRequest) -> Iterator[Nursery]:
    """Commands without the compiler, or with every index checked."""
    with Nursery("tests.world.crash_commands:warm_all", variables={request.param: "1"}) as found:
        yield found


def test_folded_compiled_or_not(switched: Nursery, short: tuple[list[str], Path]) -> None:
    _, path = short
    for how in ("--no-snapshot", "--decode"):
        found = switched.run(VELOZ, {"words": ["replay", "--journal", str(path), how, "--json"]})
        assert found.code == 0, found
        assert (answer(found.said)["state_hash"], answer(found.said)["divergences"]) == (replayed(path), [])


def test_ingested_compiled_or_not(switched: Nursery, short: tuple[list[str], Path], tmp_path: Path) -> None:
    words, compiled = short
    path = tmp_path / "journal"
    assert switched.run(VELOZ, {"words": [*words, "--json", "--journal", str(path)]}).code == 0
    assert read_history(path).rows.tobytes() == read_history(compiled).rows.tobytes()


SURROUNDINGS = [
    {"PYTHONHASHSEED": "0", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "1", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8"},
    {"PYTHONHASHSEED": "random", "TZ": "UTC", "LC_ALL": "tr_TR.UTF-8", "COLUMNS": "20"},
]


def told_about(nursery: Nursery, path: Path) -> list[str]:
    """What commands that read say about a journal, to the letter."""
    wishes = (
        ["journal", "dump", "--limit", "2000"],
        ["journal", "dump", "--kind", "instrument.*"],
        ["book", "--instrument", "BTCUSD_PERP", "--json"],
    )
    return [nursery.run(VELOZ, {"words": [*words, "--journal", str(path)]}).said[-1]["out"] for words in wishes]


@pytest.mark.parametrize("variables", SURROUNDINGS, ids=["seed-0", "seed-1", "seed-random"])
def test_wherever_it_runs(
    variables: dict[str, str], nursery: Nursery, merged: Path, history: History, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    with Nursery("tests.world.crash_commands:warm_all", variables=variables) as other:
        inputs = [f"{market}={sample_of(market)}" for market in MARKETS]
        for words in (
            ["ingest", *inputs, "--unsafe-fs"],
            ["replay", "--no-snapshot"],
            ["replay", "--decode"],
            ["journal", "snapshot"],
        ):
            ended = other.run(VELOZ, {"words": [*words, "--json", "--journal", str(path)]})
            assert ended.code == 0, ended
            assert words[0] == "ingest" or answer(ended.said)["state_hash"] == expected
        assert read_history(path).rows.tobytes() == history.rows.tobytes()
        assert told_about(other, path) == told_about(nursery, merged)


# after a snapshot


def points_of(history: History, count: int, seed: int) -> list[int]:
    """Rows to stop at: the first, the last, and any between, within steps too."""
    chance = random.Random(seed)
    last = len(history.rows)
    within = [seq for seq in (chance.randrange(1, last) for _ in range(4 * count)) if seq not in set(history.step_ends)]
    return sorted(
        {1, 2, last - 1, last, *within[: count // 2], *(chance.randrange(1, last) for _ in range(count // 2))}
    )


def resumed(state: State, rows: Any, at: int) -> str:
    """The hash after the rest, from a state that went through bytes."""
    return state_hash(fold(load_state(dump_state(state)), rows[at:].view(ROW), at + 1))


@pytest.mark.parametrize("count", [50, pytest.param(1_000, marks=pytest.mark.slow)])
def test_load_and_go_on_from_any_row(count: int, history: History, expected: str) -> None:
    state, at = new_state(), 0
    for point in points_of(history, count, count):
        state = fold(state, history.rows[at:point].view(ROW), at + 1)
        at = point
        assert resumed(state, history.rows, at) == expected, at


def test_a_snapshot_anywhere_and_a_replay_from_there(
    nursery: Nursery, merged: Path, history: History, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    shutil.copytree(merged, path)
    last = len(history.rows)
    for at in points_of(history, 6, 1):
        kept = nursery.run(VELOZ, {"words": ["journal", "snapshot", "--at", str(at), "--json", "--journal", str(path)]})
        assert answer(kept.said)["state_hash"] == hash_of(history.rows[:at]), at
        if at == last:
            continue
        words = ["replay", "--from", str(at + 1), "--json", "--journal", str(path)]
        found = answer(nursery.run(VELOZ, {"words": words}).said)
        assert (found["snapshot_used"], found["state_hash"]) == (at, expected)
        assert found["records"] == last - at
        plain = answer(nursery.run(VELOZ, {"words": [*words, "--no-snapshot"]}).said)
        assert (plain["snapshot_used"], plain["state_hash"], plain["records"]) == (None, expected, last - at)


def test_a_snapshot_of_another_history_is_not_used(merged: Path, history: History, tmp_path: Path) -> None:
    other = History(history.rows.copy(), history.bodies, history.frames)
    other.rows["ts_recv"] += 1
    path = write_cut(tmp_path / "journal", other, random_cuts(history, random.Random(1), 3_000))
    save_snapshot(merged, 1_000, recall(merged, last=1_000).state, 3)
    try:
        shutil.copytree(merged / "snapshots", path / "snapshots")
    finally:
        shutil.rmtree(merged / "snapshots")
    found = recall(path, count_from=1_001)
    assert found.snapshot_used is None
    assert state_hash(found.state) == hash_of(other.rows)


# after archive and restore


def test_archived_and_restored(merged: Path, history: History, expected: str, journal_dir: Path) -> None:
    """Cut within steps and batches, given in any order, overlapping; decoded again too."""
    chance = random.Random(5)
    last = len(history.rows)
    within = [seq for seq in range(1, last, 997) if seq not in set(history.step_ends)]
    cuts = [0, *sorted(chance.sample(within, 5)), last]
    files = []
    for first, end in itertools.pairwise(cuts):
        files.append(journal_dir.parent / f"{first}.vza")
        archive(merged, first=max(1, first - 50), last=end, out=files[-1])
    chance.shuffle(files)
    restore(files, journal_dir)
    assert replayed(journal_dir) == expected
    again = redecode(journal_dir, last=last)
    assert (state_hash(again.state), again.replay.divergences) == (expected, [])
    assert read_history(journal_dir).frames == history.frames


def test_restored_up_to_a_row_within_a_step(merged: Path, history: History, journal_dir: Path) -> None:
    ends = set(history.step_ends)
    at = next(seq for seq in range(50_000, 60_000) if seq not in ends)
    archive(merged, last=at, out=journal_dir.parent / "part")
    restore([journal_dir.parent / "part"], journal_dir)
    assert replayed(journal_dir) == replayed(merged, at) == hash_of(history.rows[:at])


def test_decoded_again(merged: Path, history: History, expected: str) -> None:
    found = redecode(merged, last=len(history.rows))
    assert (state_hash(found.state), found.replay.divergences) == (expected, [])


# wherever it lies


@pytest.mark.parametrize("with_lock", [True, False])
def test_a_copied_read_only_directory(
    with_lock: bool, nursery: Nursery, merged: Path, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    path.mkdir()
    for name in ["data.mdb", *(["lock.mdb"] if with_lock else [])]:
        shutil.copyfile(merged / name, path / name)
        (path / name).chmod(0o444)
    path.chmod(0o555)
    try:
        before = digest_of(path)
        for words in (
            ["replay", "--no-snapshot"],
            ["replay", "--decode"],
            ["journal", "verify"],
            ["journal", "info"],
            ["book", "--instrument", "BTCUSD_PERP"],
        ):
            job = {"words": [*words, "--json", "--journal", str(path)]}
            ended = nursery.run("tests.world.crash_commands:veloz_bound", job)
            assert ended.code == 0, ended
            assert words[0] != "replay" or answer(ended.said)["state_hash"] == expected
        refused = nursery.run(
            "tests.world.crash_commands:veloz_bound", {"words": ["journal", "snapshot", *job["words"][-3:]]}
        )
        assert refused.code == 3, refused
        assert digest_of(path) == before
    finally:
        path.chmod(0o755)


def test_beside_a_writer(merged: Path, history: History, expected: str, journal_dir: Path) -> None:
    """What was there stays the same while another process appends, and so does every longer beginning."""
    shutil.copytree(merged, journal_dir)
    last = len(history.rows)
    script = f"""
import numpy as np
from journal import Writer
rows = np.load({str(journal_dir.parent / "more.npy")!r})
ends = (np.flatnonzero(rows["flags"] & 128) + 1).tolist()
with Writer.open({str(journal_dir)!r}) as writer:
    print("ready", flush=True)
    while True:
        for a, b in zip([0, *ends], ends):
            writer.append(rows[a:b])
"""
    np.save(journal_dir.parent / "more.npy", history.rows[2_000:3_000])
    child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        child.stdout.readline()
        heads = []
        for _ in range(8):
            assert replayed(journal_dir, last) == expected
            found = recall(journal_dir, use_snapshot=False)
            heads.append((found.replay.last_seq, state_hash(found.state)))
        assert child.poll() is None
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert len({seq for seq, _ in heads}) > 1, "the writer wrote nothing meanwhile"
    for seq, found_hash in heads:
        assert replayed(journal_dir, seq) == found_hash
    assert check(journal_dir).ok


# what a difference would look like


@pytest.mark.parametrize("kind", ["md.trade", "md.quote", "md.level", "instrument.listed"])
@pytest.mark.parametrize("word", ["price", "qty", "ts_recv"])
def test_one_other_bit_in_a_last_row_is_another_state(kind: str, word: str, history: History, expected: str) -> None:
    from veloz.contracts.registry import BY_NAME

    rows = history.rows.copy().view(ROW)
    at = int(np.flatnonzero(rows["kind"] == BY_NAME[kind].number)[-1])
    rows[word][at] ^= 1 << (40 if word == "ts_recv" else 0)
    assert state_hash(fold(new_state(), rows, 1)) != expected


def test_a_row_less_more_or_moved_is_another_state(history: History, expected: str) -> None:
    rows = history.rows
    at = int(np.flatnonzero((rows["kind"] == 1) & (rows["flags"] & STEP_END > 0))[-1])
    for changed in (np.delete(rows, at), np.insert(rows, at, rows[at]), np.append(rows[:at], rows[at + 1 :])):
        assert hash_of(changed) != expected
    moved = np.concatenate([rows[at : at + 1], rows[:at], rows[at + 1 :]])
    assert hash_of(moved) != expected


def test_a_fold_that_knows_its_cuts_is_found_out(
    history: History, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: a reducer that counts batches."""
    real = Replay.feed

    def feed(self: Replay, first_seq: int, rows: Any) -> None:
        real(self, first_seq, rows)
        self.state.clock["starts"] += 1

    monkeypatch.setattr(Replay, "feed", feed)
    few = write_cut(tmp_path / "few", history, random_cuts(history, random.Random(1), 16_000))
    many = write_cut(tmp_path / "many", history, random_cuts(history, random.Random(2), 2_000))
    assert len({replayed(few), replayed(many), expected}) == 3
