"""Where a side's levels lie: gathering them, and laying them out again in a window of another place or width."""

from typing import Final

import numpy as np

from veloz.reducers.limits import FAR_FIRST, WINDOW_FIRST
from veloz.reducers.state import State, blank
from veloz.reducers.words import NONE

_NO_LEVELS: Final = np.zeros(0, np.int64)
HEADROOM_QUARTERS: Final = 3  # the best level is put three quarters up: books grow downwards


def reserve(state: State, name: str, places: int) -> tuple[State, int]:
    """A fresh region at the end of an arena, which doubles when it is full: (state, first place)."""
    clock = state.clock[0]
    used, arena = int(clock[f"{name}_used"]), getattr(state, name)
    if used + places > len(arena):
        room = max(2 * len(arena), used + places)
        state = state._replace(**{name: _longer(name, arena, room)})
        if name == "levels":
            state = state._replace(bits=_longer("bits", state.bits, room // 64))
    clock[f"{name}_used"] = used + places
    return state, used


def _longer(name: str, arena: np.ndarray, room: int) -> np.ndarray:
    longer = blank(name, room)
    longer[: len(arena)] = arena
    return longer


def window_of(state: State, side_ix: int) -> slice:
    """The places of a side's window in `levels`."""
    side = state.sides[side_ix]
    start = int(side["at"]) + int(side["lo"])
    return slice(start, start + int(side["hi"]) - int(side["lo"]) + 1)


def levels_of(state: State, side_ix: int) -> tuple[np.ndarray, np.ndarray]:
    """All levels of a side: keys, ascending, and quantities; copies."""
    side, window = state.sides[side_ix], window_of(state, side_ix)
    places = np.flatnonzero(state.levels[window])
    far = state.far[int(side["far_at"]) : int(side["far_at"]) + int(side["far_n"])]
    keys = np.concatenate([far["key"], places + int(side["lo"])])
    return keys, np.concatenate([far["qty"], state.levels[window][places]])


def place_side(state: State, side_ix: int, keys: np.ndarray, qtys: np.ndarray, width: int, focus: int) -> State:
    """Lay a side out anew.

    Args:
        state: State.
        side_ix: Which side.
        keys: Keys of all its levels, ascending.
        qtys: Their quantities, none of them 0.
        width: Keys in the window, a multiple of 64; another than now takes a new region.
        focus: The best key there is, or the one to come: three quarters up the window.

    Returns:
        The state. What lies below the window is in `far`, whose room is grown to hold it.
    """
    side = state.sides[side_ix]
    window = window_of(state, side_ix)
    state.levels[window] = 0
    state.bits[window.start // 64 : window.stop // 64] = 0
    start = window.start
    if width != window.stop - window.start:
        state, start = reserve(state, "levels", width)
    lo = (focus - width * HEADROOM_QUARTERS // 4) // 64 * 64
    side["at"], side["lo"], side["hi"] = start - lo, lo, lo + width - 1
    cut = int(np.searchsorted(keys, lo))
    state = _place_far(state, side_ix, keys[:cut], qtys[:cut])
    places = start + (keys[cut:] - lo)
    state.levels[places] = qtys[cut:]
    np.bitwise_or.at(state.bits, places >> 6, np.int64(1) << (places & 63))
    side["best"] = keys[-1] if len(keys) > cut else NONE
    return state


def _place_far(state: State, side_ix: int, keys: np.ndarray, qtys: np.ndarray) -> State:
    side = state.sides[side_ix]
    state = make_far_room(state, side_ix, len(keys))
    at = int(side["far_at"])
    state.far["key"][at : at + len(keys)] = keys
    state.far["qty"][at : at + len(keys)] = qtys
    side["far_n"] = len(keys)
    return state


def make_far_room(state: State, side_ix: int, n: int) -> State:
    """Room for at least `n` far levels; a side that outgrows its region gets one twice as large and leaves the old one."""
    side = state.sides[side_ix]
    room = int(side["far_room"])
    if room >= n:
        return state
    while room < n:
        room = max(FAR_FIRST, 2 * room)
    state, at = reserve(state, "far", room)
    old, kept = int(side["far_at"]), int(side["far_n"])
    state.far[at : at + kept] = state.far[old : old + kept]
    state.far[old : old + int(side["far_room"])] = np.zeros((), state.far.dtype)
    side["far_at"], side["far_room"] = at, room
    return state


def shift_window(state: State, side_ix: int, focus: int, width: int) -> State:
    """Move or widen a window so that `focus`, or the best level if that is better, lies three quarters up."""
    keys, qtys = levels_of(state, side_ix)
    if len(keys):
        focus = max(focus, int(keys[-1]))
    return place_side(state, side_ix, keys, qtys, max(width, WINDOW_FIRST), focus)
