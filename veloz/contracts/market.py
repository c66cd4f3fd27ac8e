"""md.*: what venues say about their markets. Prices and quantities are counts of the instrument's quanta."""

from typing import Annotated

import msgspec

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Quanta = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Nanos = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
VenueId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
E8 = Int64  # a number times 10**8


class TradePrinted(msgspec.Struct, frozen=True, kw_only=True, tag="md.trade.v1"):
    """A venue printed a trade. ASK: the taker sold. ODD: not a market trade."""

    trade_id: VenueId
    price: Quanta
    qty: Quanta
    ts_match: Nanos  # the venue's matching time


class QuoteChanged(msgspec.Struct, frozen=True, kw_only=True, tag="md.quote.v1"):
    """Best bid and offer as the venue announces them."""

    update_id: VenueId
    bid: Quanta
    bid_qty: Quanta
    ask: Quanta
    ask_qty: Quanta


class LevelSet(msgspec.Struct, frozen=True, kw_only=True, tag="md.level.v1"):
    """One price level of a depth message: `qty` rests at `price` now, 0 means none.

    A message is the run of rows from FIRST to LAST. SNAPSHOT: part of a whole book. EMPTY: the message had no levels.
    """

    last_id: VenueId
    price: Quanta
    qty: Quanta
    first_id: VenueId
    prev_id: VenueId  # futures only; 0 where the venue sends none


class MarkPriced(msgspec.Struct, frozen=True, kw_only=True, tag="md.mark.v1"):
    """Mark, index and settlement price and the funding rate, each times 10**8."""

    settle_e8: E8
    mark_e8: E8
    index_e8: E8
    funding_e8: E8
    ts_funding: Nanos


class TradesAggregated(msgspec.Struct, frozen=True, kw_only=True, tag="md.aggtrade.v1"):
    """Fills of one taker order at one price, as one record."""

    agg_id: VenueId
    price: Quanta
    qty: Quanta
    ts_match: Nanos
    trades: Quanta


class BarStated(msgspec.Struct, frozen=True, kw_only=True, tag="md.bar.v1"):
    """A bar as the venue states it: first row of two. CLOSED: it will not change any more."""

    ts_open: Nanos
    open: Quanta
    high: Quanta
    low: Quanta
    close: Quanta


class BarVolumeStated(msgspec.Struct, frozen=True, kw_only=True, tag="md.bar_volume.v1"):
    """Second row of a venue's bar. `quote_e8` is quote volume times 10**8, rounded down (INEXACT) where it does not fit."""

    interval_ns: Nanos
    volume: Quanta
    taker_volume: Quanta
    quote_e8: E8
    trades: Quanta


class OrderLiquidated(msgspec.Struct, frozen=True, kw_only=True, tag="md.liquidation.v1"):
    """A forced order of somebody. ASK: it sells."""

    ts_match: Nanos
    price: Quanta
    qty: Quanta
    avg_price: Quanta
    filled: Quanta


class PartialLevelSet(msgspec.Struct, frozen=True, kw_only=True, tag="md.partial.v1"):
    """One level of a partial-depth stream: the top of a book, complete in itself, never part of a sequence."""

    last_id: VenueId
    price: Quanta
    qty: Quanta
    first_id: VenueId
    prev_id: VenueId
