"""What this machine lets a test do: mounts, loop devices, tracing. Each is tried first; where it fails the test says why."""

import fcntl
import functools
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN (the number is shared with xfs): the file system stops at once. Source: linux/fs/ext4/ext4.h."""

NO_LOG_FLUSH = 2
"""Nothing more is written, not even the file system's own journal: what a power cut does."""


def run(*command: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a system command, output kept, nothing raised."""
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as cause:
        return subprocess.CompletedProcess(command, 127, b"", str(cause).encode())


def _why(done: "subprocess.CompletedProcess[bytes]") -> str:
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"{' '.join(map(str, done.args))}: {said[-1] if said else f'exit code {done.returncode}'}"


@functools.cache
def _strace_fault() -> str:
    done = run("strace", "-f", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=9", "true")
    return "" if done.returncode == 0 else _why(done)


def require_strace() -> None:
    """Skip the test, saying why, where system calls cannot be traced."""
    if fault := _strace_fault():
        pytest.skip(f"no system call tracing here ({fault})")


@contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[Path]:
    """A mount at `place`, gone afterwards; skips, saying why, where mounting is not possible."""
    place.mkdir(parents=True, exist_ok=True)
    done = run("mount", *arguments, str(place))
    if done.returncode:
        pytest.skip(f"no mounts here ({_why(done)})")
    try:
        yield place
    finally:
        unmount(place)


def unmount(place: Path) -> None:
    """Unmount, waiting for the last user to go."""
    for _ in range(100):
        done = run("umount", str(place))
        if done.returncode == 0:
            return
        time.sleep(0.05)
    raise OSError(_why(done))


def make_image(file: Path, mib: int, *mkfs: str) -> Path:
    """A file that holds an empty file system; skips, saying why, where it cannot be made."""
    with file.open("wb") as image:
        image.truncate(mib << 20)
    done = run(*mkfs, str(file))
    if done.returncode:
        pytest.skip(f"no file system images here ({_why(done)})")
    return file


class PowerCut:
    """An ext4 image on a loop device whose power can be cut: everything that was not synced is lost, for real."""

    def __init__(self, folder: Path, *, mib: int = 64, options: str = "defaults") -> None:
        self.place = folder / "disk"
        self._image = make_image(folder / "image", mib, "mkfs.ext4", "-q", "-F")
        self._options = options
        self._mounted = False
        self.place.mkdir()

    def plug_in(self) -> None:
        """Mount; the file system replays its own journal."""
        done = run("mount", "-o", f"loop,{self._options}", str(self._image), str(self.place))
        if done.returncode:
            pytest.skip(f"no loop mounts here ({_why(done)})")
        self._mounted = True

    def cut(self) -> None:
        """Stop the file system where it stands. Skips, saying why, where the kernel does not offer it."""
        fd = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        except OSError as cause:
            pytest.skip(f"this kernel cannot shut a file system down ({cause.strerror})")
        finally:
            os.close(fd)

    def unplug(self) -> None:
        """Unmount."""
        if self._mounted:
            unmount(self.place)
            self._mounted = False

    def wipe(self) -> None:
        """Remove what is on the (mounted) disk."""
        for each in self.place.iterdir():
            if each.name != "lost+found":
                shutil.rmtree(each)
