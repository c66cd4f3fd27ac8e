"""Runs in NautilusTrader's own environment: makes its objects of a recording once, then, at each line on stdin, times one backtest.

    python peer_nautilus.py EVENTS.npz [batched]

`data` in the file: events as hftbacktest's converter gives them; those that the desk sees are taken. Prices and quantities become the
peer's deltas of a book and trades, a message's last delta flagged as such; with `batched`, all deltas of a message are one object. The
strategy is in Python, subscribes to both, and does nothing. Prints `events N`, then for each line read the seconds of one run (CPU time).
The clock stands around `BacktestEngine.run` alone: objects, engine and data are there before.
"""

import sys
import time

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model import objects
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
    RecordFlag,
)
from nautilus_trader.model.identifiers import TradeId, Venue
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4  # kinds of events
SEEN, BUY = 1 << 30, 1 << 29
INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()


class Idle(Strategy):
    """Listens, and does nothing."""

    heard = 0

    def on_start(self) -> None:
        """Subscribe to what there is."""
        self.subscribe_order_book_deltas(INSTRUMENT.id, BookType.L2_MBP)
        self.subscribe_trade_ticks(INSTRUMENT.id)

    def on_order_book_deltas(self, deltas: object) -> None:
        """A message of the book."""
        self.heard += 1

    def on_trade_tick(self, tick: object) -> None:
        """A trade."""
        self.heard += 1


def data_of(events: np.ndarray) -> list[object]:
    """The peer's objects, one an event, by the time at which we knew of them."""
    price_digits, qty_digits = INSTRUMENT.price_precision, INSTRUMENT.size_precision
    made: list[object] = []
    words = zip(*(events[name].tolist() for name in ("ev", "exch_ts", "local_ts", "px", "qty")), strict=True)
    lasts = np.append(events["local_ts"][1:] != events["local_ts"][:-1], True).tolist()
    for number, ((event, at_venue, here, price, qty), last) in enumerate(zip(words, lasts, strict=True)):
        kind, bought = event & 0xFF, bool(event & BUY)
        flags = RecordFlag.F_LAST if last else 0
        if kind == TRADE:
            side = AggressorSide.BUYER if bought else AggressorSide.SELLER
            made.append(
                TradeTick(
                    INSTRUMENT.id,
                    objects.Price(price, price_digits),
                    objects.Quantity(qty, qty_digits),
                    side,
                    TradeId(str(number)),
                    at_venue,
                    here,
                )
            )
            continue
        if kind == CLEAR:
            continue
        size = objects.Quantity(qty, qty_digits)
        action = BookAction.UPDATE if size > 0 else BookAction.DELETE
        level = BookOrder(OrderSide.BUY if bought else OrderSide.SELL, objects.Price(price, price_digits), size, 0)
        made.append(OrderBookDelta(INSTRUMENT.id, action, level, flags, number, at_venue, here))
    return made


def batched(data: list[object]) -> list[object]:
    """The same with the deltas of a message as one object."""
    made: list[object] = []
    held: list[OrderBookDelta] = []
    for each in data:
        if isinstance(each, OrderBookDelta):
            held.append(each)
        if held and (held[-1] is not each or each.flags & RecordFlag.F_LAST):
            made.append(OrderBookDeltas(INSTRUMENT.id, held))
            held = []
        if not isinstance(each, OrderBookDelta):
            made.append(each)
    return made


def engine_of(data: list[object]) -> tuple[BacktestEngine, Idle]:
    """An engine that has the data and the strategy, ready to run."""
    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True))
    )
    engine.add_venue(
        Venue("BINANCE"),
        OmsType.NETTING,
        AccountType.MARGIN,
        [objects.Money(1_000_000, USDT)],
        book_type=BookType.L2_MBP,
    )
    engine.add_instrument(INSTRUMENT)
    engine.add_data(data)
    strategy = Idle()
    engine.add_strategy(strategy)
    return engine, strategy


def main() -> None:
    """Make the objects, then one run a line."""
    events = np.load(sys.argv[1])["data"]
    data = data_of(events[events["ev"] & SEEN != 0])
    print("events", len(data), flush=True)
    data = batched(data) if "batched" in sys.argv else data
    for _ in sys.stdin:
        engine, strategy = engine_of(data)
        begun = time.thread_time()
        engine.run()
        took = time.thread_time() - begun
        assert strategy.heard > 0
        engine.dispose()
        print(took, flush=True)


if __name__ == "__main__":
    main()
