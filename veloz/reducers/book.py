"""The levels of one side of a book: exact, every level.

Keys make one code serve both sides: a bid's key is its price, an ask's is minus its price, and higher is always better. A side
has a window of keys with one quantity each, a bitmap beside it, and a short sorted list of the levels that lie below the
window (`far`). The best level is always inside the window. When it would leave it, or too many levels lie outside, the kernel
stops and the host moves or widens the window (`host.py`); nothing is ever dropped.
"""

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.limits import FAR_MAX, WINDOW_MAX, WINDOW_SHARE
from veloz.reducers.words import DONE, GROW_FAR, HURT, MOVE_WINDOW, NONE, ONE, WIDEN_WINDOW, I

AFTER = I(16)  # added to a stop: this level is set, only what follows must wait

_SIX, _WORD, _ALL = I(6), I(63), I(-1)
_MANTISSA, _BIAS = I(52), I(1023)
_FAR_MAX, _WINDOW_MAX, _SHARE = I(FAR_MAX), I(WINDOW_MAX), I(WINDOW_SHARE)


@kernel
def highest_bit(word: I) -> I:
    """Place of the highest bit set in a word that is not zero, 0 … 63."""
    if word < 0:
        return _WORD
    lone = word & ~(word >> ONE)  # the next bit is clear now, so that rounding to a float cannot reach the next power
    return (np.float64(lone).view(np.int64) >> _MANTISSA) - _BIAS


@kernel
def find_below(bits: np.ndarray, at: I, key: I, lo: I) -> I:
    """The highest key in [lo, key] with something resting, or NONE."""
    ix = at + key
    place, stop = ix >> _SIX, (at + lo) >> _SIX
    word = bits[place] & ~((_ALL << (ix & _WORD)) << ONE)
    while word == 0 and place > stop:
        place -= ONE
        word = bits[place]
    if word == 0:
        return NONE
    return (place << _SIX) + highest_bit(word) - at


@kernel
def set_level(
    sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, far: np.ndarray, side_ix: I, key: I, qty: I
) -> I:
    """Let `qty` rest at `key`; 0 removes. DONE, or a reason to stop before (or, with AFTER, after) the level is set."""
    side = sides[side_ix]
    if key > side["hi"] or key < side["lo"]:
        return set_outside(sides, far, side_ix, key, qty)
    ix = side["at"] + key
    levels[ix] = qty
    place, shift = ix >> _SIX, ix & _WORD
    bits[place] = (bits[place] & ~(ONE << shift)) | (I(qty > 0) << shift)
    if key >= side["best"]:
        if qty > 0:
            side["best"] = key
        elif key == side["best"]:
            side["best"] = find_below(bits, side["at"], key, side["lo"])
            if side["best"] == NONE and side["far_n"] > 0:
                return MOVE_WINDOW + AFTER
    return DONE


@kernel
def find_far(far: np.ndarray, at: I, n: I, key: I) -> I:
    """Place of the first far level whose key is not below `key`, at … at + n."""
    lo, hi = at, at + n
    while lo < hi:
        mid = (lo + hi) >> ONE
        if far[mid]["key"] < key:
            lo = mid + ONE
        else:
            hi = mid
    return lo


@cold
def set_outside(sides: np.ndarray, far: np.ndarray, side_ix: I, key: I, qty: I) -> I:
    """The same for a key outside the window."""
    side = sides[side_ix]
    if qty > 0 and (side["best"] == NONE or key > side["hi"]):
        return MOVE_WINDOW
    if key > side["hi"]:
        return DONE
    end = side["far_at"] + side["far_n"]
    place = find_far(far, side["far_at"], side["far_n"], key)
    there = place < end and far[place]["key"] == key
    if qty == 0:
        if there:
            for k in range(place, end - ONE):
                far[k]["key"] = far[k + ONE]["key"]
                far[k]["qty"] = far[k + ONE]["qty"]
            side["far_n"] -= ONE
        return DONE
    if not there:
        width = side["hi"] - side["lo"] + ONE
        if side["far_n"] >= (width >> _SHARE) and width < _WINDOW_MAX:
            return WIDEN_WINDOW
        if side["far_n"] == side["far_room"]:
            return HURT if side["far_n"] >= _FAR_MAX else GROW_FAR
        for k in range(end, place, -ONE):
            far[k]["key"] = far[k - ONE]["key"]
            far[k]["qty"] = far[k - ONE]["qty"]
        side["far_n"] += ONE
        far[place]["key"] = key
    far[place]["qty"] = qty
    return DONE


@kernel
def near_edge(side: np.void) -> bool:
    """Whether the best level has sunk into the last quarter of the window."""
    return bool(side["best"] != NONE and side["best"] - side["lo"] < (side["hi"] - side["lo"]) >> I(2))


@cold
def clear_side(sides: np.ndarray, levels: np.ndarray, bits: np.ndarray, side_ix: I) -> None:
    """Drop every level. The window stays where it is."""
    side = sides[side_ix]
    start = side["at"] + side["lo"]
    for place in range(start >> _SIX, (start + side["hi"] - side["lo"] + ONE) >> _SIX):
        if bits[place] != 0:
            bits[place] = I(0)
            for ix in range(place << _SIX, (place + ONE) << _SIX):
                levels[ix] = I(0)
    side["best"] = NONE
    side["far_n"] = I(0)
