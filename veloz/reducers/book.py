"""The levels of one side of a book: exact, every level.

Keys make one code serve both sides: a bid's key is its price, an ask's is minus its price, and higher is always better. A side
has a window of keys with one quantity each, a bitmap beside it, and a hash table (`far`, open addressing, a place is free when its
quantity is 0) for the levels that lie below the window. The best level is always inside the window. When it would leave it, or the table
fills up, the kernel stops and the host moves the window or makes room (`host.py`); nothing is ever dropped.
"""

import numpy as np

from veloz.contracts.kernel import cold, entry, kernel
from veloz.reducers.limits import FAR_MAX
from veloz.reducers.words import DONE, GROW_FAR, HURT, MOVE_WINDOW, NONE, ONE, TWO, I, U

AFTER = I(16)  # added to a stop: this level is set, only what follows must wait

_SIX, _WORD, _ALL = I(6), I(63), I(-1)
_MANTISSA, _BIAS = I(52), I(1023)
_FAR_MAX = I(FAR_MAX)
_FOLD, _LOW_BITS, _SPREAD, _KEEP = I(31), I((1 << 31) - 1), I(0x4F1BBCDD), I(30)  # 31 bits by 31 bits: no wrap


@kernel
def highest_bit(word: I) -> I:
    """Place of the highest bit set in a word that is not zero, 0 … 63."""
    if word < 0:
        return _WORD
    lone = word & ~(word >> ONE)  # the next bit is clear now, so that rounding to a float cannot reach the next power
    return (np.float64(lone).view(np.int64) >> _MANTISSA) - _BIAS


@kernel
def find_below(bits: np.ndarray, at: I, key: I, lo: I, skip: I) -> I:
    """The highest key in [lo, key] with something resting, or NONE; `skip` 1 leaves `key` itself out."""
    ix = at + key
    place, stop = ix >> _SIX, (at + lo) >> _SIX
    word = bits[place] & ~((_ALL << (ix & _WORD)) << (ONE - skip))
    while word == 0 and place > stop:
        place -= ONE
        word = bits[place]
    if word == 0:
        return NONE
    return (place << _SIX) + highest_bit(word) - at


@kernel
def set_place(levels: np.ndarray, bits: np.ndarray, ix: I, qty: I) -> None:
    """A quantity into a place of the window, and its bit."""
    levels[U(ix)] = qty
    place, shift = U(ix >> _SIX), ix & _WORD
    bits[place] = (bits[place] & ~(ONE << shift)) | (I(qty > 0) << shift)


@kernel
def set_level(
    sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, far: np.ndarray, side_ix: I, key: I, qty: I
) -> I:
    """Let `qty` rest at `key`; 0 removes. DONE, or a reason to stop before (or, with AFTER, after) the level is set."""
    side = sides[side_ix]
    if key > side["hi"] or key < side["lo"]:
        return set_outside(sides, far, side_ix, key, qty)
    set_place(levels, bits, side["at"] + key, qty)
    if key >= side["best"]:
        if qty > 0:
            side["best"] = key
        elif key == side["best"]:
            side["best"] = find_below(bits, side["at"], key, side["lo"], ONE)
            if side["best"] == NONE and side["far_n"] > 0:
                return MOVE_WINDOW + AFTER
    return DONE


@kernel
def home_of(key: I, room: I) -> I:
    """Where a key would like to lie in a table of `room` places, a power of two."""
    mixed = (key ^ (key >> _FOLD)) & _LOW_BITS
    return ((mixed * _SPREAD) >> _KEEP) & (room - ONE)


@kernel
def find_far(far: np.ndarray, at: I, room: I, key: I) -> I:
    """Place of a key in a far table, or of the free place where it would go. There is always a free place."""
    step = home_of(key, room)
    while far[at + step]["qty"] != 0 and far[at + step]["key"] != key:
        step = (step + ONE) & (room - ONE)
    return at + step


@kernel
def free_far(far: np.ndarray, at: I, room: I, place: I) -> None:
    """Empty a place, and move up whatever was pushed past it, so that no search ends early."""
    hole, step = place - at, place - at
    while True:
        step = (step + ONE) & (room - ONE)
        entry = far[at + step]
        if entry["qty"] == 0:
            break
        home = home_of(entry["key"], room)
        if (step - home) & (room - ONE) >= (step - hole) & (room - ONE):
            far[at + hole]["key"] = entry["key"]
            far[at + hole]["qty"] = entry["qty"]
            hole = step
    far[at + hole]["key"] = I(0)
    far[at + hole]["qty"] = I(0)


