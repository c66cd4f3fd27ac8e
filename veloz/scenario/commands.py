"""What people and agents ask for: orders, cancels, amendments, stop levels, limits, breakers, strategies; and timers and restarts."""

from typing import Any, Final

import numpy as np

from veloz.contracts import codes, registry, terms
from veloz.contracts.codes import Limit
from veloz.contracts.command import ParameterBody, StrategyBody
from veloz.contracts.terms import Action, Form, OrderType, Origin
from veloz.risk.limits import LimitsError, Numbering, read_limits, seed
from veloz.scenario.grammar import Statement
from veloz.scenario.naming import Found, Names, OrderName, StrategyName, Traded, count, refuse
from veloz.scenario.rows import Builder, Made, Making
from veloz.scenario.text import Words

PERSON: Final = 1  # who asks where a line does not say `by`
NO_LIMIT: Final = -1
_SHARES: Final = (Limit.COLLAR_PPM, Limit.LEVERAGE_PPM)
_QTYS: Final = (Limit.ORDER_QTY, Limit.POSITION_QTY)
_MONEY: Final = (
    Limit.ORDER_NOTIONAL, Limit.POSITION_NOTIONAL, Limit.GROSS, Limit.NET, Limit.DAILY_LOSS, Limit.DRAWDOWN,
)  # fmt: skip
_SPANS: Final = (Limit.WINDOW_NS, Limit.REPEAT_NS, Limit.STALE_NS, Limit.DUPLICATE_NS)
_SWITCHES: Final = (Limit.ALLOWED, Limit.OWN_CROSS)


def order_type(line: int, args: dict[str, Any]) -> OrderType:
    """The type that the words of an order add up to."""
    triggers = [key for key in ("stop", "take_profit", "trailing") if key in args]
    if len(triggers) > 1:
        refuse(line, f"an order is set off by one thing, and this one says {' and '.join(triggers)}.")
    if args.get("market") and "price" in args:
        refuse(line, "a market order has no price.")
    if "activation" in args and triggers != ["trailing"]:
        refuse(line, "only a trailing stop has an activation price.")
    if not triggers:
        if "price" not in args and not args.get("market"):
            refuse(line, "it has neither a price (@ 100) nor `market`.")
        return OrderType.LIMIT if "price" in args else OrderType.MARKET
    if triggers == ["trailing"]:
        if "price" in args:
            refuse(line, "a trailing stop has no price; it follows the market.")
        return OrderType.TRAILING_STOP
    if triggers == ["stop"]:
        return OrderType.STOP_LIMIT if "price" in args else OrderType.STOP_MARKET
    return OrderType.TAKE_PROFIT_LIMIT if "price" in args else OrderType.TAKE_PROFIT_MARKET


def spec_of(line: int, args: dict[str, Any], sell: bool, account: int, *, origin: int, more: bool) -> int:
    """The word `spec` of an order."""
    tif = args.get("tif", terms.TimeInForce.GTC)
    if (tif == terms.TimeInForce.GTD) != ("until" in args):
        refuse(line, "`gtd` and `until MOMENT` go together.")
    return terms.pack(
        terms.SPEC, action=Action.PLACE, form=Form.ORDER, sell=sell, type=order_type(line, args), tif=tif,
        reduce_only=args.get("reduce_only", False), position_side=args.get("side", terms.PositionSide.BOTH),
        stp=args.get("stp", terms.SelfTrade.NONE), trigger_by=args.get("trigger_by", terms.TriggerBy.LAST),
        account=account, origin=origin, more=more,
    )  # fmt: skip


def _place(statement: Statement, making: Making) -> None:
    args, line, names = statement.args, statement.line, making.names
    sell = statement.verb == "sell"
    traded = names.traded(line, args["symbol"])
    account = names.account(line, args.get("account", ""), traded.instrument.market)
    prices = {key: _price(line, traded, args, key) for key in ("price", "stop", "take_profit", "activation")}
    qty = count(line, args["qty"], traded.instrument.qty_scale, "the quantity")
    trigger = prices["stop"] or prices["take_profit"]
    more = bool(trigger or "trailing" in args or "until" in args)
    spec = spec_of(line, args, sell, account.number, origin=args.get("origin", Origin.PERSON), more=more)
    seq = making.add(
        line, registry.COMMAND_ORDER, traded.number, event=False, price=prices["price"], qty=qty,
        principal=args.get("by", PERSON), spec=spec,
    )  # fmt: skip
    if more:
        making.add(
            line, registry.TERMS, traded.number, event=False, trigger=trigger, activation=prices["activation"],
            callback_ppm=args.get("trailing", 0), expire_ns=args.get("until", 0),
        )  # fmt: skip
    side = int(args.get("side", 0))
    order = OrderName(terms.order_key(seq), traded.number, account.number, sell, side, spec, prices["price"], qty)
    names.add_order(line, statement.label or f"#{seq}", order)


