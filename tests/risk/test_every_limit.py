"""Every limit there is, at every scope that can state it: at its boundary, one above and one below, on every kind of instrument.

A case brings a floor to where one more question would reach the limit. It is asked with the limit at that number, one above and one
below; with the orders before it just approved in the same step, and UNKNOWN; and with the limit changed between the two.
"""

from collections.abc import Callable
from copy import copy
from fractions import Fraction
from functools import cache
from math import ceil, floor
from typing import NamedTuple

import numpy as np
import pytest

from tests.engine.sessions import row
from tests.risk.boundaries import CASES as MORE_CASES
from tests.risk.floor import (
    BTC,
    CASH,
    COIN,
    EUR,
    FAR,
    INVERSE,
    MARKETS,
    ONE_WAY,
    PERP,
    SECOND,
    SPOT,
    USDT,
    Floor,
    Said,
    name_of,
)  # fmt: skip
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import Limit, Refusal
from veloz.contracts.terms import Action, Origin, ScopeKind
from veloz.engine.verify import copy_state
from veloz.reducers.words import I
from veloz.risk.gate import VERDICT_WORDS, judge_cancel, judge_intent

RATES = {USDT: Fraction(1), BTC: Fraction(307, 3), EUR: Fraction(13, 11)}
ASSET = {PERP: USDT, CASH: USDT, INVERSE: BTC, FAR: EUR}
ACCOUNT = {PERP: ONE_WAY, CASH: SPOT, INVERSE: COIN, FAR: ONE_WAY}
MARKET = {each: MARKETS[account] for each, account in ACCOUNT.items()}
MONEY = {USDT: 3 * 10**8 + 7, BTC: 2 * 10**7 + 1, EUR: 10**8 + 3}  # of every account
Scope = tuple[ScopeKind, int]


def scopes_of(instrument: int) -> tuple[Scope, ...]:
    """Of an order of strategy 1."""
    return (
        (ScopeKind.GLOBAL, 0), (ScopeKind.VENUE, MARKET[instrument]), (ScopeKind.ACCOUNT, ACCOUNT[instrument]),
        (ScopeKind.INSTRUMENT, instrument), (ScopeKind.STRATEGY, 1),
    )  # fmt: skip


def money(instrument: int, price: int, qty: int) -> Fraction:
    """Exact, in units of 10**-8 of the instrument's asset: two decimals of price, three of quantity; a coin contract is 100 USD."""
    if instrument == INVERSE:
        return Fraction(qty, 10**3) * 100 / Fraction(price, 10**2) * 10**8
    return Fraction(price * qty, 10**5) * 10**8


def worth(instrument: int, price: int, qty: int) -> int:
    """In the reporting asset, every rounding up."""
    return ceil(ceil(money(instrument, price, qty)) * RATES[ASSET[instrument]])


def equity(instrument: int, scope: Scope) -> int:
    """Of the account; of all accounts that a wide scope has."""
    each = sum(floor(held * RATES[asset]) for asset, held in MONEY.items())
    inside = {ScopeKind.GLOBAL: len(MARKETS), ScopeKind.VENUE: list(MARKETS.values()).count(MARKET[instrument])}
    return each * inside.get(scope[0], 1)


def made_of(instrument: int, qty: int, *trips: tuple[int, int]) -> int:
    """What longs make of these entries and exits together, in the reporting asset; every rounding down."""
    if instrument == INVERSE:
        values = [[floor(money(instrument, price, qty) * 10**10) for price in trip] for trip in trips]
        gained = floor(Fraction(sum(cost - value for cost, value in values), 10**10))
    else:
        gained = floor(sum(money(instrument, out, qty) - money(instrument, into, qty) for into, out in trips))
    return floor(gained * RATES[ASSET[instrument]])


Before = Callable[[Floor, bool], None]
Ask = Callable[[Floor], Said]


class Case(NamedTuple):
    """A limit that is reached at `seen`; `refuses` says which values of it refuse."""

    name: str
    limit: Limit
    code: Refusal
    seen: int
    scope: Scope
    before: Before
    ask: Ask
    refuses: Callable[[int, int], bool] = lambda bound, seen: bound < seen
    tells: bool = True  # the limit and what was seen, of this very scope


