"""Circuit breakers and the check after the trade: numbers in state → findings, as in `commands.py`. State is not changed here."""

import numpy as np

from veloz.contracts.kernel import cold
from veloz.reducers.state import State
from veloz.reducers.words import ZERO, I


@cold
def decide_breakers(state: State, seq: I, now: I, out: np.ndarray, n: I) -> I:
    """Breakers that open or close now: each a risk.breaker row and, where the scope's level changes by it, a risk.stopped row.

    Args:
        state: Settled.
        seq: Of the record that is their cause: the last input.
        now: Engine time, ns.
        out: i8[places, FINDING_WORDS]; those without room wait for the next call.
        n: Findings in `out` so far.

    Returns:
        How many there are now.
    """
    return n


@cold
def check_fill(state: State, order_ix: I, price: I, meta: I, verdict: np.ndarray) -> I:
    """Compare an execution that was folded with what was approved.

    Args:
        state: With the order.filled row folded.
        order_ix: Place of its order; below 0 or of somebody else: nothing was approved, so nothing is violated.
        price: Of the execution, quanta.
        meta: Word of the row: terms.META.
        verdict: As in `gate.judge`; its first five words make the risk.violation row.

    Returns:
        0, or FILL_PRICE, FILL_QTY, POST_ONLY or REDUCE_ONLY of codes.Refusal.
    """
    return ZERO
