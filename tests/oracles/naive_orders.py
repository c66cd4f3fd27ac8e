"""The plain twin of orders: every order keeps all that was ever said about it, and what it is, is worked out anew from that.

Written from the rules (`order_table.py`, the issue of reports in any order, proof of absence): sets of facts in dictionaries and lists, no
table, no merging, whole numbers without bounds. It shares the names of states and the layout of rows with the engine, nothing else.
"""

from dataclasses import dataclass, field

import numpy as np

from veloz.contracts import registry as r
from veloz.contracts.terms import META, SPEC, Action, unpack

PLACE, CANCEL, AMEND = 0, 1, 2
OVER = ("FILLED", "CANCELED", "REJECTED", "EXPIRED", "REPLACED", "BUSTED")
RANK = {"CANCELED": 7, "REJECTED": 8, "EXPIRED": 9, "REPLACED": 10}
GATE, NOT_SENT, ABSENT = 9, 10, 8
APART, HORIZON, ALL_PROOF = 30 * 10**9, 60 * 10**9, 7


@dataclass
class Amendment:
    """One that was drafted, and perhaps approved, and not answered."""

    price: int
    qty: int
    seq: int
    approved: bool = False
    hold: int = 0


@dataclass
class Order:
    """Everything known of one order."""

    key: int
    instrument: int
    account: int
    strategy: int
    spec: int
    price: int = 0
    qty: int = 0
    step: str = "DRAFTED"  # how far we got: DRAFTED APPROVED DISPATCHED, or REJECTED EXPIRED by ourselves
    unknown: bool = False
    cancel: int = 0  # row of the cancel under way
    amendment: Amendment | None = None
    terms_seq: int = -1
    most: int = 0
    stated: list[int] = field(default_factory=lambda: [0])
    trades: list[tuple[int, int]] = field(default_factory=list)  # price, quantity
    busts: list[tuple[int, int, bool]] = field(default_factory=list)  # and whether the trade was counted
    ends: list[tuple[int, int, str, int, int]] = field(default_factory=list)  # venue_seq, rank, state, filled, why
    lives: list[int] = field(default_factory=lambda: [0])  # venue_seq of reports of a living order
    seen: bool = False
    ended_here: bool = False
    why: int = 0
    busted: bool = False  # was over with a trade taken back: for good
    hold_full: int = 0
    hold_qty: int = 0
    horizon: int = 0
    negatives: list[int] = field(default_factory=list)
    answers: dict[int, list[int]] = field(default_factory=dict)  # by action: venue's order of refused requests
    flaws: dict[str, int] = field(default_factory=dict)
    drafted: int = 0
    approved: int = 0
    requested: int = 0
    dispatched: int = 0

    @property
    def ours(self) -> bool:
        return self.strategy >= 0

    @property
    def traded(self) -> int:
        return sum(qty for _, qty in self.trades) + sum(qty for _, qty, counted in self.busts if not counted)

    @property
    def value(self) -> int:
        return sum(p * q for p, q in self.trades) - sum(p * q for p, q, counted in self.busts if counted)

    @property
    def progress(self) -> int:
        return max(*self.stated, self.traded)

    @property
    def whole(self) -> int:
        asked = self.amendment.qty if self.amendment and self.amendment.approved else 0
        return max(self.qty, asked) if self.qty else 0

    def last_word(self) -> tuple[str, int] | None:
        """State and reason of the end that holds; None: none was stated, or a rejection that life has overtaken."""
        sure = [end for end in self.ends if not (end[2] == "REJECTED" and self.seen and end[0] < max(self.lives))]
        if not sure:
            return None
        _, _, state, _, why = max(sure, key=lambda end: (end[0], end[1], end[4]))
        if state == "CANCELED" and any(end[2] == "REPLACED" for end in self.ends):
            state = "REPLACED"
        return state, why

    @property
    def state(self) -> str:
        if self.busted:
            return "BUSTED"
        if self.whole > 0 and self.progress >= self.whole:
            return "FILLED"
        word = self.last_word()
        if word is not None:
            return word[0]
        if not self.seen and self.step in OVER:
            return self.step
        if self.unknown:
            return "UNKNOWN"
        if not self.seen and self.step == "DRAFTED":
            return "DRAFTED"
        if self.cancel:
            return "CANCEL_REQUESTED"
        if self.seen:
            return "PARTIALLY_FILLED" if self.progress else "ACCEPTED"
        return self.step

    @property
    def owed(self) -> int:
        """Stated as filled, and not shown as trades yet; of orders that are not ours nobody can tell."""
        return max(0, max(self.stated) - self.traded) if self.ours else 0

    @property
    def hold(self) -> int:
        """For all that may still come: of an open order its rest, of any what it owes."""
        return self.held_for(0)

    @property
    def confirmed(self) -> int:
        """Of its hold what the venue may have set aside as well: not that for what was filled by its own word."""
        return self.held_for(self.owed) if self.seen else 0

    def held_for(self, less: int) -> int:
        """For what may still come but `less` of it."""

        def part(amount: int, qty: int, of: int) -> int:
            left = max(self.owed, 0 if self.state in OVER else qty - self.traded) - less
            return -(-amount * left // of) if amount > 0 and left > 0 and of > 0 else 0

        held = part(self.hold_full, self.qty, self.hold_qty)
        if self.amendment and self.amendment.approved:
            held = max(held, part(self.amendment.hold, self.amendment.qty, self.amendment.qty))
        return held


class NaiveOrders:
    """All orders of a journal."""

    def __init__(self) -> None:
        self.orders: dict[tuple[int, int], Order] = {}
        self.counted: dict[tuple[int, int, int], bool] = {}  # trade → whether it was a fill
        self.taken_back: list[tuple[int, int, int]] = []
        self.counts = dict.fromkeys(
            ("approved", "refused", "fills", "duplicates", "contradictions", "foreign", "strays"), 0
        )
        self.frozen: dict[int, int] = {}  # instrument → first row that froze it
        self.done: list[
            tuple[int, int]
        ] = []  # orders that are over and owe nothing, in the order in which that came true
        self.fees: dict[int, int] = {}  # by asset
        self.held: dict[tuple[int, int], int] = {}  # by account and instrument: bought less sold
        self.fill: tuple[int, int] = (0, 0)  # row and trade of the fill just counted
        self.now = 0

    def fold(self, rows: np.ndarray, first_seq: int) -> None:
        """Fold rows of order.*, verdicts and system.started; others only move the clock."""
        for at, row in enumerate(rows):
            self.now = max(self.now, int(row["ts_recv"]))
            kind = r.BY_NUMBER[int(row["kind"])]
            if kind is r.STARTED:
                self.restart(first_seq + at)
            elif kind.topic == "order" or kind in (r.APPROVED, r.GATE_REFUSED):
                self.one(kind, row, first_seq + at)

    def flaw(self, order: Order, what: str, seq: int, *, again: bool = False) -> None:
        if what not in order.flaws:
            self.counts["contradictions"] += 1
        elif not again:
            return
        order.flaws.setdefault(what, seq)
        self.frozen.setdefault(order.instrument, seq)

    def adopt(self, key: int, instrument: int, account: int, spec: int = 0) -> Order:
        order = Order(key, instrument, account, -1, spec, step="UNKNOWN", unknown=True)
        self.orders[key, instrument if key < 0 else 0] = order
        self.counts["foreign"] += 1
        return order

    def one(self, kind: r.Kind, row: np.void, seq: int) -> None:
        key, instrument = int(row["venue_seq"]), int(row["instrument"])
        order = self.orders.get((key, instrument if key < 0 else 0))
        instrument = order.instrument if order else instrument
        if kind is r.TERMS:
            return
        if kind in (r.FILLED, r.BUSTED, r.FEE):
            getattr(self, kind.name.partition(".")[2])(order, key, instrument, row, seq)
        elif kind is r.DRAFTED:
            self.draft(order, key, instrument, row, seq)
        elif kind is r.ORDER_STATED:
            self.state_terms(order, key, instrument, row, seq)
        elif order is None and (key > 0 or kind not in (r.ACCEPTED, r.CANCELED, r.EXPIRED, r.REJECTED, r.REPLACED)):
            self.counts["strays"] += 1
            amended = kind is r.REPLACED and unpack(META, int(row["aux"]))["action"] == Action.AMEND
            if key and instrument and (kind is r.ACCEPTED or amended):
                self.counts["foreign"] += 1
                self.frozen.setdefault(instrument, seq)
        elif kind in (r.ACCEPTED, r.CANCELED, r.EXPIRED, r.REJECTED, r.REPLACED, r.REQUEST_REJECTED):
            self.report(order or self.adopt(key, instrument, unpack(META, int(row["aux"]))["account"]), kind, row, seq)
        else:
            assert order is not None
            getattr(self, kind.name.partition(".")[2])(order, row, seq)
            self.tidy(order)

    def tidy(self, order: Order) -> None:
        """What an end brings with it; the queue of ends."""
        place = (order.key, order.instrument if order.key < 0 else 0)
        if order.state in OVER:
            if order.busts:
                order.busted = True
            asked = order.amendment
            if order.owed and asked and asked.approved:  # what is owed is held for by the dearer terms
                held = [-(-hold * order.owed // qty) if qty > 0 < hold else 0
                        for hold, qty in ((order.hold_full, order.hold_qty), (asked.hold, asked.qty))]  # fmt: skip
                if held[1] > held[0]:
                    order.hold_full, order.hold_qty = asked.hold, asked.qty
            order.unknown, order.cancel, order.amendment = False, 0, None
        if order.state not in OVER or order.owed:
            if place in self.done:
                self.done.remove(place)
        elif place not in self.done:
            self.done.append(place)

    def judge(self, order: Order, seq: int, *, fresh: bool = False) -> None:
        """Contradictions among all that was said, and what follows."""
        ends = {end[2] for end in order.ends}
        overtaken = ends == {"REJECTED"} and order.last_word() is None
        if (
            (len(ends) > 1 and ends != {"CANCELED", "REPLACED"})
            or overtaken
            or (order.ended_here and (order.seen or ends))
            or (order.step == "DRAFTED" and (order.seen or ends))
        ):
            self.flaw(order, "contradicted", seq)
        if ends and order.progress > min(end[3] for end in order.ends):
            self.flaw(order, "after_end", seq, again=fresh)
        if order.key > 0 and 0 < order.most < order.progress:
            self.flaw(order, "beyond", seq, again=fresh)
        self.tidy(order)
        word = order.last_word()
        if order.state in RANK and word is not None:
            order.why = word[1]
        elif order.seen or ends:
            order.why = 0

    # what we did

    def draft(self, order: Order | None, key: int, instrument: int, row: np.void, seq: int) -> None:
        spec = unpack(SPEC, int(row["aux"]))
        if spec["action"] == AMEND:
            if order and order.state not in (*OVER, "DRAFTED") and order.amendment is None:
                order.amendment = Amendment(int(row["price"]), int(row["qty"]), seq)
            return
        if order:
            self.flaw(order, "contradicted", seq)
            return
        if key < 0:
            return
        price, qty = int(row["price"]), int(row["qty"])
        order = Order(key, instrument, spec["account"], spec["strategy"], int(row["aux"]), price, qty, most=qty)
        order.drafted = seq
        self.orders[key, 0] = order

    def approved(self, order: Order, row: np.void, seq: int) -> None:
        if order.amendment and order.amendment.seq == row["ref"]:
            order.amendment.approved, order.amendment.hold = True, int(row["price"])
            order.most = max(order.most, order.amendment.qty)
        elif order.state == "DRAFTED":
            order.hold_full, order.hold_qty, order.step = int(row["price"]), order.qty, "APPROVED"
        else:
            if order.state == "REJECTED":
                self.flaw(order, "contradicted", seq)
            return
        order.approved = seq
        self.counts["approved"] += 1

    def refused(self, order: Order, row: np.void, seq: int) -> None:
        if order.amendment and order.amendment.seq == row["ref"]:
            order.amendment = None
        elif order.drafted and row["ref"] == order.drafted:
            if order.state == "DRAFTED":
                order.step, order.ended_here, order.why = "REJECTED", True, GATE
            elif order.state != "REJECTED":
                self.flaw(order, "contradicted", seq)
        else:
            return
        self.counts["refused"] += 1

    def requested(self, order: Order, row: np.void, seq: int) -> None:
        order.requested = seq

    amend_requested = requested

    def cancel_requested(self, order: Order, row: np.void, seq: int) -> None:
        if order.state not in (*OVER, "DRAFTED"):
            order.cancel = seq

    def dispatched(self, order: Order, row: np.void, seq: int) -> None:
        if row["price"] != PLACE:
            return
        order.dispatched = seq
        if order.state == "DRAFTED":
            self.flaw(order, "contradicted", seq)
        elif order.step == "APPROVED":
            order.step = "DISPATCHED"

    def not_sent(self, order: Order, row: np.void, seq: int) -> None:
        if row["price"] == CANCEL:
            order.cancel = 0
        elif row["price"] == AMEND:
            order.amendment = None
            self.judge(order, seq)
        elif row["price"] != PLACE or (order.state == "REJECTED" and not order.dispatched and not order.seen):
            return
        elif order.dispatched or order.seen or order.state in (*OVER, "DRAFTED"):
            self.flaw(order, "contradicted", seq)
        else:
            order.step, order.ended_here, order.why = "REJECTED", True, NOT_SENT

    def doubt(self, order: Order, horizon: int) -> None:
        order.unknown, order.cancel = True, 0
        if horizon > order.horizon:
            order.horizon, order.negatives = horizon, []

    def silent(self, order: Order, row: np.void, seq: int) -> None:
        amending = order.amendment is not None and order.amendment.approved
        about = {PLACE: not order.seen, CANCEL: order.cancel > 0, AMEND: amending}.get(int(row["price"]), False)
        if not about or order.state in OVER:
            return
        if order.state == "DRAFTED":
            self.flaw(order, "contradicted", seq)
        else:
            self.doubt(order, int(row["qty"]) or self.now + HORIZON)

    def missing(self, order: Order, row: np.void, seq: int) -> None:
        if order.state != "UNKNOWN" or order.seen or order.ends or int(row["price"]) & ALL_PROOF != ALL_PROOF:
            return
        if row["ref"] < order.horizon:
            return
        order.negatives.append(int(row["ref"]))
        if max(order.negatives) - min(order.negatives) >= APART:
            order.step, order.ended_here, order.why, order.unknown = "EXPIRED", True, ABSENT, False

    def restart(self, seq: int) -> None:
        for order in self.orders.values():
            state = order.state
            if state == "DRAFTED":
                order.step, order.ended_here, order.why = "REJECTED", True, NOT_SENT
            amending = order.amendment is not None and order.amendment.approved
            if state == "UNKNOWN":
                order.cancel = 0
            elif state in ("APPROVED", "DISPATCHED", "CANCEL_REQUESTED") or (
                amending and state in ("ACCEPTED", "PARTIALLY_FILLED")
            ):
                self.doubt(order, self.now + HORIZON)
            if not amending:
                order.amendment = None
            self.tidy(order)

    # what the venue says

    def proved(self, order: Order, was_seen: bool, venue_seq: int, newest: int) -> None:
        """An order whose outcome was not known is known again by its first sign of life, or by a report not older than others."""
        if order.seen and (not was_seen or venue_seq >= newest):
            order.unknown = False

    def report(self, order: Order, kind: r.Kind, row: np.void, seq: int) -> None:
        was_seen, newest, venue_seq = order.seen, max(order.lives), int(row["ref"])
        meta, filled = unpack(META, int(row["aux"])), int(row["qty"])
        name = kind.name.partition(".")[2].upper()
        if kind is r.REQUEST_REJECTED:
            self.request_rejected(order, venue_seq, meta["action"], filled)
            venue_seq = -1
        elif kind is r.REPLACED and meta["action"] == AMEND:
            order.seen = True
            order.lives.append(venue_seq)
            if self.take_terms(order, venue_seq, int(row["price"]), filled):
                self.settle(order)
        else:
            order.stated.append(filled)
            order.seen = order.seen or kind is not r.REJECTED
            if kind is r.ACCEPTED:
                order.lives.append(venue_seq)
            else:
                order.ends.append((venue_seq, RANK[name], name, filled, meta["why"]))
        self.proved(order, was_seen, venue_seq, newest)
        self.judge(order, seq)

    def request_rejected(self, order: Order, venue_seq: int, action: int, filled: int) -> None:
        if filled > 0:
            order.seen = True
            order.stated.append(filled)
        answers = order.answers.setdefault(action, [])
        if venue_seq and answers and venue_seq <= max(answers):
            return
        answers.append(venue_seq)
        if action == CANCEL:
            order.cancel = 0
        elif action == AMEND:
            order.amendment = None

    def take_terms(self, order: Order, venue_seq: int, price: int, qty: int) -> bool:
        if (venue_seq, qty, price) <= (order.terms_seq, order.qty, order.price):
            return False
        order.terms_seq, order.price, order.qty = venue_seq, price, qty
        order.most = max(order.most, qty)
        return True

    def settle(self, order: Order) -> None:
        if order.amendment and order.amendment.approved:
            order.hold_full, order.hold_qty = order.amendment.hold, order.amendment.qty
        order.amendment = None

    def state_terms(self, order: Order | None, key: int, instrument: int, row: np.void, seq: int) -> None:
        price, qty, venue_seq, spec = (int(row[name]) for name in ("price", "qty", "ref", "aux"))
        order = order or self.adopt(key, instrument, unpack(SPEC, spec)["account"])
        pending = order.amendment if order.amendment and order.amendment.approved else None
        if not order.ours:
            order.spec = spec
            self.take_terms(order, venue_seq, price, qty)
        elif pending and (price, qty) == (pending.price, pending.qty):
            if self.take_terms(order, venue_seq, price, qty):
                self.settle(order)
        elif (price, qty) != (order.price, order.qty):
            if venue_seq > order.terms_seq and not pending:
                self.flaw(order, "contradicted", seq, again=True)
        elif pending and (self.now >= order.horizon > 0 or order.progress >= qty):
            order.amendment = None
        self.judge(order, seq)

    def filled(self, order: Order | None, key: int, instrument: int, row: np.void, seq: int) -> None:
        meta = unpack(META, int(row["aux"]))
        trade = (meta["account"], instrument, int(row["ref"]))
        if trade in self.counted:
            self.counts["duplicates"] += 1
            return
        self.counted[trade] = True
        self.counts["fills"] += 1
        self.fill = (seq, int(row["ref"]))
        self.hold_more(meta, instrument, int(row["qty"]))
        order = order or self.adopt(key, instrument, meta["account"])
        was_seen, order.seen = order.seen, True
        order.trades.append((int(row["price"]), int(row["qty"])))
        if not order.ours:
            self.flaw(order, "foreign", seq, again=True)
        self.proved(order, was_seen, -1, 0)
        self.judge(order, seq, fresh=True)

    def hold_more(self, meta: dict[str, int], instrument: int, qty: int) -> None:
        place = meta["account"], instrument
        self.held[place] = self.held.get(place, 0) + (-qty if meta["sell"] else qty)

    def fee(self, order: Order | None, key: int, instrument: int, row: np.void, seq: int) -> None:
        if self.fill == (seq - 1, int(row["ref"])):
            self.fees[int(row["qty"])] = self.fees.get(int(row["qty"]), 0) + int(row["price"])
            self.fill = (0, 0)

    def busted(self, order: Order | None, key: int, instrument: int, row: np.void, seq: int) -> None:
        meta = unpack(META, int(row["aux"]))
        trade = (meta["account"], instrument, int(row["ref"]))
        if trade in self.taken_back:
            self.counts["duplicates"] += 1
            return
        self.taken_back.append(trade)
        self.frozen.setdefault(instrument, seq)
        counted = trade in self.counted
        self.counted.setdefault(trade, False)
        if counted:
            self.hold_more(meta, instrument, -int(row["qty"]))
        if order is None:
            return
        order.busts.append((int(row["price"]), int(row["qty"]), counted))
        was_seen, order.seen = order.seen, True
        self.flaw(order, "bust", seq)
        self.proved(order, was_seen, -1, 0)
        self.judge(order, seq)
