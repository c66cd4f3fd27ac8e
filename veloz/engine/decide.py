"""What is decided at the end of a step, in its order, each decision folded the moment it is made.

    facts       what the inputs did that needs saying: instruments frozen, fills that are not what was approved, and open orders where
                a level of CANCEL or FLATTEN holds
    statements  of venues: what differs from our state
    commands    of people and agents, by sequence number
    breakers
    levels      positions that are to be closed, orders that are to be canceled, still: where a level of FLATTEN or CANCEL holds
    strategies  their intents, by strategy number: resolved, planned, drafted, judged
    pnl         once an engine second while something is open

A draft is judged as soon as it is folded, its verdict folded before anything else is drafted: two drafts cannot spend the same margin.
The work stops where the host is needed (a table is to grow, strategies are to be asked) and goes on from there; what comes out is the
same wherever it stopped.
"""

from typing import ClassVar, Final, NamedTuple

import numpy as np

from veloz.contracts import registry
from veloz.contracts.bundle import Bundle, part_reader, reader
from veloz.contracts.codes import Refusal
from veloz.contracts.kernel import cold, entry, kernel
from veloz.contracts.layout import ROW_WORDS, WORD
from veloz.contracts.terms import ScopeKind
from veloz.engine.facts import fact_turn
from veloz.engine.intents import copy_turn, intent_turn
from veloz.engine.making import (
    A_AMEND,
    CURSOR,
    K_AMEND,
    K_APPROVED,
    K_DISABLED,
    K_DRAFTED,
    K_REQUESTED,
    K_TERMS,
    TURN_ROWS,
    made_at,
    make,
    make_findings,
    make_refusal,
    refuse,
)  # fmt: skip
from veloz.engine.manual import order_turn, other_turn
from veloz.engine.sweep import K_STOPPED, begin_standing, begin_sweep, sweep_turn
from veloz.engine.telling import is_pnl_due, pnl_turn
from veloz.execution.planner import PLAN
from veloz.reducers.bits import (
    M_ACTION,
    NOT_TRADING,
    ROOM_OF,
    S_ACTION,
    S_MORE,
    SCOPE_KIND_MASK,
    SCOPE_NUMBER,
    part,
)  # fmt: skip
from veloz.reducers.finding import find_order
from veloz.reducers.fold import fold_rows
from veloz.reducers.order_table import is_over
from veloz.reducers.state import State
from veloz.reducers.trading import UNSETTLES, end_step, fold_trading, must_settle, note_settled, settle_due
from veloz.reducers.words import (
    DONE,
    F_STEP_END,
    FLAGS_SHIFT,
    INSTRUMENT_SHIFT,
    K_MARKET_LAST,
    KIND_MASK,
    KINDS_MAX,
    ONE,
    RAW,
    WORD_MASK,
    ZERO,
    I,
)  # fmt: skip
from veloz.risk.breaker import decide_breakers
from veloz.risk.commands import FINDING_WORDS, FINDINGS_ROOM
from veloz.risk.gate import VERDICT_WORDS, judge
from veloz.strategies.crew import HEAR, Crew, wake_crew

(
    FOLDING, FACTS, STATEMENTS, DIFFERENCES, COMMANDS, BREAKERS, LEVELS, MINDS, INTENTS, PNL, CLOSING, CLOSED,
) = (I(n) for n in range(12))  # fmt: skip
GROW_OUT, ASK_MINDS, ASK_STATEMENTS, HEAR_MIND = (
    I(20),
    I(21),
    I(22),
    I(23),
)  # why the work stopped, beside the fold's own reasons
_UNTRADABLE, _DUPLICATE = I(Refusal.UNTRADABLE), I(Refusal.DUPLICATE)
_REPEATED, _BY_STRATEGY = I(Refusal.REPEATED), I(ScopeKind.STRATEGY)
_ORDER_OVER, _NO_SLOT = I(Refusal.ORDER_OVER), I(Refusal.NO_SLOT)
K_COMMAND_ORDER, K_COMMAND_LAST = I(registry.COMMAND_ORDER.number), I(registry.COMMAND_SETTLE.number)
CALM: Final = np.zeros(128, np.int64)  # kinds of rows that only strategies may want something for
CALM[1 : int(K_MARKET_LAST) + 1] = 1
CALM[[registry.TIMER.number, registry.DATA_FOLDED.number]] = 1
_STEP_END, _ROW_WORDS = F_STEP_END << FLAGS_SHIFT, I(ROW_WORDS)
_rows_in: Final = reader(RAW)
_part_in: Final = part_reader(RAW)


