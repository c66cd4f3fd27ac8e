"""A journal in a few figures, for `veloz journal info`."""

from pathlib import Path
from typing import Any

import numpy as np

from journal import Reader, View
from veloz.contracts.layout import ROW
from veloz.contracts.registry import BY_NUMBER
from veloz.history.names import read_catalogue


def count_kinds(view: View) -> dict[str, int]:
    """Rows of each kind by name; kinds this version does not know as `unknown.N`."""
    counts = np.zeros(1 << 16, np.int64)
    for batch in view.scan(check=False):
        found = np.bincount(batch.rows.view(ROW)["kind"])
        counts[: len(found)] += found
    found_kinds: list[int] = np.flatnonzero(counts).tolist()
    names = {kind: BY_NUMBER[kind].name if kind in BY_NUMBER else f"unknown.{kind}" for kind in found_kinds}
    return {name: int(counts[kind]) for kind, name in names.items()}


def summarise(path: Path) -> dict[str, Any]:
    """Size, head, epoch, kinds, instruments and snapshots of the journal at `path`."""
    from journal import snapshots

    with Reader.open(path) as reader, reader.view() as view:
        stats = view.stats()
        head, digest = view.head()
        return {
            "records": stats.records,
            "batches": stats.batches,
            "head_seq": head,
            "head_hash": digest.hex(),
            "bytes": stats.bytes,
            "epoch": view.epoch(),
            "frames_from": view.frames_from,
            "kinds": count_kinds(view),
            "instruments": [f"{each.venue}:{each.symbol}" for each in read_catalogue(view)],
            "snapshots": [file.seq for file in snapshots.find_snapshots(path)],
        }
