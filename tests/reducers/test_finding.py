"""The two hash tables against a dict: whatever is entered, forgotten and asked for, in tables as full as they may get."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from veloz.contracts.kernel import entry
from veloz.reducers.desk import ORDER, TRADE
from veloz.reducers.finding import find_order, forget_order, knows_trade, place_order, remember_trade
from veloz.reducers.words import I

PLACES = 32
KEYS = st.one_of(
    st.integers(1, 40), st.integers(-40, -1), st.sampled_from([2**62, -(2**63), 2**63 - 1, 2**31, -(2**31)])
)
INSTRUMENTS = st.integers(1, 3)
STEPS = st.lists(st.tuples(st.booleans(), KEYS, INSTRUMENTS), max_size=80)


@entry
def look(orders: np.ndarray, places: np.ndarray, key: I, instrument: I) -> I:
    return find_order(orders, places, key, instrument)


@entry
def put(orders: np.ndarray, places: np.ndarray, order_ix: I) -> I:
    place_order(orders, places, order_ix)
    return I(0)


@entry
def drop(orders: np.ndarray, places: np.ndarray, order_ix: I) -> I:
    forget_order(orders, places, order_ix)
    return I(0)


@entry
def knows(trades: np.ndarray, owner: I, trade_id: I) -> bool:
    return knows_trade(trades, owner, trade_id)


@entry
def note(trades: np.ndarray, owner: I, trade_id: I, seq: I) -> I:
    remember_trade(trades, owner, trade_id, seq)
    return I(0)


ONE_HOME = (2, 25, 26)  # keys that begin at the same place of the table


@example([*[(True, key, 1) for key in ONE_HOME], (False, ONE_HOME[0], 1)])
@given(STEPS)
def test_orders_are_found_until_they_are_forgotten(steps: list[tuple[bool, int, int]]) -> None:
    orders, places = np.zeros(PLACES // 2, ORDER), np.full(PLACES, -1, np.int64)
    twin: dict[tuple[int, int], int] = {}
    free = list(range(PLACES // 2))
    for add, key, instrument in steps:
        name = (key, instrument if key < 0 else 0)
        assert look(orders, places, I(key), I(instrument)) == twin.get(name, -1)
        if add and name not in twin and free:
            order_ix = twin[name] = free.pop(0)
            orders[order_ix]["key"], orders[order_ix]["instrument"] = key, instrument
            put(orders, places, I(order_ix))
        elif not add and name in twin:
            order_ix = twin.pop(name)
            drop(orders, places, I(order_ix))
            orders[order_ix]["key"] = 0
            free.append(order_ix)
    for (key, instrument), order_ix in twin.items():
        assert look(orders, places, I(key), I(instrument)) == order_ix
    assert sorted(places[places >= 0].tolist()) == sorted(twin.values())


@given(
    st.lists(
        st.tuples(st.integers(0, 2**40), st.one_of(st.integers(-9, 9), st.integers(-(2**63), 2**63 - 1))), max_size=60
    )
)
def test_trades_are_known_once_they_are_noted(trades: list[tuple[int, int]]) -> None:
    table = np.zeros(128, TRADE)
    twin: dict[tuple[int, int], int] = {}
    for seq, (owner, trade_id) in enumerate(trades, 1):
        assert knows(table, I(owner), I(trade_id)) == ((owner, trade_id) in twin)
        if (owner, trade_id) not in twin:
            twin[owner, trade_id] = seq
            note(table, I(owner), I(trade_id), I(seq))


def test_a_table_that_is_not_there_yet_knows_nothing() -> None:
    assert look(np.zeros(0, ORDER), np.zeros(0, np.int64), I(5), I(1)) == -1
    assert not knows(np.zeros(0, TRADE), I(1), I(1))
