"""Settings of a run: exact, and one sentence for whatever cannot be."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from veloz.backtest.keys import SettingsError
from veloz.backtest.settings import Settings, read_file, read_settings
from veloz.backtest.setup import make_plan


def test_the_file_that_ships_is_read_exactly(root: Path) -> None:
    settings = read_file(root / "configs" / "quoter.toml")
    (quoter,) = settings.strategies
    assert (quoter.code, quoter.form) == ("quoter", "kernel")
    assert quoter.params == {"interval_ns": "100000000", "half_spread": "0.5", "qty": "0.02", "max_position": "0.5"}
    assert settings.ppm("fees.maker") == 200
    assert settings["gate.enabled"] is True


def test_decimals_stay_what_was_written() -> None:
    settings = read_settings(
        "",
        [
            "strategy.qty=0.1",
            "strategy.half_spread=0.30",
            "fees.maker=-0.00005",
            "match.roi_lb=1e3",
            "match.roi_ub=2000",
        ],
    )
    assert settings.strategies[0].params == {"qty": "0.1", "half_spread": "0.3"}
    assert settings.ppm("fees.maker") == -50
    assert str(settings["match.roi_lb"]) == "1E+3"


def test_what_says_the_same_has_the_same_hash_and_nothing_else_has() -> None:
    one = read_settings("[strategy]\nqty = 0.10\n[fees]\nmaker = 0.0002")
    assert read_settings("fees.maker = 2e-4\nstrategy.qty = 0.1").digest == one.digest
    assert read_settings("", ["strategy.qty=0.1", "report.dir=/elsewhere"]).digest == one.digest
    others = (
        "strategy.qty=0.2",
        "strategy.form=python",
        "latency.entry_ns=1",
        "seed=1",
        "gate.enabled=false",
        "data.from=5",
    )
    told = {read_settings("strategy.qty = 0.1", [word]).digest for word in others}
    assert len(told) == len(others)
    assert one.digest not in told


@pytest.mark.parametrize(
    ("text", "overrides", "said"),
    [
        ("[latncy]\nentry_ns = 1", [], "latncy.entry_ns, which is no setting; the nearest is latency.entry_ns"),
        ("", ["latency.entry=1"], "the nearest is latency.entry_ns"),
        ("", ["latency.entry_ns"], "has no value"),
        ("", ["latency.entry_ns=-1"], "must be at least 0"),
        ("", ["latency.entry_ns=soon"], "wants a whole number"),
        ("", ["queue.model=powr"], "powr .* did you mean power"),
        ("", ["match.partial=1"], "wants true or false"),
        ("", ["latency.model=empirical"], "give latency.entry_quantiles"),
        ("", ["latency.entry_quantiles=[3, 1]"], "rising order"),
        ("", ["latency.entry_quantiles=[-1]"], "whole numbers from 0 on"),
        ("", ["match.roi_lb=5", "match.roi_ub=4"], "is not below"),
        ("", ["fees.taker=-0.1"], "nobody is paid for taking"),
        ("", ["fees.maker=0.00000001"], "whole millionths"),
        ("", ["instrument.tick=-1"], "is above 0"),
        ("", ["account.balances.USDT=-4"], "at least 0"),
        ("a = [", [], "is not valid TOML"),
        ("strategies = 4", [], r"write \[\[strategies\]\]"),
        ("[[strategies]]\ncod = 'quoter'", [], "cod; did you mean code"),
        ("[[strategies]]\n[[strategies]]", [], "give it a name of its own"),
        ("[strategy]\nqty = 1\n[[strategies]]", [], "strategy.qty is for the one strategy"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(text: str, overrides: list[str], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(text, overrides)
    assert re.search(said, str(raised.value)), raised.value
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["instrument.symbol=ETHUSDT"], "which the data do not hold; they hold BTCUSDT"),
        (["instrument.tick=0.01"], "has 2 decimals, and the data count 1"),
        (["strategy.qyt=1"], "no parameter qyt; the nearest is qty"),
        (["strategy.name=quotr"], "There is no strategy quotr:Quotr"),
        (["strategy.name=gone.py:Gone"], "cannot be read"),
        (["limits.file=gone.yaml"], "cannot be read"),
        (["account.balances.USDT=0.000000001"], "at most 8 decimals"),
    ],
)  # fmt: skip
def test_what_the_data_do_not_bear_is_one_sentence_too(recording: Path, overrides: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        make_plan(read_settings("", overrides), recording)


def test_a_file_of_limits_begins_the_run(recording: Path, root: Path, tmp_path: Path) -> None:
    settings = read_settings("", ["limits.file=limits.yaml"], root / "configs" / "x.toml")
    assert "order_notional" in make_plan(settings, recording).limits
    (tmp_path / "bad.yaml").write_text("global: {gros: 4}")
    with pytest.raises(SettingsError, match="sets gros"):
        make_plan(read_settings("", ["limits.file=bad.yaml"], tmp_path / "x.toml"), recording)


def test_settings_are_found_by_name() -> None:
    assert isinstance(read_settings(""), Settings)
    with pytest.raises(KeyError):
        read_settings("")["nothing"]


def test_a_table_is_an_override_like_any(root: Path) -> None:
    text = "[account]\nbalances = { USDT = 5, BTC = 1 }\n"
    said = read_settings(text, ["account.balances={USDT=100000}"])
    assert said.balances == {"USDT": Decimal(100_000)}
    assert said.digest == read_settings("", ["account.balances.USDT=100000"]).digest
    assert read_settings(text, ["latency={entry_ns=5}"])["latency.entry_ns"] == 5


def test_a_number_may_be_a_text() -> None:
    plain = read_settings("[fees]\nmaker = 0.0001\n[latency]\nentry_ns = 7\n[account]\nbalances = { USDT = 1.5 }\n")
    texts = read_settings(
        '[fees]\nmaker = "0.0001"\n[latency]\nentry_ns = "7"\n[account]\nbalances = { USDT = "1.5" }\n'
    )
    assert plain.digest == texts.digest
    with pytest.raises(SettingsError, match="wants a number"):
        read_settings('[fees]\nmaker = "little"\n')
    with pytest.raises(SettingsError, match="a number that ends"):
        read_settings('[fees]\nmaker = "nan"\n')
