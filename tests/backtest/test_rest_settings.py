"""Margin, brackets and fee tiers as a run's settings state them."""

from pathlib import Path

import pytest

from tests.backtest.test_run import QUOTER, settings_of
from veloz.backtest.keys import SettingsError
from veloz.backtest.port import Exchange, rules_of
from veloz.backtest.result import Kept
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan, make_run


def test_fee_tiers_are_read_exactly() -> None:
    rules = rules_of(read_settings('[fees]\ntiers = ["0 0.0002 0.0005", "1000000.5 -0.00005 0.0004"]'))
    assert rules.tiers == ((0, 200, 500), (100_000_050, -50, 400))


@pytest.mark.parametrize("tiers", ['["5 0 0"]', '["0 0 0", "1 0"]', '["0 0.0000001 0"]', '["0 x 0"]'])
def test_tiers_that_cannot_be_are_refused(tiers: str) -> None:
    with pytest.raises(SettingsError, match=r"fees\.tiers"):
        rules_of(read_settings(f"[fees]\ntiers = {tiers}"))


def test_an_exchange_with_margin_keeps_books_with_the_brackets_of_the_settings(recording: Path, tmp_path: Path) -> None:
    config = ("account.margin=true", 'account.brackets=["0 0.01", "5000 0.05 200"]')
    books = Exchange(make_plan(settings_of(QUOTER, tmp_path, *config), recording)).clerk
    assert books is not None
    tiers = [(int(each["rate_ppm"]), int(each["cum"])) for each in books.state.brackets if each["rate_ppm"]]
    assert tiers[:2] == [(10_000, 0), (50_000, 200 * 10**8)]


def test_the_books_of_the_exchange_and_the_desk_say_the_same(recording: Path, tmp_path: Path) -> None:
    plan = make_plan(settings_of(QUOTER, tmp_path, "account.margin=true", "latency.response_ns=0"), recording)
    exchange = Exchange(plan)
    run = make_run(plan, exchange, Kept())
    run.play()
    assert exchange.clerk is not None
    exchange.clerk.keep(exchange.venue)
    ours, theirs = run.desk.state, exchange.clerk.state
    assert int(ours.desk[0]["fills"]) > 0
    for name in ("total", "fees", "traded", "funding"):
        assert ours.balances[name].tolist() == theirs.balances[name].tolist()
    for name in ("qty", "cost_lo", "real_lo"):
        own = [
            ours.positions[name][at]
            for at in range(int(ours.desk[0]["positions_used"]))
            if ours.positions["strategy"][at] == -1
        ]
        assert own == theirs.positions[name][: int(theirs.desk[0]["positions_used"])].tolist()
