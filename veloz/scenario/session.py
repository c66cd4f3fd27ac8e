"""A session: the engine, its journal and the names, step by step. Each step is durable before its requests are let go."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from journal import Writer
from journal.limits import ROWS_MAX
from veloz.contracts import codes, registry, terms
from veloz.contracts.layout import ROW
from veloz.contracts.registry import BY_NUMBER
from veloz.engine.outbox import Request
from veloz.engine.step import Engine, Step
from veloz.execution.adopting import answer
from veloz.execution.reconcile import Difference, differences
from veloz.history.sentences import disabled_text
from veloz.history.telling import Teller, read_body
from veloz.instruments.lexicon import Lexicon
from veloz.reducers.finding import find_order
from veloz.reducers.state import State, new_state
from veloz.reducers.words import I
from veloz.scenario.naming import ENGINE, Found, Names, OrderName, Traded, refuse
from veloz.scenario.simulated import Simulated
from veloz.scenario.transcript import Outcome, tell_row
from veloz.strategies.host import Host
from veloz.strategies.loader import Library

MAP_BYTES: Final = 1 << 30
ROUNDS_MAX: Final = 1_000  # steps that one line may lead to: requests that are dispatched at once, timers that come due
TIMERS_MAX: Final = 20_000
NOTHING: Final = np.zeros(0, ROW)
_REFUSALS: Final = (registry.GATE_REFUSED.number, registry.COMMAND_REFUSED.number, registry.DISABLED.number)
_ORDERS: Final = tuple(
    kind.number for kind in registry.KINDS if kind.words[0] == "order" and kind is not registry.COMMAND_ORDER
)  # fmt: skip


@dataclass
class Happened:
    """What came of the steps since the last line."""

    refusals: list[dict[str, Any]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    requests: int = 0


class Session:
    """Runs steps into a journal.

    Args:
        path: The journal's directory, empty or new.
        names: Who is who; learns the orders of strategies and the differences that the engine finds.
        library: All code that its strategies may run.
    """

    def __init__(self, path: Path, names: Names, library: Library) -> None:
        self._path = path
        self._writer = Writer.open(path, map_size_bytes=MAP_BYTES)
        self.names = names
        self.host = Host(library)
        self.engine = Engine(new_state(), self.host)
        self.lexicon = Lexicon()
        self._teller = Teller(self.lexicon, names.instrument)
        self.outcome = Outcome()
        self.refusals: list[dict[str, Any]] = []
        self.orders: dict[tuple[int, int], np.ndarray] = {}  # ORDER[1] as last seen, by key and instrument
        self.counts: dict[str, int] = {}  # decisions by kind
        self.happened = Happened()
        self.auto = True
        self.exchange: Simulated | None = None
        self.records = 0
        names.terms_of = self._terms_of
        names.answer = lambda found, action, seq, now: answer(self.state, found, action, seq, now)

    @property
    def state(self) -> State:
        """The state after the last step."""
        return self.engine.state

    @property
    def next_seq(self) -> int:
        """Sequence number of the next row."""
        return self._writer.head_seq + 1

    def close(self) -> None:
        """Give the journal back."""
        self._writer.close()

    def start(self, now_ns: int) -> None:
        """The first row of an engine run."""
        row = np.zeros(1, ROW)
        row["kind"], row["version"], row["ts_recv"] = registry.STARTED.number, registry.STARTED.version, now_ns
        row["venue_seq"] = self._writer.epoch
        self.names.epoch = self._writer.epoch
        self.take(0, row, [])

    def reopen(self, line: int) -> None:
        """The writer's side of a restart: whoever opens a journal again gets its next epoch."""
        self._writer.close()
        self._writer = Writer.open(self._path, map_size_bytes=MAP_BYTES)
        if self._writer.epoch != self.names.epoch + 1:
            refuse(line, "the journal was opened by somebody else meanwhile.")

    def take(self, line: int, rows: np.ndarray, bodies: list[tuple[int, bytes]]) -> None:
        """One step, and those that follow from its requests."""
        now = int(rows["ts_recv"][-1])
        requests = self._step(line, rows, bodies)
        if self.exchange is not None:
            self.exchange.see(rows)
        for _ in range(ROUNDS_MAX):
            if requests and self.exchange is not None:
                self.exchange.send(requests, now)
            if requests and self.auto:
                rows = np.concatenate([_dispatched(request, now) for request in requests])
            else:
                rows = NOTHING if self.exchange is None else self.exchange.hear(now)
            if not len(rows):
                return
            requests = self._step(line, rows, [])
        refuse(line, f"it leads to more than {ROUNDS_MAX} rounds of requests.")

    def pass_time(self, line: int, until_ns: int) -> None:
        """Let the timers of strategies come, each at its due time, and what a simulated exchange says, up to a moment."""
        for _ in range(TIMERS_MAX):
            due = self.host.next_due()
            if self.exchange is not None and self._heard(line, until_ns if due is None else min(due, until_ns)):
                continue
            if due is None or due > until_ns:
                return
            at = max(due, int(self.state.clock[0]["now_ns"]))
            fired = self.host.due(due)
            rows = np.zeros(len(fired), registry.TIMER.view)
            rows["kind"], rows["version"], rows["ts_recv"] = registry.TIMER.number, registry.TIMER.version, at
            for k, each in enumerate(fired):
                rows["strategy"][k], rows["timer"][k], rows["due_ns"][k] = each.strategy, each.timer, each.due_ns
            self.take(line, rows.view(ROW), [])
        refuse(line, f"more than {TIMERS_MAX} timers come due before it.")

    def open_exchange(self, line: int, args: dict[str, Any]) -> None:
        """From here on a simulated exchange answers."""
        if self.exchange is not None:
            refuse(line, "there is an exchange already.")
        self.exchange = Simulated(line, args, self.names, self.state)

    def _heard(self, line: int, before_ns: int) -> bool:
        """Take what the exchange says next, where that is before a moment."""
        assert self.exchange is not None
        arrival = self.exchange.reach(before_ns - 1)
        if arrival >= before_ns:
            return False
        self.take(line, self.exchange.hear(arrival), [])
        return True

    def _step(self, line: int, rows: np.ndarray, bodies: list[tuple[int, bytes]]) -> list[Request]:
        step = self.engine.take(rows, bodies, self.next_seq)
        if len(step.rows) > ROWS_MAX:
            refuse(line, f"its step has {len(step.rows)} rows, and a batch of the journal holds {ROWS_MAX}.")
        self._writer.append(step.rows, bodies=step.bodies)
        self._writer.flush()
        requests = self.engine.outbox.release(self._writer.durable_seq)
        self.records += len(step.rows)
        self._learn(step)
        self.happened.requests += len(requests)
        return requests

    def _learn(self, step: Step) -> None:
        """Names, lines, refusals and orders of a step."""
        bodies = dict(step.bodies)
        self._diverged(step)
        for at, row in enumerate(step.rows):
            seq, kind = step.first_seq + at, int(row["kind"])
            self.lexicon.learn(row, bodies.get(at), seq)
            if at >= step.inputs:
                self._decided(seq, kind, row, bodies.get(at))
            if kind in _ORDERS:
                self._see(int(row["venue_seq"]), int(row["instrument"]))

    def _diverged(self, step: Step) -> None:
        """Differences that the step has found, as `reconcile` tells them: rows do not say the position side."""
        told = np.flatnonzero(step.rows["kind"] == registry.DIVERGED.number).tolist()
        if not told:
            return
        marks = np.flatnonzero(step.rows["kind"] == registry.STATEMENT.number).tolist()
        found: list[Difference] = []
        for begin, end in zip(marks[::2], marks[1::2], strict=False):
            found += differences(self.state, step.rows[begin : end + 1], step.first_seq + begin)
        if len(found) != len(told):
            found = [_difference_of(step.rows[at].view(registry.DIVERGED.view)) for at in told]
        self.names.differences += [
            Found(step.first_seq + at, difference) for at, difference in zip(told, found, strict=True)
        ]

    def _decided(self, seq: int, kind: int, row: np.void, body: bytes | None) -> None:
        name = BY_NUMBER[kind].name
        self.counts[name] = self.counts.get(name, 0) + 1
        traded = self.names.by_number(int(row["instrument"]))
        instrument = traded.instrument if traded else None
        title = self.names.title(int(row["instrument"]))
        self.outcome.lines["rows"].append(tell_row(seq, row, instrument, title, self._teller, body))
        if kind == registry.DRAFTED.number:
            self._drafted(row)
        elif kind in (registry.REQUESTED.number, registry.CANCEL_REQUESTED.number, registry.AMEND_REQUESTED.number):
            asked = terms.unpack(terms.SPEC, int(row["aux"]))["action"]
            self.names.requests[int(row["venue_seq"]), asked] = seq
        elif kind == registry.VIOLATION.number:
            self.happened.violations.append(_code_name(int(row["aux"])))
        if kind in _REFUSALS:
            self._refused(seq, kind, row, traded, body)

    def _drafted(self, row: np.void) -> None:
        """An order of a strategy, or of the engine itself, gets its name."""
        parts = terms.unpack(terms.SPEC, int(row["aux"]))
        title = self.lexicon.strategies.get(parts["strategy"], "")
        if parts["origin"] == terms.Origin.ENGINE:
            title = ENGINE
        if not title or parts["action"] != terms.Action.PLACE:
            return
        order = OrderName(
            int(row["venue_seq"]), int(row["instrument"]), parts["account"], bool(parts["sell"]), parts["position_side"],
            int(row["aux"]), int(row["price"]), int(row["qty"]),
        )  # fmt: skip
        self.names.count_order(title, order)

    def _refused(self, seq: int, kind: int, row: np.void, traded: Traded | None, body: bytes | None) -> None:
        told = self._teller.tell(BY_NUMBER[kind], row, traded.instrument if traded else None)
        gate = kind == registry.GATE_REFUSED.number
        refusal = {
            "seq": seq, "code": told["verdict"]["code"] if gate else told["code"], "kind": BY_NUMBER[kind].name,
            "instrument": self.names.title(int(row["instrument"])) if traded else None,
            "order": told.get("order") or None, "scope": told["verdict"]["scope"] if gate else told.get("scope"),
            "limit": told["limit"], "observed": told["observed"], "unit": told.get("unit"),
            "term": told["verdict"].get("term") if gate else None, "cause": int(row["ref"]) or None,
        }  # fmt: skip
        if kind == registry.DISABLED.number:
            refusal["scope"] = f"strategy:{told['strategy']}"
            told["body"] = read_body(registry.DISABLED, body) if body is not None else {}
            self.names.disabled[str(told["strategy"])] = disabled_text(told)
            if body is not None:
                refusal.update(read_body(registry.DISABLED, body))
        self.refusals.append(refusal)
        self.happened.refusals.append(refusal)

    def _see(self, key: int, instrument: int) -> None:
        """Remember an order as it is now: the state forgets orders that are long over."""
        order = self.find(key, instrument)
        if order is not None:
            self.orders[key, int(order["instrument"])] = np.array([order])

    def find(self, key: int, instrument: int) -> np.void | None:
        """An order in the state; None when it is not there."""
        at = int(find_order(self.state.orders, self.state.order_places, I(key), I(instrument)))
        return None if at < 0 else self.state.orders[at]

    def _terms_of(self, order: OrderName) -> tuple[int, int]:
        """Price and quantity of an order, those of an amendment under way where there is one."""
        found = self.find(order.key, order.instrument)
        if found is None:
            return order.price, order.qty
        if int(found["pending_action"]) == terms.Action.AMEND:
            return int(found["pending_price"]), int(found["pending_qty"])
        return int(found["price"]), int(found["qty"])


