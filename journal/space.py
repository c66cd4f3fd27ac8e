"""What the journal stands on: is the file system one whose sync can be trusted, is there room, does the disk really wait.

Reports only; who opens a journal decides what to refuse. The list of file systems is short on purpose: a name stands here
as safe when its fdatasync was examined, and unsafe is said with the reason. Linux only: elsewhere everything is unknown,
hence unsafe.
"""

import enum
import os
import platform
import statistics
import time
from pathlib import Path
from typing import NamedTuple

from journal.errors import FilesystemError

GIB = 1 << 30
ALARM_BYTES = 5 * GIB
ALARM_SHARE, REDUCE_SHARE, FREEZE_SHARE = 0.20, 0.10, 0.05
assert ALARM_SHARE > REDUCE_SHARE > FREEZE_SHARE > 0

SYNC_HONEST_NS_MIN = 20_000
"""No device that keeps its promise answers a 4 KiB fdatasync faster (measured: 150-300 µs on a virtual disk, 1.4 µs on tmpfs)."""

FAST_COMMIT_FIXED = (5, 17)
"""First kernel whose ext4 fast_commit does not lose fdatasync'ed data. Source: etcd-io/bbolt issue 562."""

SAFE = {
    "ext4": "journalled; fdatasync waits for the device",
    "ext3": "journalled; fdatasync waits for the device",
    "xfs": "journalled; fdatasync waits for the device",
    "btrfs": "copy on write; fdatasync waits for the device (files fragment: set nodatacow on the folder)",
    "zfs": "copy on write; fdatasync waits for the intent log (unless the data set has sync=disabled)",
}
UNSAFE = {
    "tmpfs": "lives in memory: everything is gone after a restart",
    "ramfs": "lives in memory: everything is gone after a restart",
    "devtmpfs": "lives in memory: everything is gone after a restart",
    "overlay": "a container's layer: removed with the container, and a memory map may show another file than the one written",
    "aufs": "a container's layer: removed with the container",
    "nfs": "a network file system: locks and memory maps are not coherent between machines",
    "nfs4": "a network file system: locks and memory maps are not coherent between machines",
    "cifs": "a network file system: locks and memory maps are not coherent between machines",
    "smb3": "a network file system: locks and memory maps are not coherent between machines",
    "9p": "a shared folder of the host: fdatasync and memory maps depend on the host's caching",
    "virtiofs": "a shared folder of the host: fdatasync and memory maps depend on the host's caching",
    "vboxsf": "a shared folder of the host: fdatasync and memory maps depend on the host's caching",
    "fuse": "a user-space file system: what its fdatasync does is its own affair",
    "fuseblk": "a user-space file system: what its fdatasync does is its own affair",
    "ext2": "has no journal: a power cut needs a repair that may drop blocks",
    "vfat": "has no journal: a power cut needs a repair that may drop blocks",
    "exfat": "has no journal: a power cut needs a repair that may drop blocks",
}
NO_BARRIER = {"nobarrier", "barrier=0"}

MAGIC_NAMES = {
    0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x2FC12FC1: "zfs", 0x01021994: "tmpfs", 0x858458F6: "ramfs",
    0x794C7630: "overlay", 0x6969: "nfs", 0xFF534D42: "cifs", 0xFE534D42: "smb3", 0x01021997: "9p", 0x65735546: "fuse",
    0x4D44: "vfat", 0x2011BAB0: "exfat", 0x786F4256: "vboxsf",
}  # fmt: skip
"""statfs(2) f_type → name, for the day /proc is not mounted."""


class Filesystem(NamedTuple):
    """The file system under a path. `safe` False comes with a reason that can be shown to the operator as it is."""

    name: str
    safe: bool
    reason: str


class Mount(NamedTuple):
    """One line of /proc/self/mountinfo, as far as it is needed."""

    mount_id: int
    point: str
    name: str
    device: str
    options: frozenset[str]


class Level(enum.IntEnum):
    """What the free space asks for. The order is the severity."""

    OK = 0
    ALARM = 1
    REDUCE = 2
    FREEZE = 3


class Space(NamedTuple):
    """Room on the file system, as an unprivileged process sees it."""

    free_bytes: int
    total_bytes: int
    level: Level


class SyncProbe(NamedTuple):
    """How long an fdatasync of 4 KiB takes. `honest` False: something between us and the disk does not wait."""

    p50_ns: int
    p99_ns: int
    honest: bool
    reason: str


def _existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists: a journal is probed before it is created."""
    path = Path(path).absolute()
    while not path.exists():
        path = path.parent
    return path


def parse_mount(line: str) -> Mount:
    """One line of mountinfo. Source: proc_pid_mountinfo(5); blanks in names are written as octal."""
    head, _, tail = line.rstrip("\n").partition(" - ")
    fields, (name, device, super_options) = head.split(" "), tail.split(" ", 2)
    point = fields[4].encode().decode("unicode_escape")
    options = frozenset(fields[5].split(",")) | frozenset(super_options.split(","))
    return Mount(int(fields[0]), point, name, device, options)


def _mount_of(path: Path) -> Mount | None:
    """The mount that `path` is on, by the kernel's own number, so that binds and mounts over mounts are told apart."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            info = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="utf-8", errors="surrogateescape")
        finally:
            os.close(fd)
        mount_id = next(int(line.split()[1]) for line in info.splitlines() if line.startswith("mnt_id:"))
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            mount = parse_mount(line)
            if mount.mount_id == mount_id:
                return mount
    except (OSError, StopIteration, ValueError, AttributeError):
        return None
    return None


