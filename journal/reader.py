"""Reading a journal: short read transactions on what is durable, beside a writer or on a copy nobody writes.

Arrays and buffers handed out point into LMDB's pages. They are valid inside the view (or, from `Reader.scan`, until the
next batch is asked for) and must be copied, `Batch.copy()`, to live longer.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import lmdb
import numpy as np
from xxhash import xxh3_64_intdigest

from journal import environment
from journal.batch import (
    HEADER,
    KEY,
    MAGIC,
    SUMMED_FROM,
    VERSION,
    ZERO,
    Batch,
    kind_bits,
    pad8,
    parse_batch,
)
from journal.environment import DATA, Environment
from journal.errors import CorruptError
from journal.frames import Frames, decode_frames
from journal.limits import HEADER_BYTES, ROW_BYTES, SEQ_MAX, TAIL_BYTES
from journal.store import EPOCH_KEY, FORMAT_KEY, FRAMES_FROM_KEY, HEAD_KEY, require_format

BATCHES_PER_VIEW: Final = 512


class Stats(NamedTuple):
    """batches and records (rows) in the journal; bytes of its data file on disk."""

    batches: int
    records: int
    bytes: int


class View:
    """One read transaction: a fixed, durable state of the journal. Keep it short: it keeps old pages alive.

    `opened` (None for a journal that is not there yet) and `txn` are LMDB's own, for the journal's other modules.
    """

    def __init__(self, path: Path, opened: Environment | None, txn: Any) -> None:
        self._path = path
        self.opened = opened
        self.txn = txn

    def _cursor(self) -> Any:
        assert self.opened is not None
        return self.txn.cursor(db=self.opened.rows)

    def meta(self, key: bytes) -> bytes | None:
        """Value of one key of the meta database, copied; None if absent."""
        if self.opened is None:
            return None
        value = self.txn.get(key, db=self.opened.meta)
        return None if value is None else bytes(value)

    def meta_items(self, prefix: bytes = b"") -> list[tuple[bytes, bytes]]:
        """All keys that begin with a prefix, with their values, in order, copied."""
        found: list[tuple[bytes, bytes]] = []
        if self.opened is None:
            return found
        cursor = self.txn.cursor(db=self.opened.meta)
        more = cursor.set_range(prefix) if prefix else cursor.first()
        while more and bytes(cursor.key()).startswith(prefix):
            found.append((bytes(cursor.key()), bytes(cursor.value())))
            more = cursor.next()
        return found

    def epoch(self) -> int:
        """Number of the newest writer; 0 if there was none."""
        return self._number(EPOCH_KEY, 0)

    @property
    def frames_from(self) -> int:
        """First sequence number from which raw frames are kept; 1 if none were expired."""
        return self._number(FRAMES_FROM_KEY, 1)

    def _number(self, key: bytes, absent: int) -> int:
        value = self.meta(key)
        if value is None:
            return absent
        if len(value) != KEY.size:
            raise CorruptError(f"meta key {key!r} is {len(value)} bytes long, not {KEY.size}")
        return int(KEY.unpack(value)[0])

    def head(self) -> tuple[int, bytes]:
        """Last sequence number and digest of the last batch; (0, 32 zero bytes) if empty.

        Raises:
            CorruptError: The last batch is not the one the journal's head names.
        """
        batch = self.last_batch()
        stored = self.meta(HEAD_KEY)
        if batch is None:
            if stored is not None:
                raise CorruptError("the journal's head names a batch and there is none", seq=1)
            return 0, ZERO
        if stored != KEY.pack(batch.first) + batch.digest:
            raise CorruptError("it is not the batch that the journal's head names", seq=batch.first)
        return batch.last, batch.digest

    def last_batch(self) -> Batch | None:
        """The last batch, None if empty. Errors as `parse_batch`."""
        if self.opened is None:
            return None
        cursor = self._cursor()
        return parse_batch(cursor.key(), cursor.value()) if cursor.last() else None

    def stats(self) -> Stats:
        """Batches, rows and bytes of the data file."""
        if self.opened is None:
            return Stats(0, 0, 0)
        batches = self.txn.stat(self.opened.rows)["entries"]
        return Stats(batches, self.head()[0], os.stat(self._path / DATA).st_size)

    def batch_at(self, seq: int, *, check: bool = True) -> Batch | None:
        """The batch that holds a sequence number; None if the journal does not reach so far.

        Raises:
            CorruptError: As `parse_batch`.
        """
        if self.opened is None or not 1 <= seq <= SEQ_MAX:
            return None
        cursor = self._cursor()
        if not place(cursor, seq):
            return None
        batch = parse_batch(cursor.key(), cursor.value(), check=check)
        return batch if batch.first <= seq <= batch.last else None

    def frames(self, batch_first: int, *, digest: bytes | None = None) -> Frames | None:
        """Raw frames of the batch whose first sequence number is given; they own their bytes. None if not kept.

        Args:
            batch_first: First sequence number of a batch.
            digest: `Batch.frames_digest`, to have the frames compared with it.

        Raises:
            CorruptError: The value does not open or is not what the batch announced.
        """
        if self.opened is None:
            return None
        value = self.txn.get(KEY.pack(batch_first), db=self.opened.frames)
        if value is None:
            return None
        try:
            return decode_frames(value, digest=digest)
        except CorruptError as cause:
            raise CorruptError(cause.reason, seq=batch_first) from cause

    def seq_at(self, time_ns: int) -> int:
        """First sequence number whose engine time is at or after a time; one past the end if there is none.

        Engine time of a row is the greatest receive time journaled up to it. Bisects the headers, then one batch.
        """
        low, high = 1, self.head()[0] + 1
        while low < high:
            batch = self.batch_at((low + high) // 2, check=False)
            if batch is None:
                raise CorruptError("there is a gap in the sequence numbers", seq=(low + high) // 2)
            if batch.t_last < time_ns:
                low = batch.last + 1
            elif batch.t_first >= time_ns:
                high = batch.first
            else:
                times = np.maximum(np.maximum.accumulate(batch.rows["ts_recv"]), batch.t_first)
                return batch.first + int(np.searchsorted(times, time_ns))
        return low

    def scan(
        self, first: int = 1, last: int | None = None, kinds: Iterable[int] | None = None, check: bool = True
    ) -> Iterator[Batch]:
        """Batches that hold any of the rows first to last (inclusive), in order, without copying.

        Args:
            first: Sequence number to begin with; the batch that holds it comes whole.
            last: Sequence number to end with; None for all.
            kinds: Skip batches that certainly hold none of these kinds, without touching their rows.
            check: Compare the checksum of each batch handed out and its link to the one before.

        Raises:
            CorruptError: A batch is not what was written, or numbers do not follow one another.
        """
        stop = SEQ_MAX if last is None else last
        first = max(first, 1)
        if self.opened is None or stop < first:
            return
        cursor = self._cursor()
        if not place(cursor, first):
            return
        want = KEY.unpack(cursor.key())[0] if len(cursor.key()) == KEY.size else 0
        if want > first:
            raise CorruptError(f"the next batch begins at {want}", seq=first)
        bits = -1 if kinds is None else kind_bits(kinds)
        try:
            yield from walk(cursor, want, stop, bits, check, first)
        except lmdb.Error as cause:
            raise environment.read_fault(cause) from cause


def place(cursor: Any, seq: int) -> bool:
    """Put a cursor on the batch that holds a sequence number, or on the last one before it; False if there is none."""
    if cursor.set_range(KEY.pack(seq)):
        if bytes(cursor.key()) == KEY.pack(seq):
            return True
        return bool(cursor.prev()) or bool(cursor.first())
    return bool(cursor.last())


def walk(cursor: Any, want: int, stop: int, bits: int, check: bool, first: int) -> Iterator[Batch]:
    """Batches from the cursor's place on; the inner loop of every scan, hence flat.

    Args:
        cursor: On the first batch, which must begin at `want`.
        stop: Last sequence number wanted.
        bits: Kinds wanted as a bitmap; -1 for all.
        check: Compare sums and links.
        first: Batches that end before it are left out.
    """
    unpack, fields, digest = KEY.unpack, HEADER.unpack_from, b""
    for key, value in cursor.iternext():
        size = len(value)
        if len(key) != 8 or unpack(key)[0] != want:
            raise CorruptError(f"the next key is {bytes(key).hex()}", seq=want)
        if size < HEADER_BYTES + ROW_BYTES + TAIL_BYTES:
            raise CorruptError("the value is too short for a batch", seq=want)
        head = fields(value)
        n = head[5]
        end = HEADER_BYTES + n * ROW_BYTES
        if head[0] != MAGIC or head[1] != VERSION or head[2] != HEADER_BYTES:
            raise CorruptError("it is not a batch of a known version", seq=want)
        if size != end + pad8(head[6]) + TAIL_BYTES or n == 0 or head[4] != want:
            raise CorruptError("its length or number does not follow from its header", seq=want)
        wanted = bits < 0 or int.from_bytes(head[11], "little") & bits
        if check:
            if wanted and xxh3_64_intdigest(value[SUMMED_FROM:end]) != head[3]:
                raise CorruptError("rows fail their checksum", seq=want)
            if digest and digest != head[14]:
                raise CorruptError("its link is not the digest of the batch before", seq=want)
            digest = bytes(value[-32:])
        want += n
        if wanted and want > first:
            yield Batch(value, head)
        if want > stop:
            return


class Reader:
    """A journal opened for reading. An absent or half-made journal reads as empty until it is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: Environment | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Reader":
        """Open a journal's directory for reading; creates and changes nothing.

        Raises:
            OpenError: The path is not a journal or cannot be read.
            CorruptError: The data file is cut off or damaged at its start.
        """
        reader = cls(Path(os.path.abspath(path)))
        try:
            if reader._current() is not None:
                with reader.view() as view:
                    require_format(view.meta(FORMAT_KEY))
        except BaseException:
            reader.close()
            raise
        return reader

    @property
    def path(self) -> Path:
        """The journal's directory, absolute."""
        return self._path

    def _current(self) -> Environment | None:
        known = self._known
        if known is not None and environment.stale(known, self._path):
            self._known = None
            environment.detach(known)
            known = None
        if known is None:
            self._known = known = environment.attach(self._path)
        else:
            environment.require_same_process(known)
        return known

    def view(self) -> "Viewing":
        """A context manager for one short read transaction: `with reader.view() as view:`."""
        return Viewing(self)

    def scan(
        self, first: int = 1, last: int | None = None, kinds: Iterable[int] | None = None, check: bool = True
    ) -> Iterator[Batch]:
        """As `View.scan`, with a new read transaction every so many batches: for long walks beside a writer.

        Each batch is valid until the next one is asked for.
        """
        wanted = None if kinds is None else frozenset(kinds)
        link, first = b"", max(first, 1)
        while last is None or first <= last:
            with self.view() as view:
                head = view.head()[0]
                for visited, batch in enumerate(view.scan(first, last, None, check=False), 1):
                    if check and link and link != batch.link:
                        raise CorruptError("its link is not the digest of the batch before", seq=batch.first)
                    link, first = batch.digest, batch.last + 1
                    if wanted is None or batch.kinds & kind_bits(wanted):
                        if check:
                            batch.require_sound()
                        yield batch
                    if visited == BATCHES_PER_VIEW:
                        break
            if first > head:
                return

    def close(self) -> None:
        """Give the files back. Arrays from its views must not be touched any more."""
        if self._known is not None:
            environment.detach(self._known)
            self._known = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Viewing:
    """Opens a view on entry and ends its transaction on exit."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._opened: Environment | None = None
        self._txn: Any = None

    def __enter__(self) -> View:
        reader = self._reader
        while True:
            opened = reader._current()
            if opened is None or environment.pin(opened):
                break
        if opened is not None:
            try:
                self._txn = environment.begin_read(opened)
            except BaseException:
                environment.unpin(opened)
                raise
            self._opened = opened
        return View(reader.path, opened, self._txn)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            try:
                self._txn.abort()
            finally:
                environment.unpin(self._opened)
                self._opened = self._txn = None
        if isinstance(error, lmdb.Error):
            raise environment.read_fault(error) from error
