"""Tables of others: Binance's archive, Tardis, freqtrade, Lean; each read exactly, each file once, damage in one sentence."""

import hashlib
import json
import os
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.ingest.recordings import market, put, rows_in, take
from veloz.contracts import layout
from veloz.contracts.registry import BAR, BAR_VOLUME, LEVEL, MARK, QUOTE
from veloz.ingest import IngestError, delimited, files, ingest
from veloz.ingest.delimited import Fields, read_fields
from veloz.ingest.given import Given
from veloz.instruments.units import read_decimal
from veloz.reducers import view
from veloz.reducers.booksync import BookState
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state

SHARED = Path(os.environ.get("VELOZ_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "data"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no recordings: {SHARED} is not there (set VELOZ_SHARED)")
TRADES = "id,price,qty,quote_qty,time,is_buyer_maker\n"
BOOK = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"


@given(
    st.lists(st.decimals(0, 10**6, places=6), min_size=1, max_size=20),
    st.decimals(0, 10**6, places=4).filter(bool),
    st.integers(0, 13),
)
def test_multiples_of_a_step_are_found_exactly(values: list[Decimal], step: Decimal, more: int) -> None:
    values += [step * ix for ix in range(3)] + [Decimal(10**more), Decimal(10**more) + Decimal("0.0001")]
    lines = "".join(f"{value:f}\n" for value in values)
    (fields,) = read_fields(iter([lines.encode()]), ("value",), header=False)
    written = read_decimal(format(step, "f"))
    assert written is not None
    kept = fields.decimals("value").keeps(written).tolist()
    assert kept == [Fraction(value) % Fraction(step) == 0 for value in values]


@pytest.mark.parametrize("form", ["candles", "klines"])
def test_a_runs_words_go_behind_what_files_are_called(tmp_path: Path, form: str) -> None:
    """The instrument that a run trades may be one of several, and of prices beside its tick the run tells."""
    lines = ["date,open,high,low,close,volume", "1700000040000,5,6.25,4,5.5,1.5"]
    if form == "klines":
        lines = ["open_time,open,high,low,close,volume,close_time", f"{lines[1]},1700000099999"]
    text = "\n".join([*lines, ""])
    paths = [
        put(tmp_path / "ETHUSDT-1m-2023.csv", text),
        put(tmp_path / "BTCUSDT-1m-2023.csv", text.replace("6.25", "6.75")),
    ]
    words = Given(symbol="BTCUSDT", product="spot", tick="0.5", of_run=True)
    found = take(paths, tmp_path / "journal", words).instruments
    assert [(one["symbol"], one["price_scale"]) for one in found] == [("ETHUSDT", 2), ("BTCUSDT", 2)]
    with pytest.raises(IngestError, match=r"ETHUSDT-1m-2023\.csv is of ETHUSDT, and --symbol BTCUSDT was said"):
        take(paths, tmp_path / "other", replace(words, of_run=False))


BAR_LINES = "date,open,high,low,close,volume\n1700000040000,5,6.25,4,5.5,1.5\n"
TRADE_LINES = f"{TRADES}7,6.25,1.5,9.375,1700000040000,true\n"
KLINE_LINES = "open_time,open,high,low,close,volume,close_time\n1700000040000,5,6.25,4,5.5,1.5,1700000099999\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BTCUSDT-1m-2023.csv", BAR_LINES), ("BTCUSDT-1m-2023.csv", KLINE_LINES), ("BTCUSDT-trades-2.csv", TRADE_LINES),
        ("x.csv", BAR_LINES), ("x.csv", KLINE_LINES), ("x.csv", TRADE_LINES),
    ],
)  # fmt: skip
def test_a_symbol_is_named_with_its_venue_or_without(tmp_path: Path, name: str, text: str) -> None:
    path = put(tmp_path / name, text)
    words = Given(symbol="binance_usdm:BTCUSDT", product="linear", interval="" if "trades" in name else "1m")
    for _ in range(2):
        done = take([path], tmp_path / "journal", words)
    assert [(one["venue"], one["symbol"]) for one in done.instruments] == [("binance_usdm", "BTCUSDT")]
    for place in ("journal", "new"):
        with pytest.raises(IngestError, match=r"csv is of binance_usdm, and --symbol binance_spot:BTCUSDT was said"):
            take([path], tmp_path / place, replace(words, symbol="binance_spot:BTCUSDT"))
    with pytest.raises(IngestError, match=r"--symbol 'binance_usdm:' is no name of an instrument"):
        take([path], tmp_path / "new", replace(words, symbol="binance_usdm:"))
    other = replace(words, symbol="xyz:BTCUSDT")
    if name == "x.csv":
        assert take([path], tmp_path / "new", other).instruments[0]["symbol"] == "xyz:BTCUSDT"


