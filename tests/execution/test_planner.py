"""What intents come to: TARGET, QUOTE and ORDER, seen through the rows of the step."""

from typing import Any

import numpy as np
import pytest

from tests.engine.sessions import (
    BEGIN,
    FUTURES_ACCOUNT,
    LINEAR,
    SPOT,
    SPOT_ACCOUNT,
    Script,
    begun,
    intent,
    order,
    report,
    row,
    step_of,
    trade,
    view,
)  # fmt: skip
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import Limit
from veloz.contracts.terms import Action, Form, OrderType, PositionSide

ASKED = {r.REQUESTED.number: "place", r.CANCEL_REQUESTED.number: "cancel", r.AMEND_REQUESTED.number: "amend"}


def words(each: np.void) -> tuple[str, int, int]:
    """What is asked, its price (0 of a cancel) and its quantity."""
    if each["kind"] == r.CANCEL_REQUESTED.number:
        return "cancel", 0, int(each["rest"])
    return ASKED[int(each["kind"])], int(each["price"]), int(each["qty"])


class Desk:
    """An engine whose strategy says what it is told to."""

    def __init__(self, hedge: int = 0) -> None:
        self.said: list[np.ndarray] = []
        self.engine = begun(minds=Script(lambda *_: self.said), strategies=2, hedge=hedge)
        self.ts = BEGIN
        self.trade_id = 500
        if hedge == 0:
            loose = row(r.COMMAND_LIMIT, terms.scope(terms.ScopeKind.GLOBAL), Limit.OWN_CROSS, 0, 7, 0, ts=BEGIN)
            first = self.engine.take(loose)
            confirmed = loose.copy()
            confirmed.view(r.COMMAND_LIMIT.view)["confirm"] = first.first_seq
            self.engine.take(confirmed)

    def say(self, *intents: np.ndarray) -> list[tuple[Any, ...]]:
        """What is asked of the venue when these are said: (what, price, qty, sell), and keys by `self.keys`."""
        self.said = list(intents)
        step = self.take(trade(LINEAR, 10_000, 9, self.ts))
        self.said = []
        rows = [view(each) for each in step.decisions if int(each["kind"]) in ASKED]
        self.keys = [int(each["order"]) for each in rows]
        self.specs = [terms.unpack(terms.SPEC, int(each["spec"])) for each in rows]
        return [(*words(each), spec["sell"]) for each, spec in zip(rows, self.specs, strict=True)]

    def take(self, *parts: np.ndarray) -> Any:
        self.ts += 1_000
        rows = step_of(*parts)
        rows["ts_recv"] = self.ts
        return self.engine.take(rows)

    def accept(self, key: int, instrument: int = LINEAR) -> None:
        self.trade_id += 1
        self.take(report(r.ACCEPTED, key, self.trade_id, 0, self.trade_id, instrument=instrument))

    def fill(self, key: int, qty: int, sell: int = 0, side: int = 0, price: int = 9_990) -> None:
        self.trade_id += 1
        parts = {"sell": sell, "position_side": side}
        self.take(
            report(r.FILLED, key, price, qty, self.trade_id, **parts),
            report(r.ACCEPTED, key, self.trade_id, qty, self.trade_id, **parts),
        )

    def canceled(self, key: int) -> None:
        self.trade_id += 1
        self.take(report(r.CANCELED, key, self.trade_id, 0, self.trade_id))


def target(qty: int, price: int = 9_990, **parts: int) -> np.ndarray:
    return intent(price, abs(qty), form=Form.TARGET, sell=int(qty < 0), **parts)


def quote(price: int, qty: int, sell: int = 0, **parts: int) -> np.ndarray:
    return intent(price, qty, form=Form.QUOTE, sell=sell, **parts)


def test_a_target_orders_what_is_missing_and_nothing_twice():
    desk = Desk()
    assert desk.say(target(10)) == [("place", 9_990, 10, 0)]
    first = desk.keys[0]
    assert desk.say(target(10)) == []
    desk.accept(first)
    assert desk.say(target(14)) == [("place", 9_990, 4, 0)]
    desk.fill(first, 10)
    assert desk.say(target(14)) == []


def test_a_target_takes_back_what_stands_against_it():
    desk = Desk()
    desk.say(target(-6, 10_010))
    against = desk.keys[0]
    desk.accept(against)
    assert desk.say(target(5)) == [("cancel", 0, 6, 1), ("place", 9_990, 5, 0)]
    assert desk.keys[0] == against
    assert desk.say(target(5)) == []


def test_a_target_takes_back_what_would_go_beyond_it_and_waits_until_it_is_gone():
    desk = Desk()
    desk.say(target(10))
    (first,) = desk.keys
    desk.accept(first)
    assert desk.say(target(4)) == [("cancel", 0, 10, 0)]
    assert desk.say(target(4)) == []
    desk.canceled(first)
    assert desk.say(target(4)) == [("place", 9_990, 4, 0)]


