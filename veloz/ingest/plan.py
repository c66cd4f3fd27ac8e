"""What an ingest will do: which files, of what form, and how much of each is in already. Nothing is written here."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.codes import SPOKEN, VENUES
from veloz.ingest.course import A_BAR, Course
from veloz.ingest.detect import describe_source, detect_format, unreadable_format
from veloz.ingest.faults import EXIT_DAMAGED, Damage, Disorder, IngestError, gives_nothing, goes_back
from veloz.ingest.feed import Feed, Text, cut_feed
from veloz.ingest.files import BLOCK_BYTES, open_file, read_head, read_text, read_trusted, skip_bytes
from veloz.ingest.forms import FORMATS
from veloz.ingest.given import UNSAID, Given, need_interval, need_symbol
from veloz.ingest.lines import Cut
from veloz.ingest.progress import Recognition, Record
from veloz.venues.binance.klines import can_read
from veloz.venues.port import Source

CHECKSUM: Final = ".CHECKSUM"
TELL_BYTES: Final = 1 << 18


@dataclass
class Input:
    """One file of an ingest.

    feed: Its frames from where it continues.
    record: What the journal knows of it; None when it is new.
    hasher: sha256 of the bytes that are in.
    notes: What a person should read of it, to be put behind its name.
    older: A longer copy of it is in: nothing that is wrong with this one says anything of what is in.
    """

    feed: Feed
    record: Record | None
    hasher: Any
    notes: list[str] = field(default_factory=list)
    older: bool = False


@dataclass
class Plan:
    """The files of an ingest in the order given, and what a person should know about them."""

    inputs: list[Input] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    damaged: list[tuple[Path, str]] = field(default_factory=list)  # files that give no bytes at all, and why


class Meter:
    """How much of the packed bytes was read; tells whoever wants to know.

    Args:
        total: Packed bytes in all.
        told: Called with (bytes so far, total).
    """

    def __init__(self, total: int, told: Callable[[int, int], None] | None) -> None:
        self._total = total
        self._told = told
        self._done = 0
        self._step = max(TELL_BYTES, total // 500)
        self._tell_at = self._step

    def add(self, count: int) -> None:
        """So many bytes more."""
        self._done += count
        if self._told is not None and (self._done >= self._tell_at or self._done == self._total):
            self._tell_at = self._done + self._step
            self._told(self._done, self._total)


def list_files(inputs: Sequence[tuple[str, Path]], fmt: str, warnings: list[str]) -> list[tuple[str, Path, bytes]]:
    """Files of an ingest with their venues and first bytes; a folder stands for all recordings in it, by name.

    Raises:
        IngestError: A file or folder is missing, is no recording, or a venue or format is unknown.
    """
    if not inputs:
        raise IngestError("No file was given.", code="no_input", hint="Name at least one recording.")
    if fmt != "auto" and fmt not in FORMATS:
        raise IngestError(f"{fmt} is no format.", code="unknown_format", hint=f"Formats: auto, {', '.join(FORMATS)}.")
    found: list[tuple[str, Path, bytes]] = []
    for venue, path in inputs:
        if venue and venue not in VENUES:
            raise IngestError(f"{venue} is no venue.", code="unknown_venue", hint=f"Venues: {', '.join(VENUES)}.")
        if not path.is_dir():
            found.append((venue, path, read_head(path)))
            continue
        within = [each for each in sorted(path.iterdir()) if each.is_file() and not each.name.startswith(".")]
        within = [each for each in within if each.suffix != CHECKSUM]
        heads = [(venue, each, read_head(each)) for each in within]
        taken = [each for each in heads if fmt != "auto" or not each[2] or detect_format(each[2])]
        warnings += [f"{each[1]} is no recording and was left out." for each in heads if each not in taken]
        if not taken:
            raise IngestError(f"{path} holds no recordings.", code="no_input", hint="Check the path.")
        found += taken
    for _, path, _ in found:
        require_checksum(path)
    return found


def require_checksum(path: Path) -> None:
    """Compare a file with the sha256 that an archive put beside it, `NAME.CHECKSUM`, if it did.

    Raises:
        IngestError: They differ.
    """
    beside = path.with_name(path.name + CHECKSUM)
    if not beside.is_file():
        return
    said = beside.read_text("ascii", "replace").split()
    with open_file(path) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    if not said or said[0].lower() != found:
        raise IngestError(
            f"{path} is not the file that {beside.name} speaks of: its sha256 is {found}.",
            code="damaged_input",
            hint="Get both once more.",
            exit_code=EXIT_DAMAGED,
        )


def make_plan(
    inputs: Sequence[tuple[str, Path]],
    records: list[Record],
    *,
    fmt: str = "auto",
    again: bool = False,
    given: Given = UNSAID,
    on_progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Find out what is to be done.

    Args:
        inputs: (venue, file or folder), in the order given.
        records: What the journal knows.
        fmt: A name of FORMATS, or `auto`.
        again: Take everything once more, as if none of it were known.
        given: What the operator says of the instruments of klines.
        on_progress: Called with (packed bytes read, of how many) while the inputs are read.

    Raises:
        IngestError: As `list_files` and `describe_source`.
    """
    plan = Plan()
    seen: dict[tuple[str, bytes], list[Path]] = {}
    files = list_files(inputs, fmt, plan.warnings)
    meter = Meter(sum(path.stat().st_size for _, path, _ in files), on_progress)
    for venue, path, head in files:
        if venue not in SPOKEN and venue:
            raise IngestError(
                f"{path} holds messages, and those of {venue} are not read.",
                code="unknown_venue",
                hint=f"Messages of {', '.join(SPOKEN)} are.",
            )
        if not venue and head and fmt == "auto" and not detect_format(head):
            raise unreadable_format(path, head)
        if not venue:
            raise IngestError(
                f"Nothing says which venue {path} is from.", code="no_venue", hint="Give --venue V or venue=PATH."
            )
        if not head and (damage := _first_damage(path)):
            plan.damaged.append((path, damage))
            continue
        twins = seen.setdefault((venue, hashlib.sha256(head).digest()), [])
        if head and _is_double(path, twins):
            plan.warnings.append(f"{path} says the same as another file given; it was taken once.")
            continue
        twins.append(path)
        one = plan_input(venue, path, head, [] if again else records, fmt, meter, given)
        if one.record is not None and any(other.record is one.record for other in plan.inputs):
            plan.warnings.append(f"{path} says the same as another file given; it was taken once.")
            continue
        plan.inputs.append(one)
        plan.warnings += [f"{path}: {note}." for note in one.notes]
    return plan


