"""Random sessions: whatever a desk may meet, out of one seed. What is drawn depends on the engine's state, so reports fit open orders."""

from collections.abc import Iterator
from random import Random

import numpy as np

from tests.engine.sessions import (
    BEGIN,
    BTC,
    FUTURES_ACCOUNT,
    LINEAR,
    SECOND,
    SPOT,
    SPOT_ACCOUNT,
    USDT,
    Script,
    intent,
    mark,
    meta,
    opening,
    order,
    row,
    step_of,
    trade,
)  # fmt: skip
from veloz.contracts import codes, terms
from veloz.contracts import registry as r
from veloz.engine.step import Engine, Step
from veloz.reducers.order_table import OVER_STATES, OrderState
from veloz.reducers.state import State, new_state

STRATEGIES = 2
LIMITS = (
    codes.Limit.ORDER_QTY, codes.Limit.OPEN_ORDERS, codes.Limit.POSITION_QTY, codes.Limit.ORDERS_PER_WINDOW, codes.Limit.COLLAR_PPM,
)  # fmt: skip


# What a venue may say of an order in a state: places in `Chance.report`.
_LIKELY = {
    OrderState.APPROVED: (0, 1, 1, 2, 6, 7),
    OrderState.DISPATCHED: (1, 1, 2, 3, 6, 7),
    OrderState.ACCEPTED: (2, 3, 4, 5, 8),
    OrderState.PARTIALLY_FILLED: (2, 3, 4, 5, 8),
    OrderState.CANCEL_REQUESTED: (2, 5, 5),
    OrderState.UNKNOWN: (1, 2, 5),
}


