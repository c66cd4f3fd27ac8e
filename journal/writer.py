"""The one writer of a journal: a queue in front of a committing thread.

`append` numbers a batch and queues it; the committing thread puts everything that waits into one transaction, while the
next batches gather. `durable_seq` follows each commit. In bulk mode a second thread computes sums, digests and zstd
ahead of the commits, so that caller, encoder and committer overlap.

A failure in begin, put or commit freezes the writer for good: a disk that failed once is not asked again, because a
second fdatasync may report success for data the kernel has already dropped.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from journal.admission import Encoder, Waiting, bounds_of, require_bodies, require_meta
from journal.batch import ZERO, Body, Rows, require_batch, slots
from journal.bell import Bell
from journal.environment import DATA
from journal.errors import AppendError, FrozenError, FullError, JournalError, LockedError, OpenError
from journal.failure import again, disk_left, failure_of
from journal.frames import Frames, fault_of
from journal.limits import (
    COMMIT_BYTES_MAX,
    DISK_RESERVED_BYTES,
    GROUP,
    GROUP_MAX,
    MAP_BYTES_DEFAULT,
    MAP_BYTES_MIN,
    OPEN_TIMEOUT_S,
    PAGES_RESERVED,
    PENDING_BYTES_MAX,
    REAP_EVERY_S,
)
from journal.lock import WriterLock
from journal.store import Meta, Store, Tip, make_directory


class Line(NamedTuple):
    """Everything an append changes, replaced by one assignment: an interrupt finds it done or not done.

    tip: last number given out; its digest and engine time only where the caller encodes.
    waiting: accepted and not yet durable, oldest first.
    """

    tip: Tip
    waiting: tuple[Waiting, ...]


class Writer:
    """Appends batches to a journal. Open one with `Writer.open`; use it as a context manager."""

    def __init__(self, path: Path, lock: WriterLock, group: int, bulk: bool) -> None:
        self._path = path
        self._flock = lock
        self._group = group
        self._bulk = bulk
        self._pid = os.getpid()
        self._appending = threading.Lock()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._done = Bell(self._lock)
        self._line = Line(Tip(0, ZERO, 0), ())
        self._durable_seq = 0
        self._pages_left = 0
        self._disk_left = 0
        self._page_bytes = 4096
        self._refused = (0, 0)
        self._failure: JournalError | None = None
        self._closing = False
        self._opened = False
        self._ended = False
        self._closed = False
        self._commit_began = 0.0
        self.epoch = 0
        self._encoder = Encoder(0)
        self._threads: list[threading.Thread] = []

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        map_size_bytes: int = MAP_BYTES_DEFAULT,
        create: bool = True,
        unsafe_fs: bool = True,
        group: int = GROUP,
        bulk: bool = False,
    ) -> "Writer":
        """Open a journal for appending and take the next epoch.

        Args:
            path: The journal's directory.
            map_size_bytes: Upper bound of the data file, a multiple of the page size; address space, not disk.
            create: Make the journal if it is not there.
            unsafe_fs: Accept a file system whose sync cannot be trusted.
            group: At most so many batches share a commit, 1 to GROUP_MAX.
            bulk: Encode on a thread of its own; rows and frames must then stay untouched until durable.

        Raises:
            LockedError: Another writer holds it.
            OpenError, CorruptError: The path is not a journal, its end is damaged, or it may not be written.
            FrozenError: The disk failed while the epoch was written.
        """
        if not __debug__:
            raise OpenError("the journal is not written under python -O", code="optimized", hint="start without -O")
        if not 1 <= group <= GROUP_MAX:
            raise ValueError(f"group must be 1 to {GROUP_MAX}, not {group}")
        if map_size_bytes < MAP_BYTES_MIN or map_size_bytes % 4096:
            raise ValueError(f"map_size_bytes must be a multiple of 4096 from {MAP_BYTES_MIN}, not {map_size_bytes}")
        where = Path(os.path.abspath(path))
        if create:
            make_directory(where)
        elif not (where / DATA).is_file():
            raise OpenError(f"there is no journal in {where}", code="absent", hint="name an existing one")
        if not unsafe_fs:
            from journal.space import require_safe

            require_safe(where)
        writer = cls(where, WriterLock.take(where), group, bulk)
        writer._start(map_size_bytes)
        return writer

    def _start(self, map_bytes: int) -> None:
        """Start the committing thread, which opens the files; it alone releases the lock, even if it hangs."""
        try:
            self._launch("journal-commit", self._run_commits, map_bytes)
            self._wait_opened()
            if self._bulk and self._failure is None:
                self._launch("journal-encode", self._run_encodes, self._line.tip)
        except BaseException:
            self._end()
            raise
        if self._failure is not None:
            self._join()
            raise self._failure

    def _launch(self, name: str, run: Callable[[Any], None], argument: Any) -> None:
        thread = threading.Thread(target=run, args=(argument,), name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _wait_opened(self) -> None:
        if not self._done.wait(lambda: self._opened or self._failure is not None, OPEN_TIMEOUT_S):
            raise LockedError(
                f"a foreign process holds LMDB's write lock of {self._path}",
                code="write_lock_held",
                hint="find it with `fuser lock.mdb` and end it",
            )

    # what callers do

    def append(
        self,
        rows: Rows,
        *,
        bodies: Iterable[Body] = (),
        frames: Frames | None = None,
        meta: Mapping[bytes, bytes | None] | None = None,
    ) -> int:
        """Queue one batch; blocks while the queue is full. Durable once `durable_seq` has passed its last row.

        Args:
            rows: Shape (n,), any 64-byte dtype, 1 <= n <= ROWS_MAX, last row flagged STEP_END. Must not change until
                durable.
            bodies: `(row index, bytes)`, ascending.
            frames: The raw frames behind the rows.
            meta: Application keys put (or, with None, deleted) in the same transaction.

        Returns:
            Sequence number of the first row.

        Raises:
            ValueError: A bound is broken; nothing was queued.
            FullError: Map or disk has no room; nothing was queued. A later, smaller batch does not overtake.
            FrozenError: An earlier commit failed.
        """
        rows = slots(rows)
        require_batch(rows)
        kept = tuple(bodies)
        require_bodies(kept, len(rows))
        if frames is not None and len(frames) == 0:
            frames = None
        if frames is not None and (fault := fault_of(frames, len(rows))):
            raise ValueError(f"frames are malformed: {fault}")
        return self._accept(rows, kept, frames, require_meta(meta))

    def put_meta(self, meta: Mapping[bytes, bytes | None]) -> None:
        """Queue a change of application keys without rows, in its place among the batches. Errors as `append`."""
        self._accept(None, (), None, require_meta(meta))

    def _accept(self, rows: Rows | None, bodies: tuple[Body, ...], frames: Frames | None, meta: Meta) -> int:
        item = Waiting(rows, bodies, frames, meta)
        item.bytes_bound, item.pages_bound = bounds_of(item, self._page_bytes)
        with self._appending:
            self._done.wait(lambda: self._has_room(item))
            tip = self._line.tip
            item.first = tip.seq + 1
            item.last = tip.seq + (0 if rows is None else len(rows))
            after = Tip(item.last, ZERO, 0) if self._bulk else self._encoder.encode(item, tip)
            with self._lock:
                self._require_usable()
                self._work.notify_all()  # first: an interrupt behind it leaves a thread awake, one before it asleep for good
                self._line = Line(after, (*self._line.waiting, item))
        return item.first

    def _has_room(self, item: Waiting) -> bool:
        """Whether the queue takes it now; refuse what the map or the disk cannot take, once nothing else waits."""
        self._require_usable()
        waiting = self._line.waiting
        queued = sum(each.bytes_bound for each in waiting)
        if waiting and (len(waiting) >= 2 * self._group or queued + item.bytes_bound > PENDING_BYTES_MAX):
            return False
        refusal = self._refusal(item, queued)
        if refusal is not None and not waiting:
            raise refusal
        return refusal is None

    def _refusal(self, item: Waiting, queued: int) -> FullError | None:
        """Foresee a full map or disk, counting what waits as written in the worst case.

        Once something was refused, nothing smaller passes until the refused size would fit: no batch overtakes another.
        """
        size, pages = max(item.bytes_bound, self._refused[0]), max(item.pages_bound, self._refused[1])
        if size + queued + DISK_RESERVED_BYTES > self._disk_left:
            self._disk_left = disk_left(self._path)
        if pages + sum(each.pages_bound for each in self._line.waiting) + PAGES_RESERVED > self._pages_left:
            code, what, hint = "map_full", "map", "open with a larger map, or expire old frames and compact"
        elif size + queued + DISK_RESERVED_BYTES > self._disk_left:
            code, what, hint = "disk_full", "disk", "free space, then append again"
        else:
            self._refused = (0, 0)
            return None
        if not self._line.waiting:
            self._refused = (size, pages)
        return FullError(f"the {what} under {self._path} has no room for {size} more bytes", code=code, hint=hint)

    def _require_usable(self) -> None:
        if self._pid != os.getpid():
            raise AppendError("this process was forked while it had the journal open", code="forked")
        if self._failure is not None:
            raise again(self._failure)
        if self._closing:
            raise AppendError("the writer is closed", code="closed")

    @property
    def head_seq(self) -> int:
        """Last sequence number given out; 0 if none. It may not be durable yet."""
        return self._line.tip.seq

    @property
    def durable_seq(self) -> int:
        """Last sequence number that survives a power cut; 0 if none."""
        return self._durable_seq

    @property
    def frozen(self) -> bool:
        """Whether a failure has ended all appending for good."""
        return isinstance(self._failure, FrozenError)

    @property
    def failure(self) -> JournalError | None:
        """What froze the writer."""
        return self._failure

    @property
    def committing_s(self) -> float:
        """Seconds since the commit now running began; 0.0 when none runs. A watchdog reads it."""
        began = self._commit_began
        return time.monotonic() - began if began else 0.0

    def wait_durable(self, seq: int, timeout_s: float | None = None) -> bool:
        """Wait until a sequence number is durable; False if the time ran out first.

        Raises:
            ValueError: The number was not given out yet.
            FrozenError, FullError: It will never be durable.
        """
        if seq > self.head_seq:
            raise ValueError(f"sequence number {seq} was not given out yet")
        return self._done.wait(lambda: self._is_durable(seq), timeout_s)

    def _is_durable(self, seq: int) -> bool:
        if self._durable_seq >= seq:
            return True
        self._require_alive()
        return False

    def flush(self) -> None:
        """Wait until everything queued is durable. Errors as `wait_durable`."""
        last = self._line.waiting[-1:]
        self._done.wait(lambda: self._is_written(last))

    def _is_written(self, last: tuple[Waiting, ...]) -> bool:
        self._require_alive()
        return not any(each in self._line.waiting for each in last)

    def _require_alive(self) -> None:
        if self._pid != os.getpid():
            raise AppendError("this process was forked while it had the journal open", code="forked")
        if self._failure is not None:
            raise again(self._failure)

    def close(self) -> None:
        """Commit what is queued, stop the threads and release the journal. Harmless when repeated.

        Raises:
            FrozenError, FullError: Something queued did not become durable.
        """
        if self._pid != os.getpid():
            return
        self._end()
        self._join()
        first_time, self._closed = not self._closed, True
        if first_time and self._failure is not None and self._line.waiting:
            raise again(self._failure)

    def _end(self) -> None:
        """Have the threads end when nothing waits any more."""
        with self._lock:
            self._work.notify_all()
            self._closing = True

    def _join(self) -> None:
        """Wait for the threads. An interrupted `join` takes a thread for ended, so what is waited for is what the thread says."""
        self._done.wait(lambda: self._ended)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except JournalError:
            if error is None:
                raise

    # what the threads do

    def _run_encodes(self, tip: Tip) -> None:
        try:
            while (item := self._next_unencoded()) is not None:
                tip = self._encoder.encode(item, tip)
                with self._lock:
                    self._work.notify_all()
        except BaseException as cause:
            self._fail(failure_of(cause, self._path))

    def _next_unencoded(self) -> Waiting | None:
        with self._lock:
            while True:
                if self._failure is not None:
                    return None
                for item in self._line.waiting:
                    if item.change is None:
                        return item
                if self._closing:
                    return None
                self._work.wait()

    def _run_commits(self, map_bytes: int) -> None:
        try:
            self._commit_all(map_bytes)
        finally:
            with self._lock:
                self._ended = True
                self._done.ring()

    def _commit_all(self, map_bytes: int) -> None:
        try:
            store = Store.open(self._path, map_bytes)
        except BaseException as cause:
            self._flock.release()
            self._fail(cause if isinstance(cause, JournalError) else failure_of(cause, self._path))
            return
        try:
            self._encoder = Encoder(store.epoch)
            self.epoch = store.epoch
            with self._lock:
                self._line = Line(store.tip, ())
                self._durable_seq = store.tip.seq
                self._page_bytes = store.page_bytes
                self._measure_room(store)
                self._opened = True
                self._done.ring()
            reaped = time.monotonic()
            while run := self._next_run():
                self._commit_began = time.monotonic()
                if self._commit_began - reaped > REAP_EVERY_S:
                    store.reap_readers()
                    reaped = self._commit_began
                store.commit([item.change for item in run if item.change is not None])
                self._commit_began = 0.0
                self._publish(store, run)
        except BaseException as cause:
            self._fail(failure_of(cause, self._path))
        finally:
            self._commit_began = 0.0
            store.close()
            self._flock.release()

    def _next_run(self) -> list[Waiting]:
        """What the next commit holds; empty when the writer is closing and nothing waits."""
        with self._lock:
            while True:
                if self._failure is not None:
                    return []
                run: list[Waiting] = []
                size = 0
                for item in self._line.waiting[: self._group]:
                    size += item.bytes_bound
                    if item.change is None or (run and size > COMMIT_BYTES_MAX):
                        break
                    run.append(item)
                if run or (self._closing and not self._line.waiting):
                    return run
                self._work.wait()

    def _publish(self, store: Store, run: list[Waiting]) -> None:
        with self._lock:
            self._line = Line(self._line.tip, self._line.waiting[len(run) :])
            self._durable_seq = store.tip.seq
            self._measure_room(store)
            self._done.ring()

    def _measure_room(self, store: Store) -> None:
        self._pages_left = store.pages_left()
        self._disk_left = disk_left(self._path)

    def _fail(self, failure: JournalError) -> None:
        with self._lock:
            if self._failure is None:
                self._failure = failure
            self._done.ring()
            self._work.notify_all()
