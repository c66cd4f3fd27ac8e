"""The archive file: a range of rows with their bodies and raw frames, compressed, immutable, checked throughout.

Owns the bytes of one file and nothing else: which rows go in is `archive.py`'s affair, what becomes of them
`restore.py`'s. Little-endian:

    header   magic 8 · version u2 · header bytes u2 · epoch u4 · first u8 · last u8 · head of the source u8
             digest of the source's head 32 · the row before first 64 (zeros if first is 1) · blake3 of all before 32
    chunk    magic 4 · head bytes u2 · origin u2 · rows u4 · frames u4 · first u8
             heap bytes u8 · frame bytes u8 · stored bytes of rows, heap and frames u8 each
             sum u8: xxh3-64 of the head so far and the three stored parts, which follow
    …        chunks follow one another without a hole; a chunk is bounded like a batch, but may end within a step
    meta     a chunk with magic META and no rows: application keys, only where the range ends at the source's head
    end      magic 4 · head bytes u2 · zero u2 · chunks u8 · rows u8 · blake3 of the whole file before this digest 32

Stored parts are zstd frames, or nothing where there is nothing. Rows are stored word by word (all first words, then all
second ones, …): the same word of neighbouring rows is alike, which packs a sixth smaller.
Heap: `row u4, size u4, bytes`, back to back. Frames: `first_row u4[n] · end u4[n] · source u2[n] · raw`, as in a batch.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
from blake3 import blake3
from xxhash import xxh3_64

from journal.batch import ENTRY, SLOT, Body, Rows
from journal.errors import JournalError
from journal.frames import COLUMN_BYTES, Frames, fault_of
from journal.limits import (
    FRAMES_PAYLOAD_BYTES_MAX,
    HEAP_BYTES_MAX,
    META_KEY_BYTES_MAX,
    META_VALUE_BYTES_MAX,
    ROW_BYTES,
    ROWS_MAX,
    SEQ_MAX,
)
from journal.packing import pack, unpack
from journal.pieces import WORDS, Origin, Piece

MAGIC: Final = b"VZARCH\r\n"  # the line end shows a copy that went through text mode
CHUNK_MAGIC: Final = b"ROWS"
META_MAGIC: Final = b"META"
END_MAGIC: Final = b"ENDS"
VERSION: Final = 1
HEADER: Final = struct.Struct("<8sHHIQQQ32s64s32s")
CHUNK: Final = struct.Struct("<4sHHIIQQQQQQQ")
END: Final = struct.Struct("<4sHHQQ32s")
META_ENTRY: Final = struct.Struct("<II")
SUM_AT: Final = CHUNK.size - 8
DIGEST_BYTES: Final = 32
LEVEL: Final = 9
META_BYTES_MAX: Final = 64 * META_VALUE_BYTES_MAX
META_KEYS_MAX: Final = 65_536

assert (HEADER.size, CHUNK.size, END.size) == (168, 72, 56), "frozen: other sizes are another version"
assert ROW_BYTES == 8 * WORDS, "rows are stored by words of eight bytes"
assert META_BYTES_MAX >= META_VALUE_BYTES_MAX + META_KEY_BYTES_MAX, "the largest application key fits"


class ArchiveError(JournalError):
    """An archive cannot be written, or a file cannot be used as one. Nothing was left behind."""

    code_default = "archive"


class SealedHeader(NamedTuple):
    """What a file says about itself before its rows.

    first, last: the range. head_seq, head_digest: where the source ended when it was sealed. epoch: of the source.
    row_before: the 64 bytes of row first - 1, zeros if first is 1: files of different journals do not fit together.
    """

    first: int
    last: int
    head_seq: int
    head_digest: bytes
    epoch: int
    row_before: bytes


def damaged(file: Path | str, why: str) -> ArchiveError:
    """The error of a file that is, or was, an archive and cannot be trusted."""
    return ArchiveError(
        f"the archive {file} is damaged: {why}", code="archive_damaged", hint="use another copy of the file"
    )


def pack_rows(rows: Rows, level: int = LEVEL) -> bytes:
    """Rows, shape (n,), SLOT, stored word by word."""
    return pack(np.ascontiguousarray(rows.view(np.uint64).reshape(-1, WORDS).T).tobytes(), level)


def unpack_rows(stored: bytes, n: int) -> Rows | None:
    """The n rows that were packed, or None."""
    raw = unpack(stored, n * ROW_BYTES)
    if raw is None:
        return None
    return np.ascontiguousarray(np.frombuffer(raw, np.uint64).reshape(WORDS, n).T).reshape(-1).view(SLOT)


def pack_heap(bodies: list[Body]) -> bytes:
    """Bodies back to back, uncompressed."""
    return b"".join([part for row_ix, body in bodies for part in (ENTRY.pack(row_ix, len(body)), body)])


def parse_heap(raw: bytes, n: int) -> list[Body] | None:
    """The bodies of n rows, or None where the bytes are anything else."""
    bodies: list[Body] = []
    at, before = 0, -1
    while at < len(raw):
        if at + ENTRY.size > len(raw):
            return None
        row_ix, size = ENTRY.unpack_from(raw, at)
        at += ENTRY.size
        if not before < row_ix < n or at + size > len(raw):
            return None
        bodies.append((row_ix, raw[at : at + size]))
        at, before = at + size, row_ix
    return bodies


def pack_frames(frames: Frames) -> bytes:
    """Columns and bytes, uncompressed."""
    columns = (
        np.ascontiguousarray(frames.first_row, "<u4").tobytes(),
        np.ascontiguousarray(frames.end, "<u4").tobytes(),
        np.ascontiguousarray(frames.source, "<u2").tobytes(),
    )
    return b"".join((*columns, memoryview(frames.raw)))


def parse_frames(raw: bytes, frames: int, rows: int) -> Frames | None:
    """So many frames of so many rows, or None where the bytes are anything else."""
    if not 1 <= frames <= ROWS_MAX or len(raw) < frames * COLUMN_BYTES:
        return None
    parsed = Frames(
        np.frombuffer(raw, "<u4", frames),
        np.frombuffer(raw, "<u4", frames, 4 * frames),
        np.frombuffer(raw, "<u2", frames, 8 * frames),
        memoryview(raw)[COLUMN_BYTES * frames :],
    )
    return None if fault_of(parsed, rows) else parsed


class SealedWriter:
    """Writes one archive into an open file, chunk by chunk; remembers no rows."""

    def __init__(self, out: BinaryIO, header: SealedHeader) -> None:
        self._out = out
        self._digest = blake3()
        self._chunks = 0
        self._rows = 0
        self.size_bytes = 0
        head = HEADER.pack(
            MAGIC, VERSION, HEADER.size, header.epoch, header.first, header.last, header.head_seq,
            header.head_digest, header.row_before, bytes(DIGEST_BYTES),
        )[:-DIGEST_BYTES]  # fmt: skip
        self._put(head + blake3(head).digest())

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self.size_bytes += len(data)

    def _put_chunk(self, head: bytes, parts: tuple[bytes, bytes, bytes]) -> None:
        total = xxh3_64(head)
        for part in parts:
            total.update(part)
        self._put(b"".join((head, total.intdigest().to_bytes(8, "little"), *parts)))

    def add(self, piece: Piece) -> None:
        """Append the next rows; bounded like a batch."""
        assert 1 <= len(piece.rows) <= ROWS_MAX
        heap = pack_heap(piece.bodies)
        frames = b"" if piece.frames is None else pack_frames(piece.frames)
        parts = (pack_rows(piece.rows), pack(heap, LEVEL), pack(frames, LEVEL))
        n_frames = 0 if piece.frames is None else len(piece.frames)
        head = CHUNK.pack(
            CHUNK_MAGIC, CHUNK.size, piece.origin, len(piece.rows), n_frames, piece.first,
            len(heap), len(frames), *(len(part) for part in parts), 0,
        )[:SUM_AT]  # fmt: skip
        self._put_chunk(head, parts)
        self._chunks += 1
        self._rows += len(piece.rows)

    def add_meta(self, items: Mapping[bytes, bytes]) -> None:
        """Append the application keys of the source; at most once, after the rows."""
        raw = b"".join([META_ENTRY.pack(len(key), len(value)) + key + value for key, value in sorted(items.items())])
        assert len(raw) <= META_BYTES_MAX
        assert len(items) <= META_KEYS_MAX
        stored = pack(raw, LEVEL)
        head = CHUNK.pack(META_MAGIC, CHUNK.size, 0, 0, 0, 0, len(raw), 0, 0, len(stored), 0, 0)[:SUM_AT]
        self._put_chunk(head, (b"", stored, b""))

    def finish(self) -> bytes:
        """Write the end and return the file's digest."""
        self._put(END.pack(END_MAGIC, END.size, 0, self._chunks, self._rows, bytes(DIGEST_BYTES))[:-DIGEST_BYTES])
        digest = self._digest.digest()
        self._put(digest)
        return digest


