"""Token buckets on journal time, and what a limit is where its scope does not state it.

A bucket holds as many tokens as its limit says and is refilled with that many, evenly, over its window. What is kept is the debt: tokens
taken and not yet refilled, in parts of a token of which `window` make one, so that nothing is ever rounded. A debt of 0 is a full
bucket; a limit that is lowered leaves the debt, and so holds at once.
"""

from typing import Final

import numpy as np

from veloz.contracts.codes import Limit
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.desk import LIMITS
from veloz.reducers.words import ONE, ZERO, I

RATE_MAX: Final = (1 << 20) - 1  # tokens
WINDOW_MAX_NS: Final = (1 << 41) - 1  # 36 minutes; RATE_MAX · WINDOW_MAX_NS fits a word
WINDOW_DEFAULT_NS: Final = 1_000_000_000
REPEAT_DEFAULT_NS: Final = 60_000_000_000

_LIMITS: Final = I(LIMITS)
_WINDOW, _REPEAT = I(Limit.WINDOW_NS), I(Limit.REPEAT_NS)
_WINDOW_DEFAULT, _REPEAT_DEFAULT = I(WINDOW_DEFAULT_NS), I(REPEAT_DEFAULT_NS)


@kernel
def limit_of(limits: np.ndarray, place: I, limit: I) -> I:
    """The limit that a scope states itself; -1: none."""
    return I(limits[place * _LIMITS + limit])


@kernel
def _inherited(limits: np.ndarray, place: I, limit: I, default: I) -> I:
    own = limit_of(limits, place, limit)
    if own < ZERO:
        own = limit_of(limits, ZERO, limit)
    return own if own >= ZERO else default


@kernel
def window_of(limits: np.ndarray, place: I) -> I:
    """WINDOW_NS of a scope: its own, else the global one, else a second."""
    return max(_inherited(limits, place, _WINDOW, _WINDOW_DEFAULT), ONE)


@kernel
def repeat_span(limits: np.ndarray, place: I) -> I:
    """REPEAT_NS of a scope: its own, else the global one, else a minute."""
    return _inherited(limits, place, _REPEAT, _REPEAT_DEFAULT)


@cold
def debt_now(debt: I, counted_in: I, since_ns: I, tokens: I, window: I, now: I) -> I:
    """What is left of a debt that was `debt` at `since_ns`, counted in parts of `counted_in`, now in parts of `window`.

    A window that changed moves the debt to whole tokens, rounded up.
    """
    if counted_in != window:
        if counted_in <= ZERO:
            return ZERO
        debt = (debt + counted_in - ONE) // counted_in * window
    if tokens <= ZERO:
        return debt
    elapsed = max(now - since_ns, ZERO)
    return ZERO if elapsed > debt // tokens else debt - elapsed * tokens


@kernel
def debt_after(debt: I, tokens: I, window: I) -> I:
    """The debt when one more token is taken; an empty bucket stays as it is."""
    return max(debt, min(debt + window, tokens * window))


@kernel
def tokens_used(debt: I, window: I) -> I:
    """How many tokens are out, when one more is taken."""
    return (debt + window - ONE) // window + ONE
