"""The ingest as a whole: instruments, increments, refusals of the journal, interruption, progress, snapshots."""

import gzip
import json
import math
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journal import FullError, Writer
from journal.check import check
from journal.snapshots import find_snapshots
from tests.ingest.recordings import CHILD, MAIN, ROOT, SAMPLE, content_of, cut_of
from veloz.contracts.layout import ROW
from veloz.ingest import IngestError, ingest, run
from veloz.ingest.feed import merge_feeds


def write_list(path: Path, symbols: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"serverTime": 1, "symbols": symbols}))
    return path


SYMBOL: dict[str, Any] = {
    "symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "contractType": "PERPETUAL", "status": "TRADING",
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "556.80", "maxPrice": "4529764"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
    ],
}  # fmt: skip


def test_instruments_from_a_file(tmp_path: Path, journal_dir: Path) -> None:
    given = write_list(tmp_path / "exchangeInfo.json", [SYMBOL])
    packed = tmp_path / "exchangeInfo.json.gz"
    packed.write_bytes(gzip.compress(given.read_bytes()))
    found = ingest([("binance_usdm", MAIN)], journal_dir, instruments=packed, snapshot_keep=0)
    (instrument,) = found.instruments
    assert (instrument["tick"], instrument["lot"], instrument["source"]) == ("0.10", "0.001", "file")
    again = ingest([("binance_usdm", MAIN)], journal_dir, snapshot_keep=0)
    assert again.instruments == found.instruments


def test_whose_list_a_file_is_shows_in_it(tmp_path: Path, journal_dir: Path) -> None:
    given = write_list(tmp_path / "exchangeInfo.json", [SYMBOL])
    inputs = [(path.parent.name, path) for path in sorted(SAMPLE.glob("*/*.gz"))]
    found = ingest(inputs, journal_dir, instruments=given, snapshot_keep=0)
    assert {each["venue"]: each["source"] for each in found.instruments} == {
        "binance_coinm": "inferred", "binance_spot": "inferred", "binance_usdm": "file",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"symbols": 1}', '{"symbols":[{"symbol":"X"}]}'])
def test_a_file_that_is_no_list_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "exchangeInfo.json"
    path.write_text(text)
    with pytest.raises(IngestError) as refusal:
        ingest([("binance_usdm", MAIN)], tmp_path / "journal", instruments=path)
    assert (refusal.value.exit_code, refusal.value.code) == (2, "bad_instruments")


def texts_of(path: Path, symbol: str) -> tuple[list[str], list[str]]:
    """Every price and quantity text of a recording, in any message."""
    prices, qtys = [], []
    with gzip.open(path) as file:
        for line in file:
            data = json.loads(line.split(b" ", 1)[1])
            data = data.get("data", data)
            for p, q in (*data.get("bids", ()), *data.get("asks", ())):
                prices.append(p)
                qtys.append(q)
            if data.get("e") == "depthUpdate":
                for p, q in (*data["b"], *data["a"]):
                    prices.append(p)
                    qtys.append(q)
            elif "A" in data:
                prices += [data["b"], data["a"]]
                qtys += [data["B"], data["A"]]
            elif data.get("e") == "trade":
                prices.append(data["p"])
                qtys.append(data["q"])
    return prices, qtys


def naive_step(texts: list[str]) -> Fraction:
    """Greatest common divisor of decimals, as fractions."""
    values = {Fraction(text) for text in texts}
    common = math.lcm(*(value.denominator for value in values))
    return Fraction(math.gcd(*(int(value * common) for value in values)), common)


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("*/*.gz")), ids=lambda path: path.parent.name)
def test_inferred_increments_are_exact(path: Path, journal_dir: Path) -> None:
    found = ingest([(path.parent.name, path)], journal_dir, snapshot_keep=0)
    (instrument,) = found.instruments
    prices, qtys = texts_of(path, instrument["symbol"])
    assert instrument["source"] == "inferred"
    assert Fraction(instrument["tick"]) == naive_step(prices)
    assert Fraction(instrument["lot"]) == naive_step(qtys)


def test_totals_are_those_of_the_rows_and_of_the_codec(journal_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codecs = []
    real = run.Codec

    def remember(*args: Any) -> Any:
        codecs.append(real(*args))
        return codecs[-1]

    monkeypatch.setattr(run, "Codec", remember)
    found = ingest([(path.parent.name, path) for path in sorted(SAMPLE.glob("*/*.gz"))], journal_dir, snapshot_keep=0)
    assert found.messages == dict(codecs[0].counts.messages)
    assert found.rejected == codecs[0].counts.rejected
    kinds = Counter(np.frombuffer(content_of(journal_dir).rows, ROW)["kind"].tolist())
    assert sorted(found.kinds.values()) == sorted(kinds.values())


def test_a_full_map_is_a_refusal_and_a_larger_one_continues(tmp_path: Path, journal_dir: Path) -> None:
    with pytest.raises(FullError):
        ingest([("binance_usdm", MAIN)], journal_dir, map_size_bytes=6 << 20, snapshot_keep=0)
    assert check(journal_dir).ok
    ingest([("binance_usdm", MAIN)], journal_dir, snapshot_keep=0)
    ingest([("binance_usdm", MAIN)], tmp_path / "alone", snapshot_keep=0)
    assert content_of(journal_dir) == content_of(tmp_path / "alone")


def test_an_error_of_the_reading_thread_surfaces(journal_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        yield next(merge_feeds(*args))
        raise MemoryError("no room")

    monkeypatch.setattr(run, "merge_feeds", fail)
    with pytest.raises(MemoryError, match="no room"):
        ingest([("binance_usdm", MAIN)], journal_dir, snapshot_keep=0)
    assert check(journal_dir).ok
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("ingest", "journal"))]


def test_another_writer_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Writer.open(path, unsafe_fs=True), pytest.raises(Exception) as refusal:  # noqa: PT011
        ingest([("binance_usdm", MAIN)], path, snapshot_keep=0)
    assert getattr(refusal.value, "code", "") == "locked"


def test_interrupted_by_a_person(journal_dir: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(journal_dir), "binance_usdm", str(MAIN)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(Path.home())},
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    child.wait(60)
    child.stdout.close()
    assert check(journal_dir).ok
    assert ingest([("binance_usdm", MAIN)], journal_dir, snapshot_keep=0).rejected == 0


def test_progress_is_told_and_ends_at_the_end(journal_dir: Path) -> None:
    told: list[tuple[int, int]] = []
    ingest([("binance_usdm", MAIN)], journal_dir, on_progress=lambda *said: told.append(said), snapshot_keep=0)
    assert told[-1] == (MAIN.stat().st_size, MAIN.stat().st_size)
    assert told == sorted(told)


def test_a_snapshot_at_the_end_only_when_rows_were_added(tmp_path: Path, journal_dir: Path) -> None:
    path = cut_of(500, tmp_path / "btcusdt.txt")
    found = ingest([("binance_usdm", path)], journal_dir)
    assert [each.seq for each in find_snapshots(journal_dir)] == [found.head_seq]
    before = [file.stat().st_mtime_ns for file in (journal_dir / "snapshots").iterdir()]
    ingest([("binance_usdm", path)], journal_dir)
    assert [file.stat().st_mtime_ns for file in (journal_dir / "snapshots").iterdir()] == before
