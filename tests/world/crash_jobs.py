"""Journals whose every byte follows from its sequence number, the jobs that write them, and the judge of what a killed one left.

A row carries its own number and those of its batch's first row and length; bodies, frames and one meta key follow from them too. So a
batch that is cut, mixed, repeated or invented cannot look right.
"""

import os
import random
from pathlib import Path
from typing import Any, Final

import numpy as np

from journal import SLOT, STEP_END, Frames, Reader, Writer, archive, restore, retention, snapshots
from journal.check import Report, check
from tests.world.crash_nursery import Say

MAP_BYTES: Final = 256 << 20
LAST_KEY: Final = b"app/last"
FINGERPRINT: Final = b"crash"
FIRST_SIZES: Final = (3, 40, 1, 200)


def rows_of(seq: np.ndarray, first: np.ndarray | int, n: np.ndarray | int) -> np.ndarray:
    """The rows of these numbers, given the first row and the length of the batch of each."""
    rows = np.zeros(len(seq), SLOT)
    rows["kind"] = seq % 60 + 1
    rows["version"] = 1
    rows["ts_recv"] = 1_000 * seq - seq * 7_919 % 5_000
    rows["words"] = seq[:, None] * np.array([1, 0, 0, 1_000_003, 998_244_353, -7])
    rows["words"][:, 1] = first
    rows["words"][:, 2] = n
    rows["flags"] = np.where(seq == first + n - 1, STEP_END, 0)
    return rows


def told_rows(first: int, n: int) -> np.ndarray:
    """The rows of the batch of `n` that begins at `first`."""
    return rows_of(np.arange(first, first + n), first, n)


def told_bodies(first: int, n: int) -> list[tuple[int, bytes]]:
    """Bodies of every fifth row."""
    return [(seq - first, b"body of %d" % seq * (seq % 4 + 1)) for seq in range(first, first + n) if seq % 5 == 0]


def texts_of(rows: np.ndarray) -> list[bytes]:
    """A frame a row; none for the rows of every seventh batch."""
    numbers = rows["words"][:, :2].tolist()
    return [b'{"frame":%d,"of":%d}\n' % (seq, first) for seq, first in numbers if first % 7]


def told_frames(rows: np.ndarray) -> Frames | None:
    """The frames of one batch."""
    texts = texts_of(rows)
    end = np.cumsum([len(text) for text in texts]) - 1
    n = len(texts)
    return Frames(np.arange(n).astype("<u4"), end.astype("<u4"), np.ones(n, "<u2"), b"".join(texts)) if n else None


def tell(writer: Writer, n: int) -> int:
    """Append the next batch of `n` rows; its last sequence number."""
    first = writer.head_seq + 1
    last = first + n - 1
    rows = told_rows(first, n)
    meta = {LAST_KEY: b"%d" % last}
    writer.append(rows, bodies=told_bodies(first, n), frames=told_frames(rows), meta=meta)
    return last


def append_for_ever(say: Say, path: str, seed: int) -> None:
    """Open the journal and append batches of random sizes; says what is tried and what is durable."""
    chance = random.Random(seed)
    sizes = (1, 2, 17, 60, 300)
    with Writer.open(path, map_size_bytes=MAP_BYTES, group=chance.choice((1, 8)), bulk=chance.random() < 0.5) as writer:
        while True:
            n = chance.randint(1, chance.choice(sizes))
            say({"tried": writer.head_seq + n, "durable": writer.durable_seq})
            tell(writer, n)
            if chance.random() < 0.2:
                writer.flush()
            say({"durable": writer.durable_seq})


def append_some(say: Say, path: Path, sizes: tuple[int, ...], *, bulk: bool = False) -> None:
    """Append batches of these sizes, waiting for each to become durable."""
    with Writer.open(path, map_size_bytes=MAP_BYTES, bulk=bulk) as writer:
        for n in sizes:
            say({"tried": writer.head_seq + n})
            last = tell(writer, n)
            writer.wait_durable(last)
            say({"durable": last})


def append_first(say: Say, path: str) -> None:
    """A short honest run."""
    append_some(say, Path(path), FIRST_SIZES)


def boast(say: Say, path: str) -> None:
    """A planted bug: says that a batch is durable when it is only queued."""
    with Writer.open(path, map_size_bytes=MAP_BYTES) as writer:
        for n in FIRST_SIZES:
            say({"durable": tell(writer, n)})


