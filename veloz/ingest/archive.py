"""Binance's public archive: trades, aggregated trades and recorded depth, as CSV with or without a header, packed or not.

It states when the venue did something, never when somebody heard of it: both stamps of a row are the venue's. Klines are read as messages
(`klines.py`).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.layout import ASK, SNAPSHOT
from veloz.contracts.registry import AGGTRADE, LEVEL, TRADE
from veloz.ingest.course import A_TRADE
from veloz.ingest.delimited import Fields, join_words
from veloz.ingest.sheet import Counted, Csv, Sheet, inexact, read_stamps
from veloz.ingest.table import new_rows

TRADES: Final = ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker")
AGGREGATES: Final = (
    "agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker",
)  # fmt: skip
BEST: Final = "is_best_match"
SYNONYMS: Final = {
    "base_qty": "quote_qty",
    "trade_id": "id",
    "aggregate_tradeid": "agg_trade_id",
    "is_best_price_match": BEST,
}
DEPTH: Final = ("symbol", "timestamp", "first_update_id", "last_update_id", "side", "update_type", "price", "qty", "pu")
TRUTH: Final = {b"true": 1, b"false": 0, b"1": 1, b"0": 0}
SIDES: Final = {b"b": 0, b"a": 1, b"bid": 0, b"ask": 1}
KEY: Final = ("ts", "first", "last", "whole")  # what the lines of one message have in common
UPDATES: Final = {b"set": 0, b"snap": 1}


def find_archive(line: str) -> tuple[str, tuple[str, ...], bool] | None:
    """Form, columns and whether this first line names them; None when it is none of the archive's."""
    fields = [field.strip().strip('"') for field in line.split(",")]
    names = tuple(SYNONYMS.get(name, name) for name in ("_".join(field.lower().split()) for field in fields))
    for form, columns in (("trades", TRADES), ("aggtrades", AGGREGATES), ("depth", DEPTH)):
        if names[: len(columns)] == columns and names[len(columns) :] in ((), (BEST,)):
            return form, names, True
    if fields[-1].lower().encode() not in TRUTH or not all(_is_number(field) for field in fields[:5]):
        return None
    stamp = {6: 4, 7: 4, 8: 5}.get(len(fields), -1)
    if len(fields) == 7 and fields[5].isdigit():
        stamp = 5
    if stamp < 0 or len(fields[stamp]) not in (13, 16) or not fields[stamp].isdigit():
        return None
    columns = AGGREGATES if stamp == 5 else TRADES
    return ("aggtrades" if stamp == 5 else "trades"), (*columns, BEST)[: len(fields)], False


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("e-", "", 1).isdigit()


class Trades(Csv):
    """Trades, or fills of one taker order as one; every line is a step.

    Args:
        form: trades or aggtrades.
        symbol: Whose they are.
        columns: Names of the columns.
        header: Whether the first line names them.
    """

    told, time, once = A_TRADE, "ts", "id"

    def __init__(self, form: str, symbol: str, columns: tuple[str, ...], header: bool) -> None:
        super().__init__(columns, header)
        self.form = form
        self._symbol = symbol
        self._aggregated = form == "aggtrades"

    def read(self, fields: Fields) -> Sheet:
        """What some lines say."""
        words = {
            "id": fields.whole("agg_trade_id" if self._aggregated else "id"),
            "ts": read_stamps(fields, "transact_time" if self._aggregated else "time"),
            "sold": fields.choose("is_buyer_maker", TRUTH),
        }
        if self._aggregated:
            words["count"] = fields.whole("last_trade_id") - fields.whole("first_trade_id") + 1
            fields.require("last_trade_id", words["count"] > 0, "before the first")
        qty = fields.decimals("quantity" if self._aggregated else "qty")
        which = np.zeros(len(fields), np.int64)
        return Sheet([self._symbol], which, {"price": fields.decimals("price")}, {"qty": qty}, words)

    def rows(self, sheet: Sheet, counted: Counted) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        """A row a line."""
        rows = new_rows(len(sheet.which))
        rows["kind"] = AGGTRADE.number if self._aggregated else TRADE.number
        rows["flags"] = sheet.words["sold"] * ASK + inexact(counted)
        rows["instrument"] = counted.instrument
        rows["ts_recv"] = rows["ts_event"] = rows["ref"] = sheet.words["ts"]
        rows["venue_seq"] = sheet.words["id"]
        rows["price"], rows["qty"] = counted.prices["price"], counted.qtys["qty"]
        rows["aux"] = sheet.words["count"] if self._aggregated else 0
        return rows, np.ones(len(rows), np.bool_)


class Depth(Csv):
    """Recorded depth (T_DEPTH): whole books and diffs with the venue's own ids, to be followed as live ones are."""

    form = "depth"
    time = "ts"

    def begin(self) -> None:
        """No line is known."""
        self._last: tuple[object, ...] = ()

    def read(self, fields: Fields) -> Sheet:
        """What some lines say."""
        symbols, which = fields.words("symbol")
        words = {
            "ts": read_stamps(fields, "timestamp"),
            "first": fields.whole("first_update_id"),
            "last": fields.whole("last_update_id"),
            "ask": fields.choose("side", SIDES),
            "whole": fields.choose("update_type", UPDATES),
            "previous": np.maximum(fields.whole("pu"), 0),
        }
        names = [symbol.decode("ascii", "replace") for symbol in symbols]
        return Sheet(names, which, {"price": fields.decimals("price")}, {"qty": fields.decimals("qty")}, words)

    def rows(self, sheet: Sheet, counted: Counted) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        """A row a line; a message is a run of lines that say the same of time and ids."""
        words = sheet.words
        begins = join_words(sheet.which, *(words[name] for name in KEY))
        ends = [(sheet.symbols[sheet.which[at]], *(int(words[name][at]) for name in KEY)) for at in (0, -1)]
        begins[0], self._last = ends[0] != self._last, ends[1]
        rows = new_rows(len(begins))
        rows["kind"] = LEVEL.number
        rows["flags"] = words["ask"] * ASK + words["whole"] * SNAPSHOT + inexact(counted)
        rows["instrument"] = counted.instrument
        rows["ts_recv"] = rows["ts_event"] = words["ts"]
        rows["venue_seq"], rows["ref"], rows["aux"] = words["last"], words["first"], words["previous"]
        rows["price"], rows["qty"] = counted.prices["price"], counted.qtys["qty"]
        return rows, begins
