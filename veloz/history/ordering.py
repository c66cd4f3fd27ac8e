"""Rows of a recording in the order in which a venue saw them: its times, which rows it holds, and how far ahead that can be known."""

from typing import Final

import numpy as np

from veloz.contracts.layout import APPLIED, ROW
from veloz.contracts.registry import LEVEL, TRADE, VENUE_TRADE
from veloz.reducers.words import FLAGS_SHIFT, INSTRUMENT_SHIFT, KIND_MASK, RAW, WORD_MASK

_WORD: Final = np.dtype("<i8")
_WORDS: Final = RAW.itemsize // _WORD.itemsize
HEAD, TS_RECV, TS_EVENT, FIFTH = 0, 1, 2, 7  # places of words in a row
_APPLIED: Final = APPLIED << int(FLAGS_SHIFT)
_KIND, _INSTRUMENT, _MASK = int(KIND_MASK), int(INSTRUMENT_SHIFT), int(WORD_MASK)
_VENUE_LAST: Final = VENUE_TRADE.number
_NO_ROWS: Final = np.zeros(0, RAW)


def words_of(rows: np.ndarray) -> np.ndarray:
    """Rows of any view as i8[n, 8], without a copy."""
    return np.ascontiguousarray(rows).view(_WORD).reshape(-1, _WORDS)


def joined(*parts: np.ndarray) -> np.ndarray:
    """Arrays of rows, one behind the other: ROW[n]. As words, which costs a tenth of what joining fields costs."""
    return np.concatenate([np.ascontiguousarray(part).view(_WORD) for part in parts]).view(ROW)


class VenueClock:
    """Venue times of rows in the recording's order: ts_event, else the last one of the instrument, else the receive stamp as moved.

    Args:
        shift_ns: What receive stamps are moved by.
        receive: The venue's clock is the greatest receive stamp so far (paper): it knows what we know, when we know it.
    """

    def __init__(self, shift_ns: int, *, receive: bool = False) -> None:
        self.shift_ns, self._receive = shift_ns, receive
        self._known: dict[int, int] = {}
        self._newest = -(1 << 62)

    def times(self, words: np.ndarray) -> np.ndarray:
        """i8[n] of i8[n, 8], which come right behind those asked for before."""
        received = words[:, TS_RECV] + self.shift_ns
        if self._receive:
            times = np.maximum(np.maximum.accumulate(received), self._newest)
            self._newest = int(times[-1]) if len(times) else self._newest
            return times
        stated = words[:, TS_EVENT]
        if not len(words) or not (self._known or (stated > 0).any()):
            return received
        instruments = words[:, HEAD] >> _INSTRUMENT & _MASK
        order = np.argsort(instruments, kind="stable")
        stated, instruments, times = stated[order], instruments[order], received[order]
        begins = np.flatnonzero(np.diff(instruments, prepend=-1))  # of each instrument's rows, in the order of time
        counts = np.diff(begins, append=len(order))
        newest = np.maximum.accumulate(np.where(stated > 0, np.arange(len(order)), -1))
        told = newest >= np.repeat(begins, counts)
        before = np.array([self._known.get(each, 0) for each in instruments[begins].tolist()], np.int64)
        earlier = np.repeat(before, counts)
        times = np.where(told, stated[newest], np.where(earlier > 0, earlier, times))
        ends = begins + counts - 1
        newer = ends[told[ends]]
        self._known.update(zip(instruments[newer].tolist(), stated[newest[newer]].tolist(), strict=True))
        found = np.empty_like(times)
        found[order] = times
        return found


def venue_words(words: np.ndarray) -> np.ndarray:
    """Those rows that the venue's side of a recording holds: i8[n, 8] of market rows of any side."""
    head = words[:, HEAD]
    kinds = head & _KIND
    there = (kinds > 0) & (kinds <= _VENUE_LAST)
    unseen = (kinds == TRADE.number) | ((kinds == LEVEL.number) & (head & _APPLIED != 0))
    return np.asarray(words[there & ~(unseen & (words[:, FIFTH] == 1))])


class VenueOrder:
    """Rows of a recording, handed in as they stand there, handed out by venue time; of equal times as they stand.

    Args:
        clock: Their times.
        back_ns: No row has a time so much below that of a row before it. More only means more memory.
    """

    def __init__(self, clock: VenueClock, back_ns: int) -> None:
        self._clock, self._back = clock, back_ns
        self._waiting = np.zeros((0, _WORDS), _WORD)
        self.newest = -(1 << 62)  # of all times handed in

    @property
    def whole_until(self) -> int:
        """Every row with a time below this was handed out, as far as rows were handed in."""
        return self.newest - self._back

    def add(self, rows: np.ndarray) -> np.ndarray:
        """Hand in rows of any view; RAW[n] that are known to be next, their venue time in `ts_event`, receive stamps moved."""
        words = venue_words(words_of(rows))
        if not len(words):
            return _NO_ROWS
        times = self._clock.times(words)
        self.newest = max(self.newest, int(times.max()))
        kept = words.copy()
        kept[:, TS_EVENT] = times
        kept[:, TS_RECV] += self._clock.shift_ns
        if len(self._waiting):
            kept = np.concatenate([self._waiting, kept])
        order = np.argsort(kept[:, TS_EVENT], kind="stable")
        ready = int(np.searchsorted(kept[order, TS_EVENT], self.whole_until))
        self._waiting = kept[order[ready:]]
        return kept[order[:ready]].view(RAW).reshape(-1)

    def rest(self) -> np.ndarray:
        """The rows that still wait, where no more are handed in: RAW[n]."""
        waiting, self._waiting = self._waiting, self._waiting[:0]
        return waiting.view(RAW).reshape(-1)
