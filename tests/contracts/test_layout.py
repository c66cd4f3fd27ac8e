"""Rows: 64 bytes through every view, and nothing moves between views."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from veloz.contracts import layout
from veloz.contracts.registry import BY_NAME, KINDS, TOPICS, find_kinds

UNITS = {
    "price", "qty", "ns", "id", "count", "e8", "ppm", "money", "worth", "asset", "seq", "order", "code", "bits", "number",
}  # fmt: skip
WORD = st.integers(-(2**63), 2**63 - 1)


def test_every_view_is_the_same_64_bytes() -> None:
    for kind in KINDS:
        assert kind.view.itemsize == layout.ROW_BYTES
        assert [kind.view.fields[name][1] for name in kind.view.names] == [
            layout.ROW.fields[n][1] for n in layout.ROW.names
        ]


@given(st.lists(WORD, min_size=5, max_size=5), st.sampled_from(KINDS))
def test_a_view_renames_words_and_moves_none(words: list[int], kind: object) -> None:
    row = np.zeros(1, layout.ROW)
    for name, word in zip(layout.ROW.names[-5:], words, strict=True):
        row[name] = word
    seen = row.view(kind.view)  # type: ignore[attr-defined]
    assert [int(seen[name][0]) for name in seen.dtype.names[-5:]] == words


def test_flags_fit_a_byte_and_step_end_has_a_bit_of_its_own() -> None:
    flags = [
        layout.ASK,
        layout.FIRST,
        layout.LAST,
        layout.SNAPSHOT,
        layout.EMPTY,
        layout.ODD,
        layout.INEXACT,
        layout.STEP_END,
    ]
    assert sum(flags) == 255
    assert len(set(flags)) == 8


def test_words_have_units_and_no_float() -> None:
    for kind in KINDS:
        assert len(kind.units) == len(kind.words) <= layout.WORDS
        assert set(kind.units) <= UNITS
        assert all(kind.view[name].kind in "iu" for name in kind.view.names)


def test_kinds_are_found_by_name_version_and_topic() -> None:
    assert find_kinds("md.trade") == find_kinds("md.trade.v1") == (1,)
    assert find_kinds("md.trade.v2") == find_kinds("md.nothing") == find_kinds("m.*") == ()
    assert find_kinds("md.*") == tuple(kind.number for kind in KINDS if kind.topic == "md")
    assert find_kinds("ml.*") == ()
    assert all(name.partition(".")[0] in TOPICS for name in BY_NAME)
