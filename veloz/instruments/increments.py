"""The increments a recording really uses: greatest common divisors of all its prices and of all its quantities.

What `ingest` reports when nobody gave it an instrument list. Exact: divisors are counted in quanta and follow every change of them.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.kernel import cold, entry, kernel
from veloz.contracts.registry import (
    AGGTRADE,
    BAR,
    BAR_VOLUME,
    CHANGED,
    LEVEL,
    LIQUIDATION,
    LISTED,
    PARTIAL,
    QUOTE,
    TRADE,
)
from veloz.instruments.units import INT64_MAX, decimal_text

# Which of a row's words 3 … 7 are prices and which quantities, a bit each, by kind.
_PRICES: Final = {
    TRADE: 0b00010,
    QUOTE: 0b01010,
    LEVEL: 0b00010,
    AGGTRADE: 0b00010,
    BAR: 0b11110,
    LIQUIDATION: 0b00010,
    PARTIAL: 0b00010,
}
_QTYS: Final = {
    TRADE: 0b00100,
    QUOTE: 0b10100,
    LEVEL: 0b00100,
    AGGTRADE: 0b00100,
    BAR_VOLUME: 0b00110,
    LIQUIDATION: 0b10100,
    PARTIAL: 0b00100,
}
_KINDS: Final = 128
_PRICE_BITS: Final[NDArray[np.int64]] = np.zeros(_KINDS, np.int64)
_QTY_BITS: Final[NDArray[np.int64]] = np.zeros(_KINDS, np.int64)
for _kind, _bits in _PRICES.items():
    _PRICE_BITS[_kind.number] = _bits
for _kind, _bits in _QTYS.items():
    _QTY_BITS[_kind.number] = _bits
_LISTED: Final = LISTED.number
_CHANGED: Final = CHANGED.number
_WORDS: Final = 5
_WORD_FIRST: Final = 3
_PRICE, _QTY = 0, 1


@cold
def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


@kernel
def _take(divisors: Any, instrument: int, which: int, value: int) -> None:
    """Let a divisor divide one more value."""
    divisor = divisors[instrument, which]
    if divisor == 1 or value == 0:
        return
    if divisor == 0 or value % divisor != 0:
        divisors[instrument, which] = _gcd(value, divisor)


@entry
def _fold(words: Any, divisors: Any, first: int) -> int:
    """Take rows from `first` on until one changes quanta → that row, or n."""
    for i in range(first, len(words)):
        kind = words[i, 0] & 0xFFFF
        if kind in (_LISTED, _CHANGED):
            return i
        instrument = words[i, 0] >> 32
        if kind >= _KINDS or instrument < 0 or instrument >= len(divisors):
            continue
        prices, qtys = _PRICE_BITS[kind], _QTY_BITS[kind]
        if prices | qtys == 0:
            continue
        for k in range(_WORDS):
            if prices >> k & 1:
                _take(divisors, instrument, _PRICE, words[i, _WORD_FIRST + k])
            if qtys >> k & 1:
                _take(divisors, instrument, _QTY, words[i, _WORD_FIRST + k])
    return len(words)


def _rescaled(divisor: int, finer: int) -> int:
    """A divisor in quanta with `finer` more decimals; 1, which is always right, where rounding or an int64 leaves nothing better."""
    if finer >= 0:
        scaled = divisor * 10**finer
        return scaled if scaled <= INT64_MAX else 1
    scaled, rest = divmod(divisor, 10**-finer)
    return scaled if rest == 0 else 1


class Increments:
    """Divisors per instrument, folded from rows in their order."""

    def __init__(self) -> None:
        self._divisors: NDArray[np.int64] = np.zeros((16, 2), np.int64)
        self._scales: dict[int, tuple[int, int]] = {}

    def add(self, rows: NDArray[np.void]) -> None:
        """Take more rows.

        Args:
            rows: ROW[n] or any view of it; `instrument.*` rows among them say where quanta change.
        """
        words = np.ascontiguousarray(rows).view(np.int64).reshape(-1, 8)
        at = 0
        while (at := int(_fold(words, self._divisors, at))) < len(words):
            self._rescale(int(words[at, 0]) >> 32, int(words[at, _WORD_FIRST]))
            at += 1

    def _rescale(self, instrument: int, scales: int) -> None:
        """Count an instrument's divisors in its new quanta."""
        if instrument >= len(self._divisors):
            grown = np.zeros((max(2 * len(self._divisors), instrument + 1), 2), np.int64)
            grown[: len(self._divisors)] = self._divisors
            self._divisors = grown
        new = (scales & 0xFF, scales >> 8 & 0xFF)
        old = self._scales.get(instrument, new)
        for which in (_PRICE, _QTY):
            self._divisors[instrument, which] = _rescaled(
                int(self._divisors[instrument, which]), new[which] - old[which]
            )
        self._scales[instrument] = new

    def found(self) -> dict[int, tuple[str, str]]:
        """Per instrument number: (price increment, quantity increment) as decimals; "" where there was none."""
        return {
            number: (self._text(number, _PRICE, scales[_PRICE]), self._text(number, _QTY, scales[_QTY]))
            for number, scales in sorted(self._scales.items())
        }

    def _text(self, number: int, which: int, scale: int) -> str:
        divisor = int(self._divisors[number, which])
        return decimal_text(divisor, scale) if divisor else ""
