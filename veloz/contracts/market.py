"""md.*: what venues say about their markets. Prices and quantities are counts of the instrument's quanta."""

import msgspec

from veloz.contracts.measures import E8, Count, Nanos, Price, Qty, VenueId


class TradePrinted(msgspec.Struct, frozen=True, kw_only=True, tag="md.trade.v1"):
    """A venue printed a trade. ASK: the taker sold. ODD: not a market trade."""

    trade_id: VenueId
    price: Price
    qty: Qty
    ts_match: Nanos  # the venue's matching time


class QuoteChanged(msgspec.Struct, frozen=True, kw_only=True, tag="md.quote.v1"):
    """Best bid and offer as the venue announces them."""

    update_id: VenueId
    bid: Price
    bid_qty: Qty
    ask: Price
    ask_qty: Qty


class LevelSet(msgspec.Struct, frozen=True, kw_only=True, tag="md.level.v1"):
    """One price level of a depth message: `qty` rests at `price` now, 0 means none.

    A message is the run of rows from FIRST to LAST. SNAPSHOT: part of a whole book. EMPTY: the message had no levels.
    """

    last_id: VenueId
    price: Price
    qty: Qty
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
    price: Price
    qty: Qty
    ts_match: Nanos
    trades: Count


class BarStated(msgspec.Struct, frozen=True, kw_only=True, tag="md.bar.v1"):
    """A bar as the venue states it: first row of two. CLOSED: it will not change any more."""

    ts_open: Nanos
    open: Price
    high: Price
    low: Price
    close: Price


class BarVolumeStated(msgspec.Struct, frozen=True, kw_only=True, tag="md.bar_volume.v1"):
    """Second row of a venue's bar. `quote_e8` is quote volume times 10**8, rounded down (INEXACT) where it does not fit."""

    interval_ns: Nanos
    volume: Qty
    taker_volume: Qty
    quote_e8: E8
    trades: Count


class OrderLiquidated(msgspec.Struct, frozen=True, kw_only=True, tag="md.liquidation.v1"):
    """A forced order of somebody. ASK: it sells."""

    ts_match: Nanos
    price: Price
    qty: Qty
    avg_price: Price
    filled: Qty


class PartialLevelSet(msgspec.Struct, frozen=True, kw_only=True, tag="md.partial.v1"):
    """One level of a partial-depth stream: the top of a book, complete in itself, never part of a sequence."""

    last_id: VenueId
    price: Price
    qty: Qty
    first_id: VenueId
    prev_id: VenueId
