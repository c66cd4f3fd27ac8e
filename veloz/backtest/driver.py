"""Who hands a run to the compiled loop, and does what the loop stops for."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import numpy as np

from veloz.backtest.desk import NOTHING, Desk
from veloz.backtest.drive import (
    ATTEND,
    BODIED,
    CHOOSE,
    CURSOR,
    FULL,
    HEARING,
    HELP,
    LENGTHEN,
    THEN_MEET,
    WATCHED,
    Reel,
    Rig,
    drive,
    drive_rig,
    new_tape,
)  # fmt: skip
from veloz.backtest.making import lengthen
from veloz.backtest.port import Exchange
from veloz.backtest.runner import Hand, Run, Sink, Taken, Watcher
from veloz.backtest.setup import Plan, make_run
from veloz.contracts.layout import ROW, ROW_WORDS, WORD
from veloz.engine.step import Step
from veloz.history.dataset import Chunk
from veloz.reducers.host import attend
from veloz.reducers.words import RAW
from veloz.strategies.crew import COMPILED

TAPE_ROWS: Final = 1 << 16
_NO_WORDS: Final = np.zeros(0, WORD)
_FULL, _ATTEND, _HELP, _LENGTHEN = _HERE = tuple(int(why) for why in (FULL, ATTEND, HELP, LENGTHEN))
_BODIED, _WATCHED, _HEARING = int(BODIED), int(WATCHED), int(HEARING)


def make_driven_run(plan: Plan, sink: Sink, watchers: Iterable[Watcher] = ()) -> Run:
    """A run against the simulated exchange, its beginning taken, in the hands of the compiled loop. Arguments as of `setup.make_run`."""
    exchange = Exchange(plan)
    run = make_run(plan, exchange, sink, watchers)
    run.loop = Driver(run.desk, exchange)
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
        self._reel: tuple[Chunk, np.ndarray, object, Reel] | None = None
        self._said = _NO_WORDS

    def go(self, hand: Hand, events: int, watch_ns: int) -> Taken:
        """Take as many events as can be taken without the run.

        Args:
            hand: Where the run stands. Changed.
            events: No more than these.
            watch_ns: Stop behind the first step that ends at or after this moment.
        """
        desk, blocks, last = self._desk, [], None
        if hand.chunk is None or hand.at >= len(hand.chunk.ends) or not desk.state.desk[0]["open"]:
            return Taken(0, [], None, False)
        reel, at = self._begin(hand, hand.chunk), self._cursor[0]
        at["events"], at["watch_ns"] = events, watch_ns
        while (why := self._drive(reel)) in _HERE:
            if why == _FULL:
                blocks += self._unload(int(at["written" if at["phase"] == CHOOSE else "begin"]))
            elif why == _ATTEND:
                self._attend(reel)
            elif why == _HELP:
                self._help(reel)
            else:
                self._exchange.venue = lengthen(self._exchange.venue)
        if why == _BODIED:
            last = self._last()
        blocks += self._unload(int(at["written"]))
        self._end(hand)
        return Taken(events - int(at["events"]), blocks, last, why == _WATCHED)

    def _drive(self, reel: Reel) -> int:
        """Go on until the loop stops for anything but a strategy in Python."""
        engine, crew, venue, tape = self._desk.engine, self._desk.host.crew, self._exchange.venue, self._tape
        step: Callable[[], Any]
        if COMPILED:
            rig = Rig(
                engine.state.table, engine.work.table, crew.table, venue.table, reel.table, tape.table, self._said
            )
            step = partial(drive_rig, rig.address)
        else:
            step = partial(drive, engine.state, engine.work, crew, venue, reel, tape, self._said)
        hear = crew.voices.hear
        while (why := step()) == _HEARING:
            hear()
        return int(why)

    # --- begin and end ----------------------------------------------------------------------------------------------------

    def _begin(self, hand: Hand, chunk: Chunk) -> Reel:
        hits, market = self._desk.hits_in(chunk), hand.rows
        if self._reel is None or self._reel[0] is not chunk or self._reel[1] is not market or self._reel[2] is not hits:
            words, seen = chunk.rows.view(WORD).reshape(-1), market.view(WORD).reshape(-1)
            dense = int(chunk.seqs[-1] - chunk.seqs[0]) == len(chunk.seqs) - 1
            seqs = chunk.seqs[:1] if dense else chunk.seqs
            reel = Reel(self._cursor, words, seqs, chunk.ends, chunk.times, hits, seen)
            self._reel = (chunk, market, hits, reel)
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
        return self._reel[3]

    def _end(self, hand: Hand) -> None:
        desk, at = self._desk, self._cursor[0]
        hand.at, hand.row = int(at["at"]), int(at["row"])
        desk.seq, desk.data_seq = int(at["seq"]), int(at["data_seq"])
        desk.data_kind, desk.data_rows = int(at["data_kind"]), int(at["data_rows"])
        sent = int(at["sent"]) * ROW_WORDS
        hand.sent[:] = [self._tape.sent[:sent].copy().view(ROW)] if sent else []

    # --- what it stops for ------------------------------------------------------------------------------------------------

    def _attend(self, reel: Reel) -> None:
        """A fold of the recording needs room, or a moved window."""
        at, engine, signal = self._cursor[0], self._desk.engine, self._tape.signal
        at["stage"] = signal[3]
        row = reel.words.view(RAW)[min(int(at["lo"] + at["k"]), int(at["hi"]) - 1)]
        engine.state = attend(engine.state, signal, row)

    def _help(self, reel: Reel) -> None:
        """A step needs room, or a strategy is to be asked."""
        at, desk = self._cursor[0], self._desk
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
