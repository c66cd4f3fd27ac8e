"""What is already in: one record an input in the journal's `meta`, written in the same transaction as the rows.

An input is known by the sha256 of its unpacked bytes as far as they are in. Its name, its packing and its place play no part: a file
that begins with those bytes is the same input, grown, mended or packed anew.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from veloz.ingest import tally
from veloz.ingest.faults import Damage
from veloz.venues.port import Source

SOURCE_KEY: Final = b"ingest/source/"
GROUP_KEY: Final = b"ingest/group/"
HEAD_BYTES: Final = 4096


class Record(msgspec.Struct, kw_only=True):
    """One input of a journal: how far it is in, and what came out of it."""

    number: int
    venue: str
    form: str
    symbol: str = ""
    columns: str = ""
    interval_ns: int = 0
    name: str = ""  # of the file when it was first seen; for people
    size: int = 0  # unpacked bytes that are in
    digest: bytes = b""  # sha256 of them
    head_size: int = 0
    head_digest: bytes = b""  # sha256 of the first of them: tells most strangers apart without reading them whole
    key_ns: int = 0  # latest stamp
    stray_lines: int = 0
    kinds: dict[int, int] = {}
    sums: list[int] = []  # columns of tally
    unknown_names: dict[str, int] = {}
    chains: list[tuple[int, ...]] = []  # instrument, then columns of tally

    @property
    def source(self) -> Source:
        """As the codec knows it."""
        return Source(self.number, self.venue, self.symbol, self.form, self.columns, self.interval_ns)

    @property
    def key(self) -> bytes:
        """Its key in `meta`."""
        return SOURCE_KEY + b"%05d" % self.number


class Group(msgspec.Struct, kw_only=True):
    """Diffs of several inputs in the order they were merged: the last ids and gaps of each instrument.

    Good as long as its members are as long as they were.
    """

    members: list[tuple[int, int]]  # number, size
    chains: list[tuple[int, ...]]

    @property
    def key(self) -> bytes:
        """Its key in `meta`."""
        return group_key([number for number, _ in self.members])


_RECORD: Final = msgspec.msgpack.Decoder(Record)
_GROUP: Final = msgspec.msgpack.Decoder(Group)


def group_key(numbers: list[int]) -> bytes:
    """Key of the group of these inputs."""
    text = ",".join(str(number) for number in sorted(numbers))
    return GROUP_KEY + hashlib.sha256(text.encode()).hexdigest()[:32].encode()


def read_records(view: Any) -> list[Record]:
    """All inputs a journal knows, by number.

    Args:
        view: A `journal.View`.
    """
    return [_RECORD.decode(value) for _, value in view.meta_items(SOURCE_KEY)]


def read_group(view: Any, records: list[Record]) -> Group | None:
    """The group of exactly these inputs, if there is one and it is as long as they are."""
    value = view.meta(group_key([record.number for record in records]))
    group = None if value is None else _GROUP.decode(value)
    sizes = {record.number: record.size for record in records}
    return group if group is not None and dict(group.members) == sizes else None


def dump_chain(chain: NDArray[np.int64]) -> list[tuple[int, ...]]:
    """Lines of i8[instruments, CHAIN] that say anything, each with its instrument in front."""
    said = np.flatnonzero(chain[:, tally.SEEN] | chain[:, tally.DIFFS])
    return [(int(i), *chain[i].tolist()) for i in said]


def load_chain(lines: list[tuple[int, ...]], instruments: int) -> NDArray[np.int64]:
    """The array of `dump_chain`, for instruments 0 … `instruments`."""
    chain = np.zeros((instruments + 1, tally.CHAIN), np.int64)
    for i, *columns in lines:
        chain[i, : len(columns)] = columns
    return chain


class Recognition:
    """Find out how much of an input is in, by its bytes.

    Args:
        pieces: Its unpacked bytes from the first on.
        records: Inputs of the same venue.
    """

    def __init__(self, pieces: Iterator[bytes], records: list[Record]) -> None:
        self._pieces = pieces
        self._held: list[bytes] = []
        self._damaged = False
        self.record: Record | None = None
        self.hasher = hashlib.sha256()
        self.at_end = False  # whether all of the input is in
        self._recognise([record for record in records if record.size])

    def _recognise(self, records: list[Record]) -> None:
        if not records:
            return
        head = b""
        while len(head) < HEAD_BYTES and (piece := self._next()):
            head += piece
            self._held.append(piece)
        heads = {size: hashlib.sha256(head[:size]).digest() for size in {record.head_size for record in records}}
        records = [
            record
            for record in records
            if len(head) >= record.head_size and heads[record.head_size] == record.head_digest
        ]
        hasher, at = hashlib.sha256(), 0
        for size in sorted({record.size for record in records}):
            at += self._hash(hasher, size - at)
            if at < size:
                break
            for record in records:
                if record.size == size and record.digest == hasher.digest():
                    self.record, self.hasher = record, hasher.copy()
        if self.record is not None and self.record.size == at:
            self.at_end = not self._held and not self._next() and not self._damaged

    def _next(self) -> bytes:
        try:
            return next(self._pieces, b"")
        except Damage:
            self._damaged = True  # whoever reads on meets it again
            return b""

    def _hash(self, hasher: Any, count: int) -> int:
        """Hash up to `count` bytes more; returns how many there were."""
        done = 0
        while done < count:
            piece = self._held.pop(0) if self._held else self._next()
            if not piece:
                break
            part = piece[: count - done]
            hasher.update(part)
            done += len(part)
            if len(part) < len(piece):
                self._held.insert(0, piece[len(part) :])
        return done
