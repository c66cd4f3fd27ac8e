"""The tables of the simulated exchange, as its kernels see them. Flat arrays, made once from limits (`exchange.py`).

A key is a price in ticks on the bid side and minus that on the ask side: higher is better on both, so one code serves both. Side 2·m of
`sides` is the bids of market m, 2·m + 1 its asks. A side's levels, and what was taken of them, lie in `levels` and `taken` at base + key,
for lo <= key <= hi.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from veloz.contracts.bundle import Bundle
from veloz.reducers.words import RAW, I

NEVER: Final = I((1 << 63) - 1)  # no time
NOBODY: Final = I(-1)  # no order
NO_KEY: Final = I(-(1 << 61))  # no best price
FAR: Final = I(1 << 61)  # beyond every key

FREE, LIVE, GHOST = I(0), I(1), I(2)  # GHOST: filled, and left standing (`Compat.GHOST_ORDERS`)
WAITING, FIRED = I(3), I(4)  # a stop that no price has set off yet; one that was set off and is to be entered
BUY, SELL = I(1), I(-1)

# Why `advance` stopped: what the host must do before it goes on.
DONE: Final = I(0)  # it is at `until_ns`
ARRIVED: Final = I(1)  # a report reaches the desk first: `take` it
NO_ROOM: Final = I(2)  # a wire is too short: `exchange.lengthen`
OUTSIDE: Final = I(3)  # a price left its ladder: `exchange.widen`
STOPPED: Final = I(4)  # the run ends as the peer's would, with the code in the clock's `abort`
RESCALED: Final = I(5)  # an instrument's quanta change: its market must be made anew
BOOKED: Final = I(6)  # the account changed, or what it is worth: `clerk.py`
APART: Final = I(7)  # a request's price is outside its ladder: `exchange.widen`


def _fields(ints: str, floats: str = "") -> np.dtype[Any]:
    return np.dtype([(name, "<i8") for name in ints.split()] + [(name, "<f8") for name in floats.split()])


SIDE: Final = _fields(  # a search for the best ends at `worst`; no level at all lies below `bottom` or above `top`
    "base best worst bottom top lo hi own_best own_worst takings cleared_ns tick half_tick first_ix last_ix"
)
MARKET: Final = _fields(
    "instrument tick half_tick lot half_lot printed scales product multiplier places money base base_places"
    " maker_ppm taker_ppm fee_in qty_min qty_max notional_hi notional_lo live outside"
    " open high low close volume opened_ns"
    " last mark index price_up mark_up waiting first_ix last_ix trim"
    " funding_ns funding_e8 funding_places volume_places third third_ix third_rate third_places"
    " price_min price_max market_qty_min market_qty_max up_ppm down_ppm account owner",
    "per_unit lot_size",
)
RESTING: Final = _fields(
    "state key account market sign at price qty leaves filled spec serial venue_order arrived_ns front heard next_ix prev_ix"
    " trigger trigger_by way activation callback_ppm extreme expire_ns",
    "front_size printed leaves_size heard_size",
)
REQUEST: Final = _fields("key instrument account action price qty spec trigger activation callback_ppm expire_ns seq")
WIRED: Final = np.dtype(
    [
        *((name, "<i8") for name in REQUEST.names or ()),
        ("due_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("heard", "<i8"),
        ("heard_size", "<f8"),
    ]
)
TOLD: Final = _fields("resting serial heard", "heard_size")  # what a report says to the desk beside its row
WIRE: Final = _fields("head tail due_ns model ns table points cursor seed count", "spread")
CLOCK: Final = _fields(
    "now_ns row_ns venue_order trade_id report_seq serial free_ix live abort abort_ns late_ns shift_ns"
    " own_ns dated stirred day"
)
OWNER: Final = _fields("account tier window requests_used")  # what the exchange counts of each account
RULES: Final = _fields(
    "matching queue partial compat protection_ppm slippage_ppm impact_ppm fitted_at fitted_points"
    " accounts margin requests_most window_ns volume_before",
    "power",
)

ENTRY, RESPONSE = I(0), I(1)  # places in `wires`
SIDES: Final = 3  # positions a market: terms.PositionSide


class _Arrays(NamedTuple):
    clock: np.ndarray  # one record
    rules: np.ndarray  # one record
    wires: np.ndarray  # to the venue, to the desk
    markets: np.ndarray
    places: np.ndarray  # market of an instrument; -1: none
    sides: np.ndarray
    levels: np.ndarray  # quantities, quanta
    taken: np.ndarray  # what our orders took of them, quanta
    resting: np.ndarray
    requests: np.ndarray  # ring
    reports: np.ndarray  # ring of rows; receive time: when the desk gets it
    told: np.ndarray  # the same ring
    numbers: np.ndarray  # tables of latency models
    curves: np.ndarray  # tables of queue models
    held: np.ndarray  # signed quantity of each position: market times 3, plus its side
    tiers: np.ndarray  # of fees: volume from which on, maker and taker rate
    volumes: np.ndarray  # traded on each of the newest days, hundredths of the quote: owner times days, plus the day
    owners: np.ndarray  # accounts


DTYPES: Final[dict[str, np.dtype]] = {
    "clock": CLOCK, "rules": RULES, "wires": WIRE, "markets": MARKET, "places": np.dtype("<i8"), "sides": SIDE,
    "levels": np.dtype("<i8"), "taken": np.dtype("<i8"), "resting": RESTING, "requests": WIRED, "reports": RAW, "told": TOLD,
    "numbers": np.dtype("<i8"), "curves": np.dtype("<f8"), "held": np.dtype("<i8"), "tiers": np.dtype("<i8"),
    "volumes": np.dtype("<i8"), "owners": OWNER,
}  # fmt: skip
assert tuple(DTYPES) == _Arrays._fields


class Venue(Bundle, _Arrays):
    """The exchange, whole. Its arrays are its state: their bytes are a snapshot."""

    DTYPES = DTYPES
