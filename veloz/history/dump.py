"""Rows as JSON lines: names and decimals instead of numbers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from journal import Batch, Reader, View
from journal.tail import Tail
from veloz.contracts import layout
from veloz.contracts.envelope import Envelope
from veloz.contracts.registry import BY_NUMBER, DECISIONS
from veloz.history.names import Names, learn, learn_words, read_catalogue, read_lexicon
from veloz.history.telling import WORD_NAMES, Teller, read_body
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.lexicon import Lexicon

FLAG_NAMES: Final = (  # CLOSED shares its bit with EMPTY; bars say it in a word of their own
    (layout.FIRST, "first"), (layout.LAST, "last"), (layout.SNAPSHOT, "snapshot"), (layout.EMPTY, "empty"),
    (layout.ODD, "odd"), (layout.INEXACT, "inexact"), (layout.STEP_END, "step_end"),
)  # fmt: skip
BATCHES_AHEAD: Final = 256  # read before the transaction is renewed


class Writer:
    """Turns rows into lines. Holds what a line needs to know of the rows before it."""

    def __init__(self, names: Names, lexicon: Lexicon) -> None:
        self._names = names
        self._teller = Teller(lexicon, names.newest)

    def lines(self, batch: Batch, first: int, last: int, kinds: set[int] | None) -> Iterator[str]:
        """Lines of the rows of one batch that lie in first … last and are of the wanted kinds."""
        rows = batch.rows.view(layout.ROW)
        lo, hi = max(first - batch.first, 0), min(last - batch.first + 1, batch.n)
        wanted = np.arange(lo, hi)
        if kinds is not None:
            wanted = wanted[np.isin(rows["kind"][lo:hi], sorted(kinds))]
        ends = np.flatnonzero(rows["flags"] & layout.STEP_END)
        for at in wanted.tolist():
            before = int(np.searchsorted(ends, at))
            trace = batch.first + (int(ends[before - 1]) + 1 if before else 0)
            yield json.dumps(self._describe(batch, rows, at, trace), separators=(",", ":"))

    def _describe(self, batch: Batch, rows: np.ndarray, at: int, trace: int) -> dict[str, Any]:
        row, seq = rows[at], batch.first + at
        kind = BY_NUMBER.get(int(row["kind"]))
        instrument = self._names.at(int(row["instrument"]), seq)
        name = kind.name if kind else f"unknown.{int(row['kind'])}"
        envelope = Envelope(
            seq=seq,
            kind=name,
            topic=name,
            version=int(row["version"]),
            instrument=instrument.symbol if instrument else None,
            ts_recv=int(row["ts_recv"]),
            ts_event=int(row["ts_event"]),
            source=instrument.venue if instrument else None,
            cause=int(row["ref"]) or None if kind in DECISIONS else None,
            trace=trace,
        )
        told: dict[str, Any] = {each: getattr(envelope, each) for each in Envelope.__struct_fields__}
        flags = int(row["flags"]) & ~(layout.CLOSED if name == "md.bar" else 0)
        told["flags"] = [word for bit, word in FLAG_NAMES if flags & bit]
        if kind is None or int(row["version"]) > kind.version:
            return {**told, "words": [int(row[name]) for name in WORD_NAMES]}
        told.update(self._teller.tell(kind, row, instrument))
        body = batch.body(at) if kind.body else None
        if body is not None:
            told["body"] = read_body(kind, body)
        return told


def dump(
    path: Path, first: int, last: int, *, kinds: set[int] | None = None, limit: int | None = None
) -> Iterator[str]:
    """JSON lines of rows `first` … `last`.

    Args:
        path: The journal's directory.
        first: First sequence number.
        last: Last sequence number.
        kinds: Only these kinds; batches without them are not read.
        limit: At most so many lines.
    """
    left = limit if limit is not None else last - first + 1
    with Reader.open(path) as reader:
        with reader.view() as view:
            writer = Writer(Names(read_catalogue(view, last)), read_lexicon(view, last))
        at = first
        while 0 < at <= last and left > 0:
            with reader.view() as view:
                lines, at = _read_some(view, writer, at, last, kinds)
            yield from lines[:left]
            left -= len(lines)


def _read_some(view: View, writer: Writer, at: int, last: int, kinds: set[int] | None) -> tuple[list[str], int]:
    """Lines of the next batches, and where to go on; 0 at the end. The transaction ends before anybody waits for a pipe."""
    lines: list[str] = []
    for count, batch in enumerate(view.scan(at, last, kinds=kinds), 1):
        lines += writer.lines(batch, at, last, kinds)
        at = batch.first + batch.n
        if count == BATCHES_AHEAD or lines:
            return lines, at
    return lines, 0


def follow(
    path: Path, first: int, *, kinds: set[int] | None = None, make_tail: Callable[..., Tail] = Tail
) -> Iterator[str]:
    """The lines of `dump` from `first` on, then new ones as they become durable, for ever."""
    with Reader.open(path) as reader, reader.view() as view:
        catalogue = read_catalogue(view, first - 1) if first > 1 else Catalogue()
        lexicon = read_lexicon(view, first - 1) if first > 1 else Lexicon()
    writer = Writer(Names(catalogue), lexicon)
    for batch in make_tail(path, first=first):
        learn(catalogue, batch)
        learn_words(lexicon, batch)
        yield from writer.lines(batch, first, batch.first + batch.n - 1, kinds)
