"""The SDK: the only promise to authors of strategies. A strategy imports this module and nothing else of ours.

A strategy is a class that declares what it wakes on and returns what it wants. It sees a `View` (copies of numbers, never the state
itself) and answers with intents; what becomes of them is decided elsewhere, by the same gate for everybody. It has no clock but
`view.now_ns` and no chance at all: the same rows wake it the same way for ever.

Two forms mean the same. A Python strategy has handlers (`on_event`, `on_timer` …). A compiled one has a `kernel`: one function under
`@sdk.kernel` that is called for each event with arrays of the very numbers a `View` shows.

All prices and quantities are counts of the instrument's quanta (`Market.price_scale`, `qty_scale`), whole numbers; floats are for opinions.
What changed from version to version: docs/reference/sdk.md.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from struct import Struct
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, NoReturn, TypeVar

import msgspec
import numpy as np

from veloz.contracts.bundle import Bundle
from veloz.contracts.kernel import guest
from veloz.contracts.layout import WORD
from veloz.contracts.terms import OrderType, PositionSide, SelfTrade, TimeInForce, TriggerBy

__all__ = [
    "AMEND",
    "BAR",
    "BUDGET_MAX",
    "CANCEL",
    "DEPTH_MAX",
    "EVENT",
    "HISTORY_MAX",
    "MARKET",
    "ON_BAR",
    "ON_EVENT",
    "ON_FILL",
    "ON_ORDER",
    "ON_PARAMETER",
    "ON_START",
    "ON_STOP",
    "ON_TIMER",
    "ORDER",
    "OUT",
    "OWN",
    "QUOTE",
    "SDK_VERSION",
    "TARGET",
    "Amend",
    "Bar",
    "BarClosed",
    "Cancel",
    "Change",
    "Event",
    "Fill",
    "Intent",
    "Intents",
    "Market",
    "On",
    "Order",
    "OrderType",
    "Own",
    "Param",
    "Params",
    "Pnl",
    "PositionSide",
    "Quote",
    "SelfTrade",
    "Strategy",
    "Target",
    "Tick",
    "TimeInForce",
    "TriggerBy",
    "View",
    "Wakes",
    "Window",
    "kernel",
]  # fmt: skip

SDK_VERSION: Final = "1.2.0"
BUDGET_MAX: Final = 64  # intents a wake that a strategy may ask for
DEPTH_MAX: Final = 50  # levels of each side
HISTORY_MAX: Final = 30  # closed bars of each interval
ORDER_KINDS: Final = (  # what `on_order` is called for
    "order.accepted", "order.canceled", "order.expired", "order.rejected", "order.replaced", "order.request_rejected", "order.silent",
    "order.not_sent", "order.missing", "order.busted",
)  # fmt: skip


# --- what a strategy wants ---------------------------------------------------------------------------------------------------


class Target(msgspec.Struct, frozen=True):
    """Hold this signed quantity of the instrument. Price 0: at the market; else a limit order there for what is missing."""

    instrument: int
    qty: int
    price: int = 0
    tif: int = TimeInForce.GTC
    reduce_only: bool = False


class Quote(msgspec.Struct, frozen=True):
    """Rest on both sides at these prices. A quantity of 0 withdraws that side. Orders at other prices are moved or canceled."""

    instrument: int
    bid: int
    bid_qty: int
    ask: int
    ask_qty: int
    tif: int = TimeInForce.GTX


class Order(msgspec.Struct, frozen=True):
    """Exactly this order. `price` 0 where the type has none; `trigger`, `activation`, `callback_ppm` for stops; `expire_ns` for GTD."""

    instrument: int
    sell: bool
    qty: int
    price: int = 0
    type: int = OrderType.LIMIT
    tif: int = TimeInForce.GTC
    reduce_only: bool = False
    position_side: int = PositionSide.BOTH
    stp: int = SelfTrade.NONE
    trigger_by: int = TriggerBy.LAST
    trigger: int = 0
    activation: int = 0
    callback_ppm: int = 0
    expire_ns: int = 0


class Cancel(msgspec.Struct, frozen=True):
    """Cancel one of the strategy's own orders, by its key."""

    instrument: int
    order: int


