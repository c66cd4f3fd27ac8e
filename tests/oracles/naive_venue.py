"""The exchange with a queue, risk averse, partial fills, nothing of a peer: dicts and lists, one event after the other.

Levels: price → quantity a side; `taken` beside it. Orders: dicts. What happens is said as (time, order, what, price, quantity).
"""

from typing import Any

Said = tuple[int, int, str, int, int]


class NaiveVenue:
    """One market; ticks are prices, lots are 1."""

    def __init__(self) -> None:
        self.levels: dict[str, dict[int, int]] = {"buy": {}, "sell": {}}
        self.taken: dict[tuple[str, int], int] = {}
        self.best: dict[str, int | None] = {"buy": None, "sell": None}
        self.orders: list[dict[str, Any]] = []
        self.said: list[Said] = []

    def open_orders(self, side: str) -> list[dict[str, Any]]:
        """Of one side: by price, then as they came."""
        mine = [order for order in self.orders if order["side"] == side]
        return sorted(mine, key=lambda order: (-order["price"] if side == "buy" else order["price"], order["place"]))

    def fill(self, at: int, order: dict[str, Any], price: int, qty: int) -> None:
        """Execute."""
        order["leaves"] -= qty
        self.said.append((at, order["key"], "fill", price, qty))
        if order["leaves"] == 0 and order in self.orders:
            self.orders.remove(order)

    def level(self, at: int, side: str, price: int, qty: int) -> None:
        """A level is set."""
        other, sign = ("sell", 1) if side == "buy" else ("buy", -1)
        before_best = self.best[side]
        self.levels[side][price] = qty
        left = min(self.taken.get((side, price), 0), qty)
        self.taken[side, price] = left
        if qty and (before_best is None or sign * price > sign * before_best):
            self.best[side] = price
            opposite = self.best[other]
            if opposite is not None and sign * price >= sign * opposite:
                beyond = [p for p, q in self.levels[other].items() if q and sign * p > sign * price]
                self.best[other] = sign * min(sign * p for p in beyond) if beyond else None
        elif not qty and price == before_best:
            below = [p for p, q in self.levels[side].items() if q and sign * p < sign * price]
            self.best[side] = sign * max(sign * p for p in below) if below else None
        for order in self.orders:
            if order["side"] == side and order["price"] == price:
                order["front"] = min(order["front"], qty)
        if qty:
            self._reach(at, other, side, price)

    def _reach(self, at: int, ours: str, side: str, price: int) -> None:
        """A level of `side` at our price or beyond."""
        sign = 1 if side == "buy" else -1
        for order in self.open_orders(ours):
            shown = self.levels[side][price] - self.taken[side, price]
            if sign * order["price"] <= sign * price and shown > 0:
                qty = min(shown, order["leaves"])
                self.taken[side, price] += qty
                self.fill(at, order, order["price"], qty)

    def trade(self, at: int, taker: str, price: int, qty: int) -> None:
        """A print."""
        ours, sign = ("sell", 1) if taker == "buy" else ("buy", -1)
        here = 0
        for order in self.open_orders(ours):
            if sign * order["price"] < sign * price and qty > 0:
                got = min(qty, order["leaves"])
                qty -= got
                self.fill(at, order, order["price"], got)
            elif order["price"] == price:
                order["front"] -= qty
                ready = max(-order["front"], 0)
                order["front"] = max(order["front"], 0)
                got = min(min(ready, qty) - here, order["leaves"])
                if got > 0:
                    here += got
                    self.fill(at, order, price, got)

    def _enter(self, at: int, order: dict[str, Any]) -> None:
        side, other = order["side"], "sell" if order["side"] == "buy" else "buy"
        sign = 1 if side == "buy" else -1
        best = self.best[other]
        takes = best is not None and sign * best <= sign * order["price"]
        if takes and order["tif"] == "GTX":
            self.said.append((at, order["key"], "expired", 0, 0))
            return
        if takes:
            assert best is not None
            inside = [p for p in self.levels[other] if sign * best <= sign * p <= sign * order["price"]]
            shown = {p: self.levels[other][p] - self.taken.get((other, p), 0) for p in inside}
            enough = sum(max(q, 0) for q in shown.values()) >= order["leaves"]
            for price in sorted(shown, key=lambda p: sign * p):
                qty = min(shown[price], order["leaves"])
                if qty > 0 and (order["tif"] != "FOK" or enough):
                    self.taken[other, price] += qty
                    self.fill(at, order, price, qty)
        if order["leaves"] and order["tif"] in ("IOC", "FOK"):
            self.said.append((at, order["key"], "expired", 0, 0))
        elif order["leaves"]:
            order["front"] = self.levels[side].get(order["price"], 0)
            order["place"] = len(self.said) + at * 1000
            self.orders.append(order)

    def request(self, at: int, ask: dict[str, Any]) -> None:
        """A request arrives: action place, cancel or amend."""
        known = next((order for order in self.orders if order["key"] == ask["key"]), None)
        if ask["action"] == "place":
            self._enter(at, {**ask, "leaves": ask["qty"]})
        elif known is None:
            self.said.append((at, ask["key"], "refused", 0, 0))
        elif ask["action"] == "cancel":
            self.orders.remove(known)
            self.said.append((at, ask["key"], "canceled", 0, 0))
        else:
            leaves = ask["qty"] - (known["qty"] - known["leaves"])
            stays = ask["price"] == known["price"] and leaves <= known["leaves"]
            if leaves > 0 and not stays:
                self.orders.remove(known)
            if leaves <= 0:
                self.orders.remove(known)
                self.said.append((at, ask["key"], "canceled", 0, 0))
                return
            known.update(qty=ask["qty"], leaves=leaves, price=ask["price"])
            if not stays:
                self._enter(at, known)
