"""Settlement: the venue's own numbers, a twin in fractions, and the laws of marks, rates, days and second settlements."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reducers.desks import (
    FEE,
    FILL,
    START_NS,
    Listing,
    book_at,
    give_slots,
    last_at,
    make_state,
    mark_at,
    open_order,
    run,
    settle_now,
)
from veloz.contracts.codes import PriceSource, RateSource
from veloz.contracts.terms import ScopeKind
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.holdings import PnlView, pnl, position
from veloz.reducers.state import State
from veloz.reducers.words import I

USD, BTC, BNB = 1, 2, 3
SCALES = (8, 8, 8)
SPOT = Listing("spot", BTC, USD, 0, 2, 5)
LINEAR = Listing("linear", BTC, USD, USD, 2, 3)
INVERSE = Listing("inverse", BTC, USD, BTC, 8, 0, 100 * 10**8)
DAY_NS = 86_400 * 10**9


def desk(*listings: Listing, hedge: bool = False) -> State:
    state = give_slots(make_state(listings, SCALES, [(hedge, False), (hedge, True)]), len(listings))
    state.desk[0]["pairings"] = 1
    return state


def add_tiers(state: State, number: int, tiers: list[tuple[int, int, int]]) -> None:
    """Tiers of maintenance margin: floor, rate in ppm, cum."""
    at = 32 * (number - 1)
    state.terms[number]["brackets_ix"], state.terms[number]["brackets_n"] = at, len(tiers)
    for k, (bottom, rate, cum) in enumerate(tiers):
        tier = state.brackets[at + k]
        tier["floor"], tier["rate_ppm"], tier["cum"], tier["leverage"] = bottom, rate, cum, 125


def deposit(state: State, account: int, asset: int, money: int) -> None:
    balance = state.balances[account * ASSETS_MAX + asset]
    balance["known"], balance["total"] = 1, balance["total"] + money


def settle_at(state: State, now: int) -> None:
    settle_now(state, I(now))


def scope(state: State, kind: ScopeKind, number: int) -> PnlView:
    told = pnl(state, kind, number)
    assert told is not None
    return told


def test_numbers_of_um() -> None:
    """binance.md §8.1: notional, unrealized pnl, both margins and the liquidation price of 0.009 BTC. What we round up, the venue cuts."""
    state = desk(LINEAR)
    add_tiers(state, 1, [(0, 4_000, 0), (50_000 * 10**8, 5_000, 50 * 10**8)])
    deposit(state, 1, USD, 2_572_610_060)
    assert run(state, [[FILL, 1, 1, 0, 0, -1, 6_744_590, 9]]) == [0]
    state.positions[0]["leverage"] = 80
    mark_at(state, 1, 6_750_268_519_858)
    settle_at(state, START_NS)
    told = position(state, 1, 1)
    assert told is not None
    assert told.notional == 60_752_416_678 + 1
    assert told.unrealized == 51_106_678
    assert told.initial == 759_405_208 + 1
    assert told.maintenance == 243_009_666 + 1
    assert told.mark_source == PriceSource.MARK
    assert told.liquidation is not None
    assert floor(told.liquidation) == 6_484_683
    assert state.accounts[1]["ratio_ppm"] == ceil(Fraction(243_009_667 * 10**6, 2_572_610_060 + 51_106_678))


def test_numbers_of_cm() -> None:
    """binance.md §8.2: unrealized pnl in coin, and a liquidation price near the page's for the wallet that it implies."""
    state = desk(INVERSE)
    add_tiers(state, 1, [(0, 4_000, 0)])
    deposit(state, 1, BTC, 6_360)
    assert run(state, [[FILL, 1, 1, 0, 0, -1, 1_170_770_000_003, 1]]) == [0]
    mark_at(state, 1, 1_178_866_626_667)
    settle_at(state, START_NS)
    told = position(state, 1, 1)
    assert told is not None
    assert told.unrealized == 5_866
    assert told.liquidation is not None
    assert abs(told.liquidation / 10**8 - Fraction("11667.63509587")) < Fraction("0.02")


TIERS = [(0, 4_000, 0), (10_000 * 10**8, 10_000, 60 * 10**8), (200_000 * 10**8, 50_000, 8_060 * 10**8)]
COIN_TIERS = [(0, 4_000, 0), (5 * 10**8, 10_000, 3_000_000), (50 * 10**8, 50_000, 203_000_000)]


