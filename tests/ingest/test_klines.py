"""Klines from comma-separated lines: Binance's archive with and without a header, and files that name their own columns."""

import gzip
import json
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ingest.recordings import content_of
from veloz.contracts.layout import CLOSED, FIRST, LAST, ROW, STEP_END
from veloz.contracts.registry import BAR, BAR_VOLUME, REFUSED
from veloz.ingest import IngestError, ingest
from veloz.ingest.klines import ARCHIVE, find_columns, find_name, parse_interval

OPEN_MS = 1_733_011_200_000
HEADER = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"


def archive_line(k: int, unit: int = 1) -> str:
    begin = (OPEN_MS + 60_000 * k) * unit
    return (
        f"{begin},96000.1{k},96010.00,95990.5,96001,1.{k}5,{begin + 60_000 * unit - 1},144000.25,7{k},0.5,48000.1,0\n"
    )


def rows_of(path: Path) -> Any:
    return np.frombuffer(content_of(path).rows, ROW)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("packing", ["csv", "gz", "zip"])
def test_the_archives_twelve_columns(header: bool, unit: int, packing: str, tmp_path: Path, journal_dir: Path) -> None:
    text = (HEADER if header else "") + "".join(archive_line(k, unit) for k in range(5))
    path = tmp_path / f"BTCUSDT-1m-2024-12.{'csv.gz' if packing == 'gz' else packing}"
    if packing == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("BTCUSDT-1m-2024-12.csv", text)
    else:
        path.write_bytes(gzip.compress(text.encode()) if packing == "gz" else text.encode())
    found = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.rejected, found.exit_code) == (5, 0, 0)
    assert found.kinds["md.bar"] == found.kinds["md.bar_volume"] == 5
    bars = rows_of(journal_dir)[rows_of(journal_dir)["kind"] == BAR.number].view(BAR.view)
    assert bars["ts_open"].tolist() == [(OPEN_MS + 60_000 * k) * 10**6 for k in range(5)]
    close_ns = [(OPEN_MS + 60_000 * (k + 1)) * 10**6 - (10**6 if unit == 1 else 10**3) for k in range(5)]
    assert bars["ts_recv"].tolist() == close_ns
    volumes = rows_of(journal_dir)[rows_of(journal_dir)["kind"] == BAR_VOLUME.number].view(BAR_VOLUME.view)
    assert set(volumes["interval_ns"].tolist()) == {60 * 10**9}
    assert volumes["trades"].tolist() == [70, 71, 72, 73, 74]
    assert volumes["quote_e8"].tolist() == [14_400_025_000_000] * 5
    assert ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0).added["frames"] == 0


@pytest.mark.parametrize(
    "prices", ["100,99.5,90,95", "100,105,100.5,101", "100,105,90,105.01", "100,105,90,89", "1,2,3,1"]
)
def test_a_line_that_cannot_be_a_bar_is_refused_and_told(prices: str, tmp_path: Path, journal_dir: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2024-12.csv"
    lines = [archive_line(k) for k in range(3)]
    words = lines[1].split(",")
    lines[1] = ",".join([words[0], *prices.split(","), *words[5:]])
    path.write_text("".join(lines))
    found = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.rejected) == (3, 1)
    assert found.kinds["md.bar"] == 2
    assert (rows_of(journal_dir)["kind"] == REFUSED.number).sum() == 1


