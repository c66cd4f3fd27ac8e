"""What is in already, when the record of it is damaged or missing; and older copies of what is in."""

from pathlib import Path

import pytest

from journal import Reader, Writer
from journal.archive import archive
from journal.check import check
from journal.restore import restore
from tests.ingest.recordings import content_of, cut_of, data_digest, merged_inputs
from veloz.ingest import IngestError, ingest
from veloz.ingest.progress import GROUP_KEY, SOURCE_KEY, read_records


def meta_of(path: Path, prefix: bytes) -> dict[bytes, bytes]:
    with Reader.open(path) as reader, reader.view() as view:
        return {bytes(key): bytes(value) for key, value in view.meta_items(prefix)}


def put(path: Path, key: bytes, value: bytes | None) -> None:
    with Writer.open(path) as writer:
        writer.put_meta({key: value})
        writer.flush()


@pytest.mark.parametrize("prefix", [SOURCE_KEY, GROUP_KEY], ids=["source", "group"])
def test_a_damaged_record_is_refused_and_again_mends_it(prefix: bytes, tmp_path: Path, journal_dir: Path) -> None:
    inputs = [("binance_usdm", cut_of(300, tmp_path / "a.txt")), merged_inputs()[1]]
    first = ingest(inputs, journal_dir, snapshot_keep=0)
    (key, value), *_ = meta_of(journal_dir, prefix).items()
    for at in (0, 7, 8, len(value) // 2, len(value) - 1):
        put(journal_dir, key, value[:at] + bytes([value[at] ^ 4]) + value[at + 1 :])
        with pytest.raises(IngestError) as refusal:
            ingest(inputs, journal_dir, snapshot_keep=0)
        assert (refusal.value.exit_code, refusal.value.code) == (1, "corrupt")
        assert "--again" in refusal.value.hint
    second = ingest(inputs, journal_dir, again=True, snapshot_keep=0)
    assert second.added["frames"] == first.frames
    assert check(journal_dir).ok
    assert ingest(inputs, journal_dir, snapshot_keep=0).added["frames"] == 0
    with Reader.open(journal_dir) as reader, reader.view() as view:
        assert [record.number for record in read_records(view)] == [1, 2, 3, 4]


def test_a_record_under_another_key_is_refused(tmp_path: Path, journal_dir: Path) -> None:
    inputs = [("binance_usdm", cut_of(300, tmp_path / "a.txt"))]
    ingest(inputs, journal_dir, snapshot_keep=0)
    put(journal_dir, SOURCE_KEY + b"00002", meta_of(journal_dir, SOURCE_KEY)[SOURCE_KEY + b"00001"])
    with pytest.raises(IngestError) as refusal:
        ingest(inputs, journal_dir, snapshot_keep=0)
    assert refusal.value.code == "corrupt"


def test_rows_without_a_record_are_not_taken_twice_unasked(tmp_path: Path, journal_dir: Path) -> None:
    inputs = [("binance_usdm", cut_of(3000, tmp_path / "a.txt"))]
    ingest(inputs, journal_dir, snapshot_keep=0)
    restored = tmp_path / "restored"
    with Reader.open(journal_dir) as reader, reader.view() as view:
        last = next(batch.last for batch in view.scan())
    archive(journal_dir, last=last, out=tmp_path / "half.varc")
    restore([tmp_path / "half.varc"], restored)
    assert meta_of(restored, SOURCE_KEY) == {}
    before = data_digest(restored)
    with pytest.raises(IngestError) as refusal:
        ingest(inputs, restored, snapshot_keep=0)
    assert (refusal.value.exit_code, refusal.value.code) == (2, "no_progress")
    assert "--again" in refusal.value.hint
    assert data_digest(restored) == before
    spot = next(each for each in merged_inputs() if each[0] == "binance_spot")
    assert ingest([spot], restored, snapshot_keep=0).added["frames"], "another venue's rows are no concern"
    again = ingest(inputs, restored, again=True, snapshot_keep=0)
    assert again.added["frames"] == 3000
    assert ingest(inputs, restored, snapshot_keep=0).added["frames"] == 0
    with Reader.open(restored) as reader, reader.view() as view:
        assert [(record.number, bool(record.size)) for record in read_records(view)] == [
            (1, False), (2, True), (3, True),
        ]  # fmt: skip


def test_a_whole_archive_brings_the_records_along(tmp_path: Path, journal_dir: Path) -> None:
    inputs = [("binance_usdm", cut_of(300, tmp_path / "a.txt"))]
    whole = ingest(inputs, journal_dir, snapshot_keep=0)
    archive(journal_dir, last=whole.head_seq, out=tmp_path / "whole.varc")
    restore([tmp_path / "whole.varc"], tmp_path / "restored")
    assert ingest(inputs, tmp_path / "restored", snapshot_keep=0).added["frames"] == 0


@pytest.mark.parametrize("lines", [2, 700], ids=["short", "long"])
def test_an_older_copy_that_was_taken_adds_nothing(lines: int, tmp_path: Path, journal_dir: Path) -> None:
    old, new, newest = (cut_of(count, tmp_path / f"{count}.txt") for count in (lines, 1000, 1500))
    for path in (old, new, newest):
        ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    before, content = data_digest(journal_dir), content_of(journal_dir)
    for path in (old, new, newest):
        found = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
        assert (found.frames, found.added["frames"], found.exit_code) == (1500, 0, 0)
    assert data_digest(journal_dir) == before
    longer = cut_of(1600, tmp_path / "1600.txt")
    assert ingest([("binance_usdm", longer)], journal_dir, snapshot_keep=0).added["frames"] == 100
    assert content_of(journal_dir).rows[: len(content.rows)] == content.rows
    other = tmp_path / "other.txt"
    other.write_bytes(old.read_bytes() + b"1723161255000000000 {}\n")
    assert ingest([("binance_usdm", other)], journal_dir, snapshot_keep=0).added["frames"] == lines + 1
