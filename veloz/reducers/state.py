"""State: every number the reducers keep, as a tuple of flat structured arrays.

All fields are int64. Arrays have a place per instrument number, per market slot, or are arenas: regions of them belong
to slots, are handed out in the order the rows asked for them, and are never moved by a batch boundary. So the bytes are a
function of the rows alone, and a snapshot is these bytes.
"""

import struct
from typing import Final, NamedTuple

import numpy as np
from blake3 import blake3

from veloz.contracts.bundle import Bundle
from veloz.contracts.kernel import digest_sources
from veloz.reducers import desk
from veloz.reducers.limits import BARS_KEPT, CHANNELS, LATENCY_BINS, RATE_SECONDS
from veloz.reducers.words import NONE


def _fields(names: str) -> np.dtype[np.void]:
    return np.dtype([(name, "<i8") for name in names.split()])


CLOCK: Final = _fields(
    "seq now_ns epoch starts levels_used far_used held_used slots_used"
    " rows_unlisted rows_unknown rows_newer"  # rows nobody can place, or read in quanta; rows of kinds and versions not known here
)
INSTRUMENT: Final = _fields(
    "slot market price_scale qty_scale tick lot multiplier_e8 definition"  # definition 0: not listed; below 0: suspended (rescale_desk.py)
)
SLOT: Final = _fields(
    "instrument futures state mode open last_id"  # the book's machine; open: between FIRST and LAST
    " replay_mode held_at held_room held_head held_n"  # diffs held back: a ring in the arena `held`
    " diff_id diff_seen diffs stale gaps"  # over all diffs, whatever the book does
    " snapshots broken joined lost_messages lost_rows hurt orphans"
)
SIDE: Final = _fields(
    "at lo hi best far_at far_room far_n spare"
)  # keys: bid = price, ask = -price; level of key k is levels[at + k]
FAR: Final = _fields("key qty")  # levels below the window, ascending
HELD: Final = _fields("flags first_id last_id prev_id price qty")
TRADE_LAST: Final = _fields("trade_id price qty ts_match ts_recv sold count odd")
QUOTE_LAST: Final = _fields("update_id bid bid_qty ask ask_qty ts_event ts_recv count")
MARK_LAST: Final = _fields("settle_e8 mark_e8 index_e8 funding_e8 ts_funding ts_event ts_recv count")
LIQUIDATION_LAST: Final = _fields("ts_match price qty avg_price filled sold ts_recv count")
TAPE: Final = _fields(
    "source since_ns second begin_ns end_ns refused ring_at"  # since_ns: of the first that this source gave
    " stated_close stated_open stated_high stated_low stated_ns step_ns"  # the last stated bar's; stated_ns: its volumes are to come
)
BAR: Final = _fields(
    "bucket records trades amended ts_first ts_last open high low close volume_hi volume_lo buy_hi buy_lo quote_hi quote_lo"
)
LATE: Final = _fields("late lost")
CHANNEL: Final = _fields("count ts_recv ts_event back")
FEED: Final = _fields(
    "rate_second rate_end_ns rate_count spread_last spread_min spread_max spread_hi spread_lo spread_n"
    " crossed jumps disagreed quote_crossed quote_back trade_back refused"
)
COUNT: Final = _fields("n")


class _Arrays(NamedTuple):
    """All arrays. `…[slot]` unless said otherwise."""

    clock: np.ndarray  # CLOCK[1]
    instruments: np.ndarray  # INSTRUMENT[instrument number]
    slots: np.ndarray  # SLOT
    sides: np.ndarray  # SIDE[2 · slot + ask]
    levels: np.ndarray  # i8 arena: quantity by key, a window a side
    bits: np.ndarray  # i8 arena beside it: one bit a level, set where quantity rests
    far: np.ndarray  # FAR arena
    held: np.ndarray  # HELD arena
    trades: np.ndarray  # TRADE_LAST
    quotes: np.ndarray  # QUOTE_LAST
    marks: np.ndarray  # MARK_LAST
    liquidations: np.ndarray  # LIQUIDATION_LAST
    tapes: np.ndarray  # TAPE
    bars: np.ndarray  # BAR[(slot · 8 + interval) · BARS_KEPT + bucket mod BARS_KEPT]
    lates: np.ndarray  # LATE[slot · 8 + interval]
    channels: np.ndarray  # CHANNEL[slot · CHANNELS + kind]
    feeds: np.ndarray  # FEED
    latency: np.ndarray  # i8[slot · LATENCY_BINS + bin]
    rates: np.ndarray  # i8[slot · RATE_SECONDS + second mod RATE_SECONDS]
    # trading: empty until a journal's first trading row
    desk: np.ndarray  # DESK[1]
    assets: np.ndarray  # ASSET[asset number]
    accounts: np.ndarray  # ACCOUNT[account number]
    balances: np.ndarray  # BALANCE[account number · ASSETS_MAX + asset number]
    terms: np.ndarray  # TERMS[instrument number]
    brackets: np.ndarray  # BRACKET arena
    orders: np.ndarray  # ORDER arena; finished ones stay for a while
    order_places: np.ndarray  # i8: hash table of places in `orders`, by key and instrument
    positions: np.ndarray  # POSITION arena
    lots: np.ndarray  # LOT arena
    trade_ids: np.ndarray  # TRADE: hash table
    scopes: np.ndarray  # SCOPE arena, the global one first
    limits: np.ndarray  # i8[place of scope · LIMITS + codes.Limit]
    limit_notes: np.ndarray  # LIMIT_NOTE[the same]
    breakers: np.ndarray  # BREAKER[place of scope · BREAKERS + codes.Breaker]
    tallies: np.ndarray  # i8[(place of breaker) · TALLY + bucket, then the totals]
    strategies: np.ndarray  # STRATEGY[strategy number]


