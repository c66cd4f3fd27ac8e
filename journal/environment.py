"""The LMDB files of a journal, opened at most once per process and shared by its writer and its readers.

LMDB's locks belong to the pair (process, file): a second open in one process would silently share and then drop the
first one's locks. So environments live in a table keyed by the data file's inode. A writer that opens while readers of
the same process hold the file read-only takes over from them; they notice at their next view.
"""

import os
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lmdb
import lmdb.verify
from lmdb.verify import VerifyError

from journal.errors import CorruptError, FilesystemError, FormatError, LockedError, OpenError, ReadError
from journal.limits import DATABASES_MAX, READERS_MAX, RESIZE_TIMEOUT_S

DATA: Final = "data.mdb"
LOCK: Final = "lock.mdb"
ROWS: Final = b"rows"
FRAMES: Final = b"frames"
META: Final = b"meta"
META_PAGE: Final = struct.Struct("<QHHHHIIQQI44s48sQQ")
META_MAGIC: Final = 0xBEEFC0DE
META_VERSION: Final = 1
PAGE_SIZES: Final = (4096, 8192, 16384, 32768, 65536)

FLAGS: Final[dict[str, Any]] = {
    "max_dbs": DATABASES_MAX,
    "max_readers": READERS_MAX,
    "sync": True,
    "metasync": True,
    "writemap": False,
    "map_async": False,
    "meminit": True,
    "max_spare_txns": 0,
    "lib_version": 0,
}
"""Always a full sync, the 0.9 file format, no writable map: visible means durable."""


DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.PageFullError,
    lmdb.BadTxnError,
)
"""What LMDB raises where a page is not what it must be. A failing disk raises others."""


_Walker: Any = lmdb.verify._Verifier


class Structure(_Walker):  # type: ignore[misc]
    """LMDB's own walker, which takes the later pages of a large value on trust; here they must lie within the file."""

    def _mark_live(self, pgno: int, what: str) -> bool:
        if (pgno + 1) * self.psize > self.filesize:
            self.err(f"{what} needs page {pgno}, and the file ends before it")
        return bool(super()._mark_live(pgno, what))


@dataclass(eq=False)
class Environment:
    """One open LMDB environment and its three databases."""

    env: lmdb.Environment
    path: Path
    writable: bool
    locked: bool
    inode: tuple[int, int]
    pid: int
    rows: Any = None
    frames: Any = None
    meta: Any = None
    users: int = 0
    views: int = 0
    retired: bool = False
    closed: bool = False


_table: dict[tuple[int, int], Environment] = {}
_guard = threading.RLock()


def _after_fork() -> None:
    global _guard
    _guard = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)


@dataclass(frozen=True)
class MetaPage:
    """What the newer of LMDB's two meta pages says. Sizes in bytes, `last_page` a page number."""

    page_bytes: int
    last_page: int
    txn: int
    file_bytes: int


def data_inode(path: Path) -> tuple[int, int] | None:
    """Device and inode of the data file; None where there is no data file or an empty one.

    Raises:
        FilesystemError: The path is not a directory, or not accessible.
    """
    try:
        found = os.stat(path / DATA)
    except FileNotFoundError:
        return None
    except NotADirectoryError as cause:
        raise FilesystemError(
            f"{path} is a file, and a journal is a directory", code="not_a_directory", hint="name the directory"
        ) from cause
    except OSError as cause:
        raise FilesystemError(
            f"{path} cannot be read ({cause.strerror})", code="unreadable", hint="check its owner and permissions"
        ) from cause
    if not os.path.isfile(path / DATA):
        raise FormatError(f"{path / DATA} is not a regular file, so {path} is not a journal", code="not_a_file")
    return None if found.st_size == 0 else (found.st_dev, found.st_ino)


