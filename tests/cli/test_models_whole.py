"""The other matching models through whole runs: strategies that wake on what the data hold, cases worked by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backtest.made import BEGIN, MS, level, make_recording, trade
from tests.cli.conftest import Run
from veloz.contracts import registry as r
from veloz.contracts.layout import CLOSED, FIRST, LAST, ROW, STEP_END

MINUTE_MS = 60_000
SKEW_MS = (-BEGIN // MS) % (5 * MINUTE_MS)  # from the beginning to the next five minutes
SWAY = '''
from veloz.strategies import sdk


class Sway(sdk.Strategy):
    """One order at the first event of its kind, then one the other way at each that says so."""

    written_for = "1.0"
    params = (sdk.Param("qty", "qty", default="0.010"), sdk.Param("away", "price", default="0"))
    wakes = sdk.Wakes(events=("EVENT",))

    def __init__(self):
        self.sold = True

    def on_event(self, view, event):
        self.sold = not self.sold
        close = event.words[PLACE]
        price = close + view.params.away if self.sold else close - view.params.away
        return sdk.Order(view.instruments[0], sell=self.sold, qty=view.params.qty, price=price)
'''


WAITS = '''
from veloz.strategies import sdk


class Waits(sdk.Strategy):
    """Writes what it is told of bars into orders that nobody fills."""

    written_for = "1.0"
    wakes = sdk.Wakes(bars=("1m", "5m"))
    history = 30

    def on_bar(self, view, bar):
        bars = view.bars(bar.interval)
        price = bars[-1].close if bar.interval == "1m" else max(each.high for each in bars)
        return sdk.Order(view.instruments[0], sell=False, qty=len(bars), price=price, tif=sdk.TimeInForce.IOC)
'''


def bar(opened_ms: int, prices: tuple[int, int, int, int], volume: int) -> np.ndarray:
    """A closed bar of a minute, known when it is over."""
    opened, high, low, close = prices
    rows = np.zeros(2, ROW)
    rows["version"], rows["instrument"], rows["ts_recv"] = 1, 1, BEGIN + (opened_ms + MINUTE_MS) * MS
    rows["kind"] = r.BAR.number, r.BAR_VOLUME.number
    rows["flags"] = FIRST | CLOSED, LAST | CLOSED | STEP_END
    first = rows[:1].view(r.BAR.view)
    first["ts_open"], first["open"], first["high"], first["low"], first["close"] = (
        BEGIN + opened_ms * MS, opened, high, low, close,
    )  # fmt: skip
    second = rows[1:].view(r.BAR_VOLUME.view)
    second["interval_ns"], second["volume"] = MINUTE_MS * MS, volume
    return rows


def told_of(
    veloz: Run,
    tmp_path: Path,
    data: Path,
    model: str,
    event: str,
    place: int,
    *words: str,
    entry_ns: int = 0,
    own: str = "",
) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """The answer of a run of the strategy above, verified; (side, price, quantity) of its executions."""
    (tmp_path / "sway.py").write_text(SWAY.replace("EVENT", event).replace("PLACE", str(place)))
    config = tmp_path / "run.toml"
    config.write_text(
        f'[strategy]\nname = "sway.py:Sway"\nform = "python"\n[match]\nmodel = "{model}"\n'
        f"[latency]\nentry_ns = {entry_ns}\nresponse_ns = 0\n[fees]\nmaker = 0\ntaker = 0\n{own}"
    )
    result = tmp_path / "result"
    sets = [part for word in words for part in ("--set", word)]
    ran = veloz("backtest", config, "--data", data, "--journal", result, "--json", *sets)
    assert ran.code == 0, ran.err + ran.out
    again = veloz("replay", "--journal", result, "--verify", "--trust-journal-code", "--json")
    assert (again.code, again.json["state_hash"]) == (0, ran.json["state_hash"])
    rows = map(json.loads, veloz("journal", "dump", "--journal", result, "--kind", "order.filled").out.splitlines())
    return ran.json, [(row["meta"]["side"], row["price"], row["qty"]) for row in rows]


def test_bars_through_the_whole_run(veloz: Run, tmp_path: Path) -> None:
    """Buy at the close of the first bar, 1000: the second goes through it at 1000. Sell at 1010, its close: the third opens above."""
    data = make_recording(
        tmp_path / "data",
        bar(0, (995, 1005, 990, 1000), 100),
        bar(MINUTE_MS, (1004, 1012, 992, 1010), 100),
        bar(2 * MINUTE_MS, (1015, 1020, 1014, 1016), 100),
    )
    told, fills = told_of(veloz, tmp_path, data, "bars", "md.bar", 4)
    assert fills == [("buy", "100", "0.01"), ("sell", "101.5", "0.01")]
    assert (told["realized"], told["position"], told["gaps"]) == ("0.015", {"BTCUSDT": "0"}, [])


def test_an_order_that_comes_after_the_open_waits_for_the_next_bar(veloz: Run, tmp_path: Path) -> None:
    data = make_recording(tmp_path / "data", *(bar(k * MINUTE_MS, (1000, 1010, 990, 1000), 100) for k in range(3)))
    told, fills = told_of(veloz, tmp_path, data, "bars", "md.bar", 4, entry_ns=1)
    assert fills == [("buy", "100", "0.01")]
    assert told["orders"] == 2  # the one between would have met it, and was refused


def test_trades_through_the_whole_run(veloz: Run, tmp_path: Path) -> None:
    """Each print is the book for who comes next, and only as much as it was: 10 of 50 at 1000, 10 of 50 at 999, 4 of 4 at 1003."""
    data = make_recording(
        tmp_path / "data",
        trade(10, 1000, 50),
        trade(2000, 999, 50, sold=True),
        trade(4000, 1003, 4),
        trade(6000, 1003, 50),
    )
    told, fills = told_of(veloz, tmp_path, data, "trades", "md.trade", 1)
    assert fills == [("buy", "100", "0.01"), ("sell", "99.9", "0.01"), ("buy", "100.3", "0.004")]
    assert told["position"] == {"BTCUSDT": "0.004"}


def test_only_the_book_fills_where_it_must_come_through(veloz: Run, tmp_path: Path) -> None:
    """Buy at 1000 − 5 after the first print. A print at 990 fills nothing; asks of 4 at 994 give 4."""
    data = make_recording(
        tmp_path / "data",
        level(1, 1000, 50),
        level(2, 1001, 50, ask=True),
        trade(10, 1000, 50),
        level(1000, 1000, 0),
        trade(2000, 990, 50, sold=True),
        level(3000, 994, 4, ask=True),
        level(4000, 994, 0, ask=True),
    )
    _, fills = told_of(veloz, tmp_path, data, "book", "md.trade", 1, "strategy.away=0.5")
    assert fills == [("buy", "99.5", "0.004")]


@pytest.mark.parametrize("model", ["queue", "book", "trades"])
def test_data_of_bars_suit_only_their_model(model: str, veloz: Run, root: Path, tmp_path: Path) -> None:
    data = make_recording(tmp_path / "data", bar(0, (995, 1005, 990, 1000), 100))
    ran = veloz("backtest", root / "configs" / "quoter.toml", "--data", data, "--journal", tmp_path / "r",
                "--set", f"match.model={model}")  # fmt: skip
    assert ran.code == 2
    assert f"match.model is {model} and fills by" in ran.err
    assert "Set match.model to bars" in ran.err
    assert not (tmp_path / "r").exists()


def test_a_missing_bar_is_told_as_a_gap(veloz: Run, tmp_path: Path) -> None:
    bars = [bar(k * MINUTE_MS, (1000, 1010, 990, 1000), 100) for k in (0, 1, 3, 4)]
    told, _ = told_of(veloz, tmp_path, make_recording(tmp_path / "data", *bars), "bars", "md.bar", 4)
    assert len(told["gaps"]) == 1


def test_an_order_that_misses_the_next_open_is_told(veloz: Run, tmp_path: Path) -> None:
    data = make_recording(tmp_path / "data", *(bar(k * MINUTE_MS, (1_000, 1_010, 990, 1_000), 100) for k in range(3)))
    said, told = [], []
    for entry_ns in (0, 10_000_000):
        (tmp_path / str(entry_ns)).mkdir()
        told.append(
            told_of(veloz, tmp_path / str(entry_ns), data, "bars", "md.bar", 4, entry_ns=entry_ns)[0]["warnings"]
        )
        said.append([each for each in told[-1] if "the one after it" in each])
    assert [len(each) for each in said] == [0, 1], told
    assert "10.000 ms after a bar has closed" in said[1][0]


@pytest.mark.parametrize(("own_ns", "entry_ns", "said"), [(10_000_000, 0, 1), (0, 10_000_000, 0)])
def test_an_account_that_is_as_far_away_as_it_says_is_told_by_that(
    veloz: Run, tmp_path: Path, own_ns: int, entry_ns: int, said: int
) -> None:
    data = make_recording(tmp_path / "data", *(bar(k * MINUTE_MS, (1_000, 1_010, 990, 1_000), 100) for k in range(3)))
    own = f'[[accounts]]\nvenue = "binance_usdm"\nname = "far"\nentry_ns = {own_ns}\n'
    told, _ = told_of(veloz, tmp_path, data, "bars", "md.bar", 4, entry_ns=entry_ns, own=own)
    late = [each for each in told["warnings"] if "the one after it" in each]
    assert len(late) == said, told["warnings"]
    for each in late:
        assert each.startswith("Orders of account far reach the venue 10.000 ms after a bar has closed")
        assert "Give entry_ns = 0 in its table [[accounts]]" in each


@pytest.mark.parametrize("missing", [0, 3])
def test_recorded_bars_close_for_whoever_waits_for_them(veloz: Run, tmp_path: Path, missing: int) -> None:
    """`on_bar` and `view.bars` of minutes and of five of them, out of minutes that a file states, one of which may be missing."""
    (tmp_path / "waits.py").write_text(WAITS)
    (tmp_path / "run.toml").write_text(
        '[strategy]\nname = "waits.py:Waits"\nform = "python"\n[match]\nmodel = "bars"\n[latency]\nentry_ns = 0\nresponse_ns = 0\n'
    )
    minutes = [k for k in range(11) if k + 1 != missing]
    rows = [bar(SKEW_MS + k * MINUTE_MS, (1_000 + k, 1_010 + k, 990, 1_001 + k), 100) for k in minutes]
    data = make_recording(tmp_path / "data", *rows)
    ran = veloz("backtest", tmp_path / "run.toml", "--data", data, "--journal", tmp_path / "result", "--json")
    assert ran.code == 0, ran.err + ran.out
    dumped = veloz("journal", "dump", "--journal", tmp_path / "result", "--kind", "strategy.intent").out.splitlines()
    told = [(round(10 * float(row["price"])), round(1000 * float(row["qty"]))) for row in map(json.loads, dumped)]
    expected = []
    for n, k in enumerate(minutes, 1):
        expected.append((1_001 + k, n))  # the close, and how many are kept
        if k % 5 == 4:
            expected.append((1_010 + k, k // 5 + 1))  # the high of five
    assert told == expected
    again = veloz("replay", "--journal", tmp_path / "result", "--verify", "--trust-journal-code", "--json")
    assert (again.code, again.json["state_hash"]) == (0, ran.json["state_hash"])


@pytest.mark.parametrize(
    ("skew_ms", "there"),
    [
        (0, "bars of BTCUSDT of 60 s, which make none"),
        (1, "neither trades of BTCUSDT nor bars of it that begin at multiples of their length"),
    ],
)
def test_bars_that_nobody_can_make_are_refused(veloz: Run, tmp_path: Path, skew_ms: int, there: str) -> None:
    """Bars that `on_bar` is told of are made of trades or of shorter bars."""
    text = SWAY.replace('events=("EVENT",)', 'bars=("1s",)').replace(
        "on_event(self, view, event)", "on_bar(self, view, bar)"
    )
    (tmp_path / "waits.py").write_text(text.replace("event.words[PLACE]", "view.market().bid"))
    (tmp_path / "run.toml").write_text('[strategy]\nname = "waits.py:Sway"\nform = "python"\n[match]\nmodel = "bars"\n')
    data = make_recording(tmp_path / "data", bar(SKEW_MS + skew_ms, (1_000, 1_010, 990, 1_000), 100))
    ran = veloz("backtest", tmp_path / "run.toml", "--data", data, "--journal", tmp_path / "result", "--json")
    assert (ran.code, (tmp_path / "result").exists()) == (2, False)
    error = ran.json["error"]
    assert "waits for bars of 1s, and the data hold " + there in error["message"]
    assert "that can be made of what there is" in error["hint"]


def test_recorded_bars_that_trades_leave_untold_are_counted(veloz: Run, tmp_path: Path) -> None:
    """One trade amid ten bars, and the same in front of the rows that count; two trades a bar say nothing."""
    (tmp_path / "waits.py").write_text(WAITS.replace("bars[-1].close", "bars[-1].close if bars else 1"))
    settings = '[strategy]\nname = "waits.py:Waits"\nform = "python"\n[match]\nmodel = "bars"\n'
    (tmp_path / "run.toml").write_text(settings)

    def told(name: str, rows: list[np.ndarray], *words: str) -> list[str]:
        data = make_recording(tmp_path / name, *rows)
        ran = veloz(
            "backtest", tmp_path / "run.toml", "--data", data, "--journal", tmp_path / f"r{name}", "--json", *words
        )
        assert ran.code == 0, ran.err + ran.out
        return [each for each in ran.json["warnings"] if "in which no trade is recorded" in each]

    def traded(k: int) -> np.ndarray:
        row = trade(SKEW_MS + k * MINUTE_MS + 1_000, 1_000, 5)
        row["ref"] = row["ts_event"]
        return row

    bars = [bar(SKEW_MS + k * MINUTE_MS, (1_000, 1_010, 990, 1_001), 100) for k in range(10)]
    stray = [*bars[:4], traded(4), *bars[4:]]
    (said,) = told("stray", stray)
    assert said.startswith("The data hold 5 bars of BTCUSDT in which no trade is recorded")
    assert 'wait for bars by events=("md.bar",)' in said
    begin = str(BEGIN + (SKEW_MS + 7 * MINUTE_MS) * MS)
    (said,) = told("cut", stray, "--set", f"data.from={begin}")
    assert "hold 4 bars of BTCUSDT" in said
    assert not told("whole", [row for k in range(10) for row in (traded(k), bars[k])])
    assert not told("bars", bars)
    (tmp_path / "waits.py").write_text(SWAY.replace("EVENT", "md.bar").replace("PLACE", "4"))
    (tmp_path / "run.toml").write_text(settings.replace("Waits", "Sway"))
    assert not told("events", stray)
