"""One strategy at work: its code, parameters, memory, timers, and the calls into it. Whatever it does wrong comes back as a `Fault`."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from types import TracebackType
from typing import Any, Final, NamedTuple

import numpy as np

from veloz.contracts.codes import Refusal, StrategyStatus
from veloz.contracts.kernel import Door, door_of
from veloz.contracts.layout import ROW, ROW_WORDS
from veloz.contracts.registry import BY_NUMBER
from veloz.contracts.terms import META, unpack
from veloz.reducers.bars import INTERVAL_NAMES, INTERVALS_NS
from veloz.reducers.state import State
from veloz.reducers.words import I
from veloz.strategies import sdk
from veloz.strategies.crew import LAST_NS, SHOWN_ORDERS, Seat, next_beat, window_of
from veloz.strategies.glimpse import is_news, new_seen
from veloz.strategies.intents import Draft, Nonsense, put_answer
from veloz.strategies.loader import FORMS, OURS, Code, is_compatible, read_version
from veloz.strategies.memory import NotPlain, pack_plain, unpack_plain
from veloz.strategies.parameters import TAKEN, Settings, text_of
from veloz.strategies.telling import FAULT_STEP, write_intents
from veloz.strategies.window import look, new_sights, view_of

TEXT_MAX: Final = 200  # characters that are kept of what a strategy raised
_TEXT_READ: Final = 10 * TEXT_MAX
_ADDRESS: Final = re.compile("0x[0-9a-fA-F]+")
_WORDS: Final = 3  # of a fault, its text aside
DOORS_MAX: Final = 64  # kernels whose way in is kept


class Fault(NamedTuple):
    """Why a strategy is disabled: the words of strategy.disabled, and the text of its body."""

    code: int
    observed: int = 0
    limit: int = 0
    text: str = ""


class Stimulus(NamedTuple):
    """What a strategy is told, in the order of sdk.EVENT."""

    code: int
    kind: int
    instrument: int
    seq: int
    now_ns: int
    number: int = 0
    flags: int = 0
    ts_event: int = 0
    word1: int = 0
    word2: int = 0
    word3: int = 0
    word4: int = 0
    word5: int = 0


assert Stimulus._fields == sdk.EVENT.names
ON_EVENT, ON_TIMER, ON_BAR, ON_FILL, ON_ORDER = (
    int(n) for n in (sdk.ON_EVENT, sdk.ON_TIMER, sdk.ON_BAR, sdk.ON_FILL, sdk.ON_ORDER)
)
ON_START, ON_STOP, ON_PARAMETER = int(sdk.ON_START), int(sdk.ON_STOP), int(sdk.ON_PARAMETER)
_OUT_WORDS, _OUT_BYTES = len(Draft._fields), sdk.OUT.itemsize
_tick_of: Final[Callable[[tuple[int, ...]], sdk.Tick]] = partial(
    tuple.__new__, sdk.Tick
)  # what its class does, quicker
_CODE, _KIND, _INSTRUMENT, _SEQ, _, _NUMBER, _, _, _WORD1, _, _WORD3, _, _ = range(len(Stimulus._fields))


class Mind:
    """A strategy that was loaded. `status` follows the commands; who wakes it is the host."""

    def __init__(self, number: int, account: int, code: Code, form: str, instruments: Sequence[str]) -> None:
        self.number, self.account = number, account
        self.code, self.form, self.instruments = code, form, tuple(instruments)
        self.status = int(StrategyStatus.LOADED)
        self.settings = Settings(code.made.params)
        self.sights = new_sights(number, (), (), 0, 0)
        self.scales: tuple[tuple[int, int], ...] = ()
        self.dues = np.zeros(len(code.made.wakes.timers), np.int64)  # of each timer; 0: it does not run
        self.beats = np.zeros(len(self.dues), np.int64)
        self.lengths_ns = [INTERVALS_NS[INTERVAL_NAMES.index(name)] for name in code.made.wakes.bars]
        self.bars_seen = np.zeros(len(self.instruments) * len(self.lengths_ns), np.int64)  # as `crew.Seat` has it
        self.begun = False
        self.broken: Fault | None = None  # why there is no code
        self._forget()

    def _forget(self) -> None:
        """No memory: as before the first wake."""
        made = self.code.made
        self.instance: sdk.Strategy | None = None
        self.memory = np.zeros(made.memory, np.int64)
        self.opinions = np.zeros(made.opinions, np.float64)
        self.seen = new_seen(len(self.dues) if made.wakes.if_changed else 0, len(self.instruments))
        self.out = np.zeros(made.budget + 1, sdk.OUT)
        self._out_words = self.out.view(np.int64)
        self._raw = memoryview(self._out_words).cast("B")  # type: ignore[arg-type]
        self._budget = made.budget
        self._said = np.zeros(2 * made.budget * ROW_WORDS, np.int64)
        self._who = np.zeros(4, np.int64)
        self._seat: Seat | None = None
        self._door: Door | None = None

    @property
    def numbers(self) -> list[int]:
        """Numbers of its instruments; none before it was started."""
        return self.sights.instruments.tolist()  # type: ignore[no-any-return]

    def bind(self, state: State, numbers: Sequence[int]) -> Fault | None:
        """Know the instruments by number, and the parameters in their quanta."""
        scales = tuple(
            (int(known["price_scale"]), int(known["qty_scale"])) for known in state.instruments[list(numbers)]
        )
        bad = self.settings.change({}, scales)
        if bad.code != TAKEN:
            return Fault(bad.code, bad.observed, bad.limit)
        made, self.scales = self.code.made, scales
        self.sights = new_sights(self.number, numbers, made.wakes.bars, made.depth, made.history)
        return None

    def begin(self) -> Fault | None:
        """Forget everything and be made anew."""
        self._forget()
        self.begun = True
        if self.form != "python":
            return None
        try:
            self.instance = self.code.made()
            pack_plain(self.instance.state())
        except NotPlain:
            return Fault(Refusal.NONSENSE, 0, Nonsense.NOT_PLAIN)
        except BaseException as error:
            return self.raised(error)
        return None

    def set_timers(self, now: int) -> None:
        """Every timer beats one interval from now."""
        self.dues[:] = [min(now + self.interval(k), int(LAST_NS)) for k in range(len(self.dues))]

    def stop_timers(self) -> None:
        """No timer beats any more."""
        self.dues[:] = 0

    def beat(self, timer: int, due_ns: int, now: int) -> bool:
        """Whether a timer that is said to have fired was due; it is set to its next beat after `now`."""
        if not 0 <= timer < len(self.dues) or not 0 < self.dues[timer] <= due_ns:
            return False
        self.dues[timer] = next_beat(I(self.dues[timer]), I(self.interval(timer)), I(now))
        return True

    @property
    def waits_for_change(self) -> bool:
        """Whether beats are told only where something has changed."""
        wanted = self.code.made.wakes.if_changed
        return bool(self.settings.values[wanted]) if isinstance(wanted, str) else wanted

    def has_news(self, state: State, timer: int) -> bool:
        """Whether a beat that was due is to be told."""
        if not self.waits_for_change:
            return True
        return bool(is_news(state, self.number, self.sights.instruments, self.seen, timer))

    def interval(self, timer: int) -> int:
        """Length of a timer's beat, ns; at least 1."""
        declared = self.code.made.wakes.timers[timer]
        length = declared if isinstance(declared, int) else int(self.settings.values[declared])
        return min(max(1, length), int(LAST_NS))

    def mark_bars(self, newest: Callable[[int, int], int]) -> None:
        """Bars that are closed by now are none that close later."""
        self.bars_seen[:] = [newest(number, length_ns) for number in self.numbers for length_ns in self.lengths_ns]

    def answer(
        self, state: State, stimuli: Sequence[Stimulus], seq: int, said_before: Iterable[bytes | Fault] = ()
    ) -> np.ndarray | tuple[int, Fault]:
        """Tell the strategy what happened in a step, and hear what it wants.

        Args:
            state: At the step's end. Read only.
            stimuli: What it is told, in order; all at one engine time.
            seq: The last row in the state.
            said_before: What it said already to the first of it.

        Returns:
            ROW[n], the rows of its intents, each caused by what was told; or (cause, fault), and then nothing of it counts.
        """
        now, wanted, rows = stimuli[0].now_ns, 0, 0
        self.sights, before = look(state, self.sights, now, seq), iter(said_before)
        for stimulus in stimuli:
            known = next(before, None)
            said = self._call(stimulus) if known is None else known
            if isinstance(said, bytes):
                said = np.frombuffer(said, np.int64)
            if isinstance(said, Fault):
                others = wanted if said.code == Refusal.BUDGET else 0
                return stimulus.seq, said._replace(observed=said.observed + others)
            n = len(said) // _OUT_WORDS
            if wanted + n > self.code.made.budget:
                return stimulus.seq, Fault(Refusal.BUDGET, wanted + n, self.code.made.budget)
            if n == 0:
                continue
            self._who[:] = self.number, self.account, stimulus.seq, now
            stops, others = stimulus.code == ON_STOP, rows
            rows = int(write_intents(state, self.sights.instruments, self._who, said, n, stops, self._said, rows))
            if rows < 0:
                return stimulus.seq, Fault(Refusal.NONSENSE, *divmod(-1 - rows, FAULT_STEP))
            wanted += rows - others if stops else n  # a cancel is one row
        return np.frombuffer(bytearray(self._said[: rows * ROW_WORDS].tobytes()), ROW)

    def _call(self, stimulus: Stimulus) -> np.ndarray | Fault:
        """What the strategy says: OUT rows in words."""
        try:
            return self._call_kernel(stimulus) if self.form == "kernel" else self._call_handler(stimulus)
        except BaseException as error:
            return self.raised(error)

    def _call_kernel(self, stimulus: Stimulus) -> np.ndarray | Fault:
        seat, made = self.seat, self.code.made
        seat.event[0] = stimulus
        seat.shown[SHOWN_ORDERS] = self.sights.orders_n
        self._out_words.fill(0)
        n = int(self.door.call(seat))
        if n < 0:
            return Fault(Refusal.NONSENSE, 0, Nonsense.NOT_A_NUMBER)
        return Fault(Refusal.BUDGET, n, made.budget) if n > made.budget else self._out_words[: n * _OUT_WORDS]

    @property
    def seat(self) -> Seat:
        """What the compiled way of waking knows of the strategy: its arrays, those of now."""
        window, seat = self.sights.window, self._seat
        if seat is None or seat.markets is not window.markets or seat.orders is not window.orders:
            seat = self._seat = self._sit()
        return seat

    def _sit(self) -> Seat:
        sights, window = self.sights, self.sights.window
        return Seat(
            *window,
            shown=window._replace().table,
            market_words=window.markets.view(np.int64),
            level_words=window.levels.reshape(-1),
            bar_words=window.bars.reshape(-1).view(np.int64),
            out_words=self._out_words,
            instruments=sights.instruments,
            intervals=sights.intervals,
            clock=sights.clock,
            memory=self.memory,
            opinions=self.opinions,
            params=self.settings.ints,
            numbers=self.settings.floats,
            out=self.out,
            dues=self.dues,
            beats=self.beats,
            seen=self.seen,
            bars_seen=self.bars_seen,
            kept_memory=self.memory.copy(),
            kept_opinions=self.opinions.copy(),
            kept_dues=self.dues.copy(),
            kept_seen=self.seen.copy(),
            kept_bars_seen=self.bars_seen.copy(),
        )

    @property
    def door(self) -> Door:
        """What its kernel is called by. Raises whatever compiling it raises."""
        if self._door is None:
            assert self.code.made.kernel is not None
            self._door = _door_of(self.code.made.kernel)
        return self._door

    def open_door(self) -> int:
        """Address of its door; 0: it is called by Python alone, which then says why if it cannot be called at all."""
        if self.form != "kernel":
            return 0
        try:
            return self.door.address
        except KeyboardInterrupt:
            raise
        except BaseException:
            return 0

    def _call_handler(self, stimulus: Sequence[int]) -> np.ndarray | Fault:
        said = self._handle(view_of(self.sights, self.settings.values, self.sights.orders_n), stimulus)
        return said if isinstance(said, Fault) else self._out_words[: said * _OUT_WORDS]

    def speak(self, first: int, orders_n: int) -> bytes | Fault:
        """Answer what the crew has put into the seat.

        Args:
            first: Not 0: the first time in this step.
            orders_n: Open orders there are in the window.

        Returns:
            OUT rows, which lie in the seat, too; or why the strategy is to be disabled.
        """
        sights = self.sights
        if first:
            self._view = sdk.View(sights.shape, bytes(sights.shown[orders_n]), self.settings.values)
        try:
            said = self._handle(self._view, sights.event)
        except BaseException as error:
            return self.raised(error)
        return b"" if said == 0 else said if isinstance(said, Fault) else bytes(self._raw[: said * _OUT_BYTES])

    def _handle(self, view: sdk.View, told: Sequence[int]) -> int | Fault:
        """Call the handler of what happened (words as of `Stimulus`); how many OUT rows it said."""
        mind = self.instance
        assert mind is not None
        if told[_CODE] == ON_TIMER:
            answer = mind.on_timer(view, _tick_of((told[_NUMBER], told[_WORD3], told[_SEQ])))
        else:
            answer = self._handle_other(mind, view, told)
        if answer is None or (type(answer) is list and not answer):
            return 0
        said = put_answer(answer, self._budget, self._out_words, self._raw)
        if isinstance(said, tuple):
            return Fault(Refusal.NONSENSE, *said)
        return said if said <= self._budget else Fault(Refusal.BUDGET, said, self._budget)

    def _handle_other(self, mind: sdk.Strategy, view: sdk.View, told: Sequence[int]) -> sdk.Intents:
        code = told[_CODE]
        if code == ON_EVENT:
            return mind.on_event(view, _event_of(told))
        if code == ON_BAR:
            name = self.code.made.wakes.bars[told[_NUMBER]]
            return mind.on_bar(view, sdk.BarClosed(told[_INSTRUMENT], name, told[_SEQ]))
        if code == ON_FILL:
            return mind.on_fill(view, _fill_of(Stimulus._make(told)))
        if code == ON_ORDER:
            kind = BY_NUMBER[told[_KIND]].name
            return mind.on_order(view, sdk.Change(told[_WORD1], told[_INSTRUMENT], kind, told[_SEQ]))
        if code == ON_PARAMETER:
            return mind.on_parameter(view, self.settings.declared[told[_NUMBER]].name)
        return mind.on_start(view) if code == ON_START else mind.on_stop(view)

    def raised(self, error: BaseException) -> Fault:
        """RAISED, with the last line of the strategy's own text; 0 in a kernel, which has no lines.

        Whatever a strategy raises is its own matter, but a KeyboardInterrupt goes on: no text can name it, so it is the user's Ctrl-C.
        """
        if isinstance(error, KeyboardInterrupt):
            raise error
        line, at = 0, error.__traceback__
        while isinstance(at, TracebackType) and self.form == "python":
            if at.tb_frame.f_globals.get("__name__") == self.code.made.__module__:
                line = at.tb_lineno
            at = at.tb_next
        return Fault(Refusal.RAISED, line, text=_text_of(error))

    def dump(self) -> list[Any]:
        """Everything but what the code itself gives, in plain values. Raises NotPlain."""
        state = None
        if self.instance is not None:
            try:
                state = self.instance.state()
            except BaseException as error:
                raise NotPlain(
                    f"what strategy {self.number} keeps: it raised at line {self.raised(error).observed}"
                ) from error
        return [
            self.number, self.account, self.code.name, self.code.number, self.form, list(self.instruments), self.status, self.begun,
            self.settings.texts, self.settings.revision, self.numbers, [list(pair) for pair in self.scales], self.dues.tolist(),
            self.bars_seen.tobytes(), state, self.memory.tobytes(), self.opinions.tobytes(), tuple(self.broken or ())[:_WORDS],
            self.seen.tobytes(),
        ]  # fmt: skip


