"""Positions, pnl and balances in decimals, written from the rules of bookkeeping and of `binance.md` §8, slowly and whole.

Numbers are what people write: prices, quantities and money as Decimal. The rounding rules that are ours: money of a spot trade is cut
toward zero, the value of an inverse trade is cut at 18 decimals, realized pnl is read as money toward minus infinity, and the
cost that has left an average-cost position since it last grew is rounded toward minus infinity in `Market.unit`.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_FLOOR, Context, Decimal, localcontext

EXACT = Context(prec=120)
ZERO = Decimal(0)


@dataclass(frozen=True)
class Market:
    """What an instrument is."""

    product: str  # spot | linear | inverse
    base: str
    quote: str
    settle: str
    price_places: int
    qty_places: int
    multiplier: Decimal = Decimal(1)

    @property
    def unit(self) -> Decimal:
        """The smallest step of its values."""
        if self.product == "inverse":
            return Decimal("1E-18")
        return Decimal(1).scaleb(-max(self.price_places + self.qty_places, 18)) * self.multiplier

    @property
    def pays(self) -> str:
        """The asset of its pnl."""
        return self.quote if self.product == "spot" else self.settle

    def value(self, price: Decimal, qty: Decimal) -> Decimal:
        """Value of a signed quantity."""
        if self.product == "inverse":
            return (qty * self.multiplier / price).quantize(Decimal("1E-18"), ROUND_DOWN)
        return qty * price * self.multiplier


@dataclass
class Holding:
    """One position."""

    qty: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    grown: tuple[Decimal, Decimal] = (ZERO, ZERO)  # cost and quantity (no sign) when it last grew
    lots: list[list[Decimal]] = field(default_factory=list)  # [quantity without sign, price], oldest first
    fees: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    trades: int = 0
    bought: Decimal = ZERO
    sold: Decimal = ZERO


@dataclass
class Ledger:
    """Accounts that trade markets. Keys of holdings: (account, market number, side, strategy or -1)."""

    markets: dict[int, Market]
    places: dict[str, int]  # decimals of the money of assets
    fifo: dict[int, bool]  # by account
    holdings: dict[tuple[int, int, int, int], Holding] = field(default_factory=lambda: defaultdict(Holding))
    cash: dict[tuple[int, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def fill(
        self,
        account: int,
        number: int,
        sell: bool,
        side: int,
        strategy: int,
        price: Decimal,
        qty: Decimal,
        bust: bool = False,
    ) -> Decimal:
        """One execution, or one taken back; what it realized for the account, as money."""
        with localcontext(EXACT):
            market = self.markets[number]
            signed = qty * (-1 if sell else 1) * (-1 if bust else 1)
            gained = ZERO
            for owner in {-1, strategy}:
                holding = self.holdings[account, number, side, owner]
                before = self.money(market, holding.realized)
                self._trade(market, holding, self.fifo[account], price, signed)
                step = -1 if bust else 1
                holding.trades += step
                if sell:
                    holding.sold += qty * step
                else:
                    holding.bought += qty * step
                if owner == -1:
                    gained = self.money(market, holding.realized) - before
            if market.product != "spot":
                self.cash[account, market.pays] += gained
                return gained
            exact = abs(market.value(price, qty)).quantize(Decimal(1).scaleb(-self.places[market.quote]), ROUND_DOWN)
            self.cash[account, market.quote] -= exact if signed > 0 else -exact
            self.cash[account, market.base] += signed
            return gained

    def fee(self, account: int, number: int, side: int, strategy: int, asset: str, amount: Decimal) -> None:
        """A fee paid: noted at the positions there are."""
        self.cash[account, asset] -= amount
        for owner in {-1, strategy}:
            if (account, number, side, owner) in self.holdings:
                self.holdings[account, number, side, owner].fees[asset] += amount

    def money(self, market: Market, value: Decimal) -> Decimal:
        """A value as money, no profit shown too high."""
        with localcontext(EXACT):
            return value.quantize(Decimal(1).scaleb(-self.places[market.pays]), ROUND_FLOOR)

    def _trade(self, market: Market, holding: Holding, fifo: bool, price: Decimal, signed: Decimal) -> None:
        if holding.qty and (holding.qty > 0) != (signed > 0):
            closing = min(abs(holding.qty), abs(signed))
            sign = 1 if holding.qty > 0 else -1
            released = self._release(market, holding, closing)
            brought = market.value(price, sign * closing)
            holding.realized += released - brought if market.product == "inverse" else brought - released
            holding.cost -= released
            holding.qty -= sign * closing
            signed += sign * closing
        if not signed:
            return
        if holding.lots or (fifo and not holding.qty):
            was = sum((market.value(each, n) for n, each in holding.lots), ZERO)
            if holding.lots and holding.lots[-1][1] == price:
                holding.lots[-1][0] += abs(signed)
            else:
                holding.lots.append([abs(signed), price])
            added = sum((market.value(each, n) for n, each in holding.lots), ZERO) - was
        else:
            added = market.value(price, abs(signed))
        holding.cost += added if signed > 0 else -added
        holding.qty += signed
        holding.grown = (holding.cost, abs(holding.qty))

    def _release(self, market: Market, holding: Holding, closing: Decimal) -> Decimal:
        """Cost that leaves with a part of a holding, with the holding's sign."""
        if not holding.lots:
            cost, qty = holding.grown
            gone = (cost * (qty - abs(holding.qty) + closing) / qty / market.unit).to_integral_value(
                ROUND_FLOOR
            ) * market.unit
            return gone - (cost - holding.cost)
        sign = 1 if holding.qty > 0 else -1
        was = sum((market.value(price, n) for n, price in holding.lots), ZERO)
        while closing:
            part = min(closing, holding.lots[0][0])
            holding.lots[0][0] -= part
            closing -= part
            if not holding.lots[0][0]:
                holding.lots.pop(0)
        return sign * (was - sum((market.value(price, n) for n, price in holding.lots), ZERO))
