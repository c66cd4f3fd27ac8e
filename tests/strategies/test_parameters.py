"""Parameters beside decimal arithmetic; memory there and back."""

from collections import deque
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veloz.contracts.codes import Refusal
from veloz.instruments.units import TEXT_MAX
from veloz.strategies.memory import NotPlain, pack_plain, unpack_plain
from veloz.strategies.parameters import Settings, convert
from veloz.strategies.sdk import Param

decimals = st.decimals(min_value=-(10**20), max_value=10**20, allow_nan=False, places=None)
texts = decimals.map(lambda d: f"{d:f}").filter(lambda text: len(text) <= TEXT_MAX)
WIDE = Context(prec=200)


@given(
    texts, st.sampled_from(["price", "qty", "ns", "ppm", "count"]), st.sampled_from(["exact", "down", "up"]), st.sampled_from([1, 2, 3]),
    st.integers(0, 18), st.integers(0, 18),
)  # fmt: skip
def test_values_are_exact_or_rounded_as_declared(
    text: str, unit: str, rounding: str, times: int, ps: int, qs: int
) -> None:
    value = convert(Param("x", unit, "0", times=times, rounding=rounding), text, ((ps, qs),))
    with localcontext(WIDE):
        exact = Decimal(text) * times * Decimal(10) ** {"price": ps, "qty": qs}.get(unit, 0)
        way = ROUND_CEILING if rounding == "up" else ROUND_FLOOR
        whole = int(exact.to_integral_value(way))
    if rounding == "exact" and whole != exact:
        assert value.code == Refusal.NOT_A_NUMBER
    elif abs(whole) >= 2**63:
        assert value.code == Refusal.OUT_OF_BOUNDS
    else:
        assert (value.value, value.code) == (whole, 0)


@given(texts, texts, texts)
def test_bounds_are_inclusive(text: str, low: str, high: str) -> None:
    value = convert(Param("x", "number", "0", low=low, high=high), text, ())
    fits = Decimal(low) <= Decimal(text) <= Decimal(high)
    assert (value.code == 0) == fits
    if fits:
        assert value.value == float(Decimal(text))


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("0", 0), ("0.0", 0), ("2", None), ("-1", None), ("yes", None)])
def test_flags(text: str, value: int | None) -> None:
    made = convert(Param("x", "flag", "0"), text, ())
    assert (made.value if made.code == 0 else None) == value


def test_a_change_is_whole_or_nothing() -> None:
    settings = Settings((Param("a", "count", "1"), Param("b", "number", "0.5")))
    assert settings.change({"a": 7, "b": 2.5}, ()).code == 0
    before = dict(settings.texts)
    assert settings.change({"a": 8, "b": "x"}, ()).code == Refusal.NOT_A_NUMBER
    assert settings.change({"a": 8, "c": "1"}, ()).code == Refusal.NOT_KNOWN
    assert (settings.texts, settings.ints.tolist(), settings.floats.tolist()) == (before, [7, 0], [0.0, 2.5])
    assert (settings.values.a, settings.values["b"]) == (7, 2.5)
    with pytest.raises(AttributeError, match="no parameter is called c"):
        _ = settings.values.c


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
plain = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(lambda values: deque(values, maxlen=5))
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.tuples(st.integers(), st.text()), inner, max_size=4)
    ),
)


@given(plain)
def test_memory_comes_back_as_it_was(value: object) -> None:
    back = unpack_plain(pack_plain(value))
    assert repr(back) == repr(value), "equal, of the same types, in the same order"
    assert pack_plain(back) == pack_plain(value)


@pytest.mark.parametrize("value", [object(), {1: object()}, [1j], (len,), {2}, range(3)])
def test_what_cannot_be_kept(value: object) -> None:
    with pytest.raises(NotPlain):
        pack_plain(value)


def test_a_value_that_holds_itself() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(NotPlain, match="deeply"):
        pack_plain(loop)


def test_a_text_longer_than_any_decimal_is_none() -> None:
    assert convert(Param("x", "number", "0"), "0." + "0" * TEXT_MAX, ()).code == Refusal.NOT_A_NUMBER
