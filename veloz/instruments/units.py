"""Decimal text ↔ whole numbers of a quantum, exactly.

A quantum is a power of ten: `scale` decimals are kept, so "61800.25" at scale 2 is 6 180 025. No float is ever involved. What a
text may look like is `-?(0|[1-9][0-9]*)(.[0-9]+)?`, ASCII, at most `TEXT_MAX` characters: the form in which venues write
their decimals. Exponents, signs in front of a positive number, blanks, leading zeros and a naked point are refused.
"""

import re
from enum import IntEnum
from typing import Final, NamedTuple

TEXT_MAX: Final = 64
SCALE_MAX: Final = 18  # 10**18 is the greatest power of ten in an int64
INT64_MAX: Final = 2**63 - 1
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)


class Code(IntEnum):
    """What became of a text."""

    EXACT = 0
    NOT_A_DECIMAL = 1
    NEGATIVE = 2
    TOO_FINE = 3
    TOO_BIG = 4


class Written(NamedTuple):
    """A decimal as it was written: `digits` / 10**`decimals`."""

    digits: int
    decimals: int
    negative: bool  # a minus sign stands there; "-0" has one too

    @property
    def significant(self) -> int:
        """Decimals that remain when trailing zeros are gone; 0 for zero."""
        digits, decimals = self.digits, self.decimals
        while decimals and digits % 10 == 0:
            digits //= 10
            decimals -= 1
        return decimals

    def floor(self, scale: int) -> tuple[int, bool]:
        """Count of quanta at `scale`, rounded towards minus infinity, and whether nothing was lost."""
        if self.decimals <= scale:
            return self.digits * 10 ** (scale - self.decimals), True
        count, rest = divmod(self.digits, 10 ** (self.decimals - scale))
        return count, rest == 0


def read_decimal(text: str) -> Written | None:
    """Take a decimal text apart.

    Args:
        text: A decimal as venues write it.

    Returns:
        Its digits and decimals; None when it is not a decimal of the accepted form.
    """
    if len(text) > TEXT_MAX:
        return None
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    return Written(int(text.replace(".", "", 1)), len(match[1] or ""), text[0] == "-")


def count_exact(text: str, scale: int, *, signed: bool = False) -> tuple[int, Code]:
    """Count of quanta in a text, exact or refused.

    Args:
        text: A decimal text.
        scale: Decimals of the quantum, 0 … `SCALE_MAX`.
        signed: Whether a minus sign is allowed.

    Returns:
        (count, `Code.EXACT`), or (0, why not). A count fits an int64.
    """
    assert 0 <= scale <= SCALE_MAX, scale
    written = read_decimal(text)
    if written is None:
        return 0, Code.NOT_A_DECIMAL
    if written.negative and not signed:
        return 0, Code.NEGATIVE
    count, exact = written.floor(scale)
    if not exact:
        return 0, Code.TOO_FINE
    if not -INT64_MAX - 1 <= count <= INT64_MAX:
        return 0, Code.TOO_BIG
    return count, Code.EXACT


def decimal_text(count: int, scale: int) -> str:
    """The shortest decimal text of a count: no exponent, no trailing zeros.

    Args:
        count: Quanta, any sign.
        scale: Decimals of the quantum, 0 … `SCALE_MAX`.

    Returns:
        Text that `count_exact` reads back as `count` at the same scale.
    """
    assert 0 <= scale <= SCALE_MAX, scale
    whole, part = divmod(abs(count), 10**scale)
    tail = f".{part:0{scale}d}".rstrip("0").rstrip(".") if part else ""
    return f"{'-' if count < 0 else ''}{whole}{tail}"


def counted(count: int, noun: str) -> str:
    """So many of something, as people say it: `1 order`, `1,200 orders`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
