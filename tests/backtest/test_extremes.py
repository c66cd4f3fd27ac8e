"""Every setting at its extremes is taken, or refused in one sentence before anything is written."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.backtest.made import level, make_recording, trade
from veloz.backtest.keys import KEYS, SettingsError
from veloz.backtest.port import Exchange
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan

VALUES = ("0", "-1e18", "1e18", "1e40", "1e-30", "nan", "-inf", '""', "[]", '["0 0"]', "[1]", "{ a = 1 }")
FREE = ("account.balances.USDT", "account.rates.USDT", "account.rates.BTC", "strategy.qty", "strategy.half_spread")
BESIDE = {"latency.feed_share": "latency.model='feed'", "latency.spread": "latency.model='log_normal'"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rows."""
    rows = level(0, 1_000, 5), level(1, 1_001, 5, ask=True), trade(2, 1_000, 3)
    return make_recording(tmp_path_factory.mktemp("extremes") / "data", *rows)


@pytest.mark.parametrize("name", [*(key.name for key in KEYS), *FREE])
def test_no_extreme_is_an_error_of_ours(data: Path, name: str) -> None:
    for value in VALUES:
        words = [BESIDE.get(name, "seed=1"), f"{name}={value}"]
        with suppress(SettingsError):
            Exchange(make_plan(read_settings("[strategy]\nqty = 0.01\n", words), data))
