"""How far a strategy's text reaches: not beyond the SDK, not into another strategy, and never to where things lie in memory."""

import pytest

from tests.strategies.sessions import STATUS, Session
from veloz.contracts import registry
from veloz.contracts.codes import Refusal
from veloz.strategies.loader import Library, Refused, read_source
from veloz.strategies.memory import NotPlain

HEAD = "import collections, decimal, enum, functools, itertools, math\nfrom veloz.strategies import sdk\n"
TAIL = """

class Said(sdk.Strategy):
    written_for = "1.0"
    wakes = sdk.Wakes(events=("md.trade",))

    def on_event(self, view, event):
        {body}
"""


def text(lines: str = "", body: str = "return None") -> str:
    """A strategy with lines before its class, and a handler's body."""
    return HEAD + lines + TAIL.format(body=body.replace("\n", "\n        "))


def woken(body: str, lines: str = "") -> tuple[int, ...] | None:
    """The words of strategy.disabled after one trade; None: it goes on. A second strategy is not disturbed."""
    made = Session(Library([("said.py", text(lines, body))]))
    made.run(1, "said.py:Said")
    made.run(2, "quoter:Quoter")
    wakes = made.trade(100)
    assert made.host.mind(2).status == STATUS["RUNNING"]
    for wake in wakes:
        for row in wake.rows:
            if row["kind"] == registry.DISABLED.number:
                return tuple(int(row[name]) for name in ("venue_seq", "price"))
    return None


@pytest.mark.parametrize(
    "line",
    [
        "enum.bltns.eval('1')", "x = enum.bltns", "x = enum.sys", "import numpy", "from enum import bltns", "from enum import EnumType",
        "x = type(1)", "x = object()", "x = ().__class__", "x = Exception.mro()", "x = __builtins__", "x = __loader__", "x = __plain__",
        "class M(sdk.Strategy, metaclass=sdk.Strategy): pass", "x = '{0.__class__}'.format(1)", "x = hasattr(1, 'real')",
        "class X(BaseException): pass", "x = KeyboardInterrupt", "x = SystemExit", "from statistics import NormalDist",
        "class D:\n    def __del__(self): pass", "class D:\n    def __getattr__(self, name): pass", "def f(__class__): pass",
        "try:\n    pass\nexcept:\n    pass", "def f():\n    try:\n        pass\n    finally:\n        return 1", "self = 1",
        "x = {}.keys() - {}.keys()", "functools.lru_cache", "x = functools.cache",
        "class C:\n    @classmethod\n    def f(cls):\n        cls.n = 1",
        "match 1:\n    case int(__class__=x): pass", "from veloz.strategies.sdk import np", "sdk.np.load", "import math as __import__",
    ],
)  # fmt: skip
def test_beyond_the_sdk_there_is_nothing(line: str) -> None:
    with pytest.raises(Refused, match=r"^bad\.py:\d+ "):
        read_source("bad.py", text(f"{line}\n"))


@pytest.mark.parametrize("reach", ["m.sys", "m.bltns", "m.__spec__", "m.__loader__"])
def test_a_module_in_disguise_has_its_public_names_only(reach: str) -> None:
    (code,) = read_source("said.py", text("def f(m):\n    return m\n\nlikeness = f(enum)\n"))
    likeness = code.made.on_event.__globals__["likeness"]
    assert not hasattr(likeness, reach[2:]) or getattr(likeness, reach[2:]) is None
    assert likeness.Enum.__name__ == "Enum"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("SEEN = []\n", "SEEN"), ("SEEN = {}\n", "SEEN"), ("SEEN = ((1, []),)\n", "SEEN"), ("N = itertools.count()\n", "N"),
        ("push = [].append\n", "push"), ("def f(x, seen=[]):\n    return seen\n", "f()"), ("f = lambda *, seen={}: seen\n", "f()"),
        ("def make():\n    seen = []\n    return lambda: seen\nf = make()\n", "f()"), ("class C:\n    seen = []\n", "C.seen"),
        ("class C:\n    pass\nONE = C()\n", "ONE"), ("C = decimal.Context()\n", "C"), ("G = (n for n in ())\n", "G"),
        ("P = functools.partial(max, [])\n", "P"), ("class C:\n    class D:\n        seen = bytearray()\n", "C.D.seen"),
        ("def make():\n    class C:\n        seen = []\n    class D(C):\n        pass\n    return D\nD = make()\n", "C.seen"),
        ("W = sdk.On(kind=[])\n", "W"), ("D = collections.deque()\n", "D"), ("A = {}.get\n", "A"),
    ],
)  # fmt: skip
def test_memory_outside_of_self_is_refused(lines: str, name: str) -> None:
    with pytest.raises(Refused, match="outside of self") as caught:
        read_source("bad.py", text(lines))
    assert f" keeps {name} " in str(caught.value)


