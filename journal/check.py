"""Walk a whole journal and name the first thing that is wrong. Reports; never repairs.

Sums cover a batch, so a fault is named by the first sequence number of the first bad batch. A journal whose newest commit fell away
whole, as when its meta page was torn, is sound up to the commit before: only who kept its last hash can tell. A damaged file can make
LMDB itself raise, abort or die of a signal; `check_in_child` walks in a process of its own and answers all the same.
"""

import json
import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import lmdb
from lmdb.verify import VerifyError

from journal import environment
from journal.batch import KEY, OPEN_END, STEP_END, TIME_MIN, ZERO, Batch, bitmap_of, digest_of, heap_index, parse_batch
from journal.errors import CorruptError, FormatError, JournalError, ReadError
from journal.frames import decode_frames, fault_of
from journal.limits import HEADER_BYTES, ROW_BYTES
from journal.reader import Reader, View
from journal.store import HEAD_KEY, Tip

BATCHES_PER_VIEW: Final = 1024
PROGRESS: Final = struct.Struct("<QQ")

Progress = Callable[[int, int], None]


class Report(NamedTuple):
    """What a walk found.

    ok: nothing is wrong. records, batches: rows and batches that are right, from the start.
    first_bad_seq: first sequence number of the first bad batch; None if all is well or no batch is to blame.
    reason: what is wrong, one sentence; empty if nothing. head_seq, head_hash: the end as far as it is right, the digest
    of its last batch in lower-case hex (64 zeros for an empty journal).
    """

    ok: bool
    records: int
    batches: int
    first_bad_seq: int | None
    reason: str
    head_seq: int
    head_hash: str


class Walk:
    """The state of a walk: what the next batch must continue."""

    def __init__(self, progress: Progress | None) -> None:
        self.tip = Tip(0, ZERO, TIME_MIN)
        self.epoch = 0
        self.open_end = False
        self.batches = 0
        self.last_first = 1
        self._before = self.tip
        self._progress = progress

    def run(self, reader: Reader) -> None:
        """Walk to the end, with a new read transaction now and then.

        Raises:
            CorruptError: The first fault.
        """
        done = False
        while not done:
            with reader.view() as view:
                done = self._part(view)

    def _part(self, view: View) -> bool:
        if view.opened is None:
            return True
        rows = view.txn.cursor(db=view.opened.rows)
        frames = FramesCursor(view.txn.cursor(db=view.opened.frames), self.tip.seq + 1, view.frames_from)
        more = rows.set_range(KEY.pack(self.tip.seq + 1)) if self.batches else rows.first()
        left = BATCHES_PER_VIEW
        while more:
            self._batch(rows.key(), rows.value(), frames)
            more = rows.next()
            left -= 1
            if left == 0 and more:
                return False
        frames.require_end(self.tip.seq + 1)
        self._end(view)
        return True

    def _batch(self, key: Any, value: Any, frames: "FramesCursor") -> None:
        want = self.tip.seq + 1
        if self._progress is not None:
            self._progress(want, self.batches)
        try:
            if len(key) != KEY.size:
                raise CorruptError(f"a key is {len(key)} bytes long, not {KEY.size}")
            if KEY.unpack(key)[0] != want:
                raise CorruptError(f"there is a gap: the next batch begins at {KEY.unpack(key)[0]}")
            if len(value) % 8:
                raise CorruptError("the value is not padded to eight bytes")
            batch = parse_batch(key, value)
            self._require_chained(batch)
            require_rows(batch, self.tip.t_last)
            require_heap(batch)
            frames.require(batch)
        except CorruptError as fault:
            raise CorruptError(fault.reason, seq=want) from fault
        self._before, self.tip = self.tip, Tip(batch.last, batch.digest, batch.t_last)
        self.epoch = batch.epoch
        self.open_end = bool(batch.flags & OPEN_END)
        self.batches += 1
        self.last_first = want

    def _require_chained(self, batch: Batch) -> None:
        if batch.link != self.tip.digest:
            raise CorruptError("its link is not the digest of the batch before")
        if digest_of(batch.value[: HEADER_BYTES + batch.n * ROW_BYTES]) != batch.digest:
            raise CorruptError("rows fail their digest")
        if batch.epoch < self.epoch:
            raise CorruptError(f"its epoch {batch.epoch} is below {self.epoch} before it")
        if batch.flags & ~OPEN_END or batch.spare:
            raise CorruptError("spare bits of its header are set")
        if self.open_end:
            raise CorruptError("it follows a batch that ends within a step")

    def _end(self, view: View) -> None:
        head = view.meta(HEAD_KEY)
        if head is None and self.batches == 0:
            return
        if head is None or len(head) != KEY.size + len(ZERO):
            raise CorruptError("the journal's head is missing or malformed", seq=self.last_first)
        named = KEY.unpack(head[: KEY.size])[0]
        if self.batches == 0 or named > self.last_first:
            raise CorruptError(f"the journal's head names a batch at {named} that is not there", seq=self.tip.seq + 1)
        if head != KEY.pack(self.last_first) + self.tip.digest:
            raise CorruptError("the journal's head is not this last batch", seq=self.last_first)
        if view.epoch() < self.epoch:
            raise CorruptError(f"the writer's epoch {view.epoch()} is below the last batch's", seq=self.last_first)

    def report(self, fault: JournalError | None) -> Report:
        """What was found, given the fault that ended the walk, if any."""
        seq = fault.seq if isinstance(fault, CorruptError) else None
        if fault is not None and seq is None and not isinstance(fault, FormatError):
            seq = self.tip.seq + 1
        tip, batches = self.tip, self.batches
        if seq is not None and seq <= tip.seq:  # the last batch is the one to blame
            tip, batches = self._before, batches - 1
        reason = "" if fault is None else fault.reason if isinstance(fault, CorruptError) else str(fault)
        return Report(fault is None, tip.seq, batches, seq, reason, tip.seq, tip.digest.hex())


