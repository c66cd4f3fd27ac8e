"""What people are shown: numbers with the digits that mean something, times as text, tables that fit their terminal."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from veloz.backtest.definitions import DEFINITIONS
from veloz.cli.figures import print_figures, print_standing
from veloz.cli.optimize import show
from veloz.cli.outcome import format_duration, format_fraction, format_named

DAY_NS = 86_400 * 10**9


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-0.0000012, "-1.2e-06"),
        (0.01234, "0.0123"),
        (1.5, "1.5"),
        (100.0, "100"),
        (-12345.6, "-12,346"),
    ],
)
def test_a_fraction_is_never_nothing_where_it_is_something(value: float, said: str) -> None:
    assert format_fraction(value) == said


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (0, "0 ns"), (950, "950 ns"), (12_500, "12.5 µs"), (10_000_000, "10 ms"), (1_271_371_000, "1.271 s"), (-2 * 10**9, "-2 s"),
        (118 * 10**9, "1 min 58 s"), (3_660 * 10**9, "1 h 1 min"), (3 * DAY_NS + 5 * 3_600 * 10**9, "3 d 5 h"),
    ],
)  # fmt: skip
def test_a_time_is_told_in_what_suits_it(ns: int, said: str) -> None:
    assert format_duration(ns) == said


def test_moments_are_dates_wherever_they_stand() -> None:
    begin = 1_700_000_000 * 10**9
    assert format_named("began_ns", begin) == "2023-11-14 22:13:20.000000000 UTC"
    told = format_named("gaps", [{"what": "bars", "begin_ns": begin, "length_ns": 60 * 10**9}])
    assert told == "what bars, begin 2023-11-14 22:13:20.000000000 UTC, length 1 min 0 s"


def test_figures_stand_in_their_groups_and_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    values: dict[str, Any] = {
        each.name: {"money": "-28.2638532", "ns": 118 * 10**9, "count": 1234}.get(each.unit, -0.0000283)
        for each in DEFINITIONS
    }
    print_figures({**values, "sharpe": None}, "USDT")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for each in DEFINITIONS:
        assert sum(each.label in line for line in lines) >= 1, each.label
    assert any(line.startswith("Risk (USDT)") for line in lines)
    said = " ".join(lines)
    assert "-0.00283 %" in said
    assert "1 min 58 s" in said
    assert "—" in said


def test_what_equity_adds_up_from_fits(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    amounts = dict.fromkeys(("funding", "other", "unrealized"), "0")
    balance = {
        "account": "main", "venue": "binance_usdm", "asset": "USDT", "opened": "1000", "traded": "-2.5", "fees": "0.002", **amounts,
        "total": "997.498", "rate": "1", "worth": "997.498",
    }  # fmt: skip
    market = {
        "symbol": "BTCUSDT", "venue": "binance_usdm", "fills": 3, "position": "0", "mark": None, "mark_by": None, "cash": "-2.5",
        "realized": "-2.5", "unrealized": "0", "money": "USDT",
    }  # fmt: skip
    print_standing([balance], [market, {**market, "symbol": "ETHUSDT", "fills": 0}])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    words = [line.split() for line in lines]
    assert words[1] == ["account", "asset", "opened", "traded", "fees", "total", "rate", "worth"]
    assert words[2] == ["main", "USDT", "1000", "-2.5", "0.002", "997.498", "1", "997.498"]
    assert words[5] == ["BTCUSDT", "0", "—", "—", "-2.5", "-2.5", "USDT"]
    assert "ETHUSDT" not in " ".join(lines)


LONG = "-98765432109.123456789"


def standing(columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said of one symbol on two venues, each with an account, in amounts of 22 digits."""
    monkeypatch.setenv("COLUMNS", str(columns))
    amounts = dict.fromkeys(
        ("opened", "traded", "fees", "funding", "other", "total", "unrealized", "rate", "worth"), LONG
    )
    stands = {**dict.fromkeys(("position", "mark", "cash", "realized", "unrealized"), LONG), "mark_by": "mark"}
    venues = "binance_usdm", "binance_spot"
    balances = [{"account": f"at {venue}", "venue": venue, "asset": "USDT", **amounts} for venue in venues]
    markets = [{"symbol": "BTCUSDT", "venue": venue, "fills": 3, "money": "USDT", **stands} for venue in venues]
    print_standing(balances, [*markets, {**markets[0], "symbol": "ETHUSDT", "fills": 3}])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [30, 80, 300])
