"""Waiting for what another thread changes, so that a Ctrl-C finds the wait done or not done."""

import threading
import time
from collections import deque
from collections.abc import Callable


class Bell:
    """Wakes everybody who waits for a change of what one lock guards.

    A `threading.Condition` gives its lock back and takes it again in Python code. An interrupt in between leaves it free,
    and the `with` around it then releases it once more, perhaps under another thread's hands. Here everybody sleeps
    outside of that lock, on a lock of their own.

    Args:
        guard: The lock under which the change is made.
    """

    def __init__(self, guard: threading.Lock) -> None:
        self._guard = guard
        self._sleepers: deque[threading.Lock] = deque()

    def ring(self) -> None:
        """Wake all. Call it under the lock, and never where an interrupt may land: it may be between two of them."""
        while self._sleepers:
            self._sleepers.popleft().release()

    def wait(self, ready: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait until `ready`, which is asked under the lock and may raise; False if the time ran out first."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            with self._guard:
                if ready():
                    return True
                if deadline is not None and time.monotonic() >= deadline:
                    return False
                sleeper = threading.Lock()
                sleeper.acquire()
                self._sleepers.append(sleeper)
            if deadline is None:
                sleeper.acquire()
            elif not sleeper.acquire(timeout=max(0.0, deadline - time.monotonic())):
                self._forget(sleeper)

    def _forget(self, sleeper: threading.Lock) -> None:
        with self._guard:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
