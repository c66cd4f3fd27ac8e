"""Binance's instrument lists (`exchangeInfo`) of spot, USDⓈ-M and COIN-M.

Source: `GET /api/v3/exchangeInfo`, `/fapi/v1/exchangeInfo`, `/dapi/v1/exchangeInfo`; shapes as recorded in 2021, 2025 and 2026.
A filter whose text is zero is switched off and counts as not stated.
"""

from typing import Final

import msgspec

from veloz.contracts.codes import VENUES, Market
from veloz.contracts.instrument import InstrumentBody
from veloz.instruments.inference import PRODUCTS, SPOT_QTY_SCALE
from veloz.instruments.instrument import is_sound, significant_decimals


class Filter(msgspec.Struct, frozen=True, gc=False):
    """One entry of `filters`; the fields of all kinds we read."""

    filterType: str
    tickSize: str = ""
    minPrice: str = ""
    maxPrice: str = ""
    stepSize: str = ""
    minQty: str = ""
    maxQty: str = ""
    minNotional: str = ""
    notional: str = ""


class Listing(msgspec.Struct, frozen=True, gc=False):
    """One entry of `symbols`."""

    symbol: str
    baseAsset: str
    quoteAsset: str
    filters: list[Filter]
    status: str = ""
    contractStatus: str = ""
    marginAsset: str = ""
    contractType: str | msgspec.UnsetType = msgspec.UNSET
    deliveryDate: int = 0
    contractSize: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def market(self) -> Market:
        """Whose listing it is: only COIN-M states a contract's size, only the futures its type."""
        if self.contractSize is not msgspec.UNSET:
            return Market.BINANCE_COINM
        return Market.BINANCE_SPOT if self.contractType is msgspec.UNSET else Market.BINANCE_USDM


class ExchangeInfo(msgspec.Struct, frozen=True, gc=False):
    """The answer as a whole."""

    symbols: list[Listing]
    serverTime: int = 0


EXCHANGE_INFO: Final = msgspec.json.Decoder(ExchangeInfo)
_OFF: Final = Filter("")


def _stated(text: str) -> str:
    """A filter's text, or "" where it is zero."""
    return "" if not text.strip("0.") else text


def _body(venue: str, listing: Listing, origin: str) -> InstrumentBody:
    """One symbol as an instrument body. Price quantum = tick, quantity quantum = lot (spot: 8 decimals)."""
    filters = {entry.filterType: entry for entry in listing.filters}
    price = filters.get("PRICE_FILTER", _OFF)
    lot = filters.get("LOT_SIZE", _OFF)
    market_lot = filters.get("MARKET_LOT_SIZE", _OFF)
    least = filters.get("NOTIONAL", filters.get("MIN_NOTIONAL", _OFF))
    market = VENUES[venue]
    spot = market is Market.BINANCE_SPOT
    return InstrumentBody(
        venue=venue,
        symbol=listing.symbol,
        product=PRODUCTS[market],
        base=listing.baseAsset,
        quote=listing.quoteAsset,
        settle=listing.marginAsset or ("" if spot else listing.quoteAsset),
        price_scale=significant_decimals(price.tickSize) or 0,
        qty_scale=SPOT_QTY_SCALE if spot else significant_decimals(lot.stepSize) or 0,
        tick=_stated(price.tickSize),
        lot=_stated(lot.stepSize),
        price_min=_stated(price.minPrice),
        price_max=_stated(price.maxPrice),
        qty_min=_stated(lot.minQty),
        qty_max=_stated(lot.maxQty),
        market_lot=_stated(market_lot.stepSize),
        market_qty_max=_stated(market_lot.maxQty),
        notional_min=_stated(least.minNotional or least.notional),
        multiplier="1" if listing.contractSize is msgspec.UNSET else bytes(listing.contractSize).decode(),
        status=listing.status or listing.contractStatus,
        contract=listing.contractType or "",
        delivery_ms=listing.deliveryDate,
        origin=origin,
    )


def read_offers(body: bytes, venue: str, origin: str = "venue") -> list[InstrumentBody] | None:
    """The instruments of an exchangeInfo answer.

    Args:
        body: The JSON document.
        venue: Whose it is.
        origin: `venue` when it came in the stream, `file` when the operator gave it.

    Returns:
        One body a symbol, in the venue's order; None when one of them is unsound.

    Raises:
        msgspec.DecodeError: no JSON, or not of this shape, or the list of another venue (then msgspec.ValidationError).
    """
    listings = EXCHANGE_INFO.decode(body).symbols
    other = next((listing for listing in listings if listing.market is not VENUES[venue]), None)
    if other is not None:
        whose = next(name for name, market in VENUES.items() if market is other.market)
        raise msgspec.ValidationError(f"it lists instruments of {whose}, such as {other.symbol}, and {venue} was said")
    offers = [_body(venue, listing, origin) for listing in listings]
    return offers if all(is_sound(offer) for offer in offers) else None
