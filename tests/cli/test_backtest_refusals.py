"""What cannot be run is one sentence with the thing, the reason and the way out; exit 2; and nothing lies where nothing lay."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from journal import Writer
from tests.backtest.made import BEGIN, BODY, level, make_recording, trade
from tests.cli.conftest import Run
from veloz.contracts import registry as r
from veloz.contracts.layout import STEP_END
from veloz.instruments.instrument import define

GOOD = "[account]\nbalances = { USDT = 1000000 }\n[strategy]\nqty = 0.01\nhalf_spread = 0.1\nmax_position = 1\n"
ROWS = [level(0, 1_000, 5), level(0, 1_001, 5, ask=True), *[trade(10 * k, 1_000, 3) for k in range(1, 20)]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small recording, and with whatever may be mistaken for one."""
    folder = tmp_path_factory.mktemp("world")
    make_recording(folder / "data", *ROWS)
    with Writer.open(folder / "empty", map_size_bytes=1 << 24):
        pass
    with Writer.open(folder / "unlisted", map_size_bytes=1 << 24) as writer:
        writer.append(np.concatenate(ROWS))
    _listing(folder / "silent")
    (folder / "folder").mkdir()
    (folder / "text").write_text("hello")
    (folder / "table.npz").write_bytes(b"garbage")
    (folder / "table.csv").write_text("a,b\n1,2\n")
    (folder / "capture.gz").write_bytes(b"no")
    (folder / "torn").mkdir()
    (folder / "torn" / "data.mdb").write_bytes(b"x" * 8_192)
    (folder / "broken.py").write_text("class Broken(\n")
    (folder / "reaches.py").write_text("import os\nclass A: pass\n")
    (folder / "bytes.py").write_bytes(b"\xff\xfe")
    (folder / "wrong.yaml").write_text("global: {gros: 4}")
    (folder / "torn.yaml").write_text(": : :\n -")
    return folder


def _listing(path: Path) -> None:
    known = define(BODY, 1)
    row = np.zeros(1, r.LISTED.view)
    row["kind"], row["version"], row["instrument"], row["flags"] = r.LISTED.number, 1, 1, STEP_END
    row["scales"], row["tick"], row["lot"], row["ts_recv"] = known.scales, known.tick, known.lot, BEGIN
    row["multiplier_e8"], row["definition"] = known.multiplier_e8, 1
    with Writer.open(path, map_size_bytes=1 << 24) as writer:
        writer.append(row, bodies=[(0, msgspec.msgpack.encode(BODY))])


