"""States with accounts, assets and instruments in them, made by hand, and kernels that do a list of things to them in one call."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from veloz.contracts import codes, terms
from veloz.contracts.kernel import entry
from veloz.reducers.booksync import BookState
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.places import position_place
from veloz.reducers.positions import apply_fee, apply_fill, bust_fill
from veloz.reducers.room import PER_SCOPE
from veloz.reducers.scopes import scope_place
from veloz.reducers.settle import settle
from veloz.reducers.state import PER_SLOT, State, blank, new_state
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
    arrays |= {"positions": room, "lots": room, "orders": 64, "brackets": 128, "strategies": 8}
    scopes = 16 + len(listings) + len(accounts) + 8
    arrays |= {"scopes": scopes} | {name: scopes * each for name, each in PER_SCOPE.items()}
    state = state._replace(**{name: blank(name, places) for name, places in arrays.items()})
    desk = state.desk[0]
    desk["open"], desk["scopes_used"], desk["reporting"] = 1, 16, 1
    for number, listing in enumerate(listings, 1):
        known, listed = state.instruments[number], state.terms[number]
        known["definition"], known["tick"], known["lot"] = 1, 1, 1
        known["price_scale"], known["qty_scale"] = listing.price_scale, listing.qty_scale
        known["multiplier_e8"] = listing.multiplier_e8
        known["market"] = int(PRODUCTS[listing.product])
        listed["product"] = int(PRODUCTS[listing.product])
        listed["base"], listed["quote"], listed["settle"] = listing.base, listing.quote, listing.settle
    for number, scale in enumerate(scales, 1):
        state.assets[number]["known"], state.assets[number]["scale"] = 1, scale
    for number, (hedge, lots) in enumerate(accounts, 1):
        state.accounts[number]["known"] = 1
        state.accounts[number]["market"] = 1
        state.accounts[number]["hedge"], state.accounts[number]["lots"] = int(hedge), int(lots)
        scope_place(state, I(2), I(number))
    for number in range(1, len(listings) + 1):
        scope_place(state, I(3), I(number))
    return state


@entry
def do(state: State, actions: np.ndarray, codes_out: np.ndarray) -> I:
    """Fills, fees and busts: what, account, instrument, sell, side, strategy, price, qty (fees: asset, amount)."""
    for k in range(actions.shape[0]):
        act = actions[k]
        now = I(START_NS + k)
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


@entry
def settle_now(state: State, now: I) -> I:
    settle(state, now)
    return I(0)


def give_slots(state: State, many: int) -> State:
    """Market slots for instruments 1 … many: the slot of instrument n is n - 1."""
    state = state._replace(**{name: blank(name, many * places) for name, places in PER_SLOT.items()})
    for number in range(1, many + 1):
        state.instruments[number]["slot"] = number - 1
        state.slots[number - 1]["instrument"] = number
    state.clock[0]["slots_used"] = many
    return state


def mark_at(state: State, number: int, mark_e8: int) -> None:
    """The venue states a mark price."""
    mark = state.marks[number - 1]
    mark["mark_e8"], mark["count"] = mark_e8, mark["count"] + 1


def last_at(state: State, number: int, price: int) -> None:
    """A trade at a price, in quanta."""
    trade = state.trades[number - 1]
    trade["price"], trade["count"] = price, trade["count"] + 1


def book_at(state: State, number: int, bid: int, ask: int) -> None:
    """A book to be believed, with these best prices."""
    state.slots[number - 1]["state"] = int(BookState.SYNCED)
    state.sides[2 * number - 2]["best"], state.sides[2 * number - 1]["best"] = bid, -ask


def open_order(
    state: State,
    place: int,
    account: int,
    number: int,
    sell: bool,
    price: int,
    qty: int,
    side: int = 0,
    strategy: int = -1,
    reduce: bool = False,
) -> None:
    """An order in an instrument's list of open ones."""
    order, listing = state.orders[place], state.terms[number]
    order["key"], order["account"], order["instrument"], order["strategy"] = place + 1, account, number, strategy
    order["approved_seq"] = 1
    order["price"], order["qty"] = price, qty
    order["spec"] = terms.pack(
        terms.SPEC,
        sell=int(sell),
        position_side=side,
        account=account,
        strategy=max(strategy, 0),
        reduce_only=int(reduce),
    )
    order["next_ix"], order["prev_ix"] = listing["orders_ix"], -1
    listing["orders_ix"] = place
    state.desk[0]["orders_open"] += 1
    for owner in {-1, strategy}:
        position_place(state, I(account), I(number), I(side), I(owner))
