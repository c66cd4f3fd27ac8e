"""The figures of an equity curve against empyrical-reloaded and scipy, in an environment of their own."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.peers.environments import peer_python, why_absent
from veloz.backtest.metrics import measure
from veloz.backtest.outcome import RunResult
from veloz.backtest.returns import DAY_NS, YEAR_NS

Ask = Callable[[np.ndarray, float], dict[str, float]]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """The peer, started once."""
    python = peer_python("empyrical")
    if python is None:
        pytest.skip(why_absent("empyrical"))
    script = Path(__file__).with_name("peer_empyrical.py")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with subprocess.Popen(
        [str(python), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as child:
        assert child.stdin
        assert child.stdout

        def asked(returns: np.ndarray, periods: float) -> dict[str, float]:
            child.stdin.write(json.dumps({"returns": returns.tolist(), "periods": periods}) + "\n")  # type: ignore[union-attr]
            child.stdin.flush()  # type: ignore[union-attr]
            found: dict[str, Any] = json.loads(child.stdout.readline())  # type: ignore[union-attr]
            return found

        yield asked
        child.stdin.close()


@pytest.mark.parametrize("seed", range(12))
def test_the_peer_agrees(ask: Ask, seed: int) -> None:
    chance = np.random.default_rng(seed)
    days = int(chance.integers(120, 900))
    drift = chance.normal(0, 0.003)
    steps = np.maximum(1 + drift + chance.standard_t(3, days) * 0.01, 0.5)
    equity = np.rint(10**14 * np.cumprod(np.concatenate([[1.0], steps]))).astype(np.int64)
    ts = 1_700_000_000_000_000_000 + np.arange(days + 1, dtype=np.int64) * DAY_NS
    found = measure(
        RunResult(name="", asset="USDT", scale=8, began_ns=int(ts[0]), ended_ns=int(ts[-1]), ts_ns=ts, equity=equity)
    )
    assert found.period_ns == DAY_NS
    for name, said in ask(found.returns, YEAR_NS / DAY_NS).items():
        assert found[name] == pytest.approx(said, rel=1e-9), name
