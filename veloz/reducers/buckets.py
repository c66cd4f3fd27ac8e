"""Token buckets on journal time, and what a limit is where its scope does not state it.

A bucket holds as many tokens as its limit says and is refilled with that many, evenly, over its window. What is kept is the debt: tokens
taken and not yet refilled, in parts of a token of which `window` make one, so that nothing is ever rounded. A debt of 0 is a full
bucket; a limit that is lowered leaves the debt, and so holds at once. Orders, cancels and intents each have a bucket in every scope: one
law, made for the names of their fields.
"""

from collections.abc import Callable
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


_Taking = Callable[[np.ndarray, np.void, I, I], None]
_Lacking = Callable[[np.ndarray, np.void, I, I], I]


def _bucket(name: str, limit: I, *, fills_up: bool) -> tuple[_Taking, _Lacking]:
    """The kernels of one bucket of a scope; both take the limits, the scope, its place and the time.

    Args:
        name: What the scope's fields of it begin with.
        limit: How many tokens it holds.
        fills_up: A token that is not whole is taken for what there is of it; False: it stays.

    Returns:
        One that takes a token. One that says how many would be out with one more, where that is beyond the limit; else 0.
    """
    debt, counted_in, since_ns = f"{name}_debt", f"{name}_window", f"{name}_ns"  # constants to the compiler

    @kernel
    def take(limits: np.ndarray, scope: np.void, place: I, now: I) -> None:
        tokens = limit_of(limits, place, limit)
        if tokens >= ZERO:
            window = window_of(limits, place)
            left = debt_now(I(scope[debt]), I(scope[counted_in]), I(scope[since_ns]), tokens, window, now)
            if fills_up or tokens_used(left, window) <= tokens:
                left = debt_after(left, tokens, window)
            scope[debt] = left
            scope[counted_in] = window
            scope[since_ns] = now

    @kernel
    def lacking(limits: np.ndarray, scope: np.void, place: I, now: I) -> I:
        tokens = limit_of(limits, place, limit)
        if tokens < ZERO:
            return ZERO
        window = window_of(limits, place)
        left = debt_now(I(scope[debt]), I(scope[counted_in]), I(scope[since_ns]), tokens, window, now)
        used = tokens_used(left, window)
        return used if used > tokens else ZERO

    return take, lacking


take_order, lacks_order = _bucket("order", I(Limit.ORDERS_PER_WINDOW), fills_up=True)
take_cancel, lacks_cancel = _bucket("cancel", I(Limit.CANCELS_PER_WINDOW), fills_up=True)
take_intent, lacks_intent = _bucket("intent", I(Limit.INTENTS_PER_WINDOW), fills_up=False)