def _text_of(error: BaseException) -> str:
    """What was raised, for people: one printable line, without addresses, which differ from run to run."""
    try:
        message = str(error)[:_TEXT_READ]
    except KeyboardInterrupt:
        raise
    except BaseException:  # its text is the strategy's own code, too
        message = ""
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    text = _ADDRESS.sub("0x", " ".join(text.split()))
    return "".join(each if each.isprintable() else "?" for each in text)[:TEXT_MAX]


def revive(parts: Sequence[Any], code: Code) -> Mind:
    """What `Mind.dump` told, at work again with its code. Raises ValueError where the code does not take its memory back."""
    number, account, _, _, form, instruments, status, begun, texts, revision, numbers, scales, dues, bars_seen = parts[
        :14
    ]
    mind = Mind(number, account, code, form, instruments)
    mind.settings.change(texts, scales)
    mind.settings.texts = texts
    mind.broken = Fault(*parts[17]) if parts[17] else None
    mind.settings.revision, mind.status, mind.begun = revision, status, begun
    mind.scales = tuple((price, qty) for price, qty in scales)
    made = code.made
    if numbers:
        mind.sights = new_sights(number, numbers, made.wakes.bars, made.depth, made.history)
    mind.dues[:], mind.bars_seen[:] = dues, np.frombuffer(bars_seen, np.int64)
    if parts[14] is not None:
        try:
            mind.instance = made()
            mind.instance.restore(parts[14])
        except BaseException as error:
            line = mind.raised(error).observed
            raise ValueError(f"Strategy {number} does not take its memory back: it raised at line {line}.") from error
    mind.memory[:] = np.frombuffer(parts[15], np.int64)
    mind.opinions[:] = np.frombuffer(parts[16], np.float64)
    mind.seen[:] = np.frombuffer(parts[18], np.int64).reshape(mind.seen.shape)
    return mind


