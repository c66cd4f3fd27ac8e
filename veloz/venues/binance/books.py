"""Whole books, the big rare frames: msgspec finds the two arrays, a kernel reads their levels.

Takes a subset of what the reference decoder takes, with the same rows; leaves everything else.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from veloz.contracts.layout import ASK, FIRST, LAST, SNAPSHOT, STEP_END
from veloz.contracts.registry import LEVEL
from veloz.instruments.catalogue import Catalogue
from veloz.venues.binance import messages, shapes, wire
from veloz.venues.binance.digits import words_of
from veloz.venues.binance.messages import RefusedFrame
from veloz.venues.binance.plain import LINE, snapshot_symbol
from veloz.venues.binance.scanner import scan_levels
from veloz.venues.port import FRAME_PAD, FRAME_ROWS_MAX, NEWLINE, Source

LEVEL_BYTES_MIN: Final = 10  # ["1","1"] and a comma
_MARK: Final = b'"lastUpdateId"'
_MARK_WITHIN: Final = 1024
_ONCE: Final = (b'"bids"', b'"asks"', _MARK)
_PAD: Final = NEWLINE * FRAME_PAD


def _book(frame: bytes) -> tuple[wire.SnapshotText, bytes] | None:
    """A bare book and its address; None where there might be more to it. A key that comes twice, or in disguise, is left."""
    if _MARK not in frame[:_MARK_WITHIN]:
        return None
    line = LINE.fullmatch(frame)
    if line is not None and line[2] != b"->":
        return None
    url, body = (line[1], line[3] or b"") if line else (b"", frame)
    if (
        not body.startswith(b"{" + _MARK)
        or b"\\" in body
        or any(body.count(key) != 1 for key in _ONCE)
        or b'"e"' in body
    ):
        return None
    try:
        return wire.SNAPSHOT_TEXT.decode(body), url
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def scan_book(
    frame: bytes, recv: int, source: Source, catalogue: Catalogue, registers: NDArray[Any], out: NDArray[Any], r: int
) -> int:
    """Rows of a REST snapshot of a listed instrument.

    Args:
        frame: The frame's bytes.
        recv: Receive time, ns.
        source: Where it came from.
        catalogue: Instruments known so far.
        registers: Scratch of the scanner.
        out: u8[m, 8], rows; must hold a row for every `LEVEL_BYTES_MIN` bytes.
        r: First row to write.

    Returns:
        The next row; `r` = left.
    """
    found = _book(frame)
    if found is None:
        return r
    book, url = found
    try:
        event_ns, last = messages.nanos(book.E), messages.count(book.lastUpdateId)
        messages.nanos(book.T)
        instrument = catalogue.find(source.venue, snapshot_symbol(book.symbol, url, source))
    except (RefusedFrame, UnicodeDecodeError):
        return r
    if instrument is None or catalogue.pending(instrument) is not None:
        return r
    registers[:] = 0
    registers[shapes.EVENT], registers[shapes.SEQ] = event_ns, last
    head = LEVEL.number | LEVEL.version << 16 | SNAPSHOT << 24 | instrument.number << 32
    row = r
    for side, text in ((0, book.bids), (ASK, book.asks)):
        raw = bytes(text)
        words = words_of(np.frombuffer(raw + _PAD, np.uint8))
        scales = (instrument.price_scale, instrument.qty_scale)
        row = int(scan_levels(words, len(raw), *scales, out, row, head | side << 24, recv, registers))
        if row < 0:
            return r
    if row == r or row - r > FRAME_ROWS_MAX:
        return r
    out[r, 0] |= np.uint64(FIRST << 24)
    out[row - 1, 0] |= np.uint64((LAST | STEP_END) << 24)
    return row
