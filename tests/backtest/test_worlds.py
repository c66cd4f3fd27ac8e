"""What is traded: every instrument as the settings have it, or one sentence."""

from pathlib import Path

import msgspec
import pytest

from tests.backtest.made import BODY, level, make_recording, make_recording_of, of, trade
from veloz.backtest.keys import SettingsError
from veloz.backtest.port import markets_of
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import Plan, make_plan

ETH = msgspec.structs.replace(BODY, symbol="ETHUSDT", base="ETH")
COIN = msgspec.structs.replace(
    BODY, venue="binance_coinm", symbol="BTCUSD_PERP", product="inverse", quote="USD", settle="BTC", tick="", lot="",
)  # fmt: skip
ROWS = (level(0, 1_000, 5), level(0, 1_001, 5, ask=True), trade(10, 1_000, 3))
PAIR = (*ROWS, *(of(2, row.copy()) for row in ROWS))
TWO = """
[strategy]
qty = 0.01
[[instruments]]
symbol = "BTCUSDT"
maker = -0.0001
taker = 0.0003
leverage = 5
brackets = ["0 0.01", "1000 0.02 10"]
[[instruments]]
symbol = "binance_usdm:ETHUSDT"
tick = 0.5
lot = 0.002
min_qty = 0.01
max_qty = 5
min_notional = 5
roi_lb = 50
roi_ub = 200
"""


def plan_of(data: Path, text: str, *overrides: str) -> Plan:
    return make_plan(read_settings(text, overrides), data)


def test_each_instrument_is_what_its_own_table_says(tmp_path: Path) -> None:
    plan = plan_of(make_recording_of([BODY, ETH], tmp_path / "data", *PAIR), TWO)
    first, second = markets_of(plan)
    assert (first.tick, first.lot, first.maker_ppm, first.taker_ppm) == (1, 1, -100, 300)
    assert (second.tick, second.lot, second.maker_ppm, second.taker_ppm) == (5, 2, 200, 500)
    assert (second.qty_min, second.qty_max, second.low, second.high) == (10, 5_000, 500, 2_000)
    assert (first.low, first.high) == (800, 1_200)


def test_tables_name_what_is_traded_and_change_the_hash(tmp_path: Path) -> None:
    data = make_recording_of([BODY, ETH], tmp_path / "data", *PAIR)
    plan = plan_of(data, '[strategy]\nqty = 0.01\n[[instruments]]\nsymbol = "ETHUSDT"')
    assert [each.instrument.symbol for each in plan.world.traded] == ["ETHUSDT"]
    assert len(plan_of(data, "[strategy]\nqty = 0.01").world.traded) == 2
    hashes = {read_settings(f'[[instruments]]\nsymbol = "{name}"').digest for name in ("ETHUSDT", "BTCUSDT")}
    assert len(hashes | {read_settings("").digest}) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("instruments = 3", "has one instruments; write"),
        ("instruments = [3]", "is no table"),
        ("[[instruments]]\ntick = 1", "names no instrument"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\ntik = 1', "sets tik; did you mean tick"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\ntick = 0', "tick is 0 in .* above 0"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\ntaker = -1', "nobody is paid"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\nmaker = 0.00000001', "whole millionths"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\nroi_lb = 2\nroi_ub = 1', "is not below"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\nbrackets = ["1 0.1"]', "begin at 0 and go up"),
        ('[instrument]\ntick = 1\n[[instruments]]\nsymbol = "BTCUSDT"', "beside .*instruments"),
        ('[fees]\ntiers = ["0 0 0"]\n[[instruments]]\nsymbol = "BTCUSDT"\nmaker = 0', "beside fees.tiers"),
        ('[[instruments]]\nsymbol = "SOLUSDT"', "they hold BTCUSDT, ETHUSDT"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\n[[instruments]]\nsymbol = "binance_usdm:BTCUSDT"', "has two tables"),
        ("[instrument]\ntick = 0.5", "or give each a table"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\nbase = "USDT"', "give two assets"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\ntick = 500', "No book of BTCUSDT can be kept"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\nmin_qty = 2\nmax_qty = 1', "turn them round"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\nmin_qty = 0.0001', "below a lot|less than a lot"),
        ('[[instruments]]\nsymbol = "BTCUSDT"\nmin_notional = 1e17', "too great to be counted"),
    ],
)
def test_what_no_instrument_can_be_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    data = make_recording_of([BODY, ETH], tmp_path / "data", *PAIR)
    with pytest.raises(SettingsError, match=said):
        plan_of(data, text)


@pytest.mark.parametrize("origin", ["venue", "file"])
@pytest.mark.parametrize("lacks", ["tick", "lot"])
def test_a_list_of_instruments_without_a_step_is_refused_until_it_is_given(
    tmp_path: Path, origin: str, lacks: str
) -> None:
    body = msgspec.structs.replace(BODY, origin=origin, **{lacks: ""})
    data = make_recording(tmp_path / "data", *ROWS, body=body)
    with pytest.raises(SettingsError, match=rf"BTCUSDT has no {lacks} in the list .* write instrument\.{lacks}"):
        plan_of(data, "[strategy]\nqty = 0.01")
    step = "0.1" if lacks == "tick" else "0.002"
    known = plan_of(data, "[strategy]\nqty = 0.01", f"instrument.{lacks}={step}").world.traded[0].instrument
    assert getattr(known, lacks) == (1 if lacks == "tick" else 2)