def margin_left(
    state: State, number: int, wallet: Fraction, price: Fraction, tiers: list[tuple[int, int, int]]
) -> Fraction:
    """Margin balance less maintenance margin of an account whose only positions are of one instrument, at a price. All exact."""
    left = wallet
    for at in range(int(state.desk[0]["positions_used"])):
        record = state.positions[at]
        cost = Fraction((int(record["cost_hi"]) << 62) + int(record["cost_lo"]))
        qty = Fraction(int(record["qty"]), 1000 if number == 1 else 1)
        if number == 1:
            value, gain = qty * price, qty * price - cost / 10**18
        else:
            value = qty * 100 / price
            gain = cost / 10**18 - value
        money = abs(value) * 10**8
        rate, cum = max((bottom, rate, cum) for bottom, rate, cum in tiers if bottom <= money)[1:]
        left += gain - abs(value) * Fraction(rate, 10**6) + Fraction(cum, 10**8)
    return left


entries = st.lists(st.tuples(st.booleans(), st.integers(8_000, 12_000), st.integers(1, 30_000)), min_size=1, max_size=4)


@given(st.booleans(), st.booleans(), entries, st.integers(10**8, 10**13))
def test_a_liquidation_price_is_where_margin_ends(
    inverse: bool, hedge: bool, fills: list[tuple[bool, int, int]], wallet: int
) -> None:
    """At the price nothing is left but rounding, and on its far side less than nothing: rounded against the holder."""
    state = desk(LINEAR, INVERSE, hedge=hedge)
    number, asset, tiers = (2, BTC, COIN_TIERS) if inverse else (1, USD, TIERS)
    add_tiers(state, number, tiers)
    wallet = wallet // 10**4 if inverse else wallet
    deposit(state, 1, asset, wallet)
    price_scale = 8 if inverse else 2
    todo = [
        [FILL, 1, number, int(sell), 1 + int(sell) if hedge else 0, -1, price * 10**price_scale, qty]
        for sell, price, qty in fills
    ]
    assert not any(run(state, todo))
    mark_at(state, number, 10_000 * 10**8)
    settle_at(state, START_NS)
    own = [int(record["qty"]) for record in state.positions[: int(state.desk[0]["positions_used"])]]
    for record in state.positions[: len(own)]:
        if record["liquidation"] == 0:
            continue
        places = int(state.terms[number]["mark_places"])
        cash = Fraction(int(state.balances[ASSETS_MAX + asset]["total"]), 10**8)
        at, step = Fraction(int(record["liquidation"]), 10**places), Fraction(1, 10**places)
        long = sum(own) > 0
        here = margin_left(state, number, cash, at, tiers)
        beyond = margin_left(state, number, cash, at - 2 * step if long else at + 2 * step, tiers)
        slack = Fraction(max(map(abs, own)) * 4, 10**5) * step + Fraction(4, 10**8)
        assert here >= -slack
        assert beyond <= slack + abs(here - beyond) * 2


def test_choice_of_marks() -> None:
    """Mark, else the middle of a book to be believed, else the last trade, else a bar's close; then the one it had."""
    state = desk(LINEAR)
    assert run(state, [[FILL, 1, 1, 0, 0, -1, 10_000, 1_000]]) == [0]
    settle_at(state, START_NS)
    assert [scope(state, ScopeKind.GLOBAL, 0).unconverted, int(state.positions[0]["mark_source"])] == [1, 0]
    state.tapes[0]["stated_close"] = 10_050
    settle_at(state, START_NS)
    assert [int(state.positions[0][name]) for name in ("mark", "mark_source", "unrealized")] == [
        1_005 * 10**7,
        PriceSource.CLOSE,
        5 * 10**7,
    ]
    last_at(state, 1, 10_100)
    settle_at(state, START_NS)
    assert [int(state.positions[0][name]) for name in ("mark", "mark_source", "unrealized")] == [101 * 10**8, 3, 10**8]
    book_at(state, 1, 10_200, 10_201)
    settle_at(state, START_NS)
    assert [int(state.positions[0][name]) for name in ("mark", "mark_source", "unrealized")] == [
        10_200_500_000,
        2,
        200_500_000,
    ]
    assert int(state.terms[1]["reference"]) == 10_200
    mark_at(state, 1, 103 * 10**8)
    settle_at(state, START_NS)
    assert [int(state.positions[0][name]) for name in ("mark", "mark_source", "unrealized")] == [
        103 * 10**8,
        1,
        3 * 10**8,
    ]
    state.marks[0]["count"], state.trades[0]["count"], state.slots[0]["state"] = 0, 0, 0
    state.tapes[0]["stated_close"] = 0
    settle_at(state, START_NS)
    assert [int(state.positions[0][name]) for name in ("mark", "mark_source", "unrealized")] == [
        103 * 10**8,
        4,
        3 * 10**8,
    ]


