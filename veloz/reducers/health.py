"""What the counters of a feed say: rates, staleness, latency, spread, and one score from 0 to 100.

The score begins at 100 and loses, in whole points:

    40  no book that may be believed, though depth messages came
    30  nothing received for 5 s of engine time; 15 for 1 s
    20  a gap within all diffs so far, once per 1000 diffs begun, at most 20: 1 + gaps · 1000 // diffs
    10  the book was crossed after a message: 1 + crossed · 1000 // samples, at most 10
    10  quotes that disagree with the book at the same update: 1 + disagreed · 1000 // quotes, at most 10
    10  99 % latency quantile more than 1 s above the median
"""

from typing import NamedTuple

from veloz.contracts.registry import BY_NUMBER, QUOTE
from veloz.reducers.limits import CHANNELS, LATENCY_BINS, LATENCY_LOW_BITS, LATENCY_SIDE, RATE_SECONDS, SUB_BITS
from veloz.reducers.state import State
from veloz.reducers.sums import whole
from veloz.reducers.view import engine_time, is_synced, slot_of, top

SECOND_NS = 1_000_000_000
STALE_NS = 5 * SECOND_NS


class Health(NamedTuple):
    """One instrument's feed. Times in ns, spreads in price quanta."""

    messages: dict[str, int]  # by kind
    diffs: int
    stale: int
    gaps: int
    snapshots: int
    broken: int  # times a book was lost
    age_ns: int  # engine time since anything was received
    per_second: int  # messages of the last whole second
    per_minute: int  # of the last 60 whole seconds
    latency_ns: dict[int, int]  # 50, 90, 99 % → lower edge of the bin it lies in
    spread: dict[str, int]  # last, min, max, mean (rounded down), samples
    anomalies: dict[str, int]
    score: int


def bin_edge_ns(index: int) -> int:
    """The edge of a latency bin that lies nearer to zero. Bin LATENCY_SIDE begins at 0, the one before ends there."""
    step = index - LATENCY_SIDE if index >= LATENCY_SIDE else LATENCY_SIDE - 1 - index
    if step == 0:
        return 0
    octave, part = divmod(step - 1, 1 << SUB_BITS)
    edge = ((1 << SUB_BITS) + part) << (LATENCY_LOW_BITS + octave - SUB_BITS)
    return edge if index >= LATENCY_SIDE else -edge


def quantile_ns(state: State, instrument: int, percent: int) -> int:
    """Latency (receive − event) that `percent` of messages do not exceed, as the edge of its bin nearer to zero; 0 without any."""
    slot_ix = slot_of(state, instrument)
    counts = state.latency[slot_ix * LATENCY_BINS : (slot_ix + 1) * LATENCY_BINS].tolist() if slot_ix >= 0 else []
    wanted = -(-sum(counts) * percent // 100)
    seen = 0
    for index, count in enumerate(counts):
        seen += count
        if seen >= wanted > 0:
            return bin_edge_ns(index)
    return 0


def rates(state: State, instrument: int) -> tuple[int, int]:
    """Messages of the last whole second and of the last 60 whole seconds before engine time."""
    slot_ix, now = slot_of(state, instrument), engine_time(state) // SECOND_NS
    if slot_ix < 0 or state.feeds[slot_ix]["rate_end_ns"] == 0:
        return 0, 0
    feed, ring = state.feeds[slot_ix], state.rates[slot_ix * RATE_SECONDS : (slot_ix + 1) * RATE_SECONDS]
    newest = int(feed["rate_second"])

    def count(second: int) -> int:
        if second == newest:
            return int(feed["rate_count"])
        return int(ring[second % RATE_SECONDS]) if newest - RATE_SECONDS < second < newest else 0

    return count(now - 1), sum(count(second) for second in range(now - 60, now))


def depth_near(state: State, instrument: int, distance: int) -> tuple[int, int]:
    """Quantity resting within `distance` price quanta of the best bid and of the best ask."""
    book = top(state, instrument, 0)
    bid = sum(qty for price, qty in book.bids if price >= book.bids[0][0] - distance)
    return bid, sum(qty for price, qty in book.asks if price <= book.asks[0][0] + distance)


def health(state: State, instrument: int) -> Health | None:
    """All of it; None for an instrument without market data."""
    slot_ix = slot_of(state, instrument)
    if slot_ix < 0:
        return None
    slot, feed = state.slots[slot_ix], state.feeds[slot_ix]
    channels = state.channels[slot_ix * CHANNELS : (slot_ix + 1) * CHANNELS]
    samples = int(feed["spread_n"])
    spread = {name: int(feed[f"spread_{name}"]) for name in ("last", "min", "max")}
    spread["mean"] = whole(feed["spread_hi"], feed["spread_lo"]) // samples if samples else 0
    spread["samples"] = samples
    anomalies = {
        name: int(feed[name])
        for name in ("crossed", "jumps", "disagreed", "quote_crossed", "quote_back", "trade_back", "refused")
    }
    anomalies["event_time_back"] = int(channels["back"].sum())
    anomalies["hurt"], anomalies["orphans"] = int(slot["hurt"]), int(slot["orphans"])
    return Health(
        messages={BY_NUMBER[k].name: int(channels[k]["count"]) for k in range(CHANNELS) if channels[k]["count"]},
        diffs=int(slot["diffs"]),
        stale=int(slot["stale"]),
        gaps=int(slot["gaps"]),
        snapshots=int(slot["snapshots"]),
        broken=int(slot["broken"]),
        age_ns=engine_time(state) - int(channels["ts_recv"].max()),
        per_second=rates(state, instrument)[0],
        per_minute=rates(state, instrument)[1],
        latency_ns={percent: quantile_ns(state, instrument, percent) for percent in (50, 90, 99)},
        spread=spread,
        anomalies=anomalies,
        score=score(state, instrument),
    )


def score(state: State, instrument: int) -> int:
    """One number for the quality of a feed, 0 … 100, as drawn up at the head of this file; 0 without market data."""
    slot_ix = slot_of(state, instrument)
    if slot_ix < 0:
        return 0
    slot, feed = state.slots[slot_ix], state.feeds[slot_ix]
    channels = state.channels[slot_ix * CHANNELS : (slot_ix + 1) * CHANNELS]
    quotes, age = int(channels[QUOTE.number]["count"]), engine_time(state) - int(channels["ts_recv"].max())
    lost = 40 * (int(slot["diffs"]) > 0 and not is_synced(state, instrument))
    lost += 30 if age >= STALE_NS else 15 if age >= SECOND_NS else 0
    lost += _share(int(slot["gaps"]), int(slot["diffs"]), 20)
    lost += _share(int(feed["crossed"]), int(feed["spread_n"]) + int(feed["crossed"]), 10)
    lost += _share(int(feed["disagreed"]), quotes, 10)
    lost += 10 * (quantile_ns(state, instrument, 99) - quantile_ns(state, instrument, 50) > SECOND_NS)
    return max(0, 100 - lost)


def _share(bad: int, all_of_them: int, most: int) -> int:
    return min(most, 1 + bad * 1000 // max(all_of_them, 1)) if bad else 0
