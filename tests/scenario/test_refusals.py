"""Files that cannot be read or run: one sentence with the line, exit 2, and nothing left where the journal would have been."""

import json
from pathlib import Path

import pytest

from veloz.cli.main import run_command
from veloz.cli.outcome import EXIT_USAGE, CommandError
from veloz.contracts.spelling import nearest
from veloz.scenario.grammar import parse
from veloz.scenario.text import ScenarioError, near

SETUP = """account main binance_usdm
instrument BTCUSDT linear tick 0.1 lot 0.001
balance USDT 1000
book BTCUSDT bids 99.9x5 asks 100.1x5
"""
BAD_LINES = [
    "frobnicate BTCUSDT",
    "buy",
    "buy 1",
    "buy one BTCUSDT @ 100",
    "buy 1e3 BTCUSDT @ 100",
    "buy 1,5 BTCUSDT @ 100",
    "buy -1 BTCUSDT @ 100",
    "buy 1 BTCUSDT",
    "buy 1 BTCUSDT @",
    "buy 1 BTCUSDT @ 100 @ 101",
    "buy 1 BTCUSDT @ 0",
    "buy 1 BTCUSDT market @ 100",
    "buy 1 BTCUSDT @ 100 gtc ioc",
    "buy 1 BTCUSDT @ 100 gtd",
    "buy 1 BTCUSDT @ 100 until +5m",
    "buy 1 BTCUSDT @ 100 stop 99 take-profit 101",
    "buy 1 BTCUSDT trailing 0.5",
    "buy 1 BTCUSDT @ 100 activation 99",
    "buy 1 BTCUSDT @ 100 sideways",
    "buy 1 ETHUSDT @ 100",
    "buy 1 BTCUSDT @ 100.05",
    "buy 0.0001 BTCUSDT @ 100",
    "buy 99999999999999999999 BTCUSDT @ 100",
    "buy 1 BTCUSDT @ 100 account other",
    "buy 1 BTCUSDT @ 100 stp maybe",
    "o1: accepted o1",
    "accepted o9",
    "accepted quoter#1",
    "accepted venue:12",
    "accepted venue:x on BTCUSDT",
    "cancel",
    "cancel nothing",
    "amend o9 qty 2",
    "filled o9 1 @ 100",
    "limit global",
    "limit galaxy order-qty 1",
    "limit global order-qty 1",
    "limit instrument BTCUSDT order-qty 1.0001",
    "limit instrument BTCUSDT unheard-of 1",
    "limit global collar-ppm 5",
    "limit global stale-ns 5",
    "limit global allowed perhaps",
    "limit global open-orders 1.5",
    "limit account nobody open-orders 1",
    "limit strategy nobody open-orders 1",
    "confirm nothing",
    "breaker global losses threshold 3 window 60s",
    "breaker global losses threshold 3% window 60s level halt",
    "breaker global bad-luck threshold 3 window 60s level halt",
    "stop global",
    "stop global sometimes",
    "resume global resume trading",
    'resume global "resume trading',
    "strategy q load built-in nobody on BTCUSDT",
    "strategy q load built-in quoter",
    "strategy q load file ../q.py:Q on BTCUSDT",
    "strategy q load file q.py:Q on BTCUSDT",
    "strategy q load file q.py on BTCUSDT",
    "strategy q load inline Q on BTCUSDT",
    "strategy q load built-in quoter on BTCUSDT with half_spread = 1",
    "strategy q start",
    "parameter q set qty=1",
    "settle adopt",
    "settle forget BTCUSDT",
    "timer q 1",
    "asset USDC",
    "asset USDT scale 8",
    "asset USDC scale 19",
    "account main binance_usdm",
    "account other mars",
    "instrument ETHUSDT quadratic",
    "instrument binance_spot:ETHUSDT linear",
    "instrument mars:ETHUSDT linear",
    "instrument X linear",
    "instrument ETHUSDT linear tick 0",
    "instrument ETHUSDT linear tick 0.01 price-scale 1",
    "instrument BTCUSDT linear tick 0.01",
    "instrument binance_usdm:BTCUSDT inverse",
    "status BTCUSDT asleep",
    "rate BTC 0",
    "rate BTC",
    "balance USDT ten",
    "balance USDT 0.000000001",
    "leverage BTCUSDT 0",
    "fees maker 0.02%",
    "bracket BTCUSDT 0 floor 0 rate 1%",
    "funding BTCUSDT 1",
    "quote BTCUSDT 99",
    "quote BTCUSDT 99x1 / 101x1 / 102x1",
    "trade BTCUSDT 100",
    "trade BTCUSDT 100y1",
    "book BTCUSDT 99x1",
    "diff BTCUSDT bids 99x1 ids 5 4",
    "mark BTCUSDT",
    "at",
    "at noon",
    "at 25:00:00",
    "at 2025-01-01T00:00:00Z quote BTCUSDT 99/101",
    "+5 quote BTCUSDT 99/101",
    "+1.0000000001s",
    "start 2026-01-02T00:00:00Z",
    "sending sometimes",
    "expect",
    "expect luck",
    "expect order o9",
    "expect position ETHUSDT 1",
    "expect refused EVERYTHING",
    "expect rows md.nothing 1",
    "{ & buy 1 BTCUSDT @ 100 }",
    "{ { ",
    "{",
    "}",
    "& buy 1 BTCUSDT @ 100",
    "buy 1 BTCUSDT @ 100 &",
    "statement nobody {",
    "buy {",
    "{ +5s buy 1 BTCUSDT @ 100 }",
    "{ expect no requests }",
    "\x07",
    "dispatched o9",
    "restart now",
    "x" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_is_one_sentence(bad: str, tmp_path: Path) -> None:
    file, journal = tmp_path / "bad.txt", tmp_path / "deep" / "journal"
    file.write_text(SETUP + bad + "\n")
    with pytest.raises(CommandError) as caught:
        run_command(["scenario", str(file), "--journal", str(journal)])
    assert caught.value.exit_code == EXIT_USAGE
    told = str(caught.value)
    assert f"{file}, line 5: " in told
    assert "\n" not in told
    assert told[-1] in ".?"
    assert not journal.parent.exists()


BAD_FILES = {
    "a block that is not closed": SETUP + "strategy q load inline Q on BTCUSDT <<<\nclass Q: pass\n",
    "a block where none belongs": SETUP + "buy 1 BTCUSDT @ 100 <<<\n>>>\n",
    "a strategy that reads the disk": SETUP + "strategy q load inline Q on BTCUSDT <<<\nimport os\n>>>\n",
    "a strategy that is none": SETUP + "strategy q load inline Q on BTCUSDT <<<\nx = 1\n>>>\n",
    "a label twice": SETUP + "o1: buy 1 BTCUSDT @ 90 \n o1: buy 1 BTCUSDT @ 91\n",
    "a brace over the end": SETUP + "{\nbuy 1 BTCUSDT @ 90\n----\n",
    "a section twice": SETUP + "----\norders\n\norders\n",
    "two accounts, none named": "account a binance_usdm\naccount b binance_usdm\ninstrument BTCUSDT linear\nbuy 1 BTCUSDT @ 9\n",
    "no account": "instrument BTCUSDT linear\nbuy 1 BTCUSDT @ 9\n",
    "a symbol of two venues": "instrument binance_spot:BTCUSDT spot\ninstrument BTCUSDT linear\nquote BTCUSDT 1/2\n",
    "time that goes back": SETUP + "at 10:00:00\nbuy 1 BTCUSDT @ 9\nat 09:00:00\n",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_sentence(name: str, tmp_path: Path) -> None:
    file, journal = tmp_path / "bad.txt", tmp_path / "journal"
    file.write_text(BAD_FILES[name])
    with pytest.raises(CommandError) as caught:
        run_command(["scenario", str(file), "--journal", str(journal), "--json"])
    assert caught.value.exit_code == EXIT_USAGE
    assert "line " in str(caught.value)
    assert caught.value.extra["line"] >= 1
    assert not journal.exists()


@pytest.mark.parametrize("order", ["q#1", "q#0", "q#x"])
def test_an_order_that_a_strategy_never_made(order: str, tmp_path: Path) -> None:
    """Found only while it runs: the journal that was begun is taken away again."""
    file, journal = tmp_path / "bad.txt", tmp_path / "journal"
    file.write_text(SETUP + f"strategy q load built-in quoter on BTCUSDT with qty=0.001\naccepted {order}\n")
    with pytest.raises(CommandError, match="line 6"):
        run_command(["scenario", str(file), "--journal", str(journal)])
    assert not journal.exists()


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_bytes(b"account main binance_usdm\n\xff\xfe\n")
    with pytest.raises(CommandError, match="line 2"):
        run_command(["scenario", str(file)])


def test_a_journal_that_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "good.txt"
    file.write_text(SETUP)
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "mine").write_text("mine")
    with pytest.raises(CommandError, match="not empty") as caught:
        run_command(["scenario", str(file), "--journal", str(tmp_path / "journal")])
    assert caught.value.exit_code == EXIT_USAGE
    assert [each.name for each in (tmp_path / "journal").iterdir()] == ["mine"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    from veloz.cli.failures import explain

    with pytest.raises(FileNotFoundError) as caught:
        run_command(["scenario", str(tmp_path / "nothing.txt")])
    assert explain(caught.value).exit_code == EXIT_USAGE


def test_the_line_is_told_to_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from veloz.cli.outcome import print_error

    file = tmp_path / "bad.txt"
    file.write_text("\n\nnonsense\n")
    with pytest.raises(CommandError) as caught:
        run_command(["scenario", str(file), "--json"])
    print_error(caught.value, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["line"] == 3
    assert told["error"]["code"] == "scenario"


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "----\n", "\r\n# x\r\n"])
def test_nothing_at_all_is_fine(text: str) -> None:
    assert parse(text).items == []


def test_the_nearest_word_is_that_of_the_whole_program() -> None:
    assert near("lev", ["tick", "leverage"]) == f"{nearest('lev', ['tick', 'leverage'])}?" == "; did you mean leverage?"
    assert near("zzz", ["tick", "lot"]) == "; known are tick, lot."
    assert near("zzz", []) == "."


def test_errors_name_the_line_where_a_continued_one_begins() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse("\nbuy 1 \\\n BTCUSDT \\\n sideways\n")
    assert caught.value.line == 2