def orders(instrument: int, *asked: tuple[int, int, int]) -> Before:
    """Orders (price, qty, sell) of strategy 1 that are approved, and then, maybe, not heard of again."""

    def place(floor_: Floor, unknown: bool) -> None:
        for price, qty, sell in asked:
            said = floor_.order(instrument, price, qty, sell=sell, strategy=1)
            assert said.code == 0, name_of(said.code)
            if unknown:
                floor_.report(r.SILENT, floor_.last_key(), Action.PLACE, floor_.now + SECOND, 1)

    return place


def draft(instrument: int, price: int, qty: int, sell: int = 0) -> Ask:
    """The verdict on one more order."""
    return lambda floor_: floor_.judged(floor_.draft(instrument, price, qty, sell=sell, strategy=1)[0])


def losses(instrument: int, *trips: tuple[int, int]) -> Before:
    """Round trips of 4 at these prices, after an order that rests."""

    def trade(floor_: Floor, unknown: bool) -> None:
        orders(instrument, (9_900, 2, 0))(floor_, unknown)
        for into, out in trips:
            for price, sell in ((into, 0), (out, 1)):
                assert floor_.order(instrument, price, 4, sell=sell, strategy=1).code == 0
                floor_.fill(floor_.last_key(), price, 4)

    return trade


def waited(instrument: int, ns: int, *asked: tuple[int, int, int]) -> Before:
    """The same orders, and time that goes by."""

    def place(floor_: Floor, unknown: bool) -> None:
        orders(instrument, *asked)(floor_, unknown)
        floor_.now += ns

    return place


def with_limit(scope: Scope, limit: Limit, value: int, then: Before) -> Before:
    """Another limit beside the one that is tried."""

    def place(floor_: Floor, unknown: bool) -> None:
        state_limit(floor_, scope, limit, value)
        then(floor_, unknown)

    return place


def fresh(ns: int) -> Before:
    """A quote, and time that goes by."""

    def wait(floor_: Floor, unknown: bool) -> None:
        floor_.price(PERP, 10_000)
        orders(PERP, (9_900, 2, 0))(floor_, unknown)
        floor_.now += ns

    return wait


def canceled(floor_: Floor, unknown: bool) -> None:
    """Three orders, two of which are taken back."""
    orders(PERP, (9_990, 2, 0), (9_985, 2, 0), (9_980, 2, 0))(floor_, unknown)
    keys = sorted(int(each["key"]) for each in floor_.state.orders if each["key"] > 0)
    assert [floor_.cancel(key) for key in keys[:2]] == [0, 0]


def said_of(verdict: np.ndarray) -> Said:
    """A verdict's words."""
    return Said(int(verdict[0]), (int(verdict[1]), int(verdict[2])), *(int(word) for word in verdict[3:7]))


def cancel_last(floor_: Floor) -> Said:
    """The verdict on one more cancel."""
    verdict = np.zeros(VERDICT_WORDS, np.int64)
    judge_cancel(floor_.state, I(floor_.place_of(floor_.last_key())), I(Origin.STRATEGY), I(floor_.now), verdict)
    return said_of(verdict)


def intents(floor_: Floor, unknown: bool) -> None:
    """Two intents of strategy 1."""
    for _ in range(2):
        floor_.decide(r.INTENT, 0, 9_900, 2, 1, terms.pack(terms.SPEC, strategy=1, account=ONE_WAY), instrument=PERP)


def one_more_intent(floor_: Floor) -> Said:
    """The verdict on a third."""
    verdict = np.zeros(VERDICT_WORDS, np.int64)
    judge_intent(floor_.state, I(1), I(floor_.now), verdict)
    return said_of(verdict)


