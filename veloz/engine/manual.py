"""Orders by hand: what a `control.order` row leads to.

Placing drafts one order; amending drafts one amendment; canceling asks for one order back or, with no order named, for every open one of
the row's instrument (of all instruments where it names none) and account. The gate judges all of them.
"""

from typing import Final

import numpy as np

from veloz.contracts import registry, terms
from veloz.contracts.codes import Refusal, SettleAction
from veloz.contracts.kernel import cold, kernel
from veloz.engine.closing import FLATTEN_LEVEL
from veloz.engine.making import (
    A_AMEND,
    A_CANCEL,
    K_DRAFTED,
    K_TERMS,
    make,
    make_cancel,
    make_findings,
    make_refusal,
    refuse,
    with_origin,
)  # fmt: skip
from veloz.engine.sweep import INSTRUMENT, begin_sweep
from veloz.execution.planner import is_cancelable, with_action
from veloz.reducers.bits import (
    LEG_BITS,
    M_ACCOUNT,
    M_ACTION,
    M_LEG,
    M_ORIGIN,
    S_ACCOUNT,
    S_ACTION,
    S_LEG,
    S_MORE,
    S_ORIGIN,
    part,
)  # fmt: skip
from veloz.reducers.finding import find_order
from veloz.reducers.state import State
from veloz.reducers.words import INSTRUMENT_SHIFT, KIND_MASK, ONE, WORD_MASK, ZERO, I
from veloz.risk.commands import decide_command
from veloz.risk.gate import judge_cancel

_PERSON, _AGENT = I(terms.Origin.PERSON), I(terms.Origin.AGENT)
_K_SETTLE, _FLATTEN = I(registry.COMMAND_SETTLE.number), I(SettleAction.FLATTEN)
UNKNOWN_ORDER: Final = I(Refusal.UNKNOWN_ORDER)


@cold
def order_turn(state: State, rows: np.ndarray, out: np.ndarray, at: np.void, verdict: np.ndarray) -> None:
    """Make the next rows that the command at `input` leads to; steps over it when it is done."""
    row = rows[at["input"]]
    action = part(row["aux"], S_ACTION, M_ACTION)
    if action == A_CANCEL and row["venue_seq"] == ZERO:
        if _cancel_next(state, row, out, at, verdict):
            return
    elif action == A_CANCEL:
        instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
        cancel_one(state, I(row["venue_seq"]), instrument, _origin(row["aux"]), _seq(at), out, at, verdict)
    elif action == A_AMEND:
        _amend(state, row, out, at)
    else:
        _place(rows, row, out, at)
    at["input"] += ONE
    at["order_ix"] = ZERO


@kernel
def _seq(at: np.void) -> I:
    return I(at["first_seq"] + at["input"])


@kernel
def _origin(spec: I) -> I:
    """Commands are a person's unless they say that they are an agent's."""
    return _AGENT if part(spec, S_ORIGIN, M_ORIGIN) == _AGENT else _PERSON


@kernel
def _place(rows: np.ndarray, row: np.void, out: np.ndarray, at: np.void) -> None:
    spec = with_origin(I(row["aux"]), _origin(row["aux"]))
    key = (_seq(at) << LEG_BITS) | part(spec, S_LEG, M_LEG)
    instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    draft(rows, I(at["input"]), instrument, key, I(row["price"]), I(row["qty"]), _seq(at), spec, out, at)


@kernel
def draft(
    rows: np.ndarray, place: I, instrument: I, key: I, price: I, qty: I, ref: I, spec: I, out: np.ndarray, at: np.void
) -> None:
    """order.drafted, and behind it the terms that stand behind `rows[place]` where its spec says so."""
    more = (spec >> S_MORE) & ONE != ZERO
    if more and (place + ONE >= rows.shape[0] or rows[place + ONE]["head"] & KIND_MASK != K_TERMS):
        more = False
        spec = spec & ~(ONE << S_MORE)
    seq = make(at, out, K_DRAFTED, instrument, key, price, qty, ref, spec)
    if more:
        row = rows[place + ONE]
        make(at, out, K_TERMS, instrument, I(row["venue_seq"]), I(row["price"]), I(row["qty"]), seq, I(row["aux"]))


@kernel
def _amend(state: State, row: np.void, out: np.ndarray, at: np.void) -> None:
    instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    key = I(row["venue_seq"])
    order_ix = find_order(state.orders, state.order_places, key, instrument)
    if order_ix < ZERO:
        refuse(at, out, instrument, key, _seq(at), UNKNOWN_ORDER)
        return
    order = state.orders[order_ix]
    price = I(row["price"]) if row["price"] > ZERO else I(order["price"])
    qty = I(row["qty"]) if row["qty"] > ZERO else I(order["qty"])
    spec = with_action(I(order["spec"]), A_AMEND)
    make(at, out, K_DRAFTED, I(order["instrument"]), key, price, qty, _seq(at), spec)


@cold
def cancel_one(
    state: State, key: I, instrument: I, origin: I, ref: I, out: np.ndarray, at: np.void, verdict: np.ndarray
) -> bool:
    """order.cancel_requested, or risk.refused, for one order; whether it was requested."""
    order_ix = find_order(state.orders, state.order_places, key, instrument)
    if order_ix < ZERO:
        refuse(at, out, instrument, key, ref, UNKNOWN_ORDER)
        return False
    if judge_cancel(state, order_ix, origin, I(at["now"]), verdict) != ZERO:
        make_refusal(at, out, instrument, key, ref, verdict)
        return False
    make_cancel(at, out, state.orders[order_ix], ref)
    return True


@kernel
def _cancel_next(state: State, row: np.void, out: np.ndarray, at: np.void, verdict: np.ndarray) -> bool:
    """Cancel the next open order that the command means; False when there is none left."""
    instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    account = part(row["aux"], S_ACCOUNT, M_ACCOUNT)
    while at["order_ix"] < state.desk[0]["orders_used"]:
        order = state.orders[at["order_ix"]]
        at["order_ix"] += ONE
        if (
            is_cancelable(order)
            and (instrument == ZERO or order["instrument"] == instrument)
            and (account == ZERO or order["account"] == account)
        ):
            origin = _origin(row["aux"])
            cancel_one(state, I(order["key"]), I(order["instrument"]), origin, _seq(at), out, at, verdict)
            return True
    return False


@cold
def other_turn(state: State, row: np.void, out: np.ndarray, at: np.void, findings: np.ndarray) -> None:
    """What a command that is no order leads to: the findings of the room of risk, and a sweep where a difference is to be flattened."""
    kind = row["head"] & KIND_MASK
    make_findings(at, out, findings, decide_command(state, row, _seq(at), I(at["now"]), findings, ZERO))
    instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    if kind == _K_SETTLE and row["price"] == _FLATTEN and ZERO < instrument < state.terms.shape[0]:
        begin_sweep(at, INSTRUMENT, instrument, FLATTEN_LEVEL, _seq(at))
