"""Bars that a venue or a file states, into the bars of their slot: for an instrument without trades.

A stated bar is two rows, prices and then volumes. One that is closed goes whole into its own interval and into every kept one that is a
multiple of it, and it closes them where it ends with them: nothing later has to come first. The shortest interval stated counts, longer
ones beside it are made of it, until one of them begins its own length behind the last of the short ones. A bar that ends no later than the
newest is lost. The first trade drops them all (`bars.py`).

Nobody may have counted the trades of such a bar: it is told as one at least, because none would mean no bar.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bars import INTERVALS_NS, STATED, bar_at, change_source, is_open, open_bar
from veloz.reducers.limits import PRICE_MAX, SUM_BITS, TIME_MAX_NS, TRADES_MAX
from veloz.reducers.state import INTERVALS, State
from veloz.reducers.sums import LIMB_BITS, add_hi, add_lo
from veloz.reducers.wide import scale_tens
from veloz.reducers.words import F_CLOSED, ONE, ZERO, I

_STEPS: Final = np.array(INTERVALS_NS, np.int64)
_SECOND, _COUNT = I(INTERVALS_NS[0]), I(INTERVALS)
_PRICE_MAX, _TIME_MAX, _TRADES_MAX = I(PRICE_MAX), I(TIME_MAX_NS), I(TRADES_MAX)
_SUM_HI: Final = I(1 << (SUM_BITS - LIMB_BITS))
_E8: Final = I(8)


@kernel
def fold_prices(state: State, slot_ix: I, row: np.void, flags: I) -> None:
    """One md.bar: of a closed one the prices; its volumes are to come. The close is known from here on."""
    tape = state.tapes[slot_ix]
    tape["stated_ns"] = ZERO
    if flags & F_CLOSED == 0:
        return
    opened, first, high, low, close = row["venue_seq"], row["price"], row["qty"], row["ref"], row["aux"]
    if close < 0 or close > _PRICE_MAX:
        state.feeds[slot_ix]["refused"] += ONE
        return
    tape["stated_close"] = close
    if min(first, low) < 0 or max(first, high) > _PRICE_MAX or max(first, close) > high or min(first, close) < low:
        state.feeds[slot_ix]["refused"] += ONE
        return
    tape["stated_ns"] = opened
    tape["stated_open"] = first
    tape["stated_high"] = high
    tape["stated_low"] = low


@cold
def fold_volumes(state: State, slot_ix: I, instrument: I, row: np.void) -> None:
    """One md.bar_volume: the bar whose prices stood before it is whole."""
    tape = state.tapes[slot_ix]
    opened, step, trades = I(tape["stated_ns"]), I(row["venue_seq"]), I(row["aux"])
    tape["stated_ns"] = ZERO
    if opened <= ZERO or tape["source"] > STATED:
        return
    if step < _SECOND or step > _STEPS[_COUNT - ONE] or opened > _TIME_MAX - step or opened % step != ZERO:
        return
    if row["price"] < 0 or row["qty"] < 0 or row["ref"] < 0 or trades < 0 or trades > _TRADES_MAX:
        tape["refused"] += ONE
        return
    has_ended = opened >= tape["begin_ns"] + step  # the shorter ones, for so long that these go on without them
    if tape["source"] == ZERO or step < tape["step_ns"] or (step > tape["step_ns"] and has_ended):
        change_source(state.tapes, state.bars, state.lates, slot_ix, STATED)
        tape["step_ns"] = step
        tape["since_ns"] = opened
    if step > tape["step_ns"]:
        return
    known = state.instruments[instrument]
    hi, lo, ok = scale_tens(ZERO, I(row["ref"]), known["price_scale"] + known["qty_scale"] - _E8)
    hi = min(hi, _SUM_HI) if ok else _SUM_HI
    is_lost = opened + step <= tape["begin_ns"]
    for interval in range(INTERVALS):
        if _STEPS[interval] % step != ZERO:
            continue
        if is_lost:
            state.lates[slot_ix * _COUNT + interval]["lost"] += ONE
            continue
        bucket = opened // _STEPS[interval]
        bar = state.bars[bar_at(slot_ix, I(interval), bucket)]
        if not is_open(bar, bucket):
            open_bar(bar, bucket, opened, I(tape["stated_open"]))
        _add(bar, tape, opened, I(row["price"]), I(row["qty"]), max(trades, ONE), hi, lo)
    if not is_lost:
        tape["second"] = (opened + step) // _SECOND
        tape["begin_ns"] = opened + step
        tape["end_ns"] = opened + step + _SECOND


@kernel
def _add(bar: np.void, tape: np.void, opened: I, volume: I, buy: I, trades: I, hi: I, lo: I) -> None:
    """The stated bar, and its turnover in two words, into one that is open."""
    bar["records"] += ONE
    bar["trades"] += trades
    bar["ts_last"] = opened
    bar["close"] = tape["stated_close"]
    bar["high"] = max(bar["high"], tape["stated_high"])
    bar["low"] = min(bar["low"], tape["stated_low"])
    bar["volume_hi"] = add_hi(bar["volume_hi"], bar["volume_lo"], volume)
    bar["volume_lo"] = add_lo(bar["volume_lo"], volume)
    bar["buy_hi"] = add_hi(bar["buy_hi"], bar["buy_lo"], buy)
    bar["buy_lo"] = add_lo(bar["buy_lo"], buy)
    bar["quote_hi"] = min(add_hi(bar["quote_hi"], bar["quote_lo"], lo) + hi, _SUM_HI)
    bar["quote_lo"] = add_lo(bar["quote_lo"], lo)
