"""A process that has everything imported, forks children on request and kills them on request.

A fresh interpreter takes longer to start than most of what is to be interrupted. The nursery itself never opens a journal, so its
children begin with clean hands. One JSON object a line on stdin and on stdout.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).resolve().parents[2]

ENDLESS_S = 600.0
Say = Callable[[dict[str, Any]], None]


class Death(NamedTuple):
    """How a child ended: what it had said, the counted system calls, whether it was killed, its exit code."""

    said: list[dict[str, Any]]
    calls: list[str]
    killed: bool
    code: int


class Nursery:
    """The parent's side. `job` is `module:function`, called in the child with a function that reports, and `arguments`.

    Preloaded are modules, or functions of modules (`module:function`), which are called once.
    """

    def __init__(self, *preload: str, variables: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.world.crash_nursery", *preload]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **(variables or {})}
        )

    def kill_later(self, job: str, arguments: dict[str, Any], *, after_s: float, by: int = signal.SIGKILL) -> Death:
        """Run a job and send it a signal after some seconds, if it still runs."""
        return self._ask({"job": job, "arguments": arguments, "after_s": after_s, "by": int(by)})

    def run(self, job: str, arguments: dict[str, Any]) -> Death:
        """Run a job to its end."""
        return self._ask({"job": job, "arguments": arguments, "after_s": ENDLESS_S, "by": int(signal.SIGKILL)})

    def kill_at(self, job: str, arguments: dict[str, Any], *, nth: int, counted: Collection[str] | None) -> Death:
        """Run a job and kill it as it enters its n-th counted system call; 0 lets it run to its end."""
        return self._ask(
            {"job": job, "arguments": arguments, "nth": nth, "counted": None if counted is None else sorted(counted)}
        )

    def _ask(self, wish: dict[str, Any]) -> Death:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the nursery died"
        return Death(**json.loads(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def main() -> None:
    """Serve wishes until stdin ends."""
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever is printed here is talk
    for word in sys.argv[1:]:
        name, _, prepare = word.partition(":")
        module = importlib.import_module(name)
        if prepare:
            getattr(module, prepare)()
    for line in sys.stdin.buffer:
        wish = json.loads(line)
        os.write(answers, json.dumps(_fulfil(wish)._asdict()).encode() + b"\n")


def _fulfil(wish: dict[str, Any]) -> Death:
    said_in, said_out = os.pipe()
    go_in, go_out = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(said_in)
        os.read(go_in, 1)
        _run(wish["job"], wish["arguments"], said_out)
    os.close(said_out)
    os.close(go_in)
    try:
        if "nth" in wish:
            from tests.world.crash_tracer import trace

            calls, killed, code = trace(pid, go_out, nth=wish["nth"], counted=wish["counted"], but_fd=said_out)
            said = _drain(said_in, None)
        else:
            os.write(go_out, b"!")
            calls, (said, killed, code) = [], _kill_later(pid, said_in, wish["after_s"], wish["by"])
    finally:
        os.close(said_in)
        os.close(go_out)
    return Death([json.loads(each) for each in said.split(b"\n")[:-1]], calls, killed, code)


def _run(job: str, arguments: dict[str, Any], said_out: int) -> None:
    """In the child: do the job and end, whatever happens."""
    code = 70
    try:
        module, name = job.split(":")
        work = getattr(importlib.import_module(module), name)
        work(lambda what: os.write(said_out, json.dumps(what).encode() + b"\n"), **arguments)
        code = 0
    except SystemExit as left:
        code = int(left.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _drain(fd: int, deadline: float | None) -> bytes:
    """What comes through a pipe until it ends or time is up."""
    said = b""
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([fd], [], [], left)[0]:
            return said
        more = os.read(fd, 1 << 16)
        if not more:
            return said
        said += more


def _kill_later(pid: int, said_in: int, after_s: float, by: int) -> tuple[bytes, bool, int]:
    said = _drain(said_in, time.monotonic() + after_s)
    os.kill(pid, by)  # its number is ours until we wait for it
    said += _drain(said_in, None)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return said, code == -by, code


if __name__ == "__main__":
    main()
