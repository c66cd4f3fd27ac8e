"""The number kernels against the exact reading, on every short text and many long ones."""

import itertools
import random

import pytest

from tests.lanes import UNCOMPILED, cases
from tests.venues.binance.digit_readers import SIGNED, UNSIGNED, WHOLE, taken, wrong
from tests.venues.binance.mutators import TEXTS, decimal, digits


def short_texts() -> list[str]:
    """All texts of the characters that matter."""
    if UNCOMPILED:
        return ["".join(letters) for size in range(1, 4) for letters in itertools.product("019.-", repeat=size)]
    narrow = ["".join(letters) for size in range(1, 7) for letters in itertools.product("019.-e ", repeat=size)]
    return narrow + [
        "".join(letters) for size in range(1, 5) for letters in itertools.product("0123456789.+_\\E", repeat=size)
    ]


def long_texts(count: int) -> list[str]:
    """Decimals of all lengths, whole numbers near the limits, and the odd ones."""
    rng = random.Random(5)
    return [
        *(decimal(rng).decode() for _ in range(count)),
        *(digits(rng).decode() for _ in range(count // 4)),
        *(text.decode() for text in TEXTS if text and b'"' not in text),
        *(f"{'9' * whole}.{'9' * part}" for whole in range(1, 20) for part in range(1, 12)),
        *(f"{10**whole}.{'0' * part}1" for whole in range(16) for part in range(9)),
    ]


@pytest.mark.parametrize("how", [SIGNED, UNSIGNED, WHOLE])
@pytest.mark.parametrize("scale", [0, 1, 2, 3, 8])
def test_every_short_text(scale: int, how: int) -> None:
    assert not wrong(short_texts(), scale, how)


@pytest.mark.parametrize("how", [SIGNED, UNSIGNED, WHOLE])
@pytest.mark.parametrize("scale", [0, 1, 2, 5, 8, 12, 18])
def test_long_texts(scale: int, how: int) -> None:
    assert not wrong(long_texts(cases(20_000, 200)), scale, how)


def test_ordinary_texts_are_taken() -> None:
    assert taken(["61800.20", "0.014", "5", "0", "0.000", "12345678.1", "999999999999999"], 3, UNSIGNED) == {
        "61800.20": 61_800_200, "0.014": 14, "5": 5_000, "0": 0, "0.000": 0, "12345678.1": 12_345_678_100,
        "999999999999999": 999_999_999_999_999_000,
    }  # fmt: skip
    assert taken(["-0.00030000", "0.5"], 8, SIGNED) == {"-0.00030000": -30_000, "0.5": 50_000_000}
    assert taken(["1723161256298", "0", "01", "12345678901234567"], 0, WHOLE) == {
        "1723161256298": 1_723_161_256_298,
        "0": 0,
    }


def test_every_length_is_taken() -> None:
    """No hole between the one-word and the two-word path."""
    texts = [f"{'7' * whole}.{'3' * part}" for whole in range(1, 11) for part in range(1, 9)]
    assert len(taken(texts, 8, UNSIGNED)) == len(texts)
