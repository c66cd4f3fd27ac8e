"""Where something cannot be converted, sums are too small: no entry may rest on them, and what reduces still passes."""

import pytest

from tests.engine.sessions import row
from tests.risk.floor import CASH, EUR, FAR, HEDGED, ONE_WAY, PERP, SECOND, USDT, Floor, name_of
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import Limit, Refusal
from veloz.contracts.terms import Action, ScopeKind

MUCH = 1 << 50
EXPOSURES = (Limit.GROSS, Limit.NET, Limit.LEVERAGE_PPM)
LOSSES = (Limit.DAILY_LOSS, Limit.DRAWDOWN)
HOLDING = ((ScopeKind.GLOBAL, 0), (ScopeKind.VENUE, 2), (ScopeKind.ACCOUNT, ONE_WAY), (ScopeKind.STRATEGY, 1))


def holding(out: int = 0) -> Floor:
    """Strategy 1 is long 4 of what is settled in EUR; `out`: a price at which it sold 2 of them."""
    floor = Floor()
    assert floor.order(FAR, 10_000, 4, strategy=1).code == 0, "without a limit there is nothing to tell"
    floor.fill(floor.last_key(), 10_000, 4)
    if out:
        assert floor.order(FAR, out, 2, sell=1, strategy=1).code == 0
        floor.fill(floor.last_key(), out, 2)
    return floor


@pytest.mark.parametrize("scope", HOLDING, ids=lambda scope: scope[0].name.lower())
@pytest.mark.parametrize("limit", EXPOSURES + LOSSES, ids=lambda limit: limit.name.lower())
def test_no_entry_where_sums_leave_something_out(limit: Limit, scope: tuple[ScopeKind, int]) -> None:
    floor = holding(9_990)
    assert floor.order(PERP, 9_990, 2, strategy=1).code == 0
    assert floor.limit(*scope, limit, MUCH) == [0]
    said = floor.order(PERP, 9_985, 2, strategy=1)
    assert (name_of(said.code), said.scope, said.limit, said.observed) == ("NO_RATE", scope, MUCH, 1)
    assert floor.order(FAR, 10_005, 2, sell=1, strategy=1).code == 0, "what reduces passes"
    floor.take(row(r.RATE, EUR, 3, 2, ts=floor.now))
    assert floor.order(PERP, 9_985, 2, strategy=1).code == 0
    floor.take(row(r.RATE, EUR, 0, 0, ts=floor.now))
    assert floor.order(PERP, 9_980, 2, strategy=1).code == Refusal.NO_RATE


@pytest.mark.parametrize("limit", EXPOSURES, ids=lambda limit: limit.name.lower())
def test_scopes_that_hold_nothing_of_it_are_as_they_were(limit: Limit) -> None:
    floor = holding()
    floor.limit(ScopeKind.INSTRUMENT, PERP, limit, MUCH)
    floor.limit(ScopeKind.STRATEGY, 2, limit, MUCH)
    floor.limit(ScopeKind.VENUE, 1, limit, MUCH)
    leverage = limit == Limit.LEVERAGE_PPM  # over the equity of an account that is not known whole
    assert floor.order(PERP, 9_990, 2, strategy=2).code == (Refusal.NO_RATE if leverage else 0)
    assert floor.order(CASH, 9_990, 2).code == 0


@pytest.mark.parametrize(
    "limit", [*EXPOSURES, Limit.ORDER_NOTIONAL, Limit.POSITION_NOTIONAL], ids=lambda each: each.name.lower()
)
def test_what_is_not_worth_anything_known_cannot_be_bounded(limit: Limit) -> None:
    floor = Floor()
    floor.limit(ScopeKind.GLOBAL, 0, limit, MUCH)
    said = floor.order(FAR, 10_000, 2)
    assert (said.code, said.limit, said.observed) == (Refusal.NO_RATE, MUCH, 0)
    assert floor.order(PERP, 10_000, 2).code == 0


@pytest.mark.parametrize("how", ["same step", "unknown"])
@pytest.mark.parametrize("limit", EXPOSURES, ids=lambda limit: limit.name.lower())
def test_an_order_alone_counts_from_its_approval_on(limit: Limit, how: str) -> None:
    floor = Floor()
    assert floor.order(FAR, 10_000, 2).code == 0
    if how == "unknown":
        floor.report(r.SILENT, floor.last_key(), Action.PLACE, floor.now + SECOND, 1)
    key, seq = floor.draft(PERP, 9_990, 2)
    assert floor.judged(key).code == 0
    floor.decide(r.LIMIT, terms.scope(ScopeKind.GLOBAL), limit, MUCH, 1, 1)
    said = floor.rule(key, seq)
    assert (said.code, said.limit, said.observed) == (Refusal.NO_RATE, MUCH, 1)


def test_too_much_is_told_before_what_is_not_known() -> None:
    floor = holding()
    floor.limit(ScopeKind.GLOBAL, 0, Limit.GROSS, 1)
    assert floor.order(PERP, 10_000, 2).code == Refusal.GROSS_EXPOSURE


def test_money_that_nobody_can_convert_is_no_exposure_and_a_debt_is_one() -> None:
    floor = Floor()
    floor.limit(ScopeKind.GLOBAL, 0, Limit.LEVERAGE_PPM, MUCH)
    assert floor.state.scopes[0]["unconverted"] > 0
    assert floor.order(PERP, 10_000, 2).code == 0
    floor.take(row(r.BALANCE, HEDGED, -5, EUR, 1, 0))
    said = floor.order(PERP, 9_995, 2)
    assert (said.code, said.observed) == (Refusal.NO_RATE, 1)
    floor.take(row(r.BALANCE, HEDGED, 5, EUR, 2, 0))
    assert floor.order(PERP, 9_995, 2).code == 0
    assert floor.state.desk[0]["reporting"] == USDT
