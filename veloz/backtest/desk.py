"""The desk of a backtest: the engine with its strategies, between the rows of a recording.

Rows of the recording are folded into the state without being numbered. At the end of each of their steps the engine decides, in a step of
the result that begins with `system.data_folded`; where nothing but that row would stand in it, there is no such step. Most steps of a
recording wake nobody and find nothing due: they are folded many at once without asking (`next_asked`), which changes no byte.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from veloz.contracts.codes import StopLevel
from veloz.contracts.layout import ROW
from veloz.contracts.registry import DATA_FOLDED
from veloz.engine.step import Body, Engine, Step, Wake
from veloz.history.dataset import Chunk, clear_end
from veloz.history.ordering import HEAD, joined, words_of
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state
from veloz.reducers.words import INSTRUMENT_SHIFT, KIND_MASK
from veloz.strategies.host import Host

SECOND_NS: Final = 1_000_000_000
_NO_HITS: Final = np.zeros(0, np.int64)
NOTHING: Final = np.zeros(0, ROW)
_KIND, _INSTRUMENT = int(KIND_MASK), int(INSTRUMENT_SHIFT)


class Sight:
    """The strategies, which see the rows of the recording's step in front of the step's own."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.shown = NOTHING  # ROW[n] of the recording

    def wake(
        self, state: State, rows: np.ndarray, first_seq: int, now: int, bodies: Iterable[Body] = ()
    ) -> Sequence[Wake]:
        """See `engine.step.Minds`."""
        shown = len(self.shown)
        if not shown:
            return self.host.wake(state, rows, first_seq, now, bodies)
        both = joined(self.shown, rows)
        moved = [(at + shown, body) for at, body in bodies]
        return self.host.wake(state, both, first_seq - shown, now, moved, data=shown)


