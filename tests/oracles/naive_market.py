"""The plain twin of veloz/reducers: dictionaries, lists, whole numbers without bounds, one row at a time, nothing clever.

It is written from the rules (reference, docstrings), shares no code with the reducers but limits and names of states, and keeps
every trade and every latency instead of sums of them.
"""

from dataclasses import dataclass, field

import numpy as np

from veloz.contracts import layout
from veloz.reducers import limits

SECOND = 1_000_000_000
INTERVALS = [n * SECOND for n in (1, 60, 300, 900, 1800, 3600, 14_400, 86_400)]
FUTURES = (2, 3)


@dataclass
class Message:
    """One depth message while it is held: its ids and its level rows (ask, price, qty); an empty one counts as one row."""

    first: int
    last: int
    prev: int
    levels: list[tuple[int, int, int]] = field(default_factory=list)
    rows: int = 0


@dataclass
class Market:
    """Everything kept of one instrument."""

    futures: bool
    state: str = "EMPTY"
    book: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    last_id: int = 0
    doing: str = "ignore"  # with the rows of the message in hand: ignore, apply, load, hold
    within: bool = False
    held: list[Message] = field(default_factory=list)
    broken: int = 0
    joined: int = 0
    hurt: int = 0
    orphans: int = 0
    lost_messages: int = 0
    lost_rows: int = 0
    diffs: int = 0
    stale: int = 0
    gaps: int = 0
    diff_id: int | None = None
    snapshots: int = 0
    crossed: int = 0
    spreads: list[int] = field(default_factory=list)
    spread_last: int = 0
    messages: dict[int, int] = field(default_factory=dict)
    events: dict[int, int] = field(default_factory=dict)
    back: dict[int, int] = field(default_factory=dict)
    latencies: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)  # engine time of every message
    trade: tuple | None = None
    trades: int = 0
    odd: int = 0
    jumps: int = 0
    trade_back: int = 0
    refused: int = 0
    quote: tuple | None = None
    quotes: int = 0
    quote_back: int = 0
    quote_crossed: int = 0
    disagreed: int = 0
    mark: tuple | None = None
    liquidation: tuple | None = None
    source: str = ""
    prints: list[tuple] = field(default_factory=list)  # (ts, price, qty, sold, trades, newest second before it)
    pending: tuple | None = (
        None  # of a stated bar that is closed: (opened, open, high, low, close), its volumes are to come
    )
    stated: list[tuple] = field(
        default_factory=list
    )  # (opened, open, high, low, close, volume, buy, quote, trades, lost)
    step: int = 0  # length of the stated bars
    unbarred: int = 0

    # -- depth -------------------------------------------------------------------------------------------------------

    def become(self, state: str) -> None:
        self.broken += state == "BROKEN" and self.state != "BROKEN"
        self.joined += state == "SYNCED" and self.state != "SYNCED"
        self.state = state

    def harm(self) -> None:
        self.hurt += 1
        self.doing = "ignore"
        if self.state in ("LOADED", "SYNCED"):
            self.become("BROKEN")
        elif self.state == "LOADING":
            self.become("EMPTY")

    def judge(self, first: int, last: int, prev: int) -> str:
        """What becomes of a diff: apply, ignore, hold. Straight from the venue's text."""
        known = self.last_id
        if self.state in ("EMPTY", "BROKEN", "LOADING"):
            self.become("EMPTY" if self.state == "LOADING" else self.state)
            return "hold"
        if self.futures:
            if self.state == "LOADED":
                if last < known:
                    return "ignore"
                joins = first <= known <= last or prev == known or last == known
            else:
                if last <= known:
                    return "ignore"
                joins = prev == known
        else:
            if last <= known:
                return "ignore"
            joins = first <= known + 1 <= last if self.state == "LOADED" else first == known + 1
        if joins:
            self.become("SYNCED")
            self.last_id = last
            return "apply"
        self.become("BROKEN")
        return "hold"

    def set_level(self, ask: int, price: int, qty: int) -> bool:
        if not (0 <= price <= limits.PRICE_MAX and 0 <= qty <= limits.QTY_MAX):
            return False
        if qty:
            self.book[ask][price] = qty
        else:
            self.book[ask].pop(price, None)
        return True

    def clear(self, ask: int, until: int) -> bool:
        if until > limits.PRICE_MAX:
            return False
        for price in [*self.book[ask]]:
            if until < 0 or (price <= until if ask else price >= until):
                del self.book[ask][price]
        return True

    def drop_reached(self, ask: int, price: int, qty: int) -> None:
        """What the other side has at a level that became the best of its own, or beyond it, is gone."""
        if qty and price == (min if ask else max)(self.book[ask]):
            for other in [*self.book[1 - ask]]:
                if other >= price if ask else other <= price:
                    del self.book[1 - ask][other]

    def begin(self, flags: int, first: int, last: int, prev: int) -> None:
        if self.within:
            self.harm()
        self.within = True
        if flags & layout.APPLIED:
            self.become("SYNCED")
            self.doing = "apply"
        elif first < 0 or last < 0:
            self.harm()
        elif flags & layout.SNAPSHOT:
            self.snapshots += 1
            self.doing = "ignore"
            if self.state not in ("LOADED", "SYNCED") or last >= self.last_id:
                self.become("LOADING")
                self.doing, self.last_id, self.book = "load", last, ({}, {})
        else:
            self.count_diff(first, last, prev)
            self.doing = self.judge(first, last, prev)

    def count_diff(self, first: int, last: int, prev: int) -> None:
        self.diffs += 1
        if self.diff_id is None:
            self.diff_id = last
        elif last <= self.diff_id:
            self.stale += 1
        else:
            self.gaps += prev != self.diff_id if self.futures else first != self.diff_id + 1
            self.diff_id = last

    def hold(self, flags: int, ids: tuple[int, int, int], level: tuple[int, int, int]) -> None:
        if sum(message.rows for message in self.held) == limits.HELD_MAX:
            self.lost_messages += 1
            self.lost_rows += self.held.pop(0).rows
            if not self.held and not flags & layout.FIRST:
                self.lost_rows += 1
                self.doing = "ignore"
                return
        if flags & layout.FIRST:
            self.held.append(Message(*ids))
        self.held[-1].rows += 1
        if not flags & layout.EMPTY:
            self.held[-1].levels.append(level)

    def row(self, flags: int, ids: tuple[int, int, int], price: int, qty: int) -> None:
        """One level row, its message begun."""
        level = (flags & layout.ASK, price, qty)
        if self.doing == "hold":
            self.hold(flags, ids, level)
        elif self.doing in ("apply", "load") and not flags & layout.EMPTY:
            if not self.set_level(*level):
                self.harm()
            elif flags & layout.APPLIED:
                self.drop_reached(*level)
        elif self.doing in ("apply", "load") and flags & layout.APPLIED:
            if not self.clear(flags & layout.ASK, price):
                self.harm()
        if flags & layout.LAST:
            self.end()

    def end(self) -> None:
        done = self.doing
        if done == "load":
            self.become("LOADED")
            self.replay()
        self.doing, self.within = "ignore", False
        bids, asks = self.book
        if done in ("load", "apply") and self.state in ("LOADED", "SYNCED") and bids and asks:
            self.spread_last = min(asks) - max(bids)
            if self.spread_last <= 0:
                self.crossed += 1
            else:
                self.spreads.append(self.spread_last)

    def replay(self) -> None:
        while self.held and self.state != "BROKEN":
            message = self.held[0]
            verdict = self.judge(message.first, message.last, message.prev)
            if verdict == "hold":
                return
            self.held.pop(0)
            if verdict == "apply" and not all(self.set_level(*level) for level in message.levels):
                self.harm()
                return

    # -- the rest ----------------------------------------------------------------------------------------------------

    def note(self, kind: int, recv: int, event: int, now: int) -> None:
        self.messages[kind] = self.messages.get(kind, 0) + 1
        self.received.append(now)
        if event > 0:
            self.back[kind] = self.back.get(kind, 0) + (event < self.events.get(kind, 0))
            self.events[kind] = event
            if event <= limits.TIME_MAX_NS and 0 <= recv <= limits.TIME_MAX_NS:
                self.latencies.append(recv - event)

    def take_trade(self, flags: int, ident: int, price: int, qty: int, ts: int) -> None:
        if flags & layout.ODD:
            self.odd += 1
            return
        if not (0 <= price <= limits.PRICE_MAX and qty >= 0):
            self.refused += 1
            return
        if self.trade:
            self.jumps += abs(price - self.trade[1]) > self.trade[1] // 64
            self.trade_back += ident <= self.trade[0] and ident != 0
        self.trades += 1
        self.trade = (ident, price, qty, ts, flags & layout.ASK)
        self.print("trade", ts, price, qty, flags & layout.ASK, 1)

    def print(self, source: str, ts: int, price: int, qty: int, sold: int, trades: int) -> None:
        fits = 0 <= price <= limits.PRICE_MAX and qty >= 0 and price * qty < 2**limits.TURNOVER_BITS
        if not (fits and 0 <= ts <= limits.TIME_MAX_NS and 0 <= trades <= limits.TRADES_MAX):
            self.unbarred += 1
            return
        if source != self.source:
            if self.source == "trade":
                return
            self.source, self.prints, self.stated = source, [], []
        newest = max((each[0] for each in self.prints), default=ts)
        self.prints.append((ts, price, qty, sold, trades, newest))

    def state_prices(self, flags: int, opened: int, first: int, high: int, low: int, close: int) -> None:
        self.pending = None
        if not flags & layout.CLOSED:
            return
        if 0 <= low <= min(first, close) and max(first, close) <= high <= limits.PRICE_MAX:
            self.pending = opened, first, high, low, close
        else:
            self.refused += 1

    def state_volumes(self, step: int, volume: int, buy: int, quote_e8: int, trades: int, places: int) -> None:
        pending, self.pending = self.pending, None
        if pending is None or pending[0] <= 0 or self.source in ("trade", "aggtrade"):
            return
        if not INTERVALS[0] <= step <= INTERVALS[-1] or pending[0] % step or pending[0] + step > limits.TIME_MAX_NS:
            return
        if min(volume, buy, quote_e8, trades) < 0 or trades > limits.TRADES_MAX:
            self.unbarred += 1
            return
        end = max((each[0] + self.step for each in self.stated if not each[9]), default=0)
        if not self.source or step < self.step or (step > self.step and pending[0] >= end + step):
            self.source, self.step, self.stated = "stated", step, []
        if step > self.step:
            return
        quote = quote_e8 * 10**places if places >= 0 else quote_e8 // 10**-places
        lost = any(pending[0] <= each[0] for each in self.stated if not each[9])
        self.stated.append((*pending, volume, buy, quote, max(trades, 1), lost))

    def stated_bars(self, interval: int) -> tuple[list[tuple], tuple[int, int]]:
        """The same where bars are stated."""
        if interval % self.step:
            return [], (0, 0)
        taken = [each for each in self.stated if not each[9]]
        end = (taken[-1][0] + self.step) // interval
        found = []
        for bucket in sorted({each[0] // interval for each in taken}):
            if bucket <= end - limits.BARS_KEPT:
                continue
            each = [one for one in taken if one[0] // interval == bucket]
            found.append((
                bucket * interval, each[0][1], max(one[2] for one in each), min(one[3] for one in each), each[-1][4],
                *(sum(one[place] for one in each) for place in (5, 6, 7, 8)), 0, bucket < end,
            ))  # fmt: skip
        return found, (0, len(self.stated) - len(taken))

    def bars(self, interval: int) -> tuple[list[tuple], tuple[int, int]]:
        """Bars kept of an interval, from all prints ever, and (late, lost)."""
        if self.source == "stated":
            return self.stated_bars(interval)
        kept: dict[int, list[tuple]] = {}
        amended: dict[int, int] = {}
        late = lost = 0
        for each in self.prints:
            bucket, newest = each[0] // interval, each[5] // interval
            if bucket <= newest - limits.BARS_KEPT:
                lost += 1
                continue
            if bucket < newest:
                late += 1
                amended[bucket] = amended.get(bucket, 0) + 1
            kept.setdefault(bucket, []).append(each)
        end = max((each[0] for each in self.prints), default=0) // interval
        found = []
        for bucket in sorted(kept):
            if bucket <= end - limits.BARS_KEPT:
                continue
            each = sorted(kept[bucket], key=lambda one: one[0])  # stable: ties by arrival
            prices = [one[1] for one in each]
            found.append((
                bucket * interval, prices[0], max(prices), min(prices), prices[-1],
                sum(one[2] for one in each), sum(one[2] for one in each if not one[3]),
                sum(one[1] * one[2] for one in each), sum(one[4] for one in each),
                amended.get(bucket, 0), bucket < end,
            ))  # fmt: skip
        return found, (late, lost)

    def take_quote(self, ident: int, bid: int, bid_qty: int, ask: int, ask_qty: int) -> None:
        if not (0 <= bid <= limits.PRICE_MAX and 0 <= ask <= limits.PRICE_MAX):
            self.refused += 1
            return
        self.quote_back += ident < (self.quote[0] if self.quote else 0)
        self.quote_crossed += bid >= ask
        if ident == self.last_id and self.state == "SYNCED":
            bids, asks = self.book
            self.disagreed += not (bids and asks and max(bids) == bid and min(asks) == ask)
        self.quote = (ident, bid, bid_qty, ask, ask_qty)
        self.quotes += 1

    def rescale(self, price_places: int, qty_places: int) -> None:
        def scaled(value: int, places: int) -> int:
            return value * 10**places if places >= 0 else value // 10**-places

        price, qty = (lambda value: scaled(value, price_places)), (lambda value: scaled(value, qty_places))
        fits = True
        new_book: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for old, new in zip(self.book, new_book, strict=True):
            for at, resting in old.items():
                new[price(at)] = new.get(price(at), 0) + qty(resting)
            for at in [at for at, resting in new.items() if resting == 0]:
                del new[at]
            if any(at > limits.PRICE_MAX or resting > limits.QTY_MAX for at, resting in new.items()):
                fits = False
                new.clear()
        self.book = new_book
        if not fits:
            self.hurt += 1
            if self.state != "EMPTY":
                self.become("BROKEN")
        for message in self.held:
            message.levels = [self._held(level, price, qty) for level in message.levels]
        self.spreads = [price(each) for each in self.spreads]
        self.spread_last = max(min(price(self.spread_last), limits.PRICE_MAX), -limits.PRICE_MAX - 1)
        if self.trade:
            ident, at, much, *rest = self.trade
            self.trade = (ident, min(price(at), limits.PRICE_MAX), min(qty(much), limits.QTY_MAX), *rest)
        if self.quote:
            ident, *words = self.quote
            self.quote = (ident, *(price(word) if k % 2 == 0 else qty(word) for k, word in enumerate(words)))
        self.prints = [(ts, price(at), qty(much), *rest) for ts, at, much, *rest in self.prints]
        self.stated = [
            (opened, *map(price, prices), qty(volume), qty(buy), scaled(quote, price_places + qty_places), *rest)
            for opened, *prices, volume, buy, quote, _trades, _lost in self.stated
            for rest in [(_trades, _lost)]
        ]
        if self.pending:
            self.pending = (self.pending[0], *map(price, self.pending[1:]))

    @staticmethod
    def _held(level: tuple[int, int, int], price: object, qty: object) -> tuple[int, int, int]:
        ask, at, much = level
        if at < 0 or much < 0:
            return level
        new = price(at), qty(much)  # type: ignore[operator]
        return (ask, *new) if new[0] <= limits.PRICE_MAX and new[1] <= limits.QTY_MAX else (ask, -1, -1)


class NaiveMarkets:
    """The whole twin: instruments by number, engine time, and rows nobody can place."""

    def __init__(self) -> None:
        self.now = 0
        self.listed: dict[int, tuple[int, int, int]] = {}
        self.markets: dict[int, Market] = {}
        self.unlisted = 0
        self.newer = 0
        self.unknown = 0

    def fold(self, rows: np.ndarray) -> None:
        """Fold ROW[n], one by one."""
        for row in rows:
            self.row(*(int(row[name]) for name in layout.ROW.names or ()))

    def row(self, kind: int, version: int, flags: int, number: int, recv: int, event: int, *words: int) -> None:
        if kind not in (10, 11):
            self.now = max(self.now, min(recv, limits.TIME_MAX_NS))
        if kind in (32, 33):
            self.list(version, number, words)
        if not 1 <= kind <= 9:
            known = kind in (10, 11, 32, 33, 34, 48, 49, 50, 51, 52)
            self.unknown += not known
            self.newer += known and kind not in (32, 33) and version > 1
            return
        if version != 1:
            self.newer += 1
            return
        if number not in self.listed:
            self.unlisted += 1
            return
        market = self.markets.setdefault(number, Market(self.listed[number][2] in FUTURES))
        self.market_row(market, number, kind, flags, recv, event, words)

    def list(self, version: int, number: int, words: tuple[int, ...]) -> None:
        if version != 1:
            self.newer += 1
        elif not 1 <= number < limits.INSTRUMENTS_MAX:
            self.unlisted += 1
        else:
            scales = words[0] & 255, words[0] >> 8 & 255, words[0] >> 16
            old, self.listed[number] = self.listed.get(number), scales
            if number in self.markets and old is not None:
                self.markets[number].futures = scales[2] in FUTURES
                if scales[:2] != old[:2]:
                    self.markets[number].rescale(scales[0] - old[0], scales[1] - old[1])

    def market_row(
        self, market: Market, number: int, kind: int, flags: int, recv: int, event: int, words: tuple[int, ...]
    ) -> None:
        first, price, qty, fourth, fifth = words
        if kind == 3:
            ids = (fourth, first, fifth)
            if flags & layout.FIRST:
                market.note(kind, recv, event, self.now)
                market.begin(flags, *ids)
            elif not market.within:
                market.orphans += 1
            market.row(flags, ids, price, qty)
            return
        if kind not in (6, 7, 9) or flags & layout.FIRST:
            market.note(kind, recv, event, self.now)
        if kind == 1:
            market.take_trade(flags, first, price, qty, fourth)
        elif kind == 2:
            market.take_quote(*words)
        elif kind == 4:
            market.mark = words
        elif kind == 5 and not flags & layout.ODD:
            market.print("aggtrade", fourth, price, qty, flags & layout.ASK, fifth)
        elif kind == 6:
            market.state_prices(flags, *words)
        elif kind == 7:
            scales = self.listed[number]
            market.state_volumes(*words, scales[0] + scales[1] - 8)
        elif kind == 8:
            market.liquidation = (*words, flags & layout.ASK)
