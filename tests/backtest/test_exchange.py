"""What the simulated exchange does with orders and market rows, case by case."""

from tests.backtest.stage import Stage, ask, bid, bought, row, rules, sold
from veloz.backtest.rules import HFTBACKTEST
from veloz.contracts import layout, registry
from veloz.contracts.terms import Action

BOOK = [bid(100, 1000, 50), bid(100, 999, 40), ask(100, 1001, 5), ask(100, 1002, 6)]
AT = 1_000


def test_an_order_rests_behind_what_is_shown_and_prints_reach_it() -> None:
    stage = Stage([*BOOK, bought(2000, 1001, 3), bought(3000, 1001, 3), bought(4000, 1002, 9)])
    stage.ask(AT, 1, "sell", 4, 1001, tif="GTX")
    stage.run(10_000)
    assert stage.reports()[0] == ("accepted", 1, 1, 0)
    assert stage.fills() == [(1001, 1), (1001, 3)]
    assert stage.reports()[-1] == ("accepted", 1, 1, 4)


def test_one_print_is_shared_out_by_price_and_time() -> None:
    stage = Stage([*BOOK, bought(3000, 1003, 10)])
    for key, qty, price in ((1, 4, 1003), (2, 3, 1002), (3, 2, 1003), (4, 2, 1001)):
        stage.ask(AT + key, key, "sell", qty, price, tif="GTX")
    stage.run(10_000)
    assert [(key, stage.fills(key)) for key in (4, 2, 1, 3)] == [
        (4, [(1001, 2)]),
        (2, [(1002, 3)]),
        (1, [(1003, 4)]),
        (3, [(1003, 1)]),
    ]
    peer = Stage([*BOOK, bought(3000, 1003, 10)], rules(compat=HFTBACKTEST))
    for key in (1, 2):
        peer.ask(AT + key, key, "sell", 8, 1003)
    peer.run(10_000)
    assert sum(qty for _, qty in peer.fills()) == 16


def test_depth_is_walked_and_stays_taken_while_its_level_stands() -> None:
    stage = Stage([*BOOK, ask(3000, 1001, 7), ask(5000, 1001, 0), ask(5001, 1001, 4)])
    stage.ask(AT, 1, "buy", 7, 1002, tif="IOC")
    stage.ask(AT + 500, 2, "buy", 9, 1002, tif="IOC")
    stage.ask(4000, 3, "buy", 9, 1001, tif="IOC")
    stage.ask(6000, 4, "buy", 9, 1001, tif="IOC")
    stage.run(10_000)
    assert [stage.fills(key) for key in (1, 2, 3, 4)] == [[(1001, 5), (1002, 2)], [(1002, 4)], [(1001, 2)], [(1001, 4)]]


def test_what_is_left_of_a_limit_order_rests() -> None:
    stage = Stage([*BOOK, sold(3000, 1001, 9)])
    stage.ask(AT, 1, "buy", 9, 1001)
    stage.run(2_000)
    assert stage.fills() == [(1001, 5)]
    stage.run(10_000)
    assert stage.fills() == [(1001, 5), (1001, 4)]


def test_post_only_that_would_take_is_expired_also_in_the_nanosecond_of_the_move() -> None:
    stage = Stage([*BOOK, ask(AT + 10, 998, 1)])
    stage.ask(AT, 1, "buy", 1, 998, tif="GTX")
    stage.run(10_000)
    assert stage.ends(1) == "expired"


def test_fill_or_kill_is_all_or_nothing() -> None:
    stage = Stage(BOOK)
    stage.ask(AT, 1, "buy", 12, 1002, tif="FOK")
    stage.ask(AT + 1, 2, "buy", 11, 1002, tif="FOK")
    stage.run(10_000)
    assert stage.ends(1) == "expired"
    assert stage.fills() == [(1001, 5), (1002, 6)]


