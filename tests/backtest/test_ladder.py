"""The range of prices within which a book is kept: wide enough to lose nothing, and no price is refused for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backtest.made import level, make_recording
from tests.backtest.stage import ACCOUNT, BARS, INSTRUMENT, Stage, ask, bid, bought, market, rules
from veloz.backtest.driving import Driven
from veloz.backtest.exchange import advance, request_of, send
from veloz.backtest.machine import APART
from veloz.backtest.rules import HFTBACKTEST, Latency, Matching
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan
from veloz.contracts import registry, terms
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
