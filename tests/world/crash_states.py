"""What a disk may hold after a crash: a recording of a writer's system calls, and every state they allow.

A page that was written and not yet synced may be on the disk in any of the versions written since the last sync, or not
at all, or, at 512 bytes, partly in one and partly in another. A write through a descriptor opened O_DSYNC is on the disk
when it returns. A promise given before the crash must hold in every such state.

The model is harder than any real disk, so what survives it survives those; it says nothing of how often they fail.
"""

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGE = 4096
SECTOR = 512
CALLS = "openat,lseek,pwrite64,pwritev,writev,write,fdatasync,fsync,ftruncate,close"
HOW = ("any", "none", "all", "meta_only", "data_only", "torn")


class Write(NamedTuple):
    """Bytes written to the data file. durable: on the disk when the call returned."""

    offset: int
    data: bytes
    durable: bool


class Sync(NamedTuple):
    """Everything written so far is on the disk."""


class Promise(NamedTuple):
    """The writer said that everything up to `seq` is durable."""

    seq: int


Event = Write | Sync | Promise


def record(path: Path, mode: str, seed: int, batches: int, trace: Path) -> list[Event]:
    """Run the steady writer under strace and return what it did to the data file and what it promised."""
    command = ["strace", "-f", "-xx", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(trace), sys.executable]
    words = ["-m", "tests.world.steady_writer", str(path), mode, str(seed), str(batches), "0"]
    subprocess.run([*command, *words], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    events = list(parse_trace(trace, str(path)))
    trace.unlink()
    return events


def joined_lines(trace: Path) -> Iterator[tuple[str, bool]]:
    """Calls as whole lines: where they began (False) if another thread came between, and where they ended (True)."""
    begun: dict[str, str] = {}
    with trace.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            pid, _, call = line.rstrip("\n").partition(" ")
            call = call.lstrip()
            if call.endswith("<unfinished ...>"):
                begun[pid] = call.removesuffix("<unfinished ...>").rstrip()
                yield begun[pid], False
            elif call.startswith("<... "):
                yield begun.pop(pid, "") + call.split(" resumed>", 1)[-1], True
            else:
                yield call, True


def unescape(text: str) -> bytes:
    """The bytes of a string printed by `strace -xx`."""
    return bytes.fromhex(text.replace("\\x", ""))


class Trace:
    """Follows descriptors and file positions through a trace; knows the data file by its name."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files: dict[str, bool] = {}
        self._at: dict[str, int] = {}

    def opened(self, call: str) -> None:
        """An openat that ended."""
        found = re.match(r'openat\([^"]*"([^"]*)", ([A-Z_|]+).*= (\d+)$', call)
        if found:
            name = unescape(found[1]).decode()
            self._files.pop(found[3], None)
            if name.endswith("data.mdb") and name.startswith(self._folder):
                self._files[found[3]] = "O_DSYNC" in found[2]

    def event(self, call: str) -> Event | None:
        """What a call that ended did to the data file."""
        found = re.match(r"(\w+)\((\d+)(.*)$", call)
        if not found or found[2] not in self._files:
            return None
        name, fd, rest = found[1], found[2], found[3]
        if name == "close":
            del self._files[fd]
        elif name == "lseek":
            self._at[fd] = int(rest.split(",")[1])
        elif name in ("fdatasync", "fsync") and rest.rstrip().endswith("= 0"):
            return Sync()
        elif name in ("pwrite64", "pwritev", "writev", "write"):
            return self._write(name, fd, rest)
        return None

    def _write(self, name: str, fd: str, rest: str) -> Write:
        data = b"".join(unescape(each) for each in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', rest))
        done = int(rest.rsplit("= ", 1)[1])
        assert done == len(data), "the recording holds every byte"
        if name in ("pwrite64", "pwritev"):
            offset = int(rest.rsplit(")", 1)[0].rsplit(",", 1)[1])
        else:
            offset = self._at.get(fd, 0)
            self._at[fd] = offset + done
        return Write(offset, data, self._files[fd])


def parse_trace(trace: Path, folder: str) -> Iterator[Event]:
    """The events of a trace. A promise counts from the moment its call begins, all else when it ends."""
    state = Trace(folder)
    for call, ended in joined_lines(trace):
        if call.startswith("write(1,"):
            if ended is False or "= " in call:
                seq = int.from_bytes(unescape(call.split('"')[1]), "big")
                yield Promise(seq)
        elif ended and call.startswith("openat("):
            state.opened(call)
        elif ended:
            event = state.event(call)
            if event is not None:
                yield event


class Disk:
    """Pages as the kernel has them, as the disk has them, and all that was written in between."""

    def __init__(self) -> None:
        self._seen: dict[int, bytes] = {}
        self._durable: dict[int, bytes] = {}
        self._pending: dict[int, list[bytes]] = {}

    def write(self, event: Write) -> None:
        """Apply a write page by page."""
        at = 0
        while at < len(event.data):
            page, start = divmod(event.offset + at, PAGE)
            part = event.data[at : at + PAGE - start]
            old = self._seen.get(page, bytes(PAGE))
            new = old[:start] + part + old[start + len(part) :]
            self._seen[page] = new
            if event.durable:
                self._durable[page] = new
                self._pending.pop(page, None)
            else:
                self._pending.setdefault(page, []).append(new)
            at += len(part)

    def sync(self) -> None:
        """Everything seen is on the disk."""
        self._durable = dict(self._seen)
        self._pending = {}

    def crash(self, rng: random.Random, how: str) -> dict[int, bytes]:
        """The pages after a power cut, one of very many possible ways."""
        state = dict(self._durable)
        for page, versions in sorted(self._pending.items()):
            wanted = {"none": False, "meta_only": page < 2, "data_only": page >= 2, "all": True}
            if not wanted.get(how, rng.random() < 0.5):
                continue
            new = versions[-1] if how == "all" else rng.choice(versions)
            if how == "torn" and rng.random() < 0.3:
                cut = SECTOR * rng.randrange(1, PAGE // SECTOR)
                new = new[:cut] + state.get(page, bytes(PAGE))[cut:]
            state[page] = new
        return state


def write_state(pages: dict[int, bytes], folder: Path) -> None:
    """A journal's directory that holds some pages and nothing else."""
    with (folder / "data.mdb").open("wb") as file:
        for page, data in pages.items():
            file.seek(page * PAGE)
            file.write(data)


def crash_states(events: list[Event], count: int, seed: int) -> Iterator[tuple[int, str, dict[int, bytes]]]:
    """So many states, at random moments after the journal was open: (what was promised, how it was made, pages)."""
    rng = random.Random(seed)
    opened = next(number for number, event in enumerate(events) if isinstance(event, Promise))
    moments = sorted(rng.randrange(opened, len(events)) for _ in range(count))
    disk, promised, at = Disk(), 0, 0
    for moment in moments:
        while at <= moment:
            event = events[at]
            if isinstance(event, Write):
                disk.write(event)
            elif isinstance(event, Sync):
                disk.sync()
            else:
                promised = event.seq
            at += 1
        how = rng.choice(HOW)
        yield promised, how, disk.crash(rng, how)
