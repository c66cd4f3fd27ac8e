"""A run on paper: live market rows, the venue a simulated exchange, and a journal like that of any live run.

Of one instant: market rows, then reports, then timers, as in a backtest. Whoever drives it says how far time has come (`until`): reports
and timers up to there are taken, and market rows that come later are stamped behind it. So the journal tells everything in the order in
which it happened, and a backtest of it makes the same run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from veloz.backtest.keys import SettingsError
from veloz.backtest.marking import wanted_of
from veloz.backtest.prelude import Named, paper_rows, strategy_rows
from veloz.backtest.prices import FirstPrices, ladders_of
from veloz.backtest.result import Recorder
from veloz.backtest.settings import Settings
from veloz.backtest.setup import Prepared, fold_from, library_of, limits_of, read_recording
from veloz.backtest.walk import Looker, Taker, Walk
from veloz.backtest.world import make_world
from veloz.contracts.layout import ROW, STEP_END
from veloz.daemon.desk import LiveDesk
from veloz.engine.outbox import Request
from veloz.engine.step import Step
from veloz.history.dataset import desk_chunks
from veloz.history.ordering import joined, words_of
from veloz.strategies.host import Host
from veloz.venues.paper.venue import PaperVenue
from veloz.venues.port import Orders

STEP_MARK: Final = np.uint8(STEP_END)


class Journal(Taker, Protocol):
    """Where the steps of a live run go: `backtest.result.Recorder`."""

    def commit(self) -> int:
        """Make everything so far durable; the last row that is."""
        ...


class PaperRun(Walk):
    """A run on live rows whose requests go to a venue once they are durable.

    Args:
        desk: With nothing taken yet.
        venue: Where requests go.
        journal: Where steps go.
        begin_ns: Nothing is stamped before.
        lookers: Who sees the steps.
    """

    def __init__(
        self, desk: LiveDesk, venue: Orders, journal: Journal, begin_ns: int, lookers: Sequence[Looker] = ()
    ) -> None:
        super().__init__(desk, journal, lookers)
        self.desk, self.venue = desk, venue
        self._journal, self._gone_ns = journal, begin_ns - 1

    def market(self, rows: np.ndarray) -> None:
        """Take market rows that came together, and before them whatever happened earlier.

        Args:
            rows: ROW[n], n >= 1, as a codec gives them. Stamps that time has passed are brought up to it.
        """
        mine = rows.copy()
        mine["ts_recv"] = np.maximum(mine["ts_recv"], self._gone_ns + 1)
        mine["flags"] &= ~STEP_MARK
        self.until(int(mine["ts_recv"].max()) - 1)
        if self.over:
            return
        mine["ts_recv"] = np.maximum(mine["ts_recv"], self._gone_ns + 1)
        self.venue.hear(mine)
        self._done(self.desk.take(self.desk.now_ns, joined(mine, self._told())))

    def until(self, now_ns: int) -> None:
        """Time has come to a moment: no market row will be stamped at or before it. Take reports and timers up to there."""
        while not self.over:
            timer = self._timer_ns()
            limit = min(timer, now_ns)
            arrival = self._advance(limit)
            if self.why:
                return
            if arrival <= limit:
                self._report(arrival)
            elif timer <= now_ns:
                self._fire(timer)
            else:
                break
        self._gone_ns = max(self._gone_ns, now_ns)

    def finish(self) -> None:
        """Hear what is under way, as long as that is not forever, and make everything durable."""
        while not self.over:
            self._drain(self._timer_ns())
        told = self._told()
        if len(told):
            self._done(self.desk.take(self.desk.now_ns, told))
        self._journal.commit()

    def _advance(self, limit_ns: int) -> int:
        arrival = self.venue.advance(limit_ns)
        self.why = self.venue.ended()
        self.over = bool(self.why)
        return arrival

    def _coming_ns(self) -> int:
        return self.venue.next_ns()

    def _heard(self, at_ns: int) -> np.ndarray:
        return self.venue.take(at_ns)

    def _send(self, request: Request, sent_ns: int) -> None:
        self.venue.send(request, sent_ns)

    def _durable(self, step: Step) -> int:
        return self._journal.commit() if len(self.desk.engine.outbox) else 0


@dataclass(frozen=True)
class PaperPlan(Prepared):
    """A run on paper that may begin."""

    @property
    def printed(self) -> frozenset[int]:
        """Nobody knows what will come."""
        return frozenset()


def begin_paper(plan: PaperPlan, journal: Journal, lookers: Sequence[Looker] = ()) -> PaperRun:
    """A run on paper with its beginning taken: it waits for market rows."""
    run = PaperRun(LiveDesk(Host(plan.library)), PaperVenue(plan), journal, plan.begin_ns, lookers)
    for rows in (
        paper_rows(plan.world, plan.settings, plan.named, plan.begin_ns, plan.limits),
        strategy_rows(plan.world, plan.settings.strategies, plan.library, plan.sources, plan.begin_ns),
    ):
        run.begin(rows.rows(), rows.bodies)
    return run


# --- a recording as the feed ---------------------------------------------------------------------------------------------------


def plan_rehearsal(settings: Settings, data: Path, first: int = 1, last: int | None = None) -> PaperPlan:
    """A run on paper on a recording that is played as if it came in now. It begins with the recording's first row.

    Args:
        settings: As of a backtest.
        data: The recording's journal.
        first, last: Rows that are played; None: to the end.

    Raises:
        SettingsError: It cannot be run so.
        journal.ReadError: The recording cannot be read.
    """
    if not settings["gate.enabled"]:
        raise SettingsError("gate.enabled is false, and a run on paper is a live run; leave the risk gate on.")
    for name in wanted_of(settings):
        raise SettingsError(
            f"{name} makes up for what a recording lacks, and a run on paper goes by what comes in; leave it out."
        )
    found = read_recording(data, first, last)
    last = min(last or found.head, found.head)
    world = make_world([each.instrument for each in found.listed], settings)
    fold_from(found.listed, world, first)
    library, sources = library_of(settings)
    limits = limits_of(settings)
    begin_ns, prices = _first_prices(data, first, last, {each.number for each in world.traded})
    named = Named(first, last, 0, True, str(data.resolve()), found.digest)
    paper_rows(world, settings, named, begin_ns, limits)
    strategy_rows(world, settings.strategies, library, sources, begin_ns)
    ladders = ladders_of(world, prices.found, settings)
    return PaperPlan(settings, world, ladders, library, sources, limits, named, begin_ns)


def _first_prices(data: Path, first: int, last: int, wanted: set[int]) -> tuple[int, FirstPrices]:
    """When the first row was received, and what a live run waits for before it begins."""
    prices, begin_ns = FirstPrices(), 0
    for chunk in desk_chunks(data, first, last, 0):
        begin_ns = begin_ns or int(chunk.rows["ts_recv"][0])
        prices.see(words_of(chunk.rows))
        if wanted <= prices.found.keys():
            break
    if not begin_ns:
        raise SettingsError(f"The data at {data} hold no row of a market; import a recording first.")
    return begin_ns, prices


def market_steps(plan: PaperPlan) -> Iterator[np.ndarray]:
    """The recording's steps, one after the other: ROW[n] each."""
    for chunk in desk_chunks(Path(plan.named.path), plan.named.first_seq, plan.named.last_seq, 0):
        for step in range(len(chunk.ends)):
            lo, hi = chunk.span(step)
            yield chunk.rows[lo:hi].view(ROW)


def rehearse(plan: PaperPlan, path: Path, lookers: Sequence[Looker] = ()) -> PaperRun:
    """Play a recording to a run on paper, to its end.

    Args:
        plan: Of `plan_rehearsal`.
        path: The journal to be, a new or empty directory.
        lookers: Who sees the steps.

    Raises:
        veloz.backtest.result.Taken: Something lies there.
        journal.JournalError: It cannot be written; nothing is left of it.
    """
    journal = Recorder(path)
    try:
        run = begin_paper(plan, journal, lookers)
        for rows in market_steps(plan):
            run.market(rows)
        run.finish()
        journal.close()
    except BaseException:
        journal.drop()
        raise
    return run
