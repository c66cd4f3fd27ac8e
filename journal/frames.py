"""Raw frames of one batch as one value of the database `frames`.

    magic 4 · version u2 · head bytes u2 · frames u4 · codec u4 (0 raw, 1 zstd) · raw bytes u4 · stored bytes u4 · sum u8
    then codec(first_row u4[n] · end u4[n] · source u2[n] · frame bytes), padded to eight with zeros

Frames stand back to back with one newline after each: frame k is `[end[k-1] + 1, end[k])`, so the block can be scanned
again as it lies. Every frame gives at least one row, hence first rows grow strictly. The digest covers the payload
before compression, so frames can be recompressed, moved or dropped without touching the chain. The sum, xxh3-64 of all
other bytes of the value, is there because some bits of a zstd frame may change without changing what it unpacks to.
"""

import struct
import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from backports.zstd import ZstdCompressor, ZstdDecompressor, ZstdError
from numpy.typing import NDArray
from xxhash import xxh3_64

from journal.batch import digest_of, pad8
from journal.errors import CorruptError
from journal.limits import FRAMES_PAYLOAD_BYTES_MAX, ROWS_MAX

HEAD: Final = struct.Struct("<4sHHIIIIQ")
MAGIC: Final = b"VZJF"
VERSION: Final = 1
CODEC_RAW: Final = 0
CODEC_ZSTD: Final = 1
COLUMN_BYTES: Final = 4 + 4 + 2
LEVEL: Final = 1
NEWLINE: Final = 10
SUM_AT: Final = 24

assert HEAD.size == 32, "frozen: another head is another format"
assert ROWS_MAX * COLUMN_BYTES < FRAMES_PAYLOAD_BYTES_MAX, "the columns leave room for the frames"


@dataclass(frozen=True, slots=True)
class Frames:
    """Raw frames behind the rows of one batch.

    first_row: u4[n], index in the batch of the first row each frame gave; strictly ascending.
    end: u4[n], offset in `raw` of the newline after each frame; strictly ascending, the last is len(raw) - 1.
    source: u2[n], number of the connection each frame came from.
    raw: the frames back to back, one newline after each; any buffer.
    """

    first_row: NDArray[np.uint32]
    end: NDArray[np.uint32]
    source: NDArray[np.uint16]
    raw: Any

    def __len__(self) -> int:
        return len(self.end)

    def frame(self, frame_ix: int) -> bytes:
        """Bytes of one frame without its newline, copied. 0 <= frame_ix < len(self)."""
        if not 0 <= frame_ix < len(self.end):
            raise IndexError(f"frame {frame_ix} of {len(self.end)}")
        start = 0 if frame_ix == 0 else int(self.end[frame_ix - 1]) + 1
        return bytes(memoryview(self.raw)[start : int(self.end[frame_ix])])

    def of_row(self, row_ix: int) -> int:
        """Index of the frame a row came from; -1 if the row stands before the first frame's rows."""
        return int(np.searchsorted(self.first_row, row_ix, "right")) - 1


def fault_of(frames: Frames, rows: int | None = None) -> str:
    """What is wrong with some frames in one phrase; empty if nothing.

    Args:
        frames: Columns of equal length and their bytes.
        rows: Rows of the batch they belong to, if known.
    """
    n = len(frames.end)
    size = len(frames.raw)
    if not len(frames.first_row) == len(frames.source) == n:
        return "columns of unequal length"
    if not 1 <= n <= ROWS_MAX or n * COLUMN_BYTES + size > FRAMES_PAYLOAD_BYTES_MAX:
        return "too many or too large"
    end = np.asarray(frames.end, np.int64)
    first_row = np.asarray(frames.first_row, np.int64)
    if (np.diff(end) <= 0).any() or end[-1] != size - 1:
        return "ends do not grow to the end of the bytes"
    if (np.diff(first_row) <= 0).any() or (rows is not None and first_row[-1] >= rows):
        return "first rows do not grow within the batch"
    if (np.frombuffer(frames.raw, np.uint8)[end] != NEWLINE).any():
        return "a frame is not followed by a newline"
    return ""


def sum_of(head: Any, rest: Any) -> bytes:
    """The sum of a value, 8 bytes: of its head up to the sum, and of what follows the head."""
    digest = xxh3_64(head)
    digest.update(rest)
    return digest.intdigest().to_bytes(8, "little")


