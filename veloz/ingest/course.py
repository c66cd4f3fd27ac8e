"""How the lines of a file follow one another in time, whatever their form: which say a thing twice, and which go back.

Each of a file's lines is taken as it stands. What is told twice is kept and said; a stamp that lies before one that precedes it is
heard of with that one, and said. Bars that go back, and files whose newest line comes first, would be played in the wrong order: they
are refused whole.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from veloz.ingest.faults import Disorder

A_BAR: Final = "bar"
A_TRADE: Final = "trade"
A_LINE: Final = "line"


class Course:
    """The lines of one file, block after block.

    Args:
        what: What a line tells: A_BAR and A_TRADE are told once, A_LINE as often as anybody likes.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._lines = self._twice = self._late = self._forth = self._back = 0
        self._first_twice = self._first_late = 0
        self._latest = self._last_ns = -1
        self._last_id: tuple[str, int] = ("", 0)

    def see(
        self,
        symbols: list[str],
        which: NDArray[np.int64],
        times: NDArray[np.int64],
        ids: Any,
        line_of: Callable[[int], int],
    ) -> None:
        """More lines, one at least.

        Args:
            symbols: Of the instruments in them.
            which: i8[n], the symbol of each line.
            times: i8[n], by which the lines should ascend.
            ids: i8[n], what no two lines of a symbol share, 0 where nobody knows; None: there is no such thing.
            line_of: The number of a line in its file.
        """
        before = np.append(self._last_ns if self._lines else times[0], times[:-1])
        late = times < np.maximum.accumulate(np.append(self._latest, times))[:-1]
        self._forth += int((times > before).sum())
        self._back += int((times < before).sum())
        self._first_late = self._first_late or _first(late, line_of)
        self._late += int(late.sum())
        if ids is not None:
            twice = np.zeros(len(ids), np.bool_)
            twice[1:] = (ids[1:] == ids[:-1]) & (which[1:] == which[:-1])
            twice[0] = self._last_id == (symbols[which[0]], int(ids[0]))
            twice &= ids != 0
            self._first_twice = self._first_twice or _first(twice, line_of)
            self._twice += int(twice.sum())
            self._last_id = symbols[which[-1]], int(ids[-1])
        self._lines += len(times)
        self._last_ns, self._latest = int(times[-1]), max(self._latest, int(times.max()))

    def close(self) -> list[str]:
        """All lines were seen: what a person should read of them, to be put behind the file's name.

        Raises:
            Disorder: They cannot be played as they stand.
        """
        if self._late and (self._what == A_BAR or self._back > self._forth):
            raise Disorder(f"its line {self._first_late} is of a time before that of a line above it")
        told = []
        if self._twice:
            told.append(
                f"{self._twice} of its {self._lines} lines tell the {self._what} of the line before once more,"
                f" the first of them in line {self._first_twice}; they are kept, and count as often as they are told"
            )
        if self._late:
            told.append(
                f"{self._late} of its {self._lines} lines have a stamp before one that precedes them, the first of them in line"
                f" {self._first_late}; they are heard of with that one, too late, unless the file is sorted by time"
            )
        return told


def _first(marked: NDArray[np.bool_], line_of: Callable[[int], int]) -> int:
    return line_of(int(np.argmax(marked))) if marked.any() else 0
