"""The compiled loop of a run: events one after the other, as `runner.Run` takes them, without asking Python about any that is plain.

It does what `Run._next` does, in the same order, and what comes of it are the same rows. Where the host is needed (a table is to grow, a
strategy in Python is to be asked, rows run out, a ladder is to be moved) it stops, says why, and goes on from there; an event that it
cannot begin is left to the run as a whole.
"""

from typing import ClassVar, Final, NamedTuple

import numpy as np

from veloz.backtest.exchange import put_request, run, take_reports
from veloz.backtest.machine import ARRIVED, ENTRY, NEVER, REQUEST, RESPONSE, Venue
from veloz.backtest.machine import DONE as REACHED
from veloz.backtest.wires import report_due, room_of
from veloz.contracts import registry, terms
from veloz.contracts.ahead import prefetch
from veloz.contracts.bundle import Bundle, opener, opener_at, part_reader
from veloz.contracts.codes import StopLevel
from veloz.contracts.kernel import cold, entry, kernel
from veloz.contracts.layout import WORD
from veloz.engine.decide import HEAR_MIND, Work, carry_on
from veloz.engine.outbox import REQUEST_WORDS, confirm_rows
from veloz.reducers.bits import M_SIDE, S_SELL, S_SIDE, part
from veloz.reducers.fold import fold_rows
from veloz.reducers.state import State
from veloz.reducers.words import (
    DONE,
    F_STEP_END,
    FLAGS_SHIFT,
    FRESH,
    INSTRUMENT_SHIFT,
    KIND_MASK,
    ONE,
    RAW,
    VERSION_ONE,
    VERSION_SHIFT,
    ZERO,
    I,
)  # fmt: skip
from veloz.strategies.crew import LAST_NS, Crew, seat_of

SLACK: Final = I(8_192)  # rows that are free when an event begins; a step that needs more is helped by the host
CHOOSE, FOLDING, TAKING, CLOSING = I(0), I(1), I(2), I(3)  # phases of an event
THEN_NEXT, THEN_REPORT, THEN_FIRE, THEN_MEET = I(0), I(1), I(2), I(3)  # what follows when rows are folded
PLAIN, FULL, ATTEND, HELP, BODIED, LENGTHEN, SPENT, WATCHED, HEARING, FOLDED, APPLIED = (
    I(50 + n) for n in range(11)
)  # why it stopped
_SECOND_NS: Final = I(1_000_000_000)
_CANCEL_LEVEL: Final = I(StopLevel.CANCEL)
_STEP_END, _ROW_WORDS = F_STEP_END << FLAGS_SHIFT, I(8)
_VERSION: Final = VERSION_ONE << VERSION_SHIFT
_H_FOLDED, _H_TIMER = I(registry.DATA_FOLDED.number) | _VERSION, I(registry.TIMER.number) | _VERSION
_H_DISPATCHED: Final = I(registry.DISPATCHED.number) | _VERSION
_M_ACCOUNT, _M_SELL, _M_SIDE, _M_ACTION = (
    I(terms.shift_of(terms.META, name)) for name in ("account", "sell", "position_side", "action")
)
_WORDS: Final = I(REQUEST_WORDS)
_rows_in: Final = part_reader(RAW)

_CURSOR: Final = (
    "phase then at to lo hi k stage asked at_ns previous events"  # of the event in hand
    " row dry"  # the venue's next row; whether there are none behind those on the reel
    " seq data_seq data_kind data_rows watch_ns"  # as of `desk.Desk`
    " due_ns due_at"  # when pnl is told next, and the first step on the reel that is not before that; 0: not looked for
    " begin inputs written steps sent bodied"  # rows on the tape, and the step in hand there
)
CURSOR: Final = np.dtype([(name, "<i8") for name in _CURSOR.split()])


