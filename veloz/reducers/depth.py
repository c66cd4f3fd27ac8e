"""Depth messages: runs of level rows from FIRST to LAST, through the book's machine into the book.

The first row decides what becomes of the whole message: applied, loaded as a snapshot, held back for the next snapshot, or
ignored. The last one completes it: a snapshot is followed by the diffs that were held, and the feed's spread is sampled.
A message that never ended, or that holds a level no book can, breaks the book.

A message whose rows are APPLIED was put in order by somebody else: it is applied whatever its ids say, and the book is SYNCED from
the first one on. Such a row may also be EMPTY: a side is cleared from its best level to a price. As nobody checked that no row is
missing, a level that becomes the best and reaches the other side tells that what it reached there is gone.
"""

import numpy as np

from veloz.contracts import layout
from veloz.contracts.ahead import AHEAD, prefetch
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.book import AFTER, clear_side, clear_to, find_below, near_edge, set_level, set_place
from veloz.reducers.booksync import (
    E_COMPLETE,
    E_HURT,
    E_OLDER,
    E_SNAPSHOT,
    S_BROKEN,
    S_LOADED,
    S_LOADING,
    S_SYNCED,
    follow,
    relate,
)  # fmt: skip
from veloz.reducers.clock import advance
from veloz.reducers.feeds import note_diff, note_message, note_spread
from veloz.reducers.limits import HELD_MAX, PRICE_MAX
from veloz.reducers.state import State
from veloz.reducers.words import (
    BEGUN,
    BYTE_MASK,
    DONE,
    F_APPLIED,
    F_ASK,
    F_EMPTY,
    F_FIRST,
    F_LAST,
    F_SNAPSHOT,
    FLAGS_SHIFT,
    FRESH,
    GROW_HELD,
    HURT,
    K_LEVEL,
    M_APPLY,
    M_HOLD,
    M_IGNORE,
    M_LOAD,
    M_REPLAY,
    NONE,
    ONE,
    SAME_MASK,
    SET,
    TWO,
    ZERO,
    I,
    U,
)  # fmt: skip

EDGE = I(9)  # a stop after a message: a best level is near the edge of its window
OTHER = I(32)  # added to a stop with AFTER: it is the window of the other side
PLAIN_MOST = I(1 << 62)  # above every key

_PRICE_BITS, _SIGN, _HELD_MAX = I(PRICE_MAX.bit_length()), I(63), I(HELD_MAX)
_NEXT_FIRST = I(F_FIRST << FLAGS_SHIFT)
# All of the head but SNAPSHOT, INEXACT and STEP_END.
_SIDE_MASK = SAME_MASK | I((layout.ASK | layout.FIRST | layout.LAST | layout.EMPTY | layout.APPLIED) << 24)
_APPLIED = I(layout.APPLIED << 24)


@kernel
def move_on(slot: np.void, event: I) -> I:
    """Let an event happen to a book; the state that followed, or STAY."""
    target = follow(slot["futures"], slot["state"], event)
    if target >= 0:
        slot["broken"] += I(target == S_BROKEN and slot["state"] != S_BROKEN)
        slot["joined"] += I(target == S_SYNCED and slot["state"] != S_SYNCED)
        slot["state"] = target
    return target


@kernel
def hurt(slot: np.void) -> None:
    """Something cannot be taken: the book ends, the rest of the message is ignored."""
    slot["hurt"] += ONE
    slot["mode"] = M_IGNORE
    move_on(slot, E_HURT)


@kernel
def take_diff(slot: np.void, first: I, last: I, prev: I) -> I:
    """What becomes of a diff."""
    target = move_on(slot, relate(slot["futures"], first, last, prev, slot["last_id"]))
    if target == S_SYNCED:
        slot["last_id"] = last
        return M_APPLY
    return M_IGNORE if target < 0 else M_HOLD


