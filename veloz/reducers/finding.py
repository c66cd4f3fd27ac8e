"""Finding an order by its key and a trade by its id: two hash tables with open addressing, linear probing, at most half full.

An order's place is found by key; foreign keys (below 0) belong to an instrument besides, since venues number orders per instrument.
Deleting closes the gap by moving later entries back, so no table fills with dead places.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import kernel
from veloz.reducers.words import ONE, ZERO, I

_LOW: Final = I((1 << 31) - 1)
_MIX_LOW, _MIX_HIGH = I(0x2545F491), I(0x5851F42D)
_SHIFT: Final = I(31)
_FOLD: Final = I(29)
NOWHERE: Final = I(-1)


@kernel
def home_of(left: I, right: I, places: I) -> I:
    """Where an entry belongs in a table of `places`, a power of two. Stays within an int64 whatever the arguments."""
    left_part = (left & _LOW) * _MIX_LOW + ((left >> _SHIFT) & _LOW) * _MIX_HIGH
    left_part = (left_part ^ (left_part >> _FOLD)) & _LOW
    mixed = left_part * _MIX_HIGH + ((right & _LOW) ^ ((right >> _SHIFT) & _LOW)) * _MIX_LOW
    return (mixed ^ (mixed >> _FOLD)) & (places - ONE)


@kernel
def _home_of_order(order: np.void, places: I) -> I:
    return home_of(order["key"], order["instrument"] if order["key"] < ZERO else ZERO, places)


@kernel
def find_order(orders: np.ndarray, order_places: np.ndarray, key: I, instrument: I) -> I:
    """The place of an order in `orders`; -1: it is not there. `instrument` matters for foreign keys only."""
    places = I(order_places.shape[0])
    if places == 0:
        return NOWHERE
    at = home_of(key, instrument if key < ZERO else ZERO, places)
    while order_places[at] >= 0:
        order = orders[order_places[at]]
        if order["key"] == key and (key > ZERO or order["instrument"] == instrument):
            return I(order_places[at])
        at = (at + ONE) & (places - ONE)
    return NOWHERE


@kernel
def place_order(orders: np.ndarray, order_places: np.ndarray, order_ix: I) -> None:
    """Enter an order that is not in the table."""
    places = I(order_places.shape[0])
    at = _home_of_order(orders[order_ix], places)
    while order_places[at] >= 0:
        at = (at + ONE) & (places - ONE)
    order_places[at] = order_ix


@kernel
def forget_order(orders: np.ndarray, order_places: np.ndarray, order_ix: I) -> None:
    """Take an order out of the table; its row in `orders` must still hold its key."""
    places = I(order_places.shape[0])
    mask = places - ONE
    at = _home_of_order(orders[order_ix], places)
    while order_places[at] != order_ix:
        at = (at + ONE) & mask
    hole = at
    at = (at + ONE) & mask
    while order_places[at] >= 0:
        home = _home_of_order(orders[order_places[at]], places)
        if ((at - home) & mask) >= ((at - hole) & mask):
            order_places[hole] = order_places[at]
            hole = at
        at = (at + ONE) & mask
    order_places[hole] = NOWHERE


@kernel
def counted_at(trade_ids: np.ndarray, owner: I, trade_id: I) -> I:
    """The sequence number of the row by which a trade was counted; 0: it was not. `owner`: instrument << 8 | account."""
    places = I(trade_ids.shape[0])
    if places == 0:
        return ZERO
    at = home_of(trade_id, owner, places)
    while trade_ids[at]["seq"] > 0:
        if trade_ids[at]["trade_id"] == trade_id and trade_ids[at]["owner"] == owner:
            return I(trade_ids[at]["seq"])
        at = (at + ONE) & (places - ONE)
    return ZERO


@kernel
def knows_trade(trade_ids: np.ndarray, owner: I, trade_id: I) -> bool:
    """Whether a trade was counted already."""
    return bool(counted_at(trade_ids, owner, trade_id) > ZERO)


@kernel
def remember_trade(trade_ids: np.ndarray, owner: I, trade_id: I, seq: I) -> None:
    """Enter a trade that is not in the table."""
    places = I(trade_ids.shape[0])
    at = home_of(trade_id, owner, places)
    while trade_ids[at]["seq"] > 0:
        at = (at + ONE) & (places - ONE)
    entry = trade_ids[at]
    entry["trade_id"] = trade_id
    entry["owner"] = owner
    entry["seq"] = seq
