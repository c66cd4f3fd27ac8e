"""One line of a klines file: comma-separated columns whose names the source states.

Names read: open_time, close_time (ms or µs since the epoch), close_datetime (date and time with offset), open, high, low, close, volume,
quote_volume, taker_volume, trades; others are ignored. A bar whose line does not say when it begins began `interval_ns` before its end; the
last moment of a bar is one unit of its clock before the next one's first.
"""

from datetime import UTC, datetime
from typing import Final

from veloz.contracts.codes import Refusal
from veloz.instruments.units import INT64_MAX
from veloz.venues.binance.messages import Draft, RefusedFrame, bar_lines, price
from veloz.venues.port import Source

UNIT_NS: Final = {13: 10**6, 16: 10**3}  # by the digits of a stamp: ms, µs
MILLISECOND_NS: Final = 10**6
NO_TIME: Final = ""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _refuse(reason: Refusal) -> RefusedFrame:
    return RefusedFrame(reason)


def read_stamp(text: str) -> tuple[int, int]:
    """A time column as (ns since the epoch, its unit in ns).

    Raises:
        RefusedFrame: it is neither a stamp nor a date with an offset, or it leaves an int64.
    """
    if text.isascii() and text.isdigit() and len(text) in UNIT_NS:
        unit_ns = UNIT_NS[len(text)]
        return int(text) * unit_ns, unit_ns
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _refuse(Refusal.NOT_A_NUMBER) from None
    if moment.tzinfo is None:
        raise _refuse(Refusal.NOT_A_NUMBER)
    since = moment - _EPOCH
    stamp_ns = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
    if not 0 <= stamp_ns <= INT64_MAX:
        raise _refuse(Refusal.OUT_OF_RANGE)
    return stamp_ns, MILLISECOND_NS


def _span(fields: dict[str, str], interval_ns: int) -> tuple[int, int]:
    """(begin, length) of a bar in ns. Where both ends stand in the line, they decide."""
    begin = read_stamp(fields["open_time"])[0] if "open_time" in fields else None
    close = fields.get("close_time", fields.get("close_datetime", NO_TIME))
    if close == NO_TIME:
        return (0 if begin is None else begin), interval_ns
    last_ns, unit_ns = read_stamp(close)
    if begin is None:
        return last_ns + unit_ns - interval_ns, interval_ns
    return begin, last_ns + unit_ns - begin


def _can_be(opened: str, high: str, low: str, close: str) -> bool:
    """Whether there can be such a bar: neither of its other prices is above its high or below its low."""
    written = [price(text).text for text in (low, opened, close, high)]
    scale = max(each.decimals for each in written)
    counts = [each.floor(scale)[0] for each in written]
    return counts[0] == min(counts) and counts[3] == max(counts)


def read_kline_line(frame: bytes, source: Source) -> Draft:
    """A line as the two rows of a closed bar.

    Args:
        frame: The line, without its end.
        source: States symbol, columns and, where the lines do not, the length of a bar.

    Raises:
        RefusedFrame: the line has not the columns it should, or one of them cannot be read.
        UnicodeDecodeError: the line is no text.
    """
    names = source.columns.split(",")
    values = [field.strip().strip('"') for field in frame.decode().split(",")]
    if len(values) != len(names):
        raise _refuse(Refusal.WRONG_SHAPE)
    fields = dict(zip(names, values, strict=True))
    trades = fields.get("trades", "0")
    if not {"open", "high", "low", "close", "volume"} <= fields.keys():
        raise _refuse(Refusal.WRONG_SHAPE)
    if not (trades.isascii() and trades.isdigit() and len(trades) < 20):
        raise _refuse(Refusal.NOT_A_NUMBER)
    begin_ns, length_ns = _span(fields, source.interval_ns)
    if begin_ns < 0:
        raise _refuse(Refusal.OUT_OF_RANGE)
    ohlc = (fields["open"], fields["high"], fields["low"], fields["close"])
    if not _can_be(*ohlc):
        raise _refuse(Refusal.OUT_OF_RANGE)
    sums = (fields["volume"], fields.get("taker_volume", "0"), fields.get("quote_volume", "0"))
    return Draft(source.symbol, bar_lines(0, begin_ns, length_ns, ohlc, sums, int(trades), closed=True))


def can_read(frame: bytes, source: Source) -> bool:
    """Whether a line is a bar. Arguments as of `read_kline_line`."""
    try:
        read_kline_line(frame, source)
    except (RefusedFrame, UnicodeDecodeError):
        return False
    return True
