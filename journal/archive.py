"""Seal a range of rows into one immutable file. The journal is read and nothing else: a writer may be at work meanwhile.

The range is cut at exactly the sequence numbers asked for, also in the middle of a batch and in the middle of a step: an
archive is a piece of history, not a point where decisions were taken. A restored journal that ends within a step says so
(see `restore.py`), and the archive of the rows that follow joins on without a trace. The frame whose rows are cut apart
stays whole, with the part that holds its first row.

Rows are read in short transactions, one chunk at a time, so neither memory nor the file that is read grows.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict

from journal.batch import KEY, ZERO, Batch
from journal.errors import CorruptError
from journal.files import whole_file
from journal.limits import ROW_BYTES, ROWS_MAX
from journal.pieces import Origin, Piece, Size, join, may_join, piece_of
from journal.reader import Reader, View
from journal.sealed import ArchiveError, SealedHeader, SealedWriter
from journal.store import RESERVED_KEYS

ROWS_PER_VIEW = ROWS_MAX
"""One read transaction sees about so many rows: a longer one would make the file of a busy writer grow."""

NO_ROW = bytes(ROW_BYTES)


class Sealed(TypedDict):
    """What an archive holds: ranges [[first, last]], bytes of the range in the journal, bytes of the file, its digest."""

    ranges: list[list[int]]
    bytes_before: int
    bytes_after: int
    frames: int
    digest: str


def archive(path: Path, *, first: int = 1, last: int, out: Path) -> Sealed:
    """Seal rows `first` to `last`, both inclusive, of the journal at `path` into the new file `out`.

    Bodies come along, raw frames where they are not expired, and, if the range ends at the head, the application's
    own keys. The file shows under its name only when it is whole and on the disk.

    Raises:
        ArchiveError: The journal does not hold the range.
        TargetExistsError, TargetBusyError: `out` is there, or is being written.
        CorruptError: The journal is damaged within the range.
        OSError: The disk refused. In every case nothing is left under the name.
    """
    out = Path(out)
    with Reader.open(path) as reader:
        header, meta = _describe(reader, first, last)
        with whole_file(out, replace=False) as file:
            sealed = SealedWriter(file, header)
            bytes_before = frames = 0
            for piece, size_bytes in _chunks(reader, first, last):
                sealed.add(piece)
                bytes_before += size_bytes
                frames += 0 if piece.frames is None else len(piece.frames)
            if meta:
                sealed.add_meta(meta)
            digest = sealed.finish()
    return {
        "ranges": [[first, last]],
        "bytes_before": bytes_before,
        "bytes_after": sealed.size_bytes,
        "frames": frames,
        "digest": digest.hex(),
    }


def _describe(reader: Reader, first: int, last: int) -> tuple[SealedHeader, Mapping[bytes, bytes]]:
    """The header of the file, and the application's keys where the range ends at the head."""
    with reader.view() as view:
        head_seq, head_digest = view.head()
        if not 1 <= first <= last <= head_seq:
            raise ArchiveError(
                f"rows {first} to {last} cannot be archived: the journal holds rows 1 to {head_seq}"
                if head_seq
                else "there is nothing to archive: the journal is empty",
                code="archive_range",
                hint="ask for rows that are there, the first one not after the last",
            )
        row_before = NO_ROW
        if first > 1:
            batch = view.batch_at(first - 1)
            if batch is None:
                raise CorruptError("there is a gap in the sequence numbers", seq=first - 1)
            row_before = batch.rows[first - 1 - batch.first].tobytes()
        meta = dict(view.meta_items()) if last == head_seq else {}
        header = SealedHeader(first, last, head_seq, head_digest, view.epoch(), row_before)
        return header, {key: value for key, value in meta.items() if key not in RESERVED_KEYS}


def _read_piece(view: View, batch: Batch, first: int, last: int) -> tuple[Piece, int]:
    """The wanted rows of one batch with all that belongs to them, and what the batch takes in the journal."""
    announced = batch.frames_digest
    frames = None if announced == ZERO else view.frames(batch.first, digest=announced)
    size = len(batch.value)
    if frames is not None and view.opened is not None:
        size += len(view.txn.get(KEY.pack(batch.first), db=view.opened.frames))
    elif announced != ZERO and batch.first >= view.frames_from:
        raise CorruptError("its raw frames are missing", seq=batch.first)
    piece = piece_of(batch, frames, first, last)
    return piece, size * len(piece.rows) // batch.n


def _pieces(reader: Reader, first: int, last: int) -> Iterator[tuple[Piece, int]]:
    """The range batch by batch, each copied out of its transaction, the chain followed from one to the next."""
    link = b""
    while first <= last:
        with reader.view() as view:
            enough = first + ROWS_PER_VIEW
            for batch in view.scan(first, last):
                if link and batch.link != link:
                    raise CorruptError("its link is not the digest of the batch before", seq=batch.first)
                link = batch.digest
                yield _read_piece(view, batch, first, last)
                first = batch.last + 1
                if first >= enough:
                    break
            else:
                if first <= last:
                    raise CorruptError("the journal ends before its head", seq=first)


def _chunks(reader: Reader, first: int, last: int) -> Iterator[tuple[Piece, int]]:
    """The range in pieces as large as a batch may be, made of whole batches, and what each takes in the journal."""
    waiting: list[Piece] = []
    size, size_bytes, origin = Size(), 0, Origin.NONE
    for piece, piece_bytes in _pieces(reader, first, last):
        if waiting and not (size.plus(piece).fits and may_join(origin, piece.origin)):
            yield join(waiting), size_bytes
            waiting, size, size_bytes, origin = [], Size(), 0, Origin.NONE
        waiting.append(piece)
        size, size_bytes, origin = size.plus(piece), size_bytes + piece_bytes, max(origin, piece.origin)
    yield join(waiting), size_bytes
