"""Lines into frames: what every cutter gives, and the compiled pieces cutters are made of.

A cutter turns a block of whole lines into frames packed back to back with one newline after each, the way the journal keeps
them, with a receive stamp each. It judges nothing but the line's own form: what a frame means is the codec's business.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.kernel import entry, kernel

START, END, RECV, LINE_END, STRAYS = range(5)  # lines of the array a compiled cutter fills: the columns of a Cut
PAD: Final = 64  # newlines after the last frame: kernels read whole words
NEWLINE: Final = 10
SPACE: Final = 32
CARRIAGE: Final = 13
TAB: Final = 9
ZERO: Final = 48
NINE: Final = 57
_LOW: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_NEWLINES: Final = np.uint64(0x0A0A0A0A0A0A0A0A)
_STEP: Final = 8


@dataclass(frozen=True, slots=True)
class Cut:
    """Frames of one block of one input.

    buf: u1, frames back to back, one newline after each, `PAD` newlines after the last.
    start, end: i8[n], frame k is buf[start[k]:end[k]].
    recv: i8[n], receive stamps in ns.
    line_end: i8[n], offset just behind the frame's line in the input's unpacked bytes.
    strays: i8[n], lines before this frame, in this block, that are neither frames nor to be ignored.
    stray_lines: The same over the whole block.
    """

    buf: NDArray[np.uint8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    recv: NDArray[np.int64]
    line_end: NDArray[np.int64]
    strays: NDArray[np.int64]
    stray_lines: int

    def __len__(self) -> int:
        return len(self.start)


def words_of(buf: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Every eight bytes of a buffer as a word, overlapping: word p is bytes p … p+7. The buffer has at least 8 bytes."""
    assert len(buf) >= _STEP
    words: NDArray[np.uint64] = np.ndarray((len(buf) - 7,), "<u8", buf.data, strides=(1,))
    return words


def room_for(text: bytes) -> tuple[NDArray[np.uint8], int]:
    """A buffer that holds a block and its padding, and the most frames it can have."""
    return np.empty(len(text) + 2 * PAD, np.uint8), text.count(b"\n") + 1


@kernel
def line_end_at(text: Any, words: Any, p: int, size: int) -> int:
    """Offset of the next newline at or after p; size where there is none."""
    while p + _STEP <= size:
        t = words[p] ^ _NEWLINES
        if ((t & _LOW) + _LOW) | t | _LOW != _ALL:  # a byte of t is zero; no sum here leaves its byte
            break
        p += _STEP
    while p < size and text[p] != NEWLINE:
        p += 1
    return p


@kernel
def copy_bytes(text: Any, words: Any, a: int, b: int, size: int, out: Any, out_words: Any, q: int) -> int:
    """Copy text[a:b] to out[q:], whole words where both buffers have them (up to 7 bytes behind q are scribbled on)."""
    while a < b:
        if a + _STEP <= size:
            out_words[q] = words[a]
            step = min(_STEP, b - a)
            a += step
            q += step
        else:
            out[q] = text[a]
            a += 1
            q += 1
    return q


@kernel
def trim_end(text: Any, a: int, b: int) -> int:
    """End of text[a:b] without blanks, tabs and carriage returns at its end."""
    while b > a and (text[b - 1] == SPACE or text[b - 1] == CARRIAGE or text[b - 1] == TAB):
        b -= 1
    return b


@kernel
def skip_blanks(text: Any, a: int, b: int) -> int:
    """First offset in text[a:b] that is no blank or tab."""
    while a < b and (text[a] == SPACE or text[a] == TAB):
        a += 1
    return a


@kernel
def is_digit(byte: int) -> bool:
    """0 … 9."""
    return ZERO <= byte <= NINE


@kernel
def digit_at(text: Any, p: int) -> int:
    """Value of the digit at p."""
    return int(text[p]) - ZERO


@entry
def fill_newlines(out: Any, used: int) -> None:
    """The padding behind the last frame."""
    for k in range(used, min(used + PAD, len(out))):
        out[k] = NEWLINE
