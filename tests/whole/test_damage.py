"""Damaged, cut, foreign and hostile files, through the command line: one sentence, exit code 1 or 2, and nobody dies of them."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from journal.archive import archive
from tests.world.crash_commands import answer, cut_of, rows_of, sample_of
from tests.world.crash_damage import (
    DATA,
    HOSTILE,
    PAGE,
    Live,
    copy_of,
    cut,
    flip,
    live_values,
    noise_page,
    swap_pages,
    zero_page,
)
from tests.world.crash_nursery import Death, Nursery
from veloz.history.recall import recall, save_snapshot
from veloz.ingest.run import ingest
from veloz.reducers.state import state_hash

VELOZ = "tests.world.crash_commands:veloz"
CHECK = "tests.world.crash_commands:check_all"
PATIENCE_S = 30.0
TRANSACTION_AT = 144  # in a meta page, u8
MARKETS = ("binance_coinm", "binance_spot", "binance_usdm")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery("tests.world.crash_commands:warm_all") as found:
        yield found


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("inputs")
    found = []
    for market in MARKETS:
        (folder / market).mkdir()
        found.append((market, cut_of(sample_of(market), 600, folder / market / "cut.txt")))
    return found


@pytest.fixture(scope="module")
def sound(inputs: list[tuple[str, Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal that was ingested one venue after the other, hence in several batches."""
    path = tmp_path_factory.mktemp("sound") / "journal"
    for one in inputs:
        ingest([one], path, snapshot_keep=0, unsafe_fs=True)
    return path


def run(nursery: Nursery, *words: str, job: str = VELOZ) -> Death:
    """A command in a child; it must end by itself, and not of a signal."""
    ended = nursery.kill_later(job, {"words": list(words)}, after_s=PATIENCE_S)
    assert ended.code >= 0, f"{words} died or hung: {ended}"
    return ended


def require_refusal(ended: Death, words: tuple[str, ...]) -> dict[str, Any]:
    """Exit code 1 or 2 and one sentence that names the thing and the way out."""
    assert ended.code in (1, 2), (words, ended)
    assert "Traceback" not in ended.said[-1]["err"], ended
    found = answer(ended.said)
    told = found.get("error", found)
    text = told.get("message") or told.get("reason")
    assert text, (words, ended)
    assert len(text) < 600, (words, text)
    assert "\n" not in text, (words, text)
    assert told.get("code") != "internal", (words, text)
    return found  # type: ignore[no-any-return]


# flipped bits


def some_flips(values: list[Live], count: int, seed: int) -> Iterator[tuple[Live, int, int]]:
    """Places in live values, rows, bodies and frames alike: value, byte, bit."""
    chance = random.Random(seed)
    for number in range(count):
        value = chance.choice([each for each in values if each.database == ("rows", "frames")[number % 2]])
        yield value, chance.randrange(len(value.value)), chance.randrange(8)


def find_flips(nursery: Nursery, sound: Path, folder: Path, count: int, job: str, seed: int) -> None:
    values = live_values(sound)
    path = copy_of(sound, folder / "flipped")
    found: Counter[str] = Counter()
    for value, offset, bit in some_flips(values, count, seed):
        flip(path, value.places, offset, bit)
        words = ("journal", "verify", "--json", "--journal", str(path))
        ended = run(nursery, *words, job=job)
        report = answer(ended.said)
        where = f"bit {bit} of byte {offset} of the {value.database} value of batch {value.first}"
        assert (ended.code, report["ok"], report["first_bad_seq"]) == (1, False, value.first), (where, report)
        assert report["reason"], where
        found[value.database] += 1
        flip(path, value.places, offset, bit)
    assert answer(run(nursery, *words, job=job).said)["ok"], "the flips were undone"
    print(f"\n{count} flipped bits, all found, each with the first row of its batch: {dict(found)}")


