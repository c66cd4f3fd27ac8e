"""Frozen numbers that rows carry: why a frame was refused, what a link did, which market an instrument belongs to.

A number is never given a second meaning. Ranges belong to rooms: 1–99 codecs, 100–199 reducers.
"""

from enum import IntEnum


class Refusal(IntEnum):
    """Why a frame or a row was not taken (word `reason` of `system.refused`)."""

    NOT_JSON = 1
    WRONG_SHAPE = 2
    NOT_A_NUMBER = 3
    OUT_OF_RANGE = 4
    UNKNOWN_SYMBOL = 5
    INSTRUMENT_UNFIT = 6
    TOO_LARGE = 7


class LinkEvent(IntEnum):
    """What happened on a connection (word `event` of `system.link`)."""

    OPENED = 1
    SENT = 2
    ACKNOWLEDGED = 3
    ANSWERED = 4


class Market(IntEnum):
    """Where an instrument is traded; the number is frozen on disk."""

    BINANCE_SPOT = 1
    BINANCE_USDM = 2
    BINANCE_COINM = 3


VENUES: dict[str, Market] = {
    "binance_spot": Market.BINANCE_SPOT,
    "binance_usdm": Market.BINANCE_USDM,
    "binance_coinm": Market.BINANCE_COINM,
}
VENUE_NAMES: dict[int, str] = {int(market): name for name, market in VENUES.items()}


class Product(IntEnum):
    """How a contract pays."""

    SPOT = 1
    LINEAR = 2
    INVERSE = 3
