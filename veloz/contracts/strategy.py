"""strategy.*: what strategies want, and what became of them. All are decisions: `ref` names the record that woke it."""

import msgspec

from veloz.contracts.measures import Bits, Code, Count, Number, OrderKey, Price, Qty, Seq


class IntentStated(msgspec.Struct, frozen=True, kw_only=True, tag="strategy.intent.v1"):
    """What a strategy wants. `order`: the order to cancel or amend, else 0. QUOTE: one row a side, FIRST and LAST mark the pair."""

    order: OrderKey
    price: Price
    qty: Qty
    ref: Seq
    spec: Bits


class StrategyDisabled(msgspec.Struct, frozen=True, kw_only=True, tag="strategy.disabled.v1"):
    """A strategy broke a rule and is woken no more until a person starts it again. RAISED: `observed` is the line of its own text."""

    strategy: Count
    code: Code  # codes.Refusal
    observed: Number
    ref: Seq
    limit: Number


class DisabledBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of strategy.disabled with RAISED: for people. Nothing is decided by it, and no verification compares it."""

    text: str  # what it raised: type and message, one line of at most 200 characters, numbers like 0x7f… left out
