"""Rows out of recorded Binance files, the slow and plain way: json and Decimal, one line at a time. For tests of reducers only."""

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from veloz.contracts import layout
from veloz.contracts.codes import Market
from veloz.contracts.layout import ROW

Message = tuple[int, str | None, dict]  # receive time, symbol if known besides the body, body
_LINE = re.compile(rb"(?:(\S+) (->|<->|<-) )?([0-9.]+)(?:: (.*))?$")
_TIME = {"BINANCE_SPOT": 1}


def stream_messages(path: Path) -> Iterator[Message]:
    """A `stream` file: stamp in ns or µs, blank, JSON."""
    symbol = path.name.split(".")[0].rsplit("_", 1)[0].upper()
    with gzip.open(path, "rb") as file:
        for line in file:
            stamp, _, text = line.partition(b" ")
            body = json.loads(text)
            yield int(stamp) * (1000 if len(stamp) == 16 else 1), None if "stream" in body else symbol, body


def capture_messages(folder: Path) -> list[Message]:
    """A `capture` folder: snapshots and stream messages of all its files, by receive time."""
    found: list[Message] = []
    for path in sorted(folder.iterdir()):
        with gzip.open(path, "rb") as file:
            for line in file:
                match = _LINE.match(line.strip())
                if match is None or match[4] is None or match[2] == b"<-":
                    continue
                symbol = parse_qs(urlsplit((match[1] or b"").decode()).query).get("symbol", [None])[0]
                body = json.loads(match[4])
                if "stream" in body or (symbol and "lastUpdateId" in body):
                    found.append((int(Decimal(match[3].decode()) * 10**9), symbol, body))
    return sorted(found, key=lambda message: message[0])


def _texts(body: dict) -> Iterator[tuple[str, str]]:
    """(price, quantity) texts of a message."""
    for side in ("b", "a", "bids", "asks"):
        if isinstance(body.get(side), list):
            yield from ((price, qty) for price, qty, *_ in body[side])
    if isinstance(body.get("b"), str):
        yield from ((body["b"], body["B"]), (body["a"], body["A"]))
    if "p" in body and "q" in body:
        yield body["p"], body["q"]


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


class Rower:
    """Messages of one market into rows, scales known beforehand from all texts of each symbol."""

    def __init__(self, market: Market, messages: Iterable[Message]) -> None:
        self.market = market
        self.messages = list(messages)
        self.numbers: dict[str, int] = {}
        self.scales: dict[str, tuple[int, int]] = {}
        self.rows: list[tuple[int, ...]] = []
        for _, symbol, body in self.messages:
            data = body.get("data", body)
            name = symbol or data["s"]
            price, qty = self.scales.get(name, (0, 0))
            for price_text, qty_text in _texts(data):
                price = max(price, _decimals(price_text.rstrip("0")))
                qty = max(qty, _decimals(qty_text))
            self.scales[name] = price, qty

    def count(self, name: str, text: str, which: int) -> int:
        return int(Decimal(text).scaleb(self.scales[name][which]))

    def build(self) -> np.ndarray:
        """All rows, each instrument listed before its first one."""
        for recv, symbol, body in self.messages:
            data = body.get("data", body)
            name = symbol or data["s"]
            if name not in self.numbers:
                self.numbers[name] = len(self.numbers) + 1
                price, qty = self.scales[name]
                scales = price | qty << 8 | int(self.market) << 16
                self.rows.append((32, 1, 0, self.numbers[name], recv, 0, scales, 1, 1, 10**8, 1))
            self._message(recv, name, data)
            kind, version, flags, *rest = self.rows[-1]
            self.rows[-1] = (kind, version, flags | layout.STEP_END, *rest)
        return np.array(self.rows, ROW)

    def _message(self, recv: int, name: str, data: dict) -> None:
        number, event = self.numbers[name], data.get("E", 0) * 1_000_000
        head = (1, 0, number, recv, event)
        what = data.get("e", "snapshot" if "lastUpdateId" in data else "bookTicker")
        if what in ("depthUpdate", "snapshot"):
            self._levels(recv, event, name, data, what == "snapshot")
        elif what == "bookTicker":
            price, qty = (lambda text: self.count(name, text, 0)), (lambda text: self.count(name, text, 1))
            self.rows.append((2, *head, data["u"], price(data["b"]), qty(data["B"]), price(data["a"]), qty(data["A"])))
        elif what in ("trade", "aggTrade"):
            flags = layout.ASK * data["m"] | layout.ODD * (data.get("X", "MARKET") != "MARKET")
            price, qty = self.count(name, data["p"], 0), self.count(name, data["q"], 1)
            kind, ident, count = (1, data["t"], 0) if what == "trade" else (5, data["a"], data["l"] - data["f"] + 1)
            self.rows.append((kind, 1, flags, *head[2:], ident, price, qty, data["T"] * 1_000_000, count))
        elif what == "markPriceUpdate":
            words = (int(Decimal(data.get(key) or "0").scaleb(8)) for key in "Ppir")
            self.rows.append((4, *head, *words, data["T"] * 1_000_000))
        else:
            assert what == "kline", what
            for kind, flag in ((6, layout.FIRST), (7, layout.LAST)):
                self.rows.append((kind, 1, flag, *head[2:], 0, 0, 0, 0, 0))

    def _levels(self, recv: int, event: int, name: str, data: dict, snapshot: bool) -> None:
        last = data["lastUpdateId"] if snapshot else data["u"]
        first, prev = (last, 0) if snapshot else (data["U"], data.get("pu", 0))
        sides = ("bids", "asks") if snapshot else ("b", "a")
        levels = [(ask, *pair) for ask, side in enumerate(sides) for pair in data[side]]
        base = layout.SNAPSHOT * snapshot
        if not levels:
            flags = base | layout.EMPTY | layout.FIRST | layout.LAST
            self.rows.append((3, 1, flags, self.numbers[name], recv, event, last, 0, 0, first, prev))
        for k, (ask, price, qty, *_) in enumerate(levels):
            flags = base | ask | layout.FIRST * (k == 0) | layout.LAST * (k == len(levels) - 1)
            words = last, self.count(name, price, 0), self.count(name, qty, 1), first, prev
            self.rows.append((3, 1, flags, self.numbers[name], recv, event, *words))