def test_a_level_on_the_other_side_fills_what_it_shows() -> None:
    stage = Stage([*BOOK, ask(2000, 1001, 0), bid(3000, 1001, 3), bid(4000, 1001, 5), bid(5000, 1001, 4)])
    stage.ask(AT, 1, "sell", 9, 1001, tif="GTX")
    stage.run(10_000)
    assert stage.fills() == [(1001, 3), (1001, 2)]
    peer = Stage([*BOOK, bid(3000, 1001, 3)], rules(compat=HFTBACKTEST))
    peer.ask(AT, 1, "sell", 9, 1001, tif="GTX")
    peer.run(10_000)
    assert peer.fills() == [(1001, 9)]


def test_an_amendment_keeps_its_place_only_where_it_asks_for_no_more() -> None:
    stage = Stage([*BOOK, bought(3000, 1001, 6), bought(5000, 1001, 6)])
    stage.ask(AT, 1, "sell", 4, 1001)
    stage.ask(AT + 100, 1, "sell", 3, 1001, action=Action.AMEND)
    stage.ask(3500, 1, "sell", 5, 1001, action=Action.AMEND)
    stage.run(10_000)
    assert stage.fills() == [(1001, 1), (1001, 1)]
    assert ("replaced", 1, 1001, 5) in stage.reports()


def test_a_cancel_takes_it_away_and_a_second_one_is_refused() -> None:
    stage = Stage([*BOOK, bought(3000, 1010, 99)])
    stage.ask(AT, 1, "sell", 4, 1001)
    stage.ask(AT + 100, 1, "sell", 0, action=Action.CANCEL)
    stage.ask(AT + 101, 1, "sell", 0, action=Action.CANCEL)
    stage.run(10_000)
    assert [kind for kind, *_ in stage.reports()] == ["accepted", "canceled", "request_rejected"]


def test_a_market_order_without_a_book_is_rejected_and_one_beyond_its_protection_expires() -> None:
    stage = Stage([ask(2000, 1000, 2), ask(2000, 1049, 3), ask(2000, 1051, 3)])
    stage.ask(AT, 1, "buy", 9)
    stage.ask(3000, 2, "buy", 9)
    stage.run(10_000)
    assert stage.ends(1) == "rejected"
    assert stage.fills(2) == [(1000, 2), (1049, 3)]
    assert stage.ends(2) == "expired"


def snapshot(at_ns: int, asks: int, price: int = 1001) -> list[tuple[int, ...]]:
    """A whole book of one bid and one ask."""
    sold_level = row(registry.LEVEL.number, layout.SNAPSHOT | layout.ASK | layout.LAST, at_ns, price, asks)
    return [row(registry.LEVEL.number, layout.SNAPSHOT | layout.FIRST, at_ns, 1000, 50), sold_level]


def test_what_was_taken_stays_taken_of_a_level_that_a_snapshot_states_again() -> None:
    stage = Stage([*snapshot(100, 5), *snapshot(3000, 5), *snapshot(5000, 3), *snapshot(7000, 7)], rules(accounts=True))
    for key, at_ns in ((1, 1500), (2, 3500), (3, 5500), (4, 7500)):
        stage.run(at_ns)
        stage.ask(at_ns, key, "buy", 5, 1001, tif="IOC")
    stage.run(9000)
    assert stage.fills() == [(1001, 5), (1001, 4)]


def test_a_level_that_a_snapshot_left_out_is_a_new_one_when_it_comes_back() -> None:
    rows = [*snapshot(100, 5), *snapshot(3000, 9, 1003), *snapshot(4000, 5)]
    for more in ([], [ask(3500, 1001, 5)]):
        stage = Stage([*rows[:4], *more, *([] if more else rows[4:])], rules(accounts=True))
        for key, at_ns in ((1, 1500), (2, 5500)):
            stage.run(at_ns)
            stage.ask(at_ns, key, "buy", 5, 1001, tif="IOC")
        stage.run(9000)
        assert stage.fills() == [(1001, 5), (1001, 5)]
