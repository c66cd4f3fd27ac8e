"""A trading floor to try the gate on: real rows folded by the real fold, drafts judged and their verdicts folded at once."""

from collections.abc import Collection
from copy import copy
from typing import NamedTuple

import numpy as np

from tests.engine.sessions import row
from veloz.contracts import codes, terms
from veloz.contracts import registry as r
from veloz.contracts.codes import Limit, Refusal, StopLevel, StopSource
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.terms import ScopeKind
from veloz.reducers.finding import find_order
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state
from veloz.reducers.words import RAW, I
from veloz.risk.breaker import decide_breakers
from veloz.risk.commands import FINDING_WORDS, FINDINGS_ROOM, decide_command
from veloz.risk.gate import VERDICT_WORDS, judge, judge_cancel

SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
BTC, USDT, EUR = 1, 2, 3  # nobody says what a EUR is worth
ONE_WAY, HEDGED, SPOT, COIN = 1, 2, 3, 4  # accounts
PERP, OTHER, CASH, INVERSE, FAR = 1, 2, 3, 4, 5  # instruments; FAR is settled in EUR
PRODUCTS = {
    PERP: (2, USDT),
    OTHER: (2, USDT),
    CASH: (1, USDT),
    INVERSE: (3, BTC),
    FAR: (2, EUR),
}  # and what they are settled in
MARKETS = {ONE_WAY: 2, HEDGED: 2, SPOT: 1, COIN: 3}
STRATEGIES = 2
TIMER = row(r.TIMER, 0, 0, 0)
WATCHED = ("desk", "orders", "scopes", "limits", "positions", "balances", "terms", "tallies", "breakers", "strategies")


class Said(NamedTuple):
    """A verdict. `scope` None: no scope's limit."""

    code: int
    scope: tuple[int, int]
    limit: int
    observed: int
    hold: int
    asset: int


