"""How long requests were under way to a venue and their answers back, measured from the rows of a journal.

There: from `sent_ns` of order.dispatched to the venue's stamp on its answer. Back: from that stamp to when it was received. Orders are
answered by order.accepted, cancels by order.canceled, but where the venue had ended the order before; both clocks are taken as they stand.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from journal import Reader
from veloz.contracts.layout import ROW
from veloz.contracts.registry import ACCEPTED, CANCELED, DISPATCHED
from veloz.contracts.terms import META, Action, Why, unpack

_ANSWERS: Final = {ACCEPTED.number: int(Action.PLACE), CANCELED.number: int(Action.CANCEL)}


class Delays(NamedTuple):
    """Of each request that was answered, in the order of the answers."""

    entry_ns: np.ndarray  # i8[n]: from the desk to the venue
    response_ns: np.ndarray  # i8[n]: back


def measure_delays(path: Path, first: int, last: int) -> Delays:
    """Measure what stands in some rows of a journal.

    Args:
        path: The journal.
        first, last: Its rows that count.

    Raises:
        journal.ReadError: It cannot be read.
    """
    sent: dict[tuple[int, int], int] = {}
    found: list[tuple[int, int]] = []
    with Reader.open(path) as reader:
        for batch in reader.scan(first, last, kinds={DISPATCHED.number, *_ANSWERS}):
            rows = batch.rows.view(ROW)
            for row in rows[np.isin(rows["kind"], (DISPATCHED.number, *_ANSWERS))].tolist():
                kind, received, stated, order = row[0], row[4], row[5], row[6]
                if kind == DISPATCHED.number:
                    sent[order, row[7]] = row[8]
                elif (sent_ns := sent.pop((order, _ANSWERS[kind]), None)) is not None and stated > 0:
                    if kind == ACCEPTED.number or _is_answer(row[10], stated - sent_ns):
                        found.append((stated - sent_ns, received - stated))
    both = np.array(found, np.int64).reshape(-1, 2)
    return Delays(both[:, 0], both[:, 1])


def _is_answer(meta: int, entry_ns: int) -> bool:
    """Whether an end of an order is the answer to a cancel of ours, and not what came before it."""
    return unpack(META, meta)["why"] == Why.ORDINARY and entry_ns >= 0


def quantiles_of(delays_ns: np.ndarray, points: int) -> list[int]:
    """Quantiles at so many even steps of probability from 0 to 1, whole ns.

    Args:
        delays_ns: i8[n], n at least 1.
        points: At least 2.
    """
    return [int(each) for each in np.quantile(delays_ns, np.linspace(0, 1, points))]
