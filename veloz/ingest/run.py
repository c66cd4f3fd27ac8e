"""The ingest: inputs → frames in order → rows → journal, with progress in the same transactions.

Four threads: this one decodes and counts; one reads, unpacks, cuts and merges ahead of it; the journal's own two compress
and commit behind it. Killed at any moment, the journal verifies, and the same command continues where it was.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from journal import Reader, Writer
from journal.frames import Frames
from journal.limits import HEAP_BYTES_MAX, MAP_BYTES_DEFAULT, ROWS_MAX
from journal.space import probe_filesystem
from veloz.contracts.registry import CATALOGUE, CHANGED, LISTED
from veloz.ingest.ahead import Ahead
from veloz.ingest.detect import detect_format
from veloz.ingest.faults import EXIT_DAMAGED, Damage, IngestError, check_untouched
from veloz.ingest.feed import Load, merge_feeds
from veloz.ingest.files import LINE_BYTES_MAX, read_text
from veloz.ingest.foresight import foresee
from veloz.ingest.forms import TABLES
from veloz.ingest.given import UNSAID, Given
from veloz.ingest.intake import import_tables
from veloz.ingest.ledger import Ledger
from veloz.ingest.plan import Plan, list_files, make_plan
from veloz.ingest.progress import Known, read_known
from veloz.ingest.terms import offer_terms
from veloz.instruments.catalogue import Catalogue
from veloz.venues.binance.codec import Codec
from veloz.venues.binance.rules import read_offers
from veloz.venues.port import RowBlock

LOADS_AHEAD: Final = 3
SNAPSHOTS_KEPT: Final = 3
Progress = Callable[[int, int], None]  # packed bytes read, of how many


@dataclass(frozen=True)
class Result:
    """What an ingest did. Totals are of the files given, over all ingests they were part of; `added` is of this one.

    Of a damaged file, `frames` and `bytes` (unpacked) say how much of it is in.
    """

    frames: int
    records: int
    kinds: dict[str, int]
    messages: dict[str, int]
    rejected: int
    gaps: int
    instruments: list[dict[str, Any]]
    first_ts_ns: int | None
    last_ts_ns: int | None
    head_seq: int
    head_hash: str
    seconds: float
    added: dict[str, int]
    damaged: list[dict[str, Any]]
    warnings: list[str]

    @property
    def exit_code(self) -> int:
        """0, or 1 when an input was damaged."""
        return EXIT_DAMAGED if self.damaged else 0

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of the command."""
        return asdict(self)


def ingest(
    inputs: Sequence[tuple[str, str | Path]],
    journal_dir: str | Path,
    *,
    instruments: str | Path | None = None,
    again: bool = False,
    fmt: str = "auto",
    unsafe_fs: bool = False,
    map_size_bytes: int = MAP_BYTES_DEFAULT,
    snapshot_keep: int = SNAPSHOTS_KEPT,
    given: Given | None = None,
    on_progress: Progress | None = None,
) -> Result:
    """Append recordings to a journal; what is in already stays as it is.

    Args:
        inputs: (venue, file or folder), in the order that decides ties.
        journal_dir: The journal's directory; made when there is something to write.
        instruments: An exchangeInfo document, packed or not.
        again: Take everything once more, as if none of it were in.
        fmt: One of `forms.FORMATS`, or auto.
        unsafe_fs: No warning about a file system that may lose what it promised to keep.
        map_size_bytes: How large the journal may ever become.
        snapshot_keep: When rows were added, write a snapshot of the state and keep so many; 0 = none.
        given: What the operator says of the instruments of foreign tables and of klines.
        on_progress: Called now and then with (packed bytes read, of how many), from another thread.

    Raises:
        IngestError: Refused or stopped; its `exit_code` says how.
        journal.JournalError: The journal cannot be opened, is full, or froze.
    """
    path, said = Path(journal_dir), given or UNSAID
    said.require_sound()
    pairs = [(venue, Path(name)) for venue, name in inputs]
    warnings: list[str] = []
    files = list_files(pairs, fmt, warnings)
    if are_tables(files, fmt):
        taken = import_tables(
            files,
            path,
            lambda view: known_instruments(view, instruments, pairs),
            fmt=fmt,
            given=said,
            again=again,
            map_size_bytes=map_size_bytes,
            on_progress=on_progress,
        )
        head = finish(path, bool(taken.totals["added"]["records"]), snapshot_keep, unsafe_fs, warnings)
        warnings += taken.warnings
        return Result(
            **taken.totals,
            head_seq=head[0],
            head_hash=head[1].hex(),
            seconds=taken.seconds,
            damaged=[],
            warnings=warnings,
        )
    begun = time.perf_counter()
    pairs = [(venue or said.venue, name) for venue, name in pairs]
    with Reader.open(path) as reader, reader.view() as view:
        known = read_known(view, {venue for venue, _ in pairs}, again=again)
        plan = make_plan(pairs, known.records, fmt=fmt, again=again, given=said, on_progress=on_progress)
        catalogue = known_instruments(view, instruments, pairs)
        offer_terms(plan, catalogue, said)
        foresee(plan, catalogue)
        ledger = Ledger(plan.inputs, catalogue, view)
        head = view.head()
    Job(path, plan, catalogue, ledger, head[0], known).run(map_size_bytes)
    head = finish(path, bool(ledger.added["frames"]), snapshot_keep, unsafe_fs, plan.warnings)
    return result_of(ledger, plan, pairs, head, begun)


