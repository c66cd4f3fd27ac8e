"""`veloz optimize`: its JSON, its table, its mistakes, and that it goes on where it was."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.backtest.optimizer.hill import hill
from tests.cli.conftest import Run
from veloz.backtest.optimizer import backtests

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[optimize]
method = "random"
trials = 12
objective = "height"
workers = 2
periods = 64
blocks = 4
[optimize.space]
x = { low = 0, high = 12 }
"""
BASE = (ROOT / "configs" / "quoter.toml").read_text()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.toml"
    path.write_text(BASE + CONFIG)
    return path


@pytest.fixture
def climbs(monkeypatch: pytest.MonkeyPatch, sample_journal: Path) -> Path:
    """The hill instead of backtests; the recording is looked at all the same."""
    monkeypatch.setattr(backtests, "opener_of", lambda text, path, *rest: _opener(path))
    monkeypatch.setattr(backtests, "check_sweep", lambda *_: None)
    return sample_journal


def _opener(path: Path) -> Any:
    opener = hill()
    opener.context["log"] = str(path.with_name("log"))
    opener = type(opener)("tests.cli.test_optimize:open_hill", {**opener.context, "path": str(path)})
    return opener


def open_hill(path: str, log: str) -> Any:
    """A hill that knows where its configuration stands."""
    return hill(log=log).open()


def test_the_answer_has_its_keys_and_the_same_again_runs_nothing(veloz: Run, config: Path, climbs: Path) -> None:
    first = veloz("optimize", config, "--data", climbs, "--json")
    assert first.code == 0, first.err
    said = first.json
    assert Path(said["data"]) == climbs.resolve()
    assert said["trials"] == len(said["table"]) == 12
    assert set(said["best"]) >= {"params", "metrics", "result_hash", "config_hash", "seed"}
    assert said["best"] == said["table"][0]
    assert said["best"]["objective"] == max(line["objective"] for line in said["table"])
    assert 0 <= said["overfit_probability"] <= 1
    assert 0 <= said["deflated_sharpe"] <= 1
    assert said["seconds"] > 0
    runs = config.with_name("log").read_text()
    again = veloz("optimize", config, "--data", climbs, "--json").json
    assert again["remembered"] == 12
    assert (again["table"], again["table_hash"]) == (said["table"], said["table_hash"])
    assert config.with_name("log").read_text() == runs
    fresh = veloz("optimize", config, "--data", climbs, "--json", "--fresh").json
    assert (fresh["remembered"], fresh["table_hash"]) == (0, said["table_hash"])
    beside = json.loads(Path(said["results"]).with_name("sweep.json").read_text())
    assert beside["table"] == said["table"]


