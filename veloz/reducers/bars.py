"""Time bars out of trades: 1s 1m 5m 15m 30m 1h 4h 1d, buckets by the venue's match time, floored in UTC.

Only the newest one-second bar is touched by a trade. When a trade of a later second comes, that bar is merged into the seven
longer ones; a reader merges it the same way (`view.bars`). First and last price of a bar are those of its earliest and latest
match time, ties by order of arrival, so a merged bar equals one fed trade by trade.

A trade of an older second goes straight into its bars of all intervals. For an interval whose bucket is older than its newest one it is
late and counted; older than the newest BARS_KEPT buckets it is lost for that interval, and counted as that. A bar is closed
when a trade of a later bucket of its interval has arrived.

Fed by md.trade. While an instrument has had no md.trade, by md.aggtrade; while it has had neither, by bars that somebody states
(`stated.py`). The first row of a better source drops what the others made, so that a bar never counts a fill twice. Trades that are not
market trades (ODD) make no bars.
"""

import itertools
from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.limits import BARS_KEPT, PRICE_MAX, SUM_BITS, TIME_MAX_NS, TRADES_MAX, TURNOVER_BITS
from veloz.reducers.state import INTERVALS
from veloz.reducers.sums import LIMB_BITS, add_hi, add_lo, multiply
from veloz.reducers.words import ONE, ZERO, I

SECOND_NS: Final = 1_000_000_000
INTERVALS_NS: Final = tuple(n * SECOND_NS for n in (1, 60, 300, 900, 1800, 3600, 14_400, 86_400))
INTERVAL_NAMES: Final = ("1s", "1m", "5m", "15m", "30m", "1h", "4h", "1d")
assert len(INTERVALS_NS) == len(INTERVAL_NAMES) == INTERVALS
assert all(longer % shorter == 0 for shorter, longer in itertools.pairwise(INTERVALS_NS) if shorter != 900)

STATED, AGGREGATED, PRINTED = I(1), I(2), I(3)  # what feeds a tape, the better ones later

_STEPS: Final = np.array(INTERVALS_NS, np.int64)
_COUNT, _KEPT, _RING, _SECOND = I(INTERVALS), I(BARS_KEPT), I(BARS_KEPT - 1), I(SECOND_NS)
_PRICE_MAX, _TIME_MAX, _TRADES_MAX = I(PRICE_MAX), I(TIME_MAX_NS), I(TRADES_MAX)
_TURNOVER_HI, _SUM_HI = I(1 << (TURNOVER_BITS - LIMB_BITS)), I(1 << (SUM_BITS - LIMB_BITS))


@kernel
def open_bar(bar: np.void, bucket: I, ts: I, price: I) -> None:
    """Begin a bar, whatever was in its place."""
    bar["bucket"] = bucket
    bar["records"] = ZERO
    bar["trades"] = ZERO
    bar["amended"] = ZERO
    bar["ts_first"] = ts
    bar["ts_last"] = ts
    bar["open"] = price
    bar["high"] = price
    bar["low"] = price
    bar["close"] = price
    bar["volume_hi"] = ZERO
    bar["volume_lo"] = ZERO
    bar["buy_hi"] = ZERO
    bar["buy_lo"] = ZERO
    bar["quote_hi"] = ZERO
    bar["quote_lo"] = ZERO


@kernel
def add_trade(bar: np.void, price: I, qty: I, ts: I, sold: I, trades: I, hi: I, lo: I) -> None:
    """One trade, and its turnover in two words, into one bar that is open."""
    bar["records"] += ONE
    bar["trades"] += trades
    if ts < bar["ts_first"]:
        bar["ts_first"] = ts
        bar["open"] = price
    if ts >= bar["ts_last"]:
        bar["ts_last"] = ts
        bar["close"] = price
    if price > bar["high"]:
        bar["high"] = price
    if price < bar["low"]:
        bar["low"] = price
    bar["volume_hi"] = add_hi(bar["volume_hi"], bar["volume_lo"], qty)
    bar["volume_lo"] = add_lo(bar["volume_lo"], qty)
    if sold == 0:
        bar["buy_hi"] = add_hi(bar["buy_hi"], bar["buy_lo"], qty)
        bar["buy_lo"] = add_lo(bar["buy_lo"], qty)
    bar["quote_hi"] = min(add_hi(bar["quote_hi"], bar["quote_lo"], lo) + hi, _SUM_HI)
    bar["quote_lo"] = add_lo(bar["quote_lo"], lo)


@kernel
def merge_bar(bar: np.void, part: np.void) -> None:
    """A shorter bar into a longer one that is open."""
    bar["records"] += part["records"]
    bar["trades"] += part["trades"]
    if part["ts_first"] < bar["ts_first"]:
        bar["ts_first"] = part["ts_first"]
        bar["open"] = part["open"]
    if part["ts_last"] >= bar["ts_last"]:
        bar["ts_last"] = part["ts_last"]
        bar["close"] = part["close"]
    bar["high"] = max(bar["high"], part["high"])
    bar["low"] = min(bar["low"], part["low"])
    bar["volume_hi"] = add_hi(bar["volume_hi"], bar["volume_lo"], part["volume_lo"]) + part["volume_hi"]
    bar["volume_lo"] = add_lo(bar["volume_lo"], part["volume_lo"])
    bar["buy_hi"] = add_hi(bar["buy_hi"], bar["buy_lo"], part["buy_lo"]) + part["buy_hi"]
    bar["buy_lo"] = add_lo(bar["buy_lo"], part["buy_lo"])
    bar["quote_hi"] = min(add_hi(bar["quote_hi"], bar["quote_lo"], part["quote_lo"]) + part["quote_hi"], _SUM_HI)
    bar["quote_lo"] = add_lo(bar["quote_lo"], part["quote_lo"])


