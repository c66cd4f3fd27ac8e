"""The writer: numbers, durability, refusals, freezing, one at a time."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest

from journal import (
    AppendError,
    CorruptError,
    FencedError,
    FilesystemError,
    FormatError,
    FrozenError,
    FullError,
    LockedError,
    OpenError,
    Reader,
    Writer,
    check,
)
from journal.limits import MIB
from journal.store import Store
from tests.journal.samples import contents, make_frames, make_rows

ROOT = Path(__file__).resolve().parents[2]


def run_python(code: str, *arguments: object, **named: Any) -> subprocess.CompletedProcess[str]:
    """A program of its own that sees the project."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, **named)


def seqs(path: Path) -> list[tuple[int, int]]:
    with Reader.open(path) as reader, reader.view() as view:
        return [(batch.first, batch.n) for batch in view.scan()]


@pytest.mark.parametrize("bulk", [False, True])
def test_appended_is_read_back_in_order(journal_dir: Path, bulk: bool) -> None:
    with Writer.open(journal_dir, bulk=bulk) as writer:
        assert (writer.head_seq, writer.durable_seq, writer.epoch) == (0, 0, 1)
        first = [writer.append(make_rows(n), frames=make_frames([b"f"]), bodies=[(0, b"b")]) for n in (3, 1, 7)]
        assert first == [1, 4, 5]
        assert writer.head_seq == 11
        assert writer.wait_durable(11)
        assert writer.durable_seq == 11
    with Writer.open(journal_dir) as writer:
        assert (writer.head_seq, writer.durable_seq, writer.epoch) == (11, 11, 2)
        assert writer.append(make_rows(2)) == 12
    assert seqs(journal_dir) == [(1, 3), (4, 1), (5, 7), (12, 2)]


def test_bulk_and_plain_write_the_same_bytes(tmp_path: Path) -> None:
    for name, bulk in (("plain", False), ("bulk", True)):
        with Writer.open(tmp_path / name, bulk=bulk) as writer:
            for i in range(50):
                writer.append(
                    make_rows(1 + i % 7, t0=1000 - i), frames=make_frames([b"%d" % i]), bodies=[(0, b"x" * i)]
                )
    assert contents(tmp_path / "plain") == contents(tmp_path / "bulk")


def test_waiting_batches_share_a_commit_and_nothing_waits_for_company(journal_dir: Path, monkeypatch: Any) -> None:
    sizes: list[int] = []
    gate = threading.Event()
    commit = Store.commit

    def slow(store: Store, changes: Any) -> None:
        run = list(changes)
        sizes.append(len(run))
        gate.wait(10)
        commit(store, run)

    monkeypatch.setattr(Store, "commit", slow)
    with Writer.open(journal_dir, group=4) as writer:
        for _ in range(8):
            writer.append(make_rows(1))
        assert writer.durable_seq == 0
        assert not writer.wait_durable(1, timeout_s=0.01)
        assert writer.committing_s > 0
        gate.set()
        writer.flush()
        assert writer.durable_seq == 8
        assert writer.committing_s == 0.0
    assert sizes[0] == 1 or sizes[0] <= 4
    assert sum(sizes) == 8
    assert max(sizes) == 4


def test_a_full_queue_blocks_until_a_commit(journal_dir: Path, monkeypatch: Any) -> None:
    gate = threading.Event()
    commit = Store.commit
    monkeypatch.setattr(Store, "commit", lambda store, changes: (gate.wait(10), commit(store, changes)))
    with Writer.open(journal_dir, group=2) as writer:
        done = threading.Event()

        def fill() -> None:
            for _ in range(12):
                writer.append(make_rows(1))
            done.set()

        thread = threading.Thread(target=fill)
        thread.start()
        assert not done.wait(0.2)
        assert writer.head_seq == 4
        gate.set()
        thread.join()
        assert done.is_set()
    assert len(seqs(journal_dir)) == 12


