"""Who is who in a scenario: assets, instruments, accounts, strategies and orders by the names its lines give them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NoReturn

import numpy as np

from veloz.contracts import terms
from veloz.contracts.codes import VENUE_NAMES, VENUES, SettleAction
from veloz.contracts.layout import ROW
from veloz.execution.reconcile import Difference
from veloz.instruments.instrument import Instrument
from veloz.instruments.units import Code as UnitCode
from veloz.instruments.units import count_exact, counted
from veloz.reducers.desk import ACCOUNTS_MAX, ASSETS_MAX, STRATEGIES_MAX
from veloz.scenario.text import ScenarioError, near
from veloz.strategies.loader import Code

ENGINE: Final = "engine"  # whose orders close positions at a stop level
FOREIGN: Final = "venue:"
ASSET_SCALE: Final = 8  # of assets that no line has named
REPORTING: Final = "USDT"
_REASONS: Final = {
    UnitCode.NOT_A_DECIMAL: "it is no decimal", UnitCode.NEGATIVE: "it is below zero", UnitCode.TOO_BIG: "it is too big",
    UnitCode.TOO_FINE: "it has more decimals than are kept",
}  # fmt: skip


class NotMade(ScenarioError):
    """A strategy has not placed that order by then."""


class LaterKnown(Exception):
    """What a line is about is only known when it is run."""


@dataclass
class Found:
    """A difference between us and a venue's statement: its row, what it is, and whether somebody has answered it."""

    seq: int
    difference: Difference
    settled: bool = False


@dataclass(frozen=True)
class AssetName:
    """An asset: its number, and the decimals of its money."""

    number: int
    scale: int


@dataclass
class AccountName:
    """An account, and the leverage that its instruments get when they are listed."""

    number: int
    market: int
    hedge: bool
    leverage: int = 0


@dataclass
class Traded:
    """An instrument with the assets it pays in."""

    instrument: Instrument
    product: int
    base: str
    quote: str
    settle: str
    given: dict[str, object] = field(default_factory=dict)
    last_id: int = 0  # of its book
    prints: int = 0  # trades of the market so far

    @property
    def number(self) -> int:
        """Its number."""
        return self.instrument.number

    def next_print(self) -> int:
        """The venue's number of the next trade of the market."""
        self.prints += 1
        return self.prints


@dataclass
class StrategyName:
    """A strategy: its number, where it trades, and its revision of parameters."""

    number: int
    account: str
    symbols: list[str] = field(default_factory=list)


@dataclass
class OrderName:
    """An order as its lines may call it."""

    key: int
    instrument: int  # 0 = not known yet
    account: int
    sell: bool = False
    position_side: int = 0
    spec: int = 0
    price: int = 0
    qty: int = 0


CodeOf = Callable[[int, str, str, str], tuple[Code, str]]  # line, kind, what it says, block → code, source
Answer = Callable[
    [list[Difference], SettleAction, int, int], np.ndarray
]  # what differs, what is to be done, number and time of the command → ROW[n]
TermsOf = Callable[[OrderName], tuple[int, int]]


