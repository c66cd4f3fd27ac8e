"""`expect …` between the steps: what should be true there. A check that fails is a difference, not an error."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from veloz.contracts import codes, terms
from veloz.contracts.codes import Limit
from veloz.contracts.registry import BY_NAME
from veloz.reducers.desk import BREAKERS, LIMITS
from veloz.reducers.order_table import OrderState
from veloz.scenario.commands import limit_value
from veloz.scenario.figures import balance_figures, order_figures, position_figures, position_key
from veloz.scenario.grammar import Check
from veloz.scenario.naming import LaterKnown, Names, NotMade
from veloz.scenario.session import Session
from veloz.scenario.shapes import Option, Shape, read_scope, read_shape
from veloz.scenario.text import Words, near, plain

Pairs = list[tuple[str, str, str]]  # what, expected, found
Look = Callable[[Session, dict[str, Any], int], Pairs]


def _choice(what: str, enum: Any) -> Callable[[Words, int], str]:
    names = {plain(name): name for name in enum.__members__}
    return lambda words, now: names[words.choice(what, names)]


def _number(what: str) -> Option:
    return Option(what, lambda words, now: words.decimal(what, signed=True))


def _order_place(words: Words, now: int, args: dict[str, Any]) -> None:
    args["order"] = words.name("an order")
    if words and plain(words.peek()) in {plain(name) for name in OrderState.__members__}:
        args["state"] = _choice("state of an order", OrderState)(words, now)


def _look_order(session: Session, args: dict[str, Any], line: int) -> Pairs:
    key = session.names.order(line, args["order"]).key
    found = order_figures(session).get(session.lexicon.order_name(key))
    if found is None:
        return [("order", args["order"], "no such order")]
    return [
        (name, args[name], str(found[name])) for name in ("state", "filled", "qty", "price", "hold") if name in args
    ]


def _position_place(words: Words, now: int, args: dict[str, Any]) -> None:
    args["symbol"] = words.name("an instrument")
    args["qty"] = words.decimal("the quantity", signed=True)


def _look_position(session: Session, args: dict[str, Any], line: int) -> Pairs:
    names = session.names
    traded = names.traded(line, args["symbol"])
    account = names.account(line, args.get("account", ""), traded.instrument.market).number
    side = int(terms.PositionSide[args.get("side", "BOTH")])
    found = position_figures(session).get(position_key(names, traded, account, side), {})
    wanted = ("qty", "entry", "realized", "unrealized", "funding", "fees")
    return [(name, args[name], str(found.get(name) or "0")) for name in wanted if name in args]


def _balance_place(words: Words, now: int, args: dict[str, Any]) -> None:
    args["asset"] = words.name("an asset")
    args["total"] = words.decimal("the balance", signed=True)


def _look_balance(session: Session, args: dict[str, Any], line: int) -> Pairs:
    asset = args["asset"]
    session.names.asset(line, asset)
    account = args.get("account", "")
    session.names.account(line, account)
    several = len(session.names.accounts) > 1
    found = balance_figures(session).get(f"{account}/{asset}" if several else asset, {})
    wanted = ("total", "free", "locked", "held", "margin", "fees", "funding", "drift")
    return [(name, args[name], found.get(name, "0")) for name in wanted if name in args]


def _refused_place(words: Words, now: int, args: dict[str, Any]) -> None:
    args["code"] = _choice("refusal", codes.Refusal)(words, now)
    if words:
        args["order"] = words.name("an order")


def _look_refused(session: Session, args: dict[str, Any], line: int) -> Pairs:
    refusals = session.happened.refusals
    if "order" in args:
        name = session.lexicon.order_name(session.names.order(line, args["order"]).key)
        refusals = [each for each in session.refusals if each["order"] == name]
    found = [each["code"] for each in refusals]
    told = args["code"] if args["code"] in found else ", ".join(found) or "nothing refused"
    return [("refused", args["code"], told)]


def _no_place(words: Words, now: int, args: dict[str, Any]) -> None:
    args["what"] = words.choice("thing to expect none of", ("requests", "refusals", "violations", "differences"))


def _look_no(session: Session, args: dict[str, Any], line: int) -> Pairs:
    happened = session.happened
    counts = {
        "requests": happened.requests, "refusals": len(happened.refusals), "violations": len(happened.violations),
        "differences": len(session.names.differences),
    }  # fmt: skip
    return [(args["what"], "0", str(counts[args["what"]]))]


def _look_requests(session: Session, args: dict[str, Any], line: int) -> Pairs:
    return [("requests", str(args["count"]), str(session.happened.requests))]


def _scope(words: Words, now: int) -> tuple[str, str]:
    return read_scope(words)


def scope_place(session: Session, line: int, scope: tuple[str, str]) -> int:
    """The place of a scope in the state; -1 where nothing was ever said of it."""
    word = session.names.scope(line, scope)
    parts = terms.unpack(terms.SCOPE, word)
    used = int(session.state.desk[0]["scopes_used"])
    for place, each in enumerate(session.state.scopes[:used]):
        fixed = parts["kind"] == terms.ScopeKind.VENUE and place == parts["number"]
        if fixed or (int(each["kind"]) == parts["kind"] and int(each["number"]) == parts["number"]):
            return place
    return -1


def _look_level(session: Session, args: dict[str, Any], line: int) -> Pairs:
    place = scope_place(session, line, args["scope"])
    level = 0 if place < 0 else int(session.state.scopes[place]["level"])
    return [("level", args["level"], codes.StopLevel(level).name)]


def _look_breaker(session: Session, args: dict[str, Any], line: int) -> Pairs:
    place = scope_place(session, line, args["scope"])
    at = place * BREAKERS + codes.Breaker[args["breaker"]]
    state = 0 if place < 0 else int(session.state.breakers[at]["state"])
    return [("breaker", args["state"], codes.BreakerState(state).name)]


def _limit_place(words: Words, now: int, args: dict[str, Any]) -> None:
    args["scope"] = read_scope(words)
    args["limit"] = _choice("limit", Limit)(words, now)
    args["value"] = words.take("the value of the limit")


def _look_limit(session: Session, args: dict[str, Any], line: int) -> Pairs:
    limit = Limit[args["limit"]]
    wanted = limit_value(line, session.names, args["scope"], limit, args["value"])
    place = scope_place(session, line, args["scope"])
    found = -1 if place < 0 else int(session.state.limits[place * LIMITS + limit])
    return [(f"limit {limit.name}", str(wanted), str(found))]


def _look_frozen(session: Session, args: dict[str, Any], line: int) -> Pairs:
    number = session.names.traded(line, args["symbol"]).number
    code = int(session.state.terms[number]["frozen"]) if number < len(session.state.terms) else 0
    found = codes.Refusal(code).name if code else "no"
    if "code" in args:
        return [("frozen", args["code"], found)]
    return [("frozen", args["wanted"], "yes" if code else "no")]


def _frozen_place(words: Words, now: int, args: dict[str, Any]) -> None:
    args["symbol"] = words.name("an instrument")
    args["wanted"] = "yes"
    if words.take_if("no"):
        args["wanted"] = "no"
    elif words:
        args["code"] = _choice("refusal", codes.Refusal)(words, now)


def _look_strategy(session: Session, args: dict[str, Any], line: int) -> Pairs:
    number = session.names.strategy(line, args["name"]).number
    status = int(session.state.strategies[number]["status"]) if number < len(session.state.strategies) else 0
    return [("strategy", args["status"], codes.StrategyStatus(status).name)]


def _look_violation(session: Session, args: dict[str, Any], line: int) -> Pairs:
    found = session.happened.violations
    told = args["code"] if args["code"] in found else ", ".join(found) or "no violation"
    return [("violation", args["code"], told)]


def _rows_place(words: Words, now: int, args: dict[str, Any]) -> None:
    kind = words.take("a kind of decision").lower()
    if kind not in BY_NAME:
        raise words.fail(f"{kind!r} is no kind of record{near(kind, BY_NAME)}")
    args["kind"], args["count"] = kind, words.whole("how many there are")


def _look_rows(session: Session, args: dict[str, Any], line: int) -> Pairs:
    return [(f"rows of {args['kind']}", str(args["count"]), str(session.counts.get(args["kind"], 0)))]


_ACCOUNT: Final = {"account": Option("account", lambda words, now: words.name("an account"))}


def _numbers(*names: str) -> dict[str, Option]:
    return {name: _number(name) for name in names}


CHECKS: Final[dict[str, tuple[Shape, Look]]] = {
    "order": (Shape((), _numbers("filled", "qty", "price", "hold"), (), _order_place), _look_order),
    "position": (
        Shape(
            (),
            {
                **_ACCOUNT, "side": Option("side", _choice("position side", terms.PositionSide)),
                **_numbers("entry", "realized", "unrealized", "funding", "fees"),
            },
            (), _position_place,
        ),
        _look_position,
    ),
    "balance": (
        Shape(
            (), {**_ACCOUNT, **_numbers("free", "locked", "held", "margin", "fees", "funding", "drift")}, (), _balance_place
        ),
        _look_balance,
    ),
    "refused": (Shape((), {}, (), _refused_place), _look_refused),
    "violation": (Shape((("code", _choice("refusal", codes.Refusal)),)), _look_violation),
    "no": (Shape((), {}, (), _no_place), _look_no),
    "requests": (Shape((("count", lambda words, now: words.whole("how many")),)), _look_requests),
    "level": (Shape((("scope", _scope), ("level", _choice("stop level", codes.StopLevel)))), _look_level),
    "breaker": (
        Shape(
            (
                ("scope", _scope), ("breaker", _choice("breaker", codes.Breaker)),
                ("state", _choice("state of a breaker", codes.BreakerState)),
            )
        ),
        _look_breaker,
    ),
    "limit": (Shape((), {}, (), _limit_place), _look_limit),
    "frozen": (Shape((), {}, (), _frozen_place), _look_frozen),
    "strategy": (
        Shape(
            (("name", lambda words, now: words.name("a strategy")), ("status", _choice("status", codes.StrategyStatus)))
        ),
        _look_strategy,
    ),
    "rows": (Shape((), {}, (), _rows_place), _look_rows),
}  # fmt: skip


def read_check(check: Check) -> tuple[str, dict[str, Any]]:
    """A check's kind and arguments.

    Raises:
        ScenarioError: It cannot be read.
    """
    words = Words(check.line, list(check.words))
    what = words.choice("thing to expect", CHECKS)
    return what, read_shape(words, CHECKS[what][0], 0)


def require_known(check: Check, names: Names) -> None:
    """Refuse a check about something that no line has named.

    Raises:
        ScenarioError: It cannot be read, or names a stranger.
    """
    what, args = read_check(check)
    line = check.line
    if "order" in args:
        with suppress(LaterKnown):
            names.order(line, args["order"])
    if "symbol" in args:
        traded = names.traded(line, args["symbol"])
        if what == "position":
            names.account(line, args.get("account", ""), traded.instrument.market)
    if "asset" in args:
        names.asset(line, args["asset"])
        names.account(line, args.get("account", ""))
    if "scope" in args:
        names.scope(line, args["scope"])
    if what == "limit":
        limit_value(line, names, args["scope"], Limit[args["limit"]], args["value"])
    if what == "strategy":
        names.strategy(line, args["name"])


def look(check: Check, session: Session) -> tuple[str, str] | None:
    """What was expected and what is, where they differ; None where all is as expected."""
    what, args = read_check(check)
    try:
        seen = CHECKS[what][1](session, args, check.line)
    except NotMade as error:
        return f"{' '.join(check.words)}", error.why
    for name, wanted, found in seen:
        if not _equal(wanted, found):
            return f"{' '.join(check.words)}", f"{name} {found}"
    return None


def _equal(wanted: str, found: str) -> bool:
    """Equal as written, or as decimals: 1.50 is 1.5."""
    if wanted == found:
        return True
    return _shortest(wanted) == _shortest(found)


def _shortest(text: str) -> str:
    bare = text.removeprefix("+")
    if "." in bare:
        bare = bare.rstrip("0").rstrip(".")
    return "0" if bare == "-0" else bare
