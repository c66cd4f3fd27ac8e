"""Whatever is hurt is found, and blamed on the right batch; what kills LMDB is an answer too."""

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journal import ZERO, FilesystemError, Reader, Writer, check, check_in_child, encode_batch
from journal.batch import KEY, TIME_MIN, parse_batch
from journal.check import Report, check_structure, check_whole
from tests.journal.flips import FIRST, PAGE, SIZES, K, try_flips
from tests.journal.samples import contents, copy_of, edit, make_frames, make_journal, make_rows

ROOT = Path(__file__).resolve().parents[2]
TXN_AT = 144  # of a meta page's 152 bytes, the number of the transaction that wrote it


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal that nobody changes; damage is done to copies."""
    return make_journal(tmp_path_factory.mktemp("sound") / "j", SIZES)


def test_a_sound_journal_is_fine(sound: Path) -> None:
    with Reader.open(sound) as reader, reader.view() as view:
        seq, digest = view.head()
    want = Report(True, 1311, 8, None, "", 1311, digest.hex())
    assert seq == 1311
    assert check(sound) == want
    assert check_whole(sound) == want
    assert check_in_child(sound) == want


@pytest.mark.parametrize("what", ["absent", "bare", "half", "made"])
def test_empty_and_half_made_journals_are_fine(tmp_path: Path, what: str) -> None:
    path = tmp_path / "j"
    if what != "absent":
        path.mkdir()
    if what == "half":
        (path / "data.mdb").touch()
    if what == "made":
        Writer.open(path).close()
    want = Report(True, 0, 0, None, "", 0, ZERO.hex())
    assert check(path) == check_in_child(path) == want


def test_progress_names_each_batch_before_it_is_read(sound: Path) -> None:
    seen: list[tuple[int, int]] = []
    check(sound, progress=lambda seq, batches: seen.append((seq, batches)))
    assert seen == [(first, i) for i, first in enumerate(FIRST)]


def test_long_walks_renew_their_transaction(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in (1, 2, 3, 7, 8, 9):
        monkeypatch.setattr(sys.modules["journal.check"], "BATCHES_PER_VIEW", n)
        assert check(sound).ok


# the logical damages of the format page, and a few more: every sum is right unless the damage is the sum


def again(value: bytes, change: Callable[[np.ndarray], object] | None = None, **new: Any) -> bytes:
    """A batch encoded anew with right sums: what a careless or hostile tool would write."""
    batch = parse_batch(value[16:24][::-1], value)
    rows = batch.rows.copy()
    if change is not None:
        change(rows)
    fields = {
        "first": batch.first, "link": batch.link, "epoch": batch.epoch, "t_prev": batch.t_first,
        "bodies": list(batch.bodies()), "frames_digest": batch.frames_digest,
    } | new  # fmt: skip
    return bytes(encode_batch(rows, **fields).value)


def set_price(rows: np.ndarray) -> None:
    rows["words"][0, 2] += 1


def last(txn: Any, rows: Any, meta: Any, value: bytes) -> None:
    """Put another last batch and make the head right."""
    txn.put(KEY.pack(312), value, db=rows)
    txn.put(b"head", KEY.pack(312) + value[-32:], db=meta)


def raw(value: bytes, at: int, new: bytes) -> bytes:
    """Change header bytes of a batch and make its sum and digest right."""
    from blake3 import blake3
    from xxhash import xxh3_64_intdigest

    hurt = bytearray(value)
    hurt[at : at + len(new)] = new
    stop = 176 + 64 * int.from_bytes(hurt[24:28], "little")
    hurt[8:16] = xxh3_64_intdigest(hurt[16:stop]).to_bytes(8, "little")
    hurt[-32:] = blake3(hurt[:stop]).digest()
    return bytes(hurt)


def swap(txn: Any, database: Any, one: bytes, two: bytes) -> None:
    a, b = txn.get(one, db=database), txn.get(two, db=database)
    txn.put(one, b, db=database)
    txn.put(two, a, db=database)


DAMAGES: dict[str, tuple[Callable[[Any, Any, Any, Any], object], int | None]] = {
    "last batch deleted": (lambda t, r, f, m: (t.delete(K[7], db=r), t.delete(K[7], db=f)), 312),
    "a batch in the middle deleted": (lambda t, r, f, m: (t.delete(K[3], db=r), t.delete(K[3], db=f)), 207),
    "first batch deleted": (lambda t, r, f, m: (t.delete(K[0], db=r), t.delete(K[0], db=f)), 1),
    "all batches deleted": (lambda t, r, f, m: (t.drop(r, delete=False), t.drop(f, delete=False)), 1),
    "two batches swapped": (lambda t, r, f, m: swap(t, r, K[2], K[3]), 7),
    "a price changed, sums right": (lambda t, r, f, m: t.put(K[3], again(t.get(K[3], db=r), set_price), db=r), 237),
    "last batch rewritten, sums right": (
        lambda t, r, f, m: t.put(K[7], again(t.get(K[7], db=r), set_price), db=r),
        312,
    ),
    "engine time falls": (
        lambda t, r, f, m: last(
            t, r, m, again(t.get(K[7], db=r), lambda rows: rows["ts_recv"].fill(5), t_prev=TIME_MIN)
        ),
        312,
    ),
    "bitmap wrong": (lambda t, r, f, m: last(t, r, m, raw(t.get(K[7], db=r), 56, bytes(16))), 312),
    "flags set": (lambda t, r, f, m: last(t, r, m, raw(t.get(K[7], db=r), 36, b"\1")), 312),
    "spare set": (lambda t, r, f, m: last(t, r, m, raw(t.get(K[7], db=r), 168, b"\1")), 312),
    "epoch falls": (lambda t, r, f, m: last(t, r, m, again(t.get(K[7], db=r), epoch=1)), 312),
    "epoch of nobody": (lambda t, r, f, m: t.put(b"epoch", KEY.pack(1), db=m), 312),
    "step not ended": (
        lambda t, r, f, m: last(t, r, m, raw(t.get(K[7], db=r), 176 + 64 * 999 + 3, b"\0")),
        312,
    ),
    "frames of two batches swapped": (lambda t, r, f, m: swap(t, f, K[2], K[3]), 7),
    "frames of one batch deleted": (lambda t, r, f, m: t.delete(K[3], db=f), 207),
    "frames nobody announced": (lambda t, r, f, m: t.put(K[1], t.get(K[0], db=f), db=f), 2),
    "frames where no batch begins": (lambda t, r, f, m: t.put(KEY.pack(210), t.get(K[3], db=f), db=f), 237),
    "frames behind the end": (lambda t, r, f, m: t.put(b"\x7f" * 8, t.get(K[3], db=f), db=f), 1312),
    "a foreign key among the batches": (lambda t, r, f, m: t.put(b"zz", b"x" * 512, db=r), 1312),
    "a short key": (lambda t, r, f, m: t.put(b"\0", b"x" * 512, db=r), 1),
    "value cut by 64 bytes": (lambda t, r, f, m: t.put(K[3], t.get(K[3], db=r)[:-64], db=r), 207),
    "value longer by 8 bytes": (lambda t, r, f, m: t.put(K[3], t.get(K[3], db=r) + bytes(8), db=r), 207),
    "value not padded": (lambda t, r, f, m: t.put(K[3], t.get(K[3], db=r) + b"x", db=r), 207),
    "empty value": (lambda t, r, f, m: t.put(K[3], b"", db=r), 207),
    "head of another batch": (lambda t, r, f, m: t.put(b"head", K[6] + bytes(32), db=m), 312),
    "head missing": (lambda t, r, f, m: t.delete(b"head", db=m), 312),
    "head malformed": (lambda t, r, f, m: t.put(b"head", b"x", db=m), 312),
    "epoch malformed": (lambda t, r, f, m: t.put(b"epoch", b"x", db=m), 1312),
    "frames_from malformed": (lambda t, r, f, m: t.put(b"frames_from", b"x", db=m), 1),
    "format of tomorrow": (lambda t, r, f, m: t.put(b"format", b"journal 9", db=m), None),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_planted_damage_is_found_and_blamed(sound: Path, tmp_path: Path, name: str) -> None:
    change, seq = DAMAGES[name]
    hurt = copy_of(sound, tmp_path / "hurt")
    edit(hurt, change)
    report = check(hurt)
    assert (report.ok, report.first_bad_seq) == (False, seq), report
    assert report.reason
    assert "\n" not in report.reason
    assert report.records == report.head_seq < (seq or 1312)


def test_expired_frames_are_no_damage(sound: Path, tmp_path: Path) -> None:
    def expire(txn: Any, rows: Any, frames: Any, meta: Any) -> None:
        for key in K[:3]:
            txn.delete(key, db=frames)
        txn.put(b"frames_from", K[3], db=meta)

    hurt = copy_of(sound, tmp_path / "hurt")
    edit(hurt, expire)
    assert check_whole(hurt).ok
    edit(hurt, lambda t, r, f, m: t.delete(K[3], db=f))
    assert check(hurt).first_bad_seq == 207


# single bits and pages


def tally_of(sound: Path, hurt: Path, count: int, seed: int) -> Counter[str]:
    """What random bits of the whole file meet: LMDB's pages, rows, bodies, frames, free pages."""
    rng, size = random.Random(seed), (sound / "data.mdb").stat().st_size
    tally = Counter(try_flips(sound, hurt, [rng.randrange(8 * size) for _ in range(count)]))
    print(tally)
    return tally


