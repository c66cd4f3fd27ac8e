"""What each decoded message means: lines, which become rows once the quanta of their instrument are settled.

`ts_event` is the message's `E`; 0 where the venue sends none (spot bookTicker, spot snapshots and partial books).
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from veloz.contracts.codes import Refusal
from veloz.contracts.layout import ASK, CLOSED, EMPTY, FIRST, INEXACT, LAST, ODD, SNAPSHOT
from veloz.contracts.registry import AGGTRADE, BAR, BAR_VOLUME, LEVEL, LIQUIDATION, MARK, PARTIAL, QUOTE, TRADE
from veloz.instruments.units import INT64_MAX, Written, read_decimal
from veloz.venues.binance import wire

E8: Final = 8
WHOLE: Final = FIRST | LAST
MINUTE_NS: Final = 60 * 10**9
INTERVALS_NS: Final = {
    "1s": 10**9,
    **{f"{n}m": n * MINUTE_NS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * 60 * MINUTE_NS for n in (1, 2, 4, 6, 8, 12)},
    **{f"{n}d": n * 1_440 * MINUTE_NS for n in (1, 3)},
    "1w": 7 * 1_440 * MINUTE_NS,
}
SIDES: Final = {"BUY": 0, "SELL": ASK}


class RefusedFrame(Exception):
    """A frame of a known type breaks its contract; never leaves this package."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.name)
        self.reason = reason


class Price(NamedTuple):
    """A word that is a price: exact, at the instrument's price scale."""

    text: Written


class Average(NamedTuple):
    """A word that is a mean of prices: rounded down to the price quantum where it must be."""

    text: Written


class Qty(NamedTuple):
    """A word that is a quantity, at the instrument's quantity scale."""

    text: Written


Word = int | Price | Average | Qty


class Line(NamedTuple):
    """A row to be: words as in the kind's view."""

    kind: int
    flags: int
    event_ns: int
    words: tuple[Word, Word, Word, Word, Word]


class Draft(NamedTuple):
    """One message: whose it is and its lines."""

    symbol: str
    lines: list[Line]
    origin: int = 0  # `st`: 1 USDⓈ-M, 2 COIN-M, 0 the source's own market


def nanos(ms: int) -> int:
    """Milliseconds → ns, refused where they leave an int64."""
    if not 0 <= ms <= wire.EVENT_MAX_MS:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    return ms * 1_000_000


def count(number: int) -> int:
    """A venue's number, refused where it leaves 0 … 2**63 - 1."""
    if not 0 <= number <= INT64_MAX:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    return number


def fit(number: int) -> int:
    """A word of a row, refused where it leaves an int64."""
    if not -INT64_MAX - 1 <= number <= INT64_MAX:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    return number


def _decimal(text: str, *, signed: bool = False) -> Written:
    written = read_decimal(text)
    if written is None or (written.negative and not signed):
        raise RefusedFrame(Refusal.NOT_A_NUMBER)
    return written


def price(text: str) -> Price:
    """A price text, refused where it is no decimal or has a sign."""
    return Price(_decimal(text))


def qty(text: str) -> Qty:
    """A quantity text, refused where it is no decimal or has a sign."""
    return Qty(_decimal(text))


def e8(text: str) -> tuple[int, int]:
    """A text times 10**8, rounded down, and INEXACT where something was lost. "" is 0."""
    if not text:
        return 0, 0
    value, exact = _decimal(text, signed=True).floor(E8)
    if not -INT64_MAX - 1 <= value <= INT64_MAX:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    return value, 0 if exact else INEXACT


def e8_at_most(text: str) -> tuple[int, int]:
    """A sum of money times 10**8, rounded down, cut at the greatest int64; INEXACT where something was lost."""
    value, exact = _decimal(text).floor(E8)
    return min(value, INT64_MAX), 0 if exact and value <= INT64_MAX else INEXACT


def book_lines(
    kind: int,
    flags: int,
    event_ns: int,
    bids: Sequence[wire.Level],
    asks: Sequence[wire.Level],
    ids: tuple[int, int, int],
) -> list[Line]:
    """The run of rows of a depth message.

    Args:
        kind: md.level or md.partial.
        flags: Flags of every row.
        event_ns: The venue's time.
        bids: Levels as (price, quantity) texts, in the venue's order.
        asks: The same for the other side.
        ids: last, first, previous update id.
    """
    last, first, previous = ids
    lines = [
        Line(kind, flags | side, event_ns, (last, price(p), qty(q), first, previous))
        for side, levels in ((0, bids), (ASK, asks))
        for p, q in levels
    ]
    if not lines:
        return [Line(kind, flags | EMPTY | WHOLE, event_ns, (last, 0, 0, first, previous))]
    lines[0] = lines[0]._replace(flags=lines[0].flags | FIRST)
    lines[-1] = lines[-1]._replace(flags=lines[-1].flags | LAST)
    return lines


def depth(message: wire.Depth, kind: int = LEVEL.number) -> Draft:
    """A diff, or with `kind` md.partial the top of a book."""
    nanos(message.T)
    ids = (count(message.u), count(message.U), count(message.pu))
    if message.u < message.U:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    lines = book_lines(kind, 0, nanos(message.E), message.b, message.a, ids)
    return Draft(message.s, lines, message.st)


