"""The gate: whether one drafted order, amendment or cancel may go to its venue. The only way to `risk.approved`.

Checks run in the order of codes.Refusal, and the first that fails is the verdict; NO_REFERENCE and NO_RATE come where something cannot be
measured. An amendment is judged as what it would make of the order; what it adds is the difference. Which orders a stop level lets
pass: PAUSE those that only reduce and amendments that shrink an order without bettering its price; REDUCE those that, with every open
order of their side, flagged or not, close no more than there is (a plain order that others overtake would open); from HALT on none.
The engine's own orders that only reduce (FLATTEN) pass levels, freezes and limits; the venue's rules hold for them too.
"""

from typing import Final

import numpy as np

from veloz.contracts.codes import Limit, Measure, Refusal, StopLevel, StrategyStatus, TradingStatus
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import Action, Origin
from veloz.reducers.accounts import available, order_hold
from veloz.reducers.bits import M_ORIGIN, M_TYPE, P_SPOT, S_ORIGIN, S_SELL, S_TYPE, part
from veloz.reducers.booksync import S_LOADED, S_SYNCED
from veloz.reducers.buckets import lacks_cancel, lacks_intent, limit_of
from veloz.reducers.limits import CHANNELS
from veloz.reducers.order_store import amending
from veloz.reducers.order_table import S_CANCEL_REQUESTED, S_DRAFTED, S_UNKNOWN, is_over
from veloz.reducers.prices import traded_price
from veloz.reducers.scopes import scopes_of
from veloz.reducers.state import State
from veloz.reducers.survey import survey
from veloz.reducers.wide import TENS, WORD_MAX, mul_div_up
from veloz.reducers.words import K_LEVEL, K_PARTIAL, K_QUOTE, NONE, ONE, TWO, ZERO, I
from veloz.reducers.worst import rest_of
from veloz.risk.bounds import check_exposure, check_losses, check_size, order_rate
from veloz.risk.conduct import crosses_own, duplicated, must_reduce, repeated
from veloz.risk.venue_rules import C_BAD_TERMS, C_PRODUCT_BOUND, MARKET, MARKETS, TRAILING, bad_term, check_filters
from veloz.risk.verdict import (
    NO_SCOPE,
    SCOPES,
    V_ASSET,
    V_HOLD,
    VERDICT_WORDS,
    Draft,
    Prices,
    clear,
    refuse,
    refuse_in,
    seal,
    tightest,
)  # fmt: skip

__all__ = ["VERDICT_WORDS", "judge", "judge_cancel", "judge_intent"]

_AMEND: Final = I(Action.AMEND)
_ENGINE, _PERSON, _AGENT = I(Origin.ENGINE), I(Origin.PERSON), I(Origin.AGENT)
_STRATEGY, _ALGORITHM = I(Origin.STRATEGY), I(Origin.ALGORITHM)
_RUN, _PAUSE, _REDUCE, _HALT = I(StopLevel.RUN), I(StopLevel.PAUSE), I(StopLevel.REDUCE), I(StopLevel.HALT)
_RUNNING: Final = I(StrategyStatus.RUNNING)
_TRADING, _REDUCE_STATUS = I(TradingStatus.TRADING), I(TradingStatus.REDUCE_ONLY)
_CHANNELS: Final = I(CHANNELS)
_EIGHT: Final = I(8)
_PLACES_MAX: Final = I(18)
_L_STALE, _L_ALLOWED = I(Limit.STALE_NS), I(Limit.ALLOWED)
_L_CANCELS, _L_INTENTS = I(Limit.CANCELS_PER_WINDOW), I(Limit.INTENTS_PER_WINDOW)
_INSTRUMENT_SCOPE: Final = 3
_C_STOPPED, _C_PAUSED, _C_LEVEL = I(Refusal.STOPPED), I(Refusal.PAUSED), I(Refusal.REDUCE_ONLY_LEVEL)
_C_FROZEN, _C_BREAKER, _C_OFF = I(Refusal.FROZEN), I(Refusal.BREAKER_OPEN), I(Refusal.STRATEGY_OFF)
_C_NOT_ALLOWED, _C_UNTRADABLE = I(Refusal.NOT_ALLOWED), I(Refusal.UNTRADABLE)
_C_HALTED, _C_STALE, _C_UNSYNCED = I(Refusal.VENUE_HALTED), I(Refusal.BOOK_STALE), I(Refusal.BOOK_UNSYNCED)
_C_CANCEL_RATE, _C_INTENT_RATE = I(Refusal.CANCEL_RATE), I(Refusal.INTENT_RATE)
_IN_BASE, _IN_QTY = I(Measure.BASE), I(Measure.QTY)
_C_FUNDS, _C_NO_REFERENCE = I(Refusal.FUNDS), I(Refusal.NO_REFERENCE)
_C_UNKNOWN, _C_OVER = I(Refusal.UNKNOWN_ORDER), I(Refusal.ORDER_OVER)
_C_NOTHING, _C_NO_SLOT = I(Refusal.NOTHING_CHANGES), I(Refusal.NO_SLOT)


