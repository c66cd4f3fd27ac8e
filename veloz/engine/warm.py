"""Compile, or load from the cache, everything a fold needs, before the first real row."""

import numpy as np

from veloz.contracts.layout import ROW
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state


def warm() -> None:
    """Fold no rows at all: that compiles the whole of the fold for the layouts in use."""
    fold(new_state(), np.zeros(0, ROW), 1)
