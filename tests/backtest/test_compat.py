"""Every switch of `Compat`, on and off: what a peer does, and what an exchange does."""

from typing import Any

import pytest

from tests.backtest.stage import INSTRUMENT, LEVEL_FLAGS, Stage, ask, bid, bought, market, row, rules
from veloz.backtest.machine import APART, STOPPED
from veloz.backtest.making import widen
from veloz.backtest.rules import HFTBACKTEST, Compat, Queue
from veloz.contracts import layout, registry
from veloz.contracts.terms import Action

BOOK = [bid(100, 1000, 50), ask(100, 1001, 5), ask(100, 1002, 6)]
NOTHING = Compat.NOTHING


def clear(at_ns: int, price: int, side: int = 0) -> tuple[int, ...]:
    """A side is cleared down to a price."""
    return row(registry.LEVEL.number, LEVEL_FLAGS | layout.EMPTY | side, at_ns, price, 0)


def staged(compat: Compat, rows: list[tuple[int, ...]], **parts: Any) -> Stage:
    return Stage(rows, rules(compat=compat, **parts))


@pytest.mark.parametrize(("compat", "best"), [(NOTHING, 996), (Compat.CLEAR_SKIPS_ONE, 995)])
def test_clear_skips_one(compat: Compat, best: int) -> None:
    stage = staged(compat, [*(bid(100, price, 8) for price in (999, 998, 996, 995)), clear(200, 997)])
    stage.run(300)
    assert stage.venue.sides[0]["best"] == best


@pytest.mark.parametrize(("compat", "left"), [(NOTHING, 0), (Compat.CLEAR_KEEPS_ASKS, 8)])
def test_clear_keeps_asks(compat: Compat, left: int) -> None:
    stage = staged(compat, [ask(100, 1001, 8), ask(100, 1005, 8), clear(200, 1003, layout.ASK)])
    stage.run(300)
    side = stage.venue.sides[1]
    assert stage.venue.levels[side["base"] - 1001] == left
    assert side["best"] == -1005


@pytest.mark.parametrize(("compat", "told"), [(NOTHING, []), (Compat.FILL_CLEARS_REQUEST, ["request_rejected"] * 2)])
def test_fill_clears_request(compat: Compat, told: list[str]) -> None:
    stage = staged(compat, [*BOOK, bought(3000, 1001, 6)])
    stage.ask(1000, 1, "sell", 4, 1001)
    stage.run(9000)
    assert [kind for kind, *_ in stage.reports()][3:] == told


@pytest.mark.parametrize(("compat", "fills"), [(NOTHING, [(1001, 5), (1002, 3)]), (Compat.UNLIMITED_TOP, [(1001, 8)])])
def test_unlimited_top(compat: Compat, fills: list[tuple[int, int]]) -> None:
    stage = staged(compat, BOOK, partial=False)
    stage.ask(1000, 1, "buy", 8, 1002)
    stage.run(9000)
    assert stage.fills() == fills


@pytest.mark.parametrize(("compat", "again"), [(NOTHING, []), (Compat.BOOK_NOT_CONSUMED, [(1001, 5)])])
def test_book_not_consumed(compat: Compat, again: list[tuple[int, int]]) -> None:
    stage = staged(compat, BOOK)
    stage.ask(1000, 1, "buy", 5, 1001, tif="IOC")
    stage.ask(1001, 2, "buy", 5, 1001, tif="IOC")
    stage.run(9000)
    assert stage.fills(2) == again


@pytest.mark.parametrize(("compat", "fills"), [(NOTHING, [(1001, 5)]), (Compat.TAKER_REST_FILLED, [(1001, 9)])])
def test_taker_rest_filled(compat: Compat, fills: list[tuple[int, int]]) -> None:
    stage = staged(compat, BOOK)
    stage.ask(1000, 1, "buy", 9, 1001)
    stage.run(9000)
    assert stage.fills() == fills


@pytest.mark.parametrize(
    ("compat", "fills"), [(NOTHING, [(900, 1), (945, 1)]), (Compat.MARKET_REACH, [(900, 1), (945, 1), (999, 1)])]
)
def test_market_reach(compat: Compat, fills: list[tuple[int, int]]) -> None:
    stage = staged(compat, [ask(100, 900, 1), ask(100, 945, 1), ask(100, 999, 1), ask(100, 1000, 1)])
    stage.ask(1000, 1, "buy", 9)
    stage.run(9000)
    assert stage.fills() == fills


@pytest.mark.parametrize(("compat", "done"), [(NOTHING, 5), (Compat.AMEND_OLD_LEAVES, 1)])
def test_amend_old_leaves(compat: Compat, done: int) -> None:
    stage = staged(compat, [*BOOK, bought(5000, 1003, 50)])
    stage.ask(1000, 1, "sell", 1, 1001)
    stage.run(2000)
    stage.ask(2000, 1, "sell", 5, 1002, action=Action.AMEND)
    stage.run(9000)
    assert sum(qty for _, qty in stage.fills()) == done


@pytest.mark.parametrize(("compat", "done"), [(NOTHING, 3), (Compat.AMEND_FORGETS, 4)])
def test_amend_forgets(compat: Compat, done: int) -> None:
    stage = staged(compat, [*BOOK, bought(3000, 1001, 6), bought(5000, 1003, 50)])
    stage.ask(1000, 1, "sell", 9, 1001)
    stage.ask(4000, 1, "sell", 3, 1001, action=Action.AMEND)
    stage.run(9000)
    assert sum(qty for _, qty in stage.fills()) == done