def follow(path: Path, source: Source) -> list[str]:
    """See that klines follow one another, and that one of them at least is a bar; of messages nothing is asked.

    Returns:
        What a person should read of them, to be put behind the file's name.

    Raises:
        IngestError: They do not, or none is.
    """
    if source.form != "klines":
        return []
    course, texts, frames, is_bar, lines = Course(A_BAR), list[Text](), 0, False, 0
    for cut in cut_feed(Feed(path, read_trusted(path), source), 0, texts, BLOCK_BYTES):
        text, before = texts.pop(), lines
        ends, bars = cut.line_end - text.base - 1, _bars_in(cut, source)

        def line_of(place: int, text: bytes = text.text, before: int = before, ends: Any = ends[bars]) -> int:
            return before + text.count(b"\n", 0, int(ends[place])) + 1

        lines += text.text.count(b"\n")
        frames += len(cut)
        is_bar = is_bar or len(bars) > 0
        if len(bars):
            course.see([source.symbol], np.zeros(len(bars), np.int64), cut.recv[bars], cut.recv[bars], line_of)
    if frames and not is_bar:
        raise gives_nothing(path, "none of its lines is a bar that can be read")
    try:
        return course.close()
    except Disorder as disorder:
        raise goes_back(path, disorder.reason) from disorder


def _bars_in(cut: Cut, source: Source) -> NDArray[np.int64]:
    """The frames of a cut that are bars. Where all ascend, what stands between two bars does no harm and is not looked at."""

    def reads(row: int) -> bool:
        return can_read(bytes(cut.buf[int(cut.start[row]) : int(cut.end[row])]), source)

    rows = np.arange(len(cut))
    if len(cut) and reads(0) and reads(len(cut) - 1) and bool((np.diff(cut.recv) > 0).all()):
        return rows
    return rows[[reads(row) for row in range(len(cut))]] if len(cut) else rows


def _is_double(path: Path, twins: list[Path]) -> bool:
    """Whether a file says the same as one before it.

    Raises:
        IngestError: One of them goes on where the other ends, so that its frames would be in twice.
    """
    for twin in twins:
        found = compare_files(path, twin)
        if found == "prefix":
            raise IngestError(
                f"{path} and {twin} begin with the same messages, and one of them goes on.",
                code="double_input",
                hint="Give the longer one alone.",
            )
        if found == "equal":
            return True
    return False


def plan_input(
    venue: str, path: Path, head: bytes, records: list[Record], fmt: str, meter: Meter, given: Given
) -> Input:
    """One file: recognised, or described anew. Errors as `describe_source`."""
    known = Recognition(read_text(path), [record for record in records if record.venue == venue])
    record = known.record
    if record is None:
        if not head.strip() and fmt != "auto":
            raise unreadable_format(path, head)
        source = describe_source(path, venue, head, fmt, given)
        feed = Feed(path, read_trusted(path, meter.add), source)
        return Input(feed, None, hashlib.sha256(), follow(path, source))
    _require_same(path, record, given)
    pieces = iter(()) if known.at_end else skip_bytes(read_trusted(path, meter.add), record.size)
    feed = Feed(path, pieces, record.source, record.size, record.key_ns, record.stray_lines)
    return Input(feed, record, known.hasher, [] if known.at_end else follow(path, record.source), known.older)


def _require_same(path: Path, record: Record, given: Given) -> None:
    """See that what is said of klines that are in is what they were taken in as. Raises IngestError."""
    if record.form == "klines":
        need_symbol(path, record.venue, given, record.symbol, certain=True)
        need_interval(path, given, record.interval_ns)


def _first_damage(path: Path) -> str:
    """Why a file gives no bytes at all; empty where it is simply empty."""
    try:
        for _ in read_text(path):
            return ""
    except Damage as damage:
        return damage.reason
    return ""


def compare_files(path: Path, twin: Path) -> str:
    """How the unpacked bytes of two files relate: `equal`, `prefix` (one begins with all of the other) or `different`."""
    if path.resolve() == twin.resolve():
        return "equal"
    ends = [_quietly(read_text(path)), _quietly(read_text(twin))]
    left, right = b"", b""
    while True:
        left = left or next(ends[0], b"")
        right = right or next(ends[1], b"")
        if not left or not right:
            return "prefix" if left or right else "equal"
        size = min(len(left), len(right))
        if left[:size] != right[:size]:
            return "different"
        left, right = left[size:], right[size:]


def _quietly(pieces: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except Damage:
        return
