"""Orders: their life as a drawn table, their identity, what they hold. Folds order.*, risk.approved and risk.refused."""

import numpy as np

from veloz.contracts.kernel import cold
from veloz.reducers.state import State
from veloz.reducers.words import I


@cold
def fold_order(state: State, kind: I, row: np.void, seq: I, now: I) -> None:
    """Fold one row of order.*, or the gate's verdict."""


@cold
def note_restart(state: State, seq: I, now: I) -> None:
    """A new engine run began: every order that was approved or sent and has no outcome is UNKNOWN."""
