"""What orders may cost: the money that is held for them while they are open.

Spot: a buy holds quote, a sell base. Contracts hold initial margin, in what they settle in, for the part that would open or grow a
position. Nothing is held for fees: on spot they come out of what is received (where another asset pays them and runs short, the
venue takes them there all the same), of contracts out of the wallet. No collar is added to the price of a market order: how far it
may lie from the reference is the gate's to bound.
"""

from typing import Final

import numpy as np

from veloz.contracts import codes
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import PositionSide
from veloz.reducers.balances import balance_place, bounded
from veloz.reducers.bits import M_SIDE, P_INVERSE, P_SPOT, S_REDUCE, S_SELL, S_SIDE, part
from veloz.reducers.limits import MONEY_MAX
from veloz.reducers.liquidation import terms_of
from veloz.reducers.places import NO_STRATEGY, SIDE_BOTH, find_position
from veloz.reducers.prices import reference_price
from veloz.reducers.state import State
from veloz.reducers.wide import WORD_MAX, divide_up
from veloz.reducers.words import ONE, ZERO, I
from veloz.reducers.worst import open_rest
from veloz.reducers.worth import base_money, fill_value, money_asset, to_money_up

_UNTRADABLE, _NO_REFERENCE = I(codes.Refusal.UNTRADABLE), I(codes.Refusal.NO_REFERENCE)
_ARITHMETIC: Final = I(codes.Refusal.ARITHMETIC)
_LONG: Final = I(PositionSide.LONG)
_MONEY_MAX: Final = I(MONEY_MAX)


@cold
def money_up(state: State, instrument: I, price: I, qty: I, leverage: I) -> tuple[I, bool]:
    """Money of `money_asset` that a quantity at a price is worth, divided by leverage, rounded up; and whether it is within bounds.
    0 <= price, qty <= WORD_MAX, 1 <= leverage.
    """
    hi, lo, ok = fill_value(state, instrument, price, qty)
    if not ok:
        return ZERO, False
    money, ok = to_money_up(state, instrument, hi, lo, ZERO)
    if not ok:
        return ZERO, False
    _, money = divide_up(ZERO, money, leverage)
    return money, True


@kernel
def _closable(state: State, account: I, instrument: I, sell: I) -> I:
    """How much of the account's one-way position orders of a side would close."""
    at = find_position(state, account, instrument, SIDE_BOTH, NO_STRATEGY)
    if at < ZERO:
        return ZERO
    qty = I(state.positions[at]["qty"])
    return max(qty if sell != ZERO else -qty, ZERO)


@kernel
def _same_way(order: np.void, account: I, sell: I) -> bool:
    """Whether an order is one of an account on a side of its one-way position."""
    spec = order["spec"]
    return bool(
        order["account"] == account and (spec >> S_SELL) & ONE == sell and part(spec, S_SIDE, M_SIDE) == SIDE_BOTH
    )


@kernel
def _closes(spec: I, side: I) -> bool:
    """Whether an order can only close: reduce-only, or against its side in hedge mode."""
    if part(spec, S_REDUCE, ONE) != ZERO:
        return True
    return bool(side != SIDE_BOTH and (side == _LONG) != (part(spec, S_SELL, ONE) == ZERO))


@cold
def growing(state: State, order_ix: I, qty: I) -> I:
    """The part of `qty` of a contract order that would open a position or make it greater: after every other open order of the account on
    the same side has traded first, and taken what there is to close. Reduce-only, and closing in hedge mode: none.
    """
    order = state.orders[order_ix]
    spec, account, instrument = I(order["spec"]), I(order["account"]), I(order["instrument"])
    sell, side = part(spec, S_SELL, ONE), part(spec, S_SIDE, M_SIDE)
    if _closes(spec, side):
        return ZERO
    if side != SIDE_BOTH:
        return qty
    left = _closable(state, account, instrument, sell)
    at = I(state.terms[instrument]["orders_ix"])
    while at >= ZERO and left > ZERO:
        other = state.orders[at]
        if at != order_ix and _same_way(other, account, sell):
            left -= min(left, open_rest(state.orders[at]))
        at = I(other["next_ix"])
    return qty - min(qty, left)


@kernel
def dearest_price(product: I, sell: I, price: I, trigger: I, reference: I) -> I:
    """The price at which an order would cost most; 0: there is none to go by.

    A limit bounds one side only: a linear sell may fill above it and an inverse buy below it, at the reference, and cost more margin.
    Without a limit it is the reference, or the trigger where that is worse.
    """
    cheap = product == P_INVERSE  # the lower the price, the more coin
    if price > ZERO:
        open_side = sell == ZERO if cheap else sell != ZERO
        if product == P_SPOT or not open_side or reference <= ZERO:
            return price
        return min(price, reference) if cheap else max(price, reference)
    if reference <= ZERO or trigger <= ZERO:
        return max(reference, ZERO)
    return min(reference, trigger) if cheap else max(reference, trigger)


