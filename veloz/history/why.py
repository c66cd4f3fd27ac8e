"""The chain of one order, both ways: what led to it, what was decided about it, what became of it.

Backward along `ref`: request ← approval ← draft ← resolved instrument ← intent ← the row that woke the strategy (or a person's command).
Forward by the order's key: sending, reports, executions, fees; then the first pnl after its last execution.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from journal import Reader, View
from veloz.contracts import codes, terms
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW
from veloz.history.dump import Writer
from veloz.history.names import Names, read_catalogue, read_lexicon
from veloz.history.results import find_data, naming_of
from veloz.history.sentences import Sentences
from veloz.instruments.lexicon import Lexicon

_ABOUT: Final = tuple(
    kind.number for kind in r.KINDS if kind.words[0] == "order" and kind not in (r.INTENT, r.COMMAND_ORDER)
)
_DECISIONS: Final = tuple(kind.number for kind in r.DECISIONS)
_REPORTS: Final = (r.ACCEPTED.number, r.CANCELED.number, r.EXPIRED.number)
_STEPS_BACK: Final = 64  # no chain is longer


class NoSuchOrder(LookupError):
    """Nothing in the journal is called so."""


@dataclass
class Chain:
    """The rows that tell one order's story."""

    key: int
    client_id: str
    entries: list[dict[str, Any]] = field(default_factory=list)  # as `veloz journal dump` tells them, and `words`


def find_chain(path: Path, text: str, last: int | None = None) -> Chain:
    """The chain of an order.

    Args:
        path: The journal's directory.
        text: Client id, order key, `venue:N` or the venue's own order number.
        last: Last row looked at; None: the head.

    Raises:
        NoSuchOrder: No row is about it.
        DataMissing: It is a backtest's, and the data it was run on are not at hand.
        journal.ReadError: The journal cannot be read.
    """
    with Reader.open(path) as reader, reader.view() as view:
        lexicon = read_lexicon(view, last)
        key, seqs = _find_order(view, lexicon, text, last)
        rows = {seq: _row(view, seq) for seq in seqs}
        _follow_back(view, rows)
        _add_pnl(view, rows, last)
        catalogue = read_catalogue(view, last)
        writer = Writer(Names(catalogue), lexicon)
        said = Sentences(lexicon, Names(catalogue), _limits(view, last))
        chain = Chain(key, lexicon.order_name(key))
        for seq in sorted(rows):
            batch = view.batch_at(seq)
            assert batch is not None
            told = json.loads(next(iter(writer.lines(batch, seq, seq, None))))
            chain.entries.append({**told, "words": said.say(told, rows[seq])})
        _add_data(view, chain)
        return chain


def _add_data(view: View, chain: Chain) -> None:
    """In a backtest's result: beside the row that says how far the data were folded, the row of the data that was the last of them.

    Raises:
        DataMissing: They are not at hand, or are others.
    """
    marks = [entry for entry in chain.entries if entry["kind"] == r.DATA_FOLDED.name]
    naming = naming_of(view)
    if naming is None:
        return
    with Reader.open(find_data(naming)) as reader, reader.view() as data:
        catalogue = read_catalogue(data, naming.last_seq)
        writer = Writer(Names(catalogue), Lexicon())
        for entry in marks:
            batch = data.batch_at(entry["data_seq"])
            if batch is not None:
                at = entry["data_seq"]
                entry["data"] = json.loads(next(iter(writer.lines(batch, at, at, None))))


def _row(view: View, seq: int) -> np.void:
    batch = view.batch_at(seq)
    assert batch is not None, "rows of a journal are there"
    row: np.void = batch.rows.view(ROW)[seq - batch.first].copy()
    return row


def _scan(view: View, kinds: Iterable[int], last: int | None, first: int = 1) -> Iterator[tuple[int, np.ndarray]]:
    """(first sequence number, rows) of the batches that may hold these kinds."""
    for batch in view.scan(first, last, kinds=set(kinds)):
        lo, hi = batch.span(first, last if last is not None else batch.first + batch.n - 1)
        yield batch.first + lo, batch.rows[lo:hi].view(ROW)


