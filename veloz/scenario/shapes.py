"""Every statement of a scenario as a shape: what stands at fixed places, then options in any order.

The tables here are the grammar; `specs/scenarios/README.md` tells it to people, and a test holds the two together.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from veloz.contracts import codes, terms
from veloz.contracts.codes import VENUES
from veloz.scenario.text import Words, near, plain

Read = Callable[[Words, int], Any]  # the words and the scenario's time → a value


def _name(what: str) -> Read:
    return lambda words, now: words.name(what)


def _decimal(what: str, *, signed: bool = False) -> Read:
    return lambda words, now: words.decimal(what, signed=signed)


def _whole(what: str, *, signed: bool = False) -> Read:
    return lambda words, now: words.whole(what, signed=signed)


def _share(what: str, digits: int = 6, *, signed: bool = False) -> Read:
    return lambda words, now: words.share(what, digits, signed=signed)


def _span(what: str) -> Read:
    return lambda words, now: words.span(what)


def _moment(what: str) -> Read:
    return lambda words, now: words.moment(what, now)


def _says(value: Any) -> Read:
    return lambda words, now: value


def _one_of(what: str, enum: Any) -> Read:
    by_name = {plain(name): member for name, member in enum.__members__.items()}
    return lambda words, now: by_name[words.choice(what, by_name)]


def _enum_flags(key: str, enum: Any) -> dict[str, "Option"]:
    return {plain(name): Option(key, _says(member)) for name, member in enum.__members__.items()}


@dataclass(frozen=True)
class Option:
    """A keyword: the argument it sets, and how what follows it is read."""

    key: str
    read: Read


@dataclass(frozen=True)
class Shape:
    """One statement.

    places: (argument, reader) in order. options: by keyword. needs: arguments that must have been said. free: reads places itself.
    """

    places: tuple[tuple[str, Read], ...] = ()
    options: dict[str, Option] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    free: Callable[[Words, int, dict[str, Any]], None] | None = None


def read_shape(words: Words, shape: Shape, now: int) -> dict[str, Any]:
    """The arguments of a statement.

    Raises:
        ScenarioError: A word is missing, unknown, said twice or of the wrong kind.
    """
    args: dict[str, Any] = {}
    for key, read in shape.places:
        args[key] = read(words, now)
    if shape.free is not None:
        shape.free(words, now, args)
    while words:
        word = plain(words.take("an option"))
        option = shape.options.get(word)
        if option is None:
            raise words.fail(f"{word.lstrip(chr(34))!r} means nothing there{near(word, shape.options)}")
        if option.key in args:
            raise words.fail(f"{word!r} says again what was said already ({option.key}).")
        args[option.key] = option.read(words, now)
    missing = [key for key in shape.needs if key not in args]
    if missing:
        raise words.fail(f"it does not say {' and '.join(missing)}.")
    return args


def read_scope(words: Words) -> tuple[str, str]:
    """A scope: its kind, and the name of what it is about."""
    kind = words.choice("scope", ("global", "all", "venue", "account", "instrument", "strategy"))
    if kind in ("global", "all"):
        return "global", ""
    if kind == "venue":
        return kind, read_venue(words)
    return kind, words.name(f"an {kind}" if kind != "strategy" else "a strategy")


def read_venue(words: Words) -> str:
    """The name of a venue."""
    word = words.take("a venue").lower()
    if word not in VENUES:
        raise words.fail(f"{word!r} is no venue{near(word, VENUES)}")
    return word


def read_quoted(words: Words) -> str:
    """A text in quotation marks."""
    word = words.take("a phrase in quotation marks")
    if not word.startswith('"'):
        raise words.fail(f"a phrase stands in quotation marks, and {word!r} does not.")
    return word[1:]


def _scope(words: Words, now: int) -> tuple[str, str]:
    return read_scope(words)


def _all_or_order(words: Words, now: int, args: dict[str, Any]) -> None:
    if words.take_if("all"):
        args["all"] = True
        args["symbol"] = words.name("an instrument")
    else:
        args["order"] = words.name("an order")


def _rate(words: Words, now: int, args: dict[str, Any]) -> None:
    args["value"] = "" if words.take_if("off", "none", "unknown") else words.decimal("a rate")


def _limit(words: Words, now: int, args: dict[str, Any]) -> None:
    args["scope"] = read_scope(words)
    args["limit"] = codes.Limit[words.choice("limit", codes.Limit.__members__).upper().replace("-", "_")]
    args["value"] = words.take("the value of the limit")


def _breaker(words: Words, now: int, args: dict[str, Any]) -> None:
    args["scope"] = read_scope(words)
    args["breaker"] = codes.Breaker[words.choice("breaker", codes.Breaker.__members__).upper()]


def _resume(words: Words, now: int, args: dict[str, Any]) -> None:
    args["scope"] = read_scope(words)
    levels = {plain(name): level for name, level in codes.StopLevel.__members__.items()}
    args["level"] = codes.StopLevel.RUN
    if words and plain(words.peek()) in levels:
        args["level"] = levels[words.choice("level", levels)]
    args["phrase"] = read_quoted(words) if words.peek().startswith('"') else ""


def _levels(words: Words, now: int) -> list[tuple[str, str]]:
    """`PxQ …`: levels of one side, none or more."""
    levels = []
    while words and words.peek()[0].isdigit():
        levels.append(_level(words))
    return levels


def _level(words: Words) -> tuple[str, str]:
    """`PRICExQTY`, with blanks around the x or without."""
    text = words.take("a level")
    price, cross, qty = text.partition("x")
    if not cross and plain(words.peek())[:1] == "x":
        cross, qty = "x", words.take("a quantity")[1:]
    if cross and not qty:
        qty = words.take("the quantity of the level")
    if not cross:
        raise words.fail(f"{text!r} is no level; write price x quantity, like 99.5x2.")
    pair = Words(words.line, [price, qty])
    return pair.decimal("the price of a level"), pair.decimal("the quantity of a level")


def _quote(words: Words, now: int, args: dict[str, Any]) -> None:
    """`BID [x QTY] / ASK [x QTY]`"""
    parts = "".join(words.rest()).split("/")
    if len(parts) != 2:
        raise words.fail("a quote is bid / ask, like 99.9x5 / 100.1x3.")
    for side, text in zip(("bid", "ask"), parts, strict=True):
        price, _, qty = text.partition("x")
        pair = Words(words.line, [price, qty or "1"])
        args[side] = pair.decimal(f"the {side}")
        args[f"{side}_qty"] = pair.decimal(f"the quantity of the {side}")


def _trade(words: Words, now: int, args: dict[str, Any]) -> None:
    args["price"], args["qty"] = _level(words)


def _ids(words: Words, now: int) -> tuple[int, int]:
    return words.whole("the first update id"), words.whole("the last update id")


def _settle(words: Words, now: int, args: dict[str, Any]) -> None:
    args["action"] = codes.SettleAction[words.choice("way to settle", codes.SettleAction.__members__).upper()]
    if words.take_if("difference"):
        args["difference"] = words.whole("the number of a difference")
    elif words and plain(words.peek()) not in ("account", "by"):
        args["symbol"] = words.name("an instrument")


def _side_then_qty(words: Words, now: int, args: dict[str, Any]) -> None:
    args["sell"] = words.choice("side", ("buy", "sell")) == "sell"
    args["qty"] = words.decimal("the quantity")
    args["symbol"] = words.name("an instrument")


def _parameters(words: Words, now: int) -> dict[str, str]:
    """`key=value …` to the end of the statement."""
    found: dict[str, str] = {}
    for word in words.rest():
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier() or not value:
            raise words.fail(f"{word!r} is no parameter; write name=value without blanks.")
        if key in found:
            raise words.fail(f"parameter {key} is given twice.")
        found[key] = value.removeprefix('"')
    if not found:
        raise words.fail("it ends where a parameter like half_spread=0.5 should stand.")
    return found


def _symbols(words: Words, now: int) -> list[str]:
    symbols = [words.name("an instrument")]
    while words and plain(words.peek()) not in ("with", "account", "form", "by"):
        symbols.append(words.name("an instrument"))
    return symbols


def _strategy(words: Words, now: int, args: dict[str, Any]) -> None:
    args["name"] = words.name("a strategy")
    action = words.choice("strategy action", codes.StrategyAction.__members__)
    args["action"] = codes.StrategyAction[action.upper()]
    if action in ("load", "replace"):
        args["source"] = words.choice("kind of code", ("built-in", "builtin", "file", "inline")).replace("-", "")
        args["code"] = words.take("the code")


_SIDES: Final = {"bids": Option("bids", _levels), "asks": Option("asks", _levels)}
_ACCOUNT: Final = {"account": Option("account", _name("an account"))}
_BY: Final = {"by": Option("by", _whole("the number of a person"))}
_SIDE: Final = {"side": Option("side", _one_of("position side", terms.PositionSide))}
_SEQ: Final = {"seq": Option("seq", _whole("the venue's number of the report"))}
_WHY: Final = {"why": Option("why", _one_of("reason", terms.Why))}
_ON: Final = {"on": Option("symbol", _name("an instrument"))}
_SELLING: Final = {"buy": Option("sell", _says(False)), "sell": Option("sell", _says(True))}
_PRICE: Final = {"@": Option("price", _decimal("the price"))}
_TRADE_ID: Final = {"trade": Option("trade", _whole("the trade id", signed=True))}
_VENUE_ORDER: Final = {"venue-order": Option("venue_order", _whole("the venue's order number"))}
_FILLED: Final = {"filled": Option("filled", _decimal("the filled quantity"))}
_ABOUT: Final = {**_ACCOUNT, **_SIDE, **_SEQ, **_ON, **_SELLING}
_REQUEST: Final = {
    "place": Option("action", _says(terms.Action.PLACE)), "cancel": Option("action", _says(terms.Action.CANCEL)),
    "amend": Option("action", _says(terms.Action.AMEND)),
}  # fmt: skip


def _fee(words: Words, now: int) -> tuple[str, str]:
    return words.decimal("the fee", signed=True), words.name("an asset")


def _proof(words: Words, now: int) -> int:
    known = {plain(name): int(member) for name, member in codes.Proof.__members__.items()} | {"all": 7, "none": 0}
    proof = 0
    for part in words.take("a proof").split("+"):
        proof |= known[Words(words.line, [part]).choice("proof", known)]
    return proof


_FEE: Final = {"fee": Option("fee", _fee)}
_MAKER: Final = {"maker": Option("maker", _says(True)), "taker": Option("maker", _says(False))}
_ORDER_OPTIONS: Final = {
    **_PRICE, **_ACCOUNT, **_SIDE, **_BY,
    "market": Option("market", _says(True)),
    "stop": Option("stop", _decimal("the stop price")),
    "take-profit": Option("take_profit", _decimal("the take-profit price")),
    "trailing": Option("trailing", _share("the callback")),
    "activation": Option("activation", _decimal("the activation price")),
    **_enum_flags("tif", terms.TimeInForce),
    "post-only": Option("tif", _says(terms.TimeInForce.GTX)),
    "until": Option("until", _moment("the end of the order")),
    "reduce-only": Option("reduce_only", _says(True)),
    "stp": Option("stp", _one_of("self-trade mode", terms.SelfTrade)),
    "trigger-by": Option("trigger_by", _one_of("trigger", terms.TriggerBy)),
    "as": Option("origin", _one_of("origin", terms.Origin)),
}  # fmt: skip
_STATED_OPTIONS: Final = {
    key: option for key, option in _ORDER_OPTIONS.items() if key not in ("as", "by", "until", "trailing", "activation")
}


def _order(words: Words, now: int) -> str:
    return words.name("an order")


_REPORT: Final = (("order", _order),)
_FORCED: Final = Shape((), {**_PRICE, **_ACCOUNT, **_SIDE, **_TRADE_ID, **_FEE}, ("price",), _side_then_qty)
_BALANCE_DELTA: Final = Shape(
    (("asset", _name("an asset")), ("value", _decimal("the amount"))), {**_ACCOUNT, **_SEQ}
)  # fmt: skip


def _tiers(words: Words, now: int) -> list[tuple[str, int, int]]:
    """`VOLUME MAKER TAKER …`: rates from a traded volume on."""
    tiers = []
    while words and words.peek()[0].isdigit():
        volume = words.decimal("the volume of a tier")
        tiers.append((volume, words.share("the maker fee", signed=True), words.share("the taker fee", signed=True)))
    return tiers


EXCHANGE: Final = Shape(  # a directive, like `sending`
    (("what", lambda words, now: words.choice("kind of exchange", ("simulated",))),),
    {
        **_ACCOUNT,
        "from": Option("low", _decimal("the least price")), "to": Option("high", _decimal("the greatest price")),
        "entry": Option("entry", _span("the way there")), "response": Option("response", _span("the way back")),
        "whole": Option("whole", _says(True)), "margin": Option("margin", _says(True)), "tiers": Option("tiers", _tiers),
        "fee-asset": Option("fee_asset", _name("an asset")), "fee-rate": Option("fee_rate", _decimal("what it is worth")),
        "fee-on": Option("fee_on", _name("an instrument")), "requests": Option("requests", _whole("how many requests")),
    },
    ("low", "high"),
)  # fmt: skip
SHAPES: Final[dict[str, Shape]] = {
    # what there is
    "asset": Shape(
        (("name", _name("an asset")),), {"scale": Option("scale", _whole("the decimals of an asset"))}, ("scale",)
    ),
    "instrument": Shape(
        (("name", _name("an instrument")), ("product", _one_of("product", codes.Product))),
        {
            **{key: Option(key, _name("an asset")) for key in ("base", "quote", "settle")},
            **{
                key: Option(key.replace("-", "_"), _decimal(key))
                for key in (
                    "tick", "lot", "multiplier", "min-qty", "max-qty", "min-notional", "min-price", "max-price",
                    "market-min-qty", "market-max-qty", "market-lot",
                )
            },
            **{key: Option(key.replace("-", "_"), _whole(key)) for key in ("price-scale", "qty-scale")},
            **{key: Option(key.replace("-", "_"), _share(key)) for key in ("band", "band-up", "band-down")},
            "status": Option("status", _one_of("status", codes.TradingStatus)),
        },
    ),
    "status": Shape((("symbol", _name("an instrument")), ("status", _one_of("status", codes.TradingStatus)))),
    "rate": Shape((("asset", _name("an asset")),), {}, (), _rate),
    "account": Shape(
        (("name", _name("an account")), ("venue", lambda words, now: read_venue(words))),
        {
            "one-way": Option("hedge", _says(False)), "hedge": Option("hedge", _says(True)),
            "average": Option("lots", _says(False)), "fifo": Option("lots", _says(True)),
            "reporting": Option("reporting", _name("an asset")),
            "leverage": Option("leverage", _whole("the leverage")),
            "maker": Option("maker", _share("the maker fee", signed=True)),
            "taker": Option("taker", _share("the taker fee", signed=True)),
        },
    ),
    "leverage": Shape(
        (("symbol", _name("an instrument")), ("leverage", _whole("the leverage"))),
        {**_ACCOUNT, "isolated": Option("isolated", _says(True)), "cross": Option("isolated", _says(False)), **_SEQ},
    ),
    "fees": Shape(
        (),
        {
            **_ACCOUNT, **_ON,
            "maker": Option("maker", _share("the maker fee", signed=True)),
            "taker": Option("taker", _share("the taker fee", signed=True)),
        },
        ("maker", "taker"),
    ),
    "bracket": Shape(
        (("symbol", _name("an instrument")), ("tier", _whole("the tier"))),
        {
            "floor": Option("floor", _decimal("the floor")), "rate": Option("rate", _share("the rate")),
            "cum": Option("cum", _decimal("cum")), "leverage": Option("leverage", _whole("the leverage")),
        },
        ("floor", "rate", "leverage"),
    ),
    # what the venue says of accounts
    "balance": Shape(
        (("asset", _name("an asset")), ("value", _decimal("the balance", signed=True))),
        {**_ACCOUNT, **_SEQ, "locked": Option("locked", _decimal("the locked part"))},
    ),
    "deposit": _BALANCE_DELTA,
    "withdraw": _BALANCE_DELTA,
    "change": Shape(
        (("asset", _name("an asset")), ("value", _decimal("the change", signed=True))),
        {**_ACCOUNT, **_SEQ, "reason": Option("reason", _one_of("reason", codes.BalanceReason))},
    ),
    "position": Shape(
        (("symbol", _name("an instrument")), ("qty", _decimal("the quantity", signed=True))),
        {
            **_ACCOUNT, **_SEQ, **_SIDE, "entry": Option("entry", _decimal("the entry price")),
            "unrealized": Option("unrealized", _decimal("the unrealized pnl", signed=True)),
        },
    ),
    "funding": Shape(
        (
            ("symbol", _name("an instrument")), ("value", _decimal("the funding", signed=True)),
            ("asset", _name("an asset")),
        ),
        {**_ACCOUNT, **_SEQ, **_SIDE, "rate": Option("rate", _share("the rate", 8, signed=True))},
    ),
    "margin-call": Shape(
        (("symbol", _name("an instrument")), ("qty", _decimal("the quantity", signed=True))),
        {
            **_ACCOUNT, **_SIDE, "mark": Option("mark", _decimal("the mark price")),
            "maintenance": Option("maintenance", _decimal("the maintenance margin")),
            "wallet": Option("wallet", _decimal("the wallet", signed=True)),
        },
    ),
    "statement": Shape((), {**_ACCOUNT, **_SEQ}),
    # the market
    "quote": Shape((("symbol", _name("an instrument")),), {}, (), _quote),
    "trade": Shape((("symbol", _name("an instrument")),), {**_SELLING, "id": Option("id", _whole("the id"))}, (), _trade),
    "book": Shape((("symbol", _name("an instrument")),), {**_SIDES, "id": Option("id", _whole("the update id"))}),
    "diff": Shape(
        (("symbol", _name("an instrument")),),
        {**_SIDES, "ids": Option("ids", _ids), "prev": Option("prev", _whole("the previous update id"))},
    ),
    "mark": Shape(
        (("symbol", _name("an instrument")), ("mark", _decimal("the mark price"))),
        {
            "index": Option("index", _decimal("the index price")), "settle": Option("settle", _decimal("the settle price")),
            "funding": Option("funding", _share("the funding rate", 8, signed=True)),
            "next": Option("next", _moment("the next funding")),
        },
    ),
    # commands
    "buy": Shape((("qty", _decimal("the quantity")), ("symbol", _name("an instrument"))), _ORDER_OPTIONS),
    "sell": Shape((("qty", _decimal("the quantity")), ("symbol", _name("an instrument"))), _ORDER_OPTIONS),
    "cancel": Shape((), {**_ACCOUNT, **_BY}, (), _all_or_order),
    "amend": Shape((("order", _order),), {**_PRICE, **_BY, "qty": Option("qty", _decimal("the quantity"))}),
    "stop": Shape(
        (("scope", _scope), ("level", _one_of("stop level", codes.StopLevel))),
        {**_BY, "source": Option("source", _one_of("source", codes.StopSource))},
    ),
    "resume": Shape((), {**_BY, "source": Option("source", _one_of("source", codes.StopSource))}, (), _resume),
    "limit": Shape((), {**_BY, "confirmed": Option("confirmed", _says(True))}, (), _limit),
    "confirm": Shape((("limit", _name("a limit command")),), _BY),
    "breaker": Shape(
        (),
        {
            "threshold": Option("threshold", lambda words, now: words.take("the threshold")),
            "window": Option("window", _span("the window")), "cooldown": Option("cooldown", _span("the cooldown")),
            "level": Option("level", _one_of("stop level", codes.StopLevel)),
        },
        ("threshold", "window", "level"), _breaker,
    ),
    "strategy": Shape(
        (),
        {
            **_ACCOUNT, **_BY, "on": Option("symbols", _symbols), "with": Option("params", _parameters),
            "form": Option("form", lambda words, now: words.choice("form", ("python", "kernel"))),
        },
        (), _strategy,
    ),
    "parameter": Shape((("name", _name("a strategy")),), {"set": Option("params", _parameters), **_BY}, ("params",)),
    "settle": Shape((), {**_ACCOUNT, **_BY}, (), _settle),
    "timer": Shape(
        (("name", _name("a strategy")), ("timer", _whole("the number of the timer"))),
        {"due": Option("due", _moment("the due time"))},
    ),
    "seed": Shape((("what", lambda words, now: words.choice("what is seeded", ("limits",))), ("file", _name("a file"))), {**_BY}),
    "restart": Shape(),
    # what became of requests
    "dispatched": Shape(_REPORT, _REQUEST),
    "not-sent": Shape(_REPORT, {**_REQUEST, "reason": Option("reason", _whole("the reason"))}),
    "silent": Shape(_REPORT, {**_REQUEST, "horizon": Option("horizon", _span("the horizon"))}),
    # what the venue says of orders
    "accepted": Shape(_REPORT, {**_ABOUT, **_FILLED, **_VENUE_ORDER}),
    "canceled": Shape(_REPORT, {**_ABOUT, **_FILLED, **_VENUE_ORDER, **_WHY}),
    "expired": Shape(_REPORT, {**_ABOUT, **_FILLED, **_VENUE_ORDER, **_WHY}),
    "rejected": Shape(
        _REPORT, {**_ABOUT, **_FILLED, "code": Option("code", _whole("the venue's code", signed=True))}
    ),
    "replaced": Shape(
        _REPORT, {**_ABOUT, **_PRICE, **_FILLED, **_REQUEST, "qty": Option("qty", _decimal("the quantity"))},
    ),
    "request-rejected": Shape(
        _REPORT, {**_ABOUT, **_FILLED, **_REQUEST, "code": Option("code", _whole("the venue's code", signed=True))},
        ("action",),
    ),
    "filled": Shape(
        (*_REPORT, ("qty", _decimal("the quantity"))),
        {**_ABOUT, **_PRICE, **_TRADE_ID, **_FEE, **_MAKER, **_WHY, "total": Option("total", _decimal("the total"))},
        ("price",),
    ),
    "busted": Shape((*_REPORT, ("qty", _decimal("the quantity"))), {**_ABOUT, **_PRICE, **_TRADE_ID}, ("price", "trade")),
    "missing": Shape(_REPORT, {**_ABOUT, "proof": Option("proof", _proof)}),
    "stated": Shape(
        _REPORT,
        {
            **_STATED_OPTIONS, **_FILLED, **_VENUE_ORDER, **_SEQ,
            "accepted": Option("as_state", _says("accepted")), "canceled": Option("as_state", _says("canceled")),
            "expired": Option("as_state", _says("expired")),
        },
        (), lambda words, now, args: _side_then_qty(words, now, args),
    ),
    "liquidation": _FORCED,
    "adl": _FORCED,
    "settlement": _FORCED,
}  # fmt: skip
COMMANDS: Final = (
    "asset", "buy", "sell", "cancel", "amend", "stop", "resume", "limit", "confirm", "seed", "breaker", "strategy", "parameter",
    "settle", "timer", "restart", "dispatched", "not-sent", "silent",
)  # fmt: skip
_EVENT: Final = Option("event", _moment("the venue's time"))
for _verb, _shape in SHAPES.items():
    if _verb not in COMMANDS and _verb != "quote":
        _shape.options["event"] = _EVENT  # when the venue says that it happened
