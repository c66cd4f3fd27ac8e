"""Verify a result: take every decision of a run again, at the same places of the same data, and compare it with the one on record.

The walk is the run's own: the recording is folded step by step, and wherever somebody may decide, the engine is asked, on record or not.
Where both differ, the record is the truth from then on: its state is folded beside, and the strategies go on as they are.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from journal import Reader
from veloz.backtest.desk import Desk
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.registry import DATA_FOLDED
from veloz.engine.replay import DIVERGENCES_MAX, Divergence
from veloz.engine.step import Body, Step, is_decision
from veloz.engine.verify import copy_state, first_difference
from veloz.history.dataset import Chunk
from veloz.history.results import Naming, data_chunks, fold_data, open_data
from veloz.history.verify import find_loads, host_for
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state

Progress = Callable[[int, int], None]


@dataclass
class Rechecked:
    """What came of a verification."""

    state: State
    records: int = 0  # rows of the result
    decisions: int = 0
    differences: int = 0  # steps that differ
    divergences: list[Divergence] = field(default_factory=list)
    rows: int = 0  # of both journals
    seconds: float = 0.0

    @property
    def records_per_second(self) -> float:
        """Rows of both journals over the time it took to read and decide them again."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


class _Record:
    """The state as the record has it, once that is another one than the engine's."""

    def __init__(self, path: Path, naming: Naming, seq: int) -> None:
        self.state, self._data, self._seq = new_state(), open_data(naming), 0
        for first, rows, _ in steps_of(path, seq):
            self.add(first, rows)

    def add(self, first_seq: int, rows: np.ndarray) -> None:
        """A step on record."""
        self.state = fold_data(self.state, self._data, rows[0], first_seq - 1)
        self.state = fold(self.state, rows, first_seq)
        self._seq = first_seq + len(rows) - 1

    def fold_to(self, data_seq: int) -> None:
        """The recording, where no step on record stands."""
        for rows in self._data.until(data_seq):
            self.state = fold(self.state, rows, self._seq + 1 - len(rows))


def steps_of(path: Path, last: int) -> Iterator[tuple[int, np.ndarray, list[Body]]]:
    """The steps of a journal up to a row: (first number, ROW[n], bodies). The last one may be cut off."""
    with Reader.open(path) as reader:
        for batch in reader.scan(1, last):
            lo, hi = batch.span(1, last)
            rows = batch.rows[lo:hi].view(ROW)
            bodies = [(at - lo, body) for at, body in batch.bodies() if lo <= at < hi]
            begin = 0
            for end in [*(np.flatnonzero(rows["flags"] & STEP_END) + 1).tolist(), len(rows)]:
                if end > begin:
                    mine = [(at - begin, body) for at, body in bodies if begin <= at < end]
                    yield batch.first + lo + begin, rows[begin:end], mine
                begin = end


