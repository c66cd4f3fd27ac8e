"""What the venue takes: kinds of orders, filters, bounds and price bands. Nothing here is a limit of ours.

Source: Binance, order endpoints and filters of spot, USDⓈ-M and COIN-M. A market order has no time in force there; GTC and IOC say the
same here. A band is up_ppm and down_ppm of the mark, else of the last price: multipliers, 1.05 is 1 050 000; where neither price is
known the venue alone judges it.
"""

from typing import Final

import numpy as np

from veloz.contracts.codes import Market, Refusal
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import OrderType, PositionSide, SelfTrade, TimeInForce, TriggerBy
from veloz.reducers.bits import (
    M_SIDE,
    M_STP,
    M_TIF,
    M_TRIGGER_BY,
    P_INVERSE,
    P_LINEAR,
    P_SPOT,
    S_REDUCE,
    S_SIDE,
    S_STP,
    S_TIF,
    S_TRIGGER_BY,
    part,
)  # fmt: skip
from veloz.reducers.state import State
from veloz.reducers.wide import TENS, WORD_MAX, is_less, product, scale_tens, times
from veloz.reducers.words import ONE, ZERO, I
from veloz.reducers.worst import QTY_TOP
from veloz.risk.verdict import NO_SCOPE, Draft, Prices, refuse

_GTC, _IOC, _FOK, _GTX, _GTD = (1 << tif for tif in TimeInForce)
_TAKING, _RESTING = _GTC | _IOC | _FOK, _GTC | _IOC | _FOK | _GTX
_LIMITS_OF: Final = {
    Market.BINANCE_SPOT: _RESTING,
    Market.BINANCE_USDM: _RESTING | _GTD,
    Market.BINANCE_COINM: _RESTING,
}
_STOPS_OF: Final = {Market.BINANCE_SPOT: _TAKING, Market.BINANCE_USDM: _RESTING | _GTD, Market.BINANCE_COINM: _RESTING}
MARKETS: Final = I(max(Market) + 1)
_TYPES: Final = I(8)
OFFERED: Final = np.zeros(int(MARKETS) * 8, np.int64)  # bits of TimeInForce, by market and OrderType
for _market in Market:
    OFFERED[int(_market) * 8 + OrderType.LIMIT] = _LIMITS_OF[_market]
    OFFERED[int(_market) * 8 + OrderType.MARKET] = _GTC | _IOC
    for _type in (OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT):
        OFFERED[int(_market) * 8 + _type] = _STOPS_OF[_market]
    for _type in (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET, OrderType.TRAILING_STOP):
        OFFERED[int(_market) * 8 + _type] = _GTC
STP_OFFERED: Final = np.zeros(int(MARKETS), np.int64)  # bits of SelfTrade; NONE: not stated
STP_OFFERED[Market.BINANCE_SPOT] = (1 << len(SelfTrade)) - 1
STP_OFFERED[Market.BINANCE_USDM] = sum(1 << mode for mode in SelfTrade if mode <= SelfTrade.EXPIRE_BOTH)
STP_OFFERED[Market.BINANCE_COINM] = 1 << SelfTrade.NONE

_SPOT_MARKET: Final = I(Market.BINANCE_SPOT)
LIMIT, MARKET = I(OrderType.LIMIT), I(OrderType.MARKET)
STOP_MARKET, STOP_LIMIT = I(OrderType.STOP_MARKET), I(OrderType.STOP_LIMIT)
PROFIT_MARKET, PROFIT_LIMIT = I(OrderType.TAKE_PROFIT_MARKET), I(OrderType.TAKE_PROFIT_LIMIT)
TRAILING: Final = I(OrderType.TRAILING_STOP)
_TIF_GTD: Final = I(TimeInForce.GTD)
_BOTH: Final = I(PositionSide.BOTH)
_BY_LAST, _BY_INDEX = I(TriggerBy.LAST), I(TriggerBy.INDEX)
GTD_LEAST_NS: Final = I(600 * 10**9)
_SECOND: Final = I(10**9)
CALLBACK_LEAST, CALLBACK_MOST = I(1_000), I(200_000)  # contracts: 0.1 % … 20 %
_CALLBACK_STEP: Final = I(100)  # spot: basis points
PRICE_MOST: Final = I((1 << 60) - 1)
_PPM: Final = I(1_000_000)
_EIGHT: Final = I(8)

C_BAD_TERMS, C_TICK, C_LOT = I(Refusal.BAD_TERMS), I(Refusal.TICK), I(Refusal.LOT)
C_QTY_MIN, C_QTY_MAX, C_NOTIONAL_MIN = I(Refusal.QTY_MIN), I(Refusal.QTY_MAX), I(Refusal.NOTIONAL_MIN)
C_PRICE_BAND, C_PRODUCT_BOUND = I(Refusal.PRICE_BAND), I(Refusal.PRODUCT_BOUND)