def _difference_of(row: np.void) -> Difference:
    """What a `system.diverged` row tells by itself."""
    what = int(row["what"])
    return Difference(
        codes.Difference(what & 0xFF), codes.Severity(what >> 8 & 0xFF), what >> 16 & 0xFF, int(row["instrument"]),
        what >> 24, int(row["order"]), int(row["ours"]), int(row["theirs"]),
    )  # fmt: skip


def _code_name(verdict: int) -> str:
    code = terms.unpack(terms.VERDICT, verdict)["code"]
    return codes.Refusal(code).name if code in list(codes.Refusal) else str(code)


def _dispatched(request: Request, now_ns: int) -> np.ndarray:
    """`order.dispatched` of a request that left at once."""
    row = np.zeros(1, registry.DISPATCHED.view)
    parts = terms.unpack(terms.SPEC, request.spec)
    row["kind"], row["version"] = registry.DISPATCHED.number, registry.DISPATCHED.version
    row["instrument"], row["ts_recv"], row["order"], row["action"] = (
        request.instrument,
        now_ns,
        request.key,
        request.action,
    )
    row["sent_ns"], row["ref"] = now_ns, request.seq
    row["meta"] = terms.pack(
        terms.META,
        account=request.account,
        sell=parts["sell"],
        position_side=parts["position_side"],
        action=request.action,
    )
    return row.view(ROW)
