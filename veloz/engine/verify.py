"""Take the decisions of a recording again, and compare each with the one on record.

Each step on record is taken anew: its inputs are given to an engine, and what that decides is laid beside what was recorded. As long as
both are the same, so are their effects, and one state serves both. Where they differ, the record is the truth: the state is built anew
from the last copy and the rows since, decisions as recorded, and the next step is judged from there. So one wrong row is one difference,
not a thousand. Stretches in which nothing can be decided are folded as they are.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

import numpy as np

from veloz.contracts.codes import StrategyStatus
from veloz.contracts.evolve import upgrade
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.registry import BY_NUMBER, STARTED, Kind
from veloz.engine.replay import DIVERGENCES_MAX, Divergence
from veloz.engine.step import Body, Engine, Minds, is_decision
from veloz.reducers.bits import NOT_TRADING, ROOM_OF
from veloz.reducers.fold import fold
from veloz.reducers.state import State

COPY_EVERY: Final = 1 << 16  # rows between two copies of the state: what a difference costs at most
NOTHING: Final = "nothing"
_BUSY: Final = np.array([n == STARTED.number or ROOM_OF[n] != NOT_TRADING for n in range(len(ROOM_OF))])


def _place_of(body: Body) -> int:
    return body[0]


class Memory(Minds, Protocol):
    """Strategies that can be taken to where they were: `strategies.host.Host`."""

    def fork(self) -> "Memory":
        """The same memory once more, which goes its own way. Raises ValueError where there is what cannot be kept."""


class _Fed(NamedTuple):
    """One step, or a stretch without decisions, as it was taken."""

    first_seq: int
    rows: np.ndarray
    inputs: int  # 0: folded as it is
    bodies: list[Body]  # of the inputs


def copy_state(state: State) -> State:
    """A state of its own with the same bytes."""
    return State(*(array.copy() for array in state))


class Verifier:
    """A verification under way.

    Args:
        state: Before the first row fed; taken over.
        minds: The strategies, with the memory they had there; None where there are none.
        count_from: Decisions from this row on are counted and compared, those before only taken.
        last_seq: Last row that `state` knows.
    """

    def __init__(self, state: State, minds: Memory | None = None, *, count_from: int = 1, last_seq: int = 0) -> None:
        self._engine = Engine(state, minds, sends=False)
        self._count_from = count_from
        self._minds = minds
        self._since: list[_Fed] = []  # rows folded since the copy
        self._renew()
        self.records = self.decisions = 0
        self.differences = 0  # steps that differ
        self.divergences: list[Divergence] = []
        self.last_seq = last_seq

    @property
    def state(self) -> State:
        """After the last row fed, all decisions as recorded."""
        return self._engine.state

    def feed(self, first_seq: int, rows: np.ndarray, bodies: Iterable[Body] = ()) -> None:
        """Take the next steps.

        Args:
            first_seq: Sequence number of `rows[0]`; one above the last row fed before.
            rows: ROW[n], whole steps; the last one may be cut off.
            bodies: (index in rows, bytes), ascending.
        """
        rows = upgrade(rows).copy()
        heap = list(bodies)
        ends = np.flatnonzero(rows["flags"] & STEP_END) + 1
        if not len(ends) or ends[-1] != len(rows):
            ends = np.append(ends, len(rows))
        kinds = np.minimum(rows["kind"], len(_BUSY) - 1)
        busy = np.flatnonzero(_BUSY[kinds] | is_decision(rows))
        begin = 0
        while begin < len(rows):
            end = self._calm(begin, ends, busy, rows) or int(ends[np.searchsorted(ends, begin, "right")])
            self._take(first_seq + begin, rows[begin:end], heap, begin, busy)
            begin = end
        self.last_seq = first_seq + len(rows) - 1
        self.records += max(0, min(len(rows), self.last_seq - self._count_from + 1))
        if sum(len(each.rows) for each in self._since) >= COPY_EVERY:
            self._renew()

    def _calm(self, begin: int, ends: np.ndarray, busy: np.ndarray, rows: np.ndarray) -> int:
        """Where the steps end that hold market rows only, while nothing could be decided about them; 0: the next one is no such step."""
        at = int(np.searchsorted(busy, begin))
        until = int(busy[at]) if at < len(busy) else len(rows)
        last = int(np.searchsorted(ends, until, "right")) - 1
        if last < 0 or ends[last] <= begin or not self._is_calm():
            return 0
        return int(ends[last])

    def _is_calm(self) -> bool:
        state = self.state
        desk = state.desk[0]
        if not desk["open"]:
            return True
        if desk["orders_open"] or desk["positions_open"] or desk["breakers_set"]:
            return False
        return not (state.strategies["status"] == StrategyStatus.RUNNING).any()

    def _take(self, first_seq: int, rows: np.ndarray, heap: list[Body], begin: int, busy: np.ndarray) -> None:
        """Take one step, or fold a calm stretch."""
        at = int(np.searchsorted(busy, begin))
        nothing = at >= len(busy) or int(busy[at]) >= begin + len(rows)
        decided = np.flatnonzero(is_decision(rows))
        inputs = int(decided[0]) if len(decided) else len(rows)
        whole = bool(rows["flags"][-1] & STEP_END)
        if (nothing and self._is_calm()) or (
            inputs == len(rows) and not whole
        ):  # or cut off before it was known what came in
            self._since.append(_Fed(first_seq, rows, 0, []))
            self._engine.state = fold(self.state, rows, first_seq)
            return
        lo, hi = (bisect_left(heap, at, key=_place_of) for at in (begin, begin + inputs))
        fed = _Fed(first_seq, rows, inputs, [(k - begin, body) for k, body in heap[lo:hi]])
        made = rows[:0]
        if inputs:
            made = self._engine.take(rows[:inputs], fed.bodies, first_seq).decisions
        differs = self._compare(fed, made, whole)
        self._since.append(fed)
        if differs or not whole:
            self._rebuild()

    def _compare(self, fed: _Fed, made: np.ndarray, whole: bool) -> bool:
        """Whether what was decided differs from what is on record; the first difference is kept."""
        first_seq, rows, inputs, _ = fed
        recorded = rows[inputs:]
        counted = max(0, min(len(recorded), first_seq + len(rows) - self._count_from))
        self.decisions += counted
        if not whole:
            made = made[: len(recorded)]
        if recorded.tobytes() == made.tobytes():
            return False
        found = self._disguised(fed) or first_difference(first_seq, rows, inputs, made)
        if found is not None and found.seq >= self._count_from:
            self.differences += 1
            if len(self.divergences) < DIVERGENCES_MAX:
                self.divergences.append(found)
        return True

    def _disguised(self, fed: _Fed) -> Divergence | None:
        """The last input, if it is a decision with another kind and all else follows without it. The strategies go on so."""
        first_seq, rows, inputs, bodies = fed
        at = inputs - 1
        if at < 1 or (self._minds is not None and self._minds_copy is None):
            return None
        engine = Engine(copy_state(self._copy), self._minds_copy, sends=False)
        for each in self._since:
            if each.inputs:
                engine.take(each.rows[: each.inputs], each.bodies, each.first_seq)
            else:
                engine.state = fold(engine.state, each.rows, each.first_seq)
        made = engine.take(rows[:at], [body for body in bodies if body[0] < at], first_seq).decisions
        if not len(made) or made[1:].tobytes() != rows[inputs:].tobytes() or not _is_disguised(rows[at], made[0]):
            return None
        self._minds = self._engine.minds = self._minds_copy
        return _difference(first_seq + at, rows[at], made[0])

    def _rebuild(self) -> None:
        """The state as the record has it: from the last copy and the rows since."""
        state = self._copy
        for each in self._since:
            state = fold(state, each.rows, each.first_seq)
        self._engine.state = state
        self._renew()

    def _renew(self) -> None:
        self._copy = copy_state(self.state)
        self._minds_copy = _fork(self._minds)
        self._since = []


def _fork(minds: Memory | None) -> Memory | None:
    """The strategies as they are; None where there are none, or they keep what cannot be kept."""
    try:
        return None if minds is None else minds.fork()
    except ValueError:
        return None


def first_difference(first_seq: int, rows: np.ndarray, inputs: int, made: np.ndarray) -> Divergence | None:
    """The first row in which the decisions of a step differ from those on record; None: in none.

    Args:
        first_seq: Number of `rows[0]`.
        rows: ROW[n], the step as recorded.
        inputs: So many of it are inputs.
        made: ROW[m], what is decided about them.
    """
    recorded = rows[inputs:]
    for place in range(max(len(recorded), len(made))):
        seq = first_seq + inputs + place
        left = recorded[place] if place < len(recorded) else None
        right = made[place] if place < len(made) else None
        if left is None or right is None or left.tobytes() != right.tobytes():
            return _difference(seq, left, right)
    return None


def _is_disguised(row: np.void, decision: np.void) -> bool:
    """Whether a row taken for an input is a decision with another kind, or terms without their `ref`."""
    if row["ts_recv"] != decision["ts_recv"] or row["instrument"] != decision["instrument"] or row["ts_event"] != 0:
        return False
    words = ROW.names[6:] if ROW.names else ()
    return sum(int(row[word] == decision[word]) for word in words) >= len(words) - 1


def _kind_of(row: np.void) -> Kind | None:
    return BY_NUMBER.get(int(row["kind"]))


def _name_of(row: np.void) -> str:
    kind = _kind_of(row)
    return kind.name if kind else str(int(row["kind"]))


def _difference(seq: int, recorded: np.void | None, made: np.void | None) -> Divergence:
    """Two rows that should be one, by the first field in which they differ."""
    if recorded is None or made is None:
        there = recorded if made is None else made
        assert there is not None
        name = _name_of(there)
        left, right = (NOTHING, name) if recorded is None else (name, NOTHING)
        return Divergence(seq, name, "kind", left, right, int(there["ref"]) or None)
    cause = int(made["ref"]) or None
    if recorded["kind"] != made["kind"]:
        return Divergence(seq, _name_of(recorded), "kind", _name_of(recorded), _name_of(made), cause)
    kind = _kind_of(recorded)
    names = kind.view.names if kind and kind.view.names else ROW.names or ()
    for plain, name in zip(ROW.names or (), names, strict=True):
        if recorded[plain] != made[plain]:
            return Divergence(seq, _name_of(recorded), name, str(recorded[plain]), str(made[plain]), cause)
    raise AssertionError("two rows that differ, differ in a field")
