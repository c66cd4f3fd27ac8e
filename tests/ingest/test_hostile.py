"""Inputs that are broken, foreign, empty or hostile: one sentence, the right exit code, and a journal that stays good."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from tests.ingest.recordings import MAIN, SAMPLE, content_of, cut_of
from veloz.ingest import IngestError, ingest
from veloz.ingest.files import LINE_BYTES_MAX

Fault = Callable[[Path], Path]


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def pack_zstd(data: bytes) -> bytes:
    """As the zstd command packs: with a checksum."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


REFUSED: dict[str, tuple[int, str, Fault]] = {
    "missing": (2, "no_such_file", lambda folder: folder / "absent.gz"),
    "empty": (2, "empty_input", lambda folder: write(folder / "btcusdt.txt", b"")),
    "blank": (2, "empty_input", lambda folder: write(folder / "btcusdt.txt", b"\n \n")),
    "empty packed": (1, "damaged_input", lambda folder: write(folder / "btcusdt.gz", b"")),
    "head of a packed one": (1, "damaged_input", lambda folder: write(folder / "btcusdt.gz", MAIN.read_bytes()[:20])),
    "noise": (2, "unknown_format", lambda folder: write(folder / "noise.bin", random.Random(1).randbytes(300_000))),
    "packed noise": (
        2, "unknown_format", lambda folder: write(folder / "noise.gz", gzip.compress(random.Random(1).randbytes(300_000))),
    ),
    "prose": (2, "unknown_format", lambda folder: write(folder / "notes.txt", b"nothing to see here\n" * 100)),
    "json without stamps": (2, "unknown_format", lambda folder: write(folder / "x.json", b'{"e":"trade"}\n' * 9)),
    "cryptofeed 2": (2, "unknown_format", lambda folder: write(folder / "x.jsonl", b'{"t":"header","v":2}\n{"t":"recv"}\n')),
    "empty folder": (2, "no_input", lambda folder: folder),
    "klines without a name": (
        2, "unnamed", lambda folder: write(folder / "x.csv", b"open_time,open,high,low,close,volume\n"),
    ),
    "another venue": (2, "wrong_venue", lambda _: SAMPLE / "binance_spot" / "btcusdt_20240808.gz"),
    "yet another venue": (2, "wrong_venue", lambda _: SAMPLE / "binance_coinm" / "btcusd_perp_20240808.gz"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_sentence_and_nothing_is_made(name: str, tmp_path: Path) -> None:
    exit_code, code, fault = REFUSED[name]
    folder = tmp_path / "inputs"
    folder.mkdir()
    path = fault(folder)
    with pytest.raises(IngestError) as refusal:
        ingest([("binance_usdm", path)], tmp_path / "journal", snapshot_keep=0)
    assert (refusal.value.exit_code, refusal.value.code) == (exit_code, code)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.hint
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [({"inputs": []}, "no_input"), ({"venue": "kraken"}, "unknown_venue"), ({"fmt": "pcap"}, "unknown_format")],
)
def test_wrong_usage(words: dict[str, object], code: str, tmp_path: Path) -> None:
    inputs = words.get("inputs", [(words.get("venue", "binance_usdm"), MAIN)])
    with pytest.raises(IngestError) as refusal:
        ingest(inputs, tmp_path / "journal", fmt=str(words.get("fmt", "auto")))  # type: ignore[arg-type]
    assert (refusal.value.exit_code, refusal.value.code) == (2, code)


def test_an_unreadable_file_is_the_worlds_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cut_of(10, tmp_path / "btcusdt.txt")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(IngestError) as refusal:
        ingest([("binance_usdm", path)], tmp_path / "journal")
    assert refusal.value.exit_code == 3


def test_lines_that_are_none_are_counted(tmp_path: Path, journal_dir: Path) -> None:
    lines = cut_of(40, tmp_path / "btcusdt.txt").read_bytes().splitlines(keepends=True)
    stamp = lines[10][:20]
    lines[11:11] = [
        b"no stamp at all\n",
        b"\n",
        b"   \r\n",
        stamp + b"no json\n",
        stamp + b'{"e":\n',
        b'{"e":"trade"}\n',
        stamp + b"\n",
    ]
    path = write(tmp_path / "btcusdt.txt", b"".join(lines))
    found = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    assert found.frames == 43, "a line with a stamp is a frame, whatever follows the stamp"
    assert found.rejected == 5
    assert sum(found.messages.values()) == 40
    assert found.kinds["system.refused"] == 3
    again = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    assert (again.rejected, again.added["frames"]) == (5, 0)


def test_strays_behind_the_last_frame_are_counted_every_time(tmp_path: Path, journal_dir: Path) -> None:
    path = cut_of(20, tmp_path / "btcusdt.txt")
    path.write_bytes(path.read_bytes() + b"junk\n" * 3)
    for _ in range(2):
        assert ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0).rejected == 3


