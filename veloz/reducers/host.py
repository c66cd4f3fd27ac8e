"""What the kernel cannot do: room for a new slot, a longer arena, a moved or wider window, other scales of an instrument.

Each of these happens at the row that asks for it, and does the same whatever came in the same call. Rare: a few times an
instrument and day.
"""

import numpy as np

from veloz.instruments.units import SCALE_MAX
from veloz.reducers.booksync import is_futures
from veloz.reducers.depth import EDGE
from veloz.reducers.limits import HELD_FIRST, HELD_STEP, INSTRUMENTS_MAX, PRICE_MAX
from veloz.reducers.rescale import rescale_slot
from veloz.reducers.rescale_desk import Change, rescale_desk, resume, suspend
from veloz.reducers.room import grow_desk
from veloz.reducers.state import PER_SLOT, State, blank
from veloz.reducers.windows import grow_far, reserve, shift_window
from veloz.reducers.words import (
    GROW_DESK,
    GROW_FAR,
    GROW_HELD,
    INSTRUMENT_ROW,
    MOVE_WINDOW,
    NEW_SLOT,
    NONE,
    VERSION_ONE,
)  # fmt: skip

SLOTS_FIRST = 2
COUNT_MAX = PRICE_MAX  # of an increment or a multiplier: what kernels multiply by


def attend(state: State, signal: np.ndarray, row: np.void) -> State:
    """Do what the kernel stopped for.

    Args:
        state: State.
        signal: Why, on which slot or side, at which key.
        row: The row it stopped at.
    """
    why, place, key = (int(word) for word in signal[:3])
    if why == INSTRUMENT_ROW:
        return list_instrument(state, row, place)
    if why == NEW_SLOT:
        return give_slot(state, (int(row["head"]) >> 32) & 0xFFFFFFFF)
    if why == EDGE:
        for side_ix in (2 * place, 2 * place + 1):
            state = _settle_side(state, side_ix)
        return state
    if why == GROW_HELD:
        return _grow_held(state, place)
    if why == GROW_FAR:
        return grow_far(state, place)
    if why == GROW_DESK:
        return grow_desk(state, row)
    assert why == MOVE_WINDOW, why
    return shift_window(state, place, key)


def _settle_side(state: State, side_ix: int) -> State:
    side = state.sides[side_ix]
    if side["best"] == NONE or side["best"] - side["lo"] >= (side["hi"] - side["lo"]) >> 2:
        return state
    return shift_window(state, side_ix, int(side["best"]))


def _grow_held(state: State, slot_ix: int) -> State:
    """A longer ring of held rows, unrolled into a new region; the old one is left empty."""
    slot = state.slots[slot_ix]
    room, head, n, old = (int(slot[name]) for name in ("held_room", "held_head", "held_n", "held_at"))
    state, at = reserve(state, "held", max(HELD_FIRST, room * HELD_STEP))
    order = old + (head + np.arange(n)) % max(room, 1)
    state.held[at : at + n] = state.held[order]
    state.held[old : old + room] = np.zeros((), state.held.dtype)
    slot["held_at"], slot["held_room"], slot["held_head"] = at, max(HELD_FIRST, room * HELD_STEP), 0
    return state


def give_slot(state: State, instrument: int) -> State:
    """The next market slot, for an instrument that is listed and has none."""
    known, clock = state.instruments[instrument], state.clock[0]
    slot_ix = int(clock["slots_used"])
    if slot_ix == len(state.slots):
        state = _grow_slots(state, max(SLOTS_FIRST, 2 * slot_ix))
    clock["slots_used"] = slot_ix + 1
    known["slot"] = slot_ix
    slot = state.slots[slot_ix]
    slot["instrument"] = instrument
    slot["futures"] = int(is_futures(int(known["market"])))
    return state


def _grow_slots(state: State, slots: int) -> State:
    longer = {}
    for name, places in PER_SLOT.items():
        array = getattr(state, name)
        longer[name] = blank(name, slots * places)
        if len(array):
            longer[name][: len(array)] = array
    return state._replace(**longer)


def list_instrument(state: State, row: np.void, seq: int) -> State:
    """instrument.listed or instrument.changed: scales, market and increments; what is kept at other scales is rescaled.

    One with a number, scales or increments that no instrument has is counted and changes nothing. Where trading keeps numbers that the new
    terms cannot tell exactly, the old ones stay and the instrument is suspended.
    """
    head = int(row["head"])
    number, clock = (head >> 32) & 0xFFFFFFFF, state.clock[0]
    if (head >> 16) & 0xFF != VERSION_ONE:
        clock["rows_newer"] += 1
        return state
    scales = int(row["venue_seq"])
    price_scale, qty_scale = scales & 0xFF, (scales >> 8) & 0xFF
    counts = all(0 <= int(row[name]) <= COUNT_MAX for name in ("price", "qty", "ref"))
    if not 1 <= number < INSTRUMENTS_MAX or max(price_scale, qty_scale) > SCALE_MAX or not counts:
        clock["rows_unlisted"] += 1
        return state
    if number >= len(state.instruments):
        longer = blank("instruments", max(2 * len(state.instruments), 1 << number.bit_length()))
        longer[: len(state.instruments)] = state.instruments
        state = state._replace(instruments=longer)
    known = state.instruments[number]
    moved = price_scale - int(known["price_scale"]), qty_scale - int(known["qty_scale"])
    if known["definition"] != 0 and not rescale_desk(state, number, Change(*moved, int(row["ref"]))):
        suspend(state, number, seq)
        return state
    if known["definition"] < 0:
        resume(state, number)
    known["price_scale"], known["qty_scale"], known["market"] = price_scale, qty_scale, scales >> 16
    known["tick"], known["lot"], known["multiplier_e8"] = row["price"], row["qty"], row["ref"]
    known["definition"] = max(1, int(row["aux"]))
    slot_ix = int(known["slot"])
    if slot_ix >= 0:
        state.slots[slot_ix]["futures"] = int(is_futures(scales >> 16))
        if moved != (0, 0):
            state = rescale_slot(state, slot_ix, *moved)
    return state
