"""order.*: the life of an order, from draft to the venue's last word.

Decisions (drafted … amend_requested) name their cause in `ref`. Reports are what the venue, or the attempt to reach it, says; `order` is
the order's key, `meta` and `spec` are packed as in `terms.py`. A trade is one `order.filled` row and, right behind it,
one `order.fee` row when a fee was stated; a state report follows them.
"""

import msgspec

from veloz.contracts.measures import (
    Asset,
    Bits,
    Code,
    Money,
    Nanos,
    Number,
    OrderKey,
    Ppm,
    Price,
    Qty,
    Seq,
    VenueId,
)  # fmt: skip


class OrderDrafted(msgspec.Struct, frozen=True, kw_only=True, tag="order.drafted.v1"):
    """One concrete order (or amendment), not yet judged. `ref`: instrument.resolved, or the command. Price 0: none."""

    order: OrderKey
    price: Price
    qty: Qty
    ref: Seq
    spec: Bits


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True, tag="order.terms.v1"):
    """What the row right before it (its spec says `more`) could not hold. Behind a draft it is a decision and `ref` is the draft."""

    trigger: Price
    activation: Price
    callback_ppm: Ppm
    ref: Seq  # the row it belongs to; 0 where that row has no number yet
    expire_ns: Nanos


class OrderRequested(msgspec.Struct, frozen=True, kw_only=True, tag="order.requested.v1"):
    """An approved order is to be sent. `ref`: risk.approved."""

    order: OrderKey
    price: Price
    qty: Qty
    ref: Seq
    spec: Bits


class CancelRequested(msgspec.Struct, frozen=True, kw_only=True, tag="order.cancel_requested.v1"):
    """An order is to be canceled. `ref`: the intent, command or stop that wants it."""

    order: OrderKey
    spare: Number
    rest: Qty
    ref: Seq
    spec: Bits


class AmendRequested(msgspec.Struct, frozen=True, kw_only=True, tag="order.amend_requested.v1"):
    """An approved amendment is to be sent: the order's new price and whole quantity. `ref`: risk.approved."""

    order: OrderKey
    price: Price
    qty: Qty
    ref: Seq
    spec: Bits


class OrderDispatched(msgspec.Struct, frozen=True, kw_only=True, tag="order.dispatched.v1"):
    """Bytes of a request left. `ref`: the request."""

    order: OrderKey
    action: Code  # terms.Action
    sent_ns: Nanos
    ref: Seq
    meta: Bits


class OrderNotSent(msgspec.Struct, frozen=True, kw_only=True, tag="order.not_sent.v1"):
    """Provably nothing left: the request is over. `ref`: the request."""

    order: OrderKey
    action: Code
    reason: Code
    ref: Seq
    meta: Bits


class OrderSilent(msgspec.Struct, frozen=True, kw_only=True, tag="order.silent.v1"):
    """The outcome of a request is not known. Absence cannot be proved before `horizon_ns`. `ref`: the request."""

    order: OrderKey
    action: Code
    horizon_ns: Nanos
    ref: Seq
    meta: Bits


class OrderReported(msgspec.Struct, frozen=True, kw_only=True, tag="order.accepted.v1"):
    """Words of order.accepted, canceled, expired: what the venue says the order is. `filled` is cumulative."""

    order: OrderKey
    venue_order: Number  # the venue's own number, 0 = not stated
    filled: Qty
    venue_seq: VenueId  # the venue's order of reports (execution id, update time); greater = later
    meta: Bits


class OrderRejected(msgspec.Struct, frozen=True, kw_only=True, tag="order.rejected.v1"):
    """The venue did not take the order."""

    order: OrderKey
    code: Number  # the venue's
    filled: Qty
    venue_seq: VenueId
    meta: Bits


class OrderReplaced(msgspec.Struct, frozen=True, kw_only=True, tag="order.replaced.v1"):
    """meta.action AMEND: an amendment took hold, price and whole quantity now. PLACE: another order took its place, `qty` was filled."""

    order: OrderKey
    price: Price
    qty: Qty
    venue_seq: VenueId
    meta: Bits


class RequestRejected(msgspec.Struct, frozen=True, kw_only=True, tag="order.request_rejected.v1"):
    """The venue refused a cancel or an amendment (meta.action); the order stays what it was."""

    order: OrderKey
    code: Number
    filled: Qty
    venue_seq: VenueId
    meta: Bits


class OrderFilled(msgspec.Struct, frozen=True, kw_only=True, tag="order.filled.v1"):
    """One execution. Counted once by (account, instrument, trade_id). `meta` says side, maker, and why."""

    order: OrderKey
    price: Price
    qty: Qty
    trade_id: Number  # the venue's; negative where it has none and the codec made one
    meta: Bits


class FeePaid(msgspec.Struct, frozen=True, kw_only=True, tag="order.fee.v1"):
    """Fee of the execution right before it. Below 0: a rebate."""

    order: OrderKey
    amount: Money
    asset: Asset
    trade_id: Number
    meta: Bits


class OrderMissing(msgspec.Struct, frozen=True, kw_only=True, tag="order.missing.v1"):
    """The venue, asked, does not know the order. `proof` says what else was looked at: codes.Proof."""

    order: OrderKey
    proof: Bits
    spare: Number
    venue_seq: VenueId  # the venue's clock, ns
    meta: Bits


class TradeBusted(msgspec.Struct, frozen=True, kw_only=True, tag="order.busted.v1"):
    """The venue took back an execution."""

    order: OrderKey
    price: Price
    qty: Qty
    trade_id: Number
    meta: Bits


class OrderStated(msgspec.Struct, frozen=True, kw_only=True, tag="order.stated.v1"):
    """What an order is, whole: first row about a foreign order, and of a venue's statement. A state report follows."""

    order: OrderKey
    price: Price
    qty: Qty
    venue_seq: VenueId
    spec: Bits
