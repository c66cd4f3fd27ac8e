"""The quoter in whole ticks over the simulated exchange alone, with a desk that is no more than it needs: a book and a list of orders.

The desk's book is a second exchange that nobody sends orders to, given the rows of the desk's clock.
"""

from typing import Any, Final

import numpy as np

from tests.backtest.parity.peer import EVENT
from tests.backtest.parity.plans import FOK, GTC, GTX, IOC, MARKET, WISH, make_plan
from veloz.backtest.exchange import put_request, run, take_reports
from veloz.backtest.machine import DONE, ENTRY, NO_KEY, REQUEST, RESPONSE, STOPPED, Venue
from veloz.backtest.wires import report_due
from veloz.contracts import layout, registry, terms
from veloz.contracts.kernel import cold, entry, kernel
from veloz.contracts.terms import OrderType, TimeInForce
from veloz.reducers.words import FLAGS_SHIFT, INSTRUMENT_SHIFT, KIND_MASK, ONE, RAW, TWO, VERSION_SHIFT, ZERO, I

AT_VENUE, AT_DESK, BUYS, SELLS = 1 << 31, 1 << 30, 1 << 29, 1 << 28
DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4
INSTRUMENT: Final = 1
ACCOUNT: Final = 1

ORDER: Final = np.dtype([(name, "i8") for name in ("state", "asked", "sign", "tick", "qty", "key", "spec", "filled")])
FILL: Final = np.dtype([(name, "i8") for name in ("at_ns", "number", "side", "tick", "qty", "fee")])
EMPTY, SENT, OPEN, OVER = I(0), I(1), I(2), I(3)
ORDERS: Final = 256, 1 << 16  # of the quoter, of plans; so many one after the other

K_ACCEPTED, K_REQUEST_REJECTED = I(registry.ACCEPTED.number), I(registry.REQUEST_REJECTED.number)
K_FILLED, K_FEE, K_REPLACED = I(registry.FILLED.number), I(registry.FEE.number), I(registry.REPLACED.number)
PLACE, CANCEL, AMEND = I(0), I(1), I(2)
SELL_SHIFT = I(terms.shift_of(terms.SPEC, "sell"))
SPECS: Final = np.array(
    [terms.pack(terms.SPEC, sell=sell, type=OrderType.LIMIT, tif=TimeInForce.GTX, account=ACCOUNT) for sell in (0, 1)],
    np.int64,
)


WISHED: Final = np.zeros(MARKET + 1, np.int64)  # spec of a plan's word for time in force
for _wish, _tif in ((GTC, TimeInForce.GTC), (GTX, TimeInForce.GTX), (FOK, TimeInForce.FOK), (IOC, TimeInForce.IOC)):
    WISHED[_wish] = terms.pack(terms.SPEC, type=OrderType.LIMIT, tif=_tif, account=ACCOUNT)
WISHED[MARKET] = terms.pack(terms.SPEC, type=OrderType.MARKET, account=ACCOUNT)


def rows_of(events: np.ndarray, side: int, scale: tuple[float, float]) -> np.ndarray:
    """Rows of one clock out of the peer's events.

    Args:
        events: As its converter gives them.
        side: AT_VENUE or AT_DESK.
        scale: Price and quantity quanta a unit.
    """
    seen = events[events["ev"] & np.uint64(side) != 0].view(EVENT)
    rows = np.zeros(len(seen), RAW)
    kind = (seen["ev"] & np.uint64(0xFF)).astype(np.int64)
    asks = (seen["ev"] >> np.uint64(28) & np.uint64(1)).astype(np.int64)
    trades = kind == TRADE
    flags = asks * layout.ASK + np.where(trades, 0, layout.APPLIED) + np.where(kind == CLEAR, layout.EMPTY, 0)
    number = np.where(trades, registry.TRADE.number, registry.LEVEL.number)
    rows["head"] = number | 1 << int(VERSION_SHIFT) | flags << int(FLAGS_SHIFT) | INSTRUMENT << int(INSTRUMENT_SHIFT)
    rows["ts_recv"] = seen["local_ts"]
    rows["ts_event"] = seen["exch_ts" if side == AT_VENUE else "local_ts"]
    rows["price"] = np.floor(seen["px"] * scale[0] + 0.5)
    rows["qty"] = np.floor(seen["qty"] * scale[1] + 0.5)
    return rows


@kernel
def place_of(orders: np.ndarray, key: I) -> I:
    """Where an order is kept: orders of a run have one number after the other."""
    return key % orders.shape[0]


