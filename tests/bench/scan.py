"""The scanner beside a bare msgspec decode: the same frames in one buffer, one thread, memory to memory.

The bare decode knows each frame's type beforehand and drops what it made. The scanner gives exact 64-byte rows.

python -m tests.bench.scan [CAPTURE.gz [VENUE SYMBOL]]
"""

import sys
from pathlib import Path
from typing import Any

from tests.bench.ingest import known_frames, main_capture
from tests.bench.measure import alternate, median, ratio
from tests.venues.binance.recordings import block_of, read_stream
from veloz.instruments.catalogue import Catalogue
from veloz.venues.binance.codec import Codec
from veloz.venues.binance.plain import Plain
from veloz.venues.port import FrameBlock, Source

ROUNDS = 9
PLAIN_FRAMES = 5_000


def run(capture: Path | None = None, venue: str = "binance_usdm", symbol: str = "BTCUSDT") -> list[dict[str, Any]]:
    """Frames a second: bare, through the codec in one block and in blocks of 128, and through the reference decoder.

    Returns:
        name, value, unit, ratio (to the bare decode of the same round; None for the bare decode itself) of each.
    """
    frames = read_stream(capture or main_capture())
    source = Source(1, venue, symbol)
    block = block_of(frames)
    small = [block_of(frames[at : at + 128]) for at in range(0, len(frames), 128)]
    known = known_frames([b"0 " + frame for _, frame in frames])
    rows = 0

    def bare() -> None:
        for decode, frame in known:
            decode(frame)

    def through_codec(blocks: list[FrameBlock]) -> None:
        nonlocal rows
        codec = Codec(Catalogue())
        codec.declare(source)
        rows = sum(len(codec.decode(each).rows) for each in blocks)

    def through_plain() -> None:
        plain = Plain(Catalogue())
        for recv, frame in frames[:PLAIN_FRAMES]:
            plain.commit(plain.read(frame, recv, source))

    laps = alternate(
        {
            "bare": bare,
            "scan": lambda: through_codec([block]),
            "small": lambda: through_codec(small),
            "plain": through_plain,
        },
        ROUNDS,
    )
    laps["plain"] = [lap * len(frames) / PLAIN_FRAMES for lap in laps["plain"]]
    names = {
        "bare": "bare msgspec decode, typed, dropped",
        "scan": f"scanner, one block ({rows / median(laps['scan']) / 1e6:.1f} M rows/s)",
        "small": "scanner, blocks of 128 frames",
        "plain": "reference decoder",
    }
    return [
        {
            "name": said,
            "value": len(frames) / median(laps[job]) / 1e6,
            "unit": "M frames/s",
            "ratio": None if job == "bare" else ratio(laps, job, "bare"),
        }
        for job, said in names.items()
    ]


if __name__ == "__main__":
    words = sys.argv[1:]
    for figure in run(*([Path(words[0]), *words[1:]] if words else [])):  # type: ignore[arg-type]
        print(
            "{name:60} {value:8.3f} {unit}".format(**figure),
            "" if figure["ratio"] is None else f"{figure['ratio']:.2f} x",
        )
