"""Beats that tell of changes only: the host beside a naive twin that keeps all that was shown; and each thing that counts, alone."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.naive_seen import NaiveSeen
from tests.strategies.sessions import SECOND, STATUS, Row, Session
from veloz.contracts import layout, registry, terms
from veloz.contracts.codes import StopLevel, StrategyAction
from veloz.contracts.command import ParameterBody
from veloz.contracts.instrument import InstrumentBody
from veloz.reducers.finding import find_order
from veloz.reducers.state import State
from veloz.strategies.glimpse import ORDERS_SEEN
from veloz.strategies.host import Host
from veloz.strategies.loader import Library, Refused, read_source
from veloz.strategies.memory import pack_plain, unpack_plain
from veloz.strategies.mind import Mind
from veloz.strategies.sdk import Params, View
from veloz.strategies.window import look, new_sights, view_of

SOURCE = '''
from veloz.strategies import sdk


class Heeds(sdk.Strategy):
    """Keeps what beats it is told of, and wants something at some of them."""

    written_for = "1.1"
    params = (sdk.Param("calm", "flag", default="1"), sdk.Param("size", "count", default="1"))
    wakes = sdk.Wakes(timers=(1_000_000_000, 2_500_000_000), if_changed=True)
    keeps = True

    def __init__(self):
        self.told = []

    def on_timer(self, view, timer):
        self.told.append((timer.number, timer.due_ns))
        if timer.due_ns // 1_000_000_000 % 11 == 0:
            return sdk.Order(view.market().number, False, 1, 90)


class MayHeed(Heeds):
    """The same where `calm` is set."""

    wakes = sdk.Wakes(timers=(1_000_000_000, 2_500_000_000), if_changed="calm")


@sdk.kernel
def heed(window, memory, opinions, params, numbers, out):
    event = window.event[0]
    if event["code"] != sdk.ON_TIMER:
        return 0
    memory[0] = (memory[0] * 31 + event["number"] * 7 + event["word3"] // 1000) % 1_000_003
    if event["word3"] // 1_000_000_000 % 11 != 0:
        return 0
    out[0]["form"] = sdk.ORDER
    out[0]["instrument"] = window.markets[0]["number"]
    out[0]["qty"] = 1
    out[0]["price"] = 90
    return 1


class Kernel(Heeds):
    """The same, compiled."""

    kernel = staticmethod(heed)
    memory = 1
'''
LIBRARY = Library([("heeds.py", SOURCE)])
MINDS = {
    1: ("Heeds", ("AAA", "BBB"), "python"),
    2: ("Kernel", ("BBB", "AAA"), "kernel"),
    3: ("MayHeed", ("BBB",), "python"),
}
NUMBERS = {"AAA": 1, "BBB": 2}
REPORTS = (registry.ACCEPTED, registry.CANCELED, registry.CANCEL_REQUESTED, registry.REJECTED)
WHATS = [
    *["book"] * 3, "trade", "draft", "draft", "report", "fill", "refused", "param", "freeze", "relist",
    "halt", "reduce", "reduce", "PAUSE", "START",
    "START", "START", "START", "STOP", "REPLACE", "snapshot", "crowd",
]  # fmt: skip

things = st.tuples(
    st.sampled_from(["nothing"] * 6 + WHATS),
    st.integers(1, 3),  # strategy
    st.integers(1, 2),  # instrument
    st.integers(0, 3),
    st.booleans(),  # whether beats stand in front of it in the step
    st.sampled_from([0, SECOND // 2, SECOND, 5 * SECOND]),
)  # fmt: skip


class Both:
    """The host and the naive ones over the same rows."""

    def __init__(self) -> None:
        self.session = Session(LIBRARY)
        self.twins = {number: NaiveSeen() for number in MINDS}
        self.keys = [(0, 1)]
        self.number = 0  # of fills and reports
        open_account(self.session)
        for number, (name, instruments, form) in MINDS.items():
            self.session.run(number, f"heeds.py:{name}", instruments, form=form)
        for instrument in (1, 2):
            self.session.book({100: 1}, {103: 1}, instrument)

    def numbers(self, number: int) -> list[int]:
        return [NUMBERS[name] for name in MINDS[number][1]]

    def step(self, what: str, number: int, instrument: int, n: int, beats_first: bool) -> None:
        """One thing that happens, and every beat that is due, in front of it or behind."""
        session = self.session
        if what == "snapshot":
            payload = session.host.dump()
            session.host = Host(LIBRARY)
            session.host.load(payload)
            assert session.host.dump() == payload
            what = "nothing"
        rows, body = self.thing(what, number, instrument, n)
        beats = [
            session.row(registry.TIMER, due.strategy, due.timer, due.due_ns) for due in session.host.due(session.now)
        ]
        if not rows and not beats:
            return
        was = {each: session.host.mind(each).status for each in MINDS}
        bodies = ((len(beats) if beats_first else 0, body),) if body is not None else ()
        wakes = session.take(*(beats + rows if beats_first else rows + beats), bodies=bodies)
        self.command(what, number, was[number])
        if what == "relist" and not beats_first:
            self.relisted(instrument)
        for beat in beats:
            if (what, number) != ("REPLACE", beat[6]):
                self.beat(beat)
        if what == "relist" and beats_first:
            self.relisted(instrument)
        for wake in wakes:
            self.twins[wake.strategy].intents += int((wake.rows["kind"] == registry.INTENT.number).sum())
        self.check()

    def command(self, what: str, number: int, was: int) -> None:
        twin = self.twins[number]
        if what == "param":
            twin.revision += 1
        if what == "REPLACE":
            twin.seen.clear()
        if what == "START" and was == STATUS["STOPPED"]:
            twin.seen.clear()
            twin.told.clear()

    def relisted(self, instrument: int) -> None:
        for number, twin in self.twins.items():
            if instrument in self.numbers(number):
                twin.seen.clear()

    def beat(self, row: Row) -> None:
        session, number = self.session, row[6]
        mind, twin = session.host.mind(number), self.twins[number]
        scope_ix = int(session.state.strategies[number]["scope_ix"])
        halted = scope_ix >= 0 and session.state.scopes[scope_ix]["level"] >= StopLevel.HALT
        twin.asleep = mind.status != STATUS["RUNNING"] or bool(halted)
        twin.always = number == 3 and not mind.settings.values.calm
        view = shown(session.state, number, self.numbers(number))
        markets = [view.market(each) for each in view.instruments]
        twin.beat(
            row[7], row[8], [(each.synced, each.bid, each.ask, each.position, each.frozen) for each in markets],
            [(own.order, own.price, own.qty, own.filled, own.state, own.free) for own in view.orders()], view.refused,
        )  # fmt: skip

    def check(self) -> None:
        for number, twin in self.twins.items():
            mind = self.session.host.mind(number)
            if mind.form == "kernel":
                assert int(mind.memory[0]) == twin.sum, number
            else:
                assert mind.instance is not None
                assert mind.instance.told == twin.told, number

    def thing(self, what: str, number: int, instrument: int, n: int) -> tuple[list[Row], Any]:
        """Rows, and the body of the first of them."""
        row, (key, of) = self.session.row, self.keys[n % len(self.keys)]
        self.number += 1
        if what == "book":
            return levels(self.session, {100 + n % 2: 5 + n}, {103 + n // 2: 9}, instrument), None
        if what == "trade":
            return [row(registry.TRADE, self.number, 100 + n, 1, self.session.now, instrument=instrument)], None
        if what in ("draft", "crowd"):
            return [
                each for _ in range(9 if what == "crowd" else 1) for each in self.draft(number, instrument, n)
            ], None
        if what == "refused":
            self.session.take(self.draft(number, instrument, n)[0])
            return [row(registry.GATE_REFUSED, self.keys[-1][0], 211, 0, self.session.seq, instrument=instrument)], None
        if what == "fill":
            meta = terms.pack(terms.META, account=1)
            return [row(registry.FILLED, key, 100, 1, self.number, meta, instrument=of)], None
        if what == "report":
            meta = terms.pack(terms.META, account=1)
            return [row(REPORTS[n], key, 7, 0, self.number, meta, instrument=of)], None
        if what == "freeze":
            return [row(registry.FROZEN, 301, 1, instrument=instrument)], None
        if what in ("halt", "reduce"):
            scope = terms.scope(terms.ScopeKind.STRATEGY, number)
            level = StopLevel.HALT if what == "halt" else StopLevel.REDUCE
            return [row(registry.STOPPED, scope, level, 0, self.session.seq, StopLevel.HALT)], None
        return self.told(what, number, instrument, n)

    def told(self, what: str, number: int, instrument: int, n: int) -> tuple[list[Row], Any]:
        """Commands and listings."""
        row = self.session.row
        if what == "param":
            name, value = (("calm", str(n % 2)), ("size", str(n)), ("size", "x"), ("none", "1"))[n]
            return [row(registry.COMMAND_PARAM, number, 0, 0, 1)], ParameterBody(name=name, value=value)
        if what == "relist":
            body = InstrumentBody(
                venue="binance_usdm", symbol="AB"[instrument - 1] * 3, product="linear", price_scale=2, qty_scale=3
            )
            words = (2 | 3 << 8 | 2 << 16, 10, 1, 10**8, 1)
            return [row(registry.CHANGED, *words, instrument=instrument)], body
        if what in ("PAUSE", "START", "STOP", "REPLACE"):
            name, instruments, form = MINDS[number]
            code_hash, body = LIBRARY.body_of(f"heeds.py:{name}", instruments=list(instruments), form=form)
            return [row(registry.COMMAND_STRATEGY, number, StrategyAction[what], code_hash, 1, 1)], body
        return [], None

    def draft(self, number: int, instrument: int, n: int) -> list[Row]:
        """An order that the venue is asked for."""
        self.keys.append((terms.order_key(1000 + len(self.keys)), instrument))
        return drafted(self.session, self.keys[-1][0], number, instrument, 90 + n)


def open_account(session: Session) -> None:
    row = session.row
    session.take(
        row(registry.ASSET, 1, 8), row(registry.ASSET, 2, 8), row(registry.OPENED, 1, 2, 0, 0, 2),
        row(registry.ASSETS, 2, 1, 2, 2, instrument=1), row(registry.ASSETS, 2, 1, 2, 2, instrument=2), row(registry.RATE, 2, 1, 1),
    )  # fmt: skip


def levels(session: Session, bids: dict[int, int], asks: dict[int, int], instrument: int) -> list[Row]:
    """A whole book."""
    sides = [(0, price, qty) for price, qty in bids.items()] + [(layout.ASK, price, qty) for price, qty in asks.items()]
    return [
        session.row(
            registry.LEVEL, session.seq + 1, price, qty, instrument=instrument,
            flags=side | layout.SNAPSHOT | layout.FIRST * (k == 0) | layout.LAST * (k == len(sides) - 1),
        )
        for k, (side, price, qty) in enumerate(sides)
    ]  # fmt: skip


def drafted(session: Session, key: int, number: int, instrument: int = 1, price: int = 90) -> list[Row]:
    """A bid that was asked for."""
    spec = terms.pack(terms.SPEC, account=1, strategy=number)
    return [
        session.row(registry.DRAFTED, key, price, 5, 1, spec, instrument=instrument),
        session.row(registry.APPROVED, key, 0, 0, 1, 1, instrument=instrument),
        session.row(registry.REQUESTED, key, price, 5, 1, spec, instrument=instrument),
    ]


def shown(state: State, number: int, instruments: list[int]) -> View:
    """What a strategy would see."""
    sights = look(state, new_sights(number, instruments, (), 0, 0), 0, 0)
    return view_of(sights, Params({}), sights.orders_n)


@given(st.lists(things, max_size=40))
def test_the_host_tells_the_beats_that_a_naive_one_tells(session: list) -> None:
    both = Both()
    for what, number, instrument, n, beats_first, passed in session:
        both.session.now += passed
        both.step(what, number, instrument, n, beats_first)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_session_of_everything(seed: int) -> None:
    draw, both, news, beats, heard = Random(seed), Both(), set(), 0, 0
    for _ in range(500):
        both.session.now += draw.choice((0, SECOND // 2, SECOND, 5 * SECOND))
        what, told = (
            draw.choice(["nothing"] * 30 + WHATS),
            {number: len(twin.told) for number, twin in both.twins.items()},
        )
        beats += len(both.session.host.due(both.session.now))
        both.step(what, draw.randint(1, 3), draw.randint(1, 2), draw.randrange(4), draw.random() < 0.5)
        more = {number: len(twin.told) - told[number] for number, twin in both.twins.items()}
        heard += sum(max(0, each) for each in more.values())
        if any(each > 0 for each in more.values()):
            news.add(what)
    assert beats // 20 < heard < beats * 3 // 4
    assert len(news) > 10, "whatever happens, there are beats behind it"


def calm(form: str = "Heeds", orders: int = 2) -> tuple[Session, Mind]:
    """A session of one strategy with a book, a position and open orders, which was told of both timers and has nothing new to hear."""
    session = Session(LIBRARY)
    open_account(session)
    session.run(1, f"heeds.py:{form}", ("BBB", "AAA"))
    session.take(*levels(session, {100: 1}, {103: 1}, 1))
    key = terms.order_key(999)
    session.take(*drafted(session, key, 1))
    session.take(session.row(registry.FILLED, key, 90, 5, 1, terms.pack(terms.META, account=1), instrument=1))
    for k in range(orders):
        session.take(*drafted(session, terms.order_key(1000 + k), 1))
    mind = session.host.mind(1)
    assert [mind.has_news(session.state, timer) for timer in (0, 1)] == [True, True]
    return session, mind


def the_order(state: State) -> np.void:
    return state.orders[find_order(state.orders, state.order_places, terms.order_key(1001), 1)]


def set_best(state: State, side: int, key: int) -> None:
    slot_ix = int(state.instruments[1]["slot"])
    state.sides[2 * slot_ix + side]["best"] = key


def set_word(row: np.void, name: str, change: int) -> None:
    row[name] += change


CHANGES: dict[str, Callable[[State], None]] = {
    "best bid": lambda state: set_best(state, 0, 101),
    "best ask": lambda state: set_best(state, 1, -102),
    "the book is not to be believed": lambda state: state.slots["state"].fill(0),
    "frozen": lambda state: set_word(state.terms[2], "frozen", 301),
    "position": lambda state: set_word(state.positions[state.terms[1]["positions_ix"]], "qty", 1),
    "refused": lambda state: set_word(state.strategies[1], "refused", 1),
    "parameters": lambda state: set_word(state.strategies[1], "params_revision", 1),
    "intents": lambda state: set_word(state.strategies[1], "intents", 1),
    "an order's key": lambda state: set_word(the_order(state), "key", 1 << 20),
    "an order's price": lambda state: set_word(the_order(state), "price", 1),
    "an order's quantity": lambda state: set_word(the_order(state), "qty", 1),
    "what of an order is filled": lambda state: set_word(the_order(state), "filled", 1),
    "an order's state": lambda state: set_word(the_order(state), "state", 1),
    "whether an order is free": lambda state: set_word(the_order(state), "pending_action", 1),
    "the end of the last order": lambda state: set_word(the_order(state), "strategy", 1),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_thing_that_counts_is_news_alone_and_once_for_each_timer(what: str) -> None:
    session, mind = calm()
    state = session.state
    session.take(accepted(session, 1001))
    for timer in (0, 1):
        assert mind.has_news(session.state, timer)
        assert not mind.has_news(session.state, timer)
    CHANGES[what](state := session.state)
    for timer in (0, 1):
        assert mind.has_news(state, timer), what
        assert not mind.has_news(state, timer), what


def accepted(session: Session, seq: int) -> Row:
    meta = terms.pack(terms.META, account=1)
    return session.row(registry.ACCEPTED, terms.order_key(seq), 7, 0, 1, meta, instrument=1)


def test_what_does_not_count_is_no_news() -> None:
    session, mind = calm()
    session.trade(101)
    session.take(*levels(session, {100: 7, 99: 3}, {103: 2, 110: 4}, 1))
    session.take(session.row(registry.MARK, 1, 2, 3, 4, 5, instrument=1))
    session.take(*drafted(session, terms.order_key(5000), 2))
    session.pass_time(SECOND // 2)
    assert [mind.has_news(session.state, timer) for timer in (0, 1)] == [False, False]


def test_with_more_orders_than_there_is_room_for_every_beat_is_told() -> None:
    session, mind = calm(orders=ORDERS_SEEN)
    assert not mind.has_news(session.state, 0)
    session.take(*drafted(session, terms.order_key(3000), 1))
    assert [mind.has_news(session.state, 0) for _ in range(3)] == [True] * 3
    session.take(
        session.row(registry.REJECTED, terms.order_key(3000), 1, 0, 1, terms.pack(terms.META, account=1), instrument=1)
    )
    assert [mind.has_news(session.state, 0) for _ in range(3)] == [True, False, False]


def told(session: Session) -> int:
    """How many beats of its first timer it was told of; one second goes by."""
    log = session.host.mind(1).instance.told
    before = len(log)
    session.pass_time(SECOND)
    return [timer for timer, _ in log[before:]].count(0)


def quiet() -> Session:
    """A strategy whose next beats at the full second have no news."""
    session = Session(LIBRARY)
    session.run(1, "heeds.py:Heeds")
    session.book({100: 1}, {103: 1})
    session.pass_time(3 * SECOND)
    assert told(session) == 0
    return session


def test_what_was_refused_or_came_to_nothing_is_asked_again() -> None:
    session = quiet()
    while session.now // SECOND % 11 != 10:  # at the beat behind it wants something
        session.pass_time(SECOND)
    before = session.state.strategies[1]["intents"]
    session.book({101: 1}, {103: 1})
    assert told(session) == 1
    assert session.state.strategies[1]["intents"] > before
    assert told(session) == 1, "nothing came of it, and nothing else is new"
    assert told(session) == 0
    session.take(drafted(session, terms.order_key(1000), 1)[0])
    session.take(session.row(registry.GATE_REFUSED, terms.order_key(1000), 211, 0, session.seq, instrument=1))
    assert session.state.strategies[1]["refused"] == 1
    assert told(session) == 1


def test_one_that_may_not_be_woken_sees_nothing() -> None:
    session, scope = quiet(), terms.scope(terms.ScopeKind.STRATEGY, 1)
    session.take(session.row(registry.STOPPED, scope, StopLevel.HALT, 0, session.seq, 0))
    session.book({101: 1}, {103: 1})
    assert told(session) == 0
    session.take(session.row(registry.STOPPED, scope, StopLevel.REDUCE, 0, session.seq, StopLevel.HALT))
    assert told(session) == 1
    assert told(session) == 0


def test_a_pause_and_a_snapshot_keep_what_was_seen_and_a_replacement_does_not() -> None:
    session = quiet()
    session.command(1, "PAUSE")
    session.command(1, "START")
    assert told(session) == 0
    other = Host(LIBRARY)
    other.load(session.host.dump())
    assert other.digest() == session.host.digest()
    session.host = other
    assert told(session) == 0
    session.command(1, "REPLACE", "heeds.py:Heeds")
    assert told(session) == 1
    session.command(1, "STOP")
    session.command(1, "START")
    session.pass_time(SECOND)
    assert len(session.host.mind(1).instance.told) == 1


def test_a_memory_that_knows_nothing_of_it_is_of_another_program() -> None:
    version, *rest = unpack_plain(quiet().host.dump())
    with pytest.raises(ValueError, match="another program"):
        Host(LIBRARY).load(pack_plain([version - 1, *rest]))


@pytest.mark.parametrize(
    ("wakes", "said"),
    [
        (
            "timers=(5,), if_changed='much'",
            "if_changed is much, which is neither True nor False nor a parameter of unit flag",
        ),
        ("timers=(5,), if_changed='none'", "if_changed is none, which"),
        ("timers=(5,), if_changed=''", "if_changed is , which"),
        ("timers=(5,), if_changed=1", "if_changed is 1, which"),
        ("fills=True, if_changed=True", "has no timers"),
        ("fills=True, if_changed='calm'", "has no timers"),
    ],
)
def test_declarations_that_mean_nothing_are_refused(wakes: str, said: str) -> None:
    text = f"""
from veloz.strategies import sdk


class One(sdk.Strategy):
    written_for = "1.1"
    params = (sdk.Param("calm", "flag", default="1"), sdk.Param("much", "count", default="1"))
    wakes = sdk.Wakes({wakes})
"""
    with pytest.raises(Refused, match=said):
        read_source("one.py", text)
