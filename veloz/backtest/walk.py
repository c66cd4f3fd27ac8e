"""What all runs do alike, whether they know what is to come or not: hear reports, fire timers, send requests, and end.

What the desk asks for is sent at the moment it decides. That it was sent (`order.dispatched`) is told to the desk with the next thing that
happens there, whatever that is.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import numpy as np

from veloz.contracts import registry, terms
from veloz.contracts.layout import ROW
from veloz.engine.outbox import Request
from veloz.engine.step import Body, Engine, Step
from veloz.history.ordering import joined
from veloz.reducers.state import State
from veloz.strategies.host import Host

NEVER: Final = (1 << 63) - 1
DRAIN_NS: Final = 60_000_000_000  # so long what is under way may go on when the recording is over
_NOTHING: Final = np.zeros(0, ROW)


class Seat(Protocol):
    """A desk as a walk sees it: that of a backtest, or the one of a run on live rows."""

    engine: Engine

    @property
    def host(self) -> Host:
        """The strategies."""

    @property
    def state(self) -> State:
        """As of the last row folded."""

    @property
    def now_ns(self) -> int:
        """Engine time."""

    def begin(self, rows: np.ndarray, bodies: Iterable[Body]) -> Step:
        """Take a step of the run's own beginning."""

    def take(self, now_ns: int, rows: np.ndarray, bodies: Iterable[Body] = ()) -> Step:
        """Take a step that no market row caused."""


class Taker(Protocol):
    """Where the steps of a run go, one by one."""

    def add(self, step: Step) -> None:
        """The next step."""


class Looker(Protocol):
    """Who is shown every step of a run, after it was taken."""

    def see(self, desk: Seat, step: Step) -> None:
        """The next step."""


class Walk(ABC):
    """A run, event by event.

    Args:
        desk: With nothing taken yet.
        sink: Where its steps go.
        lookers: Who sees them.
    """

    def __init__(self, desk: Seat, sink: Taker, lookers: Sequence[Looker] = ()) -> None:
        self.steps = 0
        self.over = False
        self.why = ""  # why it ended early
        self._seat, self._steps_go, self._lookers = desk, sink, lookers
        self._sent: list[np.ndarray] = []  # order.dispatched rows that the desk was not told yet
        self._end_ns = 0  # when a run ends whatever is still under way

    def begin(self, rows: np.ndarray, bodies: Iterable[Body]) -> None:
        """Take a step of the run's beginning."""
        self._done(self._seat.begin(rows, bodies))

    # --- what a run says of its market ------------------------------------------------------------------------------------

    @abstractmethod
    def _advance(self, limit_ns: int) -> int:
        """Let the venue go to a moment, or to what arrives before; when that is."""

    @abstractmethod
    def _coming_ns(self) -> int:
        """When something happens next that is under way already."""

    @abstractmethod
    def _heard(self, at_ns: int) -> np.ndarray:
        """What arrives from the venue at one moment: ROW[n]."""

    @abstractmethod
    def _send(self, request: Request, sent_ns: int) -> None:
        """Put a request on the wire."""

    # --- one event --------------------------------------------------------------------------------------------------------

    def _timer_ns(self) -> int:
        due = self._seat.host.next_due()
        return NEVER if due is None else max(due, self._seat.now_ns)

    def _report(self, at_ns: int) -> None:
        """What arrives from the venue at one moment."""
        rows = self._heard(at_ns)
        self._done(self._seat.take(at_ns, joined(self._told(), rows)))

    def _fire(self, at_ns: int) -> None:
        """The timers that have come."""
        due = self._seat.host.due(at_ns)
        rows = np.zeros(len(due), registry.TIMER.view)
        rows["kind"], rows["version"], rows["ts_recv"] = registry.TIMER.number, registry.TIMER.version, at_ns
        for row, each in zip(rows, due, strict=True):
            row["strategy"], row["timer"], row["due_ns"] = each.strategy, each.timer, each.due_ns
        self._done(self._seat.take(at_ns, joined(self._told(), rows)))

    def _drain(self, timer_ns: int) -> None:
        """The recording is over for the desk: what is under way still arrives, and timers come as long as something does."""
        coming = self._coming_ns()
        self._end_ns = self._end_ns or self._seat.now_ns + DRAIN_NS
        if coming == NEVER or min(coming, timer_ns) > self._end_ns:
            self.over = True
            return
        limit = min(timer_ns, coming)
        arrival = self._advance(limit)
        if self.over:
            return
        if arrival <= limit:
            self._report(arrival)
        elif timer_ns == limit and self._coming_ns() != NEVER:
            self._fire(timer_ns)

    # --- what was decided -------------------------------------------------------------------------------------------------

    def _told(self) -> np.ndarray:
        """What was sent since the last step, as rows."""
        told = joined(*self._sent) if self._sent else _NOTHING
        self._sent.clear()
        return told

    def _done(self, step: Step) -> None:
        """A step was taken: it is written, its requests leave."""
        self._steps_go.add(step)
        self.steps += 1
        for request in self._seat.engine.outbox.release(self._durable(step)):
            self._send(request, self._seat.now_ns)
            self._sent.append(dispatched(request, self._seat.now_ns))
        for looker in self._lookers:
            looker.see(self._seat, step)

    def _durable(self, step: Step) -> int:
        """The last row that is safe, as far as requests are concerned; nobody outside hears of those of a simulation."""
        return step.last_seq


def dispatched(request: Request, now_ns: int) -> np.ndarray:
    """`order.dispatched` of a request that left at a moment: ROW[1]."""
    row = np.zeros(1, registry.DISPATCHED.view)
    parts = terms.unpack(terms.SPEC, request.spec)
    row["kind"], row["version"] = registry.DISPATCHED.number, registry.DISPATCHED.version
    row["instrument"], row["ts_recv"], row["order"], row["action"] = (
        request.instrument, now_ns, request.key, request.action,
    )  # fmt: skip
    row["sent_ns"], row["ref"] = now_ns, request.seq
    row["meta"] = terms.pack(
        terms.META, account=request.account, sell=parts["sell"], position_side=parts["position_side"], action=request.action,
    )  # fmt: skip
    return row.view(ROW)
