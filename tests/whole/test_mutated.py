"""Recordings with lines lost, doubled, swapped and snapshots moved: the engine and the plain program still say the same.

The recordings themselves hold no gap, so gaps are made here. Both sides read the same file; neither knows what was done to it.
"""

import random
from pathlib import Path

import pytest

from tests.oracles.naive_facts import facts, whole_lines
from veloz.cli.ingest import ingest_files
from veloz.history.names import read_names
from veloz.history.recall import recall
from veloz.reducers.view import top

SAMPLE = Path(__file__).resolve().parents[2] / "veloz" / "sample"
LINES = 2500
MARKETS = ("binance_spot", "binance_usdm", "binance_coinm")


def mutate(lines: list[str], chance: random.Random) -> list[str]:
    """Some damage of the kind that networks do. Stamps stay in order, as a receiver would have written them."""
    stamps = [line.split(" ", 1)[0] for line in lines]
    bodies = [line.split(" ", 1)[1] for line in lines]
    snapshots = [body for body in bodies if '"stream"' not in body[:12]]
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(bodies))
        what = chance.choice(("lose", "lose many", "double", "swap", "again", "no snapshot", "late"))
        if what == "lose":
            bodies[at] = ""
        elif what == "lose many":
            for k in range(at, min(at + chance.randrange(2, 40), len(bodies))):
                bodies[k] = ""
        elif what == "double" and at + 1 < len(bodies):
            bodies[at + 1] = bodies[at]
        elif what == "swap" and at + 1 < len(bodies):
            bodies[at], bodies[at + 1] = bodies[at + 1], bodies[at]
        elif what == "no snapshot":
            bodies = ["" if body in snapshots else body for body in bodies]
        elif what == "late" and snapshots:
            first = next((k for k, body in enumerate(bodies) if body in snapshots), None)
            if first is not None:
                to = min(first + chance.randrange(1, 400), len(bodies) - 1)
                bodies.insert(to, bodies.pop(first))
    return [f"{stamp} {body}" for stamp, body in zip(stamps, bodies, strict=True) if body]


def engine_says(file: Path, venue: str, journal: Path) -> dict[str, object]:
    """The same figures from the engine."""
    told = ingest_files([(venue, file)], journal, unsafe_fs=True, overrides=["ingest.snapshot=false"])
    state = recall(journal, use_snapshot=False).state
    names = read_names(journal)
    books = {}
    for instrument in names.catalogue:
        found = top(state, instrument.number, 20)
        seq = told["head_seq"]
        books[instrument.symbol] = {
            "synced": found.synced,
            "update_id": found.update_id if found.synced else None,
            "bids": names.decimals(instrument.number, seq, found.bids),
            "asks": names.decimals(instrument.number, seq, found.asks),
        }
    keys = ("frames", "messages", "gaps", "first_ts_ns", "last_ts_ns")
    return {**{key: told[key] for key in keys}, "books": books}


@pytest.mark.parametrize("venue", MARKETS)
@pytest.mark.parametrize("seed", range(6))
def test_both_say_the_same(venue: str, seed: int, tmp_path: Path) -> None:
    check_one(venue, seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("venue", MARKETS)
@pytest.mark.parametrize("seed", range(100, 400))
def test_both_say_the_same_for_long(venue: str, seed: int, tmp_path: Path) -> None:
    check_one(venue, seed, tmp_path)


def check_one(venue: str, seed: int, tmp_path: Path) -> None:
    """One mutated recording through both."""
    source = next((SAMPLE / venue).glob("*.gz"))
    lines = mutate(list(whole_lines(source))[:LINES], random.Random(seed))
    file = tmp_path / f"{next(iter((SAMPLE / venue).glob('*.gz'))).name.removesuffix('.gz')}"
    file.write_text("\n".join(lines) + "\n")
    expected = facts([file], venue)
    said = engine_says(file, venue, tmp_path / "journal")
    for key, value in said.items():
        if key == "messages":
            assert dict(sorted(value.items())) == expected["messages"]  # type: ignore[attr-defined]
        else:
            assert value == expected[key], key
