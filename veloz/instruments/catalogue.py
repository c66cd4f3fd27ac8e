"""The instruments of one journal: dense numbers, and for every sequence number the version in force.

The catalogue is a fold of the `instrument.*` rows. Numbers begin at 1 in the order of listing. What a venue's list or an
operator's file says about a symbol is kept as an *offer* until the symbol shows up in market data. What a file says is kept
apart: no row states it before it is used, so that nothing but its use may depend on it. So is what klines were seen to need
before the first of them is taken: it is no offer, and counts where nobody says anything, for klines alone.
"""

import bisect
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from veloz.contracts.codes import VENUES
from veloz.contracts.instrument import CatalogueBody, InstrumentBody
from veloz.contracts.registry import BY_NUMBER, CATALOGUE, CHANGED, LISTED
from veloz.instruments.inference import merge
from veloz.instruments.instrument import VERSION_FIRST, Instrument, define, is_sound

GIVEN: Final = "file"  # the origin of what an operator's file says
UNPLACED: Final = 0  # a version made by a codec, whose row has no sequence number yet
_COLUMNS: Final = InstrumentBody.__struct_fields__
_BODY: Final = msgspec.msgpack.Decoder(InstrumentBody)
_LIST: Final = msgspec.msgpack.Decoder(CatalogueBody)


class CatalogueError(ValueError):
    """A row of `instrument.*` that no journal of ours can hold.

    Args:
        seq: Its sequence number.
        why: What is wrong with it.
    """

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"Record {seq} states an instrument that cannot be used: {why}.")
        self.seq = seq


