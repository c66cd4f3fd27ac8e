"""How long a message is under way between the desk and the exchange. Each wire has a model of its own.

    CONSTANT     `ns`
    FEED         `ns` and `table[0][0]` millionths of how late the newest market row was when the desk got it
    TABLE        points (sent, at the exchange, answered), in ns, ascending; between two of them a line, before and behind the nearest one.
                 To the exchange: second less first; to the desk, by the time at the exchange: third less second. Beside a point whose
                 second number is 0 the exchange turned messages away: the request comes back after the line between (third less first)
    EMPIRICAL    quantiles as measured, `table` of one number each, at even steps of probability from 0 to 1; between two a line
    LOG_NORMAL   median `ns`, `spread` the deviation of the logarithm

The last two draw by number: the chance of message n of a wire is a function of (seed, n) alone, so the same run gives the same delays
whatever else happened, and in any process.
"""

import math
from typing import Final

import numpy as np

from veloz.backtest.machine import ENTRY, Venue
from veloz.backtest.rules import Delay
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.words import ONE, TWO, ZERO, I

_FEED, _TABLE, _EMPIRICAL, _LOG_NORMAL = I(Delay.FEED), I(Delay.TABLE), I(Delay.EMPIRICAL), I(Delay.LOG_NORMAL)
POINT: Final = I(3)  # numbers of a point
_MILLION: Final = I(1_000_000)
_BITS, _MASK, _FOLD = I(31), I((1 << 31) - 1), I(15)
_STIR: Final = I(0x2C1B3C6D)
_STIR_MORE: Final = I(0x297A2D39)
_RANGE: Final = 2.0**31
MOST_NS: Final = 4.0e18


@kernel
def _stir(number: I) -> I:
    """A number below 2**31 made into another, each into one."""
    number = ((number ^ (number >> _FOLD)) * _STIR) & _MASK
    number = ((number ^ (number >> _FOLD)) * _STIR_MORE) & _MASK
    return number ^ (number >> _FOLD)


@cold
def drawn(seed: I, number: I, which: I) -> I:
    """A number below 2**31 by chance, which (seed, number, which) alone decide; none is below 0."""
    left = _stir((seed & _MASK) ^ _stir(which + ONE))
    left = _stir(left ^ (seed >> _BITS) & _MASK)
    left = _stir(left ^ number & _MASK)
    return _stir(left ^ (number >> _BITS) & _MASK)


@kernel
def _quantile(venue: Venue, wire: np.void, chance: I) -> I:
    """The delay below which a share chance ÷ 2**31 of messages was."""
    steps = wire["points"] - ONE
    if steps <= ZERO:
        return I(venue.numbers[wire["table"]])
    place, rest = (chance * steps) >> _BITS, (chance * steps) & _MASK
    low, high = I(venue.numbers[wire["table"] + place]), I(venue.numbers[wire["table"] + place + ONE])
    return I(low + (((high - low) * (rest >> _FOLD)) >> (_BITS - _FOLD)))


@kernel
def _log_normal(wire: np.void, first: I, second: I) -> I:
    """By way of a normal deviate made of two chances."""
    radius = math.sqrt(-2.0 * math.log((first + 0.5) / _RANGE))
    normal = radius * math.cos(2.0 * math.pi * (second + 0.5) / _RANGE)
    return I(math.floor(min(wire["ns"] * math.exp(wire["spread"] * normal), MOST_NS)))


@kernel
def _on_line(at: I, first: I, second: I, value: I, next_value: I) -> I:
    """The value at `at` between two points, as the peer computes it: quotient in floats, product cut toward zero."""
    if second == first:
        return value
    return I((next_value - value) / (second - first) * (at - first)) + value


@cold
def _in_table(venue: Venue, wire: np.void, place: I, at_ns: I) -> I:
    """The delay of a message sent at `at_ns` by its points; below 0: turned away."""
    numbers, begin, points = venue.numbers, I(wire["table"]), I(wire["points"])
    by = ZERO if place == ENTRY else ONE
    cursor = I(wire["cursor"])
    while cursor + ONE < points and numbers[begin + (cursor + ONE) * POINT + by] <= at_ns:
        cursor += ONE
    wire["cursor"] = cursor
    first, last = begin + cursor * POINT, begin + min(cursor + ONE, points - ONE) * POINT
    if at_ns < numbers[first + by]:
        last = first
    away = place == ENTRY and (numbers[first + ONE] <= ZERO or numbers[last + ONE] <= ZERO)
    till = by + (TWO if away else ONE)
    value = numbers[first + till] - numbers[first + by]
    delay = _on_line(
        at_ns, I(numbers[first + by]), I(numbers[last + by]), value, numbers[last + till] - numbers[last + by]
    )
    return -delay if away else delay


@cold
def delay_of(venue: Venue, place: I, at_ns: I) -> I:
    """How long the next message of a wire, sent at `at_ns`, is under way. Below 0: it is turned away and back after so many ns."""
    wire = venue.wires[place]
    model, number = I(wire["model"]), I(wire["count"])
    wire["count"] = number + ONE
    if model == _FEED:
        late, ppm = max(I(venue.clock[0]["late_ns"]), ZERO), I(venue.numbers[wire["table"]])
        return I(wire["ns"] + late // _MILLION * ppm + late % _MILLION * ppm // _MILLION)
    if model == _TABLE:
        return _in_table(venue, wire, place, at_ns)
    if model == _EMPIRICAL:
        return _quantile(venue, wire, drawn(I(wire["seed"]), number, ZERO))
    if model == _LOG_NORMAL:
        return _log_normal(wire, drawn(I(wire["seed"]), number, ZERO), drawn(I(wire["seed"]), number, ONE))
    return I(wire["ns"])
