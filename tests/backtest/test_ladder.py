"""The range of prices within which a book is kept: wide enough to lose nothing, and no price is refused for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.backtest.made import level, make_recording
from tests.backtest.stage import ACCOUNT, BARS, INSTRUMENT, LEVEL_FLAGS, Stage, ask, bid, bought, market, row, rules
from tests.lanes import cases
from veloz.backtest.driving import Driven
from veloz.backtest.exchange import advance, request_of, send
from veloz.backtest.machine import APART, NO_KEY
from veloz.backtest.rules import HFTBACKTEST, Latency, Matching
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan
from veloz.contracts import layout, registry, terms
from veloz.contracts.terms import OrderType, TimeInForce
from veloz.reducers.words import RAW, I

SETTINGS = """
[account]
balances = { USDT = 1000 }
[strategy]
interval_ns = 100_000_000
half_spread = 0.5
qty = 0.02
max_position = 0.5
[match]
model = "book"
"""
NOW: dict[str, Any] = {"entry": Latency(ns=0), "response": Latency(ns=0)}


def limit(key: int, side: str, price: int) -> np.ndarray:
    """A request of one lot."""
    spec = terms.pack(terms.SPEC, sell=int(side == "sell"), type=OrderType.LIMIT, tif=TimeInForce.GTC, account=ACCOUNT)
    words = {"key": key, "instrument": INSTRUMENT, "account": ACCOUNT, "price": price, "qty": 1, "spec": spec}
    return request_of(words)


@pytest.mark.parametrize(
    ("overrides", "bounds"),
    [
        ([], (300, 2500)),
        (["match.roi_lb=80", "match.roi_ub=120"], (800, 1200)),
        (["match.compat=hftbacktest", "match.model=queue"], (800, 1200)),
    ],
)
def test_a_ladder_has_all_prices_of_the_data(tmp_path: Path, overrides: list[str], bounds: tuple[int, int]) -> None:
    rows = [level(10 * k, 1000, 5 + k) for k in range(5)]
    rows += [level(100, 300, 5), level(110, 2500, 7, ask=True)]
    recording = make_recording(tmp_path / "data", *rows)
    plan = make_plan(read_settings(SETTINGS, overrides, tmp_path / "run.toml"), recording)
    assert (plan.ladders[1].low, plan.ladders[1].high) == bounds


@pytest.mark.parametrize("model", [Matching.QUEUE, Matching.BOOK, Matching.TRADES])
def test_orders_and_prints_outside_the_ladder_make_it_wider(model: Matching) -> None:
    rows = np.array([bid(100, 1000, 5), ask(100, 1001, 5), bought(100, 1001, 5), bought(3000, 2100, 9)], RAW)
    for price, kind in ((2000, "order.accepted"), (10, "order.accepted")):
        driven = Driven([market()], rules(matching=model, **NOW))
        begin = driven.advance(rows, 0, 1000)
        assert send(driven.venue, limit(1, "sell" if price > 1000 else "buy", price), I(1000)) == 0
        driven.advance(rows, begin, 1000)
        heard = driven.take(driven.next_arrival_ns())
        assert [registry.BY_NUMBER[int(number)].name for number in heard["kind"]] == [kind]
        if price > 1000 and model != Matching.BOOK:
            driven.advance(rows, begin, 5000)
            assert registry.FILLED.number in driven.take(driven.next_arrival_ns())["kind"]


def test_an_imitated_ladder_stays_as_it_is() -> None:
    driven = Driven([market()], rules(compat=HFTBACKTEST, **NOW))
    rows = np.array([bid(100, 1000, 5)], RAW)
    begin = driven.advance(rows, 0, 1000)
    assert send(driven.venue, limit(1, "sell", 2000), I(1000)) == 0
    signal = np.zeros(1, np.int64)
    advance(driven.venue, rows, I(begin), I(1000), signal)
    assert signal[0] != APART
    assert driven.take(driven.next_arrival_ns())["kind"].tolist() == [registry.REJECTED.number]


def test_bars_know_no_ladder() -> None:
    stage = Stage(BARS, rules(matching=Matching.BARS))
    stage.ask(900, 1, "buy", 4, 1500)
    stage.ask(900, 2, "sell", 4, 1600)
    stage.ask(900, 3, "buy", 4, 5)
    stage.run(10_000)
    assert stage.fills() == [(1000, 4)]
    assert (stage.ends(2), stage.ends(3)) == ("accepted", "accepted")


def test_a_deep_level_is_there_when_the_price_comes_to_it() -> None:
    rows = [bid(100, 1000, 5), ask(100, 1001, 5), bid(110, 890, 7), bid(2000, 1000, 0), ask(2010, 895, 3)]
    driven = Driven([market(low=890)], rules())
    driven.advance(np.array(rows, RAW), 0, 3000)
    assert (int(driven.venue.sides[0]["best"]), driven.outside()) == (890, {INSTRUMENT: 0})
    narrow = Driven([market()], rules())
    narrow.advance(np.array(rows, RAW), 0, 3000)
    assert narrow.outside() == {INSTRUMENT: 1}


class Twin:
    """A ladder a side as a dict of quantities by key, searched anew each time."""

    def __init__(self) -> None:
        self.levels: list[dict[int, int]] = [{}, {}]
        self.best: list[int | None] = [None, None]
        self.worst: list[int | None] = [None, None]

    def search(self, ask: int, start: int) -> None:
        worst = self.worst[ask]
        found = [key for key in self.levels[ask] if worst is not None and worst <= key <= start]
        self.best[ask] = max(found, default=None)

    def put(self, ask: int, key: int, qty: int) -> None:
        best, other = self.best[ask], self.best[1 - ask]
        self.levels[ask].pop(key, None)
        if qty > 0:
            self.levels[ask][key] = qty
            self.worst[ask] = key if self.worst[ask] is None else min(key, self.worst[ask])
            if best is None or key > best:
                self.best[ask] = key
                if other is not None and key + other >= 0:
                    self.search(1 - ask, -key - 1)
        elif key == best:
            self.search(ask, key - 1)
            self.worst[ask] = self.worst[ask] if self.best[ask] is not None else None

    def clear(self, ask: int, key: int | None) -> None:
        kept = {} if key is None else {at: qty for at, qty in self.levels[ask].items() if at < key}
        self.levels[ask] = kept
        if key is None:
            self.best[ask] = self.worst[ask] = None
            return
        self.best[ask] = max(kept, default=None)
        self.worst[ask] = self.worst[ask] if kept else None


LEVELS = st.tuples(st.just("level"), st.integers(0, 1), st.integers(996, 1004), st.integers(0, 2))
CLEARS = st.tuples(st.just("clear"), st.integers(0, 1), st.integers(995, 1005), st.booleans())
SNAPSHOTS = st.tuples(st.just("snapshot"), st.integers(0, 1), st.integers(996, 1004), st.integers(1, 2))


BEGUN: list[tuple[str, int, int, int]] = [("level", 0, 1000, 1), ("level", 0, 1003, 1)]
PASSED: list[tuple[str, int, int, int]] = [
    *BEGUN,
    ("level", 1, 1002, 1),
]  # the better bid keeps its quantity, and is not the best
END = ("snapshot", 0, 990, 1)


@settings(max_examples=cases(600, 150))
@example([*BEGUN, END], 3)
@example([*PASSED, ("level", 1, 1001, 1), ("level", 0, 1001, 1), END], 1)
@example([*PASSED, ("level", 0, 1000, 0), ("level", 0, 1005, 1), END], 1)
@given(st.lists(st.one_of(LEVELS, LEVELS, LEVELS, CLEARS, SNAPSHOTS), max_size=40), st.integers(1, 6))
def test_the_same_as_a_ladder_that_is_searched(told: list[tuple[str, int, int, int]], stride: int) -> None:
    twin, rows, seen = Twin(), [], []
    for at, (what, asks, price, more) in enumerate(told):
        flags, sign = layout.ASK * asks, 1 - 2 * asks
        if what == "level":
            rows.append(row(registry.LEVEL.number, flags | LEVEL_FLAGS, at + 1, price, more))
            twin.put(asks, sign * price, more)
        elif what == "clear":
            rows.append(
                row(registry.LEVEL.number, flags | LEVEL_FLAGS | layout.EMPTY, at + 1, -1 if more else price, 0)
            )
            twin.clear(asks, None if more else sign * price)
        else:
            rows.append(row(registry.LEVEL.number, flags | layout.SNAPSHOT | layout.FIRST, at + 1, price, more))
            twin.clear(0, None)
            twin.clear(1, None)
            twin.put(asks, sign * price, more)
        seen.append(([dict(each) for each in twin.levels], list(twin.best)))
    driven, done = Driven([market(low=980, high=1020)], rules()), 0
    for at, (levels, best) in list(enumerate(seen))[stride - 1 :: stride]:
        done = driven.advance(np.array(rows, RAW), done, at + 1)
        for asks, side in enumerate(driven.venue.sides):
            begin, end = int(side["base"] + side["lo"]), int(side["base"] + side["hi"])
            kept = driven.venue.levels[begin : end + 1]
            there = {int(place + side["lo"]): int(kept[place]) for place in np.flatnonzero(kept)}
            assert (there, int(side["best"])) == (levels[asks], NO_KEY if best[asks] is None else best[asks])
