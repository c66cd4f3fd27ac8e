"""P5: durable append of 1 000-row batches against bare `write` + `fdatasync` of the same bytes.

    python -m tests.bench.append [FOLDER]

The bare side writes exactly the bytes that were stored (batch values, and frames values where frames are kept), one
fdatasync a batch. Ours numbers, sums, hashes, links, compresses, puts and commits with a full sync, and ends when the
last batch is durable. All variants alternate within one run; the ratio is the median of the rounds' ratios.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from journal import SLOT, STEP_END, Frames, Reader, Writer
from tests.bench.measure import Figure, alternate, median, ratio
from tests.bench.table import print_figures

ROWS = 1000
BATCHES = 150
ROUNDS = 7
FRAME = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":%d,"s":"BTCUSDT","U":%d,"b":[["%d.10","%d.5"]]}}'
)
TARGET = 0.5

Append = list[tuple[np.ndarray, Frames | None]]


def make_work(with_frames: bool) -> Append:
    """BATCHES batches of ROWS rows that look like market data, and the frames behind them (about 5 rows each)."""
    chance = np.random.default_rng(1)
    work: Append = []
    for batch in range(BATCHES):
        rows = np.zeros(ROWS, SLOT)
        rows["kind"] = chance.choice((1, 2, 3), ROWS)
        rows["stream"] = 7
        rows["ts_recv"] = 1_723_161_255_000_000_000 + batch * 10**9 + np.cumsum(chance.integers(0, 700_000, ROWS))
        rows["words"] = 618_000 + chance.integers(-2000, 2000, (ROWS, 6))
        rows["flags"][4::5] = STEP_END
        frames = None
        if with_frames:
            texts = [FRAME % tuple(chance.integers(1, 10**6, 4)) + b"\n" for _ in range(ROWS // 5)]
            end = np.cumsum([len(text) for text in texts]) - 1
            frames = Frames(
                np.arange(0, ROWS, 5, np.uint32), end.astype("<u4"), np.ones(len(texts), "<u2"), b"".join(texts)
            )
        work.append((rows, frames))
    return work


def append_all(path: Path, work: Append, *, group: int, bulk: bool, wait: bool) -> float:
    """Seconds until all of it is durable. `wait`: the next batch is handed over only when the one before is durable."""
    shutil.rmtree(path, ignore_errors=True)
    with Writer.open(path, group=group, bulk=bulk, map_size_bytes=8 << 30) as writer:
        begun = time.perf_counter()
        for rows, frames in work:
            seq = writer.append(rows, frames=frames)
            if wait:
                writer.wait_durable(seq)
        writer.flush()
        return time.perf_counter() - begun


def stored_values(path: Path) -> list[bytes]:
    """What each append put, batch and frames together."""
    with Reader.open(path) as reader, reader.view() as view:
        assert view.opened is not None
        frames = view.opened.frames
        return [
            bytes(batch.value) + bytes(view.txn.get(batch.first.to_bytes(8, "big"), b"", db=frames))
            for batch in view.scan()
        ]


def write_bare(file: Path, values: list[bytes], group: int) -> float:
    """Seconds to write the values with one fdatasync for every `group` of them."""
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        begun = time.perf_counter()
        for at in range(0, len(values), group):
            os.write(fd, b"".join(values[at : at + group]))
            os.fdatasync(fd)
        return time.perf_counter() - begun
    finally:
        os.close(fd)
        file.unlink()


def measure(folder: Path, with_frames: bool, rounds: int) -> list[Figure]:
    """One alternating run over all variants."""
    path, work = folder / "journal", make_work(with_frames)
    append_all(path, work, group=8, bulk=False, wait=False)
    values = stored_values(path)
    shutil.rmtree(path)
    jobs: dict[str, Callable[[], float]] = {
        "bare": lambda: write_bare(folder / "bare.bin", values, 1),
        "bare, 8 batches a sync": lambda: write_bare(folder / "bare.bin", values, 8),
        "each batch waited for": lambda: append_all(path, work, group=1, bulk=False, wait=True),
        "a commit a batch": lambda: append_all(path, work, group=1, bulk=False, wait=False),
        "up to 2 batches a commit": lambda: append_all(path, work, group=2, bulk=False, wait=False),
        "up to 4 batches a commit": lambda: append_all(path, work, group=4, bulk=False, wait=False),
        "up to 8 batches a commit (default)": lambda: append_all(path, work, group=8, bulk=False, wait=False),
        "up to 8, encoded on a thread (bulk)": lambda: append_all(path, work, group=8, bulk=True, wait=False),
    }
    laps = alternate(jobs, rounds)
    targets = {"up to 8 batches a commit (default)": TARGET}  # what waits together may share a commit
    what = "P5 append, rows + frames" if with_frames else "P5 append, rows"
    return [
        Figure(
            f"{what}, {name}",
            ROWS * BATCHES / median(laps[name]) / 1e6,
            "M rows/s",
            None if name == "bare" else ratio(laps, name, "bare"),
            "" if name == "bare" else "bare write + fdatasync a batch",
            targets.get(name),
        )
        for name in jobs
    ]


def figures(folder: Path, rounds: int = ROUNDS) -> list[Figure]:
    """P5 with and without frames."""
    return [figure for with_frames in (False, True) for figure in measure(folder, with_frames, rounds)]


def run(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The figures as plain objects: name, value, unit, ratio, against, target. `folder` is scratch space on the disk."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return [asdict(figure) for figure in figures(Path(folder))]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as scratch:
        print_figures(figures(Path(scratch)))