@pytest.mark.parametrize("text", [BAR_LINES, KLINE_LINES, TRADE_LINES])
def test_the_venue_of_a_symbol_is_that_of_a_file_where_nothing_else_says_one(tmp_path: Path, text: str) -> None:
    path, words = put(tmp_path / "x.csv", text), Given(symbol="binance_coinm:BTCUSD_PERP", interval="1m")
    done = take([path], tmp_path / "journal", words)
    assert [(one["venue"], one["symbol"]) for one in done.instruments] == [("binance_coinm", "BTCUSD_PERP")]
    alone = replace(words, symbol="binance_usdm:BTCUSDT")
    assert take([path], tmp_path / "other", alone).instruments[0]["venue"] == "binance_usdm"
    with pytest.raises(IngestError, match=r"csv is of binance_spot, and --symbol binance_usdm:BTCUSDT was said"):
        ingest([("binance_spot", path)], tmp_path / "new", given=alone, snapshot_keep=0)
    with pytest.raises(IngestError, match="Nothing says which venue"):
        take([path], tmp_path / "new", replace(words, symbol="BTCUSDT"))


@pytest.mark.parametrize("text", [BAR_LINES, KLINE_LINES, TRADE_LINES])
def test_a_name_that_can_mean_nothing_else_is_spelled_as_it_stands(tmp_path: Path, text: str) -> None:
    name = "BTCUSDT-trades-2.csv" if text is TRADE_LINES else "BTCUSDT-1m-2023.csv"
    words = Given(symbol="btc-usdt", product="linear")
    for _ in range(2):
        done = take([put(tmp_path / name, text)], tmp_path / "journal", words)
        assert [one["symbol"] for one in done.instruments] == ["BTCUSDT"]
    spelled = take([put(tmp_path / "x.csv", text)], tmp_path / "free", replace(words, interval="1m"))
    assert [one["symbol"] for one in spelled.instruments] == ["btc-usdt"]


decimals = st.decimals(0, 10**6, places=8).map(lambda value: format(value, "f"))


@given(
    st.lists(
        st.tuples(decimals, st.sampled_from(["", '"', " "]), st.sampled_from(["e-3", "E2", "", ""])),
        min_size=1,
        max_size=30,
    )
)
@example([("0.30000000000000004", "", ""), ("123456789012345", "", ""), ("0.0045000000000000005", '"', "")])
def test_every_decimal_is_read_exactly(texts: list[tuple[str, str, str]]) -> None:
    said = [text + power for text, _, power in texts]
    lines = "".join(
        f"{quote}{one}{quote if quote == chr(34) else ''},x\r\n" for one, (_, quote, _) in zip(said, texts, strict=True)
    )
    fields = Fields(lines.encode(), ("value", "word"), 1)
    column = fields.decimals("value")
    for at, one in enumerate(said):
        exact = Decimal(int(column.digits[at])).scaleb(-int(column.decimals[at]))
        assert abs(exact - Decimal(one)) < Decimal("1e-17")
        assert (exact == Decimal(one)) is not bool(column.rounded[at])
        assert column.decimals[at] == 0 or column.digits[at] % 10
    counts, odd = column.counts(np.full(len(said), 3, np.int64))
    for at, one in enumerate(said):
        whole = int(Decimal(one) * 1000)
        assert counts[at] == (whole or int(Decimal(one) > 0))
        assert bool(odd[at]) is (Decimal(one) * 1000 != whole)


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "--1", "1e", "1e999", "9" * 30, "-1", "0x1", "1_0"])
def test_what_is_no_decimal_is_named_with_its_line(text: str) -> None:
    with pytest.raises(files.Damage, match=r"in its line 8 the column value is no number"):
        Fields(f"1,a\n\n{text},b\n".encode(), ("value", "word"), 6).decimals("value")


