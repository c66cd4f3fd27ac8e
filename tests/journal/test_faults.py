"""Disks that fail, processes that die, syncs that take long: what was acknowledged is there, what is seen is durable."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from journal import Reader, Writer, check
from journal.check import check_structure
from tests.journal.faults import ROOT, acknowledged, count_calls, need_strace, run_traced, traced
from tests.journal.samples import make_journal, make_rows

ALL = 3115  # rows of a run that is not disturbed: 5 x 3 + 20 + 320 + 620 + 920 + 1220, see SCRIPT


def require_sound(path: Path, at_least: int) -> int:
    """The journal verifies, holds what was acknowledged, and can be continued. Returns its head."""
    report = check(path)
    assert report.ok, report
    assert report.head_seq >= at_least
    assert check_structure(path) == ""
    with Writer.open(path, map_size_bytes=64 << 20) as writer:
        assert writer.append(make_rows(1)) == report.head_seq + 1
    return report.head_seq


# visible means durable


SLOW = """
import sys, journal
from tests.journal.samples import make_rows
with journal.Writer.open(sys.argv[1], map_size_bytes=64 << 20) as writer:
    writer.append(make_rows(5)); writer.flush()
    print("up", flush=True); sys.stdin.readline()
    writer.append(make_rows(7)); print("appended", flush=True)
    writer.flush(); print("durable", flush=True); sys.stdin.readline()
"""

CARELESS = """
import lmdb, sys
sys.path.insert(0, ".")
from tests.journal.samples import make_rows
import journal
journal.Writer.open(sys.argv[1], map_size_bytes=64 << 20).close()
env = lmdb.open(sys.argv[1], map_size=64 << 20, max_dbs=8, sync=False, lib_version=0)
rows, meta = env.open_db(b"rows"), env.open_db(b"meta")
print("up", flush=True); sys.stdin.readline()
batch = journal.encode_batch(make_rows(12), first=1, link=journal.ZERO, epoch=1, t_prev=0)
with env.begin(write=True) as txn:
    txn.put(batch.key, batch.value, db=rows); txn.put(b"head", batch.key + batch.digest, db=meta)
print("appended", flush=True)
env.sync(True); print("durable", flush=True); sys.stdin.readline()
"""


def seconds_until_seen_and_durable(path: Path, call: str, code: str, delay_s: float) -> tuple[float, float]:
    """Seconds from handing a batch over until a reader sees it, and until the writer reports it durable."""
    command = traced(call, f"delay_exit={int(delay_s * 1e6)}", code, path)
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        with Reader.open(path) as reader:
            child.stdin.write("go\n")
            assert child.stdout.readline() == "appended\n"
            began = time.monotonic()
            os.set_blocking(child.stdout.fileno(), False)
            seen = durable = 0.0
            while not (seen and durable):
                with reader.view() as view:
                    if not seen and view.head()[0] == 12:
                        seen = time.monotonic() - began
                if not durable and child.stdout.readline():
                    durable = time.monotonic() - began
                time.sleep(0.002)
                assert time.monotonic() - began < 60
        child.stdin.write("end\n")
    return seen, durable


@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_visible_means_durable(journal_dir: Path, call: str) -> None:
    """Delayed: the sync of the pages, or the O_DSYNC write of the meta page."""
    need_strace()
    seen, durable = seconds_until_seen_and_durable(journal_dir, call, SLOW, 0.3)
    assert seen > 0.25, "a reader saw a batch while its sync was still running"
    assert durable > 0.25


def test_without_sync_it_would_not(tmp_path: Path) -> None:
    """The control: the same look at an environment with sync off sees what is not durable."""
    need_strace()
    seen, durable = seconds_until_seen_and_durable(tmp_path / "j", "fdatasync", CARELESS, 0.5)
    assert seen < 0.25 < durable


# calls that fail


def try_failures(path: Path, call: str, error: str, turns: range) -> int:
    """Let the n-th call fail for each n; returns how many runs met the failure."""
    met = 0
    for n in turns:
        said = run_traced(call, f"error={error}:when={n}", path / f"{call}{error}{n}")
        assert said, "the script was not even started"
        assert said[-1] == "end", said
        assert "ACCEPTED AFTER A FAILURE" not in said
        failed = [line for line in said if line.startswith("error")]
        met += bool(failed)
        if not failed:
            assert acknowledged(said) == ALL
        for line in failed:
            assert line.split()[1] in ("FrozenError", "FilesystemError"), line
        require_sound(path / f"{call}{error}{n}", acknowledged(said))
    return met


@pytest.mark.parametrize(("call", "error", "turns"), [("fdatasync", "EIO", (2, 9)), ("pwrite64", "ENOSPC", (9, 16))])
def test_a_failing_call_freezes(tmp_path: Path, call: str, error: str, turns: tuple[int, ...]) -> None:
    need_strace()
    for n in turns:
        assert try_failures(tmp_path, call, error, range(n, n + 1)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fdatasync", "pwrite64", "writev", "fsync", "rename", "ftruncate", "mkdir"])
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_every_failing_call_freezes(tmp_path: Path, call: str, error: str) -> None:
    need_strace()
    calls = count_calls(call, tmp_path / "counted")
    print(call, error, "calls", calls, "met", try_failures(tmp_path, call, error, range(1, calls + 1)))


# processes that die


def try_kills(path: Path, call: str, turns: range) -> int:
    """Kill at the n-th call for each n; returns how many runs were cut short."""
    cut = 0
    for n in turns:
        said = run_traced(call, f"signal=KILL:when={n}", path / f"{call}{n}")
        cut += "end" not in said
        require_sound(path / f"{call}{n}", acknowledged(said))
    return cut


@pytest.mark.parametrize(("call", "turns"), [("fdatasync", (1, 7)), ("rename", (1,)), ("pwrite64", (2, 12))])
def test_a_kill_at_a_call_loses_nothing(tmp_path: Path, call: str, turns: tuple[int, ...]) -> None:
    need_strace()
    for n in turns:
        assert try_kills(tmp_path, call, range(n, n + 1)) == 1


CALLS = [
    "openat",
    "mkdir",
    "fsync",
    "fdatasync",
    "pwrite64",
    "writev",
    "rename",
    "unlink",
    "unlinkat",
    "rmdir",
    "ftruncate",
    "flock",
]
NEWEST = 70
"""Calls looked at from the end: those before belong to the start of Python and its imports."""


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_a_kill_at_every_call_loses_nothing(tmp_path: Path, call: str) -> None:
    need_strace()
    calls = count_calls(call, tmp_path / "counted")
    print(call, "calls", calls, "cut", try_kills(tmp_path, call, range(max(1, calls - NEWEST), calls + 1)))


KILLED = """
import os, random, signal, sys, time, traceback
import numpy as np
import journal
from journal.check import check_structure
from tests.journal.samples import make_frames, make_rows