@kernel
def begin_message(state: State, slot_ix: I, row: np.void, flags: I, now: I) -> None:
    """The first row of a depth message: count it and decide."""
    slot = state.slots[slot_ix]
    note_message(
        state.channels, state.feeds, state.latency, state.rates, slot_ix, K_LEVEL, row["ts_recv"], row["ts_event"], now
    )
    if slot["open"] != 0:
        hurt(slot)
    slot["open"] = ONE
    first, last, prev = row["ref"], row["venue_seq"], row["aux"]
    if flags & F_APPLIED != 0:
        slot["joined"] += I(slot["state"] != S_SYNCED)
        slot["state"] = S_SYNCED
        slot["mode"] = M_APPLY
    elif first < 0 or last < 0:
        hurt(slot)
    elif flags & F_SNAPSHOT == 0:
        note_diff(slot, first, last, prev)
        slot["mode"] = take_diff(slot, first, last, prev)
    else:
        slot["snapshots"] += ONE
        slot["mode"] = M_IGNORE
        if move_on(slot, E_SNAPSHOT if last >= slot["last_id"] else E_OLDER) == S_LOADING:
            slot["mode"] = M_LOAD
            slot["last_id"] = last
            clear_side(state.sides, state.levels, state.bits, state.far, TWO * slot_ix)
            clear_side(state.sides, state.levels, state.bits, state.far, TWO * slot_ix + ONE)


@kernel
def set_row(
    sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, far: np.ndarray, slot_ix: I, flags: I, price: I, qty: I
) -> I:
    """One level of a message into the book, bounded."""
    if (price >> _PRICE_BITS) | (qty >> _SIGN) != 0:
        return HURT
    ask = flags & F_ASK
    return set_level(sides, levels, bits, far, TWO * slot_ix + ask, -price if ask != 0 else price, qty)


@cold
def clear_row(
    sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, far: np.ndarray, slot_ix: I, flags: I, price: I
) -> I:
    """A side is cleared from its best level to a price; all of it where the price is negative."""
    ask = flags & F_ASK
    if price < 0:
        clear_side(sides, levels, bits, far, TWO * slot_ix + ask)
        return DONE
    if price >> _PRICE_BITS != 0:
        return HURT
    return clear_to(sides, levels, bits, far, TWO * slot_ix + ask, -price if ask != 0 else price)


@kernel
def reaches(sides: np.ndarray, slot_ix: I, flags: I, row: np.void) -> bool:
    """Whether the level that was just set is the best of its side and reaches the other one."""
    ask = flags & F_ASK
    key, other = -row["price"] if ask != 0 else row["price"], sides[TWO * slot_ix + ONE - ask]["best"]
    return bool(row["qty"] > 0 and sides[TWO * slot_ix + ask]["best"] == key and other != NONE and key + other >= 0)


@cold
def drop_reached(
    sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, far: np.ndarray, slot_ix: I, flags: I, price: I
) -> I:
    """Drop the levels of the other side that a level reaches. DONE, or (OTHER) that side's window must move."""
    ask = flags & F_ASK
    code = clear_to(sides, levels, bits, far, TWO * slot_ix + ONE - ask, price if ask != 0 else -price)
    return code if code == DONE else code + OTHER


@kernel
def set_plain_rows(
    rows: np.ndarray, k: I, same: I, sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, slot_ix: I, now: I
) -> tuple[I, I]:
    """The rows from `k` on that are nothing but a level inside its window; the first that is more, and engine time.

    This is where a fold spends its time. Whatever is rare (first, last and empty rows, levels outside the window or out of
    bounds, a side that runs out of its window) is left to the general way.
    """
    n = rows.shape[0]
    applied = same & _APPLIED != 0
    begun = I(-1)
    latest = now
    while begun != k and k < n:
        begun = k
        head = rows[k]["head"]
        ask = (head >> FLAGS_SHIFT) & F_ASK
        side = sides[TWO * slot_ix + ask]
        at, lo, hi, best = side["at"], side["lo"], side["hi"], side["best"]
        other = sides[TWO * slot_ix + ONE - ask]["best"]
        most = -other - ONE if applied and other != NONE else PLAIN_MOST
        side_head = same | (ask << FLAGS_SHIFT)
        while k < n:  # rows of one side, its window in registers
            prefetch(rows, k + AHEAD)
            row = rows[U(k)]
            price, qty = row["price"], row["qty"]
            key = (price ^ -ask) + ask
            if row["head"] & _SIDE_MASK != side_head or (price >> _PRICE_BITS) | (qty >> _SIGN) != 0 or key < lo:
                break
            if key >= best:
                if key > hi:
                    break
                if qty > 0:
                    if key > most:
                        break
                    best = key
                elif key == best:
                    below = find_below(bits, at, key, lo, ONE)
                    if below == NONE:
                        break
                    best = below
            set_place(levels, bits, at + key, qty)
            latest = max(latest, row["ts_recv"])
            k += ONE
        side["best"] = best
    return k, advance(now, latest)


