"""Rows about orders, and a small world for them: two spot instruments, two assets, one account."""

import numpy as np

from veloz.contracts import registry as r
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.registry import Kind
from veloz.contracts.terms import META, SPEC, Action, order_key, pack

ACCOUNT, BASE, QUOTE = 1, 1, 2
PLACE, CANCEL, AMEND = Action.PLACE, Action.CANCEL, Action.AMEND
SECOND = 10**9
Row = tuple[int, ...]


def row(kind: Kind, *words: int, instrument: int = 1, ts: int = SECOND) -> Row:
    """One row; words that are not given are 0."""
    padded = (*words, 0, 0, 0, 0, 0)[:5]
    return (kind.number, kind.version, STEP_END, instrument, ts, 0, *padded)


def world() -> list[Row]:
    """The rows that make it known."""
    rows = [row(r.LISTED, 2 | 3 << 8 | 1 << 16, 1, 1, 10**8, 1, instrument=number) for number in (1, 2)]
    rows += [row(r.ASSET, asset, 8, instrument=0) for asset in (BASE, QUOTE)]
    rows.append(row(r.OPENED, ACCOUNT, 1, 0, 0, QUOTE, instrument=0))
    rows += [row(r.ASSETS, 1, BASE, QUOTE, 0, instrument=number) for number in (1, 2)]
    return rows


def spec(**parts: int) -> int:
    """The word `spec` of an order on the account."""
    return pack(SPEC, **{"account": ACCOUNT, **parts})


def meta(**parts: int) -> int:
    """The word `meta` of a report on the account."""
    return pack(META, **{"account": ACCOUNT, **parts})


KEY = order_key(1000)


class Story:
    """Rows of one order in the making: drafted at place `len(world()) + 1`, and what follows."""

    def __init__(self, key: int = KEY, qty: int = 100, price: int = 50, hold: int = 1000) -> None:
        self.key, self.rows = key, world()
        self.qty, self.price, self.hold = qty, price, hold

    def say(self, kind: Kind, *words: int, ts: int = SECOND, instrument: int = 1) -> "Story":
        """A row whose first word is the order's key."""
        self.rows.append(row(kind, self.key, *words, ts=ts, instrument=instrument))
        return self

    def drafted(self) -> "Story":
        return self.say(r.DRAFTED, self.price, self.qty, self.key >> 5, spec())

    def approved(self) -> "Story":
        self.drafted()
        return self.say(r.APPROVED, self.hold, QUOTE, len(self.rows), 1)

    def requested(self) -> "Story":
        self.approved()
        return self.say(r.REQUESTED, self.price, self.qty, len(self.rows), spec())

    def dispatched(self) -> "Story":
        self.requested()
        return self.say(r.DISPATCHED, PLACE, SECOND, len(self.rows), meta())

    def array(self) -> np.ndarray:
        """The rows as folded."""
        return np.array(self.rows, ROW)
