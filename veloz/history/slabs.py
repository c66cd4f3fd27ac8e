"""A journal as a stream of row arrays: large batches where they lie, small ones gathered.

A batch's sum is compared on a second thread while the caller folds the same batch: both only read. Nothing that was folded
counts before its sum was found right, because the end of a read transaction, and the end of the rows, wait for the
comparisons and raise. Read transactions are short: they are renewed every window, so that a writer's file does not grow
because of us.
"""

import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Final

import numpy as np

from journal import SLOT, Batch, CorruptError, Reader, View
from veloz.contracts.layout import ROW, ROW_BYTES

SLAB_ROWS: Final = 16_384  # one call's worth: 1 MiB stays in the second-level cache
GATHER_BELOW: Final = 2_048  # smaller batches are copied together: a call costs as much as folding a hundred rows
WINDOW_BYTES: Final = 64 << 20  # read before the transaction is renewed

assert SLOT.itemsize == ROW.itemsize == ROW_BYTES, "the journal's slot and our row are the same 64 bytes"

Slab = tuple[int, np.ndarray]


class _SumChecker:
    """Compares the sums of batches on a thread of its own, in the order they are handed in."""

    def __init__(self) -> None:
        self._box: SimpleQueue[Batch | threading.Event | None] = SimpleQueue()
        self._fault: CorruptError | None = None
        self._thread = threading.Thread(target=self._run, name="journal-sums", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> None:
        """Have a batch compared; it must stay readable until `wait_compared` returns."""
        self._box.put(batch)

    def wait_compared(self) -> None:
        """Wait for every comparison handed in so far: their pages may go then."""
        done = threading.Event()
        self._box.put(done)
        done.wait()

    def require_sound(self) -> None:
        """Raise what a comparison found.

        Raises:
            CorruptError: The first batch whose sum is wrong.
        """
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        while (item := self._box.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            elif self._fault is None:
                try:
                    item.require_sound()
                except CorruptError as fault:
                    self._fault = fault

    def __enter__(self) -> "_SumChecker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._box.put(None)
        self._thread.join()


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

    An array is valid until the next one is asked for. Iterating raises `journal.CorruptError` when a batch is damaged, at the
    latest when the rows end: what was made of them must not be used before.
    """

    def __init__(self, path: Path, first: int = 1, last: int | None = None) -> None:
        self._path, self._next, self._last = Path(path), first, last
        self._gatherer = _Gatherer()
        self._link = b""

    def __iter__(self) -> Iterator[Slab]:
        with Reader.open(self._path) as reader, _SumChecker() as checker:
            more = True
            while more:
                with reader.view() as view:
                    try:
                        more = yield from self._read_window(view, checker)
                    finally:
                        checker.wait_compared()
                    checker.require_sound()
            if self._gatherer.rows:
                yield self._gatherer.take()

    def _read_window(self, view: View, checker: _SumChecker) -> Generator[Slab, None, bool]:
        """One read transaction's worth; returns whether there may be more."""
        if self._last is None:
            self._last = view.head()[0]
        done = 0
        for batch in view.scan(self._next, self._last, check=False):
            self._check(batch, checker)
            lo, hi = batch.span(self._next, self._last)
            yield from self._hand_over(batch.first + lo, batch.rows[lo:hi].view(ROW))
            self._next = batch.first + hi
            done += batch.n * ROW_BYTES
            if done >= WINDOW_BYTES:
                return True
        return False

    def _check(self, batch: Batch, checker: _SumChecker) -> None:
        if self._link and self._link != batch.link:
            raise CorruptError("its link is not the digest of the batch before", seq=batch.first)
        self._link = batch.digest
        if batch.n < GATHER_BELOW:
            batch.require_sound()
        else:
            checker.submit(batch)

    def _hand_over(self, first: int, rows: np.ndarray) -> Iterator[Slab]:
        gatherer = self._gatherer
        large = len(rows) >= GATHER_BELOW
        if gatherer.rows and (large or not gatherer.fits(len(rows))):
            yield gatherer.take()
        if large:
            yield first, rows
        else:
            gatherer.add(first, rows)