class Amend(msgspec.Struct, frozen=True):
    """Move one of the strategy's own orders to another price and whole quantity."""

    instrument: int
    order: int
    price: int
    qty: int


Intent = Target | Quote | Order | Cancel | Amend
Intents = Intent | Sequence[Intent] | None


# --- what a strategy sees ----------------------------------------------------------------------------------------------------


class Market(NamedTuple):
    """One instrument. -1 in a price: there is none."""

    number: int
    price_scale: int  # decimals of a price quantum
    qty_scale: int
    tick: int  # price quanta; orders are priced in whole ticks
    lot: int
    multiplier_e8: int
    synced: int  # 1: the book may be believed
    bid: int
    bid_qty: int
    ask: int
    ask_qty: int
    last: int
    last_qty: int
    last_sold: int  # 1: the taker sold
    last_ns: int  # the venue's matching time
    mark_e8: int  # mark, index price and funding rate times 10**8; 0 and mark_ns 0: none yet
    index_e8: int
    funding_e8: int
    mark_ns: int
    quote_bid: int  # best bid and offer as the venue announces them
    quote_bid_qty: int
    quote_ask: int
    quote_ask_qty: int
    position: int  # this strategy's own, signed
    frozen: int  # not 0: only cancels


class Own(NamedTuple):
    """One open order of the strategy."""

    order: int  # its key
    instrument: int
    sell: int
    price: int
    qty: int
    filled: int
    type: int
    tif: int
    state: int
    free: int  # 1: at the venue with no request under way, so that it can be canceled or amended
    created_ns: int


class Bar(NamedTuple):
    """One closed bar. Volumes above 2**62 - 1 are told as that."""

    ts_open: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    buy_volume: int
    trades: int  # 0: no such bar


class Pnl(NamedTuple):
    """Of the strategy, in the reporting asset, as last settled."""

    realized: int
    unrealized: int
    costs: int
    unconverted: int  # not 0: something is not in it


class Event(NamedTuple):
    """A row that woke the strategy: the last of its kind and instrument in the step. Words are the kind's own (specs/kinds.txt)."""

    kind: str
    instrument: int
    seq: int
    ts_event: int
    flags: int
    words: tuple[int, ...]


class Tick(NamedTuple):
    """A timer of the strategy has fired. `number`: its place in `Wakes.timers`."""

    number: int
    due_ns: int
    seq: int


class BarClosed(NamedTuple):
    """A bar of a declared interval is complete."""

    instrument: int
    interval: str
    seq: int


class Fill(NamedTuple):
    """An execution of an own order, told once."""

    order: int
    instrument: int
    sell: bool
    price: int
    qty: int
    maker: bool
    seq: int


class Change(NamedTuple):
    """Something else became of an own order. `kind`: one of `ORDER_KINDS`."""

    order: int
    instrument: int
    kind: str
    seq: int


