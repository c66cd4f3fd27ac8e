"""Any drafts, approvals, fills, cancels, silences, amendments, limits and stops in any order: the gate says what the written rules say."""

import functools
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.sessions import row
from tests.lanes import cases
from tests.oracles.naive_gate import GLOBAL, Listed, NaiveGate, Order
from tests.risk.floor import EUR, FAR, HEDGED, ONE_WAY, OTHER, PERP, SECOND, Floor, name_of
from veloz.contracts import registry as r
from veloz.contracts.codes import RESUME_PHRASE, Limit, LimitStep, Refusal, StopLevel, StopSource
from veloz.contracts.terms import Action, OrderType, PositionSide, ScopeKind, TimeInForce
from veloz.reducers.room import PER_SCOPE

LIVES, STEPS, STEP_BYTES = cases(500, 60, 200), 50, 8
WORTH = 1_000
SCOPES = [
    GLOBAL, (ScopeKind.VENUE, 2), (ScopeKind.ACCOUNT, ONE_WAY), (ScopeKind.ACCOUNT, HEDGED), (ScopeKind.INSTRUMENT, PERP),
    (ScopeKind.STRATEGY, 1), (ScopeKind.STRATEGY, 2),
]  # fmt: skip
NOTIONAL = 10_000 * WORTH
VALUES = {
    Limit.COLLAR_PPM: [0, 500, 1_000, 1_500, 2_000],
    Limit.ORDER_QTY: [2, 4, 6],
    Limit.ORDER_NOTIONAL: [4 * NOTIONAL, 4 * NOTIONAL + 20 * WORTH, 6 * NOTIONAL],
    Limit.POSITION_QTY: [0, 4, 6, 8, 10],
    Limit.POSITION_NOTIONAL: [6 * NOTIONAL, 8 * NOTIONAL, 8 * NOTIONAL - 1],
    Limit.OPEN_ORDERS: [0, 1, 2, 3, 4],
    Limit.GROSS: [8 * NOTIONAL, 12 * NOTIONAL, 20 * NOTIONAL],
    Limit.NET: [4 * NOTIONAL, 8 * NOTIONAL, 12 * NOTIONAL],
    Limit.ORDERS_PER_WINDOW: [0, 1, 2, 3, 7],
    Limit.CANCELS_PER_WINDOW: [0, 1, 3],
    Limit.WINDOW_NS: [SECOND, 3 * SECOND, 7],
    Limit.REPEATS: [1, 2, 3],
    Limit.REPEAT_NS: [0, SECOND, 5 * SECOND],
    Limit.STALE_NS: [0, SECOND, 2 * SECOND],
    Limit.ALLOWED: [0, 1],
    Limit.DUPLICATE_NS: [0, 1, SECOND],
    Limit.OWN_CROSS: [0, 1],
}
LIMITS = sorted(VALUES)
WAITS = (1, 7, SECOND // 3, SECOND, 4 * SECOND, 61 * SECOND)
KINDS = (
    "wait", *("order",) * 9, *("fill",) * 4, *("ahead",) * 2, "silence", *("cancel",) * 3, *("amend",) * 3, *("answer",) * 2,
    *("limit",) * 4, "stop", *("resume",) * 2, "rate", *("prices",) * 2, "wait",
)  # fmt: skip
CALM = {
    1: ("stop",),
    2: ("limit",),
    4: ("silence", "ahead"),
    8: ("rate",),
    16: ("amend",),
}  # what a life may do without


class World(NamedTuple):
    """Where orders may be: the fewer places, the more they have to do with each other."""

    accounts: tuple[int, ...]
    instruments: tuple[int, ...]
    strategies: tuple[int, ...]


WORLDS = {
    "wide": World((ONE_WAY, ONE_WAY, HEDGED), (PERP, PERP, OTHER, FAR), (0, 1, 2)),
    "contract": World((ONE_WAY, HEDGED), (PERP,), (1, 2)),
    "account": World((ONE_WAY,), (PERP, FAR), (0, 1)),
    "hedged": World((HEDGED,), (PERP, OTHER), (0, 2)),
}


@functools.cache
def opened() -> Floor:
    """A floor of three contracts and two accounts, its tables cut down to what a life of this length needs: they are copied often."""
    floor = Floor((PERP, OTHER, FAR))
    lengths = {"orders": 64, "positions": 32, "accounts": HEDGED + 1}
    lengths |= {name: 32 * each for name, each in {"scopes": 1, **PER_SCOPE}.items()}
    lengths["balances"] = len(floor.state.balances) // len(floor.state.accounts) * lengths["accounts"]
    floor.state = floor.state._replace(**{name: getattr(floor.state, name)[:many] for name, many in lengths.items()})
    return floor


class GateLife:
    """The real fold and the real gate beside the naive one, which hears the same story. Inputs are gathered into one engine step
    until somebody decides: then, as live, it is settled first.
    """

    def __init__(self, world: World, calm: int) -> None:
        self.floor = opened().fork()
        self.floor.gathers = True
        self.told = False
        listed = {
            number: Listed(2, 5, 2, WORTH, mark=10_000, valued=10_000, last=10_000, bid=9_995, ask=10_005)
            for number in (PERP, OTHER, FAR)
        }
        listed[FAR].rated, listed[FAR].worth = False, 2 * WORTH
        self.naive = NaiveGate(listed, {ONE_WAY: False, HEDGED: True})
        for each in listed.values():
            each.heard_ns = self.floor.now
        self.without = {kind for bit, kinds in CALM.items() if calm & bit for kind in kinds}
        self.world = world

    def step(self, raw: bytes) -> None:
        """One step out of eight bytes; zeros: a nanosecond. What cannot be done now is a fill instead, or an order."""
        kind = KINDS[raw[0] % len(KINDS)]
        needs = {
            "ahead": self.living(), "fill": self.naive.orders, "silence": self.living(), "cancel": self.living(), "amend": self.living(),
            "answer": any(order.pending for order in self.naive.orders.values()), "resume": any(self.naive.levels.values()),
        }  # fmt: skip
        if kind in self.without or not needs.get(kind, True):
            kind = "fill" if self.naive.orders and kind not in ("amend", "cancel") else "order"
        approvals = int(self.floor.state.desk[0]["approved"])
        getattr(self, kind)(*raw[1:])
        if int(self.floor.state.desk[0]["approved"]) != approvals or raw[7] < 32:
            self.compare_exposures()

    def settled(self) -> None:
        """The step in hand is over. Marks change with the market; exposures are valued at those of the last settlement, which comes
        once a second or after a trading row.
        """
        if self.told:
            self.floor.settle()
            self.naive.settle()
            self.told = False
        for number, listed in self.naive.instruments.items():
            listed.valued = int(self.floor.state.terms[number]["mark"]) // 10**6 or listed.mark

    def compare(self, code: int, said: object, wanted: object) -> None:
        if wanted is None:
            assert code == 0, (name_of(code), said)
            return
        wanted_code, scope, limit, observed = wanted  # type: ignore[misc]
        assert name_of(code) == Refusal(wanted_code).name, (said, wanted)
        assert said.scope == (scope or (0, 0)), (said, wanted)  # type: ignore[attr-defined]
        if limit is not None:
            assert (said.limit, said.observed) == (limit, observed), (name_of(code), said, wanted)  # type: ignore[attr-defined]

    def order(self, who: int, what: int, how: int, price: int, qty: int, *_: int) -> None:
        accounts, instruments, strategies = self.world
        account = accounts[who % len(accounts)]
        side = (PositionSide.LONG, PositionSide.SHORT)[who // 3 % 2] if account == HEDGED else PositionSide.BOTH
        instrument, strategy = instruments[what % len(instruments)], strategies[what // 4 % len(strategies)]
        kind = OrderType.MARKET if how & 6 == 6 else OrderType.LIMIT
        made = Order(
            account, strategy, instrument, side, bool(how & 1), kind, TimeInForce.GTC,
            how & 24 == 24 and account != HEDGED, 0 if kind == OrderType.MARKET else price_of(price), qty_of(qty), self.floor.now,
        )  # fmt: skip
        self.settled()
        key, seq = self.floor.draft(
            instrument, made.price, made.qty, account=account, strategy=made.strategy, sell=int(made.sell),
            position_side=side, type=kind, reduce_only=int(made.reduce_only),
        )  # fmt: skip
        wanted = self.naive.judge(made, key, self.floor.now)
        self.floor.keep()
        said = self.floor.judged(key)
        assert self.floor.is_kept(), "judging changes nothing"
        self.floor.rule(key, seq, said)
        self.compare(said.code, said, wanted)
        if not said.code:
            self.naive.approve(made, key, self.floor.now)

    def living(self) -> list[int]:
        return sorted(key for key, order in self.naive.orders.items() if not order.over)

    def pick(self, at: int) -> int:
        keys = self.living()
        return keys[at % len(keys)]

    def ahead(self, at: int, part: int, whole: int, *_: int) -> None:
        """A report that comes before its fills."""
        key = self.pick(at)
        order = self.naive.orders[key]
        left = order.qty - order.progress() - (1 if order.pending else 0)
        filled = order.progress() + (left if whole & 1 else min(part % 6 + 1, left))
        order.unknown = False
        self.report(r.ACCEPTED, key, 77, filled, self.floor.seq)
        self.naive.state(key, filled)

    def report(self, kind: r.Kind, key: int, *words: int, **parts: int) -> None:
        self.floor.report(kind, key, *words, **parts)
        self.told = True

    def fill(self, at: int, part: int, whole: int, *_: int) -> None:
        key = sorted(self.naive.orders)[at % len(self.naive.orders)]
        order = self.naive.orders[key]
        open_qty = order.rest() if order.over else order.qty - order.traded - (1 if order.pending else 0)
        qty = open_qty if whole & 1 else min(part % 6 + 1, open_qty)
        if qty > 0:
            order.unknown = False
            self.floor.fill(key, order.price or 10_000, qty)
            self.told = True
            self.naive.fill(key, qty)

    def silence(self, at: int, *_: int) -> None:
        key = self.pick(at)
        if not self.naive.orders[key].progress() and not self.naive.orders[key].pending:
            self.naive.orders[key].unknown = True
            self.report(r.SILENT, key, Action.PLACE, self.floor.now + SECOND, 1)

    def cancel(self, at: int, late: int, *_: int) -> None:
        key = self.pick(at)
        order = self.naive.orders[key]
        self.settled()
        code = self.floor.cancel(key)
        wanted = self.naive.rate(order, Limit.CANCELS_PER_WINDOW, Refusal.CANCEL_RATE, self.floor.now)
        assert code == (wanted[0] if wanted else 0)
        if not code:
            for scope in self.naive.scopes(order):
                self.naive.spend(scope, Limit.CANCELS_PER_WINDOW, self.floor.now)
            filled = min(order.progress() + (0, 0, 1, 2)[late % 4], order.qty - 1)
            self.report(r.CANCELED, key, 1, filled, self.floor.seq)
            self.naive.state(key, filled, ends=True)

    def amend(self, at: int, price: int, qty: int, *_: int) -> None:
        key = self.pick(at)
        order = self.naive.orders[key]
        price, qty = price_of(price), qty_of(qty)
        if order.pending or order.unknown or order.type == OrderType.MARKET:
            return
        self.settled()
        if (price, qty) == (order.price, order.qty):
            assert self.floor.amend(key, price, qty).code == Refusal.NOTHING_CHANGES
            return
        wanted = self.naive.judge(order, key, self.floor.now, (price, qty))
        said = self.floor.amend(key, price, qty)
        self.compare(said.code, said, wanted)
        if not said.code:
            self.naive.approve(order, key, self.floor.now, (price, qty))

    def answer(self, taken: int, *_: int) -> None:
        """The venue takes an amendment, or does not."""
        key = next(key for key, order in self.naive.orders.items() if order.pending)
        order = self.naive.orders[key]
        price, qty = order.pending or (0, 0)
        if taken & 1 and qty > order.progress():
            self.report(r.REPLACED, key, price, qty, self.floor.seq, action=Action.AMEND)
            order.price, order.qty = price, qty
        else:
            self.report(r.REQUEST_REJECTED, key, -1, order.traded, self.floor.seq, action=Action.AMEND)
        order.pending = None

    def limit(self, where: int, which: int, value: int, how: int, *_: int) -> None:
        scope, limit = SCOPES[where % len(SCOPES)], LIMITS[which % len(LIMITS)]
        value = -1 if how & 6 == 6 else VALUES[limit][value % len(VALUES[limit])]
        self.state_limit(scope, limit, value, 0)
        if how & 1:
            self.state_limit(scope, limit, *self.naive.waiting.get((scope, limit), (value, self.floor.seq)))

    def state_limit(self, scope, limit, value, confirm) -> None:
        seq = self.floor.seq + 1
        codes = self.floor.limit(*scope, limit, value, confirm)
        wanted = self.naive.command_limit(scope, limit, value, seq, confirm)
        answers = [] if wanted is None else [0] if isinstance(wanted, LimitStep) else [wanted]
        assert codes == answers, (limit, value, wanted)
        self.told = True

    def stop(self, where: int, level: int, source: int, resume: int, *_: int) -> None:
        scope, level = SCOPES[where % len(SCOPES)], tuple(StopLevel)[level % len(StopLevel)]
        source = tuple(StopSource)[source % len(StopSource)]
        was = self.naive.levels.get((scope, source), StopLevel.RUN)
        self.settled()
        codes = self.floor.stop(*scope, level, source, RESUME_PHRASE if resume & 1 else "")
        self.told = True
        self.naive.named.add(scope)
        if level > was or level == was != StopLevel.RUN:
            assert codes == [0]
            self.naive.levels[scope, source] = level
        else:
            wanted = Refusal.ALREADY if level == was else Refusal.NOT_CLEAN if resume & 1 else Refusal.PHRASE_WRONG
            assert codes == [wanted]

    def resume(self, *_: int) -> None:
        """All that is stopped runs again."""
        for account in (ONE_WAY, HEDGED):
            self.floor.state.accounts[account]["clean"] = 1
        for (scope, source), level in sorted(self.naive.levels.items()):
            if level != StopLevel.RUN:
                assert self.floor.stop(*scope, StopLevel.RUN, source, RESUME_PHRASE) == [0]
        self.naive.levels.clear()
        for account in (ONE_WAY, HEDGED):
            self.floor.state.accounts[account]["clean"] = 0
        self.told = True

    def wait(self, ns: int, *_: int) -> None:
        self.floor.now += WAITS[ns % len(WAITS)]
        self.told = True

    def rate(self, known: int, *_: int) -> None:
        self.floor.take(row(r.RATE, EUR, 2, known & 1, ts=self.floor.now))
        self.naive.instruments[FAR].rated = bool(known & 1)
        self.told = True

    def prices(self, which: int, ticks: int, *_: int) -> None:
        instrument, price = (PERP, OTHER, FAR)[which % 3], 10_000 + 5 * (ticks % 7 - 3)
        self.floor.price(instrument, price)
        listed = self.naive.instruments[instrument]
        listed.mark = listed.last = price
        listed.bid, listed.ask, listed.heard_ns = price - 5, price + 5, self.floor.now
        self.told = True

    def compare_exposures(self) -> None:
        """What each scope has come to, and could."""
        self.settled()
        state, holdings = self.floor.state, self.naive.holdings()
        for scope in SCOPES:
            kind, number = scope
            place = {
                ScopeKind.GLOBAL: 0, ScopeKind.VENUE: number,
                ScopeKind.ACCOUNT: int(state.accounts[number]["scope_ix"]) if number < len(state.accounts) else -1,
                ScopeKind.INSTRUMENT: int(state.terms[number]["scope_ix"]) if number < len(state.terms) else -1,
                ScopeKind.STRATEGY: int(state.strategies[number]["scope_ix"]) if number < len(state.strategies) else -1,
            }[kind]  # fmt: skip
            if place >= 0:
                record = state.scopes[place]
                wanted = self.naive.exposures(scope, holdings)
                found = {
                    name: int(record[name]) for name in ("orders_open", "worst_gross", "worst_long", "worst_short")
                }
                assert found == {name: wanted[name] for name in found}, scope
                assert bool(record["unvalued"]) == bool(wanted["blind"]), scope


def price_of(byte: int) -> int:
    """On a tick near the market, or off it."""
    return 10_000 + 5 * (byte % 9 - 4) if byte & 224 else 9_980 + 5 * (byte & 7) + byte % 5


def qty_of(byte: int) -> int:
    """Whole lots, or any."""
    return 2 * (byte % 6) + 2 if byte & 224 else byte % 9 + 1


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=LIVES)
@given(raw=st.binary(min_size=STEPS * STEP_BYTES, max_size=STEPS * STEP_BYTES), calm=st.integers(0, 31))
def test_the_gate_says_what_the_rules_say(world: str, raw: bytes, calm: int) -> None:
    life = GateLife(WORLDS[world], calm)
    for at in range(0, len(raw), STEP_BYTES):
        life.step(raw[at : at + STEP_BYTES])
    life.compare_exposures()