@cold
def hold_row(slots: np.ndarray, held: np.ndarray, slot_ix: I, flags: I, row: np.void) -> I:
    """Keep a row of a diff for the next snapshot; when there is no room, the oldest whole messages go."""
    slot = slots[slot_ix]
    if slot["held_n"] == slot["held_room"]:
        if slot["held_room"] < _HELD_MAX:
            return GROW_HELD
        slot["lost_messages"] += ONE
        while True:
            slot["held_head"] = (slot["held_head"] + ONE) & (slot["held_room"] - ONE)
            slot["held_n"] -= ONE
            slot["lost_rows"] += ONE
            if slot["held_n"] == 0 or held[slot["held_at"] + slot["held_head"]]["flags"] & F_FIRST != 0:
                break
        if slot["held_n"] == 0 and flags & F_FIRST == 0:  # it was this very message
            slot["mode"] = M_IGNORE
            slot["lost_rows"] += ONE
            return DONE
    entry = held[slot["held_at"] + ((slot["held_head"] + slot["held_n"]) & (slot["held_room"] - ONE))]
    entry["flags"] = flags & (F_ASK | F_FIRST | F_LAST | F_EMPTY)
    entry["first_id"] = row["ref"]
    entry["last_id"] = row["venue_seq"]
    entry["prev_id"] = row["aux"]
    entry["price"] = row["price"]
    entry["qty"] = row["qty"]
    slot["held_n"] += ONE
    return DONE


@kernel
def drop_held(slot: np.void) -> None:
    """The oldest held row is dealt with."""
    slot["held_head"] = (slot["held_head"] + ONE) & (slot["held_room"] - ONE)
    slot["held_n"] -= ONE


@cold
def replay_held(
    slots: np.ndarray, sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, far: np.ndarray, held: np.ndarray,
    slot_ix: I, signal: np.ndarray,
) -> I:  # fmt: skip
    """After a snapshot: the diffs that were held, by the same rules, until one does not join; that one and later ones stay held."""
    slot = slots[slot_ix]
    while slot["held_n"] > 0:
        entry = held[slot["held_at"] + slot["held_head"]]
        if entry["flags"] & F_FIRST != 0:
            if slot["state"] == S_BROKEN:
                return DONE
            slot["replay_mode"] = take_diff(slot, entry["first_id"], entry["last_id"], entry["prev_id"])
            if slot["replay_mode"] == M_HOLD:
                return DONE
        if slot["replay_mode"] == M_APPLY and entry["flags"] & F_EMPTY == 0:
            code = set_row(sides, levels, bits, far, slot_ix, entry["flags"], entry["price"], entry["qty"])
            if code == HURT:
                slot["replay_mode"] = M_IGNORE
                hurt(slot)
            elif code != DONE:
                signal[1] = TWO * slot_ix + (entry["flags"] & F_ASK)
                signal[2] = -entry["price"] if entry["flags"] & F_ASK != 0 else entry["price"]
                if code >= AFTER:
                    signal[2] = NONE
                    drop_held(slot)
                else:
                    entry["flags"] &= ~F_FIRST  # its message is begun: do not judge it twice
                return code
        drop_held(slot)
    slot["held_head"] = ZERO
    return DONE


