"""The host of strategies: who wakes at a step's end, in fixed order, and what they want, as rows.

One call a step. The engine folds the inputs of the step (no STEP_END yet), settles, and asks `Host.wake`: every strategy sees the same
state, whoever comes before it. What comes back is in the order of strategy numbers and becomes rows of the journal in that order.

What the commands mean, status being State's (`STRATEGY.status`, folded from the same rows):

    LOAD      any state → LOADED: the code named by `code_hash` is made, with the parameters and instruments of the body
    START     LOADED, PAUSED, STOPPED, DISABLED → RUNNING: instruments are looked up, timers begin at engine time + interval; PAUSED
              goes on with its memory, the others call `on_start`
    PAUSE     RUNNING → PAUSED: no wakes, no timers; memory stays
    STOP      RUNNING, PAUSED → STOPPED: `on_stop` is called (its cancels count, nothing else), then no wakes; memory stays
    REPLACE   any state but ABSENT keeps its status: other code from the next wake on; memory stays or begins anew as the new code
              declares (`keeps`)

A command that cannot be carried out (no such code, another SDK version, unknown instruments or parameters) disables the strategy by a
`strategy.disabled` row whose cause is the command. A stop level of HALT or above on a strategy's own scope is its kill: it is not woken.
How many intents a window holds is judged where intents become drafts, by the bucket of its scope: refused there with INTENT_RATE.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from veloz.reducers.state import State


class Wake(NamedTuple):
    """What came of one strategy in one step.

    `rows` is ROW[n], not numbered yet, ts_recv = engine time, flags without STEP_END, each with its own cause in `ref`:
    strategy.intent rows (QUOTE: two in a row, FIRST and LAST; spec.more: one order.terms row right behind it, whose `ref` is 0 and
    becomes the intent's number); or one strategy.disabled and nothing else; or one risk.command_refused for a parameter.
    `cause` is the sequence number of the row that woke it first.
    """

    strategy: int
    cause: int
    rows: np.ndarray


class Due(NamedTuple):
    """A timer that has come: the words of the system.timer row that whoever feeds the engine makes of it."""

    due_ns: int
    strategy: int
    timer: int


class Host:
    """All strategies of an engine. A function of the rows it was shown: two hosts that saw the same rows say the same."""

    def wake(
        self, state: State, rows: np.ndarray, first_seq: int, now: int, bodies: Iterable[tuple[int, bytes]] = ()
    ) -> list[Wake]:
        """Carry out the commands of a step and wake who is concerned.

        Args:
            state: After the inputs of the step, settled. Read only.
            rows: ROW[n], the inputs of the step.
            first_seq: Sequence number of `rows[0]`.
            now: Engine time after them, ns.
            bodies: (index in `rows`, msgpack) of the rows that have one, ascending, as in a batch.

        Returns:
            Ascending by strategy number; none for a strategy that wants nothing.
        """
        return []

    def due(self, now: int) -> list[Due]:
        """Timers due at or before `now`, by due time, then strategy, then timer; each at most once.

        A timer is set when its strategy starts, and again by its system.timer row: the next beat of the same rhythm that lies after engine
        time. So ask again after the row was taken.
        """
        return []

    def next_due(self) -> int | None:
        """The earliest due time, ns; None while no timer runs."""
        return None

    def dump(self) -> bytes:
        """Memory, parameters, timers and codes of every strategy, for a snapshot."""
        return b""

    def load(self, payload: bytes) -> None:
        """Go on from a dump.

        Raises:
            ValueError: It is of another program, or names code that is not at hand.
        """

    def digest(self) -> str:
        """Hash of `dump()`, lower-case hex."""
        return ""
