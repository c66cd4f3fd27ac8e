"""Read the raw frames of a journal again: the same rows must come out.

Rows are a pure function of sources, offers and frames. Sources, whatever an operator's file said about instruments, and the quanta
in which klines list one of which nothing was said, are taken from the rows on record; everything else is decoded anew, compared with
the record byte for byte, and folded in its place. Behind the rows of a frame, those of an engine may stand that came from no frame:
decisions, commands, timers. They are folded as recorded; a row of a kind that frames give is none of them. An engine also takes
several frames in one step, so that there a frame need not end a step; in what was ingested it does.
Batches whose frames have expired are folded as recorded; what their sources showed is forgotten with them, so that a
snapshot that was refused because its source had shown two symbols may be taken where only expired frames tell of the second.
"""

import time
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from journal import Batch, Frames, Reader, View
from journal.batch import OPEN_END
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.registry import (
    BY_NUMBER,
    CATALOGUE,
    CHANGED,
    KINDS,
    LEVEL,
    LINK,
    LISTED,
    REFUSED,
    SOURCE,
    STARTED,
    UNKNOWN,
    Kind,
)  # fmt: skip
from veloz.contracts.system import SourceBody
from veloz.engine.replay import DIVERGENCES_MAX, Divergence, Replay
from veloz.history.names import learn, read_catalogue
from veloz.history.recall import Progress, Recall
from veloz.ingest.forms import TABLES
from veloz.instruments.catalogue import GIVEN, Catalogue, read_body
from veloz.reducers.state import new_state
from veloz.venues.binance.codec import Codec
from veloz.venues.port import FRAME_PAD, NEWLINE, FrameBlock, RowBlock, Source

BATCHES_A_VIEW: Final = 64
BODY: Final = "body"
_MARKET: Final = tuple(kind.number for kind in KINDS if kind.topic == LEVEL.topic)
_DECODED: Final = (*_MARKET, *(each.number for each in (LISTED, CHANGED, CATALOGUE, REFUSED, UNKNOWN, LINK, SOURCE)))