def test_no_amount_is_broken(columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = standing(columns, capsys, monkeypatch)
    assert " ".join(lines).split().count(LONG) == 2 * 9 + 3 * 5
    assert columns < 80 or max(map(len, lines)) <= columns
    if columns == 80:
        assert {tuple(line.split()) for line in lines} >= {("worth", LONG), ("account", "at", "binance_spot")}


@pytest.mark.parametrize("columns", [80, 300])
def test_markets_of_two_venues_are_told_apart(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = " ".join(standing(columns, capsys, monkeypatch)).split()
    assert [word for word in words if word.endswith(("BTCUSDT", "ETHUSDT"))] == [
        "binance_usdm:BTCUSDT", "binance_spot:BTCUSDT", "ETHUSDT",
    ]  # fmt: skip


def test_a_table_that_just_fits_is_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    wide = max(map(len, standing(300, capsys, monkeypatch)))
    just, less = (standing(columns, capsys, monkeypatch) for columns in (wide, wide - 1))
    assert (max(map(len, just)), len(just)) == (wide, 2 + 2 + 2 + 3)
    assert len(less) > len(just)
    assert " ".join(less).split().count(LONG) == " ".join(just).split().count(LONG)


@pytest.mark.parametrize("settings", [3, 9])
def test_a_table_of_trials_fits_its_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, settings: int
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    params = {f"strategy.parameter_{k}": 1234567 + k for k in range(settings)}
    lines = [
        {
            "trial": k,
            "params": params,
            "metrics": {"sharpe": -0.0000123, "net_pnl": "-1.00012", "calmar": 1.0, "fees": "22.5"},
        }
        for k in range(30)
    ]
    show({
        "trials": 500, "table": lines, "objective": "sharpe", "best": None, "judged": {"trials": 500}, "deflated_sharpe": None,
        "overfit_probability": None, "results": "here", "data": "there", "trials_per_second": 1.0, "remembered": 0,
    })  # fmt: skip
    said = capsys.readouterr().out
    assert "the best 12 of 500 trials" in said
    assert any(" data " in line and " there " in line for line in said.splitlines()), "what was run on is named"
    assert max(map(len, said.splitlines())) <= 80
    for k in range(settings):
        assert f"parameter_{k}" in said
        assert str(1234567 + k) in said
    assert "-1.23e-05" in said


def test_a_result_is_no_dataset(veloz: Run, short: Path, root: Path, tmp_path: Path) -> None:
    quiet = ("--set", "ingest.snapshot=false")
    veloz("data", "import", short, "--venue", "binance_usdm", "--name", "short", *quiet)
    config = root / "configs" / "quoter.toml"
    result = tmp_path / "data" / "result"
    ran = veloz("backtest", config, "--data", tmp_path / "data" / "short", "--journal", result)
    assert ran.code == 0
    assert "Net profit" in ran.out
    assert "Sharpe" in ran.out
    assert "net_pnl" not in ran.out
    told = veloz("data", "list", "--json").json
    assert [each["name"] for each in told["datasets"]] == ["short"]
    shown = veloz("data", "list").out
    (line,) = [line for line in shown.splitlines() if "BTCUSDT" in line]
    assert "short" in line
    assert "2024-08-08 " in line


def test_a_dataset_is_run_on_by_its_name_and_the_report_says_what_was_used(
    veloz: Run, short: Path, tmp_path: Path
) -> None:
    veloz("data", "import", short, "--venue", "binance_usdm", "--name", "deep/short", "--set", "ingest.snapshot=false")
    config = tmp_path / "run.toml"
    config.write_text('[data]\npath = "deep/short"\n[strategy]\nname = "quoter"\nqty = 0.02\n')
    ran = veloz("backtest", config, "--out", tmp_path / "out", "--json")
    assert ran.code == 0, ran
    assert "importing" not in ran.err
    assert veloz("backtest", config, "--data", "deep/short", "--json").json["data_hash"] == ran.json["data_hash"]
    assert veloz("backtest", config, "--data", "deep/other", "--json").code == 2
    told = json.loads((tmp_path / "out" / "report.json").read_text())["settings"]
    (one,) = told["instruments"]
    assert (one["symbol"], one["kind"], one["multiplier"]) == ("binance_usdm:BTCUSDT", "linear", "1")
    assert float(one["tick"]) > 0 < float(one["lot"])
    params = told["strategies"][0]["params"]
    assert params["qty"] == "0.02"
    assert {"half_spread", "interval_ns"} <= params.keys()
    assert not [name for name in told if name.startswith("instrument.")]
    assert "instruments.1.tick" in (tmp_path / "out" / "report.html").read_text()
