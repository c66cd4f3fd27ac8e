"""Small recordings for the ingest's tests, and what a journal holds as plain Python values."""

import gzip
import hashlib
import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from journal import Reader
from veloz.contracts.layout import ROW
from veloz.ingest import ingest
from veloz.ingest.given import Given

SAMPLE = Path(__file__).resolve().parents[2] / "veloz" / "sample"
MAIN = SAMPLE / "binance_usdm" / "btcusdt_20240808.gz"
Inputs = list[tuple[str, Path]]
ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys
from pathlib import Path
from veloz.ingest import ingest
words = sys.argv[2:]
print("ready", flush=True)
ingest([(venue, Path(name)) for venue, name in zip(words[::2], words[1::2])], sys.argv[1], snapshot_keep=0)
"""
LEVELS = [[f"{100_000 - at}.00000000", "10.12345678"] for at in range(2_500)]
LONG = b"1723161300000000000 " + json.dumps({"lastUpdateId": 7, "bids": LEVELS, "asks": []}).encode() + b"\n"


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


LINEAR = Given(symbol="BTCUSDT", product="linear", tick="0.5", lot="0.001")


def rows_in(path: Path) -> np.ndarray:
    """All rows of a journal."""
    with Reader.open(path) as reader, reader.view() as seen:
        return np.concatenate([batch.rows.copy() for batch in seen.scan()]).view(ROW)


def take(paths: list[Path], journal: Path, given: Given = LINEAR, **more: object):  # type: ignore[no-untyped-def]
    return ingest([("", path) for path in paths], journal, given=given, snapshot_keep=0, unsafe_fs=True, **more)


def market(rows: np.ndarray) -> np.ndarray:
    return rows[rows["kind"] < 32]


def put(path: Path, text: str) -> Path:
    """A file of this text, packed as its name says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(path.name.replace(".zip", ".csv"), text)
    else:
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def cut_of(lines: int, path: Path, source: Path = MAIN) -> Path:
    with gzip.open(source, "rb") as file:
        path.write_bytes(b"".join(line for _, line in zip(range(lines), file, strict=False)))
    return path


def merged_inputs() -> Inputs:
    return [(path.parent.name, path) for path in sorted(SAMPLE.glob("*/*.gz"))]
