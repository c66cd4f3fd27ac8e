"""Bars by example: buckets, late and lost trades, aggregated trades, odd ones, the longest sums."""

import numpy as np
import pytest

from veloz.contracts.layout import ASK, CLOSED, FIRST, LAST, ODD, ROW
from veloz.reducers.bars import INTERVALS_NS
from veloz.reducers.fold import fold
from veloz.reducers.limits import BARS_KEPT, PRICE_MAX, QTY_MAX, SUM_BITS, TURNOVER_BITS
from veloz.reducers.prices import traded_price
from veloz.reducers.state import State, new_state
from veloz.reducers.sums import LIMB_BITS
from veloz.reducers.view import bars, last_record, late_trades
from veloz.reducers.words import I

SECOND, MINUTE, DAY = 10**9, 60 * 10**9, 86_400 * 10**9
NOON = 19_000 * DAY + DAY // 2


def tape(*rows: tuple[int, ...]) -> State:
    """Rows (kind, flags, ts_match, price, qty[, count]) folded."""
    listed = (32, 1, 128, 1, 5, 0, 2 | 3 << 8 | 1 << 16, 1, 1, 10**8, 1)
    body = [
        (kind, 1, flags, 1, ts, 0, k, price, qty, ts, *(rest or (0,)))
        for k, (kind, flags, ts, price, qty, *rest) in enumerate(rows)
    ]
    return fold(new_state(), np.array([listed, *body], ROW), 1)


def test_one_bar() -> None:
    bar = bars(
        tape((1, 0, NOON, 10, 3), (1, ASK, NOON + 5, 7, 2), (1, 0, NOON + 9, 12, 1), (1, 0, NOON + 9, 11, 4)), 1, SECOND
    )[0]
    assert bar[:5] == (NOON, 10, 12, 7, 11)
    assert (bar.volume, bar.buy_volume, bar.sell_volume, bar.trades, bar.closed) == (10, 8, 2, 4, False)
    assert bar.vwap == (10 * 3 + 7 * 2 + 12 + 11 * 4, 10)


def test_a_bar_is_closed_by_a_trade_of_a_later_bucket() -> None:
    state = tape((1, 0, NOON + MINUTE - 1, 10, 1), (1, 0, NOON + MINUTE, 20, 1))
    assert [(bar.ts_open, bar.closed) for bar in bars(state, 1, MINUTE)] == [(NOON, True), (NOON + MINUTE, False)]
    assert [(bar.open, bar.close, bar.closed) for bar in bars(state, 1, 5 * MINUTE)] == [(10, 20, False)]


def test_a_late_trade_amends_its_bar() -> None:
    state = tape((1, 0, NOON + 5, 10, 1), (1, 0, NOON + 2 * MINUTE, 20, 1), (1, ASK, NOON + 1, 99, 7))
    assert bars(state, 1, MINUTE)[0][1:] == (99, 99, 10, 10, 8, 1, 99 * 7 + 10, 2, 1, True)
    assert bars(state, 1, DAY)[0][1:5] == (99, 99, 10, 20)
    assert [late_trades(state, 1, interval) for interval in INTERVALS_NS[:3]] == [(0, 1), (1, 0), (0, 0)]


def test_what_is_too_late_is_counted_as_lost() -> None:
    state = tape(
        (1, 0, NOON, 1, 1), (1, 0, NOON - (BARS_KEPT - 1) * SECOND, 2, 1), (1, 0, NOON - BARS_KEPT * SECOND, 3, 1)
    )
    assert late_trades(state, 1, SECOND) == (1, 1)
    assert len(bars(state, 1, SECOND)) == 2
    assert late_trades(state, 1, MINUTE) == (2, 0)


def test_old_bars_leave_the_ring() -> None:
    state = tape(*((1, 0, NOON + k * SECOND, k, 1) for k in range(BARS_KEPT + 10)))
    assert [bar.open for bar in bars(state, 1, SECOND)] == list(range(10, BARS_KEPT + 10))
    assert len(bars(tape((1, 0, NOON, 1, 1), (1, 0, NOON + DAY, 1, 1)), 1, SECOND)) == 1


def test_aggregated_trades_feed_bars_until_there_are_trades() -> None:
    state = tape((5, ASK, NOON, 10, 3, 4), (5, 0, NOON + 1, 11, 2, 1))
    assert bars(state, 1, SECOND)[0][1:9] == (10, 11, 10, 11, 5, 2, 52, 5)
    assert last_record(state, "trades", 1) is None


