"""The lock of the one writer: `flock` on `writer.lock` inside the journal's directory.

A lock file alone is not a fence (it can be deleted), so the writer's epoch is compared in every transaction besides.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from journal.errors import FilesystemError, LockedError

WRITER_LOCK: Final = "writer.lock"


class WriterLock:
    """Held from `take` to `release`, or until the process ends."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pid = os.getpid()

    @classmethod
    def take(cls, path: Path) -> "WriterLock":
        """Lock a journal's directory, which must exist.

        Raises:
            LockedError: Another writer holds it; names its process.
            FilesystemError: The lock file cannot be made.
        """
        file = path / WRITER_LOCK
        try:
            fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as cause:
            raise FilesystemError(
                f"{file} cannot be made ({cause.strerror})",
                code="not_writable",
                hint="check the directory's owner, permissions and space",
            ) from cause
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as cause:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise LockedError(
                f"{path} is being written by process {holder}", hint="wait for it or stop it; reading needs no lock"
            ) from cause
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode("ascii"), 0)
        except OSError as cause:
            os.close(fd)
            raise FilesystemError(
                f"{file} cannot be written ({cause.strerror})", code="not_writable", hint="check the disk and its space"
            ) from cause
        return cls(fd)

    def release(self) -> None:
        """Unlock. In a forked child nothing happens: the lock is the parent's."""
        if self._fd >= 0 and self._pid == os.getpid():
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
        self._fd = -1
