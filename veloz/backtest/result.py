"""The result of a run: a journal of its own, written in batches; its hash; and where short ones are kept."""

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from journal import JournalError, Writer
from journal.limits import ROWS_MAX
from veloz.contracts.layout import ROW
from veloz.contracts.registry import DATA_NAMED
from veloz.engine.step import Body, Step
from veloz.history.ordering import joined
from veloz.history.results import UNFINISHED, is_unfinished

MAP_BYTES: Final = 64 << 30  # address space, not disk
BATCH_ROWS: Final = 8_192


class Taken(ValueError):
    """A result cannot be written where something else lies."""


def require_free(path: Path) -> None:
    """See that a result may be written at a path. Raises Taken."""
    if is_unfinished(path):
        raise Taken(
            f"The run at {path} never ended, or still goes on; "
            f"take that directory away (rm -r {path}) and run the same again, or name a new one by --journal."
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise Taken(f"{path} is not empty, and a result begins a journal of its own; name a new directory.")


class Recorder:
    """Writes the steps of a run into a journal that begins with it.

    Args:
        path: The directory of the journal to be, empty or new.

    Raises:
        Taken: Something lies there.
        journal.JournalError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        require_free(path)
        self.path = path
        self._made = [each for each in (path, *path.parents) if not each.exists()]
        self._writer = Writer.open(path, map_size_bytes=MAP_BYTES)
        (path / UNFINISHED).touch()
        self._rows: list[np.ndarray] = []
        self._bodies: list[Body] = []
        self._waiting = 0
        self.digest = Digest()

    def add(self, step: Step) -> None:
        """The next step."""
        self.digest.add(step)
        if self._waiting + len(step.rows) > ROWS_MAX:
            self.flush()
        self._bodies += [(self._waiting + at, body) for at, body in step.bodies]
        self._rows.append(step.rows)
        self._waiting += len(step.rows)
        if self._waiting >= BATCH_ROWS:
            self.flush()

    def add_all(self, first_seq: int, rows: np.ndarray, ends: np.ndarray) -> None:
        """See `runner.Sink`: handed over where they would be one by one."""
        self.digest.add_all(first_seq, rows, ends)
        begin = done = 0
        while done < len(ends):
            want = int(np.searchsorted(ends, begin + BATCH_ROWS - self._waiting))
            most = int(np.searchsorted(ends, begin + ROWS_MAX - self._waiting, "right"))
            if most <= done and self._waiting:
                self.flush()
                continue
            stop = max(min(want + 1, most, len(ends)), done + 1)
            self._rows.append(rows[begin : ends[stop - 1]])
            self._waiting += int(ends[stop - 1]) - begin
            begin, done = int(ends[stop - 1]), stop
            if self._waiting >= BATCH_ROWS:
                self.flush()

    def flush(self) -> None:
        """Hand over what waits."""
        if self._waiting:
            self._writer.append(joined(*self._rows), bodies=self._bodies)
        self._rows, self._bodies, self._waiting = [], [], 0

    def commit(self) -> int:
        """Make everything so far durable; the last row that is."""
        self.flush()
        self._writer.flush()
        return self._writer.durable_seq

    def close(self) -> None:
        """Make everything durable and give the journal back."""
        try:
            self.flush()
            self._writer.flush()
            (self.path / UNFINISHED).unlink(missing_ok=True)
        finally:
            self._writer.close()

    def drop(self) -> None:
        """Leave nothing behind: the directory is as it was."""
        with suppress(JournalError):
            self._writer.close()
        for left in self.path.iterdir():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
        for each in self._made:
            each.rmdir()


class Digest:
    """The hash of a result: of every row and body of it but for the one that names where the recording lies."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=32)

    def add(self, step: Step) -> None:
        """See `runner.Sink`."""
        named = step.rows["kind"] == DATA_NAMED.number
        self._hash.update((step.rows[~named] if named.any() else step.rows).tobytes())
        for at, body in step.bodies:
            if not named[at]:
                self._hash.update(b"%d %d " % (at, len(body)) + body)

    def add_all(self, first_seq: int, rows: np.ndarray, ends: np.ndarray) -> None:
        """See `runner.Sink`."""
        named = rows["kind"] == DATA_NAMED.number
        self._hash.update((rows[~named] if named.any() else rows).tobytes())

    def hex(self) -> str:
        """Of all that was added."""
        return self._hash.hexdigest()


class Kept:
    """Keeps the steps of a run in memory, for short ones and for tests."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(self, step: Step) -> None:
        """The next step."""
        self.steps.append(step)

    def add_all(self, first_seq: int, rows: np.ndarray, ends: np.ndarray) -> None:
        """See `runner.Sink`."""
        begin = 0
        for end in ends.tolist():
            self.steps.append(Step(first_seq + begin, 0, rows[begin:end], []))
            begin = end

    def rows(self) -> np.ndarray:
        """All rows: ROW[n]."""
        return np.concatenate([step.rows for step in self.steps]) if self.steps else np.zeros(0, ROW)
