"""Laws of positions over any fills in any order, sizes at the edges of what fits: against the ledger in decimals, and by themselves."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.lanes import cases
from tests.oracles.decimal_ledger import EXACT, Holding, Ledger, Market
from tests.reducers.desks import BUST, FILL, Listing, make_state, run
from veloz.contracts.codes import Refusal
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.state import State
from veloz.reducers.sums import whole

SCALES = (8, 8, 3)
LISTINGS = [
    Listing("spot", 2, 1, 0, 2, 6),
    Listing("linear", 2, 1, 1, 1, 3),
    Listing("linear", 2, 3, 3, 8, 0, 37_000_000),
    Listing("inverse", 2, 1, 2, 1, 0, 100 * 10**8),
    Listing("inverse", 2, 1, 2, 4, 2, 10**8),
]
ACCOUNTS = ((False, False), (False, True), (True, False), (True, True))  # hedge, FIFO
LANES, STEPS = 20, 50
PRICES = (1, 3, 99_999, 100_000, 100_000, 100_001, 250_000, 10**7, 2**31, 2**44 - 1, 2**62 - 1, 2**62)
QTYS = (0, 1, 2, 3, 7, 1000, 10**6, 2**31, 2**40, 2**61, 2**62 - 1, -1, -2, -3, -4, -5)  # below 0: by what is held


def markets() -> dict[int, Market]:
    return {
        number: Market(
            each.product, str(each.base), str(each.quote), str(each.settle), each.price_scale, each.qty_scale,
            Decimal(each.multiplier_e8).scaleb(-8),
        )
        for number, each in enumerate(LISTINGS, 1)
    }  # fmt: skip


def ledger() -> Ledger:
    places = {str(n): scale for n, scale in enumerate(SCALES, 1)}
    return Ledger(markets(), places, {n: lots for n, (_, lots) in enumerate(ACCOUNTS, 1)})


def decode(raw: bytes) -> list[list[int]]:
    """Three bytes an action, one after another to each of the lanes: an account on an instrument."""
    held: dict[tuple[int, int, int], int] = {}
    actions = []
    for k in range(0, len(raw) - 2, 3):
        lane = k // 3 % LANES
        account, number = lane % len(ACCOUNTS) + 1, lane // len(ACCOUNTS) % len(LISTINGS) + 1
        first, second, third = raw[k : k + 3]
        side = 1 + (first >> 1 & 1) if ACCOUNTS[account - 1][0] else 0
        sell, strategy = first & 1, (-1, 0, 1, 2)[first >> 2 & 3]
        now = held.get((account, number, side), 0)
        qty = QTYS[third % len(QTYS)]
        if qty < 0:  # steer at the edges: random sizes almost never land on zero
            qty = {-1: abs(now), -2: abs(now) + 1, -3: max(1, abs(now) - 1), -4: max(1, abs(now) // 3), -5: 5}[qty]
            sell = int(now > 0) if third & 16 == 0 else sell
        what = BUST if first >> 4 == 15 else FILL
        actions.append([what, account, number, sell, side, strategy, PRICES[second % len(PRICES)], qty])
        if 0 < qty < 2**32:
            held[account, number, side] = now - qty if sell else now + qty
    return actions


def is_great(book: Ledger, action: list[int]) -> bool:
    """Whether a number that this fill makes comes near the end of what fits."""
    _, account, number, _, side, strategy, price, qty = action
    listing, market = LISTINGS[number - 1], book.markets[number]
    if not (0 < qty < 2**62 and price < 2**62):
        return True
    value = market.value(Decimal(price).scaleb(-listing.price_scale), Decimal(qty).scaleb(-listing.qty_scale))
    sizes = [
        abs(total).scaleb(SCALES[int(asset) - 1]) for (owner, asset), total in book.cash.items() if owner == account
    ]
    for owner in (-1, strategy):
        holding = book.holdings.get((account, number, side, owner), Holding())
        sizes.append((abs(holding.cost) + abs(holding.realized) + value).scaleb(SCALES[int(market.pays) - 1]))
        sizes.append((abs(holding.qty) + abs(qty)).scaleb(listing.qty_scale))
        sizes.append((abs(holding.cost) + abs(holding.realized) + value) / market.unit / 2**61)
    sizes.append(Decimal(qty).scaleb(SCALES[1] - listing.qty_scale))
    return max(sizes) >= 2**58


def follow(book: Ledger, actions: list[list[int]], codes: list[int]) -> None:
    for action, code in zip(actions, codes, strict=True):
        what, account, number, sell, side, strategy, price, qty = action
        if code:
            assert code == Refusal.ARITHMETIC
            assert is_great(book, action), action
            continue
        listing = LISTINGS[number - 1]
        book.fill(
            account, number, bool(sell), side, strategy,
            Decimal(price).scaleb(-listing.price_scale), Decimal(qty).scaleb(-listing.qty_scale), what == BUST,
        )  # fmt: skip


def cost_of(position: object) -> int:
    return whole(position["cost_hi"], position["cost_lo"])  # type: ignore[index]


def real_of(position: object) -> int:
    return whole(position["real_hi"], position["real_lo"])  # type: ignore[index]


@settings(max_examples=cases(100, 25), suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=3 * LANES * STEPS, max_size=3 * LANES * STEPS))
def test_life_of_positions(raw: bytes) -> None:
    """Two thousand lives of fifty steps in all: quantities, costs, realized pnl and cash as the ledger has them; what is flat costs
    nothing; what was realized less what is in cost is what was paid and received.
    """
    actions = decode(raw)
    state = make_state(LISTINGS, SCALES, ACCOUNTS, room=1 << 11)
    codes = run(state, actions)
    book = ledger()
    with localcontext(EXACT):
        follow(book, actions, codes)
        check(state, book)
    paid: dict[tuple[int, int, int, int], int] = {}
    for (what, account, number, sell, side, strategy, price, qty), code in zip(actions, codes, strict=True):
        signed = 0 if code else qty * (-1 if sell else 1) * (-1 if what == BUST else 1)
        for owner in {-1, strategy}:
            key = (account, number, side, owner)
            paid[key] = paid.get(key, 0) + signed * price
    for position in state.positions[: int(state.desk[0]["positions_used"])]:
        key = tuple(int(position[name]) for name in ("account", "instrument", "side", "strategy"))
        assert position["qty"] != 0 or (cost_of(position) == 0 and position["lots_ix"] < 0)
        listing = LISTINGS[key[1] - 1]
        if listing.product != "inverse":
            finer = 10 ** max(0, 18 - listing.price_scale - listing.qty_scale)
            assert cost_of(position) - real_of(position) == paid[key] * finer


def check(state: State, book: Ledger) -> None:
    for position in state.positions[: int(state.desk[0]["positions_used"])]:
        key = tuple(int(position[name]) for name in ("account", "instrument", "side", "strategy"))
        holding, market = book.holdings[key], book.markets[key[1]]
        step = Decimal(1).scaleb(-LISTINGS[key[1] - 1].qty_scale)
        assert (int(position["qty"]) * step, cost_of(position) * market.unit, real_of(position) * market.unit) == (
            holding.qty, holding.cost, holding.realized,
        ), key  # fmt: skip
    for (account, asset), total in book.cash.items():
        money = int(state.balances[account * ASSETS_MAX + int(asset)]["total"])
        assert Decimal(money).scaleb(-SCALES[int(asset) - 1]) == total, (account, asset)


sizes = st.one_of(st.integers(1, 10), st.integers(1, 10**7))
prices = st.one_of(st.integers(1, 10), st.integers(10**4, 10**7))
fills = st.lists(st.tuples(st.integers(0, 1), prices, sizes), max_size=6)
numbers = st.integers(1, len(LISTINGS))
accounts = st.integers(1, 2)


def after(account: int, number: int, todo: list[tuple[int, int, int]]) -> State:
    state = make_state(LISTINGS, SCALES, ACCOUNTS)
    codes = run(state, [[FILL, account, number, sell, 0, 1, price, qty] for sell, price, qty in todo])
    assert not any(codes)
    return state


@example(1, 1, [(0, 10, 4)], 1, 11, 1, 1)
@example(1, 2, [(0, 10, 4)], 1, 11, 1, 1)
@example(2, 1, [(0, 10, 4)], 1, 11, 1, 1)
@example(2, 2, [(0, 10, 4)], 1, 11, 1, 1)
@given(accounts, numbers, fills, st.integers(0, 1), prices, sizes, sizes)
def test_merging_two_fills_equals_one(
    account: int, number: int, before: list[tuple[int, int, int]], sell: int, price: int, one: int, two: int
) -> None:
    """Exactly, in quantity, cost, realized pnl and lots; the value of an inverse fill is cut once each, so there within one inner unit a
    fill; money of a spot fill is cut once each, so there the balance within one unit.
    """
    apart = after(account, number, [*before, (sell, price, one), (sell, price, two)])
    merged = after(account, number, [*before, (sell, price, one + two)])
    inverse, spot = LISTINGS[number - 1].product == "inverse", LISTINGS[number - 1].product == "spot"
    for left, right in zip(apart.positions[:2], merged.positions[:2], strict=True):
        assert left["qty"] == right["qty"]
        assert abs(cost_of(left) - cost_of(right)) <= (2 if inverse else 0)
        assert abs(real_of(left) - real_of(right)) <= (2 if inverse else 0)
    assert lots_of(apart) == lots_of(merged)
    for asset in (1, 2, 3):
        place = account * ASSETS_MAX + asset
        difference = abs(int(apart.balances[place]["total"]) - int(merged.balances[place]["total"]))
        assert difference <= (1 if inverse or (spot and asset == 1) else 0)


def lots_of(state: State) -> list[tuple[int, int]]:
    lots, at = [], int(state.positions[0]["lots_ix"])
    while at >= 0:
        lots.append((int(state.lots[at]["qty"]), int(state.lots[at]["price"])))
        at = int(state.lots[at]["next_ix"])
    return lots


@given(accounts, numbers, fills, st.sampled_from(["qty", "price", "account", "instrument", "side", "product", "great"]))
def test_a_refusal_changes_nothing(account: int, number: int, before: list[tuple[int, int, int]], why: str) -> None:
    state = after(account, number, before)
    action = [FILL, account, number, 0, 0, 1, 100, 5]
    if why == "product":
        state.terms[number]["product"] = 0
    else:
        place, value = {
            "qty": (7, 0), "price": (6, -1), "account": (1, 9), "instrument": (2, 77), "side": (4, 3), "great": (7, 2**62 - 1)
        }[why]  # fmt: skip
        action[place] = value
        if why == "great":
            action[6] = 2**61
    bytes_before = [array.tobytes() for array in state]
    codes = run(state, [action])
    wanted = {
        "account": Refusal.NOT_KNOWN, "instrument": Refusal.NOT_KNOWN, "side": Refusal.BAD_TERMS, "product": Refusal.UNTRADABLE
    }  # fmt: skip
    assert codes == [wanted.get(why, Refusal.ARITHMETIC)]
    assert [array.tobytes() for array in state] == bytes_before


@given(accounts, numbers, fills.filter(bool))
def test_a_bust_takes_quantity_and_cash_back(account: int, number: int, before: list[tuple[int, int, int]]) -> None:
    """Quantity exactly; and what all this would bring, sold at one price, as if the fill had never been. Refused only near the end of
    what fits.
    """
    state = after(account, number, before[:-1])
    sell, price, qty = before[-1]
    quantity = [int(each["qty"]) for each in state.positions[:1]]
    brought = [cost_of(each) - real_of(each) for each in state.positions[:1]]
    fill = [account, number, sell, 0, 1, price, qty]
    actions = [[FILL, *fill], [BUST, *fill]]
    codes = run(state, actions)
    if any(codes):
        book, earlier = ledger(), [[FILL, account, number, way, 0, 1, paid, size] for way, paid, size in before[:-1]]
        with localcontext(EXACT):
            follow(book, earlier + actions, [0] * len(earlier) + codes)
        return
    assert [int(each["qty"]) for each in state.positions[:1]] == quantity
    rounding = 4 if LISTINGS[number - 1].product == "inverse" else 0
    assert abs(cost_of(state.positions[0]) - real_of(state.positions[0]) - brought[0]) <= rounding or rounding
    assert state.positions[0]["trades"] == len(before) - 1


@pytest.mark.parametrize(("asset", "field"), [(1, "fees"), (2, "fees_base"), (3, "fees_other")])
def test_fees_in_three_kinds_of_assets(asset: int, field: str) -> None:
    """A fee leaves the balance; the position stays what was bought; a rebate comes in."""
    state = make_state(LISTINGS, SCALES, ACCOUNTS)
    assert (
        run(
            state,
            [[FILL, 1, 1, 0, 0, 1, 100_000, 10**6], [1, 1, 1, 0, 0, 1, asset, 700], [1, 1, 1, 0, 0, 1, asset, -200]],
        )[0]
        == 0
    )
    for position in state.positions[:2]:
        assert position["qty"] == 10**6
        assert position[field] == 500
    cash = {1: -1000 * 10**8, 2: 10**8, 3: 0}
    for each, total in cash.items():
        assert state.balances[ASSETS_MAX + each]["total"] == total - (500 if each == asset else 0)


def test_inverse_value_is_the_venues() -> None:
    """binance.md §8.2: 21 contracts of 100 at 27465.8 are 0.07645872 coin."""
    state = make_state([Listing("inverse", 2, 1, 2, 1, 0, 100 * 10**8)], (8, 8), ACCOUNTS)
    assert run(state, [[FILL, 1, 1, 0, 0, -1, 274_658, 21]]) == [0]
    assert Fraction(cost_of(state.positions[0]), 10**18) == Fraction(21 * 100 * 10 * 10**18 // 274_658, 10**18)
    assert round(cost_of(state.positions[0]) / 10**10) == 7_645_872
