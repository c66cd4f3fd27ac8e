"""What the rows add up to: books, bars, last prices and the health of feeds. Pure: the same rows give the same bytes.

`State` holds all of it as flat arrays, `fold.fold` is the one way to change it, `view`, `health` and `holdings` are the ways to read it.
"""

from veloz.reducers.health import Health, score
from veloz.reducers.holdings import PnlView, PositionView, pnl, position
from veloz.reducers.state import State, dump_state, fingerprint, load_state, new_state, state_hash

__all__ = [
    "Health",
    "PnlView",
    "PositionView",
    "State",
    "dump_state",
    "fingerprint",
    "load_state",
    "new_state",
    "pnl",
    "position",
    "score",
    "state_hash",
]
