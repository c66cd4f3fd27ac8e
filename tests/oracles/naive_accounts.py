"""Accounts as a careful clerk would keep them: every report written down, every number worked out anew from all that is written.

A balance is not a running total here but the list of its entries: statements, and movements with the venue's time at which they
happened. What the total is follows from the last statement that counts and the movements that it cannot have known.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

MONEY_MAX = 2**62 - 1
SPOT, LINEAR, INVERSE = 1, 2, 3


@dataclass
class Statement:
    """The venue's word on a balance."""

    total: int
    locked: int
    time: int


@dataclass
class Movement:
    """What was reported between statements. `fees`: amount is below 0 where it was paid."""

    what: str  # traded | fees | funding | changed
    amount: int
    time: int


@dataclass
class Book:
    """One balance: what came, in the order in which it came; and what is held for orders by name."""

    entries: list[Statement | Movement] = field(default_factory=list)
    holds: dict[str, int] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    margin: int = 0
    unrealized: int = 0

    def stated_at(self, upto: int) -> int:
        """The greatest time that a statement among the first entries had."""
        return max((entry.time for entry in self.entries[:upto] if isinstance(entry, Statement)), default=0)

    def unknown_to(self, begin: int, end: int) -> int:
        """Sum of the movements among some entries that happened after all statements that had come before them."""
        return sum(
            entry.amount
            for at, entry in enumerate(self.entries[begin:end], begin)
            if isinstance(entry, Movement) and not 0 < entry.time <= self.stated_at(at)
        )

    def total(self) -> int:
        """What the last statement says, and what happened after it."""
        places = [at for at, entry in enumerate(self.entries) if isinstance(entry, Statement)]
        if not places:
            return self.unknown_to(0, len(self.entries))
        last = self.entries[places[-1]]
        assert isinstance(last, Statement)
        return last.total + self.unknown_to(places[-1] + 1, len(self.entries))

    def opened(self) -> int:
        """What the first statement says, less all that had been reported by then, and all reported since that had happened by then."""
        places = [at for at, entry in enumerate(self.entries) if isinstance(entry, Statement)]
        if not places:
            return 0
        first = self.entries[places[0]]
        assert isinstance(first, Statement)
        known = [
            entry.amount
            for at, entry in enumerate(self.entries)
            if isinstance(entry, Movement) and (at < places[0] or 0 < entry.time <= first.time)
        ]
        return first.total - sum(known)

    def sum_of(self, what: str) -> int:
        """All of one kind that was ever reported. Fees: paid above 0."""
        total = sum(entry.amount for entry in self.entries if isinstance(entry, Movement) and entry.what == what)
        return -total if what == "fees" else total

    def held(self) -> int:
        """All holds."""
        return sum(self.holds.values())

    def locked(self) -> int:
        """As last stated."""
        taken = [entry.locked for entry in self.entries if isinstance(entry, Statement)]
        return taken[-1] if taken else 0

    def available(self) -> int:
        """Every order of ours once, everybody else's once, margin and losses besides."""
        ours = sum(amount for name, amount in self.holds.items() if name in self.confirmed)
        foreign = max(0, self.locked() - ours)
        return self.total() - self.held() - foreign - self.margin - max(0, -self.unrealized)

    def drift(self) -> int:
        """What is there beyond what was there at first and all that was reported."""
        reported = sum(entry.amount for entry in self.entries if isinstance(entry, Movement))
        return self.total() - self.opened() - reported


