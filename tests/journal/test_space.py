"""What the journal stands on: judged from what the kernel says, tried on real mounts where this machine has them."""

import os
from pathlib import Path

import pytest

from journal import FilesystemError
from journal.space import (
    GIB,
    SAFE,
    UNSAFE,
    Level,
    Mount,
    _judge_sync,
    _magic_name,
    find_preloads,
    has_fast_commit,
    judge_mount,
    level_of,
    measure_space,
    parse_mount,
    probe_filesystem,
    probe_sync,
    require_safe,
    watermarks,
)
from tests.world.machine import make_image, mounted, run

KERNEL = (6, 1)


def mount(name: str, options: str = "rw", device: str = "/dev/vda") -> Mount:
    return Mount(1, "/", name, device, frozenset(options.split(",")))


@pytest.mark.parametrize("name", sorted(SAFE))
def test_safe_ones(name: str) -> None:
    assert judge_mount(mount(name), kernel=KERNEL).safe


@pytest.mark.parametrize("name", [*sorted(UNSAFE), "fuse.sshfs", "fuse.gocryptfs", "squashfs", "unheard-of", ""])
def test_unsafe_ones_come_with_a_reason(name: str) -> None:
    found = judge_mount(mount(name), kernel=KERNEL)
    assert not found.safe
    assert len(found.reason) > 20
    assert found.name == name


@pytest.mark.parametrize("option", ["nobarrier", "barrier=0"])
def test_without_barriers_nothing_is_safe(option: str) -> None:
    assert not judge_mount(mount("ext4", f"rw,{option}"), kernel=KERNEL).safe


def test_lines_of_mountinfo() -> None:
    line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue,barrier=0\n"
    found = parse_mount(line)
    assert found == Mount(
        36, "/mnt 2", "ext3", "/dev/root", frozenset({"rw", "noatime", "errors=continue", "barrier=0"})
    )
    assert parse_mount("1 0 0:1 / / rw - fuse.x y rw").name == "fuse.x"


def test_fast_commit_is_read_from_the_superblock(tmp_path: Path) -> None:
    plain = make_image(tmp_path / "plain", 16, "mkfs.ext4", "-q", "-F")
    fast = make_image(tmp_path / "fast", 16, "mkfs.ext4", "-q", "-F", "-O", "fast_commit")
    assert (has_fast_commit(str(plain)), has_fast_commit(str(fast))) == (False, True)
    assert has_fast_commit(str(tmp_path / "absent")) is None
    (tmp_path / "junk").write_bytes(bytes(4096))
    assert has_fast_commit(str(tmp_path / "junk")) is None
    verdicts = {
        kernel: judge_mount(mount("ext4", device=str(fast)), kernel=kernel).safe
        for kernel in ((5, 4), (5, 10), (5, 16), (5, 17), (6, 1))
    }
    assert verdicts == {(5, 4): True, (5, 10): False, (5, 16): False, (5, 17): True, (6, 1): True}
    assert judge_mount(mount("ext4", device=str(plain)), kernel=(5, 10)).safe


def test_a_real_tmpfs(tmp_path: Path) -> None:
    with mounted(tmp_path / "memory", "-t", "tmpfs", "-o", "size=8m", "none") as place:
        (place / "deep").mkdir()
        found = probe_filesystem(place / "deep" / "not yet" / "there")
        assert (found.name, found.safe) == ("tmpfs", False)
        assert _magic_name(place) == "tmpfs"
        with pytest.raises(FilesystemError, match="lives in memory") as refused:
            require_safe(place)
        assert refused.value.code == "unsafe_filesystem"
        probe = probe_sync(place)
        assert not probe.honest, probe
        assert measure_space(place).level == Level.ALARM, "8 MiB are below 5 GiB"
        (place / "filler").write_bytes(bytes(int(7.8 * (1 << 20))))
        assert watermarks(place) == Level.FREEZE
    assert probe_filesystem(tmp_path / "memory").name != "tmpfs"


def test_a_real_ext4_and_an_overlay(tmp_path: Path) -> None:
    image = make_image(tmp_path / "image", 32, "mkfs.ext4", "-q", "-F")
    with mounted(tmp_path / "disk", "-o", "loop", str(image)) as place:
        assert probe_filesystem(place).name == "ext4"
        require_safe(place)
        for name in ("lower", "upper", "work"):
            (place / name).mkdir()
        options = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
        with mounted(tmp_path / "layer", "-t", "overlay", "-o", options, "overlay") as layer:
            assert (probe_filesystem(layer).name, probe_filesystem(layer).safe) == ("overlay", False)
        if run("mount", "-o", "remount,barrier=0", str(place)).returncode == 0:
            assert not probe_filesystem(place).safe


def test_a_bind_mount_is_told_from_what_it_hides(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    below = probe_filesystem(tmp_path).name
    with (
        mounted(tmp_path / "memory", "-t", "tmpfs", "-o", "size=1m", "none"),
        mounted(tmp_path / "memory", "--bind", str(tmp_path / "plain")),
    ):
        assert probe_filesystem(tmp_path / "memory").name == below


@pytest.mark.parametrize(
    ("free", "total", "level"),
    [
        (100 * GIB, 100 * GIB, Level.OK),
        (20 * GIB, 100 * GIB, Level.OK),
        (20 * GIB - 1, 100 * GIB, Level.ALARM),
        (5 * GIB, 10 * GIB, Level.OK),
        (5 * GIB - 1, 10 * GIB, Level.ALARM),
        (10 * GIB, 100 * GIB, Level.ALARM),
        (10 * GIB - 1, 100 * GIB, Level.REDUCE),
        (5 * GIB, 100 * GIB, Level.REDUCE),
        (5 * GIB - 1, 100 * GIB, Level.FREEZE),
        (0, 0, Level.FREEZE),
    ],
)
def test_watermarks(free: int, total: int, level: Level) -> None:
    assert level_of(free, total) == level


def test_sync_is_judged() -> None:
    assert _judge_sync([150_000] * 10, "").honest
    assert not _judge_sync([1_400] * 9 + [900_000], "").honest
    preloaded = _judge_sync([150_000] * 10, "7f00-7f01 r-xp /usr/lib/libeatmydata.so.1.3.0")
    assert not preloaded.honest
    assert "libeatmydata" in preloaded.reason
    assert find_preloads("/usr/lib/libc.so.6") == []


def test_the_probe_leaves_nothing(tmp_path: Path) -> None:
    probe = probe_sync(tmp_path, rounds=4)
    assert 0 < probe.p50_ns <= probe.p99_ns
    assert os.listdir(tmp_path) == []
