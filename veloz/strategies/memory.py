"""What strategies keep, as bytes: plain values only, exact, the same bytes for the same values.

Tuples and deques come back as what they were; whole numbers have no bound; a dict keeps its order.
"""

from collections import deque
from typing import Any, Final

import msgspec

_EXT: Final = {"tuple": 1, "deque": 2, "int": 3, "dict": 4}
_INT64: Final = 2**63
DEEP: Final = 32


class NotPlain(ValueError):
    """A value that cannot be kept. Its text names the type."""


def _plain(value: Any, depth: int) -> Any:
    if depth > DEEP:
        raise NotPlain("nested too deeply")
    kind = type(value)
    if value is None or kind in (bool, float, str, bytes):
        return value
    if kind is int:
        return value if -_INT64 <= value < _INT64 else [_EXT["int"], str(value)]
    if kind is list:
        return [0, *(_plain(each, depth + 1) for each in value)]
    if kind is tuple:
        return [_EXT["tuple"], *(_plain(each, depth + 1) for each in value)]
    if kind is deque:
        return [_EXT["deque"], value.maxlen, *(_plain(each, depth + 1) for each in value)]
    if kind is dict:
        pairs = [part for key, each in value.items() for part in (_plain(key, depth + 1), _plain(each, depth + 1))]
        return [_EXT["dict"], *pairs]
    raise NotPlain(kind.__name__)


def _value(plain: Any) -> Any:
    if type(plain) is not list:
        return plain
    what, *parts = plain
    if what == _EXT["int"]:
        return int(parts[0])
    if what == _EXT["deque"]:
        return deque(map(_value, parts[1:]), maxlen=parts[0])
    values = [_value(part) for part in parts]
    if what == _EXT["tuple"]:
        return tuple(values)
    return dict(zip(values[::2], values[1::2], strict=True)) if what == _EXT["dict"] else values


def pack_plain(value: Any) -> bytes:
    """Bytes of a value made of None, bool, int, float, str, bytes, list, tuple, dict and deque.

    Raises:
        NotPlain: There is something else in it, or it is nested too deeply (or holds itself).
    """
    return msgspec.msgpack.encode(_plain(value, 0))


def unpack_plain(payload: bytes) -> Any:
    """What `pack_plain` wrote, equal and of the same types. Raises ValueError for other bytes."""
    return _value(msgspec.msgpack.decode(payload))
