"""`veloz backtest` as people and scripts call it: the shipped file, files to import, and every refusal one sentence."""

import gzip
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from veloz.cli.backtest import _claimed

KEYS = (
    "records", "orders", "fills", "position", "realized", "cash", "fees", "funding", "net_pnl", "equity_end", "state_hash",
    "metrics", "seconds", "records_per_second", "report", "journal",
)  # fmt: skip


@pytest.fixture
def quoter(root: Path) -> Path:
    """The configuration that ships."""
    return root / "configs" / "quoter.toml"


def test_a_run_its_replay_and_its_verification(veloz: Run, quoter: Path, short: Path, tmp_path: Path) -> None:
    result = tmp_path / "result"
    told = veloz("backtest", quoter, "--data", short, "--journal", result, "--out", tmp_path / "out", "--json").json
    assert set(KEYS) <= set(told)
    assert told["position"].keys() == {"BTCUSDT"}
    assert told["fills"] > 0
    assert float(told["fees"]) > 0
    assert json.loads(Path(told["report_json"]).read_text())["state_hash"] == told["state_hash"]
    assert Path(told["report"]).read_text().startswith("<!")
    assert told["metrics"]["net_pnl"] == told["net_pnl"]
    again = veloz("replay", "--journal", result, "--verify", "--json")
    assert again.code == 0
    assert again.json["state_hash"] == told["state_hash"]
    assert again.json["decisions_checked"] > 0
    book = veloz("book", "--journal", result, "--instrument", "BTCUSDT", "--json").json
    assert book["synced"]
    order = next(
        line for line in veloz("journal", "dump", "--journal", result, "--kind", "order.filled").out.splitlines()
    )
    chain = veloz("why", json.loads(order)["order"], "--journal", result, "--json").json["chain"]
    kinds = [each["kind"] for each in chain]
    assert all(each["data"]["seq"] == each["data_seq"] for each in chain if each["kind"] == "system.data_folded")
    assert {
        "system.timer",
        "strategy.intent",
        "risk.approved",
        "order.dispatched",
        "order.accepted",
        "order.filled",
    } <= set(kinds)


def test_an_order_of_a_result_is_not_explained_without_its_data(
    veloz: Run, quoter: Path, short: Path, tmp_path: Path
) -> None:
    data, result = tmp_path / "recording", tmp_path / "result"
    veloz("ingest", short, "--venue", "binance_usdm", "--journal", data, "--set", "ingest.snapshot=false")
    assert veloz("backtest", quoter, "--data", data, "--journal", result, "--json").code == 0
    dump = veloz("journal", "dump", "--journal", result, "--kind", "order.filled", "--limit", 1)
    words = ("why", json.loads(dump.out)["order"], "--journal", result, "--json")
    assert veloz(*words).code == 0
    data.rename(tmp_path / "elsewhere")
    gone = veloz(*words)
    assert (gone.code, gone.json["error"]["code"]) == (2, "no_data")
    assert "are not there" in gone.json["error"]["message"]


def test_the_figures_are_those_of_the_rows(veloz: Run, quoter: Path, short: Path, tmp_path: Path) -> None:
    """Added up with decimals from what the journal tells."""
    result = tmp_path / "result"
    told = veloz(
        "backtest", quoter, "--data", short, "--journal", result, "--json",
        "--set", "strategy.half_spread=0.1", "--set", "fees.maker=0.0003",
    ).json  # fmt: skip
    rows = [
        json.loads(line) for line in veloz("journal", "dump", "--journal", result, "--kind", "order.*").out.splitlines()
    ]
    fills = [row for row in rows if row["kind"] == "order.filled"]
    signs = [Decimal(-1 if row["meta"]["side"] == "sell" else 1) for row in fills]
    moved = [sign * Decimal(row["qty"]) for sign, row in zip(signs, fills, strict=True)]
    worth = [qty * Decimal(row["price"]) for qty, row in zip(moved, fills, strict=True)]
    fees = [Decimal(row["amount"]) for row in rows if row["kind"] == "order.fee"]
    assert len(fills) == told["fills"] > 2
    assert Decimal(told["position"]["BTCUSDT"]) == sum(moved)
    assert Decimal(told["cash"]) == -sum(worth)
    assert Decimal(told["fees"]) == sum(fees)
    assert all(fee == abs(value) * Decimal("0.0003") for fee, value in zip(fees, worth, strict=True))
    assert told["orders"] == sum(row["kind"] == "order.requested" for row in rows)
    assert Decimal(told["net_pnl"]) == Decimal(told["equity_end"]) - Decimal(told["equity_start"])
    assert Decimal(told["equity_end"]) == sum(Decimal(each["worth"]) for each in told["balances"])
    assert [each["position"] for each in told["markets"]] == list(told["position"].values())
    assert Decimal(told["net_pnl"]) == Decimal(told["realized"]) + Decimal(told["unrealized"]) - Decimal(told["fees"])


