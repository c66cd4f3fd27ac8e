"""What trials came to, in a file that grows by a line with each: whatever was said to be kept is there after a kill or a loss of power.

The first line says what the trials are of. Every other line names a trial by the hash of (data hash, configuration hash, seed). A line
carries its own sum; a last line that was cut off is taken away, and the trial is run again.
"""

import base64
import fcntl
import json
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from veloz.backtest.optimizer.trial import Outcome, Params, SweepError, digest_of, plain

FORMAT: Final = 1
_HEAD: Final = '{"sum":"'
_BODY: Final = '","entry":'
_SUM_CHARS: Final = 32


class DamagedError(Exception):
    """A line of the file, not the last one, is not what was written."""


class Entry(NamedTuple):
    """A trial that is over, as it is kept."""

    key: str
    settings: Params
    config_hash: str
    seed: int
    outcome: Outcome


class Records:
    """The results of a sweep, in a file and in memory. One writer at a time.

    Args:
        path: The file; made where it is missing, with its folders.
        about: What the trials are of: the data, the code, the periods of returns.
        fresh: Forget what is there.

    Raises:
        SweepError: The file is of other data or other code, or somebody else writes it.
        DamagedError: It is damaged, or no such file.
        OSError: It cannot be read or written.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], *, fresh: bool = False) -> None:
        self.path = path
        self._outcomes: dict[str, Outcome] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            self._lock()
            if fresh:
                os.ftruncate(self._file, 0)
            self._begin({"format": FORMAT, **about})
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SweepError(
                f"{self.path} is being written by another sweep; wait for it, or give --out another folder."
            ) from None

    def _begin(self, about: dict[str, Any]) -> None:
        lines = self.path.read_bytes().split(b"\n")
        whole = 0  # bytes that stand
        for number, line in enumerate(lines, 1):
            entry = _read(line)
            if entry is None:
                if number < len(lines) - 1:
                    raise DamagedError(f"{self.path} is damaged in line {number}.")
                break
            if number < len(lines):
                self._take(number, entry, about)
                whole += len(line) + 1
        os.ftruncate(self._file, whole)
        if not whole:
            self._write([_line(about)])
            _sync_folder(self.path.parent)

    def _take(self, number: int, entry: dict[str, Any], about: dict[str, Any]) -> None:
        if number > 1:
            self._outcomes[entry["key"]] = _outcome(entry)
            return
        unlike = [name for name in about if entry.get(name) != about[name]]
        if unlike:
            raise SweepError(
                f"{self.path} holds trials of other {unlike[0]} ({entry.get(unlike[0])}, now {about[unlike[0]]}); "
                "give --out another folder, or begin anew with --fresh."
            )

    def __len__(self) -> int:
        return len(self._outcomes)

    def get(self, key: str) -> Outcome | None:
        """What a trial came to; None where it was not run."""
        return self._outcomes.get(key)

    def add(self, entries: Iterable[Entry]) -> None:
        """Keep trials: they are on the disk when this returns."""
        new = [entry for entry in entries if entry.key not in self._outcomes]
        if new:
            self._write([_line(_told(entry)) for entry in new])
            self._outcomes.update((entry.key, entry.outcome) for entry in new)

    def _write(self, lines: list[bytes]) -> None:
        left = b"".join(lines)
        while left:
            left = left[os.write(self._file, left) :]
        os.fdatasync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def _line(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry, separators=(",", ":"))
    return f"{_framed(text)}\n".encode()


def _framed(text: str) -> str:
    return f"{_HEAD}{digest_of(text)}{_BODY}{text}}}"


def _read(line: bytes) -> dict[str, Any] | None:
    """The entry of a line; None where it is not whole."""
    text = line.decode(errors="replace")
    begin = len(_HEAD) + _SUM_CHARS
    body = text[begin + len(_BODY) : -1]
    if text != _framed(body):
        return None
    entry: dict[str, Any] = json.loads(body)
    return entry


def _told(entry: Entry) -> dict[str, Any]:
    outcome = entry.outcome
    return {
        "key": entry.key,
        "settings": {name: plain(value) for name, value in entry.settings.items()},
        "config": entry.config_hash,
        "seed": entry.seed,
        "result": outcome.result_hash,
        "metrics": outcome.metrics,
        "returns": base64.b64encode(struct.pack(f"<{len(outcome.returns)}d", *outcome.returns)).decode(),
        "refused": outcome.refused,
    }


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    packed = base64.b64decode(entry["returns"])
    returns = struct.unpack(f"<{len(packed) // 8}d", packed)
    return Outcome(entry["result"], entry["metrics"], returns, entry["refused"])


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
