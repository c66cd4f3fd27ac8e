"""Several instruments and venues in one run, through the command: accounts, strategies over them, and the same again by replay."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.backtest.fallen import LEVERED, falling
from tests.backtest.fallen import QUOTER as HELD
from tests.backtest.made import BODY, level, make_recording_of, of, trade
from tests.cli.conftest import Run
from veloz.contracts import registry as r
from veloz.contracts.layout import FIRST, LAST, STEP_END

SPOT = msgspec.structs.replace(BODY, venue="binance_spot", product="spot", settle="")
ETH = msgspec.structs.replace(BODY, symbol="ETHUSDT", base="ETH")
COIN = msgspec.structs.replace(
    BODY, venue="binance_coinm", symbol="BTCUSD_PERP", product="inverse", quote="USD", settle="BTC", qty_scale=0, lot="1",
    multiplier="100",
)  # fmt: skip
QUOTES = "qty = 0.01\nhalf_spread = 0.1\nmax_position = 0.1\ninterval_ns = 20000000"
BOTH = '''
from veloz.strategies import sdk


class Both(sdk.Strategy):
    """Buys on the first venue what it sells on the second, at every print of the first."""

    written_for = "1.0"
    params = (sdk.Param("qty", "qty", default="0.010"),)
    wakes = sdk.Wakes(events=(sdk.On("md.trade", 0),))

    def on_event(self, view, event):
        here, there = view.instruments
        qty = view.params.qty
        return [sdk.Order(here, sell=False, qty=qty, price=1_001), sdk.Order(there, sell=True, qty=qty, price=1_000)]
'''


def swaying(instrument: int, *, later_ms: float = 0) -> list[np.ndarray]:
    """A book from which prints take one side, then the other."""
    rows = [level(0, 1_000, 50), level(0, 1_001, 50, ask=True)]
    for k in range(1, 40):
        rows.append(trade(50 * k + later_ms, 998 if k % 2 else 1_003, 40, sold=bool(k % 2)))
    return [of(instrument, row) for row in rows]


def by_time(*parts: list[np.ndarray]) -> list[np.ndarray]:
    return sorted((row for part in parts for row in part), key=lambda row: int(row["ts_recv"][0]))


def ran(veloz: Run, tmp_path: Path, data: Path, text: str, *words: object) -> dict[str, Any]:
    """The answer of a run whose replay comes to the same."""
    config, result = tmp_path / "run.toml", tmp_path / "result"
    config.write_text(text)
    told = veloz("backtest", config, "--data", data, "--journal", result, "--out", tmp_path / "out", "--json", *words)
    assert told.code == 0, told.err + told.out
    again = veloz("replay", "--journal", result, "--verify", "--trust-journal-code", "--json")
    assert (again.code, again.json["state_hash"]) == (0, told.json["state_hash"])
    return told.json  # type: ignore[no-any-return]


def rows_of(veloz: Run, tmp_path: Path, kind: str) -> list[dict[str, Any]]:
    dumped = veloz("journal", "dump", "--journal", tmp_path / "result", "--kind", kind).out
    return [json.loads(line) for line in dumped.splitlines()]


def test_two_instruments_share_the_margin_of_one_account(veloz: Run, tmp_path: Path) -> None:
    told = marks(1, (11, 1_000)), marks(2, (12, 1_000))
    data = make_recording_of([BODY, ETH], tmp_path / "data", *by_time(swaying(1), swaying(2, later_ms=7), *told))
    text = "[[strategies]]\nname = '{0}'\ninstruments = '{0}'\n[strategies.params]\n" + QUOTES
    config = "[account]\nmargin = true\nbrackets = ['0 0.01']\nbalances = { USDT = 1000 }\n"
    told = ran(veloz, tmp_path, data, config + "\n".join(text.format(name) for name in ("BTCUSDT", "ETHUSDT")))
    assert told["position"].keys() == {"BTCUSDT", "ETHUSDT"}
    assert {row["instrument"] for row in rows_of(veloz, tmp_path, "order.filled")} == {"BTCUSDT", "ETHUSDT"}
    assert len(rows_of(veloz, tmp_path, "account.opened")) == 1


VENUES = """
[[accounts]]
venue = "binance_spot"
name = "cash"
maker = 0.001
taker = 0.001
balances = { USDT = 5000, BTC = 2 }
[[accounts]]
venue = "binance_usdm"
name = "margin"
leverage = 3
"""


def test_a_strategy_trades_on_two_venues_with_an_account_on_each(veloz: Run, tmp_path: Path) -> None:
    (tmp_path / "both.py").write_text(BOTH)
    data = make_recording_of([BODY, SPOT], tmp_path / "data", *by_time(swaying(1), swaying(2, later_ms=3)))
    text = f'[strategy]\nname = "both.py:Both"\nform = "python"\n{VENUES}'
    told = ran(veloz, tmp_path, data, text)
    assert told["position"].keys() == {"binance_usdm:BTCUSDT", "binance_spot:BTCUSDT"}
    assert float(told["position"]["binance_usdm:BTCUSDT"]) > 0 > float(told["position"]["binance_spot:BTCUSDT"])
    accounts = {row["account"]: row["body"]["name"] for row in rows_of(veloz, tmp_path, "account.opened")}
    assert sorted(accounts.values()) == ["cash", "margin"]
    fills = {(row["source"], row["meta"]["account"]) for row in rows_of(veloz, tmp_path, "order.filled")}
    assert len(fills) == 2
    rates = {row["account"]: row["maker_ppm"] for row in rows_of(veloz, tmp_path, "account.fees")}
    assert sorted(rates.values()) == ["0.0002", "0.001"]


def test_two_venues_with_one_symbol_are_told_apart(veloz: Run, tmp_path: Path) -> None:
    (tmp_path / "both.py").write_text(BOTH)
    data = make_recording_of([BODY, SPOT], tmp_path / "data", *by_time(swaying(1), swaying(2, later_ms=3)))
    (tmp_path / "run.toml").write_text(f'[strategy]\nname = "both.py:Both"\nform = "python"\n{VENUES}')
    told = veloz("backtest", tmp_path / "run.toml", "--data", data, "--journal", tmp_path / "result")
    assert told.code == 0, told.err
    stands = told.out.partition("Markets at the end")[2].split()
    assert [word for word in stands if "BTCUSDT" in word] == ["binance_usdm:BTCUSDT", "binance_spot:BTCUSDT"]


def test_each_venue_has_an_account_without_being_told(veloz: Run, tmp_path: Path) -> None:
    rows = by_time(swaying(1), swaying(2, later_ms=3), swaying(3, later_ms=5))
    data = make_recording_of([BODY, SPOT, COIN], tmp_path / "data", *rows)
    text = "[[strategies]]\nname = '{0}'\ninstruments = '{0}'\n[strategies.params]\n" + QUOTES
    names = ("binance_usdm:BTCUSDT", "binance_spot:BTCUSDT")
    coin = "[[strategies]]\ninstruments = 'BTCUSD_PERP'\nname = 'coin'\n[strategies.params]\nqty = 1\nhalf_spread = 0.1\nmax_position = 5"
    told = ran(veloz, tmp_path, data, "\n".join([*(text.format(name) for name in names), coin]))
    opened = {row["body"]["name"] for row in rows_of(veloz, tmp_path, "account.opened")}
    assert opened == {"binance_spot", "binance_usdm", "binance_coinm"}
    assert told["position"].keys() == {*names, "BTCUSD_PERP"}
    assert told["fills"] > 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[accounts]]\nname = "a"', "names no venue"),
        ('[[accounts]]\nvenue = "nowhere"', "venue is nowhere"),
        ('[[accounts]]\nvenue = "binance_spot"\n[[accounts]]\nvenue = "binance_spot"', "has an account already"),
        ('[[accounts]]\nvenue = "ftx"', "where nothing is traded"),
        ('[[accounts]]\nvenue = "binance_spot"\nbalances = 3', "balances that are no table"),
        ('[[accounts]]\nvenue = "binance_spot"\nbalances = { USDT = -1 }', "at least 0"),
        ('[[accounts]]\nvenue = "binance_spot"\nname = "x"\n[[accounts]]\nvenue = "binance_usdm"\nname = "x"', "a name of its own"),
        ('[account]\nreporting = "USDT"\n[[instruments]]\nsymbol = "BTCUSD_PERP"', "write account.rates.BTC"),
    ],
)  # fmt: skip
def test_accounts_that_cannot_be_are_one_sentence(veloz: Run, tmp_path: Path, text: str, said: str) -> None:
    data = make_recording_of([BODY, COIN], tmp_path / "data", *by_time(swaying(1), swaying(2)))
    (tmp_path / "run.toml").write_text(text)
    told = veloz("backtest", tmp_path / "run.toml", "--data", data, "--journal", tmp_path / "result", "--json")
    assert (told.code, (tmp_path / "result").exists()) == (2, False), told
    assert said in f"{told.json['error']['message']} {told.json['error']['hint']}".replace("Write", "write").replace(
        "Give a", "give a"
    )


def test_files_of_several_venues_are_one_recording(veloz: Run, tmp_path: Path, sample: Path) -> None:
    """As `veloz ingest` takes them: `venue=PATH`, merged by when they were heard."""
    import gzip

    files = []
    for venue in ("binance_usdm", "binance_spot"):
        source = next((sample.parent.parent / venue).glob("*.gz"))
        files.append(tmp_path / f"{venue}.gz")
        with gzip.open(source) as whole, gzip.open(files[-1], "wb") as out:
            for _, line in zip(range(300), whole, strict=False):
                out.write(line)
    text = "[[strategies]]\nname = '{0}'\ninstruments = '{0}:BTCUSDT'\n[strategies.params]\n" + QUOTES
    (tmp_path / "run.toml").write_text("\n".join(text.format(venue) for venue in ("binance_usdm", "binance_spot")))
    words = [f"{file.name.partition('.')[0]}={file}" for file in files]
    told = veloz("backtest", tmp_path / "run.toml", "--data", *words, "--journal", tmp_path / "result", "--json")
    assert told.code == 0, told
    assert told.json["position"].keys() == {"binance_usdm:BTCUSDT", "binance_spot:BTCUSDT"}


def test_two_journals_are_not_one(veloz: Run, tmp_path: Path) -> None:
    paths = [make_recording_of([BODY], tmp_path / name, *swaying(1)) for name in ("one", "two")]
    (tmp_path / "run.toml").write_text("")
    told = veloz("backtest", tmp_path / "run.toml", "--data", *paths, "--journal", tmp_path / "result", "--json")
    assert (told.code, (tmp_path / "result").exists()) == (2, False)
    assert "is a journal, and a run is on one" in told.json["error"]["message"]


def marks(instrument: int, *told: tuple[float, int]) -> list[np.ndarray]:
    """Marks at moments, at eight decimals."""
    rows = []
    for at_ms, price in told:
        row = trade(at_ms, 0, 0)
        row["kind"], row["version"], row["flags"] = r.MARK.number, r.MARK.version, FIRST | LAST | STEP_END
        words = row.view(r.MARK.view)
        words["settle_e8"], words["mark_e8"] = 0, price * 10**7
        rows.append(of(instrument, row))
    return rows


HOLDS = '''
from veloz.strategies import sdk


class Holds(sdk.Strategy):
    """Buys of every instrument once, as much as it is told."""

    written_for = "1.0"
    params = (sdk.Param("qty", "qty", default="10"),)
    wakes = sdk.Wakes(events=("md.mark",))

    def __init__(self):
        self.done = False

    def on_event(self, view, event):
        if self.done:
            return None
        self.done = True
        return [sdk.Order(each, sell=False, qty=view.params.qty, price=1_010) for each in view.instruments]
'''


@pytest.mark.parametrize(("isolated", "left"), [("", "0"), ("true", "10")])
def test_what_margin_does_not_bear_is_closed_by_the_venue(veloz: Run, tmp_path: Path, isolated: str, left: str) -> None:
    """10 at 100 of each; one falls to 85. A wallet of 160 that both share does not bear it, and neither stays; where margins are apart, of
    1001 ÷ 10 each, the other stays, and what was lost beyond its own is not the wallet's.
    """
    (tmp_path / "holds.py").write_text(HOLDS)
    books = [
        of(number, each) for number in (1, 2) for each in (level(0, 1_000, 50_000), level(0, 1_001, 50_000, ask=True))
    ]
    fallen = [
        level(500, 1_000, 0),
        level(500, 850, 50_000),
        level(500, 1_001, 0, ask=True),
        level(500, 851, 50_000, ask=True),
    ]
    told = marks(1, (10, 1_000), (600, 850), (900, 850))
    data = make_recording_of(
        [BODY, ETH], tmp_path / "data", *by_time(books, fallen, told, marks(2, (11, 1_000), (901, 1_000)))
    )
    wallet = 1_000 if isolated else 160
    text = f"[account]\nmargin = true\nleverage = 20\nbrackets = ['0 0.02']\nbalances = {{ USDT = {wallet} }}\n"
    text += (
        f"[[instruments]]\nsymbol = 'BTCUSDT'\nleverage = {10 if isolated else 20}\nisolated = {isolated or 'false'}\n"
    )
    text += "[[instruments]]\nsymbol = 'ETHUSDT'\n[strategy]\nname = 'holds.py:Holds'\nform = 'python'\n"
    answer = ran(veloz, tmp_path, data, text)
    assert answer["position"] == {"BTCUSDT": "0", "ETHUSDT": left}
    why = [row["meta"].get("why", "") for row in rows_of(veloz, tmp_path, "order.filled")]
    assert why.count("LIQUIDATION") == (1 if isolated else 2)
    paid = [row["delta"] for row in rows_of(veloz, tmp_path, "account.changed")]
    assert paid == (["51.325"] if isolated else [])  # 15.1 · 10 lost and 0.425 of fees, less 100.1


def test_fees_in_a_third_asset_at_the_price_of_its_own_market(veloz: Run, tmp_path: Path) -> None:
    """0.01 at 100 and 0.1 %, the third asset at 1003 ÷ 10: the balance of it pays, and the equity knows what it is worth."""
    bnb = msgspec.structs.replace(SPOT, symbol="BNBUSDT", base="BNB")
    data = make_recording_of([SPOT, bnb], tmp_path / "data", *by_time(swaying(1), swaying(2, later_ms=-40)))
    text = (
        "[account]\nbalances = { USDT = 1000, BTC = 1, BNB = 1 }\n[fees]\nasset = 'BNB'\nmaker = 0.001\ntaker = 0.001\n"
    )
    text += "[[strategies]]\ninstruments = 'BTCUSDT'\n[strategies.params]\n" + QUOTES
    answer = ran(veloz, tmp_path, data, text)
    fees = rows_of(veloz, tmp_path, "order.fee")
    assert answer["fills"] == len(fees) > 1
    assert {row["asset"] for row in fees} == {"BNB"}
    assert 0 < float(answer["fees"]) < 0.002 * answer["fills"]


def test_a_venue_that_takes_few_requests_rejects_the_rest(veloz: Run, tmp_path: Path) -> None:
    data = make_recording_of([BODY], tmp_path / "data", *swaying(1))
    text = "[match]\nrequests_most = 2\nrequests_ns = 1_000_000_000\n[strategy]\n" + QUOTES
    ran(veloz, tmp_path, data, text)
    assert len(rows_of(veloz, tmp_path, "order.rejected")) > 1
    assert len(rows_of(veloz, tmp_path, "order.filled")) > 1


@pytest.mark.parametrize("away", [False, True])
def test_several_venues_on_paper_are_backtested_to_the_same(veloz: Run, tmp_path: Path, away: bool) -> None:
    data = make_recording_of([BODY, SPOT], tmp_path / "data", *by_time(swaying(1), swaying(2, later_ms=3)))
    names = ("binance_usdm:BTCUSDT", "binance_spot:BTCUSDT")
    text = "[[strategies]]\nname = '{0}'\ninstruments = '{0}'\n[strategies.params]\n" + QUOTES
    far = "\n[[accounts]]\nvenue = 'binance_usdm'\nentry_ns = 1_000_000\n[[accounts]]\nvenue = 'binance_spot'\nresponse_ns = 30_000_000\n"
    (tmp_path / "run.toml").write_text("\n".join(text.format(name) for name in names) + (far if away else ""))
    words = ["backtest", tmp_path / "run.toml", "--data"]
    live = veloz(*words, data, "--journal", tmp_path / "live", "--paper", "--json")
    assert live.code == 0, live
    again = veloz(*words, tmp_path / "live", "--journal", tmp_path / "result", "--json").json
    for key in ("orders", "fills", "position", "cash", "fees", "equity_end"):
        assert live.json[key] == again[key]
    assert live.json["fills"] > 1
    assert live.json["position"].keys() == set(names)
    checked = veloz("replay", "--journal", tmp_path / "result", "--verify", "--json")
    assert (checked.code, checked.json["state_hash"]) == (0, again["state_hash"])


def test_what_went_otherwise_than_meant_is_told(veloz: Run, tmp_path: Path) -> None:
    """A strategy that raises, and a tick that the data do not keep."""
    (tmp_path / "both.py").write_text(BOTH)
    data = make_recording_of([BODY], tmp_path / "data", *swaying(1))
    text = '[instrument]\ntick = 0.5\n[strategy]\nname = "both.py:Both"\nform = "python"\n'
    told = ran(veloz, tmp_path, data, text)["warnings"]
    assert any("Strategy both was disabled" in each for each in told)
    assert any("40 of 41 prices of BTCUSDT in the data are no multiples of its tick 0.5" in each for each in told)


def test_marks_and_funding_that_the_data_lack_are_made_and_verified(veloz: Run, tmp_path: Path) -> None:
    """What is made is no part of the recording, and a replay of the result comes to the same without it; the run says what was made."""
    data = make_recording_of([BODY], tmp_path / "data", *falling(None))
    words = [part for each in LEVERED for part in ("--set", each)]
    made = ("--set", "mark.source=last", "--set", "funding.rate=0.0001")
    answer = ran(veloz, tmp_path, data, HELD, *words, *made)
    assert answer["position"] == {"BTCUSDT": "0"}
    assert "once a second, the price of the last trade was taken for one" in " ".join(answer["warnings"])
    assert "0.01 % every 8 h" in " ".join(answer["warnings"])
    assert len(rows_of(veloz, tmp_path, "order.stated")) == 1, "the exchange's own order to close"
    live = veloz(
        "backtest", tmp_path / "run.toml", "--data", data, "--journal", tmp_path / "live", "--paper", "--json", *made
    )
    assert (live.code, live.json["error"]["code"]) == (2, "config")
    assert "mark.source makes up for what a recording lacks" in live.json["error"]["message"]
