"""Bounds of everything the reducers hold, each with its reason, and the relations between them."""

from typing import Final

PRICE_MAX: Final = 2**62 - 1  # quanta; leaves the sign for book keys and one bit for differences
QTY_MAX: Final = 2**63 - 1  # quanta; real walls of cheap coins need the last bit
TIME_MAX_NS: Final = 2**62 - 1  # the year 2116

INSTRUMENTS_MAX: Final = 1 << 16  # numbers an instrument may have
SLOTS_MAX: Final = 1 << 12  # instruments with market data

WINDOW_FIRST: Final = 1 << 14  # keys a new side covers: 128 KiB
WINDOW_STEP: Final = 8  # how much wider a side becomes when too much lies outside
WINDOW_MAX: Final = 1 << 20  # 8 MiB a side; BTCUSDT spot is ±8 % of it
WINDOW_SHARE: Final = 6  # wider when more than window >> WINDOW_SHARE levels lie outside it

FAR_FIRST: Final = 64  # levels outside the window that a side begins with
FAR_MAX: Final = 1 << 18  # more than this breaks the book: it is no book any more

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

assert WINDOW_FIRST % 64 == 0, "windows are whole words of the bitmap"
assert WINDOW_MAX % WINDOW_FIRST == 0
assert HELD_MAX >= 16_384
assert HELD_MAX % HELD_FIRST == 0
assert all(n & (n - 1) == 0 for n in (BARS_KEPT, RATE_SECONDS, HELD_FIRST, HELD_MAX, CHANNELS)), "rings are masked"
assert RATE_SECONDS > 60, "a minute is read from whole seconds"
