"""zstd with a bound: what comes out is as long as was promised, or nothing comes out."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def pack(raw: bytes | memoryview, level: int) -> bytes:
    """`raw` as one zstd frame; empty stays empty."""
    return zstd.compress(raw, level) if len(raw) else b""


def unpack(stored: bytes | memoryview, raw_bytes: int) -> bytes | None:
    """The `raw_bytes` bytes that were packed, or None where `stored` is anything else.

    Never makes more than `raw_bytes` + 1 bytes, whatever the frame claims: a bomb goes off empty.

    Raises:
        MemoryError: There is not enough memory to find out.
    """
    if not stored or not raw_bytes:
        return b"" if not stored and not raw_bytes else None
    opened = zstd.ZstdDecompressor()
    try:
        raw = opened.decompress(stored, max_length=raw_bytes + 1)
    except zstd.ZstdError as fault:
        if "memory" in str(fault):
            raise MemoryError(str(fault)) from fault  # nothing is wrong with the bytes
        return None
    return raw if len(raw) == raw_bytes and opened.eof and not opened.unused_data else None