def cases_of(instrument: int) -> list[Case]:
    """Sizes, positions and exposures on every kind of instrument, at every scope."""
    first, second = (10_000, 4, 0), (9_995, 6, 0)
    parts = worth(instrument, 10_000, 4) + worth(instrument, 10_000, 6)
    whole = worth(instrument, 10_000, 10)
    made = []
    for scope in scopes_of(instrument):
        leverage = ceil(Fraction(parts * 10**6, equity(instrument, scope)))
        for limit, code, seen in (
            (Limit.POSITION_QTY, Refusal.POSITION, 10),
            (Limit.POSITION_NOTIONAL, Refusal.POSITION, whole),
            (Limit.GROSS, Refusal.GROSS_EXPOSURE, parts),
            (Limit.NET, Refusal.NET_EXPOSURE, parts),
            (Limit.LEVERAGE_PPM, Refusal.LEVERAGE, leverage),
        ):
            ask = draft(instrument, *second)
            made.append(Case(f"long-{instrument}", limit, code, seen, scope, orders(instrument, first), ask))
        alone, short = orders(instrument), worth(instrument, 9_995, 6)
        ask = draft(instrument, 9_995, 6, 1)
        made.append(Case(f"one-{instrument}", Limit.ORDER_NOTIONAL, Refusal.ORDER_NOTIONAL, short, scope, alone, ask))
        short = worth(instrument, 10_000, 6)
        made.append(Case(f"short-{instrument}", Limit.NET, Refusal.NET_EXPOSURE, short, scope, alone, ask))
    return made


def loss_cases_of(instrument: int) -> list[Case]:
    """A loss; and a gain with a greater loss behind it."""
    up, down = (10_000, 10_040), (10_000, 9_945)
    gained, left, lost = (made_of(instrument, 4, *trips) for trips in ((up,), (up, down), (down,)))
    assert lost < left < 0 < gained
    made = []
    for scope in scopes_of(instrument):
        ask, trips = draft(instrument, 9_950, 2), losses(instrument, up, down)
        made += [
            Case(f"both-{instrument}", Limit.DAILY_LOSS, Refusal.DAILY_LOSS, -left, scope, trips, ask),
            Case(f"both-{instrument}", Limit.DRAWDOWN, Refusal.DRAWDOWN, gained - left, scope, trips, ask),
        ]
    return made


def rule_cases() -> list[Case]:
    """Rates, ages, repeats, duplicates and switches at every scope."""
    made = []
    one, gap = (9_990, 2, 0), 2 * SECOND
    ask, twin, met = draft(PERP, 9_995, 2), draft(PERP, 9_990, 2), draft(PERP, 9_990, 2, 1)
    reaches: Callable[[int, int], bool] = lambda bound, seen: bound >= seen  # noqa: E731
    for scope in scopes_of(PERP):
        made += [
            Case("cancel", Limit.CANCELS_PER_WINDOW, Refusal.CANCEL_RATE, 3, scope, canceled, cancel_last),
            Case("age", Limit.STALE_NS, Refusal.BOOK_STALE, gap, scope, fresh(gap), ask),
            Case(
                "window", Limit.WINDOW_NS, Refusal.ORDER_RATE, gap + 1, scope,
                with_limit(scope, Limit.ORDERS_PER_WINDOW, 1, waited(PERP, gap, one)), ask, reaches, False,
            ),
            Case(
                "run", Limit.REPEAT_NS, Refusal.REPEATED, 40 * gap, scope,
                with_limit(scope, Limit.REPEATS, 1, waited(PERP, 40 * gap, one)), ask, reaches, False,
            ),
            Case("twin", Limit.DUPLICATE_NS, Refusal.DUPLICATE, gap, scope, waited(PERP, gap, one), twin, reaches, False),
            Case("listed", Limit.ALLOWED, Refusal.NOT_ALLOWED, 1, scope, orders(PERP), ask, lambda at, _: at == 0, False),
            Case("meet", Limit.OWN_CROSS, Refusal.OWN_CROSS, 0, scope, orders(PERP, one), met, lambda at, _: at != 0, False),
        ]  # fmt: skip
    scope = (ScopeKind.STRATEGY, 1)
    made.append(Case("intent", Limit.INTENTS_PER_WINDOW, Refusal.INTENT_RATE, 3, scope, intents, one_more_intent))
    return made


CASES = [case for instrument in (PERP, CASH, INVERSE, FAR) for case in cases_of(instrument) + loss_cases_of(instrument)]
CASES += rule_cases()


def title(case: Case) -> str:
    """For pytest."""
    return f"{case.limit.name}-{case.name}-{case.scope[0].name}".lower()


def desk() -> Floor:
    """A floor where every asset has a rate that does not divide, and accounts have little."""
    made = copy(_floor())
    made.state = copy_state(made.state)
    return made


