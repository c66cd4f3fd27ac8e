"""Recordings made by hand: levels that are applied as they stand, and trades, of one linear instrument or of several."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from journal import Writer
from veloz.contracts import registry as r
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import APPLIED, ASK, CLOSED, FIRST, LAST, ROW, STEP_END
from veloz.instruments.instrument import define

MS = 1_000_000
BEGIN = 1_700_000_000_000 * MS
BODY = InstrumentBody(
    venue="binance_usdm", symbol="BTCUSDT", product="linear", base="BTC", quote="USDT", settle="USDT", price_scale=1,
    qty_scale=3, tick="0.1", lot="0.001",
)  # fmt: skip


def level(at_ms: float, price: int, qty: int, *, ask: bool = False, lag_ms: float = 1, end: bool = True) -> np.ndarray:
    """One level: received at a moment, known at the venue `lag_ms` before."""
    flags = FIRST | LAST | APPLIED | (ASK if ask else 0) | (STEP_END if end else 0)
    return _row(r.LEVEL, flags, at_ms, lag_ms, 0, price, qty)


def trade(at_ms: float, price: int, qty: int, *, sold: bool = False, lag_ms: float = 1) -> np.ndarray:
    """A print."""
    return _row(r.TRADE, FIRST | LAST | STEP_END | (ASK if sold else 0), at_ms, lag_ms, int(at_ms * 1000), price, qty)


def print_of(at_ms: float, price: int, qty: int, *, sold: bool = False, lag_ms: float = 1) -> np.ndarray:
    """An aggregated trade."""
    match_ns = BEGIN + round((at_ms - lag_ms) * MS)
    flags = FIRST | LAST | STEP_END | (ASK if sold else 0)
    return _row(r.AGGTRADE, flags, at_ms, lag_ms, int(at_ms * 1000), price, qty, match_ns, 1)


def mark(at_ms: float, mark_e8: int, *, rate_e8: int = 0, funding_ns: int = 0, lag_ms: float = 1) -> np.ndarray:
    """A mark price, and where it is stated the next funding."""
    return _row(r.MARK, FIRST | LAST | STEP_END, at_ms, lag_ms, 0, mark_e8, 0, rate_e8, funding_ns)


def bar(minute: int, prices: tuple[int, int, int, int], volume: int) -> np.ndarray:
    """The two rows of a bar of one minute, known when it is over: open, high, low, close."""
    opened, high, low, close = prices
    begin_ns, over_ms = BEGIN + minute * 60_000 * MS, (minute + 1) * 60_000 - 1
    first = _row(r.BAR, FIRST | CLOSED, over_ms, 0, begin_ns, opened, high, low, close)
    return np.concatenate([first, _row(r.BAR_VOLUME, LAST | CLOSED | STEP_END, over_ms, 0, 60_000 * MS, volume)])


def _row(kind: r.Kind, flags: int, at_ms: float, lag_ms: float, *words: int) -> np.ndarray:
    row = np.zeros(1, ROW)
    row["kind"], row["version"], row["flags"], row["instrument"] = kind.number, kind.version, flags, 1
    row["ts_recv"] = BEGIN + round(at_ms * MS)
    row["ts_event"] = BEGIN + round((at_ms - lag_ms) * MS)
    for name, word in zip(ROW.names[6:], words, strict=False):
        row[name] = word
    return row


def of(instrument: int, row: np.ndarray) -> np.ndarray:
    """The row, about another instrument."""
    row["instrument"] = instrument
    return row


def make_recording(path: Path, *rows: np.ndarray, body: InstrumentBody = BODY) -> Path:
    """A journal of rows, behind the instrument they are of."""
    return make_recording_of([body], path, *rows)


def make_recording_of(bodies: Sequence[InstrumentBody], path: Path, *rows: np.ndarray) -> Path:
    """A journal of rows, behind the instruments they are of, which are numbered from 1."""
    with Writer.open(path, map_size_bytes=1 << 24) as writer:
        for number, body in enumerate(bodies, 1):
            state_instrument(writer, body, number)
        writer.append(np.concatenate(rows))
    return path


def state_instrument(writer: Writer, body: InstrumentBody, number: int, version: int = 1) -> None:
    """List an instrument; from version 2 on, change it."""
    known, kind = define(body, number, version), r.LISTED if version == 1 else r.CHANGED
    stated = np.zeros(1, kind.view)
    stated["kind"], stated["version"], stated["instrument"] = kind.number, 1, number
    stated["flags"], stated["ts_recv"], stated["definition"] = STEP_END, BEGIN, version
    stated["scales"], stated["tick"], stated["lot"] = known.scales, known.tick, known.lot
    stated["multiplier_e8"] = known.multiplier_e8
    writer.append(stated, bodies=[(0, msgspec.msgpack.encode(body))])
