"""Waking compiled strategies without asking Python: one call finds who wakes, shows them the state, calls them, and writes their intents.

A strategy in Python is asked by `Voices`: the call stops when it has shown it everything, and goes on with what it said.

What is not plain (a command, an instrument listed, more orders than a window has room for, a strategy that raises or says nonsense) is
left to `host.Host.wake` as a whole: the call then takes back all it did, and says so. So the host's way is the meaning of this one, and
nothing has to be decided twice alike but the ordinary. What a strategy in Python has said already cannot be taken back, because it may
have changed its memory: it is remembered, and the host goes by it instead of asking again.
"""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np

from veloz.contracts import registry, terms
from veloz.contracts.bundle import RAISED, Bundle, bundle_type, caller, opener_at
from veloz.contracts.kernel import cold, config, kernel
from veloz.contracts.layout import WORD
from veloz.reducers.bars import has_closed, newest_bucket
from veloz.reducers.bits import part
from veloz.reducers.desk import STRATEGIES_MAX
from veloz.reducers.finding import counted_at
from veloz.reducers.state import State
from veloz.reducers.words import (
    BYTE_MASK,
    FLAGS_SHIFT,
    INSTRUMENT_SHIFT,
    KIND_MASK,
    KINDS_MAX,
    KNOWN,
    ONE,
    VERSION_SHIFT,
    WORD_MASK,
    ZERO,
    I,
)  # fmt: skip
from veloz.strategies import sdk
from veloz.strategies.glimpse import glimpse
from veloz.strategies.telling import may_run, owner_of, write_intents
from veloz.strategies.window import gather

COMPILED: Final = not config.DISABLE_JIT
ASK, HEAR = I(-1), I(-2)
TOLD_MAX: Final = I(64)  # more of what is told in one step is the host's
LAST_NS: Final = I((1 << 63) - 1)  # a beat that never comes
_RAISED: Final = I(RAISED)
_K_TIMER, _K_FILLED = I(registry.TIMER.number), I(registry.FILLED.number)
_REPORT_FIRST, _REPORT_LAST = (
    I(bound(registry.BY_NAME[name].number for name in sdk.ORDER_KINDS)) for bound in (min, max)
)
_TWO: Final = I(2)
_S_ACCOUNT: Final = I(terms.shift_of(terms.META, "account"))


class _Seat(NamedTuple):
    event: np.ndarray  # from here to `bars`: the arrays of its window
    markets: np.ndarray
    orders: np.ndarray  # with room for more than are open
    levels: np.ndarray
    bars: np.ndarray
    shown: np.ndarray  # i8: the table of the window that the kernel is given
    market_words: np.ndarray  # i8: the same memory as `markets`; so with the next four
    level_words: np.ndarray
    bar_words: np.ndarray
    out_words: np.ndarray
    instruments: np.ndarray  # i8: their numbers
    intervals: np.ndarray  # i8: of bars, ns
    clock: np.ndarray  # i8[window.CLOCK_WORDS]
    memory: np.ndarray
    opinions: np.ndarray
    params: np.ndarray
    numbers: np.ndarray
    out: np.ndarray
    dues: np.ndarray  # i8: when each timer comes next, ns; 0: it does not run
    beats: np.ndarray  # i8: lengths of the timers' beats, ns
    seen: np.ndarray  # of `glimpse.new_seen`
    bars_seen: np.ndarray  # i8[instruments · intervals]: number of the bar that was open when it was last looked at
    kept_memory: np.ndarray  # as before the step, for as long as it may be taken back; so with the next four
    kept_opinions: np.ndarray
    kept_dues: np.ndarray
    kept_seen: np.ndarray
    kept_bars_seen: np.ndarray


class Seat(Bundle, _Seat):
    """One strategy's arrays."""

    DTYPES: ClassVar = {
        **sdk.Window.DTYPES,
        **dict.fromkeys(("shown", "market_words", "level_words", "bar_words", "out_words"), WORD),
        **dict.fromkeys(("instruments", "intervals", "clock", "memory"), WORD),
        "opinions": np.dtype("<f8"), "params": WORD, "numbers": np.dtype("<f8"), "out": sdk.OUT, "dues": WORD, "beats": WORD,
        "seen": WORD, "bars_seen": WORD,
        "kept_memory": WORD, "kept_opinions": np.dtype("<f8"), "kept_dues": WORD, "kept_seen": WORD, "kept_bars_seen": WORD,
    }  # fmt: skip
    DIMENSIONS: ClassVar = {**sdk.Window.DIMENSIONS, "seen": 2, "kept_seen": 2}


