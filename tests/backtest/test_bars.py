"""Runs on bars, or on aggregated trades, and nothing finer: what they are valued at and filled by."""

from pathlib import Path

import msgspec

from tests.backtest.made import BEGIN, BODY, bar, make_recording, make_recording_of, of, print_of
from tests.backtest.stage import Stage, bought, market, rules, sold
from veloz.backtest.driver import Driver
from veloz.backtest.port import Exchange
from veloz.backtest.result import Kept
from veloz.backtest.rules import Matching
from veloz.backtest.runner import Run
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry as r
from veloz.contracts.codes import PriceSource

BOTH = """
from veloz.strategies import sdk

class Both(sdk.Strategy):
    '''Writes what it is told of bars into orders that nobody fills.'''

    written_for = "1.0"
    wakes = sdk.Wakes(bars=("1m",))
    history = 30

    def on_bar(self, view, bar):
        bars = view.bars(bar.interval, bar.instrument)
        return sdk.Order(bar.instrument, False, len(bars), bars[-1].close, tif=sdk.TimeInForce.IOC)
"""
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
MINUTE = 60_000_000_000
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


def test_aggregated_trades_are_prints_where_there_are_no_others() -> None:
    aggregated = [(r.AGGTRADE.number | (head >> 16 << 16), *rest) for head, *rest in (sold(3000, 999, 4),)]
    plain = [bought(200, 1005, 1)]
    for told, rows, filled in (
        (market(), aggregated, [(1000, 4)]),
        (market(), [*plain, *aggregated], []),
        (market(printed=True), aggregated, []),
    ):
        for model in (Matching.QUEUE, Matching.TRADES):
            stage = Stage(rows, rules(matching=model), told)
            stage.ask(1000, 1, "buy", 9, 1000)
            stage.run(9000)
            assert stage.fills(1) == filled


def test_data_with_nothing_but_aggregated_trades_can_be_run_and_valued(tmp_path: Path) -> None:
    rows = [print_of(at_ms, 1000 - at_ms // 100, 5000) for at_ms in range(100, 2000, 100)]
    recording = make_recording(tmp_path / "data", *rows)
    (tmp_path / "holder.py").write_text(HOLDER.replace("md.bar", "md.aggtrade"))
    settings = read_settings(SETTINGS, ["match.model=trades"], tmp_path / "run.toml")
    plan = make_plan(settings, recording)
    assert not plan.printed
    kept = Kept()
    run = make_run(plan, Exchange(plan), kept)
    run.play()
    run.finish()
    assert kept.rows()["kind"].tolist().count(r.FILLED.number) == 1
    told = run.desk.state.positions[0]
    assert (int(told["mark_source"]), int(told["mark"])) == (PriceSource.LAST, 990 * 10**7)  # as of the last second


def test_bars_of_two_instruments_are_told_apart(tmp_path: Path) -> None:
    """Each has bars in minutes of its own; in one they share both are told of theirs."""
    (tmp_path / "both.py").write_text(BOTH)
    minutes = {1: (1, 2, 3, 6, 7), 2: (2, 7, 8)}
    rows = []
    for k in range(10):
        for number in (1, 2):
            if k in minutes[number]:
                price = 1000 * number + k
                pair = bar(k, (price,) * 4, 100)
                pair["ts_recv"] = pair["ts_event"] = BEGIN + MINUTE + (k + 1) * MINUTE
                pair[:1].view(r.BAR.view)["ts_open"] = BEGIN // MINUTE * MINUTE + MINUTE + k * MINUTE
                rows.append(of(number, pair))
    ether = msgspec.structs.replace(BODY, symbol="ETHUSDT", base="ETH")
    recording = make_recording_of([BODY, ether], tmp_path / "data", *rows)
    settings = read_settings(SETTINGS.replace("holder.py:Holder", "both.py:Both"), (), tmp_path / "run.toml")
    plan = make_plan(settings, recording)
    told = []
    for asks_always in (False, True):
        kept, exchange = Kept(), Exchange(plan)
        run = make_run(plan, exchange, kept, asks_always=asks_always)
        run.loop = None if asks_always else Driver(run.desk, exchange)
        run.play()
        intents = kept.rows()[kept.rows()["kind"] == r.INTENT.number].view(r.INTENT.view)
        told.append([tuple(int(each[name]) for name in ("instrument", "price", "qty")) for each in intents])
    assert told[0] == told[1]
    assert told[0] == [
        (number, 1000 * number + k, minutes[number].index(k) + 1)
        for k in range(10) for number in (1, 2) if k in minutes[number]
    ]  # fmt: skip
