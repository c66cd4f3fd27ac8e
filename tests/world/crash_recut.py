"""The same history in a journal of other batches."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from journal import Frames, Writer
from tests.world.histories import History

MAP_BYTES = 1 << 30


def write_cut(path: Path, history: History, cuts: Sequence[int]) -> Path:
    """Write a history into a new journal.

    Args:
        path: The new journal's directory.
        history: What to write; all of it.
        cuts: Sequence numbers that end a batch, ascending, each the end of a step; the history's end may be left out.
    """
    ends = [*cuts, *([len(history.rows)] if not cuts or cuts[-1] != len(history.rows) else [])]
    seqs = np.array(sorted(history.frames))
    body_seqs = np.array(sorted(history.bodies))
    first = 1
    with Writer.open(path, map_size_bytes=MAP_BYTES, bulk=True, group=64) as writer:
        for last in ends:
            bodies = [(int(seq) - first, history.bodies[int(seq)]) for seq in _between(body_seqs, first, last)]
            frames = _frames(history, _between(seqs, first, last), first)
            writer.append(history.rows[first - 1 : last], bodies=bodies, frames=frames)
            first = last + 1
    return path


def _between(seqs: np.ndarray, first: int, last: int) -> np.ndarray:
    return seqs[np.searchsorted(seqs, first) : np.searchsorted(seqs, last, "right")]


def _frames(history: History, seqs: np.ndarray, first: int) -> Frames | None:
    if not len(seqs):
        return None
    found = [history.frames[int(seq)] for seq in seqs]
    ends = np.cumsum([len(raw) + 1 for _, raw in found]) - 1
    sources = np.array([source for source, _ in found], "<u2")
    return Frames((seqs - first).astype("<u4"), ends.astype("<u4"), sources, b"".join(raw + b"\n" for _, raw in found))
