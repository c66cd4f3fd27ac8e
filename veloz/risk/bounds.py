"""The limits that people set, in the order of codes.Refusal. What is observed may be as great as the limit, not greater.

- COLLAR_PPM: the order's price lies within it of every price that is known: the middle of the book, the last trade, the mark. A stop's
  limit price is held to its trigger instead; a market order is held to what it would meet, the best price of the other side.
- ORDER_QTY, ORDER_NOTIONAL: the whole order; a market order at the worst of the known prices, a stop at the worse of trigger and price.
- POSITION_QTY, POSITION_NOTIONAL: the worst case of the position in the order's instrument on the order's side (`survey.py`): all accounts
  in the global, venue and instrument scope, the account's own in its scope, the strategy's share in the strategy's.
- GROSS, NET, LEVERAGE_PPM: worst case, what the last settlement measured and every approval since, at the settlement's marks. Equity is the
  account's, and for the global and venue scope that scope's.
- Where a scope holds what has no price or no rate, its sums are too small: exposures, leverage, losses that have a limit there cannot be
  told, and the verdict is NO_RATE with the number of things that are missing, unless what is known is too much already.
- What can only reduce (survey.reducing) is not held up by losses, repeats, nor by the state of the book; nor, where the plain orders beside
  it can not turn the position either (survey.sure), by positions and exposures.
- ORDERS_PER_WINDOW counts orders and amendments; a bucket as in `buckets.py`.
- REPEATS: entries in a row on one side, each within REPEAT_NS of the one before.
- DUPLICATE_NS: the same order again (account, strategy, side, type, time in force, price, quantity), open or just approved. The longest of
  the scopes' spans holds.
- OWN_CROSS: no order that could trade with another of ours in the instrument, whatever account; stops wait and are not looked at. A
  scope that says 1 holds; else a scope that says 0 frees; else it holds.
"""

from typing import Final

import numpy as np

from veloz.contracts.codes import Limit, Measure, Refusal
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.buckets import lacks_order, limit_of
from veloz.reducers.state import State
from veloz.reducers.survey import PRICE_TOP
from veloz.reducers.wide import mul_div_up
from veloz.reducers.words import ONE, TWO, ZERO, I
from veloz.reducers.worst import WORTH_TOP, exposure_price, is_conditional, worth_up
from veloz.risk.venue_rules import MARKET, has_price, has_trigger
from veloz.risk.verdict import SCOPES, SHARE, Draft, Prices, refuse, refuse_in, tightest

L_COLLAR, L_ORDER_QTY, L_ORDER_NOTIONAL = I(Limit.COLLAR_PPM), I(Limit.ORDER_QTY), I(Limit.ORDER_NOTIONAL)
L_POSITION_QTY, L_POSITION_NOTIONAL = I(Limit.POSITION_QTY), I(Limit.POSITION_NOTIONAL)
L_OPEN_ORDERS, L_GROSS, L_NET, L_LEVERAGE = I(Limit.OPEN_ORDERS), I(Limit.GROSS), I(Limit.NET), I(Limit.LEVERAGE_PPM)
L_ORDERS, L_DAILY_LOSS, L_DRAWDOWN = I(Limit.ORDERS_PER_WINDOW), I(Limit.DAILY_LOSS), I(Limit.DRAWDOWN)

C_COLLAR, C_ORDER_QTY, C_ORDER_NOTIONAL = I(Refusal.COLLAR), I(Refusal.ORDER_QTY), I(Refusal.ORDER_NOTIONAL)
C_POSITION, C_OPEN_ORDERS, C_GROSS = I(Refusal.POSITION), I(Refusal.OPEN_ORDERS), I(Refusal.GROSS_EXPOSURE)
C_NET, C_LEVERAGE, C_ORDER_RATE = I(Refusal.NET_EXPOSURE), I(Refusal.LEVERAGE), I(Refusal.ORDER_RATE)
C_DAILY_LOSS, C_DRAWDOWN = I(Refusal.DAILY_LOSS), I(Refusal.DRAWDOWN)
C_NO_REFERENCE, C_NO_RATE = I(Refusal.NO_REFERENCE), I(Refusal.NO_RATE)
_PPM: Final = I(1_000_000)
_WORTH, _SHARE = I(Measure.WORTH), I(Measure.SHARE)


@cold
def _apart_ppm(price: I, around: I, around_by: I) -> I:
    """Distance of a price from around ÷ around_by, in millionths of the latter, rounded up."""
    distance, ok = mul_div_up(abs(price * around_by - around), _PPM, around)
    return distance if ok else PRICE_TOP


