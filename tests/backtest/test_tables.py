"""Tables of settings reached by `--set`: the one that is meant is changed, or one sentence says which there are."""

from decimal import Decimal
from pathlib import Path

import pytest

from veloz.backtest.keys import SettingsError
from veloz.backtest.optimizer.backtests import check_sweep
from veloz.backtest.optimizer.plan import read_plan
from veloz.backtest.settings import read_settings

TEXT = """
[[strategies]]
name = "quoter"
[strategies.params]
qty = 0.01
[[strategies]]
code = "other.py:Trend"
[[instruments]]
symbol = "binance_usdm:BTCUSDT"
tick = 0.1
[[instruments]]
symbol = "ETH.USDT"
[[accounts]]
venue = "binance_usdm"
name = "margin"
balances = { USDT = 5, BTC = 1 }
"""


def test_a_table_is_named_by_what_it_is_of_or_by_its_place() -> None:
    words = (
        "instruments.BTCUSDT.tick=0.5", "instruments.binance_usdm:BTCUSDT.leverage=3", "instruments.2.lot=2",
        "instruments.ETH.USDT.maker=-0.0001",
    )  # fmt: skip
    first, second = read_settings(TEXT, words).instruments
    assert first == {"symbol": "binance_usdm:BTCUSDT", "tick": Decimal("0.5"), "leverage": 3}
    assert second == {"symbol": "ETH.USDT", "lot": 2, "maker": Decimal("-0.0001")}


def test_what_a_table_holds_within_it_is_reached_by_its_name() -> None:
    words = (
        "strategies.quoter.params.qty=0.02", "strategies.trend.params.fast=5", "strategies.2.form=python",
        "accounts.margin.balances.USDT=7", "accounts.binance_usdm.leverage=4",
    )  # fmt: skip
    settings = read_settings(TEXT, words)
    assert [each.params for each in settings.strategies] == [{"qty": "0.02"}, {"fast": "5"}]
    assert settings.strategies[1].form == "python"
    assert settings.accounts[0]["balances"] == {"USDT": 7, "BTC": 1}
    assert settings.accounts[0]["leverage"] == 4
    whole = read_settings(TEXT, ["accounts.1.balances={ EUR = 2 }"])
    assert whole.accounts[0]["balances"] == {"EUR": 2}


def test_a_name_wins_over_a_place() -> None:
    text = "".join(f'[[strategies]]\nname = "{name}"\n' for name in ("2", "other", "1"))
    words = "strategies.2.params.qty=5", "strategies.1.params.qty=6", "strategies.3.form=python"
    first, second, third = read_settings(text, words).strategies
    assert [each.params for each in (first, second, third)] == [{"qty": "5"}, {}, {"qty": "6"}]
    assert third.form == "python"