@pytest.mark.parametrize(
    "packed", ["BTCUSDT-trades-2024-01.csv", "BTCUSDT-trades-2024-01.zip", "BTCUSDT-trades-2024-01.csv.gz"]
)
@pytest.mark.parametrize(("header", "unit"), [(TRADES, 10**6), ("", 10**3)])
def test_archived_trades(tmp_path: Path, packed: str, header: str, unit: int) -> None:
    ts = [1_700_000_000_000 * 10**6 + 5 * k * 10**6 for k in range(40)]
    lines = [
        f"{k + 7},{100 + k / 100:.2f},{k / 1000 + 0.5:.3f},9.9,{t // unit},{'True' if k % 3 else 'false'}\n"
        for k, t in enumerate(ts)
    ]
    path = put(tmp_path / packed, header + "".join(lines))
    (tmp_path / (packed + ".CHECKSUM")).write_text(hashlib.sha256(path.read_bytes()).hexdigest() + "  " + packed)
    done = take([path], tmp_path / "journal", Given(product="linear"))
    rows = market(rows_in(tmp_path / "journal"))
    assert rows["venue_seq"].tolist() == list(range(7, 47))
    assert rows["price"].tolist() == [10_000 + k for k in range(40)]
    assert rows["qty"].tolist() == [500 + k for k in range(40)]
    assert rows["ts_recv"].tolist() == rows["ts_event"].tolist() == rows["ref"].tolist() == ts
    assert (rows["flags"] == [layout.STEP_END | (layout.ASK if k % 3 else 0) for k in range(40)]).all()
    assert [(one["symbol"], one["tick"], one["lot"]) for one in done.instruments] == [("BTCUSDT", "0.01", "0.001")]
    (tmp_path / (packed + ".CHECKSUM")).write_text("00ff  x")
    with pytest.raises(IngestError, match="is not the file that"):
        take([path], tmp_path / "journal", Given(product="linear"))


@pytest.mark.parametrize("unit", [10**6, 10**3])
def test_archived_klines_need_no_more_than_their_product(tmp_path: Path, unit: int) -> None:
    stamps = [(1_700_000_040_000 + 60_000 * k) * 10**6 for k in range(5)]
    lines = [f"{t // unit},5,6,4,5.5,1.25,{(t + 60 * 10**9) // unit - 1},7.5,3,0.5,2.5,0\n" for t in stamps]
    path = put(tmp_path / "BTCUSDT-1m-2024-01.zip", "".join(lines))
    done = take([path], tmp_path / "journal", Given(product="spot"))
    assert done.kinds == {"md.bar": 5, "md.bar_volume": 5, "instrument.listed": 1, "system.source": 1}
    rows = market(rows_in(tmp_path / "journal"))
    assert rows["venue_seq"][rows["kind"] == BAR.number].tolist() == stamps


def test_aggregated_trades_say_how_many_they_are(tmp_path: Path) -> None:
    text = "5,1.50,2,10,12,1700000000000,true,True\n6,1.55,3,13,13,1700000000001,false,True\n"
    take([put(tmp_path / "BTCUSDT-aggTrades-2024-01.csv", text)], tmp_path / "journal", Given(product="spot"))
    rows = market(rows_in(tmp_path / "journal"))
    assert rows["kind"].tolist() == [5, 5]
    assert rows["aux"].tolist() == [3, 1]
    assert rows["price"].tolist() == [150, 155]


def test_archived_depth_is_followed_by_its_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n"
    snap = "".join(
        f"BTCUSDT,1700000000000,9,9,{side},snap,{price},1,-1\n" for side, price in (("b", 99), ("b", 98), ("a", 101))
    )
    diff = "".join(
        f"BTCUSDT,1700000000{at}00,{at}0,{at}5,{side},set,{price},{qty},{prev}\n"
        for at, prev in ((1, 9), (2, 15), (3, 25))
        for side, price, qty in (("b", 97 + at, at), ("a", 101, 0))
    )
    paths = [put(tmp_path / "snap.csv", head + snap), put(tmp_path / "update.csv", head + diff)]
    take(paths, tmp_path / "journal", Given(product="linear"))
    rows = rows_in(tmp_path / "journal")
    found = market(rows)
    assert found["kind"].tolist() == [LEVEL.number] * 9
    assert (found["flags"] & layout.STEP_END != 0).tolist() == [False, False, True] + [False, True] * 3
    state = fold(new_state(), rows, 1)
    slot = state.slots[view.slot_of(state, 1)]
    assert (BookState(int(slot["state"])), int(slot["broken"]), int(slot["snapshots"])) == (BookState.SYNCED, 0, 1)
    assert view.top(state, 1, 3)[1] == [(100, 3), (99, 2), (98, 1)]
    monkeypatch.setattr(delimited, "cut_blocks", lambda pieces: files.cut_blocks(slices(pieces, 9), 0, 1))
    take(paths, tmp_path / "cut", Given(product="linear"))
    assert rows_in(tmp_path / "cut").tobytes() == rows.tobytes(), "a message that spans two blocks is one"
    broken = put(tmp_path / "gap.csv", head + diff.replace(",15\n", ",14\n"))
    take([paths[0], broken], tmp_path / "gap", Given(product="linear"))
    state = fold(new_state(), rows_in(tmp_path / "gap"), 1)
    assert state.slots[view.slot_of(state, 1)]["broken"] == 1