def test_choice_of_rates() -> None:
    """Itself, as stated, by a pair either way round, kept, unknown: and what is unknown is counted and left out."""
    state = desk(SPOT, Listing("spot", USD, BNB, 0, 8, 4), LINEAR)
    for asset in (USD, BTC, BNB):
        deposit(state, 1, asset, 2 * 10**8)
    settle_at(state, START_NS)
    assert [int(asset["source"]) for asset in state.assets[1:]] == [RateSource.ITSELF, RateSource.NONE, RateSource.NONE]
    assert [scope(state, ScopeKind.ACCOUNT, 1).equity, scope(state, ScopeKind.ACCOUNT, 1).unconverted] == [2 * 10**8, 2]
    book_at(state, 1, 5_000_000, 5_000_100)
    last_at(state, 2, 300_000)  # 0.003 BNB for a dollar
    settle_at(state, START_NS)
    assert scope(state, ScopeKind.ACCOUNT, 1).unconverted == 0
    bnb = floor(Fraction(2 * 10**8 * 10**8, 300_000))
    assert scope(state, ScopeKind.ACCOUNT, 1).equity == 2 * 10**8 + 2 * 5_000_050 * 10**6 + bnb
    state.slots[0]["state"] = 0
    settle_at(state, START_NS)
    assert int(state.assets[BTC]["source"]) == RateSource.KEPT
    assert scope(state, ScopeKind.ACCOUNT, 1).equity == 2 * 10**8 + 2 * 5_000_050 * 10**6 + bnb
    state.assets[BTC]["stated"], state.assets[BTC]["num"], state.assets[BTC]["den"] = 1, 7, 2
    settle_at(state, START_NS)
    assert scope(state, ScopeKind.ACCOUNT, 1).equity == 2 * 10**8 + 7 * 10**8 + bnb


def test_days_and_high_water() -> None:
    """Drawdown is below the best there was; the loss of a day below where the day began: with what the last settlement before it made."""
    state = desk(LINEAR)
    assert run(state, [[FILL, 1, 1, 0, 0, 3, 10_000, 1_000]]) == [0]
    midnight = (START_NS // DAY_NS + 1) * DAY_NS
    seen = []
    for now, price in (
        (START_NS, 100),
        (START_NS + 1, 109),
        (midnight - 1, 104),
        (midnight, 101),
        (midnight + 1, 107),
        (midnight + 2 * DAY_NS, 90),
    ):
        mark_at(state, 1, price * 10**8)
        settle_at(state, now)
        told = scope(state, ScopeKind.INSTRUMENT, 1)
        seen.append(tuple(each // 10**8 for each in (told.total, told.high_water, told.drawdown, told.day_loss)))
    assert seen == [(0, 0, 0, 0), (9, 9, 0, 0), (4, 9, 5, 0), (1, 9, 8, 3), (7, 9, 2, 0), (-10, 9, 19, 17)]


def test_worst_case_of_open_orders() -> None:
    """All buys or all sells of a side filled; reduce-only ones down to flat; every scope has its sum."""
    state = desk(LINEAR)
    assert run(state, [[FILL, 1, 1, 0, 0, 2, 10_000, 10]]) == [0]
    open_order(state, 0, 1, 1, False, 9_000, 5, strategy=2)
    open_order(state, 1, 1, 1, True, 11_000, 4, strategy=2)
    open_order(state, 2, 1, 1, True, 9_500, 30, strategy=2, reduce=True)
    mark_at(state, 1, 100 * 10**8)
    settle_at(state, START_NS)
    unit = 10**7  # worth of a quantum at this mark
    for kind, number in (
        (ScopeKind.GLOBAL, 0),
        (ScopeKind.ACCOUNT, 1),
        (ScopeKind.INSTRUMENT, 1),
        (ScopeKind.VENUE, 1),
    ):
        told = scope(state, kind, number)
        assert (told.orders_open, told.gross, told.net) == (3, 10 * unit, 10 * unit)
        assert (told.worst_long, told.worst_short, told.worst_gross) == (15 * unit, -4 * unit, 15 * unit)


def test_costs_in_every_asset() -> None:
    """Fees in quote, base and a third asset, and funding, in the reporting asset; one that cannot be converted is counted."""
    state = desk(SPOT)
    last_at(state, 1, 5_000_000)
    fees = [[FEE, 1, 1, 0, 0, 1, asset, 1_000] for asset in (USD, BTC, BNB)]
    assert run(state, [[FILL, 1, 1, 0, 0, 1, 5_000_000, 100_000], *fees])[0] == 0
    settle_at(state, START_NS)
    told = scope(state, ScopeKind.INSTRUMENT, 1)
    assert (told.costs, told.unconverted) == (-1_000 - 50_000 * 1_000, 1)
    state.assets[BNB]["stated"], state.assets[BNB]["num"], state.assets[BNB]["den"] = 1, 600, 7
    settle_at(state, START_NS)
    told = scope(state, ScopeKind.INSTRUMENT, 1)
    assert (told.costs, told.unconverted) == (-1_000 - 50_000 * 1_000 - ceil(Fraction(600_000, 7)), 0)


sizes = st.integers(1, 10**6)
trades = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 2), st.booleans(), st.sampled_from([-1, 0, 1]), sizes, sizes),
    max_size=12,
)