def lying(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def require_refusal(veloz: Run, world: Path, tmp_path: Path, words: list[object], said: str) -> None:
    """Exit 2, one sentence that says `said`, and the folders as they were."""
    before = lying(tmp_path), lying(world)
    ran = veloz("backtest", *words, "--json")
    assert ran.code == 2, ran
    error = ran.json["error"]
    told = f"{error['message']} {error['hint']}"
    assert said in told
    assert "\n" not in told
    assert error["message"].endswith(".")
    assert error["hint"].endswith(".")
    datasets = str(tmp_path / "data")
    assert {each for each in lying(tmp_path) if each not in (datasets, f"{datasets}/datasets")} == before[0]
    assert lying(world) == before[1]


CONFIGS = {
    "a = [": "is not valid TOML",
    "strategy = 4": "strategy, which is no setting",
    "data = []": "data, which is no setting",
    "strategies = 4": "[[strategies]], once",
    "strategies = [1]": "is no table",
    "[[strategies]]\nparams = 3": "is no table",
    "[[strategies]]\ninstruments = 3": "wants a text or a list of texts",
    "[[strategies]]\nname = 3\nlabel = 4": "sets label",
    "account.balances = 5": "account.balances, which is no setting",
    "data.path = 5": "wants a text",
    "[latency]\nentry_ns = [1]": "wants a whole number",
    "[[latency]]\nentry_ns = 1": "latency, which is no setting",
    "strategy.qty = [1]": "wants a number",
    "'' = 3": "which is no setting",
}  # fmt: skip
SET = {
    "latency.entry_ns=-1": "at least 0", "latency.entry_ns=1e30": "at most", "latency.response_ns=0.5": "whole number",
    "latency.model=x": "log_normal", "latency.model=empirical": "entry_quantiles", "latency.spread=nan": "a number that ends",
    "seed=99999999999999999999999": "at most", "seed=-1": "at least 0", "account.leverage=1e30": "at most 10000",
    "account.leverage=0": "at least 1", "account.reporting=XYZ": "nothing here is paid in", "account.balances.USDT=nan": "ends",
    "account.balances.USDT=-1": "at least 0", "account.balances.USDT=0.000000001": "at most 8 decimals",
    "fees.maker=nan": "ends", "fees.taker=2": "at most 1", "fees.taker=-0.1": "nobody is paid", "match.roi_lb=inf": "ends",
    "match.roi_ub=1e300": "at most", "match.roi_ub=1e17": "No book of BTCUSDT", "match.slippage_ppm=2000000": "at most 1000000",
    "match.model=x": "there are queue".capitalize(), "match.compat=hft": "did you mean hftbacktest", "queue.power=nan": "ends",
    "queue.power=-1": "above 0", "strategy.qty=-1": "at least 0", "strategy.qty=abc": "no number",
    "strategy.qty=0.00001": "more decimals than the data", "strategy.qty=1e40": "too great", "strategy.interval_ns=0": "at least 1",
    "strategy.qyt=1": "nearest is qty", "strategy.name=quotr": "no strategy quotr", "strategy.name=gone.py:A": "cannot be read",
    "strategy.name=broken.py:Broken": "is not Python", "strategy.name=reaches.py:A": "imports os",
    "strategy.name=bytes.py:A": "cannot be read", "limits.file=gone.yaml": "cannot be read", "limits.file=wrong.yaml": "sets gros",
    "limits.file=torn.yaml": "cannot be read", "limits.file=.": "cannot be read", "instrument.tick=nan": "ends",
    "instrument.tick=1e17": "too great to be counted", "instrument.tick=0.001": "has 3 decimals", "instrument.tick=-1": "above 0",
    "instrument.kind=future": "There are spot", "instrument.multiplier=1e17": "cannot be such an instrument",
    "instrument.symbol=ETHUSDT": "They hold BTCUSDT", "data.from=soon": "is no time", "data.from=2031-01-01": "no row of the range",
    "data.to=1999-01-01": "no row of the range", "data.venue=nowhere": "data.venue is nowhere", "nothing=1": "no setting",
    "x": "has no value",
}  # fmt: skip
DATA = {
    "gone": "There are no data", "folder": "no recordings", "text": "is no recording", "table.npz": "is no recording",
    "table.csv": "is no recording", "capture.gz": "is no recording", "torn": "is not a journal", "empty": "is empty",
    "silent": "no row of a market", "unlisted": "hold no instrument",
}  # fmt: skip


@pytest.mark.parametrize("text", CONFIGS)
def test_a_file_that_is_no_configuration(veloz: Run, world: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "run.toml").write_text(text)
    words = [tmp_path / "run.toml", "--data", world / "data", "--journal", tmp_path / "result"]
    require_refusal(veloz, world, tmp_path, words, CONFIGS[text])


@pytest.mark.parametrize("word", SET)
def test_a_setting_that_cannot_be(veloz: Run, world: Path, tmp_path: Path, word: str) -> None:
    config = world / "run.toml"
    config.write_text(GOOD)
    words = [config, "--data", world / "data", "--journal", tmp_path / "result", "--set", word]
    require_refusal(veloz, world, tmp_path, words, SET[word])


@pytest.mark.parametrize("name", DATA)
def test_what_is_no_data(veloz: Run, world: Path, tmp_path: Path, name: str) -> None:
    config = world / "run.toml"
    config.write_text(GOOD)
    words = [config, "--data", world / name, "--journal", tmp_path / "result"]
    require_refusal(veloz, world, tmp_path, words, DATA[name])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--journal", "WORLD/data"], "is not empty"),
        (["--journal", "WORLD/text"], "is not empty"),
        (["--journal", "WORLD/text/result"], "by --journal"),
        (["--journal", "/proc/none/result"], "by --journal"),
        (["--journal", "TMP/result", "--out", "WORLD/text"], "by --out"),
        (["--journal", "TMP/result", "--out", "WORLD/text/out"], "by --out"),
        (["--journal", "TMP/result", "--out", "/proc/none"], "by --out"),
        (["--journal", "TMP/result", "--set", "report.dir='WORLD/text'"], "by --out"),
        (["--journal", "TMP/result", "--data", ""], "No data are named"),
        (["--journal", "TMP/result", "--paper", "--out", "TMP/out"], "A run on paper makes no reports"),
    ],
)
def test_a_place_that_is_none(veloz: Run, world: Path, tmp_path: Path, words: list[str], said: str) -> None:
    config = world / "run.toml"
    config.write_text(GOOD)
    placed = [word.replace("WORLD", str(world)).replace("TMP", str(tmp_path)) for word in words]
    data = [] if "--data" in words else ["--data", world / "data"]
    require_refusal(veloz, world, tmp_path, [config, *data, *placed], said)


