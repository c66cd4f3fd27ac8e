"""The page of a report in a real browser. Without one these tests skip; `VELOZ_BROWSER` names one."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backtest.made_runs import EVIL, evil, made_run
from tests.world.browser import Page, find_browser
from veloz.backtest.outcome import RunResult
from veloz.backtest.report import write_report

BROWSER = find_browser()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on the path, and VELOZ_BROWSER names none")
LARGE = 100_000
READY_MS_MAX = 15_000  # of a machine that does much else; 0.3 s where it is alone
ROWS_MAX = 80
INK = "name => document.querySelector(`#${name} canvas`).toDataURL()"
BLANK = """name => { const drawn = document.querySelector(`#${name} canvas`), blank = document.createElement("canvas");
  [blank.width, blank.height] = [drawn.width, drawn.height]; return drawn.toDataURL() === blank.toDataURL(); }"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages by name."""
    folder = tmp_path_factory.mktemp("reports")
    small = made_run(1_000, 7_200)
    runs = {"small": small, "two": two_markets(small), "large": made_run(LARGE, 86_400, every=60), "evil": evil(small)}
    return {name: write_report(run, folder / name).html for name, run in runs.items()}


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser, closed afterwards, that complained of nothing and asked nobody."""
    assert BROWSER is not None
    with Page(BROWSER) as made:
        yield made
        bad = [
            each
            for each in made.events
            if each["method"] in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        ]
        assert not bad, bad
        asked = [
            each["params"]["request"]["url"] for each in made.events if each["method"] == "Network.requestWillBeSent"
        ]
        assert all(url.startswith(("file:", "data:")) for url in asked), asked
        assert len([url for url in asked if url.startswith("file:")]) == 1, asked


def times(page: Page) -> list[str]:
    """The first column of the rows that are there."""
    found: list[str] = page.run(
        "[...document.querySelectorAll('.rows .row')].map(each => each.children[0].textContent)"
    )
    return found


def two_markets(run: RunResult) -> RunResult:
    """The same executions on two markets in turn, and money that a double cannot hold."""
    fills = run.fills.copy()
    fills["market"][1::2] = 1
    fills["fee"][0] = (1 << 62) + 1
    other = replace(
        run.markets[0], symbol="ETHUSDT", price_ts_ns=np.zeros(0, np.int64), price_mid_x2=np.zeros(0, np.int64)
    )
    return replace(run, fills=fills, markets=(run.markets[0], other))


def cells(page: Page, row: int) -> list[str]:
    """What a row of the list shows, the head's number 0 not counted."""
    found: list[str] = page.run(
        f"[...document.querySelector('.rows .row[aria-rowindex=\"{row + 2}\"]').children].map(each => each.textContent)"
    )
    return found


