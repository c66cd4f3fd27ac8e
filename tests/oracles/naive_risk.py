"""What a request can do to a position, and which stop level holds over it, out of the rows alone: dictionaries and plain loops."""

from typing import Any

import numpy as np

from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import Proof, StopLevel
from veloz.contracts.terms import Action, Origin, PositionSide

HORIZON_NS, APART_NS = 60 * 10**9, 30 * 10**9  # of a proof of absence
PROVED = int(Proof.NOT_OPEN | Proof.NO_TRADE | Proof.STREAM_WHOLE)
ENDS = (r.CANCELED.number, r.EXPIRED.number, r.REJECTED.number)


def view(each: np.void) -> np.void:
    """A row by the names of its kind."""
    return np.array([each]).view(r.BY_NUMBER[int(each["kind"])].view)[0]


class NaiveRisk:
    """Follows a session row by row."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        self.held: dict[tuple[int, int, int], int] = {}
        self.trades: set[tuple[int, int, int]] = set()
        self.levels: dict[tuple[int, int, int], tuple[int, int]] = {}  # (kind, number, source): level, since when
        self.markets: dict[int, int] = {}
        self.roots: dict[int, int] = {}

    def furthest(self, key: int, whole: int) -> int:
        """How far the position of an order could get in its direction, were the order's whole quantity this; 0 or more."""
        mine = self.orders[key]
        sell, where = mine["sell"], mine["where"]
        held = self.held.get(where, 0) * (-1 if sell else 1)
        plain = reducing = 0
        for each in self.orders.values():
            if each["where"] != where or each["sell"] != sell or not each["asked"]:
                continue
            qty = whole if each is mine else max(each["qty"], each["pending"])
            owed = max(each["filled"] - each["traded"], 0)
            rest = owed if each["over"] else max(qty - each["traded"], owed, 0)
            closes = PositionSide.LONG if sell else PositionSide.SHORT
            if each["reduce"] or where[2] == closes:
                reducing += rest
            else:
                plain += rest
        return max(held + plain + min(reducing, max(-held, 0)), 0)

    def stopped(self, key: int, root: int) -> int:
        """The level under which a request with this cause stands: of those that were said before the cause."""
        account, instrument, _ = self.orders[key]["where"]
        strategy = self.orders[key]["strategy"]
        kinds = terms.ScopeKind
        scopes = {
            (kinds.GLOBAL, 0), (kinds.VENUE, self.markets.get(account, 0)), (kinds.ACCOUNT, account),
            (kinds.INSTRUMENT, instrument), (kinds.STRATEGY, strategy),
        }  # fmt: skip
        return max(
            (level for (kind, number, _), (level, n) in self.levels.items() if (kind, number) in scopes and n < root),
            default=0,
        )

    def take(self, seq: int, row: np.void, decided: bool) -> tuple[int, int] | None:
        """One row. Of a request that could make a position larger, or that the engine did not make: (level over it, larger by)."""
        kind, each = int(row["kind"]), view(row)
        self.roots[seq] = self.roots.get(int(each["ref"]), seq) if decided else seq
        if kind == r.OPENED.number:
            self.markets[int(row["venue_seq"])] = int(row["price"])
        elif kind in (r.COMMAND_STOP.number, r.STOPPED.number):
            self._take_level(seq, row, kind == r.STOPPED.number)
        elif kind == r.FILLED.number:
            self._take_fill(row)
        elif kind == r.DRAFTED.number:
            self._take_draft(row)
        elif kind in (r.REQUESTED.number, r.AMEND_REQUESTED.number):
            return self._judge(seq, int(row["venue_seq"]), int(row["qty"]), kind == r.AMEND_REQUESTED.number)
        elif int(row["venue_seq"]) in self.orders:
            self._take_report(kind, row, self.orders[int(row["venue_seq"])])
        return None

    def _take_level(self, seq: int, row: np.void, decided: bool) -> None:
        """A command raises at once; what was decided is what holds."""
        scope = terms.unpack(terms.SCOPE, int(row["venue_seq"]))
        level, source = int(row["price"]), int(row["qty"] if decided else row["aux"])
        at = scope["kind"], scope["number"], source
        now = self.levels.get(at, (0, 0))[0]
        if (decided and level != now) or (not decided and level > now and StopLevel.RUN < level <= StopLevel.FLATTEN):
            self.levels[at] = level, seq

    def _take_draft(self, row: np.void) -> None:
        spec = terms.unpack(terms.SPEC, int(row["aux"]))
        if spec["action"] == Action.PLACE:
            self.orders[int(row["venue_seq"])] = {
                "where": (spec["account"], int(row["instrument"]), spec["position_side"]), "sell": spec["sell"],
                "reduce": spec["reduce_only"], "strategy": spec["strategy"], "origin": spec["origin"], "asked": False,
                "qty": int(row["qty"]), "pending": 0, "traded": 0, "filled": 0, "over": False, "horizon": 0,
            }  # fmt: skip

    def _judge(self, seq: int, key: int, qty: int, amends: bool) -> tuple[int, int]:
        mine = self.orders[key]
        before = self.furthest(key, max(mine["qty"], mine["pending"]) if mine["asked"] else 0)
        mine["asked"] = True
        after = self.furthest(key, max(mine["qty"], qty))
        if amends:
            mine["pending"] = qty
        level = self.stopped(key, self.roots[seq])
        closes = PositionSide.LONG if mine["sell"] else PositionSide.SHORT
        alone = mine["reduce"] or mine["where"][2] == closes
        if alone and (level == StopLevel.PAUSE or mine["origin"] == Origin.ENGINE):
            return level, 0  # by itself it opens nothing, whatever else was open already
        return level, after - before

    def _take_fill(self, row: np.void) -> None:
        about, key, qty = terms.unpack(terms.META, int(row["aux"])), int(row["venue_seq"]), int(row["qty"])
        trade = about["account"], int(row["instrument"]), int(row["ref"])
        if trade in self.trades:
            return
        self.trades.add(trade)
        where = about["account"], int(row["instrument"]), about["position_side"]
        self.held[where] = self.held.get(where, 0) + (-qty if about["sell"] else qty)
        if key in self.orders:
            self.orders[key]["traded"] += qty

    def _take_report(self, kind: int, row: np.void, mine: dict[str, Any]) -> None:
        if kind in (r.ACCEPTED.number, *ENDS):
            mine["filled"] = max(mine["filled"], int(row["qty"]))
        if kind in ENDS:
            mine["over"] = True
        elif kind == r.SILENT.number:
            mine["horizon"], mine["asked_ns"] = int(row["ts_recv"]) + HORIZON_NS, []
        elif kind == r.MISSING.number and int(row["price"]) == PROVED and int(row["ref"]) >= mine["horizon"] > 0:
            mine["asked_ns"].append(int(row["ref"]))
            mine["over"] = mine["over"] or max(mine["asked_ns"]) - min(mine["asked_ns"]) >= APART_NS
        elif kind == r.REPLACED.number:
            mine["qty"], mine["pending"] = int(row["qty"]), 0
        elif kind == r.REQUEST_REJECTED.number and terms.unpack(terms.META, int(row["aux"]))["action"] == Action.AMEND:
            mine["pending"] = 0
