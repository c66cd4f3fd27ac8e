"""Expire, compact, backup: room is given back, rows never change, whatever is killed and whoever reads meanwhile."""

import itertools
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import journal.building as building_module
import journal.retention as retention_module
from journal import SLOT, STEP_END, CorruptError, JournalError, LockedError, OpenError, Reader, Writer
from journal.check import check, check_structure
from journal.environment import meta_page
from journal.files import TargetExistsError
from journal.retention import VALUES_PER_COMMIT, backup, compact, expire_frames
from journal.snapshots import find_snapshots, save
from tests.journal.samples import copy_of, edit, make_frames, make_rows
from tests.world.histories import History, make_history, read_history, same, write_history

ROOT = Path(__file__).resolve().parents[2]


def digests(path: Path) -> list[bytes]:
    with Reader.open(path) as reader, reader.view() as view:
        return [batch.digest for batch in view.scan()]


def batch_ends(path: Path) -> list[int]:
    with Reader.open(path) as reader, reader.view() as view:
        return [batch.last for batch in view.scan()]


@pytest.fixture
def made(journal_dir: Path) -> tuple[Path, History]:
    history = make_history(600, 4)
    return write_history(journal_dir, history, 5), history


# expire


def test_frames_below_go_and_all_else_stays(made: tuple[Path, History]) -> None:
    path, history = made
    before, chain = read_history(path), digests(path)
    ends = batch_ends(path)
    limit = max(end for end in ends if end < 300) + 1
    answer = expire_frames(path, 300)
    after = read_history(path)
    assert after.frames == {seq: frame for seq, frame in history.frames.items() if seq >= limit}
    assert (after.rows.tobytes(), after.bodies) == (before.rows.tobytes(), before.bodies)
    assert digests(path) == chain
    assert answer["frames_from"] == limit
    assert answer["bytes_after"] <= answer["bytes_before"]
    with Reader.open(path) as reader, reader.view() as view:
        assert view.frames_from == limit
    again = expire_frames(path, 300)
    assert (again["expired"], again["frames_from"]) == (0, limit)
    assert expire_frames(path, 10)["frames_from"] == limit, "the limit never goes back"


@pytest.mark.parametrize("before", [1, 2, 10**9])
def test_limits_at_the_edges(before: int, made: tuple[Path, History]) -> None:
    path, history = made
    answer = expire_frames(path, before)
    left = read_history(path).frames
    assert left == {seq: frame for seq, frame in history.frames.items() if seq >= answer["frames_from"]}
    if before == 10**9:
        assert answer["frames_from"] == len(history.rows) + 1
        with Writer.open(path) as writer:
            writer.append(history.rows[-1:])
        assert check(path).ok


def test_many_frames_go_in_bounded_transactions(journal_dir: Path) -> None:
    history = make_history(3 * VALUES_PER_COMMIT + 100, 1, step_rows_max=1)
    path = write_history(journal_dir, history, 1, steps_max=1, meta=False)
    before = meta_page(path).txn
    answer = expire_frames(path, len(history.rows))
    commits = meta_page(path).txn - before
    assert commits >= answer["expired"] // VALUES_PER_COMMIT
    assert answer["expired"] == len(history.frames) - (len(history.rows) in history.frames)


