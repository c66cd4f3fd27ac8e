"""Parameters of strategies: exact decimal text → whole numbers, within bounds, or refused with a code."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np

from veloz.contracts.codes import Refusal
from veloz.instruments.units import INT64_MAX, read_decimal
from veloz.strategies.sdk import Param, Params

TAKEN: Final = 0
_TEXT_OF_FLAG: Final = {True: "1", False: "0"}


class Value(NamedTuple):
    """What became of a text: a value, or `code` (NOT_A_NUMBER, OUT_OF_BOUNDS) with the numbers that led to it."""

    value: int | float
    code: int = TAKEN
    observed: int = 0
    limit: int = 0


def text_of(value: Any) -> str | None:
    """A value of a configuration as decimal text; None when it is nothing of the kind."""
    if isinstance(value, bool):
        return _TEXT_OF_FLAG[value]
    return str(value) if isinstance(value, str | int | float) else None


def convert(param: Param, text: str, scales: Sequence[tuple[int, int]]) -> Value:
    """The value of a parameter.

    Args:
        param: As declared.
        text: An exact decimal in people's units.
        scales: (price scale, quantity scale) of each of the strategy's instruments. Empty: they are not known yet, prices and quantities
            are checked against their bounds and counted as 0.
    """
    exact = _fraction(text)
    if exact is None:
        return Value(0, Refusal.NOT_A_NUMBER)
    for bound, above in ((param.low, False), (param.high, True)):
        if bound and (exact > Fraction(bound) if above else exact < Fraction(bound)):
            return Value(0, Refusal.OUT_OF_BOUNDS, _told(exact), _told(Fraction(bound)))
    if param.unit == "number":
        return Value(float(exact))
    if param.unit == "flag":
        return Value(int(exact)) if exact in (0, 1) else Value(0, Refusal.OUT_OF_BOUNDS, _told(exact), 1)
    if param.unit in ("price", "qty"):
        if not scales:
            return Value(0)
        if not 0 <= param.market < len(scales):
            return Value(0, Refusal.NOT_KNOWN, param.market, len(scales))
        exact *= 10 ** scales[param.market][param.unit == "qty"]
    return _whole(param, exact * param.times)


def _whole(param: Param, exact: Fraction) -> Value:
    """A count, rounded as declared."""
    count = exact.numerator // exact.denominator
    if exact.denominator != 1:
        if param.rounding == "exact":
            return Value(0, Refusal.NOT_A_NUMBER, count, 1)
        count += param.rounding == "up"
    if not -INT64_MAX <= count <= INT64_MAX:
        return Value(0, Refusal.OUT_OF_BOUNDS, 0, INT64_MAX)
    return Value(count)


def _fraction(text: str) -> Fraction | None:
    written = read_decimal(text)
    return None if written is None else Fraction(written.digits, 10**written.decimals)


def _told(exact: Fraction) -> int:
    """A bound or an observed value as a row can tell it: rounded down, cut to an int64."""
    return max(-INT64_MAX, min(exact.numerator // exact.denominator, INT64_MAX))


class Settings:
    """The parameters of one strategy: their texts, and their values once the instruments are known."""

    def __init__(self, declared: Sequence[Param]) -> None:
        self.declared = tuple(declared)
        self.texts = {param.name: param.default for param in declared}
        self.revision = 0
        self.ints = np.zeros(len(self.declared), np.int64)
        self.floats = np.zeros(len(self.declared), np.float64)
        self.values = Params({})

    def place(self, name: str) -> int:
        """Which parameter is called so; -1: none."""
        return next((k for k, param in enumerate(self.declared) if param.name == name), -1)

    def change(self, given: Mapping[str, Any], scales: Sequence[tuple[int, int]]) -> Value:
        """Take new texts, all or none; the first that cannot be taken says why (NOT_KNOWN: no such parameter)."""
        texts = dict(self.texts)
        for name, value in given.items():
            text = text_of(value)
            if self.place(name) < 0 or text is None:
                return Value(0, Refusal.NOT_KNOWN if self.place(name) < 0 else Refusal.NOT_A_NUMBER)
            texts[name] = text
        values = [convert(param, texts[param.name], scales) for param in self.declared]
        bad = next((value for value in values if value.code != TAKEN), None)
        if bad is not None:
            return bad
        self.texts = texts
        self.ints[:] = [value.value if param.unit != "number" else 0 for param, value in self._with(values)]
        self.floats[:] = [value.value if param.unit == "number" else 0.0 for param, value in self._with(values)]
        self.values = Params({param.name: value.value for param, value in self._with(values)})
        return Value(0)

    def _with(self, values: Sequence[Value]) -> list[tuple[Param, Value]]:
        return list(zip(self.declared, values, strict=True))
