"""The space that is searched: for each setting the values it may take, as a table of the configuration says.

Every way of searching sees the same cube: one number from 0 up to 1 for each setting. Arithmetic is decimal and rounded the same way on
every machine, so that a seed gives the same trials everywhere.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import product
from typing import Any, Final

from veloz.backtest.keys import number_in
from veloz.backtest.optimizer.trial import Params, SweepError, Value, literal

DIGITS: Final = 6  # of a value from a range without steps
GRID_MAX: Final = 1_000_000
_EXACT: Final = Context(prec=40, rounding=ROUND_HALF_EVEN)
_SHORT: Final = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
_KNOWN: Final = ("values", "low", "high", "step", "log")


@dataclass(frozen=True)
class Listed:
    """A setting with values that are named one by one."""

    key: str
    values: tuple[Value, ...]
    ordered: bool = False  # nothing lies between two of them

    @property
    def size(self) -> int | None:
        """How many values there are."""
        return len(self.values)

    def at(self, unit: float) -> Value:
        """The value at a place of the cube."""
        return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]

    def all(self) -> Sequence[Value]:
        """Every value, as written."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A setting between two numbers."""

    key: str
    low: Decimal
    high: Decimal
    step: Decimal | None
    log: bool
    whole: bool  # values are whole numbers
    ordered: bool = True

    @property
    def size(self) -> int | None:
        """How many values there are; None: no end of them."""
        return None if self.step is None else int((self.high - self.low) / self.step) + 1

    def at(self, unit: float) -> Value:
        """The value at a place of the cube."""
        if self.log:
            return self._near(_between_logs(self.low, self.high, unit))
        if self.size is None:
            return self._near(self.low + _EXACT.multiply(Decimal(unit), self.high - self.low))
        return self._nth(min(int(unit * self.size), self.size - 1))

    def _near(self, exact: Decimal) -> Value:
        if self.step is None:
            return min(max(_SHORT.plus(exact), self.low), self.high)
        assert self.size is not None
        steps = int(((exact - self.low) / self.step).to_integral_value(ROUND_HALF_EVEN))
        return self._nth(min(max(steps, 0), self.size - 1))

    def _nth(self, steps: int) -> Value:
        assert self.step is not None
        value = self.low + self.step * steps
        return int(value) if self.whole else value

    def all(self) -> Sequence[Value]:
        """Every value, from the lowest on. Raises SweepError where there is no end of them."""
        if self.size is None:
            raise SweepError(f"optimize.space.{self.key} has no step, and a grid needs one; give step, or list values.")
        return [self._nth(steps) for steps in range(self.size)]


Dimension = Listed | Range


def _between_logs(low: Decimal, high: Decimal, unit: float) -> Decimal:
    """low · (high ÷ low)^unit; decimal logarithms are rounded correctly, so it is the same everywhere."""
    begin, end = _EXACT.ln(low), _EXACT.ln(high)
    return _EXACT.exp(_EXACT.add(begin, _EXACT.multiply(Decimal(unit), _EXACT.subtract(end, begin))))


@dataclass(frozen=True)
class Space:
    """All settings that are searched, in the order of the configuration."""

    dimensions: tuple[Dimension, ...]

    @property
    def size(self) -> int | None:
        """How many points there are; None: no end of them."""
        sizes = [each.size for each in self.dimensions]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def params(self, units: Sequence[float]) -> Params:
        """The settings at a place of the cube."""
        return {each.key: each.at(unit) for each, unit in zip(self.dimensions, units, strict=True)}

    def all(self) -> Iterator[Params]:
        """Every point; the last setting changes first. Raises SweepError where there is no end of them."""
        for values in product(*(each.all() for each in self.dimensions)):
            yield dict(zip((each.key for each in self.dimensions), values, strict=True))


def read_space(table: Any) -> Space:
    """The space that a table `[optimize.space]` describes.

    Raises:
        SweepError: There is none, or nothing can be drawn from it.
    """
    flat = flattened(table) if isinstance(table, Mapping) else {}
    if not flat:
        raise SweepError(
            'optimize.space names no setting; write for instance "strategy.qty" = { values = [0.01, 0.02] }.'
        )
    return Space(tuple(_dimension(key, said) for key, said in flat.items()))


def flattened(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`a.b = {…}` and `"a.b" = {…}` alike; a table that says what a setting may be is a leaf."""
    flat: dict[str, Any] = {}
    for name, said in table.items():
        inner = isinstance(said, Mapping) and said and all(isinstance(each, Mapping) for each in said.values())
        flat.update(flattened(said, f"{prefix}{name}.") if inner else {prefix + name: said})
    return flat


def _dimension(key: str, said: Any) -> Dimension:
    where = f"optimize.space.{key}"
    if not isinstance(said, Mapping):
        raise SweepError(f"{where} is {said!r}; write {{ values = […] }} or {{ low = …, high = … }}.")
    for name in said:
        if name not in _KNOWN:
            raise SweepError(f"{where} says {name}, which means nothing there; there are {', '.join(_KNOWN)}.")
    if ("values" in said) == ("low" in said or "high" in said):
        raise SweepError(f"{where} wants either values, or low and high; give one of the two.")
    return _listed(where, key, said) if "values" in said else _range(where, key, said)


def _listed(where: str, key: str, said: Mapping[str, Any]) -> Listed:
    values = said["values"]
    if len(said) > 1:
        raise SweepError(f"{where} lists values, and step and log are for a range; leave them out.")
    if not isinstance(values, list) or not values:
        raise SweepError(f"{where} has no values; list at least one.")
    if not all(isinstance(each, Value) for each in values):
        raise SweepError(f"{where} lists something that is no number, text or truth value; list such values.")
    if len({literal(each) for each in values}) < len(values):
        raise SweepError(f"{where} lists a value twice; list each once.")
    return Listed(key, tuple(values))


def _number(value: Any) -> Any:
    """What a text says, where it says a number; everything else as it is."""
    if not isinstance(value, str):
        return value
    return int(value) if value.removeprefix("-").isdecimal() else number_in(value)


def _range(where: str, key: str, said: Mapping[str, Any]) -> Range:
    said = {name: _number(value) if name in ("low", "high", "step") else value for name, value in said.items()}
    for name in ("low", "high", "step"):
        number = said.get(name, 0 if name == "step" else None)
        finite = isinstance(number, Decimal) and number.is_finite()
        if isinstance(number, bool) or not (finite or isinstance(number, int)):
            raise SweepError(f"{where} wants a number for {name}; give low and high, both numbers.")
    if not isinstance(said.get("log", False), bool):
        raise SweepError(f"{where} wants true or false for log.")
    low, high, log = Decimal(said["low"]), Decimal(said["high"]), bool(said.get("log", False))
    whole = all(isinstance(said[name], int) for name in ("low", "high", "step") if name in said)
    step = Decimal(said["step"]) if "step" in said else Decimal(1) if whole else None
    if low >= high:
        raise SweepError(f"{where} has low {low}, which is not below high {high}; turn them round.")
    if step is not None and not 0 < step <= high - low:
        raise SweepError(f"{where} has step {step}, which must be above 0 and at most high − low; give such a step.")
    if log and low <= 0:
        raise SweepError(
            f"{where} has low {low}, and on a logarithmic scale there is nothing at or below 0; raise low."
        )
    return Range(key, low, high, step, log, whole)
