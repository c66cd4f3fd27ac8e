"""The shipped strategies do what their pages say."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies.sessions import SECOND, Session
from veloz.contracts import registry, terms
from veloz.strategies.intents import Draft
from veloz.strategies.loader import read_built_in
from veloz.strategies.mind import Mind, Stimulus
from veloz.strategies.parameters import convert
from veloz.strategies.sdk import MARKET, ON_TIMER, OWN

(QUOTER,) = read_built_in("quoter")
HALF = QUOTER.made.params[1]


@given(
    st.integers(0, 10**7), st.integers(-3, 60), st.integers(1, 50), st.fractions(0, 40, max_denominator=1).map(int), st.integers(0, 10**4),
    st.integers(-6, 6), st.sampled_from(["python", "kernel"]),
)  # fmt: skip
def test_quotes_are_floor_and_ceil_in_whole_ticks(
    bid_ticks: int, spread: int, tick: int, whole: int, part: int, position: int, form: str
) -> None:
    text = f"{whole}.{part:04d}"
    twice = convert(HALF, text, ((1, 0),)).value
    mind = Mind(1, 1, QUOTER, form, ("AAA",))
    mind.settings.ints[:] = (1, twice, 3, 5, 0)
    mind.settings.values = type(mind.settings.values)({"half_spread": twice, "qty": 3, "max_position": 5})
    mind.begin()
    bid, ask = bid_ticks * tick, (bid_ticks + spread) * tick
    wanted = answer(mind, {"number": 1, "tick": tick, "synced": 1, "bid": bid, "ask": ask, "position": position})
    exact = Fraction(text) * 10 / tick  # the half spread in ticks, not rounded
    low, high = floor((2 * bid_ticks + spread - 2 * exact) / 2), ceil((2 * bid_ticks + spread + 2 * exact) / 2)
    expected = [(0, low * tick, 3)] if position < 5 and low >= 0 else []
    expected += [(1, high * tick, 3)] if position > -5 and high >= 0 else []
    assert wanted == (expected if ask >= 0 else [])


def answer(mind: Mind, market: dict[str, int], orders: tuple[dict[str, int], ...] = ()) -> list[tuple[int, int, int]]:
    """Orders (sell, price, qty) and cancels (-1, key, 0) at one beat, the window made by hand."""
    from veloz.strategies.window import new_sights

    sights = new_sights(1, (1,), (), 0, 0)
    for name, value in market.items():
        sights.window.markets[0][name] = value
    for own, words in zip(sights.window.orders, orders, strict=False):
        for name, value in words.items():
            own[name] = value
    assert set(market) <= set(MARKET.names)
    assert not orders or set(orders[0]) <= set(OWN.names)
    mind.sights = sights._replace(orders_n=len(orders))
    said = mind._call(Stimulus(int(ON_TIMER), 53, 0, 1, 1))
    assert isinstance(said, np.ndarray), said
    drafts = map(Draft._make, said.reshape(-1, len(Draft._fields)).tolist())
    return [(-1, draft.order, 0) if draft.form == 4 else (draft.sell, draft.price, draft.qty) for draft in drafts]


def test_orders_elsewhere_are_canceled_where_they_can_be() -> None:
    market = {"number": 1, "tick": 1, "synced": 1, "bid": 100, "ask": 102, "position": 0}
    for form in ("python", "kernel"):
        mind = Mind(1, 1, QUOTER, form, ("AAA",))
        mind.settings.ints[:] = (1, 2, 3, 5, 0)
        mind.settings.values = type(mind.settings.values)({"half_spread": 2, "qty": 3, "max_position": 5})
        mind.begin()
        there = (
            {"order": 7, "sell": 0, "price": 100, "free": 0}, {"order": 8, "sell": 0, "price": 99, "free": 1},
            {"order": 9, "sell": 1, "price": 100, "free": 1}, {"order": 10, "sell": 1, "price": 103, "free": 0},
        )  # fmt: skip
        assert answer(mind, market, there) == [(-1, 8, 0), (-1, 9, 0), (1, 102, 3)]
        crowd = tuple({"order": 20 + k, "sell": 0, "price": 50, "free": 1} for k in range(16))
        assert len(answer(mind, market, crowd)) == QUOTER.made.budget, "the rest at the next beat"


def test_trend_turns_with_the_averages() -> None:
    session = Session()
    session.run(1, "trend:Trend", params={"short": "2", "long": "4", "qty": "0.005"})
    found = []
    for price in (100, 100, 100, 100, 110, 120, 130, 90, 60, 60, 60, 60, 60):
        session.now += 60 * SECOND
        for wake in session.trade(price):
            for row in wake.rows:
                spec = terms.unpack(terms.SPEC, int(row["aux"]))
                assert row["kind"] == registry.INTENT.number
                assert spec["form"] == terms.Form.TARGET
                found.append((price, -int(row["qty"]) if spec["sell"] else int(row["qty"])))
    assert found == [(120, 5), (60, -5)]
    (wake,) = session.param(1, "qty", "0.002")
    assert [int(row["qty"]) for row in wake.rows] == [2]
