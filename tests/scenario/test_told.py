"""What a stranger writes, and what he is told: reports that leave something out, and refusals in people's units."""

from pathlib import Path

import pytest

from veloz.history.why import find_chain
from veloz.scenario.runner import Result, run
from veloz.scenario.text import ScenarioError

DESK = """
account main binance_usdm leverage 10
instrument binance_usdm:BTCUSDT linear tick 0.1 lot 0.001 min-price 1 band 5%
balance USDT 1000
mark BTCUSDT 100
book BTCUSDT bids 99.9x5 asks 100.1x5
"""


def ran(folder: Path, *lines: str) -> Result:
    """A scenario on the desk above; everything it expects holds."""
    result = run(DESK + "\n".join(lines), folder)
    assert result.first_difference is None, result.first_difference.sentence()
    return result


@pytest.mark.parametrize(("words", "filled"), [("", "0"), ("filled 0.25", "0.25")])
def test_an_order_that_gave_way_is_over_with_what_was_executed(words: str, filled: str, tmp_path: Path) -> None:
    trade = "filled a 0.25 @ 99" if words else "expect no violations"
    end = f"expect order a REPLACED filled {filled} qty 1"
    result = ran(tmp_path, "a: buy 1 BTCUSDT @ 99", "accepted a", trade, f"replaced a place {words}", end)
    assert result.balances["USDT"]["held"] == "0"


def test_an_amendment_leaves_what_is_not_said(tmp_path: Path) -> None:
    lines = ["a: buy 1 BTCUSDT @ 99", "accepted a", "amend a @ 98", "replaced a"]
    ran(tmp_path, *lines, "expect order a ACCEPTED price 98 qty 1 filled 0")


@pytest.mark.parametrize("words", ["place qty 1", "place @ 99", "filled 1"])
def test_an_order_that_gave_way_has_no_terms(words: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="filled Q"):
        ran(tmp_path, "a: buy 1 BTCUSDT @ 99", "accepted a", f"replaced a {words}")


def test_a_limit_is_lowered_and_confirmed_without_harm(tmp_path: Path) -> None:
    limit = "limit instrument BTCUSDT order-qty"
    ran(tmp_path, f"{limit} 2 confirmed", "expect no refusals", f"{limit} 3 confirmed", "expect no refusals",
        f"expect {limit} 3", f"{limit} 3 confirmed", "expect refused ALREADY")  # fmt: skip


QTY, WORTH = "limit instrument BTCUSDT position-qty 1", "limit instrument BTCUSDT position-notional 150"
REFUSED = [
    ([QTY, "a: buy 2 BTCUSDT @ 99"], "POSITION", "1", "2", "BTC"),
    ([WORTH, "a: buy 2 BTCUSDT @ 99"], "POSITION", "150", "200", "USDT"),
    (["a: buy 200 BTCUSDT @ 99"], "FUNDS", "1000", "1980", "USDT"),
    (["a: buy 1 BTCUSDT @ 105.1"], "PRICE_BAND", "105", "105.1", "USDT"),
    (["a: sell 1 BTCUSDT @ 94.9"], "PRICE_BAND", "95", "94.9", "USDT"),
    (["mark BTCUSDT 100.1", "a: sell 1 BTCUSDT @ 95"], "PRICE_BAND", "95.1", "95", "USDT"),
    (["a: buy 1 BTCUSDT @ 0.9"], "PRICE_BAND", "1", "0.9", "USDT"),
    (["b: buy 1 BTCUSDT @ 99", "accepted b", "amend b @ 99"], "NOTHING_CHANGES", "1", "1", "BTC"),
    (["limit global stale-ns 500ms", "+1s mark BTCUSDT 100", "a: buy 1 BTCUSDT @ 99"], "BOOK_STALE", "0.5", "1.002", "s"),
    (["stop global halt", "a: buy 1 BTCUSDT @ 99"], "STOPPED", "HALT", "1", "BTC"),
    (["status BTCUSDT cancel-only", "a: buy 1 BTCUSDT @ 99"], "VENUE_HALTED", "TRADING", "CANCEL_ONLY", None),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "code", "limit", "observed", "unit"), REFUSED)
def test_refusals_are_told_in_peoples_units(
    lines: list[str], code: str, limit: str, observed: str, unit: str | None, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    result = run(DESK + "\n".join(lines), tmp_path, journal)
    told = result.refusals[-1]
    assert [told[name] for name in ("code", "limit", "observed", "unit")] == [code, limit, observed, unit]
    assert f"limit={limit} observed={observed}" in result.outcome.lines["rows"][-1]
    said = " ".join(each["words"] for each in find_chain(journal, told["order"]).entries)
    numbers = [f"{each} {unit}" if unit and each[0].isdigit() else each for each in (observed, limit)]
    assert f"refused: {code}, {numbers[0]} against {numbers[1]} (" in said


SPOT = """
account coins binance_spot
instrument binance_spot:ETHUSDT spot tick 0.1 lot 0.001
balance ETH 1.5 account coins
balance USDT 10 account coins
mark binance_spot:ETHUSDT 10
trade binance_spot:ETHUSDT 10x1
"""


@pytest.mark.parametrize(
    ("line", "limit", "observed", "unit"),
    [("a: buy 2 ETHUSDT @ 9", "10", "18", "USDT"), ("a: sell 2 ETHUSDT @ 11", "1.5", "2", "ETH")],
)
def test_missing_funds_are_of_the_asset_that_is_paid(
    line: str, limit: str, observed: str, unit: str, tmp_path: Path
) -> None:
    told = run(SPOT + line, tmp_path).refusals[-1]
    assert [told[name] for name in ("code", "limit", "observed", "unit")] == ["FUNDS", limit, observed, unit]


TERMS = [
    ("buy 1 BTCUSDT @ 99 stp transfer", "SELF_TRADE", "TRANSFER"),
    ("buy 1 BTCUSDT stop 101 trigger-by index", "TRIGGER_BY", "INDEX"),
    ("buy 1 BTCUSDT @ 99 side long", "POSITION_SIDE", "LONG"),
    ("buy 1 BTCUSDT stop 101 fok", "TYPE", "STOP_MARKET FOK"),
    ("sell 1 BTCUSDT trailing 30%", "CALLBACK", "TRAILING_STOP GTC"),
    ("buy 1 BTCUSDT @ 99 gtd until +1m", "EXPIRY", "LIMIT GTD"),
]


@pytest.mark.parametrize(("line", "term", "observed"), TERMS)
def test_a_bad_term_is_named(line: str, term: str, observed: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    result = run(f"{DESK}a: {line}", tmp_path, journal)
    told = result.refusals[-1]
    assert [told[name] for name in ("code", "term", "observed")] == ["BAD_TERMS", term, observed]
    assert f"verdict=(BAD_TERMS scope=global term={term})" in result.outcome.lines["rows"][-1]
    words = find_chain(journal, told["order"]).entries[-1]["words"]
    assert words == f"refused: BAD_TERMS, binance_usdm takes no such {term}: {observed}"


def test_a_share_of_rejects_is_told_as_a_share(tmp_path: Path) -> None:
    lines = ["breaker global rejects threshold 50% window 1m level halt"]
    for each in range(10):
        lines += [f"o{each}: buy 1 BTCUSDT @ {96 + each / 10}", f"rejected o{each}"]
    result = run(DESK + "\n".join(lines), tmp_path)
    assert any("(REJECTS to=OPEN) observed=1 limit=0.5" in line for line in result.outcome.lines["rows"])
