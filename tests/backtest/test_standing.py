"""Equity at the end, added up from the numbers of the report alone."""

import json
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.backtest.made import BODY, level, trade
from tests.backtest.rising import played
from veloz.backtest.metrics import measure
from veloz.backtest.report import json_of
from veloz.backtest.web.page import page_of
from veloz.contracts.instrument import InstrumentBody

SPOT = msgspec.structs.replace(BODY, venue="binance_spot", product="spot", settle="")
COIN = msgspec.structs.replace(
    BODY, venue="binance_coinm", symbol="BTCUSD_PERP", product="inverse", quote="USD", settle="BTC", qty_scale=0, lot="1",
    multiplier="100",
)  # fmt: skip
UNIT = Decimal("1e-8")
QUOTER = """
[strategy]
interval_ns = 100_000_000
half_spread = 0.1
qty = {qty}
max_position = {most}
"""


def swaying(unit: int) -> list[np.ndarray]:
    """A book around 100 that is sold into more often than bought from, so that something stays open; it ends around 103."""
    rows = [level(0, 1_000, 50 * unit), level(0, 1_004, 50 * unit, ask=True)]
    for step in range(1, 20):
        sold = step % 3 != 0
        rows.append(trade(step * 500, 1_000 if sold else 1_004, 10 * unit, sold=sold))
    rows += [
        level(10_000, 1_030, 50 * unit),
        level(10_000, 1_004, 0, ask=True),
        level(10_001, 1_033, 50 * unit, ask=True),
    ]
    return [*rows, trade(11_000, 1_030, unit)]


def report_of(tmp_path: Path, body: InstrumentBody, *words: str) -> dict[str, Any]:
    """The JSON report of a quoter that ends with something open."""
    unit, qty, most = (1, 1, 3) if body is COIN else (1_000, "0.1", "0.3")
    _, _, result = played(
        tmp_path, *words, text=QUOTER.format(qty=qty, most=most), rows=tuple(swaying(unit)), body=body
    )
    told: dict[str, Any] = json.loads(json_of(result, measure(result)))
    assert told["metrics"]["fills"] > 5
    assert Decimal(told["markets"][0]["position"]) != 0
    page = page_of(result, measure(result))
    assert all(f"<td>{each['total']}</td>" in page for each in told["balances"])
    assert all(f"<td>{each[name]}</td>" in page for each in told["markets"] for name in ("mark", "cash", "realized"))
    return told


def holds(told: dict[str, Any], asset: str) -> dict[str, Decimal]:
    """A balance as numbers, which agrees with itself."""
    (row,) = [each for each in told["balances"] if each["asset"] == asset]
    found = {name: Decimal(row[name]) for name in row if name not in ("account", "venue", "asset")}
    assert found["total"] == found["opened"] + found["traded"] - found["fees"] + found["funding"] + found["other"]
    worth = (found["total"] + found["unrealized"]) * found["rate"]
    assert 0 <= worth - found["worth"] < UNIT
    return found


def stands(told: dict[str, Any]) -> dict[str, Decimal]:
    """The market as numbers."""
    (row,) = told["markets"]
    assert row["mark_by"] == "mid"
    return {name: Decimal(row[name]) for name in ("position", "multiplier", "mark", "cash", "realized", "unrealized")}


def equity_of(told: dict[str, Any]) -> Decimal:
    return Decimal(told["equity"]["equity"][-1])


def test_of_a_linear_run(tmp_path: Path) -> None:
    told = report_of(tmp_path, BODY, "account.balances.USDT=1000")
    (usdt, market) = holds(told, "USDT"), stands(told)
    assert market["mark"] == Decimal("103.15")
    gained = market["cash"] + market["position"] * market["multiplier"] * market["mark"]
    assert gained == market["realized"] + market["unrealized"]
    assert (usdt["traded"], usdt["unrealized"]) == (market["realized"], market["unrealized"])
    assert 1_000 + gained - usdt["fees"] == equity_of(told) == sum(Decimal(each["worth"]) for each in told["balances"])
    assert [Decimal(told["metrics"][name]) for name in ("realized", "unrealized", "cash", "fees")] == [
        market["realized"], market["unrealized"], market["cash"], usdt["fees"],
    ]  # fmt: skip


@pytest.mark.parametrize("reporting", ["BTC", "USD"])
def test_of_an_inverse_run(tmp_path: Path, reporting: str) -> None:
    """Cash is in coin and owed: what was bought for it is worth less coin the higher the price."""
    rate = Decimal(1 if reporting == "BTC" else 100)
    words = ["account.balances.BTC=2", f"account.reporting={reporting}"]
    told = report_of(tmp_path, COIN, *words, *(["account.rates.BTC=100"] if reporting == "USD" else []))
    (coin, market) = holds(told, "BTC"), stands(told)
    assert (market["multiplier"], coin["rate"]) == (100, rate)
    with localcontext() as context:
        context.prec = 40
        gained = -(market["cash"] + market["position"] * market["multiplier"] / market["mark"])
    assert abs(gained - market["realized"] - market["unrealized"]) < Decimal("3e-12")
    assert (coin["traded"], coin["unrealized"]) == (market["realized"], market["unrealized"])
    assert abs((2 + gained - coin["fees"]) * rate - equity_of(told)) < UNIT
    assert equity_of(told) == sum(Decimal(each["worth"]) for each in told["balances"])


def test_of_a_spot_run(tmp_path: Path) -> None:
    """What was bought lies in its own balance, at the mark as its rate."""
    told = report_of(tmp_path, SPOT, "account.balances.USDT=1000", "account.balances.BTC=0.5")
    usdt, coin, market = holds(told, "USDT"), holds(told, "BTC"), stands(told)
    assert (usdt["traded"], coin["traded"]) == (market["cash"], market["position"])
    assert (usdt["unrealized"], coin["unrealized"], coin["rate"]) == (0, 0, market["mark"])
    assert usdt["total"] + coin["total"] * market["mark"] == equity_of(told)
    gained = market["cash"] + market["position"] * market["mark"]
    assert abs(gained - market["realized"] - market["unrealized"]) < UNIT * 2


def test_what_nobody_knows_is_null(tmp_path: Path) -> None:
    """No price ever: neither a mark nor what the coins are worth."""
    _, _, result = played(tmp_path, "account.balances.BTC=1", "account.balances.USDT=5", rows=(level(0, 1_000, 5),))
    told = json.loads(json_of(result, measure(result)))
    assert [told["markets"][0][name] for name in ("mark", "mark_by", "unrealized")] == [None] * 3
    assert {each["asset"]: (each["rate"], each["worth"]) for each in told["balances"]} == {
        "USDT": ("1", "5"), "BTC": (None, None),
    }  # fmt: skip
    assert told["metrics"]["unrealized"] is None


def test_an_instrument_that_was_never_traded_has_a_mark(tmp_path: Path) -> None:
    _, _, result = played(tmp_path, "account.balances.USDT=1000", rows=tuple(swaying(1_000)), body=BODY)
    told = json.loads(json_of(result, measure(result)))
    assert (told["markets"][0]["fills"], told["markets"][0]["mark"]) == (0, "103.15")
