"""Event files of two clocks, written with numpy alone, and the plainest reading of them: lists and dictionaries, one event at a time."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

EVENT = np.dtype(
    [("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8"), ("order_id", "<u8"),
     ("ival", "<i8"), ("fval", "<f8")]
)  # fmt: skip
VENUE, DESK, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
START = 1_700_000_000 * 10**9

event = st.tuples(
    st.sampled_from([1, 1, 1, 1, 4, 2, 2, 3, 5, 10]),
    st.sampled_from([VENUE | DESK, VENUE | DESK, VENUE, DESK]),
    st.sampled_from([BUY, SELL, BUY, SELL, 0, BUY | SELL]),
    st.integers(1, 40) | st.sampled_from([5_000, 70_000, 900_000]),
    st.integers(0, 5),
    st.sampled_from([0, 0, 1, 1_000_000]),
    st.sampled_from([0, 5, 1_000_000]),
)
streams = st.lists(event, min_size=1, max_size=60)


def build(stream: list[tuple], tick: float = 0.5, lot: float = 0.001, begin: int = START) -> np.ndarray:
    """EVENT[n] of a stream. A clear at the greatest price has none."""
    events, local, exch = np.zeros(len(stream), EVENT), begin, begin - 10**6
    for at, (kind, seen, side, price, qty, later, exch_later) in enumerate(stream):
        local, exch = local + later, exch + exch_later
        px = math.nan if kind == 3 and price == 900_000 else price * tick
        events[at] = (kind | seen | side, exch, local, px, qty * lot, 0, 0, 0.0)
    return events


def write(path: Path, events: np.ndarray, *, packed: bool = True) -> Path:
    """As hftbacktest's converters write them."""
    (np.savez_compressed if packed else np.savez)(path, data=events)
    return path


class Told(NamedTuple):
    """One row as it should be; price and qty in ticks and lots."""

    what: str  # level, trade, clear
    desk: bool
    ask: bool
    price: int  # -1: all of it
    qty: int
    recv: int
    event: int
    unseen: int


def read(events: np.ndarray, tick: float = 0.5, lot: float = 0.001) -> list[Told]:
    """What each event says, in order."""
    told = []
    for one in events:
        ev, kind = int(one["ev"]), int(one["ev"]) & 255
        desk, venue, buy, sell = (bool(ev & bit) for bit in (DESK, VENUE, BUY, SELL))
        stamps = int(one["local_ts"]), int(one["exch_ts"])
        price = -1 if math.isnan(one["px"]) else round(float(one["px"]) / tick)
        qty = round(float(one["qty"]) / lot)
        if kind in (1, 4) and (buy or sell):
            told.append(Told("level", desk, not buy, price, qty, *stamps, int(desk and not venue)))
        elif kind == 2 and (desk or buy or sell):
            unseen = int(desk and not (venue and (buy or sell)))
            told.append(Told("trade", desk, sell and not buy, price, qty, *stamps, unseen))
        elif kind == 3:
            for ask in (False, True):
                if (buy if not ask else sell and not buy) or not (buy or sell):
                    told.append(Told("clear", desk, ask, price, 0, *stamps, int(desk and not venue)))
    return told


def books(told: list[Told]) -> list[tuple[dict[int, int], dict[int, int]]]:
    """The desk's book after each row that it sees."""
    book: tuple[dict[int, int], dict[int, int]] = ({}, {})
    after = []
    for row in told:
        side = book[row.ask]
        if not row.desk:
            continue
        if row.what == "level" and row.qty:
            side[row.price] = row.qty
            if row.price == (min if row.ask else max)(side):  # what a best level reaches is gone
                for other in [*book[1 - row.ask]]:
                    if other >= row.price if row.ask else other <= row.price:
                        del book[1 - row.ask][other]
        elif row.what == "level":
            side.pop(row.price, None)
        elif row.what == "clear":
            for price in [*side]:
                if row.price < 0 or (price <= row.price if row.ask else price >= row.price):
                    del side[price]
        after.append((dict(book[0]), dict(book[1])))
    return after