@cold
def set_outside(sides: np.ndarray, far: np.ndarray, side_ix: I, key: I, qty: I) -> I:
    """The same for a key outside the window."""
    side = sides[side_ix]
    if key > side["hi"] or side["best"] == NONE:
        return DONE if qty == 0 else MOVE_WINDOW
    room = side["far_room"]
    if TWO * side["far_n"] >= room:
        if side["far_n"] >= _FAR_MAX:
            return HURT
        return GROW_FAR
    place = find_far(far, side["far_at"], room, key)
    there = far[place]["qty"] != 0
    if qty == 0:
        if there:
            free_far(far, side["far_at"], room, place)
            side["far_n"] -= ONE
        return DONE
    if not there:
        side["far_n"] += ONE
        far[place]["key"] = key
    far[place]["qty"] = qty
    return DONE


@kernel
def near_edge(side: np.void) -> bool:
    """Whether the best level has sunk into the last quarter of the window."""
    return bool(side["best"] != NONE and side["best"] - side["lo"] < (side["hi"] - side["lo"]) >> I(2))


@cold
def clear_side(sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, far: np.ndarray, side_ix: I) -> None:
    """Drop every level. The window stays where it is."""
    side = sides[side_ix]
    start = side["at"] + side["lo"]
    for place in range(start >> _SIX, (start + side["hi"] - side["lo"] + ONE) >> _SIX):
        if bits[place] != 0:
            bits[place] = I(0)
            for ix in range(place << _SIX, (place + ONE) << _SIX):
                levels[ix] = I(0)
    side["best"] = NONE
    if side["far_n"] > 0:
        for place in range(side["far_at"], side["far_at"] + side["far_room"]):
            far[place]["key"] = I(0)
            far[place]["qty"] = I(0)
        side["far_n"] = I(0)


@cold
def clear_to(sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, far: np.ndarray, side_ix: I, key: I) -> I:
    """Drop the levels from the best down to `key`. DONE, or that the window must move: the best level now lies below it."""
    side = sides[side_ix]
    at, lo, best = side["at"], side["lo"], side["best"]
    while best != NONE and best >= key:
        set_place(levels, bits, at + best, I(0))
        best = find_below(bits, at, best, lo, ONE)
    side["best"] = best
    if key < lo and side["far_n"] > 0:
        place, stop = side["far_at"], side["far_at"] + side["far_room"]
        while place < stop:
            if far[place]["qty"] != 0 and far[place]["key"] >= key:
                free_far(far, side["far_at"], side["far_room"], place)  # what it moves here is looked at next
                side["far_n"] -= ONE
            else:
                place += ONE
    return MOVE_WINDOW + AFTER if best == NONE and side["far_n"] > 0 else DONE


@entry
def fill_far(far: np.ndarray, at: I, room: I, keys: np.ndarray, qtys: np.ndarray) -> None:
    """Put levels, none of which is there, into a table with room for them; those without quantity are left out."""
    for k in range(keys.shape[0]):
        if qtys[k] > 0:
            place = find_far(far, at, room, keys[k])
            far[place]["key"] = keys[k]
            far[place]["qty"] = qtys[k]


@entry
def fill_window(levels: np.ndarray, bits: np.ndarray, at: I, keys: np.ndarray, qtys: np.ndarray) -> None:
    """Put levels into an empty window that covers their keys."""
    for k in range(keys.shape[0]):
        set_place(levels, bits, at + keys[k], qtys[k])


@entry
def list_window(levels: np.ndarray, bits: np.ndarray, at: I, lo: I, hi: I, keys: np.ndarray, qtys: np.ndarray) -> I:
    """Levels in a window, ascending, into `keys` and `qtys`; how many. Both are long enough for all of them."""
    n = I(0)
    for place in range((at + lo) >> _SIX, (at + hi + ONE) >> _SIX):
        if bits[place] != 0:
            for ix in range(place << _SIX, (place + ONE) << _SIX):
                if levels[ix] > 0:
                    keys[n] = ix - at
                    qtys[n] = levels[ix]
                    n += ONE
    return n