class Desk:
    """Engine, strategies and the place in both journals.

    Args:
        host: The strategies.
        state: Before the first row; None: nothing was folded yet.
        sends: Whether requests are made.
        asks_always: Ask at the end of every step of the recording: slower, the same bytes.
    """

    def __init__(
        self, host: Host, state: State | None = None, *, sends: bool = True, asks_always: bool = False
    ) -> None:
        self.sight = Sight(host)
        self.engine = Engine(new_state() if state is None else state, self.sight, sends=sends)
        self.seq = 0  # last row of the result
        self.data_seq = self.data_kind = 0  # last row of the recording that was folded
        self.data_rows = 0  # so many were
        self._asks_always = asks_always
        self._restless: bool | None = None  # None: not known since the last step
        self._due = 0
        self._hits: tuple[np.ndarray | None, object, np.ndarray] = (None, None, np.zeros(0, np.int64))

    @property
    def state(self) -> State:
        """As of the last row folded, of either journal."""
        return self.engine.state

    @property
    def host(self) -> Host:
        """The strategies."""
        return self.sight.host

    @property
    def now_ns(self) -> int:
        """Engine time."""
        return int(self.state.clock[0]["now_ns"])

    # --- the recording ----------------------------------------------------------------------------------------------------

    def next_asked(self, chunk: Chunk, step: int) -> int:
        """The next step of a chunk, from `step` on, at whose end somebody may decide something; as many as it has, if there is none."""
        end = len(chunk.ends)
        if self._restless is None:  # only steps change it: what the recording says opens no order and sets no level
            self._restless, self._due = self._is_restless(), self._pnl_due()
        if step >= end or self._asks_always or self._restless:
            return step
        due = self._due
        if due:
            end = min(end, step + int(np.searchsorted(chunk.times[step:], due)))
        if self.host.waits:
            hits = self.hits_in(chunk)
            at = int(np.searchsorted(hits, step))
            end = min(end, int(hits[at])) if at < len(hits) else end
        return end

    def _is_restless(self) -> bool:
        """Whether something may be decided without anybody being woken: breakers, levels that go on acting, what was not settled."""
        desk = self.state.desk[0]
        if desk["breakers_set"] or desk["dirty"]:
            return True
        return bool((self.state.scopes["level"][: int(desk["scopes_used"])] >= StopLevel.CANCEL).any())

    def _pnl_due(self) -> int:
        """From when on pnl is to be told again; 0: nothing is open, and nothing is told."""
        desk = self.state.desk[0]
        held = self.state.positions["qty"][: int(desk["positions_used"])]
        return (int(desk["pnl_second"]) + 1) * SECOND_NS if desk["orders_open"] or held.any() else 0

    @property
    def asks_always(self) -> bool:
        """Whether nothing is folded without asking."""
        return self._asks_always

    def hits_in(self, chunk: Chunk) -> np.ndarray:
        """Steps of a chunk with a row that wakes somebody, ascending."""
        waits = self.host.waits
        if not waits:
            return _NO_HITS
        if self._hits[0] is not chunk.rows or self._hits[1] is not waits:
            heads = words_of(chunk.rows)[:, HEAD]
            kinds, instruments = heads & _KIND, heads >> _INSTRUMENT
            wakes = np.zeros(len(heads), bool)
            for kind, instrument in set(waits):
                wakes |= (kinds == kind) & ((instruments == instrument) | (instrument == 0))
            hits = np.unique(np.searchsorted(chunk.ends, np.flatnonzero(wakes), "right"))
            self._hits = (chunk.rows, waits, hits)
        return self._hits[2]

    def fold_steps(self, chunk: Chunk, begin: int, end: int) -> None:
        """Fold steps of the recording and ask nobody."""
        if end <= begin:
            return
        lo, hi = chunk.span(begin)[0], chunk.span(end - 1)[1]
        self._fold(chunk.rows[lo:hi])
        self._note(chunk, hi)

    def fold_known(self, chunk: Chunk, begin: int, first_seq: int) -> int:
        """Fold the steps of a chunk that end in front of the first row that counts; the next step.

        Args:
            chunk, begin: From which step on.
            first_seq: Number of that row in the recording.
        """
        end = max(begin, int(np.searchsorted(chunk.seqs[chunk.ends - 1], first_seq)))
        self.fold_steps(chunk, begin, end)
        return end

    def ask(self, chunk: Chunk, step: int, inputs: np.ndarray) -> Step | None:
        """Fold one step of the recording and decide; None where the result has no step of it.

        Args:
            chunk, step: Which one.
            inputs: ROW[n] that arrived meanwhile and are no wake of their own.
        """
        lo, hi = chunk.span(step)
        rows = chunk.rows[lo:hi]
        previous = self.data_seq
        clear_end(rows)
        self._fold(rows)
        self._note(chunk, hi)
        self.sight.shown = rows.view(ROW)
        try:
            taken = self._take(joined(self._mark(previous, self.now_ns), inputs), ())
        finally:
            self.sight.shown = NOTHING
        if len(taken.rows) > 1:
            return taken
        self.state.clock[0]["seq"] = self.seq = self.seq - 1
        return None

    def _fold(self, rows: np.ndarray) -> None:
        self.engine.state = fold(self.state, rows, self.seq + 1 - len(rows))
        self.data_rows += len(rows)

    def _note(self, chunk: Chunk, end: int) -> None:
        self.data_seq = int(chunk.seqs[end - 1])
        self.data_kind = int(chunk.rows[end - 1]["head"]) & _KIND

    def resume(self, state: State, seq: int) -> None:
        """Go on from another state, after another row of the result; the recording and the strategies stay where they are."""
        self.engine.state, self.seq, self._restless = state, seq, None

    # --- the result -------------------------------------------------------------------------------------------------------

    def begin(self, rows: np.ndarray, bodies: Iterable[Body]) -> Step:
        """Take a step of the run's own beginning, in front of all data."""
        return self._take(rows, bodies)

    def take(self, now_ns: int, rows: np.ndarray, bodies: Iterable[Body] = ()) -> Step:
        """Take a step that the recording did not cause: rows that arrived, or timers.

        Args:
            now_ns: Engine time.
            rows: ROW[n].
            bodies: (index in `rows`, bytes).
        """
        inputs = joined(self._mark(self.data_seq, now_ns), rows)
        return self._take(inputs, [(at + 1, body) for at, body in bodies])

    def _mark(self, previous_seq: int, now_ns: int) -> np.ndarray:
        row = np.zeros(1, DATA_FOLDED.view)
        row["kind"], row["version"], row["ts_recv"] = DATA_FOLDED.number, DATA_FOLDED.version, now_ns
        row["data_seq"], row["data_kind"], row["previous_seq"] = self.data_seq, self.data_kind, previous_seq
        return row.view(ROW)

    def _take(self, rows: np.ndarray, bodies: Iterable[Body]) -> Step:
        step = self.engine.take(rows, bodies, self.seq + 1)
        self._restless = None
        self.seq = step.last_seq
        return step