def test_a_line_without_end_is_damage(tmp_path: Path, journal_dir: Path) -> None:
    text = cut_of(30, tmp_path / "btcusdt.txt").read_bytes()
    path = write(
        tmp_path / "btcusdt.zst", zstd.compress(text + text[:19] + b' {"' + b"x" * (LINE_BYTES_MAX + (3 << 20)))
    )
    found = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.exit_code) == (30, 1)
    assert "longer than" in found.damaged[0]["reason"]


def test_a_very_long_line_is_read(tmp_path: Path, journal_dir: Path) -> None:
    text = cut_of(30, tmp_path / "btcusdt.txt").read_bytes()
    long = text[:19] + b' {"e":"novelty","x":"' + b"x" * (3 << 20) + b'"}\n'
    path = write(tmp_path / "btcusdt.txt", text + long + text)
    found = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    assert found.frames == 61
    assert found.messages["novelty"] == 1


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("pack", [gzip.compress, pack_zstd], ids=["gzip", "zstd"])
def test_a_broken_packing_never_lets_a_wrong_frame_in(
    pack: Callable[[bytes], bytes], seed: int, tmp_path: Path, journal_dir: Path
) -> None:
    chance = random.Random(seed)
    plain = cut_of(1500, tmp_path / "btcusdt.txt")
    whole = pack(plain.read_bytes())
    broken = bytearray(whole)
    at = chance.randrange(len(whole) // 4, len(whole))
    size = chance.choice([0, 1, 64])
    if size:
        broken[at : at + size] = chance.randbytes(size)
    else:
        broken[at] ^= 1 << chance.randrange(8)
    path = write(tmp_path / "btcusdt.packed", bytes(broken))
    good = tmp_path / "good"
    ingest([("binance_usdm", plain)], good, snapshot_keep=0)
    frames = 0
    try:
        found = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
        frames, exit_code = found.frames, found.exit_code
    except IngestError as refusal:
        exit_code = refusal.exit_code
    assert exit_code == (0 if bytes(broken) == whole or frames == 1500 else 1)
    if frames:
        kept = content_of(journal_dir)
        assert kept.frames == content_of(good).frames[: len(kept.frames)]
    path.write_bytes(whole)
    mended = ingest([("binance_usdm", path)], journal_dir, snapshot_keep=0)
    assert (mended.frames, mended.added["frames"]) == (1500, 1500 - frames)
    assert content_of(journal_dir) == content_of(good)


def test_one_broken_file_of_several_does_not_keep_the_others_out(tmp_path: Path, journal_dir: Path) -> None:
    folder = tmp_path / "day"
    write(folder / "a.gz", b"")
    cut_of(20, write(folder / "b.txt", b""))
    write(folder / "README.md", b"# what this is\n")
    found = ingest([("binance_usdm", folder)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.exit_code) == (20, 1)
    assert any("README.md" in warning for warning in found.warnings)


def test_a_file_that_goes_on_where_another_ends_is_refused(tmp_path: Path) -> None:
    short, long = cut_of(4000, tmp_path / "short.txt"), cut_of(5000, tmp_path / "long.txt")
    with pytest.raises(IngestError) as refusal:
        ingest([("binance_usdm", short), ("binance_usdm", long)], tmp_path / "journal")
    assert refusal.value.code == "double_input"