def test_a_month_of_recorded_klines(shared: Path, journal_dir: Path) -> None:
    name = "binance_spot/klines/BTCUSDT_1m_202412.csv.gz"
    path = shared / "data" / name
    facts = json.loads((shared / "data" / "facts" / "bars.json").read_text())["bars"][name]
    found = ingest([("binance_spot", path)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.rejected) == (facts["rows"], 0)
    (instrument,) = found.instruments
    assert (instrument["symbol"], instrument["source"]) == ("BTCUSDT", "inferred")
    rows = rows_of(journal_dir)
    bars = rows[rows["kind"] == BAR.number].view(BAR.view)
    volumes = rows[rows["kind"] == BAR_VOLUME.number].view(BAR_VOLUME.view)
    assert len(bars) == len(volumes) == facts["rows"]
    assert (bars["ts_open"][[0, -1]] // 10**6).tolist() == [facts["first_ms"], facts["last_ms"]]
    assert (np.diff(bars["ts_open"]) == 60 * 10**9).all()
    assert (bars["ts_recv"] == bars["ts_open"] + 60 * 10**9 - 10**6).all()
    assert (bars["flags"] == FIRST | CLOSED).all()
    assert ((volumes["flags"] & (LAST | STEP_END)) == LAST | STEP_END).all()
    scale = instrument["price_scale"]

    def decimal(quanta: int, decimals: int) -> Decimal:
        return Decimal(quanta) / 10**decimals

    assert decimal(int(bars["open"][0]), scale) == Decimal(facts["first_open"])
    assert decimal(int(bars["close"][-1]), scale) == Decimal(facts["last_close"])
    assert decimal(int(bars["high"].max()), scale) == Decimal(facts["high"])
    assert decimal(int(bars["low"].min()), scale) == Decimal(facts["low"])
    assert decimal(sum(volumes["volume"].tolist()), instrument["qty_scale"]) == Decimal(facts["sum_volume"])


def test_every_line_of_the_recorded_klines_is_what_it_says(shared: Path, journal_dir: Path, tmp_path: Path) -> None:
    text = gzip.decompress((shared / "data/binance_spot/klines/BTCUSDT_1m_202412.csv.gz").read_bytes()).splitlines()[
        :400
    ]
    path = tmp_path / "BTCUSDT_1m_202412.csv"
    path.write_bytes(b"\n".join(text) + b"\n")
    found = ingest([("binance_spot", path)], journal_dir, snapshot_keep=0)
    rows = rows_of(journal_dir)
    bars = rows[rows["kind"] == BAR.number].view(BAR.view)
    for line, bar in zip(text[1:], bars[-len(text) + 1 :], strict=True):
        fields = line.decode().split(",")
        close = datetime.fromisoformat(fields[-1])
        assert int(bar["ts_recv"]) == round(close.timestamp() * 1000) * 10**6
    scale = found.instruments[0]["price_scale"]
    assert int(bars["high"][-1]) == Decimal(text[-1].decode().split(",")[1]) * 10**scale


DATED = "open,high,low,close,volume,quote_volume,trades,close_datetime"


@pytest.mark.parametrize(
    "header", ["", f"{DATED}\n", f'"{DATED.upper().replace(",", """ ", " """).replace("_", " ")}"\n']
)
def test_eight_columns_that_end_with_a_date_need_no_header(header: str, tmp_path: Path, journal_dir: Path) -> None:
    path = tmp_path / "BTCUSDT_1m_202412.csv"
    lines = [f"100.0,101.5,99.5,100.5,12.34,1234.5,7,2024-12-01 01:0{k}:59.999000+01:00\n" for k in range(3)]
    path.write_text(header + "".join(lines))
    found = ingest([("binance_spot", path)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.rejected, found.kinds["md.bar"]) == (3, 0, 3)
    rows = rows_of(journal_dir)
    bars = rows[rows["kind"] == BAR.number].view(BAR.view)
    assert bars["ts_open"].tolist() == [(OPEN_MS + 60_000 * k) * 10**6 for k in range(3)]
    volumes = rows[rows["kind"] == BAR_VOLUME.number].view(BAR_VOLUME.view)
    assert volumes["trades"].tolist() == [7, 7, 7]
    assert volumes["quote_e8"].tolist() == [123_450_000_000] * 3


def test_a_header_as_people_write_it() -> None:
    line = (
        "Open time,Open,High,Low,Close,Volume,Close time,Quote asset volume,Number of trades,"
        "Taker buy base asset volume,Taker buy quote asset volume,Ignore"
    )
    assert find_columns(line) == ARCHIVE
    assert find_columns("1,2,3,4,5,6,7,8") is None
    assert find_columns("1,2,3,4,5,6,seven,2024-12-01 01:00:59.999000+01:00") is None
    assert find_columns("1,2,3,4,5,6,7,2024-12-01 01:00:59.999000") is None, "no offset, no time"


def test_bad_lines_are_refused_and_cut_ones_are_damage(tmp_path: Path, journal_dir: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2024-12.csv"
    bad = archive_line(1).replace("96010.00", "much")
    path.write_text(archive_line(0) + bad + "no,kline\n" + archive_line(2) + archive_line(3)[:60])
    found = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.rejected, found.exit_code) == (3, 2, 1)
    assert found.kinds[REFUSED.name] == 1
    path.write_text(archive_line(0) + bad + "no,kline\n" + archive_line(2) + archive_line(3))
    found = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.added["frames"], found.exit_code) == (4, 1, 0)


def test_klines_and_a_stream_in_one_journal(tmp_path: Path, journal_dir: Path) -> None:
    klines = tmp_path / "BTCUSDT-1m-2024-12.csv"
    klines.write_text("".join(archive_line(k) for k in range(3)))
    stream = tmp_path / "btcusdt.txt"
    frame = (
        '{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"96000.5","q":"1","m":true}}'
    )
    stream.write_text("".join(f"{(OPEN_MS + 60_000 * k + 30_000) * 10**6} {frame}\n" for k in range(3)))
    found = ingest([("binance_usdm", klines), ("binance_usdm", stream)], journal_dir, snapshot_keep=0)
    assert found.messages == {"kline": 3, "trade": 3}
    kinds = rows_of(journal_dir)["kind"].tolist()
    assert [kind for kind in kinds if kind < 32] == [1, BAR.number, BAR_VOLUME.number] * 3


def test_names_and_columns() -> None:
    assert find_name("BTCUSDT_1m_202412.csv.gz") == ("BTCUSDT", 60 * 10**9)
    assert find_name("BTCUSD_PERP-4h-2024-12.zip") == ("BTCUSD_PERP", 4 * 3600 * 10**9)
    assert find_name("BTCUSDT_230929-1d-2023.zip") == ("BTCUSDT_230929", 86_400 * 10**9)
    assert find_name("notes.csv") == ("", 0)
    assert [parse_interval(text) for text in ("1s", "15m", "1w", "1M", "m", "")] == [
        10**9,
        900 * 10**9,
        604_800 * 10**9,
        0,
        0,
        0,
    ]
    assert find_columns("a,b,c") is None
    assert find_columns("open,high,low,close,volume") is None, "nothing says when a bar is"


def test_klines_need_columns(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2024-12.csv"
    path.write_text("1,2,3\n")
    with pytest.raises(IngestError) as refusal:
        ingest([("binance_usdm", path)], tmp_path / "journal", fmt="klines")
    assert refusal.value.exit_code == 2
