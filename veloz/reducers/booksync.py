"""When a book may be believed: the venue's snapshot-and-diff procedure as two drawn tables.

A diff states U (its first update id), u (its last) and, on futures, pu (the u of the diff before). With L the last id of the book:

    BEHIND  u < L                         SNAPSHOT  a whole book begins, not older than this one
    SAME    u = L                         OLDER     a whole book begins, older than this one
    NEXT    u > L and U = L + 1           COMPLETE  its last row
            (futures: pu = L)             HURT      a message was cut off, or holds what no book can
    ACROSS  u > L, not NEXT, U <= L
    AHEAD   a hole lies between

EMPTY and BROKEN have no book: their diffs are held back for the next snapshot, as many as fit; the oldest whole messages go first.
LOADED is a book as of its snapshot, true but not yet proved to join the stream; SYNCED has been joined. A snapshot that
completes is followed at once by the diffs that were held. A snapshot not older than a living book replaces it.

Source: developers.binance.com, "How to manage a local order book correctly", spot and futures.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from veloz.contracts.codes import Market
from veloz.contracts.kernel import kernel
from veloz.reducers.tables import parse_table, render_mermaid
from veloz.reducers.words import I


class BookState(IntEnum):
    """How far a book can be believed."""

    EMPTY = 0
    LOADING = 1
    LOADED = 2
    SYNCED = 3
    BROKEN = 4


class BookEvent(IntEnum):
    """What a message means to the book in hand."""

    SNAPSHOT = 0
    OLDER = 1
    COMPLETE = 2
    BEHIND = 3
    SAME = 4
    NEXT = 5
    ACROSS = 6
    AHEAD = 7
    HURT = 8


SPOT_DRAWING: Final = """
         SNAPSHOT  OLDER    COMPLETE  BEHIND  SAME    NEXT    ACROSS  AHEAD   HURT
EMPTY    LOADING   LOADING  =         EMPTY   EMPTY   EMPTY   EMPTY   EMPTY   =
LOADING  LOADING   LOADING  LOADED    EMPTY   EMPTY   EMPTY   EMPTY   EMPTY   EMPTY
LOADED   LOADING   =        =         =       =       SYNCED  SYNCED  BROKEN  BROKEN
SYNCED   LOADING   =        =         =       =       SYNCED  BROKEN  BROKEN  BROKEN
BROKEN   LOADING   LOADING  =         BROKEN  BROKEN  BROKEN  BROKEN  BROKEN  =
"""

FUTURES_DRAWING: Final = """
         SNAPSHOT  OLDER    COMPLETE  BEHIND  SAME    NEXT    ACROSS  AHEAD   HURT
EMPTY    LOADING   LOADING  =         EMPTY   EMPTY   EMPTY   EMPTY   EMPTY   =
LOADING  LOADING   LOADING  LOADED    EMPTY   EMPTY   EMPTY   EMPTY   EMPTY   EMPTY
LOADED   LOADING   =        =         =       SYNCED  SYNCED  SYNCED  BROKEN  BROKEN
SYNCED   LOADING   =        =         =       =       SYNCED  BROKEN  BROKEN  BROKEN
BROKEN   LOADING   LOADING  =         BROKEN  BROKEN  BROKEN  BROKEN  BROKEN  =
"""

SPOT_TABLE: Final = parse_table(BookState, BookEvent, SPOT_DRAWING)
FUTURES_TABLE: Final = parse_table(BookState, BookEvent, FUTURES_DRAWING)
_FLAT: Final = np.ascontiguousarray(np.stack([SPOT_TABLE, FUTURES_TABLE]).reshape(-1))
_STATES: Final = I(len(BookState))
_EVENTS: Final = I(len(BookEvent))

S_EMPTY, S_LOADING, S_LOADED = I(BookState.EMPTY), I(BookState.LOADING), I(BookState.LOADED)
S_SYNCED, S_BROKEN = I(BookState.SYNCED), I(BookState.BROKEN)
E_SNAPSHOT, E_OLDER, E_COMPLETE = I(BookEvent.SNAPSHOT), I(BookEvent.OLDER), I(BookEvent.COMPLETE)
E_BEHIND, E_SAME, E_NEXT = I(BookEvent.BEHIND), I(BookEvent.SAME), I(BookEvent.NEXT)
E_ACROSS, E_AHEAD, E_HURT = I(BookEvent.ACROSS), I(BookEvent.AHEAD), I(BookEvent.HURT)


def drawings() -> str:
    """The text of `specs/tables/booksync.txt`: both drawings and the diagram of each."""
    parts = []
    for name, drawing, table in (("spot", SPOT_DRAWING, SPOT_TABLE), ("futures", FUTURES_DRAWING, FUTURES_TABLE)):
        parts.append(f"# {name}\n{drawing}\n{render_mermaid(BookState, BookEvent, table)}")
    return "\n".join(parts)


def is_futures(market: int) -> bool:
    """Which of the two tables an instrument of this market follows."""
    return market in (Market.BINANCE_USDM, Market.BINANCE_COINM)


@kernel
def relate(futures: I, first: I, last: I, prev: I, book: I) -> I:
    """How a diff (U, u, pu) lies to a book whose last id is `book`. Ids are not negative."""
    if last < book:
        return E_BEHIND
    if last == book:
        return E_SAME
    if futures != 0:
        if prev == book:
            return E_NEXT
    elif first - book == 1:
        return E_NEXT
    if first <= book:
        return E_ACROSS
    return E_AHEAD


@kernel
def follow(futures: I, state: I, event: I) -> I:
    """The state that follows, or STAY (-1)."""
    return I(_FLAT[(futures * _STATES + state) * _EVENTS + event])
