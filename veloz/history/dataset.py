"""A recording as a backtest reads it: its market rows alone, by steps, on the desk's clock or in the order of the venue's.

A recording is any journal with market rows. What else stands in it (links, sources, and decisions where it was made live) belongs to the
run that wrote it and is passed over; the instruments come with the result's own beginning. Memory does not grow with its length.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from veloz.contracts.layout import APPLIED, ROW, STEP_END
from veloz.contracts.registry import LEVEL, TRADE, VENUE_TRADE
from veloz.history.slabs import SlabReader
from veloz.reducers.limits import TIME_MAX_NS
from veloz.reducers.words import (
    FLAGS_SHIFT,
    INSTRUMENT_SHIFT,
    K_MARKET_LAST,
    KIND_MASK,
    RAW,
    WORD_MASK,
)  # fmt: skip

_WORD: Final = np.dtype("<i8")
_WORDS: Final = RAW.itemsize // _WORD.itemsize
HEAD, TS_RECV, TS_EVENT, FIFTH = 0, 1, 2, 7  # places of words in a row
_END: Final = STEP_END << int(FLAGS_SHIFT)
_APPLIED: Final = APPLIED << int(FLAGS_SHIFT)
_KIND, _INSTRUMENT, _MASK = int(KIND_MASK), int(INSTRUMENT_SHIFT), int(WORD_MASK)
_DESK_LAST, _VENUE_LAST = int(K_MARKET_LAST), VENUE_TRADE.number
_NO_ROWS: Final = np.zeros(0, RAW)


class Chunk(NamedTuple):
    """Some steps of a recording as the desk sees them."""

    rows: np.ndarray  # RAW[n], memory of its own; STEP_END on the last row of each step
    seqs: np.ndarray  # i8[n]: their numbers in the recording
    ends: np.ndarray  # i8[m]: one place behind the last row of each step
    times: np.ndarray  # i8[m]: engine time after each step

    def span(self, step: int) -> tuple[int, int]:
        """Where the rows of a step lie."""
        return int(self.ends[step - 1]) if step else 0, int(self.ends[step])


def words_of(rows: np.ndarray) -> np.ndarray:
    """Rows of any view as i8[n, 8], without a copy."""
    return np.ascontiguousarray(rows).view(_WORD).reshape(-1, _WORDS)


def joined(*parts: np.ndarray) -> np.ndarray:
    """Arrays of rows, one behind the other: ROW[n]. As words, which costs a tenth of what joining fields costs."""
    return np.concatenate([np.ascontiguousarray(part).view(_WORD) for part in parts]).view(ROW)


def desk_chunk(first_seq: int, rows: np.ndarray, shift_ns: int, now: int) -> Chunk | None:
    """The market rows of some whole steps, on the desk's clock; None where there are none.

    Args:
        first_seq: Number of `rows[0]` in the recording.
        rows: ROW[n]; the last one ends a step, whether it says so or not.
        shift_ns: What receive stamps are moved by.
        now: Engine time before them.
    """
    words = words_of(rows)
    kinds = words[:, HEAD] & _KIND
    ends = words[:, HEAD] & _END != 0
    ends[-1] = True
    seen = (kinds > 0) & (kinds <= _DESK_LAST)
    if seen.all():
        kept, seqs = words.copy(), np.arange(first_seq, first_seq + len(words))
    else:
        at = np.flatnonzero(seen)
        if not len(at):
            return None
        step = (np.cumsum(ends) - ends)[at]
        kept, seqs = words[at], first_seq + at
        ends = np.append(step[1:] != step[:-1], True)
    kept[:, HEAD] = (kept[:, HEAD] & ~_END) | (ends * _END)
    kept[:, TS_RECV] += shift_ns
    last = np.flatnonzero(ends)
    times = np.maximum(np.maximum.accumulate(np.minimum(kept[:, TS_RECV], TIME_MAX_NS))[last], now)
    return Chunk(kept.view(RAW).reshape(-1), seqs, last + 1, times)


def clear_end(rows: np.ndarray) -> None:
    """Take the step mark off the last row: what stands behind it belongs to the same step."""
    rows["head"][-1] &= ~_END


class VenueClock:
    """Venue times of rows in the recording's order: ts_event, else the last one of the instrument, else the receive stamp as moved."""

    def __init__(self, shift_ns: int, *, receive: bool = False) -> None:
        """`receive`: the venue's clock is the receive stamp (paper)."""
        self.shift_ns, self._receive = shift_ns, receive
        self._known: dict[int, int] = {}

    def times(self, words: np.ndarray) -> np.ndarray:
        """i8[n] of i8[n, 8], which come right behind those asked for before."""
        received = words[:, TS_RECV] + self.shift_ns
        if self._receive:
            return received
        stated = words[:, TS_EVENT]
        instruments = words[:, HEAD] >> _INSTRUMENT & _MASK
        times = np.where(stated > 0, stated, received)
        for instrument in np.unique(instruments).tolist():
            at = np.flatnonzero(instruments == instrument)
            known = np.maximum.accumulate(np.where(stated[at] > 0, np.arange(1, len(at) + 1), 0))
            before = self._known.get(instrument, 0)
            if (known == 0).any() and before:
                times[at[known == 0]] = before
            late = (stated[at] <= 0) & (known > 0)
            times[at[late]] = stated[at[known[late] - 1]]
            if known[-1]:
                self._known[instrument] = int(stated[at[known[-1] - 1]])
        return times


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
        self._newest = -(1 << 62)

    @property
    def whole_until(self) -> int:
        """Every row with a time below this was handed out, as far as rows were handed in."""
        return self._newest - self._back

    def add(self, rows: np.ndarray) -> np.ndarray:
        """Hand in rows of any view; RAW[n] that are known to be next, their venue time in `ts_event`, receive stamps moved."""
        words = venue_words(words_of(rows))
        if not len(words):
            return _NO_ROWS
        times = self._clock.times(words)
        self._newest = max(self._newest, int(times.max()))
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


def desk_chunks(path: Path, first: int, last: int, shift_ns: int) -> Iterator[Chunk]:
    """The desk's steps of a recording, from front to back.

    Args:
        path: The recording's journal.
        first, last: Rows of it that count.
        shift_ns: What receive stamps are moved by.
    """
    now = 0
    for first_seq, rows in SlabReader(path, first, last):
        chunk = desk_chunk(first_seq, rows, shift_ns, now)
        if chunk is not None:
            now = int(chunk.times[-1])
            yield chunk


class Cursor:
    """A place in a recording that is folded from front to back.

    Args:
        chunks: Its steps.
    """

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self._chunk: Chunk | None = None
        self._at = 0  # rows of the chunk that were handed out

    def until(self, seq: int) -> Iterator[np.ndarray]:
        """The rows up to a number of the recording that were not handed out before: RAW[n] each."""
        while True:
            if self._chunk is None or self._at == len(self._chunk.rows):
                self._chunk, self._at = next(self._chunks, None), 0
                if self._chunk is None:
                    return
            stop = int(np.searchsorted(self._chunk.seqs, seq, "right"))
            if stop <= self._at:
                return
            rows, self._at = self._chunk.rows[self._at : stop], stop
            yield rows
