"""Every ordering of seven reports, repeated or not, leaves an order the same: state, quantities, value, hold, flaws, position.

All orderings of a set are told of as many orders in one journal, so that five thousand of them are one fold.
"""

import itertools
import random
from collections.abc import Sequence

import numpy as np
import pytest

from tests.lanes import cases
from tests.reducers.order_rows import AMEND, CANCEL, PLACE, QUOTE, SECOND, Row, meta, row, spec, world
from veloz.contracts import registry as r
from veloz.contracts.codes import Refusal
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.terms import Why, order_key
from veloz.reducers.finding import find_order
from veloz.reducers.fold import fold
from veloz.reducers.order_store import (
    ANSWERED,
    CONTRADICTED,
    FILLED_AFTER_END,
    FILLED_BEYOND,
    FILLED_FOREIGN,
    HAS_BUST,
)  # fmt: skip
from veloz.reducers.order_table import OrderState, is_over
from veloz.reducers.places import find_position
from veloz.reducers.state import State, new_state
from veloz.reducers.words import I

TRADES = 16  # ids an order has to itself
THIN = cases(1, 40)  # un-compiled, every so many orderings are enough: the code is the same
AT_ONCE = 1500  # orders in one journal; finished ones must not be forgotten before they are looked at
FINAL = (
    "state", "price", "qty", "filled", "traded", "busted", "value_hi", "value_lo", "hold", "why", "marks", "venue_seq",
    "pending_action", "pending_qty", "ends", "end_state", "end_filled", "venue_order",
)  # fmt: skip

ALL_FLAWS = CONTRADICTED | FILLED_AFTER_END | FILLED_BEYOND | FILLED_FOREIGN | HAS_BUST

Report = tuple[r.Kind, tuple[int, ...]]  # words behind the key; a trade id counts from 0


def accepted(filled: int, at: int) -> Report:
    return r.ACCEPTED, (77, filled, at, meta())


def fill(qty: int, trade: int, **about: int) -> Report:
    return r.FILLED, (50, qty, trade, meta(**about))


def bust(qty: int, trade: int) -> Report:
    return r.BUSTED, (50, qty, trade, meta())


def end(kind: r.Kind, filled: int, at: int, why: Why = Why.ORDINARY) -> Report:
    return kind, (77, filled, at, meta(why=why))


def replaced(price: int, qty: int, at: int) -> Report:
    return r.REPLACED, (price, qty, at, meta(action=AMEND))


def refused(action: int, at: int) -> Report:
    return r.REQUEST_REJECTED, (2011, 0, at, meta(action=action))


class Case:
    """Seven reports, what we had done before, and where it must end."""

    def __init__(
        self, before: str, reports: Sequence[Report], state: str, filled: int, held: int, flaws: int = 0
    ) -> None:
        self.before, self.reports = before, list(reports)
        self.state, self.filled, self.held, self.flaws = OrderState[state], filled, held, flaws


