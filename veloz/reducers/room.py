"""Room for the trading tables, made outside the kernel: every table that is short becomes twice as long, hash tables are filled anew.

What a table's length is depends on the rows alone: the kernel asks at the same row whatever came in one call.
"""

from typing import Final

import numpy as np

from veloz.contracts.registry import ASSET, COMMAND_STRATEGY, OPENED
from veloz.reducers.desk import (
    ACCOUNTS_MAX,
    ASSETS_MAX,
    BRACKETS_EACH,
    BREAKERS,
    LIMITS,
    STRATEGIES_MAX,
    TALLY,
    TRADES_KEPT,
)  # fmt: skip
from veloz.reducers.finding import place_order, remember_trade
from veloz.reducers.state import State, blank
from veloz.reducers.words import I

FIRST: Final = {
    "scopes": 512, "positions": 512, "orders": 2048, "lots": 1024, "trade_ids": 4096, "brackets": 64,
}  # fmt: skip
HEADROOM: Final = {
    "scopes": 4,
    "positions": 4,
    "orders": 1,
    "lots": 2,
    "brackets": BRACKETS_EACH,
}  # what one row may add
PER_SCOPE: Final = {"limits": LIMITS, "limit_notes": LIMITS, "breakers": BREAKERS, "tallies": BREAKERS * TALLY}
ASSETS_FIRST: Final = 16
NAMES: Final = {  # the table in which a kind's first word is a place, and how long it may be
    OPENED.number: ("accounts", ACCOUNTS_MAX), ASSET.number: ("assets", ASSETS_MAX),
    COMMAND_STRATEGY.number: ("strategies", STRATEGIES_MAX),
}  # fmt: skip
FIRST_NAMED: Final = {"accounts": 2, "assets": ASSETS_FIRST, "strategies": 4}
USED: Final = {name: f"{name}_used" for name in HEADROOM}


def grow_desk(state: State, row: np.void) -> State:
    """Make every table long enough for one more row, and for the account, asset or strategy that this row names."""
    desk = state.desk[0]
    longer: dict[str, np.ndarray] = {}
    for name, more in HEADROOM.items():
        if int(desk[USED[name]]) + more > len(getattr(state, name)):
            longer[name] = lengthen(state, name, max(FIRST[name], 2 * len(getattr(state, name))))
    for name, per_scope in PER_SCOPE.items():
        if "scopes" in longer:
            longer[name] = lengthen(state, name, len(longer["scopes"]) * per_scope)
    if len(state.terms) < len(state.instruments):
        longer["terms"] = lengthen(state, "terms", len(state.instruments))
    if len(state.assets) == 0:  # place 0 is read for what is paid in no asset that is known
        longer["assets"] = lengthen(state, "assets", ASSETS_FIRST)
    longer.update(_named(state, int(row["head"]) & 0xFFFF, int(row["venue_seq"])))
    state = state._replace(**longer)
    return _rehash(state)


def lengthen(state: State, name: str, places: int) -> np.ndarray:
    """A longer array of State with the old one's places in front."""
    longer = blank(name, places)
    old = getattr(state, name)
    longer[: len(old)] = old
    return longer


def _named(state: State, kind: int, number: int) -> dict[str, np.ndarray]:
    """Places for the account, asset or strategy that a row names, where there may be such a number."""
    table, most = NAMES.get(kind, ("", 0))
    if not table or not len(getattr(state, table)) <= number < most:
        return {}
    places = max(FIRST_NAMED[table], 1 << number.bit_length())
    longer = {table: lengthen(state, table, places)}
    if table == "accounts":
        longer["balances"] = lengthen(state, "balances", places * ASSETS_MAX)
    return longer


def _rehash(state: State) -> State:
    """Hash tables at most half full: twice as long, and filled anew. Of too many trade ids the older half is forgotten."""
    desk = state.desk[0]
    longer: dict[str, np.ndarray] = {}
    if 2 * (int(desk["orders_used"]) + 1) > len(state.order_places):
        longer["order_places"] = blank("order_places", max(4 * FIRST["orders"], 2 * len(state.order_places)))
    kept = state.trade_ids[state.trade_ids["seq"] > 0]
    if 2 * (int(desk["trades_used"]) + 1) > len(state.trade_ids):
        if len(kept) >= TRADES_KEPT:
            kept = np.sort(kept, order="seq")[TRADES_KEPT // 2 :]
        places = max(FIRST["trade_ids"], len(state.trade_ids))
        longer["trade_ids"] = blank("trade_ids", places if 4 * len(kept) < places else 2 * places)
    state = state._replace(**longer)
    if "order_places" in longer:
        for order_ix in range(int(desk["orders_used"])):
            if state.orders[order_ix]["key"] != 0:
                place_order(state.orders, state.order_places, I(order_ix))
    if "trade_ids" in longer:
        desk["trades_used"] = len(kept)
        for trade in kept:
            remember_trade(state.trade_ids, I(trade["owner"]), I(trade["trade_id"]), I(trade["seq"]))
    return state