@kernel
def bar_at(slot_ix: I, interval: I, bucket: I) -> I:
    """Place of a bucket's bar in the ring of its slot and interval."""
    return (slot_ix * _COUNT + interval) * _KEPT + (bucket & _RING)


@kernel
def is_open(bar: np.void, bucket: I) -> bool:
    """Whether the bar in a ring's place is this bucket's, not an older one's."""
    return bool(bar["records"] > 0 and bar["bucket"] == bucket)


@cold
def turn_second(tapes: np.ndarray, bars: np.ndarray, slot_ix: I, ts: I, price: I) -> None:
    """A trade of a later second: merge the newest one-second bar into the longer ones, then open the next."""
    tape = tapes[slot_ix]
    if tape["end_ns"] > 0:
        part = bars[tape["ring_at"]]
        for interval in range(1, INTERVALS):
            bucket = tape["begin_ns"] // _STEPS[interval]
            bar = bars[bar_at(slot_ix, I(interval), bucket)]
            if not is_open(bar, bucket):
                open_bar(bar, bucket, part["ts_first"], part["open"])
            merge_bar(bar, part)
    else:
        tape["since_ns"] = ts
    bucket = ts // _SECOND
    tape["second"] = bucket
    tape["begin_ns"] = bucket * _SECOND
    tape["end_ns"] = (bucket + ONE) * _SECOND
    tape["ring_at"] = bar_at(slot_ix, ZERO, bucket)
    open_bar(bars[tape["ring_at"]], bucket, ts, price)


@cold
def amend_bars(
    tapes: np.ndarray,
    bars: np.ndarray,
    lates: np.ndarray,
    slot_ix: I,
    price: I,
    qty: I,
    ts: I,
    sold: I,
    trades: I,
    hi: I,
    lo: I,
) -> None:
    """A trade of an older second, into the bars of every interval that are still kept."""
    for interval in range(INTERVALS):
        step = _STEPS[interval]
        bucket, newest = ts // step, tapes[slot_ix]["begin_ns"] // step
        late = lates[slot_ix * _COUNT + interval]
        if newest - bucket >= _KEPT:
            late["lost"] += ONE
            continue
        bar = bars[bar_at(slot_ix, I(interval), bucket)]
        if not is_open(bar, bucket):
            open_bar(bar, bucket, ts, price)
        add_trade(bar, price, qty, ts, sold, trades, hi, lo)
        if bucket < newest:
            late["late"] += ONE
            bar["amended"] += ONE


@cold
def change_source(tapes: np.ndarray, bars: np.ndarray, lates: np.ndarray, slot_ix: I, source: I) -> None:
    """Begin a tape, or drop what a lesser source made of it."""
    tape = tapes[slot_ix]
    for place in range(slot_ix * _COUNT * _KEPT, (slot_ix + ONE) * _COUNT * _KEPT):
        open_bar(bars[place], ZERO, ZERO, ZERO)
    for place in range(slot_ix * _COUNT, (slot_ix + ONE) * _COUNT):
        lates[place]["late"] = ZERO
        lates[place]["lost"] = ZERO
    tape["source"] = source
    tape["since_ns"] = ZERO
    tape["step_ns"] = ZERO
    tape["second"] = ZERO
    tape["begin_ns"] = ZERO
    tape["end_ns"] = ZERO
    tape["ring_at"] = ZERO


@kernel
def apply_trade(
    tapes: np.ndarray, bars: np.ndarray, lates: np.ndarray, slot_ix: I, source: I, price: I, qty: I, ts: I, sold: I, trades: I
) -> None:  # fmt: skip
    """A market trade, or an aggregate of `trades` of them, into the bars of its slot."""
    tape = tapes[slot_ix]
    if price < 0 or price > _PRICE_MAX or qty < 0 or ts < 0 or ts > _TIME_MAX or trades < 0 or trades > _TRADES_MAX:
        tape["refused"] += ONE
        return
    hi, lo = multiply(price, qty)
    if hi >= _TURNOVER_HI:
        tape["refused"] += ONE
        return
    if tape["source"] != source:
        if source < tape["source"]:
            return
        change_source(tapes, bars, lates, slot_ix, source)
    if ts >= tape["end_ns"]:
        turn_second(tapes, bars, slot_ix, ts, price)
    if ts >= tape["begin_ns"]:
        add_trade(bars[tape["ring_at"]], price, qty, ts, sold, trades, hi, lo)
    else:
        amend_bars(tapes, bars, lates, slot_ix, price, qty, ts, sold, trades, hi, lo)


@kernel
def newest_bucket(tape: np.void, length_ns: I) -> I:
    """Number of an interval's bar that is open now; 0: none is. Stated bars make none of an interval that they do not divide."""
    if tape["source"] == STATED and length_ns % tape["step_ns"] != 0:
        return ZERO
    return I(tape["begin_ns"] // length_ns)


@kernel
def has_closed(tape: np.void, length_ns: I, seen: I) -> bool:
    """Whether a bar of an interval has closed since number `seen` was the open one; 0: none was. Of trades the first one that is open then
    may have begun before, and tells nothing; a stated bar is whole. What another source made is gone, and closes no more.
    """
    newest = newest_bucket(tape, length_ns)
    if newest <= seen or newest <= tape["since_ns"] // length_ns:
        return False
    return bool(seen > 0 or (tape["source"] == STATED and (tape["begin_ns"] - tape["step_ns"]) // length_ns < newest))
