"""Latency models, each against what it says it is."""

import math
import statistics
from typing import Any

import numpy as np
import pytest

from tests.backtest.stage import Stage, bid, market, rules
from veloz.backtest.exchange import new_venue
from veloz.backtest.latency import drawn
from veloz.backtest.machine import ENTRY, RESPONSE, Venue
from veloz.backtest.rules import Delay, Latency
from veloz.backtest.wires import due_after
from veloz.contracts.kernel import entry
from veloz.reducers.words import I

MS = 1_000_000


@entry
def arrival(venue: Venue, wire: I, at_ns: I) -> I:
    return due_after(venue, wire, at_ns)


@entry
def chance(seed: I, number: I, which: I) -> I:
    return drawn(seed, number, which)


def delays(count: int, seed: int = 7, **parts: Any) -> list[int]:
    """Of so many messages, none of which waits for another."""
    venue = new_venue([market()], rules(entry=Latency(**parts), seed=seed))
    return [int(arrival(venue, ENTRY, I(0))) for _ in range(count)]


def test_points_have_lines_between_them() -> None:
    table = ((0, 10 * MS, 30 * MS), (100 * MS, 130 * MS, 160 * MS))
    latency = Latency(model=Delay.TABLE, table=table)
    venue = new_venue([market()], rules(entry=latency, response=latency))
    assert arrival(venue, ENTRY, I(50 * MS)) == 70 * MS
    assert arrival(venue, RESPONSE, I(70 * MS)) == 95 * MS
    assert arrival(venue, ENTRY, I(500 * MS)) == 530 * MS


def test_a_request_beside_a_point_without_the_exchange_is_turned_away() -> None:
    latency = Latency(model=Delay.TABLE, table=((1, 0, 40), (1000, 1010, 1020)))
    stage = Stage([bid(5, 1000, 5)], rules(entry=latency))
    stage.ask(1, 1, "buy", 1, 990)
    stage.run(5000)
    assert [(kind, word) for kind, _, word, _ in stage.reports()] == [("rejected", -1008)]
    assert stage.heard[-1]["ts_recv"].tolist() == [40]


def test_the_feeds_own_lateness() -> None:
    late = np.array([bid(1_000, 1000, 5)]).tolist()
    late[0][1] = 1_500  # received
    stage = Stage([tuple(late[0])], rules(entry=Latency(model=Delay.FEED, ns=7, table=((2_000_000,),))))
    stage.run(1_000)
    stage.ask(2_000, 1, "buy", 1, 990)
    assert int(stage.venue.requests[0]["due_ns"]) == 2_000 + 7 + 2 * 500


def test_measured_quantiles_come_back() -> None:
    table = tuple((n * n,) for n in range(101))
    got = sorted(delays(4000, model=Delay.EMPIRICAL, table=table))
    assert got[0] >= 0
    assert got[-1] <= 100**2
    assert got[2000] == pytest.approx(50**2, rel=0.1)
    assert got[3600] == pytest.approx(90**2, rel=0.05)


def test_log_normal_has_its_median_and_spread() -> None:
    got = delays(4000, model=Delay.LOG_NORMAL, ns=1_000_000, spread=0.5)
    logs = [math.log(each) for each in got]
    assert statistics.median(got) == pytest.approx(1_000_000, rel=0.05)
    assert statistics.stdev(logs) == pytest.approx(0.5, rel=0.05)


def test_a_delay_is_decided_by_seed_and_number_alone() -> None:
    parts = {"model": Delay.LOG_NORMAL, "ns": 1_000_000, "spread": 0.5}
    assert delays(50, **parts) == delays(60, **parts)[:50]
    assert delays(50, **parts) != delays(50, seed=8, **parts)


def test_chances_are_even() -> None:
    counts = np.bincount([int(chance(I(5), I(n), I(0))) >> 27 for n in range(16_000)], minlength=16)
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 40  # chi-square, 15 degrees of freedom
    assert len({int(chance(I(seed), I(1), I(which))) for seed in range(500) for which in (0, 1)}) == 1000


def test_nothing_overtakes_on_a_wire() -> None:
    stage = Stage([bid(5, 1000, 5)], rules(entry=Latency(model=Delay.LOG_NORMAL, ns=1_000, spread=2.0)))
    for key in range(1, 40):
        stage.ask(key, key, "buy", 1, 990)
    due = stage.venue.requests["due_ns"][:39]
    assert (np.diff(due) >= 0).all()
    assert len(set(due.tolist())) > 1
