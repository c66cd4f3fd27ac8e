"""The gate said once more, in plain Python from the written rules: dictionaries, fractions, everything measured anew at each question.

Linear contracts whose money is exact in the reporting asset. It knows nothing of State: whoever uses it tells both the same story.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from veloz.contracts.codes import Limit, LimitStep, Refusal, StopLevel, StopSource
from veloz.contracts.terms import OrderType, PositionSide, ScopeKind, TimeInForce

Scope = tuple[ScopeKind, int]
GLOBAL: Scope = (ScopeKind.GLOBAL, 0)
WINDOW, REPEAT = 10**9, 60 * 10**9
CONDITIONAL = tuple(OrderType)[2:]


@dataclass
class Order:
    """An order as the venue would know it. `pending`: price and quantity of an amendment under way."""

    account: int
    strategy: int
    instrument: int
    side: PositionSide
    sell: bool
    type: OrderType
    tif: TimeInForce
    reduce_only: bool
    price: int
    qty: int
    made_ns: int
    traded: int = 0
    pending: tuple[int, int] | None = None
    unknown: bool = False
    stated: int = 0  # filled by the venue's word
    over: bool = False  # nothing more can trade; it stays for what was stated and not shown

    def terms(self) -> tuple[Any, ...]:
        """What makes two orders the same."""
        return (
            self.account, self.strategy, self.instrument, self.side, self.sell, self.type, self.tif, self.reduce_only,
            self.price, self.qty,
        )  # fmt: skip

    def rest(self) -> int:
        """What it may still bring: what can trade, and what the venue says has traded and has not shown."""
        most = 0 if self.over else max(self.qty, self.pending[1] if self.pending else 0)
        return max(most, self.stated) - self.traded

    def progress(self) -> int:
        """What was executed, by word or by trades."""
        return max(self.stated, self.traded)

    def reduces(self) -> bool:
        """Whether it can do nothing else."""
        closing = (PositionSide.LONG, True), (PositionSide.SHORT, False)
        return self.reduce_only or (self.side, self.sell) in closing


@dataclass
class Listed:
    """An instrument: `worth` is reporting money of one price quantum times one quantity quantum."""

    market: int
    tick: int
    lot: int
    worth: int
    qty_min: int = 0
    qty_max: int = 0
    mark: int = 0
    valued: int = 0  # the mark that exposures are valued at: that of the last settlement
    last: int = 0
    bid: int = 0
    ask: int = 0
    heard_ns: int = 0
    frozen: bool = False
    rated: bool = True  # whether it is known what its money is worth


@dataclass
class Bucket:
    """Tokens that are out, and since when."""

    out: Fraction = Fraction(0)
    window: int = 0
    since_ns: int = 0

    def now(self, tokens: int, window: int, now: int) -> Fraction:
        """Tokens out now."""
        out = self.out if self.window == window else Fraction(-(-self.out // 1))
        return max(Fraction(0), out - Fraction((now - self.since_ns) * tokens, window))

    def take(self, tokens: int, window: int, now: int) -> None:
        """One more, if there is one."""
        out = self.now(tokens, window, now)
        self.out, self.window, self.since_ns = max(out, min(out + 1, Fraction(tokens))), window, now


@dataclass
class Holding:
    """A position (of a strategy; None: the account's own) and what is open beside it: buys, sells."""

    account: int
    instrument: int
    side: PositionSide
    strategy: int | None
    qty: int = 0
    plain: list[int] = field(default_factory=lambda: [0, 0])
    reducing: list[int] = field(default_factory=lambda: [0, 0])

    def most(self, sell: bool) -> int:
        """The most it can be on one side."""
        held = -self.qty if sell else self.qty
        return held + self.plain[sell] + min(self.reducing[sell], max(-held, 0))


def together(holdings: list[Holding]) -> Holding:
    """Their sum, as if one account held it."""
    total = Holding(0, 0, PositionSide.BOTH, None)
    for each in holdings:
        total.qty += each.qty
        for sell in (0, 1):
            total.plain[sell] += each.plain[sell]
            total.reducing[sell] += each.reducing[sell]
    return total


@dataclass
class NaiveGate:
    """What is open, held, limited and stopped."""

    instruments: dict[int, Listed]
    hedged: dict[int, bool]
    limits: dict[tuple[Scope, Limit], int] = field(default_factory=dict)
    waiting: dict[tuple[Scope, Limit], tuple[int, int]] = field(default_factory=dict)
    levels: dict[tuple[Scope, StopSource], StopLevel] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    positions: dict[tuple[int, int, PositionSide, int | None], int] = field(default_factory=dict)
    buckets: dict[tuple[Scope, Limit], Bucket] = field(default_factory=dict)
    runs: dict[Scope, tuple[bool, int, int]] = field(default_factory=dict)
    newest: dict[int, Order] = field(default_factory=dict)
    named: set[Scope] = field(
        default_factory=set
    )  # by a command: what a strategy did before is not counted in its scope
    unsettled: set[Scope] = field(default_factory=set)  # in which something was approved that nobody could value yet

    # what stands

    def scopes(self, order: Order) -> list[Scope]:
        """The scopes of an order, widest first."""
        found = [
            GLOBAL,
            (ScopeKind.VENUE, self.instruments[order.instrument].market),
            (ScopeKind.ACCOUNT, order.account),
            (ScopeKind.INSTRUMENT, order.instrument),
        ]
        return found + ([(ScopeKind.STRATEGY, order.strategy)] if order.strategy > 0 else [])

    def limit(self, scope: Scope, limit: Limit) -> int:
        """-1: none."""
        return self.limits.get((scope, limit), -1)

    def level(self, scope: Scope) -> StopLevel:
        """The safest of its sources."""
        return max(self.levels.get((scope, source), StopLevel.RUN) for source in StopSource)

    def span(self, scope: Scope, limit: Limit, default: int) -> int:
        """A window: its own, the global one, or the default."""
        stated = (self.limit(scope, limit), self.limit(GLOBAL, limit), default)
        return max(1, next(value for value in stated if value >= 0))

    def tightest(self, order: Order, limit: Limit) -> Scope | None:
        """The scope with the least limit."""
        stated = [scope for scope in self.scopes(order) if self.limit(scope, limit) >= 0]
        return min(stated, key=lambda scope: self.limit(scope, limit)) if stated else None

    # what could become

    def within(self, scope: Scope, order: Order) -> bool:
        """Whether an order or a position's order belongs to a scope."""
        return scope in self.scopes(order)

    def holdings(self) -> list[Holding]:
        """Every position and every open order of an account, once as the account's own and once as its strategy's share."""
        found: dict[tuple[int, int, PositionSide, int | None], Holding] = {}
        for at, qty in self.positions.items():
            found.setdefault(at, Holding(*at)).qty += qty
        for order in self.orders.values():
            for strategy in (None, order.strategy):
                at = (order.account, order.instrument, order.side, strategy)
                holding = found.setdefault(at, Holding(*at))
                (holding.reducing if order.reduces() else holding.plain)[order.sell] += order.rest()
        return list(found.values())

    def exposures(self, scope: Scope, holdings: list[Holding] | None = None) -> dict[str, int]:
        """Open orders, worst gross, worst long and worst short (below 0 when short) of a scope, measured anew."""
        orders = sum(self.within(scope, order) for order in self.orders.values() if not order.over)
        gross = long = short = 0
        unknown = dict.fromkeys(("worst_gross", "worst_long", "worst_short"), 0)
        blind = 0
        for each in self.holdings() if holdings is None else holdings:
            listed = self.instruments[each.instrument]
            inside = {
                ScopeKind.GLOBAL: True,
                ScopeKind.VENUE: listed.market == scope[1],
                ScopeKind.ACCOUNT: each.account == scope[1],
                ScopeKind.INSTRUMENT: each.instrument == scope[1],
                ScopeKind.STRATEGY: True,
            }
            if inside[scope[0]] and each.strategy == (scope[1] if scope[0] == ScopeKind.STRATEGY else None):
                up, down = each.most(False), each.most(True)
                if not listed.rated:
                    unknown["worst_gross"] += max(up, down, 0)
                    unknown["worst_long"] += up
                    unknown["worst_short"] -= down
                    blind += bool(each.qty or any(each.plain))  # what can only reduce nothing leaves nothing out
                    continue
                worth = listed.valued * listed.worth
                gross += max(up, down, 0) * worth
                long += up * worth
                short -= down * worth
        known = {"orders_open": orders, "worst_gross": gross, "worst_long": long, "worst_short": short}
        return (
            known
            | {"blind": int(blind > 0 or scope in self.unsettled)}
            | {f"unknown {name}": qty for name, qty in unknown.items()}
        )

    def room(self, order: Order) -> tuple[int, int]:
        """What there is to reduce, and what would reduce together with this order."""
        held = self.positions.get((order.account, order.instrument, order.side, None), 0)
        others = [
            other
            for other in self.orders.values()
            if other is not order and other.account == order.account and other.instrument == order.instrument
            and other.side == order.side and other.sell == order.sell
        ]  # fmt: skip
        if order.reduces():
            conditional = order.type in CONDITIONAL
            others = [each for each in others if each.reduces() and each.type not in CONDITIONAL and not conditional]
        return held if order.sell else -held, sum(each.rest() for each in others) + order.rest()

    def crowd(self, order: Order) -> int:
        """What the order and all that is open beside it on its side would close, the plain ones counted whatever it is itself."""
        plain = [
            other.rest()
            for other in self.orders.values()
            if other is not order and other.account == order.account and other.instrument == order.instrument
            and other.side == order.side and other.sell == order.sell and not other.reduces()
        ]  # fmt: skip
        return self.room(order)[1] + (sum(plain) if order.reduces() else 0)

    def surely_reduces(self, order: Order) -> bool:
        """Whether it reduces, and no plain order beside it could turn the position for it."""
        return order.rest() > 0 and self.crowd(order) <= self.room(order)[0]

    # verdicts

    def judge(
        self, order: Order, key: int, now: int, amended: tuple[int, int] | None = None
    ) -> tuple[int, Any, int, int] | None:
        """None, or code, scope, limit and observed. `order` is not among the orders yet, unless it is amended."""
        price, qty = amended or (order.price, order.qty)
        before = self.snapshot(order)
        if amended:
            order.pending = amended
        self.orders[key] = order
        room, queued = self.room(order)
        after = self.snapshot(order)
        reducing = 0 < queued <= room
        try:
            for check in (self.standing, self.venue, self.size):
                found = check(order, price, qty, reducing, now, bool(amended))
                if found:
                    return found
            found = self.worst(order, reducing, before, after, bool(amended))
            found = found or self.rate(order, Limit.ORDERS_PER_WINDOW, Refusal.ORDER_RATE, now)
            if not found and not amended:
                found = self.run(order, reducing, now) or self.twin(order, key, now)
            found = found or self.cross(order, key, price)
            if not found and order.reduces() and not reducing:
                found = (Refusal.REDUCE_ONLY, None, max(room, 0), queued)
            return found
        finally:
            order.pending = None
            if not amended:
                del self.orders[key]

    def snapshot(self, order: Order) -> dict[Scope, dict[str, int]]:
        """Exposures of the scopes of an order, and the worst position that each sees on its side."""
        found, holdings = {}, self.holdings()
        for scope in self.scopes(order):
            of_all = scope[0] in (ScopeKind.GLOBAL, ScopeKind.VENUE, ScopeKind.INSTRUMENT)
            strategy = order.strategy if scope[0] == ScopeKind.STRATEGY else None
            alike = [
                each
                for each in holdings
                if (each.instrument, each.side, each.strategy) == (order.instrument, order.side, strategy)
            ]
            own = [each for each in alike if each.account == order.account]
            found[scope] = self.exposures(scope, holdings)
            found[scope]["most"] = together(alike if of_all else own).most(order.sell)
            found[scope]["own"] = together(own).most(order.sell)
        return found

    def standing(self, order: Order, price: int, qty: int, reducing: bool, now: int, amends: bool) -> Any:
        """Levels, freezes, the allow-list."""
        scope = max(self.scopes(order), key=lambda each: (self.level(each), -self.scopes(order).index(each)))
        level = self.level(scope)
        further = price >= order.price if order.sell else price <= order.price
        if level >= StopLevel.HALT:
            return Refusal.STOPPED, scope, level, order.rest()
        if level == StopLevel.PAUSE and not reducing and not (amends and qty <= order.qty and further):
            return Refusal.PAUSED, scope, level, order.rest()
        if level == StopLevel.REDUCE and not self.surely_reduces(order):
            return Refusal.REDUCE_ONLY_LEVEL, scope, level, self.crowd(order)
        if self.instruments[order.instrument].frozen:
            return Refusal.FROZEN, (ScopeKind.INSTRUMENT, order.instrument), None, None
        if reducing:
            return None
        for each in self.scopes(order)[1:]:
            if self.limit(each, Limit.ALLOWED) == 0:
                return Refusal.NOT_ALLOWED, each, 0, 1
        listed = self.limit((ScopeKind.INSTRUMENT, order.instrument), Limit.ALLOWED)
        return (Refusal.NOT_ALLOWED, GLOBAL, 0, 1) if self.limit(GLOBAL, Limit.ALLOWED) == 0 and listed != 1 else None

    def venue(self, order: Order, price: int, qty: int, reducing: bool, now: int, amends: bool) -> Any:
        """Age of the book, tick, lot and bounds."""
        listed = self.instruments[order.instrument]
        scope = self.tightest(order, Limit.STALE_NS)
        if scope and not reducing and now - listed.heard_ns > self.limit(scope, Limit.STALE_NS):
            return Refusal.BOOK_STALE, scope, self.limit(scope, Limit.STALE_NS), now - listed.heard_ns
        if amends and qty <= order.progress():
            return Refusal.BAD_TERMS, None, None, None
        if price % listed.tick:
            return Refusal.TICK, None, listed.tick, price
        if qty % listed.lot:
            return Refusal.LOT, None, listed.lot, qty
        if qty < max(listed.qty_min, 1):
            return Refusal.QTY_MIN, None, max(listed.qty_min, 1), qty
        if listed.qty_max and qty > listed.qty_max:
            return Refusal.QTY_MAX, None, listed.qty_max, qty
        return None

    def size(self, order: Order, price: int, qty: int, reducing: bool, now: int, amends: bool) -> Any:
        """Collar, quantity, notional."""
        listed = self.instruments[order.instrument]
        touch = listed.bid if order.sell else listed.ask
        references = [Fraction(listed.bid + listed.ask, 2), Fraction(listed.last), Fraction(listed.mark)]
        paid = price or max(-(-(listed.bid + listed.ask) // 2), listed.last, listed.mark, touch)
        scope = self.tightest(order, Limit.COLLAR_PPM)
        if scope:
            apart = max(-(-abs((price or touch) - each) * 10**6 // each) for each in references if each)
            if apart > self.limit(scope, Limit.COLLAR_PPM):
                return Refusal.COLLAR, scope, self.limit(scope, Limit.COLLAR_PPM), apart
        scope = self.tightest(order, Limit.ORDER_QTY)
        if scope and qty > self.limit(scope, Limit.ORDER_QTY):
            return Refusal.ORDER_QTY, scope, self.limit(scope, Limit.ORDER_QTY), qty
        scope = self.tightest(order, Limit.ORDER_NOTIONAL)
        if scope and not listed.rated:
            return Refusal.NO_RATE, scope, self.limit(scope, Limit.ORDER_NOTIONAL), 0
        if scope and paid * qty * listed.worth > self.limit(scope, Limit.ORDER_NOTIONAL):
            return Refusal.ORDER_NOTIONAL, scope, self.limit(scope, Limit.ORDER_NOTIONAL), paid * qty * listed.worth
        return None

    def worst(self, order: Order, reducing: bool, before: Any, after: Any, amends: bool) -> Any:
        """Position, open orders, gross and net."""
        listed = self.instruments[order.instrument]
        sure = reducing and self.surely_reduces(order)
        for scope in [] if sure else self.scopes(order):
            was, will = before[scope], after[scope]
            if will["own"] <= was["own"]:
                continue
            for limit, seen in (
                (Limit.POSITION_QTY, will["most"]),
                (Limit.POSITION_NOTIONAL, will["most"] * listed.valued * listed.worth),
            ):
                if limit == Limit.POSITION_NOTIONAL and self.limit(scope, limit) >= 0 and not listed.rated:
                    if will["most"] > 0:
                        return Refusal.NO_RATE, scope, self.limit(scope, limit), 0
                elif self.limit(scope, limit) >= 0 and seen > self.limit(scope, limit):
                    return Refusal.POSITION, scope, self.limit(scope, limit), seen
        for scope in [] if amends else self.scopes(order):
            if 0 <= self.limit(scope, Limit.OPEN_ORDERS) < after[scope]["orders_open"]:
                return Refusal.OPEN_ORDERS, scope, self.limit(scope, Limit.OPEN_ORDERS), after[scope]["orders_open"]
        side = "worst_short" if order.sell else "worst_long"
        for limit, name, code in (
            (Limit.GROSS, "worst_gross", Refusal.GROSS_EXPOSURE),
            (Limit.NET, side, Refusal.NET_EXPOSURE),
        ):
            for scope in [] if sure else self.scopes(order):
                was, will = before[scope], after[scope]
                seen = -will[name] if name == "worst_short" else will[name]
                grows = any(was[each] != will[each] for each in (name, f"unknown {name}"))
                if not grows or self.limit(scope, limit) < 0:
                    continue
                if not listed.rated:
                    return Refusal.NO_RATE, scope, self.limit(scope, limit), 0
                if seen > self.limit(scope, limit):
                    return code, scope, self.limit(scope, limit), seen
                if was["blind"]:
                    return Refusal.NO_RATE, scope, None, None
        return None

    def rate(self, order: Order, limit: Limit, code: Refusal, now: int) -> Any:
        """Token buckets."""
        for scope in self.scopes(order):
            tokens = self.limit(scope, limit)
            if tokens >= 0:
                out = self.buckets.get((scope, limit), Bucket()).now(
                    tokens, self.span(scope, Limit.WINDOW_NS, WINDOW), now
                )
                if out + 1 > tokens:
                    return code, scope, tokens, -(-out // 1) + 1
        return None

    def run_of(self, scope: Scope, order: Order, now: int) -> int:
        """How many entries in a row this one would be."""
        sell, count, last = self.runs.get(scope, (False, 0, 0))
        near = now - last <= self.span(scope, Limit.REPEAT_NS, REPEAT)
        return count + 1 if sell == order.sell and near else 1

    def run(self, order: Order, reducing: bool, now: int) -> Any:
        """Repeats."""
        for scope in [] if reducing else self.scopes(order):
            run = self.run_of(scope, order, now)
            if 0 <= self.limit(scope, Limit.REPEATS) < run:
                return Refusal.REPEATED, scope, self.limit(scope, Limit.REPEATS), run
        return None

    def twin(self, order: Order, key: int, now: int) -> Any:
        """Duplicates: among what is open, and the newest approved of the instrument."""
        span, scope = max(
            ((self.limit(each, Limit.DUPLICATE_NS), each) for each in self.scopes(order)), key=lambda pair: pair[0]
        )
        others = [each for at, each in self.orders.items() if at != key and not each.over]
        others += [self.newest[order.instrument]] if order.instrument in self.newest else []
        made = [each.made_ns for each in others if each.terms() == order.terms()]
        if span > 0 and made and now - max(made) <= span:
            return Refusal.DUPLICATE, scope, span, now - max(made)
        return None

    def cross(self, order: Order, key: int, price: int) -> Any:
        """Own crosses."""
        stated = [self.limit(scope, Limit.OWN_CROSS) for scope in self.scopes(order)]
        if 1 not in stated and 0 in stated:
            return None
        top = 2**62 - 1
        against = [
            (0 if other.sell else top) if other.type == OrderType.MARKET else at
            for number, other in self.orders.items()
            if number != key and other.instrument == order.instrument and other.sell != order.sell and not other.over
            and other.type not in CONDITIONAL
            for at in ([other.price] + ([other.pending[0]] if other.pending else []))
        ]  # fmt: skip
        if not against:
            return None
        price = price if order.type != OrderType.MARKET else 0 if order.sell else top
        best = max(against) if order.sell else min(against)
        crosses = price <= best if order.sell else price >= best
        return (Refusal.OWN_CROSS, None, best, price) if crosses else None

    # what was decided

    def approve(self, order: Order, key: int, now: int, amended: tuple[int, int] | None = None) -> None:
        """Fold an approval."""
        if amended:
            order.pending = amended
        else:
            self.orders[key] = order
            self.newest[order.instrument] = Order(**{**order.__dict__, "made_ns": now})
        if not self.instruments[order.instrument].rated:
            self.unsettled.update(self.scopes(order))
        room, queued = self.room(order)
        for scope in self.scopes(order):
            self.spend(scope, Limit.ORDERS_PER_WINDOW, now)
            if not amended and (scope[0] != ScopeKind.STRATEGY or scope in self.named):
                run = 0 if 0 < queued <= room else self.run_of(scope, order, now)
                self.runs[scope] = (order.sell, run, now)

    def settle(self) -> None:
        """The end of a step: everything is valued anew."""
        self.unsettled.clear()

    def spend(self, scope: Scope, limit: Limit, now: int) -> None:
        """Take a token."""
        tokens = self.limit(scope, limit)
        if tokens >= 0:
            bucket = self.buckets.setdefault((scope, limit), Bucket())
            bucket.take(tokens, self.span(scope, Limit.WINDOW_NS, WINDOW), now)

    def fill(self, key: int, qty: int) -> None:
        """Fold an execution."""
        order = self.orders[key]
        order.traded += qty
        for strategy in (None, order.strategy):
            at = (order.account, order.instrument, order.side, strategy)
            self.positions[at] = self.positions.get(at, 0) + (-qty if order.sell else qty)
        self.state(key, 0)

    def state(self, key: int, filled: int, *, ends: bool = False) -> None:
        """Fold a word on what is filled, maybe the last."""
        order = self.orders[key]
        order.stated = max(order.stated, filled)
        if ends or (order.progress() >= order.qty and not order.pending):
            order.over, order.pending = True, None
        if order.over and order.rest() <= 0:
            del self.orders[key]

    # limits

    def looseness(self, scope: Scope, limit: Limit, value: int) -> int:
        """The greater, the looser."""
        if limit in (Limit.WINDOW_NS, Limit.REPEAT_NS):
            default = WINDOW if limit == Limit.WINDOW_NS else REPEAT
            wide = self.limit(GLOBAL, limit) if scope != GLOBAL else -1
            return -(value if value >= 0 else wide if wide >= 0 else default)
        if limit == Limit.DUPLICATE_NS:
            return -max(value, 0)
        if limit in (Limit.ALLOWED, Limit.OWN_CROSS):
            rank = {0: 0, -1: 1, 1: 2}[value]
            return rank if limit == Limit.ALLOWED else -rank
        return value if value >= 0 else 2**63

    def command_limit(
        self, scope: Scope, limit: Limit, value: int, seq: int, confirm: int = 0
    ) -> Refusal | LimitStep | None:
        """What a limit command leads to; None: nothing."""
        self.named.add(scope)
        at = (scope, limit)
        if confirm:
            if value == self.limit(*at) and at not in self.waiting:
                return None
            if self.waiting.get(at) != (value, confirm):
                return Refusal.CONFIRM_NEEDED
        elif value == self.limit(*at) and at not in self.waiting:
            return Refusal.ALREADY
        elif self.looseness(scope, limit, value) > self.looseness(scope, limit, self.limit(*at)):
            self.waiting[at] = (value, seq)
            return LimitStep.WAITS
        self.limits[at] = value
        self.waiting.pop(at, None)
        return LimitStep.SET