def known_instruments(view: Any, instruments: str | Path | None, pairs: list[tuple[str, Path]]) -> Catalogue:
    """The journal's instruments, and what the operator's own list offers. Errors as `offer_instruments`."""
    catalogue = read_catalogue(view)
    offer_instruments(catalogue, instruments, [venue for venue, _ in pairs])
    return catalogue


def are_tables(files: list[tuple[str, Path, bytes]], fmt: str) -> bool:
    """Whether files are tables of others, and not recordings of messages.

    Raises:
        IngestError: Some are.
    """
    tables = sum((detect_format(head) if fmt == "auto" else fmt) in TABLES for _, _, head in files)
    if tables and tables < len(files):
        raise IngestError(
            "Recordings of messages and tables of others cannot be taken in at once.",
            code="mixed_forms",
            hint="Give them in two commands; what is earlier in time first.",
        )
    return tables > 0


def result_of(
    ledger: Ledger, plan: Plan, pairs: list[tuple[str, Path]], head: tuple[int, bytes], begun: float
) -> Result:
    """What an ingest of messages did.

    Raises:
        IngestError: There was no message in any input.
    """
    damaged = [(path, reason, (0, 0)) for path, reason in plan.damaged]
    for one, taken in zip(plan.inputs, ledger.taken(), strict=True):
        damaged += [(one.feed.path, one.feed.damage, taken)] if one.feed.damage else []
    totals = ledger.totals()
    if not totals["frames"]:
        raise nothing_found([(path, reason) for path, reason, _ in damaged], pairs)
    return Result(
        **totals,
        head_seq=head[0],
        head_hash=head[1].hex(),
        seconds=time.perf_counter() - begun,
        added=ledger.added,
        damaged=[
            {"file": str(file), "reason": reason, "frames": frames, "bytes": size}
            for file, reason, (frames, size) in damaged
        ],
        warnings=plan.warnings,
    )


def finish(path: Path, grown: bool, snapshot_keep: int, unsafe_fs: bool, warnings: list[str]) -> tuple[int, bytes]:
    """After rows were added: a snapshot of the state, and a look at the disk.

    Returns:
        The journal's last sequence number and its hash.
    """
    with Reader.open(path) as reader, reader.view() as view:
        head = view.head()
    if grown:
        if snapshot_keep:
            save_state(path, head[0], snapshot_keep)
        if not unsafe_fs:
            warnings += warn_of_disk(path)
    return head


def nothing_found(damaged: list[tuple[Path, str]], inputs: list[tuple[str, Path]]) -> IngestError:
    """No frame anywhere."""
    if damaged:
        file, reason = damaged[0]
        return IngestError(
            f"{file} is damaged and nothing of it can be used: {reason}.",
            code="damaged_input",
            hint="Get it once more.",
            exit_code=EXIT_DAMAGED,
        )
    return IngestError(
        f"{inputs[0][1]} holds no message with a stamp.",
        code="no_frames",
        hint="Check the path and --format.",
    )


class Job:
    """One run over the planned inputs.

    Args:
        path: The journal's directory.
        plan: What is to be read.
        catalogue: Instruments of the journal.
        ledger: Where it is counted.
        head_seq: The journal's last sequence number when the plan was made.
        known: What the journal says of its inputs.
    """

    def __init__(
        self, path: Path, plan: Plan, catalogue: Catalogue, ledger: Ledger, head_seq: int, known: Known
    ) -> None:
        self._path = path
        self._plan = plan
        self._ledger = ledger
        self._head_seq = head_seq
        self._number_next = known.number_next
        self._mended = known.mended
        self._codec = Codec(catalogue)
        self._feeds = [one.feed for one in plan.inputs]
        for one in plan.inputs:
            if one.record is not None:
                shown = [line[0] for line in one.record.chains]
                self._codec.declare(one.record.source, announced=True, shown=shown)

    def run(self, map_size_bytes: int = MAP_BYTES_DEFAULT) -> None:
        """Read, decode and append all that is not in yet. The journal is only opened for writing when there is something."""
        with Ahead(merge_feeds(self._feeds, self._number_next), LOADS_AHEAD) as loads:
            first = next(loads, None)
            marks = {} if first else self._ledger.mark_damage()
            if first is None and not marks:
                return
            with Writer.open(self._path, map_size_bytes=map_size_bytes, bulk=True, unsafe_fs=True) as writer:
                check_untouched(self._path, writer.head_seq, self._head_seq)
                if first is not None:
                    self._append(first, writer)
                    for load in loads:
                        self._append(load, writer)
                    marks = self._ledger.mark_damage()
                if marks:
                    writer.put_meta(marks)

    def _append(self, load: Load, writer: Writer) -> None:
        for ix in load.begun:
            self._codec.declare(self._feeds[ix].source)
        decoded = self._codec.decode(load.block)
        self._ledger.receive(load)
        bounds = np.append(decoded.first_row, np.uint32(len(decoded.rows)))
        for a, b in cut_batches(bounds, decoded):
            row_a, row_b = int(bounds[a]), int(bounds[b])
            meta = self._mended | self._ledger.count(load, decoded, a, b, row_a, row_b)
            self._mended = {}
            bodies = [(row - row_a, body) for row, body in decoded.bodies if row_a <= row < row_b]
            writer.append(decoded.rows[row_a:row_b], bodies=bodies, frames=frames_of(load, decoded, a, b), meta=meta)


