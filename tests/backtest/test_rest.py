"""Orders that wait for a price or a time, that meet ours, that only reduce: one small session each."""

from typing import Any

import numpy as np

from tests.backtest.stage import ACCOUNT, INSTRUMENT, Stage, ask, bid, bought, market, row, rules, sold
from veloz.backtest.exchange import advance, new_venue, next_arrival_ns, request_of, send, take
from veloz.backtest.machine import ARRIVED, DONE
from veloz.backtest.rules import FeeIn, Latency, Rules
from veloz.contracts import registry, terms
from veloz.contracts.terms import Action, OrderType, SelfTrade, TimeInForce, TriggerBy
from veloz.reducers.words import RAW, I

BOOK = [bid(1, 999, 50), bid(1, 998, 50), ask(1, 1001, 50), ask(1, 1002, 50)]
AT_ONCE = {"entry": Latency(ns=0), "response": Latency(ns=0), "accounts": True}


def stage(rows: list[tuple[int, ...]], **told: Any) -> Stage:
    """A stage with nothing under way for long."""
    traded = told.pop("traded", market())
    return Stage(BOOK + rows, rules(**{**AT_ONCE, **told}), traded)


def mark(at_ns: int, price_e8: int, rate_e8: int = 0, next_ns: int = 0) -> tuple[int, ...]:
    """A mark row."""
    head = row(registry.MARK.number, 0, at_ns, 0, 0)
    return (*head[:3], 0, price_e8, price_e8, rate_e8, next_ns)


def place(on: Stage, at_ns: int, key: int, side: str, qty: int, price: int = 0, **more: Any) -> None:
    """Send any order."""
    kind = more.pop("kind", OrderType.LIMIT if price else OrderType.MARKET)
    parts = {
        name: more.pop(name) for name in ("tif", "stp", "trigger_by", "reduce_only", "position_side") if name in more
    }
    spec = terms.pack(terms.SPEC, sell=int(side == "sell"), type=kind, account=ACCOUNT, **parts)
    words = {"key": key, "instrument": INSTRUMENT, "account": ACCOUNT, "price": price, "qty": qty, "spec": spec, **more}
    assert send(on.venue, request_of(words), I(at_ns)) == DONE


def test_a_stop_is_set_off_by_the_last_price_alone() -> None:
    on = stage([mark(20, 95 * 10**8), sold(30, 991, 1), sold(40, 990, 1), sold(50, 989, 1)])
    place(on, 10, 1, "sell", 3, kind=OrderType.STOP_MARKET, trigger=990)
    on.run(39)
    assert on.fills(1) == []
    on.run(40)
    assert on.fills(1) == [(999, 3)]


def test_a_stop_by_the_mark_does_not_look_at_prints() -> None:
    on = stage([sold(20, 980, 1), mark(30, 9_910_000_000), mark(40, 9_900_000_000)])
    place(on, 10, 1, "sell", 3, 995, kind=OrderType.STOP_LIMIT, trigger=990, trigger_by=TriggerBy.MARK)
    on.run(30)
    assert on.fills(1) == []
    on.run(40)
    assert on.fills(1) == [(999, 3)]


def test_a_take_profit_waits_on_the_other_side_and_may_then_rest() -> None:
    on = stage([bought(20, 1009, 1), bought(30, 1010, 1), bought(40, 1016, 5)])
    place(on, 10, 1, "sell", 3, 1015, kind=OrderType.TAKE_PROFIT_LIMIT, trigger=1010)
    on.run(100)
    assert on.fills(1) == [(1015, 3)]


def test_a_stop_that_would_go_off_at_once_is_rejected() -> None:
    on = stage([sold(5, 990, 1)])
    on.run(9)
    place(on, 10, 1, "sell", 3, kind=OrderType.STOP_MARKET, trigger=990)
    on.run(20)
    assert on.ends(1) == "rejected"


def test_a_trailing_stop_follows_from_its_activation() -> None:
    prints = [(20, 1004), (30, 990), (40, 1010), (50, 1020), (60, 1010), (70, 1009)]
    on = stage([bought(at, price, 1) for at, price in prints])
    place(on, 10, 1, "sell", 2, kind=OrderType.TRAILING_STOP, activation=1010, callback_ppm=10_000)
    on.run(60)  # 1 % below 1020 is 1009.8
    assert on.fills(1) == []
    on.run(70)
    assert on.fills(1) == [(999, 2)]


