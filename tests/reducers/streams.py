"""Random rows of market data that behave like a venue most of the time: chained ids, snapshots, prices near the last one,
and now and then everything a venue must never do."""

import random
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from veloz.contracts import layout
from veloz.contracts.layout import ROW
from veloz.reducers.limits import PRICE_MAX, QTY_MAX, WINDOW_FIRST, WINDOW_MAX

START_NS = 1_700_000_000 * 10**9
PRICES = (
    *range(-3, 4),
    *(
        sign * (width // 4 * quarters + extra)
        for width in (WINDOW_FIRST, WINDOW_MAX) for quarters in (1, 3) for sign in (1, -1) for extra in (0, 1, 64)
    ),
    WINDOW_FIRST, -WINDOW_MAX, 5 * WINDOW_MAX, -5 * WINDOW_MAX, 40 * WINDOW_MAX,
)  # fmt: skip
EDGES = (0, 1, PRICE_MAX - 1, PRICE_MAX, PRICE_MAX + 1, -1, QTY_MAX)
QTYS = (0, 0, 0, 1, 2, 3, 7, 10**9, 2**62 + 5, QTY_MAX)

levels = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(PRICES), st.sampled_from(QTYS), st.integers(0, 60)), max_size=7
)
steps = st.tuples(
    st.sampled_from(
        ["diff"] * 9
        + ["snapshot"] * 3
        + ["applied"] * 2
        + ["trade"] * 4
        + ["aggtrade", "quote", "quote", "mark", "other", "odd", "bar", "bar"]
    ),
    st.integers(0, 2),  # instrument
    levels,
    st.integers(-8, 8),  # a number for whatever the step needs
    st.sampled_from(
        [""] * 30 + ["gap", "stale", "overlap", "again", "ids", "unended", "unbegun", "edge", "version", "unlisted"]
    ),
    st.sampled_from([0, 1, 10**6, 10**8, 10**9, 61 * 10**9, -(10**9), 3600 * 10**9, 86_400 * 10**9]),
)
streams = st.lists(steps, max_size=60)
LENGTHS = (60, 60, 60, 300, 1, 180, 7, 3600, 86_400)  # of stated bars, s
PASSED = (0, 10**9, 60 * 10**9, 60 * 10**9, 300 * 10**9, 86_400 * 10**9)
bars = st.lists(  # of an instrument without a book, and now and then a trade of it
    st.tuples(
        st.sampled_from(["bar"] * 40 + ["other", "trade", "aggtrade"]),
        st.integers(0, 1),
        st.just([]),
        st.integers(-8, 8),
        st.sampled_from([""] * 20 + ["again", "edge", "stale"]),
        st.sampled_from(PASSED),
    ),
    max_size=60,
)
WHATS = ["diff"] * 14 + ["snapshot"] + ["trade"] * 5 + ["aggtrade", "quote", "quote", "mark", "other", "odd"]
FAULTS = ["gap", "stale", "overlap", "again", "ids", "unended", "unbegun", "edge", "version", "unlisted"]
TIMES = [0, 10**6, 10**8, 10**9, 10**10, 61 * 10**9, -(10**9), 3600 * 10**9]


