"""Recorded bars of which nobody is told: bars are made of trades from the first one on, and in these no trade is recorded.

That is right where trades are recorded whole: what was traded stands in both. Where a bar says that something was traded and no trade
of its time is there, the trades are of another time or of a few moments, and whoever waits for bars does not hear of what the data hold.
They are told of it and no more: to go over to recorded bars and back would drop the bars there are whenever trades fail for a minute.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from journal import Reader
from veloz.contracts.layout import CLOSED, ROW
from veloz.contracts.registry import AGGTRADE, BAR, BAR_VOLUME, TRADE

TRADES: Final = (TRADE.number, AGGTRADE.number)


def count_untold(
    path: Path, first: int, last: int, *, folded_from: int, lengths_ns: Mapping[int, int]
) -> dict[int, int]:
    """Recorded bars behind a trade that say that something was traded, and in whose time no trade is recorded.

    Args:
        path: A recording.
        first, last: Rows that count.
        folded_from: The first row that is folded in front of them.
        lengths_ns: By instrument the length of the bars that are looked at.

    Returns:
        How many there are of each instrument that has any.
    """
    newest: dict[int, int] = {}  # of instruments that have had a trade: of no others is anything counted
    untold = dict.fromkeys(lengths_ns, 0)
    with Reader.open(path) as reader:
        for batch in reader.scan(folded_from, last, kinds=(*TRADES, BAR_VOLUME.number)):
            lo, hi = batch.span(folded_from, last)
            rows = batch.rows[lo:hi].view(ROW)
            traded = rows["instrument"][np.isin(rows["kind"], TRADES)]
            for number in lengths_ns.keys() & (newest.keys() | set(traded.tolist())):
                at = np.flatnonzero(rows["instrument"] == number)
                alone = _alone(rows[at], newest.get(number, 0), lengths_ns[number])
                untold[number] += int((alone & (batch.first + lo + at >= first)).sum())
                newest[number] = max(newest.get(number, 0), _newest(rows[at]))
    return {number: many for number, many in untold.items() if many}


def _matched(rows: np.ndarray) -> np.ndarray:
    """When each row's trade was made, ns; 0: it is none."""
    matched: np.ndarray = np.where(np.isin(rows["kind"], TRADES), rows["ref"], 0)
    return matched


def _newest(rows: np.ndarray) -> int:
    return int(_matched(rows).max(initial=0))


def _alone(rows: np.ndarray, newest: int, length_ns: int) -> np.ndarray:
    """Which rows, all of one instrument, are the volumes of such a bar. `newest`: when the newest trade in front of them was made."""
    heard = np.maximum(np.maximum.accumulate(_matched(rows)), newest)
    before = np.roll(rows, 1)  # what stands before the volumes is the bar's prices
    volumes = (rows["kind"] == BAR_VOLUME.number) & (rows["flags"] & CLOSED != 0) & (rows["price"] > 0)
    alone: np.ndarray = (
        volumes
        & (before["kind"] == BAR.number)
        & (rows["venue_seq"] == length_ns)
        & (heard > 0)
        & (heard < before["venue_seq"])
    )
    return alone
