"""Random whole days of trading as rows: orders of every fate, fills, fees, funding, statements, commands, prices, on three accounts.

Most of a day hangs together (a draft is approved, sent, answered, filled in parts); some of it is what must never come. `python -m
tests.reducers.days N` prints the state hashes of the first N days, for a comparison with another process.
"""

import random
import sys
from collections.abc import Callable

import numpy as np

from veloz.contracts import codes, terms
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW, STEP_END
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state, state_hash

SECOND = 10**9
BEGIN = 1_700_000_000 * SECOND
COIN, CASH, THIRD = 1, 2, 3
PLACES = (
    (1, 1, COIN, CASH),
    (2, 2, CASH, CASH),
    (3, 3, COIN, COIN),
    (4, 2, THIRD, CASH),
)  # instrument, account, base, money
PRODUCTS = (codes.Product.SPOT, codes.Product.LINEAR, codes.Product.INVERSE, codes.Product.LINEAR)
REPORTS = (r.ACCEPTED, r.CANCELED, r.EXPIRED)
ANYTHING = (
    r.INTENT, r.DISABLED, r.RESOLVED, r.DIVERGED, r.STOPPED, r.VIOLATION, r.BREAKER, r.LIMIT, r.FROZEN, r.COMMAND_REFUSED, r.PNL,
    r.COMMAND_ORDER, r.COMMAND_STOP, r.COMMAND_LIMIT, r.COMMAND_BREAKER, r.COMMAND_STRATEGY, r.COMMAND_PARAM, r.COMMAND_SETTLE,
)  # fmt: skip


