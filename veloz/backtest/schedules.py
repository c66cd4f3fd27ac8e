"""Rates that depend on an amount, as settings write them: fee tiers by volume, maintenance margin by notional."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from veloz.backtest.keys import PPM_SCALE, SettingsError, check_rates, ppm_of, text_of

CENTS: Final = 2  # decimals of volume
COUNT_MAX: Final = 1 << 61


class Bracket(NamedTuple):
    """Maintenance margin from a notional on: notional · rate − cum."""

    floor: Decimal
    rate_ppm: int
    cum: Decimal


def read_brackets(name: str, texts: Sequence[str]) -> list[Bracket]:
    """Brackets of maintenance margin, each "FLOOR RATE" or "FLOOR RATE CUM".

    Raises:
        SettingsError: They are none.
    """
    told = []
    for text in texts:
        floor, rate, *more = _numbers_of(name, text, (2, 3))
        told.append(Bracket(floor, ppm_of(f"{name} {text!r}: RATE", rate), more[0] if more else Decimal(0)))
    if any(each.floor < 0 or each.rate_ppm < 0 or each.cum < 0 for each in told):
        raise SettingsError(f"{name} holds a number below 0; write numbers from 0 on.")
    _check_floors(name, [each.floor for each in told])
    return told


def read_tiers(name: str, texts: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    """Fee tiers, each "VOLUME MAKER TAKER": volume in hundredths, rates in millionths.

    Raises:
        SettingsError: They are none.
    """
    told = []
    for text in texts:
        volume, maker, taker = _numbers_of(name, text, (3,))
        check_rates(maker, taker, f"{name} {text!r}: ")
        told.append((volume, int(maker.scaleb(PPM_SCALE)), int(taker.scaleb(PPM_SCALE))))
    _check_floors(name, [volume for volume, _, _ in told])
    return tuple((count_of(name, volume, CENTS), maker, taker) for volume, maker, taker in told)


def count_of(name: str, number: Decimal, scale: int) -> int:
    """An amount at a scale. Raises SettingsError where it is finer, or too great."""
    count = number.scaleb(scale)
    if count != count.to_integral_value() or not 0 <= count < COUNT_MAX:
        raise SettingsError(
            f"{name} says {text_of(number)}; write at most {scale} decimals, and no more than can be counted."
        )
    return int(count)


def _check_floors(name: str, floors: Sequence[Decimal]) -> None:
    if floors and (floors[0] != 0 or any(after <= before for before, after in pairwise(floors))):
        raise SettingsError(f"{name} goes from {' to '.join(map(text_of, floors))}; begin at 0 and go up.")


def _numbers_of(name: str, text: str, lengths: tuple[int, ...]) -> list[Decimal]:
    try:
        numbers = [Decimal(word) for word in text.split()]
    except ArithmeticError:
        numbers = []
    if len(numbers) not in lengths or not all(each.is_finite() for each in numbers):
        wanted = " or ".join(str(each) for each in lengths)
        raise SettingsError(f"{name} says {text!r}; write {wanted} numbers in each text.")
    return numbers
