"""What all comma-separated tables share: from fields to what the numbers need, and to rows in an instrument's quanta."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.layout import INEXACT
from veloz.contracts.registry import LEVEL
from veloz.ingest.course import A_LINE, Course
from veloz.ingest.delimited import Decimals, Fields, read_fields
from veloz.ingest.faults import Damage
from veloz.ingest.table import Need, Part, Survey, end_steps, mark_messages, scale_bound
from veloz.instruments.instrument import Instrument
from veloz.instruments.units import INT64_MAX

UNIT_NS: Final = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}  # by the digits of a stamp: s, ms, µs, ns
QTY_SCALE_BAR: Final = 8  # sums over a bar are told no finer


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some lines of a table, read.

    symbols: Of the instruments in it.
    which: i8[n], the symbol of each line.
    prices, qtys: Columns counted in the instrument's quanta.
    words: Whatever else its rows are made of.
    """

    symbols: list[str]
    which: NDArray[np.int64]
    prices: dict[str, Decimals]
    qtys: dict[str, Decimals]
    words: dict[str, NDArray[np.int64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counted:
    """The numbers of a sheet in quanta.

    instrument: i8[n].
    prices, qtys: As the sheet's, counted.
    odd: bool[n], something was rounded down.
    """

    instrument: NDArray[np.int64]
    prices: dict[str, NDArray[np.int64]]
    qtys: dict[str, NDArray[np.int64]]
    odd: NDArray[np.bool_]


class Csv:
    """A comma-separated table. Subclasses say what its lines mean.

    Args:
        columns: Names of its columns.
        header: Whether the first line names them.

    told, time, once: What a line tells (`course.py`), and the words of its sheet that hold its time and what no two lines share.
    """

    form = ""
    told, time, once = A_LINE, "", ""
    qty_scale_max = scale_bound(False)[0]

    def __init__(self, columns: tuple[str, ...], header: bool) -> None:
        self.columns = columns
        self.header = header

    def notes(self) -> list[str]:
        """What a person should know of what is taken."""
        return []

    def product(self) -> str:
        """spot, linear or inverse where the table says; else empty."""
        return ""

    def read(self, fields: Fields) -> Sheet:
        """What some lines say."""
        raise NotImplementedError

    def rows(self, sheet: Sheet, counted: Counted) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        """Their rows, and where a step begins."""
        raise NotImplementedError

    def begin(self) -> None:
        """A reading from the first line on begins."""

    def blocks(self, pieces: Iterator[bytes]) -> Iterator[Fields]:
        """The lines."""
        return read_fields(pieces, self.columns, header=self.header)

    def survey(self, pieces: Iterator[bytes]) -> Survey:
        """What it holds. Errors as `Table.survey`."""
        survey, course = Survey(), Course(self.told)
        self.begin()
        for fields in self.blocks(pieces):
            if not len(fields):
                continue
            sheet = self.read(fields)
            for ix, symbol in enumerate(sheet.symbols):
                survey.need(symbol, self._need(sheet, sheet.which == ix))
            times, ids = sheet.words[self.time], sheet.words.get(self.once)
            course.see(sheet.symbols, sheet.which, times, ids, fields.line_of)
        survey.notes += self.notes() + course.close()
        return survey

    def _need(self, sheet: Sheet, own: NDArray[np.bool_]) -> Need:
        price = need_of(list(sheet.prices.values()), own, scale_bound(True)[0])
        qty = need_of(list(sheet.qtys.values()), own, self.qty_scale_max)
        if price[3]:
            raise Damage("a price in it has more digits than a price can have")
        return Need(price[0], qty[0], price[1], qty[1], price[2], qty[2], self.product())

    def parts(self, pieces: Iterator[bytes], instruments: dict[str, Instrument]) -> Iterator[Part]:
        """Its rows in whole steps."""
        held: NDArray[np.void] | None = None
        latest = 0
        self.begin()
        for fields in self.blocks(pieces):
            if not len(fields):
                continue
            sheet = self.read(fields)
            rows, begins = self.rows(sheet, count(sheet, instruments))
            if held is not None and begins[0]:
                part = finish(held, one_step(held), latest)
                latest = int(part.key[-1])
                yield part
            elif held is not None:
                rows, begins = np.concatenate([held, rows]), np.concatenate([one_step(held), begins])
            cut = int(np.flatnonzero(begins)[-1])
            if cut:
                part = finish(rows[:cut], begins[:cut], latest)
                latest = int(part.key[-1])
                yield part
            held = rows[cut:].copy()
        if held is not None:
            yield finish(held, one_step(held), latest)


def one_step(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Where steps begin in rows of a single one."""
    begins = np.zeros(len(rows), np.bool_)
    begins[0] = True
    return begins


def finish(rows: NDArray[np.void], begins: NDArray[np.bool_], latest: int) -> Part:
    """Rows with their steps ended, and their messages: the levels of a step are one."""
    at = np.flatnonzero(begins)
    ends = np.append(at[1:], len(rows)) - 1
    mark_messages(rows, np.flatnonzero(rows["kind"] == LEVEL.number), at)
    end_steps(rows, at)
    times = np.maximum(np.maximum.accumulate(rows["ts_recv"][at]), latest)
    return Part(rows, np.repeat(times, ends - at + 1))


def need_of(columns: list[Decimals], own: NDArray[np.bool_], scale_max: int) -> tuple[int, int, float, bool]:
    """Decimals, common step and greatest of some columns; and whether one had to be cut. Too many decimals are cut to `scale_max`."""
    kept = [(column.digits[own & ~column.absent], column.decimals[own & ~column.absent]) for column in columns]
    kept = [(digits, decimals) for digits, decimals in kept if len(digits)]
    if not kept:
        return 0, 0, 0.0, False
    top = max(float((digits / 10.0**decimals).max()) for digits, decimals in kept)
    scale = min(max(int(decimals.max()) for _, decimals in kept), scale_max)
    fitting = scale
    while fitting > 0 and top * 10.0**fitting > INT64_MAX // 2:
        fitting -= 1
    cut = fitting < scale or any(bool((decimals > fitting).any()) for _, decimals in kept)
    steps = [np.gcd.reduce(digits * 10 ** np.maximum(fitting - decimals, 0)) for digits, decimals in kept]
    return fitting, 1 if cut else int(np.gcd.reduce(steps)), top, cut


def count(sheet: Sheet, instruments: dict[str, Instrument]) -> Counted:
    """A sheet's numbers in quanta."""
    chosen = [instruments[symbol] for symbol in sheet.symbols]
    number, price_scale, qty_scale = (
        np.array(values, np.int64)[sheet.which]
        for values in zip(*((one.number, one.price_scale, one.qty_scale) for one in chosen), strict=True)
    )
    odd = np.zeros(len(sheet.which), np.bool_)
    prices: dict[str, NDArray[np.int64]] = {}
    qtys: dict[str, NDArray[np.int64]] = {}
    for columns, scale, out in ((sheet.prices, price_scale, prices), (sheet.qtys, qty_scale, qtys)):
        for name, column in columns.items():
            out[name], lost = column.counts(scale)
            odd |= lost
    return Counted(number, prices, qtys, odd)


def inexact(counted: Counted) -> NDArray[np.int64]:
    """The flag INEXACT where something was rounded."""
    return counted.odd * INEXACT


def read_stamps(fields: Fields, name: str) -> NDArray[np.int64]:
    """A column of stamps in ns; s, ms, µs or ns by their digits.

    Raises:
        Damage: One has another number of digits.
    """
    stamps = fields.whole(name)
    digits = np.searchsorted(10 ** np.arange(19, dtype=np.int64), stamps, "right")
    units = np.zeros(20, np.int64)
    for size, unit_ns in UNIT_NS.items():
        units[size] = unit_ns
    unit = units[np.minimum(digits, 19)]
    fields.require(name, (unit > 0) & (stamps > 0) & (stamps <= INT64_MAX // np.maximum(unit, 1)), "no stamp")
    return stamps * unit
