"""What venues state beside balances, row by row; funding among strategies; margin that open orders lack; reading it all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veloz.contracts import codes, registry, terms
from veloz.contracts.kernel import entry
from veloz.contracts.layout import ROW
from veloz.reducers import wallet
from veloz.reducers.accounts import available
from veloz.reducers.fold import fold
from veloz.reducers.positions import apply_fill
from veloz.reducers.scopes import FIXED
from veloz.reducers.state import State, blank, new_state, state_hash
from veloz.reducers.words import I

STEP_END = 128
COIN, CASH = 1, 2
LIST = tuple(
    (registry.LISTED, number, 2 | 3 << 8 | market << 16, 1, 1, 10**8, 1) for number, market in ((1, 1), (2, 2), (3, 3))
)
NAMED = (
    (registry.ASSET, 0, COIN, 8),
    (registry.ASSET, 0, CASH, 6),
    (registry.OPENED, 0, 1, codes.Market.BINANCE_SPOT, 0, 0, CASH),
    (registry.OPENED, 0, 2, codes.Market.BINANCE_USDM, 0, 0, 0),
    (registry.OPENED, 0, 3, codes.Market.BINANCE_COINM, 1, 0, 0),
)
PAYS = (
    (registry.ASSETS, 1, codes.Product.SPOT, COIN, CASH, 0),
    (registry.ASSETS, 2, codes.Product.LINEAR, COIN, CASH, CASH),
    (registry.ASSETS, 3, codes.Product.INVERSE, COIN, CASH, COIN),
)
COUNTED = ("unplaced", "stale", "overflows")
Told = tuple[registry.Kind | int, ...]


@entry
def fill(state: State, account: I, instrument: I, sell: I, side: I, strategy: I, price: I, qty: I) -> I:
    return apply_fill(state, account, instrument, sell, side, strategy, price, qty, I(1), I(1))


@entry
def ask(state: State, account: I, asset: I) -> I:
    return available(state, account, asset)


def tell(state: State, *told: Told) -> State:
    """Fold rows: kind, instrument, words; the last one ends a step."""
    rows = np.array(
        [(kind.number, 1, 0, instrument, 1, 0, *words, *[0] * (5 - len(words))) for kind, instrument, *words in told],  # type: ignore[union-attr]
        ROW,
    )
    rows[-1]["flags"] = STEP_END
    return fold(state, rows, int(state.clock[0]["seq"]) + 1)


def opened() -> State:
    return tell(new_state(), *LIST, *NAMED, *PAYS)


def counts(state: State) -> tuple[int, ...]:
    return tuple(int(state.desk[0][name]) for name in COUNTED)


def meta(account: int, side: int = 0) -> int:
    return terms.pack(terms.META, account=account, position_side=side)


REFUSED = (
    (registry.OPENED, 0, 0, 1, 0, 0, 0), (registry.OPENED, 0, 256, 1, 0, 0, 0), (registry.OPENED, 0, 4, 0, 0, 0, 0),
    (registry.OPENED, 0, 4, len(codes.Market) + 1, 0, 0, 0), (registry.OPENED, 0, 4, 1, 2, 0, 0), (registry.OPENED, 0, 1, 2, 0, 0, 0),
    (registry.OPENED, 0, 1, 1, 0, 1, 0), (registry.OPENED, 0, 1, 1, 0, 0, 9), (registry.OPENED, 0, -1, 1, 0, 0, 0),
    (registry.ASSET, 0, 0, 8), (registry.ASSET, 0, 1024, 8), (registry.ASSET, 0, 3, 19), (registry.ASSET, 0, 1, 7),
    (registry.RATE, 0, 9, 1, 1), (registry.RATE, 0, 1, -1, 1), (registry.RATE, 0, 1, 1, -1),
    (registry.BALANCE, 0, 9, 5, 1), (registry.BALANCE, 0, 1, 5, 9), (registry.BALANCE, 0, 1, 5, -1),
    (registry.BALANCE, 0, 1, 2**62, 1), (registry.BALANCE, 0, 1, 5, 1, 1, -1), (registry.BALANCE, 0, 1, 5, 1, -1),
    (registry.BALANCE_CHANGED, 0, 9, 5, 1), (registry.BALANCE_CHANGED, 0, 1, -(2**63), 1),
    (registry.POSITION, 1, meta(9), 5), (registry.POSITION, 0, meta(1), 5), (registry.POSITION, 1, meta(1, 3), 5),
    (registry.FUNDING, 2, meta(9), 5, 1), (registry.FUNDING, 2, meta(2), 5, 9),
    (registry.LEVERAGE, 2, 2, 0, 0), (registry.LEVERAGE, 2, 2, 2**31, 0), (registry.LEVERAGE, 2, 2, 5, 3),
    (registry.LEVERAGE, 2, 9, 5, 0), (registry.LEVERAGE, 0, 2, 5, 0),
    (registry.FEES, 2, 9, 1, 1), (registry.FEES, 0, 1, 10**6 + 1, 0), (registry.FEES, 0, 1, 0, -(10**6) - 1),
    (registry.BRACKET, 0, 0, 0, 1, 0, 1), (registry.BRACKET, 2, 1, 5, 1, 0, 1), (registry.BRACKET, 2, 0, 5, 1, 0, 1),
    (registry.BRACKET, 2, 0, 0, -1, 0, 1), (registry.BRACKET, 2, 0, 0, 10**6 + 1, 0, 1),
    (registry.BRACKET, 2, 0, 0, 1, -1, 1), (registry.BRACKET, 2, 0, 0, 1, 0, 0), (registry.BRACKET, 2, -1, 0, 1, 0, 1),
    (registry.STATEMENT, 0, 9, 0), (registry.STATEMENT, 0, 1, 2), (registry.MARGIN_CALL, 2, meta(9), 1),
    (registry.ASSETS, 0, 1, 1, 2, 0), (registry.ASSETS, 1, 0, 1, 2, 0), (registry.ASSETS, 1, 4, 1, 2, 0),
    (registry.ASSETS, 1, 1, 1, 9, 0), (registry.ASSETS, 1, 1, 1, 1, 0), (registry.ASSETS, 1, 1, 0, 2, 0),
    (registry.ASSETS, 1, 2, 1, 2, 0), (registry.ASSETS, 1, 1, 1, 2, 9),
    (registry.FILTERS, 1, -1), (registry.FILTERS, 0, 1), (registry.BOUNDS, 1, 0, 0, 0, 0, -1),
    (registry.STATUS, 1, 5), (registry.STATUS, 1, -1), (registry.STATUS, 0, 1),
)  # fmt: skip


@pytest.mark.parametrize("told", REFUSED, ids=lambda told: f"{told[0].name}{told[1:]}")
def test_what_cannot_be_taken_is_counted_and_nothing_else(told: Told) -> None:
    state = tell(opened(), (registry.STATUS, 1, 0))
    before, seq = counts(state), int(state.clock[0]["seq"])
    kept = {name: array.copy() for name, array in zip(State._fields, state, strict=True)}
    state = tell(state, told)
    assert sum(counts(state)) == sum(before) + 1
    for name in COUNTED:
        state.desk[0][name] = kept["desk"][0][name]
    state.clock[0]["seq"] = seq
    for name, array in zip(State._fields, state, strict=True):
        there = np.array_equal(array[: len(kept[name])], kept[name])
        assert there, name
        assert np.array_equal(array[len(kept[name]) :], blank(name, len(array) - len(kept[name]))), name


def test_accounts_have_their_scopes() -> None:
    state = opened()
    assert [int(account["scope_ix"]) >= int(FIXED) for account in state.accounts[1:4]] == [True] * 3
    assert len({int(account["scope_ix"]) for account in state.accounts[1:4]}) == 3
    assert [int(each["scope_ix"]) >= int(FIXED) for each in state.terms[1:4]] == [True] * 3
    assert wallet.accounts(state) == [1, 2, 3]
    assert wallet.assets(state) == {COIN: 8, CASH: 6}
    assert state.desk[0]["reporting"] == CASH


def test_what_is_held_cannot_change_what_it_pays_in() -> None:
    state = tell(opened(), (registry.ASSETS, 1, codes.Product.SPOT, CASH, COIN, 0))
    assert counts(state) == (0, 0, 0)
    state = tell(state, (registry.POSITION, 1, meta(1), 5), (registry.ASSETS, 1, codes.Product.SPOT, CASH, COIN, 0))
    assert counts(state) == (0, 0, 0)
    state = tell(state, (registry.ASSETS, 1, codes.Product.SPOT, COIN, CASH, 0))
    assert counts(state) == (1, 0, 0)
    assert (state.terms[1]["base"], state.terms[1]["quote"]) == (CASH, COIN)


def test_terms_as_they_stand() -> None:
    state = tell(
        opened(),
        (registry.FILTERS, 1, 1, 2, 3, 4, 5),
        (registry.BOUNDS, 1, 6, 7, 8, 9, 10),
        (registry.STATUS, 1, codes.TradingStatus.CANCEL_ONLY),
    )
    names = "qty_min qty_max notional_min up_ppm down_ppm price_min price_max market_qty_min market_qty_max market_lot"
    assert [int(state.terms[1][name]) for name in names.split()] == list(range(1, 11))
    assert state.terms[1]["status"] == codes.TradingStatus.CANCEL_ONLY


def test_brackets_stated_anew_take_no_more_room() -> None:
    state = opened()
    many = [(registry.BRACKET, 2, tier, tier * 100, 1000 * (tier + 1), tier, 125 - tier) for tier in range(32)]
    state = tell(state, *many)
    places = len(state.brackets)
    assert [each.floor for each in wallet.brackets(state, 2)] == [tier * 100 for tier in range(32)]
    state = tell(state, (registry.BRACKET, 2, 32, 3200, 1, 0, 1))
    assert counts(state) == (1, 0, 0)
    for _ in range(20):
        state = tell(state, *many[:3])
        assert len(wallet.brackets(state, 2)) == 3
        state = tell(state, (registry.BRACKET, 3, 0, 0, 7, 0, 20), *many)
    assert wallet.brackets(state, 3) == [wallet.Bracket(0, 7, 0, 20)]
    assert (len(state.brackets), int(state.desk[0]["brackets_used"])) == (max(places, 128), 64)
    assert wallet.brackets(state, 1) == wallet.brackets(state, 99) == []


def test_rates_of_an_instrument_else_of_the_account() -> None:
    state = tell(opened(), (registry.FEES, 0, 2, 200, 500), (registry.FEES, 2, 2, 0, 0))
    assert wallet.fee_rates(state, 2, 2) == (0, 0)
    assert wallet.fee_rates(state, 2, 3) == (200, 500)
    assert wallet.fee_rates(state, 1, 2) == (0, 0)


def test_a_statement_is_clean_when_nothing_differs() -> None:
    state = tell(opened(), (registry.STATEMENT, 0, 1, 0))
    assert (state.accounts[1]["clean"], state.accounts[1]["statement_seq"]) == (0, 0)
    state = tell(state, (registry.STATEMENT, 0, 1, 1))
    assert (state.accounts[1]["clean"], state.accounts[1]["statement_seq"]) == (1, state.clock[0]["seq"])
    found = codes.Difference.BALANCE | codes.Severity.ERROR << 8 | 1 << 16
    state = tell(state, (registry.DIVERGED, 0, 0, 1, 2, 1, found))
    assert state.accounts[1]["clean"] == 0
    state = tell(
        state, (registry.STATEMENT, 0, 1, 0), (registry.DIVERGED, 0, 0, 1, 2, 1, found), (registry.STATEMENT, 0, 1, 1)
    )
    assert state.accounts[1]["clean"] == 0
    state = tell(state, (registry.STATEMENT, 0, 1, 0), (registry.STATEMENT, 0, 1, 1))
    assert (state.accounts[1]["clean"], state.accounts[2]["clean"]) == (1, 0)


def test_a_margin_call_is_counted() -> None:
    state = tell(opened(), (registry.MARGIN_CALL, 2, meta(2), -5, 1, 2, 3))
    assert (state.accounts[2]["margin_calls"], state.accounts[2]["margin_call_seq"]) == (1, state.clock[0]["seq"])


def test_isolated_stays_where_it_is_not_stated() -> None:
    state = tell(opened(), (registry.LEVERAGE, 2, 2, 20, 1, 5), (registry.LEVERAGE, 2, 2, 10, 2, 6))
    assert [int(state.positions[0][name]) for name in ("leverage", "isolated", "leverage_seq")] == [10, 1, 6]
    state = tell(state, (registry.LEVERAGE, 2, 2, 50, 0, 5))
    assert int(state.positions[0]["leverage"]) == 10
    assert counts(state) == (0, 1, 0)


@given(
    st.integers(-(10**6), 10**6),
    st.lists(st.tuples(st.integers(1, 3), st.integers(-20, 20).filter(bool)), max_size=6),
    st.booleans(),
)
def test_funding_reaches_the_shares_of_strategies(amount: int, fills: list[tuple[int, int]], other: bool) -> None:
    state = tell(opened(), (registry.STATUS, 2, 0))
    state = state._replace(strategies=blank("strategies", 4), positions=blank("positions", 16), lots=blank("lots", 64))
    held = dict.fromkeys((1, 2, 3), 0)
    for strategy, qty in fills:
        assert fill(state, I(2), I(2), I(qty < 0), I(0), I(strategy), I(100), I(abs(qty))) == 0
        held[strategy] += qty
    state = tell(state, (registry.FUNDING, 2, meta(2), amount, COIN if other else CASH))
    whole = sum(held.values())
    records = {int(each["strategy"]): each for each in state.positions[: int(state.desk[0]["positions_used"])]}
    if fills:
        assert records[-1]["funding"] == (0 if other else amount)
    for strategy, record in records.items():
        if strategy > 0:
            wanted = amount * held[strategy] // whole if whole and held[strategy] and not other else 0
            assert record["funding"] == wanted
    assert wallet.balance(state, 2, COIN if other else CASH).funding == amount


def test_an_order_that_lost_its_close_binds_margin() -> None:
    """Two sells may each close the same long; once one of them has, the other one opens, and its margin is in use."""
    state = tell(opened(), (registry.BALANCE, 0, 2, 10**9, CASH))
    state = state._replace(positions=blank("positions", 16), lots=blank("lots", 64), orders=blank("orders", 8))
    assert fill(state, I(2), I(2), I(0), I(0), I(-1), I(10000), I(3000)) == 0
    order = state.orders[0]
    order["instrument"], order["account"], order["qty"], order["price"] = 2, 2, 3000, 10000
    order["spec"] = terms.pack(terms.SPEC, sell=1, account=2)
    order["key"], order["approved_seq"] = 32, 1
    state.terms[2]["orders_ix"], state.desk[0]["orders_used"], state.desk[0]["orders_open"] = 0, 1, 1
    state = tell(state, (registry.LEVERAGE, 2, 2, 3, 0))
    assert int(ask(state, I(2), I(CASH))) == 10**9  # no price, no margin of the position yet
    assert fill(state, I(2), I(2), I(1), I(0), I(-1), I(10000), I(3000)) == 0
    state = tell(state, (registry.STATUS, 2, 0))
    assert int(ask(state, I(2), I(CASH))) == 10**9 - 100 * 10**6
    assert wallet.balance(state, 2, CASH).available == 10**9 - 100 * 10**6


def test_balances_as_people_read_them() -> None:
    state = tell(opened(), (registry.BALANCE, 0, 1, 123456789, COIN, 5, 23456789), (registry.BALANCE, 0, 1, -5, CASH))
    coin, cash = wallet.balances(state, 1)
    assert coin.texts() == {
        "total": "1.23456789", "free": "1", "locked": "0.23456789", "held": "0", "available": "1", "drift": "0",
    }  # fmt: skip
    assert cash.texts()["total"] == "-0.000005"
    assert wallet.balance(state, 1, 9) is wallet.balance(state, 9, 1) is wallet.balance(state, 2, COIN) is None
    assert wallet.balances(state, 2) == []


@given(st.permutations(range(5)))
def test_a_fill_and_its_balance_in_either_order(order: list[int]) -> None:
    """Deposits, funding and statements of known times end in one total, whatever came first; the late ones explain the drift."""
    told = (
        (registry.BALANCE, 0, 2, 1000, CASH, 10),
        (registry.BALANCE_CHANGED, 0, 2, 50, CASH, 20),
        (registry.BALANCE, 0, 2, 1050, CASH, 20),
        (registry.FUNDING, 2, meta(2), -7, CASH, 30),
        (registry.BALANCE, 0, 2, 1043, CASH, 30),
    )
    state = tell(opened(), *(told[at] for at in order))
    balance = wallet.balance(state, 2, CASH)
    assert (balance.total, balance.changed, balance.funding) == (1043, 50, -7)
    if order == sorted(order):
        assert balance.drift == 0
    again = tell(state, *(told[at] for at in order if told[at][0] is registry.BALANCE))
    assert wallet.balance(again, 2, CASH) == balance
    assert state_hash(again) != ""
