"""The fold: one compiled call over all reducers, row by row.

The kernel never allocates. Where a row needs more room, a moved window or another scale, the kernel stops at that row, says why and
how far into the row it got, the host (`host.py`) does it, and the kernel goes on from there. So what a row does depends on
the rows before it and on nothing else: not on how they were cut into calls.
"""

import numpy as np

from veloz.contracts.ahead import AHEAD, prefetch
from veloz.contracts.kernel import cold, entry, kernel
from veloz.reducers.bits import NOT_TRADING, ROOM_OF
from veloz.reducers.clock import advance, fold_started
from veloz.reducers.depth import EDGE, fold_run
from veloz.reducers.feeds import note_message
from veloz.reducers.host import attend
from veloz.reducers.limits import SLOTS_MAX
from veloz.reducers.marks import fold_mark
from veloz.reducers.quotes import fold_quote
from veloz.reducers.state import State
from veloz.reducers.stated import fold_prices, fold_volumes
from veloz.reducers.trades import fold_aggtrade, fold_liquidation, fold_trade
from veloz.reducers.trading import end_step, fold_trading, must_settle, restart
from veloz.reducers.windows import make_ready
from veloz.reducers.words import (
    BYTE_MASK,
    DONE,
    F_FIRST,
    F_STEP_END,
    FLAGS_SHIFT,
    FRESH,
    INSTRUMENT_ROW,
    INSTRUMENT_SHIFT,
    K_AGGTRADE,
    K_BAR,
    K_BAR_VOLUME,
    K_CHANGED,
    K_DATA_NAMED,
    K_LEVEL,
    K_LIQUIDATION,
    K_LISTED,
    K_MARK,
    K_MARKET_LAST,
    K_QUOTE,
    K_STARTED,
    K_TRADE,
    K_VENUE_LEVEL,
    K_VENUE_TRADE,
    KIND_MASK,
    KINDS_MAX,
    KNOWN,
    NEW_SLOT,
    ONE,
    RAW,
    SETTLE,
    TRADING,
    VERSION_ONE,
    VERSION_SHIFT,
    WORD_MASK,
    ZERO,
    I,
)  # fmt: skip

_SLOTS_MAX = I(SLOTS_MAX)


@kernel
def find_slot(state: State, instrument: I) -> I:
    """The slot of an instrument; -1: it has none yet; -2: it is not listed, or suspended, or there are no slots left."""
    if instrument >= state.instruments.shape[0]:
        return I(-2)
    known = state.instruments[instrument]
    slot_ix = known["slot"]
    if slot_ix >= 0:
        return I(slot_ix)
    if known["definition"] <= 0 or state.clock[0]["slots_used"] >= _SLOTS_MAX:
        return I(-2)
    return I(-1)


