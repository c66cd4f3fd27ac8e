"""Positions: fills → quantity, cost, realized pnl, lots; of accounts, and of strategies within them.

A position is what was bought and sold, whatever the fees were: a fee in the base asset of a spot instrument leaves the balance and is
told beside the position (`fees_base`), which stays what it was. Cost and realized pnl are exact (`worth.py`). Since an average-cost
position last grew, closing has released its cost then · closed ÷ its quantity then, rounded toward minus infinity once, however many
fills closed it; closing all of it releases all. Whether lots are kept is
decided when a position leaves zero (ACCOUNT.lots), so a change of the account's rule meets no half-open position.

A wallet of contracts moves by the change of the money that the account's whole realized pnl reads as, so no rounding adds up.
"""

from typing import Final

import numpy as np

from veloz.contracts import codes
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.accounts import can_move, charge, move
from veloz.reducers.bits import P_INVERSE, P_SPOT, S_SELL, part
from veloz.reducers.lots import pop_lots, push_lot
from veloz.reducers.places import NO_STRATEGY, NOWHERE, find_position, knows_account, position_place
from veloz.reducers.rates import use_asset
from veloz.reducers.scopes import note_close
from veloz.reducers.state import State
from veloz.reducers.wide import WORD_MAX, add, bounded_sum, fits, from_word, magnitude, negate, share, subtract
from veloz.reducers.words import ONE, TWO, ZERO, I
from veloz.reducers.worst import rest_of
from veloz.reducers.worth import MONEY_MAX, base_money, fill_value, money_asset, to_money

_ARITHMETIC, _CAPACITY = I(codes.Refusal.ARITHMETIC), I(codes.Refusal.CAPACITY)
_NOT_KNOWN, _UNTRADABLE, _BAD_TERMS = (
    I(codes.Refusal.NOT_KNOWN),
    I(codes.Refusal.UNTRADABLE),
    I(codes.Refusal.BAD_TERMS),
)
_SIDE_LAST: Final = I(2)
_HALF_MONEY: Final = MONEY_MAX >> ONE  # room for the next rounding


@kernel
def _knows_asset(state: State, asset: I) -> bool:
    return bool(ZERO < asset < state.assets.shape[0] and state.assets[asset]["known"] != ZERO)


@kernel
def _is_money(state: State, instrument: I, hi: I, lo: I) -> bool:
    money, ok = to_money(state, instrument, hi, lo)
    return bool(ok and money <= _HALF_MONEY)


@kernel
def _cash_fits(state: State, account: I, instrument: I, own: I, qty: I, hi: I, lo: I) -> bool:
    """Whether the balances can take what a fill worth (hi, lo) may move."""
    asset = money_asset(state, instrument)
    terms = state.terms[instrument]
    if terms["product"] == P_SPOT:
        size, ok = base_money(state, instrument, qty)
        if not ok or not can_move(state, account, I(terms["base"]), size):
            return False
    elif own >= ZERO:
        cost_hi, cost_lo = magnitude(state.positions[own]["cost_hi"], state.positions[own]["cost_lo"])
        hi, lo = add(hi, lo, cost_hi, cost_lo)
    size, ok = to_money(state, instrument, hi, lo)
    return bool(ok and can_move(state, account, asset, size + ONE))


@kernel
def _position_takes(state: State, at: I, instrument: I, qty: I, hi: I, lo: I) -> bool:
    """Whether a position, or none (-1), can take a fill worth (hi, lo) whichever way it goes: nothing after this leaves its bounds."""
    if at >= ZERO:
        position = state.positions[at]
        if abs(position["qty"]) > WORD_MAX - qty:
            return False
        cost_hi, cost_lo = magnitude(position["cost_hi"], position["cost_lo"])
        real_hi, real_lo = magnitude(position["real_hi"], position["real_lo"])
        hi, lo = add(hi, lo, cost_hi, cost_lo)
        hi, lo = add(hi, lo, real_hi, real_lo)
    return fits(hi) and _is_money(state, instrument, hi, lo)


