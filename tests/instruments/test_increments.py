"""Divisors of all prices and quantities, against fractions."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.naive_increments import naive_increments
from veloz.contracts.layout import ROW
from veloz.contracts.registry import BAR, BAR_VOLUME, CHANGED, LEVEL, LISTED, MARK, QUOTE, TRADE
from veloz.instruments.increments import Increments

VALUES = st.integers(0, 10**6).map(lambda n: n * 25)
MARKET = st.tuples(
    st.sampled_from([TRADE, QUOTE, LEVEL, BAR, BAR_VOLUME, MARK]), st.integers(1, 3), st.tuples(*[VALUES] * 5)
)


def rows_of(steps: list[tuple[int, tuple[int, int], list[tuple]]]) -> np.ndarray:  # type: ignore[type-arg]
    """Sections, each beginning with new, finer scales of one instrument."""
    scales = dict.fromkeys((1, 2, 3), (0, 0))
    rows = [(LISTED.number, 1, 0, number, 0, 0, 0, 1, 1, 10**8, 1) for number in scales]
    for number, finer, market in steps:
        price_scale, qty_scale = (a + b for a, b in zip(scales[number], finer, strict=True))
        scales[number] = (price_scale, qty_scale)
        rows.append((CHANGED.number, 1, 0, number, 0, 0, price_scale | qty_scale << 8, 1, 1, 10**8, 2))
        rows += [(kind.number, 1, 0, instrument, 0, 0, *words) for kind, instrument, words in market]
    return np.array(rows, ROW)


STEPS = st.lists(
    st.tuples(st.integers(1, 3), st.tuples(st.integers(0, 2), st.integers(0, 2)), st.lists(MARKET, max_size=6)),
    max_size=4,
)


@given(STEPS, st.integers(0, 12))
def test_as_fractions_say(steps: list, cut: int) -> None:  # type: ignore[type-arg]
    rows = rows_of(steps)
    increments = Increments()
    increments.add(rows[:cut])
    increments.add(rows[cut:])
    found = {n: tuple(Fraction(text or "0") for text in texts) for n, texts in increments.found().items()}
    assert found == naive_increments(rows)


def test_many_instruments_and_coarser_quantities() -> None:
    rows = np.array(
        [
            (LISTED.number, 1, 0, 40, 0, 0, 1 | 8 << 8, 1, 1, 10**8, 1),
            (TRADE.number, 1, 0, 40, 0, 0, 1, 618_000, 300, 0, 0),
            (CHANGED.number, 1, 0, 40, 0, 0, 1 | 6 << 8, 1, 1, 10**8, 2),
            (TRADE.number, 1, 0, 40, 0, 0, 2, 618_005, 9, 0, 0),
            (CHANGED.number, 1, 0, 40, 0, 0, 1 | 5 << 8, 1, 1, 10**8, 3),
        ],
        ROW,
    )
    increments = Increments()
    increments.add(rows[:4])
    assert increments.found() == {40: ("0.5", "0.000003")}
    increments.add(rows[4:])
    assert increments.found() == {40: ("0.5", "0.00001")}, "a divisor that was rounded away leaves the quantum"
