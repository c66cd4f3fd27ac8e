"""What a stranger writes, and what he is told: reports that leave something out, and refusals in people's units."""

from pathlib import Path

import pytest

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
