"""instrument.*: what is traded, and every later change of its filters."""

import msgspec

from veloz.contracts.measures import E8, Asset, Code, Count, Money, Nanos, Ppm, Price, Qty, Seq


class InstrumentStated(msgspec.Struct, frozen=True, kw_only=True, tag="instrument.listed.v1"):
    """Words of instrument.listed and instrument.changed. The text of it all is in the body."""

    scales: Count  # price_scale | qty_scale << 8 | market << 16
    tick: Price
    lot: Qty
    multiplier_e8: E8
    definition: Count  # 1 when listed, one more at each change


class CatalogueStated(msgspec.Struct, frozen=True, kw_only=True, tag="instrument.catalogue.v1"):
    """A venue's whole list arrived."""

    symbols: Count
    changed: Count
    ts_server: Nanos
    market: Count


class InstrumentBody(msgspec.Struct, frozen=True, kw_only=True, array_like=False):
    """Body of instrument.listed and instrument.changed. Decimals are exact text, as the venue writes them; "" = not stated."""

    venue: str
    symbol: str
    product: str  # spot | linear | inverse
    base: str = ""
    quote: str = ""
    settle: str = ""
    price_scale: int
    qty_scale: int
    qty_scale_limit: int = (
        18  # the finest that may ever be used: greater quantities were seen that would not fit an int64
    )
    tick: str = ""
    lot: str = ""
    price_min: str = ""
    price_max: str = ""
    qty_min: str = ""
    qty_max: str = ""
    market_lot: str = ""
    market_qty_max: str = ""
    notional_min: str = ""
    multiplier: str = "1"
    status: str = ""
    contract: str = ""  # PERPETUAL, CURRENT_QUARTER …
    delivery_ms: int = 0
    origin: str = "inferred"  # inferred | venue (its own list, in the stream) | file (given by the operator)


class CatalogueBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of instrument.catalogue: what the list says that was not known before, so that a symbol listed later finds its filters."""

    columns: tuple[str, ...]  # names of fields of InstrumentBody
    offers: list[tuple[str | int, ...]]  # one tuple a symbol


class InstrumentResolved(msgspec.Struct, frozen=True, kw_only=True, tag="instrument.resolved.v1"):
    """A decision: which instrument (the row's own) an intent means. `ref`: the intent."""

    rule: Count  # 0: it named the instrument itself
    legs: Count
    asked: Count  # the instrument number of the intent
    ref: Seq
    code: Code


class AssetsStated(msgspec.Struct, frozen=True, kw_only=True, tag="instrument.assets.v1"):
    """How an instrument pays, by asset numbers: what trading needs beside the scales of instrument.listed."""

    product: Code  # codes.Product
    base: Asset
    quote: Asset
    settle: Asset


class FiltersStated(msgspec.Struct, frozen=True, kw_only=True, tag="instrument.filters.v1"):
    """The venue's limits on orders; 0 = none. Tick and lot are those of instrument.listed."""

    qty_min: Qty
    qty_max: Qty
    notional_min: Money  # quote asset; inverse: contracts' quote value
    up_ppm: Ppm  # price band: greatest and least multiple of the mark (else last) price
    down_ppm: Ppm


class StatusChanged(msgspec.Struct, frozen=True, kw_only=True, tag="instrument.status.v1"):
    """Whether the venue lets an instrument be traded."""

    status: Code  # codes.TradingStatus


class PriceBounds(msgspec.Struct, frozen=True, kw_only=True, tag="instrument.bounds.v1"):
    """More of the venue's limits: absolute prices, and the bounds of market orders; 0 = none."""

    price_min: Price
    price_max: Price
    market_qty_min: Qty
    market_qty_max: Qty
    market_lot: Qty
