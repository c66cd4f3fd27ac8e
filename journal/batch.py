"""The unit on disk: header, n rows of 64 bytes, a heap of bodies, sums and a link to the batch before.

Owns the bytes of one value of the database `rows` and nothing else: no file, no transaction, no thread.

    at 0   magic 4 · version u2 · header bytes u2
    8      row sum u8: xxh3-64 of [16, end of rows)
    16     first sequence number u8 · rows u4 · heap bytes u4 · epoch u4 · flags u4 (OPEN_END or zero)
    40     engine time at the first row i8 · at the last row i8
    56     kind bitmap 16 · digest of the frames payload 32 · digest of the heap 32 · link 32 · spare 8 (zero)
    176    rows, then the heap
    -40    heap sum u8: xxh3-64 of the heap · digest 32: blake3 of [0, end of rows)

The digest covers the link and the digests of frames and heap, so the last digest speaks for the whole journal.
Heap: entries `row u4, size u4, bytes padded to eight with zeros`, rows strictly ascending.
Kinds, versions and bodies are opaque here; one flag bit, STEP_END, is the journal's business.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from journal.errors import CorruptError
from journal.limits import BATCH_BYTES_MAX, HEADER_BYTES, HEAP_BYTES_MAX, ROW_BYTES, ROWS_MAX, SEQ_MAX, TAIL_BYTES

SLOT: Final = np.dtype(
    [
        ("kind", "<u2"),
        ("version", "u1"),
        ("flags", "u1"),
        ("stream", "<u4"),
        ("ts_recv", "<i8"),
        ("words", "<i8", (6,)),
    ]
)
"""A row as the journal sees it: 64 bytes, of which it reads the kind, the flags and the receive time."""

STEP_END: Final = 128
"""Flag of the last row of every batch: a step never crosses a batch."""

OPEN_END: Final = 1
"""Header flag of a last batch that ends within a step: restored from an archive that was cut there. Nothing follows it."""

ZERO: Final = bytes(32)
MAGIC: Final = b"VZJB"
VERSION: Final = 1
KIND_BITS: Final = 128
TIME_MIN: Final = -(2**63)

KEY: Final = struct.Struct(">Q")
HEADER: Final = struct.Struct("<4sHHQQIIIIqq16s32s32s32sQ")
ENTRY: Final = struct.Struct("<II")
SUM: Final = struct.Struct("<Q")
SUMMED_FROM: Final = 16

assert SLOT.itemsize == ROW_BYTES, "frozen: another width is another format"
assert HEADER.size == HEADER_BYTES, "frozen: another header is another format"

Rows = NDArray[Any]
Body = tuple[int, bytes]


class Encoded(NamedTuple):
    """A batch ready to be put.

    key: first sequence number, 8 bytes big-endian. value: the bytes stored under it, a multiple of 8 long.
    digest: 32 bytes, the link of the next batch. t_last: engine time at the last row, ns.
    """

    key: bytes
    value: bytearray
    digest: bytes
    t_last: int


def digest_of(data: Any) -> bytes:
    """blake3 of any buffer, 32 bytes."""
    return blake3(data).digest()


def pad8(size: int) -> int:
    """The next multiple of eight."""
    return (size + 7) & ~7


def kind_bits(kinds: Iterable[int]) -> int:
    """Bitmap of some kinds as an integer: bit k for kinds 0 to 126, bit 127 shared by all others."""
    bits = 0
    for kind in kinds:
        bits |= 1 << min(int(kind), KIND_BITS - 1)
    return bits


def bitmap_of(rows: Rows) -> bytes:
    """Kind bitmap of rows, 16 bytes little-endian: may say yes wrongly (shared bit), never no."""
    seen = np.zeros(KIND_BITS, np.uint8)
    counts = np.bincount(rows["kind"])
    present = np.flatnonzero(counts)
    seen[np.minimum(present, KIND_BITS - 1)] = 1
    return np.packbits(seen, bitorder="little").tobytes()


def slots(rows: Rows) -> Rows:
    """Any one-dimensional array of 64-byte items, seen as SLOT, contiguous; copied only if it was not.

    Raises:
        ValueError: The array has another shape or item size.
    """
    if not isinstance(rows, np.ndarray) or rows.ndim != 1 or rows.dtype.itemsize != ROW_BYTES:
        raise ValueError("rows must be a one-dimensional numpy array of 64-byte items")
    if rows.dtype.hasobject:
        raise ValueError("rows must not hold Python objects")
    return np.ascontiguousarray(rows).view(SLOT)


def heap_of(bodies: Iterable[Body], n: int) -> bytes:
    """Bodies as a heap.

    Args:
        bodies: `(row index, bytes)` with row indices strictly ascending and below n.
        n: Rows of the batch.

    Raises:
        ValueError: Order, index or total size out of bounds.
    """
    parts: list[bytes] = []
    before = -1
    for row_ix, body in bodies:
        if not before < row_ix < n:
            raise ValueError(f"bodies must name rows in ascending order below {n}, not {row_ix} after {before}")
        parts += (ENTRY.pack(row_ix, len(body)), body, bytes(pad8(len(body)) - len(body)))
        before = row_ix
    heap = b"".join(parts)
    if len(heap) > HEAP_BYTES_MAX:
        raise ValueError(f"bodies of a batch take {len(heap)} bytes, more than {HEAP_BYTES_MAX}")
    return heap


def require_batch(rows: Rows, *, open_end: bool = False) -> None:
    """Refuse what may not become a batch, before anything is queued.

    Raises:
        ValueError: No rows, more than ROWS_MAX, or the last row does not end a step (with `open_end`: it does).
    """
    n = len(rows)
    if not 1 <= n <= ROWS_MAX:
        raise ValueError(f"a batch has 1 to {ROWS_MAX} rows, not {n}")
    if bool(int(rows["flags"][-1]) & STEP_END) == open_end:
        raise ValueError("the last row of a batch must carry STEP_END: a step never crosses a batch")


def encode_batch(
    rows: Rows,
    *,
    first: int,
    link: bytes,
    epoch: int,
    t_prev: int,
    bodies: Iterable[Body] = (),
    frames_digest: bytes = ZERO,
    open_end: bool = False,
) -> Encoded:
    """Rows and bodies as one stored value.

    Args:
        rows: Shape (n,), any 64-byte dtype, 1 <= n <= ROWS_MAX, the last row flagged STEP_END.
        first: Sequence number of the first row, from 1.
        link: Digest of the batch before; ZERO for the first one.
        epoch: Number of the writer, 0 <= epoch < 2**32.
        t_prev: Engine time after the batch before, ns; TIME_MIN if there is none.
        bodies: Variable-length bodies by row index, ascending.
        frames_digest: Digest of the frames payload kept beside; ZERO if none.
        open_end: The last row does not end its step, and nothing will follow.

    Raises:
        ValueError: A bound above is broken.
    """
    rows = slots(rows)
    require_batch(rows, open_end=open_end)
    n = len(rows)
    if not 1 <= first <= SEQ_MAX:
        raise ValueError(f"sequence numbers run from 1 to {SEQ_MAX}, not {first}")
    heap = heap_of(bodies, n)
    stop = HEADER_BYTES + n * ROW_BYTES
    value = bytearray(stop + len(heap) + TAIL_BYTES)
    t_first = max(t_prev, int(rows["ts_recv"][0]))
    t_last = max(t_prev, int(rows["ts_recv"].max()))
    heap_digest = digest_of(heap) if heap else ZERO
    HEADER.pack_into(
        value, 0, MAGIC, VERSION, HEADER_BYTES, 0, first, n, len(heap), epoch, OPEN_END if open_end else 0,
        t_first, t_last, bitmap_of(rows), frames_digest, heap_digest, link, 0,
    )  # fmt: skip
    view = memoryview(value)
    view[HEADER_BYTES:stop] = rows.view(np.uint8).data
    view[stop : stop + len(heap)] = heap
    SUM.pack_into(value, 8, xxh3_64_intdigest(view[SUMMED_FROM:stop]))
    digest = digest_of(view[:stop])
    SUM.pack_into(value, stop + len(heap), xxh3_64_intdigest(heap) if heap else 0)
    value[-32:] = digest
    assert len(value) % 8 == 0, "values are padded to eight"
    assert len(value) <= BATCH_BYTES_MAX, "values are bounded"
    return Encoded(KEY.pack(first), value, digest, t_last)


class Batch:
    """A parsed value. Cheap to make: fields are read when asked for.

    Arrays and buffers point into the value itself: inside a view they are LMDB's own pages and end with the view.
    `copy()` gives a batch that owns its bytes.
    """

    __slots__ = ("_entries", "_head", "first", "n", "value")

    def __init__(self, value: Any, head: tuple[Any, ...]) -> None:
        self.value = value
        self._head = head
        self.first: int = head[4]
        self.n: int = head[5]
        self._entries: list[tuple[int, int, int]] | None = None

    @property
    def last(self) -> int:
        """Sequence number of the last row."""
        return self.first + self.n - 1

    @property
    def epoch(self) -> int:
        """Number of the writer that made this batch."""
        return int(self._head[7])

    @property
    def t_first(self) -> int:
        """Engine time at the first row, ns: the greatest receive time so far."""
        return int(self._head[9])

    @property
    def t_last(self) -> int:
        """Engine time at the last row, ns."""
        return int(self._head[10])

    @property
    def kinds(self) -> int:
        """Kind bitmap as an integer; bit k stands for kind k, bit 127 for all kinds from 127 on."""
        return int.from_bytes(self._head[11], "little")

    @property
    def frames_digest(self) -> bytes:
        """Digest of the frames payload; 32 zero bytes if the batch came without frames."""
        return bytes(self._head[12])

    @property
    def heap_digest(self) -> bytes:
        """Digest of the heap; 32 zero bytes if there are no bodies."""
        return bytes(self._head[13])

    @property
    def link(self) -> bytes:
        """Digest of the batch before; 32 zero bytes for the first one."""
        return bytes(self._head[14])

    @property
    def flags(self) -> int:
        """Header flags: OPEN_END or zero in version 1."""
        return int(self._head[8])

    @property
    def spare(self) -> int:
        """Spare bytes of the header: zero in version 1."""
        return int(self._head[15])

    @property
    def digest(self) -> bytes:
        """Stored digest of this batch, 32 bytes."""
        return bytes(self.value[-32:])

    @property
    def rows(self) -> Rows:
        """The rows, shape (n,), SLOT, read-only, no copy. `.view(other)` shows any other 64-byte dtype."""
        return np.frombuffer(self.value, SLOT, self.n, HEADER_BYTES)

    @property
    def heap(self) -> Any:
        """The heap as stored, a buffer."""
        stop = HEADER_BYTES + self.n * ROW_BYTES
        return self.value[stop : stop + self._head[6]]

    def has_kind(self, kind: int) -> bool:
        """Whether a row of this kind may be in the batch; False is certain."""
        return bool(self.kinds >> min(kind, KIND_BITS - 1) & 1)

    def body(self, row_ix: int) -> bytes | None:
        """Body of a row, copied; None if it has none.

        Raises:
            CorruptError: The heap fails its sum or its entries are malformed.
        """
        entries = self._index()
        at = bisect_left(entries, (row_ix,))
        if at == len(entries) or entries[at][0] != row_ix:
            return None
        _, start, size = entries[at]
        return bytes(self.value[start : start + size])

    def bodies(self) -> Iterator[Body]:
        """All bodies as `(row index, bytes)`, ascending, copied.

        Raises:
            CorruptError: As `body`.
        """
        for row_ix, start, size in self._index():
            yield row_ix, bytes(self.value[start : start + size])

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Row indices `(start, stop)` of the rows numbered first to last, both inclusive, that are in this batch."""
        start = min(max(first - self.first, 0), self.n)
        return start, max(start, min(last - self.first + 1, self.n))

    def require_sound(self) -> None:
        """Compare the checksum of header and rows.

        Raises:
            CorruptError: It differs.
        """
        stop = HEADER_BYTES + self.n * ROW_BYTES
        if xxh3_64_intdigest(self.value[SUMMED_FROM:stop]) != self._head[3]:
            raise CorruptError("rows fail their checksum", seq=self.first)

    def copy(self) -> "Batch":
        """The same batch with bytes of its own, valid for ever."""
        return Batch(bytes(self.value), self._head)

    def _index(self) -> list[tuple[int, int, int]]:
        if self._entries is None:
            self._entries = heap_index(self)
        return self._entries


