"""What came of a run: executions, the equity curve, and the figures of its report.

Money is told in the reporting asset, as exact decimals. Equity and pnl are the desk's own (`reducers/settle.py`). The curve begins when
everything that is held can be valued: what an asset was worth before its first price is no profit.
"""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final, NamedTuple

import numpy as np

from veloz.backtest.keys import text_of
from veloz.backtest.setup import Plan
from veloz.backtest.valued import next_look_ns, unvalued_of
from veloz.backtest.walk import Seat
from veloz.backtest.world import Traded, World
from veloz.contracts import terms
from veloz.contracts.codes import Product, Refusal
from veloz.contracts.registry import ACCEPTED, DISABLED, FEE, FILLED, GATE_REFUSED, REJECTED, REQUESTED
from veloz.engine.step import Step
from veloz.engine.verify import copy_state
from veloz.instruments.units import decimal_text
from veloz.reducers.desk import ASSETS_MAX, SCOPE_GLOBAL
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.settle import settle
from veloz.reducers.state import State, new_state
from veloz.reducers.words import I

DIGITS: Final = 60  # of sums of quotients
COIN_PLACES: Final = 18
_LEAST: Final = Decimal(1).scaleb(-COIN_PLACES)
SECOND_NS: Final = 1_000_000_000
POINTS_MAX: Final = 50_000
MULTIPLIER: Final = Decimal(10**8)
REFUSALS: Final = {int(each): each.name for each in Refusal}
_WATCHED: Final = tuple(each.number for each in (FILLED, FEE, REQUESTED, ACCEPTED, GATE_REFUSED, REJECTED, DISABLED))


class Trade(NamedTuple):
    """One execution."""

    seq: int  # of its row
    ts_ns: int  # when the desk heard of it
    venue_ns: int
    instrument: int
    order: int
    sell: bool
    maker: bool
    price: int  # quanta
    qty: int
    trade_id: int
    fee: int  # at the scale of its asset; above 0: paid
    fee_asset: int


class Point(NamedTuple):
    """Equity at a moment, at the scale of the reporting asset."""

    ts_ns: int
    equity: int
    gross: int  # what positions are worth, signs aside


@dataclass(frozen=True)
class Figures:
    """The figures of a run."""

    orders: int
    fills: int
    position: dict[str, str]
    realized: str
    cash: str
    fees: str
    funding: str
    net_pnl: str | None  # None: equity could not be told at any moment
    equity_start: str | None
    equity_end: str | None
    unrealized: str


