"""A recording as a backtest's desk reads it: its market rows alone, by steps, on the desk's clock. The venue's side is `ordering`.

A recording is any journal with market rows. What else stands in it (links, sources, and decisions where it was made live) belongs to the
run that wrote it and is passed over; the instruments come with the result's own beginning. Memory does not grow with its length.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from veloz.contracts.layout import ROW, ROW_WORDS, STEP_END, WORD
from veloz.history.ordering import HEAD, TS_RECV, words_of
from veloz.history.slabs import SlabReader
from veloz.reducers.limits import TIME_MAX_NS
from veloz.reducers.words import FLAGS_SHIFT, K_MARKET_LAST, KIND_MASK, RAW

_END: Final = STEP_END << int(FLAGS_SHIFT)
_KIND, _DESK_LAST = int(KIND_MASK), int(K_MARKET_LAST)


class Chunk(NamedTuple):
    """Some steps of a recording as the desk sees them."""

    rows: np.ndarray  # RAW[n], memory of its own; STEP_END on the last row of each step
    seqs: np.ndarray  # i8[n]: their numbers in the recording
    ends: np.ndarray  # i8[m]: one place behind the last row of each step
    times: np.ndarray  # i8[m]: engine time after each step

    def span(self, step: int) -> tuple[int, int]:
        """Where the rows of a step lie."""
        return int(self.ends[step - 1]) if step else 0, int(self.ends[step])


def blocks(slabs: Iterable[tuple[int, np.ndarray]], most: int) -> Iterator[tuple[int, np.ndarray]]:
    """Slabs joined, as whole ones, to blocks of so many rows at most, but for slabs that are longer.

    Args:
        slabs: Number of the first row, and ROW[n]; one behind the other, each valid until the next is asked for.
        most: Rows of a block.

    Yields:
        Number of the first row, and ROW[n] in memory of its own; where a slab ended, a step does.
    """
    block, first, n = np.zeros((0, ROW_WORDS), WORD), 0, 0
    for begin, rows in slabs:
        if not len(rows):
            continue
        if n and (n + len(rows) > most or begin != first + n):
            yield first, block[:n].reshape(-1).view(ROW)
            n = 0
        if not n:
            block, first = np.empty((max(most, len(rows)), ROW_WORDS), WORD), begin
        block[n : n + len(rows)] = words_of(rows)
        n += len(rows)
        block[n - 1, HEAD] |= _END
    if n:
        yield first, block[:n].reshape(-1).view(ROW)


def desk_chunk(first_seq: int, rows: np.ndarray, shift_ns: int, now: int, *, owned: bool = False) -> Chunk | None:
    """The market rows of some whole steps, on the desk's clock; None where there are none.

    Args:
        first_seq: Number of `rows[0]` in the recording.
        rows: ROW[n]; the last one ends a step, whether it says so or not.
        shift_ns: What receive stamps are moved by.
        now: Engine time before them.
        owned: Nobody else needs `rows` any longer: the chunk may be made of their memory.
    """
    words = words_of(rows)
    kinds = words[:, HEAD] & _KIND
    ends = words[:, HEAD] & _END != 0
    ends[-1] = True
    seen = (kinds > 0) & (kinds <= _DESK_LAST)
    if seen.all():
        kept, seqs = words if owned else words.copy(), np.arange(first_seq, first_seq + len(words))
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
