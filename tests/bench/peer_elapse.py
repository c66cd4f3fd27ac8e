"""Runs in hftbacktest's own environment: converts a capture once, then, at each line on stdin, times one `elapse` loop.

    python peer_elapse.py CAPTURE.gz CACHE.npz

Prints `events N`, then for each line read the seconds of one run. The clock stands around the loop alone, compilation done.
"""

import os
import sys
import time

import numpy as np
from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest
from hftbacktest.data.utils import binancefutures
from numba import njit

STEP_NS = 100_000_000


@njit
def run(hbt: object, step_ns: int) -> int:
    """Let time pass in steps until the data ends."""
    steps = 0
    while hbt.elapse(step_ns) == 0:
        steps += 1
    return steps


def load(capture: str, cache: str) -> np.ndarray:
    """The capture as hftbacktest's own converter gives it."""
    if not os.path.exists(cache):
        events = binancefutures.convert(capture, buffer_size=4_000_000)
        np.savez(cache, data=events)
    return np.load(cache)["data"]


def build(events: np.ndarray) -> ROIVectorMarketDepthBacktest:
    """One asset, no orders, prices within 20 % of the median."""
    prices = events["px"][events["px"] > 0]
    middle = float(np.median(prices))
    asset = (
        BacktestAsset()
        .data(events)
        .tick_size(0.1)
        .lot_size(0.001)
        .last_trades_capacity(0)
        .roi_lb(middle * 0.8)
        .roi_ub(middle * 1.2)
        .linear_asset(1.0)
        .constant_order_latency(10_000_000, 10_000_000)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.0007)
    )
    return ROIVectorMarketDepthBacktest([asset])


def main() -> None:
    """Convert, warm up, then one run a line."""
    events = load(sys.argv[1], sys.argv[2])
    run(build(events), STEP_NS)
    print("events", len(events), flush=True)
    for _ in sys.stdin:
        hbt = build(events)
        begun = time.perf_counter()
        run(hbt, STEP_NS)
        print(time.perf_counter() - begun, flush=True)
        hbt.close()


if __name__ == "__main__":
    main()
