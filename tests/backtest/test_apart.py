"""Venues that are not equally far away: several exchanges that a run sees as one."""

from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest

from tests.backtest.made import BODY, level, make_recording_of, of, trade
from veloz.backtest import apart, driver
from veloz.backtest.apart import Exchanges, exchange_of
from veloz.backtest.driver import make_driven_run
from veloz.backtest.keys import SettingsError
from veloz.backtest.latency import delay_of
from veloz.backtest.ledger import Ledger
from veloz.backtest.port import Exchange
from veloz.backtest.result import Kept
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan
from veloz.contracts import registry as r
from veloz.reducers.words import I

SPOT = msgspec.structs.replace(BODY, venue="binance_spot", product="spot", settle="")
ONE = """
[[strategies]]
name = "{0}"
instruments = "{0}"
[strategies.params]
qty = 0.01
half_spread = 0.1
max_position = 0.1
interval_ns = 20_000_000
"""
TEXT = "\n".join(ONE.format(name) for name in ("binance_usdm:BTCUSDT", "binance_spot:BTCUSDT"))
TEXT += "[account]\nbalances = { USDT = 100000, BTC = 1 }\n"
AWAY = {1: (1_000_000, 7_000_000), 2: (30_000_000, 20_000_000)}  # of each venue: to it, and back

HEDGE = '''
from veloz.strategies import sdk


class Hedge(sdk.Strategy):
    """Buys on the first venue at every print there, and sells on the second what it got."""

    written_for = "1.0"
    wakes = sdk.Wakes(events=(sdk.On("md.trade", 0),), fills=True)

    def on_event(self, view, event):
        return [sdk.Order(view.instruments[0], sell=False, qty=10, price=1_001)]

    def on_fill(self, view, fill):
        if fill.instrument != view.instruments[0]:
            return []
        return [sdk.Order(view.instruments[1], sell=True, qty=10, price=1_000)]
'''


def away(*latencies: tuple[int, int]) -> str:
    """Both venues, each so far away."""
    venues = zip(("binance_usdm", "binance_spot"), latencies, strict=True)
    return "".join(
        f'[[accounts]]\nvenue = "{each}"\nentry_ns = {to}\nresponse_ns = {back}\n' for each, (to, back) in venues
    )


def recording(path: Path, seed: int = 1) -> Path:
    """Two markets that sway by chance, at odd moments."""
    chance, rows = Random(seed), []
    for number in (1, 2):
        rows += [of(number, level(0, 1_000, 50)), of(number, level(0.5, 1_001, 50, ask=True))]
        at = 20.0 + number / 7
        for _ in range(120):
            at += chance.choice([1, 7, 23, 61]) + chance.random()
            sold = chance.random() < 0.5
            rows.append(of(number, trade(at, 998 if sold else 1_003, 40, sold=sold)))
    rows.sort(key=lambda row: int(row["ts_recv"][0]))
    return make_recording_of([BODY, SPOT], path, *rows)


def ran(data: Path, text: str, *words: str) -> tuple[Ledger, np.ndarray]:
    plan, kept = make_plan(read_settings(text, words, data.parent / "run.toml"), data), Kept()
    ledger = Ledger(plan.world)
    run = make_driven_run(plan, kept, (ledger,))
    run.play()
    run.finish()
    assert isinstance(run.venue, Exchanges if "[[accounts]]" in text else Exchange)
    return ledger, kept.rows()


def delays(rows: np.ndarray, number: int) -> list[list[int]]:
    """How long each first report of an order was under way, and its request before."""
    mine = rows[rows["instrument"] == number]
    sent = {int(row["venue_seq"]): int(row["ts_recv"]) for row in mine[mine["kind"] == r.REQUESTED.number]}
    taken = mine[mine["kind"] == r.ACCEPTED.number]
    firsts = taken[np.unique(taken["venue_seq"], return_index=True)[1]]
    to = [int(row["ts_event"]) - sent[int(row["venue_seq"])] for row in firsts]
    return [to, (firsts["ts_recv"] - firsts["ts_event"]).tolist()]


