"""The shapes of messages a scanner reads: literal text with typed holes, taken from frames that the reference decoder has read.

A venue writes each type of message the same way, byte for byte, except for its values; which keys there are and in what order
changes with product and year. So no order is written down here: `HOLES` says, per type and key, where a value goes and how it
is read, and the first frame of a stream shows the rest. What has no hole (the stream's name, the symbol, keys we do not read)
is literal text. A new key that never changes, or stands in `HOLES`, costs nothing but one more shape.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from veloz.contracts.layout import FIRST, LAST
from veloz.contracts.registry import AGGTRADE, LEVEL, MARK, QUOTE, TRADE, Kind
from veloz.venues.binance import wire

LITERAL, WHOLE, MILLIS, PRICE, QTY, E8, E8_SIGNED, BOOL, LEVELS, DONE = range(10)
QUOTED: Final = (PRICE, QTY, E8, E8_SIGNED)  # whose holes stand between quotes

# Words 2 … 7 are the row's own; those above are only looked at.
EVENT, SEQ, W1, W2, W3, W4 = 2, 3, 4, 5, 6, 7
MAKER, SINK, FIRST_TRADE, LAST_TRADE, BIDS, ASKS = 8, 9, 10, 11, 12, 13
REGISTERS: Final = 14

SINGLE, COUNTED, RUN = range(
    3
)  # how the registers become rows: one row · one row whose last word is l - f + 1 · levels


@dataclass(frozen=True, slots=True)
class Form:
    """How a type of message becomes rows."""

    kind: Kind
    way: int
    flags: int = FIRST | LAST


@dataclass(frozen=True, slots=True)
class Hole:
    """A value: which register it goes to and how it is read."""

    register: int
    op: int


Pieces = tuple[bytes | Hole, ...]

FORMS: Final = {
    "depthUpdate": Form(LEVEL, RUN, 0),
    "bookTicker": Form(QUOTE, SINGLE),
    "trade": Form(TRADE, SINGLE),
    "aggTrade": Form(AGGTRADE, COUNTED),
    "markPriceUpdate": Form(MARK, SINGLE),
}
NAMES: Final = tuple(FORMS)

_EVENT: Final = Hole(EVENT, MILLIS)
_UNUSED_TIME: Final = Hole(SINK, MILLIS)
_DEAL: Final = {"p": Hole(W1, PRICE), "q": Hole(W2, QTY), "T": Hole(W3, MILLIS), "m": Hole(MAKER, BOOL), "E": _EVENT}
HOLES: Final = {
    "depthUpdate": {
        "E": _EVENT, "T": _UNUSED_TIME, "U": Hole(W3, WHOLE), "u": Hole(SEQ, WHOLE), "pu": Hole(W4, WHOLE),
        "b": Hole(BIDS, LEVELS), "a": Hole(ASKS, LEVELS),
    },
    "bookTicker": {
        "E": _EVENT, "T": _UNUSED_TIME, "u": Hole(SEQ, WHOLE),
        "b": Hole(W1, PRICE), "B": Hole(W2, QTY), "a": Hole(W3, PRICE), "A": Hole(W4, QTY),
    },
    "trade": {**_DEAL, "t": Hole(SEQ, WHOLE), "b": Hole(SINK, WHOLE), "a": Hole(SINK, WHOLE)},  # b, a: order ids, spot until 2024
    "aggTrade": {
        **_DEAL, "a": Hole(SEQ, WHOLE), "f": Hole(FIRST_TRADE, WHOLE), "l": Hole(LAST_TRADE, WHOLE), "nq": Hole(SINK, QTY),
    },
    "markPriceUpdate": {
        "E": _EVENT, "p": Hole(W1, E8), "P": Hole(SEQ, E8), "i": Hole(W2, E8), "r": Hole(W3, E8_SIGNED), "T": Hole(W4, MILLIS),
        "ap": Hole(SINK, E8),
    },
}  # fmt: skip

PREFIX: Final = b'{"stream":"'
_DATA: Final = b'","data":'
_END: Final = b"}"
_NOTHING: Final = b'""'
_MARKET_TRADE: Final = b'"MARKET"'
LITERAL_BYTES_MAX: Final = 2_048  # a shape with more literal text than any message has is not worth a place


def shape_of(frame: bytes, name: str) -> Pieces | None:
    """The shape of a frame that the reference decoder has read as one message.

    Args:
        frame: `{"stream":"…","data":{…}}`.
        name: Type of the message.

    Returns:
        Literal text and holes in turn; None when a scanner must not read such frames: other JSON than the plainest, a type or a
        key order it cannot serve (levels are written as they are met: ids and time must stand before bids, bids before asks), a
        trade that is none of the market's.
    """
    stream, found, rest = frame.partition(_DATA)
    odd = b"\\" in frame or b'"' in stream[len(PREFIX) :]
    if name not in FORMS or odd or not (found and stream.startswith(PREFIX) and rest.endswith(_END)):
        return None
    try:
        fields = {key: bytes(value) for key, value in wire.FIELDS.decode(rest[: -len(_END)]).items()}
    except msgspec.DecodeError:
        return None
    if _written(fields) + _END != rest or fields.get("X", _MARKET_TRADE) != _MARKET_TRADE:
        return None
    if FORMS[name].way == RUN and not _is_in_order([*fields]):
        return None
    pieces: list[bytes | Hole] = [stream + found + b"{"]
    for at, (key, value) in enumerate(fields.items()):
        hole = None if value == _NOTHING else HOLES[name].get(key)
        quote = b'"' if hole and hole.op in QUOTED else b""
        text = (b"," if at else b"") + b'"%s":' % key.encode()
        pieces += [text + quote, hole, quote] if hole else [text + value]
    return _joined([*pieces, _END + _END])


def _written(fields: dict[str, bytes]) -> bytes:
    """Fields as the plainest JSON writes them."""
    return b"{" + b",".join(b'"%s":%s' % (key.encode(), value) for key, value in fields.items()) + b"}"


def _is_in_order(keys: list[str]) -> bool:
    """Whether everything a level's row needs stands before the levels."""
    if "b" not in keys or "a" not in keys:
        return False
    bids, asks = keys.index("b"), keys.index("a")
    return bids < asks and all(keys.index(key) < bids for key in ("E", "U", "u", "pu") if key in keys)


def _joined(pieces: list[bytes | Hole]) -> Pieces | None:
    """Neighbouring literals as one."""
    joined: list[bytes | Hole] = []
    for piece in pieces:
        if isinstance(piece, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        else:
            joined.append(piece)
    literal = sum(len(piece) for piece in joined if isinstance(piece, bytes))
    return tuple(joined) if literal <= LITERAL_BYTES_MAX else None
