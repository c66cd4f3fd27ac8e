"""Why a writer stopped, found out at the moment it stops: the disk itself is asked, errors of LMDB say too little."""

import errno
import os
import resource
from pathlib import Path

import lmdb

from journal.environment import DAMAGE, DATA
from journal.errors import CorruptError, FencedError, FrozenError, FullError, JournalError
from journal.limits import COMMIT_BYTES_MAX, DISK_RESERVED_BYTES


def disk_left(path: Path) -> int:
    """Bytes the file system under a path still gives to this user."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def again(failure: JournalError) -> JournalError:
    """A failure as a fresh error that can be raised once more."""
    kind = type(failure) if isinstance(failure, (FencedError, FullError)) else FrozenError
    fresh = kind(str(failure), code=failure.code)
    fresh.hint = failure.hint
    fresh.__cause__ = failure
    return fresh


def failure_of(cause: BaseException, path: Path) -> JournalError:
    """Why a writer stopped. LMDB 0.9 reports a full disk as an I/O error, hence the questions here.

    A map that is full after all is a refusal and no freeze: LMDB finds out before it writes a page.
    """
    if isinstance(cause, FrozenError):
        return cause
    if isinstance(cause, lmdb.MapFullError):
        return FullError(
            f"the map of {path} is full; nothing was written", code="map_full", hint="open with a larger map"
        )
    code, what = "io_error", "the disk failed"
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    try:
        size = os.stat(path / DATA).st_size
        left = disk_left(path)
    except OSError:
        size, left = 0, DISK_RESERVED_BYTES
    if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
        left = 0
    if left < DISK_RESERVED_BYTES:
        code, what = "disk_full", "the disk is full"
    elif limit != resource.RLIM_INFINITY and size + COMMIT_BYTES_MAX > limit:
        code, what = "file_size_limit", "the file size limit of this process is reached"
    if isinstance(cause, (AssertionError, JournalError, MemoryError, ValueError, TypeError)):
        code, what = "broken", "an invariant of the writer broke"
    if isinstance(cause, (CorruptError, *DAMAGE)):
        code, what = "corrupt", "the journal was found damaged"
    frozen = FrozenError(
        f"{what} while a commit to {path} ran ({cause!r}); nothing more is accepted",
        code=code,
        hint="verify the journal, mend the cause, then open again",
    )
    frozen.__cause__ = cause
    return frozen