def test_a_target_that_is_reached_takes_back_everything():
    desk = Desk()
    desk.say(target(10))
    (first,) = desk.keys
    desk.accept(first)
    assert desk.say(target(0)) == [("cancel", 0, 10, 0)]


def test_a_target_flips_with_one_order_where_sides_are_not_kept_apart():
    desk = Desk()
    desk.say(target(10))
    desk.fill(desk.keys[0], 10)
    assert desk.say(target(-5, 10_010)) == [("place", 10_010, 15, 1)]


def test_a_target_flips_with_two_legs_in_hedge_mode():
    desk = Desk(hedge=1)
    assert desk.say(target(10)) == [("place", 9_990, 10, 0)]
    assert desk.specs[0]["position_side"] == PositionSide.LONG
    desk.fill(desk.keys[0], 10, side=PositionSide.LONG)
    legs = desk.say(target(-5, 10_010))
    assert legs == [("place", 10_010, 10, 1), ("place", 10_010, 5, 1)]
    assert [(each["position_side"], each["reduce_only"]) for each in desk.specs] == [
        (PositionSide.LONG, 0), (PositionSide.SHORT, 0),
    ]  # fmt: skip
    assert [key & terms.LEGS_MAX - 1 for key in desk.keys] == [0, 1]


def test_a_market_target_has_no_price():
    desk = Desk()
    assert desk.say(target(3, 0, type=OrderType.MARKET)) == [("place", 0, 3, 0)]


def test_strategies_leave_each_other_alone():
    desk = Desk()
    desk.say(target(10, strategy=2))
    assert desk.say(target(-10, 10_010)) == [("place", 10_010, 10, 1)]


def test_a_quote_that_rests_is_kept():
    desk = Desk()
    assert desk.say(quote(9_990, 5), quote(10_010, 5, 1)) == [("place", 9_990, 5, 0), ("place", 10_010, 5, 1)]
    for key in desk.keys:
        desk.accept(key)
    assert desk.say(quote(9_990, 5), quote(10_010, 5, 1)) == []


def test_a_quote_moves_by_amending_where_the_venue_has_it():
    desk = Desk()
    desk.say(quote(9_990, 5))
    (first,) = desk.keys
    desk.accept(first)
    assert desk.say(quote(9_980, 7)) == [("amend", 9_980, 7, 0)]
    assert desk.keys == [first]
    assert desk.say(quote(9_980, 7)) == []  # under way


def test_a_quote_that_was_partly_executed_is_amended_to_rest_whole():
    desk = Desk()
    desk.say(quote(9_990, 5))
    (first,) = desk.keys
    desk.fill(first, 2)
    assert desk.say(quote(9_990, 5)) == [("amend", 9_990, 7, 0)]


def test_a_quote_moves_by_cancel_and_place_before_the_venue_confirmed_it():
    desk = Desk()
    desk.say(quote(9_990, 5))
    assert desk.say(quote(9_980, 5)) == [("cancel", 0, 5, 0), ("place", 9_980, 5, 0)]


def test_a_spot_quote_moves_by_cancel_and_place():
    desk = Desk()
    parts = {"instrument": SPOT, "account": SPOT_ACCOUNT}
    desk.say(quote(9_990, 5, **parts))
    desk.accept(desk.keys[0], SPOT)
    assert desk.say(quote(9_980, 5, **parts)) == [("cancel", 0, 5, 0), ("place", 9_980, 5, 0)]


def test_a_quote_of_nothing_withdraws_its_side_only():
    desk = Desk()
    desk.say(quote(9_990, 5), quote(10_010, 5, 1))
    for key in desk.keys:
        desk.accept(key)
    assert desk.say(quote(0, 0), quote(10_010, 5, 1)) == [("cancel", 0, 5, 0)]


@pytest.mark.parametrize("action", [Action.CANCEL, Action.AMEND])
def test_a_strategy_cannot_touch_what_is_not_its_own(action):
    desk = Desk()
    step = desk.take(order(9_900, 5))
    key = terms.order_key(step.first_seq)
    desk.accept(key)
    assert desk.say(intent(9_800, 5, key=key, action=action)) == []


def test_a_strategy_cancels_and_amends_its_own_orders():
    desk = Desk()
    desk.say(intent(9_900, 5), intent(9_901, 5))
    one, two = desk.keys
    for key in desk.keys:
        desk.accept(key)
    assert desk.say(intent(9_905, 0, key=one, action=Action.AMEND)) == [("amend", 9_905, 5, 0)]
    assert desk.say(intent(0, 0, key=two, action=Action.CANCEL)) == [("cancel", 0, 5, 0)]
    assert desk.say(intent(0, 0, action=Action.CANCEL)) == [("cancel", 0, 5, 0)]
    assert desk.keys == [one]


def test_accounts_of_intents_are_those_of_the_tests():
    assert terms.unpack(terms.SPEC, int(intent(1, 1)[0]["aux"]))["account"] == FUTURES_ACCOUNT
