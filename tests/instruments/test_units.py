"""Decimal text ↔ quanta, against the standard library's `decimal`."""

import itertools
from decimal import Context, Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veloz.instruments.units import SCALE_MAX, TEXT_MAX, Code, count_exact, counted, decimal_text, read_decimal

DIGITS = st.text("0123456789", min_size=1, max_size=22)
DECIMALS = st.builds(
    lambda sign, whole, part: f"{sign}{whole}{f'.{part}' if part else ''}",
    st.sampled_from(["", "", "", "-"]),
    st.one_of(st.integers(0, 10**21).map(str), DIGITS),
    st.one_of(st.just(""), DIGITS, DIGITS.map(lambda digits: digits + "0000")),
)
ROOMY = Context(prec=2 * TEXT_MAX)
SCALES = st.integers(0, SCALE_MAX)


def is_accepted_form(text: str) -> bool:
    """The grammar in other words: what `decimal` reads, written the one way venues write it."""
    body = text.removeprefix("-")
    whole, point, part = body.partition(".")
    plain = whole.isascii() and whole.isdigit() and (not point or (part.isascii() and part.isdigit()))
    return plain and (whole == "0" or not whole.startswith("0")) and len(text) <= TEXT_MAX


def naive_count(text: str, scale: int, *, signed: bool) -> tuple[int, Code]:
    """The naive twin: everything through `decimal`, with as many digits as it takes."""
    if not is_accepted_form(text):
        return 0, Code.NOT_A_DECIMAL
    value = Decimal(text)
    if value.is_signed() and not signed:
        return 0, Code.NEGATIVE
    scaled = value.scaleb(scale, ROOMY)
    if scaled != scaled.to_integral_value(context=ROOMY):
        return 0, Code.TOO_FINE
    count = int(scaled)
    return (count, Code.EXACT) if -(2**63) <= count < 2**63 else (0, Code.TOO_BIG)


@given(DECIMALS, SCALES, st.booleans())
def test_counts_are_those_of_decimal(text: str, scale: int, signed: bool) -> None:
    assert count_exact(text, scale, signed=signed) == naive_count(text, scale, signed=signed)


@given(st.text(max_size=12), SCALES)
def test_any_text_is_judged_by_the_grammar(text: str, scale: int) -> None:
    assert count_exact(text, scale, signed=True) == naive_count(text, scale, signed=True)


@given(st.integers(-(2**63), 2**63 - 1), SCALES)
def test_a_count_survives_its_text(count: int, scale: int) -> None:
    text = decimal_text(count, scale)
    assert count_exact(text, scale, signed=True) == (count, Code.EXACT)
    assert Decimal(text) == Decimal(count).scaleb(-scale, ROOMY)
    assert "e" not in text.lower()
    assert "." not in text or not text.endswith(("0", "."))


@given(st.integers(-(10**30), 10**30), st.integers(0, 25), SCALES)
def test_floor_rounds_down(digits: int, decimals: int, scale: int) -> None:
    sign, body = ("-", -digits) if digits < 0 else ("", digits)
    text = f"{sign}{body // 10**decimals}" + (f".{body % 10**decimals:0{decimals}d}" if decimals else "")
    written = read_decimal(text)
    assert written is not None
    count, exact = written.floor(scale)
    assert count == digits * 10**scale // 10**decimals
    assert exact == (digits * 10**scale % 10**decimals == 0)


def test_every_short_text() -> None:
    """All strings up to five characters over the characters that matter."""
    for size in range(6):
        for letters in itertools.product("019.-e", repeat=size):
            text = "".join(letters)
            for scale in (0, 2):
                assert count_exact(text, scale, signed=True) == naive_count(text, scale, signed=True), (text, scale)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.NOT_A_DECIMAL),
        ("01", Code.NOT_A_DECIMAL),
        (".5", Code.NOT_A_DECIMAL),
        ("5.", Code.NOT_A_DECIMAL),
        ("+5", Code.NOT_A_DECIMAL),
        ("1e3", Code.NOT_A_DECIMAL),
        (" 1", Code.NOT_A_DECIMAL),
        ("1\n", Code.NOT_A_DECIMAL),
        ("1_0", Code.NOT_A_DECIMAL),
        ("１", Code.NOT_A_DECIMAL),
        ("1" * (TEXT_MAX + 1), Code.NOT_A_DECIMAL),
        ("-1", Code.NEGATIVE),
        ("-0", Code.NEGATIVE),
        ("0.001", Code.TOO_FINE),
        ("92233720368547758.08", Code.TOO_BIG),
    ],
)
def test_refusals_are_named(text: str, code: Code) -> None:
    assert count_exact(text, 2) == (0, code)


def test_the_greatest_count_fits() -> None:
    assert count_exact("92233720368547758.07", 2) == (2**63 - 1, Code.EXACT)
    assert count_exact("-92233720368547758.08", 2, signed=True) == (-(2**63), Code.EXACT)


def test_the_twin_itself_reads_decimals() -> None:
    with pytest.raises(InvalidOperation):
        Decimal("1..2")
    assert naive_count("1.50", 1, signed=False) == (15, Code.EXACT)


@pytest.mark.parametrize(("count", "said"), [(0, "0 orders"), (1, "1 order"), (2, "2 orders"), (1_200, "1,200 orders")])
def test_one_is_no_plural(count: int, said: str) -> None:
    assert counted(count, "order") == said
