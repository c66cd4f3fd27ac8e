"""Any drafts, approvals, fills, cancels, silences, amendments, limits and stops in any order: the gate says what the written rules say."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.engine.sessions import row
from tests.oracles.naive_gate import GLOBAL, Listed, NaiveGate, Order
from tests.risk.floor import EUR, FAR, HEDGED, ONE_WAY, OTHER, PERP, SECOND, Floor, name_of
from veloz.contracts import registry as r
from veloz.contracts.codes import RESUME_PHRASE, Limit, LimitStep, Refusal, StopLevel, StopSource
from veloz.contracts.kernel import config
from veloz.contracts.terms import Action, OrderType, PositionSide, ScopeKind, TimeInForce

EXAMPLES, STEPS = (25, 30) if config.DISABLE_JIT else (500, 50)
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
PRICES = st.integers(-4, 4).map(lambda ticks: 10_000 + 5 * ticks) | st.integers(9_980, 10_020)
QTYS = st.integers(1, 6).map(lambda lots: 2 * lots) | st.integers(1, 9)


class GateLife(RuleBasedStateMachine):
    """The real fold and the real gate beside the naive one, which hears the same story."""

    @initialize()
    def begin(self) -> None:
        self.floor = Floor()
        listed = {
            number: Listed(2, 5, 2, WORTH, mark=10_000, valued=10_000, last=10_000, bid=9_995, ask=10_005)
            for number in (PERP, OTHER, FAR)
        }
        listed[FAR].rated, listed[FAR].worth = False, 2 * WORTH
        self.naive = NaiveGate(listed, {ONE_WAY: False, HEDGED: True})
        for each in listed.values():
            each.heard_ns = self.floor.now

    def settled(self) -> None:
        """Marks change with the market; exposures are valued at those of the last settlement, which comes once a second or after a
        trading row.
        """
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

    @rule(
        account=st.sampled_from([ONE_WAY, ONE_WAY, HEDGED]),
        strategy=st.integers(0, 2),
        instrument=st.sampled_from([PERP, PERP, OTHER, FAR]),
        side=st.sampled_from([PositionSide.LONG, PositionSide.SHORT]),
        sell=st.booleans(),
        market=st.sampled_from([False, False, False, True]),
        reduce_only=st.sampled_from([False, False, True]),
        price=PRICES,
        qty=QTYS,
    )
    def order(self, account, strategy, instrument, side, sell, market, reduce_only, price, qty) -> None:
        side = side if account == HEDGED else PositionSide.BOTH
        kind = OrderType.MARKET if market else OrderType.LIMIT
        made = Order(
            account, strategy, instrument, side, sell, kind, TimeInForce.GTC, reduce_only and account != HEDGED,
            0 if market else price, qty, self.floor.now,
        )  # fmt: skip
        key, seq = self.floor.draft(
            instrument, made.price, qty, account=account, strategy=strategy, sell=int(sell), position_side=side,
            type=kind, reduce_only=int(made.reduce_only),
        )  # fmt: skip
        self.settled()
        wanted = self.naive.judge(made, key, self.floor.now)
        before = self.floor.kept()
        self.floor.judged(key)
        assert self.floor.kept() == before, "judging changes nothing"
        said = self.floor.rule(key, seq)
        self.compare(said.code, said, wanted)
        if not said.code:
            self.naive.approve(made, key, self.floor.now)

    def living(self) -> list[int]:
        return sorted(key for key, order in self.naive.orders.items() if not order.over)

    def pick(self, at: int) -> int:
        keys = self.living()
        return keys[at % len(keys)]

    @precondition(lambda self: self.living())
    @rule(at=st.integers(0, 20), part=st.integers(1, 6), whole=st.booleans())
    def report_ahead_of_its_fills(self, at, part, whole) -> None:
        key = self.pick(at)
        order = self.naive.orders[key]
        left = order.qty - order.progress() - (1 if order.pending else 0)
        filled = order.progress() + (left if whole else min(part, left))
        order.unknown = False
        self.floor.report(r.ACCEPTED, key, 77, filled, self.floor.seq)
        self.naive.state(key, filled)

    @precondition(lambda self: self.naive.orders)
    @rule(at=st.integers(0, 20), part=st.integers(1, 6), whole=st.booleans())
    def fill(self, at, part, whole) -> None:
        key = sorted(self.naive.orders)[at % len(self.naive.orders)]
        order = self.naive.orders[key]
        open_qty = order.rest() if order.over else order.qty - order.traded - (1 if order.pending else 0)
        qty = open_qty if whole else min(part, open_qty)
        if qty > 0:
            order.unknown = False
            self.floor.fill(key, order.price or 10_000, qty)
            self.naive.fill(key, qty)

    @precondition(lambda self: self.living())
    @rule(at=st.integers(0, 20))
    def silence(self, at) -> None:
        key = self.pick(at)
        if not self.naive.orders[key].progress() and not self.naive.orders[key].pending:
            self.naive.orders[key].unknown = True
            self.floor.report(r.SILENT, key, Action.PLACE, self.floor.now + SECOND, 1)

    @precondition(lambda self: self.living())
    @rule(at=st.integers(0, 20), late=st.sampled_from([0, 0, 1, 2]))
    def cancel(self, at, late) -> None:
        key = self.pick(at)
        order = self.naive.orders[key]
        code = self.floor.cancel(key)
        wanted = self.naive.rate(order, Limit.CANCELS_PER_WINDOW, Refusal.CANCEL_RATE, self.floor.now)
        assert code == (wanted[0] if wanted else 0)
        if not code:
            for scope in self.naive.scopes(order):
                self.naive.spend(scope, Limit.CANCELS_PER_WINDOW, self.floor.now)
            filled = min(order.progress() + late, order.qty - 1)
            self.floor.report(r.CANCELED, key, 1, filled, self.floor.seq)
            self.naive.state(key, filled, ends=True)

    @precondition(lambda self: self.living())
    @rule(at=st.integers(0, 20), price=PRICES, qty=QTYS)
    def amend(self, at, price, qty) -> None:
        key = self.pick(at)
        order = self.naive.orders[key]
        if order.pending or order.unknown or order.type == OrderType.MARKET:
            return
        if (price, qty) == (order.price, order.qty):
            assert self.floor.amend(key, price, qty).code == Refusal.NOTHING_CHANGES
            return
        self.settled()
        wanted = self.naive.judge(order, key, self.floor.now, (price, qty))
        said = self.floor.amend(key, price, qty)
        self.compare(said.code, said, wanted)
        if not said.code:
            self.naive.approve(order, key, self.floor.now, (price, qty))

    @precondition(lambda self: any(order.pending for order in self.naive.orders.values()))
    @rule(taken=st.booleans())
    def amendment_answered(self, taken) -> None:
        key = next(key for key, order in self.naive.orders.items() if order.pending)
        order = self.naive.orders[key]
        price, qty = order.pending
        taken = taken and qty > order.progress()
        if taken:
            self.floor.report(r.REPLACED, key, price, qty, self.floor.seq, action=Action.AMEND)
            order.price, order.qty = price, qty
        else:
            self.floor.report(r.REQUEST_REJECTED, key, -1, order.traded, self.floor.seq, action=Action.AMEND)
        order.pending = None

    @rule(
        scope=st.sampled_from(SCOPES),
        pair=st.sampled_from(sorted(VALUES)).flatmap(
            lambda limit: st.tuples(st.just(limit), st.sampled_from(VALUES[limit]))
        ),
        off=st.sampled_from([False, False, False, True]),
        confirmed=st.booleans(),
    )
    def set_limit(self, scope, pair, off, confirmed) -> None:
        limit, value = pair[0], -1 if off else pair[1]
        self.state_limit(scope, limit, value, 0)
        if confirmed:
            value, seq = self.naive.waiting.get((scope, limit), (value, self.floor.seq - 1))
            self.state_limit(scope, limit, value, seq)

    def state_limit(self, scope, limit, value, confirm) -> None:
        codes = self.floor.limit(*scope, limit, value, confirm)
        seq = self.floor.seq - 1 - len(codes)
        wanted = self.naive.command_limit(scope, limit, value, seq, confirm)
        answers = [] if wanted is None else [0] if isinstance(wanted, LimitStep) else [wanted]
        assert codes == answers, (limit, value, wanted)

    @rule(
        scope=st.sampled_from(SCOPES),
        level=st.sampled_from(StopLevel),
        source=st.sampled_from(StopSource),
        resume=st.booleans(),
    )
    def stop(self, scope, level, source, resume) -> None:
        was = self.naive.levels.get((scope, source), StopLevel.RUN)
        codes = self.floor.stop(*scope, level, source, RESUME_PHRASE if resume else "")
        if level > was or level == was != StopLevel.RUN:
            assert codes == [0]
            self.naive.levels[scope, source] = level
        else:
            wanted = Refusal.ALREADY if level == was else Refusal.NOT_CLEAN if resume else Refusal.PHRASE_WRONG
            assert codes == [wanted]

    @precondition(lambda self: any(self.naive.levels.values()))
    @rule()
    def resume_all(self) -> None:
        for account in range(1, 5):
            self.floor.state.accounts[account]["clean"] = 1
        for (scope, source), level in sorted(self.naive.levels.items()):
            if level != StopLevel.RUN:
                assert self.floor.stop(*scope, StopLevel.RUN, source, RESUME_PHRASE) == [0]
        self.naive.levels.clear()
        for account in range(1, 5):
            self.floor.state.accounts[account]["clean"] = 0

    @rule(ns=st.sampled_from([1, 7, SECOND // 3, SECOND, 4 * SECOND, 61 * SECOND]))
    def wait(self, ns) -> None:
        self.floor.now += ns
        self.floor.take()

    @rule(known=st.booleans())
    def rate(self, known) -> None:
        self.floor.take(row(r.RATE, EUR, 2, int(known), ts=self.floor.now))
        self.naive.instruments[FAR].rated = known

    @rule(
        instrument=st.sampled_from([PERP, OTHER, FAR]), price=st.integers(-3, 3).map(lambda ticks: 10_000 + 5 * ticks)
    )
    def prices(self, instrument, price) -> None:
        self.floor.price(instrument, price)
        listed = self.naive.instruments[instrument]
        listed.mark = listed.last = price
        listed.bid, listed.ask, listed.heard_ns = price - 5, price + 5, self.floor.now

    @invariant()
    def exposures_are_measured_alike(self) -> None:
        if not hasattr(self, "floor"):
            return
        self.settled()
        state = self.floor.state
        for scope in SCOPES:
            kind, number = scope
            place = {
                ScopeKind.GLOBAL: 0, ScopeKind.VENUE: number,
                ScopeKind.ACCOUNT: int(state.accounts[number]["scope_ix"]) if number < len(state.accounts) else -1,
                ScopeKind.INSTRUMENT: int(state.terms[number]["scope_ix"]) if number < len(state.terms) else -1,
                ScopeKind.STRATEGY: int(state.strategies[number]["scope_ix"]) if number < len(state.strategies) else -1,
            }[kind]  # fmt: skip
            if place >= 0:
                found = {
                    name: int(state.scopes[place][name])
                    for name in ("orders_open", "worst_gross", "worst_long", "worst_short")
                }
                wanted = self.naive.exposures(scope)
                assert found == {name: wanted[name] for name in found}, scope
                assert bool(state.scopes[place]["unvalued"]) == bool(wanted["blind"]), scope


TestGateLife = GateLife.TestCase
TestGateLife.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