def _magic_name(path: Path) -> str:
    """The file system's name from statfs(2), which works without /proc."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    buffer = (ctypes.c_long * 32)()  # struct statfs begins with f_type and is 120 bytes on every 64-bit Linux
    if not hasattr(libc, "statfs") or libc.statfs(os.fsencode(path), ctypes.byref(buffer)) != 0:
        return "unknown"
    return MAGIC_NAMES.get(buffer[0] & 0xFFFFFFFF, "unknown")


def kernel_release() -> tuple[int, int]:
    """Major and minor number of the running kernel; (0, 0) where it cannot be told."""
    parts = platform.release().split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (IndexError, ValueError):
        return 0, 0


def has_fast_commit(device: str) -> bool | None:
    """Whether an ext4 device (or image) has the fast_commit feature; None where it may not be read.

    Source: kernel documentation, filesystems/ext4: the superblock stands at byte 1024, its magic at 56, compatible features at 92;
    fast_commit is bit 0x400.
    """
    try:
        with open(device, "rb") as file:
            file.seek(1024)
            block = file.read(1024)
    except OSError:
        return None
    if len(block) < 96 or block[56:58] != b"\x53\xef":
        return None
    return bool(int.from_bytes(block[92:96], "little") & 0x400)


def judge_mount(mount: Mount, *, kernel: tuple[int, int]) -> Filesystem:
    """Whether a journal may live on `mount` under this kernel."""
    name = mount.name
    kind = name.partition(".")[0]  # fuse.sshfs and its kin are all fuse
    if kind in UNSAFE:
        return Filesystem(name, False, UNSAFE[kind])
    if kind not in SAFE:
        return Filesystem(name, False, "not among the file systems whose fdatasync was examined")
    if mount.options & NO_BARRIER:
        return Filesystem(name, False, "mounted without barriers: fdatasync does not wait for the device")
    if kind == "ext4" and (5, 10) <= kernel < FAST_COMMIT_FIXED and has_fast_commit(mount.device):
        return Filesystem(name, False, "ext4 fast_commit loses synced data on kernels before 5.17")
    return Filesystem(name, True, SAFE[kind])


def probe_filesystem(path: Path) -> Filesystem:
    """The file system under `path` (which need not exist yet), and whether a journal may rely on it."""
    place = _existing(path)
    mount = _mount_of(place)
    if mount is None:
        mount = Mount(0, str(place), _magic_name(place), "", frozenset())
    return judge_mount(mount, kernel=kernel_release())


def require_safe(path: Path) -> None:
    """Refuse a place whose sync cannot be trusted.

    Raises:
        FilesystemError: With the reason, and the way round it.
    """
    found = probe_filesystem(path)
    if not found.safe:
        raise FilesystemError(
            f"{path} is on {found.name}, where a journal is not safe: {found.reason}",
            code="unsafe_filesystem",
            hint="move it to ext4, xfs, btrfs or zfs, or accept the risk with --unsafe-fs",
        )


def level_of(free_bytes: int, total_bytes: int) -> Level:
    """The watermark that `free_bytes` of `total_bytes` stands below."""
    share = free_bytes / total_bytes if total_bytes else 0.0
    if share < FREEZE_SHARE:
        return Level.FREEZE
    if share < REDUCE_SHARE:
        return Level.REDUCE
    if share < ALARM_SHARE or free_bytes < ALARM_BYTES:
        return Level.ALARM
    return Level.OK


def measure_space(path: Path) -> Space:
    """Room under `path`, which need not exist yet. Blocks kept for root do not count.

    Raises:
        OSError: The file system does not answer.
    """
    stat = os.statvfs(_existing(path))
    free, total = stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize
    return Space(free, total, level_of(free, total))


def watermarks(path: Path) -> Level:
    """What the free space under `path` asks for: below 20 % or 5 GiB an alarm, below 10 % reduce, below 5 % freeze."""
    return measure_space(path).level


def find_preloads(maps: str) -> list[str]:
    """Libraries in a /proc/…/maps text that make a sync return without waiting."""
    return [name for name in ("libeatmydata", "fiu_posix_preload", "fiu_run_preload") if name in maps]


def probe_sync(path: Path, *, rounds: int = 64) -> SyncProbe:
    """Time `rounds` appends of 4 KiB with fdatasync in the folder `path`; the file is removed.

    Raises:
        OSError: The folder cannot be written.
    """
    assert rounds >= 1
    file = Path(path) / f".sync-probe-{os.getpid()}"
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    took_ns: list[int] = []
    try:
        for _ in range(rounds):
            os.write(fd, bytes(4096))
            start_ns = time.perf_counter_ns()
            os.fdatasync(fd)
            took_ns.append(time.perf_counter_ns() - start_ns)
    finally:
        os.close(fd)
        file.unlink(missing_ok=True)
    return _judge_sync(took_ns, _own_maps())


def _own_maps() -> str:
    try:
        return Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _judge_sync(took_ns: list[int], maps: str) -> SyncProbe:
    p50_ns = int(statistics.median(took_ns))
    p99_ns = sorted(took_ns)[len(took_ns) * 99 // 100]
    preloads = find_preloads(maps)
    if preloads:
        return SyncProbe(p50_ns, p99_ns, False, f"{preloads[0]} is preloaded: syncs do not reach the kernel")
    if p50_ns < SYNC_HONEST_NS_MIN:
        reason = f"an fdatasync returns after {p50_ns / 1000:.1f} µs: memory, or a disk that answers too early"
        return SyncProbe(p50_ns, p99_ns, False, reason)
    return SyncProbe(p50_ns, p99_ns, True, f"an fdatasync takes {p50_ns / 1000:.0f} µs")