def snapshot(message: wire.Snapshot, symbol: str, *, partial: bool = False) -> Draft:
    """A whole book, or the top of one."""
    nanos(message.T)
    kind, flags = (PARTIAL.number, 0) if partial else (LEVEL.number, SNAPSHOT)
    ids = (count(message.lastUpdateId), 0, 0)
    return Draft(symbol, book_lines(kind, flags, nanos(message.E), message.bids, message.asks, ids))


def book_ticker(message: wire.BookTicker) -> Draft:
    """Best bid and offer."""
    nanos(message.T)
    words = (count(message.u), price(message.b), qty(message.B), price(message.a), qty(message.A))
    return Draft(message.s, [Line(QUOTE.number, WHOLE, nanos(message.E), words)], message.st)


def trade(message: wire.Trade) -> Draft:
    """One print; anything but a market trade is ODD."""
    flags = WHOLE | (ASK if message.m else 0) | (0 if message.X == "MARKET" else ODD)
    words = (count(message.t), price(message.p), qty(message.q), nanos(message.T), 0)
    return Draft(message.s, [Line(TRADE.number, flags, nanos(message.E), words)], message.st)


def agg_trade(message: wire.AggTrade) -> Draft:
    """Fills of one taker order."""
    trades = count(message.l) - count(message.f) + 1
    if trades < 1 or trades > INT64_MAX:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    flags = WHOLE | (ASK if message.m else 0)
    words = (count(message.a), price(message.p), qty(message.q), nanos(message.T), trades)
    return Draft(message.s, [Line(AGGTRADE.number, flags, nanos(message.E), words)], message.st)


def mark_price(message: wire.MarkPrice) -> Draft:
    """Mark, index, settlement price and funding."""
    if not message.p:
        raise RefusedFrame(Refusal.NOT_A_NUMBER)
    values = [e8(text) for text in (message.P, message.p, message.i, message.r)]
    (settle, mark, index, funding), lost = (tuple(value for value, _ in values), 0)
    for _, inexact in values:
        lost |= inexact
    words = (settle, mark, index, funding, nanos(message.T))
    return Draft(message.s, [Line(MARK.number, WHOLE | lost, nanos(message.E), words)], message.st)


def bar_lines(
    event_ns: int, open_ns: int, interval_ns: int, ohlc: tuple[str, str, str, str], sums: tuple[str, str, str],
    trades: int, *, closed: bool,
) -> list[Line]:  # fmt: skip
    """The two rows of a bar.

    Args:
        event_ns: The venue's time, 0 where it states none.
        open_ns: Begin of the bar.
        interval_ns: Its length.
        ohlc: Open, high, low, close.
        sums: Volume, the takers' buy volume, quote volume.
        trades: How many.
        closed: Whether it will not change any more.
    """
    if not 0 < interval_ns <= INT64_MAX:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    first, high, low, last = ohlc
    volume, taker_volume, quote = sums
    quote_e8, lost = e8_at_most(quote)
    closed_flag = CLOSED if closed else 0
    return [
        Line(BAR.number, FIRST | closed_flag, event_ns, (open_ns, price(first), price(high), price(low), price(last))),
        Line(
            BAR_VOLUME.number,
            LAST | lost,
            event_ns,
            (interval_ns, qty(volume), qty(taker_volume), quote_e8, count(trades)),
        ),
    ]


def kline(message: wire.Kline) -> Draft:
    """A bar as the venue states it. Its length is what `i` says; for months, `T` + 1 ms - `t`."""
    bar = message.k
    if bar.s != message.s:
        raise RefusedFrame(Refusal.UNKNOWN_SYMBOL)
    open_ns, last_ns = nanos(bar.t), nanos(bar.T)
    lines = bar_lines(
        nanos(message.E), open_ns, INTERVALS_NS.get(bar.i, last_ns + 1_000_000 - open_ns),
        (bar.o, bar.h, bar.l, bar.c), (bar.v, bar.V, bar.q), bar.n, closed=bar.x,
    )  # fmt: skip
    return Draft(message.s, lines, message.st)


def force_order(message: wire.ForceOrder) -> Draft:
    """A liquidation; the mean price is rounded down to the price quantum."""
    order = message.o
    if order.S not in SIDES:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    words = (nanos(order.T), price(order.p), qty(order.q), Average(_decimal(order.ap)), qty(order.z))
    line = Line(LIQUIDATION.number, WHOLE | SIDES[order.S], nanos(message.E), words)
    return Draft(order.s, [line], message.st)


READERS: Final[dict[str, Callable[[Any], Draft]]] = {
    "depthUpdate": depth,
    "bookTicker": book_ticker,
    "trade": trade,
    "aggTrade": agg_trade,
    "markPriceUpdate": mark_price,
    "kline": kline,
    "forceOrder": force_order,
}


def read(name: str, data: msgspec.Raw | bytes) -> Draft:
    """One message of a known type.

    Raises:
        RefusedFrame: it breaks its contract.
        msgspec.DecodeError: it cannot be read.
    """
    return READERS[name](wire.DECODERS[name].decode(data))


def texts_of(lines: list[Line]) -> tuple[list[Written], list[Written]]:
    """All prices and all quantities that must be exact, in order."""
    words = [word for line in lines for word in line.words]
    return (
        [word.text for word in words if isinstance(word, Price)],
        [word.text for word in words if isinstance(word, Qty)],
    )
