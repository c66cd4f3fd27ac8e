"""Rows of an order's story as sentences."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from veloz.contracts import codes, terms
from veloz.history.names import Names
from veloz.history.telling import Teller
from veloz.instruments.lexicon import Lexicon
from veloz.instruments.units import decimal_text

_MARKETS: Final = ("md.", "system.timer")
_IN_QTY: Final = (codes.Limit.ORDER_QTY, codes.Limit.POSITION_QTY)
_IN_MONEY: Final = (
    codes.Limit.ORDER_NOTIONAL, codes.Limit.POSITION_NOTIONAL, codes.Limit.GROSS, codes.Limit.NET, codes.Limit.DAILY_LOSS,
    codes.Limit.DRAWDOWN,
)  # fmt: skip
_IN_TIME: Final = (codes.Limit.WINDOW_NS, codes.Limit.REPEAT_NS, codes.Limit.STALE_NS, codes.Limit.DUPLICATE_NS)
_IN_PPM: Final = (codes.Limit.COLLAR_PPM, codes.Limit.LEVERAGE_PPM)


class Sentences:
    """Says what rows mean.

    Args:
        lexicon: Names of assets, accounts, strategies.
        names: Instruments.
        limits: (seq, scope, limit, value) of the limits that were set, in order.
    """

    def __init__(self, lexicon: Lexicon, names: Names, limits: Sequence[tuple[int, int, int, int]]) -> None:
        self._lexicon, self._names, self._limits = lexicon, names, limits
        self._teller = Teller(lexicon, names.newest)

    def say(self, told: dict[str, Any], row: np.void) -> str:
        """One sentence.

        Args:
            told: The row as `veloz journal dump` tells it.
            row: layout.ROW.
        """
        kind = told["kind"]
        name = "_" + kind.replace(".", "_")
        said = getattr(self, name, None)
        if said is not None:
            return str(said(told, row))
        if kind.startswith(_MARKETS):
            return f"{kind} {_pairs(told, skip=('seq',))}"
        return _pairs(told)

    def _control_order(self, told: dict[str, Any], row: np.void) -> str:
        who = told["spec"].get("origin", "PERSON").lower()
        return f"{who} {told['principal']} asks: {_asked(told)}"

    def _strategy_intent(self, told: dict[str, Any], row: np.void) -> str:
        spec = told["spec"]
        form = spec.get("form", "ORDER")
        if form == "TARGET":
            sign = "-" if spec.get("side") == "sell" else ""
            return f"strategy {spec.get('strategy')} wants to hold {sign}{told['qty']}"
        if form == "QUOTE":
            return f"strategy {spec.get('strategy')} quotes {spec.get('side')} {told['qty']} @ {told['price']}"
        return f"strategy {spec.get('strategy')} wants: {_asked(told)}"

    def _instrument_resolved(self, told: dict[str, Any], row: np.void) -> str:
        if row["aux"]:
            return f"no instrument for it: {told['code']}"
        return f"it means {told['instrument']}"

    def _order_drafted(self, told: dict[str, Any], row: np.void) -> str:
        return f"drafted: {_asked(told)}"

    def _risk_approved(self, told: dict[str, Any], row: np.void) -> str:
        text = f"approved; {told['hold']} {told['asset'] or ''} held".rstrip()
        limits = self._in_force(int(told["seq"]), row)
        return f"{text}; limits (version {told['limits_version']}): {limits or 'none set'}"

    def _risk_refused(self, told: dict[str, Any], row: np.void) -> str:
        verdict = told["verdict"]
        if not (row["price"] or row["qty"]):
            return f"refused: {verdict['code']}"
        if "term" in verdict:
            return f"refused: {verdict['code']}, {told['limit']} takes no such {verdict['term']}: {told['observed']}"
        observed, limit = (_counted(told[name], told["unit"]) for name in ("observed", "limit"))
        return f"refused: {verdict['code']}, {observed} against {limit} ({verdict['scope']})"

    def _order_requested(self, told: dict[str, Any], row: np.void) -> str:
        return f"to be sent: {_asked(told)}"

    def _order_amend_requested(self, told: dict[str, Any], row: np.void) -> str:
        return f"to be amended: {told['qty']} @ {told['price']}"

    def _order_cancel_requested(self, told: dict[str, Any], row: np.void) -> str:
        return f"to be canceled, {told['rest']} of it open"

    def _order_dispatched(self, told: dict[str, Any], row: np.void) -> str:
        return f"left for the venue ({told['action']})"

    def _order_accepted(self, told: dict[str, Any], row: np.void) -> str:
        number = f" as {told['venue_order']}" if told["venue_order"] else ""
        return f"the venue has it{number}, {told['filled']} filled"

    def _order_filled(self, told: dict[str, Any], row: np.void) -> str:
        way = "maker" if told["meta"].get("maker") else "taker"
        return f"executed {told['qty']} @ {told['price']}, trade {told['trade_id']}, {way}"

    def _order_fee(self, told: dict[str, Any], row: np.void) -> str:
        return f"fee {told['amount']} {told['asset']}"

    def _strategy_disabled(self, told: dict[str, Any], row: np.void) -> str:
        return f"strategy {told['strategy']} is disabled: {disabled_text(told)}"

    def _pnl_update(self, told: dict[str, Any], row: np.void) -> str:
        asset = self._lexicon.assets.get(self._lexicon.reporting, "")
        numbers = ", ".join(f"{name} {told[name]}" for name in ("realized", "unrealized", "costs"))
        missing = "; something could not be converted and is not in it" if told.get("unconverted") else ""
        return f"pnl of {told['scope']} in {asset}: {numbers}{missing}"

    def _in_force(self, seq: int, row: np.void) -> str:
        """The limits that were in force for an order's instrument, and globally, when a row was written."""
        newest: dict[tuple[int, int], int] = {}
        for at, scope, limit, value in self._limits:
            if at < seq:
                newest[scope, limit] = value
        said = []
        for (scope, limit), value in newest.items():
            parts = terms.unpack(terms.SCOPE, scope)
            other = parts["kind"] == terms.ScopeKind.INSTRUMENT and parts["number"] != int(row["instrument"])
            if value >= 0 and not other and limit in list(codes.Limit):
                where = self._teller.scope_name(parts["kind"], parts["number"]).replace(":", " ", 1)
                said.append(f"{codes.Limit(limit).name} {self._number(codes.Limit(limit), value, row)} ({where})")
        return ", ".join(said)

    def _number(self, limit: codes.Limit | None, value: int, row: np.void) -> str:
        """A limit's number in its unit."""
        instrument = self._names.at(int(row["instrument"]), 1 << 62)
        if limit in _IN_QTY and instrument is not None:
            return instrument.qty_text(int(value))
        if limit in _IN_MONEY:
            reporting = self._lexicon.reporting
            text = decimal_text(int(value), self._lexicon.scale(reporting))
            return f"{text} {self._lexicon.assets.get(reporting, '')}".rstrip()
        if limit in _IN_TIME:
            return f"{decimal_text(int(value), 9)} s"
        if limit in _IN_PPM:
            return f"{int(value)} ppm"
        return str(value)


