"""Best bid and offer as the venue announces them: the last one that arrived, and whether it agrees with our book."""

import numpy as np

from veloz.contracts.kernel import kernel
from veloz.reducers.booksync import S_SYNCED
from veloz.reducers.feeds import note_message
from veloz.reducers.limits import PRICE_MAX
from veloz.reducers.state import State
from veloz.reducers.words import K_QUOTE, ONE, TWO, I

_PRICE_MAX = I(PRICE_MAX)


@kernel
def fold_quote(state: State, slot_ix: I, row: np.void, now: I) -> None:
    """One md.quote. It disagrees when it names the very update our book is at, and another best price."""
    note_message(
        state.channels, state.feeds, state.latency, state.rates, slot_ix, K_QUOTE, row["ts_recv"], row["ts_event"], now
    )
    quote, feed, slot = state.quotes[slot_ix], state.feeds[slot_ix], state.slots[slot_ix]
    update_id, bid, ask = row["venue_seq"], row["price"], row["ref"]
    if bid < 0 or bid > _PRICE_MAX or ask < 0 or ask > _PRICE_MAX:
        feed["refused"] += ONE
        return
    feed["quote_back"] += I(update_id < quote["update_id"])
    feed["quote_crossed"] += I(bid >= ask)
    if update_id == slot["last_id"] and slot["state"] == S_SYNCED:
        agrees = state.sides[TWO * slot_ix]["best"] == bid and state.sides[TWO * slot_ix + ONE]["best"] == -ask
        feed["disagreed"] += I(not agrees)
    quote["update_id"] = update_id
    quote["bid"] = bid
    quote["bid_qty"] = row["qty"]
    quote["ask"] = ask
    quote["ask_qty"] = row["aux"]
    quote["ts_event"] = row["ts_event"]
    quote["ts_recv"] = row["ts_recv"]
    quote["count"] += ONE
