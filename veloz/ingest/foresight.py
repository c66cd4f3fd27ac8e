"""The quanta that klines will need, read from whole files before the first line is taken.

A recording of messages finds its quanta while it passes, because what lies ahead is not there yet. A file of klines is there as a
whole, and a run counts an instrument in one kind of quanta: so an instrument of which nobody says anything is listed in those that all
lines of the files given at once fit. What is listed, or stated by a list or by the operator, stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from veloz.contracts.instrument import InstrumentBody
from veloz.ingest.plan import Plan
from veloz.ingest.terms import PRICES, read_frames
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.inference import infer, refine
from veloz.instruments.units import Written, read_decimal
from veloz.venues.binance.klines import can_read
from veloz.venues.port import Source

Form = tuple[int, int, int]


@dataclass
class Greatest:
    """Of the decimals of each form, the greatest: no other of that form asks for more. `texts`: by form."""

    texts: dict[Form, str] = field(default_factory=dict)

    def tops(self, text: str) -> bool:
        """Whether a decimal is greater than all of its form so far; of one form, greater is later in the order of texts."""
        return text > self.texts.get(_form(text), "")

    def keep(self, text: str) -> None:
        """It is the greatest of its form, if it is."""
        if self.tops(text):
            self.texts[_form(text)] = text

    @property
    def written(self) -> list[Written]:
        """All of them."""
        return _written([*self.texts.values()])


def _form(text: str) -> Form:
    """What a decimal's demands hang on beside its size: how long it is, how many zeros it ends with, where its point stands."""
    return len(text), len(text.rstrip("0")), text.find(".")


@dataclass
class Needs:
    """What the lines of one instrument need. `first`: when the first was received, the place of its file, and its quantities."""

    prices: Greatest = field(default_factory=Greatest)
    qtys: Greatest = field(default_factory=Greatest)
    first: tuple[int, int, list[Written]] | None = None

    def see(self, path: Path, source: Source, place: int) -> None:
        """All lines of a file that can be taken.

        Args:
            path: The file.
            source: As which it is read.
            place: Which of the files it is.
        """
        names, begun = source.columns.split(","), False
        for frame, recv, _ in read_frames(path, source):
            values = (value.strip().strip('"') for value in frame.decode("ascii", "replace").split(","))
            fields = dict(zip(names, values, strict=False))
            prices = [fields.get(name, "") for name in PRICES]
            qtys = [fields.get("volume", ""), fields.get("taker_volume", "0")]
            if begun and not (any(map(self.prices.tops, prices)) or any(map(self.qtys.tops, qtys))):
                continue
            if not can_read(frame, source) or not _fits(source, prices, qtys):
                continue
            if not begun and (self.first is None or (recv, place) < self.first[:2]):
                self.first = recv, place, _written(qtys)
            begun = True
            for text in prices:
                self.prices.keep(text)
            for text in qtys:
                self.qtys.keep(text)

    def body(self, venue: str, symbol: str) -> InstrumentBody | None:
        """The instrument in quanta for all lines; None where there is no line, or where no quanta would do for all of them."""
        if self.first is None:
            return None
        return refine(infer(venue, symbol, self.first[2]), self.prices.written, self.qtys.written)


def _written(texts: Sequence[str]) -> list[Written]:
    return [written for written in map(read_decimal, texts) if written is not None]


def _fits(source: Source, prices: Sequence[str], qtys: Sequence[str]) -> bool:
    """Whether any quanta would do for a line by itself: one that asks for too much is refused, and asks for nothing."""
    sizes = _written(qtys)
    return refine(infer(source.venue, source.symbol, sizes), _written(prices), sizes) is not None


def foresee(plan: Plan, catalogue: Catalogue) -> None:
    """Tell the catalogue what the klines of a plan need, where nothing is known of their instruments."""
    found: dict[tuple[str, str], Needs] = {}
    for place, one in enumerate(plan.inputs):
        source = one.feed.source
        key = source.venue, source.symbol
        if source.form == "klines" and catalogue.find(*key) is None and catalogue.offered(*key) is None:
            found.setdefault(key, Needs()).see(one.feed.path, source, place)
    for key, needs in found.items():
        if body := needs.body(*key):
            catalogue.foresee(body)