@cold
def find(orders: np.ndarray, key: I) -> I:
    """The desk's place of an order; -1: forgotten."""
    at = place_of(orders, key)
    return at if orders[at]["state"] != EMPTY and orders[at]["key"] == key else -ONE


@cold
def hear_row(orders: np.ndarray, row: np.void, sums: np.ndarray, fills: np.ndarray) -> None:
    """One row of a report. sums: position, cash (price quanta · quantity quanta), fees, fills."""
    kind, at = row["head"] & KIND_MASK, find(orders, I(row["venue_seq"]))
    if kind == K_FILLED:
        sell = (row["aux"] >> I(8)) & ONE
        sign = ONE - TWO * sell
        sums[0] += sign * row["qty"]
        sums[1] -= sign * row["qty"] * row["price"]
        fill = fills[sums[3]]
        fill["at_ns"] = row["ts_event"]
        fill["side"] = sign
        fill["tick"] = row["price"]
        fill["qty"] = row["qty"]
        fill["number"] = row["venue_seq"]
    elif kind == K_FEE:
        sums[2] += row["price"]
        fills[sums[3]]["fee"] = row["price"]
        sums[3] += ONE
    elif at < ZERO:
        return
    elif kind == K_ACCEPTED:
        orders[at]["state"] = OVER if row["qty"] >= orders[at]["qty"] else OPEN
        orders[at]["filled"] = row["qty"]
        if row["qty"] == ZERO:
            orders[at]["asked"] = ZERO
    elif kind == K_REQUEST_REJECTED:
        orders[at]["asked"] = ZERO
    elif kind == K_REPLACED:
        orders[at]["asked"] = ZERO
        orders[at]["qty"] = row["qty"]
    else:
        orders[at]["state"] = OVER


@cold
def ask(
    venue: Venue, orders: np.ndarray, at: I, action: I, price: I, qty: I, spec: I, now: I, request: np.ndarray
) -> I:
    """Send a request about the order at a place."""
    order, words = orders[at], request[0]
    words["key"] = order["key"]
    words["instrument"] = ONE
    words["account"] = ONE
    words["action"] = action
    words["price"] = price
    words["qty"] = qty
    words["spec"] = spec | action
    order["asked"] = ONE
    return put_request(venue, words, now)


@cold
def place(
    venue: Venue, orders: np.ndarray, sign: I, tick: I, qty: I, spec: I, told: np.ndarray, now: I, request: np.ndarray
) -> None:
    """A new order at a tick."""
    told[5] += ONE
    at = place_of(orders, told[5])
    order = orders[at]
    assert order["state"] == EMPTY
    order["state"] = SENT
    order["sign"] = sign
    order["tick"] = tick
    order["qty"] = qty
    order["spec"] = spec
    order["key"] = told[5]
    ask(venue, orders, at, PLACE, tick * told[4], qty, spec, now, request)


@cold
def forget_over(orders: np.ndarray, sent: I) -> None:
    """Places of orders that are over are free."""
    for at in range(min(orders.shape[0], sent + ONE)):
        if orders[at]["state"] == OVER:
            orders[at]["state"] = EMPTY


@cold
def act(
    venue: Venue, book: Venue, orders: np.ndarray, wish: np.void, told: np.ndarray, now: I, request: np.ndarray
) -> None:
    """One wish of a plan."""
    near, far = I(book.sides[0]["best"]), -I(book.sides[1]["best"])
    if wish["side"] < ZERO:
        near, far = far, near
    tick = (far if wish["far"] != ZERO else near) - wish["side"] * wish["offset"]
    if wish["op"] == ONE:
        spec = WISHED[wish["tif"]] | ((ONE - wish["side"]) >> ONE) << SELL_SHIFT
        place(venue, orders, I(wish["side"]), tick, I(wish["lots"]), spec, told, now, request)
        return
    at = find(orders, told[5] - wish["back"])
    if at >= ZERO and orders[at]["state"] == OPEN and orders[at]["asked"] == ZERO:
        action = CANCEL if wish["op"] == TWO else AMEND
        ask(venue, orders, at, action, tick * told[4], I(wish["lots"]), I(orders[at]["spec"]), now, request)


