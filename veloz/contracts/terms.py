"""Words that hold several small numbers: the terms of an order, what a report is about, scopes, order keys and client ids.

Each packing is a tuple of (name, bits) from the lowest bit up. `pack` and `unpack` are for Python; kernels use the shifts and
masks that `reducers/words.py` derives from the same tuples.

An order's key is its identity in every row. Ours: `seq << LEG_BITS | leg`, seq that of the intent or command row that asked for it;
so the client order id `v{epoch}-{seq}-{leg}` (base 36) follows from key and epoch, and a replay makes the same one. Foreign orders
(made by hand, by another program, by the venue): minus the venue's own order number.
"""

from enum import IntEnum
from typing import Final

LEG_BITS: Final = 5
LEGS_MAX: Final = 1 << LEG_BITS

# The word `spec` of intents, order commands and drafts.
SPEC: Final = (
    ("action", 2), ("form", 2), ("sell", 1), ("type", 3), ("tif", 3), ("reduce_only", 1), ("position_side", 2), ("stp", 3),
    ("trigger_by", 2), ("leg", LEG_BITS), ("account", 8), ("strategy", 16), ("origin", 3), ("more", 1),
)  # fmt: skip
# The word `meta` of venue reports about one order.
META: Final = (
    ("account", 8), ("sell", 1), ("position_side", 2), ("maker", 1), ("why", 4), ("reason", 16), ("action", 2),
)  # fmt: skip
# The word `scope` of limits and stop levels.
SCOPE: Final = (("kind", 8), ("number", 32))
# The word `verdict` of refusals and violations: a codes.Refusal and the scope whose limit it was.
VERDICT: Final = (
    ("code", 16),
    ("kind", 8),
    ("number", 32),
    ("part", 6),
)  # part: codes.Measure; of BAD_TERMS: codes.Term


class Action(IntEnum):
    """What an order row asks for."""

    PLACE = 0
    CANCEL = 1
    AMEND = 2


class Form(IntEnum):
    """What a strategy's intent means."""

    ORDER = 0  # this order (or cancel, or amend), as it stands
    TARGET = 1  # hold this signed quantity: `qty` with `sell` as its sign
    QUOTE = 2  # one side of a two-sided quote; qty 0 withdraws that side


class OrderType(IntEnum):
    """Kinds of orders as the venues offer them."""

    LIMIT = 0
    MARKET = 1
    STOP_MARKET = 2
    STOP_LIMIT = 3
    TAKE_PROFIT_MARKET = 4
    TAKE_PROFIT_LIMIT = 5
    TRAILING_STOP = 6


class TimeInForce(IntEnum):
    """How long an order lives. GTX is post-only."""

    GTC = 0
    IOC = 1
    FOK = 2
    GTX = 3
    GTD = 4


class PositionSide(IntEnum):
    """One-way mode knows BOTH only; hedge mode LONG and SHORT."""

    BOTH = 0
    LONG = 1
    SHORT = 2


class SelfTrade(IntEnum):
    """What the venue does where an order would trade against one of the same account."""

    NONE = 0
    EXPIRE_TAKER = 1
    EXPIRE_MAKER = 2
    EXPIRE_BOTH = 3
    DECREMENT = 4
    TRANSFER = 5


class TriggerBy(IntEnum):
    """Which price sets off a stop."""

    LAST = 0
    MARK = 1
    INDEX = 2


class Origin(IntEnum):
    """Who wants an order. All pass the same gate."""

    STRATEGY = 0
    PERSON = 1
    AGENT = 2
    ALGORITHM = 3
    ENGINE = 4  # a stop level that cancels or flattens


class Why(IntEnum):
    """What made a fill or an end of an order, beside ordinary trading."""

    ORDINARY = 0
    LIQUIDATION = 1
    ADL = 2
    SETTLEMENT = 3
    SELF_TRADE = 4
    REDUCE_ONLY = 5
    UNFILLED = 6  # IOC or FOK, or a market order that found no more
    EXPIRY = 7
    ABSENT = 8  # proved never to have reached the venue
    GATE = 9  # refused by the gate
    NOT_SENT = 10
    ADOPTED = 11  # a person took over the venue's side of a difference


class ScopeKind(IntEnum):
    """Where a limit or a stop level holds."""

    GLOBAL = 0
    VENUE = 1  # number: codes.Market
    ACCOUNT = 2
    INSTRUMENT = 3
    STRATEGY = 4


Packing = tuple[tuple[str, int], ...]


def pack(packing: Packing, **parts: int) -> int:
    """One word out of its parts; parts not named are 0.

    Args:
        packing: `SPEC`, `META` or `SCOPE`.
        parts: Values by name, each within its bits.
    """
    word, shift = 0, 0
    for name, bits in packing:
        value = int(parts.pop(name, 0))
        assert 0 <= value < 1 << bits, (name, value)
        word |= value << shift
        shift += bits
    assert not parts, parts
    return word


def unpack(packing: Packing, word: int) -> dict[str, int]:
    """The parts of a word by name."""
    parts = {}
    for name, bits in packing:
        parts[name] = word & (1 << bits) - 1
        word >>= bits
    return parts


def shift_of(packing: Packing, name: str) -> int:
    """The lowest bit of a part."""
    shift = 0
    for each, bits in packing:
        if each == name:
            return shift
        shift += bits
    raise KeyError(name)


assert all(sum(bits for _, bits in packing) <= 62 for packing in (SPEC, META, SCOPE, VERDICT)), "words stay positive"

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = tuple(high + low for high in _DIGITS for low in _DIGITS)  # two digits at a time
CLIENT_ID_MAX: Final = 36


def order_key(seq: int, leg: int = 0) -> int:
    """Key of an order of ours.

    Args:
        seq: Sequence number of the intent or order command.
        leg: Which of the orders that it led to, below `LEGS_MAX`.
    """
    assert seq >= 1, seq
    assert 0 <= leg < LEGS_MAX, leg
    return seq << LEG_BITS | leg


def _base36(number: int) -> str:
    text = ""
    while number >= len(_PAIRS):
        number, pair = divmod(number, len(_PAIRS))
        text = _PAIRS[pair] + text
    return (_PAIRS[number] + text).lstrip("0") or "0"


def client_id(epoch: int, key: int) -> str:
    """The client order id of an order of ours: `v{epoch}-{seq}-{leg}` in base 36, at most `CLIENT_ID_MAX` characters.

    Args:
        epoch: Of the engine run that asked for it.
        key: Its key, above 0.
    """
    assert key > 0, key
    text = f"v{_base36(epoch)}-{_base36(key >> LEG_BITS)}-{_base36(key & LEGS_MAX - 1)}"
    assert len(text) <= CLIENT_ID_MAX, text
    return text


def read_client_id(text: str) -> tuple[int, int] | None:
    """(epoch, key) of a client order id of ours; None when it is somebody else's."""
    parts = text.split("-")
    if len(parts) != 3 or not text.startswith("v") or len(text) > CLIENT_ID_MAX:
        return None
    try:
        epoch, seq, leg = int(parts[0][1:], 36), int(parts[1], 36), int(parts[2], 36)
    except ValueError:
        return None
    if not (epoch >= 0 and 1 <= seq < 1 << 58 and 0 <= leg < LEGS_MAX):
        return None
    key = order_key(seq, leg)
    return (epoch, key) if client_id(epoch, key) == text else None


def scope(kind: ScopeKind, number: int = 0) -> int:
    """The word `scope` of a row."""
    return pack(SCOPE, kind=kind, number=number)
