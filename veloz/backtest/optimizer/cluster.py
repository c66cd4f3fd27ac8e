"""Runs jobs on the workers of a Dask cluster (extra `cluster`), behind the same interface as the processes of one machine.

Every worker opens the work itself: it needs this package, of the same version, and the data under the same path. A worker that is lost
has its jobs run by another; that is Dask's doing.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from veloz.backtest.optimizer.trial import Done, Job, Opener, Outcome, SweepError, Work, attempt

AHEAD: Final = 2  # jobs that wait for each thread of the cluster
PATIENCE_S: Final = 10
_OPENED: dict[str, Work] = {}
_OPENING: Final = threading.Lock()


def opened(opener: Opener) -> Work:
    """The work, opened once a process."""
    with _OPENING:
        if opener.name not in _OPENED:
            _OPENED[opener.name] = opener.open()
        return _OPENED[opener.name]


def run_there(opener: Opener, job: Job) -> Done:
    """Run one job, on whichever machine this is called."""
    begun = time.perf_counter()
    outcome: Outcome = attempt(opened(opener), job)
    return Done(job.number, outcome, time.perf_counter() - begun)


def code_there(opener: Opener) -> str:
    """The hash of the code on this machine, once the work is open."""
    return opened(opener).code_hash


class Cluster:
    """The workers of a Dask scheduler.

    Args:
        opener: How each opens the work.
        address: Of the scheduler, like `tcp://10.0.0.1:8786`.
        code_hash: Of the code here; a worker with other code is refused.

    Raises:
        SweepError: Dask is not installed, nobody answers there, or a worker has other code or cannot open the work.
    """

    def __init__(self, opener: Opener, address: str, code_hash: str) -> None:
        try:
            from distributed import Client
        except ImportError as missing:
            raise SweepError(
                f"A cluster needs {missing.name}, which is not installed; install the extra (`uv sync --extra cluster` in a clone, "
                "else pip install 'veloz[cluster]'), or leave optimize.cluster out."
            ) from None
        self._opener = opener
        try:
            self._client: Any = Client(address, timeout=PATIENCE_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SweepError(
                f"No Dask scheduler answers at {address} ({type(error).__name__}); start one, or mend optimize.cluster."
            ) from None
        try:
            self._check(address, code_hash)
        except BaseException:
            self.close()
            raise

    def _check(self, address: str, code_hash: str) -> None:
        try:
            codes = self._client.run(code_there, self._opener)
        except Exception as error:
            raise SweepError(
                f"A worker of {address} could not open what the sweep runs: {type(error).__name__}: {error}."
            ) from None
        if not codes:
            raise SweepError(
                f"The scheduler at {address} has no workers; start some with `dask worker {address} --nthreads 1`."
            )
        for worker, code in codes.items():
            if code != code_hash:
                raise SweepError(
                    f"The worker {worker} has other code ({code}, here {code_hash}); install the same version there."
                )

    def run(self, jobs: Iterable[Job]) -> Iterator[list[Done]]:
        """As in `Executor`. Raises SweepError where a job cannot be run at all."""
        from distributed import as_completed

        coming = iter(jobs)
        room = AHEAD * max(sum(self._client.nthreads().values()), 1)
        running: Any = as_completed([self._submit(job) for job in islice(coming, room)], loop=self._client.loop)
        for future in running:
            try:
                yield [future.result()]
            except Exception as error:
                raise SweepError(f"A trial could not be run on the cluster: {type(error).__name__}: {error}.") from None
            for job in islice(coming, 1):
                running.add(self._submit(job))

    def _submit(self, job: Job) -> Any:
        return self._client.submit(run_there, self._opener, job, pure=False)

    def close(self) -> None:
        """Leave the cluster; it goes on without us."""
        self._client.close()
