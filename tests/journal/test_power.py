"""Power cuts: nothing promised is ever lost. Real ones on a real file system, and every state that a crash may leave.

Each law has its negative control: the same program over an LMDB that does not sync must be caught, or the harness is
blind. Needs root, loop devices and strace; where they are missing the tests say so.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.archive import archive
from journal.sealed import SealedFile
from journal.snapshots import newest
from tests.world.crash_states import Promise, Sync, Write, crash_states, record, write_state
from tests.world.histories import make_history, read_history, same, write_history
from tests.world.machine import PowerCut, require_strace
from tests.world.verifier import Verdict, Verifier

ROOT = Path(__file__).resolve().parents[2]
BATCHES = 60


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    with Verifier() as found:
        yield found


def outcome(verdict: Verdict, promised: int) -> str:
    """ "ok", or what went wrong in a few words."""
    if not verdict.ok:
        return f"broken: {verdict.reason[:60]}"
    return "ok" if verdict.records >= promised else "promised rows are lost"


# every state a crash may leave


def explore(mode: str, count: int, seed: int, folder: Path, verifier: Verifier) -> Counter[str]:
    """Outcomes of so many crash states of one recorded run."""
    events = record(folder / "recorded", mode, seed, BATCHES, folder / "trace")
    kinds = Counter(type(event) for event in events)
    assert kinds[Write] > BATCHES, "the recording saw the writes"
    assert kinds[Promise] > BATCHES / 10, "the recording saw the promises"
    assert kinds[Sync] > (BATCHES / 10 if mode == "sync" else 3), "the recording saw the syncs"
    found: Counter[str] = Counter()
    state = folder / "state"
    for promised, how, pages in crash_states(events, count, seed):
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir()
        write_state(pages, state)
        said = outcome(verifier.judge(state), promised)
        found[said if said == "ok" else f"{how}: {said}"] += 1
    return found


def test_every_crash_state_keeps_what_was_promised(tmp_path: Path, verifier: Verifier) -> None:
    require_strace()
    assert explore("sync", 300, 1, tmp_path, verifier) == {"ok": 300}


def test_without_syncs_crash_states_break(tmp_path: Path, verifier: Verifier) -> None:
    """The negative control: `sync=False` with a periodic `env.sync()`."""
    require_strace()
    found = explore("nosync", 120, 2, tmp_path, verifier)
    assert sum(found.values()) == 120
    assert found["ok"] < 120, "the explorer is blind"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_many_crash_states(seed: int, tmp_path: Path, verifier: Verifier) -> None:
    require_strace()
    assert explore("sync", 400, 100 + seed, tmp_path, verifier) == {"ok": 400}


# real power cuts


def write_and_cut(disk: PowerCut, mode: str, seed: int, wait_s: float) -> int:
    """Let the steady writer run for a while, cut the power under it; the last sequence number it promised."""
    path = disk.place / "journal"
    command = [sys.executable, "-m", "tests.world.steady_writer", str(path), mode, str(seed), "0", "1"]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    assert writer.stdout is not None
    try:
        promises = writer.stdout.read(8)
        time.sleep(wait_s)
        disk.cut()
    finally:
        time.sleep(0.02)
        writer.send_signal(signal.SIGKILL)
        promises += writer.stdout.read()
        writer.stdout.close()
        writer.wait()
    assert len(promises) >= 8, "the writer never had the journal open"
    return max(int.from_bytes(promises[at : at + 8], "big") for at in range(0, len(promises) // 8 * 8, 8))


def cycles(disk: PowerCut, mode: str, count: int, seed: int, verifier: Verifier) -> Counter[str]:
    """Outcomes of so many power cuts on one journal that is continued after each; a broken one is begun anew."""
    rng = random.Random(seed)
    found: Counter[str] = Counter()
    for cycle in range(count):
        disk.plug_in()
        try:
            promised = write_and_cut(disk, mode, seed * 1000 + cycle, rng.uniform(0.05, 0.3))
        finally:
            disk.unplug()
        disk.plug_in()
        try:
            verdict = verifier.judge(disk.place / "journal")
            found[outcome(verdict, promised)] += 1
            if not verdict.ok or os.stat(disk.place / "journal" / "data.mdb").st_size > 24 << 20:
                disk.wipe()
        finally:
            disk.unplug()
    return found


def test_power_cuts_lose_nothing_promised(tmp_path: Path, verifier: Verifier) -> None:
    assert cycles(PowerCut(tmp_path), "sync", 8, 1, verifier) == {"ok": 8}


OPERATE = """
import sys
from pathlib import Path
from journal.archive import archive
from journal.restore import restore
from journal.retention import backup, compact, expire_frames
from journal.snapshots import save
disk, last = Path(sys.argv[1]), int(sys.argv[2])
path, operation = disk / "journal", sys.argv[3]
if operation == "archive":
    archive(path, first=1, last=last, out=disk / "out.vza")
