"""Settings of a quoter, and of strategies of a few lines that are woken in other ways."""

from pathlib import Path

from veloz.backtest.settings import Settings, read_settings

ON_TRADES = """
from veloz.strategies import sdk


class Chaser(sdk.Strategy):
    written_for = "1.0"
    params = (sdk.Param("qty", "qty", default="0.01"), sdk.Param("beat", "ns", default="70000000"))
    wakes = sdk.Wakes(events=(sdk.On("md.trade"),), timers=("beat",), fills=True, orders=True)
    keeps = True

    def __init__(self):
        self.seen = 0

    def state(self):
        return self.seen

    def restore(self, kept):
        self.seen = kept

    def on_event(self, view, event):
        self.seen += 1
        market, best = view.market(), view.best()
        if self.seen % 7 or best is None:
            return None
        return [sdk.Order(market.number, self.seen % 2 == 1, view.params.qty, best[self.seen % 2], tif=sdk.TimeInForce.GTC)]

    def on_timer(self, view, timer):
        self.seen += 1
        return [sdk.Cancel(own.instrument, own.order) for own in view.orders() if own.free][:2]

    def on_fill(self, view, fill):
        self.seen += 3
"""
QUOTER = """
[account]
balances = { USDT = 1000000 }
[strategy]
interval_ns = 100_000_000
half_spread = 0.5
qty = 0.02
max_position = 0.5
"""
CHASER = """
[account]
balances = { USDT = 1000000 }
[[strategies]]
name = "one"
[strategies.params]
qty = 0.02
max_position = 0.5
half_spread = 1
[[strategies]]
name = "two"
code = "chaser.py:Chaser"
form = "python"
"""


def settings_of(text: str, folder: Path, *overrides: str) -> Settings:
    """Settings of a run whose strategies lie beside them."""
    (folder / "chaser.py").write_text(ON_TRADES)
    return read_settings(text, overrides, folder / "run.toml")
