"""Our state against a venue's statement: what differs, and how bad that is.

A statement is whole: every order, contract position and balance of an account, between two account.statement rows. Its rows are folded like
all others, so orders we did not know are known (and counted) by the time they are looked at here, and nothing is corrected by
the looking: a difference becomes a system.diverged row, its instrument is frozen, and a person adopts, ignores or flattens (`adopting.py`).

Of one moment both sides speak only nearly: what the venue says is left aside where ours is newer by the venue's own sequence, and
an order whose outcome is not known yet, or that was drafted after the statement began, is not missed in it.
"""

from typing import Final, NamedTuple

import numpy as np

from veloz.contracts import codes
from veloz.contracts import registry as r
from veloz.contracts.terms import META, unpack
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.finding import find_order
from veloz.reducers.order_store import SEEN
from veloz.reducers.order_view import OrderView, open_orders, order, owing_orders
from veloz.reducers.places import find_position
from veloz.reducers.state import State
from veloz.reducers.sums import LIMB_BITS
from veloz.reducers.words import I

_E8: Final = 10**8


class Difference(NamedTuple):
    """One thing that differs. `ours`, `theirs`: quantities or prices in quanta, money of balances, entry prices times 10**8.

    `held`, `entry_e8`: what the statement says of the position that an order's fills, or the difference itself, belong to; None: it says
    nothing of it.
    """

    difference: codes.Difference
    severity: codes.Severity
    account: int
    instrument: int = 0
    asset: int = 0
    order: int = 0
    ours: int = 0
    theirs: int = 0
    side: int = 0  # terms.PositionSide
    held: int | None = None
    entry_e8: int = 0

    @property
    def what(self) -> int:
        """The word `what` of its system.diverged row."""
        return int(self.difference) | int(self.severity) << 8 | self.account << 16 | self.asset << 24


class _Stated(NamedTuple):
    """One order as the statement has it."""

    key: int
    instrument: int
    price: int
    qty: int
    filled: int
    venue_seq: int


def _stated_orders(rows: np.ndarray) -> list[_Stated]:
    filled: dict[tuple[int, int], tuple[int, int]] = {}
    for row in rows[rows["kind"] == r.ACCEPTED.number]:
        filled[int(row["venue_seq"]), int(row["instrument"])] = int(row["qty"]), int(row["ref"])
    found = []
    for row in rows[rows["kind"] == r.ORDER_STATED.number]:
        key, instrument = int(row["venue_seq"]), int(row["instrument"])
        done, at = filled.get((key, instrument), (0, int(row["ref"])))
        found.append(_Stated(key, instrument, int(row["price"]), int(row["qty"]), done, at))
    return found


def differences(state: State, rows: np.ndarray, since: int = 0) -> list[Difference]:
    """What differs between us and a statement.

    Args:
        state: The state after the statement's rows were folded.
        rows: ROW[n]: the statement from account.statement phase 0 to phase 1; others in between are passed over.
        since: Sequence number of the statement's first row: foreign orders older than it are known already, orders of ours that
            are newer are not expected in it. 0: every foreign order is told of.

    Returns:
        Orders in the order stated, then orders of ours that are missed, what those owe in trades and what those owe that were over before
        it began, positions, balances. Nothing when all agrees.
    """
    marks = rows[rows["kind"] == r.STATEMENT.number]
    if not len(marks):
        return []
    account = int(marks[0]["venue_seq"])
    stated = _stated_orders(rows)
    held = _stated_positions(account, rows)
    found = [each for there in stated for each in _order_differences(state, account, there, since)]
    found += _missed_orders(state, account, stated, since)
    found += _owed_fills(state, account, stated, since)
    found += _position_differences(state, account, held)
    found = [_with_position(state, each, held) for each in found]
    return found + _balance_differences(state, account, rows)


