"""Gaps are found from rows alone, however they were cut, and as a plain walk finds them."""

import itertools

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from veloz.contracts.layout import APPLIED, CLOSED, EMPTY, FIRST, LAST, ROW, SNAPSHOT
from veloz.history.gaps import GapFinder

step = st.one_of(
    st.tuples(
        st.just("bar"),
        st.integers(1, 2),
        st.sampled_from([0, 1, 1, 1, 2, 5]),
        st.sampled_from([60, 300]),
        st.booleans(),
    ),
    st.tuples(st.just("diff"), st.integers(1, 2), st.integers(-3, 5), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("anew"), st.integers(1, 2), st.just(0), st.just(0), st.booleans()),
)


def build(steps: list[tuple]) -> list[list[tuple]]:
    """Rows of each step: instrument 1 is of spot, 2 of futures."""
    made = [[(32, 1, 128, number, 0, 0, number << 16, 1, 1, 1, 1)] for number in (1, 2)]
    begins: dict[tuple[int, int], int] = {}
    last = {1: 100, 2: 100}
    for at, (what, number, move, other, odd) in enumerate(steps, 1):
        if what == "bar":
            begins[number, other] = begins.get((number, other), 1000) + move * other
            closed = 0 if odd and move == 5 else CLOSED
            made.append([
                (6, 1, FIRST | closed, number, at, 0, begins[number, other], 1, 1, 1, 1),
                (7, 1, LAST | closed | 128, number, at, 0, other, 1, 0, 0, 0),
            ])  # fmt: skip
        elif what == "diff":
            first, previous = last[number] + 1 + other * odd, last[number] + other * odd
            new = last[number] + move
            made.append([(3, 1, FIRST | LAST | 128, number, at, 0, new, 1, 1, first, previous)])
            last[number] = max(last[number], new)
        else:
            flags = APPLIED | FIRST | (EMPTY | SNAPSHOT if odd else 0)
            made.append(
                [
                    (3, 1, flags, number, at, 0, 0, -1 if odd else 5, 0, 0, 0),
                    (3, 1, APPLIED | LAST | 128, number, at, 0, 0, 5, 1, 0, 0),
                ]
            )
    return made


def walk(made: list[list[tuple]]) -> dict[str, int]:
    """The plainest way."""
    counts = {"bars": 0, "diffs": 0, "book": 0, "missing": 0}
    due: dict[tuple[int, int], int] = {}
    last: dict[int, int] = {}
    heard: set[int] = set()
    for rows in made:
        kind, _, flags, number, _, _, word, _, _, first, previous = rows[0]
        if kind == 6 and flags & CLOSED:
            key = number, rows[1][6]
            if word > due.get(key, word):
                counts["bars"] += 1
                counts["missing"] += (word - due[key]) // key[1]
            due[key] = max(due.get(key, 0), word + key[1])
        elif kind == 3 and flags & APPLIED:
            counts["book"] += bool(flags & EMPTY) and number in heard
            heard.add(number)
        elif kind == 3:
            if (
                number in last
                and word > last[number]
                and (first != last[number] + 1 if number == 1 else previous != last[number])
            ):
                counts["diffs"] += 1
            last[number] = max(last.get(number, word), word)
    return counts


OLDER_BETWEEN = [("diff", 2, 5, 0, False), ("diff", 2, -3, 0, False), ("diff", 2, 2, 0, False)]


@example(OLDER_BETWEEN, [])
@given(st.lists(step, max_size=40), st.lists(st.integers(1, 40), max_size=4))
def test_gaps_are_those_of_a_plain_walk(steps: list[tuple], cuts: list[int]) -> None:
    made = build(steps)
    finder = GapFinder()
    alone = GapFinder()
    for rows in made:
        alone.see(np.array(rows, ROW))
    places = [0, *sorted({cut % (len(made) + 1) for cut in cuts}), len(made)]
    for begin, end in itertools.pairwise(places):
        finder.see(np.array([row for rows in made[begin:end] for row in rows], ROW))
    assert {**finder.counts, "missing": finder.missing_bars} == walk(made)
    assert ({**alone.counts, "missing": alone.missing_bars}, sorted(alone.gaps)) == (walk(made), sorted(finder.gaps))
    assert len(finder.gaps) == sum(finder.counts.values())
    assert all(gap.begin_ns < gap.end_ns for gap in finder.gaps)
