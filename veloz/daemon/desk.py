"""The desk of a live run: every row that comes in is an input of a step, and journaled with what was decided about it."""

from collections.abc import Iterable

import numpy as np

from veloz.engine.step import Body, Engine, Step
from veloz.reducers.state import State, new_state
from veloz.strategies.host import Host


class LiveDesk:
    """`backtest.runner.Seat` of a run whose market rows are its own.

    Args:
        host: The strategies.
        state: Before the first row; None: nothing was folded yet.
    """

    def __init__(self, host: Host, state: State | None = None) -> None:
        self.engine = Engine(new_state() if state is None else state, host)
        self.host = host

    @property
    def state(self) -> State:
        """As of the last row."""
        return self.engine.state

    @property
    def now_ns(self) -> int:
        """Engine time."""
        return int(self.state.clock[0]["now_ns"])

    @property
    def seq(self) -> int:
        """The last row."""
        return int(self.state.clock[0]["seq"])

    def begin(self, rows: np.ndarray, bodies: Iterable[Body]) -> Step:
        """Take rows that came together."""
        return self.engine.take(rows, bodies)

    def take(self, now_ns: int, rows: np.ndarray, bodies: Iterable[Body] = ()) -> Step:
        """The same, of rows that were stamped `now_ns`."""
        return self.engine.take(rows, bodies)
