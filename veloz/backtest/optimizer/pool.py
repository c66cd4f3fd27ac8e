"""Runs jobs in processes of this machine, started anew rather than forked. Each opens the work once, so data are opened and kernels are
loaded once a process.

A process that dies (memory, a signal) is replaced and its jobs are run again; a job that ends its process twice ends the sweep. Processes
end with whoever started them, and Ctrl-C is for that one alone.
"""

import contextlib
import multiprocessing
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from veloz.backtest.optimizer.trial import Done, Job, Opener, Outcome, SweepError, attempt

SHORT_S: Final = 0.05  # a run so short has the next one wait beside it
ENDS_MAX: Final = 2  # of a job's processes
GOODBYE_S: Final = 2.0


class Inline:
    """Runs jobs in this process, one after the other."""

    def __init__(self, opener: Opener) -> None:
        self._work = opener.open()

    def run(self, jobs: Iterable[Job]) -> Iterator[list[Done]]:
        """As in `Executor`."""
        for job in jobs:
            begun = time.perf_counter()
            outcome = attempt(self._work, job)
            yield [Done(job.number, outcome, time.perf_counter() - begun)]

    def close(self) -> None:
        """Nothing to give back."""


class _Worker:
    """One process: what it is doing, and the line to it."""

    def __init__(self, context: Any, opener: Opener) -> None:
        self.line, theirs = context.Pipe()
        self.jobs: deque[Job] = deque()
        self.ready = False
        self.process = context.Process(target=serve, args=(opener, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        """One more job. A process that has just died takes none; that is noticed when it is listened to."""
        self.jobs.append(job)
        with contextlib.suppress(OSError):
            self.line.send(job)

    def end(self) -> None:
        """Make it go, at once."""
        self.process.terminate()
        self.process.join(GOODBYE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.line.close()
        self.process.close()


class Pool:
    """Processes of this machine.

    Args:
        opener: How each opens the work.
        workers: How many.
    """

    def __init__(self, opener: Opener, workers: int) -> None:
        self._opener = opener
        self._context = multiprocessing.get_context("spawn")
        self._ends: dict[int, int] = {}
        self._mean_s = 1.0
        self._workers = [self._new() for _ in range(workers)]

    def _new(self) -> _Worker:
        return _Worker(self._context, self._opener)

    @property
    def pids(self) -> list[int]:
        """Of the processes."""
        return [each.process.pid for each in self._workers]

    def warm(self) -> None:
        """Wait until every process has opened the work."""
        while not all(each.ready for each in self._workers):
            self._listen(deque())

    def run(self, jobs: Iterable[Job]) -> Iterator[list[Done]]:
        """As in `Executor`. Raises SweepError where a job cannot be run at all."""
        waiting, coming = deque[Job](), iter(jobs)
        while True:
            self._hand_out(waiting, coming)
            if not waiting and not any(each.jobs for each in self._workers):
                first = next(coming, None)  # where nobody is ready yet, nobody has asked for it
                if first is None:
                    return
                waiting.append(first)
            done = self._listen(waiting)
            if done:
                yield done

    def _hand_out(self, waiting: deque[Job], coming: Iterator[Job]) -> None:
        """Give jobs to whoever has room; first one each, so that nobody waits beside a queue."""
        for room in range(1, 3 if self._mean_s < SHORT_S else 2):
            for each in self._workers:
                if not each.ready or len(each.jobs) >= room:
                    continue
                job = waiting.popleft() if waiting else next(coming, None)
                if job is None:
                    return
                each.give(job)

    def _listen(self, waiting: deque[Job]) -> list[Done]:
        """Take what the processes say; jobs of one that died go back in front of those that wait."""
        done = []
        lines: dict[Any, _Worker] = {each.line: each for each in self._workers}
        for line in wait(list(lines)):
            worker = lines[line]
            try:
                said = worker.line.recv()
            except (EOFError, OSError):
                self._bury(worker, waiting)
                continue
            if isinstance(said, Done):
                worker.jobs.popleft()
                self._mean_s += (said.seconds - self._mean_s) / 8
                done.append(said)
            elif said is None:
                worker.ready = True
            else:
                raise SweepError(said)
        return done

    def _bury(self, worker: _Worker, waiting: deque[Job]) -> None:
        worker.process.join(GOODBYE_S)
        code, jobs = worker.process.exitcode, list(worker.jobs)
        if not worker.ready:
            raise SweepError(
                f"A process of the sweep ended before it was ready ({_how(code)}); is there enough memory?"
            )
        if jobs:
            self._ends[jobs[0].number] = self._ends.get(jobs[0].number, 0) + 1
            if self._ends[jobs[0].number] >= ENDS_MAX:
                raise SweepError(
                    f"Trial {jobs[0].number} ended its process {ENDS_MAX} times ({_how(code)}); run it alone to see why."
                )
        waiting.extendleft(reversed(jobs))
        worker.end()
        self._workers[self._workers.index(worker)] = self._new()

    def close(self) -> None:
        """End every process."""
        for each in self._workers:
            each.end()
        self._workers = []


def _how(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def serve(opener: Opener, line: Connection) -> None:
    """What a process of the pool does: open the work, then run job after job until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    said = "The sweep could not open what it runs"
    try:
        work = opener.open()
        line.send(None)
        while True:
            job: Job = line.recv()
            said = f"Trial {job.number} could not be run"
            begun = time.perf_counter()
            outcome: Outcome = attempt(work, job)
            line.send(Done(job.number, outcome, time.perf_counter() - begun))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        line.send(f"{said}: {type(error).__name__}: {error} ({where.name}, line {where.lineno}).")