class Day:
    """Makes rows, one thing that happens after another."""

    def __init__(self, seed: int) -> None:
        self.chance, self.rows, self.now = random.Random(seed), list[tuple[int, ...]](), BEGIN
        self.orders: list[tuple[int, int, int, int]] = []  # key, place in PLACES, sell, position side
        self.trades = 0

    def add(self, kind: r.Kind, *words: int, instrument: int = 0, ts_event: int = -1) -> None:
        event = self.now if ts_event < 0 else ts_event
        self.rows.append((kind.number, kind.version, 0, instrument, self.now, event, *words, *[0] * (5 - len(words))))

    def end_step(self) -> None:
        self.rows[-1] = (*self.rows[-1][:2], STEP_END, *self.rows[-1][3:])

    def open(self) -> None:
        """What there is before the day."""
        self.add(r.STARTED, 1)
        for asset, scale in ((COIN, 8), (CASH, 6), (THIRD, 0)):
            self.add(r.ASSET, asset, scale)
        for account, hedge, lots in ((1, 0, 1), (2, 0, 0), (3, 1, 0)):
            self.add(r.OPENED, account, account, hedge, lots, CASH)
        for (instrument, account, base, money), product in zip(PLACES, PRODUCTS, strict=True):
            self.add(r.LISTED, 2 | 3 << 8 | account << 16, 1, 1, 10**8, 1, instrument=instrument)
            self.add(r.ASSETS, product, base, CASH, money, instrument=instrument)
            self.add(r.FEES, account, 200, 500, instrument=instrument)
            self.add(r.BRACKET, 0, 0, 4000, 0, 125, instrument=instrument)
        for account in (1, 2, 3):
            for asset in (COIN, CASH):
                self.add(r.BALANCE, account, 10**12, asset, 0, 0)
        self.add(r.COMMAND_STRATEGY, 1, codes.StrategyAction.LOAD, 7, 1, 1)
        self.end_step()

    def size(self) -> int:
        return self.chance.choice((1, 2, 3, 10, 500, 1000, 7777, 10**6))

    def price(self) -> int:
        return self.chance.choice((9_900, 10_000, 10_000, 10_001, 10_100, 12_345, 1))

    def meta_of(self, order: tuple[int, int, int, int], **parts: int) -> int:
        return terms.pack(terms.META, account=PLACES[order[1]][1], sell=order[2], position_side=order[3], **parts)

    def draft(self) -> None:
        at, sell = self.chance.randrange(len(PLACES)), self.chance.randrange(2)
        instrument, account, base, money = PLACES[at]
        key = terms.order_key(len(self.rows) + 1, self.chance.randrange(2))
        kind = self.chance.randrange(7)
        side = self.chance.choice((0, 1, 2)) if account == 3 else 0
        order = (key, at, sell, side)
        spec = terms.pack(
            terms.SPEC, sell=sell, type=kind, account=account, strategy=self.chance.choice((0, 1, 1)), position_side=side,
            reduce_only=int(self.chance.random() < 0.2), more=int(kind > 1),
        )  # fmt: skip
        price, qty = (0 if kind == terms.OrderType.MARKET else self.price()), self.size()
        self.add(r.DRAFTED, key, price, qty, 1, spec, instrument=instrument)
        if kind > 1:
            self.add(r.TERMS, self.price(), 0, 0, len(self.rows), 0, instrument=instrument)
        if self.chance.random() < 0.15:
            self.add(r.GATE_REFUSED, key, 1, 2, len(self.rows), codes.Refusal.FUNDS, instrument=instrument)
            return
        held = base if at == 0 and sell else money
        self.add(r.APPROVED, key, self.chance.randrange(10**9), held, len(self.rows), 0, instrument=instrument)
        self.add(r.REQUESTED, key, price, qty, len(self.rows), spec, instrument=instrument)
        if self.chance.random() < 0.9:
            self.add(r.DISPATCHED, key, terms.Action.PLACE, self.now, len(self.rows), 0, instrument=instrument)
        self.orders.append(order)

    def known(self) -> tuple[int, int, int, int]:
        """An order of ours, or now and then one of somebody else."""
        if self.orders and self.chance.random() < 0.93:
            return self.orders[-1 - min(int(self.chance.expovariate(0.4)), len(self.orders) - 1)]
        return (-self.chance.randrange(1, 5), self.chance.randrange(4), self.chance.randrange(2), 0)

    def fill(self) -> None:
        order = self.known()
        self.trades += 1
        trade = self.trades if self.chance.random() < 0.8 else self.chance.randrange(1, self.trades + 1)
        meta = self.meta_of(order, why=self.chance.choice((0, 0, 0, 0, 1, 2)))
        instrument, event = PLACES[order[1]][0], self.now - self.chance.choice((0, 0, 5, SECOND))
        self.add(r.FILLED, order[0], self.price(), self.size(), trade, meta, instrument=instrument, ts_event=event)
        if self.chance.random() < 0.7:
            fee, asset = self.chance.randrange(-5, 500), self.chance.choice((COIN, CASH, THIRD))
            self.add(r.FEE, order[0], fee, asset, trade, meta, instrument=instrument, ts_event=event)

    def report(self) -> None:
        order, chance = self.known(), self.chance
        instrument, meta = PLACES[order[1]][0], self.meta_of(order, why=chance.randrange(8))
        late = self.now // SECOND - chance.randrange(3)
        roll = chance.randrange(12)
        if roll < 6:
            filled = chance.choice((0, 0, 1, 500, 1000))
            self.add(REPORTS[max(roll - 3, 0)], order[0], 77, filled, late, meta, instrument=instrument)
        elif roll == 6:
            self.add(r.REJECTED, order[0], -2010, 0, late, meta, instrument=instrument)
        elif roll == 7:
            self.add(
                r.REPLACED,
                order[0],
                self.price(),
                self.size(),
                late,
                self.meta_of(order, action=2),
                instrument=instrument,
            )
        elif roll == 8:
            self.add(r.REQUEST_REJECTED, order[0], -2011, 0, late, self.meta_of(order, action=1), instrument=instrument)
        elif roll == 9:
            self.add(r.SILENT, order[0], chance.randrange(3), self.now + SECOND, 1, 0, instrument=instrument)
        elif roll == 10:
            self.add(r.MISSING, order[0], chance.randrange(8), 0, self.now, meta, instrument=instrument)
        elif self.trades:
            trade = chance.randrange(1, self.trades + 1)
            self.add(r.BUSTED, order[0], self.price(), self.size(), trade, meta, instrument=instrument)

    def change(self) -> None:
        """A cancel or an amendment is asked for, or did not leave."""
        order = self.known()
        instrument, account = PLACES[order[1]][:2]
        spec = terms.pack(terms.SPEC, action=2, sell=order[2], account=account, position_side=order[3])
        roll = self.chance.randrange(4)
        if roll == 0:
            self.add(r.DRAFTED, order[0], self.price(), self.size(), 1, spec, instrument=instrument)
            drafted = len(self.rows)
            self.add(
                r.APPROVED,
                order[0],
                self.chance.randrange(10**9),
                PLACES[order[1]][3],
                drafted,
                0,
                instrument=instrument,
            )
            self.add(r.AMEND_REQUESTED, order[0], 1, 1, len(self.rows), spec, instrument=instrument)
        elif roll == 1:
            self.add(r.NOT_SENT, order[0], self.chance.randrange(3), 1, 1, 0, instrument=instrument)
        else:
            self.add(r.CANCEL_REQUESTED, order[0], 0, 1, 1, spec, instrument=instrument)

    def state_money(self) -> None:
        chance, account = self.chance, self.chance.choice((1, 2, 3))
        asset, time = chance.choice((COIN, CASH)), self.now - chance.choice((0, 1, SECOND))
        roll = chance.randrange(4)
        if roll == 0:
            self.add(
                r.BALANCE, account, 10**12 + chance.randrange(-(10**9), 10**9), asset, time, chance.randrange(10**9)
            )
        elif roll == 1:
            self.add(r.BALANCE_CHANGED, account, chance.randrange(-(10**6), 10**6), asset, time, 1)
        elif roll == 2:
            self.add(r.STATEMENT, account, chance.randrange(2), 0, time, 0)
        else:
            self.add(r.RATE, chance.choice((COIN, THIRD)), chance.randrange(1, 10**5), chance.choice((0, 1, 1, 3)))

    def state_terms(self) -> None:
        chance = self.chance
        instrument, account, _, money = chance.choice(PLACES)
        meta = terms.pack(terms.META, account=account, position_side=chance.choice((0, 0, 1, 2)))
        roll = chance.randrange(7)
        if roll == 0:
            self.add(
                r.POSITION, meta, chance.randrange(-(10**4), 10**4), 100 * 10**8, self.now, 5, instrument=instrument
            )
        elif roll == 1:
            self.add(r.FUNDING, meta, chance.randrange(-(10**5), 10**5), money, self.now, 100, instrument=instrument)
        elif roll == 2:
            self.add(
                r.LEVERAGE, account, chance.choice((1, 3, 20)), chance.randrange(3), self.now, instrument=instrument
            )
        elif roll == 3:
            tier = chance.randrange(3)
            self.add(r.BRACKET, tier, tier * 10**9, 5000 * (tier + 1), tier * 10**6, 50, instrument=instrument)
        elif roll == 4:
            self.add(r.STATUS, chance.choice((0, 0, 1, 2, 3)), instrument=instrument)
        elif roll == 5:
            self.add(r.FILTERS, 1, 10**9, chance.randrange(10**6), 10**5, 10**5, instrument=instrument)
        else:
            self.add(r.MARGIN_CALL, meta, 1, 2, 3, 4, instrument=instrument)

    def quote(self) -> None:
        instrument, price = self.chance.choice(PLACES)[0], self.price()
        if self.chance.random() < 0.5:
            self.add(r.MARK, 0, price * 10**6, price * 10**6, 100, 0, instrument=instrument)
        else:
            self.add(r.TRADE, len(self.rows), price, 5, 0, 0, instrument=instrument)

    def anything(self) -> None:
        kind, chance = self.chance.choice(ANYTHING), self.chance
        scope = terms.scope(terms.ScopeKind(chance.randrange(5)), chance.randrange(1, 4))
        first = chance.choice((scope, scope, 1, self.known()[0]))
        words = [chance.choice((0, 1, 2, 3, 5, 1000, -1)) for _ in range(4)]
        self.add(kind, first, *words, instrument=chance.choice((0, 1, 2)))

    def rows_of(self, many: int) -> np.ndarray:
        """A day of about so many rows."""
        self.open()
        happenings: tuple[Callable[[], None], ...] = (
            *(self.draft,) * 3, *(self.fill,) * 5, *(self.report,) * 5, self.change, self.state_money, self.state_terms, self.quote,
            self.anything,
        )  # fmt: skip
        while len(self.rows) < many:
            before = len(self.rows)
            self.now += self.chance.choice((0, 1, 10**6, SECOND, 3600 * SECOND))
            self.chance.choice(happenings)()
            if self.chance.random() < 0.01:
                self.add(r.STARTED, 2)
            if len(self.rows) > before and self.chance.random() < 0.6:
                self.end_step()
        self.end_step()
        return np.array(self.rows, ROW)


def day(seed: int, many: int = 150) -> np.ndarray:
    """One day: ROW[about `many`]."""
    return Day(seed).rows_of(many)


def main(days: int) -> None:
    """Print the state hash of each of the first days."""
    for seed in range(days):
        print(state_hash(fold(new_state(), day(seed), 1)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
