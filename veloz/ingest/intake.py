"""Foreign tables in: npz, CSV, candles → rows → journal, each file once, with progress in the same transactions.

Every file is read twice: first to see that all of it makes sense and what quanta its numbers need, then to write it. Files of one
instrument and form follow one another in the order given; everything else is merged by receive stamp. Killed at any moment, the same
command goes on behind the last row that is in.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from journal import Reader, Writer
from journal.limits import HEAP_BYTES_MAX, ROWS_MAX
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import STEP_END
from veloz.contracts.registry import BY_NUMBER
from veloz.ingest import tally
from veloz.ingest.faults import (
    Damage,
    Disorder,
    IngestError,
    Misfit,
    beside_tick,
    check_untouched,
    gives_nothing,
    goes_back,
)
from veloz.ingest.files import read_text
from veloz.ingest.foreign import damaged, describe_table
from veloz.ingest.given import Given, body_for, say_found
from veloz.ingest.plan import Meter
from veloz.ingest.progress import Known, Record, read_known, seal
from veloz.ingest.table import Part, Survey, Table, new_rows
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.instrument import Instrument, define
from veloz.instruments.units import counted, decimal_text
from veloz.venues.binance.plain import instrument_row, source_row
from veloz.venues.port import Source

PRELUDE_ROWS_MAX: Final = 2_000
TOLD_MAX: Final = 5  # instruments of which a sentence each is said
assert PRELUDE_ROWS_MAX * 1_000 < HEAP_BYTES_MAX, "a batch of instruments fits into a heap"


@dataclass
class Item:
    """One file of an import.

    record: How far it is in; its number 0 until it has one.
    skip: Rows of it that are in.
    """

    path: Path
    venue: str
    table: Table
    survey: Survey
    size: int
    digest: bytes
    record: Record
    skip: int = 0


@dataclass
class Lane:
    """Files that follow one another, as one stream of parts."""

    ix: int
    items: list[tuple[int, Item]]
    instruments: dict[str, Instrument]
    meter: Meter
    part: Part | None = None
    owner: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    gone: int = 0
    taken: int = 0

    def __post_init__(self) -> None:
        self._parts = self._read()

    def _read(self) -> Iterator[tuple[int, Part]]:
        latest = 0
        for ix, item in self.items:
            done = 0
            for part in item.table.parts(read_text(item.path, self.meter.add), self.instruments):
                key = np.maximum(part.key, latest)
                latest = int(key[-1])
                left = max(0, item.skip - done)
                done += len(part.rows)
                if left < len(part.rows):
                    yield ix, Part(part.rows[left:], key[left:])

    def refill(self) -> bool:
        """Make sure there are rows; False at the end."""
        if self.part is None or self.gone == len(self.part.rows):
            ix, self.part = next(self._parts, (0, None))
            self.gone = 0
            if self.part is None:
                return False
            self.owner = np.full(len(self.part.rows), ix, np.uint16)
        return True


def merge_lanes(lanes: list[Lane]) -> Iterator[tuple[NDArray[np.void], NDArray[np.uint16]]]:
    """Rows of all lanes by engine time, ties in the order of the lanes, and which file each is of. Blocks end with a step."""
    while live := [lane for lane in lanes if lane.refill()]:
        parts = [(lane, lane.part) for lane in live if lane.part is not None]
        first, limit = min(((lane, int(part.key[-1])) for lane, part in parts), key=lambda each: (each[1], each[0].ix))
        taken = []
        for lane, part in parts:
            side: Any = "right" if lane.ix <= first.ix else "left"
            end = lane.gone + int(np.searchsorted(part.key[lane.gone :], limit, side))
            taken.append((part.rows[lane.gone : end], part.key[lane.gone : end], lane.owner[lane.gone : end]))
            lane.gone = end
        if len(taken) == 1:
            yield taken[0][0], taken[0][2]
            continue
        order = np.argsort(np.concatenate([key for _, key, _ in taken]), kind="stable")
        yield np.concatenate([rows for rows, _, _ in taken])[order], np.concatenate([own for _, _, own in taken])[order]


def cut_steps(rows: NDArray[np.void]) -> Iterator[tuple[int, int]]:
    """A block of whole steps in as few batches as a journal takes."""
    ends = np.flatnonzero(rows["flags"] & STEP_END) + 1
    a = 0
    while a < len(rows):
        b = int(ends[np.searchsorted(ends, a + ROWS_MAX, "right") - 1])
        assert b > a, "a step is longer than a batch"
        yield a, b
        a = b


class Intake:
    """One import.

    Args:
        path: The journal's directory.
        files: (venue or "", file, its first bytes).
        fmt: A name of `forms.TABLES`, or auto.
        given: What the operator says of instruments.
        meter: Told of every byte read.
    """

    def __init__(
        self, path: Path, files: Sequence[tuple[str, Path, bytes]], fmt: str, given: Given, meter: Meter
    ) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._fmt = fmt
        self._given = given
        self._meter = meter
        self._files = files
        self.items: list[Item] = []
        self.instruments: dict[tuple[str, str], Instrument] = {}
        self._prelude: list[tuple[tuple[int, ...], bytes]] = []

    def prepare(self, known: Known, catalogue: Catalogue, again: bool) -> None:
        """Look at every file, and settle which are in already and what quanta all of them need.

        Raises:
            IngestError: A file is damaged, or its numbers fit no quanta.
        """
        records = [] if again else known.records
        number = known.number_next
        for venue, path, head in self._files:
            item = self._look(path, *describe_table(path, venue, head, self._fmt, self._given), records)
            if any(other.digest == item.digest and other.venue == item.venue for other in self.items):
                self.warnings.append(f"{path} says the same as another file given; it was taken once.")
                continue
            if not item.record.number:
                item.record.number = number
                number += 1
            self.warnings += [f"{path}: {note}." for note in item.survey.notes]
            self.items.append(item)
        self._settle(catalogue)

    def _look(self, path: Path, venue: str, table: Table, records: list[Record]) -> Item:
        """Read a file for the first time."""
        prints = Prints(read_text(path, self._meter.add), [one for one in records if one.form == table.form])
        try:
            survey = table.survey(iter(prints))
        except Damage as damage:
            raise damaged(path, damage.reason) from damage
        except Disorder as disorder:
            raise goes_back(path, disorder.reason) from disorder
        except Misfit as misfit:
            raise beside_tick(path, self._given.tick, misfit) from misfit
        if not survey.needs:
            raise gives_nothing(path, "there is nothing in it that a journal keeps")
        record = prints.record or Record(
            number=0, venue=venue, form=table.form, symbol=one_of(survey), name=path.name, sums=[0] * tally.SUMS
        )
        if record.venue != venue:
            raise IngestError(
                f"{path} is in already, as one of {record.venue}.",
                code="wrong_venue",
                hint="Say that venue, or give --again to take it once more.",
            )
        return Item(path, venue, table, survey, prints.size, prints.digest, record, record.rows_in)

    def _settle(self, catalogue: Catalogue) -> None:
        """One instrument for each symbol, in quanta that suit all files; rows of those that are new or change."""
        needs: dict[tuple[str, str], Survey] = {}
        changed: list[InstrumentBody] = []
        for item in self.items:
            for symbol, need in item.survey.needs.items():
                if item.record.size == item.size and (known := catalogue.find(item.venue, symbol)):
                    self.instruments[item.venue, symbol] = known
                else:
                    needs.setdefault((item.venue, symbol), Survey()).need(symbol, need)
        for (venue, symbol), survey in needs.items():
            known = catalogue.find(venue, symbol)
            offered = catalogue.offered(venue, symbol)
            body = body_for(
                venue, symbol, survey.needs[symbol], self._given, known.body if known else offered, bool(known)
            )
            if known is None:
                instrument = define(body, len(catalogue) + 1)
                catalogue.list_new(instrument)
            elif known.body == body:
                instrument = known
            else:
                instrument = define(body, known.number, known.version + 1)
                catalogue.change(instrument)
            self.instruments[venue, symbol] = instrument
            if known is None or instrument is not known:
                self._prelude.append((instrument_row(instrument, 0), msgspec.msgpack.encode(body)))
                changed.append(body)
        self.warnings += say_inferred(changed, self._given)

    def pending(self) -> list[tuple[int, Item]]:
        """Files that are not in wholly, each with its place."""
        return [
            (ix, item) for ix, item in enumerate(self.items) if item.record.size != item.size or not item.record.whole
        ]

    def write(self, writer: Writer, head_time_ns: int) -> None:
        """Append all that is not in."""
        pending = self.pending()
        lanes: dict[tuple[str, str, str], list[tuple[int, Item]]] = {}
        for ix, item in pending:
            lanes.setdefault((item.venue, item.table.form, item.record.symbol or str(ix)), []).append((ix, item))
        running = [
            Lane(
                ix,
                items,
                {symbol: one for (where, symbol), one in self.instruments.items() if where == venue},
                self._meter,
            )
            for ix, ((venue, _, _), items) in enumerate(lanes.items())
        ]
        blocks = merge_lanes(running)
        first = next(blocks, None)
        begin_ns = int(first[0]["ts_recv"][0]) if first is not None else head_time_ns
        if begin_ns < head_time_ns:
            self.warnings.append(
                f"{self.path} has later rows already: a run meets those of {pending[0][1].path} behind them."
            )
        self._announce(writer, begin_ns)
        while first is not None:
            for a, b in cut_steps(first[0]):
                writer.append(first[0][a:b], meta=self._count(first[0][a:b], first[1][a:b]))
            first = next(blocks, None)
        writer.put_meta(dict(self._close(item) for _, item in pending))

    def _announce(self, writer: Writer, begin_ns: int) -> None:
        """The sources that are new, and the instruments."""
        rows, sealed = list(self._prelude), {}
        for _, item in self.pending():
            record = item.record
            if not record.digest:
                source = Source(record.number, record.venue, record.symbol, record.form)
                rows.append(source_row(source, begin_ns))
            record.size, record.digest, record.whole = item.size, item.digest, False
            sealed[record.key] = seal(record)
        for at in range(0, len(rows), PRELUDE_ROWS_MAX):
            some = rows[at : at + PRELUDE_ROWS_MAX]
            block = new_rows(len(some))
            for ix, (row, _) in enumerate(some):
                block[ix] = row
            block["ts_recv"] = begin_ns
            block["flags"][-1] |= STEP_END
            writer.append(block, bodies=[(ix, body) for ix, (_, body) in enumerate(some)], meta=sealed)
        if not rows:
            writer.put_meta(sealed)

    def _count(self, rows: NDArray[np.void], owner: NDArray[np.uint16]) -> dict[bytes, bytes | None]:
        """What must stand in `meta` when these rows are in."""
        told: dict[bytes, bytes | None] = {}
        for ix in np.unique(owner):
            record, own = self.items[int(ix)].record, rows[owner == ix]
            record.rows_in += len(own)
            for kind, count in zip(*np.unique(own["kind"], return_counts=True), strict=True):
                record.kinds[int(kind)] = record.kinds.get(int(kind), 0) + int(count)
            record.sums[tally.RECORDS] += len(own)
            record.sums[tally.FIRST_TS] = record.sums[tally.FIRST_TS] or int(own["ts_recv"][0])
            record.sums[tally.LAST_TS] = max(record.sums[tally.LAST_TS], int(own["ts_recv"].max()))
            record.key_ns = record.sums[tally.LAST_TS]
            told[record.key] = seal(record)
        return told

    def _close(self, item: Item) -> tuple[bytes, bytes]:
        item.record.whole = True
        return item.record.key, seal(item.record)


class Prints:
    """Pieces of a file that are hashed as they pass by; and which known input begins the file.

    Args:
        pieces: From the first byte.
        records: Inputs of the same form.
    """

    def __init__(self, pieces: Iterator[bytes], records: list[Record]) -> None:
        self._pieces = pieces
        self._ends = {one.size: one for one in sorted(records, key=lambda one: one.number)}
        self._twins = records
        self._hasher = hashlib.sha256()
        self.record: Record | None = None
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._take(piece)
            yield piece

    def _take(self, piece: bytes) -> None:
        at = 0
        for size in sorted(size for size in self._ends if self.size < size <= self.size + len(piece)):
            self._hasher.update(piece[at : size - self.size])
            at = size - self.size
            found = [one for one in self._twins if one.size == size and one.digest == self._hasher.digest()]
            self.record = found[-1] if found else self.record
        self._hasher.update(piece[at:])
        self.size += len(piece)

    @property
    def digest(self) -> bytes:
        """sha256 of what has passed by."""
        return self._hasher.digest()


def one_of(survey: Survey) -> str:
    """The symbol of a table of one; empty where there are several."""
    return next(iter(survey.needs)) if len(survey.needs) == 1 else ""


def say_inferred(bodies: Sequence[InstrumentBody], given: Given) -> list[str]:
    """What was concluded from the numbers alone."""
    told = []
    for body in bodies:
        words = [("tick", body.tick, given.tick), ("lot", body.lot, given.lot)]
        guessed = [f"{name} {value}" for name, value, said in words if value and not said]
        if body.origin == "inferred" and guessed:
            told.append(say_found(body.symbol, guessed))
    if len(told) > TOLD_MAX:
        told[TOLD_MAX:] = [
            f"Ticks and lots of {counted(len(told) - TOLD_MAX, 'more instrument')} were found from their numbers."
        ]
    return told


class Taken(NamedTuple):
    """What an import did: totals under the names of the command line, what a person should know, seconds."""

    totals: dict[str, Any]
    warnings: list[str]
    seconds: float


def import_tables(
    files: Sequence[tuple[str, Path, bytes]],
    path: Path,
    catalogue_of: Callable[[Any], Catalogue],
    *,
    fmt: str,
    given: Given,
    again: bool,
    map_size_bytes: int,
    on_progress: Callable[[int, int], None] | None,
) -> Taken:
    """Import foreign tables.

    Args:
        files: (venue or "", file, its first bytes), in the order given.
        path: The journal's directory.
        catalogue_of: Called with a view of it; its instruments and what is offered.
        fmt: A name of `forms.TABLES`, or auto.
        given: What the operator says of the instruments.
        again: Take everything once more.
        map_size_bytes: How large the journal may become.
        on_progress: As `ingest`.

    Raises:
        IngestError: Refused; then nothing is written.
    """
    begun = time.perf_counter()
    meter = Meter(2 * sum(file.stat().st_size for _, file, _ in files), on_progress)
    intake = Intake(path, files, fmt, given, meter)
    with Reader.open(path) as reader, reader.view() as view:
        known = read_known(view, {venue for venue, _, _ in files if venue}, again=again)
        intake.prepare(known, catalogue_of(view), again)
        head, last = view.head(), view.last_batch()
        head_time_ns = int(last.t_last) if last is not None else 0
    before = sum(item.record.rows_in for item in intake.items)
    if intake.pending():
        with Writer.open(path, map_size_bytes=map_size_bytes, bulk=True, unsafe_fs=True) as writer:
            check_untouched(path, writer.head_seq, head[0])
            intake.write(writer, head_time_ns)
    return Taken(total_up(intake, before), intake.warnings, time.perf_counter() - begun)


def total_up(intake: Intake, before: int) -> dict[str, Any]:
    """What the files have given, over all imports they were part of."""
    kinds: dict[str, int] = {}
    for item in intake.items:
        for kind, count in item.record.kinds.items():
            kinds[BY_NUMBER[kind].name] = kinds.get(BY_NUMBER[kind].name, 0) + count
    sums = [item.record.sums for item in intake.items]
    records = sum(item.record.rows_in for item in intake.items)
    return {
        "frames": 0,
        "records": records,
        "kinds": dict(sorted(kinds.items())),
        "messages": {},
        "rejected": 0,
        "gaps": 0,
        "instruments": [describe(one) for one in intake.instruments.values()],
        "first_ts_ns": min((one[tally.FIRST_TS] for one in sums if one[tally.FIRST_TS]), default=None),
        "last_ts_ns": max((one[tally.LAST_TS] for one in sums if one[tally.LAST_TS]), default=None),
        "added": {"frames": 0, "records": records - before},
    }


def describe(instrument: Instrument) -> dict[str, Any]:
    """An instrument as the command line tells it."""
    body = instrument.body
    return {
        "symbol": body.symbol,
        "venue": body.venue,
        "tick": body.tick or decimal_text(instrument.tick, instrument.price_scale),
        "lot": body.lot or decimal_text(instrument.lot, instrument.qty_scale),
        "price_scale": instrument.price_scale,
        "qty_scale": instrument.qty_scale,
        "source": body.origin,
    }
