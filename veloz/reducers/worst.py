"""What a position could become: the position and every open order of one side, and what that is worth.

An order counts with all it may still trade: the larger of its quantity and of an amendment under way, less what was traded. An order whose
outcome is not known counts in full. What a venue has stated as filled and has not shown the trades of (`owed_of`) is in no position
and no balance yet: it counts like what may still trade, of an order that is over, too.

Orders that can only reduce (flagged so, or closing a side of hedge mode) never carry a position through zero by themselves, but they can
use up what would have absorbed the others: long 10, with 10 to sell reducing and 15 to sell plainly, may end at short 15. So

    most long  = position + plain buys  + min(reducing buys,  what is short)
    most short = plain sells + min(reducing sells, what is long) - position

Spot is counted like the rest: short is what was sold beyond what fills had bought. Quantities are held at QTY_TOP, worth at WORTH_TOP.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import Action, OrderType, PositionSide
from veloz.reducers.bits import M_SIDE, M_TYPE, P_INVERSE, P_SPOT, S_REDUCE, S_SELL, S_SIDE, S_TYPE, part
from veloz.reducers.order_table import is_over
from veloz.reducers.prices import mark_places, mark_price
from veloz.reducers.state import State
from veloz.reducers.wide import TENS, WORD_MAX, divide_up, is_word, product, scale_tens, times
from veloz.reducers.words import ONE, ZERO, I

QTY_TOP: Final = I((1 << 60) - 1)
WORTH_TOP: Final = I((1 << 61) - 1)

_AMEND: Final = I(Action.AMEND)
_LONG, _SHORT = I(PositionSide.LONG), I(PositionSide.SHORT)
_MARKET: Final = I(OrderType.MARKET)
_E8_PLACES: Final = I(8)
_PLACES_MAX: Final = I(18)


@kernel
def clip(qty: I) -> I:
    """A quantity within ±QTY_TOP."""
    return max(-QTY_TOP, min(qty, QTY_TOP))


@kernel
def owed_of(order: np.void) -> I:
    """What was stated as filled of an order and not shown as trades yet; 0 of orders that are not ours: what was filled of them before
    they were heard of shows in positions and balances.
    """
    return I(max(order["filled"] - order["traded"], ZERO)) if order["strategy"] >= ZERO else ZERO


@kernel
def rest_of(order: np.void, qty: I) -> I:
    """What an order of this whole quantity may still bring, within 0 … QTY_TOP; of one that is over, what it owes."""
    rest = owed_of(order)
    if not is_over(order["state"]):
        rest = max(rest, clip(qty) - clip(order["traded"]))
    return max(ZERO, clip(rest))


@kernel
def open_rest(order: np.void) -> I:
    """What an order of the open list may still bring, with an amendment that is under way."""
    if order["pending_action"] == _AMEND:
        return rest_of(order, max(order["qty"], order["pending_qty"]))
    return rest_of(order, I(order["qty"]))


@kernel
def is_committed(order: np.void) -> bool:
    """Whether an order of the open list may be at the venue: approved, of somebody else, or filled by the venue's own word."""
    return bool(order["approved_seq"] > ZERO or order["key"] < ZERO or owed_of(order) > ZERO)


@kernel
def is_reducing_kind(spec: I) -> bool:
    """Whether an order can only reduce: flagged so, or closing a side of hedge mode."""
    side, sell = part(spec, S_SIDE, M_SIDE), part(spec, S_SELL, ONE)
    return bool(
        part(spec, S_REDUCE, ONE) != ZERO or (side == _LONG and sell != ZERO) or (side == _SHORT and sell == ZERO)
    )


@kernel
def is_conditional(spec: I) -> bool:
    """Whether an order waits for its trigger."""
    return bool(part(spec, S_TYPE, M_TYPE) > _MARKET)


@kernel
def most_long(qty: I, buys: I, reducing: I) -> I:
    """The longest that a position can become."""
    return clip(qty + buys + min(reducing, max(-qty, ZERO)))


@kernel
def most_short(qty: I, sells: I, reducing: I) -> I:
    """The shortest that a position can become, as a number above 0 when it is short."""
    return clip(sells + min(reducing, max(qty, ZERO)) - qty)


