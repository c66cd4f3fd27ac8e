"""`--instruments` for instruments that are listed already: a version of its own, and the raw frames give it again."""

import json
from pathlib import Path
from typing import Any

import pytest

from journal import Reader
from tests.ingest.recordings import LONG
from veloz.contracts.instrument import InstrumentBody
from veloz.history.names import read_catalogue
from veloz.ingest import IngestError, ingest
from veloz.ingest.redecode import redecode
from veloz.instruments.instrument import Instrument

MS = 1_723_161_300_000


def trade(number: int, price: str, qty: str = "1.00000000") -> bytes:
    data = {"e": "trade", "E": MS, "s": "BTCUSDT", "t": number, "p": price, "q": qty, "T": MS, "m": True, "M": True}
    document = json.dumps({"stream": "btcusdt@trade", "data": data}, separators=(",", ":"))
    return f"{MS + number}000000 {document}\n".encode()


def write_list(path: Path, tick: str, **more: Any) -> Path:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    ]
    listing = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": filters}
    path.write_text(json.dumps({"serverTime": 1, "symbols": [{**listing, **more}]}))
    return path


def take(journal_dir: Path, path: Path, text: bytes, given: Path | None = None) -> int:
    path.write_bytes(text)
    return ingest([("binance_spot", path)], journal_dir, instruments=given, snapshot_keep=0).head_seq


def versions(journal_dir: Path) -> list[Instrument]:
    with Reader.open(journal_dir) as reader, reader.view() as view:
        return [instrument for _, instrument in read_catalogue(view).versions(1)]


def bodies(journal_dir: Path) -> list[InstrumentBody]:
    return [each.body for each in versions(journal_dir)]


@pytest.mark.parametrize("opening", [b"", LONG], ids=["trades", "snapshot first"])
def test_a_file_about_listed_instruments_is_a_version(opening: bytes, tmp_path: Path, journal_dir: Path) -> None:
    given = write_list(tmp_path / "exchangeInfo.json", "0.01000000")
    take(journal_dir, tmp_path / "a.dat", trade(1, "61800.5") + trade(2, "61800.125") + trade(3, "7"))
    text = opening + trade(4, "61800.5") + trade(5, "61800.5")
    take(journal_dir, tmp_path / "b.dat", text, given)
    text += trade(6, "61800.5") + trade(7, "61800.1234") + trade(8, "9.5")
    last = take(journal_dir, tmp_path / "b.dat", text, given)
    last = take(journal_dir, tmp_path / "c.dat", trade(9, "1.5") + trade(10, "1.25"))
    found = versions(journal_dir)
    assert [(each.version, each.price_scale, each.body.tick, each.body.origin) for each in found] == [
        (1, 1, "", "inferred"), (2, 3, "", "inferred"), (3, 3, "0.01000000", "file"), (4, 4, "0.01000000", "file"),
    ]  # fmt: skip
    again = redecode(journal_dir, last=last)
    assert (again.replay.divergences, again.rows) == ([], last)


def test_another_list_later_is_another_version(tmp_path: Path, journal_dir: Path) -> None:
    first = write_list(tmp_path / "first.json", "0.01000000")
    second = write_list(tmp_path / "second.json", "0.10000000", status="BREAK")
    text = trade(1, "61800.5")
    take(journal_dir, tmp_path / "a.dat", text, first)
    for at, given in enumerate((first, second, None, second, first), start=2):
        text += trade(at, "61800.5") + trade(at + 10, "61800.25")
        last = take(journal_dir, tmp_path / "a.dat", text, given)
    assert [(body.tick, body.status) for body in bodies(journal_dir)] == [
        ("0.01000000", "TRADING"), ("0.10000000", "BREAK"), ("0.01000000", "TRADING"),
    ]  # fmt: skip
    assert {body.price_scale for body in bodies(journal_dir)} == {2}
    assert redecode(journal_dir, last=last).replay.divergences == []


@pytest.mark.parametrize("more", [{"contractType": "PERPETUAL"}, {"contractType": "PERPETUAL", "contractSize": 100}])
def test_a_list_of_another_venue_is_refused(more: dict[str, Any], tmp_path: Path, journal_dir: Path) -> None:
    given = write_list(tmp_path / "exchangeInfo.json", "0.01", **more)
    with pytest.raises(
        IngestError, match=r"lists instruments of binance_[a-z]*, such as BTCUSDT, and binance_spot"
    ) as refusal:
        take(journal_dir, tmp_path / "a.dat", trade(1, "61800.5"), given)
    assert refusal.value.code == "bad_instruments"
