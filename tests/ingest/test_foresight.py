"""Klines are listed in quanta that all lines of their files fit; where the first one's do, nothing is otherwise than as they pass."""

import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.recordings import content_of
from tests.venues.binance.recordings import block_of
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import ROW
from veloz.contracts.registry import BAR, BAR_VOLUME, CHANGED, LISTED
from veloz.ingest import ingest
from veloz.ingest.given import Given
from veloz.ingest.klines import ARCHIVE
from veloz.ingest.redecode import redecode
from veloz.instruments.catalogue import Catalogue, read_body
from veloz.instruments.instrument import PRICE_MAX
from veloz.venues.binance.codec import Codec
from veloz.venues.port import Source

OPEN_MS = 1_733_011_200_000
NAME = "BTCUSDT-1m-2024-12.csv"
ROUND = ("50000", "50100", "49900", "50010", "3", "1")
FINE = ("50010", "50020.25", "50000.5", "50020.250", "1.125", "0.5")
Bar = tuple[str, ...]


def line_of(k: int, bar: Bar) -> str:
    begin = OPEN_MS + 60_000 * k
    return f"{begin},{','.join(bar[:5])},{begin + 59_999},0,7,{bar[5]},0,0\n"


def write(path: Path, bars: list[Bar], first: int = 0) -> Path:
    path.write_text("".join(line_of(first + k, bar) for k, bar in enumerate(bars)))
    return path


def listings_of(journal: Path) -> list[InstrumentBody]:
    """Every version of an instrument in a journal."""
    content = content_of(journal)
    kinds = np.frombuffer(content.rows, ROW)["kind"]
    return [read_body(body, at) for at, body in content.bodies if kinds[at - 1] in (LISTED.number, CHANGED.number)]


