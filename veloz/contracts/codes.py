"""Frozen numbers that rows carry: why a frame was refused, what a link did, which market an instrument belongs to.

A number is never given a second meaning. Ranges belong to rooms: 1–99 codecs, 100–199 reducers, 200–299 the gate, 300–399
strategies, 400–499 commands.
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
    TOO_FINE = 8  # a decimal finer than the unit it is counted in

    # reducers: facts that contradict what is known (instrument frozen)
    CONTRADICTION = 100  # a report that the order's table does not allow
    FILL_UNKNOWN_ORDER = 101  # a fill of an order that is not known
    FILL_FINISHED_ORDER = 102  # a fill of an order that was over
    FILL_BEYOND_ORDER = 103  # more filled than was ordered
    TRADE_BUSTED = 104
    FOREIGN_ORDER = 105
    LIQUIDATED = 106
    ARITHMETIC = 107  # a number left its bounds
    CAPACITY = 108  # a table is full
    DIFFERS = 109  # from the venue's statement

    # the gate, in the order of its checks
    STOPPED = 200  # a stop level of HALT or above
    PAUSED = 201  # entries are paused, and this would add
    REDUCE_ONLY_LEVEL = 202
    FROZEN = 203
    BREAKER_OPEN = 204
    STRATEGY_OFF = 205
    NOT_ALLOWED = 206  # not on the allow-list
    UNTRADABLE = 207  # instrument without filters, assets or account
    VENUE_HALTED = 208
    BOOK_STALE = 209
    BOOK_UNSYNCED = 210
    BAD_TERMS = 211  # no such kind of order there
    TICK = 212
    LOT = 213
    QTY_MIN = 214
    QTY_MAX = 215
    NOTIONAL_MIN = 216
    PRICE_BAND = 217
    PRODUCT_BOUND = 218  # price times quantity would leave the bounds
    COLLAR = 219
    ORDER_QTY = 220
    ORDER_NOTIONAL = 221
    POSITION = 222
    OPEN_ORDERS = 223
    GROSS_EXPOSURE = 224
    NET_EXPOSURE = 225
    LEVERAGE = 226
    ORDER_RATE = 227
    CANCEL_RATE = 228
    DAILY_LOSS = 229
    DRAWDOWN = 230
    REPEATED = 231  # the repeated-execution throttle
    DUPLICATE = 232
    OWN_CROSS = 233
    REDUCE_ONLY = 234  # would open or grow
    FUNDS = 235
    NO_REFERENCE = 236  # no price to measure against
    NO_RATE = 237  # the asset cannot be converted
    UNKNOWN_ORDER = 238
    ORDER_OVER = 239
    NOTHING_CHANGES = 240
    NO_SLOT = 241
    FILL_PRICE = 242  # post-trade: worse than the limit
    FILL_QTY = 243  # post-trade: more than approved
    POST_ONLY = 244  # post-trade: a post-only order took

    # strategies
    RAISED = 300
    BUDGET = 301  # too many intents in one wake
    NONSENSE = 302
    SDK_VERSION = 303
    INTENT_RATE = 304
    NO_CODE = 305

    # commands
    CONFIRM_NEEDED = 400
    PHRASE_WRONG = 401
    NOT_CLEAN = 402
    NOT_KNOWN = 403
    OUT_OF_BOUNDS = 404
    ALREADY = 405


class Term(IntEnum):
    """Which term of an order a venue does not take: the part of a verdict with BAD_TERMS."""

    TYPE = 1  # no such type there, or not with that time in force
    SELF_TRADE = 2
    TRIGGER_BY = 3
    POSITION_SIDE = 4
    REDUCE_ONLY = 5
    PRICE = 6  # stated where the type has none, missing where it has one, or beyond all bounds
    TRIGGER = 7
    ACTIVATION = 8
    CALLBACK = 9
    EXPIRY = 10  # too soon
    QTY = 11  # beyond all bounds
    AMENDMENT = 12  # the venue does not change that about such an order


class Measure(IntEnum):
    """What the numbers of a verdict count where its code leaves that open: its part."""

    USUAL = 0
    QTY = 1  # quantity quanta
    WORTH = 2  # money of the reporting asset
    BASE = 3  # money of the base asset; else of the quote or settlement asset
    SHARE = 4  # millionths


class LinkEvent(IntEnum):
    """What happened on a connection (word `event` of `system.link`)."""

    OPENED = 1
    SENT = 2
    ACKNOWLEDGED = 3
    ANSWERED = 4
    NOTED = 5  # an event of a type we read that books nothing
    ENDED = 6  # a private stream is over: what came after is not known, ask for a statement


class Market(IntEnum):
    """Where an instrument is traded; the number is frozen on disk."""

    BINANCE_SPOT = 1
    BINANCE_USDM = 2
    BINANCE_COINM = 3
    COINBASE = 4
    DERIBIT = 5
    BYBIT_SPOT = 6
    BYBIT_LINEAR = 7
    FTX = 8
    OTHER = 9  # any exchange without a number of its own


VENUES: dict[str, Market] = {
    "binance_spot": Market.BINANCE_SPOT,
    "binance_usdm": Market.BINANCE_USDM,
    "binance_coinm": Market.BINANCE_COINM,
    "coinbase": Market.COINBASE,
    "deribit": Market.DERIBIT,
    "bybit_spot": Market.BYBIT_SPOT,
    "bybit_linear": Market.BYBIT_LINEAR,
    "ftx": Market.FTX,
    "other": Market.OTHER,
}
SPOKEN: tuple[str, ...] = ("binance_spot", "binance_usdm", "binance_coinm")  # venues whose messages can be read
VENUE_NAMES: dict[int, str] = {int(market): name for name, market in VENUES.items()}


class Product(IntEnum):
    """How a contract pays."""

    SPOT = 1
    LINEAR = 2
    INVERSE = 3


class TradingStatus(IntEnum):
    """Word `status` of instrument.status."""

    TRADING = 0
    HALTED = 1
    CANCEL_ONLY = 2
    REDUCE_ONLY = 3
    DELISTED = 4


class PriceSource(IntEnum):
    """What a position or an order is valued at."""

    NONE = 0
    MARK = 1
    MID = 2
    LAST = 3
    KEPT = 4  # the one it was last valued at; there is none now
    CLOSE = 5  # of the last bar that the venue stated as closed


class RateSource(IntEnum):
    """Where the worth of an asset comes from."""

    NONE = 0
    ITSELF = 1  # it is what is reported in
    STATED = 2
    MARKET = 3  # the price of a spot instrument between the two
    KEPT = 4  # the last one that a market gave; it gives none now


class StopLevel(IntEnum):
    """How much a scope may still do. A greater number is safer; FLATTEN includes CANCEL, CANCEL includes HALT."""

    RUN = 0
    PAUSE = 1  # no new entries
    REDUCE = 2  # reduce-only
    HALT = 3  # no orders; cancels allowed
    CANCEL = 4  # and every open order is canceled
    FLATTEN = 5  # and every position is closed


class StopSource(IntEnum):
    """Who set a stop level. Each source has its own level; the safest of all holds."""

    PERSON = 0
    BREAKER = 1
    RECONCILIATION = 2
    JOURNAL = 3


class Limit(IntEnum):
    """What a limit bounds. Values are in the unit named here; -1 = no limit."""

    COLLAR_PPM = 0  # distance of an order's price from the reference
    ORDER_QTY = 1  # quantity quanta (instrument scopes)
    ORDER_NOTIONAL = 2  # reporting money
    POSITION_QTY = (
        3  # quantity quanta, worst case: position and all open orders of a side (instrument and strategy scopes)
    )
    POSITION_NOTIONAL = 4  # reporting money, worst case
    OPEN_ORDERS = 5
    GROSS = 6  # reporting money, worst case
    NET = 7
    LEVERAGE_PPM = 8  # gross exposure over equity
    ORDERS_PER_WINDOW = 9  # token bucket: this many at once, refilled over WINDOW_NS
    CANCELS_PER_WINDOW = 10
    WINDOW_NS = 11
    DAILY_LOSS = 12  # reporting money
    DRAWDOWN = 13  # reporting money below the high-water mark
    REPEATS = 14  # entries in a row on one side without an opposite one, within REPEAT_NS
    REPEAT_NS = 15
    STALE_NS = 16  # oldest age of the book an order may be judged on
    ALLOWED = 17  # 1: on the allow-list · 0: not (needed once a global ALLOWED of 0 is set)
    DUPLICATE_NS = 18  # an identical order within this time is a duplicate
    INTENTS_PER_WINDOW = 19  # strategy scopes
    OWN_CROSS = 20  # 1: orders that could trade with own ones are refused (the default is 1)


class LimitStep(IntEnum):
    """What became of a limit command."""

    SET = 0
    WAITS = 1  # for its confirmation


class Breaker(IntEnum):
    """What a circuit breaker counts within its window."""

    LOSSES = 0  # consecutive losing closes
    REJECTS = 1  # rejected orders, ppm of those answered
    DIVERGENCES = 2  # system.diverged rows
    FEED = 3  # gaps and broken books of the scope's instruments
    UNKNOWNS = 4  # orders whose outcome is not known


class BreakerState(IntEnum):
    """A breaker is closed while all is well."""

    CLOSED = 0
    OPEN = 1


class Proof(IntEnum):
    """Bits of `proof` in order.missing: what was looked at besides."""

    NOT_OPEN = 1  # not among the venue's open orders
    NO_TRADE = 2  # no trade of it since it was sent
    STREAM_WHOLE = 4  # the account stream had no gap since


class BalanceReason(IntEnum):
    """Word `reason` of account.changed."""

    OTHER = 0
    DEPOSIT = 1
    WITHDRAWAL = 2
    TRANSFER = 3
    FUNDING = 4
    INSURANCE = 5
    ADJUSTMENT = 6
    CONVERSION = 7
    OPTIONS = 8
    ORDER = 9
    ADOPTED = 10  # a person took over what nothing explains: drift becomes a change, the total stays


class StrategyAction(IntEnum):
    """Word `action` of control.strategy."""

    LOAD = 0
    START = 1
    PAUSE = 2
    STOP = 3
    REPLACE = 4


class StrategyStatus(IntEnum):
    """What a strategy is doing."""

    ABSENT = 0
    LOADED = 1
    RUNNING = 2
    PAUSED = 3
    STOPPED = 4
    DISABLED = 5


class Difference(IntEnum):
    """What differs between us and a venue's statement."""

    ORDER_UNKNOWN_HERE = 0
    ORDER_UNKNOWN_THERE = 1
    ORDER_FILLED = 2
    ORDER_QTY = 3
    POSITION = 4
    BALANCE = 5
    ENTRY = 6
    ORDER_PRICE = 7


class Severity(IntEnum):
    """How bad a difference is. From WARNING on nothing is resumed before a statement without it; from ERROR on its instrument is frozen."""

    INFO = 0  # what is held is what the venue says; how it came about is not explained
    WARNING = 1  # one of the two is wrong about money or what was executed
    ERROR = 2
    CRITICAL = 3


class SettleAction(IntEnum):
    """Word `action` of control.settle."""

    ADOPT = 0
    IGNORE = 1
    FLATTEN = 2


RESUME_PHRASE = "resume trading"


def phrase_number(text: str) -> int:
    """A typed phrase as a number a row can hold: 62 bits, the same for every spelling of case and blanks."""
    number = 0
    for letter in " ".join(text.lower().split()):
        number = (number * 1_000_003 + ord(letter)) % (1 << 62)
    return number
