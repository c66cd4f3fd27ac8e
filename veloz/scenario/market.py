"""What the market does: quotes, trades, books, marks."""

from typing import Final

from veloz.contracts import layout, registry
from veloz.contracts.codes import Market
from veloz.scenario.grammar import Statement
from veloz.scenario.naming import Traded, count, refuse
from veloz.scenario.rows import Builder, Making

E8_SCALE: Final = 8


def _traded(statement: Statement, making: Making) -> Traded:
    return making.names.traded(statement.line, statement.args["symbol"])


def _quote(statement: Statement, making: Making) -> None:
    args, line, traded = statement.args, statement.line, _traded(statement, making)
    price, qty = traded.instrument.price_scale, traded.instrument.qty_scale
    traded.last_id += 1
    making.add(
        line, registry.QUOTE, traded.number, flags=layout.FIRST | layout.LAST, update_id=traded.last_id,
        bid=count(line, args["bid"], price, "the bid"), bid_qty=count(line, args["bid_qty"], qty, "the quantity"),
        ask=count(line, args["ask"], price, "the ask"), ask_qty=count(line, args["ask_qty"], qty, "the quantity"),
    )  # fmt: skip


def _trade(statement: Statement, making: Making) -> None:
    args, line, traded = statement.args, statement.line, _traded(statement, making)
    making.add(
        line, registry.TRADE, traded.number, trade_id=args.get("id") or traded.next_print(),
        flags=layout.FIRST | layout.LAST | (layout.ASK if args.get("sell") else 0),
        price=count(line, args["price"], traded.instrument.price_scale, "the price"),
        qty=count(line, args["qty"], traded.instrument.qty_scale, "the quantity"), ts_match=making.event_ns,
    )  # fmt: skip


def _mark(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line

    def e8(key: str, other: str) -> int:
        return count(line, args.get(key, other), E8_SCALE, f"the {key} price")

    making.add(
        line, registry.MARK, _traded(statement, making).number, flags=layout.FIRST | layout.LAST,
        mark_e8=e8("mark", "0"), index_e8=e8("index", args["mark"]), settle_e8=e8("settle", "0"),
        funding_e8=args.get("funding", 0), ts_funding=args.get("next", 0),
    )  # fmt: skip


def _book(statement: Statement, making: Making) -> None:
    args, traded = statement.args, _traded(statement, making)
    traded.last_id = args.get("id", traded.last_id + 1)
    _levels(statement, making, traded, layout.SNAPSHOT, (traded.last_id, 0, 0))


def _diff(statement: Statement, making: Making) -> None:
    args, traded = statement.args, _traded(statement, making)
    first, last = args.get("ids", (traded.last_id + 1, traded.last_id + 1))
    if first > last:
        refuse(statement.line, f"update ids go from the first to the last, and {first} is after {last}.")
    futures = traded.instrument.market != Market.BINANCE_SPOT
    prev = args.get("prev", traded.last_id if futures else 0)
    traded.last_id = last
    _levels(statement, making, traded, 0, (last, first, prev))


def _levels(statement: Statement, making: Making, traded: Traded, flags: int, ids: tuple[int, int, int]) -> None:
    """One depth message: a row a level, or one row that says there is none."""
    line = statement.line
    levels = [(0, level) for level in statement.args.get("bids", [])] + [
        (layout.ASK, level) for level in statement.args.get("asks", [])
    ]
    words = {"last_id": ids[0], "first_id": ids[1], "prev_id": ids[2]}
    if not levels:
        making.add(line, registry.LEVEL, traded.number, words, flags=flags | layout.FIRST | layout.LAST | layout.EMPTY)
    for at, (side, (price, qty)) in enumerate(levels):
        ends = (layout.FIRST if at == 0 else 0) | (layout.LAST if at == len(levels) - 1 else 0)
        making.add(
            line, registry.LEVEL, traded.number, words, flags=flags | side | ends,
            price=count(line, price, traded.instrument.price_scale, "the price"),
            qty=count(line, qty, traded.instrument.qty_scale, "the quantity"),
        )  # fmt: skip


BUILDERS: Final[dict[str, Builder]] = {
    "quote": _quote, "trade": _trade, "mark": _mark, "book": _book, "diff": _diff,
}  # fmt: skip