class SealedFile:
    """An archive opened for reading: the header is checked, the rows come once, chunk by chunk.

    Nothing a file says is believed before it is bounded and its sum compared; every fault is one `ArchiveError`.
    """

    def __init__(self, file: Path) -> None:
        self.file = Path(file)
        self.meta: dict[bytes, bytes] = {}
        self._digest = blake3()
        try:
            self._stream = self.file.open("rb")
        except OSError as cause:
            raise ArchiveError(
                f"the archive {file} cannot be read ({cause.strerror})",
                code="archive_unreadable",
                hint="check the path",
            ) from cause
        try:
            self.size_bytes = self._stream.seek(0, 2)
            self._stream.seek(0)
            self.header = self._read_header()
        except BaseException:
            self._stream.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _take(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except OSError as cause:
            raise damaged(self.file, f"it cannot be read ({cause.strerror})") from cause
        if len(data) != size:
            raise damaged(self.file, "it is cut off")
        self._digest.update(data)
        return data

    def _read_header(self) -> SealedHeader:
        if self.size_bytes < HEADER.size or self._stream.read(len(MAGIC)) != MAGIC:
            raise ArchiveError(
                f"{self.file} is not an archive of a journal",
                code="archive_foreign",
                hint="name files that `journal archive` wrote",
            )
        self._stream.seek(0)
        head = self._take(HEADER.size)
        _, version, size, epoch, first, last, head_seq, head_digest, row_before, digest = HEADER.unpack(head)
        if version != VERSION:
            raise ArchiveError(
                f"the archive {self.file} has version {version} and this program reads {VERSION}",
                code="archive_version",
                hint="use the version that wrote it",
            )
        if blake3(head[:-DIGEST_BYTES]).digest() != digest or size != HEADER.size:
            raise damaged(self.file, "its header fails its checksum")
        if not 1 <= first <= last <= head_seq <= SEQ_MAX:
            raise damaged(self.file, "its header names an impossible range")
        return SealedHeader(first, last, head_seq, head_digest, epoch, row_before)

    def pieces(self) -> Iterator[Piece]:
        """The rows, in order; ends only when the whole file was found sound, then `meta` is filled too.

        Raises:
            ArchiveError: The file is damaged: cut off, flipped, hostile, or longer than it says.
        """
        following, chunks = self.header.first, 0
        while True:
            magic = self._take(4)
            if magic == CHUNK_MAGIC:
                piece = self._read_chunk(magic, following)
                if piece.last > self.header.last:
                    raise damaged(self.file, "it holds more rows than its header says")
                following, chunks = piece.last + 1, chunks + 1
                yield piece
            elif magic == META_MAGIC and not self.meta:
                self._read_meta(magic)
            elif magic == END_MAGIC:
                self._read_end(chunks, following)
                return
            else:
                raise damaged(self.file, f"something unknown stands where row {following} should be")

    def _read_parts(self, magic: bytes) -> tuple[tuple[int, ...], tuple[bytes, bytes, bytes]]:
        """Head fields after the magic and the three stored parts, sum compared."""
        head = magic + self._take(CHUNK.size - 4)
        fields = CHUNK.unpack(head)[1:]
        size, _, rows, frames, _, heap_bytes, frames_bytes, *stored, total = fields
        bounded = rows <= ROWS_MAX and frames <= rows and frames_bytes <= FRAMES_PAYLOAD_BYTES_MAX
        heap_bytes_max = HEAP_BYTES_MAX if magic == CHUNK_MAGIC else META_BYTES_MAX
        if size != CHUNK.size or not bounded or heap_bytes > heap_bytes_max or sum(stored) > self.size_bytes:
            raise damaged(self.file, "a chunk has counts out of bounds")
        parts = (self._take(stored[0]), self._take(stored[1]), self._take(stored[2]))
        found = xxh3_64(head[:SUM_AT])
        for part in parts:
            found.update(part)
        if found.intdigest() != total:
            raise damaged(self.file, "a chunk fails its checksum")
        return fields, parts

    def _read_chunk(self, magic: bytes, following: int) -> Piece:
        fields, parts = self._read_parts(magic)
        _, origin, n, n_frames, first, heap_bytes, frames_bytes, *_ = fields
        if first != following or not n or origin not in set(Origin) or bool(n_frames) != bool(frames_bytes):
            raise damaged(self.file, f"row {following} is not where it should be")
        rows = unpack_rows(parts[0], n)
        heap = unpack(parts[1], heap_bytes)
        bodies = None if heap is None else parse_heap(heap, n)
        raw = unpack(parts[2], frames_bytes)
        frames = parse_frames(raw, n_frames, n) if raw and n_frames else None
        misplaced = frames is not None and origin != Origin.KEPT
        if rows is None or bodies is None or raw is None or bool(n_frames) != (frames is not None) or misplaced:
            raise damaged(self.file, f"the chunk that begins at row {following} does not unpack")
        return Piece(first, rows, bodies, frames, Origin(origin))

    def _read_meta(self, magic: bytes) -> None:
        fields, parts = self._read_parts(magic)
        raw = unpack(parts[1], fields[5])
        items = None if raw is None else _parse_meta(raw)
        if not items:
            raise damaged(self.file, "its application keys do not unpack")
        self.meta = items

    def _read_end(self, chunks: int, following: int) -> None:
        tail = self._take(END.size - 4 - DIGEST_BYTES)
        digest = self._digest.digest()
        size, _, said_chunks, said_rows, said_digest = END.unpack(END_MAGIC + tail + self._take(DIGEST_BYTES))[1:]
        rows = following - self.header.first
        if size != END.size or (said_chunks, said_rows) != (chunks, rows) or following != self.header.last + 1:
            raise damaged(self.file, "it does not hold the rows that it names")
        if said_digest != digest:
            raise damaged(self.file, "the whole of it fails its checksum")
        if self._stream.read(1):
            raise damaged(self.file, "something follows its end")


def _parse_meta(raw: bytes) -> dict[bytes, bytes] | None:
    items: dict[bytes, bytes] = {}
    at = 0
    while at < len(raw):
        if at + META_ENTRY.size > len(raw):
            return None
        key_bytes, value_bytes = META_ENTRY.unpack_from(raw, at)
        at += META_ENTRY.size
        stop = at + key_bytes + value_bytes
        if not 1 <= key_bytes <= META_KEY_BYTES_MAX or value_bytes > META_VALUE_BYTES_MAX or stop > len(raw):
            return None
        items[raw[at : at + key_bytes]] = raw[at + key_bytes : stop]
        at = stop
    return items if len(items) <= META_KEYS_MAX else None
