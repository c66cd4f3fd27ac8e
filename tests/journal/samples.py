"""Rows, frames and journals to test with, and ways to hurt a copy of one."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from journal import SLOT, STEP_END, Frames, Writer

MIB = 1 << 20


def make_rows(n: int, *, kinds: Sequence[int] = (1, 2, 3), t0: int = 1_000, step: int = 10) -> np.ndarray:
    """n rows with rising receive times; the last one ends a step."""
    rows = np.zeros(n, SLOT)
    rows["kind"] = np.resize(np.array(kinds, np.uint16), n)
    rows["version"] = 1
    rows["stream"] = 7
    rows["ts_recv"] = t0 + step * np.arange(n)
    rows["words"] = np.arange(6 * n).reshape(n, 6)
    rows["flags"][-1] = STEP_END
    return rows


def rows_of(fields: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Tuples of the eleven fields of a slot as rows."""
    rows = np.zeros(len(fields), SLOT)
    for row_ix, (kind, version, flags, stream, ts_recv, *words) in enumerate(fields):
        rows[row_ix] = (kind, version, flags, stream, ts_recv, words)
    return rows


def make_frames(texts: Sequence[bytes], first_row: Sequence[int] | None = None) -> Frames:
    """Frames of some texts without newlines; by default frame k gave row k."""
    raw = b"".join(text + b"\n" for text in texts)
    end = np.cumsum([len(text) + 1 for text in texts]) - 1
    first = np.arange(len(texts)) if first_row is None else np.array(first_row)
    return Frames(first.astype("<u4"), end.astype("<u4"), np.ones(len(texts), "<u2"), raw)


def make_journal(path: Path, sizes: Sequence[int] = (1, 5, 200, 30, 2, 64, 9, 1000), *, map_mib: int = 64) -> Path:
    """A small journal with bodies and frames in some batches, written in two runs."""
    half = len(sizes) // 2
    t = 0
    for part in (sizes[:half], sizes[half:]):
        with Writer.open(path, map_size_bytes=map_mib * MIB) as writer:
            for i, n in enumerate(part):
                frames = make_frames([b'{"frame":%d}' % k for k in range(n)]) if i % 3 != 1 else None
                bodies = [(k, b"body of %d" % k) for k in range(0, n, 3)] if i % 2 else []
                writer.append(make_rows(n, t0=t), bodies=bodies, frames=frames, meta={b"ingest/at": b"%d" % i})
                t += 10 * n
    return path


def copy_of(path: Path, target: Path) -> Path:
    """The data file alone, in another directory."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copyfile(path / "data.mdb", target / "data.mdb")
    return target


def edit(path: Path, change: Callable[[Any, Any, Any, Any], object]) -> None:
    """Change a journal behind its back: `change(txn, rows, frames, meta)`, on a copy that then takes its place."""
    copy = path.with_name(path.name + ".edited")
    copy_of(path, copy)
    env = lmdb.open(str(copy), map_size=64 * MIB, max_dbs=8, lib_version=0)
    try:
        rows, frames, meta = (env.open_db(name) for name in (b"rows", b"frames", b"meta"))
        with env.begin(write=True) as txn:
            change(txn, rows, frames, meta)
    finally:
        env.close()
    os.replace(copy / "data.mdb", path / "data.mdb")
    shutil.rmtree(copy)


def contents(path: Path) -> list[tuple[bytes, bytes, bytes]]:
    """Everything stored, read with LMDB alone."""
    env = lmdb.open(str(path), map_size=0, readonly=True, lock=False, max_dbs=8, lib_version=0)
    try:
        with env.begin() as txn:
            names = (b"rows", b"frames", b"meta")
            return [
                (name, bytes(key), bytes(value))
                for name in names
                for key, value in txn.cursor(db=env.open_db(name, txn, create=False))
            ]
    finally:
        env.close()