@pytest.mark.parametrize("ns", [0, 10_000_000, 35_000_000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equally_far_away_they_fill_as_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, ns: int
) -> None:
    data = recording(tmp_path / "data", seed)
    one, _ = ran(data, TEXT, f"latency.entry_ns={ns}", f"latency.response_ns={ns}")
    monkeypatch.setattr(driver, "exchange_of", Exchanges)
    several, _ = ran(data, TEXT + away((ns, ns), (ns, ns)))
    told = [
        [(each.ts_ns, each.venue_ns, each.instrument, each.sell, each.maker, each.price, each.qty, each.fee) for each in ledger.trades]
        for ledger in (one, several)
    ]  # fmt: skip
    assert len(told[0]) > 10
    assert told[0] == told[1]
    assert one.curve == several.curve


def test_each_message_is_under_way_as_long_as_its_venue_is_away(tmp_path: Path) -> None:
    latencies = {1: (3_000_000, 5_000_000), 2: (40_000_000, 90_000_000)}
    _, rows = ran(recording(tmp_path / "data"), TEXT + away(*latencies.values()))
    for number, (to, back) in latencies.items():
        asked, told = delays(rows, number)
        assert len(asked) > 3
        assert (set(asked), set(told)) == ({to}, {back})


@pytest.mark.parametrize("seed", [4, 5])
def test_how_far_they_go_at_once_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    (tmp_path / "hedge.py").write_text(HEDGE)
    text = '[strategy]\nname = "hedge.py:Hedge"\nform = "python"\n[account]\nbalances = { USDT = 100000, BTC = 100 }\n'
    data, text = recording(tmp_path / "data", seed), text + away((1_000_000, 20_000_000), (2_000_000, 30_000_000))
    _, rows = ran(data, text)
    assert len(set(rows[rows["kind"] == r.FILLED.number]["instrument"].tolist())) == 2
    monkeypatch.setattr(apart, "_least_ns", lambda plan, place: 0)
    _, again = ran(data, text)
    assert rows.tobytes() == again.tobytes()


@pytest.mark.parametrize("model", ["log_normal", "feed"])
def test_other_models_take_the_median_of_each(tmp_path: Path, model: str) -> None:
    """Every row of the data is a millisecond late, which `feed` adds; and all is the same again, as it is drawn by number."""
    data, text = recording(tmp_path / "data"), TEXT + away(*AWAY.values())
    _, rows = ran(data, text, f"latency.model={model}", "latency.spread=0.02")
    for number, medians in AWAY.items():
        for found, median in zip(delays(rows, number), medians, strict=True):
            assert len(found) > 9
            if model == "feed":
                assert set(found) == {median + 1_000_000}
            else:
                assert len(set(found)) > 5
                assert abs(np.median(found) / median - 1) < 0.02
    _, again = ran(data, text, f"latency.model={model}", "latency.spread=0.02")
    assert rows.tobytes() == again.tobytes()
    assert (rows["kind"] == r.FILLED.number).sum() > 5


def test_each_venue_draws_for_itself(tmp_path: Path) -> None:
    """As many messages as are under way at two venues take as many different times, measured by the median of each."""
    plan = make_plan(
        read_settings(TEXT + away(*AWAY.values()), ("latency.model=log_normal", "seed=7")), recording(tmp_path / "data")
    )
    exchanges = exchange_of(plan)
    assert isinstance(exchanges, Exchanges)
    drawn = [
        [delay_of(part.venue, I(wire), I(0)) / part.venue.wires["ns"][wire] for _ in range(50)]
        for part in exchanges.parts
        for wire in (0, 1)
    ]
    assert len({round(share, 5) for wire in drawn for share in wire}) > 190
    assert exchanges.parts[0].venue.wires["seed"].tolist() == Exchange(plan).venue.wires["seed"].tolist() == [14, 15]


@pytest.mark.parametrize(
    "told", ['[[accounts]]\nvenue = "binance_spot"\nentry_ns = 3\n', away((3, 0), (3, 0)), away((5, 8), (5, 8))]
)
def test_tables_that_agree_make_no_exchanges_of_their_own(tmp_path: Path, told: str) -> None:
    words = ("latency.entry_ns=3", "latency.response_ns=0")
    plan = make_plan(read_settings(TEXT + told, words), recording(tmp_path / "data"))
    exchange = exchange_of(plan)
    assert isinstance(exchange, Exchange)
    assert exchange.venue.wires["ns"].tolist() == ([5, 8] if "5" in told else [3, 0])
    other = read_settings(TEXT + told, ("latency.entry_ns=4", "latency.response_ns=0"))
    assert isinstance(exchange_of(make_plan(other, tmp_path / "data")), Exchanges) == ("usdm" not in told)
    fees = "fees.asset=BTC"
    make_plan(read_settings(TEXT + told, (*words, fees)), tmp_path / "data")


def test_one_venue_is_as_far_away_as_its_account_says(tmp_path: Path) -> None:
    data = recording(tmp_path / "data")
    text = 'instrument.symbol = "binance_usdm:BTCUSDT"\n[strategy]\nqty = 0.01\n'
    said = '[[accounts]]\nvenue = "binance_usdm"\nentry_ns = 3\nresponse_ns = 4\n'
    exchange = exchange_of(make_plan(read_settings(text + said), data))
    assert isinstance(exchange, Exchange)
    assert exchange.venue.wires["ns"].tolist() == [3, 4]


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    data = recording(tmp_path / "data")
    quantiles = ("latency.model=empirical", "latency.entry_quantiles=[1]", "latency.response_quantiles=[1]")
    with pytest.raises(SettingsError, match=r"entry_ns or response_ns, and latency\.model is empirical"):
        read_settings(away((1, 2), (3, 4)), quantiles)
    fees = ("fees.asset=BTC",)
    make_plan(read_settings(TEXT, fees), data)
    with pytest.raises(SettingsError, match=r"nothing says what it is worth in USDT"):
        make_plan(read_settings(TEXT + away((1, 2), (3, 4)), fees), data)
