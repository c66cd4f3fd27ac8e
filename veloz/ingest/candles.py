"""Bars of other programs: freqtrade's JSON, candle files with a header, and Lean's minute zips. A bar was heard of when it closed.

A bar becomes md.bar and md.bar_volume; a bar of the mark price an md.mark at its close; one of bid and ask an md.quote at its close.
Volumes are kept to eight decimals.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.layout import CLOSED, FIRST, INEXACT, LAST
from veloz.contracts.registry import BAR, BAR_VOLUME, MARK, QUOTE
from veloz.ingest.course import A_BAR
from veloz.ingest.delimited import Decimals, Fields
from veloz.ingest.faults import Damage, Misfit
from veloz.ingest.klines import find_name, parse_interval
from veloz.ingest.sheet import QTY_SCALE_BAR, Counted, Csv, Sheet, inexact, read_stamps
from veloz.ingest.table import new_rows
from veloz.instruments.units import Written

MILLISECOND_NS: Final = 10**6
JSON_BYTES_MAX: Final = 512 << 20
DAY_NS: Final = 86_400 * 10**9
OHLC: Final = ("open", "high", "low", "close")
JSON_COLUMNS: Final = ("open_time", *OHLC, "volume")
TIMES: Final = ("timestamp", "date", "datetime", "time", "open_time")
LEAN_TRADE: Final = ("open_time", *OHLC, "volume")
LEAN_QUOTE: Final = (
    "open_time", "bid_open", "bid_high", "bid_low", "bid", "bid_qty", "ask_open", "ask_high", "ask_low", "ask", "ask_qty",
)  # fmt: skip
_JSON: Final = re.compile(rb"\s*\[\s*\[\s*\d{13}\s*,")
_FREQTRADE: Final = re.compile(
    r"([A-Za-z0-9]+(?:_[A-Za-z0-9]+)*)-(\d+[smhdw])(?:-(futures|mark|funding_rate|index|spot))?\."
)
_LEAN: Final = re.compile(r"(?:^|__)(\d{8})(?:_([a-z0-9]+))?(?:_(minute|second))?_(trade|quote)(?:_\w+)?\.(?:zip|csv)")
_INTERVAL: Final = re.compile(r"(?:^|[-_.])(\d{1,2}[smhdw])(?=[-_.])")
_LEAN_NS: Final = {"minute": 60 * 10**9, "second": 10**9}
LEAN_NS: Final = _LEAN_NS["minute"]  # where no name says it
_BLANKS: Final = b" \t\r\n"


class Bars(Csv):
    """Bars of one instrument and one length.

    Args:
        form: candles or lean.
        symbol: Whose they are.
        columns: Names of the columns.
        header: Whether the first line names them.
        interval_ns: How long a bar is.
        what: bars, mark or quotes.
        day_ns: Added to the times of the lines (Lean counts from midnight).
        tick: What all prices must be multiples of; None: nothing. Marks are told finer than a venue trades.
    """

    qty_scale_max = QTY_SCALE_BAR
    told, time, once = A_BAR, "begin", "begin"

    def __init__(
        self,
        form: str,
        symbol: str,
        columns: tuple[str, ...],
        header: bool,
        interval_ns: int,
        what: str,
        day_ns: int = 0,
        tick: Written | None = None,
    ) -> None:
        super().__init__(columns, header)
        self.form = form
        self._symbol = symbol
        self._interval_ns = interval_ns
        self._what = what
        self._day_ns = day_ns
        self._tick = tick if what != "mark" else None
        self._time = next((name for name in TIMES if name in columns), columns[0])

    def notes(self) -> list[str]:
        """What is not kept."""
        if self._what == "quotes":
            return ["of a bar of bid and ask the last prices and sizes are kept, as a quote at its end"]
        return ["of a bar of the mark price its close is kept"] if self._what == "mark" else []

    def read(self, fields: Fields) -> Sheet:
        """What some lines say."""
        begins = self._begins(fields)
        which = np.zeros(len(fields), np.int64)
        if self._what == "quotes":
            prices = {name: fields.decimals(name) for name in ("bid", "ask")}
            qtys = {name: fields.decimals(f"{name}_qty") for name in ("bid", "ask")}
            self._require_tick(fields, prices)
            return Sheet([self._symbol], which, prices, qtys, {"begin": begins})
        prices = {name: fields.decimals(name) for name in OHLC}
        _require_bars(fields, prices)
        self._require_tick(fields, prices)
        if self._what == "mark":
            close, odd = fields.decimals("close").counts(np.full(len(fields), 8, np.int64))
            return Sheet(
                [self._symbol], which, prices, {}, {"begin": begins, "close": close, "odd": odd.astype(np.int64)}
            )
        return Sheet(
            [self._symbol], which, prices, {"volume": fields.decimals("volume", may_lack=True)}, {"begin": begins}
        )

    def _require_tick(self, fields: Fields, prices: dict[str, Decimals]) -> None:
        """See that the prices keep the tick that was said.

        Raises:
            Misfit: Names the first line where one does not.
        """
        if self._tick is None:
            return
        for name, each in prices.items():
            kept = each.keeps(self._tick)
            if not kept.all():
                row = int(np.argmin(kept))
                raise Misfit(fields.line_of(row), name, fields.text(name, row).decode("ascii", "replace"))

    def _begins(self, fields: Fields) -> NDArray[np.int64]:
        """When each bar begins, in ns."""
        if self._day_ns:
            since = fields.whole(self._time)
            fields.require(self._time, (since >= 0) & (since * MILLISECOND_NS < DAY_NS), "no time of a day")
            return since * MILLISECOND_NS + self._day_ns
        if fields.text(self._time, 0).isdigit():
            return read_stamps(fields, self._time)
        moments = np.zeros(len(fields), np.int64)
        for row in range(len(fields)):
            moments[row] = read_moment(fields.text(self._time, row).decode("ascii", "replace"))
        fields.require(self._time, moments > 0, "no time")
        return moments

    def rows(self, sheet: Sheet, counted: Counted) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        """One or two rows a line."""
        begin = sheet.words["begin"]
        rows = new_rows(len(begin))
        rows["instrument"] = counted.instrument
        rows["ts_recv"] = begin + self._interval_ns - MILLISECOND_NS
        if self._what == "quotes":
            rows["kind"], rows["flags"] = QUOTE.number, inexact(counted)
            rows["price"], rows["qty"] = counted.prices["bid"], counted.qtys["bid"]
            rows["ref"], rows["aux"] = counted.prices["ask"], counted.qtys["ask"]
            return rows, np.ones(len(rows), np.bool_)
        if self._what == "mark":
            rows["kind"], rows["flags"], rows["price"] = MARK.number, sheet.words["odd"] * INEXACT, sheet.words["close"]
            return rows, np.ones(len(rows), np.bool_)
        sums = rows.copy()
        rows["kind"], rows["flags"] = BAR.number, FIRST | CLOSED
        rows["venue_seq"] = begin
        for word, name in zip(("price", "qty", "ref", "aux"), OHLC, strict=True):
            rows[word] = counted.prices[name]
        sums["kind"], sums["flags"] = BAR_VOLUME.number, LAST | CLOSED | inexact(counted)
        sums["venue_seq"], sums["price"] = self._interval_ns, counted.qtys["volume"]
        both = np.empty(2 * len(rows), rows.dtype)
        both[::2], both[1::2] = rows, sums
        begins = np.zeros(len(both), np.bool_)
        begins[::2] = True
        return both, begins

    def blocks(self, pieces: Iterator[bytes]) -> Iterator[Fields]:
        """The lines."""
        return super().blocks(lines_of_json(pieces) if self.columns is JSON_COLUMNS else pieces)


def _require_bars(fields: Fields, prices: dict[str, Decimals]) -> None:
    """See that each line can be a bar: nothing is above its high or below its low.

    Raises:
        Damage: Names the first that cannot.
    """
    worth = {name: each.digits / np.longdouble(10) ** each.decimals for name, each in prices.items()}
    for name in ("open", "low", "close"):
        fields.require("high", worth["high"] >= worth[name], f"below its {name}")
    for name in ("open", "close"):
        fields.require("low", worth["low"] <= worth[name], f"above its {name}")


def lines_of_json(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A list of lists of numbers as comma-separated lines.

    Raises:
        Damage: It is none, or not closed.
    """
    text = b"".join(pieces)
    if len(text) > JSON_BYTES_MAX:
        raise Damage(f"it is longer than {JSON_BYTES_MAX >> 20} MiB")
    text = text.translate(None, _BLANKS)
    if not text.startswith(b"[[") or not text.endswith(b"]]"):
        raise Damage("it is no closed list of candles")
    yield text[2:-2].replace(b"],[", b"\n") + b"\n"


