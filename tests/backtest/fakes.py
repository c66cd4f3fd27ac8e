"""A venue of a few lines for tests of the run: it fills every order at the touch, or leaves it resting for ever."""

import numpy as np

from veloz.backtest.runner import NEVER
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.layout import ROW
from veloz.engine.outbox import Request


class TouchVenue:
    """Every order that crosses the last price it saw is filled whole when it arrives; the others are accepted, and canceled when asked."""

    def __init__(self, entry_ns: int = 10_000_000, response_ns: int = 10_000_000, every: int = 3) -> None:
        self.entry_ns, self.response_ns, self.every = entry_ns, response_ns, every
        self.requests: list[tuple[int, Request]] = []
        self.reports: list[tuple[int, np.ndarray]] = []
        self.applied: list[tuple[int, int]] = []  # (venue time, when the venue was told to go there)
        self.served = self.now = 0

    def advance(self, rows: np.ndarray, begin: int, until_ns: int) -> int:
        while True:
            limit = min(until_ns, self.next_arrival_ns(), self.next_request_ns())
            while begin < len(rows) and int(rows[begin]["ts_event"]) <= limit:
                assert int(rows[begin]["ts_event"]) >= self.now, "rows come by venue time"
                self.now = int(rows[begin]["ts_event"])
                begin += 1
            if not self.requests or self.requests[0][0] > min(until_ns, self.next_arrival_ns()):
                return begin
            self._serve(*self.requests.pop(0))

    def _serve(self, at_ns: int, request: Request) -> None:
        assert at_ns >= self.now, "no request acts before rows of its past"
        self.now, self.served = at_ns, self.served + 1
        arrival = at_ns + self.response_ns
        if request.action == terms.Action.CANCEL:
            self.reports.append(
                (arrival, self._row(r.CANCELED, request, at_ns, arrival, 1000 + self.served, 0, self.served))
            )
            return
        taken = self.served % self.every == 0
        told = [self._row(r.ACCEPTED, request, at_ns, arrival, 1000 + self.served, 0, self.served)]
        if taken:
            told.append(self._row(r.FILLED, request, at_ns, arrival, request.price, request.qty, self.served))
            told.append(
                self._row(r.ACCEPTED, request, at_ns, arrival, 1000 + self.served, request.qty, self.served + 10**6)
            )
        self.reports.append((arrival, np.concatenate(told)))

    @staticmethod
    def _row(kind: r.Kind, request: Request, at_ns: int, arrival: int, one: int, two: int, ref: int) -> np.ndarray:
        row = np.zeros(1, ROW)
        parts = terms.unpack(terms.SPEC, request.spec)
        row["kind"], row["version"], row["instrument"] = kind.number, kind.version, request.instrument
        row["ts_recv"], row["ts_event"], row["venue_seq"] = arrival, at_ns, request.key
        row["price"], row["qty"], row["ref"] = one, two, ref
        row["aux"] = terms.pack(terms.META, account=request.account, sell=parts["sell"], maker=1)
        return row

    def send(self, request: Request, sent_ns: int) -> None:
        self.requests.append((sent_ns + self.entry_ns, request))

    def next_arrival_ns(self) -> int:
        return self.reports[0][0] if self.reports else NEVER

    def next_request_ns(self) -> int:
        return self.requests[0][0] if self.requests else NEVER

    def take(self, at_ns: int) -> np.ndarray:
        found = []
        while self.reports and self.reports[0][0] == at_ns:
            found.append(self.reports.pop(0)[1])
        return np.concatenate(found)

    def ended(self) -> str:
        return ""
