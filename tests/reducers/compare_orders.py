"""Everything a state says about orders, beside everything the twin says."""

from tests.oracles.naive_orders import OVER, NaiveOrders, Order
from tests.reducers.order_rows import ACCOUNT, QUOTE
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.finding import find_order
from veloz.reducers.order_store import (
    CONTRADICTED,
    FILLED_AFTER_END,
    FILLED_BEYOND,
    FILLED_FOREIGN,
    HAS_BUST,
    SEEN,
)  # fmt: skip
from veloz.reducers.order_table import OrderState
from veloz.reducers.places import find_position
from veloz.reducers.state import State
from veloz.reducers.words import I

FLAWS = {
    "contradicted": CONTRADICTED, "after_end": FILLED_AFTER_END, "beyond": FILLED_BEYOND, "foreign": FILLED_FOREIGN, "bust": HAS_BUST,
}  # fmt: skip


def assert_orders_equal(state: State, twin: NaiveOrders) -> None:
    """Every number of every order, the lists they stand in, and what they count, hold and freeze; or an AssertionError."""
    desk = state.desk[0]
    for name, count in twin.counts.items():
        assert int(desk[name]) == count, name
    places = {}
    for (key, instrument), order in twin.orders.items():
        places[key, instrument] = int(find_order(state.orders, state.order_places, I(key), I(order.instrument)))
        assert_order_equal(state.orders[places[key, instrument]], order)
    assert_lists(state, twin, places)
    for instrument in range(1, len(state.instruments)):
        if state.instruments[instrument]["definition"]:
            terms = state.terms[instrument]
            assert int(terms["frozen_seq"]) == twin.frozen.get(instrument, 0), "frozen"
            at = int(find_position(state, I(ACCOUNT), I(instrument), I(0), I(-1)))
            held = int(state.positions[at]["qty"]) if at >= 0 else 0
            assert held == twin.held.get((ACCOUNT, instrument), 0), "position"
    balance = state.balances[ACCOUNT * ASSETS_MAX + QUOTE]
    orders = twin.orders.values()
    assert int(balance["held"]) == sum(order.hold for order in orders)
    assert int(balance["confirmed"]) == sum(order.confirmed for order in orders)
    assert int(balance["fees"]) == twin.fees.get(QUOTE, 0)


def assert_order_equal(place: "object", order: Order) -> None:
    found = {name: int(place[name]) for name in place.dtype.names}  # type: ignore[attr-defined,index]
    pending = order.amendment
    wanted = {
        "key": order.key, "instrument": order.instrument, "account": order.account, "strategy": order.strategy,
        "price": order.price, "qty": order.qty, "filled": max(order.stated), "traded": order.traded,
        "busted": sum(qty for _, qty, _ in order.busts), "hold": order.hold, "why": order.why,
        "pending_action": 2 if pending else 0, "pending_price": pending.price if pending else 0,
        "pending_qty": pending.qty if pending else 0, "cancel_seq": order.cancel, "horizon_ns": order.horizon,
        "missing_n": len(order.negatives), "drafted_seq": order.drafted or found["drafted_seq"],
        "approved_seq": order.approved, "requested_seq": order.requested, "dispatched_seq": order.dispatched,
    }  # fmt: skip
    assert OrderState(found["state"]).name == order.state, (order, found)
    assert {name: found[name] for name in wanted} == wanted, (order, found)
    assert (found["value_hi"] << 62) + found["value_lo"] == order.value
    assert bool(found["marks"] & SEEN) == order.seen
    assert {name for name, bit in FLAWS.items() if found["marks"] & bit} == order.flaws.keys()


def assert_lists(state: State, twin: NaiveOrders, places: dict[tuple[int, int], int]) -> None:
    """Open orders, and those that owe trades, are in their instrument's list and nowhere else; finished ones in the queue, oldest first."""
    found = []
    for instrument in range(len(state.terms)):
        at, before = int(state.terms[instrument]["orders_ix"]), -1
        while at >= 0:
            order = state.orders[at]
            assert (order["instrument"], order["prev_ix"]) == (instrument, before)
            found.append(at)
            at, before = int(order["next_ix"]), at
    assert len(found) == state.desk[0]["orders_open"]
    assert sorted(found) == sorted(
        places[name] for name, order in twin.orders.items() if order.state not in OVER or order.owed
    )
    queue, at = [], int(state.desk[0]["done_head_ix"])
    while at >= 0:
        queue.append(at)
        at = int(state.orders[at]["done_ix"])
    assert queue == [places[name] for name in twin.done]
    assert (queue[-1] if queue else -1) == state.desk[0]["done_tail_ix"]
    assert len(queue) == state.desk[0]["done_n"]