def _counted(value: Any, unit: str | None) -> str:
    """A number with its unit; names have none."""
    text = str(value)
    return f"{text} {unit}" if unit and text.removeprefix("-")[:1].isdigit() else text


def disabled_text(told: dict[str, Any]) -> str:
    """Why a strategy was disabled.

    Args:
        told: Its strategy.disabled row as `veloz journal dump` tells it.
    """
    text = told.get("body", {}).get("text", "")
    where = f" at line {told['observed']}" if told["code"] == codes.Refusal.RAISED.name else ""
    return f"{told['code']}{where}{text and ', '}{text}"


def _asked(told: dict[str, Any]) -> str:
    """What an order row asks for."""
    spec = told["spec"]
    action = spec.get("action", "PLACE")
    if action == "CANCEL":
        return "cancel"
    price = f" @ {told['price']}" if str(told["price"]).strip("0.") else ""
    extra = " ".join(str(spec[name]) for name in ("type", "tif", "position_side") if name in spec)
    only = " reduce-only" if spec.get("reduce_only") else ""
    verb = "amend to" if action == "AMEND" else spec.get("side", "")
    return f"{verb} {told['qty']} {told['instrument'] or ''}{price} {extra}{only}"


_ENVELOPE: Final = (
    "kind",
    "topic",
    "version",
    "instrument",
    "ts_recv",
    "ts_event",
    "source",
    "cause",
    "trace",
    "flags",
    "order",
    "ref",
)


def _pairs(told: dict[str, Any], skip: Sequence[str] = ("seq",)) -> str:
    """A row's own words, one after the other."""
    shown = {
        name: value
        for name, value in told.items()
        if name not in _ENVELOPE and name not in skip and value not in (None, "")
    }
    return ", ".join(f"{name} {_flat(value)}" for name, value in shown.items())


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {each}" for name, each in value.items()) + ")"
    return str(value)
