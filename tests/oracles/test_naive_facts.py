"""The plain reading of the recordings agrees with the known results beside them, which other people's program computed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oracles.naive_facts import Book, facts, plain

RECORDINGS = {
    "binance_usdm__stream__btcusdt_20230404": ["binance_usdm/stream/btcusdt_20230404.dat.gz"],
    "binance_usdm__stream__btcusdt_20230405": ["binance_usdm/stream/btcusdt_20230405.dat.gz"],
    "binance_usdm__stream__btcusdt_20240808": ["binance_usdm/stream/btcusdt_20240808.gz"],
    "binance_usdm__stream__btcusdt_20230404+btcusdt_20230405": [
        "binance_usdm/stream/btcusdt_20230404.dat.gz",
        "binance_usdm/stream/btcusdt_20230405.dat.gz",
    ],
    "binance_spot__stream__btcusdt_20240808": ["binance_spot/stream/btcusdt_20240808.gz"],
    "binance_coinm__stream__btcusd_perp_20240808": ["binance_coinm/stream/btcusd_perp_20240808.gz"],
    "binance_usdm__capture__20210722": ["binance_usdm/capture/20210722"],
    "binance_spot__capture__20210417": ["binance_spot/capture/20210417"],
    "binance_spot__capture__20211012": ["binance_spot/capture/20211012"],
    "binance_coinm__capture__20210722": ["binance_coinm/capture/20210722"],
}


def test_every_known_result_is_compared(shared: Path) -> None:
    known = {file.stem for file in (shared / "data" / "facts").glob("binance*.json")}
    assert known == set(RECORDINGS)


@pytest.mark.parametrize("name", RECORDINGS)
def test_facts_of_a_recording(shared: Path, name: str) -> None:
    known = json.loads((shared / "data" / "facts" / f"{name}.json").read_text())
    ours = facts([shared / "data" / path for path in RECORDINGS[name]], name.split("__")[0])

    assert ours["messages"] == known["messages"]
    assert ours["gaps"] == sum(one["depth"]["sequence_gaps"] for one in known["symbols"].values() if "depth" in one)
    if "lines" in known:
        unit_ns = {"ns": 1, "us": 1_000}[known["local_ts_unit"]]
        assert ours["frames"] == known["lines"]
        assert ours["first_ts_ns"] == known["first_local_ts"] * unit_ns
        assert ours["last_ts_ns"] == known["last_local_ts"] * unit_ns
    for symbol, one in known["symbols"].items():
        compare_book(ours["books"][symbol], one.get("depth", {}))


def compare_book(ours: dict[str, Any], depth: dict[str, Any]) -> None:
    book = depth.get("final_book")
    if book is None:
        assert not ours["synced"]
        return
    assert ours["update_id"] == depth["final_update_id"]
    for side in ("bids", "asks"):
        assert ours[side] == [[plain(price), plain(qty)] for price, qty in book[side]]


def test_a_skipped_diff_is_a_gap_and_takes_the_book_out_of_step() -> None:
    book = Book(futures=True)
    book.snapshot({"lastUpdateId": 10, "bids": [["1.0", "2.0"]], "asks": []})
    book.diff({"U": 9, "u": 12, "pu": 8, "b": [], "a": [["3.0", "1"]]})
    assert book.top(1) == {"synced": True, "update_id": 12, "bids": [["1", "2"]], "asks": [["3", "1"]]}
    book.diff({"U": 15, "u": 16, "pu": 14, "b": [], "a": []})
    assert book.gaps == 1
    assert not book.top(1)["synced"]


def test_a_repeated_diff_is_no_gap() -> None:
    book = Book(futures=False)
    for _ in range(2):
        book.diff({"U": 1, "u": 4, "b": [], "a": []})
    assert book.gaps == 0
