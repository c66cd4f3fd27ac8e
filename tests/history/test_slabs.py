"""Rows come back as written, whatever the batches were, and any range of them."""

from pathlib import Path

import numpy as np
import pytest

from journal import CorruptError
from tests.history.conftest import Write
from veloz.contracts.layout import ROW
from veloz.history import slabs
from veloz.history.slabs import SlabReader

SIZES = [1, 2, 1, 5000, 3, 16_384, 16_384, 1, 4096, 700, 700, 700, 16_000]


def collect(path: Path, first: int = 1, last: int | None = None) -> tuple[list[int], np.ndarray]:
    """Where each array begins, and all rows, copied."""
    begins, parts = [], [np.zeros(0, ROW)]
    for begin, rows in SlabReader(path, first, last):
        begins.append(begin)
        parts.append(rows.copy())
    return begins, np.concatenate(parts)


def test_all_rows_come_back_in_order(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slabs, "WINDOW_BYTES", 1 << 20)  # several read transactions
    rows = write(tmp_path / "j", SIZES)
    begins, got = collect(tmp_path / "j")
    assert got.tobytes() == rows.tobytes()
    assert begins == sorted(begins)
    assert len(begins) < len(SIZES) + 1, "small batches are gathered"


@pytest.mark.parametrize(("first", "last"), [(1, 1), (2, 2), (3, 5004), (5000, 5001), (5006, 40_000), (59_000, 59_974)])
def test_any_range_is_exact(tmp_path: Path, write: Write, first: int, last: int) -> None:
    rows = write(tmp_path / "j", SIZES)
    begins, got = collect(tmp_path / "j", first, last)
    assert begins[0] == first
    assert got.tobytes() == rows[first - 1 : last].tobytes()


def test_an_empty_journal_has_no_rows(tmp_path: Path) -> None:
    assert collect(tmp_path / "nothing")[0] == []


def test_a_reader_that_stops_early_lets_go_of_the_journal(tmp_path: Path, write: Write) -> None:
    from journal import Writer

    write(tmp_path / "j", SIZES)
    for _ in range(3):
        for _ in SlabReader(tmp_path / "j"):
            break
    with Writer.open(tmp_path / "j", map_size_bytes=1 << 28) as writer:
        assert writer.head_seq == sum(SIZES) + 1


def test_damage_is_raised_where_it_is_reached(tmp_path: Path, write: Write) -> None:
    rows = write(tmp_path / "j", SIZES)
    data = bytearray((tmp_path / "j" / "data.mdb").read_bytes())
    at = data.find(rows[3000:3001].tobytes())  # a large batch: small ones leave old copies in free pages
    assert at > 0
    data[at + 20] ^= 1
    (tmp_path / "j" / "data.mdb").write_bytes(data)
    with pytest.raises(CorruptError) as caught:
        collect(tmp_path / "j")
    assert caught.value.seq == 6


def test_damage_in_a_small_batch_is_raised_too(tmp_path: Path, write: Write) -> None:
    rows = write(tmp_path / "j", [5000, 900])
    data = bytearray((tmp_path / "j" / "data.mdb").read_bytes())
    at = data.find(rows[5400:5401].tobytes())
    assert at > 0
    data[at + 20] ^= 1
    (tmp_path / "j" / "data.mdb").write_bytes(data)
    with pytest.raises(CorruptError) as caught:
        collect(tmp_path / "j")
    assert caught.value.seq == 5002


def test_a_batch_that_does_not_follow_the_one_before_is_raised(tmp_path: Path, write: Write) -> None:
    """Whole, with all its sums right, but of another history: only its link tells. The journal's own scan sees it too."""
    import lmdb

    from journal import ZERO, Reader, encode_batch

    path = tmp_path / "j"
    write(path, [3000, 3000, 3000])
    with Reader.open(path) as reader, reader.view() as view:
        batch = view.batch_at(3002)
        assert batch is not None
        forged = encode_batch(batch.rows.copy(), first=batch.first, link=ZERO, epoch=batch.epoch, t_prev=0)
    with lmdb.open(str(path), max_dbs=8, map_size=1 << 28) as env, env.begin(write=True) as txn:
        assert txn.put(forged.key, forged.value, db=env.open_db(b"rows", txn))
    with pytest.raises(CorruptError) as caught:
        collect(path)
    assert caught.value.seq in (3002, 6002)
    with pytest.raises(CorruptError), Reader.open(path) as reader, reader.view() as view:
        list(view.scan())
