"""Killed at any moment, a journal opens again without repair, holds all that was acknowledged and nothing that was not tried."""

import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from journal import Writer, retention, snapshots
from journal.restore import restore
from tests.world.crash_jobs import (
    EXPIRED,
    HELD,
    MAP_BYTES,
    judge,
    keep_snapshot,
    last_said,
    left_over,
    newest_snapshot,
    tell,
)
from tests.world.crash_nursery import ROOT, Death, Nursery
from tests.world.crash_tracer import WRITING

JOBS = "tests.world.crash_jobs"
RECOVERY_S_MAX = 1.0
CYCLES_A_JOURNAL = 60


def kill_and_judge(nursery: Nursery, path: Path, seed: int, judged: int) -> tuple[int, int, float]:
    """One life of a writer: rows recovered, whether some were durable beyond the last word, seconds to open again."""
    chance = random.Random(seed)
    death = nursery.kill_later(
        f"{JOBS}:append_for_ever", {"path": str(path), "seed": seed}, after_s=chance.expovariate(20)
    )
    assert death.killed, death
    begun = time.perf_counter()
    if chance.random() < 0.5:
        Writer.open(path, map_size_bytes=MAP_BYTES).close()
    recovery_s = time.perf_counter() - begun
    durable, tried = last_said(death.said, "durable"), last_said(death.said, "tried")
    found = judge(path, first=judged + 1).records
    assert max(durable, judged) <= found <= max(tried, judged), (seed, judged, durable, found, tried)
    return found, int(bool(durable) and found > durable), recovery_s


def kill_at_random(tmp_path: Path, cycles: int) -> None:
    beyond, slowest_s, longest = 0, 0.0, 0
    with Nursery(JOBS) as nursery:
        for begin in range(0, cycles, CYCLES_A_JOURNAL):
            path, judged = tmp_path / f"journal{begin}", 0
            for seed in range(begin, min(begin + CYCLES_A_JOURNAL, cycles)):
                judged, more, recovery_s = kill_and_judge(nursery, path, seed, judged)
                beyond, slowest_s = beyond + more, max(slowest_s, recovery_s)
            longest = max(longest, judged)
            shutil.rmtree(path)
    print(
        f"\n{cycles} kills: 0 lost, {beyond} durable beyond the last word, {longest} rows, opened in {slowest_s:.3f} s"
    )
    assert longest > 1_000, "the writers were killed before they could write anything worth losing"
    assert slowest_s <= RECOVERY_S_MAX


def test_kill_at_random_moments(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 80)


@pytest.mark.slow
def test_kill_at_random_moments_for_long(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 2_000)


