"""Private messages that other projects keep as fixtures: where they are, how they are wrapped, and what they state, read plainly.

Read in place: some of them are LGPL. No code is shared with `veloz.venues`.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

EVENTS = (
    "executionReport", "outboundAccountPosition", "outboundAccountInfo", "balanceUpdate", "listStatus", "externalLockUpdate",
    "eventStreamTerminated", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "MARGIN_CALL", "ACCOUNT_CONFIG_UPDATE", "TRADE_LITE",
    "ALGO_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT", "STRATEGY_UPDATE", "GRID_UPDATE", "listenKeyExpired",
)  # fmt: skip
STATING = ("outboundAccountPosition", "outboundAccountInfo", "balanceUpdate", "ACCOUNT_UPDATE", "MARGIN_CALL")
_NAME = re.compile(r'"e"\s*:\s*"(\w+)"')


class Fixture(NamedTuple):
    """One message as it is on the wire, and its event without the envelope."""

    name: str
    venue: str
    frame: bytes
    event: dict[str, Any]


def _texts(path: Path) -> Iterator[str]:
    """The pushed messages in a file: the whole of a .json, each line of a file of lines, what stands behind `= ` in a transcript."""
    text = path.read_text()
    if path.name.startswith(("Subscriptions__", "Socket__", "Endpoints__")):
        yield from (part for part in re.split(r"(?m)^=\d* ?", text)[1:])
    elif path.name == "wsHandleData.json":
        yield from text.splitlines()
    else:
        yield text


def event_of(document: Any) -> Any:
    """A message without its envelope."""
    if isinstance(document, dict) and "e" not in document:
        return document.get("data", document.get("event"))
    return document


def find_fixtures(data: Path) -> list[Fixture]:
    """Every private message anywhere in the recordings of Binance, by its event's name; whatever else mentions one is skipped."""
    found = []
    for path in sorted(data.glob("binance*/**/*")):
        if path.suffix not in (".json", ".txt") or path.stat().st_size > 10**6:
            continue
        for k, text in enumerate(_texts(path)):
            if not set(_NAME.findall(text)) & set(EVENTS):
                continue
            event = event_of(json.loads(text))
            spot = event["e"][0].islower() and event["e"] != "listenKeyExpired"
            coin = not spot and "Coin" in path.name
            venue = "binance_spot" if spot else "binance_coinm" if coin else "binance_usdm"
            found.append(Fixture(f"{path.parent.name}/{path.name}#{k}", venue, text.replace("\n", " ").encode(), event))
    return found


def balances_stated(event: dict[str, Any]) -> dict[str, tuple[Decimal, Decimal]]:
    """Total and locked by asset, as an event states them; what only changed counts from nothing."""
    if event["e"] in ("outboundAccountPosition", "outboundAccountInfo"):
        return {entry["a"]: (Decimal(entry["f"]) + Decimal(entry["l"]), Decimal(entry["l"])) for entry in event["B"]}
    if event["e"] == "balanceUpdate":
        return {event["a"]: (Decimal(event["d"]), Decimal(0))}
    if event["e"] == "ACCOUNT_UPDATE":
        return {entry["a"]: (Decimal(entry["wb"]), Decimal(0)) for entry in event["a"]["B"]}
    return {}


def positions_stated(event: dict[str, Any]) -> dict[tuple[str, str], tuple[Decimal, Decimal, Decimal]]:
    """Quantity, entry price and unrealized profit by symbol and side, as an event states them."""
    if event["e"] != "ACCOUNT_UPDATE":
        return {}
    return {
        (entry["s"], entry["ps"]): (Decimal(entry["pa"]), Decimal(entry["ep"]), Decimal(entry["up"]))
        for entry in event["a"].get("P", [])
    }
