"""Whatever a statement says, its differences, answered in any order and in any groups, bring us to it, and each of them once.

Orders of two accounts, one of them hedged, on a linear and an inverse instrument: open ones of which the venue states more than was heard,
open ones that it has no more, and finished ones that owe trades. What is held there has nothing to do with any of it.
"""

from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.reducers.order_rows import BASE, QUOTE, SECOND, Row, row, world
from veloz.contracts import registry as r
from veloz.contracts.codes import Difference as What
from veloz.contracts.codes import Product, SettleAction
from veloz.contracts.layout import ROW
from veloz.contracts.terms import META, SPEC, PositionSide, Why, order_key, pack
from veloz.execution.adopting import answer
from veloz.execution.reconcile import Difference, differences
from veloz.reducers.fold import fold
from veloz.reducers.holdings import positions
from veloz.reducers.order_view import order
from veloz.reducers.state import State, new_state

LINEAR, INVERSE = 3, 4
PRODUCTS = {LINEAR: Product.LINEAR, INVERSE: Product.INVERSE}
ONE_WAY, HEDGED = 1, 2
E8, NOW, BEFORE, AT = 10**8, 100 * SECOND, 5, 20


class Order(NamedTuple):
    """One of ours, and what the venue has of it. `traded` ≤ `said` ≤ `stated` ≤ `qty`: shown as trades, said before, stated now."""

    key: int
    sell: int
    price: int
    qty: int
    strategy: int
    traded: int
    said: int
    over: bool
    there: bool
    stated: int
    to_price: int
    to_qty: int

    @property
    def filled(self) -> int:
        """What it comes to when everything is adopted."""
        return self.stated if self.there and not self.over else self.said


class Holding(NamedTuple):
    """One position: of an account, an instrument and a side."""

    account: int
    instrument: int
    side: int
    held: int
    theirs: int
    orders: list[Order]


def holding(draw: Random, account: int, instrument: int, side: int) -> Holding:
    """Positions of a hedged side keep its sign whatever is filled."""
    sign, base = {0: (draw.choice((-1, 1)), 0), 1: (1, 200), 2: (-1, 200)}[side]
    orders = []
    for _ in range(draw.randrange(4)):
        key = order_key(1_000 + 100 * account + 30 * instrument + 10 * side + len(orders))
        qty, over = draw.randrange(8, 20), draw.random() < 0.4
        traded, said, stated = sorted(draw.randrange(8) for _ in range(3))
        if draw.random() < 0.3:
            traded = said
        terms = draw.randrange(100, 5_000), max(stated + draw.randrange(4), 1)
        orders.append(
            Order(
                key, draw.randrange(2), draw.randrange(100, 5_000), qty, draw.randrange(3), traded, said, over,
                draw.random() < 0.8, stated, *terms,
            )
        )  # fmt: skip
    ours = base + draw.randrange(20)
    theirs = max(base - 50, 0) + draw.randrange(100) if draw.random() < 0.8 else 0
    turned = sign if side else draw.choice((-1, 1))
    return Holding(account, instrument, side, sign * ours, turned * theirs, orders)


def about(each: Holding, **parts: int) -> int:
    return pack(META, account=each.account, position_side=each.side, **parts)


def begun(holdings: list[Holding]) -> list[Row]:
    """What was heard before the statement."""
    rows = world()
    rows.append(row(r.OPENED, HEDGED, 2, 1, 0, QUOTE, instrument=0))
    for instrument, product in PRODUCTS.items():
        rows.append(row(r.LISTED, 2 | 0 << 8 | 2 << 16, 1, 1, E8, 1, instrument=instrument))
        settle = BASE if product == Product.INVERSE else QUOTE
        rows.append(row(r.ASSETS, product, BASE, QUOTE, settle, instrument=instrument))
    for number, each in enumerate(holdings):
        if each.held:
            words = (
                -5 - number,
                700,
                abs(each.held),
                901 + number,
                about(each, sell=int(each.held < 0), why=Why.ADOPTED),
            )
            rows.append(row(r.FILLED, *words, instrument=each.instrument))
            rows.append(row(r.EXPIRED, -5 - number, 0, abs(each.held), 3, words[-1], instrument=each.instrument))
        for mine in each.orders:
            rows += told(each, mine, len(rows))
    return rows


def told(each: Holding, mine: Order, made: int) -> list[Row]:
    """The life of one order so far."""
    spec = pack(SPEC, account=each.account, position_side=each.side, sell=mine.sell, strategy=mine.strategy)
    words, where = about(each, sell=mine.sell), each.instrument
    rows = [
        row(r.DRAFTED, mine.key, mine.price, mine.qty, mine.key >> 5, spec, instrument=where),
        row(r.APPROVED, mine.key, 0, QUOTE, made + 1, 1, instrument=where),
        row(r.REQUESTED, mine.key, mine.price, mine.qty, made + 2, spec, instrument=where),
        row(r.DISPATCHED, mine.key, 0, SECOND, made + 3, words, instrument=where),
    ]
    if mine.traded:
        rows.append(row(r.FILLED, mine.key, mine.price, mine.traded, mine.key, words, instrument=where))
    end = r.CANCELED if mine.over else r.ACCEPTED
    return [*rows, row(end, mine.key, 77, mine.said, BEFORE, words, instrument=where)]


