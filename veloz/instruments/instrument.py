"""One version of one instrument: quanta, filters, and the bounds that everything downstream may rely on.

Bounds, proved here and enforced where text becomes a number:

- a price is below 2**44 quanta (`PRICE_MAX`), a quantity below 2**63 (`QTY_MAX`);
- so price × quantity is below 2**107, and a sum kept in two 64-bit words (signed, 127 bits) holds 2**20 of the largest products
  before it could overflow: sums of products (quote volume, cost) need two words, never one;
- an *order*'s price × quantity must fit one int64. That is so for an instrument exactly when its stated maxima say so:
  `order_product_fits`. An order room refuses instruments without it.

A price that breaks its bound is refused with its frame; a quantity that does not fit gets a coarser `qty_scale` (see `inference`).
"""

from typing import Final

import msgspec

from veloz.contracts.codes import VENUES
from veloz.contracts.instrument import InstrumentBody
from veloz.instruments.units import INT64_MAX, SCALE_MAX, Code, count_exact, decimal_text, read_decimal

PRICE_BITS: Final = 44
QTY_BITS: Final = 63
PRICE_MAX: Final = 2**PRICE_BITS - 1
QTY_MAX: Final = 2**QTY_BITS - 1
PRICE_SCALE_MAX: Final = 12
PRODUCT_BITS: Final = PRICE_BITS + QTY_BITS
assert PRODUCT_BITS == 107
assert (PRICE_MAX * QTY_MAX) << 20 <= 2**127 - 1, "a two-word sum holds 2**20 of the largest products"
assert QTY_MAX == INT64_MAX
assert PRICE_SCALE_MAX <= SCALE_MAX

MULTIPLIER_SCALE: Final = 8
VERSION_FIRST: Final = 1


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an instrument, in quanta. Two are equal when all of it is."""

    number: int  # dense, from 1
    version: int  # 1 when listed, one more at each change
    market: int
    price_scale: int
    qty_scale: int
    tick: int  # quanta; 1 where the venue has stated none
    lot: int  # quanta; 1 where the venue has stated none
    multiplier_e8: int
    price_max: int  # quanta; the venue's limit on orders, at most PRICE_MAX
    qty_max: int  # quanta; the same for quantities
    body: InstrumentBody

    @property
    def venue(self) -> str:
        """Name of the venue."""
        return self.body.venue

    @property
    def symbol(self) -> str:
        """The venue's own spelling."""
        return self.body.symbol

    @property
    def scales(self) -> int:
        """The word `scales` of instrument rows."""
        return self.price_scale | self.qty_scale << 8 | self.market << 16

    @property
    def order_product_fits(self) -> bool:
        """Whether price × quantity of the largest order the venue allows fits an int64. False where the venue states no maxima."""
        return self.price_max * self.qty_max <= INT64_MAX

    def price_text(self, count: int) -> str:
        """A price in quanta as the shortest decimal."""
        return decimal_text(count, self.price_scale)

    def qty_text(self, count: int) -> str:
        """A quantity in quanta as the shortest decimal."""
        return decimal_text(count, self.qty_scale)


def significant_decimals(text: str) -> int | None:
    """Decimals of a text without trailing zeros; None when it is no decimal, or not stated, or zero (a filter that is off)."""
    written = read_decimal(text)
    if written is None or written.digits <= 0:
        return None
    return written.significant


def _floor(text: str, scale: int, at_most: int) -> int:
    """A stated maximum in quanta; `at_most` where none is stated or it is greater."""
    written = read_decimal(text)
    if written is None or written.digits <= 0:
        return at_most
    return min(written.floor(scale)[0], at_most)


def _step(text: str, scale: int) -> int:
    """A tick or lot in quanta; 1 where none is stated, it is switched off or it is finer than the quantum."""
    count, code = count_exact(text, scale)
    return count if code is Code.EXACT and count > 0 else 1


def is_sound(body: InstrumentBody) -> bool:
    """Whether an instrument can be made of a body: known venue, named, scales in range, decimals readable where stated."""
    texts = (
        body.tick, body.lot, body.price_min, body.price_max, body.qty_min, body.qty_max,
        body.market_lot, body.market_qty_max, body.notional_min,
    )  # fmt: skip
    return (
        body.venue in VENUES
        and bool(body.symbol)
        and 0 <= body.price_scale <= PRICE_SCALE_MAX
        and 0 <= body.qty_scale <= body.qty_scale_limit <= SCALE_MAX
        and all(not text or ((written := read_decimal(text)) is not None and not written.negative) for text in texts)
        and count_exact(body.multiplier, MULTIPLIER_SCALE)[1] is Code.EXACT
        and body.delivery_ms >= 0
    )


def define(body: InstrumentBody, number: int, version: int = VERSION_FIRST) -> Instrument:
    """Make an instrument of a sound body.

    Args:
        body: What is known, as text; `is_sound(body)` must hold.
        number: Dense number, from 1.
        version: 1 when listed, one more at each change.

    Returns:
        The instrument in quanta, bounds clipped to `PRICE_MAX` and `QTY_MAX`.
    """
    assert is_sound(body), body
    assert number >= 1, number
    assert version >= VERSION_FIRST, version
    return Instrument(
        number=number,
        version=version,
        market=int(VENUES[body.venue]),
        price_scale=body.price_scale,
        qty_scale=body.qty_scale,
        tick=_step(body.tick, body.price_scale),
        lot=_step(body.lot, body.qty_scale),
        multiplier_e8=count_exact(body.multiplier, MULTIPLIER_SCALE)[0],
        price_max=_floor(body.price_max, body.price_scale, PRICE_MAX),
        qty_max=_floor(body.qty_max, body.qty_scale, QTY_MAX),
        body=body,
    )