def test_steps_that_nobody_states_are_the_last_decimals_of_the_data(tmp_path: Path) -> None:
    body = msgspec.structs.replace(BODY, tick="", lot="")
    known = plan_of(make_recording(tmp_path / "data", *ROWS, body=body), "[strategy]\nqty = 0.01").world.traded[0]
    assert (known.instrument.tick, known.instrument.lot) == (1, 1)


@pytest.mark.parametrize(("symbol", "worth"), [("BTCUSD_PERP", 100), ("BTCUSD_240927", 100), ("ETHUSD_PERP", 10)])
def test_a_coin_contract_is_worth_what_its_venue_says(tmp_path: Path, symbol: str, worth: int) -> None:
    body = msgspec.structs.replace(COIN, symbol=symbol, base=symbol[:3], settle=symbol[:3])
    data = make_recording(tmp_path / "data", *ROWS, body=body)
    found = plan_of(data, "").world.traded[0]
    assert (found.instrument.multiplier_e8, found.guessed) == (worth * 10**8, True)
    said = plan_of(data, "", "instrument.multiplier=1").world.traded[0]
    assert (said.instrument.multiplier_e8, said.guessed) == (10**8, False)


def test_an_inverse_contract_of_a_venue_nobody_knows_needs_its_worth(tmp_path: Path) -> None:
    body = msgspec.structs.replace(COIN, venue="other", origin="file", tick="0.1", lot="1")
    data = make_recording(tmp_path / "data", *ROWS, body=body)
    with pytest.raises(SettingsError, match=r"is an inverse contract.*write instrument\.multiplier"):
        plan_of(data, "")
    assert plan_of(data, "", "instrument.multiplier=10").world.traded[0].instrument.multiplier_e8 == 10**9


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["strategy.qty=0.003", "instrument.lot=0.002"], "is 0.003, and a lot of BTCUSDT is 0.002; write a multiple"),
        (["instrument.lot=3"], "qty of strategy quoter is 1, and a lot of BTCUSDT is 3"),
        (["strategy.qty=0.01", "instrument.min_qty=0.02"], "is at least 0.02; write more"),
        (["strategy.qty=0.01", "instrument.max_qty=0.005"], "is at most 0.005; write less"),
    ],
)
def test_a_quantity_that_no_order_can_have_is_refused(tmp_path: Path, overrides: list[str], said: str) -> None:
    data = make_recording(tmp_path / "data", *ROWS)
    with pytest.raises(SettingsError, match=said):
        plan_of(data, "", *overrides)


def test_what_is_rounded_need_not_be_whole(tmp_path: Path) -> None:
    """The middle of a book lies between ticks, and a greatest position between lots keeps float noise out of comparisons."""
    words = ("strategy.qty=0.01", "strategy.half_spread=0.05", "strategy.max_position=0.0255", "instrument.lot=0.005")
    assert plan_of(make_recording(tmp_path / "data", *ROWS), "", *words).world.traded


PERPETUAL = msgspec.structs.replace(
    BODY, venue="other", symbol="BTC-PERPETUAL", base="", quote="", settle="", tick="0.1", lot="0.001"
)


def test_an_instrument_whose_name_tells_no_assets_is_told_them(tmp_path: Path) -> None:
    data = make_recording(tmp_path / "data", *ROWS, body=PERPETUAL)
    with pytest.raises(SettingsError, match="does not tell its assets"):
        plan_of(data, "[strategy]\nqty = 0.01")
    for said in ("[instrument]", '[[instruments]]\nsymbol = "BTC-PERPETUAL"'):
        plan = plan_of(data, f'{said}\nbase = "BTC"\nquote = "USD"\n[strategy]\nqty = 0.01')
        (one,) = plan.world.traded
        assert (one.base, one.quote, one.money, plan.world.reporting) == ("BTC", "USD", "USD", "USD")
    words = ("instrument.base=BTC", "instrument.quote=USD", "strategy.qty=0.01")
    assert plan_of(data, "", *words).world.reporting == "USD"


def test_what_is_not_traded_need_not_tell_its_assets(tmp_path: Path) -> None:
    data = make_recording_of([PERPETUAL, ETH], tmp_path / "data", *PAIR)
    plan = plan_of(data, '[instrument]\nsymbol = "ETHUSDT"\n[strategy]\nqty = 0.01')
    assert [each.instrument.symbol for each in plan.world.traded] == ["ETHUSDT"]
    assert plan.world.reporting == "USDT"


def test_a_strategy_trades_what_the_run_does(tmp_path: Path) -> None:
    data = make_recording_of([BODY, ETH], tmp_path / "data", *PAIR)
    text = "[instrument]\nsymbol = 'BTCUSDT'\n[[strategies]]\ninstruments = 'ETHUSDT'\n"
    with pytest.raises(SettingsError, match="wants 'ETHUSDT', which is not traded here; there are BTCUSDT"):
        plan_of(data, text)
