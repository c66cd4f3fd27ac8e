"""The instruments of one journal: dense numbers, and for every sequence number the version in force.

The catalogue is a fold of the `instrument.*` rows. Numbers begin at 1 in the order of listing. What a venue's list or an
operator's file says about a symbol is kept as an *offer* until the symbol shows up in market data.
"""

import bisect
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from veloz.contracts.codes import VENUES
from veloz.contracts.instrument import CatalogueBody, InstrumentBody
from veloz.contracts.registry import CATALOGUE, CHANGED, LISTED
from veloz.instruments.instrument import VERSION_FIRST, Instrument, define, is_sound

UNPLACED: Final = 0  # a version made by a codec, whose row has no sequence number yet
_COLUMNS: Final = InstrumentBody.__struct_fields__
_BODY: Final = msgspec.msgpack.Decoder(InstrumentBody)
_LIST: Final = msgspec.msgpack.Decoder(CatalogueBody)


class Catalogue:
    """Instruments by number and by name."""

    def __init__(self) -> None:
        self._versions: list[list[Instrument]] = []
        self._begins: list[list[int]] = []  # sequence number of each version's row; UNPLACED until its row is applied
        self._numbers: dict[tuple[str, str], int] = {}
        self._offers: dict[tuple[str, str], InstrumentBody] = {}

    def __len__(self) -> int:
        """How many instruments are listed."""
        return len(self._versions)

    def __iter__(self) -> Iterator[Instrument]:
        """The newest version of each instrument, by number."""
        return (versions[-1] for versions in self._versions)

    def __getitem__(self, number: int) -> Instrument:
        """The newest version of an instrument.

        Raises:
            KeyError: no instrument has this number.
        """
        if not 1 <= number <= len(self._versions):
            raise KeyError(number)
        return self._versions[number - 1][-1]

    def at(self, number: int, seq: int) -> Instrument:
        """The version that rows at `seq` are written in.

        Raises:
            KeyError: no instrument has this number, or it was not listed yet.
        """
        if not 1 <= number <= len(self._versions):
            raise KeyError(number)
        ix = bisect.bisect_right(self._begins[number - 1], seq) - 1
        if ix < 0:
            raise KeyError(number)
        return self._versions[number - 1][ix]

    def versions(self, number: int) -> list[tuple[int, Instrument]]:
        """(sequence number it begins at, version) of every version of an instrument, oldest first."""
        return list(zip(self._begins[number - 1], self._versions[number - 1], strict=True))

    def find(self, venue: str, symbol: str) -> Instrument | None:
        """The newest version of a listed instrument; None when it is not listed."""
        number = self._numbers.get((venue, symbol))
        return None if number is None else self._versions[number - 1][-1]

    def named(self, symbol: str) -> list[Instrument]:
        """All listed instruments of a symbol, which may be one per venue."""
        return [instrument for instrument in self if instrument.symbol == symbol]

    def offered(self, venue: str, symbol: str) -> InstrumentBody | None:
        """What is known of a symbol from a list or a file; None when nothing is."""
        return self._offers.get((venue, symbol))

    def offer(self, body: InstrumentBody) -> bool:
        """Remember what a list or a file says about a symbol.

        Returns:
            Whether that was new.
        """
        assert is_sound(body), body
        key = (body.venue, body.symbol)
        if self._offers.get(key) == body:
            return False
        self._offers[key] = body
        return True

    def list_new(self, instrument: Instrument, seq: int = UNPLACED) -> None:
        """Add an instrument under the next number."""
        key = (instrument.venue, instrument.symbol)
        assert key not in self._numbers, key
        assert instrument.number == len(self._versions) + 1, instrument.number
        assert instrument.version == VERSION_FIRST, instrument.version
        self._numbers[key] = instrument.number
        self._versions.append([instrument])
        self._begins.append([seq])

    def change(self, instrument: Instrument, seq: int = UNPLACED) -> None:
        """Add the next version of a listed instrument."""
        versions = self._versions[instrument.number - 1]
        assert instrument.version == versions[-1].version + 1, instrument.version
        assert (instrument.venue, instrument.symbol) == (versions[-1].venue, versions[-1].symbol), instrument.symbol
        versions.append(instrument)
        self._begins[instrument.number - 1].append(seq)

    def apply(self, row: Any, body: bytes | None, seq: int) -> bool:
        """Fold one row of a journal.

        A version that a codec on this catalogue made itself only learns its sequence number here.

        Args:
            row: A record of 64 bytes in any view; only `kind`, `instrument` and the last word are read.
            body: Its body; needed for `instrument.*`.
            seq: Its sequence number, from 1.

        Returns:
            Whether the row was one of `instrument.*`.
        """
        kind = int(row["kind"])
        if kind == CATALOGUE.number:
            assert body is not None, "a row of instrument.catalogue has a body"
            for offer in read_offers(body):
                self.offer(offer)
            return True
        if kind not in (LISTED.number, CHANGED.number):
            return False
        assert body is not None, "a row of instrument.listed or instrument.changed has a body"
        number, version = int(row["instrument"]), int(row[row.dtype.names[-1]])
        if number <= len(self) and version <= self._versions[number - 1][-1].version:
            self._begins[number - 1][version - VERSION_FIRST] = seq
            return True
        instrument = define(_BODY.decode(body), number, version)
        if kind == LISTED.number:
            self.list_new(instrument, seq)
        else:
            self.change(instrument, seq)
        return True

    def copy(self) -> "Catalogue":
        """An independent catalogue of the same content."""
        twin = Catalogue()
        twin._versions = [list(versions) for versions in self._versions]
        twin._begins = [list(begins) for begins in self._begins]
        twin._numbers = dict(self._numbers)
        twin._offers = dict(self._offers)
        return twin


def write_offers(offers: list[InstrumentBody]) -> bytes:
    """Body of an `instrument.catalogue` row: offers as msgpack."""
    rows = [msgspec.structs.astuple(offer) for offer in offers]
    return msgspec.msgpack.encode(CatalogueBody(columns=_COLUMNS, offers=rows))


def read_offers(body: bytes) -> Iterator[InstrumentBody]:
    """The offers in the body of an `instrument.catalogue` row. Columns this version does not know are dropped."""
    found = _LIST.decode(body)
    known = [ix for ix, name in enumerate(found.columns) if name in _COLUMNS]
    for row in found.offers:
        offer = msgspec.convert({found.columns[ix]: row[ix] for ix in known}, InstrumentBody)
        if offer.venue in VENUES:
            yield offer
