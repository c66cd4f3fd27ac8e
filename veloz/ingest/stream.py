"""Stream files: a line is `<receive stamp> <one JSON document>`. Rules: `docs/reference/formats.md`, stream.

The stamp counts nanoseconds (19 digits), microseconds (16) or milliseconds (13) since the epoch.
"""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np

from veloz.contracts.kernel import entry, kernel
from veloz.ingest.faults import Damage
from veloz.ingest.files import HEAD_BYTES, read_text
from veloz.ingest.lines import (
    END,
    LINE_END,
    NEWLINE,
    RECV,
    SPACE,
    START,
    STRAYS,
    Cut,
    copy_bytes,
    digit_at,
    fill_newlines,
    is_digit,
    line_end_at,
    room_for,
    skip_blanks,
    trim_end,
    words_of,
)

STAMP_LINE: Final = re.compile(rb"(?:\d{19}|\d{16}|\d{13}) +\S")
_STREAM_NAME: Final = re.compile(rb'"stream"\s*:\s*"([^"@!]+)@')
_SYMBOL: Final = re.compile(rb'"s"\s*:\s*"([A-Z0-9_]+)"')
_NAMED: Final = re.compile(rb'"stream"\s*:\s*"[^"@!]+@|"s"\s*:\s*"[A-Z0-9_]+"')
_NAMED_BYTES_MAX: Final = 256
_LOOKED_AT_MAX: Final = 64 << 20
# What a file's name begins with when it is a symbol: with a quote that is no part of a word, or with any other and a date behind it.
_FILE_SYMBOL: Final = re.compile(
    r"([a-z0-9]+usd_(?:perp|\d{6})|[a-z0-9]+(?:usdt|usdc|fdusd|busd|tusd|usdp)(?:_\d{6})?)(?=[_.-]|$)"
    r"|([a-z0-9]+(?:btc|eth|bnb|eur|try|brl|jpy|gbp|aud|rub|uah|ars|pln|mxn|zar|dai|trx|xrp|sol|usd))(?=[_-]20\d\d)",
    re.IGNORECASE,
)


@kernel
def read_stamp(text: Any, a: int, b: int) -> tuple[int, int]:
    """The stamp that begins at a, in ns, and the offset behind it; (-1, a) where there is none."""
    value = 0
    p = a
    while p < b and p - a < 20 and is_digit(text[p]):
        if p - a < 18:
            value = value * 10 + digit_at(text, p)
        p += 1
    digits = p - a
    if digits == 19:
        last = digit_at(text, p - 1)
        if value < 922_337_203_685_477_580 or (value == 922_337_203_685_477_580 and last <= 7):
            return value * 10 + last, p
        return -1, a
    if digits == 16:
        return (value * 1_000, p) if value <= 9_223_372_036_854_775 else (-1, a)
    if digits == 13:
        return (value * 1_000_000, p) if value <= 9_223_372_036_854 else (-1, a)
    return -1, a


@entry
def cut_lines(text: Any, words: Any, out: Any, out_words: Any, columns: Any, counts: Any) -> None:
    """Stamped lines of text → frames. counts: frames, bytes of `out` used, stray lines."""
    size = len(text)
    n, q, stray, p = 0, 0, 0, 0
    while p < size:
        newline = line_end_at(text, words, p, size)
        a = skip_blanks(text, p, newline)
        b = trim_end(text, a, newline)
        p = newline + 1
        if a == b:
            continue
        stamp, body = read_stamp(text, a, b)
        if stamp < 0 or (body < b and text[body] != SPACE):
            stray += 1
            continue
        columns[START, n] = q
        q = copy_bytes(text, words, skip_blanks(text, body, b), b, size, out, out_words, q)
        columns[END, n] = q
        out[q] = NEWLINE
        q += 1
        columns[RECV, n] = stamp
        columns[LINE_END, n] = min(p, size)
        columns[STRAYS, n] = stray
        n += 1
    counts[0], counts[1], counts[2] = n, q, stray


def cut_stream(text: bytes, base: int) -> Cut:
    """Frames of a block of a stream file.

    Args:
        text: Whole lines.
        base: Offset of the block in the input's unpacked bytes.
    """
    return run_cutter(cut_lines, text, base)


def run_cutter(cutter: Any, text: bytes, base: int) -> Cut:
    """Call a compiled cutter with the arrays it fills."""
    out, frames_max = room_for(text)
    columns = np.empty((STRAYS + 1, frames_max), np.int64)
    counts = np.zeros(3, np.int64)
    padded = text if len(text) >= 8 else text + b"\n" * (8 - len(text))
    raw = np.frombuffer(padded, np.uint8)
    cutter(raw, words_of(raw), out, words_of(out), columns, counts)
    n, used, stray_lines = (int(count) for count in counts)
    fill_newlines(out, used)
    columns[LINE_END] += base
    start, end, recv, line_end, strays = columns[:, :n]
    return Cut(out, start, end, recv, line_end, strays, stray_lines)


def find_symbol(head: bytes, path: Path) -> str:
    """The one symbol a file is about, upper case; empty where it has several or none can be told.

    A file may open with a snapshot that is longer than its head: then what follows is looked at, up to the first name.

    Args:
        head: The first bytes of the file, unpacked.
        path: The file, whose name speaks only where no message does.

    Raises:
        IngestError: The system fails to read the file.
    """
    text = head
    if len(head) >= HEAD_BYTES and not _NAMED.search(head):
        text = _first_named(path)
    names: set[str] = {name.decode("ascii", "replace").upper() for name in _STREAM_NAME.findall(text)}
    if not names:
        names = {name.decode() for name in _SYMBOL.findall(text)}
    if names:
        return names.pop() if len(names) == 1 else ""
    found = _FILE_SYMBOL.match(path.name)
    return str(found[1] or found[2]).upper() if found else ""


def _first_named(path: Path) -> bytes:
    """As many bytes as a head has, from the first one on that names a symbol; empty where none of the first 64 MiB does."""
    text, looked_at = b"", 0
    pieces = read_text(path)
    try:
        for piece in pieces:
            text, looked_at = text[-_NAMED_BYTES_MAX:] + piece, looked_at + len(piece)
            if found := _NAMED.search(text):
                text = text[found.start() :]
                while len(text) < HEAD_BYTES and (more := next(pieces, b"")):
                    text += more
                return text[:HEAD_BYTES]
            if looked_at >= _LOOKED_AT_MAX:
                break
    except Damage:
        return text[:HEAD_BYTES]
    return b""
