"""Single bits of a gzip file changed: no changed frame is taken, and where only the member's end is hurt, none is lost."""

import gzip
import random
from pathlib import Path

import pytest

from tests.ingest.recordings import MAIN, SAMPLE
from veloz.ingest.faults import Damage
from veloz.ingest.files import DOUBT_BYTES, GZIP_TRAILER_BYTES, measure_gzip_head, read_text, read_trusted
from veloz.ingest.plausible import Sense

TEXT_BYTES = 1_500_000
SPOT = SAMPLE / "binance_spot" / "btcusdt_20240808.gz"


def text_of(source: Path) -> bytes:
    with gzip.open(source, "rb") as file:
        text = file.read(TEXT_BYTES)
    return text[: text.rfind(b"\n") + 1]


def read_all(path: Path, data: bytes, *, trusted: bool = True) -> tuple[bytes, str]:
    """What is handed over of a file, and why it ended early."""
    path.write_bytes(data)
    got, why = bytearray(), ""
    try:
        for piece in read_trusted(path) if trusted else read_text(path):
            got += piece
    except Damage as damage:
        why = damage.reason
    return bytes(got), why


def flip(data: bytes, at: int, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[at] ^= 1 << bit
    return bytes(flipped)


def try_flips(source: Path, count: int, seed: int, path: Path) -> None:
    text = text_of(source)
    packed = gzip.compress(text, 6, mtime=0)
    chance = random.Random(seed)
    kept = 0
    for _ in range(count):
        at, bit = chance.randrange(10, len(packed) - GZIP_TRAILER_BYTES), chance.randrange(8)
        got, why = read_all(path, flip(packed, at, bit))
        assert why or got == text, (at, bit)
        assert text.startswith(got), (at, bit)
        kept += len(got)
    assert kept > count * len(text) // 10, "something is kept of most"


@pytest.mark.parametrize("source", [MAIN, SPOT], ids=["futures", "spot"])
def test_no_changed_frame_is_taken(source: Path, tmp_path: Path) -> None:
    try_flips(source, 30, 1, tmp_path / "btcusdt.gz")


@pytest.mark.slow
@pytest.mark.parametrize("source", [MAIN, SPOT], ids=["futures", "spot"])
def test_no_changed_frame_is_taken_of_many(source: Path, tmp_path: Path) -> None:
    try_flips(source, 300, 2, tmp_path / "btcusdt.gz")


def test_a_hurt_end_costs_nothing(tmp_path: Path) -> None:
    text = text_of(MAIN)[:300_000]
    packed = gzip.compress(text, 6, mtime=0)
    for at in range(len(packed) - GZIP_TRAILER_BYTES, len(packed)):
        for bit in (0, 3, 7):
            assert read_all(tmp_path / "x.gz", flip(packed, at, bit)) == (
                text, "the checksum or size at its end is hurt, though its data are whole",
            )  # fmt: skip
    for cut in range(1, GZIP_TRAILER_BYTES + 1):
        got, why = read_all(tmp_path / "x.gz", packed[:-cut])
        assert got == text
        assert "in the middle" in why
    assert read_all(tmp_path / "x.gz", packed[:-8] + bytes(4) + packed[-4:])[0] == text
    assert read_all(tmp_path / "x.gz", packed[:-8] + b"\x12\x34\x56\x78" + packed[-4:])[0] == b"", "nobody can tell"


def test_a_file_cut_short_keeps_its_whole_lines_and_the_rest(tmp_path: Path) -> None:
    text = text_of(MAIN)
    packed = gzip.compress(text, 6, mtime=0)
    got, why = read_all(tmp_path / "x.gz", packed[: len(packed) // 2])
    assert got == read_all(tmp_path / "x.gz", packed[: len(packed) // 2], trusted=False)[0]
    assert text.startswith(got)
    assert len(got) > len(text) // 3
    assert "in the middle" in why


def test_what_was_changed_before_the_end_went_missing_is_doubted(tmp_path: Path) -> None:
    text = text_of(MAIN)
    line_at = text.rfind(b"\n", 0, 1_200_000) + 1
    broken = text[:line_at] + b"\x00" + text[line_at + 1 :]
    got, _ = read_all(tmp_path / "x.gz", gzip.compress(broken)[:-9])
    assert text.startswith(got)
    assert line_at - DOUBT_BYTES - 10_000 < len(got) <= line_at - DOUBT_BYTES


def test_headers_with_names_and_extras_byte_by_byte(tmp_path: Path) -> None:
    text = text_of(MAIN)[:5_000]
    packed = gzip.compress(text, mtime=0)
    head = packed[:3] + bytes([4 | 8 | 16]) + packed[4:10] + b"\x03\x00abc" + b"name\0" + b"a remark\0"
    whole = head + packed[10:]
    assert measure_gzip_head(whole) == len(head)
    assert [measure_gzip_head(head[:size]) for size in range(len(head))] == [0] * len(head)
    assert read_all(tmp_path / "x.gz", whole + bytes(7) + whole) == (text * 2, "")
    assert gzip.decompress(whole) == text


@pytest.mark.parametrize("source", sorted(SAMPLE.glob("*/*.gz")), ids=lambda path: path.parent.name)
def test_honest_recordings_make_sense(source: Path) -> None:
    lines = text_of(source).splitlines(keepends=True)
    sense = Sense(lines[0])
    assert [line for line in lines if not sense.accepts(line)] == []


def test_what_makes_no_sense() -> None:
    lines = text_of(MAIN).splitlines(keepends=True)[:2_000]
    diff = max(k for k, line in enumerate(lines) if b'"depthUpdate"' in line)
    line = lines[diff]
    stamp = line[:19]
    at = line.index(b'"pu":') + 5
    price_at = line.index(b'"b":[["') + 7
    for changed in (
        b"%d" % (int(stamp) - 3_600 * 10**9) + line[19:],
        b"%d" % (int(stamp) + 3_600 * 10**9) + line[19:],
        line[:at] + b"1" + line[at + 1 :],
        line.replace(b'"depthUpdate"', b'"depthUpdaue"'),
        line.replace(b'"BTCUSDT"', b'"BTCUTDT"'),
        line[:price_at] + b"9" + line[price_at + 1 :],
        line[:price_at] + b"1.2345" + line[price_at + 6 :],
        line[:-4] + b"\n",
    ):
        sense = Sense(lines[0])
        assert all(sense.accepts(before) for before in lines[:diff])
        assert not sense.accepts(changed), changed[:200]
