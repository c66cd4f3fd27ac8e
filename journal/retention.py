"""Room given back: expire raw frames, compact the file, copy a journal while it is written. Rows are never touched.

`expire_frames` and `compact` need the writer's lock, so a daemon must be down; readers may go on. `backup` needs nothing.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypedDict

import lmdb

from journal import environment
from journal.batch import KEY, parse_batch
from journal.building import building, publish, writable, writer_lock
from journal.check import Report, check, check_structure
from journal.environment import DATA, Environment
from journal.errors import CorruptError, FencedError, FilesystemError, FullError, OpenError
from journal.files import TargetExistsError, part_of, sync_dir, sync_file
from journal.limits import DISK_RESERVED_BYTES, MAP_BYTES_DEFAULT
from journal.lock import WRITER_LOCK
from journal.reader import place
from journal.snapshots import FOLDER as SNAPSHOTS
from journal.snapshots import find_snapshots
from journal.store import EPOCH_KEY, FRAMES_FROM_KEY, make_directory

VALUES_PER_COMMIT: Final = 256
"""Frames values dropped in one transaction: bounds its dirty pages and what a kill undoes."""


class Expired(TypedDict):
    """Bytes of the pages in use before and after (the file shrinks when it is compacted), values dropped, new limit."""

    bytes_before: int
    bytes_after: int
    expired: int
    frames_from: int


class Compacted(TypedDict):
    """Bytes of the data file before and after."""

    bytes_before: int
    bytes_after: int


class BackedUp(TypedDict):
    """Bytes of the journal's data file and of the copy's, and what the copy was found to hold."""

    bytes_before: int
    bytes_after: int
    records: int
    head_hash: str


def bytes_in_use(opened: Environment) -> int:
    """Bytes of the pages that hold something, the two meta pages included."""
    pages = 2
    with opened.env.begin() as txn:
        stats = [opened.env.stat(), *(txn.stat(db) for db in (opened.rows, opened.frames, opened.meta))]
    for stat in stats:
        pages += stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
    return pages * int(stats[0]["psize"])


def require_journal(path: Path) -> Path:
    """The absolute path of a directory that holds a journal. Raises OpenError where there is none."""
    path = Path(os.path.abspath(path))
    if environment.data_inode(path) is None:
        raise OpenError(f"there is no journal in {path}", code="absent", hint="name an existing one")
    return path


def expire_frames(path: Path, before: int, *, map_size_bytes: int = MAP_BYTES_DEFAULT) -> Expired:
    """Drop the raw frames of all batches that end below row `before`; rows, bodies and the chain stay as they are.

    Done in transactions of bounded size: killed in between, the journal verifies and the rest is dropped next time.

    Raises:
        LockedError: A writer is at work.
        OpenError, CorruptError: There is no journal, or it is damaged.
        FencedError, FrozenError: The journal was changed by somebody else, or the disk failed.
    """
    assert before >= 1
    path = require_journal(path)
    with writer_lock(path), writable(path, map_bytes=map_size_bytes) as opened:
        bytes_before = bytes_in_use(opened)
        with opened.env.begin() as txn:
            epoch = txn.get(EPOCH_KEY, db=opened.meta)
        expired = 0
        while dropped := _expire_some(opened, before, epoch):
            expired += dropped
        frames_from = _move_frames_from(opened, before, epoch)
        return {
            "bytes_before": bytes_before,
            "bytes_after": bytes_in_use(opened),
            "expired": expired,
            "frames_from": frames_from,
        }


@contextmanager
def _change(opened: Environment, epoch: bytes | None) -> Iterator[Any]:
    """A write transaction under the epoch that was found at the start."""
    with opened.env.begin(write=True) as txn:
        if txn.get(EPOCH_KEY, db=opened.meta) != epoch:
            raise FencedError("a writer has taken the journal over", hint="stop it, then try again")
        yield txn


def _last_of(txn: Any, opened: Environment, key: bytes) -> int:
    """Last row of the batch stored under a key. Raises CorruptError where there is none."""
    value = txn.get(key, db=opened.rows)
    if value is None:
        seq = KEY.unpack(key)[0] if len(key) == KEY.size else None
        raise CorruptError("raw frames without a batch", seq=seq)
    return parse_batch(key, value, check=False).last


def _expire_some(opened: Environment, before: int, epoch: bytes | None) -> int:
    """Drop the oldest frames in one transaction; how many."""
    dropped, last = 0, 0
    with _change(opened, epoch) as txn:
        cursor = txn.cursor(db=opened.frames)
        cursor.first()
        while dropped < VALUES_PER_COMMIT and (key := bytes(cursor.key())):
            batch_last = _last_of(txn, opened, key)
            if batch_last >= before:
                break
            cursor.delete()  # leaves the cursor on the next one, or without a key behind the last
            dropped, last = dropped + 1, batch_last
        if dropped:
            _raise_frames_from(txn, opened, last + 1)
    return dropped


def _raise_frames_from(txn: Any, opened: Environment, seq: int) -> int:
    stored = txn.get(FRAMES_FROM_KEY, db=opened.meta)
    known: int = KEY.unpack(stored)[0] if stored else 1
    if seq > known:
        txn.put(FRAMES_FROM_KEY, KEY.pack(seq), db=opened.meta)
    return max(seq, known)


def _move_frames_from(opened: Environment, before: int, epoch: bytes | None) -> int:
    """Say that everything below the batch that holds `before` is without frames; the new limit."""
    with _change(opened, epoch) as txn:
        cursor = txn.cursor(db=opened.rows)
        seq = 1
        if place(cursor, before):
            first, last = KEY.unpack(cursor.key())[0], _last_of(txn, opened, bytes(cursor.key()))
            seq = first if last >= before else last + 1
        return _raise_frames_from(txn, opened, seq)


def compact(path: Path) -> Compacted:
    """Write the journal anew without its free pages and put it in the place of the old file.

    The new file is walked before it is named; killed at any moment, the old or the new one is there. Readers keep the
    old file, and its room on the disk, until their next view.

    Raises:
        LockedError: A writer is at work.
        OpenError, CorruptError: There is no journal, or it is damaged: nothing was changed.
        FullError: No room for the new file beside the old one.
        FilesystemError, OSError: The disk refused; the old file is in place.
    """
    path = require_journal(path)
    with writer_lock(path), building(path) as folder:
        bytes_before = (path / DATA).stat().st_size
        _copy(path, folder)
        _require_sound(folder)
        return {"bytes_before": bytes_before, "bytes_after": publish(folder, path)}


def _copy(path: Path, folder: Path) -> None:
    """Copy what is in use into a folder, in one read transaction, onto the disk.

    LMDB's own copying trusts the pages it follows and dies of damaged ones, hence the walk before it.
    """
    if reason := check_structure(path):
        raise CorruptError(reason)
    opened = environment.attach(path)
    if opened is None:
        raise OpenError(f"there is no journal in {path}", code="absent", hint="name an existing one")
    try:
        need = bytes_in_use(opened) + DISK_RESERVED_BYTES
        found = os.statvfs(folder)
        if found.f_bavail * found.f_frsize < need:
            raise FullError(
                f"{folder} has no room for a copy of {need} bytes", code="disk_full", hint="free space, then try again"
            )
        opened.env.copy(str(folder), compact=True)
    except lmdb.Error as cause:
        raise FilesystemError(
            f"{path} cannot be copied ({cause})", code="copy_failed", hint="check the disk and its space, then verify"
        ) from cause
    finally:
        environment.detach(opened)
    sync_file(folder / DATA)


def _require_sound(folder: Path) -> Report:
    """What a walk over the whole copy found. Raises CorruptError if anything is wrong."""
    report = check(folder)
    if not report.ok:
        raise CorruptError(f"the copy does not verify ({report.reason})", seq=report.first_bad_seq)
    return report


def backup(path: Path, out: Path) -> BackedUp:
    """Copy a journal, and its snapshots, into the new directory `out` while a writer may be at work.

    The copy is compact, is walked whole, and shows under its name only then.

    Raises:
        TargetExistsError: `out` is there.
        LockedError: Another backup is writing it.
        OpenError, CorruptError: There is no journal, or it is damaged.
        FullError, FilesystemError, OSError: The disk refused. Nothing is left under the name.
    """
    path, out = require_journal(path), Path(os.path.abspath(out))
    if os.path.lexists(out):
        raise TargetExistsError(out)
    make_directory(out.parent)
    part = part_of(out)
    part.mkdir(mode=0o700, exist_ok=True)
    with writer_lock(part):
        try:
            for left in (part / DATA, part / environment.LOCK):
                left.unlink(missing_ok=True)
            bytes_before = (path / DATA).stat().st_size
            _copy(path, part)
            report = _require_sound(part)
            _copy_snapshots(path, part, report.head_seq)
            (part / WRITER_LOCK).unlink()
            sync_dir(part)
            if os.path.lexists(out):
                raise TargetExistsError(out)
            os.rename(part, out)
            sync_dir(out.parent)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return {
        "bytes_before": bytes_before,
        "bytes_after": (out / DATA).stat().st_size,
        "records": report.records,
        "head_hash": report.head_hash,
    }


def _copy_snapshots(path: Path, part: Path, head_seq: int) -> None:
    """Take the snapshots along that the copy reaches. They are caches: one that goes away meanwhile is no loss."""
    folder = part / SNAPSHOTS
    shutil.rmtree(folder, ignore_errors=True)
    for entry in find_snapshots(path):
        if entry.seq > head_seq:
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            sync_file(Path(shutil.copy(entry.file, folder / entry.file.name)))
        except FileNotFoundError:
            (folder / entry.file.name).unlink(missing_ok=True)
    if folder.is_dir():
        sync_dir(folder)
