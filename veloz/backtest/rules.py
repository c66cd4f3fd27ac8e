"""What a simulated exchange is told: the markets it trades, and the rules by which it trades them.

`Compat` lists every place where hftbacktest 2.4.4 does something that no exchange does. All are off unless asked for. A bit that needs
another one says so. Beside each stands what happens while it is off.
"""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Final

from veloz.contracts.codes import Product

DEFAULT_LATENCY_NS: Final = 10_000_000


class Compat(IntFlag):
    """Places where a peer's behaviour is wanted instead of an exchange's."""

    NOTHING = 0
    CLEAR_SKIPS_ONE = 1 << 0  # a clear skips the level next to it when it looks for the best · the best is the best
    CLEAR_KEEPS_ASKS = 1 << 1  # a clear of asks leaves their quantities standing · they are gone
    FILL_CLEARS_REQUEST = 1 << 2  # a partial fill answers a cancel or amendment in flight · only its answer does
    UNLIMITED_TOP = 1 << 3  # without partial fills the best price has any quantity · the book is walked
    BOOK_NOT_CONSUMED = 1 << 4  # what was taken is there to take again · it is remembered while the level stands
    TAKER_REST_FILLED = 1 << 5  # what the book does not show fills at the limit · it rests
    MARKET_REACH = 1 << 6  # a market order walks 99 or 100 ticks · up to `Rules.protection_ppm` from the best
    AMEND_OLD_LEAVES = (
        1 << 7
    )  # an order that is entered anew has the open quantity the desk knew · the new one, less what was executed
    CROSS_FILLS_ALL = 1 << 8  # a best price that reaches an order fills all of it · at most the quantity shown
    PRINT_NOT_SHARED = 1 << 9  # each order sees a whole print · a print is shared out by price and time
    SCAN_WINDOW = 1 << 10  # only orders between two prices are looked at · all are
    GHOST_ORDERS = (
        1 << 11
    )  # an order that a print fills exactly stays, and ends the run when it is executed again · filled is gone
    QUEUE_NAN = 1 << 12  # queue models as their formulas come out, NaN and all · quantities are held at 0 or above
    BOOKS_LAST_SLICE = 1 << 13  # only the execution that completes an order is a fill · every one is
    AMEND_FORGETS = 1 << 14  # an amendment in place means the open quantity · it means the whole quantity


HFTBACKTEST: Final = Compat((1 << 15) - 1)


class Matching(IntEnum):
    """Matching models. What each assumes stands at the top of its file."""

    QUEUE = 0  # matching.py
    TRADES = 1  # ticks.py
    BOOK = 2  # penetration.py
    BARS = 3  # bars.py


class Queue(IntEnum):
    """Estimates of the place in the queue: queue.py."""

    RISK_AVERSE = 0
    POWER = 1
    POWER2 = 2
    POWER3 = 3
    LOG = 4
    LOG2 = 5
    FITTED = 6  # by `Rules.fitted`


class Delay(IntEnum):
    """Latency models: latency.py."""

    CONSTANT = 0
    FEED = 1
    TABLE = 2
    EMPIRICAL = 3
    LOG_NORMAL = 4


class FeeIn(IntEnum):
    """What fees are paid in."""

    MONEY = 0  # the asset in which the instrument gains and loses: quote (spot) or settlement asset
    RECEIVED = 1  # spot: what the execution brings in
    THIRD = 2  # another asset, at the price that it has: `Market.third`


@dataclass(frozen=True, kw_only=True)
class Market:
    """One instrument. Prices and quantities in its quanta; `low` and `high` bound the ladder of its book, both within."""

    instrument: int
    price_scale: int
    qty_scale: int
    low: int
    high: int
    tick: int = 1
    lot: int = 1
    multiplier_e8: int = 10**8
    product: Product = Product.LINEAR
    money: int  # number of the asset in which it gains and loses
    money_scale: int
    base: int = 0  # of spot instruments: the asset that is bought
    base_scale: int = 0
    maker_ppm: int = 0
    taker_ppm: int = 0
    fee_in: FeeIn = FeeIn.MONEY
    qty_min: int = 0
    qty_max: int = (1 << 62) - 1
    notional_min: int = 0  # price quanta times quantity quanta
    third: int = 0  # `FeeIn.THIRD`: the asset
    third_scale: int = 0
    third_instrument: int = (
        0  # its last price is the rate; as long as there is none fees are paid in money. 0: `third_rate`
    )
    third_rate: int = 0  # what one unit is worth in money
    third_rate_scale: int = 0
    price_min: int = 0  # the venue's bounds; 0 = none
    price_max: int = 0
    market_qty_min: int = 0
    market_qty_max: int = 0
    up_ppm: int = 0  # price band: multiple of the mark (else last) price, 0 = none
    down_ppm: int = 0
    account: int = 1  # that trades here
    printed: bool = False  # aggregated trades are none of its prints: there are others


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long a message is under way: see latency.py. `table` means what its model says."""

    model: Delay = Delay.CONSTANT
    ns: int = DEFAULT_LATENCY_NS
    table: tuple[tuple[int, ...], ...] = ()
    spread: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How the exchange trades."""

    matching: Matching = Matching.QUEUE
    queue: Queue = Queue.RISK_AVERSE
    power: float = 3.0
    fitted: tuple[
        float, ...
    ] = ()  # chance that what left stood behind, at even steps of the share that is behind, from 0 to 1
    partial: bool = True
    compat: Compat = Compat.NOTHING
    entry: Latency = field(default_factory=Latency)
    response: Latency = field(default_factory=Latency)
    protection_ppm: int = 50_000  # a market order goes so far from the best price, and no further
    slippage_ppm: int = 0
    impact_ppm: int = 0
    seed: int = 0  # below 2**60
    shift_ns: int = 0  # what the receive stamps of the recording are moved by
    accounts: bool = (
        False  # it knows what we hold: orders of ours meet each other, reduce-only, funding, fees by volume
    )
    margin: bool = False  # it keeps the books of our accounts, by `clerk.py`, and liquidates
    tiers: tuple[
        tuple[int, int, int], ...
    ] = ()  # of fees: volume (hundredths of the quote), maker and taker rate; ascending
    volume_days: int = 30  # of UTC, the running one included
    volume_before: int = 0  # traded before the run, never forgotten
    requests_most: int = 0  # orders and amendments of an account in each span of `window_ns`; 0 = any number
    window_ns: int = 10_000_000_000
    orders: int = 1024  # so many may rest at once; one more is rejected
    messages: int = 4096  # so many may be on each wire before the host must make it longer; a power of two
