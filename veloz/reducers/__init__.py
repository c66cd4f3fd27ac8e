"""What the rows add up to: books, bars, last prices and the health of feeds. Pure: the same rows give the same bytes.

`State` holds all of it as flat arrays, `fold.fold` is the one way to change it, `view` and `health` are the ways to read it.
"""

from veloz.reducers.health import Health, score
from veloz.reducers.state import State, dump_state, fingerprint, load_state, new_state, state_hash

__all__ = ["Health", "State", "dump_state", "fingerprint", "load_state", "new_state", "score", "state_hash"]
