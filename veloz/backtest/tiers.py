"""Fee rates by traded volume.

Assumptions. The volume is that of the newest `Rules.volume_days` days of UTC, the running one included, in hundredths of the quote,
each execution cut to them, all instruments of an account added up as if their quotes were worth the same.
An execution is charged at the rates that its
volume before it has earned; the desk hears of new rates with the execution that earned them, and of lost ones with the first after.
"""

from typing import Final

import numpy as np

from veloz.backtest.machine import NOBODY, Venue
from veloz.backtest.writing import put_row
from veloz.contracts import registry
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import P_INVERSE
from veloz.reducers.wide import is_word, product, scale_tens, times, to_word
from veloz.reducers.words import ONE, ZERO, I

K_FEES: Final = I(registry.FEES.number)
DAY_NS: Final = I(86_400_000_000_000)
WORDS: Final = I(3)  # of a tier
VOLUME_MOST: Final = I(1 << 61)


@cold
def volume_of(market: np.void, price: I, qty: I) -> I:
    """Value of an execution in hundredths of the quote, cut."""
    hi, lo = product(qty, I(market["multiplier"]))
    ok = True
    if market["product"] != P_INVERSE:
        hi, lo, ok = times(hi, lo, price)
    hi, lo, fits = scale_tens(hi, lo, I(market["volume_places"]))
    return min(to_word(hi, lo), VOLUME_MOST) if ok and fits and is_word(hi) else VOLUME_MOST


@kernel
def days_of(venue: Venue) -> I:
    """So many days count."""
    return I(venue.volumes.shape[0] // venue.owners.shape[0])


@kernel
def _clear_days(venue: Venue, today: I) -> None:
    """Forget what fell out of the window."""
    clock, days = venue.clock[0], days_of(venue)
    gone = min(today - clock["day"], days)
    for first in range(0, venue.volumes.shape[0], days):
        for back in range(gone):
            venue.volumes[first + (today - back) % days] = ZERO
    clock["day"] = max(I(clock["day"]), today)


@cold
def tier_now(venue: Venue, owner: I) -> I:
    """The tier that an account's volume has earned; NOBODY: none, an instrument's own rates hold."""
    total, days = I(venue.rules[0]["volume_before"]), days_of(venue)
    for day in range(days):
        total = min(total + venue.volumes[owner * days + day], VOLUME_MOST)
    found = NOBODY
    for tier in range(venue.tiers.shape[0] // WORDS):
        if venue.tiers[tier * WORDS] <= total:
            found = I(tier)
    return found


@cold
def _tell_tier(venue: Venue, number: I, due_ns: I, now: I) -> None:
    """Where another tier is earned, tell its rates."""
    tier, owner = tier_now(venue, number), venue.owners[number]
    if tier == owner["tier"] or tier == NOBODY:
        return
    owner["tier"] = tier
    maker, taker = I(venue.tiers[tier * WORDS + ONE]), I(venue.tiers[tier * WORDS + ONE + ONE])
    put_row(venue, due_ns, now, K_FEES, ZERO, I(owner["account"]), maker, taker, ZERO, ZERO)


@cold
def rate_of(venue: Venue, market: np.void, maker: I, due_ns: I, now: I) -> I:
    """The rate of an execution, millionths."""
    if venue.tiers.shape[0] > 0:
        _clear_days(venue, now // DAY_NS)
        _tell_tier(venue, I(market["owner"]), due_ns, now)
        tier = I(venue.owners[market["owner"]]["tier"])
        if tier != NOBODY:
            return I(venue.tiers[tier * WORDS + (ONE if maker == ONE else ONE + ONE)])
    return I(market["maker_ppm"]) if maker == ONE else I(market["taker_ppm"])


@cold
def add_volume(venue: Venue, market: np.void, price: I, qty: I, due_ns: I, now: I) -> None:
    """Count an execution, and tell of new rates."""
    if venue.tiers.shape[0] == 0:
        return
    owner, days = I(market["owner"]), days_of(venue)
    place = owner * days + (now // DAY_NS) % days
    venue.volumes[place] = min(venue.volumes[place] + volume_of(market, price, qty), VOLUME_MOST)
    _tell_tier(venue, owner, due_ns, now)
