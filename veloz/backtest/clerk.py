"""The exchange's own books of our accounts, and what it does where they do not bear what is held.

The books are a `State`, kept by the very reducers that the desk has: executions, fees and funding as the exchange reports them, at the
marks that it knows. There is no second way to count a profit.

Assumptions. Contracts of an account that settle in one asset share its margin (cross): where wallet and unrealized pnl together are not
above the maintenance margin of all of them, by brackets, all their open orders are canceled. Where that is not enough already, and
releasing orders changes no margin, positions are closed, that with the most maintenance margin first, each whole, until the rest is borne:
by a market order of the exchange's own against what the book shows, as far as `Rules.protection_ppm`; what the book does not take goes to
the exchange at the mark. A wallet that is below 0 then is filled up by its insurance fund.

Isolated contracts share nothing: the margin of one is the value it was entered at ÷ its leverage, as long as it is open; its funding and
fees come from the wallet. Where that margin and its unrealized pnl are not above its maintenance margin, open orders of the instrument are
canceled, it is closed the same way, and what it lost beyond its margin comes from the insurance fund.
"""

from typing import Final

import numpy as np

from veloz.backtest.liquidating import cancel_open, close_out, fill_up, rows_to_close
from veloz.backtest.machine import RESPONSE, Venue
from veloz.backtest.making import lengthen
from veloz.contracts import layout, registry
from veloz.contracts.kernel import entry
from veloz.reducers.accounts import fold_account
from veloz.reducers.bits import R_ACCOUNT, R_SELL, R_SIDE, RM_ACCOUNT, RM_SIDE, part
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.fold import fold
from veloz.reducers.liquidation import isolated_wallet, terms_of
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.positions import apply_fee, apply_fill
from veloz.reducers.room import grow_desk
from veloz.reducers.settle import settle
from veloz.reducers.state import State
from veloz.reducers.trading import lacks_room
from veloz.reducers.words import INSTRUMENT_SHIFT, KIND_MASK, ONE, WORD_MASK, ZERO, I

_K_FILLED, _K_FEE = I(registry.FILLED.number), I(registry.FEE.number)
_K_FUNDING, _K_CHANGED = I(registry.FUNDING.number), I(registry.BALANCE_CHANGED.number)


