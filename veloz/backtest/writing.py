"""The rows of reports, as they are put on the wire to the desk."""

from veloz.backtest.machine import RESPONSE, Venue
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import R_ACCOUNT, R_SELL, R_SIDE, R_WHY
from veloz.reducers.words import INSTRUMENT_SHIFT, ONE, VERSION_ONE, VERSION_SHIFT, I


@kernel
def meta_of(account: I, sell: I, side: I, why: I) -> I:
    """The word `meta` of a report."""
    return (account << R_ACCOUNT) | (sell << R_SELL) | (side << R_SIDE) | (why << R_WHY)


@cold
def put_row(venue: Venue, due_ns: I, now: I, kind: I, instrument: I, key: I, price: I, qty: I, ref: I, meta: I) -> I:
    """One row of a report that arrives at `due_ns`; its place in the ring. There is room: `advance` saw to it."""
    wire = venue.wires[RESPONSE]
    place = wire["tail"] & (venue.reports.shape[0] - ONE)
    row = venue.reports[place]
    row["head"] = kind | (VERSION_ONE << VERSION_SHIFT) | (instrument << INSTRUMENT_SHIFT)
    row["ts_recv"] = due_ns
    row["ts_event"] = now
    row["venue_seq"] = key
    row["price"] = price
    row["qty"] = qty
    row["ref"] = ref
    row["aux"] = meta
    told = venue.told[place]
    told["resting"] = -ONE
    wire["tail"] += ONE
    return I(place)


@kernel
def next_report_seq(venue: Venue, now: I) -> I:
    """The venue's order of reports: greater is later."""
    clock = venue.clock[0]
    seq = max(I(clock["report_seq"]) + ONE, now)
    clock["report_seq"] = seq
    return seq
