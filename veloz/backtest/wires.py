"""Two wires, first in first out: requests to the exchange, reports to the desk. Nothing overtakes what is still under way."""

import numpy as np

from veloz.backtest.latency import delay_of
from veloz.backtest.machine import ENTRY, NEVER, RESPONSE, Venue
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.words import ONE, I


@kernel
def room_of(wire: np.void, ring: np.ndarray) -> I:
    """So many messages may still be put on a wire."""
    return I(ring.shape[0] - (wire["tail"] - wire["head"]))


@kernel
def request_due(venue: Venue) -> I:
    """When the next request reaches the exchange; NEVER: none is under way."""
    wire = venue.wires[ENTRY]
    if wire["head"] == wire["tail"]:
        return NEVER
    return I(venue.requests[wire["head"] & (venue.requests.shape[0] - ONE)]["due_ns"])


@kernel
def report_due(venue: Venue) -> I:
    """When the next report reaches the desk; NEVER: none is under way."""
    wire = venue.wires[RESPONSE]
    if wire["head"] == wire["tail"]:
        return NEVER
    return I(venue.reports[wire["head"] & (venue.reports.shape[0] - ONE)]["ts_recv"])


@cold
def queue_behind(venue: Venue, place: I, due_ns: I) -> I:
    """When a message that by itself would arrive at `due_ns` does: not before what is still on the wire."""
    wire = venue.wires[place]
    if wire["tail"] > wire["head"]:
        due_ns = max(due_ns, I(wire["due_ns"]))
    wire["due_ns"] = due_ns
    return due_ns


@cold
def due_after(venue: Venue, place: I, at_ns: I) -> I:
    """When a message sent at `at_ns` on a wire arrives."""
    return queue_behind(venue, place, at_ns + abs(delay_of(venue, place, at_ns)))