path, cycles, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
least = behind = 0
for cycle in range(cycles):
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with journal.Writer.open(path, bulk=bool(cycle % 2), map_size_bytes=256 << 20) as writer:
                while writer.head_seq < least + 50_000:
                    n = chance.choice((1, 3, 40, 700))
                    writer.append(make_rows(n), frames=make_frames([b"frame"] * min(n, 50)), bodies=[(0, b"body")])
                    os.write(into, b"%d\\n" % writer.durable_seq)
                time.sleep(60)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(9)
    os.close(into)
    time.sleep(chance.random() * chance.choice((0.02, 0.1, 0.25)))
    os.kill(child, signal.SIGKILL)
    said = b""
    while chunk := os.read(out, 65536):
        said += chunk
    os.close(out)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "the writer ended by itself"
    lines = [int(line) for line in said.split(b"\\n")[:-1]]
    report = journal.check(path)
    assert report.ok, (cycle, report)
    assert report.head_seq >= max(lines, default=least), (cycle, lines[-1], report)
    behind += bool(lines) and report.head_seq > lines[-1]
    least = report.head_seq
    assert check_structure(path) == "", cycle
assert least > 1000, "nothing was written between the kills"
print("cycles", cycles, "rows", least, "more on disk than acknowledged", behind)
"""


def try_random_kills(path: Path, cycles: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(cycles), str(random.Random(7).randrange(10**6))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    print(done.stdout.strip())


def test_kill_9_at_random_moments(journal_dir: Path) -> None:
    try_random_kills(journal_dir, 60)


@pytest.mark.slow
def test_kill_9_many_times(tmp_path: Path) -> None:
    for part in range(6):
        try_random_kills(tmp_path / f"j{part}", 100)


def test_a_process_that_may_not_write_so_much_freezes(tmp_path: Path) -> None:
    """A file size limit shows as an I/O error in LMDB; the sentence names the limit."""
    code = """
import resource, signal, sys, journal
from tests.journal.samples import make_rows
resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
try:
    with journal.Writer.open(sys.argv[1], map_size_bytes=64 << 20) as writer:
        while True: writer.append(make_rows(5000))
except journal.FrozenError as error: print(error.code, writer.durable_seq)
"""
    path = make_journal(tmp_path / "j", (2, 3))
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    code_said, durable = done.stdout.split()
    assert code_said == "file_size_limit", done.stderr
    require_sound(path, int(durable))