def test_flipped_bits_in_live_pages_are_named(sound: Path, tmp_path: Path) -> None:
    assert tally_of(sound, tmp_path / "hurt", 160, 1)["named"] > 80


def test_a_flipped_number_of_a_transaction_is_refused_or_means_the_commit_before(sound: Path, tmp_path: Path) -> None:
    """LMDB goes by the meta page of the greater number. An older one is refused by what it does not know, but for the number that comes
    next: that is what a commit looks like whose meta page was torn, and the commit before it is in force."""
    for page in (0, 1):
        begin = 8 * (page * PAGE + TXN_AT)
        met = try_flips(sound, tmp_path / "hurt", [*range(begin, begin + 64)])
        assert met.count("the commit before") <= 1, met
        assert met[0] == "refused", "each page is of every other transaction"
        assert "refused" in met[1:], met


@pytest.mark.slow
def test_many_flipped_bits(sound: Path, tmp_path: Path) -> None:
    assert tally_of(sound, tmp_path / "hurt", 5000, 2)["named"] > 2500


@pytest.mark.parametrize("what", ["zero", "copy", "ones"])
def test_hurt_pages_are_found_even_if_lmdb_dies(sound: Path, tmp_path: Path, what: str) -> None:
    whole = contents(sound)
    hurt = tmp_path / "hurt"
    data = (sound / "data.mdb").read_bytes()
    rng = random.Random(3)
    for page in rng.sample(range(2, len(data) // PAGE), 8):
        new = {"zero": bytes(PAGE), "ones": b"\xff" * PAGE, "copy": data[2 * PAGE : 3 * PAGE]}[what]
        copy_of(sound, hurt)
        with open(hurt / "data.mdb", "r+b") as stream:
            stream.seek(page * PAGE)
            stream.write(new)
        report = check_in_child(hurt)
        if report.ok:
            assert contents(hurt) == whole, f"page {page} was live"
        else:
            assert report.reason
            assert report.first_bad_seq in (*FIRST, 1312, None)


def test_a_death_by_signal_is_an_answer(sound: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The walk of the child is made to die at the fifth batch, as LMDB does on a page that is not there."""
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(
        "import os, signal\n"
        "import sys, journal\n"
        "c = sys.modules['journal.check']\n"
        "note = c.progress_into\n"
        "def into(fd):\n"
        "    tell = note(fd)\n"
        "    def dying(seq, batches):\n"
        "        tell(seq, batches)\n"
        "        if batches == 4: os.kill(os.getpid(), signal.SIGBUS)\n"
        "    return dying\n"
        "c.progress_into = into\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report = check_in_child(sound)
    assert report == Report(False, 236, 4, 237, report.reason, 236, "")
    assert "SIGBUS" in report.reason


@pytest.mark.parametrize("size", [1, 100, PAGE, 2 * PAGE, 5 * PAGE, -PAGE, -1])
def test_truncated_files_are_one_sentence(sound: Path, tmp_path: Path, size: int) -> None:
    hurt = copy_of(sound, tmp_path / "hurt")
    whole = (hurt / "data.mdb").stat().st_size
    os.truncate(hurt / "data.mdb", size % whole)
    report = check_in_child(hurt)
    assert not report.ok
    assert report.reason
    assert "\n" not in report.reason


def test_foreign_and_hostile_files(tmp_path: Path) -> None:
    rng = random.Random(4)
    for i, body in enumerate((b"hello", rng.randbytes(9000), bytes(PAGE * 4), b"\xde\xc0\xef\xbe" * 5000)):
        path = tmp_path / f"j{i}"
        path.mkdir()
        (path / "data.mdb").write_bytes(body)
        report = check_in_child(path)
        assert (report.ok, report.records) == (False, 0)
        assert report.reason
        assert "\n" not in report.reason
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for walk in (check, check_in_child):
        with pytest.raises(FilesystemError, match="is a file"):
            walk(file)


def test_random_bytes_over_the_meta_pages_never_hang(sound: Path, tmp_path: Path) -> None:
    rng = random.Random(5)
    data = (sound / "data.mdb").read_bytes()
    hurt = copy_of(sound, tmp_path / "hurt")
    for _ in range(6):
        at, size = rng.randrange(16, 160), rng.randrange(1, 9)
        noise = rng.randbytes(size)
        hostile = bytearray(data)
        for page in (0, PAGE):
            hostile[page + at : page + at + size] = noise
        (hurt / "data.mdb").write_bytes(hostile)
        report = check_in_child(hurt)
        assert report.ok == (not report.reason)


def test_structure_is_walked_without_lmdb(sound: Path, tmp_path: Path) -> None:
    assert check_structure(sound) == ""
    assert check_structure(tmp_path / "absent") == ""
    found = 0
    for page in range(2, (sound / "data.mdb").stat().st_size // PAGE):
        hurt = copy_of(sound, tmp_path / "hurt")
        with open(hurt / "data.mdb", "r+b") as stream:
            stream.seek(page * PAGE)
            stream.write(b"\xff" * 8)
        found += "pages are damaged" in check_structure(hurt)
    assert found >= 8


def test_check_beside_a_writer(journal_dir: Path) -> None:
    with Writer.open(journal_dir) as writer:
        for i in range(40):
            writer.append(make_rows(100, t0=1000 * i), frames=make_frames([b"f"] * 5))
            if i % 10 == 0:
                assert check_in_child(journal_dir).ok
                assert check(journal_dir).ok


def test_the_command_line(sound: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "journal", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert '"ok": true' in run("check", str(sound)).stdout
    assert '"head_seq": 1311' in run("info", str(sound)).stdout
    lines = run("dump", str(sound), "--from", "3", "--to", "20", "--kind", "2", "--limit", "3").stdout.splitlines()
    assert len(lines) == 3
    assert '"seq": 3' in lines[0]
    hurt = copy_of(sound, tmp_path / "hurt")
    edit(hurt, DAMAGES["a batch in the middle deleted"][0])
    done = run("check", str(hurt))
    assert done.returncode == 1
    assert '"first_bad_seq": 207' in done.stdout
    assert run("dump", str(hurt)).returncode == 2
    assert run("info", str(tmp_path / "absent")).returncode == 0
    file = tmp_path / "file"
    file.touch()
    done = run("check", str(file))
    assert done.returncode == 2
    assert "not_a_directory" in done.stderr
