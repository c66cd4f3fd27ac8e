"""The recording that ships with the package: small, complete, licensed, and exactly what its facts say."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.oracles.naive_facts import facts, whole_lines

SAMPLE = Path(__file__).resolve().parents[2] / "veloz" / "sample"
FACTS = json.loads((SAMPLE / "facts.json").read_text())
RECORDINGS = sorted(str(path.relative_to(SAMPLE)) for path in SAMPLE.glob("*/*.gz"))


def test_every_recording_has_its_facts() -> None:
    assert sorted(FACTS) == RECORDINGS


@pytest.mark.parametrize("name", RECORDINGS)
def test_facts_are_what_a_plain_program_reads(name: str) -> None:
    known = FACTS[name]
    assert facts([SAMPLE / name], name.split("/")[0]) == known
    assert known["messages"]["rest_depth_snapshot"] == 1
    assert known["gaps"] == 0
    assert all(book["synced"] for book in known["books"].values())


def test_the_sample_is_small_and_long_enough() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) <= 3_000_000
    assert FACTS["binance_usdm/btcusdt_20240808.gz"]["market_rows"] >= 50_000


def test_licence_and_provenance_stand_beside_it() -> None:
    page = (SAMPLE / "README.md").read_text()
    assert (SAMPLE / "LICENSE").read_text().startswith("MIT License")
    for name in RECORDINGS:
        lines = "".join(f"{line}\n" for line in whole_lines(SAMPLE / name))
        assert name in page
        assert hashlib.sha256(lines.encode()).hexdigest() in page, f"{name} is not the recording the page names"
