"""Ways to hurt a copy of a journal, and where in its file the live values lie."""

import os
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import lmdb

from journal import Reader

PAGE: Final = 4096
DATA: Final = "data.mdb"


class Live(NamedTuple):
    """A stored value: which database it is in, first row of its batch, its bytes, every place in the file that holds them."""

    database: str
    first: int
    value: bytes
    places: list[int]


def live_values(path: Path) -> list[Live]:
    """Every batch and every frames value of a journal."""
    file = (path / DATA).read_bytes()
    found = []
    with Reader.open(path) as reader, reader.view() as view:
        assert view.opened is not None
        for name, database in (("rows", view.opened.rows), ("frames", view.opened.frames)):
            for key, value in view.txn.cursor(db=database):
                text = bytes(value)
                places = list(_places(file, text))
                assert places, "a value lies in one piece"
                found.append(Live(name, int.from_bytes(key, "big"), text, places))
    return found


def _places(file: bytes, text: bytes) -> Iterator[int]:
    at = file.find(text)
    while at >= 0:
        yield at
        at = file.find(text, at + 1)


def copy_of(path: Path, target: Path) -> Path:
    """The data file alone, in another directory."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copyfile(path / DATA, target / DATA)
    return target


def flip(path: Path, places: list[int], offset: int, bit: int) -> None:
    """Flip one bit, in every copy of a value."""
    with (path / DATA).open("r+b") as file:
        for place in places:
            byte = os.pread(file.fileno(), 1, place + offset)[0]
            os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), place + offset)


def _rewrite(path: Path, change: Callable[[bytearray], bytes | bytearray]) -> None:
    (path / DATA).write_bytes(change(bytearray((path / DATA).read_bytes())))


def _page(data: bytearray, page: int) -> slice:
    return slice(page * PAGE, (page + 1) * PAGE)


def zero_page(path: Path, page: int) -> None:
    """One page of zeros."""

    def change(data: bytearray) -> bytearray:
        data[_page(data, page)] = bytes(PAGE)
        return data

    _rewrite(path, change)


def swap_pages(path: Path, one: int, other: int) -> None:
    """Two pages change places."""

    def change(data: bytearray) -> bytearray:
        data[_page(data, one)], data[_page(data, other)] = data[_page(data, other)], data[_page(data, one)]
        return data

    _rewrite(path, change)


def noise_page(path: Path, page: int, seed: int) -> None:
    """One page of noise."""

    def change(data: bytearray) -> bytearray:
        data[_page(data, page)] = random.Random(seed).randbytes(PAGE)
        return data

    _rewrite(path, change)


def cut(path: Path, size: int) -> None:
    """The file ends after so many bytes; counted from its end if negative."""
    _rewrite(path, lambda data: data[:size])


def patch_metas(path: Path, offset: int, value: int) -> None:
    """A word of both meta pages. Offsets within the page are those of LMDB's MDB_page and MDB_meta."""

    def change(data: bytearray) -> bytearray:
        for page in (0, 1):
            struct.pack_into("<Q", data, page * PAGE + offset, value)
        return data

    _rewrite(path, change)


def patch_pages(path: Path, flag: int, offset: int, value: int) -> None:
    """A u2 of every page of a kind (1 branch, 2 leaf, 4 overflow)."""

    def change(data: bytearray) -> bytearray:
        for at in range(2 * PAGE, len(data) - PAGE + 1, PAGE):
            if struct.unpack_from("<H", data, at + 10)[0] & flag:
                struct.pack_into("<H", data, at + offset, value)
        return data

    _rewrite(path, change)


def patch_named(path: Path, name: bytes, field: int, value: int) -> None:
    """A word of the record (MDB_db) under which a named database is kept, in every page that holds one."""

    def change(data: bytearray) -> bytearray:
        for at in _places(bytes(data), name):
            if at >= 2 * PAGE and at + len(name) + 48 <= len(data):
                struct.pack_into("<Q", data, at + len(name) + field, value)
        return data

    _rewrite(path, change)


def put_sqlite(path: Path) -> None:
    """A database of another kind."""
    (path / DATA).unlink()
    with sqlite3.connect(path / DATA) as made:
        made.execute("create table t (x)")
        made.executemany("insert into t values (?)", [(n,) for n in range(5_000)])
    made.close()


