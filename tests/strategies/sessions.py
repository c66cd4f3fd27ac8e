"""A small engine around a host: rows in, folded, strategies woken; what they want comes out and is not carried out."""

from typing import Any

import msgspec
import numpy as np

from veloz.contracts import layout, registry
from veloz.contracts.codes import StrategyAction, StrategyStatus
from veloz.contracts.command import ParameterBody
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import ROW
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state
from veloz.reducers.view import engine_time
from veloz.strategies.host import Host, Wake
from veloz.strategies.loader import Library

START_NS = 1_700_000_000 * 10**9
SECOND = 10**9
STATUS = {name: int(status) for name, status in StrategyStatus.__members__.items()}
Row = tuple[int, ...]


class Session:
    """Rows go in step by step. Instruments 1 … n are listed first."""

    def __init__(self, library: Library | None = None, symbols: tuple[str, ...] = ("AAA", "BBB"), **host: Any) -> None:
        self.library = library or Library()
        self.host = Host(self.library, **host)
        self.state: State = new_state()
        self.seq, self.now = 0, START_NS
        for number, symbol in enumerate(symbols, 1):
            self.listing(number, symbol)

    def row(self, kind: registry.Kind, *words: int, instrument: int = 0, flags: int = 0, ts: int | None = None) -> Row:
        ts = self.now if ts is None else ts
        return (kind.number, 1, flags, instrument, ts, ts, *(*words, 0, 0, 0, 0, 0)[:5])

    def take(self, *rows: Row, bodies: tuple[tuple[int, Any], ...] = ()) -> list[Wake]:
        """One step: fold, wake, fold what was decided about strategies."""
        inputs, first = np.array(list(rows), ROW), self.seq + 1
        packed = [(at, msgspec.msgpack.encode(body)) for at, body in bodies]
        self.state = fold(self.state, inputs, first)
        self.seq += len(inputs)
        self.now = max(self.now, engine_time(self.state))
        wakes = self.host.wake(self.state, inputs, first, engine_time(self.state), packed)
        for wake in wakes:
            self.state = fold(self.state, wake.rows, self.seq + 1)
            self.seq += len(wake.rows)
        return wakes

    def listing(
        self, number: int, symbol: str, kind: registry.Kind = registry.LISTED, scales: tuple[int, int] = (2, 3)
    ) -> None:
        body = InstrumentBody(
            venue="binance_usdm", symbol=symbol, product="linear", price_scale=scales[0], qty_scale=scales[1]
        )
        words = (scales[0] | scales[1] << 8 | 2 << 16, 10 ** (scales[0] - 1), 1, 10**8, 1)
        self.take(self.row(kind, *words, instrument=number), bodies=((0, body),))

    def command(
        self, number: int, action: str, code: str = "", hash_number: int | None = None, **words: Any
    ) -> list[Wake]:
        code_hash, body = self.library.body_of(code, **words) if code else (0, None)
        code_hash = code_hash if hash_number is None else hash_number
        row = self.row(registry.COMMAND_STRATEGY, number, StrategyAction[action], code_hash, 1, 1)
        return self.take(row, bodies=((0, body),) if body else ())

    def run(self, number: int, code: str, instruments: tuple[str, ...] = ("AAA",), **words: Any) -> list[Wake]:
        """Load and start."""
        return [
            *self.command(number, "LOAD", code, instruments=list(instruments), **words),
            *self.command(number, "START"),
        ]

    def param(self, number: int, name: str, value: str, revision: int = 0) -> list[Wake]:
        row = self.row(registry.COMMAND_PARAM, number, 0, 0, 1, revision)
        return self.take(row, bodies=((0, ParameterBody(name=name, value=value)),))

    def book(self, bids: dict[int, int], asks: dict[int, int], instrument: int = 1) -> list[Wake]:
        """A whole book."""
        levels = [(0, p, q) for p, q in bids.items()] + [(layout.ASK, p, q) for p, q in asks.items()]
        rows = []
        for k, (flags, price, qty) in enumerate(levels):
            flags |= layout.SNAPSHOT | (layout.FIRST if k == 0 else 0) | (layout.LAST if k == len(levels) - 1 else 0)
            rows.append(self.row(registry.LEVEL, self.seq + 1, price, qty, 0, 0, instrument=instrument, flags=flags))
        return self.take(*rows)

    def trade(self, price: int, qty: int = 1, instrument: int = 1) -> list[Wake]:
        return self.take(self.row(registry.TRADE, self.seq + 1, price, qty, self.now, instrument=instrument))

    def pass_time(self, ns: int) -> list[Wake]:
        """Every timer that comes due on the way, each in a step of its own."""
        until, wakes = self.now + ns, []
        while due := self.host.due(until):
            self.now = max(self.now, due[0].due_ns)
            wakes += self.take(self.row(registry.TIMER, due[0].strategy, due[0].timer, due[0].due_ns))
        self.now = until
        return wakes
