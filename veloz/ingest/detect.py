"""What kind of recording a file is, by its first lines; and whether it can be of the venue it is said to be of."""

import re
from pathlib import Path
from typing import Final

from veloz.ingest.capture import CAPTURE_LINE
from veloz.ingest.faults import IngestError
from veloz.ingest.foreign import detect_table
from veloz.ingest.given import UNSAID, Given, need_interval, need_symbol
from veloz.ingest.klines import find_columns, find_name
from veloz.ingest.stream import STAMP_LINE, find_symbol
from veloz.venues.port import Source

LINES_LOOKED_AT: Final = 200
_DIFF: Final = re.compile(rb'"e"\s*:\s*"depthUpdate"[^\[\]\n]*')
_PREVIOUS: Final = re.compile(rb'"pu"\s*:')
_NAME: Final = re.compile(rb'"s"\s*:\s*"([^"\\]{1,40})"')
_INVERSE: Final = re.compile(rb"[A-Z0-9]+USD_(?:PERP|\d{6})")
_VERSION_2: Final = re.compile(rb'\s*\{\s*"t"\s*:\s*"header"')


def first_lines(head: bytes) -> list[bytes]:
    """Lines of a file's head that are not blank; the last one is left out where it may be cut."""
    lines = head.split(b"\n")
    if len(lines) > 1:
        lines = lines[:-1]
    return [line for line in lines[:LINES_LOOKED_AT] if line.strip()]


def detect_format(head: bytes) -> str:
    """Format of a file; empty when it is none we know.

    Args:
        head: Its first unpacked bytes, 64 KiB or all.
    """
    lines = first_lines(head)
    stamped = sum(STAMP_LINE.match(line) is not None for line in lines)
    captured = sum(CAPTURE_LINE.match(line) is not None for line in lines)
    if stamped or captured:
        return "stream" if stamped >= captured else "capture"
    first = lines[0].decode("ascii", "replace") if lines else ""
    if len(first) < 1_000 and find_columns(first):
        return "klines"
    return detect_table(head, first)


def describe_source(path: Path, venue: str, head: bytes, fmt: str, given: Given = UNSAID) -> Source:
    """What the codec must know of a file.

    Args:
        path: The file.
        venue: Whose messages it holds.
        head: Its first unpacked bytes.
        fmt: A name of FORMATS, or `auto`.
        given: What the operator says of the instrument of klines.

    Raises:
        IngestError: It is no recording we can read, or one of another venue; or what is said contradicts its name.
    """
    form = fmt if fmt != "auto" else detect_format(head)
    if not form:
        raise unreadable_format(path, head)
    if form == "klines":
        return _describe_klines(path, venue, head, given)
    require_venue(path, venue, head)
    symbol = find_symbol(head, path) if form == "stream" else ""
    return Source(0, venue, symbol, form)


def unreadable_format(path: Path, head: bytes) -> IngestError:
    """Why a file is none we can read."""
    if not head.strip():
        return IngestError(
            f"{path} is empty.", code="empty_input", hint="Check the path, or wait until something is in it."
        )
    if _VERSION_2.match(head):
        return IngestError(
            f"{path} is a capture of cryptofeed's second version, which is not read yet.",
            code="unknown_format",
            hint="Give stream files, version-1 captures or klines.",
        )
    return IngestError(
        f"{path} is no recording: none of its first lines is a stamped message, a capture line or a kline, nor is it a table we know.",
        code="unknown_format",
        hint="Check the path; --format names the format where the first lines mislead.",
    )


def _describe_klines(path: Path, venue: str, head: bytes, given: Given) -> Source:
    lines = first_lines(head)
    columns = find_columns(lines[0].decode("ascii", "replace")) if lines else None
    if columns is None:
        raise IngestError(
            f"{path} holds no klines: its first line names no columns, nor has it those read without a header.",
            code="unknown_format",
            hint="Add a header line, or check the path.",
        )
    named, named_ns = find_name(path.name)
    symbol = need_symbol(path, venue, given, named or find_symbol(b"", path), certain=bool(named))
    interval_ns = need_interval(path, given, named_ns)
    return Source(0, venue, symbol, "klines", ",".join(columns), interval_ns)


def require_venue(path: Path, venue: str, head: bytes) -> None:
    """Refuse a recording whose messages are plainly another venue's: what they would become stays in a journal for ever.

    Raises:
        IngestError: They are.
    """
    diffs = _DIFF.findall(head)
    futures = sum(_PREVIOUS.search(diff) is not None for diff in diffs)
    named = {name for diff in diffs for name in _NAME.findall(diff)}
    inverse = bool(named) and all(_INVERSE.fullmatch(name) for name in named)
    if not diffs or 0 < futures < len(diffs):
        return
    found = "binance_spot" if not futures else "binance_coinm" if inverse else "binance_usdm"
    if found != venue:
        raise IngestError(
            f"{path} holds messages of {found}, and {venue} was said.",
            code="wrong_venue",
            hint=f"Give --venue {found}, or {found}=PATH for this file alone.",
        )