@kernel
def _farthest(price: I, prices: Prices) -> I:
    """The greatest distance from a known price; -1: none is known."""
    apart = -ONE
    if prices.mid2 > ZERO:
        apart = max(apart, _apart_ppm(price, prices.mid2, TWO))
    if prices.last > ZERO:
        apart = max(apart, _apart_ppm(price, prices.last, ONE))
    if prices.mark > ZERO:
        apart = max(apart, _apart_ppm(price, prices.mark, ONE))
    return apart


@kernel
def _collar(state: State, draft: Draft, prices: Prices, verdict: np.ndarray) -> I:
    place = tightest(state.limits, draft.places, L_COLLAR)
    if place < ZERO:
        return ZERO
    limit = limit_of(state.limits, place, L_COLLAR)
    price = draft.price
    if draft.kind == MARKET:
        price = prices.bid if draft.sell != ZERO else prices.ask
    if has_trigger(draft.kind) and has_price(draft.kind):
        apart = _apart_ppm(price, I(state.orders[draft.order_ix]["trigger"]), ONE)
    elif is_conditional(draft.spec):
        return ZERO
    else:
        apart = _farthest(price, prices)
        if apart < ZERO:
            return refuse_in(verdict, C_NO_REFERENCE, place, limit, ZERO, _SHARE)
        if price == ZERO:  # a market order where the other side is not known
            return ZERO
    return refuse(verdict, C_COLLAR, place, limit, apart) if apart > limit else ZERO


@kernel
def _order_size(state: State, draft: Draft, verdict: np.ndarray) -> I:
    place = tightest(state.limits, draft.places, L_ORDER_QTY)
    if place >= ZERO and draft.qty > limit_of(state.limits, place, L_ORDER_QTY):
        return refuse(verdict, C_ORDER_QTY, place, limit_of(state.limits, place, L_ORDER_QTY), draft.qty)
    place = tightest(state.limits, draft.places, L_ORDER_NOTIONAL)
    if place < ZERO:
        return ZERO
    limit = limit_of(state.limits, place, L_ORDER_NOTIONAL)
    if draft.paid == ZERO:
        return refuse_in(verdict, C_NO_REFERENCE, place, limit, ZERO, _WORTH)
    worth = worth_up(state, draft.instrument, draft.paid, draft.qty)
    if worth < ZERO:
        return refuse_in(verdict, C_NO_RATE, place, limit, ZERO, _WORTH)
    return refuse(verdict, C_ORDER_NOTIONAL, place, limit, worth) if worth > limit else ZERO


@kernel
def _most_of(draft: Draft, k: int) -> I:
    """The worst case of the position that the k-th scope sees."""
    if k == SHARE:
        return draft.seen.share_most
    return draft.seen.own_most if k == 2 else draft.seen.all_most


@kernel
def _position(state: State, draft: Draft, price: I, verdict: np.ndarray) -> I:
    for k in range(SCOPES):
        place, most = draft.places[k], _most_of(draft, k)
        toward = draft.seen.share_toward if k == SHARE else draft.seen.own_toward
        if place < ZERO or toward == ZERO:
            continue
        limit = limit_of(state.limits, place, L_POSITION_QTY)
        if limit >= ZERO and most > limit:
            return refuse(verdict, C_POSITION, place, limit, most)
        limit = limit_of(state.limits, place, L_POSITION_NOTIONAL)
        if limit >= ZERO and most > ZERO:
            if price == ZERO:
                return refuse_in(verdict, C_NO_REFERENCE, place, limit, ZERO, _WORTH)
            worth = worth_up(state, draft.instrument, price, most)
            if worth < ZERO:
                return refuse_in(verdict, C_NO_RATE, place, limit, ZERO, _WORTH)
            if worth > limit:
                return refuse_in(verdict, C_POSITION, place, limit, worth, _WORTH)
    return ZERO


@kernel
def _open_orders(state: State, draft: Draft, verdict: np.ndarray) -> I:
    for k in range(SCOPES):
        place = draft.places[k]
        if place >= ZERO:
            limit, count = limit_of(state.limits, place, L_OPEN_ORDERS), I(state.scopes[place]["orders_open"]) + ONE
            if ZERO <= limit < count:
                return refuse(verdict, C_OPEN_ORDERS, place, limit, count)
    return ZERO


@cold
def _leverage_ppm(gross: I, equity: I) -> I:
    """Gross exposure over equity, in millionths, rounded up; without equity the most there is."""
    if equity <= ZERO:
        return WORTH_TOP
    ratio, ok = mul_div_up(gross, _PPM, equity)
    return min(ratio, WORTH_TOP) if ok else WORTH_TOP


@kernel
def _unvalued(state: State, draft: Draft, place: I, limit_kind: I) -> I:
    """How many positions the exposures of a scope leave out; of leverage, those and the debts of the account, too."""
    missing, account = I(state.scopes[place]["unvalued"]), draft.places[2]
    if limit_kind == L_LEVERAGE and account >= ZERO:
        missing = max(missing, I(state.scopes[account]["unvalued"]))
    return missing


