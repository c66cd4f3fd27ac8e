"""Recorded frames, read the plain way: no code shared with `veloz.ingest`."""

import gzip
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from veloz.contracts import layout
from veloz.contracts.layout import ROW
from veloz.contracts.registry import BY_NUMBER
from veloz.instruments.catalogue import Catalogue
from veloz.venues.binance.codec import Codec
from veloz.venues.binance.plain import Plain, source_row
from veloz.venues.port import FrameBlock, RowBlock, Source

Frames = list[tuple[int, bytes]]  # (receive time in ns, frame)
SAMPLE = Path(__file__).resolve().parents[3] / "veloz" / "sample"
SAMPLES = {
    "binance_usdm": ("btcusdt_20240808.gz", "BTCUSDT"),
    "binance_spot": ("btcusdt_20240808.gz", "BTCUSDT"),
    "binance_coinm": ("btcusd_perp_20240808.gz", "BTCUSD_PERP"),
}
STREAMS = {
    "binance_usdm/stream/btcusdt_20230404.dat.gz": "BTCUSDT",
    "binance_usdm/stream/btcusdt_20230405.dat.gz": "BTCUSDT",
    "binance_usdm/stream/btcusdt_20240808.gz": "BTCUSDT",
    "binance_spot/stream/btcusdt_20240808.gz": "BTCUSDT",
    "binance_coinm/stream/btcusd_perp_20240808.gz": "BTCUSD_PERP",
}
CAPTURES = (
    "binance_spot/capture/20210417",
    "binance_spot/capture/20211012",
    "binance_usdm/capture/20210722",
    "binance_coinm/capture/20210722",
)
_URL_LINE = re.compile(rb"((?:http|ws)s?://\S+ (?:->|<->|<-)) ([0-9.]+)(?::( .*))?", re.DOTALL)
FLAGS = ("ASK", "FIRST", "LAST", "SNAPSHOT", "EMPTY", "ODD", "INEXACT", "STEP_END")


def read_stream(path: Path) -> Frames:
    """`<stamp> <frame>` lines; stamps of 16 digits are µs, of 19 ns."""
    frames = []
    for line in gzip.decompress(path.read_bytes()).splitlines():
        stamp, _, frame = line.partition(b" ")
        frames.append((int(stamp) * {16: 1000, 19: 1}[len(stamp)], frame))
    return frames


def read_capture(folder: Path) -> Frames:
    """All files of a capture folder, merged by time."""
    frames = []
    for path in sorted(folder.iterdir()):
        for line in gzip.decompress(path.read_bytes()).split(b"\n"):
            if not line or line.startswith(b"configuration:"):
                continue
            if found := _URL_LINE.fullmatch(line):
                stamp, frame = found[2], found[1] + (found[3] or b"")
            else:
                stamp, _, frame = line.partition(b": ")
            frames.append((int(Decimal(stamp.decode()) * 10**9), frame))
    return sorted(frames, key=lambda pair: pair[0])


def read_sample(venue: str, most: int | None = None) -> Frames:
    """The first frames of a recording in the package."""
    return read_stream(SAMPLE / venue / SAMPLES[venue][0])[:most]


def block_of(frames: Frames, source: int | Sequence[int] = 1) -> FrameBlock:
    return FrameBlock.joined([frame for _, frame in frames], [recv for recv, _ in frames], source)


def new_codec(source: Source) -> Codec:
    codec = Codec(Catalogue())
    codec.declare(source)
    return codec


def plain_block(frames: Frames, source: Source, catalogue: Catalogue | None = None) -> RowBlock:
    """What the reference decoder alone makes of frames of one new source; it loses its symbol when rows of another are met."""
    plain = Plain(Catalogue() if catalogue is None else catalogue)
    row, body = source_row(source, frames[0][0])
    rows, bodies = [row], [(0, body)]
    first_row: list[int] = []
    for recv, frame in frames:
        reading = plain.read(frame, recv, source)
        plain.commit(reading)
        first_row.append(len(rows) if first_row else 0)
        bodies += [(len(rows) + place, other) for place, other in reading.bodies]
        rows += reading.rows
        named = {plain.catalogue[row[3]].symbol for row in reading.rows if row[0] < 32 and row[3]}
        if named - {source.symbol} and source.form != "klines":
            source = replace(source, symbol="")
    return RowBlock(np.array(rows, ROW), np.array(first_row, np.uint32), bodies)


def assert_same(one: RowBlock, other: RowBlock) -> None:
    """Equal to the byte, or the first row that differs."""
    if one.rows.tobytes() != other.rows.tobytes():
        n = min(len(one.rows), len(other.rows))
        differ = np.flatnonzero(one.rows[:n] != other.rows[:n])
        at = int(differ[0]) if len(differ) else n
        raise AssertionError(
            f"row {at} of {len(one.rows)} and {len(other.rows)}: {one.rows[at : at + 1]} {other.rows[at : at + 1]}"
        )
    assert one.bodies == other.bodies
    assert one.first_row.tolist() == other.first_row.tolist()


def spelled(block: RowBlock) -> list[dict[str, Any]]:
    """Rows as the golden files write them."""
    bodies = dict(block.bodies)
    rows = []
    for at, row in enumerate(block.rows):
        kind = BY_NUMBER[int(row["kind"])]
        flags = [name for name in FLAGS if int(row["flags"]) & getattr(layout, name)]
        if kind.name == "md.bar":
            flags = ["CLOSED" if name == "EMPTY" else name for name in flags]
        said: dict[str, Any] = {
            "kind": f"{kind.name}.v{row['version']}",
            "flags": " ".join(flags),
            "instrument": int(row["instrument"]),
            "ts_event": int(row["ts_event"]),
            **dict(zip(kind.words, (int(word) for word in list(row.item())[6:]), strict=False)),
        }
        if at in bodies:
            body = msgspec.msgpack.decode(bodies[at])
            said["body"] = (
                body if "offers" in body else {name: value for name, value in body.items() if value not in ("", 0)}
            )
        rows.append(said)
    return rows