class Redecoder:
    """Decodes batch after batch, in order, and keeps what differs."""

    def __init__(self, catalogue: Catalogue, compare_from: int) -> None:
        self._catalogue = catalogue
        self._codec = Codec(catalogue)
        self._known: dict[int, Source] = {}
        self._compare_from = compare_from
        self._engine_ran = False
        self.divergences: list[Divergence] = []
        self.frames = 0

    def announce(self, batch: Batch) -> None:
        """Take over the sources a batch announces, without decoding it."""
        if not batch.has_kind(SOURCE.number):
            return
        rows = batch.rows.view(ROW)
        for at, body in batch.bodies():
            if is_known(rows[at], SOURCE):
                self._declare(int(rows[at]["venue_seq"]), body, announced=True)

    def rows(self, batch: Batch, frames: Frames | None) -> np.ndarray:
        """The batch's rows as decoded from its frames; as recorded where there are none. ROW[n], valid as long as the batch."""
        recorded = batch.rows.view(ROW)
        self._engine_ran |= batch.has_kind(STARTED.number)
        if frames is None:
            self.announce(batch)
            learn(self._catalogue, batch)
            return recorded
        self._prepare(batch, frames)
        decoded = self._codec.decode(frame_block(frames, recorded))
        self.frames += len(frames)
        rows = self._compare(batch, frames, decoded)
        learn(self._catalogue, batch)
        return rows

    def _declare(self, number: int, body: bytes, *, announced: bool) -> None:
        if number in self._known:
            return
        told = msgspec.msgpack.decode(body, type=SourceBody)
        if told.form in TABLES:
            return  # no frames stand beside its rows
        source = Source(number, told.venue, told.symbol, told.form, told.columns, told.interval_ns)
        self._known[number] = source
        self._codec.declare(source, announced)

    def must_look(self, batch: Batch) -> bool:
        """Whether a batch that is not decoded may show a source another symbol than its own."""
        symbols = {self._catalogue[number].symbol for number in _shown(batch.rows.view(ROW))}
        return any(source.symbol and symbols - {source.symbol} for source in self._known.values())

    def look(self, batch: Batch, frames: Frames) -> None:
        """Take over what sources have shown in a batch that is not decoded."""
        rows = batch.rows.view(ROW)[int(frames.first_row[0]) :]
        numbers = np.repeat(frames.source, np.diff(frames.first_row, append=np.uint32(batch.n)))
        for number in np.unique(numbers).tolist():
            self._codec.declare(self._known[number], True, _shown(rows[numbers == number]))

    def _prepare(self, batch: Batch, frames: Frames) -> None:
        """Declare the sources that begin here, and offer what a file said about instruments that are listed or changed here."""
        rows = batch.rows.view(ROW)
        begins = set(frames.first_row.tolist())
        told: dict[tuple[str, str], InstrumentBody] = {}
        for at, body in batch.bodies():
            if is_known(rows[at], SOURCE):
                self._declare(int(rows[at]["venue_seq"]), body, announced=at not in begins)
            elif is_known(rows[at], LISTED) or is_known(rows[at], CHANGED):
                found = read_body(body, batch.first + at)
                self._offer(told, found)
                number = int(frames.source[np.searchsorted(frames.first_row, at, "right") - 1])
                if at >= frames.first_row[0] and self._known[number].form == "klines":
                    self._catalogue.foresee(found)

    def _offer(self, told: dict[tuple[str, str], InstrumentBody], body: InstrumentBody) -> None:
        """Offer what a file said, if it did.

        Args:
            told: What this batch said of each instrument so far.
            body: What it says next.
        """
        key = (body.venue, body.symbol)
        known = self._catalogue.find(*key)
        before = told.get(key) or (known.body if known else None)
        told[key] = body
        if body.origin != GIVEN or (before is not None and says_alike(before, body)):
            return
        self._catalogue.offer(body)
        if known is not None:
            self._codec.relearn()

    def _compare(self, batch: Batch, frames: Frames, decoded: RowBlock) -> np.ndarray:
        """The decoded rows in the places of the recorded ones; what differs is noted."""
        recorded = batch.rows.view(ROW)
        places, rooms = _places(batch, frames, decoded)
        other = np.ones(batch.n, bool)
        other[: int(frames.first_row[0])] = False
        other[places] = False
        strays = np.flatnonzero(other & np.isin(recorded["kind"], _DECODED))
        if len(strays):
            rooms[np.searchsorted(frames.first_row, strays[0], "right") - 1] = -1
        if rooms.min() < 0:
            at = int(frames.first_row[np.argmax(rooms < 0)])
            self._note(batch.first + at, recorded, at, "rows", "as decoded")
            return recorded
        rows = recorded.copy()
        rows[places] = decoded.rows[: len(places)]
        if self._engine_ran or other.any():
            rows["flags"] &= recorded["flags"] | (0xFF ^ STEP_END)
        differs = np.flatnonzero((rows.view("u1").reshape(-1, 64) != recorded.view("u1").reshape(-1, 64)).any(axis=1))
        for at in differs[:DIVERGENCES_MAX].tolist():
            for name in ROW.names or ():
                if rows[at][name] != recorded[at][name]:
                    self._note(batch.first + at, recorded, at, name, str(rows[at][name]))
                    break
        bodies = {int(places[at]): body for at, body in decoded.bodies if at < len(places)}
        found = {at: body for at, body in batch.bodies() if at >= frames.first_row[0] and not other[at]}
        for at in sorted(bodies.keys() | found.keys()):
            if bodies.get(at) != found.get(at):
                self._note(batch.first + at, recorded, at, BODY, "another body")
        return rows

    def _note(self, seq: int, recorded: np.ndarray, at: int, field: str, recomputed: str) -> None:
        if seq < self._compare_from or len(self.divergences) >= DIVERGENCES_MAX:
            return
        kind = BY_NUMBER.get(int(recorded[at]["kind"]))
        named = kind.name if kind else str(int(recorded[at]["kind"]))
        on_record = str(recorded[at][field]) if field in (ROW.names or ()) else "as recorded"
        self.divergences.append(Divergence(seq, named, field, on_record, recomputed, None))