def slices(pieces, size: int):  # type: ignore[no-untyped-def]
    text = b"".join(pieces)
    yield from (text[at : at + size] for at in range(0, len(text), size))


def test_tardis_books_begin_anew_with_each_whole_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = []
    for symbol, base in (("A", 0), ("B", 7)):
        for at, (local, whole, side, price, amount) in enumerate(
            [(10, "true", "bid", 5, 1), (10, "true", "ask", 7, 2), (20, "false", "bid", 6, 3), (30, "false", "ask", 7, 0),
             (30, "false", "ask", 8, 4), (40, "true", "bid", 4, 5), (40, "true", "ask", 9, 6)]
        ):  # fmt: skip
            lines.append(
                (
                    local + base,
                    at,
                    f"deribit,{symbol},{local + base + 10**15 - 3},{local + base + 10**15},{whole},{side},{price + 0.5},{amount}\n",
                )
            )
    text = BOOK + "".join(line for _, _, line in sorted(lines))
    path = put(tmp_path / "book.csv.gz", text)
    take([path], tmp_path / "journal", Given())
    rows = rows_in(tmp_path / "journal")
    found = market(rows)
    assert len(found) == 14 + 2 * 4
    assert (found["ts_event"] == found["ts_recv"] - 3_000).all()
    clears = found[found["flags"] & layout.EMPTY != 0]
    assert clears["price"].tolist() == [-1] * 8
    assert (clears["flags"] & layout.ASK != 0).tolist() == [False, True] * 4
    for row in found:
        run = found[(found["ts_recv"] == row["ts_recv"]) & (found["instrument"] == row["instrument"])]
        assert bool(row["flags"] & layout.FIRST) == (row.tobytes() == run[0].tobytes())
        assert bool(row["flags"] & layout.STEP_END) == (row.tobytes() == run[-1].tobytes())
    state = fold(new_state(), rows, 1)
    for number in (1, 2):
        assert view.top(state, number, 5) == (True, [(45, 5)], [(95, 6)], 0)
    early = fold(new_state(), rows[: len(rows) - 8], 1)
    assert view.top(early, 1, 5)[1:3] == ([(65, 3), (55, 1)], [(85, 4)])
    monkeypatch.setattr(delimited, "cut_blocks", lambda pieces: files.cut_blocks(slices(pieces, 9), 0, 1))
    take([path], tmp_path / "cut", Given())
    assert rows_in(tmp_path / "cut").tobytes() == rows.tobytes()


def test_tardis_trades_keep_ids_that_are_numbers(tmp_path: Path) -> None:
    head = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    text = head + "".join(
        f"bybit,XYZ,{10**15 + k},{10**15 + k + 5},{ident},{side},1.5,1e-7\n"
        for k, (ident, side) in enumerate([("7", "buy"), ("ab-1", "sell"), ("", "unknown")])
    )
    done = take([put(tmp_path / "trades.csv", text)], tmp_path / "journal", Given())
    rows = market(rows_in(tmp_path / "journal"))
    assert rows["venue_seq"].tolist() == [7, 0, 0]
    assert (rows["flags"] & layout.ASK).tolist() == [0, 1, 0]
    assert rows["aux"].tolist() == [0, 0, 1]
    assert (done.instruments[0]["venue"], done.instruments[0]["qty_scale"], rows["qty"].tolist()) == (
        "bybit_linear",
        7,
        [1, 1, 1],
    )


