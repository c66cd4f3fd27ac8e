"""What the host does with strategies that do wrong, and with commands: nobody else is disturbed, and every reason is a row."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.strategies.sessions import SECOND, STATUS, Session
from veloz.contracts import registry, terms
from veloz.contracts.codes import Refusal, StopLevel
from veloz.strategies.host import Wake
from veloz.strategies.intents import Nonsense
from veloz.strategies.loader import Library, read_source

SOURCE = '''
from fractions import Fraction

from veloz.strategies import sdk


class Steady(sdk.Strategy):
    """One order a trade."""

    written_for = "1.0"
    params = (
        sdk.Param("qty", "qty", default="0.001", low="0.001", high="9"),
        sdk.Param("beat_ns", "ns", default="1000000000", low="1"),
        sdk.Param("level", "number", default="0.5", low="-1", high="1"),
    )
    wakes = sdk.Wakes(events=("md.trade",), timers=("beat_ns",))

    def __init__(self):
        self.wakings = 0

    def on_event(self, view, event):
        self.wakings += 1
        return sdk.Order(event.instrument, False, view.params.qty, 100 + self.wakings)

    def on_timer(self, view, timer):
        return sdk.Target(view.instruments[0], -7)

    def on_parameter(self, view, name):
        return sdk.Target(view.instruments[0], int(view.params[name] * 10))

    def on_stop(self, view):
        return [sdk.Order(view.instruments[0], True, 1, 5), sdk.Cancel(view.instruments[0], 77)]


class Keeping(Steady):
    """The same, taking over the memory of what it replaces."""

    keeps = True


class Raising(Steady):
    """Raises at the third trade."""

    def on_event(self, view, event):
        self.wakings += 1
        if self.wakings == 5:
            raise RuntimeError("no")
        return super().on_event(view, event)


class Greedy(Steady):
    """Wants more at each trade."""

    budget = 3

    def on_event(self, view, event):
        self.wakings += 1
        return [sdk.Order(event.instrument, False, 1, 5)] * self.wakings


class Quitting(Steady):
    """Raises at once."""

    def on_event(self, view, event):
        raise StopIteration(1)


class Unkept(Steady):
    """Keeps what cannot be kept."""

    def __init__(self):
        self.share = Fraction(1, 3)


class Newer(Steady):
    """Written for an SDK of the future."""

    written_for = "1.9"


class Older(Steady):
    """Written for another SDK."""

    written_for = "0.9"


class Answering(sdk.Strategy):
    """Answers whatever it is made to."""

    written_for = "1.0"
    wakes = sdk.Wakes(events=("md.trade",))
    said = ()

    def on_event(self, view, event):
        return self.said


@sdk.kernel
def count(window, memory, opinions, params, numbers, out):
    memory[0] += 1
    if window.event[0]["code"] != sdk.ON_EVENT:
        return 0
    n = window.event[0]["word2"]
    for k in range(min(n, out.shape[0])):
        out[k]["form"] = sdk.ORDER
        out[k]["instrument"] = window.markets[0]["number"]
        out[k]["qty"] = 1
        out[k]["price"] = memory[n] if n < 100 else 0
    return n


class Kernel(sdk.Strategy):
    """As many orders as the price of the trade; reads its memory there too."""

    written_for = "1.0"
    wakes = sdk.Wakes(events=("md.trade",))
    kernel = staticmethod(count)
    memory = 8
    budget = 8
'''
LIBRARY = Library([("wrong.py", SOURCE)])
TEXT_LINES = SOURCE.splitlines()


def words(wakes: Sequence[Wake], kind: registry.Kind) -> list[tuple[int, ...]]:
    """The five words of every row of a kind."""
    return [tuple(row.tolist()[6:]) for wake in wakes for row in wake.rows if row["kind"] == kind.number]


def session(*names: str) -> Session:
    """Strategies 1 … on AAA, running."""
    made = Session(LIBRARY)
    for number, name in enumerate(names, 1):
        made.run(number, f"wrong.py:{name}")
    return made


def prices(wakes: Sequence[Wake], number: int) -> list[int]:
    return [int(row["price"]) for wake in wakes if wake.strategy == number for row in wake.rows]


def test_one_that_raises_is_disabled_and_disturbs_nobody() -> None:
    alone, crowd = session("Steady"), session("Steady", "Raising", "Quitting")
    for k in range(5):
        quiet, loud = alone.trade(100), crowd.trade(100)
        assert prices(quiet, 1) == prices(loud, 1) == [101 + k]
        if k == 0:
            assert words(loud, registry.DISABLED)[0][:2] == (3, Refusal.RAISED)
        if k == 2:
            strategy, code, line, cause, limit = words(loud, registry.DISABLED)[0]
            assert (strategy, code, limit, cause) == (2, Refusal.RAISED, 0, crowd.seq - 2)
            assert "RuntimeError" in TEXT_LINES[line - 1]
    assert [crowd.host.mind(n).status for n in (1, 2, 3)] == [STATUS["RUNNING"], STATUS["DISABLED"], STATUS["DISABLED"]]


def test_a_budget_is_counted_and_none_of_the_wake_counts() -> None:
    made = session("Greedy")
    assert [len(wakes[0].rows) for wakes in (made.trade(1), made.trade(1), made.trade(1))] == [1, 2, 3]
    (wake,) = made.trade(1)
    assert words([wake], registry.DISABLED) == [(1, Refusal.BUDGET, 4, made.seq - 1, 3)]
    assert len(wake.rows) == 1
    assert made.trade(1) == []


def test_a_budget_holds_for_all_that_a_step_tells() -> None:
    made = session("Greedy")
    made.run(1, "wrong.py:Greedy", ("AAA", "BBB"))
    rows = [made.row(registry.TRADE, 1, 100, 1, made.now, instrument=n) for n in (1, 2)]
    assert [len(wake.rows) for wake in made.take(rows[0])] == [1]
    assert words(made.take(*rows), registry.DISABLED)[0][1:3] == (Refusal.BUDGET, 5), "2 and then 3, each within 3"


@pytest.mark.parametrize(("price", "rows"), [(0, 0), (3, 3), (8, 0), (9, 0), (-1, 0), (50, 0)])
def test_a_kernel_is_held_to_the_same(price: int, rows: int) -> None:
    made = Session(LIBRARY)
    made.run(1, "wrong.py:Kernel", form="kernel")
    wakes = made.take(made.row(registry.TRADE, 1, price, 1, made.now, instrument=1))
    disabled = words(wakes, registry.DISABLED)
    if price in (8, 50):
        assert disabled[0][1:3] == (Refusal.RAISED, 0), "an index beyond its memory"
    elif price == 9:
        assert disabled[0][1:3] == (Refusal.RAISED, 0)
    elif price == -1:
        assert disabled[0][1] == Refusal.NONSENSE
    else:
        assert sum(len(wake.rows) for wake in wakes) == rows
        assert not disabled


def test_a_kernel_beyond_its_budget() -> None:
    made = Session(LIBRARY)
    made.run(1, "wrong.py:Kernel", form="kernel")
    wakes = made.take(made.row(registry.TRADE, 1, 100, 1, made.now, instrument=1))
    assert words(wakes, registry.DISABLED)[0][1:] == (Refusal.BUDGET, 100, made.seq - 1, 8)


def test_memory_that_cannot_be_kept_is_known_at_the_start() -> None:
    made = Session(LIBRARY)
    wakes = made.run(1, "wrong.py:Unkept")
    assert words(wakes, registry.DISABLED) == [(1, Refusal.NONSENSE, 0, made.seq - 1, Nonsense.NOT_PLAIN)]


@pytest.mark.parametrize(("code", "observed", "limit"), [("Newer", 1009, 1002), ("Older", 9, 1002)])
def test_another_sdk_is_refused(code: str, observed: int, limit: int) -> None:
    made = Session(LIBRARY)
    wakes = made.command(1, "LOAD", f"wrong.py:{code}", instruments=["AAA"])
    assert words(wakes, registry.DISABLED) == [(1, Refusal.SDK_VERSION, observed, made.seq - 1, limit)]


def test_code_that_is_not_at_hand_is_never_run() -> None:
    made = Session(LIBRARY)
    evil = "raise KeyboardInterrupt"
    wakes = made.command(1, "LOAD", "wrong.py:Steady", hash_number=12345, source=evil, instruments=["AAA"])
    assert words(wakes, registry.DISABLED)[0][:2] == (1, Refusal.NO_CODE)
    assert words(made.command(1, "START"), registry.DISABLED)[0][:2] == (1, Refusal.NO_CODE)
    made.command(1, "REPLACE", "wrong.py:Steady", instruments=["AAA"])
    made.command(1, "START")
    assert prices(made.trade(1), 1) == [101]


@pytest.mark.parametrize(
    ("instruments", "params", "code"),
    [
        (["ZZZ"], {}, Refusal.NOT_KNOWN),
        ([], {}, Refusal.NOT_KNOWN),
        (["AAA", "AAA"], {}, Refusal.NOT_KNOWN),
        (["AAA"], {"qty": "0"}, Refusal.OUT_OF_BOUNDS),
        (["AAA"], {"qty": "x"}, Refusal.NOT_A_NUMBER),
        (["AAA"], {"qty": "1.00001"}, Refusal.NOT_A_NUMBER),
        (["AAA"], {"size": "1"}, Refusal.NOT_KNOWN),
    ],
)
def test_what_cannot_be_started_says_why(instruments: list[str], params: dict, code: int) -> None:
    made = Session(LIBRARY)
    wakes = made.run(1, "wrong.py:Steady", tuple(instruments), params=params)
    assert {row[1] for row in words(wakes, registry.DISABLED)} == {code}
    assert made.trade(1) == []


def test_pause_goes_on_where_it_stopped_and_stop_does_not() -> None:
    made = session("Steady")
    assert prices([*made.trade(1), *made.trade(1)], 1) == [101, 102]
    made.command(1, "PAUSE")
    assert made.trade(1) == []
    assert made.host.next_due() is None
    assert made.command(1, "START") == []
    assert prices(made.trade(1), 1) == [103]
    (wake,) = made.command(1, "STOP")
    assert [row["venue_seq"] for row in wake.rows] == [77], "only its cancels"
    assert made.trade(1) == []
    made.command(1, "START")
    assert prices(made.trade(1), 1) == [101]


@pytest.mark.parametrize(("code", "first"), [("Steady", 101), ("Keeping", 103)])
def test_replacing_keeps_memory_as_the_new_code_declares(code: str, first: int) -> None:
    made = session("Steady")
    made.param(1, "qty", "2")
    made.trade(1)
    made.trade(1)
    assert made.command(1, "REPLACE", f"wrong.py:{code}") == []
    wakes = made.trade(1)
    assert prices(wakes, 1) == [first]
    assert int(wakes[0].rows[0]["qty"]) == 2000, "parameters stay"
    assert made.host.next_due() == made.now + SECOND


def test_replacing_a_paused_one_waits_for_its_start() -> None:
    made = session("Steady")
    made.trade(1)
    made.command(1, "PAUSE")
    made.command(1, "REPLACE", "wrong.py:Keeping")
    assert made.trade(1) == []
    made.command(1, "START")
    assert prices(made.trade(1), 1) == [102]


def test_parameters_are_hot_bounded_and_versioned() -> None:
    made = session("Steady")
    (wake,) = made.param(1, "qty", "0.5", revision=1)
    assert [int(row["qty"]) for row in wake.rows] == [5000]
    assert int(made.trade(1)[0].rows[0]["qty"]) == 500
    refused = {
        ("qty", "9.001"): (Refusal.OUT_OF_BOUNDS, 9, 9),
        ("qty", "0.0001"): (Refusal.OUT_OF_BOUNDS, 0, 0),
        ("qty", "1e3"): (Refusal.NOT_A_NUMBER, 0, 0),
        ("size", "1"): (Refusal.NOT_KNOWN, 0, 0),
    }
    for (name, value), (code, observed, limit) in refused.items():
        wakes = made.param(1, name, value)
        scope = terms.scope(terms.ScopeKind.STRATEGY, 1)
        assert words(wakes, registry.COMMAND_REFUSED) == [(scope, code, observed, made.seq - 1, limit)]
    assert words(made.param(1, "qty", "1", revision=3), registry.COMMAND_REFUSED)[0][1:3] == (Refusal.ALREADY, 3)
    assert int(made.trade(1)[0].rows[0]["qty"]) == 500
    assert [int(row["qty"]) for row in made.param(1, "level", "-0.25")[0].rows] == [2]
    assert words(made.param(9, "qty", "1"), registry.COMMAND_REFUSED)[0][1] == Refusal.NOT_KNOWN


def test_timers_beat_in_rhythm_whatever_comes_late() -> None:
    made = session("Steady")
    start = made.now
    assert [wake.rows[0]["qty"] for wake in made.pass_time(3 * SECOND)] == [7, 7, 7]
    assert made.host.next_due() == start + 4 * SECOND
    made.now = start + 9 * SECOND + 5
    (due,) = made.host.due(made.now)
    assert due.due_ns == start + 4 * SECOND
    made.take(made.row(registry.TIMER, 1, 0, due.due_ns))
    assert made.host.next_due() == start + 10 * SECOND
    assert made.take(made.row(registry.TIMER, 1, 0, due.due_ns)) == [], "a beat counts once"
    made.param(1, "beat_ns", "300")
    made.take(made.row(registry.TIMER, 1, 0, start + 10 * SECOND, ts=start + 10 * SECOND))
    assert made.host.next_due() == start + 10 * SECOND + 300


def test_a_stop_level_of_its_own_scope_is_its_kill() -> None:
    made = session("Steady", "Steady")
    scope = terms.scope(terms.ScopeKind.STRATEGY, 1)
    made.take(made.row(registry.STOPPED, scope, StopLevel.HALT, 0, made.seq, 0))
    assert [wake.strategy for wake in made.trade(1)] == [2]
    made.take(made.row(registry.STOPPED, scope, StopLevel.REDUCE, 0, made.seq, StopLevel.HALT))
    assert [wake.strategy for wake in made.trade(1)] == [1, 2]


def test_scales_that_change_change_parameters() -> None:
    made = session("Steady")
    made.param(1, "qty", "0.5")
    made.listing(1, "AAA", registry.CHANGED, (2, 5))
    assert int(made.trade(1)[0].rows[0]["qty"]) == 50_000


def test_other_code_can_stand_in() -> None:
    (other,) = [code for code in read_source("wrong.py", SOURCE) if code.name == "wrong.py:Greedy"]
    made = Session(LIBRARY, instead={1: other})
    made.run(1, "wrong.py:Steady")
    assert prices(made.trade(1), 1) == [5]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("text", Nonsense.NOT_AN_INTENT),
        (3, Nonsense.NOT_AN_INTENT),
        ([None], Nonsense.NOT_AN_INTENT),
        ({"qty": 1}, Nonsense.NOT_AN_INTENT),
        ("Order(1, False, 1.5, 5)", Nonsense.NOT_A_NUMBER),
        ("Order(1, False, True, 5)", Nonsense.NOT_A_NUMBER),
        ("Order(1, False, None, 5)", Nonsense.NOT_A_NUMBER),
        ("Order(1, False, -1, 5)", Nonsense.OUT_OF_RANGE),
        ("Order(1, False, 0, 5)", Nonsense.OUT_OF_RANGE),
        ("Order(1, False, 2**63, 5)", Nonsense.OUT_OF_RANGE),
        ("Order(1, False, 1, -5)", Nonsense.OUT_OF_RANGE),
        ("Order(1, False, 1, 2**62)", Nonsense.OUT_OF_RANGE),
        ("Order(1, False, 1, 5, type=7)", Nonsense.OUT_OF_RANGE),
        ("Order(1, False, 1, 5, callback_ppm=10**7)", Nonsense.OUT_OF_RANGE),
        ("Order(2, False, 1, 5)", Nonsense.UNKNOWN_INSTRUMENT),
        ("Order(99, False, 1, 5)", Nonsense.UNKNOWN_INSTRUMENT),
        ("Quote(1, 5, -1, 6, 1)", Nonsense.OUT_OF_RANGE),
        ("Quote(1, 5, 1, -6, 1)", Nonsense.OUT_OF_RANGE),
        ("Target(1, -2**63)", Nonsense.OUT_OF_RANGE),
        ("Cancel(1, 0)", Nonsense.OUT_OF_RANGE),
        ("Cancel(1, -7)", Nonsense.OUT_OF_RANGE),
        ("Amend(1, 40, 5, 0)", Nonsense.OUT_OF_RANGE),
    ],
)
def test_nonsense(answer: object, fault: Nonsense) -> None:
    from veloz.strategies import sdk

    made = session("Answering", "Steady")
    code = LIBRARY.newest("wrong.py:Answering")
    said = eval(answer, vars(sdk)) if isinstance(answer, str) and "(" in answer else answer
    good = sdk.Order(1, True, 1, 7)
    code.made.said = [good, said] if not isinstance(said, list) else said
    wakes = made.trade(1)
    at = 0 if isinstance(said, list) else 1
    assert words(wakes, registry.DISABLED) == [(1, Refusal.NONSENSE, at, made.seq - 2, fault)]
    assert prices(wakes, 2) == [101]


def test_an_order_of_another_strategy_is_none_of_its_business() -> None:
    from veloz.strategies import sdk

    made = session("Answering")
    for strategy, key in ((2, terms.order_key(500)), (1, terms.order_key(501))):
        spec = terms.pack(terms.SPEC, account=1, strategy=strategy)
        made.take(made.row(registry.DRAFTED, key, 100, 5, 1, spec, instrument=1))
    made_class = LIBRARY.newest("wrong.py:Answering").made
    made_class.said = sdk.Cancel(1, terms.order_key(501))
    (wake,) = made.trade(1)
    assert int(wake.rows[0]["venue_seq"]) == terms.order_key(501)
    assert terms.unpack(terms.SPEC, int(wake.rows[0]["aux"]))["action"] == terms.Action.CANCEL
    made_class.said = sdk.Amend(1, terms.order_key(500), 5, 1)
    assert words(made.trade(1), registry.DISABLED)[0][1:] == (Refusal.NONSENSE, 0, made.seq - 1, Nonsense.NOT_OWN_ORDER)


def test_rows_say_what_was_wanted() -> None:
    from veloz.strategies import sdk

    made = session("Answering")
    stop = sdk.Order(
        1, True, 3, type=sdk.OrderType.STOP_MARKET, tif=sdk.TimeInForce.GTD, trigger=9, expire_ns=11, reduce_only=True
    )
    LIBRARY.newest("wrong.py:Answering").made.said = (sdk.Quote(1, 90, 1, 110, 2), sdk.Target(1, -4, price=95), stop)
    (wake,) = made.trade(1)
    cause = made.seq - len(wake.rows)
    assert (wake.strategy, wake.cause) == (1, cause)
    told = [(int(row["kind"]), int(row["flags"]), *row.tolist()[6:9]) for row in wake.rows]
    assert told == [(16, 2, 0, 90, 1), (16, 4, 0, 110, 2), (16, 0, 0, 95, 4), (16, 0, 0, 0, 3), (73, 0, 9, 0, 0)]
    specs = [terms.unpack(terms.SPEC, int(row["aux"])) for row in wake.rows[:4]]
    assert [(spec["form"], spec["sell"], spec["more"], spec["strategy"], spec["account"]) for spec in specs] == [
        (2, 0, 0, 1, 1), (2, 1, 0, 1, 1), (1, 1, 0, 1, 1), (0, 1, 1, 1, 1),
    ]  # fmt: skip
    assert (specs[3]["type"], specs[3]["tif"], specs[3]["reduce_only"]) == (2, 4, 1)
    assert {int(row["ref"]) for row in wake.rows[:4]} == {cause}
    assert (int(wake.rows[4]["ref"]), int(wake.rows[4]["aux"])) == (0, 11)
    assert np.all(wake.rows["ts_recv"] == made.now)
