"""Limits, and the numbers that led to a refusal, as people read them: each in the unit that its code counts in."""

from typing import Any, Final

from veloz.contracts.codes import VENUE_NAMES, Difference, Limit, Refusal, StopLevel
from veloz.contracts.terms import SPEC, OrderType, ScopeKind, TimeInForce, unpack
from veloz.instruments.instrument import Instrument
from veloz.instruments.lexicon import Lexicon
from veloz.instruments.units import decimal_text
from veloz.reducers.order_table import OrderState

PPM_SCALE: Final = 6
E8_SCALE: Final = 8
PRICE_ANY: Final = 1 << 61  # a market order would trade at any price
NO_LIMIT: Final = -1
_QTY: Final = (Refusal.LOT, Refusal.QTY_MIN, Refusal.QTY_MAX, Refusal.ORDER_QTY, Refusal.REDUCE_ONLY, Refusal.FILL_QTY)
_PRICE: Final = (Refusal.TICK, Refusal.OWN_CROSS, Refusal.FILL_PRICE)
_WORTH: Final = (
    Refusal.ORDER_NOTIONAL, Refusal.GROSS_EXPOSURE, Refusal.NET_EXPOSURE, Refusal.DAILY_LOSS, Refusal.DRAWDOWN,
)  # fmt: skip
_SHARE: Final = (Refusal.COLLAR, Refusal.LEVERAGE)
_LEVELS: Final = (Refusal.STOPPED, Refusal.PAUSED, Refusal.REDUCE_ONLY_LEVEL)
_BY_WORTH: Final = (
    ScopeKind.GLOBAL,
    ScopeKind.VENUE,
    ScopeKind.ACCOUNT,
)  # where a position is only bounded by its worth
_LIMIT_QTY: Final = (Limit.ORDER_QTY, Limit.POSITION_QTY)
_LIMIT_WORTH: Final = (
    Limit.ORDER_NOTIONAL, Limit.POSITION_NOTIONAL, Limit.GROSS, Limit.NET, Limit.DAILY_LOSS, Limit.DRAWDOWN,
)  # fmt: skip
_LIMIT_SHARE: Final = (Limit.COLLAR_PPM, Limit.LEVERAGE_PPM)


def measure_refusal(
    code: int, kind: int, name: str, value: int, instrument: Instrument | None, lexicon: Lexicon
) -> Any:
    """A number of `risk.refused` or `risk.violation` in its unit; as it stands where the code does not say its unit.

    Args:
        code: codes.Refusal of the verdict.
        kind: terms.ScopeKind of the verdict.
        name: `limit` or `observed`.
        value: The number.
        instrument: Of the row.
        lexicon: Names of the journal.
    """
    if code in _LEVELS and name == "limit" and value in list(StopLevel):
        return StopLevel(value).name
    if code == Refusal.BAD_TERMS:
        return VENUE_NAMES.get(value, value) if name == "limit" else _terms(value)
    if code == Refusal.ORDER_OVER and name == "observed" and value > 0 and value in list(OrderState):
        return OrderState(value).name
    if code == Refusal.FROZEN and name == "limit" and value in list(Refusal):
        return Refusal(value).name
    if code in _PRICE and abs(value) >= PRICE_ANY:
        return "any"
    if code in _WORTH or (code == Refusal.POSITION and kind in _BY_WORTH):
        return decimal_text(value, lexicon.scale(lexicon.reporting))
    if code in _SHARE:
        return decimal_text(value, PPM_SCALE)
    if instrument is not None and (code in _PRICE or (code == Refusal.PRICE_BAND and name == "observed")):
        return instrument.price_text(value)
    if instrument is not None and code == Refusal.NOTIONAL_MIN:
        return decimal_text(value, lexicon.scale_of(instrument.body.quote))
    if instrument is not None and (code in _QTY or code in _LEVELS or code == Refusal.POSITION):
        return instrument.qty_text(value)
    return value


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


def _terms(spec: int) -> str:
    parts = unpack(SPEC, spec)
    names = [parts["type"] in list(OrderType) and OrderType(parts["type"]).name]
    names.append(parts["tif"] in list(TimeInForce) and TimeInForce(parts["tif"]).name)
    return " ".join(name for name in names if name)


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