@kernel
def _read_prices(state: State, instrument: I) -> Prices:
    """Best prices of a book that may be believed, else of the last quote; last trade; mark, rounded down. Without any of them the close of
    the last bar stands for a trade.
    """
    slot_ix = I(state.instruments[instrument]["slot"])
    if slot_ix < ZERO:
        return Prices(ZERO, ZERO, ZERO, ZERO, ZERO)
    bid, ask = ZERO, ZERO
    book = state.slots[slot_ix]["state"]
    if book in (S_SYNCED, S_LOADED):
        best, worst = I(state.sides[TWO * slot_ix]["best"]), I(state.sides[TWO * slot_ix + ONE]["best"])
        if best != NONE and worst != NONE and ZERO < best < -worst:
            bid, ask = best, -worst
    elif ZERO < state.quotes[slot_ix]["bid"] < state.quotes[slot_ix]["ask"]:
        bid, ask = I(state.quotes[slot_ix]["bid"]), I(state.quotes[slot_ix]["ask"])
    if ask > WORD_MAX >> ONE:
        bid, ask = ZERO, ZERO
    last = max(traded_price(state, slot_ix), ZERO)
    mark, scale = I(state.marks[slot_ix]["mark_e8"]), I(state.instruments[instrument]["price_scale"])
    if state.marks[slot_ix]["count"] == ZERO or mark < ZERO:
        mark = ZERO
    elif scale <= _EIGHT:
        mark = mark // TENS[max(_EIGHT - scale, ZERO)]
    else:
        places = min(scale - _EIGHT, _PLACES_MAX)
        mark = mark * TENS[places] if mark <= WORD_MAX // TENS[places] else ZERO
    if bid == ZERO and last == ZERO and mark == ZERO:
        last = I(state.tapes[slot_ix]["stated_close"])
    return Prices(bid, ask, bid + ask, last, mark)