def frames_of(load: Load, decoded: RowBlock, a: int, b: int) -> Frames:
    """Frames a … b-1 of a load, as the journal keeps them beside their rows."""
    begin, stop = int(load.block.start[a]), int(load.block.end[b - 1]) + 1
    return Frames(
        first_row=decoded.first_row[a:b] - decoded.first_row[a],
        end=(load.block.end[a:b] - begin).astype(np.uint32),
        source=load.block.source[a:b],
        raw=load.block.buf[begin:stop],
    )


def cut_batches(bounds: Any, decoded: RowBlock) -> Iterator[tuple[int, int]]:
    """Frames of a load in batches of nearly equal size that a journal takes: by rows, and by the bytes of their bodies.

    Args:
        bounds: u4[n + 1], first row of each frame, and the number of rows.
        decoded: The rows.

    Raises:
        IngestError: One frame alone is too much for a batch.
    """
    rows = int(bounds[-1])
    heap = np.zeros(rows + 1, np.int64)
    for row, body in decoded.bodies:
        heap[row + 1] = len(body) + 32
    heap_before = np.cumsum(heap)[bounds] if decoded.bodies else np.zeros(len(bounds), np.int64)
    target = -(-rows // -(-rows // ROWS_MAX)) if rows else 1
    a, n = 0, len(bounds) - 1
    while a < n:
        b = int(np.searchsorted(bounds, int(bounds[a]) + target, "left"))
        fits = int(np.searchsorted(bounds, int(bounds[a]) + ROWS_MAX, "right")) - 1
        heap_fits = int(np.searchsorted(heap_before, int(heap_before[a]) + HEAP_BYTES_MAX, "right")) - 1
        b = min(b, fits, heap_fits, n)
        if b <= a:
            raise IngestError(
                f"One message gives {int(bounds[a + 1]) - int(bounds[a])} rows, more than a batch of {ROWS_MAX} holds.",
                code="message_too_large",
                hint="Leave that line out.",
                exit_code=EXIT_DAMAGED,
            )
        yield a, b
        a = b


def read_catalogue(view: Any) -> Catalogue:
    """Instruments and offers of a journal, from its instrument rows alone.

    Args:
        view: A `journal.View`.
    """
    catalogue = Catalogue()
    wanted = {LISTED.number, CHANGED.number, CATALOGUE.number}
    for batch in view.scan(kinds=wanted):
        for row_ix in np.flatnonzero(np.isin(batch.rows["kind"], list(wanted))):
            row = batch.rows[row_ix].view(LISTED.view)
            catalogue.apply(row, batch.body(int(row_ix)), batch.first + int(row_ix))
    return catalogue


def offer_instruments(catalogue: Catalogue, instruments: str | Path | None, venues: list[str]) -> None:
    """Make the operator's own exchangeInfo documents known.

    Raises:
        IngestError: The file is missing or is none.
    """
    if instruments is None:
        return
    path = Path(instruments)
    text = b""
    why = "it is not an exchangeInfo document"
    try:
        for piece in read_text(path):
            text += piece
            if len(text) > LINE_BYTES_MAX:
                raise Damage(f"it is longer than {LINE_BYTES_MAX >> 20} MiB")
        found = read_offers(text, venues[0] if len(set(venues)) == 1 else venue_of(text), origin="file")
    except (Damage, msgspec.DecodeError) as error:
        why, found = str(error), None
    if found is None:
        raise IngestError(
            f"{path} cannot be used for instruments: {why}.",
            code="bad_instruments",
            hint="Give an exchangeInfo answer.",
        )
    for body in found:
        catalogue.offer(body)


def venue_of(exchange_info: bytes) -> str:
    """Which market's instruments a document lists."""
    if b'"contractSize"' in exchange_info:
        return "binance_coinm"
    return "binance_usdm" if b'"contractType"' in exchange_info else "binance_spot"


def warn_of_disk(path: Path) -> list[str]:
    """What is wrong with keeping a journal here; empty if nothing."""
    found = probe_filesystem(path)
    return [] if found.safe else [f"{path} is on {found.name}, where a journal is not safe: {found.reason}."]


def save_state(path: Path, seq: int, keep: int) -> None:
    """A snapshot of the state after row `seq`, so that nobody folds all of it again."""
    from veloz.history.recall import recall_newest, save_snapshot

    found = recall_newest(path, seq)
    save_snapshot(path, seq, found.state, keep)
