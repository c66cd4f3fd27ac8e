"""The compiled way of waking strategies says what the host's says, byte for byte, and leaves the same memory: over random sessions with
strategies that trade, remember, raise, say too much and say nonsense.
"""

from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.engine.sessions import BEGIN, FUTURES_ACCOUNT, LINEAR, SECOND, opening, order, report, row, step_of, trade
from veloz.contracts import layout
from veloz.contracts import registry as r
from veloz.contracts.codes import StrategyAction
from veloz.contracts.command import ParameterBody
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.terms import Action
from veloz.engine.step import Engine, Step
from veloz.reducers.state import new_state, state_hash
from veloz.strategies.host import Host
from veloz.strategies.loader import Library

SOURCE = '''
from veloz.strategies import sdk


@sdk.kernel
def churn(window, memory, opinions, params, numbers, out):
    """Places where it was told to, moves and takes back what rests, and makes each mistake once its memory has come so far."""
    event, market = window.event[0], window.markets[0]
    memory[0] += 1
    memory[1] = memory[1] * 31 % 1_000_003 + event["code"] + event["seq"] + event["word2"] % 7 + window.orders.shape[0]
    opinions[0] = opinions[0] * 0.5 + market["last"]
    fault = params[0] if memory[0] >= params[1] else 0
    if fault == 1:
        memory[99] = 1
    if fault == 2:
        for n in range(out.shape[0]):
            out[n]["form"] = sdk.CANCEL
            out[n]["instrument"] = market["number"]
            out[n]["order"] = 1
        return out.shape[0]
    if fault == 3:
        out[0]["form"] = 77
        return 1
    if fault == 4:
        return -3
    n = 0
    for k in range(window.orders.shape[0]):
        own = window.orders[k]
        if own["free"] != 0 and n < 4 and (memory[1] + k) % 3 == 0:
            out[n]["form"] = sdk.CANCEL if memory[1] % 2 == 0 else sdk.AMEND
            out[n]["instrument"] = market["number"]
            out[n]["order"] = own["order"]
            out[n]["price"] = 0 if memory[1] % 2 == 0 else own["price"] + 1
            out[n]["qty"] = 0 if memory[1] % 2 == 0 else own["qty"]
            n += 1
    if memory[1] % 4 == 0:
        out[n]["form"] = sdk.ORDER
        out[n]["instrument"] = market["number"]
        out[n]["sell"] = memory[1] // 4 % 2
        out[n]["price"] = max(market["last"], 100) + memory[1] % 11
        out[n]["qty"] = 1 + memory[1] % 5
        n += 1
    elif memory[1] % 4 == 1 and market["bid"] > 0:
        out[n]["form"] = sdk.QUOTE
        out[n]["instrument"] = market["number"]
        out[n]["price"] = market["bid"]
        out[n]["qty"] = 2
        out[n]["ask"] = market["bid"] + 20
        out[n]["ask_qty"] = window.levels[0, 0, 0, 1] % 3
        n += 1
    return n


class Churn(sdk.Strategy):
    """Trades without sense."""

    written_for = "1.0"
    kernel = staticmethod(churn)
    memory, opinions, depth, history, budget = 2, 1, 2, 3, 8
    params = (sdk.Param("fault", "count", default="0"), sdk.Param("after", "count", default="1000"))
    wakes = sdk.Wakes(
        events=("md.trade", "md.level"), timers=(1_000_000_000, 1_700_000_000), bars=("1s",), fills=True, orders=True
    )


class Watch(sdk.Strategy):
    """In Python, beside the others."""

    written_for = "1.0"
    wakes = sdk.Wakes(timers=(3_000_000_000,))

    def on_timer(self, view, timer):
        return sdk.Order(view.market().number, False, 1, 90)


class Talk(sdk.Strategy):
    """Trades without sense in Python, remembers all that it was told, and makes each mistake once it was asked so often."""

    written_for = "1.0"
    depth, history, budget = 2, 3, 8
    params = Churn.params
    wakes = sdk.Wakes(
        events=("md.trade", "md.level"), timers=(1_000_000_000, 1_700_000_000), bars=("1s",), fills=True, orders=True
    )

    def __init__(self):
        self.asked, self.heard = 0, 0

    def answer(self, view, *told):
        self.asked += 1
        market, orders = view.market(), view.orders()
        for word in (*told, view.now_ns, view.seq, view.refused, *view.pnl, *market, *view.bids(), *view.asks(), *view.bars("1s"), *orders):
            self.heard = (self.heard * 31 + (sum(word) if isinstance(word, tuple) else word)) % 1_000_003
        fault = view.params.fault if self.asked >= view.params.after else 0
        if fault == 1:
            return 1 // (self.asked - self.asked)
        if fault == 2:
            return [sdk.Cancel(market.number, 1)] * 9
        if fault == 3:
            return [sdk.Cancel(market.number, 1), "nonsense"]
        if fault == 4:
            return sdk.Order(market.number, False, 1.5, 90)
        free = [own for own in orders if own.free and (self.heard + own.order) % 3 == 0][:4]
        if self.heard % 2 == 0:
            wanted = [sdk.Cancel(market.number, own.order) for own in free]
        else:
            wanted = [sdk.Amend(market.number, own.order, own.price + 1, own.qty) for own in free]
        if self.heard % 4 == 0:
            price = max(market.last, 100) + self.heard % 11
            wanted.append(sdk.Order(market.number, bool(self.heard // 4 % 2), 1 + self.heard % 5, price, tif=sdk.TimeInForce.GTC))
        elif self.heard % 4 == 1 and view.best() is not None:
            wanted.append(sdk.Quote(market.number, market.bid, 2, market.bid + 20, view.bids()[0][1] % 3))
        return wanted or None

    def on_event(self, view, event):
        return self.answer(view, event.instrument, event.seq, event.ts_event, event.flags, *event.words)

    def on_timer(self, view, timer):
        return self.answer(view, *timer)

    def on_bar(self, view, bar):
        return self.answer(view, bar.instrument, bar.seq)

    def on_fill(self, view, fill):
        return self.answer(view, *fill)

    def on_order(self, view, change):
        return self.answer(view, change.order, change.instrument, len(change.kind), change.seq)


class CalmChurn(Churn):
    """Told of changes only."""

    written_for = "1.1"
    wakes = sdk.Wakes(timers=(300_000_000, 1_700_000_000), if_changed=True)


class CalmTalk(Talk):
    """Told of changes only, as long as it is set so."""

    written_for = "1.1"
    params = (*Talk.params, sdk.Param("calm", "flag", default="1"))
    wakes = sdk.Wakes(timers=(300_000_000, 1_700_000_000), if_changed="calm")
'''
LIBRARY = Library([("churn.py", SOURCE)])  # of all sessions: reading it compiles it
CASTS = (
    ("Churn", "Churn", "Churn"),
    ("Churn", "Watch", "Churn"),
    ("Talk", "Churn", "Talk"),
    ("Talk", "Talk", "Watch"),
    ("CalmTalk", "CalmChurn", "CalmTalk"),
    ("CalmChurn", "Talk", "CalmTalk"),
)