class Chance:
    """One session under way.

    Args:
        seed: Of everything drawn.
        strategies: Whether strategies speak.
    """

    def __init__(self, seed: int, *, strategies: bool = True, hedge: bool = False) -> None:
        self.draw = Random(seed)
        self.mind = Random(seed + 1) if strategies else None
        self.engine = Engine(new_state(), Script(self.say))
        self.now = BEGIN
        self.number = 1_000
        self.hedge = hedge

    def steps(self, count: int) -> Iterator[Step]:
        """`count` steps, the opening first."""
        yield self.engine.take(opening(strategies=STRATEGIES, hedge=int(self.hedge)))
        for _ in range(count - 1):
            yield self.engine.take(self.inputs())

    def inputs(self) -> np.ndarray:
        """What arrives together."""
        self.now += self.draw.choice((1, 1_000, SECOND // 3, SECOND))
        ways = (self.market, self.by_hand, self.report, self.command, self.account)
        drawn = self.draw.choices(ways, (4, 4, 8, 1, 1), k=self.draw.choice((1, 1, 2, 4)))
        reports = [k for k, way in enumerate(drawn) if way == self.report]
        return step_of(*(way() if k not in reports[1:] else self.market() for k, way in enumerate(drawn)))

    def market(self) -> np.ndarray:
        self.number += 1
        if self.draw.random() < 0.3:
            return mark(LINEAR, self.draw.randrange(9_900, 10_100), self.now)
        return trade(self.draw.choice((SPOT, LINEAR)), self.draw.randrange(9_900, 10_100), self.number, self.now)

    def by_hand(self) -> np.ndarray:
        draw, instrument = self.draw, self.draw.choice((SPOT, LINEAR))
        parts = {"sell": draw.randrange(2), "type": draw.choice((0, 0, 0, 1)), "tif": draw.choice((0, 0, 1, 3))}
        price = 0 if parts["type"] == 1 else draw.randrange(9_800, 10_200)
        known = self.open_orders()
        if known and draw.random() < 0.3:
            target = draw.choice(known)
            action = draw.choice((terms.Action.CANCEL, terms.Action.AMEND))
            key = int(target["key"]) if draw.random() < 0.9 else 0
            price, qty = draw.randrange(9_800, 10_200), draw.randrange(10)
            where = int(target["instrument"])
            return order(price, qty, instrument=where, ts=self.now, key=key, action=action, sell=parts["sell"])
        if instrument == LINEAR and self.hedge:
            parts["position_side"] = draw.choice((1, 2))
        return order(price, draw.randrange(1, 50), instrument=instrument, ts=self.now, **parts)

    def open_orders(self) -> list[np.void]:
        orders = self.engine.state.orders
        return [each for each in orders if each["key"] != 0 and each["state"] not in OVER_STATES]

    def report(self) -> np.ndarray:
        """Something a venue says about an order, likely an open one."""
        draw = self.draw
        known = self.open_orders()
        if draw.random() < 0.01:
            known = [each for each in self.engine.state.orders if each["key"] != 0]
        if not known:
            return self.market()
        each = draw.choice(known)
        parts = {
            name: value
            for name, value in terms.unpack(terms.SPEC, int(each["spec"])).items()
            if name in ("sell", "position_side")
        }
        about = meta(account=int(each["account"]), **parts)
        key, where = int(each["key"]), int(each["instrument"])
        self.number += 1
        left = int(each["qty"]) - int(each["traded"])
        made = int(each["traded"])
        what = draw.choice(_LIKELY.get(OrderState(int(each["state"])), (2,)) if draw.random() < 0.99 else range(9))
        if what == 0:
            return row(r.DISPATCHED, key, 0, self.now, int(each["requested_seq"]), about, instrument=where, ts=self.now)
        if what == 1:
            return row(r.ACCEPTED, key, self.number, made, self.number, about, instrument=where, ts=self.now)
        if what in (2, 3, 4) and left > 0:
            part, price = draw.randrange(1, left + 1), int(each["price"]) or draw.randrange(9_900, 10_100)
            fill = row(r.FILLED, key, price, part, self.number, about, instrument=where, ts=self.now)
            fee = row(r.FEE, key, 5, USDT, self.number, about, instrument=where, ts=self.now)
            said = row(r.ACCEPTED, key, self.number, made + part, self.number, about, instrument=where, ts=self.now)
            return step_of(fill, fee, said)
        if what == 5:
            return row(r.CANCELED, key, self.number, made, self.number, about, instrument=where, ts=self.now)
        if what == 6:
            return row(r.REJECTED, key, -2010, 0, self.number, about, instrument=where, ts=self.now)
        if what == 7:
            return row(r.SILENT, key, draw.randrange(2), 0, 0, about, instrument=where, ts=self.now)
        if each["pending_action"] == 0:
            return self.market()
        price, qty = int(each["pending_price"]), int(each["pending_qty"])
        action = meta(account=int(each["account"]), action=2, **parts)
        return row(r.REPLACED, key, price, qty, self.number, action, instrument=where, ts=self.now)

    def command(self) -> np.ndarray:
        """A limit, a stop level, a breaker."""
        draw = self.draw
        kind = draw.choice((terms.ScopeKind.GLOBAL, terms.ScopeKind.INSTRUMENT, terms.ScopeKind.STRATEGY))
        scope = terms.scope(kind, 0 if kind == 0 else draw.choice((1, 2)))
        what = draw.randrange(5)
        if what == 0:
            level = draw.choice((0, 0, 0, 0, 1, 2, 3, 4, 5))
            phrase = codes.phrase_number(codes.RESUME_PHRASE)
            return row(r.COMMAND_STOP, scope, level, phrase, 7, 0, ts=self.now)
        if what == 1:
            return row(r.COMMAND_BREAKER, scope, 1 | 3 << 8, 500_000, 60 * SECOND, SECOND, ts=self.now)
        return row(
            r.COMMAND_LIMIT, scope, draw.choice(LIMITS), draw.choice((-1, 20, 40, 200, 10_000)), 7, 0, ts=self.now
        )

    def account(self) -> np.ndarray:
        draw = self.draw
        if draw.random() < 0.5:
            return row(r.BALANCE_CHANGED, FUTURES_ACCOUNT, draw.randrange(-(10**9), 10**9), USDT, 0, 1, ts=self.now)
        self.number += 1
        return row(r.BALANCE, SPOT_ACCOUNT, 10**12, BTC, self.number, 0, ts=self.now)

    def say(self, state: State, rows: np.ndarray, now: int) -> list[np.ndarray]:
        """What two strategies want: anything."""
        mind = self.mind
        if mind is None or mind.random() < 0.6:
            return []
        said = []
        for strategy in range(1, STRATEGIES + 1):
            if mind.random() < 0.5:
                said += self._wish(mind, strategy)
        return said

    def _wish(self, mind: Random, strategy: int) -> list[np.ndarray]:
        form = mind.randrange(3)
        sell = mind.randrange(2)
        if form == terms.Form.TARGET:
            kind = mind.randrange(2)
            price = 0 if kind else mind.randrange(9_900, 10_100)
            return [intent(price, mind.randrange(30), strategy=strategy, form=form, sell=sell, type=kind, origin=0)]
        if form == terms.Form.QUOTE:
            bid = mind.randrange(9_900, 9_990, 10)
            return [
                intent(bid, mind.randrange(3) * 5, strategy=strategy, form=form, sell=0, flags=2),
                intent(bid + 100, mind.randrange(3) * 5, strategy=strategy, form=form, sell=1, flags=4),
            ]
        if mind.random() < 0.2:
            return [intent(0, 0, strategy=strategy, action=terms.Action.CANCEL)]
        side = mind.choice((1, 2)) if self.hedge else 0
        price, qty = mind.randrange(9_900, 10_100), mind.randrange(1, 20)
        return [intent(price, qty, strategy=strategy, sell=sell, position_side=side)]
