"""Orders: what we ask for and what becomes of it. Folds order.*, risk.approved and risk.refused.

The table is `order_table.py`, places and holds are `order_store.py`, the venue's word is `order_reports.py`; here is what the engine does:
drafts, verdicts, requests, and what is known of their sending. A request that was not answered is never repeated; an order whose
outcome is not known keeps its whole remaining quantity reserved until the venue shows it or its absence is proved.
"""

from typing import Final

import numpy as np

from veloz.contracts import registry
from veloz.contracts.codes import Proof, Refusal
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import Action, Why
from veloz.reducers.bits import (
    LEG_BITS,
    M_ACTION,
    M_SIDE,
    R_ACCOUNT,
    R_ACTION,
    R_SELL,
    R_SIDE,
    RM_ACCOUNT,
    RM_ACTION,
    RM_SIDE,
    S_ACTION,
    S_SIDE,
    part,
)  # fmt: skip
from veloz.reducers.finding import find_order
from veloz.reducers.order_reports import (
    K_ACCEPTED,
    K_CANCELED,
    K_EXPIRED,
    K_REJECTED,
    K_REPLACED,
    K_REQUEST_REJECTED,
    adopt_order,
    conclude,
    fold_bust,
    fold_fee,
    fold_fill,
    fold_report,
    fold_stated,
    spec_parts,
)  # fmt: skip
from veloz.reducers.order_store import (
    AMEND,
    AMEND_APPROVED,
    CONTRADICTED,
    ENDED_HERE,
    PRICE_MOST,
    QTY_MOST,
    SEEN,
    amending,
    contradict,
    drop_amendment,
    move_order,
    new_order,
    rehold,
)  # fmt: skip
from veloz.reducers.order_table import (
    E_ABSENT,
    E_APPROVE,
    E_ASK_CANCEL,
    E_CANCEL_FAILED,
    E_DISPATCH,
    E_LOST,
    E_NOT_SENT,
    E_REFUSE,
    E_RESTART,
    E_SILENT,
    S_DRAFTED,
    S_UNKNOWN,
    is_over,
)  # fmt: skip
from veloz.reducers.places import open_places
from veloz.reducers.scopes import freeze, note_approved, note_cancel, note_refused, note_unknown
from veloz.reducers.state import State
from veloz.reducers.words import INSTRUMENT_SHIFT, ONE, WORD_MASK, ZERO, I

_K_APPROVED, _K_REFUSED = I(registry.APPROVED.number), I(registry.GATE_REFUSED.number)
_K_DRAFTED, _K_TERMS = I(registry.DRAFTED.number), I(registry.TERMS.number)
_K_REQUESTED, _K_CANCEL = I(registry.REQUESTED.number), I(registry.CANCEL_REQUESTED.number)
_K_AMEND, _K_DISPATCHED = I(registry.AMEND_REQUESTED.number), I(registry.DISPATCHED.number)
_K_NOT_SENT, _K_SILENT = I(registry.NOT_SENT.number), I(registry.SILENT.number)
_K_FILLED, _K_FEE, _K_MISSING = I(registry.FILLED.number), I(registry.FEE.number), I(registry.MISSING.number)
_K_BUSTED, _K_STATED = I(registry.BUSTED.number), I(registry.ORDER_STATED.number)

_PLACE, _CANCEL = I(Action.PLACE), I(Action.CANCEL)
_WHY_GATE, _WHY_NOT_SENT, _WHY_ABSENT = I(Why.GATE), I(Why.NOT_SENT), I(Why.ABSENT)
_C_CONTRADICTION, _C_FOREIGN = I(Refusal.CONTRADICTION), I(Refusal.FOREIGN_ORDER)
_PROVED: Final = I(Proof.NOT_OPEN | Proof.NO_TRADE | Proof.STREAM_WHOLE)
APART_NS: Final = I(30_000_000_000)  # between two negative answers
HORIZON_NS: Final = I(60_000_000_000)  # where none was stated: absence cannot be proved sooner
_VERDICT_CODE: Final = I(0xFFFF)


