"""The other matching models, and slippage, case by case."""

import pytest

from tests.backtest.stage import BARS, Stage, ask, bar, bid, bought, rules, sold
from veloz.backtest.rules import Latency, Matching
from veloz.contracts.terms import OrderType


def test_bars_fill_what_they_go_through_and_gaps_at_the_open() -> None:
    stage = Stage(BARS, rules(matching=Matching.BARS))
    stage.ask(900, 1, "buy", 4, 990)  # the first bar touches it, the second goes through
    stage.ask(901, 2, "buy", 5, 981)  # the third opens below it
    stage.ask(1500, 3, "sell", 3, 1004)  # too late for the first; the second opens above it
    stage.run(2_500)
    assert not stage.fills()
    stage.run(10_000)
    assert stage.fills(1) == [(990, 4)]
    assert stage.fills(2) == [(980, 5)]
    assert stage.fills(3) == [(1005, 3)]
    assert {int(each) for each in stage.heard[-1]["ts_event"]} == {4000}


def test_bars_give_no_more_than_their_volume_and_takers_come_first() -> None:
    stage = Stage(BARS, rules(matching=Matching.BARS))
    stage.ask(1500, 1, "buy", 8, 990)
    stage.ask(1501, 2, "buy", 7)
    stage.ask(1502, 3, "sell", 9, 1001, tif="GTX")
    stage.run(3_500)
    assert stage.fills(2) == [(1005, 7)]
    assert stage.fills(1) == [(990, 3)]
    assert stage.ends(3) == "expired"


def test_bars_with_slippage_stay_within_themselves() -> None:
    stage = Stage(BARS, rules(matching=Matching.BARS, slippage_ppm=500_000))
    stage.ask(900, 1, "buy", 1)
    stage.ask(901, 2, "sell", 1, 995, tif="IOC")
    stage.run(10_000)
    assert stage.fills(1) == [(1010, 1)]
    assert stage.fills(2) == [(995, 1)]


STOP, TRAILING = OrderType.STOP_MARKET, OrderType.TRAILING_STOP
PROFIT = OrderType.TAKE_PROFIT_MARKET
VEE = (1000, 1010, 880, 1000)
NOW = {"entry": Latency(ns=0), "response": Latency(ns=0)}


def stops_in(then: tuple[int, int, int, int], *, slippage_ppm: int = 0, volume: int = 100) -> Stage:
    """A bar at 1000, then `then`, then one at 1000 again."""
    prices = (1000, 1000, 1000, 1000)
    rows = [*bar(1000, 2000, prices, 100), *bar(2001, 3000, then, volume), *bar(3001, 4000, prices, 100)]
    stage = Stage(rows, rules(matching=Matching.BARS, accounts=True, slippage_ppm=slippage_ppm, **NOW))
    stage.run(2000)
    return stage


@pytest.mark.parametrize(
    ("side", "kind", "then", "words", "paid"),
    [
        ("sell", STOP, VEE, {"trigger": 950}, 950),  # not the next open
        ("sell", STOP, (930, 1010, 880, 1000), {"trigger": 950}, 930),  # a gap
        ("buy", STOP, (1000, 1070, 990, 1000), {"trigger": 1050}, 1050),
        ("sell", STOP, (1000, 1010, 951, 1000), {"trigger": 950}, None),
        ("sell", PROFIT, (1000, 1080, 990, 1000), {"trigger": 1050}, 1050),
        ("sell", PROFIT, (1060, 1080, 990, 1000), {"trigger": 1050}, 1060),
        ("buy", TRAILING, (905, 1000, 900, 905), {"callback_ppm": 50_000}, 951),  # from where it stood at the open
        ("buy", TRAILING, (990, 1000, 900, 905), {"callback_ppm": 50_000}, 945),  # from the low that the bar shows
        ("sell", TRAILING, (1000, 1100, 1046, 1090), {"callback_ppm": 50_000}, None),
        ("sell", TRAILING, (1000, 1100, 1045, 1090), {"callback_ppm": 50_000}, 1045),
        ("sell", TRAILING, (1000, 1100, 1000, 1090), {"callback_ppm": 50_000, "activation": 1050}, 1045),
    ],
)
def test_bars_set_stops_off_inside_at_their_trigger_or_at_a_gap(
    side: str, kind: OrderType, then: tuple[int, int, int, int], words: dict[str, int], paid: int | None
) -> None:
    stage = stops_in(then)
    stage.ask(2000, 1, side, 5, kind=kind, **words)
    stage.run(3000)
    assert stage.fills(1) == ([] if paid is None else [(paid, 5)])


