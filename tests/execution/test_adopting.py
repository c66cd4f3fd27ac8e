"""Adopting: afterwards we are what the statement says, nothing was realized, no price was made up, and nothing is told again."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.reducers.order_rows import ACCOUNT, BASE, KEY, QUOTE, SECOND, Row, Story, meta, row, spec, world
from veloz.contracts import registry as r
from veloz.contracts.codes import Difference as What
from veloz.contracts.codes import Product, SettleAction
from veloz.contracts.layout import ROW
from veloz.contracts.terms import META, PositionSide, Why, order_key, unpack
from veloz.execution.adopting import answer
from veloz.execution.reconcile import Difference, differences
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.fold import fold
from veloz.reducers.order_view import order
from veloz.reducers.state import State, new_state
from veloz.reducers.sums import LIMB_BITS

LINEAR, NOW, E8 = 3, 100 * SECOND, 10**8
TICK_E8 = E8 // 100  # of the instrument: prices have two decimals
FINER = 10**16  # inner units are so much finer than price times quantity quanta there
KEYS = [order_key(1000), order_key(1001)]
Figures = dict[str, Any]

PRICES = some.integers(100, 5000)
ORDERS = some.fixed_dictionaries(
    {
        "sell": some.integers(0, 1), "price": PRICES, "qty": some.integers(10, 20), "filled": some.integers(0, 5),
        "there": some.booleans(), "more": some.integers(0, 4), "to_price": PRICES, "to_qty": some.integers(10, 20),
    }
)  # fmt: skip
HELD = some.integers(-20, 20)
WORLDS = some.fixed_dictionaries(
    {
        "orders": some.lists(ORDERS, max_size=2), "held": HELD, "cost": PRICES, "theirs": HELD,
        "entry": some.integers(E8, 50 * E8), "balances": some.tuples(some.integers(0, 10**6), some.integers(0, 10**6)),
    }
)  # fmt: skip


def begun(figures: Figures, product: Product = Product.LINEAR) -> list[Row]:
    """Orders of ours and a position of the account, on a linear instrument."""
    rows = world()
    rows.append(row(r.LISTED, 2 | 0 << 8 | 2 << 16, 1, 1, E8, 1, instrument=LINEAR))
    rows.append(row(r.ASSETS, product, BASE, QUOTE, QUOTE, instrument=LINEAR))
    rows.append(row(r.BALANCE, ACCOUNT, figures["balances"][0], QUOTE, 5, 0, instrument=0))
    if figures["held"]:
        held, about = figures["held"], meta(sell=int(figures["held"] < 0), why=Why.ADOPTED)
        rows.append(row(r.FILLED, -5, figures["cost"], abs(held), 901, about, instrument=LINEAR))
        rows.append(row(r.EXPIRED, -5, 0, abs(held), 3, about, instrument=LINEAR))
    for key, each in zip(KEYS, figures["orders"], strict=False):
        about, side = spec(sell=each["sell"]), meta(sell=each["sell"])
        rows.append(row(r.DRAFTED, key, each["price"], each["qty"], key >> 5, about, instrument=LINEAR))
        rows.append(row(r.APPROVED, key, 0, QUOTE, len(rows), 1, instrument=LINEAR))
        rows.append(row(r.REQUESTED, key, each["price"], each["qty"], len(rows), about, instrument=LINEAR))
        rows.append(row(r.DISPATCHED, key, 0, SECOND, len(rows), side, instrument=LINEAR))
        rows.append(row(r.ACCEPTED, key, 77, 0, 1, side, instrument=LINEAR))
        if each["filled"]:
            rows.append(row(r.FILLED, key, each["price"], each["filled"], key, side, instrument=LINEAR))
    return rows


def stated(figures: Figures, at: int = 20) -> list[Row]:
    """The venue's statement of it."""
    rows = [row(r.STATEMENT, ACCOUNT, 0, instrument=0)]
    for key, each in zip(KEYS, figures["orders"], strict=False):
        if each["there"]:
            about, filled = spec(sell=each["sell"]), each["filled"] + each["more"]
            rows.append(row(r.ORDER_STATED, key, each["to_price"], each["to_qty"], at, about, instrument=LINEAR))
            rows.append(row(r.ACCEPTED, key, 77, filled, at, meta(sell=each["sell"]), instrument=LINEAR))
    if figures["theirs"]:
        rows.append(row(r.POSITION, meta(), figures["theirs"], figures["entry"], at, 0, instrument=LINEAR))
    rows.append(row(r.BALANCE, ACCOUNT, figures["balances"][1], QUOTE, at, 0, instrument=0))
    return [*rows, row(r.STATEMENT, ACCOUNT, 1, instrument=0)]


