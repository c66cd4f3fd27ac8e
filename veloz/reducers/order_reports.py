"""What venues say about orders, merged into facts that do not depend on the order in which it was said.

Facts of an order: the greatest cumulative quantity stated (`filled`) · its trades, each counted once by account, instrument and trade id
(`traded`, what was taken back included) · the terms with the greatest venue sequence · what was said of its end: every state (`ends`), the
last word among them, the least quantity that any of them stated. The state follows from these through the table.

Contradictions, each recorded once an order, the instrument frozen: two different ends; a rejection older than a sign of life; a
sign of life after we had ended it (refused, not sent, absent); more executed than the end stated; more than was ever ordered.
A fill of an order that is not ours is taken as the fact it is, and freezes the instrument every time.
"""

from typing import Final

import numpy as np

from veloz.contracts import registry
from veloz.contracts.codes import Refusal
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import Action, Why
from veloz.reducers.bits import (
    M_ACCOUNT,
    M_SIDE,
    M_STRATEGY,
    R_ACCOUNT,
    R_ACTION,
    R_REASON,
    R_SELL,
    R_SIDE,
    R_WHY,
    RM_ACCOUNT,
    RM_ACTION,
    RM_REASON,
    RM_SIDE,
    RM_WHY,
    S_ACCOUNT,
    S_SELL,
    S_SIDE,
    S_STRATEGY,
    part,
)  # fmt: skip
from veloz.reducers.finding import knows_trade, remember_trade
from veloz.reducers.order_store import (
    AMEND,
    ANSWERED,
    CONTRADICTED,
    ENDED_HERE,
    FILLED_AFTER_END,
    FILLED_BEYOND,
    FILLED_FOREIGN,
    HAS_BUST,
    NOBODY,
    PRICE_MOST,
    QTY_MOST,
    SEEN,
    amending,
    contradict,
    drop_amendment,
    move_order,
    new_order,
    progress_of,
    rehold,
    whole_of,
)  # fmt: skip
from veloz.reducers.order_table import (
    E_ASK_CANCEL,
    E_BUST,
    E_CANCEL,
    E_CANCEL_FAILED,
    E_EXPIRE,
    E_FULL,
    E_OPEN,
    E_PART,
    E_REJECT,
    E_REPLACE,
    S_ACCEPTED,
    S_CANCELED,
    S_EXPIRED,
    S_PARTIALLY_FILLED,
    S_REJECTED,
    S_REPLACED,
    S_UNKNOWN,
    OrderState,
    is_over,
)  # fmt: skip
from veloz.reducers.places import open_places
from veloz.reducers.positions import adopt_fill, apply_fee, apply_fill, bust_fill
from veloz.reducers.scopes import freeze, note_answer
from veloz.reducers.state import State
from veloz.reducers.sums import LIMB_BITS, multiply
from veloz.reducers.words import ONE, ZERO, I

K_ACCEPTED, K_CANCELED, K_EXPIRED = I(registry.ACCEPTED.number), I(registry.CANCELED.number), I(registry.EXPIRED.number)
K_REJECTED, K_REPLACED = I(registry.REJECTED.number), I(registry.REPLACED.number)
K_REQUEST_REJECTED: Final = I(registry.REQUEST_REJECTED.number)

_PLACE, _CANCEL = I(Action.PLACE), I(Action.CANCEL)
_LIQUIDATION, _ADL, _ADOPTED = I(Why.LIQUIDATION), I(Why.ADL), I(Why.ADOPTED)
_C_CONTRADICTION, _C_CAPACITY = I(Refusal.CONTRADICTION), I(Refusal.CAPACITY)
_C_AFTER_END, _C_BEYOND = I(Refusal.FILL_FINISHED_ORDER), I(Refusal.FILL_BEYOND_ORDER)
_C_UNKNOWN_ORDER, _C_LIQUIDATED = I(Refusal.FILL_UNKNOWN_ORDER), I(Refusal.LIQUIDATED)
_C_BUSTED, _C_ARITHMETIC, _C_DIFFERS = I(Refusal.TRADE_BUSTED), I(Refusal.ARITHMETIC), I(Refusal.DIFFERS)

NO_EVENT: Final = I(-1)
_OWNER_SHIFT: Final = I(8)
BUST_MARK: Final = I(1 << 41)  # an owner word with this bit: the trade was taken back
_LIMB, _LIMB_MASK = I(LIMB_BITS), I((1 << LIMB_BITS) - 1)
_CANCELED_BIT, _REPLACED_BIT = ONE << S_CANCELED, ONE << S_REPLACED
_REJECTED_BIT: Final = ONE << S_REJECTED
_EVENT_OF: Final = np.full(len(OrderState), NO_EVENT, np.int64)  # of a last word
for _state, _event in ((S_CANCELED, E_CANCEL), (S_EXPIRED, E_EXPIRE), (S_REJECTED, E_REJECT), (S_REPLACED, E_REPLACE)):
    _EVENT_OF[_state] = _event
