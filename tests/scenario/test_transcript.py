"""How lines that were expected are compared with those that came out."""

import pytest

from veloz.scenario.grammar import Expected, parse
from veloz.scenario.transcript import Outcome, compare

CAME = ["1 a b", "2 c", "3 d e f", "4 g"]


def unlike(*expected: str) -> str | None:
    outcome = Outcome()
    outcome.lines["rows"] = [f"  {line}  " for line in CAME]
    found = compare({"rows": [Expected(10 + k, line) for k, line in enumerate(expected)]}, outcome)
    return None if found is None else found.sentence()


@pytest.mark.parametrize(
    "expected",
    [
        CAME,
        ["..."],
        ["...", "..."],
        ["...", *CAME],
        [*CAME, "..."],
        ["1 a b", "...", "4 g"],
        ["...", "2 c", "..."],
        ["...", "2 *", "3 d * f", "..."],
        ["...", "4 g"],
        ["1 a b", "..."],
        ["1 ...", "2 c ...", "3 d * ...", "..."],
        ["...", "1 a b", "...", "3 d e f", "..."],
    ],
)
def test_alike(expected: list[str]) -> None:
    assert unlike(*expected) is None


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ([], "nothing more was expected"),
        (CAME[:3], "nothing more was expected"),
        ([*CAME, "5 h"], "line 14: rows: expected, and nothing more came out: 5 h"),
        (["1 a c", *CAME[1:]], "line 10: rows: expected 1 a c and found 1 a b"),
        (["1 a", *CAME[1:]], "expected 1 a and found 1 a b"),
        (["...", "2 d", "..."], "expected 2 d"),
        (["1 b ...", "..."], "expected 1 b ... and found 1 a b"),
        (["1 a b c ...", "..."], "expected 1 a b c ... and found 1 a b"),
        (["...", "3 d e f"], "expected 3 d e f and found 4 g"),
        (["2 c", "..."], "expected 2 c and found 1 a b"),
        (["...", "4 g", "...", "2 c", "..."], "line 13: rows: expected, and nothing more came out: 2 c"),
    ],
)
def test_unlike(expected: list[str], told: str) -> None:
    assert told in str(unlike(*expected))


def test_a_section_that_is_not_written_is_not_compared() -> None:
    outcome = Outcome()
    outcome.lines["orders"] = ["something"]
    assert compare({"rows": []}, outcome) is None
    assert compare({"orders": []}, outcome) is not None


def test_sections_are_read_by_name_and_lines_before_them_are_rows() -> None:
    script = parse("asset A scale 1\n-----\n 1 a  b\n\nOrders\n v1 X # as it should be\nbalances:\n")
    assert {name: [line.text for line in lines] for name, lines in script.expected.items()} == {
        "rows": ["1 a b"], "orders": ["v1 X"], "balances": []
    }  # fmt: skip
    assert script.expected["orders"][0].line == 6


def test_what_is_written_is_what_is_read() -> None:
    outcome = Outcome()
    outcome.lines["rows"], outcome.lines["refusals"] = CAME, ["9 FROZEN"]
    script = parse("asset A scale 1\n----\n" + outcome.text())
    assert compare(script.expected, outcome) is None
