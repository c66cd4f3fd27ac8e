"""Readers: what is durable and nothing else, wherever the journal lies, without leaving a trace."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal import ZERO, CorruptError, FilesystemError, FormatError, JournalError, Reader, Writer
from journal.limits import MIB
from tests.journal.samples import copy_of, edit, make_frames, make_journal, make_rows
from tests.oracles.naive_journal import NaiveJournal

ROOT = Path(__file__).resolve().parents[2]
SIZES = (3, 1, 7, 2, 20, 5)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NaiveJournal]:
    """A journal and its naive twin: odd kinds, receive times that fall."""
    path = tmp_path_factory.mktemp("twins") / "j"
    naive = NaiveJournal()
    with Writer.open(path) as writer:
        t = 1000
        for i, n in enumerate(SIZES):
            rows = make_rows(n, kinds=[(1, 2), (3,), (130, 5), (200,), (1, 126), (127,)][i], t0=t, step=7)
            rows["ts_recv"][n // 2] -= 500
            writer.append(rows, bodies=[(0, b"b%d" % i)] if i % 2 else [])
            fields = [(*row.tolist()[:5], *(int(word) for word in row["words"])) for row in rows]
            naive.append(fields, {0: b"b%d" % i} if i % 2 else {}, ZERO, 1)
            t += 7 * n - 3
    return path, naive


def test_stored_bytes_are_the_naive_twins(twins: tuple[Path, NaiveJournal]) -> None:
    path, naive = twins
    with Reader.open(path) as reader, reader.view() as view:
        assert [bytes(batch.value) for batch in view.scan()] == naive.values
        assert view.head() == (naive.head, naive.link)
        assert view.stats()[:2] == (len(SIZES), sum(SIZES))
        assert view.epoch() == 1
        assert view.frames_from == 1


@given(
    st.integers(-2, 45), st.one_of(st.none(), st.integers(-2, 45)),
    st.one_of(st.none(), st.sets(st.sampled_from([0, 1, 3, 5, 126, 127, 130, 65535]))), st.booleans(),
)  # fmt: skip
def test_scan_of_any_range_and_kinds(
    twins: tuple[Path, NaiveJournal], first: int, last: int | None, kinds: set[int] | None, check: bool
) -> None:
    path, naive = twins
    want = naive.holding(first, 10**9 if last is None else last, kinds)
    with Reader.open(path) as reader:
        with reader.view() as view:
            assert [batch.first for batch in view.scan(first, last, kinds, check)] == want
        assert [batch.first for batch in reader.scan(first, last, kinds, check)] == want


def test_long_scans_renew_their_transaction(twins: tuple[Path, NaiveJournal], monkeypatch: pytest.MonkeyPatch) -> None:
    path, naive = twins
    for n in (1, 2, 5, 6, 7):
        monkeypatch.setattr("journal.reader.BATCHES_PER_VIEW", n)
        with Reader.open(path) as reader:
            assert [bytes(batch.value) for batch in reader.scan()] == naive.values
            assert [batch.first for batch in reader.scan(5, 13, {200, 130})] == naive.holding(5, 13, {200, 130})


@given(st.integers(300, 1400))
def test_seq_at_any_time(twins: tuple[Path, NaiveJournal], time_ns: int) -> None:
    path, naive = twins
    with Reader.open(path) as reader, reader.view() as view:
        assert view.seq_at(time_ns) == naive.seq_at(time_ns)


@given(st.integers(-1, 45))
def test_batch_at_any_number(twins: tuple[Path, NaiveJournal], seq: int) -> None:
    path, naive = twins
    want = next((batch.first for batch in naive.batches if batch.first <= seq <= batch.last), None)
    with Reader.open(path) as reader, reader.view() as view:
        found = view.batch_at(seq)
        assert (found.first if found else None) == want


def test_span_of_rows(twins: tuple[Path, NaiveJournal]) -> None:
    with Reader.open(twins[0]) as reader, reader.view() as view:
        batch = view.batch_at(5)
        assert batch is not None
        assert (batch.first, batch.last) == (5, 11)
        assert batch.span(1, 100) == (0, 7)
        assert batch.span(6, 8) == (1, 4)
        assert batch.span(12, 20) == (7, 7)
        assert batch.span(1, 4) == (0, 0)


# empty, absent, half-made


def empty(path: Path) -> None:
    with Reader.open(path) as reader, reader.view() as view:
        assert view.head() == (0, ZERO)
        assert view.stats() == (0, 0, 0)
        assert list(view.scan()) == []
        assert view.last_batch() is None
        assert view.batch_at(1) is None
        assert view.frames(1) is None
        assert view.meta(b"epoch") is None
        assert view.meta_items() == []
        assert (view.epoch(), view.frames_from, view.seq_at(5)) == (0, 1, 1)
        assert list(reader.scan()) == []


def test_absent_and_half_made_journals_are_empty(tmp_path: Path) -> None:
    empty(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    bare = tmp_path / "bare"
    bare.mkdir()
    empty(bare)
    (bare / "writer.lock").write_text("1\n")
    (bare / "data.mdb").touch()
    empty(bare)
    fresh = tmp_path / "fresh"
    lmdb.open(str(fresh), lib_version=0).close()
    empty(fresh)
    half = tmp_path / "half"
    (half / ".new").mkdir(parents=True)
    (half / ".new" / "data.mdb").write_bytes(b"half")
    empty(half)
    for path in (bare, fresh, half):
        with Writer.open(path) as writer:
            assert writer.append(make_rows(2)) == 1
        with Reader.open(path) as reader, reader.view() as view:
            assert view.head()[0] == 2
        assert not (path / ".new").exists()


def test_an_empty_journal_reads_as_empty(journal_dir: Path) -> None:
    Writer.open(journal_dir).close()
    with Reader.open(journal_dir) as reader, reader.view() as view:
        assert view.head() == (0, ZERO)
        assert list(view.scan()) == []
        assert view.seq_at(0) == 1


def test_a_reader_opened_first_sees_the_journal_appear(journal_dir: Path) -> None:
    with Reader.open(journal_dir) as reader:
        with reader.view() as view:
            assert view.head()[0] == 0
        with Writer.open(journal_dir) as writer:
            writer.append(make_rows(4))
            writer.flush()
            with reader.view() as view:
                assert view.head()[0] == 4
        with reader.view() as view:
            assert view.head()[0] == 4


def test_a_view_is_one_state(journal_dir: Path) -> None:
    with Writer.open(journal_dir) as writer, Reader.open(journal_dir) as reader:
        writer.append(make_rows(4))
        writer.flush()
        with reader.view() as view:
            writer.append(make_rows(4))
            writer.flush()
            assert view.head()[0] == 4
            assert sum(batch.n for batch in view.scan()) == 4
        with reader.view() as view:
            assert view.head()[0] == 8


# copies, read-only places, other processes


def snapshot_of(path: Path) -> dict[str, tuple[int, bytes]]:
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in path.iterdir() if file.is_file()}


def test_reading_a_copy_creates_nothing(tmp_path: Path) -> None:
    path = copy_of(make_journal(tmp_path / "j"), tmp_path / "copy")
    before = snapshot_of(path)
    with Reader.open(path) as reader, reader.view() as view:
        assert view.head()[0] == 1311
        assert view.frames(1) is not None
    assert snapshot_of(path) == before


def test_reading_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    path = copy_of(make_journal(tmp_path / "j"), tmp_path / "copy")
    code = (
        "import os, sys, journal\nif os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "with journal.Reader.open(sys.argv[1]) as r, r.view() as v: print(v.head()[0])\n"
        "try: journal.Writer.open(sys.argv[1])\nexcept journal.FilesystemError as e: print(e.code)"
    )
    shutil.copyfile(tmp_path / "j" / "lock.mdb", path / "lock.mdb")
    for file in path.iterdir():
        file.chmod(0o444)
    path.chmod(0o555)
    for folder in [path, *path.parents]:
        if folder == Path("/tmp"):
            break
        if folder != path and folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    before = snapshot_of(path)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["1311", "not_writable"], done.stderr
    assert snapshot_of(path) == before
    path.chmod(0o755)


def test_a_map_grown_by_another_process_is_followed(journal_dir: Path) -> None:
    with Writer.open(journal_dir, map_size_bytes=MIB) as writer:
        writer.append(make_rows(1))
    with Reader.open(journal_dir) as reader:
        with reader.view() as view:
            assert view.head()[0] == 1
        code = (
            "import sys, journal\nfrom tests.journal.samples import make_rows\n"
            "with journal.Writer.open(sys.argv[1], map_size_bytes=64 << 20) as w:\n"
            "    for _ in range(40): w.append(make_rows(1000))"
        )
        subprocess.run([sys.executable, "-c", code, str(journal_dir)], cwd=ROOT, check=True, timeout=60)
        with reader.view() as view:
            assert view.head()[0] == 40_001
        assert sum(batch.n for batch in reader.scan()) == 40_001


def test_a_writer_takes_over_from_readers_of_its_process(journal_dir: Path) -> None:
    make_journal(journal_dir, (2, 3))
    with Reader.open(journal_dir) as one, Reader.open(journal_dir) as two:
        with one.view() as view:
            assert view.head()[0] == 5
        with Writer.open(journal_dir) as writer:
            writer.append(make_rows(1))
            writer.flush()
            for reader in (one, two):
                with reader.view() as view:
                    assert view.head()[0] == 6
        with two.view() as view:
            assert view.head()[0] == 6
        with Writer.open(journal_dir) as writer:
            assert writer.append(make_rows(1)) == 7


def test_an_open_view_keeps_a_writer_of_its_process_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("journal.environment.RESIZE_TIMEOUT_S", 0.05)
    path = make_journal(tmp_path / "j", (2, 3))
    with Reader.open(path) as reader:
        with reader.view(), pytest.raises(JournalError, match="views of this process"):
            Writer.open(path)
        Writer.open(path).close()


def test_a_journal_put_in_place_of_another_is_seen(tmp_path: Path) -> None:
    one, two = make_journal(tmp_path / "one", (2, 3)), make_journal(tmp_path / "two", (10, 20))
    with Reader.open(one) as reader, Reader.open(one) as other:
        for each in (reader, other):
            with each.view() as view:
                assert view.head()[0] == 5
        os.replace(two / "data.mdb", one / "data.mdb")
        for each in (reader, other):
            with each.view() as view:
                assert view.head()[0] == 30


# damage met while reading


def test_places_that_hold_no_journal(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(FilesystemError, match="is a file"):
        Reader.open(file)
    folder = tmp_path / "folder"
    (folder / "data.mdb").mkdir(parents=True)
    with pytest.raises(FormatError, match="not a regular file"):
        Reader.open(folder)
    text = tmp_path / "text"
    text.mkdir()
    (text / "data.mdb").write_bytes(b"hello")
    with pytest.raises(FormatError, match="not an LMDB file"):
        Reader.open(text)


@pytest.mark.parametrize("size", [1, 4096, 5000, 8192, 20_000, -4096])
def test_a_truncated_file_is_one_sentence(tmp_path: Path, size: int) -> None:
    path = copy_of(make_journal(tmp_path / "j"), tmp_path / "cut")
    whole = (path / "data.mdb").stat().st_size
    os.truncate(path / "data.mdb", size % whole)
    with pytest.raises(JournalError) as fault:
        Reader.open(path)
    assert "\n" not in str(fault.value)


def put(key: bytes, value: bytes) -> Any:
    return lambda txn, rows, frames, meta: txn.put(key, value, db=rows)


def test_scan_names_the_first_bad_batch(tmp_path: Path) -> None:
    path = make_journal(tmp_path / "j", (2, 3, 4, 5))
    with Reader.open(path) as reader, reader.view() as view:
        keys = [batch.first.to_bytes(8, "big") for batch in view.scan()]
        values = [bytes(batch.value) for batch in view.scan()]
    flipped = bytearray(values[2])
    flipped[200] ^= 1
    for change, seq in (
        (put(keys[2], bytes(flipped)), 6),
        (put(keys[2], values[2][:-64]), 6),
        (put(keys[2], values[2][:100]), 6),
        (put(keys[2], bytes(len(values[2]))), 6),
        (put(keys[2], values[1]), 6),
        (lambda txn, rows, frames, meta: txn.delete(keys[2], db=rows), 6),
        (put(b"zz", b"x" * 400), 15),
    ):
        hurt = copy_of(path, tmp_path / "hurt")
        edit(hurt, change)
        with Reader.open(hurt) as reader:
            with reader.view() as view, pytest.raises(CorruptError) as fault:
                list(view.scan())
            assert fault.value.seq == seq
            with pytest.raises(CorruptError):
                list(reader.scan())


def test_frames_that_are_not_those_announced_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Writer.open(path) as writer:
        writer.append(make_rows(1), frames=make_frames([b"one"]))
        writer.append(make_rows(1), frames=make_frames([b"two"]))
    edit(
        path,
        lambda txn, rows, frames, meta: txn.put(
            (1).to_bytes(8, "big"), bytes(txn.get((2).to_bytes(8, "big"), db=frames)), db=frames
        ),
    )
    with Reader.open(path) as reader, reader.view() as view:
        batch = view.batch_at(1)
        assert batch is not None
        with pytest.raises(CorruptError, match="digest") as fault:
            view.frames(1, digest=batch.frames_digest)
        assert fault.value.seq == 1
