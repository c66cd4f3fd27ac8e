"""Short recordings for tests of the backtest."""

import gzip
from pathlib import Path

import pytest

from veloz.cli import main as cli

LINES = 1_500


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of the first lines of the USDⓈ-M sample, a snapshot among them. Read only."""
    from veloz.cli.ingest import ingest_files

    sample = next((Path(cli.__file__).parent.parent / "sample" / "binance_usdm").glob("*.gz"))
    folder = tmp_path_factory.mktemp("recording")
    file = folder / "short.gz"
    with gzip.open(sample) as whole, gzip.open(file, "wb") as short:
        for _, line in zip(range(LINES), whole, strict=False):
            short.write(line)
    ingest_files([("binance_usdm", file)], folder / "journal", unsafe_fs=True)
    return folder / "journal"
