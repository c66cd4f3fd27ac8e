"""How an exchange is made from its markets and rules, and made larger. Plain Python: none of it happens a row."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from veloz.backtest.machine import (
    DTYPES,
    FAR,
    MARKET,
    NEVER,
    NO_KEY,
    NOBODY,
    OWNER,
    REQUEST,
    SIDE,
    SIDES,
    WIRE,
    Venue,
)  # fmt: skip
from veloz.backtest.rules import FeeIn, Latency, Market, Rules
from veloz.contracts.codes import Product

_E8_PLACES, _PPM_PLACES = 8, 6
_REQUEST_FIELDS: Final = REQUEST.names or ()
_BOUNDS: Final = ("account", "price_min", "price_max", "market_qty_min", "market_qty_max", "up_ppm", "down_ppm")


def request_of(words: Any) -> np.ndarray:
    """REQUEST[1] out of a mapping, or of anything that has its fields as attributes; what is missing is 0."""
    request = np.zeros(1, REQUEST)
    for name in _REQUEST_FIELDS:
        request[0][name] = words.get(name, 0) if isinstance(words, Mapping) else getattr(words, name, 0)
    return request


def _tens(number: int) -> tuple[int, int]:
    """A number without its trailing zeros, and how many they are."""
    tens = 0
    while number % 10 == 0:
        number, tens = number // 10, tens + 1
    return number, tens


def _places(market: Market) -> tuple[int, int]:
    """The multiplier without its trailing zeros, and the power of ten from value in quanta, times it, times millionths, to money."""
    multiplier, tens = _tens(market.multiplier_e8)
    scales = market.price_scale + market.qty_scale
    if market.product is Product.INVERSE:
        scales = market.qty_scale - market.price_scale
    return multiplier, market.money_scale + tens - scales - _E8_PLACES - _PPM_PLACES


def _market_record(market: Market) -> np.ndarray:
    record = np.zeros(1, MARKET)
    inverse = market.product is Product.INVERSE
    assert not (inverse and market.fee_in is FeeIn.THIRD), market
    multiplier, places = _places(market)
    record[0]["notional_hi"], record[0]["notional_lo"] = (
        market.notional_min >> 62,
        market.notional_min & ((1 << 62) - 1),
    )
    values = {
        "instrument": market.instrument, "printed": market.printed, "tick": market.tick, "half_tick": market.tick // 2, "lot": market.lot,
        "half_lot": market.lot // 2, "scales": market.price_scale | market.qty_scale << 8, "product": market.product,
        "multiplier": multiplier, "places": places, "money": market.money, "base": market.base,
        "base_places": market.base_scale - market.qty_scale - _PPM_PLACES, "maker_ppm": market.maker_ppm,
        "taker_ppm": market.taker_ppm, "fee_in": market.fee_in, "qty_min": market.qty_min, "qty_max": market.qty_max,
        "per_unit": float(10**market.qty_scale), "lot_size": market.lot / 10**market.qty_scale,
    }  # fmt: skip
    values |= {
        "price_up": 10 ** max(_E8_PLACES - market.price_scale, 0),
        "mark_up": 10 ** max(market.price_scale - _E8_PLACES, 0), "first_ix": NOBODY, "last_ix": NOBODY,
        "funding_places": places - market.price_scale + 6 if inverse else places + market.price_scale - 10,
        "volume_places": _volume_places(market), "third": market.third, "third_ix": NOBODY, "third_rate": market.third_rate,
        "third_places": places - market.money_scale + market.third_scale + market.third_rate_scale,
    }  # fmt: skip
    values |= {name: getattr(market, name) for name in _BOUNDS}
    for name, value in values.items():
        record[0][name] = value
    return record


def _volume_places(market: Market) -> int:
    """The power of ten from value in quanta, times the multiplier, to hundredths of the quote."""
    tens = _tens(market.multiplier_e8)[1]
    scales = market.qty_scale if market.product is Product.INVERSE else market.price_scale + market.qty_scale
    return 2 + tens - scales - _E8_PLACES


def _link_thirds(markets: Sequence[Market], arrays: dict[str, Any]) -> None:
    """Fees in a third asset, at the last price of an instrument."""
    for market, record in zip(markets, arrays["markets"], strict=True):
        if market.third_instrument:
            source = int(arrays["places"][market.third_instrument])
            assert source != NOBODY, market.third_instrument
            record["third_ix"] = source
            record["third_places"] += markets[source].price_scale - market.third_rate_scale


def _side_records(markets: Sequence[Market]) -> tuple[np.ndarray, int]:
    """Empty sides, and the length of all ladders."""
    sides, length = np.zeros(2 * len(markets), SIDE), 0
    for place, market in enumerate(markets):
        low, high = -(-market.low // market.tick), market.high // market.tick
        assert 0 < low <= high, market
        for side, lo, hi in ((sides[2 * place], low, high), (sides[2 * place + 1], -high, -low)):
            side["base"], side["lo"], side["hi"] = length - lo, lo, hi
            side["tick"], side["half_tick"] = market.tick, market.tick // 2
            length += hi - lo + 1
    sides["best"], sides["worst"] = NO_KEY, FAR
    sides["top"], sides["bottom"] = NO_KEY, FAR
    sides["own_best"], sides["own_worst"] = -FAR, FAR
    sides["first_ix"] = sides["last_ix"] = NOBODY
    return sides, length


def _wire_record(latency: Latency, at: int, seed: int) -> tuple[int, ...]:
    return (0, 0, 0, latency.model, latency.ns, at, len(latency.table), 0, seed, 0, latency.spread)  # type: ignore[return-value]


def new_venue(markets: Sequence[Market], rules: Rules) -> Venue:
    """An exchange with empty books and no orders.

    Args:
        markets: One an instrument, each instrument once.
        rules: How it trades.
    """
    assert rules.messages & (rules.messages - 1) == 0, rules.messages
    sides, length = _side_records(markets)
    accounts = list(dict.fromkeys(market.account for market in markets))
    levels, taken = np.zeros((2, length), np.int64)  # one piece: large enough, it lies in large pages
    arrays: dict[str, Any] = {
        "clock": np.zeros(1, DTYPES["clock"]), "rules": np.zeros(1, DTYPES["rules"]), "wires": np.zeros(2, WIRE),
        "markets": np.concatenate([_market_record(market) for market in markets]),
        "places": np.full(max(market.instrument for market in markets) + 1, NOBODY, np.int64), "sides": sides,
        "levels": levels, "taken": taken,
        "resting": np.zeros(rules.orders, DTYPES["resting"]), "requests": np.zeros(rules.messages, DTYPES["requests"]),
        "reports": np.zeros(rules.messages, DTYPES["reports"]), "told": np.zeros(rules.messages, DTYPES["told"]),
        "curves": np.array(rules.fitted, np.float64), "held": np.zeros(SIDES * len(markets), np.int64),
        "tiers": np.array(rules.tiers, np.int64).reshape(-1), "volumes": np.zeros(max(rules.volume_days, 1) * len(accounts), np.int64),
        "owners": np.zeros(len(accounts), OWNER),
    }  # fmt: skip
    arrays["owners"]["account"], arrays["owners"]["tier"] = accounts, NOBODY
    arrays["markets"]["owner"] = [accounts.index(market.account) for market in markets]
    for place, market in enumerate(markets):
        assert arrays["places"][market.instrument] == NOBODY, market.instrument
        arrays["places"][market.instrument] = place
    _link_thirds(markets, arrays)
    numbers: list[int] = []
    for place, latency in enumerate((rules.entry, rules.response)):
        arrays["wires"][place] = _wire_record(latency, len(numbers), 2 * rules.seed + place)
        numbers += [number for point in latency.table for number in point]
    arrays["numbers"] = np.array(numbers, np.int64)
    told = {name: getattr(rules, name) for name in DTYPES["rules"].names or () if not name.startswith("fitted")}
    for name, value in {**told, "fitted_points": len(rules.fitted)}.items():
        arrays["rules"][0][name] = value
    arrays["clock"][0]["shift_ns"] = rules.shift_ns
    arrays["clock"][0]["own_ns"] = NEVER
    arrays["resting"]["next_ix"] = [*range(1, rules.orders), NOBODY]
    return Venue(**arrays)


def lengthen(venue: Venue) -> Venue:
    """The same exchange with wires twice as long."""
    requests, reports, told = (
        np.zeros(2 * len(ring), ring.dtype) for ring in (venue.requests, venue.reports, venue.told)
    )
    for wire, rings in zip(
        venue.wires, ([(venue.requests, requests)], [(venue.reports, reports), (venue.told, told)]), strict=True
    ):
        for message in range(int(wire["head"]), int(wire["tail"])):
            for old, new in rings:
                new[message % len(new)] = old[message % len(old)]
    return venue._replace(requests=requests, reports=reports, told=told)


def widen(venue: Venue, instrument: int, low: int, high: int) -> Venue:
    """The same exchange with another ladder for one instrument. What lies outside is forgotten; orders may not.

    Args:
        venue: The exchange.
        instrument: Whose ladder.
        low: Its new lowest price, quanta.
        high: Its new highest.
    """
    place, sides = int(venue.places[instrument]), venue.sides.copy()
    tick = int(venue.markets[place]["tick"])
    bounds = {2 * place: (-(-low // tick), high // tick), 2 * place + 1: (-(high // tick), low // -tick)}
    length, ladders = 0, []
    for number, side in enumerate(sides):
        lo, hi = bounds.get(number, (int(side["lo"]), int(side["hi"])))
        begin, end = max(lo, int(side["lo"])), min(hi, int(side["hi"]))
        kept = slice(int(side["base"]) + begin, int(side["base"]) + end + 1)
        fresh = np.zeros((2, hi - lo + 1), np.int64)
        if begin <= end:
            fresh[:, begin - lo : end - lo + 1] = venue.levels[kept], venue.taken[kept]
        ladders.append(fresh)
        assert side["own_best"] <= hi or side["first_ix"] == NOBODY
        _settle_side(side, fresh, lo, hi, length)
        length += hi - lo + 1
    levels, taken = np.concatenate(ladders, axis=1)
    return venue._replace(sides=sides, levels=levels, taken=taken)


def _settle_side(side: Any, ladder: np.ndarray, lo: int, hi: int, base: int) -> None:
    """Best, ends and place of a side whose ladder is new."""
    side["base"], side["lo"], side["hi"] = base - lo, lo, hi
    shown = np.flatnonzero(ladder[0])
    side["bottom"], side["top"] = (int(shown[0]) + lo, int(shown[-1]) + lo) if len(shown) else (FAR, NO_KEY)
    if side["best"] != NO_KEY:
        inside = shown[shown + lo <= int(side["best"])]
        side["best"] = int(inside[-1]) + lo if len(inside) else NO_KEY
    if side["worst"] != FAR:
        side["worst"] = max(int(side["worst"]), lo)
    side["takings"] = ladder[1].sum()