def settle(page: Page) -> None:
    page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_it_draws_in_light_and_in_dark(page: Page, reports: dict[str, Path]) -> None:
    page.open(reports["small"])
    settle(page)
    assert page.run("document.documentElement.dataset.ready")
    for name in ("equity", "fall", "rolling", "price"):
        assert not page.run(f"({BLANK})('{name}')"), name
    assert page.run("document.querySelectorAll('#data').length") == 0
    light = page.run("getComputedStyle(document.body).backgroundColor")
    page.prefer(dark=True)
    dark = page.run("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    page.run("document.getElementById('theme').click()")
    assert page.run("getComputedStyle(document.body).backgroundColor") == light, (
        "light by the switch, whatever is preferred"
    )
    page.run("document.getElementById('theme').click()")
    assert page.run("getComputedStyle(document.body).backgroundColor") == dark


def test_the_list_sorts_and_obeys_keys(page: Page, reports: dict[str, Path]) -> None:
    page.open(reports["small"])
    run = made_run(1_000, 7_200)
    head = [each.replace("\u202f", "") for each in cells(page, 0)]
    first = run.fills[0]
    assert head[1:4] == [
        "sell" if first["sell"] else "buy",
        f"{first['price'] / 100:.2f}",
        f"{first['qty'] / 1000:.3f}",
    ]
    page.run(
        "document.querySelectorAll('.head button')[2].click(), document.querySelectorAll('.head button')[2].click()"
    )
    settle(page)
    assert page.run("document.querySelectorAll('.head > div')[2].getAttribute('aria-sort')") == "descending"
    assert cells(page, 0)[2].replace("\u202f", "") == f"{run.fills['price'].max() / 100:.2f}"
    page.run("document.querySelector('.grid').focus()")
    page.press("End")
    settle(page)
    assert cells(page, 999)[2].replace("\u202f", "") == f"{run.fills['price'].min() / 100:.2f}"
    named = page.run("document.querySelector('.grid').getAttribute('aria-activedescendant')")
    assert page.run(f"document.getElementById('{named}').classList.contains('active')")
    before = page.run(f"({INK})('price')")
    page.press("Enter")
    settle(page)
    assert page.run(f"({INK})('price')") != before, "the charts show the row"


def test_a_tab_shows_round_trips_and_a_figure_tells_what_it_means(page: Page, reports: dict[str, Path]) -> None:
    page.open(reports["small"])
    page.run("document.getElementById('tab-trips').click()")
    assert cells(page, 0)[2] in ("long", "short")
    page.run("document.querySelector('[data-means=annual_return]').focus()")
    told = page.run("document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent")
    assert told.startswith("Not computed: The run is shorter than a day")
    assert "365 days" in told


def test_two_markets_and_numbers_beyond_doubles(page: Page, reports: dict[str, Path]) -> None:
    page.open(reports["two"])
    settle(page)
    assert [cells(page, row)[1] for row in (0, 1)] == ["BTCUSDT", "ETHUSDT"]
    assert cells(page, 0)[5].replace("\u202f", "") == "46116860184.27387905"
    before = page.run(f"({INK})('price')")
    page.run(
        "document.getElementById('market').selectedIndex = 1, document.getElementById('market').dispatchEvent(new Event('change'))"
    )
    settle(page)
    assert page.run(f"({INK})('price')") != before
    page.run("document.getElementById('tab-trips').click()")
    assert times(page) == sorted(times(page)), "a list begins in the order of its first column"
    assert not page.run(f"({BLANK})('price')"), "without mids the executions make the line"


def test_a_chart_obeys_keys(page: Page, reports: dict[str, Path]) -> None:
    page.open(reports["small"])
    settle(page)
    before = {name: page.run(f"({INK})('{name}')") for name in ("equity", "price")}
    page.run("document.getElementById('equity').focus()")
    page.press("+")
    settle(page)
    assert all(page.run(f"({INK})('{name}')") != drawn for name, drawn in before.items()), "they zoom together"
    page.press("0")
    settle(page)
    assert all(page.run(f"({INK})('{name}')") == drawn for name, drawn in before.items())


def test_a_phone_scrolls_one_way_only(page: Page, reports: dict[str, Path]) -> None:
    page.ask("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    for name in ("small", "evil"):
        page.events.clear()
        page.open(reports[name])
        settle(page)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.run("document.querySelector('#equity canvas').getBoundingClientRect().width <= 360")


def test_a_hundred_thousand_trades(page: Page, reports: dict[str, Path]) -> None:
    page.open(reports["large"])
    assert int(page.run("document.documentElement.dataset.ready")) < READY_MS_MAX
    assert page.run("document.querySelectorAll('.rows .row').length") < ROWS_MAX
    page.run("document.querySelector('.grid').scrollTop = 1e9")
    deadline = time.monotonic() + 20
    while page.run(f"!document.querySelector('.rows .row[aria-rowindex=\"{LARGE + 1}\"]')"):
        assert time.monotonic() < deadline, "the last row came into sight"
    assert page.run("document.querySelectorAll('.rows .row').length") < ROWS_MAX
    sort = "document.querySelectorAll('.head button')[3].click()"
    took = page.run(f"(() => {{ const begun = performance.now(); {sort}; return performance.now() - begun; }})()")
    assert took < READY_MS_MAX


def test_hostile_texts_are_shown_and_not_obeyed(page: Page, reports: dict[str, Path]) -> None:
    page.open(reports["evil"])
    settle(page)
    assert page.run("window.hit") is None
    assert page.run("document.querySelector('h1').textContent") == EVIL
    assert page.run("document.images.length") == 0


def test_the_policy_stops_what_does_not_belong(reports: dict[str, Path], tmp_path: Path) -> None:
    assert BROWSER is not None
    text = reports["small"].read_text(encoding="utf-8")
    planted = tmp_path / "planted.html"
    planted.write_text(
        text.replace("</body>", "<script>window.hit = 1</script><img src='file:///x.png'></body>"), encoding="utf-8"
    )
    with Page(BROWSER) as page:
        page.open(planted)
        assert page.run("window.hit") is None
        said: list[Any] = [
            each["params"]["entry"]["text"] for each in page.events if each["method"] == "Log.entryAdded"
        ]
        assert len([each for each in said if "Content Security Policy" in each]) == 2, said
