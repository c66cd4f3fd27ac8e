"""Every command on a journal of real records: what scripts rely on is there, and it is right."""

import hashlib
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from journal import Writer
from tests.cli.conftest import Run


@pytest.fixture
def journal(sample_journal: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    path = tmp_path / "journal"
    shutil.copytree(sample_journal, path)
    return path


def contents(path: Path) -> dict[str, str]:
    """sha256 of every file below a directory but LMDB's table of readers, where whoever reads signs in."""
    return {
        str(f.relative_to(path)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(path.rglob("*"))
        if f.is_file() and f.name != "lock.mdb"
    }


def test_ingest_says_what_scripts_rely_on_and_does_nothing_twice(veloz: Run, sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = veloz("ingest", sample, "--venue", "binance_usdm", "--journal", path, "--json")
    assert first.code == 0
    told = first.json
    for key in ("frames", "records", "kinds", "messages", "rejected", "gaps", "instruments", "first_ts_ns", "last_ts_ns",
                "head_seq", "head_hash", "seconds"):  # fmt: skip
        assert key in told
    assert sum(told["kinds"].values()) == told["records"] == told["head_seq"]
    data = (path / "data.mdb").read_bytes()
    again = veloz("ingest", sample, "--venue", "binance_usdm", "--journal", path, "--json")
    assert again.code == 0
    assert (path / "data.mdb").read_bytes() == data
    assert {**again.json, "seconds": 0, "added": 0} == {**told, "seconds": 0, "added": 0}


def test_info_verify_and_their_keys(veloz: Run, sample_journal: Path) -> None:
    info = veloz("journal", "info", "--journal", sample_journal, "--json").json
    assert info["records"] == info["head_seq"] == sum(info["kinds"].values())
    assert {"batches", "head_hash", "bytes", "epoch"} <= set(info)
    report = veloz("journal", "verify", "--journal", sample_journal, "--json").json
    assert report["ok"] is True
    assert (report["records"], report["head_hash"]) == (info["records"], info["head_hash"])


def test_read_commands_change_nothing(veloz: Run, journal: Path) -> None:
    before = contents(journal)
    for words in (
        ("journal", "info"), ("journal", "verify"), ("journal", "dump", "--limit", 3), ("replay", "--verify"),
        ("replay", "--decode"), ("book", "--instrument", "BTCUSDT"),
    ):  # fmt: skip
        assert veloz(*words, "--journal", journal).code == 0
        assert contents(journal) == before, words


def test_dump_is_one_object_a_line_in_the_order_of_record(veloz: Run, sample_journal: Path) -> None:
    ran = veloz("journal", "dump", "--journal", sample_journal, "--from", 10, "--to", 500)
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(10, 501))
    assert {"kind", "topic", "version", "instrument", "ts_recv", "ts_event", "source", "cause", "trace"} <= set(
        lines[0]
    )
    trades = veloz("journal", "dump", "--journal", sample_journal, "--kind", "md.trade", "--limit", 5).out.splitlines()
    assert [json.loads(line)["kind"] for line in trades] == ["md.trade"] * 5
    assert veloz("journal", "dump", "--journal", sample_journal, "--kind", "order.*").out == ""
    assert veloz("journal", "dump", "--journal", sample_journal, "--kind", "md.nothing").code == 2


def test_replay_gives_the_same_state_by_every_way(veloz: Run, journal: Path, tmp_path: Path) -> None:
    whole = veloz("replay", "--journal", journal, "--no-snapshot", "--json").json
    for key in (
        "from_seq",
        "to_seq",
        "records",
        "decisions_checked",
        "divergences",
        "snapshot_used",
        "seconds",
        "records_per_second",
    ):
        assert key in whole
    middle = whole["to_seq"] // 2
    assert veloz("journal", "snapshot", "--journal", journal, "--at", middle, "--json").json["seq"] == middle
    part = veloz("replay", "--journal", journal, "--from", middle + 1, "--verify", "--json").json
    assert part["snapshot_used"] == middle
    assert part["records"] == whole["to_seq"] - middle
    decoded = veloz("replay", "--journal", journal, "--decode", "--json").json
    assert {whole["state_hash"]} == {part["state_hash"], decoded["state_hash"]}
    one, two, sealed = tmp_path / "one.vza", tmp_path / "two.vza", tmp_path / "sealed"
    assert veloz("journal", "archive", "--journal", journal, "--to", middle, "--out", one, "--json").json["ranges"] == [
        [1, middle]
    ]
    assert (
        veloz(
            "journal", "archive", "--journal", journal, "--from", middle + 1, "--to", whole["to_seq"], "--out", two
        ).code
        == 0
    )
    assert veloz("journal", "restore", two, one, "--journal", sealed, "--json").json["bytes_after"] > 0
    again = veloz("replay", "--journal", sealed, "--json").json
    assert (again["state_hash"], again["records"]) == (whole["state_hash"], whole["records"])
    assert veloz("replay", "--journal", sealed, "--decode", "--json").json["state_hash"] == whole["state_hash"]


def test_replay_from_a_time(veloz: Run, sample_journal: Path) -> None:
    ran = veloz("journal", "dump", "--journal", sample_journal, "--from", 5000, "--limit", 1)
    stamp = json.loads(ran.out)["ts_recv"]
    told = veloz("replay", "--journal", sample_journal, "--from-time", stamp, "--json").json
    first = json.loads(
        veloz("journal", "dump", "--journal", sample_journal, "--from", told["from_seq"], "--limit", 1).out
    )
    before = json.loads(
        veloz("journal", "dump", "--journal", sample_journal, "--from", told["from_seq"] - 1, "--limit", 1).out
    )
    assert before["ts_recv"] < stamp <= first["ts_recv"]
    assert told["records"] == told["to_seq"] - told["from_seq"] + 1


def test_book_of_what_was_never_seen_is_one_sentence(veloz: Run, sample_journal: Path) -> None:
    ran = veloz("book", "--journal", sample_journal, "--instrument", "NOSUCH", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, "no_instrument")
    assert "never seen NOSUCH" in ran.json["error"]["message"]
    assert "BTCUSDT" in ran.json["error"]["hint"]
    first = veloz("book", "--journal", sample_journal, "--instrument", "BTCUSDT", "--at", 2, "--json").json
    assert first["synced"] is False


def test_book_takes_a_depth_and_a_venue(veloz: Run, sample_journal: Path) -> None:
    book = veloz(
        "book", "--journal", sample_journal, "--instrument", "binance_usdm:BTCUSDT", "--depth", 3, "--json"
    ).json
    assert len(book["bids"]) == len(book["asks"]) == 3
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])
    assert "BTCUSDT" in veloz("book", "--journal", sample_journal, "--instrument", "BTCUSDT").out