CASES = {
    "filled": Case(
        "sent",
        [accepted(0, 1), fill(30, 0), accepted(30, 2), fill(30, 1), accepted(60, 3), fill(40, 2), accepted(100, 4)],
        "FILLED", 100, 100,
    ),
    "fills before anything else, of an order nobody answered about": Case(
        "silent",
        [fill(20, 0), fill(20, 1), fill(20, 2), fill(20, 3), accepted(0, 1), accepted(60, 4), accepted(80, 5)],
        "PARTIALLY_FILLED", 80, 80,
    ),
    "canceled between fills": Case(
        "cancel",
        [accepted(0, 1), fill(30, 0), accepted(30, 2), fill(20, 1), accepted(50, 3), end(r.CANCELED, 50, 4), refused(CANCEL, 5)],
        "CANCELED", 50, 50,
    ),
    "the cancel was refused": Case(
        "cancel",
        [accepted(0, 1), fill(30, 0), accepted(30, 2), refused(CANCEL, 3), refused(CANCEL, 3), fill(20, 1), accepted(50, 3)],
        "PARTIALLY_FILLED", 50, 50,
    ),
    "immediate or cancel": Case(
        "sent",
        [accepted(0, 1), fill(30, 0), fill(30, 1), accepted(30, 1), accepted(60, 1), end(r.EXPIRED, 60, 1, Why.UNFILLED), accepted(0, 1)],
        "EXPIRED", 60, 60,
    ),
    "more after the end than the end stated": Case(
        "sent",
        [accepted(0, 1), fill(30, 0), end(r.CANCELED, 30, 3), fill(40, 1), accepted(30, 2), accepted(70, 4), end(r.CANCELED, 30, 3)],
        "CANCELED", 70, 70, FILLED_AFTER_END,
    ),
    "filled although canceled": Case(
        "sent",
        [accepted(0, 1), fill(30, 0), end(r.CANCELED, 30, 3), fill(40, 1), fill(30, 2), accepted(30, 2), accepted(100, 5)],
        "FILLED", 100, 100, FILLED_AFTER_END,
    ),
    "filled, and half of it was never shown": Case(
        "sent",
        [accepted(0, 1), fill(30, 0), accepted(30, 2), accepted(60, 3), fill(20, 1), accepted(100, 4), accepted(100, 4)],
        "FILLED", 100, 50,
    ),
    "canceled, and a part was never shown": Case(
        "cancel",
        [accepted(0, 1), fill(30, 0), accepted(30, 2), end(r.CANCELED, 70, 4), fill(10, 1), accepted(70, 3), end(r.CANCELED, 70, 4)],
        "CANCELED", 70, 40,
    ),
    "two ends": Case(
        "sent",
        [accepted(0, 1), fill(30, 0), accepted(30, 2), end(r.CANCELED, 30, 3), end(r.EXPIRED, 30, 4, Why.EXPIRY),
         accepted(30, 2), accepted(0, 1)],
        "EXPIRED", 30, 30, CONTRADICTED,
    ),
    "amended": Case(
        "amend",
        [accepted(0, 1), fill(100, 0), replaced(55, 140, 3), accepted(100, 4), fill(20, 1), accepted(120, 5),
         (r.ORDER_STATED, (55, 140, 3, spec()))],
        "PARTIALLY_FILLED", 120, 120,
    ),
    "the amendment was refused": Case(
        "amend",
        [accepted(0, 1), fill(60, 0), accepted(60, 2), refused(AMEND, 3), fill(40, 1), accepted(100, 4), refused(AMEND, 3)],
        "FILLED", 100, 100,
    ),
    "amended, then canceled": Case(
        "amend",
        [accepted(0, 1), fill(60, 0), accepted(60, 2), replaced(55, 140, 3), end(r.CANCELED, 90, 6), fill(30, 1), accepted(90, 5)],
        "CANCELED", 90, 90,
    ),
    "rejected": Case(
        "sent",
        [(r.REJECTED, (2010, 0, 0, meta()))] * 3 + [end(r.REJECTED, 0, 0)] * 4,
        "REJECTED", 0, 0,
    ),
    "a rejection that life overtook": Case(
        "sent",
        [(r.REJECTED, (2010, 0, 0, meta())), accepted(0, 2), fill(30, 0), accepted(30, 3), accepted(30, 3), fill(10, 1), accepted(40, 4)],
        "PARTIALLY_FILLED", 40, 40, CONTRADICTED | FILLED_AFTER_END,
    ),
    "replaced by another": Case(
        "cancel",
        [accepted(0, 1), fill(30, 0), accepted(30, 2), (r.REPLACED, (50, 30, 4, meta(action=PLACE))),
         end(r.CANCELED, 30, 4), accepted(0, 1), accepted(30, 2)],
        "REPLACED", 30, 30,
    ),
    "taken back": Case(
        "sent",
        [accepted(0, 1), fill(30, 0), accepted(30, 2), fill(70, 1), accepted(100, 3), bust(70, 1), bust(70, 1)],
        "BUSTED", 100, 30, HAS_BUST,
    ),
    "an order of somebody else": Case(
        "foreign",
        [(r.ORDER_STATED, (50, 100, 1, spec())),
         accepted(0, 1), fill(30, 0), accepted(30, 2), fill(20, 1), accepted(50, 3), end(r.CANCELED, 50, 4)],
        "CANCELED", 50, 50, FILLED_FOREIGN,
    ),
}  # fmt: skip


def beginning(before: str, key: int, at: int) -> list[Row]:
    """What we did before the first report. `at`: sequence number of the first row."""
    if before == "foreign":
        return []
    rows = [row(r.DRAFTED, key, 50, 100, key >> 5, spec()), row(r.APPROVED, key, 1001, QUOTE, at, 1)]
    rows += [row(r.REQUESTED, key, 50, 100, at + 1, spec()), row(r.DISPATCHED, key, PLACE, SECOND, at + 2, meta())]
    if before == "silent":
        rows.append(row(r.SILENT, key, PLACE, 60 * SECOND, at + 2, meta()))
    elif before == "cancel":
        rows.append(row(r.CANCEL_REQUESTED, key, 0, 0, at, spec(action=CANCEL)))
    elif before == "amend":
        rows += [row(r.DRAFTED, key, 55, 140, 0, spec(action=AMEND)), row(r.APPROVED, key, 1701, QUOTE, at + 4, 1)]
        rows.append(row(r.AMEND_REQUESTED, key, 55, 140, at + 5, spec(action=AMEND)))
    return rows


