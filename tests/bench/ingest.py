"""P6: captured frames → decoded → journaled with frames kept, next to a bare typed decode of the same frames.

The bare decode knows each frame's type beforehand and drops what it made. "Blocks" are the capture's unpacked lines in memory; ours cuts
them, decodes, compresses the frames, sums, chains and commits with full syncs. "From the file" reads and unpacks as well.

python -m tests.bench.ingest [CAPTURE.gz [VENUE]]
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tests.bench.measure import Figure, alternate, median, ratio
from veloz.ingest.feed import Feed
from veloz.ingest.files import cut_blocks, read_head, read_text
from veloz.ingest.ledger import Ledger
from veloz.ingest.plan import Input, Plan, describe_source
from veloz.ingest.run import Job, read_catalogue
from veloz.venues.binance import wire

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS = 9


def main_capture() -> Path:
    """The main capture beside the repository, else the sample inside the package."""
    shared = Path(os.environ.get("VELOZ_SHARED", ROOT.parent / "shared"))
    capture = shared / "data" / "binance_usdm" / "stream" / "btcusdt_20240808.gz"
    return capture if capture.exists() else ROOT / "veloz" / "sample" / "binance_usdm" / "btcusdt_20240808.gz"


def typed_decoders() -> dict[bytes, Callable[[bytes], object]]:
    """A decoder of each channel's envelope into structs."""
    types = {b"depth": wire.Depth, b"bookTicker": wire.BookTicker, b"trade": wire.Trade, b"markPrice": wire.MarkPrice}
    return {
        channel: msgspec.json.Decoder(
            msgspec.defstruct("Envelope", [("stream", str), ("data", inner)], gc=False)
        ).decode
        for channel, inner in types.items()
    }


def known_frames(lines: list[bytes]) -> list[tuple[Callable[[bytes], object], bytes]]:
    """Each websocket frame with the decoder of its channel."""
    decoders = typed_decoders()
    frames = []
    for line in lines:
        frame = line.partition(b" ")[2]
        if frame.startswith(b'{"stream":"'):
            channel = frame[11 : frame.index(b'"', 11)].partition(b"@")[2].partition(b"@")[0]
            frames.append((decoders[channel], frame))
    return frames


def pour(pieces: Iterator[bytes], capture: Path, venue: str, head: bytes, folder: Path) -> float:
    """Ingest some bytes into a new journal; seconds from the first byte to the last commit."""
    import hashlib

    from journal import Reader

    shutil.rmtree(folder, ignore_errors=True)
    feed = Feed(capture, pieces, describe_source(capture, venue, head, "stream"))
    plan = Plan([Input(feed, None, hashlib.sha256())])
    with Reader.open(folder) as reader, reader.view() as view:
        catalogue = read_catalogue(view)
        ledger = Ledger(plan.inputs, catalogue, view)
    begun = time.perf_counter()
    Job(folder, plan, catalogue, ledger, 0, 1).run()
    return time.perf_counter() - begun


def run(capture: Path | None = None, venue: str = "binance_usdm", rounds: int = ROUNDS) -> list[Figure]:
    """P6 as figures; the target counts for frames in memory."""
    capture = capture or main_capture()
    blocks = [block.text for block in cut_blocks(read_text(capture))]
    head = read_head(capture)
    lines = b"".join(blocks).splitlines()
    frames = known_frames(lines)

    def bare() -> None:
        for decode, frame in frames:
            decode(frame)

    with tempfile.TemporaryDirectory(dir=os.environ.get("VELOZ_BENCH_DIR")) as scratch:
        folder = Path(scratch) / "journal"
        jobs = {
            "bare": bare,
            "blocks": lambda: pour(iter(blocks), capture, venue, head, folder),
            "file": lambda: pour(read_text(capture), capture, venue, head, folder),
        }
        laps = alternate(jobs, rounds)
    count = len(lines)
    rate = {name: count / median(each) / 1e6 for name, each in laps.items()}
    against = "bare typed decode"
    return [
        Figure("P6 bare msgspec decode, typed, dropped", len(frames) / median(laps["bare"]) / 1e6, "M frames/s"),
        Figure(
            "P6 ingest, frames in memory", rate["blocks"], "M frames/s", ratio(laps, "blocks", "bare"), against, 0.4
        ),
        Figure("P6 ingest, from the .gz file", rate["file"], "M frames/s", ratio(laps, "file", "bare"), against, 0.4),
    ]


if __name__ == "__main__":
    from tests.bench.table import print_figures

    print_figures(run(*(Path(word) if k == 0 else word for k, word in enumerate(sys.argv[1:]))))  # type: ignore[arg-type]
