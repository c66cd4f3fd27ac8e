"""What holds whatever the model: where volume comes from, at what price, in what order, and what being late costs."""

import math
from collections import defaultdict
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.stage import Stage, ask, bid, bought, market, rules, sold
from veloz.backtest.rules import Latency, Queue
from veloz.contracts import registry, terms

LOW: Final = 995
QUEUES: Final = list(Queue)[:6]
STEP_NS: Final = 10  # rows come at whole tens, requests reach the exchange between them
EVENT = st.tuples(
    st.sampled_from(["bid", "ask", "bid", "ask", "bought", "sold", "place", "place"]),
    st.integers(0, 9),
    st.integers(0, 12),
    st.sampled_from(["GTC", "GTC", "GTX", "IOC", "FOK", "MARKET"]),
    st.sampled_from(["buy", "sell"]),
)
ANYTHING = st.lists(EVENT, min_size=5, max_size=60)
BOOK: Final = [("bid", 0, 12, "", ""), ("ask", 9, 12, "", "")]
CROWD = st.tuples(
    st.sampled_from(["place", "place", "print"]), st.integers(0, 2), st.integers(0, 4), st.sampled_from(["buy", "sell"])
)


def crowded(told: list[tuple[str, int, int, str]]) -> list[Any]:
    """A session of orders at few prices that do not meet each other, and prints among them."""
    session: list[Any] = [*BOOK]
    for what, at_tick, qty, side in told:
        tick = at_tick + (1 if side == "buy" else 6)
        word = "place" if what == "place" else "sold" if side == "buy" else "bought"
        session.append((word, tick, qty, "GTC", side))
    return session


SESSION = st.lists(CROWD, min_size=15, max_size=40).map(crowded) | ANYTHING
MODEL = st.fixed_dictionaries(
    {
        "queue": st.sampled_from(QUEUES),
        "power": st.sampled_from([1.0, 2.0, 2.5]),
        "slippage_ppm": st.sampled_from([0, 0, 2_000]),
        "impact_ppm": st.sampled_from([0, 0, 1_000]),
    }
)
ROWS: Final = {"bid": bid, "ask": ask, "bought": bought, "sold": sold}


class Order(NamedTuple):
    """An order that was sent."""

    side: str
    price: int  # 0: a market order
    qty: int


class Fill(NamedTuple):
    """An execution, as the exchange told it."""

    at_ns: int
    key: int
    price: int
    qty: int
    maker: bool


def fills_of(stage: Stage) -> list[Fill]:
    """All executions, in the order in which they were told."""
    rows = np.concatenate(stage.heard)
    filled = rows[rows["head"] & 0xFFFF == registry.FILLED.number]
    return [
        Fill(
            int(row["ts_event"]),
            int(row["venue_seq"]),
            int(row["price"]),
            int(row["qty"]),
            bool(terms.unpack(terms.META, int(row["aux"]))["maker"]),
        )
        for row in filled
    ]


def play(session: list[Any], delay_ns: int, **told: Any) -> tuple[list[Any], dict[int, Order], list[Fill]]:
    """A session: its rows, its orders by key, what was executed."""
    rows, orders, told_rows = [], {}, []
    for number, (what, at_tick, qty, tif, side) in enumerate(session):
        at, price = 1_000 + STEP_NS * number, LOW + at_tick
        if what in ROWS:
            qty += what in ("bought", "sold")
            rows.append(ROWS[what](at, price, qty))
            told_rows.append((at, what, price, qty))
        else:
            orders[number + 1] = Order(side, 0 if tif == "MARKET" else price, qty + 1)
    stage = Stage(rows, rules(entry=Latency(ns=delay_ns), response=Latency(ns=delay_ns), **told))
    for key, order in orders.items():
        at, tif = 1_000 + STEP_NS * (key - 1), session[key - 1][3]
        stage.run(at)
        stage.ask(at, key, order.side, order.qty, order.price, tif="IOC" if tif == "MARKET" else tif)
    stage.run(10**6)
    return told_rows, orders, fills_of(stage)


@given(SESSION, st.sampled_from([3, 25, 107]), MODEL)
def test_every_fill_has_its_volume(session: list[Any], delay_ns: int, model: dict[str, Any]) -> None:
    """A print is given out once, a level no more than it shows, and both only to orders that they reach."""
    if model["slippage_ppm"] or model["impact_ppm"]:
        model = {**model, "slippage_ppm": 0, "impact_ppm": 0}
    rows, orders, fills = play(session, delay_ns, **model)
    shown: dict[tuple[str, int], int] = defaultdict(int)
    taken: dict[tuple[str, int], int] = defaultdict(int)
    at_ns = {row[0]: row for row in rows}
    for moment in sorted({*at_ns, *(fill.at_ns for fill in fills)}):
        what, price, qty = at_ns.get(moment, (0, "", 0, 0))[1:]
        if what in ("bid", "ask"):
            shown[what, price] = qty
            taken[what, price] = min(taken[what, price], qty)
        for fill in (fill for fill in fills if fill.at_ns == moment):
            order = orders[fill.key]
            against = "ask" if order.side == "buy" else "bid"
            assert fill.maker == (moment in at_ns)
            if fill.maker:
                assert what in (against, {"ask": "sold", "bid": "bought"}[against])
                assert price <= order.price if order.side == "buy" else price >= order.price
            if what in ("bought", "sold"):
                qty -= fill.qty
                assert qty >= 0
            else:
                place = against, price if fill.maker else fill.price
                taken[place] += fill.qty
                assert taken[place] <= shown[place]


