"""Snapshots: files beside the environment that spare a reader the fold from row 1.

A snapshot is a cache, never the truth: whatever is wrong with one (half written, flipped, of another journal, of another
layout) it is passed over and an older one, or none, is used. The payload is opaque here. Theory of operation:

- `<journal>/snapshots/<seq, 20 digits>.snap`, built under a hidden name, synced, renamed, folder synced. A kill leaves
  the old file or the new one.
- `link` is the digest of the batch that holds `seq`. A snapshot of another journal, or of one whose history was
  rewritten, has another digest. (Restoring makes new batches: its snapshots are taken anew.)
- `fingerprint` names the layout of the payload: code with other arrays passes the file over.
- Its own checksum (blake3 of all that precedes it) is checked before a byte is unpacked.

Layout, little-endian: magic 8, version u2, header bytes u2, fingerprint bytes u4, seq u8, raw bytes u8, stored bytes u8,
link 32, fingerprint padded to 64; then the payload as one zstd frame; then the checksum, 32.
"""

import itertools
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from journal.files import sweep_parts, sync_dir, whole_file
from journal.packing import pack, unpack

FOLDER = "snapshots"
SUFFIX = ".snap"
MAGIC = b"VZSNAP\r\n"  # the line end shows a copy that went through text mode
VERSION = 1
HEADER = struct.Struct("<8sHHIQQQ32s64s")
DIGEST_BYTES = 32
FINGERPRINT_BYTES_MAX = 64
PAYLOAD_BYTES_MAX = 1 << 32
ZSTD_LEVEL = 1
SEQ_MAX = 2**63 - 1
assert HEADER.size == 136
assert len(str(SEQ_MAX)) <= 20


class Snapshot(NamedTuple):
    """A snapshot that was read whole: its checksum, fingerprint and link were right."""

    seq: int
    link: bytes
    fingerprint: bytes
    payload: bytes
    file: Path


class SnapshotFile(NamedTuple):
    """A file that is named like a snapshot. Nothing is said about what is in it."""

    seq: int
    file: Path
    size_bytes: int


class _Header(NamedTuple):
    seq: int
    raw_bytes: int
    stored_bytes: int
    link: bytes
    fingerprint: bytes


def save(path: Path, *, seq: int, link: bytes, fingerprint: bytes, payload: bytes) -> Path:
    """Write a snapshot of the state after row `seq` and return its file, which is on the disk by then.

    Args:
        path: The journal's directory.
        seq: The last row that the payload has seen, from 1.
        link: Digest of the batch that holds `seq`, 32 bytes.
        fingerprint: Names the payload's layout, 1 to 64 bytes.
        payload: Opaque, at most 4 GiB; stored compressed.

    Raises:
        TargetBusyError: Another process is saving the same sequence number.
        OSError: The disk refused; an older file of that number is still whole.
    """
    assert 1 <= seq <= SEQ_MAX
    assert len(link) == DIGEST_BYTES
    assert 1 <= len(fingerprint) <= FINGERPRINT_BYTES_MAX
    assert len(payload) <= PAYLOAD_BYTES_MAX
    folder = Path(path) / FOLDER
    if not folder.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_dir(Path(path))
    stored = pack(payload, ZSTD_LEVEL)
    header = HEADER.pack(
        MAGIC, VERSION, HEADER.size, len(fingerprint), seq, len(payload), len(stored), link, fingerprint
    )
    file = folder / f"{seq:020d}{SUFFIX}"
    with whole_file(file, replace=True) as out:
        out.write(header)
        out.write(stored)
        out.write(blake3(header).update(stored).digest())
    return file


def find_snapshots(path: Path) -> list[SnapshotFile]:
    """Every file that is named like a snapshot, newest first; an absent folder has none."""
    found: list[SnapshotFile] = []
    try:
        with os.scandir(Path(path) / FOLDER) as entries:
            for entry in entries:
                digits = entry.name.removesuffix(SUFFIX)
                if len(digits) == 20 and digits.isascii() and digits.isdigit() and entry.name.endswith(SUFFIX):
                    with suppress(OSError):  # removed by `keep` since it was listed
                        found.append(SnapshotFile(int(digits), Path(entry.path), entry.stat().st_size))
    except OSError:
        return []
    return sorted(found, reverse=True)


def _parse_header(head: bytes, entry: SnapshotFile) -> _Header | None:
    """The header of a file, or None where it is no snapshot of this version, or not the one its name says."""
    if len(head) < HEADER.size:
        return None
    magic, version, size, name_bytes, seq, raw, stored, link, fingerprint = HEADER.unpack_from(head)
    known = magic == MAGIC and version == VERSION and size == HEADER.size and seq == entry.seq
    whole = HEADER.size + stored + DIGEST_BYTES == entry.size_bytes
    if not known or not whole or raw > PAYLOAD_BYTES_MAX or not 1 <= name_bytes <= FINGERPRINT_BYTES_MAX:
        return None
    return _Header(seq, raw, stored, link, fingerprint[:name_bytes])


def _read(entry: SnapshotFile, accept: Callable[[_Header], bool]) -> Snapshot | None:
    """One file, whole, or None for whatever reason: a cache that cannot be read is a cache that is not there."""
    try:
        with entry.file.open("rb") as file:
            head = file.read(HEADER.size)
            header = _parse_header(head, entry)
            if header is None or not accept(header):
                return None
            stored = file.read(header.stored_bytes)
            digest = file.read()
    except OSError:
        return None
    if blake3(head).update(stored).digest() != digest:
        return None
    payload = unpack(stored, header.raw_bytes)
    if payload is None:
        return None
    return Snapshot(header.seq, header.link, header.fingerprint, payload, entry.file)


def newest(path: Path, *, at_most: int, fingerprint: bytes, link_of: Callable[[int], bytes | None]) -> Snapshot | None:
    """The newest usable snapshot at or below row `at_most`, or None.

    Args:
        path: The journal's directory; it may be read-only.
        at_most: The greatest sequence number wanted.
        fingerprint: The layout that the caller can load.
        link_of: Sequence number → digest of the batch that holds it in *this* journal, None where it does not reach.
    """
    for entry in find_snapshots(path):
        if not 1 <= entry.seq <= at_most:
            continue
        snapshot = _read(entry, lambda head: head.fingerprint == fingerprint and link_of(head.seq) == head.link)
        if snapshot is not None:
            return snapshot
    return None


def _intact(entries: list[SnapshotFile]) -> Iterator[SnapshotFile]:
    return (entry for entry in entries if _read(entry, lambda head: True) is not None)


def keep(path: Path, n: int) -> list[Path]:
    """Remove all but the `n` newest intact snapshots and return what went; broken ones do not count as kept.

    A file newer than the n-th intact one stays even if it cannot be read: it may be of a newer version of this library.
    """
    assert n >= 1
    folder = Path(path) / FOLDER
    entries = find_snapshots(path)
    kept = list(itertools.islice(_intact(entries), n))
    gone = [entry.file for entry in entries if len(kept) == n and entry.seq < kept[-1].seq]
    for file in gone:
        file.unlink(missing_ok=True)
    swept = sweep_parts(folder) if folder.is_dir() else 0
    if gone or swept:
        sync_dir(folder)
    return gone
