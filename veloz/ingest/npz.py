"""Event files of hftbacktest: an array of 64-byte records that hold two clocks, in an order that somebody else has settled.

Rows are taken as they stand: no stamp is moved, no snapshot awaited, no row put in another place. What the desk's side holds becomes
md.level and md.trade, in steps of equal local stamps; what only the venue's side holds becomes md.venue_level and md.venue_trade, where it
lies in the file. Level rows without a side, and kinds that belong to no book of levels, say nothing and are left out.
"""

import io
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.layout import APPLIED, ASK, EMPTY, INEXACT, SNAPSHOT, STEP_END
from veloz.contracts.registry import LEVEL, TRADE, VENUE_LEVEL, VENUE_TRADE
from veloz.ingest.faults import Damage
from veloz.ingest.table import (
    FloatSteps,
    Need,
    Part,
    Survey,
    end_steps,
    mark_messages,
    mark_runs,
    new_rows,
    scale_bound,
)
from veloz.instruments.instrument import Instrument

MAGIC: Final = b"\x93NUMPY"
EVENT: Final = np.dtype(
    [("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8"), ("order_id", "<u8"),
     ("ival", "<i8"), ("fval", "<f8")]
)  # fmt: skip
DEPTH, PRINT, CLEAR, WHOLE = 1, 2, 3, 4
VENUE_SEES, DESK_SEES, BUY, SELL = (np.uint64(1 << bit) for bit in (31, 30, 29, 28))
CHUNK: Final = 1 << 16
NOISE: Final = 1e-4  # of a quantum: what a float may lie beside its count without a note of it
ALL_OF_IT: Final = -1
HEADER_BYTES_MAX: Final = 1 << 16


