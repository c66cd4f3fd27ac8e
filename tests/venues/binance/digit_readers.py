"""The readers of numbers on lists of texts, and where they say something else than the exact reading."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from veloz.contracts.kernel import entry
from veloz.instruments.units import Code, count_exact
from veloz.venues.binance.digits import U, decimal_at, signed_at, whole_at, words_of

SIGNED, UNSIGNED, WHOLE = 0, 1, 2


@entry
def read_all(words: Any, start: Any, scale: Any, how: int, values: Any, used: Any) -> None:
    """Each text by one of the readers."""
    for k in range(len(start)):
        if how == SIGNED:
            values[k], used[k] = signed_at(words, U(start[k]), scale)
        elif how == UNSIGNED:
            values[k], used[k] = decimal_at(words, U(start[k]), scale)
        else:
            values[k], used[k] = whole_at(words, U(start[k]))


def taken(texts: list[str], scale: int, how: int, read: Any = read_all) -> dict[str, int]:
    """The texts a reader took whole, with their values. A quote ends each text, as in a frame."""
    raw = [text.encode() for text in texts]
    buf = np.frombuffer(b'"'.join(raw) + b'"' * 16, np.uint8)
    sizes = np.fromiter(map(len, raw), np.int64)
    start = np.cumsum(sizes + 1) - 1 - sizes
    values, used = np.zeros(len(raw), np.uint64), np.zeros(len(raw), np.uint64)
    with np.errstate(over="ignore"):
        read(words_of(buf), start, U(scale), how, values, used)
    whole = np.flatnonzero((used == sizes.astype(np.uint64)) & (used > 0))
    return {texts[k]: int(values[k].view(np.int64)) for k in whole}


def wrong(texts: Iterable[str], scale: int, how: int, read: Any = read_all) -> dict[str, int]:
    """What was taken and is not what the exact reading says."""
    found = taken([*texts], 0 if how == WHOLE else scale, how, read)
    at = 0 if how == WHOLE else scale
    return {
        text: value
        for text, value in found.items()
        if count_exact(text, at, signed=how == SIGNED) != (value, Code.EXACT) or (how == WHOLE and not text.isdigit())
    }
