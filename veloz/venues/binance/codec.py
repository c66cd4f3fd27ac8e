"""Frames of Binance's three markets → rows.

The facade: sources, counts, and the loop that lets the scanner run as far as it can and gives every other frame to the reference
decoder, in place. Rows are a pure function of the sources, the offers and the frames.
"""

from typing import Final

import numpy as np

from veloz.contracts.codes import VENUES
from veloz.contracts.layout import ROW
from veloz.instruments.catalogue import Catalogue
from veloz.venues.binance.plain import Plain, Reading, source_row
from veloz.venues.port import Counts, FrameBlock, LocalError, RowBlock, Source

SOURCE_MAX: Final = 2**16 - 1


class Codec:
    """All markets of Binance. A frame's market comes from its source, so merged captures stay in big blocks."""

    def __init__(self, catalogue: Catalogue, counts: Counts | None = None) -> None:
        self.catalogue = catalogue
        self.counts = Counts() if counts is None else counts
        self._plain = Plain(catalogue)
        self._sources: dict[int, Source] = {}
        self._announced: dict[int, bool] = {}

    def declare(self, source: Source, announced: bool = False) -> None:
        """Make a source known.

        Args:
            source: Its number must be free, or hold the same source.
            announced: The journal has its `system.source` row already; otherwise its first frame will begin with one.

        Raises:
            LocalError: the number or venue is impossible, or the number belongs to another source.
        """
        if not 1 <= source.number <= SOURCE_MAX or source.venue not in VENUES:
            raise LocalError(f"Source {source.number} of {source.venue!r} cannot be declared; number it from 1 and name a known venue.")
        if self._sources.get(source.number, source) != source:
            raise LocalError(f"Source {source.number} is declared already as something else; give it a number of its own.")
        self._sources[source.number] = source
        self._announced[source.number] = announced or self._announced.get(source.number, False)

    def decode(self, block: FrameBlock) -> RowBlock:
        """Rows of a block of frames.

        Args:
            block: Frames of declared sources.

        Returns:
            At least one row a frame; the last row of each frame has STEP_END.

        Raises:
            LocalError: a frame's source was never declared.
        """
        rows: list[np.ndarray] = []
        first_row = np.empty(len(block), np.uint32)
        bodies: list[tuple[int, bytes]] = []
        at = 0
        for ix in range(len(block)):
            first_row[ix] = at
            reading, own = self._read_plain(block, ix)
            rows.append(own)
            bodies += [(at + place, body) for place, body in reading.bodies]
            at += len(own)
        joined = np.concatenate(rows) if rows else np.empty(0, ROW)
        return RowBlock(joined, first_row, bodies)

    def _read_plain(self, block: FrameBlock, ix: int) -> tuple[Reading, np.ndarray]:
        """One frame through the reference decoder, announced if its source is new."""
        number, recv = int(block.source[ix]), int(block.recv[ix])
        source = self._sources.get(number)
        if source is None:
            raise LocalError(f"Frame {ix} belongs to source {number}, which was never declared; declare it first.")
        reading = self._plain.read(block.frame(ix), recv, source)
        self._plain.commit(reading)
        self._count(reading)
        if not self._announced[number]:
            self._announced[number] = True
            row, body = source_row(source, recv)
            bodies = [(0, body), *((place + 1, other) for place, other in reading.bodies)]
            reading = reading._replace(rows=[row, *reading.rows], bodies=bodies)
        return reading, np.array(reading.rows, ROW)

    def _count(self, reading: Reading) -> None:
        if reading.name is not None:
            self.counts.messages[reading.name] += 1
        self.counts.rejected += reading.rejected
        self.counts.unknown += reading.unknown
