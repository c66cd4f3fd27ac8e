"""Limits, and the numbers that led to a refusal, as people read them: each in the unit that its code counts in."""

from typing import Any, Final, NamedTuple

from veloz.contracts.codes import (
    VENUE_NAMES,
    Breaker,
    Difference,
    Limit,
    Measure,
    Refusal,
    StopLevel,
    StrategyStatus,
    Term,
    TradingStatus,
)  # fmt: skip
from veloz.contracts.terms import SPEC, OrderType, PositionSide, ScopeKind, SelfTrade, TimeInForce, TriggerBy, unpack
from veloz.instruments.instrument import Instrument
from veloz.instruments.lexicon import Lexicon
from veloz.instruments.units import decimal_text
from veloz.reducers.booksync import BookState
from veloz.reducers.order_table import OrderState

PPM_SCALE: Final = 6
E8_SCALE: Final = 8
NS_SCALE: Final = 9
PRICE_ANY: Final = 1 << 61  # a market order would trade at any price
NO_LIMIT: Final = -1
CONTRACTS: Final = "contracts"
_BY_WORTH: Final = (
    ScopeKind.GLOBAL,
    ScopeKind.VENUE,
    ScopeKind.ACCOUNT,
)  # where a position is only bounded by its worth
_NO_MEASURE: Final = ""
_PRICE, _QTY, _WORTH, _MONEY, _BASE, _SHARE, _TIME = "price", "qty", "worth", "money", "base", "share", "time"
_OF_CODE: Final = {
    **dict.fromkeys((Refusal.TICK, Refusal.OWN_CROSS, Refusal.FILL_PRICE, Refusal.PRICE_BAND), _PRICE),
    **dict.fromkeys(
        (
            Refusal.LOT, Refusal.QTY_MIN, Refusal.QTY_MAX, Refusal.ORDER_QTY, Refusal.REDUCE_ONLY, Refusal.FILL_QTY,
            Refusal.PRODUCT_BOUND, Refusal.POSITION, Refusal.STOPPED, Refusal.PAUSED, Refusal.REDUCE_ONLY_LEVEL,
        ),
        _QTY,
    ),
    **dict.fromkeys(
        (
            Refusal.ORDER_NOTIONAL, Refusal.GROSS_EXPOSURE, Refusal.NET_EXPOSURE, Refusal.DAILY_LOSS, Refusal.DRAWDOWN,
        ),
        _WORTH,
    ),
    **dict.fromkeys((Refusal.NOTIONAL_MIN, Refusal.FUNDS), _MONEY),
    **dict.fromkeys((Refusal.COLLAR, Refusal.LEVERAGE), _SHARE),
    **dict.fromkeys((Refusal.BOOK_STALE, Refusal.DUPLICATE), _TIME),
}  # fmt: skip
_OF_PART: Final = {Measure.QTY: _QTY, Measure.WORTH: _WORTH, Measure.BASE: _BASE, Measure.SHARE: _SHARE}
_LIMIT_ONLY: Final = (Refusal.NO_RATE, Refusal.NO_REFERENCE)  # what is observed is how many things are missing
_LEVELS: Final = (Refusal.STOPPED, Refusal.PAUSED, Refusal.REDUCE_ONLY_LEVEL)
_NAMED: Final = {
    **{(code, "limit"): StopLevel for code in _LEVELS},
    (Refusal.FROZEN, "limit"): Refusal, (Refusal.STRATEGY_OFF, "limit"): StrategyStatus,
    (Refusal.VENUE_HALTED, "limit"): TradingStatus, (Refusal.VENUE_HALTED, "observed"): TradingStatus,
    (Refusal.BOOK_UNSYNCED, "limit"): BookState, (Refusal.BOOK_UNSYNCED, "observed"): BookState,
}  # fmt: skip
_LIMIT_QTY: Final = (Limit.ORDER_QTY, Limit.POSITION_QTY)
_LIMIT_WORTH: Final = (
    Limit.ORDER_NOTIONAL, Limit.POSITION_NOTIONAL, Limit.GROSS, Limit.NET, Limit.DAILY_LOSS, Limit.DRAWDOWN,
)  # fmt: skip
_LIMIT_SHARE: Final = (Limit.COLLAR_PPM, Limit.LEVERAGE_PPM)


class Verdict(NamedTuple):
    """The word `verdict` of a row, as far as its numbers depend on it."""

    code: int  # codes.Refusal
    kind: int  # terms.ScopeKind
    part: int = 0  # codes.Measure; with BAD_TERMS codes.Term


def _measure_of(verdict: Verdict) -> str:
    """What the numbers of a verdict count."""
    code, part = verdict.code, verdict.part
    if code == Refusal.BAD_TERMS or code not in list(Refusal):
        return _NO_MEASURE
    if part in _OF_PART:
        return _OF_PART[Measure(part)]
    if code == Refusal.POSITION and verdict.kind in _BY_WORTH:
        return _WORTH
    return _OF_CODE.get(Refusal(code), _NO_MEASURE)


