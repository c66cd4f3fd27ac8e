"""Arithmetic of executions: what they were worth, round trips, and how the price went on after them."""

from typing import Final

import numpy as np

from veloz.backtest.outcome import HORIZONS_S, UNKNOWN, Market

TRIP: Final = np.dtype(
    [
        ("market", "i4"), ("long", "?"), ("opened_ns", "i8"), ("closed_ns", "i8"), ("fills", "i8"),
        ("qty_max", "i8"),  # the largest position in it, at the market's qty_scale
        ("value", "f8"),  # what was bought or sold to build it
        ("pnl", "f8"),  # fees taken off
        ("fee", "f8"),
    ]
)  # fmt: skip


def column(fills: np.ndarray, markets: tuple[Market, ...], name: str) -> np.ndarray:
    """A field of each execution's market."""
    return np.array([getattr(market, name) for market in markets])[fills["market"]] if len(fills) else np.zeros(0)


def units(fills: np.ndarray, markets: tuple[Market, ...]) -> np.ndarray:
    """Quantity × multiplier of each execution, f8, above 0."""
    scales = column(fills, markets, "qty_scale").astype(np.float64)
    found: np.ndarray = fills["qty"] * 10.0**-scales * (column(fills, markets, "multiplier_e8") / 1e8)
    return found


def prices(fills: np.ndarray, markets: tuple[Market, ...]) -> np.ndarray:
    """Price of each execution, f8."""
    found: np.ndarray = fills["price"] / 10.0 ** column(fills, markets, "price_scale").astype(np.float64)
    return found


def is_inverse(fills: np.ndarray, markets: tuple[Market, ...]) -> np.ndarray:
    """Whether each execution is one of an inverse contract."""
    found: np.ndarray = column(fills, markets, "product") == "inverse"
    return found


def values(fills: np.ndarray, markets: tuple[Market, ...]) -> np.ndarray:
    """What each execution was worth in the reporting asset, f8, above 0: inverse contracts are worth multiplier ÷ price."""
    amount, price = units(fills, markets), prices(fills, markets)
    found: np.ndarray = np.where(is_inverse(fills, markets), amount / price, amount * price) * fills["rate"]
    return found


def mids(fills: np.ndarray, markets: tuple[Market, ...], horizon_s: int) -> np.ndarray:
    """The mid so long after each execution, f8; nan where it is not known."""
    twice = fills["mid_x2"][:, HORIZONS_S.index(horizon_s)]
    scaled = twice / (2.0 * 10.0 ** column(fills, markets, "price_scale").astype(np.float64))
    return np.where(twice == UNKNOWN, np.nan, scaled)


def markouts_bps(fills: np.ndarray, markets: tuple[Market, ...], horizon_s: int) -> np.ndarray:
    """How far the mid had gone our way, in 1/10 000 of the price; nan where the mid is not known."""
    price = prices(fills, markets)
    found: np.ndarray = np.where(fills["sell"], -1.0, 1.0) * (mids(fills, markets, horizon_s) - price) / price * 1e4
    return found


def slippages(fills: np.ndarray, markets: tuple[Market, ...]) -> np.ndarray:
    """What each execution cost against the mid just before it, in the reporting asset; above 0: worse than the mid; nan: not known."""
    price, mid, amount = prices(fills, markets), mids(fills, markets, 0), units(fills, markets)
    paid = np.where(is_inverse(fills, markets), amount / mid - amount / price, amount * (price - mid))
    found: np.ndarray = np.where(fills["sell"], -paid, paid) * fills["rate"]
    return found


def round_trips(fills: np.ndarray, markets: tuple[Market, ...], scale: int) -> np.ndarray:
    """Round trips, by the time they were closed: TRIP[n].

    A trip goes from a flat position to the next flat one of the same market. An execution that turns the position closes one trip and
    opens the next, its fee shared by quantity. A position the run began with has no price it was opened at: its trip is left out, and
    so is one that is still open.
    """
    worth = values(fills, markets)
    flows = np.where(fills["sell"] != is_inverse(fills, markets), worth, -worth)
    fees = fills["fee"] / 10.0**scale
    found: list[tuple[int, bool, int, int, int, int, float, float, float]] = []
    for at, market in enumerate(markets):
        mine = np.flatnonzero(fills["market"] == at)
        found += _trips_of(at, market.position_start, fills[mine], flows[mine], fees[mine])
    found.sort(key=lambda trip: (trip[3], trip[2], trip[0]))
    return np.array(found, TRIP)


def _trips_of(
    market: int, position: int, fills: np.ndarray, flows: np.ndarray, fees: np.ndarray
) -> list[tuple[int, bool, int, int, int, int, float, float, float]]:
    found = []
    known = position == 0
    opened, count, largest, worth, cash, paid = 0, 0, 0, 0.0, 0.0, 0.0
    signed = np.where(fills["sell"], -fills["qty"], fills["qty"]).tolist()
    for ts, qty, flow, fee in zip(fills["ts_ns"].tolist(), signed, flows.tolist(), fees.tolist(), strict=True):
        before, position = position, position + qty
        if before == 0:
            opened, count, largest, worth, cash, paid, known = ts, 0, 0, 0.0, 0.0, 0.0, True
        count += 1
        turned = before * position < 0
        part = abs(before) / abs(qty) if turned else 1.0  # of this execution that belongs to the trip in hand
        cash, paid = cash + flow * part, paid + fee * part
        if before == 0 or (before > 0) == (qty > 0):
            largest, worth = max(largest, abs(position)), worth + abs(flow)
        if turned or position == 0:
            if known:
                found.append((market, before > 0, opened, ts, count, largest, worth, cash - paid, paid))
            if turned:
                opened, count, largest, known = ts, 1, abs(position), True
                cash, paid, worth = flow * (1.0 - part), fee * (1.0 - part), abs(flow) * (1.0 - part)
    return found


def longest_run(flags: np.ndarray) -> int:
    """The longest unbroken row of true ones."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def held_ns(fills: np.ndarray, markets: tuple[Market, ...], began_ns: int, ended_ns: int) -> int:
    """How long any position was open within a run."""
    if not markets:
        return 0
    changes, order = (
        [(began_ns, at, market.position_start != 0) for at, market in enumerate(markets)],
        fills["ts_ns"].tolist(),
    )
    changes += zip(order, fills["market"].tolist(), (fills["position"] != 0).tolist(), strict=True)
    open_now = [False] * len(markets)
    held, since, many = 0, began_ns, 0
    for ts, at, is_open in changes:
        held += (ts - since) * (many > 0)
        since, many, open_now[at] = ts, many + is_open - open_now[at], is_open
    return held + max(ended_ns - since, 0) * (many > 0)
