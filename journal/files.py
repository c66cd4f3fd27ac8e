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

PART = ".part"
"""Suffix of a file that is not finished."""


class TargetExists(Exception):
    """There is a file of that name already, and it may not be replaced."""


class TargetBusy(Exception):
    """Another process is writing a file of that name at this moment."""


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
            raise TargetBusy(str(part)) from None
        os.close(fd)


def _name(part: Path, target: Path, *, replace: bool) -> None:
    """Give the finished part its name, atomically; without `replace` an existing name stays as it is."""
    if replace:
        os.replace(part, target)
        return
    try:
        os.link(part, target, follow_symlinks=False)
    except FileExistsError:
        raise TargetExists(str(target)) from None
    except OSError as cause:
        if cause.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        if target.exists():  # a file system without hard links: the best that can be done
            raise TargetExists(str(target)) from None
        os.rename(part, target)
        return
    os.unlink(part)


@contextmanager
def whole_file(target: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """Open a file for writing that shows under its name only when the block ends well: synced, with its folder synced.

    An exception in the block removes what was written. `replace=False` never touches an existing file.

    Raises:
        TargetExists: There is such a file and `replace` is false (checked before and after the block).
        TargetBusy: Another process is writing the same file.
        OSError: The disk refused; nothing is left under the name.
    """
    if not replace and os.path.lexists(target):
        raise TargetExists(str(target))
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
        except (TargetBusy, OSError):
            continue
        try:
            part.unlink(missing_ok=True)
            swept += 1
        finally:
            os.close(fd)
    return swept
