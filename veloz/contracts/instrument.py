"""instrument.*: what is traded, and every later change of its filters."""

import msgspec

from veloz.contracts.market import E8, Count, Nanos, Price, Qty


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
