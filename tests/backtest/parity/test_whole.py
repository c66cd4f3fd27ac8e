"""Parity through the whole engine: imported events, the desk with its strategy, the simulated exchange, and what the run comes to."""

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.backtest.parity.cases import KNOWN, Case, Data, peer_words, random_cases
from tests.backtest.parity.peer import Peer
from tests.backtest.parity.whole import MARKETS, play_whole, settings_text, whole_differences
from veloz.backtest.rules import Queue
from veloz.contracts import registry

MS: Final = 1_000_000
MANY: Final = 120
Recordings = dict[str, tuple[Data, Path]]
CAP: Final = Fraction(10001, 2)
CASES: Final = [
    Case("usdm", 10, 200, CAP),
    Case("usdm", 5, 200, CAP, Queue.POWER, 2.0, partial=True, entry_ns=50 * MS, response_ns=30 * MS),
    Case("usdm", 2, 20, Fraction(505), Queue.POWER2, 1.5, entry_ns=0, response_ns=0, maker_ppm=-50),
    Case("usdm", 10, 500, CAP, Queue.LOG, partial=True, entry_ns=MS),
    Case("usdm", 1, 20, Fraction(505), Queue.LOG2, entry_ns=3 * MS, response_ns=120 * MS, every_ns=50 * MS),
    Case("coinm", 10, 10, Fraction(505), Queue.POWER3),
    Case("coinm", 5, 100, Fraction(1005, 2), partial=True, every_ns=33 * MS),
    Case("coinm", 2, 10, Fraction(505), Queue.POWER2, 2.0, entry_ns=75 * MS, response_ns=5 * MS),
    Case("spot", 20, 200, Fraction(10001, 2)),
    Case("spot", 20, 3000, Fraction(60001, 2), Queue.LOG2, partial=True, entry_ns=20 * MS),
]  # fmt: skip


def compare(case: Case, peer: Peer, recordings: Recordings) -> tuple[int, list[str]]:
    """Executions, and what differs."""
    data, journal = recordings[case.data]
    theirs = peer.ask(peer_words(case, data))
    found = whole_differences(data, theirs, play_whole(case, data, journal))
    return theirs["trades"], found


@pytest.mark.parametrize("case", CASES, ids=[f"{case.data}-{case.queue.name}-{case.partial}" for case in CASES])
def test_the_whole_engine_fills_alike(case: Case, peer: Peer, short_journals: Recordings) -> None:
    fills, found = compare(case, peer, short_journals)
    assert not found, found
    assert fills > 5


@pytest.mark.parametrize("case", [CASES[1], CASES[6], CASES[9]], ids=["linear", "inverse", "spot"])
def test_both_forms_of_the_strategy_say_the_same(case: Case, short_journals: Recordings) -> None:
    data, journal = short_journals[case.data]
    told = []
    for form in ("compiled", "python"):
        rows = play_whole(case, data, journal, form).kept.rows()
        told.append(rows[rows["kind"] != registry.COMMAND_STRATEGY.number].tobytes())
    assert told[0] == told[1]


def test_the_command_says_the_same(
    peer: Peer, short_journals: Recordings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from veloz.cli.main import run_command

    case = CASES[6]
    data, _ = short_journals[case.data]
    config, market = tmp_path / "run.toml", MARKETS[case.data]
    config.write_text(settings_text(case, data, "compiled") + f'\n[data]\nvenue = "{market.venue}"\n')
    words = [
        f"instrument.kind={market.kind}",
        *(f"instrument.{name}={text}" for name, text in market.given(data).items()),
    ]
    words += [f"data_dir={tmp_path}", "report.html=false"]
    events = str(peer.folder / f"{data.capture.name}.npz")
    told = ["backtest", str(config), "--data", events, "--json", *(part for word in words for part in ("--set", word))]
    assert run_command(told) == 0
    answer, theirs = json.loads(capsys.readouterr().out), peer.ask(peer_words(case, data))
    assert answer["fills"] == theirs["trades"]
    assert float(answer["position"][market.symbol]) == theirs["position"]
    assert float(answer["fees"]) == pytest.approx(theirs["fee"], rel=1e-9, abs=1e-8 * theirs["trades"])
    assert float(answer["cash"]) == pytest.approx(theirs["balance"], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(KNOWN)))
def test_known_results(place: int, peer: Peer, journals: Recordings) -> None:
    case, (fills, position, fee, balance) = KNOWN[place]
    data, journal = journals[case.data]
    played = play_whole(case, data, journal)
    figures = played.figures
    assert not whole_differences(data, peer.ask(peer_words(case, data)), played)
    assert (figures.fills, Fraction(figures.position[MARKETS[case.data].symbol]) * 10**data.qty_scale) == (
        fills,
        position,
    )
    assert float(figures.fees) == pytest.approx(fee, rel=1e-9, abs=1e-8 * fills)
    assert float(figures.cash) == pytest.approx(balance, rel=1e-9)


def all_markets(cases: Iterator[Case], seed: int) -> Iterator[Case]:
    """A third of them on the spot market instead, where a tick is a tenth and a lot a hundredth."""
    dice = np.random.default_rng(seed)
    for case in cases:
        if dice.integers(3):
            yield case
        else:
            yield replace(
                case,
                data="spot",
                spread_ticks=10 * case.spread_ticks,
                qty=100 * case.qty,
                cap=100 * case.cap + Fraction(1, 2),
            )


@pytest.mark.slow
def test_many_random_configurations(peer: Peer, journals: Recordings) -> None:
    whole, found = 0, []
    for case in all_markets(random_cases(11, MANY), 12):
        data, journal = journals[case.data]
        theirs = peer.ask(peer_words(case, data))
        whole += theirs["code"] == 1
        found += [f"{case}: {text}" for text in whole_differences(data, theirs, play_whole(case, data, journal))]
    assert not found, found
    assert whole > MANY // 2