INTERVALS: Final = 8
PER_SLOT: Final[dict[str, int]] = {  # places a slot has in each array that grows with slots
    "slots": 1, "sides": 2, "trades": 1, "quotes": 1, "marks": 1, "liquidations": 1, "tapes": 1,
    "bars": INTERVALS * BARS_KEPT, "lates": INTERVALS, "channels": CHANNELS, "feeds": 1,
    "latency": LATENCY_BINS, "rates": RATE_SECONDS,
}  # fmt: skip
_I8: Final = np.dtype("<i8")
DTYPES: Final[dict[str, np.dtype]] = {
    "clock": CLOCK, "instruments": INSTRUMENT, "slots": SLOT, "sides": SIDE, "levels": _I8, "bits": _I8, "far": FAR,
    "held": HELD, "trades": TRADE_LAST, "quotes": QUOTE_LAST, "marks": MARK_LAST, "liquidations": LIQUIDATION_LAST,
    "tapes": TAPE, "bars": BAR, "lates": LATE, "channels": CHANNEL, "feeds": FEED, "latency": _I8, "rates": _I8,
    "desk": desk.DESK, "assets": desk.ASSET, "accounts": desk.ACCOUNT, "balances": desk.BALANCE, "terms": desk.TERMS,
    "brackets": desk.BRACKET, "orders": desk.ORDER, "order_places": _I8, "positions": desk.POSITION, "lots": desk.LOT,
    "trade_ids": desk.TRADE, "scopes": desk.SCOPE, "limits": _I8, "limit_notes": desk.LIMIT_NOTE,
    "breakers": desk.BREAKER, "tallies": _I8, "strategies": desk.STRATEGY,
}  # fmt: skip
assert tuple(DTYPES) == _Arrays._fields
_LINKS: Final = {
    name: [field for field in dtype.names or () if field.endswith("_ix")] for name, dtype in DTYPES.items()
}


class State(Bundle, _Arrays):
    """Every number the reducers keep: a tuple of arrays, and to kernels one pointer."""

    DTYPES = DTYPES


def blank(name: str, places: int) -> np.ndarray:
    """A new array of State: zeros, but no slot for an instrument, no best level on a side, no place in a list, no limit."""
    array = np.zeros(places, DTYPES[name])
    if name == "instruments":
        array["slot"] = -1
    elif name == "sides":
        array["hi"] = -1
        array["best"] = NONE
    elif name in ("limits", "order_places"):
        array[:] = -1
    for field in _LINKS[name]:
        array[field] = -1
    return array


def new_state() -> State:
    """The state before the first row: no instruments, no slots."""
    return State(*(blank(name, 1 if name in ("clock", "desk") else 0) for name in State._fields))


def fingerprint() -> bytes:
    """Name of the fold: 16 bytes that differ when a snapshot of one program may mean something else to another.

    The sources are in it, not only the layout: the same fields with other numbers in them must not be taken for the same
    state. A snapshot is a cache, so the price of a change is one fold from the start.
    """
    layout = " ".join(f"{name}={dtype.descr}" for name, dtype in DTYPES.items())
    text = f"{digest_sources('contracts', 'reducers')} {PER_SLOT} {layout}"
    return blake3(text.encode()).digest(16)


def state_hash(state: State) -> str:
    """blake3 over names, dtypes, shapes and bytes of all arrays, as lower-case hex."""
    digest = blake3()
    for name, array in zip(State._fields, state, strict=True):
        digest.update(f"{name} {array.dtype.descr} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).view("u1").data)
    return digest.hexdigest()


def dump_state(state: State) -> bytes:
    """All arrays as bytes: their lengths (u8 each), then their bytes. Only a program of the same fingerprint can read it."""
    lengths = struct.pack(f"<{len(state)}Q", *(len(array) for array in state))
    return lengths + b"".join(array.tobytes() for array in state)


def load_state(payload: bytes) -> State:
    """What `dump_state` wrote, as arrays of its own.

    Raises:
        ValueError: The bytes are not a dump of this layout.
    """
    at = 8 * len(State._fields)
    if len(payload) < at:
        raise ValueError(
            "The snapshot is shorter than its own heading: it is not of this program; fold from the start."
        )
    lengths = struct.unpack_from(f"<{len(State._fields)}Q", payload)
    if at + sum(n * DTYPES[name].itemsize for name, n in zip(State._fields, lengths, strict=True)) != len(payload):
        raise ValueError("The snapshot's size does not fit this program's layout; fold from the start.")
    arrays = []
    for name, n in zip(State._fields, lengths, strict=True):
        dtype = DTYPES[name]
        arrays.append(np.frombuffer(payload, dtype, n, at).copy())
        at += n * dtype.itemsize
    return State(*arrays)
