"""The exchange of a backtest behind the port of a live venue: it sees the market as it arrives, and fills our orders in it.

Its clock is the receive stamp, because nobody knows sooner: a request acts at the market as we knew it one entry latency after it was
sent. Since rows come stamped and in order, it can be taken to any moment that no later row will lie before, and not beyond. It is the
very machine of a backtest whose data have that clock, so a backtest of what was recorded comes to the same.
"""

from collections import deque
from typing import Final

import numpy as np

from veloz.backtest.apart import exchange_of
from veloz.backtest.port import Trading
from veloz.engine.outbox import Request
from veloz.history.ordering import TS_EVENT, VenueClock, venue_words, words_of
from veloz.reducers.words import RAW

NEVER: Final = (1 << 63) - 1
_NO_ROWS: Final = np.zeros(0, RAW)


class PaperVenue:
    """`venues.port.Orders` on a simulated exchange.

    Args:
        traded: What is traded, and how.
    """

    def __init__(self, traded: Trading) -> None:
        self._exchange = exchange_of(traded)
        self._clock = VenueClock(0, receive=True)
        self._heard: deque[np.ndarray] = deque()  # i8[n, 8] with the venue's time: not looked at yet
        self._rows, self._row = _NO_ROWS, 0  # RAW[n] in hand

    def hear(self, rows: np.ndarray) -> None:
        """See `venues.port.Orders`."""
        words = venue_words(words_of(rows))
        if len(words):
            words[:, TS_EVENT] = self._clock.times(words)
            self._heard.append(words)

    def send(self, request: Request, sent_ns: int) -> None:
        """See `venues.port.Orders`."""
        self._exchange.send(request, sent_ns)

    def advance(self, until_ns: int) -> int:
        """See `venues.port.Orders`."""
        if self._heard:
            rest = words_of(self._rows[self._row :])
            self._rows, self._row = np.concatenate([rest, *self._heard]).view(RAW).reshape(-1), 0
            self._heard.clear()
        self._row = self._exchange.advance(self._rows, self._row, until_ns)
        return self._exchange.next_arrival_ns()

    def take(self, at_ns: int) -> np.ndarray:
        """See `venues.port.Orders`."""
        return self._exchange.take(at_ns)

    def next_ns(self) -> int:
        """See `venues.port.Orders`."""
        row = int(self._rows["ts_event"][self._row]) if self._row < len(self._rows) else NEVER
        if row == NEVER and self._heard:
            row = int(self._heard[0][0, TS_EVENT])
        return min(row, self._exchange.next_arrival_ns(), self._exchange.next_request_ns())

    def ended(self) -> str:
        """Why it goes on no further; "" while it does."""
        return self._exchange.ended()
