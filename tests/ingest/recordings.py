"""Small recordings for the ingest's tests, and what a journal holds as plain Python values."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from journal import Reader

SAMPLE = Path(__file__).resolve().parents[2] / "veloz" / "sample"
MAIN = SAMPLE / "binance_usdm" / "btcusdt_20240808.gz"


class Content(NamedTuple):
    """What a journal holds, however it was cut into batches."""

    rows: bytes
    bodies: list[tuple[int, bytes]]  # sequence number, body
    frames: list[tuple[int, int, bytes]]  # sequence number of the first row, source, bytes


def content_of(path: Path) -> Content:
    """All rows, bodies and frames of a journal, every sum checked."""
    rows, bodies, frames = b"", [], []
    with Reader.open(path) as reader, reader.view() as view:
        for batch in view.scan():
            rows += batch.rows.tobytes()
            bodies += [(batch.first + ix, bytes(body)) for ix, body in batch.bodies()]
            kept = view.frames(batch.first)
            assert kept is not None
            frames += [
                (batch.first + int(kept.first_row[k]), int(kept.source[k]), kept.frame(k)) for k in range(len(kept.end))
            ]
    return Content(rows, bodies, frames)


def data_digest(path: Path) -> str:
    """sha256 of a journal's data file."""
    return hashlib.sha256((path / "data.mdb").read_bytes()).hexdigest()
