"""P12: one step, from the frame's rows to the requests, with 100 instruments and 1 000 open orders; no commit.

A market row that nobody wakes on; a frame that moves the book at the beat of a compiled strategy, which cancels two orders and
places two (resolved, planned, drafted, judged, approved, requested, minted); an order by hand (drafted, judged, approved, minted);
and the same refused by a limit. Each lap is a few hundred steps on a fresh copy of one state, in CPU time: a step waits for nothing.
Where the venue's answers must come between the steps, each is timed by itself, without what reading the clock costs, and the lap is
their median: on a shared machine a few steps take ten times as long as the others.

python -m tests.bench.step
"""

import time
from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from tests.bench.measure import Figure, alternate, median
from tests.engine.sessions import BEGIN, FUTURES_ACCOUNT, USDT, mark, order, report, row, step_of, trade
from veloz.contracts import layout, terms
from veloz.contracts import registry as r
from veloz.contracts.codes import Limit, StrategyAction
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.terms import Action
from veloz.engine.step import Engine
from veloz.engine.verify import copy_state
from veloz.reducers.state import State, new_state
from veloz.strategies.host import Host
from veloz.strategies.loader import Library

INSTRUMENTS = 100
ORDERS = 1_000
STEPS = 200  # a lap
ROUNDS = 15
TARGET_US = 20.0
BEAT_NS = 100_000_000
_SCALES = 2 | 3 << 8 | 2 << 16


def desk() -> State:
    """The state that every lap begins with."""
    engine = Engine(new_state(), sends=False)
    engine.take(
        step_of(
            row(r.STARTED, 1),
            row(r.ASSET, 1, 8),
            row(r.ASSET, USDT, 8),
            row(r.OPENED, FUTURES_ACCOUNT, 2, 0, 0, USDT),
            row(r.BALANCE, FUTURES_ACCOUNT, 10**17, USDT, 0, 0),
        )
    )
    for number in range(1, INSTRUMENTS + 1):
        engine.take(
            step_of(
                row(r.LISTED, _SCALES, 1, 1, 10**8, 1, instrument=number),
                row(r.ASSETS, 2, 1, USDT, USDT, instrument=number),
                row(r.FILTERS, 1, 0, 0, 0, 0, instrument=number),
                row(r.LEVERAGE, FUTURES_ACCOUNT, 10, 0, 0, instrument=number),
                trade(number, 10_000, number),
                mark(number, 10_000),
            )
        )
    for count in range(ORDERS):
        engine.take(order(9_000 + count // INSTRUMENTS, 5, instrument=1 + count % INSTRUMENTS))
    assert int(engine.state.desk[0]["orders_open"]) >= ORDERS - INSTRUMENTS
    return engine.state


def market(_: int) -> np.ndarray:
    """A print: nothing follows."""
    return trade(1, 10_000, 5, BEGIN + 1)


def placed(count: int) -> np.ndarray:
    """An order by hand that is approved."""
    return order(9_500 + count // INSTRUMENTS, 5, instrument=1 + count % INSTRUMENTS, ts=BEGIN + 1)


def refused(count: int) -> np.ndarray:
    """An order by hand that a limit refuses."""
    return order(9_500 + count // INSTRUMENTS, 5_000, instrument=1 + count % INSTRUMENTS, ts=BEGIN + 1)


def lap(state: State, make: Callable[[int], np.ndarray]) -> float:
    """Seconds of one step, over `STEPS` of them."""
    engine = Engine(copy_state(state))
    inputs = [make(count) for count in range(STEPS)]
    begun = time.thread_time()
    for rows in inputs:
        engine.take(rows)
    return (time.thread_time() - begun) / STEPS


def book(bid: int, ts: int) -> np.ndarray:
    """A frame: the book of instrument 1, whole, two levels a side, one quantum wide."""
    levels = [(0, bid, 5), (0, bid - 1, 5), (layout.ASK, bid + 10, 5), (layout.ASK, bid + 11, 5)]
    ends = (layout.FIRST, 0, 0, layout.LAST)
    return step_of(
        *(
            row(r.LEVEL, ts, price, qty, instrument=1, ts=ts, flags=side | end | layout.SNAPSHOT)
            for (side, price, qty), end in zip(levels, ends, strict=True)
        )
    )


def quoting(state: State) -> Engine:
    """The desk with the built-in quoter running on instrument 1, in its compiled form."""
    library = Library()
    engine = Engine(copy_state(state), Host(library))
    listed = InstrumentBody(venue="binance_usdm", symbol="AAA", product="linear", price_scale=2, qty_scale=3)
    engine.take(row(r.CHANGED, _SCALES, 1, 1, 10**8, 1, instrument=1), [(0, msgspec.msgpack.encode(listed))])
    number, body = library.body_of(
        "quoter:Quoter", instruments=["AAA"], form="kernel", params={"half_spread": "0.02", "qty": "0.005"}
    )
    load = row(r.COMMAND_STRATEGY, 1, StrategyAction.LOAD, number, 1, FUTURES_ACCOUNT)
    engine.take(load, [(0, msgspec.msgpack.encode(body))])
    engine.take(row(r.COMMAND_STRATEGY, 1, StrategyAction.START, 0, 1, FUTURES_ACCOUNT))
    return engine


def lap_quoting(state: State) -> float:
    """Seconds of one step in which the quoter moves both its orders. What the venue says of them comes between, and is not counted."""
    engine, took = quoting(state), []
    for count in range(-1, STEPS):
        now = BEGIN + (count + 2) * BEAT_NS
        frame = step_of(book(9_990 + count % 2, now), row(r.TIMER, 1, 0, now, ts=now))
        begun = time.thread_time()
        step = engine.take(frame)
        took.append(time.thread_time() - begun)
        requests = engine.outbox.release(step.last_seq)
        assert len(requests) == (4 if count >= 0 else 2), requests
        answers = []
        for each in requests:
            if each.action is Action.PLACE:
                answers += [(r.DISPATCHED, each.key, 0), (r.ACCEPTED, each.key, each.seq)]
            else:
                answers.append((r.CANCELED, each.key, each.venue_order))
        engine.take(step_of(*(report(kind, key, venue, 0, now, instrument=1, ts=now) for kind, key, venue in answers)))
    return median(took) - clock_cost()


def clock_cost() -> float:
    """Seconds that reading the clock takes."""
    pairs = [-time.thread_time() + time.thread_time() for _ in range(STEPS)]
    return median(pairs)


def run() -> Iterator[Figure]:
    """Microseconds of each kind of step."""
    state = desk()
    limited = Engine(copy_state(state), sends=False)
    limited.take(row(r.COMMAND_LIMIT, terms.scope(terms.ScopeKind.GLOBAL), Limit.ORDER_QTY, 1_000, 7, 0))
    jobs = {
        "market row alone": lambda: lap(state, market),
        "frame, compiled quoter, 4 requests": lambda: lap_quoting(state),
        "order by hand, requested": lambda: lap(state, placed),
        "order by hand, refused": lambda: lap(limited.state, refused),
    }
    laps = alternate(jobs, ROUNDS)
    for name in jobs:
        took = median(laps[name]) * 1e6
        yield Figure(f"step: {name}", took, "µs", TARGET_US / took, f"{TARGET_US:.0f} µs", 1.0)


def main() -> None:
    """Print the figures."""
    for each in run():
        print(f"{each.name:<42} {each.value:8.1f} {each.unit}")


if __name__ == "__main__":
    main()
