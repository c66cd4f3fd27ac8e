"""What a command of a person leads to: rows of risk.*, worked out from state and the command alone.

A finding is one row to be: i8[FINDING_WORDS] with its kind, its instrument and its five words; the cause is in word `ref` already.
The engine turns findings into rows, in order, and folds each. State is not changed here.
"""

import numpy as np

from veloz.contracts.kernel import cold
from veloz.reducers.state import State
from veloz.reducers.words import I

FINDING_WORDS = 7  # kind, instrument, word 1 … word 5
FINDINGS_ROOM = 16  # findings that one command may lead to


@cold
def decide_command(state: State, row: np.void, seq: I, now: I, out: np.ndarray, n: I) -> I:
    """Findings of one control.limit, control.stop, control.breaker or control.strategy row; other kinds lead to none.

    Args:
        state: With the command folded, and the findings of the commands before it.
        row: RAW, the command.
        seq: Its sequence number.
        now: Engine time, ns.
        out: i8[places, FINDING_WORDS] with room for FINDINGS_ROOM more than `n`.
        n: Findings in `out` so far.

    Returns:
        How many there are now.
    """
    return n
