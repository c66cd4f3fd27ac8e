"""A run of consecutive rows with the bodies and raw frames that belong to them, cut and joined at will.

This is what archives are made of and what restoring puts together again. A batch is not: its header, sums and links
speak of one particular cut. Everything here owns its bytes; nothing points into a transaction.

A frame belongs to the row it gave first. Cut in the middle of a frame's rows, the frame stays whole with the first part,
and the second part begins with rows whose frame is elsewhere; joined again, all is as it was.
"""

import enum
import itertools
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from journal.batch import SLOT, STEP_END, Batch, Body, Rows
from journal.frames import COLUMN_BYTES, Frames
from journal.limits import FRAMES_PAYLOAD_BYTES_MAX, HEAP_BYTES_MAX, ROWS_MAX


class Origin(enum.IntEnum):
    """What the source knew about the raw frames of some rows."""

    NONE = 0
    """They came without frames."""
    KEPT = 1
    """The frames are here (a frame that began before the first row is not)."""
    EXPIRED = 2
    """There were frames, and they were dropped."""


WORDS: Final = SLOT.itemsize // 8


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows `first` to `last`.

    rows: shape (n,), SLOT. bodies: `(row index, bytes)`, ascending. frames: as in a batch, indices relative to `first`.
    """

    first: int
    rows: Rows
    bodies: list[Body]
    frames: Frames | None
    origin: Origin

    @property
    def last(self) -> int:
        """Sequence number of the last row."""
        return self.first + len(self.rows) - 1

    @property
    def heap_bytes(self) -> int:
        """What the bodies take in a heap, at most."""
        return sum(len(body) + 16 for _, body in self.bodies)

    @property
    def frames_bytes(self) -> int:
        """What the frames take uncompressed, columns included."""
        return 0 if self.frames is None else len(self.frames.raw) + COLUMN_BYTES * len(self.frames)


def cut_frames(frames: Frames, start: int, stop: int) -> Frames | None:
    """The frames that begin in rows start to stop (exclusive), renumbered from start; None if none do."""
    low, high = (int(ix) for ix in np.searchsorted(frames.first_row, (start, stop)))
    if low == high:
        return None
    begin = int(frames.end[low - 1]) + 1 if low else 0
    end = int(frames.end[high - 1]) + 1
    return Frames(
        frames.first_row[low:high] - np.uint32(start),
        frames.end[low:high] - np.uint32(begin),
        frames.source[low:high],
        memoryview(frames.raw)[begin:end],
    )


def cut(piece: Piece, start: int, stop: int) -> Piece:
    """Rows start to stop (exclusive, indices within the piece)."""
    assert 0 <= start < stop <= len(piece.rows)
    if start == 0 and stop == len(piece.rows):
        return piece
    bodies = [(row_ix - start, body) for row_ix, body in piece.bodies if start <= row_ix < stop]
    frames = None if piece.frames is None else cut_frames(piece.frames, start, stop)
    return Piece(piece.first + start, piece.rows[start:stop], bodies, frames, piece.origin)


def join_frames(parts: list[tuple[int, Frames]]) -> Frames | None:
    """Frames of several pieces as one; each part with the row index its own row 0 gets."""
    if not parts:
        return None
    raw_starts = np.cumsum([0] + [len(frames.raw) for _, frames in parts])
    shifted = list(zip(parts, raw_starts[:-1].tolist(), strict=True))
    return Frames(
        np.concatenate([frames.first_row + np.uint32(row) for (row, frames), _ in shifted]),
        np.concatenate([frames.end + np.uint32(raw) for (_, frames), raw in shifted]),
        np.concatenate([frames.source for _, frames in parts]),
        b"".join([memoryview(frames.raw) for _, frames in parts]),
    )


def join(pieces: list[Piece]) -> Piece:
    """Consecutive pieces as one. Kept and expired frames never meet in one piece: see `may_join`."""
    assert pieces
    assert all(left.last + 1 == right.first for left, right in itertools.pairwise(pieces))
    if len(pieces) == 1:
        return pieces[0]
    offsets = [piece.first - pieces[0].first for piece in pieces]
    bodies = [(row_ix + row, body) for row, piece in zip(offsets, pieces, strict=True) for row_ix, body in piece.bodies]
    frames = join_frames(
        [(row, piece.frames) for row, piece in zip(offsets, pieces, strict=True) if piece.frames is not None]
    )
    origins = {piece.origin for piece in pieces}
    assert not origins >= {Origin.KEPT, Origin.EXPIRED}
    rows = np.concatenate([piece.rows for piece in pieces])
    return Piece(pieces[0].first, rows, bodies, frames, max(origins))


def may_join(left: Origin, right: Origin) -> bool:
    """Whether two pieces may become one: what has its frames never hides among what has lost them."""
    return {left, right} != {Origin.KEPT, Origin.EXPIRED}


def piece_of(batch: Batch, frames: Frames | None, first: int, last: int) -> Piece:
    """The rows of a batch that are numbered first to last, copied out of its transaction."""
    start, stop = batch.span(first, last)
    assert start < stop
    origin = Origin.NONE if not any(batch.frames_digest) else Origin.EXPIRED if frames is None else Origin.KEPT
    part = cut(Piece(batch.first, batch.rows, list(batch.bodies()), frames, origin), start, stop)
    return replace(part, rows=part.rows.copy())


def step_ends(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Indices just after each row that ends a step, ascending."""
    return np.flatnonzero(rows["flags"] & STEP_END) + 1


def difference(left: Piece, right: Piece) -> str:
    """What differs between two pieces of the same rows, in one phrase; empty if nothing that both of them know."""
    assert left.first == right.first
    assert len(left.rows) == len(right.rows)
    if left.rows.tobytes() != right.rows.tobytes():
        words = left.rows.view(np.uint64) != right.rows.view(np.uint64)
        return f"row {left.first + int(np.flatnonzero(words)[0]) // WORDS} differs"
    if left.bodies != right.bodies:
        return f"a body of rows {left.first} to {left.last} differs"
    if Origin.EXPIRED not in (left.origin, right.origin) and not _same_frames(left.frames, right.frames):
        return f"the raw frames of rows {left.first} to {left.last} differ"
    return ""


def _same_frames(left: Frames | None, right: Frames | None) -> bool:
    if left is None or right is None:
        return left is right
    columns = ((left.first_row, right.first_row), (left.end, right.end), (left.source, right.source))
    return all(np.array_equal(a, b) for a, b in columns) and bytes(left.raw) == bytes(right.raw)


class Size(NamedTuple):
    """What some pieces take together, in the units that bound a chunk."""

    rows: int = 0
    heap_bytes: int = 0
    frames_bytes: int = 0

    def plus(self, piece: Piece) -> "Size":
        """With one more piece."""
        return Size(
            self.rows + len(piece.rows), self.heap_bytes + piece.heap_bytes, self.frames_bytes + piece.frames_bytes
        )

    @property
    def fits(self) -> bool:
        """Whether one chunk, hence one batch, can hold as much."""
        return (
            self.rows <= ROWS_MAX
            and self.heap_bytes <= HEAP_BYTES_MAX
            and self.frames_bytes <= FRAMES_PAYLOAD_BYTES_MAX
        )
