"""Comma-separated numbers into arrays, exactly: fields are found and decimals read by compiled loops, without a float anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.kernel import entry, kernel
from veloz.ingest.faults import Damage
from veloz.ingest.files import cut_blocks
from veloz.instruments.units import INT64_MAX, Written

GOOD, ABSENT, BAD, ROUNDED = range(4)  # what became of a field
DIGITS_MAX: Final = 18
LEAST: Final = 10**17  # a digit more still fits
COMMA, NEWLINE, CARRIAGE, BLANK, QUOTE = 44, 10, 13, 32, 34
POINT, MINUS, PLUS, ZERO, NINE, BIG_E, SMALL_E = 46, 45, 43, 48, 57, 69, 101
ABSENT_WORDS: Final = (b"", b"null", b"nan", b"NaN", b"None")


@entry
def find_fields(text: Any, columns: int, begin: Any, end: Any, counts: Any) -> None:
    """Where the fields of whole lines lie. Blank lines are none.

    Args:
        text: u1, ends with a newline.
        columns: Fields of a line.
        begin, end: i8[lines, columns], filled.
        counts: Lines found; the first line (from 1) with another number of fields, 0 if none; how many that has.
    """
    n, line, p, size = 0, 0, 0, len(text)
    while p < size:
        line += 1
        column, a, quoted = 0, p, False
        while text[p] != NEWLINE:
            if text[p] == QUOTE:
                quoted = not quoted
            if text[p] == COMMA and not quoted:
                if column < columns:
                    begin[n, column], end[n, column] = a, p
                column += 1
                a = p + 1
            p += 1
        stop = p
        p += 1
        while stop > a and (text[stop - 1] == CARRIAGE or text[stop - 1] == BLANK):
            stop -= 1
        if column == 0 and stop == a:
            continue
        if column < columns:
            begin[n, column], end[n, column] = a, stop
        if column + 1 != columns:
            counts[1], counts[2] = line, column + 1
            break
        n += 1
    counts[0] = n


@kernel
def read_number(text: Any, p: int, stop: int) -> tuple[int, int, int, int]:
    """What became of it, digits, decimals, and whether it is negative; digits that do not fit behind the point are dropped."""
    negative, digits, decimals, seen, state, point = 0, 0, 0, 0, GOOD, 0
    if p < stop and (text[p] == MINUS or text[p] == PLUS):
        negative = 1 if text[p] == MINUS else 0
        p += 1
    while p < stop:
        byte = text[p]
        if ZERO <= byte <= NINE:
            seen = 1
            digit = int(byte) - ZERO
            if digits < LEAST:
                digits = digits * 10 + digit
                decimals += point
            elif point == 0:
                return BAD, 0, 0, 0
            elif digit != 0:
                state = ROUNDED
        elif byte == POINT and point == 0:
            point = 1
        elif seen == 1 and byte in (SMALL_E, BIG_E):
            break
        else:
            return BAD, 0, 0, 0
        p += 1
    if seen == 0:
        return BAD, 0, 0, 0
    if p < stop:
        power, sign, p = 0, 1, p + 1
        if p < stop and (text[p] == MINUS or text[p] == PLUS):
            sign = -1 if text[p] == MINUS else 1
            p += 1
        if p == stop or stop - p > 2:
            return BAD, 0, 0, 0
        while p < stop:
            if text[p] < ZERO or text[p] > NINE:
                return BAD, 0, 0, 0
            power = power * 10 + int(text[p]) - ZERO
            p += 1
        decimals -= sign * power
    while decimals < 0:
        if digits >= LEAST:
            return BAD, 0, 0, 0
        digits *= 10
        decimals += 1
    while decimals > DIGITS_MAX:
        state = ROUNDED if digits % 10 != 0 else state
        digits //= 10
        decimals -= 1
    while decimals > 0 and digits % 10 == 0:
        digits //= 10
        decimals -= 1
    return state, digits, decimals, negative


@entry
def read_numbers(text: Any, begin: Any, end: Any, digits: Any, decimals: Any, states: Any) -> None:
    """One column of decimals."""
    for k in range(len(begin)):
        a, b = begin[k], end[k]
        if b - a >= 2 and text[a] == QUOTE and text[b - 1] == QUOTE:
            a, b = a + 1, b - 1
        while a < b and text[a] == BLANK:
            a += 1
        if a == b or text[a] > NINE:
            states[k] = ABSENT
            digits[k] = decimals[k] = 0
            continue
        state, value, places, negative = read_number(text, a, b)
        states[k] = state
        digits[k] = -value if negative else value
        decimals[k] = places


@entry
def mark_changes(text: Any, begin: Any, end: Any, changed: Any) -> None:
    """Where a column says something else than in the line before."""
    for k in range(len(begin)):
        size = end[k] - begin[k]
        same = k > 0 and end[k - 1] - begin[k - 1] == size
        at = 0
        while same and at < size:
            same = text[begin[k] + at] == text[begin[k - 1] + at]
            at += 1
        changed[k] = not same


@dataclass(frozen=True, slots=True)
class Decimals:
    """A column of decimals: `digits` / 10**`decimals` each, without trailing zeros. `absent`: there is none."""

    digits: NDArray[np.int64]
    decimals: NDArray[np.int64]
    absent: NDArray[np.bool_]
    rounded: NDArray[np.bool_]

    def counts(self, scale: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Counts of quanta, rounded down where a quantum is too coarse (then True), but never from something to nothing."""
        more = scale - self.decimals
        up = self.digits * 10 ** np.maximum(more, 0)
        divisor = 10 ** np.maximum(-more, 0)
        counts = up // divisor
        odd = (up % divisor != 0) | self.rounded
        counts[odd & (counts == 0)] = 1
        return counts, odd

    def keeps(self, step: Written) -> NDArray[np.bool_]:
        """Which are multiples of a step; what is absent or was rounded is not asked."""
        scale = max(int(self.decimals.max(initial=0)), step.significant)
        unit = step.floor(scale)[0]
        digits: NDArray[Any] = self.digits
        if int(np.abs(digits).max(initial=1)) * 10**scale >= INT64_MAX or unit >= INT64_MAX:
            digits = digits.astype(object)
        tens = np.array([10**power for power in range(scale + 1)], digits.dtype)
        kept: NDArray[np.bool_] = (digits * tens[scale - self.decimals] % unit == 0).astype(np.bool_)
        return kept | self.absent | self.rounded