@cold
def _refusal_of_fill(state: State, account: I, instrument: I, side: I, strategy: I, price: I, qty: I) -> I:
    """Why a fill cannot be taken; 0: it can, and nothing it does will leave its bounds."""
    if not knows_account(state, account) or not ZERO < instrument < state.terms.shape[0]:
        return _NOT_KNOWN
    terms, known = state.terms[instrument], state.instruments[instrument]
    product = terms["product"]
    if not P_SPOT <= product <= P_INVERSE or known["multiplier_e8"] <= ZERO:
        return _UNTRADABLE
    asset = money_asset(state, instrument)
    if not _knows_asset(state, asset) or (product == P_SPOT and not _knows_asset(state, I(terms["base"]))):
        return _UNTRADABLE
    if not ZERO <= side <= _SIDE_LAST or strategy < NO_STRATEGY:
        return _BAD_TERMS
    if not ZERO <= price <= WORD_MAX:
        return _ARITHMETIC
    desk = state.desk[0]
    if desk["positions_used"] + TWO > state.positions.shape[0] or desk["lots_used"] + TWO > state.lots.shape[0]:
        return _CAPACITY
    hi, lo, ok = fill_value(state, instrument, price, qty)
    if not ok or not fits(hi):
        return _ARITHMETIC
    own = find_position(state, account, instrument, side, NO_STRATEGY)
    theirs = find_position(state, account, instrument, side, strategy)
    at = own
    for _ in range(TWO):
        if not _position_takes(state, at, instrument, qty, hi, lo):
            return _ARITHMETIC
        at = theirs
    return ZERO if _cash_fits(state, account, instrument, own, qty, hi, lo) else _ARITHMETIC


@kernel
def closed_by(qty: I, signed: I) -> I:
    """How much of a position of `qty` a fill of `signed` closes: 0 … abs(qty)."""
    if qty == ZERO or (qty > ZERO) == (signed > ZERO):
        return ZERO
    return min(abs(qty), abs(signed))


@kernel
def _average_cost(position: np.void, closing: I) -> tuple[I, I]:
    """Cost that leaves with a part: what should have left since the position last grew, less what has."""
    gone = I(position["base_qty"]) - abs(I(position["qty"]))
    hi, lo = share(position["base_hi"], position["base_lo"], gone + closing, I(position["base_qty"]))
    left_hi, left_lo = subtract(position["base_hi"], position["base_lo"], position["cost_hi"], position["cost_lo"])
    return subtract(hi, lo, left_hi, left_lo)


@cold
def _close(state: State, at: I, price: I, closing: I, counts: I) -> None:
    """Release the cost of `closing` and realize what it brought; adopted (`counts` 0), it leaves at its cost and realizes nothing."""
    position = state.positions[at]
    instrument = I(position["instrument"])
    held = I(position["qty"])
    hi, lo, _ = fill_value(state, instrument, price, closing)
    if held < ZERO:
        hi, lo = negate(hi, lo)
    if position["lots_ix"] >= ZERO:
        cost_hi, cost_lo = pop_lots(state, at, closing)
        if held < ZERO:
            cost_hi, cost_lo = negate(cost_hi, cost_lo)
    else:
        cost_hi, cost_lo = _average_cost(position, closing)
    position["cost_hi"], position["cost_lo"] = subtract(position["cost_hi"], position["cost_lo"], cost_hi, cost_lo)
    if counts != ZERO:
        hi, lo = subtract(hi, lo, cost_hi, cost_lo)
        if state.terms[instrument]["product"] == P_INVERSE:
            hi, lo = negate(hi, lo)
        position["real_hi"], position["real_lo"] = add(position["real_hi"], position["real_lo"], hi, lo)
    position["qty"] = held - closing if held > ZERO else held + closing


@cold
def _open(state: State, at: I, price: I, signed: I, seq: I) -> None:
    """Add to a position that is flat or on the same side."""
    position = state.positions[at]
    lots = (
        state.accounts[position["account"]]["lots"] != ZERO if position["qty"] == ZERO else position["lots_ix"] >= ZERO
    )
    if lots:
        hi, lo = push_lot(state, at, price, abs(signed), seq)
    else:
        hi, lo, _ = fill_value(state, position["instrument"], price, abs(signed))
    if signed < ZERO:
        hi, lo = negate(hi, lo)
    position["cost_hi"], position["cost_lo"] = add(position["cost_hi"], position["cost_lo"], hi, lo)
    position["qty"] += signed
    position["base_hi"] = position["cost_hi"]
    position["base_lo"] = position["cost_lo"]
    position["base_qty"] = abs(position["qty"])


