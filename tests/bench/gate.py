"""One decision of the gate, the mean within one compiled loop: 100 instruments, 1 000 open orders, limits of every kind in every scope.

In CPU time: a loop of decisions waits for nothing. Beside it the bare walk: reading the same open orders and adding up what they may
still trade, which the gate must do at the least.

python -m tests.bench.gate
"""

import time

import numpy as np

from tests.bench.measure import Figure, alternate, median, ratio
from tests.engine.sessions import row
from tests.risk.floor import BEGIN, FAR, ONE_WAY, USDT, Floor
from veloz.contracts import registry as r
from veloz.contracts.codes import Limit
from veloz.contracts.kernel import entry
from veloz.contracts.terms import ScopeKind
from veloz.reducers.state import State
from veloz.reducers.words import ZERO, I
from veloz.reducers.worst import open_rest
from veloz.risk.gate import VERDICT_WORDS, judge

INSTRUMENTS, ORDERS, ROUNDS, TURNS = 100, 1_000, 15, 200
TARGET_NS = 1_000
GENEROUS = (
    Limit.COLLAR_PPM, Limit.ORDER_QTY, Limit.ORDER_NOTIONAL, Limit.POSITION_QTY, Limit.POSITION_NOTIONAL, Limit.OPEN_ORDERS,
    Limit.GROSS, Limit.NET, Limit.LEVERAGE_PPM, Limit.DAILY_LOSS, Limit.DRAWDOWN, Limit.REPEATS,
)  # fmt: skip
RATE, MUCH = 1_000_000, 1 << 59


@entry
def judge_all(state: State, places: np.ndarray, now: I, turns: I, verdict: np.ndarray) -> I:
    """Judge every draft so many times; how many were refused."""
    refused = ZERO
    for _ in range(turns):
        for k in range(places.shape[0]):
            refused += I(judge(state, places[k], now, verdict) != ZERO)
    return refused


@entry
def walk_all(state: State, places: np.ndarray, turns: I) -> I:
    """The open orders of every draft's instrument, summed."""
    total = ZERO
    for _ in range(turns):
        for k in range(places.shape[0]):
            at = I(state.terms[state.orders[places[k]]["instrument"]]["orders_ix"])
            while at >= ZERO:
                total ^= open_rest(state.orders[at])
                at = I(state.orders[at]["next_ix"])
    return total


def crowded() -> tuple[Floor, np.ndarray]:
    """A floor with many instruments, open orders and limits, and one draft for each instrument that passes."""
    floor = Floor()
    rows = []
    for number in range(FAR + 1, FAR + 1 + INSTRUMENTS):
        rows.append(row(r.LISTED, 2 | 3 << 8 | 2 << 16, 5, 2, 10**8, 1, instrument=number))
        rows.append(row(r.ASSETS, 2, 1, USDT, USDT, instrument=number))
        rows.append(row(r.LEVERAGE, ONE_WAY, 100, 0, 0, instrument=number))
    floor.take(*rows)
    scopes = [(ScopeKind.GLOBAL, 0), (ScopeKind.VENUE, 2), (ScopeKind.ACCOUNT, ONE_WAY), (ScopeKind.STRATEGY, 1)]
    for scope in scopes:
        for limit in GENEROUS:
            floor.limit(*scope, limit, MUCH)
        floor.limit(*scope, Limit.ORDERS_PER_WINDOW, RATE)
    places = []
    for number in range(FAR + 1, FAR + 1 + INSTRUMENTS):
        floor.price(number, 10_000)
        floor.limit(ScopeKind.INSTRUMENT, number, Limit.POSITION_QTY, MUCH)
        for each in range(ORDERS // INSTRUMENTS):
            sell = each % 2
            assert (
                floor.order(
                    number, 10_000 + (5 if sell else -5) * (each + 1), 2, sell=sell, strategy=1, account=ONE_WAY
                ).code
                == 0
            )
        places.append(floor.place_of(floor.draft(number, 9_990, 4, strategy=1, account=ONE_WAY)[0]))
    return floor, np.array(places, np.int64)


def run() -> list[Figure]:
    """P12: the gate."""
    floor, places = crowded()
    verdict = np.zeros(VERDICT_WORDS, np.int64)
    assert judge_all(floor.state, places, I(BEGIN), I(1), verdict) == 0, "the drafts pass"
    walk_all(floor.state, places, I(1))

    def timed(work: str) -> float:
        begun = time.thread_time()
        if work == "judge":
            judge_all(floor.state, places, I(BEGIN), I(TURNS), verdict)
        else:
            walk_all(floor.state, places, I(TURNS))
        return time.thread_time() - begun

    laps = alternate({name: (lambda name=name: timed(name)) for name in ("judge", "walk")}, ROUNDS)
    each = {name: median(lap) / (TURNS * len(places)) * 1e9 for name, lap in laps.items()}
    return [
        Figure("one decision of the gate", each["judge"], "ns", TARGET_NS / each["judge"], "1 µs", 1.0),
        Figure("the bare walk over its open orders", each["walk"], "ns", ratio(laps, "judge", "walk"), "a decision"),
    ]


if __name__ == "__main__":
    for figure in run():
        print(f"{figure.name:40s} {figure.value:8.0f} {figure.unit}")
