"""Reading a state: books, merged books, bars and the health of feeds. Nothing here changes anything."""

from typing import NamedTuple

from veloz.reducers.booksync import BookState
from veloz.reducers.state import State
from veloz.reducers.windows import levels_of

Levels = list[tuple[int, int]]
TRADABLE = (BookState.LOADED, BookState.SYNCED)


class Top(NamedTuple):
    """The best levels of a book, best first, in quanta."""

    synced: bool
    bids: Levels
    asks: Levels
    update_id: int


class Bar(NamedTuple):
    """One bar in quanta; `volume` of base or contracts, `quote` in price quanta times quantity quanta."""

    ts_open: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    buy_volume: int
    quote: int
    trades: int
    amended: int  # late trades in it
    closed: bool

    @property
    def sell_volume(self) -> int:
        """Volume whose taker sold."""
        return self.volume - self.buy_volume

    @property
    def vwap(self) -> tuple[int, int]:
        """Volume-weighted price in price quanta, as an exact fraction (numerator, denominator); the latter is 0 without volume."""
        return self.quote, self.volume


def slot_of(state: State, instrument: int) -> int:
    """The market slot of an instrument number, or -1."""
    return int(state.instruments[instrument]["slot"]) if 0 <= instrument < len(state.instruments) else -1


def is_synced(state: State, instrument: int) -> bool:
    """Whether the instrument has a book that may be believed and traded on."""
    slot_ix = slot_of(state, instrument)
    return slot_ix >= 0 and int(state.slots[slot_ix]["state"]) in TRADABLE


def _side(state: State, side_ix: int) -> Levels:
    """All levels of a side, best first."""
    keys, qtys = levels_of(state, side_ix)
    sign = -1 if side_ix % 2 else 1
    return list(zip((sign * keys[::-1]).tolist(), qtys[::-1].tolist(), strict=True))


def top(state: State, instrument: int, levels: int) -> Top:
    """The best levels of an instrument's book.

    Args:
        state: State.
        instrument: Its number.
        levels: How many of each side, at most; 0 or less = all.

    Returns:
        Prices and quantities in quanta, best first; empty, with `synced` False, when there is no book to be believed.
    """
    if not is_synced(state, instrument):
        return Top(False, [], [], 0)
    slot_ix = slot_of(state, instrument)
    bids, asks = _side(state, 2 * slot_ix), _side(state, 2 * slot_ix + 1)
    many = levels if levels > 0 else max(len(bids), len(asks))
    return Top(True, bids[:many], asks[:many], int(state.slots[slot_ix]["last_id"]))
