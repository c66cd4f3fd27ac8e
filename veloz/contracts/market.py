"""md.*: what venues say about their markets. Prices and quantities are counts of the instrument's quanta.

Recordings of others that keep two clocks (`ingest/npz.py`) may hold rows that one side never saw. What only the venue saw has kinds of its
own, which mean nothing to the desk; what only the desk saw says so in its last word.
"""

import msgspec

from veloz.contracts.measures import E8, Bits, Count, Nanos, Price, Qty, VenueId


class TradePrinted(msgspec.Struct, frozen=True, kw_only=True, tag="md.trade.v1"):
    """A venue printed a trade. ASK: the taker sold. ODD: not a market trade."""

    trade_id: VenueId
    price: Price
    qty: Qty
    ts_match: Nanos  # the venue's matching time
    unseen: Bits  # 1: the venue's side of the recording does not hold it


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

    APPLIED: from a recording that somebody else put in order. It holds as it stands: no snapshot is awaited, ids mean nothing, and
    `prev_id` 1 says that the venue's side does not hold it. APPLIED and EMPTY: the side is cleared from its best price to `price`,
    which is -1 where all of it is.
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


class VenueLevelSet(msgspec.Struct, frozen=True, kw_only=True, tag="md.venue_level.v1"):
    """A level (APPLIED, as in md.level) that only the venue's side of a recording holds."""

    last_id: VenueId
    price: Price
    qty: Qty
    first_id: VenueId
    prev_id: VenueId


class VenueTradePrinted(msgspec.Struct, frozen=True, kw_only=True, tag="md.venue_trade.v1"):
    """A trade that only the venue's side of a recording holds."""

    trade_id: VenueId
    price: Price
    qty: Qty
    ts_match: Nanos
