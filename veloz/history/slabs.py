"""A journal as a stream of row arrays, read and checked on a thread of its own while the caller folds.

Small batches are gathered into slabs, because a call costs as much as folding a hundred rows; large ones are handed out where they
lie. Read transactions are short: they are renewed every window, so that a writer's file does not grow because of us.
"""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from journal import SLOT, Reader
from veloz.contracts.layout import ROW, ROW_BYTES

SLAB_ROWS: Final = 16_384  # one call's worth: 1 MiB stays in the second-level cache
GATHER_BELOW: Final = 4_096  # smaller batches are copied together
WINDOW_BYTES: Final = 64 << 20  # read before the transaction is renewed
AHEAD: Final = 3  # slabs read before they are folded

assert SLOT.itemsize == ROW.itemsize == ROW_BYTES, "the journal's slot and our row are the same 64 bytes"

Slab = tuple[int, np.ndarray]


class _Gatherer:
    """Copies small batches together. A slab is reused only after AHEAD + 2 others."""

    def __init__(self) -> None:
        self._slabs = [np.zeros(SLAB_ROWS * ROW_BYTES, "u1") for _ in range(AHEAD + 3)]
        self._turn = 0
        self.first = 0
        self.rows = 0

    def fits(self, rows: int) -> bool:
        return self.rows + rows <= SLAB_ROWS

    def add(self, first: int, rows: np.ndarray) -> None:
        if self.rows == 0:
            self.first = first
        at, size = self.rows * ROW_BYTES, len(rows) * ROW_BYTES
        self._slabs[self._turn][at : at + size] = rows.view("u1")
        self.rows += len(rows)

    def take(self) -> Slab:
        slab = self._slabs[self._turn][: self.rows * ROW_BYTES].view(ROW)
        taken = (self.first, slab)
        self._turn = (self._turn + 1) % len(self._slabs)
        self.rows = 0
        return taken


class SlabReader:
    """Rows `first` … `last` of a journal in order, as arrays.

    Args:
        path: The journal's directory.
        first: First sequence number wanted.
        last: Last one wanted; None = the head when reading begins.

    An array is valid until the next one is asked for. Every batch's sum is compared; a wrong one raises `journal.CorruptError`
    where it is reached. `started_ns` is the monotonic time of the first read transaction.
    """

    def __init__(self, path: Path, first: int = 1, last: int | None = None) -> None:
        self._path, self._first, self._last = Path(path), first, last
        self._box: queue.Queue[Slab | BaseException | None] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._gatherer = _Gatherer()

    def __iter__(self) -> Iterator[Slab]:
        thread = threading.Thread(target=self._read, name="journal-reader", daemon=True)
        thread.start()
        try:
            while True:
                item = self._box.get()
                try:
                    if item is None:
                        return
                    if isinstance(item, BaseException):
                        raise item
                    yield item
                finally:
                    self._box.task_done()
        finally:
            self._stop.set()
            self._drain()
            thread.join()

    def _drain(self) -> None:
        while True:
            try:
                self._box.get_nowait()
            except queue.Empty:
                return
            self._box.task_done()

    def _put(self, item: Slab | BaseException | None) -> bool:
        while not self._stop.is_set():
            try:
                self._box.put(item, timeout=0.05)
            except queue.Full:
                continue
            return True
        return False

    def _wait_folded(self) -> None:
        """Until the caller has done with every array that lies in the transaction's pages."""
        with self._box.all_tasks_done:
            while self._box.unfinished_tasks and not self._stop.is_set():
                self._box.all_tasks_done.wait(0.05)

    def _read(self) -> None:
        try:
            with Reader.open(self._path) as reader:
                at = self._first
                while at and not self._stop.is_set():
                    at = self._read_window(reader, at)
            if self._gatherer.rows:
                self._put(self._gatherer.take())
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _read_window(self, reader: Reader, at: int) -> int:
        """One read transaction's worth; the next sequence number to read, or 0 at the end."""
        with reader.view() as view:
            if self._last is None:
                self._last = view.head()[0]
            done = 0
            for batch in view.scan(at, self._last):
                lo, hi = max(at - batch.first, 0), min(self._last - batch.first + 1, batch.n)
                if not self._hand_over(batch.first + lo, batch.rows[lo:hi].view(ROW)):
                    return 0
                at = batch.first + hi
                done += hi * ROW_BYTES
                if done >= WINDOW_BYTES:
                    break
            self._wait_folded()
        return at if at <= self._last and done else 0

    def _hand_over(self, first: int, rows: np.ndarray) -> bool:
        gatherer = self._gatherer
        large = len(rows) >= GATHER_BELOW
        if gatherer.rows and (large or not gatherer.fits(len(rows))):
            if not self._put(gatherer.take()):
                return False
        if large:
            return self._put((first, rows))
        gatherer.add(first, rows)
        return True