@pytest.mark.parametrize(("compat", "done"), [(NOTHING, 3), (Compat.CROSS_FILLS_ALL, 9)])
def test_cross_fills_all(compat: Compat, done: int) -> None:
    stage = staged(compat, [*BOOK, bid(3000, 1001, 3)])
    stage.ask(1000, 1, "sell", 9, 1001)
    stage.run(9000)
    assert sum(qty for _, qty in stage.fills()) == done


@pytest.mark.parametrize(("compat", "done"), [(NOTHING, 6), (Compat.PRINT_NOT_SHARED, 7)])
def test_print_not_shared(compat: Compat, done: int) -> None:
    stage = staged(compat, [*BOOK, bought(3000, 1001, 11)])
    stage.ask(1000, 1, "sell", 1, 1001)
    stage.ask(1001, 2, "sell", 6, 1001)
    stage.run(9000)
    assert sum(qty for _, qty in stage.fills()) == done


@pytest.mark.parametrize(("compat", "fills"), [(NOTHING, [(1003, 2)]), (Compat.SCAN_WINDOW, [])])
def test_scan_window(compat: Compat, fills: list[tuple[int, int]]) -> None:
    rows = [bid(100, 1005, 5), bid(100, 1000, 5), ask(200, 1004, 1), ask(300, 1004, 0), bought(4000, 1006, 9)]
    stage = staged(compat | Compat.CLEAR_SKIPS_ONE | Compat.CROSS_FILLS_ALL, [*rows[:4], clear(3000, 1010), rows[4]])
    stage.ask(1000, 1, "sell", 2, 1003, tif="GTX")
    stage.run(9000)
    assert stage.fills() == fills


@pytest.mark.parametrize("compat", [NOTHING, Compat.GHOST_ORDERS])
def test_ghost_orders(compat: Compat) -> None:
    rows = [*BOOK, bought(3000, 1001, 9), bought(5000, 1001, 9)]
    stage = staged(compat, rows)
    stage.ask(1000, 1, "sell", 4, 1001)
    stage.run(9000)
    assert stage.fills() == [(1001, 4)]
    assert (stage.signal[0] == STOPPED, int(stage.venue.clock[0]["abort"])) == ((True, 14) if compat else (False, 0))
    late = staged(compat, rows[:-1])
    late.ask(1000, 1, "sell", 4, 1001)
    late.ask(2995, 1, "sell", 0, action=Action.CANCEL)
    late.run(9000)
    assert late.ends(1) == ("canceled" if compat else "request_rejected")


@pytest.mark.parametrize(("compat", "fills"), [(NOTHING, [(1001, 10)]), (Compat.QUEUE_NAN, [])])
def test_queue_nan(compat: Compat, fills: list[tuple[int, int]]) -> None:
    rows = [
        ask(100, 1001, 50),
        bought(2000, 1001, 54),
        ask(2500, 1001, 46),
        ask(3000, 1001, 30),
        bought(4000, 1001, 10),
    ]
    stage = Stage(rows, rules(compat=compat, queue=Queue.LOG), market(lot=10))
    stage.ask(1000, 1, "sell", 100, 1001)
    stage.run(9000)
    assert stage.fills() == fills


@pytest.mark.parametrize(("compat", "booked"), [(NOTHING, [1, 3]), (Compat.BOOKS_LAST_SLICE, [3])])
def test_books_last_slice(compat: Compat, booked: list[int]) -> None:
    stage = staged(compat, [*BOOK, bought(3000, 1001, 6), bought(4000, 1001, 3)])
    stage.ask(1000, 1, "sell", 4, 1001)
    stage.run(9000)
    assert [qty for _, qty in stage.fills()] == booked
    assert stage.reports()[-1] == ("accepted", 1, 1, 4)


def test_a_smaller_level_moves_the_queue() -> None:
    stage = staged(NOTHING, [*BOOK, ask(2000, 1001, 2), bought(3000, 1001, 3)])
    stage.ask(1000, 1, "sell", 4, 1001)
    stage.run(9000)
    assert stage.fills() == [(1001, 1)]


def test_every_switch_has_its_test() -> None:
    assert {f"test_{switch.name.lower()}" for switch in Compat if switch.name} <= set(globals())


def test_an_order_outside_the_range_of_prices_is_rejected_where_a_peer_is_imitated() -> None:
    stage = staged(HFTBACKTEST, [*BOOK, bought(3000, 1101, 9)])
    stage.ask(1000, 1, "sell", 4, 1101)
    stage.run(9000)
    assert [kind for kind, *_ in stage.reports()] == ["rejected"]


def test_else_the_range_is_made_wider_for_it() -> None:
    stage = staged(NOTHING, [*BOOK, bought(3000, 1101, 9)])
    stage.ask(1000, 1, "sell", 4, 1101)
    stage.run(9000)
    assert (int(stage.signal[0]), stage.reports()) == (int(APART), [])
    stage.venue = widen(stage.venue, INSTRUMENT, 900, 1200)
    stage.run(9000)
    assert stage.fills() == [(1101, 4)]


@pytest.mark.parametrize("compat", [NOTHING, HFTBACKTEST])
def test_a_cancel_of_a_filled_order_books_nothing_again_in_both(compat: Compat) -> None:
    stage = staged(compat, [*BOOK, bought(3000, 1002, 9)])
    stage.ask(1000, 1, "sell", 4, 1001)
    stage.run(4000)
    stage.ask(4000, 1, "sell", 0, action=Action.CANCEL)
    stage.run(9000)
    assert stage.fills() == [(1001, 4)]
    assert stage.ends(1) == "request_rejected"