@kernel
def _value_price(order: np.void, kind: I, sell: I, price: I, prices: Prices) -> I:
    """The price a draft is valued at: its own, or its trigger if that is more; without either the greatest that is known."""
    paid = max(price, I(order["trigger"]))
    if kind == TRAILING:
        paid = max(paid, I(order["activation"]))
    if kind == MARKET or paid == ZERO:
        touch = prices.bid if sell != ZERO else prices.ask
        paid = max(max(prices.last, prices.mark), max((prices.mid2 + ONE) // TWO, touch))
    return paid


@kernel
def _read_draft(state: State, order_ix: I, prices: Prices) -> Draft:
    order = state.orders[order_ix]
    spec, instrument = I(order["spec"]), I(order["instrument"])
    sell, kind = part(spec, S_SELL, ONE), part(spec, S_TYPE, M_TYPE)
    amends = bool(order["pending_action"] == _AMEND)
    price = I(order["pending_price"]) if amends else I(order["price"])
    qty = I(order["pending_qty"]) if amends else I(order["qty"])
    seen = survey(state, order_ix)
    free = bool(part(spec, S_ORIGIN, M_ORIGIN) == _ENGINE and seen.reducing != ZERO)
    places = scopes_of(state, I(order["account"]), instrument, I(order["strategy"]))
    paid = _value_price(order, kind, sell, price, prices)
    market = I(state.instruments[instrument]["market"])
    return Draft(
        order_ix, instrument, I(order["account"]), market, spec, sell, kind, amends, free, price, qty, paid, places, seen
    )  # fmt: skip


@kernel
def _shrinks(state: State, draft: Draft) -> bool:
    """Whether an amendment asks for no more, at a price no nearer to the other side."""
    order = state.orders[draft.order_ix]
    further = draft.price >= order["price"] if draft.sell != ZERO else draft.price <= order["price"]
    return bool(draft.amends and draft.qty <= order["qty"] and further)


@kernel
def _stops(state: State, draft: Draft, verdict: np.ndarray) -> I:
    """STOPPED, PAUSED, REDUCE_ONLY_LEVEL: the safest level of the scopes."""
    place, level = NO_SCOPE, _RUN
    for k in range(SCOPES):
        if draft.places[k] >= ZERO and state.scopes[draft.places[k]]["level"] > level:
            place, level = draft.places[k], I(state.scopes[draft.places[k]]["level"])
    if level >= _HALT:
        return refuse(verdict, _C_STOPPED, place, level, draft.seen.rest)
    if level == _PAUSE and draft.seen.reducing == ZERO and not _shrinks(state, draft):
        return refuse(verdict, _C_PAUSED, place, level, draft.seen.rest)
    if level == _REDUCE and draft.seen.sure == ZERO:
        return refuse(verdict, _C_LEVEL, place, level, draft.seen.crowd)
    return ZERO


@kernel
def _not_allowed(state: State, draft: Draft, verdict: np.ndarray) -> I:
    """A 0 of any scope but the global one forbids; a global 0 forbids every instrument whose scope does not say 1."""
    for k in range(1, SCOPES):
        if draft.places[k] >= ZERO and limit_of(state.limits, draft.places[k], _L_ALLOWED) == ZERO:
            return refuse(verdict, _C_NOT_ALLOWED, draft.places[k], ZERO, ONE)
    listed = draft.places[_INSTRUMENT_SCOPE]
    if limit_of(state.limits, ZERO, _L_ALLOWED) == ZERO and (
        listed < ZERO or limit_of(state.limits, listed, _L_ALLOWED) != ONE
    ):
        return refuse(verdict, _C_NOT_ALLOWED, ZERO, ZERO, ONE)
    return ZERO


@kernel
def _standing(state: State, draft: Draft, verdict: np.ndarray) -> I:
    """What holds whatever the order says: levels, freezes, breakers, the strategy's status, the allow-list."""
    code = _stops(state, draft, verdict)
    if code != ZERO:
        return code
    terms, strategy = state.terms[draft.instrument], I(state.orders[draft.order_ix]["strategy"])
    if terms["frozen"] != ZERO:
        return refuse(verdict, _C_FROZEN, draft.places[_INSTRUMENT_SCOPE], I(terms["frozen"]), I(terms["frozen_seq"]))
    entry = draft.seen.reducing == ZERO
    for k in range(SCOPES):
        place = draft.places[k]
        if entry and place >= ZERO and state.scopes[place]["breakers_open"] > ZERO:
            return refuse(verdict, _C_BREAKER, place, ZERO, I(state.scopes[place]["breakers_open"]))
    if strategy > ZERO and (strategy >= state.strategies.shape[0] or state.strategies[strategy]["status"] != _RUNNING):
        return refuse(verdict, _C_OFF, draft.places[4], _RUNNING, strategy)
    return _not_allowed(state, draft, verdict) if entry else ZERO


@kernel
def _is_tradable(state: State, draft: Draft) -> bool:
    """An instrument with scales, assets and an account of its market."""
    terms, assets = state.terms[draft.instrument], state.assets.shape[0]
    known = state.instruments[draft.instrument]
    return bool(
        known["definition"] > ZERO
        and terms["product"] > ZERO
        and ZERO < terms["quote"] < assets
        and ZERO <= terms["settle"] < assets
        and ZERO <= terms["base"] < assets
        and ZERO < draft.market < MARKETS
        and state.accounts[draft.account]["known"] != ZERO
        and state.accounts[draft.account]["market"] == draft.market
    )


@kernel
def _venue_status(state: State, draft: Draft, verdict: np.ndarray) -> I:
    if not _is_tradable(state, draft):
        return refuse(verdict, _C_UNTRADABLE, NO_SCOPE, ZERO, draft.instrument)
    status = I(state.terms[draft.instrument]["status"])
    if status != _TRADING and not (status == _REDUCE_STATUS and draft.seen.reducing != ZERO):
        return refuse(verdict, _C_HALTED, NO_SCOPE, _TRADING, status)
    return ZERO


@kernel
def _book(state: State, draft: Draft, now: I, verdict: np.ndarray) -> I:
    """BOOK_STALE: nothing of the book was heard for too long. BOOK_UNSYNCED: a book is followed, and may not be believed."""
    slot_ix = I(state.instruments[draft.instrument]["slot"])
    place = tightest(state.limits, draft.places, _L_STALE)
    if place >= ZERO:
        limit, heard = limit_of(state.limits, place, _L_STALE), ZERO
        if slot_ix >= ZERO:
            at = slot_ix * _CHANNELS
            heard = max(
                I(state.channels[at + K_LEVEL]["ts_recv"]),
                max(I(state.channels[at + K_QUOTE]["ts_recv"]), I(state.channels[at + K_PARTIAL]["ts_recv"])),
            )
        if now - heard > limit:
            return refuse(verdict, _C_STALE, place, limit, now - heard)
    if slot_ix >= ZERO:
        slot = state.slots[slot_ix]
        if slot["diffs"] + slot["snapshots"] > ZERO and slot["state"] != S_SYNCED and slot["state"] != S_LOADED:
            return refuse(verdict, _C_UNSYNCED, NO_SCOPE, S_SYNCED, I(slot["state"]))
    return ZERO


@kernel
def _funds(state: State, draft: Draft, verdict: np.ndarray) -> I:
    """What the whole order could cost goes into the verdict; what that adds to what is held for it must be there."""
    order = state.orders[draft.order_ix]
    verdict[0] = ZERO
    verdict[1] = ZERO
    code = order_hold(state, draft.order_ix, draft.paid, draft.qty, verdict)
    whole, asset = I(verdict[0]), I(verdict[1])
    if code != ZERO:
        return refuse(verdict, code, NO_SCOPE, ZERO, draft.paid)
    need = whole
    if draft.amends:
        need, _ = mul_div_up(whole, rest_of(order, draft.qty), draft.qty)
        need -= order["hold"]
    if need > ZERO:
        there = available(state, draft.account, asset)
        if need > there:
            terms = state.terms[draft.instrument]
            in_base = terms["product"] == P_SPOT and asset == terms["base"]
            return refuse_in(verdict, _C_FUNDS, NO_SCOPE, there, need, _IN_BASE if in_base else ZERO)
    clear(verdict)
    verdict[V_HOLD] = whole
    verdict[V_ASSET] = asset
    return ZERO


@kernel
def _is_askable(state: State, order_ix: I, verdict: np.ndarray) -> I:
    """Whether there is something to judge: a draft, or an amendment that an open order has under way and that was not approved yet."""
    if order_ix < ZERO:
        return refuse(verdict, _C_NO_SLOT, NO_SCOPE, ZERO, ZERO)
    order = state.orders[order_ix]
    if is_over(I(order["state"])):
        return refuse(verdict, _C_OVER, NO_SCOPE, ZERO, I(order["state"]))
    if order["pending_action"] == _AMEND:
        if amending(order):
            return refuse(verdict, _C_NO_SLOT, NO_SCOPE, ONE, TWO)
        if order["state"] == S_UNKNOWN:
            return refuse(verdict, _C_UNKNOWN, NO_SCOPE, ZERO, I(order["state"]))
        if order["pending_price"] == order["price"] and order["pending_qty"] == order["qty"]:
            return refuse_in(verdict, _C_NOTHING, NO_SCOPE, I(order["qty"]), I(order["pending_qty"]), _IN_QTY)
    elif order["state"] != S_DRAFTED:
        return refuse(verdict, _C_NOTHING, NO_SCOPE, ZERO, I(order["state"]))
    known = ZERO < order["instrument"] < state.terms.shape[0] and order["instrument"] < state.instruments.shape[0]
    if not known or not ZERO < order["account"] < state.accounts.shape[0]:
        return refuse(verdict, _C_UNTRADABLE, NO_SCOPE, ZERO, I(order["instrument"]))
    return ZERO


@kernel
def _check_terms(state: State, draft: Draft, prices: Prices, now: I, verdict: np.ndarray) -> I:
    code = ZERO if draft.free else _standing(state, draft, verdict)
    if code == ZERO:
        code = _venue_status(state, draft, verdict)
    if code == ZERO and draft.seen.reducing == ZERO:
        code = _book(state, draft, now, verdict)
    if code == ZERO:
        term = bad_term(state, draft, now)
        if term != ZERO:
            code = refuse_in(verdict, C_BAD_TERMS, NO_SCOPE, draft.market, draft.spec, term)
    if code == ZERO:
        code = check_filters(state, draft, prices, verdict)
    return code


@kernel
def _check_limits(state: State, draft: Draft, prices: Prices, now: I, verdict: np.ndarray) -> I:
    code = check_size(state, draft, prices, verdict)
    if code == ZERO:
        code = check_exposure(state, draft, verdict)
    if code == ZERO:
        code = order_rate(state, draft, now, verdict)
    if code == ZERO:
        code = check_losses(state, draft, verdict)
    if code == ZERO and not draft.amends:
        if draft.seen.reducing == ZERO:
            code = repeated(state, draft, now, verdict)
        if code == ZERO:
            code = duplicated(state, draft, now, verdict)
    if code == ZERO:
        code = crosses_own(state, draft, verdict)
    return code


@cold
def _book_only(state: State, draft: Draft, now: I, verdict: np.ndarray) -> I:
    """What an order has to be where the gate is off: one whose numbers can be booked. Nobody asks whether the money is there."""
    if not _is_tradable(state, draft):
        return refuse(verdict, _C_UNTRADABLE, NO_SCOPE, ZERO, draft.instrument)
    term = bad_term(state, draft, now)
    if term != ZERO:
        return refuse_in(verdict, C_BAD_TERMS, NO_SCOPE, draft.market, draft.spec, term)
    if draft.paid == ZERO:
        return refuse(verdict, _C_NO_REFERENCE, NO_SCOPE, ZERO, ZERO)
    if draft.qty > WORD_MAX // draft.paid:
        return refuse(verdict, C_PRODUCT_BOUND, NO_SCOPE, WORD_MAX // draft.paid, draft.qty)
    clear(verdict)
    return ZERO


@cold
def judge(state: State, order_ix: I, now: I, verdict: np.ndarray) -> I:
    """Whether a draft (or the pending amendment of an order) may be sent. Changes nothing.

    Args:
        state: With the draft folded; every approval before it is folded, too.
        order_ix: Place of the order; its pending_action says AMEND where its amendment is judged. -1: there was no place for it.
        now: Engine time, ns.
        verdict: i8[VERDICT_WORDS], written whole: code, kind and number of the scope whose limit it was, limit, observed,
            hold (of the whole quantity at the terms judged, as in risk.approved) and its asset.

    Returns:
        0, or the codes.Refusal.
    """
    if _is_askable(state, order_ix, verdict) != ZERO:
        return seal(state, verdict)
    prices = _read_prices(state, I(state.orders[order_ix]["instrument"]))
    draft = _read_draft(state, order_ix, prices)
    if state.desk[0]["ungated"] != ZERO:
        code = _book_only(state, draft, now, verdict)
        return code if code == ZERO else seal(state, verdict)
    code = _check_terms(state, draft, prices, now, verdict)
    if code == ZERO and not draft.free:
        code = _check_limits(state, draft, prices, now, verdict)
    if code == ZERO:
        code = must_reduce(state, draft, part(draft.spec, S_ORIGIN, M_ORIGIN) == _ENGINE, verdict)
    if code == ZERO and draft.paid == ZERO:
        code = refuse(verdict, _C_NO_REFERENCE, NO_SCOPE, ZERO, ZERO)
    if code == ZERO:
        code = _funds(state, draft, verdict)
    return code if code == ZERO else seal(state, verdict)


@kernel
def _cancel_rate(state: State, order: np.void, now: I, verdict: np.ndarray) -> I:
    places = scopes_of(state, I(order["account"]), I(order["instrument"]), I(order["strategy"]))
    for k in range(SCOPES):
        place = places[k]
        if place < ZERO:
            continue
        used = lacks_cancel(state.limits, state.scopes[place], place, now)
        if used > ZERO:
            return refuse(verdict, _C_CANCEL_RATE, place, limit_of(state.limits, place, _L_CANCELS), used)
    return ZERO


@kernel
def _uncancelable(state: State, order_ix: I, origin: I, verdict: np.ndarray) -> I:
    if order_ix < ZERO or state.orders[order_ix]["state"] == S_DRAFTED:
        return refuse(verdict, _C_UNKNOWN, NO_SCOPE, ZERO, ZERO)
    standing = I(state.orders[order_ix]["state"])
    if is_over(standing):
        return refuse(verdict, _C_OVER, NO_SCOPE, ZERO, standing)
    if standing == S_CANCEL_REQUESTED and origin != _PERSON:
        return refuse(verdict, _C_NOTHING, NO_SCOPE, ZERO, standing)
    return ZERO


@cold
def judge_cancel(state: State, order_ix: I, origin: I, now: I, verdict: np.ndarray) -> I:
    """Whether a cancel may be sent: of an order that is known and not over, within the cancel rate. Changes nothing.

    A cancel that is under way is not asked for again, but by a person.

    Args:
        state: As in `judge`.
        order_ix: Place of the order; -1: there is none of that key.
        origin: terms.Origin of who wants the cancel. Only STRATEGY, AGENT and ALGORITHM have a rate: nobody else is held up.
        now: Engine time, ns.
        verdict: As in `judge`.

    Returns:
        0, or the codes.Refusal.
    """
    if _uncancelable(state, order_ix, origin, verdict) != ZERO:
        return seal(state, verdict)
    if origin in (_STRATEGY, _AGENT, _ALGORITHM):
        if _cancel_rate(state, state.orders[order_ix], now, verdict) != ZERO:
            return seal(state, verdict)
    clear(verdict)
    return ZERO


@cold
def judge_intent(state: State, strategy: I, now: I, verdict: np.ndarray) -> I:
    """Whether a strategy may state one more intent within INTENTS_PER_WINDOW of its scope. Changes nothing.

    Args:
        state: With every intent before it folded.
        strategy: Its number, from 1.
        now: Engine time, ns.
        verdict: As in `judge`.

    Returns:
        0, or codes.Refusal.INTENT_RATE.
    """
    clear(verdict)
    if not ZERO < strategy < state.strategies.shape[0]:
        return ZERO
    place = I(state.strategies[strategy]["scope_ix"])
    if place < ZERO:
        return ZERO
    used = lacks_intent(state.limits, state.scopes[place], place, now)
    if used == ZERO:
        return ZERO
    refuse(verdict, _C_INTENT_RATE, place, limit_of(state.limits, place, _L_INTENTS), used)
    return seal(state, verdict)