class Floor:
    """Accounts with much money, five instruments (tick 5, lot 2), strategies that run, prices at 10 000.

    `take` folds rows as one step and settles; `decide` folds decisions into the step in hand. While `gathers`, rows taken are inputs
    of one step that `settle` ends.
    """

    def __init__(self, instruments: Collection[int] = (PERP, OTHER, CASH, INVERSE, FAR)) -> None:
        self.state: State = new_state()
        self.seq = 0
        self.now = BEGIN
        self.trades = 0
        self.gathers = False
        self.before: dict[str, np.ndarray] = {}
        scales = 2 | 3 << 8
        rows = [row(r.STARTED, 1)]
        markets = {number: PRODUCTS[number][0] for number in sorted(instruments)}
        for number, market in markets.items():
            rows.append(
                row(r.LISTED, scales | market << 16, 5, 2, 10**8 if market < 3 else 10**10, 1, instrument=number)
            )
        rows += [row(r.ASSET, asset, 8) for asset in (BTC, USDT, EUR)]
        accounts = {account: market for account, market in MARKETS.items() if market in markets.values()}
        for account, market in accounts.items():
            rows.append(row(r.OPENED, account, market, int(account == HEDGED), 0, USDT))
            for asset in (BTC, USDT, EUR):
                rows.append(row(r.BALANCE, account, 10**15, asset, 0, 0))
        rows.append(row(r.RATE, BTC, 100, 1))
        for number, kind in markets.items():
            settle = PRODUCTS[number][1]
            rows.append(row(r.ASSETS, kind, BTC, EUR if settle == EUR else USDT, settle, instrument=number))
            on = {2: (ONE_WAY, HEDGED), 3: (COIN,)}.get(kind, ())
            rows += [row(r.LEVERAGE, account, 100, 0, 0, instrument=number) for account in on]
        for number in range(1, STRATEGIES + 1):
            rows += [row(r.COMMAND_STRATEGY, number, action, 0, 1, ONE_WAY) for action in (0, 1)]
        self.take(*rows)
        for number in markets:
            self.price(number, 10_000)

    def fork(self) -> "Floor":
        """Another that begins where this one stands."""
        made = copy(self)
        made.state = State(*(array.copy() for array in self.state))
        return made

    def take(self, *rows: np.ndarray) -> int:
        """One step of inputs, settled, or some inputs of one; the number of the first."""
        raw = b"".join(each.tobytes() for each in (rows if self.gathers else (*rows, TIMER)))
        step = np.frombuffer(bytearray(raw), ROW)
        step["ts_recv"] = np.maximum(step["ts_recv"], self.now)
        if not self.gathers:
            step["flags"][-1] |= STEP_END
        first = self.seq + 1
        self.state = fold(self.state, step, first)
        self.seq += len(step)
        return first

    def settle(self) -> None:
        """The end of the step in hand."""
        step = TIMER.copy()
        step["ts_recv"], step["flags"] = self.now, STEP_END
        self.seq += 1
        self.state = fold(self.state, step, self.seq)

    def decide(self, kind: r.Kind, *words: int, instrument: int = 0) -> int:
        """One decision; its number."""
        self.state = fold(self.state, row(kind, *words, instrument=instrument, ts=self.now), self.seq + 1)
        self.seq += 1
        return self.seq

    def price(self, number: int, last: int, bid: int = 0, ask: int = 0) -> None:
        """Last trade, mark and quote of an instrument."""
        self.trades += 1
        quote = {"update_id": self.trades, "bid": bid or last - 5, "bid_qty": 1, "ask": ask or last + 5, "ask_qty": 1}
        marked = {"mark_e8": last * 10**6, "index_e8": last * 10**6}
        self.take(
            row(r.TRADE, self.trades, last, 1_000, 0, 0, instrument=number, ts=self.now, flags=6),
            row(r.QUOTE, *(quote[name] for name in ("update_id", "bid", "bid_qty", "ask", "ask_qty")), instrument=number, ts=self.now),
            row(r.MARK, *(marked.get(name, 0) for name in r.MARK.words), instrument=number, ts=self.now, flags=6),
        )  # fmt: skip

    def place_of(self, key: int) -> int:
        """Where an order lies."""
        return int(find_order(self.state.orders, self.state.order_places, I(key), I(0)))

    def keep(self) -> None:
        """Remember what a judgement must not change, where the last that was remembered lies: fresh memory costs more than the copy."""
        for name in WATCHED:
            words = getattr(self.state, name).view(np.uint64)
            if len(self.before.get(name, ())) != len(words):
                self.before[name] = words.copy()
            else:
                np.copyto(self.before[name], words)

    def is_kept(self) -> bool:
        """Whether all of that is as it was."""
        return all(np.array_equal(getattr(self.state, name).view(np.uint64), self.before[name]) for name in WATCHED)

    def draft(
        self, instrument: int, price: int, qty: int, *, more: tuple[int, ...] = (), **parts: int
    ) -> tuple[int, int]:
        """Fold a draft: its key and number. `more`: words of order.terms."""
        parts.setdefault("account", {CASH: SPOT, INVERSE: COIN}.get(instrument, ONE_WAY))
        key = terms.order_key(self.seq + 1)
        seq = self.decide(
            r.DRAFTED, key, price, qty, 1, terms.pack(terms.SPEC, more=int(bool(more)), **parts), instrument=instrument
        )
        if more:
            self.decide(r.TERMS, *more[:3], seq, more[3], instrument=instrument)
        return key, seq

    def judged(self, key: int) -> Said:
        """The gate's verdict on what is drafted."""
        verdict = np.full(VERDICT_WORDS, 77, np.int64)
        code = int(judge(self.state, I(self.place_of(key)), I(self.now), verdict))
        assert code == verdict[0]
        return Said(code, (int(verdict[1]), int(verdict[2])), *(int(word) for word in verdict[3:7]))

    def rule(self, key: int, seq: int, said: Said | None = None) -> Said:
        """Judge what is drafted, unless that is done, and fold the verdict."""
        said = said or self.judged(key)
        instrument = int(self.state.orders[self.place_of(key)]["instrument"])
        if said.code:
            word = terms.pack(terms.VERDICT, code=said.code, kind=said.scope[0], number=said.scope[1])
            self.decide(r.GATE_REFUSED, key, said.limit, said.observed, seq, word, instrument=instrument)
        else:
            revision = int(self.state.desk[0]["limits_revision"])
            self.decide(r.APPROVED, key, said.hold, said.asset, seq, revision, instrument=instrument)
        return said

    def order(self, instrument: int, price: int, qty: int, **parts: int) -> Said:
        """Draft, judge, fold."""
        return self.rule(*self.draft(instrument, price, qty, **parts))  # type: ignore[arg-type]

    def amend(self, key: int, price: int, qty: int) -> Said:
        """The same for an amendment of an open order."""
        order = self.state.orders[self.place_of(key)]
        word = (int(order["spec"]) & ~3) | terms.Action.AMEND
        seq = self.decide(r.DRAFTED, key, price, qty, 1, word, instrument=int(order["instrument"]))
        return self.rule(key, seq)

    def last_key(self) -> int:
        """Key of the newest order."""
        return max(int(order["key"]) for order in self.state.orders)

    def cancel(self, key: int, origin: int = terms.Origin.STRATEGY) -> int:
        """Ask for a cancel; the code."""
        verdict = np.zeros(VERDICT_WORDS, np.int64)
        place = self.place_of(key)
        code = int(judge_cancel(self.state, I(place), I(origin), I(self.now), verdict))
        if not code:
            order = self.state.orders[place]
            self.decide(r.CANCEL_REQUESTED, key, 0, 0, 1, int(order["spec"]), instrument=int(order["instrument"]))
        return code

    def report(self, kind: r.Kind, key: int, *words: int, **parts: int) -> None:
        """A report of the venue."""
        order = self.state.orders[self.place_of(key)]
        spec = terms.unpack(terms.SPEC, int(order["spec"]))
        word = terms.pack(
            terms.META, account=spec["account"], sell=spec["sell"], position_side=spec["position_side"], **parts
        )
        self.take(row(kind, key, *words, word, instrument=int(order["instrument"]), ts=self.now))

    def fill(self, key: int, price: int, qty: int) -> None:
        """An execution."""
        self.trades += 1
        self.report(r.FILLED, key, price, qty, self.trades)

    def command(self, command: np.ndarray) -> list[int]:
        """Fold a command and what it leads to; codes of refusals, 0 for what was done."""
        seq = self.take(command)
        out = np.zeros((FINDINGS_ROOM, FINDING_WORDS), np.int64)
        n = int(decide_command(self.state, command.view(RAW)[0], I(seq), I(self.now), out, I(0)))
        return self.enact(out, n)

    def enact(self, out: np.ndarray, n: int) -> list[int]:
        """Fold findings; codes of refusals, 0 for what was done."""
        for finding in out[:n]:
            self.decide(r.BY_NUMBER[int(finding[0])], *(int(word) for word in finding[2:]), instrument=int(finding[1]))
        return [int(finding[3]) if finding[0] == r.COMMAND_REFUSED.number else 0 for finding in out[:n]]

    def breakers(self) -> list[int]:
        """Open and close breakers; kinds of the rows."""
        out = np.zeros((FINDINGS_ROOM, FINDING_WORDS), np.int64)
        n = int(decide_breakers(self.state, I(self.seq), I(self.now), out, I(0)))
        self.enact(out, n)
        return [int(kind) for kind in out[:n, 0]]

    def limit(self, kind: ScopeKind, number: int, limit: Limit, value: int, confirm: int = 0) -> list[int]:
        """control.limit."""
        return self.command(row(r.COMMAND_LIMIT, terms.scope(kind, number), limit, value, 1, confirm, ts=self.now))

    def stop(
        self, kind: ScopeKind, number: int, level: StopLevel, source: StopSource = StopSource.PERSON, phrase: str = ""
    ) -> list[int]:
        """control.stop."""
        typed = codes.phrase_number(phrase) if phrase else 0
        return self.command(row(r.COMMAND_STOP, terms.scope(kind, number), level, typed, 1, source, ts=self.now))


def name_of(code: int) -> str:
    """Name of a refusal."""
    return Refusal(code).name if code else "APPROVED"
