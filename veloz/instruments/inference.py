"""Quanta from the data themselves: what a symbol's first texts say, and what later texts ask for.

All texts of one message are looked at together, so that a message makes at most one new version. Quanta only get finer; the one
exception is a quantity that would not fit an int64, which makes its quantum coarser for good.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from veloz.contracts.codes import VENUES, Market
from veloz.contracts.instrument import InstrumentBody
from veloz.instruments.instrument import PRICE_MAX, PRICE_SCALE_MAX, QTY_MAX
from veloz.instruments.units import SCALE_MAX, Written

SPOT_QTY_SCALE: Final = 8  # spot books hold quantities below the lot filter, down to the asset's own precision
PRODUCTS: Final = {Market.BINANCE_SPOT: "spot", Market.BINANCE_USDM: "linear", Market.BINANCE_COINM: "inverse"}


def infer(venue: str, symbol: str, qtys: Sequence[Written]) -> InstrumentBody:
    """An instrument of which nothing is known but its first message.

    Args:
        venue: Name of the venue.
        symbol: The venue's spelling.
        qtys: Quantities of that message.

    Returns:
        A body whose quantity scale is 8 for spot, else the decimals as written; `refine` then finds the price scale.
    """
    market = VENUES[venue]
    spot = market is Market.BINANCE_SPOT
    scale = SPOT_QTY_SCALE if spot else min(max((text.decimals for text in qtys), default=0), SCALE_MAX)
    return InstrumentBody(venue=venue, symbol=symbol, product=PRODUCTS[market], price_scale=0, qty_scale=scale)


def refine(body: InstrumentBody, prices: Sequence[Written], qtys: Sequence[Written]) -> InstrumentBody | None:
    """The same instrument with the quanta that a message's texts need.

    Args:
        body: What is in force.
        prices: Prices of the message.
        qtys: Quantities of the message.

    Returns:
        `body` itself when everything fits, a changed one otherwise; None when no allowed quantum would do.
    """
    price_scale = refine_price(body.price_scale, prices)
    found = refine_qty(body.qty_scale, body.qty_scale_limit, qtys)
    if price_scale is None or found is None:
        return None
    if (price_scale, *found) == (body.price_scale, body.qty_scale, body.qty_scale_limit):
        return body
    return msgspec.structs.replace(body, price_scale=price_scale, qty_scale=found[0], qty_scale_limit=found[1])


def refine_price(scale: int, prices: Sequence[Written]) -> int | None:
    """The coarsest price scale, not coarser than `scale`, at which all prices are exact and within `PRICE_MAX`.

    Returns:
        The scale; None when there is none.
    """
    finest = max([scale, *(price.significant for price in prices)])
    if finest > PRICE_SCALE_MAX or any(price.floor(finest)[0] > PRICE_MAX for price in prices):
        return None
    return finest


def refine_qty(scale: int, limit: int, qtys: Sequence[Written]) -> tuple[int, int] | None:
    """The quantity scale these quantities need.

    A text that is not exact at `scale` asks for as many decimals as it is written with. A quantity that would not fit an int64
    makes the scale coarser, and the new `limit` keeps it from ever being refined again; what is lost is rounded down.

    Args:
        scale: In force now.
        limit: The finest scale allowed.
        qtys: All quantities of one message.

    Returns:
        (scale, limit); None when not even whole units fit.
    """
    wanted = [qty.decimals for qty in qtys if qty.significant > scale]
    finest = min(max([scale, *wanted]), limit)
    while finest >= 0 and any(qty.floor(finest)[0] > QTY_MAX for qty in qtys):
        finest -= 1
        limit = finest
    return (finest, limit) if finest >= 0 else None


def merge(known: InstrumentBody, offer: InstrumentBody) -> InstrumentBody:
    """A listed instrument's body after a list said `offer`: the new filters, and never a coarser quantum nor a finer limit."""
    limit = min(known.qty_scale_limit, offer.qty_scale_limit)
    return msgspec.structs.replace(
        offer,
        price_scale=max(known.price_scale, offer.price_scale),
        qty_scale=min(max(known.qty_scale, offer.qty_scale), limit),
        qty_scale_limit=limit,
    )
