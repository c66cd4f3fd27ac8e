"""Events of a spot capture, which the peer has no converter for: the venue's time is `E`, and a snapshot has that of the message before."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.backtest.parity.peer import EVENT
from tests.backtest.parity.twin import AT_DESK, AT_VENUE, BUYS, CLEAR, DEPTH, SELLS, SNAPSHOT, TRADE

MS: Final = 1_000_000
SIDES: Final = (("bids", "b", BUYS), ("asks", "a", SELLS))
Event = tuple[int, int, int, float, float]  # kind and side, venue's time, ours, price, quantity


def _levels(levels: list[list[str]], word: int, at: int, ours: int) -> Iterator[Event]:
    for price, qty in levels:
        yield word, at, ours, float(price), float(qty)


def _told(message: dict[str, Any], seen: int, ours: int) -> Iterator[Event]:
    """What one message says; `seen`: the last venue's time before a message without one."""
    if "lastUpdateId" in message:
        for name, _, side in SIDES:
            if message[name]:
                yield CLEAR | side, seen, ours, float(message[name][-1][0]), 0.0
            yield from _levels(message[name], SNAPSHOT | side, seen, ours)
    elif message.get("e") == "depthUpdate":
        for _, name, side in SIDES:
            yield from _levels(message[name], DEPTH | side, message["E"] * MS, ours)
    elif message.get("e") == "trade":
        side = SELLS if message["m"] else BUYS
        yield TRADE | side, message["E"] * MS, ours, float(message["p"]), float(message["q"])


def _listed(capture: Path) -> Iterator[Event]:
    """All events, in the order of the capture."""
    seen = 0
    with gzip.open(capture, "rt") as lines:
        for line in lines:
            stamp, _, text = line.partition(" ")
            message = json.loads(text)
            message = message.get("data", message)
            yield from _told(message, seen, int(stamp))
            seen = message.get("E", seen // MS) * MS


def convert_spot(capture: Path) -> np.ndarray:
    """EVENT[n] of a capture: local stamps moved so that none lies before the venue's, and an event that is out of its place on either clock
    written once for each."""
    events = np.zeros(sum(1 for _ in _listed(capture)), EVENT)
    for row, (word, at, ours, price, qty) in zip(events, _listed(capture), strict=True):
        row["ev"], row["exch_ts"], row["local_ts"], row["px"], row["qty"] = word, at, ours, price, qty
    events["local_ts"] += max(0, -int((events["local_ts"] - events["exch_ts"]).min()))
    return both_clocks(events)


def both_clocks(events: np.ndarray) -> np.ndarray:
    """The same in an order that is that of both clocks."""
    by_venue = np.argsort(events["exch_ts"], kind="stable").tolist()
    by_desk = np.argsort(events["local_ts"], kind="stable").tolist()
    stamps = [*zip(events["exch_ts"].tolist(), events["local_ts"].tolist(), strict=True), None]
    by_venue.append(-1)
    by_desk.append(-1)
    found: list[tuple[int, int]] = []
    venue = desk = 0
    while by_venue[venue] >= 0 or by_desk[desk] >= 0:
        known, heard = stamps[by_venue[venue]], stamps[by_desk[desk]]
        if known == heard:
            found.append((by_desk[desk], AT_VENUE | AT_DESK))
            venue, desk = venue + 1, desk + 1
        elif heard is None or (known is not None and known < heard):
            found.append((by_venue[venue], AT_VENUE))
            venue += 1
        else:
            found.append((by_desk[desk], AT_DESK))
            desk += 1
    places, words = np.array(found, np.int64).reshape(-1, 2).T
    ordered = events[places].copy()
    ordered["ev"] |= words.astype(np.uint64)
    return ordered
