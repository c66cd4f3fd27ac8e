"""Whether a line can follow the lines before it: what tells where a broken packing begins to change digits, long before it breaks the JSON.

Only what honest recordings hardly ever do counts: a gap does not. It is asked about files whose packing is known to be broken, and
about no others.
"""

import re
from dataclasses import dataclass, field
from typing import Final

import msgspec

HOUR_NS: Final = 3_600 * 10**9
MILLISECOND_NS: Final = 10**6
LINES_LEARNT: Final = 50  # of a stream, before a new shape of its lines is strange
_STAMP: Final = re.compile(rb"(\d{19}|\d{16}|\d{13}) +\S")
_STREAM: Final = re.compile(rb'"stream":"([^"]*)"')
_EVENT: Final = re.compile(rb'"e":"([^"]*)"')
_FIELD: Final = re.compile(rb'"(pu|U|u|t|a|E|s)":"?(\w+)')
_LEVEL: Final = re.compile(rb'\["(\d+(?:\.\d+)?)","(\d+(?:\.\d+)?)"\],?')
_NUMBER: Final = re.compile(rb"-?\d+|true|false")
_WORD: Final = re.compile(rb':"[A-Z_]{2,}"')
_DECIMALS: Final = re.compile(rb'"-?\d+\.(\d+)"')


def is_sane(line: bytes, commas: int) -> bool:
    """Whether a line could have been recorded: printable, and either closed JSON behind its stamp or as many columns as the first line.

    Args:
        line: With its newline.
        commas: Of the file's first line.
    """
    text = line.strip()
    if not line.endswith(b"\n") or not text.isascii() or not text.decode().isprintable():
        return False
    at = min((place for place in (text.find(b"{"), text.find(b"[")) if place >= 0), default=-1)
    if at < 0:
        return not text or b" <-> " in text or text.count(b",") == commas
    try:
        msgspec.json.decode(text[at:], type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return text[:1].isdigit() or b"://" in text[:at] or text.startswith(b"configuration:")


@dataclass
class _Habits:
    """What the lines of one stream had in common so far."""

    lines: int = 0
    id: int = 0
    shapes: set[bytes] = field(default_factory=set)
    decimals: set[int] = field(default_factory=set)
    symbols: set[bytes] = field(default_factory=set)


class Sense:
    """Judge of a file's lines, in their order.

    Args:
        first: The file's first line.
    """

    def __init__(self, first: bytes) -> None:
        self.commas = first.count(b",")
        self._stamped = _STAMP.match(first) is not None
        self._stamp_ns = 0
        self._streams: dict[bytes, _Habits] = {}

    def accepts(self, line: bytes) -> bool:
        """Whether the file could go on with this line."""
        if not is_sane(line, self.commas):
            return False
        return not self._stamped or not line.strip() or self._follows(line)

    def _follows(self, line: bytes) -> bool:
        stamp = _STAMP.match(line)
        if stamp is None:
            return False
        before_ns, self._stamp_ns = self._stamp_ns, int(stamp[1]) * 10 ** (19 - len(stamp[1]))
        if before_ns and not 0 <= self._stamp_ns - before_ns < HOUR_NS:
            return False
        named, event = _STREAM.search(line), _EVENT.search(line)
        if not named and not event:
            return True
        key = (named[1] if named else b"") + b" " + (event[1] if event else b"")
        habits = self._streams.setdefault(named[1] if named else key, _Habits())
        habits.lines += 1
        return self._times_and_ids_fit(line, event[1] if event else b"", habits) and _is_alike(line, habits)

    def _times_and_ids_fit(self, line: bytes, event: bytes, habits: _Habits) -> bool:
        said = {name: int(value) for name, value in _FIELD.findall(line) if value.isdigit() and len(value) < 20}
        if b"E" in said and abs(said[b"E"] * MILLISECOND_NS - self._stamp_ns) > HOUR_NS:
            return False
        last = habits.id
        if event == b"depthUpdate" and b"u" in said:
            habits.id = said[b"u"]
            previous = said.get(b"pu", said.get(b"U", 1) - 1)
            return last <= previous <= habits.id and said.get(b"U", 0) <= habits.id
        name = {b"trade": b"t", b"aggTrade": b"a", b"bookTicker": b"u"}.get(event, b"")
        if name in said:
            habits.id = said[name]
            return last <= habits.id if event == b"bookTicker" else last < habits.id
        return True


def _is_alike(line: bytes, habits: _Habits) -> bool:
    """Whether a line has a shape, decimals and a symbol that were there before; they are remembered."""
    body = line[line.find(b" ") :]
    sides = body.split(b'"a":[', 1)
    for side in sides:
        prices = [float(price) for price, _ in _LEVEL.findall(side)]
        if prices != sorted(prices) and prices != sorted(prices, reverse=True):
            return False
    shape = _WORD.sub(b"", _NUMBER.sub(b"0", _LEVEL.sub(b"", body)))
    decimals = {len(digits) for digits in _DECIMALS.findall(body)}
    symbols = {value for name, value in _FIELD.findall(body) if name == b"s"}
    learnt = habits.lines > LINES_LEARNT
    strange = shape not in habits.shapes or not decimals <= habits.decimals or not symbols <= habits.symbols
    habits.shapes.add(shape)
    habits.decimals |= decimals
    habits.symbols |= symbols
    return not (learnt and strange)
