"""What an event about an order means: `executionReport` (spot), `ORDER_TRADE_UPDATE` and `ALGO_UPDATE` (USDⓈ-M, COIN-M) → lines.

Whose order it is says its client id (`contracts/terms.py`): ours are those that this journal gave (`instruments/epochs.py`), all others
have minus the venue's number as key, and are stated whole every time, so that no memory is needed. A cancel or amendment on spot carries
its own id in `c` and the order's in `C`.
Every word of an enumeration that this version does not know refuses the event.

Rows carry the time of the transaction as `ts_event`, not the time at which the venue spoke of it: a balance that the venue states has
its own transaction's time, and who folds both must see which of two came first.

Source: binance.md §3.3, §3.5, §5.1, §5.3.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

from veloz.contracts import terms
from veloz.contracts.codes import Refusal
from veloz.contracts.registry import (
    ACCEPTED,
    CANCELED,
    EXPIRED,
    FEE,
    FILLED,
    ORDER_STATED,
    REJECTED,
    REPLACED,
    TERMS,
)  # fmt: skip
from veloz.contracts.terms import Action, OrderType, Origin, PositionSide, SelfTrade, TimeInForce, TriggerBy, Why
from veloz.instruments.epochs import Epochs
from veloz.instruments.units import INT64_MAX, Written
from veloz.venues.binance import private_wire as wire
from veloz.venues.binance.messages import Price, Qty, RefusedFrame, nanos
from veloz.venues.binance.private_rows import (
    RANK_OVER,
    ZERO,
    AssetNumber,
    Line,
    Money,
    amount,
    decimal,
    exact,
    made_trade_id,
    sequence,
    total,
)

SELL: Final = {"BUY": 0, "SELL": 1}
SIDE: Final = {"BOTH": PositionSide.BOTH, "LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT}
SPOT_TYPES: Final = {
    "LIMIT": OrderType.LIMIT, "LIMIT_MAKER": OrderType.LIMIT, "MARKET": OrderType.MARKET, "STOP_LOSS": OrderType.STOP_MARKET,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT, "TAKE_PROFIT": OrderType.TAKE_PROFIT_MARKET,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}  # fmt: skip
SPOT_TIFS: Final = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
FUTURES_TYPES: Final = {
    "LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET, "STOP": OrderType.STOP_LIMIT, "STOP_MARKET": OrderType.STOP_MARKET,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT_LIMIT, "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT_MARKET,
    "TRAILING_STOP_MARKET": OrderType.TRAILING_STOP, "LIQUIDATION": OrderType.LIMIT,
}  # fmt: skip
FUTURES_TIFS: Final = {  # GTE_GTC lives as long as its position; RPI is post-only
    **SPOT_TIFS, "GTX": TimeInForce.GTX, "GTD": TimeInForce.GTD, "GTE_GTC": TimeInForce.GTC, "RPI": TimeInForce.GTX,
}  # fmt: skip
STP: Final = {mode.name: mode for mode in SelfTrade}
TRIGGER_BY: Final = {"CONTRACT_PRICE": TriggerBy.LAST, "MARK_PRICE": TriggerBy.MARK}
OPEN: Final = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW", "PENDING_CANCEL", "NEW_INSURANCE", "NEW_ADL")
OVER: Final = {
    "FILLED": ACCEPTED, "CANCELED": CANCELED, "REJECTED": REJECTED, "EXPIRED": EXPIRED, "EXPIRED_IN_MATCH": EXPIRED,
}  # fmt: skip
SPOT_EXECUTIONS: Final = ("NEW", "CANCELED", "REPLACED", "REJECTED", "TRADE", "EXPIRED", "TRADE_PREVENTION")
FUTURES_EXECUTIONS: Final = ("NEW", "CANCELED", "CALCULATED", "EXPIRED", "TRADE", "AMENDMENT")
FILLS: Final = ("TRADE", "CALCULATED")
AMENDS: Final = ("REPLACED", "AMENDMENT")
VENUE_IDS: Final = (  # client ids that the venue gives to orders of its own
    ("autoclose-", Why.LIQUIDATION), ("adl_autoclose", Why.ADL), ("settlement_autoclose-", Why.SETTLEMENT),
    ("delivery_autoclose-", Why.SETTLEMENT),
)  # fmt: skip
FUTURES_ENDS: Final = {  # `er`: 8 is the parent of a stop order that was triggered
    "0": Why.ORDINARY, "1": Why.SELF_TRADE, "2": Why.UNFILLED, "3": Why.SELF_TRADE, "4": Why.REDUCE_ONLY, "5": Why.LIQUIDATION,
    "6": Why.REDUCE_ONLY, "7": Why.SETTLEMENT, "8": Why.EXPIRY, "9": Why.UNFILLED,
}  # fmt: skip
SPOT_ENDS: Final = {  # `eR`
    "NONE": Why.ORDINARY, "REJECTED": Why.ORDINARY, "EXCHANGE_CANCELED": Why.EXPIRY, "OCO_TRIGGER": Why.EXPIRY,
    "OTO_PHASE_ONE_EXPIRED": Why.EXPIRY, "UNFILLED_IOC_QUANTITY_EXPIRED": Why.UNFILLED, "UNFILLED_FOK_ORDER_EXPIRED": Why.UNFILLED,
    "INSUFFICIENT_LIQUIDITY": Why.UNFILLED, "EXECUTION_RULE_PRICE_RANGE_EXCEEDED": Why.UNFILLED,
}  # fmt: skip
SPOT_REASONS: Final = (  # `r`, which the venue leaves open: any other text is the last number
    "NONE", "INSUFFICIENT_BALANCES", "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY", "WOULD_MATCH_IMMEDIATELY", "OCO_BAD_PRICES",
    "SELF_TRADE_PREVENTION",
)  # fmt: skip
REASON_OTHER: Final = 15
REJECTED_CODE: Final = -2010  # "new order rejected", whatever the reason
PPM_SCALE: Final = 4  # percent with four decimals are millionths
BASIS_POINT_PPM: Final = 100
NO_CLIENT_ID: Final = ("", "null")
T = TypeVar("T")


def word_of(words: Mapping[str, T], text: str) -> T:
    """What a word of an enumeration means, refused where this version does not know it."""
    if text not in words:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    return words[text]


class Said(NamedTuple):
    """One event about an order, in the same words whatever the market."""

    symbol: str
    key: int
    venue_order: int
    time_ns: int  # of the transaction
    spec: dict[str, int]
    price: Written
    qty: Written  # as it is now: without what was prevented
    execution: str
    status: str
    cumulative: Written
    why: Why = Why.ORDINARY
    reason: int = 0
    trigger: Written = ZERO
    activation: Written = ZERO
    callback_ppm: int = 0
    expire_ns: int = 0
    last_qty: Written = ZERO
    last_price: Written = ZERO
    trade_id: int = 0
    fee: tuple[Written, str] | None = None
    maker: bool = False
    cut: bool = False  # self-trade prevention made it smaller


def order_key(client: str, venue_order: int, epochs: Epochs) -> int:
    """The key of an order: ours by a client id that this journal gave, else minus the venue's number."""
    if not 0 < venue_order <= INT64_MAX:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    ours = epochs.key_of(client)
    return -venue_order if ours is None else ours


