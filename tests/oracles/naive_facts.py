"""What a recording of a Binance market says, worked out the obvious way: JSON, dicts and the venue's written rule.

Shares no code with `veloz`. Books hold decimal texts without trailing zeros. Also a program, which prints the facts:

    python tests/oracles/naive_facts.py binance_usdm FILE_OR_FOLDER...

Source: the venue's "How to manage a local order book correctly", one page each for spot and for futures.
"""

import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

STAMP_UNITS_NS = {19: 1, 16: 1_000, 13: 1_000_000}  # digits of an integer stamp -> nanoseconds
CAPTURE_LINE = re.compile(r"(?:(?P<url>\S+) (?P<arrow><->|->|<-) )?(?P<stamp>\d+(?:\.\d+)?)(?:: (?P<body>.*))?$", re.S)
STREAM_LINE = re.compile(r"(?P<stamp>\d{13,19}) (?P<body>.*)$", re.S)


class Book:
    """One symbol's book by the venue's own procedure: buffer diffs, take a snapshot, apply what continues it."""

    def __init__(self, futures: bool) -> None:
        self.futures = futures
        self.buffer: list[dict[str, Any]] = []
        self.sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self.update_id: int | None = None  # of the last applied message; None while out of step
        self.bridged = False
        self.greatest_u = -1
        self.gaps = 0

    def snapshot(self, body: dict[str, Any]) -> None:
        """Replace the book, then apply every buffered diff that is newer."""
        self.sides = ({}, {})
        self.put(0, body["bids"])
        self.put(1, body["asks"])
        self.update_id, self.bridged = body["lastUpdateId"], False
        waiting, self.buffer = self.buffer, []
        for diff in waiting:
            self.apply(diff)

    def diff(self, diff: dict[str, Any]) -> None:
        """Count a break of the chain, then apply or buffer."""
        if diff["u"] > self.greatest_u:
            if self.greatest_u >= 0 and not self.follows(diff, self.greatest_u):
                self.gaps += 1
            self.greatest_u = diff["u"]
        self.apply(diff)

    def follows(self, diff: dict[str, Any], last: int) -> bool:
        return bool(diff["pu"] == last if self.futures else diff["U"] == last + 1)

    def apply(self, diff: dict[str, Any]) -> None:
        if self.update_id is None:
            self.buffer.append(diff)
            return
        last = self.update_id
        if not self.bridged:
            if diff["u"] < last or (diff["u"] == last and not self.futures):
                return  # older than the snapshot
            fits = diff["U"] <= last if self.futures else diff["U"] <= last + 1
        else:
            if diff["u"] <= last:
                return
            fits = self.follows(diff, last)
        if not fits:
            self.update_id, self.buffer = None, [diff]
            return
        self.bridged, self.update_id = True, diff["u"]
        self.put(0, diff["b"])
        self.put(1, diff["a"])

    def put(self, side: int, levels: list[list[str]]) -> None:
        for price, qty in levels:
            if qty.strip("0."):
                self.sides[side][plain(price)] = plain(qty)
            else:
                self.sides[side].pop(plain(price), None)

    def top(self, depth: int) -> dict[str, Any]:
        """The best levels of each side, best first, and the update id they stand at."""
        if self.update_id is None:
            return {"synced": False, "update_id": None, "bids": [], "asks": []}
        bids = sorted(self.sides[0].items(), key=lambda level: -Decimal(level[0]))[:depth]
        asks = sorted(self.sides[1].items(), key=lambda level: Decimal(level[0]))[:depth]
        return {"synced": True, "update_id": self.update_id, "bids": [*map(list, bids)], "asks": [*map(list, asks)]}


def plain(text: str) -> str:
    """A decimal text without the zeros that say nothing."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def facts(paths: list[Path], venue: str) -> dict[str, Any]:
    """Frames, messages, market rows, gaps, first and last stamp, and the top 20 of every book at the end.

    Args:
        paths: Recordings of one venue, files or folders; merged by receive stamp.
        venue: `binance_spot`, `binance_usdm` or `binance_coinm`.
    """
    books: dict[str, Book] = {}
    messages: Counter[str] = Counter()
    frames = rows = 0
    stamps: list[int] = []
    for stamp_ns, url, body in merged(paths):
        frames += 1
        name, message, symbol = classify(url, body)
        if name != "exchangeInfo":
            stamps.append(stamp_ns)
        if message is None:
            continue
        messages[name] += 1
        rows += row_count(name, message)
        book = books.setdefault(symbol or next(iter(books)), Book(futures=venue != "binance_spot"))
        if name == "rest_depth_snapshot":
            book.snapshot(message)
        elif name == "depthUpdate":
            book.diff(message)
    return {
        "frames": frames,
        "market_rows": rows,
        "messages": dict(sorted(messages.items())),
        "gaps": sum(book.gaps for book in books.values()),
        "first_ts_ns": min(stamps),
        "last_ts_ns": max(stamps),
        "books": {symbol: book.top(20) for symbol, book in sorted(books.items())},
    }


def classify(url: str | None, body: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None, str | None]:
    """The message's name, the message itself, and its symbol (None: the only symbol of its file)."""
    if body is None:
        return "connection", None, None
    if url is not None and "exchangeInfo" in url:
        return "exchangeInfo", None, None
    if "lastUpdateId" in body:
        named = parse_qs(urlsplit(url).query).get("symbol") if url else None
        return "rest_depth_snapshot", body, named[0] if named else body.get("symbol")
    message = body.get("data", body)
    return message.get("e", "bookTicker"), message, message["s"]


def row_count(name: str, message: dict[str, Any]) -> int:
    """One row a level, a trade, a quote; two a kline; one for a diff without levels."""
    if name == "rest_depth_snapshot":
        return len(message["bids"]) + len(message["asks"])
    if name == "depthUpdate":
        return max(1, len(message["b"]) + len(message["a"]))
    return 2 if name == "kline" else 1


def merged(paths: list[Path]) -> list[tuple[int, str | None, dict[str, Any] | None]]:
    """Every stamped line of the recordings as (stamp, url, parsed body), in the order of receipt."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    lines = [entry for file in files for entry in parsed(file)]
    lines.sort(key=lambda entry: entry[0])  # stable: ties stay in the order given
    return lines


def parsed(file: Path) -> Iterator[tuple[int, str | None, dict[str, Any] | None]]:
    for line in whole_lines(file):
        found = STREAM_LINE.match(line) or CAPTURE_LINE.match(line)
        if found is None:
            continue
        parts = found.groupdict()
        body = json.loads(parts["body"]) if parts["body"] and parts.get("arrow") != "<-" else None
        yield stamp_ns(parts["stamp"]), parts.get("url"), body


def whole_lines(file: Path) -> Iterator[str]:
    data = file.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return (line for line in data.decode().split("\n") if line.strip())


def stamp_ns(text: str) -> int:
    return int(Decimal(text) * 1_000_000_000) if "." in text else int(text) * STAMP_UNITS_NS[len(text)]


def main() -> None:
    """Print the facts of the recordings named on the command line."""
    venue, *names = sys.argv[1:]
    json.dump(facts([Path(name) for name in names], venue), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