class _Reel(NamedTuple):
    cursor: np.ndarray  # CURSOR[1]
    words: np.ndarray  # i8: rows of the recording's chunk
    seqs: np.ndarray  # i8: their numbers; where none is left out, the first one alone
    ends: np.ndarray  # i8: of its steps
    times: np.ndarray  # i8: engine time after each
    hits: np.ndarray  # i8: steps with a row that wakes somebody
    market: np.ndarray  # i8: the venue's rows in hand


class Reel(Bundle, _Reel):
    """A piece of a recording that lies at hand."""

    DTYPES: ClassVar = {
        "cursor": CURSOR, **dict.fromkeys(("words", "seqs", "ends", "times", "hits", "market"), WORD),
    }  # fmt: skip


class _Tape(NamedTuple):
    words: np.ndarray  # i8: rows of the result, then of the step in hand
    ends: np.ndarray  # i8: where its steps end
    sent: np.ndarray  # i8: order.dispatched rows that the desk was not told yet
    reports: np.ndarray  # RAW: what arrives
    made: np.ndarray  # i8: words of requests
    request: np.ndarray  # REQUEST[1]
    signal: np.ndarray  # i8[4]: of folds
    stop: np.ndarray  # i8[1]: of the venue


class Tape(Bundle, _Tape):
    """What comes of a run, and scratch."""

    DTYPES: ClassVar = {
        **dict.fromkeys(("words", "ends", "sent"), WORD), "reports": RAW, "made": WORD, "request": REQUEST, "signal": WORD, "stop": WORD,
    }  # fmt: skip


