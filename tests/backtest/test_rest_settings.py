"""Margin, brackets and fee tiers as a run's settings state them."""

import shutil
from pathlib import Path

import pytest

from journal import Reader, Writer
from tests.backtest.made import level, make_recording
from tests.backtest.woken import QUOTER, settings_of
from veloz.backtest.keys import SettingsError
from veloz.backtest.port import Exchange, markets_of, rules_of
from veloz.backtest.result import Kept
from veloz.backtest.rules import FeeIn
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts.layout import FIRST, LAST, ROW, STEP_END
from veloz.contracts.registry import MARK


def test_fee_tiers_are_read_exactly() -> None:
    rules = rules_of(read_settings('[fees]\ntiers = ["0 0.0002 0.0005", "1000000.5 -0.00005 0.0004"]'))
    assert rules.tiers == ((0, 200, 500), (100_000_050, -50, 400))


@pytest.mark.parametrize("tiers", ['["5 0 0"]', '["0 0 0", "1 0"]', '["0 0.0000001 0"]', '["0 x 0"]'])
def test_tiers_that_cannot_be_are_refused(tiers: str) -> None:
    with pytest.raises(SettingsError, match=r"fees\.tiers"):
        rules_of(read_settings(f"[fees]\ntiers = {tiers}"))


@pytest.fixture
def marked(recording: Path, tmp_path: Path) -> Path:
    """The recording with a mark price behind it."""
    path = shutil.copytree(recording, tmp_path / "marked")
    with Reader.open(path) as reader, reader.view() as view:
        batch = view.batch_at(view.head()[0])
        assert batch is not None
        row = batch.rows[-1:].copy().view(MARK.view)
    row["kind"], row["version"], row["instrument"] = MARK.number, MARK.version, 1
    row["flags"], row["mark_e8"] = FIRST | LAST | STEP_END, 57_000 * 10**8
    for name in ("index_e8", "next_funding_ns", "funding_e8"):
        if name in row.dtype.names:
            row[name] = 0
    with Writer.open(path, map_size_bytes=1 << 30) as writer:
        writer.append(row.view(ROW))
    return path


def test_an_exchange_with_margin_keeps_books_with_the_brackets_of_the_settings(marked: Path, tmp_path: Path) -> None:
    config = ("account.margin=true", 'account.brackets=["0 0.01", "5000 0.05 200"]')
    books = Exchange(make_plan(settings_of(QUOTER, tmp_path, *config), marked)).clerk
    assert books is not None
    tiers = [(int(each["rate_ppm"]), int(each["cum"])) for each in books.state.brackets if each["rate_ppm"]]
    assert tiers[:2] == [(10_000, 0), (50_000, 200 * 10**8)]


def test_the_books_of_the_exchange_and_the_desk_say_the_same(marked: Path, tmp_path: Path) -> None:
    plan = make_plan(settings_of(QUOTER, tmp_path, "account.margin=true", "latency.response_ns=0"), marked)
    exchange = Exchange(plan)
    run = make_run(plan, exchange, Kept())
    run.play()
    assert exchange.clerk is not None
    exchange.clerk.keep(exchange.venue)
    ours, theirs = run.desk.state, exchange.clerk.state
    assert int(ours.desk[0]["fills"]) > 0
    for name in ("total", "fees", "traded", "funding"):
        assert ours.balances[name].tolist() == theirs.balances[name].tolist()
    for name in ("qty", "cost_lo", "real_lo"):
        own = [
            ours.positions[name][at]
            for at in range(int(ours.desk[0]["positions_used"]))
            if ours.positions["strategy"][at] == -1
        ]
        assert own == theirs.positions[name][: int(theirs.desk[0]["positions_used"])].tolist()


def test_requests_and_isolated_margin_are_read() -> None:
    rules = rules_of(read_settings("[match]\nrequests_most = 300\nrequests_ns = 1_000_000_000"))
    assert (rules.requests_most, rules.window_ns) == (300, 10**9)
    assert rules_of(read_settings("")).requests_most == 0


def test_isolated_contracts_are_so_in_both_books(marked: Path, tmp_path: Path) -> None:
    plan = make_plan(settings_of(QUOTER, tmp_path, "account.margin=true", "account.isolated=true"), marked)
    exchange = Exchange(plan)
    run = make_run(plan, exchange, Kept())
    assert exchange.clerk is not None
    for state in (run.desk.state, exchange.clerk.state):
        used = state.positions[: int(state.desk[0]["positions_used"])]
        assert [int(each["isolated"]) for each in used if each["leverage"]] == [1]


BNB = "[account]\nreporting = 'USDT'\nbalances = { USDT = 1000, BNB = 2 }\nrates = { BNB = 600.5 }\n[fees]\nasset = 'BNB'\n"


def test_a_third_asset_pays_at_the_rate_that_is_told(recording: Path, tmp_path: Path) -> None:
    plan = make_plan(settings_of(BNB, tmp_path), recording)
    told = markets_of(plan)[0]
    assert (told.fee_in, told.third, told.third_scale) == (FeeIn.THIRD, plan.world.assets["BNB"].number, 8)
    assert (told.third_rate, told.third_rate_scale) == (6_005, 1)
    ours = make_run(plan, Exchange(plan), Kept()).desk.state.assets[told.third]
    assert (int(ours["num"]), int(ours["den"])) == (6_005, 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fees]\nasset = 'BNB'", "holds nothing; write account.balances.BNB"),
        ("[account]\nbalances = { USDT = 1, BNB = 1 }\n[fees]\nasset = 'BNB'", "write account.rates.BNB"),
        (BNB.replace("600.5", "0"), "above 0"),
        (BNB.replace("600.5", "1e-13"), "at most 12 decimals"),
        (BNB.replace("600.5", "1e17"), "account.rates.BNB is 100000000000000000, at which 2 BNB cannot be counted"),
        ("[account]\nrates = { USDT = 1 }", "everything is told in; leave it out"),
        ("[match]\nrequests_most = -1", "at least 0"),
        ("[match]\nrequests_ns = 0", "at least 1"),
    ],
)
def test_what_fees_and_requests_cannot_be(recording: Path, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        markets_of(make_plan(settings_of(text, tmp_path), recording))


def test_liquidations_want_mark_prices(tmp_path: Path) -> None:
    data = make_recording(tmp_path / "data", level(0, 1_000, 5), level(1, 1_001, 5, ask=True))
    with pytest.raises(SettingsError, match="liquidates at the mark price, of which the data hold none of BTCUSDT"):
        make_plan(settings_of(QUOTER, tmp_path, "account.margin=true"), data)
    assert make_plan(settings_of(QUOTER, tmp_path), data).world.traded
