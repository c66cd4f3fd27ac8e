"""Bounds of everything the reducers hold, each with its reason, and the relations between them."""

from typing import Final

PRICE_MAX: Final = 2**62 - 1  # quanta; leaves the sign for book keys and one bit for differences
QTY_MAX: Final = 2**63 - 1  # quanta; real walls of cheap coins need the last bit
TIME_MAX_NS: Final = 2**62 - 1  # the year 2116
TURNOVER_BITS: Final = (
    107  # price · qty of one trade, in quanta², stays below: 44 + 63 bits, the bounds of an instrument
)
SUM_BITS: Final = 123  # a bar's sum of turnover stays there once it has reached this: 2**16 of the greatest trades
TRADES_MAX: Final = 2**31 - 1  # that one aggregated trade may stand for

MONEY_MAX: Final = 2**62 - 1  # of one balance, in units of its asset's scale; leaves one bit for a sum of two

INSTRUMENTS_MAX: Final = 1 << 16  # numbers an instrument may have
SLOTS_MAX: Final = 1 << 12  # instruments with market data

WINDOW_FIRST: Final = 1 << 13  # keys in the first window of a side: 64 KiB
WINDOW_STEP: Final = 8  # how much wider it becomes when too many levels lie outside
WINDOW_MAX: Final = 1 << 16  # 512 KiB a side; measured: wider ones fold no faster

FAR_FIRST: Final = (
    512  # places of the table of levels outside the window; half full, the window or then the table grows
)
FAR_STEP: Final = 4
FAR_MAX: Final = 1 << 20  # levels outside; more break the book: it is no book any more

HELD_FIRST: Final = 512  # level rows a slot can hold back while it has no book
HELD_STEP: Final = 8
HELD_MAX: Final = 1 << 15  # then the oldest whole messages are lost

BARS_KEPT: Final = 32  # newest bars kept of every interval, whole buckets back from the newest
RATE_SECONDS: Final = 64  # seconds whose message counts are kept

SUB_BITS: Final = 3  # latency bins an octave, as a power of two: a bin is at most 12.5 % wide
LATENCY_LOW_BITS: Final = 13  # below 2**13 ns (8 µs) all is one bin
LATENCY_HIGH_BITS: Final = 41  # above 2**41 ns (37 minutes) all is one bin
LATENCY_SIDE: Final = ((LATENCY_HIGH_BITS - LATENCY_LOW_BITS) << SUB_BITS) + 1  # bins above zero, as many below
LATENCY_BINS: Final = 2 * LATENCY_SIDE

CHANNELS: Final = 16  # kinds of market rows that a slot counts apart
JUMP_BITS: Final = 6  # a trade more than price >> 6 (1.6 %) away from the last one is a jump

assert WINDOW_FIRST % 256 == 0, "windows are whole words of the bitmap, and so are their quarters"
assert WINDOW_FIRST * WINDOW_STEP == WINDOW_MAX
assert HELD_MAX >= 16_384
assert HELD_MAX % HELD_FIRST == 0
assert all(n & (n - 1) == 0 for n in (FAR_FIRST, BARS_KEPT, RATE_SECONDS, HELD_FIRST, HELD_MAX, CHANNELS)), (
    "rings are masked"
)
assert RATE_SECONDS > 60, "a minute is read from whole seconds"
