"""What a Python strategy returned, in the words that a kernel writes; what they mean and whether they make sense is `telling.py`'s."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np

from veloz.contracts.layout import ROW
from veloz.contracts.registry import DISABLED
from veloz.strategies import sdk


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
_LEAST, _MOST = (int(bound) for bound in (np.iinfo(np.int64).min, np.iinfo(np.int64).max))
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


def words_from(drafts: Sequence[Draft]) -> np.ndarray:
    """Drafts as OUT rows in words. What no word holds becomes the least number, which no field may be either."""
    return np.array(
        [[number if _LEAST < number <= _MOST else _LEAST for number in draft] for draft in drafts], np.int64
    ).reshape(-1)


def disabled_row(strategy: int, code: int, observed: int, limit: int, cause: int, now: int) -> np.ndarray:
    """The one row that says why a strategy is woken no more, ROW[1]."""
    return np.array([(DISABLED.number, 1, 0, 0, now, 0, strategy, code, observed, cause, limit)], ROW)
