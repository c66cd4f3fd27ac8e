"""Snapshots are caches: the newest sound one of this very journal and layout, or none; never an error."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal import Reader
from journal.files import TargetBusyError, part_of, whole_file
from journal.snapshots import FOLDER, find_snapshots, keep, newest, save
from tests.world.histories import make_history, write_history
from tests.world.machine import require_strace

PRINT = b"layout one"
PAYLOAD = bytes(range(256)) * 40


def link_of(seq: int) -> bytes | None:
    """A journal of 1 000 rows in batches of ten."""
    return bytes([1 + (seq - 1) // 10 % 255]) * 32 if 1 <= seq <= 1000 else None


def save_some(path: Path, *seqs: int) -> None:
    path.mkdir(exist_ok=True)
    for seq in seqs:
        link = link_of(seq)
        assert link is not None
        save(path, seq=seq, link=link, fingerprint=PRINT, payload=PAYLOAD + b"%d" % seq)


def newest_seq(path: Path, at_most: int = 1000, *, fingerprint: bytes = PRINT) -> int | None:
    found = newest(path, at_most=at_most, fingerprint=fingerprint, link_of=link_of)
    assert found is None or found.payload == PAYLOAD + b"%d" % found.seq
    return None if found is None else found.seq


def test_the_newest_at_or_below(tmp_path: Path) -> None:
    assert newest_seq(tmp_path / "absent") is None
    save_some(tmp_path, 10, 500, 70)
    assert [newest_seq(tmp_path, at) for at in (9, 10, 69, 70, 499, 500, 10**9)] == [None, 10, 10, 70, 70, 500, 500]
    assert [entry.seq for entry in find_snapshots(tmp_path)] == [500, 70, 10]
    save_some(tmp_path, 500)
    assert newest_seq(tmp_path) == 500, "saving again replaces"


def test_other_layouts_and_other_journals_are_passed_over(tmp_path: Path) -> None:
    save_some(tmp_path, 10, 20)
    assert newest_seq(tmp_path, fingerprint=b"layout two") is None
    assert newest_seq(tmp_path, fingerprint=PRINT + b"\0") is None, "padding is not part of a fingerprint"
    save(tmp_path, seq=30, link=bytes(32), fingerprint=PRINT, payload=b"of a history that was rewritten")
    assert newest_seq(tmp_path) == 20
    found = newest(tmp_path, at_most=99, fingerprint=PRINT, link_of=lambda seq: None)
    assert found is None, "rows that the journal does not reach"


def test_with_a_real_journal(tmp_path: Path) -> None:
    history = make_history(200, 1)
    path = write_history(tmp_path / "journal", history, 2)
    with Reader.open(path) as reader, reader.view() as view:

        def link(seq: int) -> bytes | None:
            batch = view.batch_at(seq)
            return None if batch is None else batch.digest

        digest = link(77)
        assert digest is not None
        save(path, seq=77, link=digest, fingerprint=PRINT, payload=b"")
        found = newest(path, at_most=200, fingerprint=PRINT, link_of=link)
        assert found is not None
        assert (found.seq, found.payload) == (77, b"")


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_damage_is_passed_over(at: float, bit: int, cut: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("damage")
    save_some(path, 10, 20)
    file = find_snapshots(path)[0].file
    data = bytearray(file.read_bytes())
    place = int(at * len(data))
    if cut:
        del data[place:]
    else:
        data[place] ^= 1 << bit
    file.write_bytes(data)
    assert newest_seq(path) == 10
    shutil.rmtree(path)


@pytest.mark.parametrize("content", [b"", b"junk", bytes(200), b"VZSNAP\r\n" + b"\xff" * 300])
def test_foreign_files_are_passed_over(content: bytes, tmp_path: Path) -> None:
    save_some(tmp_path, 10)
    folder = tmp_path / FOLDER
    (folder / f"{900:020d}.snap").write_bytes(content)
    (folder / "README").write_text("not a snapshot")
    (folder / f"{901:020d}.snap").mkdir()
    (folder / "-0000000000000000001.snap").write_bytes(content)
    os.symlink("/nowhere", folder / f"{902:020d}.snap")
    assert newest_seq(tmp_path) == 10


def test_a_snapshot_under_another_name_is_passed_over(tmp_path: Path) -> None:
    save_some(tmp_path, 10, 15)
    first, second = find_snapshots(tmp_path)
    first.file.rename(second.file)
    assert newest_seq(tmp_path) is None


def test_keeps_the_newest_intact_ones(tmp_path: Path) -> None:
    save_some(tmp_path, 10, 20, 30, 40, 50)
    (tmp_path / FOLDER / f"{40:020d}.snap").write_bytes(b"broken")
    gone = keep(tmp_path, 2)
    assert [file.name[:20].lstrip("0") for file in gone] == ["20", "10"]
    assert [entry.seq for entry in find_snapshots(tmp_path)] == [50, 40, 30], "a broken one does not count as kept"
    assert keep(tmp_path, 7) == []
    assert keep(tmp_path / "absent", 1) == []


def test_leftovers_are_swept_and_live_parts_are_not(tmp_path: Path) -> None:
    save_some(tmp_path, 10)
    left = part_of(tmp_path / FOLDER / f"{20:020d}.snap")
    left.write_bytes(b"of a killed process")
    with whole_file(tmp_path / FOLDER / f"{30:020d}.snap", replace=True) as file:
        file.write(b"at work")
        keep(tmp_path, 1)
        assert not left.exists()
        assert part_of(tmp_path / FOLDER / f"{30:020d}.snap").exists()
        with pytest.raises(TargetBusyError):
            save_some(tmp_path, 30)
    assert newest_seq(tmp_path) == 10


def test_mode_is_private(tmp_path: Path) -> None:
    save_some(tmp_path, 10)
    assert find_snapshots(tmp_path)[0].file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700


def write_half(target: Path) -> None:
    with whole_file(target, replace=True) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_an_exception_leaves_the_old_file(tmp_path: Path) -> None:
    save_some(tmp_path, 10)
    target = find_snapshots(tmp_path)[0].file
    before = target.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_half(target)
    assert target.read_bytes() == before
    assert os.listdir(tmp_path / FOLDER) == [target.name]


SAVE = """
import sys
from pathlib import Path
from journal.snapshots import keep, save
path, size = Path(sys.argv[1]), int(sys.argv[2])
save(path, seq=20, link=b"\\x02" * 32, fingerprint=b"layout one", payload=bytes(range(256)) * 40 + b"20")
keep(path, 1)
"""


def strace_killed(path: Path, call: str, at: int) -> int:
    """Run SAVE with a SIGKILL instead of the n-th system call of a kind."""
    command = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={at}", sys.executable]
    return subprocess.run([*command, "-c", SAVE, str(path), "0"], capture_output=True, check=False).returncode


def syscalls_of(path: Path, trace: Path, names: str) -> list[str]:
    """The system calls of those names that SAVE makes, in order."""
    command = ["strace", "-f", "-o", str(trace), "-e", f"trace={names}", sys.executable, "-c", SAVE, str(path), "0"]
    subprocess.run(command, check=True, capture_output=True)
    return trace.read_text().splitlines()


def test_a_kill_at_any_system_call(tmp_path: Path) -> None:
    require_strace()
    path = tmp_path / "journal"
    save_some(path, 10)
    lines = syscalls_of(path, tmp_path / "trace", "openat,write,fsync,rename,unlink,flock,ftruncate,mkdir")
    begin = next(number for number, line in enumerate(lines) if FOLDER in line)
    counts: dict[str, int] = {}
    points: list[tuple[str, int]] = []
    for number, line in enumerate(lines):
        name = line.split("(")[0].split()[-1]
        counts[name] = counts.get(name, 0) + 1
        if number >= begin and "+++" not in line:
            points.append((name, counts[name]))
    assert len(points) >= 8
    for name, at in points:
        shutil.rmtree(path)
        save_some(path, 10)
        assert strace_killed(path, name, at) != 0
        assert newest_seq(path) in (10, 20), (name, at)
        save_some(path, 30)
        keep(path, 2)
        assert newest_seq(path) == 30
        assert not list((path / FOLDER).glob(".*"))
