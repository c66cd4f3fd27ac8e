"""Trades: the last one of every slot, and onwards into bars. Also forced orders."""

import numpy as np

from veloz.contracts.kernel import kernel
from veloz.reducers.bars import AGGREGATED, PRINTED, apply_trade
from veloz.reducers.feeds import is_jump, note_message
from veloz.reducers.limits import PRICE_MAX
from veloz.reducers.state import State
from veloz.reducers.words import F_ASK, F_ODD, K_AGGTRADE, K_LIQUIDATION, K_TRADE, ONE, I

_PRICE_MAX = I(PRICE_MAX)


@kernel
def fold_trade(state: State, slot_ix: I, row: np.void, flags: I, now: I) -> None:
    """One md.trade. An ODD one (insurance fund and the like) is counted and is neither last trade nor in a bar.

    An id of 0 is none: recordings of others may have no ids, and then nothing can be said of their order.
    """
    note_message(
        state.channels, state.feeds, state.latency, state.rates, slot_ix, K_TRADE, row["ts_recv"], row["ts_event"], now
    )
    trade = state.trades[slot_ix]
    if flags & F_ODD != 0:
        trade["odd"] += ONE
        return
    price = row["price"]
    if price < 0 or price > _PRICE_MAX or row["qty"] < 0:
        state.feeds[slot_ix]["refused"] += ONE
        return
    if trade["count"] > 0:
        feed = state.feeds[slot_ix]
        feed["jumps"] += I(is_jump(price, trade["price"]))
        feed["trade_back"] += I(row["venue_seq"] <= trade["trade_id"] and row["venue_seq"] != 0)
    trade["count"] += ONE
    trade["trade_id"] = row["venue_seq"]
    trade["price"] = price
    trade["qty"] = row["qty"]
    trade["ts_match"] = row["ref"]
    trade["ts_recv"] = row["ts_recv"]
    trade["sold"] = flags & F_ASK
    apply_trade(
        state.tapes, state.bars, state.lates, slot_ix, PRINTED, price, row["qty"], row["ref"], flags & F_ASK, ONE
    )


@kernel
def fold_aggtrade(state: State, slot_ix: I, row: np.void, flags: I, now: I) -> None:
    """One md.aggtrade: bars, while the instrument has had no md.trade."""
    note_message(
        state.channels,
        state.feeds,
        state.latency,
        state.rates,
        slot_ix,
        K_AGGTRADE,
        row["ts_recv"],
        row["ts_event"],
        now,
    )
    if flags & F_ODD == 0:
        apply_trade(
            state.tapes, state.bars, state.lates, slot_ix, AGGREGATED, row["price"], row["qty"], row["ref"],
            flags & F_ASK, row["aux"],
        )  # fmt: skip


@kernel
def fold_liquidation(state: State, slot_ix: I, row: np.void, flags: I, now: I) -> None:
    """One md.liquidation."""
    note_message(
        state.channels,
        state.feeds,
        state.latency,
        state.rates,
        slot_ix,
        K_LIQUIDATION,
        row["ts_recv"],
        row["ts_event"],
        now,
    )
    last = state.liquidations[slot_ix]
    last["ts_match"] = row["venue_seq"]
    last["price"] = row["price"]
    last["qty"] = row["qty"]
    last["avg_price"] = row["ref"]
    last["filled"] = row["aux"]
    last["sold"] = flags & F_ASK
    last["ts_recv"] = row["ts_recv"]
    last["count"] += ONE
