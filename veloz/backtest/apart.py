"""Several simulated exchanges, each as far away as its account says, as a run sees one.

Each is a machine of its own and is given every row; those of other venues mean nothing to it. All stand at one moment: they go on
together, no further than to where a report that is made on the way could reach the desk, so that what the desk sends then finds none of
them later.
"""

from typing import Final

import numpy as np

from veloz.backtest.machine import NEVER
from veloz.backtest.port import Exchange, Trading
from veloz.backtest.rules import Delay
from veloz.engine.outbox import Request

_NEVER: Final = int(NEVER)


class Exchanges:
    """`runner.Venue` of several venues.

    Args:
        plan: The run.
    """

    def __init__(self, plan: Trading) -> None:
        self.parts = [Exchange(plan, account) for account in plan.world.accounts]
        self._part_of = {each["instrument"].item(): part for part in self.parts for each in part.venue.markets}
        self._least_ns = min(_least_ns(plan, place) for place in range(len(self.parts)))
        self._now_ns = 0  # every one of them stands here

    def advance(self, rows: np.ndarray, begin: int, until_ns: int) -> int:
        """See `runner.Venue`."""
        while True:
            row_ns = int(rows["ts_event"][begin]) if begin < len(rows) else _NEVER
            stirs_ns = max(min(row_ns, self.next_request_ns()), self._now_ns)
            stop_ns = min(until_ns, self.next_arrival_ns(), stirs_ns + self._least_ns)
            begin = min([part.advance(rows, begin, stop_ns) for part in self.parts])
            self._now_ns = max(self._now_ns, stop_ns)
            if stop_ns == until_ns or self.next_arrival_ns() <= stop_ns or self.ended():
                return begin

    def send(self, request: Request, sent_ns: int) -> None:
        """See `runner.Venue`."""
        self._part_of[int(request.instrument)].send(request, sent_ns)

    def next_arrival_ns(self) -> int:
        """See `runner.Venue`."""
        return min(part.next_arrival_ns() for part in self.parts)

    def next_request_ns(self) -> int:
        """See `runner.Venue`."""
        return min(part.next_request_ns() for part in self.parts)

    def take(self, at_ns: int) -> np.ndarray:
        """See `runner.Venue`: of one moment, venue by venue."""
        return np.concatenate([part.take(at_ns) for part in self.parts if part.next_arrival_ns() <= at_ns])

    def ended(self) -> str:
        """See `runner.Venue`."""
        return next((why for part in self.parts if (why := part.ended())), "")

    def outside(self) -> dict[int, int]:
        """See `driving.Driven.outside`."""
        return {number: count for part in self.parts for number, count in part.outside().items()}


def _least_ns(plan: Trading, place: int) -> int:
    """No report of a venue is under way for less."""
    if plan.settings["latency.model"] != Delay.CONSTANT.name.lower():
        return 0
    return int(plan.world.accounts[place].setting(plan.settings, "response_ns"))


def exchange_of(plan: Trading) -> Exchange | Exchanges:
    """What a run trades on: one machine for all venues, unless they are not equally far away."""
    return Exchanges(plan) if plan.world.is_apart(plan.settings) else Exchange(plan)
