"""Where a side's levels lie: gathering them, and laying them out again in a window of another place or width."""

from typing import Final

import numpy as np

from veloz.reducers.book import fill_far, fill_window, list_window
from veloz.reducers.limits import FAR_FIRST, FAR_STEP, WINDOW_FIRST, WINDOW_MAX, WINDOW_STEP
from veloz.reducers.state import State, blank
from veloz.reducers.words import NONE, I

HEADROOM_QUARTERS: Final = 3  # the best level is put three quarters up: books grow downwards


def reserve(state: State, name: str, places: int) -> tuple[State, int]:
    """A fresh region at the end of an arena: (state, first place). A full one doubles at least, and has room for another such region:
    what one side of a book needs, the other will need soon.
    """
    clock = state.clock[0]
    used, arena = int(clock[f"{name}_used"]), getattr(state, name)
    if used + places > len(arena):
        room = max(2 * len(arena), used + 2 * places)
        longer = {name: _longer(name, arena, room)}
        if name == "levels":
            longer["bits"] = _longer("bits", state.bits, room // 64)
        state = state._replace(**longer)
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


def width_of(state: State, side_ix: int) -> int:
    """Keys in a side's window; 0 while it has none."""
    window = window_of(state, side_ix)
    return int(window.stop - window.start)


def levels_of(state: State, side_ix: int) -> tuple[np.ndarray, np.ndarray]:
    """All levels of a side: keys, ascending, and quantities; copies."""
    side = state.sides[side_ix]
    far = state.far[int(side["far_at"]) : int(side["far_at"]) + int(side["far_room"])]
    if side["far_n"]:
        far = far[far["qty"] != 0]
        far = far[np.argsort(far["key"])]
    else:
        far = far[:0]
    keys, qtys = np.empty((2, len(far) + width_of(state, side_ix)), np.int64)
    keys[: len(far)], qtys[: len(far)] = far["key"], far["qty"]
    n = len(far) + int(
        list_window(
            state.levels, state.bits, I(side["at"]), I(side["lo"]), I(side["hi"]), keys[len(far) :], qtys[len(far) :]
        )
    )
    return keys[:n], qtys[:n]


def place_side(state: State, side_ix: int, keys: np.ndarray, qtys: np.ndarray, focus: int, width: int) -> State:
    """Lay a side out anew.

    Args:
        state: State.
        side_ix: Which side.
        keys: Keys of all its levels, ascending.
        qtys: Their quantities, none of them 0.
        focus: The best key there is, or the one to come: three quarters up the window.
        width: Keys in the window; another width than now takes a new region and leaves the old one empty.

    Returns:
        The state. What lies below the window is in `far`, whose room is grown to hold it.
    """
    side = state.sides[side_ix]
    window = window_of(state, side_ix)
    start = window.start
    state.levels[window] = 0
    state.bits[start // 64 : window.stop // 64] = 0
    if window.stop - start != width:
        state, start = reserve(state, "levels", width)
    lo = (focus - width * HEADROOM_QUARTERS // 4) // 64 * 64
    side["at"], side["lo"], side["hi"] = start - lo, lo, lo + width - 1
    cut = int(np.searchsorted(keys, lo))
    state = _place_far(state, side_ix, keys[:cut], qtys[:cut])
    fill_window(state.levels, state.bits, I(side["at"]), keys[cut:], qtys[cut:])
    side["best"] = keys[-1] if len(keys) > cut else NONE
    return state


def _place_far(state: State, side_ix: int, keys: np.ndarray, qtys: np.ndarray) -> State:
    """Make these levels the far ones of a side."""
    side = state.sides[side_ix]
    at, room = int(side["far_at"]), int(side["far_room"])
    state.far[at : at + room] = np.zeros((), state.far.dtype)
    if 2 * len(keys) >= room:
        while 2 * len(keys) >= room:
            room = max(FAR_FIRST, FAR_STEP * room)
        state, at = reserve(state, "far", room)
        side["far_at"], side["far_room"] = at, room
    side["far_n"] = len(keys)
    fill_far(state.far, I(at), I(room), keys, qtys)
    return state


def grow_far(state: State, side_ix: int) -> State:
    """Too many levels lie outside: a wider window, or where there is none a larger table, in a new region."""
    side, width = state.sides[side_ix], width_of(state, side_ix)
    if width < WINDOW_MAX:
        return place_side(state, side_ix, *levels_of(state, side_ix), int(side["best"]), width * WINDOW_STEP)
    old, room = int(side["far_at"]), int(side["far_room"])
    keys, qtys = state.far["key"][old : old + room].copy(), state.far["qty"][old : old + room].copy()
    state.far[old : old + room] = np.zeros((), state.far.dtype)
    room = max(FAR_FIRST, FAR_STEP * room)
    state, at = reserve(state, "far", room)
    side["far_at"], side["far_room"] = at, room
    fill_far(state.far, I(at), I(room), keys, qtys)
    return state


def shift_window(state: State, side_ix: int, focus: int) -> State:
    """Move a window so that `focus`, or the best level if that is better, lies three quarters up."""
    keys, qtys = levels_of(state, side_ix)
    if len(keys):
        focus = max(focus, int(keys[-1]))
    return place_side(state, side_ix, keys, qtys, focus, max(width_of(state, side_ix), WINDOW_FIRST))


def make_ready() -> None:
    """Compile what moves windows, so that the first one that moves does not wait for it."""
    far, none, one = blank("far", 1), np.zeros(0, np.int64), I(1)
    fill_far(far, I(0), one, none, none)
    fill_window(none, none, I(0), none, none)
    list_window(none, none, I(0), I(0), I(-1), none, none)