@kernel
def realized_money(state: State, at: I) -> I:
    """Realized pnl of a position as money of `worth.money_asset`, rounded toward minus infinity."""
    position = state.positions[at]
    money, _ = to_money(state, position["instrument"], position["real_hi"], position["real_lo"])
    return money


@cold
def _take(state: State, at: I, price: I, signed: I, seq: I, now: I, counts: I) -> I:
    """One fill into one position; the money that it realized. `counts`: 1 for a trade, -1 where one is taken back, 0 where one is
    adopted."""
    position = state.positions[at]
    before, was_real = I(position["qty"]), realized_money(state, at)
    closing = closed_by(before, signed)
    if closing > ZERO:
        _close(state, at, price, closing, counts)
    opening = signed + closing if signed < ZERO else signed - closing
    if opening != ZERO:
        _open(state, at, price, opening, seq)
    position["trades"] += counts
    hi, lo = from_word(signed)
    if (signed > ZERO) == (counts >= ZERO):
        position["bought_hi"], position["bought_lo"] = add(position["bought_hi"], position["bought_lo"], hi, lo)
    else:
        position["sold_hi"], position["sold_lo"] = subtract(position["sold_hi"], position["sold_lo"], hi, lo)
    if before == ZERO or (opening != ZERO and closing > ZERO):
        position["opened_ns"] = now
    if position["qty"] == ZERO:
        position["closed_ns"] = now
    gained = realized_money(state, at) - was_real
    if closing > ZERO and counts > ZERO:
        note_close(state, at, gained, now)
    return gained


@kernel
def _moved(state: State, account: I, asset: I, delta: I) -> None:
    if delta != ZERO:
        move(state, account, asset, delta)


@cold
def _book(
    state: State, account: I, instrument: I, side: I, strategy: I, price: I, signed: I, seq: I, now: I, counts: I
) -> None:
    gained = _take(
        state, position_place(state, account, instrument, side, NO_STRATEGY), price, signed, seq, now, counts
    )
    if strategy != NO_STRATEGY:
        _take(state, position_place(state, account, instrument, side, strategy), price, signed, seq, now, counts)
    asset = money_asset(state, instrument)
    if state.terms[instrument]["product"] != P_SPOT:
        _moved(state, account, asset, gained)
        return
    hi, lo, _ = fill_value(state, instrument, price, abs(signed))
    paid, _ = to_money(state, instrument, hi, lo)
    size, _ = base_money(state, instrument, abs(signed))
    _moved(state, account, asset, -paid if signed > ZERO else paid)
    _moved(state, account, I(state.terms[instrument]["base"]), size if signed > ZERO else -size)


@cold
def _execute(
    state: State, account: I, instrument: I, side: I, strategy: I, price: I, signed: I, seq: I, now: I, counts: I
) -> I:
    code = _refusal_of_fill(state, account, instrument, side, strategy, price, abs(signed))
    if code == ZERO:
        _book(state, account, instrument, side, strategy, price, signed, seq, now, counts)
    return code


@cold
def apply_fill(
    state: State, account: I, instrument: I, sell: I, side: I, strategy: I, price: I, qty: I, seq: I, now: I
) -> I:
    """One execution, counted once by the caller: positions of the account and of the strategy, and balances. 0, or a codes.Refusal
    (ARITHMETIC, NOT_KNOWN, UNTRADABLE, BAD_TERMS, CAPACITY) in which case nothing is changed.

    `strategy` 0 is a person, -1 nobody of ours (a foreign order): then only the account's own position moves. Liquidation, ADL and
    settlement are executions like any other. A LONG or SHORT position may be closed beyond zero: what a venue reports is a fact.
    """
    if not ZERO < qty <= WORD_MAX:
        return _ARITHMETIC
    return I(_execute(state, account, instrument, side, strategy, price, qty if sell == ZERO else -qty, seq, now, ONE))


@cold
def adopt_fill(
    state: State, account: I, instrument: I, sell: I, side: I, strategy: I, price: I, qty: I, seq: I, now: I
) -> I:
    """An execution that nobody has told of, taken over from a venue's statement. 0, or a codes.Refusal as above.

    What it opens costs `price`. What it closes leaves at its own cost whatever the price is: the profit is not known here, so none is
    realized, no loss is counted, and it is no trade.
    """
    if not ZERO < qty <= WORD_MAX:
        return _ARITHMETIC
    return I(_execute(state, account, instrument, side, strategy, price, qty if sell == ZERO else -qty, seq, now, ZERO))


