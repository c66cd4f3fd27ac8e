"""The one place where a journal changes: creation, the epoch, and `commit`, the only durability point.

Runs on the writer's own thread. Everything here either succeeds as a whole or raises; it never retries and never repairs.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import lmdb

from journal import environment
from journal.batch import KEY, OPEN_END, TIME_MIN, ZERO, Encoded, digest_of, parse_batch
from journal.environment import DATA, FLAGS, FRAMES, META, ROWS, Environment
from journal.errors import CorruptError, FencedError, FilesystemError, FormatError, FrozenError, OpenError
from journal.files import sync_dir
from journal.limits import HEADER_BYTES, MIB, PAGES_PLENTY, ROW_BYTES

FORMAT_KEY: Final = b"format"
EPOCH_KEY: Final = b"epoch"
HEAD_KEY: Final = b"head"
FRAMES_FROM_KEY: Final = b"frames_from"
RESERVED_KEYS: Final = frozenset((FORMAT_KEY, EPOCH_KEY, HEAD_KEY, FRAMES_FROM_KEY))
FORMAT: Final = b"journal 1 rows=64 sum=xxh3-64 digest=blake3"
NEW: Final = ".new"
BUILDING: Final = ".building"

Meta = Mapping[bytes, bytes | None]


class Tip(NamedTuple):
    """The end of the journal: last sequence number (0 if empty), digest of the last batch, engine time there in ns."""

    seq: int
    digest: bytes
    t_last: int


class Change(NamedTuple):
    """What one append puts: a batch, its frames value and application keys. A change of keys alone has no batch."""

    batch: Encoded | None
    last: int
    frames: bytes | None
    meta: Meta


def make_directory(path: Path) -> None:
    """Make a journal's directory and what is missing above it, durably.

    Raises:
        FilesystemError: It cannot be made, or the path is taken by something else.
    """
    if path.is_dir():
        return
    if os.path.lexists(path):
        raise FilesystemError(
            f"{path} is a file, and a journal is a directory", code="not_a_directory", hint="name a directory"
        )
    try:
        make_directory(path.parent) if path.parent != path else None
        path.mkdir(exist_ok=True)
        sync_dir(path.parent)
    except OSError as cause:
        raise FilesystemError(
            f"{path} cannot be made ({cause.strerror})", code="not_writable", hint="check permissions and space"
        ) from cause


def create(path: Path) -> None:
    """Make an empty journal in an existing directory, all or nothing: the data file appears complete or not at all.

    Call under the writer's lock. A half-made one left by a crash is thrown away.

    Raises:
        FilesystemError: The disk refuses.
    """
    new = path / NEW
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        env = lmdb.open(str(new), map_size=MIB, **FLAGS)
        try:
            databases = {name: env.open_db(name) for name in (ROWS, FRAMES, META)}
            with env.begin(write=True) as txn:
                txn.put(FORMAT_KEY, FORMAT, db=databases[META])
        finally:
            env.close()
        fd = os.open(new / DATA, os.O_RDWR)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(new / DATA, path / DATA)
        shutil.rmtree(new, ignore_errors=True)
        sync_dir(path)
        sync_dir(path.parent)
    except (OSError, lmdb.Error) as cause:
        raise FilesystemError(
            f"an empty journal cannot be made in {path} ({cause})",
            code="not_writable",
            hint="check permissions and space",
        ) from cause


def require_format(stored: Any) -> None:
    """Refuse a journal of another format.

    Raises:
        FormatError: Absent or unknown.
    """
    if stored is None or bytes(stored) != FORMAT:
        said = "none" if stored is None else repr(bytes(stored)[:80])
        raise FormatError(
            f"the journal's format is {said}, and this version reads {FORMAT!r}", hint="use the version that wrote it"
        )


class Store:
    """An open journal as its writer sees it. Made, used and closed on one thread."""

    def __init__(self, path: Path, opened: Environment) -> None:
        self.path = path
        self.tip = Tip(0, ZERO, TIME_MIN)
        self.epoch = 0
        self._opened = opened
        self._epoch_bytes = b""
        self._head: bytes | None = None
        self._page_bytes: int = opened.env.stat()["psize"]

    @classmethod
    def open(cls, path: Path, map_bytes: int) -> "Store":
        """Open a journal for writing under the writer's lock: create if absent, compare its end, take the next epoch.

        Raises:
            OpenError, CorruptError: The files are not a journal or its end is damaged. Nothing was written.
            FrozenError: The epoch could not be written.
        """
        if environment.data_inode(path) is None:
            create(path)
        for left in (path / NEW, path / BUILDING):
            if left.is_dir():  # a process was killed there; whoever holds the lock may throw it away
                shutil.rmtree(left, ignore_errors=True)
        environment.require_whole(path)
        opened = environment.attach_writable(path, map_bytes)
        try:
            store = cls(path, opened)
            store._open_databases()
            store.tip = store._read_tip()
            store._take_epoch()
        except BaseException:
            environment.retire(opened)
            raise
        return store

    def _open_databases(self) -> None:
        env = self._opened.env
        try:
            env.reader_check()
            if not environment.open_databases(self._opened):
                opened = self._opened
                with env.begin(write=True) as txn:
                    opened.rows, opened.frames, opened.meta = (env.open_db(n, txn) for n in (ROWS, FRAMES, META))
                    txn.put(FORMAT_KEY, FORMAT, db=opened.meta)
            with env.begin(buffers=True) as txn:
                require_format(txn.get(FORMAT_KEY, db=self._opened.meta))
        except lmdb.Error as cause:
            raise environment.read_fault(cause) from cause

    def _read_tip(self) -> Tip:
        with self._opened.env.begin(buffers=True) as txn:
            head = txn.get(HEAD_KEY, db=self._opened.meta)
            cursor = txn.cursor(db=self._opened.rows)
            if not cursor.last():
                if head is not None:
                    raise CorruptError("its head names a batch and there is none")
                return Tip(0, ZERO, TIME_MIN)
            batch = parse_batch(cursor.key(), cursor.value())
            stop = HEADER_BYTES + batch.n * ROW_BYTES
            if digest_of(batch.value[:stop]) != batch.digest:
                raise CorruptError("rows fail their digest", seq=batch.first)
            if head is None or bytes(head) != KEY.pack(batch.first) + batch.digest:
                raise CorruptError("it is not the batch that the journal's head names", seq=batch.first)
            if batch.flags & OPEN_END:
                raise OpenError(
                    f"{self.path} ends within a step: it was restored from an archive that was cut at row {batch.last}",
                    code="open_end",
                    hint="read and replay it; to go on, restore the rows that follow as well",
                )
            self._head = bytes(head)
            return Tip(batch.last, batch.digest, batch.t_last)

    def _take_epoch(self) -> None:
        opened = self._opened
        try:
            with opened.env.begin(write=True) as txn:
                stored = txn.get(EPOCH_KEY, db=opened.meta)
                self.epoch = (0 if stored is None else KEY.unpack(stored)[0]) + 1
                self._epoch_bytes = KEY.pack(self.epoch)
                txn.put(EPOCH_KEY, self._epoch_bytes, db=opened.meta)
        except environment.DAMAGE as cause:
            raise environment.read_fault(cause) from cause
        except lmdb.Error as cause:
            raise FrozenError(
                f"the writer's epoch cannot be written to {self.path} ({cause})",
                code="io_error",
                hint="check the disk, then open again",
            ) from cause

    def commit(self, changes: Iterable[Change]) -> None:
        """Put some changes in one transaction, durably. The only durability point.

        Raises:
            FencedError: Another writer took over.
            lmdb.MapFullError: No room; nothing was written.
            lmdb.Error, OSError, CorruptError: Anything else; the caller freezes for good.
        """
        opened = self._opened
        tip, head = self.tip, self._head
        with opened.env.begin(write=True) as txn:
            if txn.get(EPOCH_KEY, db=opened.meta) != self._epoch_bytes:
                raise FencedError(
                    f"a newer writer has taken {self.path} over", hint="stop this one; what it acknowledged is durable"
                )
            if txn.get(HEAD_KEY, db=opened.meta) != self._head:
                raise FencedError(f"{self.path} does not end where this writer left it", code="head_moved")
            for batch, last, frames, meta in changes:
                if batch is not None:
                    assert batch.key == KEY.pack(tip.seq + 1), "batches follow one another"
                    for database, value in ((opened.rows, batch.value), (opened.frames, frames)):
                        if value is None or txn.put(batch.key, value, db=database, append=True, overwrite=False):
                            continue
                        raise CorruptError("something is already stored under its number", seq=tip.seq + 1)
                    tip = Tip(last, batch.digest, batch.t_last)
                    head = batch.key + batch.digest
                    txn.put(HEAD_KEY, head, db=opened.meta)
                for key, value in meta.items():
                    if value is None:
                        txn.delete(key, db=opened.meta)
                    else:
                        txn.put(key, value, db=opened.meta)
        if environment.data_inode(self.path) != opened.inode:
            raise FencedError(f"{self.path / DATA} was removed or replaced while it was being written", code="replaced")
        self.tip, self._head = tip, head

    @property
    def page_bytes(self) -> int:
        """Bytes of a page."""
        return self._page_bytes

    def pages_left(self) -> int:
        """Pages the map still has: those behind the last used one and, when these get few, those freed in the file."""
        env = self._opened.env
        info = env.info()
        used = info["last_pgno"] + 1
        left = info["map_size"] // self._page_bytes - used
        if left > PAGES_PLENTY:
            return left
        with env.begin() as txn:
            stats = [txn.stat(db) for db in (self._opened.rows, self._opened.frames, self._opened.meta)]
        alive = sum(stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"] for stat in stats)
        return left + max(0, used - alive - 3)

    def reap_readers(self) -> None:
        """Free the slots of readers that died inside a view: they would keep old pages alive for ever."""
        self._opened.env.reader_check()

    def close(self) -> None:
        """Give the environment back."""
        environment.retire(self._opened)
