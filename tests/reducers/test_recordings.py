"""Books out of every Binance recording against its facts: top 20, final id, counts, gaps."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.oracles.capture_rows import Rower, capture_messages, stream_messages
from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_equal
from veloz.contracts.codes import Market
from veloz.contracts.layout import FIRST
from veloz.reducers.fold import fold
from veloz.reducers.health import health
from veloz.reducers.state import State, new_state, state_hash
from veloz.reducers.view import top

MARKETS = {"spot": Market.BINANCE_SPOT, "usdm": Market.BINANCE_USDM, "coinm": Market.BINANCE_COINM}
RECORDINGS = (
    "binance_usdm__stream__btcusdt_20240808",
    "binance_usdm__stream__btcusdt_20230404",
    "binance_usdm__stream__btcusdt_20230405",
    "binance_usdm__stream__btcusdt_20230404+btcusdt_20230405",
    "binance_coinm__stream__btcusd_perp_20240808",
    "binance_spot__stream__btcusdt_20240808",
    "binance_spot__capture__20210417",
    "binance_spot__capture__20211012",
    "binance_usdm__capture__20210722",
    "binance_coinm__capture__20210722",
)
NAMES = {"depthUpdate": "diffs", "rest_depth_snapshot": "snapshots"}
KINDS = {
    "trade": "md.trade",
    "bookTicker": "md.quote",
    "markPriceUpdate": "md.mark",
    "aggTrade": "md.aggtrade",
    "kline": "md.bar",
}


@cache
def rows_of(shared: Path, recording: str) -> tuple[np.ndarray, Rower]:
    """Rows of a recording, and who made them."""
    venue, form, names = recording.split("__")
    folder = shared / "data" / venue / form
    if form == "capture":
        messages = capture_messages(folder / names)
    else:
        messages = [each for name in names.split("+") for each in stream_messages(next(folder.glob(f"{name}.*")))]
    rower = Rower(MARKETS[venue.removeprefix("binance_")], messages)
    return rower.build(), rower


def texts(levels: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(qty)) for price, qty in levels]


@pytest.mark.parametrize("recording", RECORDINGS)
def test_final_books_are_right(shared: Path, recording: str) -> None:
    rows, rower = rows_of(shared, recording)
    facts = json.loads((shared / "data/facts" / f"{recording}.json").read_text())
    state = fold(new_state(), rows, 1)
    counts: dict[str, int] = {}
    for symbol, fact in facts["symbols"].items():
        number = rower.numbers[symbol]
        said = health(state, number)
        assert said is not None
        for name, field in NAMES.items():
            counts[name] = counts.get(name, 0) + getattr(said, field)
        for name, kind in KINDS.items():
            counts[name] = counts.get(name, 0) + said.messages.get(kind, 0)
        if "depth" in fact:
            assert said.gaps == fact["depth"]["sequence_gaps"]
            assert_book(state, number, rower.scales[symbol], fact["depth"])
    assert {name: count for name, count in counts.items() if count} == {
        name: count for name, count in facts["messages"].items() if count
    }


def assert_book(state: State, number: int, scales: tuple[int, int], fact: dict) -> None:
    synced, bids, asks, update_id = top(state, number, 20)
    if fact["rest_snapshot"] is None:
        assert (synced, bids, asks) == (False, [], [])
        return
    assert (synced, update_id) == (fact["bridge_ok"], fact["final_update_id"])
    for side, wanted in ((bids, fact["final_book"]["bids"]), (asks, fact["final_book"]["asks"])):
        decimals = [tuple(Decimal(n).scaleb(-scale) for n, scale in zip(level, scales, strict=True)) for level in side]
        assert decimals == texts(wanted)
    full = top(state, number, 0)
    assert [len(full.bids), len(full.asks)] == fact["final_book"]["levels"]


@pytest.mark.parametrize("recording", RECORDINGS[-4:])
def test_every_number_of_a_recording_equals_the_twins(shared: Path, recording: str) -> None:
    rows, _ = rows_of(shared, recording)
    twin = NaiveMarkets()
    twin.fold(rows)
    assert_equal(fold(new_state(), rows, 1), twin)


def test_a_stretch_of_a_busy_recording_equals_the_twin(shared: Path) -> None:
    rows = rows_of(shared, RECORDINGS[0])[0][:60_000]
    twin = NaiveMarkets()
    twin.fold(rows)
    assert_equal(fold(new_state(), rows, 1), twin)


def test_a_recording_cut_into_crumbs_gives_the_same_bytes(shared: Path) -> None:
    rows = rows_of(shared, RECORDINGS[0])[0][:40_000]
    whole = state_hash(fold(new_state(), rows, 1))
    for size in (1, 17, 1000):
        state = new_state()
        for at in range(0, len(rows), size):
            state = fold(state, rows[at : at + size], at + 1)
        assert state_hash(state) == whole


@pytest.mark.parametrize("recording", [RECORDINGS[0], RECORDINGS[5]])
def test_a_missing_diff_is_a_gap(shared: Path, recording: str) -> None:
    """A planted hole: one whole depth message of a recording is left out."""
    rows, _ = rows_of(shared, recording)
    begins = np.flatnonzero((rows["kind"] == 3) & (rows["flags"] & FIRST != 0))
    lost = np.arange(begins[1000], begins[1001])
    rows = np.delete(rows, lost[rows["kind"][lost] == 3])
    state = fold(new_state(), rows, 1)
    said = health(state, 1)
    assert said is not None
    assert (said.gaps, said.broken) == (1, 1)
    assert top(state, 1, 5) == (False, [], [], 0)
