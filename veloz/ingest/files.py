"""Bytes of an input file, unpacked and streamed: blocks of whole lines, never the whole file.

The packing is told by the first bytes, not by the name. Members of a packed file follow one another (gzip -c a b, zstd frames).
When the packing is damaged, everything that can be unpacked before the damage is handed over first.
"""

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from backports.zstd import ZstdDecompressor, ZstdError

from veloz.ingest.faults import EXIT_WORLD, Damage, IngestError
from veloz.ingest.plausible import Sense, is_sane

BLOCK_BYTES: Final = 1 << 20
LINE_BYTES_MAX: Final = 32 << 20  # exchangeInfo of a whole market is the longest line there is, about a third of this
READ_BYTES: Final = 1 << 17
UNPACK_BYTES_MAX: Final = 1 << 20
SMALL_READ_BYTES: Final = 1 << 11  # where a decoder cannot be copied: what one damaged piece may cost
HEAD_BYTES: Final = 1 << 16
# How far before its first senseless line a broken packing may have changed a digit: eight windows of gzip, two blocks of zstd.
DOUBT_BYTES: Final = 1 << 18
GZIP_TRAILER_BYTES: Final = 8

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
XZ: Final = b"\xfd7zXZ\x00"
BZIP2: Final = b"BZh"
ZIP: Final = b"PK\x03\x04"
ARRAY_NAME: Final = "data.npy"


def open_file(path: Path) -> IO[bytes]:
    """A file, open for reading.

    Raises:
        IngestError: It is not there (usage), or cannot be read.
    """
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        raise IngestError(f"There is no file {path}.", code="no_such_file", hint="Check the path.") from None
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> IngestError:
    """What to say when the system refuses to read an input."""
    why = error.strerror or str(error)
    return IngestError(
        f"{path} cannot be read: {why}.", code="unreadable", hint="Mend that and run it again.", exit_code=EXIT_WORLD
    )


