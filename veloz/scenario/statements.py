"""What a venue says of accounts: balances, positions, funding, whole statements, margin calls."""

from typing import Any, Final

from veloz.contracts import codes, registry, terms
from veloz.scenario.grammar import Statement
from veloz.scenario.listing import money_scale, need_asset
from veloz.scenario.naming import AccountName, Traded, count
from veloz.scenario.rows import Builder, Making

E8_SCALE: Final = 8


def _seq(args: dict[str, Any], making: Making) -> int:
    """The venue's time of it, unless the line says another number."""
    return int(args.get("seq", making.event_ns))


def _balance(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    asset = need_asset(making, line, args["asset"])
    account = making.names.account(line, args.get("account", ""))
    total = count(line, args["value"], asset.scale, "the balance", signed=True)
    locked = count(line, args.get("locked", "0"), asset.scale, "the locked part")
    making.add(
        line, registry.BALANCE, account=account.number, total=total, asset=asset.number, venue_seq=_seq(args, making),
        locked=locked,
    )  # fmt: skip


def _change(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    asset = need_asset(making, line, args["asset"])
    account = making.names.account(line, args.get("account", ""))
    delta = count(line, args["value"], asset.scale, "the amount", signed=True)
    reasons = {"deposit": codes.BalanceReason.DEPOSIT, "withdraw": codes.BalanceReason.WITHDRAWAL}
    making.add(
        line, registry.BALANCE_CHANGED, account=account.number, delta=-delta if statement.verb == "withdraw" else delta,
        asset=asset.number, venue_seq=_seq(args, making),
        reason=reasons.get(statement.verb, args.get("reason", codes.BalanceReason.OTHER)),
    )  # fmt: skip


def held_at(statement: Statement, making: Making) -> tuple[Traded, AccountName, int]:
    """The instrument, the account and the word `account` of a row about a position."""
    args, line = statement.args, statement.line
    traded = making.names.traded(line, args["symbol"])
    account = making.names.account(line, args.get("account", ""), traded.instrument.market)
    side = args.get("side", terms.PositionSide.BOTH)
    return traded, account, terms.pack(terms.META, account=account.number, position_side=side)


def _position(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    traded, _, who = held_at(statement, making)
    making.add(
        line, registry.POSITION, traded.number, account=who,
        qty=count(line, args["qty"], traded.instrument.qty_scale, "the quantity", signed=True),
        entry_e8=count(line, args.get("entry", "0"), E8_SCALE, "the entry price"), venue_seq=_seq(args, making),
        unrealized_e8=count(line, args.get("unrealized", "0"), E8_SCALE, "the unrealized pnl", signed=True),
    )  # fmt: skip


def _funding(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    traded, _, who = held_at(statement, making)
    asset = need_asset(making, line, args["asset"])
    making.add(
        line, registry.FUNDING, traded.number, account=who, asset=asset.number, rate_e8=args.get("rate", 0),
        amount=count(line, args["value"], asset.scale, "the funding", signed=True), venue_seq=_seq(args, making),
    )  # fmt: skip


def _margin_call(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    traded, _, who = held_at(statement, making)
    assert money_scale(making.names, traded) >= 0

    def e8(key: str) -> int:
        return count(line, args.get(key, "0"), E8_SCALE, key, signed=True)

    making.add(
        line, registry.MARGIN_CALL, traded.number, account=who, mark_e8=e8("mark"), maintenance_e8=e8("maintenance"),
        wallet_e8=e8("wallet"), qty=count(line, args["qty"], traded.instrument.qty_scale, "the quantity", signed=True),
    )  # fmt: skip


def _statement(statement: Statement, making: Making) -> None:
    account = making.names.account(statement.line, statement.args.get("account", ""))
    making.add(statement.line, registry.STATEMENT, account=account.number, venue_seq=_seq(statement.args, making))


def _statement_end(statement: Statement, making: Making) -> None:
    """Phase 1, with what came since phase 0 counted."""
    account = making.names.account(statement.line, statement.args.get("account", ""))
    kinds = [int(made.row["kind"][0]) for made in making.made]
    begun = len(kinds) - 1 - kinds[::-1].index(registry.STATEMENT.number)
    since = kinds[begun:]
    making.add(
        statement.line, registry.STATEMENT, account=account.number, phase=1, venue_seq=_seq({}, making),
        orders=since.count(registry.ORDER_STATED.number), positions=since.count(registry.POSITION.number),
    )  # fmt: skip


BUILDERS: Final[dict[str, Builder]] = {
    "balance": _balance, "deposit": _change, "withdraw": _change, "change": _change, "position": _position,
    "funding": _funding, "margin-call": _margin_call, "statement": _statement, "statement-end": _statement_end,
}  # fmt: skip