class EventReader:
    """Records of an array file, from its bytes in pieces.

    Args:
        pieces: The bytes of the `.npy`.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""
        self.count = self._read_header()

    def _read_header(self) -> int:
        while len(self._held) < 10 or len(self._held) < 10 + int.from_bytes(self._held[8:10], "little"):
            piece = next(self._pieces, b"")
            if not piece or len(self._held) > HEADER_BYTES_MAX:
                raise Damage("it ends within the header of its array")
            self._held += piece
        file = io.BytesIO(self._held)
        try:
            version = np.lib.format.read_magic(file)
            read: Any = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(file)
        except ValueError as error:
            raise Damage(f"the header of its array cannot be read ({error})") from error
        if dtype != EVENT or len(shape) != 1:
            raise Damage(f"its array is {dtype} of shape {shape}, and not the 64-byte events of hftbacktest 2")
        self._held = self._held[file.tell() :]
        return int(shape[0])

    def chunks(self) -> Iterator[NDArray[np.void]]:
        """All records, some thousands at a time.

        Raises:
            Damage: There are fewer than the header says.
        """
        left = self.count
        while left:
            wanted = min(left, CHUNK) * EVENT.itemsize
            parts, size = [self._held], len(self._held)
            while size < wanted and (piece := next(self._pieces, b"")):
                parts.append(piece)
                size += len(piece)
            text = b"".join(parts)
            if size < wanted:
                raise Damage(f"it ends after {self.count - left + size // EVENT.itemsize} of {self.count} events")
            self._held = text[wanted:]
            left -= wanted // EVENT.itemsize
            yield np.frombuffer(text, EVENT, wanted // EVENT.itemsize)
        for _ in self._pieces:
            pass


def _spell(events: NDArray[np.void]) -> tuple[NDArray[Any], ...]:
    """Kind, desk sees it, venue sees it, has a side, is of the ask side (a seller's trade)."""
    ev = events["ev"]
    buy, sell = ev & BUY != 0, ev & SELL != 0
    return ev & np.uint64(0xFF), ev & DESK_SEES != 0, ev & VENUE_SEES != 0, buy | sell, sell & ~buy


def select_events(events: NDArray[np.void]) -> NDArray[np.void]:
    """The events that mean something, a clear without a side as one of each side."""
    kind, desk, venue, sided, _ = _spell(events)
    level, trade, clear = (kind == DEPTH) | (kind == WHOLE), kind == PRINT, kind == CLEAR
    kept = (level & sided & (desk | venue)) | (clear & (desk | venue)) | (trade & (desk | (venue & sided)))
    both = clear & ~sided & kept
    times = np.where(both, 2, kept.astype(np.int64))
    chosen = np.repeat(events, times)
    pairs = np.flatnonzero(np.repeat(both, times))
    chosen["ev"][pairs[::2]] |= BUY
    chosen["ev"][pairs[1::2]] |= SELL
    return chosen


class Npz:
    """One event file of one instrument.

    Args:
        symbol: Whose events they are.
        key: What its array is called, where that is not what hftbacktest calls it.
    """

    form = "npz"

    def __init__(self, symbol: str, key: str = "") -> None:
        self.symbol, self._key = symbol, key

    def survey(self, pieces: Iterator[bytes]) -> Survey:
        """What its numbers need. Errors as `Table.survey`."""
        prices, qtys = FloatSteps(scale_bound(True)[0]), FloatSteps(scale_bound(False)[0])
        reader, at, left_out, last, backward, gives_rows = EventReader(pieces), 0, 0, -1, 0, False
        for events in reader.chunks():
            kind, desk, _, sided, _ = _spell(events)
            _require_sound(events, kind, desk, at)
            priced = ((kind == DEPTH) | (kind == WHOLE)) & sided | (kind == PRINT)
            prices.see(events["px"][priced])
            clears = events["px"][kind == CLEAR]
            prices.see(clears[np.isfinite(clears)])
            qtys.see(events["qty"][priced])
            gives_rows = gives_rows or len(select_events(events)) > 0
            left_out += int((~priced & (kind != CLEAR)).sum())
            stamps = events["local_ts"][desk]
            backward += int((stamps < np.maximum.accumulate(np.append(last, stamps))[:-1]).sum())
            last = max(last, int(stamps.max(initial=last)))
            at += len(events)
        need = Need(prices.scale, qtys.scale, prices.step, qtys.step, prices.top, qtys.top)
        notes = (
            [
                f"{left_out} of its {at} events {'is' if left_out == 1 else 'are'} of no kind that a book of levels has, and left out"
            ]
            if left_out
            else []
        )
        if backward:
            notes.append(
                ("one of its events has" if backward == 1 else f"{backward} of its events have")
                + " a local stamp before one that precedes, heard of with that one, too late; "
                "where the file is sorted by exchange time, sort it by local_ts"
            )
        if self._key:
            notes.append(
                f"its array is called {self._key} and not data, so hftbacktest itself would not find it; it was taken"
            )
        return Survey({self.symbol: need} if gives_rows else {}, notes)

    def parts(self, pieces: Iterator[bytes], instruments: dict[str, Instrument]) -> Iterator[Part]:
        """Its rows in runs of equal local stamps."""
        instrument = instruments[self.symbol]
        held, latest = np.zeros(0, EVENT), 0
        for events in EventReader(pieces).chunks():
            held = np.concatenate([held, select_events(events)])
            cut = _last_run(held)
            if cut:
                part = self._rows(held[:cut], instrument, latest)
                latest = int(part.key[-1])
                yield part
                held = held[cut:].copy()
        if len(held):
            yield self._rows(held, instrument, latest)

    def _rows(self, events: NDArray[np.void], instrument: Instrument, latest: int) -> Part:
        kind, desk, venue, _, ask = _spell(events)
        trade, clear = kind == PRINT, kind == CLEAR
        rows = new_rows(len(events))
        rows["kind"] = np.where(trade, TRADE.number, LEVEL.number) + ~desk * (VENUE_LEVEL.number - LEVEL.number)
        rows["kind"][trade & ~desk] = VENUE_TRADE.number
        rows["instrument"] = instrument.number
        rows["ts_recv"], rows["ts_event"] = events["local_ts"], events["exch_ts"]
        whole = clear & ~np.isfinite(events["px"])
        price, odd_price = count_floats(np.where(whole, 0.0, events["px"]), instrument.price_scale)
        qty, odd_qty = count_floats(np.where(clear, 0.0, events["qty"]), instrument.qty_scale)
        rows["price"], rows["qty"] = np.where(whole, ALL_OF_IT, price), qty
        flags = ask * ASK + ~trade * APPLIED + clear * EMPTY + (kind == WHOLE) * SNAPSHOT
        rows["flags"] = flags + (odd_price | odd_qty) * INEXACT
        rows["ref"][trade] = events["exch_ts"][trade]
        sided = events["ev"] & (BUY | SELL) != 0
        rows["aux"] = desk & ~(venue & sided)
        return close_steps(rows, desk, latest)


def close_steps(rows: NDArray[np.void], desk: NDArray[np.bool_], latest: int) -> Part:
    """Steps and messages of rows of whole runs, as the desk's side of a recording sees them.

    Args:
        rows: All rows, in the order of the file.
        desk: Which of them the desk's side holds.
        latest: Engine time before them.
    """
    seen = np.flatnonzero(desk)
    if not len(seen):
        rows["flags"][-1] |= STEP_END
        return Part(rows, np.full(len(rows), latest, np.int64))
    own = rows[seen]
    begins = mark_runs(own["ts_recv"])
    mark_messages(own, np.flatnonzero(own["kind"] == LEVEL.number), begins)
    end_steps(own, begins)
    rows[seen] = own
    rows["flags"][-1] |= STEP_END
    run = np.minimum(
        np.cumsum(desk) - desk, len(seen) - 1
    )  # a row that only the venue holds goes with the next of the desk's
    times = np.maximum(np.maximum.accumulate(own["ts_recv"]), latest)
    return Part(rows, times[run])


def _last_run(events: NDArray[np.void]) -> int:
    """Where the last run of the desk's events begins: what lies before is complete."""
    seen = np.flatnonzero(events["ev"] & DESK_SEES)
    begins = mark_runs(events["local_ts"][seen])
    return int(seen[begins[-1]]) if len(begins) > 1 else 0


def count_floats(values: NDArray[np.float64], scale: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Counts of quanta nearest to floats, and which of them are not what the float says. Something never becomes nothing."""
    scaled = values * 10.0**scale
    counts = np.rint(scaled)
    odd = np.abs(scaled - counts) > np.maximum(NOISE, np.abs(scaled) * 2.0**-50)
    counts[odd & (counts == 0)] = 1
    return counts.astype(np.int64), odd


def _require_sound(events: NDArray[np.void], kind: NDArray[Any], desk: NDArray[np.bool_], at: int) -> None:
    """Refuse what no market has.

    Raises:
        Damage: With the first such event.
    """
    clear, said = kind == CLEAR, (kind == DEPTH) | (kind == PRINT) | (kind == WHOLE)
    px, qty = events["px"], events["qty"]
    bad_price = (said & ~(np.isfinite(px) & (px >= 0))) | (clear & np.isfinite(px) & (px < 0))
    bad_qty = said & ~(np.isfinite(qty) & (qty >= 0))
    bad_stamp = (said | clear) & ((events["exch_ts"] < 0) | (desk & (events["local_ts"] <= 0)))
    for what, bad, column in (
        ("price", bad_price, "px"),
        ("quantity", bad_qty, "qty"),
        ("stamp", bad_stamp, "local_ts"),
    ):
        if bad.any():
            first = int(np.argmax(bad))
            raise Damage(f"its event {at + first + 1} has the {what} {events[column][first]}")
