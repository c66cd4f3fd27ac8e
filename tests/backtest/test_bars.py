"""Runs on bars and nothing finer: what they are valued at, and what protects a position."""

from pathlib import Path

from tests.backtest.made import bar, make_recording
from veloz.backtest.port import Exchange
from veloz.backtest.result import Kept
from veloz.backtest.runner import Run
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry as r
from veloz.contracts.codes import PriceSource

HOLDER = """
'''Buys at the first bar, and holds.'''
from veloz.strategies import sdk

class Holder(sdk.Strategy):
    '''Market in.'''

    written_for = "1.0"
    wakes = sdk.Wakes(events=("md.bar",))
    budget = 2

    def __init__(self):
        self.bars = 0

    def on_event(self, view, event):
        self.bars += 1
        if self.bars > 1:
            return None
        return sdk.Order(view.instruments[0], False, 1, type=sdk.OrderType.MARKET)
"""
SETTINGS = """
[account]
balances = { USDT = 1000 }
[strategy]
name = "holder.py:Holder"
form = "python"
[match]
model = "bars"
[latency]
entry_ns = 0
response_ns = 0
[fees]
maker = 0
taker = 0
"""
FALL = [(1000, 1000, 1000, 1000), (1000, 1010, 990, 1000), (900, 905, 600, 600), (400, 420, 300, 300)]


def run_of(folder: Path, *overrides: str) -> tuple[Run, Kept]:
    recording = make_recording(folder / "data", *(bar(minute, prices, 9000) for minute, prices in enumerate(FALL)))
    (folder / "holder.py").write_text(HOLDER)
    plan = make_plan(read_settings(SETTINGS, overrides, folder / "run.toml"), recording)
    kept = Kept()
    run = make_run(plan, Exchange(plan), kept)
    run.play()
    run.finish()
    return run, kept


def test_an_open_position_is_worth_what_the_last_bar_closed_at(tmp_path: Path) -> None:
    run, kept = run_of(tmp_path)
    rows = kept.rows()
    filled = rows[rows["kind"] == r.FILLED.number]
    assert filled["price"].tolist() == [1000]
    told = run.desk.state.positions[0]
    assert (int(told["mark_source"]), int(told["unrealized"])) == (PriceSource.CLOSE, -7 * 10**6)
    worth = run.desk.state.scopes[0]
    assert int(worth["drawdown"]) == 7 * 10**6


def test_the_close_is_the_reference_of_a_market_order_with_and_without_the_gate(tmp_path: Path) -> None:
    for name, enabled in (("on", "true"), ("off", "false")):
        (tmp_path / name).mkdir()
        _, kept = run_of(tmp_path / name, f"gate.enabled={enabled}")
        kinds = kept.rows()["kind"].tolist()
        assert r.GATE_REFUSED.number not in kinds
        assert kinds.count(r.FILLED.number) == 1
