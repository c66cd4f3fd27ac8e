"""From a strategy's answer to rows of strategy.intent, or the number that says why it is nonsense: one compiled call an answer.

Both forms end here: a Python strategy's structs and a kernel's OUT rows are the same words, checked by the same rules.
"""

from typing import Final

import numpy as np

from veloz.contracts import layout, terms
from veloz.contracts.bundle import reader
from veloz.contracts.codes import StopLevel, StrategyStatus
from veloz.contracts.kernel import entry, kernel
from veloz.contracts.registry import INTENT, TERMS
from veloz.contracts.terms import Action, Form, OrderType
from veloz.reducers.finding import counted_at, find_order
from veloz.reducers.limits import PRICE_MAX, QTY_MAX, TIME_MAX_NS
from veloz.reducers.state import State
from veloz.reducers.words import FLAGS_SHIFT, INSTRUMENT_SHIFT, ONE, VERSION_ONE, VERSION_SHIFT, ZERO, I
from veloz.strategies import sdk
from veloz.strategies.intents import Nonsense

PPM_MAX: Final = 1_000_000
_NAMES: Final = sdk.OUT.names or ()
_RANGES: Final = {
    "price": (0, PRICE_MAX), "ask": (0, PRICE_MAX), "ask_qty": (0, QTY_MAX), "sell": (0, 1), "type": (0, max(OrderType)),
    "tif": (0, max(terms.TimeInForce)), "reduce_only": (0, 1), "position_side": (0, max(terms.PositionSide)),
    "stp": (0, max(terms.SelfTrade)), "trigger_by": (0, max(terms.TriggerBy)), "trigger": (0, PRICE_MAX),
    "activation": (0, PRICE_MAX), "callback_ppm": (0, PPM_MAX), "expire_ns": (0, TIME_MAX_NS),
}  # fmt: skip
_ANY: Final = np.iinfo(np.int64)
_LOW: Final = np.array([_RANGES.get(name, (_ANY.min, 0))[0] for name in _NAMES], np.int64)
_HIGH: Final = np.array([_RANGES.get(name, (0, _ANY.max))[1] for name in _NAMES], np.int64)
_OUT_WORDS, _ROW_WORDS = I(len(_NAMES)), I(layout.ROW_WORDS)
(
    _S_ACTION, _S_FORM, _S_SELL, _S_TYPE, _S_TIF, _S_REDUCE, _S_SIDE, _S_STP, _S_TRIGGER_BY, _S_ACCOUNT, _S_STRATEGY, _S_MORE,
) = (
    I(terms.shift_of(terms.SPEC, name))
    for name in (
        "action", "form", "sell", "type", "tif", "reduce_only", "position_side", "stp", "trigger_by", "account", "strategy", "more",
    )
)  # fmt: skip
_F_TARGET, _F_QUOTE = I(Form.TARGET) << _S_FORM, I(Form.QUOTE) << _S_FORM
_LIMIT, _MARKET = I(OrderType.LIMIT) << _S_TYPE, I(OrderType.MARKET) << _S_TYPE
_CANCEL, _AMEND = I(Action.CANCEL) << _S_ACTION, I(Action.AMEND) << _S_ACTION
_QTY_MAX: Final = I(QTY_MAX)
_VERSION: Final = VERSION_ONE << VERSION_SHIFT
_INTENT, _TERMS = I(INTENT.number) | _VERSION, I(TERMS.number) | _VERSION
_FIRST, _LAST = I(layout.FIRST), I(layout.LAST)
_NOT_AN_INTENT, _UNKNOWN, _RANGE, _NOT_OWN = (
    I(fault)
    for fault in (Nonsense.NOT_AN_INTENT, Nonsense.UNKNOWN_INSTRUMENT, Nonsense.OUT_OF_RANGE, Nonsense.NOT_OWN_ORDER)
)
_RUNNING, _HALT = I(StrategyStatus.RUNNING), I(StopLevel.HALT)
_NOT_FOUND: Final = I(-1)
FAULT_STEP: Final = 8  # `write_intents` tells a fault as minus (1 + this · place + Nonsense)
_FAULT_STEP: Final = I(FAULT_STEP)
_drafts_in: Final = reader(sdk.OUT)


@entry
def write_intents(
    state: State,
    instruments: np.ndarray,
    who: np.ndarray,
    said: np.ndarray,
    n: int | I,
    cancels: bool,
    rows: np.ndarray,
    at: int | I,
) -> I:
    """Check one answer, and write its rows: two for a quote, and order.terms behind an order that needs it.

    Args:
        state: State. Read only.
        instruments: i8: numbers of the strategy's instruments.
        who: i8[4]: the strategy's number, its account (`_account_for`), sequence number of what woke it, engine time in ns.
        said: i8: words of OUT rows.
        n: So many of them count.
        cancels: Nothing but cancels is written; everything is checked.
        rows: i8[8 · rows], with two rows free for each intent.
        at: So many rows are there.

    Returns:
        How many rows are there now; or, below 0, the first fault: minus (1 + FAULT_STEP · its place + Nonsense).
    """
    drafts = _drafts_in(said)
    place = I(at)
    for k in range(n):
        fault = _fault_of(state, instruments, who[0], drafts[k], said, I(k) * _OUT_WORDS)
        if fault != ZERO:
            return -(ONE + I(k) * _FAULT_STEP + fault)
    for k in range(n):
        if not cancels or drafts[k]["form"] == sdk.CANCEL:
            own = _account_for(state, who[1], I(drafts[k]["instrument"]))
            place = _write(drafts[k], who, own, rows, place)
    return place


