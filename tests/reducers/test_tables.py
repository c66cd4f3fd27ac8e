"""Drawn tables: total, the same as the file in specs, every cell what the venue's text says."""

from enum import IntEnum
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from veloz.reducers import booksync, order_table
from veloz.reducers.booksync import (
    FUTURES_DRAWING,
    FUTURES_TABLE,
    SPOT_DRAWING,
    SPOT_TABLE,
    BookEvent,
    BookState,
    drawings,
    follow,
    relate,
)  # fmt: skip
from veloz.reducers.tables import STAY, parse_table, render_mermaid

BOOKLESS = (BookState.EMPTY, BookState.BROKEN)
DIFFS = (BookEvent.BEHIND, BookEvent.SAME, BookEvent.NEXT, BookEvent.ACROSS, BookEvent.AHEAD)


class Lamp(IntEnum):
    OFF = 0
    ON = 1


class Press(IntEnum):
    UP = 0
    DOWN = 1


def test_a_drawing_becomes_a_table() -> None:
    table = parse_table(Lamp, Press, "   DOWN UP\n ON OFF =\n OFF = ON")
    assert table.tolist() == [[Lamp.ON, STAY], [STAY, Lamp.OFF]]
    assert render_mermaid(Lamp, Press, table).splitlines()[2:] == ["    OFF --> ON: UP", "    ON --> OFF: DOWN"]


@pytest.mark.parametrize(
    "drawing",
    [
        "",
        "UP DOWN\nON = =",
        "UP\nON =\nOFF =",
        "UP DOWN\nON = =\nOFF =",
        "UP DOWN\nON = =\nOFF = RED",
        "UP DOWN\nON = =\nON = =",
    ],
)
def test_a_drawing_must_be_total(drawing: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_table(Lamp, Press, drawing)


def test_specs_hold_the_drawings(root: Path) -> None:
    assert (root / "specs/tables/booksync.txt").read_text() == drawings()
    assert (root / "specs/tables/orders.txt").read_text() == order_table.drawings()


@pytest.mark.parametrize(("futures", "table"), [(0, SPOT_TABLE), (1, FUTURES_TABLE)])
def test_every_cell(futures: int, table: np.ndarray) -> None:
    assert table.shape == (len(BookState), len(BookEvent))
    for state, event in product(BookState, BookEvent):
        target = int(table[state, event])
        assert int(follow(np.int64(futures), np.int64(state), np.int64(event))) == target
        assert target == STAY or BookState(target) is not None
        assert target == wanted(state, event, bool(futures)), (state, event)


def wanted(state: BookState, event: BookEvent, futures: bool) -> int:
    """The same table, said in words."""
    alive = state in (BookState.LOADED, BookState.SYNCED)
    if event in (BookEvent.SNAPSHOT, BookEvent.OLDER):
        return STAY if alive and event == BookEvent.OLDER else BookState.LOADING
    if event == BookEvent.COMPLETE:
        return BookState.LOADED if state == BookState.LOADING else STAY
    if event == BookEvent.HURT:
        return STAY if state in BOOKLESS else BookState.BROKEN if alive else BookState.EMPTY
    if not alive:
        return BookState.EMPTY if state == BookState.LOADING else state
    if event == BookEvent.NEXT or (event == BookEvent.ACROSS and state == BookState.LOADED):
        return BookState.SYNCED
    if event == BookEvent.SAME:
        return BookState.SYNCED if futures and state == BookState.LOADED else STAY
    return STAY if event == BookEvent.BEHIND else BookState.BROKEN


def test_never_valid_without_a_snapshot() -> None:
    for table in (SPOT_TABLE, FUTURES_TABLE):
        into = [(s, e) for s, e in product(BookState, BookEvent) if table[s, e] in (BookState.LOADED, BookState.SYNCED)]
        assert {s for s, e in into if table[s, e] == BookState.LOADED} == {BookState.LOADING}
        assert {s for s, e in into if table[s, e] == BookState.SYNCED} == {BookState.LOADED, BookState.SYNCED}


def test_every_diff_has_one_relation() -> None:
    for futures, first, last, prev in product((0, 1), range(8), range(8), range(8)):
        found = BookEvent(int(relate(*(np.int64(n) for n in (futures, first, last, prev, 4)))))
        assert found in DIFFS
        if found == BookEvent.NEXT:
            assert last > 4
            assert prev == 4 if futures else first == 5
        assert (found == BookEvent.BEHIND) == (last < 4)


def test_the_diagram_is_drawn_from_the_table() -> None:
    assert "BROKEN --> LOADING: SNAPSHOT, OLDER" in booksync.drawings()
    assert SPOT_DRAWING != FUTURES_DRAWING
