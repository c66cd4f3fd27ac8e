"""The gate: whether one drafted order, amendment or cancel may go to its venue. The only way to `risk.approved`."""

import numpy as np

from veloz.contracts.kernel import cold
from veloz.reducers.state import State
from veloz.reducers.words import ZERO, I

# Places in the verdict, i8[VERDICT_WORDS].
V_CODE, V_KIND, V_NUMBER, V_LIMIT, V_OBSERVED, V_HOLD, V_ASSET = I(0), I(1), I(2), I(3), I(4), I(5), I(6)
VERDICT_WORDS = 8


@cold
def judge(state: State, order_ix: I, now: I, verdict: np.ndarray) -> I:
    """Whether a draft (or the pending amendment of an order) may be sent. Changes nothing.

    Args:
        state: With the draft folded; every approval before it is folded, too.
        order_ix: Place of the order; its pending_action says AMEND where its amendment is judged.
        now: Engine time, ns.
        verdict: i8[VERDICT_WORDS], written whole: code, kind and number of the scope whose limit it was, limit, observed,
            hold (the whole of it from here on, amendments included) and its asset.

    Returns:
        0, or the codes.Refusal.
    """
    return ZERO


@cold
def judge_cancel(state: State, order_ix: I, origin: I, now: I, verdict: np.ndarray) -> I:
    """Whether a cancel may be sent: of an order that is known and not over, within the cancel rate. Changes nothing.

    Args:
        state: As in `judge`.
        order_ix: Place of the order; -1: there is none of that key.
        origin: terms.Origin of who wants the cancel. Only STRATEGY, AGENT and ALGORITHM have a rate: nobody else is held up.
        now: Engine time, ns.
        verdict: As in `judge`.

    Returns:
        0, or the codes.Refusal.
    """
    return ZERO


@cold
def judge_intent(state: State, strategy: I, now: I, verdict: np.ndarray) -> I:
    """Whether a strategy may state one more intent within INTENTS_PER_WINDOW of its scope. Changes nothing.

    Args:
        state: With every intent before it folded.
        strategy: Its number, from 1.
        now: Engine time, ns.
        verdict: As in `judge`.

    Returns:
        0, or codes.Refusal.INTENT_RATE.
    """
    return ZERO
