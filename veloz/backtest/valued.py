"""Whether what a run holds can be valued, and what of it cannot."""

from typing import Final

import numpy as np

from veloz.backtest.world import World
from veloz.contracts.codes import Product
from veloz.reducers.desk import ASSETS_MAX, SCOPE_GLOBAL
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.state import State

WORD_MAX: Final = (1 << 62) - 1  # of money: as `reducers/rates.py` has it
LOOKS: Final = (
    1_000  # while something has no price, the next look is at the next step, later by this part of the wait at most
)


def unvalued_of(state: State, world: World) -> tuple[str, ...]:
    """Assets and open contracts that the equity of a state leaves out, as last settled: nobody knows what they are worth.

    A position on a spot market is none of them: what it is worth is in the balances.
    """
    if not state.scopes[SCOPE_GLOBAL]["unconverted"]:
        return ()
    return (*_assets(state, world), *_contracts(state, world))


def _assets(state: State, world: World) -> list[str]:
    scale = world.assets[world.reporting].scale
    found = []
    for name, asset in world.assets.items():
        each = state.balances[asset.number :: ASSETS_MAX]
        held = [total + open_ for total, open_ in zip(each["total"].tolist(), each["unrealized"].tolist(), strict=True)]
        if name != world.reporting and any(worth_of(state, asset.number, money, scale) is None for money in held):
            found.append(name)
    return found


def worth_of(state: State, asset: int, money: int, scale: int) -> int | None:
    """Money in the reporting asset, of which this is the scale, rounded down as the desk does; None: it cannot be told."""
    record = state.assets[asset]
    num, den, places = int(record["num"]), int(record["den"]), scale - int(record["scale"])
    if not money or asset == state.desk[0]["reporting"]:
        return money
    worth = money * num * 10 ** max(places, 0) // (den * 10 ** max(-places, 0)) if den > 0 else None
    return None if worth is None or abs(worth) > WORD_MAX else worth


def _contracts(state: State, world: World) -> list[str]:
    used = state.positions[: int(state.desk[0]["positions_used"])]
    lacking = used[(used["qty"] != 0) & (used["notional"] == 0) & (used["strategy"] == NO_STRATEGY)]
    numbers = set(np.unique(lacking["instrument"]).tolist())
    return [world.label(each) for each in world.traded if each.number in numbers and each.product is not Product.SPOT]


def next_look_ns(now_ns: int, first_ns: int) -> int:
    """When to look again whether everything can be valued."""
    return now_ns + 1 + (now_ns - first_ns) // LOOKS
