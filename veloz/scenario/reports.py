"""What became of requests, and what a venue says of orders: ours, and those that somebody else placed."""

from typing import Any, Final

from veloz.contracts import registry, terms
from veloz.contracts.registry import Kind
from veloz.contracts.terms import Action, OrderType, Origin, TimeInForce, Why
from veloz.scenario.commands import instrument_of, spec_of
from veloz.scenario.grammar import Statement
from veloz.scenario.listing import need_asset
from veloz.scenario.naming import OrderName, Traded, count, refuse
from veloz.scenario.rows import Builder, Making
from veloz.scenario.text import SECOND_NS

HORIZON_NS: Final = 60 * SECOND_NS
_STATES: Final = {
    "accepted": registry.ACCEPTED, "canceled": registry.CANCELED, "expired": registry.EXPIRED,
}  # fmt: skip
_FORCED: Final = {"liquidation": Why.LIQUIDATION, "adl": Why.ADL, "settlement": Why.SETTLEMENT}


def about(statement: Statement, making: Making) -> tuple[OrderName, Traded]:
    """The order a report is about and its instrument; what the line says of a stranger's order is remembered."""
    args, line, names = statement.args, statement.line, making.names
    name = args["order"]
    order = names.order(line, name)
    if order.instrument == 0 and "symbol" in args:
        traded = names.traded(line, args["symbol"])
        account = names.account(line, args.get("account", ""), traded.instrument.market)
        side = int(args.get("side", 0))
        order = OrderName(order.key, traded.number, account.number, bool(args.get("sell")), side)
        names.remember(name, order)
    return order, instrument_of(line, names, order, name)


def meta_of(order: OrderName, args: dict[str, Any], **parts: int) -> int:
    """The word `meta` of a report."""
    return terms.pack(
        terms.META, account=order.account, sell=args.get("sell", order.sell),
        position_side=args.get("side", order.position_side), why=args.get("why", Why.ORDINARY),
        **parts,
    )  # fmt: skip


def _seq(args: dict[str, Any], making: Making) -> int:
    return making.names.report_seq(args.get("seq"))


def _filled_so_far(line: int, args: dict[str, Any], traded: Traded) -> int:
    return count(line, args.get("filled", "0"), traded.instrument.qty_scale, "the filled quantity")


def _reported(statement: Statement, making: Making) -> None:
    args = statement.args
    order, traded = about(statement, making)
    making.add(
        statement.line, _STATES[statement.verb], traded.number, order=order.key, venue_order=args.get("venue_order", 0),
        filled=_filled_so_far(statement.line, args, traded), venue_seq=_seq(args, making), meta=meta_of(order, args),
    )  # fmt: skip


def _rejected(statement: Statement, making: Making) -> None:
    args = statement.args
    order, traded = about(statement, making)
    kind, action = registry.REJECTED, Action.PLACE
    if statement.verb == "request-rejected":
        kind, action = registry.REQUEST_REJECTED, args["action"]
    making.add(
        statement.line, kind, traded.number, order=order.key, code=args.get("code", 0), venue_seq=_seq(args, making),
        filled=_filled_so_far(statement.line, args, traded), meta=meta_of(order, args, action=action),
    )  # fmt: skip


def _replaced(statement: Statement, making: Making) -> None:
    """An amendment took hold; or the order gave way to another one, and the row's quantity is what was filled of it till then."""
    args, line = statement.args, statement.line
    order, traded = about(statement, making)
    gave_way = args.get("action") == Action.PLACE
    if gave_way and ("price" in args or "qty" in args):
        refuse(line, "an order that gave way has no new terms; say what was executed of it as `filled Q`.")
    if "filled" in args and not gave_way:
        refuse(line, "`filled Q` belongs to `replaced ORDER place`.")
    price, qty = making.names.terms_of(order)
    if gave_way:
        qty = _filled_so_far(line, args, traded)
    if "price" in args:
        price = count(line, args["price"], traded.instrument.price_scale, "the price")
    if "qty" in args:
        qty = count(line, args["qty"], traded.instrument.qty_scale, "the quantity")
    making.add(
        line, registry.REPLACED, traded.number, order=order.key, price=price, qty=qty, venue_seq=_seq(args, making),
        meta=meta_of(order, args, action=args.get("action", Action.AMEND)),
    )  # fmt: skip


def _trade_words(statement: Statement, traded: Traded) -> dict[str, int]:
    args, line = statement.args, statement.line
    words = {
        "price": count(line, args["price"], traded.instrument.price_scale, "the price"),
        "qty": count(line, args["qty"], traded.instrument.qty_scale, "the quantity"),
    }
    if words["qty"] == 0:
        refuse(line, "a trade is of more than 0.")
    return words


def _filled(statement: Statement, making: Making) -> None:
    args = statement.args
    order, traded = about(statement, making)
    trade_id = making.names.trade_number(args.get("trade"))
    meta = meta_of(order, args, maker=args.get("maker", False))
    _trade(statement, making, order, traded, trade_id, meta)
    if "total" in args:
        making.add(
            statement.line, registry.ACCEPTED, traded.number, order=order.key, venue_seq=_seq(args, making),
            filled=count(statement.line, args["total"], traded.instrument.qty_scale, "the total"), meta=meta,
        )  # fmt: skip


