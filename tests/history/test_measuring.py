"""The numbers of limits and refusals, each in its unit."""

from typing import Any

import pytest

from veloz.contracts.codes import Difference, Limit, Refusal
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.terms import SPEC, OrderType, ScopeKind, pack
from veloz.history.measuring import NO_LIMIT, PRICE_ANY, Verdict, measure_difference, measure_limit, measure_refusal
from veloz.instruments.instrument import define
from veloz.instruments.lexicon import Lexicon

BODY = InstrumentBody(
    venue="binance_usdm",
    symbol="BTCUSDT",
    product="linear",
    quote="USDT",
    price_scale=1,
    qty_scale=3,
    tick="0.1",
    lot="0.001",
)
INSTRUMENT = define(BODY, 1)
INSTRUMENT_SCOPE, GLOBAL = int(ScopeKind.INSTRUMENT), int(ScopeKind.GLOBAL)


def lexicon() -> Lexicon:
    made = Lexicon()
    made.assets, made.reporting = {7: "USDT"}, 7
    made._scales = {7: 2}
    return made


@pytest.mark.parametrize(
    ("code", "kind", "name", "value", "told"),
    [
        (Refusal.ORDER_QTY, INSTRUMENT_SCOPE, "observed", 2001, "2.001"),
        (Refusal.POSITION, INSTRUMENT_SCOPE, "limit", 3000, "3"),
        (Refusal.POSITION, GLOBAL, "limit", 300_050, "3000.5"),
        (Refusal.ORDER_NOTIONAL, GLOBAL, "limit", 12_345, "123.45"),
        (Refusal.NOTIONAL_MIN, GLOBAL, "limit", 500, "5"),
        (Refusal.COLLAR, GLOBAL, "observed", 10_001, "0.010001"),
        (Refusal.TICK, GLOBAL, "observed", 1005, "100.5"),
        (Refusal.OWN_CROSS, GLOBAL, "observed", PRICE_ANY + 5, "any"),
        (Refusal.PRICE_BAND, GLOBAL, "observed", 1005, "100.5"),
        (Refusal.STOPPED, GLOBAL, "limit", 3, "HALT"),
        (Refusal.STOPPED, GLOBAL, "observed", 1500, "1.5"),
        (Refusal.FROZEN, INSTRUMENT_SCOPE, "limit", 106, "LIQUIDATED"),
        (Refusal.FROZEN, INSTRUMENT_SCOPE, "observed", 26, 26),
        (Refusal.ORDER_OVER, GLOBAL, "observed", 7, "CANCELED"),
        (Refusal.ORDER_OVER, GLOBAL, "observed", 0, 0),
        (Refusal.BAD_TERMS, GLOBAL, "limit", 2, "binance_usdm"),
        (Refusal.BAD_TERMS, GLOBAL, "observed", pack(SPEC, type=OrderType.TRAILING_STOP), "TRAILING_STOP GTC"),
        (Refusal.ORDER_RATE, GLOBAL, "limit", 2, 2),
    ],
)
def test_refusals(code: Refusal, kind: int, name: str, value: int, told: Any) -> None:
    assert measure_refusal(Verdict(code, kind), name, value, INSTRUMENT, lexicon()) == told


@pytest.mark.parametrize(
    ("difference", "value", "told"),
    [
        (Difference.POSITION, -1500, "-1.5"),
        (Difference.ORDER_FILLED, 500, "0.5"),
        (Difference.ORDER_PRICE, 1005, "100.5"),
        (Difference.ENTRY, 10**9, "10"),
        (Difference.BALANCE, 12_345, "123.45"),
    ],
)
def test_differences(difference: Difference, value: int, told: str) -> None:
    assert measure_difference(int(difference) | 7 << 24, value, INSTRUMENT, lexicon()) == told


def test_without_an_instrument_quantities_stay_counts() -> None:
    assert measure_refusal(Verdict(Refusal.ORDER_QTY, GLOBAL), "limit", 5, None, lexicon()) == 5


@pytest.mark.parametrize(
    ("limit", "value", "told"),
    [
        (Limit.ORDER_QTY, 1500, "1.5"),
        (Limit.GROSS, 12_345, "123.45"),
        (Limit.LEVERAGE_PPM, 2_500_000, "2.5"),
        (Limit.OPEN_ORDERS, 3, 3),
        (Limit.STALE_NS, 10**9, 10**9),
        (Limit.DRAWDOWN, NO_LIMIT, "off"),
    ],
)
def test_limits(limit: Limit, value: int, told: Any) -> None:
    assert measure_limit(limit, value, INSTRUMENT, lexicon()) == told