@kernel
def fold_other(state: State, slot_ix: I, kind: I, row: np.void, flags: I, now: I) -> None:
    """Market rows that are no depth and neither trade nor quote."""
    if kind == K_AGGTRADE:
        fold_aggtrade(state, slot_ix, row, flags, now)
    elif kind == K_MARK:
        fold_mark(state, slot_ix, row, now)
    elif kind == K_LIQUIDATION:
        fold_liquidation(state, slot_ix, row, flags, now)
    else:
        if kind == K_BAR:
            fold_prices(state, slot_ix, row, flags)
        elif kind == K_BAR_VOLUME:
            fold_volumes(state, slot_ix, (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK, row)
        if flags & F_FIRST != 0:
            note_message(
                state.channels, state.feeds, state.latency, state.rates, slot_ix, kind,
                row["ts_recv"], row["ts_event"], now,
            )  # fmt: skip


@cold
def fold_market(state: State, rows: np.ndarray, k: I, stage: I, signal: np.ndarray, first_seq: I) -> I:
    """Fold rows from `k` until one needs the host or trading; the place to go on from. `signal`: as of `fold_rows`; TRADING: row k is
    for the trading reducers; SETTLE: a step ended before row k, and trading is to be settled.
    """
    n = rows.shape[0]
    clock = state.clock[0]
    desk = state.desk[0]
    signal[0] = DONE
    while k < n:
        prefetch(rows, k + AHEAD)
        row = rows[k]
        head = row["head"]
        kind = head & KIND_MASK
        now = I(clock["now_ns"])
        if kind != K_VENUE_LEVEL and kind != K_VENUE_TRADE:
            now = advance(now, row["ts_recv"])
            clock["now_ns"] = now
        if kind - ONE < K_MARKET_LAST and kind > 0:
            slot_ix = find_slot(state, (head >> INSTRUMENT_SHIFT) & WORD_MASK)
            if (head >> VERSION_SHIFT) & BYTE_MASK != VERSION_ONE:
                clock["rows_newer"] += ONE
            elif slot_ix < 0:
                if slot_ix == -1:
                    signal[0] = NEW_SLOT
                    signal[3] = FRESH
                    return k
                clock["rows_unlisted"] += ONE
            elif kind == K_LEVEL:
                k = fold_run(state, rows, k, slot_ix, stage, signal)
                stage = FRESH
                if signal[0] != DONE:
                    return k
                if desk["open"] != 0 and is_due(desk, rows[k - ONE]["head"], clock["now_ns"]):
                    signal[0] = SETTLE
                    return k
                continue
            elif kind == K_QUOTE:
                fold_quote(state, slot_ix, row, now)
            elif kind == K_TRADE:
                fold_trade(state, slot_ix, row, (head >> FLAGS_SHIFT) & BYTE_MASK, now)
            else:
                fold_other(state, slot_ix, kind, row, (head >> FLAGS_SHIFT) & BYTE_MASK, now)
        elif kind in (K_LISTED, K_CHANGED):
            signal[0] = INSTRUMENT_ROW
            signal[1] = first_seq + k
            signal[3] = FRESH
            return k
        elif kind >= KINDS_MAX or KNOWN[kind] == 0:
            clock["rows_unknown"] += ONE
        elif (head >> VERSION_SHIFT) & BYTE_MASK > KNOWN[kind]:
            clock["rows_newer"] += ONE
        elif ROOM_OF[kind] != NOT_TRADING or (kind == K_STARTED and desk["open"] != 0):
            signal[0] = TRADING
            return k
        elif kind == K_STARTED:
            fold_started(clock, row["venue_seq"])
        elif kind == K_DATA_NAMED and first_seq + k == ONE and row["ref"] == ZERO:
            desk["ungated"] = ONE  # only a result begins with this row: what trades for real is always gated
        k += ONE
        if desk["open"] != 0 and is_due(desk, head, now):
            signal[0] = SETTLE
            return k
    return k


@kernel
def is_due(desk: np.void, head: I, now: I) -> bool:
    """Whether a row ends a step behind which trading, which is open, is to be settled."""
    return bool((head >> FLAGS_SHIFT) & F_STEP_END != 0 and must_settle(desk, now))


@entry
def fold_calm(state: State, rows: np.ndarray, k: I, stage: I, signal: np.ndarray, first_seq: I) -> I:
    """`fold_market` for Python: a journal without trading never waits for the trading reducers to be compiled."""
    return fold_market(state, rows, k, stage, signal, first_seq)


@entry
def fold_rows(state: State, rows: np.ndarray, k: I, stage: I, signal: np.ndarray, first_seq: I) -> I:
    """Fold rows from `k`; the place to go on from. `signal`: why it stopped (DONE at the end), on what, its key, the stage."""
    clock = state.clock[0]
    while True:
        k = fold_market(state, rows, k, stage, signal, first_seq)
        stage = FRESH
        now = I(clock["now_ns"])
        if signal[0] == TRADING:
            row = rows[k]
            signal[0] = DONE
            if row["head"] & KIND_MASK == K_STARTED:
                fold_started(clock, row["venue_seq"])
                restart(state, first_seq + k, now)
            else:
                fold_trading(state, row["head"] & KIND_MASK, row, first_seq + k, now, signal)
                if signal[0] != DONE:
                    return k
            k += ONE
            if (row["head"] >> FLAGS_SHIFT) & F_STEP_END != 0:
                end_step(state, now)
        elif signal[0] == SETTLE:
            end_step(state, now)
        else:
            if signal[0] == EDGE and state.desk[0]["open"] != 0 and is_due(state.desk[0], rows[k - ONE]["head"], now):
                end_step(state, now)  # the host moves a window, in which nothing is worth more or less
            return k


def fold(state: State, rows: np.ndarray, first_seq: int) -> State:
    """Fold rows into a state.

    Args:
        state: Changed in place, except arrays that had to grow. Use the returned one only.
        rows: Any dtype of 64 bytes [n]; read only. None at all: what this state's rows may need is compiled, and nothing else happens.
        first_seq: Sequence number of `rows[0]`: one more than the last row folded.

    Returns:
        The state after the last row.
    """
    raw = np.ascontiguousarray(rows).view(RAW)
    raw.flags.writeable = False  # one type for the compiler, whoever owns the memory
    signal = np.zeros(4, np.int64)
    k, stage = I(0), FRESH
    folding = fold_rows if state.desk["open"][0] else fold_calm
    while True:
        k = folding(state, raw, k, stage, signal, I(first_seq))
        if signal[0] == DONE:
            break
        if signal[0] == TRADING:
            folding, stage = fold_rows, FRESH
            continue
        stage = I(signal[3])
        if signal[0] == INSTRUMENT_ROW:
            state = attend(state, signal, raw[k])
            if state.desk[0]["open"] and (int(raw[k]["head"]) >> int(FLAGS_SHIFT)) & int(F_STEP_END):
                end_step(state, I(state.clock[0]["now_ns"]))
            k += 1
        else:
            state = attend(state, signal, raw[min(int(k), len(raw) - 1)])
    if len(raw):
        state.clock["seq"][0] = first_seq + len(raw) - 1
    else:
        make_ready()
    return state
