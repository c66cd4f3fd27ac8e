"""Who is woken, of what, in what order: the host beside a naive one that offers every row to every strategy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.naive_host import NaiveHost, NaiveMind
from tests.strategies.recorders import SOURCE
from tests.strategies.sessions import SECOND, Row, Session
from veloz.contracts import layout, registry, terms
from veloz.strategies.loader import Library

LIBRARY = Library([("recorders.py", SOURCE)])
MINDS = {
    1: ("Everything", ("AAA", "BBB")),
    2: ("Trades", ("BBB",)),
    3: ("Fills", ("AAA",)),
    4: ("Everything", ("BBB",)),
    5: ("Nothing", ("AAA",)),
}

things = st.tuples(
    st.sampled_from(
        ["trade"] * 5 + ["bar", "bar", "quote", "mark", "status", "odd", "newer", "timer", "timer", "early", "draft", "draft"]
        + ["fill"] * 3 + ["accepted", "canceled", "silent", "START", "PAUSE", "STOP"]
    ),
    st.integers(1, 5),  # strategy
    st.integers(1, 3),  # instrument; 3 is listed and nobody's
    st.integers(0, 6),
)  # fmt: skip
sessions = st.lists(
    st.tuples(
        st.sampled_from([0, 1, SECOND // 3, SECOND, 59 * SECOND, 400 * SECOND]),
        st.lists(things, min_size=1, max_size=6),
    ),
    max_size=14,
)


class Both:
    """The host and the naive one over the same rows."""

    def __init__(self) -> None:
        self.session = Session(LIBRARY, ("AAA", "BBB", "CCC"))
        numbers = {"AAA": 1, "BBB": 2}
        minds = {}
        for number, (name, instruments) in MINDS.items():
            self.session.command(number, "LOAD", f"recorders.py:{name}", instruments=list(instruments))
            wakes = LIBRARY.newest(f"recorders.py:{name}").made.wakes
            minds[number] = NaiveMind(
                list(wakes.events), list(wakes.timers), list(wakes.bars), wakes.fills, wakes.orders,
                [numbers[symbol] for symbol in instruments],
            )  # fmt: skip
        self.naive, self.logs, self.keys = NaiveHost(minds), {number: [] for number in MINDS}, [(0, 1)]
        for number in (1, 2, 3):
            self.take([self.command(number, 1)])

    def command(self, number: int, action: int) -> Row:
        return self.session.row(registry.COMMAND_STRATEGY, number, action, 0, 1, 1)

    def take(self, rows: list[Row]) -> None:
        session = self.session
        for row in rows:
            if row[0] == registry.DRAFTED.number:
                self.naive.owners[row[6]] = terms.unpack(terms.SPEC, row[10])["strategy"]
        first, now = session.seq + 1, max(session.now, *(row[4] for row in rows))
        assert session.take(*rows) == [], "recorders want nothing"
        for number, told in self.naive.step(rows, first, now).items():
            last = first + len(rows) - 1  # views are of the whole step
            heard = [(last if what in ("start", "stop") else seq, what, which) for seq, what, which in told]
            anew = any(what == "start" for _, what, _ in told)  # made anew by the command, told at the end of the step
            self.logs[number] = heard if anew else self.logs[number] + heard
        self.check()

    def check(self) -> None:
        for number, log in self.logs.items():
            mind = self.session.host.mind(number)
            assert (mind.instance.log if mind.instance else []) == log, number

    def thing(self, what: str, number: int, instrument: int, n: int) -> Row:
        row, (key, of) = self.session.row, self.keys[n % len(self.keys)]
        meta = terms.pack(terms.META, account=1)
        if what in ("trade", "odd", "newer"):
            made = row(
                registry.TRADE,
                n,
                100 + n,
                1,
                self.session.now,
                instrument=instrument,
                flags=layout.ODD if what == "odd" else 0,
            )
            return (made[0], 2, *made[2:]) if what == "newer" else made
        if what == "bar":
            length = (60, 60, 60, 1, 300, 180, 3600)[n] * SECOND
            opened = (self.session.now // length - 1) * length
            flags = layout.FIRST | (0 if number == 5 else layout.CLOSED)
            return row(registry.BAR, opened, 100, 100, 100, 100, instrument=instrument, flags=flags)
        if what == "volumes":
            length = (60, 60, 60, 1, 300, 180, 3600)[n] * SECOND
            return row(registry.BAR_VOLUME, length, 5, 2, 500, n, instrument=instrument, flags=layout.LAST)
        if what == "quote":
            return row(registry.QUOTE, 1, 99, 1, 101, 1, instrument=instrument)
        if what == "mark":
            return row(registry.MARK, 1, 2, 3, 4, 5, instrument=instrument)
        if what == "status":
            return row(registry.STATUS, 0, instrument=instrument)
        if what in ("timer", "early"):
            dues = self.naive.minds[number].dues
            due = dues[n % len(dues)] if dues else self.session.now
            return row(registry.TIMER, number, n % max(len(dues), 1), due - (what == "early"))
        if what == "draft":
            key = terms.order_key(1000 + len(self.keys))
            self.keys.append((key, instrument))
            return row(
                registry.DRAFTED,
                key,
                100,
                5,
                1,
                terms.pack(terms.SPEC, account=1, strategy=number),
                instrument=instrument,
            )
        if what == "fill":
            return row(registry.FILLED, key, 100, 1, n, meta, instrument=of)
        if what in ("accepted", "canceled", "silent"):
            kind = {"accepted": registry.ACCEPTED, "canceled": registry.CANCELED, "silent": registry.SILENT}[what]
            return row(kind, key, 7, 0, 1, meta, instrument=of)
        return self.command(number, {"START": 1, "PAUSE": 2, "STOP": 3}[what])


@given(sessions)
def test_the_host_tells_what_a_naive_one_tells(session: list) -> None:
    both = Both()
    for passed, wanted in session:
        both.session.now += passed
        starts: list[int] = []
        rows = []
        for what, number, instrument, n in wanted:
            if what in ("START", "PAUSE", "STOP"):
                if number in starts:
                    continue
                starts.append(number)
            rows.append(both.thing(what, number, instrument, n))
            if what == "bar":
                rows.append(both.thing("volumes", number, instrument, n))
        both.take(rows)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, SECOND, 60 * SECOND, 60 * SECOND, 300 * SECOND, 400 * SECOND]),
            st.sampled_from(["bar"] * 12 + ["START", "PAUSE", "trade", "mark"]), st.integers(1, 5), st.integers(1, 3), st.integers(0, 6),
        ), max_size=30,
    )
)  # fmt: skip
def test_stated_bars_are_told_as_a_naive_host_tells_them(session: list) -> None:
    both = Both()
    for passed, what, number, instrument, n in session:
        both.session.now += passed
        more = [both.thing("volumes", number, instrument, n)] if what == "bar" else []
        both.take([both.thing(what, number, instrument, n), *more])


def test_a_session_of_everything() -> None:
    both = Both()
    for k in range(200):
        both.session.now += SECOND * (k % 7)
        both.take(
            [both.thing(what, 1 + k % 5, 1 + k % 2, k % 7) for what in ("trade", "timer", "draft", "fill", "accepted")]
        )
    logs = {number: len(log) for number, log in both.logs.items()}
    assert logs[1] > 300
    assert logs[2] > 50
    assert logs[5] == 0


@pytest.mark.parametrize("n", [2, 63, 64, 65, 1000])
def test_steps_of_any_length(n: int) -> None:
    both = Both()
    both.take([both.thing("trade", 1, 1 + k % 2, k % 7) for k in range(n)])
    assert [told[1] for told in both.logs[1]] == ["start", "event", "event"]


def test_what_nobody_waits_for_wakes_nobody() -> None:
    session = Session(LIBRARY)
    session.run(1, "recorders.py:Nothing")
    rows = np.array([session.row(registry.TRADE, 1, 2, 3, 4, instrument=1)], layout.ROW)
    assert session.host.wake(session.state, rows, session.seq + 1, session.now) == []


@pytest.mark.parametrize("better", ["trade", "bar"])
def test_a_better_source_tells_of_no_bar_that_is_gone(better: str) -> None:
    """Hours, a gap, and then trades or minutes: what the hours made is dropped, and nothing of it closes any more."""
    both = Both()
    rows = [both.thing(what, 1, 1, 6) for what in ("bar", "volumes")]
    both.take(rows)
    told = len(both.logs[1])
    both.session.now += 7200 * SECOND
    both.take([both.thing(what, 1, 1, 0) for what in (("bar", "volumes") if better == "bar" else ("trade",))])
    new = both.session.host.mind(1).instance.log[told:]
    assert [each[2] for each in new if each[1] == "bar"] == ([(1, "1m")] if better == "bar" else [])