def test_a_dated_order_expires_at_its_moment_and_not_before() -> None:
    on = stage([])
    place(on, 10, 1, "buy", 2, 990, tif=TimeInForce.GTD, expire_ns=500)
    place(on, 10, 2, "sell", 2, kind=OrderType.STOP_MARKET, trigger=900, tif=TimeInForce.GTD, expire_ns=400)
    on.run(399)
    assert [on.ends(1), on.ends(2)] == ["accepted", "accepted"]
    on.run(499)
    assert [on.ends(1), on.ends(2)] == ["accepted", "expired"]
    on.run(500)
    assert on.ends(1) == "expired"
    assert on.venue.clock[0]["dated"] == 0


def test_a_waiting_stop_can_be_canceled() -> None:
    on = stage([sold(30, 980, 1)])
    place(on, 10, 1, "sell", 3, kind=OrderType.STOP_MARKET, trigger=990)
    on.run(15)
    on.ask(20, 1, "sell", 0, action=terms.Action.CANCEL)
    on.run(40)
    assert on.ends(1) == "canceled"


def met(stp: SelfTrade) -> Stage:
    on = stage([])
    place(on, 10, 1, "sell", 5, 1000)
    place(on, 20, 2, "buy", 8, 1001, stp=stp)
    on.run(100)
    return on


def test_orders_that_meet_trade_where_nothing_is_asked() -> None:
    on = met(SelfTrade.NONE)
    assert on.fills(1) == [(1000, 5)]
    assert on.fills(2) == [(1000, 5), (1001, 3)]


def test_the_one_that_comes_expires() -> None:
    on = met(SelfTrade.EXPIRE_TAKER)
    assert on.fills() == []
    assert [on.ends(1), on.ends(2)] == ["accepted", "expired"]


def test_the_one_that_rests_expires() -> None:
    on = met(SelfTrade.EXPIRE_MAKER)
    assert on.fills() == [(1001, 8)]
    assert on.ends(1) == "expired"


def test_both_expire() -> None:
    on = met(SelfTrade.EXPIRE_BOTH)
    assert on.fills() == []
    assert [on.ends(1), on.ends(2)] == ["expired", "expired"]


def test_both_lose_the_smaller_quantity() -> None:
    on = met(SelfTrade.DECREMENT)
    assert on.fills() == [(1001, 3)]
    assert on.ends(1) == "expired"
    assert ("replaced", 2, 1001, 3) in on.reports()


def test_a_reduce_only_order_is_cut_down_and_then_over() -> None:
    on = stage([bought(50, 1006, 100)])
    place(on, 10, 1, "buy", 5)
    place(on, 20, 2, "sell", 9, 1005, reduce_only=1)
    on.run(30)
    assert ("replaced", 2, 1005, 5) in on.reports()
    place(on, 40, 3, "sell", 3)
    on.run(45)
    assert ("replaced", 2, 1005, 2) in on.reports()
    on.run(60)
    assert on.fills(2) == [(1005, 2)]
    assert on.venue.held.tolist() == [0, 0, 0]


def test_reduce_only_orders_never_close_more_than_is_held() -> None:
    on = stage([bought(50, 1006, 100)])
    place(on, 10, 1, "buy", 5)
    for key, price in ((2, 1004), (3, 1005)):
        place(on, 20 + key, key, "sell", 4, price, reduce_only=1)
    on.run(60)
    assert on.fills(2) + on.fills(3) == [(1004, 4), (1005, 1)]
    assert on.ends(3) == "expired"
    place(on, 70, 4, "sell", 1, 1003, reduce_only=1)
    on.run(80)
    assert on.ends(4) == "rejected"


def funding(on: Stage) -> list[int]:
    heard = np.concatenate(on.heard)
    return [int(each["price"]) for each in heard if int(each["head"]) & 0xFFFF == registry.FUNDING.number]


def test_funding_is_paid_by_who_is_long_and_received_by_who_is_short() -> None:
    for side, expected in (("buy", -30_000), ("sell", 30_000)):
        on = stage([mark(20, 100 * 10**8, 10_000, 300), mark(301, 100 * 10**8, 90_000, 600)])
        place(on, 10, 1, side, 3)
        on.run(299)
        assert funding(on) == []
        on.run(300)
        assert funding(on) == [expected * 100]  # 3 · 100 · 0.0001 at eight decimals
        on.run(400)
        assert len(funding(on)) == 1


