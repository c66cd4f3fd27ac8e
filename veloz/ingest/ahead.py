"""An iterator that runs ahead of its reader, on a thread of its own, by a bounded number of items."""

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

T = TypeVar("T")
_WAIT_S: Final = 0.2


class Ahead(Generic[T]):
    """Items of an iterator; what it raises is raised where the item would have come.

    Args:
        items: Consumed on another thread until it ends or this object is closed.
        depth: How many items may wait.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._items = items
        self._queue: queue.Queue[tuple[str, Any]] = queue.Queue(depth)
        self._stop = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="ingest-feed", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for item in self._items:
                if not self._put(("item", item)):
                    return
            self._put(("end", None))
        except BaseException as error:
            self._put(("error", error))

    def _put(self, message: tuple[str, Any]) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(message, timeout=_WAIT_S)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration
        what, value = self._queue.get()
        if what == "item":
            return value  # type: ignore[no-any-return]
        self._ended = True
        if what == "error":
            raise value
        raise StopIteration

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
