"""Runs in hftbacktest's own environment: the quoter in whole ticks over converted captures, one configuration a line of JSON on stdin.

    python peer_quoter.py FOLDER

A line names a capture ("data") and says how to run it; the answer is one line of JSON. Captures are converted once, by the peer's own
converter, into FOLDER (one file of events each), which both sides of the comparison then read.
"""

import gzip
import json
import os
import sys
import time
from typing import Any

import numpy as np
from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest
from hftbacktest.data.utils import binancefutures
from hftbacktest.order import BUY, FILLED, GTC, GTX, LIMIT, MARKET
from numba import njit
from plans import make_plan

NO_BID, NO_ASK = -(1 << 63), (1 << 63) - 1
FILL = np.dtype([("at_ns", "i8"), ("number", "i8"), ("side", "i8"), ("tick", "i8"), ("qty", "f8")])
MICRO_DIGITS = 16


@njit
def note_fills(hbt: Any, fills: Any, count: int) -> int:
    """Write down every order that is filled and still in the desk's map; how many there are now."""
    values = hbt.orders(0).values()
    while values.has_next():
        order = values.get()
        if order.status == FILLED:
            fill = fills[count]
            fill.at_ns = order.exch_timestamp
            fill.number = int(order.order_id)
            fill.side = order.side
            fill.tick = order.exec_price_tick
            fill.qty = order.exec_qty
            count += 1
    return count


@njit
def quote(hbt: Any, tick: float, spread_ticks: int, qty: float, cap: float, number: int) -> int:
    """One wake. The number of the last order sent."""
    depth = hbt.depth(0)
    if depth.best_bid_tick == NO_BID or depth.best_ask_tick == NO_ASK:
        return number
    middle2 = depth.best_bid_tick + depth.best_ask_tick
    bid, ask = (middle2 - spread_ticks) // 2, -((-middle2 - spread_ticks) // 2)
    have_bid = have_ask = False
    values = hbt.orders(0).values()
    while values.has_next():
        order = values.get()
        if order.side == BUY and order.price_tick == bid:
            have_bid = True
        elif order.side != BUY and order.price_tick == ask:
            have_ask = True
        elif order.cancellable:
            hbt.cancel(0, order.order_id, False)
    position = hbt.position(0)
    if not have_bid and position < cap:
        number += 1
        hbt.submit_buy_order(0, number, bid * tick, qty, GTX, LIMIT, False)
    if not have_ask and position > -cap:
        number += 1
        hbt.submit_sell_order(0, number, ask * tick, qty, GTX, LIMIT, False)
    return number


@njit
def act(hbt: Any, wish: Any, number: int, tick: float, unit: float) -> int:
    """One wish of a plan: place, cancel or amend. The number of the last order sent."""
    depth = hbt.depth(0)
    near, far = depth.best_bid_tick, depth.best_ask_tick
    if wish.side < 0:
        near, far = far, near
    price = ((far if wish.far else near) - wish.side * wish.offset) * tick
    if wish.op == 1:
        kind, tif = (MARKET, GTC) if wish.tif == 8 else (LIMIT, wish.tif)
        if wish.side > 0:
            hbt.submit_buy_order(0, number + 1, price, wish.lots / unit, tif, kind, False)
        else:
            hbt.submit_sell_order(0, number + 1, price, wish.lots / unit, tif, kind, False)
        return number + 1
    if number > wish.back:
        order = hbt.orders(0).get(number - wish.back)
        if order is not None and order.cancellable:
            if wish.op == 2:
                hbt.cancel(0, order.order_id, False)
            else:
                hbt.modify(0, order.order_id, price, wish.lots / unit, False)
    return number


@njit
def follow(hbt: Any, every_ns: int, tick: float, unit: float, plan: Any, fills: Any) -> tuple:
    """A run that does what a plan says, a row of it a wake. As `play`."""
    count = number = wakes = 0
    while True:
        code = hbt.elapse(every_ns)
        count = note_fills(hbt, fills, count)
        if code != 0:
            break
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        if wakes < len(plan) and depth.best_bid_tick != NO_BID and depth.best_ask_tick != NO_ASK:
            for wish in plan[wakes]:
                if wish.op > 0:
                    number = act(hbt, wish, number, tick, unit)
        wakes += 1
    return code, count, number, wakes