def read_text(path: Path, on_read: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """Unpacked bytes of a file, in pieces of at most about 1 MiB, from the first byte to the last.

    Args:
        path: The file.
        on_read: Called with the number of packed bytes of each read.

    Raises:
        IngestError: The file is missing or the system fails to read it.
        Damage: The packing is broken or ends too early; what came before was yielded.
    """
    with open_file(path) as opened:
        try:
            magic = opened.read(6)
            opened.seek(0)
            file: Any = opened if on_read is None else _Counted(opened, on_read)
            if magic.startswith(ZIP):
                yield from _read_zip(path)
            elif magic.startswith(GZIP):
                yield from _unpack(file, GZIP, _Gzip, READ_BYTES)
            elif magic.startswith(ZSTD):
                yield from _unpack(file, ZSTD, lambda: _Copyless(ZstdDecompressor()), SMALL_READ_BYTES)
            elif magic.startswith(XZ):
                yield from _unpack(file, XZ, lambda: _Copyless(lzma.LZMADecompressor()), SMALL_READ_BYTES)
            elif magic.startswith(BZIP2):
                yield from _unpack(file, BZIP2, lambda: _Copyless(bz2.BZ2Decompressor()), SMALL_READ_BYTES)
            elif not magic and path.suffix in {".gz", ".zst", ".xz", ".bz2", ".zip"}:
                raise Damage(f"it is empty, and a {path.suffix} file never is")
            else:
                while data := file.read(READ_BYTES):
                    yield data
        except OSError as error:
            raise unreadable(path, error) from error


class _Counted:
    """A file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], on_read: Callable[[int], None]) -> None:
        self._file = file
        self._on_read = on_read

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._on_read(len(data))
        return data


class _Gzip:
    """One gzip member. On a broken stream the last piece is unpacked again byte by byte, so that nothing good is lost.

    Its checksum and size are compared here: a member whose trailer is hurt, and nothing else, is good.
    """

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._sum = self._size = 0
        self._trailer = b""
        self.ended = False
        self.left = b""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        if self._head is not None:
            self._head += data
            head_bytes = measure_gzip_head(self._head)
            if not head_bytes:
                return
            data, self._head = self._head[head_bytes:], None
        while data and not self._stream.eof:
            piece, error = self._unpack_piece(data)
            self._sum = zlib.crc32(piece, self._sum)
            self._size += len(piece)
            yield piece
            if error:
                raise error
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        if self._stream.eof:
            self._trailer += data
            if len(self._trailer) >= GZIP_TRAILER_BYTES:
                self.ended, self.left = True, self._trailer[GZIP_TRAILER_BYTES:]
                judge_trailer(self._trailer[:GZIP_TRAILER_BYTES], self._sum, self._size)

    def _unpack_piece(self, data: bytes) -> tuple[bytes, zlib.error | None]:
        before = self._stream.copy()
        try:
            return self._stream.decompress(data, UNPACK_BYTES_MAX), None
        except zlib.error:
            good = bytearray()
            try:
                for at in range(len(data)):
                    good += before.decompress(data[at : at + 1])
            except zlib.error as error:
                return bytes(good), error
            raise AssertionError("a broken stream breaks again") from None


def measure_gzip_head(data: bytes) -> int:
    """Bytes of a gzip member's header (RFC 1952 §2.3); 0 while `data` does not hold all of it.

    Raises:
        zlib.error: It is none.
    """
    if len(data) < 10:
        return 0
    flags = data[3]
    if data[:3] != GZIP + b"\x08" or flags & 0xE0:
        raise zlib.error("incorrect header")
    at = 10
    if flags & 4:
        if len(data) < at + 2:
            return 0
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            at = data.find(b"\0", at) + 1
            if not at:
                return 0
    if flags & 2:
        if at + 2 <= len(data) and data[at : at + 2] != (zlib.crc32(data[:at]) & 0xFFFF).to_bytes(2, "little"):
            raise zlib.error("incorrect header checksum")
        at += 2
    return at if at <= len(data) else 0


def judge_trailer(trailer: bytes, checksum: int, size: int) -> None:
    """Compare what a gzip member says of itself with what was unpacked.

    Three bytes of a checksum that fit fit by chance once in four million times: then, the trailer is what is hurt.

    Raises:
        Damage: The trailer is hurt; the bytes before it are good.
        zlib.error: The bytes may be anything.
    """
    said = trailer[:4]
    fitting = sum(a == b for a, b in zip(said, checksum.to_bytes(4, "little"), strict=True))
    sized = trailer[4:] == (size & 0xFFFFFFFF).to_bytes(4, "little")
    if fitting == 4 and sized:
        return
    if fitting >= 3 or (sized and said == bytes(4)):
        raise Damage("the checksum or size at its end is hurt, though its data are whole")
    raise zlib.error("incorrect data check")


class _Copyless:
    """One member of a packing whose decoder has the standard library's newer interface."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def ended(self) -> bool:
        return bool(self._stream.eof)

    @property
    def left(self) -> bytes:
        return bytes(self._stream.unused_data)

    def unpack(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data, UNPACK_BYTES_MAX)
        while not self._stream.eof and not self._stream.needs_input:
            yield self._stream.decompress(b"", UNPACK_BYTES_MAX)


_BROKEN: Final = (zlib.error, ZstdError, lzma.LZMAError, EOFError)


def _broken(error: Exception, member_at: int) -> Damage:
    """A broken packing: how far the damage reaches back is not known, but not beyond the member it is in."""
    text = str(error).lower()
    unplaced = "check" in text or "crc" in text
    return Damage(f"its packing is broken ({error})", doubtful_from=member_at, unplaced=unplaced)


def _unpack(file: Any, magic: bytes, member: Callable[[], Any], read_bytes: int) -> Iterator[bytes]:
    """Bytes of all members; zeros between and after them are padding."""
    stream = member()
    size = member_at = 0
    data = file.read(read_bytes)
    while data:
        try:
            for piece in stream.unpack(data):
                if piece:
                    size += len(piece)
                    yield piece
        except _BROKEN as error:
            raise _broken(error, member_at) from error
        except OSError as error:
            if error.errno is None:  # bz2 reports broken data so
                raise _broken(error, member_at) from error
            raise
        if not stream.ended:
            data = file.read(read_bytes)
            continue
        data = stream.left.lstrip(b"\0")
        while not data and (more := file.read(read_bytes)):
            data = more.lstrip(b"\0")
        if not data:
            return
        data += file.read(len(magic)) if len(data) < len(magic) else b""
        if not data.startswith(magic):
            raise Damage("foreign bytes follow its packed data")
        stream, member_at = member(), size
    raise CutShort("it ends in the middle of its packed data", doubtful_from=member_at)


class CutShort(Damage):
    """The packing ends too early. Its last line is cut; all before it is good unless a line makes no sense."""


def _read_zip(path: Path) -> Iterator[bytes]:
    """The one file inside a zip archive; of several arrays of an npz the one that is called `data`."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            names = [ARRAY_NAME] if ARRAY_NAME in names else names
            if len(names) != 1:
                raise Damage(f"it holds {len(names)} files, and one was expected")
            with archive.open(names[0]) as file:
                while data := file.read(READ_BYTES):
                    yield data
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _broken(error, 0) from error


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of an input.

    text: The lines, each with its newline; the last line of a file may have none (`ends_open`).
    base: Offset of the text in the file's unpacked bytes.
    """

    text: bytes
    base: int
    ends_open: bool = False


def cut_blocks(pieces: Iterator[bytes], base: int = 0, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Pieces of bytes as blocks that end at line ends.

    Args:
        pieces: Bytes in order.
        base: Offset of the first piece in the file's unpacked bytes.
        block_bytes: A block is at least so long, unless the input ends.

    Raises:
        Damage: From `pieces`, after all whole lines before it; or a line is longer than `LINE_BYTES_MAX`.
    """
    held: list[bytes] = []
    size = 0
    damage: Damage | None = None
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size < block_bytes or b"\n" not in piece:
                if size > LINE_BYTES_MAX + block_bytes:
                    raise Damage(f"a line near byte {base} is longer than {LINE_BYTES_MAX >> 20} MiB")
                continue
            text = b"".join(held)
            cut = text.rfind(b"\n") + 1
            yield Block(text[:cut], base)
            held, size, base = [text[cut:]], len(text) - cut, base + cut
    except Damage as error:
        damage = error
    text = b"".join(held)
    cut = text.rfind(b"\n") + 1
    if cut:
        yield Block(text[:cut], base)
    if cut < len(text) and len(text) - cut <= LINE_BYTES_MAX:
        yield Block(text[cut:], base + cut, ends_open=True)
    if damage is not None:
        raise damage


def read_trusted(path: Path, on_read: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """As `read_text`, but nothing is handed over that may be wrong: a packed file is unpacked once before, to see whether it is whole.

    Where its packing is broken, the good bytes end some way before the first line that is none (`is_sane`); where
    only a checksum does not fit, some way before the first line that cannot follow those before it (`Sense`), and where there
    is none, nobody can tell which bytes it means, and they end where that checksum's range begins.

    Raises:
        IngestError: The file is missing or the system fails to read it.
        Damage: After the last good byte.
    """
    damage = find_damage(path)
    if damage is None or damage.doubtful_from is None:
        yield from read_text(path, on_read)
        return
    left = measure_sane(path, damage)
    for block in cut_blocks(read_text(path, on_read)):
        if left < len(block.text):
            yield block.text[: block.text.rfind(b"\n", 0, left) + 1]
            break
        left -= len(block.text)
        yield block.text
    raise damage


def find_damage(path: Path) -> Damage | None:
    """What is wrong with the packing of a file; None when it is whole or has none."""
    with open_file(path) as file:
        if not file.read(6).startswith((GZIP, ZSTD, XZ, BZIP2, ZIP)):
            return None
    try:
        for _ in read_text(path):
            pass
    except Damage as damage:
        return damage
    return None


def measure_sane(path: Path, damage: Damage) -> int:
    """How many unpacked bytes of a file with a broken packing can be believed."""
    assert damage.doubtful_from is not None
    size, sense = 0, None
    cut_short = isinstance(damage, CutShort)
    open_is_well = cut_short or damage.unplaced  # a last line without its newline
    try:
        for block in cut_blocks(read_text(path)):
            for line in block.text.splitlines(keepends=True):
                sense = sense or Sense(line)
                good = is_sane(line, sense.commas) if cut_short else sense.accepts(line)
                if size >= damage.doubtful_from and not good and not (block.ends_open and open_is_well):
                    return max(size - DOUBT_BYTES, damage.doubtful_from)
                size += len(line)
    except Damage:
        pass
    return damage.doubtful_from if damage.unplaced else size


def skip_bytes(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Pieces without their first `count` bytes."""
    for piece in pieces:
        if count >= len(piece):
            count -= len(piece)
            continue
        yield piece[count:] if count else piece
        count = 0


def read_head(path: Path, size: int = HEAD_BYTES) -> bytes:
    """The first unpacked bytes of a file; fewer where it ends or is damaged before.

    Raises:
        IngestError: The file is missing or the system fails to read it.
    """
    held = b""
    try:
        for piece in read_text(path):
            held += piece
            if len(held) >= size:
                break
    except Damage:
        pass
    return held[:size]
