"""A scanner beside the reference decoder: what it takes, and whether that is what the reference says."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from tests.venues.binance.mutators import mutate
from tests.venues.binance.recordings import SAMPLES, block_of, new_codec, read_sample
from veloz.contracts.layout import ROW
from veloz.contracts.registry import REFUSED
from veloz.instruments.catalogue import Catalogue
from veloz.venues.binance.digits import words_of
from veloz.venues.binance.plain import Plain
from veloz.venues.binance.plan import Plan
from veloz.venues.binance.scanner import scan
from veloz.venues.port import FrameBlock, Source

FRAME_MAX = 1_500
MARK = (
    b'{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1680652800010,"s":"BTCUSDT","p":"28155.10000000",'
    b'"P":"28141.47600845","i":"28165.04857143","r":"0.00002760","T":1680652800000}}'
)
AGGREGATE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1626992741575,"a":16599292,"s":"BTCUSDT","p":"61800.1","q":"10",'
    b'"f":23961322,"l":23961325,"T":1626992741421,"m":false}}'
)
OLD_TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"61800.10000000","q":"0.10000000",'
    b'"b":88,"a":50,"T":1672515782134,"m":true,"M":true}}'
)
EXTRA = {"binance_usdm": [MARK, AGGREGATE], "binance_spot": [OLD_TRADE], "binance_coinm": []}
Scan = Callable[..., tuple[int, int]]


@dataclass
class Bench:
    """One market with its streams learned: good frames, and the two readers on equal terms."""

    source: Source
    frames: list[bytes]
    catalogue: Catalogue
    plan: Plan
    out: Any = field(default_factory=lambda: np.zeros((4_096, 8), np.uint64))

    def taken(self, frames: Sequence[bytes], scan_with: Scan = scan) -> list[Any]:
        """Per frame: its rows as bytes, or None where the scanner left it."""
        block = FrameBlock.joined(frames, range(len(frames)), self.source.number)
        words, recv = words_of(block.buf), block.recv.view(np.uint64)
        found: list[Any] = [None] * len(frames)
        first_row = np.zeros(len(frames), np.uint32)
        at = 0
        while at < len(frames):
            last, row = scan_with(
                words, block.start, block.end, recv, block.source, self.plan.tables(), at, self.out, 0, first_row
            )
            bounds = [*first_row[at:last].tolist(), row]
            for k in range(last - at):
                found[at + k] = self.out[bounds[k] : bounds[k + 1]].tobytes()
            at = last + 1
        return found

    def said(self, frame: bytes, recv: int) -> tuple[bytes, bool]:
        """The reference's rows, and whether it refused."""
        rows = np.array(Plain(self.catalogue).read(frame, recv, self.source).rows, ROW)
        refused = int(rows[-1]["kind"]) == REFUSED.number
        assert not refused or len(rows) == 1, "whole or not at all"
        return rows.tobytes(), refused

    def differences(self, frames: Sequence[bytes], scan_with: Scan = scan) -> tuple[list[bytes], int]:
        """Frames that the scanner took otherwise than the reference; and how many it took."""
        with np.errstate(over="ignore"):
            found = self.taken(frames, scan_with)
        said = [self.said(frame, k)[0] for k, frame in enumerate(frames)]
        wrong = [frames[k] for k, rows in enumerate(found) if rows is not None and rows != said[k]]
        return wrong, sum(rows is not None for rows in found)


def shortened(frame: bytes) -> bytes:
    """A depth message with at most two levels a side; any other frame as it is."""
    return re.sub(
        rb"\[((?:\[[^\]]*\],?){1,2})[^{}]*?\]\](?=[,}])", lambda side: b"[" + side[1].rstrip(b",") + b"]", frame
    )


def make_bench(venue: str, most: int = 400) -> Bench:
    """A market's sample, small frames only, as many of each stream, read once so that its streams are known."""
    source = Source(1, venue, SAMPLES[venue][1])
    recorded = [frame for _, frame in read_sample(venue, most) if len(frame) < FRAME_MAX]
    codec = new_codec(source)
    codec.decode(block_of([(0, frame) for frame in [*recorded, *EXTRA[venue]]]))
    streams: dict[bytes, list[bytes]] = {}
    for frame in [*recorded, *map(shortened, recorded), *EXTRA[venue]]:
        streams.setdefault(frame[:40].split(b'",')[0], []).append(frame)
    each = max(map(len, streams.values()))
    frames = [stream[k % len(stream)] for stream in streams.values() for k in range(each)]
    return Bench(source, frames, codec.catalogue, codec._plan)


def spoiled(bench: Bench, rng: Random, count: int) -> list[bytes]:
    """Mutated frames of a market."""
    return [mutate(rng, rng.choice(bench.frames), rng.choice(bench.frames)) for _ in range(count)]