class Fields:
    """The fields of some whole lines.

    Args:
        text: The lines.
        columns: Names of the columns, in order.
        line: Number of the first line in its file, for messages.
    """

    def __init__(self, text: bytes, columns: tuple[str, ...], line: int) -> None:
        self._text = np.frombuffer(text, np.uint8)
        self._names = columns
        self._line = line
        lines = text.count(b"\n")
        begin, end = np.zeros((2, lines, len(columns)), np.int64)
        counts = np.zeros(3, np.int64)
        find_fields(self._text, len(columns), begin, end, counts)
        if counts[1]:
            raise Damage(f"its line {line + int(counts[1]) - 1} has {int(counts[2])} fields, and not {len(columns)}")
        self._begin, self._end = begin[: int(counts[0])], end[: int(counts[0])]

    def __len__(self) -> int:
        """How many lines."""
        return len(self._begin)

    def _at(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ix = self._names.index(name)
        return np.ascontiguousarray(self._begin[:, ix]), np.ascontiguousarray(self._end[:, ix])

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self._names

    def text(self, name: str, row: int) -> bytes:
        """One field as it stands, without blanks and quotes around it."""
        ix = self._names.index(name)
        return bytes(self._text[self._begin[row, ix] : self._end[row, ix]]).strip(b' "\r')

    def decimals(self, name: str, *, may_lack: bool = False, signed: bool = False) -> Decimals:
        """A column of decimals.

        Raises:
            Damage: A field is none; or is absent, or negative, where that may not be.
        """
        begin, end = self._at(name)
        digits, decimals, states = np.zeros((3, len(begin)), np.int64)
        read_numbers(self._text, begin, end, digits, decimals, states)
        bad = (states == BAD) | ((digits < 0) & (not signed)) | ((states == ABSENT) & (not may_lack))
        for row in np.flatnonzero(states == ABSENT) if may_lack else ():
            bad[row] = self.text(name, int(row)) not in ABSENT_WORDS
        self.require(name, ~bad, "no number that it may hold")
        return Decimals(digits, decimals, states == ABSENT, states == ROUNDED)

    def whole(self, name: str) -> NDArray[np.int64]:
        """A column of whole numbers. Errors as `decimals`."""
        column = self.decimals(name, signed=True)
        self.require(name, (column.decimals == 0) & ~column.rounded, "no whole number")
        return column.digits

    def words(self, name: str) -> tuple[list[bytes], NDArray[np.int64]]:
        """A column of words: those there are, and for each line which."""
        begin, end = self._at(name)
        changed = np.zeros(len(begin), np.bool_)
        mark_changes(self._text, begin, end, changed)
        numbers: dict[bytes, int] = {}
        starts = np.flatnonzero(changed)
        found = [numbers.setdefault(self.text(name, int(row)), len(numbers)) for row in starts]
        lengths = np.diff(np.append(starts, len(begin)))
        return [*numbers], np.repeat(np.array(found, np.int64), lengths)

    def choose(self, name: str, meanings: dict[bytes, int]) -> NDArray[np.int64]:
        """A column of words that each mean a number.

        Raises:
            Damage: One means nothing.
        """
        words, which = self.words(name)
        known = np.array([meanings.get(word.lower(), -1) for word in words], np.int64)[which]
        self.require(name, known >= 0, "none of the words known there")
        return known

    def line_of(self, row: int) -> int:
        """The number of a line in its file."""
        return self._line + bytes(self._text[: self._begin[row, 0]]).count(b"\n")

    def require(self, name: str, good: NDArray[np.bool_], what: str) -> None:
        """Refuse lines that are not good.

        Raises:
            Damage: Names the first of them.
        """
        if not good.all():
            row = int(np.argmin(good))
            said = self.text(name, row)[:40].decode("ascii", "replace")
            raise Damage(f"in its line {self.line_of(row)} the column {name} is {what}: {said!r}")


def read_fields(pieces: Iterator[bytes], columns: tuple[str, ...], *, header: bool) -> Iterator[Fields]:
    """All lines of a file as fields, block after block.

    Args:
        pieces: Its bytes.
        columns: Names of its columns.
        header: Whether its first line names them.

    Raises:
        Damage: A line has another number of fields.
    """
    line = 1
    for block in cut_blocks(pieces):
        text = block.text + b"\n" if block.ends_open else block.text
        if line == 1 and header:
            text, line = text[text.index(b"\n") + 1 :], 2
        if text:
            yield Fields(text, columns, line)
            line += text.count(b"\n")


def join_words(*columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where any of these columns differs from the line before; True at the first."""
    differs = np.ones(len(columns[0]), np.bool_)
    differs[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return differs
