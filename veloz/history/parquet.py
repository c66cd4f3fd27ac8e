"""Rows of a journal as Parquet files, one folder a kind. Prices and quantities stay whole numbers, their decimals stand beside them.

DuckDB writes them; it is an extra (`report`), and nothing else here needs it.
"""

import importlib
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from journal import Reader
from veloz.contracts.layout import NO_INSTRUMENT, ROW
from veloz.contracts.registry import BY_NUMBER, Kind
from veloz.history.names import read_catalogue
from veloz.instruments.catalogue import Catalogue

ROWS_A_FILE: Final = 1 << 20
Progress = Callable[[int, int], None]


class NotWritten(Exception):
    """A file cannot be written: its place is full, or forbidden. Nothing of the export is left."""


def load_duckdb() -> ModuleType | None:
    """DuckDB, or None where it is not installed."""
    try:
        return importlib.import_module("duckdb")
    except ImportError:
        return None


def columns_of(
    kind: Kind, rows: NDArray[np.void], seq: NDArray[np.int64], catalogue: Catalogue
) -> dict[str, NDArray[Any]]:
    """Columns of rows of one kind: where they stand, when, of which instrument in which decimals, then the kind's own words."""
    rows = rows.view(kind.view)
    numbers, which = np.unique(rows["instrument"], return_inverse=True)
    price, qty = np.zeros((2, len(rows)), np.int8)
    for ix, number in enumerate(numbers.tolist()):
        own = np.flatnonzero(which == ix)
        if number == NO_INSTRUMENT or number > len(catalogue):
            continue
        for begin, version in catalogue.versions(number):
            later = own[np.searchsorted(seq[own], begin) :]
            price[later], qty[later] = version.price_scale, version.qty_scale
    named = [_name(catalogue, number) for number in numbers.tolist()]
    return {
        "seq": seq,
        "ts_recv": rows["ts_recv"].copy(),
        "ts_event": rows["ts_event"].copy(),
        "instrument": np.array(named, object)[which],
        "price_scale": price,
        "qty_scale": qty,
        "flags": rows["flags"].copy(),
        **{word: rows[word].copy() for word in kind.words},
    }


def _name(catalogue: Catalogue, number: int) -> str:
    if number == NO_INSTRUMENT or number > len(catalogue):
        return ""
    return f"{catalogue[number].venue}:{catalogue[number].symbol}"


class _Sink:
    """Rows of one kind on their way into files of at most `ROWS_A_FILE`."""

    def __init__(self, duckdb: ModuleType, kind: Kind, out: Path, catalogue: Catalogue) -> None:
        self.kind = kind
        self.files: list[Path] = []
        self._duckdb = duckdb
        self._folder = out / kind.name
        self._catalogue = catalogue
        self._held: list[tuple[NDArray[np.void], NDArray[np.int64]]] = []
        self._count = 0

    def add(self, rows: NDArray[np.void], seq: NDArray[np.int64]) -> None:
        """More rows, in order."""
        self._held.append((rows, seq))
        self._count += len(rows)
        if self._count >= ROWS_A_FILE:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if not self._count:
            return
        rows = np.concatenate([rows for rows, _ in self._held])
        seq = np.concatenate([seq for _, seq in self._held])
        self._held, self._count = [], 0
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{len(self.files):05d}.parquet"
        with self._duckdb.connect() as base:
            base.register("held", columns_of(self.kind, rows, seq, self._catalogue))
            base.execute(f"COPY held TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)")
        self.files.append(path)


def export_parquet(path: Path, out: Path, kinds: set[int] | None, told: Progress) -> tuple[int, list[Path]]:
    """Write a journal's rows as Parquet.

    Args:
        path: The journal's directory.
        out: A folder that is empty or not there.
        kinds: Only these; None = all that this version knows.
        told: Called now and then with rows done, and rows in all.

    Returns:
        Rows and files written.

    Raises:
        NotWritten: One of them cannot be.
    """
    duckdb = load_duckdb()
    assert duckdb is not None, "who calls this has looked"
    made = [each for each in (out, *out.parents) if not each.exists()]
    sinks: dict[int, _Sink] = {}
    try:
        return _export(path, sinks, kinds, told, lambda kind, known: _Sink(duckdb, BY_NUMBER[kind], out, known))
    except BaseException as error:
        for kind in sinks:
            shutil.rmtree(out / BY_NUMBER[kind].name, ignore_errors=True)
        for each in made:
            with suppress(OSError):
                each.rmdir()
        if isinstance(error, duckdb.Error):
            raise NotWritten(" ".join(str(error).split()).rstrip(".")) from error
        raise


def _export(
    path: Path, sinks: dict[int, _Sink], kinds: set[int] | None, told: Progress, make: Callable[[int, Catalogue], _Sink]
) -> tuple[int, list[Path]]:
    """The same into sinks that are made as their kinds come."""
    done = 0
    with Reader.open(path) as reader:
        with reader.view() as view:
            head, catalogue = view.head()[0], read_catalogue(view)
        for batch in reader.scan(1, head, kinds=kinds):
            rows = batch.rows.view(ROW)
            for kind in np.unique(rows["kind"]).tolist():
                if kind not in BY_NUMBER or (kinds is not None and kind not in kinds):
                    continue
                at = np.flatnonzero(rows["kind"] == kind)
                if kind not in sinks:
                    sinks[kind] = make(kind, catalogue)
                sinks[kind].add(rows[at], at + batch.first)
                done += len(at)
            told(batch.first + len(rows) - 1, head)
    for sink in sinks.values():
        sink.flush()
    return done, [file for sink in sinks.values() for file in sink.files]
