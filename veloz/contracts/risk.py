"""risk.*: verdicts of the gate, stop levels, breakers, limits. All are decisions: `ref` names the cause."""

import msgspec

from veloz.contracts.measures import Asset, Bits, Code, Count, Money, Number, OrderKey, Seq


class OrderApproved(msgspec.Struct, frozen=True, kw_only=True, tag="risk.approved.v1"):
    """A draft may be sent; what its whole quantity could cost is held. `ref`: order.drafted."""

    order: OrderKey
    hold: Money
    asset: Asset
    ref: Seq
    limits_version: Count


class OrderRefused(msgspec.Struct, frozen=True, kw_only=True, tag="risk.refused.v1"):
    """A draft may not be sent: the code, and the numbers that led to it. `ref`: order.drafted, or what asked where no draft came about."""

    order: OrderKey
    limit: Number
    observed: Number
    ref: Seq
    verdict: Bits  # terms.VERDICT: code, scope, and what the numbers count


class TradingStopped(msgspec.Struct, frozen=True, kw_only=True, tag="risk.stopped.v1"):
    """A stop level of a scope changed. `ref`: the command, or what tripped it."""

    scope: Bits
    level: Code  # codes.StopLevel
    source: Code  # codes.StopSource
    ref: Seq
    before: Code


class FillViolated(msgspec.Struct, frozen=True, kw_only=True, tag="risk.violation.v1"):
    """A fill is not what was approved. `ref`: order.filled."""

    order: OrderKey
    limit: Number
    observed: Number
    ref: Seq
    verdict: Bits


class BreakerMoved(msgspec.Struct, frozen=True, kw_only=True, tag="risk.breaker.v1"):
    """A circuit breaker of a scope opened or closed."""

    scope: Bits
    breaker: Bits  # codes.Breaker, and codes.BreakerState << 8
    observed: Number
    ref: Seq
    limit: Number


class LimitChanged(msgspec.Struct, frozen=True, kw_only=True, tag="risk.limit.v1"):
    """A limit has a new value, or waits for its second confirmation. `ref`: control.limit."""

    scope: Bits
    limit: Bits  # codes.Limit, and codes.LimitStep << 16
    value: Number
    ref: Seq
    revision: Count


class InstrumentFrozen(msgspec.Struct, frozen=True, kw_only=True, tag="risk.frozen.v1"):
    """Something cannot be explained: only cancels for this instrument until a person settles it. `ref`: the record."""

    scope: Bits
    code: Code  # codes.Refusal
    observed: Number
    ref: Seq
    expected: Number


class CommandRefused(msgspec.Struct, frozen=True, kw_only=True, tag="risk.command_refused.v1"):
    """A command cannot be done. `ref`: the command."""

    scope: Bits
    code: Code
    observed: Number
    ref: Seq
    limit: Number
