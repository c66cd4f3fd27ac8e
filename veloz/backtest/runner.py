"""A run: a recording, a desk and a venue, one event after the other.

Of one instant: rows of the recording at the desk, then what arrives from the venue, then the venue's own rows and requests, then timers.
So the venue goes to just before the desk's next moment, stops where something arrives earlier, and the desk takes that first. A timer
comes when everything of its instant is over, and only while something is still to come.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np

from veloz.backtest.desk import Desk
from veloz.backtest.feed import Feed
from veloz.backtest.walk import NEVER, Seat, Walk
from veloz.engine.outbox import Request
from veloz.engine.step import Step
from veloz.history.dataset import Chunk
from veloz.reducers.words import RAW

LOOP_EVENTS: Final = 16_384  # between two looks at whether to pause
_NO_ROWS: Final = np.zeros(0, RAW)


class Venue(Protocol):
    """The venue as a run sees it."""

    def advance(self, rows: np.ndarray, begin: int, until_ns: int) -> int:
        """Go to a moment, or to the first arrival before it; the first row (RAW[n], by venue time) that was not applied."""

    def send(self, request: Request, sent_ns: int) -> None:
        """Put a request on the wire."""

    def next_arrival_ns(self) -> int:
        """When the next report reaches the desk; `NEVER`: none is on the wire."""

    def next_request_ns(self) -> int:
        """When the next request reaches the venue; `NEVER`: none is on the wire."""

    def take(self, at_ns: int) -> np.ndarray:
        """The reports that arrive at a moment: ROW[n]."""

    def ended(self) -> str:
        """Why the venue ends the run; "" while it does not."""


class Sink(Protocol):
    """Where the steps of a run go."""

    def add(self, step: Step) -> None:
        """The next step."""

    def add_all(self, first_seq: int, rows: np.ndarray, ends: np.ndarray) -> None:
        """The next steps, which have no bodies: the number of the first row, their rows, and where in those each step ends."""


class Watcher(Protocol):
    """Who is shown every step of a run, after it was taken."""

    def see(self, desk: Seat, step: Step) -> None:
        """The next step."""

    def see_all(self, desk: Desk, first_seq: int, rows: np.ndarray) -> None:
        """The next steps: the number of the first row, and their rows. `mark` follows where it is due."""

    def mark(self, desk: Desk) -> None:
        """The newest step has reached `next_ns`."""

    @property
    def next_ns(self) -> int:
        """From when on it wants to see the desk itself, behind each step."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    rows: int  # of the recording, folded
    total: int
    now_ns: int
    seconds: float  # in the loop so far

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_s(self) -> float:
        """Seconds to go at this rate."""
        return (self.total - self.rows) / self.rate if self.rate > 0 else 0.0


class Hand:
    """What a run has in hand between two events.

    Args:
        feed: Where it takes from.
    """

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.chunk: Chunk | None = None
        self.at = 0  # the chunk's next step
        self.rows, self.row = _NO_ROWS, 0  # the venue's
        self.sent: list[np.ndarray] = []  # order.dispatched rows that the desk was not told yet

    def take_chunk(self) -> Chunk | None:
        """The chunk whose step is next; None at the end."""
        if self.chunk is None or self.at >= len(self.chunk.ends):
            self.chunk, self.at = self.feed.next_chunk(), 0
        return self.chunk

    def take_rows(self, until_ns: int) -> bool:
        """Where the venue's rows are used up, take more; whether there are any, which there may be only behind a moment."""
        if self.row == len(self.rows):
            more = self.feed.next_rows(until_ns)
            if more is None:
                return False
            self.rows, self.row = more, 0
        return True


class Taken(NamedTuple):
    """What a loop took."""

    events: int
    blocks: list[tuple[np.ndarray, np.ndarray]]  # rows of whole steps in order, and where in them each ends
    last: Step | None  # a step behind these whose requests did not leave yet
    watched: bool  # the newest step has reached the moment from which on somebody watches


class Loop(Protocol):
    """What takes many events at once: `driver.Driver`."""

    def go(self, hand: Hand, events: int, watch_ns: int) -> "Taken":
        """See `driver.Driver.go`."""