def heap_index(batch: Batch) -> list[tuple[int, int, int]]:
    """Entries of a heap as `(row index, start in the value, size)`, after its sum was compared.

    Raises:
        CorruptError: Sum, order, bounds or padding are wrong.
    """
    heap = batch.heap
    size = len(heap)
    (stored,) = SUM.unpack_from(batch.value, len(batch.value) - TAIL_BYTES)
    if stored != (xxh3_64_intdigest(heap) if size else 0):
        raise CorruptError("bodies fail their checksum", seq=batch.first)
    start = HEADER_BYTES + batch.n * ROW_BYTES
    entries: list[tuple[int, int, int]] = []
    at, before = 0, -1
    while at < size:
        row_ix, length = ENTRY.unpack_from(heap, at) if at + ENTRY.size <= size else (batch.n, 0)
        stop = at + ENTRY.size + length
        if not before < row_ix < batch.n or pad8(stop) > size or any(heap[stop : pad8(stop)]):
            raise CorruptError("bodies are malformed", seq=batch.first)
        entries.append((row_ix, start + at + ENTRY.size, length))
        at, before = pad8(stop), row_ix
    return entries


def parse_batch(key: Any, value: Any, *, check: bool = True) -> Batch:
    """One stored value as a batch.

    Args:
        key: The 8 bytes it is stored under.
        value: Its bytes, any buffer.
        check: Also compare the checksum of header and rows (about 20 µs a megabyte).

    Raises:
        CorruptError: Key, magic, version, lengths or checksum are wrong.
    """
    if len(key) != KEY.size:
        raise CorruptError(f"a key is {len(key)} bytes long, not {KEY.size}")
    first = KEY.unpack(key)[0]
    size = len(value)
    if size < HEADER_BYTES + ROW_BYTES + TAIL_BYTES:
        raise CorruptError("the value is too short for a batch", seq=first)
    head = HEADER.unpack_from(value)
    stop = HEADER_BYTES + head[5] * ROW_BYTES
    if head[0] != MAGIC or head[1] != VERSION or head[2] != HEADER_BYTES:
        raise CorruptError("it is not a batch of a known version", seq=first)
    if not 1 <= head[5] <= ROWS_MAX or size != stop + pad8(head[6]) + TAIL_BYTES:
        raise CorruptError("its length does not follow from its counts", seq=first)
    if check and xxh3_64_intdigest(value[SUMMED_FROM:stop]) != head[3]:
        raise CorruptError("rows fail their checksum", seq=first)
    if head[4] != first:
        raise CorruptError(f"its header names sequence number {head[4]}", seq=first)
    return Batch(value, head)