class Names:
    """All names of a scenario. Numbers are given out in the order of the lines.

    Args:
        code_of: Where the code of strategies is found: `code.Shelf.find`.
    """

    def __init__(self, code_of: CodeOf) -> None:
        self.code_of = code_of
        self.text_of: Callable[[int, str], str] = lambda line, file: refuse(line, f"{file} is not at hand.")
        self.limited = False  # a limit was set
        self.assets: dict[str, AssetName] = {}
        self.instruments: dict[tuple[str, str], Traded] = {}
        self.accounts: dict[str, AccountName] = {}
        self.strategies: dict[str, StrategyName] = {}
        self.orders: dict[str, OrderName] = {}
        self.limits: dict[str, tuple[int, dict[str, int]]] = {}  # number and words of a limit command, by label
        self.requests: dict[tuple[int, int], int] = {}  # number of the newest request, by order key and terms.Action
        self.made: dict[str, int] = {}  # how many orders a strategy, or the engine, has placed
        self.differences: list[Found] = []
        self.answer: Answer = lambda found, action, seq, now: np.zeros(0, ROW)
        self.reporting = ""
        self.epoch = 1
        self.venue_seq = 0
        self.trade_id = 0
        self.dry = False  # strategies' orders cannot be known yet
        self.disabled: dict[str, str] = {}  # strategies that were disabled, and why
        self.terms_of: TermsOf = lambda order: (order.price, order.qty)  # price and quantity of an order as of now

    def asset(self, line: int, name: str) -> AssetName:
        """An asset that a line or a row has named."""
        found = self.assets.get(name)
        if found is None:
            raise ScenarioError(line, f"no asset is called {name}{near(name, self.assets)}")
        return found

    def add_asset(self, line: int, name: str, scale: int) -> AssetName:
        """A new asset."""
        if name in self.assets:
            raise ScenarioError(line, f"asset {name} is there already.")
        if len(self.assets) + 1 >= ASSETS_MAX:
            raise ScenarioError(line, f"there are at most {ASSETS_MAX - 1} assets.")
        self.assets[name] = AssetName(len(self.assets) + 1, scale)
        return self.assets[name]

    def traded(self, line: int, name: str) -> Traded:
        """An instrument by `SYMBOL` or `venue:SYMBOL`."""
        venue, colon, symbol = name.partition(":")
        if colon:
            found = [self.instruments[venue, symbol]] if (venue, symbol) in self.instruments else []
        else:
            found = [each for (_, known), each in self.instruments.items() if known == name]
        if not found:
            raise ScenarioError(
                line, f"no instrument is called {name}{near(name, [symbol for _, symbol in self.instruments])}"
            )
        if len(found) > 1:
            raise ScenarioError(line, f"{name} is traded on several venues; write it as venue:{name}.")
        return found[0]

    def by_number(self, number: int) -> Traded | None:
        """An instrument by its number; None for 0 or an unknown one."""
        return next((each for each in self.instruments.values() if each.number == number), None)

    def instrument(self, number: int) -> Instrument | None:
        """The instrument of a number; None for none or an unknown one."""
        traded = self.by_number(number)
        return None if traded is None else traded.instrument

    def title(self, number: int) -> str:
        """What an instrument is called: its symbol, with its venue where two share it; "-" for none."""
        traded = self.by_number(number)
        if traded is None:
            return "-" if number == 0 else f"#{number}"
        symbol = traded.instrument.symbol
        shared = sum(known == symbol for _, known in self.instruments) > 1
        return f"{traded.instrument.venue}:{symbol}" if shared else symbol

    def add_account(self, line: int, name: str, account: AccountName) -> None:
        """A new account."""
        if name in self.accounts:
            raise ScenarioError(line, f"account {name} is there already.")
        if account.number >= ACCOUNTS_MAX:
            raise ScenarioError(line, f"there are at most {ACCOUNTS_MAX - 1} accounts.")
        self.accounts[name] = account

    def account(self, line: int, name: str = "", market: int = 0) -> AccountName:
        """An account by name; without one, the only account (of a venue).

        Args:
            line: Where it is asked for.
            name: "" where the line does not say.
            market: Of the instrument in question; 0 = none.
        """
        if name:
            found = self.accounts.get(name)
            if found is None:
                raise ScenarioError(line, f"no account is called {name}{near(name, self.accounts)}")
            if market and found.market != market:
                raise ScenarioError(line, f"account {name} is not of that instrument's venue.")
            return found
        fitting = [each for each in self.accounts.values() if not market or each.market == market]
        if len(fitting) != 1:
            where = f" on {VENUE_NAMES[market]}" if market else ""
            why = "there is no account" if not fitting else "there are several accounts"
            raise ScenarioError(line, f"{why}{where}; write `account NAME`.")
        return fitting[0]

    def strategy(self, line: int, name: str) -> StrategyName:
        """A strategy that was loaded."""
        found = self.strategies.get(name)
        if found is None:
            raise ScenarioError(line, f"no strategy is called {name}{near(name, self.strategies)}")
        return found

    def add_strategy(self, line: int, name: str, account: str) -> StrategyName:
        """A new strategy."""
        if name in self.strategies:
            raise ScenarioError(line, f"strategy {name} is loaded already; `replace` gives it other code.")
        if len(self.strategies) + 1 >= STRATEGIES_MAX:
            raise ScenarioError(line, f"there are at most {STRATEGIES_MAX - 1} strategies.")
        self.strategies[name] = StrategyName(len(self.strategies) + 1, account)
        return self.strategies[name]

    def add_order(self, line: int, label: str, order: OrderName) -> None:
        """A label for an order."""
        if label in self.orders:
            raise ScenarioError(line, f"an order is called {label} already.")
        self.orders[label] = order

    def order(self, line: int, name: str) -> OrderName:
        """An order by its label, `strategy#n`, `venue:NUMBER` or client id."""
        if name in self.orders:
            return self.orders[name]
        strategy, hash_mark, number = name.partition("#")
        if hash_mark:
            return self._order_of_strategy(line, strategy, number)
        if name.startswith(FOREIGN):
            return self._foreign(line, name)
        ours = terms.read_client_id(name)
        if ours is not None:
            known = next((each for each in self.orders.values() if each.key == ours[1]), None)
            if known is None and self.dry:
                raise LaterKnown
            return known or OrderName(ours[1], 0, 0)
        raise ScenarioError(line, f"no order is called {name}{near(name, self.orders)}")

    def _order_of_strategy(self, line: int, name: str, number: str) -> OrderName:
        symbols = [] if name == ENGINE else self.strategy(line, name).symbols
        if not number.isdigit() or int(number) < 1:
            raise ScenarioError(line, f"{name}#{number} names no order; its orders are {name}#1, {name}#2 …")
        if f"{name}#{int(number)}" in self.orders:
            return self.orders[f"{name}#{int(number)}"]
        if not self.dry:
            raise NotMade(
                line,
                f"{name} has placed {counted(self.made.get(name, 0), 'order')} by then, and not {number}{self._why(name)}.",
            )
        if len(symbols) != 1:
            raise LaterKnown
        strategy, traded = self.strategies[name], self.traded(line, symbols[0])
        account = self.account(line, strategy.account, traded.instrument.market)
        return OrderName(terms.order_key(int(number)), traded.number, account.number)

    def _why(self, strategy: str) -> str:
        return f"; it was disabled ({self.disabled[strategy]})" if strategy in self.disabled else ""

    def _foreign(self, line: int, name: str) -> OrderName:
        number = name.removeprefix(FOREIGN)
        if not number.isdigit() or not 0 < int(number) < 2**62:
            raise ScenarioError(line, f"{name} names no order; write venue: and the venue's number.")
        return OrderName(-int(number), 0, 0)

    def count_order(self, owner: str, order: OrderName) -> None:
        """The next order of a strategy, or of the engine: `owner#N`."""
        self.made[owner] = self.made.get(owner, 0) + 1
        self.orders[f"{owner}#{self.made[owner]}"] = order

    def remember(self, name: str, order: OrderName) -> None:
        """What a report said of an order that nobody here had placed."""
        self.orders.setdefault(name, order)

    def scope(self, line: int, scope: tuple[str, str]) -> int:
        """The word `scope` of a row."""
        kind, name = scope
        if kind == "global":
            return terms.scope(terms.ScopeKind.GLOBAL)
        if kind == "venue":
            return terms.scope(terms.ScopeKind.VENUE, int(VENUES[name]))
        if kind == "account":
            return terms.scope(terms.ScopeKind.ACCOUNT, self.account(line, name).number)
        if kind == "instrument":
            return terms.scope(terms.ScopeKind.INSTRUMENT, self.traded(line, name).number)
        return terms.scope(terms.ScopeKind.STRATEGY, self.strategy(line, name).number)

    def request_of(self, line: int, name: str, order: OrderName, action: int | None) -> tuple[int, int]:
        """What the newest request for an order asks, and its sequence number.

        Args:
            line: Where it is asked for.
            name: What the line calls the order.
            order: The order.
            action: terms.Action; None = whatever was asked last.
        """
        made = [(seq, asked) for (key, asked), seq in self.requests.items() if key == order.key]
        fitting = [(seq, asked) for seq, asked in made if action is None or asked == action]
        if fitting:
            seq, asked = max(fitting)
            return asked, seq
        if self.dry:
            return action or 0, 1
        raise ScenarioError(line, f"nothing was requested for {name} of which that could be said.")

    def report_seq(self, said: int | None) -> int:
        """The venue's number of a report: what the line says, else one more than the greatest so far."""
        number = self.venue_seq + 1 if said is None else said
        self.venue_seq = max(self.venue_seq, number)
        return number

    def trade_number(self, said: int | None) -> int:
        """The venue's number of a trade of ours: what the line says, else one more than the greatest so far."""
        number = self.trade_id + 1 if said is None else said
        self.trade_id = max(self.trade_id, number)
        return number


def count(line: int, text: str, scale: int, what: str, *, signed: bool = False) -> int:
    """A decimal as a count of quanta, exactly.

    Raises:
        ScenarioError: It does not fit; nothing is ever rounded.
    """
    number, code = count_exact(text, scale, signed=signed)
    if code is not UnitCode.EXACT:
        decimals = f" ({scale})" if code is UnitCode.TOO_FINE else ""
        refuse(line, f"{what} {text} cannot be counted: {_REASONS[code]}{decimals}.")
    return number


def refuse(line: int, why: str) -> NoReturn:
    """Stop with one sentence."""
    raise ScenarioError(line, why)
