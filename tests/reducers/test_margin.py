"""What orders hold, against exact fractions; at the edge a unit less would not do. And what a margin that ran short asks for."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.oracles.naive_accounts import INVERSE, LINEAR, SPOT, Contract, cost_of, growing_part
from tests.reducers.desks import FILL, Listing, make_state, run
from veloz.contracts import codes, terms
from veloz.contracts.kernel import entry
from veloz.reducers.accounts import available, order_hold, uncovered
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.places import NO_STRATEGY, SIDE_BOTH, position_place
from veloz.reducers.state import State, blank
from veloz.reducers.words import I

NAMES = {SPOT: "spot", LINEAR: "linear", INVERSE: "inverse"}
BASE, QUOTE = 1, 2
MONEY = 2**61 - 1
OTHER = 2  # an account with orders of its own


@entry
def ask(state: State, order_ix: I, price: I, qty: I, amount: np.ndarray) -> I:
    return order_hold(state, order_ix, price, qty, amount)


@entry
def lacking(state: State, position_ix: I) -> I:
    return uncovered(state, position_ix)


@entry
def left_of(state: State, account: I, asset: I) -> I:
    return available(state, account, asset)


@entry
def place(state: State, account: I) -> I:
    return position_place(state, account, I(1), SIDE_BOTH, NO_STRATEGY)


def desk(contract: Contract) -> State:
    """One instrument on two accounts. What is held has the contract's scale, everything else another one."""
    settle = BASE if contract.product == INVERSE else QUOTE
    listing = Listing(
        NAMES[contract.product], BASE, QUOTE, settle, contract.price_scale, contract.qty_scale,
        int(contract.multiplier * 10**8),
    )  # fmt: skip
    return make_state([listing], [contract.money_scale, contract.money_scale], [(False, False), (True, False)])


def put(state: State, sell: bool, qty: int, price: int = 0, account: int = 1, **spec: int) -> int:
    """An open order at the head of the instrument's list; its place."""
    used = state.desk[0]
    at = int(used["orders_used"])
    used["orders_used"] = at + 1
    order, head = state.orders[at], state.terms[1]
    order["instrument"], order["account"], order["qty"], order["price"] = 1, account, qty, price
    order["spec"] = terms.pack(terms.SPEC, sell=int(sell), account=account, **spec)
    order["next_ix"], head["orders_ix"] = head["orders_ix"], at
    return at


def price_at(state: State, price: int) -> State:
    """The instrument has a mark price; 0: no price at all."""
    if not price:
        return state
    longer = {name: blank(name, 2 if name == "sides" else 1) for name in ("slots", "sides", "marks", "trades", "tapes")}
    state = state._replace(**longer)
    state.instruments[1]["slot"] = 0
    state.marks[0]["count"], state.marks[0]["mark_e8"] = 1, price * 10**8
    return state


def cost(state: State, order: int, price: int, qty: int) -> tuple[int, int, int]:
    """Code, money and asset."""
    amount = np.zeros(2, np.int64)
    code = int(ask(state, I(order), I(price), I(qty), amount))
    return code, int(amount[0]), int(amount[1])


def hold_position(state: State, qty: int, price: int = 100) -> None:
    """A position of account 1, by a fill."""
    if qty:
        assert run(state, [(FILL, 1, 1, int(qty < 0), 0, -1, price, abs(qty))]) == [0]


contracts = st.builds(
    Contract,
    product=st.sampled_from([SPOT, LINEAR, INVERSE]),
    price_scale=st.integers(0, 8),
    qty_scale=st.integers(0, 8),
    multiplier=st.sampled_from([Fraction(1), Fraction(10), Fraction(100), Fraction(1, 1000)]),
    money_scale=st.integers(0, 18),
)
numbers = st.one_of(st.integers(1, 10**4), st.integers(1, 2**44 - 1))
leverages = st.sampled_from([0, 1, 2, 3, 20, 125, 2**31 - 1])


