"""control.*: what people and agents may ask for. Commands are inputs; what they lead to follows as decisions in the same step."""

from typing import Any

import msgspec

from veloz.contracts.measures import Bits, Code, Count, Number, OrderKey, Price, Qty, Seq


class OrderCommanded(msgspec.Struct, frozen=True, kw_only=True, tag="control.order.v1"):
    """Place, cancel or amend by hand. `order`: the one to cancel or amend, else 0 (cancel with 0: all of the instrument)."""

    order: OrderKey
    price: Price
    qty: Qty
    principal: Count
    spec: Bits


class StopCommanded(msgspec.Struct, frozen=True, kw_only=True, tag="control.stop.v1"):
    """Set a scope's stop level: a safer one at once, a lower one only with `phrase` and after a clean reconciliation."""

    scope: Bits
    level: Code  # codes.StopLevel
    phrase: Number  # codes.phrase_number of the typed phrase; 0 = none
    principal: Count
    source: Code


class LimitCommanded(msgspec.Struct, frozen=True, kw_only=True, tag="control.limit.v1"):
    """Set a limit. Lower: at once. Higher or off: a second command with `confirm` = seq of the first."""

    scope: Bits
    limit: Code  # codes.Limit
    value: Number  # -1: no limit
    principal: Count
    confirm: Seq


class BreakerCommanded(msgspec.Struct, frozen=True, kw_only=True, tag="control.breaker.v1"):
    """Set up a breaker of a scope: opens at `threshold` within `window_ns`; closes after `cooldown_ns` (0: by a person)."""

    scope: Bits
    breaker: Bits  # codes.Breaker, and the codes.StopLevel it sets << 8
    threshold: Number
    window_ns: Number
    cooldown_ns: Number


class StrategyCommanded(msgspec.Struct, frozen=True, kw_only=True, tag="control.strategy.v1"):
    """Load, start, pause, stop, replace. Load and replace have a body."""

    strategy: Count  # from 1
    action: Code  # codes.StrategyAction
    code_hash: Number  # first 63 bits of the hash of its source
    principal: Count
    account: Count


class StrategyBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of control.strategy: which code, and its parameters as text."""

    name: str
    code: str  # module:Class or name of a built-in
    form: str = "python"  # python | kernel
    code_hash: str = ""
    sdk: str = ""
    instruments: list[str] = []
    params: dict[str, Any] = {}
    source: str = ""


class ParameterCommanded(msgspec.Struct, frozen=True, kw_only=True, tag="control.param.v1"):
    """Change one parameter of a running strategy; its name and value are in the body."""

    strategy: Count
    index: Count
    value: Number
    principal: Count
    revision: Count  # of the strategy's parameters, one more at each change


class ParameterBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of control.param."""

    name: str
    value: str


class DifferenceSettled(msgspec.Struct, frozen=True, kw_only=True, tag="control.settle.v1"):
    """Adopt the venue's side of a difference, ignore it, or flatten. `difference`: its row; 0 = all of the instrument."""

    difference: Seq
    action: Code  # codes.SettleAction
    account: Count
    principal: Count