def _stated_positions(account: int, rows: np.ndarray) -> dict[tuple[int, int], tuple[int, int]]:
    """Quantity and entry price of what the statement says is held, by instrument and side."""
    theirs: dict[tuple[int, int], tuple[int, int]] = {}
    for row in rows[rows["kind"] == r.POSITION.number]:
        about = unpack(META, int(row["venue_seq"]))
        if about["account"] == account:
            theirs[int(row["instrument"]), about["position_side"]] = int(row["price"]), int(row["qty"])
    return theirs


def _with_position(state: State, found: Difference, held: dict[tuple[int, int], tuple[int, int]]) -> Difference:
    """A difference of contracts, with what is held of them: a statement that names no position says that there is none."""
    told = (codes.Difference.ORDER_FILLED, codes.Difference.POSITION, codes.Difference.ENTRY)
    if found.difference not in told or found.instrument >= len(state.terms):
        return found
    if int(state.terms[found.instrument]["product"]) == codes.Product.SPOT:
        return found
    qty, entry_e8 = held.get((found.instrument, found.side), (0, 0))
    return found._replace(held=qty, entry_e8=max(entry_e8, 0))


def _order_differences(state: State, account: int, there: _Stated, since: int) -> list[Difference]:
    here = order(state, there.key, there.instrument)
    left = there.qty - there.filled
    unknown = codes.Difference.ORDER_UNKNOWN_HERE
    if here is None or (here.strategy < 0 and here.drafted_seq >= since):
        severity = codes.Severity.ERROR
        return [Difference(unknown, severity, account, there.instrument, 0, there.key, 0, left)]
    newer = newest(state, there.key, there.instrument) > there.venue_seq
    if here.over and (newer or left > 0):
        if newer:
            return []
        return [Difference(unknown, codes.Severity.CRITICAL, account, there.instrument, 0, there.key, 0, left)]
    if here.strategy < 0:  # what was filled of it before we heard of it shows in positions and balances
        return []
    found = []
    if there.filled != here.traded - here.busted and not newer:
        missing = there.filled > here.traded - here.busted
        severity = codes.Severity.ERROR if missing else codes.Severity.WARNING
        what = codes.Difference.ORDER_FILLED
        found.append(
            Difference(
                what,
                severity,
                account,
                there.instrument,
                0,
                there.key,
                here.traded - here.busted,
                there.filled,
                here.spec["position_side"],
            )
        )
    if here.amending or newer or here.over:
        return found
    for what, ours, theirs in (
        (codes.Difference.ORDER_QTY, here.qty, there.qty),
        (codes.Difference.ORDER_PRICE, here.price, there.price),
    ):
        if ours != theirs:
            severity = codes.Severity.ERROR
            found.append(Difference(what, severity, account, there.instrument, 0, there.key, ours, theirs))
    return found


def newest(state: State, key: int, instrument: int) -> int:
    """The venue's newest sequence number that we have of an order."""
    at = int(find_order(state.orders, state.order_places, I(key), I(instrument)))
    return max(int(state.orders[at][name]) for name in ("venue_seq", "end_seq", "terms_seq", "reject_seq"))


def _missed_orders(state: State, account: int, stated: list[_Stated], since: int) -> list[Difference]:
    return [
        Difference(
            codes.Difference.ORDER_UNKNOWN_THERE,
            codes.Severity.ERROR,
            account,
            here.instrument,
            0,
            here.key,
            here.remaining,
            0,
        )
        for here in _missed(state, account, stated, since)
    ]


def _missed(state: State, account: int, stated: list[_Stated], since: int) -> list[OrderView]:
    """Open orders of ours that the statement should have and has not."""
    keys = [(there.key, there.instrument) for there in stated]
    return [
        here
        for here in open_orders(state, account=account)
        if (here.key, here.instrument) not in keys and _expected(state, here) and not 0 < since <= here.drafted_seq
    ]