def test_candles_of_freqtrade_and_files_with_a_header(tmp_path: Path) -> None:
    bars = [[1_700_000_000_000 + 300_000 * k, 1.5, 4.0, 1.25, 1.75 + k, None if k == 1 else 10.5] for k in range(3)]
    take([put(tmp_path / "XRP_USDT-5m.json", json.dumps(bars))], tmp_path / "json", Given(product="spot"))
    rows = market(rows_in(tmp_path / "json"))
    assert rows["kind"].tolist() == [BAR.number, BAR_VOLUME.number] * 3
    assert rows["venue_seq"].tolist()[::2] == [bar[0] * 10**6 for bar in bars]
    assert rows["aux"].tolist()[::2] == [175, 275, 375]
    assert rows["price"].tolist()[1::2] == [105, 0, 105]
    assert rows["ts_recv"].tolist()[::2] == [(bar[0] + 299_999) * 10**6 for bar in bars]
    lines = "Date,Open,High,Low,Close,Volume\n" + "".join(
        f"2023-11-14 22:{13 + 5 * k}:20,1.5,4.0,1.25,{1.75 + k},{'' if k == 1 else 10.5}\n" for k in range(3)
    )
    take(
        [put(tmp_path / "XRP-USDT-x.csv", lines)],
        tmp_path / "csv",
        Given(symbol="XRPUSDT", product="spot", interval="5m"),
    )
    assert market(rows_in(tmp_path / "csv")).tobytes() == rows.tobytes()
    take([put(tmp_path / "XRP_USDT_USDT-5m-mark.json", json.dumps(bars))], tmp_path / "mark", Given(product="linear"))
    marks = market(rows_in(tmp_path / "mark"))
    assert (marks["kind"].tolist(), marks["price"].tolist()) == (
        [MARK.number] * 3,
        [175_000_000, 275_000_000, 375_000_000],
    )
    bars[1][3] = 1.6
    with pytest.raises(IngestError, match="line 2 the column low is above its open"):
        take([put(tmp_path / "XRP_USDT-5m.json", json.dumps(bars))], tmp_path / "no", Given(product="spot"))
    with pytest.raises(IngestError, match="no closed list"):
        take([put(tmp_path / "XRP_USDT-1m.json", json.dumps(bars)[:-3])], tmp_path / "no", Given(product="spot"))
    with pytest.raises(IngestError, match="how long its bars are"):
        take([put(tmp_path / "XRPUSDT.csv", lines)], tmp_path / "no", Given(product="spot"))


