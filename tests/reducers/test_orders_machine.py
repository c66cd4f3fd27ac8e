"""Any drafts, verdicts, requests, outcomes and reports, in any order, repeated, with restarts: the state says what the twin says."""

import itertools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lanes import cases
from tests.oracles.naive_orders import NaiveOrders
from tests.reducers.compare_orders import assert_orders_equal
from tests.reducers.order_rows import AMEND, CANCEL, PLACE, QUOTE, SECOND, Row, meta, row, spec, world
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.terms import Why, order_key
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state, state_hash

STEPS = 50
STEP = 10  # rows; what is settled at the end of one is not looked at here
OURS = [order_key(1001 + number) for number in range(4)]
FOREIGN = [-7, -8]
WHYS = [Why.ORDINARY, Why.UNFILLED, Why.LIQUIDATION]
ACTIONS = [PLACE, CANCEL, AMEND]
ENDS = [r.CANCELED, r.CANCELED, r.EXPIRED, r.REJECTED, r.REPLACED]

# Three bytes a step: what happens · to which order · three small numbers that mean what the happening makes of them.
stories = st.binary(min_size=3 * STEPS, max_size=3 * STEPS)


class Author:
    """Turns steps into rows; it only remembers where drafts stand and what time it is."""

    def __init__(self) -> None:
        self.rows: list[Row] = world()
        self.seconds = 1
        self.drafts: dict[int, int] = {}

    def add(self, kind: r.Kind, *words: int, instrument: int) -> int:
        self.rows.append(row(kind, *words, instrument=instrument, ts=self.seconds * SECOND))
        return len(self.rows)

    def tell(self, story: bytes) -> np.ndarray:
        """All steps of a story, as rows."""
        for at in range(0, len(story), 3):
            what, which, numbers = story[at : at + 3]
            self.step(what % 28, which % 10, numbers % 8, numbers // 8 % 8, which // 10 % 8)
        rows = np.array(self.rows, ROW)
        rows["flags"] &= 255 ^ STEP_END
        rows["flags"][::STEP] |= STEP_END
        return rows

    def step(self, what: int, which: int, a: int, b: int, c: int) -> None:
        key = FOREIGN[which - 8] if which >= 8 else OURS[which % 4]
        instrument = 1 + which % 2
        if key > 0 and key not in self.drafts and what != 27:
            self.draft(key, instrument, a, b)
        elif what < 10:
            self.report(what, key, instrument, a, b, c)
        elif what < 20:
            self.ours(what, key, instrument, a, b, c)
        elif what < 26:
            self.report(what % 6, key, instrument, a, b, c)
        elif what == 26:
            self.add(r.STARTED, 1 + c, instrument=0)
        else:
            self.seconds += 1 + 20 * a

    def draft(self, key: int, instrument: int, a: int, b: int) -> None:
        """Most drafts are approved and sent; some stop on the way."""
        price, qty = 50 + b, (20, 40, 60, 60)[b % 4]
        at = self.drafts[key] = self.add(
            r.DRAFTED, key, price, qty, key >> 5, spec(strategy=b % 2), instrument=instrument
        )
        if a == 7:
            self.add(r.GATE_REFUSED, key, 1, 2, at, 223, instrument=instrument)
        elif a:
            self.add(r.APPROVED, key, 700 + b, QUOTE, at, 1, instrument=instrument)
        if 1 < a < 7:
            self.add(r.REQUESTED, key, price, qty, at + 1, spec(), instrument=instrument)
        if 2 < a < 7:
            self.add(r.DISPATCHED, key, PLACE, SECOND, at + 2, meta(), instrument=instrument)

    def amend(self, key: int, instrument: int, a: int, b: int) -> None:
        price, qty = 45 + b, 20 + 10 * a
        at = self.add(r.DRAFTED, key, price, qty, 0, spec(action=AMEND), instrument=instrument)
        if b == 7:
            self.add(r.GATE_REFUSED, key, 1, 2, at, 223, instrument=instrument)
        elif b:
            self.add(r.APPROVED, key, 500 + 100 * b, QUOTE, at, 1, instrument=instrument)
            self.add(r.AMEND_REQUESTED, key, price, qty, at + 1, spec(action=AMEND), instrument=instrument)

    def report(self, what: int, key: int, instrument: int, a: int, b: int, c: int) -> None:
        about = meta(why=WHYS[c % 3])
        if what in (0, 6):
            self.add(r.ACCEPTED, key, 77, 10 * (a % 5), b, about, instrument=instrument)
        elif what in (1, 2, 7):
            self.add(
                r.FILLED,
                key,
                50 + a % 4,
                10 + 5 * (a % 4),
                900 + a,
                meta(sell=a % 2, why=WHYS[c % 3]),
                instrument=instrument,
            )
            if c % 2:
                self.add(r.FEE, key, 3, QUOTE, 900 + a, about, instrument=instrument)
        elif what in (3, 8):
            self.add(ENDS[a % 5], key, 77, 10 * b, c, about, instrument=instrument)
        elif what == 4:
            self.add(r.REPLACED, key, 45 + b, 20 + 10 * a, c, meta(action=AMEND), instrument=instrument)
        elif what == 5:
            self.add(
                r.REQUEST_REJECTED, key, 2011, 10 * (a // 6), b, meta(action=ACTIONS[c % 3]), instrument=instrument
            )
        else:
            kinds = (
                (r.ORDER_STATED, 45 + b, 20 + 10 * a, c, spec(sell=a % 2)),
                (r.BUSTED, 50 + a % 4, 10 + 5 * (a % 4), 900 + a, meta(sell=a % 2)),
            )
            self.add(kinds[c // 6][0], key, *kinds[c // 6][1:], instrument=instrument)

    def ours(self, what: int, key: int, instrument: int, a: int, b: int, c: int) -> None:
        draft = self.drafts.get(key, 0)
        if what == 10:
            self.amend(key, instrument, a, b)
        elif what in (11, 12):
            self.add(r.CANCEL_REQUESTED, key, 0, 0, draft, spec(action=CANCEL), instrument=instrument)
        elif what == 13:
            self.add(r.NOT_SENT, key, ACTIONS[a % 3], 1, draft, meta(), instrument=instrument)
        elif what in (14, 15):
            self.add(
                r.SILENT,
                key,
                ACTIONS[a % 3],
                (0, 30 * SECOND, 90 * SECOND)[b % 3],
                draft,
                meta(),
                instrument=instrument,
            )
        elif what in (16, 17):
            proof = 7 if c else b
            self.add(r.MISSING, key, proof, 0, (60 + 10 * a + 30 * b) * SECOND, meta(), instrument=instrument)
        elif what == 18:
            verdicts: tuple[Any, ...] = ((r.APPROVED, 900, QUOTE, draft, 1), (r.GATE_REFUSED, 1, 2, draft, 223))
            self.add(verdicts[a % 2][0], key, *verdicts[a % 2][1:], instrument=instrument)
        else:
            kind = r.DISPATCHED if a else r.DRAFTED
            words = (ACTIONS[b % 3], SECOND, draft, meta()) if a else (50, 10, 0, spec())
            self.add(kind, key, *words, instrument=instrument)


@settings(max_examples=cases(2000, 250, 600))
@given(stories, st.lists(st.integers(1, 1000), min_size=2, max_size=5))
def test_orders_are_what_the_twin_says(story: bytes, cuts: list[int]) -> None:
    rows = Author().tell(story)
    places = [0, *sorted(cut % len(rows) for cut in cuts), len(rows)]
    state, twin = new_state(), NaiveOrders()
    for start, end in itertools.pairwise(places):
        state = fold(state, rows[start:end], start + 1)
        twin.fold(rows[start:end], start + 1)
        if state.desk[0]["open"] and len(state.accounts):
            assert_orders_equal(state, twin)


@settings(max_examples=20)
@given(stories)
def test_orders_do_not_know_how_rows_were_cut(story: bytes) -> None:
    rows = Author().tell(story)
    state = new_state()
    for at in range(len(rows)):
        state = fold(state, rows[at : at + 1], at + 1)
    assert state_hash(fold(new_state(), rows, 1)) == state_hash(state)
