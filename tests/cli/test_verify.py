"""`veloz replay --verify`, `--what-if` and `veloz why` on journals that scenarios left."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.cli.conftest import Run
from tests.whole.scenario_journals import SCENARIOS, Batch, changed, recording, rows_where, write_batches
from veloz.contracts import registry as r
from veloz.contracts.command import StrategyBody
from veloz.strategies import loader
from veloz.strategies.loader import hash_of, number_of

STRATEGY = r.COMMAND_STRATEGY.number


def test_the_command_says_it_in_its_words(veloz: Run, tmp_path: Path):
    batches = recording(next(each for each in SCENARIOS if each.stem == "limit_breach"))
    seq = rows_where(batches, lambda rows: rows["kind"] == r.APPROVED.number)[0]
    path = write_batches(tmp_path / "j", changed(batches, seq, "price", 1))
    ran = veloz("replay", "--journal", path, "--verify", "--json")
    assert ran.code == 1
    (only,) = ran.json["divergences"]
    assert (only["seq"], only["kind"], only["field"], only["recorded"]) == (seq, "risk.approved", "hold", "1")
    assert only["cause_seq"] == seq - 1
    assert int(only["recomputed"]) > 1


def test_why_walks_the_chain_both_ways(veloz: Run, tmp_path: Path):
    batches = recording(next(each for each in SCENARIOS if each.stem == "own_strategy"))
    path = write_batches(tmp_path / "j", batches)
    ran = veloz("replay", "--journal", path, "--verify", "--trust-journal-code", "--json")
    assert (ran.code, ran.json["divergences"]) == (0, [])
    rows = np.concatenate([each.rows for each in batches])
    drafted = rows[rows["kind"] == r.DRAFTED.number][0].view(r.DRAFTED.view)
    by_key = veloz("why", str(int(drafted["order"])), "--journal", path, "--json").json
    chain = veloz("why", by_key["client_id"], "--journal", path, "--json").json["chain"]
    assert chain == by_key["chain"]
    seqs = [each["seq"] for each in chain]
    assert seqs == sorted(seqs)
    kinds = [each["kind"] for each in chain]
    wanted = [
        "strategy.intent",
        "instrument.resolved",
        "order.drafted",
        "risk.approved",
        "order.requested",
        "order.dispatched",
    ]
    assert [each for each in kinds if each in wanted] == wanted
    assert kinds[0].startswith(("md.", "system.timer", "order.", "control."))
    assert veloz("why", "v1-zzz-0", "--journal", path).code == 2
    assert veloz("why", "0", "--journal", path).code == 2
    assert veloz("why", by_key["client_id"], "--journal", path).out.count("risk.approved") == 1


def test_missing_code_is_one_sentence(veloz: Run, tmp_path: Path):
    batches = recording(next(each for each in SCENARIOS if each.stem == "own_strategy"))
    held = [
        body for batch in batches for at, body in batch.bodies if batch.rows[at]["kind"] == r.COMMAND_STRATEGY.number
    ]
    load = msgspec.msgpack.decode(held[0], type=StrategyBody)
    bare = msgspec.msgpack.encode(msgspec.structs.replace(load, source=""))
    stripped = [
        Batch(rows, [(at, bare if each == held[0] else each) for at, each in bodies]) for rows, bodies in batches
    ]
    path = write_batches(tmp_path / "j", stripped)
    ran = veloz("replay", "--journal", path, "--verify", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, "no_code")
    file = tmp_path / load.code.partition(":")[0]
    file.write_text(load.source)
    assert veloz("replay", "--journal", path, "--verify", "--code", file, "--json").code == 0
    file.write_text(load.source + "\n# another hash\n")
    assert veloz("replay", "--journal", path, "--verify", "--code", file, "--json").code == 2
    said = veloz("replay", "--journal", path, "--what-if", f"{load.name}={file}", "--json")
    assert (said.code, said.json["divergences"]) == (0, [])
    file.write_text(load.source.replace("view.params.qty", "2 * view.params.qty"))
    said = veloz("replay", "--journal", path, "--what-if", f"{load.name}={file}", "--json")
    assert said.code == 0
    assert said.json["divergences"][0]["kind"] == "strategy.intent"
    said = veloz("replay", "--journal", path, "--what-if", f"nobody={file}", "--json")
    assert (said.code, said.json["error"]["code"]) == (2, "no_such_strategy")
    assert load.name in said.json["error"]["message"]


def strategy_text(batches: list[Batch], text: str) -> list[Batch]:
    """The same journal, its first own strategy said to be another text, by hash too."""
    made = []
    for rows, bodies in batches:
        rows, changed_bodies = rows.copy(), []
        for at, body in bodies:
            load = msgspec.msgpack.decode(body, type=StrategyBody) if rows[at]["kind"] == STRATEGY else None
            if load is not None and load.source:
                rows[at : at + 1].view(r.COMMAND_STRATEGY.view)["code_hash"] = number_of(hash_of(text))
                body = msgspec.msgpack.encode(msgspec.structs.replace(load, source=text, code_hash=hash_of(text)))
            changed_bodies.append((at, body))
        made.append(Batch(rows, changed_bodies))
    return made


@pytest.mark.parametrize(
    "words",
    [
        ("replay", "--verify"), ("replay", "--what-if", "q={given}"), ("replay",), ("why", "v1-l-0"), ("journal", "snapshot"),
        ("replay", "--verify", "--code", "{given}"),
    ],
)  # fmt: skip
def test_a_text_that_stands_in_a_journal_is_never_run(
    veloz: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
):
    given = tmp_path / "given.py"
    given.write_text("from veloz.strategies import sdk\n\n\nclass Q(sdk.Strategy):\n    written_for = '1.0'\n")
    batches = recording(next(each for each in SCENARIOS if each.stem == "own_strategy"))
    path = write_batches(tmp_path / "j", strategy_text(batches, "# a stranger's\n" + given.read_text()))
    ran = []
    monkeypatch.setattr(
        loader,
        "compile",
        lambda tree, name, *rest, **more: ran.append(name) or compile(tree, name, *rest, **more),
        raising=False,
    )
    said = veloz(*(word.format(given=given) for word in words), "--journal", path, "--json")
    assert [name for name in ran if name != "<given.py>"] == []
    if "--verify" in words or "--what-if" in words:
        assert (said.code, said.json["error"]["code"]) == (2, "no_code")
        assert "dip" in said.json["error"]["message"]
        assert all(way in said.json["error"]["hint"] for way in ("--code", "--trust-journal-code"))
        veloz("replay", "--verify", "--trust-journal-code", "--journal", path, "--json")
        assert "<inline.py>" in ran


def test_code_is_known_by_its_hash_whatever_its_file_is_called(veloz: Run, tmp_path: Path):
    batches = recording(next(each for each in SCENARIOS if each.stem == "own_strategy"))
    path = write_batches(tmp_path / "j", batches)
    held = [body for batch in batches for at, body in batch.bodies if batch.rows[at]["kind"] == STRATEGY]
    file = tmp_path / "mine.py"
    file.write_text(msgspec.msgpack.decode(held[0], type=StrategyBody).source)
    assert veloz("replay", "--journal", path, "--verify", "--json").code == 2
    ran = veloz("replay", "--journal", path, "--verify", "--code", file, "--json")
    assert (ran.code, ran.json["divergences"]) == (0, [])
    middle = int(sum(len(each.rows) for each in batches[: 2 * len(batches) // 3]))
    assert veloz("journal", "snapshot", "--journal", path, "--at", middle, "--code", file, "--json").code == 0
    part = veloz("replay", "--journal", path, "--verify", "--from", middle + 1, "--code", file, "--json").json
    assert (part["snapshot_used"], part["divergences"]) == (middle, [])


def test_why_names_the_instrument_of_a_limit(veloz: Run, tmp_path: Path):
    batches = recording(next(each for each in SCENARIOS if each.stem == "limit_breach"))
    path = write_batches(tmp_path / "j", batches)
    rows = np.concatenate([each.rows for each in batches])
    key = int(rows[rows["kind"] == r.APPROVED.number][-1].view(r.APPROVED.view)["order"])
    said = [each["words"] for each in veloz("why", str(key), "--journal", path, "--json").json["chain"]]
    assert any("(instrument BTCUSDT)" in each for each in said), said


def test_a_snapshot_with_what_strategies_remember_shortens_the_way(veloz: Run, tmp_path: Path):
    batches = recording(next(each for each in SCENARIOS if each.stem == "quoter"))
    path = write_batches(tmp_path / "j", batches)
    ends = np.cumsum([len(each.rows) for each in batches])
    middle = int(ends[2 * len(ends) // 3])
    assert veloz("journal", "snapshot", "--journal", path, "--at", middle, "--json").json["seq"] == middle
    whole = veloz("replay", "--journal", path, "--verify", "--no-snapshot", "--json").json
    part = veloz("replay", "--journal", path, "--verify", "--from", middle + 1, "--json").json
    assert (part["snapshot_used"], part["divergences"]) == (middle, [])
    assert part["state_hash"] == whole["state_hash"]
    assert 0 < part["decisions_checked"] < whole["decisions_checked"]


def test_a_snapshot_within_a_step_is_no_beginning(veloz: Run, tmp_path: Path):
    batches = recording(next(each for each in SCENARIOS if each.stem == "normal_fill"))
    path = write_batches(tmp_path / "j", batches)
    seq = rows_where(batches, lambda rows: rows["kind"] == r.APPROVED.number)[0]
    assert veloz("journal", "snapshot", "--journal", path, "--at", seq, "--json").code == 0
    part = veloz("replay", "--journal", path, "--verify", "--from", seq + 1, "--json").json
    assert (part["snapshot_used"], part["divergences"]) == (None, [])
