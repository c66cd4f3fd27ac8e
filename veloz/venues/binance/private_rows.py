"""Lines of private events → rows: instruments and assets are found or made, and every decimal is counted in its own unit, exactly.

Nothing is rounded here: a price, quantity or amount that its unit cannot hold refuses the whole frame. Instruments come from the
catalogue that the public codec uses, by the same inference; so both codecs make the same numbers.
"""

from fractions import Fraction
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from veloz.contracts.account import NameBody
from veloz.contracts.codes import Product, Refusal
from veloz.contracts.layout import NO_INSTRUMENT
from veloz.contracts.registry import ASSET, ASSETS, CHANGED, LISTED, Kind
from veloz.instruments.assets import ASSETS_MAX, NAME_MAX, Asset, AssetBook, Payment, first_scale
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.instrument import VERSION_FIRST, Instrument
from veloz.instruments.units import Written, read_decimal
from veloz.venues.binance.messages import Price, Qty, RefusedFrame, fit
from veloz.venues.binance.plain import SYMBOL_MAX, Row, instrument_row, row_of, settled

PRODUCTS: Final = {"spot": Product.SPOT, "linear": Product.LINEAR, "inverse": Product.INVERSE}
ZERO: Final = Written(0, 0, False)
SEQ_SCALE: Final = 18
SEQ_BITS: Final = 10  # of a cumulative quantity's leading digits, kept to order reports of one millisecond
SEQ_MOST: Final = (127 << SEQ_BITS) | ((1 << SEQ_BITS) - 1)
RANKS: Final = 4
RANK_OVER: Final = RANKS - 1
MILLI_NS: Final = 1_000_000
assert SEQ_MOST * RANKS + RANKS <= MILLI_NS, "what orders the reports of a millisecond stays within it"


class Signed(NamedTuple):
    """A word that is a position: exact, at the instrument's quantity scale, either sign."""

    text: Written


class Money(NamedTuple):
    """A word that is an amount of an asset."""

    text: Written
    asset: str


class AssetNumber(NamedTuple):
    """A word that names an asset."""

    asset: str


Part = int | Price | Qty | Signed | Money | AssetNumber


class Line(NamedTuple):
    """A row to be. `symbol` is "" where the row is of no instrument."""

    kind: Kind
    symbol: str
    event_ns: int  # when it happened, as far as the venue says
    words: tuple[Part, ...]
    flags: int = 0


class Told(NamedTuple):
    """All that follows from one private frame."""

    rows: list[Row]
    bodies: list[tuple[int, bytes]]  # (row within the frame, body)
    name: str | None = None  # under which the frame counts as a message
    instruments: tuple[Instrument, ...] = ()  # new versions, in the order of their rows
    assets: tuple[Asset, ...] = ()
    payments: tuple[tuple[int, Payment], ...] = ()
    rejected: bool = False
    unknown: bool = False


def decimal(text: str) -> Written:
    """A decimal text of either sign, refused where it is none."""
    written = read_decimal(text)
    if written is None:
        raise RefusedFrame(Refusal.NOT_A_NUMBER)
    return written


def amount(text: str) -> Written:
    """A decimal text that cannot be below zero, refused where it is none or has a sign."""
    written = decimal(text)
    if written.negative:
        raise RefusedFrame(Refusal.NOT_A_NUMBER)
    return written


def total(left: Written, right: Written, sign: int = 1) -> Written:
    """left + sign · right, exact."""
    decimals = max(left.decimals, right.decimals)
    digits = left.floor(decimals)[0] + sign * right.floor(decimals)[0]
    return Written(digits, decimals, digits < 0)


def exact(text: Written, scale: int) -> int:
    """A decimal counted at a scale, refused where something would be lost or it leaves an int64."""
    count, whole = text.floor(scale)
    if not whole:
        raise RefusedFrame(Refusal.TOO_FINE)
    return fit(count)


def sequence(time_ns: int, cumulative: Written, rank: int) -> int:
    """The venue's order of the reports about one order, as a number.

    Binance numbers executions on spot only, and no REST answer carries that number; the time of the transaction is in all of them.
    Reports of one millisecond are ordered by what has been filled, then by how final they are; both in the digits below the
    millisecond, so the number still reads as nanoseconds.

    Args:
        time_ns: Time of the transaction, whole milliseconds.
        cumulative: Filled so far.
        rank: 0 open · 1 fill · 2 amended · 3 over.
    """
    assert 0 <= rank < RANKS, rank
    count = cumulative.floor(SEQ_SCALE)[0]
    bits = count.bit_length()
    lead = (count << SEQ_BITS + 1 >> bits) & ((1 << SEQ_BITS) - 1) if bits else 0
    return fit(time_ns + min(bits << SEQ_BITS | lead, SEQ_MOST) * RANKS + rank)


def made_trade_id(order_id: int, cumulative: Written) -> int:
    """A number below 0 for an execution that the venue gave none: the same for the same order and cumulative quantity."""
    digits, decimals = cumulative.digits, cumulative.significant
    text = f"{order_id} {digits // 10 ** (cumulative.decimals - decimals)} {decimals}"
    return -1 - (int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 2)