@entry
def book_rows(state: State, rows: np.ndarray, begin: I) -> I:
    """Book reports.

    Args:
        state: The books.
        rows: RAW[n], any reports; those that move nothing are passed over.
        begin: The first one.

    Returns:
        The first row that was not booked: n, or one for which tables must be made longer.
    """
    for at in range(begin, rows.shape[0]):
        row = rows[at]
        kind, instrument, now = (
            row["head"] & KIND_MASK,
            (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK,
            I(row["ts_event"]),
        )
        if kind not in (_K_FILLED, _K_FEE, _K_FUNDING, _K_CHANGED):
            continue
        if lacks_room(state):
            return I(at)
        state.desk[0]["event_ns"] = now
        if kind in (_K_FUNDING, _K_CHANGED):
            fold_account(state, I(kind), row, ONE, now)
            continue
        meta = I(row["aux"])
        account, side = part(meta, R_ACCOUNT, RM_ACCOUNT), part(meta, R_SIDE, RM_SIDE)
        if kind == _K_FILLED:
            sell, price, qty = (meta >> R_SELL) & ONE, I(row["price"]), I(row["qty"])
            apply_fill(state, account, I(instrument), sell, side, NO_STRATEGY, price, qty, ONE, now)
        else:
            apply_fee(state, account, I(instrument), side, NO_STRATEGY, I(row["qty"]), I(row["price"]))
    return I(rows.shape[0])


@entry
def settle_books(state: State, now: I) -> None:
    """Value everything."""
    settle(state, now)


@entry
def margin_apart(state: State, at: I, account: I) -> I:
    """The margin of a position's own; -1: it shares that of its asset."""
    leverage, isolated = terms_of(state, account, I(state.positions[at]["instrument"]))
    return isolated_wallet(state, at, leverage) if isolated != ZERO else -ONE


class Clerk:
    """Keeps the books of all accounts that trade on an exchange.

    Args:
        books: A state with accounts, assets, instruments, balances, brackets; a copy of it is kept.
    """

    def __init__(self, books: State) -> None:
        self.state = books._replace(**{name: getattr(books, name).copy() for name in books._fields})
        self._told = 0  # reports that were booked

    def keep(self, venue: Venue) -> Venue:
        """Book what was reported, value it, and liquidate what is not borne. The exchange after that."""
        now = int(venue.clock[0]["now_ns"])
        self._book(venue)
        self._mark(venue, now)
        for account in venue.owners["account"].tolist():
            for place in self._failing_apart(account):
                venue = self._liquidate_apart(venue, account, place, now)
            for asset in range(1, len(self.state.assets)):
                if self._fails(account, asset):
                    venue = self._liquidate(venue, account, asset, now)
        venue.clock[0]["stirred"] = 0
        return venue

    def _book(self, venue: Venue) -> None:
        tail = int(venue.wires[RESPONSE]["tail"])
        places = np.arange(self._told, tail) & (len(venue.reports) - 1)
        rows, at = venue.reports[places], 0
        rows.flags.writeable = False
        while (at := int(book_rows(self.state, rows, I(at)))) < len(rows):
            self.state = grow_desk(self.state, rows[at])
        self._told = tail

    def _mark(self, venue: Venue, now: int) -> None:
        """Value everything at the exchange's marks."""
        marked = [market for market in venue.markets if market["mark"] > 0]
        rows = np.zeros(len(marked), registry.MARK.view)
        rows["kind"], rows["version"], rows["flags"] = (
            registry.MARK.number,
            registry.MARK.version,
            layout.FIRST | layout.LAST,
        )
        rows["ts_recv"] = rows["ts_event"] = now
        for row, market in zip(rows, marked, strict=True):
            row["instrument"], row["mark_e8"] = market["instrument"], market["mark"]
        self.state = fold(self.state, rows, int(self.state.clock[0]["seq"]) + 1)
        settle_books(self.state, I(now))

    def _balance(self, account: int, asset: int) -> np.void:
        return self.state.balances[account * ASSETS_MAX + asset]  # type: ignore[no-any-return]

    def _fails(self, account: int, asset: int) -> bool:
        """Whether what shares the margin of an asset is not borne any more."""
        balance = self._balance(account, asset)
        equity = int(balance["total"]) - int(balance["apart"])
        equity += int(balance["unrealized"]) - int(balance["apart_unrealized"])
        maintenance = int(balance["maintenance"]) - int(balance["apart_maintenance"])
        return equity <= maintenance and bool(self._sharing(account, asset))

    def _open(self, account: int) -> list[int]:
        """Where open positions of an account's contracts stand."""
        used = self.state.positions[: int(self.state.desk[0]["positions_used"])]
        return [
            place
            for place, each in enumerate(used)
            if each["qty"] and each["account"] == account and each["strategy"] == NO_STRATEGY
            and self._settles_in(int(each["instrument"]))
        ]  # fmt: skip

    def _apart(self, account: int, place: int) -> int:
        return int(margin_apart(self.state, I(place), I(account)))

    def _sharing(self, account: int, asset: int) -> list[np.void]:
        """Open positions that share the margin of an asset, that with the most maintenance margin first."""
        positions = self.state.positions
        found = [
            positions[place]
            for place in self._open(account)
            if self._apart(account, place) < 0 and self._settles_in(int(positions[place]["instrument"])) == asset
        ]
        return sorted(found, key=lambda each: (-int(each["maintenance"]), int(each["instrument"]), int(each["side"])))

    def _failing_apart(self, account: int) -> list[int]:
        """Where open positions stand that their own margin does not bear any more."""
        failing: list[int] = []
        if not self.state.balances["apart"][account * ASSETS_MAX : (account + 1) * ASSETS_MAX].any():
            return failing
        for place in self._open(account):
            margin, position = self._apart(account, place), self.state.positions[place]
            if margin >= 0 and margin + int(position["unrealized"]) <= int(position["maintenance"]):
                failing.append(place)
        return failing

    def _settles_in(self, instrument: int) -> int:
        """The asset whose margin an instrument shares; 0: none, it is spot."""
        terms = self.state.terms[instrument]
        return int(terms["settle"]) if terms["product"] != 1 else 0

    def _is_apart(self, account: int, instrument: int) -> bool:
        return bool(terms_of(self.state, I(account), I(instrument))[1])

    def _cancel(self, venue: Venue, number: int, now: int) -> Venue:
        venue = _with_room(venue, int(venue.clock[0]["live"]) + int(venue.markets[number]["waiting"]))
        cancel_open(venue, I(number), I(now))
        return venue

    def _close(self, venue: Venue, position: np.void, now: int) -> Venue:
        number, side, qty = int(venue.places[position["instrument"]]), int(position["side"]), int(position["qty"])
        venue = _with_room(venue, int(rows_to_close(venue, I(number), I(qty))))
        close_out(venue, I(number), I(side), I(qty), I(now))
        self._book(venue)
        self._mark(venue, now)
        return venue

    def _liquidate(self, venue: Venue, account: int, asset: int, now: int) -> Venue:
        for number, market in enumerate(venue.markets):
            instrument = int(market["instrument"])
            shares = self._settles_in(instrument) == asset and not self._is_apart(account, instrument)
            if market["account"] == account and shares:
                venue = self._cancel(venue, number, now)
        while self._fails(account, asset):
            venue = self._close(venue, self._sharing(account, asset)[0], now)
        wallet = int(self._balance(account, asset)["total"])
        if wallet < 0 and not self._sharing(account, asset):
            venue = self._fill_up(venue, account, asset, -wallet, now)
        return venue

    def _liquidate_apart(self, venue: Venue, account: int, place: int, now: int) -> Venue:
        position = self.state.positions[place]
        asset, margin = self._settles_in(int(position["instrument"])), self._apart(account, place)
        before = int(self._balance(account, asset)["total"])
        venue = self._cancel(venue, int(venue.places[position["instrument"]]), now)
        venue = self._close(venue, position, now)
        lost = before - int(self._balance(account, asset)["total"])
        return self._fill_up(venue, account, asset, lost - margin, now) if lost > margin else venue

    def _fill_up(self, venue: Venue, account: int, asset: int, amount: int, now: int) -> Venue:
        venue = _with_room(venue, 1)
        fill_up(venue, I(account), I(asset), I(amount), I(now))
        self._book(venue)
        self._mark(venue, now)
        return venue


MARGIN_OF_ROOM: Final = 8


def _with_room(venue: Venue, rows: int) -> Venue:
    """The same exchange with room for so many rows on the wire to the desk."""
    while True:
        wire = venue.wires[RESPONSE]
        if len(venue.reports) - int(wire["tail"] - wire["head"]) >= rows + MARGIN_OF_ROOM:
            return venue
        venue = lengthen(venue)
