"""Ways to spoil a frame: from one bit to a whole field."""

import json
import random
import re
from collections.abc import Callable
from random import Random
from typing import Any

NUMBERS = [
    b"0", b"00", b"01", b"-1", b"-0", b"1.0", b"1e3", b"1E3", b"+1", b"0x10", b"null", b"true", b'"5"', b"[]", b"{}", b"NaN", b" 7", b"7 ",
    b"9223372036854", b"9223372036855", b"99999999999999", b"999999999999999", b"9999999999999999", b"999999999999999999",
    b"1000000000000000000", b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616",
    b"1" * 25, b"1234567", b"12345678", b"123456789", b"012345678", b"1234567890123456",
]  # fmt: skip
TEXTS = [
    b"", b"0", b"0.0", b".1", b"1.", b"1e3", b" 1", b"1 ", b"+1", b"-1", b"-0", b"-0.5", b"1_0", "１２".encode(), b"00.5", b"01",
    b"NaN", b"Infinity", b"0.10000000000000000000", b"9999999999999999.9", b"92233720368547758.07", b"922337203685477580.8",
    b"1,5", b"1.2.3", b"1.23456789", b"1.234567891", b"12345678.1", b"123456789.1", b"12345678.12345678",
    b"123456789.12345678", b"1.000000000", b"0.00000001", b"0.000000010", b"0.000000001", b"\\u0031", b"1\\n", b"0.14",
    b"61800.25", b"61800.20", b"17592186044415", b"1759218604441.5", b"1759218604441.6", b"99999999999999999999", b"1" * 15,
    b"1" * 16, b"1" * 17, b"1" * 18, b"1" * 19, b"9" * 18 + b".0", b"0." + b"0" * 40, b"09.5", b"1.5-",
]  # fmt: skip
BYTES = [bytes([code]) for code in b' \t\r",:[]{}\\.-+eE0123456789aZ_/\x00\x7f\x80\xff'] + [
    "é".encode(),
    b"\\u0022",
    b'""',
    b"\xef\xbb\xbf",
]
SYMBOLS = [b"BTCUSDT", b"btcusdt", b"BTCUSD_PERP", b"ETHUSDT", b"BTCUSDT ", b"BTCUSD\\u0054", b""]
PLAIN_NUMBER = re.compile(rb"(?<=:)\d+(?=[,}])")
QUOTED = re.compile(rb'(?<=")[0-9.]+(?=")')
FIELD = re.compile(rb'"[A-Za-z]+":(?:"[^"]*"|\d+|true|false)')
LEVEL = re.compile(rb'\["[0-9.]+","[0-9.]+"\]')
KEY = re.compile(rb'"([A-Za-z@]+)"')

Mutator = Callable[[Random, bytes, bytes], bytes]
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, 2**63, 2**64, 10**30, -(2**63), "", "0", "-1", "-0", "NaN", "Infinity", "1e5", "1E400", "0x1",
    "1" * 70, "0." + "0" * 40 + "1", "9" * 30, "92233720368547758.07", "92233720368.54775808", "0.123456789", " 1", "1 ", "+1", "１",
    "NEW", "FILLED", "TRADE", "SUSPENDED", "BUY", "BOTH", "HEDGE", "USDT", [], {}, [[]], "\u0000", "x" * 300, "v1-2s-0", "v1-2s-99",
)  # fmt: skip
Path = tuple[str | int, ...]


def _swap(rng: Random, pattern: re.Pattern[bytes], frame: bytes, new: bytes | Callable[[bytes], bytes]) -> bytes:
    """One match of a pattern replaced."""
    hits = list(pattern.finditer(frame))
    if not hits:
        return frame
    hit = rng.choice(hits)
    return frame[: hit.start()] + (new if isinstance(new, bytes) else new(hit.group())) + frame[hit.end() :]


def _place(rng: Random, frame: bytes) -> tuple[int, int]:
    first = rng.randrange(len(frame))
    return first, min(len(frame), first + rng.choice((1, 1, 1, 2, 4, 8, 40)))


def digits(rng: Random) -> bytes:
    """A run of digits whose length is near a limit."""
    n = rng.choice((1, 2, 3, 7, 8, 9, 13, 14, 15, 16, 17, 18, 19, 20))
    return "".join(rng.choice("0123456789") for _ in range(n)).encode()


def decimal(rng: Random) -> bytes:
    """A decimal that is sometimes a little wrong."""
    whole = str(rng.randrange(10 ** rng.choice((1, 2, 5, 8, 9, 12, 16))))
    part = "".join(rng.choice("00123456789") for _ in range(rng.choice((0, 1, 2, 3, 4, 7, 8, 9))))
    return (whole + ("." + part if part or rng.random() < 0.1 else "")).encode()


def flip_bit(rng: Random, frame: bytes, other: bytes) -> bytes:
    at, _ = _place(rng, frame)
    return frame[:at] + bytes([frame[at] ^ 1 << rng.randrange(8)]) + frame[at + 1 :]


def change_byte(rng: Random, frame: bytes, other: bytes) -> bytes:
    at, _ = _place(rng, frame)
    return frame[:at] + rng.choice(BYTES) + frame[at + 1 :]


def insert_byte(rng: Random, frame: bytes, other: bytes) -> bytes:
    at, _ = _place(rng, frame)
    return frame[:at] + rng.choice(BYTES) + frame[at:]


def delete_bytes(rng: Random, frame: bytes, other: bytes) -> bytes:
    first, last = _place(rng, frame)
    return frame[:first] + frame[last:]


def double_bytes(rng: Random, frame: bytes, other: bytes) -> bytes:
    first, last = _place(rng, frame)
    return frame[:last] + frame[first:]