def new_tape(rows: int) -> Tape:
    """A tape for so many rows."""
    words = rows * int(_ROW_WORDS)
    return Tape(
        np.zeros(words, np.int64), np.zeros(rows, np.int64), np.zeros(words // 8, np.int64), np.zeros(rows // 16, RAW),
        np.zeros(rows * REQUEST_WORDS, np.int64), np.zeros(1, REQUEST), np.zeros(4, np.int64), np.zeros(1, np.int64),
    )  # fmt: skip


# --- when ------------------------------------------------------------------------------------------------------------------


@kernel
def _first_at(times: np.ndarray, low: I, high: I, moment: I) -> I:
    """The first place from `low` on whose time is not below a moment; `high`, if there is none before it."""
    while low < high:
        middle = (low + high) >> ONE
        if times[middle] < moment:
            low = middle + ONE
        else:
            high = middle
    return low


@kernel
def _next_at(times: np.ndarray, begin: I, moment: I) -> I:
    """The same up to the end, where it is likely to lie near: in ever longer strides from `begin`."""
    low, high, stride, end = begin, begin, ONE, I(times.shape[0])
    while high < end and times[high] < moment:
        low = high + ONE
        high += stride
        stride += stride
    return _first_at(times, low, min(high, end), moment)


@kernel
def next_due(crew: Crew) -> I:
    """When the next timer comes; LAST_NS: none runs."""
    due = LAST_NS
    for place in range(crew.members.shape[0]):
        seat = seat_of(crew, crew.members[place])
        for timer in range(seat.dues.shape[0]):
            if seat.dues[timer] > ZERO:
                due = min(due, I(seat.dues[timer]))
    return due


@kernel
def _is_restless(state: State) -> bool:
    """As `desk.Desk._is_restless`."""
    desk = state.desk[0]
    if desk["breakers_set"] != ZERO or desk["dirty"] != ZERO:
        return True
    restless = False
    for place in range(desk["scopes_used"]):
        restless = restless or state.scopes[place]["level"] >= _CANCEL_LEVEL
    return bool(restless)


@kernel
def _holds(state: State) -> bool:
    desk = state.desk[0]
    if desk["orders_open"] != ZERO or desk["positions_open"] != ZERO:
        return True
    holds = False
    for place in range(desk["positions_used"]):
        holds = holds or state.positions[place]["qty"] != ZERO
    return bool(holds)


@kernel
def _next_asked(state: State, reel: Reel, at: I) -> I:
    """As `desk.Desk.next_asked`."""
    if _is_restless(state):
        return at
    end = I(reel.ends.shape[0])
    if _holds(state):
        cursor, due_ns = reel.cursor[0], (state.desk[0]["pnl_second"] + ONE) * _SECOND_NS
        if cursor["due_ns"] != due_ns:
            cursor["due_ns"] = due_ns
            cursor["due_at"] = _next_at(reel.times, at, due_ns)
        end = max(at, I(cursor["due_at"]))
    hit = _first_at(reel.hits, ZERO, I(reel.hits.shape[0]), at)
    return min(end, I(reel.hits[hit])) if hit < reel.hits.shape[0] else end


@kernel
def _advance(venue: Venue, reel: Reel, tape: Tape, limit: I) -> I:
    """Let the venue go to a moment, or to what arrives before: DONE. APPLIED: first it needs more rows; PLAIN: it needs the run."""
    cursor, size = reel.cursor[0], I(reel.market.shape[0] // _ROW_WORDS)
    last = reel.market[(size - ONE) * _ROW_WORDS + I(2)] if size > ZERO else -ONE
    short = bool(cursor["dry"] == ZERO and last <= limit)
    if size > ZERO or not short:
        rows = _rows_in(reel.market, ZERO, size)
        cursor["row"] = run(venue, rows, I(cursor["row"]), min(limit, last) if short else limit, tape.stop)
        if tape.stop[0] != REACHED and tape.stop[0] != ARRIVED:
            return PLAIN
    return APPLIED if short and report_due(venue) > last else DONE


@kernel
def _choose(state: State, crew: Crew, venue: Venue, reel: Reel, tape: Tape) -> I:
    """Find the next event, and let the venue go there; DONE, APPLIED, or PLAIN: it is the run's."""
    cursor = reel.cursor[0]
    at, now = I(cursor["at"]), I(state.clock[0]["now_ns"])
    due = next_due(crew)
    timer = max(due, now) if due != LAST_NS else NEVER
    asked = at if cursor["sent"] != ZERO else _next_asked(state, reel, at)
    target = min(asked, reel.ends.shape[0] - ONE)
    moment = I(reel.times[target])
    fires = timer < moment
    limit = timer if fires else moment - ONE
    stopped = _advance(venue, reel, tape, limit)
    if stopped != DONE:
        return stopped
    arrival = report_due(venue)
    cursor["asked"] = asked
    if arrival <= limit:
        cursor["at_ns"] = arrival
        cursor["then"] = THEN_REPORT
        _fold_next(reel, _next_at(reel.times, at, arrival + ONE))
    elif fires:
        cursor["at_ns"] = timer
        cursor["then"] = THEN_FIRE
        _fold_next(reel, _next_at(reel.times, at, timer + ONE))
    elif asked != at:
        cursor["then"] = THEN_NEXT
        _fold_next(reel, target if asked == target else target + ONE)
    else:
        cursor["then"] = THEN_MEET
        cursor["previous"] = cursor["data_seq"]
        _fold_next(reel, at + ONE)
        reel.words[(cursor["hi"] - ONE) * _ROW_WORDS] &= ~_STEP_END
    cursor["phase"] = FOLDING
    return DONE


@kernel
def _fold_next(reel: Reel, to: I) -> None:
    """Say that the recording's steps up to one are to be folded."""
    cursor = reel.cursor[0]
    cursor["to"] = to
    cursor["lo"] = reel.ends[cursor["at"] - ONE] if cursor["at"] > ZERO else ZERO
    cursor["hi"] = reel.ends[to - ONE] if to > ZERO else ZERO
    cursor["k"] = ZERO
    cursor["stage"] = FRESH
    prefetch(reel.seqs, cursor["hi"] - ONE)


@kernel
def _fold_some(state: State, reel: Reel, tape: Tape) -> bool:
    """Go on with folding; False where the host is needed."""
    cursor = reel.cursor[0]
    lo, hi = I(cursor["lo"]), I(cursor["hi"])
    if hi > lo:
        rows = _rows_in(reel.words, lo, hi - lo)
        first_seq = cursor["seq"] + ONE - (hi - lo)
        cursor["k"] = fold_rows(state, rows, I(cursor["k"]), I(cursor["stage"]), tape.signal, first_seq)
        if tape.signal[0] != DONE:
            return False
        cursor["data_rows"] += hi - lo
        cursor["data_seq"] = reel.seqs[0] + hi - ONE if reel.seqs.shape[0] == ONE else reel.seqs[hi - ONE]
        cursor["data_kind"] = reel.words[(hi - ONE) * _ROW_WORDS] & KIND_MASK
        cursor["at"] = cursor["to"]
    return True


# --- a step of the result --------------------------------------------------------------------------------------------------


@kernel
def _put(tape: Tape, cursor: np.void, head: I, ts: I, one: I, two: I, three: I, four: I, five: I) -> None:
    """One row behind those written."""
    at = cursor["written"] * _ROW_WORDS
    tape.words[at] = head
    tape.words[at + I(1)] = ts
    tape.words[at + I(2)] = ZERO
    tape.words[at + I(3)] = one
    tape.words[at + I(4)] = two
    tape.words[at + I(5)] = three
    tape.words[at + I(6)] = four
    tape.words[at + I(7)] = five
    cursor["written"] += ONE


@kernel
def _begin_step(state: State, reel: Reel, tape: Tape, previous: I, now: I) -> None:
    """The row that says how far the recording was folded, and what was sent meanwhile."""
    cursor = reel.cursor[0]
    cursor["begin"] = cursor["written"]
    _put(tape, cursor, _H_FOLDED, now, I(cursor["data_seq"]), I(cursor["data_kind"]), previous, ZERO, ZERO)
    at = cursor["written"] * _ROW_WORDS
    for word in range(cursor["sent"] * _ROW_WORDS):
        tape.words[at + word] = tape.sent[word]
    cursor["written"] += cursor["sent"]
    cursor["sent"] = ZERO


@kernel
def _copy_row(row: np.void, words: np.ndarray, place: I) -> None:
    at = place * _ROW_WORDS
    words[at] = row["head"]
    words[at + I(1)] = row["ts_recv"]
    words[at + I(2)] = row["ts_event"]
    words[at + I(3)] = row["venue_seq"]
    words[at + I(4)] = row["price"]
    words[at + I(5)] = row["qty"]
    words[at + I(6)] = row["ref"]
    words[at + I(7)] = row["aux"]


@kernel
def _put_reports(venue: Venue, tape: Tape, cursor: np.void) -> None:
    """What arrives from the venue at one moment."""
    while True:
        n = take_reports(venue, I(cursor["at_ns"]), tape.reports)
        for place in range(n):
            _copy_row(tape.reports[place], tape.words, cursor["written"] + place)
        cursor["written"] += n
        if n < tape.reports.shape[0]:
            return


@kernel
def _put_timers(crew: Crew, tape: Tape, cursor: np.void) -> None:
    """The timers that have come: by due time, then strategy, then timer."""
    at_ns, last_due, last_place, last_timer = I(cursor["at_ns"]), ZERO, ZERO, -ONE
    while True:
        due, found, number = LAST_NS, -ONE, ZERO
        for place in range(crew.members.shape[0]):
            seat = seat_of(crew, crew.members[place])
            for timer in range(seat.dues.shape[0]):
                each = I(seat.dues[timer])
                later = each > last_due or (
                    each == last_due and (place > last_place or (place == last_place and timer > last_timer))
                )
                if ZERO < each <= at_ns and later and each < due:
                    due, found, number = each, I(place), I(timer)
        if found < ZERO:
            return
        _put(tape, cursor, _H_TIMER, at_ns, I(crew.members[found]["number"]), number, due, ZERO, ZERO)
        last_due, last_place, last_timer = due, found, number


@kernel
def _open_step(state: State, crew: Crew, venue: Venue, reel: Reel, tape: Tape, work: Work) -> None:
    """The inputs of the step that an event makes."""
    cursor = reel.cursor[0]
    if cursor["then"] == THEN_MEET:
        _begin_step(state, reel, tape, I(cursor["previous"]), I(state.clock[0]["now_ns"]))
    else:
        _begin_step(state, reel, tape, I(cursor["data_seq"]), I(cursor["at_ns"]))
        if cursor["then"] == THEN_REPORT:
            _put_reports(venue, tape, cursor)
        else:
            _put_timers(crew, tape, cursor)
    cursor["inputs"] = cursor["written"] - cursor["begin"]
    work.cursor[0] = work.blank[0]
    at = work.cursor[0]
    at["inputs"] = cursor["inputs"]
    at["first_seq"] = cursor["seq"] + ONE
    cursor["phase"] = TAKING


@kernel
def _take(state: State, crew: Crew, reel: Reel, tape: Tape, work: Work, said: np.ndarray) -> I:
    """Go on with the step in hand."""
    cursor = reel.cursor[0]
    shown = cursor["then"] == THEN_MEET
    lo = I(cursor["lo"]) if shown else ZERO
    rows = _rows_in(reel.words, lo, I(cursor["hi"]) - lo if shown else ZERO)
    return I(carry_on(state, rows, tape.words, I(cursor["begin"]), I(cursor["inputs"]), said, work, crew))


@kernel
def _close(state: State, venue: Venue, reel: Reel, tape: Tape, work: Work) -> I:
    """The step is over: its rows stand behind the others, its requests leave. DONE, or what the host has to do first."""
    cursor, made = reel.cursor[0], I(work.cursor[0]["made"])
    if cursor["then"] == THEN_MEET and made == ZERO and cursor["inputs"] == ONE:
        cursor["written"] = cursor["begin"]
        state.clock[0]["seq"] = cursor["seq"]
        cursor["phase"] = CHOOSE
        return DONE
    if cursor["bodied"] != ZERO:
        return BODIED
    written = I(cursor["begin"] + cursor["inputs"])
    if (written + made + SLACK) * _ROW_WORDS > tape.words.shape[0]:
        return FULL
    for place in range(made):
        _copy_row(work.out[place], tape.words, written + place)
    n = (
        I(
            confirm_rows(
                state,
                _rows_in(tape.words, I(cursor["begin"]), cursor["inputs"] + made),
                I(cursor["inputs"]),
                cursor["seq"] + ONE,
                tape.made,
            )
        )
        if made > ZERO
        else ZERO
    )
    if n < ZERO:
        return BODIED
    if n > min(room_of(venue.wires[ENTRY], venue.requests), room_of(venue.wires[RESPONSE], venue.reports)):
        return LENGTHEN
    if n * _ROW_WORDS > tape.sent.shape[0]:
        return BODIED
    now = I(state.clock[0]["now_ns"])
    for each in range(n):
        _send(venue, tape, cursor, each * _WORDS, now)
    cursor["written"] = written + made
    tape.ends[cursor["steps"]] = cursor["written"]
    cursor["steps"] += ONE
    cursor["seq"] += cursor["inputs"] + made
    cursor["phase"] = CHOOSE
    return DONE


@kernel
def _send(venue: Venue, tape: Tape, cursor: np.void, at: I, now: I) -> None:
    """Put one request on the venue's wire, and note that it was sent."""
    words, request = tape.made, tape.request[0]
    seq, action, key, spec = words[at], words[at + I(1)], words[at + I(4)], words[at + I(9)]
    request["seq"] = seq
    request["action"] = action
    request["instrument"] = words[at + I(2)]
    request["account"] = words[at + I(3)]
    request["key"] = key
    request["price"] = words[at + I(7)]
    request["qty"] = words[at + I(8)]
    request["spec"] = spec
    request["trigger"] = words[at + I(10)]
    request["activation"] = words[at + I(11)]
    request["callback_ppm"] = words[at + I(12)]
    request["expire_ns"] = words[at + I(13)]
    put_request(venue, request, now)
    meta = (
        (request["account"] << _M_ACCOUNT) | (part(spec, S_SELL, ONE) << _M_SELL) | (part(spec, S_SIDE, M_SIDE) << _M_SIDE)
        | (action << _M_ACTION)
    )  # fmt: skip
    to = cursor["sent"] * _ROW_WORDS
    tape.sent[to] = _H_DISPATCHED | (request["instrument"] << INSTRUMENT_SHIFT)
    tape.sent[to + I(1)] = now
    tape.sent[to + I(2)] = ZERO
    tape.sent[to + I(3)] = key
    tape.sent[to + I(4)] = action
    tape.sent[to + I(5)] = now
    tape.sent[to + I(6)] = seq
    tape.sent[to + I(7)] = meta
    cursor["sent"] += ONE


@cold
def drive(state: State, work: Work, crew: Crew, venue: Venue, reel: Reel, tape: Tape, said: np.ndarray) -> I:
    """Go on with a run, event after event.

    Args:
        state, work, crew: Of the engine. Trading is open.
        venue: The exchange.
        reel: The recording; `cursor` says where everything stands.
        tape: What comes of it.
        said: i8[8 · m], as `decide.take_step` has it.

    Returns:
        PLAIN: the next event is the run's; FULL: the tape is; ATTEND: what a fold stopped for (`tape.signal`, at row `lo + k`);
        HELP: what a step stopped for (`work.signal`); HEARING: a strategy of the crew is to be asked (`Voices.hear`);
        FOLDED: the reel is; APPLIED: its rows for the venue are;
        BODIED: the step in hand is over and the run's to end; LENGTHEN: the wire to the exchange; SPENT: as many events as were
        given are over; WATCHED: a step has reached `watch_ns`.
    """
    cursor = reel.cursor[0]
    while True:
        if cursor["phase"] == CHOOSE:
            if cursor["at"] >= reel.ends.shape[0]:
                return FOLDED
            if cursor["events"] <= ZERO:
                return SPENT
            if (cursor["written"] + SLACK) * _ROW_WORDS > tape.words.shape[0]:
                return FULL
            cursor["events"] -= ONE
            chosen = _choose(state, crew, venue, reel, tape)
            if chosen != DONE:
                cursor["events"] += ONE
                return chosen
        if cursor["phase"] == FOLDING:
            if not _fold_some(state, reel, tape):
                return ATTEND
            if cursor["then"] == THEN_NEXT:
                cursor["phase"] = CHOOSE
                continue
            _open_step(state, crew, venue, reel, tape, work)
        if cursor["phase"] == TAKING:
            why = _take(state, crew, reel, tape, work, said)
            if why != DONE:
                return HEARING if why == HEAR_MIND else HELP
            cursor["phase"] = CLOSING
        steps = I(cursor["steps"])
        stopped = _close(state, venue, reel, tape, work)
        if stopped != DONE:
            return stopped
        if cursor["steps"] > steps and state.clock[0]["now_ns"] >= cursor["watch_ns"]:
            return WATCHED


class _Rig(NamedTuple):
    state: np.ndarray  # i8, as all of these: the table of the bundle
    work: np.ndarray
    crew: np.ndarray
    venue: np.ndarray
    reel: np.ndarray
    tape: np.ndarray
    said: np.ndarray  # i8: as `drive` has it


class Rig(Bundle, _Rig):
    """All that `drive` is given, as one word."""

    DTYPES: ClassVar = dict.fromkeys(_Rig._fields, WORD)


_rig_at = opener_at(Rig)
_state_in, _work_in, _crew_in, _venue_in, _reel_in, _tape_in = (
    opener(each) for each in (State, Work, Crew, Venue, Reel, Tape)
)


@entry
def drive_rig(address: int) -> I:
    """What `drive` does, with what a rig has. Compiled only: a bundle that is a tuple has no table.

    Args:
        address: Of a `Rig`.
    """
    rig = _rig_at(address)
    return drive(
        _state_in(rig.state),
        _work_in(rig.work),
        _crew_in(rig.crew),
        _venue_in(rig.venue),
        _reel_in(rig.reel),
        _tape_in(rig.tape),
        rig.said,
    )