def stated(account: int, holdings: list[Holding]) -> list[Row]:
    """The venue's statement of one account."""
    rows = [row(r.STATEMENT, account, 0, instrument=0)]
    for each in holdings:
        if each.account != account:
            continue
        for mine in each.orders:
            if mine.there and not mine.over:
                spec = pack(SPEC, account=account, position_side=each.side, sell=mine.sell)
                words = mine.key, mine.to_price, mine.to_qty, AT, spec
                rows.append(row(r.ORDER_STATED, *words, instrument=each.instrument))
                words = mine.key, 77, mine.stated, AT, about(each, sell=mine.sell)
                rows.append(row(r.ACCEPTED, *words, instrument=each.instrument))
        if each.theirs:
            rows.append(row(r.POSITION, about(each), each.theirs, 9 * E8, AT, 0, instrument=each.instrument))
    return [*rows, row(r.STATEMENT, account, 1, instrument=0)]


def tell(state: State, account: int, holdings: list[Holding]) -> tuple[State, list[Difference]]:
    since, said = int(state.clock[0]["seq"]) + 1, np.array(stated(account, holdings), ROW)
    state = fold(state, said, since)
    return state, differences(state, said, since)


def adopt(state: State, found: list[Difference]) -> State:
    seq = int(state.clock[0]["seq"]) + 1
    taken = answer(state, found, SettleAction.ADOPT, seq, NOW)
    return fold(state, taken, seq) if len(taken) else state


def groups(draw: Random, found: list[Difference]) -> list[list[Difference]]:
    """All differences once, in any order, cut anywhere; those of one answer are of one instrument."""
    made: list[list[Difference]] = []
    for each in draw.sample(found, len(found)):
        if made and made[-1][0].instrument == each.instrument and draw.random() < 0.5:
            made[-1].append(each)
        else:
            made.append([each])
    return made


def check(state: State, holdings: list[Holding], seed: int) -> None:
    known = {(p.account, p.instrument, p.side, p.strategy): p.qty for p in positions(state)}
    for each in holdings:
        where = each.account, each.instrument, each.side
        assert known.get((*where, -1), 0) == each.theirs, (seed, each)
        for strategy in (1, 2):
            own = [mine for mine in each.orders if mine.strategy == strategy]
            share = sum(-mine.filled if mine.sell else mine.filled for mine in own)
            assert known.get((*where, strategy), 0) == share, (seed, each, strategy)
        for mine in each.orders:
            here = order(state, mine.key, each.instrument)
            assert here is not None
            assert (here.traded, here.filled) == (mine.filled, mine.filled), (seed, each, mine)
            assert here.over == (mine.over or not mine.there or mine.stated >= mine.to_qty), (seed, each, mine)


def adopted(seed: int) -> None:
    """A random world, its statements, and everything adopted twice."""
    draw = Random(seed)
    sides = [(ONE_WAY, 0), (HEDGED, PositionSide.LONG), (HEDGED, PositionSide.SHORT)]
    holdings = [holding(draw, account, where, side) for account, side in sides for where in PRODUCTS]
    state = fold(new_state(), np.array(begun(holdings), ROW), 1)
    found = []
    for account in (ONE_WAY, HEDGED):
        state, more = tell(state, account, holdings)
        found += more
    realized = {each[:4]: each.realized for each in positions(state)}
    duplicates = int(state.desk[0]["duplicates"])
    for group in groups(draw, found):
        state = adopt(state, group)
    check(state, holdings, seed)
    for group in groups(draw, found):
        state = adopt(state, group)
    check(state, holdings, seed)
    assert int(state.desk[0]["duplicates"]) == duplicates
    assert {each[:4]: each.realized for each in positions(state)} == {
        each[:4]: realized.get(each[:4], 0) for each in positions(state)
    }
    for account in (ONE_WAY, HEDGED):
        state, more = tell(state, account, holdings)
        assert {each.difference for each in more} <= {What.ENTRY}, (seed, more)


@settings(deadline=None, max_examples=30)
@given(some.integers(0, 2**31))
def test_differences_in_any_order_lead_to_the_statement_once(seed: int) -> None:
    adopted(seed)


@pytest.mark.slow
def test_differences_in_any_order_lead_to_the_statement_once_and_again() -> None:
    for seed in range(2_000):
        adopted(seed)