def cut_short(rng: Random, frame: bytes, other: bytes) -> bytes:
    return frame[: rng.choice((_place(rng, frame)[0], max(0, len(frame) - rng.randrange(1, 6))))]


def add_tail(rng: Random, frame: bytes, other: bytes) -> bytes:
    return frame + rng.choice([*BYTES, b"}", b" {}", frame[: _place(rng, frame)[0]]])


def new_number(rng: Random, frame: bytes, other: bytes) -> bytes:
    return _swap(rng, PLAIN_NUMBER, frame, rng.choice(NUMBERS))


def new_digits(rng: Random, frame: bytes, other: bytes) -> bytes:
    return _swap(rng, PLAIN_NUMBER, frame, digits(rng))


def new_text(rng: Random, frame: bytes, other: bytes) -> bytes:
    return _swap(rng, QUOTED, frame, rng.choice(TEXTS))


def new_decimal(rng: Random, frame: bytes, other: bytes) -> bytes:
    return _swap(rng, QUOTED, frame, decimal(rng))


def move_field(rng: Random, frame: bytes, other: bytes) -> bytes:
    """A field twice, in another place, beside an unknown one, with a blank."""
    extra = rng.choice(FIELD.findall(frame) or [b'"zz":1'])
    ways: list[Callable[[bytes], bytes]] = [
        lambda field: extra + b"," + field,
        lambda field: field + b"," + extra,
        lambda field: extra,
        lambda field: field + b',"zz":{"a":[1,2]}',
        lambda field: b" " + field,
        lambda field: field.replace(b":", b": "),
    ]
    return _swap(rng, FIELD, frame, rng.choice(ways))


def spoil_level(rng: Random, frame: bytes, other: bytes) -> bytes:
    ways: list[Callable[[bytes], bytes]] = [
        lambda level: b"",
        lambda level: level + b"," + level,
        lambda level: b"[]",
        lambda level: level[:-1] + b',"1"]',
        lambda level: b"[" + level + b"]",
        lambda level: level.replace(b'"', b""),
        lambda level: level + b",",
        lambda level: b"," + level,
        lambda level: level.replace(b",", b" ,"),
        lambda level: level.replace(b'","', b'":"'),
        lambda level: b"null",
    ]
    return _swap(rng, LEVEL, frame, rng.choice(ways))


def empty_side(rng: Random, frame: bytes, other: bytes) -> bytes:
    side = rng.choice((b"b", b"a"))
    return re.sub(rb'"' + side + rb'":\[\[.*?\]\]', b'"' + side + b'":[]', frame)


def new_symbol(rng: Random, frame: bytes, other: bytes) -> bytes:
    return frame.replace(b"BTCUSDT", rng.choice(SYMBOLS), 1)


def splice(rng: Random, frame: bytes, other: bytes) -> bytes:
    at, _ = _place(rng, frame)
    return frame[:at] + other[min(len(other), at) :]


def turn_flag(rng: Random, frame: bytes, other: bytes) -> bytes:
    if rng.random() < 0.2:
        return frame.replace(b"true", b"True", 1)
    return frame.replace(b"false", b"true", 1) if b"false" in frame else frame.replace(b"true", b"false", 1)


def escape_key(rng: Random, frame: bytes, other: bytes) -> bytes:
    """One character as \\uXXXX: the same JSON in other bytes."""
    words = KEY.findall(frame)
    if not words:
        return frame
    word = rng.choice(words)
    return frame.replace(b'"' + word + b'"', b'"\\u%04x' % word[0] + word[1:] + b'"', 1)


MUTATORS: tuple[Mutator, ...] = (
    flip_bit, change_byte, insert_byte, delete_bytes, double_bytes, cut_short, add_tail, new_number, new_digits, new_text, new_decimal,
    move_field, spoil_level, empty_side, new_symbol, splice, turn_flag, escape_key,
)  # fmt: skip


def mutate(rng: Random, frame: bytes, other: bytes) -> bytes:
    """A frame spoiled once to three times; without newlines, never empty."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        frame = rng.choice(MUTATORS)(rng, frame, other) or b" "
    return frame.replace(b"\n", b" ")


def places(document: Any, at: Path = ()) -> list[Path]:
    """Every place in a document, the root first."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [at, *(place for key, value in inside for place in places(value, (*at, key)))]


def parent(document: Any, place: Path) -> Any:
    for key in place[:-1]:
        document = document[key]
    return document


def spoil(rng: random.Random, frame: bytes, other: bytes) -> bytes:
    """One change of meaning: a value of another kind, a key gone or renamed, a part of another message, a part twice, deep nesting."""
    document = json.loads(frame)
    place = rng.choice(places(document)[1:])
    holder, key = parent(document, place), place[-1]
    way = rng.randrange(8)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(key, str):
        holder[rng.choice((key.upper(), key.lower(), key + "x", ""))] = holder.pop(key)
    elif way == 2:
        donor = json.loads(other)
        from_place = rng.choice(places(donor)[1:])
        holder[key] = parent(donor, from_place)[from_place[-1]]
    elif way == 3:
        deep: Any = holder[key]
        for _ in range(rng.choice((1, 2, 200))):
            deep = [deep] if rng.random() < 0.5 else {"a": deep}
        holder[key] = deep
    elif way == 4 and isinstance(holder, list):
        holder.append(holder[int(key)])
    elif way == 5:
        text = str(holder[key])
        holder[key] = rng.choice((text + "0", text + ".0", "-" + text, text * 2, text[:-1], text.replace(".", "")))
    else:
        holder[key] = rng.choice(VALUES)
    return json.dumps(document, separators=(",", ":")).encode()