def test_an_expiry_that_stops_between_two_transactions(
    made: tuple[Path, History], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, history = made
    monkeypatch.setattr(retention_module, "VALUES_PER_COMMIT", 3)
    really, calls = retention_module._expire_some, itertools.count(1)

    def stopped(*words: Any) -> int:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return really(*words)

    monkeypatch.setattr(retention_module, "_expire_some", stopped)
    with pytest.raises(KeyboardInterrupt):
        expire_frames(path, 500)
    assert check(path).ok
    with Reader.open(path) as reader, reader.view() as view:
        limit = view.frames_from
    assert 1 < limit < 500
    assert read_history(path).frames == {seq: frame for seq, frame in history.frames.items() if seq >= limit}
    assert expire_frames(path, 500)["frames_from"] > limit


def test_orphaned_frames_are_not_expired_blindly(made: tuple[Path, History], tmp_path: Path) -> None:
    copy = copy_of(made[0], tmp_path / "copy")
    first = batch_ends(copy)[0] + 1
    edit(copy, lambda txn, rows, frames, meta: txn.delete(first.to_bytes(8, "big"), db=rows))
    with pytest.raises(CorruptError, match="raw frames without a batch"):
        expire_frames(copy, 500)


def test_expire_and_compact_need_the_lock(made: tuple[Path, History]) -> None:
    path, _ = made
    with Writer.open(path):
        for call in (lambda: expire_frames(path, 10), lambda: compact(path)):
            with pytest.raises(LockedError):
                call()


def test_no_journal_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in ("absent", "empty"):
        for call in (
            lambda path: expire_frames(path, 10),
            compact,
            lambda path: backup(path, tmp_path / "out"),
        ):
            with pytest.raises(OpenError, match="no journal"):
                call(tmp_path / place)
    assert os.listdir(tmp_path / "empty") == []
    assert os.listdir(tmp_path) == ["empty"]


# compact


def test_compact_after_expire_gives_room_back(journal_dir: Path) -> None:
    path, rows = journal_dir, make_rows(300)
    texts = [np.random.default_rng(k).bytes(150).replace(b"\n", b" ") for k in range(300)]
    with Writer.open(path) as writer:
        for _ in range(20):
            writer.append(rows, frames=make_frames(texts))
    save(path, seq=5, link=digests(path)[0], fingerprint=b"x", payload=b"state")
    chain, size = digests(path), (path / "data.mdb").stat().st_size
    expired = expire_frames(path, 5990)
    assert expired["expired"] == 19
    assert expired["bytes_before"] - expired["bytes_after"] > 19 * 300 * 150
    assert (path / "data.mdb").stat().st_size >= size, "free pages stay in the file until it is compacted"
    answer = compact(path)
    assert answer["bytes_after"] == (path / "data.mdb").stat().st_size < answer["bytes_before"] / 2
    assert digests(path) == chain
    assert check(path).ok
    assert check_structure(path) == ""
    assert len(find_snapshots(path)) == 1
    assert sorted(os.listdir(path)) == ["data.mdb", "lock.mdb", "snapshots", "writer.lock"]
    with Writer.open(path) as writer:
        writer.append(rows[-1:])


READ = """
import sys
from journal import Reader
with Reader.open(sys.argv[1]) as reader:
    for line in sys.stdin:
        with reader.view() as view:
            print(view.head()[0], sum(batch.n for batch in view.scan()), flush=True)
"""


class OtherReader:
    """A reader in another process that keeps the journal open; `ask` lets it look once."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", READ, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def ask(self) -> tuple[int, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("look\n")
        self._process.stdin.flush()
        head, rows = self._process.stdout.readline().split()
        return int(head), int(rows)

    def close(self) -> None:
        self._process.communicate()


def compact_beside_readers(path: Path, history: History) -> None:
    """Compact while two processes hold the journal open, then look and write through all of them."""
    n = len(history.rows)
    readers = [OtherReader(path), OtherReader(path)]
    try:
        assert [reader.ask() for reader in readers] == [(n, n)] * 2
        compact(path)
        late = OtherReader(path)
        readers.append(late)
        assert late.ask() == (n, n), "one that comes after sees everything"
        assert [reader.ask() for reader in readers] == [(n, n)] * 3
        with Writer.open(path) as writer:
            for more in range(1, 5):
                writer.append(history.rows[-1:])
                writer.flush()
                assert [reader.ask() for reader in readers] == [(n + more, n + more)] * 3
        assert check(path).ok
        assert check_structure(path) == ""
    finally:
        for reader in readers:
            reader.close()


@pytest.mark.parametrize("commits", [0, 1, 2, 3])
def test_readers_of_other_processes_survive_a_compact(commits: int, made: tuple[Path, History]) -> None:
    """LMDB picks a meta page by the parity of a number in its lock file, which outlives the data file."""
    path, history = made
    with Writer.open(path) as writer:
        for _ in range(commits):
            writer.append(history.rows[-1:])
            writer.flush()
    whole = history._replace(rows=np.concatenate([history.rows, *[history.rows[-1:]] * commits]))
    compact_beside_readers(path, whole)


def test_the_parity_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the alignment one of some numbers of commits must go wrong, or the law above proves nothing. How many commits a history
    takes depends on what waits together, so two neighbours are not enough.
    """
    monkeypatch.setattr(building_module, "_align", lambda built, path: None)
    failures = 0
    for commits in range(12):
        if failures:
            break
        history = make_history(60, 3)
        path = write_history(tmp_path / str(commits), history, 1)
        with Writer.open(path) as writer:
            for _ in range(commits):
                writer.append(history.rows[-1:])
                writer.flush()
        whole = history._replace(rows=np.concatenate([history.rows, *[history.rows[-1:]] * commits]))
        try:
            compact_beside_readers(path, whole)
        except (AssertionError, ValueError, OSError, JournalError):
            failures += 1
    assert failures >= 1


def test_a_reader_of_this_process_goes_on(made: tuple[Path, History]) -> None:
    path, history = made
    with Reader.open(path) as reader:
        with reader.view() as view:
            batch = view.batch_at(1)
            assert batch is not None
            compact(path)
            assert batch.rows.tobytes() == history.rows[: batch.n].tobytes(), "an open view keeps the old file"
        with reader.view() as view:
            assert view.head()[0] == len(history.rows)


KILLED = """
import os, sys
from pathlib import Path
from journal.retention import backup, compact, expire_frames
calls = 0
def hook(event, args):
    global calls
    if event in {{"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "open", "shutil.rmtree"}}:
        if any(isinstance(each, (str, bytes)) and "victim" in str(each) for each in args):
            calls += 1
            if calls == {at}:
                os.kill(os.getpid(), 9)
sys.addaudithook(hook)
{call}
os._exit(7)
"""


def run_killed(call: str, at: int) -> bool:
    """Run a call that dies at its n-th file operation; True if it came to its end before."""
    script = KILLED.format(call=call, at=at)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, cwd=ROOT)
    assert done.returncode in (7, -9), done.stderr.decode()
    return done.returncode == 7