class Clerk:
    """All accounts."""

    def __init__(self) -> None:
        self.accounts: dict[int, dict[str, int]] = {}
        self.scales: dict[int, int] = {}
        self.rates: dict[int, tuple[int, int]] = {}
        self.books: defaultdict[tuple[int, int], Book] = defaultdict(Book)
        self.counts: Counter[str] = Counter()
        self.stated: dict[tuple[int, int, int], tuple[int, int, int, int]] = {}  # qty, entry, unrealized, time
        self.funded: dict[tuple[int, int, int], int] = {}  # of every position that was ever named
        self.strange: Counter[tuple[int, int, int]] = (
            Counter()
        )  # fundings in an asset that the position is not settled in
        self.pays: dict[int, int] = {}  # the asset in which an instrument gains and loses
        self.leverages: dict[tuple[int, int], tuple[int, int, int]] = {}
        self.fees: dict[tuple[int, int], tuple[int, int]] = {}
        self.tiers: defaultdict[int, list[tuple[int, int, int, int]]] = defaultdict(list)

    def _refuse(self, why: str) -> None:
        self.counts[why] += 1

    def book_of(self, account: int, asset: int) -> Book | None:
        """The balance; None where account or asset is not known."""
        known = account in self.accounts and asset in self.scales
        return self.books[account, asset] if known else None

    def opened(self, account: int, market: int, hedge: int, lots: int, reporting: int) -> None:
        sound = 1 <= account <= 255 and market in (1, 2, 3) and hedge in (0, 1) and lots in (0, 1)
        before = self.accounts.get(account)
        moved = before is not None and (before["market"], before["lots"]) != (market, lots)
        if not sound or moved or (reporting and reporting not in self.scales):
            return self._refuse("unplaced")
        self.accounts.setdefault(account, {}).update(market=market, hedge=hedge, lots=lots)
        return None

    def asset(self, asset: int, scale: int) -> None:
        sound = 1 <= asset <= 1023 and 0 <= scale <= 18
        if not sound or self.scales.get(asset, scale) != scale:
            return self._refuse("unplaced")
        self.scales[asset] = scale
        return None

    def rate(self, asset: int, num: int, den: int) -> None:
        if asset not in self.scales or num < 0 or den < 0:
            return self._refuse("unplaced")
        self.rates[asset] = (num, den)
        return None

    def balance(self, account: int, total: int, asset: int, time: int, locked: int) -> None:
        book = self.book_of(account, asset)
        if book is None:
            return self._refuse("unplaced")
        if abs(total) > MONEY_MAX or not 0 <= locked <= MONEY_MAX or time < 0:
            return self._refuse("overflows")
        if 0 < time < book.stated_at(len(book.entries)):
            return self._refuse("stale")
        jump = total - book.total()
        book.entries.append(Statement(total, locked, time))
        if max(abs(jump), abs(book.opened()), abs(book.drift())) > MONEY_MAX:
            book.entries.pop()
            return self._refuse("overflows")
        return None

    def movement(self, what: str, account: int, amount: int, asset: int, time: int) -> bool:
        """A trade, fee, funding or change; whether it was taken."""
        book = self.book_of(account, asset)
        if book is None:
            self._refuse("unplaced")
            return False
        if abs(amount) > MONEY_MAX or self._leaves(book, amount):
            self._refuse("overflows")
            return False
        book.entries.append(Movement(what, amount, time))
        return True

    @staticmethod
    def _leaves(book: Book, amount: int) -> bool:
        """Whether any number of the balance might leave its bounds by so much."""
        sums = [abs(book.sum_of(what)) for what in ("traded", "fees", "funding", "changed")]
        return max([*sums, abs(book.total()), abs(book.opened()), abs(book.drift())]) + abs(amount) > MONEY_MAX

    def position(self, account: int, side: int, instrument: int, qty: int, entry: int, time: int, gain: int) -> None:
        if account not in self.accounts or instrument == 0 or side > 2:
            return self._refuse("unplaced")
        key = account, instrument, side
        newest = self.stated[key][3] if key in self.stated else 0
        if 0 < time < newest:
            return self._refuse("stale")
        self.stated[key] = (qty, entry, gain, max(newest, time))
        self.funded.setdefault(key, 0)
        return None

    def funding(self, account: int, side: int, instrument: int, amount: int, asset: int, time: int) -> None:
        key = account, instrument, side
        if self.movement("funding", account, amount, asset, time) and key in self.funded:
            if asset != self.pays[instrument]:
                self.strange[key] += 1
                return None
            if abs(self.funded[key] + amount) > MONEY_MAX:
                return self._refuse("overflows")
            self.funded[key] += amount
        return None

    def leverage(self, account: int, instrument: int, leverage: int, isolated: int, time: int) -> None:
        before = self.leverages.get((account, instrument), (0, 0, 0))
        if not 1 <= leverage < 2**31 or isolated not in (0, 1, 2) or account not in self.accounts or instrument == 0:
            return self._refuse("unplaced")
        self.funded.setdefault((account, instrument, 0), 0)
        if 0 < time < before[2]:
            return self._refuse("stale")
        kept = before[1] if isolated == 2 else isolated
        self.leverages[account, instrument] = (leverage, kept, max(before[2], time))
        return None

    def fee_rates(self, account: int, instrument: int, maker: int, taker: int) -> None:
        if account not in self.accounts or max(abs(maker), abs(taker)) > 10**6:
            return self._refuse("unplaced")
        self.fees[account, instrument] = (maker, taker)
        if instrument:
            self.funded.setdefault((account, instrument, 0), 0)
        return None

    def bracket(self, instrument: int, tier: int, floor: int, rate: int, cum: int, leverage: int) -> None:
        tiers = self.tiers[instrument]
        sound = 0 <= floor <= MONEY_MAX and 0 <= rate <= 10**6 and 0 <= cum <= MONEY_MAX and 1 <= leverage < 2**31
        first = tier == 0 and floor == 0
        follows = 0 < tier == len(tiers) and tier < 32 and tiers[-1][0] < floor
        if instrument == 0 or not sound or not (first or follows):
            return self._refuse("unplaced")
        if first:
            tiers.clear()
        tiers.append((floor, rate, cum, leverage))
        return None


@dataclass
class Contract:
    """What an order's cost depends on, as people write it: exact fractions."""

    product: int
    price_scale: int
    qty_scale: int
    multiplier: Fraction
    money_scale: int  # of the asset that is held
    leverage: int = 1


def cost_of(contract: Contract, sell: bool, price: int, qty: int) -> int:
    """Money to hold for `qty` of an order at a price, in units of the asset's scale, rounded up. A value in coin is first cut at
    18 decimals, as trades are booked.
    """
    amount = Fraction(qty, 10**contract.qty_scale)
    if contract.product == SPOT and sell:
        return ceil(amount * 10**contract.money_scale)
    at = Fraction(price, 10**contract.price_scale)
    if contract.product == INVERSE:
        value = Fraction(int(amount * contract.multiplier / at * 10**18), 10**18)
    else:
        value = amount * at * contract.multiplier
    return ceil(ceil(value * 10**contract.money_scale) / Fraction(contract.leverage))


def growing_part(position: int, sell: bool, others: list[int], qty: int) -> int:
    """What of `qty` adds to a one-way position when the others of the same side trade before it, lot by lot."""
    closable = max(0, position if sell else -position)
    for rest in others:
        closable = max(0, closable - rest)
    return max(0, qty - closable)