@njit
def play(hbt: Any, every_ns: int, tick: float, spread_ticks: int, qty: float, cap: float, fills: Any) -> tuple:
    """A whole run: the code it ended with, fills noted, orders sent, wakes."""
    count = number = wakes = 0
    while True:
        code = hbt.elapse(every_ns)
        count = note_fills(hbt, fills, count)
        if code != 0:
            break
        wakes += 1
        hbt.clear_inactive_orders(0)
        number = quote(hbt, tick, spread_ticks, qty, cap, number)
    return code, count, number, wakes


def in_nanos(capture: str, folder: str) -> str:
    """A copy of a capture whose stamps have microseconds, with nanoseconds: the converter cuts the first 19 characters."""
    with gzip.open(capture) as lines:
        if lines.readline().index(b" ") != MICRO_DIGITS:
            return capture
    copy = os.path.join(folder, "nanos.gz")
    with gzip.open(capture) as lines, gzip.open(copy, "wb", 1) as out:
        for line in lines:
            out.write(line[:MICRO_DIGITS] + b"000" + line[MICRO_DIGITS:])
    return copy


def load(capture: str, folder: str, events: str) -> np.ndarray:
    """The events of a capture: `events` in the folder, converted at first use. Without a capture they must be there."""
    path = os.path.join(folder, events)
    if not os.path.exists(path):
        np.save(path, binancefutures.convert(in_nanos(capture, folder), buffer_size=4_000_000))
    return np.load(path)


def build(events: np.ndarray, told: dict[str, Any]) -> ROIVectorMarketDepthBacktest:
    """One asset as the configuration says."""
    asset = (
        BacktestAsset()
        .data(events)
        .tick_size(told["tick"])
        .lot_size(told["lot"])
        .last_trades_capacity(0)
        .roi_lb(told["low"] * told["tick"])
        .roi_ub(told["high"] * told["tick"])
        .constant_order_latency(told["entry_ns"], told["response_ns"])
        .trading_value_fee_model(told["maker"], told["taker"])
    )
    asset = asset.inverse_asset(told["contract"]) if told["inverse"] else asset.linear_asset(told["contract"])
    models = {
        "RISK_AVERSE": asset.risk_adverse_queue_model,
        "POWER": lambda: asset.power_prob_queue_model(told["power"]),
        "POWER2": lambda: asset.power_prob_queue_model2(told["power"]),
        "POWER3": lambda: asset.power_prob_queue_model3(told["power"]),
        "LOG": asset.log_prob_queue_model,
        "LOG2": asset.log_prob_queue_model2,
    }
    asset = models[told["queue"]]()
    asset = asset.partial_fill_exchange() if told["partial"] else asset.no_partial_fill_exchange()
    return ROIVectorMarketDepthBacktest([asset])


def answer(told: dict[str, Any], events: np.ndarray) -> dict[str, Any]:
    """What one run comes to."""
    hbt, fills = build(events, told), np.zeros(200_000, FILL)
    begun = time.thread_time()
    if told["plan"]:
        plan = make_plan(**told["plan"])
        code, count, sent, wakes = follow(hbt, told["every_ns"], told["tick"], told["unit"], plan, fills)
    else:
        code, count, sent, wakes = play(
            hbt, told["every_ns"], told["tick"], told["spread_ticks"], told["qty"], told["cap"], fills
        )
    took = time.thread_time() - begun
    values = hbt.state_values(0)
    said = {
        "code": int(code), "sent": int(sent), "wakes": int(wakes), "position": float(values.position), "fee": float(values.fee),
        "balance": float(values.balance), "trades": int(values.num_trades), "fills": fills[:count].tolist(),
        "seconds": took,
    }  # fmt: skip
    hbt.close()
    return said


def main() -> None:
    """Answer until stdin ends."""
    folder, kept = sys.argv[1], {}
    for line in sys.stdin:
        told = json.loads(line)
        name = told["events"]
        if name not in kept:
            kept = {name: load(told.get("capture", ""), folder, name)}
        print("=" + json.dumps({} if told.get("only_load") else answer(told, kept[name])), flush=True)


if __name__ == "__main__":
    main()
