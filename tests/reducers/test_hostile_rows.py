"""Rows with any numbers in any word of any trading kind: nothing is raised, and no table grows further than its numbers may go."""

from random import Random

import numpy as np

from tests.reducers.order_rows import Story, meta
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW, STEP_END
from veloz.reducers.bits import NOT_TRADING, ROOM_OF
from veloz.reducers.desk import ACCOUNTS_MAX, ASSETS_MAX, STRATEGIES_MAX
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state

KINDS = [k.number for k in r.KINDS if ROOM_OF[k.number] != NOT_TRADING] + [r.LISTED.number, r.CHANGED.number]
WORDS = ("venue_seq", "price", "qty", "ref", "aux")
SMALL = (0, 1, 2, 3, 4, 5, 8, 18, 19, 255, 256, 1000, 1023, 1024, -1, -2)
MOST_BYTES = 1 << 20


def story() -> np.ndarray:
    """A world, an order in it that was filled in part, and a fee."""
    told = Story().dispatched().say(r.ACCEPTED, 77, 0, 1, meta()).say(r.FILLED, 50, 10, 5, meta())
    return told.say(r.FEE, 3, 2, 5, meta()).say(r.ACCEPTED, 77, 10, 2, meta()).array()


def hostile(draw: Random, rows: np.ndarray) -> int:
    which = draw.randrange(4)
    if which == 0:
        return draw.choice(SMALL)
    if which == 1:
        return draw.choice((1, -1)) * (1 << draw.randrange(63)) + draw.choice((-1, 0, 1))
    if which == 2:
        return draw.randrange(-(2**63), 2**63)
    return int(rows[draw.randrange(len(rows))][draw.choice(WORDS)])


def size(state: tuple[np.ndarray, ...]) -> int:
    return sum(array.nbytes for array in state)


def test_hostile_words_of_every_kind_raise_nothing_and_take_little_room() -> None:
    rows = story()
    room = size(fold(new_state(), rows, 1)) + MOST_BYTES
    for kind in KINDS:
        draw, bad = Random(kind), [rows]
        for k in range(15):
            row = np.array([(kind, 1, STEP_END, 1, 10**9, 0, 1, 1, 1, 1, 1)], ROW)
            for name in WORDS:
                row[name] = hostile(draw, rows) if name == WORDS[k % 5] or draw.random() < 0.3 else 1
            if kind == r.OPENED.number and 0 < row["venue_seq"][0] < ACCOUNTS_MAX:
                row["venue_seq"] = 2  # the largest that may be are the next test's
            bad.append(row)
        assert size(fold(new_state(), np.concatenate([*bad, rows[-3:]]), 1)) < room, kind


def test_a_number_that_sizes_a_table_is_bounded_even_where_the_table_grows_anyway() -> None:
    """Tables are made at the very row that names the number: the first of the trading rows."""
    for kind, table, most in (
        (r.OPENED, "accounts", ACCOUNTS_MAX), (r.ASSET, "assets", ASSETS_MAX), (r.COMMAND_STRATEGY, "strategies", STRATEGIES_MAX),
    ):  # fmt: skip
        for number in (most - 1, most, most + 1, 1 << 31, (1 << 38) + 1, 2**63 - 1, -1, -(2**63)):
            row = np.array([(kind.number, 1, STEP_END, 0, 10**9, 0, number, 1, 0, 0, 0)], ROW)
            places = len(getattr(fold(new_state(), row, 1), table))
            assert places == most if number == most - 1 else places < most, (table, number)


def test_scales_and_increments_that_no_instrument_has_change_nothing() -> None:
    scales = 2 | 3 << 8 | 1 << 16
    for words in (
        (scales | 0xFF, 1, 1, 10**8, 1),
        (19 << 8, 1, 1, 10**8, 1),
        (scales, -1, 1, 10**8, 1),
        (scales, 1, 1, -(2**63), 1),
    ):
        bad = np.array([(r.CHANGED.number, 1, STEP_END, 1, 10**9, 0, *words)], ROW)
        rows = story()
        state, as_was = fold(new_state(), np.concatenate([rows, bad]), 1), fold(new_state(), rows, 1)
        assert state.instruments.tobytes() == as_was.instruments.tobytes()
        assert state.clock[0]["rows_unlisted"] == as_was.clock[0]["rows_unlisted"] + 1