class Params:
    """Values of the declared parameters: `view.params.qty` or `view.params["qty"]`."""

    __slots__ = ("__dict__", "_values")

    def __init__(self, values: Mapping[str, int | float]) -> None:
        _put_values(self, MappingProxyType(dict(values)))
        self.__dict__.update(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no parameter is called {name}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a parameter is changed by a command, not here: {name}")


_put_values: Final = vars(Params)["_values"].__set__


class Shape:
    """Where in the words of a window everything lies that a `View` shows, and the open orders that the last one was asked for: they
    change seldom, and as plain values they take longer to make than everything else. Places are bytes.
    """

    __slots__ = ("bars", "depth", "history", "intervals", "levels", "markets", "orders", "own", "own_words", "places")

    def __init__(
        self, numbers: Sequence[int], intervals: Sequence[str], depth: int, history: int, begins: Sequence[int]
    ) -> None:
        self.places = {number: at for at, number in enumerate(numbers)}  # which of its instruments one is
        self.intervals = {name: at for at, name in enumerate(intervals)}
        self.depth, self.history = depth, history
        self.markets, self.levels, self.bars, self.orders = begins  # the clock's words lie at 0; orders are the last
        self.own_words, self.own = b"", ()  # type: tuple[bytes, tuple[Own, ...]]


class View:
    """What a strategy may know, as of the end of a step. Copies: nothing done to it reaches the state."""

    __slots__ = ("_first", "_shape", "_words", "params")

    params: Params

    def __init__(self, shape: Shape, words: bytes, params: Params) -> None:
        self._shape, self._words, self.params = shape, words, params
        self._first: Market | None = None

    @property
    def now_ns(self) -> int:
        """Engine time."""
        return _CLOCK.unpack_from(self._words)[0]  # type: ignore[no-any-return]

    @property
    def seq(self) -> int:
        """Last record in it."""
        return _CLOCK.unpack_from(self._words)[1]  # type: ignore[no-any-return]

    @property
    def refused(self) -> int:
        """Intents and orders of this strategy refused so far."""
        return _CLOCK.unpack_from(self._words)[2]  # type: ignore[no-any-return]

    @property
    def pnl(self) -> Pnl:
        """Of this strategy."""
        return Pnl._make(_CLOCK.unpack_from(self._words)[3:])

    @property
    def instruments(self) -> tuple[int, ...]:
        """Numbers of the strategy's instruments, in the order in which it was given them."""
        return tuple(self._shape.places)

    def market(self, instrument: int | None = None) -> Market:
        """An instrument of the strategy's own; None: its first. Raises KeyError for any other."""
        if instrument is not None and (place := self._shape.places[instrument]) != 0:
            return _market_of(_MARKET.unpack_from(self._words, self._shape.markets + place * _MARKET.size))
        if self._first is None:
            self._first = _market_of(_MARKET.unpack_from(self._words, self._shape.markets))
        return self._first

    def best(self, instrument: int | None = None) -> tuple[int, int] | None:
        """Best bid and best ask price; None unless there is a book to be believed with both sides."""
        synced, bid, ask = _BEST.unpack_from(self._words, self._place(instrument))
        return (bid, ask) if synced and bid >= 0 and ask >= 0 else None

    def tick(self, instrument: int | None = None) -> int:
        """Price quanta of which an order's price is a multiple."""
        return _TICK.unpack_from(self._words, self._place(instrument))[0]  # type: ignore[no-any-return]

    def position(self, instrument: int | None = None) -> int:
        """The strategy's own position, signed."""
        return _POSITION.unpack_from(self._words, self._place(instrument))[0]  # type: ignore[no-any-return]

    def orders(self, instrument: int | None = None) -> tuple[Own, ...]:
        """The strategy's own open orders; None: of all its instruments."""
        shape = self._shape
        words = self._words[shape.orders :]
        if words != shape.own_words:
            shape.own_words, shape.own = words, tuple(map(_own_of, _OWN.iter_unpack(words)))
        return shape.own if instrument is None else tuple(each for each in shape.own if each.instrument == instrument)

    def bids(self, instrument: int | None = None) -> tuple[tuple[int, int], ...]:
        """(price, qty), best first, as many as the class declares by `depth`."""
        return self._side(instrument, 0)

    def asks(self, instrument: int | None = None) -> tuple[tuple[int, int], ...]:
        """The same of the other side."""
        return self._side(instrument, 1)

    def _place(self, instrument: int | None) -> int:
        """Where an instrument's words begin."""
        shape = self._shape
        return shape.markets + (0 if instrument is None else shape.places[instrument] * _MARKET.size)

    def _side(self, instrument: int | None, side: int) -> tuple[tuple[int, int], ...]:
        shape = self._shape
        place = 0 if instrument is None else shape.places[instrument]
        size = shape.depth * _PAIR.size
        begin = shape.levels + (2 * place + side) * size
        return tuple(pair for pair in _PAIR.iter_unpack(self._words[begin : begin + size]) if pair[1] > 0)

    def bars(self, interval: str, instrument: int | None = None) -> tuple[Bar, ...]:
        """Closed bars of a declared interval, oldest first, at most as many as the class declares by `history`."""
        shape = self._shape
        place = 0 if instrument is None else shape.places[instrument]
        size = shape.history * _BAR.size
        begin = shape.bars + (place * len(shape.intervals) + shape.intervals[interval]) * size
        bars = map(_bar_of, _BAR.iter_unpack(self._words[begin : begin + size]))
        return tuple(bar for bar in bars if bar.trades > 0)


_CLOCK, _PAIR = Struct("<7q"), Struct("<2q")
_MARKET, _OWN, _BAR = (Struct(f"<{len(each._fields)}q") for each in (Market, Own, Bar))
_TICK, _BEST, _POSITION = (
    Struct("<" + "".join("q" if name in names else "8x" for name in Market._fields))
    for names in (("tick",), ("synced", "bid", "ask"), ("position",))
)
_market_of: Final[Callable[[tuple[int, ...]], Market]] = partial(
    tuple.__new__, Market
)  # what `_make` does, but for counting them
_own_of: Final[Callable[[tuple[int, ...]], Own]] = partial(tuple.__new__, Own)
_bar_of: Final[Callable[[tuple[int, ...]], Bar]] = partial(tuple.__new__, Bar)


# --- what a strategy declares ------------------------------------------------------------------------------------------------

UNITS: Final = ("price", "qty", "ns", "ppm", "count", "flag", "number")
ROUNDINGS: Final = ("exact", "down", "up")


class Param(msgspec.Struct, frozen=True):
    """One parameter. All texts are exact decimals in people's units; its value is a whole number, of `number` a float.

    price, qty: quanta of the strategy's instrument `market`. `times`: the value is so many times the text (an author who divides by
    two later asks for twice). `rounding`: what happens to a rest; "exact" refuses it. Bounds are inclusive; "" = none.
    """

    name: str
    unit: str
    default: str
    low: str = ""
    high: str = ""
    times: int = 1
    rounding: str = "exact"
    market: int = 0


class On(msgspec.Struct, frozen=True):
    """An event of one of the strategy's instruments only: `market` is its place among them; -1 = of all."""

    kind: str
    market: int = -1


class Wakes(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy wakes on. Nothing else wakes it, and what does not wake it costs nothing."""

    events: tuple[str | On, ...] = ()  # kinds of rows, like "md.trade": of its instruments, or of none at all
    timers: tuple[
        int | str, ...
    ] = ()  # intervals in ns, or names of parameters in ns; the first beat is one interval after the start
    bars: tuple[str, ...] = ()  # 1s 1m 5m 15m 30m 1h 4h 1d
    fills: bool = False  # executions of its own orders
    orders: bool = False  # other changes of its own orders
    # A timer's beat is told only where best prices, its own position or orders, or its parameters are not as they were when that timer
    # was last told, or where it asked for something since; a text: where the parameter of this name, a flag, is set.
    if_changed: bool | str = False


class Strategy:
    """Base of every strategy. Handlers return an intent, a list or tuple of intents, or None; what is not overridden asks for nothing.

    Whatever a handler keeps in `self` is the strategy's memory: plain values only (None, bool, int, float, str, bytes, list, tuple,
    dict, deque of these, no two names for one list), because snapshots carry it. Memory elsewhere (globals, class attributes)
    would be shared and not kept, and is refused when the text is loaded.
    """

    written_for: ClassVar[str] = ""  # version of the SDK, like "1.0"; required
    params: ClassVar[tuple[Param, ...]] = ()
    wakes: ClassVar[Wakes] = Wakes()
    depth: ClassVar[int] = 0  # levels of each side it looks at
    history: ClassVar[int] = 0  # closed bars of each interval in `wakes.bars` it looks at
    budget: ClassVar[int] = 16  # intents a wake; more disable it
    keeps: ClassVar[bool] = False  # takes over the memory of the code it replaces

    kernel: ClassVar[Callable[..., int] | None] = (
        None  # the compiled form: a staticmethod of a function under @sdk.kernel
    )
    memory: ClassVar[int] = 0  # words (int64) the kernel keeps
    opinions: ClassVar[int] = 0  # floats the kernel keeps

    def on_start(self, view: View) -> Intents:
        """The strategy was started, not continued after a pause."""

    def on_stop(self, view: View) -> Intents:
        """The strategy is being stopped: only its cancels are listened to."""

    def on_event(self, view: View, event: Event) -> Intents:
        """A row of `wakes.events` came."""

    def on_timer(self, view: View, timer: Tick) -> Intents:
        """A timer of `wakes.timers` fired."""

    def on_bar(self, view: View, bar: BarClosed) -> Intents:
        """A bar of `wakes.bars` closed."""

    def on_fill(self, view: View, fill: Fill) -> Intents:
        """An own order was executed, in part or whole."""

    def on_order(self, view: View, change: Change) -> Intents:
        """Something else became of an own order."""

    def on_parameter(self, view: View, name: str) -> Intents:
        """A parameter has a new value, already in `view.params`."""

    def state(self) -> dict[str, Any]:
        """The memory to keep in a snapshot: by default all of `self`."""
        return vars(self)

    def restore(self, state: dict[str, Any]) -> None:
        """Take a memory over, right after __init__."""
        vars(self).update(state)


# --- the compiled form -------------------------------------------------------------------------------------------------------


def _words(names: Sequence[str]) -> np.dtype[np.void]:
    return np.dtype([(name, "<i8") for name in names])


EVENT: Final = _words(  # EVENT[1]; `code` is one of the numbers below; `number`: timer, interval's place in wakes.bars, or parameter
    (
        "code",
        "kind",
        "instrument",
        "seq",
        "now_ns",
        "number",
        "flags",
        "ts_event",
        "word1",
        "word2",
        "word3",
        "word4",
        "word5",
    )
)
MARKET: Final = _words(Market._fields)  # MARKET[instruments], in the strategy's order
OWN: Final = _words(Own._fields)  # OWN[open orders]
BAR: Final = _words(Bar._fields)  # BAR[instruments, intervals, history], oldest first, the newest in the last place
OUT: Final = _words(  # OUT[budget + 1], all 0 before each call; `form` is one of the numbers below
    (
        "form", "instrument", "sell", "qty", "price", "type", "tif", "reduce_only", "position_side", "stp", "trigger_by", "trigger",
        "activation", "callback_ppm", "expire_ns", "order", "ask", "ask_qty",
    )
)  # fmt: skip

ON_EVENT: Final = np.int64(1)
ON_TIMER: Final = np.int64(2)
ON_BAR: Final = np.int64(3)
ON_FILL: Final = np.int64(4)
ON_ORDER: Final = np.int64(5)
ON_START: Final = np.int64(6)
ON_STOP: Final = np.int64(7)
ON_PARAMETER: Final = np.int64(8)

TARGET: Final = np.int64(1)  # qty signed, price, tif, reduce_only
QUOTE: Final = np.int64(2)  # price and qty of the bid, ask and ask_qty, tif
ORDER: Final = np.int64(3)
CANCEL: Final = np.int64(4)  # order
AMEND: Final = np.int64(5)  # order, price, qty

F = TypeVar("F", bound=Callable[..., Any])


class _Window(NamedTuple):
    event: np.ndarray  # EVENT[1]
    markets: np.ndarray  # MARKET[instruments]
    orders: np.ndarray  # OWN[open orders]
    levels: np.ndarray  # i8[instruments, 2, depth, 2]: bids and asks, best first, price and quantity; quantity 0 = none
    bars: np.ndarray  # BAR[instruments, intervals, history]


class Window(Bundle, _Window):
    """What a kernel sees: the numbers of a `View`, as arrays that are overwritten at each call."""

    DTYPES: ClassVar = {"event": EVENT, "markets": MARKET, "orders": OWN, "levels": WORD, "bars": BAR}
    DIMENSIONS: ClassVar = {"levels": 4, "bars": 3}


def kernel(function: F) -> F:
    """Compile `wake(window, memory, opinions, params, numbers, out) -> n`, the compiled form of a strategy.

    `window`: a Window, read only. `memory`: i8[memory], `opinions`: f8[opinions], kept from wake to wake. `params`: i8[parameters],
    `numbers`: f8[parameters], a parameter's value in its place of the one that its unit means. `out`: OUT. Returns how many intents it
    wrote from `out[0]` on; more than the budget disables it, and the row beyond the budget is there for whoever counts first.

    It cannot allocate. Indices are always checked. Division by zero gives 0, as everywhere in compiled code here.
    """
    return guest(function)
