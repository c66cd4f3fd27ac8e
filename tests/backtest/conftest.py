"""Short recordings for tests of the backtest.

An exchange keeps its book at all prices of its data and a fifth around their median, and a snapshot empties it price by price: as plain
Python that takes longer than all the rest of a short run. So un-compiled the recording has no levels far away, and its books are narrow.
"""

import gzip
import json
from pathlib import Path
from typing import Final

import pytest

from tests.lanes import UNCOMPILED
from veloz.backtest import prices
from veloz.cli import main as cli

LINES: Final = 1_500
NEAR: Final = (61_200, 62_400)  # a percent around where the sample trades


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of the first lines of the USDⓈ-M sample, a snapshot among them. Read only."""
    from veloz.cli.ingest import ingest_files

    sample = next((Path(cli.__file__).parent.parent / "sample" / "binance_usdm").glob("*.gz"))
    folder = tmp_path_factory.mktemp("recording")
    file = folder / "short.gz"
    with gzip.open(sample) as whole, gzip.open(file, "wb") as short:
        for _, line in zip(range(LINES), whole, strict=False):
            short.write(near(line) if UNCOMPILED else line)
    ingest_files([("binance_usdm", file)], folder / "journal", unsafe_fs=True)
    return folder / "journal"


@pytest.fixture(autouse=True)
def narrow_books(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Un-compiled, books of the recording reach no further than its prices."""
    if UNCOMPILED and "recording" in request.fixturenames:
        monkeypatch.setattr(prices, "ROI_LOW", (99, 100))
        monkeypatch.setattr(prices, "ROI_HIGH", (101, 100))


def near(line: bytes) -> bytes:
    """A line of a recording, without levels of prices that are not near."""
    stamp, _, text = line.partition(b" ")
    message = json.loads(text)
    told = message.get("data", message)
    for side in ("b", "a", "bids", "asks"):
        if isinstance(told.get(side), list):
            told[side] = [level for level in told[side] if NEAR[0] < float(level[0]) < NEAR[1]]
    return stamp + b" " + json.dumps(message, separators=(",", ":")).encode() + b"\n"
