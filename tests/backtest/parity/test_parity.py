"""Parity: on the same events the simulated exchange and hftbacktest fill the same quoter alike, execution by execution."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from tests.backtest.parity.cases import KNOWN, Case, Data, differences, ours, peer_words, random_cases
from tests.backtest.parity.peer import Peer

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
