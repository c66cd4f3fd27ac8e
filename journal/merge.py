"""Several archives read side by side as one history from row 1 on, and that history cut into batches."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from journal.batch import STEP_END
from journal.frames import COLUMN_BYTES
from journal.limits import FRAMES_PAYLOAD_BYTES_MAX, HEAP_BYTES_MAX, ROW_BYTES, ROWS_MAX
from journal.pieces import Origin, Piece, Size, cut, difference, join, may_join, step_ends
from journal.sealed import ArchiveError, SealedFile

NO_ROW: Final = bytes(ROW_BYTES)


def require_cover(files: list[SealedFile]) -> int:
    """The last row that some files hold, when together they hold every row from 1 to it.

    Raises:
        ArchiveError: A row is in none of them; names the hole.
    """
    last = 0
    for first, end in sorted((each.header.first, each.header.last) for each in files):
        if first > last + 1:
            raise ArchiveError(
                f"rows {last + 1} to {first - 1} are in none of the archives",
                code="archive_hole",
                hint="name the archives of all rows from 1 on",
            )
        last = max(last, end)
    return last


class Cursor:
    """A place in one archive; looks one piece ahead, so that the end of a file is checked as soon as it is reached."""

    def __init__(self, sealed: SealedFile) -> None:
        self.sealed = sealed
        self._pieces = sealed.pieces()
        self.piece: Piece | None = next(self._pieces)

    def take(self, last: int) -> Piece:
        """The rows from here to `last`, which the piece at hand must hold."""
        assert self.piece is not None
        stop = last - self.piece.first + 1
        taken = cut(self.piece, 0, stop)
        if stop < len(self.piece.rows):
            self.piece = cut(self.piece, stop, len(self.piece.rows))
        else:
            self.piece = next(self._pieces, None)
        return taken


def merged(files: list[SealedFile]) -> Iterator[Piece]:
    """All rows of some archives, each once, in order; together they must hold rows 1 to some last one.

    Raises:
        ArchiveError: Files are damaged, do not agree where they overlap, or do not continue one another.
    """
    waiting = sorted(files, key=lambda each: (each.header.first, each.header.last))
    active: list[Cursor] = []
    at, row_before, name_before = 1, NO_ROW, ""
    while waiting or active:
        while waiting and waiting[0].header.first == at:
            sealed = waiting.pop(0)
            if sealed.header.row_before != row_before:
                raise ArchiveError(
                    f"{sealed.file} does not continue {name_before}: row {at - 1} of their sources differs",
                    code="archive_foreign",
                    hint="name archives of one journal",
                )
            active.append(Cursor(sealed))
        ends = [cursor.piece.last for cursor in active if cursor.piece is not None]
        stop = min([*ends, *(each.header.first - 1 for each in waiting[:1])])
        name_before = str(active[0].sealed.file)
        piece = _agreed([(cursor.sealed, cursor.take(stop)) for cursor in active])
        active = [cursor for cursor in active if cursor.piece is not None]
        yield piece
        at, row_before = stop + 1, piece.rows[-1].tobytes()


def _agreed(told: list[tuple[SealedFile, Piece]]) -> Piece:
    """What all files say of the same rows; of two that agree, the one that still has its frames."""
    (sealed, best), *others = told
    for other, piece in others:
        differs = difference(best, piece)
        if differs:
            raise ArchiveError(
                f"{sealed.file} and {other.file} contradict each other: {differs}",
                code="archive_overlap",
                hint="name archives of one journal",
            )
        if best.origin == Origin.EXPIRED:
            best, sealed = piece, other
    return best


def _bare(piece: Piece) -> Piece:
    """The same rows without raw frames."""
    return replace(piece, frames=None, origin=Origin.EXPIRED)


def _batch_end(piece: Piece) -> int:
    """How many rows the largest batch takes that begins a piece and ends with a step; 0 if none can."""
    ends = step_ends(piece.rows[:ROWS_MAX])
    bodies = np.array([row_ix for row_ix, _ in piece.bodies], np.int64)
    heap = np.cumsum([0] + [len(body) + 16 for _, body in piece.bodies])[np.searchsorted(bodies, ends)]
    fits = heap <= HEAP_BYTES_MAX
    if piece.frames is not None:
        frames = np.searchsorted(piece.frames.first_row, ends)
        raw = np.concatenate(([0], piece.frames.end.astype(np.int64) + 1))[frames]
        fits &= raw + COLUMN_BYTES * frames <= FRAMES_PAYLOAD_BYTES_MAX
    return int(ends[fits].max(initial=0))


def _split(piece: Piece, end: int) -> tuple[Piece, Piece | None]:
    return cut(piece, 0, end), cut(piece, end, len(piece.rows)) if end < len(piece.rows) else None


def _require_end(piece: Piece) -> int:
    end = _batch_end(piece)
    if not end:
        raise ArchiveError(
            f"the step that begins at row {piece.first} is longer than a batch can be", code="archive_damaged"
        )
    return end


def _bridged(held: Piece, piece: Piece) -> tuple[Piece, Piece | None]:
    """The step that both pieces share, without frames, and what of the second piece comes after it."""
    ends = step_ends(piece.rows)
    head, rest = _split(piece, int(ends[0]) if len(ends) else len(piece.rows))
    return join([_bare(held), _bare(head)]), rest


def rebatched(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same rows in pieces that are batches: as large as may be, ending with a step.

    The last piece does not end with one if the rows do not. Kept and expired frames are never in one batch; where both
    belong to one step, which happens only where archives were cut within it, its frames go.

    Raises:
        ArchiveError: A step is longer than a batch can be.
    """
    held: Piece | None = None
    for piece in pieces:
        following: Piece | None = piece
        if held is not None and not may_join(held.origin, piece.origin):
            ends = step_ends(held.rows)
            if len(ends):
                batch, held = _split(held, int(ends[-1]))
                yield batch
            if held is not None:
                held, following = _bridged(held, piece)
                if following is not None:
                    yield held
                    held = None
        if following is not None:
            held = following if held is None else join([held, following])
        while held is not None and not _fits(held):
            batch, held = _split(held, _require_end(held))
            yield batch
    yield from _rest(held)


def _fits(piece: Piece) -> bool:
    return Size().plus(piece).fits


def _rest(held: Piece | None) -> Iterator[Piece]:
    """What is left at the end: whole steps, then an open one."""
    if held is None:
        return
    ends = step_ends(held.rows)
    if len(ends):
        batch, held = _split(held, int(ends[-1]))
        yield batch
    if held is not None:
        yield held


def is_open(piece: Piece) -> bool:
    """Whether a piece ends within a step."""
    return not int(piece.rows["flags"][-1]) & STEP_END