def split(say: Say, path: str) -> None:
    """A planted bug: rows and the key that belongs to them in two transactions."""
    with Writer.open(path, map_size_bytes=MAP_BYTES) as writer:
        for n in FIRST_SIZES:
            first = writer.head_seq + 1
            writer.append(told_rows(first, n), bodies=told_bodies(first, n), frames=told_frames(told_rows(first, n)))
            writer.flush()
            writer.put_meta({LAST_KEY: b"%d" % writer.head_seq})
            writer.flush()


def keep_snapshot(path: Path, seq: int) -> Path:
    """A snapshot of row `seq` whose payload follows from it."""
    with Reader.open(path) as reader, reader.view() as view:
        batch = view.batch_at(seq)
        assert batch is not None
        link = batch.digest
    return snapshots.save(path, seq=seq, link=link, fingerprint=FINGERPRINT, payload=b"%d" % seq * 100)


def newest_snapshot(path: Path) -> int:
    """Sequence number of the newest usable snapshot, 0 if there is none; its payload must be what was saved."""
    with Reader.open(path) as reader, reader.view() as view:

        def link_of(seq: int) -> bytes | None:
            batch = view.batch_at(seq)
            return None if batch is None else batch.digest

        found = snapshots.newest(path, at_most=1 << 60, fingerprint=FINGERPRINT, link_of=link_of)
    if found is None:
        return 0
    assert found.payload == b"%d" % found.seq * 100
    return found.seq


BULK_SIZES: Final = (7, 90, 2)
LAST_SIZES: Final = (5, 64)
HELD: Final = sum(FIRST_SIZES) + sum(BULK_SIZES)
CUT: Final = 100
EXPIRED: Final = 45


def scripted_run(say: Say, home: str) -> None:
    """Everything a journal goes through, one step after the other; says when each is done."""
    folder = Path(home)
    path = folder / "journal"
    append_some(say, path, FIRST_SIZES)
    append_some(say, path, BULK_SIZES, bulk=True)
    keep_snapshot(path, 43)
    say({"snapshot": 43})
    keep_snapshot(path, HELD)
    say({"snapshot": HELD})
    snapshots.keep(path, 1)
    say({"kept": 1})
    archive.archive(path, first=1, last=CUT, out=folder / "a.vza")
    archive.archive(path, first=CUT + 1, last=HELD, out=folder / "b.vza")
    say({"archived": 1})
    retention.expire_frames(path, EXPIRED, map_size_bytes=MAP_BYTES)
    say({"expired": 1})
    retention.compact(path)
    say({"compacted": 1})
    retention.backup(path, folder / "backup")
    say({"backed_up": 1})
    restore.restore([folder / "b.vza", folder / "a.vza"], folder / "restored", map_size_bytes=MAP_BYTES)
    say({"restored": 1})
    append_some(say, path, LAST_SIZES)


def judge(path: Path, *, first: int = 1, whole: bool = True) -> Report:
    """Walk a journal and compare every batch from row `first` on with what was told; the report of the walk.

    Args:
        path: The journal's directory.
        first: Batches that end before it were judged earlier.
        whole: False for a restored journal, whose batches are cut anew.
    """
    report = check(path)
    assert report.ok, f"{report.reason} at {report.first_bad_seq}"
    with Reader.open(path) as reader, reader.view() as view:
        assert view.head()[0] == report.records
        for batch in view.scan(first):
            rows, seq = batch.rows, np.arange(batch.first, batch.last + 1)
            begin, n = rows["words"][:, 1], rows["words"][:, 2]
            assert rows.tobytes() == rows_of(seq, begin, n).tobytes()
            assert not whole or ((begin == batch.first) & (n == batch.n)).all()
            assert list(batch.bodies()) == told_bodies(batch.first, batch.n)
            kept = view.frames(batch.first, digest=batch.frames_digest)
            if batch.first >= view.frames_from:
                assert b"".join(texts_of(rows)) == (b"" if kept is None else bytes(kept.raw))
        told = b"%d" % report.records if report.records else None
        assert view.meta(LAST_KEY) == told, f"the key says {view.meta(LAST_KEY)!r}, the rows {told!r}"
    return report


def left_over(path: Path) -> set[str]:
    """Names in a journal's directory that no finished work leaves there."""
    own = {"data.mdb", "lock.mdb", "writer.lock", "snapshots"}
    found = set(os.listdir(path)) - own
    found |= (
        {name for name in os.listdir(path / "snapshots") if name.startswith(".")}
        if (path / "snapshots").is_dir()
        else set()
    )
    return found


def last_said(said: list[dict[str, Any]], name: str) -> int:
    """The greatest number a child said under a name; 0 if it said none."""
    return max((int(each[name]) for each in said if name in each), default=0)