@settings(max_examples=40)
@given(trades, trades, st.lists(st.integers(10**6, 10**13), min_size=3, max_size=3), st.integers(0, 3 * DAY_NS))
def test_settling_twice_is_settling_once(
    fills: list[tuple[int, int, bool, int, int, int]],
    orders: list[tuple[int, int, bool, int, int, int]],
    prices: list[int],
    later: int,
) -> None:
    """And the unrealized pnl and net exposure are what fractions say."""
    state = desk(SPOT, LINEAR, INVERSE)
    add_tiers(state, 2, TIERS)
    add_tiers(state, 3, COIN_TIERS)
    todo = [
        [FILL, account, number, int(sell), 0, strategy, price * 10**6 if number == 3 else price, qty]
        for number, account, sell, strategy, price, qty in fills
    ]
    codes = run(state, todo)
    for place, (number, account, sell, strategy, price, qty) in enumerate(orders):
        open_order(state, place, account, number, sell, price, qty, strategy=strategy)
    for number, price in enumerate(prices, 1):
        mark_at(state, number, price)
    settle_at(state, START_NS)
    settle_at(state, START_NS + later)
    once = [array.tobytes() for array in state]
    settle_at(state, START_NS + later)
    assert [array.tobytes() for array in state] == once
    assert not any(codes)
    for record in state.positions[: int(state.desk[0]["positions_used"])]:
        assert int(record["unrealized"]) == floor(unrealized(state, record, prices))
    net = sum(
        (
            signed_up(state, record, prices)
            for record in state.positions[: int(state.desk[0]["positions_used"])]
            if record["strategy"] < 0
        ),
        0,
    )
    if not scope(state, ScopeKind.GLOBAL, 0).unconverted:
        assert scope(state, ScopeKind.GLOBAL, 0).net == net


def unrealized(state: State, record: np.void, prices: list[int]) -> Fraction:
    """In money of what the position pays in."""
    number, qty = int(record["instrument"]), int(record["qty"])
    cost = (int(record["cost_hi"]) << 62) + int(record["cost_lo"])
    mark = Fraction(prices[number - 1], 10**8)
    if number == 3:
        value = abs(qty) * 100 * 10**18 // mark
        return Fraction(cost - (value if qty > 0 else -value), 10**10)
    scale = 10**18  # inner units
    return (qty * mark / {1: 10**5, 2: 10**3}[number] - Fraction(cost, scale)) * 10**8


def signed_up(state: State, record: np.void, prices: list[int]) -> int:
    """Worth of a position, away from zero, in the reporting asset."""
    number, qty = int(record["instrument"]), int(record["qty"])
    mark = Fraction(prices[number - 1], 10**8)
    if number == 3:
        coin = ceil(Fraction(int(abs(qty) * 100 * 10**18 // mark), 10**10))
        worth = ceil(coin * Fraction(prices[0], 10**8))
    else:
        worth = ceil(abs(qty) * mark / {1: 10**5, 2: 10**3}[number] * 10**8)
    return worth if qty > 0 else -worth