class Ledger:
    """Sees every step of a run, and keeps its executions and its equity curve.

    Args:
        world: What the run trades.
        every_ns: Time between two points of the curve; 0: a second, or more where that would be too many points.
        span_ns: How long the run is.
    """

    def __init__(self, world: World, every_ns: int = 0, span_ns: int = 0) -> None:
        self._world, self._every = world, every_ns or max(SECOND_NS, span_ns // POINTS_MAX)
        self._next_ns = 0
        self.orders = 0
        self.accepted = 0  # reports that a venue took or executed one
        self.refused: Counter[str] = Counter()  # by the gate, by its code
        self.rejected: Counter[str] = Counter()  # by a venue, by its code
        self.unvalued: tuple[str, ...] = ()  # what could not be valued at any moment
        self._begun_ns = 0
        self.trades: list[Trade] = []
        self.disabled: list[int] = []  # numbers of strategies that did what they may not
        self.curve: list[Point] = []
        self.told: Figures  # what `figures` told last
        self.closed = new_state()  # as the end was valued
        self.cash: dict[int, Decimal] = {}  # of each instrument, in what its prices pay: see `outcome.Standing`

    def see(self, desk: Seat, step: Step) -> None:
        """See `runner.Watcher`."""
        kinds = step.rows["kind"]
        if np.isin(kinds, _WATCHED).any():
            self._read(step.first_seq, step.rows)
        if desk.now_ns >= self._next_ns:
            self.mark(desk)

    def see_all(self, desk: Seat, first_seq: int, rows: np.ndarray) -> None:
        """See `runner.Watcher`."""
        self._read(first_seq, rows)

    @property
    def next_ns(self) -> int:
        """See `runner.Watcher`: when the next point of the curve is due."""
        return self._next_ns

    def mark(self, desk: Seat) -> None:
        """See `runner.Watcher`: a point of the curve."""
        now = desk.now_ns
        self._begun_ns = self._begun_ns or now
        if not self.curve and unvalued_of(desk.state, self._world):
            self._next_ns = next_look_ns(now, self._begun_ns)
            return
        self._next_ns = (now // self._every + 1) * self._every
        self.curve.append(_point(now, desk.state))

    def _read(self, first_seq: int, rows: np.ndarray) -> None:
        self.orders += int((rows["kind"] == REQUESTED.number).sum())
        self.disabled += rows[rows["kind"] == DISABLED.number].view(DISABLED.view)["strategy"].tolist()
        self.accepted += int((rows["kind"] == ACCEPTED.number).sum())
        for row in rows[rows["kind"] == GATE_REFUSED.number].view(GATE_REFUSED.view):
            self.refused[_name_of(terms.unpack(terms.VERDICT, int(row["verdict"]))["code"])] += 1
        for code in rows[rows["kind"] == REJECTED.number].view(REJECTED.view)["code"].tolist():
            self.rejected[str(code)] += 1
        for at in np.flatnonzero(rows["kind"] == FILLED.number).tolist():
            row = rows[at].view(FILLED.view)
            meta = terms.unpack(terms.META, int(row["meta"]))
            fee, asset = _fee_behind(rows, at)
            self.trades.append(
                Trade(
                    first_seq + at, int(row["ts_recv"]), int(row["ts_event"]), int(row["instrument"]), int(row["order"]),
                    bool(meta["sell"]), bool(meta["maker"]), int(row["price"]), int(row["qty"]), int(row["trade_id"]), fee, asset,
                )
            )  # fmt: skip

    # --- the end ----------------------------------------------------------------------------------------------------------

    def figures(self, desk: Seat) -> Figures:
        """What the run came to, valued as of its last moment; closes the curve."""
        state = copy_state(desk.state)
        settle(state, I(desk.now_ns))
        if not self.curve:
            self.unvalued = unvalued_of(state, self._world)
        if not self.curve or self.curve[-1].ts_ns < desk.now_ns:
            self.curve.append(_point(desk.now_ns, state))
        scope, scale = state.scopes[SCOPE_GLOBAL], self.scale
        self.closed = state
        start, end = self.curve[0].equity, int(scope["equity"])
        self.cash = self._cash()
        is_told = not self.unvalued
        self.told = Figures(
            orders=self.orders,
            fills=len(self.trades),
            position={self._world.label(each): self._position(state, each) for each in self._world.traded},
            realized=decimal_text(int(scope["realized"]), scale),
            cash=text_of(self._summed()),
            fees=text_of(self._moved("fees")),
            funding=text_of(self._moved("funding")),
            net_pnl=decimal_text(end - start, scale) if is_told else None,
            equity_start=decimal_text(start, scale) if is_told else None,
            equity_end=decimal_text(end, scale) if is_told else None,
            unrealized=decimal_text(int(scope["unrealized"]), scale),
        )
        return self.told

    @property
    def reason(self) -> str:
        """Why equity is not told; "" where it is."""
        what, money = ", ".join(self.unvalued), self._world.reporting
        return (
            f"At no moment of the run could {what} be valued in {money}, or it is beyond what can be counted."
            if what
            else ""
        )

    @property
    def scale(self) -> int:
        """Decimals of the reporting asset."""
        return self._world.assets[self._world.reporting].scale

    def _position(self, state: State, each: Traded) -> str:
        used = state.positions[: int(state.desk[0]["positions_used"])]
        mine = used[(used["instrument"] == each.number) & (used["strategy"] == NO_STRATEGY)]
        return decimal_text(int(mine["qty"].sum()), each.instrument.qty_scale)

    def _cash(self) -> dict[int, Decimal]:
        """−Σ signed quantity · multiplier · price of each instrument; of inverse contracts with ÷ price, in coin."""
        known = {each.number: each for each in self._world.traded}
        found = dict.fromkeys(known, Decimal(0))
        with localcontext() as context:
            context.prec = DIGITS
            for trade in self.trades:
                each = known[trade.instrument]
                price = Decimal(trade.price).scaleb(-each.instrument.price_scale)
                qty = (
                    Decimal(trade.qty).scaleb(-each.instrument.qty_scale)
                    * Decimal(each.instrument.multiplier_e8)
                    / MULTIPLIER
                )
                worth = qty / price if each.product is Product.INVERSE else qty * price
                found[trade.instrument] += worth if trade.sell else -worth
            return {number: each.quantize(_LEAST) for number, each in found.items()}

    def _summed(self) -> Decimal:
        """Cash of all: of instruments that pay in different assets, each at its rate of the end."""
        apart = len({each.money for each in self._world.traded}) > 1
        with localcontext() as context:
            context.prec = DIGITS
            total = sum(
                (self.cash[each.number] * (self.rate_of(each.money) if apart else 1) for each in self._world.traded),
                Decimal(0),
            )
            return total.quantize(_LEAST)

    def _moved(self, name: str) -> Decimal:
        """What balances were charged (or paid), each asset at its rate of the end."""
        total = Decimal(0)
        for asset in self._world.assets.values():
            moved = sum(int(self.closed.balances[at][name]) for at in _places(self.closed, asset.number))
            if moved:
                total += Decimal(moved).scaleb(-asset.scale) * self.rate(asset.number)
        return total

    def counted(self, name: str) -> int:
        """The same (`fees`, `funding`) at the scale of the reporting asset, rounded down."""
        return int(self._moved(name).scaleb(self.scale).to_integral_value(rounding="ROUND_FLOOR"))

    def scale_of(self, asset: int) -> int:
        """Decimals of an asset."""
        return next(each.scale for each in self._world.assets.values() if each.number == asset)

    def rate_of(self, name: str) -> Decimal:
        """What one unit of an asset is worth in the reporting asset at the end; 0: nobody knows."""
        return self.rate(self._world.assets[name].number)

    def rate(self, asset: int) -> Decimal:
        """The same by its number."""
        if asset == self._world.assets[self._world.reporting].number:
            return Decimal(1)
        record = self.closed.assets[asset]
        return Decimal(int(record["num"])) / Decimal(int(record["den"])) if int(record["den"]) else Decimal(0)


def _name_of(code: int) -> str:
    return REFUSALS.get(code, str(code))


def _places(state: State, asset: int) -> list[int]:
    """Where balances of an asset lie."""
    return list(range(asset, len(state.balances), ASSETS_MAX))


def _fee_behind(rows: np.ndarray, at: int) -> tuple[int, int]:
    """Amount and asset of the fee right behind an execution; (0, 0): there is none."""
    if at + 1 >= len(rows) or int(rows["kind"][at + 1]) != FEE.number:
        return 0, 0
    row = rows[at + 1].view(FEE.view)
    return int(row["amount"]), int(row["asset"])


def _point(now: int, state: State) -> Point:
    """Equity and exposure of everything, as last settled."""
    scope = state.scopes[SCOPE_GLOBAL]
    return Point(now, int(scope["equity"]), int(scope["gross"]))


class Gap(NamedTuple):
    """What is missing in the data: of one instrument, or (symbol "") of all."""

    symbol: str
    what: str
    times: int
    begin_ns: int  # 0: many moments
    end_ns: int


GAPS: Final = {"bars": "bars are missing", "diffs": "depth messages are missing", "book": "the book was begun anew"}


def gaps_of(plan: Plan) -> list[Gap]:
    """What is missing of the traded instruments, and times in which nothing was recorded, on the recording's own clock."""
    gaps = plan.found.gaps
    symbols = {each.number: plan.world.label(each) for each in plan.world.traded}
    found = [
        Gap(symbols[gap.instrument], GAPS[gap.what], max(gap.missing, 1), gap.begin_ns, gap.end_ns)
        for gap in gaps.gaps
        if gap.instrument in symbols
    ]
    more = sum(gaps.counts.values()) - len(gaps.gaps)
    if more:
        found.append(Gap("", "rows are missing, of whatever market", more, 0, 0))
    if gaps.counts["bars"] and plan.found.only_bars:
        return found  # what was silent is a bar that is missing
    for begin, end in plan.found.silences:
        found.append(Gap("", "nothing was recorded", 1, begin, end))
    if plan.found.silences_n > len(plan.found.silences):
        found.append(Gap("", "nothing was recorded", plan.found.silences_n - len(plan.found.silences), 0, 0))
    return found