@pytest.mark.parametrize("after", [0, 1])
def test_the_first_trade_drops_what_aggregated_trades_made(after: int) -> None:
    rows = [(5, 0, NOON - DAY, 10, 3, 4), (5, 0, NOON, 10, 3, 4), (1, 0, NOON + 5, 20, 1)]
    state = tape(*rows, *[(5, 0, NOON + 6, 90, 9, 9)] * after)
    for interval in INTERVALS_NS:
        assert [bar[1:9] for bar in bars(state, 1, interval)] == [(20, 20, 20, 20, 1, 1, 20, 1)]


def test_odd_trades_are_in_no_bar() -> None:
    state = tape((1, 0, NOON, 10, 1), (1, ODD, NOON + 1, 500, 9), (5, ODD, NOON + 1, 500, 9, 1))
    assert bars(state, 1, SECOND)[0][1:6] == (10, 10, 10, 10, 1)
    trade = last_record(state, "trades", 1)
    assert trade is not None
    assert (trade["price"], trade["count"], trade["odd"]) == (10, 1, 1)


def test_sums_are_longer_than_a_word() -> None:
    price = 2**TURNOVER_BITS // QTY_MAX
    state = tape(*((1, 0, NOON + k, price, QTY_MAX) for k in range(99)))
    bar = bars(state, 1, DAY)[0]
    assert (bar.volume, bar.quote) == (99 * QTY_MAX, 99 * QTY_MAX * price)


def test_a_sum_that_is_full_stays_full() -> None:
    """Nothing wraps, however far other scales have pushed it."""
    state = tape((1, 0, NOON, 2**43, QTY_MAX))
    for scale in (3, 4, 5, 6, 7, 8):
        row = (33, 1, 128, 1, 5, 0, scale | 3 << 8 | 1 << 16, 1, 1, 10**8, 2)
        state = fold(state, np.array([row], ROW), 9)
    trade = (1, 1, 0, 1, NOON, 0, 9, 2**43, QTY_MAX, NOON + 1, 0)
    state = fold(state, np.array([trade] * 100, ROW), 10)
    assert bars(state, 1, DAY)[0].quote >> LIMB_BITS == 1 << (SUM_BITS - LIMB_BITS)


IMPOSSIBLE = (
    (1, 0, -1, 10, 1), (1, 0, NOON, -1, 1), (1, 0, NOON, 10, -1), (1, 0, 2**62, 10, 1), (1, 0, NOON, PRICE_MAX, QTY_MAX),
    (5, 0, NOON, 10, 1, -1), (5, 0, NOON, 10, 1, 2**31),
)  # fmt: skip


@pytest.mark.parametrize("bad", IMPOSSIBLE)
def test_what_cannot_be_a_trade_makes_no_bar(bad: tuple[int, ...]) -> None:
    assert bars(tape(bad), 1, SECOND) == []


def stated(
    minute: int, prices: tuple[int, int, int, int], *volumes: int, length: int = MINUTE
) -> list[tuple[int, ...]]:
    """The two rows of a closed bar, as `fold` takes them: volume, bought, turnover times 10**8, trades."""
    flags, ts = FIRST | CLOSED, NOON + minute * MINUTE
    return [
        (6, 1, flags, 1, ts + length, 0, ts, *prices),
        (7, 1, LAST, 1, ts + length, 0, length, *(volumes or (10, 4, 5 * 10**8, 3))),
    ]


def fed(*rows: list[tuple[int, ...]]) -> State:
    listed = (32, 1, 128, 1, 5, 0, 2 | 3 << 8 | 1 << 16, 1, 1, 10**8, 1)
    return fold(new_state(), np.array([listed, *(each for pair in rows for each in pair)], ROW), 1)


def test_a_stated_bar_is_closed_when_it_is_stated() -> None:
    state = fed(stated(0, (10, 15, 9, 12)))
    assert [tuple(each) for each in bars(state, 1, MINUTE)] == [(NOON, 10, 15, 9, 12, 10, 4, 5 * 10**5, 3, 0, True)]
    assert [each.closed for each in bars(state, 1, 5 * MINUTE)] == [False]
    assert bars(state, 1, SECOND) == []