@cold
def quote(
    venue: Venue, book: Venue, orders: np.ndarray, sums: np.ndarray, told: np.ndarray, now: I, request: np.ndarray
) -> None:
    """One wake. told: interval, spread (2H), quantity, cap, quanta a tick, orders sent."""
    best_bid, best_ask = I(book.sides[0]["best"]), -I(book.sides[1]["best"])
    if best_bid == NO_KEY or best_ask == -NO_KEY:
        return
    bid, ask_tick = (best_bid + best_ask - told[1]) // TWO, -((-best_bid - best_ask - told[1]) // TWO)
    have_bid = have_ask = False
    for at in range(orders.shape[0]):
        order = orders[at]
        if order["state"] == EMPTY:
            continue
        if order["sign"] == ONE and order["tick"] == bid:
            have_bid = True
        elif order["sign"] == -ONE and order["tick"] == ask_tick:
            have_ask = True
        elif order["state"] == OPEN and order["asked"] == ZERO:
            ask(venue, orders, I(at), CANCEL, ZERO, I(order["qty"]), I(order["spec"]), now, request)
    if not have_bid and sums[0] < told[3]:
        place(venue, orders, ONE, bid, told[2], SPECS[0], told, now, request)
    if not have_ask and sums[0] > -told[3]:
        place(venue, orders, -ONE, ask_tick, told[2], SPECS[1], told, now, request)


@cold
def is_moving(venue: Venue) -> bool:
    """Whether anything is on a wire."""
    entry_wire, response = venue.wires[ENTRY], venue.wires[RESPONSE]
    return bool(entry_wire["head"] < entry_wire["tail"] or response["head"] < response["tail"])


@entry
def play(
    venue: Venue, book: Venue, at_venue: np.ndarray, at_desk: np.ndarray, told: np.ndarray, orders: np.ndarray,
    sums: np.ndarray, fills: np.ndarray, out: np.ndarray, request: np.ndarray, signal: np.ndarray, plan: np.ndarray,
) -> I:  # fmt: skip
    """A whole run; why it ended: DONE, or what `advance` signals. sums[4]: wakes."""
    now = min(I(at_venue[0]["ts_event"]), I(at_desk[0]["ts_event"]))
    venue_at, desk_at = ZERO, ZERO
    while True:
        until = now + told[0]
        while True:
            venue_at = run(venue, at_venue, venue_at, until, signal)
            if signal[0] > ONE:
                break
            due = report_due(venue)
            if due > until:
                break
            for at in range(take_reports(venue, due, out)):
                hear_row(orders, out[at], sums, fills)
        if signal[0] > ONE:
            return I(signal[0])
        desk_at = run(book, at_desk, desk_at, until, signal)
        if venue_at >= at_venue.shape[0] and desk_at >= at_desk.shape[0] and not is_moving(venue):
            return DONE
        now = until
        wake = sums[4]
        sums[4] += ONE
        forget_over(orders, told[5])
        if plan.shape[1] > ZERO:
            if wake < plan.shape[0] and book.sides[0]["best"] != NO_KEY and book.sides[1]["best"] != NO_KEY:
                for each in range(plan.shape[1]):
                    if plan[wake, each]["op"] > ZERO:
                        act(venue, book, orders, plan[wake, each], told, now, request)
            continue
        quote(venue, book, orders, sums, told, now, request)


def play_quoter(venue: Venue, book: Venue, rows: tuple[np.ndarray, np.ndarray], told: dict[str, Any]) -> dict[str, Any]:
    """Run the quoter: every_ns, spread_ticks, qty and cap (quanta; twice the cap to lie between), tick (quanta)."""
    words = np.zeros(16, np.int64)
    words[:5] = told["every_ns"], told["spread_ticks"], told["qty"], told["cap"], told["tick"]
    sums, fills = np.zeros(8, np.int64), np.zeros(200_000, FILL)
    plan = make_plan(**told["plan"]) if told.get("plan") else np.zeros((0, 0), WISH)
    orders = np.zeros(ORDERS[bool(told.get("plan"))], ORDER)
    ended = play(
        venue,
        book,
        *rows,
        words,
        orders,
        sums,
        fills,
        np.zeros(64, RAW),
        np.zeros(1, REQUEST),
        np.zeros(1, np.int64),
        plan,
    )
    code = int(venue.clock[0]["abort"]) if ended == STOPPED else 1 if ended == DONE else -int(ended)
    return {
        "code": code, "position": int(sums[0]), "cash": int(sums[1]), "fee": int(sums[2]), "fills": fills[: sums[3]],
        "wakes": int(sums[4]), "sent": int(words[5]),
    }  # fmt: skip
