"""Klines as comma-separated lines: what their columns are, and where frames begin and end. What a line means, the codec knows.

Read are any columns that a header line names, with `open_time` or `close_time` or `close_datetime` among them; and without a header
the twelve of Binance's own archive (times in ms or µs) and eight that end with a date and time. Each line is a frame; it was
received when its bar closed.
"""

import re
from typing import Final, NamedTuple

import numpy as np

from veloz.ingest.lines import PAD, Cut
from veloz.venues.binance.klines import MILLISECOND_NS, read_stamp
from veloz.venues.binance.messages import RefusedFrame

ARCHIVE: Final = (
    "open_time", "open", "high", "low", "close", "volume", "close_time",
    "quote_volume", "trades", "taker_volume", "taker_quote_volume", "ignore",
)  # fmt: skip
DATED: Final = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "close_datetime")
SYNONYMS: Final = {
    "count": "trades",
    "number_of_trades": "trades",
    "quote_asset_volume": "quote_volume",
    "taker_buy_volume": "taker_volume",
    "taker_buy_base_asset_volume": "taker_volume",
    "taker_buy_quote_volume": "taker_quote_volume",
    "taker_buy_quote_asset_volume": "taker_quote_volume",
}
NEEDED: Final = ("open", "high", "low", "close", "volume")
INTERVAL_UNITS_NS: Final = {"s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9, "w": 604_800 * 10**9}
_NUMBER: Final = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_FILE_NAME: Final = re.compile(r"([A-Z0-9]+(?:_PERP|_\d{6})?)[-_](\d{1,2}[smhdw])[-_.]")


class KlineColumns(NamedTuple):
    """Which column is what, and how long a bar is where the lines do not say."""

    names: tuple[str, ...]
    interval_ns: int

    @classmethod
    def parse(cls, text: str, interval_ns: int) -> "KlineColumns":
        """Columns from their names, comma separated: the form in which a source keeps them."""
        return cls(tuple(text.split(",")), interval_ns)

    @property
    def text(self) -> str:
        """The names, comma separated."""
        return ",".join(self.names)


def find_columns(line: str) -> tuple[str, ...] | None:
    """Columns of a file, from its first line; None when it is none of klines."""
    fields = _split(line)
    names = tuple(_name(field) for field in fields)
    timed = {"open_time", "close_time", "close_datetime"} & {*names}
    if timed and all(name in names for name in NEEDED) and len({*names}) == len(names):
        return names
    if len(fields) == len(ARCHIVE) and read_time(fields[0]) >= 0 and read_time(fields[6]) >= 0:
        return ARCHIVE
    if len(fields) == len(DATED) and not fields[-1].isdigit() and read_time(fields[-1]) >= 0:
        return DATED if all(_NUMBER.fullmatch(field) for field in fields[:-1]) else None
    return None


def _split(line: str) -> list[str]:
    return [field.strip().strip('"') for field in line.split(",")]


def _name(field: str) -> str:
    """A column's name as we say it, from however a header writes it: case, blanks, synonyms."""
    name = "_".join(field.lower().split())
    return SYNONYMS.get(name, name)


def find_name(name: str) -> tuple[str, int]:
    """Symbol and interval in ns from a file's name; ("", 0) where it does not say."""
    found = _FILE_NAME.match(name)
    return (found[1], parse_interval(found[2])) if found else ("", 0)


def parse_interval(text: str) -> int:
    """An interval like 1m or 4h in ns; 0 when it is none."""
    if not text[:-1].isdigit() or text[-1:] not in INTERVAL_UNITS_NS:
        return 0
    return int(text[:-1]) * INTERVAL_UNITS_NS[text[-1]]


def read_time(text: str) -> int:
    """A time column in ns; -1 where it cannot be read."""
    try:
        return read_stamp(text)[0]
    except RefusedFrame:
        return -1


def _close_ns(fields: dict[str, str], interval_ns: int) -> int:
    """Last moment of a line's bar; -1 where it cannot be told."""
    close = fields.get("close_time", fields.get("close_datetime"))
    if close is not None:
        return read_time(close)
    begin = read_time(fields["open_time"])
    return begin + interval_ns - MILLISECOND_NS if begin >= 0 else -1


def _fields(line: str, names: tuple[str, ...]) -> dict[str, str] | None:
    fields = _split(line)
    return dict(zip(names, fields, strict=True)) if len(fields) == len(names) else None


def cut_klines(text: bytes, base: int, columns: KlineColumns) -> Cut:
    """Frames of a block of a klines file. A header line is none; a line whose bar has no time is a stray one.

    Args:
        text: Whole lines.
        base: Offset of the block in the input's unpacked bytes.
        columns: Of the file.
    """
    frames: list[bytes] = []
    recv, line_end, strays = [], [], []
    stray, offset = 0, base
    for raw in text.splitlines(keepends=True):
        offset += len(raw)
        line = raw.strip()
        if not line or find_header(line, columns):
            continue
        fields = _fields(line.decode("ascii", "replace"), columns.names)
        close_ns = _close_ns(fields, columns.interval_ns) if fields else -1
        if close_ns < 0:
            stray += 1
            continue
        frames.append(line)
        recv.append(close_ns)
        line_end.append(offset)
        strays.append(stray)
    size = np.fromiter(map(len, frames), np.int64, len(frames))
    end = np.cumsum(size + 1) - 1
    buf = np.frombuffer(b"\n".join(frames) + b"\n" * PAD, np.uint8)
    columns_i8 = [np.array(column, np.int64) for column in (recv, line_end, strays)]
    return Cut(buf, end - size, end, columns_i8[0], columns_i8[1], columns_i8[2], stray)


def find_header(line: bytes, columns: KlineColumns) -> bool:
    """Whether a line is the header of these columns."""
    return line.lstrip(b'" ')[:1].isalpha() and find_columns(line.decode("ascii", "replace")) == columns.names
