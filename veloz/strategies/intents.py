"""What a Python strategy returned, in the words that a kernel writes; what they mean and whether they make sense is `telling.py`'s."""

from collections.abc import Sequence
from enum import IntEnum
from itertools import product
from struct import Struct
from struct import error as StructError
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import astuple

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


def put_answer(answer: Any, budget: int, out: np.ndarray, raw: memoryview) -> int | tuple[int, Nonsense]:
    """Write what a handler returned as OUT rows.

    Args:
        answer: Whatever it is.
        budget: More than so many intents are not written.
        out: i8: words of OUT[budget + 1].
        raw: The same memory, as bytes.

    Returns:
        How many intents there are, also above the budget; or the place of what is wrong, and what.
    """
    if answer is None:
        return 0
    answers = answer if type(answer) in (list, tuple) else (answer,)
    if len(answers) > budget:
        return len(answers)
    if not _put_plain(answers, raw):
        drafts = _drafts_of(answers)
        if isinstance(drafts, tuple):
            return drafts
        out[: len(drafts) * len(Draft._fields)] = _words_from(drafts)
    return len(answers)


def _put_plain(answers: Sequence[Any], raw: memoryview) -> bool:
    """Write intents all of whose words are what they are declared to be; False where one is anything else, and has to be looked at."""
    at = 0
    try:
        for intent in answers:
            kind: type[Any] = type(intent)
            words = astuple(intent)
            if tuple(map(type, words)) not in _PLAIN[kind]:
                return False
            if kind is sdk.Order:
                instrument, sell, qty, price, *rest = words
                _PUT_ORDER.pack_into(raw, at, _ORDER, instrument, price, qty, sell, *rest)
            elif kind is sdk.Cancel:
                _PUT_CANCEL.pack_into(raw, at, _CANCEL, *words)
            elif kind is sdk.Amend:
                _PUT_AMEND.pack_into(raw, at, _AMEND, *words)
            elif kind is sdk.Quote:
                _PUT_QUOTE.pack_into(raw, at, _QUOTE, *words)
            else:
                instrument, qty, price, *rest = words
                _PUT_TARGET.pack_into(raw, at, _TARGET, instrument, price, qty, *rest)
            at += _OUT_BYTES
    except (KeyError, TypeError, StructError):  # no intent, or too big a number
        return False
    return True


def _plain_types(kind: type[msgspec.Struct], **declared: type) -> dict[tuple[type, ...], None]:
    """Types that the fields of an intent may have without being looked at one by one: a dict, where only keys count."""
    types = ((int, declared[name]) if name in declared else (int,) for name in kind.__struct_fields__)
    return dict.fromkeys(product(*types))


_PLAIN: Final[dict[type, dict[tuple[type, ...], None]]] = {
    sdk.Cancel: _plain_types(sdk.Cancel),
    sdk.Amend: _plain_types(sdk.Amend),
    sdk.Quote: _plain_types(sdk.Quote, tif=sdk.TimeInForce),
    sdk.Target: _plain_types(sdk.Target, tif=sdk.TimeInForce, reduce_only=bool),
    sdk.Order: _plain_types(
        sdk.Order, sell=bool, reduce_only=bool, type=sdk.OrderType, tif=sdk.TimeInForce, position_side=sdk.PositionSide,
        stp=sdk.SelfTrade, trigger_by=sdk.TriggerBy,
    ),
}  # fmt: skip
_OUT_BYTES: Final = sdk.OUT.itemsize
_PUT_ORDER, _PUT_CANCEL, _PUT_AMEND = Struct("<2q8x2q16x11q"), Struct("<3q120x"), Struct("<5q104x")
_PUT_QUOTE, _PUT_TARGET = Struct("<2q8x4q16xq64x"), Struct("<2q8x2q32x2q56x")
assert {each.size: 0 for each in (_PUT_ORDER, _PUT_CANCEL, _PUT_AMEND, _PUT_QUOTE, _PUT_TARGET)} == {_OUT_BYTES: 0}


def _drafts_of(answers: Sequence[Any]) -> list[Draft] | tuple[int, Nonsense]:
    """Intents in numbers; or the place of what is wrong in them, and what."""
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


def _words_from(drafts: Sequence[Draft]) -> np.ndarray:
    """Drafts as OUT rows in words. What no word holds becomes the least number, which no field may be either."""
    return np.array(
        [[number if _LEAST < number <= _MOST else _LEAST for number in draft] for draft in drafts], np.int64
    ).reshape(-1)


def disabled_row(strategy: int, code: int, observed: int, limit: int, cause: int, now: int) -> np.ndarray:
    """The one row that says why a strategy is woken no more, ROW[1]."""
    return np.array([(DISABLED.number, 1, 0, 0, now, 0, strategy, code, observed, cause, limit)], ROW)
