"""Random small days of a market: levels and prints around a price that walks, stamped by two clocks that disagree."""

from pathlib import Path

import numpy as np

from tests.backtest.made import BEGIN, level, make_recording, trade
from veloz.contracts.layout import STEP_END

DEPTH = 4


def made_day(path: Path, seed: int, steps: int = 700, *, sound: bool = False) -> Path:
    """A recording: several rows a step now and then, several steps an instant, stamps that go back, some without the venue's.

    `sound`: nothing was received before the venue knew of it.
    """
    chance = np.random.default_rng(seed)
    price, at_ms = 10_000, 0.0
    rows = [_around(at_ms, price, chance)]
    for _ in range(steps):
        at_ms += float(chance.choice([0, 0, 0.25, 1, 3, 12, 40]))
        lag_ms = float(chance.choice([1, 1, 4, -2]))
        price += int(chance.choice([-1, 0, 0, 0, 1]))
        made = _step(at_ms, price, chance, lag_ms)
        if chance.random() < 0.1:
            made["ts_recv"] -= int(chance.integers(0, 2_000_000))
        if chance.random() < 0.1:
            made["ts_event"] = 0
        rows.append(made)
    whole = np.concatenate(rows)
    whole["ts_recv"] = np.maximum(whole["ts_recv"], BEGIN)
    if sound:
        whole["ts_recv"] = np.maximum(whole["ts_recv"], whole["ts_event"])
    return make_recording(path, whole)


def _around(at_ms: float, price: int, chance: np.random.Generator, lag_ms: float = 1) -> np.ndarray:
    """Levels around a price, in one step; the other side of the price is emptied."""
    rows = []
    for k in range(1, DEPTH + 1):
        for ask in (False, True):
            sign = 1 if ask else -1
            rows.append(level(at_ms, price + sign * k, int(chance.integers(1, 60)), ask=ask, lag_ms=lag_ms))
            rows.append(level(at_ms, price - sign * (k - 1), 0, ask=ask, lag_ms=lag_ms))
    whole = np.concatenate(rows)
    whole["flags"][:-1] &= ~np.uint8(STEP_END)
    return whole


def _step(at_ms: float, price: int, chance: np.random.Generator, lag_ms: float) -> np.ndarray:
    drawn = chance.random()
    if drawn < 0.35:
        sold = bool(chance.random() < 0.5)
        return trade(at_ms, price - 1 if sold else price + 1, int(chance.integers(1, 40)), sold=sold, lag_ms=lag_ms)
    if drawn < 0.6:
        return _around(at_ms, price, chance, lag_ms)
    ask = bool(chance.random() < 0.5)
    away = int(chance.integers(1, DEPTH + 1)) * (1 if ask else -1)
    return level(at_ms, price + away, int(chance.integers(0, 60)), ask=ask, lag_ms=lag_ms)
