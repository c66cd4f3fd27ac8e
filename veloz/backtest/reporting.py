"""What the exchange says: the rows a venue's codec would write, put on the wire to the desk.

An execution is `order.filled`, its `order.fee` and the order's state, which is `order.accepted` also of an order that is filled whole.
Rows of one report arrive together. The order of reports (`venue_seq`) is the exchange's time, or one more than the last.
"""

from typing import Final

import numpy as np

from veloz.backtest.fees import fee_asset, fee_of, third_price
from veloz.backtest.holding import book_execution
from veloz.backtest.machine import RESPONSE, SELL, Venue
from veloz.backtest.rules import Compat
from veloz.backtest.tiers import add_volume, rate_of
from veloz.backtest.wires import due_after
from veloz.backtest.writing import meta_of, next_report_seq, put_row
from veloz.contracts import registry
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import Action, Why
from veloz.reducers.bits import (
    M_ACCOUNT,
    M_SIDE,
    R_ACTION,
    R_MAKER,
    S_ACCOUNT,
    S_SELL,
    S_SIDE,
    part,
)
from veloz.reducers.words import ONE, ZERO, I

K_ACCEPTED, K_CANCELED, K_EXPIRED = I(registry.ACCEPTED.number), I(registry.CANCELED.number), I(registry.EXPIRED.number)
K_REJECTED, K_REPLACED = I(registry.REJECTED.number), I(registry.REPLACED.number)
K_REQUEST_REJECTED, K_FILLED, K_FEE = (
    I(registry.REQUEST_REJECTED.number),
    I(registry.FILLED.number),
    I(registry.FEE.number),
)

ORDINARY, UNFILLED, EXPIRY = I(Why.ORDINARY), I(Why.UNFILLED), I(Why.EXPIRY)
SELF_TRADE, REDUCE_ONLY, LIQUIDATION = I(Why.SELF_TRADE), I(Why.REDUCE_ONLY), I(Why.LIQUIDATION)
PLACED, CANCEL, AMEND = I(Action.PLACE), I(Action.CANCEL), I(Action.AMEND)
ORDER_REJECTED: Final = I(-2010)  # as Binance has it
ROWS_A_FILL: Final = I(9)
_LAST_SLICE, _CLEARS = I(Compat.BOOKS_LAST_SLICE), I(Compat.FILL_CLEARS_REQUEST)


@kernel
def _meta(order: np.void, why: I) -> I:
    spec = I(order["spec"])
    sell = ONE if order["sign"] == SELL else ZERO
    return meta_of(part(spec, S_ACCOUNT, M_ACCOUNT), sell, part(spec, S_SIDE, M_SIDE), why)


@cold
def tell_state(venue: Venue, at: I, kind: I, number: I, why: I, due_ns: I, now: I) -> None:
    """The state of an order, and what the desk then takes to be open of it. `number`: the venue's, or the code of a rejection."""
    order = venue.resting[at]
    instrument = I(venue.markets[order["market"]]["instrument"])
    seq = next_report_seq(venue, now)
    place = put_row(
        venue, due_ns, now, kind, instrument, I(order["key"]), number, I(order["filled"]), seq, _meta(order, why)
    )
    told = venue.told[place]
    told["resting"] = at
    told["serial"] = order["serial"]
    told["heard"] = order["leaves"]
    told["heard_size"] = order["leaves_size"]


@cold
def tell_end(venue: Venue, at: I, kind: I, why: I, now: I) -> None:
    """An order is over, or open as it is: one report."""
    due_ns = due_after(venue, RESPONSE, now)
    number = ORDER_REJECTED if kind == K_REJECTED else I(venue.resting[at]["venue_order"])
    tell_state(venue, at, kind, number, why, due_ns, now)


@cold
def tell_replaced(venue: Venue, at: I, now: I) -> None:
    """An amendment took hold: the order's terms, and its state."""
    order = venue.resting[at]
    due_ns = due_after(venue, RESPONSE, now)
    instrument = I(venue.markets[order["market"]]["instrument"])
    meta = _meta(order, ORDINARY) | (AMEND << R_ACTION)
    seq = next_report_seq(venue, now)
    put_row(venue, due_ns, now, K_REPLACED, instrument, I(order["key"]), I(order["price"]), I(order["qty"]), seq, meta)
    tell_state(venue, at, K_ACCEPTED, I(order["venue_order"]), ORDINARY, due_ns, now)


@cold
def tell_refused(venue: Venue, asked: np.void, kind: I, code: I, filled: I, due_ns: I, now: I) -> None:
    """A request came to nothing: about an order that the exchange does not hold, or one that stays as it is."""
    spec, market = I(asked["spec"]), venue.markets[venue.places[asked["instrument"]]]
    sell = (spec >> S_SELL) & ONE
    meta = meta_of(I(asked["account"]), sell, part(spec, S_SIDE, M_SIDE), ORDINARY) | (asked["action"] << R_ACTION)
    seq = next_report_seq(venue, now)
    put_row(venue, due_ns, now, kind, I(market["instrument"]), I(asked["key"]), code, filled, seq, meta)


@cold
def _tell_execution(venue: Venue, order: np.void, price: I, qty: I, maker: I, due_ns: I, now: I) -> None:
    market, clock = venue.markets[order["market"]], venue.clock[0]
    trade_id = clock["trade_id"] + ONE
    clock["trade_id"] = trade_id
    meta = _meta(order, LIQUIDATION if order["key"] < ZERO else ORDINARY) | (maker << R_MAKER)
    instrument, key, sign = I(market["instrument"]), I(order["key"]), I(order["sign"])
    rate, third = rate_of(venue, market, maker, due_ns, now), third_price(venue, market)
    put_row(venue, due_ns, now, K_FILLED, instrument, key, price, qty, trade_id, meta)
    fee = fee_of(market, price, qty, sign, rate, third)
    put_row(venue, due_ns, now, K_FEE, instrument, key, fee, fee_asset(market, sign, third), trade_id, meta)
    add_volume(venue, market, price, qty, due_ns, now)
    if venue.rules[0]["accounts"] != ZERO:
        book_execution(venue, order, qty, now)


@cold
def tell_fill(venue: Venue, at: I, price: I, qty: I, maker: I, now: I) -> None:
    """An execution, already taken off the order's open quantity: fill, fee and state."""
    order = venue.resting[at]
    compat = I(venue.rules[0]["compat"])
    due_ns = due_after(venue, RESPONSE, now)
    if order["leaves"] == ZERO or compat & _LAST_SLICE == ZERO:
        _tell_execution(venue, order, price, qty, maker, due_ns, now)
    tell_state(venue, at, K_ACCEPTED, I(order["venue_order"]), ORDINARY, due_ns, now)
    if order["leaves"] > ZERO and compat & _CLEARS != ZERO:
        instrument, key = I(venue.markets[order["market"]]["instrument"]), I(order["key"])
        for action in (CANCEL, AMEND):
            meta = _meta(order, ORDINARY) | (action << R_ACTION)
            put_row(venue, due_ns, now, K_REQUEST_REJECTED, instrument, key, ZERO, ZERO, ZERO, meta)
