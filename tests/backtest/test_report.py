"""What a report says, and that nothing in it can be taken for something else."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.made_runs import EVIL, evil, made_run
from veloz.backtest.definitions import DEFINITIONS
from veloz.backtest.metrics import measure
from veloz.backtest.outcome import UNKNOWN, RunResult
from veloz.backtest.report import json_of, write_report
from veloz.backtest.web import page
from veloz.backtest.web.page import flat, grouped, page_of, span
from veloz.backtest.web.payload import EXACT_MAX, payload_of, thin, whole


@pytest.fixture(scope="module")
def run() -> RunResult:
    """A small run."""
    return made_run(300, 7_200)


class Seen(HTMLParser):
    """Tags with what they carry, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inner: list[tuple[str, dict[str, str | None], str]] = []
        self._open: tuple[str, dict[str, str | None]] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inner.append((*self._open, data))
            self._open = None


# --- JSON -----------------------------------------------------------------------------------------------------------------


def test_the_json_report_says_everything_exactly(run: RunResult) -> None:
    fills = run.fills.copy()
    fills["mid_x2"][5] = UNKNOWN
    told = json.loads(json_of(replace(run, fills=fills), measure(run)))
    assert told["format"] == "veloz.report.v1"
    assert set(told["metrics"]) == set(told["definitions"]) == {each.name for each in DEFINITIONS}
    assert {name for name, value in told["metrics"].items() if value is None} == set(told["reasons"])
    assert (
        len(told["equity"]["ts_ns"])
        == len(told["equity"]["equity"])
        == len(told["equity"]["drawdown"])
        == len(run.ts_ns)
    )
    assert [int(float(each) * 1e8 + 0.5) for each in told["equity"]["equity"][:50]] == run.equity[:50].tolist()
    assert min(told["equity"]["drawdown"]) == told["metrics"]["max_drawdown"]
    rows = [dict(zip(told["trades"]["columns"], row, strict=True)) for row in told["trades"]["rows"]]
    assert len(rows) == len(run.fills)
    assert [row["ts_ns"] for row in rows] == run.fills["ts_ns"].tolist()
    assert [round(float(row["price"]) * 100) for row in rows] == run.fills["price"].tolist()
    assert [row["side"] == "sell" for row in rows] == run.fills["sell"].tolist()
    assert rows[5]["markout_1s_bps"] is None
    assert rows[6]["markout_1s_bps"] is not None
    assert rows[-1]["position"] == told["markets"][0]["position"]
    trips = [dict(zip(told["round_trips"]["columns"], row, strict=True)) for row in told["round_trips"]["rows"]]
    assert len(trips) == told["metrics"]["trips"]
    assert told["data"][0]["head_hash"] == run.data[0].head_hash
    assert told["gaps"][0]["what"] == run.gaps[0].what
    assert told["config_hash"] == run.config_hash


def test_a_report_of_nothing_is_a_report(run: RunResult) -> None:
    nothing = RunResult(
        name="nothing", asset="USDT", scale=2, began_ns=5, ended_ns=5, ts_ns=np.array([5]), equity=np.array([0])
    )
    told = json.loads(json_of(nothing, measure(nothing)))
    assert told["metrics"]["net_pnl"] == "0"
    assert told["reasons"]["sharpe"]
    assert "Rolling Sharpe: there are 0 returns" in page_of(nothing, measure(nothing))


