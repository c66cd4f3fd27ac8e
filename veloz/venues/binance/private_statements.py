"""What Binance answers when asked: balances, positions and orders of an account, by REST or the WS API → lines of a whole statement.

A statement is made of several answers and stands between two account.statement rows. It says nothing of its own about what is not in it:
a zero of an asset that nobody has heard of, or of an instrument that is not listed, is left out.

Source: binance.md §2.3, §2.7.
"""

from collections.abc import Callable, Mapping
from typing import Final

from veloz.contracts.codes import Refusal
from veloz.contracts.registry import ORDER_STATED, POSITION, STATEMENT
from veloz.instruments.epochs import Epochs
from veloz.instruments.units import count_exact
from veloz.venues.binance import private_wire as wire
from veloz.venues.binance.messages import RefusedFrame, nanos
from veloz.venues.binance.plain import fields_of
from veloz.venues.binance.private_accounts import (
    ISOLATED_NOT_STATED,
    balance_line,
    leverage_line,
    position_line,
)  # fmt: skip
from veloz.venues.binance.private_orders import SIDE, stated_order, statement_lines, word_of
from veloz.venues.binance.private_rows import ZERO, Line, amount, decimal, total

ACCOUNT, POSITIONS, ORDERS = "account", "positions", "orders"
QUESTIONS: Final = {  # what a whole statement of a market is made of: GET account, positionRisk, openOrders
    "binance_spot": (ACCOUNT, ORDERS),
    "binance_usdm": (ACCOUNT, POSITIONS, ORDERS),
    "binance_coinm": (ACCOUNT, POSITIONS, ORDERS),
}
MARGIN_TYPES: Final = {"cross": 0, "isolated": 1}
BEGINS, ENDS = 0, 1

Known = Callable[[str], bool]


def answer_of(body: bytes) -> bytes:
    """An answer without what the WS API wraps it in.

    Raises:
        RefusedFrame: it is an error.
    """
    body.decode()
    fields = fields_of(body)
    if fields is None or "status" not in fields or "id" not in fields:
        return body
    if "result" not in fields:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    answer = wire.ANSWER.decode(body)
    if answer.status != 200:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    return bytes(answer.result)


def balance_lines(venue: str, body: bytes, account: int, known: Known) -> list[Line]:
    """Balances of GET account."""
    lines = []
    if venue == "binance_spot":
        spot = wire.SPOT_ACCOUNT.decode(body)
        at = nanos(spot.updateTime)
        for entry in spot.balances:
            locked = amount(entry.locked)
            held = total(amount(entry.free), locked)
            if held.digits or known(entry.asset):
                lines.append(balance_line(account, entry.asset, held, locked, at))
        return lines
    for wallet in wire.FUTURES_ACCOUNT.decode(body).assets:
        held = decimal(wallet.walletBalance)
        if held.digits or known(wallet.asset):
            lines.append(balance_line(account, wallet.asset, held, ZERO, nanos(wallet.updateTime)))
    return lines


def position_lines(body: bytes, account: int, known: Known) -> list[Line]:
    """Positions of GET positionRisk, and each instrument's leverage once."""
    lines: list[Line] = []
    levered: list[str] = []
    for held in wire.STATED_POSITIONS.decode(body):
        if not held.symbol:
            raise RefusedFrame(Refusal.UNKNOWN_SYMBOL)
        side, at = word_of(SIDE, held.positionSide), nanos(held.updateTime)
        isolated = ISOLATED_NOT_STATED if held.marginType is None else word_of(MARGIN_TYPES, held.marginType)
        texts = (held.positionAmt, held.entryPrice, held.unRealizedProfit)
        line = position_line(account, held.symbol, side, texts, at)
        if not decimal(held.positionAmt).digits and not known(held.symbol):
            continue
        if held.leverage is not None and held.symbol not in levered:
            lines.append(leverage_line(account, held.symbol, count_exact(held.leverage, 0)[0], isolated, at))
            levered.append(held.symbol)
        lines.append(line)
    return lines


def order_lines(venue: str, body: bytes, account: int, epochs: Epochs) -> list[Line]:
    """Orders of GET openOrders or allOrders, or the one of GET order."""
    one = fields_of(body) is not None
    orders = [wire.STATED_ORDER.decode(body)] if one else wire.STATED_ORDERS.decode(body)
    return [line for order in orders for line in statement_lines(stated_order(order, venue, epochs), account)]


def whole_statement(
    venue: str, answers: Mapping[str, bytes], account: int, at_ns: int, knows: tuple[Known, Known], epochs: Epochs
) -> list[Line]:
    """All lines of a statement, orders first, then balances, then positions.

    Args:
        venue: Whose answers they are.
        answers: Bodies by question; all of `QUESTIONS[venue]`.
        account: Whose account it is.
        at_ns: The venue's time at which they hold, 0 = not stated.
        knows: Whether an asset has a number; whether an instrument is listed.
        epochs: Whose orders they are.

    Raises:
        RefusedFrame: one of them cannot be taken.
        msgspec.DecodeError: one of them cannot be read.
    """
    bodies = {question: answer_of(answers[question]) for question in QUESTIONS[venue]}
    lines = order_lines(venue, bodies[ORDERS], account, epochs)
    lines += balance_lines(venue, bodies[ACCOUNT], account, knows[0])
    if POSITIONS in bodies:
        lines += position_lines(bodies[POSITIONS], account, knows[1])
    counts = [sum(line.kind is kind for line in lines) for kind in (ORDER_STATED, POSITION)]
    marks = [Line(STATEMENT, "", at_ns, (account, phase, counts[0], at_ns, counts[1])) for phase in (BEGINS, ENDS)]
    return [marks[0], *lines, marks[1]]
