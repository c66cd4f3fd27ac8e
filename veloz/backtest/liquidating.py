"""What the exchange does to an account that cannot bear what it holds: kernels of `clerk.py`, which decides."""

from typing import Final

from veloz.backtest.machine import BUY, LIVE, NO_KEY, NOBODY, RESPONSE, SELL, Venue
from veloz.backtest.meeting import execute
from veloz.backtest.reporting import K_CANCELED, LIQUIDATION, ROWS_A_FILL, tell_end
from veloz.backtest.requests import FILTER_FAILED, IOC, reach_of, slices_of, walk
from veloz.backtest.resting import delist, give_back, side_of, take_place
from veloz.backtest.triggers import MARKET, watched
from veloz.backtest.wires import due_after
from veloz.backtest.writing import next_report_seq, put_row
from veloz.contracts import registry
from veloz.contracts.codes import BalanceReason
from veloz.contracts.kernel import cold, entry, kernel
from veloz.contracts.terms import SelfTrade, TriggerBy
from veloz.reducers.bits import S_ACCOUNT, S_SELL, S_SIDE, S_STP, S_TIF, S_TYPE
from veloz.reducers.words import ONE, TWO, ZERO, I

_INSURANCE: Final = I(BalanceReason.INSURANCE)
_K_STATED, _K_CHANGED = I(registry.ORDER_STATED.number), I(registry.BALANCE_CHANGED.number)
_NOBODY_ELSE: Final = I(SelfTrade.EXPIRE_MAKER)
_BY_MARK: Final = I(TriggerBy.MARK)


@kernel
def _cancel(venue: Venue, at: I, now: I) -> None:
    delist(venue, at)
    tell_end(venue, at, K_CANCELED, LIQUIDATION, now)
    give_back(venue, at)


@entry
def cancel_open(venue: Venue, market: I, now: I) -> None:
    """Cancel all orders of a market, resting and waiting ones; there is room for as many rows."""
    for sign in (ONE, -ONE):
        side = side_of(venue, market, sign)
        while side["first_ix"] != NOBODY:
            _cancel(venue, I(side["first_ix"]), now)
    while venue.markets[market]["first_ix"] != NOBODY:
        _cancel(venue, I(venue.markets[market]["first_ix"]), now)


@entry
def rows_to_close(venue: Venue, market: I, qty: I) -> I:
    """At most so many rows come of closing a signed quantity."""
    opposite = side_of(venue, market, ONE if qty > ZERO else -ONE)
    return (slices_of(venue, opposite, abs(qty)) + TWO) * ROWS_A_FILL


@cold
def _mark_price(venue: Venue, market: I) -> I:
    """The mark in the market's own quanta, cut."""
    record = venue.markets[market]
    return max(watched(record, _BY_MARK) // record["price_up"], ONE)


@entry
def close_out(venue: Venue, market: I, side: I, qty: I, now: I) -> I:
    """Close a signed quantity by an order of the exchange's own; there is room for `rows_to_close`.

    Returns:
        0, or a code: no order could be made, as all places are taken.
    """
    at = take_place(venue)
    if at == NOBODY:
        return FILTER_FAILED
    order, clock, record = venue.resting[at], venue.clock[0], venue.markets[market]
    clock["venue_order"] += ONE
    sell, account = ONE if qty > ZERO else ZERO, I(record["account"])
    order["venue_order"] = clock["venue_order"]
    order["state"] = LIVE
    order["key"] = -clock["venue_order"]
    order["account"] = account
    order["market"] = market
    order["sign"] = SELL if sell == ONE else BUY
    order["at"] = ZERO
    order["price"] = ZERO
    order["qty"] = abs(qty)
    order["leaves"] = abs(qty)
    order["filled"] = ZERO
    order["way"] = ZERO
    order["spec"] = (
        (sell << S_SELL) | (MARKET << S_TYPE) | (IOC << S_TIF) | (account << S_ACCOUNT) | (side << S_SIDE)
        | (_NOBODY_ELSE << S_STP)
    )  # fmt: skip
    order["leaves_size"] = order["leaves"] / record["per_unit"]
    due_ns, seq = due_after(venue, RESPONSE, now), next_report_seq(venue, now)
    put_row(
        venue, due_ns, now, _K_STATED, I(record["instrument"]), I(order["key"]), ZERO, abs(qty), seq, I(order["spec"])
    )
    opposite = side_of(venue, market, -I(order["sign"]))
    if opposite["best"] != NO_KEY:
        walk(venue, at, opposite, reach_of(venue, order, opposite), now)
    if order["leaves"] > ZERO:
        execute(venue, at, _mark_price(venue, market), I(order["leaves"]), ZERO, now)
    give_back(venue, at)
    return ZERO


@entry
def fill_up(venue: Venue, account: I, asset: I, amount: I, now: I) -> None:
    """The insurance fund pays what a wallet lacks."""
    due_ns, seq = due_after(venue, RESPONSE, now), next_report_seq(venue, now)
    put_row(venue, due_ns, now, _K_CHANGED, ZERO, account, amount, asset, seq, _INSURANCE)