_BOTH_CANCELED: Final = _CANCELED_BIT | _REPLACED_BIT


@kernel
def bounded(qty: I) -> I:
    """A stated quantity within what sums can hold."""
    return I(min(max(qty, ZERO), QTY_MOST - ONE))


@kernel
def _owner(instrument: I, account: I) -> I:
    return (instrument << _OWNER_SHIFT) | account


@kernel
def _is_overtaken(order: np.void) -> bool:
    """Whether the venue rejected the order and showed it alive after that. A rejection of what is not seen alive holds."""
    return bool(
        order["ends"] & _REJECTED_BIT != ZERO
        and order["marks"] & SEEN != ZERO
        and order["reject_seq"] < order["venue_seq"]
    )


@kernel
def _last_word(order: np.void) -> I:
    """The state in which the venue left the order, by the greatest (sequence, state); 0: it has not ended."""
    rejected = order["ends"] & _REJECTED_BIT != ZERO and not _is_overtaken(order)
    if order["ends"] & ~_REJECTED_BIT == ZERO:
        return S_REJECTED if rejected else ZERO
    end, seq = I(order["end_state"]), I(order["end_seq"])
    if rejected and (order["reject_seq"] > seq or (order["reject_seq"] == seq and end < S_REJECTED)):
        return S_REJECTED
    return S_REPLACED if end == S_CANCELED and order["ends"] & _REPLACED_BIT != ZERO else end


@kernel
def event_of(order: np.void) -> I:
    """What the facts of an order say, as an event of the table; NO_EVENT: the venue has shown nothing of it."""
    progress, whole = progress_of(order), whole_of(order)
    if whole > ZERO and progress >= whole:
        return E_FULL
    word = _last_word(order)
    if word != ZERO:
        return I(_EVENT_OF[word])
    if order["marks"] & SEEN == ZERO:
        return NO_EVENT
    return E_PART if progress > ZERO else E_OPEN


@cold
def _judge_facts(state: State, order_ix: I, fresh: bool, seq: I) -> None:
    """Contradictions among the facts. They are sure once they are there, whatever comes later."""
    order = state.orders[order_ix]
    ends, progress = I(order["ends"]), progress_of(order)
    several = ends & (ends - ONE) != ZERO and ends != _BOTH_CANCELED
    lives = ends == _REJECTED_BIT and _is_overtaken(order)
    known = order["marks"] & SEEN != ZERO or ends != ZERO
    if several or lives or (known and order["marks"] & ENDED_HERE != ZERO):
        contradict(state, order_ix, CONTRADICTED, _C_CONTRADICTION, False, seq)
    if ends != ZERO and progress > order["end_filled"]:
        contradict(state, order_ix, FILLED_AFTER_END, _C_AFTER_END, fresh, seq)
    if order["key"] > ZERO and ZERO < order["qty_most"] < progress:
        contradict(state, order_ix, FILLED_BEYOND, _C_BEYOND, fresh, seq)


@cold
def conclude(state: State, order_ix: I, proves: bool, fresh: bool, seq: I, now: I) -> None:
    """Bring an order where its facts say it is.

    Args:
        state: State.
        order_ix: Its place.
        proves: What came is not older than what is known: it may end an order's being UNKNOWN.
        fresh: A trade was counted.
        seq: Of the row.
        now: Engine time.
    """
    order = state.orders[order_ix]
    order["last_seq"] = seq
    _judge_facts(state, order_ix, fresh, seq)
    event = event_of(order)
    if event != NO_EVENT and (proves or order["state"] != S_UNKNOWN or event not in (E_OPEN, E_PART)):
        move_order(state, order_ix, event, seq, now)
        if is_over(order["state"]):  # an amendment under way is over with it, and that may say more
            move_order(state, order_ix, event_of(order), seq, now)
    if order["busted"] > ZERO:
        move_order(state, order_ix, E_BUST, seq, now)
    if order["cancel_seq"] > ZERO and order["state"] in (S_ACCEPTED, S_PARTIALLY_FILLED):
        move_order(state, order_ix, E_ASK_CANCEL, seq, now)
    if event != NO_EVENT:
        word = _last_word(order) if S_CANCELED <= order["state"] <= S_REPLACED else ZERO
        order["why"] = ZERO if word == ZERO else order["reject_why"] if word == S_REJECTED else order["end_why"]
    rehold(state, order_ix)