def measure_refusal(verdict: Verdict, name: str, value: int, instrument: Instrument | None, lexicon: Lexicon) -> Any:
    """A number of `risk.refused` or `risk.violation` in its unit; as it stands where the code does not say its unit.

    Args:
        verdict: Of the row.
        name: `limit` or `observed`.
        value: The number.
        instrument: Of the row.
        lexicon: Names of the journal.
    """
    code = verdict.code
    if code == Refusal.BAD_TERMS:
        return VENUE_NAMES.get(value, value) if name == "limit" else _terms(value, verdict.part)
    if code in (Refusal.ORDER_OVER, Refusal.NOTHING_CHANGES) and not verdict.part:
        return OrderState(value).name if name == "observed" and value > 0 and value in list(OrderState) else value
    enum = _NAMED.get((Refusal(code), name)) if code in list(Refusal) else None
    if enum is not None and value in list(enum):
        return enum(value).name
    measure = _measure_of(verdict)
    if measure == _PRICE and abs(value) >= PRICE_ANY:
        return "any"
    if code in _LIMIT_ONLY and name == "observed":
        return value
    return _told(measure, value, instrument, lexicon)


def refusal_unit(verdict: Verdict, instrument: Instrument | None, lexicon: Lexicon) -> str | None:
    """What the numbers of a refusal are counted in: an asset, `contracts`, `s`; None: they are bare, or names."""
    measure = _measure_of(verdict)
    if measure == _WORTH:
        return lexicon.assets.get(lexicon.reporting)
    if measure == _TIME:
        return "s"
    if instrument is None or measure in (_NO_MEASURE, _SHARE):
        return None
    body = instrument.body
    if measure == _QTY:
        return CONTRACTS if body.product == "inverse" else body.base or None
    if measure == _BASE:
        return body.base or None
    return (_money_name(verdict, instrument) if measure == _MONEY else body.quote) or None


def _money_name(verdict: Verdict, instrument: Instrument) -> str:
    """The asset of an amount of money: of the venue's filter the quote's, else what is paid with."""
    body = instrument.body
    return body.quote if verdict.code == Refusal.NOTIONAL_MIN else body.settle or body.quote


def _told(measure: str, value: int, instrument: Instrument | None, lexicon: Lexicon) -> Any:
    if measure == _WORTH:
        return decimal_text(value, lexicon.scale(lexicon.reporting))
    if measure == _SHARE:
        return decimal_text(value, PPM_SCALE)
    if measure == _TIME:
        return decimal_text(value, NS_SCALE)
    if instrument is None or measure == _NO_MEASURE:
        return value
    if measure == _PRICE:
        return instrument.price_text(value)
    if measure == _QTY:
        return instrument.qty_text(value)
    name = instrument.body.base if measure == _BASE else ""
    return decimal_text(value, lexicon.scale_of(name or instrument.body.settle or instrument.body.quote))


def measure_difference(what: int, value: int, instrument: Instrument | None, lexicon: Lexicon) -> Any:
    """One side of a `system.diverged` row in its unit.

    Args:
        what: The row's word.
        value: `ours` or `theirs`.
        instrument: Of the row.
        lexicon: Names of the journal.
    """
    difference, asset = what & 0xFF, what >> 24
    if difference == Difference.BALANCE and asset in lexicon.assets:
        return decimal_text(value, lexicon.scale(asset))
    if difference == Difference.ENTRY:
        return decimal_text(value, E8_SCALE)
    if instrument is None:
        return value
    return instrument.price_text(value) if difference == Difference.ORDER_PRICE else instrument.qty_text(value)


_TERM_WORDS: Final = {
    Term.TYPE: ("type", "tif"), Term.SELF_TRADE: ("stp",), Term.TRIGGER_BY: ("trigger_by",),
    Term.POSITION_SIDE: ("position_side",),
}  # fmt: skip
_TERM_ENUMS: Final = {
    "type": OrderType, "tif": TimeInForce, "stp": SelfTrade, "trigger_by": TriggerBy, "position_side": PositionSide,
}  # fmt: skip


def _terms(spec: int, term: int) -> str:
    """The words of an order that a venue does not take; its type and time in force where they are other numbers of it."""
    parts = unpack(SPEC, spec)
    names = _TERM_WORDS.get(Term(term) if term in list(Term) else Term.TYPE, ("type", "tif"))
    told = [_TERM_ENUMS[name](parts[name]).name for name in names if parts[name] in list(_TERM_ENUMS[name])]
    return " ".join(told)


def measure_breaker(breaker: int, value: int) -> Any:
    """The threshold of a breaker, or what it counted: of REJECTS a share of the answered orders.

    Args:
        breaker: codes.Breaker.
        value: As a row tells it.
    """
    return decimal_text(value, PPM_SCALE) if breaker == Breaker.REJECTS else value


def measure_limit(limit: int, value: int, instrument: Instrument | None, lexicon: Lexicon) -> Any:
    """The value of a limit in its unit; `off` for none.

    Args:
        limit: codes.Limit.
        value: As a row tells it.
        instrument: That the limit is about; None where it is about none.
        lexicon: Names of the journal.
    """
    if value == NO_LIMIT:
        return "off"
    if limit in _LIMIT_SHARE:
        return decimal_text(value, PPM_SCALE)
    if limit in _LIMIT_WORTH:
        return decimal_text(value, lexicon.scale(lexicon.reporting))
    if limit in _LIMIT_QTY and instrument is not None:
        return instrument.qty_text(value)
    return value