@cold
def fold_order(state: State, kind: I, row: np.void, seq: I, now: I) -> None:
    """Fold one row of order.*, or the gate's verdict."""
    if kind == _K_TERMS:
        _fold_terms(state, row, seq)
        return
    key, instrument = I(row["venue_seq"]), (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    order_ix = find_order(state.orders, state.order_places, key, instrument)
    if order_ix >= ZERO:
        instrument = I(state.orders[order_ix]["instrument"])
    if key == ZERO or instrument == ZERO:
        state.desk[0]["strays"] += ONE
    elif kind == _K_DRAFTED:
        _fold_draft(state, order_ix, key, instrument, row, seq, now)
    elif kind == _K_FILLED:
        fold_fill(state, order_ix, key, instrument, row, seq, now)
    elif kind == _K_FEE:
        fold_fee(state, instrument, row, seq)
    elif kind == _K_STATED:
        fold_stated(state, order_ix, key, instrument, row, seq, now)
    elif kind == _K_BUSTED:
        fold_bust(state, order_ix, instrument, row, seq, now)
    elif kind in (K_ACCEPTED, K_CANCELED, K_EXPIRED, K_REJECTED, K_REPLACED, K_REQUEST_REJECTED):
        if order_ix < ZERO and key < ZERO and kind != K_REQUEST_REJECTED:
            order_ix = _adopt_reported(state, key, instrument, I(row["aux"]), seq, now)
        if order_ix < ZERO:
            _note_lost(state, kind, instrument, I(row["aux"]), seq)
        else:
            fold_report(state, order_ix, kind, row, seq, now)
    elif order_ix < ZERO:
        state.desk[0]["strays"] += ONE
    else:
        state.orders[order_ix]["last_seq"] = seq
        _fold_ours(state, order_ix, kind, row, seq, now)


@cold
def _note_lost(state: State, kind: I, instrument: I, meta: I, seq: I) -> None:
    """A report of an order with a name of ours that nobody knows. Where it lives, what it may still do is not counted: until it is stated
    whole, nothing new is risked there."""
    state.desk[0]["strays"] += ONE
    amended = kind == K_REPLACED and part(meta, R_ACTION, RM_ACTION) == AMEND
    if kind == K_ACCEPTED or amended:
        state.desk[0]["foreign"] += ONE
        freeze(state, instrument, _C_FOREIGN, seq)


@kernel
def _adopt_reported(state: State, key: I, instrument: I, meta: I, seq: I, now: I) -> I:
    account, sell = part(meta, R_ACCOUNT, RM_ACCOUNT), (meta >> R_SELL) & ONE
    return I(adopt_order(state, key, instrument, account, sell, part(meta, R_SIDE, RM_SIDE), seq, now))


@cold
def _fold_ours(state: State, order_ix: I, kind: I, row: np.void, seq: I, now: I) -> None:
    """What we did about a known order, and what is known of its sending."""
    order = state.orders[order_ix]
    if kind == _K_APPROVED:
        _fold_approved(state, order_ix, row, seq, now)
    elif kind == _K_REFUSED:
        _fold_refused(state, order_ix, row, seq, now)
    elif kind in (_K_REQUESTED, _K_AMEND):
        order["requested_seq"] = seq
    elif kind == _K_CANCEL:
        _fold_cancel(state, order_ix, seq, now)
    elif kind == _K_DISPATCHED:
        if row["price"] == _PLACE:
            order["dispatched_seq"] = seq
            move_order(state, order_ix, E_DISPATCH, seq, now)
    elif kind == _K_NOT_SENT:
        _fold_not_sent(state, order_ix, I(row["price"]), seq, now)
    elif kind == _K_SILENT:
        _fold_silent(state, order_ix, row, seq, now)
    elif kind == _K_MISSING:
        _fold_missing(state, order_ix, row, seq, now)


@cold
def _fold_draft(state: State, order_ix: I, key: I, instrument: I, row: np.void, seq: I, now: I) -> None:
    """A new order, or an amendment of one that is open and has none under way."""
    desk, qty, price = state.desk[0], I(row["qty"]), I(row["price"])
    fits = ZERO <= qty < QTY_MOST and ZERO <= price <= PRICE_MOST
    if part(row["aux"], S_ACTION, M_ACTION) == AMEND:
        if order_ix >= ZERO and fits:
            order = state.orders[order_ix]
            idle = not is_over(order["state"]) and order["state"] != S_DRAFTED and order["pending_action"] == ZERO
            if idle:
                order["pending_action"] = AMEND
                order["pending_price"] = price
                order["pending_qty"] = qty
                order["amend_seq"] = seq
        return
    if order_ix >= ZERO:
        contradict(state, order_ix, CONTRADICTED, _C_CONTRADICTION, False, seq)
        return
    if not fits or key < ZERO:
        desk["overflows"] += ONE
        return
    order_ix = new_order(state, key, instrument, S_DRAFTED, seq, now)
    if order_ix < ZERO:
        desk["overflows"] += ONE
        return
    order = state.orders[order_ix]
    spec_parts(order, I(row["aux"]))
    open_places(state, I(order["account"]), instrument, part(order["spec"], S_SIDE, M_SIDE), I(order["strategy"]))
    order["price"] = price
    order["qty"] = qty
    order["qty_most"] = qty
    order["intent_seq"] = key >> LEG_BITS
    order["limits_revision"] = desk["limits_revision"]
    desk["draft_ix"] = order_ix
    desk["draft_seq"] = seq


@cold
def _fold_terms(state: State, row: np.void, seq: I) -> None:
    """What a draft, or a statement of an order, could not hold; it stands right behind it."""
    desk = state.desk[0]
    if desk["draft_seq"] != seq - ONE or desk["draft_seq"] == ZERO or desk["draft_ix"] < ZERO:
        return
    order = state.orders[desk["draft_ix"]]
    order["trigger"] = row["venue_seq"]
    order["activation"] = row["price"]
    order["callback_ppm"] = row["qty"]
    order["expire_ns"] = row["aux"]
    desk["draft_seq"] = ZERO


@kernel
def _is_for_amendment(order: np.void, row: np.void) -> bool:
    return bool(order["amend_seq"] > ZERO and row["ref"] == order["amend_seq"])


@cold
def _fold_approved(state: State, order_ix: I, row: np.void, seq: I, now: I) -> None:
    """The gate's yes: money is held. `hold` is for the whole quantity of the terms that were judged."""
    order, amount = state.orders[order_ix], I(max(row["price"], ZERO))
    if _is_for_amendment(order, row):
        order["marks"] = order["marks"] | AMEND_APPROVED
        order["pending_hold"] = amount
        order["qty_most"] = max(order["qty_most"], order["pending_qty"])
    elif order["state"] == S_DRAFTED:
        order["hold_full"] = amount
        order["hold_qty"] = order["qty"]
        move_order(state, order_ix, E_APPROVE, seq, now)
    else:
        move_order(state, order_ix, E_APPROVE, seq, now)
        return
    if order["hold_asset"] == ZERO:
        order["hold_asset"] = row["qty"]
    order["approved_seq"] = seq
    order["limits_revision"] = row["aux"]
    state.desk[0]["approved"] += ONE
    rehold(state, order_ix)
    note_approved(state, order_ix, now)


@cold
def _fold_refused(state: State, order_ix: I, row: np.void, seq: I, now: I) -> None:
    """The gate's no to a draft, an amendment, or to what asked for one where no draft came about."""
    order = state.orders[order_ix]
    if _is_for_amendment(order, row):
        drop_amendment(order)
    elif row["ref"] == order["drafted_seq"]:
        _end_here(state, order_ix, E_REFUSE, _WHY_GATE, seq, now)
        order["reason"] = row["aux"] & _VERDICT_CODE
    else:
        return
    state.desk[0]["refused"] += ONE
    note_refused(state, order_ix, now)


@cold
def _end_here(state: State, order_ix: I, event: I, why: I, seq: I, now: I) -> None:
    """An order is over by what we know ourselves; what the venue shows of it later contradicts that."""
    order = state.orders[order_ix]
    was = I(order["state"])
    move_order(state, order_ix, event, seq, now)
    if is_over(order["state"]) and not is_over(was):
        order["why"] = why
        order["marks"] = order["marks"] | ENDED_HERE
        rehold(state, order_ix)


@kernel
def _fold_cancel(state: State, order_ix: I, seq: I, now: I) -> None:
    order = state.orders[order_ix]
    if is_over(order["state"]) or order["state"] == S_DRAFTED:
        return
    order["cancel_seq"] = seq
    move_order(state, order_ix, E_ASK_CANCEL, seq, now)
    note_cancel(state, order_ix, now)


@cold
def _fold_not_sent(state: State, order_ix: I, action: I, seq: I, now: I) -> None:
    """Provably nothing left: the order, or the request about it, is over."""
    order = state.orders[order_ix]
    if action == _CANCEL:
        order["cancel_seq"] = ZERO
        move_order(state, order_ix, E_CANCEL_FAILED, seq, now)
    elif action == AMEND:
        drop_amendment(order)
        conclude(state, order_ix, False, False, seq, now)
    elif action == _PLACE:
        if order["dispatched_seq"] > ZERO or order["marks"] & SEEN != ZERO:
            contradict(state, order_ix, CONTRADICTED, _C_CONTRADICTION, False, seq)
            return
        _end_here(state, order_ix, E_NOT_SENT, _WHY_NOT_SENT, seq, now)


@kernel
def _become_unknown(state: State, order_ix: I, event: I, horizon: I, seq: I, now: I) -> None:
    """The horizon counts from the last request whose outcome is not known; what was answered before proves nothing any more."""
    order = state.orders[order_ix]
    was = I(order["state"])
    move_order(state, order_ix, event, seq, now)
    if order["state"] != S_UNKNOWN:
        return
    if was != S_UNKNOWN:
        note_unknown(state, order_ix, now)
    order["cancel_seq"] = ZERO
    if horizon > order["horizon_ns"]:
        order["horizon_ns"] = horizon
        order["missing_n"] = ZERO
        order["missing_ns"] = ZERO
        order["missing_last_ns"] = ZERO


@cold
def _fold_silent(state: State, order_ix: I, row: np.void, seq: I, now: I) -> None:
    order, action = state.orders[order_ix], I(row["price"])
    horizon = I(row["qty"]) if row["qty"] > ZERO else now + HORIZON_NS
    if action == _PLACE:
        if order["marks"] & SEEN == ZERO:
            _become_unknown(state, order_ix, E_SILENT, horizon, seq, now)
    elif (action == _CANCEL and order["cancel_seq"] > ZERO) or (action == AMEND and amending(order)):
        _become_unknown(state, order_ix, E_LOST, horizon, seq, now)


@cold
def _fold_missing(state: State, order_ix: I, row: np.void, seq: I, now: I) -> None:
    """The venue does not know the order. Twice, far enough apart, past the horizon and with nothing else of it anywhere: it is absent."""
    order, asked_ns = state.orders[order_ix], I(row["ref"])
    if order["state"] != S_UNKNOWN or order["marks"] & SEEN != ZERO or order["ends"] != ZERO:
        return
    if row["price"] & _PROVED != _PROVED or asked_ns < order["horizon_ns"]:
        return
    order["missing_ns"] = asked_ns if order["missing_n"] == ZERO else min(order["missing_ns"], asked_ns)
    order["missing_last_ns"] = max(order["missing_last_ns"], asked_ns)
    order["missing_n"] += ONE
    if order["missing_last_ns"] - order["missing_ns"] >= APART_NS:
        _end_here(state, order_ix, E_ABSENT, _WHY_ABSENT, seq, now)


@cold
def note_restart(state: State, seq: I, now: I) -> None:
    """A new engine run began: every order that was approved or sent and has no outcome is UNKNOWN."""
    for place in range(state.desk[0]["orders_used"]):
        order_ix = I(place)
        order = state.orders[order_ix]
        if order["key"] == ZERO or is_over(order["state"]):
            continue
        if order["state"] == S_DRAFTED:
            _end_here(state, order_ix, E_RESTART, _WHY_NOT_SENT, seq, now)
            continue
        horizon = ZERO if order["state"] == S_UNKNOWN else now + HORIZON_NS
        _become_unknown(state, order_ix, E_LOST if amending(order) else E_RESTART, horizon, seq, now)
        if order["pending_action"] != ZERO and not amending(order):
            drop_amendment(order)