@kernel
def has_price(kind: I) -> bool:
    """Whether an order of this type states a limit price."""
    return bool(kind in (LIMIT, STOP_LIMIT, PROFIT_LIMIT))


@kernel
def has_trigger(kind: I) -> bool:
    """Whether an order of this type waits for a trigger price."""
    return bool(STOP_MARKET <= kind <= PROFIT_LIMIT)


@kernel
def _kind_fits(draft: Draft) -> bool:
    """Type, time in force, self-trade prevention, and what triggers it, as the product offers them."""
    if draft.kind >= _TYPES or not ZERO < draft.market < MARKETS:
        return False
    tif, stp = part(draft.spec, S_TIF, M_TIF), part(draft.spec, S_STP, M_STP)
    by = part(draft.spec, S_TRIGGER_BY, M_TRIGGER_BY)
    if (OFFERED[draft.market * _TYPES + draft.kind] >> tif) & ONE == ZERO or (
        STP_OFFERED[draft.market] >> stp
    ) & ONE == ZERO:
        return False
    return bool(by == _BY_LAST or (by < _BY_INDEX and draft.market != _SPOT_MARKET))


@kernel
def _sides_fit(state: State, draft: Draft) -> bool:
    """Position side and reduce-only by product and mode of the account."""
    side, reduces = part(draft.spec, S_SIDE, M_SIDE), part(draft.spec, S_REDUCE, ONE)
    if state.terms[draft.instrument]["product"] == P_SPOT:
        return bool(side == _BOTH and reduces == ZERO)
    if state.accounts[draft.account]["hedge"] == ZERO:
        return bool(side == _BOTH)
    return bool(side != _BOTH and side <= I(PositionSide.SHORT) and reduces == ZERO)


