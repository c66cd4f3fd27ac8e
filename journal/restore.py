"""Make a journal of archive files: rows from 1 on, numbers kept, cut anew into batches as large as they may be.

The files may come in any order and may overlap where they agree; together they must hold every row from 1 to the last.
The journal is built in a hidden folder and put in place when it is complete and was walked: until then the directory
reads as empty, and whatever goes wrong leaves it so.

Two things a batch boundary must not do. It never falls within a step: only a journal whose last archive ends within one
has a last batch that is marked open, which may be read and replayed but not continued, because what followed is
somewhere else. And it always falls where expired frames end, so that a batch has all its frames or none.

The epoch of the sources is kept, so that the next writer takes one that none of theirs had: what an application derives
from it (an order's id) stays unique.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, TypedDict

from journal.batch import KEY, ZERO, encode_batch
from journal.building import OWN_NAMES, building, publish, writable, writer_lock
from journal.check import check
from journal.environment import DATA
from journal.errors import CorruptError
from journal.frames import encode_frames
from journal.limits import MAP_BYTES_DEFAULT
from journal.lock import WRITER_LOCK
from journal.merge import is_open, merged, rebatched, require_cover
from journal.pieces import Origin, Piece
from journal.reader import Reader
from journal.sealed import ArchiveError, SealedFile
from journal.store import EPOCH_KEY, FRAMES_FROM_KEY, Change, Store, make_directory
from journal.writer import Writer

Progress = Callable[[int, int], None]
ROWS_PER_PROGRESS: Final = 1 << 17


class Restored(TypedDict):
    """What was restored: the range of each file, bytes of the files and of the journal, and where it ends.

    complete: whether the last row ends a step; False where the last archive was cut within one.
    """

    ranges: list[list[int]]
    bytes_before: int
    bytes_after: int
    records: int
    head_hash: str
    complete: bool


class Built:
    """What building found out: where frames begin, whether the last step is open."""

    def __init__(self) -> None:
        self.frames_from = 1
        self.open_piece: Piece | None = None


def restore(
    files: Sequence[Path], path: Path, *, map_size_bytes: int = MAP_BYTES_DEFAULT, progress: Progress | None = None
) -> Restored:
    """Restore archives into a directory that is absent, empty, or holds an empty journal.

    Args:
        files: Archives, at least one, in any order; overlaps must agree.
        path: The journal's directory.
        map_size_bytes: As for `Writer.open`.
        progress: Called with (rows done, rows in all) now and then.

    Raises:
        ArchiveError: A file is damaged, foreign or unreadable, rows are missing, overlaps differ, or the directory is
            not empty. The directory is as it was.
        LockedError: A writer is at work in the directory.
        FrozenError, FullError, OSError: The disk refused. The directory is as it was.
    """
    path = Path(os.path.abspath(path))
    with ExitStack() as stack:
        sealed = [SealedFile(Path(file)) for file in files]
        for each in sealed:
            stack.callback(each.close)
        last = require_cover(sealed)
        require_empty(path)
        stack.enter_context(_made(path))
        stack.enter_context(writer_lock(path))
        require_empty(path)
        folder = stack.enter_context(building(path))
        complete = _build(sealed, folder, last, map_size_bytes, progress)
        report = check(folder)
        if not report.ok or report.records != last:
            raise CorruptError(f"the restored journal does not verify ({report.reason})", seq=report.first_bad_seq)
        size_bytes = publish(folder, path)
    return {
        "ranges": sorted([each.header.first, each.header.last] for each in sealed),
        "bytes_before": sum(each.size_bytes for each in sealed),
        "bytes_after": size_bytes,
        "records": last,
        "head_hash": report.head_hash,
        "complete": complete,
    }


def require_empty(path: Path) -> None:
    """Refuse a directory that holds rows, or anything that is not a journal's.

    Raises:
        ArchiveError: It does; names what is there.
        OpenError, CorruptError: What is there cannot be read.
    """
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise ArchiveError(
            f"{path} is a file, and a journal is a directory", code="target_taken", hint="name a new directory"
        )
    foreign = sorted(set(os.listdir(path)) - OWN_NAMES)
    if foreign:
        raise ArchiveError(
            f"{path} is not an empty journal: {foreign[0]} is there", code="target_taken", hint="name a new directory"
        )
    with Reader.open(path) as reader, reader.view() as view:
        head = view.head()[0]
    if head:
        raise ArchiveError(
            f"{path} holds rows 1 to {head}, and a restore never adds to a journal",
            code="target_taken",
            hint="name a new directory",
        )


@contextmanager
def _made(path: Path) -> Iterator[None]:
    """A directory to work in; if the block fails, it is as it was before, or gone with all that was made above it."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    had_lock = (path / WRITER_LOCK).exists()
    make_directory(path)
    try:
        yield
    except BaseException:
        if not had_lock and not (path / DATA).exists():
            (path / WRITER_LOCK).unlink(missing_ok=True)
        for each in missing:
            if not os.listdir(each):
                each.rmdir()
        raise


def _build(sealed: list[SealedFile], folder: Path, last: int, map_size_bytes: int, progress: Progress | None) -> bool:
    """Write all rows into a new journal in `folder`; whether the last one ends a step."""
    built = Built()
    with Writer.open(folder, map_size_bytes=map_size_bytes, bulk=True) as writer:
        reported = 0
        for piece in rebatched(merged(sealed)):
            if piece.origin == Origin.EXPIRED:
                built.frames_from = piece.last + 1
            if is_open(piece):
                built.open_piece = piece
                break
            writer.append(piece.rows, bodies=piece.bodies, frames=piece.frames)
            if progress is not None and piece.last >= reported + ROWS_PER_PROGRESS:
                reported = piece.last
                progress(reported, last)
        meta = next((each.meta for each in sealed if each.header.last == last and each.meta), {})
        if meta:
            writer.put_meta(meta)
        writer.flush()
    if built.open_piece is not None:
        _append_open(folder, built.open_piece, map_size_bytes)
    _finish(folder, max(each.header.epoch for each in sealed), built.frames_from, map_size_bytes)
    return built.open_piece is None


def _append_open(folder: Path, piece: Piece, map_size_bytes: int) -> None:
    """Put the last rows, which end within a step: a batch marked so, after which nothing is ever appended."""
    value, digest = (None, ZERO) if piece.frames is None else encode_frames(piece.frames)
    store = Store.open(folder, map_size_bytes)
    try:
        batch = encode_batch(
            piece.rows,
            first=piece.first,
            link=store.tip.digest,
            epoch=store.epoch,
            t_prev=store.tip.t_last,
            bodies=piece.bodies,
            frames_digest=digest,
            open_end=True,
        )
        store.commit([Change(batch, piece.last, value, {})])
    finally:
        store.close()


def _finish(folder: Path, epoch: int, frames_from: int, map_size_bytes: int) -> None:
    """Set what no append may: the epoch of the sources and where kept frames begin."""
    with writable(folder, map_bytes=map_size_bytes) as opened, opened.env.begin(write=True) as txn:
        own = txn.get(EPOCH_KEY, db=opened.meta) or KEY.pack(0)
        txn.put(EPOCH_KEY, max(own, KEY.pack(epoch)), db=opened.meta)
        if frames_from > 1:
            txn.put(FRAMES_FROM_KEY, KEY.pack(frames_from), db=opened.meta)