def test_a_stop_that_came_while_a_bar_was_open_is_not_executed_better_than_its_close() -> None:
    for close, paid in ((1000, 950), (900, 900)):
        stage = stops_in((1000, 1010, 880, close))
        stage.run(2500)
        stage.ask(2500, 1, "sell", 5, kind=STOP, trigger=950)
        stage.ask(2500, 2, "buy", 5, kind=PROFIT, trigger=990)
        stage.run(3000)
        assert stage.fills() == [(paid, 5)]


def test_stops_slip_within_the_bar_and_come_before_profits() -> None:
    stage = stops_in((1000, 1060, 880, 1000), slippage_ppm=10_000)
    stage.ask(2000, 3, "buy", 5)
    stage.ask(2000, 1, "sell", 5, kind=PROFIT, trigger=1050, reduce_only=True)
    stage.ask(2000, 2, "sell", 5, kind=STOP, trigger=950, reduce_only=True)
    stage.run(9000)
    assert stage.fills(2) == [(940, 5)]
    assert not stage.fills(1)


def test_what_a_bars_volume_does_not_suffice_for_is_in_the_next_one() -> None:
    stage = stops_in(VEE, volume=2)
    stage.ask(2000, 1, "sell", 5, kind=STOP, trigger=950)
    stage.ask(2000, 2, "sell", 3, 960, kind=OrderType.STOP_LIMIT, trigger=940)
    stage.run(9000)
    assert stage.fills(1) == [(950, 2), (1000, 3)]
    assert stage.fills(2) == [(1000, 3)]


def test_trades_are_the_book_where_there_is_none() -> None:
    rows = [bought(100, 1001, 5), sold(100, 1000, 4), bought(3000, 1003, 6), sold(5000, 999, 5)]
    stage = Stage([ask(50, 950, 9), *rows], rules(matching=Matching.TRADES))
    stage.ask(1000, 1, "buy", 8, 1001)
    stage.ask(1001, 2, "sell", 9, 1002, tif="GTX")
    stage.run(10_000)
    assert stage.fills(1) == [(1001, 5), (1001, 3)]
    assert stage.fills(2) == [(1002, 6)]


def test_only_the_book_fills_in_the_model_of_penetration() -> None:
    rows = [bid(100, 1000, 5), ask(100, 1001, 5), bought(2000, 1005, 50), bid(3000, 1001, 2)]
    stage = Stage(rows, rules(matching=Matching.BOOK))
    stage.ask(1000, 1, "sell", 4, 1001, tif="GTX")
    stage.run(2_500)
    assert not stage.fills()
    stage.run(10_000)
    assert stage.fills() == [(1001, 2)]


@pytest.mark.parametrize(
    ("slippage", "impact", "paid"), [(0, 0, 1001), (1_000, 0, 1003), (0, 4_000, 1003), (9_000, 0, 1004)]
)
def test_slippage_is_paid_by_takers_up_to_their_limit(slippage: int, impact: int, paid: int) -> None:
    stage = Stage([bid(100, 1000, 5), ask(100, 1001, 10)], rules(slippage_ppm=slippage, impact_ppm=impact))
    stage.ask(1000, 1, "buy", 3, 1004)
    stage.run(10_000)
    assert stage.fills() == [(paid, 3)]