def tell(state: State, rows: list[Row]) -> tuple[State, list[Difference]]:
    """Fold a statement; what differs."""
    since, said = int(state.clock[0]["seq"]) + 1, np.array(rows, ROW)
    state = fold(state, said, since)
    return state, differences(state, said, since)


def adopt(state: State, found: list[Difference]) -> tuple[State, np.ndarray]:
    seq = int(state.clock[0]["seq"]) + 1
    taken = answer(state, found, SettleAction.ADOPT, seq, NOW)
    return (fold(state, taken, seq) if len(taken) else state), taken


def position(state: State, side: int = 0) -> Figures:
    for each in state.positions[: int(state.desk[0]["positions_used"])]:
        if each["instrument"] == LINEAR and each["strategy"] == -1 and each["side"] == side:
            cost = (int(each["cost_hi"]) << LIMB_BITS) + int(each["cost_lo"])
            cost //= 1 if state.terms[LINEAR]["product"] == Product.INVERSE else FINER
            real = (int(each["real_hi"]) << LIMB_BITS) + int(each["real_lo"])
            return {"qty": int(each["qty"]), "cost": cost, "real": real, "trades": int(each["trades"])}
    return {"qty": 0, "cost": 0, "real": 0, "trades": 0}


def check_agrees(state: State, figures: Figures) -> None:
    assert position(state)["qty"] == figures["theirs"]
    balance = state.balances[ACCOUNT * ASSETS_MAX + QUOTE]
    assert (int(balance["total"]), int(balance["drift"])) == (figures["balances"][1], 0)
    for key, each in zip(KEYS, figures["orders"], strict=False):
        here = order(state, key, LINEAR)
        assert here is not None
        assert here.over == (not each["there"] or each["to_qty"] <= each["filled"] + each["more"])
        if each["there"]:
            assert (here.price, here.qty) == (each["to_price"], each["to_qty"])
            assert here.traded == here.filled == each["filled"] + each["more"]


@settings(max_examples=120, deadline=None)
@given(WORLDS, some.booleans(), some.randoms(use_true_random=False))
def test_after_adopting_we_are_what_is_stated(figures: Figures, at_once: bool, random: Any) -> None:
    state = fold(new_state(), np.array(begun(figures), ROW), 1)
    state, found = tell(state, stated(figures))
    before, duplicates = position(state), int(state.desk[0]["duplicates"])
    losses = state.scopes["losses"].copy()
    mine = [each for each in found if each.instrument == LINEAR]
    groups = [mine] if at_once else [[each] for each in random.sample(mine, len(mine))]
    for group in [*groups, *([each] for each in found if each.asset)]:
        state, _ = adopt(state, group)
    check_agrees(state, figures)
    after = position(state)
    assert (after["real"], after["trades"]) == (before["real"], before["trades"])
    assert int(state.desk[0]["duplicates"]) == duplicates
    assert (state.scopes["losses"][: len(losses)] == losses).all()
    state, again = tell(state, stated(figures, at=40))
    assert {each.difference for each in again} <= {What.ENTRY}, (
        "what shrinks leaves at our own cost: the entry may differ"
    )
    state, _ = adopt(state, again)
    assert tell(state, stated(figures, at=60))[1] == []


@settings(max_examples=80, deadline=None)
@given(some.integers(1, 20), PRICES, some.integers(1, 20), some.integers(10, 40))
def test_what_grows_reaches_the_stated_average(held: int, cost: int, more: int, share: int) -> None:
    theirs = held + more
    entry = (
        (held * cost * 100 + more * cost * share) * E8 // (100 * 100 * theirs)
    )  # something a real execution leads to
    figures: Figures = {"orders": [], "held": held, "cost": cost, "theirs": theirs, "entry": entry, "balances": (0, 0)}
    state = fold(new_state(), np.array(begun(figures), ROW), 1)
    state, found = tell(state, stated(figures))
    state, taken = adopt(state, found)
    assert abs(position(state)["cost"] * E8 - entry * 100 * theirs) <= E8, "to one inner unit"
    assert len(set(taken[taken["kind"] == r.FILLED.number]["ref"])) == (taken["kind"] == r.FILLED.number).sum()


