"""A row's own words as people read them: decimals, names of codes, the parts of packed words, client ids."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

import msgspec
import numpy as np

from veloz.contracts import codes, layout, terms
from veloz.contracts.codes import VENUE_NAMES
from veloz.contracts.registry import Kind
from veloz.history.measuring import (
    Verdict,
    measure_breaker,
    measure_difference,
    measure_limit,
    measure_refusal,
    refusal_unit,
)
from veloz.instruments.instrument import Instrument
from veloz.instruments.lexicon import Lexicon
from veloz.instruments.units import decimal_text

SIDED: Final = {"md.level": ("bid", "ask"), "md.partial": ("bid", "ask")}
TAKER: Final = {"md.trade": ("buy", "sell"), "md.aggtrade": ("buy", "sell"), "md.liquidation": ("buy", "sell")}
WORD_NAMES: Final = tuple(layout.ROW.names or ())[len(layout.HEAD) :]
E8_SCALE: Final = 8
PPM_SCALE: Final = 6
CODED: Final[dict[tuple[str, str], type[IntEnum]]] = {
    ("system.refused", "reason"): codes.Refusal,
    ("system.link", "event"): codes.LinkEvent,
    ("account.opened", "market"): codes.Market,
    ("account.changed", "reason"): codes.BalanceReason,
    ("instrument.assets", "product"): codes.Product,
    ("instrument.status", "status"): codes.TradingStatus,
    ("instrument.resolved", "code"): codes.Refusal,
    ("order.dispatched", "action"): terms.Action,
    ("order.not_sent", "action"): terms.Action,
    ("order.silent", "action"): terms.Action,
    ("risk.stopped", "level"): codes.StopLevel,
    ("risk.stopped", "before"): codes.StopLevel,
    ("risk.stopped", "source"): codes.StopSource,
    ("risk.frozen", "code"): codes.Refusal,
    ("risk.command_refused", "code"): codes.Refusal,
    ("strategy.disabled", "code"): codes.Refusal,
    ("control.stop", "level"): codes.StopLevel,
    ("control.stop", "source"): codes.StopSource,
    ("control.limit", "limit"): codes.Limit,
    ("control.strategy", "action"): codes.StrategyAction,
    ("control.settle", "action"): codes.SettleAction,
}
Find = Callable[[int], Instrument | None]
_VERDICTS: Final = ("risk.refused", "risk.violation")
_BREAKERS: Final = {"risk.breaker": ("observed", "limit"), "control.breaker": ("threshold",)}
_LIMITS: Final = ("risk.limit", "control.limit")
_SPEC_ENUMS: Final[dict[str, type[IntEnum]]] = {
    "action": terms.Action, "form": terms.Form, "type": terms.OrderType, "tif": terms.TimeInForce,
    "position_side": terms.PositionSide, "stp": terms.SelfTrade, "trigger_by": terms.TriggerBy, "origin": terms.Origin,
    "why": terms.Why,
}  # fmt: skip
_ALWAYS: Final = frozenset({"action", "type", "tif", "account"})


class Teller:
    """Tells rows by name. Holds what names things besides instruments."""

    def __init__(self, lexicon: Lexicon, find: Find = lambda number: None) -> None:
        """`find`: an instrument by its number; None where it is not known."""
        self.lexicon = lexicon
        self._find = find
        self._units: dict[str, Callable[[int, dict[str, int]], Any]] = {
            "e8": lambda value, _: decimal_text(value, E8_SCALE),
            "ppm": lambda value, _: decimal_text(value, PPM_SCALE),
            "order": lambda value, _: lexicon.order_name(value),
            "asset": lambda value, _: lexicon.assets.get(value, value),
            "money": self._money,
            "worth": lambda value, _: decimal_text(value, lexicon.scale(lexicon.reporting)),
            "seq": lambda value, _: value or None,
        }

    def tell(self, kind: Kind, row: np.void, instrument: Instrument | None) -> dict[str, Any]:
        """A row's own words by name.

        Args:
            kind: Its kind.
            row: layout.ROW.
            instrument: The version of its instrument that it is written in; None: it has none, prices stay counts.
        """
        told: dict[str, Any] = _sides(kind, int(row["flags"]))
        words = {name: int(row[slot]) for slot, name in zip(WORD_NAMES, kind.words, strict=False)}
        for name, unit in zip(kind.words, kind.units, strict=True):
            told[name] = self._value(kind, name, unit, words, instrument)
        if kind.name in _VERDICTS:
            parts = terms.unpack(terms.VERDICT, words["verdict"])
            verdict = Verdict(parts["code"], parts["kind"], parts["part"])
            for name in ("limit", "observed"):
                told[name] = measure_refusal(verdict, name, words[name], instrument, self.lexicon)
            told["unit"] = refusal_unit(verdict, instrument, self.lexicon)
        elif kind.name == "system.diverged":
            for name in ("ours", "theirs"):
                told[name] = measure_difference(words["what"], words[name], instrument, self.lexicon)
        elif kind.name in _BREAKERS:
            for name in _BREAKERS[kind.name]:
                told[name] = measure_breaker(words["breaker"] & 0xFF, words[name])
        elif kind.name in _LIMITS:
            told["value"] = self._limit(words)
        elif kind.name == "pnl.update" and int(row["flags"]) & layout.INEXACT:
            told["unconverted"] = True
        if kind.name == "system.source":
            told["venue"] = VENUE_NAMES.get(told["market"])
        return told

    def _value(self, kind: Kind, name: str, unit: str, words: dict[str, int], instrument: Instrument | None) -> Any:
        value = words[name]
        if unit == "price":
            return instrument.price_text(value) if instrument else value
        if unit == "qty":
            return instrument.qty_text(value) if instrument else value
        if unit == "bits":
            return self._parts(kind, name, value)
        if name == "strategy":
            return self.lexicon.strategies.get(value, value)
        if unit in self._units:
            return self._units[unit](value, words)
        enum = CODED.get((kind.name, name))
        return enum(value).name if enum is not None and value in list(enum) else value

    def _limit(self, words: dict[str, int]) -> Any:
        scope = terms.unpack(terms.SCOPE, words["scope"])
        about = self._find(scope["number"]) if scope["kind"] == terms.ScopeKind.INSTRUMENT else None
        return measure_limit(words["limit"] & 0xFFFF, words["value"], about, self.lexicon)

    def _money(self, value: int, words: dict[str, int]) -> Any:
        asset = words.get("asset", 0)
        return decimal_text(value, self.lexicon.scale(asset)) if asset in self.lexicon.assets else value

    def _parts(self, kind: Kind, name: str, word: int) -> Any:
        if name in ("spec", "meta", "account"):
            return self._terms(terms.SPEC if name == "spec" else terms.META, word)
        if name == "scope":
            parts = terms.unpack(terms.SCOPE, word)
            return self.scope_name(parts["kind"], parts["number"])
        if name == "verdict":
            parts = terms.unpack(terms.VERDICT, word)
            told = {
                "code": _named(codes.Refusal, parts["code"]),
                "scope": self.scope_name(parts["kind"], parts["number"]),
            }
            if parts["code"] == codes.Refusal.BAD_TERMS and parts["part"]:
                told["term"] = _named(codes.Term, parts["part"])
            return told
        if name == "breaker":
            second = codes.BreakerState if kind.name == "risk.breaker" else codes.StopLevel
            return {"breaker": _named(codes.Breaker, word & 0xFF), "to": _named(second, word >> 8)}
        if name == "limit":
            return {"limit": _named(codes.Limit, word & 0xFFFF), "step": _named(codes.LimitStep, word >> 16)}
        if name == "what":
            return {
                "difference": _named(codes.Difference, word & 0xFF), "severity": _named(codes.Severity, word >> 8 & 0xFF),
                "account": word >> 16 & 0xFF, "asset": self.lexicon.assets.get(word >> 24),
            }  # fmt: skip
        if name == "proof":
            return [bit.name for bit in codes.Proof if word & bit]
        return word

    def _terms(self, packing: terms.Packing, word: int) -> dict[str, Any]:
        """Packed terms by name; parts that say nothing are left out."""
        parts: dict[str, Any] = {}
        for name, value in terms.unpack(packing, word).items():
            if name == "sell":
                parts["side"] = "sell" if value else "buy"
            elif name == "strategy" and value:
                parts[name] = self.lexicon.strategies.get(value, value)
            elif name == "account":
                parts[name] = self.lexicon.accounts.get(value, value)
            elif value or (name in _ALWAYS and packing is terms.SPEC):
                parts[name] = _named(_SPEC_ENUMS[name], value) if name in _SPEC_ENUMS else value
        return parts

    def scope_name(self, kind: int, number: int) -> str:
        """A scope as `kind:name`, `global` alone."""
        if kind == terms.ScopeKind.GLOBAL:
            return "global"
        instrument = self._find(number) if kind == terms.ScopeKind.INSTRUMENT else None
        if instrument is not None:
            return f"instrument:{instrument.symbol}"
        names: dict[int, dict[int, str]] = {
            terms.ScopeKind.VENUE: VENUE_NAMES,
            terms.ScopeKind.ACCOUNT: self.lexicon.accounts,
            terms.ScopeKind.STRATEGY: self.lexicon.strategies,
        }
        return f"{_named(terms.ScopeKind, kind).lower()}:{names.get(kind, {}).get(number, number)}"


def _named(enum: type[IntEnum], value: int) -> str:
    return enum(value).name if value in list(enum) else str(value)


def read_body(kind: Kind, body: bytes) -> Any:
    """A row's body by name; its bytes where they are none.

    Args:
        kind: Of the row, one that has bodies.
        body: As it is journaled.
    """
    assert kind.body is not None
    try:
        return msgspec.to_builtins(msgspec.msgpack.decode(body, type=kind.body))
    except msgspec.MsgspecError:
        return {"unreadable": body.hex()}


def _sides(kind: Kind, flags: int) -> dict[str, Any]:
    """What the flags of market rows say."""
    ask = bool(flags & layout.ASK)
    told: dict[str, Any] = {}
    if kind.name in SIDED:
        told["side"] = SIDED[kind.name][ask]
    if kind.name in TAKER:
        told["taker" if kind.name != "md.liquidation" else "side"] = TAKER[kind.name][ask]
    if kind.name == "md.bar":
        told["closed"] = bool(flags & layout.CLOSED)
    return told
