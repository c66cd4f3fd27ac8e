"""A bundle says to compiled code what it says to Python, whatever its arrays' shapes."""

from typing import ClassVar, NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from veloz.contracts.bundle import Bundle, reader
from veloz.contracts.kernel import door_of, entry, guest
from veloz.contracts.layout import ROW, WORD, words_of

PAIR = np.dtype([("a", "<i8"), ("b", "<i8")])
_pairs_in = reader(PAIR)


class _Three(NamedTuple):
    line: np.ndarray
    block: np.ndarray
    pairs: np.ndarray


class Three(Bundle, _Three):
    """Arrays of one and of three dimensions."""

    DTYPES: ClassVar = {"line": WORD, "block": WORD, "pairs": PAIR}
    DIMENSIONS: ClassVar = {"block": 3}


class _Seat(NamedTuple):
    shown: np.ndarray
    other: np.ndarray


class Seat(Bundle, _Seat):
    """Where `first_of` finds its arguments."""

    DTYPES: ClassVar = {"shown": WORD, "other": WORD}


@entry
def weigh(three: Three, told: np.ndarray) -> int:
    """A sum in which every place has a weight of its own; the lengths are told."""
    total = 0
    for i in range(three.block.shape[0]):
        for j in range(three.block.shape[1]):
            for k in range(three.block.shape[2]):
                total += three.block[i, j, k] * (1 + i + 7 * j + 49 * k)
    for i in range(three.line.shape[0]):
        total += three.line[i] * 3 * i
    for i in range(three.pairs.shape[0]):
        total += three.pairs[i]["b"] * 5
    told[0], told[1], told[2] = three.block.shape[0], three.block.shape[1], three.block.shape[2]
    three.pairs[0]["a"] = total
    return total


@entry
def add_pairs(words: np.ndarray) -> int:
    """a + 2 b of all."""
    pairs = _pairs_in(words)
    total = 0
    for k in range(pairs.shape[0]):
        total += pairs[k]["a"] + 2 * pairs[k]["b"]
    return total


@guest
def first_of(three, other):  # type: ignore[no-untyped-def]
    """Reads a bundle and an array."""
    return three.block[0, 0, 0] + three.line.shape[0] + other[0]


@given(st.tuples(*[st.integers(1, 4)] * 3), st.integers(0, 5), st.integers(1, 3))
def test_arrays_of_any_shape(shape: tuple[int, int, int], line: int, pairs: int) -> None:
    block = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    three = Three(np.arange(line, dtype=np.int64), block, np.zeros(pairs, PAIR))
    three.pairs["b"] = 2
    weights = 1 + np.arange(shape[0])[:, None, None] + 7 * np.arange(shape[1])[:, None] + 49 * np.arange(shape[2])
    told = np.zeros(3, np.int64)
    expected = int((block * weights).sum() + 3 * (three.line**2).sum() + 10 * pairs)
    assert weigh(three, told) == expected == three.pairs[0]["a"]
    assert tuple(told) == shape
    grown = three._replace(line=np.arange(line + 2, dtype=np.int64))
    seat = Seat(grown.table, np.array([40], np.int64))
    assert door_of(first_of, Seat, Three, ("other",), lambda _: grown).call(seat) == 40 + line + 2


def test_a_table_follows_what_is_replaced() -> None:
    three = Three(np.arange(3, dtype=np.int64), np.ones((2, 3, 4), np.int64), np.zeros(2, PAIR))
    before = three.table.copy()
    other = three._replace(block=np.ones((4, 1, 2), np.int64), pairs=np.zeros(5, PAIR))
    assert other.table.tolist() == Three(*other).table.tolist() != before.tolist()
    assert three.table.tolist() == before.tolist(), "the first one is as it was"
    assert other._replace(line=three.line).table.tolist() == other.table.tolist()


def test_words_are_records_inside() -> None:
    rows = np.zeros(3, ROW)
    rows["ts_recv"] = (1, 2, 3)
    words = words_of(rows[::2], rows[:1])
    assert words.reshape(-1, 8)[:, 1].tolist() == [1, 3, 1]
    words[1] = 9
    assert rows["ts_recv"].tolist() == [1, 2, 3], "a copy"
    assert add_pairs(np.array([1, 2, 3, 4], np.int64)) == 16
    assert add_pairs(words_of(rows[:0])) == 0
