"""What an append is before it is bytes: its bounds, its place in the queue, and its way into a stored value."""

from collections.abc import Mapping
from typing import Final

from journal.batch import ZERO, Body, Encoded, Rows, encode_batch
from journal.frames import Frames, FramesEncoder
from journal.limits import (
    HEADER_BYTES,
    HEAP_BYTES_MAX,
    META_KEY_BYTES_MAX,
    META_VALUE_BYTES_MAX,
    ROW_BYTES,
    TAIL_BYTES,
)
from journal.store import RESERVED_KEYS, Change, Meta, Tip

NO_META: Final[Meta] = {}


class Waiting:
    """One accepted append on its way to the disk. `change` is set once it is encoded."""

    __slots__ = ("bodies", "bytes_bound", "change", "first", "frames", "last", "meta", "pages_bound", "rows")

    def __init__(self, rows: Rows | None, bodies: tuple[Body, ...], frames: Frames | None, meta: Meta) -> None:
        self.rows = rows
        self.bodies = bodies
        self.frames = frames
        self.meta = meta
        self.first = 0
        self.last = 0
        self.bytes_bound = 0
        self.pages_bound = 0
        self.change: Change | None = None


class Encoder:
    """Turns accepted appends into what is put, in order, chaining each batch to the one before."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._frames = FramesEncoder()

    def encode(self, item: Waiting, tip: Tip) -> Tip:
        """Encode one append behind `tip`; returns the new end."""
        value: bytes | None = None
        digest = ZERO
        if item.frames is not None:
            value, digest = self._frames.encode(item.frames)
        batch: Encoded | None = None
        if item.rows is not None:
            assert item.first == tip.seq + 1, "appends are encoded in order"
            batch = encode_batch(
                item.rows,
                first=item.first,
                link=tip.digest,
                epoch=self._epoch,
                t_prev=tip.t_last,
                bodies=item.bodies,
                frames_digest=digest,
            )
            tip = Tip(item.last, batch.digest, batch.t_last)
        item.change = Change(batch, item.last, value, item.meta)
        item.rows, item.frames, item.bodies = None, None, ()
        return tip


def require_bodies(bodies: tuple[Body, ...], n: int) -> None:
    """Refuse bodies that name rows out of order or are too large. Raises ValueError."""
    before, size = -1, 0
    for row_ix, body in bodies:
        if not before < row_ix < n:
            raise ValueError(f"bodies must name rows in ascending order below {n}, not {row_ix} after {before}")
        before, size = row_ix, size + len(body) + 16
    if size > HEAP_BYTES_MAX:
        raise ValueError(f"bodies of a batch take {size} bytes, more than {HEAP_BYTES_MAX}")


def require_meta(meta: Mapping[bytes, bytes | None] | None) -> Meta:
    """A private copy of application keys. Raises ValueError where a key is the journal's own or too long."""
    if not meta:
        return NO_META
    for key, value in meta.items():
        if key in RESERVED_KEYS or not 1 <= len(key) <= META_KEY_BYTES_MAX:
            raise ValueError(f"{key!r} is not an application key")
        if value is not None and len(value) > META_VALUE_BYTES_MAX:
            raise ValueError(f"the value of {key!r} is longer than {META_VALUE_BYTES_MAX} bytes")
    return dict(meta)


def bounds_of(item: Waiting, page_bytes: int) -> tuple[int, int]:
    """Upper bounds of what one append writes: bytes and pages. Frames count as if they did not compress."""
    rows = item.rows
    value = 0 if rows is None else HEADER_BYTES + len(rows) * ROW_BYTES + TAIL_BYTES
    value += sum(16 + len(body) for _, body in item.bodies)
    frames = 0 if item.frames is None else 64 + 10 * len(item.frames.end) + len(item.frames.raw)
    meta = sum(64 + len(key) + len(value or b"") for key, value in item.meta.items())
    pages = sum(size // page_bytes + 2 for size in (value, frames, meta) if size)
    return value + frames + meta, pages
