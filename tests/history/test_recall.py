"""State as of a record: the same by any way."""

from pathlib import Path

from tests.history.conftest import Write
from veloz.history.recall import find_snapshot, recall, recall_newest, save_snapshot
from veloz.reducers.state import state_hash


def test_a_snapshot_shortens_the_way_and_changes_nothing(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "j"
    write(path, [100, 5000, 7, 300])
    whole = recall(path, use_snapshot=False)
    assert (whole.replay.records, whole.snapshot_used) == (5408, None)
    for seq in (1, 57, 101, 3000, 5408):
        save_snapshot(path, seq, recall(path, last=seq, use_snapshot=False).state, keep=10)
    for at in (1, 56, 57, 58, 4000, 5408):
        near = recall_newest(path, at)
        assert state_hash(near.state) == state_hash(recall(path, last=at, use_snapshot=False).state)
        assert near.snapshot_used == max(seq for seq in (1, 57, 101, 3000, 5408) if seq <= at)


def test_counting_from_a_row_uses_what_lies_before(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "j"
    write(path, [100, 200])
    save_snapshot(path, 50, recall(path, last=50, use_snapshot=False).state, keep=3)
    part = recall(path, count_from=51)
    assert (part.replay.records, part.snapshot_used) == (251, 50)
    assert state_hash(part.state) == state_hash(recall(path, use_snapshot=False).state)
    assert recall(path, count_from=50).snapshot_used is None


def test_a_snapshot_of_another_history_is_not_used(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "one", [100])
    write(tmp_path / "two", [60, 40])
    file, _ = save_snapshot(tmp_path / "one", 100, recall(tmp_path / "one", last=100).state, keep=3)
    target = tmp_path / "two" / "snapshots"
    target.mkdir()
    (target / file.name).write_bytes(file.read_bytes())
    assert find_snapshot(tmp_path / "two", 101) is None
    assert find_snapshot(tmp_path / "one", 101) is not None