@kernel
def exposure_price(state: State, instrument: I) -> I:
    """The price exposures of an instrument are valued at, quanta, rounded so that they are never too low: the mark of the last
    settlement, else the reference of now; 0: there is none.
    """
    terms, scale = state.terms[instrument], I(state.instruments[instrument]["price_scale"])
    mark, places = I(terms["mark"]), I(terms["mark_places"])
    if mark <= ZERO:
        mark, _ = mark_price(state, instrument)
        places = mark_places(state, instrument)
    step = TENS[max(min(places - scale, _PLACES_MAX), ZERO)]
    return I(mark // step if terms["product"] == P_INVERSE else (mark + step - ONE) // step)


@cold
def _down_tens(hi: I, lo: I, places: I) -> tuple[I, I]:
    """Divided by 10**places, rounded up; 0 <= places <= 36."""
    if places > _PLACES_MAX:
        hi, lo = divide_up(hi, lo, TENS[_PLACES_MAX])
        places -= _PLACES_MAX
    return divide_up(hi, lo, TENS[places])


@cold
def _scale_up(hi: I, lo: I, places: I) -> tuple[I, I, bool]:
    """Times 10**places, of either sign, rounded up; and whether it fits."""
    if places >= ZERO:
        return scale_tens(hi, lo, places)
    hi, lo = _down_tens(hi, lo, -places)
    return hi, lo, True


@cold
def _linear_up(price: I, qty: I, multiplier_e8: I, places: I) -> tuple[I, I, bool]:
    """price · qty · multiplier · 10**places, rounded up."""
    hi, lo = product(price, qty)
    if multiplier_e8 == TENS[_E8_PLACES]:
        return _scale_up(hi, lo, places)
    hi, lo, ok = times(hi, lo, multiplier_e8)
    if not ok:
        return ZERO, ZERO, False
    return _scale_up(hi, lo, places - _E8_PLACES)


@cold
def _inverse_up(price: I, qty: I, multiplier_e8: I, places: I) -> tuple[I, I, bool]:
    """qty · multiplier ÷ price · 10**places, rounded up."""
    if price <= ZERO:
        return ZERO, ZERO, False
    places -= _E8_PLACES
    hi, lo = product(qty, multiplier_e8)
    hi, lo, ok = _scale_up(hi, lo, max(places, ZERO))
    if not ok:
        return ZERO, ZERO, False
    hi, lo = divide_up(hi, lo, price)
    return _scale_up(hi, lo, min(places, ZERO))


@cold
def _convert_up(hi: I, lo: I, num: I, den: I, places: I) -> tuple[I, I, bool]:
    """money · num ÷ den · 10**places, rounded up."""
    hi, lo, ok = times(hi, lo, num)
    if ok:
        hi, lo, ok = _scale_up(hi, lo, max(places, ZERO))
    if not ok:
        return ZERO, ZERO, False
    hi, lo = divide_up(hi, lo, den)
    return _scale_up(hi, lo, min(places, ZERO))


@kernel
def worth_up(state: State, instrument: I, price: I, qty: I) -> I:
    """What a quantity (0 … QTY_TOP) at a price (quanta, 0 … WORD_MAX) is worth in the reporting asset, rounded up, at most
    WORTH_TOP; -1: it cannot be converted.
    """
    reporting, terms, known = I(state.desk[0]["reporting"]), state.terms[instrument], state.instruments[instrument]
    asset = I(terms["quote"]) if terms["product"] == P_SPOT else I(terms["settle"])
    if not (ZERO < reporting < state.assets.shape[0] and ZERO < asset < state.assets.shape[0]):
        return -ONE
    scale, multiplier = I(state.assets[asset]["scale"]), I(known["multiplier_e8"])
    price_scale, qty_scale = I(known["price_scale"]), I(known["qty_scale"])
    if terms["product"] == P_INVERSE:
        hi, lo, ok = _inverse_up(price, qty, multiplier, scale + price_scale - qty_scale)
    else:
        hi, lo, ok = _linear_up(price, qty, multiplier, scale - price_scale - qty_scale)
    if asset != reporting:
        num, den = I(state.assets[asset]["num"]), I(state.assets[asset]["den"])
        if not (ZERO < den <= WORD_MAX and ZERO <= num <= WORD_MAX):
            return -ONE
        if ok:
            hi, lo, ok = _convert_up(hi, lo, num, den, I(state.assets[reporting]["scale"]) - scale)
    if not ok or not is_word(hi) or lo > WORTH_TOP:
        return WORTH_TOP
    return lo