class _Work(NamedTuple):
    cursor: np.ndarray  # making.CURSOR[1]
    plan: np.ndarray  # planner.PLAN[1]
    verdict: np.ndarray  # i8[VERDICT_WORDS]
    findings: np.ndarray  # i8[FINDINGS_ROOM, FINDING_WORDS]
    signal: np.ndarray  # i8[4]
    out: np.ndarray  # RAW: the decisions
    blank: np.ndarray  # making.CURSOR[1]: the cursor of a step that did not begin


class Work(Bundle, _Work):
    """Where the work stands, scratch, and what came of it."""

    DTYPES: ClassVar = {
        "cursor": CURSOR,
        "plan": PLAN,
        "verdict": WORD,
        "findings": WORD,
        "signal": WORD,
        "out": RAW,
        "blank": CURSOR,
    }
    DIMENSIONS: ClassVar = {"findings": 2}


def new_work(decisions: int) -> Work:
    """For one engine, used at every step; with room for so many decisions."""
    return Work(
        np.zeros(1, CURSOR),
        np.zeros(1, PLAN),
        np.zeros(VERDICT_WORDS, np.int64),
        np.zeros((FINDINGS_ROOM, FINDING_WORDS), np.int64),
        np.zeros(4, np.int64),
        np.zeros(decisions, RAW),
        np.zeros(1, CURSOR),
    )


