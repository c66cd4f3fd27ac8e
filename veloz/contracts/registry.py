"""The one table: kind number ↔ name ↔ version ↔ struct ↔ row view ↔ body.

Numbers are frozen for ever. Kinds 0–126 have a bit of their own in the journal's batch bitmap; ranges belong to topics.
"""

from dataclasses import dataclass
from typing import Final, get_type_hints

import msgspec
import numpy as np

from veloz.contracts import instrument, market, system
from veloz.contracts.layout import row_view

TOPICS: Final = (
    "md", "indicator", "strategy", "risk", "instrument", "order", "account", "pnl", "ml", "system", "control",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One kind of record."""

    number: int
    name: str  # topic.what
    version: int
    struct: type[msgspec.Struct]
    view: np.dtype[np.void]
    body: type[msgspec.Struct] | None = None

    @property
    def topic(self) -> str:
        """The part before the first dot."""
        return self.name.partition(".")[0]

    @property
    def units(self) -> tuple[str, ...]:
        """What each word counts: price, qty, ns, id, count or e8."""
        hints = get_type_hints(self.struct, include_extras=True)
        return tuple(str(hints[name].__metadata__[0].extra["unit"]) for name in self.words)

    @property
    def words(self) -> tuple[str, ...]:
        """Names of the kind's own words, in order."""
        return tuple(self.struct.__struct_fields__)


def _kind(number: int, struct: type[msgspec.Struct], body: type[msgspec.Struct] | None = None, name: str = "") -> Kind:
    tag = name or str(struct.__struct_config__.tag)
    what, _, version = tag.rpartition(".v")
    assert what.partition(".")[0] in TOPICS, tag
    return Kind(number, what, int(version), struct, row_view(*struct.__struct_fields__), body)


TRADE: Final = _kind(1, market.TradePrinted)
QUOTE: Final = _kind(2, market.QuoteChanged)
LEVEL: Final = _kind(3, market.LevelSet)
MARK: Final = _kind(4, market.MarkPriced)
AGGTRADE: Final = _kind(5, market.TradesAggregated)
BAR: Final = _kind(6, market.BarStated)
BAR_VOLUME: Final = _kind(7, market.BarVolumeStated)
LIQUIDATION: Final = _kind(8, market.OrderLiquidated)
PARTIAL: Final = _kind(9, market.PartialLevelSet)
LISTED: Final = _kind(32, instrument.InstrumentStated, instrument.InstrumentBody)
CHANGED: Final = _kind(33, instrument.InstrumentStated, instrument.InstrumentBody, "instrument.changed.v1")
CATALOGUE: Final = _kind(34, instrument.CatalogueStated, instrument.CatalogueBody)
STARTED: Final = _kind(48, system.EngineStarted)
REFUSED: Final = _kind(49, system.FrameRefused)
UNKNOWN: Final = _kind(50, system.FrameUnknown)
LINK: Final = _kind(51, system.LinkChanged)
SOURCE: Final = _kind(52, system.SourceDeclared, system.SourceBody)

KINDS: Final = (
    TRADE, QUOTE, LEVEL, MARK, AGGTRADE, BAR, BAR_VOLUME, LIQUIDATION, PARTIAL,
    LISTED, CHANGED, CATALOGUE, STARTED, REFUSED, UNKNOWN, LINK, SOURCE,
)  # fmt: skip
BY_NUMBER: Final = {kind.number: kind for kind in KINDS}
BY_NAME: Final = {kind.name: kind for kind in KINDS}
assert len(BY_NUMBER) == len(BY_NAME) == len(KINDS), "a kind's number and name are its own"
assert all(kind.number <= 126 for kind in KINDS), "each kind has its own bit in a batch's bitmap"


def find_kinds(text: str) -> tuple[int, ...]:
    """Numbers of the kinds a filter names.

    Args:
        text: A kind (`md.trade`), a kind with version (`md.trade.v1`) or a topic (`md.*` or `md`).

    Returns:
        Kind numbers, ascending; empty when nothing is called so.
    """
    topic = text.removesuffix(".*")
    if topic in TOPICS:
        return tuple(kind.number for kind in KINDS if kind.topic == topic)
    name, _, version = text.rpartition(".v")
    if version.isdigit() and name in BY_NAME and BY_NAME[name].version == int(version):
        return (BY_NAME[name].number,)
    return (BY_NAME[text].number,) if text in BY_NAME else ()