def meta_page(path: Path) -> MetaPage:
    """Read the meta pages without LMDB, so that a foreign, cut or hostile file cannot hurt the process.

    Raises:
        FormatError: Not an LMDB file of the 0.9 format.
        CorruptError: The file is cut off.
        FilesystemError: It cannot be read.

    Source:
        LMDB 0.9, mdb.c: MDB_page (16 bytes), MDB_meta, MDB_db; the page size stands in the free list's md_pad.
    """
    file = path / DATA
    try:
        with open(file, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            first = stream.read(META_PAGE.size)
            page_bytes = META_PAGE.unpack(first)[9] if len(first) == META_PAGE.size else 0
            stream.seek(page_bytes if page_bytes in PAGE_SIZES else 0)
            second = stream.read(META_PAGE.size)
    except OSError as cause:
        raise FilesystemError(
            f"{file} cannot be read ({cause.strerror})", code="unreadable", hint="check its owner and permissions"
        ) from cause
    if len(first) < META_PAGE.size or META_PAGE.unpack(first)[5:7] != (META_MAGIC, META_VERSION):
        raise FormatError(
            f"{file} is not an LMDB file of the 0.9 format, so {path} is not a journal",
            code="foreign",
            hint="name the directory of a journal, or one that does not exist yet",
        )
    if len(second) < META_PAGE.size or page_bytes not in PAGE_SIZES:
        raise CorruptError(f"{file} is cut off or damaged in its first {2 * max(PAGE_SIZES)} bytes")
    pages = META_PAGE.unpack(first), META_PAGE.unpack(second)
    if any(page[13] and page[13] & 1 != place for place, page in enumerate(pages)):
        raise CorruptError(f"{file} is damaged: a meta page stands where that of another transaction belongs")
    older, newest = sorted(pages, key=lambda page: int(page[13]))
    if newest[13] - older[13] > 1 and older[12] > newest[12]:  # a file never shrinks, and a torn write skips no number
        raise CorruptError(f"{file} is damaged: its older meta page knows more pages than its newer one")
    return MetaPage(page_bytes, newest[12], newest[13], size)


def require_whole(path: Path) -> None:
    """Refuse a file that LMDB would die of, before LMDB sees it.

    A file may rightly end a few pages early, when the last pages were allocated and freed in one transaction; only then
    the whole structure is walked.

    Raises:
        CorruptError, FormatError, FilesystemError: As `meta_page`, or the file is shorter than its tree needs.
    """
    meta = meta_page(path)
    if meta.file_bytes >= (meta.last_page + 1) * meta.page_bytes or meta_page(path).txn != meta.txn:
        return
    try:
        faults = structure_faults(path)
    except (VerifyError, OSError) as cause:
        raise CorruptError(f"{path / DATA} cannot be walked ({cause})") from cause
    if faults and meta_page(path).txn == meta.txn:
        needed = (meta.last_page + 1) * meta.page_bytes
        raise CorruptError(f"{path / DATA} is cut off: it has {meta.file_bytes} bytes and needs {needed}")


def structure_faults(path: Path) -> list[str]:
    """What is wrong with LMDB's pages, free list included, read without LMDB.

    Raises:
        VerifyError: The walk cannot begin.
        OSError: The file cannot be read.
    """
    with open(path / DATA, "rb") as stream:
        walker: Any = Structure(stream, os.fstat(stream.fileno()).st_size)
        return list(walker.verify())


def attach(path: Path) -> Environment | None:
    """The environment of a journal for reading; None if there is no journal yet.

    Never creates a file: where LMDB's lock file is absent or not writable, nothing is locked.

    Raises:
        OpenError, CorruptError: The files are not a journal, or cannot be read.
    """
    deadline = time.monotonic() + RESIZE_TIMEOUT_S
    while True:
        with _guard:
            inode = data_inode(path)
            known = None if inode is None else _known_or_opened(path, inode)
            if known is None:
                return None
            require_same_process(known)
            if known.rows is not None:
                known.users += 1
                return known
        if time.monotonic() > deadline:
            raise ReadError(f"{path} is still being opened for writing by this process", code="opening")
        time.sleep(0.001)


def _known_or_opened(path: Path, inode: tuple[int, int]) -> Environment | None:
    known = _table.get(inode)
    if known is not None and known.retired and known.views == 0:
        _close(known)
        known = None
    if known is None:
        _retire(path, inode)
        known = _opened_for_reading(path, inode)
        if known is not None:
            _table[inode] = known
    return known


def _retire(path: Path, inode: tuple[int, int]) -> None:
    """Close what this process holds of a data file that was replaced: the lock file is still the same one."""
    for other in [each for each in _table.values() if each.path == path and each.inode != inode and not each.views]:
        _close(other)


def detach(known: Environment) -> None:
    """Give an environment back; the last user closes it."""
    with _guard:
        known.users -= 1
        if known.users == 0 and not known.closed and known.pid == os.getpid():
            _close(known)


def retire(known: Environment) -> None:
    """Give a writer's environment back. Readers of this process move to one of their own: a failed one may not read."""
    with _guard:
        known.retired = True
        if known.views == 0 and not known.closed:
            _close(known)
    detach(known)


def require_same_process(known: Environment) -> None:
    """Refuse an environment that came over a fork: LMDB's locks and readers belong to the parent.

    Raises:
        OpenError: The process was forked after opening.
    """
    if known.pid != os.getpid():
        raise OpenError(
            "this process was forked while it had the journal open",
            code="forked",
            hint="start workers with the spawn method and open the journal there",
        )


def attach_writable(path: Path, map_bytes: int) -> Environment:
    """Open the data file for the one writer; readers of this process that hold it are moved over.

    Raises:
        OpenError: The file cannot be opened for writing, or views of this process stay open.
    """
    deadline = time.monotonic() + RESIZE_TIMEOUT_S
    while True:
        with _guard:
            inode = data_inode(path)
            known = _table.get(inode) if inode else None
            if known is None or known.views == 0:
                if known is not None:
                    _close(known)
                elif inode is not None:
                    _retire(path, inode)
                return _opened_for_writing(path, map_bytes)
        if time.monotonic() > deadline:
            raise LockedError(
                f"{path} cannot be opened for writing while views of this process are open",
                code="in_use",
                hint="close them first",
            )
        time.sleep(0.001)


def _opened_for_writing(path: Path, map_bytes: int) -> Environment:
    try:
        env = lmdb.open(str(path), map_size=map_bytes, create=False, lock=True, **FLAGS)
    except lmdb.Error as cause:
        raise _open_fault(path, cause) from cause
    inode = data_inode(path)
    assert inode is not None, "the data file was made before LMDB opened it"
    opened = Environment(env, path, True, True, inode, os.getpid(), users=1)
    _table[inode] = opened
    return opened


def _opened_for_reading(path: Path, inode: tuple[int, int]) -> Environment | None:
    require_whole(path)
    locked = lock_usable(path)
    try:
        env = lmdb.open(str(path), map_size=0, readonly=True, create=False, lock=locked, **FLAGS)
    except lmdb.Error as cause:
        raise _open_fault(path, cause) from cause
    opened = Environment(env, path, False, locked, inode, os.getpid())
    try:
        if not open_databases(opened):
            env.close()
            return None
    except BaseException:
        env.close()
        raise
    return opened


def open_databases(opened: Environment) -> bool:
    """Find the three databases; False if the environment is still empty.

    Raises:
        FormatError: The environment holds something else.
        CorruptError, ReadError: LMDB refuses it.
    """
    env = opened.env
    try:
        with env.begin() as txn:
            names = {bytes(name) for name, _ in txn.cursor()}
        if not names:
            return False
        if not names >= {ROWS, FRAMES, META}:
            raise FormatError(
                f"{env.path()} is an LMDB environment of another program, not a journal",
                code="foreign",
                hint="name the directory of a journal",
            )
        if opened.writable:
            # py-lmdb would wait for the write lock inside open_db with the whole interpreter stopped; begin lets go of it
            with env.begin(write=True) as txn:
                opened.rows, opened.frames, opened.meta = (
                    env.open_db(name, txn, create=False) for name in (ROWS, FRAMES, META)
                )
        else:
            opened.rows, opened.frames, opened.meta = (env.open_db(name, create=False) for name in (ROWS, FRAMES, META))
    except lmdb.Error as cause:
        raise read_fault(cause) from cause
    return True


def lock_usable(path: Path) -> bool:
    """Whether LMDB's lock file is there and may be written: then readers are registered with the writer."""
    return os.access(path / LOCK, os.R_OK | os.W_OK)


def stale(known: Environment, path: Path) -> bool:
    """Whether a reader should open anew: closed, replaced on disk, or a writer may have come since."""
    if known.closed or known.retired or (not known.locked and lock_usable(path)):
        return True
    return data_inode(path) != known.inode


def _close(known: Environment) -> None:
    known.closed = True
    _table.pop(known.inode, None)
    known.env.close()


def pin(known: Environment) -> bool:
    """Keep an environment from being closed under a view; False if it is closed already."""
    with _guard:
        known.views += not known.closed
        return not known.closed


def unpin(known: Environment) -> None:
    """Let it be closed again."""
    with _guard:
        known.views -= 1


def begin_read(known: Environment) -> Any:
    """A read transaction on the newest durable state, following a map that grew.

    Raises:
        ReadError, CorruptError: LMDB refuses it.
    """
    deadline = time.monotonic() + RESIZE_TIMEOUT_S
    while True:
        try:
            return known.env.begin(buffers=True)
        except lmdb.MapResizedError as cause:
            if time.monotonic() > deadline:
                raise read_fault(cause) from cause
            with _guard:
                if known.views == 1:
                    known.env.set_mapsize(0)
                    continue
            time.sleep(0.001)
        except lmdb.Error as cause:
            raise read_fault(cause) from cause


def _open_fault(path: Path, cause: lmdb.Error) -> OpenError:
    if isinstance(cause, (lmdb.InvalidError, lmdb.VersionMismatchError)):
        return FormatError(f"{path} is not a journal ({cause.reason})", code="foreign")
    if isinstance(cause, lmdb.LockError) or "temporarily unavailable" in str(cause):
        return LockedError(
            f"{path} is locked in a way LMDB cannot share ({cause})",
            code="lock_failed",
            hint="run readers and writer in one PID namespace, on a local file system",
        )
    return FilesystemError(f"{path} cannot be opened ({cause})", code="open_failed", hint="check space and permissions")


def read_fault(cause: lmdb.Error) -> ReadError:
    """An LMDB error met while reading, in our words."""
    if isinstance(cause, lmdb.ReadersFullError):
        return ReadError("all reader slots are taken", code="readers_full", hint="end readers that hang")
    if isinstance(cause, DAMAGE):
        return CorruptError(f"LMDB refuses a page ({cause})")
    return ReadError(f"LMDB cannot read ({cause})", code="read_failed", hint="run verify")