@entry
def take_step(state: State, shown: np.ndarray, words: np.ndarray, said: np.ndarray, work: Work, crew: Crew) -> I:
    """Go on with a step: fold its inputs, then decide.

    Args:
        state: State. Changed.
        shown: i8[8 · m], the words of rows of another journal that came with them and were folded before: strategies wake on them, too.
        words: i8[8 · n], the words of the inputs. Flags STEP_END in them are taken away, and the last one gets it where nothing is decided.
        said: i8[8 · m], the words of the rows that the host answered when it was asked last.
        work: `cursor` is all zeros but `inputs`, `first_seq` (0: one above the last row) and `alone` at the beginning of a step;
            decisions are in `out`, as many as `cursor.made` says.
        crew: The strategies that are woken without asking the host, where that is plain.

    Returns:
        As `work.signal[0]`. DONE when the step is over; a reason of the fold (`stage` and `input`, or `folded`, say at which row);
        GROW_OUT: fewer than `TURN_ROWS` places are free; ASK_MINDS, ASK_STATEMENTS: what strategies want, what statements differ in;
        HEAR_MIND: what a strategy of the crew wants (`Voices.hear`).
    """
    return I(carry_on(state, _rows_in(shown), words, ZERO, I(words.shape[0] // _ROW_WORDS), said, work, crew))


@cold
def carry_on(
    state: State, shown: np.ndarray, words: np.ndarray, begin: I, n: I, said: np.ndarray, work: Work, crew: Crew
) -> I:
    """What `take_step` does, with `n` inputs that lie in `words` from row `begin` on, and rows (RAW[m]) in `shown`."""
    rows, signal = _part_in(words, begin, n), work.signal
    at = work.cursor[0]
    signal[0] = DONE
    if at["phase"] == FOLDING:
        if at["first_seq"] == ZERO:
            at["first_seq"] = state.clock[0]["seq"] + ONE
        for k in range(begin, begin + n):
            words[k * _ROW_WORDS] &= ~_STEP_END
        at["input"] = fold_rows(state, rows, I(at["input"]), I(at["stage"]), signal, I(at["first_seq"]))
        if signal[0] != DONE:
            return I(signal[0])
        _begin(state, rows, at)
    while at["said"] == HEAR or _decide(state, rows, _rows_in(said), work, crew):
        at["said"] = wake_crew(state, shown, rows, I(at["first_seq"]), I(at["now"]), crew)
        if at["said"] < ZERO:
            signal[0] = HEAR_MIND if at["said"] == HEAR else ASK_MINDS
            break
    if signal[0] == DONE:
        state.clock[0]["seq"] = at["first_seq"] + at["inputs"] + at["made"] - ONE
        if at["made"] == ZERO and n > ZERO:
            words[(begin + n - ONE) * _ROW_WORDS] |= _STEP_END
    return I(signal[0])


@kernel
def _decide(state: State, rows: np.ndarray, said: np.ndarray, work: Work, crew: Crew) -> bool:
    """Turn after turn, until the step is closed or the host is needed; True where strategies are to be woken."""
    at, out, signal = work.cursor[0], work.out, work.signal
    while at["phase"] != CLOSED:
        if at["folded"] < at["made"]:
            _fold_made(state, out, at, work.verdict, signal)
            if signal[0] != DONE:
                return False
        elif at["made"] + TURN_ROWS > out.shape[0]:
            signal[0] = GROW_OUT
            return False
        elif not _sweep(state, at, out):
            if at["phase"] == STATEMENTS:
                at["phase"] += ONE
                if at["statements"] != ZERO:
                    signal[0] = ASK_STATEMENTS
                    return False
            elif at["phase"] == MINDS:
                at["phase"] += ONE
                if at["alone"] == ZERO:
                    return True
            elif at["phase"] == INTENTS and at["said"] == ZERO:
                at["phase"] = PNL if is_pnl_due(state, at) else CLOSING
            elif at["phase"] == INTENTS and at["said"] > ZERO:
                _turn(state, rows, _part_in(crew.said, ZERO, I(at["said"])), out, work)
            else:
                _turn(state, rows, said, out, work)
    return False


@cold
def _begin(state: State, rows: np.ndarray, at: np.void) -> None:
    """The inputs are folded: what decisions look at is settled, unless nothing can be decided."""
    desk = state.desk[0]
    at["now"] = state.clock[0]["now_ns"]
    at["input"] = ZERO
    at["phase"] = FACTS
    if desk["open"] == ZERO:
        at["phase"] = CLOSED
    elif must_settle(desk, I(at["now"])):
        settle_due(state, I(at["now"]))
        at["settled"] = ONE
    elif desk["breakers_set"] == ZERO and _is_calm(rows):
        at["phase"] = MINDS


@kernel
def _is_calm(rows: np.ndarray) -> bool:
    """Whether nothing can follow from the inputs but what strategies want."""
    for k in range(rows.shape[0]):
        kind = rows[k]["head"] & KIND_MASK
        if kind >= KINDS_MAX or CALM[kind] == ZERO:
            return False
    return True


@kernel
def _fold_made(state: State, out: np.ndarray, at: np.void, verdict: np.ndarray, signal: np.ndarray) -> None:
    """Fold the next row that was made, and make what follows from it at once."""
    place = I(at["folded"])
    row = out[place]
    kind = row["head"] & KIND_MASK
    seq = I(at["first_seq"] + at["inputs"] + place)
    if ROOM_OF[kind] != NOT_TRADING:
        fold_trading(state, kind, row, seq, I(at["now"]), signal)
        if signal[0] != DONE:
            return
        at["moved"] |= UNSETTLES[kind]
    at["folded"] = place + ONE
    if kind == K_DRAFTED:
        if (row["aux"] >> S_MORE) & ONE == ZERO:
            _judge(state, out, at, row, seq, verdict)
    elif kind == K_TERMS:
        draft_ix = made_at(at, row["ref"])
        if draft_ix >= ZERO and out[draft_ix]["head"] & KIND_MASK == K_DRAFTED:
            _judge(state, out, at, out[draft_ix], I(row["ref"]), verdict)
    elif kind == K_APPROVED:
        draft = out[made_at(at, row["ref"])]
        amends = part(draft["aux"], S_ACTION, M_ACTION) == A_AMEND
        instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
        make(
            at, out, K_AMEND if amends else K_REQUESTED, instrument,
            I(draft["venue_seq"]), I(draft["price"]), I(draft["qty"]), seq, I(draft["aux"]),
        )  # fmt: skip


@cold
def _judge(state: State, out: np.ndarray, at: np.void, draft: np.void, seq: I, verdict: np.ndarray) -> None:
    """The gate's verdict on a draft that was folded. A strategy that repeats itself beyond its own limit is disabled by it."""
    instrument = (draft["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    key = I(draft["venue_seq"])
    order_ix = find_order(state.orders, state.order_places, key, instrument)
    code = _untaken(state, order_ix, draft, seq)
    if code != ZERO:
        refuse(at, out, instrument, key, seq, code)
        return
    if judge(state, order_ix, I(at["now"]), verdict) != ZERO:
        make_refusal(at, out, instrument, key, seq, verdict)
        if verdict[0] == _REPEATED and verdict[1] == _BY_STRATEGY:
            make(at, out, K_DISABLED, ZERO, verdict[2], verdict[0], verdict[4], seq, verdict[3])
        return
    revision = I(state.desk[0]["limits_revision"])
    make(at, out, K_APPROVED, instrument, key, verdict[5], verdict[6], seq, revision)


@kernel
def _untaken(state: State, order_ix: I, draft: np.void, seq: I) -> I:
    """Why a draft did not become an order, or an amendment of one; 0: it did."""
    if order_ix < ZERO:
        return _UNTRADABLE
    order = state.orders[order_ix]
    if part(draft["aux"], S_ACTION, M_ACTION) != A_AMEND:
        return ZERO if order["drafted_seq"] == seq else _DUPLICATE
    if order["amend_seq"] == seq:
        return ZERO
    return _ORDER_OVER if is_over(order["state"]) else _NO_SLOT


@kernel
def _sweep(state: State, at: np.void, out: np.ndarray) -> bool:
    """Go on with what a stop level does to what is open; False when there is nothing of it."""
    if at["sweep_level"] != ZERO and sweep_turn(state, at, out):
        return True
    while at["swept"] < at["folded"]:
        row = out[at["swept"]]
        at["swept"] += ONE
        if row["head"] & KIND_MASK == K_STOPPED:
            seq = I(at["first_seq"] + at["inputs"] + at["swept"] - ONE)
            begin_sweep(at, row["venue_seq"] & SCOPE_KIND_MASK, row["venue_seq"] >> SCOPE_NUMBER, I(row["price"]), seq)
            return True
    return False


@cold
def _turn(state: State, rows: np.ndarray, said: np.ndarray, out: np.ndarray, work: Work) -> None:
    """Make the next rows of the phase, or go on to the next phase."""
    at = work.cursor[0]
    phase = at["phase"]
    if phase == FACTS:
        more = fact_turn(state, rows, out, at, work.verdict)
    elif phase == DIFFERENCES:
        more = at["statements"] != ZERO and copy_turn(said, out, at)
    elif phase == COMMANDS:
        more = command_turn(state, rows, out, at, work.verdict, work.findings)
    elif phase == BREAKERS:
        n = decide_breakers(state, I(at["first_seq"] + at["inputs"] - ONE), I(at["now"]), work.findings, ZERO)
        make_findings(at, out, work.findings, n)
        more = False
    elif phase == LEVELS:
        more = at["part"] == ZERO and begin_standing(state, at)
        at["part"] = ONE
    elif phase == INTENTS:
        more = at["alone"] == ZERO and intent_turn(state, said, out, at, work.plan, work.verdict)
    elif phase == PNL:
        more = pnl_turn(state, out, at)
    else:
        _close(state, out, at)
        return
    if not more:
        at["phase"] = phase + ONE
        at["input"] = ZERO
        at["part"] = ZERO
        at["order_ix"] = ZERO


@kernel
def command_turn(
    state: State, rows: np.ndarray, out: np.ndarray, at: np.void, verdict: np.ndarray, findings: np.ndarray
) -> bool:
    """Answer the command in hand, or go on to the next one; False when there is none left."""
    while at["input"] < rows.shape[0]:
        row = rows[at["input"]]
        kind = row["head"] & KIND_MASK
        if kind == K_COMMAND_ORDER:
            order_turn(state, rows, out, at, verdict)
            return True
        if K_COMMAND_ORDER < kind <= K_COMMAND_LAST:
            other_turn(state, row, out, at, findings)
            at["input"] += ONE
            return True
        at["input"] += ONE
    return False


@kernel
def _close(state: State, out: np.ndarray, at: np.void) -> None:
    """The last row carries STEP_END; what was decided is settled with it."""
    if at["made"] > ZERO:
        out[at["made"] - ONE]["head"] |= _STEP_END
    if at["settled"] != ZERO and at["moved"] == ZERO:  # nothing happened since
        note_settled(state.desk[0], I(at["now"]))
    else:
        end_step(state, I(at["now"]))
    at["phase"] = CLOSED
