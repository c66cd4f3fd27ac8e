"""Intents of strategies: each a row, then what it means, then what comes of it, judged one by one."""

from typing import Final

import numpy as np

from veloz.contracts.codes import Refusal
from veloz.contracts.kernel import cold, kernel
from veloz.engine.making import A_CANCEL, K_DRAFTED, K_INTENT, K_RESOLVED, K_TERMS, make, make_refusal, refuse
from veloz.engine.manual import cancel_one, draft
from veloz.execution.planner import OVER, PLACE, UNKNOWN_HERE, begin_plan, next_action
from veloz.instruments.resolver import BY_NAME, resolve
from veloz.reducers.bits import M_ORIGIN, M_STRATEGY, S_MORE, S_ORIGIN, S_STRATEGY, part
from veloz.reducers.state import State
from veloz.reducers.words import INSTRUMENT_SHIFT, KIND_MASK, ONE, WORD_MASK, ZERO, I
from veloz.risk.gate import judge_intent

_UNKNOWN_ORDER: Final = I(Refusal.UNKNOWN_ORDER)
_BY_NAME: Final = I(BY_NAME)
_PLANNING: Final = I(1)


@cold
def intent_turn(
    state: State, intents: np.ndarray, out: np.ndarray, at: np.void, plan: np.ndarray, verdict: np.ndarray
) -> bool:
    """Go on with the intent in hand, or begin the next; False when there is none left."""
    while at["input"] < intents.shape[0]:
        row = intents[at["input"]]
        kind = row["head"] & KIND_MASK
        if at["part"] == _PLANNING:
            if not _act(state, intents, row, out, at, plan[0], verdict):
                at["part"] = ZERO
                at["input"] += ONE
                continue
            return True
        if kind == K_INTENT:
            _begin(state, intents, row, out, at, plan[0], verdict)
            return True
        at["input"] += ONE
        if kind != K_TERMS:  # terms were made with their intent
            _copy(row, out, at)
            return True
    return False


@kernel
def copy_turn(said: np.ndarray, out: np.ndarray, at: np.void) -> bool:
    """Make the next row of what was said, as it stands; False when there is none left."""
    if at["input"] >= said.shape[0]:
        return False
    _copy(said[at["input"]], out, at)
    at["input"] += ONE
    return True


@kernel
def _copy(row: np.void, out: np.ndarray, at: np.void) -> I:
    seq = make(
        at, out, row["head"] & KIND_MASK, (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK,
        I(row["venue_seq"]), I(row["price"]), I(row["qty"]), I(row["ref"]), I(row["aux"]),
    )  # fmt: skip
    out[at["made"] - ONE]["head"] = row["head"]
    return seq


@kernel
def _begin(
    state: State, intents: np.ndarray, row: np.void, out: np.ndarray, at: np.void, plan: np.void, verdict: np.ndarray
) -> None:
    """The intent, its terms, and which instrument it means; the end of it where its strategy says too much or nothing can be traded."""
    instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    key = I(row["venue_seq"])
    too_many = judge_intent(state, part(row["aux"], S_STRATEGY, M_STRATEGY), I(at["now"]), verdict)
    seq = _copy(row, out, at)
    at["intent_seq"] = seq
    if (row["aux"] >> S_MORE) & ONE != ZERO and _has_terms(intents, at["input"]):
        terms = intents[at["input"] + ONE]
        make(
            at,
            out,
            K_TERMS,
            instrument,
            I(terms["venue_seq"]),
            I(terms["price"]),
            I(terms["qty"]),
            seq,
            I(terms["aux"]),
        )
    at["part"] = ZERO
    if too_many != ZERO:
        make_refusal(at, out, instrument, key, seq, verdict)
        at["input"] += ONE
        return
    code = _resolve(state, instrument)
    at["resolved_seq"] = make(at, out, K_RESOLVED, instrument, _BY_NAME, ONE, instrument, seq, code)
    if code != ZERO:
        refuse(at, out, instrument, key, I(at["resolved_seq"]), code)
        at["input"] += ONE
        return
    at["part"] = _PLANNING
    begin_plan(plan)


@kernel
def _has_terms(intents: np.ndarray, place: I) -> bool:
    return bool(place + ONE < intents.shape[0] and intents[place + ONE]["head"] & KIND_MASK == K_TERMS)


@kernel
def _resolve(state: State, instrument: I) -> I:
    if instrument >= state.terms.shape[0]:
        return resolve(ZERO, ZERO)
    return resolve(I(state.instruments[instrument]["definition"]), I(state.terms[instrument]["product"]))


@kernel
def _act(
    state: State, intents: np.ndarray, row: np.void, out: np.ndarray, at: np.void, plan: np.void, verdict: np.ndarray
) -> bool:
    """The next action of the plan; False when it is over."""
    instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    seq = I(at["intent_seq"])
    what = next_action(state, row, seq, plan)
    if what == OVER:
        return False
    key = I(plan["key"])
    if what == UNKNOWN_HERE:
        refuse(at, out, instrument, key, seq, _UNKNOWN_ORDER)
    elif what == A_CANCEL:
        if not cancel_one(state, key, instrument, part(row["aux"], S_ORIGIN, M_ORIGIN), seq, out, at, verdict):
            plan["dropped"] = ONE
    elif what == PLACE:
        spec, ref = I(plan["spec"]), I(at["resolved_seq"])
        draft(intents, I(at["input"]), instrument, key, I(plan["price"]), I(plan["qty"]), ref, spec, out, at)
    else:
        spec, ref = I(plan["spec"]), I(at["resolved_seq"])
        make(at, out, K_DRAFTED, instrument, key, I(plan["price"]), I(plan["qty"]), ref, spec)
    return True
