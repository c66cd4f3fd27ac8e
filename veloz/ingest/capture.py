"""cryptofeed capture files, version 1. Rules: `docs/reference/formats.md`, capture.

    <url> -> <time>: <body>     an answer to GET <url>            → frame `<url> -> <body>`
    <url> <-> <time>            a websocket was opened            → frame `<url> <->`
    <url> <- <time>: <body>     this side said <body> on it       → frame `<url> <- <body>`
    <time>: <body>              a message from the websocket      → frame `<body>`
    configuration: …            what the recorder was asked for   → no frame

Times are decimal seconds since the epoch. They become nanoseconds digit by digit: no float ever holds one.
"""

import re
from typing import Any, Final

from veloz.contracts.kernel import entry, kernel
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
    is_digit,
    line_end_at,
    skip_blanks,
    trim_end,
)
from veloz.ingest.stream import run_cutter

CAPTURE_LINE: Final = re.compile(rb"(?:\S+://\S+ (?:->|<->|<-) )?\d{1,10}(?:\.\d+)?(?::|\s*$)|configuration: ")
_SECONDS_MAX: Final = 9_223_372_035  # the last whole second that fits int64 nanoseconds
_COLON: Final = 58
_DOT: Final = 46
_LESS: Final = 60
_DASH: Final = 45
_GREATER: Final = 62
_CONFIGURATION: Final = tuple(b"configuration:")


@kernel
def read_seconds(text: Any, a: int, b: int) -> tuple[int, int]:
    """Decimal seconds that begin at a, as ns (digits beyond the ninth are dropped), and the offset behind; (-1, a) for none."""
    p = a
    whole = 0
    while p < b and p - a < 11 and is_digit(text[p]):
        whole = whole * 10 + digit_at(text, p)
        p += 1
    if p == a or whole > _SECONDS_MAX:
        return -1, a
    nanos = 0
    scale = 1_000_000_000
    if p + 1 < b and text[p] == _DOT and is_digit(text[p + 1]):
        p += 1
        while p < b and is_digit(text[p]):
            if scale > 1:
                scale //= 10
                nanos += digit_at(text, p) * scale
            p += 1
    return whole * 1_000_000_000 + nanos, p


@kernel
def is_configuration(text: Any, a: int, b: int) -> bool:
    """Does `configuration:` stand here."""
    same = 0
    while same < len(_CONFIGURATION) and a + same < b and text[a + same] == _CONFIGURATION[same]:
        same += 1
    return same == len(_CONFIGURATION)


@kernel
def arrow_bytes(text: Any, a: int, b: int) -> int:
    """Length of the arrow at a (`->`, `<-`, `<->`), 0 for none."""
    if a + 1 < b and text[a] == _DASH and text[a + 1] == _GREATER:
        return 2
    if a + 1 < b and text[a] == _LESS and text[a + 1] == _DASH:
        return 3 if a + 2 < b and text[a + 2] == _GREATER else 2
    return 0


@kernel
def read_line(text: Any, a: int, b: int) -> tuple[int, int, int]:
    """One line text[a:b]: (ns or -1, end of what stands before the time or a, begin of the body or b)."""
    stamp, p = read_seconds(text, a, b)
    if stamp >= 0 and p < b and text[p] == _COLON:
        return stamp, a, skip_blanks(text, p + 1, b)
    p = a
    while p < b and text[p] != SPACE:
        p += 1
    arrow = arrow_bytes(text, p + 1, b)
    head = p + 1 + arrow
    if arrow == 0 or head >= b or text[head] != SPACE:
        return -1, a, b
    stamp, p = read_seconds(text, head + 1, b)
    if stamp < 0:
        return -1, a, b
    if arrow == 3:
        return (stamp, head, b) if p == b else (-1, a, b)
    if p < b and text[p] == _COLON:
        return stamp, head, skip_blanks(text, p + 1, b)
    return -1, a, b


@entry
def cut_lines(text: Any, words: Any, out: Any, out_words: Any, columns: Any, counts: Any) -> None:
    """Lines of a capture → frames. counts: frames, bytes of `out` used, stray lines."""
    size = len(text)
    n, q, stray, p = 0, 0, 0, 0
    while p < size:
        newline = line_end_at(text, words, p, size)
        a = skip_blanks(text, p, newline)
        b = trim_end(text, a, newline)
        p = newline + 1
        if a == b or is_configuration(text, a, b):
            continue
        stamp, head, body = read_line(text, a, b)
        if stamp < 0:
            stray += 1
            continue
        columns[START, n] = q
        q = copy_bytes(text, words, a, head, size, out, out_words, q)
        if head > a and body < b:
            out[q] = SPACE
            q += 1
        q = copy_bytes(text, words, body, b, size, out, out_words, q)
        columns[END, n] = q
        out[q] = NEWLINE
        q += 1
        columns[RECV, n] = stamp
        columns[LINE_END, n] = min(p, size)
        columns[STRAYS, n] = stray
        n += 1
    counts[0], counts[1], counts[2] = n, q, stray


def cut_capture(text: bytes, base: int) -> Cut:
    """Frames of a block of a capture file.

    Args:
        text: Whole lines.
        base: Offset of the block in the input's unpacked bytes.
    """
    return run_cutter(cut_lines, text, base)