def _find_order(view: View, lexicon: Lexicon, text: str, last: int | None) -> tuple[int, list[int]]:
    """Key of the order meant, and the rows about it."""
    for key in _candidates(view, lexicon, text, last):
        seqs = _rows_about(view, key, last)
        if seqs:
            return key, seqs
    raise NoSuchOrder(f"No row of this journal is about an order called {text}.")


def _candidates(view: View, lexicon: Lexicon, text: str, last: int | None) -> Iterator[int]:
    """What a text may mean, the likeliest first."""
    ours = terms.read_client_id(text)
    if ours is not None:
        epoch, key = ours
        if lexicon.epoch(key >> terms.LEG_BITS) == epoch:
            yield key
        return
    number = text.removeprefix("venue:")
    if not number.removeprefix("-").isdigit() or not number.isascii():
        return
    if not int(number):
        return  # reports without a number of the venue's have a 0 there
    if number == text:
        yield int(number)
    for _, rows in _scan(view, _REPORTS, last):
        named = rows[np.isin(rows["kind"], _REPORTS) & (rows["price"] == int(number))]
        yield from (int(each["venue_seq"]) for each in named[:1])
    yield -abs(int(number))


def _rows_about(view: View, key: int, last: int | None) -> list[int]:
    """Rows with this order's key; of orders that are not ours, those of the instrument that it was first seen on."""
    seqs: list[int] = []
    instrument = None
    for first, rows in _scan(view, _ABOUT, last):
        for at in np.flatnonzero(np.isin(rows["kind"], _ABOUT) & (rows["venue_seq"] == key)).tolist():
            instrument = int(rows[at]["instrument"]) if instrument is None else instrument
            if key > 0 or int(rows[at]["instrument"]) == instrument:
                seqs.append(first + at)
    return seqs if key else []


def _follow_back(view: View, rows: dict[int, np.void]) -> None:
    """Add the causes of decisions, their causes, and the terms right behind drafts, intents and commands."""
    for _ in range(_STEPS_BACK):
        causes = {int(row["ref"]) for row in rows.values() if int(row["kind"]) in _DECISIONS and row["ref"] > 0}
        fresh = causes - rows.keys()
        if not fresh:
            break
        rows.update({seq: _row(view, seq) for seq in sorted(fresh)})
    bearing = (r.INTENT.number, r.DRAFTED.number, r.COMMAND_ORDER.number)
    for seq in sorted(rows):
        row = rows[seq]
        if int(row["kind"]) in bearing and int(row["kind"]) != r.PNL.number:
            if terms.unpack(terms.SPEC, int(row["aux"]))["more"]:
                rows[seq + 1] = _row(view, seq + 1)


def _add_pnl(view: View, rows: dict[int, np.void], last: int | None) -> None:
    """The first pnl rows after the last execution: of everything, of the order's strategy and of its instrument."""
    filled = [seq for seq, row in rows.items() if int(row["kind"]) in (r.FILLED.number, r.BUSTED.number)]
    if not filled:
        return
    traded = int(rows[max(filled)]["instrument"])
    wanted = {terms.scope(terms.ScopeKind.GLOBAL), terms.scope(terms.ScopeKind.INSTRUMENT, traded)} | {
        terms.scope(terms.ScopeKind.STRATEGY, terms.unpack(terms.SPEC, int(row["aux"]))["strategy"])
        for row in rows.values()
        if int(row["kind"]) == r.DRAFTED.number and terms.unpack(terms.SPEC, int(row["aux"]))["strategy"]
    }
    for first, found in _scan(view, (r.PNL.number,), last, max(filled)):
        for at in np.flatnonzero(found["kind"] == r.PNL.number).tolist():
            if int(found[at]["venue_seq"]) in wanted:
                wanted.remove(int(found[at]["venue_seq"]))
                rows[first + at] = found[at].copy()
        if not wanted:
            return


def _limits(view: View, last: int | None) -> list[tuple[int, int, int, int]]:
    """(seq, scope, limit, value) of every limit that was set, in order."""
    found = []
    for first, rows in _scan(view, (r.LIMIT.number,), last):
        for at in np.flatnonzero(rows["kind"] == r.LIMIT.number).tolist():
            row = rows[at].view(r.LIMIT.view)
            if int(row["limit"]) >> 16 == codes.LimitStep.SET:
                found.append((first + at, int(row["scope"]), int(row["limit"]) & 0xFFFF, int(row["value"])))
    return found
