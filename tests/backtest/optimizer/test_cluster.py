"""The same sweep on a Dask cluster of this machine."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backtest.optimizer.hill import hill, plan, sweep
from veloz.backtest.optimizer.cluster import Cluster
from veloz.backtest.optimizer.trial import SweepError

CODE = "hill 1"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler with two workers, on loopback."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: the extra `cluster` has it")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, processes=True
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_the_same_table(address: str, tmp_path: Path) -> None:
    planned = plan("method = 'genetic'\ntrials = 40")
    cluster = Cluster(hill(), address, CODE)
    found = sweep(planned, tmp_path / "cluster", cluster)
    assert found.table() == sweep(planned, tmp_path / "inline").table()
    cluster.close()


@pytest.mark.filterwarnings("default")
def test_other_code_is_refused(address: str) -> None:
    with pytest.raises(SweepError, match="has other code"):
        Cluster(hill(), address, "hill 2")


def test_without_dask_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SweepError, match=r"needs distributed, .*uv sync --extra cluster.*veloz\[cluster\]"):
        Cluster(hill(), "tcp://127.0.0.1:1", CODE)
