"""The outbox: requests of steps, kept until the steps are durable, and the only place to get one.

Whoever sends takes `Request` objects and nothing else. They are made here, out of approved rows (`minting.py`), and there is no second
way out: strategy, algorithm, person and agent pass the same gate.
"""

from collections import deque
from typing import final

from veloz.engine.minting import REQUEST_WORDS, Decided, Request, UnapprovedError, confirm_rows, mint
from veloz.reducers.state import State

__all__ = ["REQUEST_WORDS", "Outbox", "Request", "UnapprovedError", "confirm_rows"]


@final
class Outbox:
    """Requests in the order of their rows, each given out once, never before its step is durable."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Request]] = deque()  # (last row of its step, request)
        self._held = 0

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    def hold(self, step: Decided, state: State) -> int:
        """Keep the requests of a step.

        Args:
            step: The step, newer than any held before.
            state: The state right after it.

        Returns:
            How many there are.

        Raises:
            UnapprovedError: A row of it asks for something that was not approved, or the step was held already. Nothing is kept.
        """
        if step.first_seq <= self._held:
            raise UnapprovedError(f"Row {step.first_seq} was in the outbox before: a request is made once.")
        made = mint(step, state)
        last = step.first_seq + len(step.rows) - 1
        self._held = last
        self._waiting.extend([(last, request) for request in made])
        return len(made)

    def release(self, durable_seq: int) -> list[Request]:
        """The requests whose steps are durable, oldest first; they are not kept any longer.

        Args:
            durable_seq: Last row that is known to survive a power cut.
        """
        ready = []
        while self._waiting and self._waiting[0][0] <= durable_seq:
            ready.append(self._waiting.popleft()[1])
        return ready

    def drop(self) -> int:
        """Forget what waits, where it can never become durable; how many there were."""
        dropped = len(self._waiting)
        self._waiting.clear()
        return dropped
