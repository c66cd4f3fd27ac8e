"""Files that appear whole or not at all: written beside their place, synced, then named.

Owns the one way in which this library puts a file next to a journal. A process killed at any step leaves the old file
(or none) and at most a `.part` that the next writer of the same name takes over. Knows nothing of what is in the file.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from journal.errors import JournalError

PART = ".part"
"""Suffix of a file that is not finished."""


class TargetExistsError(JournalError):
    """There is something of that name already, and it may not be replaced. Nothing was written."""

    code_default = "exists"

    def __init__(self, target: Path) -> None:
        super().__init__(f"{target} exists already and is never overwritten", hint="choose another name, or remove it")


class TargetBusyError(JournalError):
    """Another process is writing a file of that name at this moment. Nothing was written."""

    code_default = "busy"

    def __init__(self, target: Path) -> None:
        super().__init__(f"another process is writing {target} at this moment", hint="wait for it, then try again")


def sync_dir(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk (a rename alone is only in memory)."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(file: Path) -> None:
    """Wait until the bytes of `file` are on the disk, whoever wrote them."""
    fd = os.open(file, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def part_of(target: Path) -> Path:
    """Where `target` is built: a hidden name in the same folder, hence on the same file system."""
    return target.with_name(f".{target.name}{PART}")


def _open_part(part: Path) -> int:
    """The unfinished file, empty and locked by us until it is closed. Mode 0600: journals are nobody else's business."""
    while True:
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held, named = os.fstat(fd), os.stat(part, follow_symlinks=False)
            if (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino):
                os.ftruncate(fd, 0)
                return fd
        except FileNotFoundError:  # its last owner gave it its final name between our open and our lock
            pass
        except BlockingIOError:
            os.close(fd)
            raise TargetBusyError(part) from None
        os.close(fd)


def _name(part: Path, target: Path, *, replace: bool) -> None:
    """Give the finished part its name, atomically; without `replace` an existing name stays as it is."""
    if replace:
        os.replace(part, target)
        return
    try:
        os.link(part, target, follow_symlinks=False)
    except FileExistsError:
        raise TargetExistsError(target) from None
    except OSError as cause:
        if cause.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        if target.exists():  # a file system without hard links: the best that can be done
            raise TargetExistsError(target) from None
        os.rename(part, target)
        return
    os.unlink(part)


@contextmanager
def whole_file(target: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """Open a file for writing that shows under its name only when the block ends well: synced, with its folder synced.

    An exception in the block removes what was written. `replace=False` never touches an existing file.

    Raises:
        TargetExistsError: There is such a file and `replace` is false (checked before and after the block).
        TargetBusyError: Another process is writing the same file.
        OSError: The disk refused; nothing is left under the name.
    """
    if not replace and os.path.lexists(target):
        raise TargetExistsError(target)
    part = part_of(target)
    with os.fdopen(_open_part(part), "w+b", buffering=1 << 20) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _name(part, target, replace=replace)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    sync_dir(target.parent)


def sweep_parts(folder: Path) -> int:
    """Remove what killed writers left in `folder`; parts that are being written stay. Returns how many went."""
    swept = 0
    for part in sorted(folder.glob(f".*{PART}")):
        try:
            fd = _open_part(part)
        except (TargetBusyError, OSError):
            continue
        try:
            part.unlink(missing_ok=True)
            swept += 1
        finally:
            os.close(fd)
    return swept