def _price(line: int, traded: Traded, args: dict[str, Any], key: str) -> int:
    if key not in args:
        return 0
    price = count(line, args[key], traded.instrument.price_scale, f"the {key.replace('_', '-')}")
    if price == 0:
        refuse(line, f"a {key.replace('_', '-')} is above 0.")
    return price


def instrument_of(line: int, names: Names, order: OrderName, name: str) -> Traded:
    """The instrument of an order that is known."""
    traded = names.by_number(order.instrument)
    if traded is None:
        refuse(line, f"nothing says on which instrument {name} is; write `on SYMBOL`.")
    return traded


def _cancel(statement: Statement, making: Making) -> None:
    args, line, names = statement.args, statement.line, making.names
    if args.get("all"):
        traded = names.traded(line, args["symbol"])
        account = names.account(line, args.get("account", ""), traded.instrument.market).number
        order = OrderName(0, traded.number, account)
    else:
        order = names.order(line, args["order"])
        traded = instrument_of(line, names, order, args["order"])
    spec = terms.pack(
        terms.SPEC, action=Action.CANCEL, sell=order.sell, account=order.account, origin=Origin.PERSON,
        position_side=order.position_side,
    )  # fmt: skip
    making.add(
        line, registry.COMMAND_ORDER, traded.number, event=False, order=order.key, principal=args.get("by", PERSON),
        spec=spec,
    )  # fmt: skip


def _amend(statement: Statement, making: Making) -> None:
    args, line, names = statement.args, statement.line, making.names
    order = names.order(line, args["order"])
    traded = instrument_of(line, names, order, args["order"])
    if "price" not in args and "qty" not in args:
        refuse(line, "an amendment says a price (@ 100), `qty`, or both.")
    price, qty = names.terms_of(order)
    if "price" in args:
        price = _price(line, traded, args, "price")
    if "qty" in args:
        qty = count(line, args["qty"], traded.instrument.qty_scale, "the quantity")
    kept = {
        name: value for name, value in terms.unpack(terms.SPEC, order.spec).items() if name not in ("action", "more")
    }
    kept |= {"origin": Origin.PERSON, "strategy": 0, "form": Form.ORDER, "leg": 0, "account": order.account}
    making.add(
        line, registry.COMMAND_ORDER, traded.number, event=False, order=order.key, price=price, qty=qty,
        principal=args.get("by", PERSON), spec=terms.pack(terms.SPEC, action=Action.AMEND, **kept),
    )  # fmt: skip


def _stop(statement: Statement, making: Making) -> None:
    args = statement.args
    making.add(
        statement.line, registry.COMMAND_STOP, event=False, scope=making.names.scope(statement.line, args["scope"]),
        level=args["level"], phrase=codes.phrase_number(args["phrase"]) if args.get("phrase") else 0,
        principal=args.get("by", PERSON), source=args.get("source", codes.StopSource.PERSON),
    )  # fmt: skip


def limit_value(line: int, names: Names, scope: tuple[str, str], limit: Limit, text: str) -> int:
    """The value of a limit in its unit; -1 for `off`.

    Raises:
        ScenarioError: The text does not fit the limit.
    """
    words = Words(line, [text])
    what = f"limit {limit.name}"
    if text.lower() in ("off", "none"):
        return NO_LIMIT
    if limit in _SHARES:
        if text.lower().endswith("x"):
            return count(line, text[:-1], 6, what)
        return words.share(what)
    if limit in _QTYS:
        return count(line, words.decimal(what), _qty_scale(line, names, scope, what), what)
    if limit in _MONEY:
        if not names.reporting:
            refuse(line, f"{what} is money of the reporting asset; open an account first, or write `reporting`.")
        return count(line, words.decimal(what), names.assets[names.reporting].scale, what)
    if limit in _SPANS:
        return words.span(what)
    if limit in _SWITCHES:
        return int(words.choice(what, ("yes", "no")) == "yes")
    return words.whole(what)


