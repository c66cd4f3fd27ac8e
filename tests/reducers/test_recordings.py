"""Books out of every Binance recording against its facts: top 20, final id, counts, gaps.

Rows come from the codec; those of the captures and the spot stream also from a plain parser that shares nothing with it.
"""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.lanes import UNCOMPILED
from tests.oracles.capture_rows import Rower, capture_messages, stream_messages
from tests.oracles.naive_market import NaiveMarkets
from tests.reducers.compare import assert_equal
from tests.venues.binance.recordings import block_of, read_capture, read_stream
from veloz.contracts.codes import Market
from veloz.contracts.layout import FIRST
from veloz.instruments.catalogue import Catalogue
from veloz.reducers.fold import fold
from veloz.reducers.health import health
from veloz.reducers.state import State, new_state, state_hash
from veloz.reducers.view import top
from veloz.venues.binance.codec import Codec
from veloz.venues.port import Source

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
# three more of one market are for compiled code
FOLDED = [name for name in RECORDINGS if not UNCOMPILED or "2023" not in name]
BEGINNING = 10_000  # frames: of the first recording sixty thousand rows
NAMES = {"depthUpdate": "diffs", "rest_depth_snapshot": "snapshots"}
KINDS = {
    "trade": "md.trade",
    "bookTicker": "md.quote",
    "markPriceUpdate": "md.mark",
    "aggTrade": "md.aggtrade",
    "kline": "md.bar",
}


class Recording(NamedTuple):
    """Rows, and the number of every symbol in them."""

    rows: np.ndarray
    numbers: dict[str, int]


@cache
def recording(shared: Path, name: str, how: str, frames_most: int | None = None) -> Recording:
    """Rows of a recording, by the codec or by the plain parser; `frames_most`: of its first frames only."""
    venue, form, names = name.split("__")
    folder = shared / "data" / venue / form
    files = [next(folder.glob(f"{each}.*")) for each in names.split("+")] if form == "stream" else []
    if how == "plain":
        messages = [each for file in files for each in stream_messages(file)] or capture_messages(folder / names)
        rower = Rower(MARKETS[venue.removeprefix("binance_")], messages)
        return Recording(rower.build(), rower.numbers)
    catalogue = Catalogue()
    codec = Codec(catalogue)
    symbol = names.split("+")[0].rsplit("_", 1)[0].upper() if form == "stream" else ""
    codec.declare(Source(1, venue, symbol, form))
    frames = [each for file in files for each in read_stream(file)] or read_capture(folder / names)
    rows = codec.decode(block_of(frames[:frames_most])).rows.copy()
    return Recording(rows, {each.symbol: each.number for each in catalogue})


def texts(levels: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(qty)) for price, qty in levels]


@pytest.mark.parametrize(
    ("name", "how"), [*((name, "codec") for name in FOLDED), *((name, "plain") for name in RECORDINGS[-5:])]
)
def test_final_books_are_right(shared: Path, name: str, how: str) -> None:
    rows, numbers = recording(shared, name, how)
    facts = json.loads((shared / "data/facts" / f"{name}.json").read_text())
    state = fold(new_state(), rows, 1)
    counts: dict[str, int] = {}
    for symbol, fact in facts["symbols"].items():
        said = health(state, numbers[symbol])
        assert said is not None
        for message, field in NAMES.items():
            counts[message] = counts.get(message, 0) + getattr(said, field)
        for message, kind in KINDS.items():
            counts[message] = counts.get(message, 0) + said.messages.get(kind, 0)
        if "depth" in fact:
            assert said.gaps == fact["depth"]["sequence_gaps"]
            assert_book(state, numbers[symbol], fact["depth"])
    assert {message: count for message, count in counts.items() if count} == {
        message: count for message, count in facts["messages"].items() if count
    }


def assert_book(state: State, number: int, fact: dict) -> None:
    scales = int(state.instruments[number]["price_scale"]), int(state.instruments[number]["qty_scale"])
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


@pytest.mark.parametrize("name", RECORDINGS[-4:])
def test_every_number_of_a_recording_equals_the_twins(shared: Path, name: str) -> None:
    rows, _ = recording(shared, name, "plain")
    twin = NaiveMarkets()
    twin.fold(rows)
    assert_equal(fold(new_state(), rows, 1), twin)


def test_a_stretch_of_a_busy_recording_equals_the_twin(shared: Path) -> None:
    rows = recording(shared, RECORDINGS[0], "codec", BEGINNING).rows
    twin = NaiveMarkets()
    twin.fold(rows)
    assert_equal(fold(new_state(), rows, 1), twin)


def test_a_recording_cut_into_crumbs_gives_the_same_bytes(shared: Path) -> None:
    rows = recording(shared, RECORDINGS[0], "codec", BEGINNING).rows[:40_000]
    whole = state_hash(fold(new_state(), rows, 1))
    for size in (1, 17, 1000):
        state = new_state()
        for at in range(0, len(rows), size):
            state = fold(state, rows[at : at + size], at + 1)
        assert state_hash(state) == whole


@pytest.mark.parametrize("name", [RECORDINGS[0], RECORDINGS[5]])
def test_a_missing_diff_is_a_gap(shared: Path, name: str) -> None:
    """A planted hole: one whole depth message of a recording is left out."""
    rows, _ = recording(shared, name, "codec", BEGINNING)
    begins = np.flatnonzero((rows["kind"] == 3) & (rows["flags"] & FIRST != 0))
    lost = np.arange(begins[400], begins[401])
    rows = np.delete(rows, lost[rows["kind"][lost] == 3])
    state = fold(new_state(), rows, 1)
    said = health(state, 1)
    assert said is not None
    assert (said.gaps, said.broken) == (1, 1)
    assert top(state, 1, 5) == (False, [], [], 0)
