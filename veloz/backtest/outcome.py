"""What a run came to, in the shape that metrics and reports read. Whoever runs fills it once; nothing here asks a journal.

Prices and quantities are integers at the market's scale, money is integers at `RunResult.scale` of the reporting asset. Times are
nanoseconds UTC as the desk heard of things. A number nobody knows is `UNKNOWN`, never 0.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

UNKNOWN: Final = int(np.iinfo(np.int64).min)
HORIZONS_S: Final = (0, 1, 10, 60)  # when the mid is read after an execution; 0: the last one before it

FILL: Final = np.dtype(
    [
        ("ts_ns", "i8"),  # when the desk heard of it: never falls from row to row
        ("venue_ns", "i8"),  # when it happened at the venue
        ("market", "i4"),  # place in RunResult.markets
        ("sell", "?"),
        ("maker", "?"),
        ("order", "i8"),  # the order's key
        ("trade_id", "i8"),
        ("price", "i8"),  # at the market's price_scale
        ("qty", "i8"),  # above 0, at the market's qty_scale
        ("fee", "i8"),  # money at RunResult.scale, at the rate of the end; above 0: paid
        ("position", "i8"),  # signed, after this execution
        (
            "rate",
            "f8",
        ),  # at the end: reporting asset per unit of the market's money (quote; of inverse contracts the coin); 1 where they are one
        (
            "mid_x2",
            "i8",
            (len(HORIZONS_S),),
        ),  # twice the mid at each of HORIZONS_S after venue_ns, at price_scale, or UNKNOWN
    ]
)


def no_fills(count: int) -> np.ndarray:
    """Executions to be filled in: FILL[count] with rate 1 and every mid unknown."""
    fills = np.zeros(count, FILL)
    fills["rate"] = 1.0
    fills["mid_x2"] = UNKNOWN
    return fills


def _empty() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a market stands at the end: exact texts, money in the asset that its prices pay in."""

    mark: str  # what a unit is valued at; "": nobody knows
    mark_by: str  # where that is from: mark, mid, last, close, kept; "": nobody knows
    cash: str  # −Σ signed quantity × multiplier × price; of inverse contracts −Σ signed quantity × multiplier ÷ price
    realized: str  # profit of what was closed, fees and funding apart
    unrealized: str  # profit of what is open, at the mark; "": nobody knows


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What an account holds of an asset at the end: exact texts. total = opened + traded − fees + funding + other."""

    account: str
    venue: str
    asset: str
    opened: str  # what it began with
    traded: str  # spot: what executions brought and took; contracts: their realized profit
    fees: str  # above 0: paid
    funding: str  # above 0: received
    other: str  # what a venue added or took by itself, as where it fills up a wallet after a liquidation
    total: str
    unrealized: str  # profit of the open contracts that settle in it
    rate: str  # in the reporting asset; "": nobody knows
    worth: str  # total + unrealized in the reporting asset, rounded down: equity is the sum of these; "": nobody knows


@dataclass(frozen=True, kw_only=True)
class Market:
    """One instrument of a run."""

    symbol: str
    venue: str
    product: str  # spot, linear, inverse
    price_scale: int
    qty_scale: int
    multiplier_e8: int = 10**8  # base (inverse: quote) units of one contract
    money: str = ""  # asset in which its prices pay: the quote, of inverse contracts the coin
    position_start: int = 0
    standing: Standing | None = None  # None: nobody looked
    price_ts_ns: np.ndarray = field(
        default_factory=_empty
    )  # for the price chart, rising; may be thinned out; empty: only executions
    price_mid_x2: np.ndarray = field(default_factory=_empty)


@dataclass(frozen=True, kw_only=True)
class Data:
    """A recording that was run on."""

    path: str
    head_hash: str
    first_seq: int
    last_seq: int
    rows: int
    shift_ns: int = 0  # by how much receive stamps were moved


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A stretch in which the data of a market cannot be relied on."""

    symbol: str  # "" where it concerns all
    from_ns: int
    to_ns: int
    what: str


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """A run that is over."""

    name: str  # of the strategy or the configuration: the title
    asset: str  # the reporting asset
    scale: int  # decimals of money
    began_ns: int
    ended_ns: int
    ts_ns: np.ndarray  # the equity curve, i8, rising; its first point is the beginning, its last the end
    equity: np.ndarray  # i8 money, what is open valued at the mark
    gross: np.ndarray | None = None  # i8 money at the same points: Σ |position| at the mark; None: not measured
    markets: tuple[Market, ...] = ()
    fills: np.ndarray = field(default_factory=lambda: no_fills(0))
    orders: int = 0  # sent to a venue
    fees: int = 0  # money; above 0: paid
    funding: int = 0  # money; above 0: received
    realized: str = ""  # money: profit of what was closed, fees and funding apart; "": nobody looked
    unrealized: str = ""  # money: profit of what is open, at the mark
    cash: str = ""  # of all markets, each at its rate of the end
    balances: tuple[Balance, ...] = ()  # at the end
    period_ns: int = 0  # of the returns that ratios are made of; 0: chosen by the length of the run
    data: tuple[Data, ...] = ()
    config_hash: str = ""
    state_hash: str = ""
    result_hash: str = ""  # of its rows, but for the one that says where the recording lies
    journal: str = ""  # path of the result journal
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)  # plain values, may be nested
    figures: Mapping[str, str | int | float] = field(default_factory=dict)  # further lines for the head of the report
    unvalued: str = ""  # why equity is not told: the curve then leaves out what could not be valued
    refused: Mapping[str, int] = field(default_factory=dict)  # orders by the code of the gate that refused them
    rejected: Mapping[str, int] = field(default_factory=dict)  # orders by the code of the venue that rejected them
    gaps: tuple[Gap, ...] = ()
    warnings: tuple[str, ...] = ()


def labels_of(result: RunResult) -> list[str]:
    """What the markets of a run are called: a symbol, which two of its venues may have; then the venue in front of it."""
    times = Counter(each.symbol for each in result.markets)
    return [f"{each.venue}:{each.symbol}" if times[each.symbol] > 1 else each.symbol for each in result.markets]


def check_result(result: RunResult) -> None:
    """See whether a result is one.

    Raises:
        ValueError: It is not; one sentence says why.
    """
    curve, fills = result.ts_ns, result.fills
    if len(curve) != len(result.equity) or (result.gross is not None and len(result.gross) != len(curve)):
        raise ValueError("The equity curve has columns of different lengths.")
    if len(curve) == 0:
        raise ValueError("The equity curve is empty; it needs the beginning of the run at least.")
    if (np.diff(curve) <= 0).any():
        raise ValueError("The times of the equity curve do not rise.")
    if fills.dtype != FILL:
        raise ValueError("The executions are not rows of outcome.FILL.")
    if len(fills) and not (fills["market"].min() >= 0 and fills["market"].max() < len(result.markets)):
        raise ValueError("An execution names a market that the run does not have.")
    if (np.diff(fills["ts_ns"]) < 0).any():
        raise ValueError("The executions are not in the order of time.")
    if (fills["qty"] <= 0).any() or (fills["price"] <= 0).any():
        raise ValueError("An execution has no quantity or no price.")
    for market in result.markets:
        if len(market.price_ts_ns) != len(market.price_mid_x2) or (np.diff(market.price_ts_ns) < 0).any():
            raise ValueError(f"The prices of {market.symbol} are not one column of rising times and one of mids.")