def put_lmdb(path: Path, names: tuple[bytes, ...], lib_version: int = 0) -> None:
    """An LMDB environment of another program."""
    shutil.rmtree(path)
    with lmdb.open(str(path), map_size=1 << 22, max_dbs=8, lib_version=lib_version) as env:
        for name in names:
            with env.begin(write=True) as txn:
                for n in range(500):
                    txn.put(b"%08d" % n, b"value" * 9, db=env.open_db(name, txn))
        if not names:
            with env.begin(write=True) as txn:
                txn.put(b"key", b"value")
    (path / "lock.mdb").unlink()


def put_directory(path: Path) -> None:
    """A directory where the file should be."""
    (path / DATA).unlink()
    (path / DATA).mkdir()


def put_pipe(path: Path) -> None:
    """A pipe that nobody writes to."""
    (path / DATA).unlink()
    os.mkfifo(path / DATA)


def put_link_to_itself(path: Path) -> None:
    """A name that leads nowhere."""
    (path / DATA).unlink()
    (path / DATA).symlink_to(path / DATA)


def put(text: bytes) -> Callable[[Path], None]:
    """A file of these bytes."""
    return lambda path: (path / DATA).write_bytes(text) and None


HOSTILE: Final[dict[str, Callable[[Path], None]]] = {
    "text": put(b"Dear Sir or Madam,\n" * 4_000),
    "one-byte": put(b"x"),
    "zeros": put(bytes(64 * PAGE)),
    "noise": put(random.Random(1).randbytes(64 * PAGE)),
    "sqlite": put_sqlite,
    "other-lmdb": lambda path: put_lmdb(path, (b"users", b"orders")),
    "other-lmdb-same-names": lambda path: put_lmdb(path, (b"rows", b"frames", b"meta")),
    "other-lmdb-without-names": lambda path: put_lmdb(path, ()),
    "newer-lmdb": lambda path: put_lmdb(path, (b"rows", b"frames", b"meta"), 1),
    "directory": put_directory,
    "pipe": put_pipe,
    "link-to-itself": put_link_to_itself,
    "cut-to-a-page": lambda path: cut(path, PAGE),
    "cut-to-two-pages": lambda path: cut(path, 2 * PAGE),
    "cut-in-half": lambda path: cut(path, (path / DATA).stat().st_size // 2),
    "cut-by-a-page": lambda path: cut(path, -PAGE),
    "cut-by-a-byte": lambda path: cut(path, -1),
    "meta-0-zeroed": lambda path: zero_page(path, 0),
    "meta-1-zeroed": lambda path: zero_page(path, 1),
    "map-of-nothing": lambda path: patch_metas(path, 32, 0),
    "map-of-everything": lambda path: patch_metas(path, 32, 2**63),
    "free-root-far-away": lambda path: patch_metas(path, 80, 2**40),
    "root-far-away": lambda path: patch_metas(path, 128, 2**40),
    "root-is-meta": lambda path: patch_metas(path, 128, 1),
    "last-page-far-away": lambda path: patch_metas(path, 136, 2**50),
    "last-page-is-nothing": lambda path: patch_metas(path, 136, 0),
    "transaction-of-the-future": lambda path: patch_metas(path, 144, 2**64 - 1),
    "leaves-say-branch": lambda path: patch_pages(path, 2, 10, 1),
    "leaves-without-flags": lambda path: patch_pages(path, 2, 10, 0),
    "leaves-full-of-keys": lambda path: patch_pages(path, 2, 12, 0x0FFE),
    "leaves-upside-down": lambda path: patch_pages(path, 2, 14, 16),
    "overflow-says-leaf": lambda path: patch_pages(path, 4, 10, 2),
    "rows-root-is-free-list": lambda path: patch_named(path, b"rows", 40, 2),
    "rows-root-far-away": lambda path: patch_named(path, b"rows", 40, 2**40),
    "rows-of-another-width": lambda path: patch_named(path, b"rows", 0, 0x0004_0004_0000_0008),
    "rows-of-great-depth": lambda path: patch_named(path, b"rows", 0, 0xFFFF_0000_0000_0000),
    "frames-root-is-rows": lambda path: patch_named(path, b"frames", 40, 3),
    "meta-root-far-away": lambda path: patch_named(path, b"meta", 40, 2**40),
}  # fmt: skip
"""What a file may be instead of a journal, each done to a copy of one."""