@cold
def order_hold(state: State, order_ix: I, price: I, qty: I, amount: np.ndarray) -> I:
    """What an order could cost: amount[0] money, rounded up, of asset amount[1]. 0, or a codes.Refusal and nothing written.

    Account, instrument, side and trigger are those of the record; `price` is the limit (0: none, then the price of now stands for it) and
    `qty` what may still trade of it. Spot: quote (buy) or base (sell). Contracts: initial margin of the part that
    would open or grow, at the price that would cost most; nothing for the rest.
    """
    order = state.orders[order_ix]
    instrument, account = I(order["instrument"]), I(order["account"])
    terms, known = state.terms[instrument], state.instruments[instrument]
    product, sell = I(terms["product"]), part(I(order["spec"]), S_SELL, ONE)
    if not P_SPOT <= product <= P_INVERSE or known["multiplier_e8"] <= ZERO:
        return _UNTRADABLE
    spot = product == P_SPOT
    asset = I(terms["base"]) if spot and sell != ZERO else money_asset(state, instrument)
    if balance_place(state, account, asset) < ZERO:
        return _UNTRADABLE
    if not ZERO <= price <= WORD_MAX or not ZERO <= qty <= WORD_MAX:
        return _ARITHMETIC
    money, ok = ZERO, True
    if spot and sell != ZERO:
        if state.assets[asset]["scale"] < known["qty_scale"]:
            return _UNTRADABLE
        money, ok = base_money(state, instrument, qty)
    else:
        more = qty if spot else growing(state, order_ix, qty)
        reference, _ = reference_price(state, instrument)
        worst = dearest_price(product, sell, price, I(order["trigger"]), reference)
        if more > ZERO and worst <= ZERO:
            return _NO_REFERENCE
        if worst > WORD_MAX:
            return _ARITHMETIC
        leverage, _ = terms_of(state, account, instrument)
        if more > ZERO:
            money, ok = money_up(state, instrument, worst, more, ONE if spot else leverage)
    if not ok:
        return _ARITHMETIC
    amount[0] = money
    amount[1] = asset
    return ZERO


@kernel
def _short(state: State, order: np.void, qty: I, leverage: I) -> I:
    """Initial margin of `qty` of an open order, less what it holds."""
    instrument = I(order["instrument"])
    terms = state.terms[instrument]
    worst = dearest_price(
        I(terms["product"]),
        part(I(order["spec"]), S_SELL, ONE),
        I(order["price"]),
        I(order["trigger"]),
        I(terms["reference"]),
    )
    if qty <= ZERO or worst <= ZERO:
        return -I(order["hold"]) if worst > ZERO else ZERO
    money, ok = money_up(state, instrument, min(worst, WORD_MAX), qty, leverage)
    return (money if ok else _MONEY_MAX) - I(order["hold"])


@cold
def uncovered(state: State, position_ix: I) -> I:
    """Initial margin that the open orders on an account's own contract position need beyond what they hold: what an order counted on
    closing may have been closed by another one since, or the leverage lowered. Money of the settlement asset, to be counted as margin in
    use. Orders trade in the order of the list; the two sides are added up; prices are those of the last settlement.
    """
    position = state.positions[position_ix]
    account, instrument, side = I(position["account"]), I(position["instrument"]), I(position["side"])
    leverage, _ = terms_of(state, account, instrument)
    left_buy = max(-I(position["qty"]), ZERO)
    left_sell = max(I(position["qty"]), ZERO)
    buys, sells = ZERO, ZERO
    at = I(state.terms[instrument]["orders_ix"])
    while at >= ZERO:
        order, rest = state.orders[at], open_rest(state.orders[at])
        at = I(order["next_ix"])
        spec = I(order["spec"])
        if order["account"] != account or part(spec, S_SIDE, M_SIDE) != side:
            continue
        sell = part(spec, S_SELL, ONE)
        left = left_sell if sell != ZERO else left_buy
        closing = rest if _closes(spec, side) else (min(left, rest) if side == SIDE_BOTH else ZERO)
        if sell != ZERO:
            left_sell -= min(left_sell, closing)
        else:
            left_buy -= min(left_buy, closing)
        short = _short(state, order, rest - closing, leverage)
        if sell != ZERO:
            sells = bounded(sells + short)
        else:
            buys = bounded(buys + short)
    return bounded(max(buys, ZERO) + max(sells, ZERO))