def run_until(nursery: Nursery, home: Path, nth: int, counted: frozenset[str] | None) -> Death:
    """The scripted run in a new folder, killed at its n-th counted call."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    return nursery.kill_at(f"{JOBS}:scripted_run", {"home": str(home)}, nth=nth, counted=counted)


def judge_scripted(home: Path, death: Death) -> None:
    """What must be true wherever the run was killed, without mending anything."""
    done = {name for each in death.said for name in each}
    path = home / "journal"
    durable, tried = last_said(death.said, "durable"), last_said(death.said, "tried")
    found = judge(path)
    assert durable <= found.records <= tried, (durable, found, tried)
    newest = newest_snapshot(path)
    assert last_said(death.said, "snapshot") <= newest <= HELD
    if "expired" in done:
        with_frames = retention.expire_frames(path, EXPIRED, map_size_bytes=MAP_BYTES)
        assert with_frames["expired"] == 0
    for name in ("backup", "restored"):
        copy = home / name
        records = judge(copy, whole=name == "backup").records
        assert records in ({0, HELD} if not copy.exists() or name == "restored" else {HELD}), (name, records)
        said = "backed_up" if name == "backup" else "restored"
        assert records == HELD or said not in done
    for name in ("a.vza", "b.vza"):
        assert (home / name).exists() or "archived" not in done


def finish_scripted(home: Path) -> None:
    """Whatever was interrupted can be done again, and what a kill left behind goes with it."""
    path = home / "journal"
    with Writer.open(path, map_size_bytes=MAP_BYTES) as writer:
        last = tell(writer, 11)
    retention.compact(path)
    keep_snapshot(path, last)
    snapshots.keep(path, 1)
    assert newest_snapshot(path) == judge(path).records == last
    assert not left_over(path)
    if (home / "a.vza").exists() and (home / "b.vza").exists() and not (home / "restored" / "data.mdb").exists():
        restore([home / "a.vza", home / "b.vza"], home / "restored", map_size_bytes=MAP_BYTES)
        assert judge(home / "restored", whole=False).records == HELD
        assert not left_over(home / "restored")
    if not (home / "backup").exists():
        retention.backup(path, home / "backup")
        assert judge(home / "backup").records == last
    assert not [each.name for each in home.iterdir() if each.is_dir() and each.name.startswith(".")]


def kill_at_calls(home: Path, counted: frozenset[str] | None, stride: int, offset: int = 0) -> None:
    with Nursery(JOBS) as nursery:
        whole = run_until(nursery, home, 0, counted)
        assert whole.code == 0, whole
        judge_scripted(home, whole)
        names: dict[str, int] = {}
        nth = 1 + offset
        while True:
            death = run_until(nursery, home, nth, counted)
            if not death.killed:
                break
            try:
                judge_scripted(home, death)
                finish_scripted(home)
            except BaseException as error:
                error.add_note(
                    f"killed at call {nth}, {death.calls[-1]}, after {death.calls[-6:-1]}; said {death.said[-3:]}"
                )
                raise
            names[death.calls[-1]] = names.get(death.calls[-1], 0) + 1
            nth += stride
    killed = sum(names.values())
    print(f"\nkilled at {killed} of {len(whole.calls)} calls, 0 violations: {names}")
    assert killed >= 0.9 * len(whole.calls) / stride  # waits of threads for each other come and go
    assert {"pwrite64", "fdatasync"} <= set(names)


def test_kill_at_writing_calls(tmp_path: Path) -> None:
    kill_at_calls(tmp_path / "home", WRITING - {"openat", "open", "flock"}, 2)


@pytest.mark.slow
def test_kill_at_every_writing_call(tmp_path: Path) -> None:
    kill_at_calls(tmp_path / "home", WRITING, 1)


@pytest.mark.slow
def test_kill_at_every_call(tmp_path: Path) -> None:
    kill_at_calls(tmp_path / "home", None, 1)


def first_violation(nursery: Nursery, home: Path, job: str) -> str:
    """Kill a job at one writing call after the other until something is wrong with what it leaves; what it is."""
    for nth in range(1, 1_000):
        path = home / str(nth)
        death = nursery.kill_at(f"{JOBS}:{job}", {"path": str(path)}, nth=nth, counted=WRITING)
        if not death.killed:
            break
        try:
            found = judge(path).records
        except AssertionError as error:
            return f"wrong: {error}"
        if found < last_said(death.said, "durable"):
            return "lost"
    return ""


def test_the_harness_sees_what_is_wrong(tmp_path: Path) -> None:
    with Nursery(JOBS) as nursery:
        assert first_violation(nursery, tmp_path / "sound", "append_first") == ""
        assert first_violation(nursery, tmp_path / "boast", "boast") == "lost"
        assert "the key says" in first_violation(nursery, tmp_path / "split", "split")


def test_the_tracer_sees_what_strace_sees(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace on this machine to compare with")
    with Nursery(JOBS) as nursery:
        ours = nursery.kill_at(f"{JOBS}:append_first", {"path": str(tmp_path / "a")}, nth=0, counted=WRITING).calls
    run = f"""
import os
from tests.world.crash_jobs import append_first
os.unlink({str(tmp_path / "begin")!r})
append_first(lambda what: None, {str(tmp_path / "b")!r})
os.unlink({str(tmp_path / "end")!r})
"""
    for name in ("begin", "end"):
        (tmp_path / name).touch()
    log = tmp_path / "log"
    wanted = ",".join(sorted(WRITING))
    subprocess.run(
        [strace, "-f", "-qq", "-o", log, "-e", f"trace={wanted}", sys.executable, "-c", run], cwd=ROOT, check=True
    )
    calls = [line.split(None, 1)[1] for line in log.read_text().splitlines() if "resumed>" not in line]
    begin, end = (next(i for i, call in enumerate(calls) if f"/{name}" in call) for name in ("begin", "end"))
    theirs = [call.split("(", 1)[0] for call in calls[begin + 1 : end]]
    assert Counter(ours) == Counter(theirs)
