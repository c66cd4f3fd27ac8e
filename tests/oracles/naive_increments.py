"""The increments of a recording, the obvious way: `math.gcd` over exact fractions."""

from collections import defaultdict
from fractions import Fraction
from math import gcd

import numpy as np

from veloz.contracts.registry import BY_NUMBER

PRICES = {"price", "bid", "ask", "open", "high", "low", "close"}
QTYS = {"qty", "bid_qty", "ask_qty", "volume", "taker_volume", "filled"}


def fraction_gcd(values: list[Fraction]) -> Fraction:
    found = Fraction(0)
    for value in values:
        a, b = found, value
        common = a.denominator * b.denominator // gcd(a.denominator, b.denominator)
        found = Fraction(gcd(int(a * common), int(b * common)), common)
    return found


def naive_increments(rows: np.ndarray) -> dict[int, tuple[Fraction, Fraction]]:
    """Instrument → (price increment, quantity increment); 0 where there was none."""
    scales: dict[int, tuple[int, int]] = {}
    seen: dict[int, tuple[list[Fraction], list[Fraction]]] = defaultdict(lambda: ([], []))
    for row in rows:
        kind = BY_NUMBER[int(row["kind"])]
        number = int(row["instrument"])
        words = dict(zip(kind.words, list(row.item())[6:], strict=False))
        if "scales" in words:
            scales[number] = words["scales"] & 0xFF, words["scales"] >> 8 & 0xFF
            seen[number] = seen[number]
        if kind.topic != "md":
            continue
        for name, value in words.items():
            for which, names in enumerate((PRICES, QTYS)):
                if name in names:
                    seen[number][which].append(Fraction(value, 10 ** scales[number][which]))
    return {number: (fraction_gcd(prices), fraction_gcd(qtys)) for number, (prices, qtys) in sorted(seen.items())}