class FramesEncoder:
    """Frames to values with one reused compressor. Not for two threads at once."""

    def __init__(self, level: int = LEVEL) -> None:
        self._compressor = ZstdCompressor(level=level)

    def encode(self, frames: Frames) -> tuple[bytes, bytes]:
        """As `encode_frames`; the frames must have passed `fault_of`."""
        parts = (
            np.ascontiguousarray(frames.first_row, "<u4").data,
            np.ascontiguousarray(frames.end, "<u4").data,
            np.ascontiguousarray(frames.source, "<u2").data,
            memoryview(frames.raw).cast("B"),
        )
        payload = b"".join(parts)
        stored = self._compressor.compress(payload, ZstdCompressor.FLUSH_FRAME)
        codec = CODEC_ZSTD
        if len(stored) >= len(payload):
            stored, codec = payload, CODEC_RAW
        head = HEAD.pack(MAGIC, VERSION, HEAD.size, len(frames.end), codec, len(payload), len(stored), 0)[:SUM_AT]
        rest = stored + bytes(pad8(len(stored)) - len(stored))
        return b"".join((head, sum_of(head, rest), rest)), digest_of(payload)


_local = threading.local()


def encode_frames(frames: Frames, level: int = LEVEL) -> tuple[bytes, bytes]:
    """Frames as one stored value and the digest of their payload (32 bytes).

    Raises:
        ValueError: The columns do not describe the bytes.
    """
    fault = fault_of(frames)
    if fault:
        raise ValueError(f"frames are malformed: {fault}")
    encoders: dict[int, FramesEncoder] = _local.__dict__.setdefault("encoders", {})
    if level not in encoders:
        encoders[level] = FramesEncoder(level)
    return encoders[level].encode(frames)


def payload_of(value: Any) -> tuple[int, bytes]:
    """Number of frames and uncompressed payload of a stored value; every length bounded before it is used.

    Raises:
        CorruptError: The value does not open. Its `seq` is None: the caller knows the batch.
    """
    size = len(value)
    if size < HEAD.size or size % 8:
        raise CorruptError("frames are too short or not padded")
    magic, version, head_bytes, n, codec, raw_bytes, stored_bytes, _ = HEAD.unpack_from(value)
    if magic != MAGIC or version != VERSION or head_bytes != HEAD.size:
        raise CorruptError("frames are not of a known version")
    if not 1 <= n <= ROWS_MAX or not n * COLUMN_BYTES <= raw_bytes <= FRAMES_PAYLOAD_BYTES_MAX:
        raise CorruptError("frames have counts out of bounds")
    if size != pad8(HEAD.size + stored_bytes) or any(value[HEAD.size + stored_bytes :]):
        raise CorruptError("frames are not padded as they should be")
    if sum_of(value[:SUM_AT], value[HEAD.size :]) != bytes(value[SUM_AT : HEAD.size]):
        raise CorruptError("frames fail their checksum")
    stored = value[HEAD.size : HEAD.size + stored_bytes]
    if codec == CODEC_RAW:
        payload = bytes(stored)
    elif codec == CODEC_ZSTD:
        payload = _unpacked(stored, raw_bytes)
    else:
        raise CorruptError(f"frames use codec {codec}, which this version does not know")
    if len(payload) != raw_bytes:
        raise CorruptError("frames have another length than their head says")
    return n, payload


def _unpacked(stored: Any, raw_bytes: int) -> bytes:
    unpacker = ZstdDecompressor()
    try:
        payload = unpacker.decompress(stored, raw_bytes + 1)
    except ZstdError as cause:
        if "memory" in str(cause):
            raise MemoryError(str(cause)) from cause  # nothing is wrong with the bytes
        raise CorruptError("frames do not decompress") from cause
    if not unpacker.eof or unpacker.unused_data:
        raise CorruptError("frames do not end where their head says")
    return payload


def decode_frames(value: Any, *, digest: bytes | None = None) -> Frames:
    """A stored value as frames that own their bytes.

    Args:
        value: Bytes of the database `frames`.
        digest: If given, what the batch says the payload hashes to; compared.

    Raises:
        CorruptError: The value does not open, hashes to something else, or its columns do not describe its bytes.
    """
    n, payload = payload_of(value)
    if digest is not None and digest_of(payload) != digest:
        raise CorruptError("frames fail their digest")
    frames = Frames(
        np.frombuffer(payload, "<u4", n),
        np.frombuffer(payload, "<u4", n, 4 * n),
        np.frombuffer(payload, "<u2", n, 8 * n),
        memoryview(payload)[COLUMN_BYTES * n :],
    )
    fault = fault_of(frames)  # the digest does not cover the count in the head: a wrong one shifts the columns
    if fault:
        raise CorruptError(f"frames are malformed: {fault}")
    return frames
