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

import msgspec
from backports.zstd import ZstdDecompressor, ZstdError

from veloz.ingest.faults import EXIT_WORLD, Damage, IngestError

BLOCK_BYTES: Final = 1 << 20
LINE_BYTES_MAX: Final = 32 << 20  # exchangeInfo of a whole market is the longest line there is, about a third of this
READ_BYTES: Final = 1 << 17
UNPACK_BYTES_MAX: Final = 1 << 20
SMALL_READ_BYTES: Final = 1 << 11  # where a decoder cannot be copied: what one damaged piece may cost
HEAD_BYTES: Final = 1 << 16
# How far before its first senseless line a broken packing may have changed a digit: two windows of gzip, two blocks of zstd.
GZIP_DOUBT_BYTES: Final = 1 << 16
BLOCK_DOUBT_BYTES: Final = 1 << 18

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
XZ: Final = b"\xfd7zXZ\x00"
BZIP2: Final = b"BZh"
ZIP: Final = b"PK\x03\x04"


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
    """One gzip member. On a broken stream the last piece is unpacked again byte by byte, so that nothing good is lost."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(31)

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def left(self) -> bytes:
        return self._stream.unused_data

    def unpack(self, data: bytes) -> Iterator[bytes]:
        while data:
            before = self._stream.copy()
            try:
                yield self._stream.decompress(data, UNPACK_BYTES_MAX)
            except zlib.error:
                # one byte at a time, handed over together
                good = bytearray()
                try:
                    for at in range(len(data)):
                        good += before.decompress(data[at : at + 1])
                except zlib.error:
                    yield bytes(good)
                    raise
                raise AssertionError("a broken stream breaks again") from None
            data = self._stream.unconsumed_tail


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
    raise Damage("it ends in the middle of its packed data")


def _read_zip(path: Path) -> Iterator[bytes]:
    """The one file inside a zip archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
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
    only a checksum does not fit, nobody can tell which bytes it means, and they end where that checksum's range begins.

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
        if left <= len(block.text):
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
    with open_file(path) as file:
        blocks = not file.read(len(GZIP)).startswith(GZIP)
    doubt = BLOCK_DOUBT_BYTES if blocks else GZIP_DOUBT_BYTES
    size, commas = 0, -1
    try:
        for block in cut_blocks(read_text(path)):
            for line in block.text.splitlines(keepends=True):
                if commas < 0:
                    commas = line.count(b",")
                if size >= damage.doubtful_from and not is_sane(line, commas):
                    return max(size - doubt, damage.doubtful_from if blocks else (size + damage.doubtful_from) // 2)
                size += len(line)
    except Damage:
        pass
    return damage.doubtful_from if damage.unplaced else size


def is_sane(line: bytes, commas: int) -> bool:
    """Whether a line could have been recorded: printable, and either closed JSON behind its stamp or as many columns as the first line.

    Args:
        line: With its newline.
        commas: Of the file's first line.
    """
    text = line.strip()
    if not line.endswith(b"\n") or not text.isascii() or not text.decode().isprintable():
        return False
    at = min((place for place in (text.find(b"{"), text.find(b"[")) if place >= 0), default=-1)
    if at < 0:
        return not text or b" <-> " in text or text.count(b",") == commas
    try:
        msgspec.json.decode(text[at:], type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return text[:1].isdigit() or b"://" in text[:at] or text.startswith(b"configuration:")


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
