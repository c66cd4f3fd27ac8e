"""The simulated exchange, and whatever runs a recording through it."""

from veloz.backtest.exchange import advance, new_venue, next_arrival_ns, next_venue_ns, send, take

__all__ = ["advance", "new_venue", "next_arrival_ns", "next_venue_ns", "send", "take"]
