"""The 64-byte row and the views of it.

Every record of the journal is one slot of 64 bytes: a head that all kinds share (kind, version, flags, instrument, the two
times) and five words of 8 bytes that each kind names for itself. A view renames words; it never moves them, so a batch can be
read through any view without copying.
"""

from typing import Final

import numpy as np

HEAD: Final = (
    ("kind", "<u2"),
    ("version", "u1"),
    ("flags", "u1"),
    ("instrument", "<u4"),
    ("ts_recv", "<i8"),
    ("ts_event", "<i8"),
)
WORDS: Final = 5
ROW_BYTES: Final = 64


def row_view(*names: str) -> np.dtype[np.void]:
    """A dtype over the same 64 bytes whose five words carry these names.

    Args:
        names: Up to five words, in order; the rest are called `spare0`, `spare1` …

    Returns:
        A packed little-endian structured dtype of 64 bytes.
    """
    assert len(names) <= WORDS, names
    spares = (f"spare{k}" for k in range(WORDS - len(names)))
    view = np.dtype([*HEAD, *((name, "<i8") for name in (*names, *spares))])
    assert view.itemsize == ROW_BYTES
    return view


ROW: Final = row_view("venue_seq", "price", "qty", "ref", "aux")
WORD: Final = np.dtype("<i8")
ROW_WORDS: Final = ROW_BYTES // WORD.itemsize


def words_of(*rows: np.ndarray) -> np.ndarray:
    """The words of rows, i8[8 · n]: a copy, which may be written. Through bytes it takes a third of what a view and a copy take.

    Args:
        rows: One after the other, each any dtype of 64 bytes [n].
    """
    return np.frombuffer(bytearray().join(each.tobytes() for each in rows), WORD)


# Flags, one byte. What a bit means may depend on the kind; STEP_END never does.
ASK: Final = 1  # level: the ask side · trade: the taker sold · liquidation: a sell order
FIRST: Final = 2  # first row of a message
LAST: Final = 4  # last row of a message
SNAPSHOT: Final = 8  # level of a whole book, not a change of one
EMPTY: Final = 16  # depth message without levels
CLOSED: Final = 16  # bar: the venue says it will not change any more
ODD: Final = 32  # a trade that is not a market trade (insurance fund and the like)
APPLIED: Final = 32  # level: of a recording that is applied as it stands
INEXACT: Final = 64  # a value did not fit its quantum: rounded down, but never from something to nothing
STEP_END: Final = 128  # last row of a step: decisions are taken here

NO_INSTRUMENT: Final = 0
SEQ_FIRST: Final = 1
