"""Packed words lose nothing, order keys and client ids follow from each other and from nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veloz.contracts import terms
from veloz.contracts.codes import phrase_number

PACKINGS = [terms.SPEC, terms.META, terms.SCOPE, terms.VERDICT]


@given(st.data(), st.sampled_from(PACKINGS))
def test_what_is_packed_is_unpacked(data: st.DataObject, packing: terms.Packing) -> None:
    parts = {name: data.draw(st.integers(0, (1 << bits) - 1)) for name, bits in packing}
    word = terms.pack(packing, **parts)
    assert 0 <= word < 1 << 62
    assert terms.unpack(packing, word) == parts
    assert all(word >> terms.shift_of(packing, name) & (1 << bits) - 1 == parts[name] for name, bits in packing)


def test_a_part_that_does_not_fit_or_is_not_there_is_an_error() -> None:
    for wrong in ({"sell": 2}, {"sell": -1}, {"nothing": 1}):
        with pytest.raises(AssertionError):
            terms.pack(terms.SPEC, **wrong)
    with pytest.raises(KeyError):
        terms.shift_of(terms.SPEC, "nothing")


@given(st.integers(0, 2**31 - 1), st.integers(1, 2**57 - 1), st.integers(0, terms.LEGS_MAX - 1))
def test_client_ids_are_unique_short_and_read_back(epoch: int, seq: int, leg: int) -> None:
    key = terms.order_key(seq, leg)
    text = terms.client_id(epoch, key)
    assert not any(part.startswith("0") and part != "0" for part in text[1:].split("-"))
    assert terms.read_client_id(text) == (epoch, key)
    assert len(text) <= terms.CLIENT_ID_MAX
    assert all(letter in "abcdefghijklmnopqrstuvwxyz0123456789-" for letter in text)


@pytest.mark.parametrize(
    "text",
    ["", "v", "v1-2", "v1-2-3-4", "V1-2-3", "v1-0-0", "v1-2-w", "v01-2-3", "v1-2-3 ", "x1-2-3", "v-1-2", "v1-+2-3"],
)
def test_ids_of_others_are_not_taken_for_ours(text: str) -> None:
    assert terms.read_client_id(text) is None


def test_phrases_are_the_same_in_any_spelling_of_case_and_blanks() -> None:
    assert phrase_number("  Resume   TRADING ") == phrase_number("resume trading") != phrase_number("resume  tradin")
    assert 0 < phrase_number("resume trading") < 1 << 62