def test_any_flipped_bit_is_found(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    """`journal verify` is a walk in a child; this is that walk, in a child of ours."""
    find_flips(nursery, sound, tmp_path, 150, CHECK, 1)


def test_any_flipped_bit_is_found_by_the_command(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    find_flips(nursery, sound, tmp_path, 6, VELOZ, 2)


@pytest.mark.slow
def test_any_flipped_bit_is_found_of_many(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    find_flips(nursery, sound, tmp_path, 5_000, CHECK, 3)
    find_flips(nursery, sound, tmp_path, 200, VELOZ, 4)


def flip_meta_pages(nursery: Nursery, sound: Path, folder: Path, bits: range) -> Counter[str]:
    """Every bit of the number of the last transaction, which decides between the two meta pages."""
    rows, found = rows_of(sound), Counter[str]()
    path = copy_of(sound, folder / "flipped")
    for page in (0, 1):
        for bit in bits:
            flip(path, [page * PAGE + TRANSACTION_AT], bit // 8, bit % 8)
            ended = nursery.kill_later(CHECK, {"words": ["--journal", str(path)]}, after_s=PATIENCE_S)
            same = ended.code == 0 and rows_of(path) == rows
            found["found" if ended.code else "nothing" if same else "older"] += 1
            flip(path, [page * PAGE + TRANSACTION_AT], bit // 8, bit % 8)
    return found


def test_an_older_commit_passed_off_as_the_newest(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    """A higher number on the older meta page would take the last commit back."""
    found = flip_meta_pages(nursery, sound, tmp_path, range(64))
    print(f"\nflipped bits of the numbers of both last transactions: {dict(found)}")
    assert found["older"] <= 2, "more than the two numbers that a torn write might have left"


def flip_anywhere(nursery: Nursery, sound: Path, folder: Path, count: int, seed: int) -> None:
    """A bit anywhere in the file: found, or of no consequence."""
    chance = random.Random(seed)
    rows, size = rows_of(sound), (sound / DATA).stat().st_size
    path = copy_of(sound, folder / "flipped")
    found: Counter[str] = Counter()
    for _ in range(count):
        offset, bit = chance.randrange(size), chance.randrange(8)
        flip(path, [offset], 0, bit)
        ended = nursery.kill_later(
            CHECK, {"words": ["journal", "verify", "--json", "--journal", str(path)]}, after_s=PATIENCE_S
        )
        sees = "died" if ended.code < 0 else "found" if ended.code else "nothing"
        found[sees] += 1
        if sees == "nothing" and offset // PAGE > 1:
            assert rows_of(path) == rows, (offset, bit)
        elif sees == "nothing":
            assert rows.startswith(rows_of(path)), (
                offset,
                bit,
            )  # an older commit: which is the newer is said only there
        flip(path, [offset], 0, bit)
    print(f"\n{count} flipped bits anywhere: {dict(found)}; nothing means that nothing changed")
    assert found["found"]


def test_a_bit_anywhere_in_the_file(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    flip_anywhere(nursery, sound, tmp_path, 100, 5)


@pytest.mark.slow
def test_a_bit_anywhere_in_the_file_often(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    flip_anywhere(nursery, sound, tmp_path, 3_000, 6)


# files that are no journal


def commands(path: Path, inputs: list[tuple[str, Path]], folder: Path) -> dict[str, tuple[str, ...]]:
    """Every command that opens a journal, by name."""
    where = ("--json", "--journal", str(path))
    return {
        "verify": ("journal", "verify", *where),
        "info": ("journal", "info", *where),
        "dump": ("journal", "dump", *where),
        "replay": ("replay", "--no-snapshot", *where),
        "decode": ("replay", "--decode", *where),
        "from-time": ("replay", "--from-time", "1", *where),
        "book": ("book", "--instrument", "BTCUSDT", *where),
        "ingest": ("ingest", f"{inputs[0][0]}={inputs[0][1]}", "--again", *where),
        "snapshot": ("journal", "snapshot", *where),
        "archive": ("journal", "archive", "--to", "100", "--out", str(folder / "a.vza"), *where),
        "expire": ("journal", "expire", "--frames-before", "100", *where),
        "compact": ("journal", "compact", *where),
        "backup": ("journal", "backup", "--out", str(folder / "backup"), *where),
    }


def hurt(sound: Path, target: Path, damage: Callable[[Path], None]) -> Path:
    path = copy_of(sound, target)
    damage(path)
    return path


def try_commands(
    nursery: Nursery, sound: Path, inputs: list[tuple[str, Path]], folder: Path, name: str, wanted: tuple[str, ...]
) -> None:
    """Each command on a fresh copy that was hurt: a refusal, or an answer that is true."""
    path = hurt(sound, folder / "journal", HOSTILE[name])
    verdict = nursery.kill_later(CHECK, {"words": ["--journal", str(path)]}, after_s=PATIENCE_S)
    if verdict.code == 0:
        assert rows_of(path) == rows_of(sound)
    for command, words in commands(path, inputs, folder).items():
        if wanted and command not in wanted:
            continue
        path = hurt(sound, folder / "journal", HOSTILE[name])
        for left in (folder / "a.vza", folder / "backup"):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
        ended = run(nursery, *words)
        if ended.code:
            require_refusal(ended, (name, command))
        else:
            require_true_answer(command, ended, sound, verdict.code == 0)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file(
    name: str, nursery: Nursery, sound: Path, inputs: list[tuple[str, Path]], tmp_path: Path
) -> None:
    try_commands(nursery, sound, inputs, tmp_path, name, ("verify", "info", "replay", "decode", "book", "ingest"))


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_and_every_command(
    name: str, nursery: Nursery, sound: Path, inputs: list[tuple[str, Path]], tmp_path: Path
) -> None:
    try_commands(nursery, sound, inputs, tmp_path, name, ())


def require_true_answer(command: str, ended: Death, sound: Path, harmless: bool) -> None:
    """A command that got through a damaged journal must not have told anything false."""
    if command in ("replay", "decode", "from-time"):
        assert answer(ended.said)["state_hash"] == state_hash(recall(sound, use_snapshot=False).state)
    elif command == "dump":
        assert ended.said[-1]["out"].count("\n") == len(rows_of(sound)) // 64
    elif command == "verify":
        assert harmless
    elif command == "backup":
        assert answer(ended.said)["records"] == len(rows_of(sound)) // 64


def hurt_pages(nursery: Nursery, sound: Path, inputs: list[tuple[str, Path]], folder: Path, stride: int) -> None:
    """Pages of zeros, of noise, and in each other's place: found by `verify` or harmless, and nobody dies of them."""
    count = (sound / DATA).stat().st_size // PAGE
    expected, found = rows_of(sound), Counter[str]()
    chance = random.Random(stride)
    for page in range(2, count, stride):
        other = chance.randrange(2, count)
        for damage in (
            lambda path, page=page: zero_page(path, page),
            lambda path, page=page: noise_page(path, page, page),
            lambda path, page=page, other=other: swap_pages(path, page, other),
        ):
            path = hurt(sound, folder / "journal", damage)
            verdict = nursery.kill_later(CHECK, {"words": ["--journal", str(path)]}, after_s=PATIENCE_S)
            found["died" if verdict.code < 0 else "found" if verdict.code else "harmless"] += 1
            if verdict.code == 0:
                assert rows_of(path) == expected
            for command in ("info", "dump", "replay", "book"):
                ended = run(nursery, *commands(path, inputs, folder)[command])
                if ended.code:
                    require_refusal(ended, (command, str(page)))
                else:
                    require_true_answer(command, ended, sound, verdict.code == 0)
    print(f"\npages hurt: {dict(found)}")


def test_hurt_pages(nursery: Nursery, sound: Path, inputs: list[tuple[str, Path]], tmp_path: Path) -> None:
    hurt_pages(nursery, sound, inputs, tmp_path, 37)


@pytest.mark.slow
def test_every_page_hurt(nursery: Nursery, sound: Path, inputs: list[tuple[str, Path]], tmp_path: Path) -> None:
    hurt_pages(nursery, sound, inputs, tmp_path, 1)


@pytest.mark.slow
def test_cut_anywhere(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    size = (sound / DATA).stat().st_size
    for kept in range(0, size, 1_367):
        path = hurt(sound, tmp_path / "journal", lambda path, kept=kept: cut(path, kept))
        for words in (("replay", "--no-snapshot"), ("journal", "info")):
            ended = run(nursery, *words, "--json", "--journal", str(path))
            assert ended.code == 0 if kept == 0 else require_refusal(ended, words), kept


def test_no_directory_at_all(nursery: Nursery, sound: Path, inputs: list[tuple[str, Path]], tmp_path: Path) -> None:
    file = tmp_path / "journal"
    file.write_text("not a directory")
    for command, words in commands(file, inputs, tmp_path).items():
        require_refusal(run(nursery, *words), (command,))
    file.unlink()
    for command, words in commands(file, inputs, tmp_path).items():
        if command != "ingest":
            require_refusal(run(nursery, *words), (command,))


# what lies beside a journal


def test_a_damaged_snapshot_is_as_good_as_none(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    shutil.copytree(sound, path)
    expected = state_hash(recall(path, use_snapshot=False).state)
    file, _ = save_snapshot(path, 2_000, recall(path, last=2_000).state, 3)
    whole = file.read_bytes()
    chance = random.Random(7)
    hurts = [whole[:n] for n in (0, 1, 100, len(whole) - 1)] + [b"text\n" * 1_000, whole + b"x"]
    for _ in range(20):
        at = chance.randrange(len(whole))
        hurts.append(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
    words = ("replay", "--from", "2001", "--json", "--journal", str(path))
    assert answer(run(nursery, *words).said)["snapshot_used"] == 2_000
    for text in hurts:
        file.write_bytes(text)
        ended = run(nursery, *words)
        found = answer(ended.said)
        assert (ended.code, found["snapshot_used"], found["state_hash"]) == (0, None, expected)


def test_a_damaged_archive_is_refused(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    head = len(rows_of(sound)) // 64
    first, second = tmp_path / "a.vza", tmp_path / "b.vza"
    archive(sound, last=1_000, out=first)
    archive(sound, first=1_001, last=head, out=second)
    whole = second.read_bytes()
    chance = random.Random(8)
    hurts = [whole[:n] for n in (0, 1, 100, len(whole) // 2, len(whole) - 1)] + [b"text\n" * 1_000, whole + b"x"]
    for _ in range(30):
        at = chance.randrange(len(whole))
        hurts.append(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
    target = tmp_path / "restored"
    words = ("journal", "restore", str(first), str(second), "--json", "--journal", str(target))
    for text in hurts:
        second.write_bytes(text)
        require_refusal(run(nursery, *words), ("restore",))
        assert not target.exists(), "nothing is left half written"
    second.unlink()
    require_refusal(run(nursery, *words), ("restore",))
    second.write_bytes(whole)
    assert run(nursery, *words).code == 0
    assert rows_of(target) == rows_of(sound)


def test_sentences_for_people(nursery: Nursery, sound: Path, tmp_path: Path) -> None:
    """Without --json: one line on stderr, nothing on stdout."""
    path = hurt(sound, tmp_path / "journal", HOSTILE["text"])
    for words in (("replay",), ("journal", "info"), ("journal", "dump"), ("book", "--instrument", "BTCUSDT")):
        ended = run(nursery, *words, "--journal", str(path))
        said = ended.said[-1]
        assert (ended.code, said["out"], said["err"].count("\n")) == (2, "", 1), (words, said)
        assert str(path) in said["err"]
    assert json.dumps(said)
