"""Archives: exact at any cut, in any order, overlapping or not; damage of any kind is one sentence and leaves nothing."""

import errno
import itertools
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal import (
    SLOT,
    STEP_END,
    CorruptError,
    Frames,
    JournalError,
    LockedError,
    OpenError,
    Reader,
    Writer,
    encode_batch,
)
from journal.archive import archive
from journal.check import check
from journal.files import TargetExistsError
from journal.limits import ROWS_MAX
from journal.pieces import Origin, Piece, cut, difference, join, join_frames
from journal.restore import restore
from journal.retention import expire_frames
from journal.sealed import HEADER, ArchiveError, SealedFile
from tests.journal.samples import copy_of, edit
from tests.world.histories import History, make_history, prefix, read_history, same, write_history

N = 400


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, History]:
    history = make_history(N, 1)
    return write_history(tmp_path_factory.mktemp("source") / "journal", history, 2), history


def seal(path: Path, folder: Path, *ranges: tuple[int, int]) -> list[Path]:
    files = []
    for first, last in ranges:
        out = folder / f"{first}-{last}.vza"
        if not out.exists():
            answer = archive(path, first=first, last=last, out=out)
            assert answer["ranges"] == [[first, last]]
            assert answer["bytes_after"] == out.stat().st_size
        files.append(out)
    return files


def files_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_whole_journal_comes_back(source: tuple[Path, History], tmp_path: Path, journal_dir: Path) -> None:
    path, history = source
    last = len(history.rows)
    files = seal(path, tmp_path, (1, last))
    before = (path / "data.mdb").read_bytes()
    answer = restore(files, journal_dir)
    assert same(read_history(journal_dir), history)
    assert (answer["records"], answer["complete"]) == (last, True)
    assert (path / "data.mdb").read_bytes() == before, "an archive never changes the journal"
    with Reader.open(journal_dir) as reader, reader.view() as view:
        assert view.meta(b"app/at") == b"%d" % last, "application keys come along when the archive ends at the head"
        assert view.stats().batches == 1, "sealed: batches as large as may be"
    with Writer.open(journal_dir, create=False) as writer:
        assert writer.epoch > 1
        writer.append(history.rows[-1:])


