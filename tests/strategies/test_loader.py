"""What a strategy's text may do, and that nothing runs which was not given."""

import ast
import hashlib
from pathlib import Path

import pytest

from veloz.strategies import sdk
from veloz.strategies.loader import (
    BUILT_IN,
    Library,
    Refused,
    faults_of,
    hash_of,
    is_compatible,
    number_of,
    read_built_in,
    read_source,
    read_version,
)  # fmt: skip

ROOM = Path(__file__).resolve().parents[2] / "veloz" / "strategies"
PLAIN = '''
import math
from collections import deque

from veloz.strategies import sdk


class Plain(sdk.Strategy):
    """Does nothing."""

    written_for = "1.0"
'''


@pytest.mark.parametrize(
    "line",
    [
        "import os", "import numpy", "import time", "from random import random", "import veloz.reducers.state",
        "from veloz.strategies import host",
        "from veloz.strategies.host import Host", "import journal", "from . import host", "import numpy.random", "x = open('f')",
        "print(1)", "x = eval('1')", "x = __import__('os')", "x = id(1)", "x = hash('a')", "x = {1, 2}", "x = {k for k in (1, 2)}",
        "x = set()", "x = getattr(1, 'real')",
        "x = ().__class__.__bases__", "x = np.random.rand()",
        "def f():\n    global g\n    g = 1", "async def f():\n    pass", "x = globals()", "x = datetime.now()",
        "import enum\nx = enum.sys", "from enum import sys", "import collections\nx = collections._sys", "import operator",
        "sdk.Order = None", "del math.floor", "import decimal\ndecimal.getcontext().prec = 3", "import typing\ntyping.get_type_hints(1)",
        "x = [].append.__self__", "def f():\n    yield f.gi_frame", "from numpy import random", "sdk.guest(1)",
        "def f(self):\n    self.m = math\n    return self.m.sys",
    ],
)  # fmt: skip
def test_what_is_not_the_same_twice_is_refused(line: str) -> None:
    with pytest.raises(Refused, match=r"bad\.py:\d+ "):
        read_source("bad.py", f"{PLAIN}\n{line}\n")


def test_what_is_its_own_is_not_refused() -> None:
    lines = "\n    def on_start(self, view):\n        self._a = [0]\n        self._a[0] = math.floor(1.5)\n        self.load = 1\n"
    assert faults_of(f"{PLAIN}{lines}", "plain.py") == []


@pytest.mark.parametrize("text", ["class", "x = (", "\0", "(" * 500])
def test_what_is_no_python_is_one_sentence(text: str) -> None:
    with pytest.raises(Refused, match="is not Python"):
        read_source("bad.py", text)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('    written_for = "1.0"', "    pass", "does not say which SDK"),
        ('written_for = "1.0"', 'written_for = "1.0"\n    wakes = sdk.Wakes(bars=("2m",))', "wakes on bars of 2m"),
        (
            'written_for = "1.0"',
            'written_for = "1.0"\n    wakes = sdk.Wakes(events=("md.trades",))',
            "no kind of input",
        ),
        (
            'written_for = "1.0"',
            'written_for = "1.0"\n    wakes = sdk.Wakes(events=("risk.approved",))',
            "no kind of input",
        ),
        ('written_for = "1.0"', 'written_for = "1.0"\n    wakes = sdk.Wakes(timers=(0,))', "timer 0"),
        ('written_for = "1.0"', 'written_for = "1.0"\n    wakes = sdk.Wakes(timers=("x",))', "timer x"),
        ('written_for = "1.0"', 'written_for = "1.0"\n    budget = 100', "budget is 1"),
        ('written_for = "1.0"', 'written_for = "1.0"\n    params = (sdk.Param("x", "metres", "1"),)', "parameter x"),
        ("class Plain(sdk.Strategy)", "class Plain", "has no strategy in it"),
        ("import math", "import math\nx = 1 // 0", "cannot be loaded: ZeroDivisionError"),
        ("import math", "raise SystemExit", "uses SystemExit"),
    ],
)
def test_declarations_that_mean_nothing(old: str, new: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        read_source("bad.py", PLAIN.replace(old, new))


def test_a_hash_is_of_the_text() -> None:
    (code,) = read_source("plain.py", PLAIN)
    assert code.name == "plain.py:Plain"
    assert code.code_hash == hashlib.blake2b(PLAIN.encode(), digest_size=32).hexdigest() == hash_of(PLAIN)
    assert code.number == int.from_bytes(bytes.fromhex(code.code_hash)[:8]) >> 1 == number_of(code.code_hash)
    assert read_source("plain.py", f"{PLAIN}\n")[0].number != code.number


def test_a_library_gives_code_by_hash_and_name_only() -> None:
    library = Library([("plain.py", PLAIN)])
    number, body = library.body_of("plain.py:Plain", instruments=["AAA"])
    assert library.find(number, "plain.py:Plain") is library.newest("plain.py:Plain")
    assert body.code_hash == hash_of(PLAIN)
    assert library.find(number + 1, "plain.py:Plain") is None
    assert library.find(number, "quoter:Quoter") is None
    with pytest.raises(Refused, match="There is no strategy plain:Plain: known are quoter:Quoter"):
        library.body_of("plain:Plain")


def test_the_newest_text_of_a_name_is_what_a_person_means_and_the_older_still_runs() -> None:
    library = Library([("plain.py", PLAIN), ("plain.py", f"{PLAIN}\n")])
    assert library.newest("plain.py:Plain").code_hash == hash_of(f"{PLAIN}\n")
    assert library.find(number_of(hash_of(PLAIN)), "plain.py:Plain") is not None


@pytest.mark.parametrize("module", BUILT_IN)
def test_built_ins_keep_the_law_of_strategies(module: str) -> None:
    text = (ROOM / f"{module}.py").read_text()
    assert faults_of(text, module) == []
    ours = [
        node for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("veloz")
    ]  # fmt: skip
    assert [(node.module, [alias.name for alias in node.names]) for node in ours] == [("veloz.strategies", ["sdk"])]
    assert [code.code_hash for code in read_built_in(module)] == [hash_of(text)]


def test_every_shipped_strategy_is_built_in() -> None:
    shipped = [path.stem for path in sorted(ROOM.glob("*.py")) if "(sdk.Strategy):" in path.read_text()]
    assert tuple(shipped) == BUILT_IN
    with pytest.raises(Refused, match="no built-in"):
        read_built_in("host")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("1.0", True),
        ("1.0.7", True),
        ("1.1", True),
        ("1.2", True),
        ("1.3", False),
        ("0.9", False),
        ("2.0", False),
        ("one", False),
        ("", False),
    ],
)
def test_versions(text: str, fits: bool) -> None:
    assert is_compatible(read_version(text)) == fits


def test_the_changelog_knows_the_version() -> None:
    page = (ROOM.parents[1] / "docs" / "reference" / "sdk.md").read_text()
    assert f"## {sdk.SDK_VERSION}" in page
