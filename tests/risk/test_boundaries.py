"""Every limit at its boundary, one below it and one above: what reaches it passes, what is one quantum beyond is refused by its own code.

Each case sets one limit, maybe has orders approved in the same step before, and drafts an order that would reach `seen`. It is tried
with the limit at it, one above and one below; with the earlier orders UNKNOWN, and just approved; and with the limit changed in between.
"""

from collections.abc import Callable

import pytest

from tests.engine.sessions import row
from tests.risk.boundaries import CASES, NOTIONAL, Case
from tests.risk.floor import BTC, CASH, COIN, HEDGED, INVERSE, ONE_WAY, OTHER, PERP, SECOND, SPOT, Floor, Said, name_of
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import Limit, Refusal, StopLevel, StopSource
from veloz.contracts.terms import Action, OrderType, Origin, PositionSide, ScopeKind, TimeInForce

WIDE = (
    (ScopeKind.GLOBAL, 0),
    (ScopeKind.VENUE, 2),
    (ScopeKind.ACCOUNT, ONE_WAY),
    (ScopeKind.INSTRUMENT, PERP),
    (ScopeKind.STRATEGY, 1),
)


def place_before(floor: Floor, case: Case, unknown: bool) -> None:
    """The orders of a case but the last."""
    for price, qty, sell in case.orders[:-1]:
        assert floor.order(PERP, price, qty, sell=sell, strategy=1).code == 0
        if unknown:
            floor.report(r.SILENT, floor.last_key(), Action.PLACE, floor.now + SECOND, 1)


def place_last(floor: Floor, case: Case) -> Said:
    price, qty, sell = case.orders[-1]
    return floor.order(PERP, price, qty, sell=sell, strategy=1)


def expect(said: Said, case: Case, bound: int, scope: tuple[int, int]) -> None:
    """The verdict at this value of the limit."""
    if bound >= case.seen:
        assert said.code == 0, name_of(said.code)
    else:
        assert (name_of(said.code), said.scope, said.limit, said.observed) == (case.code.name, scope, bound, case.seen)


@pytest.mark.parametrize("scope", WIDE, ids=lambda scope: scope[0].name.lower())
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.limit.name}-{case.orders[-1]}".lower())
@pytest.mark.parametrize("how", ["same step", "unknown"])
def test_the_boundary_holds(case: Case, scope: tuple[ScopeKind, int], how: str) -> None:
    for bound in (case.seen - 1, case.seen, case.seen + 1):
        floor = Floor()
        assert floor.limit(*scope, case.limit, bound) == [0]
        place_before(floor, case, how == "unknown")
        expect(place_last(floor, case), case, bound, scope)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.limit.name}-{case.orders[-1]}".lower())
def test_a_limit_that_is_lowered_between_two_drafts_holds_for_the_second(case: Case) -> None:
    floor = Floor()
    assert floor.limit(ScopeKind.GLOBAL, 0, case.limit, case.seen) == [0]
    place_before(floor, case, False)
    price, qty, sell = case.orders[-1]
    key, seq = floor.draft(PERP, price, qty, sell=sell, strategy=1)
    assert floor.judged(key).code == 0
    floor.decide(r.LIMIT, terms.scope(ScopeKind.GLOBAL), case.limit, case.seen - 1, 1, 2)
    expect(floor.rule(key, seq), case, case.seen - 1, (0, 0))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.limit.name}-{case.orders[-1]}".lower())
def test_a_raise_holds_only_once_it_is_confirmed(case: Case) -> None:
    floor = Floor()
    floor.limit(ScopeKind.GLOBAL, 0, case.limit, case.seen - 1)
    place_before(floor, case, False)
    floor.limit(ScopeKind.GLOBAL, 0, case.limit, case.seen)
    asked = floor.seq - 2
    assert name_of(place_last(floor, case).code) == case.code.name
    assert floor.limit(ScopeKind.GLOBAL, 0, case.limit, case.seen, confirm=asked + 1) == [Refusal.CONFIRM_NEEDED]
    assert floor.limit(ScopeKind.GLOBAL, 0, case.limit, case.seen, confirm=asked) == [0]
    assert place_last(floor, case).code == 0


