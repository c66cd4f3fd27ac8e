"""Accounts against a clerk who works every number out anew: whatever is stated, late or early, moved, held and released."""

from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lanes import cases
from tests.oracles.naive_accounts import MONEY_MAX, Clerk
from veloz.contracts import codes, registry, terms
from veloz.contracts.kernel import entry
from veloz.contracts.layout import ROW
from veloz.reducers.accounts import available, charge, confirm, hold, move
from veloz.reducers.balances import can_move
from veloz.reducers.desk import ASSETS_MAX, BRACKETS_EACH
from veloz.reducers.fold import fold
from veloz.reducers.state import State, blank, new_state
from veloz.reducers.words import I

STEP_END = 128
STEP_BYTES = 8
ACCOUNTS = (1, 1, 2, 1, 2, 7, 1, 2, 1, 1, 2, 7, 1, 1, 3, 0)  # 3 is never opened
ASSETS = (1, 1, 2, 1, 2, 5, 1, 2, 1, 1, 2, 5, 1, 1, 4, 0)  # 4 is never named
INSTRUMENTS = (1, 1, 2, 0)
AMOUNTS = (
    *(0, 1, -1, 5, -7, 1000, -999, 10**6, 10**12, -(10**12)),
    *(MONEY_MAX, MONEY_MAX - 1, -MONEY_MAX, MONEY_MAX + 1, -MONEY_MAX - 1, 2**63 - 1, -(2**63), MONEY_MAX // 2),
)
TIMES = (0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 20, 50, 50)
ORDERS = ("a", "b", "c", "d")
MOVES, HOLDS = ("trade", "fee"), ("hold", "take")
KINDS = (
    *("balance",) * 5, *("changed",) * 3, *("trade",) * 4, *("fee",) * 3, *("hold",) * 5, *("take",) * 2,
    *("funding",) * 3, *("position",) * 2, "leverage", "fees", "bracket", "bracket", "opened", "asset", "rate", "margin",
)  # fmt: skip
BRACKET_FLOORS = (0, 0, 0, 10, 20, 30, -1, MONEY_MAX)
HOLD, TAKE, TRADE, FEE = range(4)


@entry
def act(state: State, what: I, account: I, asset: I, delta: I, at_ns: I) -> bool:
    """What orders and fills do to a balance."""
    if what == HOLD:
        hold(state, account, asset, delta)
        return True
    state.desk[0]["event_ns"] = at_ns
    before = can_move(state, account, asset, delta)
    if what == TRADE:
        move(state, account, asset, delta)
    elif what == FEE:
        charge(state, account, asset, delta)
    else:
        confirm(state, account, state.orders[account]["hold"] if delta else I(0))  # account: the place of an order
    return before


@entry
def ask(state: State, account: I, asset: I) -> I:
    """As the gate asks."""
    return available(state, account, asset)


def line(kind: registry.Kind, instrument: int, *words: int) -> tuple[int, ...]:
    return (kind.number, 1, 0, instrument, 1, 0, *words, *[0] * (5 - len(words)))


FIRST = (
    line(registry.LISTED, 1, 2 | 3 << 8 | 1 << 16, 1, 1, 10**8, 1),
    line(registry.LISTED, 2, 2 | 3 << 8 | 2 << 16, 1, 1, 10**8, 1),
    line(registry.ASSET, 0, 1, 8),
    line(registry.ASSET, 0, 2, 6),
    line(registry.ASSET, 0, 5, 0),
    line(registry.ASSETS, 1, codes.Product.SPOT, 1, 2, 0),
    line(registry.ASSETS, 2, codes.Product.LINEAR, 5, 1, 1),
    line(registry.OPENED, 0, 1, 1, 0, 0, 1),
    line(registry.OPENED, 0, 2, 2, 1, 1, 0),
    line(registry.OPENED, 0, 7, 3, 0, 0, 0),
)


class Pair:
    """A state and the clerk's books, told the same. Rows are gathered and folded at cuts, or when something else must be done."""

    def __init__(self) -> None:
        self.state, self.clerk, self.seq = new_state(), Clerk(), 1
        self.rows: list[tuple[int, ...]] = list(FIRST)
        for asset, scale in ((1, 8), (2, 6), (5, 0)):
            self.clerk.asset(asset, scale)
        self.clerk.pays = {1: 2, 2: 1}
        for account, market, hedge, lots in ((1, 1, 0, 0), (2, 2, 1, 1), (7, 3, 0, 0)):
            self.clerk.opened(account, market, hedge, lots, 0)
        self.fold()
        self.state = self.state._replace(orders=blank("orders", 64))

    def fold(self, settled: bool = False) -> None:
        rows = np.array(self.rows, ROW)
        if len(rows):
            rows[-1]["flags"] = STEP_END if settled else 0
            self.state = fold(self.state, rows, self.seq)
        self.seq += len(rows)
        self.rows.clear()

    def money(self) -> bytes:
        """All balances there can be here."""
        return self.state.balances.reshape(-1, ASSETS_MAX)[:, : max(ASSETS) + 1].tobytes()

    def step(self, raw: bytes) -> None:
        """One step out of eight bytes."""
        what = KINDS[raw[0] % len(KINDS)]
        account, asset = ACCOUNTS[raw[1] & 15], ASSETS[raw[2] & 15]
        amount = AMOUNTS[raw[3] % len(AMOUNTS) if raw[4] & 15 == 15 else raw[3] % 10]
        time = TIMES[raw[5] & 15]
        if what in MOVES:
            self.fold()
            self._moved(what, account, asset, amount, max(time, 0))
        elif what in HOLDS:
            self.fold()
            self._held(what, account, asset, amount, ORDERS[raw[6] & 3], raw[7] & 1)
        elif what == "margin":
            self._bound(account, asset, raw[6], raw[7])
        else:
            self._told(what, account, asset, amount, time, raw)
        if raw[7] & 0x80:
            self.fold()

    def _moved(self, what: str, account: int, asset: int, amount: int, time: int) -> None:
        signed = amount if what == "trade" else -amount
        taken = self.clerk.movement("traded" if what == "trade" else "fees", account, signed, asset, time)
        before = b"" if taken else self.money()
        assert act(self.state, I(TRADE if what == "trade" else FEE), I(account), I(asset), I(amount), I(time)) == taken
        assert taken or before == self.money()

    def _held(self, what: str, account: int, asset: int, amount: int, name: str, taken: int) -> None:
        """An order holds another amount than before, or the venue has (or has not) taken it."""
        book = self.clerk.book_of(account, asset)
        if book is None:
            before = self.money()
            act(self.state, I(HOLD), I(account), I(asset), I(abs(amount) % 10**6), I(0))
            self.clerk.counts["unplaced"] += 1
            assert before == self.money()
            return
        name_ix = ORDERS.index(name) * 16 + (1, 2, 7, 3).index(account) * 4 + (1, 2, 5, 4).index(asset)
        order = self.state.orders[name_ix]
        order["account"], order["hold_asset"] = account, asset
        key = f"{name_ix}"
        if what == "hold":
            wanted = abs(amount) % 10**6
            act(self.state, I(HOLD), I(account), I(asset), I(wanted - int(order["hold"])), I(0))
            order["hold"] = wanted
            book.holds[key] = wanted
            taken = key in book.confirmed
        (book.confirmed.add if taken else book.confirmed.discard)(key)
        act(self.state, I(TAKE), I(name_ix), I(0), I(int(taken)), I(0))

    def _bound(self, account: int, asset: int, margin: int, gain: int) -> None:
        """What contracts need."""
        book = self.clerk.book_of(account, asset)
        if book is not None:
            book.margin, book.unrealized = margin, gain - 128

    def _told(self, what: str, account: int, asset: int, amount: int, time: int, raw: bytes) -> None:
        clerk, instrument, small = self.clerk, INSTRUMENTS[raw[6] & 3], raw[7] & 63
        side = raw[6] >> 2 & 3
        meta = terms.pack(terms.META, account=account, position_side=side)
        if what == "balance":
            self.rows.append(line(registry.BALANCE, 0, account, amount, asset, time, small))
            clerk.balance(account, amount, asset, time, small)
        elif what == "changed":
            self.rows.append(line(registry.BALANCE_CHANGED, 0, account, amount, asset, time, small % 10))
            clerk.movement("changed", account, amount, asset, time)
        elif what == "funding":
            self.rows.append(line(registry.FUNDING, instrument, meta, amount, asset, time, small))
            clerk.funding(account, side, instrument, amount, asset, time)
        elif what == "position":
            self.rows.append(line(registry.POSITION, instrument, meta, amount, small, time, -small))
            clerk.position(account, side, instrument, amount, small, time, -small)
        elif what == "leverage":
            self.rows.append(line(registry.LEVERAGE, instrument, account, amount, small & 3, time))
            clerk.leverage(account, instrument, amount, small & 3, time)
        elif what == "fees":
            self.rows.append(line(registry.FEES, instrument, account, amount, -small))
            clerk.fee_rates(account, instrument, amount, -small)
        elif what == "bracket":
            floor = BRACKET_FLOORS[raw[3] & 7]
            rate, tier = small * 20_000, small & 3 if floor else 0
            self.rows.append(line(registry.BRACKET, instrument, tier, floor, rate, small, time))
            clerk.bracket(instrument, tier, floor, rate, small, time)
        elif what == "opened":
            self.rows.append(line(registry.OPENED, 0, account, small & 3, raw[6] & 1, raw[6] >> 1 & 1, asset))
            clerk.opened(account, small & 3, raw[6] & 1, raw[6] >> 1 & 1, asset)
        elif what == "asset":
            self.rows.append(line(registry.ASSET, 0, asset, (8, 6, 0, 19, -1)[small % 5]))
            clerk.asset(asset, (8, 6, 0, 19, -1)[small % 5])
        else:
            self.rows.append(line(registry.RATE, 0, asset, amount, small))
            clerk.rate(asset, amount, small)

    def compare(self) -> None:
        """Every number of the clerk's, and nothing besides."""
        self.fold(settled=True)
        state, clerk = self.state, self.clerk
        desk = state.desk[0]
        assert {name: int(desk[name]) for name in ("unplaced", "stale", "overflows")} == {
            name: clerk.counts[name] for name in ("unplaced", "stale", "overflows")
        }
        for (account, asset), book in clerk.books.items():
            record = state.balances[account * ASSETS_MAX + asset]
            wanted = {name: book.sum_of(name) for name in ("traded", "fees", "funding", "changed")} | {
                "total": book.total(), "locked": book.locked(), "held": book.held(), "opened": book.opened(),
                "drift": book.drift(), "confirmed": sum(book.holds.get(name, 0) for name in book.confirmed),
            }  # fmt: skip
            assert {name: int(record[name]) for name in wanted} == wanted, (account, asset)
            assert record["held"] >= 0
            record["margin"], record["unrealized"] = book.margin, book.unrealized  # until the next settlement
            assert record["total"] == (
                record["opened"]
                + record["traded"]
                - record["fees"]
                + record["funding"]
                + record["changed"]
                + record["drift"]
            )
            free = int(ask(state, I(account), I(asset)))
            assert free == max(-MONEY_MAX, min(book.available(), MONEY_MAX))
            if abs(free) < MONEY_MAX:
                whole, held, locked = (int(record[name]) for name in ("total", "held", "locked"))
                bound = book.margin + max(0, -book.unrealized)
                assert whole - held - locked - bound <= free <= whole - max(held, locked) - bound
        known = {divmod(int(at), ASSETS_MAX) for at in np.flatnonzero(state.balances["known"])}
        assert known == {key for key, book in clerk.books.items() if book.entries}
        assert set(np.flatnonzero(state.accounts["known"])) == set(clerk.accounts)
        assert {int(at): int(state.assets[at]["scale"]) for at in np.flatnonzero(state.assets["known"])} == clerk.scales
        self._compare_terms()

    def _compare_terms(self) -> None:
        state, clerk = self.state, self.clerk
        records = state.positions[: int(state.desk[0]["positions_used"])]
        stated = [record for record in records if record["stated"]]
        assert {
            (int(record["account"]), int(record["instrument"]), int(record["side"])): tuple(
                int(record[name]) for name in ("stated_qty", "stated_entry_e8", "stated_unrealized_e8", "stated_seq")
            )
            for record in stated
        } == clerk.stated
        assert {
            (int(record["account"]), int(record["instrument"]), int(record["side"])): int(record["funding"])
            for record in records
        } == clerk.funded
        assert sum(int(record["fees_more"]) for record in records) == clerk.strange.total()
        for record in records:
            own = (int(record["account"]), int(record["instrument"]))
            assert tuple(int(record[name]) for name in ("leverage", "isolated", "leverage_seq")) == (
                clerk.leverages.get(own, (0, 0, 0)) if record["side"] == 0 else (0, 0, 0)
            )
            rates = clerk.fees.get(own) if record["side"] == 0 else None
            assert bool(record["rated"]) == (rates is not None)
            assert rates is None or rates == (record["maker_ppm"], record["taker_ppm"])
        for instrument in (1, 2):
            first, many = (int(state.terms[instrument][name]) for name in ("brackets_ix", "brackets_n"))
            found = [tuple(int(word) for word in state.brackets[at]) for at in range(first, first + many)]
            assert found == clerk.tiers[instrument]
        assert state.desk[0]["brackets_used"] <= 2 * BRACKETS_EACH


def cut(raw: bytes) -> Iterator[bytes]:
    return (raw[at : at + STEP_BYTES] for at in range(0, len(raw) - STEP_BYTES + 1, STEP_BYTES))


@settings(max_examples=cases(2000, 250, 600))
@given(st.binary(min_size=50 * STEP_BYTES, max_size=56 * STEP_BYTES))
def test_balances_against_the_clerk(raw: bytes) -> None:
    pair = Pair()
    for number, each in enumerate(cut(raw)):
        pair.step(each)
        if number % 25 == 24:
            pair.compare()
    pair.compare()