def read_moment(text: str) -> int:
    """A date and time in ns, UTC where it says no offset; 0 where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000


class Named(NamedTuple):
    """What a file's name says; empty and 0 where it says nothing. `certain`: the symbol is one, and not a word that looks like it."""

    symbol: str = ""
    interval_ns: int = 0
    what: str = "bars"
    day_ns: int = 0
    certain: bool = False


def name_candles(path: Path) -> Named:
    """What the name of a candle file says: `XRP_USDT-5m.json`, `XRP_USDT_USDT-1h-mark.json`, `btc-perp-…_1m.csv`."""
    if found := _FREQTRADE.match(path.name):
        what = {"mark": "mark", "index": "index", "funding_rate": "funding"}.get(found[3] or "", "bars")
        words = found[1].split("_")
        return Named("".join(words[:2]).upper(), parse_interval(found[2]), what, certain=found[1].isupper())
    symbol, interval_ns = find_name(path.name)
    if symbol:
        return Named(symbol, interval_ns, certain=True)
    length = _INTERVAL.search(path.name)
    word = re.match(r"[A-Za-z]+(?:-[A-Za-z]+)?", path.name)
    return Named(word[0].upper() if word else "", parse_interval(length[1]) if length else 0)


def name_lean(path: Path, member: str) -> Named:
    """What the names of a Lean zip and of the file in it say: `20221213_trade.zip`, `20221213_btcusd_minute_trade.csv`."""
    outer, inner = _LEAN.search(path.name), _LEAN.search(member)
    both = [found for found in (inner, outer) if found]
    if not both:
        return Named()
    day = datetime.strptime(both[0][1], "%Y%m%d").replace(tzinfo=UTC)
    spelled = next((found[2] for found in both if found[2]), "")
    length = _LEAN_NS.get(next((found[3] for found in both if found[3]), ""), 0)
    what = "quotes" if both[0][4] == "quote" else "bars"
    symbol = (spelled or path.parent.name).upper()
    return Named(symbol, length, what, int(day.timestamp()) * 10**9, bool(spelled))


def find_candles(head: bytes, line: str) -> tuple[tuple[str, ...], bool] | None:
    """Columns of a candle file and whether its first line names them; None when it is none."""
    if _JSON.match(head):
        return JSON_COLUMNS, False
    names = tuple("_".join(field.strip().strip('"').lower().split()) for field in line.split(","))
    if {*OHLC, "volume"} <= {*names} and any(name in TIMES for name in names) and len({*names}) == len(names):
        return names, True
    return None


def find_lean(line: str) -> tuple[str, ...] | None:
    """Columns of a Lean file, from its first line; None when it is none."""
    fields = line.strip().split(",")
    if (
        not fields[0].isdigit()
        or int(fields[0]) * MILLISECOND_NS >= DAY_NS
        or not all(_is_decimal(one) for one in fields)
    ):
        return None
    return {6: LEAN_TRADE, 11: LEAN_QUOTE}.get(len(fields))


def _is_decimal(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