def test_the_tightest_of_the_scopes_holds() -> None:
    floor = Floor()
    for bound, scope in zip((9, 7, 8, 6, 7), WIDE, strict=True):
        floor.limit(*scope, Limit.ORDER_QTY, bound)
    said = floor.order(PERP, 10_000, 8, strategy=1)
    assert (said.code, said.scope, said.limit, said.observed) == (Refusal.ORDER_QTY, (ScopeKind.INSTRUMENT, PERP), 6, 8)


FILTERS = (4, 10, 4 * NOTIONAL, 1_002_000, 998_000)  # qty_min, qty_max, notional_min, up_ppm, down_ppm
Draft = dict[str, int]


@pytest.mark.parametrize(
    ("code", "draft"),
    [
        (0, {"price": 10_000, "qty": 4}),
        (Refusal.TICK, {"price": 10_001, "qty": 4}),
        (Refusal.TICK, {"price": 9_999, "qty": 4}),
        (Refusal.LOT, {"price": 10_000, "qty": 5}),
        (Refusal.QTY_MIN, {"price": 10_000, "qty": 2}),
        (Refusal.QTY_MIN, {"price": 10_000, "qty": 0}),
        (0, {"price": 10_000, "qty": 10}),
        (Refusal.QTY_MAX, {"price": 10_000, "qty": 12}),
        (Refusal.NOTIONAL_MIN, {"price": 9_995, "qty": 4}),
        (0, {"price": 9_995, "qty": 6}),
        (0, {"price": 10_020, "qty": 4}),
        (Refusal.PRICE_BAND, {"price": 10_025, "qty": 4}),
        (0, {"price": 10_025, "qty": 4, "sell": 1}),
        (0, {"price": 9_980, "qty": 6, "sell": 1}),
        (Refusal.PRICE_BAND, {"price": 9_975, "qty": 6, "sell": 1}),
        (0, {"price": 9_975, "qty": 6}),
        (Refusal.PRICE_BAND, {"price": 9_000, "qty": 10}),
        (Refusal.PRICE_BAND, {"price": 11_000, "qty": 4, "sell": 1}),
        (0, {"price": 0, "qty": 8, "type": OrderType.MARKET}),
        (Refusal.LOT, {"price": 0, "qty": 6, "type": OrderType.MARKET}),
        (Refusal.QTY_MIN, {"price": 0, "qty": 4, "type": OrderType.MARKET}),
        (Refusal.QTY_MAX, {"price": 0, "qty": 12, "type": OrderType.MARKET}),
    ],
)
def test_filters_of_the_venue(code: int, draft: Draft) -> None:
    floor = Floor()
    floor.take(
        row(r.FILTERS, *FILTERS, instrument=PERP),
        row(r.BOUNDS, 9_005, 10_995, 6, 8, 4, instrument=PERP),
    )
    said = floor.order(PERP, **draft)
    wanted = Refusal.QTY_MAX if code == Refusal.QTY_MAX else code
    assert name_of(said.code) == name_of(wanted), said


