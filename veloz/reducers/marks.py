"""Mark, index and settlement price and the funding rate: the last ones that arrived, times 10**8, as on the wire."""

import numpy as np

from veloz.contracts.kernel import kernel
from veloz.reducers.feeds import note_message
from veloz.reducers.state import State
from veloz.reducers.words import K_MARK, ONE, I


@kernel
def fold_mark(state: State, slot_ix: I, row: np.void, now: I) -> None:
    """One md.mark."""
    note_message(
        state.channels, state.feeds, state.latency, state.rates, slot_ix, K_MARK, row["ts_recv"], row["ts_event"], now
    )
    mark = state.marks[slot_ix]
    mark["settle_e8"] = row["venue_seq"]
    mark["mark_e8"] = row["price"]
    mark["index_e8"] = row["qty"]
    mark["funding_e8"] = row["ref"]
    mark["ts_funding"] = row["aux"]
    mark["ts_event"] = row["ts_event"]
    mark["ts_recv"] = row["ts_recv"]
    mark["count"] += ONE