@dataclass
class Venue:
    """Turns steps into rows."""

    markets: tuple[int, ...] = (1, 2, 3)
    rows: list[tuple[int, ...]] = field(default_factory=list)
    now: int = START_NS
    ids: list[int] = field(default_factory=lambda: [1000, 1000, 1000])
    mids: list[int] = field(default_factory=lambda: [10**6, 500, 2 * 10**6])

    def __post_init__(self) -> None:
        for k, market in enumerate(self.markets):
            self.state(k + 1, 2, 3, market, 1)

    def state(self, number: int, price_scale: int, qty_scale: int, market: int, definition: int) -> None:
        kind = 32 if definition == 1 else 33
        scales = price_scale | qty_scale << 8 | market << 16
        self.rows.append((kind, 1, 128, number, self.now, 0, scales, 1, 1, 10**8, definition))

    def add(self, kind: int, flags: int, number: int, *words: int, version: int = 1) -> None:
        self.rows.append((kind, version, flags, number, self.now, self.now - 10**6, *words))

    def take(self, step: tuple) -> None:
        what, k, wanted, n, fault, dt = step
        self.now += dt
        number = 9 if fault == "unlisted" else k + 1
        if what in ("diff", "snapshot"):
            self.depth(what == "snapshot", k, number, wanted, n, fault)
            return
        if what == "applied":
            self.applied(k, number, wanted, n, fault)
            return
        price = max(self.mids[k] + n, 0) if fault != "edge" else EDGES[n % len(EDGES)]
        qty, version = QTYS[3 + abs(n) % 7], 2 if fault == "version" else 1
        flags = layout.ASK if n % 2 else 0
        ts = self.now + (n * 10**9 if fault in ("stale", "overlap") else 0) - (10**13 if fault == "again" else 0)
        if what in ("trade", "odd"):
            flags |= layout.ODD if what == "odd" else 0
            self.add(1, flags, number, self.ids[k] + n, price, qty, ts, 0, version=version)
        elif what == "aggtrade":
            self.add(5, flags, number, 5, price, qty, ts, abs(n), version=version)
        elif what == "quote":
            self.add(
                2, 0, number, self.ids[k] - (n % 3 == 1), price, qty, min(price + n % 4, QTY_MAX), qty, version=version
            )
        elif what == "mark":
            self.add(4, 0, number, 1, price, 3, -4, 5, version=version)
        elif what == "bar":
            self.bar(number, n, price, qty, fault)
        elif n % 3 == 0:
            self.add(6, layout.FIRST, number, 1, 2, 3, 4, 5)
            self.add(7, layout.LAST, number, 1, 2, 3, 4, 5)
        else:
            self.add(8 if n % 3 == 1 else 9, layout.FIRST | layout.LAST | flags, number, ts, price, qty, price, qty)

    def bar(self, number: int, n: int, price: int, qty: int, fault: str) -> None:
        """A closed bar that ends by now; "again": one that was over long ago, "stale": in the middle of its length."""
        length = LENGTHS[n & 7 if n >= 0 else -n - 1] * 10**9
        opened = (self.now // length - (3 if fault == "again" else 1)) * length + (
            length // 2 if fault == "stale" else 0
        )
        low, high = price - price // 7, min(price + abs(n), QTY_MAX)
        flags = layout.FIRST | (0 if n == 8 else layout.CLOSED)
        self.add(6, flags, number, opened, price, high, low, high if n % 2 else low)
        volume = 0 if n == 7 else qty >> 8
        self.add(
            7, layout.LAST, number, length, volume, volume // 3, volume * 10**5 % 2**61, abs(n) // 3 if n != -8 else -1
        )

    def depth(self, snapshot: bool, k: int, number: int, wanted: list[tuple], n: int, fault: str) -> None:
        known = self.ids[k]
        if snapshot:
            first = last = max(known + n if n < 0 else known + n // 4, 0)
            prev = 0
        else:
            first, last, prev = known + 1, known + 1 + abs(n), known
            shift = {"gap": 5, "stale": -20, "overlap": -1 - abs(n) // 2, "again": -1 - abs(n)}.get(fault, 0)
            first, last, prev = first + shift, last + shift, prev + shift
            if fault == "ids":
                first = -5
            self.ids[k] = max(known, last)
        rows = []
        for ask, offset, qty, jitter in wanted:
            spread = (2 + jitter) * (1 if ask else -1)
            price = self.mids[k] + spread + (-offset if ask else offset)
            if abs(offset) <= 3:
                self.mids[k] = max(100, self.mids[k] + offset * 3)
            rows.append((ask, max(price, 0), qty))
        if fault == "edge" and rows:
            rows[-1] = (rows[-1][0], EDGES[n % len(EDGES)], rows[-1][2])
        self.message(number, snapshot, rows, (last, first, prev), fault)

    def applied(self, k: int, number: int, wanted: list[tuple], n: int, fault: str) -> None:
        """As somebody else recorded it: levels and clears, between them now and then a row that only the venue's side holds."""
        rows = wanted or [(0, 0, 1, 60)]
        for at, (ask, offset, qty, jitter) in enumerate(rows):
            price = max(self.mids[k] + (2 + jitter) * (1 if ask else -1) + (-offset if ask else offset), 0)
            flags = layout.APPLIED | ask | (layout.SNAPSHOT if n < -6 else 0)
            flags |= layout.FIRST if at == 0 and fault != "unbegun" else 0
            flags |= layout.LAST if at == len(rows) - 1 and fault != "unended" else 0
            if qty in (1, 2):
                flags |= layout.EMPTY
                price = -1 if jitter > 50 else EDGES[n % len(EDGES)] if fault == "edge" else price
            self.add(3, flags, number, 0, price, qty, 0, n & 1)
            if jitter % 7 == 0:
                self.rows.append((10 + (qty & 1), 1, flags, number, self.now + 10**15, self.now, 0, price, qty, 0, 0))

    def message(self, number: int, snapshot: bool, rows: list[tuple], ids: tuple[int, int, int], fault: str) -> None:
        last, first, prev = ids
        base = layout.SNAPSHOT if snapshot else 0
        version = 2 if fault == "version" else 1
        if not rows:
            whole = layout.FIRST | layout.LAST | layout.EMPTY
            self.add(3, base | whole, number, last, 0, 0, first, prev, version=version)
        for k, (ask, price, qty) in enumerate(rows):
            flags = base | ask
            flags |= layout.FIRST if k == 0 and fault != "unbegun" else 0
            flags |= layout.LAST if k == len(rows) - 1 and fault != "unended" else 0
            self.add(3, flags, number, last, price, qty, first, prev, version=version)


def rows_of(stream: list[tuple], *, markets: tuple[int, ...] = (1, 2, 3)) -> np.ndarray:
    """Rows of a stream, ROW[n]."""
    venue = Venue(markets)
    for step in stream:
        venue.take(step)
    return np.array(venue.rows, ROW)


def long_stream(seed: int, steps: int, faults: float) -> np.ndarray:
    """Rows of a venue that misbehaves with probability `faults` a step."""
    rng = random.Random(seed)
    venue = Venue()
    for _ in range(steps):
        levels = [
            (
                rng.randrange(2),
                rng.choice(PRICES) if rng.random() < 0.2 else 0,
                rng.choice(QTYS),
                int(rng.expovariate(0.02)),
            )
            for _ in range(rng.choice((0, 1, 3, 20)))
        ]
        fault = rng.choice(FAULTS) if rng.random() < faults else ""
        venue.take((rng.choice(WHATS), rng.randrange(3), levels, rng.randint(-8, 8), fault, rng.choice(TIMES)))
    return np.array(venue.rows, ROW)
