"""Reading a state: positions, their lots, and the pnl of scopes, as of the last settlement. Nothing here changes anything."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from veloz.contracts.codes import PriceSource, Product
from veloz.contracts.terms import ScopeKind
from veloz.reducers.desk import SCOPE_GLOBAL
from veloz.reducers.state import State
from veloz.reducers.sums import whole


class PositionView(NamedTuple):
    """A position. Quantities in quanta, prices in price quanta (exact), money of the asset it pays in (`asset`) unless said otherwise."""

    account: int
    instrument: int
    side: int  # terms.PositionSide
    strategy: int  # -1: the account's own
    asset: int
    qty: int
    entry: Fraction | None  # average price of what is open
    realized: int
    unrealized: int
    notional: int
    initial: int  # margin
    maintenance: int
    mark: Fraction | None
    mark_source: PriceSource
    liquidation: Fraction | None  # an estimate
    fees: int
    fees_base: int  # money of the base asset of a spot instrument
    fees_other: tuple[int, int]  # asset, money of it
    fees_more: int  # fees in yet other assets: how many
    funding: int
    trades: int
    bought: int
    sold: int
    lots: list[tuple[int, int]]  # (quantity, price), oldest first; empty at average cost
    stated_qty: int | None  # what the venue says
    stated_entry: Fraction | None
    stated_unrealized_e8: int | None
    buys: int  # that open orders would still bring
    sells: int
    dust: int  # of a spot position: what is too little for an order


class PnlView(NamedTuple):
    """Pnl and exposure of a scope in the reporting asset. `unconverted`: pieces that are not in it, for want of a price or a rate."""

    realized: int
    unrealized: int
    costs: int
    unconverted: int
    equity: int
    high_water: int
    drawdown: int
    day_loss: int
    orders_open: int
    gross: int
    net: int
    worst_gross: int
    worst_long: int
    worst_short: int

    @property
    def total(self) -> int:
        """Realized, unrealized and costs."""
        return self.realized + self.unrealized + self.costs


def positions(state: State) -> list[PositionView]:
    """All positions that ever were, in the order they came about; the accounts' own and the strategies' shares."""
    return [_position(state, state.positions[at]) for at in range(int(state.desk[0]["positions_used"]))]


def position(state: State, account: int, instrument: int, side: int = 0, strategy: int = -1) -> PositionView | None:
    """One position; None: there never was one.

    Args:
        state: State.
        account: Number of the account.
        instrument: Number of the instrument.
        side: terms.PositionSide.
        strategy: A strategy's share; -1: the account's own.
    """
    at = int(state.terms[instrument]["positions_ix"]) if 0 < instrument < len(state.terms) else -1
    while at >= 0:
        record = state.positions[at]
        if (record["account"], record["side"], record["strategy"]) == (account, side, strategy):
            return _position(state, record)
        at = int(record["next_ix"])
    return None


def _position(state: State, record: np.void) -> PositionView:
    number = int(record["instrument"])
    known, terms = state.instruments[number], state.terms[number]
    spot = terms["product"] == Product.SPOT
    finer = 10 ** (int(terms["mark_places"]) - int(known["price_scale"])) if terms["mark_places"] > 0 else 1
    lots, at = [], int(record["lots_ix"])
    while at >= 0:
        lots.append((int(state.lots[at]["qty"]), int(state.lots[at]["price"])))
        at = int(state.lots[at]["next_ix"])
    stated = bool(record["stated"])
    to_quanta = Fraction(10 ** int(known["price_scale"]), 10**8)
    names = (
        "account", "instrument", "side", "strategy", "qty", "realized", "unrealized", "notional", "initial", "maintenance",
        "fees", "fees_base", "fees_more", "funding", "trades", "buys", "sells",
    )  # fmt: skip
    return PositionView(
        **{name: int(record[name]) for name in names},
        asset=int(terms["quote"] if spot else terms["settle"]),
        entry=_entry(state, record),
        mark=Fraction(int(record["mark"]), finer) if record["mark"] > 0 else None,
        mark_source=PriceSource(int(record["mark_source"])),
        liquidation=Fraction(int(record["liquidation"]), finer) if record["liquidation"] > 0 else None,
        fees_other=(int(record["fees_other_asset"]), int(record["fees_other"])),
        bought=whole(record["bought_hi"], record["bought_lo"]),
        sold=whole(record["sold_hi"], record["sold_lo"]),
        lots=lots,
        stated_qty=int(record["stated_qty"]) if stated else None,
        stated_entry=int(record["stated_entry_e8"]) * to_quanta if stated else None,
        stated_unrealized_e8=int(record["stated_unrealized_e8"]) if stated else None,
        dust=_dust(state, record) if spot else 0,
    )


def _entry(state: State, record: np.void) -> Fraction | None:
    qty, cost = int(record["qty"]), whole(record["cost_hi"], record["cost_lo"])
    if qty == 0 or cost == 0:
        return None
    known = state.instruments[int(record["instrument"])]
    if state.terms[int(record["instrument"])]["product"] != Product.INVERSE:
        finer = max(0, 18 - int(known["price_scale"]) - int(known["qty_scale"]))
        return Fraction(cost, qty * 10**finer)
    power = int(known["price_scale"]) - int(known["qty_scale"]) + 18 - 8
    return Fraction(qty * int(known["multiplier_e8"]), cost) * Fraction(10) ** power


def _dust(state: State, record: np.void) -> int:
    """The part of a spot position that no order can hold: below the lot, or all of it where it is below a minimum."""
    number, qty = int(record["instrument"]), abs(int(record["qty"]))
    terms, lot = state.terms[number], max(1, int(state.instruments[number]["lot"]))
    tradable = qty // lot * lot
    if tradable < max(1, int(terms["qty_min"])) or 0 < record["notional"] < terms["notional_min"]:
        return qty
    return qty - tradable


def pnl(state: State, kind: ScopeKind = ScopeKind.GLOBAL, number: int = 0) -> PnlView | None:
    """Pnl and exposure of a scope; None: there is no such scope.

    Args:
        state: State.
        kind: What kind of scope.
        number: Market, account, instrument or strategy.
    """
    place = scope_at(state, kind, number)
    if not 0 <= place < int(state.desk[0]["scopes_used"]):
        return None
    return PnlView(*(int(state.scopes[place][name]) for name in PnlView._fields))


def scope_at(state: State, kind: ScopeKind, number: int) -> int:
    """The place of a scope in State.scopes; -1: it has none."""
    if kind == ScopeKind.GLOBAL:
        return SCOPE_GLOBAL
    if kind == ScopeKind.VENUE:
        return number
    tables = {
        ScopeKind.ACCOUNT: state.accounts,
        ScopeKind.INSTRUMENT: state.terms,
        ScopeKind.STRATEGY: state.strategies,
    }
    table = tables[kind]
    return int(table[number]["scope_ix"]) if 0 < number < len(table) else -1