@pytest.mark.parametrize("text", ["", GOOD, "[data]\npath = []\n"])
@pytest.mark.parametrize("words", [(), ("--paper",)])
def test_where_no_data_are_named_none_are_taken(
    veloz: Run, world: Path, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "run.toml").write_text(text)
    asked = [tmp_path / "run.toml", "--journal", tmp_path / "result", *words]
    require_refusal(veloz, world, tmp_path, asked, "No data are named")


@pytest.mark.parametrize("word", ["strategy.half_spred=1", "strategy.name=quotr"])
@pytest.mark.parametrize("words", [(), ("--paper",)])
def test_a_misspelt_strategy_is_told_before_its_data_are_imported(
    veloz: Run, short: Path, tmp_path: Path, word: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "run.toml").write_text(GOOD)
    before = lying(tmp_path)
    ran = veloz("backtest", tmp_path / "run.toml", "--data", short, "--set", word, *words)
    assert ran.code == 2
    assert "importing" not in ran.err
    assert lying(tmp_path) == before


def test_people_are_told_what_was_run_on(
    veloz: Run, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "run.toml").write_text(GOOD)
    for name, words in (("result", ()), ("paper", ("--paper",))):
        asked = ["--data", world / "data", "--journal", tmp_path / name, *words]
        ran = veloz("backtest", tmp_path / "run.toml", *asked)
        (line,) = [line for line in ran.out.splitlines() if line.split()[1:3] == ["data", "│"]]
        assert str(world / "data") in line


def test_files_that_are_no_configuration(veloz: Run, world: Path, tmp_path: Path) -> None:
    for name, said in (("gone.toml", "no file"), ("folder", "is a folder"), ("bytes.py", "is no text")):
        words = [world / name, "--data", world / "data", "--journal", tmp_path / "result"]
        require_refusal(veloz, world, tmp_path, words, said)


@pytest.mark.parametrize("command", ["backtest", "optimize"])
def test_a_folder_is_told_with_what_can_be_given(veloz: Run, tmp_path: Path, command: str) -> None:
    example = {"backtest": "configs/quoter.toml", "optimize": "configs/sweep.toml"}[command]
    for within, said in ((), example), (("b.toml", "a.toml", "notes.txt"), f"{tmp_path}/a.toml or {tmp_path}/b.toml"):
        for name in within:
            (tmp_path / name).write_text("[optimize]")
        ran = veloz(command, tmp_path)
        assert (ran.code, ran.out) == (2, "")
        told = "a folder, and a configuration is a file. Give a TOML file, such as"
        assert ran.err == f"veloz: {tmp_path} is {told} {said}.\n"


def test_only_what_can_be_run_is_told_of_a_folder(veloz: Run, root: Path) -> None:
    """Profiles of the program lie beside it."""
    configs = root / "configs"
    assert {"dev.toml", "server.example.toml"} < {each.name for each in configs.glob("*.toml")}
    ran = veloz("backtest", configs)
    assert ran.err.endswith(f"such as {configs}/quoter.toml or {configs}/sweep.toml.\n")
    assert veloz("optimize", configs).err.endswith(f"such as {configs}/sweep.toml.\n")


