"""Wrong words: one sentence, the right exit code, and nothing half done."""

import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from veloz.backtest.keys import KEYS, MODELS
from veloz.backtest.optimizer import plan
from veloz.cli import demo


def test_help_lists_every_command(veloz: Run) -> None:
    ran = veloz("--help")
    assert ran.code == 0
    for name in ("demo", "ingest", "journal", "replay", "book", "config", "doctor"):
        assert name in ran.out


def test_every_command_has_help(veloz: Run) -> None:
    for name in ("demo", "ingest", "journal", "replay", "book", "config", "doctor"):
        ran = veloz(name, "--help")
        assert ran.code == 0
        assert "--json" in ran.out or name == "journal"


def test_no_command_is_usage(veloz: Run) -> None:
    assert veloz().code == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nonsense",), 2, "invalid choice"),
        (("replay", "--journal", "/nowhere/at/all"), 2, "There is no journal at /nowhere/at/all"),
        (("replay", "--from", "0"), 2, "no sequence number"),
        (("replay", "--from", "1", "--from-time", "2024-08-08"), 2, "not allowed with"),
        (("replay", "--from-time", "yesterday"), 2, "is no time"),
        (("book", "--journal", "/nowhere/at/all"), 2, "--instrument"),
        (
            ("book", "--instrument", "X", "--depth", "0"),
            2,
            "argument --depth: '0' is no number of levels; give a whole number from 1 on",
        ),
        (("book", "--instrument", "X", "--depth", "-1"), 2, "'-1' is no number of levels"),
        (("book", "--instrument", "X", "--depth", "many"), 2, "'many' is no number of levels"),
        (("journal", "dump", "--kind", "md.trade", "--journal", "/nowhere"), 2, "There is no journal"),
        (("ingest", "/nowhere.gz", "--venue", "binance_usdm"), 2, "There is no file /nowhere.gz"),
        (("ingest", "x", "--venue", "mtgox"), 2, "No venue is called mtgox"),
        (("ingest", "x"), 2, "There is no file x"),
        (("config", "explain", "jurnal.dir"), 2, "did you mean journal.dir"),
        (("config", "explain", "match.modle"), 2, "did you mean match.model"),
        (("config", "explain", "optimize.trails"), 2, "did you mean optimize.trials"),
        (("config", "explain", "optimize.goal", "--set", "optimize.goal=less"), 2, "There are maximise, minimise"),
        (("config", "explain", "optimize.goal", "--set", "optimize.space=3"), 2, "optimize.space names no setting"),
        (("config", "explain", "optimize.goal", "--set", "optimize.walk=3"), 2, "optimize.walk is 3"),
        (("config", "explain", "optimize.goal", "--set", "optimize.space.qty=3"), 2, "optimize.space.qty is 3"),
        (("config", "explain", "match.model", "--set", "match.model=bar"), 2, "did you mean bars"),
        (("config", "explain", "zzz"), 2, "There is no setting zzz. `veloz config explain` tells all there are."),
        (("journal", "archive", "--journal", "/nowhere"), 2, "--to"),
    ],
)
def test_each_mistake_is_one_sentence(veloz: Run, words: tuple[str, ...], code: int, said: str) -> None:
    ran = veloz(*words)
    assert ran.code == code
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_with_json_the_error_is_an_object_too(veloz: Run) -> None:
    ran = veloz("replay", "--journal", "/nowhere/at/all", "--json")
    assert ran.code == 2
    assert ran.json["error"]["code"] == "no_journal"
    assert ran.json["error"]["hint"]


def test_a_file_is_no_journal(veloz: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a journal")
    for words in (("replay",), ("journal", "info"), ("journal", "verify"), ("book", "--instrument", "X")):
        ran = veloz(*words, "--journal", file)
        assert ran.code == 2
        assert "is a file" in ran.err


def test_config_explains_who_won(veloz: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELOZ_BOOK_DEPTH", "7")
    said = veloz("config", "explain", "book.depth", "--json").json
    assert (said["value"], said["from"]) == (7, "VELOZ_BOOK_DEPTH")
    assert veloz("config", "explain", "book.depth", "--set", "book.depth=9", "--json").json["value"] == 9
    assert len(veloz("config", "explain", "--json").json["settings"]) > 3


def test_config_explains_every_setting_of_a_backtest(veloz: Run) -> None:
    told = {each["key"]: each for each in veloz("config", "explain", "--json").json["settings"]}
    assert [key.name for key in KEYS if told[key.name]["about"] != f"of a backtest: {key.about}"] == []
    assert told["match.model"]["among"] == list(MODELS)
    assert (told["fees.maker"]["value"], told["fees.maker"]["from"]) == ("0.0002", "default")
    said = veloz("config", "explain", "fees.maker", "--set", "fees.maker=0.0001", "--json").json
    assert (said["value"], said["overridden"]) == ("0.0001", [{"from": "default", "value": "0.0002"}])
    shown = veloz("config", "explain", "match.model")
    assert (shown.code, shown.err) == (0, "")
    assert all(word in shown.out for word in ("queue", "bars", "how orders are filled"))
    for free in ("strategy.half_spread", "account.balances.USDT", "account.rates.BNB"):
        said = veloz("config", "explain", free, "--json").json
        assert (said["key"], said["value"], said["from"]) == (free, None, "default")


@pytest.mark.parametrize(
    ("key", "word", "value"),
    [
        ("strategy.qty", "strategy.qty=5", "5"),
        ("strategy.qty", "strategy={qty=0.10}", "0.1"),
        ("account.balances.USDT", "account.balances.USDT=1000.5", "1000.5"),
        ("account.rates.BNB", "account={rates={BNB=600}}", "600"),
        ("latency.entry_ns", "latency={entry_ns=5}", 5),
    ],
)
def test_config_explains_what_was_said_of_a_backtest(veloz: Run, key: str, word: str, value: object) -> None:
    said = veloz("config", "explain", key, "--set", word, "--json").json
    assert (said["value"], said["from"]) == (value, "an override on the command line")
    every = {each["key"]: each for each in veloz("config", "explain", "--set", word, "--json").json["settings"]}
    assert every[key] == said


def test_config_explains_every_setting_of_a_sweep(veloz: Run) -> None:
    told = {each["key"]: each for each in veloz("config", "explain", "--json").json["settings"]}
    for name, key in plan.BY_NAME.items():
        assert (told[name]["value"], told[name]["about"]) == (key.default, f"of a sweep: {key.about}")
    assert told["optimize.method"]["among"] == list(plan.METHODS)
    said = veloz("config", "explain", "optimize.walk.folds", "--set", "optimize.walk.folds=3", "--json").json
    assert (said["value"], said["overridden"]) == (3, [{"from": "default", "value": 4}])
    words = ("optimize.space.latency.entry_ns", "--set", "optimize.space.latency.entry_ns={low=1, high=2.5}")
    said = veloz("config", "explain", *words, "--json").json
    assert (said["value"], said["from"]) == ({"low": 1, "high": "2.5"}, "an override on the command line")
    assert "low = 1, high = 2.5" in veloz("config", "explain", *words).out
    assert veloz("config", "explain", "optimize.space.strategy.qty", "--json").json["value"] is None


def test_what_the_demo_proposes_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    demo.say_next({"report": "/a b/report.html", "journal": "/a b/demo", "result": "/a b/result"})
    proposed = [line for line in capsys.readouterr().err.splitlines() if "--journal" in line]
    assert len(proposed) == 4
    assert all(shlex.split(line)[shlex.split(line).index("--journal") + 1].startswith("/a b/") for line in proposed)
