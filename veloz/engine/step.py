"""The step: inputs in, the same inputs and what was decided about them out, as they are to be journaled.

The engine owns a state and the strategies beside it. Nothing it does depends on anything but the rows it was given: the same steps give
the same decisions, live and in a replay, and the state after a step is the state after a plain fold of its rows.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import numpy as np

from veloz.contracts.codes import Refusal
from veloz.contracts.layout import ROW, ROW_BYTES, WORD, words_of
from veloz.contracts.registry import DECISIONS, DISABLED, TERMS
from veloz.contracts.strategy import DisabledBody
from veloz.engine.decide import ASK_MINDS, ASK_STATEMENTS, GROW_OUT, HEAR_MIND, new_work, take_step
from veloz.engine.differences import diverged
from veloz.engine.making import CURSOR
from veloz.engine.outbox import Outbox
from veloz.reducers.host import attend
from veloz.reducers.state import State
from veloz.reducers.words import DONE, GROW_DESK, INSTRUMENT_ROW, RAW
from veloz.strategies.crew import Crew, no_crew

Body = tuple[int, bytes]
OUT_FIRST: Final = 256  # decisions there is room for at first
_NOTHING: Final = np.zeros(0, WORD)
_NOBODY: Final = no_crew()
_DONE, _GROW_OUT, _ASK_MINDS, _ASK_STATEMENTS, _HEAR_MIND = (
    int(why) for why in (DONE, GROW_OUT, ASK_MINDS, ASK_STATEMENTS, HEAR_MIND)
)
_INPUTS, _FIRST_SEQ, _ALONE, _MADE, _NOW = (
    (CURSOR.names or ()).index(name) for name in ("inputs", "first_seq", "alone", "made", "now")
)
_AT_REST: Final = memoryview(np.zeros(1, CURSOR).view(WORD))  # type: ignore[arg-type]
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
    """Strategies as the engine sees them: `strategies.host.Host`.

    Where they have a `crew`, it is tried first: `wake` is called for what it leaves.
    """

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
        self.raised: dict[int, str] = {}  # by strategy, in the step under way
        self.work = new_work(OUT_FIRST)
        self._out_bytes = _bytes_of(self.work.out)
        self._at = memoryview(self.work.cursor.view(WORD))  # type: ignore[arg-type]

    def take(
        self,
        rows: np.ndarray,
        bodies: Iterable[Body] = (),
        first_seq: int | None = None,
        shown: np.ndarray = _NOTHING,
    ) -> Step:
        """Take one step.

        Args:
            rows: ROW[n], n >= 1: what arrived together, no decisions among it. Not changed; STEP_END flags in it mean nothing.
            bodies: (index in rows, bytes), ascending.
            first_seq: Sequence number of `rows[0]`; None: one above the last row taken.
            shown: i8[8 · m], the words of rows of another journal that were folded before: a crew wakes on them as on those of the step.

        Returns:
            The step. Its requests lie in `outbox` until it is durable.
        """
        kept, heap = len(rows), list(bodies)
        whole = bytearray(rows.tobytes())
        words, said = np.frombuffer(whole, WORD), _NOTHING
        self.raised.clear()
        at = self._at
        at[:] = _AT_REST
        at[_INPUTS], at[_FIRST_SEQ], at[_ALONE] = kept, first_seq or 0, self.minds is None
        crew: Crew = getattr(self.minds, "crew", _NOBODY)
        while (why := int(take_step(self.state, shown, words, said, self.work, crew))) != _DONE:
            if why == _HEAR_MIND:
                crew.voices.hear()
            else:
                said = self.help(why, words, heap, said)
        return self.end(whole, heap)

    def end(self, whole: bytearray, bodies: list[Body]) -> Step:
        """The step under way, in which nothing is left to do.

        Args:
            whole: Its inputs.
            bodies: Of them.
        """
        at = self._at
        made, first, kept = at[_MADE], at[_FIRST_SEQ], at[_INPUTS]
        if made:
            whole = whole + self._out_bytes[: made * ROW_BYTES]
        made_rows = np.frombuffer(whole, ROW)
        if self.raised:
            bodies = bodies + self._texts(made_rows, kept)
            self.raised.clear()
        step = Step(first, kept, made_rows, bodies)
        if made and self._sends:
            self.outbox.hold(step, self.state)
        return step

    def help(self, why: int, words: np.ndarray, bodies: list[Body], said: np.ndarray) -> np.ndarray:
        """Do what the compiled part stopped for, in the step under way; what is said now: the words of the rows that it asked for last.

        Args:
            why: What `take_step` gave.
            words: i8[8 · n], the inputs.
            bodies: Of them.
            said: What was said before.
        """
        rows, first_seq = np.frombuffer(words, ROW), self._at[_FIRST_SEQ]
        if why == _ASK_MINDS:
            return self._ask(rows, bodies, first_seq)
        if why == _ASK_STATEMENTS:
            return words_of(diverged(self.state, rows, first_seq))
        if why == _GROW_OUT:
            out = self.work.out
            self.work = self.work._replace(out=np.concatenate([out, np.zeros(len(out), RAW)]))
            self._out_bytes = _bytes_of(self.work.out)
        else:
            self._attend(words.view(RAW), self.work.cursor[0])
        return said

    def _attend(self, rows: np.ndarray, at: Any) -> None:
        """Do what the fold stopped for, at an input or at a decision."""
        signal = self.work.signal
        if at["phase"] != 0:
            assert signal[0] == GROW_DESK, signal
            self.state = attend(self.state, signal, self.work.out[at["folded"]])
            return
        at["stage"] = signal[3]
        self.state = attend(self.state, signal, rows[min(int(at["input"]), len(rows) - 1)])
        if signal[0] == INSTRUMENT_ROW:
            at["input"] += 1

    def _ask(self, rows: np.ndarray, bodies: list[Body], first_seq: int) -> np.ndarray:
        """What the strategies want: the words of rows."""
        assert self.minds is not None
        wakes = self.minds.wake(self.state, rows, first_seq, self._at[_NOW], bodies)
        self.raised.update({wake.strategy: wake.text for wake in wakes if wake.text})
        return words_of(*(wake.rows for wake in wakes))

    def _texts(self, rows: np.ndarray, inputs: int) -> list[Body]:
        """Bodies of the rows that say that a strategy raised."""
        found = np.flatnonzero((rows["kind"] == DISABLED.number) & (rows["price"] == Refusal.RAISED))
        texts = [(int(at), self.raised.get(int(rows[at]["venue_seq"]), "")) for at in found if at >= inputs]
        return [(at, msgspec.msgpack.encode(DisabledBody(text=text))) for at, text in texts if text]


def _bytes_of(rows: np.ndarray) -> memoryview:
    return memoryview(rows.view(np.uint8))  # type: ignore[arg-type]


def is_decision(rows: np.ndarray) -> np.ndarray:
    """Which rows of a journal are decisions: their kinds, and terms that stand behind one.

    Args:
        rows: ROW[n].
    """
    kinds = rows["kind"]
    known = _DECISIONS[np.minimum(kinds, len(_DECISIONS) - 1)]
    return np.asarray(known | ((kinds == TERMS.number) & (rows["ref"] != 0)))
