"""Limits as people write and read them: `configs/limits.yaml` for an empty journal, and a table of what holds.

The file names scopes and limits, in the units people use:

    global: {gross: "250000", orders_per_window: 50, window: 10s}
    venue: {binance_usdm: {open_orders: 200}}
    account: {main: {leverage: "3"}}
    instrument: {"BTCUSDT@binance_usdm": {order_qty: "0.5", collar: "0.5 %"}}
    strategy: {quoter: {position_qty: "1"}}

Money is of the reporting asset, quantities are the instrument's (so `…_qty` stands in instrument scopes only: of other scopes it has no
one unit), spans carry ns, us, ms, s or m, shares a percent sign, leverage is a plain number; `off` is no limit. Decimals are exact text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from veloz.contracts.codes import VENUE_NAMES, VENUES, Limit
from veloz.contracts.layout import ROW
from veloz.contracts.registry import COMMAND_LIMIT
from veloz.contracts.terms import ScopeKind, scope
from veloz.instruments.units import Code, count_exact, decimal_text
from veloz.reducers.desk import LIMITS
from veloz.reducers.scope_rows import limit_fits
from veloz.reducers.scopes import FIXED
from veloz.reducers.state import State
from veloz.reducers.words import I
from veloz.risk.commands import looseness

PPM_SCALE: Final = 6
PERCENT_SCALE: Final = 4
OFF: Final = -1
SPANS: Final = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
_SPAN: Final = re.compile(r"(\d+)\s*(ns|us|ms|s|m)")
MONEY: Final = (
    Limit.ORDER_NOTIONAL, Limit.POSITION_NOTIONAL, Limit.GROSS, Limit.NET, Limit.DAILY_LOSS, Limit.DRAWDOWN,
)  # fmt: skip
QUANTITIES: Final = (Limit.ORDER_QTY, Limit.POSITION_QTY)
TIMES: Final = (Limit.WINDOW_NS, Limit.REPEAT_NS, Limit.STALE_NS, Limit.DUPLICATE_NS)
NAMES: Final = {limit: limit.name.lower().removesuffix("_ns").removesuffix("_ppm") for limit in Limit}
BY_NAME: Final = {name: limit for limit, name in NAMES.items()}


class LimitsError(ValueError):
    """The file of limits cannot be used; one sentence that says where and what to do."""


class Numbering(NamedTuple):
    """What the names in the file stand for."""

    accounts: Mapping[str, int]
    instruments: Mapping[str, tuple[int, int]]  # SYMBOL@venue → number, decimals of quantities
    strategies: Mapping[str, int]
    money_scale: int  # of the reporting asset


class Entry(NamedTuple):
    """One limit of one scope."""

    kind: ScopeKind
    number: int
    limit: Limit
    value: int


class Line(NamedTuple):
    """A limit as it stands, for people."""

    scope: str
    limit: str
    value: str
    revision: int
    changed_seq: int
    waiting: str  # a raise that waits for its confirmation; "" = none
    waiting_seq: int


def _decimal(text: object, scale: int, where: str) -> int:
    count, code = count_exact(str(text), scale)
    if code is not Code.EXACT or count < 0:
        raise LimitsError(f"{where} is {text}: write a number of at most {scale} decimals, not below 0.")
    return count


def read_value(limit: Limit, text: object, qty_scale: int | None, money_scale: int, where: str) -> int:
    """One value of the file.

    Args:
        limit: Which limit.
        text: As the file has it.
        qty_scale: Decimals of the scope's quantities; None: it has no one unit of quantity.
        money_scale: Of the reporting asset.
        where: For the message.

    Raises:
        LimitsError: It cannot be read exactly, or is out of bounds.
    """
    if text == "off" or text is False:  # YAML reads the bare word as a truth value
        return OFF
    if limit in QUANTITIES and qty_scale is None:
        raise LimitsError(f"{where} has no one unit of quantity: set it for an instrument.")
    if limit in TIMES:
        span = _SPAN.fullmatch(str(text).strip())
        if span is None:
            raise LimitsError(f"{where} is {text}: write a whole number and ns, us, ms, s or m.")
        value = int(span[1]) * SPANS[span[2]]
    elif limit == Limit.COLLAR_PPM:
        if not str(text).endswith("%"):
            raise LimitsError(f"{where} is {text}: write a percentage, like 0.5 %.")
        value = _decimal(str(text)[:-1].strip(), PERCENT_SCALE, where)
    elif limit in MONEY:
        value = _decimal(text, money_scale, where)
    elif limit in QUANTITIES:
        value = _decimal(text, qty_scale or 0, where)
    else:
        value = _decimal(
            int(text) if isinstance(text, bool) else text, PPM_SCALE if limit == Limit.LEVERAGE_PPM else 0, where
        )
    if not limit_fits(I(limit), I(min(value, (1 << 62) - 1))):
        raise LimitsError(f"{where} is {text}: that is out of bounds.")
    return value


def _named(kind: ScopeKind, name: str, names: Numbering) -> tuple[int, int | None]:
    """Number of a scope, and the decimals of its quantities."""
    if kind == ScopeKind.INSTRUMENT and name in names.instruments:
        return names.instruments[name]
    known: Mapping[str, int] = {
        ScopeKind.VENUE: {venue: int(market) for venue, market in VENUES.items()},
        ScopeKind.ACCOUNT: names.accounts,
        ScopeKind.STRATEGY: names.strategies,
    }.get(kind, {})
    if name not in known:
        raise LimitsError(f"There is no {kind.name.lower()} {name}: name one that the journal knows.")
    return known[name], None


def _section(kind: ScopeKind, name: str, values: object, names: Numbering) -> Iterator[Entry]:
    number, qty_scale = (0, None) if kind == ScopeKind.GLOBAL else _named(kind, name, names)
    where = f"{kind.name.lower()} {name}".strip()
    if not isinstance(values, dict):
        raise LimitsError(f"{where} holds no limits: write name: value below it.")
    for key, text in values.items():
        if key not in BY_NAME:
            raise LimitsError(f"{where} sets {key}: there are {', '.join(sorted(BY_NAME))}.")
        limit = BY_NAME[key]
        yield Entry(kind, number, limit, read_value(limit, text, qty_scale, names.money_scale, f"{where}: {key}"))


def read_limits(text: str, names: Numbering) -> list[Entry]:
    """The limits of a file, in its order.

    Args:
        text: YAML.
        names: What the names in it stand for.

    Raises:
        LimitsError: It is no YAML, or a name or a value in it cannot be used.
    """
    try:
        found: Any = msgspec.yaml.decode(text)
    except msgspec.DecodeError as cause:
        raise LimitsError(f"The limits cannot be read: {cause}; correct the file.") from cause
    kinds = {kind.name.lower(): kind for kind in ScopeKind}
    entries: list[Entry] = []
    for section, values in (found or {}).items() if isinstance(found, dict | None) else [("", None)]:
        if section not in kinds:
            raise LimitsError(f"The file of limits has a section {section!r}: there are {', '.join(kinds)}.")
        kind = kinds[section]
        if kind == ScopeKind.GLOBAL:
            entries += _section(kind, "", values, names)
            continue
        if not isinstance(values, dict):
            raise LimitsError(f"{section} names nothing: write the {section}'s name below it.")
        for name, each in values.items():
            entries += _section(kind, str(name), each, names)
    return entries


def seed(entries: list[Entry], first_seq: int, now: int, principal: int) -> np.ndarray:
    """Commands that set limits in an empty journal: one each, and its confirmation where it loosens what would hold without it.

    Args:
        entries: Of `read_limits`.
        first_seq: Number that the first row will get.
        now: Engine time, ns.
        principal: Who seeds.

    Returns:
        ROW[n]: control.limit, in order.
    """
    commands: list[tuple[int, int, int, int]] = []
    for kind, number, limit, value in entries:
        seq = first_seq + len(commands)
        commands.append((scope(kind, number), limit, value, 0))
        if looseness(I(limit), I(value), I(1)) > looseness(I(limit), I(OFF), I(1)):
            commands.append((scope(kind, number), limit, value, seq))
    rows = np.zeros(len(commands), ROW)
    rows["kind"], rows["version"], rows["ts_recv"] = COMMAND_LIMIT.number, COMMAND_LIMIT.version, now
    for row, words in zip(rows, commands, strict=True):
        row["venue_seq"], row["price"], row["qty"], row["aux"] = words
        row["ref"] = principal
    return rows


def write_value(limit: Limit, value: int, qty_scale: int, money_scale: int) -> str:
    """A value as the file would have it."""
    if value < 0:
        return "off"
    if limit in TIMES:
        unit = next(name for name in reversed(SPANS) if value % SPANS[name] == 0)
        return f"{value // SPANS[unit]}{unit}"
    if limit == Limit.COLLAR_PPM:
        return f"{decimal_text(value, PERCENT_SCALE)} %"
    if limit in MONEY:
        return decimal_text(value, money_scale)
    if limit in QUANTITIES:
        return decimal_text(value, qty_scale)
    return decimal_text(value, PPM_SCALE) if limit == Limit.LEVERAGE_PPM else str(value)


def explain(state: State, names: Numbering) -> list[Line]:
    """Every limit that is set, or waits to be raised: scope by scope, with its version."""
    instruments = {number: (name, scale) for name, (number, scale) in names.instruments.items()}
    others = {
        ScopeKind.ACCOUNT: {number: name for name, number in names.accounts.items()},
        ScopeKind.STRATEGY: {number: name for name, number in names.strategies.items()},
    }
    lines = []
    for place in range(int(state.desk[0]["scopes_used"])):
        kind, number = ScopeKind(int(state.scopes[place]["kind"])), int(state.scopes[place]["number"])
        if 0 < place < FIXED:
            kind, number = ScopeKind.VENUE, place
        name, qty_scale = instruments.get(number, (str(number), 0)) if kind == ScopeKind.INSTRUMENT else ("", 0)
        if kind == ScopeKind.VENUE:
            name = VENUE_NAMES.get(number, str(number))
        elif kind in others:
            name = others[kind].get(number, str(number))
        for limit in Limit:
            note, value = state.limit_notes[place * LIMITS + limit], int(state.limits[place * LIMITS + limit])
            waits = int(note["pending_seq"])
            if value >= 0 or waits or note["revision"]:
                text = write_value(limit, int(note["pending_value"]), qty_scale, names.money_scale) if waits else ""
                told = write_value(limit, value, qty_scale, names.money_scale)
                where, revision, changed = (
                    f"{kind.name.lower()} {name}".strip(),
                    int(note["revision"]),
                    int(note["changed_seq"]),
                )
                lines.append(Line(where, NAMES[limit], told, revision, changed, text, waits))
    return lines