@given(SESSION, st.sampled_from([3, 25, 107]), MODEL, st.booleans())
def test_a_limit_is_never_filled_worse_than_its_price(
    session: list[Any], delay_ns: int, model: dict[str, Any], partial: bool
) -> None:
    _, orders, fills = play(session, delay_ns, partial=partial, **model)
    for fill in fills:
        order = orders[fill.key]
        if order.price:
            assert fill.price <= order.price if order.side == "buy" else fill.price >= order.price


@given(SESSION, st.sampled_from([3, 25]), MODEL)
def test_first_come_first_served(session: list[Any], delay_ns: int, model: dict[str, Any]) -> None:
    """No resting order is executed while one that came before it stands at its price or a better one."""
    _, orders, fills = play(session, delay_ns, **model)
    left = {key: order.qty for key, order in orders.items()}
    resting = {key for key in orders if session[key - 1][3] in ("GTC", "GTX")} & {
        fill.key for fill in fills if fill.maker
    }
    for fill in fills:
        left[fill.key] -= fill.qty
        if not fill.maker:
            continue
        mine = orders[fill.key]
        for key in resting:
            other = orders[key]
            if key < fill.key and other.side == mine.side and other.price == mine.price:
                assert left[key] == 0, f"{key} came before {fill.key}"


# --- being late, and slipping ---------------------------------------------------------------------------------------------------

SEEDS: Final = 500
MOVES: Final = 12
MOVE_NS: Final = 100
QTY: Final = 3


def drifting(seed: int) -> tuple[list[Any], int, list[int]]:
    """A market that mostly goes one way: its rows, the way, and twice the middle price after each move."""
    dice = np.random.default_rng(seed)
    way = int(dice.choice([1, -1]))
    mid, rows, mids = 1_000, [bid(100, 999, 9), ask(100, 1001, 9)], []
    for move in range(MOVES):
        step = way * int(dice.choice([-1, 0, 1, 2, 3]))
        at = 200 + MOVE_NS * move
        if step > 0:
            rows += [ask(at, mid + 1, 0), ask(at, mid + step + 1, 9), bid(at, mid - 1, 0), bid(at, mid + step - 1, 9)]
        elif step < 0:
            rows += [bid(at, mid - 1, 0), bid(at, mid + step - 1, 9), ask(at, mid + 1, 0), ask(at, mid + step + 1, 9)]
        mid += step
        mids.append(mid)
    return rows, way, mids


def mean_total(delay_ns: int, **told: Any) -> Fraction:
    """Mean over all seeds of what a fixed list of market orders, which go with the drift, comes to at the last middle price."""
    total = 0
    for seed in range(SEEDS):
        rows, way, mids = drifting(seed)
        stage = Stage(rows, rules(entry=Latency(ns=delay_ns), response=Latency(ns=0), orders=16, messages=64, **told))
        for key in range(1, 4):
            at = 150 + 2 * MOVE_NS * key
            stage.run(at)
            stage.ask(at, key, "buy" if way > 0 else "sell", QTY)
        stage.run(10**6)
        fills = stage.fills()
        assert sum(qty for _, qty in fills) == 3 * QTY
        total += sum(way * qty * (mids[-1] - price) for price, qty in fills)
    return Fraction(total, SEEDS)


def test_being_later_never_pays() -> None:
    means = [mean_total(delay_ns) for delay_ns in (0, 120, 250, 500)]
    assert means == sorted(means, reverse=True)
    assert means[0] > means[-1] + 1


def test_slipping_further_never_pays() -> None:
    means = [mean_total(120, slippage_ppm=ppm) for ppm in (0, 500, 2_000, 5_000)]
    assert means == sorted(means, reverse=True)
    assert means[0] > means[-1] + 1
    impacts = [mean_total(120, impact_ppm=ppm) for ppm in (0, 3_000, 9_000)]
    assert impacts == sorted(impacts, reverse=True)
    assert impacts[0] > impacts[-1]


# --- nothing in the way ----------------------------------------------------------------------------------------------------------

ENDLESS: Final = 10**12
TRADES = st.lists(
    st.tuples(st.integers(-5, 5), st.sampled_from(["buy", "sell"]), st.integers(1, 10**6)), min_size=1, max_size=25
)


@given(TRADES, st.integers(0, 2_000), st.booleans())
def test_without_delay_and_with_endless_depth_it_is_arithmetic(
    trades: list[tuple[int, str, int]], taker_ppm: int, partial: bool
) -> None:
    rows, mid, expected, fees = [bid(100, 999, ENDLESS), ask(100, 1001, ENDLESS)], 1_000, [], 0
    for number, (step, side, qty) in enumerate(trades):
        at = 1_000 + 100 * number
        rows += [
            bid(at, mid - 1, 0),
            ask(at, mid + 1, 0),
            bid(at, mid + step - 1, ENDLESS),
            ask(at, mid + step + 1, ENDLESS),
        ]
        mid += step
        price = mid + 1 if side == "buy" else mid - 1
        expected.append((price, qty))
        fees += math.ceil(Fraction(price * qty * taker_ppm, 10) * 10**8 / 10**6)
    stage = Stage(
        rows,
        rules(entry=Latency(ns=0), response=Latency(ns=0), partial=partial),
        market(taker_ppm=taker_ppm, low=800, high=1_200),
    )
    for number, (_, side, qty) in enumerate(trades):
        at = 1_050 + 100 * number
        stage.run(at)
        stage.ask(at, number + 1, side, qty)
    stage.run(10**6)
    heard = np.concatenate(stage.heard)
    paid = heard[heard["head"] & 0xFFFF == registry.FEE.number]
    assert stage.fills() == expected
    assert int(paid["price"].sum()) == fees