def takes_over(new: Mind, old: Mind) -> bool:
    """Whether code that replaces another takes over its memory: it says so, and its memory has the same shape."""
    alike = new.form == old.form and (len(new.memory), len(new.opinions)) == (len(old.memory), len(old.opinions))
    return new.code.made.keeps and alike


def succeed(new: Mind, old: Mind) -> Fault | None:
    """Take over the memory of the code that is replaced."""
    fault = new.begin()
    if fault is not None:
        return fault
    new.memory[:], new.opinions[:] = old.memory, old.opinions
    if new.instance is not None and old.instance is not None:
        try:
            new.instance.restore(unpack_plain(pack_plain(old.instance.state())))
        except NotPlain:
            return Fault(Refusal.NONSENSE, 0, Nonsense.NOT_PLAIN)
        except BaseException as error:
            return new.raised(error)
    return None


NOBODY: Final = Code("", "0" * 64, sdk.Strategy)


def nobody(number: int, instruments: Sequence[str], params: Mapping[str, Any], fault: Fault) -> Mind:
    """What stands where code could not be loaded: it can be replaced or loaded anew, and starting it says why it cannot be."""
    mind = Mind(number, 0, NOBODY, "python", instruments)
    mind.settings.texts = {name: text for name, value in params.items() if (text := text_of(value)) is not None}
    mind.broken = fault
    return mind