SHOWN_ORDERS: Final = (
    bundle_type(sdk.Window).places["orders"] + 1
)  # the word of `shown` that says how many orders are open
_SHOWN_ORDERS: Final = I(SHOWN_ORDERS)
_MEMBER: Final = "number account budget wanted seat door fills orders changes begun voice"
MEMBER: Final = np.dtype([(name, "<i8") for name in _MEMBER.split()])
_STAND: Final = (  # where the asking stands
    "place answer"  # the member in Python that is asked, -1: none; what it said, as a door gives
    " first open heard"  # 1: asked first in this step; its open orders; so many were asked in this step
    " told each at awake said"
)
STAND: Final = np.dtype([(name, "<i8") for name in _STAND.split()])
_ANSWER, _HEARD = 1, 4
_STANDING: Final = Struct("<5q")  # its words up to `heard`
_OUT_BYTES: Final = sdk.OUT.itemsize


class _Crew(NamedTuple):
    heads: np.ndarray  # these five: as `window.scan` has them
    asked: np.ndarray
    last: np.ndarray
    singles: np.ndarray
    waiting: np.ndarray  # i8[asked, 3]: member, interval of the bar (-1: no bar), which of its instruments
    place_of: np.ndarray  # i8[STRATEGIES_MAX]: the member of that number; -1: none runs
    members: np.ndarray  # MEMBER: strategies that run, by number
    told: np.ndarray  # i8[TOLD_MAX, 4]: member, row, code, number
    who: np.ndarray  # i8[4]
    stand: np.ndarray  # STAND[1]
    said: np.ndarray  # i8: words of the rows that are said


class Crew(Bundle, _Crew):
    """The strategies of a host that run. Un-compiled, `beside` has the seats and the functions behind their doors."""

    DTYPES: ClassVar = {
        **dict.fromkeys(("heads", "asked", "last", "singles", "waiting", "place_of"), WORD),
        "members": MEMBER, "told": WORD, "who": WORD, "stand": STAND, "said": WORD,
    }  # fmt: skip
    DIMENSIONS: ClassVar = {"waiting": 2, "told": 2}
    beside: list[tuple[Seat, Any]]
    voices: "Voices"


class Voices:
    """The members of a crew that are strategies in Python, and what they said in the step in hand."""

    def __init__(self, crew: "Crew") -> None:
        self._crew = crew
        self._stand = memoryview(crew.stand.view(WORD))  # type: ignore[arg-type]
        self.asked: dict[int, Callable[[int, int], Any]] = {}  # `mind.Mind.speak` by place
        self._said: list[tuple[int, Any]] = []  # in the step in hand: of which member, and the OUT rows, or a fault

    def hear(self) -> None:
        """Ask the member that the crew waits for. Raises KeyboardInterrupt: then the step is over, and half done."""
        stand = self._stand
        place, _, first, orders_n, heard = _STANDING.unpack_from(stand)
        if heard == 1:
            self._said.clear()
        try:
            said = self.asked[place](first, orders_n)
        except KeyboardInterrupt:
            self._give_up()
            raise
        self._said.append((place, said))
        stand[_ANSWER] = len(said) // _OUT_BYTES if type(said) is bytes else -1

    def _give_up(self) -> None:
        crew = self._crew
        crew.stand["place"] = crew.last[:] = -1
        crew.stand["heard"] = crew.members["begun"] = 0

    def said_by(self, number: int) -> Iterator[Any]:
        """What a strategy said already in the step that the crew left to the host, in order."""
        place = int(self._crew.place_of[number])
        return iter([said for at, said in self._said if at == place] if self._stand[_HEARD] else [])

    def forget(self) -> None:
        """The step is over."""
        self._stand[_HEARD] = 0


