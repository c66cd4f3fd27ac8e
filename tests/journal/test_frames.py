"""Frames come back exactly; a value that was not written by us raises one error and never runs away."""

import contextlib
import struct

import numpy as np
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from journal import CorruptError, Frames, decode_frames, encode_frames
from journal.batch import digest_of, pad8
from journal.frames import HEAD, fault_of, sum_of
from tests.journal.samples import make_frames

TEXTS = st.lists(st.binary(max_size=60).map(lambda text: text.replace(b"\n", b" ")), min_size=1, max_size=20)


@given(TEXTS, st.integers(-5, 9))
def test_round_trip(texts: list[bytes], level: int) -> None:
    frames = make_frames(texts, first_row=[3 * k for k in range(len(texts))])
    value, digest = encode_frames(frames, level)
    assert len(value) % 8 == 0
    back = decode_frames(value, digest=digest)
    assert [back.frame(k) for k in range(len(back))] == texts
    assert bytes(back.raw) == frames.raw
    for name in ("first_row", "end", "source"):
        assert (getattr(back, name) == getattr(frames, name)).all()
    assert [back.of_row(3 * k + 1) for k in range(len(texts))] == list(range(len(texts)))
    assert fault_of(back, 3 * len(texts)) == ""


def test_layout_of_a_value() -> None:
    value, digest = encode_frames(make_frames([b"a" * 300, b"b"], first_row=[0, 5]))
    magic, version, head_bytes, n, codec, raw_bytes, stored_bytes, stored_sum = HEAD.unpack_from(value)
    assert (magic, version, head_bytes, n, codec) == (b"VZJF", 1, 32, 2, 1)
    assert stored_sum == xxh3_64_intdigest(value[:24] + value[32:])
    payload = struct.pack("<2I2I2H", 0, 5, 300, 302, 1, 1) + b"a" * 300 + b"\nb\n"
    assert raw_bytes == len(payload)
    assert len(value) == pad8(32 + stored_bytes)
    assert zstd.decompress(value[32 : 32 + stored_bytes]) == payload
    assert digest == digest_of(payload)


def test_what_does_not_shrink_is_kept_raw() -> None:
    noise = bytes(byte for byte in np.random.default_rng(1).integers(0, 256, 400, np.uint8).tobytes() if byte != 10)
    value, _ = encode_frames(make_frames([noise]))
    assert HEAD.unpack_from(value)[4] == 0
    assert decode_frames(value).frame(0) == noise


@pytest.mark.parametrize(
    "frames",
    [
        make_frames([b"a", b"b"], first_row=[0, 0]),
        make_frames([b"a", b"b"], first_row=[1, 0]),
        Frames(np.zeros(1, "u4"), np.array([3], "u4"), np.zeros(1, "u2"), b"ab\n"),
        Frames(np.zeros(1, "u4"), np.array([2], "u4"), np.zeros(1, "u2"), b"abc"),
        Frames(np.zeros(2, "u4"), np.array([2], "u4"), np.zeros(1, "u2"), b"ab\n"),
        Frames(np.array([0, 1], "u4"), np.array([2, 2], "u4"), np.zeros(2, "u2"), b"ab\n"),
        Frames(np.zeros(0, "u4"), np.zeros(0, "u4"), np.zeros(0, "u2"), b""),
    ],
)
def test_malformed_frames_are_refused(frames: Frames) -> None:
    with pytest.raises(ValueError, match="malformed"):
        encode_frames(frames)


def test_a_first_row_outside_the_batch_is_a_fault() -> None:
    assert fault_of(make_frames([b"a", b"b"], first_row=[0, 4]), 5) == ""
    assert "within the batch" in fault_of(make_frames([b"a", b"b"], first_row=[0, 4]), 4)


@given(TEXTS, st.data())
def test_any_flipped_bit_is_found(texts: list[bytes], data: st.DataObject) -> None:
    value, digest = encode_frames(make_frames(texts))
    bit = data.draw(st.integers(0, 8 * len(value) - 1))
    hurt = bytearray(value)
    hurt[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptError):
        decode_frames(hurt, digest=digest)


def test_a_bit_without_meaning_to_zstd_is_found() -> None:
    value, digest = encode_frames(make_frames([b"some text " * 40]))
    hurt = bytearray(value)
    hurt[32 + 4] ^= 1 << 4  # the unused bit of the descriptor of a zstd frame
    assert zstd.decompress(hurt[32 : 32 + HEAD.unpack_from(value)[6]]) == zstd.decompress(
        value[32 : 32 + HEAD.unpack_from(value)[6]]
    )
    with pytest.raises(CorruptError, match="checksum"):
        decode_frames(hurt, digest=digest)


def with_sum(value: bytes) -> bytes:
    """A value whose sum is right, whatever else is wrong with it."""
    return value[:24] + sum_of(value[:24], value[32:]) + value[32:]


@given(st.binary(max_size=200), st.integers(0, 3), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_hostile_values_raise_one_error(noise: bytes, codec: int, n: int, raw_bytes: int) -> None:
    body = noise + bytes(-len(noise) % 8)
    for value in (noise, with_sum(HEAD.pack(b"VZJF", 1, 32, n, codec, raw_bytes, len(noise), 0) + body)):
        with contextlib.suppress(CorruptError):
            assert decode_frames(value).frame(0) is not None


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zstd.compress(bytes(80 << 20))
    value = with_sum(HEAD.pack(b"VZJF", 1, 32, 1, 1, 1000, len(bomb), 0) + bomb + bytes(-len(bomb) % 8))
    with pytest.raises(CorruptError, match="do not end"):
        decode_frames(value)


def test_a_frame_index_out_of_bounds_is_an_index_error() -> None:
    frames = make_frames([b"a"])
    with pytest.raises(IndexError):
        frames.frame(1)
    with pytest.raises(IndexError):
        frames.frame(-1)