@given(cuts=st.sets(st.integers(1, N - 1), max_size=5), seed=st.integers(0, 2**32))
def test_any_cuts_join_without_a_trace(
    cuts: set[int], seed: int, source: tuple[Path, History], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, history = source
    folder = tmp_path_factory.mktemp("cuts")
    last = int(np.random.default_rng(seed).integers(max(cuts, default=1), len(history.rows))) + 1
    edges = [0, *sorted(cuts), last] if last not in cuts else [0, *sorted(cuts)]
    files = seal(path, folder, *((left + 1, right) for left, right in itertools.pairwise(edges)))
    np.random.default_rng(seed).shuffle(files)  # type: ignore[arg-type]
    answer = restore(files, folder / "back")
    whole = prefix(history, edges[-1])
    assert same(read_history(folder / "back"), whole)
    assert check(folder / "back").ok
    assert answer["complete"] == (edges[-1] in history.step_ends)
    shutil.rmtree(folder)


@given(
    ranges=st.lists(st.tuples(st.integers(1, N), st.integers(1, N)), max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_overlaps_that_agree_are_accepted(
    ranges: list[tuple[int, int]], order: object, source: tuple[Path, History], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, history = source
    folder = tmp_path_factory.mktemp("overlaps")
    files = seal(path, folder, (1, N), *((min(pair), max(pair)) for pair in ranges))
    order.shuffle(files)  # type: ignore[attr-defined]
    restore(files, folder / "back")
    assert same(read_history(folder / "back"), prefix(history, N))
    shutil.rmtree(folder)


def test_a_journal_cut_within_a_step_is_read_but_not_continued(
    source: tuple[Path, History], tmp_path: Path, journal_dir: Path
) -> None:
    path, history = source
    inside = next(seq for seq in range(50, N) if seq not in history.step_ends)
    answer = restore(seal(path, tmp_path, (1, inside)), journal_dir)
    assert not answer["complete"]
    with Reader.open(journal_dir) as reader, reader.view() as view:
        assert view.head()[0] == inside
        assert view.meta(b"app/at") is None, "application keys speak of the head, which is not here"
    with pytest.raises(OpenError, match="ends within a step") as refused:
        Writer.open(journal_dir)
    assert refused.value.code == "open_end"
    again = tmp_path / "again"
    files = [*seal(journal_dir, tmp_path / "..", (1, inside)), *seal(path, tmp_path, (inside + 1, len(history.rows)))]
    restore(files, again)
    assert same(read_history(again), history), "an archive of the cut journal joins on too"


def test_a_cut_below_the_first_step_end(tmp_path: Path, journal_dir: Path) -> None:
    history = make_history(40, 3, step_rows_max=20)
    path = write_history(tmp_path / "source", history, 1)
    first_end = history.step_ends[0] if history.step_ends[0] > 1 else history.step_ends[1]
    restore(seal(path, tmp_path, (1, first_end - 1)), journal_dir)
    assert same(read_history(journal_dir), prefix(history, first_end - 1))


def test_expired_frames_stay_expired(tmp_path: Path) -> None:
    history = make_history(N, 5)
    path = write_history(tmp_path / "source", history, 6)
    last = len(history.rows)
    expired = expire_frames(path, 200)
    files = seal(path, tmp_path, (1, 100), (101, last))
    restore(files, tmp_path / "back")
    back = read_history(tmp_path / "back")
    kept = {seq: frame for seq, frame in history.frames.items() if seq >= expired["frames_from"]}
    assert back.frames == kept
    assert back.rows.tobytes() == history.rows.tobytes()
    with Reader.open(tmp_path / "back") as reader, reader.view() as view:
        assert view.frames_from == expired["frames_from"]
    assert check(tmp_path / "back").ok


def test_of_two_archives_the_one_with_frames_gives_them(tmp_path: Path) -> None:
    history = make_history(N, 5)
    path = write_history(tmp_path / "source", history, 6)
    early = seal(path, tmp_path, (1, 150))
    expired = expire_frames(path, 200)
    late = seal(path, tmp_path, (1, 100), (101, len(history.rows)))
    restore([*late, *early], tmp_path / "both")
    both = read_history(tmp_path / "both")
    assert check(tmp_path / "both").ok
    assert both.rows.tobytes() == history.rows.tobytes()
    cut_step = max(end for end in history.step_ends if end < 150), min(end for end in history.step_ends if end >= 150)
    wanted = {
        seq: frame
        for seq, frame in history.frames.items()
        if seq <= cut_step[0] or seq >= expired["frames_from"] or (cut_step[1] == 150 and seq <= 150)
    }
    assert both.frames == wanted, "all frames but those of the step that the cut went through"


def test_epoch_of_the_source_is_kept(tmp_path: Path) -> None:
    history = make_history(30, 7)
    path = write_history(tmp_path / "source", history, 8)
    for _ in range(4):
        Writer.open(path).close()
    restore(seal(path, tmp_path, (1, len(history.rows))), tmp_path / "back")
    with Writer.open(path) as old, Writer.open(tmp_path / "back") as new:
        assert new.epoch >= old.epoch


def test_large_journal_is_cut_into_full_batches(tmp_path: Path, journal_dir: Path) -> None:
    rows = np.zeros(60_000, SLOT)
    rows["ts_recv"] = np.arange(len(rows))
    rows["flags"][6::7] = STEP_END
    rows["flags"][-1] = STEP_END
    with Writer.open(tmp_path / "source", map_size_bytes=1 << 28) as writer:
        for at in range(0, len(rows), 7 * 300):
            writer.append(rows[at : at + 7 * 300])
    restore(seal(tmp_path / "source", tmp_path, (1, 33_333), (33_334, 60_000)), journal_dir)
    with Reader.open(journal_dir) as reader, reader.view() as view:
        sizes = [batch.n for batch in view.scan()]
    assert sizes == [ROWS_MAX // 7 * 7] * 3 + [60_000 - 3 * (ROWS_MAX // 7 * 7)]
    assert read_history(journal_dir).rows.tobytes() == rows.tobytes()


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ([(2, 50)], "rows 1 to 1 are in none"),
        ([(1, 50), (52, 60)], "rows 51 to 51 are in none"),
        ([(1, 10), (5, 20), (40, 60)], "rows 21 to 39 are in none"),
    ],
)
def test_a_hole_is_named(
    ranges: list[tuple[int, int]], said: str, source: tuple[Path, History], tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match=said):
        restore(seal(source[0], tmp_path, *ranges), tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_ranges_that_are_not_there(source: tuple[Path, History], tmp_path: Path) -> None:
    last = len(source[1].rows)
    for first, end in ((1, last + 1), (0, 5), (7, 6)):
        with pytest.raises(ArchiveError, match="cannot be archived"):
            archive(source[0], first=first, last=end, out=tmp_path / "x")
    with pytest.raises(ArchiveError, match="is empty"):
        archive(tmp_path / "nothing", first=1, last=1, out=tmp_path / "x")
    assert files_in(tmp_path) == []


def test_an_archive_is_never_overwritten(source: tuple[Path, History], tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"precious")
    with pytest.raises(TargetExistsError, match="never overwritten"):
        archive(source[0], first=1, last=5, out=tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"precious"
    assert files_in(tmp_path) == ["out"]


def test_a_damaged_source_gives_no_archive(source: tuple[Path, History], tmp_path: Path) -> None:
    data = bytearray((source[0] / "data.mdb").read_bytes())
    row, at = source[1].rows[100:101].tobytes(), 0
    while (at := data.find(row, at)) >= 0:  # free pages may hold older copies of a small batch
        data[at + 20] ^= 1
        at += len(row)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "data.mdb").write_bytes(data)
    with pytest.raises(CorruptError):
        archive(tmp_path / "copy", first=1, last=200, out=tmp_path / "out")
    assert files_in(tmp_path) == ["copy"]


def test_the_chain_is_followed_over_read_transactions(
    source: tuple[Path, History], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch with correct sums and a wrong link, with a transaction for every batch."""
    copy = copy_of(source[0], tmp_path / "copy")
    with Reader.open(copy) as reader, reader.view() as view:
        batch = view.batch_at(100)
        assert batch is not None
        forged = encode_batch(
            batch.rows, first=batch.first, link=bytes(32), epoch=batch.epoch, t_prev=batch.t_first,
            bodies=batch.bodies(), frames_digest=batch.frames_digest,
        )  # fmt: skip
    edit(copy, lambda txn, rows, frames, meta: txn.put(forged.key, bytes(forged.value), db=rows))
    monkeypatch.setattr("journal.archive.ROWS_PER_VIEW", 1)
    with pytest.raises(CorruptError, match="link"):
        archive(copy, first=1, last=200, out=tmp_path / "out")


@pytest.mark.parametrize("refusal", [errno.EPERM, errno.EOPNOTSUPP])
def test_file_systems_without_hard_links(
    refusal: int, source: tuple[Path, History], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*words: object, **options: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(os, "link", link)
    archive(source[0], first=1, last=50, out=tmp_path / "out")
    assert files_in(tmp_path) == ["out"]
    refusal = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        archive(source[0], first=1, last=50, out=tmp_path / "other")
    assert files_in(tmp_path) == ["out"]


def test_targets_that_are_taken(source: tuple[Path, History], tmp_path: Path) -> None:
    path, history = source
    files = seal(path, tmp_path, (1, len(history.rows)))
    taken = write_history(tmp_path / "taken", prefix(history, history.step_ends[3]), 1)
    before = (taken / "data.mdb").read_bytes()
    with pytest.raises(ArchiveError, match="never adds"):
        restore(files, taken)
    assert (taken / "data.mdb").read_bytes() == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(ArchiveError, match=r"letter\.txt is there"):
        restore(files, tmp_path / "other")
    assert files_in(tmp_path / "other") == ["letter.txt"]
    with pytest.raises(ArchiveError, match="is a file"):
        restore(files, files[0])


def test_an_empty_journal_is_filled(source: tuple[Path, History], tmp_path: Path) -> None:
    path, history = source
    files = seal(path, tmp_path, (1, len(history.rows)))
    for opens in (1, 2):
        target = tmp_path / f"empty{opens}"
        for _ in range(opens):
            Writer.open(target).close()
        with Reader.open(target) as reader:
            with reader.view() as view:
                assert view.head()[0] == 0
            restore(files, target)
            with reader.view() as view:
                assert view.head()[0] == len(history.rows), "a reader that was there sees it at its next view"
    with Writer.open(tmp_path / "busy"), pytest.raises(LockedError):
        restore(files, tmp_path / "busy")
    assert check(tmp_path / "busy").ok


def test_journals_are_not_mixed(source: tuple[Path, History], tmp_path: Path) -> None:
    path, _ = source
    other = write_history(tmp_path / "other", make_history(N, 99), 1)
    (tmp_path / "a").mkdir()
    ours, theirs = seal(path, tmp_path, (1, 100)), seal(other, tmp_path / "a", (101, 200), (1, 100))
    with pytest.raises(ArchiveError, match="does not continue"):
        restore([*ours, theirs[0]], tmp_path / "back")
    with pytest.raises(ArchiveError, match="contradict each other: row 1 differs"):
        restore([*ours, theirs[1]], tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_contradicting_bodies_and_frames_are_seen(tmp_path: Path) -> None:
    history = make_history(60, 1)
    seq = min(history.bodies)
    frame = min(history.frames)
    variants = [
        history,
        history._replace(bodies={**history.bodies, seq: b"other"}),
        history._replace(frames={**history.frames, frame: (9, b"other")}),
    ]
    files = []
    for number, variant in enumerate(variants):
        path = write_history(tmp_path / f"source{number}", variant, 1)
        files.append(tmp_path / f"{number}.vza")
        archive(path, first=1, last=60, out=files[-1])
    for other in files[1:]:
        with pytest.raises(ArchiveError, match=r"contradict each other: .*(body|frames)"):
            restore([files[0], other], tmp_path / "back")


# damage


def refuse(file: Path, folder: Path) -> JournalError:
    """The one error of a damaged file; nothing may be left behind."""
    target = folder / "deep" / "target"
    with pytest.raises(JournalError) as caught:
        restore([file], target)
    assert not (folder / "deep").exists()
    assert "\n" not in str(caught.value)
    return caught.value


def test_every_truncation_is_noticed(source: tuple[Path, History], tmp_path: Path) -> None:
    (file,) = seal(source[0], tmp_path, (1, 120))
    data = file.read_bytes()
    bad = tmp_path / "bad"
    sizes = sorted({*range(0, 400, 13), *range(400, len(data), 293), *range(len(data) - 70, len(data), 3)})
    for size in sizes:
        bad.write_bytes(data[:size])
        assert refuse(bad, tmp_path).code in {"archive_damaged", "archive_foreign"}
    bad.write_bytes(data + b"\0")
    assert "follows its end" in str(refuse(bad, tmp_path))


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_every_flipped_bit_is_noticed(
    at: float, bit: int, source: tuple[Path, History], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("flips")
    (file,) = seal(source[0], folder, (1, 120))
    data = bytearray(file.read_bytes())
    data[int(at * len(data))] ^= 1 << bit
    (folder / "bad").write_bytes(data)
    assert refuse(folder / "bad", folder).code in {"archive_damaged", "archive_foreign", "archive_version"}
    shutil.rmtree(folder)


def test_a_damaged_chunk_is_refused_before_it_is_unpacked(source: tuple[Path, History], tmp_path: Path) -> None:
    (file,) = seal(source[0], tmp_path, (1, 120))
    data = bytearray(file.read_bytes())
    data[HEADER.size + 200] ^= 8
    (tmp_path / "bad").write_bytes(data)
    assert "a chunk fails its checksum" in str(refuse(tmp_path / "bad", tmp_path))


@given(st.binary(max_size=300))
def test_foreign_and_hostile_files(junk: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for prefix_bytes in (b"", b"VZARCH\r\n", b"VZARCH\r\n\x01\x00\xa8\x00"):
            (folder / "bad").write_bytes(prefix_bytes + junk)
            refuse(folder / "bad", folder)


def resealed(data: bytes, at: int, new: bytes) -> bytes:
    """The file with some chunk-head bytes changed and every sum made right again: what only bounds can refuse."""
    from blake3 import blake3
    from xxhash import xxh3_64_intdigest

    from journal.sealed import CHUNK, SUM_AT

    body = bytearray(data)
    body[HEADER.size + at : HEADER.size + at + len(new)] = new
    stored = sum(CHUNK.unpack_from(data, HEADER.size)[-4:-1])
    head, parts = HEADER.size, HEADER.size + CHUNK.size
    total = xxh3_64_intdigest(bytes(body[head : head + SUM_AT]) + bytes(body[parts : parts + stored]))
    body[head + SUM_AT : parts] = total.to_bytes(8, "little")
    return bytes(body[:-32]) + blake3(bytes(body[:-32])).digest()


@pytest.mark.parametrize("at", [4, 6, 8, 12, 16, 24, 32, 40, 48, 56])
@pytest.mark.parametrize("value", [0, 1, 2**31 - 1, 2**62])
def test_bounds_hold_where_the_sums_are_right(
    at: int, value: int, source: tuple[Path, History], tmp_path: Path
) -> None:
    (file,) = seal(source[0], tmp_path, (1, 120))
    width = 2 if at < 8 else 4 if at < 16 else 8
    data = file.read_bytes()
    new = (value % 2 ** (8 * width)).to_bytes(width, "little")
    changed = resealed(data, at, new)
    (tmp_path / "bad").write_bytes(changed)
    if changed == data:
        return
    assert refuse(tmp_path / "bad", tmp_path).code == "archive_damaged"


def test_unreadable_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be read"):
        restore([tmp_path / "absent"], tmp_path / "back")
    with pytest.raises(ArchiveError, match="cannot be read"):
        restore([tmp_path], tmp_path / "back")


def test_a_version_from_the_future(source: tuple[Path, History], tmp_path: Path) -> None:
    (file,) = seal(source[0], tmp_path, (1, 20))
    data = bytearray(file.read_bytes())
    data[8] = 2
    (tmp_path / "new").write_bytes(data)
    assert refuse(tmp_path / "new", tmp_path).code == "archive_version"


# kills and memory

KILLED = """
import os, sys
from pathlib import Path
import journal.{module} as module
calls = [0]
def stop(where):
    calls[0] += 1
    if calls[0] == {at}:
        os.kill(os.getpid(), 9)
def hook(event, args):
    if event in {{"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "open", "os.truncate"}} and any(
        isinstance(each, (str, bytes)) and {name!r} in str(each) for each in args
    ):
        stop(event)
sys.addaudithook(hook)
module.{call}
os._exit(7)
"""


def run_killed(module: str, call: str, name: str, at: int) -> bool:
    """Run a call in a child that dies at the n-th file operation; True if it came to its end before."""
    script = KILLED.format(module=module, call=call, name=name, at=at)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode in (7, -9), done.stderr.decode()
    return done.returncode == 7


def test_a_restore_killed_at_any_step(source: tuple[Path, History], tmp_path: Path) -> None:
    path, history = source
    (file,) = seal(path, tmp_path, (1, len(history.rows)))
    target = tmp_path / "victim"
    for at in itertools.count(1):
        done = run_killed("restore", f"restore([Path({str(file)!r})], Path({str(target)!r}))", "victim", at)
        report = check(target)
        assert report.ok
        assert report.records in (0, len(history.rows))
        if report.records:
            assert same(read_history(target), history)
        else:
            restore([file], target)
            assert same(read_history(target), history), "an interrupted restore is simply done again"
        shutil.rmtree(target)
        if done:
            break
    assert at > 10, "the kills reached the work"


def test_an_archive_killed_at_any_step(source: tuple[Path, History], tmp_path: Path) -> None:
    path, _ = source
    out = tmp_path / "victim.vza"
    for at in itertools.count(1):
        call = f"archive(Path({str(path)!r}), first=1, last=100, out=Path({str(out)!r}))"
        done = run_killed("archive", call, "victim", at)
        if out.exists():
            sealed = SealedFile(out)
            assert sum(len(piece.rows) for piece in sealed.pieces()) == 100
            sealed.close()
            out.unlink()
        archive(path, first=1, last=100, out=out)
        assert files_in(tmp_path) == ["victim.vza"], "leftovers of a killed one are taken over"
        out.unlink()
        if done:
            break


MEMORY = """
import resource, sys
from pathlib import Path
from journal.archive import archive
from journal.restore import restore
folder = Path(sys.argv[1])
archive(folder / "source", first=1, last=int(sys.argv[2]), out=folder / (sys.argv[2] + ".vza"))
restore([folder / (sys.argv[2] + ".vza")], folder / ("back" + sys.argv[2]))
print([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1])
"""


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Anonymous memory is what counts: mapped journal pages are the kernel's. Limited by RLIMIT_DATA, which counts it."""
    rng = np.random.default_rng(1)
    rows = np.zeros(16_000, SLOT)
    rows["flags"][-1] = STEP_END
    raw = b"".join(rng.bytes(99).replace(b"\n", b" ") + b"\n" for _ in range(16_000))
    ends = np.arange(16_000, dtype="<u4") * 100 + 99
    frames = Frames(np.arange(16_000, dtype="<u4"), ends, np.ones(16_000, "<u2"), raw)
    with Writer.open(tmp_path / "source") as writer:
        for k in range(75):
            rows["words"] = rng.integers(0, 2**40, (16_000, 6))
            rows["ts_recv"] = k
            writer.append(rows.copy(), frames=frames)
    limit = (300 << 20, 300 << 20)
    for last in (160_000, 1_200_000):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(tmp_path), str(last)],
            capture_output=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, limit),
        )
        assert done.returncode == 0, f"{last} rows need more memory: {done.stderr.decode()[-300:]}"


# pieces against their naive twin


@given(st.integers(0, 2**32), st.data())
def test_cut_and_join_are_inverse(seed: int, data: st.DataObject) -> None:
    history = make_history(30, seed)
    n = len(history.rows)
    from tests.world.histories import frames_between

    bodies = [(seq - 1, body) for seq, body in sorted(history.bodies.items())]
    whole = Piece(1, history.rows, bodies, frames_between(history, 1, n), Origin.KEPT)
    cuts = sorted(data.draw(st.sets(st.integers(1, n - 1))))
    parts = [cut(whole, left, right) for left, right in itertools.pairwise([0, *cuts, n])]
    for part in parts:
        naive = frames_between(history, part.first, part.last)
        assert (naive is None) == (part.frames is None)
        if naive is not None and part.frames is not None:
            assert bytes(naive.raw) == bytes(part.frames.raw)
            assert naive.first_row.tolist() == part.frames.first_row.tolist()
    assert difference(join(parts), whole) == ""
    assert join_frames([]) is None