def test_a_longer_copy_of_a_table_goes_on_where_it_ended(tmp_path: Path) -> None:
    lines = [f"{k},{100 + k},1,1,{1_700_000_000_000 + k},True\n" for k in range(30)]
    take(
        [put(tmp_path / "BTCUSDT-trades-1.csv", TRADES + "".join(lines[:20]))],
        tmp_path / "journal",
        Given(product="spot"),
    )
    done = take(
        [put(tmp_path / "BTCUSDT-trades-2.csv", TRADES + "".join(lines))], tmp_path / "journal", Given(product="spot")
    )
    assert (done.records, done.added["records"]) == (30, 10)
    assert market(rows_in(tmp_path / "journal"))["venue_seq"].tolist() == list(range(30))
    finer = put(tmp_path / "BTCUSDT-trades-3.csv", TRADES + "40,99.5,1,1,1700000000040,True\n")
    take([finer], tmp_path / "journal", Given(product="spot"))
    rows = rows_in(tmp_path / "journal")
    assert rows["kind"].tolist().count(33) == 1, "the instrument is changed to finer quanta"
    assert market(rows)["price"][-1] == 995
    early = put(tmp_path / "BTCUSDT-trades-0.csv", TRADES + "1,99,1,1,1600000000000,True\n")
    assert "has later rows already" in take([early], tmp_path / "journal", Given(product="spot")).warnings[-1]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("BTCUSDT-trades-1.csv", TRADES + "1,2,3,4,1700000000000,True\n1,2,3\n", "its line 3 has 3 fields, and not 6"),
        ("BTCUSDT-trades-1.csv", TRADES + "1,2,x,4,1700000000000,True\n", "in its line 2 the column qty is no number"),
        ("BTCUSDT-trades-1.csv", TRADES + "1,2,3,4,17,True\n", "in its line 2 the column time is no stamp: '17'"),
        ("BTCUSDT-trades-1.csv", TRADES + "1,2,3,4,1700000000000,maybe\n", "none of the words known there: 'maybe'"),
        ("BTCUSDT-trades-1.csv", TRADES, "there is nothing in it"),
        ("book.csv", BOOK + "deribit,A,1,2,true,bid,-5,1\n", "the column price is no number that it may hold: '-5'"),
        ("20221213_trade.zip", "86400000,1,1,1,1,1\n", "is no recording"),
        ("x_trade.zip", "0,1,1,1,1,1\n", "which day"),
    ],
)  # fmt: skip
def test_damage_is_one_sentence_and_writes_nothing(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(IngestError) as raised:
        take([put(tmp_path / name, text)], tmp_path / "journal", Given(product="spot"))
    assert words in str(raised.value)
    assert str(raised.value).count("\n") == 0
    assert not (tmp_path / "journal").exists()


def test_recordings_and_tables_are_not_mixed(tmp_path: Path) -> None:
    table = put(tmp_path / "BTCUSDT-trades-1.csv", TRADES + "1,2,3,4,1700000000000,True\n")
    stream = put(tmp_path / "btcusdt_1.gz", '1700000000000000000 {"stream":"btcusdt@trade","data":{}}\n')
    with pytest.raises(IngestError, match="cannot be taken in at once"):
        take([table, stream], tmp_path / "journal", Given(product="spot"))


def facts() -> dict[str, dict]:
    """Known figures of the shared bars."""
    return json.loads((SHARED / "facts" / "bars.json").read_text())["bars"] if SHARED.is_dir() else {}


@shared
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in facts()
        if name.endswith((".json", ".json.gz", "_1m.csv.gz", ".zip"))
        and "funding" not in name
        and "BTCUSDT_1m" not in name
    ],
)
def test_shared_bars_agree_with_their_facts(tmp_path: Path, name: str) -> None:
    fact = facts()[name]
    venue = "" if name.endswith(".zip") else "ftx" if name.startswith("ftx") else "other"
    from veloz.ingest import ingest

    done = ingest([(venue, SHARED / name)], tmp_path / "journal", snapshot_keep=0, unsafe_fs=True)
    rows = market(rows_in(tmp_path / "journal"))
    price, qty = 10 ** done.instruments[0]["price_scale"], 10 ** done.instruments[0]["qty_scale"]
    heads = rows[~np.isin(rows["kind"], [BAR_VOLUME.number])]
    assert len(heads) == fact["rows"]
    if "last_bid_close" in fact:
        assert (heads["kind"] == QUOTE.number).all()
        assert Decimal(int(heads["price"][-1])) / price == Decimal(fact["last_bid_close"])
        assert Decimal(int(heads["ref"][-1])) / price == Decimal(fact["last_ask_close"])
        return
    if "mark" in name:
        assert Decimal(int(heads["price"][-1])) / 10**8 == Decimal(fact["last_close"])
        return
    assert Decimal(int(heads["aux"][-1])) / price == Decimal(fact["last_close"])
    assert Decimal(int(heads["qty"].max())) / price == Decimal(fact["high"])
    assert Decimal(int(heads["ref"].min())) / price == Decimal(fact["low"])
    if "first_ms" in fact:
        assert (heads["venue_seq"][0], heads["venue_seq"][-1]) == (fact["first_ms"] * 10**6, fact["last_ms"] * 10**6)
    total = Decimal(sum(rows["price"][rows["kind"] == BAR_VOLUME.number].tolist())) / qty
    assert 0 <= Decimal(fact["sum_volume"]) - total <= Decimal(fact["rows"]) / 10**8


@shared
def test_shared_tables_of_tardis_and_the_depth_archive(tmp_path: Path) -> None:
    chain = take([SHARED / "deribit/tardis_csv/options_chain.csv"], tmp_path / "chain", Given())
    assert "are not" in chain.warnings[0]
    assert chain.kinds == {"md.mark": 7, "md.quote": 7}
    book = take(
        [SHARED / "deribit/tardis_csv/deribit_incremental_book_L2_BTC-PERPETUAL.csv"],
        tmp_path / "book",
        Given(product="inverse"),
    )
    assert (book.records, book.instruments[0]["venue"], book.instruments[0]["tick"]) == (17, "deribit", "0.5")
    depth = [SHARED / "binance_usdm/depth_archive" / f"btcusdt-depth-{what}.csv" for what in ("snap", "update")]
    done = take(depth, tmp_path / "depth", Given(product="linear"))
    assert (done.records, done.instruments[0]["tick"]) == (200, "0.1")