def _shown(rows: np.ndarray) -> list[int]:
    """Instruments of the market rows among these."""
    found: list[int] = np.unique(rows["instrument"][np.isin(rows["kind"], _MARKET)]).tolist()
    return [number for number in found if number]


def is_known(row: np.void, kind: Kind) -> bool:
    """Whether a row is of a kind, in the version of it that we read."""
    return int(row["kind"]) == kind.number and int(row["version"]) == kind.version


def says_alike(one: InstrumentBody, other: InstrumentBody) -> bool:
    """Whether two bodies differ in nothing but quanta, which data may have asked for."""
    quanta = {name: getattr(one, name) for name in ("price_scale", "qty_scale", "qty_scale_limit")}
    return msgspec.structs.replace(other, **quanta) == one


def _places(batch: Batch, frames: Frames, decoded: RowBlock) -> tuple[np.ndarray, np.ndarray]:
    """Where in a batch the decoded rows belong, and for every frame, how many rows it has room for beyond its own.

    A journal restored from an archive that was cut within a frame has only some of the last one's rows.
    """
    first = frames.first_row.astype(np.int64)
    count = np.append(decoded.first_row[1:], len(decoded.rows)).astype(np.int64) - decoded.first_row
    room = np.append(first[1:], batch.n) - first
    if batch.flags & OPEN_END:
        count[-1] = min(count[-1], room[-1])
    places = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(count.sum())
    return places[places < batch.n], room - count


def frame_block(frames: Frames, rows: np.ndarray) -> FrameBlock:
    """Kept frames as a codec wants them.

    Args:
        frames: Frames of one batch.
        rows: ROW[n] of that batch, for the receive stamps.
    """
    end = frames.end.astype(np.int64)
    start = np.empty_like(end)
    start[0], start[1:] = 0, end[:-1] + 1
    size = len(frames.raw)
    buf = np.empty(size + FRAME_PAD, np.uint8)
    buf[:size] = np.frombuffer(frames.raw, np.uint8)
    buf[size:] = NEWLINE[0]
    return FrameBlock(buf, start, end, rows["ts_recv"][frames.first_row].copy(), frames.source)


def redecode(path: Path, *, first: int = 1, last: int, on_progress: Progress | None = None) -> Recall:
    """Fold a journal from its raw frames.

    Args:
        path: The journal's directory.
        first: Rows from here on are counted and compared; the ones before are folded as recorded.
        last: Last row folded.
        on_progress: Called now and then with rows done and rows in all.

    Returns:
        The fold, with the divergences of the rows in its replay.

    Raises:
        journal.ReadError: The journal cannot be read, or a batch is damaged.
    """
    replay = Replay(new_state(), count_from=first)
    begun = time.perf_counter()
    with Reader.open(path) as reader:
        with reader.view() as view:
            redecoder = Redecoder(read_catalogue(view, 0), first)
        at = 1
        while 0 < at <= last:
            with reader.view() as view:
                at = _feed_some(view, redecoder, replay, at, first, last)
            if on_progress is not None:
                on_progress(replay.last_seq, last)
    replay.divergences = redecoder.divergences
    return Recall(replay, None, time.perf_counter() - begun, replay.last_seq, redecoder.frames)


def _feed_some(view: View, redecoder: Redecoder, replay: Replay, at: int, first: int, last: int) -> int:
    """Decode and fold one read transaction's worth; where to go on, 0 at the end."""
    for count, batch in enumerate(view.scan(at, last), 1):
        wanted = batch.last >= first
        frames = view.frames(batch.first, digest=batch.frames_digest) if wanted else None
        rows = redecoder.rows(batch, frames)
        if (
            not wanted
            and redecoder.must_look(batch)
            and (frames := view.frames(batch.first, digest=batch.frames_digest))
        ):
            redecoder.look(batch, frames)
        replay.feed(batch.first, rows[: last - batch.first + 1])
        at = batch.last + 1
        if count == BATCHES_A_VIEW:
            return at
    return 0
