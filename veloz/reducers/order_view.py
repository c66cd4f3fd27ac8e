"""Reading orders of a state: one by its key or client id, the open ones. Nothing here changes anything."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from veloz.contracts.terms import SPEC, client_id, read_client_id, unpack
from veloz.reducers.finding import find_order
from veloz.reducers.order_store import OWING, amending, remaining_of
from veloz.reducers.order_table import OrderState, is_over
from veloz.reducers.state import State
from veloz.reducers.sums import LIMB_BITS
from veloz.reducers.words import I


class OrderView(NamedTuple):
    """One order. Prices and quantities in quanta, `hold` in money of `hold_asset`; sequence numbers are 0 where there was no such row."""

    key: int
    instrument: int
    account: int
    strategy: int  # 0: a person's · -1: not ours
    state: str  # name of an OrderState
    over: bool
    sell: bool
    spec: dict[str, int]  # terms.SPEC by name
    price: int  # 0: none
    qty: int  # 0: not known
    filled: int  # the greater of what the venue stated and of the trades seen
    traded: int  # by the trades seen; what was taken back is in it
    busted: int
    remaining: int  # what an open order can still trade
    average: Fraction | None  # price of what was traded and not taken back, exact
    trigger: int
    activation: int
    callback_ppm: int
    expire_ns: int
    venue_order: int  # 0: not known
    epoch: int
    hold: int
    hold_asset: int
    amending: bool  # an approved amendment has no answer yet
    pending_price: int
    pending_qty: int
    cancel_seq: int  # the cancel request under way
    why: int  # terms.Why: what made it end
    reason: int  # the gate's codes.Refusal, or the venue's number
    frozen: bool  # it contradicted what is known
    intent_seq: int
    drafted_seq: int
    approved_seq: int
    requested_seq: int
    dispatched_seq: int
    last_seq: int
    created_ns: int
    done_ns: int
    horizon_ns: int

    @property
    def client_id(self) -> str | None:
        """The client order id of an order of ours."""
        return client_id(self.epoch, self.key) if self.key > 0 else None


_SAME = tuple(
    name
    for name in OrderView._fields
    if name not in ("state", "over", "sell", "spec", "filled", "remaining", "average", "amending", "frozen")
)
_CONTRADICTIONS = 16 | 32 | 64 | 128 | 256


def _average(order: np.void) -> Fraction | None:
    qty = int(order["traded"]) - int(order["busted"])
    value = (int(order["value_hi"]) << LIMB_BITS) + int(order["value_lo"])
    return Fraction(value, qty) if qty > 0 else None


def view_of(order: np.void) -> OrderView:
    """A row of the order table, read."""
    spec = unpack(SPEC, int(order["spec"]))
    return OrderView(
        state=OrderState(int(order["state"])).name,
        over=bool(is_over(I(order["state"]))),
        sell=bool(spec["sell"]),
        spec=spec,
        filled=max(int(order["filled"]), int(order["traded"])),
        remaining=int(remaining_of(order)),
        average=_average(order),
        amending=bool(amending(order)),
        frozen=bool(int(order["marks"]) & _CONTRADICTIONS),
        **{name: int(order[name]) for name in _SAME},
    )


def order(state: State, key: int, instrument: int = 0) -> OrderView | None:
    """One order, open or finished and not forgotten yet.

    Args:
        state: State.
        key: Its key, not 0.
        instrument: Its instrument; matters for foreign orders (keys below 0) only.
    """
    order_ix = int(find_order(state.orders, state.order_places, I(key), I(instrument)))
    return None if order_ix < 0 else view_of(state.orders[order_ix])


def open_orders(
    state: State, instrument: int | None = None, account: int | None = None, strategy: int | None = None
) -> list[OrderView]:
    """Open orders, by the place they were given; of an instrument, account or strategy where one is named."""
    return _chosen(state, ~_over(state), instrument, account, strategy)


def owing_orders(
    state: State, instrument: int | None = None, account: int | None = None, strategy: int | None = None
) -> list[OrderView]:
    """Orders that are over and owe trades: more was stated as filled than shown. By place, as open orders are."""
    owing = state.orders["marks"] & OWING != 0
    return _chosen(state, owing, instrument, account, strategy)


def _over(state: State) -> np.ndarray:
    return np.isin(state.orders["state"], [each for each in OrderState if is_over(I(each))])


def _chosen(
    state: State, wanted: np.ndarray, instrument: int | None, account: int | None, strategy: int | None
) -> list[OrderView]:
    table = state.orders
    wanted = wanted & (table["key"] != 0)
    for name, number in (("instrument", instrument), ("account", account), ("strategy", strategy)):
        if number is not None:
            wanted &= table[name] == number
    return [view_of(table[place]) for place in np.flatnonzero(wanted)]


def client_id_of(state: State, key: int) -> str | None:
    """The client order id of an order of ours; None when it is not known."""
    found = order(state, key) if key > 0 else None
    return None if found is None else found.client_id


def find_by_client_id(state: State, text: str) -> OrderView | None:
    """The order of ours with this client order id; None when the text is not one of ours, or the order is not known."""
    parts = read_client_id(text)
    if parts is None:
        return None
    found = order(state, parts[1])
    return found if found is not None and found.epoch == parts[0] else None
