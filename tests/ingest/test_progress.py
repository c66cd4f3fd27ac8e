"""An ingest that is killed, continued, repeated, or given its files in another shape."""

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from journal import Writer
from journal.check import check
from tests.ingest.recordings import (
    CHILD,
    ROOT,
    Content,
    Inputs,
    content_of,
    cut_of,
    data_digest,
    merged_inputs,
)
from veloz.ingest import Result, ingest


def totals(found: Result) -> dict[str, object]:
    return {key: value for key, value in found.as_dict().items() if key not in {"added", "seconds", "head_hash"}}


class Stopped(BaseException):
    """What a test throws into an ingest."""


def stop_after(batches: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let a writer accept so many batches; returns how to undo it."""
    real = Writer.append
    left = [batches]

    def append(self: Writer, *args: object, **words: object) -> int:
        if left[0] == 0:
            raise Stopped
        left[0] -= 1
        return real(self, *args, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "append", append)
    return lambda: monkeypatch.setattr(Writer, "append", real)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inputs, Content, dict[str, object]]:
    """Three venues merged, ingested without a break."""
    path = tmp_path_factory.mktemp("whole") / "journal"
    found = ingest(merged_inputs(), path, snapshot_keep=0)
    return merged_inputs(), content_of(path), totals(found)


@pytest.mark.parametrize("batches", [0, 1, 2, 5, 9])
def test_stopped_and_continued_gives_the_same_rows(
    batches: int, whole: tuple[Inputs, Content, dict[str, object]], journal_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, content, said = whole
    undo = stop_after(batches, monkeypatch)
    with pytest.raises(Stopped):
        ingest(inputs, journal_dir, snapshot_keep=0)
    undo()
    assert check(journal_dir).ok
    found = ingest(inputs, journal_dir, snapshot_keep=0)
    assert totals(found) == said
    assert content_of(journal_dir) == content


def test_stopped_again_and_again(
    whole: tuple[Inputs, Content, dict[str, object]], journal_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, content, said = whole
    for _ in range(100):
        undo = stop_after(2, monkeypatch)
        try:
            found = ingest(inputs, journal_dir, snapshot_keep=0)
            break
        except Stopped:
            pass
        finally:
            undo()
    assert totals(found) == said
    assert content_of(journal_dir) == content


def kill_and_continue(inputs: Inputs, journal: Path, chance: random.Random, longest_s: float) -> Result:
    """Start a child, kill it at a random moment, see that the journal verifies, and go on until it is done."""
    words = [word for venue, path in inputs for word in (venue, str(path))]
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(journal), *words],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0, longest_s))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        report = check(journal)
        assert report.ok, report.reason
    return ingest(inputs, journal, snapshot_keep=0)


@pytest.mark.parametrize("seed", range(5))
def test_killed_and_continued(seed: int, whole: tuple[Inputs, Content, dict[str, object]], journal_dir: Path) -> None:
    inputs, content, said = whole
    found = kill_and_continue(inputs, journal_dir, random.Random(seed), 0.6)
    assert totals(found) == said
    assert content_of(journal_dir) == content


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_killed_and_continued_often(
    seed: int, whole: tuple[Inputs, Content, dict[str, object]], journal_dir: Path
) -> None:
    test_killed_and_continued(seed, whole, journal_dir)


def test_a_grown_file_continues(tmp_path: Path, journal_dir: Path) -> None:
    short, long = cut_of(700, tmp_path / "btcusdt.txt"), cut_of(1500, tmp_path / "more.txt")
    once = ingest([("binance_usdm", short)], journal_dir, snapshot_keep=0)
    assert once.frames == 700
    then = ingest([("binance_usdm", long)], journal_dir, snapshot_keep=0)
    assert (then.frames, then.added["frames"]) == (1500, 800)
    alone = tmp_path / "alone"
    ingest([("binance_usdm", long)], alone, snapshot_keep=0)
    assert content_of(alone) == content_of(journal_dir)


def test_an_older_copy_adds_nothing(tmp_path: Path, journal_dir: Path) -> None:
    short, long = cut_of(700, tmp_path / "btcusdt.txt"), cut_of(1500, tmp_path / "more.txt")
    ingest([("binance_usdm", long)], journal_dir, snapshot_keep=0)
    found = ingest([("binance_usdm", short)], journal_dir, snapshot_keep=0)
    assert found.added["frames"] == 700, "a file that does not hold all that is in is another one"


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".xz", ".bz2"])
def test_the_same_file_packed_anew_is_known(suffix: str, tmp_path: Path, journal_dir: Path) -> None:
    import bz2
    import lzma

    plain = cut_of(600, tmp_path / "btcusdt.txt")
    packers = {".gz": gzip.compress, ".zst": zstd.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
    packed = tmp_path / f"other{suffix}"
    packed.write_bytes(packers[suffix](plain.read_bytes()))
    first = ingest([("binance_usdm", packed)], journal_dir, snapshot_keep=0)
    before = data_digest(journal_dir)
    second = ingest([("binance_usdm", plain)], journal_dir, snapshot_keep=0)
    assert totals(first) == totals(second)
    assert data_digest(journal_dir) == before


@pytest.mark.parametrize("packer", [gzip.compress, zstd.compress])
def test_a_cut_file_keeps_its_whole_frames_and_the_mended_one_continues(
    packer: Callable[[bytes], bytes], tmp_path: Path, journal_dir: Path
) -> None:
    plain = cut_of(4000, tmp_path / "btcusdt.txt")
    whole = packer(plain.read_bytes())
    broken = tmp_path / "btcusdt.packed"
    broken.write_bytes(whole[: len(whole) * 2 // 3])
    first = ingest([("binance_usdm", broken)], journal_dir, snapshot_keep=0)
    assert first.exit_code == 1
    assert 0 < first.frames < 4000
    assert first.damaged[0]["file"] == str(broken)
    before = data_digest(journal_dir)
    second = ingest([("binance_usdm", broken)], journal_dir, snapshot_keep=0)
    assert (second.exit_code, second.added["frames"], data_digest(journal_dir)) == (1, 0, before)
    broken.write_bytes(whole)
    third = ingest([("binance_usdm", broken)], journal_dir, snapshot_keep=0)
    assert (third.exit_code, third.frames, third.added["frames"]) == (0, 4000, 4000 - first.frames)
    alone = tmp_path / "alone"
    ingest([("binance_usdm", plain)], alone, snapshot_keep=0)
    assert content_of(alone) == content_of(journal_dir)


def test_members_of_a_packed_file_follow_one_another(tmp_path: Path, journal_dir: Path) -> None:
    plain = cut_of(600, tmp_path / "btcusdt.txt").read_bytes()
    packed = tmp_path / "btcusdt.gz"
    packed.write_bytes(gzip.compress(plain[:50_000]) + gzip.compress(plain[50_000:]) + b"\0" * 512)
    assert ingest([("binance_usdm", packed)], journal_dir, snapshot_keep=0).frames == 600


def test_a_last_line_without_its_newline(tmp_path: Path, journal_dir: Path) -> None:
    text = cut_of(50, tmp_path / "btcusdt.txt").read_bytes()
    file = tmp_path / "btcusdt.txt"
    file.write_bytes(text[:-1])
    assert ingest([("binance_usdm", file)], journal_dir, snapshot_keep=0).frames == 50
    more = cut_of(80, tmp_path / "btcusdt.txt").read_bytes()
    file.write_bytes(more[:-10])
    found = ingest([("binance_usdm", file)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.added["frames"], found.exit_code) == (79, 29, 1)
    file.write_bytes(more)
    found = ingest([("binance_usdm", file)], journal_dir, snapshot_keep=0)
    assert (found.frames, found.added["frames"], found.exit_code) == (80, 1, 0)


def test_a_file_that_only_begins_alike_is_another_one(tmp_path: Path, journal_dir: Path) -> None:
    short, long = cut_of(700, tmp_path / "btcusdt.txt"), cut_of(900, tmp_path / "more.txt")
    ingest([("binance_usdm", short)], journal_dir, snapshot_keep=0)
    lines = long.read_bytes().splitlines(keepends=True)
    lines[600] = lines[601]
    long.write_bytes(b"".join(lines))
    found = ingest([("binance_usdm", long)], journal_dir, snapshot_keep=0)
    assert found.added["frames"] == found.frames == 900


def test_again_takes_it_once_more(tmp_path: Path, journal_dir: Path) -> None:
    inputs = [("binance_usdm", cut_of(300, tmp_path / "btcusdt.txt"))]
    first = ingest(inputs, journal_dir, snapshot_keep=0)
    second = ingest(inputs, journal_dir, again=True, snapshot_keep=0)
    assert second.added["frames"] == second.frames == first.frames
    assert second.head_seq > first.head_seq
    assert ingest(inputs, journal_dir, snapshot_keep=0).added["frames"] == 0


def test_one_of_several_is_new(tmp_path: Path, journal_dir: Path) -> None:
    a, b, c = merged_inputs()
    first = ingest([a, b], journal_dir, snapshot_keep=0)
    second = ingest([a, b, c], journal_dir, snapshot_keep=0)
    alone = ingest([c], tmp_path / "alone", snapshot_keep=0)
    assert second.added["frames"] == alone.frames
    assert second.frames == first.frames + alone.frames


def test_the_same_file_given_twice_is_taken_once(tmp_path: Path, journal_dir: Path) -> None:
    plain = cut_of(300, tmp_path / "btcusdt.txt")
    copy = tmp_path / "copy.gz"
    copy.write_bytes(gzip.compress(plain.read_bytes()))
    found = ingest(
        [("binance_usdm", plain), ("binance_usdm", plain), ("binance_usdm", copy)], journal_dir, snapshot_keep=0
    )
    assert found.frames == 300
    assert len(found.warnings) == 2
