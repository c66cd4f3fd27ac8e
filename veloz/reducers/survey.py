"""One walk over the open orders and positions of a draft's instrument: all that the gate, and the fold of its verdict, must know of them.

Three sums are kept apart: the account's own position on the draft's position side, the same of all accounts (`all`), and the
strategy's share of it (`share`).
"""

from typing import Final, NamedTuple

import numpy as np

from veloz.contracts.kernel import kernel
from veloz.contracts.terms import Action, OrderType
from veloz.reducers.bits import (
    M_ACCOUNT,
    M_SIDE,
    M_STRATEGY,
    M_TIF,
    M_TYPE,
    S_ACCOUNT,
    S_REDUCE,
    S_SELL,
    S_SIDE,
    S_STRATEGY,
    S_TIF,
    S_TYPE,
    part,
)  # fmt: skip
from veloz.reducers.order_table import is_over
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.state import State
from veloz.reducers.words import NONE, ONE, ZERO, I
from veloz.reducers.worst import (
    clip,
    is_committed,
    is_conditional,
    is_reducing_kind,
    most_long,
    most_short,
    open_rest,
    owed_of,
    rest_of,
)  # fmt: skip

PRICE_TOP: Final = I((1 << 62) - 1)  # what a market order may pay
_MARKET: Final = I(OrderType.MARKET)
_AMEND: Final = I(Action.AMEND)
# What makes two orders the same: everything in spec but which leg it is, who asked for it, and how.
SAME_SPEC: Final = I(
    (M_TYPE << S_TYPE)
    | (M_TIF << S_TIF)
    | (ONE << S_SELL)
    | (ONE << S_REDUCE)
    | (M_SIDE << S_SIDE)
    | (M_ACCOUNT << S_ACCOUNT)
    | (M_STRATEGY << S_STRATEGY)
)


class Open(NamedTuple):
    """Quantities of one position and the open orders on it, the draft not among them."""

    qty: I
    buys: I
    sells: I
    buys_reducing: I
    sells_reducing: I


class Survey(NamedTuple):
    """What a draft meets. Quantities in quanta."""

    reducing: I  # 1: it can only make the position smaller, whatever else is filled
    room: I  # what there is to reduce
    queued: I  # what reduces already, and this draft
    sure: I  # 1: it reduces, and nothing beside it that is not bound to reduce can turn the position
    crowd: I  # all that is open on its side, bound to reduce or not, and this draft
    rest: I  # what the draft may trade
    own_more: I  # by how much the worst case of the account's position grows, whichever way it lies
    share_more: I
    own_toward: I  # by how much the most it can be on the draft's side grows
    share_toward: I
    own_most: I  # the most it can be on the draft's side, the draft included
    all_most: I
    share_most: I
    bid: I  # the best price of own orders that could trade with it; NONE: there is none
    ask: I
    twin_ns: I  # when the newest order like it was made; NONE: there is none


@kernel
def _add_position(sums: Open, qty: I) -> Open:
    return Open(clip(sums.qty + clip(qty)), sums.buys, sums.sells, sums.buys_reducing, sums.sells_reducing)


@kernel
def _add_order(sums: Open, sell: I, reducing: bool, rest: I) -> Open:
    buys, sells, buys_reducing, sells_reducing = sums.buys, sums.sells, sums.buys_reducing, sums.sells_reducing
    if reducing:
        if sell != ZERO:
            sells_reducing = clip(sells_reducing + rest)
        else:
            buys_reducing = clip(buys_reducing + rest)
    elif sell != ZERO:
        sells = clip(sells + rest)
    else:
        buys = clip(buys + rest)
    return Open(sums.qty, buys, sells, buys_reducing, sells_reducing)


@kernel
def _most(sums: Open, sell: I) -> I:
    """The most that a position can be on one side."""
    if sell == ZERO:
        return most_long(sums.qty, sums.buys, sums.buys_reducing)
    return most_short(sums.qty, sums.sells, sums.sells_reducing)


@kernel
def _worst(sums: Open) -> I:
    """The most that a position can be, whichever way."""
    return max(ZERO, max(_most(sums, ZERO), _most(sums, ONE)))


@kernel
def _nothing() -> Open:
    return Open(ZERO, ZERO, ZERO, ZERO, ZERO)


@kernel
def _sum_positions(state: State, order: np.void, side: I) -> tuple[Open, Open, Open]:
    own, everyone, share = _nothing(), _nothing(), _nothing()
    at = I(state.terms[order["instrument"]]["positions_ix"])
    while at >= ZERO:
        position = state.positions[at]
        if position["side"] == side:
            if position["strategy"] == NO_STRATEGY:
                everyone = _add_position(everyone, I(position["qty"]))
                if position["account"] == order["account"]:
                    own = _add_position(own, I(position["qty"]))
            elif position["strategy"] == order["strategy"] and position["account"] == order["account"]:
                share = _add_position(share, I(position["qty"]))
        at = I(position["next_ix"])
    return own, everyone, share