class Asked:
    """A host whose crew nobody knows of."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def wake(self, *args: Any) -> Any:
        return self.host.wake(*args)


class Desk:
    """An engine, and what a venue says to its requests: rows that the other engine gets, too."""

    def __init__(self, quick: bool, cast: tuple[str, ...]) -> None:
        self.host = Host(LIBRARY)
        self.engine = Engine(new_state(), self.host if quick else Asked(self.host))
        rows = opening()
        body = InstrumentBody(venue="binance_usdm", symbol="AAA", product="linear", price_scale=2, qty_scale=3)
        listed = int(np.flatnonzero((rows["kind"] == r.LISTED.number) & (rows["instrument"] == LINEAR))[0])
        self.engine.take(rows, [(listed, msgspec.msgpack.encode(body))])
        for number, name in enumerate(cast, 1):
            self.command(number, f"churn.py:{name}")

    def command(self, number: int, code: str) -> None:
        form = "kernel" if code.endswith("Churn") else "python"
        hashed, body = LIBRARY.body_of(code, instruments=["AAA"], form=form)
        load = row(r.COMMAND_STRATEGY, number, StrategyAction.LOAD, hashed, 1, FUTURES_ACCOUNT)
        self.engine.take(load, [(0, msgspec.msgpack.encode(body))])
        self.engine.take(row(r.COMMAND_STRATEGY, number, StrategyAction.START, 0, 1, FUTURES_ACCOUNT))


def answers(draw: Random, requests: list[Any], now: int) -> list[np.ndarray]:
    """What the venue says."""
    said = []
    for each in requests:
        to = {"instrument": each.instrument, "ts": now}
        if each.action is Action.PLACE:
            said.append(report(r.DISPATCHED, each.key, 0, 0, 0, **to))
            said.append(report(r.ACCEPTED, each.key, each.seq, 0, 1, **to))
            if draw.random() < 0.3:
                meta = {"sell": each.spec >> 8 & 1}
                said.append(
                    report(r.FILLED, each.key, each.price, 1, each.seq + draw.randrange(2) * 10**6, **meta, **to)
                )
        elif draw.random() < 0.7:
            kind = r.CANCELED if each.action is Action.CANCEL else r.REPLACED
            said.append(report(kind, each.key, each.venue_order, 0, 0, **to))
    return said


def stated_bar(draw: Random, now: int) -> list[np.ndarray]:
    """The second that is over, as a venue states it."""
    close, flags = draw.randint(9_000, 9_100), layout.FIRST | layout.CLOSED
    words = ((now // SECOND - 1) * SECOND, 9_050, 9_100, 9_000, close)
    return [
        row(r.BAR, *words, instrument=LINEAR, ts=now, flags=flags),
        row(r.BAR_VOLUME, SECOND, draw.randrange(10**6), 0, 0, 1, instrument=LINEAR, ts=now, flags=layout.LAST),
    ]


def inputs(
    draw: Random, host: Host, now: int, requests: list[Any], stated: bool
) -> tuple[np.ndarray, list[tuple[int, bytes]]]:
    """One step's; `stated`: with bars instead of trades."""
    rows: list[np.ndarray] = answers(draw, requests, now)
    if draw.random() < 0.4 and stated:
        rows += stated_bar(draw, now)
    elif draw.random() < 0.4:
        for _ in range(0 if stated else draw.randint(1, 3)):
            rows.append(trade(LINEAR, draw.randint(9_000, 9_100), draw.randrange(10**6), now))
            rows[-1]["ref"] = now - draw.randrange(SECOND)  # when it was matched
    if draw.random() < 0.3:
        far = 10**6 if draw.random() < 0.2 else 0
        for at, (ask, price) in enumerate(
            ((0, 9_000), (0, max(8_990 - far, 1)), (layout.ASK, 9_100), (layout.ASK, 9_110))
        ):
            flags = layout.SNAPSHOT | ask | (layout.FIRST if at == 0 else layout.LAST if at == 3 else 0)
            rows.append(row(r.LEVEL, now, price, draw.randint(1, 9), instrument=LINEAR, ts=now, flags=flags))
    rows += [row(r.TIMER, each.strategy, each.timer, each.due_ns, ts=now) for each in host.due(now)]
    bodies = []
    if draw.random() < 0.05:
        name = draw.choice(("fault", "after", "calm"))
        body = ParameterBody(name=name, value=str(draw.randint(0, 1 if name == "calm" else 40)))
        bodies.append((len(rows), msgspec.msgpack.encode(body)))
        rows.append(row(r.COMMAND_PARAM, draw.randint(1, 3), 0, 0, 1, ts=now))
    if draw.random() < 0.03:
        rows.append(row(r.COMMAND_STRATEGY, draw.randint(1, 3), draw.choice((1, 2, 3)), 0, 1, FUTURES_ACCOUNT, ts=now))
    if draw.random() < 0.1 or not rows:
        rows.append(order(8_900, 1, ts=now))
    return step_of(*rows), bodies


@pytest.mark.parametrize("seed", range(18))
def test_the_crew_says_what_the_host_says(seed: int) -> None:
    draw, now, asked = Random(seed), BEGIN, [0]
    quick, plain = Desk(True, CASTS[seed % len(CASTS)]), Desk(False, CASTS[seed % len(CASTS)])
    wake = quick.host.wake
    quick.host.wake = lambda *args: asked.__setitem__(0, asked[0] + 1) or wake(*args)  # type: ignore[method-assign]
    steps = 100
    for _ in range(steps):
        now += draw.randrange(SECOND)
        requests = quick.engine.outbox.release(10**12)
        plain.engine.outbox.release(10**12)
        rows, bodies = inputs(draw, plain.host, now, requests, stated=seed >= 12)
        made: list[Step] = [desk.engine.take(rows, bodies) for desk in (quick, plain)]
        assert made[0].rows.tobytes() == made[1].rows.tobytes()
        assert made[0].bodies == made[1].bodies
        assert quick.host.dump() == plain.host.dump()
    assert state_hash(quick.engine.state) == state_hash(plain.engine.state)
    assert 0 < asked[0] < steps * 2 // 3  # most steps are the crew's, and the rest are the host's