class Catalogue:
    """Instruments by number and by name."""

    def __init__(self) -> None:
        self._versions: list[list[Instrument]] = []
        self._begins: list[list[int]] = []  # sequence number of each version's row; UNPLACED until its row is applied
        self._numbers: dict[tuple[str, str], int] = {}
        self._offers: dict[tuple[str, str], InstrumentBody] = {}  # of the venues' own lists
        self._given: dict[tuple[str, str], InstrumentBody] = {}  # of an operator's file
        self._foreseen: dict[tuple[str, str], InstrumentBody] = {}  # of the numbers of whole files

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
        """What is known of a symbol from a file or a list; None when nothing is."""
        return self._given.get((venue, symbol)) or self._offers.get((venue, symbol))

    def stated(self, venue: str, symbol: str) -> InstrumentBody | None:
        """What the venue's own list has said about a symbol; None when nothing."""
        return self._offers.get((venue, symbol))

    def foresee(self, body: InstrumentBody) -> None:
        """Remember what the klines of a symbol need, of which nothing else is known."""
        assert is_sound(body), body
        self._foreseen[body.venue, body.symbol] = body

    def foreseen(self, venue: str, symbol: str) -> InstrumentBody | None:
        """What the klines of a symbol were seen to need; None where nobody looked."""
        return self._foreseen.get((venue, symbol))

    def pending(self, known: Instrument) -> InstrumentBody | None:
        """What a listed instrument becomes by what a file says about it; None where nothing changes."""
        given = self._given.get((known.venue, known.symbol))
        if given is None or (merged := merge(known.body, given)) == known.body:
            return None
        return merged

    def offer(self, body: InstrumentBody) -> bool:
        """Remember what a list or a file says about a symbol. A list that comes after a file has the last word.

        Returns:
            Whether that was new.
        """
        assert is_sound(body), body
        key = (body.venue, body.symbol)
        if body.origin == GIVEN:
            new = self._given.get(key) != body
            self._given[key] = body
            return new
        if self._offers.get(key) == body:
            return False
        self._offers[key] = body
        self._given.pop(key, None)
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

        A version that a codec on this catalogue made itself only learns its sequence number here. A row in a version of its
        kind that this code does not know is passed over.

        Args:
            row: A record of 64 bytes in any view; only `kind`, `version`, `instrument` and the last word are read.
            body: Its body; needed for `instrument.*`.
            seq: Its sequence number, from 1.

        Returns:
            Whether the row was one of `instrument.*`.

        Raises:
            CatalogueError: its body is missing or senseless, or it is out of order. The catalogue is as it was.
        """
        kind = int(row["kind"])
        if kind not in (CATALOGUE.number, LISTED.number, CHANGED.number):
            return False
        if int(row["version"]) != BY_NUMBER[kind].version:
            return True
        if body is None:
            raise CatalogueError(seq, "it has no body")
        try:
            if kind == CATALOGUE.number:
                self._apply_offers(body, seq)
            else:
                self._apply_version(kind, int(row["instrument"]), int(row[row.dtype.names[-1]]), body, seq)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreadable(seq, error) from error
        return True

    def _apply_offers(self, body: bytes, seq: int) -> None:
        offers = list(read_offers(body))
        if not all(is_sound(offer) for offer in offers):
            raise CatalogueError(seq, "its body breaks the bounds of instruments")
        for offer in offers:
            self.offer(offer)

    def _apply_version(self, kind: int, number: int, version: int, body: bytes, seq: int) -> None:
        """One row of instrument.listed or instrument.changed."""
        known = self._versions[number - 1] if 1 <= number <= len(self) else []
        if VERSION_FIRST <= version < VERSION_FIRST + len(known):
            self._begins[number - 1][version - VERSION_FIRST] = seq
            return
        found = read_body(body, seq)
        key = (found.venue, found.symbol)
        if kind == LISTED.number:
            if number != len(self) + 1 or version != VERSION_FIRST or key in self._numbers:
                raise CatalogueError(seq, f"{found.symbol} is listed out of order, as number {number}")
            self.list_new(define(found, number, version), seq)
            return
        if version != VERSION_FIRST + len(known) or self._numbers.get(key) != number:
            raise CatalogueError(
                seq, f"{found.symbol} is changed out of order, as version {version} of number {number}"
            )
        self.change(define(found, number, version), seq)

    def copy(self) -> "Catalogue":
        """An independent catalogue of the same content."""
        twin = Catalogue()
        twin._versions = [list(versions) for versions in self._versions]
        twin._begins = [list(begins) for begins in self._begins]
        twin._numbers = dict(self._numbers)
        twin._offers = dict(self._offers)
        twin._given = dict(self._given)
        twin._foreseen = dict(self._foreseen)
        return twin


def unreadable(seq: int, error: Exception) -> CatalogueError:
    """What to say of a body that is none."""
    return CatalogueError(seq, f"its body cannot be read ({error})")


def read_body(body: bytes, seq: int) -> InstrumentBody:
    """Body of an `instrument.listed` or `instrument.changed` row.

    Args:
        body: As recorded.
        seq: Sequence number of the row.

    Raises:
        CatalogueError: it is senseless.
    """
    try:
        found = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unreadable(seq, error) from error
    if not is_sound(found):
        raise CatalogueError(seq, "its body breaks the bounds of instruments")
    return found


def write_offers(offers: list[InstrumentBody]) -> bytes:
    """Body of an `instrument.catalogue` row: offers as msgpack."""
    rows = [msgspec.structs.astuple(offer) for offer in offers]
    return msgspec.msgpack.encode(CatalogueBody(columns=_COLUMNS, offers=rows))


def read_offers(body: bytes) -> Iterator[InstrumentBody]:
    """The offers in the body of an `instrument.catalogue` row. Columns this version does not know are dropped.

    Raises:
        msgspec.DecodeError: It is no such body.
    """
    found = _LIST.decode(body)
    known = [ix for ix, name in enumerate(found.columns) if name in _COLUMNS]
    for row in found.offers:
        if len(row) != len(found.columns):
            raise msgspec.ValidationError(f"an offer has {len(row)} values for {len(found.columns)} columns")
        offer = msgspec.convert({found.columns[ix]: row[ix] for ix in known}, InstrumentBody)
        if offer.venue in VENUES:
            yield offer
