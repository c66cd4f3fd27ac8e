"""Following a journal: everything, once, in order, from any process, and never a batch of another journal."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from journal import CorruptError, FilesystemError, Reader, Tail, Writer
from tests.journal.samples import copy_of, edit, make_journal, make_rows

ROOT = Path(__file__).resolve().parents[2]


def taken(tail: Tail, until: int) -> list[tuple[int, int]]:
    """Iterate until a sequence number was seen."""
    seen = []
    for batch in tail:
        seen.append((batch.first, batch.n))
        if batch.last >= until:
            tail.stop()
    return seen


def test_what_is_there_then_what_comes(journal_dir: Path) -> None:
    make_journal(journal_dir, (2, 3, 4))
    tail = Tail(journal_dir, poll_s=0.002)

    def append() -> None:
        time.sleep(0.05)
        with Writer.open(journal_dir) as writer:
            for _ in range(5):
                writer.append(make_rows(1))
                writer.flush()

    thread = threading.Thread(target=append)
    thread.start()
    assert taken(tail, 14) == [(1, 2), (3, 3), (6, 4), (10, 1), (11, 1), (12, 1), (13, 1), (14, 1)]
    thread.join()


@pytest.mark.parametrize(("first", "want"), [(1, [1, 3, 6]), (3, [3, 6]), (5, [3, 6]), (9, [6])])
def test_from_any_number(journal_dir: Path, first: int, want: list[int]) -> None:
    make_journal(journal_dir, (2, 3, 4))
    assert [seq for seq, _ in taken(Tail(journal_dir, first=first), 9)] == want


def test_a_number_yet_to_come_is_waited_for(journal_dir: Path) -> None:
    make_journal(journal_dir, (2, 3))
    tail = Tail(journal_dir, first=8)
    assert tail.poll_nowait() == []
    with Writer.open(journal_dir) as writer:
        writer.append(make_rows(1))
        writer.flush()
        assert tail.poll_nowait() == []
        writer.append(make_rows(4))
        writer.flush()
        assert [batch.first for batch in tail.poll_nowait()] == [7]
        assert tail.poll_nowait() == []
        assert tail.next_seq == 11
    with pytest.raises(ValueError, match="begin at 1"):
        Tail(journal_dir, first=0)


def test_kinds_are_left_out_and_still_chained(journal_dir: Path) -> None:
    with Writer.open(journal_dir) as writer:
        for kind in (1, 2, 1, 3, 200):
            writer.append(make_rows(2, kinds=(kind,)))
    assert [seq for seq, _ in taken(Tail(journal_dir, kinds={1, 200}), 10)] == [1, 5, 9]


def test_batches_outlive_the_tail(journal_dir: Path) -> None:
    make_journal(journal_dir, (2, 3))
    tail = Tail(journal_dir)
    batches = tail.poll_nowait()
    tail.stop()
    assert list(tail) == []
    assert [int(batch.rows["kind"][0]) for batch in batches] == [1, 1]
    assert all(isinstance(batch.value, bytes) for batch in batches)


def test_polls_are_bounded(journal_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_journal(journal_dir, (2, 3, 4, 5, 6))
    monkeypatch.setattr("journal.tail.POLL_BATCHES", 2)
    tail = Tail(journal_dir)
    assert [len(tail.poll_nowait()) for _ in range(4)] == [2, 2, 1, 0]
    monkeypatch.setattr("journal.tail.POLL_BYTES", 1)
    assert len(Tail(journal_dir).poll_nowait()) == 1


def test_a_journal_that_is_not_there_yet(journal_dir: Path) -> None:
    tail = Tail(journal_dir, poll_s=0.001)
    assert tail.poll_nowait() == []
    make_journal(journal_dir, (2, 3))
    assert taken(tail, 5) == [(1, 2), (3, 3)]


def test_another_or_an_older_journal_is_refused(tmp_path: Path) -> None:
    path = make_journal(tmp_path / "j", (2, 3))
    with Writer.open(path) as writer:
        writer.append(make_rows(4))
    other = make_journal(tmp_path / "other", (2, 7))
    with Writer.open(other) as writer:
        writer.append(make_rows(4))
    tail = Tail(path)
    assert len(tail.poll_nowait()) == 3
    edit(path, lambda t, r, f, m: (t.delete((6).to_bytes(8, "big"), db=r), t.delete(b"head", db=m)))
    with pytest.raises(CorruptError):
        tail.poll_nowait()
    following = Tail(other, first=3)
    assert len(following.poll_nowait()) == 2
    older = make_journal(tmp_path / "older", (2, 3))
    os.replace(older / "data.mdb", other / "data.mdb")
    with pytest.raises(CorruptError, match="older copy"):
        following.poll_nowait()
    longer = make_journal(tmp_path / "longer", (2, 7, 4, 4))
    os.replace(longer / "data.mdb", other / "data.mdb")
    with pytest.raises(CorruptError, match="another journal"):
        following.poll_nowait()


def test_damage_stops_it(tmp_path: Path) -> None:
    path = copy_of(make_journal(tmp_path / "j", (2, 3, 4)), tmp_path / "hurt")
    with Reader.open(path) as reader, reader.view() as view:
        batch = view.batch_at(3)
        assert batch is not None
        value = bytearray(batch.value)
    value[200] ^= 4
    edit(path, lambda t, r, f, m: t.put((3).to_bytes(8, "big"), bytes(value), db=r))
    with pytest.raises(CorruptError) as fault:
        Tail(path).poll_nowait()
    assert fault.value.seq == 3
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(FilesystemError):
        Tail(file)


def test_a_follower_in_another_process_sees_every_batch_once(journal_dir: Path) -> None:
    code = (
        "import sys, journal\ntail = journal.Tail(sys.argv[1], poll_s=0.001)\n"
        "for batch in tail:\n    print(batch.first, batch.n, flush=True)\n    if batch.last >= 600: tail.stop()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(journal_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stdout is not None
        with Writer.open(journal_dir) as writer:
            for i in range(200):
                writer.append(make_rows(3))
                if i % 7 == 0:
                    writer.flush()
        lines = follower.stdout.read().splitlines()
    assert lines == [f"{1 + 3 * i} 3" for i in range(200)]


def test_the_command_line_ends_on_ctrl_c(journal_dir: Path) -> None:
    import signal

    make_journal(journal_dir, (2, 3))
    command = [sys.executable, "-m", "journal", "tail", str(journal_dir), "--from", "2"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background shell ignores it
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert '"seq": 2' in child.stdout.readline()
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        rest, said = child.stdout.read(), child.stderr.read()
    assert child.returncode == 0, said
    assert len(rest.splitlines()) == 3
    assert said == ""