def _owed_fills(state: State, account: int, stated: list[_Stated], since: int) -> list[Difference]:
    """Trades that were stated before and have not come, of orders that the statement does not name."""
    keys = [(there.key, there.instrument) for there in stated]
    owing = [
        each for each in _missed(state, account, stated, since) if each.filled > each.traded and each.strategy >= 0
    ]
    owing += owing_orders(state, account=account)
    return [
        Difference(
            codes.Difference.ORDER_FILLED,
            codes.Severity.ERROR,
            account,
            each.instrument,
            0,
            each.key,
            each.traded - each.busted,
            each.filled - each.busted,
            each.spec["position_side"],
        )
        for each in owing
        if (since == 0 or each.last_seq < since) and (each.key, each.instrument) not in keys
    ]


def _expected(state: State, here: OrderView) -> bool:
    """Whether the venue has shown that it has the order."""
    at = int(find_order(state.orders, state.order_places, I(here.key), I(here.instrument)))
    return bool(state.orders[at]["marks"] & SEEN)


def _position_differences(
    state: State, account: int, stated: dict[tuple[int, int], tuple[int, int]]
) -> list[Difference]:
    """Contracts only: what is held of spot instruments is a balance."""
    theirs = dict(stated)
    used = state.positions[: int(state.desk[0]["positions_used"])]
    for position in used[(used["account"] == account) & (used["strategy"] == -1) & (used["qty"] != 0)]:
        theirs.setdefault((int(position["instrument"]), int(position["side"])), (0, 0))
    found = []
    for (instrument, side), (qty, entry_e8) in theirs.items():
        if instrument < len(state.terms) and int(state.terms[instrument]["product"]) == codes.Product.SPOT:
            continue
        at = int(find_position(state, I(account), I(instrument), I(side), I(-1)))
        ours = int(state.positions[at]["qty"]) if at >= 0 else 0
        what, severity = codes.Difference.POSITION, codes.Severity.CRITICAL
        if ours == qty and qty != 0:
            what, severity = codes.Difference.ENTRY, codes.Severity.INFO
            ours, qty = _entry_e8(state, instrument, at), entry_e8
            if entry_e8 == 0 or abs(ours - entry_e8) <= _tick_e8(state, instrument):
                continue
        if ours != qty:
            found.append(Difference(what, severity, account, instrument, 0, 0, ours, qty, side))
    return found


def _tick_e8(state: State, instrument: int) -> int:
    known = state.instruments[instrument]
    return int(int(known["tick"]) * _E8 // 10 ** int(known["price_scale"]))


def _entry_e8(state: State, instrument: int, at: int) -> int:
    """Average price of what is held, times 10**8; 0 of inverse contracts, whose cost is in coin."""
    position, known = state.positions[at], state.instruments[instrument]
    if int(state.terms[instrument]["product"]) != codes.Product.LINEAR:
        return int(position["stated_entry_e8"])
    cost = (int(position["cost_hi"]) << LIMB_BITS) + int(position["cost_lo"])
    places = max(18 - int(known["qty_scale"]), int(known["price_scale"]))  # of the price that inner units give
    return int(abs(cost) * _E8 // (abs(int(position["qty"])) * 10**places))


def _balance_differences(state: State, account: int, rows: np.ndarray) -> list[Difference]:
    found = []
    for row in rows[rows["kind"] == r.BALANCE.number]:
        if int(row["venue_seq"]) != account or not 0 < int(row["qty"]) < ASSETS_MAX:
            continue
        asset, theirs = int(row["qty"]), int(row["price"])
        at = account * ASSETS_MAX + asset
        ours = int(state.balances[at]["total"]) if at < len(state.balances) else 0
        if ours != theirs:
            severity = codes.Severity.WARNING
        else:  # taken over already; what our rows did not explain is told
            ours, severity = theirs - int(state.balances[at]["drift"]), codes.Severity.INFO
        if ours != theirs:
            what = codes.Difference.BALANCE
            found.append(Difference(what, severity, account, 0, asset, 0, ours, theirs))
    return found
