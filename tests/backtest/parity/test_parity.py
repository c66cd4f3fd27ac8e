"""Parity: on the same events the simulated exchange and hftbacktest fill the same quoter alike, execution by execution."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

import numpy as np
import pytest

from tests.backtest.parity.cases import Case, Data, differences, ours, peer_words
from tests.backtest.parity.peer import Peer
from veloz.backtest.rules import Queue

# Each with what hftbacktest 2.4.4 says of it: fills, position in quanta, fee, balance.
KNOWN: Final = [
    (Case("usdm", 60, 20, Fraction(1010)), (216, 0, 53.3180896, -15.94)),
    (Case("usdm", 10, 20, Fraction(1010), Queue.POWER3), (353, 220, 87.1379824, -13623.384)),
    (
        Case("usdm", 10, 20, Fraction(1010), Queue.LOG, entry_ns=50_000_000, response_ns=50_000_000),
        (272, 80, 67.144672, -4973.076),
    ),
    (Case("usdm", 1, 20, Fraction(1010), Queue.LOG, every_ns=10_000_000), (810, 160, 199.952736, -9982.748)),
    (Case("usdm", 20, 1000, Fraction(10001, 2), partial=True), (265, -4459, 3263.51172824, 273184.5138)),
    (
        Case("usdm", 10, 500, Fraction(10001, 2), Queue.POWER, 2.0, partial=True),
        (309, -3620, 1904.79590444, 222092.2026),
    ),
    (Case("coinm", 60, 10, Fraction(505)), (144, -40, 0.0004666207773563691, 0.06502759580019457)),
    (Case("coinm", 10, 10, Fraction(505), Queue.POWER2, 2.0), (180, 60, 0.0005832530971864473, -0.09688509688513237)),
]
CASES: Final = 16
MANY: Final = 600


@pytest.mark.parametrize("place", range(len(KNOWN)))
def test_known_results(place: int, peer: Peer, recordings: dict[str, Data]) -> None:
    case, (fills, position, fee, balance) = KNOWN[place]
    data = recordings[case.data]
    theirs, mine = peer.ask(peer_words(case, data)), ours(case, data)
    assert (theirs["trades"], round(theirs["position"] * 10**data.qty_scale)) == (fills, position)
    assert theirs["fee"] == pytest.approx(fee, rel=1e-9)
    assert theirs["balance"] == pytest.approx(balance, rel=1e-9)
    assert not differences(case, data, theirs, mine)


def random_cases(seed: int, count: int) -> Iterator[Case]:
    """Configurations that no tie of floats decides: the cap lies between two multiples of the quantity, and of the lot."""
    dice = np.random.default_rng(seed)
    for _ in range(count):
        name = str(dice.choice(["usdm", "coinm"]))
        qty = int(dice.choice([1, 5, 20, 200, 1000])) * (10 if name == "coinm" else 1)
        cap = qty * (2 * int(dice.integers(1, 30)) + 1) // 2 + Fraction(1, 2)
        delays = [
            int(dice.choice([0, 1_000_000, 10_000_000, 50_000_000, int(dice.integers(300_000_000))])) for _ in "io"
        ]
        yield Case(
            name, int(dice.choice([0, 1, 2, 5, 10, 20, 60])), qty, cap, Queue(int(dice.integers(6))),
            float(dice.choice([1.0, 1.5, 2.0, 2.5, 3.0])), bool(dice.integers(2)), delays[0], delays[1],
            int(dice.choice([10_000_000, 50_000_000, 100_000_000, int(dice.integers(5_000_000, 2_000_000_000))])),
            int(dice.choice([-50, 0, 200])), int(dice.choice([400, 700])),
        )  # fmt: skip


def with_plans(cases: Iterator[Case], seed: int) -> Iterator[Case]:
    """The same doing what random plans say."""
    dice = np.random.default_rng(seed)
    for case in cases:
        plan = {
            "seed": int(dice.integers(1 << 30)), "wakes": int(dice.choice([300, 3000, 20_000])), "wishes": int(dice.integers(1, 5)),
            "lots": int(dice.choice([1, 5, 50, 500])), "step": 10 if case.data == "coinm" else 1,
            "amends": bool(dice.integers(2)), "takers": bool(dice.integers(2)),
        }  # fmt: skip
        yield replace(case, plan=plan)


def compare_many(cases: Iterator[Case], peer: Peer, recordings: dict[str, Data]) -> tuple[int, list[str]]:
    """How many runs ended with the data, and what differs in any."""
    whole, found = 0, []
    for case in cases:
        data = recordings[case.data]
        theirs = peer.ask(peer_words(case, data))
        whole += theirs["code"] == 1
        found += [f"{case}: {text}" for text in differences(case, data, theirs, ours(case, data))]
    return whole, found


def test_random_configurations(peer: Peer, recordings: dict[str, Data]) -> None:
    whole, found = compare_many(random_cases(1, CASES), peer, recordings)
    assert not found, found
    assert whole > CASES // 2


def test_random_plans(peer: Peer, recordings: dict[str, Data]) -> None:
    whole, found = compare_many(with_plans(random_cases(3, CASES), 4), peer, recordings)
    assert not found, found
    assert whole > CASES // 4


@pytest.mark.slow
def test_many_random_configurations(peer: Peer, recordings: dict[str, Data]) -> None:
    whole, found = compare_many(random_cases(2, MANY), peer, recordings)
    assert not found, found
    assert whole > MANY // 2


@pytest.mark.slow
def test_many_random_plans(peer: Peer, recordings: dict[str, Data]) -> None:
    whole, found = compare_many(with_plans(random_cases(7, MANY), 8), peer, recordings)
    assert not found, found
    assert whole > MANY // 4
