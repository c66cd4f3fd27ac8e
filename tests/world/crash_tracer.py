"""Kill a child at its n-th system call, counted over all its threads, whatever the call.

`strace -e inject=…:when=n` counts a thread at a time, so that calls of a later thread hide behind those of an earlier one. This tracer
counts them all in one row. It kills on entry: the call does not happen any more. Linux only; needs no right beyond tracing one's own child.

Source: ptrace(2); numbers of the calls from the kernel's tables for x86-64 and for the generic table (aarch64, riscv64).
"""

import ctypes
import os
import platform
import signal
import struct
from collections.abc import Collection
from typing import Final, NamedTuple

SEIZE, INTERRUPT, SYSCALL, CALL_INFO = 0x4206, 0x4207, 24, 0x420E
OPTIONS: Final = 0x1 | 0x2 | 0x4 | 0x8 | 0x100000  # mark syscall stops; follow fork, vfork, clone; kill with the tracer
WAIT_ALL: Final = 0x40000000
CALL_STOP: Final = signal.SIGTRAP | 0x80
INFO: Final = struct.Struct("<B3xIQQQ6Q")
ENTRY: Final = 1

_X86: Final = {
    "write": 1, "mmap": 9, "pwrite64": 18, "writev": 20, "sendfile": 40, "msync": 26, "flock": 73, "fcntl": 72, "fsync": 74,
    "fdatasync": 75, "truncate": 76, "ftruncate": 77, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86,
    "unlink": 87, "symlink": 88, "chmod": 90, "fchmod": 91, "open": 2, "openat": 257, "mkdirat": 258, "unlinkat": 263,
    "renameat": 264, "linkat": 265, "sync_file_range": 277, "fallocate": 285, "pwritev": 296, "renameat2": 316,
    "copy_file_range": 326, "pwritev2": 328,
}  # fmt: skip
_GENERIC: Final = {
    "fcntl": 25, "flock": 32, "mkdirat": 34, "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38, "truncate": 45,
    "ftruncate": 46, "fallocate": 47, "fchmod": 52, "openat": 56, "write": 64, "writev": 66, "pwrite64": 68, "pwritev": 70,
    "sendfile": 71, "fsync": 82, "fdatasync": 83, "sync_file_range": 84, "mmap": 222, "msync": 227, "renameat2": 276,
    "copy_file_range": 285, "pwritev2": 287,
}  # fmt: skip
NUMBERS: Final[dict[str, int]] = _X86 if platform.machine() == "x86_64" else _GENERIC
NAMES: Final = {number: name for name, number in NUMBERS.items()}
WRITING: Final = frozenset(NUMBERS) - {"mmap", "fcntl", "open"}
"""Calls that change files, directories or locks, and every open (which may create)."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Traced(NamedTuple):
    """calls: names (or numbers) of the counted calls in order, the fatal one last; killed: whether it was killed;
    code: the exit code, negative for a signal."""

    calls: list[str]
    killed: bool
    code: int


def _ptrace(request: int, pid: int, address: int, data: object) -> int:
    done = int(_libc.ptrace(request, pid, address, data))
    if done < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")
    return done


def trace(pid: int, go: int, *, nth: int, counted: Collection[str] | None, but_fd: int) -> Traced:
    """Trace a child from here on.

    Args:
        pid: A child that waits for a byte on a pipe.
        go: The writing end of that pipe.
        nth: Kill at this counted call, from 1; 0 never.
        counted: Names of the calls that count; None for every call.
        but_fd: Calls whose first argument is this file do not count: the child's own reports.
    """
    _ptrace(SEIZE, pid, 0, OPTIONS)
    _ptrace(INTERRUPT, pid, 0, None)
    numbers = None if counted is None else {NUMBERS[name] for name in counted}
    info = ctypes.create_string_buffer(INFO.size)
    calls: list[str] = []
    killed, released = False, False
    while True:
        who, status = os.waitpid(-1, WAIT_ALL)
        if not os.WIFSTOPPED(status):
            if who == pid:
                return Traced(calls, killed, os.waitstatus_to_exitcode(status))
            continue
        stop, event, deliver = os.WSTOPSIG(status), status >> 16, 0
        if stop == CALL_STOP:
            _ptrace(CALL_INFO, who, INFO.size, info)
            op, _, _, _, number, first, *_ = INFO.unpack(info.raw)
            if op == ENTRY and (numbers is None or number in numbers) and first != but_fd:
                calls.append(NAMES.get(number, str(number)))
                if len(calls) == nth:
                    os.kill(pid, signal.SIGKILL)
                    killed = True
        elif not event:
            deliver = stop
        if not released:
            os.write(go, b"!")
            released = True
        try:
            _ptrace(SYSCALL, who, 0, deliver)
        except ProcessLookupError:
            continue