@kernel
def _take_end(order: np.void, end: I, venue_seq: I, filled: I, why: I, reason: I) -> None:
    """One more word on an order's end; the greatest (venue sequence, state) is the last word, whenever it came."""
    order["end_filled"] = filled if order["ends"] == ZERO else min(order["end_filled"], filled)
    if end == S_REJECTED:
        first = order["ends"] & _REJECTED_BIT == ZERO
        if first or venue_seq > order["reject_seq"] or (venue_seq == order["reject_seq"] and why > order["reject_why"]):
            order["reject_seq"] = venue_seq
            order["reject_why"] = why
    else:
        first = order["ends"] & ~_REJECTED_BIT == ZERO
        later = venue_seq > order["end_seq"] or (venue_seq == order["end_seq"] and end > order["end_state"])
        again = venue_seq == order["end_seq"] and end == order["end_state"]
        if first or later or (again and why > order["end_why"]):
            order["end_seq"] = venue_seq
            order["end_state"] = end
            order["end_why"] = why
    order["reason"] = max(order["reason"], reason)
    order["ends"] = order["ends"] | (ONE << end)


@kernel
def take_terms(order: np.void, price: I, qty: I, venue_seq: I) -> bool:
    """Terms as of a venue sequence; the greatest (sequence, quantity, price) are in force, whenever they came. Whether these are news."""
    known = I(order["terms_seq"])
    if venue_seq < known:
        return False
    if venue_seq == known and (qty < order["qty"] or (qty == order["qty"] and price <= order["price"])):
        return False
    order["terms_seq"] = venue_seq
    order["price"] = price
    order["qty"] = qty
    order["qty_most"] = max(order["qty_most"], qty)
    return True


@kernel
def settle_amendment(order: np.void) -> None:
    """The amendment under way is in force: what was approved for it is what the order holds."""
    if amending(order):
        order["hold_full"] = order["pending_hold"]
        order["hold_qty"] = order["pending_qty"]
    drop_amendment(order)


@cold
def _answer(state: State, order_ix: I, rejected: I, now: I) -> None:
    order = state.orders[order_ix]
    if order["key"] > ZERO and order["marks"] & ANSWERED == ZERO:
        order["marks"] = order["marks"] | ANSWERED
        note_answer(state, order_ix, rejected, now)


@kernel
def _see(order: np.void) -> None:
    order["marks"] = order["marks"] | SEEN


@kernel
def _take_replaced(order: np.void, row: np.void) -> None:
    _see(order)
    news = take_terms(order, I(row["price"]), bounded(row["qty"]), I(row["ref"]))
    order["venue_seq"] = max(order["venue_seq"], row["ref"])
    if news and order["pending_action"] == AMEND:
        settle_amendment(order)


@kernel
def _take_request_rejected(order: np.void, row: np.void) -> I:
    """The request that was refused: its action; PLACE: none that is under way."""
    if row["qty"] > ZERO:
        _see(order)
        order["filled"] = max(order["filled"], bounded(row["qty"]))
    action = part(row["aux"], R_ACTION, RM_ACTION)
    if action == AMEND:
        if ZERO < row["ref"] <= order["amend_answered_seq"]:
            return _PLACE
        order["amend_answered_seq"] = max(order["amend_answered_seq"], row["ref"])
        drop_amendment(order)
    elif action == _CANCEL:
        if ZERO < row["ref"] <= order["cancel_answered_seq"]:
            return _PLACE
        order["cancel_answered_seq"] = max(order["cancel_answered_seq"], row["ref"])
        order["cancel_seq"] = ZERO
    return action


@cold
def fold_report(state: State, order_ix: I, kind: I, row: np.void, seq: I, now: I) -> None:
    """order.accepted, canceled, expired, rejected, replaced, request_rejected about a known order."""
    order = state.orders[order_ix]
    unseen = order["marks"] & SEEN == ZERO
    proves = unseen or row["ref"] >= order["venue_seq"]
    why = part(row["aux"], R_WHY, RM_WHY)
    if kind == K_REQUEST_REJECTED:
        if _take_request_rejected(order, row) == _CANCEL:
            move_order(state, order_ix, E_CANCEL_FAILED, seq, now)
        conclude(state, order_ix, unseen and order["marks"] & SEEN != ZERO, False, seq, now)
        return
    filled = bounded(row["qty"])
    replaced = kind == K_REPLACED
    if replaced and part(row["aux"], R_ACTION, RM_ACTION) == AMEND:
        _take_replaced(order, row)
        filled = ZERO
    elif replaced:
        _see(order)
        _take_end(order, S_REPLACED, I(row["ref"]), filled, why, ZERO)
    elif kind == K_REJECTED:
        _take_end(order, S_REJECTED, I(row["ref"]), filled, why, I(row["price"]))
    else:
        _see(order)
        if row["price"] != ZERO:
            order["venue_order"] = row["price"]
        if kind == K_ACCEPTED:
            order["venue_seq"] = max(order["venue_seq"], row["ref"])
        else:
            end = S_CANCELED if kind == K_CANCELED else S_EXPIRED
            _take_end(order, end, I(row["ref"]), filled, why, part(row["aux"], R_REASON, RM_REASON))
    order["filled"] = max(order["filled"], filled)
    _answer(state, order_ix, ONE if kind == K_REJECTED else ZERO, now)
    conclude(state, order_ix, proves, False, seq, now)