def test_expire_compact_and_backup_touch_no_row(veloz: Run, journal: Path, tmp_path: Path) -> None:
    whole = veloz("replay", "--journal", journal, "--no-snapshot", "--json").json
    copy = tmp_path / "copy"
    assert veloz("journal", "backup", "--journal", journal, "--out", copy, "--json").json["bytes_after"] > 0
    assert veloz("journal", "backup", "--journal", journal, "--out", copy).code == 2
    dropped = veloz("journal", "expire", "--journal", journal, "--frames-before", whole["to_seq"] // 2, "--json").json
    assert dropped["bytes_after"] < dropped["bytes_before"]
    smaller = veloz("journal", "compact", "--journal", journal, "--json").json
    assert smaller["bytes_after"] < smaller["bytes_before"]
    for path in (journal, copy):
        assert veloz("journal", "verify", "--journal", path).code == 0
        assert veloz("replay", "--journal", path, "--json").json["state_hash"] == whole["state_hash"]
        assert veloz("replay", "--journal", path, "--decode", "--json").json["state_hash"] == whole["state_hash"]


def test_ranges_beyond_the_head_are_refused(veloz: Run, sample_journal: Path, tmp_path: Path) -> None:
    for words in (("replay", "--to", 10**9), ("book", "--instrument", "BTCUSDT", "--at", 10**9),
                  ("journal", "archive", "--to", 10**9, "--out", tmp_path / "x")):  # fmt: skip
        ran = veloz(*words, "--journal", sample_journal)
        assert ran.code == 2
        assert "ends at row" in ran.err
    assert not (tmp_path / "x").exists()


def test_an_empty_directory_is_an_empty_journal(veloz: Run, tmp_path: Path) -> None:
    assert veloz("journal", "dump", "--journal", tmp_path).out == ""
    assert veloz("replay", "--journal", tmp_path, "--json").json["records"] == 0


def test_nothing_cannot_be_verified(veloz: Run, tmp_path: Path) -> None:
    for lack in ("journal", "row"):
        for words in (("replay", "--verify"), ("journal", "verify")):
            ran = veloz(*words, "--journal", tmp_path)
            assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
            assert f"holds no {lack}: there is nothing to verify" in ran.err
        with Writer.open(tmp_path, map_size_bytes=1 << 24):
            pass


def test_rows_without_a_decision_are_said_to_verify_nothing(veloz: Run, sample_journal: Path) -> None:
    said = "Nothing was verified: rows {} to {} hold no decision that could be taken again."
    ran = veloz("replay", "--journal", sample_journal, "--verify", "--json")
    assert (ran.code, ran.json["decisions_checked"], ran.json["differences"]) == (0, 0, 0)
    assert said.format(1, ran.json["to_seq"]) in ran.err
    part = veloz("replay", "--journal", sample_journal, "--verify", "--from", 3, "--to", 9)
    assert (part.code, said.format(3, 9) in part.err) == (0, True)
    both = veloz("replay", "--journal", sample_journal, "--verify", "--decode", "--json")
    assert (both.code, both.json["decisions_checked"], both.json["divergences"]) == (0, 0, [])
    assert both.json["frames_decoded"] > 0
    for words in (("--verify", "--decode"), ("--decode",), ()):
        assert "Nothing was verified" not in veloz("replay", "--journal", sample_journal, *words).err


def test_the_demo_runs_the_whole_job_and_verifies_it(veloz: Run, tmp_path: Path) -> None:
    for _ in range(2):
        told = veloz("demo", "--journal", tmp_path / "demo", "--json").json
        assert told["replay_ok"] is True
        assert told["records"] > 50_000
        assert {"journal", "report", "fills", "net_pnl", "seconds"} <= set(told)
        assert told["fills"] > 0
        assert Decimal(told["net_pnl"]) != 0
        assert told["decisions_checked"] > told["orders"]
        assert Path(told["report"]).read_text().startswith("<!")
    result = veloz("replay", "--journal", told["result"], "--verify", "--json")
    assert "Nothing was verified" not in result.err
    assert (result.code, result.json["decisions_checked"]) == (0, told["decisions_checked"])


def test_the_demo_takes_nothing_away_that_is_not_its_own(veloz: Run, tmp_path: Path) -> None:
    other = tmp_path / "demo-backtest" / "journal" / "notes.txt"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    ran = veloz("demo", "--journal", tmp_path / "demo")
    assert ran.code == 2
    assert "holds something else" in ran.err
    assert other.read_text() == "mine"
    assert not (tmp_path / "demo").exists()


def test_a_demo_that_was_tampered_with_is_found(veloz: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from veloz.cli import replay

    honest = replay.replay_journal

    def lying(path: Path, *where: int, **how: bool) -> dict[str, object]:
        return (
            {**honest(path, *where, **how), "state_hash": "0" * 64}
            if path.name == "journal"
            else honest(path, *where, **how)
        )

    monkeypatch.setattr(replay, "replay_journal", lying)
    ran = veloz("demo", "--journal", tmp_path / "demo", "--json")
    assert (ran.code, ran.json["replay_ok"]) == (1, False)


def test_a_changed_row_is_found_by_decoding(veloz: Run, journal: Path, tmp_path: Path) -> None:
    """One row changed with every sum right again: only reading the frames once more can tell."""
    from journal import Reader, Writer

    forged = tmp_path / "forged"
    with Reader.open(journal) as reader, Writer.open(forged) as writer, reader.view() as view:
        for batch in view.scan():
            rows = batch.rows.copy()
            if batch.first == 1:
                rows["words"][1000, 2] += 1
            writer.append(rows, bodies=list(batch.bodies()), frames=view.frames(batch.first))
            writer.flush()
    assert veloz("journal", "verify", "--journal", forged).code == 0
    ran = veloz("replay", "--journal", forged, "--decode", "--json")
    assert ran.code == 1
    assert [(each["seq"], each["field"]) for each in ran.json["divergences"]] == [(1001, "price")]


def test_doctor_looks_at_everything(veloz: Run, tmp_path: Path) -> None:
    ran = veloz("doctor", "--journal", tmp_path, "--json")
    checks = {check["name"]: check for check in ran.json["checks"]}
    assert {"python", "clock", "disk space", "file system", "versions", "keys"} <= set(checks)
    assert ran.code == (0 if all(check["ok"] for check in checks.values()) else 1)
