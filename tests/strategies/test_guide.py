"""The guide's example is what the guide says: it loads, runs in both forms, and answers the same."""

import re
from pathlib import Path

from tests.strategies.sessions import SECOND, Session
from veloz.strategies.loader import Library

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "howto" / "strategy.md").read_text()
EXAMPLE, KERNEL = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
HEAD, _, BODY = EXAMPLE.partition("\n\n\nclass")
BOTH = f"{HEAD}\n\n\n{KERNEL}\n\nclass{BODY}    kernel = staticmethod(lean)\n    memory = 1\n"
BOOKS = [
    ({100: 50, 99: 50}, {101: 10}), ({100: 50}, {101: 40}), ({100: 10}, {101: 20, 102: 20}), ({100: 10}, {101: 20, 102: 20}),
    ({100: 300}, {101: 100}), ({100: 299}, {101: 100}),
]  # fmt: skip


def wanted(text: str, form: str) -> list[tuple[int, int]]:
    """Signed targets and their times."""
    made = Session(Library([("lean.py", text)]))
    assert made.run(1, "lean.py:Lean", form=form, params={"qty": "0.02"}) == []
    found = []
    for bids, asks in BOOKS:
        made.book(bids, asks)
        for wake in made.pass_time(SECOND):
            found += [
                (int(row["qty"]) * (-1 if int(row["aux"]) >> 4 & 1 else 1), int(row["ts_recv"])) for row in wake.rows
            ]
    assert made.host.mind(1).settings.values.patience_ns == SECOND // 2
    return found


def test_the_example_does_what_it_says() -> None:
    assert [qty for qty, _ in wanted(EXAMPLE, "python")] == [20, 0, -20, 20, 0]


def test_its_compiled_form_does_the_same() -> None:
    assert wanted(BOTH, "kernel") == wanted(BOTH, "python") == wanted(EXAMPLE, "python")


def test_it_goes_on_after_a_snapshot() -> None:
    library = Library([("lean.py", EXAMPLE)])
    made = Session(library)
    made.run(1, "lean.py:Lean")
    made.book(*BOOKS[0])
    made.pass_time(SECOND)
    payload = made.host.dump()
    made.host = type(made.host)(library)
    made.host.load(payload)
    assert made.host.mind(1).instance.side == 1
    assert made.pass_time(SECOND) == []
