"""Statements of venues that arrived whole in a step, as system.diverged rows: what differs from our state."""

import numpy as np

from veloz.contracts.registry import DIVERGED, STATEMENT
from veloz.execution.reconcile import differences
from veloz.reducers.state import State
from veloz.reducers.words import RAW

_BEGINS, _WHOLE = 0, 1


def diverged(state: State, rows: np.ndarray, first_seq: int) -> np.ndarray:
    """The rows for every statement that begins and ends within a step.

    Args:
        state: After the inputs of the step.
        rows: ROW[n], the inputs. A statement that ends here and began in another step is not compared: there is nothing to compare.
        first_seq: Sequence number of `rows[0]`.

    Returns:
        RAW[m], each caused by the row that ended its statement.
    """
    marks = np.flatnonzero(rows["kind"] == STATEMENT.number).tolist()
    begun: dict[int, int] = {}
    found = []
    for at in marks:
        mark = rows[at].view(STATEMENT.view)
        account, phase = int(mark["account"]), int(mark["phase"])
        if phase == _BEGINS:
            begun[account] = at
        elif phase == _WHOLE and account in begun:
            begin = begun.pop(account)
            for each in differences(state, rows[begin : at + 1], first_seq + begin):
                found.append((each.instrument, each.order, each.ours, each.theirs, first_seq + at, each.what))
    made = np.zeros(len(found), DIVERGED.view)
    made["kind"], made["version"], made["ts_recv"] = DIVERGED.number, DIVERGED.version, state.clock[0]["now_ns"]
    for place, (instrument, *words) in enumerate(found):
        made["instrument"][place] = instrument
        for name, word in zip(DIVERGED.words, words, strict=True):
            made[name][place] = word
    return made.view(RAW)
