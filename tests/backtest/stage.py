"""A small exchange for tests: rows written in a line, orders placed by name of side, and what the desk heard, in words."""

from typing import Any, Final

import numpy as np

from veloz.backtest.exchange import advance, new_venue, next_arrival_ns, request_of, send, take
from veloz.backtest.machine import ARRIVED, DONE
from veloz.backtest.rules import Latency, Market, Rules
from veloz.contracts import layout, registry, terms
from veloz.contracts.terms import Action, OrderType, TimeInForce, TriggerBy
from veloz.reducers.words import RAW, I

INSTRUMENT: Final = 3
ACCOUNT: Final = 2
LEVEL_FLAGS: Final = layout.FIRST | layout.LAST | layout.APPLIED
OPENED: Final = (900, 1100)


def market(**parts: Any) -> Market:
    """A linear market with prices 900 … 1100."""
    told = {
        "instrument": INSTRUMENT,
        "price_scale": 1,
        "qty_scale": 0,
        "low": OPENED[0],
        "high": OPENED[1],
        "money": 1,
        "money_scale": 8,
    }
    return Market(**{**told, **parts})


def rules(**parts: Any) -> Rules:
    """Rules with 10 ns each way."""
    return Rules(**{"entry": Latency(ns=10), "response": Latency(ns=10), **parts})


def row(kind: int, flags: int, at_ns: int, price: int, qty: int, aux: int = 0) -> tuple[int, ...]:
    """A market row."""
    return (kind | 1 << 16 | flags << 24 | INSTRUMENT << 32, at_ns, at_ns, 0, price, qty, 0, aux)


def bid(at_ns: int, price: int, qty: int) -> tuple[int, ...]:
    """A level of the bids."""
    return row(registry.LEVEL.number, LEVEL_FLAGS, at_ns, price, qty)


def ask(at_ns: int, price: int, qty: int) -> tuple[int, ...]:
    """A level of the asks."""
    return row(registry.LEVEL.number, LEVEL_FLAGS | layout.ASK, at_ns, price, qty)


def bought(at_ns: int, price: int, qty: int) -> tuple[int, ...]:
    """A print whose taker bought."""
    return row(registry.TRADE.number, 0, at_ns, price, qty)


def sold(at_ns: int, price: int, qty: int) -> tuple[int, ...]:
    """A print whose taker sold."""
    return row(registry.TRADE.number, layout.ASK, at_ns, price, qty)


class Stage:
    """An exchange, the rows it will see, and the reports that came."""

    def __init__(self, rows: list[tuple[int, ...]], told: Rules | None = None, traded: Market | None = None) -> None:
        self.rows = np.array(rows, RAW) if rows else np.zeros(0, RAW)
        self.venue = new_venue([traded or market()], told or rules())
        self.at, self.signal, self.heard = 0, np.zeros(1, np.int64), [np.zeros(0, RAW)]

    def ask(
        self,
        sent_ns: int,
        key: int,
        side: str,
        qty: int,
        price: int = 0,
        *,
        tif: str = "GTC",
        action: Action = Action.PLACE,
        kind: OrderType | None = None,
        reduce_only: bool = False,
        **waits: int,
    ) -> None:
        """Send a request; without a price or a type a market order. `waits`: words of what it waits for."""
        kind = kind or (OrderType.LIMIT if price or action is Action.CANCEL else OrderType.MARKET)
        spec = terms.pack(
            terms.SPEC, action=action, sell=int(side == "sell"), type=kind, tif=TimeInForce[tif], account=ACCOUNT,
            trigger_by=TriggerBy.LAST, reduce_only=int(reduce_only),
        )  # fmt: skip
        words = {
            "key": key,
            "instrument": INSTRUMENT,
            "account": ACCOUNT,
            "action": action,
            "price": price,
            "qty": qty,
            "spec": spec,
            **waits,
        }
        assert send(self.venue, request_of(words), I(sent_ns)) == DONE

    def run(self, until_ns: int) -> None:
        """Let time pass, hearing what arrives."""
        out = np.zeros(64, RAW)
        while True:
            self.at = int(advance(self.venue, self.rows, I(self.at), I(until_ns), self.signal))
            if self.signal[0] != ARRIVED:
                return
            taken = int(take(self.venue, next_arrival_ns(self.venue), out))
            self.heard.append(out[:taken].copy())

    def reports(self) -> list[tuple[str, int, int, int]]:
        """Kind, order, and the second and third word of each row heard, without fees."""
        rows = np.concatenate(self.heard)
        kinds = [registry.BY_NUMBER[int(head) & 0xFFFF].name.removeprefix("order.") for head in rows["head"]]
        told = zip(kinds, rows["venue_seq"].tolist(), rows["price"].tolist(), rows["qty"].tolist(), strict=True)
        return [each for each in told if each[0] != "fee"]

    def fills(self, key: int | None = None) -> list[tuple[int, int]]:
        """(price, quantity) of each execution."""
        return [(price, qty) for kind, order, price, qty in self.reports() if kind == "filled" and key in (None, order)]

    def ends(self, key: int) -> str:
        """Kind of the last state report of an order."""
        return [kind for kind, order, _, _ in self.reports() if order == key and kind != "filled"][-1]


def bar(opened_ns: int, over_ns: int, prices: tuple[int, int, int, int], volume: int) -> list[tuple[int, ...]]:
    """The two rows of a closed bar."""
    opened, high, low, close = prices
    first = list(row(registry.BAR.number, layout.FIRST | layout.CLOSED, over_ns, opened, high, close))
    first[3], first[6] = opened_ns, low
    return [tuple(first), row(registry.BAR_VOLUME.number, layout.LAST | layout.CLOSED, over_ns, volume, 0)]


BARS = [
    *bar(1000, 2000, (1000, 1010, 990, 1005), 100),
    *bar(2000, 3000, (1005, 1008, 985, 1000), 10),
    *bar(3000, 4000, (980, 1020, 970, 1010), 50),
]
