"""Middle prices of a recording at given moments, on the venue's clock: what executions are measured by, and what a chart draws.

The recording is folded once more, in the order of the venue's times, into a state of its own that holds nothing but markets.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from veloz.backtest.prelude import listing_rows
from veloz.backtest.world import World
from veloz.contracts.registry import LEVEL, TRADE, VENUE_LEVEL, VENUE_TRADE
from veloz.history.ordering import HEAD, TS_EVENT, TS_RECV, VenueClock, VenueOrder, words_of
from veloz.history.results import Naming
from veloz.history.slabs import SlabReader
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state
from veloz.reducers.view import best
from veloz.reducers.words import KIND_MASK, RAW

UNKNOWN: Final = int(np.iinfo(np.int64).min)
_KIND: Final = int(KIND_MASK)
_SAME: Final = ((VENUE_LEVEL.number, LEVEL.number), (VENUE_TRADE.number, TRADE.number))


def mids_at(
    path: Path, naming: Naming, back_ns: int, world: World, moments: np.ndarray, *, before: np.ndarray
) -> np.ndarray:
    """Twice the middle price of every traded instrument at each moment.

    Args:
        path: The recording's journal.
        naming: Which rows of it, and how they are moved.
        back_ns: Of the survey.
        world: What is traded.
        moments: i8[n], ascending, on the venue's clock.
        before: bool[n]: without the rows of that very instant.

    Returns:
        i8[n, instruments], in the order of `world.traded`; `UNKNOWN` where there is no book to be believed.
    """
    found = np.full((len(moments), len(world.traded)), UNKNOWN, np.int64)
    rows = listing_rows(world, 0)
    state = fold(new_state(), rows.rows(), 1)
    at = 0
    for block in _blocks(path, naming, back_ns):
        times, done = block["ts_event"], 0
        while at < len(moments) and moments[at] <= times[-1]:
            end = int(np.searchsorted(times, moments[at], "left" if before[at] else "right"))
            state = _folded(state, block[done:end])
            done = max(done, end)
            found[at] = _mids(state, world)
            at += 1
        state = _folded(state, block[done:])
    found[at:] = _mids(state, world)
    return found


def _folded(state: State, rows: np.ndarray) -> State:
    return fold(state, rows, int(state.clock[0]["seq"]) + 1) if len(rows) else state


def _blocks(path: Path, naming: Naming, back_ns: int) -> Iterator[np.ndarray]:
    """The venue's rows as a desk would fold them that stood beside the venue: RAW[n]."""
    order = VenueOrder(VenueClock(naming.shift_ns, receive=naming.paper), back_ns)
    for _, rows in SlabReader(path, naming.folded_from, naming.last_seq):
        yield from beside(order.add(rows))
    yield from beside(order.rest())


def beside(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of the venue's side as a desk would fold them that stood beside it: RAW[n], in the memory of `rows`, once; never none."""
    if len(rows):
        words = words_of(rows)
        words[:, TS_RECV] = words[:, TS_EVENT]
        for venue, desk in _SAME:
            words[words[:, HEAD] & _KIND == venue, HEAD] += desk - venue
        yield words.view(RAW).reshape(-1)


def _mids(state: State, world: World) -> list[int]:
    sides = (best(state, each.number) for each in world.traded)
    return [UNKNOWN if pair is None else pair[0] + pair[1] for pair in sides]
