"""Running a writer under strace: calls that fail, die or take long, exactly where we say."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import sys, journal
from tests.journal.samples import make_frames, make_rows
acknowledged = 0
try:
    with journal.Writer.open(sys.argv[1], group=2, map_size_bytes=64 << 20) as writer:
        for i in range(5):
            writer.append(make_rows(20 + 300 * i, t0=1000 * i), frames=make_frames([b"f%d" % i] * 9), bodies=[(0, b"b")])
            writer.append(make_rows(3))
            writer.flush()
            acknowledged = writer.durable_seq
            print("durable", acknowledged, flush=True)
except journal.JournalError as error:
    print("error", type(error).__name__, error.code, flush=True)
    try:
        writer.append(make_rows(1))
        print("ACCEPTED AFTER A FAILURE", flush=True)
    except (journal.JournalError, NameError):
        pass
print("end", flush=True)
"""
"""Five durable steps of two batches; says what was acknowledged and how it ended."""


@functools.cache
def strace_refusal() -> str:
    """Why strace cannot inject here; empty if it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = ["strace", "-f", "-o", "/dev/null", "-e", "trace=getpid", "-e", "inject=getpid:error=EIO:when=1", "true"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"strace may not trace here: {done.stderr.strip()[-100:]}"


def need_strace() -> None:
    """Skip with the reason where strace is of no use."""
    if strace_refusal():
        pytest.skip(strace_refusal())


def traced(call: str, inject: str, *arguments: object) -> list[str]:
    """The command that runs SCRIPT (or other code) with something injected into one system call."""
    fault = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{inject}"]
    return [*fault, sys.executable, "-c", *map(str, arguments)]


def run_traced(call: str, inject: str, path: Path) -> list[str]:
    """What SCRIPT said, line by line, with something injected into one system call."""
    done = subprocess.run(
        traced(call, inject, SCRIPT, path), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout.splitlines()


def acknowledged(said: list[str]) -> int:
    """Last sequence number a run of SCRIPT reported durable."""
    return max([int(line.split()[1]) for line in said if line.startswith("durable")], default=0)


def count_calls(call: str, path: Path) -> int:
    """How often SCRIPT makes a system call when nothing is injected."""
    log = path.with_name(path.name + ".log")
    command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={call}", sys.executable, "-c", SCRIPT, str(path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=True)
    return sum(f" {call}(" in line for line in log.read_text().splitlines())
