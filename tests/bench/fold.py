"""The fold alone beside hftbacktest's `elapse` loop over the same capture: rows in memory, one thread, from an empty state.

Rows are the codec's; they are folded in slabs of 16 384 as a replay does, and in one piece, and in batches of 1 000. The bus is a
bare sum over every word of the same rows. All alternate within one run; ratios are medians of the rounds' ratios, in rows/s
against events/s for the peer, in time for the rest.

python -m tests.bench.fold [CAPTURE.gz [VENUE SYMBOL]]
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.ingest import main_capture
from tests.bench.measure import alternate, median, ratio
from tests.bench.peer import Elapse
from tests.venues.binance.recordings import block_of, read_stream
from veloz.instruments.catalogue import Catalogue
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state
from veloz.venues.binance.codec import Codec
from veloz.venues.port import Source

ROUNDS = 15
SIZES = {"in slabs of 16 384": 16_384, "in one piece": 1 << 40, "in batches of 1 000": 1_000}


def capture_rows(capture: Path, venue: str, symbol: str) -> np.ndarray:
    """The rows of a capture, as an ingest would journal them."""
    codec = Codec(Catalogue())
    codec.declare(Source(1, venue, symbol))
    return codec.decode(block_of(read_stream(capture))).rows.copy()


def fold_all(rows: np.ndarray, size: int) -> float:
    """Seconds of one fold from an empty state."""
    begun, state = time.perf_counter(), new_state()
    for at in range(0, len(rows), size):
        state = fold(state, rows[at : at + size], at + 1)
    return time.perf_counter() - begun


def run(capture: Path | None = None, venue: str = "binance_usdm", symbol: str = "BTCUSDT") -> list[dict[str, Any]]:
    """Million rows a second of each way to fold, of the peer's loop, and of the bus.

    Returns:
        name, value, unit, ratio (to the peer, in rows/s against its events/s; None for the peer itself) of each.
    """
    capture = capture or main_capture()
    rows = capture_rows(capture, venue, symbol)
    words = rows.view(np.uint64)
    fold(new_state(), rows, 1)
    with tempfile.TemporaryDirectory() as scratch, Elapse(capture, Path(scratch)) as peer:
        jobs = {name: (lambda size=size: fold_all(rows, size)) for name, size in SIZES.items()}
        laps = alternate({**jobs, "bus": lambda: words.sum() and None, "peer": peer.run}, ROUNDS)
        events = peer.events
    found = [
        {
            "name": "hftbacktest elapse",
            "value": events / median(laps["peer"]) / 1e6,
            "unit": "M events/s",
            "ratio": None,
        }
    ]
    for name in (*SIZES, "bus"):
        found.append({
            "name": f"fold {name}" if name != "bus" else "a sum over every word",
            "value": len(rows) / median(laps[name]) / 1e6,
            "unit": "M rows/s",
            "ratio": ratio(laps, name, "peer") * len(rows) / events,
        })  # fmt: skip
    return found


if __name__ == "__main__":
    for line in run(*(kind(word) for kind, word in zip((Path, str, str), sys.argv[1:], strict=False))):
        print(f"{line['name']:28s} {line['value']:8.1f} {line['unit']:10s} {line['ratio'] or 1:6.2f} x")