@cache
def _floor() -> Floor:
    made = Floor()
    rows = [row(r.RATE, asset, rate.numerator, rate.denominator) for asset, rate in RATES.items() if asset != USDT]
    for account in MARKETS:
        rows += [row(r.BALANCE, account, held, asset, 1, 0) for asset, held in MONEY.items()]
    made.take(*rows)
    return made


def state_limit(made: Floor, scope: Scope, limit: Limit, value: int) -> None:
    """A limit, confirmed where that is needed."""
    if made.limit(*scope, limit, value) == [0]:
        made.limit(*scope, limit, value, confirm=made.seq - 2)


def expect(said: Said, case: Case, bound: int) -> None:
    """The verdict at this value of the limit."""
    if not case.refuses(bound, case.seen):
        assert said.code == 0, (name_of(said.code), said)
        return
    assert name_of(said.code) == case.code.name, said
    if case.tells:
        assert (said.scope, said.limit, said.observed) == (case.scope, bound, case.seen)


def bounds_of(case: Case) -> tuple[int, ...]:
    """One below, at it, one above; of switches all there is."""
    if case.limit in (Limit.ALLOWED, Limit.OWN_CROSS):
        return (0, 1, -1) if case.limit == Limit.OWN_CROSS or case.scope[0] != ScopeKind.GLOBAL else (0, -1)
    return case.seen - 1, case.seen, case.seen + 1


@pytest.mark.parametrize("case", CASES, ids=title)
@pytest.mark.parametrize("unknown", [False, True], ids=["same step", "unknown"])
def test_the_boundary_of_every_limit(case: Case, unknown: bool) -> None:
    for bound in bounds_of(case):
        made = desk()
        state_limit(made, case.scope, case.limit, bound)
        case.before(made, unknown)
        expect(case.ask(made), case, bound)


def strict_and_loose(case: Case) -> tuple[int, int]:
    """The value nearest to the boundary that refuses, and the one that does not."""
    bounds = [bound for bound in bounds_of(case) if bound >= 0 or case.limit == Limit.ALLOWED]
    loose = [bound for bound in bounds if not case.refuses(bound, case.seen)]
    strict = [bound for bound in bounds if case.refuses(bound, case.seen)]
    return strict[-1], loose[0]


@pytest.mark.parametrize("case", CASES, ids=title)
def test_every_limit_that_is_lowered_between_two_questions_holds_for_the_second(case: Case) -> None:
    made = desk()
    strict, loose = strict_and_loose(case)
    state_limit(made, case.scope, case.limit, loose)
    case.before(made, False)
    assert case.ask(made).code == 0
    made.decide(r.LIMIT, terms.scope(*case.scope), case.limit, strict, 1, 2)
    expect(case.ask(made), case, strict)


@pytest.mark.parametrize("case", CASES, ids=title)
def test_every_raise_holds_only_once_it_is_confirmed(case: Case) -> None:
    made = desk()
    strict, loose = strict_and_loose(case)
    state_limit(made, case.scope, case.limit, strict)
    case.before(made, False)
    assert made.limit(*case.scope, case.limit, loose) == [0]
    asked = made.seq - 2
    expect(case.ask(made), case, strict)
    assert made.limit(*case.scope, case.limit, loose, confirm=asked) == [0]
    assert case.ask(made).code == 0


def test_no_limit_is_without_a_boundary() -> None:
    everywhere = set(ScopeKind)
    tried = {limit: {case.scope[0] for case in CASES if case.limit == limit} for limit in Limit}
    for case in MORE_CASES:  # each of them at every scope
        tried[case.limit] |= everywhere
    tried[Limit.INTENTS_PER_WINDOW] |= everywhere  # only strategies state intents
    assert {limit.name: everywhere - tried[limit] for limit in Limit if tried[limit] != everywhere} == {}


def test_every_kind_of_instrument_is_tried() -> None:
    for limit in (
        Limit.ORDER_NOTIONAL, Limit.POSITION_QTY, Limit.POSITION_NOTIONAL, Limit.GROSS, Limit.NET, Limit.LEVERAGE_PPM,
        Limit.DAILY_LOSS, Limit.DRAWDOWN,
    ):  # fmt: skip
        assert {case.name.rpartition("-")[2] for case in CASES if case.limit == limit} == {"1", "3", "4", "5"}, limit