def test_threads_may_append_at_once(journal_dir: Path) -> None:
    with Writer.open(journal_dir) as writer:
        first: list[int] = []

        def fill(kind: int) -> None:
            for _ in range(30):
                first.append(writer.append(make_rows(2, kinds=(kind,))))

        threads = [threading.Thread(target=fill, args=(kind,)) for kind in (1, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(first) == [1 + 2 * i for i in range(90)]
    assert len(seqs(journal_dir)) == 90


def test_what_is_refused_leaves_nothing_queued(journal_dir: Path) -> None:
    with Writer.open(journal_dir) as writer:
        rows = make_rows(2)
        with pytest.raises(ValueError, match="STEP_END"):
            writer.append(rows[:1])
        with pytest.raises(ValueError, match="frames"):
            writer.append(rows, frames=make_frames([b"a"], first_row=[2]))
        with pytest.raises(ValueError, match="ascending"):
            writer.append(rows, bodies=[(2, b"")])
        with pytest.raises(ValueError, match="not an application key"):
            writer.append(rows, meta={b"head": b"x"})
        with pytest.raises(ValueError, match="longer"):
            writer.append(rows, meta={b"a": bytes(2 * MIB)})
        with pytest.raises(ValueError, match="not given out"):
            writer.wait_durable(1)
        assert writer.head_seq == 0
        assert writer.append(rows) == 1
    assert seqs(journal_dir) == [(1, 2)]


def test_frames_and_keys_land_in_the_same_transaction(journal_dir: Path) -> None:
    with Writer.open(journal_dir) as writer:
        writer.append(make_rows(1), frames=make_frames([b"one"]), meta={b"ingest/a": b"1", b"ingest/b": b"2"})
        writer.append(make_rows(1), frames=make_frames([]), meta={b"ingest/a": None})
        writer.put_meta({b"ingest/c": b"3"})
        writer.flush()
        with Reader.open(journal_dir) as reader, reader.view() as view:
            assert view.meta_items(b"ingest/") == [(b"ingest/b", b"2"), (b"ingest/c", b"3")]
            frames = view.frames(1)
            assert frames is not None
            assert frames.frame(0) == b"one"
            assert view.frames(2) is None
            assert view.meta(b"ingest/a") is None


# one writer


def test_a_second_writer_is_refused_and_told_who(journal_dir: Path) -> None:
    with Writer.open(journal_dir):
        with pytest.raises(LockedError, match=f"process {os.getpid()}"):
            Writer.open(journal_dir)
        began = time.monotonic()
        said = run_python("import sys, journal; journal.Writer.open(sys.argv[1])", journal_dir)
        assert f"is being written by process {os.getpid()}" in said.stderr
        assert time.monotonic() - began < 20
    with Writer.open(journal_dir) as writer:
        assert writer.epoch == 2


def test_an_old_writer_is_fenced_when_the_lock_file_was_deleted(journal_dir: Path) -> None:
    with pytest.raises(FencedError), Writer.open(journal_dir) as old:
        old.append(make_rows(1))
        old.flush()
        (journal_dir / "writer.lock").unlink()
        taken = run_python(
            "import sys, journal; from tests.journal.samples import make_rows\n"
            "with journal.Writer.open(sys.argv[1]) as w: print(w.epoch, w.append(make_rows(1)))",
            journal_dir,
        )
        assert taken.stdout.split() == ["2", "2"], taken.stderr
        old.append(make_rows(1))
        with pytest.raises(FencedError, match="newer writer"):
            old.flush()
        with pytest.raises(FrozenError):
            old.append(make_rows(1))
        assert old.frozen
    assert seqs(journal_dir) == [(1, 1), (2, 1)]


@pytest.mark.parametrize("how", ["unlink", "replace"])
def test_a_data_file_removed_or_replaced_is_noticed(tmp_path: Path, how: str) -> None:
    path = tmp_path / "gone"
    with pytest.raises(FencedError), Writer.open(path) as writer:
        writer.append(make_rows(1))
        writer.flush()
        data = path / "data.mdb"
        if how == "unlink":
            data.unlink()
        else:
            data.with_name("other").write_bytes(data.read_bytes())
            os.replace(data.with_name("other"), data)
        writer.append(make_rows(1))
        with pytest.raises(FencedError, match="removed or replaced"):
            writer.flush()
        assert writer.durable_seq == 1


def test_a_forked_child_cannot_append(journal_dir: Path) -> None:
    code = """
import os, sys, warnings, journal
from tests.journal.samples import make_rows
warnings.simplefilter("ignore")
with journal.Writer.open(sys.argv[1]) as writer:
    writer.append(make_rows(1)); writer.flush()
    child = os.fork()
    if child == 0:
        try: writer.append(make_rows(1)); code = 1
        except journal.AppendError as error: code = 7 if error.code == "forked" else 2
        try: journal.Reader.open(sys.argv[1]); code = 3
        except journal.OpenError as error: code += error.code != "forked"
        writer.close()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    writer.append(make_rows(1))
"""
    said = run_python(code, journal_dir)
    assert said.stdout.strip() == "7", said.stderr
    assert seqs(journal_dir) == [(1, 1), (2, 1)]


def test_python_without_asserts_is_refused(tmp_path: Path) -> None:
    code = "import sys, journal\ntry: journal.Writer.open(sys.argv[1])\nexcept journal.OpenError as e: print(e.code)"
    done = subprocess.run(
        [sys.executable, "-O", "-c", code, str(tmp_path / "j")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "optimized", done.stderr
    assert not (tmp_path / "j").exists()


# what cannot be opened


def test_places_that_hold_no_journal(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("hello")
    for path in (file, file / "below"):
        with pytest.raises(FilesystemError):
            Writer.open(path)
    with pytest.raises(OpenError, match="there is no journal"):
        Writer.open(tmp_path / "absent", create=False)
    foreign = tmp_path / "foreign"
    env = lmdb.open(str(foreign), max_dbs=2, lib_version=0)
    with env.begin(write=True) as txn:
        txn.put(b"k", b"v", db=env.open_db(b"other", txn))
    env.close()
    before = (foreign / "data.mdb").read_bytes()
    with pytest.raises(FormatError, match="another program"):
        Writer.open(foreign)
    assert (foreign / "data.mdb").read_bytes() == before
    text = tmp_path / "text"
    text.mkdir()
    (text / "data.mdb").write_text("not a database " * 1000)
    with pytest.raises(FormatError, match="not an LMDB file"):
        Writer.open(text)
    with pytest.raises(ValueError, match="multiple of 4096"):
        Writer.open(tmp_path / "j", map_size_bytes=100)
    with pytest.raises(ValueError, match="group"):
        Writer.open(tmp_path / "j", group=0)


def test_a_journal_of_another_format_is_refused(tmp_path: Path) -> None:
    from tests.journal.samples import edit, make_journal

    path = make_journal(tmp_path / "j")
    edit(path, lambda txn, rows, frames, meta: txn.put(b"format", b"journal 2", db=meta))
    for opening in (Writer.open, Reader.open):
        with pytest.raises(FormatError, match="journal 2"):
            opening(path)


def test_a_damaged_end_is_refused_before_a_write(tmp_path: Path) -> None:
    from tests.journal.samples import edit, make_journal

    path = make_journal(tmp_path / "j")
    edit(path, lambda txn, rows, frames, meta: txn.put(b"head", bytes(40), db=meta))
    before = (path / "data.mdb").read_bytes()
    with pytest.raises(CorruptError, match="head names"):
        Writer.open(path)
    assert (path / "data.mdb").read_bytes() == before


# no room


def test_a_full_map_is_refused_before_a_write_and_nothing_overtakes(journal_dir: Path) -> None:
    with Writer.open(journal_dir, map_size_bytes=MIB) as writer:
        rows = make_rows(1000)
        accepted = 0
        with pytest.raises(FullError, match="map") as refused:
            while True:
                writer.append(rows)
                accepted += 1
        assert refused.value.code == "map_full"
        with pytest.raises(FullError):
            writer.append(make_rows(1))
        writer.flush()
        assert not writer.frozen
        assert writer.durable_seq == 1000 * accepted
        assert accepted > 8
    assert len(seqs(journal_dir)) == accepted
    with Writer.open(journal_dir, map_size_bytes=4 * MIB) as writer:
        assert writer.append(rows) == 1000 * accepted + 1


def test_a_map_that_is_full_after_all_leaves_nothing_partial(journal_dir: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(Store, "pages_left", lambda store: 10**6)
    with Writer.open(journal_dir, map_size_bytes=MIB) as writer:
        with pytest.raises(FullError, match="nothing was written"):
            while True:
                writer.append(make_rows(1000))
        durable = writer.durable_seq
        with pytest.raises(FullError):
            writer.append(make_rows(1))
        with pytest.raises(FullError):
            writer.close()
    assert seqs(journal_dir)[-1][0] + 999 == durable


def test_a_full_disk_is_foreseen_and_passes(journal_dir: Path, monkeypatch: Any) -> None:
    left = [2 * MIB]
    monkeypatch.setattr("journal.writer.disk_left", lambda path: left[0])
    with Writer.open(journal_dir) as writer:
        assert writer.append(make_rows(100)) == 1
        writer.flush()
        with pytest.raises(FullError, match="disk") as refused:
            writer.append(make_rows(16_384), bodies=[(0, bytes(MIB))])
        assert refused.value.code == "disk_full"
        with pytest.raises(FullError):
            writer.append(make_rows(1))
        left[0] = 100 * MIB
        assert writer.append(make_rows(1)) == 101


def test_freed_pages_count_as_room(tmp_path: Path) -> None:
    from tests.journal.samples import edit

    path = tmp_path / "j"
    noise = np.random.default_rng(0)
    with Writer.open(path, map_size_bytes=2 * MIB) as writer, pytest.raises(FullError):
        while True:
            writer.append(make_rows(1), frames=make_frames([noise.bytes(40_000).replace(b"\n", b" ")]))
    edit(path, lambda txn, rows, frames, meta: txn.drop(frames, delete=False))
    with Writer.open(path, map_size_bytes=2 * MIB) as writer:
        for _ in range(20):
            writer.append(make_rows(1), frames=make_frames([noise.bytes(40_000).replace(b"\n", b" ")]))


# failing disks


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (lmdb.DiskError("mdb_txn_commit: Input/output error"), "io_error"),
        (lmdb.PanicError("MDB_PANIC"), "io_error"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EROFS, "Read-only file system"), "io_error"),
        (AssertionError("law"), "broken"),
    ],
)
def test_any_failure_freezes_for_good(journal_dir: Path, monkeypatch: Any, cause: Exception, code: str) -> None:
    with Writer.open(journal_dir) as writer:
        writer.append(make_rows(2))
        writer.flush()

        def fail(store: Store, changes: Any) -> None:
            raise cause

        monkeypatch.setattr(Store, "commit", fail)
        writer.append(make_rows(3))
        with pytest.raises(FrozenError) as frozen:
            writer.wait_durable(5)
        assert frozen.value.code == code
        monkeypatch.undo()
        for call in (lambda: writer.append(make_rows(1)), writer.flush, lambda: writer.wait_durable(5)):
            with pytest.raises(FrozenError):
                call()
        assert writer.wait_durable(2)
        assert (writer.frozen, writer.durable_seq) == (True, 2)
        with pytest.raises(FrozenError):
            writer.close()
    assert seqs(journal_dir) == [(1, 2)]
    with Writer.open(journal_dir) as writer:
        assert writer.append(make_rows(1)) == 3


def test_a_failing_encoder_freezes_too(journal_dir: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("journal.admission.encode_batch", lambda *a, **k: 1 / 0)
    with pytest.raises(FrozenError), Writer.open(journal_dir, bulk=True) as writer:
        writer.append(make_rows(1))
        writer.flush()
    assert seqs(journal_dir) == []


def test_a_closed_writer_says_so(journal_dir: Path) -> None:
    writer = Writer.open(journal_dir)
    writer.append(make_rows(1))
    writer.close()
    writer.close()
    with pytest.raises(AppendError, match="closed"):
        writer.append(make_rows(1))
    assert writer.durable_seq == 1


def test_a_foreign_holder_of_lmdbs_write_lock_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "j"
    Writer.open(path).close()
    code = (
        "import lmdb, sys\nenv = lmdb.open(sys.argv[1], max_dbs=8, lib_version=0)\n"
        "txn = env.begin(write=True); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        holder.stdout.readline()
        monkeypatch.setattr("journal.writer.OPEN_TIMEOUT_S", 0.2)
        with pytest.raises(LockedError, match="write lock"):
            Writer.open(path)
        with pytest.raises(LockedError):
            Writer.open(path)
    monkeypatch.undo()
    deadline = time.monotonic() + 10
    while True:
        try:
            with Writer.open(path) as writer:
                assert writer.append(make_rows(1)) == 1
            break
        except LockedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


INTERRUPTED = """
import sys
import journal
from tests.journal.samples import make_frames, make_rows
rows, frames = make_rows(300), make_frames([b"x" * 90] * 100)
with journal.Writer.open(sys.argv[1], bulk=sys.argv[2] == "True") as writer:
    for turn in range(6):
        try:
            if not turn: print("up", flush=True)  # here, so that the first interrupt falls into the handler
            while True: writer.append(rows, frames=frames, bodies=[(1, b"b")])
        except KeyboardInterrupt:
            print(writer.head_seq, flush=True)
    raise KeyboardInterrupt
"""


@pytest.mark.parametrize("bulk", [False, True])
def test_ctrl_c_at_any_moment_leaves_a_sound_journal(tmp_path: Path, bulk: bool) -> None:
    path = tmp_path / "j"
    interrupts = 0
    for pause_s in (0.001, 0.003, 0.007, 0.011, 0.017):
        with subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, str(path), str(bulk)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.default_int_handler
            ),  # a background shell ignores it
        ) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            assert child.stdout.readline() == "up\n", child.stderr.read()
            deadline = time.monotonic() + 20
            while child.poll() is None and time.monotonic() < deadline:
                child.send_signal(signal.SIGINT)  # some fall into the handler, some into the closing
                time.sleep(pause_s)
            said, complained = child.stdout.read().split(), child.stderr.read()
        interrupts += len(said)
        report = check(path)
        assert report.ok, (report.reason, complained)
        assert report.head_seq % 300 == 0, (report, complained)
    assert interrupts


def test_a_frozen_writer_does_not_blind_readers_of_its_process(tmp_path: Path) -> None:
    """LMDB refuses every transaction of an environment whose meta page could not be written."""
    from tests.journal.faults import need_strace, traced

    need_strace()
    code = """
import sys, journal
from tests.journal.samples import make_rows
reader = journal.Reader.open(sys.argv[1])
try:
    with journal.Writer.open(sys.argv[1], map_size_bytes=64 << 20) as writer:
        for _ in range(100): writer.append(make_rows(1)); writer.flush()
except journal.FrozenError:
    with reader.view() as view: print("read", view.head()[0] >= writer.durable_seq > 0)
"""
    command = traced("pwrite64", "error=EIO:when=30+", code, tmp_path / "j")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "read True\n", done.stderr


def test_dead_readers_are_reaped(journal_dir: Path, monkeypatch: Any) -> None:
    code = (
        "import sys, os, journal\nr = journal.Reader.open(sys.argv[1]); v = r.view(); v.__enter__()\n"
        "print('in', flush=True); os.kill(os.getpid(), 9)"
    )
    monkeypatch.setattr("journal.writer.REAP_EVERY_S", 0.0)
    reaped: list[int] = []
    reap = Store.reap_readers
    monkeypatch.setattr(Store, "reap_readers", lambda store: (reap(store), reaped.append(1)))
    with Writer.open(journal_dir) as writer:
        writer.append(make_rows(1))
        writer.flush()
        run_python(code, journal_dir)
        writer.append(make_rows(1))
        writer.flush()
    assert reaped


def test_an_unsafe_file_system_is_refused_on_request(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or not os.access(memory, os.W_OK):
        pytest.skip("no /dev/shm here")
    path = memory / f"journal-test-{os.getpid()}"
    try:
        with pytest.raises(FilesystemError):
            Writer.open(path, unsafe_fs=False)
        with Writer.open(path) as writer:
            assert writer.append(make_rows(1)) == 1
    finally:
        import shutil

        shutil.rmtree(path, ignore_errors=True)
