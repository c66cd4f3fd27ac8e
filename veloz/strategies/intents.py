"""What a Python strategy returned, in the words that a kernel writes; what they mean and whether they make sense is `telling.py`'s."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from itertools import product
from operator import itemgetter
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
    sell: int = 0
    qty: int = 0
    price: int = 0
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
    order: int = 0
    ask: int = 0
    ask_qty: int = 0


assert Draft._fields == sdk.OUT.names
_FLAGS: Final = tuple(Draft._fields.index(name) for name in ("sell", "reduce_only"))
_LEAST, _MOST = (int(bound) for bound in (np.iinfo(np.int64).min, np.iinfo(np.int64).max))
_RENAMED: Final = {"bid": "price", "bid_qty": "qty"}  # a field, and its name in a draft where that is another


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
            form, _, plain, sort, pack_into = _WAYS[type(intent)]
            words = astuple(intent)
            if tuple(map(type, words)) not in plain:
                return False
            pack_into(raw, at, form, *(words if sort is None else sort(words)))
            at += _OUT_BYTES
    except (KeyError, TypeError, StructError):  # no intent, or too big a number
        return False
    return True


class _Way(NamedTuple):
    """How one kind of intent becomes a draft."""

    form: int
    names: tuple[str, ...]  # its fields in a draft
    plain: dict[tuple[type, ...], None]  # types of fields that need no looking at; only keys count
    sort: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None  # into the order of a draft, where it is another
    pack_into: Callable[..., None]


def _way_of(kind: type[msgspec.Struct], form: np.int64, **declared: type) -> _Way:
    fields = kind.__struct_fields__
    types = ((int, declared[name]) if name in declared else (int,) for name in fields)
    names = tuple(_RENAMED.get(name, name) for name in fields)
    places = [Draft._fields.index(name) for name in names]
    rising = sorted(range(len(places)), key=places.__getitem__)
    words = Struct("<q" + "".join("q" if name in names else "8x" for name in Draft._fields[1:]))
    sort = None if places == sorted(places) else itemgetter(*rising)
    return _Way(int(form), names, dict.fromkeys(product(*types)), sort, words.pack_into)


_WAYS: Final[dict[type, _Way]] = {
    sdk.Cancel: _way_of(sdk.Cancel, sdk.CANCEL),
    sdk.Amend: _way_of(sdk.Amend, sdk.AMEND),
    sdk.Quote: _way_of(sdk.Quote, sdk.QUOTE, tif=sdk.TimeInForce),
    sdk.Target: _way_of(sdk.Target, sdk.TARGET, tif=sdk.TimeInForce, reduce_only=bool),
    sdk.Order: _way_of(
        sdk.Order, sdk.ORDER, sell=bool, reduce_only=bool, type=sdk.OrderType, tif=sdk.TimeInForce, position_side=sdk.PositionSide,
        stp=sdk.SelfTrade, trigger_by=sdk.TriggerBy,
    ),
}  # fmt: skip
_OUT_BYTES: Final = sdk.OUT.itemsize


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
    way = _WAYS.get(type(intent))
    return way and Draft(form=way.form, **dict(zip(way.names, astuple(intent), strict=True)))


def _words_from(drafts: Sequence[Draft]) -> np.ndarray:
    """Drafts as OUT rows in words. What no word holds becomes the least number, which no field may be either."""
    return np.array(
        [[number if _LEAST < number <= _MOST else _LEAST for number in draft] for draft in drafts], np.int64
    ).reshape(-1)


def disabled_row(strategy: int, code: int, observed: int, limit: int, cause: int, now: int) -> np.ndarray:
    """The one row that says why a strategy is woken no more, ROW[1]."""
    return np.array([(DISABLED.number, 1, 0, 0, now, 0, strategy, code, observed, cause, limit)], ROW)
