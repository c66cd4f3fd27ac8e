"""What the operator says of the instruments of a foreign table, and the instrument that comes of it and of the table's numbers."""

from dataclasses import dataclass

import msgspec
import numpy as np

from veloz.contracts.instrument import InstrumentBody
from veloz.ingest.faults import IngestError
from veloz.ingest.table import Need, scale_bound
from veloz.instruments.units import Written, decimal_text, read_decimal

HOME = {
    "spot": "binance_spot",
    "linear": "binance_usdm",
    "inverse": "binance_coinm",
}  # venue of a product where none is said
PRODUCT_OF = {venue: product for product, venue in HOME.items()}


@dataclass(frozen=True)
class Given:
    """Words of the command line; "" = not said.

    symbol: The instrument's name, where neither table nor file name tells it (or tells it otherwise).
    product: spot, linear or inverse.
    tick, lot, multiplier: Decimals.
    interval: Of bars, like 1m.
    """

    symbol: str = ""
    product: str = ""
    tick: str = ""
    lot: str = ""
    multiplier: str = ""
    interval: str = ""

    def require_sound(self) -> None:
        """Refuse words that mean nothing.

        Raises:
            IngestError: One of them.
        """
        if self.product and self.product not in HOME:
            raise IngestError(f"{self.product} is no product.", code="usage", hint=f"Products are {', '.join(HOME)}.")
        for name, text in (("tick", self.tick), ("lot", self.lot), ("multiplier", self.multiplier)):
            written = read_decimal(text) if text else None
            if text and (written is None or written.negative or not written.digits):
                raise IngestError(f"--{name} {text} is no decimal above 0.", code="usage", hint="Write it like 0.001.")


def body_for(
    venue: str, symbol: str, need: Need, given: Given, known: InstrumentBody | None, listed: bool
) -> InstrumentBody:
    """The instrument of a symbol after an import.

    Args:
        venue: Its venue.
        symbol: Its name.
        need: What its numbers need.
        given: What the operator says.
        known: What is in force, or what a list says of it; None when nothing is known.
        listed: Whether it is in force: then quanta only get finer.

    Raises:
        IngestError: No quanta would do.
    """
    product = given.product or need.product or (known.product if known else PRODUCT_OF.get(venue, "spot"))
    if listed and known is not None and product != known.product:
        raise IngestError(
            f"{symbol} of {venue} is {known.product} and stays so.", code="product_changed", hint="Leave --product out."
        )
    price_scale, tick = _quanta(symbol, "price", need, given.tick, known)
    qty_scale, lot = _quanta(symbol, "quantity", need, given.lot, known)
    origin = "file" if given.tick and given.lot else known.origin if known else "inferred"
    base = known or InstrumentBody(venue=venue, symbol=symbol, product=product, price_scale=0, qty_scale=0)
    return msgspec.structs.replace(
        base,
        product=product,
        price_scale=price_scale,
        qty_scale=min(qty_scale, base.qty_scale_limit),
        tick=tick,
        lot=lot,
        multiplier=given.multiplier or base.multiplier,
        origin=origin,
    )


def _quanta(symbol: str, what: str, need: Need, said: str, known: InstrumentBody | None) -> tuple[int, str]:
    """Scale and tick (or lot) of an instrument: as said, else as stated before, else as the numbers have it in common."""
    is_price = what == "price"
    found, step, top = (
        (need.price_scale, need.price_step, need.price_top)
        if is_price
        else (need.qty_scale, need.qty_step, need.qty_top)
    )
    word = "tick" if is_price else "lot"
    scale = max(known.price_scale if is_price else known.qty_scale, 0) if known else 0
    stated = said or (known.tick if is_price else known.lot) if known else said
    written = read_decimal(stated) if stated else None
    if found < 0 and not said:
        raise IngestError(
            f"Not every {what} of {symbol} is a decimal: no power of ten divides them all.",
            code="no_quantum",
            hint=f"Say --{word}; they are then counted in its decimals, and what does not fit is rounded and marked.",
        )
    scale = max(scale, found, written.significant if written else 0)
    scale_max, count_max = scale_bound(is_price)
    if scale > scale_max or top * 10.0**scale > count_max:
        raise IngestError(
            f"A {what} of {symbol} is too great for {scale} decimals, which others of it need.",
            code="no_quantum",
            hint=f"Check the file and --{word}.",
        )
    return scale, said or _common(step, found, written, known)


def _common(step: int, scale: int, written: Written | None, known: InstrumentBody | None) -> str:
    """The increment that numbers have in common, together with one inferred before; one that was stated stays."""
    if known is not None and known.origin != "inferred":
        return decimal_text(written.digits, written.decimals) if written else ""
    if written is None:
        return decimal_text(step, scale) if step else ""
    finest = max(scale, written.decimals)
    other = written.digits * 10 ** (finest - written.decimals)
    return decimal_text(int(np.gcd(max(step, 0) * 10 ** (finest - scale), other)), finest)