@pytest.mark.parametrize(("price", "code"), [(2**60 - 16, Refusal.PRODUCT_BOUND), (2**58 // 5 * 5, 0)])
def test_price_times_quantity_is_one_word(price: int, code: int) -> None:
    floor = Floor()
    said = floor.order(PERP, price // 5 * 5, 14, sell=1, reduce_only=0)
    assert (said.code == Refusal.PRODUCT_BOUND) == (code == Refusal.PRODUCT_BOUND)


SOON = 600 * SECOND
OFFERS = [
    (PERP, {"tif": TimeInForce.GTX}, (), 0),
    (PERP, {"tif": TimeInForce.GTD}, (0, 0, 0, SOON), Refusal.BAD_TERMS),
    (PERP, {"tif": TimeInForce.GTD}, (0, 0, 0, SOON + SECOND), 0),
    (INVERSE, {"tif": TimeInForce.GTD}, (0, 0, 0, SOON + SECOND), Refusal.BAD_TERMS),
    (CASH, {"tif": TimeInForce.GTD}, (0, 0, 0, SOON + SECOND), Refusal.BAD_TERMS),
    (CASH, {"tif": TimeInForce.GTX}, (), 0),
    (CASH, {"reduce_only": 1}, (), Refusal.BAD_TERMS),
    (CASH, {"stp": 5}, (), 0),
    (PERP, {"stp": 3}, (), 0),
    (PERP, {"stp": 4}, (), Refusal.BAD_TERMS),
    (INVERSE, {"stp": 1}, (), Refusal.BAD_TERMS),
    (PERP, {"position_side": PositionSide.LONG}, (), Refusal.BAD_TERMS),
    (PERP, {"account": HEDGED}, (), Refusal.BAD_TERMS),
    (PERP, {"account": HEDGED, "position_side": PositionSide.LONG}, (), 0),
    (PERP, {"account": HEDGED, "position_side": PositionSide.LONG, "reduce_only": 1}, (), Refusal.BAD_TERMS),
    (PERP, {"type": OrderType.STOP_LIMIT}, (), Refusal.BAD_TERMS),
    (PERP, {"type": OrderType.STOP_LIMIT}, (10_100, 0, 0, 0), 0),
    (PERP, {"type": OrderType.STOP_LIMIT}, (10_101, 0, 0, 0), Refusal.TICK),
    (PERP, {"type": OrderType.STOP_LIMIT, "trigger_by": 1}, (10_100, 0, 0, 0), 0),
    (CASH, {"type": OrderType.STOP_LIMIT, "trigger_by": 1}, (10_100, 0, 0, 0), Refusal.BAD_TERMS),
    (CASH, {"type": OrderType.STOP_LIMIT, "tif": TimeInForce.GTX}, (10_100, 0, 0, 0), Refusal.BAD_TERMS),
    (PERP, {"type": OrderType.STOP_LIMIT, "trigger_by": 2}, (10_100, 0, 0, 0), Refusal.BAD_TERMS),
    (PERP, {"type": OrderType.MARKET}, (), Refusal.BAD_TERMS),
    (PERP, {"type": OrderType.MARKET, "price": 0, "tif": TimeInForce.FOK}, (), Refusal.BAD_TERMS),
    (PERP, {"type": OrderType.TRAILING_STOP, "price": 0}, (0, 0, 999, 0), Refusal.BAD_TERMS),
    (PERP, {"type": OrderType.TRAILING_STOP, "price": 0}, (0, 0, 1_000, 0), 0),
    (PERP, {"type": OrderType.TRAILING_STOP, "price": 0}, (0, 0, 200_001, 0), Refusal.BAD_TERMS),
    (CASH, {"type": OrderType.TRAILING_STOP, "price": 0}, (0, 0, 250, 0), Refusal.BAD_TERMS),
    (CASH, {"type": OrderType.TRAILING_STOP, "price": 0}, (0, 0, 200, 0), 0),
]


@pytest.mark.parametrize(("instrument", "parts", "more", "code"), OFFERS)
def test_what_a_venue_offers(instrument: int, parts: Draft, more: tuple[int, ...], code: int) -> None:
    floor = Floor()
    if more and more[3]:
        more = (*more[:3], floor.now + more[3])
    said = floor.order(
        instrument, parts.get("price", 10_000), 4, more=more, **{k: v for k, v in parts.items() if k != "price"}
    )
    assert name_of(said.code) == name_of(code), said


def test_buckets_are_refilled_evenly_and_lose_nothing() -> None:
    floor = Floor()
    floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDERS_PER_WINDOW, 3)
    floor.limit(ScopeKind.GLOBAL, 0, Limit.WINDOW_NS, 7)
    wait: Callable[[int], None] = lambda ns: setattr(floor, "now", floor.now + ns)  # noqa: E731
    floor.limit(ScopeKind.GLOBAL, 0, Limit.WINDOW_NS, 7 * SECOND)
    sent = []
    for tick in range(70):  # a draft every 0.7 s: three in seven seconds may pass, and three at once in the beginning
        said = floor.order(PERP, 9_995 - 5 * tick, 2)
        sent.append(said.code == 0)
        wait(7 * SECOND // 10)
    assert sum(sent) == 3 + 20
    assert floor.order(PERP, 9_000, 2).code == 0
    floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDERS_PER_WINDOW, 0)
    wait(70 * SECOND)
    assert floor.order(PERP, 8_995, 2).code == Refusal.ORDER_RATE


def test_cancels_of_strategies_have_a_rate_and_nobody_else() -> None:
    floor = Floor()
    floor.limit(ScopeKind.GLOBAL, 0, Limit.CANCELS_PER_WINDOW, 1)
    keys = []
    for tick in range(4):
        assert floor.order(PERP, 9_995 - 5 * tick, 2, strategy=1).code == 0
        keys.append(floor.last_key())
    assert floor.cancel(keys[0]) == 0
    assert floor.cancel(keys[0]) == Refusal.NOTHING_CHANGES
    assert floor.cancel(keys[1]) == Refusal.CANCEL_RATE
    assert floor.cancel(keys[1], Origin.ENGINE) == 0
    assert floor.cancel(keys[2], Origin.PERSON) == 0
    assert floor.cancel(keys[2], Origin.PERSON) == 0
    floor.report(r.CANCELED, keys[2], 1, 0, 1)
    assert floor.cancel(keys[2], Origin.PERSON) == Refusal.ORDER_OVER
    assert floor.cancel(12_345 << 5) == Refusal.UNKNOWN_ORDER


@pytest.mark.parametrize(("age", "code"), [(SECOND - 1, 0), (SECOND, 0), (SECOND + 1, Refusal.BOOK_STALE)])
def test_age_of_the_book(age: int, code: int) -> None:
    floor = Floor()
    floor.limit(ScopeKind.ACCOUNT, ONE_WAY, Limit.STALE_NS, SECOND)
    floor.price(PERP, 10_000)
    floor.now += age
    said = floor.order(PERP, 10_000, 2)
    assert said.code == code
    if code:
        assert (said.limit, said.observed) == (SECOND, age)


@pytest.mark.parametrize(("age", "code"), [(SECOND, Refusal.DUPLICATE), (SECOND + 1, 0)])
@pytest.mark.parametrize("ended", [False, True])
def test_duplicates(age: int, code: int, ended: bool) -> None:
    floor = Floor()
    floor.limit(ScopeKind.GLOBAL, 0, Limit.DUPLICATE_NS, SECOND)
    assert floor.order(PERP, 10_000, 2, strategy=1).code == 0
    if ended:
        floor.report(r.CANCELED, floor.last_key(), 1, 0, 1)
    assert floor.order(PERP, 10_000, 2, strategy=2).code == 0
    assert floor.order(PERP, 10_000, 4, strategy=1).code == 0
    floor.now += age
    assert floor.order(PERP, 10_000, 2, strategy=2).code == code


def test_own_orders_do_not_meet() -> None:
    floor = Floor()
    assert floor.order(PERP, 10_000, 2).code == 0
    said = floor.order(PERP, 10_000, 2, sell=1)
    assert (said.code, said.limit, said.observed) == (Refusal.OWN_CROSS, 10_000, 10_000)
    assert floor.order(PERP, 10_005, 2, sell=1).code == 0
    assert floor.order(PERP, 0, 2, type=OrderType.MARKET).code == Refusal.OWN_CROSS
    assert floor.order(PERP, 10_005, 2, account=HEDGED, position_side=PositionSide.LONG).code == Refusal.OWN_CROSS
    assert floor.order(OTHER, 10_005, 2).code == 0
    floor.limit(ScopeKind.ACCOUNT, ONE_WAY, Limit.OWN_CROSS, 0)
    asked = floor.seq - 2
    assert floor.order(PERP, 10_000, 2, sell=1).code == Refusal.OWN_CROSS
    assert floor.limit(ScopeKind.ACCOUNT, ONE_WAY, Limit.OWN_CROSS, 0, confirm=asked) == [0]
    assert floor.order(PERP, 10_000, 2, sell=1).code == 0


def test_an_allow_list() -> None:
    floor = Floor()
    floor.limit(ScopeKind.GLOBAL, 0, Limit.ALLOWED, 0)
    assert floor.order(PERP, 10_000, 2).code == Refusal.NOT_ALLOWED
    assert floor.limit(ScopeKind.INSTRUMENT, PERP, Limit.ALLOWED, 1) == [0]
    asked = floor.seq - 2
    assert floor.order(PERP, 10_000, 2).code == Refusal.NOT_ALLOWED
    assert floor.limit(ScopeKind.INSTRUMENT, PERP, Limit.ALLOWED, 1, confirm=asked) == [0]
    assert floor.order(PERP, 10_000, 2).code == 0
    assert floor.order(OTHER, 10_000, 2).code == Refusal.NOT_ALLOWED


def test_money_is_there_once() -> None:
    floor = Floor()
    floor.take(row(r.BALANCE, SPOT, 10 * NOTIONAL, 2, 5, 0))
    assert floor.order(CASH, 10_000, 4).code == 0
    assert floor.order(CASH, 10_000, 6).code == 0
    said = floor.order(CASH, 5, 2)
    assert (said.code, said.limit) == (Refusal.FUNDS, 0)
    floor.take(row(r.BALANCE, SPOT, 200_000, BTC, 6, 0))
    assert floor.order(CASH, 10_005, 4, sell=1).code == Refusal.FUNDS


def test_what_cannot_be_traded() -> None:
    floor = Floor()
    assert floor.order(PERP, 10_000, 2, account=SPOT).code == Refusal.UNTRADABLE
    assert floor.order(INVERSE, 10_000, 2, account=COIN).code == 0
    assert floor.order(PERP, 10_000, 2, account=9).code == Refusal.UNTRADABLE
    floor.take(row(r.STATUS, 1, instrument=PERP))
    assert floor.order(PERP, 10_000, 2).code == Refusal.VENUE_HALTED
    assert floor.order(OTHER, 10_000, 2, strategy=7).code == Refusal.STRATEGY_OFF
    floor.take(row(r.COMMAND_STRATEGY, 1, 2, 0, 1, ONE_WAY))
    assert floor.order(OTHER, 10_000, 2, strategy=1).code == Refusal.STRATEGY_OFF


def test_what_is_stated_as_filled_fills_the_limit_until_its_trades_come() -> None:
    for before, ends in ((0, False), (0, True), (3, True)):
        for bound in (9, 10, 11):
            floor = Floor()
            floor.limit(ScopeKind.GLOBAL, 0, Limit.POSITION_QTY, bound)
            assert floor.order(PERP, 10_000, 8, strategy=1).code == 0
            key = floor.last_key()
            if before:
                floor.fill(key, 10_000, before)
            floor.report(r.CANCELED if ends else r.ACCEPTED, key, 1, 4 if ends else 8, floor.seq)
            held = 4 if ends else 8
            said = floor.order(PERP, 9_995, 10 - held, strategy=1)
            assert name_of(said.code) == (name_of(Refusal.POSITION) if bound < 10 else name_of(0)), (
                before,
                ends,
                bound,
            )
            if said.code:
                assert (said.limit, said.observed) == (bound, 10)
            floor.fill(key, 10_000, held - before)
            assert floor.state.orders[floor.place_of(key)]["hold"] == 0
            assert floor.state.scopes[0]["orders_open"] == (0 if said.code else 1)


def test_an_order_that_owes_trades_is_not_open() -> None:
    floor = Floor()
    floor.limit(ScopeKind.GLOBAL, 0, Limit.OPEN_ORDERS, 1)
    assert floor.order(PERP, 10_000, 4, strategy=1).code == 0
    floor.report(r.ACCEPTED, floor.last_key(), 1, 4, floor.seq)
    assert floor.order(PERP, 10_005, 2, sell=1).code == 0, "neither counted, nor crossed"
    assert floor.order(PERP, 9_990, 2).code == Refusal.OPEN_ORDERS


@pytest.mark.parametrize("first", ["plain", "flagged", "stated"])
def test_at_reduce_all_that_closes_together_is_the_position_at_most(first: str) -> None:
    for last in (4, 6):
        floor = Floor()
        assert floor.order(PERP, 10_000, 10).code == 0
        floor.fill(floor.last_key(), 10_000, 10)
        floor.stop(ScopeKind.GLOBAL, 0, StopLevel.REDUCE, StopSource.PERSON)
        assert floor.order(PERP, 10_010, 6, sell=1, reduce_only=int(first == "flagged")).code == 0
        if first == "stated":
            floor.report(r.ACCEPTED, floor.last_key(), 1, 6, floor.seq)
        said = floor.order(PERP, 10_005, last, sell=1, reduce_only=int(first != "flagged"))
        assert name_of(said.code) == name_of(0 if last == 4 else Refusal.REDUCE_ONLY_LEVEL)
        if said.code:
            assert said.observed == 12


def test_a_flagged_order_does_not_free_a_plain_one_to_pass_the_limit() -> None:
    for bound in (5, 6):
        floor = Floor()
        assert floor.order(PERP, 10_000, 4).code == 0
        floor.fill(floor.last_key(), 10_000, 4)
        floor.limit(ScopeKind.GLOBAL, 0, Limit.POSITION_QTY, bound)
        assert floor.order(PERP, 10_010, 6, sell=1).code == 0, "may end at short 2"
        said = floor.order(PERP, 10_005, 4, sell=1, reduce_only=1)
        assert name_of(said.code) == name_of(0 if bound == 6 else Refusal.POSITION), "the two may end at short 6"
