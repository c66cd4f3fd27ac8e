"""A journal built in a hidden folder of its own directory and put in place by one rename of its data file.

Used where a whole new data file takes the place of the old one, or of none: restore and compact. Always under the
writer's lock. Until the rename the directory holds the old journal, or none (which reads as empty); after it, the new
one. What a killed process left is swept by the next, or by the next writer.

Readers may be at work. They keep the old file until their next view, which opens the new one, but LMDB's lock file stays
and with it the number of the last transaction of the old file, by whose parity LMDB 0.9 picks one of the two meta pages
(mdb_txn_renew0). So the newest meta page of the new file must stand where the newest of the old one stood.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from journal import environment
from journal.environment import DATA, LOCK, Environment
from journal.errors import FrozenError
from journal.files import sync_dir, sync_file
from journal.limits import MAP_BYTES_DEFAULT
from journal.lock import WRITER_LOCK, WriterLock
from journal.snapshots import FOLDER as SNAPSHOTS
from journal.store import BUILDING, EPOCH_KEY, NEW

OWN_NAMES = frozenset({DATA, LOCK, WRITER_LOCK, BUILDING, NEW, SNAPSHOTS})
"""Everything this library ever puts into a journal's directory."""


@contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Hold the writer's lock of an existing directory. Raises LockedError while a writer is at work."""
    lock = WriterLock.take(path)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def building(path: Path) -> Iterator[Path]:
    """An empty folder inside the journal's directory, gone afterwards. Call under the writer's lock."""
    folder = path / BUILDING
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writable(path: Path, *, map_bytes: int = MAP_BYTES_DEFAULT) -> Iterator[Environment]:
    """The environment of an existing journal, open for transactions of our own. Call under the writer's lock.

    Raises:
        OpenError, CorruptError: The files are not a journal, or cannot be opened for writing.
        FrozenError: A write, sync or commit failed within the block; that transaction is not there.
    """
    environment.require_whole(path)
    opened = environment.attach_writable(path, map_bytes)
    try:
        environment.open_databases(opened)
        yield opened
    except environment.DAMAGE as cause:
        raise environment.read_fault(cause) from cause
    except lmdb.Error as cause:
        raise FrozenError(
            f"the disk failed while {path} was being changed ({cause})",
            code="io_error",
            hint="verify the journal and mend the cause",
        ) from cause
    finally:
        environment.detach(opened)


def _align(built: Path, path: Path) -> None:
    """Make the newest meta page of `built` stand where that of the journal in place does."""
    if environment.data_inode(path) is None:
        return
    parity = environment.meta_page(path).txn & 1
    while environment.meta_page(built).txn & 1 != parity:
        with writable(built) as opened, opened.env.begin(write=True) as txn:
            epoch = txn.get(EPOCH_KEY, db=opened.meta)
            txn.put(EPOCH_KEY, epoch or bytes(8), db=opened.meta)


def publish(built: Path, path: Path) -> int:
    """Put the data file of `built` in the place of the one of `path`; returns its size in bytes.

    Raises:
        OSError: The disk refused; the old file is still in place.
    """
    _align(built, path)
    sync_file(built / DATA)
    size_bytes = (built / DATA).stat().st_size
    os.replace(built / DATA, path / DATA)
    sync_dir(path)
    return size_bytes