@kernel
def _exposure(state: State, draft: Draft, price: I, verdict: np.ndarray) -> I:
    """Gross and net exposure and leverage of every scope, with this draft."""
    for limit_kind in (L_GROSS, L_NET, L_LEVERAGE):
        measure = _SHARE if limit_kind == L_LEVERAGE else _WORTH
        for k in range(SCOPES):
            place = draft.places[k]
            if place < ZERO:
                continue
            limit = limit_of(state.limits, place, limit_kind)
            if limit < ZERO:
                continue
            more = draft.seen.share_more if k == SHARE else draft.seen.own_more
            toward = draft.seen.share_toward if k == SHARE else draft.seen.own_toward
            qty = toward if limit_kind == L_NET else more
            if qty == ZERO:
                continue
            if price == ZERO:
                return refuse_in(verdict, C_NO_REFERENCE, place, limit, ZERO, measure)
            worth = worth_up(state, draft.instrument, price, qty)
            if worth < ZERO:
                return refuse_in(verdict, C_NO_RATE, place, limit, ZERO, measure)
            scope, code = state.scopes[place], C_GROSS
            if limit_kind == L_NET:
                code = C_NET
                seen = (-scope["worst_short"] if draft.sell != ZERO else scope["worst_long"]) + worth
            else:
                seen = scope["worst_gross"] + worth
                if limit_kind == L_LEVERAGE:
                    code = C_LEVERAGE
                    equity = I(scope["equity"]) if k < 2 else I(state.accounts[draft.account]["equity"])
                    seen = _leverage_ppm(min(seen, WORTH_TOP), equity)
            if seen > limit:
                return refuse(verdict, code, place, limit, I(seen))
            missing = _unvalued(state, draft, place, limit_kind)
            if missing > ZERO:
                return refuse_in(verdict, C_NO_RATE, place, limit, missing, measure)
    return ZERO


@kernel
def order_rate(state: State, draft: Draft, now: I, verdict: np.ndarray) -> I:
    """One more order or amendment within the token buckets."""
    for k in range(SCOPES):
        place = draft.places[k]
        if place < ZERO:
            continue
        used = lacks_order(state.limits, state.scopes[place], place, now)
        if used > ZERO:
            return refuse(verdict, C_ORDER_RATE, place, limit_of(state.limits, place, L_ORDERS), used)
    return ZERO


@kernel
def _loss(state: State, draft: Draft, limit_kind: I, verdict: np.ndarray) -> I:
    for k in range(SCOPES):
        place = draft.places[k]
        if place < ZERO:
            continue
        limit, scope = limit_of(state.limits, place, limit_kind), state.scopes[place]
        if limit < ZERO:
            continue
        loss = I(scope["day_loss"] if limit_kind == L_DAILY_LOSS else scope["drawdown"])
        if loss > limit:
            return refuse(verdict, C_DAILY_LOSS if limit_kind == L_DAILY_LOSS else C_DRAWDOWN, place, limit, loss)
        if scope["untold"] > ZERO:
            return refuse_in(verdict, C_NO_RATE, place, limit, I(scope["untold"]), _WORTH)
    return ZERO


@kernel
def _losses(state: State, draft: Draft, verdict: np.ndarray) -> I:
    code = _loss(state, draft, L_DAILY_LOSS, verdict)
    return code if code != ZERO else _loss(state, draft, L_DRAWDOWN, verdict)


@kernel
def check_size(state: State, draft: Draft, prices: Prices, verdict: np.ndarray) -> I:
    """COLLAR, ORDER_QTY, ORDER_NOTIONAL. 0, or the code."""
    code = _collar(state, draft, prices, verdict)
    return code if code != ZERO else _order_size(state, draft, verdict)


@kernel
def check_exposure(state: State, draft: Draft, verdict: np.ndarray) -> I:
    """POSITION, OPEN_ORDERS, GROSS, NET, LEVERAGE, and what of them cannot be told. 0, or the code."""
    code, entry = ZERO, draft.seen.sure == ZERO
    price = exposure_price(state, draft.instrument)
    if price == ZERO:
        price = draft.paid
    if entry:
        code = _position(state, draft, price, verdict)
    if code == ZERO and not draft.amends:
        code = _open_orders(state, draft, verdict)
    if code == ZERO and entry:
        code = _exposure(state, draft, price, verdict)
    return code


@kernel
def check_losses(state: State, draft: Draft, verdict: np.ndarray) -> I:
    """DAILY_LOSS, DRAWDOWN, and NO_RATE of both: entries only. 0, or the code."""
    return ZERO if draft.seen.reducing != ZERO else _losses(state, draft, verdict)
