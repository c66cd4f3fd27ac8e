"""Whose file it is: what its messages say, however late the first of them that names a symbol comes; its name only where none does."""

import gzip
from pathlib import Path

import pytest

from tests.ingest.recordings import LONG
from veloz.ingest import ingest
from veloz.ingest.files import HEAD_BYTES, read_head
from veloz.ingest.redecode import redecode
from veloz.ingest.stream import find_symbol

BARE = b'1723161300000000000 {"lastUpdateId":1,"bids":[],"asks":[]}'
DIFF = (
    b'1723161300100000000 {"stream":"%s@depth@100ms","data":{"e":"depthUpdate","E":1723161300000,"s":"%s",'
    b'"U":8,"u":9,"b":[["100000.00000000","1"]],"a":[]}}\n'
)
BTC, ETH = DIFF % (b"btcusdt", b"BTCUSDT"), DIFF % (b"ethusdt", b"ETHUSDT")
assert len(LONG) > HEAD_BYTES


@pytest.mark.parametrize("name", ["sample_1.gz", "part1.gz", "2024-08-08.gz", "ethusdt_20240808.gz", "x.dat"])
@pytest.mark.parametrize(
    ("text", "symbol"), [(LONG + BTC, "BTCUSDT"), (LONG * 9 + BTC, "BTCUSDT"), (LONG + BTC + ETH, "")]
)
def test_a_long_snapshot_may_come_first(text: bytes, symbol: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert find_symbol(read_head(path), path) == symbol


def test_a_damaged_packing_says_what_it_can(tmp_path: Path) -> None:
    path = tmp_path / "sample_1.gz"
    path.write_bytes(gzip.compress(LONG + BTC * 900)[:-30])
    assert find_symbol(read_head(path), path) == "BTCUSDT"
    path.write_bytes(gzip.compress(LONG)[:-30])
    assert find_symbol(read_head(path), path) == ""


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("btcusdt_20240808.gz", "BTCUSDT"), ("BTCUSDT.dat", "BTCUSDT"), ("1000shibusdc-2024.gz", "1000SHIBUSDC"),
        ("btcusd_perp_20240808.gz", "BTCUSD_PERP"), ("btcusd_230929.gz", "BTCUSD_230929"),
        ("BTCUSDT_230929.gz", "BTCUSDT_230929"), ("ethbtc_20240808.gz", "ETHBTC"),
        ("sample_1.gz", ""), ("part1.gz", ""), ("capture.gz", ""), ("country_1.gz", ""), ("retry.gz", ""),
        ("20240808.gz", ""), ("recording_20240808.gz", ""), ("usdt.gz", ""), ("_perp.gz", ""),
    ],
)  # fmt: skip
def test_a_name_is_taken_only_where_it_is_one(name: str, symbol: str) -> None:
    assert find_symbol(BARE, Path(name)) == symbol


def test_no_phantom_is_listed(tmp_path: Path, journal_dir: Path) -> None:
    path = tmp_path / "sample_1.gz"
    path.write_bytes(gzip.compress(LONG + BTC))
    found = ingest([("binance_spot", path)], journal_dir, snapshot_keep=0)
    assert [each["symbol"] for each in found.instruments] == ["BTCUSDT"]
    assert found.rejected == 0


def test_a_late_second_symbol_takes_the_files_symbol_away(tmp_path: Path, journal_dir: Path) -> None:
    path = tmp_path / "btcusdt_20240808.dat"
    bare = BARE + b"\n"
    path.write_bytes(BTC + bare + BTC * 500 + ETH + bare + ETH + bare)
    found = ingest([("binance_spot", path)], journal_dir, snapshot_keep=0)
    assert [each["symbol"] for each in found.instruments] == ["BTCUSDT", "ETHUSDT"]
    assert found.rejected == 2
    for first in (1, 5, found.head_seq):
        assert redecode(journal_dir, first=first, last=found.head_seq).replay.divergences == []
    eth = tmp_path / "ethusdt_20240808.dat"
    eth.write_bytes(ETH + bare)
    found = ingest([("binance_spot", eth)], journal_dir, snapshot_keep=0)
    assert found.rejected == 0
    for first in (1, 5, found.head_seq):
        assert redecode(journal_dir, first=first, last=found.head_seq).replay.divergences == []


def test_a_mixed_file_that_grows_is_read_as_it_is_decoded_again(tmp_path: Path) -> None:
    """What a source has shown is remembered across ingests: a bare snapshot after a second symbol is refused by both."""
    from veloz.ingest import ingest
    from veloz.ingest.redecode import redecode

    def diff(symbol: str, k: int) -> str:
        body = f'"e":"depthUpdate","E":{k},"T":{k},"s":"{symbol}","U":{k},"u":{k},"pu":{k - 1},"b":[["1","{k}"]],"a":[]'
        return f'{1_700_000_000_000_000_000 + k} {{"stream":"{symbol.lower()}@depth","data":{{{body}}}}}'

    def book(k: int) -> str:
        return f'{1_700_000_000_000_000_000 + k} {{"lastUpdateId":{k},"E":{k},"T":{k},"bids":[["7","1"]],"asks":[["8","1"]]}}'

    lines = [diff("BTCUSDT", 1), book(1), diff("BTCUSDT", 2), diff("ETHUSDT", 3), book(4), diff("BTCUSDT", 5)]
    file, journal = tmp_path / "mixed_20240101.txt", tmp_path / "journal"
    for count in (2, 4, 5, 6):
        file.write_text("\n".join(lines[:count]) + "\n")
        told = ingest([("binance_usdm", file)], journal, unsafe_fs=True, snapshot_keep=0)
    assert (told.frames, told.rejected) == (6, 1)
    assert not redecode(journal, first=1, last=told.head_seq).replay.divergences
