"""Tardis CSV: `incremental_book_L2`, `trades`, `options_chain`. Stamps are µs; both clocks are kept.

Books are applied as they stand: a whole book begins with a clear of both sides, lines of one local stamp are one message. Of an options
chain the quote and the mark and underlying prices are kept; greeks, volatilities, open interest and last prices have no kind yet.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.layout import APPLIED, ASK, EMPTY, SNAPSHOT
from veloz.contracts.registry import LEVEL, MARK, QUOTE, TRADE
from veloz.ingest.course import A_TRADE
from veloz.ingest.delimited import Decimals, Fields, join_words
from veloz.ingest.sheet import Counted, Csv, Sheet, inexact
from veloz.ingest.table import new_rows

BOOK: Final = ("exchange", "symbol", "timestamp", "local_timestamp", "is_snapshot", "side", "price", "amount")
TRADES: Final = ("exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount")
CHAIN: Final = (
    "exchange", "symbol", "timestamp", "local_timestamp", "type", "strike_price", "expiration", "open_interest",
    "last_price", "bid_price", "bid_amount", "bid_iv", "ask_price", "ask_amount", "ask_iv", "mark_price", "mark_iv",
    "underlying_index", "underlying_price", "delta", "gamma", "vega", "theta", "rho",
)  # fmt: skip
FORMS: Final = {BOOK: "book", TRADES: "trades", CHAIN: "chain"}
TRUTH: Final = {b"true": 1, b"false": 0}
BOOK_SIDES: Final = {b"bid": 0, b"ask": 1}
TAKERS: Final = {b"buy": 0, b"sell": 1, b"unknown": 2}
VENUE_OF: Final = {
    "binance": "binance_spot",
    "binance-futures": "binance_usdm",
    "binance-delivery": "binance_coinm",
    "deribit": "deribit",
    "coinbase": "coinbase",
    "bybit": "bybit_linear",
    "bybit-spot": "bybit_spot",
    "ftx": "ftx",
}
MICROSECOND_NS: Final = 1_000
STAMP_MAX: Final = (2**63 - 1) // MICROSECOND_NS
E8: Final = np.int64(8)


def find_tardis(line: str) -> tuple[str, ...] | None:
    """Columns of a file of Tardis, from its first line; None when it is none we read."""
    names = tuple(line.strip().split(","))
    return names if names in FORMS else None


def venue_of(line: str) -> str:
    """The venue of a line; empty where we have no name for its exchange."""
    return VENUE_OF.get(line.partition(",")[0].strip(), "")


def _stamps(fields: Fields, name: str) -> NDArray[np.int64]:
    stamps = fields.whole(name)
    fields.require(name, (stamps > 0) & (stamps <= STAMP_MAX), "no stamp")
    return stamps * MICROSECOND_NS


class Tardis(Csv):
    """What its three kinds of files have in common: several symbols, two stamps, and steps of one symbol and local stamp."""

    form = "tardis"
    time = "recv"

    def __init__(self, columns: tuple[str, ...]) -> None:
        super().__init__(columns, True)
        self.begin()

    def begin(self) -> None:
        """No line is known."""
        self._last: tuple[str, int] = ("", 0)
        self._whole: dict[str, bool] = {}

    def _sheet(
        self, fields: Fields, prices: dict[str, Decimals], qtys: dict[str, Decimals], **words: NDArray[np.int64]
    ) -> Sheet:
        symbols, which = fields.words("symbol")
        words |= {"event": _stamps(fields, "timestamp"), "recv": _stamps(fields, "local_timestamp")}
        return Sheet([symbol.decode("ascii", "replace") for symbol in symbols], which, prices, qtys, words)

    def _begins(self, sheet: Sheet) -> NDArray[np.bool_]:
        """Where a step begins; the first line of a block may go on with the step of the last one."""
        recv = sheet.words["recv"]
        begins = join_words(sheet.which, recv)
        begins[0] = self._last != (sheet.symbols[sheet.which[0]], int(recv[0]))
        self._last = sheet.symbols[sheet.which[-1]], int(recv[-1])
        return begins

    def _blank(self, sheet: Sheet, counted: Counted) -> NDArray[np.void]:
        rows = new_rows(len(sheet.which))
        rows["instrument"] = counted.instrument
        rows["ts_recv"], rows["ts_event"] = sheet.words["recv"], sheet.words["event"]
        return rows


class Book(Tardis):
    """incremental_book_L2."""

    def read(self, fields: Fields) -> Sheet:
        """What some lines say."""
        words = {"ask": fields.choose("side", BOOK_SIDES), "whole": fields.choose("is_snapshot", TRUTH)}
        return self._sheet(fields, {"price": fields.decimals("price")}, {"qty": fields.decimals("amount")}, **words)

    def rows(self, sheet: Sheet, counted: Counted) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        """A row a line, and two that clear the sides where a whole book begins."""
        begins = self._begins(sheet)
        rows = self._blank(sheet, counted)
        whole = sheet.words["whole"] != 0
        rows["kind"] = LEVEL.number
        rows["flags"] = APPLIED + sheet.words["ask"] * ASK + whole * SNAPSHOT + inexact(counted)
        rows["price"], rows["qty"] = counted.prices["price"], counted.qtys["qty"]
        anew = np.flatnonzero(self._anew(sheet, whole))
        if not len(anew):
            return rows, begins
        clears = np.repeat(rows[anew], 2)
        clears["flags"] = APPLIED | EMPTY | SNAPSHOT
        clears["flags"][1::2] |= ASK
        clears["price"], clears["qty"] = -1, 0
        heads = np.zeros(len(clears), np.bool_)
        heads[::2] = begins[anew]
        begins[anew] = False
        at = np.repeat(anew, 2)
        return np.insert(rows, at, clears), np.insert(begins, at, heads)

    def _anew(self, sheet: Sheet, whole: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where a line of a whole book follows one of changes, or nothing."""
        anew = np.zeros(len(whole), np.bool_)
        for ix, symbol in enumerate(sheet.symbols):
            own = np.flatnonzero(sheet.which == ix)
            before = np.append(self._whole.get(symbol, False), whole[own][:-1])
            anew[own] = whole[own] & ~before
            self._whole[symbol] = bool(whole[own[-1]])
        return anew