class Run(Walk):
    """A run that can be played, paused, stepped, and taken to a moment.

    Args:
        desk: With nothing taken yet.
        venue: The venue.
        feed: The recording.
        total: Rows of the recording that the desk will fold.
        sink: Where its steps go.
        watchers: Who sees them.
    """

    def __init__(
        self, desk: Desk, venue: Venue, feed: Feed, *, total: int, sink: Sink, watchers: Iterable[Watcher] = ()
    ) -> None:
        self._watchers = tuple(watchers)
        super().__init__(desk, sink, self._watchers)
        self.desk, self.venue = desk, venue
        self.paused = False
        self._total, self._sink = total, sink
        self.loop: Loop | None = None  # takes what is plain; None: everything is taken one event at a time
        self.hand = Hand(feed)
        self._sent = self.hand.sent
        self._seconds = 0.0
        self._known = 0  # rows of the recording in front of those that count

    def fold_to(self, first_seq: int, begin_ns: int) -> None:
        """Fold what stands in front of the rows that count: desk and venue know it, and nobody is asked.

        Args:
            first_seq: The first row that counts.
            begin_ns: When the run begins: the venue goes no further.
        """
        while (chunk := self.hand.take_chunk()) is not None:
            end = self.desk.fold_known(chunk, self.hand.at, first_seq)
            self.hand.at = end
            self._advance(min(int(chunk.times[end - 1]) if end else 0, begin_ns) - 1)
            if end < len(chunk.ends):
                break
        self._known = self.desk.data_rows

    # --- controls ---------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Let `play` and `seek` return after the event in hand. May be called from another thread."""
        self.paused = True

    def play(self, *, events: int = 0) -> bool:
        """Go on to the end, to a pause, or for so many events; whether the run is over."""
        return self._go(None, events)

    def step(self) -> bool:
        """Go on to the next step of the result; whether the run is over."""
        before = self.steps
        return self._go(lambda: self.steps > before, 0)

    def seek(self, *, time_ns: int = NEVER, data_seq: int = NEVER) -> bool:
        """Go on until engine time or the recording's row is reached; whether the run is over. A run goes forward only."""
        return self._go(lambda: self.desk.now_ns >= time_ns or self.desk.data_seq >= data_seq, 0)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(self.desk.data_rows - self._known, self._total, self.desk.now_ns, self._seconds)

    def _go(self, reached: "Reached | None", events: int) -> bool:
        self.paused, done, begun = False, 0, time.perf_counter()
        try:
            while not (self.over or self.paused or (reached is not None and reached())):
                taken = self._loop_on(events - done if events else LOOP_EVENTS) if reached is None else 0
                done += taken
                if not taken:
                    self._next()
                    done += 1
                if events and done >= events:
                    break
        finally:
            self._seconds += time.perf_counter() - begun
        return self.over

    def finish(self) -> None:
        """Say in the result how far the run came: its last step."""
        self._done(self.desk.take(self.desk.now_ns, self._told()))

    def _loop_on(self, events: int) -> int:
        """Let the loop take so many events, as far as they are plain; how many it took."""
        if self.loop is None or self.desk.asks_always or self.hand.take_chunk() is None:
            return 0
        first_seq = self.desk.seq + 1
        taken = self.loop.go(self.hand, events, min((each.next_ns for each in self._watchers), default=NEVER))
        for rows, ends in taken.blocks:
            self._sink.add_all(first_seq, rows, ends)
            for watcher in self._watchers:
                watcher.see_all(self.desk, first_seq, rows)
            first_seq += len(rows)
            self.steps += len(ends)
        if taken.watched:
            for watcher in self._watchers:
                if self.desk.now_ns >= watcher.next_ns:
                    watcher.mark(self.desk)
        if taken.last is not None:
            self._done(taken.last)
        return taken.events

    # --- one event --------------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Whatever happens next at the desk."""
        chunk = self.hand.take_chunk()
        timer = self._timer_ns()
        if chunk is None:
            self._drain(timer)
            return
        asked = self.hand.at if self.hand.sent else self.desk.next_asked(chunk, self.hand.at)
        target = min(asked, len(chunk.ends) - 1)
        moment = int(chunk.times[target])
        fires = timer < moment
        limit = timer if fires else moment - 1
        arrival = self._advance(limit)
        if self.over:
            return
        if arrival <= limit:
            self._fold_to(chunk, arrival)
            self._report(arrival)
        elif fires:
            self._fold_to(chunk, timer)
            self._fire(timer)
        else:
            self.desk.fold_steps(chunk, self.hand.at, target)
            self.hand.at = target
            self._meet(chunk, asked)

    def _fold_to(self, chunk: Chunk, until_ns: int) -> None:
        """Fold the steps of the recording that end at or before a moment; nobody has to be asked about them."""
        end = int(np.searchsorted(chunk.times, until_ns, "right"))
        if end > self.hand.at:
            self.desk.fold_steps(chunk, self.hand.at, end)
            self.hand.at = end

    def _meet(self, chunk: Chunk, asked: int) -> None:
        """The recording's next step, at which somebody is asked; or the last one of its chunk, at which nobody has to be."""
        if asked != self.hand.at:
            self.desk.fold_steps(chunk, self.hand.at, self.hand.at + 1)
        else:
            taken = self.desk.ask(chunk, self.hand.at, self._told())
            if taken is not None:
                self._done(taken)
        self.hand.at += 1

    def _coming_ns(self) -> int:
        """When something happens next that is under way already."""
        return min(self.venue.next_arrival_ns(), self.venue.next_request_ns(), self._next_row_ns())

    # --- the venue --------------------------------------------------------------------------------------------------------

    def _advance(self, limit_ns: int) -> int:
        """Let the venue go to a moment, or to what arrives before; when that is."""
        while True:
            if not self.hand.take_rows(limit_ns):
                if self.venue.next_request_ns() <= limit_ns:
                    self.venue.advance(_NO_ROWS, 0, limit_ns)
                break
            until = min(limit_ns, int(self.hand.rows[-1]["ts_event"]))  # no instant is parted by blocks
            self.hand.row = self.venue.advance(self.hand.rows, self.hand.row, until)
            if self.hand.row < len(self.hand.rows) or self.venue.next_arrival_ns() <= until or self.venue.ended():
                break
        self.why = self.venue.ended()
        self.over = bool(self.why)
        return self.venue.next_arrival_ns()

    def _heard(self, at_ns: int) -> np.ndarray:
        return self.venue.take(at_ns)

    def _send(self, request: Request, sent_ns: int) -> None:
        self.venue.send(request, sent_ns)

    def _next_row_ns(self) -> int:
        if not self.hand.take_rows(NEVER - 1):
            return NEVER
        return int(self.hand.rows[self.hand.row]["ts_event"])


class Reached(Protocol):
    """Whether a run is where it was to go."""

    def __call__(self) -> bool: ...
