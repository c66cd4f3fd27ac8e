"""Lines into frames, the obvious way: one line at a time, regular expressions, decimal arithmetic."""

import re
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

INT64_MAX = 2**63 - 1
STAMP = re.compile(rb"([0-9]{19}|[0-9]{16}|[0-9]{13})(?= |$)")
SECONDS = rb"([0-9]{1,11}(?:\.[0-9]+)?)"
MESSAGE = re.compile(SECONDS + rb":")
ADDRESSED = re.compile(rb"([^ ]*) (->|<-|<->) " + SECONDS + rb"(:|$)")


class NaiveCut(NamedTuple):
    """Frames with their stamps and the offsets behind their lines; how many lines were neither frames nor blank."""

    frames: list[bytes]
    recv: list[int]
    line_end: list[int]
    strays: int


def nanos_of(text: bytes) -> int:
    """Decimal seconds as ns, digits beyond the ninth dropped; -1 where they leave an int64."""
    value = int((Decimal(text.decode()) * 10**9).to_integral_value(ROUND_FLOOR))
    return value if int(Decimal(text.decode())) <= 9_223_372_035 else -1


def stream_line(line: bytes) -> tuple[int, bytes] | None:
    """(stamp, frame) of a line of a stream file."""
    found = STAMP.match(line)
    if found is None:
        return None
    stamp = int(found[1]) * {19: 1, 16: 1_000, 13: 1_000_000}[len(found[1])]
    return (stamp, line[found.end() :].lstrip(b" \t")) if stamp <= INT64_MAX else None


def capture_line(line: bytes) -> tuple[int, bytes] | None:
    """(stamp, frame) of a line of a capture."""
    if (found := MESSAGE.match(line)) and nanos_of(found[1]) >= 0:
        return nanos_of(found[1]), line[found.end() :].lstrip(b" \t")
    found = ADDRESSED.match(line)
    if found is None or nanos_of(found[3]) < 0 or (found[2] == b"<->") != (found[4] == b""):
        return None
    body = line[found.end() :].lstrip(b" \t")
    head = found[1] + b" " + found[2]
    return nanos_of(found[3]), head + b" " + body if body else head


def cut(text: bytes, base: int, form: str) -> NaiveCut:
    """All lines of a block."""
    frames, recv, line_end, strays = [], [], [], 0
    read = capture_line if form == "capture" else stream_line
    at = base
    for raw in re.findall(rb"[^\n]*\n|[^\n]+$", text):
        at += len(raw)
        line = raw.rstrip(b"\n").lstrip(b" \t").rstrip(b" \t\r")
        if not line or (form == "capture" and line.startswith(b"configuration:")):
            continue
        found = read(line)
        if found is None:
            strays += 1
            continue
        recv.append(found[0])
        frames.append(found[1])
        line_end.append(at)
    return NaiveCut(frames, recv, line_end, strays)
