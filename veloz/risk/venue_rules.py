"""What the venue takes: kinds of orders, filters, bounds and price bands. Nothing here is a limit of ours.

Source: Binance, order endpoints and filters of spot, USDⓈ-M and COIN-M. A market order has no time in force there; GTC and IOC say the
same here. A band is up_ppm and down_ppm of the mark, else of the last price: multipliers, 1.05 is 1 050 000; where neither price is
known the venue alone judges it.
"""

from typing import Final

import numpy as np

from veloz.contracts.codes import Market, Refusal, Term
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
from veloz.reducers.wide import TENS, WORD_MAX, mul_div, mul_div_up, product, scale_tens, times
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
# Venues that we only have recordings of offer whatever can be simulated.
OFFERED: Final = np.zeros(int(MARKETS) * 8, np.int64)  # bits of TimeInForce, by market and OrderType
for _market in Market:
    OFFERED[int(_market) * 8 + OrderType.LIMIT] = _LIMITS_OF.get(_market, _RESTING | _GTD)
    OFFERED[int(_market) * 8 + OrderType.MARKET] = _GTC | _IOC
    for _type in (OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT):
        OFFERED[int(_market) * 8 + _type] = _STOPS_OF.get(_market, _RESTING | _GTD)
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

_T_TYPE, _T_STP, _T_BY, _T_SIDE = I(Term.TYPE), I(Term.SELF_TRADE), I(Term.TRIGGER_BY), I(Term.POSITION_SIDE)
_T_REDUCE, _T_PRICE, _T_TRIGGER = I(Term.REDUCE_ONLY), I(Term.PRICE), I(Term.TRIGGER)
_T_ACTIVATION, _T_CALLBACK, _T_EXPIRY = I(Term.ACTIVATION), I(Term.CALLBACK), I(Term.EXPIRY)
_T_QTY, _T_AMENDMENT = I(Term.QTY), I(Term.AMENDMENT)
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
def _bad_kind(draft: Draft) -> I:
    """Type, time in force, self-trade prevention, and what triggers it, as the product offers them. 0, or the codes.Term."""
    if draft.kind >= _TYPES or not ZERO < draft.market < MARKETS:
        return _T_TYPE
    tif, stp = part(draft.spec, S_TIF, M_TIF), part(draft.spec, S_STP, M_STP)
    by = part(draft.spec, S_TRIGGER_BY, M_TRIGGER_BY)
    if (OFFERED[draft.market * _TYPES + draft.kind] >> tif) & ONE == ZERO:
        return _T_TYPE
    if (STP_OFFERED[draft.market] >> stp) & ONE == ZERO:
        return _T_STP
    fits = by == _BY_LAST or (by < _BY_INDEX and draft.market != _SPOT_MARKET)
    return ZERO if fits else _T_BY


@kernel
def _bad_side(state: State, draft: Draft) -> I:
    """Position side and reduce-only by product and mode of the account. 0, or the codes.Term."""
    side, reduces = part(draft.spec, S_SIDE, M_SIDE), part(draft.spec, S_REDUCE, ONE)
    is_spot = state.terms[draft.instrument]["product"] == P_SPOT
    if is_spot or state.accounts[draft.account]["hedge"] == ZERO:
        if side != _BOTH:
            return _T_SIDE
        return _T_REDUCE if is_spot and reduces != ZERO else ZERO
    if side == _BOTH or side > I(PositionSide.SHORT):
        return _T_SIDE
    return _T_REDUCE if reduces != ZERO else ZERO


@kernel
def _bad_callback(draft: Draft, callback: I) -> bool:
    """Whether a trailing stop may not follow at that distance."""
    if draft.market == _SPOT_MARKET:
        return bool(not ZERO < callback < _PPM or callback % _CALLBACK_STEP != ZERO)
    return bool(not CALLBACK_LEAST <= callback <= CALLBACK_MOST)


@kernel
def _bad_word(state: State, draft: Draft, now: I) -> I:
    """Prices where the type wants them and nowhere else, and a time that is far enough ahead. 0, or the codes.Term."""
    order = state.orders[draft.order_ix]
    trigger, activation = I(order["trigger"]), I(order["activation"])
    if not ZERO <= draft.price <= PRICE_MOST or (draft.price > ZERO) != has_price(draft.kind):
        return _T_PRICE
    if not ZERO <= trigger <= PRICE_MOST or (has_trigger(draft.kind) and trigger == ZERO):
        return _T_TRIGGER
    if not ZERO <= activation <= PRICE_MOST:
        return _T_ACTIVATION
    if draft.kind == TRAILING and _bad_callback(draft, I(order["callback_ppm"])):
        return _T_CALLBACK
    if part(draft.spec, S_TIF, M_TIF) == _TIF_GTD:
        expire = I(order["expire_ns"])
        return ZERO if expire // _SECOND * _SECOND > now + GTD_LEAST_NS else _T_EXPIRY
    return ZERO


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
def bad_term(state: State, draft: Draft, now: I) -> I:
    """The codes.Term for which there is no such order at the venue at all; 0: there is."""
    term = _bad_kind(draft)
    if term == ZERO:
        term = _bad_side(state, draft)
    if term == ZERO:
        term = _bad_word(state, draft, now)
    if term == ZERO and draft.qty > QTY_TOP:
        term = _T_QTY
    if term == ZERO and draft.amends and not _amendment_fits(state, draft):
        term = _T_AMENDMENT
    return term


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
def _band(around: I, factor_ppm: I, up: bool) -> I:
    """The bound of a band: `around` times the factor, up rounded down and down rounded up; more than any price may be: PRICE_MOST + 1."""
    bound, ok = mul_div(around, factor_ppm, _PPM) if up else mul_div_up(around, factor_ppm, _PPM)
    return min(bound, PRICE_MOST + ONE) if ok else PRICE_MOST + ONE


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
    if up > ZERO and (spot or draft.sell == ZERO):
        most = _band(around, up, True)
        if draft.price > most:
            return refuse(verdict, C_PRICE_BAND, NO_SCOPE, most, draft.price)
    if down > ZERO and (spot or draft.sell != ZERO):
        least = _band(around, down, False)
        if draft.price < least:
            return refuse(verdict, C_PRICE_BAND, NO_SCOPE, least, draft.price)
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