class FramesCursor:
    """Goes through the frames beside the batches, so that missing, orphaned and swapped ones are all seen."""

    def __init__(self, cursor: Any, first: int, frames_from: int) -> None:
        self._cursor = cursor
        self._from = frames_from
        self._more = bool(cursor.set_range(KEY.pack(first)) if first > 1 else cursor.first())

    def require(self, batch: Batch) -> None:
        """Compare one batch with the frames kept for it. Raises CorruptError."""
        key = KEY.pack(batch.first)
        stored = bytes(self._cursor.key()) if self._more else None
        if stored is not None and stored < key:
            raise CorruptError(f"frames are stored under {stored.hex()}, where no batch begins")
        announced = batch.frames_digest != ZERO
        if stored != key:
            if announced and batch.first >= self._from:
                raise CorruptError("its frames are missing")
            return
        if not announced:
            raise CorruptError("frames are stored that it does not announce")
        frames = decode_frames(self._cursor.value(), digest=batch.frames_digest)
        fault = fault_of(frames, batch.n)
        if fault:
            raise CorruptError(f"its frames are malformed: {fault}")
        self._more = bool(self._cursor.next())

    def require_end(self, seq: int) -> None:
        """No frames behind the last batch. Raises CorruptError."""
        if self._more:
            raise CorruptError(
                f"frames are stored under {bytes(self._cursor.key()).hex()} behind the last batch", seq=seq
            )


def require_rows(batch: Batch, t_prev: int) -> None:
    """Header against rows: engine times, kinds, the end of the step. Raises CorruptError."""
    rows = batch.rows
    times = rows["ts_recv"]
    if batch.t_first != max(t_prev, int(times[0])) or batch.t_last != max(t_prev, int(times.max())):
        raise CorruptError("engine times of its header are not the greatest receive times so far")
    if bitmap_of(rows) != batch.kinds.to_bytes(16, "little"):
        raise CorruptError("its kind bitmap does not match its rows")
    ends, said_open = int(rows["flags"][-1]) & STEP_END, batch.flags & OPEN_END
    if not ends and not said_open:
        raise CorruptError("its last row does not end a step")
    if ends and said_open:
        raise CorruptError("it is marked as ending within a step and does not")


