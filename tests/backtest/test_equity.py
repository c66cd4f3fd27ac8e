"""What equity begins with, what could not be valued, and orders that never got through."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backtest.made import make_recording, trade
from tests.backtest.rising import QUIET, RISING, SPOT, played
from veloz.backtest.driver import make_driven_run
from veloz.backtest.ledger import Ledger, Point, Trade
from veloz.backtest.metrics import OF_EQUITY, measure
from veloz.backtest.optimizer.backtests import Pulse
from veloz.backtest.outcome import RunResult
from veloz.backtest.report import json_of
from veloz.backtest.result import Kept
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan
from veloz.backtest.web.page import page_of
from veloz.cli.cautions import warnings_of
from veloz.instruments.units import decimal_text


def test_what_was_held_before_there_was_a_price_is_no_profit(tmp_path: Path) -> None:
    ledger, figures, result = played(tmp_path, "account.balances.BTC=0.5", "account.balances.USDT=1000")
    assert (figures.equity_start, figures.equity_end) == ("1050.1", "1055.1"), "1000 + 0.5 · 100.2, 1000 + 0.5 · 110.2"
    assert (figures.net_pnl, measure(result)["net_pnl"]) == ("5", "5")
    assert 490_000_000 < ledger.curve[0].ts_ns - result.began_ns < 1_500_000_000, (
        "as soon as it is settled with both sides"
    )
    assert measure(result)["return"] == pytest.approx(5 / 1050.1)


def test_told_in_the_base_the_money_is_what_waits_for_a_price(tmp_path: Path) -> None:
    words = ("account.balances.BTC=0.5", "account.balances.USDT=1102", "account.reporting=BTC")
    _, figures, _ = played(tmp_path, *words)
    begin, end = 0.5 + 1102 / 100.2, 0.5 + 1102 / 110.2
    assert float(str(figures.equity_start)) == pytest.approx(begin, abs=1e-8)
    assert float(str(figures.equity_end)) == pytest.approx(end, abs=1e-8) == 10.5
    assert float(str(figures.net_pnl)) == pytest.approx(end - begin, abs=2e-8)


def test_who_holds_nothing_that_waits_begins_at_once(tmp_path: Path) -> None:
    ledger, figures, result = played(tmp_path, "account.balances.USDT=1000")
    assert ledger.curve[0].ts_ns == result.began_ns
    assert (figures.equity_start, figures.net_pnl) == ("1000", "0")


def report_of(result: RunResult) -> Mapping[str, Any]:
    return json.loads(json_of(result, measure(result)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("rows", [RISING, RISING[:1]], ids=["beyond all bounds", "no price"])
def test_what_cannot_be_valued_makes_null_with_a_reason(tmp_path: Path, rows: tuple[np.ndarray, ...]) -> None:
    held = "1000000000" if len(rows) > 1 else "0.5"
    ledger, figures, result = played(tmp_path, f"account.balances.BTC={held}", "account.balances.USDT=1000", rows=rows)
    assert (figures.equity_start, figures.equity_end, figures.net_pnl) == (None, None, None)
    assert ledger.unvalued == ("BTC",)
    told = report_of(result)
    assert all(told["metrics"][name] is None and "BTC" in told["reasons"][name] for name in (*OF_EQUITY, "calmar"))
    assert (told["equity"]["equity"], told["monthly"]) == ([], [])
    assert "</html>" in page_of(result, measure(result))


def test_a_sweep_looks_at_equity_from_the_same_moment_on(tmp_path: Path) -> None:
    words = ("account.balances.BTC=0.5", "account.balances.USDT=1000")
    plan = make_plan(read_settings(QUIET, words), make_recording(tmp_path / "data", *RISING, body=SPOT))
    pulse = Pulse(100_000_000, plan.world)
    run = make_driven_run(plan, Kept(), (pulse,))
    run.play()
    assert [decimal_text(pulse.equity[at], 8) for at in (0, -1)] == ["1050.1", "1055.1"]


BUYER = """
[strategy]
interval_ns = 100_000_000
half_spread = 0.1
qty = 0.1
max_position = 1
"""


def test_orders_that_are_refused_are_counted_by_code(tmp_path: Path) -> None:
    """The wallet bears no order."""
    ledger, figures, result = played(tmp_path, "account.balances.USDT=0.01", text=BUYER)
    assert figures.fills == figures.orders == ledger.accepted == 0
    assert set(result.refused) == {"FUNDS"}
    assert result.refused["FUNDS"] == ledger.refused["FUNDS"] > 5
    assert report_of(result)["refused"] == result.refused
    assert f"The gate refused {result.refused['FUNDS']} orders, by code: FUNDS" in page_of(result, measure(result))


def test_executions_that_are_not_measured_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(read_settings(QUIET), make_recording(tmp_path / "data", *RISING, body=SPOT))
    ledger = Ledger(plan.world)
    ledger.curve.append(Point(plan.begin_ns, 1, 0))
    ledger.trades += [Trade(1, 1, 1, 1, 1, False, False, 1, 1, 1, 0, 0)] * 3
    assert warnings_of(plan, ledger) == []
    monkeypatch.setattr("veloz.backtest.ending.FILLS_MEASURED", 2)
    assert "beside the first 2 of 3 executions" in warnings_of(plan, ledger)[0]


def test_a_run_of_which_no_order_got_through_says_so(tmp_path: Path) -> None:
    plan = make_plan(read_settings(QUIET), make_recording(tmp_path / "data", *RISING, body=SPOT))
    ledger = Ledger(plan.world)
    ledger.curve.append(Point(plan.begin_ns, 1, 0))
    ledger.orders = 12
    ledger.refused["QTY_MAX"] += 12
    assert "the gate refused 12 and the venue rejected 0, most of them with QTY_MAX" in warnings_of(plan, ledger)[0]
    ledger.accepted = 1
    assert warnings_of(plan, ledger) == []


def test_a_run_in_which_nobody_wanted_an_order_says_so(tmp_path: Path) -> None:
    ledger, _, _ = played(tmp_path, "account.balances.USDT=1000")
    plan = make_plan(read_settings(QUIET), tmp_path / "data")
    (told,) = warnings_of(plan, ledger)
    assert told.startswith("No strategy ever wanted an order: look at its parameters")


def test_fees_of_another_asset_are_told_at_its_rate_of_the_end(tmp_path: Path) -> None:
    """Bought 0.1 at 100.1 and sold at 100.3, for 0.02 % each, told in coins, of which one was worth 110.2 at last."""
    rows = (*RISING[:2], trade(1_000, 1_000, 100, sold=True), *RISING[2:])
    words = ("account.balances.USDT=1000", "account.reporting=BTC", "strategy.max_position=0.1")
    ledger, figures, result = played(tmp_path, *words, text=BUYER, rows=rows)
    assert [(each.sell, decimal_text(each.fee, 8)) for each in ledger.trades] == [
        (False, "0.002002"),
        (True, "0.002006"),
    ]
    assert float(figures.fees) == pytest.approx(0.004008 / 110.2, rel=1e-12)
    assert measure(result)["traded_value"] == f"{20.04 / 110.2:.8f}"
