"""The step: inputs in, the same inputs and what was decided about them out, as they are to be journaled.

The engine owns a state and the strategies beside it. Nothing it does depends on anything but the rows it was given: the same steps give
the same decisions, live and in a replay, and the state after a step is the state after a plain fold of its rows.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import numpy as np

from veloz.contracts.codes import Refusal
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.registry import DECISIONS, DISABLED, TERMS
from veloz.contracts.strategy import DisabledBody
from veloz.engine.decide import ASK_MINDS, ASK_STATEMENTS, GROW_OUT, new_work, take_step
from veloz.engine.differences import diverged
from veloz.engine.making import CURSOR
from veloz.engine.outbox import Outbox
from veloz.reducers.host import attend
from veloz.reducers.state import State
from veloz.reducers.words import DONE, FLAGS_SHIFT, GROW_DESK, INSTRUMENT_ROW, RAW

Body = tuple[int, bytes]
OUT_FIRST: Final = 256  # decisions there is room for at first
_NOTHING: Final = np.zeros(0, RAW)
_WORD: Final = np.dtype("<i8")
WORDS: Final = RAW.itemsize // _WORD.itemsize
_STEP_END: Final = STEP_END << int(FLAGS_SHIFT)
_NO_STEP_END: Final = ~_STEP_END
_INPUTS, _FIRST_SEQ, _ALONE, _MADE = (
    (CURSOR.names or ()).index(name) for name in ("inputs", "first_seq", "alone", "made")
)
_DECISIONS: Final = np.isin(np.arange(1 << 8), [kind.number for kind in DECISIONS])


class Wake(Protocol):
    """What one strategy said: `strategies.host.Wake`."""

    @property
    def rows(self) -> np.ndarray:
        """ROW[n], in the order in which they were said."""

    @property
    def strategy(self) -> int:
        """Whose they are."""

    @property
    def text(self) -> str:
        """What it raised; "" where it did not."""


class Minds(Protocol):
    """Strategies as the engine sees them: `strategies.host.Host`."""

    def wake(
        self, state: State, rows: np.ndarray, first_seq: int, now: int, bodies: Iterable[Body] = ()
    ) -> Sequence[Wake]:
        """What the strategies want after the inputs of a step."""


class Step(NamedTuple):
    """One step as it is to be journaled."""

    first_seq: int  # sequence number of rows[0]
    inputs: int  # so many rows are inputs, the others decisions
    rows: np.ndarray  # ROW[n]; STEP_END on the last one only
    bodies: list[Body]  # (index in rows, bytes), ascending

    @property
    def decisions(self) -> np.ndarray:
        """What was decided: ROW[m]."""
        return self.rows[self.inputs :]

    @property
    def last_seq(self) -> int:
        """Sequence number of the last row."""
        return self.first_seq + len(self.rows) - 1


class Engine:
    """Takes steps, one after the other.

    Args:
        state: The state before the first step. The engine owns it from here on; read it through `state`.
        minds: The strategies; None where there are none.
        sends: Whether requests are made at all; a replay makes none.
    """

    def __init__(self, state: State, minds: Minds | None = None, *, sends: bool = True) -> None:
        self.state = state
        self.minds = minds
        self.outbox = Outbox()
        self._sends = sends
        self._raised: dict[int, str] = {}  # by strategy, in the step under way
        self._out = np.zeros(OUT_FIRST, RAW)
        self._out_words = self._out.view(_WORD)
        self._work = new_work()
        self._at = self._work.cursor.view(_WORD)
        self._signal = np.zeros(4, np.int64)

    def take(self, rows: np.ndarray, bodies: Iterable[Body] = (), first_seq: int | None = None) -> Step:
        """Take one step.

        Args:
            rows: ROW[n], n >= 1: what arrived together, no decisions among it. Not changed; STEP_END flags in it mean nothing.
            bodies: (index in rows, bytes), ascending.
            first_seq: Sequence number of `rows[0]`; None: one above the last row taken.

        Returns:
            The step. Its requests lie in `outbox` until it is durable.
        """
        first = int(self.state.clock[0]["seq"]) + 1 if first_seq is None else first_seq
        kept, heap = len(rows), list(bodies)
        inputs = np.ascontiguousarray(rows).view(_WORD).copy()  # words: copying them costs a third of copying fields
        inputs[::WORDS] &= _NO_STEP_END
        self._raised.clear()
        made = self._run(inputs.view(RAW), heap, first)
        whole = np.empty((kept + made) * WORDS, _WORD)
        whole[: kept * WORDS] = inputs
        whole[kept * WORDS :] = self._out_words[: made * WORDS]
        whole[-WORDS] |= _STEP_END
        if self._raised:
            heap += self._texts(whole.view(ROW), kept)
        step = Step(first, kept, whole.view(ROW), heap)
        if made and self._sends:
            self.outbox.hold(step, self.state)
        return step

    def _run(self, inputs: np.ndarray, bodies: list[Body], first_seq: int) -> int:
        """Fold the inputs and decide: the compiled part, and what it needs from here. How many decisions there are."""
        at, signal = self._at, self._signal
        at[:] = 0
        at[_INPUTS], at[_FIRST_SEQ], at[_ALONE] = len(inputs), first_seq, self.minds is None
        rows = inputs.view()
        rows.flags.writeable = False
        said = _NOTHING
        while True:
            take_step(self.state, rows, said, self._out, *self._work, signal)
            why = signal[0]
            if why == DONE:
                return int(at[_MADE])
            if why == ASK_MINDS:
                said = self._ask(inputs, bodies, first_seq)
            elif why == ASK_STATEMENTS:
                said = diverged(self.state, inputs.view(ROW), first_seq)
            elif why == GROW_OUT:
                self._out = np.concatenate([self._out, np.zeros(len(self._out), RAW)])
                self._out_words = self._out.view(_WORD)
            else:
                self._attend(rows, self._work.cursor[0])

    def _attend(self, rows: np.ndarray, at: Any) -> None:
        """Do what the fold stopped for, at an input or at a decision."""
        signal = self._signal
        if at["phase"] != 0:
            assert signal[0] == GROW_DESK, signal
            self.state = attend(self.state, signal, self._out[at["folded"]])
            return
        at["stage"] = signal[3]
        self.state = attend(self.state, signal, rows[min(int(at["input"]), len(rows) - 1)])
        if signal[0] == INSTRUMENT_ROW:
            at["input"] += 1

    def _ask(self, inputs: np.ndarray, bodies: list[Body], first_seq: int) -> np.ndarray:
        """What the strategies want, as one array of rows."""
        if self.minds is None:
            return _NOTHING
        now = int(self._work.cursor[0]["now"])
        wakes = self.minds.wake(self.state, inputs.view(ROW), first_seq, now, bodies)
        self._raised.update({wake.strategy: wake.text for wake in wakes if wake.text})
        said = [np.ascontiguousarray(wake.rows).view(RAW) for wake in wakes if len(wake.rows)]
        return np.concatenate(said) if said else _NOTHING

    def _texts(self, rows: np.ndarray, inputs: int) -> list[Body]:
        """Bodies of the rows that say that a strategy raised."""
        found = np.flatnonzero((rows["kind"] == DISABLED.number) & (rows["price"] == Refusal.RAISED))
        texts = [(int(at), self._raised.get(int(rows[at]["venue_seq"]), "")) for at in found if at >= inputs]
        return [(at, msgspec.msgpack.encode(DisabledBody(text=text))) for at, text in texts if text]


def is_decision(rows: np.ndarray) -> np.ndarray:
    """Which rows of a journal are decisions: their kinds, and terms that stand behind one.

    Args:
        rows: ROW[n].
    """
    kinds = rows["kind"]
    known = _DECISIONS[np.minimum(kinds, len(_DECISIONS) - 1)]
    return np.asarray(known | ((kinds == TERMS.number) & (rows["ref"] != 0)))
