"""Lines: names and decimals of the version in force, ranges, filters, and new rows as they come."""

import json
from pathlib import Path

from journal import Writer
from tests.history.conftest import Write, listing, trades
from veloz.contracts.registry import TRADE
from veloz.history.dump import dump, follow
from veloz.history.summary import summarise


def test_lines_carry_envelope_names_and_decimals(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "j", [3, 4])
    lines = [json.loads(line) for line in dump(tmp_path / "j", 1, 8)]
    assert [line["seq"] for line in lines] == list(range(1, 9))
    first, second = lines[0], lines[1]
    assert (first["kind"], first["body"]["symbol"]) == ("instrument.listed", "BTCUSDT")
    assert (second["kind"], second["instrument"], second["source"]) == ("md.trade", "BTCUSDT", "binance_usdm")
    assert (second["price"], second["qty"], second["taker"]) == ("100", "0.003", "buy")
    assert second["trace"] == 2
    assert "step_end" in second["flags"]


def test_rows_are_shown_in_the_scales_they_were_written_in(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "j", [1])
    finer, body = listing(2, 3, version=2)
    with Writer.open(tmp_path / "j", map_size_bytes=1 << 28) as writer:
        writer.append(finer, bodies=[(0, body)])
        writer.append(trades(1))
    prices = [json.loads(line)["price"] for line in dump(tmp_path / "j", 1, 4, kinds={TRADE.number})]
    assert prices == ["100", "10"]


def test_ranges_filters_and_limits(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "j", [3, 4])
    only = [json.loads(line)["seq"] for line in dump(tmp_path / "j", 2, 7, kinds={TRADE.number}, limit=3)]
    assert only == [2, 3, 4]
    assert list(dump(tmp_path / "j", 1, 8, kinds={99})) == []


def test_a_tail_goes_on_where_the_dump_ends(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "j", [3])
    lines = follow(tmp_path / "j", 3)
    assert [json.loads(next(lines))["seq"] for _ in range(2)] == [3, 4]
    with Writer.open(tmp_path / "j", map_size_bytes=1 << 28) as writer:
        writer.append(trades(2, 3))
    assert [json.loads(next(lines))["price"] for _ in range(2)] == ["100.3", "100.4"]
    lines.close()


def test_a_summary_counts_what_is_there(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "j", [3, 4])
    told = summarise(tmp_path / "j")
    assert (told["records"], told["batches"], told["head_seq"], told["epoch"]) == (8, 3, 8, 1)
    assert told["kinds"] == {"md.trade": 7, "instrument.listed": 1}
    assert told["instruments"] == ["binance_usdm:BTCUSDT"]
