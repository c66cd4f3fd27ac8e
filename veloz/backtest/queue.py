"""Where an order stands in the queue at its price: an estimate, so this is where floats are.

`front` is the quantity ahead of it, `printed` what was traded at its price since the level was last set. An order joins behind all that
is shown. Prints eat the front. When a level shrinks by more than was printed, somebody left; the models differ in what they think stood
ahead of us:

    risk averse   all of them behind, as long as that is possible: the front is at most what is left
    power(n)      behind with chance b**n / (b**n + f**n), for b behind and f ahead
    power2(n)     b**n / (b + f)**n
    power3(n)     1 - (f / (f + b))**n
    log           ln(1 + b) / (ln(1 + b) + ln(1 + f))
    log2          ln(1 + b) / ln(1 + b + f)
    fitted        a curve measured by the user: chance at even steps of b / (b + f), between them a line

Risk averse is exact and counts quanta. The others work in units of the instrument, quantities and chances held where they mean something;
with `Compat.QUEUE_NAN` as their formulas come out, NaN and infinity included.
"""

import math
from typing import Final

import numpy as np

from veloz.backtest.machine import Venue
from veloz.backtest.rules import Compat, Queue
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.words import ONE, ZERO, I

_RISK_AVERSE, _POWER, _POWER2, _POWER3 = I(Queue.RISK_AVERSE), I(Queue.POWER), I(Queue.POWER2), I(Queue.POWER3)
_LOG2, _FITTED, _NAN = I(Queue.LOG2), I(Queue.FITTED), I(Compat.QUEUE_NAN)
_SHARE_MOST: Final = 1.0


@kernel
def _weight(model: I, power: float, size: float) -> float:
    """How strongly a quantity pulls the chance. NaN outside the formula's domain."""
    if model in (_POWER, _POWER2, _POWER3):
        if size < 0.0 and power != math.floor(power):
            return math.nan
        return float(size**power)
    return math.log(1.0 + size) if size > -1.0 else math.nan


@kernel
def _on_curve(venue: Venue, rules: np.void, front: float, back: float) -> float:
    total, points = front + back, I(rules["fitted_points"])
    if total <= 0.0 or points < ONE:
        return 1.0
    place = min(max(back / total, 0.0), _SHARE_MOST) * (points - ONE)
    below = min(I(place), max(points - I(2), ZERO))
    above = min(below + ONE, points - ONE)
    low, high = venue.curves[rules["fitted_at"] + below], venue.curves[rules["fitted_at"] + above]
    return float(low + (high - low) * (place - below))


@cold
def chance_behind(venue: Venue, front: float, back: float) -> float:
    """The chance that a quantity that left stood behind us; NaN where the formula has none."""
    rules = venue.rules[0]
    model, power = I(rules["queue"]), float(rules["power"])
    if model == _FITTED:
        return _on_curve(venue, rules, front, back)
    if model == _POWER3:
        total = front + back
        if total == 0.0:
            return math.nan if front == 0.0 else 1.0
        return 1.0 - _weight(model, power, front / total)
    top = _weight(model, power, back)
    under = _weight(model, power, back + front) if model in (_POWER2, _LOG2) else top + _weight(model, power, front)
    if under == 0.0:
        return math.nan if top == 0.0 else 1.0
    return top / under


@kernel
def join_queue(order: np.void, market: np.void, shown: I) -> None:
    """An order begins to rest behind all that is shown at its price."""
    order["front"] = shown
    order["front_size"] = shown / market["per_unit"]
    order["printed"] = 0.0


@cold
def ready_after_print(venue: Venue, order: np.void, market: np.void, qty: I) -> I:
    """A print of `qty` quanta at the order's price: how much of it is left for the order, whole lots."""
    lot, half = I(market["lot"]), I(market["half_lot"])
    if venue.rules[0]["queue"] == _RISK_AVERSE:
        order["front"] -= qty
        ready = (half - order["front"]) // lot * lot if order["front"] < ZERO else ZERO
        if ready > ZERO:
            order["front"] = ZERO
        return ready
    size = qty / market["per_unit"]
    order["front_size"] -= size
    order["printed"] += size
    lots = -order["front_size"] / market["lot_size"]
    if not lots >= 0.5:
        return ZERO
    order["front_size"] = 0.0
    return I(math.floor(lots + 0.5)) * lot


@cold
def _after_leaving(venue: Venue, front: float, old: float, gone: float) -> float:
    """The front of an order after `gone` left a level of `old`."""
    back = old - front
    if venue.rules[0]["compat"] & _NAN == ZERO:
        back = max(back, 0.0)
        chance = chance_behind(venue, max(front, 0.0), back)
        chance = min(max(chance, 0.0), 1.0) if chance == chance else 1.0
    else:
        chance = chance_behind(venue, front, back)
    return float(front - (1.0 - chance) * gone + min(back - chance * gone, 0.0))


@cold
def move_in_queue(venue: Venue, order: np.void, market: np.void, before: I, after: I) -> None:
    """The level at the order's price was set, from `before` quanta to `after`."""
    if venue.rules[0]["queue"] == _RISK_AVERSE:
        order["front"] = min(I(order["front"]), after)
        return
    old, new = before / market["per_unit"], after / market["per_unit"]
    gone = old - new - order["printed"]
    order["printed"] = 0.0
    front = float(order["front_size"])
    left = front if gone < 0.0 else _after_leaving(venue, front, old, gone)
    if venue.rules[0]["compat"] & _NAN == ZERO:
        left = max(left, 0.0)
    order["front_size"] = left if left < new else new  # a NaN gives the level