def make_mind(
    number: int, account: int, code: Code | None, form: str, instruments: Sequence[str], params: Mapping[str, Any]
) -> Mind | Fault:
    """A strategy out of a command that loads it, or why not."""
    if code is None or form not in FORMS or (form == "kernel" and code.made.kernel is None):
        return Fault(Refusal.NO_CODE)
    wanted = read_version(code.made.written_for)
    if not is_compatible(wanted):
        assert OURS is not None
        return Fault(Refusal.SDK_VERSION, wanted.number if wanted else 0, OURS.number)
    if not 0 <= account < 256:
        return Fault(Refusal.NOT_KNOWN, account, 255)
    mind = Mind(number, account, code, form, instruments)
    bad = mind.settings.change(params, ())
    return mind if bad.code == TAKEN else Fault(bad.code, bad.observed, bad.limit)


@lru_cache(maxsize=DOORS_MAX)
def _door_of(kernel: Callable[..., Any]) -> Door:
    """What a kernel is called by: made once, however many runs in one process it lives through."""
    return door_of(kernel, Seat, sdk.Window, ("memory", "opinions", "params", "numbers", "out"), window_of)


def _event_of(told: Sequence[int]) -> sdk.Event:
    _, kind, instrument, seq, _, _, flags, ts_event, *words = told
    return sdk.Event(BY_NUMBER[kind].name, instrument, seq, ts_event, flags, tuple(words))


def _fill_of(stimulus: Stimulus) -> sdk.Fill:
    meta = unpack(META, stimulus.word5)
    return sdk.Fill(
        stimulus.word1,
        stimulus.instrument,
        bool(meta["sell"]),
        stimulus.word2,
        stimulus.word3,
        bool(meta["maker"]),
        stimulus.seq,
    )