def test_a_position_without_any_price_is_not_adopted() -> None:
    figures: Figures = {"orders": [], "held": 0, "cost": 1, "theirs": 4, "entry": 0, "balances": (0, 0)}
    state = fold(new_state(), np.array(begun(figures), ROW), 1)
    state, found = tell(state, stated(figures))
    assert len(adopt(state, found)[1]) == 0
    figures["held"], figures["cost"] = 3, 250
    state = fold(new_state(), np.array(begun(figures), ROW), 1)
    state, taken = adopt(*tell(state, stated(figures)))
    assert position(state)["cost"] == 4 * 250, "where no entry is stated, at our own average"
    assert all(
        unpack(META, int(each["aux"]))["why"] == Why.ADOPTED for each in taken if each["kind"] == r.FILLED.number
    )


def test_both_sides_of_a_hedged_position_are_adopted() -> None:
    figures: Figures = {"orders": [], "held": 0, "cost": 1, "theirs": 0, "entry": 0, "balances": (0, 0)}
    said = stated(figures)
    for side, qty, entry in ((PositionSide.LONG, 2, 10), (PositionSide.SHORT, -3, 11)):
        said.insert(1, row(r.POSITION, meta(position_side=side), qty, entry * E8, 20, 0, instrument=LINEAR))
    state, found = tell(fold(new_state(), np.array(begun(figures), ROW), 1), said)
    state, taken = adopt(state, found)
    assert position(state, PositionSide.LONG)["cost"] == 2 * 1000
    assert position(state, PositionSide.SHORT)["cost"] == -3 * 1100
    keys = taken["venue_seq"][taken["kind"] == r.ORDER_STATED.number]
    assert len(set(keys.tolist())) == 2
    assert (keys < -(1 << 62)).all(), "below every number of a venue"


def test_a_spot_fill_that_is_adopted_moves_no_balance() -> None:
    """The statement has its cash already; what it explains is drift no more."""
    story = Story(price=50).dispatched().say(r.ACCEPTED, 77, 0, 1, meta())
    for asset, total in ((BASE, 100), (QUOTE, 10**6)):
        story.rows.append(row(r.BALANCE, ACCOUNT, total, asset, 5, 0, instrument=0))
    said = [row(r.STATEMENT, ACCOUNT, 0, instrument=0)]
    said += [row(r.ORDER_STATED, KEY, 50, 100, 20, spec()), row(r.ACCEPTED, KEY, 77, 30, 20, meta())]
    bought, paid = 30 * 10**5, 30 * 50 * 10**3
    for asset, total in ((BASE, 100 + bought), (QUOTE, 10**6 - paid)):
        said.append(row(r.BALANCE, ACCOUNT, total, asset, 20, 0, instrument=0))
    state, found = tell(fold(new_state(), story.array(), 1), [*said, row(r.STATEMENT, ACCOUNT, 1, instrument=0)])
    state, _ = adopt(state, [each for each in found if each.instrument])
    for asset, total in ((BASE, 100 + bought), (QUOTE, 10**6 - paid)):
        balance = state.balances[ACCOUNT * ASSETS_MAX + asset]
        assert (int(balance["total"]), int(balance["drift"])) == (total, 0)


@settings(max_examples=60, deadline=None)
@given(some.integers(-50, 50), PRICES, some.integers(-50, 50), PRICES)
def test_inverse_contracts_are_adopted_like_others(held: int, cost: int, theirs: int, entry: int) -> None:
    figures: Figures = {
        "orders": [], "held": held, "cost": cost, "theirs": theirs, "entry": entry * TICK_E8, "balances": (0, 0),
    }  # fmt: skip
    state = fold(new_state(), np.array(begun(figures, Product.INVERSE), ROW), 1)
    state, found = tell(state, stated(figures))
    state, _ = adopt(state, found)
    after = position(state)
    assert (after["qty"], after["real"]) == (theirs, 0)
    if held * theirs <= 0:  # nothing of ours is left in it
        assert abs(after["cost"]) == abs(theirs) * 10**20 // entry
