"""P12: one step, from the frame's rows to the requests, with 100 instruments and 1 000 open orders; no commit.

A market row that nobody wakes on, an order by hand (drafted, judged, approved, requested, minted), and the same refused by a limit. Each
lap is a few hundred steps on a fresh copy of one state.

python -m tests.bench.step
"""

import time
from collections.abc import Callable, Iterator

import numpy as np

from tests.bench.measure import Figure, alternate, median
from tests.engine.sessions import BEGIN, FUTURES_ACCOUNT, USDT, mark, order, row, step_of, trade
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import Limit
from veloz.engine.step import Engine
from veloz.engine.verify import copy_state
from veloz.reducers.state import State, new_state

INSTRUMENTS = 100
ORDERS = 1_000
STEPS = 200  # a lap
ROUNDS = 15
TARGET_US = 20.0


def desk() -> State:
    """The state that every lap begins with."""
    engine = Engine(new_state(), sends=False)
    scales = 2 | 3 << 8 | 2 << 16
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
                row(r.LISTED, scales, 1, 1, 10**8, 1, instrument=number),
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
    begun = time.perf_counter()
    for rows in inputs:
        engine.take(rows)
    return (time.perf_counter() - begun) / STEPS


def run() -> Iterator[Figure]:
    """Microseconds of each kind of step."""
    state = desk()
    limited = Engine(copy_state(state), sends=False)
    limited.take(row(r.COMMAND_LIMIT, terms.scope(terms.ScopeKind.GLOBAL), Limit.ORDER_QTY, 1_000, 7, 0))
    jobs = {
        "market row alone": lambda: lap(state, market),
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
        print(f"{each.name:<32} {each.value:8.1f} {each.unit}")


if __name__ == "__main__":
    main()