def test_a_disk_that_fills_leaves_nothing(
    veloz: Run, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in the middle of the result: exit 3, and no part of a result."""
    from journal.store import Store

    def full(store: Store, changes: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    config = world / "run.toml"
    config.write_text(GOOD)
    monkeypatch.setattr(Store, "commit", full)
    before = lying(tmp_path)
    ran = veloz("backtest", config, "--data", world / "data", "--journal", tmp_path / "result", "--json")
    assert ran.code == 3, ran
    assert ran.json["error"]["code"] == "disk_full"
    assert "nothing of" in ran.json["error"]["message"]
    assert lying(tmp_path) == before


def test_a_report_that_finds_no_room_leaves_the_result(
    veloz: Run, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of the two files does not fit: the sentence says what stands, and no half of a report lies there."""
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "report.html.part":
            write(path, data[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, data)

    config = world / "run.toml"
    config.write_text(GOOD)
    monkeypatch.setattr(Path, "write_bytes", full)
    result, out = tmp_path / "result", tmp_path / "out"
    ran = veloz("backtest", config, "--data", world / "data", "--journal", result, "--out", out, "--json")
    assert ran.code == 3, ran
    assert f"stands whole in {result}" in ran.json["error"]["message"]
    assert not out.exists()
    assert veloz("replay", "--journal", result, "--verify", "--json").code == 0


def test_a_run_that_was_killed_says_so(veloz: Run, world: Path, tmp_path: Path) -> None:
    config, result = world / "run.toml", tmp_path / "result"
    config.write_text(GOOD)
    words = ["backtest", str(config), "--data", str(world / "data"), "--journal", str(result), "--json"]
    killed = """
import os, sys
from veloz.backtest.runner import Run
from veloz.cli.main import main
def finish(run):
    run._sink.commit()
    os.kill(os.getpid(), 9)
Run.finish = finish
sys.argv = ["veloz", *sys.argv[1:]]
main()
"""
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "VELOZ_DATA_DIR": str(tmp_path / "data")}
    assert (
        subprocess.run([sys.executable, "-c", killed, *words], env=env, check=False, capture_output=True).returncode
        == -9
    )
    again = veloz(*words)
    error = again.json["error"]
    assert (again.code, "never ended" in error["message"]) == (2, True)
    assert f"rm -r {result}" in error["hint"]
    told = veloz("replay", "--journal", result, "--verify", "--json")
    assert (told.code, told.json["ended"], told.json["divergences"]) == (1, False, [])
    assert "never ended" in told.err
    head = told.json["to_seq"]
    assert [veloz("replay", "--journal", result, *words).code for words in ((), ("--verify", "--to", str(head)))] == [
        0,
        0,
    ]
    shutil.rmtree(result)
    assert veloz(*words).code == 0
    assert veloz("replay", "--journal", result, "--json").json["ended"]


def test_an_interrupt_says_that_nothing_was_kept(
    veloz: Run, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from veloz.backtest.runner import Run as Playing

    def stop(run: Playing) -> None:
        raise KeyboardInterrupt

    config = world / "run.toml"
    config.write_text(GOOD)
    monkeypatch.setattr(Playing, "finish", stop)
    ran = veloz("backtest", config, "--data", world / "data", "--journal", tmp_path / "result", "--json")
    assert ran.code == 130
    assert "No result was kept" in ran.json["error"]["hint"]
    assert not (tmp_path / "result").exists()


def test_filters_that_the_data_do_not_state_are_told(veloz: Run, world: Path, tmp_path: Path) -> None:
    body = msgspec.structs.replace(BODY, tick="", lot="")
    known, row = define(body, 1), np.zeros(1, r.LISTED.view)
    row["kind"], row["version"], row["instrument"], row["flags"] = r.LISTED.number, 1, 1, STEP_END
    row["scales"], row["tick"], row["lot"], row["ts_recv"] = known.scales, known.tick, known.lot, BEGIN
    row["multiplier_e8"], row["definition"] = known.multiplier_e8, 1
    with Writer.open(tmp_path / "plain", map_size_bytes=1 << 24) as writer:
        writer.append(row, bodies=[(0, msgspec.msgpack.encode(body))])
        writer.append(np.concatenate(ROWS))
    config = world / "run.toml"
    config.write_text(GOOD)
    words = [config, "--data", tmp_path / "plain", "--journal", tmp_path / "result", "--json"]
    told = veloz("backtest", *words).json["warnings"]
    assert [warning for warning in told if "state no tick and no lot of BTCUSDT" in warning]


def test_a_gap_in_the_data_is_in_the_report(veloz: Run, world: Path, tmp_path: Path) -> None:
    """A book that was begun anew, and a minute in which nothing was recorded."""
    import json

    from veloz.contracts.layout import APPLIED, EMPTY, FIRST, LAST, SNAPSHOT

    anew = level(300, -1, 0)
    anew["flags"] = FIRST | LAST | EMPTY | SNAPSHOT | APPLIED | STEP_END
    late = [level(60_300, 1_000, 5), level(60_300, 1_001, 5, ask=True), trade(60_400, 1_000, 3)]
    make_recording(tmp_path / "holes", *ROWS, anew, *late)
    config = world / "run.toml"
    config.write_text(GOOD)
    words = ["--data", tmp_path / "holes", "--journal", tmp_path / "result", "--out", tmp_path / "out", "--json"]
    told = veloz("backtest", config, *words).json
    assert [gap["what"] for gap in told["gaps"]] == ["the book was begun anew", "nothing was recorded"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [gap["what"] for gap in report["gaps"]] == ["the book was begun anew (1)", "nothing was recorded (1)"]
    assert report["gaps"][0]["symbol"] == "BTCUSDT"
    assert any("have gaps: 2" in warning for warning in told["warnings"])


def test_a_recording_is_played_to_a_run_on_paper(veloz: Run, world: Path, tmp_path: Path) -> None:
    config = world / "run.toml"
    config.write_text(GOOD)
    live = veloz("backtest", config, "--data", world / "data", "--journal", tmp_path / "live", "--paper", "--json").json
    again = veloz("backtest", config, "--data", tmp_path / "live", "--journal", tmp_path / "result", "--json").json
    for key in ("orders", "fills", "position", "cash", "fees", "equity_end"):
        assert live[key] == again[key]
    assert live["orders"] > 0
    verified = veloz("replay", "--journal", tmp_path / "live", "--verify", "--json")
    assert (verified.code, verified.json["state_hash"]) == (0, live["state_hash"])
    replayed = veloz("replay", "--journal", tmp_path / "result", "--verify", "--json")
    assert (replayed.code, replayed.json["state_hash"]) == (0, again["state_hash"])


def test_a_report_that_fails_leaves_nothing_behind(
    veloz: Run, root: Path, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("veloz.backtest.report.write_report", fail)
    result = tmp_path / "made" / "journal"
    assert veloz("backtest", root / "configs" / "quoter.toml", "--data", short, "--journal", result).code == 3
    assert not result.parent.exists()


@pytest.mark.parametrize("name", ["run.toml", "mine.py", "limits.yaml"])
def test_what_may_not_be_read_is_the_outside_world(
    veloz: Run, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file that is there and forbidden is exit 3, whichever it is; one that is not there is a mistake."""
    read = Path.read_text

    def forbid(path: Path, *words: object, **named: object) -> str:
        if path.name == name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return read(path, *words, **named)  # type: ignore[arg-type]

    for made, text in (("run.toml", GOOD), ("mine.py", "class A: pass"), ("limits.yaml", "")):
        (tmp_path / made).write_text(text)
    monkeypatch.setattr(Path, "read_text", forbid)
    words = {"mine.py": "strategy.name=mine.py:A", "limits.yaml": "limits.file=limits.yaml"}.get(name, "seed=1")
    ran = veloz(
        "backtest",
        tmp_path / "run.toml",
        "--data",
        world / "data",
        "--journal",
        tmp_path / "result",
        "--json",
        "--set",
        words,
    )
    assert (ran.code, ran.json["error"]["code"]) == (3, "io"), ran
    assert "Permission denied" in ran.json["error"]["message"]
    assert not (tmp_path / "result").exists()


@pytest.mark.parametrize(
    ("command", "word"), [("backtest", "--out"), ("backtest", "--journal"), ("ingest", "--journal")]
)
def test_a_place_that_may_not_be_written_is_the_outside_world(
    veloz: Run, world: Path, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch, command: str, word: str
) -> None:
    make = Path.mkdir

    def forbid(path: Path, *words: object, **named: object) -> None:
        if "forbidden" in path.parts:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        make(path, *words, **named)  # type: ignore[arg-type]

    (tmp_path / "run.toml").write_text(GOOD)
    monkeypatch.setattr(Path, "mkdir", forbid)
    what = (
        [tmp_path / "run.toml", "--data", world / "data"]
        if command == "backtest"
        else [short, "--venue", "binance_usdm"]
    )
    ran = veloz(command, *what, word, tmp_path / "forbidden" / "place", "--json")
    assert (ran.code, "Permission denied" in ran.json["error"]["message"]) == (3, True), ran