def test_what_is_set_changes_the_hash_as_the_file_would() -> None:
    written = read_settings(TEXT.replace("tick = 0.1", "tick = 0.5"))
    assert read_settings(TEXT, ["instruments.1.tick=0.5"]).digest == written.digest != read_settings(TEXT).digest


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("instruments.BTCUSD.tick=1", "is for BTCUSD, of which there is no table .*; the nearest is BTCUSDT"),
        ("instruments.3.tick=1", "is for 3, of which .*; there are BTCUSDT, binance_usdm:BTCUSDT, ETH.USDT"),
        ("instruments.0.tick=1", "is for 0, of which there is no table"),
        ("instruments.BTCUSDT.tik=1", "sets tik; did you mean tick; there are symbol, kind, tick"),
        ("instruments.tick=1", "names no table; write instruments.NAME.tick"),
        ("instruments.BTCUSDT.tick=0", "tick is 0 in --set instruments.BTCUSDT.tick=0; it is above 0"),
        ("instruments.BTCUSDT.tick=wide", "tick wants a number, and --set instruments.BTCUSDT.tick=wide says 'wide'"),
        (
            "instruments.BTCUSDT=3",
            r"nothing of BTCUSDT that is to be set; write instruments\.BTCUSDT\.KEY, where KEY is one of symbol, kind",
        ),
        ("instruments.BTCUSDT.=3", r"nothing of BTCUSDT that is to be set; write instruments\.BTCUSDT\.KEY"),
        ("instruments.ETH.USDT=3", r"nothing of ETH.USDT that is to be set; write instruments\.ETH\.USDT\.KEY"),
        ("instruments.2=3", r"nothing of 2 that is to be set; write instruments\.2\.KEY"),
        ("accounts.margin={leverage=3}", r"write accounts\.margin\.KEY, where KEY is one of venue, name"),
        ("instruments.=3", r"names no table; write instruments\.NAME\.KEY, by what it is called"),
        ("instruments.nonsense=3", r"names no table; write instruments\.NAME\.KEY, by what it is called"),
        ("instruments..tick=3", r"names no table; write instruments\.NAME\.tick, by what it is called"),
        (
            "strategies.quoter.params.=3",
            r"names nothing in strategies\.quoter\.params; write strategies\.quoter\.params\.NAME",
        ),
        ("accounts.margn.leverage=2", "the nearest is margin"),
        ("accounts.margin.balance.USDT=2", "sets USDT; there are venue, name"),
        ("strategies.quotr.params.qty=1", "the nearest is quoter"),
    ],
)
def test_what_is_no_table_or_no_setting_of_it_is_refused(word: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_settings(TEXT, [word])


@pytest.mark.parametrize("text", [TEXT, ""])
@pytest.mark.parametrize(
    "said",
    [
        "instruments={BTCUSDT={tick=5}}", "instruments={nonsense=5}", "accounts={x={nonsense=5}}", "strategies={quoter={params={qty=1}}}",
        "instruments=3", 'instruments=[{symbol="BTCUSDT"}]', " accounts ={}",
    ],
)  # fmt: skip
def test_all_tables_at_once_are_refused(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=r"names no table; write (instruments|accounts|strategies)\.NAME\.KEY"):
        read_settings(text, [said])


def test_blanks_around_a_name_are_no_part_of_it() -> None:
    assert read_settings(TEXT, [" instruments.BTCUSDT.tick = 0.5"]).instruments[0]["tick"] == Decimal("0.5")


def test_a_setting_of_a_table_that_stands_outside_of_it_is_refused() -> None:
    said = r"run.toml sets instruments\.BTCUSDT\.tick outside of its table; write \[\[instruments\]\] for it"
    with pytest.raises(SettingsError, match=said):
        read_settings('"instruments.BTCUSDT.tick" = 5', path=Path("run.toml"))


def test_without_tables_there_is_nothing_to_set() -> None:
    with pytest.raises(SettingsError, match=r"for a table \[\[instruments\]\], and the file has none; write it there"):
        read_settings("", ["instruments.BTCUSDT.tick=1"])


def test_a_name_of_two_tables_is_told_apart_by_the_venue() -> None:
    text = '[[instruments]]\nsymbol = "binance_spot:BTCUSDT"\n[[instruments]]\nsymbol = "binance_usdm:BTCUSDT"\n'
    with pytest.raises(
        SettingsError, match=r"2 tables \[\[instruments\]\] are of it; name one by its place, like instruments\.1"
    ):
        read_settings(text, ["instruments.BTCUSDT.tick=1"])
    assert read_settings(text, ["instruments.binance_usdm:BTCUSDT.tick=1"]).instruments[1]["tick"] == 1


def test_a_sweep_may_search_what_stands_in_tables() -> None:
    """A name that is none is refused before the first trial."""
    text = '[[instruments]]\nsymbol = "BTCUSDT"\n[[strategies]]\n'
    space = {
        "instruments.BTCUSDT.maker": {"values": [Decimal("0.0001"), 0]},
        "strategies.quoter.params.qty": {"values": [1]},
    }
    plan = read_plan({"space": space})
    check_sweep(plan, text, (), Path("sweep.toml"))
    with pytest.raises(
        SettingsError, match=r"^optimize.space with instruments\.BTCUSDT\.makr=1 sets makr; did you mean maker"
    ):
        check_sweep(read_plan({"space": {"instruments.BTCUSDT.makr": {"values": [1]}}}), text, (), Path("sweep.toml"))


def test_a_space_is_blamed_for_what_it_says_and_a_word_for_what_it_does() -> None:
    space = read_plan({"space": {"instruments.BTCUSDT.tick": {"values": [0]}}})
    with pytest.raises(
        SettingsError, match=r"tick is 0 in optimize\.space with instruments\.BTCUSDT\.tick=0; it is above 0"
    ):
        check_sweep(space, TEXT, (), Path("sweep.toml"))
    with pytest.raises(SettingsError, match=r"tick is 0 in --set instruments\.2\.tick=0; it is above 0"):
        check_sweep(space, TEXT, ["instruments.2.tick=0"], Path("sweep.toml"))
