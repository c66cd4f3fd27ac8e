"""What an importer of a foreign table gives: rows of whole steps in their order, and what its numbers need.

A table is read twice: once to see what it holds (`survey`), once to make rows of it (`parts`), so that quanta are settled before the
first row. Rows are a pure function of the file's bytes and of the instruments, so that an import which was killed goes on where it was.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.layout import FIRST, LAST, ROW, STEP_END
from veloz.instruments.instrument import PRICE_MAX, PRICE_SCALE_MAX, QTY_MAX, Instrument
from veloz.instruments.units import SCALE_MAX

STEP_ROWS_MAX: Final = 16_000  # a step never crosses a batch of the journal
FLOAT_COUNT_MAX: Final = 1 << 50  # a float is no exact count of quanta beyond this
Pieces = Callable[[], Iterator[bytes]]


@dataclass
class Need:
    """What the numbers of one instrument need.

    price_scale, qty_scale: Decimals that hold every one of them exactly; -1 where no number of decimals does.
    price_step, qty_step: Greatest common divisor of all of them, in such quanta; 0 where there was none but 0.
    price_top, qty_top: The greatest of them, in units.
    product: spot, linear or inverse where the table itself says; else empty.
    """

    price_scale: int = 0
    qty_scale: int = 0
    price_step: int = 0
    qty_step: int = 0
    price_top: float = 0.0
    qty_top: float = 0.0
    product: str = ""

    def join(self, other: "Need") -> "Need":
        """What both of them need."""
        price_scale, price_step = _join(self.price_scale, self.price_step, other.price_scale, other.price_step)
        qty_scale, qty_step = _join(self.qty_scale, self.qty_step, other.qty_scale, other.qty_step)
        tops = max(self.price_top, other.price_top), max(self.qty_top, other.qty_top)
        return Need(price_scale, qty_scale, price_step, qty_step, *tops, self.product or other.product)


def _join(scale: int, step: int, other_scale: int, other_step: int) -> tuple[int, int]:
    if min(scale, other_scale) < 0:
        return -1, 0
    finest = max(scale, other_scale)
    steps = step * 10 ** (finest - scale), other_step * 10 ** (finest - other_scale)
    return finest, int(np.gcd(*steps))


@dataclass
class Survey:
    """What a table holds.

    needs: Of each symbol.
    notes: Sentences that a person should read, to be put behind the file's name.
    """

    needs: dict[str, Need] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def need(self, symbol: str, need: Need) -> None:
        """A symbol's numbers need this too."""
        self.needs[symbol] = self.needs[symbol].join(need) if symbol in self.needs else need


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of whole steps.

    rows: layout.ROW.
    key: i8[n], engine time of each row's step: never less than the row before it.
    """

    rows: NDArray[np.void]
    key: NDArray[np.int64]


class Table(Protocol):
    """One file of a foreign form."""

    form: str

    def survey(self, pieces: Iterator[bytes]) -> Survey:
        """Read all of it and say what it holds. Every byte of `pieces` is taken.

        Raises:
            Damage: Something in it cannot be what it should be.
            Disorder: Its lines go back in time.
        """
        ...

    def parts(self, pieces: Iterator[bytes], instruments: dict[str, Instrument]) -> Iterator[Part]:
        """Its rows, in the quanta of these instruments."""
        ...


class FloatSteps:
    """Finds the coarsest power of ten of which all floats seen are whole counts."""

    def __init__(self, scale_max: int) -> None:
        self.scale = 0
        self.step = 0
        self.top = 0.0
        self._scale_max = scale_max

    def see(self, values: NDArray[np.float64]) -> None:
        """More floats; finite and not negative."""
        self.top = max(self.top, float(values.max(initial=0.0)))
        if self.scale < 0 or not len(values):
            return
        values = np.unique(values)
        while (counts := exact_counts(values, self.scale)) is None:
            self.scale, self.step = self.scale + 1, self.step * 10
            if self.scale > self._scale_max or values[-1] * 10.0**self.scale > FLOAT_COUNT_MAX:
                self.scale, self.step = -1, 0
                return
        self.step = int(np.gcd(np.gcd.reduce(counts), self.step))


def exact_counts(values: NDArray[np.float64], scale: int) -> NDArray[np.int64] | None:
    """Counts of quanta, where each float is the one nearest to its count's decimal; else None."""
    tens = 10.0**scale
    counts = np.rint(values * tens)
    return counts.astype(np.int64) if bool((counts / tens == values).all()) else None


def new_rows(count: int) -> NDArray[np.void]:
    """So many rows of version 1, all else 0."""
    rows = np.zeros(count, ROW)
    rows["version"] = 1
    return rows


def mark_runs(stamps: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where runs of equal stamps begin."""
    return np.flatnonzero(np.append(True, stamps[1:] != stamps[:-1])) if len(stamps) else np.zeros(0, np.intp)


def end_steps(rows: NDArray[np.void], begins: NDArray[np.intp]) -> None:
    """Set STEP_END on the last row of each run, and within a run that is longer than a batch of the journal takes.

    Args:
        rows: Of whole runs.
        begins: Where each begins; the first at 0.
    """
    ends = np.append(begins[1:], len(rows)) - 1
    rows["flags"][ends] |= STEP_END
    for at in np.flatnonzero(ends - begins >= STEP_ROWS_MAX):
        rows["flags"][begins[at] + STEP_ROWS_MAX - 1 : ends[at] : STEP_ROWS_MAX] |= STEP_END


def mark_messages(rows: NDArray[np.void], levels: NDArray[np.intp], begins: NDArray[np.intp]) -> None:
    """Set FIRST and LAST on the first and last level row of each run.

    Args:
        rows: Of whole runs.
        levels: Which of them are levels, ascending.
        begins: Where each run begins.
    """
    if len(levels):
        firsts = mark_runs(np.searchsorted(begins, levels, "right").astype(np.int64))
        rows["flags"][levels[firsts]] |= FIRST
        rows["flags"][levels[np.append(firsts[1:], len(levels)) - 1]] |= LAST


def scale_bound(price: bool) -> tuple[int, int]:
    """The most decimals and the greatest count of a price, or of a quantity."""
    return (PRICE_SCALE_MAX, PRICE_MAX) if price else (SCALE_MAX, QTY_MAX)