@settings(max_examples=300)
@given(contracts, st.booleans(), numbers, numbers, leverages)
def test_cost_against_fractions(contract: Contract, sell: bool, price: int, qty: int, leverage: int) -> None:
    if contract.product == SPOT:
        contract.multiplier = Fraction(1)
    else:
        contract.leverage = max(leverage, 1)
    state = desk(contract)
    if leverage and contract.product != SPOT:
        state.positions[int(place(state, I(1)))]["leverage"] = leverage
    code, money, asset = cost(state, put(state, sell, qty), price, qty)
    if contract.product == SPOT and sell and contract.money_scale < contract.qty_scale:
        assert code == codes.Refusal.UNTRADABLE
        return
    undivided = Contract(
        *(getattr(contract, name) for name in ("product", "price_scale", "qty_scale", "multiplier", "money_scale"))
    )
    wanted = cost_of(contract, sell, price, qty)
    if code:
        assert code == codes.Refusal.ARITHMETIC
        assert (money, asset) == (0, 0)
        assert cost_of(undivided, sell, price, qty) > MONEY or qty * price > 2**100 or contract.product == INVERSE
        return
    assert money == wanted
    assert asset == (BASE if (sell if contract.product == SPOT else contract.product == INVERSE) else QUOTE)


def test_a_unit_less_would_not_do() -> None:
    contract = Contract(SPOT, 2, 3, Fraction(1), 8)
    state = desk(contract)
    order = put(state, False, 1)
    balance = state.balances[ASSETS_MAX + QUOTE]
    balance["known"] = 1
    for price, qty in ((1, 1), (3, 7), (10_000_001, 999)):
        code, money, asset = cost(state, order, price, qty)
        assert (code, asset) == (0, QUOTE)
        for there, enough in ((money - 1, False), (money, True), (money + 1, True)):
            balance["total"] = there
            assert (int(left_of(state, I(1), I(QUOTE))) >= money) == enough
            assert (Fraction(there, 10**8) >= Fraction(price * qty, 10**5)) == enough


@given(
    st.sampled_from([LINEAR, INVERSE]),
    st.integers(-50, 50),
    st.booleans(),
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 9), st.sampled_from([1, 1, 1, OTHER]), st.integers(0, 40)),
        max_size=6,
    ),
    st.integers(1, 60),
    st.sampled_from([0, 1]),
)  # fmt: skip
def test_only_what_grows_needs_margin(
    product: int, position: int, sell: bool, orders: list[tuple[bool, int, int, int, int]], qty: int, reduce_only: int
) -> None:
    contract = Contract(product, 0, 0, Fraction(1), 8)
    state = desk(contract)
    hold_position(state, position)
    others = []
    for other_sell, wanted, traded, account, amended in orders:
        at = put(state, other_sell, wanted, 100, account)
        state.orders[at]["traded"] = min(traded, wanted)
        if amended % 2:
            state.orders[at]["pending_action"], state.orders[at]["pending_qty"] = terms.Action.AMEND, amended
            wanted, traded = max(wanted, amended), min(traded, wanted)
        if other_sell == sell and account == 1:
            others.append(wanted - min(traded, wanted))
    order = put(state, sell, qty, 100, reduce_only=reduce_only)
    grown = 0 if reduce_only else growing_part(position, sell, others, qty)
    code, money, _ = cost(state, order, 100, qty)
    assert (code, money) == (0, cost_of(contract, sell, 100, grown))


@pytest.mark.parametrize(("side", "sell", "opens"), [(1, 0, True), (1, 1, False), (2, 1, True), (2, 0, False)])
def test_hedge_mode_closes_for_nothing(side: int, sell: int, opens: bool) -> None:
    state = desk(Contract(LINEAR, 0, 0, Fraction(1), 0))
    order = put(state, bool(sell), 5, 100, OTHER, position_side=side)
    assert cost(state, order, 100, 5) == (0, 500 if opens else 0, QUOTE)