@kernel
def end_message(state: State, slot_ix: I, signal: np.ndarray) -> I:
    """The last row of a depth message. DONE, EDGE, or a stop within the diffs that follow a snapshot."""
    slot = state.slots[slot_ix]
    mode = slot["mode"]
    if mode == M_LOAD:
        move_on(slot, E_COMPLETE)
        mode = M_REPLAY
        slot["mode"] = mode
    if mode == M_REPLAY:
        code = replay_held(state.slots, state.sides, state.levels, state.bits, state.far, state.held, slot_ix, signal)
        if code != DONE:
            return code
    slot["mode"] = M_IGNORE
    slot["open"] = ZERO
    if mode in (M_APPLY, M_REPLAY):
        bids, asks = state.sides[TWO * slot_ix], state.sides[TWO * slot_ix + ONE]
        if slot["state"] == S_SYNCED or slot["state"] == S_LOADED:
            if bids["best"] != NONE and asks["best"] != NONE:
                note_spread(state.feeds[slot_ix], bids["best"], asks["best"])
        if near_edge(bids) or near_edge(asks):
            return EDGE
    return DONE


@kernel
def fold_run(state: State, rows: np.ndarray, k: I, slot_ix: I, stage: I, signal: np.ndarray) -> I:
    """Rows of one message from `k` on, as far as they are here; the next row to fold. `signal[0]` says why it stopped, if it did."""
    n = rows.shape[0]
    slot = state.slots[slot_ix]
    sides, levels, bits, far = state.sides, state.levels, state.bits, state.far
    now = state.clock[0]["now_ns"]
    head = rows[k]["head"]
    same = head & SAME_MASK
    flags = (head >> FLAGS_SHIFT) & BYTE_MASK
    if stage == FRESH and flags & F_FIRST != 0:
        begin_message(state, slot_ix, rows[k], flags, now)
    mode = slot["mode"]
    code = DONE
    while True:
        row = rows[k]
        flags = (row["head"] >> FLAGS_SHIFT) & BYTE_MASK
        now = advance(now, row["ts_recv"])
        if stage != SET:
            if mode in (M_APPLY, M_LOAD):
                if flags & F_EMPTY == 0:
                    code = set_row(sides, levels, bits, far, slot_ix, flags, row["price"], row["qty"])
                    if code == DONE and flags & F_APPLIED != 0 and reaches(sides, slot_ix, flags, row):
                        code = drop_reached(sides, levels, bits, far, slot_ix, flags, row["price"])
                elif flags & F_APPLIED != 0:
                    code = clear_row(sides, levels, bits, far, slot_ix, flags, row["price"])
            elif mode == M_HOLD:
                code = hold_row(state.slots, state.held, slot_ix, flags, row)
                mode = slot["mode"]
            elif slot["open"] == 0:
                slot["orphans"] += ONE
            if code != DONE:
                if code != HURT:
                    break
                hurt(slot)
                mode = M_IGNORE
                code = DONE
        stage = FRESH
        k += 1
        if flags & F_LAST != 0 or k == n:
            break
        if mode in (M_APPLY, M_LOAD):
            alike = same | ((flags & F_APPLIED) << FLAGS_SHIFT)
            k, now = set_plain_rows(rows, k, alike, sides, levels, bits, slot_ix, now)
            if k == n:
                break
        head = rows[k]["head"]
        if head & SAME_MASK != same or head & _NEXT_FIRST != 0:
            break
    state.clock[0]["now_ns"] = now
    if code == DONE:
        if flags & F_LAST == 0:
            return k
        code = end_message(state, slot_ix, signal)
        if code in (DONE, EDGE):
            signal[0] = code
            signal[1] = slot_ix
            signal[3] = FRESH
            return k
        signal[0] = code & (AFTER - ONE)
        signal[3] = SET
        return k - 1
    row = rows[k]
    ask = flags & F_ASK
    signal[0] = code & (AFTER - ONE)
    signal[1] = slot_ix if code == GROW_HELD else TWO * slot_ix + (ONE - ask if code >= OTHER else ask)
    signal[2] = NONE if code >= AFTER else (-row["price"] if ask != 0 else row["price"])
    signal[3] = SET if code >= AFTER else BEGUN
    return k
