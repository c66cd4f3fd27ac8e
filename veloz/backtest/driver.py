"""Who hands a run to the compiled loop, and does what the loop stops for."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import numpy as np

from veloz.backtest.apart import exchange_of
from veloz.backtest.desk import NOTHING, Desk
from veloz.backtest.drive import (
    APPLIED,
    ATTEND,
    BODIED,
    CHOOSE,
    CURSOR,
    FOLDED,
    FULL,
    HEARING,
    HELP,
    LENGTHEN,
    PLAIN,
    THEN_MEET,
    WATCHED,
    Reel,
    Rig,
    drive,
    drive_rig,
    new_tape,
)  # fmt: skip
from veloz.backtest.machine import BOOKED
from veloz.backtest.making import lengthen
from veloz.backtest.port import Exchange
from veloz.backtest.runner import Hand, Run, Sink, Taken, Watcher
from veloz.backtest.setup import Plan, make_run
from veloz.backtest.walk import NEVER
from veloz.contracts.layout import ROW, ROW_WORDS, WORD
from veloz.engine.step import Step
from veloz.history.dataset import Chunk
from veloz.reducers.host import attend
from veloz.reducers.words import RAW
from veloz.strategies.crew import COMPILED

TAPE_ROWS: Final = 1 << 16
CHUNKS_MOST: Final = 8  # of a recording that asks nobody, between two looks at whether to pause
_NO_WORDS: Final = np.zeros(0, WORD)
_FULL, _ATTEND, _HELP, _LENGTHEN, _FOLDED, _APPLIED, _PLAIN = (
    int(why) for why in (FULL, ATTEND, HELP, LENGTHEN, FOLDED, APPLIED, PLAIN)
)
_BODIED, _WATCHED, _HEARING = int(BODIED), int(WATCHED), int(HEARING)


def make_driven_run(plan: Plan, sink: Sink, watchers: Iterable[Watcher] = ()) -> Run:
    """A run against the simulated exchange, its beginning taken, in the hands of the compiled loop, which knows one exchange only.
    Arguments as of `setup.make_run`.
    """
    exchange = exchange_of(plan)
    run = make_run(plan, exchange, sink, watchers)
    run.loop = Driver(run.desk, exchange) if isinstance(exchange, Exchange) else None
    return run


class Driver:
    """The compiled loop of one run.

    Args:
        desk: The run's.
        exchange: The run's.
    """

    def __init__(self, desk: Desk, exchange: Exchange) -> None:
        self._desk, self._exchange = desk, exchange
        self._tape = new_tape(TAPE_ROWS)
        self._cursor = np.zeros(1, CURSOR)
        self._reel = Reel(self._cursor, *[_NO_WORDS] * 6)
        self._chunk: Chunk | None = None  # on the reel, as is the next
        self._market: np.ndarray | None = None
        self._said = _NO_WORDS
        self._chunks_left = 0
        self._rig: Rig | None = None  # of the newest call
        if COMPILED:
            self._rigged()  # tables of so many arrays take as long to make as a hundred steps

    def go(self, hand: Hand, events: int, watch_ns: int) -> Taken:
        """Take as many events as can be taken without the run.

        Args:
            hand: Where the run stands. Changed.
            events: No more than these.
            watch_ns: Stop behind the first step that ends at or after this moment.

        Raises:
            journal.ReadError: The recording cannot be read on. What was taken so far is lost: the run is over.
        """
        desk, blocks, last = self._desk, [], None
        if hand.take_chunk() is None or not desk.state.desk[0]["open"]:
            return Taken(0, [], None, False)
        at, self._chunks_left = self._begin(hand), CHUNKS_MOST
        at["events"], at["watch_ns"] = events, watch_ns
        while True:
            why = self._drive()
            if why == _FULL:
                blocks += self._unload(int(at["written" if at["phase"] == CHOOSE else "begin"]))
            elif not self._serve(why, hand):
                break
        if why == _BODIED:
            last = self._last()
        blocks += self._unload(int(at["written"]))
        self._end(hand)
        return Taken(events - int(at["events"]), blocks, last, why == _WATCHED)

    def _serve(self, why: int, hand: Hand) -> bool:
        """Do what the loop stopped for; False where that is the run's."""
        if why == _ATTEND:
            self._attend()
        elif why == _HELP:
            self._help()
        elif why == _LENGTHEN:
            self._exchange.venue = lengthen(self._exchange.venue)
        elif why == _PLAIN and self._tape.stop[0] == BOOKED:
            self._exchange.keep_books()
        elif why == _FOLDED:
            hand.at = int(self._cursor[0]["at"])
            self._chunks_left -= 1
            if self._chunks_left == 0 or hand.take_chunk() is None:
                return False
            self._cursor[0]["at"] = self._cursor[0]["due_ns"] = 0
            self._load(hand)
        elif why == _APPLIED:
            hand.row = int(self._cursor[0]["row"])
            self._cursor[0]["dry"] = not hand.take_rows(NEVER - 1)
            self._cursor[0]["row"] = hand.row
            self._load(hand)
        else:
            return False
        return True

    def _drive(self) -> int:
        """Go on until the loop stops for anything but a strategy in Python."""
        engine, crew = self._desk.engine, self._desk.host.crew
        step: Callable[[], Any]
        if COMPILED:
            step = partial(drive_rig, self._rigged().address)
        else:
            step = partial(
                drive, engine.state, engine.work, crew, self._exchange.venue, self._reel, self._tape, self._said
            )
        hear = crew.voices.hear
        while (why := step()) == _HEARING:
            hear()
        return int(why)

    def _rigged(self) -> Rig:
        """All that a call is given as it is now; what is as it was for the last one stays."""
        engine, crew = self._desk.engine, self._desk.host.crew
        parts = (engine.state, engine.work, crew, self._exchange.venue, self._reel, self._tape)
        arrays = (*(part.table for part in parts), self._said)
        if self._rig is None:
            self._rig = Rig(*arrays)
        else:
            pairs = zip(Rig._fields, arrays, self._rig, strict=True)
            changed = {name: array for name, array, before in pairs if array is not before}
            self._rig = self._rig._replace(**changed) if changed else self._rig
        return self._rig

    # --- begin and end ----------------------------------------------------------------------------------------------------

    def _begin(self, hand: Hand) -> Any:
        """The cursor, where the run stands."""
        desk, at, sent = self._desk, self._cursor[0], hand.sent
        self._cursor[:] = 0
        at["at"], at["row"] = hand.at, hand.row
        at["seq"], at["data_seq"], at["data_kind"], at["data_rows"] = (
            desk.seq,
            desk.data_seq,
            desk.data_kind,
            desk.data_rows,
        )
        at["sent"] = sum(map(len, sent))
        if sent:
            told = np.concatenate(sent).view(WORD)
            self._tape.sent[: len(told)] = told
        self._load(hand)
        return at

    def _load(self, hand: Hand) -> None:
        """Lay what is in hand onto the reel."""
        chunk, market = hand.chunk, hand.rows
        assert chunk is not None
        hits = self._desk.hits_in(chunk)
        changed = {}
        if self._chunk is not chunk:
            dense = int(chunk.seqs[-1] - chunk.seqs[0]) == len(chunk.seqs) - 1
            changed = {
                "words": chunk.rows.view(WORD).reshape(-1), "seqs": chunk.seqs[:1] if dense else chunk.seqs,
                "ends": chunk.ends, "times": chunk.times,
            }  # fmt: skip
        if self._reel.hits is not hits:
            changed["hits"] = hits
        if self._market is not market:
            changed["market"] = market.view(WORD).reshape(-1)
        if changed:
            self._reel = self._reel._replace(**changed)
        self._chunk, self._market = chunk, market

    def _end(self, hand: Hand) -> None:
        desk, at = self._desk, self._cursor[0]
        hand.at, hand.row = int(at["at"]), int(at["row"])
        desk.seq, desk.data_seq = int(at["seq"]), int(at["data_seq"])
        desk.data_kind, desk.data_rows = int(at["data_kind"]), int(at["data_rows"])
        sent = int(at["sent"]) * ROW_WORDS
        hand.sent[:] = [self._tape.sent[:sent].copy().view(ROW)] if sent else []

    # --- what it stops for ------------------------------------------------------------------------------------------------

    def _attend(self) -> None:
        """A fold of the recording needs room, or a moved window."""
        reel, at, engine, signal = self._reel, self._cursor[0], self._desk.engine, self._tape.signal
        at["stage"] = signal[3]
        row = reel.words.view(RAW)[min(int(at["lo"] + at["k"]), int(at["hi"]) - 1)]
        engine.state = attend(engine.state, signal, row)

    def _help(self) -> None:
        """A step needs room, or a strategy is to be asked."""
        reel, at, desk = self._reel, self._cursor[0], self._desk
        engine, begin = desk.engine, int(at["begin"]) * ROW_WORDS
        why = int(engine.work.signal[0])
        if at["then"] == THEN_MEET:
            lo, hi = int(at["lo"]) * ROW_WORDS, int(at["hi"]) * ROW_WORDS
            desk.sight.shown = reel.words[lo:hi].view(ROW)
        try:
            inputs = self._tape.words[begin : begin + int(at["inputs"]) * ROW_WORDS]
            self._said = engine.help(why, inputs, [], self._said)
        finally:
            desk.sight.shown = NOTHING
        at["bodied"] = bool(engine.raised)

    def _last(self) -> Step:
        """The step in hand, which is over, with its texts."""
        at, desk = self._cursor[0], self._desk
        begin, inputs = int(at["begin"]), int(at["inputs"])
        words = self._tape.words[begin * ROW_WORDS : (begin + inputs) * ROW_WORDS]
        step = desk.engine.end(bytearray(words.tobytes()), [])
        at["written"], at["seq"] = begin, step.last_seq
        return step

    def _unload(self, rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Take the rows of whole steps off the tape; what stands behind them moves to its front."""
        at, words = self._cursor[0], self._tape.words
        steps, written = int(at["steps"]), int(at["written"])
        taken = words[: rows * ROW_WORDS].copy().view(ROW)
        ends = self._tape.ends[:steps].copy()
        words[: (written - rows) * ROW_WORDS] = words[rows * ROW_WORDS : written * ROW_WORDS].copy()
        at["begin"] -= rows
        at["written"] -= rows
        at["steps"] = 0
        return [(taken, ends)] if steps else []