def test_the_same_again_is_the_same_and_data_are_imported_once(veloz: Run, quoter: Path, short: Path) -> None:
    one = veloz("backtest", quoter, "--data", short, "--json")
    two = veloz("backtest", quoter, "--data", short, "--set", "strategy.form=python", "--json")
    assert "importing" in one.err
    assert "importing" not in two.err
    assert one.json["journal"] != two.json["journal"]
    for key in ("fills", "cash", "fees", "net_pnl", "position", "data_hash"):
        assert one.json[key] == two.json[key]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "latency.entry=1"], "latency.entry_ns"),
        (["--set", "strategy.qyt=1"], "qty"),
        (["--data", "gone.gz"], "no data at"),
        (["--set", "data.from=2031-01-01"], "hold no row"),
        (["--set", "data.from=soon"], "is no time"),
        (["--set", "instrument.symbol=ETHUSDT"], "BTCUSDT"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_and_leaves_nothing(
    veloz: Run, quoter: Path, short: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    result = tmp_path / "result"
    data = [] if "--data" in words else ["--data", short]
    ran = veloz("backtest", quoter, *data, *words, "--journal", result, "--json")
    assert ran.code == 2
    error = ran.json["error"]
    assert said in error["message"] + error["hint"]
    assert not result.exists()


def test_a_result_is_no_recording_and_its_place_is_its_own(
    veloz: Run, quoter: Path, short: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result"
    assert veloz("backtest", quoter, "--data", short, "--journal", result, "--json").code == 0
    taken = veloz("backtest", quoter, "--data", short, "--journal", result, "--json")
    assert (taken.code, "not empty" in taken.json["error"]["message"]) == (2, True)
    upon = veloz("backtest", quoter, "--data", result, "--journal", tmp_path / "other", "--json")
    assert (upon.code, "result of a backtest" in upon.json["error"]["message"]) == (2, True)
    missing = veloz("backtest", tmp_path / "gone.toml", "--json")
    assert (missing.code, "no file" in missing.json["error"]["message"]) == (2, True)


def test_the_result_is_the_same_in_every_process(short: Path, quoter: Path, tmp_path: Path) -> None:
    """Three processes that hash texts differently, as hash tables of Python do from run to run."""
    told = []
    for seed in ("0", "1", "12345"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "NUMBA_DISABLE_JIT": "1", "VELOZ_DATA_DIR": str(tmp_path / "data")}
        words = ["backtest", str(quoter), "--data", str(short), "--journal", str(tmp_path / f"result-{seed}"), "--json"]
        text = "from veloz.cli.main import main; main()"
        ran = subprocess.run([sys.executable, "-c", text, *words], env=env, capture_output=True, text=True, check=True)
        answer = json.loads(ran.stdout)
        told.append((answer["state_hash"], rows_of(Path(answer["journal"])), answer["metrics"]))
    assert told[0] == told[1] == told[2]


def rows_of(path: Path) -> bytes:
    from journal import Reader

    with Reader.open(path) as reader:
        return b"".join(batch.rows.tobytes() for batch in reader.scan())


def test_lines_that_are_missing_in_a_recording_are_a_gap_in_both_reports(
    veloz: Run, quoter: Path, short: Path, tmp_path: Path
) -> None:
    """A recorder that lost a stretch of messages: the books' own numbers say so."""
    torn = tmp_path / "torn.gz"
    with gzip.open(short) as whole, gzip.open(torn, "wb") as out:
        for number, line in enumerate(whole):
            if not 230 <= number < 300:  # nine messages of the book among them
                out.write(line)
    sound = veloz("backtest", quoter, "--data", short, "--journal", tmp_path / "sound", "--json").json
    told = veloz("backtest", quoter, "--data", torn, "--journal", tmp_path / "result", "--json").json
    assert sound["gaps"] == []
    assert [(gap["symbol"], gap["what"]) for gap in told["gaps"]] == [("BTCUSDT", "depth messages are missing")]
    assert any("have gaps: 1" in warning for warning in told["warnings"])
    gaps = json.loads(Path(told["report_json"]).read_text())["gaps"]
    assert [(gap["symbol"], gap["what"]) for gap in gaps] == [("BTCUSDT", "depth messages are missing (1)")]
    assert "depth messages are missing" in Path(told["report"]).read_text()


def test_nothing_is_run_on_a_damaged_file_and_a_dataset_of_one_warns(
    veloz: Run, quoter: Path, short: Path, tmp_path: Path
) -> None:
    file, result = tmp_path / "cut.gz", tmp_path / "result"
    file.write_bytes(short.read_bytes()[: short.stat().st_size * 2 // 3])
    for _ in range(2):
        ran = veloz("backtest", quoter, "--data", file, "--journal", result, "--json")
        error = ran.json["error"]
        assert (ran.code, error["code"]) == (2, "damaged_input")
        assert f"{file} is damaged: " in error["message"]
        assert "`veloz data import FILE`" in error["hint"]
        assert not result.exists()
        assert not [*(tmp_path / "data" / "datasets").iterdir()]
    assert veloz("data", "import", file, "--venue", "binance_usdm", "--name", "half").code == 1
    for paper in ([], ["--paper"]):
        place = tmp_path / f"result-{len(paper)}"
        ran = veloz("backtest", quoter, "--data", "half", "--journal", place, *paper, "--json")
        assert ran.code == 0
        (warning,) = [each for each in ran.json["warnings"] if "damaged" in each]
        assert "cut.gz was damaged when the data were taken from it" in warning
        assert warning in ran.err
        if not paper:
            assert warning in json.loads(Path(ran.json["report_json"]).read_text())["warnings"]


def test_runs_that_begin_at_once_take_places_of_their_own(tmp_path: Path) -> None:
    with _claimed(None, tmp_path / "runs", "one") as first, _claimed(None, tmp_path / "runs", "one") as second:
        assert first != second
        first.mkdir()
    assert [each.name for each in (tmp_path / "runs").iterdir()] == [first.parent.name], "what stayed empty is gone"