def stated_lines(said: Said, account: int, seq: int) -> list[Line]:
    """What a foreign order is, whole."""
    more = any((said.trigger.digits, said.activation.digits, said.callback_ppm, said.expire_ns))
    spec = terms.pack(terms.SPEC, account=account, origin=Origin.PERSON, more=more, **said.spec)
    words = (said.key, Price(said.price), Qty(said.qty), seq, spec)
    lines = [Line(ORDER_STATED, said.symbol, said.time_ns, words)]
    if more:
        rest = (Price(said.trigger), Price(said.activation), said.callback_ppm, 0, said.expire_ns)
        lines.append(Line(TERMS, said.symbol, said.time_ns, rest))
    return lines


def _fill_lines(said: Said, meta: int) -> list[Line]:
    """An execution and its fee."""
    if not said.last_qty.digits:
        return []
    if not said.last_price.digits or total(said.cumulative, said.last_qty, -1).negative:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    trade_id = said.trade_id if said.trade_id > 0 else made_trade_id(said.venue_order, said.cumulative)
    words = (said.key, Price(said.last_price), Qty(said.last_qty), trade_id, meta)
    lines = [Line(FILLED, said.symbol, said.time_ns, words)]
    if said.fee is not None:
        text, asset = said.fee
        fee = (said.key, Money(text, asset), AssetNumber(asset), trade_id, meta)
        lines.append(Line(FEE, said.symbol, said.time_ns, fee))
    return lines