def _qty_scale(line: int, names: Names, scope: tuple[str, str], what: str) -> int:
    kind, name = scope
    if kind == "instrument":
        return names.traded(line, name).instrument.qty_scale
    if kind == "strategy":
        scales = {names.traded(line, symbol).instrument.qty_scale for symbol in names.strategy(line, name).symbols}
        if len(scales) == 1:
            return scales.pop()
    refuse(line, f"{what} counts quantity, so it is set for an instrument, or for a strategy that trades one.")


def _limit(statement: Statement, making: Making) -> None:
    args, line, names = statement.args, statement.line, making.names
    names.limited = True
    value = limit_value(line, names, args["scope"], args["limit"], args["value"])
    words = {
        "scope": names.scope(line, args["scope"]), "limit": int(args["limit"]), "value": value,
        "principal": args.get("by", PERSON),
    }  # fmt: skip
    seq = making.add(line, registry.COMMAND_LIMIT, 0, words, event=False)
    if args.get("confirmed"):
        making.add(line, registry.COMMAND_LIMIT, 0, words, event=False, confirm=seq)
    if statement.label:
        if statement.label in names.limits:
            refuse(line, f"a limit command is called {statement.label} already.")
        names.limits[statement.label] = (seq, words)


def _seed(statement: Statement, making: Making) -> None:
    """The limits that an empty journal begins with: before any other limit, order or running strategy."""
    args, line, names = statement.args, statement.line, making.names
    if names.limited or names.orders or names.strategies:
        refuse(
            line,
            "limits are seeded before any other limit, any order and any strategy; change them by `limit` afterwards.",
        )
    if not names.reporting:
        refuse(line, "limits are money of the reporting asset; open an account first, or write `reporting`.")
    known = Numbering(
        {name: each.number for name, each in names.accounts.items()},
        {f"{symbol}@{venue}": (each.number, each.instrument.qty_scale) for (venue, symbol), each in names.instruments.items()},
        {}, names.assets[names.reporting].scale,
    )  # fmt: skip
    try:
        entries = read_limits(names.text_of(line, args["file"]), known)
    except LimitsError as error:
        refuse(line, str(error))
    names.limited = True
    for row in seed(entries, making.next_seq, 0, args.get("by", PERSON)).view(registry.COMMAND_LIMIT.view):
        words = {name: int(row[name]) for name in ("scope", "limit", "value", "principal", "confirm")}
        making.add(line, registry.COMMAND_LIMIT, 0, words, event=False)


def _confirm(statement: Statement, making: Making) -> None:
    line, label = statement.line, statement.args["limit"]
    if label not in making.names.limits:
        refuse(line, f"no limit command is called {label}; give one a label, like `raise: limit …`.")
    seq, words = making.names.limits[label]
    words = {**words, "principal": statement.args.get("by", PERSON)}
    making.add(line, registry.COMMAND_LIMIT, 0, words, event=False, confirm=seq)


