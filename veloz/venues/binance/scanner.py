"""The compiled walker over frames: takes what matches a template byte for byte, leaves everything else.

What it takes is our literal text, holes of a known form and an exact end: no blanks, no escapes, no unknown, reordered or repeated
keys. All that is JSON in which the reference decoder has one reading, and numbers in which both give one value. What it
leaves it has not judged.

Bounds. A frame is looked at only when a newline and `FRAME_PAD` bytes stand behind it; a cursor `p` never passes the frame's end
before a read (see `digits`), a literal is compared only when it fits before the end, a row is written only below the end of `out`.
"""

from typing import Any, Final

import numpy as np

from veloz.contracts.kernel import entry, kernel
from veloz.contracts.layout import ASK, EMPTY, FIRST, LAST, STEP_END
from veloz.instruments.instrument import PRICE_MAX
from veloz.venues.binance import plan, shapes
from veloz.venues.binance.digits import BYTE, C0, C1, C8, U, decimal_at, signed_at, whole_at
from veloz.venues.port import FRAME_PAD, FRAME_ROWS_MAX


def _text(raw: bytes) -> tuple[Any, Any]:
    return U(int.from_bytes(raw, "little")), U((1 << 8 * len(raw)) - 1)


OPEN, OPEN_MASK = _text(b'[["')
BETWEEN, BETWEEN_MASK = _text(b'","')
NEXT, NEXT_MASK = _text(b'"],["')
CLOSE, CLOSE_MASK = _text(b'"]]')
NOTHING, NOTHING_MASK = _text(b"[]")
TRUE, TRUE_MASK = _text(b"true")
FALSE, FALSE_MASK = _text(b"false")
PREFIX_A, _ = _text(shapes.PREFIX[:8])
PREFIX_B, PREFIX_B_MASK = _text(shapes.PREFIX[8:])
PREFIX_BYTES: Final = U(len(shapes.PREFIX))
QUOTES: Final = U(0x2222222222222222)
TOPS: Final = U(0x8080808080808080)
ONES: Final = U(0x0101010101010101)
PRIME: Final = U(plan.PRIME)
C2, C3, C4, C5, C7, C24, C32 = U(2), U(3), U(4), U(5), U(7), U(24), U(32)
NEWLINE: Final = U(10)
PAD: Final = U(FRAME_PAD)
SCANNED_BYTES_MAX: Final = U(
    10 * FRAME_ROWS_MAX
)  # the shortest level has ten bytes: no scanned frame has too many rows
PRICE_LIMIT: Final = U(PRICE_MAX)
MILLIS_LIMIT: Final = U((2**63 - 1) // 10**6)
MILLION: Final = U(10**6)
E8_SCALE: Final = U(8)
ASK_BIT, FIRST_BIT, LAST_BIT, EMPTY_BIT, STEP_BIT = (U(flag << 24) for flag in (ASK, FIRST, LAST, EMPTY, STEP_END))
LITERAL, WHOLE, MILLIS, PRICE, QTY, E8, E8_SIGNED, BOOL, LEVELS = (
    U(op) for op in (
        shapes.LITERAL, shapes.WHOLE, shapes.MILLIS, shapes.PRICE, shapes.QTY, shapes.E8, shapes.E8_SIGNED, shapes.BOOL, shapes.LEVELS,
    )
)  # fmt: skip
COUNTED, RUN = U(shapes.COUNTED), U(shapes.RUN)
ASKS: Final = U(shapes.ASKS)
EVENT, SEQ, W1, W2, W3, W4 = shapes.EVENT, shapes.SEQ, shapes.W1, shapes.W2, shapes.W3, shapes.W4


@kernel
def literal_fits(words: Any, p: Any, literals: Any, masks: Any, at: Any, size: Any) -> bool:
    """Whether `size` bytes at p are the literal that begins at word `at`."""
    wrong = C0
    done = C0
    while done < size:
        wrong |= (words[p + done] ^ literals[at]) & masks[at]
        at += C1
        done += C8
    return bool(wrong == C0)


@kernel
def level_at(words: Any, p: Any, price_scale: Any, qty_scale: Any) -> Any:
    """`61800.2","0.014` → (price, quantity, bytes); 0 bytes = left."""
    price, n = decimal_at(words, p, price_scale)
    if n == C0 or price > PRICE_LIMIT or (words[p + n] & BETWEEN_MASK) != BETWEEN:
        return C0, C0, C0
    n += C3
    qty, m = decimal_at(words, p + n, qty_scale)
    if m == C0:
        return C0, C0, C0
    return price, qty, n + m


@kernel
def levels_at(
    words: Any,
    p: Any,
    end: Any,
    price_scale: Any,
    qty_scale: Any,
    out: Any,
    r: Any,
    head: Any,
    recv: Any,
    registers: Any,
) -> Any:
    """One side of a book: rows from r on → (offset behind it, next row); offset 0 = left."""
    if (words[p] & NOTHING_MASK) == NOTHING:
        return p + C2, r
    if (words[p] & OPEN_MASK) != OPEN:
        return C0, r
    event, last, first, previous = registers[EVENT], registers[SEQ], registers[W3], registers[W4]
    room = U(len(out))
    p += C3
    while r < room and p < end:
        price, qty, n = level_at(words, p, price_scale, qty_scale)
        if n == C0:
            return C0, r
        p += n
        out[r, 0] = head
        out[r, 1] = recv
        out[r, 2] = event
        out[r, 3] = last
        out[r, 4] = price
        out[r, 5] = qty
        out[r, 6] = first
        out[r, 7] = previous
        r += C1
        w = words[p]
        if (w & NEXT_MASK) == NEXT:
            p += C5
        elif (w & CLOSE_MASK) == CLOSE:
            return p + C3, r
        else:
            return C0, r
    return C0, r


@kernel
def hole_at(words: Any, p: Any, op: Any, price_scale: Any, qty_scale: Any) -> Any:
    """A hole of one value → (value, bytes); 0 bytes = left."""
    if op == PRICE:
        value, n = decimal_at(words, p, price_scale)
        return value, (n if value <= PRICE_LIMIT else C0)
    if op == QTY:
        return decimal_at(words, p, qty_scale)
    if op == WHOLE:
        return whole_at(words, p)
    if op == MILLIS:
        value, n = whole_at(words, p)
        return value * MILLION, (n if value <= MILLIS_LIMIT else C0)
    if op == BOOL:
        if (words[p] & TRUE_MASK) == TRUE:
            return C1, C4
        return C0, (C5 if (words[p] & FALSE_MASK) == FALSE else C0)
    return signed_at(words, p, E8_SCALE) if op == E8_SIGNED else decimal_at(words, p, E8_SCALE)


@kernel
def match_at(words: Any, p: Any, end: Any, recv: Any, tables: Any, template: Any, out: Any, r: Any) -> Any:
    """Read a frame as one template: registers, and rows of its levels from r on → (whether it matched, next row)."""
    registers = tables.registers
    for k in range(shapes.REGISTERS):
        registers[k] = C0
    s = tables.templates[template, plan.T_STEP]
    number = tables.templates[template, plan.T_INSTRUMENT]
    head = tables.templates[template, plan.T_HEAD]
    price_scale, qty_scale = tables.scales[number, 0], tables.scales[number, 1]
    while True:
        op = tables.steps[s, plan.STEP_OP]
        if op == LITERAL:
            size = tables.steps[s, plan.STEP_BYTES]
            if end - p < size or not literal_fits(
                words, p, tables.literals, tables.masks, tables.steps[s, plan.STEP_AT], size
            ):
                return False, r
            p += size
        elif op < LEVELS:
            value, n = hole_at(words, p, op, price_scale, qty_scale)
            if n == C0:
                return False, r
            registers[tables.steps[s, plan.STEP_REGISTER]] = value
            p += n
        elif op == LEVELS:
            side = ASK_BIT if tables.steps[s, plan.STEP_REGISTER] == ASKS else C0
            p, r = levels_at(words, p, end, price_scale, qty_scale, out, r, head | side, recv, registers)
            if p == C0:
                return False, r
        else:
            return bool(p == end), r
        if p > end:
            return False, r
        s += C1


@kernel
def finish_run(out: Any, r0: Any, r: Any, head: Any, recv: Any, registers: Any) -> Any:
    """Mark the ends of a run of levels; one EMPTY row where there is none → next row, r0 = left: no room, or ids out of order."""
    if registers[W3] > registers[SEQ]:
        return r0
    if r == r0:
        if r >= U(len(out)):
            return r0
        write_row(out, r, head | EMPTY_BIT, recv, registers)
        r += C1
    out[r0, 0] |= FIRST_BIT
    out[r - C1, 0] |= LAST_BIT | STEP_BIT
    return r


@kernel
def write_row(out: Any, r: Any, head: Any, recv: Any, registers: Any) -> None:
    """A row of the registers' words."""
    out[r, 0] = head
    out[r, 1] = recv
    out[r, 2] = registers[EVENT]
    out[r, 3] = registers[SEQ]
    out[r, 4] = registers[W1]
    out[r, 5] = registers[W2]
    out[r, 6] = registers[W3]
    out[r, 7] = registers[W4]


@kernel
def finish_single(out: Any, r: Any, head: Any, recv: Any, way: Any, registers: Any) -> Any:
    """Write the one row of a message → next row, r = not taken after all."""
    if r >= U(len(out)):
        return r
    if way == COUNTED:
        if registers[shapes.LAST_TRADE] < registers[shapes.FIRST_TRADE]:
            return r
        registers[W4] = registers[shapes.LAST_TRADE] - registers[shapes.FIRST_TRADE] + C1
    write_row(out, r, head | STEP_BIT | registers[shapes.MAKER] * ASK_BIT, recv, registers)
    return r + C1


@kernel
def name_hash_at(words: Any, p: Any, end: Any, market: Any) -> Any:
    """Hash of a market and the name that begins at p and ends before the next quote."""
    h = market
    while p < end:
        w = words[p]
        x = w ^ QUOTES
        quotes = (x - ONES) & ~x & TOPS
        if quotes != C0:
            below = ((quotes - C1) & ~quotes) >> C7
            return (h ^ (w & below)) * PRIME
        h = (h ^ w) * PRIME
        p += C8
    return C0


@kernel
def frame_at(words: Any, p: Any, end: Any, recv: Any, market: Any, tables: Any, out: Any, r: Any) -> Any:
    """Rows of one frame from r on → next row; r = left."""
    if (
        end - p < PREFIX_BYTES
        or end - p > SCANNED_BYTES_MAX
        or words[p] != PREFIX_A
        or (words[p + C8] & PREFIX_B_MASK) != PREFIX_B
    ):
        return r
    key = name_hash_at(words, p + PREFIX_BYTES, end, market)
    mask = U(len(tables.slots)) - C1
    slot = (key >> C32) & mask
    while tables.slots[slot, 1] != C0:
        template = tables.slots[slot, 1] - C1
        if tables.slots[slot, 0] == key and tables.templates[template, plan.T_MARKET] == market:
            matched, last = match_at(words, p, end, recv, tables, template, out, r)
            if matched:
                head, way = tables.templates[template, plan.T_HEAD], tables.templates[template, plan.T_WAY]
                if way == RUN:
                    last = finish_run(out, r, last, head, recv, tables.registers)
                else:
                    last = finish_single(out, r, head, recv, way, tables.registers)
                if last != r:
                    tables.counts[tables.templates[template, plan.T_NAME]] += C1
                    return last
        slot = (slot + C1) & mask
    return r


@entry
def scan(
    words: Any, start: Any, end: Any, recv: Any, source: Any, tables: Any, i: int, out: Any, r: int, first_row: Any
) -> Any:
    """Take frames from i on until one must be left.

    Args:
        words: u8, the block's buffer as overlapping words.
        start: i8[n], end: i8[n], source: u2[n], of the frames.
        recv: u8[n], their receive times.
        tables: A `plan.Tables`.
        i: First frame to look at.
        out: u8[m, 8], rows; row r is the next to be written.
        r: See `out`.
        first_row: u4[n], receives the first row of each frame taken.

    Returns:
        (the frame that was left, or n; the next row).
    """
    row = U(r)
    n = len(start)
    limit = len(words)
    while i < n:
        a, b = start[i], end[i]
        market = tables.markets[source[i]]
        if market == C0 or a < 0 or b < a or b + FRAME_PAD > limit + 7 or (words[b] & BYTE) != NEWLINE:
            break
        after = frame_at(words, U(a), U(b), recv[i], market, tables, out, row)
        if after == row:
            break
        first_row[i] = row
        row = after
        i += 1
    return i, np.int64(row)


@entry
def scan_levels(
    words: Any, size: int, price_scale: int, qty_scale: int, out: Any, r: int, head: int, recv: int, registers: Any
) -> Any:
    """One side of a book, from a text of its own.

    Args:
        words: u8, the text with `FRAME_PAD` newlines behind it.
        size: Bytes of the text.
        price_scale: Of the instrument.
        qty_scale: Of the instrument.
        out: u8[m, 8], rows.
        r: First row to write.
        head: First word of each row.
        recv: Receive time, ns.
        registers: u8, event time and ids in their places.

    Returns:
        The next row; -1 = left.
    """
    if size < 2 or size + FRAME_PAD > len(words) + 7:
        return -1
    end = U(size)
    p, row = levels_at(words, C0, end, U(price_scale), U(qty_scale), out, U(r), U(head), U(recv), registers)
    return np.int64(row) if p == end else -1
