"""Small journals written row by row."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from journal import Writer
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.registry import CHANGED, LISTED, TRADE

Write = Callable[[Path, list[int]], np.ndarray]


def trades(n: int, start: int = 0) -> np.ndarray:
    """n trades of instrument 1, each a step of its own, one a millisecond."""
    rows = np.zeros(n, ROW)
    rows["kind"], rows["version"], rows["flags"], rows["instrument"] = TRADE.number, 1, STEP_END | 6, 1
    rows["ts_recv"] = 1_700_000_000_000_000_000 + (start + np.arange(n)) * 1_000_000
    rows["ts_event"] = rows["ref"] = rows["ts_recv"]
    rows["venue_seq"] = start + np.arange(n) + 1
    rows["price"], rows["qty"] = 1000 + (start + np.arange(n)) % 7, 3
    return rows


def listing(price_scale: int, qty_scale: int, version: int = 1) -> tuple[np.ndarray, bytes]:
    """A row that lists (or changes) BTCUSDT as instrument 1, and its body."""
    rows = np.zeros(1, ROW)
    rows["kind"] = LISTED.number if version == 1 else CHANGED.number
    rows["version"], rows["flags"], rows["instrument"], rows["aux"] = 1, STEP_END, 1, version
    rows["venue_seq"] = price_scale | qty_scale << 8 | 2 << 16
    rows["price"] = rows["qty"] = 1
    rows["ref"] = 10**8
    rows["ts_recv"] = 1_700_000_000_000_000_000
    body = InstrumentBody(
        venue="binance_usdm", symbol="BTCUSDT", product="linear", price_scale=price_scale, qty_scale=qty_scale
    )
    return rows, msgspec.msgpack.encode(body)


@pytest.fixture
def write() -> Write:
    """Write a listing, then trades in batches of the given sizes; returns all rows."""

    def run(path: Path, sizes: list[int]) -> np.ndarray:
        listed, body = listing(1, 3)
        written = [listed]
        with Writer.open(path, map_size_bytes=1 << 28) as writer:
            writer.append(listed, bodies=[(0, body)])
            at = 0
            for size in sizes:
                written.append(trades(size, at))
                writer.append(written[-1])
                at += size
        return np.concatenate(written)

    return run
