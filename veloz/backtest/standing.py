"""What a run ends with, piece by piece: the balances of its accounts and how each of its markets stands, so that equity can be added up."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import numpy as np

from veloz.backtest.keys import text_of
from veloz.backtest.outcome import Balance, Standing
from veloz.backtest.valued import worth_of
from veloz.backtest.world import Account, Asset, Traded, World
from veloz.contracts.codes import PriceSource
from veloz.contracts.kernel import entry
from veloz.instruments.units import decimal_text
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.state import State
from veloz.reducers.valuation import mark_instrument
from veloz.reducers.words import I

RATE_PLACES: Final = 18  # of a rate as it is told
_DEBITS: Final = ("opened", "traded", "fees", "funding")


@entry
def price_anew(state: State, instrument: I, now: I) -> I:
    """Price an instrument that nothing may have settled yet; by what (codes.PriceSource)."""
    return mark_instrument(state, instrument, now)


def balances_of(state: State, world: World) -> tuple[Balance, ...]:
    """Every balance that holds, held or moved something, as last settled; accounts and assets in the order of their numbers."""
    return tuple(
        _balance(state, world, account, name, asset)
        for account in world.accounts
        for name, asset in world.assets.items()
        if _stirs(state.balances[account.number * ASSETS_MAX + asset.number])
    )


def _stirs(balance: np.void) -> bool:
    return any(balance[name] for name in (*_DEBITS, "total", "unrealized", "changed", "drift"))


def _balance(state: State, world: World, account: Account, name: str, asset: Asset) -> Balance:
    each = state.balances[account.number * ASSETS_MAX + asset.number]
    whole, places = int(each["total"]) + int(each["unrealized"]), world.assets[world.reporting].scale
    worth = worth_of(state, asset.number, whole, places)
    return Balance(
        account=account.name,
        venue=next(one.instrument.venue for one in world.traded if one.instrument.market == account.market),
        asset=name,
        **{column: decimal_text(int(each[column]), asset.scale) for column in _DEBITS},
        other=decimal_text(int(each["changed"]) + int(each["drift"]), asset.scale),
        total=decimal_text(int(each["total"]), asset.scale),
        unrealized=decimal_text(int(each["unrealized"]), asset.scale),
        rate=_rate(state, asset.number),
        worth="" if worth is None else decimal_text(worth, places),
    )


def _rate(state: State, asset: int) -> str:
    """What a unit is worth in the reporting asset; "": nobody knows."""
    if asset == state.desk[0]["reporting"]:
        return "1"
    record = state.assets[asset]
    if not record["den"]:
        return ""
    return text_of(round(Decimal(int(record["num"])) / Decimal(int(record["den"])), RATE_PLACES))


def standings_of(state: State, world: World, cash: Mapping[int, Decimal], now_ns: int) -> dict[int, Standing]:
    """How each market stands, by the number of its instrument.

    Args:
        state: As last settled; instruments that nothing was settled of are priced in it.
        world: What is traded.
        cash: Of each market: see `outcome.Standing`.
        now_ns: When that is.
    """
    used = state.positions[: int(state.desk[0]["positions_used"])]
    own = used[used["strategy"] == NO_STRATEGY]
    places: dict[int, list[int]] = {}
    for place, number in enumerate(own["instrument"].tolist()):
        places.setdefault(number, []).append(place)
    return {
        each.number: _standing(state, world, each, own[places.get(each.number, [])], cash[each.number], now_ns)
        for each in world.traded
    }


def _standing(state: State, world: World, each: Traded, mine: np.ndarray, cash: Decimal, now_ns: int) -> Standing:
    source = PriceSource(int(price_anew(state, I(each.number), I(now_ns))))
    terms, scale = state.terms[each.number], world.assets[each.money].scale
    is_told = source is not PriceSource.NONE and not ((mine["qty"] != 0) & (mine["notional"] == 0)).any()
    return Standing(
        mark=decimal_text(int(terms["mark"]), int(terms["mark_places"])) if source is not PriceSource.NONE else "",
        mark_by=source.name.lower() if source is not PriceSource.NONE else "",
        cash=text_of(cash),
        realized=decimal_text(int(mine["realized"].sum()), scale),
        unrealized=decimal_text(int(mine["unrealized"].sum()), scale) if is_told else "",
    )