def _state_line(said: Said, meta: int, seq: int) -> Line:
    """What the order is now. FILLED with nothing filled is the end of an order that never had a quantity."""
    kind = OVER.get(said.status, ACCEPTED)
    if said.status == "FILLED" and not said.cumulative.digits:
        kind = EXPIRED
    number = REJECTED_CODE if kind is REJECTED else said.venue_order
    return Line(kind, said.symbol, said.time_ns, (said.key, number, Qty(said.cumulative), seq, meta))


def _check(said: Said) -> bool:
    """Whether the order is over.

    Raises:
        RefusedFrame: nobody knows its status, or its numbers contradict each other.
    """
    over = said.status in OVER
    if not over and said.status not in OPEN:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    beyond = said.qty.digits > 0 and total(said.qty, said.cumulative, -1).negative
    short = said.status == "FILLED" and total(said.qty, said.cumulative, -1).digits > 0
    huge = max(said.qty.floor(0)[0], said.price.floor(0)[0]) > INT64_MAX
    if beyond or short or huge or said.qty.negative:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    return over


def _meta(said: Said, account: int, why: Why, **parts: int) -> int:
    sides = {"account": account, "sell": said.spec["sell"], "position_side": said.spec["position_side"]}
    return terms.pack(terms.META, why=why, reason=said.reason, **sides, **parts)


def report_lines(said: Said, account: int) -> list[Line]:
    """All rows of one event about an order: what it is (foreign ones), execution and fee, amendment, state.

    Raises:
        RefusedFrame: its numbers contradict each other.
    """
    over = _check(said)
    amended = said.execution in AMENDS or said.cut
    rank = RANK_OVER if over else 2 if amended else int(said.execution in FILLS and said.last_qty.digits > 0)
    seq = sequence(said.time_ns, said.cumulative, rank)
    lines = stated_lines(said, account, seq) if said.key < 0 else []
    if said.execution in FILLS:
        lines += _fill_lines(said, _meta(said, account, said.why, maker=int(said.maker)))
    if amended and not (over and said.status != "FILLED"):
        meta = _meta(said, account, Why.SELF_TRADE if said.cut else said.why, action=Action.AMEND)
        words = (said.key, Price(said.price), Qty(said.qty), seq, meta)
        lines.append(Line(REPLACED, said.symbol, said.time_ns, words))
    return [*lines, _state_line(said, _meta(said, account, said.why), seq)]


def statement_lines(said: Said, account: int) -> list[Line]:
    """An order as an answer states it, whoever it belongs to: what it is, and its state.

    Raises:
        RefusedFrame: its numbers contradict each other.
    """
    seq = sequence(said.time_ns, said.cumulative, RANK_OVER if _check(said) else 0)
    return [*stated_lines(said, account, seq), _state_line(said, _meta(said, account, said.why), seq)]


