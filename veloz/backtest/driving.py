"""A simulated exchange with a host: helped wherever its kernels stop, and with the books of our account kept where it has any."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from veloz.backtest import exchange
from veloz.backtest.clerk import Clerk
from veloz.backtest.machine import APART, BOOKED, DONE, ENTRY, NEVER, NO_ROOM, OUTSIDE, RESPONSE, STOPPED
from veloz.backtest.making import lengthen, new_venue, request_of, widen
from veloz.backtest.rules import Market, Rules
from veloz.contracts.layout import ROW
from veloz.engine.outbox import Request
from veloz.reducers.state import State
from veloz.reducers.words import INSTRUMENT_SHIFT, RAW, WORD_MASK, I

OUT_FIRST: Final = 256
WIDER: Final = (1, 4)  # a ladder that a price left reaches so far beyond it


class Driven:
    """A simulated exchange: `runner.Venue`.

    Args:
        markets: What it trades.
        rules: How.
        books: What its own books begin as: account, assets, instruments, balances, brackets. None: it keeps none, and nobody is liquidated.
    """

    def __init__(self, markets: Sequence[Market], rules: Rules, books: State | None = None) -> None:
        self.venue = new_venue(markets, rules)
        self.clerk = Clerk(books) if books is not None and rules.margin else None
        self._signal = np.zeros(1, np.int64)
        self._out = np.zeros(OUT_FIRST, RAW)
        self._note_ends()

    def _note_ends(self) -> None:
        """Head and tail of both wires, wherever they are."""
        self._ends = self.venue.wires.view("<i8").reshape(2, -1)[:, :2]

    def advance(self, rows: np.ndarray, begin: int, until_ns: int) -> int:
        """See `runner.Venue`."""
        rows.flags.writeable = False  # one type for the compiler
        while True:
            begin = int(exchange.advance(self.venue, rows, I(begin), I(until_ns), self._signal))
            why = self._signal[0]
            if why == NO_ROOM:
                self.venue = lengthen(self.venue)
            elif why == OUTSIDE:
                row = rows[begin]
                self._widen(int(row["head"]) >> int(INSTRUMENT_SHIFT) & int(WORD_MASK), int(row["price"]))
            elif why == APART:
                asked = self.venue.requests[self.venue.wires[ENTRY]["head"] & (len(self.venue.requests) - 1)]
                self._widen(int(asked["instrument"]), int(asked["price"]))
            elif why == BOOKED:
                self.keep_books()
            else:
                return begin

    def keep_books(self) -> None:
        """What the exchange stops for where an account changed, or what it is worth: nothing else may happen before."""
        self.venue.clock[0]["stirred"] = 0
        if self.clerk is not None:
            self.venue = self.clerk.keep(self.venue)

    def outside(self) -> dict[int, int]:
        """By instrument how many rows told of prices that its ladder does not have, and were not kept."""
        return {int(each["instrument"]): int(each["outside"]) for each in self.venue.markets}

    def _widen(self, instrument: int, price: int) -> None:
        """Room for a price that left its ladder."""
        place = int(self.venue.places[instrument])
        tick, bids = int(self.venue.markets[place]["tick"]), self.venue.sides[2 * place]
        low, high = int(bids["lo"]) * tick, int(bids["hi"]) * tick
        low, high = min(low, price - price * WIDER[0] // WIDER[1]), max(high, price + price * WIDER[0] // WIDER[1])
        self.venue = widen(self.venue, instrument, max(low, tick), high)

    def send(self, request: Request, sent_ns: int) -> None:
        """See `runner.Venue`."""
        wired = request_of(request)
        while exchange.send(self.venue, wired, I(sent_ns)) != DONE:
            self.venue = lengthen(self.venue)

    def next_arrival_ns(self) -> int:
        """See `runner.Venue`."""
        return self._due(RESPONSE, self.venue.reports, "ts_recv")

    def next_request_ns(self) -> int:
        """See `runner.Venue`."""
        return min(self._due(ENTRY, self.venue.requests, "due_ns"), int(self.venue.clock[0]["own_ns"]))

    def _due(self, place: I, ring: np.ndarray, name: str) -> int:
        """When the first message of a wire arrives; NEVER: there is none."""
        head, tail = self._ends[place].tolist()
        return int(ring[name][head & (len(ring) - 1)]) if head != tail else int(NEVER)

    def take(self, at_ns: int) -> np.ndarray:
        """See `runner.Venue`."""
        found = []
        while True:
            n = int(exchange.take(self.venue, I(at_ns), self._out))
            found.append(self._out[:n].copy())
            if n < len(self._out):
                return np.concatenate(found).view(ROW)

    def ended(self) -> str:
        """See `runner.Venue`."""
        if self._signal[0] != STOPPED:
            return ""
        return (
            f"the exchange that is imitated would have ended the run with its code {int(self.venue.clock[0]['abort'])}"
        )
