"""What the inputs of a step did that has to be said before anything else is decided.

An instrument that an input froze is said to be frozen; an execution that is not what was approved is a violation; where a level of
CANCEL or FLATTEN holds over an order that an input shows to be open, it is canceled.
"""

from typing import Final

import numpy as np

from veloz.contracts import registry
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import PositionSide, Why
from veloz.engine.closing import CANCEL_LEVEL, level_over
from veloz.engine.making import make, make_cancel
from veloz.engine.sweep import INSTRUMENT, is_spared
from veloz.execution.planner import is_cancelable
from veloz.reducers.bits import (
    R_ACCOUNT,
    R_SELL,
    R_SIDE,
    R_WHY,
    RM_ACCOUNT,
    RM_SIDE,
    RM_WHY,
    ROOM_ACCOUNTS,
    ROOM_OF,
    ROOM_ORDERS,
    SCOPE_NUMBER,
    part,
)  # fmt: skip
from veloz.reducers.finding import counted_at, find_order
from veloz.reducers.order_reports import BUST_MARK
from veloz.reducers.state import State
from veloz.reducers.words import INSTRUMENT_SHIFT, KIND_MASK, KINDS_MAX, ONE, WORD_MASK, ZERO, I
from veloz.reducers.worst import clip
from veloz.risk.breaker import check_fill, only_reduces
from veloz.risk.verdict import word_of

_K_FROZEN, _K_VIOLATION = I(registry.FROZEN.number), I(registry.VIOLATION.number)
_K_STATEMENT: Final = I(registry.STATEMENT.number)
_MAY_FREEZE: Final = np.zeros(128, np.int64)  # kinds that may freeze their instrument, or show that something is open
for _kind in registry.KINDS:
    _MAY_FREEZE[_kind.number] = int(ROOM_OF[_kind.number] in (ROOM_ORDERS, ROOM_ACCOUNTS))
for _kind in (registry.LISTED, registry.CHANGED):
    _MAY_FREEZE[_kind.number] = 1
_K_FILLED, _K_BUSTED = I(registry.FILLED.number), I(registry.BUSTED.number)
_SHOWS: Final = np.zeros(128, np.int64)  # kinds by which a venue shows that an order is open
for _kind in (registry.ACCEPTED, registry.REPLACED, registry.FILLED, registry.ORDER_STATED):
    _SHOWS[_kind.number] = 1
_K_REPORTS_FIRST, _K_REPORTS_LAST = I(registry.DISPATCHED.number), I(registry.ORDER_STATED.number)
_OWNER_SHIFT: Final = I(8)
_BOTH: Final = I(PositionSide.BOTH)
_ADOPTED: Final = I(Why.ADOPTED)


@cold
def fact_turn(state: State, rows: np.ndarray, out: np.ndarray, at: np.void, verdict: np.ndarray) -> bool:
    """Say what the next input did; False when there is none left. At most three rows an input."""
    while at["input"] < rows.shape[0]:
        row = rows[at["input"]]
        kind = row["head"] & KIND_MASK
        seq = I(at["first_seq"] + at["input"])
        at["input"] += ONE
        if kind >= KINDS_MAX or _MAY_FREEZE[kind] == ZERO:
            continue
        if kind == _K_STATEMENT and row["price"] == ONE:
            at["statements"] += ONE
        made = at["made"]
        instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
        if instrument >= state.terms.shape[0]:
            continue
        if state.terms[instrument]["frozen"] != ZERO and state.terms[instrument]["frozen_seq"] == seq:
            scope = INSTRUMENT | (instrument << SCOPE_NUMBER)
            make(at, out, _K_FROZEN, instrument, scope, I(state.terms[instrument]["frozen"]), ZERO, seq, ZERO)
        if _K_REPORTS_FIRST <= kind <= _K_REPORTS_LAST:
            _check_report(state, rows, row, kind, instrument, seq, out, at, verdict)
        if at["made"] > made:
            return True
    return False


@kernel
def _check_report(
    state: State,
    rows: np.ndarray,
    row: np.void,
    kind: I,
    instrument: I,
    seq: I,
    out: np.ndarray,
    at: np.void,
    verdict: np.ndarray,
) -> None:
    key = I(row["venue_seq"])
    order_ix = find_order(state.orders, state.order_places, key, instrument)
    if kind == _K_FILLED:
        account = part(row["aux"], R_ACCOUNT, RM_ACCOUNT)
        if counted_at(state.trade_ids, (instrument << _OWNER_SHIFT) | account, I(row["ref"])) == seq:
            _check_fill(state, rows, row, order_ix, key, instrument, seq, out, at, verdict)
    if order_ix >= ZERO and _SHOWS[kind] != ZERO and is_cancelable(state.orders[order_ix]):
        order = state.orders[order_ix]
        level = level_over(state, order["account"], instrument, order["strategy"])
        if level >= CANCEL_LEVEL and not is_spared(order, level):
            make_cancel(at, out, order, seq)


@cold
def _brought_since(state: State, rows: np.ndarray, place: I, first_seq: I, instrument: I, account: I) -> I:
    """Signed quantity that the inputs from `place` on brought to an account's own one-way position: executions, and those taken back."""
    owner, brought = (instrument << _OWNER_SHIFT) | account, ZERO
    for k in range(place, rows.shape[0]):
        row, seq = rows[k], I(first_seq + k)
        kind, meta = row["head"] & KIND_MASK, I(row["aux"])
        if (kind != _K_FILLED and kind != _K_BUSTED) or (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK != instrument:
            continue
        if part(meta, R_ACCOUNT, RM_ACCOUNT) != account or part(meta, R_SIDE, RM_SIDE) != _BOTH:
            continue
        counted = counted_at(state.trade_ids, owner, I(row["ref"])) == seq
        if kind == _K_BUSTED:  # one that came before its trade counted that trade instead of taking it back
            counted = not counted and counted_at(state.trade_ids, owner | BUST_MARK, I(row["ref"])) == seq
        if counted:
            sells = (part(meta, R_SELL, ONE) != ZERO) != (kind == _K_BUSTED)
            brought = clip(brought + (-clip(row["qty"]) if sells else clip(row["qty"])))
    return brought


@kernel
def _check_fill(
    state: State,
    rows: np.ndarray,
    row: np.void,
    order_ix: I,
    key: I,
    instrument: I,
    seq: I,
    out: np.ndarray,
    at: np.void,
    verdict: np.ndarray,
) -> None:
    if part(row["aux"], R_WHY, RM_WHY) == _ADOPTED:  # nobody executed it, its price was made here
        return
    since = ZERO
    if order_ix >= ZERO and only_reduces(I(state.orders[order_ix]["spec"])):
        account = part(row["aux"], R_ACCOUNT, RM_ACCOUNT)
        since = _brought_since(state, rows, I(at["input"]), I(at["first_seq"]), instrument, account)
    if check_fill(state, order_ix, I(row["price"]), I(row["aux"]), since, verdict) != ZERO:
        make(at, out, _K_VIOLATION, instrument, key, verdict[3], verdict[4], seq, word_of(verdict))