def test_stated_bars_make_those_of_longer_intervals() -> None:
    state = fed(*(stated(k, (10 + k, 20 + k, 5 - k, 11 + k)) for k in range(5)))
    found = bars(state, 1, 5 * MINUTE)
    assert [tuple(each) for each in found] == [(NOON, 10, 24, 1, 15, 50, 20, 25 * 10**5, 15, 0, True)]
    assert [each.closed for each in bars(state, 1, 15 * MINUTE)] == [False]


def test_a_bar_whose_trades_nobody_counted_is_one_at_least() -> None:
    assert bars(fed(stated(0, (10, 10, 10, 10), 0, 0, 0, 0)), 1, MINUTE)[0].trades == 1


def test_a_stated_bar_that_comes_twice_or_late_is_lost() -> None:
    state = fed(stated(1, (1, 1, 1, 1)), stated(1, (2, 2, 2, 2)), stated(0, (3, 3, 3, 3)), stated(2, (4, 4, 4, 4)))
    assert [each.close for each in bars(state, 1, MINUTE)] == [1, 4]
    assert late_trades(state, 1, MINUTE) == (0, 2)


def test_of_stated_bars_the_shortest_count() -> None:
    hour = stated(0, (7, 7, 7, 7), length=60 * MINUTE)
    state = fed(hour, stated(60, (8, 9, 8, 9)), stated(60, (1, 1, 1, 1), length=60 * MINUTE))
    assert [(each.ts_open, each.open, each.close) for each in bars(state, 1, 60 * MINUTE)] == [
        (NOON + 60 * MINUTE, 8, 9)
    ]


@pytest.mark.parametrize("kind", [1, 5])
def test_a_trade_drops_what_was_stated(kind: int) -> None:
    trade = [(kind, 1, 0, 1, NOON + 2 * MINUTE, 0, 1, 50, 2, NOON + MINUTE + 5, 1)]
    state = fed(stated(0, (10, 15, 9, 12)), trade, stated(1, (1, 1, 1, 1)))
    assert [(each.open, each.volume) for each in bars(state, 1, MINUTE)] == [(50, 2)]


@pytest.mark.parametrize(
    "prices", [(10, 9, 8, 9), (10, 12, 11, 12), (10, 12, 9, 13), (-1, 12, -1, 12), (1, PRICE_MAX + 1, 1, 1)]
)
def test_nonsense_is_no_bar(prices: tuple[int, int, int, int]) -> None:
    state = fed(stated(0, prices))
    assert bars(state, 1, MINUTE) == []
    assert int(state.feeds[0]["refused"]) == 1


def test_a_bar_that_is_open_still_is_not_taken() -> None:
    first, second = stated(0, (10, 15, 9, 12))
    assert bars(fed([(*first[:2], FIRST, *first[3:]), second]), 1, MINUTE) == []


def test_longer_bars_go_on_where_the_shorter_ones_have_ended() -> None:
    hours = [stated(60 * k, (k, k, k, k), length=60 * MINUTE) for k in (1, 2, 3)]
    state = fed(*(stated(k, (9, 9, 9, 9)) for k in range(3)), *hours)
    assert [(each.ts_open, each.close) for each in bars(state, 1, 60 * MINUTE)] == [
        (NOON + 120 * MINUTE, 2),
        (NOON + 180 * MINUTE, 3),
    ]  # the first one begins less than its length behind the last minute


def test_what_has_stated_bars_alone_is_worth_their_close() -> None:
    """And not what stands in the first place of the ring, another instrument's print, or a bar of half a minute ago."""
    listed = [(32, 1, 128, number, 5, 0, 2 | 3 << 8 | 1 << 16, 1, 1, 10**8, 1) for number in (1, 2)]
    print_of_first = (1, 1, 0, 1, NOON, 0, 1, 777, 2, NOON, 0)
    for length in (SECOND, MINUTE):
        for before in ([], [print_of_first]):
            rows = [(*row[:3], 2, *row[4:]) for k in range(40) for row in stated(k, (k + 1,) * 4, length=length)]
            state = fold(new_state(), np.array([*listed, *before, *rows], ROW), 1)
            slot_ix = int(state.instruments["slot"][2])
            assert int(traded_price(state, I(slot_ix))) == 0
            assert int(state.tapes["stated_close"][slot_ix]) == 40
