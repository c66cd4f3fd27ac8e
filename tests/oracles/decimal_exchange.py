"""An exchange with an account, in plain dicts and fractions: everything but the book is worked out anew whenever it is asked for.

Two or more contracts that settle in one asset, all linear or all inverse, no time on the wires. Positions are "both"
in one-way mode, "long" and "short" in hedge mode. Prices are counted in tenths, quantities in ones.
"""

from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.oracles.naive_venue import NaiveVenue

WAITS = {"stop_market", "stop_limit", "take_profit_market", "take_profit_limit", "trailing_stop"}
SIGN = {"buy": 1, "sell": -1}
OTHER = {"buy": "sell", "sell": "buy"}
CENT, MONEY = 100, 10**8


class Book(NaiveVenue):
    """One instrument."""

    def __init__(self, house: "DecimalExchange", name: int) -> None:
        super().__init__()
        self.house, self.name = house, name
        self.waiting: list[dict[str, Any]] = []
        self.held = {"both": 0, "long": 0, "short": 0}
        self.last, self.mark = 0, Fraction(0)
        self.rate, self.funding_at = Fraction(0), 0
        self.flow = Fraction(0)  # money that executions brought in

    def say(self, at: int, order: dict[str, Any], what: str, price: int = 0, qty: int = 0) -> None:
        self.house.told.append((at, order["key"], what, price, qty))

    def closable(self, order: dict[str, Any]) -> int:
        return max(-SIGN[order["side"]] * self.held[order["position"]], 0)

    def closes(self, order: dict[str, Any]) -> bool:
        """Whether an order may only close."""
        return order["reduce"] or (order["position"], order["side"]) in (("long", "sell"), ("short", "buy"))

    def open_of(self, order: dict[str, Any]) -> int:
        return min(order["leaves"], self.closable(order)) if self.closes(order) else order["leaves"]

    def fill(self, at: int, order: dict[str, Any], price: int, qty: int, maker: bool = True) -> None:
        order["leaves"] -= qty
        self.held[order["position"]] += SIGN[order["side"]] * qty
        value = self.house.worth(Fraction(price), qty)
        self.flow -= self.house.way * SIGN[order["side"]] * value
        self.house.charge(value, qty, maker)
        self.say(at, order, "fill", price, qty)
        if order["leaves"] == 0 and order in self.orders:
            self.orders.remove(order)

    def _reach(self, at: int, ours: str, side: str, price: int) -> None:
        sign = SIGN[side]
        for order in self.open_orders(ours):
            shown = self.levels[side][price] - self.taken[side, price]
            if sign * order["price"] <= sign * price and shown > 0:
                qty = min(shown, self.open_of(order))
                self.taken[side, price] += qty
                if qty:
                    self.fill(at, order, order["price"], qty)

    def trade(self, at: int, taker: str, price: int, qty: int) -> None:
        ours, sign = OTHER[taker], SIGN[taker]
        here, printed = 0, price
        for order in self.open_orders(ours):
            if sign * order["price"] < sign * price and qty > 0:
                got = min(qty, self.open_of(order))
                qty -= got
                if got:
                    self.fill(at, order, order["price"], got)
            elif order["price"] == price:
                order["front"] -= qty
                ready = max(-order["front"], 0)
                order["front"] = max(order["front"], 0)
                got = min(min(ready, qty) - here, self.open_of(order))
                if got > 0:
                    here += got
                    self.fill(at, order, price, got)
        self.last = printed
        self.look("last", Fraction(printed))

    # --- prices that are waited for

    def look(self, by: str, price: Fraction) -> None:
        for order in self.waiting:
            if order["by"] == by and not order["fired"] and self.reached(order, price):
                order["fired"] = True

    def price_by(self, by: str) -> Fraction:
        return Fraction(self.last) if by == "last" else self.mark

    def reached(self, order: dict[str, Any], price: Fraction) -> bool:
        if price <= 0:
            return False
        rises = (order["side"] == "buy") == order["kind"].startswith(("stop", "trailing"))
        if order["kind"] != "trailing_stop":
            return price >= order["trigger"] if rises else price <= order["trigger"]
        active, far = order["activation"], order["seen"]
        if not far and active and (price > active if rises else price < active):
            return False
        order["seen"] = [*far, price]
        if rises:
            return price >= min(order["seen"]) * (1 + order["callback"])
        return price <= max(order["seen"]) * (1 - order["callback"])

    # --- orders

    def request(self, at: int, ask: dict[str, Any]) -> None:
        known = next((order for order in self.orders + self.waiting if order["key"] == ask["key"]), None)
        if ask["action"] == "place":
            self._place(at, ask)
        elif known is None or (ask["action"] == "amend" and known in self.waiting):
            self.say(at, ask, "refused")
        elif ask["action"] == "cancel":
            self._remove(known)
            self.say(at, known, "canceled")
        else:
            self._amend(at, known, ask)

    def _remove(self, order: dict[str, Any]) -> None:
        (self.waiting if order in self.waiting else self.orders).remove(order)

    def _place(self, at: int, ask: dict[str, Any]) -> None:
        order = {**ask, "leaves": ask["qty"], "fired": False, "seen": [], "was_waiting": ask["kind"] in WAITS}
        if order["tif"] == "GTD" and order["expire"] <= at:
            self.say(at, order, "rejected")
        elif ask["kind"] in WAITS:
            if self.reached(order, self.price_by(order["by"])):
                self.say(at, order, "rejected")
            else:
                self.waiting.append(order)
        elif self.closes(order) and not self.closable(order):
            self.say(at, order, "rejected")
        else:
            order["qty"] = order["leaves"] = self.open_of(order)
            self._enter(at, order)

    def _amend(self, at: int, known: dict[str, Any], ask: dict[str, Any]) -> None:
        leaves = ask["qty"] - (known["qty"] - known["leaves"])
        if leaves <= 0:
            self.orders.remove(known)
            self.say(at, known, "canceled")
            return
        if self.closes(known):
            leaves = min(leaves, self.closable(known))
            if not leaves:
                self.orders.remove(known)
                self.say(at, known, "expired")
                return
        stays = ask["price"] == known["price"] and leaves <= known["leaves"]
        done = known["qty"] - known["leaves"]
        known.update(qty=done + leaves, leaves=leaves, price=ask["price"])
        if not stays:
            self.orders.remove(known)
            self._enter(at, known)

    def _crossed(self, order: dict[str, Any]) -> tuple[list[int], list[dict[str, Any]]]:
        """Prices of the book that an order may take, and orders of ours that it meets, best first."""
        other, sign = OTHER[order["side"]], SIGN[order["side"]]
        best, mine = self.best[other], self.open_orders(other)
        tops = [sign * each for each in ([best] if best is not None else []) + [each["price"] for each in mine]]
        if not tops:
            return [], []
        top, limit = min(tops), sign * order["price"]
        if order["kind"] == "market":
            limit = top + abs(top) * 50_000 // 1_000_000
        inside = [
            p for p, q in self.levels[other].items() if q and best is not None and sign * best <= sign * p <= limit
        ]
        return sorted(inside, key=lambda p: sign * p), [each for each in mine if sign * each["price"] <= limit]

    def _enough(self, order: dict[str, Any], prices: list[int], mine: list[dict[str, Any]]) -> bool:
        other, sign = OTHER[order["side"]], SIGN[order["side"]]
        if mine and order["stp"] in ("expire_taker", "expire_both"):
            prices = [p for p in prices if sign * p <= sign * mine[0]["price"]]
        there = sum(max(self.levels[other][p] - self.taken.get((other, p), 0), 0) for p in prices)
        if order["stp"] == "none":
            there += sum(each["leaves"] for each in mine)
        return bool(there >= order["leaves"])

    def _enter(self, at: int, order: dict[str, Any]) -> None:
        prices, mine = self._crossed(order)
        best = self.best[OTHER[order["side"]]]
        sign = SIGN[order["side"]]
        is_market = order["kind"] == "market"
        takes = bool(mine) or (best is not None and (is_market or sign * best <= sign * order["price"]))
        if takes and order["tif"] == "GTX" and not is_market:
            self.say(at, order, "expired")
            return
        if is_market and not takes:
            self.say(at, order, "expired" if order["was_waiting"] else "rejected")
            return
        tif = "IOC" if is_market else order["tif"]
        if (
            takes
            and not (tif == "FOK" and not self._enough(order, prices, mine))
            and self._take(at, order, prices, mine)
        ) or (order["leaves"] and tif in ("IOC", "FOK")):
            self.say(at, order, "expired")
        elif order["leaves"]:
            order["front"] = self.levels[order["side"]].get(order["price"], 0)
            self.house.places += 1
            order["place"] = self.house.places
            self.orders.append(order)

    def _take(self, at: int, order: dict[str, Any], prices: list[int], mine: list[dict[str, Any]]) -> bool:
        """Whether self-trade prevention ended it."""
        other, sign = OTHER[order["side"]], SIGN[order["side"]]
        for price in sorted({*prices, *(each["price"] for each in mine)}, key=lambda p: sign * p):
            shown = self.levels[other][price] - self.taken.get((other, price), 0) if price in prices else 0
            qty = min(shown, order["leaves"])
            if qty > 0:
                self.taken[other, price] = self.taken.get((other, price), 0) + qty
                self.fill(at, order, price, qty, maker=False)
            for resting in [each for each in mine if each["price"] == price]:
                if order["leaves"] and self._meet(at, order, resting):
                    return True
        return False

    def _meet(self, at: int, order: dict[str, Any], resting: dict[str, Any]) -> bool:
        both, mode = min(order["leaves"], resting["leaves"]), order["stp"]
        if mode == "none":
            self.fill(at, order, resting["price"], both, maker=False)
            self.fill(at, resting, resting["price"], both)
            return False
        if mode in ("expire_maker", "expire_both"):
            self.orders.remove(resting)
            self.say(at, resting, "expired")
        if mode in ("expire_taker", "expire_both"):
            return True
        if mode in ("decrement", "transfer"):
            for each in (order, resting):
                each["leaves"] -= both
                each["qty"] -= both
            if not resting["leaves"]:
                self.orders.remove(resting)
                self.say(at, resting, "expired")
            return not order["leaves"]
        return False

    # --- by itself

    def expire(self, at: int) -> None:
        for order in self.orders + self.waiting:
            if order["tif"] == "GTD" and order["expire"] <= at:
                self._remove(order)
                self.say(at, order, "expired")

    def fire(self, at: int) -> None:
        for order in [each for each in self.waiting if each["fired"]]:
            self.waiting.remove(order)
            order["kind"] = "limit" if order["kind"].endswith("limit") else "market"
            if self.closes(order) and not self.closable(order):
                self.say(at, order, "expired")
                continue
            left = self.open_of(order)
            order["qty"] -= order["leaves"] - left
            order["leaves"] = left
            self._enter(at, order)

    def trim(self, at: int) -> None:
        for order in self.open_orders("buy") + self.open_orders("sell"):
            if self.closes(order):
                left = self.open_of(order)
                order["qty"] -= order["leaves"] - left
                order["leaves"] = left
                if not left:
                    self.orders.remove(order)
                    self.say(at, order, "expired")