def passed(bars: list[Bar], venue: str) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Rows and bodies of lines whose quanta are found while they pass."""
    codec = Codec(Catalogue())
    codec.declare(Source(1, venue, "BTCUSDT", "klines", ",".join(ARCHIVE), 60 * 10**9))
    frames = [((OPEN_MS + 60_000 * k + 59_999) * 10**6, line_of(k, bar).strip().encode()) for k, bar in enumerate(bars)]
    decoded = codec.decode(block_of(frames))
    return decoded.rows.tobytes(), [(at + 1, body) for at, body in decoded.bodies]


def counts(bars: list[Bar], body: InstrumentBody) -> list[list[int]]:
    """Open, high, low, close, volume and taker volume of each bar in quanta, by decimal arithmetic."""
    scales = [body.price_scale] * 4 + [body.qty_scale] * 2
    return [[int(Decimal(text).scaleb(scale)) for text, scale in zip(bar, scales, strict=True)] for bar in bars]


def told(journal: Path) -> list[list[int]]:
    """The same of the bars of a journal."""
    rows = np.frombuffer(content_of(journal).rows, ROW)
    bars, volumes = (rows[rows["kind"] == kind.number].view(kind.view) for kind in (BAR, BAR_VOLUME))
    columns = [bars[name] for name in ("open", "high", "low", "close")]
    columns += [volumes[name] for name in ("volume", "taker_volume")]
    return np.column_stack(columns).tolist()


@st.composite
def bar(draw: st.DrawFn) -> Bar:
    low, opened, close, high = sorted(draw(st.lists(st.integers(1, 10**6), min_size=4, max_size=4)))
    scale = draw(st.integers(0, 3))
    zeros = draw(st.integers(0, 2))

    def text(number: int, places: int) -> str:
        written = f"{Decimal(number).scaleb(-places):f}"
        return written + "0" * zeros if "." in written else written

    sizes = [text(draw(st.integers(0, 10**6)), draw(st.integers(0, 4))) for _ in range(2)]
    return (*(text(each, scale) for each in (opened, high, low, close)), *sizes)


@given(st.lists(bar(), min_size=1, max_size=6), st.sampled_from(["binance_spot", "binance_usdm", "binance_coinm"]))
def test_lines_are_counted_alike_and_what_was_right_stays(bars: list[Bar], venue: str) -> None:
    rows, bodies = passed(bars, venue)
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal"
        found = ingest([(venue, write(Path(folder) / NAME, bars))], journal, snapshot_keep=0)
        listed = listings_of(journal)
        assert (found.rejected, len(listed)) == (0, 1), "listed once, and never changed"
        assert told(journal) == counts(bars, listed[0])
        if not (np.frombuffer(rows, ROW)["kind"] == CHANGED.number).any():
            assert (content_of(journal).rows, content_of(journal).bodies) == (rows, bodies)
        again = redecode(journal, last=found.head_seq)
        assert (again.replay.divergences, again.frames) == ([], len(bars))


def test_all_files_given_at_once_are_looked_at_and_the_earliest_line_is_the_first(
    tmp_path: Path, journal_dir: Path
) -> None:
    zeros = ("50000.0000", "50000.0", "50000", "50000.0", "3.00000", "1")
    later = write(tmp_path / "BTCUSDT-1m-2024-12.csv", [zeros, FINE], 60)
    early = write(tmp_path / "BTCUSDT-1m-2024-11.csv", [ROUND, ROUND])
    ingest([("binance_usdm", later), ("binance_usdm", early)], journal_dir, snapshot_keep=0)
    assert [(body.price_scale, body.qty_scale, body.origin) for body in listings_of(journal_dir)] == [
        (2, 3, "inferred")
    ]


@pytest.mark.parametrize(
    "bad",
    [
        ("50000", "49000.125", "49900", "50010", "3", "1"),
        ("50000", "50100.125", "49900", "much", "3", "1"),
        ("0.0000000000001", "1", "0.0000000000001", "1", "3", "1"),
        ("50000", str(PRICE_MAX + 1), "49900", "50010.5", "3", "1"),
    ],
    ids=["no bar", "no number", "too fine", "too great"],
)
def test_a_line_that_is_refused_asks_for_nothing(bad: Bar, tmp_path: Path, journal_dir: Path) -> None:
    found = ingest([("binance_usdm", write(tmp_path / NAME, [ROUND, bad, FINE]))], journal_dir, snapshot_keep=0)
    assert (found.rejected, found.kinds["md.bar"]) == (1, 2)
    assert [(body.price_scale, body.qty_scale) for body in listings_of(journal_dir)] == [(2, 3)]


def test_where_no_quanta_do_for_all_lines_they_are_found_as_the_lines_pass(tmp_path: Path, journal_dir: Path) -> None:
    great = (str(PRICE_MAX), str(PRICE_MAX), "1", "1", "3", "1")
    found = ingest([("binance_usdm", write(tmp_path / NAME, [great, FINE]))], journal_dir, snapshot_keep=0)
    assert found.rejected == 0
    assert [body.price_scale for body in listings_of(journal_dir)] == [0, 2]


def test_what_is_known_stays_as_it_is(tmp_path: Path, journal_dir: Path) -> None:
    ingest([("binance_usdm", write(tmp_path / "BTCUSDT-1m-2024-11.csv", [ROUND]))], journal_dir, snapshot_keep=0)
    more = write(tmp_path / NAME, [ROUND, FINE], 60)
    ingest([("binance_usdm", more)], journal_dir, snapshot_keep=0)
    assert [(body.price_scale, body.qty_scale) for body in listings_of(journal_dir)] == [(0, 0), (2, 3)]


def test_what_is_stated_goes_before_what_is_found(tmp_path: Path, journal_dir: Path) -> None:
    path = write(tmp_path / NAME, [ROUND, ("50000.5", "50000.5", "50000.5", "50000.5", "1.5", "1")])
    ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0, given=Given(tick="0.001", lot="0.0001"))
    assert [(body.price_scale, body.qty_scale, body.origin) for body in listings_of(journal_dir)] == [(3, 4, "file")]


def test_what_a_list_states_goes_before_what_is_found(tmp_path: Path, journal_dir: Path) -> None:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "0.10", "maxPrice": "1000000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
    ]
    symbol = {
        "symbol": "BTCUSDT",
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
    }
    stated = tmp_path / "exchangeInfo.json"
    stated.write_bytes(
        msgspec.json.encode({"serverTime": 1, "symbols": [symbol | {"marginAsset": "USDT", "filters": filters}]})
    )
    path = write(tmp_path / NAME, [ROUND, FINE])
    ingest([("binance_usdm", path)], journal_dir, instruments=stated, snapshot_keep=0)
    assert [(body.price_scale, body.origin) for body in listings_of(journal_dir)] == [(1, "file"), (2, "file")]