@pytest.mark.parametrize(
    ("product", "sell", "price", "trigger", "reference", "at"),
    [
        (SPOT, 0, 90, 0, 100, 90), (SPOT, 0, 0, 0, 100, 100), (SPOT, 0, 0, 110, 100, 110), (SPOT, 0, 0, 90, 100, 100),
        (LINEAR, 0, 90, 0, 100, 90), (LINEAR, 1, 90, 0, 100, 100), (LINEAR, 1, 110, 0, 100, 110),
        (LINEAR, 1, 90, 0, 0, 90), (LINEAR, 0, 0, 110, 100, 110), (LINEAR, 0, 0, 0, 0, None),
        (INVERSE, 0, 110, 0, 100, 100), (INVERSE, 0, 90, 0, 100, 90), (INVERSE, 1, 110, 0, 100, 110),
        (INVERSE, 0, 0, 80, 100, 80), (INVERSE, 1, 0, 120, 100, 100), (INVERSE, 1, 0, 5, 0, None),
    ],
)  # fmt: skip
def test_at_the_price_that_costs_most(
    product: int, sell: int, price: int, trigger: int, reference: int, at: int | None
) -> None:
    contract = Contract(product, 0, 0, Fraction(1), 8)
    state = price_at(desk(contract), reference)
    order = put(state, bool(sell), 3, price)
    state.orders[order]["trigger"] = trigger
    code, money, _ = cost(state, order, price, 3)
    if at is None:
        assert (code, money) == (codes.Refusal.NO_REFERENCE, 0)
    else:
        assert (code, money) == (0, cost_of(contract, bool(sell), at, 3))


@pytest.mark.parametrize("price", [-1, 2**62, 2**63 - 1])
@pytest.mark.parametrize("product", [SPOT, LINEAR, INVERSE])
def test_numbers_beyond_the_bounds_are_refused(product: int, price: int) -> None:
    state = price_at(desk(Contract(product, 0, 0, Fraction(1), 8)), 100)
    order = put(state, False, 1)
    assert cost(state, order, price, 1) == (codes.Refusal.ARITHMETIC, 0, 0)
    assert cost(state, order, 100, price) == (codes.Refusal.ARITHMETIC, 0, 0)
    state.orders[order]["trigger"] = price
    assert cost(state, order, 0, 1)[0] == (codes.Refusal.ARITHMETIC if price > 0 and product != INVERSE else 0)


def test_nobody_to_hold_for() -> None:
    state = desk(Contract(LINEAR, 0, 0, Fraction(1), 8))
    assert cost(state, put(state, False, 1, 100, 3), 100, 1)[0] == codes.Refusal.UNTRADABLE
    state.terms[1]["product"] = 0
    assert cost(state, put(state, False, 1, 100), 100, 1)[0] == codes.Refusal.UNTRADABLE


@given(
    st.integers(-30, 30), st.lists(st.tuples(st.booleans(), st.integers(1, 20), st.booleans()), max_size=6), st.data()
)
def test_margin_that_ran_short(position: int, orders: list[tuple[bool, int, bool]], data: st.DataObject) -> None:
    """Orders hold for what grew when they came; then the position moves under them, or the leverage falls."""
    assume(position)
    state = desk(Contract(LINEAR, 0, 0, Fraction(1), 0))
    hold_position(state, position)
    state.positions[0]["leverage"] = 2
    places = []
    for sell, qty, reduce_only in orders:
        at = put(state, sell, qty, 100, reduce_only=int(reduce_only))
        code, money, asset = cost(state, at, 100, qty)
        assert (code, asset) == (0, QUOTE)
        state.orders[at]["hold"] = money
        places.append(at)
    assert int(lacking(state, I(0))) == 0 or any(only for _, _, only in orders)
    now, leverage = data.draw(st.integers(-30, 30)), data.draw(st.sampled_from([1, 2, 4]))
    state.positions[0]["qty"], state.positions[0]["leverage"] = now, leverage
    short = 0
    for side in (False, True):
        mine = [(qty, only) for sell, qty, only in orders if sell == side]
        left, grown = max(0, now if side else -now), []
        for qty, only in reversed(mine):  # the list begins with the newest
            closing = qty if only else min(left, qty)
            left -= min(left, closing)
            grown.append(qty - closing)
        held = sum(int(state.orders[at]["hold"]) for at, each in zip(places, orders, strict=True) if each[0] == side)
        short += max(0, sum(-(-100 * part // leverage) for part in grown) - held)
    assert int(lacking(state, I(0))) == short