@cold
def adopt_order(state: State, key: I, instrument: I, account: I, sell: I, side: I, seq: I, now: I) -> I:
    """A place for an order that we did not ask for, or have forgotten: what it is, is not known yet. -1: no room."""
    order_ix = new_order(state, key, instrument, S_UNKNOWN, seq, now)
    if order_ix < ZERO:
        freeze(state, instrument, _C_CAPACITY, seq)
        return order_ix
    order = state.orders[order_ix]
    order["account"] = account
    order["strategy"] = NOBODY
    order["spec"] = (account << S_ACCOUNT) | (sell << S_SELL) | (side << S_SIDE)
    open_places(state, account, instrument, side, NOBODY)
    state.desk[0]["foreign"] += ONE
    return order_ix


@cold
def fold_stated(state: State, order_ix: I, key: I, instrument: I, row: np.void, seq: I, now: I) -> None:
    """What an order is, whole. Of an order that is not known: it is now, and counts. Of one of ours: its terms."""
    spec, qty = I(row["aux"]), bounded(row["qty"])
    if order_ix < ZERO:
        order_ix = adopt_order(state, key, instrument, part(spec, S_ACCOUNT, M_ACCOUNT), ZERO, ZERO, seq, now)
        if order_ix < ZERO:
            return
    order = state.orders[order_ix]
    desk = state.desk[0]
    desk["draft_ix"] = order_ix
    desk["draft_seq"] = seq
    if order["strategy"] == NOBODY:
        order["spec"] = spec
        open_places(state, I(order["account"]), instrument, part(spec, S_SIDE, M_SIDE), NOBODY)
        take_terms(order, I(row["price"]), qty, I(row["ref"]))
    elif amending(order) and row["price"] == order["pending_price"] and qty == order["pending_qty"]:
        if take_terms(order, I(row["price"]), qty, I(row["ref"])):
            settle_amendment(order)
    elif row["price"] != order["price"] or qty != order["qty"]:
        if row["ref"] > order["terms_seq"] and not amending(order):
            contradict(state, order_ix, CONTRADICTED, _C_DIFFERS, True, seq)
    elif amending(order) and (now >= order["horizon_ns"] > ZERO or progress_of(order) >= qty):
        drop_amendment(order)
    conclude(state, order_ix, False, False, seq, now)


@kernel
def _add_value(order: np.void, price: I, qty: I, sign: I) -> None:
    hi, lo = multiply(price, qty)
    low = order["value_lo"] + sign * lo
    order["value_hi"] += sign * hi + (low >> _LIMB)
    order["value_lo"] = low & _LIMB_MASK


@kernel
def _fits(price: I, qty: I) -> bool:
    return bool(ZERO <= price <= PRICE_MOST and ZERO < qty < QTY_MOST)


