"""An iterator that runs ahead of its reader, on a thread of its own, by a bounded number of items."""

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Items of an iterator; what it raises is raised where the item would have come.

    Both ways go through `SimpleQueue`, whose calls a Ctrl-C finds done or not done: `Queue` takes its lock in Python, and an
    interrupt behind that leaves it taken for good, with the other thread waiting for it.

    Args:
        items: Consumed on another thread until it ends or this object is closed.
        depth: How many items may wait.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._items = items
        self._ready: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._room: queue.SimpleQueue[None] = queue.SimpleQueue()  # one of these for each item that may be added
        for _ in range(depth):
            self._room.put(None)
        self._closing = False
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="ingest-feed", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for item in self._items:
                self._room.get()
                if self._closing:
                    return
                self._ready.put(("item", item))
            self._ready.put(("end", None))
        except BaseException as error:
            self._ready.put(("error", error))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration
        what, value = self._ready.get()
        if what == "item":
            self._room.put(None)
            return value  # type: ignore[no-any-return]
        self._ended = True
        if what == "error":
            raise value
        raise StopIteration

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._closing = True
        self._room.put(None)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
