"""Histories to write into journals: steps of several rows, frames of several rows, bodies, batches of several steps."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from journal import SLOT, STEP_END, Frames, Reader, Writer

MIB = 1 << 20


class History(NamedTuple):
    """Rows, bodies and frames by sequence number, without any batch.

    rows: shape (n,), SLOT. bodies: seq → bytes. frames: seq of the first row → (source, bytes).
    """

    rows: Any
    bodies: dict[int, bytes]
    frames: dict[int, tuple[int, bytes]]

    @property
    def step_ends(self) -> list[int]:
        """Sequence numbers of the rows that end a step."""
        return (np.flatnonzero(self.rows["flags"] & STEP_END) + 1).tolist()


def make_history(n: int, seed: int, *, step_rows_max: int = 7) -> History:
    """About n rows (whole steps): each step is one or two frames, or none, of one to several rows."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(n + 2 * step_rows_max, SLOT)
    rows["kind"] = rng.integers(1, 140, len(rows))
    rows["version"] = 1
    rows["stream"] = rng.integers(0, 9, len(rows))
    rows["ts_recv"] = 1_000_000 + np.cumsum(rng.integers(-3, 40, len(rows)))
    rows["words"] = rng.integers(-(2**62), 2**62, (len(rows), 6))
    bodies: dict[int, bytes] = {}
    frames: dict[int, tuple[int, bytes]] = {}
    done = 0
    while done < n:
        size = int(rng.integers(1, step_rows_max + 1))
        rows["flags"][done + size - 1] = STEP_END
        if rng.random() < 0.9:
            begins = {done + 1} | ({done + 1 + size // 2} if rng.random() < 0.3 else set())
            frames |= {seq: (int(rng.integers(1, 4)), b'{"seq":%d}' % seq) for seq in begins}
        if rng.random() < 0.3:
            bodies[done + 1 + int(rng.integers(size))] = rng.bytes(int(rng.integers(0, 50)))
        done += size
    return History(rows[:done], bodies, frames)


def frames_between(history: History, first: int, last: int) -> Frames | None:
    """Frames that begin in rows first to last, relative to first; None if none do."""
    found = [(seq, *history.frames[seq]) for seq in sorted(history.frames) if first <= seq <= last]
    if not found:
        return None
    ends = np.cumsum([len(raw) + 1 for _, _, raw in found]) - 1
    return Frames(
        np.array([seq - first for seq, _, _ in found], "<u4"),
        ends.astype("<u4"),
        np.array([source for _, source, _ in found], "<u2"),
        b"".join(raw + b"\n" for _, _, raw in found),
    )


def write_history(path: Path, history: History, seed: int, *, steps_max: int = 5, meta: bool = True) -> Path:
    """Write a history in batches of one to `steps_max` steps."""
    rng = np.random.default_rng(seed)
    ends = history.step_ends
    with Writer.open(path, map_size_bytes=64 * MIB) as writer:
        at = 0
        while at < len(ends):
            first = ends[at - 1] + 1 if at else 1
            at = min(len(ends), at + int(rng.integers(1, steps_max + 1)))
            last = ends[at - 1]
            bodies = [(seq - first, body) for seq, body in sorted(history.bodies.items()) if first <= seq <= last]
            writer.append(
                history.rows[first - 1 : last],
                bodies=bodies,
                frames=frames_between(history, first, last),
                meta={b"app/at": b"%d" % last} if meta else None,
            )
    return path


def read_history(path: Path) -> History:
    """The plain way back: every batch of a journal as one history."""
    rows: list[Any] = []
    bodies: dict[int, bytes] = {}
    kept: dict[int, tuple[int, bytes]] = {}
    with Reader.open(path) as reader, reader.view() as view:
        for batch in view.scan():
            rows.append(batch.rows.copy())
            bodies |= {batch.first + row_ix: body for row_ix, body in batch.bodies()}
            frames = view.frames(batch.first, digest=batch.frames_digest)
            for k in range(0 if frames is None else len(frames)):
                assert frames is not None
                kept[batch.first + int(frames.first_row[k])] = (int(frames.source[k]), frames.frame(k))
    return History(np.concatenate(rows) if rows else np.zeros(0, SLOT), bodies, kept)


def prefix(history: History, last: int) -> History:
    """The first rows of a history, with the bodies and frames that begin there."""
    return History(
        history.rows[:last],
        {seq: body for seq, body in history.bodies.items() if seq <= last},
        {seq: frame for seq, frame in history.frames.items() if seq <= last},
    )


def same(left: History, right: History) -> bool:
    """Whether two histories are equal to the byte."""
    return left.rows.tobytes() == right.rows.tobytes() and left.bodies == right.bodies and left.frames == right.frames