def new_crew(heads: np.ndarray, asked: np.ndarray, singles: np.ndarray, members: int, rows: int) -> Crew:
    """A crew of so many strategies, who say at most so many rows a step."""
    crew = Crew(
        heads, asked, np.full(len(asked), -1, np.int64), singles, np.full((len(asked), 3), -1, np.int64),
        np.full(STRATEGIES_MAX, -1, np.int64), np.zeros(members, MEMBER), np.zeros((int(TOLD_MAX), 4), np.int64),
        np.zeros(4, np.int64), np.zeros(1, STAND), np.zeros(max(1, rows) * 8, np.int64),
    )  # fmt: skip
    crew.stand["place"] = ASK
    crew.beside, crew.voices = [], Voices(crew)
    return crew


_open_seat: Final = opener_at(Seat)
_call_door: Final = caller()


def _seat_plainly(crew: Crew, member: np.void) -> Seat:
    return crew.beside[int(member["seat"])][0]


def _call_plainly(crew: Crew, member: np.void) -> Any:
    seat, function = crew.beside[int(member["seat"])]
    try:
        said = function(seat)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return _RAISED
    return I(said) if isinstance(said, int | np.integer) else _RAISED


@kernel
def _seat_compiled(crew: Crew, member: np.void) -> Seat:
    return _open_seat(member["seat"])  # type: ignore[no-any-return]


@kernel
def _call_compiled(crew: Crew, member: np.void) -> I:
    return _call_door(member["door"], member["seat"])  # type: ignore[no-any-return]


seat_of: Final[Any] = _seat_compiled if COMPILED else _seat_plainly
_call: Final[Any] = _call_compiled if COMPILED else _call_plainly


@kernel
def next_beat(due_ns: I, interval_ns: I, now: I) -> I:
    """The next beat of the same rhythm that lies after engine time; `LAST_NS` where no stamp can say it."""
    base = max(now, due_ns)
    rest = interval_ns - (base - due_ns) % interval_ns
    return LAST_NS if base > LAST_NS - rest else base + rest


@kernel
def _copy_words(source: np.ndarray, target: np.ndarray) -> None:
    for place in range(source.shape[0]):
        target[place] = source[place]


@kernel
def _copy_seen(source: np.ndarray, target: np.ndarray) -> None:
    for timer in range(source.shape[0]):
        for word in range(source.shape[1]):
            target[timer, word] = source[timer, word]


@kernel
def _keep(crew: Crew, member: np.void) -> Any:
    """A member's seat; what is in it is kept first, once a step."""
    seat = seat_of(crew, member)
    if member["begun"] == ZERO:
        member["begun"] = ONE
        _copy_words(seat.memory, seat.kept_memory)
        _copy_words(seat.opinions, seat.kept_opinions)
        _copy_words(seat.dues, seat.kept_dues)
        _copy_seen(seat.seen, seat.kept_seen)
        _copy_words(seat.bars_seen, seat.kept_bars_seen)
    return seat


@kernel
def _end(crew: Crew, back: bool) -> None:
    """The step is over: done, or to be taken back."""
    for place in range(crew.members.shape[0]):
        member = crew.members[place]
        if member["begun"] != ZERO:
            member["begun"] = ZERO
            if back:
                seat = seat_of(crew, member)
                _copy_words(seat.kept_memory, seat.memory)
                _copy_words(seat.kept_opinions, seat.opinions)
                _copy_words(seat.kept_dues, seat.dues)
                _copy_seen(seat.kept_seen, seat.seen)
                _copy_words(seat.kept_bars_seen, seat.bars_seen)


@kernel
def _tell(crew: Crew, n: I, place: I, k: I, code: I, number: I) -> I:
    """Put down what a member is told, in the order of members, then rows, then as it comes; how much there is, or ASK."""
    if n < ZERO or n >= TOLD_MAX or (crew.members[place]["door"] == ZERO and crew.members[place]["voice"] == ZERO):
        return ASK
    at = n
    while at > ZERO and (
        crew.told[at - ONE, 0] > place or (crew.told[at - ONE, 0] == place and crew.told[at - ONE, 1] > k)
    ):
        for word in range(4):
            crew.told[at, word] = crew.told[at - ONE, word]
        at -= ONE
    crew.told[at, 0] = place
    crew.told[at, 1] = k
    crew.told[at, 2] = code
    crew.told[at, 3] = number
    return n + ONE