@cold
def fold_fill(state: State, order_ix: I, key: I, instrument: I, row: np.void, seq: I, now: I) -> None:
    """One execution, counted once by (account, instrument, trade id), of whatever order."""
    desk, meta, qty = state.desk[0], I(row["aux"]), I(row["qty"])
    account = part(meta, R_ACCOUNT, RM_ACCOUNT)
    sell, side = (meta >> R_SELL) & ONE, part(meta, R_SIDE, RM_SIDE)
    if not _fits(I(row["price"]), qty):
        desk["overflows"] += ONE
        freeze(state, instrument, _C_ARITHMETIC, seq)
        return
    owner = _owner(instrument, account)
    if knows_trade(state.trade_ids, owner, I(row["ref"])):
        desk["duplicates"] += ONE
        return
    remember_trade(state.trade_ids, owner, I(row["ref"]), seq)
    desk["trades_used"] += ONE
    desk["fills"] += ONE
    if order_ix < ZERO:
        order_ix = adopt_order(state, key, instrument, account, sell, side, seq, now)
    strategy = NOBODY if order_ix < ZERO else I(state.orders[order_ix]["strategy"])
    why = part(meta, R_WHY, RM_WHY)
    if why == _ADOPTED:
        code = adopt_fill(state, account, instrument, sell, side, strategy, I(row["price"]), qty, seq, now)
    else:
        code = apply_fill(state, account, instrument, sell, side, strategy, I(row["price"]), qty, seq, now)
    if code != ZERO:
        desk["overflows"] += ONE
        freeze(state, instrument, code, seq)
    desk["fill_ix"] = order_ix
    desk["fill_seq"] = seq
    desk["fill_trade"] = row["ref"]
    foreign = _C_LIQUIDATED if why in (_LIQUIDATION, _ADL) else _C_UNKNOWN_ORDER
    if order_ix < ZERO:
        freeze(state, instrument, foreign, seq)
        return
    order = state.orders[order_ix]
    unseen = order["marks"] & SEEN == ZERO
    if order["traded"] + qty < QTY_MOST:
        order["traded"] += qty
        _add_value(order, I(row["price"]), qty, ONE)
    else:
        desk["overflows"] += ONE
        freeze(state, instrument, _C_ARITHMETIC, seq)
    _see(order)
    if strategy == NOBODY and why != _ADOPTED:
        contradict(state, order_ix, FILLED_FOREIGN, foreign, True, seq)
    if why != _ADOPTED:
        _answer(state, order_ix, ZERO, now)
    conclude(state, order_ix, unseen, True, seq, now)


@cold
def fold_fee(state: State, instrument: I, row: np.void, seq: I) -> None:
    """The fee of the execution right before it; of one that was not counted, it is not either."""
    desk, meta = state.desk[0], I(row["aux"])
    if desk["fill_seq"] != seq - ONE or desk["fill_seq"] == ZERO or desk["fill_trade"] != row["ref"]:
        return
    order_ix = I(desk["fill_ix"])
    strategy = NOBODY if order_ix < ZERO else I(state.orders[order_ix]["strategy"])
    account, side = part(meta, R_ACCOUNT, RM_ACCOUNT), part(meta, R_SIDE, RM_SIDE)
    desk["fill_seq"] = ZERO
    apply_fee(state, account, instrument, side, strategy, I(row["qty"]), I(row["price"]))


@cold
def fold_bust(state: State, order_ix: I, instrument: I, row: np.void, seq: I, now: I) -> None:
    """The venue took a trade back: once, and before or after the trade itself was heard of."""
    desk, meta, qty = state.desk[0], I(row["aux"]), I(row["qty"])
    account = part(meta, R_ACCOUNT, RM_ACCOUNT)
    owner = _owner(instrument, account)
    if not _fits(I(row["price"]), qty) or knows_trade(state.trade_ids, owner | BUST_MARK, I(row["ref"])):
        desk["duplicates"] += ONE
        return
    known = knows_trade(state.trade_ids, owner, I(row["ref"]))
    remember_trade(state.trade_ids, owner | BUST_MARK, I(row["ref"]), seq)
    desk["trades_used"] += ONE
    freeze(state, instrument, _C_BUSTED, seq)
    strategy = NOBODY if order_ix < ZERO else I(state.orders[order_ix]["strategy"])
    if known:
        sell, side = (meta >> R_SELL) & ONE, part(meta, R_SIDE, RM_SIDE)
        if bust_fill(state, account, instrument, sell, side, strategy, I(row["price"]), qty, seq, now) != ZERO:
            desk["overflows"] += ONE
    else:
        remember_trade(state.trade_ids, owner, I(row["ref"]), seq)
        desk["trades_used"] += ONE
    if order_ix < ZERO:
        return
    order = state.orders[order_ix]
    unseen = order["marks"] & SEEN == ZERO
    if order["busted"] + qty < QTY_MOST and order["traded"] + qty < QTY_MOST:
        order["busted"] += qty
        if known:
            _add_value(order, I(row["price"]), qty, -ONE)
        else:
            order["traded"] += qty
    _see(order)
    contradict(state, order_ix, HAS_BUST, _C_BUSTED, False, seq)
    conclude(state, order_ix, unseen, False, seq, now)


@kernel
def spec_parts(order: np.void, spec: I) -> None:
    """Account and strategy of an order out of its spec."""
    order["spec"] = spec
    order["account"] = part(spec, S_ACCOUNT, M_ACCOUNT)
    order["strategy"] = part(spec, S_STRATEGY, M_STRATEGY)
