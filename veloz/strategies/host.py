"""The host of strategies: who wakes at a step's end, in fixed order, and what they want, as rows.

One call a step. The engine folds the inputs of the step (no STEP_END yet), settles, and asks `Host.wake`: every strategy sees the same
state, whoever comes before it. What comes back is in the order of strategy numbers and becomes rows of the journal in that order.

What the commands mean, status being State's (`STRATEGY.status`, folded from the same rows):

    LOAD      any state → LOADED: the code named by `code_hash` and the body, with the body's parameters and instruments
    START     LOADED, PAUSED, STOPPED, DISABLED → RUNNING: timers begin at engine time + interval. PAUSED goes on with its memory, the
              others begin anew and `on_start` is called
    PAUSE     RUNNING → PAUSED: no wakes, no timers; memory stays
    STOP      RUNNING, PAUSED → STOPPED: `on_stop` is called (its cancels count, nothing else), then no wakes
    REPLACE   any state but ABSENT keeps its status: other code from the next wake on; memory stays or begins anew as the new code
              declares (`keeps`). Instruments and parameters that the body does not name stay too

What the table (`reducers/stops.py`) does not draw changes nothing here and is refused where commands are judged. A command that cannot
be carried out (no such code, another SDK version, unknown instruments or parameters) disables the strategy by a `strategy.disabled` row
whose cause is the command. control.param is judged here, because only the code knows its parameters: taken, or a
`risk.command_refused` row.

A stop level of HALT or above on a strategy's own scope is its kill: it is not woken. How many intents a window holds is judged where
intents become drafts (`gate.judge_intent`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from veloz.contracts import registry, terms
from veloz.contracts.codes import Refusal, StrategyAction, StrategyStatus
from veloz.contracts.command import ParameterBody, StrategyBody
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import ROW, words_of
from veloz.contracts.registry import BY_NAME
from veloz.reducers.bars import has_closed, newest_bucket
from veloz.reducers.desk import STRATEGIES_MAX
from veloz.reducers.state import State
from veloz.reducers.stops import STRATEGY_TABLE
from veloz.reducers.tables import STAY
from veloz.reducers.view import slot_of
from veloz.reducers.words import KINDS_MAX, I
from veloz.strategies import sdk
from veloz.strategies.crew import COMPILED, Crew, new_crew
from veloz.strategies.intents import disabled_row
from veloz.strategies.loader import Code, Library
from veloz.strategies.memory import pack_plain, unpack_plain
from veloz.strategies.mind import (
    NOBODY,
    ON_BAR,
    ON_EVENT,
    ON_FILL,
    ON_ORDER,
    ON_PARAMETER,
    ON_START,
    ON_STOP,
    ON_TIMER,
    Fault,
    Mind,
    Stimulus,
    make_mind,
    nobody,
    revive,
    succeed,
    takes_over,
)  # fmt: skip
from veloz.strategies.parameters import TAKEN
from veloz.strategies.telling import may_run, owner_of, trade_counted_at
from veloz.strategies.window import scan

_RUNNING, _PAUSED, _DISABLED = (int(StrategyStatus[name]) for name in ("RUNNING", "PAUSED", "DISABLED"))
_LISTINGS: Final = (registry.LISTED.number, registry.CHANGED.number)
_BARRED: Final = (
    registry.TRADE.number,
    registry.AGGTRADE.number,
    registry.BAR_VOLUME.number,
)  # rows that may close a bar
_REPORTS: Final = tuple(BY_NAME[name].number for name in sdk.ORDER_KINDS)
_FORMAT: Final = 2


class Wake(NamedTuple):
    """What came of one strategy in one step.

    `rows` is ROW[n], not numbered yet, ts_recv = engine time, flags without STEP_END, each with its own cause in `ref`:
    strategy.intent rows (QUOTE: two in a row, FIRST and LAST; spec.more: one order.terms row right behind it, whose `ref` is 0 and
    becomes the intent's number); or one strategy.disabled and nothing else; or one risk.command_refused for a parameter.
    `cause` is the sequence number of the row that woke it first. `text`: what a strategy that is disabled has raised.
    """

    strategy: int
    cause: int
    rows: np.ndarray
    text: str = ""


class Due(NamedTuple):
    """A timer that has come: the words of the system.timer row that whoever feeds the engine makes of it."""

    due_ns: int
    strategy: int
    timer: int


class Host:
    """All strategies of an engine. A function of the rows it was shown: two hosts that saw the same rows say the same.

    `crew`: those that run, for `crew.wake_crew`, which does what `wake` does where that is plain. It is another one after a step in
    which a strategy began, ended or changed.
    """

    crew: Crew

    def __init__(self, library: Library, instead: Mapping[int, Code] | None = None) -> None:
        """`library`: all code that may be run. `instead`: by strategy number, code to run whatever the commands name."""
        self._library, self._instead = library, dict(instead or {})
        self._minds: dict[int, Mind] = {}
        self._names: dict[str, list[int]] = {}
        self._rare = np.zeros(64, np.int64)
        self._wire()

    def know(self, state: State) -> None:
        """Rows were folded about which nobody was asked: bars that closed in them are told to nobody, the ones open now when they close."""
        for mind in self._minds.values():
            if mind.status == _RUNNING:
                _mark_bars(mind, state)

    # --- a step -----------------------------------------------------------------------------------------------------------

    def wake(
        self,
        state: State,
        rows: np.ndarray,
        first_seq: int,
        now: int,
        bodies: Iterable[tuple[int, bytes]] = (),
        *,
        data: int = 0,
    ) -> list[Wake]:
        """Carry out the commands of a step and wake who is concerned.

        Args:
            state: After the inputs of the step, settled. Read only.
            rows: ROW[n], the inputs of the step.
            first_seq: Sequence number of `rows[0]`.
            now: Engine time after them, ns.
            bodies: (index in `rows`, msgpack) of the rows that have one, ascending, as in a batch.
            data: So many rows at the front are of another journal, whose numbers mean nothing here: they count as the row behind them.

        Returns:
            Ascending by strategy number; none for a strategy that wants nothing.
        """
        if len(rows) > len(self._rare):
            self._rare = np.zeros(2 * len(rows), np.int64)
        crew = self.crew
        found = int(scan(words_of(rows), crew.heads, crew.asked, crew.last, crew.singles, self._rare))
        if found == 0:
            return []
        step = _Step(state, rows, first_seq, now, data)
        if found >> 32:
            self._events(step)
        if found & 0xFFFFFFFF:
            by_row = dict(bodies)
            for k in self._rare[: found & 0xFFFFFFFF].tolist():
                self._single(step, k, by_row.get(k, b""))
        for number in sorted(step.told):
            self._ask(step, self._minds[number])
        crew.voices.forget()
        if step.rewire:
            self._wire()
        return sorted(step.wakes, key=lambda wake: wake.strategy)

    def _events(self, step: "_Step") -> None:
        """The last row of each kind and instrument that somebody waits for."""
        last = self.crew.last
        for place in np.flatnonzero(last >= 0).tolist():
            k, (number, interval) = int(last[place]), self._waiting[place]
            stimulus = step.stimulus(k, ON_EVENT if interval < 0 else ON_BAR, interval)
            if interval < 0 or self._bar_closed(step.state, number, stimulus.instrument, interval):
                step.tell(number, k, stimulus)
        last.fill(-1)

    def _bar_closed(self, state: State, number: int, instrument: int, interval: int) -> bool:
        mind = self._minds[number]
        slot_ix, length_ns = slot_of(state, instrument), mind.lengths_ns[interval]
        at = mind.numbers.index(instrument) * len(mind.lengths_ns) + interval
        seen = int(mind.bars_seen[at])
        mind.bars_seen[at] = max(seen, _newest_bar(state, instrument, length_ns))
        return slot_ix >= 0 and bool(has_closed(state.tapes[slot_ix], I(length_ns), I(seen)))

    def _single(self, step: "_Step", k: int, body: bytes) -> None:
        """A row that is looked at alone: commands, listings, timers, and what became of orders."""
        row = step.rows[k]
        kind, number = int(row["kind"]), int(row["venue_seq"])
        if kind in _LISTINGS:
            self._learn(step, k, body)
        elif kind == registry.COMMAND_STRATEGY.number:
            self._command(step, k, body)
        elif kind == registry.COMMAND_PARAM.number:
            self._parameter(step, k, body)
        elif kind == registry.TIMER.number:
            mind, stimulus = self._minds.get(number), step.stimulus(k, ON_TIMER, int(row["price"]))
            if mind is None or mind.status != _RUNNING or not mind.beat(stimulus.number, stimulus.word3, step.now_ns):
                return
            if mind.has_news(step.state, stimulus.number):
                step.tell(number, k, stimulus)
        else:
            self._report(step, k, kind)

    def _report(self, step: "_Step", k: int, kind: int) -> None:
        """What became of an order, to the strategy that owns it. A fill that was not counted is a repeat and is not told."""
        row = step.rows[k]
        owner = int(owner_of(step.state, int(row["venue_seq"]), int(row["instrument"])))
        mind = self._minds.get(owner)
        if mind is None or mind.status != _RUNNING:
            return
        wakes = mind.code.made.wakes
        if kind == registry.FILLED.number:
            account = terms.unpack(terms.META, int(row["aux"]))["account"]
            counted = trade_counted_at(step.state, int(row["instrument"]) << 8 | account, int(row["ref"]))
            if wakes.fills and counted == step.first_seq + k:
                step.tell(owner, k, step.stimulus(k, ON_FILL))
        elif wakes.orders:
            step.tell(owner, k, step.stimulus(k, ON_ORDER))

    def _ask(self, step: "_Step", mind: Mind) -> None:
        """Let a strategy answer what it was told, as far as it may be woken."""
        told = [stimulus for _, stimulus in sorted(step.told[mind.number], key=lambda pair: pair[0])]
        awake = mind.status == _RUNNING and bool(may_run(step.state, mind.number))
        told = [stimulus for stimulus in told if stimulus.code == ON_STOP or awake]
        if not told:
            return
        window = mind.sights.window
        answer = mind.answer(step.state, told, step.last_seq, self.crew.voices.said_by(mind.number))
        step.rewire |= mind.sights.window is not window
        if isinstance(answer, tuple):
            self._disable(step, mind, *answer)
            return
        if len(answer):
            step.wakes.append(Wake(mind.number, told[0].seq, answer))

    def _disable(self, step: "_Step", mind: Mind, cause: int, fault: Fault) -> None:
        mind.status = _DISABLED
        mind.stop_timers()
        step.rewire = True
        rows = disabled_row(mind.number, fault.code, fault.observed, fault.limit, cause, step.now_ns)
        step.wakes.append(Wake(mind.number, cause, rows, fault.text))

    # --- commands ---------------------------------------------------------------------------------------------------------

    def _learn(self, step: "_Step", k: int, body: bytes) -> None:
        """An instrument's name; and where its quanta changed, its strategies count anew."""
        number = int(step.rows[k]["instrument"])
        listed = _decode(body, InstrumentBody)
        if listed is not None:
            for name in (listed.symbol, f"{listed.venue}:{listed.symbol}"):
                known = self._names.setdefault(name, [])
                if number not in known:
                    known.append(number)
        for mind in self._minds.values():
            if number in mind.numbers:
                step.rewire = True
                fault = mind.bind(step.state, mind.numbers)
                mind.seen[:] = 0  # numbers of other quanta mean something else
                if fault is not None:
                    self._disable(step, mind, step.first_seq + k, fault)

    def _command(self, step: "_Step", k: int, payload: bytes) -> None:
        """One control.strategy row."""
        row = step.rows[k]
        number, action = int(row["venue_seq"]), int(row["price"])
        mind = self._minds.get(number)
        if not 0 < number < STRATEGIES_MAX or not 0 <= action < len(StrategyAction):
            return
        follows = int(STRATEGY_TABLE[mind.status if mind else StrategyStatus.ABSENT, action])
        if follows == STAY:
            return
        step.rewire = True
        if action in (StrategyAction.LOAD, StrategyAction.REPLACE):
            self._install(step, k, payload, replace=action == StrategyAction.REPLACE)
            return
        assert mind is not None
        was, mind.status = mind.status, follows
        if action == StrategyAction.START:
            self._start(step, k, mind, anew=was != _PAUSED or not mind.begun)
        else:
            mind.stop_timers()
            if action == StrategyAction.STOP:
                step.tell(number, k, step.stimulus(k, ON_STOP))

    def _install(self, step: "_Step", k: int, payload: bytes, *, replace: bool) -> None:
        """LOAD or REPLACE. Where it fails, a strategy without code stands there, disabled."""
        row = step.rows[k]
        number = int(row["venue_seq"])
        old = self._minds.get(number)
        body = _decode(payload, StrategyBody) or StrategyBody(name="", code="")
        code = self._instead.get(number) or self._library.find(int(row["qty"]), body.code)
        instruments, params = body.instruments, body.params
        if replace and old is not None:
            declared = [param.name for param in code.made.params] if code else list(old.settings.texts)
            kept = {name: text for name, text in old.settings.texts.items() if name in declared}
            instruments, params = instruments or list(old.instruments), {**kept, **params}
        made = make_mind(number, int(row["aux"]), code, body.form, instruments, params)
        step.told.pop(number, None)
        revision = old.settings.revision if old else 0
        mind = made if isinstance(made, Mind) else nobody(number, instruments, params, made)
        mind.settings.revision = revision
        self._minds[number] = mind
        fault = mind.broken
        if replace and old is not None and fault is None:
            fault = self._take_over(step, k, mind, old)
        if fault is not None:
            self._disable(step, mind, step.first_seq + k, fault)

    def _take_over(self, step: "_Step", k: int, new: Mind, old: Mind) -> Fault | None:
        """Let code that replaces another go on where that one stood."""
        new.status = old.status
        if old.begun and takes_over(new, old):
            fault = self._bind(step.state, new) or succeed(new, old)
            if fault is None and new.status == _RUNNING:
                self._set(step, new)
            return fault
        if new.status == _RUNNING:
            self._start(step, k, new, anew=True)
        return None

    def _bind(self, state: State, mind: Mind) -> Fault | None:
        """Find the instruments a strategy names."""
        numbers = []
        for place, name in enumerate(mind.instruments):
            known = self._names.get(name, [])
            if len(known) != 1 or known[0] in numbers or known[0] >= len(state.instruments):
                return Fault(Refusal.NOT_KNOWN, place, len(known))
            numbers.append(known[0])
        return mind.bind(state, numbers) if numbers else Fault(Refusal.NOT_KNOWN)

    def _start(self, step: "_Step", k: int, mind: Mind, *, anew: bool) -> None:
        fault = mind.broken or self._bind(step.state, mind) or (mind.begin() if anew else None)
        if fault is not None:
            self._disable(step, mind, step.first_seq + k, fault)
            return
        self._set(step, mind)
        if anew:
            step.tell(mind.number, k, step.stimulus(k, ON_START))

    def _set(self, step: "_Step", mind: Mind) -> None:
        """Timers and bars begin now."""
        mind.set_timers(step.now_ns)
        _mark_bars(mind, step.state)

    def _parameter(self, step: "_Step", k: int, payload: bytes) -> None:
        """One control.param row: taken, or refused with the numbers that say why."""
        row = step.rows[k]
        number, revision = int(row["venue_seq"]), int(row["aux"])
        mind, body = self._minds.get(number), _decode(payload, ParameterBody)
        if mind is not None:
            mind.settings.revision += 1  # of every such command, as in State: whoever reads it there names one more
        if mind is None or body is None or mind.settings.place(body.name) < 0:
            step.refuse(k, number, Refusal.NOT_KNOWN, 0, 0)
            return
        settings = mind.settings
        if revision not in (0, settings.revision):
            step.refuse(k, number, Refusal.ALREADY, revision, settings.revision)
            return
        value = settings.change({body.name: body.value}, mind.scales)
        if value.code != TAKEN:
            step.refuse(k, number, value.code, value.observed, value.limit)
            return
        step.rewire = True
        step.tell(number, k, step.stimulus(k, ON_PARAMETER, settings.place(body.name)))

    # --- timers -----------------------------------------------------------------------------------------------------------

    def due(self, now: int) -> list[Due]:
        """Timers due at or before `now`, by due time, then strategy, then timer; each at most once.

        A timer is set when its strategy starts, and again by its system.timer row: the next beat of the same rhythm that lies after engine
        time. So ask again after the row was taken. A row that comes before its timer is due wakes nobody.
        """
        return sorted(
            Due(due_ns, mind.number, timer)
            for mind in self._minds.values()
            for timer, due_ns in enumerate(mind.dues.tolist())
            if 0 < due_ns <= now
        )

    def next_due(self) -> int | None:
        """The earliest due time, ns; None while no timer runs."""
        return min(
            (due_ns for mind in self._minds.values() for due_ns in mind.dues.tolist() if due_ns > 0), default=None
        )

    @property
    def waits(self) -> tuple[tuple[int, int], ...]:
        """(kind, instrument or 0 = any) of every row of a market that wakes somebody, or may."""
        return self._waits

    # --- memory -----------------------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """Memory, parameters, timers and codes of every strategy, for a snapshot.

        Raises:
            ValueError: A strategy keeps what cannot be kept; its text names the type.
        """
        return pack_plain([_FORMAT, self._names, [self._minds[number].dump() for number in sorted(self._minds)]])

    def load(self, payload: bytes) -> None:
        """Go on from a dump.

        Raises:
            ValueError: It is of another program, or names code that is not at hand.
        """
        version, names, dumps = unpack_plain(payload)
        if version != _FORMAT:
            raise ValueError("The memory of strategies is of another program: fold from the start.")
        minds = {}
        for parts in dumps:
            code = self._instead.get(parts[0]) or (NOBODY if parts[3] == 0 else self._library.find(parts[3], parts[2]))
            if code is None:
                raise ValueError(
                    f"The memory of strategy {parts[0]} needs the code {parts[2]} that made it, which is not at hand."
                )
            minds[parts[0]] = revive(parts, code)
        self._names, self._minds = names, minds
        self._wire()

    def fork(self) -> "Host":
        """Another one with the same code and memory, which goes its own way from here.

        Raises:
            ValueError: A strategy keeps what cannot be kept.
        """
        other = Host(self._library, self._instead)
        other.load(self.dump())
        return other

    def mind(self, number: int) -> Mind:
        """The strategy of a number, for who watches. Raises KeyError."""
        return self._minds[number]

    def digest(self) -> str:
        """Hash of `dump()`, lower-case hex."""
        return hashlib.blake2b(self.dump(), digest_size=32).hexdigest()

    # --- who waits for what -----------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        """The tables of who waits for what, out of what the running strategies declare."""
        wanted: list[tuple[int, int, int, int]] = []
        singles = np.zeros(int(KINDS_MAX), np.int64)
        singles[
            [*_LISTINGS, registry.COMMAND_STRATEGY.number, registry.COMMAND_PARAM.number, registry.TIMER.number]
        ] = 1
        running = [self._minds[number] for number in sorted(self._minds) if self._minds[number].status == _RUNNING]
        for mind in running:
            wanted += _wishes(mind)
            wakes = mind.code.made.wakes
            singles[registry.FILLED.number] |= wakes.fills
            singles[list(_REPORTS)] |= wakes.orders
        wanted.sort()
        self._waits = tuple((kind, instrument) for kind, instrument, _, _ in wanted)
        self._waiting = [(number, interval) for _, _, number, interval in wanted]
        asked = np.array([instrument for _, instrument, _, _ in wanted], np.int64)
        heads = np.searchsorted([kind for kind, _, _, _ in wanted], np.arange(int(KINDS_MAX) + 1)).astype(np.int64)
        self.crew = new_crew(heads, asked, singles, len(running), sum(2 * mind.code.made.budget for mind in running))
        for place, mind in enumerate(running):
            self._enlist(place, mind)
        for place, (_, instrument, number, interval) in enumerate(wanted):
            mine = self._minds[number].numbers.index(instrument) if interval >= 0 else 0
            self.crew.waiting[place] = (self.crew.place_of[number], interval, mine)

    def _enlist(self, place: int, mind: Mind) -> None:
        """Make a running strategy a member of the crew."""
        crew, wakes = self.crew, mind.code.made.wakes
        mind.beats[:] = [mind.interval(timer) for timer in range(len(mind.beats))]
        door = mind.open_door()
        crew.beside.append((mind.seat, mind.door.call if door else None))
        member = crew.members[place]
        member["number"], member["account"], member["budget"] = mind.number, mind.account, mind.code.made.budget
        member["fills"], member["orders"] = wakes.fills, wakes.orders
        member["changes"] = mind.waits_for_change
        member["seat"], member["door"] = mind.seat.address if COMPILED else place, door
        crew.place_of[mind.number] = place
        if mind.form == "python":
            member["voice"] = 1
            crew.voices.asked[place] = mind.speak


class _Step:
    """One step under way: what is told to whom, and what came of it."""

    def __init__(self, state: State, rows: np.ndarray, first_seq: int, now: int, data: int = 0) -> None:
        self.state, self.rows, self.first_seq, self.now_ns = state, rows, first_seq, now
        self.own_seq = first_seq + data
        self.last_seq = first_seq + len(rows) - 1
        self.told: dict[int, list[tuple[int, Stimulus]]] = {}
        self.wakes: list[Wake] = []
        self.rewire = False

    def stimulus(self, k: int, code: int, number: int = 0) -> Stimulus:
        """A row as a strategy is told of it."""
        row = self.rows[k].tolist()
        seq = max(self.first_seq + k, self.own_seq)
        return Stimulus(code, row[0], row[3], seq, self.now_ns, number, row[2], row[5], *row[6:])

    def tell(self, number: int, k: int, stimulus: Stimulus) -> None:
        """Row `k` concerns a strategy."""
        self.told.setdefault(number, []).append((k, stimulus))

    def refuse(self, k: int, number: int, code: int, observed: int, limit: int) -> None:
        """A parameter is not taken."""
        scope = terms.scope(terms.ScopeKind.STRATEGY, number & 0xFFFFFFFF)
        words = (scope, code, observed, self.first_seq + k, limit)
        row = np.array([(registry.COMMAND_REFUSED.number, 1, 0, 0, self.now_ns, 0, *words)], ROW)
        self.wakes.append(Wake(number, self.first_seq + k, row))


def _wishes(mind: Mind) -> list[tuple[int, int, int, int]]:
    """(kind, instrument or 0, strategy, interval or -1) of everything a strategy's market events and bars come from."""
    wishes = []
    for event in mind.code.made.wakes.events:
        on = event if isinstance(event, sdk.On) else sdk.On(event)
        kind = BY_NAME[on.kind]
        chosen = mind.numbers if on.market < 0 else mind.numbers[on.market : on.market + 1]
        wishes += [(kind.number, instrument, mind.number, -1) for instrument in (chosen if kind.topic == "md" else [0])]
    for interval in range(len(mind.code.made.wakes.bars)):
        wishes += [(kind, instrument, mind.number, interval) for kind in _BARRED for instrument in mind.numbers]
    return wishes


def _mark_bars(mind: Mind, state: State) -> None:
    """Whatever has closed in a state is nothing that closes later."""
    mind.mark_bars(lambda instrument, length: _newest_bar(state, instrument, length))


def _newest_bar(state: State, instrument: int, length_ns: int) -> int:
    """Number of the bar that is open now; 0: none is."""
    slot_ix = slot_of(state, instrument)
    return 0 if slot_ix < 0 else int(newest_bucket(state.tapes[slot_ix], I(length_ns)))


def _decode(payload: bytes, body: type[Any]) -> Any:
    """A body, or None where it is none."""
    try:
        return msgspec.msgpack.decode(payload, type=body)
    except msgspec.DecodeError:
        return None