class DecimalExchange:
    """All of it. `tiers`: (volume, maker, taker), rates in millionths. `brackets`: by instrument (floor, rate, cum), ascending."""

    def __init__(
        self,
        names: list[int],
        wallet: Fraction,
        tiers: list[tuple[int, int, int]],
        brackets: dict[int, list[Any]],
        size: int = 0,
    ) -> None:
        self.books = {name: Book(self, name) for name in names}
        self.told: list[tuple[int, int, str, int, int]] = []
        self.wallet, self.tiers, self.brackets = wallet, tiers, brackets
        self.volume, self.places, self.forced = Fraction(0), 0, 0
        self.fees: list[tuple[str, int]] = []
        self.funding: list[int] = []
        self.third: int | None = None  # the instrument whose last price the fee asset has
        self.margin = False
        self.insured = Fraction(0)
        self.size = size  # of an inverse contract, in the quote; 0: contracts are linear
        self.way = -1 if size else 1  # who is long in an inverse contract owes coin, the less the higher the price

    def worth(self, price: Fraction, qty: int) -> Fraction:
        """What contracts are worth in the asset that they settle in."""
        return self.size * qty / (price / 10) if self.size else price / 10 * qty

    def charge(self, value: Fraction, qty: int, maker: bool) -> None:
        rates = [tier for tier in self.tiers if tier[0] <= self.volume][-1]
        self.volume += Fraction(floor((self.size * qty if self.size else value) * CENT), CENT)
        due = value * Fraction(rates[1] if maker else rates[2], 10**6)
        third = self.books[self.third].last if self.third is not None else 0
        self.fees.append(("third", ceil(due / Fraction(third, 10) * MONEY)) if third else ("money", ceil(due * MONEY)))

    def equity(self) -> Fraction:
        paid = sum(amount for asset, amount in self.fees if asset == "money")
        moved = sum((book.flow for book in self.books.values()), Fraction(0))
        moved += sum((self.way * self.holding(*each) for each in self.positions()), Fraction(0))
        return self.wallet + moved + self.insured + Fraction(sum(self.funding) - paid, MONEY)

    def positions(self) -> list[tuple[Book, str]]:
        """What is open."""
        return [(book, side) for book in self.books.values() for side, qty in book.held.items() if qty]

    def holding(self, book: Book, side: str) -> Fraction:
        return self.worth(book.mark, book.held[side]) if book.mark else Fraction(0)

    def maintenance(self, book: Book, side: str) -> Fraction:
        notional = abs(self.holding(book, side))
        found = [each for each in self.brackets[book.name] if each[0] <= notional][-1]
        return max(notional * found[1] - found[2], Fraction(0))

    def check(self, at: int) -> None:
        """Liquidate what is not borne."""
        if not self.margin or not self.fails():
            return
        for book in self.books.values():
            for order in book.orders + book.waiting:
                book.say(at, order, "canceled")
            book.orders, book.waiting = [], []
        while self.fails():
            # Of equal ones the first, and they stand in order.
            worst, position = min(self.positions(), key=lambda each: -self.maintenance(*each))
            self.forced += 1
            held = worst.held[position]
            side = "sell" if held > 0 else "buy"
            order = {
                "key": -1, "side": side, "leaves": abs(held), "kind": "market", "price": 0, "stp": "none", "position": position,
            }  # fmt: skip
            if worst.best[OTHER[side]] is not None:
                worst._take(at, order, worst._crossed(order)[0], [])
            if order["leaves"]:
                worst.fill(at, order, floor(worst.mark), order["leaves"], maker=False)
        if self.equity() < 0 and not self.positions():
            self.insured -= self.equity()

    def fails(self) -> bool:
        held = self.positions()
        return bool(held) and self.equity() <= sum(self.maintenance(*each) for each in held)

    def own(self, at: int) -> None:
        """What is due by itself at a moment."""
        books = list(self.books.values())
        for book in books:
            if 0 < book.funding_at <= at:
                book.funding_at = 0
                for side, held in book.held.items():
                    if held and book.rate and book.mark:
                        self.funding.append(floor(-self.holding(book, side) * book.rate * MONEY))
        for book in books:
            book.expire(at)
        for book in books:
            book.fire(at)
        for book in books:
            book.trim(at)
        self.check(at)
        for book in books:
            book.trim(at)

    def pass_time(self, before: int) -> None:
        """Everything that is due before a moment."""
        while True:
            times = [book.funding_at for book in self.books.values() if book.funding_at]
            times += [
                each["expire"]
                for book in self.books.values()
                for each in book.orders + book.waiting
                if each["tif"] == "GTD"
            ]
            due = min(times, default=before)
            if due >= before:
                return
            self.own(due)

    def see_mark(self, at: int, name: int, mark: Fraction, rate: Fraction, funding_at: int) -> None:
        book = self.books[name]
        book.mark = mark
        if funding_at > at and (book.funding_at == 0 or at < book.funding_at):
            book.rate, book.funding_at = rate, funding_at
        book.look("mark", mark)