def require_heap(batch: Batch) -> None:
    """Sum, digest and entries of the bodies. Raises CorruptError."""
    heap_index(batch)
    heap = batch.heap
    if batch.heap_digest != (digest_of(heap) if len(heap) else ZERO):
        raise CorruptError("bodies fail their digest")


def check(path: str | os.PathLike[str], *, progress: Progress | None = None) -> Report:
    """Walk everything in this process. An absent, empty or half-made journal is fine and empty.

    Args:
        path: The journal's directory.
        progress: Called before each batch with the sequence number expected and the batches done.

    Raises:
        FilesystemError: The path is not a directory or cannot be read.
    """
    walk = Walk(progress)
    try:
        with Reader.open(path) as reader:
            walk.run(reader)
    except (FormatError, ReadError) as fault:
        return walk.report(fault)
    except lmdb.Error as cause:
        return walk.report(environment.read_fault(cause))
    return walk.report(None)


def check_structure(path: str | os.PathLike[str]) -> str:
    """What is wrong with LMDB's own pages, free list included, in one sentence; empty if nothing.

    Reads the file without LMDB. Says nothing where a writer committed meanwhile.
    """
    where = Path(path)
    if environment.data_inode(where) is None:
        return ""
    before = environment.meta_page(where).txn
    try:
        faults = environment.structure_faults(where)
    except VerifyError as cause:
        faults = [str(cause)]
    if not faults or environment.meta_page(where).txn != before:
        return ""
    return f"LMDB's pages are damaged ({faults[0]})"


def check_whole(path: str | os.PathLike[str], *, progress: Progress | None = None) -> Report:
    """`check`, then `check_structure`: what the child of `check_in_child` does. Errors as `check`."""
    report = check(path, progress=progress)
    if not report.ok:
        return report
    reason = check_structure(path)
    return report._replace(ok=not reason, reason=reason)


def check_in_child(path: str | os.PathLike[str]) -> Report:
    """As `check`, LMDB's own structure included, in a process of its own: a death there is an answer here.

    Raises:
        FilesystemError: The path is not a directory or cannot be read.
    """
    environment.data_inode(Path(path))
    roots = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, roots))}
    with tempfile.TemporaryFile() as shared:
        os.ftruncate(shared.fileno(), mmap.PAGESIZE)
        command = [sys.executable, "-m", "journal", "check", "--progress-fd", str(shared.fileno()), os.fspath(path)]
        done = subprocess.run(command, env=env, capture_output=True, pass_fds=(shared.fileno(),), check=False)
        seq, batches = PROGRESS.unpack(os.pread(shared.fileno(), PROGRESS.size, 0))
    try:
        said = json.loads(done.stdout)
        return Report(**{field: said[field] for field in Report._fields})
    except (ValueError, KeyError, TypeError):
        seq = max(seq, 1)
        return Report(False, seq - 1, batches, seq, _death_of(done), seq - 1, "")


def _death_of(done: "subprocess.CompletedProcess[bytes]") -> str:
    if done.returncode < 0:
        return f"LMDB died of {signal.Signals(-done.returncode).name} while reading the file: its pages are damaged"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"the file could not be walked ({said[-1] if said else f'exit code {done.returncode}'})"


def progress_into(fd: int) -> Progress:
    """A progress that survives the death of this process: two numbers in a shared page of an open file."""
    page = mmap.mmap(fd, mmap.PAGESIZE)

    def note(seq: int, batches: int) -> None:
        PROGRESS.pack_into(page, 0, seq, batches)

    return note
