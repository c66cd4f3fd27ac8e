"""What the operator says of the instruments of a foreign table, and the instrument that comes of it and of the table's numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from veloz.contracts.codes import VENUES
from veloz.contracts.instrument import InstrumentBody
from veloz.ingest.faults import IngestError
from veloz.ingest.klines import parse_interval
from veloz.ingest.table import Need, scale_bound
from veloz.instruments.units import Written, decimal_text, read_decimal

HOME = {
    "spot": "binance_spot",
    "linear": "binance_usdm",
    "inverse": "binance_coinm",
}  # venue of a product where none is said
PRODUCT_OF = {venue: product for product, venue in HOME.items()}
_SYMBOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]{0,63}")


@dataclass(frozen=True)
class Given:
    """Words of the command line; "" = not said.

    symbol: The instrument's name, where neither table nor file name tells it; its venue may stand before it.
    product: spot, linear or inverse.
    tick, lot, multiplier: Decimals.
    interval: Of bars, like 1m.
    of_run: They are settings of a run, which may be about one instrument of several: what a file is called goes before `symbol`, and of
        prices beside the tick the run tells itself.
    """

    symbol: str = ""
    product: str = ""
    tick: str = ""
    lot: str = ""
    multiplier: str = ""
    interval: str = ""
    of_run: bool = False

    @property
    def tick_kept(self) -> Written | None:
        """The step that every price of a bar must keep; None where none is said, or a run takes what there is."""
        return read_decimal(self.tick) if self.tick and not self.of_run else None

    @property
    def venue(self) -> str:
        """Where a file is from whose venue nothing else says: the symbol's, else the product's; "" = not said.

        Where the symbol is said to be of another market than the product, the product's: then the symbol is refused.
        """
        named, home = split_symbol(self.symbol)[0], HOME.get(self.product, "")
        return home if home and named in PRODUCT_OF else named or home

    def symbol_at(self, path: Path, venue: str) -> str:
        """The name alone, as a file's venue has it; "" = not said.

        Raises:
            IngestError: It is said to be of another venue.
        """
        before, name = split_symbol(self.symbol)
        if before and before != venue:
            raise contradicted(path, f"is of {venue}", "--symbol", self.symbol)
        return name

    def require_sound(self) -> None:
        """Refuse words that mean nothing.

        Raises:
            IngestError: One of them.
        """
        if self.product and self.product not in HOME:
            raise IngestError(f"{self.product} is no product.", code="usage", hint=f"Products are {', '.join(HOME)}.")
        if self.symbol and not _SYMBOL.fullmatch(split_symbol(self.symbol)[1]):
            raise IngestError(
                f"--symbol {self.symbol!r} is no name of an instrument.", code="usage", hint="Write it like BTCUSDT."
            )
        if self.interval and not parse_interval(self.interval):
            raise IngestError(
                f"--interval {self.interval} is no length of a bar.",
                code="usage",
                hint="Write it like 30s, 5m, 4h, 1d or 1w.",
            )
        for name, text in (("tick", self.tick), ("lot", self.lot), ("multiplier", self.multiplier)):
            written = read_decimal(text) if text else None
            if text and (written is None or written.negative or not written.digits):
                raise IngestError(f"--{name} {text} is no decimal above 0.", code="usage", hint="Write it like 0.001.")


UNSAID: Final = Given()


def split_symbol(text: str) -> tuple[str, str]:
    """Venue and name of `SYMBOL` or `venue:SYMBOL`; "" where none is said. What stands before a colon and is no venue is of the name."""
    venue, _, name = text.partition(":")
    return (venue, name) if venue in VENUES else ("", text)


def need_symbol(path: Path, venue: str, given: Given, named: str, *, certain: bool = False) -> str:
    """The name of a file's instrument.

    Args:
        path: The file.
        venue: Where it is from.
        given: What the operator says.
        named: As the file's name has it; "" = it has none.
        certain: The file's name can mean nothing else: its spelling goes before the operator's.

    Raises:
        IngestError: Nobody says it; or the operator says another.
    """
    said = given.symbol_at(path, venue)
    if certain and named:
        if said and not given.of_run and not _is_alike(said, named):
            raise contradicted(path, f"is of {named}", "--symbol", given.symbol)
        return named
    if not (said or named):
        raise IngestError(
            f"{path} does not say of which instrument it is.",
            code="unnamed",
            hint="Give --symbol, like --symbol BTCUSDT.",
        )
    return said or named


def need_interval(path: Path, given: Given, named_ns: int) -> int:
    """How long the bars of a file are, in ns.

    Args:
        path: The file.
        given: What the operator says.
        named_ns: As the file's name has it; 0 = it does not say.

    Raises:
        IngestError: Nobody says it; or the operator says otherwise.
    """
    said_ns = parse_interval(given.interval)
    if said_ns and named_ns and said_ns != named_ns:
        raise contradicted(path, "holds bars of another length", "--interval", given.interval)
    if not (said_ns or named_ns):
        raise IngestError(
            f"{path} does not say how long its bars are.", code="unnamed", hint="Give --interval, like --interval 1m."
        )
    return said_ns or named_ns


def contradicted(path: Path, fact: str, word: str, said: str) -> IngestError:
    """A word of the operator that a file gives the lie."""
    return IngestError(
        f"{path} {fact}, and {word} {said} was said.",
        code="contradicted",
        hint=f"Leave {word} out, or look whether it is the right file.",
    )


def _is_alike(one: str, other: str) -> bool:
    """Whether two spellings are of one symbol: case and what stands between its parts do not count."""
    spelled = ("".join(letter for letter in each.upper() if letter.isalnum()) for each in (one, other))
    return len({*spelled}) == 1


def say_found(symbol: str, guessed: Sequence[str]) -> str:
    """What was concluded from an instrument's numbers alone."""
    return f"{symbol}: {' and '.join(guessed)} found from its numbers; --tick and --lot say it for certain."


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