def test_a_strategy_keeps_nothing_in_its_class() -> None:
    with pytest.raises(Refused, match=r"keeps Said\.seen outside of self"):
        read_source("bad.py", text().replace('written_for = "1.0"', 'written_for = "1.0"\n    seen = []'))


def test_what_cannot_change_may_stand_anywhere() -> None:
    lines = """
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple, TypeVar

A: Final = (1, 2.5, "a", b"b", None, (True, range(3)), decimal.Decimal("1.5"), Fraction(1, 3))
T = TypeVar("T")
Pair = tuple[int, int] | None
floor = math.floor


class Side(enum.Enum):
    BUY = 1
    SELL = -1


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass(frozen=True)
class Level:
    price: int
    names: list = field(default_factory=list)


@dataclass
class Loose:
    price: int = 0


ORIGIN, SIDES = Point(1), tuple(Side)
LAST = functools.partial(max, 3)


class Base(sdk.Strategy):
    written_for = "1.0"
    fixed = (1, 2)

    @property
    def one(self):
        return self.fixed[0]

    @staticmethod
    def two():
        return 2
"""
    assert [code.name for code in read_source("said.py", text(lines))] == ["said.py:Base", "said.py:Said"]


@pytest.mark.parametrize(
    "body",
    [
        "x = repr(self)", "x = str(view)", "x = f'{self}'", "x = '%s' % self", "x = '%s' % (self,)", "x = ascii(len)", "x = format(self)",
        "x = str(lambda: 1)", "x = repr([iter([])])", "x = repr({1: self})", "x = 'a'\nx %= self", "x = f'{self!r}'",
        "x = list(map(str, [self]))",
        "x = str(map)", "x = f'{1:{self}}'", "x = str(math)",
    ],
)  # fmt: skip
def test_no_text_says_where_something_lies(body: str) -> None:
    disabled = woken(f"{body}\nreturn None")
    assert disabled == (1, Refusal.RAISED)


def test_plain_values_become_texts_as_ever() -> None:
    body = """
assert str(1) + repr("a") + f"{1.5:.2f}" + "%d %s" % (1, "b") + format(3, "03") == "1'a'1.501 b003"
assert f"{decimal.Decimal('1.50')} {(1, [2], {3: None})}" == "1.50 (1, [2], {3: None})"
assert isinstance("a", str) and not isinstance(1, str) and str() == "" and ",".join(map(str, [1, 2])) == "1,2"
assert str(b"a", "ascii") == "a" and str.upper("a") == "A" and issubclass(str, str)
assert 7 % 4 == 3 and decimal.Decimal(7) % 4 == 3
assert "Own" not in f"{view.market().bid}" and f"{view.orders()}" == "()"
match "a":
    case str(x):
        assert x == "a"
return None"""
    assert woken(body.strip()) is None


class Wild(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, Wild, RecursionError])
def test_nothing_that_a_strategy_raises_ends_the_engine(error: type[BaseException]) -> None:
    def wild(*_: object) -> None:
        raise error

    made = Session(Library([("said.py", text())]))
    made.run(1, "said.py:Said")
    made.run(2, "quoter:Quoter")
    mind = made.host.mind(1)
    mind.instance.on_event = wild  # type: ignore[union-attr,method-assign]
    wakes = made.trade(100)
    assert [int(row["price"]) for wake in wakes for row in wake.rows] == [Refusal.RAISED]
    assert (mind.status, made.host.mind(2).status) == (STATUS["DISABLED"], STATUS["RUNNING"])
    mind.instance.state = wild  # type: ignore[union-attr,method-assign]
    with pytest.raises(NotPlain, match="it raised"):
        made.host.dump()


def test_the_users_own_interrupt_is_not_the_strategys() -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    made = Session(Library([("said.py", text())]))
    made.run(1, "said.py:Said")
    made.host.mind(1).instance.on_event = interrupted  # type: ignore[union-attr,method-assign]
    with pytest.raises(KeyboardInterrupt):
        made.trade(100)


def test_an_error_while_loading_is_one_sentence_without_a_say_of_the_text() -> None:
    lines = "class X(Exception):\n    def __str__(self):\n        raise X\nraise X\n"
    with pytest.raises(Refused, match=r"^bad\.py cannot be loaded: X$"):
        read_source("bad.py", text(lines))
