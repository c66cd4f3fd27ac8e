"""The recording that ships with the package: small, complete, licensed, and exactly what its facts say."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.oracles.naive_facts import facts, plain, whole_lines

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


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_engine_reads_what_the_plain_program_reads(name: str, journal_dir: Path) -> None:
    from veloz.history.names import read_names
    from veloz.history.recall import recall
    from veloz.ingest import ingest
    from veloz.reducers.view import top

    known = FACTS[name]
    result = ingest([(name.split("/")[0], SAMPLE / name)], journal_dir, unsafe_fs=True)
    assert {key: getattr(result, key) for key in ("frames", "messages", "gaps", "first_ts_ns", "last_ts_ns")} == {
        key: known[key] for key in ("frames", "messages", "gaps", "first_ts_ns", "last_ts_ns")
    }
    assert sum(n for kind, n in result.kinds.items() if kind.startswith("md.")) == known["market_rows"]

    folded, names = recall(journal_dir, use_snapshot=False), read_names(journal_dir, result.head_seq)
    for symbol, book in known["books"].items():
        (instrument,) = names.find(symbol)
        synced, bids, asks, update_id = top(folded.state, instrument, 20)
        assert (synced, update_id) == (True, book["update_id"])
        for side, levels in (("bids", bids), ("asks", asks)):
            texts = names.decimals(instrument, result.head_seq, levels)
            assert [[plain(price), plain(qty)] for price, qty in texts] == book[side]
