"""From what a strategy returned to rows of strategy.intent, or the one sentence in numbers why it is nonsense.

Both forms end here: a Python strategy's structs and a kernel's OUT rows become the same `Draft` words, checked by the same rules.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np

from veloz.contracts import layout, terms
from veloz.contracts.layout import ROW
from veloz.contracts.registry import DISABLED, INTENT, TERMS
from veloz.contracts.terms import Action, Form, OrderType
from veloz.reducers.limits import PRICE_MAX, QTY_MAX, TIME_MAX_NS
from veloz.strategies import sdk

PPM_MAX: Final = 1_000_000
_SHIFTS: Final = {name: terms.shift_of(terms.SPEC, name) for name, _ in terms.SPEC}


class Nonsense(IntEnum):
    """Word `limit` of strategy.disabled with NONSENSE; `observed` is the place of the intent in the answer, from 0."""

    NOT_AN_INTENT = 1
    NOT_A_NUMBER = 2
    UNKNOWN_INSTRUMENT = 3
    OUT_OF_RANGE = 4
    NOT_OWN_ORDER = 5
    NOT_PLAIN = 6  # memory that cannot be kept


class Draft(NamedTuple):
    """One intent in numbers, in the order of sdk.OUT."""

    form: int
    instrument: int
    order: int = 0
    price: int = 0
    qty: int = 0
    ask: int = 0
    ask_qty: int = 0
    sell: int = 0
    type: int = 0
    tif: int = 0
    reduce_only: int = 0
    position_side: int = 0
    stp: int = 0
    trigger_by: int = 0
    trigger: int = 0
    activation: int = 0
    callback_ppm: int = 0
    expire_ns: int = 0


assert Draft._fields == sdk.OUT.names
_FLAGS: Final = tuple(Draft._fields.index(name) for name in ("sell", "reduce_only"))
_TARGET, _QUOTE, _ORDER, _CANCEL, _AMEND = (int(n) for n in (sdk.TARGET, sdk.QUOTE, sdk.ORDER, sdk.CANCEL, sdk.AMEND))


def drafts_of(answer: Any, budget: int) -> list[Draft] | tuple[int, Nonsense] | int:
    """What a handler returned, in numbers; or the place of what is wrong in it, and what; or how many, when that is above the budget."""
    if answer is None:
        return []
    answers = answer if type(answer) in (list, tuple) else [answer]
    if len(answers) > budget:
        return len(answers)
    drafts = []
    for at, intent in enumerate(answers):
        draft = _draft_of(intent)
        if draft is None:
            return at, Nonsense.NOT_AN_INTENT
        if not all(_is_whole(number, place in _FLAGS) for place, number in enumerate(draft)):
            return at, Nonsense.NOT_A_NUMBER
        drafts.append(Draft(*map(int, draft)))
    return drafts


def _is_whole(number: Any, flag: bool) -> bool:
    return type(number) is int or (flag and type(number) is bool) or isinstance(number, np.integer | IntEnum)


def _draft_of(intent: Any) -> Draft | None:
    kind = type(intent)
    if kind is sdk.Quote:
        return Draft(
            _QUOTE,
            intent.instrument,
            price=intent.bid,
            qty=intent.bid_qty,
            ask=intent.ask,
            ask_qty=intent.ask_qty,
            tif=intent.tif,
        )
    if kind is sdk.Target:
        return Draft(
            _TARGET,
            intent.instrument,
            price=intent.price,
            qty=intent.qty,
            tif=intent.tif,
            reduce_only=intent.reduce_only,
        )
    if kind is sdk.Cancel:
        return Draft(_CANCEL, intent.instrument, intent.order)
    if kind is sdk.Amend:
        return Draft(_AMEND, intent.instrument, intent.order, intent.price, intent.qty)
    if kind is not sdk.Order:
        return None
    return Draft(
        _ORDER, intent.instrument, 0, intent.price, intent.qty, 0, 0, intent.sell, intent.type, intent.tif, intent.reduce_only,
        intent.position_side, intent.stp, intent.trigger_by, intent.trigger, intent.activation, intent.callback_ppm, intent.expire_ns,
    )  # fmt: skip


def drafts_from(out: np.ndarray, n: int) -> list[Draft]:
    """The first `n` rows a kernel wrote."""
    return [Draft._make(row) for row in out[:n].tolist()]


_RANGES: Final = tuple(
    (name, low, high)
    for name, low, high in (
        ("price", 0, PRICE_MAX), ("ask", 0, PRICE_MAX), ("ask_qty", 0, QTY_MAX), ("sell", 0, 1), ("type", 0, max(OrderType)),
        ("tif", 0, max(terms.TimeInForce)), ("reduce_only", 0, 1), ("position_side", 0, max(terms.PositionSide)),
        ("stp", 0, max(terms.SelfTrade)), ("trigger_by", 0, max(terms.TriggerBy)), ("trigger", 0, PRICE_MAX),
        ("activation", 0, PRICE_MAX), ("callback_ppm", 0, PPM_MAX), ("expire_ns", 0, TIME_MAX_NS),
    )
)  # fmt: skip
_PLACES: Final = tuple((Draft._fields.index(name), low, high) for name, low, high in _RANGES)


def fault_of(draft: Draft, instruments: Sequence[int], owns: Callable[[int, int], bool]) -> Nonsense | None:
    """What is wrong with an intent; None: nothing.

    Args:
        draft: The intent.
        instruments: Numbers of the strategy's instruments.
        owns: (order key, instrument) → False when that order is known to be somebody else's.
    """
    if not _TARGET <= draft.form <= _AMEND:
        return Nonsense.NOT_AN_INTENT
    if draft.instrument not in instruments:
        return Nonsense.UNKNOWN_INSTRUMENT
    if not (-QTY_MAX if draft.form == _TARGET else 0 if draft.form in (_QUOTE, _CANCEL) else 1) <= draft.qty <= QTY_MAX:
        return Nonsense.OUT_OF_RANGE
    for place, low, high in _PLACES:
        if not low <= draft[place] <= high:
            return Nonsense.OUT_OF_RANGE
    if draft.form in (_CANCEL, _AMEND):
        if not 0 < draft.order <= QTY_MAX:
            return Nonsense.OUT_OF_RANGE
        if not owns(draft.order, draft.instrument):
            return Nonsense.NOT_OWN_ORDER
    return None


def rows_of(draft: Draft, cause: int, now: int, strategy: int, account: int) -> list[tuple[int, ...]]:
    """One intent as rows of ROW: two for a quote, and order.terms behind an order that needs it.

    Args:
        draft: Without fault.
        cause: Sequence number of what woke the strategy.
        now: Engine time, ns.
        strategy: Its number.
        account: On which it trades.
    """
    who = {"account": account, "strategy": strategy, "tif": draft.tif, "reduce_only": draft.reduce_only}
    if draft.form == _QUOTE:
        who |= {"form": Form.QUOTE}
        bid, ask = _spec(**who), _spec(sell=1, **who)
        return [
            _row(layout.FIRST, draft.instrument, now, 0, draft.price, draft.qty, cause, bid),
            _row(layout.LAST, draft.instrument, now, 0, draft.ask, draft.ask_qty, cause, ask),
        ]
    if draft.form == _TARGET:
        kind = OrderType.LIMIT if draft.price else OrderType.MARKET
        spec = _spec(form=Form.TARGET, sell=int(draft.qty < 0), type=kind, **who)
        return [_row(0, draft.instrument, now, 0, draft.price, abs(draft.qty), cause, spec)]
    if draft.form == _CANCEL:
        spec = _spec(action=Action.CANCEL, account=account, strategy=strategy)
        return [_row(0, draft.instrument, now, draft.order, 0, 0, cause, spec)]
    if draft.form == _AMEND:
        spec = _spec(action=Action.AMEND, account=account, strategy=strategy)
        return [_row(0, draft.instrument, now, draft.order, draft.price, draft.qty, cause, spec)]
    more = draft.trigger or draft.activation or draft.callback_ppm or draft.expire_ns
    spec = _spec(
        sell=draft.sell, type=draft.type, position_side=draft.position_side, stp=draft.stp,
        trigger_by=draft.trigger_by, more=int(bool(more)), **who,
    )  # fmt: skip
    first = _row(0, draft.instrument, now, 0, draft.price, draft.qty, cause, spec)
    if not more:
        return [first]
    extra = (draft.trigger, draft.activation, draft.callback_ppm, 0, draft.expire_ns)
    return [first, (TERMS.number, 1, 0, draft.instrument, now, 0, *extra)]


def _spec(**parts: int) -> int:
    """As terms.pack, of parts that are known to fit."""
    word = 0
    for name, value in parts.items():
        word |= value << _SHIFTS[name]
    return word


def _row(flags: int, instrument: int, now: int, *words: int) -> tuple[int, ...]:
    return INTENT.number, 1, flags, instrument, now, 0, *words


def disabled_row(strategy: int, code: int, observed: int, limit: int, cause: int, now: int) -> np.ndarray:
    """The one row that says why a strategy is woken no more, ROW[1]."""
    return np.array([(DISABLED.number, 1, 0, 0, now, 0, strategy, code, observed, cause, limit)], ROW)
