"""The peer, where its environment is; else the tests say why they are skipped."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.backtest.parity.cases import Data
from tests.backtest.parity.peer import NAME, Peer
from tests.backtest.parity.spot_events import convert_spot
from tests.backtest.parity.whole import import_events
from tests.peers.environments import peer_python, why_absent

CAPTURES = {
    "usdm": ("binance_usdm/stream/btcusdt_20240808.gz", 3, False),
    "coinm": ("binance_coinm/stream/btcusd_perp_20240808.gz", 0, True),
}


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """hftbacktest as a child process."""
    python = peer_python(NAME)
    if python is None:
        pytest.skip(why_absent(NAME))
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


SPOT = "binance_spot/stream/btcusdt_20240808.gz", 5, 2
SHORT = {"usdm": 40_000, "coinm": 40_000, "spot": 45_000}  # events, the snapshots among them


def _kept(peer: Peer, data: Data, events: np.ndarray) -> tuple[Data, Path]:
    """A recording as both sides read it."""
    np.save(peer.folder / f"{data.capture.name}.npy", events)
    data.load(events)
    return data, import_events(data, events, peer.folder)


@pytest.fixture(scope="session")
def spot(peer: Peer, shared: Path) -> tuple[Data, np.ndarray]:
    """The spot capture and its events, by a converter of ours."""
    capture, qty_scale, price_scale = SPOT
    return Data("spot", shared / "data" / capture, qty_scale, price_scale), convert_spot(shared / "data" / capture)


@pytest.fixture(scope="session")
def journals(peer: Peer, recordings: dict[str, Data], spot: tuple[Data, np.ndarray]) -> dict[str, tuple[Data, Path]]:
    """Whole recordings, with the journal that each is imported into."""
    found = {name: (data, peer.events(data.capture)) for name, data in recordings.items()} | {"spot": spot}
    return {
        name: _kept(peer, replace(data, capture=Path(f"whole_{name}"), kept={}), events)
        for name, (data, events) in found.items()
    }


@pytest.fixture(scope="session")
def short_journals(
    peer: Peer, recordings: dict[str, Data], spot: tuple[Data, np.ndarray]
) -> dict[str, tuple[Data, Path]]:
    """Their first events."""
    found = {name: (data, peer.events(data.capture)) for name, data in recordings.items()} | {"spot": spot}
    return {
        name: _kept(peer, replace(data, capture=Path(f"short_{name}"), kept={}), events[: SHORT[name]])
        for name, (data, events) in found.items()
    }