@kernel
def _words_fit(state: State, draft: Draft, now: I) -> bool:
    """Prices where the type wants them and nowhere else, and a time that is far enough ahead."""
    order = state.orders[draft.order_ix]
    trigger, activation = I(order["trigger"]), I(order["activation"])
    callback, expire = I(order["callback_ppm"]), I(order["expire_ns"])
    if not (ZERO <= draft.price <= PRICE_MOST and ZERO <= trigger <= PRICE_MOST and ZERO <= activation <= PRICE_MOST):
        return False
    if (draft.price > ZERO) != has_price(draft.kind) or (has_trigger(draft.kind) and trigger == ZERO):
        return False
    if draft.kind == TRAILING:
        if draft.market == _SPOT_MARKET:
            if not ZERO < callback < _PPM or callback % _CALLBACK_STEP != ZERO:
                return False
        elif not CALLBACK_LEAST <= callback <= CALLBACK_MOST:
            return False
    if part(draft.spec, S_TIF, M_TIF) == _TIF_GTD:
        return bool(expire // _SECOND * _SECOND > now + GTD_LEAST_NS)
    return True


@kernel
def _amendment_fits(state: State, draft: Draft) -> bool:
    """Contracts: limit orders, price and quantity. Spot: less of an order that has a price, at the same price."""
    order = state.orders[draft.order_ix]
    if draft.qty <= max(order["filled"], order["traded"]):
        return False
    if draft.market == _SPOT_MARKET:
        return bool(has_price(draft.kind) and draft.price == order["price"] and draft.qty < order["qty"])
    return bool(draft.kind == LIMIT)


@kernel
def terms_fit(state: State, draft: Draft, now: I) -> bool:
    """Whether there is such an order at the venue at all."""
    if not (_kind_fits(draft) and _sides_fit(state, draft) and _words_fit(state, draft, now)):
        return False
    if draft.qty > QTY_TOP:
        return False
    return bool(not draft.amends or _amendment_fits(state, draft))


@kernel
def _off_tick(state: State, draft: Draft, verdict: np.ndarray) -> I:
    tick, order = max(I(state.instruments[draft.instrument]["tick"]), ONE), state.orders[draft.order_ix]
    if draft.price % tick != ZERO:
        return refuse(verdict, C_TICK, NO_SCOPE, tick, draft.price)
    if order["trigger"] % tick != ZERO:
        return refuse(verdict, C_TICK, NO_SCOPE, tick, I(order["trigger"]))
    if order["activation"] % tick != ZERO:
        return refuse(verdict, C_TICK, NO_SCOPE, tick, I(order["activation"]))
    return ZERO


@kernel
def _off_qty(state: State, draft: Draft, verdict: np.ndarray) -> I:
    """Lot and bounds of quantity; a market order has some of its own besides."""
    terms, lot, qty = state.terms[draft.instrument], max(I(state.instruments[draft.instrument]["lot"]), ONE), draft.qty
    at_market = draft.kind == MARKET
    if qty % lot != ZERO:
        return refuse(verdict, C_LOT, NO_SCOPE, lot, qty)
    if at_market and terms["market_lot"] > ZERO and qty % terms["market_lot"] != ZERO:
        return refuse(verdict, C_LOT, NO_SCOPE, I(terms["market_lot"]), qty)
    least, most = max(I(terms["qty_min"]), ONE), I(terms["qty_max"])
    if at_market:
        least = max(least, I(terms["market_qty_min"]))
        if terms["market_qty_max"] > ZERO:
            most = I(terms["market_qty_max"]) if most == ZERO else min(most, I(terms["market_qty_max"]))
    if qty < least:
        return refuse(verdict, C_QTY_MIN, NO_SCOPE, least, qty)
    if most > ZERO and qty > most:
        return refuse(verdict, C_QTY_MAX, NO_SCOPE, most, qty)
    return ZERO


@cold
def _money_down(left: I, right: I, factor_e8: I, places: I) -> tuple[I, bool]:
    """left · right · factor · 10**places, rounded down; False: it is more than a word."""
    hi, lo = product(left, right)
    ok = True
    if factor_e8 != TENS[_EIGHT]:
        hi, lo, ok = times(hi, lo, factor_e8)
        places -= _EIGHT
    if ok:
        hi, lo, ok = scale_tens(hi, lo, places)
    return lo, bool(ok and hi == ZERO)


@kernel
def _notional(state: State, draft: Draft, price: I) -> tuple[I, bool]:
    """Quote money, rounded down; inverse: contracts at their face. False: beyond all bounds, and so not too little."""
    known, scale = state.instruments[draft.instrument], I(state.assets[state.terms[draft.instrument]["quote"]]["scale"])
    places, multiplier = scale - I(known["qty_scale"]), I(known["multiplier_e8"])
    if state.terms[draft.instrument]["product"] == P_INVERSE:
        return _money_down(ONE, draft.qty, multiplier, places)
    return _money_down(price, draft.qty, multiplier, places - I(known["price_scale"]))


@kernel
def _off_notional(state: State, draft: Draft, prices: Prices, verdict: np.ndarray) -> I:
    terms = state.terms[draft.instrument]
    least = I(terms["notional_min"])
    exempt = terms["product"] == P_LINEAR and part(draft.spec, S_REDUCE, ONE) != ZERO
    if least <= ZERO or exempt:
        return ZERO
    price = draft.paid
    if draft.kind == MARKET and prices.mark > ZERO:
        price = prices.mark
    value, ok = _notional(state, draft, price)
    if ok and price > ZERO and value < least:
        return refuse(verdict, C_NOTIONAL_MIN, NO_SCOPE, least, value)
    return ZERO


@cold
def _beyond(left: I, left_by: I, right: I, right_by: I) -> bool:
    """left · left_by > right · right_by; none of them below 0."""
    left_hi, left_lo = product(left, left_by)
    right_hi, right_lo = product(right, right_by)
    return is_less(right_hi, right_lo, left_hi, left_lo)


@kernel
def _off_band(state: State, draft: Draft, prices: Prices, verdict: np.ndarray) -> I:
    """Absolute bounds of prices and triggers; the band around the mark, else the last price. Contracts: each side its own."""
    terms = state.terms[draft.instrument]
    trigger = I(state.orders[draft.order_ix]["trigger"])
    for price in (draft.price, trigger):
        if price > ZERO and terms["price_min"] > ZERO and price < terms["price_min"]:
            return refuse(verdict, C_PRICE_BAND, NO_SCOPE, I(terms["price_min"]), price)
        if price > ZERO and terms["price_max"] > ZERO and price > terms["price_max"]:
            return refuse(verdict, C_PRICE_BAND, NO_SCOPE, I(terms["price_max"]), price)
    around = prices.mark if prices.mark > ZERO else prices.last
    if draft.price == ZERO or around == ZERO or draft.kind != LIMIT:
        return ZERO
    up, down, spot = I(terms["up_ppm"]), I(terms["down_ppm"]), draft.market == _SPOT_MARKET
    if up > ZERO and (spot or draft.sell == ZERO) and _beyond(draft.price, _PPM, around, up):
        return refuse(verdict, C_PRICE_BAND, NO_SCOPE, up, draft.price)
    if down > ZERO and (spot or draft.sell != ZERO) and _beyond(around, down, draft.price, _PPM):
        return refuse(verdict, C_PRICE_BAND, NO_SCOPE, down, draft.price)
    return ZERO


@kernel
def check_filters(state: State, draft: Draft, prices: Prices, verdict: np.ndarray) -> I:
    """Tick, lot, bounds of quantity, notional and price, and that price · quantity is one word of 62 bits. 0, or the code."""
    code = _off_tick(state, draft, verdict)
    if code == ZERO:
        code = _off_qty(state, draft, verdict)
    if code == ZERO:
        code = _off_notional(state, draft, prices, verdict)
    if code == ZERO:
        code = _off_band(state, draft, prices, verdict)
    if code == ZERO and draft.paid > ZERO and draft.qty > WORD_MAX // draft.paid:
        code = refuse(verdict, C_PRODUCT_BOUND, NO_SCOPE, WORD_MAX // draft.paid, draft.qty)
    return code
