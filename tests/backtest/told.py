"""What a run told, apart from its market: rows with numbers of rows and of orders replaced by their order of appearance."""

from pathlib import Path
from typing import Any

import numpy as np

from veloz.backtest.recheck import steps_of
from veloz.contracts import registry as r
from veloz.contracts.registry import BY_NUMBER
from veloz.reducers.state import State
from veloz.reducers.words import K_MARKET_LAST

HEAD = ("kind", "version", "flags", "instrument", "ts_recv", "ts_event")
# numbers of rows, keys that are made of them, and where a table keeps what is found by such a key
NUMBERED = ("seq", "key", "owner")
PLACED = ("order_places", "trade_ids")


class Told:
    """The rows of a journal that are not of its market, one tuple each."""

    def __init__(self, path: Path, last: int) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self._names: dict[int, tuple[str, int]] = {0: ("none", 0)}
        self._orders: dict[int, int] = {}
        for first, rows, bodies in steps_of(path, last):
            self._step(first, rows, dict(bodies))

    def _step(self, first: int, rows: np.ndarray, bodies: dict[int, bytes]) -> None:
        kinds = rows["kind"]
        market = (kinds > 0) & (kinds <= int(K_MARKET_LAST))
        shown = first + int(np.flatnonzero(market)[-1]) if market.any() else 0
        for at, row in enumerate(rows):
            kind, seq = int(row["kind"]), first + at
            if market[at]:
                self._names[seq] = ("data", shown)
            elif kind == r.DATA_FOLDED.number:
                self._names[seq] = ("data", int(row.view(r.DATA_FOLDED.view)["data_seq"]))
            elif kind != r.DATA_NAMED.number:
                self._names[seq] = ("row", len(self.rows))
                self.rows.append(self._row(row, bodies.get(at)))

    def _row(self, row: np.void, body: bytes | None) -> tuple[Any, ...]:
        kind = BY_NUMBER[int(row["kind"])]
        own = row.view(kind.view)
        words = []
        for name, unit in zip(kind.words, kind.units, strict=True):
            word = int(own[name])
            if unit == "seq":
                words.append((name, self._names[word]))
            elif unit == "order" and word > 0:
                words.append((name, self._orders.setdefault(word, len(self._orders))))
            else:
                words.append((name, word))
        return (kind.name, *(int(row[name]) for name in HEAD), *words, body)

    def count(self, kind: r.Kind) -> int:
        """How many rows of a kind there are."""
        return sum(row[0] == kind.name for row in self.rows)


def holdings(state: State) -> dict[str, bytes]:
    """Every table of a state as bytes, without what numbers of rows are in."""
    found = {}
    for name, table in zip(state._fields, state, strict=True):
        if name in PLACED:
            continue
        kept = [field for field in table.dtype.names or () if not _is_numbered(field)]
        found[name] = b"".join(table[field].tobytes() for field in kept) if table.dtype.names else table.tobytes()
    return found


def _is_numbered(field: str) -> bool:
    return field in NUMBERED or field.endswith("_seq")
