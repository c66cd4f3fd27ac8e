"""What came out of each input, counted from its rows: totals, message names, gaps, and the steps of prices and quantities.

Counting rows (and not what a decoder says on the way) makes the totals the same however an ingest was cut, killed and
continued. Gaps follow the venue's own rule over all diffs of an instrument: one whose last id is not above the greatest so
far is stale and none; any other must continue it, on spot by `first_id = last + 1`, on futures by `prev_id = last`.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.codes import Market
from veloz.contracts.kernel import entry, kernel
from veloz.contracts.layout import FIRST, SNAPSHOT
from veloz.contracts.registry import (
    AGGTRADE,
    BAR,
    BAR_VOLUME,
    CATALOGUE,
    CHANGED,
    LEVEL,
    LIQUIDATION,
    LISTED,
    MARK,
    PARTIAL,
    QUOTE,
    REFUSED,
    TRADE,
    UNKNOWN,
)

KINDS_MAX: Final = 128

# Columns of `sums`, one line an input.
FRAMES, RECORDS, REJECTED, FIRST_TS, LAST_TS, UNKNOWNS = range(6)
NAMES: Final = (
    "depthUpdate", "rest_depth_snapshot", "bookTicker", "trade", "aggTrade", "markPriceUpdate", "kline", "forceOrder",
    "partialDepth",
)  # fmt: skip
DIFF, BOOK, TICKER, PRINT, AGGREGATE, MARKS, KLINE, FORCED, TOP = range(UNKNOWNS + 1, UNKNOWNS + 1 + len(NAMES))
SUMS: Final = TOP + 1

# Columns of `chains`, one line an input and instrument.
SEEN, PRICE_SCALE, QTY_SCALE, PRICE_STEP, QTY_STEP, DIFFS, FIRST_ID, FIRST_LAST, FIRST_PREV, LAST_ID, GAPS = range(11)
CHAIN: Final = GAPS + 1

_TRADE, _QUOTE, _LEVEL, _MARK, _AGGTRADE = (kind.number for kind in (TRADE, QUOTE, LEVEL, MARK, AGGTRADE))
_BAR, _BAR_VOLUME, _LIQUIDATION, _PARTIAL = (kind.number for kind in (BAR, BAR_VOLUME, LIQUIDATION, PARTIAL))
_LISTED, _CHANGED, _CATALOGUE, _REFUSED, _UNKNOWN = (
    kind.number for kind in (LISTED, CHANGED, CATALOGUE, REFUSED, UNKNOWN)
)
_SPOT: Final = int(Market.BINANCE_SPOT)
_MARKET_LAST: Final = 31  # kinds up to here are md.*


@kernel
def common_step(step: int, value: int) -> int:
    """Greatest common divisor; 0 is "nothing seen yet"."""
    if step == 1 or value == 0:
        return step
    if step == 0:
        return value
    while value != 0:
        step, value = value, step % value
    return step


@kernel
def see_two(chain: Any, s: int, i: int, price: int, qty: int) -> None:
    """A price and a quantity were seen."""
    if chain[s, i, PRICE_STEP] != 1:
        chain[s, i, PRICE_STEP] = common_step(chain[s, i, PRICE_STEP], price)
    if chain[s, i, QTY_STEP] != 1:
        chain[s, i, QTY_STEP] = common_step(chain[s, i, QTY_STEP], qty)


@kernel
def see_steps(chain: Any, s: int, i: int, kind: int, row: Any) -> None:
    """Steps of whatever prices and quantities a market row holds."""
    if kind in (_LEVEL, _TRADE, _AGGTRADE, _LIQUIDATION, _PARTIAL):
        see_two(chain, s, i, row["price"], row["qty"])
    elif kind == _QUOTE:
        see_two(chain, s, i, row["price"], row["qty"])
        see_two(chain, s, i, row["ref"], row["aux"])
    elif kind == _BAR:
        see_two(chain, s, i, row["price"], 0)
        see_two(chain, s, i, row["qty"], 0)
        see_two(chain, s, i, row["ref"], 0)
        see_two(chain, s, i, row["aux"], 0)
    elif kind == _BAR_VOLUME:
        see_two(chain, s, i, 0, row["price"])
        see_two(chain, s, i, 0, row["qty"])


@kernel
def see_diff(chain: Any, s: int, i: int, first: int, last: int, previous: int, spot: bool) -> None:
    """One diff of one book."""
    if chain[s, i, DIFFS] == 0:
        chain[s, i, FIRST_ID] = first
        chain[s, i, FIRST_LAST] = last
        chain[s, i, FIRST_PREV] = previous
        chain[s, i, LAST_ID] = last
    elif last > chain[s, i, LAST_ID]:
        known = chain[s, i, LAST_ID]
        if (spot and first != known + 1) or (not spot and previous != known):
            chain[s, i, GAPS] += 1
        chain[s, i, LAST_ID] = last
    chain[s, i, DIFFS] += 1


@kernel
def rescale_step(step: int, old: int, new: int) -> int:
    """A step in quanta of a new scale. A coarser scale rounds, so nothing finer than one quantum can be claimed."""
    while old < new:
        step *= 10
        old += 1
    while old > new:
        step = step // 10 if step % 10 == 0 else min(step, 1)
        old -= 1
    return step


@kernel
def define_scales(chain: Any, scales: Any, i: int, word: int) -> None:
    """An instrument was listed or changed: steps seen so far are counted in its new quanta."""
    scales[i] = word
    price_scale, qty_scale = word & 255, (word >> 8) & 255
    for s in range(len(chain)):
        if chain[s, i, SEEN]:
            chain[s, i, PRICE_STEP] = rescale_step(chain[s, i, PRICE_STEP], chain[s, i, PRICE_SCALE], price_scale)
            chain[s, i, QTY_STEP] = rescale_step(chain[s, i, QTY_STEP], chain[s, i, QTY_SCALE], qty_scale)
        chain[s, i, PRICE_SCALE] = price_scale
        chain[s, i, QTY_SCALE] = qty_scale


@kernel
def name_of(kind: int, flags: int, spot: bool) -> int:
    """Column of `sums` in which a frame counts whose last row is this; -1 for none."""
    if kind == _LEVEL:
        return BOOK if flags & SNAPSHOT else DIFF
    if kind == _QUOTE:
        return TICKER
    if kind == _TRADE:
        return PRINT
    if kind == _AGGTRADE:
        return AGGREGATE
    if kind == _MARK:
        return MARKS
    if kind == _BAR_VOLUME:
        return KLINE
    if kind == _LIQUIDATION:
        return FORCED
    if kind == _PARTIAL:
        return TOP if spot else DIFF
    if kind == _UNKNOWN:
        return UNKNOWNS
    return REJECTED if kind == _REFUSED else -1


@entry
def count_rows(
    rows: Any, first_row: Any, feed_ix: Any, recv: Any, kinds: Any, sums: Any, chain: Any, scales: Any
) -> None:
    """Count some frames.

    Args:
        rows: layout.ROW, the frames' rows.
        first_row: u4[n], where each frame's rows begin.
        feed_ix: u2[n], which input each came from; below `inputs`.
        recv: i8[n], receive stamps.
        kinds: i8[inputs, KINDS_MAX], rows by kind.
        sums: i8[inputs, SUMS].
        chain: i8[inputs + 1, instruments, CHAIN]; the last line is of all inputs together.
        scales: i8[instruments], word `scales` of each instrument's newest version.
    """
    together = len(sums)
    for k in range(len(first_row)):
        a = first_row[k]
        b = first_row[k + 1] if k + 1 < len(first_row) else len(rows)
        s = feed_ix[k]
        sums[s, FRAMES] += 1
        sums[s, RECORDS] += b - a
        timed = True
        for r in range(a, b):
            row = rows[r]
            kind, i = row["kind"], row["instrument"]
            kinds[s, min(kind, KINDS_MAX - 1)] += 1
            if kind <= _MARKET_LAST:
                if chain[s, i, SEEN] == 0:
                    chain[s, i, SEEN] = 1
                    chain[s, i, PRICE_SCALE] = scales[i] & 255
                    chain[s, i, QTY_SCALE] = (scales[i] >> 8) & 255
                see_steps(chain, s, i, kind, row)
                if kind == _LEVEL and row["flags"] & (FIRST | SNAPSHOT) == FIRST:
                    spot = (scales[i] >> 16) & 255 == _SPOT
                    see_diff(chain, s, i, row["ref"], row["venue_seq"], row["aux"], spot)
                    see_diff(chain, together, i, row["ref"], row["venue_seq"], row["aux"], spot)
            elif kind in (_LISTED, _CHANGED):
                define_scales(chain, scales, i, row["venue_seq"])
            elif kind == _CATALOGUE:
                timed = False
        if timed:
            if sums[s, FIRST_TS] == 0:
                sums[s, FIRST_TS] = recv[k]
            sums[s, LAST_TS] = recv[k]
        last = rows[b - 1]
        name = name_of(last["kind"], last["flags"], (scales[last["instrument"]] >> 16) & 255 == _SPOT)
        if name >= 0 and timed:
            sums[s, name] += 1
        elif name == REJECTED:
            sums[s, REJECTED] += 1


def new_chain(inputs: int, instruments: int) -> NDArray[np.int64]:
    """Chains of so many inputs (and of all together), instruments 0 … `instruments`."""
    return np.zeros((inputs + 1, instruments + 1, CHAIN), np.int64)


def widen(array: NDArray[np.int64], instruments: int, axis: int) -> NDArray[np.int64]:
    """The same array with room for instruments 0 … `instruments` along an axis; itself where that is so already."""
    have = array.shape[axis]
    if have > instruments:
        return array
    shape = list(array.shape)
    shape[axis] = max(instruments + 1, 2 * have)
    wider = np.zeros(shape, np.int64)
    wider[tuple(slice(0, size) for size in array.shape)] = array
    return wider


def join_chains(parts: list[NDArray[np.int64]], spot: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Chains of inputs that follow one another, as if they had been one.

    Args:
        parts: i8[instruments, CHAIN] each, in the order of their first stamps.
        spot: bool[instruments], whose rule an instrument's diffs follow.

    Returns:
        i8[instruments, CHAIN]; only the columns of diffs are filled.
    """
    joined = np.zeros_like(parts[0])
    for part in parts:
        for i in np.flatnonzero(part[:, DIFFS]):
            whole = joined[i]
            if whole[DIFFS] == 0:
                whole[DIFFS:] = part[i, DIFFS:]
                continue
            follows = part[i, FIRST_ID] == whole[LAST_ID] + 1 if spot[i] else part[i, FIRST_PREV] == whole[LAST_ID]
            whole[GAPS] += part[i, GAPS] + int(part[i, FIRST_LAST] > whole[LAST_ID] and not follows)
            whole[LAST_ID] = max(whole[LAST_ID], part[i, LAST_ID])
            whole[DIFFS] += part[i, DIFFS]
    return joined
