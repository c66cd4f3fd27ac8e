"""The result of a backtest: a journal of everything that is not data. To fold it, its data are folded in between.

Row 1 names the recording. A step that begins with `system.data_folded` stands behind the recording's rows up to `data_seq`; where its
`previous_seq` is smaller, the rows between are what the step is about, and end with it. Steps in front of the first such row are the
run's own beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from journal import Reader, View
from veloz.contracts.layout import ROW
from veloz.contracts.registry import DATA_FOLDED, DATA_NAMED
from veloz.contracts.system import DataBody
from veloz.history.dataset import Chunk, Cursor, clear_end, desk_chunks
from veloz.reducers.fold import fold
from veloz.reducers.state import State

UNFINISHED: Final = "unfinished"  # a file beside a result, as long as its run goes on
_BODY: Final = msgspec.msgpack.Decoder(DataBody)


class DataMissing(ValueError):
    """The recording that a result was made of is not at hand, or is another one. The message says which; `hint` is the way out."""

    hint = "Bring it back to that place, or run the backtest again on the data that are there."


@dataclass(frozen=True)
class Naming:
    """What row 1 of a result says."""

    first_seq: int
    last_seq: int
    shift_ns: int
    gated: bool
    paper: bool  # the venue's clock was the receive stamp
    body: DataBody

    @property
    def folded_from(self) -> int:
        """The first row that is folded; those in front of `first_seq` only make the market known."""
        return self.body.folded_from or self.first_seq


def is_unfinished(path: Path) -> bool:
    """Whether the run of a result has not ended: what stands there is its beginning."""
    return (path / UNFINISHED).exists()


def naming_of(view: View) -> Naming | None:
    """What a result says of its data; None where the journal is none."""
    batch = view.batch_at(1)
    if batch is None or int(batch.rows.view(ROW)["kind"][0]) != DATA_NAMED.number:
        return None
    row, body = batch.rows.view(DATA_NAMED.view)[0], batch.body(0)
    try:
        told = _BODY.decode(body or b"")
    except msgspec.DecodeError:
        return None
    first, last = int(row["first_data_seq"]), int(row["last_data_seq"])
    return Naming(first, last, int(row["shift_ns"]), bool(row["gated"]), bool(row["venue_clock"]), told)


def read_naming(path: Path) -> Naming | None:
    """The same of the journal at a path."""
    with Reader.open(path) as reader, reader.view() as view:
        return naming_of(view)


def head_at(path: Path, seq: int) -> str:
    """What names a recording up to a row: the digest of the batch that holds it; "" where there is no such row."""
    with Reader.open(path) as reader, reader.view() as view:
        batch = view.batch_at(seq) if seq else None
        return "" if batch is None else batch.digest.hex()


def find_data(naming: Naming) -> Path:
    """The recording of a result.

    Raises:
        DataMissing: It is not there, or it is another one.
    """
    path = Path(naming.body.path)
    if not (path / "data.mdb").is_file():
        raise DataMissing(f"The data of this result, {path}, are not there.")
    if head_at(path, naming.last_seq) != naming.body.head:
        raise DataMissing(
            f"The data at {path} are not those of this result: row {naming.last_seq} of it does not hash to {naming.body.head[:16]}."
        )
    return path


def open_data(naming: Naming) -> Cursor:
    """The recording of a result, from its first row. Raises DataMissing."""
    return Cursor(data_chunks(naming))


def data_chunks(naming: Naming) -> Iterator[Chunk]:
    """Its steps. Raises DataMissing."""
    return desk_chunks(find_data(naming), naming.folded_from, naming.last_seq, naming.shift_ns)


def split(first_seq: int, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Rows of a result, cut in front of each `system.data_folded`: (first sequence number, rows)."""
    cuts = [0, *np.flatnonzero(rows["kind"] == DATA_FOLDED.number).tolist(), len(rows)]
    for begin, end in pairwise(cuts):
        if end > begin:
            yield first_seq + begin, rows[begin:end]


def fold_data(state: State, data: Cursor, row: np.void, last_seq: int) -> State:
    """Fold the recording up to where a row of a result stands.

    Args:
        state: After row `last_seq` of the result.
        data: The recording, as far as it was folded.
        row: The next row of the result. Only a `system.data_folded` has data in front of it.
        last_seq: The result's numbers go on as if there were no data.
    """
    if int(row["kind"]) != DATA_FOLDED.number:
        return state
    said = row.view(DATA_FOLDED.view)
    previous, until = int(said["previous_seq"]), int(said["data_seq"])
    for rows in data.until(min(previous, until)):
        state = fold(state, rows, last_seq + 1 - len(rows))
    for rows in data.until(until):
        clear_end(rows)
        state = fold(state, rows, last_seq + 1 - len(rows))
    return state
