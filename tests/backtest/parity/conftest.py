"""The peer, where its environment is named; else the tests say why they are skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backtest.parity.cases import Data
from tests.backtest.parity.peer import VARIABLE, Peer, peer_python

CAPTURES = {
    "usdm": ("binance_usdm/stream/btcusdt_20240808.gz", 3, False),
    "coinm": ("binance_coinm/stream/btcusd_perp_20240808.gz", 0, True),
}


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """hftbacktest as a child process."""
    python = peer_python()
    if python is None:
        pytest.skip(f"no hftbacktest: {VARIABLE} names no interpreter that has it")
    with Peer(python, tmp_path_factory.mktemp("peer")) as child:
        yield child


@pytest.fixture(scope="session")
def recordings(peer: Peer, shared: Path) -> dict[str, Data]:
    """What the cases run on."""
    found = {}
    for name, (capture, qty_scale, inverse) in CAPTURES.items():
        data = Data(name, shared / "data" / capture, qty_scale, inverse=inverse)
        data.load(peer.events(data.capture))
        found[name] = data
    return found
