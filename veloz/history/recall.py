"""The state as of a record: from the newest snapshot that fits, or from the first row."""

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from blake3 import blake3

from journal import Reader, View, snapshots
from veloz.contracts.registry import STARTED
from veloz.engine.replay import Replay
from veloz.engine.warm import warm, warm_step, warm_trading
from veloz.history.dataset import Cursor
from veloz.history.results import fold_data, open_data, read_naming, split
from veloz.history.slabs import SlabReader
from veloz.reducers.bits import NOT_TRADING, ROOM_OF
from veloz.reducers.state import State, dump_state, fingerprint, load_state, new_state, state_hash

_TRADING = frozenset(kind for kind in range(len(ROOM_OF)) if ROOM_OF[kind] != NOT_TRADING)
_MEMORY = struct.Struct("<Q")  # size of the strategies' memory, which lies before the state
WARMED: Final = {"rows": warm, "trading": warm_trading, "steps": warm_step}  # a later one compiles those before it, too
Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass
class Recall:
    """A folded journal: the state, what it took, and where it began."""

    replay: Replay
    snapshot_used: int | None
    seconds: float  # from the first read transaction to the last fold
    rows: int  # folded within that time
    frames: int = 0  # raw frames that were read again

    @property
    def state(self) -> State:
        """The state after the last row."""
        return self.replay.state

    @property
    def records_per_second(self) -> float:
        """Rows over the time it took to read, check and fold them."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


def link_at(view: View, seq: int) -> bytes | None:
    """Digest of the batch that holds `seq`, which names all history up to it; None when there is no such row."""
    batch = view.batch_at(seq)
    return None if batch is None else batch.digest


@dataclass(frozen=True)
class Kept:
    """What a snapshot holds: the state after `seq`, and what strategies remembered there (empty: that was not known)."""

    seq: int
    state: State
    memory: bytes


def find_kept(path: Path, at_most: int) -> Kept | None:
    """The newest snapshot of this very history, at or below a sequence number."""
    if at_most < 1 or read_naming(path) is not None:  # data are folded from their first row, so a result is too
        return None
    with Reader.open(path) as reader, reader.view() as view:
        found = snapshots.newest(
            path, at_most=at_most, fingerprint=_fingerprint(), link_of=lambda seq: link_at(view, seq)
        )
    if found is None:
        return None
    size = _MEMORY.unpack_from(found.payload)[0]
    begin = _MEMORY.size + size
    return Kept(found.seq, load_state(found.payload[begin:]), found.payload[_MEMORY.size : begin])


def find_snapshot(path: Path, at_most: int) -> tuple[int, State] | None:
    """The same as (seq, state)."""
    found = find_kept(path, at_most)
    return None if found is None else (found.seq, found.state)


def _fingerprint() -> bytes:
    """Of the state's layout, with what strategies remember in front of it."""
    return blake3(b"memory" + fingerprint()).digest(16)


def needed_for(path: Path, last: int, *, deciding: bool = False) -> list[str]:
    """What of `WARMED` rows up to `last` need: nothing for trading where the journal has none of it.

    Args:
        path: The journal's directory.
        last: Last row that will be folded.
        deciding: Whether decisions will be taken too.
    """
    needed = ["rows"]
    if _holds(path, last, _TRADING):
        needed.append("trading")
    if deciding and _holds(path, last, _TRADING | {STARTED.number}):
        needed.append("steps")
    return needed


def _holds(path: Path, last: int, kinds: frozenset[int]) -> bool:
    """Whether any of some kinds is among rows up to `last`, as the headers of batches say."""
    with Reader.open(path) as reader:
        return any(True for _ in reader.scan(1, last, kinds, check=False))


def recall(
    path: Path,
    *,
    last: int | None = None,
    count_from: int = 1,
    use_snapshot: bool = True,
    on_progress: Progress | None = None,
) -> Recall:
    """Fold a journal up to `last`.

    Args:
        path: The journal's directory.
        last: Last row folded; None = the head.
        count_from: Rows from here on are counted; the state before it may come from a snapshot.
        use_snapshot: False folds from row 1.
        on_progress: Called after every slab.

    Raises:
        journal.ReadError: The journal cannot be read, or a batch is damaged.
    """
    found = find_snapshot(path, count_from - 1) if use_snapshot and count_from > 1 else None
    seq, state = found or (0, new_state())
    replay = Replay(state, count_from=count_from, last_seq=seq)
    return _fold(path, replay, last, seq if found else None, on_progress)


def _fold(path: Path, replay: Replay, last: int | None, snapshot: int | None, on_progress: Progress | None) -> Recall:
    """Feed a replay from where it stands up to `last`."""
    seq = replay.last_seq
    naming = read_naming(path)
    data = None if naming is None else open_data(naming)
    begun = time.perf_counter()
    for first_seq, rows in SlabReader(path, seq + 1, last):
        if data is None:
            replay.feed(first_seq, rows)
        else:
            _feed_result(replay, data, first_seq, rows)
        if on_progress is not None:
            on_progress(replay.last_seq - seq, 0 if last is None else last - seq)
    return Recall(replay, snapshot, time.perf_counter() - begun, replay.last_seq - seq)


def _feed_result(replay: Replay, data: Cursor, first_seq: int, rows: np.ndarray) -> None:
    """Rows of a backtest's result, each step behind the data that came before it."""
    for seq, part in split(first_seq, rows):
        replay.state = fold_data(replay.state, data, part[0], seq - 1)
        replay.feed(seq, part)


def recall_newest(path: Path, last: int | None = None, on_progress: Progress | None = None) -> Recall:
    """The state as of `last`, by the shortest way: the newest snapshot at or below it, then the rest."""
    with Reader.open(path) as reader, reader.view() as view:
        head = view.head()[0]
    at = head if last is None else min(last, head)
    found = find_snapshot(path, at)
    seq, state = found or (0, new_state())
    replay = Replay(state, last_seq=seq)
    return _fold(path, replay, at, seq if found else None, on_progress)


def save_snapshot(path: Path, seq: int, state: State, keep: int, memory: bytes = b"") -> tuple[Path, str]:
    """Write the state after `seq`, and what strategies remember there, beside the journal; returns the file and the state's hash."""
    with Reader.open(path) as reader, reader.view() as view:
        link = link_at(view, seq)
    assert link is not None, "a snapshot is of a row that exists"
    payload = _MEMORY.pack(len(memory)) + memory + dump_state(state)
    file = snapshots.save(path, seq=seq, link=link, fingerprint=_fingerprint(), payload=payload)
    snapshots.keep(path, keep)
    return file, state_hash(state)
