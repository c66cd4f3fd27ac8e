"""Sessions against a venue that has a mind of its own and strategies that want the opposite of what they are told.

The venue keeps what is true: orders, and what is held. What it says of it comes late, in any order, or not at all; what it does with a
request that it is silent about stays true all the same.
"""

from random import Random

import numpy as np

from tests.engine.sessions import (
    BEGIN,
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
from tests.oracles.naive_risk import PROVED, NaiveRisk
from veloz.contracts import codes, terms
from veloz.contracts import registry as r
from veloz.contracts.terms import Action, Form, Origin, PositionSide
from veloz.engine.step import Engine, Step
from veloz.reducers.order_table import OVER_STATES
from veloz.reducers.state import State, new_state

HEDGED, COIN_ACCOUNT = 3, 4  # accounts beside those of `sessions`
INVERSE, BTC = 3, 1
STRATEGIES = 3
NO = r.REQUEST_REJECTED.number
ACCOUNTS = {SPOT: (SPOT_ACCOUNT,), LINEAR: (FUTURES_ACCOUNT, HEDGED), INVERSE: (COIN_ACCOUNT,)}


class Venue:
    """What is true."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.orders: dict[int, dict] = {}
        self.lost: dict[int, dict] = {}  # never arrived, and nobody was told
        self.gone: dict[int, dict] = {}
        self.held: dict[tuple[int, int, int], int] = {}
        self.waiting: list[np.ndarray] = []  # what it will say
        self.number = 10**6
        self.passed: list[tuple] = []  # engine's orders, too large when filled
        self.kind = False
        self.refuses = False  # orders of the engine
        self.whole = False  # a level of FLATTEN holds over everything

    def say(self, kind: r.Kind, each: dict, *words: int, **parts: int) -> None:
        about = meta(account=each["account"], sell=each["sell"], position_side=each["side"], **parts)
        self.waiting.append(row(kind, each["key"], *words, about, instrument=each["where"]))

    def ask(self, request) -> None:
        """A request that was let go."""
        self.number += 1
        each, draw = self.orders.get(request.key), self.draw
        if request.action == Action.PLACE:
            self._place(request)
        elif request.action == Action.CANCEL and each is not None:
            each["cancel"] = True
        elif request.action == Action.AMEND and each is not None:
            each["amend"] = request.price, request.qty
        elif request.key in self.lost:
            if not self.kind and draw.random() < 0.5:
                self.say(r.SILENT, self.lost[request.key], request.action, 0, 0)
        elif request.key in self.gone:
            self._turn_down(self.gone[request.key], request.action)

    def _turn_down(self, each: dict, action: int) -> None:
        self.number += 1
        self.say(r.REQUEST_REJECTED, each, -2011, each["done"], self.number, action=action)

    def _leave(self, each: dict) -> None:
        """An order is over; what was asked about it comes too late."""
        self.gone[each["key"]] = self.orders.pop(each["key"])
        if each["amend"] is not None:
            self._turn_down(each, Action.AMEND)

    def _place(self, request) -> None:
        spec = terms.unpack(terms.SPEC, request.spec)
        each = {
            "key": request.key, "where": request.instrument, "account": spec["account"], "side": spec["position_side"],
            "sell": spec["sell"], "reduce": spec["reduce_only"], "engine": spec["origin"] == Origin.ENGINE,
            "strict": self.whole or not spec["reduce_only"], "price": request.price or 9_990,
            "qty": request.qty, "done": 0, "cancel": False, "amend": None,
        }  # fmt: skip
        fate = 1.0 if self.kind else self.draw.random()
        if each["engine"] and self.refuses:
            self.say(r.REJECTED, each, -1001, 0, self.number)
        elif fate < 0.06:
            self.lost[request.key] = each
            self.say(r.SILENT, each, Action.PLACE, 0, 0)
        else:
            self.orders[request.key] = each
            if fate < 0.2:
                self.say(r.SILENT, each, Action.PLACE, 0, 0)
            elif fate < 0.6:
                self.say(r.ACCEPTED, each, self.number, 0, self.number)

    def act(self) -> None:
        """Something happens there."""
        if not self.orders:
            return
        each, draw = self.orders[self.draw.choice(list(self.orders))], self.draw
        self.number += 1
        if each["amend"] is not None:
            (price, qty), each["amend"] = each["amend"], None
            if qty <= each["done"] or draw.random() < 0.3:
                self._turn_down(each, Action.AMEND)
            else:
                each["price"], each["qty"] = price, qty
                self.say(r.REPLACED, each, price, qty, self.number, action=Action.AMEND)
        elif each["cancel"] and draw.random() < (1 if self.kind else 0.5):
            self._end(each, r.CANCELED)
        elif each["engine"] or not self.kind or draw.random() < 0.2:
            self._fill(each)

    def _end(self, each: dict, kind: r.Kind) -> None:
        self._leave(each)
        self.say(kind, each, self.number, each["done"], self.number)

    def _fill(self, each: dict) -> None:
        at = each["account"], each["where"], each["side"]
        held, rest = self.held.get(at, 0), each["qty"] - each["done"]
        there = max(held if each["sell"] else -held, 0)
        if each["engine"] and each["strict"] and rest > there:
            self.passed.append((each, held))
        closes = PositionSide.LONG if each["sell"] else PositionSide.SHORT
        most = min(rest, there) if each["reduce"] or each["side"] == closes else rest
        if most <= 0:
            self._end(each, r.EXPIRED)
            return
        part = most if self.kind else self.draw.randrange(1, most + 1)
        each["done"] += part
        self.held[at] = held + (-part if each["sell"] else part)
        self.say(r.FILLED, each, each["price"], part, self.number)
        if each["done"] == each["qty"]:
            self._leave(each)
        if each["done"] == each["qty"] or self.draw.random() < 0.6:
            self.say(r.ACCEPTED, each, self.number, each["done"], self.number)

    def told(self, now: int) -> list[np.ndarray]:
        """What it says now of what it has to say."""
        self.draw.shuffle(self.waiting)
        answers = sorted((each for each in self.waiting if each[0]["kind"] == NO), key=lambda each: int(each[0]["ref"]))
        self.waiting = [
            answers.pop(0) if each[0]["kind"] == NO else each for each in self.waiting
        ]  # these keep their order
        count = len(self.waiting) if self.kind else min(self.draw.choice((0, 1, 1, 2, 3)), len(self.waiting))
        said, self.waiting = self.waiting[:count], self.waiting[count:]
        if self.kind:
            for each in self.lost.values():
                self.say(r.MISSING, each, PROVED, 0, now)
            said, self.waiting = said + self.waiting, []
        for each in said:
            each["ts_recv"] = now
        return said


class Hostile:
    """One session under way."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.venue, self.risk = Venue(self.draw), NaiveRisk()
        self.engine = Engine(new_state(), Script(self.say))
        self.now, self.number, self.wants = BEGIN, 10**7, True
        self.steps: list[Step] = []
        self.larger: list[
            tuple
        ] = []  # requests that could add risk under a level, or that nobody but the engine may make
        self.told: dict[str, int] = {}
        self.take(begin())

    def take(self, rows: np.ndarray) -> Step:
        """A step, followed by the twin; what it asks for goes to the venue."""
        step = self.engine.take(rows)
        self.steps.append(step)
        for place, each in enumerate(step.rows):
            seq = step.first_seq + place
            found = self.risk.take(seq, each, place >= step.inputs)
            if found is None:
                continue
            level, more = found
            engine = self.risk.orders[int(each["venue_seq"])]["origin"] == Origin.ENGINE
            self.told["engine" if engine else "others"] = self.told.get("engine" if engine else "others", 0) + 1
            if level and (more > 0 or (level >= codes.StopLevel.HALT and not engine)):
                self.larger.append((seq, level, more, self.risk.orders[int(each["venue_seq"])]))
        for request in self.engine.outbox.release(step.last_seq):
            self.venue.ask(request)
        return step

    def go_on(self, *rows: np.ndarray, wait: tuple[int, ...] = (1, SECOND // 3, SECOND)) -> Step:
        """Time passes, the venue acts and says something."""
        self.now += self.draw.choice(wait)
        for _ in range(8 if self.venue.kind else self.draw.choice((1, 2, 3))):
            self.venue.act()
        for each in rows:
            each["ts_recv"] = self.now
        self.number += 1
        market = trade(self.draw.choice((SPOT, LINEAR, INVERSE)), 10_000, self.number, self.now)
        return self.take(step_of(market, *self.venue.told(self.now), *rows))

    def stop(self, level: int, kind: int, number: int, phrase: int = 0) -> np.ndarray:
        return row(r.COMMAND_STOP, terms.scope(kind, number), level, phrase, 7, 0)

    def any_stop(self) -> np.ndarray:
        """A level of some scope."""
        kind = self.draw.choice((0, 1, 2, 3, 4))
        number = {0: (0,), 1: (1, 2), 2: (1, 2, 3, 4), 3: (1, 2, 3), 4: (1, 2, 3)}[kind]
        return self.stop(self.draw.choice((1, 2, 3, 4, 5, 5)), kind, self.draw.choice(number))

    def by_hand(self) -> np.ndarray:
        """A person's order, amendment or cancel."""
        draw = self.draw
        known = [each for each in self.engine.state.orders if each["key"] > 0 and each["state"] not in OVER_STATES]
        if known and draw.random() < 0.4:
            target, qty = draw.choice(known), draw.randrange(1, 60)
            action, key = draw.choice((Action.AMEND, Action.AMEND, Action.CANCEL)), int(target["key"])
            price = draw.randrange(9_800, 10_200)
            return order(price, qty, instrument=int(target["instrument"]), key=key, action=action)
        where = draw.choice((SPOT, LINEAR, LINEAR, INVERSE))
        account, sell = draw.choice(ACCOUNTS[where]), draw.randrange(2)
        parts = {"position_side": draw.choice((1, 2))} if account == HEDGED else {}
        if where != SPOT and account != HEDGED:
            parts["reduce_only"] = int(draw.random() < 0.3)
        price = draw.randrange(9_800, 10_200)
        return order(price, draw.randrange(1, 40), instrument=where, account=account, sell=sell, **parts)

    def say(self, state: State, rows: np.ndarray, now: int) -> list[np.ndarray]:
        """What strategies want: more, on every wake."""
        if not self.wants:
            return []
        draw, price = self.draw, self.draw.randrange(9_900, 10_100)
        ways = [
            lambda: [intent(0, draw.randrange(10, 30), strategy=1, form=Form.TARGET, type=1, sell=draw.randrange(2))],
            lambda: [
                intent(price - 20, 5 * draw.randrange(3), strategy=2, form=Form.QUOTE, sell=0, flags=2),
                intent(price + 20, 5 * draw.randrange(3), strategy=2, form=Form.QUOTE, sell=1, flags=4),
            ],
            lambda: [intent(price, draw.randrange(1, 20), strategy=3, sell=sell) for sell in (0, 1)],
            lambda: self._again(state, price),
        ]  # fmt: skip
        return draw.choice(ways)() if draw.random() < 0.7 else []

    def _again(self, state: State, price: int) -> list[np.ndarray]:
        """Amends an own order upward, or takes it back and asks for more."""
        own = [each for each in state.orders if each["strategy"] == 3 and each["state"] not in OVER_STATES]
        if not own:
            return []
        target = self.draw.choice(own)
        key, more = int(target["key"]), int(target["qty"]) * 2
        sell = terms.unpack(terms.SPEC, int(target["spec"]))["sell"]
        if self.draw.random() < 0.5:
            return [intent(price, more, strategy=3, key=key, action=Action.AMEND, sell=sell)]
        return [
            intent(0, 0, strategy=3, key=key, action=Action.CANCEL, sell=sell),
            intent(price, more, strategy=3, sell=sell),
        ]


def begin() -> np.ndarray:
    """`sessions.opening`, and beside it a hedged account and one of coins with an inverse instrument."""
    return step_of(
        opening(strategies=STRATEGIES),
        row(r.LISTED, 2 | 0 << 8 | 3 << 16, 1, 1, 100 * 10**8, 1, instrument=INVERSE),
        row(r.OPENED, HEDGED, 2, 1, 0, USDT),
        row(r.OPENED, COIN_ACCOUNT, 3, 0, 0, BTC),
        row(r.ASSETS, codes.Product.INVERSE, BTC, USDT, BTC, instrument=INVERSE),
        row(r.FILTERS, 1, 0, 0, 0, 0, instrument=INVERSE),
        row(r.LEVERAGE, HEDGED, 10, 0, 0, instrument=LINEAR),
        row(r.LEVERAGE, COIN_ACCOUNT, 10, 0, 0, instrument=INVERSE),
        row(r.BALANCE, HEDGED, 10**15, USDT, 0, 0),
        row(r.BALANCE, COIN_ACCOUNT, 10**13, BTC, 0, 0),
        trade(INVERSE, 10_000, 1),
        mark(INVERSE, 10_000),
        row(r.COMMAND_LIMIT, terms.scope(terms.ScopeKind.GLOBAL), codes.Limit.OWN_CROSS, 0, 7, 0),
    )
