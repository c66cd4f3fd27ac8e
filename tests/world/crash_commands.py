"""`veloz …` as a job of a nursery: the whole command in a child that has its kernels compiled already."""

import contextlib
import ctypes
import io
import json
import os
import shutil
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

from journal import Reader
from tests.world.crash_nursery import ROOT, Say

SAMPLE = ROOT / "veloz" / "sample"


def veloz(say: Say, words: list[str]) -> None:
    """Run `veloz WORDS…`; says what it printed."""
    from veloz.cli.main import main

    sys.argv = ["veloz", *words]
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    finally:
        say({"out": out.getvalue(), "err": err.getvalue()})


def check_all(say: Say, words: list[str]) -> None:
    """What the child of `veloz journal verify --json --journal DIR` does, without starting it."""
    from journal import OpenError
    from journal.check import check_whole

    try:
        report = check_whole(words[-1])
    except OpenError as refusal:
        say({"out": json.dumps({"ok": False, "reason": str(refusal)})})
        sys.exit(1)
    say({"out": json.dumps(report._asdict())})
    sys.exit(0 if report.ok else 1)


def veloz_bound(say: Say, words: list[str]) -> None:
    """The same bound by the permissions of files, as everybody but root is."""
    drop_override()
    veloz(say, words)


def drop_override() -> None:
    """Give up root's right to pass over permissions, for this process and all it starts. Others have nothing to give up.

    Source: capset(2), version 3 of its structures; PR_CAPBSET_DROP of prctl(2); CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and
    CAP_FOWNER are numbers 1 to 3 of linux/capability.h.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2, 3) if os.getuid() == 0 else ():
        libc.prctl(24, capability, 0, 0, 0)
    header = struct.pack("<Ii", 0x2008_0522, 0)
    held = ctypes.create_string_buffer(24)
    if libc.capget(header, held):
        raise OSError(ctypes.get_errno(), "capget")
    words = list(struct.unpack("<6I", held.raw))
    words = [word & ~0b1110 if ix < 3 else word for ix, word in enumerate(words)]
    if libc.capset(header, struct.pack("<6I", *words)):
        raise OSError(ctypes.get_errno(), "capset")


def cut_of(source: Path, lines: int, target: Path) -> Path:
    """The first lines of a packed recording, unpacked."""
    import gzip

    with gzip.open(source, "rb") as file:
        target.write_bytes(b"".join(line for _, line in zip(range(lines), file, strict=False)))
    return target


def rows_of(path: Path) -> bytes:
    """All rows of a journal, however it is cut into batches, every sum compared."""
    with Reader.open(path) as reader, reader.view() as view:
        return b"".join(batch.rows.tobytes() for batch in view.scan())


def sample_of(market: str) -> Path:
    """The recording of a market inside the package."""
    return next((SAMPLE / market).glob("*.gz"))


def warm_all() -> None:
    """Ingest and replay a little once, so that a child begins with every kernel loaded. Leaves nothing behind."""
    from veloz.cli.ingest import ingest_files
    from veloz.cli.replay import replay_journal

    folder = Path(tempfile.mkdtemp())
    try:
        cut = cut_of(sample_of("binance_usdm"), 40, folder / "btcusdt_cut")
        ingest_files([("binance_usdm", cut)], folder / "journal", unsafe_fs=True)
        replay_journal(folder / "journal", 1, 40, decode=True)
    finally:
        shutil.rmtree(folder)


def answer(said: list[dict[str, Any]]) -> Any:
    """The JSON object a command printed."""
    return json.loads(said[-1]["out"])