def _breaker(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    words = Words(line, [args["threshold"]])
    share = args["breaker"] is codes.Breaker.REJECTS
    making.add(
        line, registry.COMMAND_BREAKER, event=False, scope=making.names.scope(line, args["scope"]),
        breaker=int(args["breaker"]) | int(args["level"]) << 8,
        threshold=words.share("the threshold of rejects") if share else words.whole("the threshold"),
        window_ns=args["window"], cooldown_ns=args.get("cooldown", 0),
    )  # fmt: skip


def _strategy(statement: Statement, making: Making) -> None:
    args, line, names = statement.args, statement.line, making.names
    action, account, number = args["action"], 0, 0
    body: StrategyBody | None = None
    if action in (codes.StrategyAction.LOAD, codes.StrategyAction.REPLACE):
        strategy = _loaded(line, names, args)
        body, number = _strategy_body(statement, names, strategy)
        if strategy.symbols:
            market = names.traded(line, strategy.symbols[0]).instrument.market
            account = names.account(line, strategy.account, market).number
    else:
        strategy = names.strategy(line, args["name"])
        if extra := [key for key in ("symbols", "params", "form", "account") if key in args]:
            refuse(line, f"`{action.name.lower()}` takes no {extra[0]}; that belongs to `load`.")
    making.add(
        line, registry.COMMAND_STRATEGY, event=False, body=body, strategy=strategy.number, action=action,
        code_hash=number, principal=args.get("by", PERSON), account=account,
    )  # fmt: skip


def _loaded(line: int, names: Names, args: dict[str, Any]) -> StrategyName:
    """The strategy that a load or a replacement is about."""
    if args["action"] is codes.StrategyAction.LOAD:
        if "symbols" not in args:
            refuse(line, "it does not say on which instruments: `on SYMBOL …`.")
        strategy = names.add_strategy(line, args["name"], args.get("account", ""))
    else:
        strategy = names.strategy(line, args["name"])
    strategy.account = args.get("account", strategy.account)
    strategy.symbols = args.get("symbols", strategy.symbols)
    return strategy


def _strategy_body(statement: Statement, names: Names, strategy: StrategyName) -> tuple[StrategyBody, int]:
    """Body of a load or a replacement, and the number of the code."""
    args, line = statement.args, statement.line
    if (args["source"] == "inline") != bool(statement.block):
        refuse(line, "`inline CLASS` is followed by its source between <<< and >>>, and nothing else is.")
    traded = [names.traded(line, symbol) for symbol in strategy.symbols]
    code, source = names.code_of(line, args["source"], args["code"], statement.block)
    body = StrategyBody(
        name=args["name"], code=code.name, source=source, code_hash=code.code_hash, sdk=code.made.written_for,
        form=args.get("form", "python"), params=args.get("params", {}),
        instruments=[f"{each.instrument.venue}:{each.instrument.symbol}" for each in traded],
    )  # fmt: skip
    return body, code.number


def _parameter(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    strategy = making.names.strategy(line, args["name"])
    for name, value in args["params"].items():
        making.add(
            line, registry.COMMAND_PARAM, event=False, body=ParameterBody(name=name, value=value),
            strategy=strategy.number, principal=args.get("by", PERSON),
        )  # fmt: skip


def _settle(statement: Statement, making: Making) -> None:
    """The command and, unless differences are ignored, the reports that bring our side to the venue's."""
    args, line, names = statement.args, statement.line, making.names
    traded = names.traded(line, args["symbol"]) if "symbol" in args else None
    if traded is None and "difference" not in args:
        refuse(line, "it says neither `difference N` nor an instrument.")
    found = [] if names.dry else _meant(line, names, args, traded)
    one = found[0] if found and traded is None else None
    instrument = one.difference.instrument if one else traded.number if traded else 0
    market = traded.instrument.market if traded else 0
    account = one.difference.account if one else names.account(line, args.get("account", ""), market).number
    seq = making.add(
        line, registry.COMMAND_SETTLE, instrument, event=False, difference=one.seq if one else 0, action=args["action"],
        account=account, principal=args.get("by", PERSON),
    )  # fmt: skip
    for each in found:
        each.settled = True
    rows = names.answer([each.difference for each in found], args["action"], seq, making.now_ns)
    making.made += [Made(np.array([row])) for row in rows]


def _meant(line: int, names: Names, args: dict[str, Any], traded: Traded | None) -> list[Found]:
    """The differences that are to be settled: the one that is named, or all of an instrument that nobody has answered."""
    if traded is not None:
        return [each for each in names.differences if each.difference.instrument == traded.number and not each.settled]
    if not 1 <= args["difference"] <= len(names.differences):
        refuse(line, f"there are {len(names.differences)} differences by then, and no number {args['difference']}.")
    return [names.differences[args["difference"] - 1]]


def _timer(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    strategy = 0 if args["name"] == "engine" else making.names.strategy(line, args["name"]).number
    making.add(
        line, registry.TIMER, event=False, strategy=strategy, timer=args["timer"],
        due_ns=args.get("due", making.now_ns),
    )  # fmt: skip


def _restart(statement: Statement, making: Making) -> None:
    making.names.epoch += 1
    making.add(statement.line, registry.STARTED, event=False, epoch=making.names.epoch)


BUILDERS: Final[dict[str, Builder]] = {
    "buy": _place, "sell": _place, "cancel": _cancel, "amend": _amend, "stop": _stop, "resume": _stop,
    "limit": _limit, "confirm": _confirm, "seed": _seed, "breaker": _breaker, "strategy": _strategy, "parameter": _parameter,
    "settle": _settle, "timer": _timer, "restart": _restart,
}  # fmt: skip
