"""Frames of Binance's three markets → rows.

The facade: sources, counts, and the loop that lets the scanner run as far as it can and gives every other frame to the reference
decoder, in place. Rows are a pure function of the sources, the offers and the frames.
A snapshot that names no symbol is its source's symbol's only as long as the source has shown no other: from the first market row of
another symbol on, such a snapshot is refused. A codec that goes on where another ended must be told what its sources have shown.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.codes import SPOKEN, VENUES
from veloz.contracts.layout import ROW
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.instrument import Instrument
from veloz.venues.binance.books import LEVEL_BYTES_MIN, scan_book
from veloz.venues.binance.digits import words_of
from veloz.venues.binance.plain import SNAPSHOT_NAME, Plain, Reading, source_row
from veloz.venues.binance.plan import Plan
from veloz.venues.binance.scanner import scan
from veloz.venues.port import Counts, FrameBlock, LocalError, RowBlock, Source

SOURCE_MAX: Final = 2**16 - 1
UNSCANNED: Final = "klines"  # a form whose frames are no JSON
MARKET_LAST: Final = np.uint64(31)  # kinds up to here are md.*
KIND_MASK: Final = np.uint64(0xFFFF)


def _frozen(array: NDArray[Any], dtype: type) -> NDArray[Any]:
    """A read-only view, so that a kernel is compiled for one kind of array, whoever made it."""
    view: NDArray[Any] = np.ascontiguousarray(array, dtype).view()
    view.flags.writeable = False
    return view


def _rows_at_most(block: FrameBlock, ix: int) -> int:
    """More rows than a scanner can make of the frames from ix on: a row for every `LEVEL_BYTES_MIN` bytes and one for every frame."""
    if ix >= len(block):
        return 0
    return (int(block.end[-1]) - int(block.start[ix])) // LEVEL_BYTES_MIN + len(block) - ix + 1


class _Rows:
    """The growing rows of one block."""

    def __init__(self, capacity: int) -> None:
        self.words: NDArray[np.uint64] = np.empty((capacity, 8), np.uint64)
        self.used = 0

    def reserve(self, more: int) -> None:
        """Make room for `more` rows behind those in use."""
        if self.used + more > len(self.words):
            grown: NDArray[np.uint64] = np.empty((max(self.used + more, 2 * len(self.words)), 8), np.uint64)
            grown[: self.used] = self.words[: self.used]
            self.words = grown

    def add(self, reading: Reading) -> None:
        """The rows of one frame."""
        rows = np.array(reading.rows, ROW)
        self.words[self.used : self.used + len(rows)] = rows.view(np.uint64).reshape(-1, 8)
        self.used += len(rows)


class Codec:
    """All markets of Binance. A frame's market comes from its source, so merged captures stay in big blocks."""

    def __init__(self, catalogue: Catalogue, counts: Counts | None = None) -> None:
        self.catalogue = catalogue
        self.counts = Counts() if counts is None else counts
        self._plain = Plain(catalogue)
        self._plan = Plan()
        self._sources: dict[int, Source] = {}
        self._announced: dict[int, bool] = {}
        self._nameless: dict[int, Source] = {}  # sources as they are read once they have shown two symbols

    def declare(self, source: Source, announced: bool = False, shown: Iterable[int] = ()) -> None:
        """Make a source known.

        Args:
            source: Its number must be free, or hold the same source.
            announced: The journal has its `system.source` row already; otherwise its first frame will begin with one.
            shown: Instruments that its market rows so far are of.

        Raises:
            LocalError: the number or venue is impossible, or the number belongs to another source.
        """
        if not 1 <= source.number <= SOURCE_MAX or source.venue not in SPOKEN:
            raise LocalError(
                f"Source {source.number} of {source.venue!r} cannot be declared; number it from 1 and name a known venue."
            )
        if self._sources.get(source.number, source) != source:
            raise LocalError(
                f"Source {source.number} is declared already as something else; give it a number of its own."
            )
        self._sources[source.number] = source
        self._announced[source.number] = self._announced.get(source.number, False)
        if announced:
            self._announce(source)
        self._see(source, shown)

    def relearn(self) -> None:
        """Let a frame of every shape pass the reference decoder again: offers were made that change listed instruments."""
        self._plan = Plan()
        for number, announced in self._announced.items():
            if announced:
                self._announce(self._sources[number])

    def take_version(self, instrument: Instrument) -> None:
        """Learn a version that the private codec has put into the same catalogue."""
        self._plan.set_scales(instrument)

    def decode(self, block: FrameBlock) -> RowBlock:
        """Rows of a block of frames.

        Args:
            block: Frames of declared sources.

        Returns:
            At least one row a frame; the last row of each frame has STEP_END. Every row, first row and body of a frame is complete.

        Raises:
            LocalError: a frame's source was never declared; nothing of the block is decoded then.
        """
        n = len(block)
        self._check_sources(block)
        first_row: NDArray[np.uint32] = np.empty(n, np.uint32)
        bodies: list[tuple[int, bytes]] = []
        if n == 0:
            return RowBlock(np.empty(0, ROW), first_row, bodies)
        words = words_of(block.buf)
        recv = _frozen(block.recv, np.int64).view(np.uint64)
        frames = (
            words,
            _frozen(block.start, np.int64),
            _frozen(block.end, np.int64),
            recv,
            _frozen(block.source, np.uint16),
        )
        rows = _Rows(_rows_at_most(block, 0))
        ix = looked_at = 0
        with np.errstate(over="ignore"):  # an uncompiled kernel's arithmetic wraps as the compiled one's does
            while True:
                ix, rows.used = map(int, scan(*frames, self._plan.tables(), ix, rows.words, rows.used, first_row))
                if ix == n:
                    break
                first_row[ix] = rows.used
                self._look(block, looked_at, ix, rows, first_row)
                self._host_frame(block, ix, rows, bodies)
                looked_at = ix
                ix += 1
            self._look(block, looked_at, n, rows, first_row)
        self.counts.messages.update(self._plan.take_counts())
        return RowBlock(rows.words[: rows.used].view(ROW).reshape(-1), first_row, bodies)

    def _check_sources(self, block: FrameBlock) -> None:
        for number in np.unique(block.source):
            if int(number) not in self._sources:
                raise LocalError(
                    f"A frame belongs to source {number}, which was never declared; declare it before its frames."
                )

    def _look(self, block: FrameBlock, a: int, b: int, rows: _Rows, first_row: NDArray[np.uint32]) -> None:
        """Keep in mind which sources show another symbol than their own in the market rows of frames a … b-1.

        Of these, only frame a may have rows of several instruments: the others were scanned.
        """
        watched = [source for source in self._sources.values() if self._is_watched(source)]
        if a == b or not watched:
            return
        whole = rows.words[int(first_row[a]) : int(first_row[a + 1]) if a + 1 < b else rows.used, 0]
        self._look_at(whole, self._sources[int(block.source[a])])
        heads, numbers = rows.words[first_row[a + 1 : b], 0], block.source[a + 1 : b]
        for source in watched if a + 1 < b else ():
            self._look_at(heads[numbers == source.number], source)

    def _look_at(self, heads: NDArray[np.uint64], source: Source) -> None:
        """First words of rows of one source."""
        if not self._is_watched(source):
            return
        own = self.catalogue.find(source.venue, source.symbol)
        numbers = heads >> np.uint64(32)
        other = (numbers != np.uint64(own.number if own else 0)) & (heads & KIND_MASK <= MARKET_LAST)
        if other.any():
            self._see(source, np.unique(numbers[other]).tolist())

    def _is_watched(self, source: Source) -> bool:
        """Whether a source has a symbol that it may still lose."""
        return bool(source.symbol) and source.form != UNSCANNED and source.number not in self._nameless

    def _see(self, source: Source, numbers: Iterable[int]) -> None:
        """A source has market rows of these instruments."""
        if self._is_watched(source) and any(self.catalogue[number].symbol != source.symbol for number in numbers):
            self._nameless[source.number] = replace(source, symbol="")

    def _host_frame(self, block: FrameBlock, ix: int, rows: _Rows, bodies: list[tuple[int, bytes]]) -> None:
        """A frame the scanner left: a whole book, or anything else through the reference decoder."""
        source, recv, frame = self._sources[int(block.source[ix])], int(block.recv[ix]), block.frame(ix)
        announced = self._announced[source.number]
        read_as = self._nameless.get(source.number, source)
        if announced and source.form != UNSCANNED:
            last = scan_book(frame, recv, read_as, self.catalogue, self._plan.tables().registers, rows.words, rows.used)
            if last > rows.used:
                rows.used = last
                self.counts.messages[SNAPSHOT_NAME] += 1
                return
        reading = self._plain.read(frame, recv, read_as)
        self._take(reading, frame, source)
        if not announced:
            row, body = source_row(source, recv)
            later = [(place + 1, other) for place, other in reading.bodies]
            reading = reading._replace(rows=[row, *reading.rows], bodies=[(0, body), *later])
            self._announce(source)
        bodies += [(rows.used + place, body) for place, body in reading.bodies]
        rows.reserve(len(reading.rows) + _rows_at_most(block, ix + 1))
        rows.add(reading)

    def _take(self, reading: Reading, frame: bytes, source: Source) -> None:
        """Everything a reading changes: the catalogue, the counts, and what the scanner knows."""
        self._plain.commit(reading)
        if reading.name is not None:
            self.counts.messages[reading.name] += 1
        self.counts.rejected += reading.rejected
        self.counts.unknown += reading.unknown
        for instrument in reading.instruments:
            self._plan.set_scales(instrument)
        if reading.whose and reading.name is not None:
            instrument = self.catalogue[reading.whose]
            if self.catalogue.pending(instrument) is None:
                self._plan.learn(frame, reading.name, VENUES[source.venue], instrument)

    def _announce(self, source: Source) -> None:
        """From now on the source's frames may be scanned."""
        self._announced[source.number] = True
        if source.form != UNSCANNED:
            self._plan.open_source(source.number, VENUES[source.venue])
