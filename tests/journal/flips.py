"""Bits of a journal's file turned over, one at a time, in a process of its own: LMDB may die of one."""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import lmdb

from journal import FilesystemError, check_in_child
from journal.batch import KEY
from journal.check import check_whole
from tests.journal.samples import contents, copy_of

PAGE = 4096
SIZES = (1, 5, 200, 30, 2, 64, 9, 1000)
FIRST = [1, 2, 7, 207, 237, 239, 303, 312]
K = [KEY.pack(first) for first in FIRST]
Contents = list[tuple[bytes, bytes, bytes]]


@cache
def sound_of(sound: Path) -> tuple[Contents, bytes]:
    """What a journal that nobody changes holds, and its file."""
    return contents(sound), (sound / "data.mdb").read_bytes()


def flip(sound: Path, hurt: Path, bit: int) -> None:
    """A copy of a journal in which one bit is another."""
    flipped = bytearray(sound_of(sound)[1])
    flipped[bit // 8] ^= 1 << bit % 8
    copy_of(sound, hurt)
    (hurt / "data.mdb").write_bytes(flipped)


def meet(sound: Path, hurt: Path, bit: int) -> str:
    """What the check says of a flipped bit, which must be what LMDB alone reads."""
    flip(sound, hurt, bit)
    whole = sound_of(sound)[0]
    if bit // 8 < 2 * PAGE:
        return meets_meta(hurt, whole)
    try:
        want = first_hurt(hurt, whole)
    except lmdb.Error:
        want = -1
    report = check_whole(hurt)
    if want is None:
        assert report.ok or report.first_bad_seq is None, (bit, report)
        return "unchanged"
    if want > 0:
        assert (report.ok, report.first_bad_seq) == (False, want), (bit, want, report)
        return "named"
    if want == -1:
        assert not report.ok, (bit, report)
        return "LMDB refused"
    return "missed" if report.ok else "noticed"


def meets_meta(hurt: Path, whole: Contents) -> str:
    """What comes of a hurt meta page, which says what the file is: it is refused, or in force is what it or the other one says, whole."""
    try:
        report = check_whole(hurt)
    except FilesystemError:  # LMDB cannot map as much as it says
        return "refused"
    if not report.ok:
        return "refused"
    now = contents(hurt)
    for name in (b"rows", b"frames"):
        kept = [each for each in now if each[0] == name]
        assert kept == [each for each in whole if each[0] == name][: len(kept)]
    return "unchanged" if now == whole else "the commit before"


def first_hurt(path: Path, whole: Contents) -> int | None:
    """First sequence number whose rows or frames differ from the sound ones; None if all is as it was."""
    now = contents(path)
    if now == whole:
        return None
    for i, key in enumerate(K):
        for name in (b"rows", b"frames"):
            if [e for e in now if e[:2] == (name, key)] != [e for e in whole if e[:2] == (name, key)]:
                return FIRST[i]
    return 0


def try_flips(sound: Path, hurt: Path, bits: list[int]) -> list[str]:
    """What is met, bit by bit; where LMDB died, the check in a process of its own must have named the damage."""
    met: list[str] = []
    while len(met) < len(bits):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            try:
                while len(met) < len(bits):
                    met.append(pool.submit(meet, sound, hurt, bits[len(met)]).result())
            except BrokenProcessPool:
                assert not check_in_child(hurt).ok, bits[len(met)]
                met.append("LMDB died")
    return met