def tell(case: Case, orderings: Sequence[Sequence[int]]) -> tuple[State, list[int]]:
    """The state after every ordering was told of an order of its own, and their places."""
    rows, keys = world(), []
    for number, ordering in enumerate(orderings):
        key = -1 - number if case.before == "foreign" else order_key(10**6 + number)
        keys.append(key)
        rows += beginning(case.before, key, len(rows) + 1)
        for report in ordering:
            kind, (one, two, three, four) = case.reports[report]
            if kind in (r.FILLED, r.BUSTED):
                three += number * TRADES
            rows.append(row(kind, key, one, two, three, four))
            if kind is r.FILLED:
                rows.append(row(r.FEE, key, 3, QUOTE, three, four))
    array = np.array(rows, ROW)
    array["flags"] &= 255 ^ STEP_END
    state = fold(new_state(), array, 1)
    return state, [int(find_order(state.orders, state.order_places, I(key), I(1))) for key in keys]


def check_listed(case: Case, state: State, places: list[int]) -> None:
    """What is not over, or owes trades, is in the open list; what is owed is held for, at the terms that were approved."""
    listed, at = set(), int(state.terms[1]["orders_ix"])
    while at >= 0:
        listed.add(at)
        at = int(state.orders[at]["next_ix"])
    owed = max(0, case.filled - case.held) if case.state.name in ("FILLED", "CANCELED") else 0
    assert (set(places) <= listed) if owed or not is_over(I(case.state)) else listed.isdisjoint(places)
    if owed:
        assert (state.orders[places]["hold"] == -(-1001 * owed // 100)).all()


def check(case: Case, orderings: Sequence[Sequence[int]]) -> None:
    """All ended the same, where the case says."""
    first = None
    for start in range(0, len(orderings), AT_ONCE):
        part = orderings[start : start + AT_ONCE]
        state, places = tell(case, part)
        assert min(places) >= 0
        table = state.orders[places]
        first = table[0] if first is None else first
        different = [name for name in FINAL if (table[name] & ~ANSWERED != first[name] & ~ANSWERED).any()]
        assert not different, (
            different,
            [part[at] for at in np.flatnonzero(table[different[0]] != first[different[0]])[:3]],
        )
        assert OrderState(int(first["state"])) is case.state
        assert max(first["filled"], first["traded"]) == case.filled
        assert first["marks"] & ALL_FLAWS == case.flaws
        position = state.positions[int(find_position(state, I(1), I(1), I(0), I(-1)))] if case.held else None
        assert (int(position["qty"]) if position is not None else 0) == case.held * len(part)
        assert state.desk[0]["contradictions"] == int(case.flaws).bit_count() * len(part)
        assert (state.terms[1]["frozen"] != 0) == (case.flaws != 0)
        check_listed(case, state, places)


@pytest.mark.parametrize("name", CASES)
def test_every_ordering_of_seven_reports(name: str) -> None:
    case = CASES[name]
    assert len(case.reports) == 7
    seen: dict[tuple[Report, ...], tuple[int, ...]] = {}
    for ordering in itertools.permutations(range(7)):
        seen.setdefault(tuple(case.reports[report] for report in ordering), ordering)
    check(case, list(seen.values())[::THIN])


@pytest.mark.parametrize("name", CASES)
def test_repeated_reports_change_nothing(name: str) -> None:
    case, chance = CASES[name], random.Random(name)
    orderings = []
    for _ in range(300 // THIN):
        ordering = [*range(7), *chance.choices(range(7), k=chance.randrange(1, 8))]
        chance.shuffle(ordering)
        orderings.append(ordering)
    check(case, [list(range(7)), *orderings])


def test_a_foreign_fill_freezes_with_its_reason() -> None:
    liquidation = Case("foreign", [fill(30, 0, why=Why.LIQUIDATION)], "PARTIALLY_FILLED", 30, 30, FILLED_FOREIGN)
    state, _ = tell(liquidation, [[0]])
    assert state.terms[1]["frozen"] == Refusal.LIQUIDATED
    state, _ = tell(Case("foreign", [fill(30, 0)], "PARTIALLY_FILLED", 30, 30), [[0]])
    assert state.terms[1]["frozen"] == Refusal.FILL_UNKNOWN_ORDER
