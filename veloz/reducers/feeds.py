"""The health of every feed: how much, how late, how whole. Counted once a message, never a level row.

Latency (receive − event time, also negative) goes into bins of at most 12.5 % width whose edges are whole nanoseconds. Rates
come from whole seconds of engine time. Gaps follow the venue's rule over all diffs, whatever the book does with them: a diff whose
u is not above the greatest u so far is stale; any other that breaks U = u + 1 (futures: pu = u) is a gap.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.limits import (
    CHANNELS,
    JUMP_BITS,
    LATENCY_BINS,
    LATENCY_HIGH_BITS,
    LATENCY_LOW_BITS,
    LATENCY_SIDE,
    RATE_SECONDS,
    SUB_BITS,
    TIME_MAX_NS,
)  # fmt: skip
from veloz.reducers.sums import add_hi, add_lo
from veloz.reducers.words import ONE, ZERO, I

_CHANNELS, _BINS, _SIDE_BINS, _SECONDS = I(CHANNELS), I(LATENCY_BINS), I(LATENCY_SIDE), I(RATE_SECONDS)
_TIME_MAX, _SECOND, _JUMP = I(TIME_MAX_NS), I(1_000_000_000), I(JUMP_BITS)
_LOW, _HIGH = I(1 << LATENCY_LOW_BITS), I((1 << LATENCY_HIGH_BITS) - 1)
_DROPPED: Final = I(52 - SUB_BITS)
_FIRST: Final = I((1023 + LATENCY_LOW_BITS) << SUB_BITS)


@kernel
def latency_bin(latency_ns: I) -> I:
    """Bin of a latency within ± TIME_MAX_NS: LATENCY_SIDE is the first at or above zero."""
    size = latency_ns if latency_ns >= 0 else -latency_ns
    size = min(size, _HIGH)
    step = ZERO
    if size >= _LOW:
        step = (np.float64(size).view(np.int64) >> _DROPPED) - _FIRST + ONE
    return _SIDE_BINS + step if latency_ns >= 0 else _SIDE_BINS - ONE - step


@cold
def turn_rate(feeds: np.ndarray, rates: np.ndarray, slot_ix: I, now: I) -> None:
    """A message in a later second: put the old second's count away and begin a new one."""
    feed = feeds[slot_ix]
    second, old, at = now // _SECOND, feed["rate_second"], slot_ix * _SECONDS
    if feed["rate_end_ns"] > 0:
        for each in range(old + ONE, min(second, old + _SECONDS)):
            rates[at + (each & (_SECONDS - ONE))] = ZERO
        rates[at + (old & (_SECONDS - ONE))] = feed["rate_count"] if second - old < _SECONDS else ZERO
    feed["rate_second"] = second
    feed["rate_end_ns"] = (second + ONE) * _SECOND
    feed["rate_count"] = ONE


@kernel
def note_message(
    channels: np.ndarray, feeds: np.ndarray, latency: np.ndarray, rates: np.ndarray, slot_ix: I, kind: I,
    ts_recv: I, ts_event: I, now: I,
) -> None:  # fmt: skip
    """Count one message of a kind. An event time of zero or less was not stated."""
    channel = channels[slot_ix * _CHANNELS + kind]
    channel["count"] += ONE
    channel["ts_recv"] = ts_recv
    if ts_event > 0:
        channel["back"] += I(ts_event < channel["ts_event"])
        channel["ts_event"] = ts_event
        if ts_event <= _TIME_MAX and ts_recv >= 0 and ts_recv <= _TIME_MAX:
            latency[slot_ix * _BINS + latency_bin(ts_recv - ts_event)] += ONE
    feed = feeds[slot_ix]
    if now < feed["rate_end_ns"]:
        feed["rate_count"] += ONE
    else:
        turn_rate(feeds, rates, slot_ix, now)


@kernel
def note_diff(slot: np.void, first: I, last: I, prev: I) -> None:
    """Count a diff's place in the venue's own sequence."""
    slot["diffs"] += ONE
    if slot["diff_seen"] == 0:
        slot["diff_seen"] = ONE
        slot["diff_id"] = last
    elif last <= slot["diff_id"]:
        slot["stale"] += ONE
    else:
        if slot["futures"] != 0:
            slot["gaps"] += I(prev != slot["diff_id"])
        else:
            slot["gaps"] += I(first - slot["diff_id"] != 1)
        slot["diff_id"] = last


@kernel
def note_spread(feed: np.void, bid_key: I, ask_key: I) -> None:
    """Sample the book's spread after a message; both sides have a best level."""
    spread = -ask_key - bid_key
    feed["spread_last"] = spread
    if spread <= 0:
        feed["crossed"] += ONE
        return
    if feed["spread_n"] == 0 or spread < feed["spread_min"]:
        feed["spread_min"] = spread
    if spread > feed["spread_max"]:
        feed["spread_max"] = spread
    feed["spread_n"] += ONE
    feed["spread_hi"] = add_hi(feed["spread_hi"], feed["spread_lo"], spread)
    feed["spread_lo"] = add_lo(feed["spread_lo"], spread)


@kernel
def is_jump(price: I, before: I) -> bool:
    """Whether a trade is more than 1/64 of the last price away from it."""
    return bool(abs(price - before) > (before >> _JUMP))