elif operation == "restore":
    restore([disk / "before.vza"], disk / "restored")
elif operation == "compact":
    expire_frames(path, last)
    compact(path)
elif operation == "backup":
    backup(path, disk / "copy")
else:
    save(path, seq=7, link=bytes(32), fingerprint=b"x", payload=bytes(100_000))
sys.stdout.write("done")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.parametrize("operation", ["archive", "restore", "compact", "backup", "snapshot"])
def test_what_an_operation_returned_is_on_the_disk(operation: str, tmp_path: Path, verifier: Verifier) -> None:
    """The power goes the moment the call has returned, on an ext4 that does nothing it was not told to."""
    disk = PowerCut(tmp_path, options="data=writeback,noauto_da_alloc")
    disk.plug_in()
    try:
        history = make_history(300, 1)
        last = len(history.rows)
        path = write_history(disk.place / "journal", history, 1)
        archive(path, first=1, last=last, out=disk.place / "before.vza")
        command = [sys.executable, "-c", OPERATE, str(disk.place), str(last), operation]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=ROOT)
        assert child.stdout is not None
        said = child.stdout.read(4)
        disk.cut()
        child.communicate()
        assert said == b"done"
    finally:
        disk.unplug()
    disk.plug_in()
    try:
        require_result(disk.place, operation, last, verifier)
        if operation != "compact":
            assert same(read_history(path), history)
    finally:
        disk.unplug()


def require_result(place: Path, operation: str, last: int, verifier: Verifier) -> None:
    """The result of an operation is there, whole."""
    if operation == "archive":
        sealed = SealedFile(place / "out.vza")
        assert sum(len(piece.rows) for piece in sealed.pieces()) == last
        sealed.close()
    elif operation == "snapshot":
        found = newest(place / "journal", at_most=9, fingerprint=b"x", link_of=lambda seq: bytes(32))
        assert found is not None
        assert len(found.payload) == 100_000
    else:
        name = {"restore": "restored", "compact": "journal", "backup": "copy"}[operation]
        if operation == "compact":
            assert len(read_history(place / name).frames) < 10
        verdict = verifier.judge(place / name)
        assert (verdict.ok, verdict.records) == (True, last), verdict


@pytest.mark.slow
@pytest.mark.parametrize("options", ["defaults", "data=writeback,commit=1"])
def test_many_power_cuts(options: str, tmp_path: Path, verifier: Verifier) -> None:
    assert cycles(PowerCut(tmp_path, options=options), "sync", 60, 2, verifier) == {"ok": 60}


@pytest.mark.slow
def test_without_syncs_power_cuts_destroy(tmp_path: Path, verifier: Verifier) -> None:
    """The negative control: seen to fail at least once."""
    found = cycles(PowerCut(tmp_path, options="data=writeback,commit=1"), "nosync", 30, 3, verifier)
    print(dict(found))
    assert found["ok"] < 30, "the power cuts are blind"