class Prints(Tardis):
    """trades. An id that is no number is not kept; a trade whose side is not known is none to a simulated venue."""

    told, once = A_TRADE, "id"

    def read(self, fields: Fields) -> Sheet:
        """What some lines say."""
        taker = fields.choose("side", TAKERS)
        return self._sheet(
            fields,
            {"price": fields.decimals("price")},
            {"qty": fields.decimals("amount")},
            taker=taker,
            id=_ids(fields),
        )

    def rows(self, sheet: Sheet, counted: Counted) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        """A row a line."""
        rows = self._blank(sheet, counted)
        rows["kind"] = TRADE.number
        rows["flags"] = (sheet.words["taker"] == 1) * ASK + inexact(counted)
        rows["price"], rows["qty"] = counted.prices["price"], counted.qtys["qty"]
        rows["venue_seq"], rows["ref"] = sheet.words["id"], sheet.words["event"]
        rows["aux"] = sheet.words["taker"] == 2
        return rows, np.ones(len(rows), np.bool_)


def _ids(fields: Fields) -> NDArray[np.int64]:
    """Ids that are whole numbers; 0 for others."""
    texts = (fields.text("id", row) for row in range(len(fields)))
    return np.array([int(text) if text.isdigit() and len(text) < 19 else 0 for text in texts], np.int64)


class Chain(Tardis):
    """options_chain: a quote and a mark a line."""

    def product(self) -> str:
        """Premiums are money of the quote, as of a linear contract."""
        return "linear"

    def notes(self) -> list[str]:
        """What is not kept."""
        return [
            "of an options chain its quotes, mark and underlying prices are kept;"
            " greeks, volatilities, open interest, last prices, strikes and expiries are not"
        ]

    def read(self, fields: Fields) -> Sheet:
        """What some lines say."""
        prices = {name: fields.decimals(f"{name}_price", may_lack=True) for name in ("bid", "ask")}
        qtys = {name: fields.decimals(f"{name}_amount", may_lack=True) for name in ("bid", "ask")}
        scale = np.full(len(fields), E8)
        marks = {}
        for name in ("mark", "underlying"):
            marks[name], rounded = fields.decimals(f"{name}_price", may_lack=True).counts(scale)
            marks[f"{name}_odd"] = rounded.astype(np.int64)
        return self._sheet(fields, prices, qtys, **marks)

    def rows(self, sheet: Sheet, counted: Counted) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        """Two rows a line. A side that nobody quotes has price and quantity 0."""
        quotes = self._blank(sheet, counted)
        marks = quotes.copy()
        quotes["kind"], marks["kind"] = QUOTE.number, MARK.number
        quotes["flags"] = inexact(counted)
        quotes["price"], quotes["qty"] = counted.prices["bid"], counted.qtys["bid"]
        quotes["ref"], quotes["aux"] = counted.prices["ask"], counted.qtys["ask"]
        words = sheet.words
        marks["flags"] = (words["mark_odd"] | words["underlying_odd"]) * 64
        marks["price"], marks["qty"] = words["mark"], words["underlying"]
        rows = np.empty(2 * len(quotes), quotes.dtype)
        rows[::2], rows[1::2] = quotes, marks
        begins = np.zeros(len(rows), np.bool_)
        begins[::2] = True
        return rows, begins


def open_tardis(columns: tuple[str, ...]) -> Tardis:
    """What reads a file with these columns."""
    return {BOOK: Book, TRADES: Prints, CHAIN: Chain}[columns](columns)
