"""Every recorded Binance file against what a plain program that shares no code with this project found in it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.recordings import SAMPLE, data_digest
from veloz.ingest import Result, ingest

STREAMS = [
    "binance_coinm__stream__btcusd_perp_20240808",
    "binance_spot__stream__btcusdt_20240808",
    "binance_usdm__stream__btcusdt_20230404",
    "binance_usdm__stream__btcusdt_20230405",
    "binance_usdm__stream__btcusdt_20240808",
    "binance_usdm__stream__btcusdt_20230404+btcusdt_20230405",
]
CAPTURES = [
    "binance_coinm__capture__20210722",
    "binance_spot__capture__20210417",
    "binance_spot__capture__20211012",
    "binance_usdm__capture__20210722",
]


def facts_of(shared: Path, name: str) -> dict[str, Any]:
    return json.loads((shared / "data" / "facts" / f"{name}.json").read_text())  # type: ignore[no-any-return]


def inputs_of(shared: Path, facts: dict[str, Any]) -> list[tuple[str, Path]]:
    paths = [shared / "data" / each["file"] for each in facts["files"]]
    venue = paths[0].relative_to(shared / "data").parts[0]
    if "capture" in paths[0].parts:
        return [(venue, paths[0].parent)]
    return [(venue, path) for path in paths]


def require_facts(found: Result, facts: dict[str, Any]) -> None:
    assert found.messages == facts["messages"]
    assert found.rejected == 0
    assert found.gaps == 0
    assert not found.damaged
    scale = {"ns": 1, "us": 1_000}.get(facts.get("local_ts_unit", ""), 0)
    if scale:
        assert found.frames == facts["lines"]
        assert (found.first_ts_ns, found.last_ts_ns) == (
            facts["first_local_ts"] * scale,
            facts["last_local_ts"] * scale,
        )
    else:
        assert found.frames == sum(facts["records"].values()) + 1  # and the instrument list
        assert found.first_ts_ns == int(Decimal(str(facts["first_local_ts"])) * 10**9)
        assert found.last_ts_ns == int(Decimal(str(facts["last_local_ts"])) * 10**9)
        assert {each["source"] for each in found.instruments} == {"venue"}
        assert {each["symbol"] for each in found.instruments} == {*facts["symbols"]}


@pytest.mark.parametrize("name", STREAMS + CAPTURES)
def test_counts_gaps_and_stamps_are_the_facts(name: str, shared: Path, journal_dir: Path) -> None:
    facts = facts_of(shared, name)
    inputs = inputs_of(shared, facts)
    found = ingest(inputs, journal_dir, snapshot_keep=0)
    require_facts(found, facts)
    assert found.head_seq == found.records == found.added["records"] == sum(found.kinds.values())
    before = data_digest(journal_dir)
    again = ingest(inputs, journal_dir, snapshot_keep=0)
    assert again.added == {"frames": 0, "records": 0}
    assert data_digest(journal_dir) == before
    same = {key: value for key, value in found.as_dict().items() if key not in {"added", "seconds"}}
    assert same == {key: value for key, value in again.as_dict().items() if key not in {"added", "seconds"}}


def test_a_day_and_the_next_one_in_two_commands(shared: Path, journal_dir: Path) -> None:
    first, second, both = (facts_of(shared, name) for name in (STREAMS[2], STREAMS[3], STREAMS[5]))
    a, b = inputs_of(shared, first), inputs_of(shared, second)
    require_facts(ingest(a, journal_dir, snapshot_keep=0), first)
    require_facts(ingest(b, journal_dir, snapshot_keep=0), second)
    before = data_digest(journal_dir)
    require_facts(ingest(a + b, journal_dir, snapshot_keep=0), both)
    assert data_digest(journal_dir) == before


def test_the_sample_is_what_its_facts_say(journal_dir: Path) -> None:
    facts = json.loads((SAMPLE / "facts.json").read_text())
    inputs = [(name.split("/")[0], SAMPLE / name) for name in facts]
    found = ingest(inputs, journal_dir, snapshot_keep=0)
    assert found.rejected == 0
    for key in ("frames", "gaps"):
        assert getattr(found, key) == sum(known[key] for known in facts.values()), key
    assert found.messages == {
        name: sum(known["messages"].get(name, 0) for known in facts.values())
        for name in {name for known in facts.values() for name in known["messages"]}
    }