def test_rates_follow_the_volume() -> None:
    tiers = ((0, 100, 1_000), (50_000, -50, 500))  # from 500.00 of the quote on
    on = stage([], tiers=tiers)
    for k in range(3):
        place(on, 10 + 10 * k, 1 + k, "buy", 3)  # 3 at 100.1: 300.30
    on.run(100)
    heard = np.concatenate(on.heard)
    fees = [int(each["price"]) for each in heard if int(each["head"]) & 0xFFFF == registry.FEE.number]
    assert fees == [30_030_000, 30_030_000, 15_015_000]
    told = [int(each["qty"]) for each in heard if int(each["head"]) & 0xFFFF == registry.FEES.number]
    assert told == [1_000, 500]


def test_so_many_requests_and_no_more() -> None:
    on = stage([], requests_most=2, window_ns=100)
    for k in range(4):
        place(on, 10 + k, 1 + k, "buy", 1, 990)
    place(on, 110, 9, "buy", 1, 990)
    on.run(200)
    assert [on.ends(key) for key in (1, 2, 3, 4, 9)] == ["accepted", "accepted", "rejected", "rejected", "accepted"]


def test_prices_beyond_the_band_are_rejected() -> None:
    on = stage([mark(5, 100 * 10**8)], traded=market(up_ppm=1_050_000, down_ppm=950_000))
    on.run(9)
    place(on, 10, 1, "buy", 1, 1051)
    place(on, 11, 2, "buy", 1, 1050)
    place(on, 12, 3, "sell", 1, 949)
    on.run(20)
    assert [on.ends(1), on.ends(3)] == ["rejected", "rejected"]
    assert on.fills(2) == [(1001, 1)]


def test_a_fee_in_a_third_asset_is_worth_its_share() -> None:
    third = {"fee_in": FeeIn.THIRD, "third": 9, "third_scale": 8, "third_rate": 6_005, "third_rate_scale": 1}
    on = stage([], traded=market(taker_ppm=1_000, **third))
    place(on, 10, 1, "buy", 3)  # 300.3, a thousandth of it at 600.5: 0.00050008326…
    on.run(100)
    heard = np.concatenate(on.heard)
    fees = [
        (int(each["price"]), int(each["qty"])) for each in heard if int(each["head"]) & 0xFFFF == registry.FEE.number
    ]
    assert fees == [(50_009, 9)]


def test_each_account_earns_its_own_rates_and_has_its_own_requests() -> None:
    """Two markets of two accounts: what one trades moves nothing for the other."""
    other = INSTRUMENT + 1
    tiers, lag = ((0, 100, 1_000), (50_000, -50, 500)), Latency(ns=0)
    told = Rules(accounts=True, tiers=tiers, requests_most=3, entry=lag, response=lag)
    venue = new_venue([market(account=1), market(instrument=other, account=2)], told)
    book = [ask(1, 1001, 500), ask(1, 1001, 500)]
    rows, signal, heard = np.array(book, RAW), np.zeros(1, np.int64), []
    rows["head"][1] += 1 << 32
    for k in range(4):
        for number in (INSTRUMENT, other)[: 1 if k < 2 else 2]:
            spec = terms.pack(terms.SPEC, type=OrderType.MARKET, account=number)
            words = {"key": 1 + k + 10 * number, "instrument": number, "account": number, "qty": 3, "spec": spec}
            assert send(venue, request_of({**words, "action": Action.PLACE}), I(10 + k)) == DONE
    at, out = 0, np.zeros(64, RAW)
    while True:
        at = int(advance(venue, rows, I(at), I(100), signal))
        if signal[0] != ARRIVED:
            break
        heard.append(out[: int(take(venue, next_arrival_ns(venue), out))].copy())
    rows = np.concatenate(heard)
    kinds, names = rows["head"] & 0xFFFF, rows["head"] >> 32
    fees = {
        name: rows["price"][(kinds == registry.FEE.number) & (names == name)].tolist() for name in (INSTRUMENT, other)
    }
    assert fees == {INSTRUMENT: [30_030_000, 30_030_000, 15_015_000], other: [30_030_000, 30_030_000]}
    rates = rows[kinds == registry.FEES.number]
    assert [(int(each["venue_seq"]), int(each["qty"])) for each in rates] == [
        (1, 1_000),
        (1, 500),
        (2, 1_000),
        (2, 500),
    ]
    assert (kinds == registry.REJECTED.number).sum() == 1
