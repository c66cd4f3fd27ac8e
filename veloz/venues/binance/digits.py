"""Numbers out of text, eight bytes at a time.

`words` is a byte buffer seen as overlapping little-endian words, one per offset: `words[p]` is bytes p … p+7, first byte lowest.
Every reader returns (value, bytes used); 0 bytes means *left*: not necessarily wrong, but nothing these kernels take. What they
take is `0|[1-9][0-9]*` of up to 16 digits, and `whole[.part]` of that with up to 8 decimals, exact at the scale. In a longer run
of digits they stop early; no template has a digit behind a hole, so such a text fails there.

Everything is unsigned 64-bit: one signed operand among them would make a float.

A reader looks at `words[p]`, and beyond it only past bytes it has found to be digits, a point or a minus. So with `p` at most
the end of a frame, and a newline there, no index leaves a buffer that has 8 bytes behind the frame.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.kernel import kernel

U: Final = np.uint64
WORD_BYTES: Final = 8
ZEROS: Final = U(0x3030303030303030)
SIX: Final = U(0x0606060606060606)
HIGH: Final = U(0xF0F0F0F0F0F0F0F0)
BYTES: Final = U(0x0101010101010101)
PAIRS: Final = U(0x00FF00FF00FF00FF)
QUADS: Final = U(0x0000FFFF0000FFFF)
TENS: Final = U(10 << 8 | 1)  # a digit and its neighbour → 0 … 99
HUNDREDS: Final = U(100 << 16 | 1)
MYRIADS: Final = U(10_000 << 32 | 1)
C0, C1, C2, C8, C9 = U(0), U(1), U(2), U(8), U(9)
C16, C32, C56, C64 = U(16), U(32), U(56), U(64)
BYTE: Final = U(0xFF)
POINT: Final = U(ord("."))
MINUS: Final = U(ord("-"))
DIGITS_MAX: Final = U(18)  # 10**18 fits an int64 with room to spare
POW10: Final[NDArray[np.uint64]] = np.array([10**k for k in range(19)], np.uint64)


def words_of(buf: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A buffer of at least 8 bytes as overlapping words: n bytes give n - 7 words."""
    assert len(buf) >= WORD_BYTES
    words: NDArray[np.uint64] = np.ndarray((len(buf) - WORD_BYTES + 1,), "<u8", buf.data, strides=(1,))
    words.flags.writeable = False  # so that a kernel is compiled for one kind of array, whoever made the buffer
    return words


@kernel
def digits_in(t: Any) -> Any:
    """How many of the bytes of t = word ^ ZEROS are digits before the first that is not: 0 … 8."""
    marks = (t | (t + SIX)) & HIGH
    if marks == C0:
        return C8
    below = (marks - C1) & ~marks
    return (((below & BYTES) * BYTES) >> C56) - C1


@kernel
def eight(t: Any) -> Any:
    """Eight digit values, first byte most significant, as a number. Zero bytes in front count as leading zeros."""
    t = ((t * TENS) >> C8) & PAIRS
    t = ((t * HUNDREDS) >> C16) & QUADS
    return (t * MYRIADS) >> C32


@kernel
def whole_at(words: Any, p: Any) -> Any:
    """A whole number of 1 to 16 digits without leading zeros."""
    t = words[p] ^ ZEROS
    n = digits_in(t)
    if n == C0 or (n > C1 and (t & BYTE) == C0):
        return C0, C0
    if n < C8:
        return eight(t << (C64 - n * C8)), n
    value = eight(t)
    t = words[p + C8] ^ ZEROS
    n = digits_in(t)
    if n > C0:
        value = value * POW10[n] + eight(t << (C64 - n * C8))
    return value, C8 + n


@kernel
def part_at(words: Any, p: Any, scale: Any) -> Any:
    """1 to 8 decimals, as a number at the scale. What stands beyond the scale must be zeros."""
    f = words[p] ^ ZEROS
    n = digits_in(f)
    if n == C0:
        return C0, C0
    if n <= scale:
        return eight(f << (C64 - n * C8)) * POW10[scale - n], n
    beyond = (f << (C64 - n * C8)) >> (C64 - n * C8)
    if scale == C0:
        return C0, (n if beyond == C0 else C0)
    if (beyond >> (scale * C8)) != C0:
        return C0, C0
    return eight(f << (C64 - scale * C8)), n


@kernel
def decimal_at(words: Any, p: Any, scale: Any) -> Any:
    """A decimal without a sign, exact at the scale: the count of quanta, below 10**18."""
    value, n = whole_at(words, p)
    if n == C0 or n + scale > DIGITS_MAX:
        return C0, C0
    value *= POW10[scale]
    if (words[p + n] & BYTE) != POINT:
        return value, n
    part, m = part_at(words, p + n + C1, scale)
    if m == C0:
        return C0, C0
    return value + part, n + C1 + m


@kernel
def signed_at(words: Any, p: Any, scale: Any) -> Any:
    """The same with an optional minus; a negative value as two's complement."""
    if (words[p] & BYTE) != MINUS:
        return decimal_at(words, p, scale)
    value, n = decimal_at(words, p + C1, scale)
    if n == C0:
        return C0, C0
    return C0 - value, n + C1