@cold
def bust_fill(
    state: State, account: I, instrument: I, sell: I, side: I, strategy: I, price: I, qty: I, seq: I, now: I
) -> I:
    """The venue took an execution back: the opposite one at its price, not counted as a trade. 0, or a codes.Refusal as above.

    Quantities and cash are again what they were before it. How the sum of realized and unrealized pnl is split is not: which cost a
    closing released is not remembered. The venue's statement of balance and position settles that.
    """
    if not ZERO < qty <= WORD_MAX:
        return _ARITHMETIC
    return I(_execute(state, account, instrument, side, strategy, price, -qty if sell == ZERO else qty, seq, now, -ONE))


@kernel
def _charge(state: State, at: I, asset: I, amount: I) -> None:
    if at < ZERO:
        return
    use_asset(state, asset)
    position = state.positions[at]
    terms = state.terms[position["instrument"]]
    if asset == money_asset(state, position["instrument"]):
        position["fees"] += amount
    elif terms["product"] == P_SPOT and asset == terms["base"]:
        position["fees_base"] += amount
    elif position["fees_other_asset"] == asset or position["fees_other_asset"] == ZERO:
        position["fees_other_asset"] = asset
        position["fees_other"] += amount
    else:
        position["fees_more"] += ONE


@kernel
def _charged(state: State, at: I) -> I:
    """The greatest magnitude among the sums of fees of a position."""
    if at < ZERO:
        return ZERO
    position = state.positions[at]
    return max(abs(I(position["fees"])), abs(I(position["fees_base"])), abs(I(position["fees_other"])))


@cold
def apply_fee(state: State, account: I, instrument: I, side: I, strategy: I, asset: I, amount: I) -> None:
    """The fee (below 0: rebate) of an execution that was counted, in any asset: out of the balance, and beside the positions.

    One that names no asset or account, or that would leave the bounds, changes nothing but the count of overflows.
    """
    desk = state.desk[0]
    if not knows_account(state, account) or not _knows_asset(state, asset) or not -MONEY_MAX <= amount <= MONEY_MAX:
        desk["overflows"] += ONE
        return
    own = find_position(state, account, instrument, side, NO_STRATEGY)
    theirs = find_position(state, account, instrument, side, strategy) if strategy != NO_STRATEGY else NOWHERE
    paid = max(_charged(state, own), _charged(state, theirs))
    if not can_move(state, account, asset, abs(amount)) or paid > MONEY_MAX:
        desk["overflows"] += ONE
        return
    charge(state, account, asset, amount)
    _charge(state, own, asset, amount)
    _charge(state, theirs, asset, amount)


@cold
def held_by(state: State, account: I, instrument: I, strategy: I) -> I:
    """Signed quantity that a strategy (-1: the account itself) holds of an instrument, all position sides together."""
    total = ZERO
    for side in range(_SIDE_LAST + ONE):
        at = find_position(state, account, instrument, I(side), strategy)
        if at >= ZERO:
            total = bounded_sum(total, I(state.positions[at]["qty"]))
    return total


@cold
def target_delta(state: State, account: I, instrument: I, strategy: I, target: I) -> I:
    """Signed quantity that is missing from a strategy's target: target, less its position, less what its open orders would bring.

    `target` within ±WORD_MAX. What an order would bring is all that was ordered less the trades counted: one whose outcome is not known
    or that is being canceled still brings its whole rest, and one that is over what was stated as filled.
    """
    missing = bounded_sum(target, -held_by(state, account, instrument, strategy))
    if not ZERO < instrument < state.terms.shape[0]:
        return missing
    at = I(state.terms[instrument]["orders_ix"])
    while at >= ZERO:
        order = state.orders[at]
        if order["account"] == account and order["strategy"] == strategy:
            rest = rest_of(order, I(order["qty"]))
            missing = bounded_sum(missing, rest if part(order["spec"], S_SELL, ONE) != ZERO else -rest)
        at = I(order["next_ix"])
    return missing