class _Settling:
    """The instruments and assets of one frame."""

    def __init__(self, catalogue: Catalogue, book: AssetBook, venue: str) -> None:
        self.catalogue, self.book, self.venue = catalogue, book, venue
        self.instruments: dict[str, Instrument] = {}
        self.fresh: list[Instrument] = []
        self.assets: list[Asset] = []
        self.payments: list[tuple[int, Payment]] = []
        self._named: dict[str, Asset] = {}

    def take_instruments(self, lines: list[Line]) -> None:
        """Find or make each symbol's instrument, with quanta that fit all its texts."""
        for symbol in dict.fromkeys(line.symbol for line in lines if line.symbol):
            if len(symbol) > SYMBOL_MAX:
                raise RefusedFrame(Refusal.UNKNOWN_SYMBOL)
            known = self.catalogue.find(self.venue, symbol)
            listed = sum(instrument.version == VERSION_FIRST for instrument in self.fresh)
            words = [word for line in lines if line.symbol == symbol for word in line.words]
            found = settled(
                self.catalogue, (self.venue, symbol), known, _texts(words), len(self.catalogue) + 1 + listed
            )
            if known is not None and found.qty_scale < known.qty_scale:
                raise RefusedFrame(Refusal.OUT_OF_RANGE)
            self.instruments[symbol] = found
            if found is not known:
                self.fresh.append(found)

    def asset(self, name: str, seen: Written | None = None) -> Asset:
        """The asset of a name; a new one gets the next number."""
        known = self.book.find(name) or self._named.get(name)
        if known is not None:
            return known
        number = self.book.next_number + len(self.assets)
        if not 0 < len(name) <= NAME_MAX or number >= ASSETS_MAX:
            raise RefusedFrame(Refusal.OUT_OF_RANGE)
        asset = Asset(number, name, first_scale(seen))
        self._named[name] = asset
        self.assets.append(asset)
        return asset

    def take_assets(self, lines: list[Line]) -> None:
        """Number the assets of all lines, then those that the instruments pay in, where their bodies say so."""
        words = [word for line in lines for word in line.words]
        for name in dict.fromkeys(word.asset for word in words if isinstance(word, Money | AssetNumber)):
            amounts = [word.text for word in words if isinstance(word, Money) and word.asset == name]
            self.asset(name, max(amounts, key=_size, default=None))
        for instrument in self.instruments.values():
            body = instrument.body
            spot = body.product == "spot"
            if not (body.base and body.quote and (body.settle or spot)) or body.product not in PRODUCTS:
                continue
            names = (body.base, body.quote, body.quote if spot else body.settle)
            base, quote, settle = (self.asset(name).number for name in names)
            payment = Payment(int(PRODUCTS[body.product]), base, quote, settle)
            if self.book.payment(instrument.number) != payment:
                self.payments.append((instrument.number, payment))

    def word(self, word: Part, instrument: Instrument | None) -> int:
        """A word as its row holds it."""
        if isinstance(word, int):
            return fit(word)
        if isinstance(word, AssetNumber):
            return self.asset(word.asset).number
        if isinstance(word, Money):
            return exact(word.text, self.asset(word.asset).scale)
        assert instrument is not None, word
        return exact(word.text, instrument.price_scale if isinstance(word, Price) else instrument.qty_scale)


def _size(text: Written) -> Fraction:
    return Fraction(abs(text.digits), 10**text.decimals)


def _texts(words: list[Part]) -> tuple[list[Written], list[Written]]:
    """Prices and quantities among words; of signed ones the size."""
    prices = [word.text for word in words if isinstance(word, Price)]
    qtys = [word.text for word in words if isinstance(word, Qty | Signed)]
    return prices, [Written(abs(text.digits), text.decimals, False) for text in qtys]


def settle(lines: list[Line], catalogue: Catalogue, book: AssetBook, venue: str, recv: int, name: str) -> Told:
    """Rows of a frame: new assets, then new versions of instruments, then how they pay, then the lines.

    Args:
        lines: What the frame says, at least one.
        catalogue: Instruments known so far; not changed.
        book: Assets known so far; not changed.
        venue: Whose instruments they are.
        recv: Receive time, ns.
        name: Under which the frame counts.

    Raises:
        RefusedFrame: something cannot be counted exactly, or a symbol or asset cannot be.
    """
    found = _Settling(catalogue, book, venue)
    found.take_instruments(lines)
    found.take_assets(lines)
    rows: list[Row] = []
    bodies: list[tuple[int, bytes]] = []
    for asset in found.assets:
        bodies.append((len(rows), msgspec.msgpack.encode(NameBody(name=asset.name))))
        rows.append(row_of(ASSET.number, 0, NO_INSTRUMENT, recv, 0, (asset.number, asset.scale)))
    for instrument in found.fresh:
        bodies.append((len(rows), msgspec.msgpack.encode(instrument.body)))
        rows.append(instrument_row(instrument, recv))
        assert rows[-1][0] in (LISTED.number, CHANGED.number)
    rows += [row_of(ASSETS.number, 0, number, recv, 0, payment) for number, payment in found.payments]
    for line in lines:
        whose = found.instruments.get(line.symbol)
        words = tuple(found.word(word, whose) for word in line.words)
        rows.append(
            row_of(line.kind.number, line.flags, whose.number if whose else NO_INSTRUMENT, recv, line.event_ns, words)
        )
    return Told(rows, bodies, name, tuple(found.fresh), tuple(found.assets), tuple(found.payments))