def test_people_see_a_table(veloz: Run, config: Path, climbs: Path, tmp_path: Path) -> None:
    walk = ("--set", "optimize.walk.folds=2", "--set", "optimize.trials=5", "--out", tmp_path / "out")
    ran = veloz("optimize", config, "--data", climbs, *walk)
    assert ran.code == 0
    for said in ("of 12 trials", "walk-forward", "fold 2", "out ÷ in", "deflated Sharpe", "overfitting"):
        assert said in ran.out
    assert (tmp_path / "out" / "results.jsonl").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "optimize.methd=grid"), "nearest is optimize.method"),
        (("--set", "optimize.space.x={low=3,high=1}"), "not below high"),
        (("--set", "optimize.method=grid", "--set", "optimize.trials=5"), "more than 5 points"),
        (("--set", "optimize.objective=joy"), "There are height, symbol, trades"),
        (("--set", "optimize.space.z={values=[1]}"), "z is no setting"),
        (("--set", "optimize.trials"), "cannot be set"),
        (("--set", "data.from=yesterday"), "is no time"),
        (("--set", "strategy.form=fortran"), "strategy.form"),
        (("--data", "/nowhere"), "no data at /nowhere"),
    ],
)
def test_each_mistake_is_one_sentence(
    veloz: Run, config: Path, climbs: Path, words: tuple[str, ...], said: str
) -> None:
    ran = (
        veloz("optimize", config, "--data", climbs, *words)
        if words[0] != "--data"
        else veloz("optimize", config, *words)
    )
    assert ran.code == 2, ran.err
    assert said in ran.err
    assert ran.err.strip().count("\n") == 0
    assert ran.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["optimize.space.strategy.half_spred={values=[1]}"], "nearest is half_spread"),
        (["strategy.half_spred=1"], "nearest is half_spread"),
        (["optimize.space.latency.entry={values=[1]}"], "nearest is latency.entry_ns"),
        (["strategy.name=quotr"], "no strategy quotr"),
        (["optimize.objective=net_pln"], "nearest is net_pnl"),
        (["optimize.objective=markout_1s_bps"], "no trial tells"),
        (["optimize.objective=slippage"], "no trial tells"),
    ],
)
def test_what_is_misspelt_is_told_before_anything_is_imported_or_written(
    veloz: Run, short: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    file, out = tmp_path / "run.toml", tmp_path / "out"
    file.write_text(
        BASE + '[optimize]\nobjective = "net_pnl"\n[optimize.space]\n"strategy.qty" = { values = [0.01, 0.02] }\n'
    )
    settings = [part for word in words for part in ("--set", word)]
    ran = veloz("optimize", file, "--data", short, "--out", out, "--json", *settings)
    assert ran.code == 2, ran
    assert said in f"{ran.json['error']['message']} {ran.json['error']['hint']}".replace("The nearest", "nearest")
    assert ran.err == ""
    assert not out.exists()
    assert not (tmp_path / "data").exists()


def test_without_a_table_and_without_a_file(veloz: Run, climbs: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.toml"
    plain.write_text(BASE)
    assert "no table [optimize]" in veloz("optimize", plain, "--data", climbs).err
    assert "There is no file" in veloz("optimize", tmp_path / "none.toml").err
    plain.write_text(CONFIG)
    assert "No data are named" in veloz("optimize", plain).err
    plain.write_text("[optimize")
    assert "not valid TOML" in veloz("optimize", plain).err


@pytest.mark.parametrize("out", ["taken", "taken/out", "new/out"])
def test_where_results_go_is_looked_at_first(veloz: Run, config: Path, climbs: Path, tmp_path: Path, out: str) -> None:
    (tmp_path / "taken").write_text("mine")
    before = {*tmp_path.rglob("*")}
    ran = veloz("optimize", config, "--data", "gone", "--out", tmp_path / out, "--json")
    assert ran.code == 2
    error = ran.json["error"]
    if out == "new/out":
        assert error["message"].startswith("There are no data at gone: neither a file or folder")
    else:
        assert (error["code"], error["hint"]) == ("not_writable", "Name another folder by --out.")
    assert ran.err == ""
    assert {*tmp_path.rglob("*")} == before
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_damaged_file_of_results_is_told(veloz: Run, config: Path, climbs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert veloz("optimize", config, "--data", climbs, "--out", out).code == 0
    file = out / "results.jsonl"
    file.write_bytes(file.read_bytes().replace(b"height", b"weight", 1))
    ran = veloz("optimize", config, "--data", climbs, "--out", out, "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "corrupt"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_a_sweep_leaves_a_file_that_goes_on(
    config: Path, climbs: Path, tmp_path: Path, veloz: Run, number: int
) -> None:
    script = tmp_path / "slow.py"
    script.write_text(
        "import sys\nfrom tests.backtest.optimizer.hill import hill\nfrom veloz.backtest.optimizer import backtests\n"
        "backtests.opener_of = lambda *rest: hill(sleep_s=0.5)\nbacktests.check_sweep = lambda *rest: None\n"
        "from veloz.cli.main import main\nif __name__ == '__main__':\n    main()\n"
    )
    words = ["optimize", str(config), "--data", str(climbs), "--out", str(tmp_path / "out"), "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "VELOZ_DATA_DIR": str(tmp_path / "data")}
    child = subprocess.Popen(
        [sys.executable, str(script), *words], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    file = tmp_path / "out" / "results.jsonl"
    while child.poll() is None and (not file.exists() or file.read_bytes().count(b"\n") < 4):
        time.sleep(0.01)
    os.killpg(child.pid, number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 128 + number, err
    assert json.loads(out)["error"]["code"] == "stopped"
    assert "Traceback" not in err
    kept = file.read_bytes().count(b"\n") - 1
    assert 3 <= kept < 12
    again = veloz("optimize", config, "--data", climbs, "--out", tmp_path / "out", "--json").json
    assert (again["trials"], again["remembered"]) == (12, kept)