@kernel
def _fault_of(state: State, instruments: np.ndarray, strategy: I, draft: np.void, said: np.ndarray, first: I) -> I:
    """What is wrong with an intent; 0: nothing."""
    form, qty = draft["form"], draft["qty"]
    if form < sdk.TARGET or form > sdk.AMEND:
        return _NOT_AN_INTENT
    known = False
    for place in range(instruments.shape[0]):
        known = known or instruments[place] == draft["instrument"]
    if not known:
        return _UNKNOWN
    least = -_QTY_MAX if form == sdk.TARGET else ZERO if form == sdk.QUOTE or form == sdk.CANCEL else ONE
    if qty < least or qty > _QTY_MAX:
        return _RANGE
    for place in range(_LOW.shape[0]):
        if said[first + place] < _LOW[place] or said[first + place] > _HIGH[place]:
            return _RANGE
    if form == sdk.CANCEL or form == sdk.AMEND:
        if draft["order"] <= ZERO or draft["order"] > _QTY_MAX:
            return _RANGE
        owner = _owner(state, I(draft["order"]), I(draft["instrument"]))
        if owner != strategy and owner != _NOT_FOUND:
            return _NOT_OWN
    return ZERO


@kernel
def _account_for(state: State, account: I, instrument: I) -> I:
    """The account that trades an instrument: the strategy's own; where it is of another venue, the first one there."""
    if not ZERO <= instrument < state.instruments.shape[0] or not ZERO <= account < state.accounts.shape[0]:
        return account
    market = state.instruments[instrument]["market"]
    if state.accounts[account]["market"] == market:
        return account
    for other in range(ONE, state.accounts.shape[0]):
        if state.accounts[other]["known"] != ZERO and state.accounts[other]["market"] == market:
            return I(other)
    return account


@kernel
def _write(draft: np.void, who: np.ndarray, account: I, rows: np.ndarray, at: I) -> I:
    """The rows of one intent without fault; how many rows there are now."""
    form, instrument = draft["form"], I(draft["instrument"])
    own = (account << _S_ACCOUNT) | (who[0] << _S_STRATEGY)
    spec = own | (draft["tif"] << _S_TIF) | (draft["reduce_only"] << _S_REDUCE)
    price, qty = I(draft["price"]), I(draft["qty"])
    if form == sdk.QUOTE:
        spec |= _F_QUOTE
        at = _put(rows, at, _FIRST, instrument, who, ZERO, price, qty, spec)
        return _put(
            rows, at, _LAST, instrument, who, ZERO, I(draft["ask"]), I(draft["ask_qty"]), spec | (ONE << _S_SELL)
        )
    if form == sdk.TARGET:
        spec |= _F_TARGET | (I(qty < ZERO) << _S_SELL) | (_LIMIT if price != ZERO else _MARKET)
        return _put(rows, at, ZERO, instrument, who, ZERO, price, abs(qty), spec)
    if form == sdk.CANCEL:
        return _put(rows, at, ZERO, instrument, who, I(draft["order"]), ZERO, ZERO, own | _CANCEL)
    if form == sdk.AMEND:
        return _put(rows, at, ZERO, instrument, who, I(draft["order"]), price, qty, own | _AMEND)
    more = draft["trigger"] | draft["activation"] | draft["callback_ppm"] | draft["expire_ns"]
    spec |= (
        (draft["sell"] << _S_SELL) | (draft["type"] << _S_TYPE) | (draft["position_side"] << _S_SIDE) | (draft["stp"] << _S_STP)
        | (draft["trigger_by"] << _S_TRIGGER_BY) | (I(more != ZERO) << _S_MORE)
    )  # fmt: skip
    at = _put(rows, at, ZERO, instrument, who, ZERO, price, qty, spec)
    if more != ZERO:
        at = _put(
            rows, at, ZERO, instrument, who, I(draft["trigger"]), I(draft["activation"]), I(draft["callback_ppm"]), I(draft["expire_ns"])
        )  # fmt: skip
        place = (at - ONE) * _ROW_WORDS
        rows[place] = _TERMS | (instrument << INSTRUMENT_SHIFT)
        rows[place + I(6)] = ZERO  # becomes the intent's number
    return at


@kernel
def _put(rows: np.ndarray, at: I, flags: I, instrument: I, who: np.ndarray, one: I, two: I, three: I, five: I) -> I:
    """One strategy.intent row behind the others; how many there are now."""
    place = at * _ROW_WORDS
    rows[place] = _INTENT | (flags << FLAGS_SHIFT) | (instrument << INSTRUMENT_SHIFT)
    rows[place + I(1)] = who[3]
    rows[place + I(2)] = ZERO
    rows[place + I(3)] = one
    rows[place + I(4)] = two
    rows[place + I(5)] = three
    rows[place + I(6)] = who[2]
    rows[place + I(7)] = five
    return I(at + ONE)


@kernel
def _owner(state: State, key: I, instrument: I) -> I:
    order_ix = find_order(state.orders, state.order_places, key, instrument)
    return _NOT_FOUND if order_ix < ZERO else I(state.orders[order_ix]["strategy"])


@entry
def owner_of(state: State, key: int | I, instrument: int | I) -> I:
    """The strategy an order belongs to; 0: a person's; -1: the order is not known."""
    return _owner(state, I(key), I(instrument))


@entry
def trade_counted_at(state: State, owner: int, trade: int) -> I:
    """As `finding.counted_at`."""
    return counted_at(state.trade_ids, I(owner), I(trade))


@entry
def may_run(state: State, number: int | I) -> bool:
    """Whether the state lets a strategy be woken: it runs, and its own scope is not stopped for good."""
    if number < 0 or number >= state.strategies.shape[0] or state.strategies[number]["status"] != _RUNNING:
        return False
    scope_ix = state.strategies[number]["scope_ix"]
    return bool(scope_ix < ZERO or state.scopes[scope_ix]["level"] < _HALT)
