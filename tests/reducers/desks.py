"""States with accounts, assets and instruments in them, made by hand, and kernels that do a list of things to them in one call."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from veloz.contracts import codes
from veloz.contracts.kernel import entry
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.positions import apply_fee, apply_fill, bust_fill
from veloz.reducers.state import State, blank, new_state
from veloz.reducers.words import I

FILL, FEE, BUST = 0, 1, 2
START_NS = 1_700_000_000 * 10**9
PRODUCTS = {"spot": codes.Product.SPOT, "linear": codes.Product.LINEAR, "inverse": codes.Product.INVERSE}


class Listing(NamedTuple):
    """An instrument as a state keeps it."""

    product: str
    base: int
    quote: int
    settle: int
    price_scale: int
    qty_scale: int
    multiplier_e8: int = 10**8


def make_state(
    listings: Sequence[Listing], scales: Sequence[int], accounts: Sequence[tuple[bool, bool]], room: int = 64
) -> State:
    """A state with instruments 1 …, assets 1 … of these scales, and accounts 1 … that are (hedge, FIFO)."""
    state = new_state()
    arrays = {"instruments": len(listings) + 1, "terms": len(listings) + 1, "assets": len(scales) + 1}
    arrays |= {"accounts": len(accounts) + 1, "balances": (len(accounts) + 1) * ASSETS_MAX}
    arrays |= {
        "positions": room,
        "lots": room,
        "orders": 64,
        "scopes": 64,
        "limits": 64 * 32,
        "breakers": 64 * 8,
        "strategies": 8,
    }
    state = state._replace(**{name: blank(name, places) for name, places in arrays.items()})
    desk = state.desk[0]
    desk["open"], desk["scopes_used"], desk["reporting"] = 1, 16, 1
    for number, listing in enumerate(listings, 1):
        known, terms = state.instruments[number], state.terms[number]
        known["definition"], known["tick"], known["lot"] = 1, 1, 1
        known["price_scale"], known["qty_scale"] = listing.price_scale, listing.qty_scale
        known["multiplier_e8"] = listing.multiplier_e8
        known["market"] = int(PRODUCTS[listing.product])
        terms["product"] = int(PRODUCTS[listing.product])
        terms["base"], terms["quote"], terms["settle"] = listing.base, listing.quote, listing.settle
    for number, scale in enumerate(scales, 1):
        state.assets[number]["known"], state.assets[number]["scale"] = 1, scale
    for number, (hedge, lots) in enumerate(accounts, 1):
        state.accounts[number]["known"] = 1
        state.accounts[number]["market"] = 1
        state.accounts[number]["hedge"], state.accounts[number]["lots"] = int(hedge), int(lots)
    return state


@entry
def do(state: State, actions: np.ndarray, codes_out: np.ndarray) -> I:
    """Fills, fees and busts: what, account, instrument, sell, side, strategy, price, qty (fees: asset, amount)."""
    for k in range(actions.shape[0]):
        act = actions[k]
        now = I(START_NS) + I(k)
        if act[0] == FILL:
            codes_out[k] = apply_fill(state, act[1], act[2], act[3], act[4], act[5], act[6], act[7], I(k + 1), now)
        elif act[0] == FEE:
            apply_fee(state, act[1], act[2], act[4], act[5], act[6], act[7])
        else:
            codes_out[k] = bust_fill(state, act[1], act[2], act[3], act[4], act[5], act[6], act[7], I(k + 1), now)
    return I(0)


def run(state: State, actions: Sequence[Sequence[int]]) -> list[int]:
    """Do them; their codes."""
    if not actions:
        return []
    out = np.zeros(len(actions), np.int64)
    do(state, np.array(actions, np.int64), out)
    return [int(code) for code in out]
