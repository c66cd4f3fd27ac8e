"""Profit and loss as it is told: of everything, of strategies and of instruments, and what could not be converted."""

import json
from pathlib import Path
from typing import Any

import pytest

from veloz.history.dump import dump
from veloz.history.verify import verify_journal
from veloz.history.why import find_chain
from veloz.scenario.runner import Result, run

DESK = """
account main binance_usdm leverage 10
instrument binance_usdm:BTCUSDT linear tick 0.1 lot 0.001
instrument binance_usdm:ETHUSDT linear tick 0.1 lot 0.001
instrument binance_usdm:LTCBTC linear tick 0.1 lot 0.001
balance USDT 10000
balance BTC 10
mark BTCUSDT 100
mark ETHUSDT 50
mark LTCBTC 1
"""
TRADES = """
b: buy 2 BTCUSDT @ 100
filled b 2 @ 100
e: buy 1 ETHUSDT @ 50
filled e 1 @ 50
+1s mark BTCUSDT 110
+1s mark BTCUSDT 111
x: sell 1 ETHUSDT @ 40
filled x 1 @ 52
+1s mark BTCUSDT 111
+1s mark BTCUSDT 112
"""


def told(result: Result) -> list[str]:
    """The pnl rows without their numbers."""
    lines = [line.split() for line in result.outcome.lines["rows"] if " pnl.update " in line]
    return [" ".join(words[3 : words.index("<-")]) for words in lines]


def test_every_instrument_that_is_held_or_has_news_is_told(tmp_path: Path) -> None:
    assert told(run(DESK + TRADES, tmp_path)) == [
        "scope=global realized=0 unrealized=0 costs=0",
        "scope=global realized=0 unrealized=20 costs=0",
        "scope=instrument:ETHUSDT realized=0 unrealized=0 costs=0",
        "scope=instrument:BTCUSDT realized=0 unrealized=20 costs=0",
        "scope=global realized=0 unrealized=22 costs=0",
        "scope=instrument:ETHUSDT realized=0 unrealized=0 costs=0",
        "scope=instrument:BTCUSDT realized=0 unrealized=22 costs=0",
        "scope=global realized=2 unrealized=22 costs=0",
        "scope=instrument:ETHUSDT realized=2 unrealized=0 costs=0",
        "scope=instrument:BTCUSDT realized=0 unrealized=22 costs=0",
        "scope=global realized=2 unrealized=24 costs=0",
        "scope=instrument:BTCUSDT realized=0 unrealized=24 costs=0",
    ]


UNKNOWN = """
l: buy 3 LTCBTC @ 1
filled l 3 @ 1
+1s mark LTCBTC 2
"""


@pytest.fixture
def unconverted(tmp_path: Path) -> tuple[Path, Result]:
    """A session with a position in money that nothing says the worth of, and its journal."""
    journal = tmp_path / "journal"
    return journal, run(DESK + "rate BTC off\n" + UNKNOWN, tmp_path, journal)


def test_what_could_not_be_converted_is_said_and_never_guessed(unconverted: tuple[Path, Result]) -> None:
    journal, result = unconverted
    assert told(result)[-2:] == [
        "scope=global realized=0 unrealized=0 costs=0 unconverted",
        "scope=instrument:LTCBTC realized=0 unrealized=0 costs=0 unconverted",
    ]
    assert result.as_dict()["pnl"]["instrument:LTCBTC"] == {
        "realized": "0", "unrealized": "0", "costs": "0", "asset": "USDT", "unconverted": 1
    }  # fmt: skip
    rows: list[dict[str, Any]] = [json.loads(line) for line in dump(journal, 1, result.records)]
    assert [row["unconverted"] for row in rows if row["kind"] == "pnl.update" and row["seq"] > result.records - 2] == [
        True,
        True,
    ]
    words = [each["words"] for each in find_chain(journal, next(iter(result.orders))).entries]
    assert words[-1].startswith("pnl of instrument:LTCBTC in USDT: realized 0, ")
    assert words[-1].endswith("; something could not be converted and is not in it")
    assert verify_journal(journal, last=result.records).verifier.divergences == []


def test_what_can_be_converted_is(tmp_path: Path) -> None:
    result = run(DESK + "rate BTC 100\n" + UNKNOWN, tmp_path)
    assert told(result)[-1] == "scope=instrument:LTCBTC realized=0 unrealized=300 costs=0"
    assert result.as_dict()["pnl"]["global"]["unconverted"] == 0