def _ended(stated: Why, status: str, said_type: OrderType, tif: TimeInForce) -> Why:
    """Why an order is over: what the venue says, else what follows from its terms."""
    if stated is not Why.ORDINARY or status not in ("EXPIRED", "EXPIRED_IN_MATCH"):
        return stated
    if status == "EXPIRED_IN_MATCH":
        return Why.SELF_TRADE
    short_lived = said_type is OrderType.MARKET or tif in (TimeInForce.IOC, TimeInForce.FOK)
    return Why.UNFILLED if short_lived else Why.EXPIRY


def _fee(text: str | None, asset: str | None) -> tuple[Written, str] | None:
    """A stated fee: amount and asset; below zero it is a rebate. Reports without an execution state 0 of no asset."""
    written = decimal(text) if text is not None else None
    if asset is None or asset == "":
        if written is not None and written.digits:
            raise RefusedFrame(Refusal.WRONG_SHAPE)
        return None
    return None if written is None else (written, asset)


def _optional(text: str | None) -> Written:
    return amount(text) if text else ZERO


def execution_report(event: wire.ExecutionReport, account: int, epochs: Epochs) -> list[Line]:
    """A spot report."""
    nanos(event.E)
    if event.x not in SPOT_EXECUTIONS:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    kind, tif = word_of(SPOT_TYPES, event.o), word_of(SPOT_TIFS, event.f)
    original = event.C if event.C is not None and event.C not in NO_CLIENT_ID else event.c
    prevented = _optional(event.A)
    reason = SPOT_REASONS.index(event.r) if event.r in SPOT_REASONS else REASON_OTHER
    spec = {
        "sell": word_of(SELL, event.S), "type": kind, "stp": word_of(STP, event.V or "NONE"), "position_side": PositionSide.BOTH,
        "tif": TimeInForce.GTX if event.o == "LIMIT_MAKER" else tif,
    }  # fmt: skip
    if event.d < 0:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    said = Said(
        symbol=_symbol(event.s), key=order_key(original, event.i, epochs), venue_order=event.i, time_ns=nanos(event.T),
        spec=spec, price=amount(event.p), qty=total(amount(event.q), prevented, -1), execution=event.x, status=event.X,
        cumulative=amount(event.z), why=_ended(word_of(SPOT_ENDS, event.eR), event.X, kind, tif), reason=reason,
        trigger=amount(event.P), callback_ppm=event.d * BASIS_POINT_PPM, last_qty=amount(event.l), last_price=amount(event.L),
        trade_id=event.t, fee=_fee(event.n, event.N), maker=event.m,
        cut=event.x == "TRADE_PREVENTION" and prevented.digits > 0,
    )  # fmt: skip
    return report_lines(said, account)


def order_trade_update(event: wire.OrderTradeUpdate, account: int, epochs: Epochs) -> list[Line]:
    """A futures report."""
    nanos(event.E)
    order = event.o
    if order.x not in FUTURES_EXECUTIONS:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    kind, tif = word_of(FUTURES_TYPES, order.o), word_of(FUTURES_TIFS, order.f)
    venue_why = next((why for prefix, why in VENUE_IDS if order.c.startswith(prefix)), None)
    ended = _ended(word_of(FUTURES_ENDS, order.er), order.X, kind, tif)
    said = Said(
        symbol=_symbol(order.s), key=order_key(order.c, order.i, epochs), venue_order=order.i, time_ns=nanos(event.T),
        spec=_futures_spec(order.S, order.ps, order.V, order.wt, kind, tif, order.R),
        price=amount(order.p), qty=amount(order.q), execution=order.x, status=order.X, cumulative=amount(order.z),
        why=ended if venue_why is None else venue_why, reason=int(order.er),
        trigger=_optional(order.sp), activation=_optional(order.AP), callback_ppm=exact(_optional(order.cr), PPM_SCALE),
        expire_ns=nanos(order.gtd), last_qty=amount(order.l), last_price=amount(order.L), trade_id=order.t,
        fee=_fee(order.n, order.N), maker=order.m,
    )  # fmt: skip
    return report_lines(said, account)


