"""What a journal calls things: its instruments at any record, and decimals instead of quanta."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from journal import Batch, Reader, View
from veloz.contracts.layout import ROW
from veloz.contracts.registry import CATALOGUE, CHANGED, LISTED
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.instrument import Instrument
from veloz.instruments.lexicon import NAMED, Lexicon

NAMING: Final = frozenset({LISTED.number, CHANGED.number, CATALOGUE.number})


class Names:
    """Instruments of a journal by what people call them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def find(self, text: str) -> list[int]:
        """Numbers of the instruments that `SYMBOL` or `venue:SYMBOL` may mean; empty when there is none."""
        venue, colon, symbol = text.partition(":")
        if colon:
            found = self.catalogue.find(venue, symbol)
            return [] if found is None else [found.number]
        return [instrument.number for instrument in self.catalogue.named(text)]

    def symbol(self, number: int) -> str:
        """The venue's own spelling."""
        return self.catalogue[number].symbol

    def full_name(self, number: int) -> str:
        """`venue:SYMBOL`."""
        instrument = self.catalogue[number]
        return f"{instrument.venue}:{instrument.symbol}"

    def at(self, number: int, seq: int) -> Instrument | None:
        """The version that rows at `seq` are written in; None for no instrument or an unknown one."""
        try:
            return self.catalogue.at(number, seq)
        except KeyError:
            return None

    def newest(self, number: int) -> Instrument | None:
        """The newest version of an instrument; None for none or an unknown one."""
        return self.catalogue[number] if 1 <= number <= len(self.catalogue) else None

    def decimals(self, number: int, seq: int, levels: Iterable[tuple[int, int]]) -> list[list[str]]:
        """Book levels as [price, quantity] texts.

        Args:
            number: The instrument.
            seq: The record as of which the levels are in quanta.
            levels: (price, quantity) in quanta.
        """
        instrument = self.catalogue.at(number, seq)
        return [[instrument.price_text(int(price)), instrument.qty_text(int(qty))] for price, qty in levels]


def learn_words(lexicon: Lexicon, batch: Batch) -> None:
    """Take the rows of one batch that name assets, accounts, strategies and runs into a lexicon."""
    if not any(batch.has_kind(kind) for kind in NAMED):
        return
    rows = batch.rows.view(ROW)
    bodies = dict(batch.bodies())
    for at, kind in enumerate(rows["kind"].tolist()):
        if kind in NAMED:
            lexicon.learn(rows[at], bodies.get(at), batch.first + at)


def read_lexicon(view: View, last: int | None = None) -> Lexicon:
    """The names of all rows up to `last`; other batches are skipped, not read."""
    lexicon = Lexicon()
    for batch in view.scan(1, last, kinds=set(NAMED)):
        learn_words(lexicon, batch)
    return lexicon


def learn(catalogue: Catalogue, batch: Batch) -> None:
    """Fold the instrument rows of one batch into a catalogue."""
    if not any(batch.has_kind(kind) for kind in NAMING):
        return
    rows = batch.rows.view(ROW)
    for at, body in batch.bodies():
        if int(rows[at]["kind"]) in NAMING:
            catalogue.apply(rows[at], body, batch.first + at)


def read_catalogue(view: View, last: int | None = None) -> Catalogue:
    """The instruments of all rows up to `last`; market data is skipped, not read."""
    catalogue = Catalogue()
    for batch in view.scan(1, last, kinds=set(NAMING)):
        learn(catalogue, batch)
    return catalogue


def read_names(path: Path, last: int | None = None) -> Names:
    """Names as of a record of the journal at `path`."""
    with Reader.open(path) as reader, reader.view() as view:
        return Names(read_catalogue(view, last))