class Recheck:
    """A verification under way.

    Args:
        path: The result's journal.
        naming: What its row 1 says.
        desk: With nothing taken.
        count_from: Decisions from this row on are compared.
    """

    def __init__(self, path: Path, naming: Naming, desk: Desk, count_from: int) -> None:
        self._path, self._naming, self._desk, self._count_from = path, naming, desk, count_from
        self._chunks = data_chunks(naming)
        self._chunk: Chunk | None = None
        self._at = 0
        self._record: _Record | None = None
        self.found = Rechecked(desk.state)

    def take(self, first_seq: int, rows: np.ndarray, bodies: list[Body]) -> None:
        """The next step on record."""
        decided = np.flatnonzero(is_decision(rows))
        inputs = int(decided[0]) if len(decided) else len(rows)
        mine = [(at, body) for at, body in bodies if at < inputs]
        if int(rows["kind"][0]) != DATA_FOLDED.number:
            step: Step | None = self._desk.begin(rows[:inputs], mine)
        else:
            step = self._take_behind(first_seq, rows, inputs, mine)
        self._compare(first_seq, rows, inputs, step)
        self.found.records += int(first_seq + len(rows) - 1 >= self._count_from) * len(rows)

    def _take_behind(self, first_seq: int, rows: np.ndarray, inputs: int, bodies: list[Body]) -> Step | None:
        """A step that has data in front of it."""
        said = rows[0].view(DATA_FOLDED.view)
        previous, until = int(said["previous_seq"]), int(said["data_seq"])
        if not self._desk.data_seq:
            self._fold_known()
        self._fold_to(first_seq, min(previous, until))
        if previous >= until:
            return self._desk.take(int(said["ts_recv"]), rows[1:inputs], [(at - 1, body) for at, body in bodies])
        chunk = self._here()
        return None if chunk is None else self._ask(chunk, rows[1:inputs])

    def _fold_known(self) -> None:
        """What stands in front of the rows that count."""
        while (chunk := self._here()) is not None:
            self._at = self._desk.fold_known(chunk, self._at, self._naming.first_seq)
            if self._at < len(chunk.ends):
                break
        self._desk.host.know(self._desk.state)

    def _here(self) -> Chunk | None:
        """The chunk that holds the next step of the recording."""
        if self._chunk is None or self._at == len(self._chunk.ends):
            self._chunk, self._at = next(self._chunks, None), 0
        return self._chunk

    def _ask(self, chunk: Chunk, inputs: np.ndarray) -> Step | None:
        self._at += 1
        return self._desk.ask(chunk, self._at - 1, inputs)

    def _fold_to(self, first_seq: int, data_seq: int) -> None:
        """Fold the recording up to a row, and ask wherever the run would have."""
        while (chunk := self._here()) is not None:
            end = int(np.searchsorted(chunk.seqs[chunk.ends - 1], data_seq, "right"))
            if end <= self._at:
                return
            asked = min(self._desk.next_asked(chunk, self._at), end)
            self._desk.fold_steps(chunk, self._at, asked)
            self._at = asked
            if asked < end:
                made = self._ask(chunk, np.zeros(0, ROW))
                if made is not None:
                    self._differ(first_seq, first_difference(first_seq, made.rows[:0], 0, made.decisions))
                    self._go_by_record(first_seq - 1).fold_to(self._desk.data_seq)
                    self._resume(first_seq - 1)

    def _compare(self, first_seq: int, rows: np.ndarray, inputs: int, step: Step | None) -> None:
        counted = max(0, min(len(rows) - inputs, first_seq + len(rows) - self._count_from))
        self.found.decisions += counted
        made = rows[:0] if step is None else step.rows
        whole = bool(rows["flags"][-1] & STEP_END)
        same = made.tobytes() == rows.tobytes()
        if not same and first_seq + len(rows) - 1 >= self._count_from and whole:
            decisions = rows[:0] if step is None else step.decisions
            self._differ(
                first_seq,
                _difference(first_seq, rows, inputs, made) or first_difference(first_seq, rows, inputs, decisions),
            )
        if self._record is not None or not same:
            self._go_by_record(first_seq - 1).add(first_seq, rows)
        if not same:
            self._resume(first_seq + len(rows) - 1)

    def _differ(self, first_seq: int, found: Divergence | None) -> None:
        if found is None or found.seq < self._count_from:
            return
        self.found.differences += 1
        if len(self.found.divergences) < DIVERGENCES_MAX:
            self.found.divergences.append(found)

    def _go_by_record(self, seq: int) -> _Record:
        if self._record is None:
            self._record = _Record(self._path, self._naming, seq)
        return self._record

    def _resume(self, seq: int) -> None:
        """The engine goes on from the state that the record has."""
        assert self._record is not None
        self._desk.resume(copy_state(self._record.state), seq)


def _difference(first_seq: int, rows: np.ndarray, inputs: int, made: np.ndarray) -> Divergence | None:
    """Where the first row, which says how far the data were folded, is not what the walk makes it."""
    if not len(made) or int(rows["kind"][0]) != DATA_FOLDED.number or not inputs:
        return None
    left, right = rows[:1].copy(), made[:1].copy()
    for each in (left, right):
        each["flags"] &= ~np.uint8(STEP_END)
    return None if left.tobytes() == right.tobytes() else first_difference(first_seq, left, 0, right)


def recheck(
    path: Path,
    naming: Naming,
    *,
    last: int,
    count_from: int = 1,
    sources: Iterable[tuple[str, str]] = (),
    trust: bool = False,
    instead: Mapping[str, tuple[str, str]] | None = None,
    on_progress: Progress | None = None,
) -> Rechecked:
    """Verify the rows of a result up to `last`. Arguments and errors as in `history.verify.verify_journal`.

    Raises:
        veloz.history.results.DataMissing: Its data are not at hand.
    """
    host = host_for(path, last, find_loads(path, last), sources, trust=trust, instead=instead)
    desk = Desk(host, sends=False)
    begun = time.perf_counter()
    check = Recheck(path, naming, desk, count_from)
    for first_seq, rows, bodies in steps_of(path, last):
        check.take(first_seq, rows, bodies)
        if on_progress is not None:
            on_progress(first_seq + len(rows) - 1, last)
    found = check.found
    found.state, found.seconds = desk.state, time.perf_counter() - begun
    found.rows = last + desk.data_rows
    return found