def _futures_spec(
    sell: str, side: str, stp: str | None, by: str, kind: OrderType, tif: TimeInForce, reduce_only: bool
) -> dict[str, int]:
    return {
        "sell": word_of(SELL, sell), "position_side": word_of(SIDE, side), "stp": word_of(STP, stp or "NONE"),
        "trigger_by": word_of(TRIGGER_BY, by), "type": kind, "tif": tif, "reduce_only": int(reduce_only),
    }  # fmt: skip


def _symbol(text: str) -> str:
    if not text:
        raise RefusedFrame(Refusal.UNKNOWN_SYMBOL)
    return text


ALGO_WAITS: Final = ("NEW", "TRIGGERING")
ALGO_ENDS: Final = ("CANCELED", "EXPIRED", "REJECTED")


def algo_update(event: wire.AlgoUpdate, account: int, epochs: Epochs) -> list[Line]:
    """An order that waits for its condition. Triggered it becomes an ordinary order, which keeps the client id and reports for itself:
    then an order of ours lives on, under another venue number; somebody else's ends here and begins anew there.

    Returns:
        No line where the ordinary order's own reports say all there is to say.
    """
    nanos(event.E)
    order = event.o
    kind, tif = word_of(FUTURES_TYPES, order.o), word_of(FUTURES_TIFS, order.f)
    if order.X not in (*ALGO_WAITS, *ALGO_ENDS, "TRIGGERED", "FINISHED"):
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    key = order_key(order.caid, order.aid, epochs)
    if key > 0 and order.X in ("TRIGGERED", "FINISHED"):
        return []
    status = order.X if order.X in ALGO_ENDS else "NEW" if order.X in ALGO_WAITS else "EXPIRED"
    said = Said(
        symbol=_symbol(order.s), key=key, venue_order=order.aid, time_ns=nanos(event.T),
        spec=_futures_spec(order.S, order.ps, order.V, order.wt, kind, tif, order.R),
        price=amount(order.p), qty=amount(order.q), execution="NEW", status=status, cumulative=ZERO,
        why=Why.EXPIRY if status == "EXPIRED" else Why.ORDINARY, trigger=amount(order.tp), expire_ns=nanos(order.gtd),
    )  # fmt: skip
    amount(order.aq)
    return report_lines(said, account)


def stated_order(order: wire.StatedOrder, venue: str, epochs: Epochs) -> Said:
    """An order as GET …/order, …/openOrders or …/allOrders state it."""
    spot = venue == "binance_spot"
    types, tifs = (SPOT_TYPES, SPOT_TIFS) if spot else (FUTURES_TYPES, FUTURES_TIFS)
    kind, tif = word_of(types, order.type), word_of(tifs, order.timeInForce)
    spec = _futures_spec(
        order.side, order.positionSide, order.selfTradePreventionMode, order.workingType, kind, tif, order.reduceOnly
    )
    if order.type == "LIMIT_MAKER":
        spec["tif"] = TimeInForce.GTX
    whys = [why for prefix, why in VENUE_IDS if not spot and order.clientOrderId.startswith(prefix)]
    return Said(
        symbol=_symbol(order.symbol), key=order_key(order.clientOrderId, order.orderId, epochs), venue_order=order.orderId,
        time_ns=nanos(order.updateTime or order.time), spec=spec, price=amount(order.price),
        qty=total(amount(order.origQty), _optional(order.preventedQuantity), -1), execution="NEW", status=order.status,
        cumulative=amount(order.executedQty), why=whys[0] if whys else _ended(Why.ORDINARY, order.status, kind, tif),
        trigger=_optional(order.stopPrice), activation=_optional(order.activatePrice),
        callback_ppm=exact(_optional(order.priceRate), PPM_SCALE), expire_ns=nanos(order.goodTillDate),
    )  # fmt: skip
