"""How a kernel sees a row: the eight bytes of its head as one number, then the seven words. And the constants, typed.

One load and a few shifts give kind, version, flags and instrument, all int64, so the same source runs with the JIT off, where
unsigned bytes would wrap. Every constant has its type once: a bare literal compiles each callee again.
"""

from typing import Final

import numpy as np

from veloz.contracts import layout
from veloz.contracts.registry import (
    AGGTRADE,
    BAR,
    BAR_VOLUME,
    CHANGED,
    DATA_NAMED,
    KINDS,
    LEVEL,
    LIQUIDATION,
    LISTED,
    MARK,
    PARTIAL,
    QUOTE,
    STARTED,
    TRADE,
    VENUE_LEVEL,
    VENUE_TRADE,
)  # fmt: skip

I = np.int64  # noqa: E741
U = np.uint64  # of a place that cannot be negative: none of them is counted from the end

RAW: Final = np.dtype(
    [(name, "<i8") for name in ("head", "ts_recv", "ts_event", "venue_seq", "price", "qty", "ref", "aux")]
)
assert RAW.itemsize == layout.ROW_BYTES
assert [layout.ROW.fields[name][1] for name in RAW.names[1:]] == [RAW.fields[name][1] for name in RAW.names[1:]]  # type: ignore[index]

ZERO, ONE, TWO = I(0), I(1), I(2)
NONE: Final = I(-(1 << 63))  # no key: a side without levels

KIND_MASK, BYTE_MASK, WORD_MASK = I(0xFFFF), I(0xFF), I(0xFFFFFFFF)
VERSION_SHIFT, FLAGS_SHIFT, INSTRUMENT_SHIFT = I(16), I(24), I(32)
SAME_MASK: Final = I(~(0xFF << 24))  # all of the head but the flags: rows of one message agree in it
VERSION_ONE: Final = I(1)

K_TRADE, K_QUOTE, K_LEVEL, K_MARK = I(TRADE.number), I(QUOTE.number), I(LEVEL.number), I(MARK.number)
K_AGGTRADE, K_BAR, K_BAR_VOLUME = I(AGGTRADE.number), I(BAR.number), I(BAR_VOLUME.number)
K_LIQUIDATION, K_PARTIAL = I(LIQUIDATION.number), I(PARTIAL.number)
K_LISTED, K_CHANGED, K_STARTED = I(LISTED.number), I(CHANGED.number), I(STARTED.number)
K_VENUE_LEVEL, K_VENUE_TRADE = I(VENUE_LEVEL.number), I(VENUE_TRADE.number)  # of a recording's other clock
K_DATA_NAMED: Final = I(DATA_NAMED.number)
K_MARKET_LAST: Final = I(9)  # kinds 1 … 9 are market data
KINDS_MAX: Final = I(128)
KNOWN: Final = np.zeros(128, np.int64)  # newest version of every kind this code knows, 0 for the others
for _kind in KINDS:
    KNOWN[_kind.number] = _kind.version

F_ASK, F_FIRST, F_LAST, F_APPLIED = I(layout.ASK), I(layout.FIRST), I(layout.LAST), I(layout.APPLIED)
F_SNAPSHOT, F_EMPTY, F_ODD, F_CLOSED = I(layout.SNAPSHOT), I(layout.EMPTY), I(layout.ODD), I(layout.CLOSED)
F_STEP_END, F_INEXACT = I(layout.STEP_END), I(layout.INEXACT)

# Why the kernel stopped: what the host must do before it goes on.
DONE = I(0)
NEW_SLOT, INSTRUMENT_ROW, MOVE_WINDOW, GROW_FAR, GROW_HELD = I(1), I(2), I(3), I(4), I(5)
HURT = I(6)  # not a stop: a level that cannot be taken
GROW_DESK: Final = I(7)  # a trading table is short of room
TRADING, SETTLE = (
    I(10),
    I(11),
)  # the market's part stops for trading: before a row of it; behind a step that is to be settled

# Where in a row it goes on.
FRESH, BEGUN, SET = I(0), I(1), I(2)  # nothing done · its message is begun · its level is set

# What a slot does with the level rows of the message in hand.
M_IGNORE, M_APPLY, M_LOAD, M_HOLD, M_REPLAY = I(0), I(1), I(2), I(3), I(4)