@kernel
def _find(crew: Crew, rows: np.ndarray, before: I, most: I) -> bool:
    """Note in `last` the last row for each place of `asked`; False where a row is the host's business, or more than `most` stand alone."""
    found = ZERO
    for k in range(rows.shape[0]):
        head = rows[k]["head"]
        kind = head & KIND_MASK
        if kind >= KINDS_MAX or (head >> VERSION_SHIFT) & BYTE_MASK > KNOWN[kind]:
            continue
        if crew.singles[kind] != ZERO:
            found += ONE
            if found > most or (kind != _K_TIMER and kind != _K_FILLED and not _REPORT_FIRST <= kind <= _REPORT_LAST):
                return False
        instrument = (head >> INSTRUMENT_SHIFT) & WORD_MASK
        for place in range(crew.heads[kind], crew.heads[kind + ONE]):
            if crew.asked[place] == instrument or crew.asked[place] == ZERO:
                crew.last[place] = before + k
    return True


@kernel
def _tell_events(state: State, crew: Crew, shown: np.ndarray, rows: np.ndarray) -> I:
    """Who waited for rows of a kind is told of the last one; how much is told, or ASK."""
    n, before = ZERO, I(shown.shape[0])
    for place in range(crew.last.shape[0]):
        k = I(crew.last[place])
        if k < ZERO:
            continue
        interval = I(crew.waiting[place, 1])
        if interval < ZERO:
            n = _tell(crew, n, I(crew.waiting[place, 0]), k, sdk.ON_EVENT, ZERO)
        else:
            row = shown[k] if k < before else rows[k - before]
            if _bar_closed(state, crew, I(place), (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK, interval):
                n = _tell(crew, n, I(crew.waiting[place, 0]), k, sdk.ON_BAR, interval)
    return n


@kernel
def _bar_closed(state: State, crew: Crew, place: I, instrument: I, interval: I) -> bool:
    """Whether a bar that somebody waits for has closed; what is open now is seen."""
    slot_ix = state.instruments[instrument]["slot"] if instrument < state.instruments.shape[0] else ASK
    if slot_ix < ZERO:
        return False
    seat = _keep(crew, crew.members[crew.waiting[place, 0]])
    tape, length_ns = state.tapes[slot_ix], I(seat.intervals[interval])
    at = crew.waiting[place, 2] * seat.intervals.shape[0] + interval
    seen = I(seat.bars_seen[at])
    seat.bars_seen[at] = max(seen, newest_bucket(tape, length_ns))
    return has_closed(tape, length_ns, seen)


@kernel
def _tell_singles(state: State, crew: Crew, n: I, rows: np.ndarray, before: I, first_seq: I, now: I) -> I:
    """Timers, and what became of orders; how much is told, or ASK."""
    for k in range(rows.shape[0]):
        row = rows[k]
        kind = row["head"] & KIND_MASK
        if kind >= KINDS_MAX or crew.singles[kind] == ZERO or n < ZERO:
            continue
        if (row["head"] >> VERSION_SHIFT) & BYTE_MASK > KNOWN[kind]:
            continue
        if kind == _K_TIMER:
            place = _member_of(crew, I(row["venue_seq"]))
            if place >= ZERO and _beat(state, crew, crew.members[place], I(row["price"]), I(row["qty"]), now):
                n = _tell(crew, n, place, before + k, sdk.ON_TIMER, I(row["price"]))
            continue
        instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
        place = _member_of(crew, I(owner_of(state, I(row["venue_seq"]), instrument)))
        if place < ZERO:
            continue
        if kind == _K_FILLED:
            owner = (instrument << I(8)) | part(row["aux"], _S_ACCOUNT, BYTE_MASK)
            is_new = counted_at(state.trade_ids, owner, I(row["ref"])) == first_seq + k
            if crew.members[place]["fills"] != ZERO and is_new:
                n = _tell(crew, n, place, before + k, sdk.ON_FILL, ZERO)
        elif crew.members[place]["orders"] != ZERO:
            n = _tell(crew, n, place, before + k, sdk.ON_ORDER, ZERO)
    return n


@kernel
def _member_of(crew: Crew, number: I) -> I:
    return I(crew.place_of[number]) if ZERO <= number < crew.place_of.shape[0] else ASK


@kernel
def _beat(state: State, crew: Crew, member: np.void, timer: I, due_ns: I, now: I) -> bool:
    """Whether a timer that is said to have fired was due, and has something to tell; it is set to its next beat."""
    seat = _keep(crew, member)
    if not ZERO <= timer < seat.dues.shape[0] or not ZERO < seat.dues[timer] <= due_ns:
        return False
    seat.dues[timer] = next_beat(I(seat.dues[timer]), I(seat.beats[timer]), now)
    return bool(member["changes"] == ZERO or glimpse(state, I(member["number"]), seat.instruments, seat.seen, timer))


@kernel
def _is_beyond(state: State, seat: Seat) -> bool:
    """Whether a side that the strategy looks into has levels outside of its window."""
    if seat.levels.shape[2] == 0:
        return False
    for place in range(seat.instruments.shape[0]):
        slot_ix = state.instruments[seat.instruments[place]]["slot"]
        if slot_ix >= ZERO:
            for side in range(2):
                if state.sides[slot_ix * _TWO + side]["far_n"] > ZERO:
                    return True
    return False


@cold
def _look(state: State, seat: Any, number: I) -> bool:
    """Fill a seat's window with what there is now; False where it cannot be shown here."""
    for word in range(seat.market_words.shape[0]):
        seat.market_words[word] = ZERO
    for word in range(seat.level_words.shape[0]):
        seat.level_words[word] = ZERO
    for word in range(seat.bar_words.shape[0]):
        seat.bar_words[word] = ZERO
    n = gather(state, number, seat.instruments, seat.intervals, seat.clock, seat)
    seat.shown[_SHOWN_ORDERS] = n
    return bool(n <= seat.orders.shape[0] and not _is_beyond(state, seat))


@kernel
def _show(event: np.void, row: np.void, code: I, number: I, seq: I, now: I) -> None:
    """A row as a strategy is told of it."""
    head = row["head"]
    event["code"] = code
    event["kind"] = head & KIND_MASK
    event["instrument"] = (head >> INSTRUMENT_SHIFT) & WORD_MASK
    event["seq"] = seq
    event["now_ns"] = now
    event["number"] = number
    event["flags"] = (head >> FLAGS_SHIFT) & BYTE_MASK
    event["ts_event"] = row["ts_event"]
    event["word1"] = row["venue_seq"]
    event["word2"] = row["price"]
    event["word3"] = row["qty"]
    event["word4"] = row["ref"]
    event["word5"] = row["aux"]


@kernel
def _hear(crew: Crew, member: np.void) -> I:
    """What a compiled member says: as its door gives."""
    seat = seat_of(crew, member)
    for word in range(seat.out_words.shape[0]):
        seat.out_words[word] = ZERO
    return I(_call(crew, member))


@kernel
def _note(state: State, crew: Crew, member: np.void, n: I, said: I) -> I:
    """Write what a member wants behind what was said before; how many rows there are then, or ASK. `who[2]`: the cause."""
    if n < ZERO or n > member["budget"] - member["wanted"]:
        return ASK
    member["wanted"] += n
    if n == ZERO:
        return said
    seat = seat_of(crew, member)
    crew.who[0] = member["number"]
    crew.who[1] = member["account"]
    return I(write_intents(state, seat.instruments, crew.who, seat.out_words, n, False, crew.said, said))


@kernel
def _begin_member(state: State, crew: Crew, place: I, seq: I, now: I) -> bool:
    """Turn to a member, and show it the state, if it is awake; False where it cannot be shown here."""
    member, stand = crew.members[place], crew.stand[0]
    stand["at"] = place
    stand["first"] = ONE
    member["wanted"] = ZERO
    stand["awake"] = I(may_run(state, I(member["number"])))
    if stand["awake"] == ZERO:
        return True
    seat = _keep(crew, member)
    seat.clock[0] = now
    seat.clock[1] = seq
    shown = _look(state, seat, I(member["number"]))
    stand["open"] = seat.shown[_SHOWN_ORDERS]
    return bool(shown)


@kernel
def _answer(state: State, crew: Crew, shown: np.ndarray, rows: np.ndarray, first_seq: I, now: I) -> I:
    """Go on asking all who were told something, in their order; how many rows they said, HEAR, or ASK."""
    stand, before = crew.stand[0], I(shown.shape[0])
    while stand["each"] < stand["told"]:
        place, k = I(crew.told[stand["each"], 0]), I(crew.told[stand["each"], 1])
        member = crew.members[place]
        if stand["place"] >= ZERO:
            n = I(stand["answer"])
            stand["place"] = ASK
        else:
            if place != stand["at"] and not _begin_member(state, crew, place, first_seq + rows.shape[0] - ONE, now):
                return ASK
            if stand["awake"] == ZERO:
                stand["each"] += ONE
                continue
            seq = first_seq + max(k - before, ZERO)  # rows in front have no numbers here
            row = shown[k] if k < before else rows[k - before]
            code, number = I(crew.told[stand["each"], 2]), I(crew.told[stand["each"], 3])
            _show(seat_of(crew, member).event[0], row, code, number, seq, now)
            crew.who[2] = seq
            crew.who[3] = now
            if member["voice"] != ZERO:
                stand["place"] = place
                stand["heard"] += ONE
                return HEAR
            n = _hear(crew, member)
        stand["said"] = _note(state, crew, member, n, I(stand["said"]))
        if stand["said"] < ZERO:
            return ASK
        stand["first"] = ZERO
        stand["each"] += ONE
    return I(stand["said"])


@cold
def wake_crew(state: State, shown: np.ndarray, rows: np.ndarray, first_seq: I, now: I, crew: Crew) -> I:
    """Wake who is concerned by the rows of a step; or go on where a strategy in Python was to be asked, which has answered.

    Args:
        state: After the inputs of the step, settled. Read only.
        shown: RAW[m], rows of another journal in front of the step's own, which have no numbers in this one.
        rows: RAW[n], the inputs of the step.
        first_seq: Sequence number of `rows[0]`.
        now: Engine time after them, ns.
        crew: The strategies.

    Returns:
        How many rows of intents are in `crew.said`; HEAR: `Voices.hear`, then go on; or ASK: this step is the host's, and nothing was
        done about it.
    """
    if crew.heads.shape[0] == 0:
        return ASK
    said, stand = ASK, crew.stand[0]
    if stand["place"] >= ZERO or _begin(state, crew, shown, rows, first_seq, now):
        said = _answer(state, crew, shown, rows, first_seq, now)
    if said == HEAR:
        return HEAR
    for place in range(crew.last.shape[0]):
        crew.last[place] = ASK
    if said >= ZERO:
        stand["heard"] = ZERO
    _end(crew, bool(said < ZERO))
    return said


@kernel
def _begin(state: State, crew: Crew, shown: np.ndarray, rows: np.ndarray, first_seq: I, now: I) -> bool:
    """Find out who is told what in a step; False where that is the host's."""
    stand, before = crew.stand[0], I(shown.shape[0])
    stand["heard"] = ZERO
    if not _find(crew, shown, ZERO, ZERO) or not _find(crew, rows, before, TOLD_MAX):
        return False
    told = _tell_singles(state, crew, _tell_events(state, crew, shown, rows), rows, before, first_seq, now)
    stand["told"] = told
    stand["each"] = ZERO
    stand["at"] = ASK
    stand["said"] = ZERO
    return bool(told >= ZERO)


def window_of(seat: Seat) -> sdk.Window:
    """The window as a kernel is given it: its orders are those that are open."""
    orders = seat.orders[: int(seat.shown[SHOWN_ORDERS])]
    return sdk.Window(seat.event, seat.markets, orders, seat.levels, seat.bars)


def no_crew() -> Crew:
    """Nobody: every step is the host's."""
    nothing = np.zeros(0, np.int64)
    return new_crew(nothing, nothing, nothing, 0, 0)
