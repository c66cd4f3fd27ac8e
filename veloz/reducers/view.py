"""Reading a state: books, merged books, bars and the health of feeds. Nothing here changes anything."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from veloz.reducers.bars import INTERVALS_NS, STATED
from veloz.reducers.booksync import BookState
from veloz.reducers.limits import BARS_KEPT
from veloz.reducers.state import INTERVALS, State
from veloz.reducers.sums import whole
from veloz.reducers.windows import levels_of
from veloz.reducers.words import NONE

Levels = list[tuple[int, int]]
TRADABLE = (BookState.LOADED, BookState.SYNCED)


class Top(NamedTuple):
    """The best levels of a book, best first, in quanta."""

    synced: bool
    bids: Levels
    asks: Levels
    update_id: int


class Bar(NamedTuple):
    """One bar in quanta; `volume` of base or contracts, `quote` in price quanta times quantity quanta, of a stated bar as it was stated."""

    ts_open: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    buy_volume: int
    quote: int
    trades: int
    amended: int  # late trades in it
    closed: bool

    @property
    def sell_volume(self) -> int:
        """Volume whose taker sold."""
        return self.volume - self.buy_volume

    @property
    def vwap(self) -> tuple[int, int]:
        """Volume-weighted price in price quanta, as an exact fraction (numerator, denominator); the latter is 0 without volume."""
        return self.quote, self.volume


def skipped_rows(state: State) -> dict[str, int]:
    """Rows that were passed over and counted: of newer versions, of unknown kinds, of instruments nobody listed."""
    clock = state.clock[0]
    return {name: int(clock[f"rows_{name}"]) for name in ("newer", "unknown", "unlisted")}


def slot_of(state: State, instrument: int) -> int:
    """The market slot of an instrument number, or -1."""
    return int(state.instruments[instrument]["slot"]) if 0 <= instrument < len(state.instruments) else -1


def is_synced(state: State, instrument: int) -> bool:
    """Whether the instrument has a book that may be believed and traded on."""
    slot_ix = slot_of(state, instrument)
    return slot_ix >= 0 and int(state.slots[slot_ix]["state"]) in TRADABLE


def _side(state: State, side_ix: int) -> Levels:
    """All levels of a side, best first."""
    keys, qtys = levels_of(state, side_ix)
    sign = -1 if side_ix % 2 else 1
    return list(zip((sign * keys[::-1]).tolist(), qtys[::-1].tolist(), strict=True))


def top(state: State, instrument: int, levels: int) -> Top:
    """The best levels of an instrument's book.

    Args:
        state: State.
        instrument: Its number.
        levels: How many of each side, at most; 0 or less = all.

    Returns:
        Prices and quantities in quanta, best first; empty, with `synced` False, when there is no book to be believed.
    """
    if not is_synced(state, instrument):
        return Top(False, [], [], 0)
    slot_ix = slot_of(state, instrument)
    bids, asks = _side(state, 2 * slot_ix), _side(state, 2 * slot_ix + 1)
    many = levels if levels > 0 else max(len(bids), len(asks))
    return Top(True, bids[:many], asks[:many], int(state.slots[slot_ix]["last_id"]))


def best(state: State, instrument: int) -> tuple[int, int] | None:
    """Best bid and best ask price in quanta; None unless there is a book with both sides. Constant time."""
    if not is_synced(state, instrument):
        return None
    slot_ix = slot_of(state, instrument)
    bid, ask = state.sides[2 * slot_ix]["best"], state.sides[2 * slot_ix + 1]["best"]
    return None if NONE in (bid, ask) else (int(bid), -int(ask))


def aggregate(state: State, instrument: int, step: int, levels: int) -> Top:
    """The book in price steps: bids are gathered at the step below or at their price, asks at the one above or at it.

    Args:
        state: State.
        instrument: Its number.
        step: Price step in quanta, above 0.
        levels: How many steps with something in them, at most, of each side; 0 or less = all.
    """
    assert step > 0, step
    full = top(state, instrument, 0)
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for price, qty in full.bids:
        bids[price // step * step] = bids.get(price // step * step, 0) + qty
    for price, qty in full.asks:
        asks[-(-price // step) * step] = asks.get(-(-price // step) * step, 0) + qty
    many = levels if levels > 0 else len(bids) + len(asks)
    return Top(full.synced, list(bids.items())[:many], list(asks.items())[:many], full.update_id)


class Merged(NamedTuple):
    """Several books as one, at the finest scales among them."""

    price_scale: int
    qty_scale: int
    bids: Levels
    asks: Levels
    missing: list[int]  # instruments without a book to be believed: not in it


def merged(state: State, instruments: Sequence[int], levels: int) -> Merged:
    """One book out of the books of several instruments, exact whatever their scales.

    Args:
        state: State.
        instruments: Their numbers. Quantities must mean the same thing (base, or contracts of one size).
        levels: How many levels of each side, at most; 0 or less = all.

    Returns:
        Prices with the sum of quantities there, best first. Books of different venues may cross each other.
    """
    there = [number for number in instruments if is_synced(state, number)]
    scales = [(int(state.instruments[n]["price_scale"]), int(state.instruments[n]["qty_scale"])) for n in there]
    price_scale, qty_scale = (max((pair[i] for pair in scales), default=0) for i in (0, 1))
    sides: list[dict[int, int]] = [{}, {}]
    for number, (own_price, own_qty) in zip(there, scales, strict=True):
        for ask in (0, 1):
            for price, qty in _side(state, 2 * slot_of(state, number) + ask):
                at = price * 10 ** (price_scale - own_price)
                sides[ask][at] = sides[ask].get(at, 0) + qty * 10 ** (qty_scale - own_qty)
    many = levels if levels > 0 else sum(map(len, sides))
    bids = sorted(sides[0].items(), reverse=True)[:many]
    asks = sorted(sides[1].items())[:many]
    return Merged(price_scale, qty_scale, bids, asks, [number for number in instruments if number not in there])


def bars(state: State, instrument: int, interval_ns: int) -> list[Bar]:
    """The bars that are kept of an interval, oldest first; empty buckets have none. The last one is open.

    Args:
        state: State.
        instrument: Its number.
        interval_ns: One of `bars.INTERVALS_NS`.
    """
    interval, slot_ix = INTERVALS_NS.index(interval_ns), slot_of(state, instrument)
    if slot_ix < 0 or state.tapes[slot_ix]["end_ns"] == 0:
        return []
    tape = state.tapes[slot_ix]
    newest = int(tape["begin_ns"]) // interval_ns
    first = (slot_ix * INTERVALS + interval) * BARS_KEPT
    buckets: dict[int, list[np.void]] = {}
    for bar in state.bars[first : first + BARS_KEPT]:
        if bar["records"] > 0 and newest - BARS_KEPT < bar["bucket"] <= newest:
            buckets[int(bar["bucket"])] = [bar]
    if interval and tape["source"] != STATED:  # the newest second is not merged yet
        buckets.setdefault(newest, []).append(state.bars[int(tape["ring_at"])])
    return [_bar(bucket, parts, interval_ns, newest) for bucket, parts in sorted(buckets.items())]


def _bar(bucket: int, parts: list[np.void], interval_ns: int, newest: int) -> Bar:
    first, last = min(parts, key=lambda part: int(part["ts_first"])), max(parts, key=lambda part: int(part["ts_last"]))
    volume, buy, quote = (
        sum(whole(part[f"{name}_hi"], part[f"{name}_lo"]) for part in parts) for name in ("volume", "buy", "quote")
    )
    return Bar(
        ts_open=bucket * interval_ns,
        open=int(first["open"]),
        high=max(int(part["high"]) for part in parts),
        low=min(int(part["low"]) for part in parts),
        close=int(last["close"]),
        volume=volume,
        buy_volume=buy,
        quote=quote,
        trades=sum(int(part["trades"]) for part in parts),
        amended=int(parts[0]["amended"]),
        closed=bucket < newest,
    )


def late_trades(state: State, instrument: int, interval_ns: int) -> tuple[int, int]:
    """Trades that amended an older bar of an interval, and those that came too late for any."""
    slot_ix = slot_of(state, instrument)
    if slot_ix < 0:
        return 0, 0
    late = state.lates[slot_ix * INTERVALS + INTERVALS_NS.index(interval_ns)]
    return int(late["late"]), int(late["lost"])


def last_record(state: State, what: str, instrument: int) -> dict[str, int] | None:
    """The last trade, quote, mark or liquidation of an instrument, field by field; None when there was none.

    Args:
        state: State.
        what: `trades`, `quotes`, `marks` or `liquidations`.
        instrument: Its number.
    """
    slot_ix = slot_of(state, instrument)
    if slot_ix < 0 or getattr(state, what)[slot_ix]["count"] == 0:
        return None
    record = getattr(state, what)[slot_ix]
    return {name: int(record[name]) for name in record.dtype.names}


def engine_time(state: State) -> int:
    """Greatest receive time so far, in ns."""
    return int(state.clock[0]["now_ns"])
