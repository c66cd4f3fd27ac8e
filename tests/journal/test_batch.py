"""A batch is exactly the bytes of the layout, and comes back exactly."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal import SLOT, STEP_END, ZERO, CorruptError, encode_batch, parse_batch
from journal.batch import SUM, TIME_MIN, bitmap_of, kind_bits
from journal.check import require_heap
from journal.limits import HEAP_BYTES_MAX, ROWS_MAX
from tests.journal.samples import make_rows, rows_of
from tests.oracles.naive_journal import NaiveBatch

WORD = st.integers(-(2**63), 2**63 - 1)
FIELDS = st.tuples(
    st.one_of(st.integers(0, 200), st.integers(0, 65535)), st.integers(0, 255), st.integers(0, 255),
    st.integers(0, 2**32 - 1), WORD, WORD, WORD, WORD, WORD, WORD, WORD,
)  # fmt: skip


@st.composite
def naive_batches(draw: st.DrawFn) -> NaiveBatch:
    rows = draw(st.lists(FIELDS, min_size=1, max_size=12))
    kind, version, flags, *rest = rows[-1]
    rows[-1] = (kind, version, flags | STEP_END, *rest)
    bodies = draw(st.dictionaries(st.integers(0, len(rows) - 1), st.binary(max_size=20), max_size=4))
    digest = draw(st.sampled_from([ZERO, bytes(range(32))]))
    return NaiveBatch(draw(st.integers(1, 2**40)), rows, bodies, digest)


@given(naive_batches(), st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1), WORD)
def test_bytes_are_those_of_the_layout_and_come_back(naive: NaiveBatch, link: bytes, epoch: int, t_prev: int) -> None:
    rows = rows_of(naive.rows)
    made = encode_batch(
        rows,
        first=naive.first,
        link=link,
        epoch=epoch,
        t_prev=t_prev,
        bodies=sorted(naive.bodies.items()),
        frames_digest=naive.frames_digest,
    )
    value, digest, t_last = naive.encode(link, epoch, t_prev)
    assert bytes(made.value) == value
    assert (made.digest, made.t_last, made.key) == (digest, t_last, struct.pack(">Q", naive.first))
    batch = parse_batch(made.key, made.value)
    assert batch.rows.tobytes() == rows.tobytes()
    assert dict(batch.bodies()) == naive.bodies
    assert [batch.body(i) for i in range(batch.n)] == [naive.bodies.get(i) for i in range(batch.n)]
    assert (batch.first, batch.last, batch.epoch, batch.link) == (naive.first, naive.last, epoch, link)
    assert (batch.digest, batch.frames_digest, batch.t_last) == (digest, naive.frames_digest, t_last)
    assert batch.kinds == int.from_bytes(naive.kinds(), "little") == kind_bits(row[0] for row in naive.rows)
    assert all(batch.has_kind(row[0]) for row in naive.rows)
    assert batch.copy().rows.tobytes() == rows.tobytes()


@given(naive_batches(), st.data())
def test_any_flipped_bit_of_a_value_is_found(naive: NaiveBatch, data: st.DataObject) -> None:
    value = bytearray(naive.encode(ZERO, 1, 0)[0])
    bit = data.draw(st.integers(0, 8 * (len(value) - 32) - 1))
    value[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptError) as fault:
        require_heap(parse_batch(struct.pack(">Q", naive.first), value))
    assert fault.value.seq == naive.first


@given(st.binary(max_size=500), st.data())
def test_hostile_bytes_raise_one_error(noise: bytes, data: st.DataObject) -> None:
    value = bytearray(encode_batch(make_rows(3), first=1, link=ZERO, epoch=1, t_prev=0, bodies=[(1, b"x" * 9)]).value)
    at = data.draw(st.integers(0, len(value)))
    value[at : at + len(noise)] = noise
    for check in (True, False):
        try:
            batch = parse_batch(struct.pack(">Q", 1), value, check=check)
            list(batch.bodies())
        except CorruptError:
            continue
        assert len(batch.rows) == batch.n


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=50))
def test_bitmap_never_says_no_wrongly(kinds: list[int]) -> None:
    rows = np.zeros(len(kinds), SLOT)
    rows["kind"] = kinds
    assert int.from_bytes(bitmap_of(rows), "little") == kind_bits(kinds)


def refused(rows: np.ndarray, **named: object) -> str:
    given_ = {"first": 1, "link": ZERO, "epoch": 1, "t_prev": TIME_MIN} | named
    with pytest.raises(ValueError) as fault:  # noqa: PT011 - the text is what is looked at
        encode_batch(rows, **given_)  # type: ignore[arg-type]
    return str(fault.value)


def test_what_is_no_batch_is_refused() -> None:
    rows = make_rows(3)
    assert "1 to" in refused(rows[:0])
    assert "1 to" in refused(make_rows(ROWS_MAX + 1))
    assert "STEP_END" in refused(rows[:2])
    assert "64-byte" in refused(np.zeros(4, "i8"))
    assert "64-byte" in refused(np.zeros((2, 2), SLOT))
    assert "run from 1" in refused(rows, first=0)
    assert "ascending" in refused(rows, bodies=[(1, b""), (1, b"")])
    assert "ascending" in refused(rows, bodies=[(3, b"")])
    assert "bytes" in refused(rows, bodies=[(0, bytes(HEAP_BYTES_MAX))])


def test_the_fullest_batch_fits() -> None:
    made = encode_batch(
        make_rows(ROWS_MAX), first=1, link=ZERO, epoch=1, t_prev=0, bodies=[(0, bytes(HEAP_BYTES_MAX - 8))]
    )
    assert parse_batch(made.key, made.value).n == ROWS_MAX


def test_any_64_byte_dtype_and_stride_is_taken() -> None:
    words = np.arange(8 * 20, dtype=np.int64).reshape(20, 8)
    other = words.view([("a", "i8", 8)]).reshape(20)[::2]
    rows = np.ascontiguousarray(other).view(SLOT).copy()
    rows["flags"][-1] |= STEP_END
    back = encode_batch(rows.view(other.dtype), first=1, link=ZERO, epoch=1, t_prev=0)
    assert parse_batch(back.key, back.value).rows.tobytes() == rows.tobytes()


def test_engine_time_never_falls_while_rows_keep_their_own() -> None:
    rows = make_rows(3, t0=50, step=-10)
    batch = encode_batch(rows, first=1, link=ZERO, epoch=1, t_prev=45)
    parsed = parse_batch(batch.key, batch.value)
    assert (parsed.t_first, parsed.t_last) == (50, 50)
    assert parsed.rows["ts_recv"].tolist() == [50, 40, 30]
    later = parse_batch(batch.key, encode_batch(rows, first=1, link=ZERO, epoch=1, t_prev=99).value)
    assert (later.t_first, later.t_last) == (99, 99)


def test_heap_with_right_sum_and_wrong_entries_is_refused() -> None:
    from xxhash import xxh3_64_intdigest

    made = encode_batch(make_rows(2), first=1, link=ZERO, epoch=1, t_prev=0, bodies=[(0, b"abc"), (1, b"d")])
    at = 176 + 128
    for change in (b"\1", b"\2\0\0\0", b"\0\0\0\0\xff\xff\xff\xff", b"\0\0\0\0\3\0\0\0abcX"):
        value = bytearray(made.value)
        value[at : at + len(change)] = change
        SUM.pack_into(value, len(value) - 40, xxh3_64_intdigest(value[at:-40]))
        with pytest.raises(CorruptError, match="malformed"):
            list(parse_batch(made.key, value).bodies())
