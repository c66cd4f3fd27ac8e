"""A journal as a stream of row arrays: large batches where they lie, small ones gathered.

Every batch's sum and link are compared before its rows are handed out. Read transactions are short: they are renewed every window,
so that a writer's file does not grow because of us.
"""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from journal import SLOT, Batch, CorruptError, Reader, View
from veloz.contracts.layout import ROW, ROW_BYTES

SLAB_ROWS: Final = 16_384  # one call's worth: 1 MiB stays in the second-level cache
GATHER_BELOW: Final = 2_048  # smaller batches are copied together: a call costs as much as folding a hundred rows
WINDOW_BYTES: Final = 64 << 20  # read before the transaction is renewed

assert SLOT.itemsize == ROW.itemsize == ROW_BYTES, "the journal's slot and our row are the same 64 bytes"

Slab = tuple[int, np.ndarray]


class _Gatherer:
    """Copies small batches together into one slab, used again and again."""

    def __init__(self) -> None:
        self._slab = np.zeros(SLAB_ROWS * ROW_BYTES, "u1")
        self.first = 0
        self.rows = 0

    def fits(self, rows: int) -> bool:
        return self.rows + rows <= SLAB_ROWS

    def add(self, first: int, rows: np.ndarray) -> None:
        if self.rows == 0:
            self.first = first
        at, size = self.rows * ROW_BYTES, len(rows) * ROW_BYTES
        self._slab[at : at + size] = rows.view("u1")
        self.rows += len(rows)

    def take(self) -> Slab:
        slab = self._slab[: self.rows * ROW_BYTES].view(ROW)
        self.rows = 0
        return self.first, slab


class SlabReader:
    """Rows `first` … `last` of a journal in order, as arrays.

    Args:
        path: The journal's directory.
        first: First sequence number wanted.
        last: Last one wanted; None = the head when reading begins.

    An array is valid until the next one is asked for. Iterating raises `journal.CorruptError` where a batch is damaged.
    """

    def __init__(self, path: Path, first: int = 1, last: int | None = None) -> None:
        self._path, self._next, self._last = Path(path), first, last
        self._gatherer = _Gatherer()
        self._link = b""

    def __iter__(self) -> Iterator[Slab]:
        with Reader.open(self._path) as reader:
            more = True
            while more:
                with reader.view() as view:
                    more = yield from self._read_window(view)
            if self._gatherer.rows:
                yield self._gatherer.take()

    def _read_window(self, view: View) -> Generator[Slab, None, bool]:
        """One read transaction's worth; returns whether there may be more."""
        if self._last is None:
            self._last = view.head()[0]
        done = 0
        for batch in view.scan(self._next, self._last):
            self._follow(batch)
            lo, hi = batch.span(self._next, self._last)
            yield from self._hand_over(batch.first + lo, batch.rows[lo:hi].view(ROW))
            self._next = batch.first + hi
            done += batch.n * ROW_BYTES
            if done >= WINDOW_BYTES:
                return True
        return False

    def _follow(self, batch: Batch) -> None:
        """A transaction compares the links within it; across two of them it is done here."""
        if self._link and self._link != batch.link:
            raise CorruptError("its link is not the digest of the batch before", seq=batch.first)
        self._link = batch.digest

    def _hand_over(self, first: int, rows: np.ndarray) -> Iterator[Slab]:
        gatherer = self._gatherer
        large = len(rows) >= GATHER_BELOW
        if gatherer.rows and (large or not gatherer.fits(len(rows))):
            yield gatherer.take()
        if large:
            yield first, rows
        else:
            gatherer.add(first, rows)
