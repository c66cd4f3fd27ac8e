"""What is already in: one record an input in the journal's `meta`, written in the same transaction as the rows.

An input is known by the sha256 of its unpacked bytes as far as they are in. Its name, its packing and its place play no part: a file
that begins with those bytes is the same input, grown, mended or packed anew.

A record's value is a sum (u8, xxh3-64 of key and rest) and msgpack: progress that was changed on the disk must not decide what is in.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_digest

from veloz.contracts.registry import SOURCE
from veloz.contracts.system import SourceBody
from veloz.ingest import tally
from veloz.ingest.faults import EXIT_DAMAGED, Damage, IngestError
from veloz.ingest.forms import FORMATS
from veloz.venues.port import Source

SOURCE_KEY: Final = b"ingest/source/"
GROUP_KEY: Final = b"ingest/group/"
HEAD_BYTES: Final = 4096
SUM_BYTES: Final = 8
EARLIER_MAX: Final = 64


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
    earlier: list[tuple[int, bytes]] = []  # size and digest where ingests before this one ended, the latest of them
    head_size: int = 0
    head_digest: bytes = b""  # sha256 of the first of them: tells most strangers apart without reading them whole
    key_ns: int = 0  # latest stamp
    stray_lines: int = 0
    rows_in: int = 0  # tables: rows of it that are in; its size and digest are of the whole file then
    whole: bool = True  # tables: False until the last of its rows is in
    damage: str = ""  # why the file ended before its time when it was last taken; empty: it did not
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
_SOURCE: Final = msgspec.msgpack.Decoder(SourceBody)
_ENCODER: Final = msgspec.msgpack.Encoder()


def seal(what: Record | Group) -> bytes:
    """The value that stands in `meta` under its key."""
    value = _ENCODER.encode(what)
    return xxh3_64_digest(what.key + value) + value


def unseal(key: bytes, value: bytes) -> bytes:
    """The msgpack of a value of `meta`.

    Raises:
        IngestError: It is not what was written.
    """
    if xxh3_64_digest(key + value[SUM_BYTES:]) != value[:SUM_BYTES]:
        raise IngestError(
            f"The journal's record of what is in already is damaged ({key.decode('ascii', 'replace')}).",
            code="corrupt",
            hint="Run veloz verify and restore the journal, or give --again to take the inputs in once more.",
            exit_code=EXIT_DAMAGED,
        )
    return value[SUM_BYTES:]


def group_key(numbers: list[int]) -> bytes:
    """Key of the group of these inputs."""
    text = ",".join(str(number) for number in sorted(numbers))
    return GROUP_KEY + hashlib.sha256(text.encode()).hexdigest()[:32].encode()


def read_records(view: Any) -> list[Record]:
    """All inputs a journal knows, by number.

    Args:
        view: A `journal.View`.

    Raises:
        IngestError: A record is damaged.
    """
    return [_RECORD.decode(unseal(key, value)) for key, value in view.meta_items(SOURCE_KEY)]


def read_group(view: Any, records: list[Record]) -> Group | None:
    """The group of exactly these inputs, if there is one and it is as long as they are.

    Raises:
        IngestError: Its record is damaged.
    """
    key = group_key([record.number for record in records])
    value = view.meta(key)
    group = None if value is None else _GROUP.decode(unseal(key, value))
    sizes = {record.number: record.size for record in records}
    return group if group is not None and dict(group.members) == sizes else None


@dataclass(frozen=True)
class Known:
    """What a journal says of its inputs.

    records: Of each one, by number.
    number_next: Number of the next new input.
    mended: What must be put into `meta` with the next rows, in place of what is missing or damaged.
    """

    records: list[Record] = field(default_factory=list)
    number_next: int = 1
    mended: dict[bytes, bytes | None] = field(default_factory=dict)


def read_known(view: Any, venues: set[str], *, again: bool) -> Known:
    """All that decides what is in already.

    Args:
        view: A `journal.View`.
        venues: Of the inputs that are to be taken.
        again: Take them once more, whatever is known. Inputs whose records are missing or damaged then get empty ones.

    Raises:
        IngestError: A record is damaged; or rows of one of these venues come from files of which there is none.
    """
    sources = read_sources(view)
    if not again:
        records = read_records(view)
        recorded = {record.number for record in records}
        for number, body in sources.items():
            if number not in recorded and body.form in FORMATS and body.venue in venues:
                raise IngestError(
                    f"The journal holds rows of files of {body.venue} without a record of how far they are in.",
                    code="no_progress",
                    hint="Restore it from archives that reach to its end, or give --again to take the inputs as new ones.",
                )
        return Known(records, max([*sources, *recorded], default=0) + 1)
    sound: list[Record] = []
    mended: dict[bytes, bytes | None] = {}
    for prefix in (SOURCE_KEY, GROUP_KEY):
        for key, value in view.meta_items(prefix):
            try:
                packed = unseal(key, value)
            except IngestError:
                mended[key] = None
                continue
            sound += [_RECORD.decode(packed)] if prefix == SOURCE_KEY else []
    missing = sources.keys() - {record.number for record in sound}
    for number in sorted(missing):
        body = sources[number]
        if body.form in FORMATS:
            empty = Record(number=number, venue=body.venue, form=body.form, symbol=body.symbol)
            mended[empty.key] = seal(empty)
    return Known(sound, max([*sources, *(record.number for record in sound)], default=0) + 1, mended)


def read_sources(view: Any) -> dict[int, SourceBody]:
    """The sources that rows announce, by number."""
    found: dict[int, SourceBody] = {}
    for batch in view.scan(kinds={SOURCE.number}):
        rows = batch.rows.view(SOURCE.view)
        for at in np.flatnonzero((rows["kind"] == SOURCE.number) & (rows["version"] == SOURCE.version)):
            body = batch.body(int(at))
            if body is not None:
                found.setdefault(int(rows[at]["source_number"]), _SOURCE.decode(body))
    return found


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
        self.older = False  # whether it ends where an ingest before the latest one did: the record is of a longer copy
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
            if (heads[record.head_size] == record.head_digest if len(head) >= record.head_size else record.earlier)
        ]
        older: tuple[Record, int] | None = None
        hasher, at = hashlib.sha256(), 0
        ends = {(size, digest): record for record in records for size, digest in record.earlier}
        for size in sorted({record.size for record in records} | {size for size, _ in ends}):
            at += self._hash(hasher, size - at)
            if at < size:
                break
            for record in records:
                if record.size == size and record.digest == hasher.digest():
                    self.record, self.hasher = record, hasher.copy()
            if record_of_end := ends.get((size, hasher.digest())):
                older = record_of_end, size
        if self.record is None and older is not None and older[1] == at:
            self.record, self.at_end, self.older = older[0], not self._damaged, True
        elif self.record is not None and self.record.size == at:
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