def _trade(statement: Statement, making: Making, order: OrderName, traded: Traded, trade_id: int, meta: int) -> None:
    """An execution and, right behind it, its fee."""
    args, line = statement.args, statement.line
    fee = None
    if "fee" in args:
        amount, name = args["fee"]
        asset = need_asset(making, line, name)
        fee = {"amount": count(line, amount, asset.scale, "the fee", signed=True), "asset": asset.number}
    making.add(
        line,
        registry.FILLED,
        traded.number,
        _trade_words(statement, traded),
        order=order.key,
        trade_id=trade_id,
        meta=meta,
    )
    if fee is not None:
        making.add(line, registry.FEE, traded.number, fee, order=order.key, trade_id=trade_id, meta=meta)


def _forced(statement: Statement, making: Making) -> None:
    """An order that the venue made and executed by itself: the order, whole, its trade, and that it is filled."""
    args, line, names = statement.args, statement.line, making.names
    traded = names.traded(line, args["symbol"])
    account = names.account(line, args.get("account", ""), traded.instrument.market)
    trade_id = names.trade_number(args.get("trade"))
    order = OrderName(-max(abs(trade_id), 1), traded.number, account.number, args["sell"], int(args.get("side", 0)))
    meta = meta_of(order, {**args, "why": _FORCED[statement.verb]})
    words = _trade_words(statement, traded)
    spec = terms.pack(
        terms.SPEC, sell=args["sell"], type=OrderType.LIMIT, tif=TimeInForce.IOC, account=account.number,
        position_side=order.position_side,
    )  # fmt: skip
    making.add(
        line, registry.ORDER_STATED, traded.number, words, order=order.key, venue_seq=names.report_seq(None), spec=spec
    )
    _trade(statement, making, order, traded, trade_id, meta)
    making.add(
        line, registry.ACCEPTED, traded.number, order=order.key, venue_order=-order.key, filled=words["qty"],
        venue_seq=names.report_seq(None), meta=meta,
    )  # fmt: skip


def _busted(statement: Statement, making: Making) -> None:
    order, traded = about(statement, making)
    making.add(
        statement.line, registry.BUSTED, traded.number, _trade_words(statement, traded), order=order.key,
        trade_id=statement.args["trade"], meta=meta_of(order, statement.args),
    )  # fmt: skip


def _missing(statement: Statement, making: Making) -> None:
    args = statement.args
    order, traded = about(statement, making)
    making.add(
        statement.line, registry.MISSING, traded.number, order=order.key, proof=args.get("proof", 0),
        venue_seq=args.get("seq", making.event_ns), meta=meta_of(order, args),
    )  # fmt: skip


def _outcome(statement: Statement, making: Making) -> None:
    """What became of the request that was made last for an order; its row is the newest of its kind."""
    args, line, names = statement.args, statement.line, making.names
    order = names.order(line, args["order"])
    traded = instrument_of(line, names, order, args["order"])
    action, request = names.request_of(line, args["order"], order, args.get("action"))
    kinds: dict[str, tuple[Kind, dict[str, int]]] = {
        "dispatched": (registry.DISPATCHED, {"sent_ns": making.now_ns}),
        "not-sent": (registry.NOT_SENT, {"reason": args.get("reason", 0)}),
        "silent": (registry.SILENT, {"horizon_ns": making.now_ns + args.get("horizon", HORIZON_NS)}),
    }
    kind, words = kinds[statement.verb]
    making.add(
        line, kind, traded.number, words, event=False, order=order.key, action=action, ref=request,
        meta=meta_of(order, {}, action=action),
    )  # fmt: skip


def _stated(statement: Statement, making: Making) -> None:
    """An order, whole, and its state."""
    args, line, names = statement.args, statement.line, making.names
    name = args["order"]
    order = names.order(line, name)
    traded = names.traded(line, args["symbol"])
    if order.instrument not in (0, traded.number):
        refuse(line, f"{name} is an order of another instrument.")
    account = names.account(line, args.get("account", ""), traded.instrument.market)
    spec = spec_of(line, args, args["sell"], account.number, origin=Origin.PERSON, more=False)
    if order.instrument == 0:
        order = OrderName(order.key, traded.number, account.number, args["sell"], int(args.get("side", 0)), spec)
        names.remember(name, order)
    price = count(line, args.get("price", "0"), traded.instrument.price_scale, "the price")
    qty = count(line, args["qty"], traded.instrument.qty_scale, "the quantity")
    seq = _seq(args, making)
    making.add(
        line, registry.ORDER_STATED, traded.number, order=order.key, price=price, qty=qty, venue_seq=seq,
        spec=spec,
    )  # fmt: skip
    making.add(
        line, _STATES[args.get("as_state", "accepted")], traded.number, order=order.key, venue_seq=seq,
        venue_order=args.get("venue_order", max(-order.key, 0)), filled=_filled_so_far(line, args, traded),
        meta=meta_of(order, args),
    )  # fmt: skip


BUILDERS: Final[dict[str, Builder]] = {
    "accepted": _reported, "canceled": _reported, "expired": _reported, "rejected": _rejected,
    "request-rejected": _rejected, "replaced": _replaced, "filled": _filled, "busted": _busted, "missing": _missing,
    "stated": _stated, "liquidation": _forced, "adl": _forced, "settlement": _forced,
    "dispatched": _outcome, "not-sent": _outcome, "silent": _outcome,
}  # fmt: skip