def test_a_compact_killed_at_any_step(tmp_path: Path) -> None:
    history = make_history(100, 1)
    path = write_history(tmp_path / "victim", history, 1)
    for at in itertools.count(1):
        done = run_killed(f"compact(Path({str(path)!r}))", at)
        assert check(path).ok
        assert same(read_history(path), history)
        if done:
            break
    assert at > 6
    compact(path)
    assert sorted(os.listdir(path)) == ["data.mdb", "lock.mdb", "writer.lock"], "leftovers are swept"


# backup


def test_backup_while_a_writer_is_at_work(made: tuple[Path, History], tmp_path: Path) -> None:
    path, history = made
    save(path, seq=5, link=digests(path)[0], fingerprint=b"x", payload=b"state")
    stop = threading.Event()
    rows = np.zeros(50, SLOT)
    rows["flags"][-1] = STEP_END
    rows["ts_recv"] = history.rows["ts_recv"].max()
    with Writer.open(path) as writer:

        def write() -> None:
            while not stop.is_set():
                writer.append(rows)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            answers = [backup(path, tmp_path / f"out{k}") for k in range(3)]
        finally:
            stop.set()
            thread.join()
    heads = [answer["records"] for answer in answers]
    assert heads == sorted(heads)
    for k, answer in enumerate(answers):
        out = tmp_path / f"out{k}"
        report = check(out)
        assert report.ok
        assert (report.records, report.head_hash) == (answer["records"], answer["head_hash"])
        assert read_history(out).rows[: len(history.rows)].tobytes() == history.rows.tobytes()
        assert sorted(os.listdir(out)) == ["data.mdb", "snapshots"] or "lock.mdb" in os.listdir(out)
        assert [entry.seq for entry in find_snapshots(out)] == [5]
    with Writer.open(tmp_path / "out0") as writer:
        writer.append(rows)


def test_backup_never_overwrites(made: tuple[Path, History], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "file").write_text("x")
    for name in ("out", "file"):
        with pytest.raises(TargetExistsError):
            backup(made[0], tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["file", "journal", "out"]


def test_a_damaged_journal_is_not_backed_up(made: tuple[Path, History], tmp_path: Path) -> None:
    path, history = made
    data = bytearray((path / "data.mdb").read_bytes())
    row, at = history.rows[100:101].tobytes(), 0
    while (at := data.find(row, at)) >= 0:  # free pages may hold older copies of a small batch
        data[at + 9] ^= 4
        at += len(row)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "data.mdb").write_bytes(data)
    with pytest.raises(CorruptError) as caught:
        backup(tmp_path / "bad", tmp_path / "out")
    assert caught.value.seq is not None
    assert caught.value.seq <= 101
    assert sorted(os.listdir(tmp_path)) == ["bad", "journal"]
    before = (tmp_path / "bad" / "data.mdb").read_bytes()
    with pytest.raises(CorruptError):
        compact(tmp_path / "bad")
    assert (tmp_path / "bad" / "data.mdb").read_bytes() == before


def test_a_backup_killed_at_any_step(tmp_path: Path) -> None:
    history = make_history(60, 1)
    path = write_history(tmp_path / "source", history, 1)
    out = tmp_path / "victim"
    for at in itertools.count(1):
        done = run_killed(f"backup(Path({str(path)!r}), Path({str(out)!r}))", at)
        if out.exists():
            assert same(read_history(out), history), "it shows only when it is whole"
            shutil.rmtree(out)
        backup(path, out)
        assert sorted(os.listdir(tmp_path)) == ["source", "victim"]
        shutil.rmtree(out)
        if done:
            break
    assert at > 3


@given(seed=st.integers(0, 2**32), steps=st.lists(st.tuples(st.sampled_from("ecba"), st.integers(1, 120)), max_size=6))
def test_any_sequence_of_operations_keeps_the_rows(
    seed: int, steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("sequence")
    history = make_history(100, seed)
    path = write_history(folder / "j", history, seed)
    chain, limit = digests(path), 1
    for number, (step, before) in enumerate(steps):
        if step == "e":
            limit = max(limit, expire_frames(path, before)["frames_from"])
        elif step == "c":
            compact(path)
        elif step == "b":
            backup(path, folder / f"b{number}")
            path = folder / f"b{number}"
        else:
            Writer.open(path).close()
    assert digests(path) == chain
    assert check(path).ok
    assert read_history(path).frames == {seq: frame for seq, frame in history.frames.items() if seq >= limit}
    shutil.rmtree(folder)