def test_what_is_no_result_writes_nothing(run: RunResult, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not rise"):
        write_report(replace(run, ts_ns=run.ts_ns[::-1].copy()), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    found = write_report(run, tmp_path / "out")
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["report.html", "report.json"]
    first = found.html.read_bytes(), found.json.read_bytes()
    write_report(run, tmp_path / "out")
    assert (found.html.read_bytes(), found.json.read_bytes()) == first, "the same run gives the same bytes"


# --- the page -------------------------------------------------------------------------------------------------------------


def test_the_page_asks_nobody_for_anything(run: RunResult) -> None:
    text = page_of(run, measure(run))
    assert not re.findall(r"https?:|//[a-z]+\.|@import|url\(", text)
    seen = Seen(text)
    assert [tag for tag, carried in seen.tags if carried.get("src")] == []
    assert [carried["href"] for _, carried in seen.tags if carried.get("href")] == ["data:,", "#h-gaps"]
    assert "Copyright (c) 2022 Leon Sorokin" in text, "a copy of uPlot carries its licence"


def test_the_policy_names_each_script_and_style_of_the_page(run: RunResult) -> None:
    seen = Seen(page_of(run, measure(run)))
    policy = next(str(carried["content"]) for tag, carried in seen.tags if carried.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    named = set(re.findall(r"'sha256-[^']+'", policy))
    code = [inner for _, carried, inner in seen.inner if carried.get("type") is None]
    assert {f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in code} == named
    assert len(code) == 3
    assert not [
        carried for _, carried in seen.tags if any(name.startswith("on") or name == "style" for name in carried)
    ]


def test_no_text_of_a_person_becomes_html(run: RunResult) -> None:
    plain, hostile = (Seen(page_of(each, measure(each))) for each in (evil(run, "tame"), evil(run)))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    payload = next(inner for _, carried, inner in hostile.inner if carried.get("id") == "data")
    assert json.loads(payload)["asset"] == EVIL
    assert not re.search("[<>&\u2028]", payload)


def test_every_figure_points_to_its_definition(run: RunResult) -> None:
    text = page_of(run, measure(run))
    wanted = set(re.findall(r'data-means="(\w+)"', text))
    assert wanted == {each.name for each in DEFINITIONS} == set(re.findall(r'id="d-(\w+)"', text))


def test_data_config_and_gaps_are_on_the_page(run: RunResult) -> None:
    text = page_of(run, measure(run))
    for said in (
        run.data[0].head_hash,
        run.config_hash,
        run.state_hash,
        "strategy.half_spread",
        run.gaps[0].what,
        "Receive stamps",
    ):
        assert said in text
    assert "uPlot v1.6" in page.library()


def test_what_equity_adds_up_from_is_on_the_page_where_it_is_known(run: RunResult) -> None:
    text = page_of(run, measure(run))
    assert '<th scope="row">main (binance_usdm)</th><td>USDT</td><td>10000</td><td>4</td>' in text
    assert "<td>30000</td><td>mid</td><td>-5</td><td>4</td><td>3</td><td>USDT</td>" in text
    told = json.loads(json_of(run, measure(run)))
    assert told["balances"][0]["worth"] == "10006"
    bare = replace(run, balances=(), markets=tuple(replace(each, standing=None) for each in run.markets))
    assert 'id="h-standing"' not in page_of(bare, measure(bare))
    assert json.loads(json_of(bare, measure(bare)))["markets"][0]["mark"] is None


def test_markets_of_one_symbol_are_told_apart(run: RunResult) -> None:
    """Executions, round trips and the picker of the page name the venue where the symbol alone names nothing; only there."""
    fills = run.fills.copy()
    fills["market"] = np.arange(len(fills)) % 3
    usdm = run.markets[0]
    spot = replace(usdm, venue="binance_spot", product="spot")
    three = replace(run, fills=fills, markets=(usdm, spot, replace(usdm, symbol="ETHUSDT")))
    names = ["binance_usdm:BTCUSDT", "binance_spot:BTCUSDT", "ETHUSDT"]
    told = json.loads(json_of(three, measure(three)))
    at = told["trades"]["columns"].index("symbol")
    assert [row[at] for row in told["trades"]["rows"]][:3] == names
    assert [each["symbol"] for each in told["markets"]] == ["BTCUSDT", "BTCUSDT", "ETHUSDT"], (
        "their venue stands beside them"
    )
    assert [each["symbol"] for each in json.loads(payload_of(three, measure(three)))["markets"]] == names
    fills["market"] = 1
    told = json.loads(json_of(three, measure(three)))["round_trips"]
    assert {row[told["columns"].index("symbol")] for row in told["rows"]} == {names[1]}
    text = page_of(three, measure(three))
    assert [f'<option value="{at}">{name}</option>' in text for at, name in enumerate(names)] == [True] * 3
    alone = replace(run, fills=fills, markets=(usdm, replace(usdm, symbol="ETHUSDT"), replace(spot, symbol="BTCUSDC")))
    assert "binance_usdm:BTCUSDT" not in json_of(alone, measure(alone)).decode()


def test_numbers_as_people_read_them() -> None:
    assert grouped("-1234567.50") == "−1\u202f234\u202f567.50"
    assert [span(each) for each in (0, 1_500_000, 61_000_000_000, 90_000_000_000_000)] == [
        "0 ms",
        "1.5 ms",
        "1 min 1 s",
        "1 d 1 h",
    ]
    assert list(flat({"a": {"b": 1, "c": {"d": [2]}}, "e": 3})) == [("a.b", 1), ("a.c.d", [2]), ("e", 3)]


# --- what the scripts draw ------------------------------------------------------------------------------------------------


def unpacked(column: dict[str, Any]) -> list[int]:
    """As `columns.js` does it."""
    return [int(each) for each in column["text"]] if "text" in column else np.cumsum(column["delta"]).tolist()


@given(st.lists(st.integers(-(1 << 62), 1 << 62) | st.integers(-1000, 1000), max_size=20))
def test_a_column_comes_back_as_it_went(values: list[int]) -> None:
    packed = whole(np.array(values, np.int64))
    assert unpacked(packed) == values
    assert ("text" in packed) == any(abs(each) > EXACT_MAX for each in values)


@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=5) | st.lists(st.integers(-50, 50), min_size=80, max_size=300),
    st.integers(4, 60),
)
def test_thinning_loses_no_peak(values: list[int], points: int) -> None:
    column = np.array(values)
    kept = thin(column, points)
    assert len(kept) <= max(points + 2, 1)
    assert (np.diff(kept) > 0).all()
    assert (kept[0], kept[-1]) == (0, len(values) - 1)
    assert (column[kept].min(), column[kept].max()) == (min(values), max(values))


def test_the_scripts_get_every_trade(run: RunResult) -> None:
    told = json.loads(payload_of(run, measure(run)))["trades"]
    assert unpacked(told["price"]) == run.fills["price"].tolist()
    assert unpacked(told["fee"]) == run.fills["fee"].tolist()
    assert unpacked(told["t"]) == ((run.fills["ts_ns"] - run.began_ns) // 1000).tolist()
    assert [int(each) & 1 for each in told["flags"]] == run.fills["sell"].tolist()
    assert [int(each) >> 1 for each in told["flags"]] == run.fills["maker"].tolist()


def test_a_hundred_thousand_trades_are_a_page_of_a_few_megabytes() -> None:
    large = made_run(100_000, 86_400, every=60)
    assert len(page_of(large, measure(large)).encode()) < 7_000_000


# --- the pages of the handbook --------------------------------------------------------------------------------------------


def test_the_handbook_defines_what_reports_show(root: Path) -> None:
    text = (root / "docs/reference/backtest-report.md").read_text(encoding="utf-8")
    rows = [
        f"| `{each.name}` | {each.label} | {each.unit} | {each.text.replace('|', chr(92) + '|')} |"
        for each in DEFINITIONS
    ]
    assert [row for row in rows if row not in text] == []