@kernel
def _best(order: np.void, spec: I, sell: I, price: I) -> I:
    """The more aggressive of a price and what an order of that side may pay or take."""
    own = I(order["price"])
    if part(spec, S_TYPE, M_TYPE) == _MARKET:
        own = ZERO if sell != ZERO else PRICE_TOP
    elif order["pending_action"] == _AMEND:
        pending = I(order["pending_price"])
        own = min(own, pending) if sell != ZERO else max(own, pending)
    if price == NONE:
        return own
    return min(price, own) if sell != ZERO else max(price, own)


@kernel
def is_twin(spec: I, price: I, qty: I, other_spec: I, other_price: I, other_qty: I) -> bool:
    """Whether two orders ask for the same."""
    return bool(price == other_price and qty == other_qty and (spec ^ other_spec) & SAME_SPEC == ZERO)


@kernel
def _walk(state: State, order_ix: I, own: Open, everyone: Open, share: Open) -> tuple[Open, Open, Open, I, I, I, I]:
    """The open orders beside the draft: into the sums; ordinary reducing ones of its side; best bid and ask; the newest twin."""
    draft = state.orders[order_ix]
    spec = I(draft["spec"])
    side, sell = part(spec, S_SIDE, M_SIDE), part(spec, S_SELL, ONE)
    queued, bid, ask, twin_ns = ZERO, NONE, NONE, NONE
    at = I(state.terms[draft["instrument"]]["orders_ix"])
    while at >= ZERO:
        order = state.orders[at]
        if at != order_ix and is_committed(order):
            words = I(order["spec"])
            order_sell, is_live = part(words, S_SELL, ONE), not is_over(order["state"])
            if part(words, S_SIDE, M_SIDE) == side:
                rest, reducing = open_rest(order), is_reducing_kind(words)
                everyone = _add_order(everyone, order_sell, reducing, rest)
                if order["account"] == draft["account"]:
                    own = _add_order(own, order_sell, reducing, rest)
                    if reducing and order_sell == sell:
                        queued = clip(queued + (owed_of(order) if is_conditional(words) else rest))
                    if order["strategy"] == draft["strategy"]:
                        share = _add_order(share, order_sell, reducing, rest)
                        if is_live and is_twin(
                            spec, I(draft["price"]), I(draft["qty"]), words, I(order["price"]), I(order["qty"])
                        ):
                            twin_ns = max(twin_ns, I(order["created_ns"]))
            if is_live and not is_conditional(words):
                if order_sell != ZERO:
                    ask = _best(order, words, ONE, ask)
                else:
                    bid = _best(order, words, ZERO, bid)
        at = I(order["next_ix"])
    return own, everyone, share, queued, bid, ask, twin_ns


@kernel
def survey(state: State, order_ix: I) -> Survey:
    """What an order or amendment that is to be judged meets. Its instrument must be within `terms`."""
    draft = state.orders[order_ix]
    spec = I(draft["spec"])
    side, sell = part(spec, S_SIDE, M_SIDE), part(spec, S_SELL, ONE)
    kind = is_reducing_kind(spec)
    own, everyone, share = _sum_positions(state, draft, side)
    own, everyone, share, queued, bid, ask, twin_ns = _walk(state, order_ix, own, everyone, share)
    rest, before = rest_of(draft, I(draft["qty"])), ZERO
    if draft["pending_action"] == _AMEND:
        before = rest
        rest = rest_of(draft, max(I(draft["pending_qty"]), I(draft["qty"])))
    room = own.qty if sell != ZERO else -own.qty
    plain = own.sells if sell != ZERO else own.buys
    if not kind:
        queued = clip(plain + (own.sells_reducing if sell != ZERO else own.buys_reducing))
    elif is_conditional(spec):
        queued = ZERO
    queued = clip(queued + rest)
    crowd = clip(queued + plain) if kind else queued
    reducing, sure = I(ZERO < queued <= room and rest > ZERO), I(ZERO < crowd <= room and rest > ZERO)
    own_before, share_before = _add_order(own, sell, kind, before), _add_order(share, sell, kind, before)
    own, share = _add_order(own, sell, kind, rest), _add_order(share, sell, kind, rest)
    everyone = _add_order(everyone, sell, kind, rest)
    return Survey(
        reducing, max(room, ZERO), queued, sure, crowd, rest,
        max(_worst(own) - _worst(own_before), ZERO),
        max(_worst(share) - _worst(share_before), ZERO),
        max(_most(own, sell) - _most(own_before, sell), ZERO),
        max(_most(share, sell) - _most(share_before, sell), ZERO),
        _most(own, sell), _most(everyone, sell), _most(share, sell),
        bid, ask, twin_ns,
    )  # fmt: skip
