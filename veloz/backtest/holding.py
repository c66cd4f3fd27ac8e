"""What the exchange knows of our positions, and what follows from it: reduce-only orders and funding.

Assumptions. One account a market.
A reduce-only order may take no more than there is to close: it is rejected where there is nothing, cut down to
it on arrival and whenever the position shrinks, and expires when nothing is left. Each is measured by itself, not all together. In hedge
mode selling LONG and buying SHORT are so of themselves. A stop is measured when it is set off.

Funding is paid at the time that the last mark row before it stated, at its rate, on the position and the mark of that moment: a long pays
where the rate is above 0. What is paid is rounded up, what is received down. There is a row for each position, and none for a flat one.
"""

from typing import Final

import numpy as np

from veloz.backtest.fees import rounded_up
from veloz.backtest.machine import NEVER, RESPONSE, SIDES, Venue
from veloz.backtest.wires import due_after
from veloz.backtest.writing import meta_of, next_report_seq, put_row
from veloz.contracts import registry
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import PositionSide
from veloz.reducers.bits import M_SIDE, P_INVERSE, P_SPOT, S_REDUCE, S_SIDE, part
from veloz.reducers.wide import product, times
from veloz.reducers.words import ONE, ZERO, I

K_FUNDING: Final = I(registry.FUNDING.number)
LONG, SHORT = I(PositionSide.LONG), I(PositionSide.SHORT)
_SIDES: Final = I(SIDES)


@kernel
def place_held(market: I, spec: I) -> I:
    """Where the position that an order moves stands in `held`."""
    return market * _SIDES + min(part(spec, S_SIDE, M_SIDE), SHORT)


@kernel
def only_reduces(venue: Venue, spec: I, sign: I) -> bool:
    """Whether an order may only close."""
    if venue.rules[0]["accounts"] == ZERO:
        return False
    side = part(spec, S_SIDE, M_SIDE)
    if side == LONG:
        return bool(sign < ZERO)
    if side == SHORT:
        return bool(sign > ZERO)
    return bool((spec >> S_REDUCE) & ONE != ZERO)


@kernel
def closable(venue: Venue, market: I, spec: I, sign: I) -> I:
    """So much an order of this side may close."""
    return max(-sign * I(venue.held[place_held(market, spec)]), ZERO)


@kernel
def open_of(venue: Venue, order: np.void) -> I:
    """What of an order may trade now: a reduce-only one waits for no more than is held."""
    if not only_reduces(venue, I(order["spec"]), I(order["sign"])):
        return I(order["leaves"])
    return min(I(order["leaves"]), closable(venue, I(order["market"]), I(order["spec"]), I(order["sign"])))


@cold
def book_execution(venue: Venue, order: np.void, qty: I, now: I) -> None:
    """An execution moves our position."""
    market, clock = venue.markets[order["market"]], venue.clock[0]
    venue.held[place_held(I(order["market"]), I(order["spec"]))] += order["sign"] * qty
    market["trim"] = ONE
    clock["own_ns"] = min(I(clock["own_ns"]), now)
    clock["stirred"] = venue.rules[0]["margin"]


@kernel
def _charge_of(market: np.void, held: I) -> I:
    """What a position pays, money; below 0: receives."""
    rate, mark = I(market["funding_e8"]), I(market["mark"])
    hi, lo = product(abs(held), I(market["multiplier"]))
    hi, lo, ok = times(hi, lo, abs(rate))
    sign = ONE if (held > ZERO) == (rate > ZERO) else -ONE
    if market["product"] == P_INVERSE:
        return rounded_up(hi, lo, max(mark, ONE), I(market["funding_places"]), sign) if ok else ZERO
    hi, lo, fits = times(hi, lo, mark)
    return rounded_up(hi, lo, ONE, I(market["funding_places"]), sign) if ok and fits else ZERO


@cold
def pay_funding(venue: Venue, number: I, now: I) -> None:
    """The funding time of a market has come."""
    market = venue.markets[number]
    market["funding_ns"] = NEVER
    if market["mark"] <= ZERO or market["funding_e8"] == ZERO or market["product"] == P_SPOT:
        return
    for side in range(_SIDES):
        held = I(venue.held[number * _SIDES + side])
        if held != ZERO:
            meta = meta_of(I(market["account"]), ZERO, I(side), ZERO)
            due_ns, seq = due_after(venue, RESPONSE, now), next_report_seq(venue, now)
            put_row(
                venue, due_ns, now, K_FUNDING, I(market["instrument"]), meta, -_charge_of(market, held),
                I(market["money"]), seq, I(market["funding_e8"]),
            )  # fmt: skip
            venue.clock[0]["stirred"] = venue.rules[0]["margin"]


@cold
def see_mark(venue: Venue, number: I, row: np.void, now: I) -> None:
    """A mark row: mark, index and the next funding."""
    market, clock = venue.markets[number], venue.clock[0]
    if row["price"] > ZERO:
        market["mark"] = row["price"]
    if row["qty"] > ZERO:
        market["index"] = row["qty"]
    if venue.rules[0]["accounts"] == ZERO:
        return
    if row["aux"] > now and (market["funding_ns"] == ZERO or now < market["funding_ns"]):
        market["funding_ns"] = row["aux"]
        market["funding_e8"] = row["ref"]
        clock["own_ns"] = min(I(clock["own_ns"]), I(row["aux"]))
    for side in range(_SIDES):
        if venue.held[number * _SIDES + side] != ZERO:
            clock["stirred"] = venue.rules[0]["margin"]
