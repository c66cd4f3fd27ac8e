"""Compile, or load from the cache, everything a fold or a step needs, before the first real row."""

import numpy as np

from veloz.contracts.layout import ROW
from veloz.engine.step import Engine
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state


def warm() -> None:
    """Fold no rows at all: that compiles what market rows need."""
    fold(new_state(), np.zeros(0, ROW), 1)


def warm_trading() -> None:
    """The same where trading is open: that compiles the trading reducers too, which takes several times as long."""
    state = new_state()
    state.desk[0]["open"] = 1
    fold(state, np.zeros(0, ROW), 1)


def warm_step() -> None:
    """Take one step in which nothing happens: that compiles the whole of the step."""
    Engine(new_state()).take(np.zeros(1, ROW))
